"""A loss over a plane of two parameters: the grid, and the path that has to lie on it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbp.backprop import worked_example
from gdbp.descent import minimize
from gdbp.optimizers import sgd
from gdbp.surfaces import loss_grid, restrict

THETA = np.array([1.0, 2.0, 3.0, 4.0])


def weighted(thetas):
    """A loss in which every parameter counts differently."""
    return thetas @ [1.0, 10.0, 100.0, 1000.0]


class Recorder:
    """A loss that remembers what it was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, thetas):
        self.calls.append(thetas)
        return weighted(thetas)


# --- the grid ---


def test_the_grid_holds_u_along_columns_and_v_along_rows():
    grid = loss_grid(weighted, THETA, 1, 3, u=[5.0, 6.0, 7.0], v=[0.0, 1.0])
    assert grid.u.tolist() == [[5, 6, 7], [5, 6, 7]]
    assert grid.v.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert grid.loss.tolist() == [[351, 361, 371], [1351, 1361, 1371]]  # 1 + 10u + 300 + 1000v


@given(st.permutations(range(4)), st.integers(1, 5), st.integers(1, 5))
def test_each_point_of_the_grid_is_the_loss_there(indices, n_u, n_v):
    i, j, *_ = indices
    u, v = np.linspace(-1, 1, n_u), np.linspace(2, 3, n_v)
    grid = loss_grid(weighted, THETA, i, j, u, v)
    assert grid.u.shape == grid.v.shape == grid.loss.shape == (n_v, n_u)
    for row, column in np.ndindex(n_v, n_u):
        theta = THETA.copy()
        theta[i], theta[j] = u[column], v[row]
        assert grid.loss[row, column] == pytest.approx(weighted(theta), rel=1e-12)


def test_the_whole_grid_is_one_call():
    loss_fn = Recorder()
    loss_grid(loss_fn, THETA, 0, 1, np.zeros(30), np.zeros(20))
    assert [thetas.shape for thetas in loss_fn.calls] == [(20, 30, 4)]


def test_the_parameters_are_not_changed_even_by_a_loss_that_writes():
    def writes(thetas):
        losses = thetas.sum(axis=-1)
        thetas[...] = 0.0
        return losses

    params, u, v = THETA.copy(), np.array([5.0, 6.0]), np.array([8.0])
    g = restrict(writes, params, 0, 1)
    assert [g([0.0, 0.0]), g([0.0, 0.0])] == [7.0, 7.0]
    assert loss_grid(writes, params, 0, 1, u, v).loss.tolist() == [[20.0, 21.0]]
    assert (params.tolist(), u.tolist(), v.tolist()) == (THETA.tolist(), [5, 6], [8])


def test_the_plane_stays_where_it_was_when_the_parameters_move_on():
    params = THETA.copy()
    g = restrict(weighted, params, 0, 1)
    before = g([0.0, 0.0])
    params[:] = 0
    assert g([0.0, 0.0]) == before == 4300


def test_integers_are_converted():
    assert restrict(weighted, [1, 2, 3, 4], np.int64(0), 1)([0.5, 0]) == 4300.5


# --- the path ---


@pytest.mark.parametrize("weights", [{}, {"w3": 0.9, "w6": 3.0}])
def test_the_path_lies_on_the_surface(weights):
    example = worked_example(**weights)
    g = restrict(example.loss, example.theta, 0, 4)
    run = minimize(g, example.theta[[0, 4]], sgd(lr=example.lr), n_steps=5)
    u, v = run.params.T
    grid = loss_grid(example.loss, example.theta, 0, 4, u, v)
    np.testing.assert_array_equal(np.diag(grid.loss), run.loss)
    np.testing.assert_array_equal(g(run.params), run.loss)
    assert (np.diff(run.loss) < 0).all()


def test_the_path_starts_along_the_gradient_of_the_worked_example():
    example = worked_example()
    g = restrict(example.loss, example.theta, 0, 4)
    run = minimize(g, example.theta[[0, 4]], sgd(lr=example.lr), n_steps=1)
    np.testing.assert_allclose(run.params[1], [0.979, 0.958], rtol=1e-9)
    np.testing.assert_allclose(run.loss[0], 4.41, rtol=1e-12)


# --- bad input ---


def total(thetas):
    return thetas.sum()


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"loss_fn": 3}, TypeError, "loss_fn needs a function, got 3"),
        (
            {"loss_fn": total},
            ValueError,
            r"loss_fn .* one loss a point, shape \(1, 2\), got .*\(\)",
        ),
        ({"params": 1.0}, ValueError, r"params needs 1 axis, got shape \(\)"),
        ({"params": np.ones((2, 2))}, ValueError, r"params needs 1 axis, got shape \(2, 2\)"),
        ({"params": []}, ValueError, r"params needs at least one number, got shape \(0,\)"),
        (
            {"params": [1.0, np.nan]},
            ValueError,
            r"params needs finite numbers, got nan at .*\(1,\)",
        ),
        ({"params": ["a", "b"]}, TypeError, "params needs real numbers, got dtype <U1"),
        ({"i": 4}, ValueError, "i needs an integer >= 0 and <= 3, got 4"),
        ({"i": -1}, ValueError, "i needs an integer >= 0 and <= 3, got -1"),
        ({"i": 0.0}, TypeError, "i needs an integer, got 0.0"),
        ({"j": 4}, ValueError, "j needs an integer >= 0 and <= 3, got 4"),
        ({"j": True}, TypeError, "j needs an integer, got True"),
        ({"j": 0}, ValueError, "j needs another index than i, got 0 for both"),
        ({"u": 1.0}, ValueError, r"u needs 1 axis, got shape \(\)"),
        ({"u": [np.inf]}, ValueError, r"u needs finite numbers, got inf at index \(0,\)"),
        ({"v": []}, ValueError, r"v needs at least one number, got shape \(0,\)"),
        ({"v": [[1.0]]}, ValueError, r"v needs 1 axis, got shape \(1, 1\)"),
    ],
)
def test_loss_grid_says_what_is_wrong(changes, error, match):
    good = {"loss_fn": weighted, "params": THETA, "i": 0, "j": 1, "u": [0.0, 1.0], "v": [0.0]}
    with pytest.raises(error, match=match):
        loss_grid(**{**good, **changes})


def test_one_parameter_has_no_plane():
    with pytest.raises(ValueError, match="j needs another index than i, got 0 for both"):
        restrict(weighted, [1.0], 0, 0)


@pytest.mark.parametrize(
    ("points", "error", "match"),
    [
        (1.0, ValueError, r"points needs a last axis of 2, got shape \(\)"),
        ([1.0, 2.0, 3.0], ValueError, r"points needs a last axis of 2, got shape \(3,\)"),
        (np.ones((2, 4)), ValueError, r"points needs a last axis of 2, got shape \(2, 4\)"),
        ([1.0, np.inf], ValueError, r"points needs finite numbers, got inf at index \(1,\)"),
    ],
)
def test_a_restricted_loss_says_what_is_wrong(points, error, match):
    with pytest.raises(error, match=match):
        restrict(weighted, THETA, 0, 1)(points)
