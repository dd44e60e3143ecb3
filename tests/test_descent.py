"""The training loops against closed forms, torch.optim and their own records."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from long_run import X, Y, long_fit, mse_loss

from gdbp._trees import tree_leaves, tree_map
from gdbp.backprop import Network, init_params
from gdbp.descent import batches, fit, minimize
from gdbp.losses import mse, mse_grad
from gdbp.optimizers import adam, sgd

TREES = {
    "number": np.array(3.0),
    "array": np.array([[1.0, -2.0, 3.0]]),
    "dict": {"W": np.array([[1.0], [-2.0]]), "b": np.array([0.5])},
    "list": [np.array([1.0, -2.0]), np.array(3.0)],
    "network": init_params([2, 3, 1], np.random.default_rng(0)),
}


def leaves(tree):
    return [np.asarray(leaf) for _, leaf in tree_leaves(tree, "")]


def half_square(params):
    """A loss of any tree; its gradient is the tree itself."""
    return 0.5 * sum((leaf**2).sum() for leaf in leaves(params))


def identity(params):
    return params


def record(run, k):
    """Return the parameters of record k."""
    return tree_map(lambda leaf: leaf[k], run.params)


def rng(seed=0):
    return np.random.default_rng(seed)


# --- minimize ---


@pytest.mark.parametrize(("grad_fn", "rtol"), [(identity, 1e-12), (None, 1e-8)])
@pytest.mark.parametrize("params", TREES.values(), ids=TREES)
def test_minimize_follows_the_closed_form_for_any_tree(params, grad_fn, rtol):
    run = minimize(half_square, params, sgd(lr=0.1), grad_fn=grad_fn, n_steps=5)
    for found, start in zip(leaves(run.params), leaves(params), strict=True):
        factors = (0.9 ** np.arange(6)).reshape(-1, *[1] * start.ndim)
        np.testing.assert_allclose(found, factors * start, rtol=rtol, atol=1e-12)
    assert run.loss.tolist() == [half_square(record(run, k)) for k in range(6)]
    assert run.step.tolist() == [0, 1, 2, 3, 4, 5]
    assert (run.diverged, run.message) == (False, "took 5 steps")


@given(
    eigenvalues=st.lists(st.floats(0.1, 10), min_size=1, max_size=4),
    lr=st.floats(1e-3, 0.19),
    seed=st.integers(0, 2**32 - 1),
)
def test_minimize_shrinks_each_eigendirection_of_a_quadratic_by_its_own_factor(
    eigenvalues, lr, seed
):
    n = len(eigenvalues)
    Q, _ = np.linalg.qr(rng(seed).normal(size=(n, n)))
    A, start = Q * eigenvalues @ Q.T, rng(seed).normal(size=n)
    run = minimize(lambda x: 0.5 * x @ A @ x, start, sgd(lr=lr), grad_fn=lambda x: A @ x, n_steps=8)
    factors = (1 - lr * np.array(eigenvalues)) ** np.arange(9)[:, None]
    np.testing.assert_allclose(run.params, (factors * (Q.T @ start)) @ Q.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("factor", "smaller"), [(0.99, True), (1.01, False)])
def test_the_learning_rate_has_its_limit_at_two_over_the_largest_curvature(factor, smaller):
    curvature = np.array([1.0, 10.0])
    run = minimize(
        lambda x: 0.5 * (curvature * x**2).sum(),
        [1.0, 1.0],
        sgd(lr=factor * 2 / curvature.max()),
        grad_fn=lambda x: curvature * x,
        n_steps=400,
    )
    assert abs(run.last[1]) == pytest.approx(abs(1 - 2 * factor) ** 400, rel=1e-9)
    assert (run.loss[-1] < run.loss[0]) == smaller


def test_last_is_the_last_record_and_str_tells_how_the_run_ended():
    run = minimize(half_square, TREES["dict"], sgd(lr=0.5), grad_fn=identity, n_steps=1)
    assert {key: leaf.tolist() for key, leaf in run.last.items()} == {
        "W": [[0.5], [-1.0]],
        "b": [0.25],
    }
    assert str(run) == "took 1 steps; loss 2.625 -> 0.65625"


def test_minimize_does_not_change_the_callers_arrays_nor_share_them():
    params = {"x": np.array([1.0, 2.0])}
    run = minimize(half_square, params, sgd(lr=0.5), grad_fn=identity, n_steps=3)
    assert params["x"].tolist() == [1.0, 2.0]
    params["x"][:] = 0
    assert run.params["x"][0].tolist() == [1.0, 2.0]


def test_integers_become_float64_and_float32_stays():
    run = minimize(half_square, [1, 2], sgd(lr=0.25), grad_fn=identity, n_steps=1)
    assert run.last.tolist() == [0.75, 1.5]
    for grad_fn in (identity, None):
        start = np.array([1, 2], np.float32)
        run = minimize(half_square, start, sgd(lr=0.25), grad_fn=grad_fn, n_steps=2)
        assert run.params.dtype == np.float32
        np.testing.assert_allclose(run.last, [0.5625, 1.125], rtol=1e-3)


def test_a_gradient_may_be_a_list_of_numbers():
    run = minimize(half_square, [1.0, 2.0], sgd(lr=0.5), grad_fn=lambda x: [2, 4], n_steps=1)
    assert run.last.tolist() == [0.0, 0.0]


# --- divergence ---


def steep(x):
    return (x**4).sum()


def mse_of_a_line(x):
    """A loss that raises on infinity instead of returning it."""
    return mse([1.0, 2.0], x[0] * np.array([10.0, 20.0]))


DIVERGING = {
    "loss": (steep, lambda x: 4 * x**3),
    "loss by differences": (steep, None),
    "loss of infinities": (lambda x: steep(x) - steep(x) / 2, lambda x: 2 * x**3),
    "loss that raises": (mse_of_a_line, lambda x: [2 * np.mean((10 * x - 1) * 10)]),
    "loss that raises by differences": (mse_of_a_line, None),
    "gradient": (lambda x: 0.0, lambda x: x * np.inf),
    "parameters": (lambda x: 0.0, lambda x: [1e308]),
}


@pytest.mark.parametrize(("loss_fn", "grad_fn"), DIVERGING.values(), ids=DIVERGING)
def test_a_run_that_diverges_keeps_what_was_finite_and_says_where_it_ended(loss_fn, grad_fn):
    run = minimize(loss_fn, [3.0], sgd(lr=1.0), grad_fn=grad_fn, n_steps=1000)
    assert run.diverged
    ended, reason = re.fullmatch(r"diverged at step (\d+) of 1000: (.*)", run.message).groups()
    assert len(run.loss) == len(run.params) == len(run.step) == int(ended)
    assert re.match(r"\w+ needs (to return a )?finite number", reason)
    assert np.isfinite(run.params).all()
    assert np.isfinite(run.loss).all()
    with np.errstate(over="ignore"):
        assert run.loss.tolist() == [loss_fn(x) for x in run.params]
    assert str(run).startswith(run.message)


def test_divergence_of_the_parameters_names_them():
    loss_fn, grad_fn = DIVERGING["parameters"]
    run = minimize(loss_fn, [3.0], sgd(lr=1.0), grad_fn=grad_fn, n_steps=9)
    assert run.message == (
        "diverged at step 2 of 9: params needs finite numbers, got -inf at index (0,)"
    )


def test_divergence_inside_the_differences_names_the_loss():
    run = minimize(lambda x: np.where(x > 1, np.inf, x)[0], [1.0], sgd(lr=0.1), n_steps=3)
    assert run.message == (
        "diverged at step 1 of 3: loss_fn needs to return a finite number, got inf"
    )
    assert run.params.tolist() == [[1.0]]


def test_a_mini_batch_run_that_diverges_between_records_keeps_the_last_record():
    X, y = np.arange(1.0, 7.0)[:, None], np.ones(6)
    run = fit(
        lambda w, X, y: mse(y, X @ w),
        [0.0],
        X,
        y,
        sgd(lr=1e60),
        grad_fn=lambda w, X, y: X.T @ mse_grad(y, X @ w),
        batch_size=1,
        n_epochs=5,
        record_every=4,
        rng=rng(),
    )
    assert (run.diverged, run.step.tolist()) == (True, [0])
    assert re.match(r"diverged at step [1-4] of 30", run.message)


def test_other_errors_of_a_function_are_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        minimize(half_square, [1.0], sgd(lr=0.1), grad_fn=lambda x: 1 / 0, n_steps=1)


# --- batches ---


@given(st.data(), st.integers(1, 40))
def test_batches_hold_each_sample_once(data, n):
    batch_size = data.draw(st.integers(1, n))
    parts = batches(n, batch_size, rng())
    sizes = [len(part) for part in parts]
    assert sorted(np.concatenate(parts)) == list(range(n))
    assert sizes[:-1] == [batch_size] * (len(parts) - 1)
    assert 1 <= sizes[-1] <= batch_size


def test_batches_are_shuffled_by_the_generator():
    first, second = (np.concatenate(batches(50, 7, rng(seed))) for seed in (0, 1))
    assert (first != second).any()
    assert (first == np.concatenate(batches(50, 7, rng(0)))).all()


# --- fit ---


def line_loss(w, X, y):
    return np.mean((X @ w - y) ** 2)


def line_grad(w, X, y):
    return 2 / len(y) * X.T @ (X @ w - y)


def line_data(n=7):
    X = rng(42).normal(size=(n, 3))
    return X, X @ [1.0, -2.0, 0.5] + rng(43).normal(size=n)


def fit_line(**changes):
    X, y = line_data()
    arguments = {"grad_fn": line_grad, "n_epochs": 3, "rng": rng(), **changes}
    return fit(line_loss, np.zeros(3), X, y, sgd(lr=0.05), **arguments)


@pytest.mark.parametrize("grad_fn", [line_grad, None])
def test_batch_descent_is_minimize_on_the_full_loss(grad_fn):
    X, y = line_data()
    run = fit_line(grad_fn=grad_fn)
    expected = minimize(
        lambda w: line_loss(w, X, y),
        np.zeros(3),
        sgd(lr=0.05),
        grad_fn=lambda w: line_grad(w, X, y),
        n_steps=3,
    )
    rtol = 1e-12 if grad_fn else 1e-8
    np.testing.assert_allclose(run.params, expected.params, rtol=rtol)
    np.testing.assert_allclose(run.loss, expected.loss, rtol=rtol)


@pytest.mark.parametrize(("batch_size", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (None, [7])])
def test_every_epoch_sees_each_sample_once_with_its_target(batch_size, sizes):
    seen = []

    def grad_fn(w, X, y):
        assert X.tolist() == [[2.0 * k] for k in y]
        seen.append(y.tolist())
        return np.zeros(1)

    ids = np.arange(7)
    fit(
        lambda w, X, y: 0.0,
        [0.0],
        2 * ids[:, None],
        ids,
        sgd(lr=0.1),
        grad_fn=grad_fn,
        batch_size=batch_size,
        n_epochs=4,
        rng=rng(),
    )
    assert [len(batch) for batch in seen] == sizes * 4
    epochs = np.concatenate(seen).reshape(4, 7)
    assert (np.sort(epochs) == ids).all()
    assert len({tuple(epoch) for epoch in epochs}) == 4  # each in its own order


def test_the_losses_are_over_all_samples_at_the_recorded_parameters():
    X, y = line_data()
    run = fit_line(batch_size=2, record_every=1)
    assert run.loss.tolist() == [line_loss(w, X, y) for w in run.params]
    assert len(run.loss) == 1 + 3 * 4


@pytest.mark.parametrize(
    ("record_every", "steps"),
    [
        (None, [0, 3, 6, 9, 12]),
        (1, list(range(13))),
        (4, [0, 4, 8, 12]),
        (5, [0, 5, 10, 12]),
        (100, [0, 12]),
    ],
)
def test_record_every_and_the_last_record(record_every, steps):
    every_step = fit_line(batch_size=3, n_epochs=4, record_every=1)
    run = fit_line(batch_size=3, n_epochs=4, record_every=record_every)
    assert run.step.tolist() == steps
    np.testing.assert_array_equal(run.params, every_step.params[steps])
    assert run.message == "took 12 steps"


def test_the_generator_determines_the_run():
    first, again, other = (fit_line(batch_size=2, rng=rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.params, again.params)
    assert (first.params[1] != other.params[1]).all()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_fit_takes_the_steps_of_torch_on_the_same_batches(batch_size, momentum):
    X, y = line_data()
    run = fit(
        line_loss,
        np.zeros(3),
        X,
        y,
        sgd(lr=0.05, momentum=momentum),
        grad_fn=line_grad,
        batch_size=batch_size,
        n_epochs=4,
        rng=rng(5),
        record_every=1,
    )
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05, momentum=momentum)
    expected, shuffles = [w.detach().clone()], rng(5)
    for batch in (b for _ in range(4) for b in batches(7, batch_size, shuffles)):
        optimizer.zero_grad()
        prediction = torch.tensor(X[batch]) @ w
        torch.nn.functional.mse_loss(prediction, torch.tensor(y[batch])).backward()
        optimizer.step()
        expected.append(w.detach().clone())
    np.testing.assert_allclose(run.params, torch.stack(expected), rtol=1e-12, atol=1e-14)


def test_a_target_may_have_several_numbers():
    X, y = line_data()
    W, targets = np.zeros((3, 2)), np.column_stack([y, -y])
    run = fit(line_loss, W, X, targets, sgd(lr=0.05), grad_fn=line_grad, n_epochs=3, rng=rng())
    w = fit_line().last
    np.testing.assert_allclose(run.last, np.column_stack([w, -w]), rtol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "kept"), [(np.int64, np.int64), (np.uint8, np.uint8), (bool, np.float64)]
)
def test_integer_labels_stay_integers_and_integer_inputs_do_not(dtype, kept):
    types = set()

    def loss_fn(w, X, y):
        types.add((X.dtype, y.dtype))
        return w @ w

    labels = np.array([0, 1], dtype)
    fit(loss_fn, [1.0], [[1], [2]], labels, sgd(lr=0.1), batch_size=1, n_epochs=1, rng=rng())
    assert types == {(np.dtype(np.float64), np.dtype(kept))}


def test_fit_trains_a_classifier_on_integer_labels():
    X, labels = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    network = Network(["identity"], "softmax_cross_entropy")
    run = fit(
        network.loss,
        init_params([1, 2], rng()),
        X,
        labels,
        sgd(lr=1.0),
        grad_fn=network.grads,
        batch_size=2,
        n_epochs=50,
        rng=rng(),
    )
    assert network.forward(run.last, X).output.argmax(axis=1).tolist() == labels


def test_fit_does_not_change_the_callers_arrays():
    X, y, w = *line_data(), np.zeros(3)
    for array in (X, y, w):
        array.flags.writeable = False  # so that writing raises
    fit(line_loss, w, X, y, sgd(lr=0.1), batch_size=2, n_epochs=2, rng=rng())


# --- the progress bar ---


@pytest.mark.parametrize(
    "run",
    [
        lambda **progress: minimize(half_square, [1.0], sgd(lr=0.1), n_steps=9, **progress),
        lambda **progress: fit_line(batch_size=3, **progress),
    ],
    ids=["minimize", "fit"],
)
def test_the_progress_bar_is_off_unless_asked_for(run, capsys):
    run()
    assert capsys.readouterr() == ("", "")
    run(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "9/9" in err


# --- bad input ---

COMMON_ERRORS = [
    ({"loss_fn": 3}, TypeError, "loss_fn needs a function, got 3"),
    ({"grad_fn": 3}, TypeError, "grad_fn needs a function, got 3"),
    ({"params": []}, ValueError, r"params needs at least one number, got shape \(0,\)"),
    ({"params": {}}, ValueError, r"params needs at least one array, got \{\}"),
    ({"params": [1.0, np.nan]}, ValueError, r"params needs finite numbers, got nan at .*\(1,\)"),
    ({"params": {"w": np.inf}}, ValueError, r"params\['w'\] needs finite numbers, got inf"),
    ({"params": "start"}, TypeError, "params needs real numbers, got dtype <U5"),
    ({"optimizer": "sgd"}, TypeError, r"optimizer needs an Optimizer, such as .*, got 'sgd'"),
    ({"optimizer": sgd}, TypeError, "optimizer needs an Optimizer, .*got <function sgd"),
]


def returns(value):
    return lambda *_: value


FUNCTION_ERRORS = [
    ({"loss_fn": returns(None)}, TypeError, "loss_fn needs to return a number, got None"),
    ({"loss_fn": returns(1j)}, TypeError, "loss_fn needs to return a real number, got 1j"),
    ({"loss_fn": returns([1, 2])}, ValueError, r"loss_fn .* a scalar, got shape \(2,\)"),
    ({"loss_fn": returns([1.0])}, ValueError, r"loss_fn .* a scalar, got shape \(1,\)"),
    ({"loss_fn": returns(np.nan)}, ValueError, "loss_fn .* a finite number, got nan"),
    ({"grad_fn": returns(None)}, TypeError, "grads needs real numbers, got dtype object"),
    ({"grad_fn": returns([1j])}, TypeError, "grads needs real numbers, got dtype complex128"),
    (
        {"grad_fn": returns(np.ones((1, 1)))},
        ValueError,
        r"grads needs the shape of params, \(1,\), got shape \(1, 1\)",
    ),
    (
        {"grad_fn": returns({"w": [1.0]})},
        ValueError,
        "grads needs an array at grads, as params has",
    ),
    (
        {"params": {"w": [1.0]}, "loss_fn": returns(0.0), "grad_fn": returns({"b": [1.0]})},
        ValueError,
        r"grads needs an array at grads\['w'\], as params has",
    ),
]


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        *COMMON_ERRORS,
        *FUNCTION_ERRORS,
        ({"n_steps": 0}, ValueError, "n_steps needs an integer >= 1, got 0"),
        ({"n_steps": 2.0}, TypeError, "n_steps needs an integer, got 2.0"),
        ({"n_steps": True}, TypeError, "n_steps needs an integer, got True"),
    ],
)
def test_minimize_says_what_is_wrong(changes, error, match):
    good = {"loss_fn": half_square, "params": [1.0], "optimizer": sgd(lr=0.1), "n_steps": 1}
    with pytest.raises(error, match="^" + match):
        minimize(**{**good, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        *COMMON_ERRORS,
        *FUNCTION_ERRORS,
        ({"X": 1.0}, ValueError, "X needs a row for each sample, got a single number"),
        ({"X": np.ones((0, 1))}, ValueError, r"X needs at least one number, got shape \(0, 1\)"),
        ({"X": [[1], [np.nan], [1]]}, ValueError, r"X needs finite .*nan at index \(1, 0\)"),
        ({"X": [[1], [2, 3], [1]]}, ValueError, "X needs rows of equal length, got a ragged"),
        ({"X": [["a"]] * 3}, TypeError, "X needs real numbers, got dtype <U1"),
        ({"y": [1.0, 2.0]}, ValueError, r"y needs a row for each row of X, \(3, 1\), .*\(2,\)"),
        ({"y": [1, 2]}, ValueError, r"y needs a row for each row of X, \(3, 1\), .*\(2,\)"),
        ({"y": 1.0}, ValueError, r"y needs a row for each row of X, \(3, 1\), got shape \(\)"),
        ({"y": []}, ValueError, r"y needs at least one number, got shape \(0,\)"),
        ({"y": np.ones((3, 0), int)}, ValueError, r"y needs at least one .*\(3, 0\)"),
        ({"y": [1, 2, np.inf]}, ValueError, r"y needs finite numbers, got inf at index \(2,\)"),
        ({"y": [[1], [2, 3], [1]]}, ValueError, "y needs rows of equal length, got a ragged"),
        ({"y": ["a", "b", "c"]}, TypeError, "y needs real numbers, got dtype <U1"),
        ({"batch_size": 0}, ValueError, "batch_size needs an integer >= 1 and <= 3, got 0"),
        ({"batch_size": 4}, ValueError, "batch_size needs an integer >= 1 and <= 3, got 4"),
        ({"batch_size": 2.0}, TypeError, "batch_size needs an integer, got 2.0"),
        ({"batch_size": True}, TypeError, "batch_size needs an integer, got True"),
        ({"n_epochs": 0}, ValueError, "n_epochs needs an integer >= 1, got 0"),
        ({"n_epochs": "3"}, TypeError, "n_epochs needs an integer, got '3'"),
        ({"record_every": 0}, ValueError, "record_every needs an integer >= 1, got 0"),
        ({"record_every": 1.5}, TypeError, "record_every needs an integer, got 1.5"),
        ({"rng": 0}, TypeError, "rng needs a numpy.random.Generator, .*got 0"),
        ({"rng": None}, TypeError, "rng needs a numpy.random.Generator, .*got None"),
    ],
)
def test_fit_says_what_is_wrong(changes, error, match):
    good = {
        "loss_fn": line_loss,
        "params": [1.0],
        "X": np.ones((3, 1)),
        "y": [1.0, 2.0, 3.0],
        "optimizer": sgd(lr=0.1),
        "n_epochs": 1,
        "rng": rng(),
    }
    with pytest.raises(error, match="^" + match):
        fit(**{**good, **changes})


def test_targets_of_shape_n_against_predictions_of_shape_n_1():
    X = np.ones((3, 1))
    with pytest.raises(ValueError, match=r"y_hat needs the shape of y, \(3,\), got .*\(3, 1\)"):
        fit(
            lambda W, X, y: mse(y, X @ W),
            np.ones((1, 1)),
            X,
            [1.0, 2.0, 3.0],
            sgd(lr=0.1),
            n_epochs=1,
            rng=rng(),
        )


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((0, 1, rng()), ValueError, "n needs an integer >= 1, got 0"),
        ((3.0, 1, rng()), TypeError, "n needs an integer, got 3.0"),
        ((3, 0, rng()), ValueError, "batch_size needs an integer >= 1 and <= 3, got 0"),
        ((3, 4, rng()), ValueError, "batch_size needs an integer >= 1 and <= 3, got 4"),
        ((3, 1, 0), TypeError, "rng needs a numpy.random.Generator, .*got 0"),
    ],
)
def test_batches_say_what_is_wrong(arguments, error, match):
    with pytest.raises(error, match="^" + match):
        batches(*arguments)


# --- long runs ---


def assert_same(found, expected):
    """Are two runs the same, bit for bit, with what their generators draw next?"""
    (run, draw), (expected_run, expected_draw) = found, expected
    for a, b in zip(leaves(run.params), leaves(expected_run.params), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()
    assert run.loss.tobytes() == expected_run.loss.tobytes()
    assert run.step.tolist() == expected_run.step.tolist()
    assert (run.diverged, run.message) == (expected_run.diverged, expected_run.message)
    assert draw == expected_draw


@pytest.mark.parametrize(
    ("keep_every", "kept"), [(1, range(8)), (3, [0, 3, 6, 7]), (7, [0, 7]), (100, [0, 7])]
)
def test_keep_every_bounds_the_records_and_keeps_the_last(keep_every, kept):
    whole = minimize(half_square, [8.0], sgd(0.1), grad_fn=identity, n_steps=7)
    run = minimize(half_square, [8.0], sgd(0.1), grad_fn=identity, n_steps=7, keep_every=keep_every)
    assert run.step.tolist() == list(kept)
    assert run.params.tolist() == whole.params[list(kept)].tolist()
    assert run.loss.tolist() == whole.loss[list(kept)].tolist()


def test_keep_every_counts_records_and_not_steps():
    assert long_fit(record_every=2, keep_every=4, n_epochs=3)[0].step.tolist() == [0, 8, 15]


def test_on_record_sees_every_record_kept_or_not():
    seen = []
    see = lambda k, params, loss: seen.append((k, params["w"].tolist(), loss))  # noqa: E731
    whole, _ = long_fit(record_every=4)
    long_fit(record_every=4, keep_every=100, on_record=see)
    assert seen == [
        (k, whole.params["w"][k].tolist(), loss) for k, loss in enumerate(whole.loss.tolist())
    ]


def test_a_diverged_run_has_its_last_finite_record_whatever_is_kept():
    arguments = (steep, [3.0], sgd(1.0))
    whole = minimize(*arguments, n_steps=1000)
    run = minimize(*arguments, n_steps=1000, keep_every=1000)
    assert run.loss.tolist() == [whole.loss[0], whole.loss[-1]]
    assert run.message == whole.message


class Killed(Exception):
    pass


@pytest.mark.parametrize("optimizer", [sgd(0.05), sgd(0.05, momentum=0.9), adam(0.05)])
def test_a_run_interrupted_anywhere_goes_on_bit_for_bit(optimizer, tmp_path):
    options = {"optimizer": optimizer, "record_every": 3, "keep_every": 2}
    expected = long_fit(**options)
    for last in range(11):  # the number of the record at which the run is interrupted
        file = tmp_path / f"{last}.npz"

        def interrupt(k, params, loss, last=last):
            if k == last:
                raise Killed

        saved = {"checkpoint": file, "checkpoint_every": 4}
        with pytest.raises(Killed):
            long_fit(**options, **saved, on_record=interrupt)
        assert_same(long_fit(**options, **saved), expected)
        assert_same(long_fit(**options, **saved), expected)  # a finished run is read back


def test_minimize_goes_on_bit_for_bit_for_any_tree(tmp_path):
    for name, params in TREES.items():
        arguments = {"grad_fn": identity, "checkpoint": tmp_path / f"{name}.npz"}
        minimize(half_square, params, adam(0.1), n_steps=3, **arguments)
        run = minimize(half_square, params, adam(0.1), n_steps=9, **arguments)
        expected = minimize(half_square, params, adam(0.1), n_steps=9, grad_fn=identity)
        assert_same((run, 0), (expected, 0))


def test_a_longer_run_forgets_the_odd_last_record_of_the_shorter_one(tmp_path):
    options = {"record_every": 4, "keep_every": 2}
    long_fit(**options, n_epochs=1, checkpoint=tmp_path / "run.npz")
    assert_same(long_fit(**options, checkpoint=tmp_path / "run.npz"), long_fit(**options))


KILLED = """
import os, signal, sys, threading
sys.path.insert(0, {tests!r})
from long_run import long_fit
threading.Timer({delay}, os.kill, [os.getpid(), signal.SIGKILL]).start()
long_fit(n_epochs=100_000, checkpoint={file!r}, checkpoint_every=1, keep_every=1000)
"""


def test_kill_9_at_a_random_moment_leaves_a_whole_checkpoint(tmp_path):
    file, part = tmp_path / "run.npz", tmp_path / "run.npz.part"
    steps = [0]
    for delay in rng(8).uniform(0.1, 0.4, size=3):
        code = KILLED.format(tests=str(Path(__file__).parent), delay=delay, file=str(file))
        killed = subprocess.run([sys.executable, "-c", code], timeout=120)
        assert killed.returncode == -signal.SIGKILL
        if file.exists():  # on a slow machine it may not have come that far
            with np.load(file) as arrays:
                steps.append(int(arrays["t"]))
        part.touch()  # as if the process had been killed while it wrote
    assert steps == sorted(steps)
    n_epochs = steps[-1] // 5 + 2
    options = {"n_epochs": n_epochs, "keep_every": 1000}
    assert_same(long_fit(**options, checkpoint=file), long_fit(**options))
    assert not part.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"optimizer": sgd(0.05)}, "optimizer is AdamState, here it is SGDState"),
        ({"optimizer": adam(0.04)}, "optimizer's first steps is"),
        ({"optimizer": adam(0.05, beta1=0.8)}, "optimizer's first steps is"),
        ({"optimizer": adam(0.05, beta2=0.99)}, "optimizer's first steps is"),
        ({"optimizer": adam(0.05, amsgrad=True)}, "optimizer's first steps is"),
        ({"loss_fn": lambda *args: 2 * mse_loss(*args)}, "loss at the start is"),
        ({"batch_size": 6}, "batch_size is 5, here it is 6"),
        ({"record_every": 7}, "record_every is 5, here it is 7"),
        ({"keep_every": 7}, "keep_every is 1, here it is 7"),
        ({"data": (X[::-1], Y[::-1])}, "data (CRC-32) is"),
        ({"data": (X[1:], Y[1:])}, "samples is 23, here it is 22"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(change, told, tmp_path):
    file = tmp_path / "run.npz"
    long_fit(n_epochs=1, checkpoint=file)
    with pytest.raises(ValueError, match=f"is of another run: its {re.escape(told)}"):
        long_fit(n_epochs=1, checkpoint=file, **change)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    arguments = {"grad_fn": identity, "n_steps": 1, "checkpoint": tmp_path / "run.npz"}
    minimize(half_square, {"W": np.ones((2, 3))}, sgd(0.1), **arguments)
    told = re.escape("its params['W'] is float64[2, 3], here it is float64[2, 4]")
    with pytest.raises(ValueError, match=told):
        minimize(half_square, {"W": np.ones((2, 4))}, sgd(0.1), **arguments)


def test_a_checkpoint_from_beyond_the_end_is_refused(tmp_path):
    long_fit(n_epochs=2, checkpoint=tmp_path / "run.npz")
    with pytest.raises(ValueError, match=r"run\.npz' is 10 steps into a run, this one takes 5"):
        long_fit(n_epochs=1, checkpoint=tmp_path / "run.npz")


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"keep_every": 0}, ValueError, "keep_every needs an integer >= 1"),
        ({"on_record": 3}, TypeError, "on_record needs a function"),
        ({"checkpoint_every": 5}, ValueError, "checkpoint_every needs a checkpoint"),
        ({"checkpoint": "x", "checkpoint_every": 0}, ValueError, "checkpoint_every needs an int"),
    ],
)
def test_wrong_options_of_a_long_run_are_named(options, error, told):
    with pytest.raises(error, match=told):
        long_fit(**options)


def test_progress_tells_rate_and_remaining_time_and_is_silent_by_default(tmp_path, capsys):
    long_fit(checkpoint=tmp_path / "run.npz", n_epochs=3)
    assert capsys.readouterr() == ("", "")
    long_fit(checkpoint=tmp_path / "run.npz", n_epochs=6, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    # it starts where the checkpoint is: 15 of 30 steps
    assert re.search(r"50%.*15/30 \[00:00<\?, \?it/s\]", err)
    assert re.search(r"30/30 \[\d\d:\d\d<00:00, .*it/s\]", err)
