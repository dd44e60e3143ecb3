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
LOG = DOCS / "_build/work/en/pdf/gdbp.log"
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


# --- the EPUB ------------------------------------------------------------------------------------


@functools.cache
def epub_files() -> dict[str, bytes]:
    assert EPUB.is_file(), "build it with `make epub`"
    with ZipFile(EPUB) as book:
        return {name: book.read(name) for name in book.namelist()}


def epub_page(chapter: Path) -> str:
    return epub_files()[f"chapters/{chapter.stem}.xhtml"].decode()


def test_epubcheck_has_nothing_to_say() -> None:
    check = [sys.executable, "-m", "epubcheck", str(EPUB)]
    answer = subprocess.run(check, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert not re.search("WARNING|ERROR", answer.stdout), answer.stdout


@every_chapter
def test_epub_has_the_chapter(chapter: Path) -> None:
    page = html.unescape(epub_page(chapter))
    n = int(chapter.name[:2])
    assert f"<h1>{title(chapter)}</h1>" in page
    captions = re.findall(rf'class="caption-number">Figure {n}\.(\d+)', page)
    assert [int(k) for k in captions] == list(range(1, figures(chapter) + 1))
    numbers = re.findall(rf'class="eqno">\({n}\.(\d+)\)', page)
    assert [int(k) for k in numbers] == list(range(1, equations(chapter) + 1))


@every_chapter
def test_epub_needs_no_script_and_no_style_of_the_site(chapter: Path) -> None:
    page = epub_page(chapter)
    assert not re.search(r"<script|<details|katex-html|<svg|<button", page)
    assert (
        'properties="mathml"'
        in re.search(
            rf'<item [^>]*href="chapters/{chapter.stem}\.xhtml"[^>]*>',
            epub_files()["content.opf"].decode(),
        )[0]
    )


@every_chapter
def test_epub_images_are_drawings_that_say_what_they_show(chapter: Path) -> None:
    page = epub_page(chapter)
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) >= figures(chapter)
    assert all(re.search(r' src="[^"]+\.svg"', image) for image in images)
    outside_of_tables = re.sub(r"<td>.*?</td>", "", page, flags=re.DOTALL)
    images = re.findall(r"<img [^>]*>", outside_of_tables)
    assert not [image for image in images if not re.search(r' alt="[^"]+"', image)]


def test_epub_has_a_cover_and_an_identity() -> None:
    package = epub_files()["content.opf"].decode()
    assert re.search(r'href="cover\.png" media-type="image/png" properties="cover-image"', package)
    assert "<dc:language>en</dc:language>" in package
    assert re.search(r'<dc:identifier id="book">https://\S+</dc:identifier>', package)


def test_epub_depends_on_the_sources_alone() -> None:
    with ZipFile(EPUB) as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    commit = run("git", "-C", DOCS, "log", "-1", "--date=format:%Y", "--format=%cd").strip()
    assert f"<dc:date>{commit}-" in epub_files()["content.opf"].decode()
