"""Rows of any trace, checked and gathered into arrays; what cannot be used ends the reading or is counted.

A format turns its cells into Columns, block by block; `Collector.add` checks them, `Collector.requests` sorts them.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenroof.errors import FileError
from tokenroof.simulate.requests import (
    MAX_TIME_S,
    MAX_TOKENS,
    NO_SESSION,
    Fault,
    FloatArray,
    IntArray,
    Requests,
    in_order,
)

__all__ = ["Collector", "Column", "dates", "is_date", "numbers"]

_MOST_FAULTS = 1_000  # kept with their reasons; the rest is counted
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")
_LEAST_DATE = 19  # characters of 2023-11-16 18:15:46

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a block: its name and cells as in the file, and their values, NaN where a cell is no number."""

    name: str
    cells: Sequence[Any]
    values: FloatArray
    form: str = ""


def _number(cell: Any) -> float:
    try:
        return float("nan") if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def numbers(name: str, cells: Sequence[Any], scale: float = 1.0) -> Column:
    """Numbers, as text or as JSON has them."""
    plain = set(map(type, cells)) <= {int, float} or set(map(type, cells)) == {str}
    try:
        values = np.array(cells, dtype=np.float64) if plain else None
    except (ValueError, OverflowError):
        values = None
    if values is None:
        values = np.fromiter(map(_number, cells), dtype=np.float64, count=len(cells))
    return Column(name, cells, values if scale == 1.0 else values * scale)


def is_date(cell: Any) -> bool:
    """Whether a cell looks like a date with a time."""
    return isinstance(cell, str) and _DATE.match(cell) is not None


def _date(cell: Any) -> float:
    try:
        found = datetime.fromisoformat(cell.strip()) if is_date(cell) else None
    except ValueError:
        found = None
    if found is None:
        return float("nan")
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _dates_at_once(cells: Sequence[Any]) -> FloatArray | None:
    """Seconds of cells that are all of one plain form; None where they have to be looked at one by one.

    numpy also reads "now" and bare years, hence the checks; and it knows no time zones but by a warning.
    """
    if set(map(type, cells)) != {str}:
        return None
    if {cell[-6:] for cell in cells} == {"+00:00"}:
        cells = [cell[:-6] for cell in cells]
    if min(map(len, cells)) < _LEAST_DATE or {cell[4] for cell in cells} != {"-"}:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return np.array(cells, dtype="datetime64[us]").astype(np.int64) / 1e6
    except (ValueError, UserWarning, DeprecationWarning):
        return None


def dates(name: str, cells: Sequence[Any]) -> Column:
    """Dates with times, as seconds since 1970; without a zone they are in UTC."""
    values = _dates_at_once(cells) if cells else None
    if values is None:
        values = np.fromiter(map(_date, cells), dtype=np.float64, count=len(cells))
    return Column(name, cells, values, form="a date and time such as 2023-11-16 18:15:46.68")


def _flat(rows: Sequence[Any]) -> tuple[IntArray, IntArray] | None:
    """Lengths and entries of lists of whole numbers; None where a row is none."""
    if not set(map(type, rows)) <= {list}:
        return None
    entries = list(chain.from_iterable(rows))
    if not set(map(type, entries)) <= {int}:
        return None
    try:
        ids = np.array(entries, dtype=np.int64)
    except OverflowError:
        return None
    return np.fromiter(map(len, rows), dtype=np.int64, count=len(rows)), ids


