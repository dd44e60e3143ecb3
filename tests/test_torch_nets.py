"""The networks in PyTorch: the layout of the weights, the hooks, and the article's numbers."""

import numpy as np
import pytest
import torch
from torch import nn

from gdbp.backprop import ACTIVATIONS, Network, init_params, worked_example
from gdbp.torch_nets import (
    TwoLayerLinear,
    dense_network,
    linear,
    numpy_grads,
    record_gradients,
)

W_H = [[1.0, 0.5], [0.9, 0.7]]  # w2 and w3 differ, so that a transposed matrix shows
W_O = [[1.0], [2.0]]
DTYPES = [torch.float32, torch.float64]


def tensor(array, dtype=torch.float64):
    return torch.tensor(array, dtype=dtype)


# --- the worked example in PyTorch ---


@pytest.mark.parametrize(("dtype", "rel"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_one_step_of_torch_has_the_numbers_of_the_article(dtype, rel):
    example = worked_example()
    model = TwoLayerLinear(example.W_h, example.W_o, dtype=dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=example.lr)
    y_hat = model(tensor(example.X, dtype))
    loss = nn.functional.mse_loss(y_hat, tensor(example.Y, dtype))
    loss.backward()
    hidden, output = numpy_grads(model)
    assert (y_hat.item(), loss.item()) == pytest.approx((2.9, 4.41), rel=rel)
    assert (output["W"][0, 0], hidden["W"][0, 0]) == pytest.approx((4.2, 2.1), rel=rel)

    optimizer.step()
    w5, w1 = model.output.weight[0, 0].item(), model.hidden.weight[0, 0].item()
    assert (w5, w1) == pytest.approx((0.958, 0.979), rel=rel)


@pytest.mark.parametrize("weights", [{}, {"w3": 0.9, "w6": 3.0}, {"w1": -1.5}])
def test_module_and_formula_by_hand_agree(weights):
    example = worked_example(**weights)
    model = TwoLayerLinear(example.W_h, example.W_o, dtype=torch.float64)
    y_hat = model(tensor(example.X))
    nn.functional.mse_loss(y_hat, tensor(example.Y)).backward()
    grad = np.concatenate([layer["W"].ravel() for layer in numpy_grads(model)])
    np.testing.assert_allclose(y_hat.item(), example.predict(example.theta), rtol=1e-12)
    np.testing.assert_allclose(grad, example.grad(example.theta), rtol=1e-12)


def test_two_layer_linear_stores_the_transposes_in_float32_by_default():
    model = TwoLayerLinear(W_H, W_O)
    np.testing.assert_array_equal(model.hidden.weight.detach(), np.float32(W_H).T)
    np.testing.assert_array_equal(model.output.weight.detach(), np.float32(W_O).T)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.hidden.bias is model.output.bias is None


# --- layers ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("b", [None, [0.1, 0.2, 0.3]])
def test_linear_computes_X_W_plus_b(b, dtype):
    W, X = np.arange(6.0).reshape(2, 3), np.array([[1.0, 2.0], [-1.0, 0.5]])
    layer = linear(W, b, dtype=dtype)
    assert {p.dtype for p in layer.parameters()} == {dtype}
    expected = X @ W + (0 if b is None else np.array(b))
    np.testing.assert_allclose(layer(tensor(X, dtype)).detach(), expected, rtol=1e-6)


def test_a_layer_does_not_share_memory_with_its_arrays():
    W, b = np.ones((2, 2)), np.ones(2)
    layer = linear(W, b)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
    assert (W.sum(), b.sum()) == (4, 2)


# --- dense networks ---


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense_network_is_the_network_of_backprop(activation, bias):
    rng = np.random.default_rng(0)
    activations, params = [activation, "identity"], init_params([3, 4, 2], rng, bias=bias)
    for layer in params:
        layer.update({"b": rng.normal(size=layer["b"].shape)} if bias else {})
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))

    model = dense_network(params, activations)
    network = Network(activations)
    y_hat = model(tensor(X))
    nn.functional.mse_loss(y_hat, tensor(y)).backward()
    np.testing.assert_allclose(
        y_hat.detach(), network.forward(params, X).output, rtol=1e-12, atol=1e-14
    )
    for found, expected in zip(numpy_grads(model), network.grads(params, X, y), strict=True):
        assert found.keys() == expected.keys()
        for key in found:
            np.testing.assert_allclose(found[key], expected[key], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_network_has_the_type_asked_for(dtype):
    model = dense_network([{"W": W_H, "b": [0.0, 0.0]}], ["relu"], dtype=dtype)
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert numpy_grads_after_backward(model, dtype)[0]["W"].dtype == str(dtype).split(".")[1]


def numpy_grads_after_backward(model, dtype=torch.float64):
    model(tensor([[3.0, 4.0]], dtype)).sum().backward()
    return numpy_grads(model)


# --- gradients out of torch ---


def test_numpy_grads_are_in_the_layout_of_the_book():
    grads = numpy_grads_after_backward(linear(np.zeros((2, 3)), np.zeros(3)))
    assert grads[0]["W"].tolist() == [[3, 3, 3], [4, 4, 4]]
    assert grads[0]["b"].tolist() == [1, 1, 1]


def test_numpy_grads_are_copies():
    model = linear(W_O, [0.0])
    (grad,) = numpy_grads_after_backward(model)
    model.zero_grad(set_to_none=False)
    assert (grad["W"].tolist(), grad["b"].tolist()) == ([[3], [4]], [1])


def test_a_frozen_bias_has_no_gradient():
    model = linear(W_O, [0.0])
    model.bias.requires_grad_(False)
    assert list(numpy_grads_after_backward(model)[0]) == ["W"]


def test_hooks_record_every_gradient_in_the_order_of_arrival():
    model = TwoLayerLinear(W_H, W_O, dtype=torch.float64)
    seen = record_gradients(model)
    assert seen == {}
    for factor in (1.0, 2.0):
        (factor * model(tensor([[0.5, 1.0]]))).sum().backward()
        model.zero_grad(set_to_none=False)  # the records are copies
    assert list(seen) == ["output.weight", "hidden.weight"]
    np.testing.assert_allclose(seen["output.weight"], [[[1.4, 0.95]], [[2.8, 1.9]]], rtol=1e-12)
    np.testing.assert_allclose(
        seen["hidden.weight"], [[[0.5, 1.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 4.0]]], rtol=1e-12
    )


def test_hooks_leave_frozen_parameters_out():
    model = linear(W_O, [0.0])
    model.weight.requires_grad_(False)
    seen = record_gradients(model)
    model(tensor([[3.0, 4.0]])).sum().backward()
    assert list(seen) == ["bias"]


# --- bad input ---


@pytest.mark.parametrize(
    ("W_h", "W_o", "error", "match"),
    [
        ([1.0, 0.5], W_O, ValueError, r"W_h needs 2 axes, got shape \(2,\)"),
        (W_H, [1.0, 2.0], ValueError, r"W_o needs 2 axes, got shape \(2,\)"),
        (W_H, [[1.0]], ValueError, r"W_o needs 2 rows, the columns of W_h, got shape \(1, 1\)"),
        ([[np.nan]], [[1.0]], ValueError, r"W_h needs finite numbers, got nan at index \(0, 0\)"),
        (W_H, [["a"], ["b"]], TypeError, "W_o needs real numbers, got dtype <U1"),
    ],
)
def test_two_layer_linear_says_what_is_wrong(W_h, W_o, error, match):
    with pytest.raises(error, match="^" + match):
        TwoLayerLinear(W_h, W_o)


@pytest.mark.parametrize(
    ("W", "b", "error", "match"),
    [
        ([1.0, 2.0], None, ValueError, r"W needs 2 axes, got shape \(2,\)"),
        (np.ones((2, 0)), None, ValueError, r"W needs at least one number, got shape \(2, 0\)"),
        (W_H, [1.0], ValueError, r"b needs shape \(2,\), got shape \(1,\)"),
        (W_H, [1.0, np.inf], ValueError, r"b needs finite numbers, got inf at index \(1,\)"),
        (W_H, 1j, TypeError, "b needs real numbers, got dtype complex128"),
    ],
)
def test_linear_says_what_is_wrong(W, b, error, match):
    with pytest.raises(error, match="^" + match):
        linear(W, b)


LAYER = {"W": np.ones((2, 3))}


@pytest.mark.parametrize(
    ("params", "activations", "error", "match"),
    [
        ([LAYER], ["tanh", "tanh"], ValueError, "params needs 2 layers in a list, got 1"),
        (LAYER, ["tanh"], ValueError, "params needs 1 layers in a list, got dict"),
        ([LAYER, LAYER], ["tanh"] * 2, ValueError, r"params\[1\]\['W'\] needs 3 rows.*\(2, 3\)"),
        ([{"b": [1.0]}], ["tanh"], ValueError, r"params\[0\] needs the keys 'W'.*got \['b'\]"),
        ([LAYER], ["gelu"], ValueError, "activations needs one of 'identity', .*got 'gelu'"),
        ([LAYER], "tanh", TypeError, "activations needs a name for each layer, got 'tanh'"),
        ([{"W": [[np.nan]]}], ["tanh"], ValueError, r"params\[0\]\['W'\] needs finite numbers"),
    ],
)
def test_dense_network_says_what_is_wrong(params, activations, error, match):
    with pytest.raises(error, match="^" + match):
        dense_network(params, activations)


def test_numpy_grads_say_what_is_missing():
    with pytest.raises(ValueError, match=r"^model needs at least one Linear layer, got none"):
        numpy_grads(nn.Tanh())
    model = TwoLayerLinear(W_H, W_O, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"^model needs gradients: layer 0 has none, call"):
        numpy_grads(model)
    model.output(tensor([[1.0, 2.0]])).backward()
    model.hidden.weight.grad = torch.zeros(2, 2, dtype=torch.float64)
    model.output.weight.grad = None
    with pytest.raises(ValueError, match="layer 1 has none"):
        numpy_grads(model)


def test_record_gradients_needs_a_trainable_parameter():
    for model in (nn.Tanh(), linear(W_O).requires_grad_(False)):
        with pytest.raises(ValueError, match=r"^model needs a trainable parameter, got none"):
            record_gradients(model)
