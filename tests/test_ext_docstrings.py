"""Docstrings in the pages' notation become reStructuredText."""

import pytest
from docstrings import to_rest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"The slope $f'(x)$ here.", r"The slope :math:`f'(x)` here."),
        ("The size |x| of x.", r"The size \|x\| of x."),
        ("Code `a | b` and ``$x$`` stay.", "Code `a | b` and ``$x$`` stay."),
        ("    >>> print('$x$ |')", "    >>> print('$x$ |')"),
        ("Returns:\n    The sum: a number.", "Returns:\n    : The sum: a number."),
        ("Returns:\n    The sum.", "Returns:\n    The sum."),
        ("$$x^2$$", "\n.. math::\n\n   x^2\n"),
        ("Alias for field number 12\n", ""),
        ("  $$a\n    + b$$.", "\n  .. math::\n\n     a\n     + b.\n"),
    ],
)
def test_to_rest(text: str, expected: str) -> None:
    assert to_rest(text) == expected
