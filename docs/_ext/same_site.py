"""Keep the site the same, whether it was built at once or in steps.

Sphinx writes again the pages that changed and leaves the rest as an earlier build left it: a title
of another page in a sidebar or beside a link, a word in the search index. So here all pages are
written again once one has been read again, which takes seconds; running the pages takes minutes.
The same holds if another builder, which shares the pages as Sphinx read them, has read one again.
With ``same_site_write_all = False`` Sphinx goes on in its own way, which is quicker for a look.
"""

import shutil
from pathlib import Path

from myst_nb.sphinx_ext import add_global_html_resources
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinx.util.index_entries import split_index_msg

CARDS = "_images/social_previews"  # of sphinxext-opengraph, which keeps those that are there

_everything = False


def forget_earlier_site(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Remove what Sphinx would add to or leave alone, if pages are about to be read or written."""
    global _everything
    changed_settings = Path(app.outdir, ".buildinfo.bak")  # what Sphinx makes of it if they have
    _everything = app.config.same_site_write_all and bool(
        docnames or changed_settings.exists() or is_older_than_pages(app)
    )
    if _everything and app.builder.format == "html":
        if changed_settings.exists():  # they show the book's address, which their names do not tell
            shutil.rmtree(Path(app.outdir, CARDS), ignore_errors=True)
        changed_settings.unlink(missing_ok=True)
        Path(app.outdir, "searchindex.js").unlink(missing_ok=True)
        shutil.rmtree(Path(app.outdir, "_modules"), ignore_errors=True)


def is_older_than_pages(app: Sphinx) -> bool:
    """Tell whether a page was read after it was written here, or never written."""
    if app.builder.format != "html":
        return False
    for doc in app.env.all_docs:
        written = Path(app.builder.get_outfilename(doc))
        read = Path(app.doctreedir, f"{doc}.doctree")
        if not written.exists() or written.stat().st_mtime_ns < read.stat().st_mtime_ns:
            return True
    return False


def write_all(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Have all pages written if any was read."""
    return sorted(env.found_docs) if _everything else []


def copy_styles(app: Sphinx, builder: Builder) -> None:
    """Copy MyST-NB's style sheet before the pages, whose links to it carry its checksum.

    MyST-NB itself copies it after them, so that only the second build would find it.
    """
    if builder.format == "html":
        Path(app.outdir, "_static").mkdir(parents=True, exist_ok=True)
        add_global_html_resources(app, None)


def keep_index_entries(app: Sphinx, builder: Builder) -> None:
    """Give the search the index entries of all pages: it forgets those that are not written again.

    https://github.com/sphinx-doc/sphinx/issues/12599
    """
    for doc, entries in sorted(app.env.domains["index"].entries.items()):
        found: set[tuple[str, str, str]] = set()
        for kind, value, target, main, _ in entries:
            found |= {(text, target or "", main) for text in split_index_msg(kind, value)}
        app.env._search_index_index_entries[doc] = sorted(found)


def keep_sources(app: Sphinx) -> list[tuple[str, dict[str, object], str]]:
    """Leave the pages of source code alone if they are all there (no page was read, then).

    To see that they are current viewcode would import every module, and PyTorch with them.
    """
    modules = getattr(app.env, "_viewcode_modules", {})
    pages = [Path(app.outdir, "_modules", f"{name.replace('.', '/')}.html") for name in modules]
    if app.config.same_site_write_all and pages and all(page.exists() for page in pages):
        del app.env._viewcode_modules  # viewcode does nothing without; the environment is saved
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("same_site_write_all", True, "", bool)
    app.connect("env-before-read-docs", forget_earlier_site)
    app.connect("env-updated", write_all)
    app.connect("write-started", copy_styles)
    app.connect("write-started", keep_index_entries)
    app.connect("html-collect-pages", keep_sources, priority=400)  # before viewcode
    return {"parallel_read_safe": True, "parallel_write_safe": True}
