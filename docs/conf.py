"""Sphinx's settings for the book; each setting that is not obvious says why it is there."""

import functools
import gc
import logging
import os
import sys
import tomllib
import warnings
from importlib.util import find_spec
from pathlib import Path

import pybtex.plugin

import gdbp

sys.path.insert(0, str(Path(__file__).parent / "_browser"))  # what runs here and in the browser
sys.path.insert(0, str(Path(__file__).parent / "_ext"))
import edition
from docstrings import ShortTypes
from edition import say
from site_files import has_font

# Sphinx makes millions of small objects and keeps them. Looking through all of them for garbage
# as often as Python does by default took half of the time of a build with nothing changed.
gc.set_threshold(200_000, 20, 20)

# sphinx-autodoc-typehints calls what Sphinx 10 will not have; constraints.txt holds Sphinx at 9.
warnings.filterwarnings("ignore", module="sphinx_autodoc_typehints")

# sphinxcontrib-bibtex looks its plugins up at each citation, among all that is installed: a second.
pybtex.plugin.find_plugin = functools.cache(pybtex.plugin.find_plugin)

_project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())[
    "project"
]
_urls = _project["urls"]
# Read the Docs says where the book is shown, and where its source is.
site_url = os.environ.get("READTHEDOCS_CANONICAL_URL") or edition.address(
    _urls["Homepage"], edition.LANGUAGE, of="en"
)
repository_url = os.environ.get("READTHEDOCS_GIT_CLONE_URL", _urls["Repository"]).removesuffix(
    ".git"
)

project = "gdbp"
language = edition.LANGUAGE
author = copyright = say("The gdbp authors")
_subtitle = say(
    "An executable book on gradient descent and backpropagation, "
    "and the small library it is written with"
)
release = version = gdbp.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_autodoc_typehints",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "notfound.extension",
    "sphinxcontrib.rsvgconverter",
    "sphinxext.opengraph",
    # our own, in _ext
    "accessible",
    "book_map",
    "browser_python",
    "chapter_numbers",
    "code_links",
    "docstrings",
    "edition",
    "epub_book",
    "execute_pages",
    "explorer",
    "figures",
    "katex_math",
    "latex_book",
    "live_cells",
    "notebooks",
    "on_paper",
    "other_edition",
    "outputs",
    "same_site",
    "search_words",
    "site_files",
    "solutions",
    "source_role",
    "translated_glue",
    "translated_math",
]
exclude_patterns = ["_browser", "_build", "_bundles", "_ext", "locale", "node_modules"]
nitpicky = True
numfig = True
numfig_secnum_depth = 0  # chapter_numbers makes 5.2 of it
numfig_format = {"figure": say("Figure %s")}

# --- languages ----------------------------------------------------------------------------------

locale_dirs = ["locale"]
gettext_compact = False  # a catalogue a page
gettext_location = False  # a line added on a page changes no other message
gettext_uuid = False
gettext_last_translator = "The gdbp authors"
gettext_language_team = "The gdbp authors"

# --- pages ---------------------------------------------------------------------------------------

myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
    "substitution",
]
myst_heading_anchors = 3
myst_dmath_double_inline = True  # $$…$$ inside a list or a sentence is still a displayed formula

# execute_pages runs the cells; MyST-NB gets the pages with their outputs and runs nothing itself.
myst_update_mathjax = False  # KaTeX typesets
nb_execution_mode = "off"
nb_mime_priority_overrides = [("gettext", "image/svg+xml", 0)]  # their alternative texts
nb_custom_formats = {".md": ("execute_pages.read_page", {}, False)}
nb_code_prompt_show = say("Show the code")
nb_code_prompt_hide = say("Hide the code")
nb_ipywidgets_js = {}  # nothing from a third party's server
execute_pages_package = "../gdbp"

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "alpha"
bibtex_reference_style = "author_year"

copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_selector = "div.highlight pre:not(.cell_output pre)"  # code, not what it printed

# --- notebooks -----------------------------------------------------------------------------------

notebooks_site = site_url
notebooks_repository = repository_url
templates_path = ["_templates"]
exclude_patterns += ["_templates"]

# --- the reference -------------------------------------------------------------------------------

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
viewcode_follow_imported_members = False  # our modules only, not the source of typing
typehints_formatter = ShortTypes()
typehints_defaults = "comma"
always_use_bars_union = True
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # "Attributes:" lists the fields that autodoc describes as members
default_role = "py:obj"  # `name` in a docstring links to the name where there is one
nitpick_ignore_regex = [
    (r"py:obj", r"(?s).*"),  # …and is plain code where there is none (an argument, an expression)
    # other projects' classes: no inventories, since the book is built without a network
    (r"py:.*", r"(numpy|np|matplotlib|torch|collections|os|typing|types)\..*"),
    (r"py:data", r"Ellipsis"),
    (r"py:.*", r"(ArrayLike|NDArray|Any|Callable|Sequence|Axes|Axes3D|Figure|Tensor)"),
]

