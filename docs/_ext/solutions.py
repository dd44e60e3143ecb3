"""``{solution}``: fold what follows it, up to the end of its section, until the reader asks.

MyST-NB runs only code cells that stand at the top level of a page, so that a directive cannot hold
them. This one marks the place where a solution begins; the rest of the section, text and
executed cells alike, moves into a ``<details>`` element, which browsers open by mouse and keyboard
and which needs no script.
"""

from docutils import nodes
from edition import say
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator
from sphinx.writers.latex import LaTeXTranslator


class Solution(nodes.General, nodes.Element):
    """What is folded."""


class SolutionDirective(SphinxDirective):
    """Mark the beginning of a solution."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        solution = Solution()
        self.set_source_info(solution)
        return [solution]


class FoldSolutions(SphinxTransform):
    """Move into each solution what follows it in its section."""

    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        for solution in list(self.document.findall(Solution)):
            parent = solution.parent
            start = parent.index(solution) + 1
            following = parent[start:]
            del parent[start:]
            solution += following


def visit_html(self: HTML5Translator, node: Solution) -> None:
    if self.builder.name == "epub":  # few readers of books fold
        self.body.append(f'<div class="solution"><p><strong>{say("Solution")}</strong></p>\n')
    else:
        self.body.append(f'<details class="solution"><summary>{say("Solution")}</summary>\n')


def depart_html(self: HTML5Translator, node: Solution) -> None:
    self.body.append("</div>\n" if self.builder.name == "epub" else "</details>\n")


def visit_latex(self: LaTeXTranslator, node: Solution) -> None:
    """In print nothing folds: the solution follows its exercise."""
    self.body.append("\n\\begin{gdbpsolution}\n")


def depart_latex(self: LaTeXTranslator, node: Solution) -> None:
    self.body.append("\n\\end{gdbpsolution}\n")


def visit_other(self: nodes.NodeVisitor, node: Solution) -> None:
    """Nothing is folded, and nothing is written."""


def setup(app: Sphinx) -> dict[str, bool]:
    other = (visit_other, visit_other)
    html, latex = (visit_html, depart_html), (visit_latex, depart_latex)
    app.add_node(Solution, html=html, latex=latex, text=other, gettext=other)
    app.add_directive("solution", SolutionDirective)
    app.add_transform(FoldSolutions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
