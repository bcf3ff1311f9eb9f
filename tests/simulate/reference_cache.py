"""The plain simulator with a prefix cache: memory counted over sets of ids, evictions from a list."""

from simulate.reference import Lane, Part, Replica, Request, Times
from simulate.test_prefix_cache import SlowCache

from tokenroof.simulate.rules import Rules


class CachedReplica(Replica):
    """`ids` of each request's prompt blocks, lower tiers of so many blocks, seconds to reload a block of each."""

    def __init__(
        self,
        requests: list[Request],
        rules: Rules,
        times: Times,
        ids: list[list[int]],
        lower: tuple[int, ...],
        reload_s: tuple[float, ...],
    ) -> None:
        super().__init__(requests, rules, times)
        self.ids, self.seconds = ids, reload_s
        self.caches = [SlowCache((min(rules.blocks, 10**12), *lower)) for _ in range(rules.ranks)]
        self.waits_s = [0.0] * rules.ranks
        self.hit_tokens, self.asked_tokens = [0] * (1 + len(lower)), 0

    def _full(self, request: Request, stored: int) -> list[int]:
        """Ids of the blocks of its prompt that are full with so many tokens stored."""
        return self.ids[request.index][: min(stored, request.isl) // self.rules.block_tokens]

    def _others(self, request: Request, stored: int) -> int:
        return self._blocks(request, stored) - len(self._full(request, stored))

    def _used(self, rank: int) -> int:
        running = [request for request in self._on(rank) if request.state == "running"]
        shared = {one for request in running for one in self._full(request, request.stored)}
        return len(shared) + sum(self._others(request, request.stored) for request in running)

    def _growth(self, request: Request, new: int) -> int:
        before, was = self._used(request.rank), request.stored
        request.stored += new
        after, request.stored = self._used(request.rank), was
        return after - before

    def _first_blocks(self, request: Request, stored: int, budget: int) -> int:
        """For the whole prompt, or for the first chunk where the block that it leaves unfilled makes that more."""
        first = min(stored, sum(self._hits(request)) * self.rules.block_tokens + budget)
        request.state = "running"
        needed = max(self._growth(request, stored), self._growth(request, first))
        request.state = "waiting"
        return needed

    def _hits(self, request: Request) -> tuple[int, ...]:
        ids = self._full(request, request.isl)[: (request.prompt - 1) // self.rules.block_tokens]
        return self.caches[request.rank].match(ids)

    def _store(self, request: Request, new: int) -> None:
        cache, before, after = self.caches[request.rank], request.stored, request.stored + new
        more = self._others(request, after) - self._others(request, before)
        if more < 0:
            cache.claimed += more
        assert cache.take(self._full(request, after)[len(self._full(request, before)) :]) is not None
        cache.claimed += max(more, 0)
        cache.settle()
        request.stored = after

    def _take(self, lane: Lane, part: Part, prompt: Request, budget: int) -> int:
        if prompt.stored == 0:
            size = self.rules.block_tokens
            hits = self._hits(prompt)
            self.hit_tokens = [a + b * size for a, b in zip(self.hit_tokens, hits, strict=True)]
            self.asked_tokens += prompt.prompt
            self.waits_s[part.rank] += sum(a * b for a, b in zip(hits[1:], self.seconds, strict=True))
            self._store(prompt, sum(hits) * size)
        new = min(prompt.prompt - prompt.stored, budget)
        self._store(prompt, new)
        if prompt.stored == prompt.prompt:
            prompt.lane = lane.number
        part.chunks.append((prompt, new, prompt.stored))
        return new

    def _decode(self, lane: Lane, part: Part) -> None:
        super()._decode(lane, part)
        cache = self.caches[part.rank]
        running = [request for request in self._on(part.rank) if request.state == "running"]
        cache.claimed = sum(self._others(request, request.stored) for request in running)
        cache.settle()

    def _gives_up(self, request: Request) -> None:
        cache = self.caches[request.rank]
        cache.release(self._full(request, request.stored))
        cache.claimed -= self._others(request, request.stored)

    def _reload_s(self) -> float:
        longest, self.waits_s = max(self.waits_s), [0.0] * len(self.waits_s)
        return longest
