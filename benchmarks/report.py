"""Make ratios of the times that `make bench` took: results/ratios.json and a table of the goals.

Run it with the file that pytest-benchmark wrote: `python benchmarks/report.py times.json`.
"""

import argparse
import json
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import results
from side_by_side import Comparison, Goal, load

PEERS = ("numpy", "torch", "autograd", "micrograd", "jax", "scikit-learn")

Times = dict[str, list[float]]
"""Of each contestant: the seconds for one unit of the work, round by round."""


def times_of(benchmarks: list[dict[str, Any]], compared: Comparison) -> Times:
    """Return the times of a comparison's contestants."""
    times: dict[str, dict[int, float]] = defaultdict(dict)
    for benchmark in benchmarks:
        about = benchmark["extra_info"]
        if about["name"] == compared.name:
            seconds = benchmark["stats"]["median"] / compared.per.get(about["contestant"], 1)
            times[about["contestant"]][about["round"]] = seconds
    return {name: [rounds[k] for k in sorted(rounds)] for name, rounds in times.items()}


def ratio(times: Times, slow: str, fast: str) -> float:
    """Return how many times as long `slow` takes: the median of the rounds' ratios."""
    return median(a / b for a, b in zip(times[slow], times[fast], strict=True))


def summary(benchmarks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the comparisons that were timed: all rounds, and the goals with their ratios."""
    found = []
    for compared in load().values():
        times = times_of(benchmarks, compared)
        if times:
            goals = [
                {**vars(goal), "ratio": ratio(times, goal.slow, goal.fast)}
                for goal in compared.goals
            ]
            found.append(
                {"name": compared.name, "title": compared.title, "seconds": times, "goals": goals}
            )
    return found


def table(found: list[dict[str, Any]]) -> str:
    """Write the goals as a table in Markdown."""
    rows = ["| comparison | ratio | wanted | measured |", "|---|---|---|---|"]
    for compared in found:
        for told in compared["goals"]:
            measured = told["ratio"]
            goal = Goal(**{key: value for key, value in told.items() if key != "ratio"})
            wanted = f"≥ {goal.at_least}" if goal.at_least is not None else f"≤ {goal.at_most}"
            got = f"{measured:.3g}" + ("" if goal.is_met(measured) else " (missed)")
            rows.append(f"| {compared['title']} | {goal.slow} / {goal.fast} | {wanted} | {got} |")
    return "\n".join(rows)


def main() -> None:
    """Print the table, and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=Path, help="what pytest-benchmark wrote")
    parser.add_argument("--show-only", action="store_true", help="keep nothing")
    arguments = parser.parse_args()
    found = summary(json.loads(arguments.times.read_text())["benchmarks"])
    print(table(found))
    if not arguments.show_only:
        peers = {name: version(name) for name in PEERS}
        results.write("ratios", {"peers": peers, "comparisons": found})


if __name__ == "__main__":
    main()
