r"""Backpropagation through dense layers, by hand, and the worked example of the book.

With $a_0 = X$, layer $l$ computes

$$z_l = a_{l-1} W_l + b_l, \qquad a_l = f_l(z_l),$$

and the backward pass goes through the same quantities from the last to the first:

$$\delta_l = \frac{\partial L}{\partial a_l} \odot f_l'(z_l), \qquad
  \frac{\partial L}{\partial W_l} = a_{l-1}^\top \delta_l, \qquad
  \frac{\partial L}{\partial b_l} = \sum_i \delta_{l,i}, \qquad
  \frac{\partial L}{\partial a_{l-1}} = \delta_l W_l^\top.$$
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gdbp import _checks
from gdbp._checks import Array
from gdbp._trees import Tree, float_tree, ravel, same_structure, tree_map
from gdbp.losses import mse, mse_grad, softmax_cross_entropy, softmax_cross_entropy_grad

Params = list[dict[str, Array]]
"""The layers' parameters: `{"W": (d_in, d_out), "b": (d_out,)}` each, without "b" for no bias."""


class Activation(NamedTuple):
    """A differentiable function, applied to each element.

    Attributes:
        f: The function, from z to a.
        derivative: Its derivative f′(z), from z.
    """

    f: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


def _sigmoid(z: Array) -> Array:
    # exp of a negative number only, so that no large |z| overflows.
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(lambda z: z, np.ones_like),
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": Activation(_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    # At the kink, any slope in [0, 1] is a subgradient; PyTorch takes 0, and so do we.
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
}
"""The activations a layer may have, by name.

:meta hide-value:
"""

LOSSES: dict[str, tuple[Callable[[Any, Any], float], Callable[[Any, Any], Array]]] = {
    "mse": (mse, mse_grad),
    "softmax_cross_entropy": (
        lambda labels, logits: softmax_cross_entropy(logits, labels),
        lambda labels, logits: softmax_cross_entropy_grad(logits, labels),
    ),
}
"""The losses a network may have, by name: the loss and its gradient, both of (target, output).

:meta hide-value:
"""


class InPlace(NamedTuple):
    """An activation in arrays made beforehand: what `Activation` computes, with nothing made anew.

    Attributes:
        f: Takes z and a free array of its shape; turns z into a.
        delta: Takes ∂L/∂a and a; turns ∂L/∂a into δ. It may write over a: f′ from a costs no
            second tanh or exp.
    """

    f: Callable[[Array, Array], object]
    delta: Callable[[Array, Array], object]


def _sigmoid_in_place(z: Array, _free: Array) -> None:
    np.maximum(z, 1 - np.log(np.finfo(z.dtype).max), out=z)  # below, exp would overflow
    np.negative(z, z)
    np.exp(z, z)
    np.add(z, 1, z)
    np.reciprocal(z, z)


def _sigmoid_delta(da: Array, a: Array) -> None:
    np.multiply(da, a, da)
    np.subtract(1, a, a)
    np.multiply(da, a, da)


def _tanh_delta(da: Array, a: Array) -> None:
    np.multiply(a, a, a)
    np.subtract(1, a, a)
    np.multiply(da, a, da)


def _relu_in_place(z: Array, zero: Array) -> None:
    zero.fill(0)  # numpy's maximum of two arrays is three times as fast as that of one and 0
    np.maximum(z, zero, out=z)


def _relu_delta(da: Array, a: Array) -> None:
    np.greater(a, 0, out=a, casting="unsafe")  # a product of two types would be slower
    np.multiply(da, a, da)


IN_PLACE: dict[str, InPlace] = {
    "identity": InPlace(lambda z, _free: None, lambda da, a: None),
    "tanh": InPlace(lambda z, _free: np.tanh(z, z), _tanh_delta),
    "sigmoid": InPlace(_sigmoid_in_place, _sigmoid_delta),
    "relu": InPlace(_relu_in_place, _relu_delta),
}
"""The same activations in place, for `Network.grads` with a `Workspace`.

:meta hide-value:
"""


class Row(NamedTuple):
    """One quantity of a forward or backward pass.

    Attributes:
        name: Its name, such as "delta1".
        shape: Its shape.
        value: Its value.
    """

    name: str
    shape: tuple[int, ...]
    value: Array


