r"""The same training on many processes, through PyTorch's `torch.distributed`.

Each process holds the whole network and takes its shard of every batch; the processes average
their gradients before each step, so that all of them take the same one. `torchrun` starts them::

    torchrun --standalone --nproc-per-node 2 -m gdbp.parallel --epochs 12 --checkpoint run.npz

They train the classifier of digits on page 13. Without `torchrun` it is the one process. For
restarts (`--max-restarts`), set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1: else processes started anew
may find the addresses of the dead ones.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import ArrayLike
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gdbp import _checks, checkpoints
from gdbp._checks import Array
from gdbp._trees import Tree, same_structure, tree_map
from gdbp.backprop import init_params
from gdbp.descent import Indices, Shuffles
from gdbp.torch_nets import dense_network


def shard(batch: Indices, rank: int, world_size: int) -> Indices:
    """Return what one process computes of a batch.

    Args:
        batch: The indices of a batch's samples, shape (n,).
        rank: The number of the process, from 0.
        world_size: The number of processes, at least 1.

    Returns:
        The shard. The shards of all processes make up the batch, and differ in size by at most 1;
        with fewer samples than processes, some are empty.

    Raises:
        TypeError: A count is not an integer.
        ValueError: `world_size` < 1, or `rank` is not one of 0, …, `world_size` − 1.

    Examples:
        >>> [shard(np.arange(5), rank, 2).tolist() for rank in range(2)]
        [[0, 1, 2], [3, 4]]
    """
    world_size = _checks.integer("world_size", world_size, minimum=1)
    rank = _checks.integer("rank", rank, minimum=0, maximum=world_size - 1)
    return np.array_split(batch, world_size)[rank]


def mean_of_shards(grads: Sequence[Tree], sizes: Sequence[int]) -> Tree:
    r"""Average the gradients of shards into the gradient of the batch.

    $$\nabla L_B = \sum_r \frac{n_r}{n} \nabla L_{B_r}, \qquad n = \sum_r n_r$$

    Args:
        grads: Each shard's gradient of its mean loss: trees of one structure.
        sizes: n_r ≥ 1, the number of samples in each shard.

    Returns:
        The gradient of the mean loss over all samples.

    Raises:
        TypeError: A size is not an integer.
        ValueError: There is no shard, the lengths differ, a size is < 1 or a structure another.

    Note:
        Without the weights, the samples of a smaller shard would count for more.

    Examples:
        >>> mean_of_shards([np.array([1.0]), np.array([4.0])], [2, 1])
        array([2.])
    """
    if len(grads) == 0 or len(grads) != len(sizes):
        raise ValueError(f"sizes needs one for each of {len(grads)} > 0 grads, got {len(sizes)}")
    for k, grad in enumerate(grads):
        _checks.integer(f"sizes[{k}]", sizes[k], minimum=1)
        same_structure(f"grads[{k}]", grad, "grads[0]", grads[0])
    weights = np.array(sizes) / sum(sizes)
    return tree_map(lambda *leaves: sum(map(np.multiply, weights, leaves)), *grads)


def step_time(
    n: ArrayLike, *, compute: float, n_bytes: float, latency: float, bandwidth: float
) -> Array:
    r"""Model the time of a step on n processes, which average their gradients around a ring.

    $$T(n) = \frac cn + 2 (n - 1) \Big( \alpha + \frac{S}{n \beta} \Big)$$

    A ring passes n − 1 messages to sum up and n − 1 to share the sums; each holds an n-th of the
    gradient.

    Args:
        n: The number of processes, ≥ 1; any shape.
        compute: c > 0, the time of a step on one process, in seconds.
        n_bytes: S ≥ 0, the size of the gradient.
        latency: α > 0, the time of a message however small, in seconds.
        bandwidth: β > 0, in bytes a second.

    Returns:
        T in seconds, shaped like `n`.

    Raises:
        TypeError: An argument is not a real number.
        ValueError: An argument is out of its range.

    Examples:
        >>> step_time([1, 2, 4], compute=1.0, n_bytes=0, latency=0.05, bandwidth=1e9)
        array([1.  , 0.6 , 0.55])
    """
    c, size, alpha, beta = _costs(compute, n_bytes, latency, bandwidth)
    processes = _checks.float_array("n", n)
    if (processes < 1).any():
        raise ValueError(f"n needs numbers >= 1, got {processes.min():g}")
    return c / processes + 2 * (processes - 1) * (alpha + size / (processes * beta))


def best_world_size(*, compute: float, n_bytes: float, latency: float, bandwidth: float) -> int:
    r"""Return the number of processes beyond which another no longer pays, by `step_time`.

    $$n^* = \sqrt{\frac{c - 2 S / \beta}{2 \alpha}}$$

    is where T′(n) = 0; the answer is one of its two neighbours.

    Args:
        compute: c > 0, the time of a step on one process, in seconds.
        n_bytes: S ≥ 0, the size of the gradient.
        latency: α > 0, the time of a message however small, in seconds.
        bandwidth: β > 0, in bytes a second.

    Returns:
        The number of processes with the shortest step; 1 where the gradient takes longer to pass
        around than to compute.

    Raises:
        TypeError: An argument is not a real number.
        ValueError: An argument is out of its range.

    Examples:
        >>> best_world_size(compute=1.0, n_bytes=0, latency=0.05, bandwidth=1e9)
        3
    """
    c, size, alpha, beta = _costs(compute, n_bytes, latency, bandwidth)
    root = int(np.sqrt(max(c - 2 * size / beta, 0) / (2 * alpha)))
    candidates = np.array([max(root, 1), root + 1])
    times = step_time(
        candidates, compute=compute, n_bytes=n_bytes, latency=latency, bandwidth=bandwidth
    )
    return int(candidates[times.argmin()])


def _costs(
    compute: float, n_bytes: float, latency: float, bandwidth: float
) -> tuple[float, float, float, float]:
    return (
        _checks.real("compute", compute, above=0),
        _checks.real("n_bytes", n_bytes, minimum=0),
        _checks.real("latency", latency, above=0),
        _checks.real("bandwidth", bandwidth, above=0),
    )


@dataclass(frozen=True)
class Group:
    """The processes that train together, as one of them sees it.

    Attributes:
        rank: The number of this process; 0 speaks and writes for all.
        world_size: The number of processes.
        device: Where this process computes: a GPU of its own, or the CPU.
    """

    rank: int
    world_size: int
    device: torch.device


@contextmanager
def process_group() -> Iterator[Group]:
    """Join the processes that `torchrun` has started, or make a group of this one alone.

    Yields:
        The group. It uses NCCL where there are GPUs, and gloo elsewhere.

    Raises:
        OSError: The processes cannot meet, as when another program has the port.

    Examples:
        >>> with process_group() as group:
        ...     group.rank, group.world_size
        (0, 1)
    """
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    try:
        if "RANK" in os.environ:
            dist.init_process_group(backend)
        else:
            store = dist.HashStore()  # type: ignore[attr-defined]  # it is documented
            dist.init_process_group(backend, store=store, rank=0, world_size=1)
    except dist.DistError as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        in_use = "EADDRINUSE" in str(error)
        reason = "the port is in use, choose another" if in_use else str(error).partition("\n")[0]
        raise OSError(f"the processes cannot meet at {where}: {reason}") from error
    try:
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if backend == "nccl" else "cpu"
        yield Group(dist.get_rank(), dist.get_world_size(), torch.device(device))
    finally:
        dist.destroy_process_group()


def train(
    group: Group,
    model: nn.Module,
    X: ArrayLike,
    y: ArrayLike,
    *,
    lr: float,
    momentum: float = 0.0,
    batch_size: int,
    n_epochs: int,
    rng: np.random.Generator,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
) -> Array:
    r"""Train a classifier on all processes of a group, with the result of one process.

    DistributedDataParallel averages the processes' gradients with equal weights. So each process
    hands it its share of the batch's mean loss, times the number N of processes:

    $$\frac1N \sum_r \nabla \Big( \frac Nn \sum_{i \in B_r} \ell_i \Big) = \nabla L_B$$

    Args:
        group: The processes, from `process_group`.
        model: The network, from inputs to logits, with the same parameters in each process. It
            is trained in place.
        X: The inputs, shape (n, d_in): all of them, in each process.
        y: The labels, integers of shape (n,).
        lr: The learning rate η > 0.
        momentum: β in [0, 1).
        batch_size: The number of samples a step, for all processes together.
        n_epochs: The number of passes through the data, at least 1.
        rng: The source of the shuffles, with the same seed in each process.
        checkpoint: A file that each process goes on from if it exists, and process 0 saves to;
            on several machines, in a folder that they share.
        checkpoint_every: Save after this many steps, and after the last; by default once an epoch.

    Returns:
        The loss over all samples, at the start and after each epoch, shape (n_epochs + 1,).

    Raises:
        TypeError: A count is not an integer, data are not numbers, `rng` is not a Generator.
        ValueError: There are more processes than samples; a number is out of its range; `X` and
            `y` differ in length; `checkpoint` is damaged or of another run.

    Note:
        A checkpoint knows nothing of the number of processes: the run may go on with another.

    Examples:
        >>> model, rng = dense_network([{"W": np.zeros((1, 2))}], ["identity"]), np.random
        >>> with process_group() as group:
        ...     losses = train(group, model, [[1.0], [2.0], [3.0]], [0, 0, 1], lr=0.1, batch_size=2,
        ...                    n_epochs=5, rng=rng.default_rng(0))
        >>> losses.shape
        (6,)
    """
    inputs, labels = _data(X, y)
    n, world_size = len(inputs), group.world_size
    if world_size > n:
        raise ValueError(f"world_size needs a sample for each process: {world_size} > {n} samples")
    lr = _checks.real("lr", lr, above=0)
    momentum = _checks.real("momentum", momentum, minimum=0, below=1)
    shuffles = Shuffles(n, batch_size, rng)
    n_batches = shuffles.n_batches
    n_steps = _checks.integer("n_epochs", n_epochs, minimum=1) * n_batches
    every = n_batches if checkpoint_every is None else checkpoint_every
    _checks.integer("checkpoint_every", every, minimum=1)

    model = model.to(group.device)
    X_all, y_all = torch.tensor(inputs).to(group.device), torch.tensor(labels).to(group.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    summed_loss = nn.CrossEntropyLoss(reduction="sum")

    def full_loss() -> float:
        mine = shard(np.arange(n), group.rank, world_size)
        with torch.no_grad():
            total = summed_loss(model(X_all[mine]), y_all[mine])
        dist.all_reduce(total)
        return float(total.item()) / n

    run = _Run(model, optimizer, shuffles, [full_loss()])
    about = {**run.about(), "lr": lr, "momentum": momentum}
    if checkpoint is not None and Path(checkpoint).exists():
        run.restore(checkpoints.load(checkpoint, about))
    if run.t > n_steps:
        raise ValueError(f"checkpoint is {run.t} steps into a run, this one takes {n_steps}")
    # Its constructor waits for all processes: none saves before each has read the checkpoint.
    averaged = DistributedDataParallel(model)
    try:
        for t in range(run.t, n_steps):
            batch = shuffles.batch(t)
            mine = shard(batch, group.rank, world_size)
            optimizer.zero_grad()
            loss = summed_loss(averaged(X_all[mine]), y_all[mine]) * (world_size / len(batch))
            loss.backward()
            optimizer.step()
            run.t = t + 1
            if run.t % n_batches == 0:
                run.losses.append(full_loss())
            if (
                checkpoint is not None
                and group.rank == 0
                and (run.t % every == 0 or run.t == n_steps)
            ):
                checkpoints.save(checkpoint, run.arrays(), about)
    finally:
        # An error would keep it alive in this frame, beyond the group that it needs for its end.
        del averaged
    return np.array(run.losses)


@dataclass
class _Run:
    """Where a run is: what a checkpoint holds."""

    model: nn.Module
    optimizer: torch.optim.SGD
    shuffles: Shuffles
    losses: list[float]
    t: int = 0

    def about(self) -> dict[str, Any]:
        """Return what tells a run from another, at its start."""
        shapes = {name: list(p.shape) for name, p in self.model.named_parameters()}
        return {**shapes, "loss at the start": self.losses[0], **self.shuffles.about()}

    def arrays(self) -> dict[str, Array]:
        model, buffers = self.model.state_dict(), self.optimizer.state
        velocity = {
            f"velocity.{k}": buffers[p]["momentum_buffer"].cpu().numpy()
            for k, p in enumerate(self.model.parameters())
            if buffers[p].get("momentum_buffer") is not None
        }
        weights = {f"model.{name}": value.cpu().numpy() for name, value in model.items()}
        counts = {"t": np.array(self.t), "losses": np.array(self.losses)}
        return {**counts, **weights, **velocity, **self.shuffles.arrays()}

    def restore(self, arrays: dict[str, Array]) -> None:
        self.t, self.losses = int(arrays["t"]), arrays["losses"].tolist()
        self.shuffles.restore(arrays)
        self.model.load_state_dict(
            {name: torch.tensor(arrays[f"model.{name}"]) for name in self.model.state_dict()}
        )
        for k, p in enumerate(self.model.parameters()):
            if f"velocity.{k}" in arrays:
                buffer = torch.tensor(arrays[f"velocity.{k}"]).to(p.device)
                self.optimizer.state[p]["momentum_buffer"] = buffer


def _data(X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    inputs, labels = _checks.float_array("X", X, ndim=2), np.asarray(y)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"y needs integer labels, got dtype {labels.dtype}")
    if labels.shape != inputs.shape[:1]:
        raise ValueError(f"y needs shape {inputs.shape[:1]}, a label a row, got {labels.shape}")
    return inputs, labels.astype(np.int64)


def digits(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Return scikit-learn's digits, cut and scaled as on page 13.

    Args:
        rng: The source of the split.

    Returns:
        The inputs and labels to train with, (1347, 64) and (1347,), and those to test with,
        (450, 64) and (450,).

    Raises:
        ModuleNotFoundError: scikit-learn, which brings the images, is not installed.

    Examples:
        >>> [part.shape for part in digits(np.random.default_rng(0))]
        [(1347, 64), (1347,), (450, 64), (450,)]
    """
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        message = "the digits come with scikit-learn: pip install scikit-learn"
        raise ModuleNotFoundError(message) from error
    images, labels = load_digits(return_X_y=True)
    order = _checks.generator("rng", rng).permutation(len(labels))
    train, test = order[:1347], order[1347:]
    centred = images - images[train].mean(axis=0)
    scaled = centred / centred[train].std()
    return scaled[train], labels[train], scaled[test], labels[test]


