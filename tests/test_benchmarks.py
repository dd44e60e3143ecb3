"""The benchmarks run and keep what they find; no test looks at a time."""

import json

import pytest
import results


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


@pytest.mark.parametrize("data", [{"seconds": float("nan")}, {"seconds": {1}}])
def test_results_that_are_no_json_leave_the_last_ones_as_they_were(folder, data):
    results.write("slopes", {"seconds": 1})
    with pytest.raises((TypeError, ValueError)):
        results.write("slopes", data)
    assert json.loads((folder / "slopes.json").read_text())["seconds"] == 1
    assert [path.name for path in folder.iterdir()] == ["slopes.json"]
