"""Backpropagation by hand against torch in float64, and the worked example's own numbers."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbp import backprop
from gdbp.backprop import (
    ACTIVATIONS,
    IN_PLACE,
    LOSSES,
    Network,
    Starts,
    flat_params,
    init_params,
    worked_example,
)
from gdbp.calculus import check_gradient
from gdbp.optimizers import apply_updates, sgd

TORCH_ACTIVATIONS = {
    "identity": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
}
TORCH_LOSSES = {
    "mse": torch.nn.functional.mse_loss,
    "softmax_cross_entropy": torch.nn.functional.cross_entropy,
}
ASYMMETRIC = {"w3": 0.9, "w6": 3.0}


class Case(NamedTuple):
    """A network and its data."""

    network: Network
    params: list
    X: np.ndarray
    y: np.ndarray


def make_case(sizes, activations, biases, loss_name, n, seed):
    rng = np.random.default_rng(seed)
    params = init_params(sizes, rng)
    for layer, bias in zip(params, biases, strict=True):
        layer["b"] = rng.uniform(-1, 1, layer["b"].shape)
        if not bias:
            del layer["b"]
    y = (
        rng.uniform(-1, 1, (n, sizes[-1]))
        if loss_name == "mse"
        else rng.integers(sizes[-1], size=n)
    )
    X = rng.uniform(-1, 1, (n, sizes[0]))
    return Case(Network(activations, loss_name), params, X, y)


@st.composite
def cases(draw):
    depth = draw(st.integers(1, 5))
    return make_case(
        sizes=draw(st.lists(st.integers(1, 6), min_size=depth + 1, max_size=depth + 1)),
        activations=draw(
            st.lists(st.sampled_from(list(ACTIVATIONS)), min_size=depth, max_size=depth)
        ),
        biases=draw(st.lists(st.booleans(), min_size=depth, max_size=depth)),
        loss_name=draw(st.sampled_from(list(LOSSES))),
        n=draw(st.integers(1, 7)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def small_case(loss_name="mse", n=4):
    return make_case([2, 3, 2], ["tanh", "sigmoid"], [True, True], loss_name, n, seed=0)


def torch_pass(case):
    """Return every quantity of the backward pass, by name, from autograd."""
    quantities = {}

    def leaf(array):
        return torch.tensor(array, requires_grad=True)

    a = quantities["a0"] = leaf(case.X)
    for k, layer in enumerate(case.params):
        W = quantities[f"W{k + 1}"] = leaf(layer["W"])
        b = quantities[f"b{k + 1}"] = leaf(layer.get("b", np.zeros(W.shape[1])))
        z = quantities[f"z{k + 1}"] = a @ W + b
        a = quantities[f"a{k + 1}"] = TORCH_ACTIVATIONS[case.network.activations[k]](z)
        z.retain_grad()
        a.retain_grad()
    loss = TORCH_LOSSES[case.network.loss_name](a, torch.tensor(case.y))
    loss.backward()
    return loss.item(), quantities


def assert_close(found, expected, rtol=1e-12):
    """Compare two arrays, relative to the largest component."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    # A sum of numbers near 1 that cancels leaves their rounding error, which is below 1e-16.
    atol = rtol * np.abs(expected).max() + 1e-16
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def assert_params_close(found, expected):
    assert [list(layer) for layer in found] == [list(layer) for layer in expected]
    for layer, other in zip(found, expected, strict=True):
        for key in layer:
            assert_close(layer[key], other[key])


def parameter_arrays(params):
    return [array for layer in params for array in layer.values()]


# --- every quantity of both passes, against autograd ---


@settings(max_examples=300)
@given(cases())
def test_every_quantity_equals_autograd(case):
    forward = case.network.forward(case.params, case.X)
    backward = case.network.backward(case.params, forward, case.y)
    loss, torch_values = torch_pass(case)

    assert_close(backward.loss, loss)
    for k in range(len(case.params) + 1):
        assert_close(forward.a[k], torch_values[f"a{k}"].detach())
        assert_close(backward.da[k], torch_values[f"a{k}"].grad)
    for k, layer in enumerate(case.params):
        assert_close(forward.z[k], torch_values[f"z{k + 1}"].detach())
        assert_close(backward.delta[k], torch_values[f"z{k + 1}"].grad)
        assert_close(backward.dW[k], torch_values[f"W{k + 1}"].grad)
        assert_close(backward.db[k], torch_values[f"b{k + 1}"].grad)
        assert backward.grads[k].keys() == layer.keys()
        for key, grad in backward.grads[k].items():
            assert_close(grad, torch_values[f"{key}{k + 1}"].grad)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_equal_differences(activation, loss_name, bias):
    network, params, X, y = make_case(
        [3, 4, 2], [activation, "identity"], [bias, bias], loss_name, n=5, seed=1
    )
    report = check_gradient(
        lambda params: network.loss(params, X, y),
        lambda params: network.grads(params, X, y),
        params,
    )
    assert report.ok, report