class Forward(NamedTuple):
    """Every intermediate result of a forward pass.

    Attributes:
        z: The sums before the activations, layer by layer; `z[0]` is the first layer's.
        a: The activations: `a[0]` is the input X, `a[l]` the output of layer l counted from 1.
    """

    z: list[Array]
    a: list[Array]

    @property
    def output(self) -> Array:
        """The network's output, shape (n, d_out)."""
        return self.a[-1]

    def rows(self) -> list[Row]:
        """Return the pass as named rows, in the order in which they were computed."""
        rows = [_row("a0", self.a[0])]
        for layer, (z, a) in enumerate(zip(self.z, self.a[1:], strict=True), start=1):
            rows += [_row(f"z{layer}", z), _row(f"a{layer}", a)]
        return rows


class Backward(NamedTuple):
    """Every intermediate result of a backward pass, layer by layer, the first layer first.

    Attributes:
        loss: The loss L.
        da: ∂L/∂a: `da[0]` is ∂L/∂X, `da[-1]` the gradient at the output.
        delta: δ = ∂L/∂z.
        dW: ∂L/∂W.
        db: ∂L/∂b, computed for layers without a bias too.
        grads: The gradients shaped like the parameters: what an optimizer takes.
    """

    loss: float
    da: list[Array]
    delta: list[Array]
    dW: list[Array]
    db: list[Array]
    grads: Params

    def rows(self) -> list[Row]:
        """Return the pass as named rows, in the order in which they were computed."""
        rows = []
        for k in reversed(range(len(self.delta))):
            layer = k + 1
            rows += [
                _row(f"da{layer}", self.da[layer]),
                _row(f"delta{layer}", self.delta[k]),
                _row(f"dW{layer}", self.dW[k]),
            ]
            if "b" in self.grads[k]:
                rows.append(_row(f"db{layer}", self.db[k]))
        return rows


