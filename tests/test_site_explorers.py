"""The explorers of the built book in a browser: still before the first touch, alive after it.

Run by `make site-test`, after `make html`. What a browser shows is compared with what Python
computes here, to the last digit that is printed.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from built_book import BOOK, CHAPTERS

from gdbp import explore

pytestmark = pytest.mark.site

RUNTIME = re.compile(r"/_static/(python/|python_worker\.js)")
SOON = 40_000  # milliseconds, for a start on a busy machine

# The page of each explorer, and other arguments than the first.
EXPLORERS: dict[str, tuple[str, dict[str, Any]]] = {
    "secant": ("02-derivative", {"function": "sin x", "x0": -0.5, "h": 0.25}),
    "direction": ("03-gradient", {"function": "sin x + cos y", "angle": 100, "x": 0.5}),
    "learning_rate": ("05-gradient-descent", {"lr": 1.05, "n_steps": 30}),
    "valley": ("05-gradient-descent", {"lr": 0.05, "kappa": 20}),
    "batch_size": ("06-batches", {"batch_size": "4", "seed": 7}),
    "race": ("07-optimizers", {"surface": "saddle", "y": 0.3, "n_steps": 25}),
    "stability": ("07-optimizers", {"lr": 0.4, "momentum": 0.9}),
    "backward_pass": (
        "08-graph",
        {"expression": "tanh(w * x) / (1 + exp(-w))", "values": "w = 0.5, x = -1.5", "step": 5},
    ),
    "by_hand": ("10-by-hand", {"w3": 0.9, "w6": 3.0, "y": -1.5, "lr": 0.05}),
    "loss_surface": ("12-loss-surface", {"w1": 0.05, "azimuth": 40}),
}
every_explorer = pytest.mark.parametrize("name", EXPLORERS)


class Page:
    """An explorer on its page, with what the page asked for and what went wrong."""

    def __init__(self, tab: Any, site: str, name: str) -> None:
        self.tab, self.name = tab, name
        self.asked: list[str] = []
        self.problems: list[str] = []
        tab.on("request", lambda request: self.asked.append(request.url))
        tab.on("console", lambda m: m.type in ("error", "warning") and self.problems.append(m.text))
        tab.on("pageerror", lambda error: self.problems.append(str(error)))
        tab.goto(f"{site}chapters/{EXPLORERS[name][0]}.html")
        self.figure = tab.locator(f"#explorer-{name.replace('_', '-')}")
        self.figure.scroll_into_view_if_needed()

    def field(self, name: str) -> Any:
        return self.figure.locator(f"[name={name}]")

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            field = self.field(name)
            if field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(str(value))
                field.press("Tab")  # or a field of text would not have changed

    @property
    def values(self) -> list[list[str]]:
        return self.figure.locator("dl > div").evaluate_all(
            "rows => rows.map((row) => [...row.children].map((part) => part.textContent))"
        )

    @property
    def picture(self) -> str:
        return self.figure.locator(".explorer-picture").inner_html()

    def wait_for(self, answer: explore.Answer) -> None:
        """Wait until the page shows these numbers, and no other."""
        wanted = [[value.label, value.text] for value in answer.values]
        for _ in range(SOON // 100):
            if self.values == wanted:
                return
            self.tab.wait_for_timeout(100)
        assert self.values == wanted, self.figure.locator(".explorer-state").inner_text()

    def wait_for_picture_other_than(self, picture: str) -> None:
        for _ in range(SOON // 100):
            if self.picture != picture:
                return
            self.tab.wait_for_timeout(100)
        pytest.fail("the picture stays as it was")


def pixels(picture: str) -> list[float]:
    """Return all numbers of a drawing."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", picture)]


