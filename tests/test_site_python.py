"""Python in the browser: docs/_static/python.js and its worker, as a page's components call them.

Run by `make site-test`, after `make html`. The server sends the policy that the page on the
architecture writes down, counts the bytes of each file, and can damage, lose or delay one.
"""

import base64
import contextlib
import functools
import hashlib
import http.server
import io
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from built_book import BOOK, CHAPTERS, PAGES

from conftest import BookHandler

pytestmark = pytest.mark.site

PAGE = "chapters/02-derivative.html"
FOLDER = "_static/python/"
WASM, STDLIB = "pyodide.asm.wasm", "python_stdlib.zip"
ARCHITECTURE = Path(__file__).parents[1] / "docs/development/architecture.md"
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


def manifest() -> dict[str, list[dict[str, Any]]]:
    return json.loads((BOOK / FOLDER / "manifest.json").read_text())


def size(group: str) -> int:
    return sum(file["bytes"] for file in manifest()[group])


def test_the_book_has_python() -> None:
    assert "true" in (BOOK / "_static/python_available.js").read_text()
    listed = {file["name"] for group in manifest().values() for file in group}
    assert {file.name for file in (BOOK / FOLDER).iterdir()} == listed | {"manifest.json"}
    for file in (file for group in manifest().values() for file in group):
        content = (BOOK / FOLDER / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            file["bytes"],
            file["sha256"],
        )


# --- the server ----------------------------------------------------------------------------------


@functools.cache
def policy() -> str:
    """Return the policy for the book's pages, as the page on the architecture writes it down."""
    (text,) = re.findall(r"```text\n(default-src .*?)```", ARCHITECTURE.read_text(), re.DOTALL)
    scripts = {
        script
        for page in PAGES
        for script in re.findall(r"<script>(.*?)</script>", (BOOK / page).read_text(), re.DOTALL)
    }
    assert len(scripts) == 2, "the theme's and that of lay_out.js"
    digests = sorted(
        base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts
    )
    return " ".join(text.split()).replace("HASHES", " ".join(f"'sha256-{d}'" for d in digests))


class StrictServer(http.server.ThreadingHTTPServer):
    """Knows what it was asked for and what it sent, by the name of the file."""

    def __init__(self, root: str) -> None:
        handler = functools.partial(StrictHandler, folders={root: BOOK})
        super().__init__(("127.0.0.1", 0), handler)
        self.asked: list[str] = []
        self.sent: Counter[str] = Counter()
        self.damaged: set[str] = set()
        self.lost: set[str] = set()
        self.may_send_wasm = threading.Event()
        self.reset()

    def reset(self) -> None:
        """Send everything, as it is."""
        for kept in (self.asked, self.sent, self.damaged, self.lost):
            kept.clear()
        self.may_send_wasm.set()
        self.policy = policy()

    def handle_error(self, *args: object) -> None:
        """Say nothing when the browser no longer wants a file."""


class StrictHandler(BookHandler):
    """Does what its server was told to do with a file."""

    @property
    def name(self) -> str:
        return self.path.partition("?")[0].rpartition("/")[2]

    def translate_path(self, path: str) -> str:
        return super().translate_path("/nothing" if self.name in self.server.lost else path)

    def send_head(self) -> Any:
        self.server.asked.append(self.path)
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self.server.policy)
        super().end_headers()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        if self.name == WASM:
            self.server.may_send_wasm.wait(60)
        if self.name in self.server.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.server.sent[self.name] += len(content)
        outputfile.write(content)


@pytest.fixture(scope="module")
def only_server(root: str) -> Iterator[StrictServer]:
    with StrictServer(root) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.reset()
        server.shutdown()


@pytest.fixture
def server(only_server: StrictServer) -> StrictServer:
    only_server.reset()
    return only_server


# --- the page ------------------------------------------------------------------------------------


DO = """async () => {
  window.printed = [];
  const onPrint = (text, stream) => printed.push([text, stream]);
  const code = (stmt, options) =>  // any code, by a function that Python has
    python.call("timeit.timeit", { stmt, number: 1 }, { onPrint, ...options });
  try {
    const result = await (async () => { CODE })();
    return { result: result ?? null, printed };
  } catch ({ name, type, message, traceback }) {
    return { name, type, message, traceback, printed };
  }
}"""


