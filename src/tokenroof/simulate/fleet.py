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

ROUTERS = ("round-robin", "least-loaded")
NEXT = -1  # on its way: whichever request has not been sent yet


class Pool:
    """Replicas that are alike. `placed` gets the replica of each request."""

    def __init__(self, replicas: Sequence[Replica], router: str, placed: "array[int]") -> None:
        if router not in ROUTERS:
            raise InputError("router", router, f"one of {', '.join(ROUTERS)}")
        self.replicas, self.placed, self.turn = replicas, placed, 0
        self.by_load = router == "least-loaded" and len(replicas) > 1

    def possible(self, request: int) -> bool:
        """Whether the memory of a replica could hold it alone."""
        return self.replicas[0].ranks[0].possible(request)

    def send(self, moment: float, request: int) -> None:
        """A request arrives."""
        if self.by_load:
            for one in self.replicas:
                one.settle(moment)
            at = min(range(len(self.replicas)), key=lambda one: self.replicas[one].load(moment))
        else:
            at = self.turn % len(self.replicas)
            self.turn += 1
        self.placed[request] = at
        self.replicas[at].add(moment, request)
        self.replicas[at].settle(moment)


class Fleet:
    """Pools driven together. `arrived` is called for each request that is sent to the first pool: which, and when."""

    def __init__(self, pools: Sequence[Pool], count: int, arrived: Callable[[int, float], None]) -> None:
        self.pools, self.count, self.arrived = pools, count, arrived
        self.replicas = [one for pool in pools for one in pool.replicas]
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
        while True:
            arrival = self.coming[0][0] if self.coming else math.inf
            landings = [one.landing_s() for one in self.replicas]
            starts = [one.next_start_s() for one in self.replicas]
            landing, start = min(landings), min(starts)
            if min(landing, arrival, start) == math.inf:
                return
            if landing <= min(arrival, start):
                self.replicas[landings.index(landing)].settle(landing)
            elif arrival <= start:
                self._arrive()
            else:
                at = starts.index(start)
                others = min((*starts[:at], *starts[at + 1 :], *landings[:at], *landings[at + 1 :]), default=math.inf)
                self.replicas[at].advance(max(min(others, arrival), math.nextafter(start, math.inf)))

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
