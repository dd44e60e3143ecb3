"""An epoch on the digits through 64-128-10, float32: dense layers by hand beside other libraries.

A step is the gradient and the update of plain gradient descent, in place. The batches are the
same for all, in the order of the data; 1,797 samples make 28 batches of 64 and one of 5.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import torch
from side_by_side import Contestants, Goal, comparison
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from torch import nn

from gdbp._checks import Array
from gdbp.backprop import Network, Params, flat_params, init_params
from gdbp.torch_nets import dense_network

SIZES, LR = [64, 128, 10], 0.1
FLOAT32_ROUNDING = 1e-5  # of up to 29 steps, relative to the largest weight

Batches = list[tuple[Array, Array]]
Training = tuple[Callable[[], object], Callable[[], Array]]
"""What does one epoch, and what tells the parameters, all in one vector."""


def batches_of(size: int) -> Batches:
    """Return the digits in batches, float32."""
    data = load_digits()
    X = (data.data / 16).astype(np.float32)
    return [(X[k : k + size], data.target[k : k + size]) for k in range(0, len(X), size)]


def start() -> Params:
    """Return the parameters that all begin with, float32."""
    params = init_params(SIZES, np.random.default_rng(0))
    return [{key: array.astype(np.float32) for key, array in layer.items()} for layer in params]


def in_one_vector(arrays: list[Array]) -> Array:
    """Return W1, b1, W2, b2 as the vector of `flat_params`."""
    return np.concatenate([np.ravel(array) for array in arrays])


def gdbp(activation: str, batches: Batches) -> Training:
    """Train with a workspace and a flat vector of parameters."""
    network = Network([activation, "identity"], "softmax_cross_entropy")
    theta, params = flat_params(start())
    work, update = network.workspace(params, len(batches[0][0])), np.empty_like(theta)

    def epoch() -> None:
        for X, y in batches:
            network.grads(params, X, y, out=work)
            np.multiply(work.flat, LR, update)
            np.subtract(theta, update, theta)

    return epoch, lambda: theta


def gdbp_pure(activation: str, batches: Batches) -> Training:
    """Train with the plain form, which makes every array anew."""
    network = Network([activation, "identity"], "softmax_cross_entropy")
    params = start()

    def epoch() -> None:
        for X, y in batches:
            for layer, grad in zip(params, network.grads(params, X, y), strict=True):
                for key in layer:
                    layer[key] -= LR * grad[key]

    return epoch, lambda: flat_params(params)[0]


def torch_eager(activation: str, batches: Batches) -> Training:
    """Train as a program in PyTorch does."""
    # without the last module, which is the identity
    model = dense_network(start(), [activation, "identity"], dtype=torch.float32)[:-1]
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    tensors = [(torch.tensor(X), torch.tensor(y)) for X, y in batches]

    def epoch() -> None:
        for X, y in tensors:
            optimizer.zero_grad()
            criterion(model(X), y).backward()
            optimizer.step()

    # PyTorch keeps the transpose of W
    return epoch, lambda: in_one_vector([p.detach().numpy().T for p in model.parameters()])


def jax_jit(activation: str, batches: Batches) -> Training:
    """Train with a whole step compiled."""
    f = {"tanh": jnp.tanh, "relu": jax.nn.relu}[activation]
    params = [jnp.asarray(layer[key]) for layer in start() for key in "Wb"]
    arrays = [(jnp.asarray(X), jnp.asarray(y)) for X, y in batches]

    def loss(params: list[Array], X: Array, y: Array) -> Array:
        W1, b1, W2, b2 = params
        log_p = jax.nn.log_softmax(f(X @ W1 + b1) @ W2 + b2)
        return -jnp.mean(log_p[jnp.arange(len(y)), y])

    @jax.jit
    def step(params: list[Array], X: Array, y: Array) -> list[Array]:
        grads = jax.grad(loss)(params, X, y)
        return [p - jnp.float32(LR) * g for p, g in zip(params, grads, strict=True)]

    def epoch() -> None:
        nonlocal params
        for X, y in arrays:
            params = step(params, X, y)
        jax.block_until_ready(params)

    return epoch, lambda: in_one_vector([np.asarray(array) for array in params])


def scikit_learn(activation: str, batches: Batches) -> Training:
    """Train scikit-learn's classifier, a call of partial_fit for each batch."""
    model = MLPClassifier(
        SIZES[1:-1], activation=activation, solver="sgd", learning_rate_init=LR, momentum=0,
        nesterovs_momentum=False, alpha=0, batch_size=len(batches[0][0]), shuffle=False,
    )  # fmt: skip
    model.partial_fit(*batches[0], classes=np.arange(SIZES[-1]))  # makes the arrays
    for W, b, layer in zip(model.coefs_, model.intercepts_, start(), strict=True):
        W[:], b[:] = layer["W"], layer["b"]

    def epoch() -> None:
        for X, y in batches:
            model.batch_size = len(X)
            model.partial_fit(X, y)

    def theta() -> Array:
        pairs = zip(model.coefs_, model.intercepts_, strict=True)
        return in_one_vector([array for pair in pairs for array in pair])

    return epoch, theta


