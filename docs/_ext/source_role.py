"""``{source}`gdbp.module.name```: a link to a definition in the book's own copy of the source."""

from importlib import import_module

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.viewcode import OUTPUT_DIRNAME
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
    if app.builder.format != "html":  # nothing to link to
        return content
    page = f"{OUTPUT_DIRNAME}/{module.replace('.', '/')}"
    return make_refnode(app.builder, node["refdoc"], page, name, content)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("source", XRefRole(warn_dangling=True))
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
