"""Make Sphinx's EPUB valid, and the same bytes from the same book.

Folded code is shown, scripts and the site's styles stay out, the manifest names the cover and the
pages with MathML (katex_math writes nothing else here) or SVG, and the archive has no dates.
"""

import html
import re
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from docutils import nodes
from edition import say
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.builders.epub3 import HTML_TAG, Epub3Builder
from sphinx.transforms.post_transforms import SphinxPostTransform

ON_THE_COVER = (say("Gradient descent"), say("and backpropagation"), say("An executable book"))


class Unfold(SphinxPostTransform):
    """Show the cells that are folded on the screen; readers of EPUB fold nothing."""

    builders = ("epub",)
    default_priority = 300  # after MyST-NB

    def run(self, **kwargs: object) -> None:
        for cell in list(self.document.findall(HideCodeCellNode)):
            cell.replace_self(cell.children)


class Straighten(SphinxPostTransform):
    """Take apart the paragraphs with paragraphs in them, which Sphinx makes of a long field."""

    builders = ("epub",)
    default_priority = 300

    def run(self, **kwargs: object) -> None:
        for outer in list(self.document.findall(nodes.paragraph)):
            for place, inner in enumerate(outer.children):
                if isinstance(inner, nodes.paragraph):
                    lead = nodes.paragraph("", "", *outer[:place], *inner.children)
                    outer.replace_self([lead, *outer[place + 1 :]])
                    break


class BookEpub(Epub3Builder):
    """Sphinx's EPUB with a cover, the MathML declared, and the same bytes from the same book."""

    def init(self) -> None:
        # Not the site's styles, scripts and indices.
        self.config.html_static_path = ["_print/epub"]
        self.config.html_js_files = []
        self.config.html_domain_indices = False
        language = self.config.epub_language
        self.html_tag = HTML_TAG.replace(">", f' lang="{language}" xml:lang="{language}">')
        super().init()

    def add_css_file(self, filename: str, **attributes: Any) -> None:
        if not filename.startswith(("copybutton", "mystnb")):  # buttons, folds: not in a book
            super().add_css_file(filename, **attributes)

    def toc_metadata(self, level: int, navpoints: list[Any]) -> dict[str, Any]:
        identifier = html.escape(self.config.epub_identifier)  # as in content.opf
        return super().toc_metadata(level, navpoints) | {"uid": identifier}

    def build_content(self) -> None:
        cover = Path(self.outdir, self.config.epub_cover[0])
        drawing = Path(self.srcdir, "_print/cover.svg").read_text("utf-8").format(*ON_THE_COVER)
        draw = [self.config.rsvg_converter_bin, "-o", cover]
        subprocess.run(draw, check=True, input=drawing.encode())
        super().build_content()
        file = Path(self.outdir, "content.opf")
        items = re.compile(r'<item id="\S+" href="(\S+)" media-type="\S+"(?= />)')
        file.write_text(items.sub(self.declare, file.read_text("utf-8")), encoding="utf-8")

    def declare(self, item: re.Match[str]) -> str:
        """Say of the cover that it is one, and of a page what it has beside XHTML."""
        if item[1] == self.config.epub_cover[0]:
            return item[0] + ' properties="cover-image"'
        page = Path(self.outdir, item[1])
        text = page.read_text(encoding="utf-8") if page.suffix == ".xhtml" else ""
        properties = [name for name, tag in (("mathml", "<math"), ("svg", "<svg")) if tag in text]
        return item[0] + f' properties="{" ".join(properties)}"' * bool(properties)

    def build_epub(self) -> None:
        names = ["mimetype", "META-INF/container.xml", "content.opf", "toc.ncx", *self.files]
        with ZipFile(Path(self.outdir, f"{self.config.epub_basename}.epub"), "w") as epub:
            for name in names:
                entry = ZipInfo(name)  # dated 1980
                entry.compress_type = ZIP_STORED if name == "mimetype" else ZIP_DEFLATED
                epub.writestr(entry, Path(self.outdir, name).read_bytes())


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(Unfold)
    app.add_post_transform(Straighten)
    app.add_builder(BookEpub, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
