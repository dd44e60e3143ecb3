"""Checks what a reader answers to an exercise: Python, in the names of the page and of the book."""

import ast
import importlib
import linecache
import traceback
from typing import Any

import numpy as np
import python_cells
from translations import translator

from gdbp import exercises

MODULES = ("autodiff", "backprop", "calculus", "descent", "losses", "optimizers", "surfaces")
FILE = "<answer>"


def check(exercise: str, text: str) -> dict[str, Any]:
    """Check an answer.

    Args:
        exercise: Its number, such as "5.1".
        text: Python. The answer is what its last statement stands for: an expression, or the
            value or function to which it gives a name. Names are numpy's ``np``, the modules of the
            book and what is in them, and those of the page's cells that have run.

    Returns:
        ``ok``, and ``text``, the verdict in the language of the edition; or what Python says of the
        answer, with ``ok`` None.
    """
    said = translator("hints")
    try:
        answer = evaluate(text)
        verdict = answer if isinstance(answer, exercises.Verdict) else None
        verdict = verdict if verdict is not None else exercises.check(exercise, answer)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        kind, colon, message = traceback.format_exception_only(error)[-1].strip().partition(": ")
        return {"ok": None, "text": kind + colon + said.text(message)}
    return {"ok": verdict.ok, "text": said.text(str(verdict))}


def evaluate(text: str) -> Any:
    """Return what the last statement of a text stands for."""
    linecache.cache[FILE] = (len(text), None, text.splitlines(keepends=True), FILE)
    tree = ast.parse(text.strip(), FILE)
    if not tree.body:
        raise ValueError("there is no answer yet")
    last = tree.body[-1]
    match last:
        case ast.Expr(value):
            tree.body.pop()
        case ast.FunctionDef(name):
            value = ast.Name(name, ast.Load())
        case ast.Assign([ast.Name(name)]):
            value = ast.Name(name, ast.Load())
        case _:
            raise ValueError("the last line needs to be the answer: a value, or a function")
    names = known_names()
    exec(compile(tree, FILE, "exec"), names)
    expression = ast.fix_missing_locations(ast.Expression(ast.copy_location(value, last)))
    return eval(compile(expression, FILE, "eval"), names)


def known_names() -> dict[str, Any]:
    """Return the names that an answer can use; the page's own come before the book's."""
    names: dict[str, Any] = {"__name__": "__main__", "exercises": exercises, "np": np}
    for name in MODULES:
        module = importlib.import_module(f"gdbp.{name}")
        own = {k: v for k, v in vars(module).items() if is_public(k, v, module.__name__)}
        names |= {name: module} | own
    return names | python_cells.names


def is_public(name: str, value: Any, module: str) -> bool:
    """Tell whether a name is one that a module defines for others."""
    return not name.startswith("_") and getattr(value, "__module__", None) == module
