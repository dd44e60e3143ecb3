"""The extension that runs the pages, on a small book of two pages and a package of two modules."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import execute_pages
import pytest
from myst_parser.config.main import MdParserConfig
from nbformat.v4 import new_output

EXTENSIONS = Path(execute_pages.__file__).parent

CONF = f"""
import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["myst_nb", "execute_pages"]
nb_execution_mode = "off"
nb_custom_formats = {{".md": ("execute_pages.read_page", {{}}, False)}}
execute_pages_package = "../pack"
exclude_patterns = ["_build"]
"""


def page(number: int, *cells: str) -> str:
    """Return a page with these cells."""
    fences = "".join(f"\nText.\n\n```{{code-cell}} ipython3\n{cell}\n```\n" for cell in cells)
    return f"# {number}. Page\n{fences}"


class Book:
    """A book in a folder, and the two things one does with it: write and build."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("docs/conf.py", CONF)
        self.write("docs/index.md", "# Book\n\n```{toctree}\none\ntwo\n```\n")
        self.write("docs/one.md", page(1, "from pack import a\nprint(a.NAME)"))
        self.write("docs/two.md", page(2, "import pack.b\nprint(pack.b.NAME)"))
        self.write("pack/__init__.py", "")
        self.write("pack/a.py", "NAME = 'module a'\n")
        self.write("pack/b.py", "from pack.c import NAME\n")
        self.write("pack/c.py", "NAME = 'module c'\n")

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def command(self, builder: str = "html") -> subprocess.Popen[str]:
        options = ["-W", "-b", builder, "-d", "build/doctrees", "docs", f"build/{builder}"]
        return subprocess.Popen(
            [sys.executable, "-m", "sphinx", *options],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root), "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def build(self, builder: str = "html") -> tuple[bool, str]:
        """Build; return whether it went well, and what was printed."""
        process = self.command(builder)
        output, _ = process.communicate(timeout=120)
        return process.returncode == 0, output

    def html(self, name: str) -> str:
        return (self.root / f"build/html/{name}.html").read_text()

    def results(self) -> list[Path]:
        return sorted((self.root / "docs/_build/cells").glob("*.ipynb"))


def executed(output: str) -> list[str]:
    """Return the pages that a build says it ran."""
    return sorted(re.findall(r"^executed docs/(\w+)\.md", output, flags=re.MULTILINE))


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_joins_what_a_cell_printed_in_pieces() -> None:
    picture = new_output("display_data", {"text/plain": "a picture"})
    pieces = [
        new_output("stream", name="stdout", text="one "),
        new_output("stream", name="stdout", text="line\n"),
        picture,
        new_output("stream", name="stdout", text="below\n"),
    ]
    merged = execute_pages.merge_streams(pieces)
    assert [output.get("text") for output in merged] == ["one line\n", None, "below\n"]
    assert merged[1] is picture


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<object object at 0x7f3a5c0b4e90>", "an address"),
        ("saved /tmp/figure.svg", "a path"),
        ("/home/reader/book", "a path"),
        (f"prefix {sys.prefix}/lib", "a path"),
        (f"in {Path.cwd()}", "a path"),
        ("today 2031-05-06", "a date"),
        ("at 07:08:09", "a time"),
        ("took 1.25 s", "a duration"),
        ("1.3 ms ± 20 µs per loop", "a duration"),
    ],
)
@pytest.mark.parametrize("kind", ["text/plain", "image/svg+xml", "text/html"])
def test_what_no_second_build_would_repeat(text: str, what: str, kind: str) -> None:
    output = new_output("display_data", {kind: f"<p>\n{text}\n</p>"})
    assert f"has {what}" in (execute_pages.unwanted([output]) or "")
    assert f"\n{text}" in (execute_pages.unwanted([output]) or "")


@pytest.mark.parametrize(
    "text",
    [
        "array([0.5, 1.0])",
        "10 steps, 3 seeds",
        (0.1).hex(),
        "loss / step: 3/4",
        "https://example.org/home/page",
        "data:image/png;base64,eOUM8xy/5s/tmp/0x7f3a5c0b",
    ],
)
def test_what_every_build_repeats(text: str) -> None:
    printed = new_output("stream", name="stdout", text=text)
    picture = new_output("display_data", {"image/png": "a 5 s /tmp/ picture"})
    assert execute_pages.unwanted([printed, picture]) is None


def test_runs_only_what_changed(book: Book) -> None:
    good, output = book.build()
    assert good, output
    assert executed(output) == ["one", "two"]
    assert "module a" in book.html("one")
    assert "module c" in book.html("two")
    assert re.search(r"^2 pages: \d+ s of computing on \d+ cores?, book built in ", output, re.M)
    times = (book.root / "docs/_build/execution-times.md").read_text()
    assert re.findall(r"^\| (\w+) \| 1 \| [\d.]+ \| [\d.]+ \|$", times, re.M) == ["one", "two"]

    good, output = book.build()
    assert good
    assert executed(output) == []
    assert "no targets are out of date" in output
    assert "no page had to be run" in output

    book.write("pack/c.py", "NAME = 'another c'\n")  # page two imports it through pack.b
    good, output = book.build()
    assert good
    assert executed(output) == ["two"]
    assert "another c" in book.html("two")
    assert len(book.results()) == 2, "the result that no page has any more is gone"

    book.write("docs/one.md", page(1, "from pack import a\nprint(a.NAME)") + "\nMore prose.\n")
    good, output = book.build()
    assert good
    assert executed(output) == []
    assert "More prose" in book.html("one")

    (book.root / "docs/two.md").unlink()
    book.write("docs/index.md", "# Book\n\n```{toctree}\none\n```\n")
    good, output = book.build()
    assert good, output
    assert not (book.root / "build/html/two.html").exists()