class Collector:
    """Gathers the requests of one file. `block_tokens` is set by a format whose prompts have ids of blocks.

    Rows are told of by line, or as `place` says where a file has no lines.
    """

    def __init__(self, path: str, skip_bad: bool, on_rows: Callable[[int], None] | None = None) -> None:
        self.path, self.skip_bad, self.place = path, skip_bad, "line"
        self._on_rows, self._rows = on_rows, 0
        self.block_tokens = 0
        self.notes: list[str] = []
        self._faults: list[Fault] = []
        self._skipped = 0
        self._columns: dict[str, list[NDArray[Any]]] = {}
        self._sessions: dict[str, int] = {}

    def fault(self, line: int, reason: str) -> None:
        """A row that cannot be used: counted, or the end of the reading."""
        if not self.skip_bad:
            told = f"{reason}; `skip_bad` leaves such rows out"
            raise (
                FileError(self.path, line, told)
                if self.place == "line"
                else FileError(self.path, 0, f"{self.place} {line}: {told}")
            )
        self._skipped += 1
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(Fault(line, reason))

    def add(
        self, lines: Sequence[int], *, arrival: Column | None, isl: Column, osl: Column,
        blocks: Sequence[Any] | None = None, sessions: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        """One block of rows; `arrival` in seconds on any clock, none where all arrive at once."""
        checks = [(_bad_lengths(column.values), _length_words(column)) for column in (isl, osl)]
        if arrival is not None:
            checks.insert(0, (_bad_times(arrival), _time_words(arrival)))
        lengths = ids = None
        if blocks is not None:
            lengths, ids, bad = self._blocks(blocks, isl.values)
            checks.append((bad, self._block_words(blocks)))
        good = ~np.logical_or.reduce([bad for bad, _ in checks])
        for row in np.flatnonzero(~good).tolist():
            self.fault(lines[row], next(words(row) for bad, words in checks if bad[row]))
        self._keep("isl", isl.values[good].astype(np.int64))
        self._keep("osl", osl.values[good].astype(np.int64))
        self._keep("arrival_s", arrival.values[good] if arrival else np.zeros(int(good.sum())))
        if lengths is not None and ids is not None:
            self._keep("block_lengths", lengths[good])
            self._keep("block_ids", ids[np.repeat(good, lengths)])
        if sessions is not None:
            self._keep("sessions", np.array([self._session(one) for one in sessions], dtype=np.int64)[good])
        self._rows += int(good.sum())
        if self._on_rows is not None:
            self._on_rows(self._rows)

    def _keep(self, name: str, values: NDArray[Any]) -> None:
        self._columns.setdefault(name, []).append(values)

    def _session(self, name: Any) -> int:
        text = "" if name is None else str(name).strip()
        return self._sessions.setdefault(text, len(self._sessions)) if text else NO_SESSION

    def _blocks(self, rows: Sequence[Any], isl: FloatArray) -> tuple[IntArray, IntArray, BoolArray]:
        found = _flat(rows)
        bad = np.zeros(len(rows), dtype=np.bool_)
        if found is None:
            bad = np.array([_flat([row]) is None for row in rows])
            found = _flat([[] if wrong else row for row, wrong in zip(rows, bad, strict=True)])
            assert found is not None
        lengths, ids = found
        return lengths, ids, bad | (lengths > np.ceil(isl / self.block_tokens))

    def _block_words(self, rows: Sequence[Any]) -> Callable[[int], str]:
        def words(row: int) -> str:
            if _flat([rows[row]]) is None:
                return f"hash_ids = {_shown(rows[row])}: must be a list of whole numbers below 2^63"
            return f"hash_ids: {len(rows[row])} blocks of {self.block_tokens} tokens are more than the input has"

        return words

    def requests(self) -> Requests:
        """All that was gathered; FileError where that is nothing."""
        columns = {}
        for name in list(self._columns):  # one at a time, so that no more than one is held twice
            columns[name] = np.concatenate(self._columns.pop(name))
        if not len(columns.get("isl", ())):
            first = f": line {self._faults[0].line}: {self._faults[0].reason}" if self._faults else ""
            raise FileError(self.path, 0, f"holds no request{first}")
        faults = tuple(sorted(self._faults))
        return in_order(
            **columns, block_tokens=self.block_tokens, faults=faults, skipped=self._skipped, notes=tuple(self.notes)
        )


def _bad_lengths(values: FloatArray) -> BoolArray:
    good: BoolArray = (values >= 1) & (values <= MAX_TOKENS) & (values == np.floor(values))
    return ~good


def _bad_times(arrival: Column) -> BoolArray:
    low = -MAX_TIME_S if arrival.form else 0.0  # a date before 1970 is a time like any other
    good: BoolArray = (arrival.values >= low) & (arrival.values <= MAX_TIME_S)
    return ~good


def _shown(cell: Any) -> str:
    try:
        text = " ".join(repr(cell).split())
    except (ValueError, RecursionError):
        text = f"a {type(cell).__name__} too long to show"
    return text if len(text) <= 40 else f"{text[:37]}..."


def _length_words(column: Column) -> Callable[[int], str]:
    def words(row: int) -> str:
        return f"{column.name} = {_shown(column.cells[row])}: must be a whole number from 1 to {MAX_TOKENS:,}"

    return words


def _time_words(column: Column) -> Callable[[int], str]:
    def words(row: int) -> str:
        form = column.form or f"a time in seconds from 0 to {MAX_TIME_S:.0e}"
        if not column.form and MAX_TIME_S < column.values[row] <= 1e3 * MAX_TIME_S:
            form += "; for milliseconds `columns` arrival_ms=NAME"
        return f"{column.name} = {_shown(column.cells[row])}: must be {form}"

    return words