class Reader:
    """A page whose scripts have `python`, and what went wrong on it."""

    def __init__(self, tab: Any, address: str) -> None:
        self.tab = tab
        self.address = address
        self.problems: list[str] = []
        tab.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: self.problems.append(str(error)))
        self.open()

    def open(self) -> None:
        self.tab.goto(self.address + PAGE)
        script = f"{self.address}_static/python.js"
        self.tab.evaluate("async (url) => void Object.assign(window, await import(url))", script)

    def do(self, code: str) -> dict[str, Any]:
        """Run JavaScript; return its result or its error, and what Python printed meanwhile."""
        return self.tab.evaluate(DO.replace("CODE", code))

    def run(self, code: str, packages: list[str] | None = None) -> dict[str, Any]:
        """Run Python."""
        options = json.dumps({"packages": packages or []})
        return self.do(f"await code({json.dumps(code)}, {options})")

    def printed(self, code: str, packages: list[str] | None = None) -> str:
        """Run Python, and return all that it printed."""
        answer = self.run(code, packages)
        assert "name" not in answer, answer
        return "".join(text for text, _ in answer["printed"])


@contextlib.contextmanager
def reading(browser: Any, address: str, **options: Any) -> Iterator[Reader]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    yield Reader(context.new_page(), address)
    context.close()


def address(server: StrictServer, root: str, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.server_port}{root}"


@pytest.fixture(scope="module")
def only_reader(only_server: StrictServer, root: str, browser: Any) -> Iterator[Reader]:
    """A page on which Python has started: most tests need no new one."""
    only_server.reset()
    with reading(browser, address(only_server, root)) as reader:
        assert reader.do("await python.start()") == {"result": None, "printed": []}
        yield reader


@pytest.fixture
def reader(only_reader: Reader) -> Iterator[Reader]:
    only_reader.problems.clear()
    yield only_reader
    assert only_reader.problems == []


@pytest.fixture
def new_reader(server: StrictServer, root: str, browser: Any) -> Iterator[Reader]:
    """A page in a browser that has never seen the book."""
    with reading(browser, address(server, root)) as reader:
        yield reader


@pytest.mark.parametrize("page", [*CHAPTERS, "index.html", "search.html?q=gradient", "404.html"])
def test_the_policy_refuses_nothing_that_a_page_has(
    page: str, server: StrictServer, root: str, browser: Any
) -> None:
    tab = browser.new_page()
    problems: list[str] = []
    tab.on("console", lambda m: problems.append(m.text) if "Content Security" in m.text else None)
    tab.goto(address(server, root) + page)
    tab.locator(".theme-toggle:visible").first.click()
    tab.close()
    assert problems == []


# --- starting ------------------------------------------------------------------------------------


def test_first_and_second_visit(new_reader: Reader, server: StrictServer) -> None:
    asked = [path for path in server.asked if FOLDER in path or "worker" in path]
    assert asked == [], "nothing before the start"
    answer = new_reader.do(
        """const seen = [], states = [];
        python.addEventListener("progress", ({ detail }) => seen.push(detail));
        python.addEventListener("state", () => states.push(python.state));
        await Promise.all([python.start(), python.start()]);
        return { seen, states, available: python.available };"""
    )
    assert answer["result"]["states"] == ["starting", "ready"]
    assert answer["result"]["available"] is True
    *fetching, starting = answer["result"]["seen"]
    assert starting == {"stage": "starting", "group": "core"}
    loaded = [event["loaded"] for event in fetching]
    assert loaded == sorted(loaded)
    assert fetching[-1] == {
        "stage": "fetching",
        "group": "core",
        "loaded": size("core"),
        "total": size("core"),
    }
    first = {name: server.sent[name] for name in server.sent if (BOOK / FOLDER / name).exists()}
    expected = {file["name"]: file["bytes"] for file in manifest()["core"]}
    manifest_size = (BOOK / FOLDER / "manifest.json").stat().st_size
    assert first == expected | {"manifest.json": manifest_size}, "each once"

    server.reset()
    new_reader.open()
    assert new_reader.do("return await python.call('exercises.available')")["result"][0] == "1.1"
    assert {name: server.sent[name] for name in first if server.sent[name]} == {}
    assert new_reader.problems == []


def test_without_a_cache(
    server: StrictServer, root: str, chromium: list[str], browser: Any
) -> None:
    """Without TLS a page has no Cache Storage, and nothing to compute a hash with."""
    options = [*chromium[1:], "--host-resolver-rules=MAP book.test 127.0.0.1"]
    other = browser.browser_type.launch(executable_path=chromium[0], args=options)
    with reading(other, address(server, root, "book.test")) as reader:
        assert reader.tab.evaluate("isSecureContext") is False
        assert reader.do("return await python.call('math.sqrt', {})")["type"] == "TypeError"
        assert reader.problems == []
    other.close()


