"""The largest load at random arrivals that a deployment carries: what a plan counts its replicas by."""

import math
from dataclasses import replace
from functools import cache

from tokenroof.scenario.arriving import SETTLED, fastest_inside
from tokenroof.scenario.deployment import SLACK, Deployment
from tokenroof.types.workload import Load

__all__ = ["carried"]


def carried(deployment: Deployment, load: Load, most: float = math.inf) -> tuple[float, float]:
    """The largest load at random arrivals, in requests/s or users as `load` has it, that one replica carries
    inside the limits and without a queue that grows, 0 where none; and the highest rate that it carries so. The load
    passes no more than `most` requests/s.
    """
    one, limits = replace(deployment, replicas=1), deployment.limits
    room = one.room()
    if room < 1.0:
        return 0.0, 0.0

    at = cache(one.at_rates(load, room))

    def spare(rate: float) -> float:
        asked = (limits.ttft_s, at(rate).ttft_s), (limits.tpot_s, at(rate).tpot_s / one.tokens_per_step)
        return min((limit * SLACK / float(value) - 1.0 for limit, value in asked if limit is not None), default=0.0)

    full = float(one.estimate(Load(kind="saturated"), room).requests_per_s)
    highest = fastest_inside(spare, full * (1.0 - SETTLED))
    rate = min(highest, most)
    if load.kind != "users" or not rate:
        return rate, highest
    # Users who wait for room ask no more: a full server keeps up with those whom it would keep up with without a queue.
    return min(rate * (load.think_s + float(at(rate).e2e_s)), full * load.think_s + room), highest
