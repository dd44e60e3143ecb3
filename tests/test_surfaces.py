"""A loss over a plane of two parameters: the grid, and the path that has to lie on it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbp import surfaces
from gdbp._trees import ravel
from gdbp.backprop import ACTIVATIONS, Network, init_params, worked_example
from gdbp.descent import minimize
from gdbp.optimizers import sgd
from gdbp.surfaces import METHODS, DataLoss, loss_grid, restrict

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


def test_the_axes_are_copies_that_nobody_can_write_to():
    u, v = np.array([1.0, 2.0, 0.0])[::2], np.array([3.0])
    grid = loss_grid(weighted, THETA, 0, 1, u, v)
    u[:], v[:] = 7.0, 7.0
    assert (grid.u.tolist(), grid.v.tolist()) == ([[1, 0]], [[3, 3]])
    for axis in (grid.u, grid.v):
        with pytest.raises(ValueError, match="read-only"):
            axis[0, 0] = 5.0


# --- the loss of a network over data ---


def random_loss(activations, sizes, *, loss_name="mse", bias=True, n=20, seed=0):
    """Return a loss over random data, with its parameters and the data."""
    rng = np.random.default_rng(seed)
    params = init_params(sizes, rng, bias=bias)
    for layer in params if bias else []:
        layer["b"] += rng.normal(size=layer["b"].shape)
    X = rng.normal(size=(n, sizes[0]))
    y = rng.normal(size=(n, sizes[-1])) if loss_name == "mse" else rng.integers(0, sizes[-1], n)
    return DataLoss(Network(activations, loss_name), params, X, y), params, X, y


def place(loss, layer, row, column):
    """Return the index of a parameter in θ."""
    return loss._places.index((layer, row, column))


@st.composite
def losses(draw):
    """A loss over random data of any small network, with its parameters and the data."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    activation = st.sampled_from(["identity", "identity", *ACTIVATIONS])
    return random_loss(
        [draw(activation) for _ in sizes[1:]],
        sizes,
        loss_name=draw(st.sampled_from(["mse", "softmax_cross_entropy"])),
        bias=draw(st.booleans()),
        n=draw(st.integers(1, 30)),
        seed=draw(st.integers(0, 100)),
    )


@given(losses(), st.integers(0, 100))
def test_a_loss_over_data_is_the_networks_loss_at_each_point(drawn, seed):
    loss, params, X, y = drawn
    rng, unravel = np.random.default_rng(seed), ravel(params)[1]
    thetas = loss.theta + rng.normal(size=(2, 3, loss.theta.size))
    found = loss(thetas)
    assert found.shape == (2, 3)
    for index in np.ndindex(2, 3):
        expected = loss.network.loss(unravel(thetas[index]), X, y)
        # A cross-entropy near 0 is a difference of numbers of size 1.
        assert found[index] == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(losses(), st.integers(0, 100), st.data())
def test_all_forms_of_a_grid_are_equal(drawn, seed, data):
    loss, *_ = drawn
    p, rng = loss.theta.size, np.random.default_rng(seed)
    i = data.draw(st.integers(0, p - 1))
    j = data.draw(st.integers(0, p - 1).filter(lambda j: j != i)) if p > 1 else i
    if i == j:  # one parameter makes no plane
        return
    u, v = rng.normal(size=5), rng.normal(size=3)
    fast = loss._fast_form((loss._places[i], loss._places[j]))
    plain = loss_grid(loss, loss.theta, i, j, u, v, method="points").loss
    # The forms round as the largest term does. Where the loss is small beside it, "auto" leaves
    # the fast one out, and the difference is that of numbers of size 1.
    for method in ("auto", "blocks", *([fast] if fast else [])):
        grid = loss_grid(loss, loss.theta, i, j, u, v, method=method)
        atol = 1e-13 if method == fast else 1e-15
        np.testing.assert_allclose(grid.loss, plain, rtol=1e-12, atol=atol)
        assert (grid.u.tolist(), grid.v.tolist()) == ([u.tolist()] * 3, [[w] * 5 for w in v])


IN_FIRST, IN_LAST = (0, 0, 0), (1, 0, 0)


