"""The figures: what is drawn, how it looks, and that bad input is named."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import same_color, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.quiver import Quiver

mpl.use("Agg")

import itertools
from xml.etree import ElementTree

import matplotlib.pyplot as plt

from gdbp import plotting

X, Y = np.meshgrid(np.linspace(-2.0, 2.0, 25), np.linspace(-1.0, 1.0, 17))
BOWL = X**2 + 3.0 * Y**2
PATH = np.array([[-1.5, 0.8], [-0.9, 0.3], [-0.4, 0.1], [0.0, 0.0]])
PATH_LOSS = PATH[:, 0] ** 2 + 3.0 * PATH[:, 1] ** 2
STEPS = np.logspace(-8.0, 0.0, 9)
DEGREES = np.linspace(0.0, 360.0, 361)
WEIGHTS = [[[1.0, -0.5], [0.3, 0.7]], [[1.0], [2.0]]]


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    """Draw each test's figures in the book's style, then close them and restore the style."""
    with mpl.rc_context():
        plotting.use_style()
        yield
        plt.close("all")


def labels(ax: Axes) -> list[str]:
    return [str(line.get_label()) for line in ax.lines if not str(line.get_label()).startswith("_")]


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def legend(ax: Axes) -> list[str]:
    box = ax.get_legend()
    return [] if box is None else [text.get_text() for text in box.get_texts()]


def shown(ax: Axes) -> Axes:
    """Render the figure, so that what fails only when drawn fails here."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return ax


# Style


def linear(colour: Any) -> np.ndarray:
    """Take the gamma out of a colour of sRGB."""
    c = np.asarray(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def luminance(colour: Any) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def in_dark_theme(colour: Any) -> np.ndarray:
    """Apply the style sheet's invert(1) hue-rotate(180deg)."""
    luma = np.array([0.213, 0.715, 0.072])
    rotate = 2.0 * luma * np.ones((3, 1)) - np.eye(3)
    return np.clip(rotate @ (1.0 - np.asarray(to_rgb(colour))), 0.0, 1.0)


def contrast(a: Any, b: Any) -> float:
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_the_cycle_keeps_its_order_in_grey_in_both_themes() -> None:
    light = [luminance(colour) for colour in plotting.COLOURS]
    dark = [luminance(in_dark_theme(colour)) for colour in plotting.COLOURS]
    assert all(b > 1.15 * a for a, b in itertools.pairwise(light))
    assert all(a > b for a, b in itertools.pairwise(dark))


# The three kinds of colour blindness, complete: on linear RGB, from Machado, Oliveira and Fernandes
# (2009), "A physiologically-based model for simulation of color vision deficiency", table 1.
COLOUR_VISION = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "all": np.eye(3),
}


def lab(rgb: np.ndarray) -> np.ndarray:
    """Return CIELAB of linear RGB, in which one just sees a distance of about 2.3."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    t = xyz @ np.clip(rgb, 0.0, 1.0) / xyz.sum(axis=1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", [to_rgb, in_dark_theme])
@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_the_cycle_is_told_apart_whatever_colours_one_sees(vision: str, theme: Any) -> None:
    seen = [lab(np.array(COLOUR_VISION[vision]) @ linear(theme(c))) for c in plotting.COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10.0


@pytest.mark.parametrize("colour", [*plotting.COLOURS, plotting.INK])
def test_a_line_has_contrast_on_white_and_on_the_dark_theme(colour: str) -> None:
    assert contrast(colour, "white") >= 3.0
    assert contrast(in_dark_theme(colour), "#131416") >= 3.0


def test_text_is_legible_on_the_whole_colour_map_in_both_themes() -> None:
    for colour in plotting._PALE(np.linspace(0.0, 1.0, 32)):
        assert contrast("black", colour[:3]) >= 4.5
        assert contrast("white", in_dark_theme(colour[:3])) >= 4.5


def test_series_differ_in_line_style_too() -> None:
    curves = {name: [3.0, 2.0, 1.0] for name in "abcde"}
    lines = plotting.loss_curves(curves).lines
    assert len({line.get_color() for line in lines}) == 5
    assert len({str(line._dash_pattern) for line in lines}) == 5  # type: ignore[attr-defined]
    assert len({line.get_marker() for line in lines}) == 5


def test_style_is_transparent_and_readable() -> None:
    rc = plt.rcParams
    assert rc["figure.facecolor"] == rc["axes.facecolor"] == rc["savefig.facecolor"] == "none"
    assert min(rc["xtick.labelsize"], rc["ytick.labelsize"], rc["legend.fontsize"]) >= 10
    assert rc["figure.figsize"][0] == 6.4
    assert rc["svg.fonttype"] == "path"


def test_style_leaves_ipython_alone_outside_of_it() -> None:
    code = (
        "import sys; from gdbp import plotting; plotting.use_style();"
        "print('IPython' in sys.modules, 'matplotlib_inline' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]


def test_style_configures_the_inline_backend_inside_ipython() -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib_inline.config import InlineBackend
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        plotting.use_style()
        config = InlineBackend.instance()
        assert config.figure_formats == {"svg"}
        assert config.print_figure_kwargs["metadata"] == {"Date": None}
        assert config.print_figure_kwargs["bbox_inches"] is None
        formats = [
            name
            for name, f in shell.display_formatter.formatters.items()
            if f.type_printers.get(Figure) is not None or Figure in f
        ]
        assert formats == ["image/svg+xml"]
    finally:
        InlineBackend.clear_instance()
        InteractiveShell.clear_instance()


def test_a_page_gets_svg_without_a_date() -> None:
    code = """
import matplotlib
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
matplotlib.use("module://matplotlib_inline.backend_inline")
from gdbp import plotting
plotting.use_style()
ax = plotting.loss_curves({"a": [2.0, 1.0]})
formatters = shell.display_formatter.formatters
svg = formatters["image/svg+xml"](ax.figure)
assert svg is not None and "<dc:date>" not in svg, "no date"
assert svg.encode() == formatters["image/svg+xml"](ax.figure).encode()
assert 'width="460.8pt"' in svg, "not cropped"
assert formatters["image/png"](ax.figure) is None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_figures_can_be_drawn_without_the_style() -> None:
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("Agg")
        for draw in ALL.values():
            assert draw().get_children()
            plt.close("all")


# Every figure: Axes in, Axes out; the same bytes twice; a size that a page can bear

FIGURES: dict[str, Callable[..., Axes]] = {
    "tangent_and_secants": lambda **k: plotting.tangent_and_secants(
        [0.0, 1.0, 2.0], [0.0, 1.0, 4.0], 1.0, 1.0, 2.0, [(1.0, 3.0)], **k
    ),
    "error_against_step": lambda **k: plotting.error_against_step(
        STEPS, {"forward": STEPS}, {"forward": 1e-8}, **k
    ),
    "directional_derivative": lambda **k: plotting.directional_derivative(
        DEGREES, np.cos(np.radians(DEGREES)), 0.0, **k
    ),
    "gradient_field": lambda **k: plotting.gradient_field(X, Y, BOWL, 2.0 * X, 6.0 * Y, **k),
    "residual_squares": lambda **k: plotting.residual_squares(
        [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5], **k
    ),
    "contour_path": lambda **k: plotting.contour_path(X, Y, BOWL, {"a": PATH}, **k),
    "lr_sweep": lambda **k: plotting.lr_sweep([0.1, 1.0], [0.5, np.nan], best=0.2, **k),
    "loss_curves": lambda **k: plotting.loss_curves({"a": [2.0, 1.0]}, **k),
    "measured_and_predicted": lambda **k: plotting.measured_and_predicted(
        [1, 2], [1.0, 0.4], [1.0, 0.5], xlabel="n", ylabel="variance", **k
    ),
    "bars": lambda **k: plotting.bars({"a": 1.0, "b": 2.0}, xlabel="s", **k),
    "stability_map": lambda **k: plotting.stability_map(
        [1.0, 3.0], [0.0, 0.8], [[0.1, 2.0], [0.9, 0.9]], {"limit": [2.0, 3.6]}, **k
    ),
    "strips": lambda **k: plotting.strips({"a": [1.0, 0.1], "b": [2.0]}, xlabel="error", **k),
    "loss_contours": lambda **k: plotting.loss_contours(X, Y, BOWL, PATH, **k),
    "matrix_heatmap": lambda **k: plotting.matrix_heatmap([[1.0, 2.0]], **k),
    "matrix_shapes": lambda **k: plotting.matrix_shapes([("X", (4, 2))], **k),
    "network_diagram": lambda **k: plotting.network_diagram(WEIGHTS, **k),
    "learning_cycle": plotting.learning_cycle,
}
ALL = {
    **FIGURES,
    "loss_surface": lambda: plotting.loss_surface(X, Y, BOWL, PATH, PATH_LOSS),
    "losses_compared": lambda: plotting.losses_compared([-1, 1], {"a": [1, 1]}, {"a": [-2, 2]})[0],
}

# Every figure with all that it can show, as it looked when someone last looked at it


