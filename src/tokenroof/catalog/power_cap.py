"""A chip under a power cap: its clocks, and with them its arithmetic, fall; its memory keeps its own."""

from collections.abc import Mapping
from dataclasses import replace

from tokenroof.errors import DataMissing, InputError
from tokenroof.formulas.power import capped_clock_share
from tokenroof.provenance import Fact, Grade, worst_grade
from tokenroof.types.machine import Chip

__all__ = ["CAP_NOTE", "LEAST_SHARE", "capped_chip"]

LEAST_SHARE = 0.25  # of TDP: the lowest limit that the sweeps behind the rule have
CAP_NOTE = "clocks under the power cap follow a rule fitted to RTX PRO 6000 alone, with a wider range"
_ARITHMETIC = ("flops_per_s.", "achievable_flops_per_s.")


def _slower(facts: Mapping[str, Fact], share: float, cap: Fact) -> dict[str, Fact]:
    """Facts of arithmetic at the lower clocks; the cap takes the place of the TDP."""
    changed = {
        name: replace(
            fact, value=fact.value * share, grade=worst_grade((fact.grade, cap.grade, Grade.FITTED)),
            note=f"{share:.0%} of {fact.value / 1e12:,.4g} TFLOP/s under a power cap of {cap.value:g} W",
        )
        for name, fact in facts.items() if name.startswith(_ARITHMETIC)
    }  # fmt: skip
    return {**facts, **changed, "tdp_w": cap, "power_cap_w": cap}


def capped_chip(chip: Chip, cap: Fact, field: str) -> Chip:
    """The chip under a cap in watts, of its TDP at most."""
    if chip.tdp_w is None:
        raise DataMissing(chip.name, "TDP", "not published", "set `chip.tdp`")
    if not LEAST_SHARE * chip.tdp_w <= cap.value <= chip.tdp_w:
        limit = f"from {LEAST_SHARE * chip.tdp_w:g} to the TDP, {chip.tdp_w:g} W"
        raise InputError(field, cap.value, limit)
    if cap.value == chip.tdp_w:
        return chip
    share = float(capped_clock_share(cap_watts=cap.value, tdp_watts=chip.tdp_w))
    return replace(
        chip,
        flops_per_s={key: rate * share for key, rate in chip.flops_per_s.items()},
        achievable_flops_per_s={key: rate * share for key, rate in chip.achievable_flops_per_s.items()},
        tdp_w=cap.value,
        power_cap_w=cap.value,
        facts=_slower(chip.facts, share, cap),
    )