def test_what_the_book_no_longer_has_is_forgotten(new_reader: Reader) -> None:
    old = f"{new_reader.address}{FOLDER}numpy-1.whl?0"
    other = f"{new_reader.address}other/numpy-1.whl?0"
    answer = new_reader.do(
        f"""const cache = await caches.open("gdbp-python");
        await cache.put("{old}", new Response("old"));
        await cache.put("{other}", new Response("another version's"));
        await python.start();
        return (await cache.keys()).map((request) => request.url);"""
    )
    assert old not in answer["result"]
    assert other in answer["result"]


def test_what_is_kept_is_checked_as_well(new_reader: Reader, server: StrictServer) -> None:
    answer = new_reader.do(
        """await python.start();
        python.stop();
        const cache = await caches.open("gdbp-python");
        const [{ url }] = (await cache.keys()).filter(({ url }) => url.includes("stdlib"));
        await cache.put(url, new Response("damaged"));
        await python.start();"""
    )
    assert "name" not in answer
    assert server.sent[STDLIB] == 2 * (BOOK / FOLDER / STDLIB).stat().st_size
    assert server.sent[WASM] == (BOOK / FOLDER / WASM).stat().st_size


@pytest.mark.parametrize("pattern", ["pyodide.asm.js", WASM, "numpy-*.whl", "python_bridge.py"])
def test_a_damaged_file_is_named(pattern: str, new_reader: Reader, server: StrictServer) -> None:
    (file,) = (BOOK / FOLDER).glob(pattern)
    server.damaged.add(file.name)
    answer = new_reader.do("await python.start()")
    assert answer["name"] == "AssetError"
    assert answer["message"].startswith(f"{file.name} is damaged")
    server.reset()
    assert "name" not in new_reader.do("await python.start()"), "nothing damaged was kept"


@pytest.mark.parametrize("name", ["python_worker.js", "manifest.json", STDLIB])
def test_a_lost_file_is_named(name: str, new_reader: Reader, server: StrictServer) -> None:
    server.lost.add(name)
    answer = new_reader.do("await python.call('losses.mse')")
    assert (answer["name"], answer["message"]) == ("AssetError", f"{name} could not be fetched.")
    assert new_reader.tab.evaluate("python.state") == "idle"


def test_without_webassembly(server: StrictServer, root: str, browser: Any) -> None:
    with reading(browser, address(server, root)) as reader:
        reader.tab.evaluate("delete window.WebAssembly")
        answer = reader.do("await python.call('losses.mse')")
        assert answer["name"] == "Unsupported"
        assert "WebAssembly" in answer["message"]
        assert not [path for path in server.asked if FOLDER in path]


def test_a_policy_that_refuses_webassembly(new_reader: Reader, server: StrictServer) -> None:
    """A reader is told, and does not wait for ever."""
    server.policy = server.policy.replace("'wasm-unsafe-eval'", "")
    answer = new_reader.do("await python.start()")
    assert answer["name"] == "Unsupported"
    assert "Content Security Policy" in answer["message"]


def test_a_book_without_python(server: StrictServer, root: str, browser: Any) -> None:
    context = browser.new_context()
    tab = context.new_page()
    body = "export const available = false;"
    tab.route(
        "**/python_available.js",
        lambda route: route.fulfill(body=body, content_type="text/javascript"),
    )
    reader = Reader(tab, address(server, root))
    assert tab.evaluate("python.available") is False
    assert reader.do("await python.start()")["name"] == "AssetError"
    assert not [path for path in server.asked if FOLDER in path]
    context.close()


