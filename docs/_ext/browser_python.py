"""Give the book the Python that runs in the reader's browser.

Pyodide, numpy and matplotlib are not in the repository. ``browser_assets.toml`` names each file,
with its hash; a build takes it from the cache (``$GDBP_CACHE``, or ``~/.cache/gdbp``), or gets it
from the official release, or through npm and pip. They go to ``_static/python/``, with the wheel of
the package, the modules of ``_browser``, the translations of what they say, and a manifest.
``_static/python.js`` does the rest.

Where they cannot be had the book is built without them, and says so; on CI that is an error.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from edition import catalogue
from execute_pages import keep_only
from notebooks import WHEELS, wheel_name, write
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

logger = logging.getLogger(__name__)

PINS = Path(__file__).with_name("browser_assets.toml")
GROUPS = ("core", "matplotlib")
FOLDER = "_static/python"
MANIFEST = "manifest.json"
AVAILABLE = "_static/python_available.js"  # read by every page with a component: not in FOLDER
TIMEOUT = 10  # seconds without an answer


class Asset(NamedTuple):
    """A file that somebody else made."""

    name: str
    source: str
    bytes: int
    sha256: str
    group: str

    def is_this(self, content: bytes) -> bool:
        return len(content) == self.bytes and sha256(content) == self.sha256


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_pins(file: Path = PINS) -> tuple[list[Asset], dict[str, Any]]:
    """Return the assets, and where they can be had."""
    pins = tomllib.loads(file.read_text(encoding="utf-8"))
    return [Asset(**pin, group=group) for group in GROUPS for pin in pins.pop(group)], pins


# --- where the assets come from ------------------------------------------------------------------


class Cache:
    """Files by their hash; what is not what it should be is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def usual(cls) -> "Cache":
        return cls(Path(os.environ.get("GDBP_CACHE") or Path.home() / ".cache/gdbp"))

    def file(self, asset: Asset) -> Path:
        return self.folder / asset.sha256[:16] / asset.name

    def get(self, asset: Asset) -> bytes | None:
        file = self.file(asset)
        content = file.read_bytes() if file.is_file() else b""
        return content if asset.is_this(content) else None

    def put(self, asset: Asset, content: bytes) -> None:
        file = self.file(asset)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{os.getpid()}-{file.name}")  # another build may do the same
        draft.write_bytes(content)
        draft.replace(file)


Found = Iterator[tuple[Asset, bytes]]


def from_release(assets: list[Asset], pins: dict[str, Any]) -> Found:
    """Get each file by its address; the first that cannot be had ends it."""
    for asset in assets:
        with urllib.request.urlopen(pins["release"] + asset.name, timeout=TIMEOUT) as answer:
            yield asset, answer.read()


def from_npm(assets: list[Asset], pins: dict[str, Any]) -> Found:
    """Get the package with npm, if it has one of the assets, and take them out of it."""
    package, folder = pins["npm"]["package"], pins["npm"]["folder"]
    wanted = [asset for asset in assets if asset.source == "npm"]
    if wanted:
        content = download([beside_python("npm"), "pack", "--silent", package])
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for asset in wanted:
                if file := archive.extractfile(f"{folder}/{asset.name}"):
                    yield asset, file.read()


def from_pip(assets: list[Asset], pins: dict[str, Any]) -> Found:
    """Get the wheel with pip, if it has one of the assets, and take them out of it."""
    package, folder = pins["pip"]["package"], pins["pip"]["folder"]
    wanted = [asset for asset in assets if asset.source == "pip"]
    if wanted:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        with zipfile.ZipFile(io.BytesIO(download([*pip, package]))) as archive:
            for asset in wanted:
                yield asset, archive.read(f"{folder}/{asset.name}")


def beside_python(program: str) -> str:
    """Return the program of the same virtual environment, where there is one."""
    beside = Path(sys.executable).with_name(program)
    return str(beside) if beside.exists() else program


def download(command: list[str]) -> bytes:
    """Run a command that puts one file where it is run, and return the file's content."""
    with tempfile.TemporaryDirectory() as folder:
        path = (
            f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # npm looks for node
        )
        subprocess.run(
            command, cwd=folder, env=os.environ | {"PATH": path}, check=True, capture_output=True
        )
        (file,) = Path(folder).iterdir()
        return file.read_bytes()


