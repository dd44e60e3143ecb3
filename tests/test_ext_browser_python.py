"""The extension that gives the book Python for the browser: pins, cache, sources, and the site."""

import hashlib
import http.server
import io
import json
import re
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import browser_python
import pytest
from browser_python import Asset, Cache
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[1]
CORE, WHEEL = b"the core", b"a wheel"


def asset(name: str, content: bytes, source: str, group: str) -> Asset:
    return Asset(name, source, len(content), hashlib.sha256(content).hexdigest(), group)


core = asset("core.mjs", CORE, "npm", "core")
wheel = asset("plots.whl", WHEEL, "pip", "matplotlib")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return a folder that holds what the release has."""
    folder = tmp_path / "release"
    folder.mkdir()
    for of_release, content in ((core, CORE), (wheel, WHEEL)):
        folder.joinpath(of_release.name).write_bytes(content)
    return folder


@pytest.fixture
def pins(release: Path) -> dict[str, Any]:
    return {
        "release": f"{release.as_uri()}/",
        "npm": {"package": "core@1", "folder": "package"},
        "pip": {"package": "app==1", "folder": "app/static"},
    }


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Have npm and pip answer with what they should; return what they were asked."""
    tar, archive = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as package:
        info = tarfile.TarInfo(f"package/{core.name}")
        info.size = core.bytes
        package.addfile(info, io.BytesIO(CORE))
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr(f"app/static/{wheel.name}", WHEEL)
    commands = []

    def download(command: list[str]) -> bytes:
        commands.append(command)
        return (tar if "pack" in command else archive).getvalue()

    monkeypatch.setattr(browser_python, "download", download)
    return commands


@pytest.fixture
def no_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(command: list[str]) -> bytes:
        raise OSError(f"{command[0]} is not there")

    monkeypatch.setattr(browser_python, "download", download)


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


# --- the pins ------------------------------------------------------------------------------------


def test_each_asset_is_pinned() -> None:
    assets, pins = browser_python.read_pins()
    assert {"pyodide.asm.wasm", "python_stdlib.zip"} <= {a.name for a in assets}
    assert {a.source for a in assets} == {"npm", "pip"}
    for pinned in assets:
        assert len(bytes.fromhex(pinned.sha256)) == 32
        assert pinned.bytes > 1000
    version = pins["npm"]["package"].partition("@")[2]
    assert pins["release"] == f"https://cdn.jsdelivr.net/pyodide/v{version}/full/"
    assert "==" in pins["pip"]["package"]


# --- the cache -----------------------------------------------------------------------------------


def test_the_cache_gives_only_what_it_should(cache: Cache) -> None:
    assert cache.get(core) is None
    cache.put(core, CORE)
    assert cache.get(core) == CORE
    cache.file(core).write_bytes(CORE[:-1] + b"!")
    assert cache.get(core) is None
    cache.file(core).write_bytes(CORE[:-1])
    assert cache.get(core) is None


