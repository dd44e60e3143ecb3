"""Differences against torch's gradients, and the gradient check against right and wrong ones."""

import math
import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gdbp import calculus
from gdbp.calculus import (
    METHODS,
    check_gradient,
    derivative,
    directional_derivative,
    gradient,
    partial_derivative,
)

untimed = settings(max_examples=40, deadline=None)
EPS = np.finfo(np.float64).eps
# What theory predicts for functions, points and derivatives of order 1: truncation and rounding
# balance at ε^(1/2) for forward and ε^(2/3) for central differences; the complex step has
# neither. The factor 50 stands for the constants: values and derivatives here reach about 20.
ACCURACY = {"forward": 50 * EPS ** (1 / 2), "central": 50 * EPS ** (2 / 3), "complex": 50 * EPS}

# The same text runs in numpy and in torch: `m` is the library.
FUNCTIONS = {
    "quadratic": lambda m, x: (x**2).sum(),
    "sines": lambda m, x: (m.sin(x) * m.exp(x / 2)).sum(),
    "product": lambda m, x: m.tanh(x).sum() * m.cos(x).sum(),
    "log-sum-exp": lambda m, x: m.log(m.exp(x).sum()),
}

points = npst.arrays(
    np.float64,
    npst.array_shapes(max_dims=3, max_side=3).filter(lambda shape: math.prod(shape) <= 6),
    elements=st.floats(-2, 2),
)
methods = pytest.mark.parametrize("method", METHODS)


def torch_gradient(f, x):
    """Return the exact gradient."""
    theta = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    f(torch, theta).backward()
    return theta.grad.numpy()


class Spy:
    """A function that remembers the points at which it was called."""

    def __init__(self, f=lambda x: x * x):
        self.f, self.points = f, []

    def __call__(self, x):
        self.points.append(np.copy(x))
        return self.f(x)


def poly(x):
    """Compute Σ x_k²: any type, any shape."""
    return (x * x).sum()


# --- derivatives ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "slope"),
    # (8 - 1) / 1, (8 - 0) / 2, Im (1 + i)³ = 3 - 1
    [("forward", 7), ("central", 4), ("complex", 2)],
)
def test_each_method_is_its_formula(method, slope):
    assert derivative(lambda x: x**3, 1.0, h=1.0, method=method) == slope


@pytest.mark.parametrize(("method", "order"), [("forward", 1), ("central", 2), ("complex", 2)])
def test_the_error_shrinks_with_the_order_of_the_method(method, order):
    errors = [abs(derivative(np.exp, 0.3, h=h, method=method) - np.exp(0.3)) for h in (1e-2, 1e-3)]
    # The next term of the Taylor series changes the ratio by about h.
    assert errors[0] / errors[1] == pytest.approx(10**order, rel=0.01)


@methods
@pytest.mark.parametrize("name", FUNCTIONS)
@untimed
@given(x=points)
def test_gradient_agrees_with_torch(name, method, x):
    f = FUNCTIONS[name]
    numeric = gradient(lambda t: f(np, t), x, method=method)
    assert numeric.shape == x.shape
    np.testing.assert_allclose(numeric, torch_gradient(f, x), rtol=0, atol=ACCURACY[method])


@methods
@untimed
@given(x=points, data=st.data())
def test_partial_derivative_is_one_component_of_the_gradient(method, x, data):
    index = tuple(data.draw(st.integers(0, size - 1)) for size in x.shape)
    f = FUNCTIONS["sines"]
    partial = partial_derivative(lambda t: f(np, t), x, index, method=method)
    assert partial == pytest.approx(torch_gradient(f, x)[index], rel=0, abs=ACCURACY[method])


@methods
@untimed
@given(x=points, data=st.data())
def test_directional_derivative_is_the_gradient_along_the_unit_vector(method, x, data):
    v = data.draw(npst.arrays(np.float64, x.shape, elements=st.floats(-1, 1)).filter(np.any))
    f = FUNCTIONS["sines"]
    slope = directional_derivative(lambda t: f(np, t), x, v, method=method)
    scaled = v / np.abs(v).max()
    expected = np.vdot(torch_gradient(f, x), scaled / np.linalg.norm(scaled))
    assert type(slope) is float
    assert slope == pytest.approx(expected, rel=0, abs=ACCURACY[method])


