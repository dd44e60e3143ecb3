"""The two editions of the built book: the way between them, and that each is in its language.

Run by `make site-test`, after `make html`. What every Chinese chapter looks like in a window, and
where its links lead, is for test_site.py.
"""

import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urljoin

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from built_book import BOOK, BUILT, CHAPTERS, CHINESE, PAGES
from test_site_search import results

from gdbp import explore

pytestmark = pytest.mark.site

HAN = re.compile("[\u4e00-\u9fff]")
NAMES = {"Adagrad", "RMSprop", "Adam", "AdamW", "English"}
SITE = "https://gdbp.readthedocs.io"
FOLDERS = {"en": "en", "zh-CN": "zh_CN"}
ROOTS = {"en": "/en/latest/", "zh-CN": "/zh-cn/latest/"}
CALLED = {"en": "English", "zh-CN": "简体中文"}

every_page = pytest.mark.parametrize("page", PAGES)
every_chapter = pytest.mark.parametrize("page", CHAPTERS)
both_ways = pytest.mark.parametrize(("here", "there"), [("en", "zh-CN"), ("zh-CN", "en")])


@cache
def html(language: str, page: str) -> Tag:
    file = BUILT / FOLDERS[language] / page
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


def words(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


# --- the same page in both ------------------------------------------------------------------------


def test_the_editions_have_the_same_pages() -> None:
    pages = [file.relative_to(CHINESE).as_posix() for file in CHINESE.rglob("*.html")]
    assert sorted(pages) == PAGES
    assert CHAPTERS


@every_page
@both_ways
def test_each_page_leads_to_itself_in_the_other(here: str, there: str, page: str) -> None:
    assert html(here, page).html["lang"] == here
    links = html(here, page).select("a.edition-switch")
    assert len(links) == 2, "one for a wide window, one for a narrow"
    for link in links:
        assert (link["hreflang"], link["lang"], words(link)) == (there, there, CALLED[there])
        if page == "404.html":
            assert link["href"] == f"{ROOTS[there]}404.html"
        else:
            assert urljoin(f"{FOLDERS[here]}/{page}", link["href"]) == f"{FOLDERS[there]}/{page}"


@every_page
@both_ways
def test_search_engines_are_told(here: str, there: str, page: str) -> None:
    alternates = html(here, page).select("link[rel=alternate][hreflang]")
    found = {link["hreflang"]: link["href"] for link in alternates}
    addresses = {language: f"{SITE}{root}{page}" for language, root in ROOTS.items()}
    if page == "404.html":
        assert not found
    else:
        assert found == addresses | {"x-default": addresses["en"]}
        assert html(here, page).select_one("link[rel=canonical]")["href"] == addresses[here]


@pytest.mark.parametrize("language", FOLDERS)
def test_the_sitemap_is_of_its_edition(language: str) -> None:
    lines = (BUILT / FOLDERS[language] / "sitemap.xml").read_text(encoding="utf-8")
    addresses = re.findall("<loc>(.*?)</loc>", lines)
    assert len(addresses) > len(CHAPTERS)
    assert all(address.startswith(f"{SITE}{ROOTS[language]}") for address in addresses)


@pytest.fixture
def tab(browser: object) -> Iterator[object]:
    context = browser.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    ("page", "width"),
    [
        ("chapters/05-gradient-descent.html", 390),
        ("chapters/05-gradient-descent.html", 1280),
        ("_modules/gdbp/autodiff.html", 800),
        ("genindex.html", 1280),
        ("search.html", 390),
    ],
)
def test_there_and_back(page: str, width: int, tab: object, server: str) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(f"{server}/files/index.html")
    tab.wait_for_url(f"{server}/files/en/index.html")
    tab.goto(f"{server}/files/en/{page}")
    to_chinese = tab.get_by_role("link", name="简体中文")
    assert to_chinese.count() == 1, "the other one is not shown"
    assert to_chinese.bounding_box()["height"] >= 24
    to_chinese.click()
    tab.wait_for_url(f"{server}/files/zh_CN/{page}")
    tab.get_by_role("link", name="English", exact=True).press("Enter")
    tab.wait_for_url(f"{server}/files/en/{page}")


def test_the_place_on_the_page_is_kept(tab: object, server: str) -> None:
    page = "chapters/05-gradient-descent.html"
    tab.goto(f"{server}/files/en/{page}#predict")
    tab.get_by_role("link", name="简体中文").click()
    tab.wait_for_url(f"{server}/files/zh_CN/{page}#predict")
    assert tab.locator("#predict").count() == 1


def test_an_address_that_does_not_exist_in_chinese(
    tab: object, site: str, chinese_site: str
) -> None:
    tab.goto(f"{chinese_site}chapters/no/such-page.html")
    assert tab.locator("h1").inner_text().startswith("找不到")
    tab.get_by_role("link", name="English", exact=True).click()
    tab.wait_for_url(f"{site}404.html")


# --- each in its language -------------------------------------------------------------------------


@every_chapter
def test_what_stands_around_a_chapter_is_chinese(page: str) -> None:
    """The reference and the notes for developers are in English, and so are their titles."""
    around = html("zh-CN", page)
    parts = around.select(
        "head > title, .brand, .sidebar-brand-text, .sidebar-tree a, .caption-text, .toc-tree a, "
        ".toc-title, .related-pages .context, .related-pages .title, .take-away a, "
        ".skip-to-content, .back-to-top, .bottom-of-page"
    )
    english = [
        words(part)
        for part in parts
        if not re.search(r"(reference|development)/(?!index)", part.get("href", ""))
    ]
    named = [tag for tag in around.find_all(True) if not tag.find_parent("article")]
    english += [words(title) for title in around.select("symbol > title")]
    for name in ("aria-label", "title", "placeholder"):
        english += [tag[name] for tag in named if tag.get(name)]
    assert [text for text in english if not HAN.search(text) and text not in NAMES] == []