NAMED: dict[str, Any] = {"xlabel": "across", "ylabel": "up"}
WAVE = np.cos(np.radians(DEGREES - 30.5))
LOOKS: dict[str, Callable[[], Axes]] = {
    "secants": lambda: plotting.tangent_and_secants(
        X[0], X[0] ** 2, 0.5, 0.25, 1.0, [(1.0, 2.0), (0.5, 1.5), (-1.0, 0.0)], **NAMED
    ),
    "tangent": lambda: plotting.tangent_and_secants([0.0, 1.0], [0.0, 1.0], 0.5, 0.5, 1.0),
    "errors": lambda: plotting.error_against_step(
        STEPS,
        {"forward": STEPS, "central": STEPS**2, "complex": 0.0 * STEPS},
        {"central": 1e-5, "forward": 1e-8},
        floor=1e-16,
        **NAMED,
    ),
    "errors alone": lambda: plotting.error_against_step([0.1, 0.2], {"forward": [0.1, 0.0]}),
    "slopes": lambda: plotting.directional_derivative(DEGREES, 3 * WAVE, 30.5, ylabel="slope"),
    "no slope": lambda: plotting.directional_derivative([0.0, 90.0, 180.0], [1.0, 0.0, -1.0], 0),
    "field": lambda: plotting.gradient_field(
        X, Y, BOWL - 2.0, 2.0 * X, 6.0 * Y, arrows=5, levels=[-1.0, 0.0, 2.5], **NAMED
    ),
    "field of levels chosen": lambda: plotting.gradient_field(X, Y, BOWL, 2.0 * X, 6.0 * Y),
    "losses": lambda: plotting.losses_compared(
        [-1.0, 0.0, 1.0],
        {"squared": [1.0, 0.0, 1.0], "absolute": [1.0, 0.0, 1.0]},
        {"squared": [-2.0, 0.0, 2.0], "absolute": [-1.0, 0.0, 1.0]},
    )[0],
    "squares": lambda: plotting.residual_squares(
        [0.0, 1.0, 2.0], [2.0, 0.0, 1.0], [0.0, 2.0], [1.0, 1.5], [1.0, 0.5, 1.0], **NAMED
    ),
    "squares with usual names": FIGURES["residual_squares"],
    "paths": lambda: plotting.contour_path(
        X, Y, BOWL, {"a": PATH, "b": PATH[::-1]}, levels=[0.5, 2.0], equal=True, **NAMED
    ),
    "long path": lambda: plotting.contour_path(X, Y, BOWL, {"a": np.tile(PATH, (30, 1))}),
    "sweep": lambda: plotting.lr_sweep(
        [0.1, 0.2, 0.3, 0.4, 0.5],
        [1.0, 1e-3, 3e4, np.inf, np.nan],
        best=0.2,
        limit=0.25,
        start_loss=2.0,
        **NAMED,
    ),
    "sweep to a ceiling": lambda: plotting.lr_sweep([0.1, 0.2], [1.0, 50.0], ceiling=40.0),
    "sweep alone": lambda: plotting.lr_sweep([0.1, 0.2], [1.0, 0.5]),
    "curves": lambda: plotting.loss_curves(
        {name: [3.0, 2.0, k, 1.0] for k, name in enumerate("abcdef")},
        x={"a": [0.0, 1.0, 2.0, 9.0]},
        bands={"b": ([2.0, 1.0, 0.5, 0.1], [4.0, 3.0, 2.0, 1.0])},
        **NAMED,
    ),
    "curves on a plain axis": lambda: plotting.loss_curves({"a": [2.0, -1.0]}, log=False),
    "long curve": lambda: plotting.loss_curves({"a": np.linspace(3.0, 1.0, 200)}),
    "prediction": lambda: plotting.measured_and_predicted(
        [1, 2, 4], [1.0, 0.4, 0.3], [1.0, 0.5, 0.25], prediction="1/n", **NAMED
    ),
    "prediction on plain axes": lambda: plotting.measured_and_predicted(
        [0, 1], [0, 1], [0, -1], log=False, **NAMED
    ),
    "bars": lambda: plotting.bars({"a": 1.0, "bc": 20.0}, xlabel="seconds", fmt="{:.1f} s"),
    "bars on a log axis": lambda: plotting.bars({"a": 1.0, "b": 2345.6}, xlabel="s", log=True),
    "map": lambda: plotting.stability_map(
        [1.0, 2.0, 3.0],
        [0.0, 0.5],
        [[0.2, np.inf, 3.0], [0.9, 0.8, 1.5]],
        {"limit": [2.0, 3.0], "best": [1.0, 2.9]},
        **NAMED,
    ),
    "map alone": lambda: plotting.stability_map([1.0, 2.0], [0.0, 0.5], [[0.5, 0.9], [0.5, 0]]),
    "strips": lambda: plotting.strips(
        {"exact": np.zeros(3), "measured": [1e-9, 1e-11, 1e-10], "third": [0.5]},
        xlabel="error",
        marks={"machine precision": 1e-16, "goal": 1e-6},
        floor=1e-18,
    ),
    "strips alone": lambda: plotting.strips({"a": [1.0, 0.1]}, xlabel="error"),
    "contours": lambda: plotting.loss_contours(
        X, Y, BOWL, PATH, ["0", "10", "20", "end"], levels=[0.5, 2.0], **NAMED
    ),
    "contours with usual names": lambda: plotting.loss_contours(X, Y, BOWL, PATH),
    "contours alone": lambda: plotting.loss_contours(X, Y, BOWL),
    "surface": lambda: plotting.loss_surface(
        X,
        Y,
        BOWL,
        PATH,
        PATH_LOSS,
        ["0", "10", "20", "end"],
        levels=[0.5, 2.0],
        view=(40.0, 20.0),
        zlabel="height",
        **NAMED,
    ),
    "surface with usual names": lambda: plotting.loss_surface(X, Y, BOWL, PATH, PATH_LOSS),
    "surface alone": lambda: plotting.loss_surface(X, Y, BOWL),
    "ridges": lambda: plotting.ridges(
        {"layer 1": np.linspace(-1, 1, 50) ** 3, "layer 2": [0.0, 0.1, 5.0]},
        limits=(-1.5, 1.5),
        bins=20,
        **NAMED,
    ),
    "ridges of usual width": lambda: plotting.ridges({"a": PATH[:, 0], "b": [2.0]}, xlabel="z"),
    "images": lambda: plotting.image_grid(
        np.arange(30.0).reshape(5, 2, 3), list("abcde"), n_columns=3, limits=(0, 40)
    ),
    "images of usual number": lambda: plotting.image_grid(np.eye(8).reshape(8, 2, 4), ["x"] * 8),
    "heat": lambda: plotting.matrix_heatmap(
        [[1.0, -2.5, 0.0], [100.0, 3.0, np.pi]],
        row_names=["a", "b"],
        column_names=["one", "two", "three"],
        fmt="{:.1f}",
        **NAMED,
    ),
    "heat alone": lambda: plotting.matrix_heatmap([[1.0, 2.0]]),
    "shapes": lambda: plotting.matrix_shapes(
        [("Y", (4, 3)), "=", ("X", (4, 2)), "@", ("W", (2, 3)), "+", ("b", (1, 3))],
        dims=[("n", "k"), ("n", "d"), ("d", "k"), ("1", "k")],
    ),
    "shapes with their numbers": lambda: plotting.matrix_shapes(
        [("X", (400, 2)), "→", ("x", (1, 1))]
    ),
    "network": lambda: plotting.network_diagram(
        WEIGHTS,
        node_names=[["$x_1$", "$x_2$"], ["$h_1$", "$h_2$"], ["$y$"]],
        node_values=[[1.0, 0.5], ["a", 2.25], [-1.0]],
        edge_labels=[[["a", "b"], ["c", "d"]], [["e"], ["f"]]],
        layer_names=["in", "hidden", "out"],
    ),
    "network with usual names": lambda: plotting.network_diagram(WEIGHTS),
    "network without numbers": lambda: plotting.network_diagram(WEIGHTS, edge_labels=False),
    "cycle": plotting.learning_cycle,
    "seven paths": lambda: plotting.contour_path(
        X, Y, BOWL, {f"{k}": PATH + k / 10 for k in range(7)}
    ),
    "seven curves": lambda: plotting.loss_curves({f"{k}": [1.0 + k, 2.0] for k in range(7)}),
    "seven methods": lambda: plotting.error_against_step(
        np.logspace(-9.0, 0.0, 61), {f"{k}": np.logspace(-9.0, k, 61) for k in range(7)}, {"5": 0.1}
    ),
    "still of a race": lambda: (
        plotting.race({"bowl": COURSE, "again": COURSE._replace(levels=[1.0, 2.0])}).still().axes[0]
    ),
}


# Where a change is meant: look at the picture that the test names, then put in the hash it gives.
RECORDED_WITH = "3.11.2"
RECORDED = {
    "secants": "97a69ce8ab482145",
    "tangent": "5b8109d058fc644a",
    "errors": "1fe9268a0c746d7d",
    "errors alone": "57ad93b29f93b77b",
    "slopes": "2e120c758eb1784c",
    "no slope": "ad45684a877e2dde",
    "field": "ccc61fac79d95db5",
    "field of levels chosen": "2f39d10991f63121",
    "losses": "5036bf0a85656b50",
    "squares": "0a7371a036016f88",
    "squares with usual names": "c26295bc803d9ede",
    "paths": "aebfc86968b12050",
    "long path": "0b6ac74b3956c542",
    "sweep": "a629fead3700f7ca",
    "sweep to a ceiling": "843cbeb8d4e91b6f",
    "sweep alone": "0a359ccc50af286f",
    "curves": "7b5c8a22ff40a56e",
    "curves on a plain axis": "9b881a27bb584dae",
    "long curve": "a9474e781d4dca79",
    "prediction": "c41b97f628237d41",
    "prediction on plain axes": "8dacebda3337b6fc",
    "bars": "57af3ac4460c841e",
    "bars on a log axis": "9afae1420a85b00c",
    "map": "0b2a7296a5b56db8",
    "map alone": "64431652aa138a64",
    "strips": "da30702f201b0c89",
    "strips alone": "d99ee74861d7a711",
    "contours": "b1f4e3bc0eb00a3b",
    "contours with usual names": "0928f3bca354b881",
    "contours alone": "c4266acb7661dae0",
    "surface": "099e41db49572d03",
    "surface with usual names": "e952510216649827",
    "surface alone": "b4bac7853b752201",
    "ridges": "455799e74ec7f75e",
    "ridges of usual width": "35b6a3d373fe385c",
    "images": "b6cff2fe0fe9dd1b",
    "images of usual number": "1697fd30cc409c97",
    "heat": "5d7cb77e58432816",
    "heat alone": "f2a06ce046474271",
    "shapes": "f6da6f2b6110e697",
    "shapes with their numbers": "c25d221ed43cb50e",
    "network": "2a3c0deb8e846bcd",
    "network with usual names": "3847775fef09b3b1",
    "network without numbers": "837d5a8d8d4871bb",
    "cycle": "2c721498dd1bcae6",
    "seven paths": "d79db31e8c35a02d",
    "seven curves": "1e9afe14e43caa49",
    "seven methods": "a573bd74ed7e16ca",
    "still of a race": "31478c4f7bd1840f",
    "race": "ac5ed2b8d3143a29",
}


