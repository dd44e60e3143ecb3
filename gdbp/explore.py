r"""What the book's explorers call: arguments in, a picture and its numbers out.

Each function stands for one explorer. The annotations of its arguments are the controls with which
a reader sets them, and the defaults are its first state. The same function draws when the book is
built and in the reader's browser, so that both show the same picture and print the same numbers.
"""

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Annotated, Any, NamedTuple, ParamSpec, get_type_hints

import numpy as np

from gdbp import _checks, calculus
from gdbp._checks import Array
from gdbp._picture import (
    BLUE,
    COLOURS,
    DASHES,
    INK,
    PALE,
    VERMILION,
    Axes,
    Entry,
    Picture,
)
from gdbp.autodiff import Value, backward_steps
from gdbp.backprop import WorkedExample, worked_example
from gdbp.descent import Trajectory, fit, minimize
from gdbp.drawing import draw_graph
from gdbp.losses import mse, mse_grad
from gdbp.optimizers import Optimizer, adagrad, adam, rmsprop, sgd
from gdbp.surfaces import restrict

P = ParamSpec("P")

# --- controls and answers -------------------------------------------------------------------------


@dataclass(frozen=True)
class Slider:
    """A number in a range, to be slid; a whole one where all three numbers are whole.

    Attributes:
        label: What it is called.
        minimum: The smallest number.
        maximum: The largest number.
        step: The distance from one to the next.
    """

    label: str
    minimum: float
    maximum: float
    step: float

    def check(self, name: str, value: Any) -> float:
        """Return the number, or raise an error that says what it has to be."""
        if all(isinstance(n, int) for n in (self.minimum, self.maximum, self.step)):
            whole = int(value) if isinstance(value, float) and value.is_integer() else value
            low, high = int(self.minimum), int(self.maximum)
            return _checks.integer(name, whole, minimum=low, maximum=high)
        number = _checks.real(name, value)
        if not self.minimum <= number <= self.maximum:
            raise ValueError(
                f"{name} needs a number from {self.minimum:g} to {self.maximum:g}, got {value!r}"
            )
        return number


@dataclass(frozen=True)
class Number:
    """Any number of a sensible size, to be typed.

    Attributes:
        label: What it is called.
        step: What an arrow key adds.
    """

    label: str
    step: float

    def check(self, name: str, value: Any) -> float:
        """Return the number, or raise an error that says what it has to be."""
        number = _checks.real(name, value)
        if abs(number) > 1e6:
            raise ValueError(f"{name} needs a number from -1e6 to 1e6, got {value!r}")
        return number


@dataclass(frozen=True)
class Choice:
    """One of several.

    Attributes:
        label: What it is called.
        options: What there is to choose from.
    """

    label: str
    options: tuple[str, ...]

    def check(self, name: str, value: Any) -> str:
        """Return the option, or raise an error that names them all."""
        return _checks.choice(name, value, self.options)


@dataclass(frozen=True)
class Text:
    """A line of text, to be typed.

    Attributes:
        label: What it is called.
        longest: The largest number of characters.
    """

    label: str
    longest: int

    def check(self, name: str, value: Any) -> str:
        """Return the text, or raise an error that says what it has to be."""
        if not isinstance(value, str):
            raise TypeError(f"{name} needs a text, got {value!r}")
        if len(value) > self.longest:
            raise ValueError(f"{name} needs at most {self.longest} characters, got {len(value)}")
        return value


Control = Slider | Number | Choice | Text
"""How an argument is set."""


class Shown(NamedTuple):
    """A number as it is printed.

    Attributes:
        label: What it is.
        text: What is printed.
        number: The number itself; `None` where there is none, or it is not finite.
    """

    label: str
    text: str
    number: float | None


class Answer(NamedTuple):
    """What an explorer shows.

    Attributes:
        picture: The picture, an `<svg>` element.
        values: The numbers, in the order in which they are printed.
    """

    picture: str
    values: list[Shown]

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        rows = "".join(f"<tr><td>{v.label}</td><td>{v.text}</td></tr>" for v in self.values)
        return f"{self.picture}<table>{rows}</table>"

    def __str__(self) -> str:
        return "\n".join(f"{value.label}: {value.text}" for value in self.values)


def controls(explorer: Callable[..., Answer]) -> dict[str, Control]:
    """Return the controls of an explorer, by the name of the argument.

    Args:
        explorer: A function of this module.

    Returns:
        A control for each argument, in their order.

    Examples:
        >>> controls(secant)["h"]
        Slider(label='step h', minimum=-1.5, maximum=1.5, step=0.05)
    """
    hints = get_type_hints(explorer, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if name != "return"}


def _explorer(function: Callable[P, Answer]) -> Callable[P, Answer]:
    """Check all arguments by their controls before the function is called."""
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Answer:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        known = _controls(function)
        values = {name: known[name].check(name, value) for name, value in bound.arguments.items()}
        return function(**values)  # type: ignore[arg-type, call-arg]  # all by name

    return checked


_controls = cache(controls)


def _shown(label: str, number: float, form: str = ".4g") -> Shown:
    """Print a number in its form; a huge one in powers of ten; one that is only rounding as 0."""
    number = float(number)
    text = f"{0.0 if abs(number) < 1e-12 else number:{'.3g' if abs(number) >= 1e6 else form}}"
    return Shown(label, text, number if np.isfinite(number) else None)


def _grid(axes: Axes, columns: int, rows: int) -> Array:
    """Return points that cover the frame, shape (rows, columns, 2)."""
    across, up = np.linspace(*axes.x, columns), np.linspace(*axes.y, rows)
    return np.stack(np.meshgrid(across, up), axis=-1)