class Network:
    r"""A stack of dense layers with an activation each, and a loss.

    The parameters are not part of it: every method takes them, none changes them.

    Args:
        activations: The name of each layer's activation: "identity", "tanh", "sigmoid" or "relu".
        loss_name: "mse", or "softmax_cross_entropy" for integer labels as targets.

    Raises:
        TypeError: `activations` is a single string, or no sequence.
        ValueError: A name is unknown, or there is no layer.

    Examples:
        >>> network = Network(["tanh", "identity"])
        >>> params = init_params([2, 3, 1], np.random.default_rng(0))
        >>> network.forward(params, [[0.5, 1.0]]).output.shape
        (1, 1)

    References:
        :cite:t:`rumelhart1986learning`; :cite:t:`nielsen2015neural`, chapter 2.
    """

    def __init__(self, activations: Sequence[str], loss_name: str = "mse") -> None:
        if isinstance(activations, str) or not np.iterable(activations):
            raise TypeError(f"activations needs a name for each layer, got {activations!r}")
        if len(activations) == 0:
            raise ValueError("activations needs at least one layer, got none")
        for name in activations:
            _checks.choice("activations", name, list(ACTIVATIONS))
        self.activations = tuple(activations)
        self.loss_name = _checks.choice("loss_name", loss_name, list(LOSSES))

    def __repr__(self) -> str:
        return f"Network(activations={list(self.activations)}, loss_name={self.loss_name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.activations, self.loss_name))

    def forward(self, params: Params, X: ArrayLike) -> Forward:
        """Run the network forward and keep every intermediate result.

        Args:
            params: A `{"W": (d_in, d_out), "b": (d_out,)}` for each layer; no "b" for no bias.
            X: The inputs, shape (n, d_in), a sample a row.

        Returns:
            The pass: z and a of every layer.

        Raises:
            TypeError: `params` or `X` does not hold real numbers.
            ValueError: The number of layers differs from the number of activations, the sizes do
                not fit, or an array is empty or not finite.
        """
        layers = self.layers(params)
        z, a = [], [_inputs(X, layers)]
        for layer, name in zip(layers, self.activations, strict=True):
            z.append(a[-1] @ layer["W"] + layer.get("b", 0))
            a.append(ACTIVATIONS[name].f(z[-1]))
        return Forward(z, a)

    def backward(self, params: Params, forward: Forward, y: ArrayLike) -> Backward:
        """Run the network backward and keep every intermediate result.

        Args:
            params: The parameters that `forward` was computed with.
            forward: What `Network.forward` returned.
            y: The targets: shape (n, d_out) for "mse", integer labels of shape (n,) for
                "softmax_cross_entropy".

        Returns:
            The pass: δ, ∂L/∂W, ∂L/∂b and ∂L/∂a of every layer, and the gradients.

        Raises:
            TypeError: `params` or `y` does not hold numbers of the right kind.
            ValueError: A shape does not fit, or an array is empty or not finite.
        """
        layers = self.layers(params)
        loss, loss_grad = LOSSES[self.loss_name]
        da = [loss_grad(y, forward.output)]
        delta: list[Array] = []
        for k in reversed(range(len(layers))):
            delta.append(da[-1] * ACTIVATIONS[self.activations[k]].derivative(forward.z[k]))
            da.append(delta[-1] @ layers[k]["W"].T)
        da.reverse()
        delta.reverse()
        dW = [a.T @ d for a, d in zip(forward.a[:-1], delta, strict=True)]
        db = [d.sum(axis=0) for d in delta]
        grads = [
            {"W": dW[k], "b": db[k]} if "b" in layer else {"W": dW[k]}
            for k, layer in enumerate(layers)
        ]
        return Backward(loss(y, forward.output), da, delta, dW, db, grads)

    def loss(self, params: Params, X: ArrayLike, y: ArrayLike) -> float:
        """Compute the loss at the parameters; see `forward` and `backward` for the arguments."""
        return LOSSES[self.loss_name][0](y, self.forward(params, X).output)

    def grads(
        self, params: Params, X: ArrayLike, y: ArrayLike, *, out: "Workspace | None" = None
    ) -> Params:
        """Compute the gradients, shaped like `params`; see `forward` and `backward`.

        With `out`, what `workspace` made, all is computed in its arrays, in its type, and the
        gradients are `out.grads`, which the next call writes over. A gradient that is not finite
        is an error then.
        """
        if out is None:
            return self.backward(params, self.forward(params, X), y).grads
        if not isinstance(out, Workspace):
            raise TypeError(f"out needs what workspace() made, got {out!r}")
        if out.network is not self and out.network != self:
            raise ValueError(f"out needs a workspace of {self}, got one of {out.network}")
        out._compute(params, X, y)
        return out.grads

    def workspace(self, params: Params, n: int) -> "Workspace":
        """Make the arrays that `grads` needs for batches of up to n samples, once.

        Args:
            params: The parameters, or others of the same shapes and type.
            n: The largest number of samples in a batch.

        Returns:
            The workspace, for `out`.

        Raises:
            TypeError: `params` does not hold real numbers, or `n` is not an integer.
            ValueError: `params` does not fit the network, or `n` is < 1.

        Examples:
            >>> network = Network(["tanh", "identity"])
            >>> params = init_params([2, 3, 1], np.random.default_rng(0))
            >>> work = network.workspace(params, 10)
            >>> grads = network.grads(params, [[0.5, 1.0]], [[0.8]], out=work)
            >>> theta, params = flat_params(params)
            >>> theta -= 0.01 * work.flat  # one step of gradient descent
        """
        return Workspace(self, self.layers(params), _checks.integer("n", n, minimum=1))

    def layers(self, params: Params) -> Params:
        """Return a copy of the parameters with floating-point arrays, if they fit the network.

        Args:
            params: A `{"W": (d_in, d_out), "b": (d_out,)}` for each layer; no "b" for no bias.

        Returns:
            The copy; integers have become float64.

        Raises:
            TypeError: `params` does not hold real numbers.
            ValueError: The number of layers differs from the number of activations, a key is
                missing or unknown, the sizes do not fit, or an array is empty or not finite.
        """
        layers = float_tree("params", params)
        if not isinstance(layers, list) or len(layers) != len(self.activations):
            got = len(layers) if isinstance(layers, list) else type(layers).__name__
            raise ValueError(f"params needs {len(self.activations)} layers in a list, got {got}")
        d_in = None
        for k, layer in enumerate(layers):
            d_in = _check_layer(f"params[{k}]", layer, d_in)
        return layers


def _inputs(X: ArrayLike, layers: Params) -> Array:
    """Return the inputs as an array, if they fit the first layer."""
    x, d_in = _checks.float_array("X", X, ndim=2), layers[0]["W"].shape[0]
    if x.shape[1] != d_in:
        raise ValueError(f"X needs {d_in} columns, the rows of params[0]['W'], got shape {x.shape}")
    return x


class _Batch(NamedTuple):
    """The arrays for batches of n samples."""

    a: list[Array]  # of each layer: z, then a
    da: list[Array]  # of each layer: ∂L/∂a, then δ
    ones: Array  # shape (n,): a product with it sums over the samples
    row: Array  # shape (n, 1): a number for each sample
    classes: Array  # shape (d_out,): 0, 1, …
    is_label: Array  # shape (n, d_out), boolean: [c = y_i]


