"""What the book's code says, in Chinese: hints, explorers and what cells show."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import code_messages
import edition
import numpy as np
import outputs
import pytest
import python_answers
import python_cells
import python_explorers
import translations
from docutils import nodes
from docutils.utils import new_document
from edition import catalogue
from messages import explorers, hints
from translations import PLACE, Translator, messages_of, messages_of_html

from gdbp import exercises, explore

CHINESE = {name: catalogue(name, "zh_CN") for name in ("explorers", "figures", "hints", "outputs")}
NAMES = {"Adagrad", "Adam", "Nesterov", "RMSprop", "cos", "relu", "sin", "tanh"}


def english(text: str) -> set[str]:
    """Return the English words of a text."""
    return set(re.findall(r"[A-Za-z]{3,}", text)) - NAMES


@pytest.fixture
def in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the modules of the browser find the catalogues, as they do in the Chinese edition."""

    def translator(name: str) -> Translator:
        return Translator(CHINESE[name])

    for module in (python_answers, python_cells, python_explorers):
        monkeypatch.setattr(module, "translator", translator)


# --- the translator -------------------------------------------------------------------------------

FEW = Translator(
    {
        "{0} nodes.": "{0} 个节点。",
        "Now {0} passes its gradient on.": "现在 {0} 把梯度传下去。",
        "leaf": "叶子",
        "{0} is a {1}.": "{0} 是{1}。",
        "{0}: {1}": "{0}：{1}",
        "It is close. Was it rounded?": "很接近了。舍入过吗？",
        "It moves from {0} to {1}.": "它到了 {1}，原来在 {0}。",
    }
)


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("leaf", "叶子"),
        (" leaf\n", " 叶子\n"),
        ("5 nodes.", "5 个节点。"),
        ("It moves from -1e-3 to (2, 3).", "它到了 (2, 3)，原来在 -1e-3。"),
        ("5 nodes. Now u passes its gradient on.", "5 个节点。现在 u 把梯度传下去。"),
        ("leaf. 5 nodes.", "叶子。5 个节点。"),
        ("w is a leaf.", "w 是叶子。"),
        ("limit: It is close. Was it rounded?", "limit：很接近了。舍入过吗？"),
        ("5 nodes. Who knows. 3 nodes.", "5 个节点。Who knows. 3 个节点。"),
        ("Who knows.", "Who knows."),
        ("", ""),
    ],
)
def test_text(text: str, translation: str) -> None:
    assert FEW.text(text) == translation
    assert Translator({}).text(text) == text, "the English edition"


def test_html() -> None:
    svg = '<svg viewBox="0 0 1 1" aria-label="5 nodes."><linearGradient id="leaf"/></svg>'
    html = f"<p title='leaf'><b>w</b> is a leaf.</p>{svg}<i>a &lt; b<br /></i><style>leaf</style>"
    assert FEW.html(html) == (
        "<p title='leaf'><b>w</b> is a leaf.</p>"
        '<svg viewBox="0 0 1 1" aria-label="5 个节点。"><linearGradient id="leaf"/></svg>'
        "<i>a &lt; b<br /></i><style>leaf</style>"
    )
    assert FEW.html('<p title="leaf">leaf</p>') == '<p title="叶子">叶子</p>'
    assert messages_of_html(html) == ["leaf", "is a leaf.", "{0} nodes."]


def test_messages_of_a_text() -> None:
    text = "v1 = w1 * 0.5: value −2, 1e-9 done. 3 · 4 = 12"
    assert messages_of(text) == ["v{0} = w{1} * {2}: value {3}, {4} done."]


def test_messages_of_code() -> None:
    source = '''
def f(x, n, far=True):
    """Docstring."""
    g(f"{x!r} is {n:.2f} long" + ("." if far else f", {n} wide."), "one " "text")
    return f"{x}{' far' if far else ''}"
'''
    assert list(code_messages.messages(source)) == [
        *("{0} is {1} long.", "{0} is {1} long, {2} wide.", "one text", "{0} far", "{0}"),
    ]


# --- the catalogues -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "found"), [("hints", hints), ("explorers", explorers)])
def test_all_messages_are_translated(name: str, found: Iterator[str]) -> None:
    assert set(found()) == set(CHINESE[name]), "make messages, then translate"


@pytest.mark.parametrize("name", CHINESE)
def test_places_are_kept(name: str) -> None:
    for message, translation in CHINESE[name].items():
        assert sorted(PLACE.findall(message)) == sorted(PLACE.findall(translation)), message


# --- the exercises --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exercise", "answer", "verdict"),
    [
        ("5.1", "[0.1, 0.09756, 39 / 41]", "正确。"),
        ("5.1", "[4, 0.1, 0.5]", "还不对。limit：那是最平缓方向的极限。其他方向在这之前就发散了。"),
        ("5.1", "[0.1]", "还不对。请传入一个列表 [limit, best, factor]。这个答案里有 1 项。"),
        (
            "3.4",
            "lambda *args: 1 / 0",
            "还不对。函数抛出了 ZeroDivisionError：division by zero",
        ),
        ("1.1", '["both", "no", "no"]', "ValueError: 答案的 b 需要是"),
        ("5.1", "nothing", "NameError: name 'nothing' is not defined"),
    ],
)
@pytest.mark.usefixtures("in_chinese")
def test_answers(exercise: str, answer: str, verdict: str) -> None:
    assert python_answers.check(exercise, answer)["text"].startswith(verdict)


