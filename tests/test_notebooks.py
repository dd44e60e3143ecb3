"""The built notebooks: each says what its page says, and runs as it is in a clean environment.

Run by `make notebooks-test`, after `make html`. It needs a package index, as a reader does, for
what the notebooks install. The package itself comes from the built book, served on this machine
in place of the address that stands in the notebooks.
"""

import os
import re
import subprocess
import venv
from functools import cache
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from built_book import BOOK, BUILT
from edition import catalogue
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

pytestmark = pytest.mark.notebooks

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted(file.stem for file in ROOT.glob("docs/chapters/*.md"))
# what only MyST understands: {role}`…`, :::, ```{directive}, (label)=, % comment, glue
MYST = re.compile(r"\{[a-z:]+\}`|^:{3,}|^`{3,}\{|^\([\w-]+\)=$|^% |\bglue\b|myst", re.MULTILINE)

NUMBERS = "{numbers}. On the page in the browser, all of this can be moved."


every_edition = pytest.mark.parametrize("edition", ["en", "zh_CN"])


def read(edition: str, name: str) -> NotebookNode:
    return nbformat.read(BUILT / f"{edition}/notebooks/{name}.ipynb", as_version=4)


@every_edition
def test_each_chapter_has_a_notebook_and_there_is_no_other(edition: str) -> None:
    assert CHAPTERS
    files = sorted(file.name for file in BUILT.glob(f"{edition}/notebooks/*"))
    assert files == [f"{name}.ipynb" for name in CHAPTERS], "build the book with `make html`"


@every_edition
@pytest.mark.parametrize("name", CHAPTERS)
def test_it_is_plain(edition: str, name: str) -> None:
    notebook = read(edition, name)
    nbformat.validate(notebook)
    assert notebook.cells[0].source.splitlines()[1].startswith("%pip install ")
    for cell in notebook.cells:
        assert not MYST.search(cell.source), cell.source
        assert not cell.get("outputs")
        assert not set(cell.metadata) - {"jupyter", "cellView"}


def said(edition: str, text: str) -> str:
    """Return words of the book in the language of an edition."""
    return catalogue("book", edition).get(text, text)


def page_text(file: Path, edition: str) -> str:
    """Return the text of a page, without its cells and what stands beside the text."""
    page = BeautifulSoup(file.read_text("utf-8"), "html.parser")
    article = page.find("article")
    for explorer in article.select("figure.explorer"):  # its numbers stand in a line there
        numbers = zip(explorer.select("dt"), explorer.select("dd"), strict=True)
        pair = said(edition, "{label}: {number}")
        pairs = [pair.format(label=n.get_text(), number=text.get_text()) for n, text in numbers]
        line = said(edition, NUMBERS).format(numbers=said(edition, "; ").join(pairs))
        explorer.find("figcaption").append(line)
    for caption in article.select(".cell_output figcaption, figure figcaption"):
        caption.find_parent("figure").replace_with(caption)
    for output in article.select(".cell_output"):
        captions = output.select("figcaption")
        cell = output.find_parent(class_="cell")
        for caption in reversed(captions):
            cell.insert_after(caption)
    for extra in article.select(".cell, .headerlink, .take-away, .eqno, .copybtn"):
        extra.decompose()
    for formula in article.select(".math"):
        tex = formula.find("annotation").get_text()
        formula.replace_with(f" {tex} ")
    return words(article.get_text())


def notebook_text(notebook: NotebookNode) -> str:
    """Return the text of a notebook as CommonMark, with tables and formulas, shows it."""
    reader = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=formula)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    html = "\n".join(reader.render(source) for source in cells)
    return words(BeautifulSoup(html, "html.parser").get_text())


def formula(tex: str, options: dict[str, bool]) -> str:
    tex = re.sub(r"\\tag\{[\d.]+\}\s*$", "", tex)
    return f" {tex.replace('&', '&amp;').replace('<', '&lt;')} "


def words(text: str) -> str:
    """Return text without what the two may write differently: space, and the lines of formulas."""
    text = re.sub(r"\\(begin|end)\{split\}", "", text)
    text = re.sub(r"((?:Figure|图) \d+\.\d+)\.? ", r"\1 ", text)
    return re.sub(r"\s+", "", text)


@every_edition
@pytest.mark.parametrize("name", CHAPTERS)
def test_it_says_what_the_page_says(edition: str, name: str) -> None:
    page = BUILT / f"{edition}/chapters/{name}.html"
    assert notebook_text(read(edition, name)) == page_text(page, edition)


@cache
def anchors(file: Path) -> set[str]:
    page = BeautifulSoup(file.read_text("utf-8"), "html.parser")
    return {element["id"] for element in page.find_all(id=True)}


@every_edition
@pytest.mark.parametrize("name", CHAPTERS)
def test_its_links_lead_into_its_edition(edition: str, name: str) -> None:
    notebook = read(edition, name)
    site = re.match(rf"# (https://.*/)chapters/{name}\.html\n", notebook.cells[0].source)[1]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((.+?)\)", text)
    assert links
    for link in links:
        page, _, anchor = link.partition("#")
        assert page.startswith(site)
        assert anchor in {"", *anchors(BUILT / edition / page.removeprefix(site))}, link


# --- running them --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def reader(site: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return the programs and the environment variables of a reader who has Jupyter alone.

    pip looks for the package on the notebooks' own site, in vain or not, and here as well.
    """
    home = tmp_path_factory.mktemp("reader")
    private = ("PYTHON", "VIRTUAL_ENV", "JUPYTER", "IPYTHON", "MPL", "COV_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(private)} | {
        "HOME": str(home),
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_FIND_LINKS": f"{os.environ.get('PIP_FIND_LINKS', '')} {site}notebooks.html",
        "PIP_RETRIES": "0",
        # two run side by side
        **dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"),
    }
    venv.create(home / "env", with_pip=True, symlinks=True)
    programs = home / "env/bin"
    install = [programs / "python", "-m", "pip", "install", "--quiet", "ipykernel", "nbclient"]
    subprocess.run(install, env=environment, check=True, stderr=subprocess.DEVNULL)
    return programs, environment


def in_groups(name: str) -> object:
    """Keep what needs PyTorch together: then one of two environments alone has to install it."""
    source = (ROOT / f"docs/chapters/{name}.md").read_text("utf-8")
    torch = [pytest.mark.xdist_group("torch")] if "\nimport torch\n" in source else []
    return pytest.param(name, marks=torch)


@pytest.mark.parametrize("name", [in_groups(name) for name in CHAPTERS])
def test_it_runs_as_it_is(name: str, reader: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    programs, environment = reader
    file = tmp_path / f"{name}.ipynb"
    file.write_bytes((BOOK / f"notebooks/{name}.ipynb").read_bytes())
    command = [programs / "jupyter", "execute", "--inplace", "--timeout=300", file.name]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    cells = nbformat.read(file, as_version=4).cells
    installed = "".join(output.get("text", "") for output in cells[0].outputs)
    assert "ERROR" not in installed, installed
    pictures = [cell for cell in cells if "image/" in str(cell.get("outputs", ""))]
    assert pictures, "each chapter draws something"
    missing = "import importlib.util as u; assert not u.find_spec('myst_nb')"
    subprocess.run([programs / "python", "-c", missing], env=environment, check=True)