# --- what the reader sees meanwhile ---------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_progress_and_cancel(
    width: int, theme: str, new_reader: Reader, server: StrictServer
) -> None:
    tab = new_reader.tab
    tab.set_viewport_size({"width": width, "height": 800})
    tab.emulate_media(color_scheme=theme)
    tab.evaluate("document.querySelector('article h1').after(progressBox())")
    box = tab.get_by_role("status").filter(has=tab.locator("progress"))
    assert box.count() == 0, "hidden"
    server.may_send_wasm.clear()
    tab.evaluate("void (window.start = python.start().catch((error) => error.name))")
    tab.locator(".python-progress progress[value]").wait_for()
    assert "Fetching Python …" in box.inner_text()
    assert re.search(rf"\d\.\d of {size('core') / 1e6:.1f} MB", box.inner_text())
    cancel = box.get_by_role("button", name="Cancel")
    assert cancel.bounding_box()["height"] >= 24
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    tab.evaluate(AXE.read_text())
    found = tab.evaluate("async () => (await axe.run('.python-progress')).violations")
    assert found == []
    cancel.press("Enter")
    assert tab.evaluate("start") == "Stopped"
    assert tab.evaluate("python.state") == "idle"
    assert box.count() == 0
    server.may_send_wasm.set()
    assert "name" not in new_reader.do("await python.start()"), "and once more"


# --- calls ---------------------------------------------------------------------------------------


def test_a_result_is_plain(reader: Reader) -> None:
    answer = reader.do("return await python.call('losses.mse', { y: [1, 2], y_hat: [1, 3] })")
    assert answer["result"] == 0.5
    answer = reader.do("return await python.call('losses.mse_grad', { y: [[1]], y_hat: [[2]] })")
    assert answer["result"] == [[2]]


def test_calls_wait_for_each_other(reader: Reader) -> None:
    answer = reader.do(
        """const states = [];
        const note = () => states.push(python.state);
        python.addEventListener("state", note);
        const both = await Promise.allSettled([1, 2].map((y) =>
          python.call("losses.mse", { y: [y], y_hat: [0] })));
        python.removeEventListener("state", note);
        return [both.map(({ value }) => value), states];"""
    )
    assert answer["result"] == [[1, 4], ["busy", "ready", "busy", "ready"]]


def test_an_error_of_the_package(reader: Reader) -> None:
    answer = reader.do("await python.call('losses.mse', { y: [1, 2], y_hat: [1] })")
    assert (answer["name"], answer["type"]) == ("PythonError", "ValueError")
    assert answer["message"] == "ValueError: y_hat needs the shape of y, (2,), got shape (1,)"
    assert answer["traceback"] == ""


def test_an_error_of_the_reader(reader: Reader) -> None:
    answer = reader.run("1 / 0")
    assert answer["message"] == "ZeroDivisionError: division by zero"
    assert answer["traceback"].count("File") == 1
    assert '<timeit-src>", line 6' in answer["traceback"]


def test_a_module_that_is_not_there(reader: Reader) -> None:
    answer = reader.run("import pandas")
    assert answer["message"] == "ModuleNotFoundError: No module named 'pandas'"


def test_deep_recursion_and_exit_leave_python_alive(reader: Reader) -> None:
    assert reader.run("def f(): f()\nf()")["type"] == "RecursionError"
    assert reader.run("import sys; sys.exit(3)")["message"] == "SystemExit: 3"
    assert reader.printed("print('alive')") == "alive\n"


def test_what_is_printed_comes_in_its_order(reader: Reader) -> None:
    answer = reader.run("import sys; print('out'); print('err', file=sys.stderr); print('out')")
    assert answer["printed"] == [["out\n", "stdout"], ["err\n", "stderr"], ["out\n", "stdout"]]


def test_a_package_is_fetched_when_it_is_asked_for(
    new_reader: Reader, server: StrictServer
) -> None:
    code = """
import io, json
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import gdbp.plotting
figure, axes = plt.subplots()
axes.contourf(np.arange(9.0).reshape(3, 3))
axes.set_title(r"$\\eta^2$")
drawn = io.StringIO()
figure.savefig(drawn, format="svg")
print(drawn.getvalue())
"""
    missing = new_reader.run("import matplotlib")
    assert missing["message"] == "ModuleNotFoundError: No module named 'matplotlib'"
    assert not [name for name in server.sent if name.startswith("matplotlib")]
    assert "<svg" in new_reader.printed(code, ["matplotlib"])
    sent = sum(server.sent[file["name"]] for file in manifest()["matplotlib"])
    assert sent == size("matplotlib")
    assert new_reader.printed("import matplotlib; print(1)", ["matplotlib"]) == "1\n"
    assert new_reader.do("await python.call('losses.mse', {}, { packages: ['torch'] })")[
        "name"
    ] == ("AssetError")


# --- code without an end -------------------------------------------------------------------------


