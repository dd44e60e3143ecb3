"""What every page of the book has. How the pages look is for test_site.py to see."""

import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import execute_pages
import pytest
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode

DOCS = Path(__file__).parents[1] / "docs"
PACKAGE = DOCS.parent / "gdbp"
SETTINGS = execute_pages.Settings(
    DOCS, PACKAGE, MdParserConfig(enable_extensions={"colon_fence"}), DOCS
)

SECTIONS = [
    "Predict",
    "The mathematics",
    "By hand",
    "In code",
    "Check",
    "The picture",
    "What goes wrong",
    "Beyond this page",
    "Summary",
    "Exercises",
    "References",
]


@dataclass(frozen=True)
class Chapter:
    """A page of docs/chapters."""

    file: Path

    @property
    def number(self) -> int:
        return int(self.file.stem.partition("-")[0])

    @cached_property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def cells(self) -> list[NotebookNode]:
        return execute_pages.read_source(self.text, SETTINGS).notebook.cells

    @cached_property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @cached_property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return re.sub(r"^(`{3,}).*?^\1`*$", "", self.text, flags=re.MULTILINE | re.DOTALL)

    def headings(self, level: int) -> list[str]:
        return re.findall(rf"^#{{{level}}} (.+)$", self.prose, flags=re.MULTILINE)

    @property
    def figures(self) -> list[NotebookNode]:
        return [cell for cell in self.code if "figure" in cell.metadata.get("mystnb", {})]


CHAPTERS = [Chapter(file) for file in sorted(DOCS.glob("chapters/*.md"))]

every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.file.stem)


@every_chapter
def test_title_and_label(chapter: Chapter) -> None:
    assert re.fullmatch(r"\d\d-[a-z0-9-]+", chapter.file.stem)
    titles = chapter.headings(1)
    assert len(titles) == 1
    assert re.match(rf"{chapter.number}\. \S", titles[0])
    assert re.search(r"^\(page-[a-z0-9-]+\)=\n# ", chapter.text, flags=re.MULTILINE)


@every_chapter
def test_figures(chapter: Chapter) -> None:
    assert chapter.figures, "each page has a picture"
    assert "plotting.use_style()" in chapter.code[0].source
    for cell in chapter.figures:
        options = cell.metadata["mystnb"]
        assert options["figure"]["name"].startswith("fig-")
        assert options["figure"]["caption"].strip()
        assert len(options["image"]["alt"]) > 30, "alt text says what the figure shows"
    for cell in chapter.code:
        draws = re.search(r"\bplotting\.(?!use_style)[a-z]\w*\(", cell.source)
        hidden = {"remove-output", "remove-cell"} & set(cell.metadata.get("tags", []))
        assert not draws or hidden or cell in chapter.figures, f"no caption: {cell.source}"


@every_chapter
def test_nothing_from_elsewhere(chapter: Chapter) -> None:
    assert not re.search(r"!\[[^\]]*\]\(http|<(img|script|iframe)\b", chapter.text)


@every_chapter
def test_no_line_of_prose_is_lost(chapter: Chapter) -> None:
    assert not re.search(r"^%", chapter.prose, flags=re.MULTILINE), "MyST takes % for a comment"


@every_chapter
def test_sections(chapter: Chapter) -> None:
    assert [name for name in chapter.headings(2) if name in SECTIONS] == SECTIONS


@every_chapter
def test_checks_and_examples(chapter: Chapter) -> None:
    assert any(re.search(r"^\s*assert ", cell.source, flags=re.MULTILINE) for cell in chapter.code)
    assert re.search(r"^```pycon\n>>> ", chapter.text, flags=re.MULTILINE)
    other_blocks = re.findall(
        r"^```(?!pycon)\S*\n(?:(?!```).*\n)*?>>> ", chapter.text, re.MULTILINE
    )
    assert not other_blocks, "examples with >>> are run in pycon blocks only"


@every_chapter
def test_exercises(chapter: Chapter) -> None:
    exercises = re.split(r"^## ", chapter.text, flags=re.MULTILINE)
    (section,) = [part for part in exercises if part.startswith("Exercises\n")]
    n = chapter.number
    found = re.findall(
        r"^\(exercise-(\d+)-(\d+)\)=\n### Exercise (\d+)\.(\d+) \(.+\)$", section, re.MULTILINE
    )
    assert found == [(f"{n}", f"{k}", f"{n}", f"{k}") for k in range(1, len(found) + 1)]
    assert 3 <= len(found) <= 5
    for exercise in re.split(r"^### ", section, flags=re.MULTILINE)[1:]:
        assert exercise.count("{solution}") == 1, exercise.partition("\n")[0]