@methods
@untimed
@given(x=st.floats(-2, 2))
def test_derivative_agrees_with_torch(method, x):
    slope = derivative(lambda t: np.sin(t) * np.exp(t / 2), x, method=method)
    assert type(slope) is float
    expected = torch_gradient(FUNCTIONS["sines"], x)
    assert slope == pytest.approx(expected, rel=0, abs=ACCURACY[method])


# --- steps and types -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, -(2**20)])
@pytest.mark.parametrize(("method", "order"), [("forward", 1 / 2), ("central", 1 / 3)])
def test_the_default_step_is_a_power_of_two_that_follows_precision_and_size(
    method, order, size, dtype
):
    spy = Spy()
    derivative(spy, dtype(size), method=method)
    step = float(spy.points[0]) - size
    assert math.frexp(step)[0] == 0.5
    ideal = np.finfo(dtype).eps ** order * max(1, abs(size))
    assert 2**-0.5 <= step / ideal <= 2**0.5


def test_the_complex_step_is_the_machine_precision():
    spy = Spy()
    derivative(spy, 3.0, method="complex")
    assert spy.points == [3 + 1j * EPS]


def test_every_component_has_the_step_of_its_own_size():
    spy = Spy(poly)
    x = np.array([1.0, -(2.0**30)])
    gradient(spy, x)
    first, second = (float((spy.points[k] - x).max()) for k in (0, 2))
    assert second == first * 2**30


def test_a_direction_has_the_step_of_the_largest_component():
    spy = Spy(poly)
    directional_derivative(spy, [1.0, -(2.0**30)], [1.0, 0.0], h=None)
    assert spy.points[0][0] - 1 == 2.0 ** (30 - 17)


@pytest.mark.parametrize(
    ("method", "calls"), [("forward", [1.5, 1.0]), ("central", [1.5, 0.5]), ("complex", [1 + 0.5j])]
)
def test_the_step_given_is_the_step_taken(method, calls):
    spy = Spy()
    derivative(spy, 1, h=0.5, method=method)
    assert spy.points == calls


@methods
@pytest.mark.parametrize("x", [1e8, -1e8, 1e100])
def test_large_points_keep_their_relative_accuracy(method, x):
    slope = derivative(lambda t: np.sin(t / x), x, method=method)
    # The slope has size 1/x. The complex step is exact here.
    assert slope == pytest.approx(np.cos(1) / x, rel=ACCURACY[method])