@pytest.mark.parametrize("exercise", exercises.available())
def test_verdicts_have_no_english(exercise: str) -> None:
    said = Translator(CHINESE["hints"])
    parts = exercises.expects(exercise)
    for answer in (np.nan, 1.0, np.ones(3), "both", lambda *args: 1.0, lambda *args: None):
        try:
            verdict = str(exercises.check(exercise, [answer] * len(parts)))
        except (TypeError, ValueError) as error:
            verdict = str(error)
        text = said.text(verdict)
        assert re.match(r"[\u4e00-\u9fff]", text), text
        assert not re.search(r"[a-z] (?:is|needs|has|the|of|a) [a-z]", text), text


# --- the explorers --------------------------------------------------------------------------------

STATES = [
    *(("secant", {"function": f, "x0": x}) for f in ("|x|", "sin x") for x in (0.0, 1.0)),
    *(("direction", {"angle": angle}) for angle in (0, 200)),
    *((name, {}) for name in ("learning_rate", "valley", "batch_size", "by_hand", "loss_surface")),
    ("loss_surface", {"lr": 0.4, "w1": 2.5, "w5": 2.0}),
    *(("race", {"surface": surface, "rate": 3.0}) for surface in explore._COURSES),
    *(("stability", {"lr": lr, "momentum": m}) for lr, m in ((0.5, 0.5), (4.2, 0.0), (2.0, 0.0))),
    *(("backward_pass", {"step": step}) for step in (0, 3, 24)),
    ("backward_pass", {"expression": "tanh(w) / 2", "values": "w = 1"}),
]


@pytest.mark.parametrize(("name", "arguments"), STATES)
@pytest.mark.usefixtures("in_chinese")
def test_explorers_speak_chinese(name: str, arguments: dict) -> None:
    answer = python_explorers.call(name, arguments)
    said = Translator(CHINESE["explorers"])
    controls = explore.controls(getattr(explore, name)).values()
    labels = [said.text(control.label) for control in controls]
    options = [said.text(option) for c in controls for option in getattr(c, "options", ())]
    shown = [*labels, *options, *(text for row in answer["values"] for text in row)]
    shown += messages_of_html(answer["picture"])
    assert not english(" ".join(shown)), shown
    assert re.search(r"[\u4e00-\u9fff]", answer["picture"])


@pytest.mark.usefixtures("in_chinese")
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("secant", {"h": 0.0}, "h 不能是 0：一个点没有割线，只有极限"),
        ("secant", {"x0": 9.0}, "x0 需要一个从 -1.5 到 1.5 的数，得到的是 9.0"),
        ("by_hand", {"lr": None}, "lr 需要一个实数，得到的是 None"),
        ("backward_pass", {"values": "2"}, "values 需要写成 w = 2, x = 3 的形式，得到的是 '2'"),
        ("backward_pass", {"expression": "1"}, "expression 里需要有一个有值的变量名，得到的是 '1'"),
    ],
)
def test_errors_of_explorers(name: str, arguments: dict, message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        python_explorers.call(name, arguments)
    assert str(error.value) == message


def test_explorers_in_english() -> None:
    answer, (picture, values) = python_explorers.call("secant", {"h": 0.5}), explore.secant(h=0.5)
    assert answer == {"picture": picture, "values": [(v.label, v.text) for v in values]}


# --- what cells show ------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_chinese")
def test_live_cells() -> None:
    class Shown:
        def _repr_html_(self) -> str:
            return "<b>ravine</b>"

    assert python_cells.rich(Shown()) == {"html": "<b>峡谷</b>"}


@pytest.mark.usefixtures("in_chinese")
def test_figures_of_live_cells() -> None:
    drawn = "from gdbp import plotting\nplotting.loss_curves({'test': [3.0, 2.0]});"
    (figure,) = python_cells.run([drawn], 0)["outputs"]
    texts = re.findall(r"<text[^>]*>(.*?)</text>", figure["svg"])
    assert [html.unescape(text) for text in texts] == ["步数", "损失", "测试"]


def test_outputs_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "catalogue", CHINESE.__getitem__)
    monkeypatch.setattr(edition, "LANGUAGE", "zh_CN")
    document = new_document("page")
    depends_on: list[str] = []
    document.settings.env = SimpleNamespace(note_dependency=depends_on.append)
    shown = nodes.raw("", "<p>ravine</p>", format="html", classes=["output", "text_html"])
    document += [shown, nodes.raw("", "<p>ravine</p>", format="html")]
    outputs.Translate(document).apply()
    assert [raw.astext() for raw in document] == ["<p>峡谷</p>", "<p>ravine</p>"]
    assert [Path(file).name for file in depends_on] == ["outputs.po"], "read again if it changes"


def test_catalogue_beside_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations, "__file__", str(tmp_path / "translations.py"))
    translations.translator.cache_clear()
    assert translations.translator("hints").text("Right.") == "Right."
    (tmp_path / "messages.json").write_text('{"hints": {"Right.": "正确。"}}', encoding="utf-8")
    translations.translator.cache_clear()
    assert translations.translator("hints").text("Right.") == "正确。"
    translations.translator.cache_clear()
