"""How many times faster is one batched evaluation of a loss grid than a double loop?

Both sides run in turn, in one process; the ratio is the median of the rounds. Run it with
`.venv/bin/python benchmarks/loss_grid.py`.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

from gdbp.backprop import worked_example
from gdbp.surfaces import loss_grid

ROUNDS, SIZE = 7, 100

example = worked_example()
u = v = np.linspace(0.0, 1.5, SIZE)


def batched() -> np.ndarray:
    """Evaluate all points in one call."""
    return loss_grid(example.loss, example.theta, 0, 4, u, v).loss


def double_loop() -> np.ndarray:
    """Evaluate the points one by one."""
    loss, theta = np.empty((SIZE, SIZE)), example.theta.copy()
    for row in range(SIZE):
        for column in range(SIZE):
            theta[[0, 4]] = u[column], v[row]
            loss[row, column] = example.loss(theta)
    return loss


def seconds(function: Callable[[], object]) -> float:
    """Time one call."""
    start = perf_counter()
    function()
    return perf_counter() - start


if __name__ == "__main__":
    assert np.allclose(batched(), double_loop(), rtol=1e-12)
    ratios = [seconds(double_loop) / seconds(batched) for _ in range(ROUNDS)]
    print(f"{SIZE} x {SIZE} points: double loop / batched = {median(ratios):.0f}")
