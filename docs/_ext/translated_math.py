"""Translate the words in displayed formulas.

Sphinx hands the translation of a formula to the parser as reStructuredText would have it, behind
``::``, of which MyST makes a paragraph with two colons. So formulas are translated before Sphinx
comes to them.
"""

from docutils import nodes
from edition import catalogue
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.i18n import Locale


class TranslateFormulas(SphinxTransform):
    """Replace each displayed formula of a page that has a translation."""

    default_priority = Locale.default_priority - 1

    def apply(self, **kwargs: object) -> None:
        translations = catalogue(self.env.current_document.docname)
        for formula in self.document.findall(nodes.math_block):
            tex = formula.rawsource or formula.astext()
            if tex in translations:
                formula.replace(formula[0], nodes.Text(translations[tex]))
                formula["translatable"] = False  # any more


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(TranslateFormulas)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
