"""The built PDF and EPUB of each edition: complete, numbered as the site is, and valid.

Run by `make print-test`, after `make pdf epub`. Poppler reads the PDF; epubcheck, which is Java's,
checks the EPUB.
"""

import functools
import html
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
from edition import LANGUAGES, catalogue, tag

pytestmark = pytest.mark.print

DOCS = Path(__file__).parents[1] / "docs"
CHAPTERS = sorted(DOCS.glob("chapters/*.md"))
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda file: file.stem)


@dataclass(frozen=True)
class Edition:
    """The files of one edition, and what its texts say."""

    language: str

    @property
    def pdf(self) -> Path:
        return DOCS / f"_build/gdbp-{self.language}.pdf"

    @property
    def epub(self) -> Path:
        return DOCS / f"_build/gdbp-{self.language}.epub"

    @property
    def log(self) -> Path:
        return DOCS / f"_build/work/{self.language}/pdf/gdbp.log"

    def say(self, text: str, page: str = "book") -> str:
        return catalogue(page, self.language).get(text, text)

    def title(self, chapter: Path) -> str:
        english = re.search(r"^# (.+)$", chapter.read_text(encoding="utf-8"), re.MULTILINE)[1]
        return self.say(english, f"chapters/{chapter.stem}").replace("\\.", ".")  # Markdown's


every_edition = pytest.mark.parametrize(
    "edition", [*map(Edition, LANGUAGES)], ids=lambda edition: edition.language
)


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


def without_spaces(text: str) -> str:
    """Return what can be compared: a PDF has no spaces, so that Poppler guesses where some are."""
    return "".join(text.split())


@functools.cache
def pdf_text(edition: Edition) -> str:
    assert edition.pdf.is_file(), "build it with `make pdf`"
    return without_spaces(run("pdftotext", edition.pdf, "-"))


def pdf_info(edition: Edition) -> dict[str, str]:
    lines = run("pdfinfo", edition.pdf).splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@every_edition
def test_pdf_says_what_it_is(edition: Edition) -> None:
    info = pdf_info(edition)
    assert info["Title"] == edition.say("Gradient descent and backpropagation")
    assert info["Author"] == edition.say("The gdbp authors")
    assert info["Page size"].endswith("(A4)")


@every_edition
@every_chapter
def test_pdf_has_the_chapter(edition: Edition, chapter: Path) -> None:
    title = without_spaces(edition.title(chapter))
    assert pdf_text(edition).count(title) >= 2, "in the contents, and where it stands"


@every_edition
@every_chapter
def test_pdf_numbers_figures_and_equations(edition: Edition, chapter: Path) -> None:
    n = int(chapter.name[:2])
    figure = without_spaces(edition.say("Figure %s") % n)
    captions = {int(k) for k in re.findall(rf"{figure}\.(\d+)[:：]", pdf_text(edition))}
    assert captions == set(range(1, figures(chapter) + 1))
    numbers = {int(k) for k in re.findall(rf"\({n}\.(\d+)\)", pdf_text(edition))}
    assert numbers >= set(range(1, equations(chapter) + 1))


@every_edition
def test_pdf_has_no_pages_for_the_screen_alone(edition: Edition) -> None:
    assert "Executiontimes" not in pdf_text(edition)


@every_edition
def test_pdf_has_solutions(edition: Edition) -> None:
    exercises = sum(file.read_text(encoding="utf-8").count("{solution}") for file in CHAPTERS)
    solution = edition.say("Solution") + edition.say(".")
    assert pdf_text(edition).count(solution) == exercises


@every_edition
def test_pdf_figures_are_vectors(edition: Edition) -> None:
    """All figures are drawn; an image in the file is a part that matplotlib rasterized."""
    folder = edition.log.parent
    drawn = list(folder.glob("*.pdf"))
    assert len(drawn) - 1 >= sum(map(figures, CHAPTERS))
    assert not [*folder.glob("*.png"), *folder.glob("*.svg")]


@every_edition
@pytest.mark.parametrize(
    "complaint",
    ["Missing character", "undefined references", "multiply defined", "undefined on input line"],
)
def test_latex_does_not_complain(edition: Edition, complaint: str) -> None:
    log = edition.log.read_text(encoding="utf-8", errors="replace")
    assert complaint not in log


