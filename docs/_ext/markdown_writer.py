r"""Write a page that Sphinx has resolved as plain Markdown, for readers that know no MyST.

What goes in is the doctree from which the HTML page is made, so that numbers, links and the
titles that stand in for them are those of the page. What comes out is CommonMark with tables,
``$…$`` and ``$$…$$``: what Jupyter and Colab show. Links are absolute, into the book.

Cells are left to the caller: ``page_parts`` gives their places. A node that has no Markdown here is
a warning with its place in the page, and so ends a build with ``-W``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from docutils import nodes
from edition import say
from explorer import Explorer, in_words
from solutions import Solution
from sphinx import addnodes
from sphinx.util import logging

logger = logging.getLogger(__name__)

DRAWN = "jupyter_execute/"  # where MyST-NB leaves the pictures that cells have drawn
ALIGNED = {"text-right": "---:", "text-center": ":---:", "text-left": ":---"}
LANGUAGES = {"default": "python", "ipython3": "python", "pycon": "python", "none": ""}
TRANSPARENT = (nodes.inline, nodes.generated)  # their text is all they have to say
GROUPS = (nodes.container, nodes.compound, nodes.figure, nodes.legend)
INVISIBLE = (
    nodes.Invisible,  # such as the box for an answer, which the site alone has
    nodes.target,
    nodes.comment,
    nodes.substitution_definition,
    nodes.colspec,
    addnodes.index,
    addnodes.highlightlang,
)
# \begin{name} … \end{name} with none of its kind within
ENVIRONMENT = re.compile(r"\\begin\{([a-z]+\*?)\}(?:(?!\\begin\{).)*?\\end\{\1\}", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A stretch of text, or the place of a cell, in the order of the page."""

    line: int  # of the page, on which it begins; 0 if it is not known
    text: str = ""
    cell: int | None = None
    heading: bool = False