@pytest.mark.parametrize(
    ("activations", "loss_name", "places", "form"),
    [
        (["identity", "identity"], "mse", [IN_FIRST, IN_LAST], "polynomial"),
        (["tanh", "identity"], "mse", [IN_LAST, (1, None, 0)], "polynomial"),
        (["identity", "identity"], "mse", [(0, None, 1), (1, None, 0)], "polynomial"),
        (["identity", "identity"], "mse", [(1, None, 0), (0, None, 1)], "polynomial"),
        (["tanh", "identity"], "mse", [IN_FIRST, (1, None, 1)], "parabolas"),
        (["tanh", "identity"], "mse", [IN_FIRST, IN_LAST], "parabolas"),
        (["tanh", "identity"], "mse", [IN_LAST, IN_FIRST], "parabolas"),
        (["tanh", "identity"], "mse", [IN_FIRST, (0, 1, 0)], None),
        (["tanh", "tanh"], "mse", [IN_FIRST, IN_LAST], None),
        (["identity", "identity"], "softmax_cross_entropy", [IN_FIRST, IN_LAST], None),
    ],
)
def test_each_form_is_taken_where_it_holds(activations, loss_name, places, form):
    loss, *_ = random_loss(activations, [2, 3, 2], loss_name=loss_name)
    i, j = (place(loss, *where) for where in places)
    u, v = np.linspace(-1, 1, 5), np.linspace(-2, 1, 4)
    plain = loss_grid(loss, loss.theta, i, j, u, v, method="points").loss
    possible = {"auto", "points", "blocks", form} - {None}
    for method in METHODS:
        if method in possible:
            grid = loss_grid(loss, loss.theta, i, j, u, v, method=method)
            np.testing.assert_allclose(grid.loss, plain, rtol=1e-12)
        else:
            with pytest.raises(ValueError, match=f"method='{method}' needs the loss 'mse'"):
                loss_grid(loss, loss.theta, i, j, u, v, method=method)


@pytest.mark.parametrize("c", [0, 1, 2])
@pytest.mark.parametrize("scale", [1.0, 300.0, 3000.0])
def test_the_loss_of_a_classifier_where_one_logit_changes_is_exact_at_any_size(c, scale):
    loss, *_ = random_loss(["tanh", "identity"], [2, 4, 3], loss_name="softmax_cross_entropy")
    i, j = place(loss, *IN_FIRST), place(loss, 1, 2, c)
    u, v = np.linspace(-1, 1, 5), scale * np.linspace(-2, 1, 4)
    plain = loss_grid(loss, loss.theta, i, j, u, v, method="points").loss
    found = loss_grid(loss, loss.theta, i, j, u, v, method="blocks").loss
    np.testing.assert_allclose(found, plain, rtol=1e-12)


@pytest.mark.parametrize("activation", ["identity", "tanh"])
@pytest.mark.parametrize("swap", [False, True])
def test_blocks_of_any_length_make_the_same_grid(monkeypatch, activation, swap):
    loss, *_ = random_loss([activation, "tanh", "identity"], [2, 3, 4, 2])
    i, j = place(loss, 0, 1, 2), place(loss, 2, 3, 1)
    u, v = np.linspace(-1, 1, 7), np.linspace(-2, 1, 5)
    arguments = (j, i, v, u) if swap else (i, j, u, v)
    whole = {
        method: loss_grid(loss, loss.theta, *arguments, method=method).loss
        for method in ("points", "blocks", "parabolas")
    }
    monkeypatch.setattr(surfaces, "_BLOCK", 3 * 20 * 4)
    for method, expected in whole.items():
        found = loss_grid(loss, loss.theta, *arguments, method=method).loss
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_grid_of_a_linear_network_does_not_look_at_the_samples_again():
    loss, *_ = random_loss(["identity", "identity"], [2, 3, 2], n=1000)
    assert len(loss._X) == 2 + 1 + 2


