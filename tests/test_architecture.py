"""The layers of the package, what may be imported where, and what a docstring always has."""

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from execute_pages import imported_names

import gdbp

PACKAGE = Path(gdbp.__file__).parent
LAYERS = [
    {"_checks", "_trees", "_blocks", "_picture", "plotting"},
    {"calculus", "losses", "optimizers", "autodiff", "checkpoints"},
    {"descent", "backprop", "drawing"},
    {"surfaces"},
    {"explore", "exercises", "torch_nets"},
    {"parallel"},
]
LAYER = {module: n for n, layer in enumerate(LAYERS) for module in layer}
MODULES = sorted(file.stem for file in PACKAGE.glob("*.py") if file.stem != "__init__")
PUBLIC = [module for module in MODULES if not module.startswith("_")]


def imports(module: str) -> set[str]:
    return imported_names((PACKAGE / f"{module}.py").read_text(encoding="utf-8"), "gdbp")


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_only_downwards(module: str) -> None:
    used = {name.split(".")[1] for name in imports(module) if name.startswith("gdbp.")}
    # its own layer may use _checks: it is the ground that everything stands on
    allowed = {name for name, layer in LAYER.items() if layer < LAYER[module]} | {"_checks"}
    assert used <= allowed


def test_plotting_knows_no_other_module() -> None:
    assert not [name for name in imports("plotting") if name.startswith("gdbp")]


@pytest.mark.parametrize(
    ("library", "allowed"), [("torch", {"torch_nets", "parallel"}), ("matplotlib", {"plotting"})]
)
def test_heavy_libraries_stay_in_their_modules(library: str, allowed: set[str]) -> None:
    assert {module for module in MODULES if library in imports(module)} <= allowed


def test_importing_gdbp_is_light() -> None:
    code = "import gdbp, sys; print(sorted({'torch', 'matplotlib', 'numpy'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


HEAVY = {"matplotlib", "pandas", "sklearn", "torch", "tqdm"}
LATE = {"html", "json", "numpy.random", "pathlib", "zipfile"}  # imported where they are used


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (set(PUBLIC) - {"torch_nets", "parallel", "plotting"}, HEAVY),
        (set.union(*LAYERS[1:4]), HEAVY | LATE),
    ],
    ids=["all that need no PyTorch", "all that compute"],
)
def test_the_numpy_modules_import_little_beside_numpy(modules: set[str], absent: set[str]) -> None:
    names = ", ".join(f"gdbp.{module}" for module in sorted(modules))
    code = f"import sys; had = set(sys.modules); import {names}; print(*set(sys.modules) - had)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(run.stdout.split())


def public_objects() -> list[tuple[str, object]]:
    """Return the functions and classes that the modules of the package define for others."""
    found = []
    for module in map(import_module, [f"gdbp.{name}" for name in PUBLIC]):
        for name, value in vars(module).items():
            defined_here = getattr(value, "__module__", None) == module.__name__
            is_code = inspect.isfunction(value) or inspect.isclass(value)
            if defined_here and is_code and not name.startswith("_"):
                found.append((f"{module.__name__}.{name}", value))
    return found


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(*pair, id=pair[0]) for pair in public_objects()]
)
def test_docstring_is_complete(name: str, value: object) -> None:
    docstring = inspect.getdoc(value) or ""
    assert re.match(r"\S.*\.$", docstring.partition("\n")[0]), "one line first, with a full stop"
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        for parameter in signature.parameters:
            assert re.search(rf"^    \*{{0,2}}{parameter}: ", docstring, re.MULTILINE), parameter
        if signature.return_annotation not in (None, "None"):
            assert "\nReturns:\n" in docstring or "\nYields:\n" in docstring
        # what draws has its examples as figures, in the pages
        if not name.startswith("gdbp.plotting."):
            assert "\nExamples:\n" in docstring


@pytest.mark.parametrize("module", MODULES)
def test_no_module_has_star_imports_or_prints(module: str) -> None:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert "*" not in [alias.name for alias in node.names]
        if isinstance(node, ast.Call):
            assert getattr(node.func, "id", None) != "print"
