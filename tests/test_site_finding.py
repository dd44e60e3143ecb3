"""Finding one's way in the built book: what each page tells about itself, and where it leads.

Run by `make site-test`, after `make html`; the search is for test_site_search.py.
"""

import re
import xml.etree.ElementTree as ET
from functools import cache
from urllib.parse import urljoin, urlsplit

import pytest
from built_book import BOOK, CHAPTERS, PAGES

pytestmark = pytest.mark.site

REFERENCE = [page for page in PAGES if re.match(r"reference/(?!index)", page)]


@cache
def text(page: str) -> str:
    return (BOOK / page).read_text(encoding="utf-8")


@cache
def tags(page: str) -> dict[str, str]:
    """Return the page's meta and link elements, by their name, property or rel."""
    found = {}
    for tag in re.findall(r"<(?:meta|link)\b[^>]*>", text(page)):
        values = dict(re.findall(r'([\w:-]+)="([^"]*)"', tag))
        key = values.get("name") or values.get("property") or values.get("rel")
        found[key] = values.get("content") or values.get("href")
    return found


@pytest.fixture(scope="session")
def address() -> str:
    """The book's address, as its first page says it."""
    return urljoin(tags("index.html")["canonical"], ".")


@pytest.mark.parametrize("page", PAGES)
def test_page_describes_itself(page: str, address: str) -> None:
    assert len(tags(page)["description"]) > 20
    assert tags(page).get("canonical") == (None if page == "404.html" else address + page)


@pytest.mark.parametrize("page", [*CHAPTERS, "index.html", "glossary.html", "reference/index.html"])
def test_link_preview(page: str, address: str) -> None:
    assert f"<h1>{tags(page)['og:title']}<" in text(page)
    assert tags(page)["og:url"] == address + page
    assert page not in CHAPTERS or ",," not in tags(page)["og:description"]
    assert (BOOK / tags(page)["og:image"].removeprefix(address)).stat().st_size < 200_000
    assert tags(page)["og:image:alt"]


def test_sitemap_names_every_page_with_a_source(address: str) -> None:
    made_by_sphinx = r"_modules/|404|genindex|py-modindex|search"
    expected = [address + page for page in PAGES if not re.match(made_by_sphinx, page)]
    found = [element.text for element in ET.parse(BOOK / "sitemap.xml").iter() if element.text]
    assert [line for line in found if line.strip()] == expected
    assert f"Sitemap: {address}sitemap.xml\n" in (BOOK / "robots.txt").read_text()


@pytest.mark.parametrize("page", CHAPTERS)
def test_ways_out_of_a_chapter(page: str) -> None:
    source = page.replace(".html", ".md")
    assert f'/edit/main/docs/{source}" rel="edit"' in text(page)
    assert 'class="toc-tree"' in text(page)
    assert 'class="prev-page"' in text(page)
    assert 'class="next-page"' in text(page)
    assert text(page).count('<a class="code-link"') > 10


@pytest.mark.parametrize("page", REFERENCE)
def test_entries_lead_to_pages_and_source(page: str) -> None:
    entries = re.split(r'<dt class="sig sig-object py" id="(gdbp\.\w+\.\w+)">', text(page))[1:]
    assert entries
    for name, entry in zip(entries[::2], entries[1::2], strict=True):
        (line,) = re.findall(r'<p class="entry-pages">(.*?)</p>', entry)
        assert re.search(r'href="\.\./chapters/\d\d-[\w-]+\.html"', line), name
        assert re.search(rf'href="\.\./_modules/[\w/]+\.html#{name.rpartition(".")[2]}"', entry)


def test_an_address_that_does_not_exist(browser: object, site: str) -> None:
    tab = browser.new_page()
    failed: list[str] = []
    tab.on("response", lambda r: failed.append(r.url) if r.status > 399 else None)
    lost = site + "chapters/no/such-page.html"
    tab.goto(lost)
    assert failed == [lost]
    tab.get_by_role("searchbox", name="Search the book").fill("momentum")
    tab.get_by_role("button", name="Search").click()
    tab.wait_for_url(site + "search.html?q=momentum")
    tab.close()


def test_copy_leaves_out_prompts_and_outputs(browser: object, site: str) -> None:
    parts = urlsplit(site)
    context = browser.new_context()
    context.grant_permissions(
        ["clipboard-read", "clipboard-write"], origin=f"{parts.scheme}://{parts.netloc}"
    )
    tab = context.new_page()
    tab.goto(site + "chapters/05-gradient-descent.html")
    example = tab.locator(".highlight-pycon").first
    example.scroll_into_view_if_needed()
    assert "array([[9.  , 1.  ]," in (example.text_content() or "")
    example.hover()
    example.locator("button.copybtn").click()
    copied = tab.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[0] == "import numpy as np"
    assert copied[-2:] == ["run.params.round(2)", "run.loss.round(4).tolist()"]
    assert not [line for line in copied if "array(" in line or ">>>" in line]
    assert tab.locator(".cell_input button.copybtn").count() > 5
    assert tab.locator(".cell_output button.copybtn").count() == 0
    context.close()
