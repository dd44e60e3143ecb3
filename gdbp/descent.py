r"""The training loop: from a loss, a start and an optimizer to a trajectory.

`minimize` descends a function of the parameters; `fit` descends a loss over data, all of it a
step (batch), one sample a step (stochastic) or a few (mini-batch). Both run the one loop at the
end of this module, `_descend`. For long runs, both bound what they keep (`keep_every`), show
their progress, and can be killed at any moment and go on (`checkpoint`).
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gdbp import _checks, checkpoints
from gdbp._checks import Array
from gdbp._trees import Tree, float_tree, ravel, tree_leaves, tree_map
from gdbp.calculus import gradient
from gdbp.optimizers import Optimizer, apply_updates

Indices = NDArray[np.intp]

OnRecord = Callable[[int, Tree, float], object]
"""What to do with each record: a function of its number k, its parameters and its loss."""


class Trajectory(NamedTuple):
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
    keep_every: int = 1,
    on_record: OnRecord | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
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
        keep_every: Keep each record whose number is a multiple of this, and the last. With
            `n_steps`, the trajectory is the start and the end, however long the run.
        on_record: Is called with each record, kept or not: with its number k, its parameters,
            which it must not change, and its loss.
        checkpoint: A file to go on from if it exists, and to save the run to; see the note.
        checkpoint_every: Save after this many steps, and after the last; 1000 by default.
        progress: Whether to show a progress bar, with the steps a second and the time left.

    Returns:
        The trajectory: n_steps + 1 records, or fewer if the run diverged or `keep_every` > 1.

    Raises:
        TypeError: `loss_fn` or `grad_fn` is not a function or does not return numbers, `params`
            does not hold real numbers, `n_steps` is not an integer.
        ValueError: `params` is empty or not finite, the loss at the start is not finite or not
            a scalar, the gradient has other shapes than `params`, a count < 1, `checkpoint` is
            damaged or of another run, or `checkpoint_every` is given without it.

    Note:
        A run whose loss or parameters stop being finite ends there. The trajectory keeps
        the records before that, and its `diverged` and `message` say so.

        A run that was killed, at whatever moment, and is started again with the same arguments
        returns what it would have returned otherwise, bit for bit. `on_record` is called anew
        for the records since the last checkpoint. A finished run is read back; a larger `n_steps`
        takes it further. Another network, start or optimizer is an error. It shows in the shapes,
        in the loss at the start, or in the first steps: not in how a schedule goes on later. A
        checkpoint holds all records kept so far.

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
    plan = _Plan(
        n_steps=n_steps,
        keep_every=keep_every,
        on_record=on_record,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        progress=progress,
    ).checked()
    return _descend(loss_fn, params, optimizer, lambda t: step_grad, plan)


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
    rng: "np.random.Generator",
    record_every: int | None = None,
    keep_every: int = 1,
    on_record: OnRecord | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
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
        keep_every: As for `minimize`.
        on_record: As for `minimize`.
        checkpoint: As for `minimize`. It holds the place in the epoch, and where `rng` is: what
            `grad_fn` draws at random is the same too if it draws from `rng`.
        checkpoint_every: Save after this many steps, and after the last; by default once an epoch.
        progress: Whether to show a progress bar, with the steps a second and the time left.

    Returns:
        The trajectory. Its losses are over all n samples, at the recorded steps.

    Raises:
        TypeError: A function is not one, data are not numbers, a count is not an integer, `rng` is
            not a Generator.
        ValueError: As for `minimize`; `X` and `y` differ in length, are empty or not finite;
            `batch_size` < 1 or > n; another count < 1.

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
    n_epochs = _checks.integer("n_epochs", n_epochs, minimum=1)
    shuffles = Shuffles(n, batch_size, rng)
    an_epoch = shuffles.n_batches
    batch_grad = _grad_or_differences(loss_fn, grad_fn)

    def grad_at(t: int) -> Callable[[Tree], Tree]:
        batch = shuffles.batch(t)
        return lambda params: batch_grad(params, inputs[batch], targets[batch])

    plan = _Plan(
        n_steps=n_epochs * an_epoch,
        record_every=an_epoch if record_every is None else record_every,
        keep_every=keep_every,
        on_record=on_record,
        checkpoint=checkpoint,
        checkpoint_every=an_epoch if checkpoint and checkpoint_every is None else checkpoint_every,
        progress=progress,
        shuffles=shuffles,
        data=(inputs, targets),
    ).checked()
    return _descend(
        lambda params: loss_fn(params, inputs, targets), params, optimizer, grad_at, plan
    )


def batches(n: int, batch_size: int, rng: "np.random.Generator") -> list[Indices]:
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


class Shuffles:
    """The batches of epoch after epoch, which a checkpoint can keep and take up again.

    Args:
        n: The number of samples, at least 1.
        batch_size: The number of samples a batch, from 1 to `n`.
        rng: The source of the shuffles.

    Raises:
        TypeError: A count is not an integer, or `rng` is not a Generator.
        ValueError: `n` < 1, or `batch_size` < 1 or > `n`.

    Examples:
        >>> shuffles = Shuffles(5, 2, np.random.default_rng(0))
        >>> [shuffles.batch(t).size for t in range(6)]
        [2, 2, 1, 2, 2, 1]
    """

    def __init__(self, n: int, batch_size: int, rng: "np.random.Generator") -> None:
        self.n = _checks.integer("n", n, minimum=1)
        self.batch_size = _checks.integer("batch_size", batch_size, minimum=1, maximum=n)
        self.rng = _checks.generator("rng", rng)
        self._epoch: list[Indices] = []

    @property
    def n_batches(self) -> int:
        """The number of batches in an epoch; the last may be smaller than the others."""
        return -(-self.n // self.batch_size)

    def batch(self, t: int) -> Indices:
        """Return the batch of step t = 0, 1, …; steps are asked for in their order."""
        place = t % self.n_batches
        if place == 0:
            self._epoch = batches(self.n, self.batch_size, self.rng)
        return self._epoch[place]

    def about(self) -> dict[str, Any]:
        """Return what tells these shuffles from others, but for their seed."""
        generator = type(self.rng.bit_generator).__name__
        return {"samples": self.n, "batch_size": self.batch_size, "generator": generator}

    def arrays(self) -> dict[str, Array]:
        """Return what a checkpoint keeps: this epoch's order, and where the generator is."""
        rng = np.array(checkpoints.generator_state(self.rng))
        return {"order": np.concatenate(self._epoch), "rng": rng}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take up again what `arrays` returned, after the last batch that was asked for then."""
        self._epoch = np.split(arrays["order"], range(self.batch_size, self.n, self.batch_size))
        checkpoints.set_generator_state(self.rng, str(arrays["rng"]))


class _Record(NamedTuple):
    step: int
    params: Tree
    loss: float


class _Run:
    """Where a run is: all that its next step depends on, and what it has to show."""

    def __init__(self, params: Tree, state: Any, records: list[_Record], t: int = 0) -> None:
        self.params, self.state, self.records, self.t = params, state, records, t

    def stacked(self) -> dict[str, Any]:
        """Return the records as arrays, under the names that they have in a trajectory."""
        steps, params, losses = zip(*self.records, strict=True)
        return {
            "params": tree_map(lambda *leaves: np.stack(leaves), *params),
            "loss": np.array(losses),
            "step": np.array(steps),
        }


class _Plan(NamedTuple):
    """How long a run is, and what is recorded, kept, saved and shown on its way."""

    n_steps: int
    keep_every: int
    on_record: OnRecord | None
    checkpoint: str | os.PathLike[str] | None
    checkpoint_every: int | None
    progress: bool
    record_every: int = 1
    shuffles: Shuffles | None = None
    data: tuple[Array, ...] = ()

    def checked(self) -> "_Plan":
        """Return the plan, or raise for a number or a function in it that is none."""
        _checks.integer("record_every", self.record_every, minimum=1)
        _checks.integer("keep_every", self.keep_every, minimum=1)
        if self.on_record is not None:
            _checks.function("on_record", self.on_record)
        if self.checkpoint_every is not None:
            _checks.integer("checkpoint_every", self.checkpoint_every, minimum=1)
            if self.checkpoint is None:
                raise ValueError("checkpoint_every needs a checkpoint, the file to save to")
        return self

    def is_kept(self, record: _Record) -> bool:
        return record.step % (self.record_every * self.keep_every) == 0

    def add(self, run: _Run, loss: float) -> None:
        """Record where the run is, in the place of the last record if that is not to be kept."""
        if not self.is_kept(run.records[-1]):
            run.records.pop()
        run.records.append(_Record(run.t, run.params, loss))
        self.report(run)

    def report(self, run: _Run) -> None:
        step, params, loss = run.records[-1]
        if self.on_record is not None:
            self.on_record(-(-step // self.record_every), params, loss)

    def saves_at(self, t: int) -> bool:
        every = self.checkpoint_every or 1000
        return self.checkpoint is not None and (t % every == 0 or t == self.n_steps)

    def about(self, run: _Run, optimizer: Optimizer) -> dict[str, Any]:
        """Return what tells a run from another, at its start."""
        import zlib  # only where a checkpoint is written

        leaves = tree_leaves(run.params, "params")
        return {
            **{name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in leaves},
            **(self.shuffles.about() if self.shuffles else {}),
            "optimizer": type(run.state).__name__,
            "optimizer's first steps": _first_steps(optimizer, run.params),
            "loss at the start": run.records[0].loss,
            "record_every": self.record_every,
            "keep_every": self.keep_every,
            "data (CRC-32)": [zlib.crc32(array.tobytes()) for array in self.data],
        }

    def save(self, run: _Run, about: Mapping[str, Any]) -> None:
        assert self.checkpoint is not None
        arrays = {
            "t": np.array(run.t),
            **checkpoints.pack("params", run.params),
            **checkpoints.pack("state", run.state),
            **checkpoints.pack("records", run.stacked()),
            **(self.shuffles.arrays() if self.shuffles else {}),
        }
        checkpoints.save(self.checkpoint, arrays, about)

    def resume(self, start: _Run, about: Mapping[str, Any]) -> _Run:
        """Return the run that the checkpoint holds."""
        assert self.checkpoint is not None
        arrays = checkpoints.load(self.checkpoint, about)
        t = int(arrays["t"])
        if t > self.n_steps:
            raise ValueError(
                f"checkpoint {os.fspath(self.checkpoint)!r} is {t} steps into a run, "
                f"this one takes {self.n_steps}"
            )
        if self.shuffles:
            self.shuffles.restore(arrays)
        kept = checkpoints.unpack("records", start.stacked(), arrays)
        records = [
            _Record(int(step), tree_map(lambda leaf, k=k: leaf[k], kept["params"]), float(loss))
            for k, (step, loss) in enumerate(zip(kept["step"], kept["loss"], strict=True))
        ]
        params = checkpoints.unpack("params", start.params, arrays)
        return _Run(params, checkpoints.unpack("state", start.state, arrays), records, t)


def _descend(
    loss_fn: Callable[[Tree], Any],
    params: Tree,
    optimizer: Optimizer,
    grad_at: Callable[[int], Callable[[Tree], Tree]],
    plan: _Plan,
) -> Trajectory:
    """Take the steps, each along the gradient of its own function, `grad_at(0)` at first."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer needs an Optimizer, such as sgd(lr=0.1), got {optimizer!r}")
    params = float_tree("params", params)
    start = _Record(0, params, _loss_value(loss_fn, params))
    run = _Run(params, optimizer.init(params), [start])
    about = plan.about(run, optimizer) if plan.checkpoint else {}
    if plan.checkpoint and os.path.exists(plan.checkpoint):
        run = plan.resume(run, about)
    else:
        plan.report(run)
    trouble = None
    steps = range(run.t, plan.n_steps)
    # A run that diverges overflows on its way; it is caught below by value, not by warning.
    with np.errstate(over="ignore", invalid="ignore"):
        for t in _shown(steps) if plan.progress else steps:
            loss = None
            try:
                updates, state = optimizer.update(grad_at(t)(run.params), run.state, run.params)
                params = apply_updates(run.params, updates)
                if (t + 1) % plan.record_every == 0 or t + 1 == plan.n_steps:
                    loss = _loss_value(loss_fn, params)
            except _checks.NotFiniteError as error:
                trouble = f"diverged at step {t + 1} of {plan.n_steps}: {error}"
                break
            run.params, run.state, run.t = params, state, t + 1
            if loss is not None:
                plan.add(run, loss)
            if plan.saves_at(run.t):
                plan.save(run, about)
    return Trajectory(
        **run.stacked(),
        diverged=trouble is not None,
        message=trouble or f"took {plan.n_steps} steps",
    )


def _shown(steps: range) -> Iterable[int]:
    """Show a progress bar while the steps are taken."""
    from tqdm import tqdm  # most runs show none, and it takes a third as long as numpy to import

    return tqdm(steps, initial=steps.start, total=steps.stop)


def _first_steps(optimizer: Optimizer, params: Tree) -> list[float]:
    """Tell optimizers apart: the sizes of their steps along three made-up gradients."""
    state, sizes = optimizer.init(params), []
    for g in (1.0, 2.0, 0.001):
        grads = tree_map(lambda leaf, g=g: np.full_like(leaf, g), params)
        updates, state = optimizer.update(grads, state, params)
        sizes.append(float(sum(np.abs(u).sum() for _, u in tree_leaves(updates, "updates"))))
    return sizes


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