@methods
@pytest.mark.parametrize("size", [1e-300, 1e-160, 1, 1e160, 1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_length_of_a_direction_does_not_count(method, dtype, size):
    x, v = np.array([[1.0, 2.0]], dtype), np.array([[3.0, -4.0]])
    slope = directional_derivative(poly, x, size * v, method=method)
    # 2x·v/5; float32's unit in place of float64's in the accuracy of the method
    tolerance = (
        50 * np.finfo(dtype).eps ** {"forward": 1 / 2, "central": 2 / 3, "complex": 1}[method]
    )
    assert slope == pytest.approx(-2.0, abs=float(tolerance))


def test_infinitesimal_directions_are_still_normalised():
    slope = directional_derivative(poly, [1.0, 0.0], [5e-324, 0.0])
    assert slope == pytest.approx(2.0, abs=ACCURACY["central"])


@methods
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_floating_point_type_stays(method, dtype):
    seen = Spy(poly)
    x = np.array([1.0, 2.0], dtype)
    grad = gradient(seen, x, method=method)
    directional_derivative(seen, x, np.array([1.0, 1.0]), method=method)
    partial_derivative(seen, x, 0, h=0.5, method=method)
    assert grad.dtype == dtype
    np.testing.assert_allclose(grad, [2, 4], rtol=1e-3)
    kind = np.result_type(dtype, np.complex64) if method == "complex" else dtype
    assert {point.dtype for point in seen.points} == {np.dtype(kind)}


@methods
def test_a_number_keeps_its_type_too(method):
    spy = Spy()
    derivative(spy, np.float32(3), method=method)
    kind = np.complex64 if method == "complex" else np.float32
    assert {point.dtype for point in spy.points} == {np.dtype(kind)}


def test_integers_are_converted():
    assert derivative(lambda x: x**2, 3) == 6
    grad = gradient(poly, [[1, 3]])
    assert grad.dtype == np.float64
    np.testing.assert_array_equal(grad, [[2, 6]])
    assert partial_derivative(poly, np.array([1, 3]), np.int64(1)) == 6
    assert directional_derivative(poly, [3, 0], [-2, 0]) == -6


@pytest.mark.parametrize("dtype", [int, np.uint8, bool])
def test_functions_may_return_integers(dtype):
    # In uint8, 0 - 1 would be 255; booleans have no minus.
    assert derivative(lambda x: dtype(x < 1), 1.0, h=1.0) == -0.5


def test_x_is_left_as_it_was():
    x, v = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    gradient(poly, x)
    directional_derivative(poly, x, v)
    check_gradient(poly, lambda x: 2 * x, x)
    np.testing.assert_array_equal([x, v], [[1, 2], [3, 4]])


# --- bad input -----------------------------------------------------------------------------------

X = [1.0, 2.0]
CALLS = {
    "derivative": lambda f=np.sin, x=1.0, **options: derivative(f, x, **options),
    "partial_derivative": lambda f=poly, x=X, **options: partial_derivative(f, x, 0, **options),
    "gradient": lambda f=poly, x=X, **options: gradient(f, x, **options),
    "directional_derivative": lambda f=poly, x=X, **options: directional_derivative(
        f, x, X, **options
    ),
    "check_gradient": lambda f=poly, x=X, **options: check_gradient(f, np.array(X), x, **options),
}


def named(error, message):
    """Expect an error whose message starts with this text."""
    return pytest.raises(error, match="^" + re.escape(message))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"f": 3}, TypeError, "f needs a function, got 3"),
        ({"f": lambda x: None}, TypeError, "f needs to return a number, got None"),
        ({"f": lambda x: "1"}, TypeError, "f needs to return a number, got '1'"),
        ({"f": lambda x: [1, 2]}, ValueError, "f needs to return a scalar, got shape (2,)"),
        ({"f": lambda x: [[1], [1, 2]]}, ValueError, "f's result needs rows of equal length"),
        ({"f": lambda x: 1j}, TypeError, "f needs to return a real number, got 1j"),
        ({"f": lambda x: np.nan}, ValueError, "f needs to return a finite number, got nan"),
        ({"f": lambda x: -np.inf}, ValueError, "f needs to return a finite number, got -inf"),
        (
            {"f": lambda x: None, "method": "complex"},
            TypeError,
            "f needs to return a number, got None",
        ),
        (
            {"f": lambda x: np.array([x, x]), "method": "complex"},
            ValueError,
            "f needs to return a scalar, got shape (2,",
        ),
        (
            {"f": lambda x: np.abs(x).sum(), "method": "complex"},
            TypeError,
            "f needs to return a complex number for method='complex', got ",
        ),
        (
            {"f": lambda x: np.floor(x).sum(), "method": "complex"},
            TypeError,
            "f needs to accept complex numbers for method='complex', got ufunc 'floor' not",
        ),
        (
            {"f": lambda x: x.sum() * np.nan, "method": "complex"},
            ValueError,
            "f needs to return a finite number, got (nan+nanj)",
        ),
        ({"h": 0}, ValueError, "h needs a finite number > 0, got 0"),
        ({"h": -1e-3}, ValueError, "h needs a finite number > 0, got -0.001"),
        ({"h": np.nan}, ValueError, "h needs a finite number > 0, got nan"),
        ({"h": np.inf}, ValueError, "h needs a finite number > 0, got inf"),
        ({"h": "1"}, TypeError, "h needs a real number, got '1'"),
        ({"h": 1e-17}, ValueError, "h needs to be large enough to change x = "),
        ({"h": 1e-17, "method": "forward"}, ValueError, "h needs to be large enough to change x"),
        (
            {"h": 5e-324, "method": "complex"},
            ValueError,
            "h needs to fit into float64, the type of x, got 5e-324",
        ),
        (
            {"method": "magic"},
            ValueError,
            "method needs one of 'forward', 'central', 'complex', got 'magic'",
        ),
        ({"method": None}, ValueError, "method needs one of 'forward', 'central', 'complex', got"),
        ({"x": []}, ValueError, "x needs at least one number, got shape (0,)"),
        ({"x": np.nan}, ValueError, "x needs finite numbers, got nan"),
        ({"x": "1"}, TypeError, "x needs real numbers, got dtype <U1"),
        ({"x": 1j}, TypeError, "x needs real numbers, got dtype complex128"),
        ({"x": None}, TypeError, "x needs real numbers, got dtype object"),
        ({"x": [[1], [1, 2]]}, ValueError, "x needs rows of equal length, got a ragged sequence"),
    ],
)
def test_bad_input_is_named(call, options, error, message):
    if call is CALLS["derivative"] and options.get("x") == []:
        message = "x needs a single number, got shape (0,)"
    with named(error, message):
        call(**options)


