"""Run the pages of the book side by side, and only those whose result is not known yet.

MyST-NB renders notebooks; this extension hands it each page with the outputs already filled in
(it is the reader of ``.md`` files), so that MyST-NB itself never starts a kernel.

A page's result is kept in one file, named by a hash of all that the result can depend on: the
code cells, the modules of the package that they import (directly or through one another), the
files that the page says it reads (``reads: [file]`` at its top, relative to the folder of the
pages), and the versions of the libraries. What is not kept under that name has to be run, and
what is kept there is right; no other record exists that could disagree with it. The files are
written in one move, so that an interrupted build leaves either a whole result or none.

A cell that raises, that writes to stderr, or whose output no second build would repeat (a time, a
path, an address) ends the build with the page, cell and line named.

How long each page took is printed, and written to ``execution-times.md`` beside the kept results.
It is no part of the book, since no two builds agree on it.
"""

import ast
import asyncio
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import nbformat
import psutil
from myst_nb.core.read import read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from tqdm import tqdm

logger = logging.getLogger(__name__)


class PageError(Exception):
    """Cells failed; the message names them."""


# --- what a page's result depends on -------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """Where things are; set once a build, before any page is read."""

    cells: Path  # the kept results
    package: Path  # the folder of the package whose sources count
    markdown: MdParserConfig
    folder: Path  # of the pages, in which their cells are run

    def result(self, key: str) -> Path:
        """Return the file in which the result of this name is, or would be, kept."""
        return self.cells / f"{key}.ipynb"


@dataclass(frozen=True)
class Page:
    """A page as written, and the name under which its result is kept."""

    text: str
    notebook: NotebookNode
    imports: frozenset[str]
    key: str

    @property
    def code_cells(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]


def read_source(text: str, settings: Settings) -> Page:
    """Split a page into cells and find out what its result depends on."""
    notebook = read_myst_markdown_notebook(text, config=settings.markdown, add_source_map=True)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    imports = all_imports(sources, settings.package)
    reads = [settings.folder / name for name in notebook.metadata.get("reads", [])]
    return Page(text, notebook, imports, result_key(sources, imports, settings.package, reads))


def all_imports(sources: Iterable[str], package: Path) -> frozenset[str]:
    """Return the dotted names that code imports, also through modules of the package."""
    found: set[str] = set()
    waiting = list(sources)
    while waiting:
        for name in imported_names(waiting.pop(), package.name) - found:
            found.add(name)
            file = module_file(name, package)
            if file:
                waiting.append(file.read_text(encoding="utf-8"))
    return frozenset(found)


@cache  # most pages import the same modules
def imported_names(source: str, package: str) -> set[str]:
    """Return the dotted names that one source imports; ``from a import b`` gives a and a.b."""
    code = re.sub(r"^[%!].*", "", source, flags=re.MULTILINE)  # IPython's own lines
    try:
        tree = ast.parse(code)
    except SyntaxError:  # the page will fail, and say where
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [package if node.level else None, node.module]))
            dotted = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in dotted:  # importing a.b runs a too
            parts = name.split(".")
            names.update(".".join(parts[: n + 1]) for n in range(len(parts)))
    return names


def module_file(name: str, package: Path) -> Path | None:
    top, *rest = name.split(".")
    if top != package.name:
        return None
    stem = package.joinpath(*rest)
    return next(filter(Path.is_file, (stem.with_suffix(".py"), stem / "__init__.py")), None)


def result_key(
    sources: list[str], imports: frozenset[str], package: Path, reads: Iterable[Path]
) -> str:
    """Return the hash that names the result of these cells."""
    modules = filter(None, (module_file(name, package) for name in sorted(imports)))
    libraries = {name.partition(".")[0] for name in imports} | {"ipykernel", "matplotlib-inline"}
    depends_on = [
        sources,
        [file.read_text(encoding="utf-8") for file in [*modules, *reads]],
        [(name, _version(name)) for name in sorted(libraries)],
        platform.python_version(),
        Path(__file__).read_text(encoding="utf-8"),  # how the cells are run
    ]
    return hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()


