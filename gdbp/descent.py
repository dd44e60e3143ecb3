r"""The training loop: from a loss, a start and an optimizer to a trajectory.

`minimize` descends a function of the parameters; `fit` descends a loss over data, all of it a
step (batch), one sample a step (stochastic) or a few (mini-batch). Both run the one loop at the
end of this module.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from gdbp import _checks
from gdbp._checks import Array
from gdbp._trees import Tree, float_tree, ravel, tree_map
from gdbp.calculus import gradient
from gdbp.optimizers import Optimizer, apply_updates

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Trajectory:
    """The records of a descent. Record k holds the loss at the parameters of record k.

    Attributes:
        params: The parameters, stacked: each leaf has the shape (k+1, …) for k+1 records.
        loss: The loss at each record, shape (k+1,).
        step: The number of steps taken before each record, shape (k+1,); it starts with 0.
        diverged: Whether the run stopped because the loss was no longer finite.
        message: How the run ended, in words.
    """

    params: Tree
    loss: Array
    step: Indices
    diverged: bool
    message: str

    @property
    def last(self) -> Tree:
        """The parameters of the last record."""
        return tree_map(lambda leaf: leaf[-1], self.params)

    def __str__(self) -> str:
        return f"{self.message}; loss {self.loss[0]:.6g} -> {self.loss[-1]:.6g}"


def minimize(
    loss_fn: Callable[[Tree], Any],
    params: Tree,
    optimizer: Optimizer,
    *,
    grad_fn: Callable[[Tree], Tree] | None = None,
    n_steps: int,
    progress: bool = False,
) -> Trajectory:
    r"""Descend a function of the parameters.

    $$\theta_{k+1} = \theta_k - \eta \nabla L(\theta_k), \qquad k = 0, 1, \dots$$

    for plain gradient descent; other optimizers turn ∇L into another step.

    Args:
        loss_fn: The loss L, from parameters to a number.
        params: The start θ₀: an ndarray, or a dict or list of ndarrays. Integers become float64.
        optimizer: Such as `gdbp.optimizers.sgd(lr=0.1)`.
        grad_fn: The gradient ∇L, from parameters to arrays of the same shapes. Without it,
            central differences approximate the gradient, at 2 evaluations a parameter.
        n_steps: The number of steps, at least 1.
        progress: Whether to show a progress bar.

    Returns:
        The trajectory: n_steps + 1 records, or fewer if the run diverged.

    Raises:
        TypeError: `loss_fn` or `grad_fn` is not a function or does not return numbers, `params`
            does not hold real numbers, `n_steps` is not an integer.
        ValueError: `params` is empty or not finite, the loss at the start is not finite or not
            a scalar, the gradient has other shapes than `params`, `n_steps` < 1.

    Note:
        A run whose loss or parameters stop being finite ends there. The trajectory keeps
        the records before that, and its `diverged` and `message` say so.

    Examples:
        >>> from gdbp.optimizers import sgd
        >>> run = minimize(lambda x: x @ x, [1.0, 3.0], sgd(lr=0.25), n_steps=2)
        >>> run.params
        array([[1.  , 3.  ],
               [0.5 , 1.5 ],
               [0.25, 0.75]])
        >>> run.loss.tolist()
        [10.0, 2.5, 0.625]

    References:
        :cite:t:`cauchy1847methode`.
    """
    n_steps = _checks.integer("n_steps", n_steps, minimum=1)
    step_grad = _grad_or_differences(loss_fn, grad_fn)
    return _descend(
        loss_fn, params, optimizer, [step_grad] * n_steps, n_steps=n_steps, progress=progress
    )


def fit(
    loss_fn: Callable[[Tree, Array, Array], Any],
    params: Tree,
    X: ArrayLike,
    y: ArrayLike,
    optimizer: Optimizer,
    *,
    grad_fn: Callable[[Tree, Array, Array], Tree] | None = None,
    batch_size: int | None = None,
    n_epochs: int,
    rng: np.random.Generator,
    record_every: int | None = None,
    progress: bool = False,
) -> Trajectory:
    r"""Descend a loss over data, a batch a step.

    $$\theta \leftarrow \theta - \eta \nabla L_B(\theta), \qquad
      L_B(\theta) = \frac{1}{|B|} \sum_{i \in B} \ell(\theta; x_i, y_i)$$

    An epoch shuffles the n samples and cuts them into batches B. `batch_size=None` is batch
    descent, 1 is stochastic descent, anything between is mini-batch descent.

    Args:
        loss_fn: The loss, from `(params, X, y)` to a number.
        params: The start: an ndarray, or a dict or list of ndarrays. Integers become float64.
        X: The inputs, shape (n, …), a sample a row. Integers become float64.
        y: The targets, shape (n, …). Integers stay integers: they may be class labels.
        optimizer: Such as `gdbp.optimizers.sgd(lr=0.1)`.
        grad_fn: The gradient, from `(params, X, y)` to arrays shaped like `params`. Without it,
            central differences approximate it.
        batch_size: The number of samples a step, from 1 to n; all n by default. The last batch of
            an epoch is smaller where n is not a multiple.
        n_epochs: The number of passes through the data, at least 1.
        rng: The source of the shuffles.
        record_every: Record after this many steps; by default once an epoch.
        progress: Whether to show a progress bar.

    Returns:
        The trajectory. Its losses are over all n samples, at the recorded steps.

    Raises:
        TypeError: A function is not one, data are not numbers, a count is not an integer, `rng` is
            not a Generator.
        ValueError: As for `minimize`; `X` and `y` differ in length, are empty or not finite;
            `batch_size` < 1 or > n; `n_epochs` or `record_every` < 1.

    Examples:
        >>> from gdbp.optimizers import sgd
        >>> X, y = np.array([[1.0], [2.0], [3.0]]), np.array([2.0, 4.0, 6.0])
        >>> loss = lambda w, X, y: np.mean((X @ w - y) ** 2)
        >>> run = fit(loss, [0.0], X, y, sgd(lr=0.05), batch_size=1, n_epochs=20,
        ...           rng=np.random.default_rng(0))
        >>> run.last.round(3)
        array([2.])

    References:
        :cite:t:`robbins1951stochastic`.
    """
    inputs, targets = _data(X, y)
    n = len(inputs)
    batch_size = (
        n if batch_size is None else _checks.integer("batch_size", batch_size, minimum=1, maximum=n)
    )
    n_batches = -(-n // batch_size)  # rounded up: the last batch may be smaller
    n_epochs = _checks.integer("n_epochs", n_epochs, minimum=1)
    _checks.generator("rng", rng)
    batch_grad = _grad_or_differences(loss_fn, grad_fn)

    def gradient_on(batch: Indices) -> Callable[[Tree], Tree]:
        return lambda params: batch_grad(params, inputs[batch], targets[batch])

    steps = (gradient_on(batch) for _ in range(n_epochs) for batch in batches(n, batch_size, rng))

    return _descend(
        lambda params: loss_fn(params, inputs, targets),
        params,
        optimizer,
        steps,
        n_steps=n_epochs * n_batches,
        record_every=n_batches if record_every is None else record_every,
        progress=progress,
    )


def batches(n: int, batch_size: int, rng: np.random.Generator) -> list[Indices]:
    """Shuffle the indices of n samples and cut them into the batches of one epoch.

    Args:
        n: The number of samples, at least 1.
        batch_size: The number of samples a batch, from 1 to `n`.
        rng: The source of the shuffle.

    Returns:
        The batches: arrays of indices that hold each of 0, …, n − 1 once. The last is shorter
        where `n` is not a multiple of `batch_size`.

    Raises:
        TypeError: A count is not an integer, or `rng` is not a Generator.
        ValueError: `n` < 1, or `batch_size` < 1 or > `n`.

    Examples:
        >>> [batch.size for batch in batches(5, 2, np.random.default_rng(0))]
        [2, 2, 1]
    """
    n = _checks.integer("n", n, minimum=1)
    batch_size = _checks.integer("batch_size", batch_size, minimum=1, maximum=n)
    order = _checks.generator("rng", rng).permutation(n)
    return np.split(order, range(batch_size, n, batch_size))


class _Record(NamedTuple):
    step: int
    params: Tree
    loss: float


def _descend(
    loss_fn: Callable[[Tree], Any],
    params: Tree,
    optimizer: Optimizer,
    steps: Iterable[Callable[[Tree], Tree]],
    *,
    n_steps: int,
    record_every: int = 1,
    progress: bool,
) -> Trajectory:
    """Take the steps, each along the gradient that its own function computes."""
    _checks.integer("record_every", record_every, minimum=1)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer needs an Optimizer, such as sgd(lr=0.1), got {optimizer!r}")
    params = float_tree("params", params)
    records = [_Record(0, params, _loss_value(loss_fn, params))]
    state = optimizer.init(params)
    trouble = None
    # A run that diverges overflows on its way; it is caught below by value, not by warning.
    with np.errstate(over="ignore", invalid="ignore"):
        for t, grad_fn in enumerate(tqdm(steps, total=n_steps, disable=not progress), start=1):
            try:
                updates, state = optimizer.update(grad_fn(params), state, params)
                params = float_tree("params", apply_updates(params, updates))
                if t % record_every == 0 or t == n_steps:
                    records.append(_Record(t, params, _loss_value(loss_fn, params)))
            except _checks.NotFiniteError as error:
                trouble = f"diverged at step {t} of {n_steps}: {error}"
                break
    return Trajectory(
        params=tree_map(lambda *leaves: np.stack(leaves), *(r.params for r in records)),
        loss=np.array([r.loss for r in records]),
        step=np.array([r.step for r in records]),
        diverged=trouble is not None,
        message=trouble or f"took {n_steps} steps",
    )


def _grad_or_differences(
    loss_fn: Callable[..., Any], grad_fn: Callable[..., Tree] | None
) -> Callable[..., Tree]:
    """Return the gradient given, or one that approximates it with central differences."""
    _checks.function("loss_fn", loss_fn)
    if grad_fn is not None:
        return _checks.function("grad_fn", grad_fn)

    def differences(params: Tree, *data: Any) -> Tree:
        theta, unravel = ravel(params)
        return unravel(gradient(lambda vector: _loss_value(loss_fn, unravel(vector), *data), theta))

    return differences


def _loss_value(loss_fn: Callable[..., Any], *args: Any) -> float:
    loss = _checks.scalar_result("loss_fn", loss_fn(*args))
    if np.iscomplexobj(loss):
        raise TypeError(f"loss_fn needs to return a real number, got {loss}")
    return float(loss)


def _data(X: ArrayLike, y: ArrayLike) -> tuple[Array, NDArray[Any]]:
    inputs, targets = _checks.float_array("X", X), _checks.float_array("y", y)
    if inputs.ndim == 0:
        raise ValueError("X needs a row for each sample, got a single number")
    if targets.shape[:1] != inputs.shape[:1]:
        raise ValueError(
            f"y needs a row for each row of X, {inputs.shape}, got shape {targets.shape}"
        )
    # Integer targets may be class labels, which have to stay integers.
    labels = np.asarray(y)
    return inputs, labels if labels.dtype.kind in "iu" else targets
