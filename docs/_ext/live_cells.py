"""Let the reader run and edit the code cells of a chapter, and check answers to its exercises.

The site's pages get, for ``live_cells.js`` and ``live_answers.js``,

- below the code of each cell a bar with room for the buttons; or, where the cell needs a library
  that does not run in the browser, a line that says so and leads to the page's notebook;
- the sources of all cells, also of those that the page hides, as data at the end of the page;
- below the line *Check* of each exercise a box with room for an answer.

All else stays as it is: without the scripts the page is complete, and no other format has any of
this. ``editor.js`` (CodeMirror) and ``clean_html.js`` (DOMPurify) are bundled by esbuild, from npm;
pages fetch them only when they are needed.
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from symtable import SymbolTable, symtable
from typing import Any, NamedTuple

import nbformat
from docutils import nodes
from edition import say
from katex_math import NODE
from notebooks import NOTEBOOKS, is_chapter, makes_notebooks, notebook_name
from python_cells import NEEDS, imported
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.osutil import relative_uri
from sphinx.writers.html5 import HTML5Translator

BUNDLES = Path(__file__).parents[1] / "_bundles"
LIBRARIES = {"sklearn": "scikit-learn", "torch": "PyTorch"}
CHECK = re.compile(r'exercises\.check\("(\d+\.\d+)", (.*)\)')


# --- which cells run in the browser --------------------------------------------------------------


class Cell(NamedTuple):
    """A cell as the browser gets it."""

    source: str  # what of it runs there
    library: str | None  # what the rest needs, and the browser has not


def for_browser(sources: list[str]) -> list[Cell]:
    """Find out what of a page's cells runs in the browser.

    A statement that uses a name from a library that is not there does not run, nor what uses a name
    that such a statement binds or changes. An import of the library does no harm (python_cells).
    """
    lost: dict[str, str] = {}  # names, and the library without which they are not there
    random: set[str] = set()  # names of generators, and of functions that draw from them
    return [_for_browser(source, lost, random) for source in sources]


def _for_browser(source: str, lost: dict[str, str], random: set[str]) -> Cell:
    lines = source.split("\n")
    needed = None
    own: set[str] = set()  # names that the cell has bound so far: what it prepares, it fills
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            lost |= _lost_imports(statement)
            continue
        used, used_later, bound = names_of(statement)
        if library := next((lost[name] for name in sorted(used & lost.keys())), None):
            needed = needed or library
            first, last = statement.lineno - 1, statement.end_lineno
            lines[first:last] = [""] * (last - first)
            drawn = random if used & random else set()
            lost |= dict.fromkeys(bound | changed(statement) | (used & own) | drawn, library)
        else:
            own |= bound
            for name in bound:
                lost.pop(name, None)
            if "default_rng" in ast.unparse(statement) or used_later & random:
                random |= bound
    return Cell("\n".join(lines) if needed else source, needed)


def _lost_imports(statement: ast.Import | ast.ImportFrom) -> dict[str, str]:
    lost = {}
    for alias in statement.names:
        whole, _ = imported(statement, alias)
        for module, library in NEEDS.items():
            if f"{whole}.".startswith(f"{module}."):
                lost[alias.asname or alias.name.partition(".")[0]] = library
    return lost


class Names(NamedTuple):
    """The names of the page that a statement has to do with."""

    used: set[str]
    used_later: set[str]  # in functions, when they are called
    bound: set[str]


def names_of(statement: ast.stmt) -> Names:
    """Return the names of the page that a statement uses and binds."""
    top = symtable(ast.unparse(statement), "cell", "exec")
    symbols = top.get_symbols()
    inner = [symbol for scope in _inner_scopes(top) for symbol in scope.get_symbols()]
    later = {symbol.get_name() for symbol in inner if symbol.is_global()}
    bound = {symbol.get_name() for symbol in symbols if symbol.is_assigned()}
    used = later | {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
    if isinstance(statement, ast.AugAssign):  # `a *= 2` uses a, which symtable does not say
        used |= bound
    return Names(used, later, bound)


def _inner_scopes(scope: SymbolTable) -> Iterator[SymbolTable]:
    for child in scope.get_children():
        yield child
        yield from _inner_scopes(child)


FILLS = {"add", "append", "extend", "update"}


def changed(statement: ast.stmt) -> set[str]:
    """Return the names of what a statement changes in place, as far as its syntax tells."""
    return {
        node.value.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Subscript | ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (isinstance(node.ctx, ast.Store) or getattr(node, "attr", None) in FILLS)
    }


# --- what a page gets ----------------------------------------------------------------------------


class Bar(nodes.General, nodes.Element):
    """The room for the buttons of a cell, or the line that says why it has none."""


class AnswerBox(nodes.Invisible, nodes.Element):
    """The room for an answer to an exercise."""


class AddRoom(SphinxPostTransform):
    """Put the bars and the boxes where they belong."""

    builders = ("html",)
    default_priority = 900

    def run(self, **kwargs: object) -> None:
        docname = self.env.current_document.docname
        if not is_chapter(self.config, docname):
            return
        cells = code_cells(self.app, docname)
        parts = for_browser([cell.source for cell in cells.values()])
        notebook = relative_uri(
            self.app.builder.get_target_uri(docname), f"{NOTEBOOKS}/{notebook_name(docname)}"
        )
        order = list(cells)
        for container in list(self.document.findall(nodes.container)):
            if container.get("nb_element") == "cell_code":
                number = order.index(container["cell_index"])
                library = LIBRARIES.get(parts[number].library or "")
                add_bar(container, Bar(cell=number, library=library, notebook=notebook))
        for line in list(self.document.findall(nodes.paragraph)):
            if box := answer_box(line):
                line.parent.insert(line.parent.index(line) + 1, box)


def code_cells(app: Sphinx, docname: str) -> dict[int, Any]:
    """Return the code cells of a page by their index among all of its cells."""
    # MyST-NB leaves the page, as it was read, in this folder
    file = Path(app.env.mystnb_config.output_folder, f"{docname}.ipynb")
    cells = nbformat.read(file, as_version=4).cells
    return {k: cell for k, cell in enumerate(cells) if cell.cell_type == "code"}


def add_bar(cell: nodes.container, bar: Bar) -> None:
    """Put a bar behind the code of a cell."""
    outputs = [k for k, part in enumerate(cell) if part.get("nb_element") == "cell_code_output"]
    cell.insert(outputs[0] if outputs else len(cell), bar)


def answer_box(line: nodes.paragraph) -> AnswerBox | None:
    """Return the box for the answer that a line asks for, if it is a line *Check*.

    A translated line keeps its English source.
    """
    if not line.rawsource.startswith("*Check:*"):
        return None
    codes = [CHECK.fullmatch(code.astext()) for code in line.findall(nodes.literal)]
    call = next(filter(None, codes))
    tall = re.search(r"\b(a|the) function\b", line.rawsource) is not None
    return AnswerBox(exercise=call[1], asks=call[2], tall=tall)


def visit_bar(self: HTML5Translator, node: Bar) -> None:
    library, number = node["library"], node["cell"]
    words = say("run it in the notebook")
    link = f'<a href="{node["notebook"]}" download>{words}</a>'
    needs = say("Needs {library}: {link}.").format(library=library, link=link)
    self.body.append(
        f'<p class="cell-needs">{needs}</p>\n'
        if library
        else f'<div class="cell-bar" id="cell-{number + 1}" data-cell="{number}"></div>\n'
    )
    raise nodes.SkipNode


def visit_answer_box(self: HTML5Translator, node: AnswerBox) -> None:
    tall = " tall" if node["tall"] else ""
    self.body.append(
        f'<div class="answer-box{tall}" data-exercise="{node["exercise"]}" '
        f'data-asks="{self.attval(node["asks"])}"></div>\n'
    )
    raise nodes.SkipNode


def add_sources(
    app: Sphinx, docname: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Put the sources of the cells at the end of the page, as data that no browser runs."""
    if doctree is None or not makes_notebooks(app) or not is_chapter(app.config, docname):
        return
    sources = [cell.source for cell in code_cells(app, docname).values()]
    data = [cell.source for cell in for_browser(sources)]
    text = json.dumps(data, ensure_ascii=False).replace("<", r"\u003c")
    context["body"] += f'<script type="application/json" id="cell-sources">{text}</script>\n'
    for script in ("live_cells.js", "live_answers.js"):
        app.add_js_file(script, type="module")


# --- the bundles ---------------------------------------------------------------------------------


def bundle(folder: Path) -> None:
    """Bundle what comes from npm, each into one module."""
    command = [NODE or "node", "bundle.cjs", folder]
    run = subprocess.run(command, cwd=BUNDLES, capture_output=True, text=True, check=False)
    if run.returncode:
        raise ExtensionError(f"esbuild cannot bundle the editor: {run.stderr}")


def add_bundles(app: Sphinx, builder: Builder) -> None:
    if builder.name == "html":  # not "epub", which has no scripts
        bundle(Path(app.outdir, "_static"))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_node(Bar, html=(visit_bar, None))
    app.add_node(AnswerBox, html=(visit_answer_box, None))
    app.add_post_transform(AddRoom)
    app.connect("html-page-context", add_sources)
    app.connect("write-started", add_bundles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
