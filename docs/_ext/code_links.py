"""Link the names in code to their entries in the reference, and each entry back to its pages.

sphinx-codeautolink reads the code and follows a name to what it stands for: through imports,
aliases, and the annotated results of calls. Its own way through a build is not used: it parses a
page anew for each of its cells, rewrites the finished pages one after another, imports PyTorch,
and forgets the links of a Markdown page that is written again but not read again. Here the cells of
a page are parsed once, as the one program they are. What is found stays with the page, and becomes
links while the page is written.

An entry of the reference ends with the pages that explain it and those that use it in code. An
entry of which neither exists points to the pages about its module. An entry with no page at all is
a warning.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from docutils import nodes
from edition import say
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.nodes import make_refnode
from sphinx_codeautolink.extension.block import clean_pycon, construct_name_pattern
from sphinx_codeautolink.extension.resolve import CouldNotResolve, resolve_location
from sphinx_codeautolink.parse import Name, NameBreak, parse_names

logger = logging.getLogger(__name__)

PACKAGE = "gdbp"
PAGES = "chapters/"
CELL, EXAMPLE = "ipython3", "pycon"
# What a call to one of this module returns is PyTorch's, and has no entry here. Following it
# would import PyTorch, for no link.
NOT_FOLLOWED = f"{PACKAGE}.torch_nets."
BLOCK = re.compile(
    rf'(<div class="highlight-(?:{CELL}|{EXAMPLE})\b[^>]*><div class="highlight"[^>]*><pre[^>]*>)'
    r"(.*?)(?=</pre>)",
    re.DOTALL,
)


class CodeName(NamedTuple):
    """A name in a block of code, and what it comes from."""

    line: int  # within its block, from 0; so is the last line
    last_line: int
    code: str
    context: str  # how the highlighted name is found again: "none", "after_call", …
    chain: str  # such as "gdbp.descent.minimize.().loss"


@dataclass
class Record:
    """What a page says about the package."""

    chains: set[str] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)  # the targets of the links in its text
    targets: dict[str, str] | None = None  # from a chain to its entry, once all pages are read

    @property
    def used(self) -> set[str]:
        return set((self.targets or {}).values())


def records(env: BuildEnvironment) -> dict[str, Record]:
    """Return the records of all pages; they are kept with Sphinx's environment."""
    if not hasattr(env, "code_links"):
        env.code_links = {}
    found: dict[str, Record] = env.code_links
    return found


# --- reading a page ------------------------------------------------------------------------------


def names_in(sources: list[str]) -> list[list[CodeName]]:
    """Return the names of the package in each of the blocks, which are one program together."""
    starts = [0]
    for source in sources:
        starts.append(starts[-1] + source.count("\n") + 1)
    found: list[list[CodeName]] = [[] for _ in sources]
    for name in parse_names("\n".join(sources), None):
        chain = ".".join(name.import_components)
        # A variable for a result is no name of the package, but its attributes are.
        if name.import_components[0] == PACKAGE and not chain.endswith(NameBreak.call.value):
            block = next(k for k in reversed(range(len(sources))) if starts[k] < name.lineno)
            first, last = (n - 1 - starts[block] for n in (name.lineno, name.end_lineno))
            found[block].append(CodeName(first, last, name.code_str, name.context.value, chain))
    return found


