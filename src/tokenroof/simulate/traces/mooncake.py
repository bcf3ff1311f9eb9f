"""Mooncake's traces: JSON lines with a time in ms, lengths, and ids of the prompt's blocks of 512 tokens.

An id stands for a block and all that is before it, so that equal leading ids are a shared prefix.
"""

from typing import TextIO

from tokenroof.simulate.traces.collect import Collector, numbers
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import named_blocks, names_of

__all__ = ["BLOCK_TOKENS", "MOONCAKE"]

BLOCK_TOKENS = 512

_COLUMNS = ("timestamp", "input_length", "output_length", "hash_ids")
# keys of traces that are alike otherwise, whose times are in seconds or blocks of another size
_OTHERS = {"chat_id", "parent_chat_id", "session_id", "turn"}
_EXAMPLE = """{"timestamp": 0, "input_length": 1100, "output_length": 500, "hash_ids": [0, 1, 2]}
{"timestamp": 0, "input_length": 1500, "output_length": 490, "hash_ids": [0, 3, 4]}
{"timestamp": 3052, "input_length": 1030, "output_length": 33, "hash_ids": [0, 3, 5]}
"""


def _detect(head: str) -> bool:
    names = set(names_of(head))
    return set(_COLUMNS) <= names and not names & _OTHERS


def _read(file: TextIO, into: Collector) -> None:
    into.block_tokens = BLOCK_TOKENS
    when, isl, osl, ids = _COLUMNS
    for lines, cells in named_blocks(file, into, _COLUMNS):
        into.add(
            lines, arrival=numbers(when, cells[when], scale=1e-3), isl=numbers(isl, cells[isl]),
            osl=numbers(osl, cells[osl]), blocks=cells[ids],
        )  # fmt: skip


MOONCAKE = TraceFormat(name="Mooncake", columns=_COLUMNS, detect=_detect, read=_read, example=_EXAMPLE)
