"""Number figures and equations by chapter: the second figure of "5. Gradient descent" is 5.2.

Sphinx can do this only where it also numbers the headings, and then a chapter's number changes
when one is added before it. Here the number stands in the title, and Sphinx's continuous numbers
are replaced by it and the place within the page.
"""

import copy
import re

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def put_back(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Restore Sphinx's numbers, so that it finds out by itself which pages have new ones."""
    env.toc_fignumbers = getattr(env, "continuous_fignumbers", env.toc_fignumbers)
    return []


def number_by_chapter(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write (chapter, place) over the numbers of each page whose title begins with a number."""
    env.continuous_fignumbers = copy.deepcopy(env.toc_fignumbers)
    for docname, kinds in env.toc_fignumbers.items():
        chapter = re.match(r"(\d+)\. ", env.titles[docname].astext())
        for numbers in kinds.values():
            for place, label in enumerate(numbers, start=1):
                numbers[label] = (int(chapter[1]), place) if chapter else (place,)
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    # before and after Sphinx's own numbering, which has priority 500
    app.connect("env-get-updated", put_back, priority=100)
    app.connect("env-get-updated", number_by_chapter, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
