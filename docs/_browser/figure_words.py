"""Translates the words in a figure of matplotlib, an SVG in which letters are outlines.

matplotlib writes a text as a group of outlines for each line, behind a comment with its source.
The source is the message: its lines, with places for the numbers outside of formulas. Of the
translation, Chinese characters become ``<text>``, in a font of the reader's; all else, formulas
too, is drawn by matplotlib, as it was. A Chinese character is as wide as its font is high, in any
font, so that the width of a line is known here.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Comment, Element

from matplotlib.cbook import is_math_text
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from translations import NUMBER, WORD, Translator

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
GROUP, TEXT, PATH, DEFS, USE = (f"{{{SVG}}}{name}" for name in ("g", "text", "path", "defs", "use"))
# The point of a line that stays where it is. The file does not say how a text was aligned.
START, MIDDLE, END = 0.0, 0.5, 1.0
ANCHORS = {"legend": START, "ytick": END}

FORMULA = re.compile(r"\$[^$]*\$")
FORMULA_OR_NUMBER = re.compile(rf"{FORMULA.pattern}|(?<!\w){NUMBER.pattern}")
HAN = re.compile("([\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+)")  # with its punctuation
HAN_FONTS = "PingFang SC, Microsoft YaHei, Noto Sans CJK SC, Source Han Sans SC, sans-serif"
SIZE = text_to_path.FONT_SCALE  # of the letters; the group of a line is scaled
SPACE = SIZE / 4  # between Chinese and other letters
COMMANDS = {
    Path.MOVETO: "M",
    Path.LINETO: "L",
    Path.CURVE3: "Q",
    Path.CURVE4: "C",
    Path.CLOSEPOLY: "Z",
}


def messages_of_figure(svg: str) -> Iterator[str]:
    """Yield the messages of a figure: its texts that have words, without their numbers."""
    for text, _ in _texts(_read(svg)):
        if WORD.search(FORMULA.sub("", source := _source(text))):
            yield _message(source)


def translated_figure(svg: str, translator: Translator) -> str:
    """Return a figure in the other language, as much of it as has a translation."""
    if not translator.whole:
        return svg
    figure = _read(svg)
    found = [(text, _source(text), anchor) for text, anchor in _texts(figure)]
    changed = [
        (text, words, anchor)
        for text, source, anchor in found
        if (words := translator.text(source)) != source
    ]
    for text, words, anchor in changed:
        _rewrite(text, words, anchor)
    return _written(figure) if changed else svg


# --- reading and writing -------------------------------------------------------------------------


def _read(svg: str) -> Element:
    builder = ElementTree.TreeBuilder(insert_comments=True)
    return ElementTree.fromstring(svg, ElementTree.XMLParser(target=builder))


def _written(figure: Element) -> str:
    """Return the SVG, in ASCII: who reads a part of the file must not cut a character in two."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    svg = ElementTree.tostring(figure, encoding="us-ascii", xml_declaration=False).decode("ascii")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}\n'  # an EPUB may declare no other


def _texts(element: Element, anchor: float = MIDDLE) -> Iterator[tuple[Element, float]]:
    """Yield the group of each text, and which point of its lines stays."""
    edges = Counter(map(_left_edge, element.iterfind(GROUP)))
    for group in element.iterfind(GROUP):
        kind = group.get("id", "").rpartition("_")[0]
        if kind == "text":
            in_a_column = edges[_left_edge(group)] > 1  # or a title at the left edge of its axes
            yield group, START if in_a_column else anchor
        else:
            yield from _texts(group, ANCHORS.get(kind, anchor))


def _left_edge(group: Element) -> str | None:
    """Return where a text begins, or a patch, such as the ground of axes."""
    line, patch = group.find(GROUP), group.find(PATH)
    place = line.get("transform", "") if line is not None else ""
    outline = patch.get("d", "") if patch is not None else ""
    found = re.match(r"translate\((\S+)", place) or re.match(r"M (\S+)", outline)
    return found[1] if found else None


def _source(text: Element) -> str:
    """Return what matplotlib was given to draw."""
    lines = [child.text or "" for child in text if child.tag is Comment]
    return "\n".join(html.unescape(line).strip() for line in lines)


def _message(source: str) -> str:
    """Put places into a text instead of the numbers outside of its formulas."""
    places = iter(range(len(source)))
    return FORMULA_OR_NUMBER.sub(
        lambda found: found[0] if found[0].startswith("$") else f"{{{next(places)}}}", source
    )


# --- drawing -------------------------------------------------------------------------------------


def _rewrite(text: Element, words: str, anchor: float) -> None:
    """Write other words into the lines of a text."""
    groups = [line for note, line in pairwise(text) if note.tag is Comment]
    for group, old, new in zip(groups, _source(text).split("\n"), words.split("\n"), strict=True):
        bold = any("Bold" in value for use in group.iter(USE) for value in use.attrib.values())
        font = FontProperties(
            family="DejaVu Sans",
            weight="bold" if bold else "normal",
            size=SIZE,
            math_fontfamily="dejavusans",
        )
        _, old_width = _drawn(old, font)
        content, width = _drawn(new, font)
        line = _moved(Element(GROUP), anchor * (old_width - width))
        line.extend(content)
        group[:] = [*group.findall(DEFS), line]  # later texts use the outlines that it defines


def _drawn(words: str, font: FontProperties) -> tuple[list[Element], float]:
    """Return a line that begins at 0, and its width."""
    elements, x = [], 0.0
    for run in filter(None, HAN.split(words)):
        if HAN.fullmatch(run):
            elements.append(_characters(run, x, font))
            x += SIZE * len(run)
        else:
            letters, formula = run.strip(), is_math_text(run)
            x += SPACE * run.startswith(" ")
            elements.append(_outlines(letters, x, font))
            x += text_to_path.get_text_width_height_descent(letters, font, formula)[0]
            x += SPACE * run.endswith(" ")
    return elements, x


def _characters(words: str, x: float, font: FontProperties) -> Element:
    """Return Chinese characters; in the group of a line, y goes up."""
    text = _moved(Element(TEXT), x, " scale(1 -1)")
    text.set("font-family", HAN_FONTS)
    text.set("font-size", f"{SIZE:g}")
    text.set("font-weight", font.get_weight())
    text.set("xml:lang", "zh-CN")
    text.text = words
    return text


def _outlines(words: str, x: float, font: FontProperties) -> Element:
    """Return other letters, and formulas, as matplotlib draws them."""
    outlines = Path(*text_to_path.get_text_path(font, words, is_math_text(words)))
    pieces = []
    for numbers, code in outlines.iter_segments(simplify=False):
        points = [] if code == Path.CLOSEPOLY else numbers
        pieces.append(COMMANDS[code] + " ".join(f"{round(float(n), 2):g}" for n in points))
    path = _moved(Element(PATH), x)
    path.set("d", " ".join(pieces))
    return path


def _moved(element: Element, x: float, then: str = "") -> Element:
    element.set("transform", f"translate({round(x, 2):g} 0){then}")
    return element