@pytest.mark.parametrize("h", [1e-60, 1e60])
@methods
def test_a_step_beyond_float32_is_named(h, method):
    with named(ValueError, f"h needs to fit into float32, the type of x, got {h}"):
        derivative(poly, np.float32(1), h=h, method=method)


def test_the_largest_and_the_smallest_step_are_steps():
    largest, smallest = np.finfo(np.float32).max, np.finfo(np.float32).tiny
    x = np.float32(1)
    assert derivative(lambda x: x, x, h=float(largest), method="forward") == 1
    assert derivative(lambda x: x, x, h=float(smallest), method="complex") == 1


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("f", [math.sin, lambda x: x + math.sin(x)])
def test_functions_of_math_cannot_take_the_complex_step(f):
    """They take the real part of a numpy number, and only warn: the slope would be wrong."""
    with named(TypeError, "f needs to accept complex numbers for method='complex', got Casting"):
        derivative(f, 1.0, method="complex")


def test_other_warnings_of_a_function_stay_warnings():
    def f(x):
        warnings.warn("mind the gap", stacklevel=1)
        return x * x

    with pytest.warns(UserWarning, match="mind the gap"):
        assert derivative(f, 3.0, method="complex") == 6


def test_derivative_needs_a_number_and_says_so():
    with named(ValueError, "x needs a single number, got shape (2,)"):
        derivative(poly, X)


@pytest.mark.parametrize("call", [gradient, lambda f, x: directional_derivative(f, x, 1.0)])
def test_many_variables_need_an_axis(call):
    with named(ValueError, "x needs at least one axis, got a single number: use derivative"):
        call(np.sin, 1.0)


@pytest.mark.parametrize(
    ("x", "i", "error", "message"),
    [
        (X, 2, ValueError, "i needs an integer >= 0 and <= 1, got 2"),
        (X, -1, ValueError, "i needs an integer >= 0 and <= 1, got -1"),
        ([X], (0, 2), ValueError, "i needs an integer >= 0 and <= 1, got 2"),
        ([X], (1, 0), ValueError, "i needs an integer >= 0 and <= 0, got 1"),
        (X, 1.0, TypeError, "i needs an integer, got 1.0"),
        (X, True, TypeError, "i needs an integer, got True"),
        (X, "0", TypeError, "i needs an integer, got '0'"),
        (X, [0], TypeError, "i needs an integer, got [0]"),
        ([X], 0, ValueError, "i needs one index for each axis of x, shape (1, 2), got 0"),
        (X, (0, 0), ValueError, "i needs one index for each axis of x, shape (2,), got (0, 0)"),
        (X, (), ValueError, "i needs one index for each axis of x, shape (2,), got ()"),
        (1.0, 0, ValueError, "i needs one index for each axis of x, shape (), got 0"),
        (1.0, (), ValueError, "i needs one index for each axis of x, shape (), got ()"),
    ],
)
def test_a_bad_index_is_named(x, i, error, message):
    with named(error, message):
        partial_derivative(poly, x, i)


