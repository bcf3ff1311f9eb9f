"""Several loads: a sweep over rates to the knee, and the highest rate that still meets the SLO.

All runs have the same requests, closer together: what differs between them is the rate alone.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise

from tokenroof.types.workload import Load
from tokenroof.usecases.simulate.answer import LoadPoint, SimulateResponse
from tokenroof.usecases.simulate.load import draw
from tokenroof.usecases.simulate.runs import Runs
from tokenroof.usecases.simulate.setup import Setup

__all__ = ["at_rate", "at_seed", "capacity_of", "knee_of", "point_of"]

_CLOSE = 0.01  # the capacity is told to 1 %
_FURTHER, _DOWN = 1.5, 0.5
_MOST_STEPS = 24  # down to a ten-millionth of what the machine serves at most


def at_rate(setup: Setup, rate: float) -> Setup:
    """The same requests at another rate, and the same deployment under that load."""
    deployment = replace(setup.deployment, load=Load(kind="request_rate", value=rate))
    source = replace(setup.source, words=setup.source.at_rate(rate))
    return replace(
        setup, requests=setup.requests.scaled(rate / setup.rate), deployment=deployment, source=source, rate=rate
    )


def at_seed(setup: Setup, seed: int) -> Setup:
    """Other draws of the same question, on the same deployment."""
    request = replace(setup.request, seed=seed)
    return replace(
        setup, request=request, requests=draw(request, setup.source, setup.deployment.workload),
        rules=replace(setup.rules, seed=seed),
    )  # fmt: skip


def point_of(answer: SimulateResponse, rate: float | None) -> LoadPoint:
    """One row of a sweep."""
    return LoadPoint(
        seed=answer.seed, request_rate=rate, requests_per_s=answer.requests_per_s, ttft=answer.ttft, tpot=answer.tpot,
        e2e=answer.e2e, slo_share=answer.slo_share, goodput=answer.goodput, slo_held=answer.slo_held,
        output_tokens_per_s_per_gpu=answer.output_tokens_per_s_per_gpu, batch=answer.batch, kv_fill=answer.kv_fill,
        cache_hit_rate=answer.cache_hit_rate, overloaded=answer.overload is not None, short=answer.short,
    )  # fmt: skip


def knee_of(points: Sequence[LoadPoint]) -> int | None:
    """The last of the rates before the first step in which mean E2E grows by more than throughput, or the queue grows
    without bound; None where there is none.
    """
    for at, (here, after) in enumerate(pairwise(points)):
        if here.overloaded or here.e2e is None or after.e2e is None:
            return max(at - 1, 0) if here.overloaded else None
        faster = after.requests_per_s / here.requests_per_s if here.requests_per_s else math.inf
        if after.overloaded or after.e2e.mean / here.e2e.mean > faster:
            return at
    return None


def _holds(answer: SimulateResponse, share: float) -> bool:
    if answer.slo_held is not None:
        return answer.slo_held
    return answer.overload is None and answer.slo_share is not None and answer.slo_share >= share


def capacity_of(setup: Setup, runs: Runs, share: float) -> tuple[SimulateResponse, float, tuple[LoadPoint, ...]]:
    """The run at the highest rate at which so large a share of the requests meets every limit, or limits on percentiles
    hold, that rate (0 where there is none), and every rate that was tried, in order.

    Bisection, begun at what the closed form says the machine serves at most.
    """
    asked = _Asked(setup, runs, share)
    low, high = _bracket(asked, setup.deployment.serve(Load(kind="saturated")).requests_per_s)
    while low > 0.0 and high / low > 1.0 + _CLOSE:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if asked.holds(middle, _halvings(low, high)) else (low, middle)
    return asked.kept[0], low, tuple(asked.tried[rate] for rate in sorted(asked.tried))


class _Asked:
    """Runs of a search. Where there is room for several at once, those that may be asked for next are run ahead; what
    is never asked for leaves no trace.
    """

    def __init__(self, setup: Setup, runs: Runs, share: float) -> None:
        self.setup, self.runs, self.share = setup, runs, share
        self.tried: dict[float, LoadPoint] = {}
        self.kept: list[SimulateResponse] = []  # the best so far: the last that holds, else the one at the lowest rate
        self._ahead: dict[float, SimulateResponse] = {}

    def holds(self, rate: float, next_rates: Iterator[float]) -> bool:
        """Whether the limits are met at a rate."""
        if rate not in self._ahead:
            together = [rate, *islice((one for one in next_rates if one != rate), self.runs.width - 1)]
            self._ahead = dict(zip(together, self.runs.of([at_rate(self.setup, one) for one in together]), strict=True))
        answer = self._ahead.pop(rate)
        self.tried[rate] = point_of(answer, rate)
        good = _holds(answer, self.share)
        if good or not any(_holds(one, self.share) for one in self.kept):
            self.kept[:] = [answer]
        return good


def _halvings(low: float, high: float) -> Iterator[float]:
    """Rates that a bisection may come to, the nearest first."""
    spans = deque([(low, high)])
    while spans:
        low, high = spans.popleft()
        if high / low > 1.0 + _CLOSE:
            middle = math.sqrt(low * high)
            yield middle
            spans += ((low, middle), (middle, high))


def _steps(rate: float, factor: float) -> Iterator[float]:
    while True:
        yield rate
        rate *= factor


def _bracket(asked: _Asked, start: float) -> tuple[float, float]:
    """A rate that holds and one that does not; (0, rate) where none was found that does."""
    if asked.holds(start, _steps(start * _FURTHER, _FURTHER)):
        low = start
        for _ in range(_MOST_STEPS):
            if not asked.holds(low * _FURTHER, _steps(low * _FURTHER, _FURTHER)):
                return low, low * _FURTHER
            low *= _FURTHER
        return low, low
    high = start
    for _ in range(_MOST_STEPS):
        if asked.holds(high * _DOWN, _steps(high * _DOWN, _DOWN)):
            return high * _DOWN, high
        high *= _DOWN
    return 0.0, high
