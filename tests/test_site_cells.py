"""Live cells and answers in a browser: docs/_static/live_cells.js and live_answers.js.

Run by `make site-test`, after `make html`, under the policy that the page on the architecture
writes down.
"""

import ast
import base64
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from built_book import BOOK, CHAPTERS
from test_site_python import StrictServer, address, only_server, server  # noqa: F401
from test_site_quality import AXE, CONFIGURE, violations

from gdbp import exercises

pytestmark = pytest.mark.site

PAGE = "chapters/05-gradient-descent.html"
WAIT = 120_000  # milliseconds: Python starts, and the machine may be busy
IMPORTS = "#cell-1"
START = "#cell-4"  # `A = np.diag(…)`: draws nothing, shows nothing
REPORT = "#cell-5"  # prints two lines
FIGURE = "#cell-2"  # draws figure 5.1


class Page:
    """A page of the book in a tab, and what went wrong on it."""

    def __init__(self, tab: Any, site: str, page: str, fragment: str = "furo-main-content") -> None:
        self.tab = tab
        self.problems: list[str] = []
        self.asked: list[str] = []
        tab.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: self.problems.append(str(error)))
        tab.on("request", lambda request: self.asked.append(request.url))
        tab.goto(f"{site}{page}#{fragment}")
        self.open_all()

    def open_all(self) -> None:
        self.tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")

    def cell(self, bar: str) -> Any:
        return self.tab.locator(f".cell:has(> {bar})")

    def press(self, bar: str, name: str) -> None:
        self.tab.locator(bar).get_by_role("button", name=name).click()

    def wait(self, bar: str) -> str:
        """Wait for the end of a run; return what is said of it."""
        note = self.tab.locator(f"{bar} .cell-note:not(:empty)")
        note.wait_for(timeout=WAIT)
        return note.text_content()

    def run(self, bar: str) -> str:
        self.press(bar, "Run")
        return self.wait(bar)

    def output(self, bar: str) -> str:
        return "".join(self.cell(bar).locator("> .cell_output pre").all_text_contents())

    def images(self, bar: str) -> list[str]:
        images = self.cell(bar).locator("> .cell_output img")
        return [image.get_attribute("src") for image in images.all()]

    def type(self, bar: str, source: str, *, run: bool = True) -> None:
        """Replace the code of a cell, by the keyboard."""
        if not self.cell(bar).locator(".cm-content").count():
            self.press(bar, "Edit")
        editor = self.cell(bar).locator(".cm-content")
        editor.wait_for()
        editor.press("Control+a")
        self.tab.keyboard.insert_text(source)
        if run:
            editor.press("Shift+Enter")

    def check(self, exercise: str, answer: str) -> str:
        box = self.tab.locator(f"[data-exercise='{exercise}']")
        box.locator("input, textarea").fill(answer)
        box.get_by_role("button").click()  # which empties what was said of another answer
        said = box.locator(".answer-said:not(:empty)")
        said.wait_for(timeout=WAIT)
        return said.text_content()


@pytest.fixture
def strict_site(server: StrictServer, root: str) -> str:  # noqa: F811
    return address(server, root)


@pytest.fixture
def open_page(browser: Any, strict_site: str) -> Iterator[Callable[..., Page]]:
    """Open pages in one browser that has never seen the book; nothing may go wrong on them."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    pages: list[Page] = []

    def open_one(page: str = PAGE, fragment: str = "furo-main-content") -> Page:
        pages.append(Page(context.new_page(), strict_site, page, fragment))
        return pages[-1]

    yield open_one
    context.close()
    assert [problem for page in pages for problem in page.problems] == []


@pytest.fixture(scope="module")
def shared_context(browser: Any) -> Iterator[Any]:
    """One cache, in which Python is kept."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield context
    context.close()


# --- every cell of every page --------------------------------------------------------------------


NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


def same(found: str, expected: str) -> bool:
    """Compare texts, and the numbers in them.

    exp, tanh and sin differ in their last bit between the C libraries; what is a rounding error by
    itself, below 1e-8, then is another number of the same size.
    """
    if NUMBER.sub("#", found) != NUMBER.sub("#", expected):
        return False
    pairs = zip(NUMBER.findall(found), NUMBER.findall(expected), strict=True)
    return all(float(a) == pytest.approx(float(b), rel=1e-6, abs=1e-8) for a, b in pairs)


def right_answers(source: str) -> dict[str, str]:
    """Return the answers that a solution's cell passes to `exercises.check`."""
    return {
        call.args[0].value: ast.unparse(call.args[1])
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "exercises.check"
    }


