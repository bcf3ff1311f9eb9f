"""What every deduction returns: a statement about one quantity, with its formula, direction and caveat."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ESTIMATE", "LOWER", "UPPER", "Deduction", "Machine"]

LOWER, UPPER, ESTIMATE = "lower bound", "upper bound", "estimate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine that a back-of-envelope deduction assumes, vendor FLOP per second and bytes per second."""

    name: str
    flops_per_s: float
    bytes_per_s: float
    usd_per_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """One channel's own statement.

    `low` and `high` bound `quantity` (None: open on that side), `point` is what the formula gives. `calibrated_low`
    and `calibrated_high` are 80 % after the known errors, where there are cases; `calibration` says which.
    """

    name: str
    channel: str
    quantity: str
    unit: str
    direction: str
    low: float | None
    point: float | None
    high: float | None
    formula: str
    inputs: Mapping[str, float] = field(default_factory=dict)
    calibrated_low: float | None = None
    calibrated_high: float | None = None
    calibration: str = "none"
    caveat: str = ""
    verdict: str = ""
