"""The engine against torch in float64: every operation, random graphs, and what surrounds them."""

import gc
import operator
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gdbp import autodiff
from gdbp.autodiff import (
    OPERATIONS,
    Dual,
    Value,
    backward_steps,
    count_operations,
    gradient,
    graph,
)
from gdbp.backprop import Network, init_params, worked_example
from gdbp.calculus import check_gradient

untimed = settings(max_examples=60, deadline=None)
seeds = st.integers(0, 2**32 - 1)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, max_side=3)


def uniform(rng, shape, low=-2.0, high=2.0):
    return np.asarray(rng.uniform(low, high, shape))


def assert_close(found, expected, rtol=1e-12):
    """Compare two arrays, relative to the largest component."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    atol = rtol * np.abs(expected).max() + 1e-15
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def check(rng, ours, theirs, *arrays):
    """Compare a function's result, gradients and tangent in both modes with torch's."""
    values = [Value(array) for array in arrays]
    out = ours(*values)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = theirs(*tensors)
    assert_close(out.data, expected.detach().numpy())
    g = uniform(rng, out.shape)
    out.backward(g)
    expected.backward(torch.tensor(g))
    for value, tensor in zip(values, tensors, strict=True):
        assert_close(value.grad, tensor.grad.numpy())
    tangents = [uniform(rng, array.shape) for array in arrays]
    dual = ours(*(Dual(array, t) for array, t in zip(arrays, tangents, strict=True)))
    assert np.array_equal(dual.data, out.data)
    moved = sum((t * value.grad).sum() for t, value in zip(tangents, values, strict=True))
    size = sum(np.abs(t * value.grad).sum() for t, value in zip(tangents, values, strict=True))
    assert dual.tangent.shape == out.shape
    assert abs((g * dual.tangent).sum() - moved) <= 1e-12 * size + 1e-15


# --- every operation ----------------------------------------------------------------------------

UNARY = {
    "neg": (lambda x: -x, torch.neg, (-2, 2)),
    "exp": (lambda x: x.exp(), torch.exp, (-3, 3)),
    "log": (lambda x: x.log(), torch.log, (0.1, 5)),
    "tanh": (lambda x: x.tanh(), torch.tanh, (-3, 3)),
    "sigmoid": (lambda x: x.sigmoid(), torch.sigmoid, (-40, 40)),
    "relu": (lambda x: x.relu(), torch.relu, (-2, 2)),
    "square": (lambda x: x**2, lambda x: x**2, (-2, 2)),
    "cube": (lambda x: x**3.0, lambda x: x**3.0, (-2, 2)),
    "root": (lambda x: x**0.5, lambda x: x**0.5, (0.1, 3)),
    "inverse": (lambda x: x**-1, lambda x: x**-1, (0.1, 3)),
    "power of 2": (lambda x: 2**x, lambda x: 2**x, (-2, 2)),
    "numbers left": (lambda x: 1 - 2 * (3 + x), lambda x: 1 - 2 * (3 + x), (-2, 2)),
    "numbers right": (lambda x: (x + 1) * 2 - 3, lambda x: (x + 1) * 2 - 3, (-2, 2)),
    "divided": (lambda x: x / 3, lambda x: x / 3, (-2, 2)),
    "divisor": (lambda x: 3 / x, lambda x: 3 / x, (0.2, 2)),
}


@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=15, deadline=None)
@given(shape=shapes, seed=seeds)
def test_functions_of_one_value(name, shape, seed):
    ours, theirs, (low, high) = UNARY[name]
    rng = np.random.default_rng(seed)
    check(rng, ours, theirs, uniform(rng, shape, low, high))


BINARY = {
    "+": (lambda x, y: x + y, lambda x, y: x + y),
    "-": (lambda x, y: x - y, lambda x, y: x - y),
    "*": (lambda x, y: x * y, lambda x, y: x * y),
    "/": (lambda x, y: x / (y + 3), lambda x, y: x / (y + 3)),
    "**": (lambda x, y: (x + 3) ** y, lambda x, y: (x + 3) ** y),
    "maximum": (lambda x, y: x.maximum(y), torch.maximum),
}


@pytest.mark.parametrize("name", BINARY)
@untimed
@given(pair=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), seed=seeds)
def test_functions_of_two_values_with_broadcasting(name, pair, seed):
    rng = np.random.default_rng(seed)
    check(rng, *BINARY[name], *(uniform(rng, shape) for shape in pair.input_shapes))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("left", [True, False])
@settings(max_examples=15, deadline=None)
@given(pair=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), seed=seeds)
def test_a_constant_array_on_either_side(name, left, pair, seed):
    rng = np.random.default_rng(seed)
    x, c = (uniform(rng, shape) for shape in pair.input_shapes)
    ours, theirs = BINARY[name]
    if not left:
        check(rng, lambda v: ours(v, c), lambda v: theirs(v, torch.tensor(c)), x)
    elif name != "maximum":  # a method: the value comes first
        check(rng, lambda v: ours(c, v), lambda v: theirs(torch.tensor(c), v), x)


@untimed
@given(
    pair=hnp.mutually_broadcastable_shapes(
        signature="(m?,n),(n,p?)->(m?,p?)", max_dims=2, max_side=3
    ),
    seed=seeds,
)
def test_matrix_products_of_rows_columns_matrices_and_stacks(pair, seed):
    rng = np.random.default_rng(seed)
    x, y = (uniform(rng, shape) for shape in pair.input_shapes)
    check(rng, lambda x, y: x @ y, lambda x, y: x @ y, x, y)
    check(rng, lambda v: v @ y, lambda v: v @ torch.tensor(y), x)
    check(rng, lambda v: x @ v, lambda v: torch.tensor(x) @ v, y)


REDUCTIONS = {
    "sum": torch.sum,
    "mean": torch.mean,
    "max": torch.amax,
    "logsumexp": torch.logsumexp,
}


@pytest.mark.parametrize("name", REDUCTIONS)
@untimed
@given(data=st.data(), shape=shapes, keepdims=st.booleans(), seed=seeds)
def test_reductions_along_any_axes(name, data, shape, keepdims, seed):
    rng, n = np.random.default_rng(seed), len(shape)
    axis = None
    if n > 0:
        one = st.integers(-n, n - 1)
        some = hnp.valid_tuple_axes(n, min_size=1)
        axis = data.draw(st.none() | one | some)
    dim = tuple(range(n)) if axis is None else axis
    check(
        rng,
        lambda x: getattr(x, name)(axis=axis, keepdims=keepdims),
        lambda x: REDUCTIONS[name](x, dim=dim, keepdim=keepdims),
        uniform(rng, shape),
    )


@pytest.mark.parametrize("name", ["sum", "max", "logsumexp"])  # numpy's mean has no such axis
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_single_number_has_the_axis_0_as_in_numpy_and_torch(name, keepdims):
    rng = np.random.default_rng(0)
    check(
        rng,
        lambda x: getattr(x, name)(0, keepdims=keepdims),
        lambda x: REDUCTIONS[name](x, dim=0, keepdim=keepdims),
        np.asarray(1.5),
    )


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_a_tie_in_max_is_shared_evenly_as_in_torch(axis):
    x = np.array([[1.0, 2.0, 2.0], [2.0, 2.0, 0.0]])
    dim = (0, 1) if axis is None else axis
    rng = np.random.default_rng(0)
    check(rng, lambda x: x.max(axis), lambda x: torch.amax(x, dim=dim), x)


def test_a_tie_in_maximum_gives_half_to_each_as_in_torch():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    check(np.random.default_rng(0), lambda x, y: x.maximum(y), torch.maximum, x, y)
    v = Value(x)
    v.maximum(y).sum().backward()
    assert v.grad.tolist() == [0.5, 0.0, 1.0]


def test_relu_has_the_slope_0_at_its_kink_as_in_torch():
    x = np.array([-1.0, 0.0, 1.0])
    check(np.random.default_rng(0), lambda x: x.relu(), torch.relu, x)


def test_powers_at_zero_as_in_torch():
    rng, x = np.random.default_rng(0), np.array([0.0, 0.0, 0.0, 2.0, 0.0])
    y = np.array([1.0, 2.0, 3.0, 0.0, 1.5])
    check(rng, lambda x, y: x**y, lambda x, y: x**y, x, y)
    for p in (0, 1, 2, 3.0):
        check(rng, lambda x, p=p: x**p, lambda x, p=p: x**p, np.array([0.0, -1.5, 2.0]))
    check(rng, lambda y: 0**y, lambda y: 0**y, np.array([1.0, 2.0]))


@untimed
@given(
    n=st.integers(1, 5),
    n_classes=st.sampled_from([1, 2, 3, 4, 65]),
    scale=st.sampled_from([1, 50]),
    seed=seeds,
)
def test_softmax_cross_entropy(n, n_classes, scale, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    check(
        rng,
        lambda z: z.softmax_cross_entropy(labels),
        lambda z: torch.nn.functional.cross_entropy(z, torch.tensor(labels)),
        scale * uniform(rng, (n, n_classes)),
    )
    check(
        rng,
        lambda z: z.T.softmax_cross_entropy(labels),
        lambda z: torch.nn.functional.cross_entropy(z.T, torch.tensor(labels)),
        scale * uniform(rng, (n_classes, n)),
    )


def test_large_numbers_do_not_overflow_where_the_result_is_finite():
    rng, z = np.random.default_rng(0), np.array([[1000.0, 0.0, -1000.0], [-1e8, 0.0, 1e8]])
    check(rng, lambda z: z.logsumexp(1), lambda z: torch.logsumexp(z, 1), z)
    check(rng, lambda z: z.sigmoid(), torch.sigmoid, z)
    check(
        rng,
        lambda z: z.softmax_cross_entropy([1, 1]),
        lambda z: torch.nn.functional.cross_entropy(z, torch.tensor([1, 1])),
        z,
    )
    assert Value(-1e8).exp().data == 0  # what underflows becomes 0
    assert Value(-720.0).sigmoid().data == np.exp(-720.0)  # where exp(720) would overflow


@untimed
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), seed=seeds)
def test_indexing_adds_up_where_an_index_repeats(data, shape, seed):
    rng = np.random.default_rng(seed)
    whole = st.tuples(*(st.integers(-n, n - 1) for n in shape))
    index = data.draw(
        hnp.basic_indices(shape, allow_newaxis=True)
        | hnp.integer_array_indices(shape)
        | st.integers(-shape[0], shape[0] - 1)
        | whole
    )
    flat = np.array(np.arange(np.prod(shape)).reshape(shape)[index], order="C")
    assume(flat.size > 0)
    check(rng, lambda x: x[index], lambda x: x.reshape(-1)[torch.tensor(flat)], uniform(rng, shape))


def test_repeated_indices_and_masks_by_hand():
    x = Value([1.0, 2.0, 3.0])
    x[[0, 0, 2]].sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 1.0]
    x.zero_grad()
    x[x > 1.5].sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0]


@untimed
@given(data=st.data(), shape=shapes, seed=seeds)
def test_reshape_and_transpose(data, shape, seed):
    rng, x = np.random.default_rng(seed), uniform(np.random.default_rng(seed), shape)
    order = data.draw(st.permutations(range(len(shape))))
    axes = tuple(k - len(shape) if data.draw(st.booleans()) else k for k in order)
    check(rng, lambda x: x.transpose(axes), lambda x: x.permute(tuple(order)), x)
    check(rng, lambda x: x.T, lambda x: x.permute(tuple(reversed(range(len(shape))))), x)
    new = data.draw(st.permutations([*shape, 1]))
    check(rng, lambda x: x.reshape(new), lambda x: x.reshape(new), x)
    check(rng, lambda x: x.reshape(*new), lambda x: x.reshape(new), x)
    check(rng, lambda x: x.T.reshape(-1), lambda x: x.permute(tuple(reversed(range(x.ndim))))
          .reshape(-1), x)  # fmt: skip
    if len(shape) >= 2:
        check(rng, lambda x: x.transpose(*axes), lambda x: x.permute(tuple(order)), x)


# --- random graphs ------------------------------------------------------------------------------


def both(function):
    return function, function


# Kinks are kept away from where equal numbers would meet: there the last bit decides.
STEPS = [
    both(lambda x, y: x + y),
    both(lambda x, y: x - y),
    both(lambda x, y: x * y),
    both(lambda x, y: x / (y * y + 0.5)),
    (lambda x, y: (x.sigmoid() + 0.5) ** y.tanh(), lambda x, y: (x.sigmoid() + 0.5) ** y.tanh()),
    (lambda x, y: x.maximum(y + 0.0123), lambda x, y: torch.maximum(x, y + 0.0123)),
    both(lambda x, y: x.reshape(-1) @ x.reshape(-1) - y),
    both(lambda x, y: x.reshape(1, -1) @ x.reshape(-1, 1) * 0.1 * y),
    both(lambda x, y: y * x.reshape(-1)[0] - x),
    both(lambda x, y: x.tanh().exp() - 2 * y),
    both(lambda x, y: (x * x + 0.5).log() + 1 / (2 + y.tanh())),
    (lambda x, y: (x - 0.0321).relu() * y, lambda x, y: (x - 0.0321).relu() * y),
    both(lambda x, y: -x.sum() * 0.1),
    both(lambda x, y: x.reshape(1, -1).mean(0)[[0, -1, 0]] + 3),
    (lambda x, y: x.reshape(-1, 1).logsumexp((0, 1)), lambda x, y: x.reshape(-1).logsumexp(0)),
    (lambda x, y: x.reshape(1, -1).max(1), lambda x, y: x.reshape(1, -1).amax(1)),
    (lambda x, y: x.T if x.ndim == 2 else x, lambda x, y: x.T if x.ndim == 2 else x),
    (
        lambda x, y: x.reshape(1, -1).softmax_cross_entropy([0]),
        lambda x, y: torch.nn.functional.cross_entropy(x.reshape(1, -1), torch.tensor([0])),
    ),
]


@st.composite
def programs(draw, max_steps=10):
    """Leaves that broadcast, and steps, each on two of the values there are by then."""
    leaves = draw(st.lists(st.sampled_from([(), (3,), (2, 1), (2, 3), (1, 3)]), min_size=1,
                           max_size=4))  # fmt: skip
    n_steps = draw(st.integers(1, max_steps))
    steps = []
    for k in range(n_steps):
        operand = st.integers(0, len(leaves) + k - 1)
        steps.append((draw(st.integers(0, len(STEPS) - 1)), draw(operand), draw(operand)))
    rng = np.random.default_rng(draw(seeds))
    return [uniform(rng, shape) for shape in leaves], steps


def run(program_steps, leaves, which):
    """Run the steps; the loss is the mean of the squares of all values that were made."""
    values = list(leaves)
    for step, i, j in program_steps:
        x, y = values[i], values[j]
        try:
            np.broadcast_shapes(x.shape, y.shape, y.shape[::-1])
        except ValueError:
            y = y.mean()
        made = STEPS[step][which](x, y)
        values.append(made)
    return sum(((value * value).mean() for value in values[1:]), 0.5 * values[0].sum())


def moderate(program):
    """Leave out what grows so large that the comparison would only measure rounding."""
    leaves, steps = program
    with torch.no_grad():
        return float(run(steps, [torch.tensor(leaf) for leaf in leaves], 1)) < 1e3


@settings(max_examples=400, deadline=None)
@given(program=programs(), seed=seeds)
def test_random_graphs_agree_with_torch_in_both_modes(program, seed):
    assume(moderate(program))
    arrays, steps = program
    leaves = [Value(array) for array in arrays]
    loss = run(steps, leaves, 0)
    loss.backward()
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = run(steps, tensors, 1)
    expected.backward()
    assert_close(loss.data, expected.detach().numpy())
    flat = np.concatenate([leaf.grad.ravel() for leaf in leaves])
    assert_close(flat, np.concatenate([tensor.grad.numpy().ravel() for tensor in tensors]))

    rng = np.random.default_rng(seed)
    tangents = [uniform(rng, array.shape) for array in arrays]
    dual = run(steps, [Dual(a, t) for a, t in zip(arrays, tangents, strict=True)], 0)
    along = np.concatenate([t.ravel() for t in tangents])
    assert abs(dual.tangent - along @ flat) <= 1e-12 * (np.abs(along) @ np.abs(flat)) + 1e-15
    assert dual.data == loss.data


@settings(max_examples=40, deadline=None)
@given(program=programs(max_steps=6))
def test_random_graphs_agree_with_central_differences(program):
    assume(moderate(program))
    arrays, steps = program
    leaves = [Value(array) for array in arrays]
    run(steps, leaves, 0).backward()
    report = check_gradient(
        lambda params: float(run(steps, [Value(p) for p in params], 0)),
        [leaf.grad for leaf in leaves],
        arrays,
        tolerance=1e-5,
    )
    assert report.ok, report


@settings(max_examples=20, deadline=None)
@given(program=programs(max_steps=6))
def test_random_graphs_can_be_listed_and_stepped_through(program):
    assume(moderate(program))
    leaves = [Value(array) for array in program[0]]
    loss = run(program[1], leaves, 0)
    nodes = graph(loss)
    assert [node.id for node in nodes] == list(range(len(nodes)))
    assert all(edge.parent < node.id for node in nodes for edge in node.parents)
    steps = backward_steps(loss)
    assert all(leaf.grad is None for leaf in leaves)
    loss.backward()
    for node in graph(loss):
        assert np.array_equal(steps[-1].grads[node.id], node.grad)


# --- the backward pass --------------------------------------------------------------------------


def test_the_worked_example_gives_the_gradients_found_by_hand():
    example = worked_example(w3=0.9, w6=3.0)
    w = [Value(weight, name) for weight, name in zip(example.theta, example.names, strict=True)]
    x1, x2 = example.x
    loss = (example.y - (w[4] * (w[0] * x1 + w[2] * x2) + w[5] * (w[1] * x1 + w[3] * x2))) ** 2
    loss.backward()
    assert_close(loss.data, example.loss(example.theta))
    assert_close(np.array([weight.grad for weight in w]), example.grad(example.theta))

    W_h, W_o = Value(example.W_h), Value(example.W_o)
    ((example.X @ W_h @ W_o - example.Y) ** 2).mean().backward()
    found = example.network.grads(example.params, example.X, example.Y)
    assert_close(W_h.grad, found[0]["W"])
    assert_close(W_o.grad, found[1]["W"])


@pytest.mark.parametrize("loss_name", ["mse", "softmax_cross_entropy"])
def test_a_deep_network_gives_the_gradients_of_backprop(loss_name):
    rng = np.random.default_rng(0)
    network = Network(["tanh", "relu", "sigmoid", "identity"], loss_name)
    params = init_params([5, 4, 6, 3, 2], rng)
    X, y = rng.normal(size=(7, 5)), rng.normal(size=(7, 2))
    labels = rng.integers(2, size=7)
    layers = [{name: Value(array) for name, array in layer.items()} for layer in params]
    a = X
    for layer, activation in zip(layers, ["tanh", "relu", "sigmoid"], strict=False):
        a = getattr(a @ layer["W"] + layer["b"], activation)()
    out = a @ layers[-1]["W"] + layers[-1]["b"]
    loss = ((out - y) ** 2).mean() if loss_name == "mse" else out.softmax_cross_entropy(labels)
    loss.backward()
    found = network.backward(
        params, network.forward(params, X), y if loss_name == "mse" else labels
    )
    assert_close(loss.data, found.loss)
    for layer, grads in zip(layers, found.grads, strict=True):
        for name, value in layer.items():
            assert_close(value.grad, grads[name])


def test_fan_out_adds():
    x = Value(3.0)
    y = x * x + x
    y.backward()
    assert x.grad == 7


def test_gradients_add_up_on_leaves_until_they_are_cleared():
    w = Value([1.0, 2.0])
    (w**2).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]
    (3 * w).sum().backward()  # a fresh forward pass
    assert w.grad.tolist() == [5.0, 7.0]
    w.zero_grad()
    assert w.grad is None
    (w**2).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]


@settings(max_examples=40, deadline=None)
@given(program=programs())
def test_a_second_backward_on_the_same_graph_doubles_exactly(program):
    assume(moderate(program))
    leaves = [Value(array) for array in program[0]]
    loss = run(program[1], leaves, 0)
    loss.backward()
    once = [node.grad.copy() for node in autodiff._topological_order(loss)]
    loss.backward()
    for node, grad in zip(autodiff._topological_order(loss), once, strict=True):
        times = 2 if node._record is None else 1
        assert np.array_equal(node.grad, times * grad)


def test_intermediate_gradients_belong_to_the_last_backward_alone():
    w = Value(2.0)
    a = w * 3
    (a * 5).backward()
    assert (a.grad, w.grad) == (5, 15)
    (a * 7).backward()  # shares a with the pass before
    assert (a.grad, w.grad) == (7, 15 + 21)


def test_a_leaf_owns_its_gradient_and_its_data():
    array = np.ones(2)
    x, y = Value(array), Value(np.ones(2))
    (total := x + y).backward(np.ones(2))
    x.grad *= 0
    x.data *= 5
    assert y.grad.tolist() == total.grad.tolist() == [1.0, 1.0]
    assert array.tolist() == [1.0, 1.0]
    seed = np.ones(2)
    z = Value(np.ones(2))
    z.backward(seed)
    z.grad += 1
    assert seed.tolist() == [1.0, 1.0]


def test_replacing_data_after_the_forward_pass_does_not_change_the_gradient():
    w = Value(3.0)
    loss = w * w
    w.data = w.data - 1
    loss.backward()
    assert w.grad == 6


def test_a_failing_backward_changes_no_gradient():
    x, y = Value([0.0, 4.0]), Value([1.0, 1.0])
    y.sum().backward()
    loss = (x**0.5 * y).sum()
    with pytest.raises(ValueError, match=r"derivative of \*\* needs a finite result, got inf"):
        loss.backward()
    assert x.grad is None
    assert y.grad.tolist() == [1.0, 1.0]
    assert loss.grad is None


def test_a_gradient_that_overflows_as_it_adds_up_changes_no_other():
    x, y = Value(0.0), Value(0.0)
    (y + x * 1e308).backward()
    with pytest.raises(ValueError, match="a sum of derivatives needs a finite result, got inf"):
        (y + x * 1e308).backward()
    assert (x.grad, y.grad) == (1e308, 1)


def test_backward_from_an_array_needs_its_gradient():
    x = Value([[1.0, 2.0]])
    (x * x).backward([[1, 10]])
    assert x.grad.tolist() == [[2.0, 40.0]]
    leaf = Value([[4.0]])
    leaf.backward()  # one number, whatever its shape
    assert leaf.grad.tolist() == [[1.0]]


CHAIN = """
import resource
resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024, 512 * 1024))
from gdbp.autodiff import Dual, Value, graph
x = Value(1.0)
y = x
for _ in range(100_000):
    y = y + 0.5
