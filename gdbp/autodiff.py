r"""Automatic differentiation: arrays that remember where they came from.

A `Value` holds an array and a record of the operation that made it. The records form a graph
from the parameters to the loss, $v_i = \varphi_i(v_j)_{j \to i}$, and the chain rule runs through
it from the loss back to the parameters:

$$\bar v_j = \sum_{i:\, j \to i} \bar v_i \frac{\partial v_i}{\partial v_j}, \qquad
  \bar v = \frac{\partial L}{\partial v}.$$

A `Dual` carries a tangent through the same operations from the input on:

$$\dot v_i = \sum_{j:\, j \to i} \frac{\partial v_i}{\partial v_j} \dot v_j.$$

Both read the local derivatives $\partial v_i / \partial v_j$ from one table, `OPERATIONS`.

Three conventions hold everywhere. Shapes broadcast as in numpy, and a gradient has the shape of
what it belongs to. A plain number, and an array of integers or booleans, takes the floating-point
type of its partner, so that float32 stays float32. No NaN and no infinity passes: an operation
whose result or derivative is not finite (log(0), 1 / 0, an overflow) raises `NotFiniteError`, a
`ValueError`, and names itself; what underflows becomes 0.
"""

import math
import operator
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from functools import lru_cache, wraps
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from gdbp import _checks
from gdbp._checks import Array, NotFiniteError

_P = ParamSpec("_P")
_R = TypeVar("_R")

_QUIET = Context()
_QUIET.run(np.seterr, all="ignore")


def _quiet(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let numpy warn of nothing, as the engine looks at the results itself.

    A copy of a context takes a tenth of the time that `np.errstate` takes.
    """

    @wraps(function)
    def quiet(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return _QUIET.copy().run(function, *args, **kwargs)

    return quiet


# --- operations: each result beside its local derivatives ---------------------------------------


class Elementwise:
    r"""An operation on each element, after broadcasting.

    Both modes multiply by the same number, $\partial v_i / \partial v_j$, element by element.

    Attributes:
        forward: From the operands to the result.
        slopes: For each operand, the function of `(result, *operands)` that is the derivative of
            the result with respect to it. A constant one is a plain number.
    """

    needs = "shapes that broadcast"

    def __init__(self, forward: Callable[..., Any], *slopes: Callable[..., Any]) -> None:
        self.forward, self.slopes = forward, slopes

    def cost(self, out: Array, x: Sequence[Array]) -> int:
        """Return the number of elementary operations: one for each number written."""
        return out.size

    def vjp(self, k: int, g: Array, out: Array, x: Sequence[Array]) -> Array:
        """Carry the result's gradient back to operand k (a vector-Jacobian product)."""
        return _times(g, self.slopes[k](out, *x), out, x)

    def jvp(self, k: int, t: Array, out: Array, x: Sequence[Array]) -> Array:
        """Carry operand k's tangent on to the result (a Jacobian-vector product)."""
        return _times(t, self.slopes[k](out, *x), out, x)

    def local(self, k: int, out: Array, x: Sequence[Array]) -> Array:
        """Return ∂out/∂x[k] element by element, in the shape of the result."""
        return np.broadcast_to(np.asarray(self.slopes[k](out, *x), out.dtype), out.shape)


class Reduction:
    """An operation that makes one number out of many, along axes of its only operand.

    The tangents are summed with the weights ∂out/∂x; the gradient is handed out with them.

    Attributes:
        forward: From the operand and the options to the result.
        weights: From (result, operand, options) to ∂out/∂x, where the result has kept its axes.
    """

    needs = "axes that the operand has, each once"

    def __init__(self, forward: Callable[..., Any], weights: Callable[..., Any]) -> None:
        self.forward, self.weights = forward, weights

    def cost(self, out: Array, x: Sequence[Array]) -> int:
        """Return the number of elementary operations: one for each number read."""
        return x[0].size

    def vjp(self, k: int, g: Array, out: Array, x: Sequence[Array], **options: Any) -> Array:
        """Carry the result's gradient back to the operand."""
        g = _kept(g, x[0], options.get("axis"))
        return _broadcast(_times(g, self._weights(out, x, **options), out, x), x[0].shape)

    def jvp(self, k: int, t: Array, out: Array, x: Sequence[Array], **options: Any) -> Array:
        """Carry the operand's tangent on to the result."""
        _count(t.size)  # the sum
        products = _times(t, self._weights(out, x, **options), out, x)
        return np.asarray(products.sum(axis=options.get("axis"))).reshape(out.shape)

    def local(self, k: int, out: Array, x: Sequence[Array], **options: Any) -> Array:
        """Return the weights, in the shape of the operand."""
        weights = np.asarray(self._weights(out, x, **options), out.dtype)
        return np.broadcast_to(weights, x[0].shape)

    def _weights(
        self,
        out: Array,
        x: Sequence[Array],
        axis: Any = None,
        keepdims: bool = False,
        **options: Any,
    ) -> Any:
        return self.weights(_kept(out, x[0], axis), *x, **options)


class Rearrangement:
    """An operation that only moves numbers: its tangents move along, its gradients move back.

    Attributes:
        forward: From the operand and the options to the result.
        back: From (gradient, operand, options) to the operand's gradient.
        needs: What the options have to be, for the message.
    """

    def __init__(self, forward: Callable[..., Any], back: Callable[..., Any], needs: str) -> None:
        self.forward, self.back, self.needs = forward, back, needs

    def cost(self, out: Array, x: Sequence[Array]) -> int:
        """Return 0: moving numbers is free."""
        return 0

    def vjp(self, k: int, g: Array, out: Array, x: Sequence[Array], **options: Any) -> Array:
        """Carry the result's gradient back to the operand."""
        back: Array = self.back(g, *x, **options)
        return back

    def jvp(self, k: int, t: Array, out: Array, x: Sequence[Array], **options: Any) -> Array:
        """Carry the operand's tangent on to the result."""
        return np.asarray(self.forward(t, **options))

    def local(self, k: int, out: Array, x: Sequence[Array], **options: Any) -> None:
        """Return `None`: the Jacobian is a matrix of zeros and ones, not worth writing out."""


class MatrixProduct:
    """The product of matrices, rows, columns, or stacks of matrices, as numpy's `matmul`."""

    forward: Callable[..., Any] = staticmethod(np.matmul)
    needs = "inner axes of equal length (and outer ones that broadcast)"

    def cost(self, out: Array, x: Sequence[Array]) -> int:
        """Return 2·m·k·n for (m, k) @ (k, n): a product and an addition for each term."""
        return int(2 * out.size * x[0].shape[-1])

    def vjp(self, k: int, g: Array, out: Array, x: Sequence[Array]) -> Array:
        """Carry the result's gradient back: G Bᵀ to A, and Aᵀ G to B."""
        a, b = x
        if _counters:
            _count(self.cost(out, x))
        if b.ndim == 1:  # a column
            b, g = b[:, np.newaxis], g[..., np.newaxis]
        if a.ndim == 1:  # a row
            a, g = a[np.newaxis, :], g[..., np.newaxis, :]
        back: Array = g @ b.mT if k == 0 else a.mT @ g
        if x[k].ndim == 1:
            back = back[..., 0, :] if k == 0 else back[..., 0]
        return back

    def jvp(self, k: int, t: Array, out: Array, x: Sequence[Array]) -> Array:
        """Carry a tangent on: dA B, or A dB."""
        _count(self.cost(out, x))
        return np.asarray(t @ x[1] if k == 0 else x[0] @ t)

    def local(self, k: int, out: Array, x: Sequence[Array]) -> None:
        """Return `None`: the Jacobian has m·n rows."""


Operation = Elementwise | Reduction | Rearrangement | MatrixProduct


@lru_cache(maxsize=16)
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    """Return n ones: the product with them is a sum, in less time than numpy's sum takes."""
    return np.ones(n, dtype)


def _relu(x: Array) -> Array:
    """Return max(x, 0): numpy compares two rows in less time than a row and a number."""
    larger: Array = np.maximum(x, np.zeros(x.shape[-1:], x.dtype))
    return larger


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))  # of a negative number only, so that nothing overflows
    return np.asarray(np.where(x >= 0, 1, e) / (1 + e))