def main(argv: Sequence[str] | None = None) -> int:
    """Train on the digits, as the command line says; `--help` lists the options.

    Args:
        argv: The options; by default those of this process.

    Returns:
        0, or 2 where bad input is told in one line.

    Examples:
        >>> main(["--epochs", "0"])
        2
    """
    options = _parser().parse_args(argv)
    try:
        with process_group() as group:
            return _train_on_digits(group, options)
    except (ModuleNotFoundError, OSError, TypeError, ValueError) as error:
        if os.environ.get("RANK", "0") == "0":
            sys.stderr.write(f"gdbp.parallel: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gdbp.parallel", description="Train the classifier of digits on many processes."
    )
    parser.add_argument("--epochs", type=int, default=12, help="passes through the data")
    parser.add_argument("--batch-size", type=int, default=32, help="of all processes together")
    parser.add_argument("--lr", type=float, default=0.3, help="the learning rate")
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--hidden", type=int, default=32, help="units of the hidden layer")
    parser.add_argument("--seed", type=int, default=0, help="of split, weights and shuffles")
    parser.add_argument("--checkpoint", metavar="FILE", help="go on from it, and save to it")
    parser.add_argument("--checkpoint-every", type=int, metavar="STEPS", help="default: an epoch")
    return parser


def _train_on_digits(group: Group, options: argparse.Namespace) -> int:
    rng = np.random.default_rng(options.seed)
    X, y, X_test, y_test = digits(rng)
    model = dense_network(init_params([64, options.hidden, 10], rng), ["tanh", "identity"])
    losses = train(
        group,
        model,
        X,
        y,
        lr=options.lr,
        momentum=options.momentum,
        batch_size=options.batch_size,
        n_epochs=options.epochs,
        rng=rng,
        checkpoint=options.checkpoint,
        checkpoint_every=options.checkpoint_every,
    )
    with torch.no_grad():
        answers = model(torch.tensor(X_test).to(group.device)).argmax(dim=1).cpu().numpy()
    if group.rank == 0:
        for epoch, loss in enumerate(losses):
            sys.stdout.write(f"epoch {epoch:3d}  loss {loss:.12g}\n")
        sys.stdout.write(f"test accuracy {np.mean(answers == y_test):.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