y.backward()
assert x.grad == 1 and y.data == 50_001
assert len(graph(y)) == 100_001
del y
z = x.reshape(1)
for _ in range(50_000):
    z = (z + z) * 0.5
z.backward()
del x, z
print("done")
"""


def test_a_chain_of_100_000_nodes_on_a_small_stack():
    done = subprocess.run([sys.executable, "-c", CHAIN], capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr


def test_a_dropped_graph_is_freed_at_once():
    w = Value(np.ones(3))
    gc.collect()
    gc.disable()
    try:
        with count_operations() as counter:
            loss = (w * 2).sum()
            del loss
        assert counter._alive == 0  # no cycles: nothing waits for the garbage collector
    finally:
        gc.enable()


def test_a_step_leaves_nothing_to_the_garbage_collector():
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(8, 5)), rng.integers(3, size=8)
    params = [Value(rng.normal(size=shape)) for shape in [(5, 4), (4,), (4, 3), (3,), ()]]

    def step():
        W1, b1, W2, b2, scale = params
        loss = ((X @ W1 + b1).tanh() @ W2 * scale + b2).softmax_cross_entropy(labels)
        loss = loss + 1e-4 * sum((p * p).sum() for p in params)
        loss.backward()
        for p in params:
            p.data = p.data - 0.1 * p.grad
            p.zero_grad()

    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()


PASSED_ON = {
    "as it is": lambda x: x + np.ones((2, 3)),
    "in another shape": lambda x: x.reshape(6),
    "in another order": lambda x: x.T,
    "to many": lambda x: x.sum(),
    "to each row": lambda x: x.sum(0),
    "to nobody": lambda x: x,
}


@pytest.mark.parametrize("name", PASSED_ON)
def test_a_leaf_shares_its_gradient_with_nothing(name):
    x = Value(np.ones((2, 3)))
    y = PASSED_ON[name](x)
    seed = np.ones(y.shape)
    y.backward(seed)
    x.grad += 1
    assert np.array_equal(seed, np.ones(y.shape))
    assert y is x or np.array_equal(y.grad, seed)
    assert np.array_equal(x.grad, np.full((2, 3), 2.0))


@settings(max_examples=100, deadline=None)
@given(program=programs())
def test_single_numbers_are_computed_as_arrays_are(program):
    """Numpy's scalars, which are quick, and the arrays that are used while bytes are counted."""
    assume(moderate(program))

    def gradients():
        leaves = [Value(array) for array in program[0]]
        loss = run(program[1], leaves, 0)
        loss.backward()
        nodes = autodiff._topological_order(loss)
        assert {type(array) for node in nodes for array in (node.data, node.grad)} == {np.ndarray}
        return [loss.data, *(leaf.grad for leaf in leaves)]

    quick = gradients()
    with count_operations():
        plain = gradients()
    for found, expected in zip(quick, plain, strict=True):
        assert_close(found, expected)


