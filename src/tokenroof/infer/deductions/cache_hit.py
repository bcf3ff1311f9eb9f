"""Price of a cached read, and what reading a token's cache back can cost (lecture section 5.3)."""

from tokenroof.infer.deductions.base import UPPER, Deduction, Machine
from tokenroof.infer.evidence import Evidence

__all__ = ["kv_from_cached_price"]

_LINK_BYTES_PER_S = 50e9  # one network port or a PCIe 5 link in practice: what price study test 3 takes


def kv_from_cached_price(evidence: Evidence, machine: Machine) -> Deduction | None:
    """KV bytes per token from the price of a hit: the seller does not lose money on reading them back.

    Formula: kv <= price_hit * W_link / (chip price per second)
    Direction: upper bound, far above the truth on every known model.
    """
    if evidence.cached_usd_per_token is None:
        return None
    usd_per_s = machine.usd_per_h / 3600.0
    high = evidence.cached_usd_per_token * _LINK_BYTES_PER_S / usd_per_s
    return Deduction(
        name="cached read",
        channel="cached_ratio",
        quantity="KV bytes per token",
        unit="B/token",
        direction=UPPER,
        low=None,
        point=None,
        high=high,
        formula="kv <= price_hit W_link / price_chip",
        inputs={
            "cached_over_input": evidence.cached_usd_per_token / evidence.input_usd_per_token,
            "W_link": _LINK_BYTES_PER_S,
            "usd_per_chip_h": machine.usd_per_h,
        },
        calibration="on open models the price of a hit per byte ranges over 250x, all far above the cost",
        caveat="a hit costs a customary share of input (0.25, 0.1, 0.05); a change by one seller is the signal",
    )
