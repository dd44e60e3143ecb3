"""A small vocabulary of drawing: SVG from numbers, in numpy and strings alone.

The explorers draw with it, in a build and in a reader's browser, where matplotlib would take
megabytes. A picture is 360 units wide, about as wide as a phone, so that a letter of 12 units is
one of 12 pixels there. It is drawn in black ink on nothing, as the figures of `gdbp.plotting` are.
"""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gdbp._checks import Array

INK, BLUE, VERMILION, GREEN, PURPLE, ORANGE = (
    "#000000", "#004f7e", "#9d4300", "#00825e", "#b76c95", "#c68800",
)  # fmt: skip
"""The colours of `gdbp.plotting`."""
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, INK)
DASHES = ("", "7 3", "8 3 2 3", "2 2.5", "10 3 2 3 2 3", "4 2")
PALE = (
    "#fef17c", "#dbec7b", "#b5e593", "#93dba7", "#7eceb3",
    "#79c0b9", "#7db3bb", "#83a5bb", "#8a96b9", "#9085b3",
)  # fmt: skip
"""The map of heights of `gdbp.plotting`, from low to high."""

WIDTH = 360
_LEFT, _RIGHT, _BOTTOM, _TOP = 44, 10, 38, 22  # around the frame of axes
_ROW = 17  # of a legend


def _n(number: float) -> str:
    """Write a coordinate with one decimal: on a screen, a tenth of a pixel or two."""
    return f"{round(float(number), 1) + 0.0:g}"


