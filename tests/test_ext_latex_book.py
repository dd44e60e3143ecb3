"""What LaTeX is told beyond Sphinx's own; the whole PDF is for test_print.py to read."""

from docutils import nodes
from latex_book import PrintTranslator, as_text, let_break, may_break


def test_formula_in_the_outline() -> None:
    assert as_text(r"\kappa = 100") == "κ=100"
    assert as_text(r"\sqrt\kappa") == "√κ"
    assert as_text("1/n < 1") == "1/n<1"


def test_columns_of_a_table_that_breaks_are_as_wide_as_their_text() -> None:
    def row(*texts: str) -> nodes.row:
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in texts))

    body = nodes.tbody("", row(r"\alpha\beta\gamma\delta\epsilon", "a" * 30, "b" * 100))
    table = nodes.table("", nodes.tgroup("", *(nodes.colspec() for _ in range(3)), body))
    let_break(table)
    assert [spec["colwidth"] for spec in table.findall(nodes.colspec)] == [10, 30, 60]
    assert {"longtable", "colwidths-given"} <= set(table["classes"])


def test_a_list_of_steps_may_break() -> None:
    assert may_break(nodes.figure("", nodes.enumerated_list()))
    assert not may_break(nodes.figure("", nodes.image()))


def test_a_link_does_not_begin_with_a_group() -> None:
    """After a Chinese character, xeCJK would leave out the space before it."""
    translator = object.__new__(PrintTranslator)
    assert translator.hyperlink("page").startswith(r"\gdbplink{\hyperref[")