def products_alone(batches: Batches) -> Callable[[], object]:
    """Return an epoch of which only the matrix products are left, into arrays made beforehand."""
    (W1, W2), rng = (layer["W"] for layer in start()), np.random.default_rng(0)
    dW1, dW2 = np.empty_like(W1), np.empty_like(W2)
    arrays = {
        n: [rng.normal(size=(n, width)).astype(np.float32) for width in SIZES[1:]]
        for n in {len(X) for X, _ in batches}
    }

    def epoch() -> None:
        for X, _ in batches:
            hidden, output = arrays[len(X)]
            np.matmul(X, W1, out=hidden)
            np.matmul(hidden, W2, out=output)
            np.matmul(hidden.T, output, out=dW2)
            np.matmul(output, W2.T, out=hidden)
            np.matmul(X.T, hidden, out=dW1)

    return epoch


def epochs(activation: str, batch_size: int) -> Contestants:
    """Prepare all contestants, and compare the parameters after each one's first epoch."""
    batches = batches_of(batch_size)
    trainings = {
        "gdbp": gdbp(activation, batches),
        "gdbp, pure": gdbp_pure(activation, batches),
        "torch": torch_eager(activation, batches),
        "JAX": jax_jit(activation, batches),
        "scikit-learn": scikit_learn(activation, batches),
    }
    for epoch, _ in trainings.values():
        epoch()
    expected = trainings["gdbp, pure"][1]()
    for _, theta in trainings.values():
        found = theta()
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=FLOAT32_ROUNDING * np.abs(expected).max()
        )
    return {name: epoch for name, (epoch, _) in trainings.items()} | {
        "products": products_alone(batches)
    }


def goals(of_torch: float, of_products: float) -> list[Goal]:
    """Return how long an epoch may take, as a part of PyTorch's and of the products alone."""
    return [
        Goal("gdbp", "torch", at_most=of_torch),
        Goal("gdbp", "products", at_most=of_products),
    ]


@comparison("An epoch of 64-128-10 with tanh, batches of 64", goals=goals(0.20, 2.2))
def digits_tanh_64() -> Contestants:
    """Go through the digits once, with an update for each batch."""
    return epochs("tanh", 64)


@comparison("An epoch of 64-128-10 with tanh, full batch", goals=goals(0.55, 1.5))
def digits_tanh_full() -> Contestants:
    """Go through the digits once, with one update."""
    return epochs("tanh", 1797)


@comparison("An epoch of 64-128-10 with ReLU, batches of 64", goals=goals(0.20, 2.2))
def digits_relu_64() -> Contestants:
    """Go through the digits once, with an update for each batch."""
    return epochs("relu", 64)


@comparison("An epoch of 64-128-10 with ReLU, full batch", goals=goals(0.55, 1.5))
def digits_relu_full() -> Contestants:
    """Go through the digits once, with one update."""
    return epochs("relu", 1797)
