r"""The same networks in PyTorch, built from the same weights, so that autograd can be compared.

PyTorch's `Linear` computes X @ weight.T + bias: its `weight` has shape (d_out, d_in), the
transpose of this book's W. Every crossing between the two layouts happens in this module.
"""

from collections.abc import Sequence
from functools import partial

import torch
from numpy.typing import ArrayLike
from torch import nn

from gdbp import _checks
from gdbp._checks import Array
from gdbp.backprop import ACTIVATIONS, Network, Params

MODULES: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
}
"""PyTorch's module for each activation of `gdbp.backprop`."""

assert MODULES.keys() == ACTIVATIONS.keys()


class TwoLayerLinear(nn.Module):
    r"""The worked example as a PyTorch module: two linear layers, no bias, no activation.

    $$\hat y = x^\top W_h W_o$$

    Args:
        W_h: The hidden layer's weights, shape (d_in, d_hidden), as in X @ W_h.
        W_o: The output layer's weights, shape (d_hidden, d_out).
        dtype: The type of the weights.

    Raises:
        TypeError: A matrix does not hold real numbers.
        ValueError: A matrix does not have two axes, the sizes do not fit, or a number is not
            finite.

    Note:
        The modules hold the transposes: `hidden.weight` is W_hᵀ.

    Examples:
        >>> model = TwoLayerLinear([[1.0, 0.5], [0.9, 0.7]], [[1.0], [2.0]])
        >>> model.hidden.weight.tolist()[0]
        [1.0, 0.8999999761581421]
    """

    def __init__(
        self, W_h: ArrayLike, W_o: ArrayLike, *, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        hidden, output = (
            _checks.float_array("W_h", W_h, ndim=2),
            _checks.float_array("W_o", W_o, ndim=2),
        )
        if output.shape[0] != hidden.shape[1]:
            raise ValueError(
                f"W_o needs {hidden.shape[1]} rows, the columns of W_h, got shape {output.shape}"
            )
        self.hidden = linear(hidden, dtype=dtype)
        self.output = linear(output, dtype=dtype)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Compute the predictions, shape (n, d_out), for inputs of shape (n, d_in)."""
        return self.output(self.hidden(X))  # type: ignore[no-any-return]


def linear(
    W: ArrayLike, b: ArrayLike | None = None, *, dtype: torch.dtype = torch.float64
) -> nn.Linear:
    r"""Make a PyTorch layer that computes $X W + b$.

    Args:
        W: The weights, shape (d_in, d_out).
        b: The bias, shape (d_out,), or `None` for none.
        dtype: The type of the parameters.

    Returns:
        The layer; its `weight` is a copy of Wᵀ, shape (d_out, d_in).

    Raises:
        TypeError: An argument does not hold real numbers.
        ValueError: A shape is wrong, or a number is not finite.

    Examples:
        >>> linear([[1.0, 2.0, 3.0]]).weight.shape
        torch.Size([3, 1])
    """
    weights = _checks.float_array("W", W, ndim=2)
    d_in, d_out = weights.shape
    layer = nn.Linear(d_in, d_out, bias=b is not None, dtype=dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights.T.copy()))
        if b is not None:
            layer.bias.copy_(torch.tensor(_checks.float_array("b", b, shape=weights.shape[1:])))
    return layer


def dense_network(
    params: Params, activations: Sequence[str], *, dtype: torch.dtype = torch.float64
) -> nn.Sequential:
    """Make the network of `gdbp.backprop.Network` in PyTorch, from the same parameters.

    Args:
        params: A `{"W": (d_in, d_out), "b": (d_out,)}` for each layer; no "b" for no bias.
        activations: The name of each layer's activation.
        dtype: The type of the parameters.

    Returns:
        The layers and activations in turn; the parameters are copies.

    Raises:
        TypeError: `params` does not hold real numbers, or `activations` is no sequence of names.
        ValueError: A name is unknown, a shape is wrong, or the lengths differ.

    Examples:
        >>> dense_network([{"W": [[1.0], [2.0]], "b": [0.0]}], ["tanh"])
        Sequential(
          (0): Linear(in_features=2, out_features=1, bias=True)
          (1): Tanh()
        )
    """
    layers = Network(activations).layers(params)
    modules: list[nn.Module] = []
    for layer, name in zip(layers, activations, strict=True):
        modules += [linear(layer["W"], layer.get("b"), dtype=dtype), MODULES[name]()]
    return nn.Sequential(*modules)


def numpy_grads(model: nn.Module) -> list[dict[str, Array]]:
    """Return the gradients of a model's linear layers in this book's layout.

    Args:
        model: A module after `backward()`; its `Linear` layers are taken in order.

    Returns:
        A `{"W": (d_in, d_out), "b": (d_out,)}` of copies for each layer, without "b" for no bias.

    Raises:
        ValueError: A layer has no gradient yet, or there is no linear layer.

    Examples:
        >>> model = linear([[1.0], [2.0]])
        >>> model(torch.tensor([[3.0, 4.0]], dtype=torch.float64)).sum().backward()
        >>> numpy_grads(model)[0]["W"].tolist()
        [[3.0], [4.0]]
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ValueError("model needs at least one Linear layer, got none")
    grads = []
    for k, layer in enumerate(layers):
        if layer.weight.grad is None:
            raise ValueError(f"model needs gradients: layer {k} has none, call backward() first")
        grad = {"W": layer.weight.grad.numpy().T.copy()}
        if layer.bias is not None and layer.bias.grad is not None:
            grad["b"] = layer.bias.grad.numpy().copy()
        grads.append(grad)
    return grads


def record_gradients(model: nn.Module) -> dict[str, list[Array]]:
    """Hook every parameter of a model so that each gradient is recorded when it arrives.

    Args:
        model: A module with trainable parameters.

    Returns:
        A dict that fills with every `backward()`: for each parameter's name, in PyTorch's
        layout, the list of its gradients, in the order in which the parameters received them.

    Raises:
        ValueError: The model has no trainable parameter.

    Examples:
        >>> model = linear([[1.0], [2.0]])
        >>> seen = record_gradients(model)
        >>> model(torch.tensor([[3.0, 4.0]], dtype=torch.float64)).sum().backward()
        >>> seen["weight"][0].tolist()
        [[3.0, 4.0]]
    """
    seen: dict[str, list[Array]] = {}

    def hook(name: str, grad: torch.Tensor) -> None:
        seen.setdefault(name, []).append(grad.detach().numpy().copy())

    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if not trainable:
        raise ValueError("model needs a trainable parameter, got none")
    for name, parameter in trainable:
        parameter.register_hook(partial(hook, name))  # type: ignore[no-untyped-call]  # torch's
    return seen
