"""What answers the page inside the worker (docs/_browser/python_bridge.py), in CPython."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import python_bridge


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> type:
    """Return a module to call functions of, which are set on it."""

    class Module:
        pass

    monkeypatch.setitem(sys.modules, "functions", Module)
    return Module


def answer(name: str, shown: list[tuple[str, str]] | None = None, **arguments: Any) -> Any:
    shown = [] if shown is None else shown
    show = lambda text, stream: shown.append((text, stream))  # noqa: E731
    return json.loads(python_bridge.call(name, json.dumps(arguments), show))


# --- results -------------------------------------------------------------------------------------


def test_a_function_of_the_package() -> None:
    assert answer("losses.mse", y=[1, 2], y_hat=[1, 3]) == {"result": 0.5}


@dataclass
class Pair:
    first: Any
    second: Any


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        ((1, "η"), [1, "η"]),
        (np.float64(0.1), 0.1),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1.0], [2.5]]), [[1.0], [2.5]]),
        ({"loss": np.float32(0.5)}, {"loss": 0.5}),
        (
            Pair(np.arange(2), Pair("a", None)),
            {"first": [0, 1], "second": {"first": "a", "second": None}},
        ),
    ],
)
def test_results_are_plain(value: Any, plain: Any, functions: Any) -> None:
    functions.give = lambda: value
    assert answer("functions.give") == {"result": plain}


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (float("nan"), "ValueError", "not JSON compliant"),
        (np.array([np.inf]), "ValueError", "not JSON compliant"),
        (Pair, "TypeError", "a page gets numbers, text, lists and dicts, not type"),
        (1j, "TypeError", "not complex"),
    ],
)
def test_what_json_cannot_say_is_an_error(
    value: Any, kind: str, message: str, functions: Any
) -> None:
    functions.give = lambda: value
    error = answer("functions.give")["error"]
    assert error["type"] == kind
    assert message in error["message"]


# --- errors --------------------------------------------------------------------------------------


def failing(code: str, functions: Any) -> dict[str, str]:
    functions.run = lambda: exec(compile(code, "<cell 3>", "exec"), {})
    return answer("functions.run")["error"]


def test_an_error_shows_the_readers_frames(functions: Any) -> None:
    code = "import json\ndef f():\n    return json.loads('{')\nf()"
    error = failing(code, functions)
    assert error["type"] == "JSONDecodeError"
    assert error["message"].startswith("json.decoder.JSONDecodeError: Expecting property name")
    places = [line for line in error["traceback"].splitlines() if "File" in line]
    assert places == [
        '  File "<cell 3>", line 4, in <module>',
        '  File "<cell 3>", line 3, in f',
    ]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("assert False", "AssertionError"),
        ("raise KeyError('η')", "KeyError: 'η'"),
        ("import sys; sys.exit(1)", "SystemExit: 1"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("e = ValueError('what'); e.add_note('a note'); raise e", "ValueError: what"),
        ("compile('1 +', '<cell 3>', 'exec')", "SyntaxError: invalid syntax"),
    ],
)
def test_the_message_is_pythons_last_line(code: str, message: str, functions: Any) -> None:
    assert failing(code, functions)["message"] == message


@pytest.mark.parametrize("name", ["nowhere.f", "losses.nothing", "nothing"])
def test_a_name_that_stands_for_nothing(name: str) -> None:
    assert "error" in answer(name)


def test_wrong_arguments() -> None:
    assert answer("losses.mse", x=1)["error"]["type"] == "TypeError"


# --- what is printed -----------------------------------------------------------------------------


def test_lines_are_shown_as_they_are_complete(functions: Any) -> None:
    seen: list[int] = []
    shown: list[tuple[str, str]] = []

    def run() -> None:
        for text in ("a", "b\nc", "d"):
            print(text, end="")
            seen.append(len(shown))
        print("e", file=sys.stderr)
        sys.stdout.flush()
        seen.append(len(shown))
        print("f", end="")

    functions.run = run
    assert answer("functions.run", shown) == {"result": None}
    assert seen == [0, 1, 1, 3]
    assert shown == [("ab\n", "stdout"), ("e\n", "stderr"), ("cd", "stdout"), ("f", "stdout")]


def test_what_was_printed_before_an_error_is_shown(functions: Any) -> None:
    shown: list[tuple[str, str]] = []

    def run() -> None:
        print("before", end="")
        raise ValueError

    functions.run = run
    assert "error" in answer("functions.run", shown)
    assert shown == [("before", "stdout")]


def test_only_text_is_written(functions: Any) -> None:
    functions.run = lambda: sys.stdout.write(1)
    assert answer("functions.run")["error"]["message"] == (
        "TypeError: write() argument must be str, not int"
    )


# --- without tqdm --------------------------------------------------------------------------------


def test_descent_runs_without_tqdm() -> None:
    folder = Path(python_bridge.__file__).parent
    code = f"""
import sys
sys.path.insert(0, {str(folder)!r})
import python_bridge
python_bridge.set_up()
from gdbp.descent import minimize
from gdbp.optimizers import sgd
run = minimize(lambda x: x**2, 1.0, sgd(0.25), n_steps=2, grad_fn=lambda x: 2 * x)
print(run.params.tolist(), sys.modules["tqdm"].__class__.__name__)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "[1.0, 0.5, 0.25] SimpleNamespace\n", run.stderr
