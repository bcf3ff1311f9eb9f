"""Several plain replicas (tests/simulate/reference.py) moved together from moment to moment, in one pool or in two."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulate.reference import Replica, Request, Times
from simulate.reference_cache import CachedReplica

from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Tiers


@dataclass
class Seen:
    """By request; None where it was rejected. `replica`: the one of the last pool that it was sent to."""

    start_s: list[float | None]
    first_s: list[float | None]
    end_s: list[float | None]
    replica: list[int | None]
    rejected: list[int]
    preemptions: int
    steps: int


class Member(Replica):
    """A replica of a fleet: who leaves it is told to the fleet."""

    def __init__(self, rules: Rules, times: Times, left: Callable[[Request, float], None]) -> None:
        super().__init__([], rules, times)
        self.left = left

    def _follow(self, request: Request, now: float) -> None:
        self.left(request, now)

    def arrives(self, request: Request, now: float) -> None:
        self.requests.append(request)
        self.coming.append((now, len(self.requests) - 1))
        self._arrivals(now)

    @property
    def load(self) -> int:
        return sum(request.state in ("waiting", "running") for request in self.requests)


class CachedMember(CachedReplica):
    """The same with a prefix cache."""

    def __init__(
        self, rules: Rules, times: Times, left: Callable[[Request, float], None], ids: list[list[int]], tiers: Tiers
    ) -> None:
        super().__init__([], rules, times, ids, tiers.blocks, tiers.reload_s)
        self.left = left

    _follow, arrives, load = Member._follow, Member.arrives, Member.load  # type: ignore[assignment]

    def found_share(self, request: Request) -> float:
        """Of a prompt, on the rank where it would wait."""
        rank = min(range(self.rules.ranks), key=lambda rank: len(self._on(rank)))
        whole = Request(request.index, request.isl, request.osl, rank=rank, prompt=request.isl)
        return sum(self._hits(whole)) * self.rules.block_tokens / request.isl


class Fleet:
    """One pool, or one that prefills and one that decodes."""

    def __init__(
        self,
        pools: list[tuple[Rules, Times, int]],
        arrivals: list[float],
        isl: list[int],
        osl: list[int],
        transfer: Callable[[int], float] | None,
        router: str,
        concurrency: int | None,
        think_s: float,
        ids: list[list[int]] | None = None,
        tiers: Tiers | None = None,
    ) -> None:
        def member(pool: int, rules: Rules, times: Times) -> Any:
            if pool > 0 or ids is None or tiers is None:
                return Member(rules, times, self._left)
            return CachedMember(rules, times, self._left, ids, tiers)

        self.pools = [
            [member(pool, rules, times) for _ in range(number)] for pool, (rules, times, number) in enumerate(pools)
        ]
        self.everybody = [member for pool in self.pools for member in pool]
        self.turns = [0 for _ in pools]
        self.isl, self.osl, self.transfer, self.router, self.think_s = isl, osl, transfer, router, think_s
        self.closed = concurrency is not None
        self.on_the_way: list[tuple[float, int, int]] = [(time, 0, index) for index, time in enumerate(arrivals)]
        self.free_places: list[float] = []  # closed loop: when whoever has not come yet may
        self.not_sent = list(range(len(isl)))
        if concurrency is not None:
            self.on_the_way, self.free_places = [], [0.0] * concurrency
        self.now = -1.0
        self.seen = Seen(*([None] * len(isl) for _ in range(4)), [], 0, 0)

    def run(self) -> Seen:
        while len(self.seen.rejected) + sum(end is not None for end in self.seen.end_s) < len(self.isl):
            now = self._next_moment()
            for member in self.everybody:
                member._end_steps(now)
            while self._arrive(now):
                pass
            for member in self.everybody:
                member._start_steps(now)
        self.seen.preemptions = sum(member.preemptions for member in self.everybody)
        self.seen.steps = sum(len(member.steps) for member in self.everybody)
        return self.seen

    def _next_moment(self) -> float:
        moments = [time for time, _, _ in self.on_the_way] + self.free_places
        for member in self.everybody:
            moments += [lane.end_s for lane in member.lanes if lane.end_s is not None]
            moments.append(member.stage_free_s[0])
            if member.rules.policy == "train" and member.load:
                moments.append(member._next_moment(self.now))
        self.now = min(moment for moment in moments if moment > self.now)
        return self.now

    def _arrive(self, now: float) -> bool:
        """The first that should have arrived by now does; whether there was one."""
        places = [time for time in self.free_places if time <= now]
        if places and self.not_sent:
            self.free_places.remove(min(places))
            self._comes(self.not_sent[0], now)
            return True
        due = [one for one in self.on_the_way if one[0] <= now]
        if not due:
            return False
        self.on_the_way.remove(min(due))
        _, pool, index = min(due)
        if pool == 0:
            self._comes(index, now)
        else:
            request = Request(index, self.isl[index], self.osl[index], yielded=1, comes_stored=True)
            request.first_s = self.seen.first_s[index]
            self._send(1, request, now)
        return True

    def _comes(self, index: int, now: float) -> None:
        self.not_sent.remove(index)
        apart = len(self.pools) == 2
        request = Request(index, self.isl[index], 1 if apart else self.osl[index])
        whole = Request(index, self.isl[index], self.osl[index])
        firsts = [pool[0] for pool in self.pools]
        if any(
            one._most_blocks_of(held) > one.rules.blocks for one, held in zip(firsts, (request, whole), strict=False)
        ):
            self.seen.rejected.append(index)
            self.turns[0] += 1  # it was its turn all the same
            self.free_places += [now + self.think_s] if self.closed else []
        else:
            self._send(0, request, now)

    def _send(self, pool: int, request: Request, now: float) -> None:
        members = self.pools[pool]
        if self.router == "least-loaded":
            at = min(range(len(members)), key=lambda one: members[one].load)
        elif self.router == "prefix-aware":
            at = self._by_prefix(members, request)
        else:
            at = self.turns[pool] % len(members)
            self.turns[pool] += 1
        self.seen.replica[request.index] = at
        members[at].arrives(request, now)

    def _by_prefix(self, members: list[Any], request: Request) -> int:
        order = sorted(range(len(members)), key=lambda one: (members[one].load, one))
        fewest, most = members[order[0]].load, members[order[-1]].load
        if most > fewest + 64 and most > 1.5 * fewest:
            return order[0]
        if not isinstance(members[0], CachedMember):
            return order[0]
        best = max(order, key=lambda one: members[one].found_share(request))  # of equals the first in this order
        return best if members[best].found_share(request) > 0.3 else order[0]

    def _left(self, request: Request, now: float) -> None:
        index = request.index
        if request.start_s is not None and self.seen.start_s[index] is None:
            self.seen.start_s[index] = request.start_s
        if self.seen.first_s[index] is None:
            self.seen.first_s[index] = request.first_s
        if request.osl < self.osl[index]:
            assert self.transfer is not None
            self.on_the_way.append((now + self.transfer(self.isl[index]), 1, index))
            return
        self.seen.end_s[index] = now
        if self.transfer is not None and self.osl[index] > 1:  # seen when the worker that answers begins
            self.seen.first_s[index] = request.start_s
        self.free_places += [now + self.think_s] if self.closed else []


def simulate(
    arrivals: list[float],
    isl: list[int],
    osl: list[int],
    pools: list[tuple[Rules, Times, int]],
    *,
    transfer: Callable[[int], float] | None = None,
    router: str = "round-robin",
    concurrency: int | None = None,
    think_s: float = 0.0,
    ids: list[list[int]] | None = None,
    tiers: Tiers | None = None,
) -> Seen:
    """Follow all requests through one pool of (rules, times, replicas), or through prefill and then decode."""
    return Fleet(pools, arrivals, isl, osl, transfer, router, concurrency, think_s, ids, tiers).run()
