"""Give every image its size, so that nothing moves when it arrives, and load it when it is near.

The size is in CSS pixels: an SVG tells its own, and a raster image is taken to have two pixels for
each of them. The style sheet may make an image narrower; the browser keeps the ratio of the two.
An image in a page's first words may be in the first view and is loaded at once, one in a section
when the reader comes near it: it does not hold up the words.
"""

from pathlib import Path

import imagesize
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

SHARPNESS = 2  # pixels of a raster image for each CSS pixel


def css_size(file: Path) -> tuple[int, int]:
    """Return width and height of an image file in CSS pixels."""
    try:
        width, height = imagesize.get(file)
    except (OSError, ValueError):
        width = height = -1
    if width <= 0 or height <= 0:
        raise ValueError(f"no width and height can be read from the image {file}")
    scale = 1 if file.suffix == ".svg" else SHARPNESS
    return round(width / scale), round(height / scale)


def visit_image(self: HTML5Translator, node: nodes.image) -> None:
    """Write the image with the attributes that docutils leaves to the author."""
    if not {"width", "height", "scale"} & set(node.attributes) and "://" not in node["uri"]:
        try:
            width, height = css_size(Path(self.builder.srcdir, node["uri"]))
        except ValueError as error:
            logger.warning("%s", error, location=node)
        else:
            node["width"], node["height"] = str(width), str(height)
    online = self.builder.name != "epub"
    if online and self.section_level > 1:
        node["loading"] = "lazy"
    HTML5Translator.visit_image(self, node)
    if online:
        self.body[-1] = self.body[-1].replace("<img ", '<img decoding="async" ', 1)


def setup(app: Sphinx) -> dict[str, bool]:
    visitors = (visit_image, HTML5Translator.depart_image)
    app.add_node(nodes.image, override=True, html=visitors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
