"""What every reader of traces shares: opening (plain or gzip), the head, blocks of rows of tables and of JSON lines.

Files are streamed: a block of rows is held at a time, so that a file of any size takes the memory of its numbers alone.
Bytes that are not UTF-8 stay in their cells: they matter only in a cell that is read as a number.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from tokenroof import reading
from tokenroof.errors import FileError
from tokenroof.simulate.traces.collect import Collector

__all__ = [
    "NO_LIST",
    "head_of",
    "holds_list",
    "holds_objects",
    "named_blocks",
    "names_at_start",
    "names_of",
    "opened",
    "printable",
]

_HEAD = 1_000_000
_LONGEST_LINE = 32_000_000  # characters; what is longer is no line, and would be held whole
_BLOCK = 8_192  # rows; larger blocks read slower, as Python's collector walks their cells
_MOST_IN_BLOCK = 8_000_000  # characters of its rows, after which it ends early
_LINES_TRIED = 20  # of the head, for one that is whole
_DELIMITERS = (",", "\t", ";")
NO_LIST = "a JSON list, where one object a line is read: jq -c '.[]' FILE makes it so"
_SNIFFED = 4_096  # characters, which tell JSON lines from a table
_MOST_NAMES = 200  # characters of them in an error

Cells = tuple[list[int], Sequence[Sequence[str]]]
Objects = tuple[list[int], list[dict[str, Any]]]


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text, unpacked where it is gzip; every way in which it is none is one FileError."""
    longest_cell = csv.field_size_limit(_LONGEST_LINE)  # prompts may stand beside their lengths
    try:
        with reading.opened(path) as text:
            yield text
    finally:
        csv.field_size_limit(longest_cell)


def head_of(path: Path) -> str:
    """The first characters of a file."""
    with opened(path) as file:
        return file.read(_HEAD)


def names_at_start(file: TextIO) -> tuple[str, ...]:
    """What `names_of` finds in an open file, which is at its start again."""
    head = file.read(_HEAD)
    file.seek(0)
    return names_of(head)


def names_of(head: str) -> tuple[str, ...]:
    """Column names of a table, or keys of the first whole object of JSON lines; none where it is neither."""
    if holds_objects(head):
        return tuple(_first_object(head))
    try:
        rows = csv.reader(io.StringIO(head), delimiter=_delimiter(head.partition("\n")[0]))
        return tuple(name.strip() for name in next(rows, ()))
    except csv.Error:
        return ()


def holds_objects(head: str) -> bool:
    """Whether a file starts as JSON lines do, or as one object."""
    return head.lstrip().startswith("{")


def holds_list(head: str) -> bool:
    """Whether a file starts as a JSON list does."""
    return head.lstrip().startswith("[")


def printable(names: Sequence[str]) -> str:
    """Names from a file as one line that a terminal can show."""
    text = ", ".join(names)
    shown = text if len(text) <= _MOST_NAMES else f"{text[:_MOST_NAMES]} ..."
    return "".join(one if one.isprintable() else "?" for one in shown) or "none"


def _delimiter(header: str) -> str:
    """What stands between the cells of a table: the commonest in its header."""
    return max(_DELIMITERS, key=header.count)


def _first_object(head: str) -> dict[str, Any]:
    for line in head.split("\n", _LINES_TRIED)[:_LINES_TRIED]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def _bounded(file: TextIO, into: Collector) -> Iterator[str]:
    return reading.lines(file, into.path, _LONGEST_LINE)


def _block_of(source: Iterator[str]) -> list[str]:
    """The next lines: so many, or fewer where they are long."""
    block, size = list[str](), 0
    for line in islice(source, _BLOCK):
        block.append(line)
        size += len(line)
        if size >= _MOST_IN_BLOCK:
            break
    return block


def _table_blocks(file: TextIO, into: Collector) -> tuple[list[str], Iterator[Cells]]:
    """The names in the header of a table, and blocks of its rows by column, with the rows' lines."""
    source = _bounded(file, into)
    first = next(source, "")
    delimiter = _delimiter(first)
    try:
        header = [name.strip() for name in next(csv.reader(chain([first], source), delimiter=delimiter), [])]
    except csv.Error as error:
        raise FileError(into.path, 1, str(error)) from None
    return header, _blocks(source, delimiter, len(header), into)


def _blocks(source: Iterator[str], delimiter: str, width: int, into: Collector) -> Iterator[Cells]:
    """Rows by column. Blocks without quotes are split at their commas, all at once, which is twice as fast as csv."""
    line = 2
    while block := _block_of(source):
        if any('"' in text for text in block):
            yield from _quoted(csv.reader(chain(block, source), delimiter=delimiter), line, width, into)
            return
        lines, rows = list(range(line, line + len(block))), [text.rstrip("\r\n") for text in block]
        line += len(block)
        if {row.count(delimiter) for row in rows} == {width - 1}:
            cells = delimiter.join(rows).split(delimiter)
            yield lines, [cells[k::width] for k in range(width)]
        else:
            yield from _by_column(lines, [row.split(delimiter) if row else [] for row in rows], width, into)