def test_the_gradient_check_notices_a_transposed_weight():
    network, params, X, y = make_case([3, 3], ["tanh"], [True], "mse", n=5, seed=1)
    (grads,) = network.grads(params, X, y)
    wrong = [{"W": grads["W"].T, "b": grads["b"]}]
    assert not check_gradient(lambda params: network.loss(params, X, y), wrong, params).ok


def test_relu_has_slope_zero_at_its_kink_as_in_torch():
    case = make_case([2, 3, 1], ["relu", "identity"], [False, True], "mse", n=3, seed=0)
    case = case._replace(X=np.zeros((3, 2)))
    backward = case.network.backward(case.params, case.network.forward(case.params, case.X), case.y)
    assert (backward.delta[0] == 0).all()
    assert_close(backward.da[0], torch_pass(case)[1]["a0"].grad)


@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_batch_gradient_is_the_average_over_its_samples(loss_name, n):
    network, params, X, y = small_case(loss_name, n)
    singles = [network.grads(params, X[i : i + 1], y[i : i + 1]) for i in range(n)]
    batch = network.grads(params, X, y)
    for k, layer in enumerate(batch):
        for key, mean in layer.items():
            total = sum(single[k][key] for single in singles)
            assert_close(mean, total / n)
            assert_close(n * mean, total)


def test_loss_and_grads_are_those_of_the_two_passes():
    network, params, X, y = small_case()
    backward = network.backward(params, network.forward(params, X), y)
    assert network.loss(params, X, y) == backward.loss
    assert_params_close(network.grads(params, X, y), backward.grads)