def _levels(f: Array, power: float = 2.0) -> list[float]:
    """Return nine levels, the closer together the lower they are if `power` > 1."""
    low, high = float(f.min()), float(f.max())
    return [low + (high - low) * (k / 10) ** power for k in range(1, 10)]


def _loss_range(*losses: Array, floor: float) -> tuple[float, float]:
    """Return whole decades that hold all losses from `floor` on."""
    everything = np.concatenate(losses)
    top = min(1e6, max(floor * 100, float(everything.max())))
    low = max(floor, min(top / 100, float(everything.min())))
    return 10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(top) + 1e-9)


# --- page 2 ---------------------------------------------------------------------------------------

_CURVES: dict[str, Callable[[Any], Any]] = {
    "x³": lambda x: x**3,
    "x²": lambda x: x**2,
    "sin x": np.sin,
    "eˣ": np.exp,
    "|x|": lambda x: x * np.sign(np.real(x)),  # may be complex: derivative() steps aside
}


@_explorer
def secant(
    function: Annotated[str, Choice("function f", tuple(_CURVES))] = "x³",
    x0: Annotated[float, Slider("point x₀", -1.5, 1.5, 0.05)] = 1.0,
    h: Annotated[float, Slider("step h", -1.5, 1.5, 0.05)] = 1.0,
) -> Answer:
    r"""Draw the secant of a function through two points, and the tangent.

    $$\frac{f(x_0 + h) - f(x_0)}{h} \to f'(x_0)$$

    Args:
        function: The function, by its formula.
        x0: The point x₀.
        h: The step from it to the second point; not 0.

    Returns:
        The picture and the numbers: both slopes, and their difference.

    Raises:
        ValueError: `h` is 0, or an argument is outside its range.

    Examples:
        >>> print(secant(h=0.5))
        slope of the secant: 4.7500
        derivative f′(x₀): 3.0000
        error: 1.7500
        error / h: 3.5000
    """
    if h == 0:
        raise ValueError("h needs to be other than 0: one point has no secant, only a limit")
    f = _CURVES[function]
    slope = (f(x0 + h) - f(x0)) / h
    kink = function == "|x|" and x0 == 0
    exact = float("nan") if kink else calculus.derivative(f, x0, method="complex")
    picture = Picture(
        f"The curve of {function} with a secant of slope {slope:.2f} through the points at "
        f"{x0:g} and {x0 + h:g}"
        + ("; it has no tangent there." if kink else f", and the tangent of slope {exact:.2f}.")
    )
    legend = [Entry(function, INK), Entry("tangent", BLUE), Entry("secant", VERMILION, DASHES[1])]
    axes = picture.axes(
        (-2.2, 2.2), (-3.0, 5.0), 280, xlabel="x", ylabel="f(x)", legend=legend[:: 1 + kink]
    )
    ends = np.array(axes.x)
    curve = np.linspace(-2.2, 2.2, 111)
    axes.line(curve, f(curve), INK, width=2.5)
    if not kink:
        axes.line(ends, f(x0) + exact * (ends - x0), BLUE)
    axes.line(ends, f(x0) + slope * (ends - x0), VERMILION, dash=DASHES[1])
    axes.points([x0 + h], [f(x0 + h)], VERMILION, radius=5)
    axes.handle(x0, f(x0), "x0")
    values = [_shown("slope of the secant", slope, ".4f")]
    if kink:
        return Answer(picture.svg(), [*values, Shown("derivative f′(x₀)", "does not exist", None)])
    error = slope - exact
    return Answer(
        picture.svg(),
        [
            *values,
            _shown("derivative f′(x₀)", exact, ".4f"),
            _shown("error", error, ".4f"),
            _shown("error / h", error / h, ".4f"),
        ],
    )


# --- page 3 ---------------------------------------------------------------------------------------

_HILLS: dict[str, Callable[[Array], Any]] = {
    "x² + y²": lambda p: p[..., 0] ** 2 + p[..., 1] ** 2,
    "x² − y²": lambda p: p[..., 0] ** 2 - p[..., 1] ** 2,
    "x y + x": lambda p: p[..., 0] * p[..., 1] + p[..., 0],
    "sin x + cos y": lambda p: np.sin(p[..., 0]) + np.cos(p[..., 1]),
}


