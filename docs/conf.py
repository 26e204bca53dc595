"""How Sphinx builds the website: ``make site``. Nothing is fetched, neither while it is built nor while it is read."""

import inspect
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.pages.generated import GENERATED  # noqa: E402 - the repository's root is on the path since the line above

project = "ActiSeg-NL"
author = "The ActiSeg-NL maintainers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "ActiSeg-NL"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
smartquotes = False  # options are typed with two hyphens
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}

myst_heading_anchors = 4
nb_execution_mode = "off"  # a test executes the notebooks; the site shows what they stored
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def add_generated(app: Sphinx, name: str, source: list[str]) -> None:
    """Append to a page what is made from the code."""
    if name in GENERATED:
        source[0] = f"{source[0].rstrip()}\n\n{GENERATED[name]()}"


def keep_property(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Give a property its docstring back: Napoleon takes what stands before a colon for a type."""
    if what == "property":
        lines[:] = (inspect.getdoc(thing) or "").splitlines()


def setup(app: Sphinx) -> None:
    """Let Sphinx ask for what is made from the code, and know the names of our code blocks."""
    app.add_lexer("csv", TextLexer)  # a page shows a table; Pygments has no colours for it
    app.connect("source-read", add_generated)
    app.connect("autodoc-process-docstring", keep_property, priority=600)  # after Napoleon
