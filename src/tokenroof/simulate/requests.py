"""Requests as columns: when each arrives, its lengths, and what its prompt shares with others.

A million requests are three arrays of 8 MB. Prefix blocks, where a trace has them, are stored as CSR: the ids of
request i are `block_ids[block_offsets[i]:block_offsets[i + 1]]`.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokenroof.errors import InputError

__all__ = ["MAX_TIME_S", "MAX_TOKENS", "NO_SESSION", "Fault", "FloatArray", "IntArray", "Requests", "in_order"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_TOKENS = 100_000_000
MAX_TIME_S = 1e11  # of a trace's clock: epoch times in milliseconds lie above it and are told from seconds
NO_SESSION = -1

_FLOATS, _INTS = ("arrival_s",), ("isl", "osl", "block_offsets", "block_ids", "sessions")


class Fault(NamedTuple):
    """A row of a file that was left out: its line (or number, where a file has no lines) and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requests:
    """Requests in order of arrival, the first at 0 s; arrays are read-only.

    `isl` and `osl` are input and output tokens. `block_ids` name blocks of `block_tokens` tokens of the prompt and all
    that stands before them. `sessions` numbers conversations, NO_SESSION where a request has none. `faults` are the
    first rows of a file that could not be used, `skipped` counts all of them; `notes` say what else was done to it.
    """

    arrival_s: FloatArray
    isl: IntArray
    osl: IntArray
    block_offsets: IntArray | None = None
    block_ids: IntArray | None = None
    block_tokens: int = 0
    sessions: IntArray | None = None
    faults: tuple[Fault, ...] = ()
    skipped: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (*((n, np.float64) for n in _FLOATS), *((n, np.int64) for n in _INTS)):
            given = getattr(self, name)
            if given is not None:
                column = np.ascontiguousarray(given, dtype=kind).view()
                column.flags.writeable = False
                object.__setattr__(self, name, column)
        _check(self)

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def duration_s(self) -> float:
        """From the first arrival to the last."""
        return float(self.arrival_s[-1]) if len(self) else 0.0

    @property
    def mean_rate(self) -> float:
        """Requests per second: gaps between arrivals over their time; infinite where all arrive at once."""
        if len(self) < 2:
            return 0.0
        return (len(self) - 1) / self.duration_s if self.duration_s > 0.0 else math.inf

    def blocks(self, row: int) -> IntArray:
        """Ids of the prompt's blocks, first to last; none where the requests have no blocks."""
        if self.block_offsets is None or self.block_ids is None:
            return np.empty(0, dtype=np.int64)
        return self.block_ids[self.block_offsets[row] : self.block_offsets[row + 1]]

    def first(self, count: int) -> "Requests":
        """The first `count` requests, or all where there are fewer."""
        return self._rows(0, min(max(count, 0), len(self)))

    def sliced(self, start_s: float, end_s: float = math.inf) -> "Requests":
        """Requests that arrive from `start_s` on and before `end_s`; the first of them is at 0 s again."""
        low, high = np.searchsorted(self.arrival_s, (start_s, end_s), side="left")
        return self._rows(int(low), max(int(low), int(high)))

    def scaled(self, factor: float) -> "Requests":
        """The same requests at `factor` times the rate: every gap divided by it."""
        if not (math.isfinite(factor) and factor > 0.0):
            raise InputError("factor", factor, "a finite number above 0")
        return replace(self, arrival_s=self.arrival_s / factor)

    def _rows(self, low: int, high: int) -> "Requests":
        arrival = self.arrival_s[low:high]
        changed: dict[str, Any] = {
            "arrival_s": arrival - arrival[0] if len(arrival) else arrival,
            "isl": self.isl[low:high],
            "osl": self.osl[low:high],
        }
        if self.sessions is not None:
            changed["sessions"] = self.sessions[low:high]
        if self.block_offsets is not None and self.block_ids is not None:
            start, end = self.block_offsets[low], self.block_offsets[high]
            changed["block_offsets"] = self.block_offsets[low : high + 1] - start
            changed["block_ids"] = self.block_ids[start:end]
        return replace(self, **changed)


