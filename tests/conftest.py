"""What the tests in a browser share: the built book on a server, and the browser."""

import functools
import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from built_book import BOOK, BUILT, CHINESE

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def shown_at(book: Path) -> str:
    """Return the path at which an edition is shown, such as /en/latest/: its pages name it."""
    index = (book / "index.html").read_text(encoding="utf-8")
    canonical = re.search(r'<link rel="canonical" href="([^"]+)"', index)
    assert canonical, "no page tells where the book is shown"
    return urljoin(urlsplit(canonical[1]).path, ".")


@pytest.fixture(scope="session")
def root() -> str:
    return shown_at(BOOK)


class BookHandler(http.server.SimpleHTTPRequestHandler):
    """Serves each folder below its path, as Read the Docs does, and keeps quiet about it."""

    def __init__(self, *args: Any, folders: dict[str, Path], **options: Any) -> None:
        self.folders = folders
        super().__init__(*args, **options)

    def translate_path(self, path: str) -> str:
        for start, folder in self.folders.items():
            if path.startswith(start):
                self.directory = str(folder)
                return super().translate_path(path.removeprefix(start[:-1]))
        return super().translate_path("/nothing")

    def send_error(self, code: int, *args: Any, **options: Any) -> None:
        lost = Path(self.directory, "404.html")
        if code != http.HTTPStatus.NOT_FOUND or not lost.is_file():
            return super().send_error(code, *args, **options)
        page = lost.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def server(root: str) -> Iterator[str]:
    """Serve both editions, and all files as they lie on this machine."""
    folders = {root: BOOK, shown_at(CHINESE): CHINESE, "/files/": BUILT}
    handler = functools.partial(BookHandler, directory=str(BUILT), folders=folders)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def site(server: str, root: str) -> str:
    return server + root


@pytest.fixture(scope="session")
def chinese_site(server: str) -> str:
    return server + shown_at(CHINESE)


@pytest.fixture(scope="session")
def chromium() -> list[str]:
    """Return the browser's program and the flags to start it with."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert program, "no browser: install chromium, or say where it is in $CHROMIUM"
    return [program, *OPTIONS]


@pytest.fixture(scope="session")
def browser(chromium: list[str]) -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium[0], args=chromium[1:])
        yield browser
        browser.close()
