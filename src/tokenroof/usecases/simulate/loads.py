"""Several loads: a sweep over rates to the knee, and the highest rate that still meets the SLO.

All runs have the same requests, closer together: what differs between them is the rate alone. They are made one after
the other, since the simulator holds the interpreter and threads would not be quicker.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from tokenroof.types.workload import Load
from tokenroof.usecases.simulate.answer import LoadPoint, SimulateResponse
from tokenroof.usecases.simulate.setup import Setup

__all__ = ["at_rate", "capacity_of", "knee_of", "point_of"]

_CLOSE = 0.01  # the capacity is told to 1 %
_FURTHER, _DOWN = 1.5, 0.5
_MOST_STEPS = 24  # down to a ten-millionth of what the machine serves at most

Run = Callable[[Setup], SimulateResponse]


def at_rate(setup: Setup, rate: float) -> Setup:
    """The same requests at another rate, and the same deployment under that load."""
    deployment = replace(setup.deployment, load=Load(kind="request_rate", value=rate))
    source = replace(setup.source, words=setup.source.at_rate(rate))
    return replace(
        setup, requests=setup.requests.scaled(rate / setup.rate), deployment=deployment, source=source, rate=rate
    )


def point_of(answer: SimulateResponse, rate: float) -> LoadPoint:
    """One row of a sweep."""
    return LoadPoint(
        request_rate=rate, requests_per_s=answer.requests_per_s, ttft=answer.ttft, tpot=answer.tpot, e2e=answer.e2e,
        slo_share=answer.slo_share, goodput=answer.goodput,
        output_tokens_per_s_per_gpu=answer.output_tokens_per_s_per_gpu, batch=answer.batch, kv_fill=answer.kv_fill,
        cache_hit_rate=answer.cache_hit_rate, overloaded=answer.overload is not None,
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
    return answer.overload is None and answer.slo_share is not None and answer.slo_share >= share


def capacity_of(setup: Setup, run: Run, share: float) -> tuple[SimulateResponse, float, tuple[LoadPoint, ...]]:
    """The run at the highest rate at which so large a share of the requests meets every limit, that rate (0 where there
    is none), and every rate that was tried, in order.

    Bisection, begun at what the closed form says the machine serves at most.
    """
    tried: dict[float, LoadPoint] = {}
    kept: list[SimulateResponse] = []  # the best run so far: the last that holds, else the one at the lowest rate

    def holds(rate: float) -> bool:
        answer = run(at_rate(setup, rate))
        tried[rate] = point_of(answer, rate)
        good = _holds(answer, share)
        if good or not any(_holds(one, share) for one in kept):
            kept[:] = [answer]
        return good

    most = setup.deployment.serve(Load(kind="saturated")).requests_per_s
    low, high = _bracket(holds, most)
    while low > 0.0 and high / low > 1.0 + _CLOSE:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return kept[0], low, tuple(tried[rate] for rate in sorted(tried))


def _bracket(holds: Callable[[float], bool], start: float) -> tuple[float, float]:
    """A rate that holds and one that does not; (0, rate) where none was found that does."""
    if holds(start):
        low = start
        for _ in range(_MOST_STEPS):
            if not holds(low * _FURTHER):
                return low, low * _FURTHER
            low *= _FURTHER
        return low, low
    high = start
    for _ in range(_MOST_STEPS):
        if holds(high * _DOWN):
            return high * _DOWN, high
        high *= _DOWN
    return 0.0, high