# --- what is not finite -------------------------------------------------------------------------

FINITE_X, FINITE_Y = np.array([[1.5, -0.5], [0.25, 2.0]]), np.array([[0.5, 3.0], [1.0, -1.0]])
CALLS = {
    **BINARY,
    **{name: (getattr(Value, name),) for name in ("exp", "tanh", "sigmoid", "relu")},
    "neg": (operator.neg,),
    "log": (lambda x: (x * x).log(),),
    "@": (operator.matmul,),
    **{f"{name} {axis}": (lambda x, name=name, axis=axis: getattr(x, name)(axis),)
       for name in REDUCTIONS for axis in (None, 0)},
    "softmax_cross_entropy": (lambda x: x.softmax_cross_entropy([0, 1]),),
    "reshape": (lambda x: x.reshape(4),),
    "transpose": (lambda x: x.T,),
    "index": (lambda x: x[[0, 1]],),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_so_down_to_every_leaf(name, bad):
    """So the engine may look at the leaves alone."""
    x, y = Value(FINITE_X), Value(FINITE_Y)
    operands = (x, y) if name in {*BINARY, "@"} else (x,)
    out = CALLS[name][0](*operands)
    order = autodiff._topological_order(out)
    for index in np.ndindex(out.shape):
        g = np.zeros(out.shape)
        g[index] = bad
        gradients = {out: g[()]}
        with np.errstate(all="ignore"):
            for node in reversed(order):
                autodiff._pull(node, gradients)
        assert not any(np.isfinite(gradients[leaf]).all() for leaf in operands)


def test_every_operation_passes_on_what_is_not_finite():
    assert {name.split()[0] for name in CALLS} == set(OPERATIONS)


def test_the_operation_is_named_where_infinity_arises():
    x = Value([1.0, 0.0])
    loss = ((x * 2) ** 0.5).tanh().sum()
    for go_back in (loss.backward, lambda: backward_steps(loss)):
        with pytest.raises(ValueError, match=r"^the derivative of \*\* .* inf at index \(1,\)$"):
            go_back()
    y = Value(0.0)
    large = y * 1e308 + y * 1e308
    for go_back in (large.backward, lambda: backward_steps(large)):
        with pytest.raises(ValueError, match=r"^a sum of derivatives needs a finite result"):
            go_back()


@pytest.mark.parametrize(
    ("dtype", "large"), [(np.float16, 6e3), (np.float32, 1e30), (float, 1e250)]
)
def test_numbers_whose_squares_overflow_are_finite(dtype, large):
    x = Value(np.full(4, large, dtype))
    (-x).backward(np.full(4, large))
    assert (-x).dtype == x.grad.dtype == dtype
    assert x.grad.tolist() == [-float(dtype(large))] * 4
    assert (np.full(4, large, dtype) + x * 0).data.tolist() == x.data.tolist()


def test_no_setting_of_numpy_changes_what_is_an_error():
    x = Value([-1e3, 1.0])
    with np.errstate(all="raise"):
        x.exp().sum().backward()  # underflows
        assert x.grad.tolist() == [0.0, np.exp(1.0)]
        assert Dual(-1e3, 1.0).exp().tangent == 0
        backward_steps(x.exp().sum())
        for single in (Value(1e3), Value([1e3])):
            with pytest.raises(ValueError, match=r"exp\(1000.0\) needs a finite result, got inf"):
                single.exp()
        with pytest.raises(FloatingPointError):
            np.exp(np.float64(1e3))


class Later:
    """An index that is computed by the engine, while the engine indexes."""

    def __index__(self):
        return int(float(Value(1.0) * 1))


def test_operations_may_run_inside_each_other_and_in_threads():
    assert float(Value([5.0, 7.0])[Later()]) == 7

    def many(n):
        x = Value(np.full(2000, 0.5))
        y = x
        for _ in range(n):
            y = y.tanh() + x
        y.sum().backward()
        return x.grad[0]

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(many, [50] * 16))) == 1