def plain_answer(exercise: str) -> str | None:
    """Return the right answer in numbers and words; None if it is a function."""
    rights = [getattr(part, "right", None) for part in exercises._parts(exercise)]
    if any(right is None or callable(right) for right in rights):
        return None
    values = [np.asarray(right).tolist() for right in rights]
    return repr(values if len(values) > 1 else values[0])


@pytest.mark.parametrize("page", CHAPTERS)
def test_live_cells_and_solutions_of_a_page(
    page: str, shared_context: Any, strict_site: str
) -> None:
    """Each live cell shows what the book shows, and what a solution found is a right answer."""
    book = Page(shared_context.new_page(), strict_site, page)
    sources = book.tab.evaluate("JSON.parse(document.getElementById('cell-sources').textContent)")
    bars = book.tab.locator(".cell-bar").all()
    assert bars
    answers = {k: v for source in sources for k, v in right_answers(source).items()}
    left = {box.get_attribute("data-exercise") for box in book.tab.locator(".answer-box").all()}
    wrong = []

    def check(exercise: str, answer: str) -> None:
        left.discard(exercise)
        if (said := book.check(exercise, answer)) != "Right.":
            wrong.append(f"{exercise}: {answer}: {said}")
        if book.check(exercise, "-1234.5") == "Right.":
            wrong.append(f"{exercise}: -1234.5 is right")

    for bar in (f"#{bar.get_attribute('id')}" for bar in bars):
        before, drawn = book.output(bar), len(book.images(bar))
        said, after = book.run(bar), book.output(bar)
        if said != "Done." or not same(after, before) or len(book.images(bar)) != drawn:
            wrong.append(f"{bar}: {said}\n{after}\n--- not\n{before}")
        if book.cell(bar).locator("xpath=ancestor::details[@class='solution']").count():
            source = sources[int(bar.removeprefix("#cell-")) - 1]
            for exercise, answer in right_answers(source).items():
                check(exercise, answer)
    for exercise in sorted(left):  # their solutions need PyTorch
        check(exercise, plain_answer(exercise) or answers[exercise])
    wrong += book.problems
    book.tab.close()
    assert not wrong, "\n".join(wrong)


def test_cells_that_need_another_library_say_so() -> None:
    for page in CHAPTERS:
        text = (BOOK / page).read_text(encoding="utf-8")
        lines = re.findall(r'<p class="cell-needs">(.*?)</p>', text)
        assert bool(lines) == (page[9:11] in ("11", "13", "14")), page
        for line in lines:
            needs, notebook = re.fullmatch(
                r'Needs (PyTorch|scikit-learn): <a href="([^"]+)" download>run it in the notebook'
                r"</a>\.",
                line,
            ).groups()
            assert needs
            assert (BOOK / page).parent.joinpath(notebook).resolve().is_file()


# --- editing -------------------------------------------------------------------------------------


def test_nothing_is_fetched_before_the_first_press(open_page: Callable[..., Page]) -> None:
    page = open_page()
    late = re.compile(r"_static/(python/|python_worker|editor|clean_html)")
    assert [url for url in page.asked if late.search(url)] == []
    assert page.run(IMPORTS) == "Done."
    assert not any("matplotlib" in url or "editor" in url for url in page.asked)
    assert page.run(FIGURE) == "Done."
    assert any("matplotlib" in url for url in page.asked)


def test_edit_run_set_back_reload_and_link(open_page: Callable[..., Page]) -> None:
    page = open_page()
    before, shown = page.output(REPORT), page.cell(REPORT).locator("> .cell_input")
    page.type(REPORT, "A = 2 * A\nprint('doubled', A[1, 1])")
    assert page.wait(REPORT) == "Done."
    assert page.output(REPORT) == "doubled 18.0\n"
    assert not shown.is_visible()
    assert page.run(REPORT) == "Done."
    assert page.output(REPORT) == "doubled 18.0\n", "run again, it shows the same"

    page.press(REPORT, "Copy link")
    page.tab.locator(f"{REPORT} .cell-note", has_text="Copied.").wait_for()
    link = page.tab.evaluate("navigator.clipboard.readText()")

    page.tab.reload()
    page.open_all()
    assert "print('doubled'" in page.cell(REPORT).locator(".cell-editor").inner_text()
    assert page.output(REPORT) == before, "nothing has run"
    page.press(REPORT, "Set back")
    assert shown.is_visible()
    assert page.cell(REPORT).locator(".cell-editor").count() == 0
    page.tab.reload()
    assert page.cell(REPORT).locator(".cell-editor").count() == 0

    other = open_page(fragment=link.partition("#")[2])
    code = other.cell(REPORT).locator(".cell-editor")
    assert "print('doubled'" in code.inner_text()
    assert other.wait(REPORT) == "Changed by a link, not by the book."
    assert code.is_visible()
    assert other.output(REPORT) == before, "a link runs nothing"
    assert not any("python/" in url for url in other.asked)
    other.press(REPORT, "Run")
    other.tab.locator(f"{REPORT} .cell-note", has_text="Done.").wait_for(timeout=WAIT)
    assert other.output(REPORT) == "doubled 18.0\n"
    other.press(REPORT, "Set back")
    assert other.output(REPORT) == before