def test_an_endless_loop_is_stopped(new_reader: Reader) -> None:
    answer = new_reader.do(
        """await python.start();
        const loop = code("print('before')\\nwhile True: pass");
        const waiting = python.call("losses.mse", { y: [1], y_hat: [0] });
        while (!printed.length) await new Promise((resolve) => setTimeout(resolve, 20));
        python.stop();
        const both = await Promise.allSettled([loop, waiting]);
        return [both.map(({ reason }) => reason.name), python.state, printed];"""
    )
    assert answer["result"] == [["Stopped", "Stopped"], "idle", [["before\n", "stdout"]]]
    answer = new_reader.do("return await python.call('losses.mse', { y: [1], y_hat: [0] })")
    assert answer["result"] == 1
    for _ in range(100):  # the browser takes a moment to report the end of a worker
        if len(new_reader.tab.workers) == 1:
            break
        new_reader.tab.wait_for_timeout(50)
    assert len(new_reader.tab.workers) == 1, "the one with the loop is no more"


def test_printing_without_an_end(new_reader: Reader) -> None:
    answer = new_reader.do(
        """await python.start();
        const endless = code("while True: print('x' * 78)").catch((error) => error.name);
        while (!printed.at(-1)?.[0].endsWith("is not shown.\\n"))
          await new Promise((resolve) => setTimeout(resolve, 20));
        python.stop();
        return await endless;"""
    )
    assert answer["result"] == "Stopped"
    printed = "".join(text for text, _ in answer["printed"])
    assert printed.startswith("x" * 78 + "\n")
    assert printed.endswith("… more output than a page can take: the rest is not shown.\n")
    assert 99_000 < len(printed) < 101_000
    assert len(answer["printed"]) < 600, "many lines at a time, of some 1,270"


@pytest.mark.parametrize("code", ["import os; os.abort()", "import os; os._exit(1)"])
def test_after_the_end_of_python_it_starts_anew(code: str, new_reader: Reader) -> None:
    answer = new_reader.run(code)
    assert (answer["name"], answer["type"]) == ("PythonError", "SystemError")
    assert answer["message"].startswith("Python ended: ")
    assert new_reader.printed("print('alive')") == "alive\n"


def test_there_is_nobody_to_ask(reader: Reader) -> None:
    assert reader.run("input('name?')")["message"] == "EOFError: EOF when reading a line"


# --- the same numbers ----------------------------------------------------------------------------

NUMPY_MODULES = sorted(
    file.stem
    for file in (Path(__file__).parents[1] / "gdbp").glob("*.py")
    if file.stem not in ("__init__", "parallel", "plotting", "torch_nets")
)


def test_examples_in_docstrings(reader: Reader) -> None:
    code = f"""
import doctest, importlib
for name in {NUMPY_MODULES}:
    result = doctest.testmod(importlib.import_module("gdbp." + name))
    print(name, result.failed, result.attempted)
"""
    results = [line.split() for line in reader.printed(code).splitlines()]
    assert [(name, failed) for name, failed, _ in results] == [(m, "0") for m in NUMPY_MODULES]
    assert sum(int(attempted) for _, _, attempted in results) > 80


OPTIMIZERS = {
    "sgd": "sgd(0.001)",
    "momentum": "sgd(0.0005, momentum=0.9)",
    "nesterov": "sgd(0.0005, momentum=0.9, nesterov=True)",
    "adagrad": "adagrad(0.1)",
    "rmsprop": "rmsprop(0.0005)",  # at 0.01 it is chaotic: a last bit grows to a digit
    "adam": "adam(0.01)",
    "adamw": "adamw(0.01)",
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_1000_steps_are_those_of_cpython(optimizer: str, reader: Reader) -> None:
    code = f"""
import json
import numpy as np
from gdbp import optimizers
from gdbp.descent import minimize
valley = lambda p: (1 - p[0]) ** 2 + 20 * (p[1] - p[0] ** 2) ** 2
slope = lambda p: np.array(
    [-2 * (1 - p[0]) - 80 * p[0] * (p[1] - p[0] ** 2), 40 * (p[1] - p[0] ** 2)])
run = minimize(valley, [-1.2, 1.0], optimizers.{optimizer}, grad_fn=slope, n_steps=1000)
print(json.dumps([run.params.tolist(), run.loss.tolist()]))
"""
    with contextlib.redirect_stdout(io.StringIO()) as expected:
        exec(code, {})
    for browser, cpython in zip(
        json.loads(reader.printed(code)), json.loads(expected.getvalue()), strict=True
    ):
        assert len(browser) == 1001
        np.testing.assert_allclose(browser, cpython, rtol=1e-12, atol=1e-12)
