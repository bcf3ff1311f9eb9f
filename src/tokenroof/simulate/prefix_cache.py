"""A prefix cache in tiers: which blocks of a prompt are still there, and what makes room for what.

Ids are hashes of a block and all before it, so a prompt's hit is the longest run of its leading ids that are all
present, in whichever tiers. A block is in one tier at a time. Tier 0 (HBM) holds the blocks of running requests,
pinned, and beside them those that nobody uses; each tier gives up what was used longest ago to the next, and the last
one forgets it. Blocks of one request are used from its end to its front: fronts are shared, so tails go first, as in
vLLM.

    cache = BlockCache((1_000, 20_000))
    hits = cache.take(ids)       # a request starts: (blocks found in tier 0, in tier 1); None where tier 0 is too full
    cache.claim(3)               # it decodes into blocks of its own, which tier 0 makes room for
    cache.give_back(3)
    cache.release(ids)           # it ends

`lru_replay` sends a whole trace through a cache alone, with nothing else running.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenroof.errors import InputError
from tokenroof.simulate.requests import IntArray, Requests

__all__ = ["BlockCache", "CacheCounts", "Replay", "lru_replay"]

MOST_BLOCKS = 10**15  # of a tier: more than any memory has
_ROWS = 4_096


@dataclass(slots=True)
class CacheCounts:
    """What has happened so far, in blocks: found by tier, gone from each tier to the next (or for good), not found."""

    hits: list[int]
    evicted: list[int]
    missed: int = 0


class BlockCache:
    """Blocks in tiers of the given capacities, least recently used first to go."""

    def __init__(self, capacities: Sequence[int]) -> None:
        if not capacities or not all(0 <= one <= MOST_BLOCKS for one in capacities):
            raise InputError("capacities", tuple(capacities), f"from 0 to {MOST_BLOCKS:.0e} blocks for each tier")
        self.capacities = tuple(capacities)
        self.counts = CacheCounts(hits=[0] * len(capacities), evicted=[0] * len(capacities))
        self.claimed = 0  # blocks of tier 0 that somebody else uses
        self._pinned: dict[int, int] = {}  # id -> running requests that use it
        self._tiers: list[OrderedDict[int, None]] = [OrderedDict() for _ in capacities]  # oldest first

    @property
    def pinned(self) -> int:
        """Blocks of running requests."""
        return len(self._pinned)

    @property
    def unpinned(self) -> tuple[int, ...]:
        """Blocks in each tier that no running request uses."""
        return tuple(map(len, self._tiers))

    @property
    def room(self) -> int:
        """Blocks of tier 0 that can be claimed or pinned: the empty ones and those that nobody uses."""
        return self.capacities[0] - self.claimed - len(self._pinned)

    def match(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Blocks by tier of the longest run of leading ids that are all present. Changes nothing."""
        hits, pinned, tiers = [0] * len(self._tiers), self._pinned, self._tiers
        for block in ids:
            if block in pinned:
                hits[0] += 1
                continue
            for tier, held in enumerate(tiers):
                if block in held:
                    hits[tier] += 1
                    break
            else:
                break
        return tuple(hits)

    def wanted(self, ids: Sequence[int]) -> int:
        """Blocks of room that `take` would need."""
        return sum(block not in self._pinned for block in ids)

    def take(self, ids: Sequence[int]) -> tuple[int, ...] | None:
        """Pin a request's blocks in tier 0, loading what lower tiers have and inserting the rest: its hits by tier.

        None, and nothing changed, where tier 0 has no room for all of them.
        """
        pinned, tiers = self._pinned, self._tiers
        wanted = dict.fromkeys(ids)
        if sum(block not in pinned for block in wanted) > self.room:
            return None
        hits = self.match(ids)
        self._count(hits, len(ids))
        for block in wanted:
            count = pinned.get(block, 0)
            pinned[block] = count + 1
            if not count:
                for held in tiers:
                    if block in held:
                        del held[block]
                        break
        self._shrink()
        return hits

    def release(self, ids: Sequence[int]) -> None:
        """A request ends: its blocks stay in tier 0, the front of the prompt as the most recently used."""
        pinned, held = self._pinned, self._tiers[0]
        for block in reversed(dict.fromkeys(ids)):
            count = pinned[block] - 1
            if count:
                pinned[block] = count
            else:
                del pinned[block]
                held[block] = None

    def claim(self, blocks: int) -> bool:
        """Take blocks of tier 0 for something else: empty ones, then the least recently used. All or, False, none."""
        if blocks > self.room:
            return False
        self.claimed += blocks
        self._shrink()
        return True

    def give_back(self, blocks: int) -> None:
        """Return blocks that were claimed."""
        if not 0 <= blocks <= self.claimed:
            raise InputError("blocks", blocks, f"from 0 to the {self.claimed} that are claimed")
        self.claimed -= blocks

    def pass_by(self, ids: Sequence[int]) -> tuple[int, ...]:
        """A request that starts and ends at once: take and release in one. What fits of a long one's front stays."""
        hits = self.match(ids)
        self._count(hits, len(ids))
        first = self._tiers[0]
        for held in self._tiers[1:]:
            for block in ids:
                held.pop(block, None)
        for block in reversed(ids):
            if block not in self._pinned:
                first[block] = None
                first.move_to_end(block)
        self._shrink()
        return hits

    def _count(self, hits: tuple[int, ...], blocks: int) -> None:
        for tier, count in enumerate(hits):
            self.counts.hits[tier] += count
        self.counts.missed += blocks - sum(hits)

    def _shrink(self) -> None:
        """Move what each tier holds too much of to the next, the least recently used first."""
        limit = self.room
        for tier, held in enumerate(self._tiers):
            below = self._tiers[tier + 1] if tier + 1 < len(self._tiers) else None
            over = len(held) - limit
            for _ in range(over):
                block, _ = held.popitem(last=False)
                if below is not None:
                    below[block] = None
            self.counts.evicted[tier] += max(over, 0)
            limit = self.capacities[tier + 1] if below is not None else 0


