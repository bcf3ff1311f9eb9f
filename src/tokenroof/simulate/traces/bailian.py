"""Qwen traces of Aliyun Bailian: seconds, lengths, ids of 16-token blocks, and which chat a request goes on from.

Their ids name a block alone, not what is before it, so that the same text elsewhere in a prompt has the same id; here
they are numbered anew by prefix, which is what a cache finds.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from tokenroof.simulate.traces.collect import Collector, numbers
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import named_blocks, names_of

__all__ = ["BAILIAN", "BLOCK_TOKENS"]

BLOCK_TOKENS = 16

_COLUMNS = ("timestamp", "input_length", "output_length", "hash_ids", "chat_id", "parent_chat_id")
_ROOT = -1  # as parent of a chat's first request, and as what is before a prompt
_EXAMPLE = """{"chat_id": 7, "parent_chat_id": -1, "timestamp": 0.5, "input_length": 40, "output_length": 9, "type": "text", "turn": 1, "hash_ids": [1, 2, 3]}
{"chat_id": 8, "parent_chat_id": 7, "timestamp": 61.114, "input_length": 60, "output_length": 5, "type": "text", "turn": 2, "hash_ids": [1, 2, 4, 5]}
{"chat_id": 9, "parent_chat_id": -1, "timestamp": 61.5, "input_length": 20, "output_length": 2, "type": "text", "turn": 1, "hash_ids": [2, 1]}
"""  # noqa: E501


class _Prefixes:
    """Numbers of prefixes: the same for the same block after the same prefix, and for nothing else."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, Any], int] = {}

    def numbered(self, ids: Any) -> Any:
        """The prompt's blocks by prefix; what is no list of whole numbers as it is, for the collector to refuse."""
        if not isinstance(ids, list) or not set(map(type, ids)) <= {int}:
            return ids
        found, before = list[int](), _ROOT
        for block in ids:
            before = self._known.setdefault((before, block), len(self._known))
            found.append(before)
        return found


class _Chats:
    """The chat that a request belongs to: its parent's, or its own where it has no parent that was seen."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, chats: Iterable[Any], parents: Iterable[Any]) -> Sequence[str]:
        """The name of each request's chat: the id of its first request."""
        found = []
        for chat, parent in zip(map(str, chats), map(str, parents), strict=True):
            found.append(self._known.setdefault(chat, self._known.get(parent, chat)))
        return found


def _detect(head: str) -> bool:
    return set(_COLUMNS) <= set(names_of(head))


def _read(file: TextIO, into: Collector) -> None:
    into.block_tokens = BLOCK_TOKENS
    prefixes, known = _Prefixes(), _Chats()
    when, isl, osl, ids, chat, parent = _COLUMNS
    for lines, cells in named_blocks(file, into, _COLUMNS):
        into.add(
            lines, arrival=numbers(when, cells[when]), isl=numbers(isl, cells[isl]), osl=numbers(osl, cells[osl]),
            blocks=[prefixes.numbered(row) for row in cells[ids]], sessions=known.of(cells[chat], cells[parent]),
        )  # fmt: skip


BAILIAN = TraceFormat(name="Qwen Bailian", columns=_COLUMNS, detect=_detect, read=_read, example=_EXAMPLE)