def _pairs(x: Array, y: Array) -> str:
    """Write points; all at once, because a picture has thousands of them."""
    numbers = (np.stack([x, y], axis=-1).round(1) + 0.0).ravel().tolist()
    return " ".join(["%g,%g"] * len(x)) % tuple(numbers)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers from `low` to `high`, 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(s for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [round(float(k * step), 12) + 0.0 for k in np.arange(first, last + 1)]


def closed_contours(f: Array, level: float) -> list[Array]:
    """Trace the borders of the region where f lies below a level, by marching squares.

    Args:
        f: Heights on a grid, shape (n_y, n_x).
        level: The level.

    Returns:
        Closed polygons, shape (k, 2), as fractional (column, row) of the grid. The region touches
        the edge of the grid along the edge itself.
    """
    padded = np.pad(f, 1, constant_values=np.inf)  # nothing lies below outside: all borders close
    inside = padded < level
    # The corners of each cell, counterclockwise. Edge k leads from corner k to corner k + 1.
    corners = [inside[:-1, :-1], inside[:-1, 1:], inside[1:, 1:], inside[1:, :-1]]
    rows, columns = padded.shape
    across = np.arange(rows * columns).reshape(rows, columns)  # edges by the corner they start at
    up = across + rows * columns
    edges = [across[:-1, :-1], up[:-1, 1:], across[1:, :-1], up[:-1, :-1]]
    follows: dict[int, int] = {}
    for k in range(4):
        # Walking round the cell, the region is left on edge k; it was entered on the edge before
        # the last unbroken run of corners inside. The border leads back from the one to the other.
        leaves = corners[k] & ~corners[(k + 1) % 4]
        one, two = corners[k - 1], corners[k - 1] & corners[k - 2]
        for run, mask in ((1, ~one), (2, one & ~two), (3, two)):
            chosen = leaves & mask
            follows.update(
                zip(edges[k][chosen].tolist(), edges[(k - run) % 4][chosen].tolist(), strict=True)
            )
    return [_places(loop, padded, level) for loop in _loops(follows)]


def _loops(follows: dict[int, int]) -> Iterable[list[int]]:
    while follows:
        start, edge = follows.popitem()
        loop = [start]
        while edge != start:
            loop.append(edge)
            edge = follows.pop(edge)
        yield loop


def _places(loop: Sequence[int], padded: Array, level: float) -> Array:
    """Return where the level crosses edges, as (column, row) of the grid without its padding."""
    rows, columns = padded.shape
    row, column = np.divmod(np.array(loop) % padded.size, columns)
    upwards = np.array(loop) >= padded.size
    low, high = padded[row, column], padded[row + upwards, column + ~upwards]
    with np.errstate(invalid="ignore"):
        share = np.where(np.isinf(low), 1.0, np.where(np.isinf(high), 0.0, 0.0))
        share = np.where(np.isfinite(low) & np.isfinite(high), (level - low) / (high - low), share)
    place: Array = np.stack([column + share * ~upwards, row + share * upwards], axis=1) - 1
    return np.asarray(np.clip(place, 0, [columns - 3, rows - 3]))


@lru_cache(maxsize=32)  # most controls leave the ground of a picture as it is
def _bands(
    shape: tuple[int, ...], data: bytes, levels: tuple[float, ...], size: tuple[float, float]
) -> str:
    """Draw the bands between levels, the lowest last."""
    (rows, columns), (width, height) = shape, size
    f = np.frombuffer(data).reshape(shape)
    shades = np.linspace(len(PALE) - 1, 0, len(levels) + 1).round().astype(int)
    parts = [f'<rect width="{_n(width)}" height="{_n(height)}" fill="{PALE[shades[0]]}"/>']
    for level, shade in zip(sorted(levels, reverse=True), shades[1:], strict=True):
        loops = [
            _pairs(loop[:, 0] / (columns - 1) * width, (1 - loop[:, 1] / (rows - 1)) * height)
            for loop in closed_contours(f, level)
        ]
        if loops:
            path = "".join(f"M{loop}Z" for loop in loops)
            parts.append(
                f'<path d="{path}" fill="{PALE[shade]}" fill-rule="evenodd" stroke="#000000" '
                'stroke-opacity="0.3" stroke-width="0.7"/>'
            )
    return "".join(parts)


class Entry(NamedTuple):
    """A line of a legend."""

    name: str
    colour: str
    dash: str = ""


def _needs(entry: Entry) -> float:
    """Return how wide an entry of a legend is."""
    return 30 + 7 * len(entry.name)


def _rows(entries: Sequence[Entry], width: float) -> list[list[Entry]]:
    """Break a legend into rows."""
    rows: list[list[Entry]] = []
    for entry in entries:
        if rows and sum(map(_needs, [*rows[-1], entry])) <= width:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows


@dataclass
class Axes:
    """A frame with two scales; x and y of its methods are numbers on these.

    Attributes:
        x: The ends of the horizontal scale.
        y: The ends of the vertical scale.
        box: Left, top, width and height of the frame in the picture.
        log: Whether the vertical scale is logarithmic.
        turns: The arguments that dragging changes, or "".
    """

    x: tuple[float, float]
    y: tuple[float, float]
    box: tuple[float, float, float, float]
    log: bool = False
    turns: str = ""
    inside: list[str] = field(default_factory=list)
    around: list[str] = field(default_factory=list)

    def place(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Return where points lie in the frame; those far outside are moved to its surroundings."""
        _, _, width, height = self.box
        v, (low, high) = np.asarray(y, float), self.y
        if self.log:
            low, high = np.log10(self.y)
            v = np.log10(np.maximum(v, 10.0 ** (low - 1)))
        left = (np.asarray(x, float) - self.x[0]) / (self.x[1] - self.x[0])
        up = (v - low) / (high - low)
        return width * np.clip(left, -9, 9), height * (1 - np.clip(up, -9, 9))

    def line(
        self, x: ArrayLike, y: ArrayLike, colour: str = INK, *, width: float = 2, dash: str = ""
    ) -> None:
        """Draw a line through points."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.inside.append(
            f'<polyline points="{_pairs(*self.place(x, y))}" fill="none" stroke="{colour}" '
            f'stroke-width="{width:g}" stroke-linejoin="round"{dashed}/>'
        )

    def area(self, x: ArrayLike, y: ArrayLike, colour: str) -> None:
        """Fill a polygon, with a fine line around it."""
        self.inside.append(
            f'<polygon points="{_pairs(*self.place(x, y))}" fill="{colour}" '
            'stroke="#000000" stroke-opacity="0.35" stroke-width="0.5"/>'
        )

    def points(
        self,
        x: ArrayLike,
        y: ArrayLike,
        colour: str = INK,
        *,
        radius: float = 3,
        ring: bool = False,
    ) -> None:
        """Draw a disc at each point, with a ring of ink around it if wanted."""
        line = f' stroke="{INK}" stroke-width="1.5"' if ring else ""
        left, top = map(np.atleast_1d, self.place(x, y))
        self.inside += [
            f'<circle cx="{_n(a)}" cy="{_n(b)}" r="{radius:g}" fill="{colour}"{line}/>'
            for a, b in zip(left, top, strict=True)
        ]

    def arrow(self, start: ArrayLike, end: ArrayLike, colour: str = INK) -> None:
        """Draw an arrow from point to point."""
        (x0, x1), (y0, y1) = self.place(*np.array([start, end], float).T)
        length = np.hypot(x1 - x0, y1 - y0)
        if length < 1:
            return
        along = np.array([x1 - x0, y1 - y0]) / length
        across = np.array([-along[1], along[0]])
        tip, base = np.array([x1, y1]), np.array([x1, y1]) - min(9.0, length) * along
        head = np.array([tip, base + 4 * across, base - 4 * across])
        self.inside.append(
            f'<line x1="{_n(x0)}" y1="{_n(y0)}" x2="{_n(base[0])}" y2="{_n(base[1])}" '
            f'stroke="{colour}" stroke-width="2.5"/>'
            f'<polygon points="{_pairs(head[:, 0], head[:, 1])}" fill="{colour}"/>'
        )

    def contours(self, f: Array, levels: Sequence[float]) -> None:
        """Fill the bands between levels of heights on a grid that covers the frame."""
        self.inside.append(_bands(f.shape, f.tobytes(), tuple(levels), self.box[2:]))

    def handle(self, x: float, y: float, moves: str) -> None:
        """Draw a point that can be dragged; `moves` names the two arguments that it sets."""
        (left,), (top,) = self.place([x], [y])
        self.inside.append(
            f'<g class="handle" data-moves="{moves}" transform="translate({_n(left)} {_n(top)})">'
            '<circle r="20" fill-opacity="0"/>'  # room for a finger
            f'<circle r="7" fill="#ffffff" stroke="{INK}" stroke-width="2.5"/></g>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        shift: tuple[float, float] = (0, 0),
        bold: bool = False,
        halo: bool = False,
    ) -> None:
        """Write text at a point, shifted by some units to the right and down.

        A halo sets it off from a line below it.
        """
        (left,), (top,) = self.place([x], [y])
        style = ' font-weight="bold"' * bold
        style += ' paint-order="stroke" stroke="#ffffff" stroke-width="5"' * halo
        self.inside.append(
            f'<text x="{_n(left + shift[0])}" y="{_n(top + shift[1])}" text-anchor="{anchor}"'
            f"{style}>{html.escape(text)}</text>"
        )

    def legend(self, rows: Sequence[Sequence[Entry]]) -> None:
        """Name lines above the frame, in rows."""
        left, top, width, _ = self.box
        for up, row in enumerate(reversed(rows)):
            y = top - 9 - up * _ROW
            at = left + width - sum(map(_needs, row))
            for entry in row:
                dashed = f' stroke-dasharray="{entry.dash}"' if entry.dash else ""
                self.around.append(
                    f'<line x1="{_n(at)}" x2="{_n(at + 18)}" y1="{_n(y)}" y2="{_n(y)}" '
                    f'stroke="{entry.colour}" stroke-width="2.5"{dashed}/>'
                    f'<text x="{_n(at + 22)}" y="{_n(y + 4)}">{html.escape(entry.name)}</text>'
                )
                at += _needs(entry)

    def scales(self, xlabel: str, ylabel: str) -> None:
        """Draw ticks with their numbers, and the names of the scales."""
        left, top, width, height = self.box
        bottom = top + height
        for x in ticks(*self.x):
            (a,), _ = self.place([x], [self.y[0]])
            self.around.append(
                f'<path d="M{_n(left + a)} {_n(bottom)}v4" stroke="{INK}"/>'
                f'<text x="{_n(left + a)}" y="{_n(bottom + 16)}" text-anchor="middle">{x:g}</text>'
            )
        for y in self._vertical_ticks():
            _, (b,) = self.place([self.x[0]], [y])
            self.around.append(
                f'<path d="M{_n(left)} {_n(top + b)}h-4" stroke="{INK}"/>'
                f'<text x="{_n(left - 7)}" y="{_n(top + b + 4)}" text-anchor="end">{y:g}</text>'
            )
        self.around.append(
            f'<text x="{_n(left + width / 2)}" y="{_n(bottom + 32)}" text-anchor="middle">'
            f"{html.escape(xlabel)}</text>"
            f'<text x="2" y="{_n(top - 7)}">{html.escape(ylabel)}</text>'
        )

    def _vertical_ticks(self) -> list[float]:
        if not self.log:
            return ticks(*self.y, about=4)
        low, high = np.log10(self.y)
        decades = np.arange(np.ceil(low - 1e-9), np.floor(high + 1e-9) + 1)
        return [10.0**k for k in decades[:: max(1, -(-len(decades) // 5))]]

    def svg(self, *, frame: bool) -> str:
        """Return what was drawn; what lies outside of the frame is cut off."""
        left, top, width, height = map(_n, self.box)
        outline = (
            f'<rect class="frame" width="{width}" height="{height}" fill="none" '
            f'stroke="{INK if frame else "none"}" stroke-width="2" '
            f'pointer-events="{"all" if self.turns else "none"}"/>'
        )
        turns = f' data-turns="{self.turns}"' if self.turns else ""
        return (
            f'<svg class="axes" x="{left}" y="{top}" width="{width}" height="{height}" '
            f'overflow="hidden" data-x="{self.x[0]:g} {self.x[1]:g}" '
            f'data-y="{self.y[0]:g} {self.y[1]:g}"{turns}>'
            f"{''.join(self.inside)}{outline}</svg>{''.join(self.around)}"
        )


@dataclass
class Picture:
    """A drawing of one or more axes below one another.

    Attributes:
        alt: What the picture shows, for those who do not see it.
    """

    alt: str
    height: float = 0
    parts: list[tuple[Axes, bool]] = field(default_factory=list)

    def axes(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        height: float,
        *,
        xlabel: str = "",
        ylabel: str = "",
        log: bool = False,
        turns: str = "",
        legend: Sequence[Entry] = (),
    ) -> Axes:
        """Add axes below what is there; without names they are bare, and fill the width.

        `turns` names the arguments that dragging to the right and upwards changes, or is "".
        """
        bare = not (xlabel or ylabel)
        left, right, top, bottom = (0, 0, 0, 0) if bare else (_LEFT, _RIGHT, _TOP, _BOTTOM)
        rows = _rows(legend, WIDTH - left - right - 7 * len(ylabel))
        top += _ROW * (len(rows) - 1 if rows else 0)
        axes = Axes(x, y, (left, self.height + top, WIDTH - left - right, height), log, turns)
        if not bare:
            axes.scales(xlabel, ylabel)
            axes.legend(rows)
        self.height += top + height + bottom
        self.parts.append((axes, not bare))
        return axes

    def svg(self) -> str:
        """Return the picture as an `<svg>` element."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'aria-label="{html.escape(self.alt)}" width="{WIDTH}" height="{_n(self.height)}" '
            f'viewBox="0 0 {WIDTH} {_n(self.height)}" font-family="sans-serif" font-size="12" '
            f'fill="{INK}">'
            f"{''.join(axes.svg(frame=frame) for axes, frame in self.parts)}</svg>"
        )
