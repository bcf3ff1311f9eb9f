"""Sphinx extension of these pages: reference pages written from the code at each build, and formulas as MathML.

Nothing that it writes is committed, so that nothing can go stale; `docs/reference/*/` is ignored by git.
"""

from pathlib import Path
from typing import Any

from tokenroof_docs import api, catalogue, cli, formulas, mathml, operators, responses, tables
from tokenroof_docs.markdown import Pages

__all__ = ["reference_pages", "setup"]


def reference_pages() -> Pages:
    """Every generated page: path below docs/reference -> Markdown. Names that start with _ are fragments."""
    pages: Pages = {}
    for module in (formulas, operators, cli, api, catalogue, responses, tables):
        pages |= module.pages()
    return pages


def write(folder: Path) -> None:
    """Write the pages that changed and delete those that no longer exist."""
    pages = {folder / name: text for name, text in reference_pages().items()}
    for old in [path for path in folder.glob("*/**/*.md") if path not in pages]:
        old.unlink()
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    mathml.setup(app)
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "reference"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
