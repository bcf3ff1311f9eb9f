"""Whether a run is long enough to be told from, and how many requests would be."""

import math

import numpy as np

from tokenroof.usecases.simulate.load import WAVES
from tokenroof.usecases.simulate.setup import Setup
from tokenroof.usecases.simulate.statistics import LONG, Counted

__all__ = ["is_short", "requests_enough", "wave_of"]

_FEW = 20  # requests that count, and that end while rates are measured: fewer say nothing
_STEADY = 0.1  # of what comes, or of those at once: what is served may differ by so much
_FIRM = 100  # of which one is above the 99th percentile
_SIGMAS = 2.0
_ROOM = 2.0  # requests stay longer in a machine that is full


def wave_of(setup: Setup) -> int:
    """Requests of a closed loop that begin at once, and wait for each other's prompts; none where they come at random
    or each has a replica to itself.
    """
    clients = setup.concurrency
    if clients is None or setup.think_s > 0.0 or clients <= setup.deployment.replicas:
        return 0
    return min(clients, len(setup.requests.isl))


def is_short(setup: Setup, found: Counted, stay_s: float) -> bool:
    """Few requests count, most of them are of the first wave, or the machine fills or drains while rates are measured:
    it serves other than comes, or than is at once over the time that each takes (Little's law).
    """
    counted, early = int(found.ended.sum()), max(wave_of(setup) - found.warmup, 0)
    if min(counted, int(found.in_span.sum())) < _FEW or 2 * early > counted or found.draining:
        return True
    served = int(found.in_span.sum()) / found.span_s
    if setup.concurrency is not None:
        come = setup.concurrency / (stay_s + setup.think_s)
    else:
        arrival = setup.requests.arrival_s
        come = int(((arrival > found.from_s) & (arrival <= found.to_s)).sum()) / found.span_s
    return abs(served - come) > _STEADY * come


def requests_enough(setup: Setup, found: Counted, stay_s: float) -> int | None:
    """How many requests would be: of a trace nobody has more."""
    if setup.source.requests is not None:
        return None
    counted, clients = 1.0 - found.warmup / len(setup.requests.isl), setup.concurrency
    if clients is None:
        inside = stay_s * setup.requests.mean_rate  # and as many as chance alone may leave more or fewer at the end
        needed = _ROOM * LONG * inside + _SIGMAS * (2.0 * inside) ** 0.5 / _STEADY
    elif setup.think_s > 0.0:
        needed = clients + _ROOM * LONG * stay_s * clients / (stay_s + setup.think_s)
    else:
        needed = WAVES * clients * counted
    needed = max(needed, _FIRM) / max(counted, 0.1)
    step = 10.0 ** max(math.floor(np.log10(needed)) - 1, 0)
    return int(math.ceil(needed / step) * step)
