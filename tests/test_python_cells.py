"""How a page's cells run in the reader's browser (docs/_browser/python_cells.py)."""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def cells() -> ModuleType:
    """The module of a page on which nothing has run."""
    import python_cells

    return importlib.reload(python_cells)


def shown(result: dict[str, Any]) -> list[dict[str, str]]:
    assert result["error"] is None, result["error"]["text"]
    return result["outputs"]


# --- what a cell shows ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "outputs"),
    [
        ("1 + 1", [{"text": "2"}]),
        ("1 + 1;", []),
        ("1 + 1;  # said", []),
        ("'a;'", [{"text": "'a;'"}]),
        ("x = 1", []),
        ("None", []),
        ("int", [{"text": "<class 'int'>"}]),
        ("", []),
        ("# nothing", []),
        ("display(1, 2)\n3", [{"text": "1"}, {"text": "2"}, {"text": "3"}]),
        ("{'b': 1, 'a': [2]}", [{"text": "{'b': 1, 'a': [2]}"}]),
        ("from myst_nb import glue\nglue('x', 3, display=False)", []),
        ("from myst_nb import glue\nglue('x', 3)", [{"text": "3"}]),
    ],
)
def test_a_cell_shows_its_last_value(
    source: str, outputs: list[dict[str, str]], cells: ModuleType
) -> None:
    assert shown(cells.run([source], 0)) == outputs


def test_a_long_container_is_broken_into_lines(cells: ModuleType) -> None:
    (output,) = shown(cells.run(["[10**9] * 20"], 0))
    assert max(map(len, output["text"].splitlines())) < 80


@pytest.mark.parametrize(
    ("method", "value", "kind"),
    [
        ("_repr_html_", "'<b>1</b>'", "html"),
        ("_repr_svg_", "'<svg/>'", "svg"),
        ("_repr_mimebundle_", "{'text/html': '<b>1</b>', 'image/svg+xml': '<svg/>'}", "html"),
        ("_repr_html_", "None", "text"),
    ],
)
def test_a_value_shows_itself(method: str, value: str, kind: str, cells: ModuleType) -> None:
    source = f"class Shown:\n    def {method}(self): return {value}\nShown()"
    (output,) = shown(cells.run([source], 0))
    assert list(output) == [kind]