def test_a_file_is_kept_whole_or_not_at_all(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        cache.put(core, CORE)
    assert not cache.file(core).exists()


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GDBP_CACHE", str(tmp_path))
    assert Cache.usual().folder == tmp_path
    monkeypatch.delenv("GDBP_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Cache.usual().folder == tmp_path / ".cache/gdbp"


# --- the sources ---------------------------------------------------------------------------------


def test_the_release_comes_first(
    cache: Cache, pins: dict[str, Any], registries: list[list[str]]
) -> None:
    assert browser_python.fetch([core, wheel], pins, cache) == []
    assert (cache.get(core), cache.get(wheel)) == (CORE, WHEEL)
    assert registries == []


def test_what_is_in_the_cache_is_not_fetched(
    cache: Cache, pins: dict[str, Any], no_registries: None
) -> None:
    cache.put(core, CORE)
    cache.put(wheel, WHEEL)
    assert browser_python.fetch([core, wheel], pins | {"release": "file:///nowhere/"}, cache) == []


def test_the_registries_come_next(
    cache: Cache, pins: dict[str, Any], release: Path, registries: list[list[str]]
) -> None:
    release.joinpath(wheel.name).unlink()
    assert browser_python.fetch([core, wheel], pins, cache) == []
    assert cache.get(wheel) == WHEEL
    assert [command[-1] for command in registries] == ["app==1"], "npm has nothing that is missing"


def test_both_registries(
    cache: Cache, pins: dict[str, Any], release: Path, registries: list[list[str]]
) -> None:
    release.joinpath(core.name).unlink()
    assert browser_python.fetch([core, wheel], pins, cache) == []
    assert [command[-1] for command in registries] == ["core@1", "app==1"]


def test_another_file_of_that_name_is_refused(
    cache: Cache, pins: dict[str, Any], release: Path, registries: list[list[str]]
) -> None:
    release.joinpath(core.name).write_bytes(b"another!")
    assert browser_python.fetch([core, wheel], pins, cache) == []
    assert cache.get(core) == CORE
    assert [command[-1] for command in registries] == ["core@1"]


def test_what_cannot_be_had_is_named(
    cache: Cache, pins: dict[str, Any], release: Path, no_registries: None
) -> None:
    release.joinpath(core.name).write_bytes(b"another!")
    problems = browser_python.fetch([core, wheel], pins, cache)
    assert problems[:2] == ["no core.mjs", "release has another core.mjs"]
    assert "npm" in problems[2]
    assert "is not there" in problems[2]
    assert [file.name for file in files(cache.folder)] == [wheel.name]


def test_a_package_that_is_not_what_it_was(
    cache: Cache, pins: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_python, "download", lambda command: b"an error page")
    pins["release"] = "file:///nowhere/"
    problems = browser_python.fetch([core, wheel], pins, cache)
    assert problems[:2] == ["no core.mjs", "no plots.whl"]
    assert [text.partition(":")[0] for text in problems[2:]] == ["release", "npm", "pip"]


@pytest.fixture
def breaks_off() -> Iterator[str]:
    """Return the address of a server that promises a byte more than it sends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(core.bytes + 1))
            self.end_headers()
            self.wfile.write(CORE)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_an_interrupted_download_leaves_nothing(
    breaks_off: str, cache: Cache, pins: dict[str, Any], no_registries: None
) -> None:
    problems = browser_python.fetch([core], pins | {"release": breaks_off}, cache)
    assert problems[0] == "no core.mjs"
    assert "IncompleteRead" in problems[1]
    assert files(cache.folder) == []


def test_a_command_gives_its_one_file() -> None:
    command = [sys.executable, "-c", "open('made', 'w').write('by it')"]
    assert browser_python.download(command) == b"by it"


# --- the build -----------------------------------------------------------------------------------


@pytest.fixture
def app(
    tmp_path: Path, cache: Cache, pins: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> SimpleNamespace:
    """Return a build of a small book, whose sources are the ones above."""
    monkeypatch.setenv("GDBP_CACHE", str(cache.folder))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(browser_python, "read_pins", lambda: ([core, wheel], pins))
    confdir, outdir = tmp_path / "docs", tmp_path / "html"
    for file in (
        confdir / "_browser/helper.py",
        outdir / "wheels/pack-1-py3-none-any.whl",
        outdir / "_static/python/of-an-earlier-build",
    ):
        file.parent.mkdir(parents=True)
        file.write_text(file.name)
    return SimpleNamespace(
        builder=SimpleNamespace(name="html"),
        config=SimpleNamespace(project="pack", release="1"),
        confdir=confdir,
        outdir=outdir,
    )


def build(app: SimpleNamespace) -> Path:
    browser_python.get_assets(app)
    browser_python.finish(app, None)
    return app.outdir / "_static"


def test_the_site_has_all_files_and_a_list_of_them(app: SimpleNamespace) -> None:
    static = build(app)
    manifest = json.loads((static / "python/manifest.json").read_text())
    names = {group: [file["name"] for file in files] for group, files in manifest.items()}
    assert names == {
        "core": ["core.js", "pack-1-py3-none-any.whl", "helper.py"],
        "matplotlib": ["plots.whl"],
    }
    on_disk = {file.name for file in (static / "python").iterdir()}
    assert on_disk == {"manifest.json", *names["core"], *names["matplotlib"]}
    assert manifest["core"][0] == {"name": "core.js", "bytes": core.bytes, "sha256": core.sha256}
    assert (static / "python/core.js").read_bytes() == CORE
    assert (static / "python_available.js").read_text() == "export const available = true;\n"


def test_a_second_build_writes_nothing(app: SimpleNamespace) -> None:
    static = build(app)
    times = {file: file.stat().st_mtime_ns for file in files(static)}
    assert build(app) == static
    assert {file: file.stat().st_mtime_ns for file in files(static)} == times


def test_without_the_assets_the_book_says_so(
    app: SimpleNamespace,
    release: Path,
    no_registries: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    logger = SimpleNamespace(info=lambda text, *values: said.append(text % values))
    monkeypatch.setattr(browser_python, "logger", logger)
    release.joinpath(core.name).unlink()
    static = build(app)
    assert files(static / "python") == []
    assert (static / "python_available.js").read_text() == "export const available = false;\n"
    (line,) = said
    assert line.startswith("The book is built without Python for the browser: no core.mjs; ")
    assert "\n" not in line


def test_without_the_assets_ci_fails(
    app: SimpleNamespace,
    release: Path,
    no_registries: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", "true")
    release.joinpath(core.name).unlink()
    with pytest.raises(ExtensionError, match=r"without Python for the browser: no core\.mjs"):
        browser_python.get_assets(app)


def test_other_builders_need_nothing(app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    app.builder.name = "epub"
    monkeypatch.setattr(browser_python, "fetch", lambda *arguments: pytest.fail("fetched"))
    assert not (build(app) / "python_available.js").exists()


def test_ci_says_that_it_is_one() -> None:
    assert re.search("^export CI=true ", (ROOT / ".ci/run").read_text(), re.MULTILINE)