# --- the site ------------------------------------------------------------------------------------

html_theme = "furo"
html_title = say("Gradient descent and backpropagation")
html_baseurl = site_url
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files = [
    ("words.js", {"defer": "defer", "priority": 400}),  # before those that a page adds for itself
    *(
        (f"{script}.js", {"defer": "defer"})
        for script in ("edition_switch", "lay_out", "race", "scroll_boxes", "stepper")
    ),
]
html_favicon = "_static/favicon.svg"
html_show_sphinx = False
html_math_renderer = "katex"
html_last_updated_fmt = None  # the same book from the same sources, whatever the day
# Colours: contrast of at least 4.5 : 1 for text, on both backgrounds; link and visited differ.
html_theme_options = {
    "source_repository": repository_url,
    "source_branch": "main",
    "source_directory": "docs/",
    "light_css_variables": {
        "color-brand-primary": "#0b5394",
        "color-brand-content": "#0b5394",
        "color-brand-visited": "#6a3d9a",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8ec5ff",
        "color-brand-content": "#8ec5ff",
        "color-brand-visited": "#cba6f7",
    },
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

# --- finding the book ---------------------------------------------------------------------------

# Link previews; site_files adds the address, and what pages without a source need.
ogp_site_name = html_title
ogp_social_cards = {
    "image": "_static/surface.png",
    "image_mini": "_static/icon.png",
    "line_color": "#0b5394",
}
if language == "zh_CN":  # matplotlib breaks a line at spaces only: a description is one line
    ogp_social_cards |= {"description_max_length": 40, "font": "Noto Sans CJK SC"}
    ogp_social_cards["enable"] = has_font(ogp_social_cards["font"])
# matplotlib says for each card that its font has one weight only
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

# --- print: PDF by LaTeX, and EPUB ---------------------------------------------------------------

nb_mime_priority_overrides += [  # the still of what moves, if there is one
    (builder, mime_type, priority)
    for builder in ("epub", "latex")
    for priority, mime_type in enumerate(["image/svg+xml", "text/html"])
]
on_paper_leaves_out = ["development/*", "notebooks"]
_fonts = Path(find_spec("matplotlib").origin).parent / "mpl-data/fonts/ttf"

latex_engine = "xelatex"  # Greek and Chinese in text and code
latex_documents = [("index", "gdbp.tex", html_title, author, "manual", True)]
latex_domain_indices = False
latex_additional_files = [
    "_print/gdbp-fonts.sty",
    "_print/gdbp-style.sty",
    *(
        str(_fonts / f"DejaVuSans{style}.ttf")
        for style in ("", "Mono", "Mono-Oblique", "Mono-Bold", "Mono-BoldOblique")
    ),
]
_latex_words = {  # what gdbp-style.sty writes
    "language": edition.tag(language),
    "subtitle": _subtitle,
    "contents": say("Contents"),
    "bibliography": say("Bibliography"),
    "colon": say(": "),
    "version": say("Version"),
    "solution": say("Solution") + say("."),
    "url": site_url,
}
latex_elements = {
    "papersize": "a4paper",
    "pointsize": "11pt",
    "classoptions": ",oneside,openany",
    "amsmath": r"\usepackage{amsmath}",  # unicode-math has what amssymb has
    "fontpkg": r"\usepackage{gdbp-fonts}",
    "fncychap": "",
    "sphinxsetup": "hmargin=25mm, vmargin={25mm,28mm}, verbatimwithframe=false, "
    "VerbatimColor={RGB}{244,244,244}, TitleColor={RGB}{11,83,148}, "
    "InnerLinkColor={RGB}{11,83,148}, OuterLinkColor={RGB}{11,83,148}",
    # Sphinx takes xeCJK for Chinese, which has to be told to put no spaces into code
    "fvset": r"\fvset{fontsize=auto%s}"
    % (r",formatcom=\xeCJKVerbAddon" if language == "zh_CN" else ""),
    "figure_align": "!ht",
    "makeindex": "",
    "printindex": "",
    "preamble": "\n".join(
        [
            r"\usepackage{gdbp-style}",
            r"\makeatletter",
            *(rf"\def\gdbp@{name}{{{text}}}" for name, text in _latex_words.items()),
            r"\makeatother",
        ]
    ),
}

epub_title = html_title
epub_description = _subtitle
epub_language = edition.tag(language)
epub_identifier = site_url
epub_scheme = "URL"
epub_uid = "book"
epub_theme_options = {"relbar1": False, "footer": False}
epub_css_files = ["book-epub.css"]
epub_cover = ("cover.png", "epub-cover.html")
epub_show_urls = "no"
epub_use_index = False
epub_tocdup = False
epub_tocdepth = 2
epub_exclude_files = [
    ".unfinished",
    "notebooks.xhtml",
    *(f"development/{file.stem}.xhtml" for file in Path(__file__).parent.glob("development/*.md")),
]
