"""Characters of a terminal: what is printable, how wide it is, bars in eighths, plain ASCII where nothing else goes.

>>> bar_text(1.5, 2.0, 4), bar_text(1.5, 2.0, 4, ascii=True)
('███', '###')
>>> cut_middle("a-very-long-model-name-70b", 13)
'a-very...-70b'
"""

import unicodedata

__all__ = ["BLOCKS", "bar_text", "clean", "cut_middle", "encodes_blocks", "pad", "to_ascii", "width_of"]

BLOCKS = " ▏▎▍▌▋▊▉█"
_PLAIN = str.maketrans(
    {"×": "x", "·": "|", "–": "-", "—": "-", "−": "-", "…": "...", "µ": "u", "≤": "<=", "≥": ">=", "’": "'", "‘": "'",
     "“": '"', "”": '"', "→": "->", "±": "+/-", "÷": "/", "✓": "=", "≠": "!=",
     "\u00a0": " ", **dict.fromkeys(BLOCKS[1:5], ""),
     **dict.fromkeys(BLOCKS[5:], "#")}
)  # fmt: skip
_DOTS = "..."


def clean(text: str) -> str:
    """One line without control characters, so that no name can move the cursor or break a table."""
    if text.isascii() and text.isprintable():
        return text
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))


def width_of(text: str) -> int:
    """Columns that a text takes: wide characters two, marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )  # fmt: skip


def pad(text: str, width: int, right: bool = False) -> str:
    """A text in a column of so many characters."""
    space = " " * max(0, width - width_of(text))
    return space + text if right else text + space


def cut_middle(text: str, width: int) -> str:
    """A name that fits: its beginning and its end, which tell names apart; three dots between."""
    if width_of(text) <= width:
        return text
    if width <= len(_DOTS):
        return text[:width] if text.isascii() else ""
    left = (width - len(_DOTS) + 1) // 2
    head, tail = text[:left], text[-width:]
    while width_of(head) > left:
        head = head[:-1]
    while tail and width_of(tail) > width - len(_DOTS) - width_of(head):
        tail = tail[1:]
    return head + _DOTS + tail


def bar_text(size: float, most: float, width: int, *, ascii: bool = False) -> str:
    """A bar of `width` characters at `most`, to an eighth of a character; of `#` to a whole one. Nothing below zero."""
    if not (size > 0.0 and most > 0.0):
        return ""
    share = min(size / most, 1.0) * width
    if ascii:
        return "#" * round(share)
    whole, eighths = divmod(round(share * 8), 8)
    return BLOCKS[8] * whole + (BLOCKS[eighths] if eighths else "")


def to_ascii(text: str) -> str:
    """The same text where the encoding has nothing else: accents go, what has no likeness becomes a question mark."""
    plain = text.translate(_PLAIN)
    if plain.isascii():
        return plain
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore" if _only_marks(plain) else "replace").decode()


def _only_marks(text: str) -> bool:
    return all(c.isascii() or unicodedata.combining(c) for c in unicodedata.normalize("NFKD", text))


def encodes_blocks(encoding: str | None) -> bool:
    """Whether a stream can show bars in eighths."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
