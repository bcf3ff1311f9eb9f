"""A fast mode's price and speed, and what they say about the batch (lecture section 5.6)."""

from typing import Any

from tokenroof.formulas.pricing import (
    fast_tier_load,
    fast_tier_time_over_floor,
    slow_tier_time_over_floor,
    tier_batch_ratio,
)
from tokenroof.infer.deductions.base import ESTIMATE, Deduction
from tokenroof.infer.evidence import Evidence

__all__ = ["batch_from_fast_mode"]


def batch_from_fast_mode(evidence: Evidence) -> Deduction | None:
    """Slow batch over fast batch, and how much faster any price could still buy.

    Formula: B_slow / B_fast = p v; T_fast / a = 1 + (v - 1) / (p v - v), with T = a + b B and price as T / B
    Direction: estimate on the same hardware without speculation; "up to" makes v an upper bound.
    """
    price, speed = evidence.fast_price_x, evidence.fast_speed_x
    if price is None or speed is None or price <= 1.0 or speed <= 1.0:
        return None
    pair: dict[str, Any] = {"price_ratio": price, "speed_ratio": speed}
    ratio = tier_batch_ratio(**pair)
    room = fast_tier_time_over_floor(**pair)
    slow = slow_tier_time_over_floor(**pair)
    return Deduction(
        name="fast mode",
        channel="fast_mode",
        quantity="slow batch over fast batch",
        unit="1",
        direction=ESTIMATE,
        low=None,
        point=ratio,
        high=None,
        formula="p v, with T = a + b B and price proportional to T / B",
        inputs={
            **pair,
            "fast_load": fast_tier_load(**pair),
            "fast_time_over_floor": room,
            "slow_time_over_floor": slow,
        },
        calibration="none: the same lab asked 6x and later 2x for the same claimed speed",
        caveat="speculative decoding, other hardware or a margin would look the same",
        verdict=f"no price buys more than another {room:.2f}x",
    )
