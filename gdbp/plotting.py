r"""Draw the figures of the book: arrays in, Axes out.

This is the only module that imports matplotlib, and it knows no other module of gdbp. Every
function draws on the ``ax`` it is given, or on a new figure of the book's width, and returns the
Axes, so that a page can add to the picture.

Three rules hold for every figure:

* Colour is never the only cue. Series also differ in line style, marker or hatch, and the colours
  (Okabe and Ito's hues, darkened) grow steadily lighter, so that they keep their order in grey.
* The background is transparent, and nothing depends on it being white. In the dark theme the style
  sheet applies ``invert(1) hue-rotate(180deg)``, which turns lightness over and keeps the hue.
  Colour scales turn over together with their colour bar, and text on them stays legible.
* A caption says what a picture shows, so figures have no title. The room above the axes belongs
  to the legend, where it can hide nothing.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory, offset_copy
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BLUE",
    "COLOURS",
    "GREEN",
    "INK",
    "ORANGE",
    "PURPLE",
    "VERMILION",
    "Course",
    "Race",
    "bars",
    "contour_path",
    "directional_derivative",
    "error_against_step",
    "gradient_field",
    "image_grid",
    "learning_cycle",
    "loss_contours",
    "loss_curves",
    "loss_surface",
    "losses_compared",
    "lr_sweep",
    "matrix_heatmap",
    "matrix_shapes",
    "measured_and_predicted",
    "network_diagram",
    "race",
    "residual_squares",
    "ridges",
    "stability_map",
    "strips",
    "svg_bytes",
    "tangent_and_secants",
    "use_style",
]

FloatArray = NDArray[np.float64]

INK: Final = "#000000"
"""Text, axes, and the one curve that a figure is about."""
BLUE: Final = "#004f7e"
"""First colour of the cycle, CIE lightness 32."""
VERMILION: Final = "#9d4300"
"""Second colour, lightness 40."""
GREEN: Final = "#00825e"
"""Third colour, lightness 48."""
PURPLE: Final = "#b76c95"
"""Fourth colour, lightness 55."""
ORANGE: Final = "#c68800"
"""Fifth colour, lightness 61: the lightest with a contrast of 3 to 1 on white."""
COLOURS: Final = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
"""The colour cycle, from dark to light. Its contrast on white, and on the dark theme after the
filter, is at least 3 to 1; the hues are those of Okabe and Ito."""

_DASHES: Final[tuple[Any, ...]] = (
    "-",
    (0, (5, 2)),
    (0, (6, 2, 1.2, 2)),
    (0, (1.2, 1.4)),
    (0, (8, 2, 1.2, 2, 1.2, 2)),
)
_MARKERS: Final = ("o", "s", "^", "D", "v")
_WIDTH: Final = 6.4
_DPI: Final = 192
_GREY: Final = "#6b6b6b"
_SURFACE_VIEW: Final = (32.0, -52.0)

_ROUND: Final = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0])

# Viridis without its darkest part, mixed with white, from light (low) to deep (high): still
# perceptually uniform, and text on it has a contrast of at least 4.5 to 1 in both themes.
_PALE: Final = ListedColormap(
    0.6 * mpl.colormaps["viridis_r"](np.linspace(0.0, 0.85, 256)) + 0.4, name="pale_viridis_r"
)


# Style and output


def use_style() -> None:
    r"""Set the look of every figure of the book.

    Text is 12 pt on a figure of 6.4 in, the size of the body text on a desktop, and still 9 px high
    when a phone of 390 px scales the figure down. SVG text is drawn as paths: a reader's device
    need not have the font, so that labels keep their width and place (text as ``<text>`` would be
    smaller, but inside ``<img>`` it falls back to any font and moves). Heavy parts are rasterized
    inside the SVG at 192 dpi, twice the pixels of the page.

    Inside IPython, and only there, the inline backend is told to emit SVG of the full figure
    (never cropped, so that the text has one size in all figures) without a date. Equal figures
    then give equal bytes.

    Note:
        Calling it twice changes nothing. It belongs in the first cell of each page.

    Examples:
        >>> use_style()
        >>> plt.rcParams["figure.facecolor"], plt.rcParams["svg.hashsalt"]
        ('none', 'gdbp')
    """
    plt.rcParams.update(
        {
            "figure.figsize": (_WIDTH, 4.0),
            "figure.facecolor": "none",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "none",
            "savefig.dpi": _DPI,
            "axes.facecolor": "none",
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=COLOURS, linestyle=_DASHES),
            "axes.formatter.useoffset": False,
            "grid.color": "#d4d4d4",
            "grid.linewidth": 0.6,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "font.family": "DejaVu Sans",
            "mathtext.fontset": "dejavusans",
            "font.size": 12.0,
            "axes.labelsize": 12.0,
            "xtick.labelsize": 11.0,
            "ytick.labelsize": 11.0,
            "legend.fontsize": 11.0,
            "legend.frameon": False,
            "lines.linewidth": 2.0,
            "lines.markersize": 6.0,
            "hatch.linewidth": 0.6,
            "image.cmap": "viridis",
            "svg.fonttype": "path",
            "svg.hashsalt": "gdbp",
        }
    )
    _select_svg_in_ipython()


def _select_svg_in_ipython() -> None:
    """Make the inline backend emit deterministic SVG, if this process runs inside IPython."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return
    from matplotlib_inline import backend_inline
    from matplotlib_inline.config import InlineBackend

    options: dict[str, Any] = {"bbox_inches": None, "dpi": _DPI, "metadata": {"Date": None}}
    config: Any = InlineBackend.instance(parent=ipython.get_ipython())
    config.print_figure_kwargs.update(options)  # in place: setting them warns in traitlets
    config.figure_formats.clear()
    config.figure_formats.add("svg")
    select: Any = backend_inline.set_matplotlib_formats
    select("svg", **options)


def svg_bytes(figure: Figure) -> bytes:
    r"""Render a figure as SVG, the same bytes for the same figure.

    Args:
        figure: The figure, for instance ``ax.figure``.

    Returns:
        The SVG document, UTF-8.

    Raises:
        TypeError: ``figure`` is not a matplotlib Figure.

    Examples:
        >>> use_style()
        >>> ax = loss_curves({"batch": [3.0, 2.0, 1.0]})
        >>> svg_bytes(ax.figure)[:38]
        b'<?xml version="1.0" encoding="utf-8" s'
        >>> plt.close(ax.figure)
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"figure must be a matplotlib Figure, got {type(figure).__name__}")
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "gdbp", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", dpi=_DPI, metadata={"Date": None})
    return buffer.getvalue()


# Checks and small helpers


def _array(
    value: ArrayLike, name: str, ndim: int | tuple[int, ...] = 1, *, finite: bool = True
) -> FloatArray:
    """Return value as a float64 array, or say what is wrong with the argument of that name."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of real numbers, got {value!r:.60}") from error
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed or array.size == 0:
        wanted = " or ".join(f"{n}-D" for n in allowed)
        raise ValueError(f"{name} must be a non-empty {wanted} array, got shape {array.shape}")
    if finite and not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} values that "
            f"are NaN or infinite among {array.size}"
        )
    return array


def _number(value: float, name: str, *, positive: bool = False) -> float:
    """Return a finite float, or say what is wrong with the argument of that name."""
    number = float(_array(value, name, 0))
    if positive and number <= 0.0:
        raise ValueError(f"{name} must be greater than 0, got {number:g}")
    return number


def _positive(value: ArrayLike, name: str) -> FloatArray:
    """Return a 1-D array of numbers greater than 0: a logarithmic axis needs them."""
    array = _array(value, name)
    if array.min() <= 0.0:
        raise ValueError(
            f"{name} must be greater than 0 on a logarithmic axis, got {array.min():g}"
        )
    return array


def _same_shape(name: str, array: FloatArray, other_name: str, other: FloatArray) -> None:
    """Raise ValueError unless both arrays have one shape."""
    if array.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape of {other_name}, {other.shape}, got {array.shape}"
        )


def _mapping(value: Mapping[str, Any], name: str) -> None:
    """Raise unless value is a non-empty mapping from labels to arrays."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must map labels to arrays, got {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must hold at least one labelled array, got none")


def _optional(value: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    """Return a mapping that may be left out; an empty one if it was."""
    if value is None:
        return {}
    _mapping(value, name)
    return value


def _curves(
    value: Mapping[str, ArrayLike], name: str, x_name: str, x: FloatArray
) -> dict[str, FloatArray]:
    """Return labelled curves over x as arrays; NaN and infinity may stand for gaps."""
    _mapping(value, name)
    curves = {k: _array(v, f"{name}[{k!r}]", finite=False) for k, v in value.items()}
    for label, curve in curves.items():
        _same_shape(f"{name}[{label!r}]", curve, x_name, x)
    return curves


def _grid(
    x: ArrayLike, y: ArrayLike, f: ArrayLike, names: tuple[str, str, str]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return x, y and f as 2-D arrays of one shape; 1-D x and y are the axes of a meshgrid."""
    x_grid, y_grid = _array(x, names[0], (1, 2)), _array(y, names[1], (1, 2))
    values = _array(f, names[2], 2)
    if x_grid.ndim == y_grid.ndim == 1:
        x_grid, y_grid = np.meshgrid(x_grid, y_grid)
    _same_shape(names[0], x_grid, names[2], values)
    _same_shape(names[1], y_grid, names[2], values)
    if min(values.shape) < 2:
        raise ValueError(f"{names[2]} must be at least 2 by 2, got shape {values.shape}")
    return x_grid, y_grid, values


def _path(value: ArrayLike, name: str) -> FloatArray:
    """Return a path as an array of shape (k + 1, 2)."""
    path = _array(value, name, 2)
    if path.shape[1] != 2:
        raise ValueError(f"{name} must have shape (k + 1, 2), got {path.shape}")
    return path


def _axes(ax: Axes | None, height: float = 4.0) -> Axes:
    """Return ax, or the axes of a new figure of the book's width and this height in inches."""
    if ax is None:
        return plt.figure(figsize=(_WIDTH, height), layout="constrained").add_subplot()
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes or None, got {type(ax).__name__}")
    return ax


