"""Formulas are typeset at build time."""

from katex_math import typeset


def test_html_for_the_eye_and_mathml_for_the_ear() -> None:
    html = typeset(r"\eta \nabla L", False)["html"]
    assert 'class="katex-html"' in html
    assert "<math" in html
    assert "katex-display" not in html
    assert "katex-display" in typeset("x", True)["html"]


def test_an_error_says_what_and_where() -> None:
    assert r"Undefined control sequence: \nonsense" in typeset(r"\nonsense", False)["error"]
