"""``{source}`gdbp.module.name```: a link to a definition in the book's own copy of the source.

That copy is viewcode's. It knows functions and classes; here it also learns a module's constants.
"""

import ast
from functools import cache
from importlib import import_module

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.viewcode import OUTPUT_DIRNAME
from sphinx.pycode import ModuleAnalyzer
from sphinx.roles import XRefRole
from sphinx.util.nodes import make_refnode


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Node | None:
    """Link to viewcode's page; leave a name that does not exist to Sphinx's warning."""
    if node["reftype"] != "source":
        return None
    module, _, name = node["reftarget"].rpartition(".")
    try:
        getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return None
    if app.builder.format != "html" or app.builder.name == "epub":  # nothing to link to
        return content
    page = f"{OUTPUT_DIRNAME}/{module.replace('.', '/')}"
    return make_refnode(app.builder, node["refdoc"], page, name, content)


@cache
def find_source(app: Sphinx, module: str) -> tuple[str, dict[str, tuple[str, int, int]]]:
    """Return a module's code, and of each definition its kind, first and last line."""
    analyzer = ModuleAnalyzer.for_module(module)
    constants = {
        target.id: ("other", node.lineno, node.end_lineno or node.lineno)
        for node in ast.parse(analyzer.code).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    return analyzer.code, constants | analyzer.find_tags()


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("source", XRefRole(warn_dangling=True))
    app.connect("missing-reference", resolve)
    app.connect("viewcode-find-source", find_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
