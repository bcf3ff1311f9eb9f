"""Which efficiency profile a verb times with: one place, so that all verbs change together."""

from tokenroof.catalog.efficiency import load_profile
from tokenroof.types.checks import check_choice
from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn

__all__ = ["EFFICIENCIES", "claim_level", "profile_for"]

EFFICIENCIES = ("auto", "peak")


def profile_for(
    system: System, engine: str, efficiency: str = "auto", version: str = "", *, model: Model | None = None
) -> Efficiency:
    """`peak` is the hardware bound; `auto` the profile fitted for this chip, engine and version of the engine.

    Ranges are those of dense models where `model` is one, else the wider ones of models with experts.
    """
    check_choice("profile", efficiency, EFFICIENCIES)
    experts = model is None or any(isinstance(group.ffn, MoeFfn) for group in model.layers)
    return PEAK if efficiency == "peak" else load_profile(system.chip, engine, version, experts=experts)


def claim_level(profile: Efficiency) -> str:
    """How sure results with this profile are: bound, default efficiencies, calibrated.

    A profile with notes stands on other chips than its own, or on no run of its family: that is not calibrated.
    """
    if profile.id == PEAK.id:
        return "bound"
    return "calibrated" if profile.n and not profile.notes else "default efficiencies"