def picture(svg: bytes) -> str:
    """Return what identifies a picture; the last digits of a number are the machine's."""
    rounded = re.sub(rb"-?\d+\.\d+", lambda number: b"%.2f" % float(number[0]), svg)
    return hashlib.sha256(rounded).hexdigest()[:16]


def recorded(name: str, svg: bytes, file: Path) -> None:
    """Compare a picture, and leave it where it can be looked at."""
    file.write_bytes(svg)
    assert picture(svg) == RECORDED[name], f"look at {file}"


@pytest.mark.skipif(
    mpl.__version__ != RECORDED_WITH, reason=f"the pictures are those of matplotlib {RECORDED_WITH}"
)
@pytest.mark.parametrize("name", LOOKS)
def test_a_figure_looks_as_recorded(name: str, tmp_path: Path) -> None:
    svg = plotting.svg_bytes(plotting._figure_of(LOOKS[name]()))
    recorded(name, svg, tmp_path / f"{name}.svg")


def test_a_race_looks_as_recorded(tmp_path: Path) -> None:
    courses = {"bowl": COURSE, "again": COURSE._replace(y=Y[:, 0] / 3.0, levels=[1.0, 2.0])}
    recorded("race", plotting.race(courses).html.encode(), tmp_path / "race.html")


def test_each_look_is_recorded() -> None:
    assert list(RECORDED) == [*LOOKS, "race"]


@pytest.mark.parametrize("name", sorted(ALL))
def test_two_renders_give_the_same_bytes(name: str) -> None:
    first, second = (plotting.svg_bytes(ALL[name]().figure) for _ in range(2))
    assert first == second
    assert b"<dc:date>" not in first
    assert len(first) < 160_000


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_draws_on_the_axes_it_is_given_and_makes_no_other_figure(name: str) -> None:
    _, ax = plt.subplots()
    before = plt.get_fignums()
    assert FIGURES[name](ax=ax) is ax
    assert plt.get_fignums() == before
    assert ax.get_children()


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_makes_a_figure_of_the_books_width(name: str) -> None:
    figure = FIGURES[name]().figure
    assert isinstance(figure, Figure)
    assert figure.get_size_inches()[0] == 6.4


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_ax_must_be_axes(name: str) -> None:
    with pytest.raises(TypeError, match=r"^ax must be a matplotlib Axes or None, got str"):
        FIGURES[name](ax="axes")


@pytest.mark.parametrize("name", sorted(set(FIGURES) - {"learning_cycle"}))
def test_axes_are_labelled_or_switched_off(name: str) -> None:
    ax = FIGURES[name]()
    rows_have_names = name in {"matrix_heatmap", "bars", "strips"}
    assert rows_have_names or (ax.get_xlabel() and ax.get_ylabel()) or not ax.axison


def test_public_names_are_all_there() -> None:
    assert all(hasattr(plotting, name) for name in plotting.__all__)
    assert set(ALL) <= set(plotting.__all__)


def test_svg_bytes_wants_a_figure() -> None:
    with pytest.raises(TypeError, match=r"^figure must be a matplotlib Figure, got str"):
        plotting.svg_bytes("figure")  # type: ignore[arg-type]


# Pages 2 and 3


def test_tangent_and_secants_pass_through_their_points() -> None:
    x = np.linspace(0.0, 2.0, 41)
    ax = plotting.tangent_and_secants(x, x**2, 1.0, 1.0, 2.0, [(0.2, 2.2), (-0.8, 1.2)])
    curve, tangent, wide, narrow = ax.lines[:4]
    np.testing.assert_array_equal(curve.get_xydata(), np.stack([x, x**2], axis=1))
    np.testing.assert_allclose(tangent.get_xydata(), [[0.0, -1.0], [2.0, 3.0]])
    assert wide.get_label() == "secant, $h$ = -0.8, slope 1.2"
    np.testing.assert_allclose(wide.get_xydata(), [[0.0, -0.2], [2.0, 2.2]])
    assert wide.get_alpha() < narrow.get_alpha() == 1.0
    np.testing.assert_allclose(ax.lines[4].get_xydata(), [[0.2, 0.04]])
    np.testing.assert_allclose(ax.lines[5].get_xydata(), [[1.2, 1.44]])
    np.testing.assert_allclose(ax.lines[6].get_xydata(), [[1.0, 1.0]])
    assert legend(ax) == labels(ax)[:4]


def test_a_tangent_needs_no_secant() -> None:
    assert len(plotting.tangent_and_secants([0, 1], [0, 1], 0.5, 0.5, 1.0).lines) == 3


def test_errors_below_the_floor_are_drawn_at_the_floor() -> None:
    ax = plotting.error_against_step([0.1, 0.2], {"complex": [0.0, 1e-3]}, {"complex": 0.1})
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1e-17, 1e-3])
    assert ax.lines[1].get_xdata() == [0.1, 0.1]
    assert ax.lines[1].get_color() == ax.lines[0].get_color()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_flat_directions_lie_between_rising_and_falling() -> None:
    ax = plotting.directional_derivative(DEGREES, 3 * np.cos(np.radians(DEGREES - 30.5)), 30.5)
    flat = next(line for line in ax.lines if line.get_label() == "flat: $D_v f = 0$")
    np.testing.assert_allclose(flat.get_xdata(), [120.5, 300.5], atol=1e-6)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), DEGREES)
    at = next(line for line in ax.lines if "direction" in str(line.get_label()))
    assert at.get_xdata() == [30.5, 30.5]
    rising, falling = ax.collections
    assert rising.get_paths()[0].vertices[:, 1].min() >= -1e-12
    assert falling.get_paths()[0].vertices[:, 1].max() <= 1e-12
    assert rising.get_hatch() != falling.get_hatch()


def test_an_exact_zero_is_flat_and_counted_once() -> None:
    ax = plotting.directional_derivative([0.0, 90.0, 180.0], [1.0, 0.0, -1.0], 0.0)
    flat = next(line for line in ax.lines if line.get_label() == "flat: $D_v f = 0$")
    np.testing.assert_array_equal(flat.get_xdata(), [90.0])


def test_gradient_arrows_stand_inside_the_grid_and_point_uphill() -> None:
    ax = plotting.gradient_field(X, Y, BOWL, 2.0 * X, 6.0 * Y, arrows=5)
    (quiver,) = (c for c in ax.collections if isinstance(c, Quiver))
    assert len(quiver.X) == 25
    np.testing.assert_allclose(quiver.U, 2.0 * quiver.X)
    np.testing.assert_allclose(quiver.V, 6.0 * quiver.Y)
    assert np.abs(quiver.X).max() < 2.0
    assert np.abs(quiver.Y).max() < 1.0
    assert ax.get_aspect() == 1.0
    assert texts(ax), "contours are labelled"
    longest = np.hypot(quiver.U, quiver.V).max() / quiver.scale
    assert longest == pytest.approx(4.0 / 6.0)


def test_a_field_that_vanishes_is_drawn() -> None:
    shown(plotting.gradient_field(X, Y, BOWL, 0.0 * X, 0.0 * Y))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_contours_fit_any_size_of_loss(scale: float) -> None:
    levels = plotting._levels(scale * BOWL)
    assert 5 <= len(levels) <= 12
    assert (np.diff(levels) > 0.0).all()
    assert scale * BOWL.min() < levels[0]
    assert levels[-1] < scale * BOWL.max()


@settings(max_examples=30, deadline=None)
@given(low=st.floats(-100.0, 100.0), width=st.floats(1e-3, 100.0))
def test_contours_lie_within_the_values(low: float, width: float) -> None:
    f = np.array([[low, low + width], [low + width / 3.0, low + width / 2.0]])
    levels = plotting._levels(f)
    inside = levels[(levels > f.min()) & (levels < f.max())]
    assert len(inside) >= 1


def test_a_narrow_range_high_up_has_levels_all_the_same() -> None:
    levels = plotting._levels(np.array([[1000.1, 1000.2], [1000.3, 1000.4]]))
    assert np.count_nonzero((levels > 1000.1) & (levels < 1000.4)) >= 5


def test_levels_of_a_bowl_are_closer_near_its_bottom() -> None:
    np.testing.assert_allclose(
        plotting._levels(np.array([[0.0, 16.0]])), [0.15, 0.6, 1.5, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0]
    )