def test_figures_are_shown_once_and_of_the_cell_alone(cells: ModuleType) -> None:
    draw = "import matplotlib.pyplot as plt\nfigure, ax = plt.subplots()"
    sources = [draw, "figure, ax = plt.subplots()\nplt.show()\n1", "2"]
    text, figure = shown(cells.run(sources, 1))
    assert text == {"text": "1"}
    assert figure["svg"].count("<svg") == 1
    assert shown(cells.run(sources, 2)) == [{"text": "2"}]
    assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_what_is_printed_goes_to_the_streams(
    cells: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = ["print('earlier')", "import sys\nprint('out')\nprint('err', file=sys.stderr)"]
    assert shown(cells.run(sources, 1)) == []
    assert capsys.readouterr() == ("out\n", "err\n")


# --- the order of things -------------------------------------------------------------------------


def test_earlier_cells_run_before_and_once(cells: ModuleType) -> None:
    sources = ["runs = []", "import builtins", "runs.append(1)", "len(runs)"]
    assert shown(cells.run(sources, 3)) == [{"text": "1"}]
    assert shown(cells.run(sources, 3)) == [{"text": "1"}]
    assert cells._ran == sources


def test_a_cell_that_runs_again_shows_the_same(cells: ModuleType) -> None:
    sources = [
        "import numpy as np\nrng = np.random.default_rng(0)\nseen = []\ncounts = np.zeros(2)",
        "seen.append(1)\ncounts[0] += 1\n(rng.integers(1000), seen, counts)",
    ]
    first = shown(cells.run(sources, 1))
    assert shown(cells.run(sources, 1)) == first
    assert shown(cells.run(sources, 0)) == []
    assert shown(cells.run(sources, 1)) == first


def test_an_edit_makes_what_follows_run_again(cells: ModuleType) -> None:
    sources = ["a = 1", "b = a + 1", "b"]
    assert shown(cells.run(sources, 2)) == [{"text": "2"}]
    assert shown(cells.run(["a = 5", *sources[1:]], 2)) == [{"text": "6"}]
    assert shown(cells.run(["a = 5", "b = a", "b"], 2)) == [{"text": "5"}]


def test_names_of_later_cells_are_forgotten(cells: ModuleType) -> None:
    cells.run(["a = 1", "b = 2", "b"], 2)
    assert cells.run(["a = 1", "b"], 1)["error"]["type"] == "NameError"


def test_functions_see_the_names_that_come_back(cells: ModuleType) -> None:
    sources = ["def f(): return a", "a = 1", "a = 2", "f()"]
    assert shown(cells.run(sources, 3)) == [{"text": "2"}]
    assert shown(cells.run([*sources[:2], "f()"], 2)) == [{"text": "1"}]


def test_what_cannot_be_copied_is_shared(cells: ModuleType) -> None:
    sources = ["import sys\nmodules = [sys]", "modules.append(1)\nlen(modules)"]
    assert shown(cells.run(sources, 1)) == [{"text": "2"}]


# --- errors --------------------------------------------------------------------------------------


def test_an_error_names_the_line_of_the_cell(cells: ModuleType) -> None:
    sources = [
        "from gdbp.calculus import derivative",
        "def f(x):\n    return int(x) / 0\n\nderivative(f, 1.0)",
    ]
    result = cells.run(sources, 1)
    assert result["cell"] == 1
    assert result["error"]["type"] == "ZeroDivisionError"
    lines = result["error"]["text"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "  This cell, line 4, in <module>" in lines
    assert "  This cell, line 2, in f" in lines
    assert "    return int(x) / 0" in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "calculus.py" not in result["error"]["text"], "the book's own frames are left out"


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("a = (", "SyntaxError: '(' was never closed"),
        ("import sys\nsys.exit(2)", "SystemExit: 2"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_pythons_own_message(source: str, last: str, cells: ModuleType) -> None:
    text = cells.run([source], 0)["error"]["text"]
    assert text.splitlines()[-1].startswith(last)
    if last.startswith("SyntaxError"):
        assert "This cell, line 1" in text


def test_a_function_of_an_earlier_cell_is_said_to_be(cells: ModuleType) -> None:
    text = cells.run(["def f():\n    raise ValueError('no')", "f()"], 1)["error"]["text"]
    assert "An earlier cell, line 2, in f" in text
    assert "This cell, line 1" in text


def test_an_earlier_cell_that_fails_is_named_each_time(cells: ModuleType) -> None:
    sources = ["a = 1", "a = 2\n1 / 0", "a"]
    for _ in range(2):
        result = cells.run(sources, 2)
        assert (result["cell"], result["error"]["type"]) == (1, "ZeroDivisionError")
    assert shown(cells.run(["a = 1", "a"], 1)) == [{"text": "1"}], "no half of the cell is kept"


# --- libraries that are not there ----------------------------------------------------------------


def lose(cells: ModuleType, monkeypatch: pytest.MonkeyPatch, *libraries: str) -> None:
    monkeypatch.setattr(
        cells, "find_spec", lambda name: None if name in libraries else find_spec(name)
    )


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nimport numpy as np\nnp.ones(1)",
        "from torch import nn\n1",
        "from sklearn.datasets import load_digits\n1",
        "from gdbp.torch_nets import TwoLayerLinear\n1",
        "import torch.nn as nn\n1",
    ],
)
def test_the_import_of_a_missing_library_does_no_harm(
    source: str, cells: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(cells, monkeypatch, "torch", "sklearn")
    assert len(shown(cells.run([source], 0))) == 1


@pytest.mark.parametrize(
    ("use", "library"),
    [
        ("torch.ones(1)", "torch"),
        ("nn.Linear(1, 1)", "torch"),
        ("load_digits()", "sklearn"),
        ("linear()", "torch"),
    ],
)
def test_its_use_raises(
    use: str, library: str, cells: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(cells, monkeypatch, "torch", "sklearn")
    imports = (
        "import torch\nfrom torch import nn\nfrom sklearn.datasets import load_digits\n"
        "from gdbp.torch_nets import linear"
    )
    error = cells.run([imports, use], 1)["error"]
    assert error["text"].endswith(f"ModuleNotFoundError: No module named '{library}'")


def test_stand_ins_for_ipython(cells: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(cells, monkeypatch, "IPython")
    source = "from IPython.display import HTML, Markdown, display\ndisplay(HTML('<i>a</i>'))"
    assert shown(cells.run([source], 0)) == [{"html": "<i>a</i>"}]


def test_a_page_that_draws_nothing_needs_no_matplotlib(
    cells: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(cells, monkeypatch, "matplotlib")
    sources = [
        "import matplotlib.pyplot as plt\nfrom gdbp import exercises, plotting\n"
        "plotting.use_style()",
        "exercises.available(5)[0]",
    ]
    assert cells.packages(sources) == []
    assert shown(cells.run(sources, 1)) == [{"text": "'5.1'"}]
    assert type(cells.names["plotting"]).__name__ == "Later"
    monkeypatch.undo()  # it has arrived
    (figure,) = shown(cells.run([*sources, "plotting.loss_curves({'a': [3, 2]});"], 2))
    assert "<svg" in figure["svg"]


@pytest.mark.parametrize(
    ("sources", "draws"),
    [
        (["import numpy as np", "np.ones(1)"], False),
        (["from gdbp import plotting\nplotting.use_style()"], False),
        (["from gdbp import plotting", "plotting.loss_curves({})"], True),
        (["import gdbp.plotting", "gdbp.plotting.INK"], True),
        (["from gdbp.plotting import INK"], True),
        (["import matplotlib.pyplot as plt"], False),
        (["import matplotlib.pyplot as plt", "def f(): plt.figure()"], True),
        (["from matplotlib import pyplot"], True),
        (["draw = 1", None, "a = ("], False),
        (["import matplotlib as plt", "a = (", "plt.rcParams"], True),
        (["from gdbp import plotting", "f(plotting)"], True),
    ],
)
def test_which_cells_need_matplotlib(
    sources: list[str | None], draws: bool, cells: ModuleType
) -> None:
    assert cells.packages(sources) == (["matplotlib"] if draws else [])