def _log_sum_exp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    largest = x.max(axis=axis, keepdims=True)  # subtracted first, for the same reason
    out = largest + np.log(np.exp(x - largest).sum(axis=axis, keepdims=True))
    return out if keepdims else np.asarray(out.squeeze(axis))


def _max_weights(out: Array, x: Array) -> Array:
    share = (x == out).astype(x.dtype)  # a tie is shared out evenly
    over = tuple(k for k in range(x.ndim) if out.ndim == 0 or out.shape[k] == 1)
    return np.asarray(share / share.sum(axis=over, keepdims=True))


def _log_softmax(z: Array) -> Array:
    shifted: Array = z - np.maximum.reduce(z, axis=1, keepdims=True)
    shifted -= np.log(np.add.reduce(np.exp(shifted), axis=1, keepdims=True))
    return shifted


def _cross_entropy(z: Array, labels: Array, kept: dict[str, Any]) -> Any:
    at = np.arange(len(z)), labels
    # Of a few classes, numpy is quicker to take the largest and the sum by long columns.
    log_p = _log_softmax(np.asfortranarray(z) if z.shape[1] <= 64 else z)
    kept["log_p"], kept["at"] = log_p, at  # the way back needs them again
    return np.add.reduce(log_p[at]) / -len(z)


def _cross_entropy_weights(out: Array, z: Array, labels: Array, kept: dict[str, Any]) -> Array:
    weights: Array = np.exp(kept["log_p"])
    weights[kept["at"]] -= 1
    weights /= len(z)
    return weights


def _pick(x: Array, index: Any) -> Array:
    picked = np.asarray(x[index])
    if picked.size == 0:
        raise IndexError("the index picks nothing")
    return picked


def _put_back(g: Array, x: Array, index: Any) -> Array:
    back = np.zeros_like(x)
    np.add.at(back, index, g)  # unlike back[index] += g, this adds again where an index repeats
    return back


def _permute_back(g: Array, x: Array, axes: Sequence[int] | None) -> Array:
    return g.T if axes is None else g.transpose(np.argsort(np.asarray(axes) % x.ndim))


