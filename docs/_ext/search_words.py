r"""Let the search find symbols and Chinese, with Sphinx's own index.

- A Greek letter in a formula is written as a command of TeX. `\eta` is indexed as η too, and
  `\nabla` as ∇.
- Chinese is written without spaces. Its characters are indexed one by one and in pairs, and a query
  is cut into pairs, as full-text engines do that know no dictionary.
- Both editions are indexed so: the Chinese one has English names in code and in the glossary.
- A page that contains a word says little about where it is explained. So the symbols of the page of
  notation, and the names of the other language in the glossary (`[梯度]{.language-zh}`), are
  entries of the index, which the search shows first, with their place in the page.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from docutils import nodes
from edition import say
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.search.en import SearchEnglish
from sphinx.transforms import SphinxTransform

NOTATION = "notation"
OTHER_NAME = {"language-zh", "language-en"}  # of a term; docutils makes lang="zh" of it
GREEK = [chr(code) for code in range(ord("α"), ord("ω") + 1)]
SYMBOLS = {unicodedata.name(letter).split()[-1].lower(): letter for letter in GREEK}
SYMBOLS |= {"lambda": "λ", "nabla": "∇", "partial": "∂"}  # Unicode says lamda
SYMBOLS |= {f"var{name}": SYMBOLS[name] for name in ("epsilon", "theta", "phi", "rho", "sigma")}

COMMAND = re.compile(r"\\([a-z]+)")
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# The same cuts in the index and in a query.
WORD = re.compile(rf"[∇∂]|[{HAN}]+|(?:(?![{HAN}])\w)+")
SPLIT_QUERY = f"""
var splitQuery = (query) =>
  (
    query.match(/[∇∂]|[{HAN}]+|(?:(?![{HAN}])[\\p{{Letter}}\\p{{Number}}_])+/gu) || []
  ).flatMap((word) =>
    /^[{HAN}]{{3,}}$/.test(word) ? [...word].slice(1).map((second, k) => word[k] + second) : [word]
  );
"""


def symbols(text: str) -> list[str]:
    """Return the symbols that the TeX commands in a text stand for."""
    return [SYMBOLS[name] for name in COMMAND.findall(text) if name in SYMBOLS]


class SearchWords(SearchEnglish):
    """English, symbols and Chinese."""

    js_splitter_code = SPLIT_QUERY

    def split(self, input: str) -> list[str]:
        return [part for word in WORD.findall(input) for part in self._parts(word)] + symbols(input)

    @staticmethod
    def _parts(word: str) -> Iterator[str]:
        if re.match(f"[{HAN}]", word):
            yield from word
            yield from map("".join, pairwise(word))
        else:
            yield word


class IndexEntries(SphinxTransform):
    """Enter the symbols of the notation and the other language's names of terms into the index."""

    default_priority = 700

    def apply(self, **kwargs: object) -> None:
        for name in self.document.findall(nodes.inline):
            item = name.parent.parent.parent
            if OTHER_NAME & set(name["classes"]) and isinstance(item, nodes.definition_list_item):
                for index in item.findall(addnodes.index):
                    (_, _, target, main, _), *_ = index["entries"]
                    index["entries"].append(("single", name.astext(), target, main, say("中文")))
        if self.env.current_document.docname == NOTATION:
            self._enter_symbols()

    def _enter_symbols(self) -> None:
        """Point each symbol to the first row of a table that has it in its first cell."""
        met: set[str] = set()
        for row in self.document.findall(nodes.row):
            for symbol in symbols(" ".join(math.astext() for math in row[0].findall(nodes.math))):
                if symbol not in met:
                    target = f"symbol-{nodes.make_id(unicodedata.name(symbol))}"
                    entry = ("single", symbol, target, "main", say("Symbols"))
                    cell = row[0][0]
                    cell["ids"].append(target)
                    cell.insert(0, addnodes.index(entries=[entry]))
                    met.add(symbol)


def set_up_search(app: Sphinx, config: Config) -> None:
    """Have our words in each edition: for Chinese, Sphinx has others."""
    config.html_search_language = SearchWords.lang
    config.html_search_scorer = str(Path(__file__).with_suffix(".js"))


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("config-inited", set_up_search)
    app.add_search_language(SearchWords)
    app.add_transform(IndexEntries)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
