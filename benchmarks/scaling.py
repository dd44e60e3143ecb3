"""How much faster is a training on two processes, and where does another one stop paying?

`gdbp.parallel` trains the same networks on one process and on two, in turn, round after round, with
one thread each. Apart from that, the two processes time an all-reduce alone. Its latency and
bandwidth go into the model of page 13, which is compared with what was measured.
`python benchmarks/scaling.py` takes 2 minutes, on a machine of two cores that does nothing else,
and writes results/scaling.json; `--quick` only shows that all works.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import results
import torch
import torch.distributed as dist

from gdbp.backprop import init_params
from gdbp.parallel import Group, best_world_size, process_group, step_time, train
from gdbp.torch_nets import dense_network

D_IN, N_CLASSES = 64, 10
FLOAT = 8  # bytes of a number
HOST, PATIENCE = "127.0.0.1", timedelta(minutes=5)
LOOPBACK = "lo" if sys.platform == "linux" else "lo0"

Found = dict[str, list[float]]
"""The times of one round: of each training and of each all-reduce, in seconds."""


@dataclass(frozen=True)
class Case:
    """A training to time.

    Attributes:
        hidden: The widths of the hidden layers.
        batch_size: The samples of a step, of all processes together.
        n_steps: The steps that are timed in each round.
    """

    hidden: tuple[int, ...]
    batch_size: int
    n_steps: int

    @property
    def sizes(self) -> list[int]:
        """The widths from the input's to the output's."""
        return [D_IN, *self.hidden, N_CLASSES]

    @property
    def n_params(self) -> int:
        """The number of weights and biases."""
        return sum((d_in + 1) * d_out for d_in, d_out in pairwise(self.sizes))


CASES = (
    Case((32,), 32, 200),  # the network of page 13
    Case((256, 256), 32, 100),
    Case((256, 256), 256, 50),
    Case((256, 256), 2048, 10),
    Case((1024, 1024), 256, 10),
    Case((1024, 1024), 2048, 5),
)
REDUCED = tuple(4**k for k in range(12))  # numbers in an all-reduce, up to 32 MiB
ROUNDS = 5


# --- what each process does ---


def step_seconds(group: Group, case: Case, batch_size: int) -> float:
    """Train for an epoch and return the median time of a step."""
    rng = np.random.default_rng(0)
    params = init_params(case.sizes, rng)
    model = dense_network(params, ["tanh"] * len(case.hidden) + ["identity"])
    n = batch_size * (case.n_steps + 1)
    X, y = rng.normal(size=(n, D_IN)), rng.integers(0, N_CLASSES, n)
    starts: list[float] = []

    def note_the_start(*_: object) -> None:
        if torch.is_grad_enabled():  # else it is the loss over all samples, not a step
            starts.append(perf_counter())

    model.register_forward_pre_hook(note_the_start)
    train(group, model, X, y, lr=1e-3, batch_size=batch_size, n_epochs=1, rng=rng)
    return median(np.diff(starts).tolist())


def all_reduce_seconds(n_numbers: int) -> float:
    """Return the median time in which the processes sum arrays of this length."""
    numbers, times = torch.ones(n_numbers, dtype=torch.float64), []
    for _ in range(int(np.clip(10**6 / n_numbers, 5, 200))):
        numbers.fill_(1)
        dist.barrier()
        start = perf_counter()
        dist.all_reduce(numbers)
        times.append(perf_counter() - start)
    return median(times)


def worker(port: int, cases: list[Case], reduced: list[int], rounds: int) -> None:
    """Be one process of a group: time when it is the group's turn; the first one tells."""
    torch.set_num_threads(1)
    store = dist.TCPStore(HOST, port, is_master=False, timeout=PATIENCE)
    with process_group() as group:
        for round_ in range(rounds):
            store.wait([f"{group.world_size}, {round_}: go"])
            found = {"step": [step_seconds(group, case, case.batch_size) for case in cases]}
            if group.world_size == 1:
                halves = [step_seconds(group, case, case.batch_size // 2) for case in cases]
                found["half a batch"] = halves
            else:
                found["all-reduce"] = [all_reduce_seconds(n_numbers) for n_numbers in reduced]
            if group.rank == 0:
                store.set(f"{group.world_size}, {round_}: found", json.dumps(found))


# --- what starts them, and gives them turns ---


def time_in_turn(cases: list[Case], reduced: list[int], rounds: int) -> dict[int, list[Found]]:
    """Let torchrun start a group of one process and one of two; return what each found."""
    store = dist.TCPStore(HOST, 0, is_master=True, wait_for_workers=False, timeout=PATIENCE)
    work = json.dumps([store.port, [asdict(case) for case in cases], reduced, rounds])
    found: dict[int, list[Found]] = {1: [], 2: []}
    with torchrun(1, work), torchrun(2, work):
        for round_ in range(rounds):
            for n_processes, rounds_found in found.items():
                store.set(f"{n_processes}, {round_}: go", "")
                rounds_found.append(json.loads(store.get(f"{n_processes}, {round_}: found")))
    return found


@contextmanager
def torchrun(n_processes: int, work: str) -> Iterator[None]:
    """Start processes with one thread each, and leave none behind."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*run, "--nproc-per-node", str(n_processes), __file__, "--worker", work]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": LOOPBACK}
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield
            process.wait()
        finally:
            process.terminate()  # on which torchrun ends its workers


def fit_line(n_bytes: list[int], seconds: list[float]) -> tuple[float, float]:
    """Fit seconds = constant + slope · bytes with the smallest relative errors."""
    slope, constant = np.polyfit(n_bytes, seconds, 1, w=1 / np.array(seconds))
    return float(constant), float(slope)


def measure(cases: list[Case], reduced: list[int], rounds: int) -> dict[str, Any]:
    """Time all rounds, and compare them with the model."""
    found = time_in_turn(cases, reduced, rounds)
    ones, twos = found[1], found[2]
    n_bytes = [FLOAT * n_numbers for n_numbers in reduced]
    reduce_seconds = over_rounds(twos, "all-reduce")
    constant, slope = fit_line(n_bytes, reduce_seconds)
    # On two processes, the model's all-reduce takes 2 latencies + bytes / bandwidth.
    costs = {"latency": constant / 2, "bandwidth": 1 / slope}
    one, half, two = (
        over_rounds(ones, "step"), over_rounds(ones, "half a batch"), over_rounds(twos, "step"),
    )  # fmt: skip
    speedups = [
        median(a["step"][k] / b["step"][k] for a, b in zip(ones, twos, strict=True))
        for k in range(len(cases))
    ]
    return {
        "all-reduce": {"bytes": n_bytes, "seconds": reduce_seconds, **costs},
        "trainings": [
            {
                "hidden": case.hidden,
                "batch_size": case.batch_size,
                "parameters": case.n_params,
                "seconds": {"one": one[k], "half a batch": half[k], "two": two[k]},
                "speedup": speedups[k],
                "efficiency": speedups[k] / 2,
                # What the model leaves out is computing that does not halve with the batch.
                "half and all-reduce": half[k] + constant + slope * FLOAT * case.n_params,
                "model": model(one[k], FLOAT * case.n_params, **costs),
            }
            for k, case in enumerate(cases)
        ],
    }


def over_rounds(found: list[Found], name: str) -> list[float]:
    """Return the medians over the rounds."""
    return [median(times) for times in zip(*(round_[name] for round_ in found), strict=True)]


def model(compute: float, n_bytes: int, *, latency: float, bandwidth: float) -> dict[str, Any]:
    """Return what the model of `gdbp.parallel` says of a training."""
    costs = {
        "compute": compute, "n_bytes": n_bytes, "latency": latency, "bandwidth": bandwidth,
    }  # fmt: skip
    best = best_world_size(**costs)
    two, best_time = step_time([2, best], **costs)
    return {
        "seconds": float(two),
        "speedup": float(compute / two),
        "efficiency": float(compute / two / 2),
        "best_world_size": best,
        "best_speedup": float(compute / best_time),
        # The second process pays where half the computing takes longer than the all-reduce.
        "compute_that_pays": 2 * (2 * latency + n_bytes / bandwidth),
    }


def report(found: dict[str, Any]) -> str:
    """Write what was found as text."""
    costs = found["all-reduce"]
    lines = [
        f"all-reduce: latency {1e6 * costs['latency']:.0f} µs, "
        f"bandwidth {costs['bandwidth'] / 1e9:.2f} GB/s"
    ]
    for training in found["trainings"]:
        seconds, told = training["seconds"], training["model"]
        lines.append(
            f"{training['hidden']!s:13} batch {training['batch_size']:5}: "
            f"{1e3 * seconds['one']:8.3f} ms, on two processes {1e3 * seconds['two']:8.3f} ms; "
            f"speed {training['speedup']:.2f} (model {told['speedup']:.2f}); "
            f"best {told['best_world_size']} processes"
        )
    return "\n".join(lines)


def main() -> None:
    """Be one of the processes, or start them and keep what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, and keep nothing")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        port, cases, *rest = json.loads(arguments.worker)
        worker(port, [Case(**case) for case in cases], *rest)
    elif arguments.quick:
        print(report(measure([Case((8,), 4, 3)], [1, 10**6], rounds=1)))
    else:
        found = measure(list(CASES), list(REDUCED), ROUNDS)
        results.write("scaling", found)
        print(report(found))


if __name__ == "__main__":
    main()
