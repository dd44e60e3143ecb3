"""Offer each chapter as a Jupyter notebook that runs as it is.

``notebooks/NN-name.ipynb`` is written beside the HTML pages, from the doctree of its page and the
same cells:

- its first cell installs the package from the book's own site, where its wheel lies (``wheels/``),
  and whatever else the page imports;
- the text is plain Markdown (``markdown_writer``);
- MyST-NB's ``glue`` is left out. What the page hides is kept, but folded, because it checks what
  the text says; a picture that was glued is displayed;
- it holds no outputs.

A page's links to its notebook are in ``_templates/take-away.html``. ``{notebooks}`` lists them all,
and the wheel; pip reads that list to find the wheel.
"""

import ast
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Set
from fnmatch import fnmatch
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin

import markdown_writer
import nbformat
from docutils import nodes
from edition import say
from execute_pages import all_imports, keep_only
from markdown_writer import MarkdownWriter, Part
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packaging.requirements import Requirement
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

logger = logging.getLogger(__name__)

NOTEBOOKS = "notebooks"
WHEELS = "wheels"
BRANCH = "notebooks"  # where .github/workflows/notebooks.yml puts them, for Colab
COLAB = "https://colab.research.google.com/github"
WHEEL_TIME = "1580601600"  # of each file in the wheel: 2020-02-02, hatchling's own default
HIDDEN = "# @title Code that the book does not show"  # Colab shows the title in place of the code
GONE = "\0"  # a line that is left out
KERNEL = "ipykernel"  # what every reader has


# --- the code of a cell --------------------------------------------------------------------------


def without_glue(source: str, displayed: Set[str] = frozenset()) -> str:
    """Return a cell without MyST-NB's ``glue``; the values of these names are displayed instead."""
    lines = source.split("\n")
    tree = _parse(source)
    expected = _count(tree)
    for statement, value in _glue_statements(tree.body, displayed):
        first, last = statement.lineno - 1, statement.end_lineno
        lines[first:last] = [GONE] * (last - first)
        expected -= _count(statement)
        if value:
            shown = ast.get_source_segment(source, value)
            lines[first] = f"{' ' * statement.col_offset}display({shown})"
            expected += 1
    result = _close_gaps("\n".join(lines))
    try:
        rest = _parse(result)
    except SyntaxError:
        rest = tree
    if _count(rest) != expected or re.search(r"\b(glue|myst_nb)\b", ast.unparse(rest)):
        raise ExtensionError(
            "A notebook runs without MyST-NB: `from myst_nb import glue` and `glue(name, value)` "
            f"have to be statements with lines of their own. They are not in this cell:\n{source}"
        )
    return result


def _parse(source: str) -> ast.Module:
    return ast.parse(re.sub(r"^[%!].*", "", source, flags=re.MULTILINE))  # IPython's own lines


def _count(tree: ast.AST) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree))


def _glue_statements(
    body: list[ast.stmt], displayed: Set[str]
) -> Iterator[tuple[ast.stmt, ast.expr | None]]:
    """Yield the statements that have to go, each with the value to display in its place."""
    for statement in body:
        if value := _displayed_value(statement, displayed):
            yield statement, value
        elif _only_glues(statement, displayed):
            yield statement, None
        else:
            for part in ("body", "orelse", "handlers", "finalbody"):
                yield from _glue_statements(getattr(statement, part, []), displayed)


def _displayed_value(statement: ast.stmt, displayed: Set[str]) -> ast.expr | None:
    match statement:
        case ast.Expr(ast.Call(ast.Name("glue"), [ast.Constant(name), value, *_])):
            return value if name in displayed else None
    return None


def _only_glues(statement: ast.stmt, displayed: Set[str]) -> bool:
    match statement:
        case ast.ImportFrom(module="myst_nb", names=[ast.alias(name="glue", asname=None)]):
            return True
        case ast.Expr(ast.Call(ast.Name("glue"))):
            return not _displayed_value(statement, displayed)
        case ast.For(orelse=[]) | ast.If(orelse=[]):
            return all(_only_glues(part, displayed) for part in statement.body)
    return False


