"""How does the cost grow, from small to where memory ends?

One size grows by factors of 2, the others stay. A series ends where the next call would not fit
into memory or take too long. In log-log the slope of the upper part is the exponent, and theory
says what it is. `python benchmarks/growth.py` takes 6 minutes, on a machine that does nothing else,
and writes results/growth.json; `--quick` only shows that all works.
"""

import argparse
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import psutil
import results
from threadpoolctl import threadpool_limits

from gdbp import calculus
from gdbp._trees import ravel
from gdbp.autodiff import Value
from gdbp.backprop import Network, Params
from gdbp.optimizers import adam, apply_updates

Call = Callable[[], object]

N_SAMPLES, WIDTH, DEPTH = 64, 64, 4
NARROW = 8  # samples and width, where a gradient takes thousands of losses
UPPER_PART = 16  # the slope is that of the sizes down to a 16th of the largest
RESERVE = 4 * 2**30  # bytes of memory left to others


# --- the work ---


def dense(n: int, width: int, depth: int) -> tuple[Params, np.ndarray, np.ndarray]:
    """Make square layers and data for them.

    The weights are a reflection. It keeps lengths, so that no depth makes numbers vanish: those
    close to the smallest of float64 take longer.
    """
    rng = np.random.default_rng(0)
    v = rng.normal(size=width)
    W = np.eye(width) - 2 * np.outer(v, v / (v @ v))
    params = [{"W": W.copy(), "b": np.zeros(width)} for _ in range(depth)]
    return params, rng.normal(size=(n, width)), rng.normal(size=(n, width))


def by_hand(n: int, width: int, depth: int) -> Call:
    """Prepare the gradient by the passes of `gdbp.backprop`."""
    params, X, y = dense(n, width, depth)
    network = Network(["tanh"] * depth)
    return lambda: network.grads(params, X, y)


def by_engine(n: int, width: int, depth: int) -> Call:
    """Prepare the gradient by `gdbp.autodiff`."""
    params, X, y = dense(n, width, depth)

    def gradient() -> Params:
        layers = [{name: Value(array) for name, array in layer.items()} for layer in params]
        a: Any = X
        for layer in layers:
            a = (a @ layer["W"] + layer["b"]).tanh()
        ((a - y) ** 2).mean().backward()
        return [{name: value.grad for name, value in layer.items()} for layer in layers]

    return gradient


def by_differences(n: int, width: int, depth: int) -> Call:
    """Prepare the gradient by central differences: two losses a parameter."""
    params, X, y = dense(n, width, depth)
    network = Network(["tanh"] * depth)
    theta, unravel = ravel(params)
    return lambda: unravel(
        calculus.gradient(lambda theta: network.loss(unravel(theta), X, y), theta)
    )


def adam_step(n_params: int) -> Call:
    """Prepare a step of Adam; each call takes the first one."""
    rng = np.random.default_rng(0)
    params, grads = rng.normal(size=n_params), rng.normal(size=n_params)
    optimizer = adam(lr=0.001)
    state = optimizer.init(params)
    return lambda: apply_updates(params, optimizer.update(grads, state, params)[0])


def products(n: int, width: int, depth: int) -> int:
    """Count the operations of a gradient's matrix products: one forward and two back a layer."""
    return 3 * 2 * n * width**2 * depth


# --- what grows ---


@dataclass(frozen=True)
class Growth:
    """A cost as a function of one size.

    Attributes:
        quantity: What grows.
        method: What is done.
        prepare: Prepares one call at a size.
        operations: The number of operations at a size, predicted: the highest power alone.
        exponent: The slope that follows for large sizes.
        first: The first size.
        fixed: The sizes that stay.
    """

    quantity: str
    method: str
    prepare: Callable[[int], Call]
    operations: Callable[[int], int]
    exponent: int
    first: int = 1
    fixed: dict[str, int] = field(default_factory=dict)


def of_network(method: str, prepare: Callable[..., Call]) -> list[Growth]:
    """Return what grows in the gradient of a network."""
    sizes = {"n": N_SAMPLES, "width": WIDTH, "depth": DEPTH}

    def growth(quantity: str, exponent: int) -> Growth:
        fixed = {name: size for name, size in sizes.items() if name != quantity}
        return Growth(
            quantity,
            method,
            prepare=lambda size: prepare(**fixed, **{quantity: size}),
            operations=lambda size: products(**fixed, **{quantity: size}),
            exponent=exponent,
            fixed=fixed,
        )

    return [growth("n", 1), growth("width", 2), growth("depth", 1)]