# + is numpy's np.add where it adds arrays; two single numbers it adds in a tenth of the time.
OPERATIONS: dict[str, Operation] = {
    "+": Elementwise(operator.add, lambda out, x, y: 1, lambda out, x, y: 1),
    "-": Elementwise(operator.sub, lambda out, x, y: 1, lambda out, x, y: -1),
    "*": Elementwise(operator.mul, lambda out, x, y: y, lambda out, x, y: x),
    "/": Elementwise(operator.truediv, lambda out, x, y: 1 / y, lambda out, x, y: -out / y),
    "**": Elementwise(
        np.power,
        lambda out, x, y: y * x ** np.where(y == 0, 1, y - 1),  # x⁰ is constant, at x = 0 too
        lambda out, x, y: out * np.log(np.where(x == 0, 1, x)),  # and so is 0ʸ, for y > 0
    ),
    "neg": Elementwise(operator.neg, lambda out, x: -1),
    "exp": Elementwise(np.exp, lambda out, x: out),
    "log": Elementwise(np.log, lambda out, x: 1 / x),
    "tanh": Elementwise(np.tanh, lambda out, x: 1 - out * out),
    "sigmoid": Elementwise(_sigmoid, lambda out, x: out * (1 - out)),
    # At the kink any slope in [0, 1] is a subgradient; PyTorch takes 0, and so do we.
    "relu": Elementwise(_relu, lambda out, x: x > 0),
    # At a tie, PyTorch gives each operand half of the gradient, and so do we.
    "maximum": Elementwise(
        np.maximum,
        lambda out, x, y: np.where(x == y, 0.5, x > y),
        lambda out, x, y: np.where(x == y, 0.5, x < y),
    ),
    "@": MatrixProduct(),
    "sum": Reduction(np.sum, lambda out, x: 1),
    "mean": Reduction(np.mean, lambda out, x: out.size / x.size),
    "max": Reduction(np.max, _max_weights),
    "logsumexp": Reduction(_log_sum_exp, lambda out, x: np.exp(x - out)),
    "softmax_cross_entropy": Reduction(_cross_entropy, _cross_entropy_weights),
    "reshape": Rearrangement(
        np.reshape, lambda g, x, shape: g.reshape(x.shape), needs="a shape of the same size"
    ),
    "transpose": Rearrangement(np.transpose, _permute_back, needs="each axis once"),
    "index": Rearrangement(_pick, _put_back, needs="an index inside the array"),
}
"""What the engine can do: each operation with its derivatives, by name.

:meta hide-value:
"""

_HALF_MAX = 65504  # the largest number of the smallest type, float16

_INFIX = frozenset({"+", "-", "*", "/", "**", "@"})
_SHOWN = frozenset({"axis", "shape", "axes"})


def _times(vector: Array, slope: Any, out: Array, x: Sequence[Array]) -> Array:
    """Multiply by a local derivative; count the product, and the derivative unless it is known."""
    if type(slope) is int and slope == 1:
        return vector
    product: Array = vector * slope
    if _counters:
        is_new = isinstance(slope, np.ndarray | np.generic) and all(
            slope is not known for known in (out, *x)
        )
        _count(product.size + (slope.size if is_new else 0))
    return product


def _kept(reduced: Array, x: Array, axis: Any) -> Array:
    """Give a reduced array its lost axes back, with length one; a single number fits as it is."""
    if reduced.ndim in (0, x.ndim):
        return reduced
    axes = np.atleast_1d(axis) % x.ndim
    return reduced.reshape([1 if k in axes else size for k, size in enumerate(x.shape)])


def _broadcast(array: Array, shape: tuple[int, ...]) -> Array:
    return array if array.shape == shape else np.broadcast_to(array, shape)


def _like(g: Array, x: Array) -> Array:
    """Undo broadcasting: sum over every axis along which x was repeated. Keep x's type."""
    if g.shape != x.shape:
        _count(g.size)
        if g.ndim == 2 and g.shape[1:] == x.shape:  # every row is for x, as for a bias
            g = _ones(len(g), g.dtype).dot(g)
        else:
            extra = g.ndim - x.ndim
            stretched = (extra + k for k, n in enumerate(x.shape) if n != g.shape[extra + k])
            g = np.add.reduce(g, (*range(extra), *stretched)).reshape(x.shape)
    return g if g.dtype == x.dtype else g.astype(x.dtype)


# --- evaluation: what both modes share ----------------------------------------------------------


def _evaluate(
    kind: type["_Operators"],
    dtype: np.dtype[Any],
    name: str,
    operands: Sequence[Any],
    options: dict[str, Any],
) -> tuple[Array, list[Array]]:
    """Compute an operation; return the result, and the operands as the rules take them."""
    arrays = []
    for operand in operands:
        array = operand.data if isinstance(operand, kind) else _constant(operand, kind, dtype)
        arrays.append(array if array.ndim else _plain(array))
    operation = OPERATIONS[name]
    try:
        out = _QUIET.copy().run(operation.forward, *arrays, **options)
    except (TypeError, ValueError, IndexError) as error:
        raise _misfit(error, name, operation.needs, arrays, options) from error
    if not _is_finite(out):  # only then is it worth while to write a message
        _check_finite(_computed(name, arrays, options, out), out)
    out = np.asarray(out)
    if _counters:
        _count(operation.cost(out, arrays), out, arrays)
    return out, arrays


def _plain(array: Array) -> Array:
    """Return a single number as numpy's scalar, whose arithmetic is far quicker than an array's.

    While the bytes are counted it stays an array: a scalar does not tell when it is freed.
    """
    return array if _counters or array.ndim else array[()]


def _constant(value: Any, kind: type["_Operators"], dtype: np.dtype[Any]) -> Array:
    """Return an operand that is not differentiated as an array, or as a scalar of numpy."""
    if type(value) in (int, float) and -_HALF_MAX <= value <= _HALF_MAX:  # NaN is not
        return dtype.type(value)  # type: ignore[no-any-return]  # a scalar
    if type(value) is np.ndarray and value.dtype == dtype and value.size and _is_finite(value):
        return value
    if isinstance(value, _Operators):
        raise TypeError(
            f"other needs a number, an array or a {kind.__name__}, got a {type(value).__name__}"
        )
    array = _checks.float_array("other", value)
    is_typed = array.ndim > 0 and np.asarray(value).dtype.kind == "f"
    if is_typed or array.dtype == dtype:
        return array
    return _as_type("other", array, dtype)


def _as_type(name: str, array: Array, dtype: Any) -> Array:
    """Return a copy in the type needed; a number too large for it is an error."""
    with np.errstate(over="ignore"):
        return _checks.float_array(name, array.astype(dtype))