@pytest.mark.parametrize(
    ("v", "error", "message"),
    [
        ([0, 0], ValueError, "v needs a direction, got the zero vector"),
        ([-0.0, 0.0], ValueError, "v needs a direction, got the zero vector"),
        ([1, 2, 3], ValueError, "v needs the shape of x, (2,), got shape (3,)"),
        ([[1], [2]], ValueError, "v needs the shape of x, (2,), got shape (2, 1)"),
        (1.0, ValueError, "v needs the shape of x, (2,), got shape ()"),
        ([], ValueError, "v needs at least one number, got shape (0,)"),
        ([1, np.nan], ValueError, "v needs finite numbers, got nan at index (1,)"),
        ([1, np.inf], ValueError, "v needs finite numbers, got inf at index (1,)"),
        ([1, 1j], TypeError, "v needs real numbers, got dtype complex128"),
        ([[1], [1, 2]], ValueError, "v needs rows of equal length, got a ragged sequence"),
    ],
)
def test_a_bad_direction_is_named(v, error, message):
    with named(error, message):
        directional_derivative(poly, X, v)


@pytest.mark.parametrize(
    ("grad", "options", "error", "message"),
    [
        ([1.0], {}, ValueError, "grad needs the shape of x, (2,), got shape (1,)"),
        ([[1.0], [2.0]], {}, ValueError, "grad needs the shape of x, (2,), got shape (2, 1)"),
        ({"W": X}, {}, ValueError, "grad needs an array at grad, as x has"),
        (lambda x: None, {}, TypeError, "grad needs real numbers, got dtype object"),
        (lambda x: 1j * x, {}, TypeError, "grad needs real numbers, got dtype complex128"),
        ([1, np.nan], {}, ValueError, "grad needs finite numbers, got nan at index (1,)"),
        ([1, [2, 3]], {}, ValueError, "grad needs rows of equal length, got a ragged sequence"),
        (X, {"tolerance": 0}, ValueError, "tolerance needs a finite number > 0, got 0"),
        (X, {"tolerance": np.nan}, ValueError, "tolerance needs a finite number > 0, got nan"),
        (X, {"tolerance": "1"}, TypeError, "tolerance needs a real number, got '1'"),
    ],
)
def test_check_gradient_names_bad_input(grad, options, error, message):
    with named(error, message):
        check_gradient(poly, grad, X, **options)


def test_a_bad_leaf_is_named():
    with named(ValueError, "x['b'] needs finite numbers, got inf at index (0,)"):
        check_gradient(poly, poly, {"W": X, "b": [np.inf]})


# --- the gradient check --------------------------------------------------------------------------

RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2))
PARAMS = {"W": RNG.normal(size=(2, 2)), "b": RNG.normal(size=2)}


def layer_loss(params):
    return np.mean((np.tanh(INPUTS @ params["W"] + params["b"]) - TARGETS) ** 2)


def layer_grad(params):
    a = np.tanh(INPUTS @ params["W"] + params["b"])
    delta = 2 / a.size * (a - TARGETS) * (1 - a**2)
    return {"b": delta.sum(axis=0), "W": INPUTS.T @ delta}  # not in the order of the parameters


@methods
@pytest.mark.parametrize(
    ("f", "grad", "x"),
    [
        (poly, lambda x: 2 * x, [1.0, 2.0]),
        (poly, lambda x: 2 * x, [1, 2]),
        (poly, lambda x: 2 * x, 3.0),
        (poly, [[2.0, 4.0]], [[1.0, 2.0]]),
        (poly, lambda x: 2 * x, np.array([[1e8, 1.0], [-3.0, 0.0]])),
        (layer_loss, layer_grad, PARAMS),
        (
            lambda p: layer_loss({"W": p[0], "b": p[1][0]}),
            lambda p: [layer_grad(PARAMS)["W"], [layer_grad(PARAMS)["b"]]],
            [PARAMS["W"], [PARAMS["b"]]],
        ),
    ],
    ids=["list", "integers", "number", "array", "large", "dict", "nested"],
)
def test_a_right_gradient_passes(f, grad, x, method):
    # Forward differences are right to about ε^(1/2) = 1.5e-8, here times a few.
    report = check_gradient(f, grad, x, method=method)
    assert report.ok
    assert report.max_relative_error <= report.tolerance == 1e-6


