"""The book that `make html` has built, as the tests see it: its folder and its pages."""

from pathlib import Path

BOOK = Path(__file__).parents[1] / "docs/_build/html"
PAGES = sorted(file.relative_to(BOOK).as_posix() for file in BOOK.rglob("*.html"))
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
