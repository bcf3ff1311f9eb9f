"""What every reader of traces shares: opening (plain or gzip), the head, blocks of rows of tables and of JSON lines.

Files are streamed: a block of rows is held at a time, so that a file of any size takes the memory of its numbers alone.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO, cast

from tokenroof.errors import FileError, InputError
from tokenroof.simulate.traces.collect import Collector

__all__ = ["head_of", "json_blocks", "names_of", "opened", "picked", "table_blocks"]

_HEAD = 1_000_000
_LONGEST_LINE = 32_000_000  # characters; what is longer is no line, and would be held whole
_BLOCK = 8_192  # rows; larger blocks read slower, as Python's collector walks their cells
_GZIP = b"\x1f\x8b"
_LINES_TRIED = 20  # of the head, for one that is whole

Cells = tuple[list[int], Sequence[Sequence[str]]]
Objects = tuple[list[int], list[dict[str, Any]]]


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text, unpacked where it is gzip; every way in which it is none is one FileError."""
    if not path.is_file():
        raise InputError("file", str(path), "a file")
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        opener = gzip.open if packed else open
        with opener(path, "rt", encoding="utf-8-sig", errors="strict", newline="") as text:
            yield cast(TextIO, text)
    except UnicodeDecodeError as error:
        raise FileError(str(path), 0, f"not UTF-8 text: {error.reason}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(str(path), 0, f"a broken gzip file: {str(error)[:80]}") from None
    except FileError:
        raise
    except OSError as error:
        raise FileError(str(path), 0, error.strerror or "cannot be read") from None


def head_of(path: Path) -> str:
    """The first characters of a file."""
    with opened(path) as file:
        return file.read(_HEAD)


def names_of(head: str) -> tuple[str, ...]:
    """Column names of a table, or keys of the first whole object of JSON lines; none where it is neither."""
    if head.lstrip().startswith("{"):
        return tuple(_first_object(head))
    try:
        return tuple(name.strip() for name in next(csv.reader(io.StringIO(head)), ()))
    except csv.Error:
        return ()


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
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE and not line.endswith("\n"):
            raise FileError(into.path, number, f"longer than {_LONGEST_LINE:,} characters")
        yield line


def table_blocks(file: TextIO, into: Collector) -> tuple[list[str], Iterator[Cells]]:
    """The names in the header of a table, and blocks of its rows by column, with the rows' lines."""
    source = _bounded(file, into)
    try:
        header = [name.strip() for name in next(csv.reader(source), [])]
    except csv.Error as error:
        raise FileError(into.path, 1, str(error)) from None
    return header, _blocks(source, len(header), into)


def _blocks(source: Iterator[str], width: int, into: Collector) -> Iterator[Cells]:
    """Rows by column. Blocks without quotes are split at their commas, all at once, which is twice as fast as csv."""
    line = 2
    while block := list(islice(source, _BLOCK)):
        if any('"' in text for text in block):
            yield from _quoted(chain(block, source), line, width, into)
            return
        lines, rows = list(range(line, line + len(block))), [text.rstrip("\r\n") for text in block]
        line += len(block)
        if {row.count(",") for row in rows} == {width - 1}:
            cells = ",".join(rows).split(",")
            yield lines, [cells[k::width] for k in range(width)]
        else:
            yield from _by_column(lines, [row.split(",") if row else [] for row in rows], width, into)


def _quoted(source: Iterator[str], line: int, width: int, into: Collector) -> Iterator[Cells]:
    """Rows by column of a table with quotes, from `line` on."""
    reader = csv.reader(source)
    while True:
        lines, rows, broken = list[int](), list[list[str]](), ""
        try:
            for row in islice(reader, _BLOCK):
                rows.append(row)
                lines.append(line + reader.line_num - 1)
        except csv.Error as error:
            broken = str(error)
        yield from _by_column(lines, rows, width, into)
        if broken:
            into.fault(line + reader.line_num - 1, broken)
        elif not rows:
            return


def _by_column(lines: list[int], rows: list[list[str]], width: int, into: Collector) -> Iterator[Cells]:
    bad = {
        k: f"{len(row)} cells where the header has {width}" for k, row in enumerate(rows) if len(row) != width and row
    }
    for kept, good in _good(lines, rows, bad, into):
        yield kept, list(zip(*good, strict=True))


def json_blocks(file: TextIO, into: Collector) -> Iterator[Objects]:
    """Blocks of the objects of a file that has one a line, with their lines."""
    numbered = enumerate(_bounded(file, into), 1)
    while True:
        lines, rows, bad = list[int](), list[Any](), dict[int, str]()
        for number, line in islice(numbered, _BLOCK):
            lines.append(number)
            try:
                rows.append(json.loads(line) if line.strip() else None)
            except (ValueError, RecursionError) as error:
                rows.append(None)
                bad[len(rows) - 1] = f"not JSON: {str(error)[:60]}"
            if not isinstance(rows[-1], dict) and rows[-1] is not None:
                bad[len(rows) - 1] = "not a JSON object"
        if not lines:
            return
        yield from _good(lines, rows, bad, into)


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


def picked(header: list[str], name: str, into: Collector) -> int:
    """Where the column of a name stands; FileError where it is missing or there twice."""
    if header.count(name) != 1:
        what = "no column" if name not in header else "more than one column"
        raise FileError(into.path, 1, f"{what} {name!r}; there are {', '.join(header)[:200] or 'none'}")
    return header.index(name)
