"""The edition that is built, English or Chinese, and the book's own words in its language.

Sphinx translates the pages. What our own extensions, templates and scripts write goes through
`say`, with the catalogue ``book.po`` beside those of the pages. The language is known before Sphinx
starts, because the book's title is a setting: Read the Docs tells it, or ``BOOK_LANGUAGE``.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from babel.messages.pofile import read_po
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

LOCALE = Path(__file__).parents[1] / "locale"
LANGUAGES = {"en": "English", "zh_CN": "简体中文"}  # as each calls itself


def known_language(code: str) -> str:
    """Return a language in Sphinx's spelling; Read the Docs writes zh-cn."""
    for known in LANGUAGES:
        if known.lower() == code.lower().replace("-", "_"):
            return known
    raise ConfigError(f"there is no edition in {code!r}; there are {', '.join(LANGUAGES)}")


LANGUAGE = known_language(
    os.environ.get("BOOK_LANGUAGE") or os.environ.get("READTHEDOCS_LANGUAGE") or "en"
)


def tag(language: str) -> str:
    """Return a language as the web writes it: zh-CN."""
    return language.replace("_", "-")


def address(site: str, language: str, of: str = LANGUAGE) -> str:
    """Return where an edition is shown, from where another is: Read the Docs has both in a path."""
    own, other = (f"/{tag(code).lower()}/" for code in (of, language))
    if own not in urlsplit(site).path:
        raise ConfigError(f"the address of this edition needs {own} in its path, got {site!r}")
    return site.replace(own, other, 1)


@cache
def catalogue(name: str, language: str = LANGUAGE) -> dict[str, str]:
    """Return the translations of one catalogue; none in English."""
    file = LOCALE / language / "LC_MESSAGES" / f"{name}.po"
    if language == "en" or not file.exists():  # what stays English has none
        return {}
    with file.open("rb") as text:
        messages = read_po(text)
    return {message.id: message.string for message in messages if message.id and message.string}


def say(text: str) -> str:
    """Return words of the book in the language of the edition."""
    return catalogue("book").get(text, text)


def settle(app: Sphinx, config: Config) -> None:
    """Refuse a language that the catalogues of this process are not for."""
    if known_language(config.language) != LANGUAGE:
        raise ConfigError(f"language is {config.language!r}: set BOOK_LANGUAGE to it")
    config.language = LANGUAGE
    config.html_context["words"] = catalogue("book")  # for the scripts


def add_say(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Let templates speak too."""
    context["say"] = say


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", settle, priority=100)
    app.connect("html-page-context", add_say)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
