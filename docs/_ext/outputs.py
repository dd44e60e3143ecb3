"""Show what cells show as HTML, and the words in figures, in the language of the edition.

The cells run once for all editions, in English. What they show is translated when a page is read:
a sentence with numbers is a message with places for them (``_browser/translations.py``), in the
catalogue ``outputs.po``, or ``figures.po`` for a text in a figure (``_browser/figure_words.py``).
What cells print stays as it is.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import nbformat
from docutils import nodes
from edition import catalogue, depend_on
from figure_words import messages_of_figure, translated_figure
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from translations import Translator, messages_of_html

GLUED = "application/papermill.record/"  # what glue keeps
FIGURE = re.compile(r"/.*/[0-9a-f]{64}\.svg")  # as MyST-NB names its file


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


class TranslateFigures(SphinxTransform):
    """Show the figures that the cells of a page have drawn with their words translated."""

    default_priority = Translate.default_priority

    def apply(self, **kwargs: object) -> None:
        translator = Translator(catalogue("figures"))
        if not translator.whole:
            return
        for image in self.document.findall(nodes.image):
            if FIGURE.fullmatch(image["uri"]):
                image["uri"] = self.translated(image["uri"], translator)
                depend_on("figures", self.env)

    def translated(self, uri: str, translator: Translator) -> str:
        """Write a figure beside the English one; return where it is."""
        drawn = Path(self.env.srcdir, uri[1:])
        svg = translated_figure(drawn.read_text(encoding="utf-8"), translator)
        name = f"{sha256(svg.encode()).hexdigest()}.svg"
        if not drawn.with_name(name).exists():
            drawn.with_name(name).write_text(svg, encoding="utf-8")
        return uri.replace(drawn.name, name)


def messages(results: Iterable[Path]) -> Iterator[str]:
    """Yield the messages of the HTML in kept results of pages."""
    for text in _shown("text/html", results):
        yield from messages_of_html(text)


def messages_of_figures(results: Iterable[Path]) -> Iterator[str]:
    """Yield the messages of the figures in kept results of pages."""
    for svg in _shown("image/svg+xml", results):
        yield from messages_of_figure(svg)


def _shown(kind: str, results: Iterable[Path]) -> Iterator[str]:
    """Yield what cells show of one kind, and what they glue."""
    for file in sorted(results):
        for cell in nbformat.read(file, as_version=4).cells:
            for output in cell.outputs:
                data = output.get("data", {})
                yield from (data[name] for name in (kind, GLUED + kind) if name in data)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(Translate)
    app.add_transform(TranslateFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
