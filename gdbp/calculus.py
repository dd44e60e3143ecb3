r"""Derivatives and gradients from function values alone, and the check of a gradient with them.

Three difference formulas approximate a derivative:

$$
\text{forward: } \frac{f(x + h) - f(x)}{h}, \qquad
\text{central: } \frac{f(x + h) - f(x - h)}{2h}, \qquad
\text{complex step: } \frac{\operatorname{Im} f(x + ih)}{h}.
$$

Everything else here (partial and directional derivatives, the gradient) is one of them along
some line.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gdbp import _checks
from gdbp._checks import Array
from gdbp._trees import Tree, float_tree, ravel, same_structure, tree_leaves, tree_map

Method = Literal["forward", "central", "complex"]
"""The difference formula."""

METHODS: tuple[Method, ...] = ("forward", "central", "complex")
"""All of them."""


def derivative(
    f: Callable[[Any], Any], x: float, *, h: float | None = None, method: Method = "central"
) -> float:
    r"""Approximate the derivative of a function of one variable.

    $$f'(x) = \lim_{h \to 0} \frac{f(x + h) - f(x)}{h}$$

    Args:
        f: A function from a number to a number. For `method="complex"` it has to accept and
            return complex numbers and be analytic (no `abs`, no comparison).
        x: The point, a real number. An integer is converted to float64.
        h: The step, in the unit of `x`. By default it follows from the machine precision ε of
            x's type: about ε^(1/2) for forward, ε^(1/3) for central differences, both times
            max(1, |x|), and ε for the complex step.
        method: "forward", "central" or "complex".

    Returns:
        The approximation of f'(x).

    Raises:
        TypeError: `f` is not a function, does not return a number, or cannot take the complex step;
            `x` or `h` is not a real number.
        ValueError: `x` is not a finite number, `f` returns more than one number or one that is not
            finite, `h` is not positive, is too small to change `x` or does not fit into x's type,
            or `method` is unknown.

    Note:
        Default steps are powers of two, so that x + h and the division by h round as
        little as they can. float32 stays float32.

    Examples:
        >>> derivative(lambda x: x**2, 3.0)
        6.0
        >>> round(derivative(np.exp, 0.0, method="forward"), 6)
        1.0
        >>> derivative(np.exp, 0.0, method="complex")
        1.0

    References:
        The choice of h is in :cite:t:`press2007numerical`, section 5.7; the complex step is due to
        :cite:t:`squire1998using`.
    """
    point = _checks.float_array("x", x, ndim=0)
    return float(_slope(f, point[()], point.dtype.type(1), abs(point[()]), h, method))


def partial_derivative(
    f: Callable[[Any], Any],
    x: ArrayLike,
    i: int | tuple[int, ...],
    *,
    h: float | None = None,
    method: Method = "central",
) -> float:
    r"""Approximate the partial derivative of a function of several variables.

    $$\frac{\partial f}{\partial x_i}(x) = \frac{d}{dt} f(x + t e_i) \Big|_{t=0}$$

    Args:
        f: A function from an array of x's shape to a number.
        x: The point, an array of any shape with at least one axis. Integers become float64.
        i: The index of the variable: an integer for a vector, else a tuple with one integer for
            each axis. Counted from 0; negative indices are errors.
        h: The step; see `derivative`.
        method: "forward", "central" or "complex".

    Returns:
        The approximation of ∂f/∂x_i at `x`.

    Raises:
        TypeError: As for `derivative`, or `i` is not an integer or a tuple of integers.
        ValueError: As for `derivative`, or `i` is out of range.

    Examples:
        >>> partial_derivative(lambda x: x[0] ** 2 + x[1] ** 2, [1.0, 3.0], 1)
        6.0
    """
    point = _checks.float_array("x", x)
    index = i if isinstance(i, tuple) else (i,)
    if len(index) != point.ndim or point.ndim == 0:
        raise ValueError(f"i needs one index for each axis of x, shape {point.shape}, got {i!r}")
    for k, size in zip(index, point.shape, strict=True):
        _checks.integer("i", k, minimum=0, maximum=size - 1)
    return float(_partial(f, point, index, h, method))


def gradient(
    f: Callable[[Any], Any], x: ArrayLike, *, h: float | None = None, method: Method = "central"
) -> Array:
    r"""Approximate the gradient: the array of all partial derivatives.

    $$\nabla f(x) = \Big(\frac{\partial f}{\partial x_1}, \dots,
      \frac{\partial f}{\partial x_n}\Big)$$

    Args:
        f: A function from an array of x's shape to a number.
        x: The point, an array of any shape with at least one axis. Integers become float64.
        h: The step; see `derivative`.
        method: "forward", "central" or "complex".

    Returns:
        The gradient, with the shape of `x`.

    Raises:
        TypeError: As for `derivative`.
        ValueError: As for `derivative`, or `x` has no axis.

    Note:
        n variables cost 2n evaluations of `f` with forward or central differences and n with the
        complex step. Backpropagation needs one forward and one backward pass, whatever n is.

    Examples:
        >>> gradient(lambda x: x[0] ** 2 + x[1] ** 2, [1.0, 3.0])
        array([2., 6.])
    """
    point = _checks.float_array("x", x)
    if point.ndim == 0:
        raise ValueError("x needs at least one axis, got a single number: use derivative")
    grad = np.empty_like(point)
    for index in np.ndindex(point.shape):
        grad[index] = _partial(f, point, index, h, method)
    return grad


def directional_derivative(
    f: Callable[[Any], Any],
    x: ArrayLike,
    v: ArrayLike,
    *,
    h: float | None = None,
    method: Method = "central",
) -> float:
    r"""Approximate the slope of a function along a direction.

    $$D_v f(x) = \frac{d}{dt} f\Big(x + t \frac{v}{\lVert v \rVert}\Big) \Big|_{t=0},
      \qquad\text{which is } \nabla f(x) \cdot \frac{v}{\lVert v \rVert}
      \text{ where } f \text{ is differentiable.}$$

    Args:
        f: A function from an array of x's shape to a number.
        x: The point, an array of any shape with at least one axis. Integers become float64.
        v: The direction, with the shape of `x`; only its direction counts, it is normalised here.
        h: The step along v/‖v‖; see `derivative`.
        method: "forward", "central" or "complex".

    Returns:
        The approximation of D_v f(x): positive where f rises along v, negative where it falls.

    Raises:
        TypeError: As for `derivative`.
        ValueError: As for `derivative`, or `v` is zero or has another shape than `x`.

    Note:
        The slope is measured along the line, not computed from the gradient, so that the two can
        be compared.

    Examples:
        >>> f = lambda x: x[0] ** 2 + x[1] ** 2
        >>> round(directional_derivative(f, [1.0, 3.0], [0.6, 0.8]), 9)
        6.0
        >>> round(directional_derivative(f, [1.0, 3.0], [-3.0, 1.0]), 9)
        0.0
    """
    point = _checks.float_array("x", x)
    if point.ndim == 0:
        raise ValueError("x needs at least one axis, got a single number: use derivative")
    direction = _checks.float_array("v", v)
    _checks.same_shape("v", direction, "x", point)
    largest = np.abs(direction).max()
    if largest == 0:
        raise ValueError("v needs a direction, got the zero vector")
    # Divided first, so that neither the squares in the norm nor x's type can overflow.
    direction = (direction / largest).astype(point.dtype)
    direction = direction / np.linalg.norm(direction.ravel())
    return float(_slope(f, point, direction, np.abs(point).max(), h, method))


class GradientReport(NamedTuple):
    """What `check_gradient` found.

    Attributes:
        max_relative_error: The largest relative error of all components.
        where: The component with that error, written as the reader would: `x[2]`.
        analytic: The gradient under test at that component.
        numeric: The difference quotient there.
        tolerance: The largest error that passes.
        ok: Whether every component passes.
    """

    max_relative_error: float
    where: str
    analytic: float
    numeric: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every component is within the tolerance."""
        return self.max_relative_error <= self.tolerance

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "WRONG"
        return (
            f"{verdict}: largest relative error {self.max_relative_error:.1e} "
            f"(tolerance {self.tolerance:.0e}) at {self.where}: "
            f"gradient {self.analytic:.6g}, differences {self.numeric:.6g}"
        )


