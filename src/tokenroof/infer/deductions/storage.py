"""Prices of holding a cache, and the memory tier it can lie in (lecture sections 5.4 and 5.5)."""

from collections.abc import Sequence

from tokenroof.catalog.tiers import load_tiers
from tokenroof.formulas.roofline import drain_time_s
from tokenroof.infer.deductions.base import ESTIMATE, UPPER, Deduction
from tokenroof.infer.evidence import Evidence

__all__ = ["HBM_USD_PER_GB_H", "PLAUSIBLE_KV", "kv_by_tier", "tier_by_drain_time", "tier_from_storage_price"]

HBM_USD_PER_GB_H = 0.035  # H200 or B200 rent over capacity (price study section 4)
PLAUSIBLE_KV = (4e3, 516e3)  # 16-bit bytes per token of open models
_TIERS = ("host-dram", "nvme-small", "disk")


def kv_by_tier(usd_per_token_h: float) -> dict[str, float]:
    """KV bytes per token that a holding price would pay for in each tier, at the tier's rent."""
    rents = {"HBM": HBM_USD_PER_GB_H}
    for tier in load_tiers():
        if tier.id in _TIERS and tier.usd_per_byte_s is not None:
            rents[tier.id] = tier.usd_per_byte_s * 3600.0 * 1e9
    return {name: usd_per_token_h / rent * 1e9 for name, rent in rents.items()}


def tier_from_storage_price(evidence: Evidence) -> Deduction | None:
    """Which memory a holding price can be rent for.

    Formula: kv = price per token-hour / (rent per byte-hour of the tier)
    Direction: upper bound on KV bytes in each tier; tiers that would need an absurd cache are ruled out.
    """
    price = evidence.storage_usd_per_token_h
    if price is None:
        return None
    by_tier = kv_by_tier(price)
    low, high = PLAUSIBLE_KV
    fits = [name for name, kv in by_tier.items() if low <= kv <= high]
    cheap = [name for name, kv in by_tier.items() if kv < low]
    verdict = f"rent of {' or '.join(fits)}" if fits else "rent of no tier at a plausible cache"
    if cheap:
        verdict += f"; below the rent of {', '.join(cheap)} for any known cache"
    return Deduction(
        name="storage price",
        channel="storage",
        quantity="KV bytes per token if HBM",
        unit="B/token",
        direction=UPPER,
        low=None,
        point=by_tier["HBM"],
        high=by_tier["HBM"],
        formula="price per token-hour / rent per byte-hour",
        inputs={"usd_per_mtok_h": price * 1e6, **{f"kv_if_{name}": kv for name, kv in by_tier.items()}},
        calibration="the five sheets with a known cache are Volcengine's: 90x to 5,400x over this bound, so not HBM; "
        "two vendors document their tier: OpenAI GPU memory, DeepSeek disk (which it does not charge for)",
        caveat="a margin on storage and a flat fee look alike: Volcengine asks the same for 5 KB and 90 KB caches",
        verdict=verdict,
    )


def tier_by_drain_time(hold_s: float) -> Deduction:
    """The tier whose drain time is nearest a holding time, by the lecture's criterion.

    Formula: t_hold ~ Q / W
    Direction: estimate.
    """
    drains = {
        tier.id: float(drain_time_s(memory_bytes=tier.capacity_bytes, bytes_per_s=tier.bytes_per_s))
        for tier in load_tiers()
        if tier.capacity_bytes is not None
    }
    drains["hbm"] = 0.024

    def distance(name: str) -> float:
        return max(drains[name] / hold_s, hold_s / drains[name])

    best = min(drains, key=distance)
    return Deduction(
        name="cache lifetime",
        channel="storage",
        quantity="drain time of the nearest tier",
        unit="s",
        direction=ESTIMATE,
        low=None,
        point=drains[best],
        high=None,
        formula="t_hold ~ Q / W",
        inputs={"hold_s": hold_s, **{f"drain_{name}": value for name, value in drains.items()}},
        calibration="none: no vendor says how it chose its times",
        caveat="real drives drain far slower than the lecture's minute and hour",
        verdict=f"{best} (off by {distance(best):.1f}x; disk by {distance('disk'):.0f}x)",
    )


def tiers_by_lifetime(hold_times_s: Sequence[float]) -> tuple[Deduction, ...]:
    """One verdict for each time to live on the sheet."""
    return tuple(tier_by_drain_time(hold) for hold in hold_times_s)