def _misfit(
    error: Exception, name: str, needs: str, arrays: Sequence[Array], options: dict[str, Any]
) -> Exception:
    """Return the error that says in the house's voice what does not fit."""
    kind = next(k for k in (TypeError, ValueError, IndexError) if isinstance(error, k))
    got = [f"shape {array.shape}" for array in arrays]
    got += [f"{option} {value!r}" for option, value in options.items() if option != "keepdims"]
    return kind(f"{name} needs {needs}, got {', '.join(got)}")


def _is_finite(x: Any) -> bool:
    """Tell whether all numbers are finite: surely so where the sum of their squares is."""
    if type(x) is np.ndarray:
        flat = x.ravel("K")
        squares = _QUIET.copy().run(flat.dot, flat)
        return math.isfinite(squares) or bool(np.isfinite(x).all())
    return math.isfinite(x) or bool(np.isfinite(x))


def _computed(name: str, arrays: Sequence[Array], options: dict[str, Any], out: Array) -> str:
    """Write the operation that gave a result that is not finite, elementwise with its numbers."""
    values = [str(array) if array.size == 1 else _size(array) for array in arrays]
    if isinstance(OPERATIONS[name], Elementwise):
        where = tuple(np.argwhere(~np.isfinite(out))[0])
        values = [str(np.broadcast_to(array, out.shape)[where]) for array in arrays]
    return _expression(name, values, options)


def _check_finite(what: str, x: Array) -> None:
    """Raise unless all numbers are finite; tell the first that is not, and where it is."""
    if not _is_finite(x):
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(x))[0])
        place = f" at index {where}" if where else ""
        raise NotFiniteError(f"{what} needs a finite result, got {np.asarray(x)[where]}{place}")


def _sum(first: Array, second: Array) -> Array:
    """Add two contributions."""
    total: Array = first + second
    if _counters:
        total = np.asarray(total)
        _count(total.size, total)
    return total


