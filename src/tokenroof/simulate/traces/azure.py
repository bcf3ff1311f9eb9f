"""Azure's public traces of LLM inference: a date, context tokens and generated tokens of each request."""

from typing import TextIO

from tokenroof.simulate.traces.collect import Collector, dates, numbers
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import named_blocks, names_of

__all__ = ["AZURE"]

_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_EXAMPLE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:17:04.0781490,110,27
"""


def _detect(head: str) -> bool:
    return set(_COLUMNS) <= set(names_of(head))


def _read(file: TextIO, into: Collector) -> None:
    when, isl, osl = _COLUMNS
    for lines, cells in named_blocks(file, into, _COLUMNS):
        into.add(lines, arrival=dates(when, cells[when]), isl=numbers(isl, cells[isl]), osl=numbers(osl, cells[osl]))


AZURE = TraceFormat(name="Azure", columns=_COLUMNS, detect=_detect, read=_read, example=_EXAMPLE)