@pytest.mark.parametrize("loss_name", LOSSES)
def test_the_callers_arrays_are_not_changed(loss_name):
    network, params, X, y = small_case(loss_name)
    arrays = [*parameter_arrays(params), X, y]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False  # so that writing raises
    forward = network.forward(params, X)
    z_and_a = [array.copy() for array in (*forward.z, *forward.a)]
    network.backward(params, forward, y)
    for array, copy in zip([*arrays, *forward.z, *forward.a], before + z_and_a, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_float32_stays_float32(activation):
    network, params, X, y = make_case([2, 3, 2], [activation] * 2, [True] * 2, "mse", 4, seed=0)
    params32 = [{key: array.astype(np.float32) for key, array in p.items()} for p in params]
    forward = network.forward(params32, X.astype(np.float32))
    backward = network.backward(params32, forward, y.astype(np.float32))
    assert {row.value.dtype for row in forward.rows() + backward.rows()} == {np.dtype(np.float32)}
    for found, expected in zip(backward.grads, network.grads(params, X, y), strict=True):
        assert_close(found["W"], expected["W"], rtol=1e-5)


def test_integers_and_nested_lists_are_converted():
    network = Network(["identity"])
    backward = network.backward(
        [{"W": [[1], [2]]}], network.forward([{"W": [[1], [2]]}], [[3, 4]]), [[1]]
    )
    assert backward.loss == 100.0  # (3·1 + 4·2 - 1)²
    assert backward.grads[0]["W"].tolist() == [[60.0], [80.0]]


# --- the same gradients in a workspace ---


def as_type(case, dtype):
    params = [{key: array.astype(dtype) for key, array in p.items()} for p in case.params]
    y = case.y.astype(dtype) if case.network.loss_name == "mse" else case.y
    return case._replace(params=params, X=case.X.astype(dtype), y=y)


def work_of(case, n=10):
    return case.network.workspace(case.params, n)


def test_every_plain_form_has_one_in_place():
    assert IN_PLACE.keys() == ACTIVATIONS.keys()
    assert backprop._LOSS_GRADS_IN_PLACE.keys() == LOSSES.keys()


@settings(max_examples=300)
@given(cases(), st.sampled_from([(np.float64, 1e-12), (np.float32, 1e-5)]))
def test_a_workspace_gives_the_same_gradients(case, kind):
    dtype, rtol = kind
    case = as_type(case, dtype)
    network, params, X, y = case
    grads = network.grads(params, X, y, out=work_of(case, n=len(X)))
    assert {array.dtype for array in parameter_arrays(grads)} == {np.dtype(dtype)}
    for found, expected in zip(grads, network.grads(params, X, y), strict=True):
        assert list(found) == list(expected)
        for key in found:
            # A sum of numbers near 1 that cancels leaves their rounding error, a few eps.
            atol = rtol * np.abs(expected[key]).max() + 4 * np.finfo(dtype).eps
            np.testing.assert_allclose(found[key], expected[key], rtol=0, atol=atol)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("last", ACTIVATIONS)
@pytest.mark.parametrize("first", ACTIVATIONS)
def test_a_workspace_serves_batches_of_all_sizes_in_turn(first, last, loss_name, bias):
    case = make_case([3, 5, 4], [first, last], [bias, True], loss_name, n=7, seed=3)
    network, params, X, y = case
    work = work_of(case, n=7)
    for n in (7, 2, 1, 7, 2):
        grads = network.grads(params, X[:n], y[:n], out=work)
        assert_params_close(grads, network.grads(params, X[:n], y[:n]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_in_place_is_the_plain_one(name, dtype):
    z = np.array([-1e30, -800, -88, -87, -20, -1, -0.1, 0, 0.1, 1, 20, 88, 800, 1e30], dtype)
    a, da = z.copy(), np.full_like(z, 3)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        IN_PLACE[name].f(a, np.full_like(z, 7))
        plain, slope = ACTIVATIONS[name].f(z), ACTIVATIONS[name].derivative(z)
        resolution, tiny = 4 * np.finfo(dtype).eps, 1e-37
        np.testing.assert_allclose(a, plain, rtol=resolution, atol=tiny)
        IN_PLACE[name].delta(da, a)
        np.testing.assert_allclose(da, 3 * slope, rtol=resolution, atol=3 * tiny)


def test_a_workspace_is_where_the_gradients_are():
    case = small_case()
    work = work_of(case)
    grads = case.network.grads(case.params, case.X, case.y, out=work)
    assert grads is work.grads
    assert all(np.shares_memory(array, work.flat) for array in parameter_arrays(grads))
    np.testing.assert_array_equal(
        work.flat, np.concatenate([array.ravel() for array in parameter_arrays(grads)])
    )
    first = work.flat.copy()
    assert case.network.grads(case.params, case.X, case.y, out=work) is grads
    np.testing.assert_array_equal(work.flat, first)


def test_steps_on_the_flat_vectors_are_steps_of_gradient_descent():
    network, params, X, y = case = small_case("softmax_cross_entropy")
    work, (theta, moving) = work_of(case), flat_params(params)
    for _ in range(5):
        network.grads(moving, X, y, out=work)
        theta -= 0.1 * work.flat
        params = [
            {key: layer[key] - 0.1 * grad[key] for key in layer}
            for layer, grad in zip(params, network.grads(params, X, y), strict=True)
        ]
    assert_params_close(moving, params)


@pytest.mark.parametrize("loss_name", LOSSES)
def test_a_workspace_leaves_the_callers_arrays_alone(loss_name):
    network, params, X, y = case = small_case(loss_name)
    arrays = [*parameter_arrays(params), X, y]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False  # so that writing raises
    network.grads(params, X, y, out=work_of(case))
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_the_gradients_may_even_be_the_parameters():
    network, params, X, y = case = small_case()
    work, expected = work_of(case), network.grads(params, X, y)
    for grad, layer in zip(work.grads, params, strict=True):
        for key in grad:
            grad[key][:] = layer[key]
    assert_params_close(network.grads(work.grads, X, y, out=work), expected)


@pytest.mark.parametrize("loss_name", LOSSES)
def test_a_workspace_converts_what_is_of_another_type(loss_name):
    network, params, X, y = case = small_case(loss_name)
    lists = [{key: array.tolist() for key, array in layer.items()} for layer in params]
    integers = np.arange(8).reshape(4, 2)
    work = work_of(case)
    found = network.grads(lists, X.tolist(), y.tolist(), out=work)
    assert_params_close(found, network.grads(params, X, y))
    assert_params_close(
        network.grads(params, integers, y, out=work), network.grads(params, integers, y)
    )
    single = network.workspace(as_type(case, np.float32).params, 4)
    found = network.grads(params, X, y, out=single)
    assert found[0]["W"].dtype == np.float32
    for layer, expected in zip(found, network.grads(params, X, y), strict=True):
        assert_close(layer["W"], expected["W"], rtol=1e-5)


def test_a_workspace_takes_large_numbers_for_what_they_are():
    network = Network(["identity"])
    params, X, y = [{"W": np.array([[1e160]])}], np.array([[1e-150]]), np.array([[0.0]])
    work = network.workspace(params, 1)
    assert_params_close(network.grads(params, X, y, out=work), network.grads(params, X, y))
    X, y = np.array([[1e155]]), np.array([[1e155]])
    params = [{"W": np.array([[2.0]])}]
    with (
        pytest.raises(ValueError, match=r"^grads\[0\]\['W'\] needs finite numbers, got inf"),
        pytest.warns(RuntimeWarning, match="overflow"),  # in the product
    ):
        network.grads(params, X, y, out=work)


# --- activations ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_of_a_large_number_neither_overflows_nor_warns(dtype):
    z = np.array([-1e30, -800.0, 0.0, 800.0, 1e30], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a, slope = ACTIVATIONS["sigmoid"].f(z), ACTIVATIONS["sigmoid"].derivative(z)
    np.testing.assert_array_equal(a, [0, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(slope, [0, 0, 0.25, 0, 0])
    assert a.dtype == slope.dtype == dtype


def test_sigmoid_keeps_its_small_tail():
    np.testing.assert_allclose(ACTIVATIONS["sigmoid"].f(np.array([-700.0])), np.exp(-700.0), 1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_has_the_derivative_it_names(name):
    z = torch.linspace(-3, 3, 12, dtype=torch.float64, requires_grad=True)
    a = TORCH_ACTIVATIONS[name](z)
    (slope,) = torch.autograd.grad(a.sum(), z)
    assert_close(ACTIVATIONS[name].f(z.detach().numpy()), a.detach())
    assert_close(ACTIVATIONS[name].derivative(z.detach().numpy()), slope)


# --- the table of a pass ---


def test_rows_name_every_quantity_in_the_order_computed():
    network, params, X, y = make_case(
        [2, 3, 1], ["tanh", "identity"], [True, False], "mse", n=4, seed=0
    )
    forward = network.forward(params, X)
    backward = network.backward(params, forward, y)
    assert [(row.name, row.shape) for row in forward.rows()] == [
        ("a0", (4, 2)),
        ("z1", (4, 3)),
        ("a1", (4, 3)),
        ("z2", (4, 1)),
        ("a2", (4, 1)),
    ]
    assert [(row.name, row.shape) for row in backward.rows()] == [
        ("da2", (4, 1)),
        ("delta2", (4, 1)),
        ("dW2", (3, 1)),
        ("da1", (4, 3)),
        ("delta1", (4, 3)),
        ("dW1", (2, 3)),
        ("db1", (3,)),
    ]
    values = {row.name: row.value for row in forward.rows() + backward.rows()}
    assert values["a0"] is forward.a[0]
    assert values["z1"] is forward.z[0]
    assert values["a2"] is forward.output
    assert values["da2"] is backward.da[2]
    assert values["delta1"] is backward.delta[0]
    assert values["dW2"] is backward.dW[1]
    assert values["db1"] is backward.db[0]


# --- starting parameters ---


@pytest.mark.parametrize(("scheme", "variance"), [("xavier", 2 / 500), ("he", 2 / 300)])
def test_init_params_has_the_variance_of_its_scheme(scheme, variance):
    (layer,) = init_params([300, 200], np.random.default_rng(0), scheme=scheme)
    assert layer["W"].var() == pytest.approx(variance, rel=0.03)
    assert abs(layer["W"].mean()) < 0.01 * np.sqrt(variance) * 3
    assert (layer["b"] == 0).all()


def test_init_params_makes_the_layers_asked_for():
    params = init_params([2, 3, 1], np.random.default_rng(0))
    assert [(p["W"].shape, p["b"].shape) for p in params] == [((2, 3), (3,)), ((3, 1), (1,))]
    without = init_params([2, 3, 1], np.random.default_rng(0), bias=False)
    assert [list(layer) for layer in without] == [["W"], ["W"]]
    np.testing.assert_array_equal(without[1]["W"], params[1]["W"])  # the same draws


# --- the worked example ---


def autograd(example):
    """Compute ŷ, the loss and the gradient with torch, written as the matrix formula."""
    W_h = torch.tensor(example.W_h.copy(), requires_grad=True)
    W_o = torch.tensor(example.W_o.copy(), requires_grad=True)
    y_hat = torch.tensor(example.X) @ W_h @ W_o
    loss = torch.nn.functional.mse_loss(y_hat, torch.tensor(example.Y))
    loss.backward()
    return y_hat.item(), loss.item(), np.concatenate([W_h.grad.ravel(), W_o.grad.ravel()])


def test_worked_example_has_the_numbers_of_the_article():
    example = worked_example()
    assert example.theta.tolist() == [1.0, 0.5, 0.5, 0.7, 1.0, 2.0]
    assert (example.x.tolist(), example.y, example.lr) == ([0.5, 1.0], 0.8, 0.01)

    gradient = example.grad(example.theta)
    grad = dict(zip(example.names, gradient, strict=True))
    after = dict(zip(example.names, example.theta - example.lr * gradient, strict=True))
    assert example.predict(example.theta) == pytest.approx(2.9, rel=1e-12)
    assert example.loss(example.theta) == pytest.approx(4.41, rel=1e-12)
    assert (grad["w5"], grad["w1"]) == pytest.approx((4.2, 2.1), rel=1e-12)
    assert (after["w5"], after["w1"]) == pytest.approx((0.958, 0.979), rel=1e-12)


@pytest.mark.parametrize("x", [[0.5, 1.0], [-0.3, 2.0]])
@pytest.mark.parametrize("weights", [{}, ASYMMETRIC, {"w1": -1.5, "w5": 0.2, "w6": -0.4}])
def test_by_hand_network_and_autograd_agree(weights, x):
    example = worked_example(**weights)._replace(x=np.array(x))
    network, params = example.network, example.params
    y_hat, loss, grad = autograd(example)

    assert_close(example.predict(example.theta), y_hat)
    assert_close(example.loss(example.theta), loss)
    assert_close(example.grad(example.theta), grad)

    assert_close(network.forward(params, example.X).output, [[y_hat]])
    assert_close(network.loss(params, example.X, example.Y), loss)
    layers = network.grads(params, example.X, example.Y)
    assert_close(np.concatenate([layer["W"].ravel() for layer in layers]), grad)

    optimizer = sgd(lr=example.lr)
    updates, _ = optimizer.update(layers, optimizer.init(params), params)
    stepped = np.concatenate([p["W"].ravel() for p in apply_updates(params, updates)])
    assert_close(stepped, example.theta - example.lr * grad)


@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_the_gradient_by_hand_passes_the_gradient_check(theta):
    example = worked_example()
    report = check_gradient(example.loss, example.grad, theta)
    assert report.ok, report


def transposed(example):
    """Return the example with W_hᵀ in the place of W_h: w2 and w3 exchanged."""
    return example._replace(theta=example.theta[[0, 2, 1, 3, 4, 5]])


def test_a_symmetric_hidden_matrix_hides_its_transposition():
    right = worked_example()
    wrong = transposed(right)
    assert wrong.predict(wrong.theta) == right.predict(right.theta)
    np.testing.assert_array_equal(wrong.grad(wrong.theta), right.grad(right.theta))


def test_other_weights_show_a_transposed_hidden_matrix():
    right = worked_example(w3=0.9, w6=3.0)
    wrong = transposed(right)
    assert right.predict(right.theta) == pytest.approx(1.4 + 3 * 0.95, rel=1e-12)
    assert wrong.predict(wrong.theta) == pytest.approx(1.0 + 3 * 1.15, rel=1e-12)


def test_other_w2_and_w3_alone_show_it_in_the_gradient_only():
    # The predictions differ by (w2 - w3) (w6 x1 - w5 x2), and w6 x1 = w5 x2 in the example.
    right = worked_example(w3=0.9)
    wrong = transposed(right)
    assert wrong.predict(wrong.theta) == pytest.approx(right.predict(right.theta), rel=1e-12)
    assert right.grad(right.theta)[4] == pytest.approx(5.0 * 1.4, rel=1e-12)
    assert wrong.grad(wrong.theta)[4] == pytest.approx(5.0 * 1.0, rel=1e-12)


def test_worked_example_is_batched_over_leading_axes():
    example = worked_example(**ASYMMETRIC)
    thetas = np.random.default_rng(0).normal(size=(3, 4, 6))
    predictions, losses = example.predict(thetas), example.loss(thetas)
    assert predictions.shape == losses.shape == (3, 4)
    assert predictions[1, 2] == example.predict(thetas[1, 2])
    assert losses[1, 2] == example.loss(thetas[1, 2])


def test_gradients_and_steps_are_batched_over_leading_axes():
    example = worked_example(**ASYMMETRIC)
    thetas = np.random.default_rng(0).normal(size=(3, 4, 6))
    for order in "CF":
        starts = np.array(thetas, order=order)
        grads, step = example.grad(starts), example.step(starts)
        assert grads.shape == step.theta.shape == (3, 4, 6)
        assert step.loss.shape == (3, 4)
        for index in np.ndindex(3, 4):
            np.testing.assert_array_equal(grads[index], example.grad(thetas[index]))
            np.testing.assert_array_equal(
                step.theta[index], thetas[index] - example.lr * grads[index]
            )
        np.testing.assert_array_equal(starts, thetas)


finite_theta = st.lists(st.floats(-3, 3), min_size=6, max_size=6)


@given(finite_theta)
def test_a_step_is_one_of_gradient_descent(theta):
    example, theta = worked_example(**ASYMMETRIC), np.array(theta)
    expected, before = theta - example.lr * example.grad(theta), theta.copy()
    for given_as in (theta, theta.tolist(), theta[np.newaxis]):  # the short form and the plain one
        step = example.step(given_as)
        assert_close(np.reshape(step.theta, 6), expected)
        assert_close(np.reshape(step.loss, ()), example.loss(theta))
    np.testing.assert_array_equal(theta, before)


def test_a_step_writes_where_it_is_told_to():
    example = worked_example()
    expected = example.step(example.theta).theta
    out = np.empty(6)
    assert example.step(example.theta, out=out).theta is out
    np.testing.assert_array_equal(out, expected)
    in_place = example.theta.copy()
    assert example.step(in_place, out=in_place).theta is in_place
    np.testing.assert_array_equal(in_place, expected)
    many = np.array([example.theta, example.theta])
    assert example.step(many, out=many).theta is many
    np.testing.assert_allclose(many, [expected, expected], rtol=1e-12)


def test_a_step_takes_large_weights_for_what_they_are():
    theta = np.array([1e308, 1e308, 0, 0, 0, 0])  # finite, while their sum is not
    np.testing.assert_allclose(worked_example().step(theta).theta[:2], theta[:2], rtol=1e-12)


def test_starts_go_where_each_start_goes_alone():
    example = worked_example(**ASYMMETRIC)
    theta = np.random.default_rng(0).normal(size=(5, 6))
    before, alone = theta.copy(), theta.copy()
    starts = Starts(example, theta)
    for _ in range(20):
        step = example.step(alone)
        loss = starts.step()
        assert_close(loss, step.loss)
        assert_close(starts.theta, step.theta)
        alone = step.theta
    np.testing.assert_array_equal(theta, before)


def test_starts_work_in_the_arrays_that_they_have():
    starts = Starts(worked_example(), np.ones((3, 6)))
    theta, loss = starts.theta, starts.step()
    first = loss.copy()
    assert starts.step() is loss
    assert (loss < first).all()
    assert np.shares_memory(theta, starts.theta)
    theta[0] = worked_example().theta
    assert starts.step()[0] == pytest.approx(4.41, rel=1e-12)


def test_params_of_the_worked_example_are_copies():
    example = worked_example()
    for layer in example.params:
        layer["W"][:] = 0
    assert example.theta.tolist() == [1.0, 0.5, 0.5, 0.7, 1.0, 2.0]


# --- bad input ---

W, B = np.ones((2, 3)), np.ones(3)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (("tanh",), TypeError, "activations needs a name for each layer, got 'tanh'"),
        ((None,), TypeError, "activations needs a name for each layer, got None"),
        (([],), ValueError, "activations needs at least one layer, got none"),
        ((["tanh", "softplus"],), ValueError, "activations needs one of .*'relu', got 'softplus'"),
        ((["tanh"], "mae"), ValueError, "loss_name needs one of 'mse', .*got 'mae'"),
    ],
)
def test_network_says_what_is_wrong(arguments, error, match):
    with pytest.raises(error, match="^" + match):
        Network(*arguments)


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ([], ValueError, r"params needs at least one number, got shape \(0,\)"),
        ([{"W": W}] * 2, ValueError, "params needs 1 layers in a list, got 2"),
        ({"W": W}, ValueError, "params needs 1 layers in a list, got dict"),
        ([W], ValueError, r"params\[0\] needs the keys 'W' and, .*'b', got ndarray"),
        ([{"b": B}], ValueError, r"params\[0\] needs the keys 'W' .*got \['b'\]"),
        ([{"W": W, "bias": B}], ValueError, r"params\[0\] needs the keys .*got \['W', 'bias'\]"),
        ([{"W": B}], ValueError, r"params\[0\]\['W'\] needs shape \(d_in, d_out\), got .*\(3,\)"),
        ([{"W": list(W)}], ValueError, r"params\[0\]\['W'\] needs one array, got a list"),
        ([{"W": W, "b": B[:1]}], ValueError, r"params\[0\]\['b'\] needs shape \(3,\), .*\(1,\)"),
        ([{"W": W, "b": [B]}], ValueError, r"params\[0\]\['b'\] needs one array, got a list"),
        ([{"W": W, "b": None}], TypeError, r"params\[0\]\['b'\] needs real numbers, got dtype obj"),
        ([{"W": W * 1j}], TypeError, r"params\[0\]\['W'\] needs real numbers, got dtype complex"),
        ([{"W": W[:0]}], ValueError, r"params\[0\]\['W'\] needs at least one number.*\(0, 3\)"),
        ([{"W": W * np.nan}], ValueError, r"params\[0\]\['W'\] needs finite .*nan at index \(0, 0"),
        (
            [{"W": W, "b": [0, 0, np.inf]}],
            ValueError,
            r"params\[0\]\['b'\] needs finite .*inf at index \(2,\)",
        ),
    ],
)
def test_params_that_do_not_fit(params, error, match):
    network, X = Network(["tanh"]), np.ones((1, 2))
    with pytest.raises(error, match="^" + match):
        network.forward(params, X)
    forward = network.forward([{"W": W}], X)
    with pytest.raises(error, match="^" + match):
        network.backward(params, forward, np.ones((1, 3)))
    for layers in ([{"W": W}], [{"W": W, "b": B}]):
        with pytest.raises(error, match="^" + match):
            network.grads(params, X, np.ones((1, 3)), out=network.workspace(layers, 1))
    with pytest.raises(error, match="^" + match):
        network.workspace(params, 1)


def test_layers_of_the_wrong_size():
    network = Network(["tanh", "tanh"])
    with pytest.raises(ValueError, match=r"params\[1\]\['W'\] needs 3 rows.*got shape \(2, 3\)"):
        network.forward([{"W": W}, {"W": W}], np.ones((1, 2)))


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ([0.5, 1.0], ValueError, r"X needs 2 axes, got shape \(2,\)"),
        (np.ones((4, 3)), ValueError, r"X needs 2 columns, .*params\[0\].*got shape \(4, 3\)"),
        (np.ones((0, 2)), ValueError, r"X needs at least one number, got shape \(0, 2\)"),
        ([[1.0, np.inf]], ValueError, r"X needs finite numbers, got inf at index \(0, 1\)"),
        ([["a", "b"]], TypeError, "X needs real numbers, got dtype <U1"),
        ([[1.0], [1.0, 2.0]], ValueError, "X needs rows of equal length, got a ragged sequence"),
    ],
)
def test_forward_says_what_is_wrong_with_X(X, error, match):
    network, params = Network(["tanh"]), [{"W": W}]
    with pytest.raises(error, match="^" + match):
        network.forward(params, X)
    with pytest.raises(error, match="^" + match):
        network.grads(params, X, np.ones((4, 3)), out=network.workspace(params, 4))


@pytest.mark.parametrize(
    ("loss_name", "y", "error", "match"),
    [
        ("mse", [1.0] * 4, ValueError, r"y_hat needs the shape of y, \(4,\), got shape \(4, 2\)"),
        ("mse", np.ones((3, 2)), ValueError, r"y_hat needs the shape of y, \(3, 2\), .*\(4, 2\)"),
        ("mse", np.full((4, 2), np.nan), ValueError, r"y needs finite numbers, got nan at index"),
        ("softmax_cross_entropy", [0, 1], ValueError, r"labels needs shape \(4,\), .*\(2,\)"),
        (
            "softmax_cross_entropy",
            [0, 1, 2, 0],
            ValueError,
            "labels needs classes from 0 to 1, got 0 to 2",
        ),
        ("softmax_cross_entropy", [0.0] * 4, TypeError, "labels needs integers, got dtype float64"),
    ],
)
def test_targets_that_do_not_fit(loss_name, y, error, match):
    network, params, X, _ = case = small_case(loss_name)
    in_place = partial(network.grads, out=work_of(case))
    for function in network.loss, network.grads, in_place:
        for target in (y, np.array(y)):
            with pytest.raises(error, match="^" + match):
                function(params, X, target)


@settings(max_examples=200)
@given(cases(), st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
def test_one_bad_number_anywhere_is_named_by_both_forms(case, bad, data):
    network, params, X, y = case
    arrays = [*parameter_arrays(params), X] + ([y] if network.loss_name == "mse" else [])
    array = data.draw(st.sampled_from(arrays))
    array.flat[data.draw(st.integers(0, array.size - 1))] = bad
    with pytest.raises(ValueError, match="needs finite numbers") as plain:
        network.grads(params, X, y)
    good = [{key: np.ones_like(array) for key, array in layer.items()} for layer in params]
    work = network.workspace(good, len(X))
    with pytest.raises(ValueError, match="needs finite numbers") as in_place:
        network.grads(params, X, y, out=work)
    assert str(in_place.value) == str(plain.value)


def test_networks_of_the_same_layers_and_loss_are_equal():
    network = Network(["tanh", "identity"])
    same = Network(("tanh", "identity"), "mse")
    assert network == same
    assert hash(network) == hash(same)
    assert network != Network(["tanh", "tanh"])
    assert network != Network(["tanh", "identity"], "softmax_cross_entropy")
    assert network != "Network(activations=['tanh', 'identity'], loss_name='mse')"
    assert repr(network) == "Network(activations=['tanh', 'identity'], loss_name='mse')"


def test_a_workspace_of_another_network_or_shape():
    network, params, X, y = case = small_case()
    with pytest.raises(TypeError, match=r"^out needs what workspace\(\) made, got \[\]"):
        network.grads(params, X, y, out=[])
    other = Network(["tanh", "tanh"])
    with pytest.raises(
        ValueError, match=r"^out needs a workspace of Network.*'sigmoid'.*, got one"
    ):
        network.grads(params, X, y, out=other.workspace(params, 4))
    equal = Network(["tanh", "sigmoid"]).workspace(params, 4)
    assert network.grads(params, X, y, out=equal) is equal.grads
    wider = network.workspace(init_params([2, 4, 2], np.random.default_rng(0)), 4)
    with pytest.raises(ValueError, match=r"^params\[0\]\['W'\] needs the shape of out.grads\[0\]"):
        network.grads(params, X, y, out=wider)
    without = network.workspace(init_params([2, 3, 2], np.random.default_rng(0), bias=False), 4)
    with pytest.raises(ValueError, match=r"^params has params\[0\]\['b'\], and out.grads has no"):
        network.grads(params, X, y, out=without)
    with pytest.raises(ValueError, match=r"^X needs at most 3 rows, the n of .*got shape \(4, 2\)"):
        network.grads(params, X, y, out=work_of(case, n=3))
    with pytest.raises(ValueError, match=r"^n needs an integer >= 1, got 0"):
        work_of(case, n=0)
    with pytest.raises(TypeError, match=r"^n needs an integer, got 1\.5"):
        work_of(case, n=1.5)


def test_backward_refuses_the_pass_of_a_deeper_network():
    params, X = [{"W": np.eye(2)}] * 2, np.ones((1, 2))
    forward = Network(["tanh", "tanh"]).forward(params, X)
    with pytest.raises(ValueError, match="shorter"):
        Network(["tanh"]).backward(params[:1], forward, X)


def test_targets_of_shape_n_against_predictions_of_shape_n_1():
    network, params, X, y = make_case([2, 1], ["identity"], [True], "mse", n=4, seed=0)
    with pytest.raises(ValueError, match=r"y_hat needs the shape of y, \(4,\), got shape \(4, 1\)"):
        network.grads(params, X, y[:, 0])


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"sizes": 3}, TypeError, "sizes needs the width of each layer, got 3"),
        ({"sizes": [2]}, ValueError, r"sizes needs at least an input and an output, got \[2\]"),
        ({"sizes": [2, 0]}, ValueError, "sizes needs an integer >= 1, got 0"),
        ({"sizes": [2, 1.5]}, TypeError, "sizes needs an integer, got 1.5"),
        ({"sizes": [2, True]}, TypeError, "sizes needs an integer, got True"),
        ({"rng": 0}, TypeError, "rng needs a numpy.random.Generator, .*got 0"),
        ({"scheme": "glorot"}, ValueError, "scheme needs one of 'xavier', 'he', got 'glorot'"),
    ],
)
def test_init_params_says_what_is_wrong(changes, error, match):
    with pytest.raises(error, match="^" + match):
        init_params(**{"sizes": [2, 1], "rng": np.random.default_rng(0), **changes})


