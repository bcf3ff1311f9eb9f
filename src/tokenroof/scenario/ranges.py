"""The 80 % range of a predicted number: the one place that reads a profile's spread."""

import math

from tokenroof.types.efficiency import Efficiency
from tokenroof.types.served import Ranged

__all__ = ["LOWER_IS_BETTER", "ranged", "spread"]

# As the ranges were fitted: whole requests err as throughputs do, whose inverse they are in a closed loop.
_SPREAD_OF = {"tpot": "tpot", "ttft": "ttft", "ttft_p50": "ttft", "step": "tpot"}
LOWER_IS_BETTER = frozenset({"tpot", "ttft", "ttft_p50", "e2e", "step", "cost"})


def spread(metric: str, profile: Efficiency) -> float:
    """Half-width of the 80 % range of a metric, as a natural logarithm; 0 where the profile states none."""
    return profile.spread.get(_SPREAD_OF.get(metric, "throughput"), 0.0)


def ranged(metric: str, value: float, profile: Efficiency, bound: float | None = None) -> Ranged:
    """The range never passes the hardware bound."""
    width = spread(metric, profile)
    if width == 0.0 or not math.isfinite(value):
        return Ranged(value=value, bound=bound)
    low, high = value * math.exp(-width), value * math.exp(width)
    if bound is not None and metric in LOWER_IS_BETTER:
        low = max(low, min(bound, value))
    elif bound is not None:
        high = min(high, max(bound, value))
    return Ranged(value=value, low=low, high=high, bound=bound)
