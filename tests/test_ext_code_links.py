"""Names in code and the entries of the reference; the built pages are for test_site_search.py."""

from code_links import CodeName, EntryPages, Record, entry_of, link_block, names_in, pages_of

CELLS = [
    "import numpy as np\nfrom gdbp.descent import minimize",
    "run = minimize(\n    f, [1.0], sgd)\nnp.mean(run.loss)",
]
ENTRIES = dict.fromkeys(
    ["gdbp.descent", "gdbp.descent.minimize", "gdbp.descent.Trajectory", "gdbp.optimizers.sgd"]
)


def test_names_of_the_package_are_found_in_their_cells() -> None:
    imports, program = names_in(CELLS)
    assert [(name.line, name.code) for name in imports] == [(1, "gdbp.descent"), (1, "minimize")]
    assert [(name.line, name.code, name.chain) for name in program] == [
        (0, "minimize", "gdbp.descent.minimize"),
        (2, "run.loss", "gdbp.descent.minimize.().loss"),
    ]


def test_chains_lead_to_entries() -> None:
    assert entry_of("gdbp.descent.minimize", ENTRIES) == "gdbp.descent.minimize"
    assert entry_of("gdbp.descent.minimize.().loss", ENTRIES) == "gdbp.descent.Trajectory"
    assert entry_of("gdbp.descent.minimize.().loss.round", ENTRIES) is None
    assert entry_of("gdbp.descent.nothing", ENTRIES) is None
    assert entry_of("gdbp.torch_nets.linear.().weight", ENTRIES) is None


def test_the_last_of_equal_names_is_linked_first() -> None:
    code = '<span class="n">sgd</span> <span class="o">=</span> <span class="n">sgd</span>'
    name = CodeName(0, 0, "sgd", "none", "gdbp.optimizers.sgd")
    once = link_block(code, [(name, "gdbp.optimizers.sgd", "o.html#sgd")])
    assert once == (
        '<span class="n">sgd</span> <span class="o">=</span> <a class="code-link"'
        ' href="o.html#sgd" title="gdbp.optimizers.sgd"><span class="n">sgd</span></a>'
    )
    twice = link_block(code, 2 * [(name, "gdbp.optimizers.sgd", "o.html#sgd")])
    assert twice.count("<a ") == twice.count("</a>") == 2


def test_pages_about_the_module_explain() -> None:
    about = {"gdbp.descent"}
    known = {
        "chapters/01": Record(targets={"x": "gdbp.descent.fit"}),
        "chapters/02": Record(mentions=about, targets={"x": "gdbp.descent.Trajectory.last"}),
        "chapters/03": Record(mentions=about | {"gdbp.descent.minimize"}),
        "chapters/04": Record(
            mentions={"gdbp.descent.minimize"}, targets={"x": "gdbp.descent.fit"}
        ),
        "index": Record(mentions={"gdbp.descent.fit"}),
    }
    both = ["chapters/02", "chapters/03"]
    assert pages_of("gdbp.descent.minimize", known) == EntryPages(["chapters/03"], [], both)
    assert pages_of("gdbp.descent.Trajectory", known) == EntryPages(["chapters/02"], [], both)
    assert pages_of("gdbp.descent.fit", known) == EntryPages(
        [], ["chapters/01", "chapters/04"], both
    )
    assert pages_of("gdbp.losses.mse", known) == EntryPages([], [], [])
