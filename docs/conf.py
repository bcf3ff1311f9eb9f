"""Sphinx configuration: everything is built from this tree alone, without a network."""

import logging
import sys
import tomllib
from pathlib import Path

_root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_root / "docs" / "_ext"))
_project = tomllib.loads((_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "tokenroof"
author = "the tokenroof authors"
project_copyright = "2026, the tokenroof authors"
release = _project["version"]
version = ".".join(release.split(".")[:2])

# tokenroof_docs (in _ext) writes the reference pages from the code at each build and shows math as MathML.
extensions = ["myst_parser", "tokenroof_docs"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext", "**/_*.md"]

myst_enable_extensions = [
    "amsmath",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
    "tasklist",
]
myst_heading_anchors = 4

html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["tokenroof.css"]
html_title = f"tokenroof {release}"
html_show_sphinx = False
html_copy_source = False

# A section may still wait for its second page. Sphinx gives this warning a subtype but no type, so
# suppress_warnings cannot name it.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: getattr(record, "subtype", None) != "empty_glob"
)
