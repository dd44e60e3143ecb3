"""The {explorer} directive: whole without a script, on paper, in a notebook, and kept current."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import explorer
import pytest
from bs4 import BeautifulSoup, Tag

from gdbp import explore

PAGE = """# Page

```{explorer} secant
Move $h$.
```
"""


class Book:
    """A book of one page, with a copy of the package that a test may change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        extensions = Path(explorer.__file__).parent
        browser = extensions.with_name("_browser")
        (root / "conf.py").write_text(f"""
import sys
sys.path[:0] = [{str(root)!r}, {str(extensions)!r}, {str(browser)!r}]
extensions = ["myst_parser", "on_paper", "explorer"]
myst_enable_extensions = ["dollarmath"]
html_theme = "basic"
project, author = "Book", "Us"
""")
        (root / "gdbp").mkdir()
        for file in Path(explore.__file__).parent.glob("*.py"):
            (root / "gdbp" / file.name).write_text(file.read_text())
        self.write(PAGE)

    def write(self, text: str) -> None:
        (self.root / "index.md").write_text(text)

    def build(self, builder: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "sphinx", "-b", builder, *options]
        command += ["-d", "doctrees", ".", f"built/{builder}"]
        environment = os.environ | {"PYTHONPATH": str(self.root)}  # before the installed package
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )

    def read(self, name: str) -> str:
        return (self.root / "built" / name).read_text(encoding="utf-8")


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def figure(html: str) -> Tag:
    return BeautifulSoup(html, "html.parser").select_one("figure.explorer")


def test_page_shows_the_first_state(book: Book) -> None:
    assert book.build("html", "-W").returncode == 0
    html = book.read("html/index.html")
    root = figure(html)
    answer = explore.secant()
    assert answer.picture in html
    rows = [(row.dt.text, row.dd.text) for row in root.select("dl > div")]
    assert rows == [(value.label, value.text) for value in answer.values]
    assert root["data-explorer"] == "secant"
    assert "Move" in root.figcaption.text
    assert root.fieldset.has_attr("disabled"), "until the script lets them go"
    assert re.search(r'<script type="module" src="_static/explorer\.js', html)


def test_controls_come_from_the_signature(book: Book) -> None:
    book.build("html")
    fields = figure(book.read("html/index.html")).select("select, input")
    assert [field["name"] for field in fields] == list(explore.controls(explore.secant))
    labels = [field.find_previous_sibling("label") for field in fields]
    assert [label["for"] for label in labels] == [field["id"] for field in fields]
    assert [label.text for label in labels] == ["function f", "point x₀", "step h"]
    wanted = {"type": "range", "min": "-1.5", "max": "1.5", "step": "0.05", "value": "1"}
    assert wanted.items() <= fields[-1].attrs.items()


@pytest.mark.parametrize(
    ("control", "value", "field"),
    [
        (
            explore.Number("<w>", 0.1),
            0.5,
            '<input id="i" name="w" value="0.5" type="number" step="0.1">',
        ),
        (explore.Text("t", 9), 'a < "b"', 'value="a &lt; &quot;b&quot;" type="text" maxlength="9"'),
        (
            explore.Choice("c", ("a", "b<")),
            "b<",
            '<option value="a">a</option><option value="b&lt;" selected>b&lt;</option>',
        ),
        (explore.Slider("s", 0, 9, 3), 6, 'value="6" type="range" min="0" max="9" step="3">'),
    ],
)
def test_control(control: explore.Control, value: object, field: str) -> None:
    html = explorer.write_control("i", "w", control, value)
    assert field in html
    assert f'class="explorer-control {type(control).__name__.lower()}"' in html


def test_page_without_an_explorer_has_no_script(book: Book) -> None:
    book.write("# Page\n\nText.\n")
    book.build("html")
    assert "explorer.js" not in book.read("html/index.html")


def test_on_paper(book: Book) -> None:
    assert book.build("latex").returncode == 0
    text = book.read("latex/book.tex")
    (drawing,) = book.root.glob("doctrees/drawings/*.svg")  # for rsvg-convert
    assert "The curve of x³" in html.unescape(drawing.read_text(encoding="ascii"))
    assert "slope of the secant: 7.0000; " in text
    assert "Move" in text
    assert "Reset" not in text


def test_in_an_epub(book: Book) -> None:
    book.build("epub")
    page = book.read("epub/index.xhtml")
    assert "slope of the secant: 7.0000; " in page
    assert re.search(r'<img alt="The curve of x³ [^"]+" height="340" src="_images/\w+\.svg"', page)
    assert not re.search(r"<(form|input|svg)\b", page)


def test_as_text(book: Book) -> None:
    assert book.build("text", "-W").returncode == 0
    assert "Move" in book.read("text/index.txt")


@pytest.mark.parametrize("name", ["nothing", "np", "controls"])
def test_there_is_no_such_explorer(name: str, book: Book) -> None:
    book.write(PAGE.replace("secant", name))
    run = book.build("html", "-W")
    assert run.returncode != 0
    assert re.search(rf"index\.md:3: .*gdbp\.explore has no explorer '{name}'", run.stderr)


@pytest.mark.parametrize("module", ["explore", "_picture", "calculus"])
def test_page_is_made_anew_when_the_package_changes(module: str, book: Book) -> None:
    assert "1 added" in book.build("html").stdout
    assert "0 added, 0 changed" in book.build("html").stdout
    file = book.root / f"gdbp/{module}.py"
    file.write_text(file.read_text() + "\n")
    later = file.stat().st_mtime + 9
    os.utime(file, (later, later))
    assert "1 changed" in book.build("html").stdout


def test_in_a_notebook() -> None:
    node = explorer.Explorer(values=[("loss", "1.5"), ("steps", "3")])
    assert explorer.in_words(node).startswith("loss: 1.5; steps: 3. On the page")
