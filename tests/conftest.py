"""What the tests in a browser share: the built book on a server, and the browser."""

import functools
import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from built_book import BOOK

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


@pytest.fixture(scope="session")
def root() -> str:
    """Return the path at which the book is shown, such as /en/latest/: its pages name it."""
    index = (BOOK / "index.html").read_text(encoding="utf-8")
    canonical = re.search(r'<link rel="canonical" href="([^"]+)"', index)
    assert canonical, "no page tells where the book is shown"
    return urljoin(urlsplit(canonical[1]).path, ".")


class BookHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the book below its path, as Read the Docs does, and keeps quiet about it."""

    def __init__(self, *args: Any, root: str, **options: Any) -> None:
        self.root = root
        super().__init__(*args, **options)

    def translate_path(self, path: str) -> str:
        inside = path.startswith(self.root)
        return super().translate_path(path.removeprefix(self.root[:-1]) if inside else "/nothing")

    def send_error(self, code: int, *args: Any, **options: Any) -> None:
        if code != http.HTTPStatus.NOT_FOUND:
            return super().send_error(code, *args, **options)
        page = (BOOK / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def site(root: str) -> Iterator[str]:
    handler = functools.partial(BookHandler, directory=str(BOOK), root=root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{root}"
        server.shutdown()


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
