"""How many requests are inside a server whose speed depends on how many there are.

A batch shared by all that run is a processor-sharing queue. Where requests leave at a rate that depends on their
number, that number is found with a probability in proportion to the product of arrivals over departures up to it,
whatever the lengths of the answers (such queues do not depend on them). Departures that grow as the number give
Poisson's distribution, constant ones the geometric one.
"""

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["SELDOM", "Crowd", "inside_of", "least_room"]

SELDOM = 1e-3  # of the time more are present
_EACH = 64  # numbers up to here are taken one by one
_BEYOND = 256  # places between there and the limit
_FULLEST = 1.0 - 1e-9


def inside_of(limit: Any, *shapes: Any) -> Any:
    """Numbers of requests from 1 to `limit`, along a first axis that the other arguments' shapes follow.

    Whole ones as far as they are few; beyond, they stand closer where they are fewer: a crowd varies by the root of its
    number. Where the limit is low its places are repeated.
    """
    import numpy as np

    shape = np.broadcast_shapes(np.shape(limit), *(np.shape(one) for one in shapes))
    top = np.broadcast_to(limit, shape).astype(float)
    tail = (-1,) + (1,) * len(shape)
    few = np.minimum(np.arange(1.0, _EACH + 1.0).reshape(tail), top)
    steps = (np.arange(1.0, _BEYOND + 1.0) / _BEYOND).reshape(tail)
    low, high = np.sqrt(few[-1]), np.sqrt(top)
    return np.concatenate([few, (low + (high - low) * steps) ** 2])


@dataclass(frozen=True, slots=True)
class Crowd:
    """Means over time: how many are served `inside`, and how many are `queued` for a place.

    `joined` are the chances of an arrival to be one of so many from then on, `empty` and `within` the shares of the
    time in which nobody and at most so many of `numbers` are there.
    """

    numbers: Any
    joined: Any
    empty: Any
    within: Any
    inside: Any
    queued: Any

    @classmethod
    def of(cls, numbers: Any, ratios: Any) -> "Crowd":
        """From arrivals over departures at each of `inside_of`: p(n) goes as the product of the ratios up to n.

        Beyond the whole numbers sums are taken as integrals between the places, with halves of the ends.
        """
        import numpy as np

        last = np.minimum(ratios[-1], _FULLEST)
        log = np.log(ratios)
        few, edge = numbers[:_EACH], numbers[_EACH - 1 :]
        fresh = np.concatenate([np.ones_like(few[:1], dtype=bool), np.diff(few, axis=0) > 0])
        heights = np.cumsum(np.where(fresh, log[:_EACH], 0.0), axis=0)
        gaps, tail = np.diff(edge, axis=0), log[_EACH - 1 :]
        rise = np.cumsum(gaps * (tail[1:] + tail[:-1]) / 2.0, axis=0) + (tail[1:] - tail[:1]) / 2.0
        heights = np.concatenate([heights, heights[-1:] + rise])
        widths = np.zeros_like(heights)
        widths[:_EACH] = fresh
        widths[_EACH - 1 : -1] += gaps / 2.0
        widths[_EACH:] += gaps / 2.0
        wide = edge[-1] > _EACH
        widths[_EACH - 1] -= np.where(wide, 0.5, 0.0)
        widths[-1] += np.where(wide, 0.5, 0.0)
        through = widths.copy()  # of a sum that ends at a place: half of the gap before it and half of itself
        through[_EACH:] = np.where(wide, (gaps + 1.0) / 2.0, 0.0)
        through[_EACH - 1] = fresh[-1]
        top = np.maximum(heights.max(axis=0), 0.0)
        heights, none = np.exp(heights - top), np.exp(-top)
        weight, beyond = heights * widths, heights[-1] * last / (1.0 - last)
        whole = none + weight.sum(axis=0) + beyond
        empty = none / whole
        within = empty + (np.cumsum(weight, axis=0) - weight + heights * through) / whole
        weight, beyond = weight / whole, beyond / whole
        # Rates up and down between n - 1 and n are equal: who makes it n found n - 1.
        joined = weight / ratios
        joined[-1] = joined[-1] + beyond / last
        return cls(
            numbers=numbers,
            empty=empty,
            within=within,
            joined=joined / joined.sum(axis=0),
            inside=(weight * numbers).sum(axis=0) + beyond * numbers[-1],
            queued=beyond / (1.0 - last),
        )

    def mean(self, values: Any) -> Any:
        """What arrivals meet of a value that depends on the number."""
        return (self.joined * values).sum(axis=0)

    def seldom_passed(self, share: float = SELDOM) -> int:
        """Requests present that are passed in at most this share of the time, a queue included; at most the limit."""
        import numpy as np

        at = np.interp(1.0 - share, [self.empty, *self.within], [0.0, *self.numbers])
        return math.ceil(float(at) - 1e-9)  # places are roots squared, so not whole to the last digit


def least_room(mean: float) -> int:
    """Three standard deviations of Poisson arrivals above the mean: what must always be admitted."""
    return math.ceil(mean + 3.0 * math.sqrt(mean))
