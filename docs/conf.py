"""Sphinx configuration: pages that execute, one bibliography, the API from docstrings."""

import os
import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style as UnsortedStyle
from pybtex.style.labels import BaseLabelStyle

# Pages run side by side (sphinx-build -j), each on one thread: threads of many pages, which wait
# for each other busily, take several times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "entroprod"
author = "The entroprod developers"
copyright = author
version = release = installed_version("entroprod")

extensions = [
    "myst_nb",
    "offline",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "extensions", "jupyter_execute"]
html_theme = "furo"
html_title = "entroprod"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
nitpicky = False

myst_enable_extensions = ["amsmath", "dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_execution_timeout = 300

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = False
napoleon_use_rtype = False
# Attributes without targets of their own: a shape (n, m) is no reference to somebody's n.
napoleon_use_ivar = True
# ... nor is (n_blocks,) one to a property that several classes have.
suppress_warnings = ["ref.python"]


class KeyLabels(BaseLabelStyle):
    """A reference is labelled by its key, as in the docstrings: [S26]."""

    def format_labels(self, sorted_entries):
        for entry in sorted_entries:
            yield entry.key


class KeyStyle(UnsortedStyle):
    default_label_style = KeyLabels


register_plugin("pybtex.style.formatting", "keys", KeyStyle)
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "keys"


def cite_by_key(_app, _what, _name, _object, _options, lines):
    """Docstrings cite as [S26]_, and bars in them are norms; the pages have one bibliography."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = re.sub(r"\[(\w+)\]_", r":cite:`\1`", line).replace("|", r"\|")


def setup(app):
    """Connect what is defined above."""
    app.connect("autodoc-process-docstring", cite_by_key)
