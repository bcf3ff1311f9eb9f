"""A page as text for a terminal, a pipe or a file.

    print(text(page))                                    100 columns, no colour
    print(text(page, **terminal(sys.stdout)))            as wide and as colourful as the stream allows
    print(text(page, width=80, ascii=True, full=True))   bars of `#`, every block

Columns leave from the right where the page is narrow, bars first, then ranges; no table is folded; names are cut in the
middle and numbers never.
"""

import os
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import IO, TypedDict

from tokenroof.present.characters import (
    bar_text,
    clean,
    cut_middle,
    encodes_blocks,
    pad,
    to_ascii,
    width_of,
)  # fmt: skip
from tokenroof.present.page import (
    KEEP,
    Bar,
    Block,
    Cell,
    Column,
    KeyValues,
    Kind,
    Lines,
    Page,
    Remark,
    Table,
    as_table,
)  # fmt: skip

__all__ = ["TextStyle", "table_lines", "terminal", "text"]

_GAP = 3
_INDENT = 2
_LEAST_NAME = 12  # a name is not cut below this
_LABEL = 10
_NARROWEST = 40
_NUMBER_AND_UNIT = re.compile(r"(\d) (%|ms|s|[KMGT]?B|tok/s\S*)(?!\w)")
_RESET = "\x1b[0m"
_BOLD, _RED, _YELLOW = "\x1b[1m", "\x1b[1;31m", "\x1b[33m"
_COLOURS: Mapping[Kind, str] = {"memory": "\x1b[34m", "network": "\x1b[33m", "compute": "\x1b[32m", "other": "\x1b[90m"}


class TextStyle(TypedDict):
    """What a stream allows: the keywords of text()."""

    width: int
    colour: bool
    ascii: bool


def terminal(stream: IO[str], environ: Mapping[str, str] = os.environ) -> TextStyle:
    """How to print to a stream: colour on a terminal without NO_COLOR, `#` where its encoding has no blocks."""
    shown = stream.isatty()
    asked = environ.get("COLUMNS", "")
    given = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    width = given or (shutil.get_terminal_size((100, 24)).columns if shown else 100)
    return TextStyle(
        width=max(_NARROWEST, width),
        colour=shown and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        ascii=not encodes_blocks(getattr(stream, "encoding", None)),
    )


def text(page: Page, width: int = 100, *, colour: bool = False, ascii: bool = False, full: bool = False) -> str:
    """The whole page, without a line feed at its end. Lines are at most `width` columns, but for text to be copied."""
    parts = [_wrapped(page.sentence, width)]
    parts[0] = [_painted(line, _RED if page.refused else _BOLD, colour) for line in parts[0]]
    parts[0] += [line for remark in page.remarks for line in _remark(remark, width, colour)]
    if page.scenario:
        said = " | ".join(clean(one) for one in page.scenario)
        parts.append(_wrapped(f"{page.scenario_label}  {said}", width, " " * (len(page.scenario_label) + 2)))
    parts += [_block(block, width, colour, ascii) for block in page.shown(full)]
    parts.append([line for label, said in page.footer for line in _footer(label, said, page, width)])
    lines = "\n\n".join("\n".join(part) for part in parts if part)
    return to_ascii(lines) if ascii else lines


def _painted(line: str, code: str, colour: bool) -> str:
    return f"{code}{line}{_RESET}" if colour and line else line


def _wrapped(said: str, width: int, hang: str = "") -> list[str]:
    """Lines of running text. A number and its unit stay together."""
    lines = textwrap.wrap(
        _NUMBER_AND_UNIT.sub("\\1\u00a0\\2", clean(said)), width, subsequent_indent=hang, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace("\u00a0", " ").rstrip() for line in lines]


def _footer(label: str, said: str, page: Page, width: int) -> list[str]:
    wide = max([_LABEL, *(len(name) for name, _ in page.footer)]) + 1
    return _wrapped(f"{label:<{wide}}{said}", width, " " * wide)


def _remark(remark: Remark, width: int, colour: bool) -> list[str]:
    lines = _wrapped(f"{remark.kind}: {remark.text}", width, "  ")
    if colour and remark.kind == "warning" and lines:
        lines[0] = lines[0].replace("warning:", f"{_YELLOW}warning:{_RESET}", 1)
    return lines


def _block(block: Block, width: int, colour: bool, ascii: bool) -> list[str]:
    if isinstance(block, Lines):
        lines = [
            _painted(clean(block.title), _BOLD, colour),
            *(" " * _INDENT + clean(line).rstrip() for line in block.lines),
        ]
    elif isinstance(block, KeyValues) and block.inline:
        said = " | ".join(" ".join(clean(part) for part in pair if part) for pair in block.pairs)
        lines = _wrapped(f"{block.title}   {said}", width, " " * _INDENT)
    else:
        table = as_table(block)
        lines = table_lines(table, width, colour=colour, ascii=ascii)
        lines += [line for one in table.lines for line in _wrapped("  " + one, width, "    ")]
    return [*lines, *(line for remark in block.remarks for line in _remark(remark, width, colour))]