SOURCES: tuple[Callable[[list[Asset], dict[str, Any]], Found], ...] = (
    from_release,
    from_npm,
    from_pip,
)
FAILURES = (
    OSError,
    HTTPException,
    subprocess.CalledProcessError,
    KeyError,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def fetch(assets: list[Asset], pins: dict[str, Any], cache: Cache) -> list[str]:
    """Get into the cache what is not there; return what could not be had, and why."""
    missing, reasons = absent(assets, cache), []
    for source in SOURCES:
        name = source.__name__.removeprefix("from_")
        try:
            for asset, content in source(missing, pins) if missing else ():
                if asset.is_this(content):
                    cache.put(asset, content)
                else:
                    reasons.append(f"{name} has another {asset.name}")
        except FAILURES as error:
            reasons.append(f"{name}: {error}")
        missing = absent(missing, cache)
    return [*(f"no {asset.name}" for asset in missing), *reasons] if missing else []


def absent(assets: list[Asset], cache: Cache) -> list[Asset]:
    return [asset for asset in assets if cache.get(asset) is None]


# --- the events of a build -----------------------------------------------------------------------


def makes_site(app: Sphinx) -> bool:
    return app.builder.name == "html"  # not "epub", whose format is HTML too


def get_assets(app: Sphinx) -> None:
    """Get all assets before the pages are read: a build that has to fail does so early."""
    if not makes_site(app):
        return
    if problems := fetch(*read_pins(), Cache.usual()):
        message = f"The book is built without Python for the browser: {'; '.join(problems)}."
        if os.environ.get("CI") in ("true", "1"):
            raise ExtensionError(message)
        logger.info("%s", message)


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Put into the site what the browser needs, or say there that it has nothing."""
    if exception or not makes_site(app):
        return
    assets, _ = read_pins()
    out, cache = Path(app.outdir), Cache.usual()
    contents = {asset: content for asset in assets if (content := cache.get(asset)) is not None}
    available = len(contents) == len(assets)
    groups: dict[str, dict[str, bytes]] = {group: {} for group in GROUPS}
    if available:
        for asset, content in contents.items():
            groups[asset.group][served_name(asset.name)] = content
        groups["core"] |= own_files(app)
    place(groups, out / FOLDER)
    write(out / AVAILABLE, f"export const available = {json.dumps(available)};\n".encode())


def served_name(name: str) -> str:
    """Return a name that every server takes for a script; few know the ending of a module."""
    return f"{name.removesuffix('.mjs')}.js" if name.endswith(".mjs") else name


def own_files(app: Sphinx) -> dict[str, bytes]:
    """Return the wheel of the package, and the modules and messages of the browser alone."""
    wheel = Path(app.outdir, WHEELS, wheel_name(app.config))
    modules = sorted(Path(app.confdir, "_browser").glob("*.py"))
    files = {file.name: file.read_bytes() for file in [wheel, *modules]}
    said = {name: catalogue(name) for name in ("explorers", "figures", "hints", "outputs")}
    if any(said.values()):  # not in the English edition
        messages = json.dumps(said, ensure_ascii=False, sort_keys=True)
        files["messages.json"] = messages.encode()
    return files


def place(groups: dict[str, dict[str, bytes]], folder: Path) -> None:
    """Write the files and their manifest, if there are any, and nothing else."""
    files = {name: content for group in groups.values() for name, content in group.items()}
    if files:
        manifest = {
            group: [
                {"name": name, "bytes": len(content), "sha256": sha256(content)}
                for name, content in contents.items()
            ]
            for group, contents in groups.items()
        }
        files[MANIFEST] = json.dumps(manifest, indent=1).encode() + b"\n"
    for name, content in files.items():
        write(folder / name, content)
    keep_only(folder.glob("*"), set(files))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", get_assets)
    app.connect("build-finished", finish, priority=450)  # after the wheel, before the mark
    return {"parallel_read_safe": True, "parallel_write_safe": True}