class _Operators:
    """The notation of `Value` and `Dual`: every operator and method is a name in `OPERATIONS`."""

    __slots__ = ("data",)
    __array_ufunc__ = None  # so that ndarray + Value asks Value, instead of looping over elements
    __hash__ = object.__hash__  # == compares numbers, so a set goes by identity
    data: Array

    def _apply(self, name: str, *operands: Any, **options: Any) -> Self:
        raise NotImplementedError

    def __add__(self, other: Any) -> Self:
        return self._apply("+", self, other)

    def __radd__(self, other: Any) -> Self:
        return self._apply("+", other, self)

    def __sub__(self, other: Any) -> Self:
        return self._apply("-", self, other)

    def __rsub__(self, other: Any) -> Self:
        return self._apply("-", other, self)

    def __mul__(self, other: Any) -> Self:
        return self._apply("*", self, other)

    def __rmul__(self, other: Any) -> Self:
        return self._apply("*", other, self)

    def __truediv__(self, other: Any) -> Self:
        return self._apply("/", self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return self._apply("/", other, self)

    def __pow__(self, other: Any) -> Self:
        return self._apply("**", self, other)

    def __rpow__(self, other: Any) -> Self:
        return self._apply("**", other, self)

    def __matmul__(self, other: Any) -> Self:
        return self._apply("@", self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return self._apply("@", other, self)

    def __neg__(self) -> Self:
        return self._apply("neg", self)

    def __getitem__(self, index: Any) -> Self:
        return self._apply("index", self, index=index)

    def exp(self) -> Self:
        """Return eˣ."""
        return self._apply("exp", self)

    def log(self) -> Self:
        """Return the natural logarithm; an x ≤ 0 is an error."""
        return self._apply("log", self)

    def tanh(self) -> Self:
        """Return tanh x."""
        return self._apply("tanh", self)

    def sigmoid(self) -> Self:
        """Return 1 / (1 + e⁻ˣ), without overflow."""
        return self._apply("sigmoid", self)

    def relu(self) -> Self:
        """Return max(x, 0); its derivative at 0 is 0."""
        return self._apply("relu", self)

    def maximum(self, other: Any) -> Self:
        """Return the larger one, element by element; where both are equal, each gets half."""
        return self._apply("maximum", self, other)

    def sum(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Self:
        """Return the sum along the axes, by default along all."""
        return self._apply("sum", self, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Self:
        """Return the mean along the axes, by default along all."""
        return self._apply("mean", self, axis=axis, keepdims=keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Self:
        """Return the largest number along the axes; equal ones share the gradient."""
        return self._apply("max", self, axis=axis, keepdims=keepdims)

    def logsumexp(
        self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False
    ) -> Self:
        """Return log Σ eˣ along the axes, without overflow."""
        return self._apply("logsumexp", self, axis=axis, keepdims=keepdims)

    def softmax_cross_entropy(self, labels: ArrayLike) -> Self:
        """Return the mean cross-entropy of these logits, (n, n_classes), with n integer labels."""
        if self.ndim != 2:
            raise ValueError(f"logits needs 2 axes, got shape {self.shape}")
        y, (n, n_classes) = np.asarray(labels), self.shape
        if y.dtype.kind not in "iu":
            raise TypeError(f"labels needs integers, got dtype {y.dtype}")
        if y.shape != (n,):
            raise ValueError(f"labels needs shape {(n,)}, a label a row, got shape {y.shape}")
        if np.maximum.reduce(y.astype(np.uint64)) >= n_classes:  # a label below 0 turns large
            raise ValueError(
                f"labels needs classes from 0 to {n_classes - 1}, got {y.min()} to {y.max()}"
            )
        return self._apply("softmax_cross_entropy", self, labels=y, kept={})

    def reshape(self, *shape: Any) -> Self:
        """Return the same numbers in another shape: integers, or one tuple; -1 means the rest."""
        return self._apply("reshape", self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Self:
        """Return the axes in another order, by default in reverse."""
        order = axes[0] if len(axes) == 1 else axes or None
        return self._apply("transpose", self, axes=order)

    @property
    def T(self) -> Self:
        """The axes in reverse order."""
        return self.transpose()

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type."""
        return self.data.dtype

    def __lt__(self, other: Any) -> Any:
        return self._compare("<", operator.lt, other)

    def __le__(self, other: Any) -> Any:
        return self._compare("<=", operator.le, other)

    def __gt__(self, other: Any) -> Any:
        return self._compare(">", operator.gt, other)

    def __ge__(self, other: Any) -> Any:
        return self._compare(">=", operator.ge, other)

    def __eq__(self, other: Any) -> Any:
        return self._compare("==", operator.eq, other)

    def __ne__(self, other: Any) -> Any:
        return self._compare("!=", operator.ne, other)

    def _compare(self, name: str, comparison: Callable[..., Any], other: Any) -> Any:
        kind = type(self)
        number = other.data if isinstance(other, kind) else _constant(other, kind, self.dtype)
        try:
            return comparison(self.data, number)
        except ValueError as error:
            raise _misfit(error, name, Elementwise.needs, (self.data, number), {}) from error

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len and iteration need at least one axis, got a single number")
        return self.shape[0]

    def __iter__(self) -> Iterator[Self]:
        return (self[k] for k in range(len(self)))

    def __float__(self) -> float:
        if self.size != 1:
            raise TypeError(f"float needs a single number, got shape {self.shape}")
        return float(self.data.item())

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"numpy needs an array, got a {type(self).__name__}: use its methods, or its .data "
            "where no derivative is wanted"
        )


# --- reverse mode -------------------------------------------------------------------------------


_Record = tuple[str, tuple[Any, ...], list[Array], dict[str, Any]]
"""How a result came about: the operation's name, its operands, their arrays, its options."""


class Value(_Operators):
    r"""An array that remembers how it was computed, so that `backward` finds the gradient.

    $$\bar v_j = \sum_{i:\, j \to i} \bar v_i \frac{\partial v_i}{\partial v_j}, \qquad
      \bar v = \frac{\partial L}{\partial v}$$

    It knows + - * / ** @ and unary minus, with numbers and arrays on either side; indexing; the
    comparisons, which return plain booleans; and the methods exp, log, tanh, sigmoid, relu,
    maximum, sum, mean, max, logsumexp, softmax_cross_entropy, reshape and transpose.

    Args:
        data: A number or an array of real numbers, any shape. Integers become float64, float32
            stays float32. It is copied.
        name: What to call it in a drawing of the graph.

    Attributes:
        data: The array.
        grad: The gradient after `backward`, with the shape of `data`; `None` before.
        name: The name, or "".

    Raises:
        TypeError: `data` does not hold real numbers or is a `Value` already, or `name` is not a
            string. In an operation: the other operand does not hold real numbers.
        ValueError: `data` is ragged, empty or not finite. In an operation: shapes, axes or labels
            do not fit, or the result is not finite.
        IndexError: An index lies outside the array, or picks nothing.

    Note:
        As in PyTorch, gradients add up on the leaves (what was not computed) until `zero_grad`. A
        computed value's `grad` belongs to the last `backward` alone. Plain numbers and arrays in
        a formula are constants: they get no gradient. To update a parameter, assign
        `w.data = w.data - lr * w.grad`: an array changed in place between forward and backward
        falsifies the gradient, as nothing watches it here (PyTorch does, and refuses).

    Examples:
        >>> x, w = Value([1.0, 2.0]), Value([3.0, -1.0])
        >>> loss = (w @ x - 3) ** 2
        >>> loss.backward()
        >>> loss, w.grad
        (Value(4.), array([-4., -8.]))

    References:
        :cite:t:`linnainmaa1976taylor`; :cite:t:`rumelhart1986learning`;
        :cite:t:`griewank2008evaluating`, chapter 3; :cite:t:`baydin2018automatic`, section 3.2.
    """

    __slots__ = ("_record", "grad", "name")
    grad: Array | None
    name: str
    _record: _Record | None

    def __init__(self, data: ArrayLike, name: str = "") -> None:
        if isinstance(data, _Operators):
            raise TypeError(f"data needs numbers, got a {type(data).__name__}: use its .data")
        if not isinstance(name, str):
            raise TypeError(f"name needs a string, got {name!r}")
        self.data = np.array(_checks.float_array("data", data))
        self.grad, self.name, self._record = None, name, None

    def _apply(self, name: str, *operands: Any, **options: Any) -> Self:
        out, arrays = _evaluate(Value, self.data.dtype, name, operands, options)
        result = type(self).__new__(type(self))
        result.data, result.grad, result.name = out, None, ""
        result._record = name, operands, arrays, options
        return result

    @_quiet
    def backward(self, grad: ArrayLike | None = None) -> None:
        """Run the chain rule from here back to every leaf, and set the gradients.

        Args:
            grad: The gradient to start from, ∂L/∂self, with the shape of this value. By default
                1, which needs this value to be a single number: the loss.

        Raises:
            TypeError: `grad` does not hold real numbers.
            ValueError: `grad` is missing where it is needed, has the wrong shape, or a gradient
                is not finite; then no gradient is changed.
        """
        order, gradients = _topological_order(self), {self: _seed(self, grad)}
        for node in reversed(order):
            _pull(node, gradients)
        grads = _grads_after(order, gradients)
        # Assigned when all is done, so that an error changes nothing.
        for node, total in zip(order, grads, strict=True):
            node.grad = total

    def zero_grad(self) -> None:
        """Forget the gradient, before the next `backward` adds to it."""
        self.grad = None

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"{type(self).__name__}({np.array2string(self.data, separator=', ')}{name})"


def _topological_order(output: Value) -> list[Value]:
    """Return every value that `output` was computed from, each after its parents.

    A depth-first search with its own stack: Python's would overflow after some 1,000 nodes.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Any] = [output]
    while stack:
        node = stack.pop()
        if node is None:  # all that the node below was computed from is done
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            if node._record is None:
                order.append(node)
            else:
                stack += node, None
                for operand in reversed(node._record[1]):
                    if isinstance(operand, Value):
                        stack.append(operand)
    return order


def _seed(output: Value, grad: ArrayLike | None) -> Array:
    """Return the gradient that a backward pass starts from."""
    if grad is None and output.size != 1:
        raise ValueError(
            f"backward needs a single number, the loss, or a grad of shape {output.shape}, "
            f"got shape {output.shape} and no grad"
        )
    if grad is None:
        seed = np.array(1, output.dtype).reshape(output.shape)
    else:
        given = _checks.float_array("grad", grad, shape=output.shape)
        seed = _as_type("grad", given, output.dtype)
    _count(0, seed)
    return _plain(seed)


def _pull(node: Value, gradients: dict[Value, Array]) -> list[Array]:
    """Add what each parent gets from `node`, whose own gradient is complete; return it too."""
    contributions: list[Array] = []
    if node._record is None:
        return contributions
    name, operands, arrays, options = node._record
    g, out, rule = gradients[node], _plain(node.data), OPERATIONS[name].vjp
    for k, parent in enumerate(operands):
        if isinstance(parent, Value):
            pulled = _like(rule(k, g, out, arrays, **options), arrays[k])
            if _counters:
                pulled = np.asarray(pulled)
                _count(0, pulled, (g,))
            gradients[parent] = _sum(gradients[parent], pulled) if parent in gradients else pulled
            contributions.append(pulled)
    return contributions


def _grads_after(order: list[Value], gradients: dict[Value, Array]) -> list[Array]:
    """Return each node's gradient after a pass: leaves add up, others start anew.

    To know that all are finite it is enough to look at the leaves: the chain rule multiplies and
    adds, and neither makes NaN or infinity finite again (0 · ∞ is NaN).
    """
    shared = {id(g) for node, g in gradients.items() if node._record is not None}
    grads = []
    for node in order:
        g = np.asarray(gradients[node])
        if node._record is None:
            if node.grad is not None:
                g = np.asarray(_sum(node.grad, g))
            elif _counters or g.base is not None or id(g) in shared:
                g = np.array(g, order="C")  # a leaf's own, so that it may be changed in place
                _count(0, g)
            if not _is_finite(g):
                _find_not_finite(order, gradients[order[-1]])
                _check_finite("a sum of derivatives", g)  # it came of the passes before
        grads.append(g)
    return grads


def _find_not_finite(order: list[Value], seed: Array) -> None:
    """Go through a backward pass once more, to raise where NaN or infinity arises."""
    gradients = {order[-1]: seed}
    for node in reversed(order):
        _check_pulled(node, _pull(node, gradients), gradients)


def _check_pulled(node: Value, contributions: list[Array], gradients: dict[Value, Array]) -> None:
    """Raise unless all that `node` passed on is finite, and what came of it."""
    if node._record is not None:
        name, operands, _, _ = node._record
        for pulled in contributions:
            _check_finite(f"the derivative of {name}", pulled)
        for parent in operands:
            if isinstance(parent, Value):
                _check_finite("a sum of derivatives", gradients[parent])


# --- forward mode -------------------------------------------------------------------------------


class Dual(_Operators):
    r"""An array with a tangent: how it moves when the input moves along a direction.

    $$v + \dot v \varepsilon, \qquad
      \dot v_i = \sum_{j:\, j \to i} \frac{\partial v_i}{\partial v_j} \dot v_j$$

    It has the operators and methods of `Value`. Nothing is recorded: the derivative along the one
    direction is complete when the value is.

    Args:
        data: A number or an array of real numbers, any shape.
        tangent: The direction $\dot v$, with the shape of `data`.

    Attributes:
        data: The array.
        tangent: The derivative of `data` along the direction that the inputs were given.

    Raises:
        TypeError: As for `Value`.
        ValueError: As for `Value`, or `tangent` has another shape than `data`.
        IndexError: As for `Value`.

    Note:
        The gradient of a function of n numbers takes n passes, one for each direction, where
        reverse mode takes one. The tangent of an input that does not move is 0.

    Examples:
        >>> x = Dual(3.0, 1.0)
        >>> x**2 * 5
        Dual(45., 30.)

    References:
        :cite:t:`griewank2008evaluating`, chapter 3; :cite:t:`baydin2018automatic`, section 3.1.
    """

    __slots__ = ("tangent",)
    tangent: Array

    def __init__(self, data: ArrayLike, tangent: ArrayLike) -> None:
        if isinstance(data, _Operators):
            raise TypeError(f"data needs numbers, got a {type(data).__name__}: use its .data")
        self.data = np.array(_checks.float_array("data", data))
        tangent = _checks.float_array("tangent", tangent)
        _checks.same_shape("tangent", tangent, "data", self.data)
        self.tangent = _as_type("tangent", tangent, self.dtype)

    @_quiet
    def _apply(self, name: str, *operands: Any, **options: Any) -> Self:
        out, arrays = _evaluate(Dual, self.data.dtype, name, operands, options)
        total: Array | None = None
        for k, operand in enumerate(operands):
            if isinstance(operand, Dual):
                pushed = OPERATIONS[name].jvp(k, operand.tangent, out, arrays, **options)
                pushed = np.asarray(_broadcast(pushed, out.shape), out.dtype)
                _check_finite(f"the derivative of {name}", pushed)
                _count(0, pushed, (operand.tangent,))
                total = pushed if total is None else np.asarray(_sum(total, pushed))
                _check_finite("a sum of derivatives", total)
        assert total is not None
        result = type(self).__new__(type(self))
        result.data, result.tangent = out, total
        return result

    def __repr__(self) -> str:
        numbers = (np.array2string(a, separator=", ") for a in (self.data, self.tangent))
        return f"{type(self).__name__}({', '.join(numbers)})"


def gradient(f: Callable[[Any], Any], x: ArrayLike, *, mode: str = "reverse") -> Array:
    r"""Compute the gradient of a function that is written in the operations of `Value`.

    $$\text{reverse: } \nabla f = \bar x \text{ in one pass}, \qquad
      \text{forward: } \frac{\partial f}{\partial x_i} = \dot f
      \text{ along } \dot x = e_i, \text{ a pass for each } i$$

    Args:
        f: A function from a `Value` (or a `Dual`) of x's shape to one that holds a single number.
        x: The point, any shape. Integers become float64.
        mode: "reverse" or "forward".

    Returns:
        The gradient, with the shape of `x`.

    Raises:
        TypeError: `f` is not a function, or does not return a `Value` (or a `Dual`).
        ValueError: `f` returns more than one number, `x` is not finite, or `mode` is unknown.

    Note:
        Both are exact up to rounding, which `gdbp.calculus.gradient` is not.

    Examples:
        >>> gradient(lambda x: (x**2).sum(), [1.0, 3.0])
        array([2., 6.])
        >>> gradient(lambda x: (x**2).sum(), [1.0, 3.0], mode="forward")
        array([2., 6.])

    References:
        :cite:t:`griewank2008evaluating`, chapter 3.
    """
    _checks.function("f", f)
    _checks.choice("mode", mode, ["reverse", "forward"])
    point = _checks.float_array("x", x)
    if mode == "reverse":
        theta = Value(point)
        _single("f", f(theta), Value).backward()
        return np.zeros_like(point) if theta.grad is None else theta.grad
    grad = np.empty_like(point)
    for index in np.ndindex(point.shape):
        direction = np.zeros_like(point)
        direction[index] = 1
        grad[index] = _single("f", f(Dual(point, direction)), Dual).tangent.item()
    return grad


def _single(name: str, result: Any, kind: type[Any]) -> Any:
    if not isinstance(result, kind):
        raise TypeError(f"{name} needs to return a {kind.__name__}, got {result!r}")
    if result.size != 1:
        raise ValueError(f"{name} needs to return a single number, got shape {result.shape}")
    return result


# --- what it costs ------------------------------------------------------------------------------


class Counter:
    """What the engine has done since counting began.

    Attributes:
        operations: Elementary floating-point operations.
        bytes: The size of all results, gradients and tangents made.
        peak_bytes: The size of those that were alive at the same time, at most.
    """

    def __init__(self) -> None:
        self.operations = self.bytes = self.peak_bytes = self._alive = 0

    def __repr__(self) -> str:
        return (
            f"Counter(operations={self.operations}, bytes={self.bytes}, "
            f"peak_bytes={self.peak_bytes})"
        )

    def _add(self, operations: int, made: Array | None, sources: Sequence[Array]) -> None:
        self.operations += int(operations)
        if made is None or any(np.may_share_memory(made, source) for source in sources):
            return
        owner = made if made.base is None else made.base  # of the memory, if made is a view
        self.bytes += owner.nbytes
        self._alive += owner.nbytes
        self.peak_bytes = max(self.peak_bytes, self._alive)
        weakref.finalize(owner, self._free, owner.nbytes).atexit = False

    def _free(self, n_bytes: int) -> None:
        self._alive -= n_bytes


_counters: list[Counter] = []


@contextmanager
def count_operations() -> Iterator[Counter]:
    r"""Count what the engine does inside a `with` block, in either mode.

    $$\begin{aligned}
      \text{product of } (m, k) \text{ and } (k, n)\colon\ & 2mkn \\
      \text{elementwise:}\ & 1 \text{ per number written} \\
      \text{reduction:}\ & 1 \text{ per number read}
      \end{aligned}$$

    A call of exp counts as one, moving numbers as none. A derivative costs one for each number of
    a local derivative that has to be computed (not a constant, an operand or the result), one for
    each product with it (none where it is 1), and one for each addition where contributions meet
    or a broadcast is undone; for a matrix product, 2mkn for each operand.

    Yields:
        The counter: it can be read inside the block and after it.

    Note:
        Counted by these rules, not measured, so that the numbers are the same on every machine.
        Bytes are those of arrays that are kept: results, gradients and tangents, but not views
        of other arrays, nor what lives inside one operation only, nor the logarithms that a
        cross-entropy keeps for its way back. Blocks may be nested.

    Examples:
        >>> with count_operations() as counter:
        ...     y = Value(np.ones((2, 3))) @ np.ones((3, 4))
        >>> counter.operations, counter.bytes
        (48, 64)

    References:
        :cite:t:`griewank2008evaluating`, chapter 3, bounds the cost of reverse mode by a small
        multiple of the function's.
    """
    counter = Counter()
    _counters.append(counter)
    try:
        yield counter
    finally:
        _counters[:] = [other for other in _counters if other is not counter]


def _count(operations: int, made: Array | None = None, sources: Sequence[Array] = ()) -> None:
    for counter in _counters:
        counter._add(operations, made, sources)


# --- looking at the graph -----------------------------------------------------------------------


class Edge(NamedTuple):
    """From a node to one of its operands.

    Attributes:
        parent: The operand's id.
        derivative: The local derivative: of an elementwise operation in the result's shape, of a
            reduction in the operand's; `None` for other operations.
    """

    parent: int
    derivative: Array | None


class Node(NamedTuple):
    """One value of a graph, as data.

    Attributes:
        id: Its place in the topological order, from 0.
        op: The name of the operation that made it, in `OPERATIONS`; "leaf" for none.
        label: Its name, or "v" and its id.
        expression: How it was computed, such as "w5 * a1"; "leaf" for a leaf.
        data: Its value.
        grad: Its gradient, or `None`.
        parents: Its operands, without the constants.
    """

    id: int
    op: str
    label: str
    expression: str
    data: Array
    grad: Array | None
    parents: tuple[Edge, ...]

    def __str__(self) -> str:
        grad = "no gradient yet" if self.grad is None else f"gradient {_short(self.grad)}"
        made = "leaf" if self.op == "leaf" else f"= {self.expression}"
        return f"{self.label} {made}: value {_short(self.data)}, {grad}"


class Step(NamedTuple):
    """One step of a backward pass: a node whose gradient is complete passes it on.

    Attributes:
        node: The node; its `grad` is that of this pass.
        contributions: What each of `node.parents` got: gradient times local derivative.
        grads: By node id, all gradients accumulated so far, those of this step included.
    """

    node: Node
    contributions: tuple[Array, ...]
    grads: dict[int, Array]


def graph(output: Value) -> list[Node]:
    r"""List the nodes that a value was computed from, itself last.

    Args:
        output: The end of the graph.

    Returns:
        The nodes in topological order: each comes after its parents.

    Raises:
        TypeError: `output` is not a `Value`.

    Examples:
        >>> w = Value(3.0, name="w")
        >>> for node in graph((2 * w - 1) ** 2):
        ...     print(node)
        w leaf: value 3, no gradient yet
        v1 = 2 * w: value 6, no gradient yet
        v2 = v1 - 1: value 5, no gradient yet
        v3 = v2 ** 2: value 25, no gradient yet

    References:
        :cite:t:`griewank2008evaluating`, chapter 2.
    """
    order = _topological_order(_value("output", output))
    ids = {value: k for k, value in enumerate(order)}
    labels = [value.name or f"v{k}" for k, value in enumerate(order)]
    return [_node(value, ids, labels) for value in order]


def _node(value: Value, ids: dict[Value, int], labels: list[str]) -> Node:
    k, record = ids[value], value._record
    if record is None:
        return Node(k, "leaf", labels[k], "leaf", value.data, value.grad, ())
    name, operands, arrays, options = record
    written = [_short(array) for array in arrays]
    edges = []
    for position, parent in enumerate(operands):
        if isinstance(parent, Value):
            written[position] = labels[ids[parent]]
            with np.errstate(all="ignore"):
                slope = OPERATIONS[name].local(position, value.data, arrays, **options)
            edges.append(Edge(ids[parent], slope))
    expression = _expression(name, written, options)
    return Node(k, name, labels[k], expression, value.data, value.grad, tuple(edges))


@_quiet
def backward_steps(output: Value, grad: ArrayLike | None = None) -> list[Step]:
    """Run a backward pass and record it step by step; no value's gradient is changed.

    Args:
        output: The loss, where the pass starts.
        grad: The gradient to start from; see `Value.backward`.

    Returns:
        A step for each node, in the order of the pass: `output` first.

    Raises:
        TypeError: `output` is not a `Value` or `grad` does not hold real numbers.
        ValueError: As for `Value.backward`.

    Note:
        A node's turn comes when everything computed from it has had its turn: its gradient is
        complete, and the leaves' gradients are what `backward` adds to them.

    Examples:
        >>> w = Value(3.0, name="w")
        >>> for step in backward_steps(w * w):
        ...     print(step.node.label, {k: float(g) for k, g in step.grads.items()})
        v1 {1: 1.0, 0: 6.0}
        w {1: 1.0, 0: 6.0}

    References:
        :cite:t:`griewank2008evaluating`, chapter 3.
    """
    nodes, order = graph(output), _topological_order(output)
    gradients = {output: _seed(output, grad)}
    ids = {value: k for k, value in enumerate(order)}
    steps = []
    for value, node in zip(reversed(order), reversed(nodes), strict=True):
        contributions = _pull(value, gradients)
        _check_pulled(value, contributions, gradients)
        grads = {ids[key]: np.asarray(g) for key, g in gradients.items()}
        passed_on = tuple(np.asarray(pulled) for pulled in contributions)
        steps.append(Step(node._replace(grad=grads[node.id]), passed_on, grads))
    return steps


def _value(name: str, value: Any) -> Value:
    if not isinstance(value, Value):
        raise TypeError(f"{name} needs a Value, got {value!r}")
    return value


def _expression(name: str, operands: Sequence[str], options: dict[str, Any]) -> str:
    """Write an operation as a reader would: "w5 * a1", "sum(v3, axis=0)"."""
    if name in _INFIX:
        return f" {name} ".join(operands)
    if name == "neg":
        return f"-{operands[0]}"
    if name == "index":
        plain = np.ndim(options["index"]) == 0 and not isinstance(options["index"], slice)
        return f"{operands[0]}[{options['index'] if plain else '…'}]"
    shown = [f"{k}={v}" for k, v in options.items() if k in _SHOWN and v is not None]
    return f"{name}({', '.join([*operands, *shown])})"


def _short(array: Array) -> str:
    """Write a single number with four digits, and of a larger array the size."""
    return f"{array.item() + 0.0:.4g}" if array.size == 1 else _size(array)


def _size(array: Array) -> str:
    return "×".join(map(str, array.shape)) + " array"
