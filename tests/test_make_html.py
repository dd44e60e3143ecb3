"""`make html`: the last book stays whole until both editions of the next one are."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# In place of Sphinx: a page that says in which language it is, or a failure in one of them.
PYTHON = """\
#!/bin/sh
eval "out=\\${$#}"
echo "$BOOK_LANGUAGE $out" >> "${0%/*}/calls"
mkdir -p "$out" && echo "new $BOOK_LANGUAGE" > "$out/index.html"
[ "$BOOK_LANGUAGE" != "$FAILS" ]
"""


@pytest.fixture
def make(tmp_path: Path):
    program = tmp_path / "venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(PYTHON)
    program.chmod(0o755)
    (tmp_path / "venv/.complete").touch()

    def run(*arguments: str) -> int:
        there = ["-o", f"{tmp_path}/venv/.complete", "-o", "docs/node_modules/.complete"]
        folders = [f"VENV={tmp_path}/venv", f"BUILD={tmp_path}/build", f"DOCS_DONE={tmp_path}"]
        command = ["make", "html", *there, *folders, *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode

    return run


def book(folder: Path) -> dict[str, str]:
    html = folder / "build/html"
    pages = html.rglob("*.html")
    return {page.relative_to(html).as_posix(): page.read_text().strip() for page in pages}


def test_both_editions_english_first(make, tmp_path: Path) -> None:
    assert make() == 0
    calls = (tmp_path / "venv/bin/calls").read_text().split("\n")
    assert [call.split()[0] for call in calls if call] == ["en", "zh_CN"]
    pages = book(tmp_path)
    assert pages.pop("index.html").count('"0; url=en/index.html"') == 1
    assert pages == {"en/index.html": "new en", "zh_CN/index.html": "new zh_CN"}


@pytest.mark.parametrize("fails", ["en", "zh_CN"])
def test_a_failed_build_leaves_the_old_book(fails: str, make, tmp_path: Path) -> None:
    assert make() == 0
    for name in ("index.html", "en/index.html", "zh_CN/index.html"):
        (tmp_path / "build/html" / name).write_text("old")
    assert make(f"FAILS={fails}") != 0
    assert set(book(tmp_path).values()) == {"old"}


def test_one_edition(make, tmp_path: Path) -> None:
    assert make("EDITIONS=zh_CN") == 0
    pages = book(tmp_path)
    assert 'href="zh_CN/index.html"' in pages.pop("index.html")
    assert pages == {"zh_CN/index.html": "new zh_CN"}
