"""What a page gets for its live cells and its answers (docs/_ext/live_cells.py)."""

import ast
import re
from collections import Counter
from pathlib import Path

import live_cells
import pytest
from docutils import nodes
from live_cells import answer_box, bundle, changed, for_browser, names_of
from sphinx.errors import ExtensionError

from gdbp import exercises

PAGES = sorted(Path(__file__).parents[1].glob("docs/chapters/*.md"))
IMPORTS = "import numpy as np\nimport torch\nfrom torch import nn\nfrom sklearn import svm"


def libraries(*sources: str) -> list[str | None]:
    return [cell.library for cell in for_browser([IMPORTS, *sources])][1:]


# --- which cells run -----------------------------------------------------------------------------


def test_imports_alone_need_nothing() -> None:
    (cell,) = for_browser([IMPORTS])
    assert (cell.source, cell.library) == (IMPORTS, None)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["np.ones(1)", "torch.ones(1)", "svm.SVC()"], [None, "torch", "sklearn"]),
        (["t = torch.ones(1)", "t + 1", "u = 1", "u"], ["torch", "torch", None, None]),
        (["t = torch.ones(1)", "t = 1", "t"], ["torch", None, None]),
        (["def f(x): return nn.Linear(x)", "f(1)"], ["torch", "torch"]),
        (["def f(torch): return torch", "f(1)"], [None, None]),
        (["[torch for torch in range(3)]"], [None]),
        (["f = lambda: torch", "f()"], ["torch", "torch"]),
        (["a = torch.ones(1)", "a *= 2", "a"], ["torch", "torch", "torch"]),
        (["d = {}", "d['t'] = torch.ones(1)", "d"], [None, "torch", "torch"]),
        (["d = []", "d.append(torch.ones(1))", "d"], [None, "torch", "torch"]),
        (["from gdbp.torch_nets import linear\n1", "linear()"], [None, "torch"]),
        # what a cell prepares and then fills
        (["c = np.zeros(2)\nnp.add.at(c, torch.arange(2), 1)", "c"], ["torch", "torch"]),
        # numbers drawn after others that the browser did not draw
        (
            ["rng = np.random.default_rng(0)", "rng.normal()", "torch.tensor(rng.normal())", "rng"],
            [None, None, "torch", "torch"],
        ),
        (
            [
                "rng = np.random.default_rng(0)\ndraw = lambda: rng.normal()",
                "torch.tensor(draw())",
                "draw()",
                "rng = np.random.default_rng(0)\nrng",
            ],
            [None, "torch", "torch", None],
        ),
    ],
)
def test_what_needs_a_library(cells: list[str], expected: list[str | None]) -> None:
    assert libraries(*cells) == expected


def test_the_rest_of_a_cell_runs_on_its_own_lines() -> None:
    source = "a = 1\ntorch.set_num_threads(\n    1\n)\nb = 2"
    _, cell, later = for_browser([IMPORTS, source, "a + b"])
    assert cell.source == "a = 1\n\n\n\nb = 2"
    assert (cell.library, later.library) == ("torch", None)


def test_names_of_a_statement() -> None:
    (statement,) = ast.parse("y = [f(z) for z in x] + (lambda: late)()").body
    names = names_of(statement)
    assert names.bound == {"y"}
    assert names.used_later >= {"late"}
    assert {"f", "x", "late"} <= names.used
    assert "z" not in names.used


def test_changed_in_place() -> None:
    (statement,) = ast.parse("if 1:\n    a[0] = b.c\n    d.e = 1\n    f.append(g[0])").body
    assert changed(statement) == {"a", "d", "f"}


# --- the exercises -------------------------------------------------------------------------------


CHECK_LINE = re.compile(
    r'^\*Check:\* `exercises\.check\("([\d.]+)", (.*?)\)`(.*(?:\n.+)*)', re.MULTILINE
)


def check_lines() -> list[tuple[str, str, str]]:
    return [found for page in PAGES for found in CHECK_LINE.findall(page.read_text("utf-8"))]


def box(exercise: str, asks: str, rest: str) -> nodes.Element | None:
    """Return the box of a line in Chinese, which keeps its English source."""
    call = f'exercises.check("{exercise}", {asks})'
    line = nodes.paragraph(f"*Check:* `{call}`{rest}", "", nodes.emphasis("", "检查："))
    line += nodes.literal("", call)
    return answer_box(line)


def test_every_exercise_with_a_check_has_one_line_that_says_so() -> None:
    assert Counter(exercise for exercise, _, _ in check_lines()) == Counter(exercises.available())


def test_a_box_names_the_parts_of_the_answer() -> None:
    for exercise, asks, rest in check_lines():
        found = box(exercise, asks, rest)
        assert (found["exercise"], found["asks"]) == (exercise, asks)
        parts = exercises.expects(exercise)
        assert asks.startswith("[") == (len(parts) > 1), exercise


def test_a_box_for_a_function_is_tall() -> None:
    functions = (exercises._Code, exercises._Judged)
    for exercise, asks, rest in check_lines():
        is_function = any(isinstance(part, functions) for part in exercises._parts(exercise))
        assert box(exercise, asks, rest)["tall"] == is_function, exercise


@pytest.mark.parametrize("text", ["", "Check:", "See `exercises.check`"])
def test_other_paragraphs_get_no_box(text: str) -> None:
    assert answer_box(nodes.paragraph("", text)) is None


# --- the bundles ---------------------------------------------------------------------------------


def test_the_bundles_are_whole_and_the_same_each_time(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        bundle(tmp_path / folder)
    for name, function in (("editor.js", "makeEditor"), ("clean_html.js", "cleanHtml")):
        text = (tmp_path / "one" / name).read_text(encoding="utf-8")
        assert re.search(rf"export\s*{{[\w$]+ as {function}}}", text)
        assert not re.search(r'\bimport\s*[{\w*][^;"]*from\s*"', text), "nothing is left to fetch"
        assert text == (tmp_path / "two" / name).read_text(encoding="utf-8")


def test_a_bundle_that_fails_ends_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_cells, "BUNDLES", tmp_path)
    with pytest.raises(ExtensionError, match=r"(?s)cannot bundle .*bundle\.cjs"):
        bundle(tmp_path)
