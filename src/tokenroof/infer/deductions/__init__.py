"""Deductions by channel: each a named function with formula, direction, calibration and caveat."""

from tokenroof.infer.deductions.base import Deduction, Machine
from tokenroof.infer.deductions.cache_hit import kv_from_cached_price
from tokenroof.infer.deductions.fast_mode import batch_from_fast_mode
from tokenroof.infer.deductions.long_context import kv_from_flat_price, kv_from_step
from tokenroof.infer.deductions.output_ratio import decode_share
from tokenroof.infer.deductions.price_level import size_from_price
from tokenroof.infer.deductions.spare_capacity import duty_from_discount
from tokenroof.infer.deductions.speed import active_from_speed, bandwidth_from_speed
from tokenroof.infer.deductions.spread import floor_from_spread
from tokenroof.infer.deductions.storage import tier_from_storage_price, tiers_by_lifetime
from tokenroof.infer.evidence import Evidence

__all__ = [
    "Deduction", "Machine", "active_from_speed", "all_deductions", "bandwidth_from_speed", "batch_from_fast_mode",
    "decode_share", "duty_from_discount", "floor_from_spread", "kv_from_cached_price", "kv_from_flat_price",
    "kv_from_step", "size_from_price", "tier_from_storage_price", "tiers_by_lifetime",
]  # fmt: skip


def all_deductions(
    evidence: Evidence, active_params: float, machine: Machine, hold_times_s: tuple[float, ...] = ()
) -> tuple[Deduction, ...]:
    """Every deduction that this evidence allows. `active_params` is what formulas that need it assume."""
    found = (
        size_from_price(evidence),
        decode_share(evidence),
        kv_from_step(evidence, active_params, machine),
        kv_from_flat_price(evidence, active_params, machine),
        kv_from_cached_price(evidence, machine),
        tier_from_storage_price(evidence),
        *tiers_by_lifetime(hold_times_s),
        batch_from_fast_mode(evidence),
        active_from_speed(evidence, machine),
        bandwidth_from_speed(evidence, active_params),
        duty_from_discount(evidence),
        floor_from_spread(evidence),
    )
    return tuple(deduction for deduction in found if deduction is not None)
