"""docs/_ext/translated_math.py: formulas with words in them."""

from types import SimpleNamespace

import pytest
import translated_math
from docutils import nodes
from docutils.utils import new_document

ENGLISH, CHINESE = r"E_\text{forward} = h", r"E_\text{前向} = h"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> nodes.document:
    """Return a Chinese page: one formula has words, the other has none."""
    monkeypatch.setattr(translated_math, "catalogue", {"chapters/page": {ENGLISH: CHINESE}}.get)
    page = new_document("page.md")
    page.settings.env = SimpleNamespace(current_document=SimpleNamespace(docname="chapters/page"))
    page += [nodes.math_block(tex, tex, label="eq") for tex in (ENGLISH, "y = x")]
    return page


def test_words_are_translated_and_the_rest_is_kept(page: nodes.document) -> None:
    translated_math.TranslateFormulas(page).apply()
    assert [formula.astext() for formula in page] == [CHINESE, "y = x"]
    assert [formula["label"] for formula in page] == ["eq", "eq"]


def test_sphinx_leaves_a_translated_formula_alone(page: nodes.document) -> None:
    """Else it would put two colons in its place."""
    translated_math.TranslateFormulas(page).apply()
    assert [formula.get("translatable", True) for formula in page] == [False, True]