@_explorer
def direction(
    function: Annotated[str, Choice("function f", tuple(_HILLS))] = "x² + y²",
    angle: Annotated[int, Slider("angle of v, in degrees", 0, 360, 1)] = 0,
    x: Annotated[float, Slider("point x", -3.0, 3.0, 0.05)] = 1.5,
    y: Annotated[float, Slider("point y", -2.0, 3.0, 0.05)] = 2.0,
) -> Answer:
    r"""Draw a direction on a hillside, and the slope in all directions.

    $$D_v f = \nabla f \cdot v = \lVert \nabla f \rVert \cos\varphi$$

    Args:
        function: The height, by its formula.
        angle: The angle of v from the x-axis, in degrees.
        x: The first coordinate of the point.
        y: The second coordinate of the point.

    Returns:
        The picture and the numbers: the slope in the direction, and the gradient.

    Raises:
        ValueError: An argument is outside its range.

    Examples:
        >>> print(direction(angle=90).values[0])
        Shown(label='slope Dᵥf', text='4.000', number=4.0)
    """
    f, point = _HILLS[function], np.array([x, y])
    v = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    slope = calculus.directional_derivative(f, point, v)
    gradient = calculus.gradient(f, point)
    length = float(np.hypot(*gradient))
    picture = Picture(
        f"Contours of {function}. At ({x:g}, {y:g}) the direction at {angle} degrees has the slope "
        f"{slope + 0.0:.2f}; the gradient is {length:.2f} long. Below, the slope against the angle."
    )
    legend = [Entry("direction v", VERMILION), Entry("gradient, a fifth as long", INK)]
    axes = picture.axes((-3, 3), (-2, 3), 255, xlabel="x", ylabel="y", legend=legend)
    heights = f(_grid(axes, 41, 35))
    axes.contours(heights, _levels(heights, 1.0))
    axes.arrow(point, point + gradient / 5, INK)
    axes.arrow(point, point + v, VERMILION)
    axes.handle(x, y, "x y")
    degrees = np.arange(0, 361, 6)
    slopes = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], 1) @ gradient
    reach = max(1.0, 1.15 * length)
    below = picture.axes(
        (0, 360), (-reach, reach), 110, xlabel="angle of v in degrees", ylabel="slope"
    )
    below.line([0, 360], [0, 0], INK, width=0.7)
    below.line(degrees, slopes, INK)
    below.points([angle], [slope], VERMILION, radius=5)
    values = [
        _shown("slope Dᵥf", round(slope, 9), ".3f"),
        _shown("∂f/∂x", round(gradient[0], 9), ".3f"),
        _shown("∂f/∂y", round(gradient[1], 9), ".3f"),
        _shown("length of the gradient", round(length, 9), ".3f"),
    ]
    return Answer(picture.svg(), values)


# --- page 5 ---------------------------------------------------------------------------------------


@_explorer
def learning_rate(
    lr: Annotated[float, Slider("learning rate η", 0.01, 1.1, 0.01)] = 0.1,
    start: Annotated[float, Slider("start θ₀", -2.0, 2.0, 0.05)] = 1.0,
    n_steps: Annotated[int, Slider("steps", 1, 40, 1)] = 20,
) -> Answer:
    r"""Descend the bowl θ² on a line.

    $$\theta_{k+1} = (1 - 2\eta)\,\theta_k$$

    Args:
        lr: The learning rate η.
        start: The start θ₀.
        n_steps: The number of steps.

    Returns:
        The picture and the numbers: the factor of a step, and where the run ends.

    Raises:
        ValueError: An argument is outside its range.

    Examples:
        >>> print(learning_rate(lr=1.05).values[0])
        Shown(label='factor 1 − 2η of a step', text='-1.10', number=-1.1)
    """
    run = minimize(lambda t: t[0] ** 2, [start], sgd(lr), grad_fn=lambda t: 2 * t, n_steps=n_steps)
    theta, factor = run.params[:, 0], 1 - 2 * lr
    picture = Picture(
        f"{n_steps} steps with the learning rate {lr:g} on the bowl θ², from {start:g} to "
        f"{theta[-1]:.3g}. Below, the loss of each step."
    )
    axes = picture.axes((-2.2, 2.2), (-0.3, 4.5), 220, xlabel="θ", ylabel="loss θ²")
    bowl = np.linspace(-2.2, 2.2, 61)
    axes.line(bowl, bowl**2, INK)
    axes.line(theta, run.loss, BLUE, width=1.5)
    axes.points(theta, run.loss, BLUE)
    axes.handle(start, start**2, "start")
    _draw_losses(picture, {"": run.loss}, floor=1e-8)
    values = [
        _shown("factor 1 − 2η of a step", factor, ".2f"),
        _shown(f"θ after {n_steps} steps", theta[-1]),
        _shown(f"loss after {n_steps} steps", run.loss[-1]),
    ]
    return Answer(picture.svg(), values)


def _draw_losses(
    picture: Picture, losses: dict[str, Array], *, floor: float, ylabel: str = "loss"
) -> None:
    """Draw losses against the step on a logarithmic scale, each in its colour."""
    longest = max(map(len, losses.values())) - 1
    span = _loss_range(*losses.values(), floor=floor)
    axes = picture.axes((0, longest), span, 110, xlabel="step k", ylabel=ylabel, log=True)
    for loss, colour, dash in zip(losses.values(), (BLUE, *COLOURS[1:]), DASHES, strict=False):
        axes.line(np.arange(len(loss)), loss, colour, dash=dash)


@_explorer
def valley(
    lr: Annotated[float, Slider("learning rate η", 0.005, 0.5, 0.005)] = 0.1,
    kappa: Annotated[int, Slider("condition number κ", 1, 20, 1)] = 9,
    n_steps: Annotated[int, Slider("steps", 1, 40, 1)] = 15,
) -> Answer:
    r"""Descend a quadratic with the curvatures 1 and κ from (9, 1).

    $$c_i^{(k)} = (1 - \eta\lambda_i)^k \, c_i^{(0)}, \qquad \lambda = (1, \kappa)$$

    Args:
        lr: The learning rate η.
        kappa: The condition number κ.
        n_steps: The number of steps.

    Returns:
        The picture and the numbers: the factor of each part, the rates that theory names, and
        the loss at the end.

    Raises:
        ValueError: An argument is outside its range.

    Examples:
        >>> [value.text for value in valley(lr=0.2).values[:4]]
        ['0.800', '-0.800', '0.2222', '0.2000']
    """
    curvature = np.array([1.0, kappa])
    run = minimize(
        lambda t: t @ (curvature * t) / 2,
        [9.0, 1.0],
        sgd(lr),
        grad_fn=lambda t: curvature * t,
        n_steps=n_steps,
    )
    picture = Picture(
        f"Contours of a valley with the curvatures 1 and {kappa}, and {n_steps} steps from (9, 1) "
        f"with the learning rate {lr:g}, to a loss of {run.loss[-1]:.3g}. Below, the loss of each "
        "step."
    )
    axes = picture.axes((-3.2, 9.8), (-1.6, 1.6), 220, xlabel="θ₁", ylabel="θ₂")
    heights = (_grid(axes, 45, 33) ** 2 @ curvature) / 2
    axes.contours(heights, _levels(heights))
    _draw_path(axes, run.params, BLUE)
    _draw_losses(picture, {"": run.loss}, floor=1e-8)
    flat, steep = 1 - lr * curvature
    values = [
        _shown("factor along the valley, 1 − η", flat, ".3f"),
        _shown("factor across it, 1 − ηκ", steep, ".3f"),
        _shown("limit 2/κ", 2 / kappa, ".4f"),
        _shown("best rate 2/(1 + κ)", 2 / (1 + kappa), ".4f"),
        _shown(f"loss after {n_steps} steps", run.loss[-1]),
    ]
    return Answer(picture.svg(), values)


