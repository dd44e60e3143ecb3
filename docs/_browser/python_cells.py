"""Runs the cells of a page in the reader's browser, and what the reader makes of them.

A cell runs after the page's earlier cells. Before each of them the names are kept, so that a cell
that runs again, edited or not, finds what it found the first time: equal sources, equal outputs.

The book's own imports of what is not there do no harm. PyTorch and scikit-learn raise where they
are used, not where they are imported beside numpy. matplotlib is imported where it is first used,
so that a page need not fetch it for a cell that draws nothing.
"""

import ast
import contextlib
import copy
import importlib
import io
import linecache
import os
import pprint
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from translations import translator

os.environ.setdefault("MPLBACKEND", "agg")

Output = dict[str, str]  # {"svg": …}, {"html": …} or {"text": …}

NEEDS = {"gdbp.torch_nets": "torch", "sklearn": "sklearn", "torch": "torch"}
DRAWING = ("gdbp.plotting", "matplotlib")
STYLE = "use_style"  # of gdbp.plotting; what every page calls, also one that then draws nothing


# --- what a page imports -------------------------------------------------------------------------


def packages(sources: Sequence[str | None]) -> list[str]:
    """Return what has to be loaded before these cells run: matplotlib, or nothing."""
    modules: set[str] = set()  # names in the cells that stand for a module that draws
    return ["matplotlib"] if any(source and _draws(source, modules) for source in sources) else []


def _draws(source: str, modules: set[str]) -> bool:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # running it will say where
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                whole, part = imported(node, alias)
                if _inside(whole, DRAWING):
                    modules.add(alias.asname or alias.name.partition(".")[0])
                if part and _inside(part, DRAWING):
                    return True
    innocent = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == STYLE
    }
    return any(
        isinstance(node, ast.Name) and node.id in modules and id(node) not in innocent
        for node in ast.walk(tree)
    )