def test_float32_passes_with_a_tolerance_of_its_own():
    x = np.array([1.0, 2.0], np.float32)
    spy = Spy(poly)
    assert check_gradient(spy, lambda x: 2 * x, x, tolerance=1e-3).ok
    assert not check_gradient(poly, lambda x: 2.01 * x, x, tolerance=1e-3).ok
    assert {point.dtype for point in spy.points} == {np.dtype(np.float32)}


def wrong(name, change):
    """Return the layer's gradient with one array changed."""
    grads = layer_grad(PARAMS)
    return pytest.param({**grads, name: change(grads[name])}, id=f"{name} {change.__name__}")


def sign(g):
    return -g


def factor_2(g):
    return 2 * g


def transposed(g):
    return g.T


def no_batch_mean(g):
    return g * len(INPUTS)


def zeroed(g):
    return 0 * g


def slightly_off(g):
    return g * (1 + 1e-5)


@methods
@pytest.mark.parametrize(
    "grads",
    [
        wrong(name, change)
        for name in PARAMS
        for change in (sign, factor_2, transposed, no_batch_mean, zeroed, slightly_off)
        if (name, change) != ("b", transposed)
    ],
)
def test_a_wrong_gradient_fails(grads, method):
    report = check_gradient(layer_loss, grads, PARAMS, method=method)
    assert not report.ok
    (name,) = [name for name in PARAMS if np.any(grads[name] != layer_grad(PARAMS)[name])]
    assert report.where.startswith(f"x['{name}'][")


@pytest.mark.parametrize(
    ("name", "index", "where"),
    [("W", (0, 1), "x['W'][0, 1]"), ("W", (1, 1), "x['W'][1, 1]"), ("b", (0,), "x['b'][0]")],
)
def test_one_bad_component_is_named(name, index, where):
    grads = layer_grad(PARAMS)
    right = grads[name][index]
    grads[name][index] = 1.5 * right
    report = check_gradient(layer_loss, grads, PARAMS)
    assert report.where == where
    assert report.max_relative_error == pytest.approx(1 / 3)
    assert report.analytic == 1.5 * right
    assert report.numeric == pytest.approx(right)


@untimed
@given(x=npst.arrays(np.float64, 20, elements=st.floats(0.1, 2)), k=st.integers(0, 19))
def test_one_bad_component_among_many_is_found(x, k):
    grad = 2 * x
    grad[k] *= 1 + 1e-4
    report = check_gradient(poly, grad, x)
    assert not report.ok
    assert report.where == f"x[{k}]"


@methods
@pytest.mark.parametrize("name", FUNCTIONS)
@untimed
@given(x=points)
def test_torch_gradients_pass_everywhere(name, method, x):
    f = FUNCTIONS[name]
    report = check_gradient(lambda t: f(np, t), torch_gradient(f, x), x, method=method)
    assert report.ok, report


@methods
@pytest.mark.parametrize(
    ("f", "grad", "x"),
    [
        # a true zero, where the central difference is h²
        (lambda x: (x**3).sum(), lambda x: 3 * x**2, [0.0]),
        (lambda x: (x**3).sum(), lambda x: 3 * x**2, [0.0, 1.0]),
        # below the rounding error of the difference, because f is large
        (lambda x: 1e6 + poly(x), lambda x: 2 * x, [1e-12, 1e-6]),
        # cancellation inside f: f is 0 and its terms are not
        (lambda x: 1e3 * np.sin(x[0]) - 1e3 * np.sin(x[1]), lambda x: [1e3, -1e3] * np.cos(x), X),
        (lambda x: 7 + 0 * x.sum(), lambda x: 0 * x, [1.0, 2.0]),
    ],
    ids=["x³ at 0", "x³ at 0 beside 1", "large f", "cancellation", "constant"],
)
def test_what_differences_cannot_resolve_is_no_error(f, grad, x, method):
    report = check_gradient(f, grad, x, method=method)
    assert report.ok, report