def test_words_of_the_other_language_say_so() -> None:
    for here, other in (("en", "zh"), ("zh-CN", "en")):
        names = html(here, "glossary.html").select("dl.glossary dd > p:first-child > span[lang]")
        assert len(names) > 50
        assert {name["lang"] for name in names} == {other}
        assert all(bool(HAN.search(words(name))) == (other == "zh") for name in names)


def test_a_page_that_is_not_translated_says_so() -> None:
    for page in PAGES:
        article = html("zh-CN", page).select_one("article")
        english = re.match(r"(reference|development)/(?!index)", page)
        assert article.get("lang") == ("en" if english else None), page


@every_chapter
def test_notebooks_are_chinese(page: str) -> None:
    name = page.removeprefix("chapters/").removesuffix(".html")
    notebook = nbformat.read(CHINESE / f"notebooks/{name}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert len(HAN.findall(text)) > 1000
    assert f"{SITE}/en/" not in text + notebook.cells[0].source
    assert f"{SITE}/zh-cn/latest/{page}" in notebook.cells[0].source
    links = [link["href"] for link in html("zh-CN", page).select(".take-away a")]
    assert links[0] == f"../notebooks/{name}.ipynb"
    assert links[1].endswith(f"/blob/notebooks/zh_CN/{name}.ipynb")
    english = nbformat.read(BOOK / f"notebooks/{name}.ipynb", as_version=4)
    codes = [
        [cell.source for cell in each.cells[1:] if cell.cell_type == "code"]
        for each in (notebook, english)
    ]
    assert codes[0] == codes[1]


# --- the search -----------------------------------------------------------------------------------

QUERIES = {
    "梯度": ("glossary.html#term-gradient", 1),
    "反向传播": ("glossary.html#term-backpropagation", 1),
    "学习率": ("glossary.html#term-learning-rate", 1),
    "错误博物馆": ("chapters/14-bug-museum.html", 1),
    "learning rate": ("glossary.html#term-learning-rate", 1),
    "backpropagation": ("glossary.html#term-backpropagation", 1),
    "η": ("notation.html#symbol-greek-small-letter-eta", 1),
    "minimize": ("reference/descent.html#gdbp.descent.minimize", 1),
    "zero_grad": ("chapters/11-pytorch.html#the-forgotten-zero-grad", 3),
}


@pytest.mark.parametrize("query", QUERIES)
def test_search_in_chinese(query: str, tab: object, chinese_site: str) -> None:
    wanted, place = QUERIES[query]
    found = results(tab, chinese_site, query)
    assert wanted in found[:place], found[:5]


def test_results_are_chinese(tab: object, chinese_site: str) -> None:
    found = results(tab, chinese_site, "学习率")
    assert len([page for page in found if page in CHAPTERS]) > 3
    assert HAN.search(tab.title())
    titles = tab.locator("ul.search > li > a:first-child").all_inner_texts()
    chapters = [title for title in titles if re.match(r"\d", title)]
    assert chapters
    assert all(HAN.search(title) for title in chapters)


# --- Python in the Chinese edition ----------------------------------------------------------------

WAIT = 120_000  # milliseconds: Python starts, and the machine may be busy


def test_an_explorer_answers_in_chinese(tab: object, chinese_site: str) -> None:
    tab.goto(f"{chinese_site}chapters/02-derivative.html")
    figure = tab.locator("#explorer-secant")
    slope = figure.locator("dl > div", has_text="割线的斜率")
    wanted = next(v.text for v in explore.secant(h=0.5).values if v.label == "slope of the secant")
    assert slope.locator("dd").inner_text() != wanted, "else nothing would have to change"
    figure.locator("[name=h]").fill("0.5")
    figure.locator("[name=h]").press("Tab")
    slope.locator("dd", has_text=re.compile(f"^{re.escape(wanted)}$")).wait_for(timeout=WAIT)
    legend = figure.locator(".explorer-picture").inner_text().split()
    assert {"切线", "割线"} <= set(legend)
    assert not {"tangent", "secant"} & set(legend)


def test_an_answer_is_judged_in_chinese(tab: object, chinese_site: str) -> None:
    tab.goto(f"{chinese_site}chapters/05-gradient-descent.html")
    box = tab.locator("[data-exercise='5.1']")

    def said_of(answer: str) -> str:
        box.locator("input, textarea").fill(answer)
        box.get_by_role("button", name="检查").click()
        said = box.locator(".answer-said:not(:empty)")
        said.wait_for(timeout=WAIT)
        return said.inner_text()

    assert said_of("[0.1, 2 / 20.5, 39 / 41]") == "正确。"
    assert said_of("[4.0, 0.1, 0.5]").startswith("还不对。limit：")


def test_a_figure_that_a_cell_draws_is_labelled_in_chinese(tab: object, chinese_site: str) -> None:
    tab.goto(f"{chinese_site}chapters/05-gradient-descent.html")
    cell = tab.locator(".cell:has(> #cell-2)")
    image = cell.locator("figure img")
    written = Path(CHINESE, "chapters", image.get_attribute("src")).read_text("utf-8")
    cell.get_by_role("button", name="运行").click()
    cell.locator(".cell-note", has_text="完成。").wait_for(timeout=WAIT)
    drawn = unquote(image.get_attribute("src"))
    assert drawn.startswith("data:image/svg+xml,")
    assert labels(drawn) == labels(written) == ["步数", "损失"]


def labels(svg: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<text [^>]*>(.*?)</text>", svg)]
