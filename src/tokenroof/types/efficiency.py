"""How far from the roof a chip and engine run: a few coefficients per kind of operator, with what they were fitted on.

    operator      t = fixed + max(compute_floor + FLOP / (flops_share * peak), memory_floor + bytes / (bytes_share * W))
    collective    t = call + steps * step + bytes / (bytes_share * link), the least over the allowed algorithms
    step          host + host_per_sequence * S + host_per_token * T, added once per pass

The two floors are saturation: bytes / (W * share) * (1 + half / bytes) is linear, and its constant is `memory_floor_s`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PEAK", "CollectiveCurve", "Efficiency", "OperatorCurve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCurve:
    """One kind of operator on one chip. The defaults are the speed of light."""

    fixed_s: float = 0.0
    flops_share: float = 1.0
    bytes_share: float = 1.0
    compute_floor_s: float = 0.0
    memory_floor_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectiveCurve:
    """One network level: `call_s` per collective, `step_s` per hop of its algorithm, share of link bandwidth."""

    call_s: float = 0.0
    step_s: float = 0.0
    bytes_share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Efficiency:
    """A profile. `operators` is looked up as "kind.rate", then "kind", then "": the most special one wins.

    `algorithms` are those that the communication library has; the quickest is taken. `overlap` is the share of
    communication time that other work hides. `expert_imbalance` is the busiest GPU's share of routed tokens
    over the mean one's. `low` and `high` bound measured over predicted time in 80 % of held-out cases.
    """

    id: str
    operators: Mapping[str, OperatorCurve]
    scaleup: CollectiveCurve = CollectiveCurve()
    scaleout: CollectiveCurve = CollectiveCurve()
    algorithms: tuple[str, ...] = ("ring", "tree", "one-shot", "two-shot", "in-switch")
    overlap: float = 0.0
    expert_imbalance: float = 1.0
    host_s: float = 0.0
    host_per_sequence_s: float = 0.0
    host_per_token_s: float = 0.0
    chip: str = ""
    engine: str = ""
    low: float = 1.0
    high: float = 1.0
    n: int = 0
    median_error: float | None = None
    source: str = ""
    as_of: str = ""
    notes: tuple[str, ...] = field(default=())


PEAK = Efficiency(id="peak", operators={"": OperatorCurve()}, source="speed of light", as_of="2026-11-25")