def _check(requests: Requests) -> None:
    """Raise InputError where the columns are not what the class promises."""
    arrival, count = requests.arrival_s, len(requests.arrival_s)
    for name in ("isl", "osl", "sessions"):
        column = getattr(requests, name)
        if column is not None and column.shape != (count,):
            raise InputError(name, column.shape, f"one number a request: ({count},)")
    if not np.isfinite(arrival).all():
        raise InputError("arrival_s", "not finite", "finite times")
    if count and (arrival[0] != 0.0 or (np.diff(arrival) < 0.0).any()):
        raise InputError("arrival_s", float(arrival[0]), "in order, the first at 0", "make them with in_order()")
    for name in ("isl", "osl"):
        column = getattr(requests, name)
        if count and not (column.min() >= 1 and column.max() <= MAX_TOKENS):
            raise InputError(name, [int(column.min()), int(column.max())], f"from 1 to {MAX_TOKENS:,} tokens")
    _check_blocks(requests.block_offsets, requests.block_ids, requests.block_tokens, count)


def _check_blocks(offsets: IntArray | None, ids: IntArray | None, block_tokens: int, count: int) -> None:
    if offsets is None and ids is None:
        return
    if offsets is None or ids is None or block_tokens < 1:
        raise InputError("block_tokens", block_tokens, "at least 1, beside block_offsets and block_ids")
    whole = offsets.shape == (count + 1,) and offsets[0] == 0 and offsets[-1] == len(ids)
    if not whole or (np.diff(offsets) < 0).any():
        raise InputError("block_offsets", list(offsets.shape), f"{count + 1} rising numbers from 0 to {len(ids)}")


def in_order(
    arrival_s: ArrayLike, isl: ArrayLike, osl: ArrayLike, *, block_lengths: ArrayLike | None = None,
    block_ids: ArrayLike | None = None, block_tokens: int = 0, sessions: ArrayLike | None = None,
    faults: tuple[Fault, ...] = (), skipped: int = 0, notes: tuple[str, ...] = (),
) -> Requests:  # fmt: skip
    """Requests from columns in any order, on any clock: sorted by arrival (ties as they stand), the first at 0 s.

    `block_lengths` counts the blocks of each request; `block_ids` has them one request after the other. Where arrivals
    were not in order a note says how many were earlier than the one before.
    """
    columns = {"isl": np.asarray(isl), "osl": np.asarray(osl)}
    if sessions is not None:
        columns["sessions"] = np.asarray(sessions)
    arrival, ids = np.asarray(arrival_s, dtype=np.float64), None if block_ids is None else np.asarray(block_ids)
    lengths = None if block_lengths is None else np.asarray(block_lengths, dtype=np.int64)
    early = int((np.diff(arrival) < 0.0).sum())
    if early:
        order = np.argsort(arrival, kind="stable")
        arrival, columns = arrival[order], {name: column[order] for name, column in columns.items()}
        if lengths is not None and ids is not None:
            lengths, ids = lengths[order], ids[_gathered(lengths, order)]
        notes = (*notes, f"{_arrivals(early)} earlier than the one before: sorted by time")
    offsets = None if lengths is None else np.concatenate(([0], np.cumsum(lengths)))
    return Requests(
        arrival_s=arrival - arrival[0] if len(arrival) else arrival, **columns, block_offsets=offsets, block_ids=ids,
        block_tokens=block_tokens, faults=faults, skipped=skipped, notes=notes,
    )  # fmt: skip


def _arrivals(count: int) -> str:
    return "1 arrival was" if count == 1 else f"{count:,} arrivals were"


def _gathered(lengths: IntArray, order: NDArray[np.intp]) -> IntArray:
    """Where the ids of rows in a new order lie among the ids in the old one."""
    starts, wanted = (np.cumsum(lengths) - lengths)[order], lengths[order]
    shift = np.repeat(starts - (np.cumsum(wanted) - wanted), wanted)
    places: IntArray = np.arange(int(wanted.sum()), dtype=np.int64) + shift
    return places