class Workspace:
    r"""The arrays in which `Network.grads` computes, made once by `Network.workspace`.

    The formulas are those of `Network.backward`. What is left out is work that the gradients do
    not need: no array is made, z and a share one, as ∂L/∂a and δ do, f′ comes from a, and ∂L/∂X
    is not computed.

    Attributes:
        network: The network.
        n: The largest number of samples in a batch.
        flat: The gradients as one vector, shape (P,): for a step θ − η∇L in one call.
        grads: The same numbers, shaped like the parameters: views of `flat`.
    """

    def __init__(self, network: Network, params: Params, n: int) -> None:
        self.network, self.n = network, n
        self.flat, self.grads = flat_params(tree_map(np.zeros_like, params))
        self._widths = [layer["W"].shape[1] for layer in params]
        self._buffers = [np.empty((2, n * width), self.flat.dtype) for width in self._widths]
        self._batches: dict[int, _Batch] = {}

    def _compute(self, params: Params, X: ArrayLike, y: ArrayLike) -> None:
        """Compute the gradients into `flat` and `grads`; see `Network.grads`."""
        layers, x = self._layers(params), self._inputs(X)
        batch = self._batch(len(x))
        self._forward(layers, x, batch)
        _LOSS_GRADS_IN_PLACE[self.network.loss_name](y, batch)
        self._backward(layers, x, batch)
        if not _checks.surely_finite(self.flat):
            self.network.grads(params, X, y)  # the plain form tells what is wrong, where it can
            float_tree("grads", self.grads)

    def _forward(self, layers: Params, x: Array, batch: _Batch) -> None:
        for layer, name, a, free in zip(
            layers, self.network.activations, batch.a, batch.da, strict=True
        ):
            np.matmul(x, layer["W"], a)  # np.dot, else a little faster, cannot fill columns
            if "b" in layer:
                np.add(a, layer["b"], a)
            IN_PLACE[name].f(a, free)
            x = a

    def _backward(self, layers: Params, x: Array, batch: _Batch) -> None:
        inputs = [x, *batch.a]
        for k in reversed(range(len(layers))):
            delta = batch.da[k]
            IN_PLACE[self.network.activations[k]].delta(delta, batch.a[k])
            if k > 0:
                np.dot(delta, layers[k]["W"].T, batch.da[k - 1])
            np.dot(inputs[k].T, delta, self.grads[k]["W"])
            if "b" in layers[k]:
                np.dot(batch.ones, delta, self.grads[k]["b"])

    def _batch(self, n: int) -> _Batch:
        """Return the arrays for n samples, cut out of the buffers the first time."""
        if n not in self._batches:
            # By columns, the maximum and the sum over the classes are those of whole columns.
            last = "F" if self.network.loss_name == "softmax_cross_entropy" else "C"
            orders = ["C"] * (len(self._widths) - 1) + [last]
            pairs = [
                [part[: n * width].reshape((n, width), order=order) for part in buffer]
                for buffer, width, order in zip(self._buffers, self._widths, orders, strict=True)
            ]
            width, dtype = self._widths[-1], self.flat.dtype
            self._batches[n] = _Batch(
                a=[a for a, _ in pairs],
                da=[da for _, da in pairs],
                ones=np.ones(n, dtype),
                row=np.empty((n, 1), dtype),
                classes=np.arange(width),
                is_label=np.empty((n, width), bool, order="F"),
            )
        return self._batches[n]

    def _layers(self, params: Params) -> Params:
        """Return the parameters in the workspace's type, if they have its shapes."""
        if self._has_the_shapes_of(params):
            return params
        layers = self.network.layers(params)
        same_structure("params", layers, "out.grads", self.grads)
        return [
            {key: array.astype(self.flat.dtype) for key, array in layer.items()} for layer in layers
        ]

    def _has_the_shapes_of(self, params: Params) -> bool:
        """Tell whether the parameters can be used as they are; where in doubt, they cannot."""
        if not isinstance(params, list) or len(params) != len(self.grads):
            return False
        for layer, grad in zip(params, self.grads, strict=True):
            if not isinstance(layer, dict) or layer.keys() != grad.keys():
                return False
            for key, array in layer.items():
                if (
                    not isinstance(array, np.ndarray)
                    or array.dtype != grad[key].dtype
                    or array.shape != grad[key].shape
                    or not _checks.surely_finite(array)
                ):
                    return False
        return True

    def _inputs(self, X: ArrayLike) -> Array:
        """Return the inputs in the workspace's type, if they fit."""
        x, d_in = X, len(self.grads[0]["W"])
        if not (
            _is_array(x, self.flat.dtype, 2) and x.shape[1] == d_in and _checks.surely_finite(x)
        ):
            x = _inputs(X, self.grads).astype(self.flat.dtype)
        if len(x) > self.n:
            raise ValueError(
                f"X needs at most {self.n} rows, the n of the workspace, got shape {x.shape}"
            )
        return x


