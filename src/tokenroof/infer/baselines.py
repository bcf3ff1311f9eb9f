"""What deduction has to beat: a constant, and regressions of the sizes on price, day and speed.

The interval of a regression is 80 % of a normal with the scatter of labs left out in turn, as everywhere in deduction.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from tokenroof.infer.cases import Case, in_exam
from tokenroof.infer.evidence import Evidence
from tokenroof.infer.scores import Outcome, weights_of

__all__ = ["BASELINES", "Regression", "baseline_outcomes", "fit_regression"]

_Z80, _Z50 = NormalDist().inv_cdf(0.9), NormalDist().inv_cdf(0.75)
_RIDGE = 1.0
_UNKNOWNS = ("total_params", "active_params", "kv_bytes_per_token")
_USUAL_SPEED = 90.0  # tokens per second where none was measured

# name -> columns beside the constant; a first-party sheet has a column of its own in each
BASELINES: Mapping[str, tuple[str, ...]] = {
    "constant": (),
    "regression on price": ("price",),
    "regression on price and day": ("price", "day"),
    "regression on price, day and speed": ("price", "day", "speed"),
}


def _columns(evidence: Evidence, names: Sequence[str]) -> list[float]:
    known = {
        "price": math.log(evidence.input_usd_per_token * 1e6),
        "day": evidence.released - 2025.0,
        "speed": math.log((evidence.tokens_per_s or _USUAL_SPEED) / _USUAL_SPEED),
    }
    return [1.0, float(evidence.kind != "market"), *(known[name] for name in names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A fitted line with its scatter: log of one unknown from the columns of an offer."""

    unknown: str
    names: tuple[str, ...]
    weights: tuple[float, ...]
    sd: float

    def interval(self, evidence: Evidence, z: float = _Z80) -> tuple[float, float, float]:
        """Low, middle and high."""
        columns = _columns(evidence, self.names)
        middle = math.fsum(x * w for x, w in zip(columns, self.weights, strict=True))
        return math.exp(middle - z * self.sd), math.exp(middle), math.exp(middle + z * self.sd)


def fit_regression(cases: Sequence[Case], unknown: str, names: tuple[str, ...]) -> Regression:
    """Ridge regression, each architecture once for each kind of seller."""
    import numpy as np

    x = np.array([_columns(case.evidence, names) for case in cases])
    y = np.log([getattr(case.truth, unknown) for case in cases])
    weights = weights_of([f"{case.evidence.kind} {case.architecture}" for case in cases])
    labs = np.array([case.lab for case in cases])
    shrink = np.diag([1e-6, *([_RIDGE / len(cases)] * (x.shape[1] - 1))])

    def solve(kept: Any) -> Any:
        scaled = x[kept] * weights[kept][:, None]
        return np.linalg.solve(scaled.T @ x[kept] + shrink, x[kept].T @ (weights[kept] * y[kept]))

    miss = np.empty(len(cases))
    for lab in set(labs):
        out = labs == lab
        miss[out] = y[out] - x[out] @ solve(~out)
    found = tuple(round(float(value), 4) for value in solve(labs == labs))
    return Regression(unknown=unknown, names=names, weights=found, sd=round(math.sqrt(float(weights @ miss**2)), 4))


def baseline_outcomes(cases: Sequence[Case]) -> list[Outcome]:
    """Every baseline on every case, its lab left out."""
    found = []
    for lab in sorted({case.lab for case in cases}):
        others = [case for case in cases if case.lab != lab]
        own = [case for case in cases if case.lab == lab]
        for name, columns in BASELINES.items():
            for unknown in _UNKNOWNS:
                line = fit_regression(others, unknown, columns)
                found += [_outcome(case, name, unknown, line.interval) for case in own]
    return found


def _outcome(case: Case, name: str, unknown: str, interval: Callable[..., tuple[float, float, float]]) -> Outcome:
    truth = getattr(case.truth, unknown)
    low, middle, high = interval(case.evidence)
    low50, _, high50 = interval(case.evidence, _Z50)
    return Outcome(
        offer=case.evidence.offer, model=case.model, architecture=case.architecture, lab=case.lab,
        kind=case.evidence.kind, released=case.evidence.released, exam=in_exam(case), evidence=name, unknown=unknown,
        truth=truth, low80=low, median=middle, high80=high,
        inside50=low50 <= truth <= high50, inside80=low <= truth <= high, ess=math.inf,
    )  # fmt: skip