def test_negative_levels_have_a_true_minus() -> None:
    ax = plotting.gradient_field(X, Y, X**2 - Y**2 - 2.0, 2.0 * X, -2.0 * Y)
    assert any(text.startswith("\N{MINUS SIGN}") for text in texts(ax))
    assert not any("-" in text for text in texts(ax))


def test_axes_of_a_grid_mean_its_meshgrid() -> None:
    first = plotting.contour_path(X, Y, BOWL, {"a": PATH})
    second = plotting.contour_path(X[0], Y[:, 0], BOWL, {"a": PATH})
    assert plotting.svg_bytes(first.figure) == plotting.svg_bytes(second.figure)


# Page 4


def test_losses_stand_over_their_slopes() -> None:
    r = np.linspace(-1.0, 1.0, 5)
    top, bottom = plotting.losses_compared(
        r, {"squared": r**2, "absolute": abs(r)}, {"absolute": np.sign(r), "squared": 2 * r}
    )
    np.testing.assert_array_equal(top.lines[0].get_ydata(), r**2)
    np.testing.assert_array_equal(bottom.lines[0].get_ydata(), 2 * r)
    assert top.lines[1].get_color() == bottom.lines[1].get_color()
    assert (top.get_ylabel(), bottom.get_ylabel()) == ("loss", "slope")
    assert legend(top) == ["squared", "absolute"]
    assert top.get_xlim() == bottom.get_xlim() == (-1.0, 1.0)


def test_losses_are_drawn_on_given_axes() -> None:
    _, (a, b) = plt.subplots(2)
    drawn = plotting.losses_compared([0, 1], {"a": [1, 2]}, {"a": [1, 1]}, axes=(a, b))
    assert drawn == (a, b)
    assert len(plt.get_fignums()) == 1


def test_the_area_of_a_square_is_the_squared_residual() -> None:
    y, y_hat = np.array([2.0, 0.0, 1.0]), np.array([1.0, 0.5, 1.0])
    ax = plotting.residual_squares([0.0, 1.0, 2.0], y, [0.0, 2.0], [1.0, 1.0], y_hat)
    areas = [p.get_width() * p.get_height() for p in ax.patches if isinstance(p, Rectangle)]
    np.testing.assert_allclose(areas, (y - y_hat) ** 2)
    assert [p.get_y() for p in ax.patches if isinstance(p, Rectangle)] == [1.0, 0.0, 1.0]
    assert ax.get_aspect() == 1.0
    assert legend(ax) == ["squared residual", r"prediction $\hat{y}$", "data $y$"]


# Pages 5 to 7


def test_paths_are_drawn_over_contours_with_start_and_end() -> None:
    ax = plotting.contour_path(X, Y, BOWL, {"one": PATH, "two": PATH[:2]}, equal=True)
    assert legend(ax) == ["one", "two", "start", "end"]
    one = next(line for line in ax.lines if line.get_label() == "one")
    np.testing.assert_array_equal(one.get_xydata(), PATH)
    stars = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "*"]
    np.testing.assert_array_equal(stars, PATH[[3, 1]])
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2.0, 2.0), (-1.0, 1.0))
    assert ax.get_aspect() == 1.0
    assert ax.collections[0].get_rasterized()


def test_a_long_path_has_no_marker_at_each_step() -> None:
    ax = plotting.contour_path(X, Y, BOWL, {"long": np.zeros((100, 2))})
    line = next(line for line in ax.lines if line.get_label() == "long")
    assert line.get_marker() in {None, "None"}


def test_diverged_runs_are_marked_at_the_top() -> None:
    rates, losses = [0.1, 0.2, 0.3, 0.4, 0.5], [1.0, 1e-3, 3e4, np.inf, np.nan]
    ax = plotting.lr_sweep(rates, losses, best=0.2, limit=0.25, start_loss=2.0)
    measured, diverged, start, best, limit = ax.lines
    np.testing.assert_array_equal(measured.get_ydata(), [1.0, 1e-3, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(diverged.get_xdata(), [0.3, 0.4, 0.5])
    np.testing.assert_array_equal(diverged.get_ydata(), [0.97] * 3)
    assert start.get_ydata() == [2.0, 2.0]
    assert best.get_xdata() == [0.2, 0.2]
    assert limit.get_xdata() == [0.25, 0.25]
    assert legend(ax)[3:] == ["predicted best: 0.2", "predicted limit: 0.25"]
    assert ax.get_ylim()[1] < 100.0, "a diverged run does not stretch the axis"


def test_ceiling_says_what_diverged_means() -> None:
    ax = plotting.lr_sweep([0.1, 0.2], [1.0, 50.0], ceiling=60.0, start_loss=0.1)
    assert "diverged" not in labels(ax)
    assert "diverged" in labels(plotting.lr_sweep([0.1, 0.2], [1.0, 50.0], ceiling=40.0))


def test_curves_have_gaps_where_they_cannot_be_drawn() -> None:
    ax = plotting.loss_curves({"a": [2.0, 0.0, np.inf, 1.0]})
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [2.0, np.nan, np.nan, 1.0])
    assert ax.get_yscale() == "log"
    linear = plotting.loss_curves({"a": [2.0, 0.0, np.inf, -1.0]}, log=False)
    np.testing.assert_array_equal(linear.lines[0].get_ydata(), [2.0, 0.0, np.nan, -1.0])
    assert linear.get_yscale() == "linear"


def test_curves_take_positions_and_bands() -> None:
    ax = plotting.loss_curves(
        {"a": [2.0, 1.0], "b": [3.0, 2.0, 1.0]},
        x={"a": [0.0, 10.0]},
        bands={"b": ([2.0, 1.0, 0.5], [4.0, 3.0, 2.0])},
        xlabel="gradients",
    )
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0.0, 10.0])
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [0.0, 1.0, 2.0])
    (band,) = ax.collections
    assert same_color(band.get_facecolor()[0][:3], ax.lines[1].get_color())
    assert band.get_paths()[0].vertices[:, 1].max() == 4.0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gradients", "loss")
    assert legend(ax) == ["a", "b"]


def test_measurements_are_points_and_the_prediction_a_line() -> None:
    ax = plotting.measured_and_predicted(
        [1, 2], [1.1, 0.4], [1.0, 0.5], xlabel="n", ylabel="v", prediction="1/n"
    )
    line, points = ax.lines
    assert (line.get_label(), line.get_linestyle()) == ("1/n", "-")
    assert (points.get_linestyle(), points.get_marker()) == ("None", "o")
    np.testing.assert_array_equal(points.get_ydata(), [1.1, 0.4])
    np.testing.assert_array_equal(line.get_ydata(), [1.0, 0.5])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    linear = plotting.measured_and_predicted(
        [0, 1], [0, 1], [0, -1], xlabel="n", ylabel="v", log=False
    )
    assert linear.get_xscale() == "linear"


def test_bars_say_their_numbers() -> None:
    ax = plotting.bars({"a": 1.0, "b": 20.0}, xlabel="seconds", fmt="{:.1f} s", log=True)
    assert [p.get_width() for p in ax.patches if isinstance(p, Rectangle)] == [1.0, 20.0]
    assert texts(ax) == ["1.0 s", "20.0 s"]
    assert ax.get_xscale() == "log"
    assert ax.yaxis_inverted()


# Page 7: optimizers


def test_six_curves_differ_in_colour_line_and_marker() -> None:
    ax = plotting.loss_curves({name: [2.0, 1.0] for name in "abcdef"})
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines}
    assert len(looks) == 6
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 6


def test_the_map_hatches_what_grew_and_draws_theory_over_it() -> None:
    factors = [[0.2, np.inf, 3.0], [0.9, 0.8, 1.5]]
    ax = plotting.stability_map([1.0, 2.0, 3.0], [0.0, 0.5], factors, {"limit": [2.0, 3.0]})
    assert labels(shown(ax)) == ["limit"]
    assert legend(ax) == ["limit", "diverged"]
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[2.0, 0.0], [3.0, 0.5]])
    (mesh,) = ax.findobj(QuadMesh)[:1]
    array = mesh.get_array()
    assert array is not None
    np.testing.assert_array_equal(np.ma.getmaskarray(array), [[0, 1, 1], [0, 0, 1]])
    assert (ax.get_xlim(), ax.get_ylim()) == ((1.0, 3.0), (0.0, 0.5))


def test_the_map_needs_no_curves() -> None:
    ax = plotting.stability_map([1.0, 2.0], [0.0, 0.5], [[0.5, 1.0], [0.5, 0.5]])
    assert legend(shown(ax)) == ["diverged"]


COURSE = plotting.Course(
    X[0],
    Y[:, 0],
    BOWL,
    paths={"descent": PATH, "stopped <early>": PATH[:2] * 100.0},
    losses={"descent": PATH_LOSS, "stopped <early>": [4.0, 0.0]},
    notes={"descent": "lr 0.1", "stopped <early>": "lr & 9"},
    alt='A "bowl" & two paths.',
)


def race(*names: str, **changed: Any) -> ElementTree.Element:
    course = COURSE._replace(**changed)
    return ElementTree.fromstring(plotting.race(dict.fromkeys(names or ("bowl",), course)).html)


