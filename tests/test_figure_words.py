"""The words in figures (docs/_browser/figure_words.py), and the pages that show them."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import figure_words
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import outputs
import pytest
from docutils import nodes
from docutils.utils import new_document
from edition import catalogue
from figure_words import GROUP, PATH, SIZE, SPACE, TEXT, messages_of_figure, translated_figure
from matplotlib.axes import Axes
from messages import complaints, write
from translations import Translator

from gdbp.plotting import learning_cycle, svg_bytes, use_style

SAID = Translator(
    {
        "loss": "损失",
        "step $t$": "步数 $t$",
        "slope {0}, $h^2$": "斜率 {0}，$h^2$",
        "gradient\ncheck": "梯度\n检验",
        "Adam": "Adam",
    }
)
NUMBER = r"(-?[\d.e+-]+)"
COMMAND = re.compile("[A-Z]")


@pytest.fixture
def ax() -> Iterator[Axes]:
    use_style()
    _, ax = plt.subplots()
    yield ax
    plt.close(ax.figure)


def drawn(ax: Axes) -> str:
    return svg_bytes(ax.figure).decode()


def groups(svg: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [group for group in root.iter(GROUP) if group.get("id", "").startswith("text_")]


def rewritten(svg: str) -> ElementTree.Element:
    """Return the one text of a figure that has Chinese characters."""
    (group,) = (group for group in groups(svg) if group.find(f".//{TEXT}") is not None)
    return group


def words(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(TEXT)]


def span(group: ElementTree.Element) -> tuple[float, float]:
    """Return where a line of Chinese characters alone begins and ends, along its base line."""
    (line,) = group.findall(f"{GROUP}/{GROUP}")
    (text,) = line.findall(TEXT)
    scale = float(re.findall(rf"scale\({NUMBER}", group.find(GROUP).get("transform"))[0])
    at = sum(
        float(re.findall(rf"translate\({NUMBER}", e.get("transform"))[0]) for e in (line, text)
    )
    return scale * at, scale * (at + SIZE * len(text.text))


# --- messages ------------------------------------------------------------------------------------


def test_a_message_has_places_for_numbers_outside_of_formulas(ax: Axes) -> None:
    ax.set(
        xlim=(0, 9), xlabel="slope -4.75, $h^2$ < 3e-8 & so on", ylabel="of float64\nin $W_{12}$"
    )
    assert list(messages_of_figure(drawn(ax))) == [
        "slope {0}, $h^2$ < {1} & so on",
        "of float64\nin $W_{12}$",
    ]


def test_symbols_and_numbers_are_no_messages(ax: Axes) -> None:
    ax.set(xlabel=r"$\theta_{hidden}$ = 3.5", ylabel="x", title="7 B")
    assert list(messages_of_figure(drawn(ax))) == []


def test_a_figure_without_a_translation_is_known(ax: Axes, tmp_path: Path) -> None:
    """What `make messages-check` says of a cell that draws something new."""
    ax.set(xlabel="loss", ylabel="a new label")
    data = {"image/svg+xml": drawn(ax)}
    glued = {outputs.GLUED + "image/svg+xml": drawn(ax).replace("a new label", "glued")}
    cell = nbformat.v4.new_code_cell(
        outputs=[nbformat.v4.new_output("display_data", data=d) for d in (data, glued)]
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "page.ipynb")
    kept = outputs.messages_of_figures(tmp_path.glob("*.ipynb"))
    write(tmp_path / "figures.pot", kept)
    locale = Path(outputs.__file__).parents[1] / "locale"
    named = "\n".join(complaints(tmp_path, locale))
    assert "not translated into zh_CN: 'a new label'" in named
    assert "not translated into zh_CN: 'glued'" in named
    assert "not translated into zh_CN: 'loss'" not in named


def test_translations_have_the_lines_of_their_messages() -> None:
    for message, translation in catalogue("figures", "zh_CN").items():
        assert translation.count("\n") == message.count("\n"), message


# --- what is written -----------------------------------------------------------------------------


def test_words_become_text_and_all_else_stays(ax: Axes) -> None:
    ax.set(xlabel="loss", ylabel="$L$", title="Adam")
    ax.plot([0, 1], [2, 3], label="unknown")
    ax.legend()
    before, after = groups(drawn(ax)), groups(translated_figure(drawn(ax), SAID))
    changed = [
        new for old, new in zip(before, after, strict=True) if outlines(old) != outlines(new)
    ]
    assert ["".join(text.itertext()).strip() for text in changed] == ["损失"]


def outlines(group: ElementTree.Element) -> list[str]:
    return [ElementTree.tostring(use).decode() for use in group.iter() if use.tag.endswith("}use")]


def test_nothing_to_translate_changes_no_byte(ax: Axes) -> None:
    ax.set(xlabel="loss")
    assert translated_figure(drawn(ax), Translator({})) == drawn(ax)
    assert translated_figure(drawn(ax), Translator({"other": "别的"})) == drawn(ax)


def test_the_file_is_ascii_and_the_same_again(ax: Axes) -> None:
    ax.set(xlabel="loss")
    svg = translated_figure(drawn(ax), SAID)
    assert svg.isascii()
    assert svg.startswith('<?xml version="1.0" encoding="utf-8"')  # for epubcheck
    assert svg == translated_figure(drawn(ax), SAID)
    assert words(svg) == ["损失"]


def test_outlines_that_later_texts_use_are_kept(ax: Axes) -> None:
    ax.set(xlabel="loss", title="solo")
    svg = translated_figure(drawn(ax), SAID)
    used = set(re.findall(r'href="#([^"]+)"', svg))
    assert used - set(re.findall(r' id="([^"]+)"', svg)) == set()


def test_a_formula_is_drawn_as_matplotlib_draws_it(ax: Axes) -> None:
    """Behind two characters and a space."""
    ax.set_xlabel("step $t$")
    svg = translated_figure(drawn(ax), SAID)
    (formula,) = rewritten(svg).findall(f"{GROUP}/{GROUP}/{PATH}")
    assert formula.get("transform") == f"translate({2 * SIZE + SPACE:g} 0)"
    ax.set_xlabel("$t$")
    glyph = (
        r'id="DejaVuSans-Oblique-\w+" d="([^"]+)"(?s:.*?)</defs>\s*<use [^>]*translate\(0 ([\d.]+)'
    )
    wanted, up = re.search(glyph, drawn(ax)).groups()
    assert COMMAND.findall(formula.get("d")) == COMMAND.findall(wanted.upper())
    found, numbers = (np.array(re.findall(NUMBER, d), float) for d in (formula.get("d"), wanted))
    found[1::2] -= float(up)
    assert found == pytest.approx(numbers / 64, abs=0.03)


def test_numbers_are_put_back(ax: Axes) -> None:
    ax.set_xlabel("slope 4.75, $h^2$")
    svg = translated_figure(drawn(ax), SAID)
    assert words(svg) == ["斜率", "，"]
    paths = rewritten(svg).findall(f"{GROUP}/{GROUP}/{PATH}")
    assert len(paths) == 2  # 4.75 and the formula


def test_lines_of_a_text(ax: Axes) -> None:
    ax.set_xlabel("gradient\ncheck")
    before, after = drawn(ax), translated_figure(drawn(ax), SAID)
    assert words(after) == ["梯度", "检验"]
    places = r'<!-- (?:gradient|check) -->\s*<g transform="([^"]+)"'
    assert re.findall(places, after) == re.findall(places, before)
    with pytest.raises(ValueError, match="zip"):
        translated_figure(before, Translator({"gradient\ncheck": "梯度检验"}))


def test_bold_stays_bold(ax: Axes) -> None:
    ax.set_xlabel("loss", fontweight="bold")
    assert 'font-weight="bold"' in translated_figure(drawn(ax), SAID)
    ax.set_xlabel("loss", fontweight="normal")
    assert 'font-weight="bold"' not in translated_figure(drawn(ax), SAID)


# --- where it stands -----------------------------------------------------------------------------


def width_of_loss(size: float) -> float:
    font = figure_words.FontProperties(family="DejaVu Sans", size=size)
    return figure_words.text_to_path.get_text_width_height_descent("loss", font, False)[0]


@pytest.mark.parametrize(("label", "size"), [("xlabel", 12), ("ylabel", 12), ("title", 14.4)])
def test_a_label_keeps_its_middle(ax: Axes, label: str, size: float) -> None:
    """The label of the vertical axis is turned: along its own base line."""
    ax.set(**{label: "loss"})
    svg = translated_figure(drawn(ax), SAID)
    group = rewritten(svg)
    start, end = span(group)
    assert (start + end) / 2 == pytest.approx(width_of_loss(size) / 2, abs=0.01)


def test_a_legend_keeps_its_left_edge(ax: Axes) -> None:
    ax.plot([0, 1], [2, 3], label="loss")
    ax.legend()
    svg = translated_figure(drawn(ax), SAID)
    group = rewritten(svg)
    assert span(group)[0] == 0.0


def test_a_name_beside_the_vertical_axis_keeps_its_right_edge(ax: Axes) -> None:
    ax.barh(["loss"], [1.0])
    svg = translated_figure(drawn(ax), SAID)
    group = rewritten(svg)
    assert span(group)[1] == pytest.approx(width_of_loss(11.0), abs=0.01)


def test_a_title_at_the_left_stays_there(ax: Axes) -> None:
    ax.set_title("loss", loc="left")
    svg = translated_figure(drawn(ax), SAID)
    group = rewritten(svg)
    assert span(group)[0] == 0.0


def test_a_column_keeps_its_left_edge(ax: Axes) -> None:
    ax.text(0.3, 0.5, "loss")
    ax.text(0.3, 0.4, "7")
    assert span(rewritten(translated_figure(drawn(ax), SAID)))[0] == 0.0


def test_a_text_without_axes_or_without_a_line(ax: Axes) -> None:
    ax.set_axis_off()
    ax.figure.text(0.5, 0.5, "loss")
    ax.text(0.5, 0.5, "")
    assert words(translated_figure(drawn(ax), SAID)) == ["损失"]


# --- pages ---------------------------------------------------------------------------------------


def test_the_map_of_the_first_page() -> None:
    use_style()
    ax = learning_cycle()
    svg = translated_figure(drawn(ax), Translator(catalogue("figures", "zh_CN")))
    plt.close(ax.figure)
    assert {"反向传播", "往下坡走一步", "哪边是上坡，有多陡", "计算"} <= set(words(svg))


@pytest.fixture
def page(ax: Axes, tmp_path: Path) -> nodes.document:
    """Return a page with the figure of a cell, and an image of the author's."""
    ax.set(xlabel="loss")
    name = f"/_build/{'a' * 64}.svg"
    (tmp_path / "_build").mkdir()
    (tmp_path / name[1:]).write_text(drawn(ax), encoding="utf-8")
    document = new_document("page")
    document += [nodes.image(uri=name), nodes.image(uri="/_static/surface.svg")]
    depends_on: list[str] = []
    document.settings.env = SimpleNamespace(
        srcdir=tmp_path, note_dependency=depends_on.append, depends_on=depends_on
    )
    return document


def test_a_page_shows_the_translated_figure(
    page: nodes.document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "catalogue", {"figures": SAID.whole}.get)
    monkeypatch.setattr("edition.LANGUAGE", "zh_CN")
    outputs.TranslateFigures(page).apply()
    figure, other = (image["uri"] for image in page)
    assert re.fullmatch(r"/_build/[0-9a-f]{64}\.svg", figure)
    assert words((tmp_path / figure[1:]).read_text("utf-8")) == ["损失"]
    assert words((tmp_path / f"_build/{'a' * 64}.svg").read_text("utf-8")) == []
    assert other == "/_static/surface.svg"
    assert [Path(file).name for file in page.settings.env.depends_on] == ["figures.po"]


def test_an_english_page_shows_the_figure_itself(page: nodes.document) -> None:
    outputs.TranslateFigures(page).apply()
    assert page[0]["uri"] == f"/_build/{'a' * 64}.svg"
    assert page.settings.env.depends_on == []