def _close_gaps(text: str) -> str:
    """Take out the lines that are gone, and the blank ones on one side of them."""
    between = rf"\n(\n*){GONE}(?:\n+{GONE})*\n(\n*)"
    return re.sub(between, lambda gap: "\n" + max(gap[1], gap[2]), f"\n{text}\n").strip("\n")


# --- the cells of a notebook ---------------------------------------------------------------------


def notebook_cells(page: NotebookNode, parts: Iterable[Part]) -> list[NotebookNode]:
    """Put the text of a page, the cells that it shows and those that it hides into their order."""
    text = "\n".join(cell.source for cell in page.cells if cell.cell_type == "markdown")
    displayed = set(re.findall(r"\{glue:figure\}\s*(\S+)", text))
    hidden = [k for k, cell in enumerate(page.cells) if is_hidden(cell)]
    lines = page.metadata["source_map"]  # counted from 0, on which each of the page's cells begins
    cells: list[NotebookNode] = []
    open_text: list[str] = []

    def add_code(index: int) -> None:
        if source := without_glue(page.cells[index].source, displayed):
            close_text()
            cells.append(code_cell(page.cells[index], source))

    def close_text() -> None:
        if open_text:
            cells.append(new_markdown_cell("\n\n".join(open_text)))
            open_text.clear()

    for part in parts:
        while hidden and lines[hidden[0]] < part.line:
            add_code(hidden.pop(0))
        if part.cell is not None:
            add_code(part.cell)
            continue
        if part.heading:
            close_text()
        open_text.append(part.text)
    for index in hidden:
        add_code(index)
    close_text()
    return cells


def is_hidden(cell: NotebookNode) -> bool:
    return "remove-cell" in cell.metadata.get("tags", [])


def code_cell(cell: NotebookNode, source: str) -> NotebookNode:
    """Return a cell for the notebook; Jupyter and Colab fold it if the page hides its code."""
    folded = {"jupyter": {"source_hidden": True}, "cellView": "form"}
    if is_hidden(cell):
        return new_code_cell(f"{HIDDEN}\n{source}", metadata=folded)
    tags = {"hide-input", "hide-cell", "remove-input"} & set(cell.metadata.get("tags", []))
    return new_code_cell(source, metadata=folded if tags else {})


def install_cell(page_url: str, list_url: str, requirements: list[str]) -> NotebookNode:
    """Return the cell that installs what the page needs.

    The package comes from the book's site alone: an index could have another one of its name. It is
    installed anew, so that an older state of it does not meet a newer page. The second line
    finds it installed, and adds what it depends on.
    """
    package = Requirement(requirements[0]).name
    quoted = " ".join(f'"{requirement}"' for requirement in requirements)
    own = f"--no-index --find-links {list_url} --no-deps --force-reinstall {package}"
    return new_code_cell(f"# {page_url}\n%pip install --quiet {own}\n%pip install --quiet {quoted}")