def _quoted(reader: Any, line: int, width: int, into: Collector) -> Iterator[Cells]:
    """Rows by column of a table with quotes, from `line` on. A row of several lines is told of by its first."""
    begun = 0
    while True:
        lines, rows, spans, size, broken = list[int](), list[list[str]](), list[int](), 0, ""
        try:
            for row in islice(reader, _BLOCK):
                rows.append(row)
                lines.append(line + begun)
                spans.append(reader.line_num - begun)
                begun = reader.line_num
                size += sum(map(len, row))
                if size >= _MOST_IN_BLOCK:
                    break
        except csv.Error as error:
            broken = str(error)
        yield from _by_column(lines, rows, width, into, spans)
        if broken:
            into.fault(line + begun, broken)
            begun = reader.line_num
        elif not rows:
            return


def _by_column(
    lines: list[int], rows: list[list[str]], width: int, into: Collector, spans: Sequence[int] = ()
) -> Iterator[Cells]:
    """Rows of the header's width by column. `spans`: lines of each, where a quoted cell may hold line ends."""
    bad = {
        k: f"{len(row)} cells where the header has {width}" for k, row in enumerate(rows) if len(row) != width and row
    }
    for k in bad:
        if spans and spans[k] > 1:
            bad[k] += f", in a row that a quote stretches over {spans[k]:,} lines"
    for kept, good in _good(lines, rows, bad, into):
        yield kept, list(zip(*good, strict=True))


def _json_blocks(file: TextIO, into: Collector) -> Iterator[Objects]:
    """Blocks of the objects of a file that has one a line, with their lines."""
    source, number = _bounded(file, into), 0
    while block := _block_of(source):
        lines, rows, bad = list(range(number + 1, number + len(block) + 1)), list[Any](), dict[int, str]()
        number += len(block)
        for line in block:
            try:
                rows.append(json.loads(line) if line.strip() else None)
            except (ValueError, RecursionError) as error:
                rows.append(None)
                bad[len(rows) - 1] = _not_json(error) + ("" if line.endswith("\n") else "; the last line is cut off")
            if not isinstance(rows[-1], dict) and rows[-1] is not None:
                bad[len(rows) - 1] = "not a JSON object"
        yield from _good(lines, rows, bad, into)


def _not_json(error: ValueError | RecursionError) -> str:
    where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    return f"not JSON{where}: {said[:60].removesuffix(' starting at')}"


def _good(
    lines: list[int], rows: list[Any], bad: dict[int, str], into: Collector
) -> Iterator[tuple[list[int], list[Any]]]:
    """The rows that are neither bad nor blank; where bad ones end the reading, first those before them."""
    if bad and not into.skip_bad:
        end = min(bad)
        yield from _good(lines[:end], rows[:end], {}, into)
    for place in sorted(bad):
        into.fault(lines[place], bad[place])
    if bad or not all(rows):
        kept = [k for k, row in enumerate(rows) if row and k not in bad]
        lines, rows = [lines[k] for k in kept], [rows[k] for k in kept]
    if rows:
        yield lines, rows


def named_blocks(file: TextIO, into: Collector, names: Sequence[str]) -> Iterator[tuple[list[int], dict[str, Any]]]:
    """Blocks of rows with the cells of the named columns, or keys of JSON lines, by name, and the rows' lines."""
    start = file.read(_SNIFFED)
    file.seek(0)
    if holds_objects(start):
        for k, (lines, rows) in enumerate(_json_blocks(file, into)):
            if k == 0:
                _check_keys(rows, names, into)
            yield lines, {name: [row.get(name) for row in rows] for name in names}
        return
    if holds_list(start):
        raise FileError(into.path, 0, NO_LIST)
    header, blocks = _table_blocks(file, into)
    places = {name: _place(header, name, into) for name in names}
    for lines, cells in blocks:
        yield lines, {name: cells[place] for name, place in places.items()}


def _check_keys(rows: Sequence[dict[str, Any]], names: Sequence[str], into: Collector) -> None:
    for name in names:
        if not any(name in row for row in rows):
            raise FileError(into.path, 0, f"no key {name!r}; there are {printable(list(rows[0]))}")


def _place(header: list[str], name: str, into: Collector) -> int:
    """Where the column of a name stands; FileError where it is missing or there twice."""
    if header.count(name) != 1:
        what = "no column" if name not in header else "more than one column"
        raise FileError(into.path, 1, f"{what} {name!r}; there are {printable(header)}")
    return header.index(name)