def _draw_path(
    axes: Axes, path: Array, colour: str, *, dash: str = "", width: float = 2, radius: float = 2.5
) -> None:
    axes.line(path[:, 0], path[:, 1], colour, width=width, dash=dash)
    if radius:
        axes.points(path[:, 0], path[:, 1], colour, radius=radius)


# --- page 6 ---------------------------------------------------------------------------------------

_SIZES = ("1", "2", "4", "8", "16", "32", "64", "128")


@cache
def _regression() -> tuple[Array, Array, Array, float]:
    """Return 128 of the page's samples, with the parameters of the least loss and that loss."""
    rng = np.random.default_rng(0)
    X = np.stack([rng.normal(size=1000), np.ones(1000)], axis=1)
    y = X @ [2.0, -1.0] + 0.5 * rng.normal(size=1000)
    X, y = X[:128], y[:128]
    best = np.linalg.lstsq(X, y)[0]
    return X, y, best, mse(y, X @ best)


@_explorer
def batch_size(
    batch_size: Annotated[str, Choice("batch size", _SIZES)] = "8",
    lr: Annotated[float, Slider("learning rate η", 0.01, 0.6, 0.01)] = 0.1,
    n_epochs: Annotated[int, Slider("epochs", 1, 3, 1)] = 2,
    seed: Annotated[int, Slider("seed of the shuffles", 0, 20, 1)] = 1,
) -> Answer:
    """Descend a linear regression on 128 samples, some samples a step.

    Args:
        batch_size: The number of samples a step, one of the powers of two up to 128, as a text.
        lr: The learning rate η.
        n_epochs: The number of passes through the data.
        seed: The seed of the shuffles.

    Returns:
        The picture and the numbers: the steps, and how far the loss is above the least.

    Raises:
        ValueError: An argument is outside its range.

    Examples:
        >>> batch_size("128", lr=0.3).values[0]
        Shown(label='steps', text='2', number=2.0)
    """
    X, y, best, least = _regression()
    size = int(batch_size)
    run = fit(
        lambda theta, X, y: mse(y, X @ theta),
        [0.0, 0.0],
        X,
        y,
        sgd(lr),
        grad_fn=lambda theta, X, y: X.T @ mse_grad(y, X @ theta),
        batch_size=size,
        n_epochs=n_epochs,
        rng=np.random.default_rng(seed),
        record_every=1,
    )
    above, n_steps = run.loss - least, len(run.loss) - 1
    last_pass = above[run.step > n_steps - len(y) // size]
    picture = Picture(
        f"A path over the contours of a regression's loss, {n_steps} steps with batches of {size}. "
        f"Below, the loss above the least: {above[-1]:.2g} at the end."
    )
    axes = picture.axes((-0.4, 2.8), (-1.8, 0.4), 220, xlabel="slope", ylabel="intercept")
    offsets = _grid(axes, 41, 31) - best
    heights = np.einsum("...i,ij,...j", offsets, X.T @ X / len(y), offsets)
    axes.contours(heights, _levels(heights))
    small = size < 8
    _draw_path(axes, run.params, BLUE, width=1 if small else 2, radius=0 if small else 2.5)
    axes.points([best[0]], [best[1]], VERMILION, radius=4)
    low, high = _loss_range(above, floor=1e-6)
    below = picture.axes(
        (0, n_epochs), (low, high), 110, xlabel="epochs", ylabel="loss above the least", log=True
    )
    below.line(run.step * size / len(y), above, BLUE, width=1.5)
    values = [
        _shown("steps", n_steps, ".0f"),
        _shown("loss above the least, at the end", above[-1], ".3g"),
        _shown("its mean over the last epoch", last_pass.mean(), ".3g"),
    ]
    return Answer(picture.svg(), values)


# --- page 7 ---------------------------------------------------------------------------------------

_MAKERS: dict[str, Callable[[float], Optimizer]] = {
    "descent": sgd,
    "momentum": lambda lr: sgd(lr, momentum=0.9),
    "Nesterov": lambda lr: sgd(lr, momentum=0.9, nesterov=True),
    "Adagrad": adagrad,
    "RMSprop": rmsprop,
    "Adam": adam,
}


class _Course(NamedTuple):
    """A loss to race on, and a learning rate that suits each optimizer there."""

    f: Callable[[Array], Any]
    grad: Callable[[Array], Array]
    rates: tuple[float, ...]
    power: float = 2.0  # of the levels of its contours


_TURN = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
_RAVINE = _TURN @ np.diag([1.0, 50.0]) @ _TURN.T

_COURSES = {
    "bowl": _Course(
        lambda p: (p[..., 0] ** 2 + 4 * p[..., 1] ** 2) / 2,
        lambda p: p * [1.0, 4.0],
        (0.1, 0.03, 0.03, 0.7, 0.1, 0.2),
    ),
    "ravine": _Course(
        lambda p: np.einsum("...i,ij,...j", p, _RAVINE, p) / 2,
        lambda p: _RAVINE @ p,
        (0.03, 0.012, 0.02, 2.4, 0.2, 0.9),
    ),
    "saddle": _Course(
        lambda p: (p[..., 0] ** 2 - p[..., 1] ** 2) / 2 + (p[..., 1] ** 4 + 1) / 4,
        lambda p: np.array([p[0], p[1] ** 3 - p[1]]),
        (0.2, 0.13, 0.13, 0.7, 0.1, 0.13),
    ),
    "curved valley": _Course(
        lambda p: (1 - p[..., 0]) ** 2 + 10 * (p[..., 1] - p[..., 0] ** 2) ** 2,
        lambda p: np.array(
            [
                2 * (p[0] - 1) - 40 * p[0] * (p[1] - p[0] ** 2),
                20 * (p[1] - p[0] ** 2),
            ]
        ),
        (0.012, 0.001, 0.003, 1.0, 0.1, 0.3),
        power=4.0,
    ),
}


@_explorer
def race(
    surface: Annotated[str, Choice("loss", tuple(_COURSES))] = "ravine",
    x: Annotated[float, Slider("start θ₁", -2.5, 2.5, 0.05)] = -2.0,
    y: Annotated[float, Slider("start θ₂", -2.5, 2.5, 0.05)] = 1.0,
    rate: Annotated[float, Slider("all learning rates, times", 0.1, 3.0, 0.1)] = 1.0,
    n_steps: Annotated[int, Slider("steps", 1, 60, 1)] = 40,
) -> Answer:
    """Let six optimizers start at one point.

    Args:
        surface: The loss, by its name.
        x: The first parameter of the start.
        y: The second parameter of the start.
        rate: What the learning rate of each optimizer, a good one for the loss, is multiplied by.
        n_steps: The number of steps.

    Returns:
        The picture and the numbers: the learning rate of each, and its loss at the end.

    Raises:
        ValueError: An argument is outside its range.

    Examples:
        >>> race("bowl", n_steps=1).values[0]
        Shown(label='descent, η = 0.1', text='2.34', number=2.34)
    """
    course = _COURSES[surface]
    rates = [round(rate * lr, 6) for lr in course.rates]
    runs = {
        name: minimize(course.f, [x, y], make(lr), grad_fn=course.grad, n_steps=n_steps)
        for (name, make), lr in zip(_MAKERS.items(), rates, strict=True)
    }
    lowest = min(runs, key=lambda name: float(runs[name].loss[-1]))
    picture = Picture(
        f"Contours of the loss “{surface}” with six paths from ({x:g}, {y:g}); after "
        f"{n_steps} steps {lowest} is lowest. Below, the loss of each at each step."
    )
    legend = [Entry(*line) for line in zip(runs, COLOURS, DASHES, strict=True)]
    axes = picture.axes((-2.5, 2.5), (-2.5, 2.5), 260, xlabel="θ₁", ylabel="θ₂", legend=legend)
    heights = course.f(_grid(axes, 45, 41))
    axes.contours(heights, _levels(heights, course.power))
    for run, (_, colour, dash) in zip(runs.values(), legend, strict=True):
        _draw_path(axes, run.params, colour, dash=dash, radius=0)
        axes.points(run.last[0], run.last[1], colour, radius=4)
    axes.handle(x, y, "x y")
    _draw_losses(picture, {name: run.loss for name, run in runs.items()}, floor=1e-6)
    values = [
        _ended(f"{name}, η = {lr:.3g}", run)
        for (name, run), lr in zip(runs.items(), rates, strict=True)
    ]
    return Answer(picture.svg(), values)


def _ended(label: str, run: Trajectory) -> Shown:
    """Print the loss at the end of a run."""
    if run.diverged:
        return Shown(label, "diverged", None)
    loss = float(run.loss[-1])
    return Shown(label, "< 1e-9" if loss < 1e-9 else f"{loss:.3g}", loss)


def _spectral_radius(rate: Any, momentum: Any) -> Array:
    """Return the larger root, in size, of z² − (1 + β − ηλ) z + β."""
    b = 1 + momentum - rate
    discriminant = b**2 - 4 * momentum
    real_roots = (np.abs(b) + np.sqrt(np.maximum(discriminant, 0))) / 2
    return np.asarray(np.where(discriminant < 0, np.sqrt(momentum), real_roots))


@_explorer
def stability(
    lr: Annotated[float, Slider("learning rate times curvature, ηλ", 0.02, 4.2, 0.02)] = 2.5,
    momentum: Annotated[float, Slider("momentum β", 0.0, 0.98, 0.01)] = 0.5,
    n_steps: Annotated[int, Slider("steps", 10, 100, 1)] = 60,
) -> Answer:
    r"""Draw where descent with momentum converges on a quadratic, and one run.

    $$\rho = \max\,\{\lvert z \rvert : z^2 - (1 + \beta - \eta\lambda)\,z + \beta = 0\}$$

    Args:
        lr: The learning rate times the curvature, ηλ.
        momentum: The momentum β.
        n_steps: The number of steps.

    Returns:
        The picture and the numbers: the factor of a step in the long run, the limit, and the
        distance at the end of the run.

    Raises:
        ValueError: An argument is outside its range.

    Examples:
        >>> [value.text for value in stability(lr=0.5, momentum=0.0).values[:2]]
        ['0.5000', '2.00']
    """
    run = minimize(
        lambda t: t[0] ** 2 / 2,
        [1.0],
        sgd(lr, momentum=momentum),
        grad_fn=lambda t: t,
        n_steps=n_steps,
    )
    distance, radius = np.abs(run.params[:, 0]), float(_spectral_radius(lr, momentum))
    limit = 2 * (1 + momentum)
    ends = "grows" if radius > 1 else "shrinks" if radius < 1 else "does neither"
    picture = Picture(
        "A map over ηλ and momentum of the factor by which a step multiplies the distance. At "
        f"({lr:g}, {momentum:g}) it is {radius:.3f}: the distance {ends}. Below, the distance in "
        f"{n_steps} steps."
    )
    legend = [Entry("limit", VERMILION), Entry("fastest", INK, DASHES[1])]
    axes = picture.axes((0, 4.2), (0, 0.98), 220, xlabel="ηλ", ylabel="β", legend=legend)
    points = _grid(axes, 64, 50)
    factors = _spectral_radius(points[..., 0], points[..., 1])
    axes.contours(factors, [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
    beta = np.linspace(*axes.y, 50)
    axes.line((1 - np.sqrt(beta)) ** 2, beta, INK, dash=DASHES[1])
    axes.line(2 * (1 + beta), beta, VERMILION, width=3)
    axes.text(4.1, 0.05, "diverges", anchor="end")
    axes.handle(lr, momentum, "lr momentum")
    _draw_losses(picture, {"": distance}, floor=1e-8, ylabel="distance from the minimum")
    values = [
        _shown("factor of a step in the long run", radius, ".4f"),
        _shown("limit of ηλ, 2(1 + β)", limit, ".2f"),
        _shown(f"distance after {n_steps} steps", distance[-1], ".3g"),
    ]
    return Answer(picture.svg(), values)


# --- page 8 ---------------------------------------------------------------------------------------

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
_FUNCTIONS = ("exp", "log", "tanh", "sigmoid", "relu")
_MOST_NODES = 24


@_explorer
def backward_pass(
    expression: Annotated[str, Text("expression", 120)] = "(w * x + b - y) ** 2",
    values: Annotated[str, Text("values", 120)] = "w = 2, x = 3, b = -1, y = 4",
    step: Annotated[int, Slider("steps of the backward pass", 0, _MOST_NODES, 1)] = 8,
) -> Answer:
    """Draw the graph of an expression and its backward pass.

    Args:
        expression: An expression of names, numbers, `+ - * / **`, and exp, log, tanh, sigmoid,
            relu.
        values: The values of its names, such as "w = 2, x = 3".
        step: The number of steps of the backward pass; all, if there are fewer.

    Returns:
        The picture and the numbers: the result, and the gradients that are complete.

    Raises:
        ValueError: The text is not such an expression, a name has no value, the graph has more
            than 24 nodes, or a result is not finite.

    Examples:
        >>> print(backward_pass("w * x + w", "w = 2, x = 3"))
        result: 8
        steps: 4 of 4
        ∂/∂w: 4
        ∂/∂x: 2
    """
    leaves = _parse_values(values)
    result = _parse_expression(expression, leaves)
    steps = backward_steps(result)
    if len(steps) > _MOST_NODES:
        raise ValueError(
            f"expression needs at most {_MOST_NODES} nodes to be drawn, got {len(steps)}"
        )
    done = min(step, len(steps))
    current = steps[done - 1] if done else None
    title = f"The graph of {expression}, after {done} of {len(steps)} steps of the backward pass"
    picture = draw_graph(result, title=title, id="explored", step=current)
    gradients = [
        _shown(f"∂/∂{s.node.label}", float(s.node.grad), ".6g")
        for s in steps[:done]
        if s.node.op == "leaf" and s.node.grad is not None
    ]
    shown = [
        _shown("result", float(result.data), ".6g"),
        Shown("steps", f"{done} of {len(steps)}", float(done)),
    ]
    return Answer(picture, shown + sorted(gradients))


def _parse_values(text: str) -> dict[str, Value]:
    """Read "w = 2, x = 3"."""
    leaves = {}
    for part in filter(str.strip, text.split(",")):
        name, _, number = map(str.strip, part.partition("="))
        if not re.fullmatch(r"[^\W\d]\w{0,11}", name) or name in _FUNCTIONS:
            raise ValueError(f'values needs the form "w = 2, x = 3", got {part.strip()!r}')
        try:
            leaves[name] = Value(_checks.real(name, float(number)), name=name)
        except ValueError as error:
            raise ValueError(f"values needs a finite number for {name}, got {number!r}") from error
    return leaves


def _parse_expression(text: str, leaves: dict[str, Value]) -> Value:
    """Compute an expression with the engine. It is read as a tree; nothing is run as code."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"expression needs to be one of Python, got {text!r}") from error
    result = _compute(tree, leaves)
    if not isinstance(result, Value):
        raise ValueError(f"expression needs a name that has a value, got {text!r}")
    return result


def _compute(tree: ast.expr, leaves: dict[str, Value]) -> Any:
    match tree:
        case ast.Constant(value=float() | int() as number) if not isinstance(number, bool):
            return _apply(float, number)
        case ast.Name(id=name) if name in leaves:
            return leaves[name]
        case ast.Name(id=name):
            raise ValueError(f"values needs a number for {name}")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_compute(operand, leaves)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            operation = _OPERATORS[type(op)]
            return _apply(operation, _compute(left, leaves), _compute(right, leaves))
        case ast.Call(func=ast.Name(id=name), args=[operand], keywords=[]) if name in _FUNCTIONS:
            value = _compute(operand, leaves)
            if not isinstance(value, Value):
                raise ValueError(f"expression needs a name inside of {name}(…)")
            return _apply(getattr(value, name))
    raise ValueError(
        f"expression needs names, numbers, + - * / ** and {', '.join(_FUNCTIONS)}, "
        f"got {ast.unparse(tree)!r}"
    )


def _apply(operation: Callable[..., Any], *operands: Any) -> Any:
    try:
        return operation(*operands)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(f"expression needs a finite and real result, but {error}") from error


# --- page 10 --------------------------------------------------------------------------------------

_NAMES = ("w₁", "w₂", "w₃", "w₄", "w₅", "w₆")


@_explorer
def by_hand(
    w1: Annotated[float, Number("w₁", 0.1)] = 1.0,
    w2: Annotated[float, Number("w₂", 0.1)] = 0.5,
    w3: Annotated[float, Number("w₃", 0.1)] = 0.5,
    w4: Annotated[float, Number("w₄", 0.1)] = 0.7,
    w5: Annotated[float, Number("w₅", 0.1)] = 1.0,
    w6: Annotated[float, Number("w₆", 0.1)] = 2.0,
    x1: Annotated[float, Number("x₁", 0.1)] = 0.5,
    x2: Annotated[float, Number("x₂", 0.1)] = 1.0,
    y: Annotated[float, Number("target y", 0.1)] = 0.8,
    lr: Annotated[float, Number("rate η", 0.01)] = 0.01,
) -> Answer:
    """Work out one step of the worked example, with other numbers if wanted.

    Args:
        w1: From x1 to the first hidden unit.
        w2: From x1 to the second hidden unit.
        w3: From x2 to the first hidden unit.
        w4: From x2 to the second hidden unit.
        w5: From the first hidden unit to the output.
        w6: From the second hidden unit to the output.
        x1: The first input.
        x2: The second input.
        y: The target.
        lr: The learning rate η.

    Returns:
        The picture and the numbers: the forward pass, the gradients, the new weights, and the
        loss after a simultaneous and after a sequential update.

    Raises:
        ValueError: An argument is not a number between −1e6 and 1e6.

    Examples:
        >>> [value.text for value in by_hand().values[:5]]
        ['1', '0.95', '2.9', '4.41', '4.2']
    """
    theta, x = np.array([w1, w2, w3, w4, w5, w6]), np.array([x1, x2])
    example = WorkedExample(theta=theta, x=x, y=y, lr=lr)
    grad = example.grad(theta)
    new = theta - lr * grad
    one_by_one = theta.copy()
    for k in (4, 5, 0, 1, 2, 3):  # from the output back, each gradient at the newest weights
        one_by_one[k] -= lr * example.grad(one_by_one)[k]
    hidden, y_hat = x @ example.W_h, float(example.predict(theta))
    values = [
        _shown("hidden unit a₁", hidden[0], ".6g"),
        _shown("hidden unit a₂", hidden[1], ".6g"),
        _shown("prediction ŷ", y_hat, ".6g"),
        _shown("loss L", float(example.loss(theta)), ".6g"),
        _shown("∂L/∂ŷ", -2 * (y - y_hat), ".6g"),
        *(_shown(f"∂L/∂{name}", g, ".6g") for name, g in zip(_NAMES, grad, strict=True)),
        *(_shown(f"new {name}", w, ".6g") for name, w in zip(_NAMES, new, strict=True)),
        _shown("new loss, all weights at once", float(example.loss(new)), ".6g"),
        _shown("new loss, one weight after another", float(example.loss(one_by_one)), ".6g"),
    ]
    return Answer(_draw_network(example, hidden, y_hat), values)


def _draw_network(example: WorkedExample, hidden: Array, y_hat: float) -> str:
    """Draw the network with a value in each node and a weight on each line."""
    weights = ", ".join(f"{n} = {w:g}" for n, w in zip(_NAMES, example.theta, strict=True))
    picture = Picture(
        f"A network with the inputs {example.x[0]:g} and {example.x[1]:g}, the hidden units "
        f"{hidden[0]:.4g} and {hidden[1]:.4g}, and the output {y_hat:.4g}. The weights on its "
        f"lines are {weights}."
    )
    axes = picture.axes((0, 3.6), (0, 2), 200)
    inputs, units, output = [(0.4, 1.55), (0.4, 0.45)], [(1.8, 1.55), (1.8, 0.45)], (3.2, 1.0)
    lines = [(a, b) for a in inputs for b in units] + [(b, output) for b in units]
    for ((x0, y0), (x1, y1)), name, weight in zip(lines, _NAMES, example.theta, strict=True):
        axes.line([x0, x1], [y0, y1], BLUE if weight >= 0 else VERMILION, width=1.5)
        share = 0.5 if y0 == y1 or x1 == output[0] else 0.3  # not where two lines cross
        x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
        axes.text(x, y, f"{name} {weight:.4g}", anchor="middle", shift=(0, 4), halo=True)
    nodes = zip([*inputs, *units, output], [*example.x, *hidden, y_hat], strict=True)
    for (left, up), value in nodes:
        axes.points([left], [up], "#ffffff", radius=23, ring=True)
        axes.text(left, up, f"{value:.4g}", anchor="middle", shift=(0, 4), bold=True)
    return picture.svg()


# --- page 12 --------------------------------------------------------------------------------------

_PLANE = (-3.5, 2.5), (-2.5, 2.0)
_HEIGHTS = (0.05, 0.3, 0.8, 1.21, 2.0, 4.0, 7.0, 11.0)


@_explorer
def loss_surface(
    w1: Annotated[float, Slider("start w₁", -3.5, 2.5, 0.05)] = 1.0,
    w5: Annotated[float, Slider("start w₅", -2.5, 2.0, 0.05)] = 1.0,
    lr: Annotated[float, Slider("learning rate η", 0.01, 0.4, 0.01)] = 0.05,
    n_steps: Annotated[int, Slider("steps", 1, 150, 1)] = 60,
    azimuth: Annotated[int, Slider("turn, in degrees", -180, 180, 1)] = -52,
    elevation: Annotated[int, Slider("tilt, in degrees", 5, 60, 1)] = 32,
) -> Answer:
    """Draw the loss of the worked example over two of its weights, with a path of descent.

    Args:
        w1: The first weight of the start.
        w5: The second weight of the start.
        lr: The learning rate η.
        n_steps: The number of steps.
        azimuth: The angle by which the surface is turned, in degrees.
        elevation: The angle from which it is seen, in degrees above its plane.

    Returns:
        The picture and the numbers: where the path ends, and what descent hardly changes.

    Raises:
        ValueError: An argument is outside its range.

    Examples:
        >>> [value.text for value in loss_surface(w1=0.0, w5=1.0, n_steps=150).values[:3]]
        ['-1.000', '0.000', '1.21']
    """
    example = worked_example()
    plane = restrict(example.loss, example.theta, 0, 4)

    def grad(point: Array) -> Array:
        theta = example.theta.copy()
        theta[[0, 4]] = point
        return example.grad(theta)[[0, 4]]

    run = minimize(plane, [w1, w5], sgd(lr), grad_fn=grad, n_steps=n_steps)
    (end_1, end_5), loss = run.last, run.loss[-1]
    picture = Picture(
        f"The loss over w1 and w5 as a surface, and its contours, with a path of {n_steps} steps "
        f"from ({w1:g}, {w5:g}) to ({end_1:.2f}, {end_5:.2f}), where the loss is {loss:.3g}."
    )
    _draw_surface(picture, plane, run, azimuth, elevation)
    axes = picture.axes(*_PLANE, 190, xlabel="w₁", ylabel="w₅")
    grid = _grid(axes, 45, 35)
    axes.contours(plane(grid), _HEIGHTS)
    _draw_path(axes, run.params, VERMILION, radius=2)
    axes.handle(w1, w5, "w1 w5")
    drift = [float((p[0] + 1) ** 2 - p[1] ** 2) for p in (run.params[0], run.last)]
    values = [
        _shown("w₁ at the end", end_1, ".3f"),
        _shown("w₅ at the end", end_5, ".3f"),
        _shown("loss at the end", loss, ".4g"),
        _shown("(w₁ + 1)² − w₅² at the start", drift[0], ".3f"),
        _shown("(w₁ + 1)² − w₅² at the end", drift[1], ".3f"),
    ]
    if run.diverged:
        values.append(Shown("the run", "diverged", None))
    return Answer(picture.svg(), values)


def _draw_surface(
    picture: Picture,
    plane: Callable[[Any], Any],
    run: Trajectory,
    azimuth: float,
    elevation: float,
) -> None:
    """Draw the surface and the path on it, what is far before what is near."""
    axes = picture.axes((-1.75, 1.75), (-1.25, 1.1), 242, turns="azimuth elevation")
    low, high = np.array(_PLANE).T
    unit = np.linspace(-1, 1, 21)
    across, up = np.meshgrid(unit, unit)
    heights = plane(low + (np.stack([across, up], axis=-1) + 1) / 2 * (high - low))
    scale = 0.9 / float(heights.max())
    view = _View(np.radians(azimuth), np.radians(elevation))
    x, y, depth = view.project(across, up, heights * scale)
    corners = [np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, 1:], np.s_[1:, :-1]]
    facets = np.stack([[a[c].ravel() for c in corners] for a in (x, y, depth, heights)])
    shades = np.sqrt(facets[3].mean(axis=0) / heights.max()) * (len(PALE) - 1)
    colours = shades.round().astype(int)
    path = 2 * (run.params - low) / (high - low) - 1
    px, py, near = view.project(path[:, 0], path[:, 1], run.loss * scale)
    items = [(d, k, True) for k, d in enumerate(facets[2].mean(axis=0).tolist())]
    items += [(d + 0.08, k, False) for k, d in enumerate(near[1:].tolist())]
    for name, u, v in (("w₁", 0.0, 1.3), ("w₅", 1.3, 0.0)):
        near_side = max((1, -1), key=lambda s: view.project(s * u, s * v, 0.0)[2])
        left, top, _ = view.project(near_side * u, near_side * v, 0.0)
        axes.text(left, top, name, anchor="middle", shift=(0, 6))
    for _, k, is_facet in sorted(items):
        if is_facet:
            axes.area(facets[0, :, k], facets[1, :, k], PALE[colours[k]])
        else:
            axes.line(px[k : k + 2], py[k : k + 2], VERMILION, width=2.5)
    axes.points(px[[0, -1]], py[[0, -1]], VERMILION, radius=4)


class _View(NamedTuple):
    """Where the eye is: the angle around, and the angle above the plane."""

    azimuth: float
    elevation: float

    def project(self, u: Any, v: Any, z: Any) -> tuple[Any, Any, Any]:
        """Return how far to the right, how far up, and how near points are."""
        right = v * np.cos(self.azimuth) - u * np.sin(self.azimuth)
        near = u * np.cos(self.azimuth) + v * np.sin(self.azimuth)
        z = z - 0.35  # the middle of the surface in the middle of the picture
        up = z * np.cos(self.elevation) - near * np.sin(self.elevation)
        return right, up, near * np.cos(self.elevation) + z * np.sin(self.elevation)
