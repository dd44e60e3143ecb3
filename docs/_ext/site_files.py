"""What search engines and lost readers need: a sitemap, robots.txt, descriptions, a page for 404.

sphinx-sitemap is not used: pages written by several processes arrive in its list in another order
at each build. The cards of link previews and the descriptions of pages with a source come from
sphinxext-opengraph; here are those of the pages that Sphinx makes by itself.
"""

import html
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit
from xml.sax.saxutils import escape

from docutils import nodes
from edition import say
from matplotlib.font_manager import findfont
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinxext import opengraph
from sphinxext.opengraph import get_description

SITEMAP = "sitemap.xml"
TITLES = {
    "404": say("Page not found"),
    "genindex": say("Index of terms and names"),
    "py-modindex": say("Index of modules"),
    "search": say("Search"),
    "_modules/index": say("Source of all modules"),
}
# Chinese characters and punctuation
CHINESE = "\u3000-\u30ff\u3400-\u9fff\uff00-\uffef“”‘’—…"
NOT_FOUND = """\
<h1>{title}</h1>
<p>{moved}</p>
<form role="search" aria-label="{search_book}" class="not-found" action="{root}search.html">
  <label for="not-found-search">{search_book}</label>
  <input id="not-found-search" type="search" name="q">
  <button type="submit">{search}</button>
</form>
<ul>
  <li><a href="{root}index.html">{pages}</a></li>
  <li><a href="{root}glossary.html">{glossary}</a></li>
  <li><a href="{root}reference/index.html">{reference}</a></li>
  <li><a href="{root}genindex.html">{index}</a></li>
</ul>
"""


def prepare(app: Sphinx, config: Config) -> None:
    """Tell the extensions for the 404 page and the previews where the book is shown."""
    site = config.html_baseurl
    if urlsplit(site).scheme != "https" or not site.endswith("/"):
        raise ConfigError(f"html_baseurl needs to be an https address that ends in /, got {site!r}")
    root = urlsplit(site).path
    config.notfound_urls_prefix = root
    body = NOT_FOUND.format(
        root=root,
        title=TITLES["404"],
        moved=say("The book has no page at this address. It may have moved."),
        search_book=say("Search the book"),
        search=say("Search"),
        pages=say("All pages of the book"),
        glossary=say("Glossary"),
        reference=say("Reference"),
        index=TITLES["genindex"],
    )
    config.notfound_context = {"title": TITLES["404"], "body": body}
    config.ogp_site_url = site


def close_up(text: str) -> str:
    """Take out what sphinxext-opengraph puts between words and items, and Chinese does not."""
    text = re.sub(f"(?<=[{CHINESE}]): ?", "：", text)  # behind a heading
    return re.sub(f"(?<=[{CHINESE}])[ ,.]+(?=[{CHINESE}])| +(?=[，。；：？！、）])", "", text)


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Describe a page that has no source; keep the one for lost readers out of search engines."""
    if doctree:  # sphinxext-opengraph puts its own comma behind each point of a list
        for item in doctree.findall(nodes.list_item):
            texts = list(item.findall(nodes.Text))
            if texts and texts[-1].endswith((",", ".")):
                texts[-1].parent.replace(texts[-1], nodes.Text(texts[-1][:-1]))
    else:
        title = TITLES.get(page) or say("Source of {}").format(context["title"])
        text = say("{title}, from the book “{book}”.")
        text = html.escape(text.format(title=title, book=app.config.html_title))
        tags = f'<meta name="description" content="{text}" />'
        if page == app.config.notfound_pagename:
            tags += '<meta name="robots" content="noindex" />'
            context["pageurl"] = None  # it stands for any address, so it has none of its own
        context["metatags"] = context.get("metatags", "") + tags


def has_font(name: str) -> bool:
    """Tell whether matplotlib, which draws the cards of link previews, finds a font."""
    try:
        findfont(name, fallback_to_default=False)
    except ValueError:
        return False
    return True


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the sitemap, in the order of the pages' names, and the file that leads robots to it."""
    if exception or app.builder.name != "html":
        return
    site, out = app.config.html_baseurl, Path(app.outdir)
    addresses = [
        urljoin(site, quote(app.builder.get_target_uri(page)))
        for page in sorted(app.env.found_docs)
    ]
    lines = [f"  <url><loc>{escape(address)}</loc></url>" for address in addresses]
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    urlset = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    out.joinpath(SITEMAP).write_text("\n".join([head, urlset, *lines, "</urlset>\n"]), "utf-8")
    out.joinpath("robots.txt").write_text(f"User-agent: *\nSitemap: {urljoin(site, SITEMAP)}\n")


def setup(app: Sphinx) -> dict[str, bool]:
    opengraph.get_description = lambda *args: close_up(get_description(*args))
    app.connect("config-inited", prepare)
    app.connect("html-page-context", describe, priority=400)  # before sphinxext-opengraph
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
