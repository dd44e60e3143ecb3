"""The search of the built book: English terms, symbols, names in code, Chinese.

Run by `make site-test`, after `make html`.
"""

from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.site

# What to look for, where it should be, and how far down the list that may stand.
QUERIES = {
    "learning rate": ("glossary.html#term-learning-rate", 1),
    "gradient descent": ("chapters/05-gradient-descent.html", 3),
    "momentum": ("glossary.html#term-momentum", 1),
    "bug museum": ("chapters/14-bug-museum.html", 1),
    "η": ("notation.html#symbol-greek-small-letter-eta", 1),
    "θ": ("notation.html#symbol-greek-small-letter-theta", 1),
    "∇": ("notation.html#symbol-nabla", 1),
    "σ": ("notation.html#symbol-greek-small-letter-sigma", 1),
    "minimize": ("reference/descent.html#gdbp.descent.minimize", 1),
    "loss_grid": ("reference/surfaces.html#gdbp.surfaces.loss_grid", 1),
    "Value": ("reference/autodiff.html#gdbp.autodiff.Value", 1),
    "zero_grad": ("chapters/11-pytorch.html", 3),
    "梯度": ("glossary.html#term-gradient", 1),
    "反向传播": ("glossary.html#term-backpropagation", 1),
    "学习率 梯度下降": ("glossary.html", 1),
}


@pytest.fixture(scope="module")
def tab(browser: object) -> Iterator[object]:
    tab = browser.new_page()
    yield tab
    tab.close()


def results(tab: object, site: str, query: str) -> list[str]:
    """Return where the results lead, in their order, relative to the book."""
    tab.goto(f"{site}search.html")
    tab.locator("main input[name=q], .sidebar-search").first.fill(query)
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".search-summary:not(:empty)")
    tab.wait_for_function("!document.querySelector('.search-summary').innerText.includes('...')")
    links = tab.locator("ul.search > li > a:first-child")
    addresses = [link.get_attribute("href").partition("?")[0] for link in links.all()]
    return [link.removeprefix(site) for link in addresses]


@pytest.mark.parametrize("query", QUERIES)
def test_search(query: str, tab: object, site: str) -> None:
    wanted, place = QUERIES[query]
    found = results(tab, site, query)
    assert wanted in found[:place], found[:5]


def test_search_for_what_is_not_there(tab: object, site: str) -> None:
    assert results(tab, site, "zyzzyva") == []
    assert results(tab, site, "梯学") == [], "both characters are there, but not side by side"


def test_symbols_are_found_in_formulas(tab: object, site: str) -> None:
    """On page 5, η stands in formulas alone."""
    assert "chapters/05-gradient-descent.html" in results(tab, site, "η")