@every_edition
def test_nothing_sticks_out_of_the_page(edition: Edition) -> None:
    log = edition.log.read_text(encoding="utf-8", errors="replace")
    sizes = re.findall(r"^Overfull .*\((\d+)\.\d+pt too (?:wide|high)\)", log, re.MULTILINE)
    assert not [size for size in map(int, sizes) if size > 20]


# --- the EPUB ------------------------------------------------------------------------------------


@functools.cache
def epub_files(edition: Edition) -> dict[str, bytes]:
    assert edition.epub.is_file(), "build it with `make epub`"
    with ZipFile(edition.epub) as book:
        return {name: book.read(name) for name in book.namelist()}


def epub_page(edition: Edition, chapter: Path) -> str:
    return epub_files(edition)[f"chapters/{chapter.stem}.xhtml"].decode()


@every_edition
def test_epubcheck_has_nothing_to_say(edition: Edition) -> None:
    check = [sys.executable, "-m", "epubcheck", str(edition.epub)]
    answer = subprocess.run(check, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert not re.search("WARNING|ERROR", answer.stdout), answer.stdout


@every_edition
@every_chapter
def test_epub_has_the_chapter(edition: Edition, chapter: Path) -> None:
    page = html.unescape(epub_page(edition, chapter))
    n = int(chapter.name[:2])
    assert f"<h1>{edition.title(chapter)}</h1>" in page
    figure = edition.say("Figure %s") % n
    captions = re.findall(rf'class="caption-number">{figure}\.(\d+)', page)
    assert [int(k) for k in captions] == list(range(1, figures(chapter) + 1))
    numbers = re.findall(rf'class="eqno">\({n}\.(\d+)\)', page)
    assert [int(k) for k in numbers] == list(range(1, equations(chapter) + 1))


@every_edition
@every_chapter
def test_epub_needs_no_script_and_no_style_of_the_site(edition: Edition, chapter: Path) -> None:
    page = epub_page(edition, chapter)
    assert not re.search(r"<script|<details|katex-html|<svg|<button", page)
    assert (
        'properties="mathml"'
        in re.search(
            rf'<item [^>]*href="chapters/{chapter.stem}\.xhtml"[^>]*>',
            epub_files(edition)["content.opf"].decode(),
        )[0]
    )


@every_edition
@every_chapter
def test_epub_images_are_drawings_that_say_what_they_show(edition: Edition, chapter: Path) -> None:
    page = epub_page(edition, chapter)
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) >= figures(chapter)
    assert all(re.search(r' src="[^"]+\.svg"', image) for image in images)
    outside_of_tables = re.sub(r"<td>.*?</td>", "", page, flags=re.DOTALL)
    images = re.findall(r"<img [^>]*>", outside_of_tables)
    assert not [image for image in images if not re.search(r' alt="[^"]+"', image)]


@every_chapter
def test_formulas_of_the_chinese_edition_have_chinese_words(chapter: Path) -> None:
    """What Sphinx cannot translate it replaces by two colons."""
    page = epub_page(Edition("zh_CN"), chapter)
    tex = re.findall(r"<annotation[^>]*>(.*?)</annotation>", page, re.DOTALL)
    assert "::" not in tex
    formulas = without_spaces(html.unescape(" ".join(tex)))
    messages = catalogue(f"chapters/{chapter.stem}", "zh_CN").items()
    translated = [
        chinese
        for english, chinese in messages
        if english != chinese and r"\text{" in chinese and "$" not in chinese
    ]
    assert [words for words in translated if without_spaces(words) not in formulas] == []


@every_edition
def test_epub_has_a_cover_and_an_identity(edition: Edition) -> None:
    package = epub_files(edition)["content.opf"].decode()
    assert re.search(r'href="cover\.png" media-type="image/png" properties="cover-image"', package)
    assert f"<dc:language>{tag(edition.language)}</dc:language>" in package
    assert f"<dc:title>{edition.say('Gradient descent and backpropagation')}</dc:title>" in package
    assert re.search(r'<dc:identifier id="book">https://\S+</dc:identifier>', package)


@every_edition
def test_epub_depends_on_the_sources_alone(edition: Edition) -> None:
    with ZipFile(edition.epub) as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    commit = run("git", "-C", DOCS, "log", "-1", "--date=format:%Y", "--format=%cd").strip()
    assert f"<dc:date>{commit}-" in epub_files(edition)["content.opf"].decode()