def packed(text: str) -> str:
    """Return a text as it stands in a link."""
    packer = zlib.compressobj(wbits=-15)
    return base64.urlsafe_b64encode(packer.compress(text.encode()) + packer.flush()).decode()


def test_a_link_that_does_not_fit_says_so(open_page: Callable[..., Page]) -> None:
    page = open_page()
    contents = ["null", '{"3": 5}', '{"3": ["other", "1"]}', '{"99": ["a", "1"]}', "x" * 300_000]
    for text in ["", "A", "!!", *map(packed, contents)]:
        page.tab.evaluate("document.querySelector('.cell-note').textContent = ''")
        page.tab.evaluate("text => { location.hash = 'cells=' + text; }", text)
        assert page.wait("#cell-1") == "The link's changes do not fit this page.", text[:20]
    assert page.tab.locator(".cell-editor").count() == 0


def test_a_figure_is_drawn_anew(open_page: Callable[..., Page]) -> None:
    page = open_page()
    (before,) = page.images(FIGURE)
    caption = page.cell(FIGURE).locator("figcaption").inner_text()
    assert page.run(FIGURE) == "Done."
    (drawn,) = page.images(FIGURE)
    assert drawn.startswith("data:image/svg+xml,")
    image = page.cell(FIGURE).locator("figure img")
    size = "image => [image.width, image.height, image.naturalWidth > 0]"
    assert image.evaluate(size) == [614, 403, True]
    assert image.get_attribute("alt").startswith("Loss against step")
    assert page.cell(FIGURE).locator("figcaption").inner_text() == caption
    page.type(FIGURE, "plotting.loss_curves({'mine': [3.0, 2.0, 1.0]});")
    assert page.wait(FIGURE) == "Done."
    (changed,) = page.images(FIGURE)
    assert changed not in (before, drawn)
    assert image.get_attribute("alt") == "The figure that this cell has drawn."
    page.tab.emulate_media(color_scheme="dark")
    assert "invert" in image.evaluate("image => getComputedStyle(image).filter")
    page.press(FIGURE, "Set back")
    assert page.images(FIGURE) == [before]


def test_errors_loops_and_html(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.type(START, "a = 1\n1 / 0")
    assert page.wait(START) == "ZeroDivisionError"
    assert "This cell, line 2" in page.output(START)
    assert page.output(START).endswith("ZeroDivisionError: division by zero")
    assert page.run(REPORT) == "ZeroDivisionError"
    link = page.cell(REPORT).get_by_role("link", name="an earlier cell")
    assert link.get_attribute("href") == START

    page.type(START, "print('begun')\nwhile True: pass")
    page.cell(START).get_by_text("begun", exact=True).wait_for(timeout=WAIT)
    page.press(START, "Stop")
    assert page.wait(START) == "Stopped."
    assert "begun" in page.output(START)

    page.type(START, "import pandas")
    assert page.wait(START) == "ModuleNotFoundError"
    assert "No module named 'pandas'" in page.output(START)

    html = "<b onclick=alert(1)>bold</b><script>alert(1)</script><img src=data:, onerror=alert(1)>"
    page.type(START, f"from IPython.display import HTML\nHTML('{html}')")
    assert page.wait(START) == "Done."
    shown = page.cell(START).locator(".text_html").inner_html()
    assert "bold" in shown
    assert not re.search("script|onclick|onerror", shown)
    # the policy tells of handlers when the HTML is parsed, before they are taken out
    page.problems = [p for p in page.problems if "inline event handler" not in p]


def test_the_keyboard_alone(open_page: Callable[..., Page]) -> None:
    page = open_page()
    keyboard = page.tab.keyboard
    page.tab.locator(START).get_by_role("button", name="Run").focus()
    keyboard.press("Tab")
    keyboard.press("Enter")  # Edit
    page.cell(START).locator(".cm-content:focus").wait_for()
    keyboard.press("Control+End")
    keyboard.press("Enter")
    keyboard.type("if 6 / 2 == 3:\n")  # "/" is the page's key for the search
    keyboard.type("print('indented')")
    keyboard.press("Home")
    keyboard.press("Tab")
    assert page.cell(START).locator(".cm-content:focus").count() == 1, "Tab indents"
    keyboard.press("Control+Enter")
    page.wait(START)
    assert "indented" in page.output(START) or "IndentationError" in page.output(START)
    keyboard.press("Escape")
    keyboard.press("Tab")
    assert page.tab.evaluate("document.activeElement.textContent") == "Run", "Escape, Tab leave it"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.tab.evaluate(outline) == "solid"


# --- how it looks --------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_no_barrier_in_what_is_edited_and_run(
    width: int, theme: str, browser: Any, strict_site: str
) -> None:
    # axe-core is put into the page, which the policy would refuse
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = Page(context.new_page(), strict_site, PAGE)
    heights = page.tab.evaluate(
        "[...document.querySelectorAll('.cell-bar button:not([hidden]), .answer-box button')]"
        ".map((button) => button.getBoundingClientRect().height)"
    )
    assert min(heights) >= 24
    page.type(FIGURE, "# said\nx = 'text' if True else 1.5\nplotting.loss_curves({'a': [2, 1]})")
    page.wait(FIGURE)
    page.type(REPORT, "print('a' * 200)\n1 / 0")
    page.wait(REPORT)
    page.check("5.1", "[1, 2]")
    wide, inner = page.tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner
    page.tab.wait_for_timeout(200)  # scroll_boxes.js looks at what has changed
    page.tab.evaluate(AXE.read_text(encoding="utf-8"))
    page.tab.evaluate(CONFIGURE)
    assert violations(page.tab, {}) == []
    context.close()