def test_a_race_is_drawn_whole_without_its_script() -> None:
    fragment = race("bowl", "again")
    lines = fragment.findall(".//polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [2, 4, 2, 4]
    for line in lines:
        group = next(g for g in fragment.iter("g") if line in list(g))
        end = line.attrib["points"].split()[-1]
        assert list(group)[1].attrib["transform"] == f"translate({end})"
    (controls,) = (d for d in fragment.iter("div") if d.get("class") == "race-controls")
    assert not list(controls), "the book's script makes them, so that none is there without it"
    assert fragment.find(".//script") is None


def test_a_race_places_points_on_the_scale_of_its_field() -> None:
    corners = [[-2.0, -1.0], [2.0, 1.0], [0.0, 0.0], [1.0, -0.5]]
    (line,) = race(paths={"a": corners}, losses={"a": [1] * 4}, notes={"a": ""}).iter("polyline")
    assert line.attrib["points"] == "0,800 1000,0 500,400 750,600"


def test_a_race_that_leaves_the_field_is_cut_off() -> None:
    far = race().findall(".//polyline")[0]
    numbers = [int(n) for pair in far.attrib["points"].split() for n in pair.split(",")]
    assert min(numbers) >= -3000
    assert max(numbers) <= 4000


def test_a_race_names_its_runners_and_says_what_it_shows() -> None:
    fragment = race()
    assert [cell.text for cell in fragment.iter("th")][-2:] == ["descent", "stopped <early>"]
    assert [note.text for note in fragment.iter("small")] == ["lr 0.1", "lr & 9"]
    cells = [cell for cell in fragment.iter("span") if "data-losses" in cell.attrib]
    assert [cell.text for cell in cells] == ["0", "0"]
    assert cells[1].attrib["data-losses"] == "4.0e+00 0"
    pictures = [svg for svg in fragment.iter("svg") if svg.get("role") == "img"]
    assert [svg.get("aria-label") for svg in pictures] == ['A "bowl" & two paths.']
    numbers = [text.text for text in fragment.findall(".//td//text")]
    assert numbers == ["1", "2"]


def test_a_race_stands_side_by_side_without_the_style_sheet_of_the_book() -> None:
    fields = race("bowl", "again")[0]
    assert "display:flex" in fields.attrib["style"]
    assert all("flex:" in field.attrib["style"] for field in fields)
    assert all(svg.get("width") for svg in race().findall(".//td/svg"))
    assert race().findall(".//g[@fill='currentColor']/text"), "ticks in the colour of the page"


def test_a_race_is_html_where_possible_and_elsewhere_its_still() -> None:
    shown = plotting.race({"bowl": COURSE})
    bundle = shown._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/html"] == shown.html
    assert ElementTree.fromstring(bundle["image/svg+xml"]).tag == "{http://www.w3.org/2000/svg}svg"
    assert bundle == shown._repr_mimebundle_(), "the same bytes each time"
    assert repr(shown) == "<Race: bowl>"


def test_the_still_of_a_race_shows_the_ends_of_all_paths() -> None:
    before = plt.get_fignums()
    figure = plotting.race({"bowl": COURSE, "again": COURSE}).still()
    assert plt.get_fignums() == before, "or a cell would show it a second time"
    assert len(figure.axes) == 3
    ax, table = figure.axes[1:]
    assert (ax.get_xlabel(), ax.get_xlim()) == (r"$\theta_1$, again", (-2.0, 2.0))
    lines = {line.get_color(): line for line in ax.lines if len(line.get_xydata()) > 1}
    assert np.array_equal(lines[plotting.BLUE].get_xydata(), PATH)
    assert len(lines) == 2
    first, second = ax.texts
    assert (first.get_text(), second.get_text()) == ("1", "2")
    assert first.get_position() == tuple(PATH[-1])
    assert first.get_zorder() > second.get_zorder(), "the first runner is on top"
    assert second.get_clip_on(), "one that left the field is not drawn beside it"
    assert [text.get_text() for text in table.texts if text.get_text() not in "12"] == [
        "loss, bowl", "0   lr 0.1", "0   lr & 9", "loss, again", "0   lr 0.1", "0   lr & 9",
        "descent", "stopped <early>",
    ]  # fmt: skip
    plotting.svg_bytes(figure)


def test_runners_have_the_same_line_in_the_still_and_on_the_page() -> None:
    names = [f"runner {k}" for k in range(6)]
    course = COURSE._replace(
        paths=dict.fromkeys(names, PATH),
        losses=dict.fromkeys(names, PATH_LOSS),
        notes=dict.fromkeys(names, ""),
    )
    drawn = plotting.race({"a": course})
    lines = [line for line in drawn.still().axes[0].lines if len(line.get_xydata()) > 1]
    strokes = [line.get("stroke") for line in ElementTree.fromstring(drawn.html).iter("polyline")]
    assert [line.get_color() for line in lines] == strokes[::-1]
    still = plotting.svg_bytes(drawn.still()).decode()
    assert len(set(re.findall(r"stroke-dasharray: [\d., ]+", still))) == 5, "and one is solid"
    assert [text.get_text() for text in drawn.still().axes[0].texts] == list("123456")


def test_a_race_is_the_same_twice_and_small() -> None:
    names = [f"runner {k}" for k in range(6)]
    paths = {name: np.linspace([-1.9, 0.9], [0.1, 0.0], 41) for name in names}
    course = COURSE._replace(
        paths=paths, losses=dict.fromkeys(names, np.ones(41)), notes=dict.fromkeys(names, "")
    )
    first, second = (plotting.race({"a": course, "b": course}).html for _ in range(2))
    assert first == second
    assert len(first) < 60_000
    strokes = {line.get("stroke") for line in ElementTree.fromstring(first).iter("polyline")}
    dashes = {g.get("stroke-dasharray") for g in ElementTree.fromstring(first).iter("polyline")}
    assert len(strokes) == len(dashes) == 6


def test_bands_of_a_race_cover_what_lies_above_their_level() -> None:
    fragment = race(levels=[1.0])
    (band,) = [path for path in fragment.iter("path") if "z" in path.attrib["d"]]
    assert band.attrib["d"].count("M") == 2, "the outline of the field, and the hole in it"


# Page 11


def test_strips_have_a_row_of_points_each_and_show_zero() -> None:
    samples = {"exact": np.zeros(3), "measured": [1e-9, 1e-11]}
    ax = plotting.strips(samples, xlabel="error", marks={"machine precision": 1e-16}, floor=1e-18)
    assert [list(line.get_xdata()) for line in ax.lines[:2]] == [[1e-18] * 3, [1e-9, 1e-11]]
    for row, line in enumerate(ax.lines[:2]):
        heights = np.asarray(line.get_ydata())
        assert len(set(heights)) == len(heights)
        assert (np.abs(heights - row) < 0.3).all()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["exact", "measured"]
    assert ax.yaxis_inverted()
    assert ax.get_xticks()[0] == 1e-18
    assert ax.get_xticklabels()[0].get_text() == "0"
    assert legend(ax) == ["machine precision"]
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize("sample", [[0.0], [1e-18], [1.0], [1e300]])
def test_strips_of_any_size_are_drawn_inside_the_axes(sample: list[float]) -> None:
    ax = shown(plotting.strips({"a": sample}, xlabel="error"))
    low, high = ax.get_xlim()
    assert low < ax.lines[0].get_xdata()[0] < high  # type: ignore[index]
    assert ax.get_legend() is None


# Page 12


def test_surface_carries_the_path_at_its_loss_and_on_the_floor() -> None:
    ax: Any = plotting.loss_surface(X, Y, BOWL, PATH, PATH_LOSS)
    floor = ax.get_zlim()[0]
    assert floor < BOWL.min()
    paths = [np.array(line.get_data_3d()) for line in ax.lines]
    heights = [path[2] for path in paths if path.shape == (3, 4)]
    assert any(np.array_equal(h, PATH_LOSS) for h in heights)
    assert any(np.array_equal(h, np.full(4, floor)) for h in heights)
    assert all(np.array_equal(p[:2].T, PATH) for p in paths if p.shape == (3, 4))
    drops = [path for path in paths if path.shape == (3, 2)]
    np.testing.assert_array_equal([d[2] for d in drops], [[floor, PATH_LOSS[0]], [floor, 0.0]])
    assert texts(ax).count("3") == texts(ax).count("0") == 2
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_zlabel()) == ("$w_1$", "$w_5$", "loss")
    ticks = ax.get_zticks()
    assert ticks.min() >= BOWL.min()
    shown(ax)


def test_the_path_is_drawn_over_the_surface_and_its_shadow_below() -> None:
    ax: Any = plotting.loss_surface(X, Y, BOWL, PATH, PATH_LOSS)
    (surface,) = (
        c
        for c in ax.collections
        if type(c).__name__ == "Poly3DCollection" and len(c.get_facecolor()) > 100
    )
    assert not ax.computed_zorder
    assert surface.get_rasterized()
    above = [line for line in ax.lines if np.array_equal(line.get_data_3d()[2], PATH_LOSS)]
    below = [line for line in ax.lines if len(set(line.get_data_3d()[2])) == 1]
    assert min(line.get_zorder() for line in above) > surface.get_zorder()
    assert max(line.get_zorder() for line in below) < surface.get_zorder()


def test_surface_needs_no_path_and_takes_axes_and_levels() -> None:
    ax = plt.figure().add_subplot(projection="3d")
    assert plotting.loss_surface(X[0], Y[:, 0], BOWL, levels=[1.0, 2.0], ax=ax) is ax
    assert texts(ax) == []
    assert len(ax.lines) == 0
    shown(ax)


def test_each_of_a_few_points_is_labelled_where_there_is_room() -> None:
    ax = plotting.loss_contours(X, Y, BOWL, np.linspace([-1.5, 0.8], [1.0, -0.5], 6))
    assert {"0", "1", "2", "3", "4", "5"} <= set(texts(ax))