def page_requirements(sources: list[str], package: Path) -> list[str]:
    """Return what to install for these cells: the package, with its extras, and what it lacks."""
    project = tomllib.loads((package.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    modules = {name.partition(".")[0] for name in all_imports(sources, package)}
    modules -= {package.name, *sys.stdlib_module_names}
    brought = _brought_by(*_named(project["dependencies"]), KERNEL)
    wanted = {_distribution(module) for module in modules} - brought
    taken = {e: names for e, lines in extras.items() if (names := set(_named(lines))) <= wanted}
    known = _named(extras["docs"])
    rest = sorted(wanted.difference(*taken.values()))
    if unknown := [name for name in rest if name not in known]:
        raise ExtensionError(
            f"A page imports {', '.join(unknown)}. Its notebook cannot install that: neither the "
            f"dependencies of {package.name} nor its extra 'docs' in pyproject.toml name it."
        )
    extra = f"[{','.join(sorted(taken))}]" if taken else ""
    return [f"{project['name']}{extra}", *(known[name] for name in rest)]


def _named(requirements: Iterable[str]) -> dict[str, str]:
    return {Requirement(line).name.lower(): line for line in requirements}


@cache
def _brought_by(*names: str) -> set[str]:
    """Return the distributions that come with these, themselves included."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            requirements = map(Requirement, metadata.requires(name) or [])
            plain = {"extra": ""}
            waiting += [
                r.name.lower() for r in requirements if not r.marker or r.marker.evaluate(plain)
            ]
    return found


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def _distribution(module: str) -> str:
    return _distributions().get(module, [module])[0].lower()


# --- the wheel -----------------------------------------------------------------------------------


def build_wheel(root: Path, folder: Path) -> Path:
    """Build the wheel of the package, the same bytes from the same sources, and nothing else."""
    with tempfile.TemporaryDirectory() as draft:
        run = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", draft],
            cwd=root,
            env=os.environ | {"SOURCE_DATE_EPOCH": WHEEL_TIME},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise ExtensionError(f"The wheel of the package could not be built:\n{run.stderr}")
        (built,) = Path(draft).glob("*.whl")
        write(folder / built.name, built.read_bytes())
        return folder / built.name


def write(file: Path, content: bytes) -> None:
    """Write a file if it is not the same already, whole or not at all."""
    if file.exists() and file.read_bytes() == content:
        return
    file.parent.mkdir(exist_ok=True)
    draft = file.with_name(f".{file.name}")
    draft.write_bytes(content)
    draft.replace(file)


# --- where things are ----------------------------------------------------------------------------


def notebook_name(docname: str) -> str:
    return f"{PurePosixPath(docname).name}.ipynb"


def is_chapter(config: Config, docname: str) -> bool:
    return fnmatch(docname, config.notebooks_pages)


def makes_notebooks(app: Sphinx) -> bool:
    return app.builder.name == "html"  # not "epub", whose format is HTML too


def wheel_name(config: Config) -> str:
    return f"{config.project}-{config.release}-py3-none-any.whl"


def site(config: Config) -> str:
    return config.notebooks_site.rstrip("/") + "/"


def package_folder(app: Sphinx) -> Path:
    return Path(app.confdir, app.config.execute_pages_package).resolve()


def colab_url(repository: str, name: str) -> str | None:
    """Return where Colab opens a notebook; it can do so from GitHub alone, hence the None."""
    found = re.fullmatch(r"(?:https://|git@)github\.com[/:]([^/]+/[^/]+?)(?:\.git)?/?", repository)
    return f"{COLAB}/{found[1]}/blob/{BRANCH}/{name}" if found else None


def on_branch(config: Config, name: str) -> str:
    """Return where a notebook lies on the branch for Colab: translations have folders."""
    return name if config.language == "en" else f"{config.language}/{name}"


# --- the events of a build -----------------------------------------------------------------------


def write_notebook(
    app: Sphinx,
    docname: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Write the notebook of a page, and tell its template where it is."""
    if doctree is None or not is_chapter(app.config, docname) or not makes_notebooks(app):
        return
    name = notebook_name(docname)
    context["take_away"] = {
        "notebook": f"{NOTEBOOKS}/{name}",
        "colab": colab_url(app.config.notebooks_repository, on_branch(app.config, name)),
    }
    try:
        notebook = make_notebook(app, docname, doctree)
    except ExtensionError as error:  # raised in one of several processes, it could get lost
        logger.warning("%s", error, location=docname)
    else:
        write(Path(app.outdir, NOTEBOOKS, name), nbformat.writes(notebook).encode() + b"\n")


def make_notebook(app: Sphinx, docname: str, doctree: nodes.document) -> NotebookNode:
    # MyST-NB leaves the page, as it was read, in this folder
    page = nbformat.read(
        Path(app.env.mystnb_config.output_folder, f"{docname}.ipynb"), as_version=4
    )
    url = urljoin(site(app.config), app.builder.get_target_uri(docname))
    images = urljoin(site(app.config), f"{app.builder.imagedir}/")
    writer = MarkdownWriter(url, images, app.env.toc_fignumbers.get(docname, {}))
    cells = notebook_cells(page, writer.page_parts(doctree))
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    requirements = page_requirements(sources, package_folder(app))
    list_url = urljoin(site(app.config), app.builder.get_target_uri(app.config.notebooks_list))
    cells.insert(0, install_cell(url, list_url, requirements))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # nbformat's own are random
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )


class NotebookList(SphinxDirective):
    """Each chapter with links to its notebook, and the wheel of the package."""

    def run(self) -> list[nodes.Node]:
        items = nodes.bullet_list(bullet="-")
        for docname in sorted(self.env.found_docs):
            if is_chapter(self.config, docname):
                items += nodes.list_item("", self.links(docname))
        wheel = wheel_name(self.config)
        link = in_site(self.config, f"{WHEELS}/{wheel}", wheel)
        return [items, nodes.paragraph("", say("The package alone: "), link, nodes.Text(say(".")))]

    def links(self, docname: str) -> nodes.paragraph:
        name = notebook_name(docname)
        line = nodes.paragraph("", "", *self.parse_inline(f"{{doc}}`/{docname}`")[0])
        line += [nodes.Text(say(": ")), in_site(self.config, f"{NOTEBOOKS}/{name}", name)]
        if colab := colab_url(self.config.notebooks_repository, on_branch(self.config, name)):
            line += [nodes.Text(say(", ")), nodes.reference("", say("in Colab"), refuri=colab)]
        return line


def in_site(config: Config, path: str, text: str) -> nodes.reference:
    """Return a link to a file of the site that is no page; absolute, for builders but HTML."""
    return nodes.reference("", text, refuri=urljoin(site(config), path), in_site=path)


def make_relative(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    if makes_notebooks(app):
        for node in doctree.findall(nodes.reference):
            if "in_site" in node:
                here = app.builder.get_target_uri(docname)
                node["refuri"] = relative_uri(here, node["in_site"])


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Read the list again when there is another chapter, or one less."""
    listed = app.config.notebooks_list in env.found_docs
    return [app.config.notebooks_list] if listed and (added or removed) else []


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Put the wheel into the site, and take out what belongs to no page and no version any more."""
    if exception or not makes_notebooks(app):
        return
    wheel = build_wheel(package_folder(app).parent, Path(app.outdir, WHEELS))
    if wheel.name != wheel_name(app.config):
        raise ExtensionError(
            f"The list of notebooks has {wheel_name(app.config)}, not {wheel.name}."
        )
    keep_only(Path(app.outdir, WHEELS).glob("*"), {wheel.name})
    names = {notebook_name(doc) for doc in app.env.found_docs if is_chapter(app.config, doc)}
    keep_only(Path(app.outdir, NOTEBOOKS).glob("*"), names)
    # An error in one of the processes that write pages can get lost, and the page with it.
    missing = [name for name in sorted(names) if not Path(app.outdir, NOTEBOOKS, name).exists()]
    if missing and not app._warncount:
        raise ExtensionError(f"These notebooks were not written: {', '.join(missing)}.")


def _own_code() -> str:
    files = [Path(__file__), Path(markdown_writer.__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("notebooks_pages", "chapters/*", "env", str)
    app.add_config_value("notebooks_list", "notebooks", "env", str)
    app.add_config_value("notebooks_site", "", "env", str)
    app.add_config_value("notebooks_repository", "", "env", str)
    # Sphinx writes the pages again when this changes
    app.add_config_value("notebooks_code", _own_code(), "html", str)
    app.add_directive("notebooks", NotebookList)
    app.connect("env-get-outdated", outdated)
    app.connect("doctree-resolved", make_relative)
    # before sphinxext-opengraph, which takes commas out of the doctree for its descriptions
    app.connect("html-page-context", write_notebook, priority=100)
    app.connect("build-finished", finish, priority=400)  # before the build is marked as finished
    return {"parallel_read_safe": True, "parallel_write_safe": True}
