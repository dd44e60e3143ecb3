"""The comparison of two books, and the sources that it builds them from."""

from pathlib import Path

import reproducible


def test_equal_books() -> None:
    assert reproducible.compare({"a.html": b"1"}, {"a.html": b"1"}) == []


def test_differing_books() -> None:
    first = {"same": b"", "time": b"built at 07:08", "short": b"ab", "one": b""}
    second = {"same": b"", "time": b"built at 07:09", "short": b"abc", "two": b""}
    assert reproducible.compare(first, second) == [
        "one: only in the first book",
        "short:\n  b'ab'\n  b'abc'",
        "time:\n  b'built at 07:08'\n  b'built at 07:09'",
        "two: only in the second book",
    ]


def test_both_editions_are_compared(tmp_path: Path) -> None:
    for name in ("index.html", "en/a.html", "zh_CN/a.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert reproducible.editions(tmp_path) == {
        "en/a.html": b"en/a.html",
        "zh_CN/a.html": b"zh_CN/a.html",
    }


def test_sources_are_copied_and_results_are_not(tmp_path: Path) -> None:
    reproducible.copy_sources(tmp_path)
    assert (tmp_path / "docs/conf.py").is_file()
    assert not (tmp_path / "docs/_build").exists()
    assert (tmp_path / "docs/node_modules").is_symlink()