def table_lines(table: Table, width: int, *, colour: bool = False, ascii: bool = False) -> list[str]:
    """Title, heads and rows. With heads and none over the first column, the title stands there."""
    cells = [[_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]
    tops = [_most(table.rows, index, column) for index, column in enumerate(table.columns)]
    headed = any(column.head for column in table.columns)
    title = clean(table.title)
    widths = [_natural(index, column, cells, tops[index]) for index, column in enumerate(table.columns)]
    merged = bool(headed and title and not table.columns[0].head) and _stands_beside(title, table, widths, width)
    widths[0] = max(widths[0], width_of(title) - _INDENT) if merged else widths[0]
    kept, gone = _fitting(table.columns, widths, width - _INDENT)
    widths = _squeezed(table.columns, widths, kept, width - _INDENT)
    lines = [_painted(title, _BOLD, colour)] if title and not merged else []
    if headed:
        lines.append(_head(table.columns, widths, kept, title if merged else "", colour))
    for row, shown in zip(table.rows, cells, strict=True):
        line = " " * _INDENT
        for index in kept:
            column, wide, cell = table.columns[index], widths[index], row[index]
            gap = " " * _GAP if index != kept[0] else ""
            if isinstance(cell, Bar):
                drawn = bar_text(cell.size, tops[index], column.width, ascii=ascii)
                line += gap + _painted(drawn, _COLOURS[cell.kind], colour) + " " * (wide - len(drawn))
            else:
                held = shown[index] if column.whole else cut_middle(shown[index], wide)
                line += gap + pad(held, wide, column.right)
        lines.append(line.rstrip())
    if gone:
        lines += _wrapped(f"  not shown at this width: {', '.join(gone)}", width, "    ")
    return lines


def _stands_beside(title: str, table: Table, widths: Sequence[int], width: int) -> bool:
    """Whether a title over the first column leaves room for the heads that have to stay."""
    wide = max(widths[0], width_of(title) - _INDENT)
    stay = [i for i, column in enumerate(table.columns) if i and column.drop == KEEP]
    return wide + sum(_least(table.columns[i], widths[i]) + _GAP for i in stay) <= width - _INDENT


def _head(columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int], title: str, colour: bool) -> str:
    first = pad(title, widths[0] + _INDENT) if title else " " * _INDENT + pad(
        cut_middle(clean(columns[0].head), widths[0]), widths[0], columns[0].right)  # fmt: skip
    rest = [pad(cut_middle(clean(columns[i].head), widths[i]), widths[i], columns[i].right) for i in kept[1:]]
    return _painted((" " * _GAP).join([first, *rest]).rstrip(), _BOLD, colour)


def _cell(cell: Cell, column: Column) -> str:
    return "" if isinstance(cell, Bar) else clean(cell) or column.empty


def _most(rows: Sequence[Sequence[Cell]], index: int, column: Column) -> float:
    sizes = [cell.size for row in rows if isinstance(cell := row[index], Bar)]
    return column.most if column.most is not None else max(sizes, default=0.0)


def _natural(index: int, column: Column, cells: Sequence[Sequence[str]], most: float) -> int:
    bar = column.width if most else 0
    return max([width_of(clean(column.head)), bar, *(width_of(row[index]) for row in cells)])


def _total(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[i] for i in kept) + _GAP * (len(kept) - 1)


def _least(column: Column, wide: int) -> int:
    return wide if column.whole else min(wide, _LEAST_NAME)


def _fitting(columns: Sequence[Column], widths: Sequence[int], room: int) -> tuple[list[int], list[str]]:
    """The columns that stay, and the heads of those that had to go although they were meant to stay."""
    kept = list(range(len(columns)))
    leaving = sorted((i for i in kept[1:] if columns[i].drop > KEEP), key=lambda i: (-columns[i].drop, -i))
    for index in leaving:
        if _total(widths, kept) > room:
            kept.remove(index)
    gone: list[str] = []
    tight = [_least(column, wide) for column, wide in zip(columns, widths, strict=True)]
    while len(kept) > 1 and _total(tight, kept) > room:
        gone.insert(0, columns[kept.pop()].head)
    return kept, [clean(head) for head in gone if head]


def _squeezed(columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int], room: int) -> list[int]:
    """Columns of words give way, the widest first."""
    narrow = list(widths)
    soft = [i for i in kept if not columns[i].whole]
    while _total(narrow, kept) > room:
        widest = max((i for i in soft if narrow[i] > _LEAST_NAME), key=lambda i: narrow[i], default=None)
        if widest is None:
            break
        narrow[widest] -= 1
    return narrow
