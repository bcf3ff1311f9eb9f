"""Prompts before GPUs that do nothing but prefill: what each waits for others, beside its own time.

A step takes whatever prompts stand before the worker, `b` of them at most. It takes a time `f + k v` for `k` of them,
so that who comes while one runs waits for its rest and then shares the next with all that came meanwhile. Workers are
served in turn: each sees every c-th arrival, which is less random than the arrivals are.
"""

import math

from tokenroof.formulas.queueing import many_servers_mean_wait_s
from tokenroof.types.program import Num
from tokenroof.xp import Namespace

__all__ = ["prompt_wait_s"]

_FULLEST = 0.995  # of what workers take: beyond it the queue is what the load makes it, not what chance does
_TURNS = 5  # of Newton's rule, from below
_ONE = 1.0 + 1e-6
_SELDOM = 1e-9


def prompt_wait_s(
    rate: Num, *, one_s: Num, full_s: Num, group: Num, workers: Num, xp: Namespace, clients: Num = math.inf
) -> Num:
    """Mean wait of a prompt where `rate` come per second to all `workers`: for the step under way, those before it, and
    those in its own step.

    `one_s` is a step with one prompt, `full_s` one with the `group` that fills it. Arrivals are at random; where they
    come from a number of `clients` who each wait for an answer, as many come in a cycle as there are clients, so that
    a queue is shorter than at random arrivals, as a Brownian bridge is beside a Brownian motion.
    """
    several = group > _ONE
    fixed_s = xp.where(several, (group * one_s - full_s) / xp.maximum(group - 1.0, _ONE - 1.0), 0.0)
    fixed_s = xp.minimum(xp.maximum(fixed_s, 0.0), one_s)
    each_s = one_s - fixed_s
    pace_s = full_s / group
    others = 1.0 - 1.0 / xp.maximum(clients, 1.0)
    rate = xp.maximum(xp.minimum(others * rate / workers, _FULLEST / pace_s), _SELDOM / pace_s)
    used, load = rate * pace_s, xp.minimum(rate * each_s, _FULLEST)
    # Prompts in a step: those that came in the one before, or the one that ends an idle time. `came` on average.
    came = 0.0 * used
    for _ in range(_TURNS):
        nobody = xp.exp(-came)
        came = came - (came * (1.0 - load) - rate * fixed_s - load * nobody) / (1.0 - load + load * nobody)
    nobody = xp.exp(-came)
    step_s = (fixed_s + each_s * nobody) / (1.0 - load)
    prompts = rate * step_s + nobody
    met_s = (fixed_s**2 + (2.0 * fixed_s + each_s) * each_s * prompts) / (1.0 - load**2) / step_s
    busy = rate * step_s / prompts
    uneven = 1.0 / workers  # of every c-th random arrival: the square of its coefficient of variation
    # Kraemer and Langenbach-Belz 1976, for queues of less than random arrivals before equal times.
    meets = xp.exp(-2.0 * (1.0 - busy) * (1.0 - uneven) ** 2 / (3.0 * busy * uneven))
    gated_s = busy * met_s * (1.0 + load) / 2.0
    before_s = busy * fixed_s / 2.0 + many_servers_mean_wait_s(
        requests_per_s=rate, service_s=full_s, servers=group, arrival_cv=1.0, service_cv=0.0, xp=xp
    )
    beside_s = busy * xp.minimum(rate * met_s, group - 1.0) * each_s / 2.0
    at_random_s = xp.maximum(gated_s, before_s) + beside_s
    # Where they come like clockwork every step lasts f / (1 - load): half of one is waited for, and one is shared.
    evenly_s = xp.maximum(1.5 * xp.minimum(fixed_s / (1.0 - load), full_s) - one_s, busy * fixed_s / 2.0)
    by_chance_s = xp.maximum(at_random_s - evenly_s, 0.0)
    return meets * (evenly_s + uneven * _of_a_bridge(used, clients, xp) * by_chance_s)


def _of_a_bridge(used: Num, clients: Num, xp: Namespace) -> Num:
    """Mean queue of so many clients over that of random arrivals: sqrt(pi) z e^(z^2) erfc(z), z = (1 - u) sqrt(N / 2)
    of the others.

    To 1 %, between the bounds of Mills' ratio, which 4 / pi and 2 give.
    """
    if not hasattr(clients, "shape") and clients == math.inf:
        return 1.0
    z = (1.0 - used) * xp.sqrt(xp.maximum(clients - 1.0, 0.0) / 2.0)
    return 2.0 * z / (z + xp.sqrt(z * z + (4.0 / math.pi + 2.0 * z) / (1.0 + z)))
