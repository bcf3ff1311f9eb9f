"""Carries a column of requests through replicas, and keeps when each began, had its first token, and ended."""

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tokenroof.errors import InputError
from tokenroof.simulate.alone import Carried
from tokenroof.simulate.quick import quick
from tokenroof.simulate.replica import Replica, Watcher
from tokenroof.simulate.requests import FloatArray, IntArray, Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.step_times import Work
from tokenroof.simulate.straight import straight

__all__ = ["ROUTERS", "Outcome", "simulate"]

ROUTERS = ("round-robin", "least-loaded")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """One row a request. Times are seconds since the start; NaN where a request was rejected or did not end.

    `request_s` of each first token is time outside the engine. `steps`, `busy_s` and `put_back` are sums over replicas.
    """

    arrival_s: FloatArray
    started_s: FloatArray
    first_s: FloatArray
    end_s: FloatArray
    isl: IntArray
    osl: IntArray
    replica: IntArray
    rejected: int
    put_back: int
    steps: int
    busy_s: float
    least_free_blocks: int

    @property
    def done(self) -> "np.ndarray":
        """Which requests ended."""
        return np.isfinite(self.end_s)

    @property
    def ttft_s(self) -> FloatArray:
        """Seconds to the first token, by request."""
        return self.first_s - self.arrival_s

    @property
    def e2e_s(self) -> FloatArray:
        """Seconds to the last token, by request."""
        return self.end_s - self.arrival_s

    @property
    def tpot_s(self) -> FloatArray:
        """Seconds per token after the first, by request; NaN for answers of one token."""
        later = self.osl - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(later > 0, (self.end_s - self.first_s) / later, math.nan)

    @property
    def duration_s(self) -> float:
        """From the first arrival to the last end."""
        return float(np.nanmax(self.end_s)) if self.done.any() else 0.0


def simulate(
    requests: Requests,
    times: Callable[[Sequence[Work]], float],
    rules: Rules,
    *,
    concurrency: int | None = None,
    think_s: float = 0.0,
    replicas: int = 1,
    router: str = "round-robin",
    request_s: float = 0.0,
    watch: Watcher | None = None,
) -> Outcome:
    """Open loop at the requests' own times, or closed loop with `concurrency` of them at once.

    `request_s` is added to every first token and end: what a server spends on a request outside of its steps.
    """
    if router not in ROUTERS:
        raise InputError("router", router, f"one of {', '.join(ROUTERS)}")
    parts = quick(
        requests, straight(times), rules, concurrency=concurrency, think_s=think_s, replicas=replicas, router=router,
        watch=watch,
    )  # fmt: skip
    if parts is not None:
        return _joined(requests, parts, request_s)
    count = len(requests)
    isl, osl = requests.isl.tolist(), requests.osl.tolist()
    started, first, end = (array("d", [-1.0]) * count for _ in range(3))
    arrival = array("d", [-1.0]) * count if concurrency is not None else None
    placed = array("q", [0]) * count
    follow = _Follow(count, think_s)
    fleet = [
        Replica(
            times, rules, isl, osl, started, first, end,  # type: ignore[arg-type]
            ended=None if arrival is None else follow.ended, watch=watch,
        )
        for _ in range(replicas)
    ]  # fmt: skip
    route = _Route(fleet, router, placed)
    if arrival is not None:
        follow.send, follow.arrival = route.send, arrival
        for _ in range(min(concurrency or 0, count)):
            follow.ended(-think_s, -1)
    elif replicas == 1:
        fleet[0].arrivals = list(zip(requests.arrival_s.tolist(), range(count), strict=True))
    else:
        for request, moment in enumerate(requests.arrival_s.tolist()):
            for one in fleet:
                while one.next_start_s() < moment:
                    one.advance(moment)
            route.send(moment, request)
    _drive(fleet)
    sent = requests.arrival_s if arrival is None else np.array(arrival)
    columns = [np.where(np.array(one) < 0.0, math.nan, np.array(one)) for one in (started, first, end)]
    return Outcome(
        arrival_s=sent, started_s=columns[0], first_s=columns[1] + request_s, end_s=columns[2] + request_s,
        isl=requests.isl, osl=requests.osl, replica=np.array(placed), rejected=sum(len(one.rejected) for one in fleet),
        put_back=sum(one.put_back for one in fleet), steps=sum(one.steps for one in fleet),
        busy_s=sum(one.busy_s for one in fleet), least_free_blocks=min(one.least_free for one in fleet),
    )  # fmt: skip


def _joined(requests: Requests, parts: Sequence[tuple[IntArray, Carried]], request_s: float) -> Outcome:
    """One outcome from those of the quick loop's replicas."""
    if parts[-1][1].stopped:
        raise KeyboardInterrupt
    arrival = requests.arrival_s.copy()
    started, first, end = (np.full(len(requests), math.nan) for _ in range(3))
    placed = np.arange(len(requests)) % len(parts)
    held = sum(len(rows) for rows, _ in parts)
    for rows, one in parts:
        arrival[rows], started[rows], first[rows], end[rows] = one.arrival_s, one.started_s, one.first_s, one.end_s
    return Outcome(
        arrival_s=arrival, started_s=started, first_s=first + request_s, end_s=end + request_s,
        isl=requests.isl, osl=requests.osl, replica=placed, rejected=len(requests) - held,
        put_back=sum(one.put_back for _, one in parts), steps=sum(one.steps for _, one in parts),
        busy_s=sum(one.busy_s for _, one in parts), least_free_blocks=min(one.least_free for _, one in parts),
    )  # fmt: skip


def _drive(fleet: Sequence[Replica]) -> None:
    """The replica whose next step starts first goes on until another's does; none sees an arrival too late."""
    if len(fleet) == 1:
        while fleet[0].advance():
            pass
        return
    while True:
        starts = sorted((one.next_start_s(), at) for at, one in enumerate(fleet))
        if starts[0][0] == math.inf:
            return
        fleet[starts[0][1]].advance(starts[1][0])


class _Follow:
    """The closed loop: who ends is followed by the next request."""

    send: Callable[[float, int], None]
    arrival: "array[float]"

    def __init__(self, count: int, think_s: float) -> None:
        self.count, self.think_s, self.sent = count, think_s, 0

    def ended(self, moment: float, request: int) -> None:
        if self.sent < self.count:
            following, self.sent = self.sent, self.sent + 1
            self.arrival[following] = moment + self.think_s
            self.send(moment + self.think_s, following)


class _Route:
    """Which replica a request goes to when it arrives."""

    def __init__(self, fleet: Sequence[Replica], router: str, placed: "array[int]") -> None:
        self.fleet, self.router, self.placed, self.turn = fleet, router, placed, 0

    def send(self, moment: float, request: int) -> None:
        if self.router == "least-loaded":
            at = min(range(len(self.fleet)), key=lambda one: self.fleet[one].load)
        else:
            at = self.turn % len(self.fleet)
            self.turn += 1
        self.placed[request] = at
        self.fleet[at].add(moment, request)
