"""``{book-map}``: which page needs which, as a drawing, and what one can do after each page.

All of it stands on the pages: the first point of "After this page you can", and the pages named in
the paragraph below it, which begins "You need". A page needs earlier pages only.
"""

from collections import defaultdict
from html import escape
from itertools import pairwise
from typing import NamedTuple

from docutils import nodes
from edition import say
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

PAGES = "chapters/"
WIDTH, ROW, RADIUS = 340, 62, 18


class Opening(NamedTuple):
    """What a page says of itself before it begins."""

    ability: nodes.paragraph
    needs: list[str]  # labels of pages


class BookMap(nodes.General, nodes.Element):
    """The place of the map, filled when all pages are read."""


class BookMapDirective(SphinxDirective):
    """Mark the place of the map."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        return [BookMap()]


def openings(env: BuildEnvironment) -> dict[str, Opening]:
    if not hasattr(env, "book_map"):
        env.book_map = {}
    found: dict[str, Opening] = env.book_map
    return found


def read(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the opening of a page."""
    page = app.env.current_document.docname
    if not page.startswith(PAGES):
        return
    abilities = next(doctree.findall(nodes.bullet_list))
    needs = next(abilities.findall(nodes.paragraph, descend=False, siblings=True))
    ability = abilities[0][0].deepcopy()
    for link in list(ability.findall(addnodes.pending_xref)):
        link.parent.replace(link, nodes.Text(link.astext()))  # the map links to pages only
    links = [link["reftarget"] for link in needs.findall(addnodes.pending_xref)]
    openings(app.env)[page] = Opening(ability, links)


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    openings(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    openings(env).update({page: text for page, text in openings(other).items() if page in docnames})


# --- the drawing ---------------------------------------------------------------------------------


def direct_needs(needs: dict[int, set[int]]) -> dict[int, set[int]]:
    """Leave out what is needed by what is needed."""
    all_needs: dict[int, set[int]] = {}
    for page in sorted(needs):
        all_needs[page] = needs[page].union(*(all_needs[need] for need in needs[page]))
    return {
        page: needs[page].difference(*(all_needs[need] for need in needs[page])) for page in needs
    }


def places(direct: dict[int, set[int]]) -> dict[tuple[int, int, int], tuple[float, float]]:
    """Return where pages and lines are: keys are page, page, row for a page, or need, page, row.

    A page stands a row below the last page it needs. A line that passes a row has a place of its
    own in it, so that it passes beside the pages.
    """
    row: dict[int, int] = {}
    for page in sorted(direct):
        row[page] = max((row[need] + 1 for need in direct[page]), default=0)
    rows: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for page in sorted(direct):
        rows[row[page]].append((page, page, row[page]))
        for need in sorted(direct[page]):
            for between in range(row[need] + 1, row[page]):
                rows[between].append((need, page, between))
    place: dict[tuple[int, int, int], tuple[float, float]] = {}

    def above(key: tuple[int, int, int]) -> list[tuple[int, int, int]]:
        first, last, at = key
        sources = direct[last] if first == last else {first}
        return [
            (need, need, at - 1) if row[need] == at - 1 else (need, last, at - 1)
            for need in sources
        ]

    for at in sorted(rows):
        centre = {
            key: sum(place[k][0] for k in above(key)) / len(above(key)) if above(key) else 0.0
            for key in rows[at]
        }
        for k, key in enumerate(sorted(rows[at], key=lambda key: (centre[key], key))):
            place[key] = (WIDTH * (k + 0.5) / len(rows[at]), ROW * (at + 0.5))
    return place


def draw(needs: dict[int, set[int]]) -> str:
    """Return the map as a figure, in the ink of the page."""
    direct = direct_needs(needs)
    place = places(direct)
    row = {first: at for first, last, at in place if first == last}
    height = ROW * (max(row.values()) + 1)
    shapes = []
    for page, sources in sorted(direct.items()):
        for need in sorted(sources):
            way = [place[need, need, row[need]]]
            way += [place[need, page, at] for at in range(row[need] + 1, row[page])]
            x, y = place[page, page, row[page]]
            way.append((x, y - RADIUS - 5))
            path = f"M{way[0][0]:.1f},{way[0][1]:.1f}"
            for (x0, y0), (x1, y1) in pairwise(way):
                middle = (y0 + y1) / 2
                path += f" C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"
            shapes.append(f'<path d="{path}" marker-end="url(#book-map-arrow)"/>')
    for page in sorted(direct):
        x, y = place[page, page, row[page]]
        shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>')
        shapes.append(f'<text x="{x:.1f}" y="{y + 5:.1f}">{page}</text>')
    listed = say("; ").join(
        say("{page} needs {others}").format(
            page=page, others=say(" and ").join(map(str, sorted(sources)))
        )
        for page, sources in sorted(direct.items())
        if sources
    )
    label = escape(say("Map of the pages: {listed}.").format(listed=listed))
    caption = say(
        "Each page below the pages it needs. What it needs by way of another is left out."
    )
    return (
        f'<figure class="book-map"><svg role="img" aria-label="{label}" width="{WIDTH}"'
        f' height="{height}" viewBox="0 0 {WIDTH} {height}" xmlns="http://www.w3.org/2000/svg">'
        '<defs><marker id="book-map-arrow" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z"/></marker></defs>'
        f"{''.join(shapes)}</svg><figcaption>{caption}</figcaption></figure>\n"
    )


# --- the map -------------------------------------------------------------------------------------


class FillMap(SphinxPostTransform):
    """Put the drawing and the list in the place of the map."""

    default_priority = 5  # before links are resolved

    def run(self, **kwargs: object) -> None:
        for place in list(self.document.findall(BookMap)):
            pages = sorted(openings(self.env))
            needs = {page: self._needs(page) for page in pages}
            number = {page: self._title(page).partition(".")[0] for page in pages}
            drawing = draw(
                {int(number[page]): {int(number[n]) for n in needs[page]} for page in pages}
            )
            entries = nodes.bullet_list(classes=["book-map"])
            for page in pages:
                entries += self._entry(page, needs[page], number)
            place.replace_self([nodes.raw("", drawing, format="html"), entries])

    def _title(self, page: str) -> str:
        return self.env.titles[page].astext()

    def _needs(self, page: str) -> list[str]:
        labels = self.env.domains.standard_domain.labels
        found = {labels[label][0] for label in openings(self.env)[page].needs if label in labels}
        return sorted(need for need in found if need.startswith(PAGES) and need < page)

    def _link(self, page: str, text: str) -> nodes.reference:
        builder, here = self.app.builder, self.env.current_document.docname
        return make_refnode(builder, here, page, None, nodes.Text(text), self._title(page))

    def _entry(self, page: str, needs: list[str], number: dict[str, str]) -> nodes.list_item:
        title = nodes.paragraph("", "", nodes.strong("", "", self._link(page, self._title(page))))
        ability = openings(self.env)[page].ability.deepcopy()
        if isinstance(ability[-1], nodes.Text):
            ability[-1] = nodes.Text(ability[-1].rstrip(",.；。") + say("."))
        ability.insert(0, nodes.Text(say("You can then ")))
        if needs:
            sentence = say(" Needs page {}.") if len(needs) == 1 else say(" Needs pages {}.")
            before, after = sentence.split("{}")
            ability += nodes.Text(before)
            for need in needs:
                ability += [self._link(need, number[need]), nodes.Text(say(", "))]
            ability[-1] = nodes.Text(after)
        return nodes.list_item("", title, ability)


def setup(app: Sphinx) -> dict[str, object]:
    app.add_node(BookMap)
    app.add_directive("book-map", BookMapDirective)
    app.connect("doctree-read", read)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.add_post_transform(FillMap)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