def test_the_layout_keeps_still(browser: Any, strict_site: str) -> None:
    """The scripts fill the room that the page has for them."""
    context = browser.new_context(viewport={"width": 390, "height": 900})
    tab = context.new_page()
    heights = []
    for blocked in (True, False):
        if blocked:
            tab.route("**/live_*.js*", lambda route: route.abort())
        else:
            tab.unroute("**/live_*.js*")
        tab.goto(f"{strict_site}{PAGE}#furo-main-content")
        tab.wait_for_load_state("networkidle")
        heights.append(tab.evaluate("document.querySelector('article').scrollHeight"))
    context.close()
    assert heights[0] == pytest.approx(heights[1], abs=2)


def test_without_script_and_on_paper_there_is_nothing_to_press(
    browser: Any, strict_site: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(strict_site + PAGE)
    for room in (".cell-bar", ".answer-box"):
        assert tab.locator(room).count() > 3
        assert not tab.locator(room).first.is_visible()
    context.close()
    paper = browser.new_page()
    paper.goto(strict_site + PAGE)
    assert paper.get_by_role("button", name="Run cell 1", exact=True).is_visible()
    paper.emulate_media(media="print")
    assert paper.locator(":is(.cell-bar, .answer-box) button >> visible=true").count() == 0
    paper.close()


# --- the answers ---------------------------------------------------------------------------------


def test_every_exercise_has_its_box() -> None:
    found = [
        exercise
        for page in CHAPTERS
        for exercise in re.findall(r'data-exercise="([\d.]+)"', (BOOK / page).read_text("utf-8"))
    ]
    assert sorted(found) == sorted(exercises.available())


def test_where_the_book_has_no_python_there_is_nothing_to_press(
    browser: Any, strict_site: str
) -> None:
    context = browser.new_context()
    context.route(
        "**/python_available.js",
        lambda route: route.fulfill(
            body="export const available = false;", content_type="text/javascript"
        ),
    )
    page = Page(context.new_page(), strict_site, PAGE)
    assert page.tab.locator(".cell_input").count() > 3
    assert page.tab.locator(".cell-bar, .answer-box").count() == 0
    assert page.problems == []
    context.close()


def test_an_answer_is_checked_and_kept(open_page: Callable[..., Page]) -> None:
    page = open_page()
    assert page.check("5.1", "[4.0, 0.1, 0.5]").startswith("Not yet. limit:")
    assert page.check("5.1", "[0.1, 2 / 20.5, 39 / 41]") == "Right."
    assert page.check("5.3", "def rate(c):\n    return 1 / c") == "Right."
    assert page.check("5.2", "4.5 +") == "SyntaxError: invalid syntax"
    field = page.tab.locator("#answer-5-4")
    field.fill("[1.0, 1]")
    field.press("Enter")
    page.tab.locator("[data-exercise='5.4'] .answer-said.right").wait_for(timeout=WAIT)
    assert not any("matplotlib" in url for url in page.asked)
    page.tab.reload()
    assert page.tab.locator("#answer-5-1").input_value() == "[0.1, 2 / 20.5, 39 / 41]"
    assert field.input_value() == "[1.0, 1]"