def box_of(axes: Any) -> dict[str, float]:
    """Bring axes into view; return where their frame is once the page has been laid out."""
    axes.scroll_into_view_if_needed()
    box = None
    while box != (now := axes.locator(".frame").bounding_box()):
        box = now
        axes.page.wait_for_timeout(200)
    return box


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """One reader, who fetches Python once."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def tab(context: Any) -> Iterator[Any]:
    tab = context.new_page()
    yield tab
    tab.close()


def test_the_book_has_the_explorers() -> None:
    found = {
        name.replace("-", "_")
        for page in CHAPTERS
        for name in re.findall(
            r'<figure class="explorer" id="explorer-([a-z-]+)"', (BOOK / page).read_text("utf-8")
        )
    }
    assert found == set(EXPLORERS), "build it with `make html`"


@every_explorer
def test_still_before_the_first_touch(name: str, tab: Any, site: str) -> None:
    page = Page(tab, site, name)
    tab.wait_for_timeout(300)
    assert page.values == [[v.label, v.text] for v in getattr(explore, name)().values]
    assert page.picture.startswith("<svg")
    assert not [url for url in page.asked if RUNTIME.search(url)]
    assert page.figure.locator("fieldset:enabled").count() == 1
    assert not page.problems


@every_explorer
def test_shows_what_python_computes_and_answers_the_keyboard(
    name: str, tab: Any, site: str
) -> None:
    function, (_, others) = getattr(explore, name), EXPLORERS[name]
    page = Page(tab, site, name)
    still = page.picture
    page.set(**others)
    page.wait_for(function(**others))
    assert page.picture != still
    assert any(RUNTIME.search(url) for url in page.asked)
    arguments = inspect.signature(function).parameters
    page.set(**{key: arguments[key].default for key in others})  # not by the button: by Python
    page.wait_for(function())
    expected = pytest.approx(pixels(still), abs=0.11)  # rounded to tenths
    for _ in range(100):  # a view may still have to turn: no number hangs on it
        if pixels(page.picture) == expected:
            break
        tab.wait_for_timeout(50)
    assert pixels(page.picture) == expected

    still = page.picture
    page.figure.locator("select, input").first.focus()
    while tab.evaluate("document.activeElement.type") not in ("range", "number"):
        tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowDown" if name == "backward_pass" else "ArrowUp")
    tab.keyboard.press("Tab")
    page.wait_for_picture_other_than(still)
    while tab.evaluate("document.activeElement.type") != "reset":
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    page.wait_for(function())
    assert not page.problems


@pytest.mark.parametrize(
    ("name", "x", "y", "others"),
    [
        ("race", 0.75, 0.25, {"x": 1.25, "y": 1.25}),
        ("secant", 0.25, 0.5, {"x0": -1.1}),
        ("stability", 0.5, 0.5, {"lr": 2.1, "momentum": 0.49}),
        ("loss_surface", 0.5, 0.5, {"w1": -0.5, "w5": -0.25}),
    ],
)
def test_a_point_is_dragged(
    name: str, x: float, y: float, others: dict[str, float], tab: Any, site: str
) -> None:
    page = Page(tab, site, name)
    axes = page.figure.locator(".axes:has(.handle)")
    box = box_of(axes)
    start = axes.locator(".handle circle").last.bounding_box()
    tab.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
    tab.mouse.up()
    settings = {key: float(page.field(key).input_value()) for key in others}
    assert settings == pytest.approx(others, abs=0.1)  # a pixel or two
    page.wait_for(getattr(explore, name)(**settings))
    assert not page.problems


def test_a_finger_that_scrolls_starts_nothing(browser: Any, site: str) -> None:
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 800})
    page = Page(context.new_page(), site, "loss_surface")
    for axes in page.figure.locator(".axes").all():
        box = box_of(axes)
        page.tab.touchscreen.tap(box["x"] + 30, box["y"] + 30)
    page.tab.wait_for_timeout(300)
    assert not [url for url in page.asked if RUNTIME.search(url)]
    context.close()


def test_a_click_moves_the_point(tab: Any, site: str) -> None:
    page = Page(tab, site, "race")
    axes = page.figure.locator(".axes:has(.handle)")
    box = box_of(axes)
    tab.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    settings = {key: float(page.field(key).input_value()) for key in ("x", "y")}
    assert settings == pytest.approx({"x": -1.25, "y": 0}, abs=0.1)
    page.wait_for(explore.race(**settings))


def test_the_surface_is_turned_by_dragging(tab: Any, site: str) -> None:
    page = Page(tab, site, "loss_surface")
    still = page.picture
    axes = page.figure.locator(".axes[data-turns]")
    box = box_of(axes)
    tab.mouse.move(box["x"] + 100, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 160, box["y"] + 120, steps=3)
    tab.mouse.up()
    assert page.field("azimuth").input_value() == "-82"
    assert page.field("elevation").input_value() == "42"
    page.wait_for_picture_other_than(still)
    assert page.field("w1").input_value() == "1"


def test_many_moves_end_at_the_last(tab: Any, site: str) -> None:
    page = Page(tab, site, "race")
    page.field("n_steps").evaluate(
        """(field) => {
          for (let k = 1; k <= 60; k++) {
            field.value = k;
            field.dispatchEvent(new Event("input", { bubbles: true }));
          }
        }"""
    )
    page.wait_for(explore.race(n_steps=60))
    assert page.figure.locator(".explorer-setting").nth(3).text_content() == "60"


def test_an_answer_that_comes_after_the_reset_is_left_out(tab: Any, site: str) -> None:
    page = Page(tab, site, "race")
    page.set(n_steps=50)  # Python has yet to start
    page.figure.locator("button[type=reset]").click()
    tab.evaluate(
        "import('../_static/python.js').then(({ python }) => python.call('math.sqrt'))"
        ".catch(() => {})"
    )  # it comes after, and is waited for
    assert page.values == [[v.label, v.text] for v in explore.race().values]
    assert page.field("n_steps").input_value() == "40"
    page.set(n_steps=10)
    page.wait_for(explore.race(n_steps=10))


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("secant", {"h": 0}, "h needs to be other than 0: one point has no secant, only a limit"),
        ("by_hand", {"w1": ""}, "w1 needs a real number, got None"),
        ("backward_pass", {"expression": "w * q"}, "values needs a number for q"),
        ("backward_pass", {"expression": "import os"}, "expression needs to be one of Python"),
    ],
)
def test_bad_input_is_explained(
    name: str, bad: dict[str, Any], message: str, tab: Any, site: str
) -> None:
    page = Page(tab, site, name)
    still = page.picture
    page.set(**bad)
    problem = page.figure.locator(".explorer-problem")
    problem.filter(has_text=message).wait_for(timeout=SOON)
    assert page.picture == still, "the last good one stays"
    wrong = page.figure.locator("[aria-invalid=true]")
    assert wrong.get_attribute("name") == message.partition(" ")[0]
    assert wrong.get_attribute("aria-describedby") == problem.get_attribute("id")
    page.figure.locator("button[type=reset]").click()
    assert problem.inner_text() == ""
    assert wrong.count() == 0
    assert not page.problems


def test_what_is_new_is_said_once_it_rests(tab: Any, site: str) -> None:
    page = Page(tab, site, "learning_rate")
    said = page.figure.locator("[role=status].explorer-said")
    assert said.inner_text() == ""
    page.set(lr=0.5)
    page.wait_for(explore.learning_rate(lr=0.5))
    said.filter(has_text="factor 1 − 2η of a step: 0.00; ").wait_for(timeout=SOON)


def test_cancel_and_start_again(browser: Any, site: str) -> None:
    context = browser.new_context()
    tab = context.new_page()
    page = Page(tab, site, "secant")
    page.set(h=0.5)
    page.figure.get_by_role("button", name="Cancel").click()
    page.figure.get_by_text("Move a control").wait_for()
    assert page.values == [[v.label, v.text] for v in explore.secant().values]
    page.set(h=0.25)
    page.wait_for(explore.secant(h=0.25))
    context.close()


def test_a_book_without_python_keeps_still(tab: Any, site: str) -> None:
    tab.route(
        "**/python_available.js",
        lambda route: route.fulfill(
            body="export const available = false;", content_type="text/javascript"
        ),
    )
    page = Page(tab, site, "secant")
    page.figure.get_by_text("without Python").wait_for()
    assert page.figure.locator("fieldset:disabled").count() == 1
    assert not page.problems


@every_explorer
def test_without_a_script_it_is_whole(name: str, browser: Any, site: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = Page(context.new_page(), site, name)
    assert page.figure.locator(".explorer-picture > svg").is_visible()
    assert page.figure.locator("dd").first.is_visible()
    assert not page.figure.locator("form").is_visible()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@every_explorer
def test_in_each_window(name: str, width: int, theme: str, browser: Any, site: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = Page(context.new_page(), site, name)
    wide = page.tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1], "the page scrolls sideways"
    small = page.figure.locator("input, select, button").evaluate_all(
        "fields => fields.map((f) => f.getBoundingClientRect().height).filter((h) => h < 24)"
    )
    assert not small
    scale = page.figure.locator(".explorer-picture > svg").evaluate(
        "svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width"
    )
    assert 12 * scale >= 11, "letters that are too small to read"
    ink = page.figure.locator(".explorer-picture > svg").evaluate(
        "svg => [getComputedStyle(svg).color, getComputedStyle(svg).filter]"
    )
    if name != "backward_pass":
        assert ink == [
            "rgb(0, 0, 0)",
            "invert(1) hue-rotate(180deg)" if theme == "dark" else "none",
        ]
    context.close()
