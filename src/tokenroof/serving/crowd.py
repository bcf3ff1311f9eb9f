"""How many requests are inside a server whose speed depends on how many there are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Crowd", "inside_of"]

_NODES = 160
_FULLEST = 1.0 - 1e-9


def inside_of(limit: Any, *shapes: Any) -> Any:
    """Numbers of requests from 1 to `limit`, along a first axis that the other arguments' shapes follow.

    They stand closer where they are few: so that a crowd, which varies by the root of its number, is seen everywhere.
    """
    shape = np.broadcast_shapes(np.shape(limit), *(np.shape(one) for one in shapes))
    steps = (np.arange(_NODES) / (_NODES - 1.0)).reshape((-1,) + (1,) * len(shape)) ** 2
    return 1.0 + (np.broadcast_to(limit, shape) - 1.0) * steps


@dataclass(frozen=True, slots=True)
class Crowd:
    """Means over time: how many are served `inside`, and how many are `queued` for a place.

    `joined` are the chances of an arrival to be one of so many from then on.
    """

    joined: Any
    inside: Any
    queued: Any

    @classmethod
    def of(cls, numbers: Any, ratios: Any) -> "Crowd":
        """From arrivals over departures at each number: p(n) is in proportion to the product of the ratios up to n.

        Sums over whole numbers are taken as integrals between the numbers given, with the ends' halves added.
        """
        last = np.minimum(ratios[-1], _FULLEST)
        log = np.log(ratios)
        gaps = np.diff(numbers, axis=0)
        area = np.concatenate([np.zeros_like(log[:1]), np.cumsum(gaps * (log[1:] + log[:-1]) / 2.0, axis=0)])
        height = area + (log + log[:1]) / 2.0
        top = np.maximum(height.max(axis=0), 0.0)
        height, none = np.exp(height - top), np.exp(-top)
        width = np.zeros_like(height)
        width[1:] += gaps / 2.0
        width[:-1] += gaps / 2.0
        width[0] += 0.5
        width[-1] += 0.5
        weight = height * width
        beyond = height[-1] * last / (1.0 - last)
        whole = none + weight.sum(axis=0) + beyond
        weight, beyond = weight / whole, beyond / whole
        # Rates up and down between n - 1 and n are equal: who makes it n found n - 1.
        joined = weight / ratios
        joined[-1] = joined[-1] + beyond / last
        return cls(
            joined=joined / joined.sum(axis=0),
            inside=(weight * numbers).sum(axis=0) + beyond * numbers[-1],
            queued=beyond / (1.0 - last),
        )

    def mean(self, values: Any) -> Any:
        """What arrivals meet of a value that depends on the number."""
        return (self.joined * values).sum(axis=0)
