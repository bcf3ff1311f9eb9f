"""Does deduction hold where the answer is known? Every open-weights offer, its lab left out of the calibration.

The draws of the prior are made once and shared; a case costs one likelihood. Priors are not refitted.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenroof.infer.calibration import LINKS, Calibration, leave_out
from tokenroof.infer.cases import Case, open_cases
from tokenroof.infer.evidence import Reading, readings
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.machines import reference_machine
from tokenroof.infer.posterior import ARCHITECTURE, credible_levels
from tokenroof.infer.priors import N_DIMS, unknowns
from tokenroof.infer.sampler import LEAST_ESS, effective_size, log_likelihood, resample
from tokenroof.infer.validate_deductions import Alone, check_deductions

__all__ = ["Coverage", "Outcome", "Validation", "coverage", "held_out", "validate"]

_KEPT = 8000
_BLOCK = 1 << 15
# what each channel is meant to tell
TARGETS: Mapping[str, str] = {
    "input_price": "size",
    "host_floor": "size",
    "output_ratio": "sparsity",
    "cached_ratio": "kv_bytes_per_token",
    "long_context": "kv_bytes_per_token",
}
_NAMES = (*ARCHITECTURE, "size", "sparsity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One unknown of one case: truth beside the 80 % interval of the posterior made without its lab."""

    offer: str
    model: str
    lab: str
    evidence: str  # a channel, or "all", or "none" for the prior
    unknown: str
    truth: float
    low80: float
    median: float
    high80: float
    inside50: bool
    inside80: bool
    ess: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often intervals held the truth, and how wide they were. `bias` is truth over median, geometric mean."""

    evidence: str
    unknown: str
    n: int
    labs: int
    coverage50: float
    coverage80: float
    width80: float
    bias: float
    scatter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The tables, the joint region's coverage, all outcomes, and offers left out for want of a known model.

    `table` is of posteriors, from one channel or all; `alone` of the deductions as formulas.
    """

    table: tuple[Coverage, ...]
    alone: tuple[Alone, ...]
    joint_n: int
    joint_coverage50: float
    joint_coverage80: float
    outcomes: tuple[Outcome, ...]
    levels: Mapping[str, float]
    missing: tuple[str, ...]
    poor: tuple[str, ...]


class _Shared:
    """Draws of one kind of seller and what the forward model predicts for them."""

    def __init__(self, kind: str, draws: int, seed: int) -> None:
        import numpy as np

        z = np.random.default_rng(seed).standard_normal((draws, N_DIMS), dtype=np.float32)
        self.predicted = {name: np.empty(draws, dtype=np.float32) for name in {*LINKS.values(), "markup"}}
        self.values = {name: np.empty(draws) for name in _NAMES}
        for start in range(0, draws, _BLOCK):
            block = slice(start, start + _BLOCK)
            u = unknowns(z[block], kind)
            u["size"] = np.sqrt(u["total_params"] * u["active_params"])
            for name, values in predict_prices(u).items():
                if name in self.predicted:
                    self.predicted[name][block] = values
            for name in _NAMES:
                self.values[name][block] = u[name]


def _truths(case: Case) -> dict[str, float]:
    t = case.truth
    return {
        "total_params": t.total_params,
        "active_params": t.active_params,
        "kv_bytes_per_token": t.kv_bytes_per_token,
        "size": math.sqrt(t.total_params * t.active_params),
        "sparsity": t.total_params / t.active_params,
    }


def _outcomes(
    case: Case, evidence: str, names: Sequence[str], values: Mapping[str, Any], kept: Any, ess: float
) -> list[Outcome]:
    import numpy as np

    found = []
    for name in names:
        truth = _truths(case)[name]
        low80, low50, median, high50, high80 = np.quantile(values[name][kept], (0.1, 0.25, 0.5, 0.75, 0.9))
        # a dense model's sparsity is exactly 1, the edge of its interval
        slack = 1e-9
        found.append(
            Outcome(
                offer=case.evidence.offer,
                model=case.model,
                lab=case.lab,
                evidence=evidence,
                unknown=name,
                truth=truth,
                low80=float(low80),
                median=float(median),
                high80=float(high80),
                inside50=bool(low50 * (1 - slack) <= truth <= high50 * (1 + slack)),
                inside80=bool(low80 * (1 - slack) <= truth <= high80 * (1 + slack)),
                ess=ess,
            )
        )
    return found


