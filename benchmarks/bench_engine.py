"""The engine beside numpy written by hand, torch, JAX, HIPS autograd and micrograd."""

import gc
import random
from collections.abc import Callable
from functools import partial

import autograd
import autograd.numpy as anp
import jax
import jax.numpy as jnp
import micrograd.engine
import micrograd.nn
import numpy as np
import torch
from side_by_side import Contestants, Goal, comparison
from sklearn.datasets import make_moons

from gdbp.autodiff import Value
from gdbp.backprop import init_params

jax.config.update("jax_enable_x64", True)

Array = np.ndarray
Pass = Callable[[], tuple[float, list[Array]]]


def assert_same(passes: dict[str, Pass], tolerance: float) -> None:
    """Compare losses and gradients, each relative to its largest component."""
    (_, first), *others = passes.items()
    loss, grads = first()
    for name, other in others:
        other_loss, other_grads = other()
        for ours, theirs in zip([loss, *grads], [other_loss, *other_grads], strict=True):
            ours, theirs = np.asarray(ours), np.asarray(theirs)
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), name
            assert np.abs(ours - theirs).max() <= tolerance * np.abs(ours).max(), name


# --- one step of the digits network -------------------------------------------------------------


def digits_passes(activation: str, dtype: type) -> dict[str, Pass]:
    """Return a forward and backward pass through 64-128-10 on 64 samples, written in each way."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (64, 64)).astype(dtype)
    labels, rows = rng.integers(10, size=64), np.arange(64)
    params = [layer[key].astype(dtype) for layer in init_params([64, 128, 10], rng) for key in "Wb"]

    leaves = [Value(array) for array in params]

    def gdbp() -> tuple[float, list[Array]]:
        for leaf in leaves:
            leaf.zero_grad()
        W1, b1, W2, b2 = leaves
        z = X @ W1 + b1
        h = z.tanh() if activation == "tanh" else z.relu()
        loss = (h @ W2 + b2).softmax_cross_entropy(labels)
        loss.backward()
        return loss.data, [leaf.grad for leaf in leaves]

    def numpy() -> tuple[float, list[Array]]:
        W1, b1, W2, b2 = params
        z = X @ W1 + b1
        h = np.tanh(z) if activation == "tanh" else np.maximum(z, 0)
        logits = h @ W2 + b2
        logits -= logits.max(axis=1, keepdims=True)
        e = np.exp(logits)
        total = e.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - logits[rows, labels])
        delta2 = e / total
        delta2[rows, labels] -= 1
        delta2 /= len(X)
        dh = delta2 @ W2.T
        delta1 = dh * (1 - h * h) if activation == "tanh" else dh * (h > 0)
        return loss, [X.T @ delta1, delta1.sum(axis=0), h.T @ delta2, delta2.sum(axis=0)]

    tensors = [torch.tensor(array, requires_grad=True) for array in params]
    X_torch, labels_torch = torch.tensor(X), torch.tensor(labels)

    def torch_() -> tuple[float, list[Array]]:
        for tensor in tensors:
            tensor.grad = None
        W1, b1, W2, b2 = tensors
        z = X_torch @ W1 + b1
        h = z.tanh() if activation == "tanh" else z.relu()
        loss = torch.nn.functional.cross_entropy(h @ W2 + b2, labels_torch)
        loss.backward()
        return loss.detach().numpy(), [tensor.grad.numpy() for tensor in tensors]

    def loss_of(params: list[Array], np_: object, X: Array) -> Array:
        W1, b1, W2, b2 = params
        z = X @ W1 + b1
        h = np_.tanh(z) if activation == "tanh" else np_.maximum(z, 0)
        logits = h @ W2 + b2
        logits = logits - np_.max(logits, axis=1, keepdims=True)
        log_p = logits - np_.log(np_.sum(np_.exp(logits), axis=1, keepdims=True))
        return -np_.mean(log_p[rows, labels])

    autograd_pass = autograd.value_and_grad(partial(loss_of, np_=anp, X=X))
    jax_pass = jax.jit(jax.value_and_grad(partial(loss_of, np_=jnp, X=jnp.asarray(X))))
    jax_params = [jnp.asarray(array) for array in params]
    return {
        "gdbp": gdbp,
        "numpy": numpy,
        "torch": torch_,
        "autograd": lambda: autograd_pass(params),
        "JAX": lambda: jax.block_until_ready(jax_pass(jax_params)),
    }


ROUNDING = {np.float64: 1e-12, np.float32: 1e-5}


def digits_step(activation: str, dtype: type) -> dict[str, Pass]:
    """Return the passes, which have found the same numbers."""
    passes = digits_passes(activation, dtype)
    assert_same(passes, ROUNDING[dtype])
    return passes


DIGITS_GOALS = [Goal("gdbp", "numpy", at_most=1.5), Goal("autograd", "gdbp", at_least=3)]


@comparison("The engine: a step of 64-128-10 with tanh, float64", goals=DIGITS_GOALS)
def engine_tanh_float64() -> Contestants:
    """Go forward and backward through the network."""
    return digits_step("tanh", np.float64)


@comparison("The engine: a step of 64-128-10 with tanh, float32", goals=DIGITS_GOALS)
def engine_tanh_float32() -> Contestants:
    """Go forward and backward through the network."""
    return digits_step("tanh", np.float32)


@comparison("The engine: a step of 64-128-10 with relu, float64", goals=DIGITS_GOALS)
def engine_relu_float64() -> Contestants:
    """Go forward and backward through the network."""
    return digits_step("relu", np.float64)


@comparison("The engine: a step of 64-128-10 with relu, float32", goals=DIGITS_GOALS)
def engine_relu_float32() -> Contestants:
    """Go forward and backward through the network."""
    return digits_step("relu", np.float32)


# --- micrograd's demo ---------------------------------------------------------------------------

ALPHA, LR = 1e-4, 0.05


@comparison(
    "The engine: a step of micrograd's demo, 2-16-16-1 on 100 moons",
    goals=[
        Goal("micrograd", "gdbp", at_least=2000),
        Goal("micrograd without garbage collection", "gdbp", at_least=300),
    ],
)
def engine_moons() -> Contestants:
    """Compute its loss and gradients, and descend: max-margin, an L2 penalty, every sample."""
    X, labels = make_moons(n_samples=100, noise=0.1, random_state=1)
    y = 2 * labels - 1
    random.seed(1)
    model = micrograd.nn.MLP(2, [16, 16, 1])

    def micrograd_step() -> float:
        scores = [model([micrograd.engine.Value(number) for number in x]) for x in X]
        losses = [(1 + -sign * score).relu() for sign, score in zip(y, scores, strict=True)]
        penalty = ALPHA * sum(p * p for p in model.parameters())
        loss = sum(losses) * (1.0 / len(losses)) + penalty
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= LR * p.grad
        return loss.data

    def without_garbage_collection() -> float:
        gc.disable()  # what the step leaves behind is collected after it, outside of its time
        try:
            return micrograd_step()
        finally:
            gc.enable()

    def arrays(part: str) -> list[Array]:
        """Return the data or gradients of micrograd's model: W and b of each layer."""
        found = []
        for layer in model.layers:
            W = [[getattr(w, part) for w in neuron.w] for neuron in layer.neurons]
            b = [getattr(neuron.b, part) for neuron in layer.neurons]
            found += [np.array(W, float).T, np.array(b, float)]
        return found

    params = [Value(array) for array in arrays("data")]
    signs = y[:, np.newaxis]

    def gdbp_step() -> float:
        W1, b1, W2, b2, W3, b3 = params
        score = ((X @ W1 + b1).relu() @ W2 + b2).relu() @ W3 + b3
        loss = (1 - signs * score).relu().mean() + ALPHA * sum((p * p).sum() for p in params)
        for p in params:
            p.zero_grad()
        loss.backward()
        for p in params:
            p.data = p.data - LR * p.grad
        return loss.data

    def numpy_step() -> float:
        W1, b1, W2, b2, W3, b3 = weights
        h1 = np.maximum(X @ W1 + b1, 0)
        h2 = np.maximum(h1 @ W2 + b2, 0)
        margin = 1 - signs * (h2 @ W3 + b3)
        loss = np.maximum(margin, 0).mean() + ALPHA * sum(np.sum(w * w) for w in weights)
        delta3 = (margin > 0) * -signs / len(X)
        delta2 = delta3 @ W3.T * (h2 > 0)
        delta1 = delta2 @ W2.T * (h1 > 0)
        grads = [
            g
            for a, delta in ((X, delta1), (h1, delta2), (h2, delta3))
            for g in (a.T @ delta, delta.sum(axis=0))
        ]
        weights[:] = [w - LR * (g + 2 * ALPHA * w) for w, g in zip(weights, grads, strict=True)]
        return loss

    weights = [p.data for p in params]
    losses = [(micrograd_step(), gdbp_step(), numpy_step()) for _ in range(2)]
    np.testing.assert_allclose(losses, np.repeat(losses, 3).reshape(2, 3, 3)[:, 0], rtol=1e-12)
    for theirs, ours, plain in zip(arrays("data"), params, weights, strict=True):
        assert np.abs(theirs - ours.data).max() <= 1e-12 * np.abs(theirs).max()
        assert np.abs(theirs - plain).max() <= 1e-12 * np.abs(theirs).max()
    return {
        "gdbp": gdbp_step,
        "numpy": numpy_step,
        "micrograd": micrograd_step,
        "micrograd without garbage collection": without_garbage_collection,
    }


# --- single numbers -----------------------------------------------------------------------------


@comparison(
    "The engine: 1,000 times x = x * a + b on single numbers, a tanh after every 10th",
    goals=[Goal("torch", "gdbp", at_least=1)],
)
def engine_chain() -> Contestants:
    """Go forward and backward through the chain, with a gradient for x, a and b."""

    def chain(x: Value, a: Value, b: Value) -> Value:
        for k in range(1000):
            x = x * a + b
            if k % 10 == 9:
                x = x.tanh()
        return x

    starts = 0.3, 0.9, 0.1
    leaves = [Value(start) for start in starts]
    tensors = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in starts]

    def gdbp() -> tuple[float, list[Array]]:
        for leaf in leaves:
            leaf.zero_grad()
        out = chain(*leaves)
        out.backward()
        return out.data, [leaf.grad for leaf in leaves]

    def torch_() -> tuple[float, list[Array]]:
        for tensor in tensors:
            tensor.grad = None
        out = chain(*tensors)
        out.backward()
        return out.detach().numpy(), [tensor.grad.numpy() for tensor in tensors]

    passes = {"gdbp": gdbp, "torch": torch_}
    assert_same(passes, 1e-12)
    return passes