@dataclass(frozen=True, slots=True)
class Replay:
    """What a cache found of the requests that were counted; hits by tier, in blocks, and over all tiers, in tokens."""

    prompt_tokens: int
    hit_tokens: int
    prompt_blocks: int
    hit_blocks: tuple[int, ...]

    @property
    def share(self) -> float:
        """Hit share of prompt tokens."""
        return self.hit_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


def lru_replay(requests: Requests, capacities: Sequence[int], *, warm_share: float = 0.5) -> Replay:
    """Send every prompt of a trace through a cache, one after the other, each there whole before the next.

    The first `warm_share` of the requests fills the cache and is not counted. A hit counts its tokens: the blocks
    found, the last of them only as far as the prompt goes. Blocks of outputs are not kept, as traces give them no ids.
    """
    if requests.block_offsets is None or requests.block_ids is None:
        raise InputError("trace", "no hash_ids", "one with ids of prompt blocks, such as Mooncake's")
    if not 0.0 <= warm_share < 1.0:
        raise InputError("warm_share", warm_share, "from 0 to less than 1")
    cache, size, start = BlockCache(capacities), requests.block_tokens, int(warm_share * len(requests))
    tokens = blocks = 0
    found = [0] * len(cache.capacities)
    for row, (length, prompt) in enumerate(_prompts(requests.isl, requests.block_offsets, requests.block_ids)):
        hits = cache.pass_by(prompt)
        if row >= start:
            tokens += min(sum(hits) * size, length)
            blocks += len(prompt)
            for tier, count in enumerate(hits):
                found[tier] += count
    return Replay(int(requests.isl[start:].sum()), tokens, blocks, tuple(found))


def _prompts(isl: IntArray, offsets: IntArray, ids: IntArray) -> Iterator[tuple[int, list[int]]]:
    """Length and block ids of each prompt; a few thousand at a time become Python's numbers, which are large."""
    for low in range(0, len(isl), _ROWS):
        lengths, bounds = isl[low : low + _ROWS].tolist(), offsets[low : low + _ROWS + 1].tolist()
        part, first = ids[bounds[0] : bounds[-1]].tolist(), bounds[0]
        for row, length in enumerate(lengths):
            yield length, part[bounds[row] - first : bounds[row + 1] - first]