# --- types, notation ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Value, lambda data: Dual(data, np.ones(np.shape(data)))])
def test_float32_stays_float32_and_integers_become_float64(kind):
    x = kind(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32))
    mask = np.array([True, False])
    functions = [
        *(function for function, _, _ in UNARY.values()),
        lambda x: np.float64(2) * x,
        lambda x: np.array(2.0) + x,
        lambda x: x * mask,
        lambda x: np.array([1, 2]) @ x,
        lambda x: x.maximum(2),
        lambda x: x.sum(0),
        lambda x: x.mean(),
        lambda x: x.max(1),
        lambda x: x.logsumexp(),
        lambda x: x.softmax_cross_entropy([0, 1]),
        lambda x: x[0].T.reshape(2, 1),
    ]
    for function in functions:
        y = function(x)
        assert y.dtype == np.float32
        if isinstance(y, Value):
            y.backward(np.ones(y.shape))
            assert x.grad.dtype == y.grad.dtype == np.float32
            slopes = [edge.derivative for node in graph(y) for edge in node.parents]
            assert {slope.dtype for slope in slopes if slope is not None} <= {np.dtype(np.float32)}
        else:
            assert y.tangent.dtype == np.float32
    assert kind([1, 2]).dtype == kind(True).dtype == np.float64
    assert (x * np.array([1.0, 2.0])).dtype == np.float64
    wide = kind(np.ones(2)) * x
    assert wide.dtype == np.float64
    if isinstance(wide, Value):
        wide.sum().backward()
        assert x.grad.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("number", [2, 0.1, -65504, True, 65505, 1e5, np.float64(0.1), np.int8(3)])
