"""BurstGPT: seconds, request and response tokens of each request, in newer parts with its session.

Rows without response tokens are requests that failed; they have no length to serve.
"""

from typing import TextIO

from tokenroof.simulate.traces.collect import Collector, numbers
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import named_blocks, names_at_start, names_of

__all__ = ["BURSTGPT"]

_COLUMNS = ("Timestamp", "Request tokens", "Response tokens")
_SESSION = "Session ID"
_EXAMPLE = """Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
5,1017,17.03,ChatGPT,472,18,490,Conversation log
45,1017,20.1,ChatGPT,1087,230,1317,Conversation log
118,,1.2,GPT-4,417,276,693,API log
"""


def _detect(head: str) -> bool:
    return set(_COLUMNS) <= set(names_of(head))


def _read(file: TextIO, into: Collector) -> None:
    when, isl, osl = _COLUMNS
    has_sessions = _SESSION in names_at_start(file)
    for lines, cells in named_blocks(file, into, (*_COLUMNS, _SESSION) if has_sessions else _COLUMNS):
        into.add(
            lines, arrival=numbers(when, cells[when]), isl=numbers(isl, cells[isl]), osl=numbers(osl, cells[osl]),
            sessions=cells.get(_SESSION),
        )  # fmt: skip


BURSTGPT = TraceFormat(name="BurstGPT", columns=_COLUMNS, detect=_detect, read=_read, example=_EXAMPLE)