def _case_outcomes(case: Case, lines: Mapping[str, Calibration], shared: _Shared) -> tuple[list[Outcome], float]:
    """Outcomes of one case by channel and jointly, and its credible level in the joint region."""
    read = readings(case.evidence)
    logs: dict[str, Any] = {r.channel: _log(r, lines, shared) for r in read}
    found: list[Outcome] = []
    for channel, target in TARGETS.items():
        if channel in logs:
            kept = resample(logs[channel], _KEPT)
            found += _outcomes(case, channel, (target,), shared.values, kept, effective_size(logs[channel]))
    total = sum(logs.values())
    kept, ess = resample(total, _KEPT), effective_size(total)
    found += _outcomes(case, "all", _NAMES, shared.values, kept, ess)
    draws = {name: shared.values[name][kept] for name in ARCHITECTURE}
    return found, credible_levels(draws, [case.truth])[0]


def _log(reading: Reading, lines: Mapping[str, Calibration], shared: _Shared) -> Any:
    return log_likelihood(reading, lines[reading.channel], shared.predicted)


def coverage(outcomes: Sequence[Outcome]) -> tuple[Coverage, ...]:
    """How often the intervals of each kind of evidence and unknown held, and how wide they were."""
    import numpy as np

    rows = []
    for evidence, unknown in dict.fromkeys((o.evidence, o.unknown) for o in outcomes):
        group = [o for o in outcomes if (o.evidence, o.unknown) == (evidence, unknown)]
        miss = np.log([o.truth / o.median for o in group])
        rows.append(
            Coverage(
                evidence=evidence,
                unknown=unknown,
                n=len(group),
                labs=len({o.lab for o in group}),
                coverage50=float(np.mean([o.inside50 for o in group])),
                coverage80=float(np.mean([o.inside80 for o in group])),
                width80=float(np.exp(np.mean([math.log(o.high80 / o.low80) for o in group]))),
                bias=float(np.exp(miss.mean())),
                scatter=float(np.exp(miss.std())),
            )
        )
    return tuple(rows)


def held_out(
    cases: Sequence[Case], without: Callable[[str], Mapping[str, Calibration]], *, draws: int = 1 << 18, seed: int = 1
) -> tuple[list[Outcome], dict[str, float]]:
    """Outcomes of every case on the lines fitted without its lab, the prior's first; credible level of each offer."""
    import numpy as np

    shared = {kind: _Shared(kind, draws, seed) for kind in {case.evidence.kind for case in cases}}
    every = np.arange(0, draws, max(1, draws // _KEPT))
    prior: list[Outcome] = []
    outcomes: list[Outcome] = []
    levels: dict[str, float] = {}
    for case in cases:
        draws_of = shared[case.evidence.kind]
        prior += _outcomes(case, "none", _NAMES, draws_of.values, every, float(draws))
        found, levels[case.evidence.offer] = _case_outcomes(case, without(case.lab), draws_of)
        outcomes += found
    return [*prior, *outcomes], levels


def validate(*, draws: int = 1 << 18, seed: int = 1) -> Validation:
    """Run deduction on every open-weights offer whose model is known."""
    import numpy as np

    cases, missing = open_cases()
    outcomes, levels = held_out(cases, leave_out(cases), draws=draws, seed=seed)
    inside = np.array(list(levels.values()))
    return Validation(
        table=coverage(outcomes),
        alone=check_deductions(cases, reference_machine()),
        joint_n=len(inside),
        joint_coverage50=float((inside <= 0.5).mean()),
        joint_coverage80=float((inside <= 0.8).mean()),
        outcomes=tuple(o for o in outcomes if o.evidence != "none"),
        levels=levels,
        missing=missing,
        poor=tuple(sorted({o.offer for o in outcomes if o.evidence == "all" and o.ess < LEAST_ESS})),
    )
