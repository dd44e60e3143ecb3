"""The way to the other edition: addresses, and links of the three kinds of places."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import edition
import other_edition
import pytest
from sphinx.errors import ConfigError


def context(page: str) -> dict:
    app = SimpleNamespace(
        builder=SimpleNamespace(name="html", get_target_uri=lambda page: f"{page}.html"),
        config=SimpleNamespace(html_baseurl="https://a.org/en/latest/", notfound_pagename="404"),
    )
    found: dict = {}
    other_edition.add_editions(app, page, "page.html", found, None)
    return found


def switch(page: str) -> dict:
    (link,) = context(page)["other_editions"]
    return link


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_edition, "LANGUAGE", "en")
    monkeypatch.delenv("READTHEDOCS_CANONICAL_URL", raising=False)


@pytest.mark.parametrize("code", ["zh_CN", "zh-cn", "zh-CN"])
def test_each_spelling_is_the_same_edition(code: str) -> None:
    assert edition.known_language(code) == "zh_CN"


@pytest.mark.parametrize("spelling", ["zh_CN", "zh-cn"])
def test_sphinx_is_told_the_language_in_any_spelling(spelling: str, tmp_path: Path) -> None:
    extensions = str(Path(edition.__file__).parent)
    conf = f"import sys\nsys.path.insert(0, {extensions!r})\nextensions = ['edition']\n"
    (tmp_path / "conf.py").write_text(conf)
    (tmp_path / "index.rst").write_text("Title\n=====\n")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "-b",
        "html",
        "-D",
        f"language={spelling}",
    ]
    environment = os.environ | {"READTHEDOCS_LANGUAGE": "zh-cn"}
    subprocess.run([*command, tmp_path, tmp_path / "out"], env=environment, check=True)
    page = (tmp_path / "out/search.html").read_text(encoding="utf-8")
    assert 'lang="zh-CN"' in page
    assert "<title>搜索" in page, "Sphinx's own word"


def test_address_of_an_edition() -> None:
    english, chinese = "https://a.org/en/latest/en/", "https://a.org/zh-cn/latest/en/"
    assert edition.address(english, "zh_CN", of="en") == chinese
    assert edition.address(chinese, "en", of="zh_CN") == english
    assert edition.address(english, "en", of="en") == english
    with pytest.raises(ConfigError, match=r"needs /en/ in its path, got 'https://a\.org/'"):
        edition.address("https://a.org/", "zh_CN", of="en")


def test_on_this_machine_the_editions_are_neighbours() -> None:
    link = {"language": "zh-CN", "name": "简体中文", "href": "../zh_CN/index.html"}
    assert switch("index") == link
    assert switch("chapters/a")["href"] == "../../zh_CN/chapters/a.html"


def test_on_read_the_docs_they_are_two_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READTHEDOCS_CANONICAL_URL", "https://a.org/en/latest/")
    assert switch("chapters/a")["href"] == "https://a.org/zh-cn/latest/chapters/a.html"


def test_a_page_shown_at_any_address_has_no_relative_link() -> None:
    assert switch("404")["href"] == "/zh-cn/latest/404.html"
    assert "alternates" not in context("404")


def test_search_engines_are_told_of_both() -> None:
    assert context("chapters/a")["alternates"] == {
        "en": "https://a.org/en/latest/chapters/a.html",
        "zh-CN": "https://a.org/zh-cn/latest/chapters/a.html",
        "x-default": "https://a.org/en/latest/chapters/a.html",
    }
