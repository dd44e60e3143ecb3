"""How answers to the exercises are read in the browser (docs/_browser/python_answers.py)."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
import python_answers
import python_cells

RIGHT = "[0.1, 2 / 20.5, 39 / 41]"


@pytest.fixture(autouse=True)
def _new_page() -> Iterator[None]:
    importlib.reload(python_cells)
    yield
    importlib.reload(python_cells)


def said(exercise: str, text: str) -> tuple[Any, str]:
    verdict = python_answers.check(exercise, text)
    assert verdict.keys() == {"ok", "text"}
    return verdict["ok"], verdict["text"]


@pytest.mark.parametrize(
    ("exercise", "text"),
    [
        ("5.1", RIGHT),
        ("5.1", f"  {RIGHT}\n"),
        ("5.1", f"answer = {RIGHT}"),
        ("5.1", f'exercises.check("5.1", {RIGHT})'),
        ("5.1", "A = np.diag([0.5, 4, 20])\na, b = A.max(), 0.5\n[2 / a, 2 / (a + b), 39 / 41]"),
        ("5.3", "lambda curvature: 1 / curvature"),
        ("5.3", "def rate(curvature):\n    return 1 / curvature"),
        ("1.1", '["both", "descent", "backpropagation"]'),
        ("10.1", "[worked_example().forward()[0], 1]"),
    ],
)
def test_what_an_answer_can_be(exercise: str, text: str) -> None:
    ok, verdict = said(exercise, text)
    if exercise.startswith("5"):
        assert (ok, verdict) == (True, "Right.")
    else:
        assert ok is not True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[4.0, 0.1, 0.5]", "Not yet. limit: That is the limit of the flattest direction"),
        ("[0.1]", "Not yet. Pass a list [limit, best, factor]"),
    ],
)
def test_a_wrong_answer_gets_the_hint(text: str, says: str) -> None:
    ok, verdict = said("5.1", text)
    assert ok is False
    assert verdict.startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ValueError: there is no answer yet"),
        ("# later", "ValueError: there is no answer yet"),
        ("[1, 2", "SyntaxError: '[' was never closed"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("unknown", "NameError: name 'unknown' is not defined"),
        ("for a in []: pass", "ValueError: the last line needs to be the answer"),
        ("'yes'", "TypeError: answer needs a list [limit, best, factor], got 'yes'"),
        ("exit_now()\n1", "NameError"),
    ],
)
def test_what_cannot_be_checked_is_told_in_pythons_words(text: str, says: str) -> None:
    ok, verdict = said("5.1", text)
    assert ok is None
    assert verdict.startswith(says)


def test_an_answer_can_use_the_names_of_cells_that_have_run() -> None:
    assert said("5.1", "mine")[1].startswith("NameError")
    python_cells.run([f"mine = {RIGHT}\nnp = None"], 0)
    assert said("5.1", "mine") == (True, "Right.")
    assert said("5.1", "np.ones(3)")[1].startswith("AttributeError"), "the page's names come first"


def test_an_answer_leaves_the_names_of_the_page_alone() -> None:
    python_cells.run(["a = 1"], 0)
    said("5.1", "a = 2")
    assert python_cells.names["a"] == 1


def test_the_books_names_are_known() -> None:
    names = python_answers.known_names()
    for name in ("np", "losses", "mse", "minimize", "Value", "worked_example", "sgd"):
        assert name in names
