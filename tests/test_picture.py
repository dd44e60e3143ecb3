"""The small vocabulary of drawing: contours against areas known, scales, and valid SVG."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbp import _picture, plotting
from gdbp._picture import Axes, Entry, Picture, closed_contours, ticks

SVG = "{http://www.w3.org/2000/svg}"


def area(polygons: list[np.ndarray]) -> float:
    """Return the area inside of polygons, by the shoelace formula; a hole counts against it."""
    return sum(
        float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2 for x, y in (p.T for p in polygons)
    )


def grid(n: int = 81) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(np.linspace(-2, 2, n), np.linspace(-2, 2, n))


def drawn(picture: Picture) -> ElementTree.Element:
    return ElementTree.fromstring(picture.svg())


# --- contours -------------------------------------------------------------------------------------


def test_disc() -> None:
    x, y = grid()
    (loop,) = closed_contours(x**2 + y**2, 1.0)
    assert np.hypot(*(loop / 20 - 2).T) == pytest.approx(1, abs=2e-3)
    assert area([loop / 20]) == pytest.approx(np.pi, rel=2e-3)


def test_ring_has_a_hole() -> None:
    x, y = grid()
    loops = closed_contours(np.abs(np.hypot(x, y) - 1), 0.4)
    assert len(loops) == 2
    assert area([loop / 20 for loop in loops]) == pytest.approx(np.pi * (1.4**2 - 0.6**2), rel=5e-3)


def test_region_that_touches_the_edge_follows_it() -> None:
    x, _ = grid()
    (loop,) = closed_contours(x, 0.5)
    assert area([loop / 20]) == pytest.approx(2.5 * 4)
    assert loop.min() == 0
    assert loop.max() == 80


def test_everything_and_nothing() -> None:
    x, _ = grid()
    assert area([loop / 20 for loop in closed_contours(x, 9.0)]) == pytest.approx(16)
    assert closed_contours(x, -9.0) == []


def test_corners_across_a_saddle_stay_apart() -> None:
    assert len(closed_contours(np.array([[0.0, 1.0], [1.0, 0.0]]), 0.5)) == 2


@given(st.lists(st.integers(-3, 3), min_size=20, max_size=20))
def test_each_border_closes_around_the_points_below(heights: list[int]) -> None:
    f = np.reshape(heights, (4, 5)).astype(float)
    loops = closed_contours(f, 0.5)
    spots = [(k, n) for n in range(4) for k in range(5)]
    inside = [sum(winding(loop, spot) for loop in loops) for spot in spots]
    # a point on the edge of the grid lies on the border, which goes around neither it nor the rest
    inner = [k for k, (column, row) in enumerate(spots) if 0 < column < 4 and 0 < row < 3]
    assert [inside[k] for k in inner] == [int(f.ravel()[k] < 0.5) for k in inner]


def winding(loop: np.ndarray, point: tuple[float, float]) -> int:
    """Return how often a polygon goes around a point that is not on it."""
    angles = np.unwrap(np.arctan2(*(np.vstack([loop, loop[:1]]) - point).T[::-1]))
    return round((angles[-1] - angles[0]) / (2 * np.pi))


# --- scales ---------------------------------------------------------------------------------------


def test_ticks() -> None:
    assert ticks(-2.2, 2.2) == [-2, -1, 0, 1, 2]
    assert ticks(0, 4.2) == [0, 1, 2, 3, 4]
    assert ticks(0, 0.98, about=4) == [0, 0.5]
    assert ticks(0, 360) == [0, 100, 200, 300]
    assert str(ticks(-1, 1)[len(ticks(-1, 1)) // 2]) == "0.0"


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_ticks_are_a_few_numbers_inside(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 2 <= len(found) <= 7
    slack = 1e-6 * width + 1e-9
    assert low - slack <= found[0] < found[-1] <= low + width + slack


def test_place() -> None:
    axes = Axes((0, 10), (0, 4), (0, 0, 100, 80))
    assert [float(v[0]) for v in axes.place([5], [1])] == [50, 60]
    log = Axes((0, 10), (0.01, 100), (0, 0, 100, 80), log=True)
    assert [float(v) for v in log.place([0, 0, 0], [100, 1, 0.01])[1]] == [0, 40, 80]
    assert log.place([0], [0.0])[1] > 80  # no height has no logarithm: it lies below


def test_what_is_far_outside_stays_near() -> None:
    axes = Axes((0, 1), (0, 1), (0, 0, 100, 100))
    left, top = axes.place([1e300], [-1e300])
    assert (float(left[0]), float(top[0])) == (900, 1000)


# --- drawing --------------------------------------------------------------------------------------


def test_picture_is_svg_that_says_what_it_shows() -> None:
    picture = Picture("Two lines & a point <here>")
    axes = picture.axes(
        (0, 1), (0, 1), 100, xlabel="x", ylabel="f(x) < 1", legend=[Entry("a<b", "red")]
    )
    axes.line([0, 1], [0, 1], dash="4 2")
    axes.points([0.5], [0.5], ring=True)
    axes.text(0.5, 0.5, "<b>", bold=True, halo=True)
    axes.area([0, 1, 1], [0, 0, 1], "green")
    root = drawn(picture)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Two lines & a point <here>"
    assert root.get("viewBox") == f"0 0 360 {root.get('height')}"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"x", "f(x) < 1", "a<b", "<b>", "0.5"} <= set(texts)
    (line,) = root.iter(f"{SVG}polyline")
    assert line.get("points") == "0,100 306,0"


def test_axes_stand_below_one_another() -> None:
    picture = Picture("two")
    upper = picture.axes((0, 1), (0, 1), 100, xlabel="x", ylabel="y")
    lower = picture.axes((0, 1), (0, 1), 50)
    assert lower.box[1] > upper.box[1] + upper.box[3]
    assert picture.height == lower.box[1] + 50
    assert lower.box[2] == 360


def test_a_long_legend_gets_rows_and_room() -> None:
    entries = [Entry("name of a line", "red")] * 6
    short = Picture("a").axes((0, 1), (0, 1), 100, xlabel="x", ylabel="y", legend=entries[:1])
    picture = Picture("b")
    long = picture.axes((0, 1), (0, 1), 100, xlabel="x", ylabel="y", legend=entries)
    assert long.box[1] > short.box[1]
    places = [
        float(text.get("y")) for text in drawn(picture).iter(f"{SVG}text") if "name" in text.text
    ]
    assert len(places) == 6
    assert 0 < min(places) < max(places) < long.box[1]


def test_arrow_ends_at_its_tip() -> None:
    picture = Picture("arrow")
    axes = picture.axes((0, 10), (0, 10), 306, xlabel="x", ylabel="y")
    axes.arrow((0, 0), (5, 5))
    axes.arrow((1, 1), (1, 1))  # too short to be drawn
    (head,) = drawn(picture).iter(f"{SVG}polygon")
    assert head.get("points").split()[0] == "153,153"


def test_handle_and_turn_name_arguments() -> None:
    picture = Picture("handle")
    axes = picture.axes((0, 2), (0, 2), 100, xlabel="x", ylabel="y")
    axes.handle(1, 1, "x y")
    picture.axes((0, 1), (0, 1), 50, turns="azimuth elevation")
    root = drawn(picture)
    (handle,) = (g for g in root.iter(f"{SVG}g") if g.get("class") == "handle")
    assert handle.get("data-moves") == "x y"
    frames = [svg.get("data-turns") for svg in root.iter(f"{SVG}svg") if svg.get("class") == "axes"]
    assert frames == [None, "azimuth elevation"]


def test_contours_are_filled_from_the_top_down() -> None:
    x, y = grid(21)
    picture = Picture("bowl")
    axes = picture.axes((-2, 2), (-2, 2), 100, xlabel="x", ylabel="y")
    axes.contours(x**2 + y**2, [0.5, 1.0, 2.0, -1.0])
    fills = [
        path.get("fill") for path in drawn(picture).iter(f"{SVG}path") if path.get("fill-rule")
    ]
    assert fills == [_picture.PALE[k] for k in (7, 4, 2)]


def test_colours_are_those_of_the_figures() -> None:
    assert [_picture.INK, *_picture.COLOURS[:5]] == [plotting.INK, *plotting.COLOURS]
    shades = [plotting.to_hex(plotting._PALE(k / 9)) for k in range(10)]
    assert list(_picture.PALE) == shades
