"""Several replicas side by side: who goes to which, and who moves next, so that none sees an arrival too late.

Requests on their way are a heap of (moment, pool, request). At one moment steps end first, then requests arrive, then
steps start; a replica moves on only as far as nothing that another does can still reach it.
"""

import math
from array import array
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from tokenroof.errors import InputError
from tokenroof.simulate.replica import Replica

__all__ = ["NEXT", "ROUTERS", "Fleet", "Pool"]

ROUTERS = ("round-robin", "least-loaded", "prefix-aware")
# Of "prefix-aware": the defaults of the cache-aware policy that routers of SGLang and vLLM share. Beyond such a
# difference in requests, absolute and as a ratio, load alone decides; less than a share of a prompt is not worth it.
_UNEVEN, _UNEVEN_RATIO, _WORTH_IT = 64, 1.5, 0.3
_NOBODY = 1 << 62
NEXT = -1  # on its way: whichever request has not been sent yet


class Pool:
    """Replicas that are alike. `placed` gets the replica of each request."""

    def __init__(self, replicas: Sequence[Replica], router: str, placed: "array[int]") -> None:
        if router not in ROUTERS:
            raise InputError("router", router, f"one of {', '.join(ROUTERS)}")
        self.replicas, self.placed, self.turn = replicas, placed, 0
        self.by_load = router != "round-robin" and len(replicas) > 1
        self.by_prefix = router == "prefix-aware"

    def possible(self, request: int) -> bool:
        """Whether the memory of a replica could hold it alone."""
        return self.replicas[0].ranks[0].possible(request)

    def send(self, moment: float, request: int) -> None:
        """A request arrives."""
        if self.by_load:
            for one in self.replicas:
                one.settle(moment)
            at = self._chosen(moment, request)
        else:
            at = self.turn % len(self.replicas)
            self.turn += 1
        self.placed[request] = at
        self.replicas[at].add(moment, request)
        self.replicas[at].settle(moment)

    def _chosen(self, moment: float, request: int) -> int:
        """The replica with the fewest requests, or the one that has most of a prompt where that is enough."""
        loads = [one.load(moment) for one in self.replicas]
        low, high = min(loads), max(loads)
        if self.by_prefix and not (high - low > _UNEVEN and high > _UNEVEN_RATIO * low):
            shares = [one.found_share(moment, request) for one in self.replicas]
            if (best := max(shares)) > _WORTH_IT:
                loads = [load if share == best else _NOBODY for load, share in zip(loads, shares, strict=True)]
        return loads.index(min(loads))


class Fleet:
    """Pools driven together. `arrived` is called for each request that is sent to the first pool: which, and when.

    Where loops are `closed` the end of a request may make another arrive anywhere; else what is done in a pool reaches
    the pools behind it alone.
    """

    def __init__(
        self, pools: Sequence[Pool], count: int, arrived: Callable[[int, float], None], *, closed: bool = True
    ) -> None:
        self.pools, self.count, self.arrived = pools, count, arrived
        self.replicas = [one for pool in pools for one in pool.replicas]
        pool_of = [number for number, pool in enumerate(pools) for _ in pool.replicas]
        everybody = range(len(self.replicas))
        self.reached_by = [
            [other for other in everybody if other != at and (closed or pool_of[other] < pool_of[at])]
            for at in everybody
        ]
        self.coming: list[tuple[float, int, int]] = []
        self.sent = 0
        self.rejected: list[int] = []
        self.gone: Callable[[float], None] = lambda moment: None  # somebody was rejected

    def expect(self, moment: float, pool: int, request: int = NEXT) -> None:
        """A request will arrive at a pool; no replica may go beyond that moment before."""
        heappush(self.coming, (moment, pool, request))
        for one in self.replicas:
            one.until_s = min(one.until_s, moment)

    def run(self) -> None:
        """Until nothing is left to happen."""
        replicas, coming = self.replicas, self.coming
        landings, starts = ([math.inf] * len(replicas) for _ in range(2))
        changed: Sequence[int] = range(len(replicas))
        while True:
            for at in changed:
                landings[at], starts[at] = replicas[at].landing_s(), replicas[at].next_start_s()
            arrival = coming[0][0] if coming else math.inf
            landing, start = min(landings), min(starts)
            if min(landing, arrival, start) == math.inf:
                return
            if landing <= min(arrival, start):
                changed = (landings.index(landing),)
                replicas[changed[0]].settle(landing)
            elif arrival <= start:
                changed = range(len(replicas))
                self._arrive()
            else:
                at = starts.index(start)
                changed = (at,)
                others = min((min(starts[one], landings[one]) for one in self.reached_by[at]), default=math.inf)
                replicas[at].advance(max(min(others, arrival), math.nextafter(start, math.inf)))

    def _arrive(self) -> None:
        moment, pool, request = heappop(self.coming)
        if pool == 0:
            if request == NEXT:
                if self.sent == self.count:
                    return
                request = self.sent
            self.sent += 1
            self.arrived(request, moment)
            if not all(one.possible(request) for one in self.pools):
                self.rejected.append(request)
                self.pools[0].turn += 1
                self.gone(moment)
                return
        self.pools[pool].send(moment, request)
