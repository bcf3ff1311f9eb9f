"""Logs of vLLM with one JSON object a request: when it arrived, its tokens, and times that the server stamped."""

from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from tokenroof.errors import FileError
from tokenroof.simulate.requests import FloatArray
from tokenroof.simulate.traces.collect import Collector, numbers
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import head_of, named_blocks, names_of, opened

__all__ = ["REQUEST_LOG", "Stamps", "is_stamped", "read_stamps"]

_COLUMNS = ("arrival_time", "input_toks", "output_toks")
_STAMPS = ("queued_ts", "first_token_ts", "last_token_ts")
_EXAMPLE = """{"request_id": "a-0", "input_toks": 2358, "output_toks": 531, "arrival_time": 1787267980.08, "queued_ts": 27536.6}
{"request_id": "a-1", "input_toks": 1034, "output_toks": 769, "arrival_time": 1787267980.34, "queued_ts": 27537.0}
{"request_id": "a-2", "input_toks": 1320, "output_toks": 769, "arrival_time": 1787267980.47, "queued_ts": 27537.2}
"""  # noqa: E501


def _detect(head: str) -> bool:
    return set(_COLUMNS) <= set(names_of(head))


def _read(file: TextIO, into: Collector) -> None:
    when, isl, osl = _COLUMNS
    for lines, cells in named_blocks(file, into, _COLUMNS):
        into.add(lines, arrival=numbers(when, cells[when]), isl=numbers(isl, cells[isl]), osl=numbers(osl, cells[osl]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """What a server stamped on each request: seconds at which it was queued and sent its first and its last token."""

    osl: FloatArray
    queued_s: FloatArray
    first_s: FloatArray
    end_s: FloatArray


def is_stamped(path: str | Path) -> bool:
    """Whether a file is a log with the times of each request's tokens."""
    names = names_of(head_of(Path(path)))
    return {*_COLUMNS, *_STAMPS} <= set(names)


def read_stamps(path: str | Path) -> Stamps:
    """The times of a log; a row whose times are missing or out of order is a FileError with its line."""
    into = Collector(str(path), skip_bad=False)
    names = ("output_toks", *_STAMPS)
    found: dict[str, list[FloatArray]] = {name: [] for name in names}
    with opened(Path(path)) as file:
        for lines, cells in named_blocks(file, into, names):
            values = {name: numbers(name, cells[name]).values for name in names}
            rising = np.diff([values[name] for name in _STAMPS], axis=0) >= 0.0  # not so either where one is no number
            for row in np.flatnonzero(~rising.all(axis=0)).tolist():
                raise FileError(str(path), lines[row], f"{', '.join(_STAMPS)} must be times in this order")
            for name in names:
                found[name].append(values[name])
    columns = {name: np.concatenate(parts) for name, parts in found.items()}
    return Stamps(
        osl=columns["output_toks"], queued_s=columns["queued_ts"], first_s=columns["first_token_ts"],
        end_s=columns["last_token_ts"],
    )  # fmt: skip


REQUEST_LOG = TraceFormat(name="vLLM request log", columns=_COLUMNS, detect=_detect, read=_read, example=_EXAMPLE)