@cache
def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


# --- the kept results ----------------------------------------------------------------------------


def load_result(page: Page, settings: Settings) -> NotebookNode | None:
    """Return the kept result of a page; None if there is none, or none that can be read."""
    try:
        result = nbformat.read(settings.result(page.key), as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        return None
    return result if len(result.cells) == len(page.code_cells) else None


def keep_result(page: Page, spent: dict[str, float], settings: Settings) -> None:
    """Write the result of a page that has just been run, whole or not at all."""
    result = nbformat.v4.new_notebook(cells=page.code_cells)
    result.metadata["spent"] = spent
    file = settings.result(page.key)
    draft = file.with_suffix(".draft")
    draft.write_text(nbformat.writes(result), encoding="utf-8")
    draft.replace(file)


_settings: Settings
_pages: dict[str, Page] = {}  # those that this build is about to read, by their text


def read_page(text: str) -> NotebookNode:
    """Return a page as a notebook with its outputs: MyST-NB's reader of ``.md`` files."""
    page = _pages.pop(text, None) or read_source(text, _settings)
    if page.code_cells:
        result = load_result(page, _settings)
        if result is None:
            title = next((line for line in text.splitlines() if line.startswith("# ")), "a page")
            raise PageError(f"{title!r} changed while the book was being built: build it again")
        for cell, kept in zip(page.code_cells, result.cells, strict=True):
            cell.outputs = kept.outputs
            cell.execution_count = kept.execution_count
        page.notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return page.notebook


# --- running pages -------------------------------------------------------------------------------


class Progress:
    """What is seen while pages run: a line when one starts or ends, and a live one if it can be."""

    def __init__(self, pages: dict[str, Page]) -> None:
        self.cells = {name: len(page.code_cells) for name, page in pages.items()}
        self.running: dict[str, int] = {}  # how many cells of each page have been run
        self.ended = 0
        shown = "{n_fmt} of {total_fmt} cells, {elapsed}{postfix}"
        cells = sum(self.cells.values())
        self.bar = tqdm(total=cells, bar_format=shown, disable=None, leave=False)

    def start(self, name: str) -> None:
        self._log("running %s", name)
        self._show(name, 0)

    def cell(self, name: str) -> None:
        self.bar.update()
        self._show(name, self.running[name] + 1)

    def end(self, name: str, verdict: str, seconds: float) -> None:
        self.ended += 1
        del self.running[name]
        self._log("%s %s in %.1f s [%d/%d]", verdict, name, seconds, self.ended, len(self.cells))

    def _show(self, name: str, cell: int) -> None:
        self.running[name] = cell
        running = (f"{Path(name).stem} {n}/{self.cells[name]}" for name, n in self.running.items())
        self.bar.set_postfix_str(", ".join(running))

    def _log(self, *message: object) -> None:
        with tqdm.external_write_mode():
            logger.info(*message)


def run_pages(pages: dict[str, Page], settings: Settings, workers: int) -> None:
    """Run pages side by side and keep their results; raise one error for all that fail."""
    failures: list[str] = []
    environment = kernel_environment(settings, pages.values())
    progress = Progress(pages)

    async def run_one(name: str, page: Page, free: asyncio.Semaphore) -> None:
        async with free:
            progress.start(name)
            start, verdict = time.perf_counter(), "executed"
            try:
                computing = await _run_cells(
                    page, environment, settings.folder, lambda: progress.cell(name)
                )
            except PageError as failure:
                failures.append(f"{name}:{failure}")
                verdict = "FAILED"
            seconds = time.perf_counter() - start
            progress.end(name, verdict, seconds)
        if verdict == "executed":
            keep_result(page, {"seconds": seconds, "computing": computing}, settings)

    async def run_all() -> None:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        free = asyncio.Semaphore(workers)
        async with asyncio.TaskGroup() as group:
            for name, page in pages.items():
                group.create_task(run_one(name, page, free))

    # In a thread of its own, because nbclient takes Ctrl-C for itself in the main one.
    running: list = []
    with ThreadPoolExecutor(1) as thread, progress.bar:
        future = thread.submit(asyncio.run, run_all())
        try:
            future.result()
        except KeyboardInterrupt:
            for loop, task in running:
                loop.call_soon_threadsafe(task.cancel)  # which kills the kernels on the way out
            raise
    if failures:
        raise PageError("\n\n".join(sorted(failures)))


async def _run_cells(
    page: Page, environment: dict[str, str], folder: Path, ran: Callable[[], None]
) -> float:
    """Run the cells of a page in a new kernel; return the seconds of computing they took."""
    client = NotebookClient(
        page.notebook,
        kernel_name="python3",
        timeout=300,
        shutdown_kernel="immediate",
        record_timing=False,  # no two builds agree on it
        resources={"metadata": {"path": str(folder)}},
        # no history file for the kernels to share, and no advice from them on the terminal
        extra_arguments=["--HistoryManager.enabled=False", "--log-level=ERROR"],
    )
    client.reset_execution_trackers()
    async with client.async_setup_kernel(env=environment):
        kernel = psutil.Process(client.km.provisioner.pid)
        before = sum(kernel.cpu_times()[:4])  # its own and its children's, of user and system
        for index, cell in enumerate(page.notebook.cells):
            try:
                await client.async_execute_cell(cell, index)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                raise PageError(describe_failure(page, index, error)) from None
            if cell.cell_type == "code":
                cell.outputs = merge_streams(cell.outputs)
                if complaint := unwanted(cell.outputs):
                    raise PageError(describe_failure(page, index, complaint))
                ran()
        return sum(kernel.cpu_times()[:4]) - before


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join what a cell printed in several pieces: where it was cut is a matter of timing."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == "stream" and output.get("name") == last.get("name"):
            last["text"] += output.text
        else:
            merged.append(output)
    return merged


UNREPEATABLE = {
    "an address": r"\b0x[0-9a-fA-F]{8,}\b",
    "a path": r"(?<![\w./:])/(?:home|opt|private|root|tmp|usr|Users|var)/",
    "a date": r"\b20\d\d-\d\d-\d\d\b",
    "a time": r"\b\d\d?:\d\d:\d\d\b",
    "a duration": r"(?<![\w.])\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|sec|seconds)\b",
}


def unwanted(outputs: list[NotebookNode]) -> str | None:
    """Return what a page must not hold of the outputs of a cell, in words; None if all is well."""
    errors = "".join(output.text for output in outputs if output.get("name") == "stderr").rstrip()
    if errors:
        return f"it wrote to stderr:\n{errors}"
    here = (sys.prefix, os.getcwd(), tempfile.gettempdir(), str(Path.home()))
    folders = "|".join(re.escape(folder) + r"\b" for folder in here if len(folder) > 1)
    for text in filter(None, map(_text, outputs)):
        for what, pattern in (UNREPEATABLE | {"a path of this machine": folders}).items():
            if found := re.search(pattern, text):
                line = text[text.rfind("\n", 0, found.start()) + 1 :].partition("\n")[0]
                return f"its output has {what}, which another build would not repeat:\n{line:.200}"
    return None


def _text(output: NotebookNode) -> str:
    """Return what can be read in an output; not the pictures in it, whose letters mean nothing."""
    bundle = output.get("data", {}).items()
    texts = [data for kind, data in bundle if kind not in ("image/png", "image/jpeg")]
    text = "\n".join(filter(lambda data: isinstance(data, str), [output.get("text"), *texts]))
    return re.sub(r"data:[\w/+]+;base64,[\w/+=\s]+", "", text)


def kernel_environment(settings: Settings, pages: Iterable[Page]) -> dict[str, str]:
    """Return the environment of the kernels: the same on every machine, whoever builds."""
    private = settings.cells / "home"  # in place of the user's own IPython and matplotlib settings
    private.mkdir(exist_ok=True)
    environment = os.environ | {
        "IPYTHONDIR": str(private / "ipython"),
        "MPLCONFIGDIR": str(private / "matplotlib"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or the debugger complains on the terminal
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        # pages run side by side, and a sum's last digit must not hang on the number of threads
        **dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"),
    }
    fonts = private / "matplotlib"
    if not fonts.is_dir() and any("matplotlib" in page.imports for page in pages):
        # matplotlib lists the fonts at its first import: once, and not in two kernels at a time
        command = [sys.executable, "-c", "import matplotlib.font_manager"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    return environment


def describe_failure(page: Page, index: int, error: Exception | str) -> str:
    """Return ``line: cell n failed``, the line itself and what was raised, or is wrong with it."""
    cell = page.notebook.cells[index]
    number = sum(cell.cell_type == "code" for cell in page.notebook.cells[: index + 1])
    where = inner = None
    if isinstance(error, str):
        reason = error
        where = re.search(r"ipykernel_\d+/\d+\.py:(\d+)", error)
    elif isinstance(error, CellExecutionError):
        reason = f"{error.ename}: {error.evalue}".removesuffix(": ")
        trace = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)
        where = re.search(r"Cell In\[\d+\], line (\d+)", trace)
        inner = re.findall(r"^File (\S+:\d+)", trace, flags=re.MULTILINE)
    else:
        reason = f"{type(error).__name__}: {error}"
    line_in_cell = int(where[1]) if where else 1
    lines = cell.source.splitlines()
    code = lines[line_in_cell - 1].strip() if line_in_cell <= len(lines) else ""
    line = first_line(page, index) + line_in_cell - 1
    report = f"{line}: cell {number} failed\n    {code}\n{reason}"
    return f"{report}\n(raised in {os.path.relpath(inner[-1])})" if inner else report


def first_line(page: Page, index: int) -> int:
    """Return the line of the page, counted from 1, on which the source of a cell begins."""
    lines = page.text.splitlines()
    source = page.notebook.cells[index].source.splitlines()
    start = page.notebook.metadata["source_map"][index]  # the options of the cell come first
    fits = (n for n in range(start, len(lines)) if lines[n : n + len(source)] == source)
    return next(fits, start) + 1


# --- the events of a build -----------------------------------------------------------------------

_loaded = time.perf_counter()
_run_now: set[str] = set()  # the names of the results that this build has made


def _marks(app: Sphinx) -> list[Path]:
    """Return the marks of an unfinished build: by the output, and by the pages as Sphinx read them.

    Builders may share the pages (Read the Docs' do), so that each has to know that another failed.
    """
    return [Path(folder, ".unfinished") for folder in (app.outdir, app.doctreedir)]


def start(app: Sphinx) -> None:
    """Take the settings; mark the build unfinished until it has come to a good end."""
    global _settings
    cells = Path(app.confdir, app.config.execute_pages_results)
    cells.mkdir(parents=True, exist_ok=True)
    package = Path(app.confdir, app.config.execute_pages_package).resolve()
    _settings = Settings(cells, package, app.env.myst_config, Path(app.srcdir))
    app.env.rebuild_all_pages = any(mark.exists() for mark in _marks(app))
    for mark in _marks(app):
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def finish(app: Sphinx, exception: Exception | None) -> None:
    """After a build without errors and warnings, drop the mark, and what no page has any more."""
    if exception or app._warncount:  # warnings count: with -W they are errors
        return
    for mark in _marks(app):
        mark.unlink()
    keep_only(
        _settings.cells.glob("*.ipynb"), {f"{key}.ipynb" for key in app.env.page_keys.values()}
    )
    if app.builder.format == "html":
        pages = [Path(app.builder.get_outfilename(doc)) for doc in app.env.found_docs]
        shown = "".join(page.read_text(encoding="utf-8") for page in pages if page.exists())
        images = [file for file in Path(app.outdir, "_images").rglob("*") if file.is_file()]
        keep_only(images, set(re.findall(r"_images/(?:[^\"?#/]+/)*([^\"?#/]+)", shown)))
    report_times(app)


def keep_only(files: Iterable[Path], names: set[str]) -> None:
    """Remove all of the files but those with these names."""
    for file in files:
        if file.name not in names:
            file.unlink(missing_ok=True)


def report_times(app: Sphinx) -> None:
    """Say how long the build took; write down how long each page did."""
    built = f"book built in {time.perf_counter() - _loaded:.0f} s"
    table = _settings.cells.parent / "execution-times.md"
    if table.exists() and not _run_now:
        logger.info("no page had to be run, %s", built)
        return
    rows, computing = [], 0.0
    for doc, key in sorted(app.env.page_keys.items()):
        result = nbformat.read(_settings.result(key), as_version=4)
        spent = result.metadata["spent"]
        computing += spent["computing"] * (key in _run_now)
        cells = len(result.cells)
        rows.append(f"| {doc} | {cells} | {spent['seconds']:.1f} | {spent['computing']:.1f} |\n")
    head = "| page | cells | seconds | of computing |\n|---|--:|--:|--:|\n"
    table.write_text(head + "".join(rows), encoding="utf-8")
    cores = f"{_cores()} core{'s' * (_cores() > 1)}"
    logger.info("%d pages: %.0f s of computing on %s, %s", len(_run_now), computing, cores, built)
    logger.info("each page's time is in %s", os.path.relpath(table))


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> set[str]:
    """Return the pages to read again though their own text may be the same."""
    if app.builder.format == "html":
        for doc in removed:  # Sphinx forgets the page, but leaves its file in the site
            Path(app.builder.get_outfilename(doc)).unlink(missing_ok=True)
    texts = {doc: Path(env.doc2path(doc)).read_text(encoding="utf-8") for doc in env.found_docs}
    before = getattr(env, "page_keys", {})
    env.pages = {doc: read_source(text, _settings) for doc, text in texts.items()}
    env.page_keys = {doc: page.key for doc, page in env.pages.items() if page.code_cells}
    if env.rebuild_all_pages:
        return set(env.found_docs)
    return {doc for doc, key in env.page_keys.items() if before.get(doc) != key}


def execute(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run the pages about to be read that have no result yet, the longest first."""
    todo = {
        os.path.relpath(env.doc2path(doc)): page
        for doc, page in env.pages.items()
        if doc in docnames and page.code_cells and load_result(page, _settings) is None
    }
    _pages.clear()
    _pages.update((env.pages[doc].text, env.pages[doc]) for doc in docnames)
    del env.pages
    if todo:
        # one page more than cores: a kernel that starts or ends mostly waits
        workers = min(len(todo), app.config.execute_pages_workers or _cores() + 1)
        logger.info("executing %d pages, %d at a time", len(todo), workers)
        try:
            run_pages(dict(sorted(todo.items(), key=_weight)), _settings, workers)
        except PageError as error:
            # Not an exception for Sphinx to report: it would add its own traceback and
            # ask the reader to file a bug.
            sys.exit(f"\nThe book is not built, because pages failed.\n\n{error}\n")
        _run_now.update(page.key for page in todo.values())


def _cores() -> int:
    """Return how many processors this process may use; a machine can have more."""
    return len(psutil.Process().cpu_affinity()) if psutil.LINUX else os.cpu_count() or 1


def _weight(item: tuple[str, Page]) -> tuple[bool, int]:
    """Sort the pages that take long to the front: PyTorch's import alone takes seconds."""
    return "torch" not in item[1].imports, -len(item[1].code_cells)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("execute_pages_package", "", "env", str)
    app.add_config_value("execute_pages_results", "_build/cells", "", str)
    app.add_config_value("execute_pages_workers", 0, "", int)  # 0: as many as keep the cores busy
    app.connect("builder-inited", start, priority=900)  # after MyST has made its configuration
    app.connect("env-get-outdated", outdated)
    app.connect("env-before-read-docs", execute)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
