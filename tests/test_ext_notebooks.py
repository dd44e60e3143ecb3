"""The extension that makes notebooks: on cells, on a small book, and on its wheel."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import notebooks
import pytest
import yaml
from markdown_writer import escaped, protect_line_starts
from nbformat import NotebookNode
from sphinx.errors import ExtensionError

EXTENSIONS = Path(notebooks.__file__).parent
BROWSER = EXTENSIONS.with_name("_browser")  # docs/conf.py has it on the path too

CONF = f"""
import sys
sys.path[:0] = [{str(EXTENSIONS)!r}, {str(BROWSER)!r}]
project, release = "pack", "1.0"
extensions = [
    "myst_nb", "sphinxcontrib.bibtex", "chapter_numbers", "execute_pages", "notebooks", "solutions"
]
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
myst_enable_extensions = ["dollarmath"]
numfig = True
numfig_secnum_depth = 0
numfig_format = {{"figure": "Figure %s"}}
nb_execution_mode = "off"
exclude_patterns = ["_build"]
nb_custom_formats = {{".md": ("execute_pages.read_page", {{}}, False)}}
execute_pages_package = "../pack"
notebooks_site = "https://book.example/en"
notebooks_repository = "https://github.com/some/book.git"
"""

INDEX = """
# Book

```{toctree}
:glob:

chapters/*
notebooks
```

```{glossary}
node
  A thing.
```

```{bibliography}
```

```{py:function} pack.f
```
"""

BIB = "@book{knuth, author={Knuth, Donald}, title={Art}, year={1968}, publisher={Addison}}"

PAGE = r"""
(page-one)=
# 1. The *first* page

