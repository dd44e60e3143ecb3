"""Words of the search index; the search itself is for test_site_search.py."""

import pytest
from search_words import SYMBOLS, SearchWords


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"a step \eta \nabla L", ["a", "step", "eta", "nabla", "L", "η", "∇"]),
        ("∇f and θ₀", ["∇", "f", "and", "θ₀"]),
        ("model.zero_grad()", ["model", "zero_grad"]),
        ("softmax函数", ["softmax", "函", "数", "函数"]),
        ("梯度下降", ["梯", "度", "下", "降", "梯度", "度下", "下降"]),
        (r"\text{loss}", ["text", "loss"]),
    ],
)
def test_split(text: str, words: list[str]) -> None:
    assert SearchWords({}).split(text) == words


def test_symbols() -> None:
    assert SYMBOLS["lambda"] == "λ"
    assert SYMBOLS["varepsilon"] == SYMBOLS["epsilon"] == "ε"
    assert {"η", "θ", "σ", "∇", "∂"} <= set(SYMBOLS.values())