def test_crowded_points_are_labelled_in_part_but_always_at_the_end() -> None:
    crowd = np.linspace([0.0, 0.0], [0.5, 0.2], 41)
    numbers = {text for text in texts(plotting.loss_contours(X, Y, BOWL, crowd)) if text.isdigit()}
    assert "40" in numbers
    assert len(numbers) < 12


def test_contours_number_the_path() -> None:
    ax = plotting.loss_contours(X, Y, BOWL, PATH, ["start", "1", "2", "end"])
    written = texts(ax)
    assert {"start", "end"} <= set(written)
    assert ax.get_legend() is None
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2.0, 2.0), (-1.0, 1.0))
    bare = plotting.loss_contours(X, Y, BOWL)
    assert len(bare.lines) == 0


@settings(max_examples=25, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-1.9, 1.9), st.floats(-0.9, 0.9)), min_size=1, max_size=20)
)
def test_number_labels_never_overlap(points: list[tuple[float, float]]) -> None:
    figure, ax = plt.subplots(figsize=(6.4, 4.0))
    path = np.array(points)
    ax.set(xlim=(-2, 2), ylim=(-1, 1))
    names = [str(k) for k in range(len(path))]
    plotting._number_points(ax, path, ax.transData.transform(path), names)
    assert names[-1] in texts(ax)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [text.get_window_extent(renderer) for text in ax.texts]
    plt.close(figure)
    for i, box in enumerate(boxes):
        assert not any(box.shrunk(0.9, 0.7).overlaps(other) for other in boxes[:i])


# Matrices and diagrams


def test_heatmap_writes_each_entry_in_its_cell() -> None:
    ax = plotting.matrix_heatmap(
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]],
        row_names=["a", "b"],
        column_names=["c", "d", "e"],
        xlabel="x",
        ylabel="y",
    )
    assert texts(ax) == ["1", "2", "3", "4", "5", "6.5"]
    assert ax.texts[3].get_position() == (0, 1)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["c", "d", "e"]
    assert ax.images[0].get_array().shape == (2, 3)  # type: ignore[union-attr]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_heatmap_can_go_without_numbers() -> None:
    assert texts(plotting.matrix_heatmap([[1.0, 2.0]], fmt="")) == []


def test_boxes_have_the_sides_of_the_matrices() -> None:
    ax = plotting.matrix_shapes(
        [("X", (4, 2)), "@", ("W", (2, 3)), "=", ("Z", (4, 3))],
        dims=[("n", "d_in"), ("d_in", "d_out"), ("", "")],
    )
    boxes = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert [(b.get_height(), b.get_width()) for b in boxes] == [(4, 2), (2, 3), (4, 3)]
    assert all(a.get_x() + a.get_width() < b.get_x() for a, b in itertools.pairwise(boxes))
    assert texts(ax) == [
        *("X", "d_in = 2", "n = 4", "@"),
        *("W", "d_out = 3", "d_in = 2", "="),
        *("Z", "3", "4"),
    ]


def test_network_has_an_edge_per_weight_and_a_node_per_value() -> None:
    ax = plotting.network_diagram(
        WEIGHTS, node_values=[[0.5, 1.0], ["?", 0.45], [2.9]], layer_names=["in", "hidden", "out"]
    )
    assert len(ax.lines) == 6
    assert [type(p) for p in ax.patches] == [Circle] * 5
    assert texts(ax) == [
        *("$w_{1}$ = 1", "$w_{2}$ = -0.5", "$w_{3}$ = 0.3", "$w_{4}$ = 0.7"),
        *("$w_{5}$ = 1", "$w_{6}$ = 2"),
        *("$x_{1}$\n0.5", "$x_{2}$\n1", "$a_{1}$\n?", "$a_{2}$\n0.45", "$\\hat{y}$\n2.9"),
        *("in", "hidden", "out"),
    ]
    assert ax.get_aspect() == 1.0


def test_a_negative_weight_is_dashed_and_a_large_one_wide() -> None:
    ax = plotting.network_diagram(WEIGHTS, edge_labels=False)
    positive, negative = ax.lines[0], ax.lines[1]
    assert positive.get_linestyle() == "-"
    assert negative.get_linestyle() == "--"
    assert positive.get_color() != negative.get_color()
    widths = [line.get_linewidth() for line in ax.lines]
    assert widths[5] == max(widths) == 3.5
    assert widths[5] > widths[4] > widths[2]


def test_edges_join_the_nodes_of_their_row_and_column() -> None:
    ax = plotting.network_diagram(WEIGHTS, edge_labels=False)
    centres = [p.center for p in ax.patches if isinstance(p, Circle)]
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [centres[0], centres[3]])
    np.testing.assert_allclose(ax.lines[2].get_xydata(), [centres[1], centres[2]])


def test_edges_and_nodes_take_given_texts() -> None:
    ax = plotting.network_diagram([[[1.0]]], node_names=[["u"], ["v"]], edge_labels=[[["k"]]])
    assert texts(ax) == ["k", "u", "v"]
    deep = plotting.network_diagram([np.zeros((1, 1))] * 3 + [np.ones((1, 2))], edge_labels=False)
    assert texts(deep)[1:] == [
        *("$a^{(1)}_{1}$", "$a^{(2)}_{1}$", "$a^{(3)}_{1}$"),
        *(r"$\hat{y}_{1}$", r"$\hat{y}_{2}$"),
    ]
    shown(plotting.network_diagram([np.zeros((2, 2))]))


def test_the_map_tells_backpropagation_from_descent_without_colour() -> None:
    ax = plotting.learning_cycle()
    boxes = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    assert (len(boxes), len(arrows)) == (4, 6)
    backpropagation, descent = boxes[2:]
    assert backpropagation.get_linestyle() != descent.get_linestyle()
    written = "\n".join(texts(ax))
    assert r"computes $\nabla L(\theta)$" in written
    assert r"$\theta \leftarrow \theta - \eta\,\nabla L(\theta)$" in written


# Page 13


