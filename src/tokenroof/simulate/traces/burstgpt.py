"""BurstGPT: seconds, request and response tokens of each request, in newer parts with its session.

Rows without response tokens are requests that failed; they have no length to serve.
"""

from typing import TextIO

from tokenroof.simulate.traces.collect import Collector, numbers
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import names_of, picked, table_blocks

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
    header, blocks = table_blocks(file, into)
    when, isl, osl = (picked(header, name, into) for name in _COLUMNS)
    session = picked(header, _SESSION, into) if _SESSION in header else None
    for lines, cells in blocks:
        into.add(
            lines, arrival=numbers(_COLUMNS[0], cells[when]), isl=numbers(_COLUMNS[1], cells[isl]),
            osl=numbers(_COLUMNS[2], cells[osl]), sessions=None if session is None else cells[session],
        )  # fmt: skip


BURSTGPT = TraceFormat(name="BurstGPT", columns=_COLUMNS, detect=_detect, read=_read, example=_EXAMPLE)