def test_a_plain_number_takes_the_type_of_its_partner(dtype, number):
    x = Value(np.array([0.5, 0.25], dtype))
    expected = x.data * dtype(number) if abs(number) < 65505 or dtype != np.float16 else None
    if expected is None and number == 1e5:
        with pytest.raises(ValueError, match="other needs finite numbers, got inf"):
            x * number
    elif expected is not None:
        for result in (x * number, number * x):
            assert result.dtype == dtype
            assert np.array_equal(result.data, expected)


def test_arrays_and_numbers_of_numpy_leave_the_work_to_the_value():
    x = Value([1.0, 2.0])
    for result in (np.ones(2) + x, np.ones((3, 2)) @ x, np.float64(2) * x, [1, 2] - x, x / [1, 2]):
        assert isinstance(result, Value)
    assert (np.ones((3, 2)) @ x).shape == (3,)
    assert (np.array([5.0, 7.0]) - x).data.tolist() == [4.0, 5.0]
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.exp(x)


@pytest.mark.parametrize("kind", [Value, lambda data: Dual(data, np.zeros(np.shape(data)))])
def test_comparisons_return_booleans(kind):
    x = kind([1.0, 2.0, 3.0])
    assert (x < 2).tolist() == [True, False, False]
    assert (x <= 2).tolist() == [True, True, False]
    assert (x > [1, 1, 3]).tolist() == [False, True, False]
    assert (x >= kind(2.0)).tolist() == [False, True, True]
    assert (x == 2).tolist() == [False, True, False]
    assert (x != np.array([1.0, 0.0, 3.0])).tolist() == [False, True, False]
    assert (x > 2).tolist() == [False, False, True]
    assert (np.array([2.0]) > x).tolist() == [True, False, False]
    assert (kind(np.array([0.1], np.float32)) == 0.1).tolist() == [True]
    assert x in {x}


def test_shape_size_length_iteration_float_and_repr():
    x = Value([[1.0, 2.0]], name="x")
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((1, 2), 2, 2, np.float64, 1)
    a, b = x[0]
    (a * b).backward()
    assert x.grad.tolist() == [[2.0, 1.0]]
    assert float(b) == float(Value([[2.0]])) == 2.0
    assert isinstance(float(b), float)
    assert repr(x) == "Value([[1., 2.]], name='x')"
    assert repr(2 * x) == "Value([[2., 4.]])"
    assert repr(Dual([1.0, 2.0], [0, 1])) == "Dual([1., 2.], [0., 1.])"
    assert repr(Dual(2.0, 1.0) * 3) == "Dual(6., 3.)"


def test_gradient_in_both_modes():
    def f(x):
        return (x[0] * x[1]).tanh().sum() + (x**2).mean()

    x = np.array([[0.1, 0.2, 0.3], [1.0, -2.0, 0.5]])
    reverse, forward = gradient(f, x), gradient(f, x, mode="forward")
    assert_close(forward, reverse)
    assert check_gradient(lambda x: float(f(Value(x))), reverse, x).ok
    assert gradient(lambda x: x * x, 3).item() == gradient(lambda x: x * x, 3, mode="forward") == 6
    unused = Value(2.0)
    assert gradient(lambda x: unused * 1, [1.0, 2.0]).tolist() == [0.0, 0.0]


