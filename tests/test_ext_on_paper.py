"""What cells show as HTML, as nodes that a PDF and an EPUB can hold."""

import re
import subprocess
import sys
from pathlib import Path

import on_paper
import pytest
from docutils import nodes
from on_paper import read_html
from sphinx.errors import ExtensionError

SQUARE = '<svg viewBox="0 0 400 400" aria-label="a square"><rect width="9" height="9"/></svg>'


def test_list_of_steps_with_drawings() -> None:
    html = f"<ol><li><p><b>L</b> is 9.</p><div>{SQUARE}</div></li><li><p>The end.</p></li></ol>"
    (steps,) = read_html(html)
    assert isinstance(steps, nodes.enumerated_list)
    assert [step.astext().strip() for step in steps] == ["L is 9.\n\na square", "The end."]
    assert [type(part) for part in steps[0]] == [nodes.paragraph, nodes.paragraph]
    assert steps[0][0][0].tagname == "strong"
    assert steps[0][1][0]["alt"] == "a square"


def test_only_on_screen() -> None:
    html = (
        "<div>text<style>p {}</style><script>1</script><p hidden=''>2</p><button>3</button></div>"
    )
    assert [node.astext() for node in read_html(html)] == ["text"]


def test_drawing_stands_for_itself() -> None:
    (paragraph,) = read_html('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"/>')
    svg = paragraph[0]["svg"]
    assert svg == '<svg width="8" height="4" xmlns="http://www.w3.org/2000/svg" />'


def test_html_that_is_not_xml() -> None:
    with pytest.raises(ExtensionError, match=r"must be XML too.*mismatched tag.*<br>"):
        read_html("<p>one<br>two</p>")


def test_html_that_has_no_form_on_paper() -> None:
    with pytest.raises(ExtensionError, match="has <table>, which on_paper cannot print"):
        read_html("<div><table/></div>")


def test_link_to_a_page_left_out(tmp_path: Path) -> None:
    conf = f"""
import sys
sys.path.append({str(Path(on_paper.__file__).parent)!r})
extensions = ["on_paper"]
on_paper_leaves_out = ["more/*"]
html_baseurl = "https://book.example/en/"
"""
    index = "Book\n====\n\n:doc:`Here <more/page>`.\n\n.. toctree::\n\n   more/page\n"
    (tmp_path / "more").mkdir()
    (tmp_path / "conf.py").write_text(conf)
    (tmp_path / "index.rst").write_text(index)
    (tmp_path / "more/page.rst").write_text("Page\n====\n")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "latex", ".", "tex"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (text,) = (file.read_text() for file in (tmp_path / "tex").glob("*.tex") if file.stem[0] != "s")
    assert re.search(r"\\sphinxhref\{https://book.example/en/more/page.html\}.*Here", text)
    assert r"\chapter{Page}" not in text
