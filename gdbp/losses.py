r"""Losses, and their gradients with respect to the prediction.

A loss turns predictions and targets into one number. Its gradient with respect to the prediction
is where backpropagation starts.
"""

import numpy as np
from numpy.typing import ArrayLike

from gdbp import _checks
from gdbp._checks import Array


def mse(y: ArrayLike, y_hat: ArrayLike) -> float:
    r"""Compute the mean squared error.

    $$L = \frac{1}{n} \sum_{i=1}^{n} (y_i - \hat y_i)^2$$

    Args:
        y: The targets, any shape. Integers become float64.
        y_hat: The predictions, with exactly the shape of `y`: nothing is broadcast.

    Returns:
        The loss, in the square of y's unit.

    Raises:
        TypeError: An argument does not hold real numbers.
        ValueError: The shapes differ, an argument is empty or holds NaN or infinity.

    Note:
        n is the number of elements, as in PyTorch's `MSELoss`: for targets of shape
        (n_samples, d_out) the mean runs over outputs too.

    Examples:
        >>> mse([1.0, 2.0], [1.0, 4.0])
        2.0
        >>> mse([1.0, 2.0], [[1.0], [4.0]])
        Traceback (most recent call last):
            ...
        ValueError: y_hat needs the shape of y, (2,), got shape (2, 1)

    References:
        :cite:t:`goodfellow2016deep`, section 5.1.4.
    """
    target, prediction = _pair(y, y_hat)
    return float(np.mean((target - prediction) ** 2))


def mse_grad(y: ArrayLike, y_hat: ArrayLike) -> Array:
    r"""Compute the gradient of the mean squared error with respect to the predictions.

    $$\frac{\partial L}{\partial \hat y_i} = \frac{2}{n} (\hat y_i - y_i)$$

    Args:
        y: The targets, any shape. Integers become float64.
        y_hat: The predictions, with exactly the shape of `y`.

    Returns:
        The gradient, with the shape of `y_hat`.

    Raises:
        TypeError: An argument does not hold real numbers.
        ValueError: The shapes differ, an argument is empty or holds NaN or infinity.

    Examples:
        >>> mse_grad([0.8], [2.9])
        array([4.2])
    """
    target, prediction = _pair(y, y_hat)
    return 2 / target.size * (prediction - target)


def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float:
    r"""Compute the mean cross-entropy of the softmax of the logits.

    $$L = \frac{1}{n} \sum_{i=1}^{n} \Big(\log \sum_{c} e^{z_{ic}} - z_{i\,y_i}\Big)$$

    Args:
        logits: The scores z before the softmax, shape (n, n_classes).
        labels: The classes y, shape (n,), integers from 0 to n_classes − 1.

    Returns:
        The loss, in nats.

    Raises:
        TypeError: `logits` does not hold real numbers or `labels` does not hold integers.
        ValueError: A shape is wrong, a label is out of range, or a logit is not finite.

    Note:
        The largest logit of each row is subtracted first, which changes nothing in exact
        arithmetic and keeps the exponentials finite. The meaning is that of PyTorch's
        `CrossEntropyLoss`.

    Examples:
        >>> round(softmax_cross_entropy([[2.0, 0.0], [1000.0, 0.0]], [0, 0]), 6)
        0.063464

    References:
        :cite:t:`goodfellow2016deep`, section 6.2.2.3.
    """
    z, y = _logits_and_labels(logits, labels)
    return float(-np.mean(_log_softmax(z)[np.arange(y.size), y])) + 0.0  # not -0.0


def softmax_cross_entropy_grad(logits: ArrayLike, labels: ArrayLike) -> Array:
    r"""Compute the gradient of the softmax cross-entropy with respect to the logits.

    $$\frac{\partial L}{\partial z_{ic}} = \frac{1}{n}
      \big(\operatorname{softmax}(z_i)_c - [c = y_i]\big)$$

    Args:
        logits: The scores z before the softmax, shape (n, n_classes).
        labels: The classes y, shape (n,), integers from 0 to n_classes − 1.

    Returns:
        The gradient, shape (n, n_classes).

    Raises:
        TypeError: `logits` does not hold real numbers or `labels` does not hold integers.
        ValueError: A shape is wrong, a label is out of range, or a logit is not finite.

    Examples:
        >>> softmax_cross_entropy_grad([[0.0, 0.0]], [0])
        array([[-0.5,  0.5]])
    """
    z, y = _logits_and_labels(logits, labels)
    grad = np.exp(_log_softmax(z))
    grad[np.arange(y.size), y] -= 1
    return grad / y.size


def _pair(y: ArrayLike, y_hat: ArrayLike) -> tuple[Array, Array]:
    target, prediction = _checks.float_array("y", y), _checks.float_array("y_hat", y_hat)
    _checks.same_shape("y_hat", prediction, "y", target)
    return target, prediction


def _logits_and_labels(logits: ArrayLike, labels: ArrayLike) -> tuple[Array, np.ndarray]:
    z = _checks.float_array("logits", logits, ndim=2)
    y = _checks.as_array("labels", labels)
    if y.shape != z.shape[:1]:
        raise ValueError(f"labels needs shape {z.shape[:1]}, a label a row, got shape {y.shape}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"labels needs integers, got dtype {y.dtype}")
    if y.min() < 0 or y.max() >= z.shape[1]:
        raise ValueError(
            f"labels needs classes from 0 to {z.shape[1] - 1}, got {y.min()} to {y.max()}"
        )
    return z, y


def _log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