def read(app: Sphinx, doctree: nodes.document) -> None:
    """Find the names in a page's code, and the links to the reference in its text."""
    record = records(app.env)[app.env.current_document.docname] = Record()
    for language, clean in ((CELL, str), (EXAMPLE, lambda text: clean_pycon(text)[1])):
        blocks = [
            node
            for node in doctree.findall(nodes.literal_block)
            if node.get("language") == language
        ]
        try:
            names = names_in([clean(block.astext()) for block in blocks])
        except SyntaxError as error:
            logger.warning("no names are linked, because code is not Python: %s", error)
            continue
        for block, found in zip(blocks, names, strict=True):
            block["code_names"] = found
            record.chains.update(name.chain for name in found)
    for link in doctree.findall(addnodes.pending_xref):
        if link.get("refdomain") == "py":
            record.mentions.add(link["reftarget"])


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    records(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    records(env).update({name: records(other)[name] for name in docnames})


# --- once all pages are read ---------------------------------------------------------------------


def entry_of(chain: str, entries: dict[str, Any]) -> str | None:
    """Return the name of the entry that a chain leads to, if there is one."""
    if chain in entries:
        return chain
    called = NameBreak.call.value in chain
    if called and chain.startswith(NOT_FOLLOWED):
        return None
    found = _follow(chain, entries)
    if called and found not in entries:  # a field is described in the entry of its class
        *_, attribute = chain.split(f".{NameBreak.call.value}.")
        found = (
            _follow(chain.removesuffix(f".{attribute}"), entries) if "." not in attribute else None
        )
    return found if found in entries else None


def _follow(chain: str, entries: dict[str, Any]) -> str | None:
    try:
        return str(resolve_location(Name(chain.split("."), "", 0, 0), entries))
    except CouldNotResolve:
        return None


def resolve(app: Sphinx, env: BuildEnvironment) -> None:
    """Find the entry of each name, and the pages of each entry."""
    entries = env.domains.python_domain.objects
    for record in records(env).values():
        if record.targets is None:
            found = {chain: entry_of(chain, entries) for chain in sorted(record.chains)}
            record.targets = {chain: entry for chain, entry in found.items() if entry}
    env.entry_pages = {name: pages_of(name, records(env)) for name in sorted(entries)}


class EntryPages(NamedTuple):
    """The pages that tell of an entry, in their order."""

    explained: list[str]
    used: list[str]  # the others that use it
    module: list[str]  # those that are about its module


def pages_of(entry: str, known: dict[str, Record]) -> EntryPages:
    """Return the pages of an entry and its members.

    A page is about a module if it links to it, as each does in its opening. Of the pages that name
    an entry in their text, or else in their code, those explain it that are about its module.
    """

    def holds(names: Iterable[str], wanted: str) -> bool:
        return any(name == wanted or name.startswith(f"{wanted}.") for name in names)

    pages = sorted(page for page in known if page.startswith(PAGES))
    named = [page for page in pages if holds(known[page].mentions, entry)]
    used = [page for page in pages if holds(known[page].used, entry)]
    module = [page for page in pages if entry.rpartition(".")[0] in known[page].mentions]
    explained = [page for page in named or used if page in module] or named
    return EntryPages(explained, [page for page in used if page not in explained], module)


# --- writing a page ------------------------------------------------------------------------------


def add_pages(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """End each entry of the reference with its pages; members are listed with their class."""
    for description in doctree.findall(addnodes.desc):
        if description["domain"] != "py" or isinstance(description.parent, addnodes.desc_content):
            continue
        signature, content = description[0], description[-1]
        pages = app.env.entry_pages[signature["ids"][0]]
        if not any(pages):
            logger.warning("no page of the book has %s", signature["ids"][0], location=description)
            continue
        line = nodes.paragraph(classes=["entry-pages"])
        if pages.explained:
            line += _links(app, docname, say("Explained on {}. "), pages.explained)
        if pages.used:
            text = say("Used on page {}. ") if len(pages.used) == 1 else say("Used on pages {}. ")
            line += _links(app, docname, text, pages.used, by_number=True)
        if not line.children:
            line += _links(app, docname, say("See {}. "), pages.module)
        content += line


def _links(
    app: Sphinx, docname: str, sentence: str, pages: list[str], by_number: bool = False
) -> list[nodes.Node]:
    """Return a sentence with a link to each page in it."""
    before, after = sentence.split("{}")
    result: list[nodes.Node] = [nodes.Text(before)]
    for page in pages:
        title = app.env.titles[page].astext()
        text = nodes.Text(title.partition(".")[0] if by_number else title)
        result.append(make_refnode(app.builder, docname, page, None, text, title))
        result.append(nodes.Text(say(", ")))
    return [*result[:-1], nodes.Text(after)]


def link_names(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put the links into the blocks of a page's HTML; they stand in the order of the doctree."""
    targets = records(app.env).get(page, Record()).targets
    if doctree is None or not targets:
        return
    blocks = [node for node in doctree.findall(nodes.literal_block) if "code_names" in node]
    if len(BLOCK.findall(context["body"])) != len(blocks):
        raise ValueError(f"{page}: not every block of code is found in its HTML")
    entries = app.env.domains.python_domain.objects

    def address(entry: str) -> str:
        uri = app.builder.get_relative_uri(page, entries[entry].docname)
        return f"{uri}#{entries[entry].node_id}"

    waiting = iter(blocks)

    def convert(match: re.Match[str]) -> str:
        block = next(waiting)
        names = [
            (name, targets[name.chain]) for name in block["code_names"] if name.chain in targets
        ]
        links = [(name, entry, address(entry)) for name, entry in names]
        return match[1] + link_block(match[2], links, block)

    context["body"] = BLOCK.sub(convert, context["body"])


def link_block(
    code: str, links: list[tuple[CodeName, str, str]], location: nodes.Node | None = None
) -> str:
    """Return a highlighted block with its names linked; each link is a name, title and address."""
    lines = code.split("\n")
    for name, entry, address in links:
        part = "\n".join(lines[name.line : name.last_line + 1])
        pattern = construct_name_pattern(Name([], name.code, 0, 0, name.context))
        places = list(re.finditer(pattern, part))
        if not places:
            logger.warning("%s is not found in its highlighted code", name.code, location=location)
            continue
        # As sphinx-codeautolink does: of several, the last that is no link yet.
        start, end = places[-1].start() + len(places[-1][1]), places[-1].end()
        link = f'<a class="code-link" href="{html.escape(address)}" title="{entry}">'
        part = f"{part[:start]}{link}{part[start:end]}</a>{part[end:]}"
        lines[name.line : name.last_line + 1] = part.split("\n")
    return "\n".join(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", read)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", resolve)
    app.connect("doctree-resolved", add_pages)
    app.connect("html-page-context", link_names)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
