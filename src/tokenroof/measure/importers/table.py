"""What every importer of comma-separated result files shares: opening, the head, rows, numbers, faults.

Files are streamed, so that a million rows take no more memory than one.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tokenroof import reading
from tokenroof.errors import FileError, InputError
from tokenroof.types.benchmark import Benchmark
from tokenroof.types.run import Fault, Run
from tokenroof.units import parse_count

__all__ = ["BadRow", "Importer", "Row", "columns_of", "count", "head_of", "number", "plain", "rows"]

_HEAD_CHARACTERS = 65_536
_MOST_BYTES_PER_CELL = 100_000
_LONGEST_LINE = 1_000_000  # characters; a line is held whole

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """One format of result files.

    `detect` is given the first characters of a file. `columns` are those without which nothing can be predicted or
    compared; a format that has none is no table. `read` gives benchmarks, or runs of one metric
    each. `example` is a short file of the format; `keys` are those that one in JSON is
    known by.
    """

    name: str
    columns: tuple[str, ...]
    detect: Callable[[str], bool]
    read: Callable[[Path], Iterator[Benchmark | Run | Fault]]
    example: str
    keys: frozenset[str] = frozenset()


class BadRow(Exception):
    """Why a row cannot be used."""


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """The file, opened; every way in which it is no text is one InputError."""
    try:
        with reading.opened(path, "csv", errors="strict") as file:
            yield file
    except FileError as error:
        at = f"line {error.line}: " if error.line else ""
        raise InputError("csv", str(path), "a table in UTF-8 text", at + error.reason) from None


def head_of(path: Path) -> str:
    """The first characters of a file, plain or .gz."""
    with _text(path) as file:
        return file.read(_HEAD_CHARACTERS)


def columns_of(head: str) -> tuple[str, ...]:
    """Names in the first line of a table; none where it is no table."""
    try:
        return tuple(next(csv.reader(io.StringIO(head)), ()))
    except csv.Error:
        return ()


def rows(path: Path, read: Callable[[Row, int, str], Iterable[Run]]) -> Iterator[Run | Fault]:
    """What `read` makes of every row (row, line, file name), in order; a row that it refuses is a Fault."""
    with _text(path) as file:
        csv.field_size_limit(_MOST_BYTES_PER_CELL)
        yield from _rows(csv.DictReader(reading.lines(file, str(path), _LONGEST_LINE)), path.name, read)


def _rows(
    reader: "csv.DictReader[str]", name: str, read: Callable[[Row, int, str], Iterable[Run]]
) -> Iterator[Run | Fault]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(file=name, line=reader.line_num, text=str(error))
            continue
        if None in row:
            yield Fault(file=name, line=reader.line_num, text="more cells than columns")
            continue
        try:
            yield from read(row, reader.line_num, name)
        except BadRow as error:
            yield Fault(file=name, line=reader.line_num, text=str(error))


def plain(text: str) -> float:
    """The number in a cell: as a program writes it, else as `parse_count` reads it everywhere. Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        return parse_count(text)


def number(row: Row, column: str) -> float | None:
    """A finite number that is not negative, as people write one (128K); None where the cell is blank or absent."""
    text = (row.get(column) or "").strip()
    if not text:
        return None
    try:
        value = plain(text)
    except ValueError:
        raise BadRow(f"{column} = {text[:40]!r} is not a number") from None
    if not math.isfinite(value) or value < 0:
        raise BadRow(f"{column} = {text[:40]} must be finite and not negative")
    return value


def count(row: Row, column: str) -> int | None:
    """A whole number of at least 1; None where the cell is blank or absent."""
    value = number(row, column)
    if value is None:
        return None
    if value != int(value) or value < 1 or value > 1e6:
        raise BadRow(f"{column} = {value:g} must be a whole number of at least 1")
    return int(value)
