"""Comparisons: the same work done by several contestants, to be timed side by side.

A comparison is a function that prepares its contestants, asserts that they compute the same
numbers, and returns them by name. `make bench` times them in turn, round after round
(`test_rounds.py`), and `report.py` makes ratios of the times. A ratio is the median over the
rounds: what else the machine does disturbs both sides alike.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"  # JAX

Contestants = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Goal:
    """What a ratio is meant to be: the time of `slow` over the time of `fast`.

    Attributes:
        slow: A contestant.
        fast: The contestant that its time is divided by.
        at_least: The least ratio wanted.
        at_most: The largest ratio wanted.
    """

    slow: str
    fast: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"a goal needs at_least or at_most, one of them, got {self}")

    def is_met(self, ratio: float) -> bool:
        """Tell whether a ratio reaches the goal."""
        return (self.at_least is None or ratio >= self.at_least) and (
            self.at_most is None or ratio <= self.at_most
        )


@dataclass(frozen=True)
class Comparison:
    """One comparison; see the module.

    Attributes:
        name: The name of the function that prepares it.
        title: What is compared, for a table.
        prepare: The function.
        goals: The ratios wanted.
        per: How many units of the work a call of a contestant does, where that is not 1.
    """

    name: str
    title: str
    prepare: Callable[[], Contestants]
    goals: tuple[Goal, ...] = ()
    per: Mapping[str, int] = field(default_factory=dict)


COMPARISONS: dict[str, Comparison] = {}


def comparison(
    title: str, *, goals: list[Goal] | None = None, per: Mapping[str, int] | None = None
) -> Callable[[Callable[[], Contestants]], Callable[[], Contestants]]:
    """Make a comparison of the function below; see `Comparison` for the arguments."""

    def add(prepare: Callable[[], Contestants]) -> Callable[[], Contestants]:
        name = prepare.__name__
        if name in COMPARISONS:
            raise ValueError(f"{name} needs another name: there is a comparison called so")
        COMPARISONS[name] = Comparison(name, title, prepare, tuple(goals or ()), per or {})
        return prepare

    return add


@cache
def load() -> dict[str, Comparison]:
    """Return all comparisons of this folder, by name."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        import_module(path.stem)
    return COMPARISONS


@cache
def contestants(name: str) -> Contestants:
    """Prepare a comparison, once; what is loaded then computes with one thread from there on."""
    torch.set_num_threads(1)
    prepared = load()[name].prepare()
    threadpool_limits(1)
    return prepared
