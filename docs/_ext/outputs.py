"""Show what cells show as HTML in the language of the edition.

The cells run once for all editions, in English. What they show is translated when a page is read:
a sentence with numbers is a message with places for them (``_browser/translations.py``), in the
catalogue ``outputs.po``. What cells print stays as it is.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from docutils import nodes
from edition import catalogue, depend_on
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from translations import Translator, messages_of_html

KINDS = ("text/html", "application/papermill.record/text/html")  # shown, and kept by glue


class Translate(SphinxTransform):
    """Translate the HTML that the cells of a page show."""

    default_priority = 20  # of a page in all languages: after it is parsed, before it is kept

    def apply(self, **kwargs: object) -> None:
        translator = Translator(catalogue("outputs"))
        for raw in list(self.document.findall(nodes.raw)):
            if "text_html" in raw["classes"]:
                text = translator.html(raw.astext())
                raw.children = [nodes.Text(text)]
                raw.rawsource = text
                depend_on("outputs", self.env)


def messages(results: Iterable[Path]) -> Iterator[str]:
    """Yield the messages in kept results of pages."""
    for file in sorted(results):
        for cell in nbformat.read(file, as_version=4).cells:
            for output in cell.outputs:
                for kind in KINDS:
                    yield from messages_of_html(output.get("data", {}).get(kind, ""))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(Translate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
