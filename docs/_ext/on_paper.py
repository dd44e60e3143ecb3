"""Give the pages a form without a screen, which the PDF (latex_book) and the EPUB (epub_book) need.

- Pages that ``on_paper_leaves_out`` names are left out; a link to one leads to the site.
- What a cell shows as HTML alone (a drawing, a list of steps) becomes lists and images: paper has
  no HTML, and an EPUB no scripts. The HTML has to be XML as well.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from hashlib import sha256
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import docname_join

ONLY_ON_SCREEN = {"button", "input", "output", "script", "style"}
INLINE = {
    "b": nodes.strong,
    "code": nodes.literal,
    "em": nodes.emphasis,
    "i": nodes.emphasis,
    "strong": nodes.strong,
}
LISTS = {"ol": nodes.enumerated_list, "ul": nodes.bullet_list}


class LeaveOut(SphinxPostTransform):
    """Leave out pages."""

    builders = ("latex", "epub")
    default_priority = 1  # before references are resolved

    def run(self, **kwargs: object) -> None:
        for file in list(self.document.findall(addnodes.start_of_file)):  # LaTeX: the whole book
            if self.is_left_out(file["docname"]):
                file.parent.remove(file)
        for toctree in self.document.findall(addnodes.toctree):
            entries = [entry for entry in toctree["entries"] if not self.is_left_out(entry[1])]
            toctree["entries"] = entries
            toctree["includefiles"] = [doc for _, doc in entries]
        for link in list(self.document.findall(addnodes.pending_xref)):
            page = docname_join(link.get("refdoc", ""), link["reftarget"])
            if link["reftype"] == "doc" and self.is_left_out(page):
                address = f"{self.config.html_baseurl}{page}.html"
                link.replace_self(nodes.reference("", "", *link.children, refuri=address))

    def is_left_out(self, docname: str) -> bool:
        return any(fnmatch(docname, pattern) for pattern in self.config.on_paper_leaves_out)


class ReadHtmlOutputs(SphinxPostTransform):
    """Put nodes that every builder can write in the place of each HTML output."""

    builders = ("latex", "epub")
    default_priority = 100  # after MyST-NB has chosen an output, before images are converted

    def run(self, **kwargs: object) -> None:
        for raw in list(self.document.findall(nodes.raw)):
            if "text_html" in raw["classes"]:
                content = read_html(raw.astext())
                raw.replace_self(content)
                for image in chain.from_iterable(n.findall(nodes.image) for n in content):
                    self.write(image)

    def write(self, image: nodes.image) -> None:
        """Write a drawing to a file of its own."""
        svg = image.attributes.pop("svg")
        path = Path(self.app.doctreedir, "drawings", f"{sha256(svg.encode()).hexdigest()}.svg")
        path.parent.mkdir(parents=True, exist_ok=True)
        # imagesize reads a part of the file, whose end must not be within a character
        path.write_text(svg, encoding="ascii", errors="xmlcharrefreplace")
        image["uri"] = str(path)
        image["candidates"] = {"image/svg+xml": str(path)}
        self.env.images.add_file(self.env.current_document.docname, str(path))


# --- from HTML to nodes --------------------------------------------------------------------------


def read_html(text: str) -> list[nodes.Node]:
    """Return the nodes of a fragment; an image has its drawing in the attribute ``svg``."""
    try:
        whole = ElementTree.fromstring(f"<div>{text}</div>")
    except ElementTree.ParseError as error:
        raise ExtensionError(
            f"HTML that a cell shows must be XML too, to be printed, but {error}: {text}"
        ) from error
    for part in whole.iter():
        part.tag = part.tag.rpartition("}")[2]  # without the name space
    return list(in_paragraphs(content_of(whole)))


def content_of(element: Element) -> list[nodes.Node]:
    """Return the text and the children of an element."""
    found: list[nodes.Node] = [nodes.Text(element.text)] if element.text else []
    for child in element:
        found += read_element(child)
        if child.tail:
            found.append(nodes.Text(child.tail))
    return found


def read_element(element: Element) -> list[nodes.Node]:
    """Return the nodes of one element."""
    tag = element.tag
    if tag in ONLY_ON_SCREEN or element.get("hidden") is not None:
        return []
    if tag == "svg":
        return [drawing(element)]
    content = content_of(element)
    if tag in INLINE:
        return [INLINE[tag]("", "", *content)]
    if tag in LISTS:
        return [LISTS[tag]("", *(n for n in content if isinstance(n, nodes.list_item)))]
    if tag == "li":
        return [nodes.list_item("", *in_paragraphs(content))]
    if tag in ("div", "p"):
        return list(in_paragraphs(content))
    raise ExtensionError(f"HTML that a cell shows has <{tag}>, which on_paper cannot print")


def in_paragraphs(content: Sequence[nodes.Node]) -> Iterator[nodes.Node]:
    """Put text, and what stands in a line with it, into paragraphs; a drawing has its own."""
    line: list[nodes.Node] = []
    for node in content:
        if isinstance(node, nodes.Text | nodes.Inline) and not isinstance(node, nodes.image):
            if line or node.astext().strip():
                line.append(node)
            continue
        if line:
            yield nodes.paragraph("", "", *line)
            line = []
        yield nodes.paragraph("", "", node) if isinstance(node, nodes.image) else node
    if line:
        yield nodes.paragraph("", "", *line)


def drawing(svg: Element) -> nodes.image:
    """Make an <svg> a document that stands for itself."""
    svg.set("xmlns", "http://www.w3.org/2000/svg")
    svg.tail = None
    alt = svg.findtext("title") or svg.get("aria-label", "")
    return nodes.image(alt=alt, scale=100, svg=ElementTree.tostring(svg, encoding="unicode"))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("on_paper_leaves_out", [], "", list)
    app.add_post_transform(LeaveOut)
    app.add_post_transform(ReadHtmlOutputs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