@pytest.mark.parametrize(
    ("weight", "error", "match"),
    [
        *[
            ({name: np.nan}, ValueError, f"{name} needs a finite number, got nan")
            for name in worked_example().names
        ],
        ({"w6": "2"}, TypeError, "w6 needs a real number, got '2'"),
        ({"w1": True}, TypeError, "w1 needs a real number, got True"),
    ],
)
def test_worked_example_says_which_weight_is_wrong(weight, error, match):
    with pytest.raises(error, match="^" + match):
        worked_example(**weight)


@pytest.mark.parametrize("method", ["predict", "loss"])
def test_worked_example_needs_six_weights(method):
    with pytest.raises(ValueError, match=r"theta needs a last axis of 6, got shape \(6, 5\)"):
        getattr(worked_example(), method)(np.ones((6, 5)))
    with pytest.raises(ValueError, match="theta needs finite numbers, got inf"):
        getattr(worked_example(), method)([1, 1, 1, 1, 1, np.inf])


def test_a_gradient_needs_six_weights():
    with pytest.raises(ValueError, match=r"theta needs a last axis of 6, got shape \(2, 5\)"):
        worked_example().grad(np.ones((2, 5)))


@pytest.mark.parametrize(
    ("theta", "error", "match"),
    [
        (
            np.array([1, 1, 1, 1, 1, np.inf]),
            ValueError,
            r"theta needs finite .*inf at index \(5,\)",
        ),
        ([[1, 1, 1, 1, 1, np.nan]], ValueError, r"theta needs finite .*nan at index \(0, 5\)"),
        (np.ones(5), ValueError, r"theta needs a last axis of 6, got shape \(5,\)"),
        (["a"] * 6, TypeError, "theta needs real numbers"),
        (np.array([2e-10, 0, 0, 0, 1e160, 0]), ValueError, "theta after the step needs finite"),
        (np.array([1e77, 0, 0, 0, 1e78, 0]), ValueError, "the loss before the step needs finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")  # of the plain form, where the case has one
def test_a_step_says_what_is_wrong(theta, error, match):
    example, out = worked_example(), np.full(np.shape(theta), 7.0)
    lists = theta.tolist() if isinstance(theta, np.ndarray) else theta
    for given_as in (theta, lists):  # the short form and the plain one
        with pytest.raises(error, match="^" + match):
            example.step(given_as, out=out)
        assert (out == 7).all()


@pytest.mark.parametrize(
    ("out", "error", "match"),
    [
        ([0.0] * 6, TypeError, "out needs to be a float64 array, got list"),
        (np.ones(6, np.float32), TypeError, "out needs to be a float64 array, got dtype float32"),
        (np.ones((2, 6)), ValueError, r"out needs the shape of theta, \(6,\), got .*\(2, 6\)"),
    ],
)
def test_a_step_says_what_is_wrong_with_its_out(out, error, match):
    example = worked_example()
    with pytest.raises(error, match="^" + match):
        example.step(example.theta, out=out)
    with pytest.raises(error, match="^" + match):
        example.step(example.theta.tolist(), out=out)


def test_a_step_does_not_write_into_what_is_no_float64_array():
    theta = [1, 1, 1, 1, 1, 1]
    with pytest.raises(TypeError, match="out needs to be a float64 array, got list"):
        worked_example().step(theta, out=theta)
    theta = np.ones(6, np.float32)
    with pytest.raises(TypeError, match="out needs to be a float64 array, got dtype float32"):
        worked_example().step(theta, out=theta)


@pytest.mark.parametrize(
    ("theta", "error", "match"),
    [
        (np.ones(6), ValueError, r"theta needs 2 axes, got shape \(6,\)"),
        (np.ones((6, 5)), ValueError, r"theta needs a last axis of 6, got shape \(6, 5\)"),
        ([[1, 1, 1, 1, 1, np.nan]], ValueError, r"theta needs finite .*nan at index \(0, 5\)"),
        ([["a"] * 6], TypeError, "theta needs real numbers"),
    ],
)
def test_starts_say_what_is_wrong(theta, error, match):
    with pytest.raises(error, match="^" + match):
        Starts(worked_example(), theta)


def test_starts_say_which_start_has_left_the_finite_numbers():
    starts = Starts(worked_example(), [[1.0] * 6, [1e60] * 6])
    starts.step()
    with (
        pytest.warns(RuntimeWarning, match="overflow|invalid"),
        pytest.raises(ValueError, match=r"^theta after the step needs finite .* at index \(1, 0\)"),
    ):
        starts.step()


def test_starts_take_large_weights_for_what_they_are():
    theta = [0.0, 0.0, 1e160, 0.0, 0.0, 0.0]  # finite, while its square is not
    starts = Starts(worked_example()._replace(x=np.array([1.0, 0.0])), [theta])
    starts.step()
    assert starts.theta.tolist() == [theta]
