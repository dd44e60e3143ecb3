"""The book that `make html` has built, as the tests see it: its folders and its pages."""

from pathlib import Path

BUILT = Path(__file__).parents[1] / "docs/_build/html"
BOOK, CHINESE = BUILT / "en", BUILT / "zh_CN"  # the two editions
PAGES = sorted(file.relative_to(BOOK).as_posix() for file in BOOK.rglob("*.html"))
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
