"""The checks of arguments: what passes comes back, what does not is named."""

import re
from fractions import Fraction

import numpy as np
import pytest

from gdbp import _checks

RAGGED = [[1.0], [1.0, 2.0]]
WANTS_GENERATOR = "rng needs a numpy.random.Generator, such as numpy.random.default_rng(0), got "


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_array_returns_the_callers_own_floats(dtype):
    array = np.ones((2, 3), dtype)
    assert _checks.float_array("x", array) is array


@pytest.mark.parametrize(
    "value", [3, True, [1, 2], [True, False], np.arange(3, dtype=np.uint8), np.eye(2, dtype=int)]
)
def test_float_array_converts_integers_and_booleans_to_float64(value):
    array = _checks.float_array("x", value)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, value)


def test_float_array_lets_infinity_pass_on_request():
    array = _checks.float_array("x", [np.nan, np.inf], finite=False)
    np.testing.assert_array_equal(array, [np.nan, np.inf])


def test_float_array_accepts_the_axes_and_the_shape_asked_for():
    assert _checks.float_array("x", [[1.0, 2.0]], ndim=2, shape=(1, 2)).shape == (1, 2)


@pytest.mark.parametrize(
    ("number", "bounds"),
    [
        (0.5, {}),
        (np.float32(0.5), {}),
        (Fraction(1, 2), {}),
        (0, {"minimum": 0, "below": 1}),
        (np.nextafter(0, 1), {"above": 0}),
        (np.nextafter(1, 0), {"below": 1}),
    ],
)
def test_real_returns_a_float_within_the_bounds(number, bounds):
    result = _checks.real("lr", number, **bounds)
    assert type(result) is float
    assert result == number


@pytest.mark.parametrize("number", [1, 3, np.int8(2), np.uint64(2)])
def test_integer_returns_an_int_within_the_bounds(number):
    result = _checks.integer("n", number, minimum=1, maximum=3)
    assert type(result) is int
    assert result == number


def test_integer_without_maximum_is_unbounded():
    assert _checks.integer("n", 10**20, minimum=1) == 10**20


def test_choice_function_and_generator_return_what_passes():
    rng = np.random.default_rng(0)
    assert _checks.choice("method", "b", ["a", "b"]) == "b"
    assert _checks.function("f", len) is len
    assert _checks.generator("rng", rng) is rng


def test_same_shape_accepts_equal_shapes():
    _checks.same_shape("y_hat", np.ones((2, 1)), "y", np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, np.float64),
        (np.float32(1.5), np.float32),
        (np.array(1.5), np.float64),
        (1 + 2j, np.complex128),
        (2, np.float64),
        (np.uint8(2), np.float64),  # 1 - 2 is 255 in uint8: differences need a sign
        (True, np.float64),
    ],
)
def test_scalar_result_keeps_floats_and_converts_integers(value, dtype):
    result = _checks.scalar_result("f", value)
    assert isinstance(result, np.generic)
    assert result.dtype == dtype
    assert result == value


def test_scalar_result_lets_infinity_pass_on_request():
    assert _checks.scalar_result("f", np.inf, finite=False) == np.inf


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_not_finite_is_its_own_error_and_a_value_error(number):
    with pytest.raises(_checks.NotFiniteError, match=f"^x needs finite numbers, got {number}$"):
        _checks.float_array("x", number)
    with pytest.raises(_checks.NotFiniteError):
        _checks.scalar_result("f", number)
    assert issubclass(_checks.NotFiniteError, ValueError)