def _is_array(value: Any, dtype: np.dtype[Any], ndim: int) -> TypeGuard[Array]:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == dtype
        and value.ndim == ndim
        and value.size > 0
    )


def _mse_grad_in_place(y: ArrayLike, batch: _Batch) -> None:
    output, grad = batch.a[-1], batch.da[-1]
    if not (_is_array(y, grad.dtype, 2) and y.shape == output.shape and _checks.surely_finite(y)):
        mse_grad(y, output)  # says what is wrong, or converts
        y = np.asarray(y)
    np.subtract(output, y, grad, casting="same_kind")
    np.multiply(grad, 2 / grad.size, grad)


def _softmax_cross_entropy_grad_in_place(labels: ArrayLike, batch: _Batch) -> None:
    output, grad, row = batch.a[-1], batch.da[-1], batch.row
    if not (
        isinstance(labels, np.ndarray)
        and labels.dtype.kind in "iu"
        and labels.shape == output.shape[:1]
    ):
        softmax_cross_entropy_grad(output, labels)  # says what is wrong, or converts
        labels = np.asarray(labels)
    np.equal(labels[:, np.newaxis], batch.classes, batch.is_label)
    if np.count_nonzero(batch.is_label) < len(labels):  # some label is no class
        softmax_cross_entropy_grad(output, labels)
    np.maximum.reduce(output, axis=1, keepdims=True, out=row)
    np.subtract(output, row, grad)
    np.exp(grad, grad)
    np.add.reduce(grad, axis=1, keepdims=True, out=row)
    np.divide(grad, row, grad)
    np.subtract(grad, batch.is_label, grad)
    np.multiply(grad, 1 / len(grad), grad)


# the gradients of LOSSES in place, from the targets and the arrays of a batch
_LOSS_GRADS_IN_PLACE: dict[str, Callable[[ArrayLike, _Batch], None]] = {
    "mse": _mse_grad_in_place,
    "softmax_cross_entropy": _softmax_cross_entropy_grad_in_place,
}


def flat_params(params: Params) -> tuple[Array, Params]:
    r"""Put the parameters into one vector θ, so that a step on all of them is one call.

    Args:
        params: A `{"W": (d_in, d_out), "b": (d_out,)}` for each layer; no "b" for no bias.

    Returns:
        A copy of the numbers as one vector, shape (P,), in the order of the layers, and
        parameters that are views of it: whoever changes the one changes the other.

    Raises:
        TypeError: `params` does not hold real numbers.
        ValueError: An array is empty or not finite, or there is none.

    Note:
        Parameters of several types take the one that holds them all.

    Examples:
        >>> theta, params = flat_params([{"W": [[1.0, 2.0]], "b": [3.0, 4.0]}])
        >>> theta -= 1
        >>> params[0]["b"]
        array([2., 3.])
    """
    theta, unravel = ravel(float_tree("params", params))
    return theta, unravel(theta)


def _check_layer(name: str, layer: Tree, d_in: int | None) -> int:
    """Check one layer against the width of the one before; return its own width."""
    if not isinstance(layer, dict) or not {"W"} <= layer.keys() <= {"W", "b"}:
        got = list(layer) if isinstance(layer, dict) else type(layer).__name__
        raise ValueError(f"{name} needs the keys 'W' and, for a bias, 'b', got {got}")
    for key, array in layer.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{name}[{key!r}] needs one array, got a {type(array).__name__}")
    shape = layer["W"].shape
    if len(shape) != 2:
        raise ValueError(f"{name}['W'] needs shape (d_in, d_out), got shape {shape}")
    if d_in is not None and shape[0] != d_in:
        raise ValueError(f"{name}['W'] needs {d_in} rows, the layer before it, got shape {shape}")
    if "b" in layer and layer["b"].shape != shape[1:]:
        raise ValueError(f"{name}['b'] needs shape {shape[1:]}, got shape {layer['b'].shape}")
    return int(shape[1])


def _row(name: str, value: Array) -> Row:
    return Row(name, value.shape, value)


