"""Is the book the same, byte for byte, when it is built again elsewhere? `make reproducible` asks.

Builds both editions from nothing, from copies of the sources in two temporary folders. The Chinese
one takes the results of the cells from the English one, as `make html` does. The two builds differ
in all that a book must not depend on: folder, workers, date, time zone, language, home, and the
order of Python's sets. Prints `identical: N files, M bytes`, or ends with the files that differ.

`--first FOLDER` takes a book that was built from the same sources just now for the first one.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = os.environ.get("GDBP_CACHE") or str(Path.home() / ".cache/gdbp")  # HOME is changed
EDITIONS = ["en", "zh_CN"]
USUAL = {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"}
OTHER = {"LC_ALL": "C", "TZ": "Etc/GMT+12", "PYTHONHASHSEED": "2"}  # always another date


def copy_sources(folder: Path) -> None:
    """Copy what git has or would add, with the npm packages as a link."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # else it is deleted, but not yet in a commit
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / "docs/node_modules").symlink_to(ROOT / "docs/node_modules")


def build(folder: Path, workers: int, environment: dict[str, str], wrapper: list[str]) -> Path:
    """Build both editions from a copy of the sources, and return where they are."""
    (folder / "home").mkdir()
    print(f"building with {workers} worker(s), {environment}, {' '.join(wrapper)}", flush=True)
    options = ["-b", "html", "-W", "-n", "--keep-going", "-q", f"-j{workers}"]
    options += ["-D", f"execute_pages_workers={workers}"]
    for edition in EDITIONS:
        folders = ["-d", f"notes/{edition}", "docs", f"book/{edition}"]
        subprocess.run(
            [*wrapper, sys.executable, "-m", "sphinx", *options, *folders],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
            | environment
            | {"HOME": str(folder / "home"), "PYTHONPATH": str(folder)}
            | {"BOOK_LANGUAGE": edition, "GDBP_CACHE": CACHE},
            check=True,
        )
    return folder / "book"


def files(book: Path) -> dict[str, bytes]:
    """Return the contents of all files of an edition."""
    paths = filter(Path.is_file, book.rglob("*"))
    return {path.relative_to(book).as_posix(): path.read_bytes() for path in paths}


def editions(book: Path) -> dict[str, bytes]:
    """Return the contents of all files of both editions."""
    return {
        f"{edition}/{name}": content
        for edition in EDITIONS
        for name, content in files(book / edition).items()
    }


def difference(first: bytes, second: bytes) -> str:
    """Return the first place where two files differ."""
    pairs = zip(first, second, strict=False)
    shorter = min(len(first), len(second))
    place = next((n for n, (a, b) in enumerate(pairs) if a != b), shorter)
    excerpts = (content[max(0, place - 60) : place + 60] for content in (first, second))
    return "\n".join(f"  {excerpt!r}" for excerpt in excerpts)


def compare(first: dict[str, bytes], second: dict[str, bytes]) -> list[str]:
    """Return what differs between two books, a paragraph for each file."""
    found = []
    for name in sorted(first.keys() | second.keys()):
        if name not in first or name not in second:
            found.append(f"{name}: only in the {'first' if name in first else 'second'} book")
        elif first[name] != second[name]:
            found.append(f"{name}:\n{difference(first[name], second[name])}")
    return found


def main() -> None:
    """Build, or take over, the two books and compare them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--first", type=Path, metavar="FOLDER", help="a book built just now")
    arguments = parser.parse_args()
    later = ["faketime", "-m", "-f", "+400d"]
    if not shutil.which("faketime"):
        print("faketime is not installed: the dates of the two builds are only a day apart")
        later = []
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        elsewhere = Path(there, "in another folder", "with a longer name")
        for folder in (Path(here), elsewhere):
            copy_sources(folder)
        first = arguments.first or build(Path(here), 2, USUAL, [])
        books = editions(first), editions(build(elsewhere, 1, OTHER, later))
    differing = compare(*books)
    if differing:
        sys.exit("\n".join([*differing, f"{len(differing)} files differ"]))
    print(f"identical: {len(books[0])} files, {sum(map(len, books[0].values()))} bytes")


if __name__ == "__main__":
    main()