def of_parameters(
    method: str, prepare: Callable[..., Call], losses_per_parameter: int = 0
) -> Growth:
    """Return a gradient that grows with the parameters of a narrow network, layer by layer."""
    fixed = {"n": NARROW, "width": NARROW}
    per_layer = NARROW**2 + NARROW

    def operations(n_params: int) -> int:
        gradient = products(**fixed, depth=n_params // per_layer)
        # A loss is the forward pass alone, a third of the products.
        return losses_per_parameter * n_params * gradient // 3 or gradient

    return Growth(
        "parameters",
        method,
        prepare=lambda n_params: prepare(**fixed, depth=n_params // per_layer),
        operations=operations,
        exponent=2 if losses_per_parameter else 1,
        first=per_layer,
        fixed=fixed,
    )


GROWTHS = [
    *of_network("backprop", by_hand),
    *of_network("autodiff", by_engine),
    of_parameters("backprop", by_hand),
    of_parameters("central differences", by_differences, losses_per_parameter=2),
    # m takes 3 operations, v 4, their corrections 2, root, ε and quotient 3, the step 2.
    Growth("parameters", "Adam's step", adam_step, lambda n_params: 14 * n_params, exponent=1),
]


# --- measuring ---


@dataclass
class Series:
    """What was measured: `sizes` and, for each of them, the other lists' numbers.

    Attributes:
        quantity: What grew.
        method: What was done.
        fixed: The sizes that stayed.
        sizes: The sizes, each twice the last one.
        seconds: The time of a call, the median of several.
        bytes: The arrays alive at the same time during a call, at most, with its input.
        operations: The predicted number of operations.
        exponent: The slope predicted for large sizes.
        slope: The slope measured: of the upper part of `seconds`.
        slope_of_bytes: The same of `bytes`.
        slope_from: The size where the upper part begins.
        ended_by: What stood against the next size: "memory" or "time".
    """

    quantity: str
    method: str
    fixed: dict[str, int]
    exponent: int
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    operations: list[int] = field(default_factory=list)
    slope: float = 0.0
    slope_of_bytes: float = 0.0
    slope_from: int = 0
    ended_by: str = ""

    def obstacle(self, longest: float, memory: int) -> str:
        """Return what stands against the next size, if it grows as from the last two."""
        if len(self.sizes) < 2:
            return ""
        if self.bytes[-1] ** 2 / self.bytes[-2] > memory:
            return "memory"
        # Where the overhead still hides the growth, the next call takes no less than the last.
        growth = max(self.seconds[-1] / self.seconds[-2], 1)
        return "time" if self.seconds[-1] * growth > longest else ""


def slope(sizes: list[int], costs: list[float]) -> tuple[float, int]:
    """Fit a line to the upper part in log-log; return its slope and the size where it begins."""
    upper = [k for k, size in enumerate(sizes) if size >= sizes[-1] / UPPER_PART]
    x, y = np.log([sizes[k] for k in upper]), np.log([costs[k] for k in upper])
    return float(np.polyfit(x, y, 1)[0]), sizes[upper[0]]


def peak_bytes(prepare: Callable[[], Call]) -> tuple[Call, int]:
    """Prepare a call; return it and the memory that it takes, with what it holds.

    numpy tells tracemalloc of its arrays. The system's count would hold what was freed before, too.
    """
    tracemalloc.start()
    call = prepare()
    tracemalloc.reset_peak()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return call, peak


def seconds(call: Call) -> float:
    """Time a call: the median of at least 3 runs in 0.2 s, or of fewer where they take 4 s."""
    times: list[float] = []
    while sum(times) < 0.2 or (len(times) < 3 and sum(times) < 4):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return median(times)


def measure(growth: Growth, longest: float, memory: int | None = None) -> Series:
    """Measure one growth.

    Args:
        growth: What grows.
        longest: The time that a call may take, in seconds.
        memory: The bytes that a call may take; by default what is free, but for a reserve.
    """
    series = Series(growth.quantity, growth.method, growth.fixed, growth.exponent)
    size = growth.first
    while not series.ended_by:
        call, peak = peak_bytes(lambda size=size: growth.prepare(size))
        series.sizes.append(size)
        series.seconds.append(seconds(call))
        series.bytes.append(peak)
        series.operations.append(growth.operations(size))
        del call  # its memory is free for the next size
        free = psutil.virtual_memory().available - RESERVE if memory is None else memory
        series.ended_by = series.obstacle(longest, free)
        size *= 2
    series.slope, series.slope_from = slope(series.sizes, series.seconds)
    series.slope_of_bytes, _ = slope(series.sizes, series.bytes)
    return series


def main() -> None:
    """Measure all, print the slopes, and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, and keep nothing")
    quick = parser.parse_args().quick
    found = []
    with threadpool_limits(1):
        for growth in GROWTHS:
            series = measure(growth, longest=0.01 if quick else 15.0)
            found.append(asdict(series))
            print(
                f"{series.quantity:10}  {series.method:19}"
                f"  {series.sizes[0]:3} … {series.sizes[-1]:<11,}  {series.seconds[-1]:7.3g} s"
                f"  {series.bytes[-1] / 2**30:6.3f} GiB  slope {series.slope:.2f}"
                f" (predicted {series.exponent}), ended by {series.ended_by}",
                flush=True,
            )
    if not quick:
        results.write("growth", {"series": found})


if __name__ == "__main__":
    main()
