"""Bring the catalogues of the translations up to date. `make messages` runs it.

Sphinx takes the messages from the pages, Babel those of our own extensions, templates and scripts
(what `say` is called with), and sphinx-intl merges both into docs/locale. What the book's code says
has catalogues too: `outputs` for what cells show, `figures` for the words in what they draw,
`explorers`, and `hints` for the exercises; code_messages.py finds the last two in the source. A
message that changed is left without its translation, or marked fuzzy, and named at the end: until
it is translated, tests/test_translations.py fails.

`--check` changes nothing, and ends with an error if a catalogue is not up to date and complete.
"""

import argparse
import inspect
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import furo
import sphinx
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from code_messages import messages
from sphinx_intl.basic import update

from gdbp import autodiff, drawing

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS / "_browser")]
import outputs  # noqa: E402  # found there
from edition import ENGLISH_ONLY, LANGUAGES  # noqa: E402
from translations import PLACE, WORD  # noqa: E402

LOCALE = DOCS / "locale"
TRANSLATIONS = [language for language in LANGUAGES if language != "en"]
METHODS = [
    ("conf.py", "python"),
    ("_ext/**.py", "python"),
    ("_templates/**.html", "jinja2"),
    ("_static/**.js", "javascript"),
]
# Of the strings in code: what ends like a sentence, or has words around what is put in.
SENTENCE = re.compile(r"[A-Z{].*[a-z].*[.?!]|\S.*\w .*\{\d+\}.*|\{0\}: \{1\}")

# Of the strings in gdbp/explore.py, those that are for Python: all others are for readers.
NO_WORDS = {
    *("...i,ij,...j", "azimuth elevation", "complex", "end", "eval", "explored", "lr momentum"),
    *("#ffffff", "middle", "nan", "return"),
    *("exp", "log", "relu", "sigmoid", "sin x", "sin x + cos y", "tanh"),
}


def extract(folder: Path) -> None:
    """Write the messages of the book as it is now, a file a page."""
    options = ["-b", "gettext", "-W", "-n", "-q", "-j", "auto"]
    command = [sys.executable, "-m", "sphinx", *options, "-d", f"{folder}/doctrees", DOCS, folder]
    subprocess.run(command, check=True, env=os.environ | {"BOOK_LANGUAGE": "en"}, cwd=ROOT)
    for pattern in ENGLISH_ONLY:
        for file in folder.glob(f"{pattern}.pot"):
            file.unlink()
    found = extract_from_dir(
        DOCS,
        METHODS,
        keywords={"say": None},
        directory_filter=lambda folder: Path(folder).name not in ("_build", "node_modules"),
    )
    write(folder / "book.pot", (text for _, _, text, _, _ in found))
    write(folder / "sphinx.pot", words_of_the_theme())
    results = list(DOCS.glob("_build/cells/*.ipynb"))
    write(folder / "outputs.pot", outputs.messages(results))
    write(folder / "figures.pot", outputs.messages_of_figures(results))
    write(folder / "hints.pot", hints())
    write(folder / "explorers.pot", explorers())


def words_of_the_theme() -> Iterator[str]:
    """Yield what furo's templates say and Sphinx, whose catalogue they use, does not know."""
    catalogues = Path(sphinx.__file__).parent / "locale"
    known = [read(catalogues / lang / "LC_MESSAGES/sphinx.po") for lang in TRANSLATIONS]
    for folder in (Path(furo.__file__).parent / "theme", DOCS / "_templates"):
        for _, _, text, _, _ in extract_from_dir(folder, [("**.html", "jinja2")]):
            if not all(catalogue.get(text) and catalogue.get(text).string for catalogue in known):
                yield text


def strings(*modules: str) -> Iterator[str]:
    """Yield the strings of modules of the package."""
    for module in modules:
        yield from messages((ROOT / "gdbp" / f"{module}.py").read_text(encoding="utf-8"))


def hints() -> Iterator[str]:
    """Yield what the checks of the exercises say, and the checks of all arguments."""
    return filter(SENTENCE.fullmatch, strings("_checks", "exercises"))


def explorers() -> Iterator[str]:
    """Yield what the explorers say, the graphs that they draw, and the checks of arguments."""
    yield from filter(SENTENCE.fullmatch, strings("_checks"))
    graph = messages(inspect.getsource(autodiff.Node) + inspect.getsource(drawing._description))
    words = (text for text in (*graph, *strings("explore")) if WORD.search(PLACE.sub("", text)))
    yield from (text for text in words if text not in NO_WORDS and "<" not in text)
    yield from ("leaf", "value {0}", "grad {0}")  # in the boxes of a graph
    yield "{0}, η = {1}"  # a name and its rate


def read(file: Path) -> Catalog:
    """Return a catalogue, or a template of one."""
    with file.open("rb") as text:
        return read_po(text)


def write(file: Path, messages: Iterable[str]) -> None:
    """Write a template, the same from the same messages."""
    catalogue = Catalog()
    for message in messages:
        catalogue.add(message)
    with file.open("wb") as text:
        write_po(text, catalogue, no_location=True, sort_output=True)


def complaints(extracted: Path, locale: Path) -> Iterator[str]:
    """Yield a line for each message that is missing, fuzzy or no longer in the book."""
    for language in TRANSLATIONS:
        for template in sorted(extracted.rglob("*.pot")):
            page = template.relative_to(extracted).with_suffix("")
            file = locale / language / "LC_MESSAGES" / f"{page}.po"
            if not file.exists():
                yield f"{page}: there is no catalogue in {language}"
                continue
            translated, wanted = read(file), read(template)
            for message in wanted:
                if not message.id:
                    continue
                found = translated.get(message.id)
                if found is None or not found.string:
                    yield f"{page}: not translated into {language}: {message.id!r}"
                elif found.fuzzy:
                    yield f"{page}: fuzzy in {language}: {message.id!r}"
            for message in translated:
                if message.id and message.id not in wanted:
                    yield f"{page}: no longer in the book: {message.id!r}"


def main() -> None:
    """Extract, merge unless only asked, and say what is left to do."""
    parser = argparse.ArgumentParser(description="Update the catalogues of the translations.")
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extract(folder)
        if not check:
            update(str(LOCALE), str(folder), TRANSLATIONS, line_width=-1, ignore_obsolete=True)
        left = list(complaints(folder, LOCALE))
    print("\n".join([*left, f"{len(left)} messages to look at"]))
    if check and left:
        sys.exit(1)


if __name__ == "__main__":
    main()
