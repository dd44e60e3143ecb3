"""``{explorer} secant``: a picture with its numbers, and the controls to move it.

The name is that of a function in ``gdbp.explore``, which is called here, so that the page is whole
without a script: picture, numbers and caption show the first state. ``explorer.js`` calls the same
function in the browser. What it says is translated here and there by the same messages. The
controls come from the annotations of its arguments; until the script lets them go they are
disabled. Paper and the notebooks get the picture, or the numbers, and the words.
"""

import html
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import edition
from docutils import nodes
from edition import catalogue, say
from execute_pages import all_imports, module_file
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator
from translations import Translator

SAID = Translator(catalogue("explorers"))


class Explorer(nodes.General, nodes.Element):
    """An explorer in its first state; its children are the caption."""


class ExplorerDirective(SphinxDirective):
    """Show an explorer; the content is its caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        explore = import_module("gdbp.explore")  # here: a build that reads no page imports nothing
        function = getattr(explore, name, None)
        try:
            controls = explore.controls(function)
            answer = function()
        except (TypeError, AttributeError) as error:
            raise self.error(f"gdbp.explore has no explorer {name!r}") from error
        self.depend_on("gdbp.explore")
        node = Explorer(ids=[f"explorer-{name.replace('_', '-')}"], explorer=name)
        node["picture"] = SAID.html(answer.picture)
        node["values"] = [(SAID.text(v.label), SAID.text(v.text)) for v in answer.values]
        arguments = inspect.signature(function).parameters
        node["controls"] = "".join(
            write_control(f"{node['ids'][0]}-{key}", key, control, arguments[key].default)
            for key, control in controls.items()
        )
        self.set_source_info(node)
        self.content[-1] += f" Drawn by {{py:func}}`gdbp.explore.{name}`."
        node += self.parse_content_to_nodes()
        return [node]

    def depend_on(self, module: str) -> None:
        """Have the page read again when a module changes that draws for it, or a translation."""
        package = Path(import_module("gdbp").__file__ or "").parent
        for name in all_imports([f"import {module}"], package):
            if file := module_file(name, package):
                self.env.note_dependency(str(file))
        edition.depend_on("explorers", self.env)


# --- HTML -----------------------------------------------------------------------------------------


def write_control(id: str, name: str, control: Any, value: Any) -> str:
    """Return a control with its label, as HTML."""
    kind = type(control).__name__.lower()
    text = f"{value:g}" if isinstance(value, float) else value
    if kind == "choice":
        options = "".join(
            f'<option value="{html.escape(option)}"{" selected" * (option == value)}>'
            f"{html.escape(SAID.text(option))}</option>"
            for option in control.options
        )
        field = f'<select id="{id}" name="{name}">{options}</select>'
    else:
        field = f"<input {attributes(id=id, name=name, value=text, **FIELDS[kind](control))}>"
    if kind == "slider":  # which says its number to a screen reader itself
        field += f'<span class="explorer-setting" aria-hidden="true">{text}</span>'
    label = f'<label for="{id}">{html.escape(SAID.text(control.label))}</label>'
    return f'<div class="explorer-control {kind}">{label}{field}</div>'


FIELDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "slider": lambda c: {"type": "range", "min": c.minimum, "max": c.maximum, "step": c.step},
    "number": lambda c: {"type": "number", "step": c.step},
    "text": lambda c: {"type": "text", "maxlength": c.longest, "spellcheck": "false"},
}


def attributes(**values: Any) -> str:
    return " ".join(f'{name}="{html.escape(str(value))}"' for name, value in values.items())


def visit_html(self: HTML5Translator, node: Explorer) -> None:
    rows = "".join(
        f"<div><dt>{html.escape(label)}</dt><dd>{html.escape(text)}</dd></div>"
        for label, text in node["values"]
    )
    controls, reset = say("Controls"), say("Reset")
    hint = say("Move a control: Python then starts in this page. It is fetched once, about 10 MB.")
    self.body.append(
        f'<figure class="explorer" id="{node["ids"][0]}" data-explorer="{node["explorer"]}">\n'
        f'<div class="explorer-picture">{node["picture"]}</div>\n'
        '<div class="explorer-side"><form class="explorer-controls" autocomplete="off" novalidate>'
        f"<fieldset disabled><legend>{controls}</legend>{node['controls']}"
        f'<button type="reset">{reset}</button></fieldset>'
        f'<div class="explorer-state"><p>{hint}</p></div></form>\n'
        f'<dl class="explorer-values">{rows}</dl></div>\n'
        '<p class="explorer-said" role="status"></p>\n<figcaption>'
    )


def depart_html(self: HTML5Translator, node: Explorer) -> None:
    self.body.append("</figcaption></figure>\n")


def visit_other(self: nodes.NodeVisitor, node: Explorer) -> None:
    """The caption is written alone."""


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the script to the pages that have an explorer."""
    if doctree and next(doctree.findall(Explorer), None):
        app.add_js_file("explorer.js", type="module")


# --- paper ----------------------------------------------------------------------------------------


class OnPaper(SphinxPostTransform):
    """Leave the picture, the numbers and the caption; on_paper makes nodes of the HTML."""

    builders = ("latex", "epub")
    default_priority = 90  # before on_paper reads it

    def run(self, **kwargs: object) -> None:
        for explorer in list(self.document.findall(Explorer)):
            words = html.escape(in_words(explorer))
            text = f"<div>{explorer['picture']}<p>{words}</p></div>"
            raw = nodes.raw("", text, format="html", classes=["text_html"])
            figures_first = nodes.raw("", r"\gdbpfiguresfirst", format="latex")
            explorer.replace_self([figures_first, raw, *explorer.children])


ON_PAPER = say("{numbers}. On the page in the browser, all of this can be moved.")


def in_words(explorer: Explorer) -> str:
    """Return the numbers in a line, and where they can be moved."""
    pair = say("{label}: {number}")
    pairs = [pair.format(label=label, number=text) for label, text in explorer["values"]]
    return ON_PAPER.format(numbers=say("; ").join(pairs))


def setup(app: Sphinx) -> dict[str, bool]:
    other = (visit_other, visit_other)
    app.add_node(Explorer, html=(visit_html, depart_html), latex=other, text=other, gettext=other)
    app.add_directive("explorer", ExplorerDirective)
    app.add_post_transform(OnPaper)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
