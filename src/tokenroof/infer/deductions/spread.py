"""What several hosts ask for the same open weights, and the floor under their cost."""

from tokenroof.infer.deductions.base import UPPER, Deduction
from tokenroof.infer.evidence import Evidence

__all__ = ["floor_from_spread"]


def floor_from_spread(evidence: Evidence) -> Deduction | None:
    """Upper bound on the cost of an input token: a tenth of the hosts live on less.

    Formula: cost <= p10 of the hosts' prices
    Direction: upper bound on cost, lower bound on this seller's mark-up over it.
    """
    if evidence.floor_usd_per_token is None or evidence.floor_hosts is None:
        return None
    return Deduction(
        name="host floor",
        channel="host_floor",
        quantity="cost of an input token",
        unit="USD/token",
        direction=UPPER,
        low=None,
        point=evidence.floor_usd_per_token,
        high=evidence.floor_usd_per_token,
        formula="p10 over hosts",
        inputs={
            "hosts": float(evidence.floor_hosts),
            "price_over_floor": evidence.input_usd_per_token / evidence.floor_usd_per_token,
        },
        calibration=f"{evidence.floor_hosts} hosts; lists of different dates are mixed",
        caveat="minima are promotions or errors, hence p10; hosts may sell below cost for a while",
    )
