"""Lead from each page to the same page in the other edition.

On Read the Docs an edition is a project of its own; they differ by the language in their address
(``/en/latest/``, ``/zh-cn/latest/``). In the book that ``make html`` builds they lie side by side
(``en/``, ``zh_CN/``), so there the link is relative. Search engines are told the address of both.
"""

import os
from typing import Any
from urllib.parse import urljoin, urlsplit

from edition import LANGUAGE, LANGUAGES, address, tag
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

ORIGINAL = "en"  # for readers of a language in which there is no edition


def add_editions(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Tell the templates where this page is in the other edition, and in both."""
    if app.builder.name != "html":
        return
    uri = app.builder.get_target_uri(page)
    shown = {code: urljoin(address(app.config.html_baseurl, code), uri) for code in LANGUAGES}
    lost = page == app.config.notfound_pagename  # shown at any address

    def way(code: str) -> str:
        if lost:
            return urlsplit(shown[code]).path
        if "READTHEDOCS_CANONICAL_URL" in os.environ:
            return shown[code]
        return relative_uri(f"{LANGUAGE}/{uri}", f"{code}/{uri}")

    context["other_editions"] = [
        {"language": tag(code), "name": name, "href": way(code)}
        for code, name in LANGUAGES.items()
        if code != LANGUAGE
    ]
    if not lost:
        context["alternates"] = {tag(code): url for code, url in shown.items()}
        context["alternates"]["x-default"] = shown[ORIGINAL]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_editions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
