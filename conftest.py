"""Collect the examples: ``>>>`` in docstrings of gdbp, in ``pycon`` blocks of docs and README."""

from collections.abc import Iterator

from hypothesis import Phase, settings
from sybil import Document, Region, Sybil
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown import CodeBlockParser
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection

# No test judges a time: a loaded machine is not a defect.
settings.register_profile("gdbp", deadline=None)
# For make mutants: the same examples each time, and no search for the shortest that fails.
settings.register_profile(
    "mutants",
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    parent=settings.get_profile("gdbp"),
)
settings.load_profile("gdbp")


def pycon_blocks(document: Document) -> Iterator[Region]:
    """Yield the examples in a page's fenced blocks of language ``pycon``."""
    parse_examples = DocTestStringParser(DocTestEvaluator())
    for block in CodeBlockParser("pycon", lambda example: None)(document):
        for example in parse_examples(block.parsed, document.path):
            example.adjust(block, block.parsed)
            yield example


docstrings = Sybil([DocTestParser()], path="gdbp", pattern="*.py")
pages = Sybil([pycon_blocks], path="docs", pattern="*.md")
readme = Sybil([pycon_blocks], pattern="README.md")

pytest_collect_file = SybilCollection([docstrings, pages, readme]).pytest()
