"""How Sphinx builds the site: `python -m sphinx -W -b html docs docs/_build/html`."""

from __future__ import annotations

import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
NOTEBOOKS = DOCS.parent / "notebooks"
TUTORIALS = DOCS / "tutorials"

project = "trio_echo"
author = "The trio_echo maintainers"
project_copyright = f"2026, {author}"
release = metadata.version("trio-echo")
version = release

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx-jsonschema",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"trio_echo {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False

# The notebooks are shown as they are committed: tests execute them, the site does not.
nb_execution_mode = "off"
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

maximum_signature_line_length = 80

# In docstrings, `single` backticks are code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# What copies a block leaves out the prompt and what the command prints.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True


def copy_notebooks(_app: Sphinx, _config: object) -> None:
    """Copy the notebooks among the pages: Sphinx reads nothing outside its folder."""
    for old in TUTORIALS.glob("*.ipynb"):
        if not (NOTEBOOKS / old.name).exists():
            old.unlink()
    for notebook in NOTEBOOKS.glob("[0-9]*.ipynb"):
        copy = TUTORIALS / notebook.name
        if not copy.exists() or copy.read_bytes() != notebook.read_bytes():
            shutil.copy(notebook, copy)


def mark_options(_app: Sphinx, _context: object, lines: list[str]) -> None:
    """Make code of the options that a help text names, so that their dashes stay two."""
    for number, line in enumerate(lines):
        if not line.startswith(".. option::"):
            lines[number] = re.sub(r"(?<!\S)--(?:[a-z-]+(?:=[\w.]+)?)?", r"``\g<0>``", line)


def setup(app: Sphinx) -> None:
    """Add what is ours to the build."""
    app.connect("config-inited", copy_notebooks)
    app.connect("sphinx-click-process-options", mark_options)
    app.connect("sphinx-click-process-description", mark_options)
