"""The extension that keeps a site the same, whether it was built at once or in steps."""

import subprocess
import sys
from pathlib import Path

import pytest
import same_site
from reproducible import compare, files

CONF = f"""
import sys
sys.path[:0] = [{str(Path(same_site.__file__).parent)!r}, ".."]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "same_site"]
nb_execution_mode = "off"
version = copyright = "1"
"""
REFERENCE = """
```{eval-rst}
.. automodule:: pack
   :members:
```
"""
PAGES = {
    "index": "# Book\n\n```{toctree}\none\ntwo\n```\n",
    "one": "(one)=\n# One\n\n```{index} first\n```\n\nSome text.\n",
    "two": f"# Two\n\n```{{index}} second\n```\n\n{{ref}}`one`\n{REFERENCE}",
}
PACK = """
from pathlib import Path
Path(__file__).with_name("imported").touch()
def function():
    \"\"\"Do nothing.\"\"\"
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "pack.py").write_text(PACK)
    (tmp_path / "docs/conf.py").write_text(CONF)
    for name, text in PAGES.items():
        (tmp_path / f"docs/{name}.md").write_text(text)
    return tmp_path


def build(book: Path, name: str, builder: str = "html", pages: str = "") -> dict[str, bytes]:
    """Build the book and return what is in the site."""
    options = ["-q", "-W", "-b", builder, "-d", f"{pages or name}-doctrees", "docs", name]
    subprocess.run([sys.executable, "-m", "sphinx", *options], cwd=book, check=True)
    return files(book / name)


def test_a_site_built_in_steps_is_the_site_built_at_once(book: Path) -> None:
    first = build(book, "steps")
    assert b'"first"' in first["searchindex.js"]
    assert "_modules/pack.html" in first

    (book / "imported").unlink()
    assert not compare(first, build(book, "steps")), "nothing has changed"
    assert not (book / "imported").exists(), "no module is imported to see that"

    page = book / "docs/one.md"
    page.write_text(page.read_text().replace("# One", "# Another").replace("Some", "More"))
    steps = build(book, "steps")
    assert b"Another" in steps["two.html"]
    assert not compare(build(book, "once"), steps)

    card = book / "steps" / same_site.CARDS / "of-a-page.png"
    card.parent.mkdir(parents=True)
    card.touch()
    (book / "docs/conf.py").write_text(f"{CONF}html_title = 'Another title'\n")
    steps = build(book, "steps")
    assert not card.exists(), "it could show what was set before"
    assert b"Another title" in steps["_modules/pack.html"]
    assert not compare(build(book, "once again"), steps)


def test_pages_that_another_builder_has_read(book: Path) -> None:
    """As ``make epub`` does before ``make html``: all pages are written again."""
    build(book, "steps")
    page = book / "docs/one.md"
    page.write_text(page.read_text().replace("# One", "# Another"))
    build(book, "book", "epub", pages="steps")
    steps = build(book, "steps")
    assert b"Another" in steps["two.html"]
    assert not compare(build(book, "once"), steps)
