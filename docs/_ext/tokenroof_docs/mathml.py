"""Math as MathML, made at build time: browsers draw it without a script, so the pages work without a network."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.util import logging

__all__ = ["setup", "to_mathml"]

_LOG = logging.getLogger(__name__)

# Brackets of a named size, which docutils does not know: MathML stretches brackets by itself.
_OPENING = re.compile(r"\\[bB]igg?l?\s*([(\[])")
_CLOSING = re.compile(r"\\[bB]igg?r?\s*([)\]])")


def to_mathml(text: str, *, block: bool) -> str:
    """LaTeX to one MathML element. Raises docutils' MathError for what is not understood."""
    text = _CLOSING.sub(r"\\right\1", _OPENING.sub(r"\\left\1", text.strip()))
    return str(latex2mathml.tex2mathml(text, as_block=block))


def _append(self: Any, node: nodes.Element, *, block: bool) -> None:
    text = node.astext()
    try:
        math = to_mathml(text, block=block)
    except MathError as error:
        _LOG.warning("math that cannot be shown: %s: %s", text, error, location=node)
        math = f"<code>{self.encode(text)}</code>"
    self.body.append(f'<div class="math">{math}</div>\n' if block else math)


def _inline(self: Any, node: nodes.Element) -> None:
    _append(self, node, block=False)
    raise nodes.SkipNode


def _block(self: Any, node: nodes.Element) -> None:
    _append(self, node, block=True)
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Register the renderer; conf.py chooses it with html_math_renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