def imported(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> tuple[str, str]:
    """Return what an import binds, and the module from which it is taken, if it is."""
    if isinstance(node, ast.Import):
        return alias.name, ""
    return f"{node.module}.{alias.name}", node.module or ""


def _inside(name: str, modules: Sequence[str]) -> bool:
    return any(f"{name}.".startswith(f"{module}.") for module in modules)


class Later:
    """A module that is imported when it is first used."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute == STYLE and find_spec("matplotlib") is None:
            return lambda: None  # `_style` sees to it
        return getattr(importlib.import_module(self.__name__), attribute)


class Missing:
    """Something from a library that is not there: it raises what an import would."""

    def __init__(self, library: str) -> None:
        self._library = library

    def __getattr__(self, attribute: str) -> Any:
        raise ModuleNotFoundError(f"No module named {self._library!r}", name=self._library)

    def __call__(self, *args: object, **options: object) -> Any:
        return self.__getattr__("__call__")


class HTML:
    """A fragment of a page, as IPython's class of this name."""

    def __init__(self, data: str) -> None:
        self.data = data

    def _repr_html_(self) -> str:
        return self.data


def _stand_in(whole: str, part: str) -> Any:
    """Return what to take for an import of the book that cannot be had; None if it can."""
    if find_spec("matplotlib") is None and _inside(whole, DRAWING) and not _inside(part, DRAWING):
        return Later(whole)
    for module, library in NEEDS.items():
        if _inside(whole, [module]) and find_spec(library) is None:
            return Missing(library)
    if part == "myst_nb":
        return glue
    if part == "IPython.display" and find_spec("IPython") is None:
        return {"display": display, "HTML": HTML, "Markdown": str}.get(whole.rpartition(".")[2])
    return None


def _take_stand_ins(tree: ast.Module) -> None:
    """Take out of a cell the imports that cannot be had, and put stand-ins among the names."""
    for node in list(tree.body):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in list(node.names):
            stand_in = _stand_in(*imported(node, alias))
            if stand_in is not None:
                names[alias.asname or alias.name.partition(".")[0]] = stand_in
                node.names.remove(alias)
        if not node.names:
            tree.body.remove(node)


# --- the state of the page -----------------------------------------------------------------------

names: dict[str, Any] = {"__name__": "__main__"}
_ran: list[str | None] = []  # the sources that led to these names
_before: list[dict[str, Any]] = []  # the names before each of them


def _copy(value: Any, copies: dict[int, Any]) -> Any:
    """Copy the data that a cell could change in place; all else is the same object."""
    if id(value) in copies:  # two names of one list stay so
        return copies[id(value)]
    kind = type(value)
    if kind in (list, set, dict):
        copies[id(value)] = result = kind()
        if kind is list:
            result.extend(_copy(entry, copies) for entry in value)
        elif kind is dict:
            result.update((key, _copy(entry, copies)) for key, entry in value.items())
        else:
            result.update(value)
    elif kind in (np.ndarray, np.random.Generator):
        copies[id(value)] = result = (
            copy.copy(value) if kind is np.ndarray else copy.deepcopy(value)
        )
    else:
        result = value
    return result


def _go_back(cell: int) -> None:
    """Make the names again what they were before a cell, if it has run."""
    if cell < len(_ran):
        kept = _copy(_before[cell], {})
        names.clear()
        names.update(kept)
        del _ran[cell:], _before[cell:]


# --- running -------------------------------------------------------------------------------------


def run(sources: Sequence[str | None], cell: int) -> dict[str, Any]:
    """Run a cell of the page, and before it the earlier ones that have not run as they now are.

    Args:
        sources: The cells of the page, in order; None for one that cannot run here.
        cell: The index of the one to run. What it prints goes to stdout.

    Returns:
        ``outputs``, what the cell shows; ``error``, what it raised, or None; and ``cell``, the
        index of the cell that raised, or the one that ran.
    """
    agree = 0
    while agree < min(cell, len(_ran)) and _ran[agree] == sources[agree]:
        agree += 1
    _go_back(agree)
    for earlier in range(agree, cell):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            error = _run_one(earlier, sources[earlier], lambda: None)
        if error:
            return {"cell": earlier, "outputs": [], "error": error}
    _shown.clear()
    error = _run_one(cell, sources[cell], _show_figures)
    return {"cell": cell, "outputs": list(_shown), "error": error}


def _run_one(cell: int, source: str | None, finish: Callable[[], None]) -> dict[str, str] | None:
    """Run a cell; return what it raised."""
    _before.append(_copy(names, {}))
    _ran.append(source)
    try:
        _style()
        _execute(f"<cell {cell}>", source or "")
        finish()
    except (Exception, SystemExit, KeyboardInterrupt) as problem:
        _go_back(cell)  # or the next would start from half a cell
        return describe(problem, cell)
    finally:
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close("all")
    return None


def _execute(file: str, source: str) -> None:
    """Run a cell; what its last line stands for is shown, unless a semicolon ends it."""
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    tree = ast.parse(source, file)
    names["display"] = display
    _take_stand_ins(tree)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec"), names)
    if last:
        value = eval(compile(ast.Expression(last.value), file, "eval"), names)
        if value is not None and not re.search(r";\s*(#.*)?$", source):
            display(value)


def _style() -> None:
    """Give figures the look of the book, as soon as they can be drawn."""
    if find_spec("matplotlib") is not None and "gdbp.plotting" not in sys.modules:
        # of matplotlib 3.10, which the browser has; later ones do rasterize contours
        warnings.filterwarnings("ignore", "Rasterization of", UserWarning)
        # of pyplot.show; figures are shown when the cell ends
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive", UserWarning)
        importlib.import_module("gdbp.plotting").use_style()


# --- what is shown -------------------------------------------------------------------------------

_shown: list[Output] = []  # of the cell that runs


def display(*values: Any) -> None:
    """Show values, as IPython's function of this name."""
    _shown.extend(map(rich, values))


def glue(name: str, value: Any, display: bool = True) -> None:
    """Do what MyST-NB's function of this name does besides keeping the value for the text."""
    if display:
        _shown.append(rich(value))


def rich(value: Any) -> Output:
    """Return a value as a notebook shows it."""
    if isinstance(value, type):
        return {"text": repr(value)}
    bundle = getattr(value, "_repr_mimebundle_", dict)()
    for kind, mime in (("html", "text/html"), ("svg", "image/svg+xml")):
        content = bundle.get(mime) or getattr(value, f"_repr_{kind}_", lambda: None)()
        if content:
            return {kind: translator("outputs").html(content) if kind == "html" else content}
    if type(value) in (dict, list, set, tuple):
        return {"text": pprint.pformat(value, sort_dicts=False)}
    return {"text": repr(value)}


def _show_figures() -> None:
    """Show the figures that a cell has drawn."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        svg_bytes = importlib.import_module("gdbp.plotting").svg_bytes
        translated = importlib.import_module("figure_words").translated_figure
        for number in pyplot.get_fignums():
            svg = svg_bytes(pyplot.figure(number)).decode()
            _shown.append({"svg": translated(svg, translator("figures"))})


def describe(error: BaseException, cell: int) -> dict[str, str]:
    """Return an error as Python shows it, with the lines of the reader's cells alone."""
    report = traceback.TracebackException.from_exception(error)
    report.stack = traceback.StackSummary.from_list(
        [frame for frame in report.stack if frame.filename.startswith("<cell ")]
    )
    text = "".join(report.format(chain=False)).rstrip()
    text = text.replace(f'File "<cell {cell}>"', "This cell")
    text = re.sub(r'File "<cell \d+>"', "An earlier cell", text)
    return {"type": type(error).__name__, "message": str(error), "text": text}
