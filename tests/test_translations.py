"""The Chinese catalogues: each message says what its source says, in the house style of Chinese.

A failure names the page, and each message with what is wrong. That no message of the book is
missing takes a build to know: `make messages-check`.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

DOCS = Path(__file__).parents[1] / "docs"
CATALOGUES = DOCS / "locale" / "zh_CN" / "LC_MESSAGES"
NAMES = sorted(
    str(file.relative_to(CATALOGUES).with_suffix("")) for file in CATALOGUES.rglob("*.po")
)

# As docs/conf.py has them, of those that matter inside of a paragraph.
MARKDOWN = create_md_parser(
    MdParserConfig(enable_extensions={"attrs_inline", "dollarmath"}), RendererHTML
)

HAN = "\u3400-\u9fff"
MARKS = "，。；：？！、（）《》“”‘’—…"  # Chinese punctuation
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
PLACEHOLDER = re.compile(r"\{\w*\}|%\(\w+\)s|%s")
# What is formatted in, a formula, code, a name: for the spaces around it, a Latin word.
WORD = "x"
# How a role shows itself that has no text of its own: 图 5.1, and the title of an exercise.
SHOWN_BY_ITSELF = {"numref": f"图 {WORD}", "ref": "练习"}
OTHER = ("language-zh", "language-en")
# Where emphasis begins or ends. Markdown wants a space there if it touches punctuation.
EDGE = "\u2063"

# A term is shown as the glossary calls it, or so where a sentence wants it otherwise.
VARIANTS = {
    "activation": ["激活值"],  # the result of the function
    "epoch": ["轮", "一轮"],  # counted
    "finite difference": ["差分"],  # after 前向 and the like
    "gradient clipping": ["裁剪"],
    "softmax": ["softmax"],  # its Chinese name is for the glossary
    "step": ["步", "一步"],  # counted
    "vanishing gradient": ["消失"],  # as in 梯度消失, its first half outside
}


@dataclass
class Markdown:
    """What of a message has to be the same in both languages, and what is read of it."""

    source: str
    fixed: Counter[tuple[str, str]] = field(default_factory=Counter)
    shown: str = ""
    terms: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        text = re.sub(r"^(\d+)\. ", r"\1\\. ", self.source)  # a heading, not a list
        for block in MARKDOWN.parse(text):
            for token in block.children or [block]:
                self._take(token)
        # without punctuation at it, the edge of emphasis makes no difference to the spaces
        self.shown = re.sub(f"(?<![{MARKS}]){EDGE}(?![{MARKS}])", "", self.shown)

    def _take(self, token: Token) -> None:
        match token.type:
            case "text" | "text_special":
                self.shown += token.content
            case "softbreak":
                self.shown += "\n"
            case "em_open" | "em_close" | "strong_open" | "strong_close":
                self.fixed[token.type, ""] += 1
                self.shown += EDGE
            case "span_open":
                self.fixed["attributes", str(token.attrs)] += 1
            case "link_open":
                self.fixed["link", str(token.attrs["href"])] += 1
            case "myst_role":
                self._take_role(token.meta["name"], token.content)
            case "html_inline":
                self.fixed["tag", token.content] += 1
            case "code_inline" | "math_inline" | "code_block":
                self.fixed[token.type, token.content] += 1
                self.shown += WORD

    def _take_role(self, role: str, content: str) -> None:
        text, target = re.fullmatch(r"(?s)(?:(.*?)\s*<)?(.*?)>?", content).groups()
        self.fixed[role, target.lower() if role == "term" else target] += 1
        if role == "term":
            self.terms.append((target.lower(), text or target))
        self.shown += text or SHOWN_BY_ITSELF.get(role, WORD)


@dataclass
class Pair:
    """A message and its translation."""

    message: Message

    @cached_property
    def english(self) -> Markdown:
        return Markdown(self.message.id)

    @cached_property
    def chinese(self) -> Markdown:
        return Markdown(self.message.string)

    @property
    def is_formula(self) -> bool:
        """Whether it is a displayed formula: all of it is TeX."""
        return bool(re.search(r"\\[a-zA-Z]+", self.english.shown))


@cache
def pairs(name: str) -> list[Pair]:
    """Return the messages of a catalogue."""
    with (CATALOGUES / f"{name}.po").open("rb") as file:
        return [Pair(message) for message in read_po(file) if message.id]


def prose(name: str) -> Iterator[Pair]:
    """Yield what is not a formula."""
    return (pair for pair in pairs(name) if not pair.is_formula)


def formulas(name: str) -> Iterator[Pair]:
    return (pair for pair in pairs(name) if pair.is_formula)


def numbers(text: str) -> Counter[str]:
    return Counter(NUMBER.findall(text))


def complaints(texts: Iterator[str], *patterns: str) -> list[str]:
    """Return the places where a text has what it may not have."""
    found = re.compile("|".join(patterns))
    return [
        text[max(hit.start() - 12, 0) : hit.end() + 12]
        for text in texts
        for hit in found.finditer(text)
    ]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_message_is_translated(name: str) -> None:
    assert [p.message.id for p in pairs(name) if p.message.fuzzy or not p.message.string] == []


def test_prose_is_chinese(name: str) -> None:
    """A name may stay, but two words of English were forgotten."""
    left = [
        p.message.id
        for p in prose(name)
        if re.search(r"[a-z]{2,} [a-z]{2,}", p.english.shown)
        and not re.search(f"[{HAN}]", p.chinese.shown)
    ]
    assert left == []


def test_references_formulas_and_code_are_the_same(name: str) -> None:
    """Of a term, the glossary gives the name in the other language."""
    wrong = [
        (p.message.string, wanted - found, found - wanted)
        for p in prose(name)
        for found in [p.chinese.fixed]
        for wanted in [
            Counter({(k, s.replace(*OTHER)): n for (k, s), n in p.english.fixed.items()})
        ]
        if wanted != found
    ]
    assert wrong == []


def test_displayed_formulas_are_the_same_but_for_the_words_in_them(name: str) -> None:
    def signs(formula: str) -> Counter[str]:
        return Counter(re.findall(r"\\[a-zA-Z]+|\S", re.sub(r"\\text\{[^{}]*\}", "", formula)))

    wrong = [
        p.message.string for p in formulas(name) if signs(p.message.id) != signs(p.message.string)
    ]
    assert wrong == []


def test_numbers_are_the_same(name: str) -> None:
    wrong = [
        (p.message.string, there - here, here - there)
        for p in prose(name)
        for there, here in [(numbers(p.english.shown), numbers(p.chinese.shown))]
        if there != here
    ]
    assert wrong == []


def test_what_is_filled_in_is_the_same(name: str) -> None:
    wrong = [
        p.message.string
        for p in prose(name)
        if Counter(PLACEHOLDER.findall(p.english.shown))
        != Counter(PLACEHOLDER.findall(p.chinese.shown))
    ]
    assert wrong == []


def test_punctuation_is_chinese(name: str) -> None:
    assert (
        complaints(
            (p.chinese.shown for p in prose(name)),
            f"[{HAN}{MARKS}][,;:?!()]",
            f"[,;:?!()][{HAN}]",
            rf"[{HAN}{MARKS}]\.(?!\d)",
            "[\"']",
        )
        == []
    )


def test_a_space_stands_between_han_and_latin_and_nowhere_else(name: str) -> None:
    texts = (PLACEHOLDER.sub(WORD, p.chinese.shown) for p in prose(name))
    space = " " if name == "figures" else r"\s"  # a text in a figure may have several lines
    assert (
        complaints(
            texts,
            f"[{HAN}][A-Za-z0-9α-ωΑ-Ω]",
            f"[A-Za-z0-9α-ωΑ-Ω%][{HAN}]",
            f"[{HAN}]{space}+[{HAN}]",
            f"[{MARKS}]{space}",
            f"{space}[{MARKS}]",
            " %",
            "  ",
        )
        == []
    )


def test_a_term_is_shown_as_the_glossary_calls_it(name: str) -> None:
    glossary = {p.message.id.lower(): p.message.string for p in pairs("glossary")}
    wrong = [
        (term, shown)
        for p in prose(name)
        for term, shown in p.chinese.terms
        if not shown.startswith(glossary[term]) and shown not in VARIANTS.get(term, [])
    ]
    assert wrong == []


def test_babel_finds_every_word_that_our_code_says() -> None:
    """It does not look into f-strings before Python 3.12, nor into templates of scripts."""
    said = {
        node.args[0].value
        for file in [DOCS / "conf.py", *DOCS.glob("_ext/*.py")]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "say"
        and isinstance(node.args[0], ast.Constant)
    }
    scripts = [file.read_text(encoding="utf-8") for file in DOCS.glob("_static/*.js")]
    said |= set(re.findall(r'\bsay\("([^"]*)"', "\n".join(scripts)))
    assert said
    assert said - {pair.message.id for pair in pairs("book")} == set()