def init_params(
    sizes: Sequence[int], rng: "np.random.Generator", *, scheme: str = "xavier", bias: bool = True
) -> Params:
    r"""Draw the parameters of a stack of dense layers; biases start at zero.

    $$W \sim \mathcal N(0, \sigma^2), \qquad
      \sigma^2_\text{Xavier} = \frac{2}{d_\text{in} + d_\text{out}}, \qquad
      \sigma^2_\text{He} = \frac{2}{d_\text{in}}$$

    Args:
        sizes: The widths, from the input's to the output's: [2, 3, 1] makes two layers.
        rng: The source of the draws.
        scheme: "xavier", for tanh and sigmoid, or "he", for ReLU.
        bias: Whether the layers have a bias.

    Returns:
        The parameters, a dict for each layer, float64.

    Raises:
        TypeError: `sizes` is no sequence, a size is not an integer or `rng` is not a Generator.
        ValueError: There are fewer than two sizes, one is < 1, or the scheme is unknown.

    Examples:
        >>> [layer["W"].shape for layer in init_params([2, 3, 1], np.random.default_rng(0))]
        [(2, 3), (3, 1)]

    References:
        :cite:t:`glorot2010understanding`, equation 12; :cite:t:`he2015delving`, equation 10.
    """
    if not np.iterable(sizes):
        raise TypeError(f"sizes needs the width of each layer, got {sizes!r}")
    if len(sizes) < 2:
        raise ValueError(f"sizes needs at least an input and an output, got {list(sizes)}")
    for size in sizes:
        _checks.integer("sizes", size, minimum=1)
    _checks.generator("rng", rng)
    _checks.choice("scheme", scheme, ["xavier", "he"])
    params = []
    for d_in, d_out in pairwise(sizes):
        variance = 2 / (d_in + d_out) if scheme == "xavier" else 2 / d_in
        layer = {"W": rng.normal(0, np.sqrt(variance), (d_in, d_out))}
        params.append({**layer, "b": np.zeros(d_out)} if bias else layer)
    return params


BEFORE_THE_STEP, AFTER_THE_STEP = "the loss before the step", "theta after the step"
FLOAT64 = np.dtype(np.float64)  # made once: to compare with the type makes a dtype in each call


class Step(NamedTuple):
    """One step of gradient descent.

    Attributes:
        theta: The weights after it.
        loss: The loss before it.
    """

    theta: Array
    loss: Any


