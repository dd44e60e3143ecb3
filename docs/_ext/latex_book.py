"""What Sphinx's LaTeX does not do by itself: the numbers of the site, and a few things in place."""

import html
import re

from docutils import nodes
from katex_math import typeset
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.latex.nodes import thebibliography
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.latex import LaTeXTranslator

LONG_TABLE = 15  # rows that a page may have no room for
NARROWEST, WIDEST = 10, 60  # columns of such a table, in letters: a longer text is broken
FIGURE_SCALE = 82  # in percent: letters of 12 pt, good on a screen, come near to the page's 11


class BibliographyInItsPlace(SphinxPostTransform):
    """Move the bibliography, which Sphinx puts at the end of all, to the page of that name."""

    builders = ("latex",)
    default_priority = 760  # after Sphinx's 750

    def run(self, **kwargs: object) -> None:
        for citations in list(self.document.findall(thebibliography)):
            for file in self.document.findall(addnodes.start_of_file):
                if file["docname"] == "bibliography":
                    citations.parent.remove(citations)
                    file.children = []  # the heading: LaTeX makes one
                    file += citations


class PrintTranslator(LaTeXTranslator):
    """Sphinx's LaTeX, with the numbers that chapter_numbers has given."""

    def say_number(self, kind: str, counter: str, node: nodes.Element) -> None:
        """Tell LaTeX the number of what follows."""
        kinds = self.builder.env.toc_fignumbers.get(self.curfilestack[-1], {})
        numbers = kinds.get(kind, {})
        for label in set(node["ids"]) & set(numbers):
            number = ".".join(map(str, numbers[label]))
            self.body.append(f"\n\\gdef\\the{counter}{{{number}}}%\n")

    def hyperlink(self, id: str) -> str:
        """Begin a link, whose own brace would take the space that xeCJK makes before Latin."""
        return rf"\gdbplink{super().hyperlink(id)}"

    def visit_math(self, node: nodes.math) -> None:
        if self.in_title:  # the PDF's outline has text only
            tex = node.astext()
            outline = self.encode(as_text(tex))
            self.body.append(rf"\texorpdfstring{{\protect\({tex}\protect\)}}{{{outline}}}")
            raise nodes.SkipNode
        super().visit_math(node)

    def visit_math_block(self, node: nodes.math_block) -> None:
        self.say_number("displaymath", "equation", node)
        super().visit_math_block(node)

    def visit_image(self, node: nodes.image) -> None:
        if "scale" not in node:
            node["scale"] = FIGURE_SCALE
        super().visit_image(node)

    def visit_table(self, node: nodes.table) -> None:
        if sum(1 for _ in node.findall(nodes.row)) > LONG_TABLE:
            let_break(node)
        super().visit_table(node)

    def visit_figure(self, node: nodes.figure) -> None:
        self.say_number("figure", "figure", node)
        if may_break(node):
            self.in_minipage += 1  # so that the caption is one outside of a float
        else:
            super().visit_figure(node)

    def depart_figure(self, node: nodes.figure) -> None:
        if may_break(node):
            self.in_minipage -= 1
        else:
            super().depart_figure(node)


def let_break(table: nodes.table) -> None:
    """Make a table that may go on on the next page; LaTeX then needs widths of the columns."""
    table["classes"] += ["longtable", "colwidths-given"]
    columns = zip(*(row.children for row in table.findall(nodes.row)), strict=True)
    for spec, cells in zip(table.findall(nodes.colspec), columns, strict=True):
        # a command of TeX, such as \alpha, counts as one letter
        longest = max(len(re.sub(r"\\[A-Za-z]+", "x", cell.astext())) for cell in cells)
        spec["colwidth"] = min(max(longest, NARROWEST), WIDEST)


def may_break(figure: nodes.figure) -> bool:
    """Tell whether a figure can be longer than a page: a list of steps."""
    return any(figure.findall(nodes.enumerated_list))


def as_text(tex: str) -> str:
    """Return a short formula as text: κ = 100."""
    answer = typeset(tex, display=False, output="mathml")
    mathml = re.sub(r"<annotation.*?</annotation>", "", answer.get("html", ""))
    return html.unescape(re.sub(r"<.*?>", "", mathml.replace("<msqrt>", "√")))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(BibliographyInItsPlace)
    app.set_translator("latex", PrintTranslator)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
