"""Output on terminals that know few characters: what cp1252 or ASCII lacks gets a likeness, and nothing fails."""

import codecs
from typing import Any

__all__ = ["encodable"]

_LIKE = {
    "≠": "!=", "≈": "~", "≤": "<=", "≥": ">=", "→": "->", "−": "-", "×": "x", "÷": "/", "·": ".", "±": "+-", "✓": "+",
    "…": "...", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "µ": "u", "μ": "u", "■": "#", "│": "|",
    "┃": "|", "║": "|", "─": "-", "━": "-", "═": "=",
}  # fmt: skip


def _like(letter: str) -> str:
    if "\u2580" <= letter <= "\u259f":
        return "#"  # blocks, of bars
    return _LIKE.get(letter, "+" if "\u2500" <= letter <= "\u257f" else "?")  # the other lines cross or turn


def _likeness(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_like(letter) for letter in error.object[error.start : error.end]), error.end


def encodable(*streams: Any) -> None:
    """Let streams write what their encoding lacks as something alike."""
    codecs.register_error("tokenroof", _likeness)
    for stream in streams:
        if hasattr(stream, "reconfigure") and getattr(stream, "errors", "") != "tokenroof":
            stream.reconfigure(errors="tokenroof")
