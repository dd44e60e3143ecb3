"""Checks of arguments, in one voice: *name needs this, got that*."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
"""An array; here it always holds real floating-point numbers."""


class NotFiniteError(ValueError):
    """NaN or infinity where finite numbers are needed: bad input, or a descent that diverges."""


def as_array(name: str, value: ArrayLike) -> Array:
    """Return `value` as an array of any type, or raise `ValueError` where its rows are ragged."""
    try:
        return np.asarray(value)
    except ValueError as error:  # numpy's answer to a ragged list
        raise ValueError(f"{name} needs rows of equal length, got a ragged sequence") from error


def float_array(
    name: str,
    value: ArrayLike,
    *,
    ndim: int | None = None,
    shape: tuple[int, ...] | None = None,
    finite: bool = True,
) -> Array:
    """Return `value` as a floating-point array, or say what is wrong with it.

    Integers and booleans become float64; a floating-point type stays as it is, so that a float32
    computation remains one.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.
        ndim: The number of axes needed; `None` accepts any.
        shape: The shape needed; `None` accepts any.
        finite: Whether NaN and infinity are errors.

    Returns:
        The array; the caller's own array where no conversion was needed.

    Raises:
        TypeError: `value` does not hold real numbers.
        ValueError: `value` is ragged, empty, not finite, or of another shape than needed.
    """
    array = as_array(name, value)
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype.kind != "f":
        raise TypeError(f"{name} needs real numbers, got dtype {array.dtype}")
    if ndim is not None and array.ndim != ndim:
        needed = {0: "a single number", 1: "1 axis"}.get(ndim, f"{ndim} axes")
        raise ValueError(f"{name} needs {needed}, got shape {array.shape}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} needs shape {shape}, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} needs at least one number, got shape {array.shape}")
    if finite:
        all_finite(name, array)
    return array


def all_finite(name: str, array: Array) -> None:
    """Raise `NotFiniteError` where an array holds NaN or infinity."""
    if not (surely_finite(array) or np.isfinite(array).all()):
        where = np.argwhere(~np.isfinite(array))[0]
        found = array[tuple(where)]
        place = f" at index {tuple(int(k) for k in where)}" if array.ndim else ""
        raise NotFiniteError(f"{name} needs finite numbers, got {found}{place}")


def surely_finite(array: Array) -> bool:
    """Tell cheaply that all numbers are finite: where the sum of their squares is.

    `False` settles nothing: a square may have overflowed.
    """
    return math.isfinite(np.vdot(array, array))


def same_shape(name: str, array: Array, reference_name: str, reference: Array) -> None:
    """Raise `ValueError` unless both arrays have one shape: nothing is broadcast silently."""
    if array.shape != reference.shape:
        raise ValueError(
            f"{name} needs the shape of {reference_name}, {reference.shape}, "
            f"got shape {array.shape}"
        )


def real(
    name: str,
    value: float,
    *,
    above: float | None = None,
    minimum: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float inside the bounds given, or say what is wrong with it.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.
        above: An exclusive lower bound.
        minimum: An inclusive lower bound.
        below: An exclusive upper bound.

    Returns:
        The number.

    Raises:
        TypeError: `value` is not a real number.
        ValueError: `value` is not finite or outside the bounds.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} needs a real number, got {value!r}")
    number = float(value)
    bounds = [
        (f"> {above}", above is None or number > above),
        (f">= {minimum}", minimum is None or number >= minimum),
        (f"< {below}", below is None or number < below),
    ]
    if not np.isfinite(number) or not all(holds for _, holds in bounds):
        needs = "".join(f" {text}" for text, _ in bounds if "None" not in text)
        raise ValueError(f"{name} needs a finite number{needs}, got {value!r}")
    return number


def integer(name: str, value: int, *, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an int between the bounds (inclusive), or say what is wrong with it.

    Raises:
        TypeError: `value` is not an integer.
        ValueError: `value` is outside the bounds.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} needs an integer, got {value!r}")
    if value < minimum or (maximum is not None and value > maximum):
        upper = "" if maximum is None else f" and <= {maximum}"
        raise ValueError(f"{name} needs an integer >= {minimum}{upper}, got {value}")
    return int(value)


def choice(name: str, value: str, options: Sequence[str]) -> str:
    """Return `value` if it is one of `options`, else raise `ValueError` naming them."""
    if value not in options:
        raise ValueError(f"{name} needs one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Return `value` if it can be called, else raise `TypeError`."""
    if not callable(value):
        raise TypeError(f"{name} needs a function, got {value!r}")
    return value  # type: ignore[no-any-return]  # callable() narrows Any to nothing useful


def scalar_result(name: str, value: Any, *, finite: bool = True) -> Any:
    """Return what the function `name` computed as a 0-d numpy scalar; an integer as float64.

    Raises:
        TypeError: The function did not return a number.
        ValueError: It returned more than one number, or one that is not finite.
    """
    array = as_array(f"{name}'s result", value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} needs to return a number, got {value!r}")
    if array.shape != ():
        raise ValueError(f"{name} needs to return a scalar, got shape {array.shape}")
    if finite and not np.isfinite(array):
        raise NotFiniteError(f"{name} needs to return a finite number, got {array[()]}")
    if array.dtype.kind in "biu":  # differences of unsigned integers would wrap around
        return np.float64(array)
    return array[()]


def generator(name: str, value: Any) -> "np.random.Generator":
    """Return `value` if it is a numpy `Generator`, else raise `TypeError`."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(
            f"{name} needs a numpy.random.Generator, such as numpy.random.default_rng(0), "
            f"got {value!r}"
        )
    return value