class WorkedExample(NamedTuple):
    r"""The network of two numbers multiplied by hand, with its sample and its learning rate.

    $$\begin{gathered}
      \hat y = w_5 (w_1 x_1 + w_3 x_2) + w_6 (w_2 x_1 + w_4 x_2) = x^\top W_h W_o, \\
      W_h = \begin{pmatrix} w_1 & w_2 \\ w_3 & w_4 \end{pmatrix}, \quad
      W_o = \begin{pmatrix} w_5 \\ w_6 \end{pmatrix}, \qquad L = (y - \hat y)^2
      \end{gathered}$$

    Attributes:
        theta: The weights (w1, …, w6), shape (6,).
        x: The input (x1, x2), shape (2,).
        y: The target.
        lr: The learning rate η.
    """

    theta: Array
    x: Array
    y: float
    lr: float

    @property
    def names(self) -> list[str]:
        """The weights' names, in the order of `theta`."""
        return [f"w{k}" for k in range(1, 7)]

    @property
    def W_h(self) -> Array:
        """The hidden layer's weights, shape (2, 2), as in X @ W_h."""
        return self.theta[:4].reshape(2, 2)

    @property
    def W_o(self) -> Array:
        """The output layer's weights, shape (2, 1), as in a @ W_o."""
        return self.theta[4:].reshape(2, 1)

    @property
    def X(self) -> Array:
        """The sample as a batch of one, shape (1, 2)."""
        return self.x.reshape(1, 2)

    @property
    def Y(self) -> Array:
        """The target as a batch of one, with the shape of the prediction, (1, 1)."""
        return np.array([[self.y]])

    @property
    def network(self) -> Network:
        """The same network as dense layers: no bias, no activation."""
        return Network(["identity", "identity"])

    @property
    def params(self) -> Params:
        """The weights as parameters of `network`."""
        return [{"W": self.W_h.copy()}, {"W": self.W_o.copy()}]

    def predict(self, theta: ArrayLike) -> NDArray[Any]:
        """Compute ŷ at weights of shape (…, 6), all at once; returns shape (…)."""
        w1, w2, w3, w4, w5, w6 = self._weights(theta)
        x1, x2 = self.x
        return np.asarray(w5 * (w1 * x1 + w3 * x2) + w6 * (w2 * x1 + w4 * x2))[()]

    def loss(self, theta: ArrayLike) -> NDArray[Any]:
        """Compute L = (y − ŷ)² at weights of shape (…, 6), all at once; returns shape (…)."""
        return np.asarray((self.y - self.predict(theta)) ** 2)[()]

    def grad(self, theta: ArrayLike) -> Array:
        r"""Compute ∇L at weights of shape (…, 6), all at once; returns shape (…, 6).

        Written out by hand: the chain rule, six times.
        """
        w1, w2, w3, w4, w5, w6 = self._weights(theta)
        x1, x2 = self.x
        a1, a2 = w1 * x1 + w3 * x2, w2 * x1 + w4 * x2
        dL_dy_hat = -2 * (self.y - (w5 * a1 + w6 * a2))
        dy_hat_dw = np.array([w5 * x1, w6 * x1, w5 * x2, w6 * x2, a1, a2])
        return np.moveaxis(dL_dy_hat * dy_hat_dw, 0, -1)

    def step(self, theta: ArrayLike, *, out: Array | None = None) -> Step:
        r"""Take one step of gradient descent: all weights at once, from the same gradient.

        $$\theta_\text{new} = \theta - \eta \nabla L(\theta)$$

        Args:
            theta: The weights, shape (…, 6).
            out: Where to write the new weights: a float64 array of the same shape, `theta`
                itself included. By default a new one is made.

        Returns:
            The new weights, and the loss L(θ) before the step, shape (…).

        Raises:
            TypeError: `theta` does not hold real numbers, or `out` is no float64 array.
            ValueError: A shape does not fit, `theta` is not finite, or the loss or the step
                leaves the finite numbers. Nothing is written then.

        Note:
            For one start the formula is computed with Python's numbers: a call of numpy costs
            more than all of its arithmetic. For many starts, step after step, see `Starts`.

        Examples:
            >>> example = worked_example()
            >>> example.step(example.theta).theta.round(6)
            array([0.979 , 0.458 , 0.458 , 0.616 , 0.958 , 1.9601])
        """
        weights: Sequence[float] | Array
        if isinstance(theta, np.ndarray) and theta.shape == (6,) and theta.dtype == FLOAT64:
            weights, loss = self._step_of_one(theta)
        else:
            weights, loss = self._step_of_many(theta)
        if out is None:
            return Step(np.array(weights), loss)
        if out is not theta or not isinstance(out, np.ndarray) or out.dtype != FLOAT64:
            _check_out(out, np.shape(theta))
        out[...] = weights
        return Step(out, loss)

    def _step_of_many(self, theta: ArrayLike) -> tuple[Array, Any]:
        """Take the step as the formula says it."""
        weights = np.asarray(theta) - self.lr * self.grad(theta)
        loss = _checks.float_array(BEFORE_THE_STEP, self.loss(theta))[()]
        return _checks.float_array(AFTER_THE_STEP, weights), loss

    def _step_of_one(self, theta: Array) -> tuple[Sequence[float], float]:
        """Take the same step in Python's numbers, with η ∂L/∂ŷ multiplied out of the gradient."""
        w1, w2, w3, w4, w5, w6 = theta.tolist()
        x1, x2 = self.x.tolist()
        a1, a2 = w1 * x1 + w3 * x2, w2 * x1 + w4 * x2
        error = w5 * a1 + w6 * a2 - self.y
        s = 2 * self.lr * error
        s1, s2 = s * w5, s * w6
        weights = (w1 - s1 * x1, w2 - s2 * x1, w3 - s1 * x2, w4 - s2 * x2, w5 - s * a1, w6 - s * a2)
        loss = error * error
        if not isfinite(sum(weights, loss)):
            for name, value in (
                ("theta", theta),
                (BEFORE_THE_STEP, loss),
                (AFTER_THE_STEP, weights),
            ):
                _checks.float_array(name, value)
        return weights, loss

    def _weights(self, theta: ArrayLike) -> Any:
        weights = _checks.float_array("theta", theta)
        _check_six(weights)
        return np.moveaxis(weights, -1, 0)


def _check_six(weights: Array) -> None:
    if weights.shape[-1:] != (6,):
        raise ValueError(f"theta needs a last axis of 6, got shape {weights.shape}")


def _check_out(out: Array, shape: tuple[int, ...]) -> None:
    """Check an array to write to: nothing is broadcast or rounded on its way into it."""
    if not isinstance(out, np.ndarray) or out.dtype != np.float64:
        got = f"dtype {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise TypeError(f"out needs to be a float64 array, got {got}")
    if out.shape != shape:
        raise ValueError(f"out needs the shape of theta, {shape}, got shape {out.shape}")