@pytest.mark.parametrize("seed", range(20))
def test_a_minimum_is_no_false_alarm(seed):
    """Both gradients are rounding errors there, and agree in no digit."""
    rng = np.random.default_rng(seed)
    inputs, w = rng.normal(size=(20, 4)), rng.normal(size=4)
    targets = inputs @ w
    w = np.linalg.lstsq(inputs, targets)[0]
    report = check_gradient(
        lambda w: np.mean((inputs @ w - targets) ** 2),
        lambda w: 2 / 20 * inputs.T @ (inputs @ w - targets),
        w,
    )
    assert report.ok, report


@pytest.mark.parametrize(
    ("scale", "h"), [(1.0, None), (1e-12, None), (1e12, None), (1.0, 10.0), (1.0, 1e-10)]
)
def test_the_resolution_hides_no_factor_of_two(scale, h):
    """Neither a small function nor a silly step lets a wrong gradient through."""
    report = check_gradient(
        lambda x: scale * np.exp(x).sum(), lambda x: 2 * scale * np.exp(x), X, h=h
    )
    assert not report.ok


@pytest.mark.parametrize(
    ("method", "calls"),
    [
        ("forward", [1.5, 1, 2, 1, 1]),
        ("central", [1.5, 0.5, 2, 0, 1]),
        ("complex", [1 + 0.5j, 1 + 1j, 1]),
    ],
)
def test_the_check_takes_the_step_given_its_double_and_the_point(method, calls):
    spy = Spy(poly)
    check_gradient(spy, lambda x: 2 * x, [1.0], h=0.5, method=method)
    assert [point[0] for point in spy.points] == calls


def test_a_large_step_resolves_more_of_a_large_function():
    assert not check_gradient(lambda x: 1e6 + poly(x), lambda x: 2 * x + 1e-4, [1.0], h=1.0).ok


@pytest.mark.parametrize(("method", "size"), [("central", 1 + 7), ("complex", 1)])
def test_the_resolution_is_eight_roundings_of_the_gradient_and_of_f_over_h(method, size):
    f = 7 * 2.0**-17  # 7 times the default step
    report = check_gradient(lambda x: f + 0 * x.sum(), [1e-12], [1.0], method=method)
    assert report.max_relative_error == pytest.approx(1e-12 * 1e-6 / (8 * EPS * size))


def test_the_resolution_is_twice_what_a_double_step_changes():
    # At h the difference is h², at 2h it is 4h².
    report = check_gradient(lambda x: (x**3).sum(), [0.0], [0.0], h=2.0**-12)
    assert report.max_relative_error == pytest.approx(1e-6 / (2 * 3), rel=1e-6)


def test_a_double_step_hides_no_more_than_the_tolerance_of_the_largest_component():
    report = check_gradient(lambda x: x[0] ** 3 + 4 * x[1], [0.0, 4.0], [0.0, 1.0], h=2.0**-6)
    assert (report.where, report.max_relative_error) == ("x[0]", pytest.approx(2.0**-12 / 4))


def test_differences_that_prove_nothing_do_not_pass():
    assert not check_gradient(lambda x: np.sin(1e6 * x).sum(), lambda x: 0 * x, [1.0]).ok


def test_the_function_may_compute_the_gradient_or_be_the_gradient():
    assert check_gradient(poly, lambda x: 2 * x, X) == check_gradient(poly, [2.0, 4.0], X)


def test_the_report_tells_the_verdict_the_place_and_both_numbers():
    assert str(check_gradient(poly, [2.0, 2.0], X)) == (
        "WRONG: largest relative error 5.0e-01 (tolerance 1e-06) at x[1]: gradient 2, differences 4"
    )
    assert str(check_gradient(poly, [2.0, 4.0], X, h=0.5, tolerance=1e-3)) == (
        "ok: largest relative error 0.0e+00 (tolerance 1e-03) at x[0]: gradient 2, differences 2"
    )


def test_an_error_of_the_tolerance_passes():
    report = calculus.GradientReport(
        max_relative_error=0.25, where="x", analytic=1.0, numeric=1.0, tolerance=0.25
    )
    assert report.ok


def test_a_single_number_is_named_without_an_index():
    assert check_gradient(poly, 1.0, 1.0).where == "x"
