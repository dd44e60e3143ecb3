"""What cells show as HTML, as nodes that a PDF and an EPUB can hold."""

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