def _legend(ax: Axes, handles: Sequence[Any] | None = None) -> None:
    """Put the legend above the axes, in as many columns as fit: there it hides no data."""
    entries = ax.get_legend_handles_labels()[0] if handles is None else list(handles)
    size = FontProperties(size=plt.rcParams["legend.fontsize"]).get_size_in_points()
    texts = [TextPath((0, 0), str(entry.get_label()), size=size) for entry in entries]
    widest = max(text.get_extents().width for text in texts)
    columns = max(1, min(len(entries), int(66.0 * _WIDTH // (widest + 4.4 * size))))
    ax.legend(
        handles=entries,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        borderaxespad=0.3,
        handlelength=2.6,
        handletextpad=0.6,
        columnspacing=1.2,
    )


# A halo would write each glyph of a label twice into the SVG; a patch costs nothing.
_PATCH: Final = {"facecolor": "white", "alpha": 0.6, "edgecolor": "none", "pad": 0.8}


def _tint(colour: str, strength: float) -> tuple[float, float, float]:
    """Return a colour mixed with white; opaque, as a hatch in SVG needs its ground to be."""
    r, g, b = (1.0 - strength * (1.0 - part) for part in to_rgb(colour))
    return r, g, b


def _halo(width: float = 3.0) -> list[patheffects.AbstractPathEffect]:
    """Return a white outline that keeps a line or a text legible over anything."""
    return [patheffects.withStroke(linewidth=width, foreground="white")]


def _levels(f: FloatArray, n: int = 10) -> FloatArray:
    """Return about n round contour levels: evenly apart on a bowl f >= 0, else linear."""
    low, high = float(f.min()), float(f.max())
    raw = low + (high - low) * np.linspace(0.0, 1.0, n + 1)[1:-1] ** 2
    if low >= 0.0:
        power = 10.0 ** np.floor(np.log10(raw))
        nearest = np.abs(raw / power - _ROUND[:, None]).argmin(axis=0)
        levels = np.unique([float(f"{level:.3g}") for level in _ROUND[nearest] * power])
        levels = levels[(levels > low) & (levels < high)]
        if levels.size > n / 2:
            return np.asarray(levels, dtype=np.float64)
    return np.asarray(MaxNLocator(n).tick_values(low, high), dtype=np.float64)


def _bands(
    f: FloatArray, levels: ArrayLike | None, name: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the levels of the contour lines, the edges of the bands between, and their fills."""
    low, high = float(f.min()), float(f.max())
    if low == high:
        raise ValueError(f"{name} must vary over the grid, got {low:g} everywhere")
    lines = _levels(f) if levels is None else np.unique(_array(levels, "levels"))
    inside: FloatArray = lines[(lines > low) & (lines < high)]
    if inside.size == 0:
        raise ValueError(f"levels must lie within the values, {low:g} to {high:g}, got {lines}")
    edges = np.concatenate([[low], inside, [high]])
    return inside, edges, _PALE(np.linspace(0.0, 1.0, len(edges) - 1))


def _minus(level: float) -> str:
    """Write a level with a true minus sign, as the ticks have it."""
    return f"{level:g}".replace("-", "\N{MINUS SIGN}")


def _draw_contours(
    ax: Axes,
    x: FloatArray,
    y: FloatArray,
    f: FloatArray,
    levels: ArrayLike | None,
    *,
    labels: bool = True,
) -> None:
    """Draw filled contours, as an image, and lines, labelled where there is room for it."""
    inside, edges, fills = _bands(f, levels, "f")
    ax.contourf(x, y, f, levels=edges, colors=fills, zorder=0).set_rasterized(True)
    drawn = ax.contour(x, y, f, levels=inside, colors=INK, linewidths=0.7, alpha=0.6, zorder=1)
    ax.grid(False)
    if not labels:
        return
    for text in ax.clabel(drawn, fmt=_minus, fontsize=10, inline=False, colors=INK):
        text.set(alpha=1.0, bbox=_PATCH, zorder=4)
        across, up = ax.transAxes.inverted().transform(
            text.get_transform().transform(text.get_position())
        )
        if not (0.05 < across < 0.95 and 0.05 < up < 0.95):
            text.remove()


# Pages 2 and 3: derivatives


def tangent_and_secants(
    x: ArrayLike,
    y: ArrayLike,
    x0: float,
    y0: float,
    slope: float,
    secants: Sequence[tuple[float, float]] = (),
    *,
    xlabel: str = "$x$",
    ylabel: str = "$f(x)$",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a curve, its tangent in one point, and secants that close in on it.

    .. math:: f(x_0 + h) \approx f(x_0) + h \, m_h, \qquad
       m_h = \frac{f(x_0 + h) - f(x_0)}{h} \to f'(x_0)

    Args:
        x: Where the curve is known, shape (n,).
        y: The curve, shape (n,).
        x0: The point of contact.
        y0: f(x0).
        slope: f'(x0), the slope of the tangent.
        secants: Pairs (h, slope of the secant for that h), with h not 0; drawn from faint (wide h)
            to strong (narrow h).
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with the curve, the tangent, then the secants from wide to narrow as its lines.

    Raises:
        TypeError: An argument does not hold numbers.
        ValueError: The shapes of ``x`` and ``y`` differ, a value is not finite, or an h is 0.

    Examples:
        >>> x = np.linspace(0.0, 2.0, 50)
        >>> ax = tangent_and_secants(x, x**2, 1.0, 1.0, 2.0, [(0.8, 2.8), (0.4, 2.4)])
        >>> [line.get_label() for line in ax.lines[:3]]
        ['$f$', 'tangent, slope 2', 'secant, $h$ = 0.8, slope 2.8']
        >>> plt.close(ax.figure)
    """
    x, y = _array(x, "x"), _array(y, "y")
    _same_shape("y", y, "x", x)
    x0, y0, slope = _number(x0, "x0"), _number(y0, "y0"), _number(slope, "slope")
    pairs = _array(secants, "secants", 2) if len(secants) else np.empty((0, 2))
    if pairs.shape[1] != 2 or (pairs[:, 0] == 0.0).any():
        raise ValueError(f"secants must be pairs (h, slope) with h not 0, got {secants!r:.60}")
    ax = _axes(ax, 4.6)
    low, high = float(y.min()), float(y.max())
    span = np.array([x.min(), x.max()])
    ax.plot(x, y, color=INK, linestyle="-", linewidth=2.4, label="$f$", zorder=3)
    ax.plot(
        span,
        y0 + slope * (span - x0),
        color=BLUE,
        linestyle="-",
        label=f"tangent, slope {slope:.4g}",
        zorder=4,
    )
    order = np.argsort(-np.abs(pairs[:, 0]))
    for rank, (h, m) in enumerate(pairs[order]):
        strength = 0.4 + 0.6 * (rank + 1) / len(pairs)
        ax.plot(
            span,
            y0 + m * (span - x0),
            color=VERMILION,
            linestyle=_DASHES[1 + rank % 4],
            linewidth=1.5,
            alpha=strength,
            label=f"secant, $h$ = {h:g}, slope {m:.4g}",
            zorder=2,
        )
    for h, m in pairs[order]:
        ax.plot([x0 + h], [y0 + h * m], marker="s", linestyle="", color=VERMILION, zorder=5)
    ax.plot([x0], [y0], marker="o", markersize=9, linestyle="", color=BLUE, zorder=6)
    margin = 0.08 * (high - low or 1.0)
    ax.set(xlim=span, ylim=(low - margin, high + margin), xlabel=xlabel, ylabel=ylabel)
    _legend(ax)
    return ax


def error_against_step(
    steps: ArrayLike,
    errors: Mapping[str, ArrayLike],
    predicted: Mapping[str, float] | None = None,
    *,
    floor: float = 1e-17,
    xlabel: str = "step $h$",
    ylabel: str = "relative error",
    ax: Axes | None = None,
) -> Axes:
    r"""Plot the error of finite differences against the step, both logarithmic.

    Args:
        steps: The steps h, greater than 0, shape (n,).
        errors: For each method, the absolute value of its relative error, shape (n,). An error
            below ``floor`` (the complex step is often exact) is drawn at ``floor``; NaN is a gap.
        predicted: For some of these methods the step that theory calls best; a vertical line in
            the colour and style of the method.
        floor: The smallest error drawn, greater than 0.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes: a line for each method, then one for each prediction.

    Raises:
        TypeError: ``errors`` is not a mapping.
        ValueError: Shapes differ, a step is not positive, or ``predicted`` names another method.

    Examples:
        >>> h = np.logspace(-8, 0, 9)
        >>> ax = error_against_step(h, {"forward": h + 1e-16 / h}, {"forward": 1e-8})
        >>> ax.get_xscale(), len(ax.lines)
        ('log', 2)
        >>> plt.close(ax.figure)
    """
    h = _positive(steps, "steps")
    floor = _number(floor, "floor", positive=True)
    _mapping(errors, "errors")
    predicted = _optional(predicted, "predicted")
    unknown = sorted(set(predicted) - set(errors))
    if unknown:
        raise ValueError(f"predicted must name methods of errors, {list(errors)}, got {unknown}")
    curves = _curves(errors, "errors", "steps", h)
    bests = {m: _number(b, f"predicted[{m!r}]", positive=True) for m, b in predicted.items()}
    ax = _axes(ax, 4.4)
    for k, (label, values) in enumerate(curves.items()):
        ax.plot(
            h,
            np.maximum(values, floor),
            color=COLOURS[k % 5],
            linestyle=_DASHES[k % 5],
            marker=_MARKERS[k % 5],
            markersize=4,
            markevery=max(1, len(h) // 24),
            label=label,
        )
    styles = {label: k for k, label in enumerate(errors)}
    for label, best in bests.items():
        k = styles[label]
        ax.axvline(
            best,
            color=COLOURS[k % 5],
            linestyle=_DASHES[k % 5],
            linewidth=1.2,
            label=f"best $h$ predicted, {label}: {best:.1e}",
        )
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    _legend(ax)
    return ax


def directional_derivative(
    angles: ArrayLike,
    values: ArrayLike,
    gradient_angle: float,
    *,
    ylabel: str = r"$D_v f$",
    ax: Axes | None = None,
) -> Axes:
    r"""Plot the directional derivative against the angle of the direction.

    .. math:: D_v f = \nabla f \cdot v = \lVert \nabla f \rVert \cos(\varphi - \varphi_{\nabla f})

    Args:
        angles: The angles of v, in degrees, increasing, shape (n,).
        values: D_v f for each angle, shape (n,).
        gradient_angle: The angle of the gradient, in degrees.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes: where f rises it is hatched upwards, where it falls downwards, and the flat
        directions are circles.

    Raises:
        ValueError: The shapes differ, or the angles do not increase.

    Examples:
        >>> degrees = np.linspace(0.0, 360.0, 361)
        >>> ax = directional_derivative(degrees, np.cos(np.radians(degrees - 60)), 60.0)
        >>> ax.get_xlabel()
        'angle of $v$ in degrees'
        >>> plt.close(ax.figure)
    """
    phi, d = _array(angles, "angles"), _array(values, "values")
    _same_shape("values", d, "angles", phi)
    if (np.diff(phi) <= 0.0).any():
        raise ValueError("angles must increase, got an angle that is not above the one before it")
    gradient_angle = _number(gradient_angle, "gradient_angle")
    ax = _axes(ax, 4.2)
    ax.plot(phi, d, color=INK, linestyle="-", linewidth=2.4, zorder=3)
    ax.axhline(0.0, color=INK, linestyle="-", linewidth=0.8)
    regions = [(d >= 0, BLUE, "///", "rising: $D_v f > 0$")]
    regions.append((d <= 0, VERMILION, "\\\\\\", "falling: $D_v f < 0$"))
    for where, colour, hatch, label in regions:
        ax.fill_between(
            phi,
            d,
            0.0,
            where=where.tolist(),
            interpolate=True,
            facecolor=_tint(colour, 0.16),
            edgecolor=colour,
            hatch=hatch,
            linewidth=0.0,
            label=label,
        )
    sign_change = np.flatnonzero(d[:-1] * d[1:] < 0.0)
    share = d[sign_change] / (d[sign_change] - d[sign_change + 1])
    flat = phi[sign_change] + share * (phi[sign_change + 1] - phi[sign_change])
    flat = np.union1d(flat, phi[d == 0.0])
    ax.plot(
        flat,
        np.zeros_like(flat),
        linestyle="",
        marker="o",
        markersize=9,
        markerfacecolor="white",
        markeredgecolor=INK,
        markeredgewidth=1.6,
        label="flat: $D_v f = 0$",
        zorder=4,
    )
    ax.axvline(
        gradient_angle,
        color=GREEN,
        linestyle=_DASHES[1],
        label=rf"direction of $\nabla f$: {gradient_angle:.4g}°",
    )
    ax.set(xlim=(phi[0], phi[-1]), xlabel="angle of $v$ in degrees", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 3, 4.5, 9]))
    ax.margins(y=0.08)
    _legend(ax)
    return ax


def gradient_field(
    x: ArrayLike,
    y: ArrayLike,
    f: ArrayLike,
    gx: ArrayLike,
    gy: ArrayLike,
    *,
    levels: ArrayLike | None = None,
    arrows: int = 12,
    xlabel: str = "$x$",
    ylabel: str = "$y$",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw gradients as arrows over labelled contours, both axes on one scale.

    With equal scales an arrow is seen to stand at right angles on the contour through its foot.

    Args:
        x: Grid of x, shape (n_y, n_x) as from ``numpy.meshgrid``, or its axis, shape (n_x,).
        y: Grid of y, shape (n_y, n_x), or its axis, shape (n_y,).
        f: The function on the grid, shape (n_y, n_x).
        gx: ∂f/∂x on the grid, shape (n_y, n_x).
        gy: ∂f/∂y on the grid, shape (n_y, n_x).
        levels: Where to draw contours; chosen from f if None.
        arrows: Arrows along each side, at most; the grid is thinned evenly to that. The longest
            arrow is as long as their distance, the others in proportion.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes.

    Raises:
        ValueError: The shapes differ, a value is not finite, or ``arrows`` is below 1.

    Examples:
        >>> x, y = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21))
        >>> ax = gradient_field(x, y, x**2 + y**2, 2 * x, 2 * y)
        >>> ax.get_aspect()
        1.0
        >>> plt.close(ax.figure)
    """
    x, y, f = _grid(x, y, f, ("x", "y", "f"))
    gx, gy = _array(gx, "gx", 2), _array(gy, "gy", 2)
    _same_shape("gx", gx, "f", f)
    _same_shape("gy", gy, "f", f)
    if arrows < 1:
        raise ValueError(f"arrows must be at least 1, got {arrows}")
    ax = _axes(ax, 5.4)
    _draw_contours(ax, x, y, f, levels)
    thin = (
        np.unique(np.linspace(0, n - 1, min(arrows, n) + 2).round().astype(int)[1:-1])
        for n in f.shape
    )
    cut = np.ix_(*thin)
    room = max(np.ptp(x), np.ptp(y)) / (arrows + 1)
    longest = float(np.hypot(gx[cut], gy[cut]).max()) or 1.0
    ax.quiver(
        x[cut],
        y[cut],
        gx[cut],
        gy[cut],
        color=INK,
        angles="xy",
        scale_units="xy",
        scale=longest / room,
        width=0.0055,
        headwidth=4,
        headlength=4.5,
        minlength=0.5,
        zorder=3,
    )
    ax.set(aspect="equal", xlabel=xlabel, ylabel=ylabel)
    return ax


# Page 4: losses


def losses_compared(
    residual: ArrayLike,
    losses: Mapping[str, ArrayLike],
    slopes: Mapping[str, ArrayLike],
    *,
    axes: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    r"""Plot losses of one residual, and below them their slopes.

    Args:
        residual: The residuals ŷ − y, increasing, shape (n,).
        losses: For each name the loss, shape (n,).
        slopes: For the same names the derivative of the loss by ŷ, shape (n,); NaN is a gap.
        axes: Where to draw losses and slopes; a new figure if None.

    Returns:
        The Axes of the losses and the Axes of the slopes.

    Raises:
        ValueError: Shapes differ, or the two mappings name different losses.

    Examples:
        >>> r = np.linspace(-2.0, 2.0, 41)
        >>> top, bottom = losses_compared(r, {"squared": r**2}, {"squared": 2 * r})
        >>> top.get_ylabel(), bottom.get_ylabel()
        ('loss', 'slope')
        >>> plt.close(top.figure)
    """
    r = _array(residual, "residual")
    panels = [
        _curves(given, name, "residual", r)
        for given, name in ((losses, "losses"), (slopes, "slopes"))
    ]
    if set(losses) != set(slopes):
        raise ValueError(f"slopes must name the losses {list(losses)}, got {list(slopes)}")
    if axes is None:
        pair = plt.subplots(2, sharex=True, figsize=(_WIDTH, 5.4), layout="constrained")[1]
        axes = (pair[0], pair[1])
    top, bottom = axes
    for k, label in enumerate(losses):
        style: dict[str, Any] = {
            "color": COLOURS[k % 5],
            "linestyle": _DASHES[k % 5],
            "label": label,
        }
        top.plot(r, panels[0][label], **style)
        bottom.plot(r, panels[1][label], **style)
    for panel, label in ((top, "loss"), (bottom, "slope")):
        panel.axhline(0.0, color=INK, linestyle="-", linewidth=0.8, zorder=1)
        panel.set(ylabel=label, xlim=(r.min(), r.max()))
    bottom.set_xlabel(r"residual $\hat{y} - y$")
    _legend(top)
    return top, bottom


def residual_squares(
    x: ArrayLike,
    y: ArrayLike,
    line_x: ArrayLike,
    line_y: ArrayLike,
    y_hat: ArrayLike,
    *,
    xlabel: str = "$x$",
    ylabel: str = "$y$",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw each squared residual as a square between data and prediction.

    .. math:: \mathrm{MSE} = \frac{1}{n} \sum_i (y_i - \hat{y}_i)^2

    Both axes have one scale, so the mean squared error is the mean area of the squares.

    Args:
        x: Inputs, shape (n,).
        y: Targets, shape (n,).
        line_x: Where the model is drawn, shape (m,).
        line_y: The model there, shape (m,).
        y_hat: Predictions for x, shape (n,).
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with a patch for each example.

    Raises:
        ValueError: Shapes differ or a value is not finite.

    Examples:
        >>> ax = residual_squares([0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5])
        >>> [float(square.get_width()) for square in ax.patches]
        [0.5, 0.5]
        >>> plt.close(ax.figure)
    """
    x, y, y_hat = _array(x, "x"), _array(y, "y"), _array(y_hat, "y_hat")
    line_x, line_y = _array(line_x, "line_x"), _array(line_y, "line_y")
    _same_shape("y", y, "x", x)
    _same_shape("y_hat", y_hat, "x", x)
    _same_shape("line_y", line_y, "line_x", line_x)
    ax = _axes(ax, 5.0)
    for k, (left, target, prediction) in enumerate(zip(x, y, y_hat, strict=True)):
        side = abs(target - prediction)
        square = Rectangle(
            (left - side if target > prediction else left, min(target, prediction)),
            side,
            side,
            facecolor=_tint(VERMILION, 0.14),
            edgecolor=VERMILION,
            hatch="///",
            linewidth=1.0,
            label="squared residual" if k == 0 else None,
        )
        ax.add_patch(square)
    ax.plot(line_x, line_y, color=BLUE, linestyle="-", label=r"prediction $\hat{y}$")
    ax.plot(x, y, color=INK, marker="o", linestyle="", label="data $y$", zorder=4)
    ax.set(aspect="equal", xlabel=xlabel, ylabel=ylabel)
    ax.autoscale_view()
    _legend(ax)
    return ax


# Pages 5 to 7: descent


def contour_path(
    x: ArrayLike,
    y: ArrayLike,
    f: ArrayLike,
    paths: Mapping[str, ArrayLike],
    *,
    levels: ArrayLike | None = None,
    equal: bool = False,
    xlabel: str = r"$\theta_1$",
    ylabel: str = r"$\theta_2$",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw descent paths over the labelled contours of the function they descend.

    Args:
        x: Grid of the first parameter, shape (n_y, n_x), or its axis, shape (n_x,).
        y: Grid of the second parameter, shape (n_y, n_x), or its axis, shape (n_y,).
        f: The loss on the grid, shape (n_y, n_x).
        paths: For each label a path, shape (k + 1, 2); record 0 is the start. It may leave the
            grid: the axes show the grid.
        levels: Where to draw contours; chosen from f if None.
        equal: Give both axes one scale, so that right angles look right.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes; an open circle marks each start, a filled star each end.

    Raises:
        ValueError: Shapes differ or a value is not finite.

    Examples:
        >>> x, y = np.meshgrid(np.linspace(-2, 2, 30), np.linspace(-2, 2, 30))
        >>> ax = contour_path(x, y, x**2 + 3 * y**2, {"lr 0.1": [[-2, 1], [-1.6, 0.4]]})
        >>> ax.get_legend().get_texts()[0].get_text()
        'lr 0.1'
        >>> plt.close(ax.figure)
    """
    x, y, f = _grid(x, y, f, ("x", "y", "f"))
    _mapping(paths, "paths")
    checked = {label: _path(path, f"paths[{label!r}]") for label, path in paths.items()}
    ax = _axes(ax, 4.8)
    _draw_contours(ax, x, y, f, levels)
    for k, (label, path) in enumerate(checked.items()):
        _draw_path(ax, path, k, label)
    ax.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), xlabel=xlabel, ylabel=ylabel)
    if equal:
        ax.set_aspect("equal")
    ends = [
        Line2D([], [], linestyle="", markerfacecolor="white", label="start", **_END_STYLE[0]),
        Line2D([], [], linestyle="", markerfacecolor=INK, label="end", **_END_STYLE[1]),
    ]
    _legend(ax, [*ax.get_legend_handles_labels()[0], *ends])
    return ax


_END_STYLE: Final[tuple[dict[str, Any], dict[str, Any]]] = (
    {"marker": "o", "markersize": 9, "markeredgecolor": INK, "markeredgewidth": 1.4},
    {"marker": "*", "markersize": 13, "markeredgecolor": "white", "markeredgewidth": 0.8},
)


def _draw_path(ax: Axes, path: FloatArray, k: int, label: str) -> None:
    """Draw one path in the k-th style, with its start and its end marked."""
    colour = INK if k == 0 else COLOURS[k % 5]
    ax.plot(*path.T, color="white", linestyle="-", linewidth=4.0, alpha=0.8, zorder=4.5)
    ax.plot(
        *path.T,
        color=colour,
        linestyle=_DASHES[k % 5],
        linewidth=1.8,
        marker=_MARKERS[k % 5] if len(path) <= 60 else None,
        markersize=4,
        label=label,
        zorder=5,
    )
    for point, face, style in zip(path[[0, -1]], ("white", colour), _END_STYLE, strict=True):
        ax.plot(*point, linestyle="", markerfacecolor=face, zorder=6, **style)


def lr_sweep(
    lrs: ArrayLike,
    losses: ArrayLike,
    *,
    best: float | None = None,
    limit: float | None = None,
    start_loss: float | None = None,
    ceiling: float | None = None,
    xlabel: str = r"learning rate $\eta$",
    ylabel: str = "loss after the last step",
    ax: Axes | None = None,
) -> Axes:
    r"""Plot the loss that a run ends with against its learning rate, both logarithmic.

    .. math:: \eta_{\text{best}} = \frac{2}{\lambda_1 + \lambda_n}, \qquad
       \eta_{\text{limit}} = \frac{2}{\lambda_{\max}}

    Args:
        lrs: Learning rates, greater than 0, shape (n,).
        losses: The loss at the end of each run, shape (n,); NaN or infinity for a run that
            diverged, 0 or more otherwise.
        best: The learning rate predicted to be best.
        limit: The learning rate from which theory predicts divergence.
        start_loss: The loss before the first step, a horizontal line.
        ceiling: A loss above it counts as diverged; 100 times ``start_loss`` if None.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes; runs that diverged are crosses at the upper edge.

    Raises:
        ValueError: Shapes differ, a rate is not positive, or no run ended with a positive loss.

    Examples:
        >>> ax = lr_sweep([0.1, 0.3, 1.2], [0.5, 0.01, np.inf], best=0.4, limit=1.0)
        >>> [line.get_label() for line in ax.lines]
        ['measured', 'diverged', 'predicted best: 0.4', 'predicted limit: 1']
        >>> plt.close(ax.figure)
    """
    rates = _positive(lrs, "lrs")
    ends = _array(losses, "losses", finite=False)
    given = {"best": best, "limit": limit, "start_loss": start_loss, "ceiling": ceiling}
    known = {k: _number(v, k, positive=True) for k, v in given.items() if v is not None}
    _same_shape("losses", ends, "lrs", rates)
    highest = known.get("ceiling", 100.0 * known.get("start_loss", np.inf))
    diverged = ~(np.isfinite(ends) & (ends <= highest))
    shown = np.where(diverged | (ends <= 0.0), np.nan, ends)
    if np.isnan(shown).all():
        raise ValueError("losses must hold a positive loss of a run that did not diverge, got none")
    ax = _axes(ax, 4.4)
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.plot(rates, shown, color=INK, linestyle="-", marker="o", markersize=4, label="measured")
    if diverged.any():
        ax.plot(
            rates[diverged],
            np.full(np.count_nonzero(diverged), 0.97),
            color=VERMILION,
            linestyle="",
            marker="x",
            markersize=7,
            markeredgewidth=1.8,
            transform=blended_transform_factory(ax.transData, ax.transAxes),
            label="diverged",
        )
    if "start_loss" in known:
        level = known["start_loss"]
        ax.axhline(level, color=_GREY, linestyle=_DASHES[3], label="loss at the start")
    for name, colour, dash in (("best", GREEN, 1), ("limit", VERMILION, 2)):
        if name in known:
            label = f"predicted {name}: {known[name]:.3g}"
            ax.axvline(known[name], color=colour, linestyle=_DASHES[dash], label=label)
    ax.margins(y=0.12)
    _legend(ax)
    return ax


def loss_curves(
    curves: Mapping[str, ArrayLike],
    *,
    x: Mapping[str, ArrayLike] | None = None,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    log: bool = True,
    xlabel: str = "step",
    ylabel: str = "loss",
    ax: Axes | None = None,
) -> Axes:
    r"""Plot several losses against the step.

    Args:
        curves: For each label the losses, shape (k + 1,), from record 0 on. What is not finite, and
            on a logarithmic axis what is not positive, is a gap.
        x: For some labels the positions, shape (k + 1,), in place of 0, 1, 2, …: for instance
            epochs, or the gradients computed so far.
        bands: For some labels the lower and upper edge of a band, each shape (k + 1,).
        log: Make the loss axis logarithmic.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes; each curve has its own colour, line style and marker.

    Raises:
        TypeError: ``curves`` is not a mapping.
        ValueError: There is no curve, shapes differ, or a band or position has no curve.

    Examples:
        >>> ax = loss_curves({"batch": [4.0, 2.0, 1.0], "stochastic": [4.0, 1.0, 1.5]})
        >>> [line.get_label() for line in ax.lines], ax.get_yscale()
        (['batch', 'stochastic'], 'log')
        >>> plt.close(ax.figure)
    """
    _mapping(curves, "curves")
    x, bands = _optional(x, "x"), _optional(bands, "bands")
    for name, given in (("x", x), ("bands", bands)):
        unknown = sorted(set(given) - set(curves))
        if unknown:
            raise ValueError(f"{name} must name curves, {list(curves)}, got {unknown}")
    places: dict[str, FloatArray] = {}
    edges: dict[str, list[FloatArray]] = {}
    for label, curve in curves.items():
        losses = _array(curve, f"curves[{label!r}]", finite=False)
        at = x.get(label, np.arange(len(losses)))
        places[label] = _array(at, f"x[{label!r}]")
        edges[label] = [_array(e, f"bands[{label!r}]") for e in bands.get(label, ())]
        for name, array in (("x", places[label]), *(("bands", edge) for edge in edges[label])):
            _same_shape(f"{name}[{label!r}]", array, f"curves[{label!r}]", losses)
    ax = _axes(ax, 4.2)
    for k, (label, at) in enumerate(places.items()):
        losses = np.asarray(curves[label], dtype=np.float64)
        drawable = np.isfinite(losses) & ((losses > 0.0) | (not log))
        ax.plot(
            at,
            np.where(drawable, losses, np.nan),
            color=(*COLOURS, INK)[k % 6],
            linestyle=(*_DASHES, (0, (3, 1.2)))[k % 6],
            marker=(*_MARKERS, "X")[k % 6],
            markersize=4.5,
            markevery=(0.025 * (k % 6), 0.15) if len(at) > 12 else 1,
            label=label,
            zorder=3,
        )
        if edges[label]:
            low, high = edges[label]
            ax.fill_between(at, low, high, color=(*COLOURS, INK)[k % 6], alpha=0.18, linewidth=0.0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if log:
        ax.set_yscale("log")
    _legend(ax)
    return ax


def measured_and_predicted(
    x: ArrayLike,
    measured: ArrayLike,
    predicted: ArrayLike,
    *,
    xlabel: str,
    ylabel: str,
    prediction: str = "predicted",
    log: bool = True,
    ax: Axes | None = None,
) -> Axes:
    r"""Plot measurements as points over the line that theory predicts.

    Args:
        x: Where it was measured, shape (n,); greater than 0 if ``log``.
        measured: What was measured, shape (n,).
        predicted: What theory predicts there, shape (n,).
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        prediction: What the legend calls the line, for instance with its formula.
        log: Make both axes logarithmic: a power law becomes a straight line.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with the line first and the points second.

    Raises:
        ValueError: Shapes differ, a value is not finite, or not positive on a logarithmic axis.

    Examples:
        >>> n = np.array([1, 2, 4, 8])
        >>> ax = measured_and_predicted(n, 1.1 / n, 1 / n, xlabel="batch size", ylabel="variance")
        >>> [line.get_label() for line in ax.lines]
        ['predicted', 'measured']
        >>> plt.close(ax.figure)
    """
    check = _positive if log else _array
    x, measured = check(x, "x"), check(measured, "measured")
    predicted = check(predicted, "predicted")
    _same_shape("measured", measured, "x", x)
    _same_shape("predicted", predicted, "x", x)
    ax = _axes(ax, 4.0)
    ax.plot(x, predicted, color=BLUE, linestyle="-", label=prediction)
    ax.plot(x, measured, color=VERMILION, linestyle="", marker="o", label="measured", zorder=3)
    if log:
        ax.set(xscale="log", yscale="log")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _legend(ax)
    return ax


def bars(
    values: Mapping[str, float],
    *,
    xlabel: str,
    fmt: str = "{:.3g}",
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw one horizontal bar for each named number, with the number at its end.

    Args:
        values: The numbers, 0 or more, by name; the first is the topmost bar.
        xlabel: What is measured, with its unit.
        fmt: How a number is written, for ``str.format``.
        log: Make the axis logarithmic; the numbers then have to be greater than 0.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes.

    Raises:
        TypeError: ``values`` is not a mapping.
        ValueError: There is no value, one is negative, or not positive on a logarithmic axis.

    Examples:
        >>> ax = bars({"batch": 1.0, "stochastic": 100.0}, xlabel="updates in an epoch")
        >>> [text.get_text() for text in ax.texts]
        ['1', '100']
        >>> plt.close(ax.figure)
    """
    _mapping(values, "values")
    lengths = [_number(v, f"values[{k!r}]", positive=log) for k, v in values.items()]
    if min(lengths) < 0.0:
        raise ValueError(f"values must be 0 or more, got {min(lengths):g}")
    ax = _axes(ax, 0.9 + 0.5 * len(lengths))
    drawn = ax.barh(list(values), lengths, height=0.62, color=BLUE, log=log)
    ax.bar_label(drawn, [fmt.format(v) for v in lengths], padding=4, fontsize=11)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.14)
    ax.set_xlabel(xlabel)
    return ax


# Page 11: in PyTorch


def strips(
    values: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    marks: Mapping[str, float] | None = None,
    floor: float = 1e-17,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a row of points for each named sample of numbers, on a logarithmic axis.

    Args:
        values: For each name its numbers, 0 or more, shape (n,); the first is the topmost row. A
            number below ``floor`` is drawn at ``floor``, which is labelled 0.
        xlabel: What is measured, with its unit.
        marks: For some labels a position, greater than 0; a vertical line, with the legend above.
        floor: The smallest number drawn, greater than 0.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes: the points of each row, then a line for each mark.

    Raises:
        TypeError: ``values`` is not a mapping.
        ValueError: There is no sample, or a number is negative or not finite.

    Examples:
        >>> ax = strips({"exact": [0.0, 1e-16], "differences": [1e-10, 1e-9]}, xlabel="error")
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['exact', 'differences']
        >>> plt.close(ax.figure)
    """
    _mapping(values, "values")
    floor = _number(floor, "floor", positive=True)
    samples = {label: _array(v, f"values[{label!r}]") for label, v in values.items()}
    for label, sample in samples.items():
        if sample.min() < 0.0:
            raise ValueError(f"values[{label!r}] must be 0 or more, got {sample.min():g}")
    marks = _optional(marks, "marks")
    places = {k: _number(v, f"marks[{k!r}]", positive=True) for k, v in marks.items()}
    ax = _axes(ax, 1.3 + 0.62 * len(samples))
    for row, sample in enumerate(samples.values()):
        # Shifted up and down by the golden ratio, so that equal numbers do not hide each other.
        shift = 0.5 * (np.arange(len(sample)) * 0.618034 % 1.0) - 0.25
        ax.plot(
            np.maximum(sample, floor),
            row + shift,
            color=COLOURS[row % 5],
            linestyle="",
            marker=_MARKERS[row % 5],
            markersize=4.0,
            alpha=0.7,
        )
    lines = [
        ax.axvline(place, color=INK, linestyle=_DASHES[1 + k % 4], linewidth=1.2, label=label)
        for k, (label, place) in enumerate(places.items())
    ]
    largest = max([10.0 * floor, *places.values(), *(s.max() for s in samples.values())])
    top = float(np.ceil(np.log10(largest)))
    decades = np.arange(top, np.log10(floor) + 1.0, -3.0)
    labels = ["0", *(rf"$10^{{{decade:.0f}}}$" for decade in decades)]
    ax.set(xscale="log", xlabel=xlabel, xlim=(floor / 4.0, 10.0**top * 2.0))
    ax.set_xticks([floor, *10.0**decades], labels)
    ax.minorticks_off()
    ax.set_yticks(range(len(samples)), list(samples))
    ax.set_ylim(len(samples) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    if lines:
        _legend(ax, lines)
    return ax


# Page 7: optimizers


def stability_map(
    steps: ArrayLike,
    momenta: ArrayLike,
    factors: ArrayLike,
    curves: Mapping[str, ArrayLike] | None = None,
    *,
    xlabel: str = r"learning rate times curvature, $\eta\lambda$",
    ylabel: str = r"momentum $\beta$",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw by what factor a step multiplies the distance to the minimum, and where it grows.

    .. math:: 0 < \eta \lambda < 2 (1 + \beta)

    Args:
        steps: The steps ηλ, increasing, shape (n_x,).
        momenta: The momenta β, increasing, shape (n_y,).
        factors: The measured factor of one step, 0 or more, shape (n_y, n_x); above 1, or not
            finite, the run diverged, and its cell is hatched.
        curves: For some labels a step ηλ for each momentum, shape (n_y,); a line each.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with a line for each of the curves.

    Raises:
        ValueError: Shapes differ, an axis does not increase, or a factor is negative.

    Examples:
        >>> measured = [[0.1, 2.0], [0.9, 0.9]]
        >>> ax = stability_map([1.0, 3.0], [0.0, 0.8], measured, {"limit": [2.0, 3.6]})
        >>> [line.get_label() for line in ax.lines]
        ['limit']
        >>> plt.close(ax.figure)
    """
    x, y = _array(steps, "steps"), _array(momenta, "momenta")
    for name, axis in (("steps", x), ("momenta", y)):
        if len(axis) < 2 or (np.diff(axis) <= 0.0).any():
            raise ValueError(f"{name} must be two or more values that increase, got {axis}")
    measured = _array(factors, "factors", 2, finite=False)
    if measured.shape != (len(y), len(x)):
        raise ValueError(f"factors must have shape {(len(y), len(x))}, got {measured.shape}")
    if (measured < 0.0).any():
        raise ValueError(f"factors must be 0 or more, got {np.nanmin(measured):g}")
    lines = {} if not curves else _curves(curves, "curves", "momenta", y)
    ax = _axes(ax, 5.2)
    edges = np.array([0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 1.0])
    fills = ListedColormap(_PALE(np.linspace(0.0, 1.0, len(edges) - 1)))
    stable = np.ma.masked_where(~(measured <= 1.0), measured)
    mesh = ax.pcolormesh(x, y, stable, cmap=fills, norm=BoundaryNorm(edges, fills.N))
    mesh.set_rasterized(True)
    ax.contourf(
        x,
        y,
        np.where(measured <= 1.0, 0.0, 1.0),
        levels=[0.5, 1.5],
        colors=[_tint(VERMILION, 0.16)],
        hatches=["///"],
        zorder=0,
    ).set(edgecolor=VERMILION, linewidth=0.0)
    for k, (label, at) in enumerate(lines.items()):
        colour = INK if k == 0 else COLOURS[k % 5]
        ax.plot(at, y, color=colour, linestyle=_DASHES[k % 5], linewidth=2.4, label=label)
    bar = _figure_of(ax).colorbar(
        mesh, ax=ax, location="bottom", label="factor of a step", ticks=edges.tolist(), aspect=40
    )
    bar.outline.set_visible(False)
    ax.set(xlim=x[[0, -1]], ylim=y[[0, -1]], xlabel=xlabel, ylabel=ylabel)
    ax.grid(False)
    diverged = Rectangle(
        (0.0, 0.0),
        1.0,
        1.0,
        facecolor=_tint(VERMILION, 0.16),
        edgecolor=VERMILION,
        hatch="///",
        linewidth=0.0,
        label="diverged",
    )
    _legend(ax, [*ax.get_legend_handles_labels()[0], diverged])
    return ax


def _figure_of(ax: Axes) -> Figure:
    """Return the figure at the root, never a subfigure."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


class Course(NamedTuple):
    """One field of a `race`: a function of two parameters, and the runs over it.

    Attributes:
        x: Axis of the first parameter, shape (n_x,).
        y: Axis of the second parameter, shape (n_y,).
        f: The loss on the grid, shape (n_y, n_x).
        paths: For each runner its path, shape (k + 1, 2). One that stops early stays where it is.
        losses: For each runner the losses along its path, shape (k + 1,).
        notes: For each runner a few words, such as its learning rate.
        alt: What the picture shows, for those who do not see it.
        levels: Where to draw contours; chosen from f if None.
    """

    x: ArrayLike
    y: ArrayLike
    f: ArrayLike
    paths: Mapping[str, ArrayLike]
    losses: Mapping[str, ArrayLike]
    notes: Mapping[str, str]
    alt: str
    levels: ArrayLike | None = None


_RACE_DASHES: Final = ("none", "10 4", "12 4 2.4 4", "2.4 2.8", "16 4 2.4 4 2.4 4", "6 2.4")
_RACE_WIDTH: Final = 1000
_RACE_HEIGHT: Final = 800


class Race:
    """What `race` returns: shown as HTML where that is possible, and elsewhere as its still.

    Attributes:
        courses: For each name a `Course`.
        html: An HTML fragment: a field with contours and paths for each course, and a table.
    """

    def __init__(self, courses: Mapping[str, Course], html: str) -> None:
        self.courses = dict(courses)
        self.html = html

    def __repr__(self) -> str:
        return f"<Race: {', '.join(self.courses)}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Return the fragment, and the still for a reader or a book that shows no HTML."""
        return {"text/html": self.html, "image/svg+xml": svg_bytes(self.still()).decode()}

    def still(self) -> Figure:
        """Draw the last step, whole: for print.

        Returns:
            A figure that pyplot does not know, so that no cell shows it by itself.

        Examples:
            >>> path, axis = [[-1, 1], [0, 0]], [-2, 0, 2]
            >>> bowl = Course(axis, axis, np.square(np.add.outer(axis, axis)), {"descent": path},
            ...               {"descent": [4, 0]}, {"descent": "lr 0.5"}, alt="A path.")
            >>> len(race({"bowl": bowl}).still().axes)
            2
        """
        runners = list(next(iter(self.courses.values())).paths)
        heights = [3.0, 0.3 * (len(runners) + 1)]
        figure = Figure(figsize=(_WIDTH, sum(heights) + 0.2), layout="constrained")
        grid = figure.add_gridspec(2, len(self.courses), height_ratios=heights)
        for column, (name, course) in enumerate(self.courses.items()):
            _draw_course(figure.add_subplot(grid[0, column]), name, course)
        _draw_standings(figure.add_subplot(grid[1, :]), self.courses, runners)
        return figure


def race(courses: Mapping[str, Course]) -> Race:
    r"""Make a picture of several runs, side by side, that a slider and a button set in motion.

    Args:
        courses: For each name a `Course`; all have the same runners, at most six.

    Returns:
        What a notebook or a page shows as a field with contours and paths for each course, and
        a table of the losses. `Race.still` draws the same with matplotlib.

    Raises:
        TypeError: ``courses`` is not a mapping, or a course is not a `Course`.
        ValueError: There is no course or no runner, there are more than six, the courses differ in
            their runners, or shapes differ.

    Note:
        What is written is the picture at the last step, whole. It is what print shows, and a
        browser without scripts, and a notebook. The book's ``race.js`` adds the controls, and takes
        parts of the paths away again to show an earlier step. It starts nothing by itself.

    Examples:
        >>> path, axis = [[-1, 1], [0, 0]], [-2, 0, 2]
        >>> bowl = Course(axis, axis, np.square(np.add.outer(axis, axis)), {"descent": path},
        ...               {"descent": [4, 0]}, {"descent": "lr 0.5"}, alt="A path to the middle.")
        >>> race({"bowl": bowl})
        <Race: bowl>
    """
    _mapping(courses, "courses")
    for name, course in courses.items():
        if not isinstance(course, Course):
            raise TypeError(f"courses[{name!r}] must be a Course, got {type(course).__name__}")
    runners = list(next(iter(courses.values())).paths)
    if not 1 <= len(runners) <= len(_RACE_DASHES):
        raise ValueError(f"courses must have 1 to {len(_RACE_DASHES)} runners, got {len(runners)}")
    for name, course in courses.items():
        for part in ("paths", "losses", "notes"):
            if list(getattr(course, part)) != runners:
                raise ValueError(
                    f"courses[{name!r}].{part} must have the runners {runners}, "
                    f"got {list(getattr(course, part))}"
                )
    fields = [_race_field(name, course) for name, course in courses.items()]
    # The layout stands here and not in the book's style sheet, which a notebook does not have.
    return Race(
        courses,
        '<div class="race"><div class="race-fields" style="display:flex;flex-wrap:wrap;gap:1rem">'
        f'{"".join(fields)}</div><div class="race-controls"></div>{_race_table(courses, runners)}'
        "</div>",
    )


def _race_field(name: str, course: Course) -> str:
    """Return the SVG of one course: bands of the loss, ticks, and the paths with their heads."""
    where = f"courses[{name!r}]"
    x, y, f = _grid(course.x, course.y, course.f, (f"{where}.x", f"{where}.y", f"{where}.f"))
    low = np.array([x.min(), y.min()])
    scale = np.array([_RACE_WIDTH, -_RACE_HEIGHT]) / (np.array([x.max(), y.max()]) - low)

    def place(points: FloatArray) -> NDArray[np.int64]:
        inside = np.clip((points - low) * scale + [0, _RACE_HEIGHT], -3000, 4000)
        return np.asarray(np.rint(inside), dtype=np.int64)

    inside, _, fills = _bands(f, course.levels, f"{where}.f")
    bands = [f'<rect width="{_RACE_WIDTH}" height="{_RACE_HEIGHT}" fill="{to_hex(fills[0])}" />']
    field = Figure().add_subplot()
    for level, fill in zip(inside, fills[1:], strict=True):
        (region,) = field.contourf(x, y, f, levels=[level, f.max() + 1.0]).get_paths()
        outline = "".join(_svg_loop(place(np.asarray(loop))) for loop in region.to_polygons())
        bands.append(f'<path d="{outline}" fill="{to_hex(fill)}" />')
    runs = []
    for k, (runner, path) in enumerate(course.paths.items()):
        points = place(_path(path, f"{where}.paths[{runner!r}]"))
        losses = _array(course.losses[runner], f"{where}.losses[{runner!r}]")
        if len(losses) != len(points):
            raise ValueError(
                f"{where}.losses[{runner!r}] must have a loss for each of the {len(points)} "
                f"records, got {len(losses)}"
            )
        dots = " ".join(f"{across},{down}" for across, down in points)
        end = f"{points[-1, 0]},{points[-1, 1]}"
        runs.append(
            f'<g><polyline points="{dots}" fill="none" {_race_stroke(k)} />'
            f'<g transform="translate({end})">{_race_head(k)}</g></g>'
        )
    return (
        f'<div style="flex:1 1 17rem"><strong>{escape(name)}</strong>'
        '<svg viewBox="-120 -10 1140 930" role="img" '
        f'aria-label="{escape(course.alt)}">{_race_ticks(low, scale)}'
        f'<svg width="{_RACE_WIDTH}" height="{_RACE_HEIGHT}" overflow="hidden">'
        '<g stroke="#000" stroke-opacity="0.4" stroke-width="1.5" fill-rule="evenodd">'
        f"{''.join(bands)}</g>{''.join(reversed(runs))}</svg></svg></div>"
    )


def _svg_loop(points: NDArray[np.int64]) -> str:
    """Return a closed outline as SVG path data, in steps relative to one another: it is shorter."""
    moves = np.diff(points, axis=0)
    steps = " ".join(f"{across} {down}" for across, down in moves[moves.any(axis=1)])
    return f"M{points[0, 0]} {points[0, 1]}l{steps}z" if steps else ""


def _race_stroke(k: int) -> str:
    """Return the attributes of the k-th runner's line; the width is that of the screen."""
    colour = (*COLOURS, INK)[k]
    return (
        f'stroke="{colour}" stroke-width="2" stroke-dasharray="{_RACE_DASHES[k]}" '
        'stroke-linejoin="round" vector-effect="non-scaling-stroke"'
    )


def _race_head(k: int) -> str:
    """Return the k-th runner's number in a circle: what tells the runners apart without colour."""
    colour = (*COLOURS, INK)[k]
    return (
        f'<circle r="26" fill="#fff" stroke="{colour}" stroke-width="5" />'
        f'<text y="13" font-size="38" text-anchor="middle" fill="#000">{k + 1}</text>'
    )


def _race_ticks(low: FloatArray, scale: FloatArray) -> str:
    """Return the numbers along both axes, and the names of the axes."""
    high = low + np.array([_RACE_WIDTH, -_RACE_HEIGHT]) / scale
    parts = []
    for axis in (0, 1):
        ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low[axis], high[axis])
        for tick in ticks[(ticks >= low[axis]) & (ticks <= high[axis])]:
            at = round((tick - low[axis]) * scale[axis])
            spot = f'x="{at}" y="845"' if axis == 0 else f'x="-16" y="{_RACE_HEIGHT + at + 12}"'
            anchor = "end" if axis else "middle"
            parts.append(f'<text {spot} text-anchor="{anchor}">{_minus(tick)}</text>')
    parts.append('<text x="500" y="900" text-anchor="middle">θ₁</text>')
    parts.append('<text x="-105" y="412">θ₂</text>')
    return f'<g font-size="38" fill="currentColor">{"".join(parts)}</g>'


def _race_loss(loss: float) -> str:
    return f"{loss:.1e}" if loss else "0"


def _race_table(courses: Mapping[str, Course], runners: Sequence[str]) -> str:
    """Return the table: a row for each runner, with its line, its name, and its losses."""
    head = "".join(f'<th scope="col">loss, {escape(name)}</th>' for name in courses)
    rows = []
    for k, runner in enumerate(runners):
        swatch = (
            '<svg viewBox="0 0 150 60" width="54" height="22" aria-hidden="true">'
            f'<path d="M0 30H150" {_race_stroke(k)} />'
            f'<g transform="translate(75,30)">{_race_head(k)}</g></svg>'
        )
        cells = []
        for course in courses.values():
            losses = [_race_loss(loss) for loss in _array(course.losses[runner], "")]
            cells.append(
                f'<td><span data-losses="{" ".join(losses)}">{losses[-1]}</span>'
                f"<small>{escape(course.notes[runner])}</small></td>"
            )
        rows.append(
            f'<tr><td>{swatch}</td><th scope="row">{escape(runner)}</th>{"".join(cells)}</tr>'
        )
    return (
        '<table><thead><tr><th></th><th scope="col">runner</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _draw_course(ax: Axes, name: str, course: Course) -> None:
    """Draw the field of one course, and over it the paths with their numbers, the first on top."""
    x, y, f = _grid(course.x, course.y, course.f, ("x", "y", "f"))
    _draw_contours(ax, x, y, f, course.levels, labels=False)
    for k, path in enumerate(course.paths.values()):
        points = _path(path, "path")
        ax.plot(*points.T, zorder=6.0 - k / 10, **_runner_line(k))
        _draw_head(ax, points[-1], k, zorder=8.0 - k / 10)
    ax.set(
        xlim=(x.min(), x.max()),
        ylim=(y.min(), y.max()),
        xlabel=rf"$\theta_1$, {name}",
        ylabel=r"$\theta_2$",
    )


def _runner_line(k: int) -> dict[str, Any]:
    """Return the k-th runner's line, the same as in the SVG of the fragment."""
    dashes = [] if _RACE_DASHES[k] == "none" else [float(n) / 2 for n in _RACE_DASHES[k].split()]
    style = (0, dashes) if dashes else "-"
    return {"color": (*COLOURS, INK)[k], "linestyle": style, "linewidth": 2.0}


def _draw_head(ax: Axes, place: ArrayLike, k: int, *, zorder: float) -> None:
    """Draw the k-th runner's number in a circle."""
    x, y = np.asarray(place).tolist()
    circle: dict[str, Any] = {"marker": "o", "markersize": 13, "markerfacecolor": "white"}
    ax.plot(x, y, markeredgecolor=(*COLOURS, INK)[k], markeredgewidth=1.6, zorder=zorder, **circle)
    number: dict[str, Any] = {"ha": "center", "va": "center_baseline", "clip_on": True}
    ax.text(x, y, str(k + 1), fontsize=9, zorder=zorder + 0.05, **number)


def _draw_standings(ax: Axes, courses: Mapping[str, Course], runners: Sequence[str]) -> None:
    """Write the table: a row for each runner, with its line, its name, its losses, its notes."""
    ax.set(xlim=(0.0, 1.0), ylim=(len(runners) + 0.5, -0.5))
    ax.set_axis_off()
    columns = 0.34 + 0.66 * np.arange(len(courses)) / len(courses)
    for column, (name, course) in zip(columns, courses.items(), strict=True):
        ax.text(column, 0, f"loss, {name}", va="center", fontweight="bold")
        for row, runner in enumerate(runners, start=1):
            end = _race_loss(_array(course.losses[runner], "")[-1])
            ax.text(column, row, f"{end}   {course.notes[runner]}", va="center", fontsize=11)
    for k, runner in enumerate(runners):
        ax.plot([0.0, 0.1], [k + 1, k + 1], **_runner_line(k))
        _draw_head(ax, (0.05, k + 1), k, zorder=3.0)
        ax.text(0.13, k + 1, runner, va="center", fontsize=11)


# Page 12: the loss surface


def loss_contours(
    u: ArrayLike,
    v: ArrayLike,
    loss: ArrayLike,
    path: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    *,
    levels: ArrayLike | None = None,
    xlabel: str = "$w_1$",
    ylabel: str = "$w_5$",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the contours of a loss over two parameters, with one path whose points are numbered.

    Args:
        u: Grid of the first parameter, shape (n_v, n_u), or its axis, shape (n_u,).
        v: Grid of the second parameter, shape (n_v, n_u), or its axis, shape (n_v,).
        loss: The loss on the grid, shape (n_v, n_u).
        path: The parameters of each record, shape (k + 1, 2).
        labels: A label for each record; the numbers 0 to k if None. Where points lie close
            together only some labels are drawn, the last one always.
        levels: Where to draw contours; chosen from the loss if None.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes.

    Raises:
        ValueError: Shapes differ, a value is not finite, or there is not one label per record.

    Examples:
        >>> u, v = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20))
        >>> ax = loss_contours(u, v, u**2 + v**2, [[-0.9, 0.8], [-0.4, 0.3], [0.0, 0.0]])
        >>> ax.get_xlabel()
        '$w_1$'
        >>> plt.close(ax.figure)
    """
    u, v, loss = _grid(u, v, loss, ("u", "v", "loss"))
    points, names = _labelled_path(path, labels)
    ax = _axes(ax, 4.8)
    ax.set(xlim=(u.min(), u.max()), ylim=(v.min(), v.max()), xlabel=xlabel, ylabel=ylabel)
    _draw_contours(ax, u, v, loss, levels)
    if len(points):
        _draw_path(ax, points, 0, "path")
        _number_points(ax, points, ax.transData.transform(points), names)
    return ax


def loss_surface(
    u: ArrayLike,
    v: ArrayLike,
    loss: ArrayLike,
    path: ArrayLike | None = None,
    path_loss: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    *,
    levels: ArrayLike | None = None,
    view: tuple[float, float] = _SURFACE_VIEW,
    xlabel: str = "$w_1$",
    ylabel: str = "$w_5$",
    zlabel: str = "loss",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a loss over two parameters as a surface, contours below it, and a path on both.

    The surface and its contours on the floor are images inside the SVG; the path is drawn over
    both, so no ridge hides it. Dotted lines join the first and the last point to their shadows.

    Args:
        u: Grid of the first parameter, shape (n_v, n_u), or its axis, shape (n_u,).
        v: Grid of the second parameter, shape (n_v, n_u), or its axis, shape (n_v,).
        loss: The loss on the grid, shape (n_v, n_u).
        path: The parameters of each record, shape (k + 1, 2), within the grid.
        path_loss: The loss at these parameters (not one step later), shape (k + 1,). For the path
            to lie on the surface it has to be the same objective.
        labels: A label for each record; the numbers 0 to k if None. Where points lie close
            together only some labels are drawn, the last one always.
        levels: Where to draw contours; chosen from the loss if None.
        view: Elevation and azimuth of the viewer, in degrees.
        xlabel: Label of the first parameter's axis.
        ylabel: Label of the second parameter's axis.
        zlabel: Label of the vertical axis.
        ax: Where to draw, made with ``projection="3d"``; a new figure if None.

    Returns:
        The 3-D Axes.

    Raises:
        TypeError: ``ax`` is not three-dimensional.
        ValueError: Shapes differ, a value is not finite, ``path`` leaves the grid or comes without
            ``path_loss``, or there is not one label per record.

    Examples:
        >>> u, v = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20))
        >>> ax = loss_surface(u, v, u**2 + v**2, [[-0.9, 0.8], [0.0, 0.0]], [1.45, 0.0])
        >>> ax.name, ax.get_zlabel()
        ('3d', 'loss')
        >>> plt.close(ax.figure)
    """
    u, v, loss = _grid(u, v, loss, ("u", "v", "loss"))
    points, names = _labelled_path(path, labels)
    heights = np.empty(0) if path_loss is None else _array(path_loss, "path_loss")
    if heights.shape != points.shape[:1]:
        raise ValueError(
            f"path_loss must have one loss for each of the {len(points)} records of path, "
            f"got shape {heights.shape}"
        )
    outside = (points < [u.min(), v.min()]) | (points > [u.max(), v.max()])
    if outside.any():
        raise ValueError(
            f"path must stay within the grid of u and v, got {points[outside.any(axis=1)][0]}"
        )
    space = _space(ax, view)
    low, high = float(loss.min()), float(loss.max())
    floor = low - 0.75 * (high - low)
    _draw_floor_and_surface(space, u, v, loss, levels, floor)
    space.set(xlabel=xlabel, ylabel=ylabel, zlim=(floor, high))
    space.set_zlabel(zlabel, rotation=90)
    ticks = MaxNLocator(4).tick_values(low, high)
    space.set_zticks([tick for tick in ticks if low <= tick <= high])
    if len(points):
        for height, above in ((np.full(len(points), floor), False), (heights, True)):
            _draw_path_in_space(space, points, height, names, above=above)
        for k in (0, -1):
            ends = [points[k, 0]] * 2, [points[k, 1]] * 2, [floor, heights[k]]
            space.plot(*ends, color=INK, linestyle=":", linewidth=1.2, zorder=2.5)
    axes: Axes = space
    return axes


def _space(ax: Axes | None, view: tuple[float, float]) -> Any:
    """Return 3-D axes that fill their figure, with transparent walls and a light grid."""
    if ax is None:
        figure = plt.figure(figsize=(_WIDTH, 5.2), layout="none")
        ax = figure.add_subplot(projection="3d", position=(-0.02, 0.03, 1.0, 1.0))
    if _axes(ax).name != "3d":
        raise TypeError(f'ax must be made with projection="3d", got {ax.name} axes')
    space: Any = ax
    space.view_init(elev=view[0], azim=view[1])
    space.set_box_aspect((1.0, 1.0, 0.95), zoom=1.0)
    space.computed_zorder = False
    for axis in (space.xaxis, space.yaxis, space.zaxis):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
        axis.set_major_locator(MaxNLocator(5))
    space.tick_params(labelsize=10, pad=0)
    return space


def _draw_floor_and_surface(
    space: Any,
    u: FloatArray,
    v: FloatArray,
    loss: FloatArray,
    levels: ArrayLike | None,
    floor: float,
) -> None:
    """Draw filled contours and lines on the floor, then the surface with the same lines."""
    lines, edges, fills = _bands(loss, levels, "loss")
    options = {"zdir": "z", "offset": floor}
    space.contourf(u, v, loss, levels=edges, colors=fills, zorder=1, **options).set_rasterized(True)
    thin = {"levels": lines, "colors": INK, "linewidths": 0.6}
    space.contour(u, v, loss, alpha=0.6, zorder=1.5, **thin, **options)
    rank = np.interp(loss, edges, np.linspace(0.0, 1.0, len(edges)))
    surface = space.plot_surface(
        u,
        v,
        loss,
        facecolors=_PALE(rank),
        rcount=60,
        ccount=60,
        shade=False,
        linewidth=0.0,
        antialiased=False,
        zorder=3,
    )
    space.contour(u, v, loss, alpha=0.4, zorder=3.5, **thin)
    surface.set_rasterized(True)


def _draw_path_in_space(
    space: Any, points: FloatArray, heights: FloatArray, names: Sequence[str], *, above: bool
) -> None:
    """Draw a path at these heights: on the surface with numbers above it, on the floor below."""
    zorder = 6 if above else 2
    place = points[:, 0], points[:, 1], heights
    space.plot(*place, color="white", linestyle="-", linewidth=4.0, alpha=0.8, zorder=zorder)
    space.plot(
        *place,
        color=INK if above else VERMILION,
        linestyle="-" if above else _DASHES[1],
        linewidth=1.8,
        marker="o" if len(points) <= 60 else None,
        markersize=4,
        zorder=zorder,
    )
    homogeneous = space.get_proj() @ np.stack([*place, np.ones(len(points))])
    screen = space.transData.transform((homogeneous[:2] / homogeneous[3]).T)
    side = 1.0 if above else -1.0
    _number_points(space, np.stack(place, axis=1), screen, names, side=side, zorder=zorder + 0.4)


def _labelled_path(
    path: ArrayLike | None, labels: Sequence[str] | None
) -> tuple[FloatArray, list[str]]:
    """Return the points of a path, none for None, and one label for each."""
    points = np.empty((0, 2)) if path is None else _path(path, "path")
    names = [str(k) for k in range(len(points))] if labels is None else [str(n) for n in labels]
    if len(names) != len(points):
        raise ValueError(
            f"labels must be one for each of the {len(points)} records of path, got {len(names)}"
        )
    return points, names


def _number_points(
    ax: Any,
    points: FloatArray,
    screen: FloatArray,
    names: Sequence[str],
    *,
    side: float = 1.0,
    zorder: float = 7,
) -> None:
    """Write labels beside points, leaving out those that would touch another or the path.

    The last and the first point come first. A label stands on the right of one who walks along the
    path (on the left for side -1); on a short path also on the other side, if that one is taken.
    """
    dots = screen * 72.0 / ax.figure.dpi
    ahead = np.gradient(dots, axis=0) if len(dots) > 1 else np.array([[-1.0, 0.0]])
    length = np.hypot(*ahead.T)[:, None]
    right = np.divide(ahead[:, ::-1] * [1.0, -1.0], length, where=length > 0.0, out=ahead * 0.0)
    sides = (side, -side) if len(names) <= 12 else (side,)
    placed: list[FloatArray] = []
    for k in [len(names) - 1, *range(len(names) - 1)]:
        room = np.array([5.0 + 7.0 * len(names[k]), 13.0])
        shifts = [sign * right[k] * [5.0 + room[0] / 2.0, 11.0] for sign in sides]
        others = np.delete(dots, k, axis=0)
        free = [shift for shift in shifts if _is_free(dots[k] + shift, room, placed, others)]
        if placed and not free:
            continue
        shift = (free or shifts)[0]
        placed.append(dots[k] + shift)
        across, up = shift.tolist()
        ax.text(
            *points[k],
            names[k],
            fontsize=11,
            ha="center",
            va="center",
            path_effects=_halo(),
            transform=offset_copy(ax.transData, ax.figure, across, up, "points"),
            zorder=zorder,
        )


def _is_free(
    centre: FloatArray, room: FloatArray, placed: Sequence[FloatArray], dots: FloatArray
) -> bool:
    """Tell whether a label of this size touches no label placed before and covers no other dot."""
    touches = any((np.abs(centre - other) < room).all() for other in placed)
    covers = (np.abs(centre - dots) < room / 2.0 + 1.0).all(axis=1).any()
    return not touches and not covers


# Page 13: deep and real


def ridges(
    samples: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    ylabel: str = "",
    limits: tuple[float, float] | None = None,
    bins: int = 60,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a histogram for each named sample, one below the other on a shared axis.

    Each histogram is scaled to the same height: shapes and places are compared, not counts.

    Args:
        samples: For each name its numbers, shape (n,); the first is the topmost histogram.
        xlabel: What is measured, with its unit.
        ylabel: What the names are.
        limits: The two ends of the axis; all numbers by default. What lies beyond is left out.
        bins: The number of bins between the ends.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with an outline for each sample.

    Raises:
        TypeError: ``samples`` is not a mapping.
        ValueError: There is no sample, one is not finite, the ends are not in order, or ``bins`` is
            below 1.

    Examples:
        >>> ax = ridges({"layer 1": [0.1, 0.2, 0.2], "layer 2": [0.5, 0.9, 0.9]}, xlabel="a")
        >>> len(ax.patches), [text.get_text() for text in ax.get_yticklabels()]
        (2, ['layer 1', 'layer 2'])
        >>> plt.close(ax.figure)
    """
    _mapping(samples, "samples")
    rows = {label: _array(v, f"samples[{label!r}]") for label, v in samples.items()}
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    ends = (min(r.min() for r in rows.values()), max(r.max() for r in rows.values()))
    low, high = _array(ends if limits is None else limits, "limits")
    if low > high or (limits is not None and low == high):
        raise ValueError(f"limits must be a lower and a higher end, got {limits}")
    edges = np.histogram_bin_edges(np.empty(0), bins, (low, high))
    ax = _axes(ax, 1.2 + 0.55 * len(rows))
    for k, sample in enumerate(rows.values()):
        counts = np.histogram(sample, edges)[0]
        ax.stairs(
            k - 0.88 * counts / max(counts.max(), 1),
            edges,
            baseline=k,
            fill=True,
            facecolor=_tint(BLUE, 0.3),
            edgecolor=BLUE,
            linewidth=1.0,
            zorder=2,
        )
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(edges[0], edges[-1]))
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.85, -1.0)
    ax.tick_params(axis="y", length=0)
    return ax


def image_grid(
    images: ArrayLike,
    titles: Sequence[str],
    *,
    n_columns: int = 6,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw small grey images side by side, each with a title above it.

    Args:
        images: The images, shape (n, height, width); large numbers are dark.
        titles: A title for each image.
        n_columns: How many images stand in a row.
        limits: The numbers drawn white and black; the smallest and the largest of all by default.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with an image and a text for each.

    Raises:
        ValueError: ``images`` is not a finite 3-D array, there are more or fewer titles than
            images, or ``n_columns`` is below 1.

    Examples:
        >>> ax = image_grid(np.eye(3).reshape(1, 3, 3), ["diagonal"])
        >>> len(ax.images), ax.texts[0].get_text()
        (1, 'diagonal')
        >>> plt.close(ax.figure)
    """
    stack = _array(images, "images", 3)
    n, height, width = stack.shape
    if len(titles) != n:
        raise ValueError(f"titles must be one for each of the {n} images, got {len(titles)}")
    if n_columns < 1:
        raise ValueError(f"n_columns must be at least 1, got {n_columns}")
    low, high = (stack.min(), stack.max()) if limits is None else _array(limits, "limits")
    across, down = 1.15 * width, 1.0 * height + 0.35 * width
    n_columns, n_rows = min(n_columns, n), -(-n // n_columns)
    room = (n_columns * across, n_rows * down)
    ax = _axes(ax, min(8.0, _WIDTH * room[1] / room[0]))
    for k, (image, title) in enumerate(zip(stack, titles, strict=True)):
        left, top = (k % n_columns) * across, (k // n_columns) * down + 0.3 * width
        ax.imshow(
            image,
            cmap="gray_r",
            vmin=low,
            vmax=high,
            interpolation="nearest",
            extent=(left, left + width, top + height, top),
        )
        ax.add_patch(
            Rectangle((left, top), width, height, facecolor="none", edgecolor=_GREY, linewidth=0.8)
        )
        ax.text(left + width / 2, top - 0.04 * width, title, ha="center", va="bottom")
    ax.set(xlim=(-0.05 * width, room[0]), ylim=(room[1], 0.0), aspect="equal")
    ax.axis("off")
    return ax


# Matrices and diagrams


def matrix_heatmap(
    values: ArrayLike,
    *,
    row_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
    fmt: str = "{:.3g}",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a small matrix as coloured cells with the numbers written in them.

    Args:
        values: The matrix, shape (n_rows, n_columns).
        row_names: A name for each row; none if None.
        column_names: A name for each column, written above; none if None.
        fmt: How a number is written, for ``str.format``; the empty string for no numbers.
        xlabel: Label of the columns.
        ylabel: Label of the rows.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with a text for each cell, row by row.

    Raises:
        ValueError: ``values`` is not a finite matrix, or the names do not fit it.

    Examples:
        >>> ax = matrix_heatmap([[1.0, 0.5], [0.3, 0.7]], row_names=["$x_1$", "$x_2$"])
        >>> [text.get_text() for text in ax.texts]
        ['1', '0.5', '0.3', '0.7']
        >>> plt.close(ax.figure)
    """
    matrix = _array(values, "values", 2)
    axes_names = (("row_names", row_names), ("column_names", column_names))
    for (name, given), size in zip(axes_names, matrix.shape, strict=True):
        if given is not None and len(given) != size:
            raise ValueError(f"{name} must hold {size} names, got {len(given)}")
    ax = _axes(ax, min(6.0, 1.0 + 0.75 * matrix.shape[0]))
    ax.imshow(matrix, cmap=_PALE, aspect="auto", interpolation="nearest")
    if fmt:
        for (i, j), number in np.ndenumerate(matrix):
            ax.text(j, i, fmt.format(number), ha="center", va="center")
    ax.set_xticks(range(matrix.shape[1]), column_names or [""] * matrix.shape[1])
    ax.set_yticks(range(matrix.shape[0]), row_names or [""] * matrix.shape[0])
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(1, matrix.shape[1]) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, matrix.shape[0]) - 0.5, minor=True)
    ax.tick_params(which="minor", length=0)
    ax.grid(False)
    ax.grid(which="minor", color="white", linewidth=3, linestyle="-")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def matrix_shapes(
    terms: Sequence[str | tuple[str, tuple[int, int]]],
    *,
    dims: Sequence[tuple[str, str]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw an equation between matrices as boxes whose sides are in proportion to their shapes.

    Args:
        terms: From left to right, an operator such as ``"@"`` or ``"="``, or a name with its shape,
            such as ``("X", (4, 2))``.
        dims: For each matrix the names of its two sizes, such as ``("n", "d_in")``; written before
            the numbers.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with a rectangle for each matrix.

    Raises:
        TypeError: A term is neither an operator nor a name with a shape.
        ValueError: There is no matrix, a size is below 1, or ``dims`` has another length than
            there are matrices.

    Examples:
        >>> ax = matrix_shapes([("X", (4, 2)), "@", ("W", (2, 3)), "=", ("Z", (4, 3))])
        >>> [(box.get_width(), box.get_height()) for box in ax.patches]
        [(2.0, 4.0), (3.0, 2.0), (3.0, 4.0)]
        >>> plt.close(ax.figure)
    """
    boxes = [_shape_term(term) for term in terms if not isinstance(term, str)]
    if not boxes:
        raise ValueError("terms must hold at least one (name, shape), got none")
    if dims is not None and len(dims) != len(boxes):
        raise ValueError(f"dims must hold {len(boxes)} pairs of names, got {len(dims)}")
    wide = sum(columns for _, (_, columns) in boxes)
    tall = max(rows for _, (rows, _) in boxes)
    signs = len(terms) - len(boxes)
    inch = max(wide / (_WIDTH - 0.2 - 0.55 * len(boxes) - 0.3 * signs), tall / 2.6)
    ax = _axes(ax, tall / inch + 0.6)
    left, k = 0.0, 0
    for term in terms:
        if isinstance(term, str):
            ax.text(left + 0.25 * inch, 0.0, term, ha="center", va="center", fontsize=14)
            left += 0.3 * inch
            continue
        name, (rows, columns) = boxes[k]
        left += 0.42 * inch
        _draw_box(ax, left, name, (rows, columns), ("", "") if dims is None else dims[k], k)
        left += columns + 0.13 * inch
        k += 1
    ax.set(aspect="equal", xlim=(0.0, left))
    ax.set_ylim(-tall / 2 - 0.1 * inch, tall / 2 + 0.35 * inch)
    ax.axis("off")
    return ax


def _draw_box(
    ax: Axes, left: float, name: str, shape: tuple[int, int], dims: tuple[str, str], k: int
) -> None:
    """Draw the box of the k-th matrix with its name inside, and its sizes above and beside it."""
    rows, columns = shape
    across, down = (
        f"{d} = {n}" if d else f"{n}" for d, n in zip(dims[::-1], shape[::-1], strict=True)
    )
    ax.add_patch(
        Rectangle(
            (left, -rows / 2),
            float(columns),
            float(rows),
            facecolor=_tint(COLOURS[k % 5], 0.2),
            edgecolor=INK,
            linewidth=1.2,
        )
    )
    middle = left + columns / 2
    ax.text(middle, 0.0, name, ha="center", va="center", fontsize=13)
    small: dict[str, Any] = {"textcoords": "offset points", "fontsize": 11}
    ax.annotate(across, (middle, rows / 2), (0, 4), ha="center", va="bottom", **small)
    ax.annotate(down, (left, 0.0), (-4, 0), ha="right", va="center", rotation=90, **small)


def _shape_term(term: tuple[str, tuple[int, int]]) -> tuple[str, tuple[int, int]]:
    """Return a name with its shape, or say what a term has to be."""
    try:
        name, (rows, columns) = term
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"terms must be operators or (name, (rows, columns)), got {term!r:.60}"
        ) from error
    if min(rows, columns) < 1:
        raise ValueError(f"terms must have sizes of at least 1, got {name} {(rows, columns)}")
    return name, (rows, columns)


def network_diagram(
    weights: Sequence[ArrayLike],
    *,
    node_names: Sequence[Sequence[str]] | None = None,
    node_values: Sequence[Sequence[float | str]] | None = None,
    edge_labels: Sequence[Sequence[Sequence[str]]] | bool = True,
    layer_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a layered network from left to right, with its weights at the edges.

    A positive weight is a solid line, a negative one dashed; the width grows with the size.

    Args:
        weights: For each layer its matrix W, shape (d_in, d_out), so that ``X @ W``.
        node_names: For each layer of nodes, inputs first, a name per node; x, a (with a number for
            the layer if there is more than one hidden layer) and ŷ if None.
        node_values: For each layer of nodes a number or text per node, written below the name.
        edge_labels: For each matrix a text per entry; True numbers the weights row by row through
            all matrices, w₁, w₂, …, and writes their values; False leaves them out.
        layer_names: A heading for each layer of nodes.
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes, with a line for each weight and a circle for each node.

    Raises:
        ValueError: A matrix does not fit the one before it, or names, values or labels do not fit
            the layers.

    Examples:
        >>> ax = network_diagram([[[1.0, 0.5], [0.5, 0.7]], [[1.0], [2.0]]])
        >>> len(ax.lines), len(ax.patches), ax.texts[0].get_text()
        (6, 5, '$w_{1}$ = 1')
        >>> plt.close(ax.figure)
    """
    matrices = [_array(W, f"weights[{k}]", 2) for k, W in enumerate(weights)]
    if not matrices:
        raise ValueError("weights must hold at least one matrix, got none")
    sizes = [matrices[0].shape[0], *(W.shape[1] for W in matrices)]
    for k, W in enumerate(matrices):
        if W.shape[0] != sizes[k]:
            raise ValueError(
                f"weights[{k}] must have {sizes[k]} rows, one for each node before it, "
                f"got shape {W.shape}"
            )
    names = _node_names(sizes) if node_names is None else node_names
    for name, given in (("node_names", names), ("node_values", node_values)):
        if given is not None and [len(layer) for layer in given] != sizes:
            raise ValueError(f"{name} must fit layers of {sizes} nodes, got {given!r:.60}")
    if layer_names is not None and len(layer_names) != len(sizes):
        raise ValueError(f"layer_names must hold {len(sizes)} names, got {len(layer_names)}")
    texts = _edge_texts(matrices, edge_labels)
    ax = _axes(ax, float(np.clip(0.9 + 1.25 * max(sizes), 2.2, 5.4)))
    across, up = 3.0, 1.9
    place = [
        [(across * layer, up * ((n - 1) / 2 - i)) for i in range(n)]
        for layer, n in enumerate(sizes)
    ]
    largest = max(float(np.abs(W).max()) for W in matrices) or 1.0
    for layer, W in enumerate(matrices):
        for (i, j), w in np.ndenumerate(W):
            text = "" if texts is None else texts[layer][i][j]
            _draw_edge(ax, place[layer][i], place[layer + 1][j], float(w) / largest, text)
    for layer, nodes in enumerate(place):
        kind = 0 if layer == 0 else 2 if layer == len(place) - 1 else 1
        for i, centre in enumerate(nodes):
            value = None if node_values is None else node_values[layer][i]
            _draw_node(ax, centre, names[layer][i], value, kind)
    top = up * (max(sizes) - 1) / 2 + 0.65
    for layer, heading in enumerate(layer_names or []):
        ax.text(across * layer, top + 0.15, heading, ha="center", va="bottom", fontsize=11)
    ax.set(aspect="equal", xlim=(-0.65, across * len(matrices) + 0.65))
    ax.set_ylim(-top, top + (0.6 if layer_names else 0.0))
    ax.axis("off")
    return ax


def _node_names(sizes: Sequence[int]) -> list[list[str]]:
    """Return x, a and ŷ with their numbers, for layers of these sizes."""
    hidden = len(sizes) - 2
    names = [[f"$x_{{{i + 1}}}$" for i in range(sizes[0])]]
    for layer in range(1, hidden + 1):
        mark = f"^{{({layer})}}" if hidden > 1 else ""
        names.append([f"$a{mark}_{{{i + 1}}}$" for i in range(sizes[layer])])
    n = sizes[-1]
    names.append([r"$\hat{y}$"] if n == 1 else [rf"$\hat{{y}}_{{{i + 1}}}$" for i in range(n)])
    return names


def _edge_texts(
    matrices: Sequence[FloatArray], labels: Sequence[Sequence[Sequence[str]]] | bool
) -> Sequence[Sequence[Sequence[str]]] | None:
    """Return a text for each weight, or None for none."""
    if isinstance(labels, bool):
        if not labels:
            return None
        first = np.cumsum([1, *(W.size for W in matrices)])
        return [
            [
                [f"$w_{{{n + i * W.shape[1] + j}}}$ = {w:.3g}" for j, w in enumerate(row)]
                for i, row in enumerate(W)
            ]
            for n, W in zip(first, matrices, strict=False)
        ]
    shapes = [W.shape for W in matrices]
    if [(len(block), len(block[0])) for block in labels] != shapes:
        raise ValueError(f"edge_labels must have the shapes of weights, {shapes}")
    return labels


def _draw_edge(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], weight: float, text: str
) -> None:
    """Draw one weight, given as a part of the largest, as a line with a text along it."""
    (x0, y0), (x1, y1) = start, end
    ax.plot(
        [x0, x1],
        [y0, y1],
        color=BLUE if weight >= 0.0 else VERMILION,
        linestyle="-" if weight >= 0.0 else _DASHES[1],
        linewidth=1.0 + 2.5 * abs(weight),
        zorder=1,
    )
    if text:
        at, slant = 0.33, float(np.arctan2(y1 - y0, x1 - x0))
        figure, lift = ax.get_figure(root=True), (-4.5 * np.sin(slant), 4.5 * np.cos(slant))
        ax.text(
            x0 + at * (x1 - x0),
            y0 + at * (y1 - y0),
            text,
            transform=offset_copy(ax.transData, figure, lift[0], lift[1], "points"),
            rotation=float(np.degrees(slant)),
            rotation_mode="anchor",
            ha="center",
            va="bottom",
            fontsize=11,
            path_effects=_halo(),
            zorder=3,
        )


def _draw_node(
    ax: Axes, centre: tuple[float, float], name: str, value: float | str | None, kind: int
) -> None:
    """Draw a node: an input, a hidden one or an output, by its colour and outline."""
    face = ("white", _tint(BLUE, 0.14), _tint(ORANGE, 0.22))[kind]
    ax.add_patch(
        Circle(
            centre, 0.5, facecolor=face, edgecolor=INK, linewidth=(1.2, 1.2, 2.4)[kind], zorder=4
        )
    )
    written = name
    if value is not None:
        written += "\n" + (value if isinstance(value, str) else f"{value:.4g}")
    ax.text(*centre, written, ha="center", va="center", linespacing=1.25, zorder=5)


def learning_cycle(*, ax: Axes | None = None) -> Axes:
    r"""Draw the map of the book: what backpropagation computes and what gradient descent does.

    .. math:: \theta \leftarrow \theta - \eta \nabla L(\theta)

    Args:
        ax: Where to draw; a new figure if None.

    Returns:
        The Axes: four boxes in a circle; backpropagation has a solid outline, gradient descent a
        dashed one.

    Raises:
        TypeError: ``ax`` is not a matplotlib Axes.

    Examples:
        >>> ax = learning_cycle()
        >>> [text.get_text().splitlines()[0] for text in ax.texts[:4]]
        ['Forward pass', 'Loss', 'Backpropagation', 'Gradient descent']
        >>> plt.close(ax.figure)
    """
    ax = _axes(ax, 4.7)
    ax.set(xlim=(0.0, 10.0), ylim=(0.2, 7.7))
    ax.axis("off")
    boxes = [
        ((0.2, 4.6), "Forward pass\n" r"$\hat{y} = f(x;\ \theta)$", "none", INK, "-", 1.2),
        ((5.9, 4.6), "Loss\n" r"$L(y, \hat{y})$", "none", INK, "-", 1.2),
        (
            (5.9, 1.1),
            "Backpropagation\n" r"computes $\nabla L(\theta)$",
            _tint(BLUE, 0.18),
            BLUE,
            "-",
            2.4,
        ),
        (
            (0.2, 1.1),
            "Gradient descent\n" r"$\theta \leftarrow \theta - \eta\,\nabla L(\theta)$",
            _tint(VERMILION, 0.14),
            VERMILION,
            _DASHES[1],
            2.4,
        ),
    ]
    for (left, bottom), text, face, edge, dash, width in boxes:
        ax.add_patch(
            FancyBboxPatch(
                (left, bottom),
                3.9,
                1.5,
                boxstyle="round,pad=0,rounding_size=0.25",
                facecolor=face,
                edgecolor=edge,
                linestyle=dash,
                linewidth=width,
            )
        )
        ax.text(left + 1.95, bottom + 0.75, text, ha="center", va="center", linespacing=1.6)
    arrows = [
        ((4.1, 5.35), (5.9, 5.35), r"$\hat{y}$", (5.0, 5.5), "center"),
        ((7.85, 4.6), (7.85, 2.6), "$L$, and what the\nforward pass kept", (7.65, 3.6), "right"),
        ((5.9, 1.85), (4.1, 1.85), r"$\nabla L$", (5.0, 2.0), "center"),
        ((2.15, 2.6), (2.15, 4.6), r"new $\theta$", (1.95, 3.6), "right"),
        ((2.15, 7.0), (2.15, 6.1), "input $x$", (2.15, 7.05), "center"),
        ((7.85, 7.0), (7.85, 6.1), "target $y$", (7.85, 7.05), "center"),
    ]
    for start, end, text, at, align in arrows:
        ax.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle="-|>",
                mutation_scale=18,
                color=INK,
                linewidth=1.8,
                shrinkA=3,
                shrinkB=3,
            )
        )
        ax.text(*at, text, ha=align, va="bottom" if align == "center" else "center", fontsize=11)
    ax.text(7.85, 0.85, "which way is up, and how steep", ha="center", va="top", fontsize=11)
    ax.text(2.15, 0.85, "takes one step downhill", ha="center", va="top", fontsize=11)
    return ax
