"""The prefix cache against an oracle that scans a list in full, hand-worked moves, and published hit shares."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import InputError
from tokenroof.simulate.prefix_cache import MOST_BLOCKS, BlockCache, lru_replay
from tokenroof.simulate.requests import Requests, in_order
from tokenroof.simulate.traces import read_trace


@dataclass
class Entry:
    block: int
    tier: int
    used: int
    pins: int = 0


class SlowCache:
    """One list of entries, looked through from end to end at each step."""

    def __init__(self, capacities: tuple[int, ...]) -> None:
        self.capacities, self.entries, self.claimed, self.clock = capacities, list[Entry](), 0, 0

    def _of(self, block: int) -> Entry | None:
        found = [one for one in self.entries if one.block == block]
        assert len(found) <= 1
        return found[0] if found else None

    def _now(self) -> int:
        self.clock += 1
        return self.clock

    @property
    def room(self) -> int:
        return self.capacities[0] - self.claimed - sum(one.pins > 0 for one in self.entries)

    def match(self, ids: list[int]) -> tuple[int, ...]:
        hits = [0] * len(self.capacities)
        for block in ids:
            one = self._of(block)
            if one is None:
                break
            hits[one.tier] += 1
        return tuple(hits)

    def settle(self) -> None:
        for tier, capacity in enumerate(self.capacities):
            while True:
                here = [one for one in self.entries if one.tier == tier]
                free = sorted((one for one in here if not one.pins), key=lambda one: one.used)
                if len(here) + (self.claimed if tier == 0 else 0) <= capacity:
                    break
                free[0].tier, free[0].used = tier + 1, self._now()
        self.entries = [one for one in self.entries if one.tier < len(self.capacities)]

    def take(self, ids: list[int]) -> tuple[int, ...] | None:
        new = {block for block in ids if (one := self._of(block)) is None or not one.pins}
        if len(new) > self.room:
            return None
        hits = self.match(ids)
        for block in set(ids):
            one = self._of(block)
            if one is None:
                one = Entry(block, 0, 0)
                self.entries.append(one)
            one.tier, one.pins = 0, one.pins + 1
        self.settle()
        return hits

    def release(self, ids: list[int]) -> None:
        for place in range(len(ids) - 1, -1, -1):
            if ids[place] in ids[:place]:
                continue
            one = self._of(ids[place])
            assert one is not None
            one.pins -= 1
            if not one.pins:
                one.used = self._now()

    def claim(self, blocks: int) -> bool:
        if blocks > self.room:
            return False
        self.claimed += blocks
        self.settle()
        return True

    def order(self, tier: int) -> list[int]:
        free = [one for one in self.entries if one.tier == tier and not one.pins]
        return [one.block for one in sorted(free, key=lambda one: one.used)]


PROMPTS = st.lists(st.integers(0, 9), max_size=6)
MOVES = st.lists(
    st.tuples(st.sampled_from(["take", "take", "release", "claim", "give"]), PROMPTS, st.integers(0, 5)), max_size=40
)
CAPACITIES = st.lists(st.integers(0, 8), min_size=1, max_size=3).map(tuple)


@given(capacities=CAPACITIES, moves=MOVES)
def test_every_move_is_that_of_the_oracle(capacities: tuple[int, ...], moves: list[tuple[str, list[int], int]]) -> None:
    cache, slow, running = BlockCache(capacities), SlowCache(capacities), list[list[int]]()
    for move, ids, number in moves:
        assert cache.match(ids) == slow.match(ids)
        if move == "take":
            hits = cache.take(ids)
            assert hits == slow.take(ids)
            running += [] if hits is None else [ids]
        elif move == "release" and running:
            ended = running.pop(number % len(running))
            cache.release(ended)
            slow.release(ended)
        elif move == "claim":
            assert cache.claim(number) is slow.claim(number)
        elif move == "give" and number <= cache.claimed:
            cache.give_back(number)
            slow.claimed -= number
        assert cache.room == slow.room >= 0
        assert cache.pinned == sum(one.pins > 0 for one in slow.entries)
        assert [list(held) for held in cache._tiers] == [slow.order(tier) for tier in range(len(capacities))]
        assert cache.pinned + cache.claimed + cache.unpinned[0] <= capacities[0]
    inserted = cache.counts.missed + sum(cache.counts.hits)
    assert inserted >= cache.pinned + sum(cache.unpinned)


@given(capacities=CAPACITIES, prompts=st.lists(PROMPTS, max_size=30))
def test_passing_by_is_taking_and_releasing(capacities: tuple[int, ...], prompts: list[list[int]]) -> None:
    passed, taken = BlockCache(capacities), BlockCache(capacities)
    for ids in prompts:
        if len(set(ids)) > capacities[0]:
            continue
        hits = passed.pass_by(ids)
        assert hits == taken.take(ids)
        taken.release(ids)
        assert [list(held) for held in passed._tiers] == [list(held) for held in taken._tiers]
        assert passed.counts == taken.counts


@given(first=st.integers(0, 6), second=st.integers(0, 6), prompts=st.lists(PROMPTS, max_size=30))
def test_two_tiers_hold_what_one_of_their_sum_does_and_more_room_never_finds_less(
    first: int, second: int, prompts: list[list[int]]
) -> None:
    whole, tiers, small = BlockCache((first + second,)), BlockCache((first, second)), BlockCache((first,))
    for ids in prompts:
        found = sum(tiers.pass_by(ids))
        assert whole.pass_by(ids) == (found,)
        assert small.pass_by(ids)[0] <= found


def test_moves_worked_by_hand() -> None:
    cache = BlockCache((4, 2))
    assert cache.take([1, 2, 3]) == (0, 0)
    assert cache.room == 1
    assert cache.take([1, 2, 4, 5]) is None, "two new blocks, one free"
    assert cache.take([1, 2, 4]) == (2, 0)
    cache.release([1, 2, 3])  # 3 alone is free, 1 and 2 are still in use
    assert (cache.pinned, cache.unpinned) == (3, (1, 0))
    assert cache.claim(2) is False
    assert cache.claim(1) is True  # 3 falls to the second tier
    assert cache.unpinned == (0, 1)
    assert cache.match([1, 2, 3, 9]) == (2, 1)
    cache.release([1, 2, 4])
    cache.give_back(1)
    assert cache.take([1, 2, 3]) == (2, 1), "3 is loaded up again"
    assert cache.unpinned == (1, 0)
    cache.release([1, 2, 3])
    assert cache.take([6, 7, 8]) == (0, 0)  # 4, then the tail of what was used last: 3, 2; the front stays
    assert cache.match([1, 2, 3]) == (1, 2)
    assert (cache.counts.hits, cache.counts.missed, cache.counts.evicted) == ([4, 1], 7, [4, 1])


def test_a_hit_ends_at_the_first_block_that_is_gone() -> None:
    cache = BlockCache((3,))
    cache.pass_by([1, 2, 3])
    cache.pass_by([9])
    assert cache.match([1, 2, 3]) == (2,), "the tail went first"
    assert cache.match([3, 1, 2]) == (0,)
    assert cache.match([]) == (0,)


def test_what_was_never_claimed_cannot_be_given_back() -> None:
    cache = BlockCache((3,))
    assert cache.claim(2)
    with pytest.raises(InputError, match="blocks = 3: must be from 0 to the 2 that are claimed"):
        cache.give_back(3)
    for wrong in ((), (-1,), (10**16,)):
        with pytest.raises(InputError, match="capacities"):
            BlockCache(wrong)


def prompts(*ids: list[int], isl: int) -> Requests:
    count = len(ids)
    return in_order(
        range(count), [isl] * count, [1] * count, block_lengths=[len(one) for one in ids],
        block_ids=[block for one in ids for block in one], block_tokens=512,
    )  # fmt: skip


def test_hit_tokens_end_where_the_prompt_does() -> None:
    """Prompts of 1,000 tokens are two blocks; the second of them counts 488."""
    found = lru_replay(prompts([1, 2], [1, 2], [1, 3], isl=1_000), (100,), warm_share=0.0)
    assert (found.hit_tokens, found.prompt_tokens) == (1_000 + 512, 3_000)
    assert (found.hit_blocks, found.prompt_blocks) == ((3,), 6)
    half = lru_replay(prompts([1, 2], [1, 2], isl=1_000), (100,))
    assert (half.hit_tokens, half.prompt_tokens, half.share) == (1_000, 1_000, 1.0)


def test_a_long_trace_is_replayed_whole() -> None:
    """Ten thousand prompts of one block of their own and one of fifty: all but the first fifty find that one."""
    found = lru_replay(prompts(*([k % 50, 1_000 + k] for k in range(10_000)), isl=1_024), (10**6,), warm_share=0.0)
    assert (found.hit_blocks, found.prompt_blocks) == ((9_950,), 20_000)
    assert (found.hit_tokens, found.prompt_tokens) == (9_950 * 512, 10_000 * 1_024)


def test_a_trace_without_blocks_is_refused() -> None:
    with pytest.raises(InputError, match="hash_ids"):
        lru_replay(in_order([0.0], [1], [1]), (10,))
    with pytest.raises(InputError, match="warm_share"):
        lru_replay(prompts([1], isl=512), (10,), warm_share=1.0)


# Llama-70B in bf16 keeps 327,680 B a token, a block of 512 tokens 160 MiB. LRU hit shares of a public simulator
# (kvcache-simulator): prompt tokens of the last half of the requests, by GiB.
@pytest.mark.parametrize(
    ("trace", "shares"),
    [
        ("conversation", {64: 4.5, 256: 5.2, 1024: 15.3, 4096: 33.0}),
        ("synthetic", {64: 5.3, 256: 19.6, 1024: 48.8, 4096: 82.6}),
    ],
)
def test_hit_shares_are_those_that_others_found(trace: str, shares: dict[int, float], shared_data: Path) -> None:
    requests = read_trace(shared_data / "traces" / f"mooncake_{trace}_trace.jsonl")
    for gib, wanted in shares.items():
        assert 100 * lru_replay(requests, (gib * 2**30 // (327_680 * 512),)).share == pytest.approx(wanted, abs=0.051)


@pytest.mark.parametrize(("trace", "wanted"), [("conversation", 36.6), ("synthetic", 64.0)])
def test_reuse_without_a_limit_is_that_of_the_published_table(trace: str, wanted: float, shared_data: Path) -> None:
    found = lru_replay(
        read_trace(shared_data / "traces" / f"mooncake_{trace}_trace.jsonl"), (MOST_BLOCKS,), warm_share=0
    )
    assert 100 * found.hit_blocks[0] / found.prompt_blocks == pytest.approx(wanted, abs=0.051)