class Starts:
    r"""The worked example's descent from n starts at once, in place.

    A step is `WorkedExample.step`, with nothing made anew: the weights stand in six contiguous
    rows, so that one call of numpy does one operation for all starts, and each call writes into an
    array made beforehand.

    Args:
        example: The network, its sample and its learning rate.
        theta: The starts, shape (n, 6); they are copied.

    Raises:
        TypeError: `theta` does not hold real numbers.
        ValueError: `theta` has another shape, or is not finite.

    Examples:
        >>> example = worked_example()
        >>> starts = Starts(example, [example.theta, 2 * example.theta])
        >>> starts.step().round(6)
        array([  4.41, 116.64])
        >>> starts.theta[0].round(6)
        array([0.979 , 0.458 , 0.458 , 0.616 , 0.958 , 1.9601])
    """

    def __init__(self, example: WorkedExample, theta: ArrayLike) -> None:
        given = _checks.float_array("theta", theta, ndim=2)
        _check_six(given)
        n = len(given)
        # Numbers as arrays: of Python's numbers, numpy would make arrays in each call.
        self._x = np.array(example.x, dtype=np.float64)
        self._x1, self._x2 = np.array(self._x[0]), np.array(self._x[1])
        self._y, self._two_lr = np.array(float(example.y)), np.array(2.0 * example.lr)
        # Each part of a buffer is cut out once: a view costs as much as an operation on n numbers.
        self._weights = np.array(given.T, dtype=np.float64, order="C")
        self._hidden, self._output = self._weights[:4].reshape(2, 2 * n), self._weights[4:]
        self._w5, self._w6 = self._output
        self._a, self._delta, self._products = np.empty((3, 2, n))
        (self._a1, self._a2), (self._delta1, self._delta2) = self._a, self._delta
        self._a_flat, self._delta_flat = self._a.reshape(-1), self._delta.reshape(-1)
        self._product5, self._product6 = self._products
        self._error, self._s, self._loss = np.empty((3, n))
        self._update = np.empty((6, n))
        self._update12, self._update34 = self._update[:4].reshape(2, 2 * n)
        self._update5, self._update6 = self._update[4:]

    @property
    def theta(self) -> Array:
        """The weights as they are now, shape (n, 6). It is a view: writing to it moves a start."""
        return self._weights.T

    def step(self) -> Array:
        """Take one step from each start.

        Returns:
            The losses before the step, shape (n,); the next step writes over them.

        Raises:
            ValueError: A start has left the finite numbers. `theta` shows what came of it.

        Note:
            A loss alone that overflows is infinite; numpy warns of it.
        """
        # forward: a = x1 (w1, w2) + x2 (w3, w4), and the error ŷ - y
        np.dot(self._x, self._hidden, self._a_flat)
        np.multiply(self._output, self._a, self._products)
        np.add(self._product5, self._product6, self._error)
        np.subtract(self._error, self._y, self._error)
        np.square(self._error, self._loss)
        # backward, with η in it from the start: s = η ∂L/∂ŷ, and δ = s (w5, w6)
        np.multiply(self._error, self._two_lr, self._s)
        np.multiply(self._s, self._w5, self._delta1)
        np.multiply(self._s, self._w6, self._delta2)
        np.multiply(self._delta_flat, self._x1, self._update12)
        np.multiply(self._delta_flat, self._x2, self._update34)
        np.multiply(self._s, self._a1, self._update5)
        np.multiply(self._s, self._a2, self._update6)
        np.subtract(self._weights, self._update, self._weights)
        if not _checks.surely_finite(self._weights):
            _checks.float_array(AFTER_THE_STEP, self.theta)
        return self._loss


def worked_example(
    *,
    w1: float = 1.0,
    w2: float = 0.5,
    w3: float = 0.5,
    w4: float = 0.7,
    w5: float = 1.0,
    w6: float = 2.0,
) -> WorkedExample:
    """Make the example that every page shares, or the same one with other weights.

    Args:
        w1: From x1 to the first hidden unit.
        w2: From x1 to the second hidden unit.
        w3: From x2 to the first hidden unit.
        w4: From x2 to the second hidden unit.
        w5: From the first hidden unit to the output.
        w6: From the second hidden unit to the output.

    Returns:
        The network with its sample x = (0.5, 1.0), y = 0.8 and its learning rate 0.01.

    Raises:
        TypeError: A weight is not a real number.
        ValueError: A weight is not finite.

    Note:
        By default w2 = w3, so W_h is symmetric and a transposed matrix goes unnoticed. Another
        w3 alone shows it in the gradient, but not in ŷ, because w6 x1 = w5 x2:
        `worked_example(w3=0.9, w6=3.0)` shows it in both.

    Examples:
        >>> example = worked_example()
        >>> round(float(example.predict(example.theta)), 12)
        2.9
        >>> example.grad(example.theta).round(12)
        array([2.1 , 4.2 , 4.2 , 8.4 , 4.2 , 3.99])
    """
    weights = {"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w5": w5, "w6": w6}
    theta = np.array([_checks.real(name, weight) for name, weight in weights.items()])
    return WorkedExample(theta=theta, x=np.array([0.5, 1.0]), y=0.8, lr=0.01)
