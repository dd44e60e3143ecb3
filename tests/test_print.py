"""The built PDF and EPUB: complete, numbered as the site is, and valid.

Run by `make print-test`, after `make pdf epub`. Poppler reads the PDF; epubcheck, which is Java's,
checks the EPUB.
"""

import functools
import html
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.print

DOCS = Path(__file__).parents[1] / "docs"
PDF, EPUB = DOCS / "_build/gdbp.pdf", DOCS / "_build/gdbp.epub"
LOG = DOCS / "_build/work/pdf/gdbp.log"
CHAPTERS = sorted(DOCS.glob("chapters/*.md"))
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda file: file.stem)


def title(chapter: Path) -> str:
    return re.search(r"^# (.+)$", chapter.read_text(encoding="utf-8"), re.MULTILINE)[1]


def figures(chapter: Path) -> int:
    """Return how many figures a chapter has."""
    text = chapter.read_text(encoding="utf-8")
    return len(re.findall(r"^(?: +|:)name: fig-", text, re.MULTILINE))


def equations(chapter: Path) -> int:
    """Return how many numbered equations a chapter has."""
    return len(re.findall(r"^\$\$ \(eq-", chapter.read_text(encoding="utf-8"), re.MULTILINE))


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# --- the PDF -------------------------------------------------------------------------------------


@functools.cache
def pdf_text() -> str:
    assert PDF.is_file(), "build it with `make pdf`"
    return " ".join(run("pdftotext", PDF, "-").split())


@functools.cache
def pdf_info() -> dict[str, str]:
    lines = run("pdfinfo", PDF).splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_pdf_says_what_it_is() -> None:
    info = pdf_info()
    assert info["Title"] == "Gradient descent and backpropagation"
    assert info["Author"] == "The gdbp authors"
    assert info["Page size"].endswith("(A4)")


@every_chapter
def test_pdf_has_the_chapter(chapter: Path) -> None:
    assert pdf_text().count(title(chapter)) >= 2, "in the contents, and where it stands"


@every_chapter
def test_pdf_numbers_figures_and_equations(chapter: Path) -> None:
    n = int(chapter.name[:2])
    captions = {int(k) for k in re.findall(rf"Figure {n}\.(\d+):", pdf_text())}
    assert captions == set(range(1, figures(chapter) + 1))
    numbers = {int(k) for k in re.findall(rf"\({n}\.(\d+)\)", pdf_text())}
    assert numbers >= set(range(1, equations(chapter) + 1))


def test_pdf_has_no_pages_for_the_screen_alone() -> None:
    assert "Execution times" not in pdf_text()


def test_pdf_has_solutions() -> None:
    exercises = sum(file.read_text(encoding="utf-8").count("{solution}") for file in CHAPTERS)
    assert pdf_text().count("Solution.") == exercises


def test_pdf_figures_are_vectors() -> None:
    """All figures are drawn; an image in the file is a part that matplotlib rasterized."""
    drawn = list(LOG.parent.glob("*.pdf"))
    assert len(drawn) - 1 >= sum(map(figures, CHAPTERS))
    assert not [*LOG.parent.glob("*.png"), *LOG.parent.glob("*.svg")]


@pytest.mark.parametrize(
    "complaint",
    ["Missing character", "undefined references", "multiply defined", "undefined on input line"],
)
def test_latex_does_not_complain(complaint: str) -> None:
    log = LOG.read_text(encoding="utf-8", errors="replace")
    assert complaint not in log


def test_nothing_sticks_out_of_the_page() -> None:
    log = LOG.read_text(encoding="utf-8", errors="replace")
    sizes = re.findall(r"^Overfull \\hbox \((\d+)\.\d+pt too wide\).*", log, re.MULTILINE)
    assert not [size for size in map(int, sizes) if size > 20]