def test_ridges_have_one_height_each_and_the_first_on_top() -> None:
    samples = {"layer 1": [0.0, 0.1, 0.1, 0.1], "layer 2": [0.9] * 50 + [1.0]}
    ax = shown(plotting.ridges(samples, xlabel="activation", ylabel="after", bins=10))
    assert [text.get_text() for text in ax.get_yticklabels()] == list(samples)
    bottom, top = ax.get_ylim()
    assert bottom > top, "the first row is on top"
    heights: list[Any] = [outline.get_data() for outline in ax.patches]  # type: ignore[attr-defined]
    assert [data.baseline for data in heights] == [0, 1]
    assert np.allclose(heights[0].edges, np.linspace(0, 1, 11))
    assert np.allclose(0 - heights[0].values, 0.88 * np.array([1, 3] + [0] * 8) / 3)
    assert np.allclose(1 - heights[1].values, 0.88 * np.array([0] * 9 + [1]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("activation", "after")


def test_ridges_leave_out_what_lies_beyond_the_limits() -> None:
    ax = plotting.ridges({"a": [0.5, 7.0], "b": [9.0]}, xlabel="x", limits=(0.0, 1.0), bins=2)
    first, second = (outline.get_data().values for outline in ax.patches)  # type: ignore[attr-defined]
    assert np.allclose(first, [0.0, -0.88])
    assert np.allclose(second, [1.0, 1.0]), "an empty row is flat"
    assert ax.get_xlim() == (0.0, 1.0)


def test_ridges_of_one_number_have_a_width() -> None:
    ax = shown(plotting.ridges({"zero": [0.0, 0.0]}, xlabel="x"))
    assert ax.get_xlim()[0] < 0.0 < ax.get_xlim()[1]


def test_image_grid_places_images_row_by_row() -> None:
    images = np.arange(5 * 2 * 3).reshape(5, 2, 3)
    names = list("abcde")
    ax = shown(plotting.image_grid(images, names, n_columns=3))
    assert texts(ax) == names
    for drawn, image in zip(ax.images, images, strict=True):
        assert np.array_equal(np.asarray(drawn.get_array()), image)
    assert {drawn.get_clim() for drawn in ax.images} == {(0.0, 29.0)}, "one scale for all"
    corners = np.array([drawn.get_extent() for drawn in ax.images])
    left, top = corners[:, 0], corners[:, 3]
    assert left[0] == left[3] < left[1] == left[4] < left[2]
    assert top[0] == top[1] == top[2] < top[3] == top[4]
    assert np.allclose(corners[:, 1] - corners[:, 0], 3)
    assert np.allclose(corners[:, 2] - corners[:, 3], 2)
    assert all(text.get_position()[1] < y for text, y in zip(ax.texts, top, strict=True)), "above"


def test_image_grid_keeps_to_the_limits_and_the_axes_given() -> None:
    ax = plt.figure().add_subplot()
    assert plotting.image_grid(np.ones((1, 2, 2)), ["one"], limits=(0, 16), ax=ax) is ax
    assert ax.images[0].get_clim() == (0.0, 16.0)
    assert not ax.axison


# Bad input: each names the argument, what it got and what it needs

GOOD = [0.0, 1.0]
BAD: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (
        ValueError,
        r"^y must have the shape of x, \(2,\), got \(1,\)",
        lambda: plotting.tangent_and_secants(GOOD, [1.0], 0.0, 0.0, 1.0),
    ),
    (
        ValueError,
        "^x must be finite, got 1 values that are NaN or infinite among 2",
        lambda: plotting.tangent_and_secants([0.0, np.nan], GOOD, 0.0, 0.0, 1.0),
    ),
    (
        ValueError,
        r"^x must be a non-empty 1-D array, got shape \(0,\)",
        lambda: plotting.tangent_and_secants([], [], 0.0, 0.0, 1.0),
    ),
    (
        TypeError,
        "^x must be an array of real numbers, got 'abc'",
        lambda: plotting.tangent_and_secants("abc", GOOD, 0.0, 0.0, 1.0),
    ),
    (
        ValueError,
        "^slope must be finite",
        lambda: plotting.tangent_and_secants(GOOD, GOOD, 0.0, 0.0, np.inf),
    ),
    (
        ValueError,
        "^secants must be pairs .* with h not 0",
        lambda: plotting.tangent_and_secants(GOOD, GOOD, 0.0, 0.0, 1.0, [(0.0, 1.0)]),
    ),
    (
        ValueError,
        "^secants must be pairs",
        lambda: plotting.tangent_and_secants(GOOD, GOOD, 0, 0, 1, [(1.0, 1.0, 1.0)]),
    ),  # type: ignore[list-item]
    (
        ValueError,
        "^steps must be greater than 0 on a logarithmic axis, got 0",
        lambda: plotting.error_against_step(GOOD, {"a": GOOD}),
    ),
    (
        TypeError,
        "^errors must map labels to arrays, got list",
        lambda: plotting.error_against_step([1.0], [1.0]),
    ),  # type: ignore[arg-type]
    (
        ValueError,
        "^errors must hold at least one labelled array, got none",
        lambda: plotting.error_against_step([1.0], {}),
    ),
    (
        ValueError,
        r"^errors\['a'\] must have the shape of steps",
        lambda: plotting.error_against_step([1.0], {"a": GOOD}),
    ),
    (
        ValueError,
        r"^predicted must name methods of errors, \['a'\], got \['b'\]",
        lambda: plotting.error_against_step([1.0], {"a": [1.0]}, {"b": 1.0}),
    ),
    (
        ValueError,
        r"^predicted\['a'\] must be greater than 0, got -1",
        lambda: plotting.error_against_step([1.0], {"a": [1.0]}, {"a": -1.0}),
    ),
    (
        ValueError,
        "^floor must be greater than 0, got 0",
        lambda: plotting.error_against_step([1.0], {"a": [1.0]}, floor=0.0),
    ),
    (
        ValueError,
        "^values must have the shape of angles",
        lambda: plotting.directional_derivative(GOOD, [1.0], 0.0),
    ),
    (
        ValueError,
        "^angles must increase",
        lambda: plotting.directional_derivative([1.0, 1.0], GOOD, 0.0),
    ),
    (
        ValueError,
        "^gradient_angle must be finite",
        lambda: plotting.directional_derivative(GOOD, GOOD, np.nan),
    ),
    (
        ValueError,
        "^gx must have the shape of f",
        lambda: plotting.gradient_field(X, Y, BOWL, X.T, Y),
    ),
    (
        ValueError,
        "^gy must have the shape of f",
        lambda: plotting.gradient_field(X, Y, BOWL, X, Y.T),
    ),
    (
        ValueError,
        "^arrows must be at least 1, got 0",
        lambda: plotting.gradient_field(X, Y, BOWL, X, Y, arrows=0),
    ),
    (
        ValueError,
        "^levels must lie within the values, 0 to 7, got",
        lambda: plotting.gradient_field(X, Y, BOWL, X, Y, levels=[8.0]),
    ),
    (
        ValueError,
        "^x must have the shape of f",
        lambda: plotting.gradient_field(X.T, Y, BOWL, X, Y),
    ),
    (
        ValueError,
        "^y must have the shape of f",
        lambda: plotting.gradient_field(X, Y.T, BOWL, X, Y),
    ),
    (
        ValueError,
        r"^f must be at least 2 by 2, got shape \(1, 2\)",
        lambda: plotting.gradient_field(GOOD, [0.0], [GOOD], [GOOD], [GOOD]),
    ),
    (
        ValueError,
        r"^slopes must name the losses \['a'\], got \['b'\]",
        lambda: plotting.losses_compared(GOOD, {"a": GOOD}, {"b": GOOD}),
    ),
    (
        ValueError,
        r"^losses\['a'\] must have the shape of residual",
        lambda: plotting.losses_compared(GOOD, {"a": [1.0]}, {"a": GOOD}),
    ),
    (
        ValueError,
        r"^slopes\['a'\] must have the shape of residual",
        lambda: plotting.losses_compared(GOOD, {"a": GOOD}, {"a": [1.0]}),
    ),
    (
        ValueError,
        "^y_hat must have the shape of x",
        lambda: plotting.residual_squares(GOOD, GOOD, GOOD, GOOD, [1.0]),
    ),
    (
        ValueError,
        "^y must have the shape of x",
        lambda: plotting.residual_squares(GOOD, [1.0], GOOD, GOOD, GOOD),
    ),
    (
        ValueError,
        "^line_y must have the shape of line_x",
        lambda: plotting.residual_squares(GOOD, GOOD, GOOD, [1.0], GOOD),
    ),
    (
        ValueError,
        r"^paths\['a'\] must have shape \(k \+ 1, 2\), got \(1, 3\)",
        lambda: plotting.contour_path(X, Y, BOWL, {"a": [[1.0, 2.0, 3.0]]}),
    ),
    (
        ValueError,
        r"^paths\['a'\] must be finite",
        lambda: plotting.contour_path(X, Y, BOWL, {"a": [[1.0, np.inf]]}),
    ),
    (
        ValueError,
        "^losses must have the shape of lrs",
        lambda: plotting.lr_sweep([1.0], [1.0, 2.0]),
    ),
    (
        ValueError,
        "^losses must hold a positive loss of a run that did not diverge",
        lambda: plotting.lr_sweep([1.0], [np.inf]),
    ),
    (ValueError, "^lrs must be greater than 0", lambda: plotting.lr_sweep([-1.0], [1.0])),
    (ValueError, "^best must be greater than 0", lambda: plotting.lr_sweep([1.0], [1.0], best=0.0)),
    (
        ValueError,
        "^limit must be greater than 0",
        lambda: plotting.lr_sweep([1.0], [1.0], limit=-2.0),
    ),
    (TypeError, "^curves must map labels", lambda: plotting.loss_curves([1.0])),  # type: ignore[arg-type]
    (ValueError, "^x must name curves", lambda: plotting.loss_curves({"a": GOOD}, x={"b": GOOD})),
    (
        ValueError,
        "^bands must name curves",
        lambda: plotting.loss_curves({"a": GOOD}, bands={"b": (GOOD, GOOD)}),
    ),
    (
        ValueError,
        r"^x\['a'\] must have the shape of curves\['a'\]",
        lambda: plotting.loss_curves({"a": GOOD}, x={"a": [1.0]}),
    ),
    (
        ValueError,
        r"^bands\['a'\] must have the shape of curves\['a'\]",
        lambda: plotting.loss_curves({"a": GOOD}, bands={"a": (GOOD, [1.0])}),
    ),
    (
        ValueError,
        "^predicted must be greater than 0",
        lambda: plotting.measured_and_predicted([1], [1], [0], xlabel="", ylabel=""),
    ),
    (
        ValueError,
        "^measured must have the shape of x",
        lambda: plotting.measured_and_predicted([1], [1, 2], [1], xlabel="", ylabel=""),
    ),
    (
        ValueError,
        "^values must be 0 or more, got -1",
        lambda: plotting.bars({"a": -1.0}, xlabel=""),
    ),
    (
        ValueError,
        r"^values\['a'\] must be greater than 0",
        lambda: plotting.bars({"a": 0.0}, xlabel="", log=True),
    ),
    (
        ValueError,
        "^steps must be two or more values that increase",
        lambda: plotting.stability_map([1.0], [0.0, 0.5], [[0.1], [0.1]]),
    ),
    (
        ValueError,
        "^momenta must be two or more values that increase",
        lambda: plotting.stability_map([1.0, 2.0], [0.5, 0.5], [[0.1, 0.1]] * 2),
    ),
    (
        ValueError,
        r"^factors must have shape \(2, 3\), got \(3, 2\)",
        lambda: plotting.stability_map([1.0, 2.0, 3.0], [0.0, 0.5], [[0.1, 0.1]] * 3),
    ),
    (
        ValueError,
        "^factors must be 0 or more, got -0.1",
        lambda: plotting.stability_map([1.0, 2.0], [0.0, 0.5], [[0.1, -0.1]] * 2),
    ),
    (
        ValueError,
        r"^curves\['limit'\] must have the shape of momenta",
        lambda: plotting.stability_map([1.0, 2.0], [0.0, 0.5], [[1, 1]] * 2, {"limit": [2.0]}),
    ),
    (TypeError, "^courses must map labels", lambda: plotting.race([COURSE])),  # type: ignore[arg-type]
    (ValueError, "^courses must hold at least one", lambda: plotting.race({})),
    (
        TypeError,
        r"^courses\['a'\] must be a Course, got list",
        lambda: plotting.race({"a": [1.0]}),  # type: ignore[dict-item]
    ),
    (ValueError, "^courses must have 1 to 6 runners, got 0", lambda: race(paths={})),
    (
        ValueError,
        "^courses must have 1 to 6 runners, got 7",
        lambda: race(paths=dict.fromkeys("abcdefg", PATH)),
    ),
    (
        ValueError,
        r"^courses\['bowl'\]\.notes must have the runners .*, got \['a'\]",
        lambda: race(notes={"a": "b"}),
    ),
    (
        ValueError,
        r"^courses\['bowl'\]\.losses\['descent'\] must have a loss for each of the 4 rec",
        lambda: race(losses={"descent": [1.0], "stopped <early>": [1.0, 2.0]}),
    ),
    (
        ValueError,
        r"^values\['a'\] must be 0 or more, got -1",
        lambda: plotting.strips({"a": [1.0, -1.0]}, xlabel=""),
    ),
    (
        ValueError,
        r"^marks\['a'\] must be greater than 0, got 0",
        lambda: plotting.strips({"a": [1.0]}, xlabel="", marks={"a": 0.0}),
    ),
    (
        TypeError,
        "^values must map labels to arrays, got list",
        lambda: plotting.strips([1.0], xlabel=""),  # type: ignore[arg-type]
    ),
    (
        ValueError,
        "^labels must be one for each of the 4 records of path, got 1",
        lambda: plotting.loss_contours(X, Y, BOWL, PATH, ["a"]),
    ),
    (
        ValueError,
        r"^path must be a non-empty 2-D array, got shape \(2,\)",
        lambda: plotting.loss_contours(X, Y, BOWL, GOOD),
    ),
    (
        ValueError,
        "^path_loss must have one loss for each of the 4 records",
        lambda: plotting.loss_surface(X, Y, BOWL, PATH),
    ),
    (
        ValueError,
        r"^path_loss must have one loss .* got shape \(3,\)",
        lambda: plotting.loss_surface(X, Y, BOWL, PATH, PATH_LOSS[1:]),
    ),
    (
        ValueError,
        "^path must stay within the grid of u and v, got",
        lambda: plotting.loss_surface(X, Y, BOWL, PATH + 3.0, PATH_LOSS),
    ),
    (
        ValueError,
        "^loss must vary over the grid, got 3 everywhere",
        lambda: plotting.loss_surface(X, Y, 0.0 * X + 3.0),
    ),
    (ValueError, "^u must have the shape of loss", lambda: plotting.loss_surface(X.T, Y, BOWL)),
    (
        TypeError,
        '^ax must be made with projection="3d", got rectilinear axes',
        lambda: plotting.loss_surface(X, Y, BOWL, ax=plt.figure().add_subplot()),
    ),
    (
        ValueError,
        "^row_names must hold 1 names, got 2",
        lambda: plotting.matrix_heatmap([[1.0]], row_names=["a", "b"]),
    ),
    (
        ValueError,
        "^column_names must hold 1 names, got 0",
        lambda: plotting.matrix_heatmap([[1.0]], column_names=[]),
    ),
    (ValueError, "^terms must hold at least one", lambda: plotting.matrix_shapes(["="])),
    (
        TypeError,
        r"^terms must be operators or \(name, \(rows, columns\)\)",
        lambda: plotting.matrix_shapes([("X", 3)]),
    ),  # type: ignore[list-item]
    (
        ValueError,
        "^terms must have sizes of at least 1, got X",
        lambda: plotting.matrix_shapes([("X", (0, 3))]),
    ),
    (
        ValueError,
        "^dims must hold 1 pairs of names, got 0",
        lambda: plotting.matrix_shapes([("X", (1, 3))], dims=[]),
    ),
    (ValueError, "^weights must hold at least one matrix", lambda: plotting.network_diagram([])),
    (
        ValueError,
        r"^weights\[1\] must have 2 rows, .* got shape \(3, 1\)",
        lambda: plotting.network_diagram([np.ones((1, 2)), np.ones((3, 1))]),
    ),
    (
        ValueError,
        r"^node_values must fit layers of \[1, 1\] nodes",
        lambda: plotting.network_diagram([[[1.0]]], node_values=[[1.0]]),
    ),
    (
        ValueError,
        r"^node_names must fit layers of \[1, 1\] nodes",
        lambda: plotting.network_diagram([[[1.0]]], node_names=[["a", "b"], ["c"]]),
    ),
    (
        ValueError,
        r"^edge_labels must have the shapes of weights, \[\(1, 1\)\]",
        lambda: plotting.network_diagram([[[1.0]]], edge_labels=[[["a", "b"]]]),
    ),
    (
        ValueError,
        "^layer_names must hold 2 names, got 1",
        lambda: plotting.network_diagram([[[1.0]]], layer_names=["in"]),
    ),
    (
        ValueError,
        "^samples must hold at least one labelled array, got none",
        lambda: plotting.ridges({}, xlabel="a"),
    ),
    (
        ValueError,
        r"^samples\['layer 1'\] must be finite",
        lambda: plotting.ridges({"layer 1": [np.nan]}, xlabel="a"),
    ),
    (
        ValueError,
        "^bins must be at least 1, got 0",
        lambda: plotting.ridges({"layer 1": [1.0]}, xlabel="a", bins=0),
    ),
    (
        ValueError,
        r"^limits must be a lower and a higher end, got \(1, 1\)",
        lambda: plotting.ridges({"layer 1": [1.0]}, xlabel="a", limits=(1, 1)),
    ),
    (
        ValueError,
        r"^limits must be a lower and a higher end, got \(1, 0\)",
        lambda: plotting.ridges({"layer 1": [1.0]}, xlabel="a", limits=(1, 0)),
    ),
    (
        ValueError,
        "^titles must be one for each of the 2 images, got 1",
        lambda: plotting.image_grid(np.zeros((2, 3, 3)), ["a"]),
    ),
    (
        ValueError,
        "^n_columns must be at least 1, got 0",
        lambda: plotting.image_grid(np.zeros((1, 3, 3)), ["a"], n_columns=0),
    ),
    (
        ValueError,
        r"^images must be a non-empty 3-D array, got shape \(3, 3\)",
        lambda: plotting.image_grid(np.zeros((3, 3)), ["a"]),
    ),
]


ARGUMENTS: dict[Callable[..., Any], dict[str, Any]] = {
    plotting.tangent_and_secants: {"x": GOOD, "y": GOOD, "x0": 0.0, "y0": 0.0, "slope": 1.0},
    plotting.error_against_step: {
        "steps": [1.0, 2.0],
        "errors": {"a": GOOD},
        "predicted": {"a": 1.0},
        "floor": 1e-9,
    },
    plotting.directional_derivative: {"angles": GOOD, "values": GOOD, "gradient_angle": 0.0},
    plotting.gradient_field: {"x": X, "y": Y, "f": BOWL, "gx": X, "gy": Y, "levels": [1.0]},
    plotting.losses_compared: {
        "residual": GOOD,
        "losses": {"a": GOOD},
        "slopes": {"a": GOOD},
    },
    plotting.residual_squares: dict.fromkeys(["x", "y", "line_x", "line_y", "y_hat"], GOOD),
    plotting.contour_path: {"x": X, "y": Y, "f": BOWL, "paths": {"a": PATH}, "levels": [1.0]},
    plotting.lr_sweep: {
        "lrs": [1.0, 2.0],
        "losses": [1.0, 2.0],
        "best": 1.0,
        "limit": 1.0,
        "start_loss": 1.0,
        "ceiling": 9.0,
    },
    plotting.loss_curves: {
        "curves": {"a": GOOD},
        "x": {"a": GOOD},
        "bands": {"a": (GOOD, GOOD)},
    },
    plotting.measured_and_predicted: {key: [1.0, 2.0] for key in ["x", "measured", "predicted"]},
    plotting.bars: {"values": {"a": 1.0}},
    plotting.stability_map: {
        "steps": GOOD,
        "momenta": GOOD,
        "factors": [GOOD, GOOD],
        "curves": {"a": GOOD},
    },
    plotting.strips: {"values": {"a": GOOD}, "marks": {"a": 1.0}, "floor": 1e-9},
    plotting.loss_contours: {"u": X, "v": Y, "loss": BOWL, "path": PATH, "levels": [1.0]},
    plotting.loss_surface: {
        "u": X,
        "v": Y,
        "loss": BOWL,
        "path": PATH,
        "path_loss": PATH_LOSS,
        "levels": [1.0],
    },
    plotting.ridges: {"samples": {"a": GOOD}, "limits": (0.0, 1.0)},
    plotting.image_grid: {"images": [[GOOD]], "limits": (0.0, 1.0)},
    plotting.matrix_heatmap: {"values": [GOOD]},
}
MORE: dict[Callable[..., Any], dict[str, Any]] = {
    plotting.image_grid: {"titles": ["a"]},
    plotting.bars: {"xlabel": ""},
    plotting.strips: {"xlabel": ""},
    **dict.fromkeys([plotting.measured_and_predicted, plotting.ridges], NAMED),
}
EACH = [(draw, name) for draw, arguments in ARGUMENTS.items() for name in arguments]


@pytest.mark.parametrize(
    ("draw", "name"), EACH, ids=[f"{draw.__name__}-{name}" for draw, name in EACH]
)
def test_each_array_and_number_is_asked_for_by_name(draw: Callable[..., Any], name: str) -> None:
    arguments = ARGUMENTS[draw] | MORE.get(draw, {})
    draw(**arguments)
    if isinstance(arguments[name], dict):
        in_words = re.escape(f"{name}['a']")
        bad = {"a": ("words", "words") if name == "bands" else "words"}
        with pytest.raises(TypeError, match=f"^{name} must map labels to arrays, got list"):
            draw(**arguments | {name: [1.0]})
    else:
        in_words, bad = name, "words"
    with pytest.raises(
        TypeError, match=f"^{in_words} must be an array of real numbers, got 'words"
    ):
        draw(**arguments | {name: bad})


@pytest.mark.parametrize(("error", "message", "call"), BAD)
def test_bad_input_is_named(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()
    made = [plt.figure(number) for number in plt.get_fignums()]
    assert not any(figure.axes[0].lines for figure in made), "checked before anything is drawn"