@every_chapter
def test_reusable_code_is_in_the_package(chapter: Chapter) -> None:
    section = ""
    for cell in chapter.cells:
        if cell.cell_type == "markdown":
            section = ([section, *re.findall(r"^## (.+)$", cell.source, flags=re.MULTILINE)])[-1]
        elif section not in ("What goes wrong", "Exercises"):
            assert not re.search(r"^\s*(def|class) ", cell.source, flags=re.MULTILINE)


GLOSSARY = re.findall(
    r"^(\w[\w -]*)\n  ", (DOCS / "glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)
# They have an everyday sense too, in which the pages use them as well: a step of h, a unit vector.
EVERYDAY = {"bias", "step", "unit", "weight"}


def plain(term: str) -> str:
    """Return a term as it is compared: "mini-batch" and "Mini batch" are the same."""
    return re.sub(r"[\s-]+", " ", term).lower()


def running_text(text: str) -> str:
    """Return a page's sentences alone, in which {term} is the only role left."""
    text = text.partition("\n## References")[0]
    text = re.sub(r"^(`{3,}).*?^\1`*$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(?::{3,}.*|#.*|\(.*\)=)$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*(?:\n[^$\n]+)?\$", "", text, flags=re.DOTALL)
    code_or_role = r"(\{[\w:]+\})?`[^`]*`"
    return re.sub(code_or_role, lambda m: m[0] if m[1] == "{term}" else "", text)


@every_chapter
def test_terms_are_linked_at_first_use(chapter: Chapter) -> None:
    longest_first = sorted(GLOSSARY, key=len, reverse=True)
    words = "|".join(re.sub(r"[ -]", r"[\\s-]+", term) for term in longest_first)
    use = rf"\{{term\}}`(?:[^`<]*<)?(?P<linked>[^`>]+)>?`|\b(?P<bare>{words})(?:s|es)?\b"
    met: set[str] = set()
    bare = []
    for match in re.finditer(use, running_text(chapter.text), flags=re.IGNORECASE):
        term = plain(match["linked"] or match["bare"])
        if match["bare"] and term not in met | EVERYDAY:
            bare.append(match[0])
        met.add(term)
    assert not bare, "link them: {term}`gradients <gradient>`"


def test_every_term_has_its_name_in_chinese() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    named = re.findall(
        r"^(\w[\w -]*)\n  \[[\u4e00-\u9fff]+\]\{\.language-zh\}\. ", text, re.MULTILINE
    )
    assert named == GLOSSARY


def test_every_chapter_is_in_the_table_of_contents() -> None:
    assert "\nchapters/*\n" in (DOCS / "index.md").read_text(encoding="utf-8")


def test_labels_are_unique() -> None:
    texts = [file.read_text(encoding="utf-8") for file in DOCS.glob("[!_n]*/*.md")]
    labels = [
        label for text in texts for label in re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE)
    ]
    fenced = {"page-derivative", "exercise-2-1"}  # shown in writing-a-page.md
    assert {label for label in labels if labels.count(label) > 1} <= fenced


@pytest.mark.parametrize("module", [f.stem for f in PACKAGE.glob("[!_]*.py")])
def test_every_module_has_a_reference_page(module: str) -> None:
    reference = DOCS / "reference" / f"{module}.md"
    assert re.search(rf"automodule(::|\}}) gdbp\.{module}$", reference.read_text(), re.MULTILINE)


def test_a_page_without_torch_does_not_load_it() -> None:
    """PyTorch's import takes seconds. The kernel of a page imports what its cells name."""
    files = [
        file for file in DOCS.rglob("*.md") if not {"_build", "node_modules"} & set(file.parts)
    ]
    pages = [
        execute_pages.read_source(file.read_text(encoding="utf-8"), SETTINGS) for file in files
    ]
    names = {name for page in pages if "torch" not in page.imports for name in page.imports}
    assert "gdbp.descent" in names
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    try: importlib.import_module(name)\n"
        "    except ModuleNotFoundError: assert '.' in name, name\n"  # a function of a module
        "assert not {'torch', 'gdbp.torch_nets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, *sorted(names)], check=True)
    with_torch = [page for page in pages if "torch" in page.imports]
    assert 0 < len(with_torch) < len(pages) / 2
    for page in with_torch:
        cells = "\n".join(cell.source for cell in page.code_cells)
        assert "torch" in execute_pages.imported_names(cells, "gdbp"), (
            "it is named, not a by-product"
        )


def test_every_example_is_collected() -> None:
    """A pattern that matches nothing would leave the examples unread, and no test would fail."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-n0",
        "gdbp",
        "docs",
        "README.md",
    ]
    collected = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True).stdout
    with_examples = [
        file
        for file in [*PACKAGE.glob("*.py"), *DOCS.glob("**/*.md"), DOCS.parent / "README.md"]
        if not {"_build", "node_modules"} & set(file.parts)
        and re.search(r"^ *>>> ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]
    for file in with_examples:
        assert f"{file.relative_to(DOCS.parent).as_posix()}::" in collected
