"""Mend the markup of others where it keeps a reader with a screen reader from something.

What is wrong is found by axe-core (tests/test_site_quality.py). What the theme writes is mended
in _templates/page.html.
"""

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput, visit_HideCellInput
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def visit_entry(self: HTML5Translator, node: nodes.entry) -> None:
    """Write the empty corner of a table as a cell: a heading without words heads nothing."""
    HTML5Translator.visit_entry(self, node)
    if self.body[-1].startswith("<th") and not node.astext():
        self.body[-1] = self.body[-1].replace("<th", "<td", 1)
        self.context[-1] = self.context[-1].replace("</th>", "</td>")


def visit_citation(self: HTML5Translator, node: nodes.citation) -> None:
    """Write an item of the bibliography with the role that its list, and an EPUB, can hold."""
    HTML5Translator.visit_citation(self, node)
    self.body[-1] = self.body[-1].replace('role="doc-biblioentry"', 'role="listitem"')


def visit_hidden_cell(self: HTML5Translator, node: HideCodeCellNode) -> None:
    """Write the switch of a folded cell without a label, which would hide its words."""
    start = len(self.body)
    visit_HideCellInput(self, node)
    self.body[start:] = [
        text.replace(' aria-label="Toggle hidden content"', "") for text in self.body[start:]
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    for node, visit, depart in [
        (nodes.entry, visit_entry, HTML5Translator.depart_entry),
        (nodes.citation, visit_citation, HTML5Translator.depart_citation),
        (HideCodeCellNode, visit_hidden_cell, depart_HideCellInput),
    ]:
        app.add_node(node, override=True, html=(visit, depart))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
