"""Formulas are typeset at build time."""

from katex_math import _valid_mathml, typeset


def test_html_for_the_eye_and_mathml_for_the_ear() -> None:
    html = typeset(r"\eta \nabla L", False)["html"]
    assert 'class="katex-html"' in html
    assert "<math" in html
    assert "katex-display" not in html
    assert "katex-display" in typeset("x", True)["html"]


def test_an_error_says_what_and_where() -> None:
    assert r"Undefined control sequence: \nonsense" in typeset(r"\nonsense", False)["error"]


def test_mathml_alone_as_the_standard_has_it() -> None:
    mathml = typeset(r"\begin{aligned} \lambda_{\max} \end{aligned}", True, "mathml")["html"]
    assert 'class="katex-html"' not in mathml
    assert ' columnspacing=""' in mathml
    assert "<mo>\N{FUNCTION APPLICATION}</mo></msub>" in mathml
    valid = _valid_mathml(mathml)
    assert ' columnspacing=""' not in valid
    assert "<mi>max</mi></msub>" in valid
    called = typeset(r"\max x", False, "mathml")["html"]
    assert _valid_mathml(called) == called
