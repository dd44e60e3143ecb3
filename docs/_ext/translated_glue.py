"""Let ``{glue:text}`` find its values in paragraphs that are translated.

Sphinx parses a translation as a document of its own, in which MyST-NB does not look for what the
cells of the page have glued. The English paragraph has been read before, so that its role can keep
for the translation where the values are.
"""

from docutils import nodes
from myst_nb.ext.glue.roles import PasteTextRole
from sphinx.application import Sphinx


class TextRole(PasteTextRole):
    """``{glue:text}``, on a page and in the translation of one of its paragraphs."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        page = self.document.settings.env.current_document
        if "nb_renderer" in self.document:
            page["nb_renderer"] = self.document["nb_renderer"]
            return super().run()
        self.document["nb_renderer"] = page["nb_renderer"]
        try:
            return super().run()
        finally:
            del self.document["nb_renderer"]  # it cannot be kept with the page


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role_to_domain("glue", "text", TextRole(), override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