def test_a_dual_keeps_its_own_arrays():
    data, tangent = np.ones(2), np.ones(2)
    x = Dual(data, tangent)
    data[:], tangent[:] = 5, 5
    assert (x.data.tolist(), x.tangent.tolist()) == ([1.0, 1.0], [1.0, 1.0])


# --- what it costs ------------------------------------------------------------------------------


def cost(function):
    with count_operations() as counter:
        kept = function()
    del kept
    return counter.operations, counter.bytes


def ones(*shape):
    return Value(np.ones(shape))


FORWARD_COSTS = {
    "elementwise: numbers written": (lambda: ones(2, 1) + ones(3), 6, 48),
    "a function": (lambda: ones(4).exp(), 4, 32),
    "reduction: numbers read": (lambda: ones(2, 3).sum(0), 6, 24),
    "cross-entropy": (lambda: ones(2, 3).softmax_cross_entropy([0, 1]), 6, 8),
    "matrices": (lambda: ones(2, 3) @ ones(3, 4), 48, 64),
    "dot product": (lambda: ones(5) @ ones(5), 10, 8),
    "views are free": (lambda: ones(2, 3).T.T.reshape(3, 2)[0], 0, 0),
    "a copy has bytes": (lambda: ones(4)[[0, 1, 1]], 0, 24),
    "float32": (lambda: Value(np.ones(4, np.float32)) * 2, 4, 16),
}


@pytest.mark.parametrize("name", FORWARD_COSTS)
def test_the_cost_of_an_operation(name):
    function, operations, n_bytes = FORWARD_COSTS[name]
    assert cost(function) == (operations, n_bytes)


# beyond the seed's and the leaf's own gradient: operations, bytes
BACKWARD_COSTS = {
    "plus passes on": (lambda x: x + 1, 0, 0),
    "minus multiplies": (lambda x: 1 - x, 6, 48),
    "a known factor": (lambda x: x * np.ones((2, 3)), 6, 48),
    "a known result": (lambda x: x.exp(), 6, 48),
    "a derivative to compute": (lambda x: x.tanh(), 12, 48),
    "fan-out: two products and a sum": (lambda x: x * x, 18, 144),
    "broadcast: a sum": (lambda x: x + np.ones((4, 2, 3)), 24, 48),
    "sum hands out": (lambda x: x.sum(), 0, 0),
    "mean divides": (lambda x: x.mean(1), 2, 16),
    "logsumexp has weights": (lambda x: x.logsumexp(), 12, 48),
    "matrices": (lambda x: x @ np.ones((3, 4)), 48, 48),
    "both matrices": (lambda x: x @ x.T, 2 * 24 + 6, 3 * 48),
    "moving is free": (lambda x: x.reshape(3, 2), 0, 0),
    "an index fills an array": (lambda x: x[0], 0, 48),
}


@pytest.mark.parametrize("name", BACKWARD_COSTS)
def test_the_cost_of_the_way_back(name):
    function, operations, n_bytes = BACKWARD_COSTS[name]
    x = ones(2, 3)
    y = function(x)
    with count_operations() as counter:
        y.backward(np.ones(y.shape))
    own = y.data.nbytes + x.data.nbytes
    assert (counter.operations, counter.bytes) == (operations, n_bytes + own)
    with count_operations() as counter:
        y.backward(np.ones(y.shape))  # adds to the leaf: six additions more
    assert counter.operations == operations + 6


def test_the_cost_of_a_tangent():
    def dual():
        return Dual(np.ones((2, 3)), np.ones((2, 3)))

    assert cost(lambda: dual() * 2) == (6 + 6, 96)
    assert cost(lambda: dual() + 2) == (6, 48)  # the tangent is passed on
    assert cost(lambda: dual() + dual()) == (6 + 6, 96)
    assert cost(lambda: dual().tanh()) == (6 + 12, 96)
    assert cost(lambda: dual().sum()) == (6 + 6, 16)
    assert cost(lambda: dual().mean()) == (6 + 12, 16)
    assert cost(lambda: dual() @ np.ones((3, 4))) == (48 + 48, 128)
    assert cost(lambda: dual().T) == (0, 0)


def test_peak_bytes_are_those_alive_together():
    def chain(x, n):
        for _ in range(n):
            x = x * 2
        return x

    with count_operations() as reverse:
        kept = chain(Value(np.ones(10)), 20)
    assert (reverse.bytes, reverse.peak_bytes) == (20 * 80, 20 * 80)  # the graph holds them
    with count_operations() as forward:
        chain(Dual(np.ones(10), np.ones(10)), 20)
    assert (forward.bytes, forward.peak_bytes) == (20 * 160, 2 * 160)
    del kept
    assert reverse._alive == 0
    with count_operations() as counter:
        for _ in range(3):
            Value(np.ones(10)).sum(keepdims=True) * np.ones(10)
    assert counter.peak_bytes == 88
    with count_operations() as counter:
        view = (ones(4) * 2).T  # keeps what it looks at alive
        assert counter._alive == 32
        del view
        assert counter._alive == 0


def test_counters_nest_and_stop():
    x = ones(3)
    with count_operations() as outer:
        x.exp()
        with count_operations() as inner:
            x.exp()
        with pytest.raises(ValueError, match="log"), count_operations() as failing:
            (x.exp() * 0).log()
    x.exp()
    assert (outer.operations, inner.operations, failing.operations) == (12, 3, 6)
    assert repr(inner) == "Counter(operations=3, bytes=24, peak_bytes=24)"
    assert autodiff._counters == []


def test_reverse_mode_costs_a_small_multiple_whatever_the_number_of_parameters():
    def f(x):
        return ((x * x).tanh() * x).sum()

    def ratio(n, mode):
        point = np.linspace(0.1, 1, n)
        return cost(lambda: gradient(f, point, mode=mode))[0] / cost(lambda: f(Value(point)))[0]

    ratios = {mode: [ratio(n, mode) for n in (2, 8, 32)] for mode in ("reverse", "forward")}
    assert max(ratios["reverse"]) == pytest.approx(min(ratios["reverse"]))
    assert max(ratios["reverse"]) < 5
    assert ratios["forward"][2] == pytest.approx(16 * ratios["forward"][0])


# --- the graph ----------------------------------------------------------------------------------


def small_graph():
    w, b = Value(3.0, name="w"), Value(1.0, name="b")
    y = w * 2 + b
    y.name = "y"
    return w, b, y, y**2


def test_graph_lists_nodes_with_local_derivatives():
    _, _, _, loss = small_graph()
    nodes = graph(loss)
    assert [(node.id, node.op, node.label, node.expression) for node in nodes] == [
        (0, "leaf", "w", "leaf"),
        (1, "*", "v1", "w * 2"),
        (2, "leaf", "b", "leaf"),
        (3, "+", "y", "v1 + b"),
        (4, "**", "v4", "y ** 2"),
    ]
    assert [[(e.parent, float(e.derivative)) for e in node.parents] for node in nodes] == [
        [],
        [(0, 2.0)],
        [],
        [(1, 1.0), (2, 1.0)],
        [(3, 14.0)],
    ]
    assert all(node.grad is None for node in nodes)
    assert str(nodes[3]) == "y = v1 + b: value 7, no gradient yet"
    loss.backward()
    assert [float(node.grad) for node in graph(loss)] == [28.0, 14.0, 14.0, 14.0, 1.0]
    assert str(graph(loss)[0]) == "w leaf: value 3, gradient 28"
    assert [float(node.data) for node in graph(loss)] == [3.0, 6.0, 1.0, 7.0, 49.0]


