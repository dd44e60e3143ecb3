"""Answers the page: calls one function by its name, and gives back its result or its error as JSON.

Runs in the worker (python_worker.js), which hands in the function that shows what is printed.
"""

import contextlib
import importlib
import io
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np

Show = Callable[[str, str], None]  # a text, and "stdout" or "stderr"


class Printer(io.TextIOBase):
    """A stream that shows each line as soon as it is complete, or flushed."""

    def __init__(self, show: Show, stream: str) -> None:
        self.show = show
        self.stream = stream
        self.line = ""

    def writable(self) -> bool:
        """Say that one can write to it."""
        return True

    def write(self, text: str) -> int:
        """Show all up to the last line feed."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        head, end, tail = text.rpartition("\n")
        if end:
            self.show(self.line + head + end, self.stream)
            self.line = tail
        else:
            self.line += tail
        return len(text)

    def flush(self) -> None:
        """Show what is left of a line."""
        if self.line:
            self.show(self.line, self.stream)
            self.line = ""


def set_up() -> None:
    """Stand in for tqdm, which draws bars on a terminal: there is none."""
    sys.modules["tqdm"] = SimpleNamespace(tqdm=lambda iterable, **options: iterable)


def call(name: str, arguments: str, show: Show) -> str:
    """Call ``module.function`` of gdbp or of this folder; return its result or its error."""
    out, errors = Printer(show, "stdout"), Printer(show, "stderr")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            result = function(name)(**json.loads(arguments))
            answer = json.dumps({"result": result}, default=plain, allow_nan=False)
        except BaseException as error:  # sys.exit() must not end the worker
            answer = json.dumps({"error": describe(error)})
        out.flush()
        errors.flush()
    return answer


def function(name: str) -> Callable[..., Any]:
    """Return the function that a name stands for."""
    module, _, function = name.rpartition(".")
    inside = f"gdbp.{module}"
    return getattr(importlib.import_module(inside if find_spec(inside) else module), function)


def plain(value: Any) -> Any:
    """Return numpy's numbers and arrays, and dataclasses, as what JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"a page gets numbers, text, lists and dicts, not {type(value).__name__}")


def describe(error: BaseException) -> dict[str, str]:
    """Return an error as Python shows it, with the frames of the reader's code alone."""
    report = traceback.TracebackException.from_exception(error)
    report.__notes__ = None  # they would stand behind the line that says what happened
    message = list(report.format_exception_only())[-1].strip()
    frames = [frame for frame in report.stack if is_readers(frame.filename)]
    return {
        "type": type(error).__name__,
        "message": message,
        "traceback": "".join(traceback.format_list(frames)),
    }


def is_readers(filename: str) -> bool:
    """Tell whether code was typed, not imported: Python writes such names as ``<cell 3>``."""
    return filename.startswith("<") and not filename.startswith("<frozen")