A {term}`node`, [$\eta$](#page-two), {py:func}`pack.f`, `a|b`, {cite:t}`knuth`. Not_so * 2 < 3.
1998\. was a year.

- one
- two, with

  $$x \\ y$$

3. three

| left | right |
|---|--:|
| `a` \| b | $\vert x \vert$ |

> A quotation.

```{note}
Mind the {ref}`gap <page-two>`.
```

```{code-cell} ipython3
import math
from myst_nb import glue
```

## Numbers

```{code-cell} ipython3
:tags: [remove-cell]
glue("third", 1 / 3, display=False)
```

By {eq}`eq-one` it is {glue:text}`third:.2f`, see {numref}`fig-one`.

$$
a = 1
$$ (eq-one)

```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-one
    caption: A $picture$.
  image:
    alt: Nothing at all
---
from IPython.display import SVG
SVG('<svg xmlns="http://www.w3.org/2000/svg"/>')
```

Between.

```{code-cell} ipython3
:tags: [remove-cell]
assert 1 + 1 == 2
glue("drawing", SVG('<svg xmlns="http://www.w3.org/2000/svg"/>'), display=False)
```

```{glue:figure} drawing
:name: fig-two

Another.
```

### Exercise

Ask.

```{solution}
```

Answer.

```pycon
>>> 1
1
```
"""

SITE = "https://book.example/en/"
EXPECTED = rf"""
code: # {SITE}chapters/01-one.html
%pip install --quiet --no-index --find-links {SITE}notebooks.html --no-deps --force-reinstall pack
%pip install --quiet "pack"

text: # 1. The *first* page

A [node]({SITE}index.html#term-node), [$\eta$]({SITE}chapters/02-two.html#page-two), \
[`pack.f()`]({SITE}index.html#pack.f), `a|b`, Knuth [[1968]({SITE}index.html#id2)]. \
Not\_so \* 2 \< 3.
1998\. was a year.

- one

- two, with

  $$
  \begin{{split}}x \\ y\end{{split}}
  $$

3. three

| left | right |
| --- | ---: |
| `a` \| b | $\vert x \vert$ |

> A quotation.

> **Note**
>
> Mind the [gap]({SITE}chapters/02-two.html#page-two).

code: import math

text: ## Numbers

By [(1.1)]({SITE}chapters/01-one.html#equation-eq-one) it is 0.33, \
see [Figure 1.1]({SITE}chapters/01-one.html#fig-one).

$$
a = 1
\tag{{1.1}}
$$

code: from IPython.display import SVG
SVG('<svg xmlns="http://www.w3.org/2000/svg"/>')

text: **Figure 1.1.** A $picture$.

Between.

code: {notebooks.HIDDEN}
assert 1 + 1 == 2
display(SVG('<svg xmlns="http://www.w3.org/2000/svg"/>'))

text: **Figure 1.2.** Another.

text: ### Exercise

Ask.

text: #### Solution

Answer.

```python
>>> 1
1
```
"""


class Book:
    """A small book with a package: two chapters, and the list of their notebooks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("docs/conf.py", CONF)
        self.write("docs/index.md", INDEX)
        self.write("docs/notebooks.md", "# List\n\n```{notebooks}\n```\n")
        self.write("docs/references.bib", BIB)
        self.write("docs/chapters/01-one.md", PAGE)
        self.write("docs/chapters/02-two.md", "(page-two)=\n# 2. Two\n\nText.\n")
        self.write("pack/__init__.py", "")
        self.write(
            "pyproject.toml",
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            '[project]\nname = "pack"\nversion = "1.0"\nrequires-python = ">=3"\n'
            'dependencies = ["matplotlib"]\n'
            '[project.optional-dependencies]\ndeep = ["torch>=2"]\n'
            'docs = ["pack[deep]", "scikit-learn>=1"]\n',
        )

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def build(self, *options: str, **environment: str) -> str:
        """Build; return what went wrong, if anything did."""
        run = subprocess.run(
            [sys.executable, "-m", "sphinx", "-Wnq", *options, "docs", "build/html"],
            cwd=self.root,
            env=os.environ | {"NO_COLOR": "1"} | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert bool(run.returncode) == bool(run.stderr), run.stderr
        return run.stderr

    def files(self) -> dict[str, str]:
        """Return the files for readers to take away, with hashes of what they hold."""
        site = self.root / "build/html"
        files = [*site.glob("notebooks/*"), *site.glob("wheels/*")]
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def notebook(self, name: str) -> NotebookNode:
        file = self.root / f"build/html/notebooks/{name}.ipynb"
        return nbformat.read(file, as_version=4)

    def html(self, name: str) -> str:
        return (self.root / f"build/html/{name}.html").read_text()


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def shown(notebook: NotebookNode) -> str:
    """Return the cells of a notebook as one text."""
    kinds = {"code": "code", "markdown": "text"}
    cells = [f"{kinds[cell.cell_type]}: {cell.source}" for cell in notebook.cells]
    return "\n" + "\n\n".join(cells) + "\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A book that is built once, for tests that only look at it."""
    book = Book(tmp_path_factory.mktemp("book"))
    assert not book.build()
    return book


def test_a_page_becomes_a_notebook(built: Book) -> None:
    notebook = built.notebook("01-one")
    assert shown(notebook) == EXPECTED.replace("\\\n", "")
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    folded = [cell for cell in code if cell.metadata]
    assert [cell.source.partition("\n")[0] for cell in folded] == [notebooks.HIDDEN]
    assert folded[0].metadata.jupyter.source_hidden


def test_the_list_leads_to_all_of_them_and_to_the_wheel(built: Book) -> None:
    html = built.html("notebooks")
    for name in (
        "notebooks/01-one.ipynb",
        "notebooks/02-two.ipynb",
        "wheels/pack-1.0-py3-none-any.whl",
    ):
        assert f'href="{name}"' in html
        assert (built.root / "build/html" / name).is_file()
    assert f'href="{notebooks.COLAB}/some/book/blob/notebooks/01-one.ipynb"' in html


def test_the_same_bytes_in_each_build(book: Book, tmp_path: Path) -> None:
    other = Book(tmp_path / "elsewhere" / "and-longer")
    assert not book.build(SOURCE_DATE_EPOCH="1000000000", PYTHONHASHSEED="1")
    assert not other.build("-j", "2", SOURCE_DATE_EPOCH="1200000000", PYTHONHASHSEED="2")
    assert len(book.files()) == 3
    assert book.files() == other.files()


def test_what_changed_is_written_again_and_what_is_gone_is_removed(book: Book) -> None:
    assert not book.build()
    first = book.files()

    book.write("docs/chapters/02-two.md", "(page-two)=\n# 2. Two\n\nOther text.\n")
    book.write("pack/__init__.py", "NAME = 1\n")
    assert not book.build()
    second = book.files()
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"02-two.ipynb", "pack-1.0-py3-none-any.whl"}

    (book.root / "docs/chapters/02-two.md").unlink()
    book.write("docs/chapters/01-one.md", "(page-two)=\n# 1. One\n")
    book.write("docs/chapters/03-three.md", "# 3. Three\n")
    (book.root / "build/html/wheels/pack-0.9-py3-none-any.whl").touch()
    assert not book.build()
    assert set(book.files()) == {"01-one.ipynb", "03-three.ipynb", "pack-1.0-py3-none-any.whl"}
    assert "03-three.ipynb" in book.html("notebooks")
    assert "02-two.ipynb" not in book.html("notebooks")


def test_what_cannot_be_shown_ends_the_build(book: Book) -> None:
    book.write(
        "docs/chapters/02-two.md",
        "(page-two)=\n# 2. Two\n\nTwo[^1].\n\n[^1]: A note.\n\n"
        "```{code-cell} ipython3\nfrom myst_nb import glue\n"
        "x = 1; glue('x', 1, display=False)\n```\n",
    )
    problems = book.build("--keep-going", "-j", "2")
    assert "02-two.md:5: WARNING: a notebook cannot show 'footnote_reference'" in problems
    assert "A notebook runs without MyST-NB" in problems
    assert "x = 1; glue(" in problems


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("from myst_nb import glue\n\nx = 1", "x = 1"),
        ("import json\nfrom myst_nb import glue\n\nx = 1", "import json\n\nx = 1"),
        ("x = 1\n\nglue('x', x)\n\n\ndef f():\n    return 1", "x = 1\n\n\ndef f():\n    return 1"),
        ("glue(\n    'x',\n    2,\n)\nassert x", "assert x"),
        ("for x in a:\n    assert x\n    glue(x, 1)", "for x in a:\n    assert x"),
        ("for x in a:\n    for y in x:\n        glue(y, 1)\nb = 1", "b = 1"),
        ("if a:\n    glue('x', 1)\nelse:\n    b = 1", None),
        ("glue('x', 1)", ""),
        ("%time glue\nglue('x', 1)\nplt.show();  # end", "%time glue\nplt.show();  # end"),
        (
            "if a:\n    glue('picture', f(\n        1), display=False)",
            "if a:\n    display(f(\n        1))",
        ),
        ("x = glue('x', 1)", None),
        ("import myst_nb", None),
        ("from myst_nb import glue as paste", None),
        ("glue('x', 1); assert x", None),
    ],
)
def test_glue_is_left_out(cell: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ExtensionError, match="runs without MyST-NB"):
            notebooks.without_glue(cell, {"picture"})
    else:
        assert notebooks.without_glue(cell, {"picture"}) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (
            "import ast, numpy, matplotlib.pyplot as plt, cycler\nfrom IPython import display",
            ["pack"],
        ),
        ("import torch", ["pack[deep]"]),
        ("import pack.nets, sklearn", ["pack[deep]", "scikit-learn>=1"]),
    ],
)
def test_requirements_are_what_the_cells_import(book: Book, cell: str, expected: list[str]) -> None:
    book.write("pack/nets.py", "from torch import nn\n")
    assert notebooks.page_requirements([cell], book.root / "pack") == expected


def test_an_import_that_nobody_declares_is_an_error(book: Book) -> None:
    with pytest.raises(ExtensionError, match=r"imports hypothesis\..*'docs'"):
        notebooks.page_requirements(["import hypothesis"], book.root / "pack")


def test_colab_opens_from_github_alone() -> None:
    url = "https://colab.research.google.com/github/a/b.c/blob/notebooks/x.ipynb"
    for repository in (
        "https://github.com/a/b.c",
        "https://github.com/a/b.c.git/",
        "git@github.com:a/b.c",
    ):
        assert notebooks.colab_url(repository, "x.ipynb") == url
    assert notebooks.colab_url("https://gitlab.com/a/b", "x.ipynb") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b * c ~ `d` $5 <b> \\", r"a\_b \* c \~ \`d\` \$5 \<b> " + "\\\\"),
        ("[a](b) [c] [d][e]", r"[a\](b) [c] [d\][e]"),
        ("&lt; & b", r"\&lt; & b"),
    ],
)
def test_text_is_not_taken_for_markdown(text: str, expected: str) -> None:
    assert escaped(text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# a", r"\# a"),
        ("> a", r"\> a"),
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("12. a", r"12\. a"),
        ("3) a", r"3\) a"),
        ("---", r"\---"),
        ("===", r"\==="),
        ("-1 and", "-1 and"),
        ("3.5", "3.5"),
    ],
)
def test_lines_do_not_begin_a_block(line: str, expected: str) -> None:
    assert protect_line_starts(f"a\n{line}") == f"a\n{expected}"


ROOT = Path(__file__).parents[1]


def test_the_workflow_is_valid_and_builds_as_read_the_docs_does() -> None:
    file = ROOT / ".github/workflows/notebooks.yml"
    schema = ["--builtin-schema", "vendor.github-workflows"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "write"}
    checkout, python, install, _, push = workflow["jobs"]["notebooks"]["steps"]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in (checkout, python))
    assert push["run"].endswith(f"HEAD:{notebooks.BRANCH}\n")
    read_the_docs = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text())["build"]
    assert python["with"]["python-version"] == read_the_docs["tools"]["python"]
    assert ".build.jobs.install[]" in install["run"]
    assert read_the_docs["jobs"]["install"]