def check_gradient(
    f: Callable[[Any], Any],
    grad: Callable[[Any], Tree] | Tree,
    x: Tree,
    *,
    h: float | None = None,
    method: Method = "central",
    tolerance: float = 1e-6,
) -> GradientReport:
    r"""Compare a gradient with differences, component by component.

    $$\text{error}_i = \frac{|g_i - d_i|}{\max(|g_i|, |d_i|, \rho / \text{tolerance})}$$

    with the gradient g, the differences d, and ρ their resolution: their rounding error, and their
    truncation error as doubling the step shows it. Where both numbers are too small to be
    resolved, the comparison is absolute.

    Args:
        f: A function from `x` to a number.
        grad: The gradient to check, or the function that computes it from `x`.
        x: The point: an array, or a dict or list of arrays such as a network's parameters.
        h: The step; see `derivative`.
        method: "forward", "central" or "complex".
        tolerance: The largest relative error that passes. The default suits central
            differences in float64; forward differences or float32 need more.

    Returns:
        The report: its `ok` is the verdict, printing it tells where the largest error is.

    Raises:
        TypeError: As for `derivative`.
        ValueError: As for `derivative`; the gradient has other shapes than `x` or is not finite;
            `tolerance` is not positive.

    Note:
        It costs twice the evaluations of `gradient`. Check at a random point: at a minimum both
        numbers are nothing but rounding errors, and little is proven.

    Examples:
        >>> f = lambda x: (x**2).sum()
        >>> check_gradient(f, lambda x: 2 * x, [1.0, 2.0]).ok
        True
        >>> print(check_gradient(f, lambda x: x, [1.0, 2.0]))
        WRONG: largest relative error 5.0e-01 (tolerance 1e-06) at x[0]: gradient 1, differences 2
    """
    _checks.function("f", f)
    _checks.real("tolerance", tolerance, above=0)
    point = float_tree("x", x)
    found = float_tree("grad", grad(point) if callable(grad) else grad)
    same_structure("grad", found, "x", point)
    theta, unravel = ravel(point)
    analytic = ravel(tree_map(lambda _, leaf: leaf, point, found))[0]  # dicts in x's order
    numeric = gradient(lambda t: f(unravel(t)), theta, h=h, method=method)
    coarse = gradient(lambda t: f(unravel(2 * t - theta)), theta, h=h, method=method) / 2

    step = _step(h, method, theta.dtype.type(0))
    epsilon = np.finfo(theta.dtype).eps
    value = abs(_value(f, point))
    size = max(1, np.abs(numeric).max())
    # A few roundings: of the gradient itself and, unless nothing is subtracted, of f over h.
    rounding = 8 * epsilon * (size + (0 if method == "complex" else value / step))
    # Limited: differences that depend on the step more than this are no proof of anything.
    truncation = min(2 * np.abs(coarse - numeric).max(), tolerance * size)
    resolution = rounding + truncation
    scale = np.maximum(np.maximum(abs(analytic), abs(numeric)), resolution / tolerance)
    error = np.abs(analytic - numeric) / scale
    worst = int(np.argmax(error))
    return GradientReport(
        max_relative_error=float(error[worst]),
        where=list(_component_names(point))[worst],
        analytic=float(analytic[worst]),
        numeric=float(numeric[worst]),
        tolerance=tolerance,
    )


