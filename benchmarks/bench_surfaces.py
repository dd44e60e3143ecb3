"""Comparisons of loss grids: 100 x 100 points, drawn at once and in the article's double loop."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from side_by_side import Contestants, Goal, comparison
from torch import nn

from gdbp.backprop import Network, Params, init_params, worked_example
from gdbp.surfaces import DataLoss, loss_grid
from gdbp.torch_nets import dense_network

U = V = np.linspace(-1.0, 2.0, 100)
FIRST, LAST = (0, 0, 0), (1, 0, 0)  # the weights W[0, 0] of the first layer and of the second
TORCH_LOSSES = {"mse": nn.MSELoss, "softmax_cross_entropy": nn.CrossEntropyLoss}


def samples(network: Network, params: Params, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs, and targets that the network cannot reach."""
    rng = np.random.default_rng(0)
    d_in, d_out = params[0]["W"].shape[0], params[-1]["W"].shape[1]
    X = rng.normal(size=(n, d_in))
    if network.loss_name == "mse":
        return X, rng.normal(size=(n, d_out))
    return X, rng.integers(0, d_out, n)


def index(params: Params, layer: int, row: int, column: int) -> int:
    """Return where in the vector of all parameters `params[layer]["W"][row, column]` is."""
    before = sum(array.size for arrays in params[:layer] for array in arrays.values())
    return before + row * params[layer]["W"].shape[1] + column


def double_loop(
    network: Network, params: Params, X: np.ndarray, y: np.ndarray, places: tuple
) -> Callable[[], np.ndarray]:
    """Return the article's way: write each point into the model, and run it."""
    modules = dense_network(params, network.activations)
    model = nn.Sequential(*(part for part in modules if not isinstance(part, nn.Identity)))
    layers = [part for part in model if isinstance(part, nn.Linear)]
    inputs, targets = torch.tensor(X), torch.tensor(y)
    criterion = TORCH_LOSSES[network.loss_name]()
    (first, row_u, column_u), (second, row_v, column_v) = places

    def run() -> np.ndarray:
        losses = np.empty((V.size, U.size))
        with torch.no_grad():
            for k, v in enumerate(V):
                for m, u in enumerate(U):
                    layers[first].weight.data[column_u, row_u] = u  # PyTorch's W is transposed
                    layers[second].weight.data[column_v, row_v] = v
                    losses[k, m] = criterion(model(inputs), targets).item()
        return losses

    return run


def grids(
    network: Network, params: Params, places: tuple, methods: dict[str, str], n: int = 100
) -> Contestants:
    """Return the grid by each method, and by the double loop; all find the same numbers."""
    X, y = samples(network, params, n)
    loss = DataLoss(network, params, X, y)
    i, j = (index(params, *place) for place in places)
    contestants: Contestants = {
        name: partial(loss_grid, loss, loss.theta, i, j, U, V, method=method)
        for name, method in methods.items()
    }
    loop = double_loop(network, params, X, y, places)
    expected = loop()
    for ours in contestants.values():
        np.testing.assert_allclose(ours().loss, expected, rtol=1e-12)
    return {**contestants, "torch, double loop": loop}


@comparison(
    "A grid over a linear network",
    goals=[
        Goal("torch, double loop", "gdbp", at_least=15_000),
        Goal("gdbp, 10,000 samples", "gdbp", at_most=10),
    ],
)
def grid_of_a_linear_network() -> Contestants:
    """The worked example's network, w1 and w5, over 100 samples."""
    example = worked_example()
    prepared = grids(
        example.network, example.params, (FIRST, LAST), {"gdbp": "auto", "gdbp, blocks": "blocks"}
    )
    many = DataLoss(
        example.network, example.params, *samples(example.network, example.params, 10_000)
    )
    theta = example.theta
    prepared["gdbp, 10,000 samples"] = partial(loss_grid, many, theta, 0, 4, U, V)
    return prepared


@comparison(
    "A grid over two weights of a tanh network's last layer",
    goals=[Goal("torch, double loop", "gdbp", at_least=500)],
)
def grid_of_the_last_layer() -> Contestants:
    """A network of 2, 8 and 1 units, whose predictions are linear in what varies."""
    params = init_params([2, 8, 1], np.random.default_rng(1))
    return grids(Network(["tanh", "identity"]), params, (LAST, (1, 1, 0)), {"gdbp": "auto"})


@comparison(
    "A grid over a tanh network",
    goals=[Goal("torch, double loop", "gdbp", at_least=100)],
)
def grid_of_a_tanh_network() -> Contestants:
    """A network of 2, 8 and 1 units, one weight of each layer."""
    params = init_params([2, 8, 1], np.random.default_rng(1))
    methods = {"gdbp": "auto", "gdbp, blocks": "blocks"}
    return grids(Network(["tanh", "identity"]), params, (FIRST, LAST), methods)


@comparison(
    "A grid over two weights of a tanh network's first layer",
    goals=[Goal("torch, double loop", "gdbp", at_least=100)],
)
def grid_of_the_first_layer() -> Contestants:
    """A network of 2, 8 and 1 units; an activation has to be computed at each point."""
    params = init_params([2, 8, 1], np.random.default_rng(1))
    return grids(Network(["tanh", "identity"]), params, (FIRST, (0, 1, 0)), {"gdbp": "auto"})


@comparison(
    "A grid over a classifier",
    goals=[Goal("torch, double loop", "gdbp", at_least=100)],
)
def grid_of_a_classifier() -> Contestants:
    """A tanh network of 2, 8 and 3 units with the cross-entropy, one weight of each layer."""
    params = init_params([2, 8, 3], np.random.default_rng(1))
    network = Network(["tanh", "identity"], "softmax_cross_entropy")
    return grids(network, params, (FIRST, LAST), {"gdbp": "auto"})