@pytest.mark.parametrize(
    ("check", "arguments", "options", "error", "message"),
    [
        ("float_array", [1j], {}, TypeError, "x needs real numbers, got dtype complex128"),
        ("float_array", [None], {}, TypeError, "x needs real numbers, got dtype object"),
        ("float_array", [["a"]], {}, TypeError, "x needs real numbers, got dtype <U1"),
        ("float_array", [[2**70]], {}, TypeError, "x needs real numbers, got dtype object"),
        ("float_array", [RAGGED], {}, ValueError, "x needs rows of equal length, got a ragged"),
        ("float_array", [[]], {}, ValueError, "x needs at least one number, got shape (0,)"),
        ("float_array", [[1, 2]], {"ndim": 0}, ValueError, "x needs a single number, got shape (2"),
        ("float_array", [1], {"ndim": 1}, ValueError, "x needs 1 axis, got shape ()"),
        ("float_array", [[1]], {"ndim": 2}, ValueError, "x needs 2 axes, got shape (1,)"),
        (
            "float_array",
            [[1.0, 2.0]],
            {"shape": (2, 1)},
            ValueError,
            "x needs shape (2, 1), got shape (2,)",
        ),
        ("float_array", [np.nan], {}, ValueError, "x needs finite numbers, got nan"),
        (
            "float_array",
            [[[1, 2], [-np.inf, np.nan]]],
            {},
            ValueError,
            "x needs finite numbers, got -inf at index (1, 0)",
        ),
        ("real", ["1"], {}, TypeError, "x needs a real number, got '1'"),
        ("real", [True], {}, TypeError, "x needs a real number, got True"),
        ("real", [np.bool_(True)], {}, TypeError, "x needs a real number, got np.True_"),
        ("real", [None], {}, TypeError, "x needs a real number, got None"),
        ("real", [1j], {}, TypeError, "x needs a real number, got 1j"),
        ("real", [np.nan], {}, ValueError, "x needs a finite number, got nan"),
        ("real", [-np.inf], {}, ValueError, "x needs a finite number, got -inf"),
        ("real", [0], {"above": 0}, ValueError, "x needs a finite number > 0, got 0"),
        (
            "real",
            [1.0],
            {"minimum": 0, "below": 1},
            ValueError,
            "x needs a finite number >= 0 < 1, got 1.0",
        ),
        (
            "real",
            [-0.1],
            {"minimum": 0, "below": 1},
            ValueError,
            "x needs a finite number >= 0 < 1, got -0.1",
        ),
        ("integer", [1.0], {"minimum": 0}, TypeError, "x needs an integer, got 1.0"),
        ("integer", [True], {"minimum": 0}, TypeError, "x needs an integer, got True"),
        ("integer", [np.bool_(1)], {"minimum": 0}, TypeError, "x needs an integer, got np.True_"),
        ("integer", [0], {"minimum": 1}, ValueError, "x needs an integer >= 1, got 0"),
        (
            "integer",
            [4],
            {"minimum": 1, "maximum": 3},
            ValueError,
            "x needs an integer >= 1 and <= 3, got 4",
        ),
        ("choice", ["c", ["a", "b"]], {}, ValueError, "x needs one of 'a', 'b', got 'c'"),
        ("function", [3], {}, TypeError, "x needs a function, got 3"),
        ("scalar_result", [None], {}, TypeError, "x needs to return a number, got None"),
        ("scalar_result", ["1"], {}, TypeError, "x needs to return a number, got '1'"),
        ("scalar_result", [RAGGED], {}, ValueError, "x's result needs rows of equal length"),
        ("scalar_result", [[1.0]], {}, ValueError, "x needs to return a scalar, got shape (1,)"),
        ("scalar_result", [np.nan], {}, ValueError, "x needs to return a finite number, got nan"),
        (
            "same_shape",
            [np.ones((2, 1)), "y", np.ones(2)],
            {},
            ValueError,
            "x needs the shape of y, (2,), got shape (2, 1)",
        ),
    ],
)
def test_bad_input_names_the_argument_its_need_and_what_it_got(
    check, arguments, options, error, message
):
    with pytest.raises(error, match="^" + re.escape(message)):
        getattr(_checks, check)("x", *arguments, **options)


@pytest.mark.parametrize("value", [None, 0, np.random])
def test_generator_refuses_seeds_and_the_global_state(value):
    with pytest.raises(TypeError, match="^" + re.escape(f"{WANTS_GENERATOR}{value!r}")):
        _checks.generator("rng", value)