def test_failures_name_page_cell_and_line(book: Book) -> None:
    book.write("docs/one.md", page(1, "x = 1", ":tags: [hide-input]\n\ny = x + 1\nassert y == 3"))
    book.write("docs/two.md", page(2, "import warnings", "x = 1\nwarnings.warn('careful')"))
    good, output = book.build()
    assert not good
    assert "docs/one.md:15: cell 2 failed\n    assert y == 3\nAssertionError" in output
    assert "docs/two.md:13: cell 2 failed\n    warnings.warn('careful')" in output
    assert "UserWarning: careful" in output
    assert not (book.root / "build/html/one.html").exists()

    book.write("docs/one.md", page(1, "from pack import a\na.fail()"))
    book.write("docs/two.md", page(2, "print('fine')"))
    book.write("pack/a.py", "def fail():\n    raise ValueError('inside')\n")
    good, output = book.build()
    assert not good
    assert "docs/one.md:7: cell 1 failed\n    a.fail()\nValueError: inside" in output
    assert "(raised in pack/a.py:2)" in output
    assert executed(output) == ["two"]

    book.write("docs/one.md", page(1, "print('an object')", "x = 1\nprint(object())"))
    good, output = book.build()
    assert not good
    assert "docs/one.md:12: cell 2 failed" in output
    assert "its output has an address, which another build would not repeat" in output

    book.write("docs/one.md", page(1, "print('mended')"))
    good, output = book.build()
    assert good, output
    assert executed(output) == ["one"], "the page that went well is not run a second time"


def test_ctrl_c_leaves_no_kernel_and_the_next_build_is_right(book: Book) -> None:
    assert book.build()[0]
    book.write("pack/c.py", "NAME = 'after the interruption'\n")
    pid = book.root / "pid"
    wait = f"import os, pathlib, time\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))"
    book.write("docs/one.md", page(1, f"{wait}\ntime.sleep(60)"))
    process = book.command()
    until(lambda: pid.exists() and pid.read_text())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode != 0
    until(lambda: not Path("/proc", pid.read_text()).exists())

    book.write("docs/one.md", page(1, "print('quick')"))
    good, output = book.build()
    assert good, output
    assert "after the interruption" in book.html("two")
    assert "quick" in book.html("one")


def until(condition: object, seconds: float = 20) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_unfinished_and_damaged_builds_are_mended(book: Book) -> None:
    assert book.build()[0]
    # as if an earlier build had read the pages, and had been stopped before it wrote this one
    (book.root / "build/html/one.html").write_text("stale")
    (book.root / "build/html/.unfinished").touch()
    for result in book.results():
        result.write_text(result.read_text()[:100])
    good, output = book.build()
    assert good, output
    assert executed(output) == ["one", "two"], "results that cannot be read are made again"
    assert "module a" in book.html("one")


def test_workers_are_counted(book: Book) -> None:
    book.write("docs/conf.py", f"{CONF}execute_pages_workers = 1\n")
    good, output = book.build()
    assert good, output
    lines = re.findall(r"^(running|executed) docs/(\w+)", output, flags=re.MULTILINE)
    first, second = [name for verb, name in lines if verb == "running"]
    assert lines == [
        ("running", first),
        ("executed", first),
        ("running", second),
        ("executed", second),
    ]


def test_builders_share_results_and_unfinished_marks(book: Book) -> None:
    book.write("docs/one.md", page(1, "x = 1") + "\n{ref}`nowhere`\n")
    assert not book.build()[0]
    good, output = book.build("text")
    assert not good, "the pages were read by the other builder, and their warnings with them"
    assert executed(output) == []
    book.write("docs/one.md", page(1, "x = 1"))
    assert book.build("text")[0]
    good, output = book.build()
    assert good, output
    assert executed(output) == []


def test_a_warning_comes_back_until_it_is_mended(book: Book) -> None:
    book.write("docs/one.md", page(1, "x = 1") + "\n{ref}`nowhere`\n")
    assert not book.build()[0]
    assert not book.build()[0], "nothing has changed, so nothing may pass"


@pytest.fixture
def settings(tmp_path: Path, book: Book) -> execute_pages.Settings:
    return execute_pages.Settings(tmp_path, tmp_path / "pack", MdParserConfig(), tmp_path / "docs")


def test_imports_are_followed_through_the_package(settings: execute_pages.Settings) -> None:
    text = page(1, "%matplotlib inline\nimport numpy.linalg as la\nfrom pack import b")
    imports = execute_pages.read_source(text, settings).imports
    assert {"numpy", "numpy.linalg", "pack", "pack.b", "pack.c"} <= imports
    assert "pack.a" not in imports


def test_key_depends_on_cells_and_not_on_prose(settings: execute_pages.Settings) -> None:
    first = execute_pages.read_source(page(1, "x = 1"), settings)
    prose = execute_pages.read_source(page(2, "x = 1"), settings)
    cells = execute_pages.read_source(page(1, "x = 2"), settings)
    assert first.key == prose.key != cells.key


def test_key_depends_on_the_files_that_a_page_reads(
    settings: execute_pages.Settings, book: Book
) -> None:
    text = "---\nreads: [../data/times.json]\n---\n" + page(1, "x = 1")
    book.write("data/times.json", "[1]")
    first = execute_pages.read_source(text, settings)
    assert execute_pages.read_source(text, settings).key == first.key
    book.write("data/times.json", "[2]")
    assert execute_pages.read_source(text, settings).key != first.key
