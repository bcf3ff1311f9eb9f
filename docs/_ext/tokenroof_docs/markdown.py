"""Markdown written by program: cells that cannot break a table, tables, code."""

import re
from collections.abc import Iterable, Sequence

from tokenroof.units import format_si

__all__ = ["Pages", "cell", "code", "docstring_text", "page", "quantity", "table"]

Pages = dict[str, str]

_ACTIVE = re.compile(r"([\\`*_{}\[\]<>|$~^])")
_CODE = re.compile(r"(`[^`\n]+`)")
_ADDRESS = re.compile(r"(https?://[^\s,;)]*[^\s,;).])")


def _plain(text: str) -> str:
    """Text without meaning to Markdown, with web addresses as links."""
    parts = _ADDRESS.split(text)
    return "".join(f"<{part}>" if i % 2 else _ACTIVE.sub(r"\\\1", part) for i, part in enumerate(parts))


def cell(text: object) -> str:
    """A line of text fit for a table cell: `code` stays code, everything else is plain."""
    flat = " ".join(str(text).split())
    return "".join(p.replace("|", "\\|") if i % 2 else _plain(p) for i, p in enumerate(_CODE.split(flat)))


def code(text: object) -> str:
    """Inline code."""
    return f"`{text}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A pipe table; cells are Markdown already. `right` names the columns of numbers."""
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(' ---: ' if i in right else ' --- ' for i in range(len(head)))}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def page(title: str, *parts: str) -> str:
    """A page from its title and parts, empty parts left out."""
    return "\n\n".join([f"# {title}", *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def docstring_text(doc: str) -> str:
    """A docstring as Markdown: indented lines become a code block, prose stays prose."""
    blocks, out = re.split(r"\n\s*\n", doc.strip("\n")), []
    for block in blocks:
        lines = block.split("\n")
        flat = [line for line in lines if line.startswith("    ")]
        if flat:
            prose = [line for line in lines[: lines.index(flat[0])] if line.strip()]
            kept = lines[lines.index(flat[0]) :]
            out += [_escape(prose)] if prose else []
            out.append("```text\n" + "\n".join(line.removeprefix("    ") for line in kept) + "\n```")
        elif any("   " in line.strip() for line in lines):
            out.append("```text\n" + block + "\n```")  # columns
        else:
            out.append(_escape(lines))
    return "\n\n".join(out)


def _escape(lines: Iterable[str]) -> str:
    text = "\n".join(line.strip() for line in lines)
    return "".join(p if i % 2 else _plain(p) for i, p in enumerate(_CODE.split(text)))


def quantity(value: float | None, unit: str, digits: int = 4) -> str:
    """A value in SI units as people read it; a dash where nobody recorded one."""
    return "–" if value is None else format_si(value, unit, digits)
