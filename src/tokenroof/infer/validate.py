"""Deducing what is known: every dated price of open weights, its lab left out of everything.

Lines, population and the scatter of both are fitted anew without the lab that trained the model. A case is one batch of
draws from its own prior, since machines, rents and population depend on its day.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from tokenroof.infer.calibration import LINKS, Calibration, calibrate, line_of, points
from tokenroof.infer.cases import Case, in_exam, members
from tokenroof.infer.evidence import USED, readings
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.known_lab import KnownModel, known_models, lines_of_lab, out_by, population_of_lab
from tokenroof.infer.markup import Markups, markup_without, setting_for
from tokenroof.infer.population import Population, fit_population
from tokenroof.infer.posterior import ARCHITECTURE, credible_levels
from tokenroof.infer.priors import N_DIMS, unknowns
from tokenroof.infer.sampler import effective_size, log_likelihood, resample
from tokenroof.infer.scores import Outcome

__all__ = ["Fold", "fold_without", "folds", "held_out"]

_KEPT = 4000
_NAMES = (*ARCHITECTURE, "size", "sparsity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """All that deduction believes, fitted without one lab."""

    population: Population
    lines: Mapping[tuple[str, str], Calibration]
    markup: Markups
    known: tuple[KnownModel, ...] = ()  # of the lab that is asked about

    def at(self, released: float, priced: float) -> "Fold":
        """The same for a model of that day, moved by the lab's models that were out by the day of the price."""
        known = out_by(self.known, priced)
        return replace(
            self, population=population_of_lab(self.population, known, released),
            lines=lines_of_lab(self.lines, known, released), known=(),
        )  # fmt: skip


def fold_without(cases: Sequence[Case]) -> Callable[[str], Fold]:
    """A function from a lab to what is fitted without it."""
    fold = folds(cases)
    return lambda lab: fold(lab, "")


def folds(cases: Sequence[Case]) -> Callable[[str, str], Fold]:
    """A function from a lab to what is fitted without it; or, of an architecture of it, without that one alone.

    The second knows the lab's other models.
    """
    every = members()
    # predictions at known architectures do not depend on the population
    middle = fit_population(every)
    found = points(cases, middle)
    markup = markup_without(middle)

    @lru_cache(maxsize=128)
    def fold(lab: str, architecture: str) -> Fold:
        def out(its_lab: str, its_architecture: str) -> bool:
            return its_lab == lab and architecture in ("", its_architecture)

        kept = [p for p in found if not out(p.lab, p.model)]
        sold = [m for m in every if not out(m.lab, m.architecture)]
        lines, population = calibrate(kept, f"all labs but {lab}"), fit_population(sold)
        known = [one for one in known_models(kept, sold, lines, population) if one.lab == lab]
        return Fold(population=population, lines=lines, markup=markup(lines, lab), known=tuple(known))

    return fold


def _truths(case: Case) -> dict[str, float]:
    t = case.truth
    return {
        "total_params": t.total_params, "active_params": t.active_params, "kv_bytes_per_token": t.kv_bytes_per_token,
        "size": math.sqrt(t.total_params * t.active_params), "sparsity": t.total_params / t.active_params,
    }  # fmt: skip


def _outcomes(case: Case, evidence: str, values: Mapping[str, Any], kept: Any, ess: float) -> list[Outcome]:
    import numpy as np

    found = []
    for name in _NAMES:
        truth = _truths(case)[name]
        low80, low50, median, high50, high80 = np.quantile(values[name][kept], (0.1, 0.25, 0.5, 0.75, 0.9))
        # the input embedding alone leaves a dense model some per cent above 1, the edge of its interval
        slack = 0.1 if name == "sparsity" else 1e-9
        found.append(
            Outcome(
                offer=case.evidence.offer, model=case.model, architecture=case.architecture, lab=case.lab,
                kind=case.evidence.kind, released=case.evidence.released, exam=in_exam(case), evidence=evidence,
                unknown=name, truth=truth, low80=float(low80), median=float(median), high80=float(high80),
                inside50=bool(low50 * (1 - slack) <= truth <= high50 * (1 + slack)),
                inside80=bool(low80 * (1 - slack) <= truth <= high80 * (1 + slack)), ess=ess,
            )
        )  # fmt: skip
    return found


def _evaluate(case: Case, fold: Fold, z: Any, also: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values of the draws, and their log-likelihood by channel."""
    import numpy as np

    u = unknowns(z, setting_for(case.evidence, fold.population, fold.markup))
    u["size"] = np.sqrt(u["total_params"] * u["active_params"])
    predicted = predict_prices(u)
    logs = {}
    for reading in readings(case.evidence, every=True):
        if reading.channel in (*USED, *also):
            try:
                line = line_of(fold.lines, reading.channel, case.evidence.kind)
            except KeyError:  # too few labs have it
                continue
            logs[reading.channel] = log_likelihood(reading, line, predicted, case.evidence.priced)
    return {name: u[name] for name in _NAMES}, logs


def _case_outcomes(case: Case, fold: Fold, z: Any, candidates: Sequence[str]) -> tuple[list[Outcome], float]:
    """Outcomes of one case with all evidence, none, and each channel out or in; its level in the joint region."""
    import numpy as np

    values, logs = _evaluate(case, fold, z, candidates)
    used = [name for name in logs if name in USED]
    sets = {"none": [], "all": used}
    sets |= {f"without {name}": [one for one in used if one != name] for name in used}
    sets |= {f"with {name}": [*used, name] for name in logs if name not in USED}
    found: list[Outcome] = []
    level = math.nan
    for evidence, channels in sets.items():
        total = sum((logs[name] for name in channels), np.zeros(len(z)))
        kept, ess = resample(total, _KEPT), effective_size(total)
        found += _outcomes(case, evidence, values, kept, ess)
        if evidence == "all":
            level = credible_levels({name: values[name][kept] for name in ARCHITECTURE}, [case.truth])[0]
    return found, level


def held_out(
    cases: Sequence[Case],
    fold_of: Callable[[Case], Fold],
    *,
    draws: int = 1 << 14,
    seed: int = 1,
    candidates: bool = True,
) -> tuple[list[Outcome], dict[str, float]]:
    """Outcomes of every case on what is fitted without it; credible level of each offer."""
    import numpy as np

    z = np.random.default_rng(seed).standard_normal((draws, N_DIMS), dtype=np.float32)
    also = [name for name in LINKS if name not in USED] if candidates else []
    outcomes: list[Outcome] = []
    levels: dict[str, float] = {}
    for case in cases:
        found, levels[case.evidence.offer] = _case_outcomes(case, fold_of(case), z, also)
        outcomes += found
    return outcomes, levels
