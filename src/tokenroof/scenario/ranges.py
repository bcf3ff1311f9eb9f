"""The 80 % range of a predicted number and what follows from it: the one place that reads a profile's spread.

Errors are lognormal about the prediction, with the half-width of the metric and of the model's kind.
"""

import math

from tokenroof.types.efficiency import Efficiency
from tokenroof.types.served import Ranged

__all__ = ["LOWER_IS_BETTER", "chance_within", "equal_width", "ranged", "spread", "tightened"]

# As the ranges were fitted: whole requests err as throughputs do, whose inverse they are in a closed loop.
_SPREAD_OF = {"tpot": "tpot", "ttft": "ttft", "ttft_p50": "ttft", "step": "tpot"}
_Z80 = 1.2815515655446004  # standard deviations in the half-width of an 80 % range
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


def chance_within(metric: str, value: float, limit: float, profile: Efficiency) -> float:
    """The probability that a predicted mean is measured within a limit; without a range 1 or 0."""
    width = spread(metric, profile)
    if width == 0.0 or not math.isfinite(value):
        return float(value <= limit)
    return 0.5 * (1.0 + math.erf(math.log(limit / value) / (width / _Z80) / math.sqrt(2.0)))


def tightened(metric: str, limit: float | None, profile: Efficiency, confidence: float) -> float | None:
    """What the prediction must stay within for the limit to hold with this probability."""
    if limit is None or confidence == 0.5:
        return limit
    from statistics import NormalDist

    return limit * math.exp(-NormalDist().inv_cdf(confidence) * spread(metric, profile) / _Z80)


def equal_width(metric: str, profile: Efficiency, differ: str = "layouts") -> float:
    """Difference of logarithms that two deployments of one machine must exceed to be told apart: 80 % err by less.

    `differ`: layouts, formats or roles. Where no pairs that differ so were measured, errors count as independent, and
    never as nearer than those of the pairs that were.
    """
    kind = _SPREAD_OF.get(metric, "throughput")
    known = {key: width for key, width in profile.pair_spread.items() if key.endswith(f".{kind}")}
    if f"{differ}.{kind}" in known:
        return known[f"{differ}.{kind}"]
    return max([math.sqrt(2.0) * spread(metric, profile), *known.values()])
