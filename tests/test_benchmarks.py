"""The benchmarks run and keep what they find; no test looks at a time."""

import ast
import json
import math
import sys
from pathlib import Path

import growth
import numpy as np
import pytest
import results
import scaling

from gdbp.autodiff import count_operations
from gdbp.parallel import step_time


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_results_are_kept_with_the_machine_that_they_come_from(folder):
    path = results.write("slopes", {"θ": [1, 2.5]})
    assert path == folder / "slopes.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["θ"] == [1, 2.5]
    assert kept["machine"]["cores"] >= 1
    assert kept["machine"]["memory"] > 0
    assert kept["machine"]["cpu"]


def test_the_first_blas_is_that_of_numpy(monkeypatch):
    libraries = [
        {"user_api": api, "internal_api": api, "version": folder, "filepath": f"/{folder}/lib.so"}
        for api, folder in [("openmp", "torch"), ("blas", "scipy.libs"), ("blas", "numpy.libs")]
    ]
    monkeypatch.setattr(results, "threadpool_info", lambda: libraries)
    assert results.machine()["blas"] == ["blas numpy.libs ()", "blas scipy.libs ()"]


@pytest.mark.parametrize("data", [{"seconds": float("nan")}, {"seconds": {1}}])
def test_results_that_are_no_json_leave_the_last_ones_as_they_were(folder, data):
    results.write("slopes", {"seconds": 1})
    with pytest.raises((TypeError, ValueError)):
        results.write("slopes", data)
    assert json.loads((folder / "slopes.json").read_text())["seconds"] == 1
    assert [path.name for path in folder.iterdir()] == ["slopes.json"]


# --- growth ---


def test_the_slope_is_the_exponent_of_the_upper_part():
    sizes = [2**k for k in range(12)]
    overhead = [5.0] * 7  # what is below a 16th of the largest does not count
    costs = [3e-6 * size**1.5 for size in sizes[7:]]
    assert growth.slope(sizes, overhead + costs) == (pytest.approx(1.5, rel=1e-12), 128)


@pytest.mark.parametrize(
    ("seconds", "n_bytes", "obstacle"),
    [
        ([1.0], [10], ""),  # one size tells of no growth
        ([1.0, 2.0], [10, 20], ""),
        ([1.0, 2.1], [10, 20], "time"),  # 2.1 · 2.1 s
        ([5.0, 4.2], [10, 10], "time"),  # no less than the last
        ([1.0, 2.0], [10, 21], "memory"),  # 21 · 2.1 bytes
    ],
)
def test_a_series_ends_before_the_size_that_does_not_fit(seconds, n_bytes, obstacle):
    sizes = [2**k for k in range(len(seconds))]
    series = growth.Series("n", "", {}, 1, sizes=sizes, seconds=seconds, bytes=n_bytes)
    assert series.obstacle(longest=4.1, memory=40) == obstacle


def test_the_three_gradients_of_the_benchmark_are_the_same():
    gradients = [
        prepare(n=5, width=3, depth=2)()
        for prepare in (growth.by_hand, growth.by_engine, growth.by_differences)
    ]
    for other, rtol in zip(gradients[1:], [1e-12, 1e-7], strict=True):
        for layer, expected in zip(other, gradients[0], strict=True):
            for name in expected:
                np.testing.assert_allclose(layer[name], expected[name], rtol, atol=rtol / 10)


def test_the_predicted_operations_are_nearly_all_that_the_engine_counts():
    sizes = {"n": 16, "width": 256, "depth": 16}
    with count_operations() as counter:
        growth.by_engine(**sizes)()
    # It does not need the product for the gradient of the inputs.
    without_inputs = growth.products(**sizes) - 2 * 16 * 256**2
    assert 1 < counter.operations / without_inputs < 1.03


def test_a_growth_ends_where_memory_does():
    (series,) = [
        growth.measure(of, longest=60, memory=10**7)
        for of in growth.GROWTHS
        if of.method == "Adam's step"
    ]
    assert series.ended_by == "memory"
    assert 10**7 / 4 < series.bytes[-1] <= 10**7
    assert series.sizes == [2**k for k in range(len(series.sizes))]
    assert len(series.sizes) == len(series.seconds) == len(series.bytes) == len(series.operations)
    assert series.slope_of_bytes == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("of", growth.GROWTHS, ids=lambda of: f"{of.method} {of.quantity}")
def test_each_growth_can_be_measured(of):
    series = growth.measure(of, longest=1e-9)
    assert series.sizes == [of.first, 2 * of.first]
    assert series.ended_by == "time"
    # Twice the size, twice the operations, or four times.
    assert series.operations[1] == 2**of.exponent * series.operations[0]


def test_differences_take_two_losses_a_parameter():
    (of,) = [of for of in growth.GROWTHS if of.method == "central differences"]
    n, d, n_params = growth.NARROW, growth.NARROW, of.first
    assert of.operations(n_params) == 2 * n_params * (2 * n * d**2)
    assert of.exponent == 2


# --- scaling ---


def test_latency_and_bandwidth_are_those_of_the_line():
    n_bytes = [8, 1000, 10**6]
    seconds = [2e-4 + n / 1e9 for n in n_bytes]
    assert scaling.fit_line(n_bytes, seconds) == pytest.approx((2e-4, 1e-9), rel=1e-9)


def test_the_second_process_pays_where_the_model_says():
    costs = {"latency": 1e-4, "bandwidth": 1e9}
    limit = scaling.model(1.0, 10**6, **costs)["compute_that_pays"]
    two = float(step_time(2, compute=limit, n_bytes=10**6, **costs))
    assert two == pytest.approx(limit, rel=1e-12)
    assert scaling.model(limit, 10**6, **costs)["speedup"] == pytest.approx(1, rel=1e-12)


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun needs a loopback that gloo can name")
def test_one_process_and_two_are_timed_in_turn(folder):
    found = scaling.measure([scaling.Case((8,), 4, 3)], [1, 10**6], rounds=2)
    (training,) = found["trainings"]
    assert training["parameters"] == 65 * 8 + 9 * 10
    assert all(training["seconds"].values())
    results.write("scaling", found)
    assert "(model" in scaling.report(json.loads((folder / "scaling.json").read_text()))


# --- what is kept ---------------------------------------------------------------------------------


def test_the_kept_ratios_are_those_of_the_comparisons():
    """A comparison that is added, renamed or removed asks for a new `make bench`."""
    folder = Path(results.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("bench_*.py"))]
    defined = [
        function.name
        for source in sources
        for function in ast.parse(source).body
        if isinstance(function, ast.FunctionDef)
        and any(
            isinstance(call, ast.Call) and call.func.id == "comparison"
            for call in function.decorator_list
        )
    ]
    kept = json.loads((folder / "results/ratios.json").read_text(encoding="utf-8"))["comparisons"]
    assert [compared["name"] for compared in kept] == defined
    assert all(math.isfinite(goal["ratio"]) for compared in kept for goal in compared["goals"])