def test_local_derivatives_of_arrays():
    x = Value([[1.0, 2.0], [3.0, 5.0]])
    slope = graph(x * Value([1.0, 2.0]))[-1].parents[0].derivative
    assert slope.tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert graph(x + Value(1.0))[-1].parents[1].derivative.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert graph(x.mean(axis=1))[-1].parents[0].derivative.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert graph(x.max())[-1].parents[0].derivative.tolist() == [[0.0, 0.0], [0.0, 1.0]]
    weights = graph(x.softmax_cross_entropy([0, 1]))[-1].parents[0].derivative
    assert_close(weights.sum(axis=1), [0.0, 0.0])
    for y in (x.T, x @ x, x[0], x.reshape(4)):
        assert graph(y)[-1].parents[0].derivative is None
    root = graph(Value(0.0) ** 0.5)[-1]  # an infinite slope can be looked at
    assert root.parents[0].derivative == np.inf


EXPRESSIONS = {
    "2 - x": lambda x: 2 - x,
    "-x": lambda x: -x,
    "tanh(x)": lambda x: x.tanh(),
    "maximum(x, 0)": lambda x: x.maximum(-0.0),
    "sum(x)": lambda x: x.sum(),
    "sum(x, axis=0)": lambda x: x.sum(axis=0),
    "max(x, axis=(0, 1))": lambda x: x.max(axis=(0, 1), keepdims=True),
    "x @ 2×1 array": lambda x: x @ np.ones((2, 1)),
    "x[0]": lambda x: x[0],
    "x[-1]": lambda x: x[-1],
    "x[…]": lambda x: x[0, 1],
    "x[… ]": lambda x: x[:1],
    "reshape(x, shape=(2, 3, 1))": lambda x: x.reshape(2, -1, 1).reshape(2, 3, 1),
    "transpose(x)": lambda x: x.T,
    "transpose(x, axes=(1, 0))": lambda x: x.transpose(1, 0),
    "softmax_cross_entropy(x)": lambda x: x.softmax_cross_entropy([0, 1, 0]),
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_read_like_the_code(expression):
    x = Value([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="x")
    found = graph(EXPRESSIONS[expression](x))[-1].expression
    assert found.replace("v1", "x") == expression.replace(" ]", "]")


def test_backward_steps_show_each_state_and_change_nothing():
    w, b, y, loss = small_graph()
    steps = backward_steps(loss)
    assert all(value.grad is None for value in (w, b, y, loss))
    assert [step.node.label for step in steps] == ["v4", "y", "b", "v1", "w"]
    assert [[float(c) for c in step.contributions] for step in steps] == [
        [14.0],
        [14.0, 14.0],
        [],
        [28.0],
        [],
    ]
    assert [{k: float(g) for k, g in step.grads.items()} for step in steps] == [
        {4: 1, 3: 14},
        {4: 1, 3: 14, 1: 14, 2: 14},
        {4: 1, 3: 14, 1: 14, 2: 14},
        {4: 1, 3: 14, 1: 14, 2: 14, 0: 28},
        {4: 1, 3: 14, 1: 14, 2: 14, 0: 28},
    ]
    assert [float(step.node.grad) for step in steps] == [1, 14, 14, 14, 28]
    assert [float(step.node.data) for step in steps] == [49, 7, 1, 6, 3]
    x = Value([1.0, 2.0])
    assert backward_steps(x * 2, [1, 10])[-1].grads[0].tolist() == [2.0, 20.0]


# --- bad input ----------------------------------------------------------------------------------

x22, x3 = Value(np.ones((2, 2))), Value(np.ones(3))
dual = Dual(1.0, 1.0)

BAD = {
    "text": (lambda: Value("a"), TypeError, "data needs real numbers, got dtype"),
    "complex": (lambda: Value(1j), TypeError, "data needs real numbers"),
    "nan": (lambda: Value([1.0, np.nan]), ValueError, r"data needs finite .* at index \(1,\)"),
    "empty": (lambda: Value([]), ValueError, "data needs at least one number"),
    "ragged": (lambda: Value([[1.0], [1.0, 2.0]]), ValueError, "data needs rows of equal length"),
    "nested": (lambda: Value(x3), TypeError, "data needs numbers, got a Value: use its .data"),
    "nested list": (lambda: Value([Value(1.0)]), TypeError, "numpy needs an array, got a Value"),
    "name": (lambda: Value(1.0, name=3), TypeError, "name needs a string, got 3"),
    "dual of a value": (lambda: Dual(x3, x3), TypeError, "data needs numbers, got a Value"),
    "tangent shape": (
        lambda: Dual([1.0, 2.0], 1.0),
        ValueError,
        r"tangent needs the shape of data, \(2,\), got shape \(\)",
    ),
    "tangent text": (lambda: Dual(1.0, "a"), TypeError, "tangent needs real numbers"),
    "mixed": (
        lambda: x3 * dual,
        TypeError,
        "other needs a number, an array or a Value, got a Dual",
    ),
    "mixed other way": (
        lambda: dual + x3,
        TypeError,
        "other needs a number, an array or a Dual, got a Value",
    ),
    "mixed compare": (
        lambda: dual < x3,
        TypeError,
        "other needs a number, an array or a Dual, got a Value",
    ),
    "other text": (lambda: x3 + "a", TypeError, "other needs real numbers, got dtype"),
    "other none": (lambda: x3 == None, TypeError, "other needs real numbers"),  # noqa: E711
    "other nan": (lambda: x3 * np.nan, ValueError, "other needs finite numbers, got nan"),
    "other too large": (
        lambda: Value(np.float32(1)) * 1e300,
        ValueError,
        "other needs finite numbers, got inf",
    ),
    "+ shapes": (
        lambda: x3 + x22,
        ValueError,
        r"\+ needs shapes that broadcast, got shape \(3,\), shape \(2, 2\)",
    ),
    **{
        f"{symbol} shapes": (
            lambda compare=compare: compare(x3, x22),
            ValueError,
            f"{symbol} needs shapes that broadcast, got shape",
        )
        for symbol, compare in {
            "<": operator.lt,
            "<=": operator.le,
            ">": operator.gt,
            ">=": operator.ge,
            "==": operator.eq,
            "!=": operator.ne,
        }.items()
    },
    "@ shapes": (
        lambda: x3 @ x22,
        ValueError,
        r"@ needs inner axes of equal length .*, got shape \(3,\), shape \(2, 2\)",
    ),
    "@ number": (lambda: x3 @ 2, ValueError, r"@ needs inner axes .* got shape \(3,\), shape \(\)"),
    "axis": (
        lambda: x22.sum(axis=2),
        ValueError,
        r"sum needs axes that the operand has, each once, got shape \(2, 2\), axis 2",
    ),
    "axis twice": (lambda: x22.max(axis=(0, 0)), ValueError, r"max needs axes .* axis \(0, 0\)"),
    "axis type": (lambda: x22.mean(axis="a"), TypeError, "mean needs axes .* axis 'a'"),
    "axis float": (lambda: x22.logsumexp(axis=0.5), TypeError, "logsumexp needs axes .* axis 0.5"),
    "reshape": (
        lambda: x22.reshape(3),
        ValueError,
        r"reshape needs a shape of the same size, got shape \(2, 2\), shape 3",
    ),
    "transpose": (lambda: x22.transpose(0, 0), ValueError, r"transpose needs each axis once"),
    "index": (
        lambda: x3[3],
        IndexError,
        r"index needs an index inside the array, got shape \(3,\), index 3",
    ),
    "index type": (lambda: x3["a"], IndexError, "index needs an index inside"),
    "index value": (lambda: x3[x3], (TypeError, IndexError), "index needs an index inside"),
    "index nothing": (lambda: x3[3:], IndexError, "index needs an index inside the array"),
    "logits": (
        lambda: x3.softmax_cross_entropy([0]),
        ValueError,
        r"logits needs 2 axes, got shape \(3,\)",
    ),
    "labels float": (
        lambda: x22.softmax_cross_entropy([0.0, 1.0]),
        TypeError,
        "labels needs integers, got dtype float64",
    ),
    "labels shape": (
        lambda: x22.softmax_cross_entropy([0]),
        ValueError,
        r"labels needs shape \(2,\), a label a row, got shape \(1,\)",
    ),
    "labels high": (
        lambda: x22.softmax_cross_entropy([0, 2]),
        ValueError,
        "labels needs classes from 0 to 1, got 0 to 2",
    ),
    "labels negative": (
        lambda: x22.softmax_cross_entropy([-1, 1]),
        ValueError,
        "labels needs classes from 0 to 1, got -1 to 1",
    ),
    "log of 0": (
        lambda: Value([[1.0, 0.0]]).log(),
        ValueError,
        r"log\(0.0\) needs a finite result, got -inf at index \(0, 1\)",
    ),
    "log of -1": (lambda: Value(-1.0).log(), ValueError, r"log\(-1.0\) needs .*, got nan$"),
    "1 / 0": (
        lambda: 1 / Value([1.0, 0.0]),
        ValueError,
        r"1.0 / 0.0 needs a finite result, got inf at index \(1,\)",
    ),
    "0 / 0": (lambda: Value(0.0) / 0, ValueError, r"0.0 / 0.0 needs a finite result, got nan"),
    "root of -1": (lambda: Value(-1.0) ** 0.5, ValueError, r"-1.0 \*\* 0.5 needs a finite result"),
    "overflow": (lambda: Value(1000.0).exp(), ValueError, r"exp\(1000.0\) needs .* got inf"),
    "overflow in a sum": (
        lambda: Value([1e308, 1e308]).sum(),
        ValueError,
        r"sum\(2 array\) needs a finite result, got inf",
    ),
    "overflow in a product": (
        lambda: Value([[1e200]]) @ [[1e200]],
        ValueError,
        r"1e\+200|@ .* needs a finite result, got inf at index \(0, 0\)",
    ),
    "derivative": (
        lambda: (Value(0.0) ** 0.5).backward(),
        ValueError,
        r"the derivative of \*\* needs a finite result, got inf",
    ),
    "derivative of the exponent": (
        lambda: ((-2.0) ** Value(2.0)).backward(),
        ValueError,
        r"the derivative of \*\* needs a finite result, got nan",
    ),
    "tangent": (lambda: Dual(0.0, 1.0) ** 0.5, ValueError, r"the derivative of \*\* needs"),
    "sum of tangents": (
        lambda: Dual(0.0, 1e308) + Dual(0.0, 1e308),
        ValueError,
        "a sum of derivatives needs a finite result, got inf",
    ),
    "backward": (
        lambda: x22.backward(),
        ValueError,
        r"backward needs a single number, the loss, or a grad of shape \(2, 2\), got shape",
    ),
    "seed shape": (
        lambda: x22.backward([1.0, 1.0]),
        ValueError,
        r"grad needs shape \(2, 2\), got shape \(2,\)",
    ),
    "seed text": (lambda: x3.backward("a"), TypeError, "grad needs real numbers"),
    "seed too large": (
        lambda: Value(np.float32(1)).backward(1e300),
        ValueError,
        "grad needs finite numbers, got inf",
    ),
    "tangent too large": (
        lambda: Dual(np.float32(1), 1e300),
        ValueError,
        "tangent needs finite numbers, got inf",
    ),
    "seed nan": (lambda: x3.backward([1.0, 1.0, np.inf]), ValueError, "grad needs finite numbers"),
    "len": (lambda: len(Value(1.0)), TypeError, "len and iteration need at least one axis"),
    "iteration": (lambda: list(dual), TypeError, "len and iteration need at least one axis"),
    "float": (lambda: float(x3), TypeError, r"float needs a single number, got shape \(3,\)"),
    "array": (
        lambda: np.asarray(x3),
        TypeError,
        "numpy needs an array, got a Value: use its methods, or its .data "
        "where no derivative is wanted$",
    ),
    "dual array": (lambda: np.asarray(dual), TypeError, "numpy needs an array, got a Dual"),
    "f": (lambda: gradient(3, [1.0]), TypeError, "f needs a function"),
    "f returns": (lambda: gradient(lambda x: 2.0, [1.0]), TypeError, "f needs to return a Value"),
    "f returns a value": (
        lambda: gradient(lambda x: Value(2.0), [1.0], mode="forward"),
        TypeError,
        "f needs to return a Dual, got Value",
    ),
    "f returns more": (
        lambda: gradient(lambda x: x, [1.0, 2.0]),
        ValueError,
        r"f needs to return a single number, got shape \(2,\)",
    ),
    "x": (lambda: gradient(lambda x: x, [np.inf]), ValueError, "x needs finite numbers"),
    "mode": (lambda: gradient(lambda x: x, [1.0], mode="both"), ValueError, "mode needs one of"),
    "graph": (lambda: graph(3.0), TypeError, "output needs a Value, got 3.0"),
    "steps": (lambda: backward_steps(dual), TypeError, "output needs a Value, got Dual"),
    "steps of an array": (lambda: backward_steps(x3), ValueError, "backward needs a single number"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match="^" + message):
        call()


def test_the_notation_alone_computes_nothing():
    with pytest.raises(NotImplementedError):
        autodiff._Operators().exp()


def test_every_operation_is_tested_against_torch():
    tested = set(REDUCTIONS) | {"neg", "exp", "log", "tanh", "sigmoid", "relu"} | set(BINARY)
    tested |= {"@", "softmax_cross_entropy", "reshape", "transpose", "index"}
    assert tested == set(OPERATIONS)
