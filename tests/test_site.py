"""The built book in a browser: every page, light and dark, on a phone and on a desk, and on paper.

Run by `make site-test`, after `make html`. The browser is `$CHROMIUM`, or `chromium` on the path.
"""

import functools
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from built_book import BOOK, BUILT, CHAPTERS, PAGES

pytestmark = pytest.mark.site

FOCUS_TEST = Path(__file__).with_name("site_focus.js")
RACE, STEPPER = "chapters/07-optimizers.html", "chapters/08-graph.html"
LAID_OUT = "#furo-main-content"  # a page opened at an anchor is laid out at once (lay_out.js)


@pytest.fixture
def tab(browser: object) -> Iterator[object]:
    """A page of its own, 1280 by 900, light, and without motion: nothing has to be waited for."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def tab_without_script(browser: object) -> Iterator[object]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_there_is_a_book() -> None:
    assert "index.html" in PAGES, "build it with `make html`"


class Window(NamedTuple):
    """Where pages are opened one after another, with one cache, as a reader does."""

    width: int
    theme: str
    context: object


@pytest.fixture(
    scope="session",
    params=[(width, theme) for width in (390, 1280) for theme in ("light", "dark")],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def window(request: pytest.FixtureRequest, browser: object) -> Iterator[Window]:
    width, theme = request.param
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
    yield Window(width, theme, context)
    context.close()


def look_at(page: str, window: Window, site: str) -> list[str]:
    """Return what goes wrong when a page is opened in a window."""
    tab = window.context.new_page()
    problems: list[str] = []
    tab.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    tab.on(
        "response", lambda r: problems.append(f"{r.status}: {r.url}") if r.status > 399 else None
    )
    tab.on(
        "request",
        lambda r: None if r.url.startswith((site, "data:")) else problems.append(f"asks {r.url}"),
    )
    tab.goto(site + page, wait_until="load")
    tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    wide, inner = tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    if wide > inner:
        problems.append(f"scrolls sideways: {wide} > {inner} pixels")
    if tab.locator("[aria-invalid], .katex-error, .problematic").count():
        problems.append("markup that went wrong is shown")
    if window[:2] in ((390, "light"), (1280, "dark")):
        tab.keyboard.press("Tab")  # from here on the browser shows where the focus is
        tab.add_script_tag(path=FOCUS_TEST)
        problems += tab.evaluate("focusTest.lookAtEach()")
    tab.close()
    return problems


@pytest.mark.parametrize("page", PAGES)
def test_page_in_a_window(page: str, window: Window, site: str) -> None:
    assert look_at(page, window, site) == []


@pytest.mark.parametrize("window", [(390, "light"), (1280, "dark")], indirect=True, ids=str)
@pytest.mark.parametrize("page", CHAPTERS)
def test_chinese_page_in_a_window(page: str, window: Window, chinese_site: str) -> None:
    assert look_at(page, window, chinese_site) == []


# --- the keyboard ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "width"),
    [
        ("index.html", 390),
        (RACE, 390),
        (STEPPER, 1280),
        ("glossary.html", 1280),
        ("reference/losses.html", 390),
        ("search.html", 1280),
    ],
)
def test_tab_goes_through_the_page_in_its_order(
    page: str, width: int, tab: object, site: str
) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(site + page)
    tab.keyboard.press("Shift")  # a key: all is laid out (lay_out.js)
    tab.add_script_tag(path=FOCUS_TEST)
    count = tab.evaluate("focusTest.watch().order.length")
    assert count > 10
    for _ in range(count):
        tab.keyboard.press("Tab")
    assert tab.evaluate("focusTest.order.at(-1) === document.activeElement")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.tagName") == "BODY", "the last lets go of the focus"
    assert tab.evaluate("focusTest.problems") == []


def test_the_skip_link_skips(tab: object, site: str) -> None:
    tab.goto(site + RACE)
    link = tab.get_by_text("Skip to content")
    box = link.bounding_box()
    assert box["y"] + box["height"] <= 0, "it is seen by those only who need it"
    tab.keyboard.press("Tab")
    assert link.evaluate("link => link === document.activeElement")
    assert link.bounding_box()["y"] >= 0
    link.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.locator("article :focus").count() == 1


def test_the_index_fits_a_phone(tab: object, site: str) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(f"{site}genindex.html")
    tables = tab.locator(".genindextable")
    assert tables.count() > 10
    right = "(table) => Math.max(...[table, ...table.querySelectorAll('*')].map("
    right += "(part) => part.getBoundingClientRect().right))"
    assert max(table.evaluate(right) for table in tables.all()) <= 390


# --- themes ---------------------------------------------------------------------------------------


GROUND = "getComputedStyle(document.body).backgroundColor"
FIGURES = """[...document.querySelectorAll('.cell_output img, .race [role="img"]')].map(
    (image) => getComputedStyle(image).filter)"""
TURNED = "invert(1) hue-rotate(180deg)"


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_switch_turns_page_and_figures(system: str, tab: object, site: str) -> None:
    tab.emulate_media(color_scheme=system)
    tab.goto(site + RACE)
    other = "light" if system == "dark" else "dark"
    seen = []
    for _ in range(4):
        theme = tab.evaluate("document.body.dataset.theme")
        dark = theme == "dark" or (theme, system) == ("auto", "dark")
        assert (sum(map(int, tab.evaluate(GROUND)[4:-1].split(", "))) < 300) == dark, theme
        assert set(tab.evaluate(FIGURES)) == {TURNED if dark else "none"}, theme
        seen.append(theme)
        tab.locator(".theme-toggle:visible").press("Enter")
    assert seen == ["auto", other, system, "auto"]


def test_the_theme_lasts_and_is_there_at_once(tab: object, site: str) -> None:
    tab.goto(site + RACE)
    tab.locator(".theme-toggle:visible").click()
    # Without any file of scripts, nothing can set the theme after the page was first shown.
    tab.route("**/*.js*", lambda route: route.abort())
    tab.goto(site + STEPPER)
    assert tab.evaluate("document.body.dataset.theme") == "dark"
    assert set(tab.evaluate(FIGURES)) == {TURNED}
    first = tab.locator("body > *").first
    assert first.evaluate("(e) => e.tagName") == "SCRIPT", "and it comes before what is shown"


# --- the race and the stepper ---------------------------------------------------------------------


def points(tab: object) -> list[int]:
    lines = tab.locator(".race polyline").all()
    return [len(line.get_attribute("points").split()) for line in lines]


def test_race(tab: object, site: str) -> None:
    tab.emulate_media(reduced_motion="no-preference")
    tab.goto(site + RACE + LAID_OUT)
    button, slider = tab.locator(".race button"), tab.get_by_role("slider", name="Step shown")
    losses = tab.locator(".race [data-losses]")
    last = losses.all_inner_texts()
    tab.wait_for_timeout(300)
    assert points(tab) == [41] * 12, "nothing moves by itself"
    assert button.inner_text() == "Play"
    button.press("Enter")
    assert button.inner_text() == "Pause"
    tab.wait_for_function("document.querySelector('.race input').value >= 2")
    button.press("Space")
    stopped = int(slider.input_value())
    assert button.inner_text() == "Play"
    tab.wait_for_timeout(300)
    assert points(tab) == [stopped + 1] * 12
    slider.press("Home")
    assert points(tab) == [1] * 12
    assert losses.all_inner_texts() != last
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "1 of 40"
    assert tab.locator(".race-step").inner_text() == "step 1"
    slider.press("End")
    assert losses.all_inner_texts() == last
    slider.press("ArrowLeft")
    button.press("Enter")
    tab.wait_for_function("document.querySelector('.race button').textContent === 'Play'")
    assert slider.input_value() == "40", "it ends by itself"


def test_two_races_do_not_know_each_other(tab: object, site: str) -> None:
    body = (BOOK / RACE).read_text(encoding="utf-8")
    race = body[body.index('<div class="race">') : body.index("<figcaption", body.index('"race"'))]
    twice = body.replace(race, race + race)
    tab.route("**/07-optimizers.html", lambda route: route.fulfill(body=twice))
    tab.goto(site + RACE)
    tab.locator(".race input").first.press("Home")
    assert points(tab) == [1] * 12 + [41] * 12
    assert tab.locator(".race button").count() == 2


def test_less_motion(tab: object, site: str) -> None:
    tab.goto(site + RACE)
    assert not tab.locator(".race button").is_visible()
    assert points(tab) == [41] * 12
    tab.locator(".race input").press("Home")
    assert points(tab) == [1] * 12, "the slider shows every step"
    assert tab.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    moving = """[...document.querySelectorAll("*")].filter((e) => {
      const { transitionDuration, animationName } = getComputedStyle(e);
      return transitionDuration !== "0s" || animationName !== "none"; }).length"""
    assert tab.evaluate(moving) == 0
    tab.emulate_media(reduced_motion="no-preference")
    assert tab.locator(".race button").is_visible()
    assert tab.evaluate(moving) > 0


@pytest.mark.parametrize("width", [390, 1280])
def test_stepper(width: int, tab: object, site: str) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(site + STEPPER + LAID_OUT)
    stepper = tab.locator(".stepper")
    steps = stepper.locator("ol > li")
    count = steps.count()
    back, forth = (stepper.get_by_role("button", name=name) for name in ("Back", "Next"))
    slider = stepper.get_by_role("slider", name="Step")

    def shown() -> list[int]:
        said = stepper.locator("[aria-live=polite]").inner_text()
        (now,) = [k + 1 for k in range(count) if steps.nth(k).is_visible()]
        assert said.startswith(f"Step {now} of {count}.")
        assert slider.get_attribute("aria-valuetext") == f"{now} of {count}"
        assert (back.get_attribute("aria-disabled") == "true") == (now == 1)
        assert (forth.get_attribute("aria-disabled") == "true") == (now == count)
        box, drawing = stepper.bounding_box(), steps.nth(now - 1).locator("svg").bounding_box()
        assert box["x"] <= drawing["x"]
        assert drawing["x"] + drawing["width"] <= box["x"] + box["width"] + 1
        heights.append(drawing["y"] - box["y"])
        return now

    heights: list[float] = []
    assert shown() == 1
    forth.press("Enter")
    assert shown() == 2
    forth.press("Space")
    assert shown() == 3
    back.press("Enter")
    assert shown() == 2
    slider.press("End")
    assert shown() == count
    forth.press("Enter")
    assert shown() == count
    assert forth.evaluate("(e) => e === document.activeElement"), "the focus stays at the end"
    slider.press("ArrowLeft")
    assert shown() == count - 1
    slider.press("Home")
    assert shown() == 1
    assert max(heights) - min(heights) < 1, "the drawing stays in its place"


def test_nothing_moves_when_the_scripts_of_the_page_run(tab: object, site: str) -> None:
    for page, component in ((RACE, ".race"), (STEPPER, ".stepper")):
        tab.goto(site + page)
        after = tab.locator(component).bounding_box()["height"]
        tab.route("**/*.js*", lambda route: route.abort())
        tab.goto(site + page)
        before = tab.locator(component).bounding_box()["height"]
        tab.unroute("**/*.js*")
        assert abs(after - before) < 150, component  # the height of the stepper's controls and text


def test_without_script(tab_without_script: object, site: str) -> None:
    tab = tab_without_script
    tab.goto(site + STEPPER)
    steps = tab.locator(".stepper ol > li")
    assert steps.count() > 2
    assert all(step.is_visible() for step in steps.all())
    tab.goto(site + RACE)
    assert points(tab) == [41] * 12
    assert tab.locator(".race [role=img]").first.bounding_box()["width"] > 200
    assert not tab.locator(".race-controls").is_visible()
    assert tab.locator("article button:visible, article input:visible").count() == 0
    for image in tab.locator("article img").all():
        image.scroll_into_view_if_needed()
        assert image.evaluate("(e) => e.decode().then(() => e.naturalWidth)") > 0
    formula = tab.locator(".formula .katex-html").first
    assert formula.bounding_box()["width"] > 50
    solution = tab.locator("details.solution").first
    assert not solution.locator("p").first.is_visible()
    solution.locator("summary").press("Enter")
    assert solution.locator("p").first.is_visible()


# --- paper ----------------------------------------------------------------------------------------


PRESSED = "button, input, .headerlink, nav, header, aside, .related-pages"


@pytest.mark.parametrize("page", CHAPTERS)
def test_paper(page: str, tab: object, site: str) -> None:
    tab.add_init_script("localStorage.setItem('theme', 'dark')")
    tab.set_viewport_size({"width": 680, "height": 970})  # A4 without its margins
    tab.goto(site + page)
    tab.emulate_media(media="print")
    problems = [
        f"prints {part.evaluate('(e) => e.outerHTML.slice(0, 90)')}"
        for part in tab.locator(PRESSED + ", .skip-to-content, .back-to-top").all()
        if part.is_visible()
    ]
    assert set(tab.evaluate(FIGURES)) <= {"none"}
    assert tab.evaluate(GROUND) == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.querySelector('article p')).color") == (
        "rgb(0, 0, 0)"
    )
    folded = """[...document.querySelectorAll("details > :not(summary)")].filter((e) =>
      !e.checkVisibility({ contentVisibilityAuto: true })).map((e) => e.outerHTML.slice(0, 90))"""
    problems += [f"is folded: {part}" for part in tab.evaluate(folded)]
    cut = """[...document.querySelectorAll("article *")].filter((e) =>
      getComputedStyle(e).overflow !== "visible" && e.checkVisibility()
      && !e.closest(".katex, svg, .visually-hidden") && e.scrollWidth > e.clientWidth + 1)
      .map((e) => e.outerHTML.slice(0, 90))"""
    problems += [f"is cut off: {part}" for part in tab.evaluate(cut)]
    wide = tab.evaluate("document.documentElement.scrollWidth")
    if wide > 680:
        problems.append(f"is wider than the paper: {wide} > 680")
    torn = """[...document.querySelectorAll("figure, .cell_output, div.math, pre")].filter((e) =>
      getComputedStyle(e).breakInside !== "avoid" && !e.querySelector(".stepper"))
      .map((e) => e.outerHTML.slice(0, 90))"""
    problems += [f"may be torn: {part}" for part in tab.evaluate(torn)]
    assert not problems


def test_paper_shows_races_to_their_end_and_steppers_whole(tab: object, site: str) -> None:
    tab.goto(site + RACE)
    tab.locator(".race input").press("Home")
    tab.evaluate("""addEventListener("beforeprint", () => {
      window.printed = [...document.querySelectorAll(".race polyline")].map(
        (line) => line.getAttribute("points").split(" ").length); })""")
    assert tab.pdf().startswith(b"%PDF")
    assert tab.evaluate("printed") == [41] * 12
    assert points(tab) == [1] * 12, "and is back where the reader left it"
    tab.goto(site + STEPPER)
    tab.emulate_media(media="print")
    steps = tab.locator(".stepper ol > li")
    assert all(step.is_visible() for step in steps.all())
    assert all(step.locator("> p").is_visible() for step in steps.all())


# --- room -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["index.html", RACE, STEPPER, "chapters/13-deep-and-real.html"])
def test_a_narrow_window_and_large_letters(page: str, tab: object, site: str) -> None:
    boxes = "[document.documentElement, document.querySelector('.content')]"
    wide = f"Math.max(...{boxes}.map((box) => box.scrollWidth))"
    tab.set_viewport_size({"width": 320, "height": 600})  # also 1280 pixels at a zoom of 400 %
    tab.goto(site + page + LAID_OUT)
    tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert tab.evaluate(wide) <= 320
    tab.set_viewport_size({"width": 1280, "height": 900})
    letters = tab.context.new_cdp_session(tab)
    letters.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
    assert tab.evaluate(wide) <= 1280
    text = tab.locator("article p:not([class])").first
    assert text.evaluate("(e) => getComputedStyle(e).fontSize") == "32px"
    lost = """[...document.querySelectorAll("article *")].filter((e) => {
      const { overflowX, overflowY } = getComputedStyle(e);
      return (overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1
        || overflowY === "hidden" && e.scrollHeight > e.clientHeight + 8) // struts of formulas
        && e.checkVisibility() && !e.closest(".katex, .visually-hidden, svg"); })
      .map((e) => e.outerHTML.slice(0, 90))"""
    assert tab.evaluate(lost) == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    "link",
    [
        f"{RACE}#exercise-7-3",
        f"{RACE}#equation-eq-adam",
        f"{RACE}#fig-stability",
        f"{STEPPER}#exercise-8-2",
        "glossary.html#term-momentum",
        "reference/losses.html#gdbp.losses.mse",
    ],
)
def test_a_deep_link_lands_below_the_header(link: str, width: int, tab: object, site: str) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(site + link)
    tab.wait_for_timeout(100)
    target = tab.locator(f"[id='{link.partition('#')[2]}']").bounding_box()
    header = tab.locator(".mobile-header")
    below = header.bounding_box()["height"] if header.is_visible() else 0
    assert below <= target["y"] < 300


def test_a_link_into_a_solution_opens_it(tab: object, site: str) -> None:
    tab.goto(site + RACE)
    inside = tab.locator("details.solution p").last
    inside.evaluate("(e) => { e.id = 'inside'; }")
    assert not inside.is_visible()
    tab.locator("article a[href^='#']").first.evaluate("(e) => { e.href = '#inside'; e.click(); }")
    assert inside.is_visible()
    assert 0 <= inside.bounding_box()["y"] < 300


# --- links and images -----------------------------------------------------------------------------


class Document(HTMLParser):
    """The ids, links and images of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.ids += [values["id"]] if values.get("id") else []
        if tag in ("a", "link") and values.get("href"):
            self.links.append(values["href"] or "")
        if tag == "img":
            self.images.append(values)


@functools.cache
def document(page: str) -> Document:
    return Document((BUILT / page).read_text(encoding="utf-8"))


every_page_of_both = pytest.mark.parametrize(
    "page", [f"{edition}/{page}" for edition in ("en", "zh_CN") for page in PAGES]
)


@every_page_of_both
def test_links_arrive(page: str) -> None:
    lost = []
    for link in document(page).links:
        if urlsplit(link).scheme or link == "#":
            continue
        target, fragment = urldefrag(urljoin(page, link))
        for root, edition in {"/en/latest/": "en/", "/zh-cn/latest/": "zh_CN/"}.items():
            target = target.replace(root, edition)  # on the page for lost readers
        target = unquote(target.partition("?")[0]) or page
        if not (BUILT / target).is_file() or (
            fragment and target.endswith(".html") and unquote(fragment) not in document(target).ids
        ):
            lost.append(link)
    assert not lost


@every_page_of_both
def test_ids_stand_once(page: str) -> None:
    ids = document(page).ids
    assert sorted(set(ids)) == sorted(ids)


@every_page_of_both
def test_images_have_alt_text(page: str) -> None:
    assert not [image.get("src") for image in document(page).images if not image.get("alt")]
