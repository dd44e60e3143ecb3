"""The built book in a browser: every page, light and dark, on a phone and on a desk.

Run by `make site-test`, after `make html`. The browser is `$CHROMIUM`, or `chromium` on the path.
"""

import functools
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

pytestmark = pytest.mark.site

BOOK = Path(__file__).parents[1] / "docs/_build/html"
PAGES = sorted(file.relative_to(BOOK).as_posix() for file in BOOK.rglob("*.html"))


def test_there_is_a_book() -> None:
    assert "index.html" in PAGES, "build it with `make html`"


@pytest.fixture(
    scope="session",
    params=[(width, theme) for width in (390, 1280) for theme in ("light", "dark")],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def window(request: pytest.FixtureRequest, browser: object) -> Iterator[object]:
    width, theme = request.param
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=theme)
    yield context
    context.close()


@pytest.mark.parametrize("page", PAGES)
def test_page_in_a_window(page: str, window: object, site: str) -> None:
    tab = window.new_page()
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
    tab.close()
    assert not problems


def test_stepper(browser: object, site: str) -> None:
    tab = browser.new_page()
    tab.goto(site + "chapters/08-graph.html")
    stepper = tab.locator(".stepper")
    steps = stepper.locator("ol > li")
    assert [steps.nth(k).is_visible() for k in range(2)] == [True, False]
    stepper.get_by_role("button", name="Next").press("Enter")
    assert [steps.nth(k).is_visible() for k in range(2)] == [False, True]
    assert "Step 2 of" in stepper.locator("[aria-live]").inner_text()
    tab.close()


def test_stepper_without_script(browser: object, site: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(site + "chapters/08-graph.html")
    steps = tab.locator(".stepper ol > li")
    assert steps.count() > 2
    assert all(steps.nth(k).is_visible() for k in range(steps.count()))
    context.close()


class Document(HTMLParser):
    """The ids, links and images of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.ids.add(values.get("id") or "")
        if tag in ("a", "link") and values.get("href"):
            self.links.append(values["href"] or "")
        if tag == "img":
            self.images.append(values)


@functools.cache
def document(page: str) -> Document:
    return Document((BOOK / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_links_arrive(page: str, root: str) -> None:
    lost = []
    for link in document(page).links:
        if urlsplit(link).scheme or link == "#":
            continue
        target, fragment = urldefrag(urljoin(page, link).removeprefix(root))
        target = unquote(target.partition("?")[0]) or page
        if not (BOOK / target).is_file() or (
            fragment and target.endswith(".html") and unquote(fragment) not in document(target).ids
        ):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("page", PAGES)
def test_images_have_alt_text(page: str) -> None:
    assert not [image.get("src") for image in document(page).images if not image.get("alt")]
