"""Does each deduction hold alone, where the answer is known? Its calibration is fitted without the model's lab.

Only deductions about the model itself can be checked: nobody publishes its batch, duty cycle or cost. Formulas that
need the active parameters get the true ones, so that what is tested is the formula and not the guess.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tokenroof.infer.cases import Case
from tokenroof.infer.deductions import (
    Deduction,
    Machine,
    kv_from_cached_price,
    kv_from_flat_price,
    kv_from_step,
    size_from_price,
    tier_from_storage_price,
)
from tokenroof.infer.deductions.base import LOWER

__all__ = ["Alone", "check_deductions", "fit_bias", "fit_inverse"]

_MARKET = "market"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """How one deduction does by itself. `formula_holds`: the truth lies where the formula's direction says.

    `calibrated_holds` and `width`: the same after the known errors, the lab left out; `width` is None for bounds.
    `bias` is truth over formula, geometric mean, and `scatter` its spread as a factor.
    """

    deduction: str
    quantity: str
    direction: str
    n: int
    labs: int
    formula_holds: float
    calibrated_holds: float | None
    width: float | None
    bias: float
    scatter: float


def _kv(case: Case) -> float:
    return case.truth.kv_bytes_per_token


def _size(case: Case) -> float:
    return math.sqrt(case.truth.total_params * case.truth.active_params)


def fit_bias(ratios: Sequence[float]) -> tuple[float, float, int]:
    """Geometric mean of truth over formula, its log-sd, and how many."""
    import numpy as np

    logs = np.log(ratios)
    return float(np.exp(logs.mean())), float(logs.std()), len(logs)


def fit_inverse(cases: Sequence[Case]) -> tuple[float, float, float, int]:
    """The price level turned round, on host medians: intercept, slope, factor that holds 80 %, number of models."""
    import numpy as np

    markets = [case for case in cases if case.evidence.kind == _MARKET]
    x = np.log([case.evidence.input_usd_per_token * 1e6 for case in markets])
    y = np.log([_size(case) / 1e9 for case in markets])
    labs = np.array([case.lab for case in markets])
    misses = np.empty(len(x))
    for lab in set(labs):
        out = labs == lab
        misses[out] = y[out] - np.polyval(np.polyfit(x[~out], y[~out], 1), x[out])
    slope, intercept = np.polyfit(x, y, 1)
    return float(intercept), float(slope), float(np.exp(np.quantile(np.abs(misses), 0.8))), len(x)


_Deduce = Callable[[Case], Deduction | None]
_Calibrate = Callable[[Sequence[Case]], _Deduce]


def _alone(cases: Sequence[Case], truth: Callable[[Case], float], calibrated: _Calibrate) -> Alone | None:
    import numpy as np

    without = {lab: calibrated([c for c in cases if c.lab != lab]) for lab in {c.lab for c in cases}}
    found = [(case, d) for case in cases if (d := without[case.lab](case)) is not None]
    if not found:
        return None

    def holds(case: Case, low: float | None, high: float | None) -> bool:
        return (low or 0.0) <= truth(case) <= (math.inf if high is None else high)

    def stated(d: Deduction) -> tuple[float | None, float | None]:
        # a lower bound may have two readings, and the truth lie above both
        return (d.point if d.low is None else d.low, None) if d.direction == LOWER else (d.low, d.high)

    checked = [(c, d.calibrated_low, d.calibrated_high) for c, d in found if d.calibrated_high is not None]
    misses = np.log([truth(case) / (d.point or d.high or math.nan) for case, d in found])
    widths = [math.log(high / low) for _, low, high in checked if low and high]
    return Alone(
        deduction=found[0][1].name,
        quantity=found[0][1].quantity,
        direction=found[0][1].direction,
        n=len(found),
        labs=len({case.lab for case, _ in found}),
        formula_holds=float(np.mean([holds(case, *stated(d)) for case, d in found])),
        calibrated_holds=float(np.mean([holds(*row) for row in checked])) if checked else None,
        width=math.exp(float(np.mean(widths))) if widths else None,
        bias=float(np.exp(misses.mean())),
        scatter=float(np.exp(misses.std())),
    )


def check_deductions(cases: Sequence[Case], machine: Machine) -> tuple[Alone, ...]:
    """Every deduction about the model itself, on every case that has the evidence for it."""

    def biased(deduction: Callable[..., Deduction | None], others: Sequence[Case]) -> _Deduce:
        known = ((c, deduction(c.evidence, c.truth.active_params, machine)) for c in others)
        bias = fit_bias([_kv(c) / d.point for c, d in known if d is not None and d.point])
        return lambda case: deduction(case.evidence, case.truth.active_params, machine, bias)

    def size(others: Sequence[Case]) -> _Deduce:
        return partial(lambda inverse, case: size_from_price(case.evidence, inverse), fit_inverse(others))

    rows = (
        _alone(cases, _size, size),
        _alone(cases, _kv, partial(biased, kv_from_step)),
        _alone(cases, _kv, partial(biased, kv_from_flat_price)),
        _alone(cases, _kv, lambda _: lambda case: kv_from_cached_price(case.evidence, machine)),
        _alone(cases, _kv, lambda _: lambda case: tier_from_storage_price(case.evidence)),
    )
    return tuple(row for row in rows if row is not None)