@dataclass(frozen=True)
class MarkdownWriter:
    """Writes the text of one page."""

    url: str  # of the page
    images: str  # the URL of the folder of the book's pictures
    numbers: dict[str, dict[str, tuple[int, ...]]]  # of its figures and formulas, by kind and label

    # --- the page as a whole ----------------------------------------------------------------------

    def page_parts(self, node: nodes.Element, level: int = 0) -> Iterator[Part]:
        """Yield the texts and the cells of a page, or of a part of it, in their order."""
        for child in node.children:
            if isinstance(child, nodes.section):
                yield from self.page_parts(child, level + 1)
            elif isinstance(child, nodes.title):
                yield Part(line_of(child), self.heading(level, self.line(child)), heading=True)
            elif isinstance(child, Solution):
                title = self.heading(level + 1, say("Solution"))
                yield Part(line_of(child), title, heading=True)
                yield from self.page_parts(child, level + 1)
            elif child.get("nb_element") == "cell_code":
                yield Part(line_of(child), cell=child["cell_index"])
                for caption in child.findall(nodes.caption):
                    yield Part(line_of(child), self.caption(caption))
            elif text := self.block(child):
                yield Part(line_of(child), text)

    def heading(self, level: int, text: str) -> str:
        return f"{'#' * min(level, 6)} {text}"

    # --- what stands on lines of its own ----------------------------------------------------------

    def blocks(self, node: nodes.Element, glue: str = "\n\n") -> str:
        return glue.join(filter(None, (self.block(child) for child in node.children)))

    def block(self, node: nodes.Node) -> str:
        if isinstance(node, INVISIBLE):
            return ""
        if isinstance(node, nodes.caption):  # before the paragraph: it is written as one
            return self.caption(node)
        if isinstance(node.parent, nodes.figure) and is_drawn(node):
            return ""  # the cell in the notebook draws it again
        if isinstance(node, GROUPS):
            return self.blocks(node)
        method = getattr(self, f"block_{type(node).__name__}", None)
        if method:
            return method(node)
        if isinstance(node, nodes.Admonition):
            return self.admonition(node)
        return self.unknown(node) if isinstance(node, nodes.Element) else ""

    def block_paragraph(self, node: nodes.paragraph) -> str:
        return protect_line_starts(self.text(node).strip())

    def block_transition(self, node: nodes.transition) -> str:
        return "---"

    def block_rubric(self, node: nodes.rubric) -> str:
        return f"**{self.line(node)}**"

    def block_image(self, node: nodes.image) -> str:
        return self.text_image(node)

    def block_block_quote(self, node: nodes.block_quote) -> str:
        return prefixed(self.blocks(node), "> ")

    def admonition(self, node: nodes.Element) -> str:
        title = node.next_node(nodes.title)
        name = self.line(title) if title else type(node).__name__.capitalize()
        text = "\n\n".join(self.block(child) for child in node if child is not title)
        return prefixed(f"**{name}**\n\n{text}", "> ")

    def block_literal_block(self, node: nodes.literal_block) -> str:
        language = LANGUAGES.get(node.get("language", ""), node.get("language", ""))
        return fenced(node.astext(), language)

    def block_math_block(self, node: nodes.math_block) -> str:
        number = f"\n\\tag{{{self.number('displaymath', node)}}}" if node.get("number") else ""
        return f"$$\n{display_tex(node)}{number}\n$$"

    def caption(self, node: nodes.caption) -> str:
        """Return the caption of a figure with its number, or that of a block of code."""
        if isinstance(node.parent, nodes.figure):
            number = self.number("figure", node.parent)
            figure = say("**Figure %s.**") % number
            return f"{figure} {self.line(node)}"
        return f"*{self.line(node)}*"

    def number(self, kind: str, node: nodes.Element) -> str:
        return ".".join(map(str, self.numbers[kind][node["ids"][0]]))

    def block_Explorer(self, node: Explorer) -> str:
        return f"{self.blocks(node)}\n\n{escaped(in_words(node))}"

    def block_bullet_list(self, node: nodes.bullet_list) -> str:
        return self.list_items(node, ["- "] * len(node))

    def block_enumerated_list(self, node: nodes.enumerated_list) -> str:
        start = node.get("start", 1)
        return self.list_items(node, [f"{start + k}. " for k in range(len(node))])

    def list_items(self, node: nodes.Element, markers: list[str]) -> str:
        items = [
            marker + prefixed(self.blocks(item), " " * len(marker))[len(marker) :]
            for marker, item in zip(markers, node, strict=True)
        ]
        compact = all(len(item) <= 1 for item in node)
        return ("\n" if compact else "\n\n").join(items)

    def block_definition_list(self, node: nodes.definition_list) -> str:
        return self.blocks(node)

    def block_definition_list_item(self, node: nodes.definition_list_item) -> str:
        terms = ", ".join(self.line(term) for term in node.findall(nodes.term))
        return f"**{terms}**\n\n{self.blocks(node.next_node(nodes.definition))}"

    def block_table(self, node: nodes.table) -> str:
        rows = [list(row) for row in node.findall(nodes.row)]
        marks = {"text-right": "---:", "text-center": ":---:"}
        rule = [
            next((marks[c] for c in entry["classes"] if c in marks), "---") for entry in rows[0]
        ]
        lines = [[self.entry(entry) for entry in row] for row in rows]
        table = [f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]]]
        titles = [f"**{self.line(title)}**\n" for title in node.findall(nodes.title)]
        return "\n".join(titles + table)

    def entry(self, node: nodes.entry) -> str:
        """Return what stands in a cell of a table, on one line; a bar would end the cell."""
        text = "<br>".join(self.line(child) for child in node.children)
        parts = re.split(r"(\$[^$]+\$)", text)
        parts[::2] = [re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts[::2]]
        parts[1::2] = [re.sub(r"\\?\|", bar_in_tex, part) for part in parts[1::2]]
        return "".join(parts)

    # --- what stands in a line --------------------------------------------------------------------

    def line(self, node: nodes.Element) -> str:
        return " ".join(self.text(node).split())

    def text(self, node: nodes.Element) -> str:
        return "".join(self.in_line(child) for child in node.children)

    def in_line(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            return escaped(node.astext())
        if isinstance(node, INVISIBLE):
            return ""
        method = getattr(self, f"text_{type(node).__name__}", None)
        if method:
            return method(node)
        return self.text(node) if isinstance(node, TRANSPARENT) else self.unknown(node)

    def text_emphasis(self, node: nodes.emphasis) -> str:
        return f"*{self.text(node)}*"

    def text_strong(self, node: nodes.strong) -> str:
        return f"**{self.text(node)}**"

    def text_literal(self, node: nodes.literal) -> str:
        text = " ".join(node.astext().split())
        ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
        space = " " if text.startswith("`") or text.endswith("`") else ""
        return f"{ticks}{space}{text}{space}{ticks}"

    def text_math(self, node: nodes.math) -> str:
        return f"${' '.join(node.astext().split())}$"

    def text_math_block(self, node: nodes.math_block) -> str:
        return f"\n{self.block_math_block(node)}\n"

    def text_reference(self, node: nodes.reference) -> str:
        if "refuri" not in node and "refid" not in node:
            return self.text(node)
        url = urljoin(self.url, node.get("refuri") or f"#{node['refid']}")
        return f"[{self.text(node)}]({url})"

    text_number_reference = text_reference

    def text_image(self, node: nodes.image) -> str:
        url = urljoin(self.images, node["uri"].rpartition("/")[2])
        return f"![{escaped(node.get('alt', ''))}]({url})"

    def unknown(self, node: nodes.Node) -> str:
        logger.warning(
            "a notebook cannot show %r: markdown_writer.py knows no Markdown for it",
            type(node).__name__,
            location=node,
        )
        return node.astext()


def line_of(node: nodes.Element) -> int:
    """Return the line on which a node, or the first of its parts that knows it, begins."""
    return next((part.line for part in node.findall() if getattr(part, "line", None)), 0)


def is_drawn(node: nodes.Node) -> bool:
    """Tell whether a picture comes out of a cell."""
    sources = node.get("candidates", {}).values() if isinstance(node, nodes.image) else []
    return isinstance(node, nodes.raw) or any(DRAWN in source for source in sources)


def escaped(text: str) -> str:
    """Return text in which no character is taken for Markdown."""
    text = re.sub(r"[\\`*_<$~]|\](?=[\[(:])", r"\\\g<0>", text)
    return re.sub(r"&(?=#?\w+;)", r"\\&", text)


def protect_line_starts(text: str) -> str:
    """Keep a line that begins with ``1.``, ``-`` or ``#`` from being a list or a heading."""
    text = re.sub(r"^([#>]|[-+](?=\s)|=+$|-+$)", r"\\\1", text, flags=re.MULTILINE)
    return re.sub(r"^(\d+)([.)])(?=\s)", r"\1\\\2", text, flags=re.MULTILINE)


def prefixed(text: str, prefix: str) -> str:
    """Put a prefix before each line; a blank line gets no blanks."""
    return "\n".join(f"{prefix}{line}".rstrip() for line in text.split("\n"))


def fenced(code: str, language: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"


def display_tex(node: nodes.math_block) -> str:
    """Return a formula as it is typeset on the page: several lines are aligned at each &."""
    tex = node.astext().strip()
    outside, found = tex, 1
    while found:  # the lines of a matrix are not those of the formula
        outside, found = ENVIRONMENT.subn("", outside)
    return rf"\begin{{split}}{tex}\end{{split}}" if r"\\" in outside else tex


def bar_in_tex(match: re.Match[str]) -> str:
    return r"\Vert " if match[0] == r"\|" else r"\vert "
