"""Which efficiency profile a verb times with: one place, so that all verbs change together."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace

from tokenroof.catalog.efficiency import load_profile
from tokenroof.catalog.power_cap import CAP_NOTE
from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.machine import System
from tokenroof.types.model import Model

__all__ = ["EFFICIENCIES", "FITTED_RANKS", "beyond_fitted", "claim_level", "profile_for", "side_by_side"]

EFFICIENCIES = ("auto", "peak")
# 75 text types of transformers 5.24.0 read by key names alone: nine in ten come within this of their true size, as a
# natural logarithm (half within 0.01 %; those without a gate in the MLP are 24 to 32 % off). scripts/oracle.py says so.
_GUESSED_SPREAD = 0.25
FITTED_RANKS = 8  # no public table times an all-reduce over more, and no run of the fit has more in a replica
_BEYOND = 1.5  # ranges beyond that are this much wider, as those of chips that were not measured


def profile_for(
    system: System, engine: str, efficiency: str = "auto", version: str = "", *, model: Model | None = None
) -> Efficiency:
    """`peak` is every operator at peak rates, one after another; `auto` the profile fitted for this chip, engine and
    version of the engine; another word names a profile of the user's own, or its file.

    Ranges are those of dense models where `model` is one, else the wider ones of models with experts.
    """
    experts = model is None or model.has_experts
    if efficiency == "peak":
        return PEAK
    if efficiency == "auto":
        profile = load_profile(system.chip, engine, version, experts=experts)
    else:
        from tokenroof.catalog.personal import personal_profile

        profile = personal_profile(efficiency, system.chip, engine, version, model)
    if system.chip.power_cap_w is not None:
        profile = _extrapolated(profile, CAP_NOTE)
    if model is None or not model.structure_guessed:
        return profile
    return _widened(profile, lambda width: math.hypot(width, _GUESSED_SPREAD))


def beyond_fitted(profile: Efficiency, ranks: int) -> Efficiency:
    """The profile for so many ranks that sum, or send tokens to each other's experts: where that is more than was ever
    timed together it is extrapolated, and says so.
    """
    note = f"all-reduces and expert parallelism over more than {FITTED_RANKS} ranks were not fitted: a wider range"
    if ranks <= FITTED_RANKS or not profile.spread or note in profile.notes:
        return profile
    return _extrapolated(profile, note)


def side_by_side(front: Efficiency, back: Efficiency) -> Efficiency:
    """The profile of `back` where a part of the work runs under another one: its ranges are the wider of both."""

    def wider(name: str) -> dict[str, float]:
        mine, other = getattr(back, name), getattr(front, name)
        return {key: max(width, other.get(key, 0.0)) for key, width in mine.items()}

    errors = [one.median_error for one in (front, back) if one.median_error is not None]
    return replace(
        back, id=", ".join(dict.fromkeys((front.id, back.id))), spread=wider("spread"), n=min(front.n, back.n),
        pair_spread=wider("pair_spread"), low=min(front.low, back.low), high=max(front.high, back.high),
        median_error=max(errors, default=None), notes=tuple(dict.fromkeys((*front.notes, *back.notes))),
    )  # fmt: skip


@functools.lru_cache(maxsize=64)
def _extrapolated(profile: Efficiency, note: str) -> Efficiency:
    return replace(_widened(profile, lambda width: _BEYOND * width), notes=(*profile.notes, note))


def _widened(profile: Efficiency, wider: Callable[[float], float]) -> Efficiency:
    """The profile with wider ranges: half-widths are natural logarithms."""
    spread = {metric: wider(width) for metric, width in profile.spread.items()}
    low, high = (wider(abs(math.log(edge))) for edge in (profile.low, profile.high))
    return replace(profile, spread=spread, low=math.exp(-low), high=math.exp(high))


def claim_level(profile: Efficiency, model: Model | None = None) -> str:
    """How sure results with this profile are: structure guessed, peak rates, default efficiencies, calibrated.

    A profile with notes stands on other chips than its own, or on no run of its family: that is not calibrated.
    Nothing is surer than what was read of the model. Peak rates are no bound: operators.roof is.
    """
    if model is not None and model.structure_guessed:
        return "structure guessed"
    if profile.id == PEAK.id:
        return "peak rates"
    return "calibrated" if profile.n and not profile.notes else "default efficiencies"
