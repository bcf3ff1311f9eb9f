"""How many requests are in the system at once when they arrive at random: not the mean, but what is seldom passed.

A batch shared by all that run is a processor-sharing queue. With `rates[n - 1]` requests/s leaving while n are inside,
n is found with a probability in proportion to the product of arrival rate over rates 1 to n, whatever the lengths of
the answers (such queues do not depend on them). Rates that grow as n give Poisson's distribution, constant ones the
geometric one.
"""

import math
from typing import Any

__all__ = ["SELDOM", "least_room", "present_at_most"]

SELDOM = 1e-3  # of the time more are present


def present_at_most(arrivals_per_s: float, rates: Any, seldom: float = SELDOM) -> int:
    """Requests present that are passed in at most this share of the time; the number of rates where that is beyond
    them, with the last rate taken to go on.
    """
    import numpy as np

    logs = np.concatenate([[0.0], np.cumsum(math.log(arrivals_per_s) - np.log(np.asarray(rates, dtype=float)))])
    weights = np.exp(logs - logs.max())
    load = arrivals_per_s / float(rates[-1])
    tail = weights[-1] * load / (1.0 - load) if load < 1.0 else math.inf
    inside = np.cumsum(weights)
    enough = inside >= (1.0 - seldom) * (inside[-1] + tail)
    return int(np.argmax(enough)) if enough.any() else len(weights) - 1


def least_room(mean: float) -> int:
    """Three standard deviations of Poisson arrivals above the mean: what must always be admitted."""
    return math.ceil(mean + 3.0 * math.sqrt(mean))