@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_a_loss_near_zero_is_not_lost_in_the_rounding_of_large_terms(activation):
    loss, params, X, _ = random_loss([activation, "identity"], [2, 3, 1])
    y = loss.network.forward(params, X).output + 1e-6
    loss = DataLoss(loss.network, params, X, y)
    i, j = place(loss, 0, 0, 0), place(loss, 1, 0, 0)
    u, v = loss.theta[i] + np.linspace(0, 1, 3), loss.theta[j] + np.linspace(0, 1, 4)
    grid = loss_grid(loss, loss.theta, i, j, u, v).loss
    assert grid[0, 0] == pytest.approx(1e-12, rel=1e-8)
    plain = loss_grid(loss, loss.theta, i, j, u, v, method="points").loss
    np.testing.assert_allclose(grid, plain, rtol=1e-8)  # 1e-16 of ŷ is 1e-10 of ŷ − y
    fast = loss_grid(
        loss, loss.theta, i, j, u, v, method={"identity": "polynomial"}.get(activation, "parabolas")
    )
    assert abs(fast.loss - plain).max() < 1e-14  # where a picture does not mind


def test_descent_on_a_plane_of_a_loss_over_data_lies_on_its_grid():
    loss, *_ = random_loss(["tanh", "identity"], [2, 3, 1])
    i, j = place(loss, 0, 0, 0), place(loss, 1, 0, 0)
    plane = restrict(loss, loss.theta, i, j)
    run = minimize(plane, loss.theta[[i, j]], sgd(lr=0.1), n_steps=5)
    grid = loss_grid(loss, loss.theta, i, j, *run.params.T)
    np.testing.assert_allclose(np.diag(grid.loss), run.loss, rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_loss_that_overflows_is_refused(method):
    activation = "tanh" if method == "parabolas" else "identity"
    loss, *_ = random_loss([activation, "identity"], [2, 3, 1])
    i, j = place(loss, 0, 0, 0), place(loss, 1, 0, 0)
    with pytest.raises(ValueError, match=r"the loss needs finite numbers, got (inf|nan) at index"):
        loss_grid(loss, loss.theta, i, j, [0.0, 1e200], [0.0, 1e200], method=method)


@pytest.mark.parametrize("method", METHODS)
def test_the_parameters_of_a_loss_over_data_are_not_changed(method):
    activation = "tanh" if method == "parabolas" else "identity"
    loss, params, *_ = random_loss([activation, "identity"], [2, 3, 1])
    theta, i, j = loss.theta.copy(), place(loss, 0, 0, 0), place(loss, 1, 0, 0)
    loss_grid(loss, theta, i, j, [5.0], [6.0], method=method)
    assert (theta == loss.theta).all()
    assert (theta == ravel(params)[0]).all()


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"params": [1.0]}, ValueError, r"params needs shape \(12,\), got shape \(1,\)"),
        ({"params": [np.nan] * 12}, ValueError, r"params needs finite numbers, got nan"),
        ({"i": 12}, ValueError, "i needs an integer >= 0 and <= 11, got 12"),
        ({"j": 0}, ValueError, "j needs another index than i, got 0 for both"),
        ({"j": 1.0}, TypeError, "j needs an integer, got 1.0"),
        ({"u": [np.inf]}, ValueError, r"u needs finite numbers, got inf at index \(0,\)"),
        ({"v": [[1.0]]}, ValueError, r"v needs 1 axis, got shape \(1, 1\)"),
        ({"method": "fast"}, ValueError, "method needs one of 'auto', .*, got 'fast'"),
        ({"loss_fn": weighted, "method": "blocks"}, ValueError, "method needs 'auto' or 'points'"),
    ],
)
def test_a_grid_of_a_loss_over_data_says_what_is_wrong(changes, error, match):
    loss, *_ = random_loss(["tanh"], [3, 3])
    good = {"loss_fn": loss, "params": loss.theta, "i": 0, "j": 1, "u": [0.0], "v": [0.0]}
    with pytest.raises(error, match=match):
        loss_grid(**{**good, **changes})


def test_a_loss_over_data_says_what_is_wrong():
    loss, params, X, y = random_loss(["tanh", "identity"], [2, 3, 1])
    with pytest.raises(ValueError, match=r"theta needs a last axis of 13, got shape \(2,\)"):
        loss([1.0, 2.0])
    with pytest.raises(ValueError, match="X needs 2 columns"):
        DataLoss(loss.network, params, y, y)
    with pytest.raises(ValueError, match="y_hat needs the shape of y"):
        DataLoss(loss.network, params, X, X)
    with pytest.raises(ValueError, match="params needs 2 layers"):
        DataLoss(loss.network, params[:1], X, y)


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