def _component_names(tree: Tree) -> Iterator[str]:
    """Yield the name of each number in the flattened tree, such as `x[2]` or `x['W'][0, 1]`."""
    for name, leaf in tree_leaves(tree, "x"):
        for index in np.ndindex(leaf.shape):
            yield f"{name}[{', '.join(map(str, index))}]" if index else name


def _partial(
    f: Callable[[Any], Any], x: Array, index: tuple[int, ...], h: float | None, method: Method
) -> Any:
    direction = np.zeros_like(x)
    direction[index] = 1
    return _slope(f, x, direction, abs(x[index]), h, method)


def _slope(
    f: Callable[[Any], Any], x: Any, direction: Any, scale: Any, h: float | None, method: Method
) -> Any:
    """Differentiate t ↦ f(x + t·direction) at t = 0, where x has the size `scale`."""
    _checks.function("f", f)
    step = _step(h, method, scale)
    if method == "complex":
        return _complex_value(f, x + 1j * step * direction).imag / step
    ahead, behind = x + step * direction, x - step * direction
    if np.array_equal(ahead, x):
        raise ValueError(f"h needs to be large enough to change x = {x}, got {h}")
    if method == "forward":
        return (_value(f, ahead) - _value(f, x)) / step
    return (_value(f, ahead) - _value(f, behind)) / (2 * step)


def _step(h: float | None, method: Method, scale: Any) -> Any:
    """Return the step in the type of `scale`: the caller's, or one from the machine precision."""
    _checks.choice("method", method, METHODS)
    if h is not None:
        limits = np.finfo(type(scale))
        if not float(limits.tiny) <= _checks.real("h", h, above=0) <= float(limits.max):
            raise ValueError(f"h needs to fit into {limits.dtype}, the type of x, got {h}")
        return type(scale)(h)
    epsilon = np.finfo(type(scale)).eps
    if method == "complex":
        return epsilon  # nothing is subtracted, so only the truncation error h² counts
    order = 1 / 2 if method == "forward" else 1 / 3
    exponent = np.round(np.log2(epsilon**order * max(1, scale)))
    return type(scale)(2.0**exponent)


def _value(f: Callable[[Any], Any], x: Any) -> Any:
    value = _checks.scalar_result("f", f(x))
    if np.iscomplexobj(value):
        raise TypeError(f"f needs to return a real number, got {value}")
    return value


def _complex_value(f: Callable[[Any], Any], x: Any) -> Any:
    try:
        with warnings.catch_warnings():  # math.sin drops the imaginary part, and only warns
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            result = f(x)
    except (TypeError, np.exceptions.ComplexWarning) as error:
        raise TypeError(
            f"f needs to accept complex numbers for method='complex', got {error}"
        ) from error
    value = _checks.scalar_result("f", result)
    if not np.iscomplexobj(value):
        raise TypeError(f"f needs to return a complex number for method='complex', got {value}")
    return value
