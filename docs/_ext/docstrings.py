r"""Let docstrings be written as the pages are, though autodoc reads reStructuredText.

- ``$…$`` is a formula in a line, ``$$…$$`` one on lines of its own;
- ``|x|`` is an absolute value, not a substitution;
- a colon in the text below ``Returns:`` is a colon: the types stand in the annotations;
- the field of a named tuple says nothing: its class does, below ``Attributes:``.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import numpy as np
from numpy.typing import ArrayLike
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx_autodoc_typehints import format_annotation

# What may not be touched comes first: an example's lines, and code between backticks.
MARKUP = re.compile(
    r"""
      (?P<keep> ^[ ]*(?:>>>|\.\.\.)[ ].*$ | ``.+?`` | :[a-z:]+:`[^`]*` | `[^`]*` )
    | ^(?P<indent>[ ]*) \$\$ (?P<display>.+?) \$\$ (?P<stop>[.,;]?) [ ]*$
    | \$ (?P<inline>[^\s$](?:[^$]*[^\s$])?) \$
    | (?P<bar>\|)
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
FIELD = re.compile(r"Alias for field number \d+\n*")  # what Python writes
RETURNS = re.compile(r"^(Returns:\n +)(?=\S.*:)", re.MULTILINE)


@dataclass(frozen=True)  # compares equal, so that Sphinx sees an unchanged setting in each build
class ShortTypes:
    """Numpy's types by their short names; the long ones are unions of a dozen private classes."""

    def __call__(self, annotation: Any, config: Config) -> str | None:
        if get_origin(annotation) is Annotated:  # the rest is for the explorers
            return format_annotation(get_args(annotation)[0], config)
        if get_origin(annotation) is np.ndarray:
            return "``ndarray``"
        members, of_array_like = get_args(annotation), get_args(ArrayLike)
        if not all(member in members for member in of_array_like):
            return None
        others = [format_annotation(m, config) for m in members if m not in of_array_like]
        return " | ".join(["``ArrayLike``", *others])


def to_rest(text: str) -> str:
    """Return a docstring's text in reStructuredText, as Napoleon expects it."""

    def convert(match: re.Match[str]) -> str:
        if match["bar"]:
            return r"\|"
        if match["inline"]:
            return f":math:`{' '.join(match['inline'].split())}`"
        if match["display"]:
            lines = (match["display"].strip() + match["stop"]).splitlines()
            body = "\n".join(f"{match['indent']}   {line.strip()}" for line in lines)
            return f"\n{match['indent']}.. math::\n\n{body}\n"
        return match[0]

    if FIELD.fullmatch(text):
        return ""
    # Napoleon takes the words before the first colon for a type; an empty one is none.
    return RETURNS.sub(r"\1: ", MARKUP.sub(convert, text))


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite one docstring in place."""
    text = to_rest("\n".join(lines))
    if what in ("attribute", "data", "property") and ":" in text.partition("\n")[0]:
        text = f": {text}"  # the same for the first line of what has a value: a constant, a field
    lines[:] = text.split("\n")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process, priority=400)  # before Napoleon's 500
    return {"parallel_read_safe": True, "parallel_write_safe": True}
