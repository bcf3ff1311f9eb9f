"""Ranks that keep blocks of prompts: who starts alike has its first blocks from those that came before."""

from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass

from tokenroof.simulate.prefix_cache import MOST_BLOCKS, BlockCache
from tokenroof.simulate.rank import Group, Rank
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.step_times import Chunk

__all__ = ["CachedRank", "PrefixCache"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixCache:
    """`ids` are those of a request's prompt blocks. Behind GPU memory there may be lower tiers: each with so many
    blocks a rank (`lower`), and the seconds in which one comes back (`reload_s`). `found` has a column for each tier,
    GPU memory first: tokens of each request's prompt that were there when it was first admitted.
    """

    ids: Callable[[int], Sequence[int]]
    found: Sequence[MutableSequence[int]]
    lower: tuple[int, ...] = ()
    reload_s: tuple[float, ...] = ()


class CachedRank(Rank):
    """As Rank, with memory given out by a BlockCache: full blocks of prompts are pinned, all else is claimed."""

    __slots__ = ("cache", "hit_tokens", "known", "pinned", "prompt_tokens", "reload_s", "setup")

    def __init__(self, rules: Rules, isl: list[int], osl: list[int], started: list[float], setup: PrefixCache) -> None:
        self.setup = setup
        self.cache = BlockCache((min(rules.blocks, MOST_BLOCKS), *setup.lower))
        self.known: dict[int, list[int]] = {}  # ids of the full blocks of prompts that wait or run
        self.pinned: dict[int, int] = {}  # how many of them a request has stored
        self.reload_s = 0.0
        self.hit_tokens = [0] * (1 + len(setup.lower))
        self.prompt_tokens = 0
        super().__init__(rules, isl, osl, started)

    @property
    def free(self) -> int:
        """Blocks that are empty or that nobody uses."""
        return self.cache.room

    @free.setter
    def free(self, blocks: int) -> None:
        taken = self.cache.room - blocks
        if taken > 0:
            self._claim(taken)
        elif self.cache.claimed:
            self.cache.give_back(-taken)

    def _claim(self, blocks: int) -> None:
        if not self.cache.claim(blocks):
            raise RuntimeError("memory given out twice")

    def reloaded_s(self) -> float:
        """Seconds that the step just made up waits for blocks of lower memory tiers."""
        seconds, self.reload_s = self.reload_s, 0.0
        return seconds

    def _ids(self, request: int) -> list[int]:
        """Of the blocks that the prompt fills, up to one that has been there before: hashes of prefixes differ."""
        known = self.known.get(request)
        if known is None:
            known = self.known[request] = self._read(request)
        return known

    def _read(self, request: int) -> list[int]:
        known = list(self.setup.ids(request)[: self.isl[request] // self.block_tokens])
        if len(set(known)) < len(known):
            known = known[: next(at for at, one in enumerate(known) if one in known[:at])]
        return known

    def found_share(self, request: int) -> float:
        """Which share of a prompt is there, in whichever tier; the last token never is."""
        isl = self.isl[request]
        return sum(self.cache.match(self._read(request)[: (isl - 1) // self.block_tokens])) * self.block_tokens / isl

    def _hits(self, request: int, whole: int) -> tuple[int, ...]:
        """Leading blocks that are there, by tier. The last token is always prefilled: it yields the next."""
        return self.cache.match(self._ids(request)[: (whole - 1) // self.block_tokens])

    def _split(self, request: int, stored: int) -> tuple[int, int]:
        """Full blocks of the prompt among what a request has stored, and other blocks."""
        full = min(stored // self.block_tokens, len(self._ids(request)))
        return full, -(-stored // self.block_tokens) - full

    def _needed(self, request: int, before: int, after: int) -> int:
        """Blocks that must be free for a request to have `after` tokens stored where it had `before`."""
        (full, other), (full_after, other_after) = self._split(request, before), self._split(request, after)
        return self.cache.wanted(self._ids(request)[full:full_after]) + other_after - other

    def _store(self, request: int, before: int, after: int) -> None:
        (full, other), (full_after, other_after) = self._split(request, before), self._split(request, after)
        if other_after < other:
            self.cache.give_back(other - other_after)
        self.cache.take(self._ids(request)[full:full_after])
        if other_after > other:
            self._claim(other_after - other)
        self.pinned[request] = full_after

    def _drop(self, request: int, stored: int) -> None:
        full = self.pinned.pop(request)
        self.cache.release(self.known.pop(request)[:full])
        self.cache.give_back(-(-stored // self.block_tokens) - full)

    def _first_fits(self, room: int) -> bool:
        request = self.queue[0]
        whole = self._to_prefill(request)
        if self._needed(request, 0, whole) > self.free:
            return False
        # A block that others hold is the request's own until it is full: the first chunk may need more than the whole.
        found = sum(self._hits(request, whole)) * self.block_tokens
        return self._needed(request, 0, min(whole, found + room)) <= self.free

    def _chunk_blocks(self, room: int) -> int:
        assert self.partial is not None
        request, whole, before = self.partial
        return self._needed(request, before, min(whole, before + room))

    def fill(self, group: Group | None, room: int, start: float, admit: bool) -> list[Chunk]:
        """Chunks of prompts for a step that starts now; what is found of a prompt is not prefilled."""
        chunks: list[Chunk] = []
        if self.partial is not None and room > 0:
            request, whole, before = self.partial
            if self._chunk_blocks(room) > self.free:
                self._put_back_partial()
                return chunks
            self.partial = None
            room -= self._prefill(chunks, request, whole, before, room)
        while admit and self.admissible(room):
            request = self.queue.popleft()
            whole = self._to_prefill(request)
            hits = self._hits(request, whole)
            for tier, blocks in enumerate(hits):
                self.hit_tokens[tier] += blocks * self.block_tokens
            self.reload_s += sum(a * b for a, b in zip(hits[1:], self.setup.reload_s, strict=True))
            self.prompt_tokens += whole
            self.seated += 1
            if self.started[request] < 0.0:
                self.started[request] = start
                for column, blocks in zip(self.setup.found, hits, strict=True):
                    column[request] = blocks * self.block_tokens
            found = sum(hits) * self.block_tokens
            self._store(request, 0, found)
            room -= self._prefill(chunks, request, whole, found, room)
        return chunks

    def _prefill(self, chunks: list[Chunk], request: int, whole: int, before: int, room: int) -> int:
        """The next chunk of a prompt; its tokens."""
        new = min(whole - before, room)
        self._store(request, before, before + new)
        chunks.append((new, before + new))
        if before + new == whole:
            self.done.append((request, whole))
        else:
            self.partial = [request, whole, before + new]
        return new
