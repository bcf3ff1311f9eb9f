"""Logs of vLLM with one JSON object a request: when it arrived, its tokens, and times that the server stamped."""

from typing import TextIO

from tokenroof.simulate.traces.collect import Collector, numbers
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import named_blocks, names_of

__all__ = ["REQUEST_LOG"]

_COLUMNS = ("arrival_time", "input_toks", "output_toks")
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


REQUEST_LOG = TraceFormat(name="vLLM request log", columns=_COLUMNS, detect=_detect, read=_read, example=_EXAMPLE)
