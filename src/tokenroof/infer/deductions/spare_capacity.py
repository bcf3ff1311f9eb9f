"""Discounts for batch, flex and off-peak hours, and the capacity that lies idle."""

from tokenroof.infer.deductions.base import ESTIMATE, Deduction
from tokenroof.infer.evidence import Evidence

__all__ = ["duty_from_discount"]


def duty_from_discount(evidence: Evidence) -> Deduction | None:
    """Mean load over peak load, if the discounted price pays for capacity that would lie idle.

    Formula: mean / peak ~ discounted price over standard price
    Direction: estimate; says nothing about batch size.
    """
    if evidence.discount_x is None:
        return None
    return Deduction(
        name="discount",
        channel="spare_capacity",
        quantity="mean load over peak load",
        unit="1",
        direction=ESTIMATE,
        low=None,
        point=evidence.discount_x,
        high=1.0,
        formula="discounted over standard price",
        inputs={"discount": evidence.discount_x},
        calibration="one case: DeepSeek used 227 nodes on average, 278 at peak (recalled), and sold nights at 0.5",
        caveat=f"from {evidence.discount_from}; 0.5 is customary, whatever the load",
    )
