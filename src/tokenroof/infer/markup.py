"""What closed models ask over the line of open sheets, from those whose size is known.

Until 2024 nobody sold open weights for comparison, and closed models asked several times what their size would cost
today; since then they have not, as far as sizes are known.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tokenroof.catalog.offers.history import Disclosed, disclosed
from tokenroof.infer.calibration import Calibration, line_of, moments
from tokenroof.infer.cases import Case, Truth
from tokenroof.infer.evidence import Evidence
from tokenroof.infer.population import Line, Population, sold, years
from tokenroof.infer.priors import OWN_MARKUP, Setting

__all__ = [
    "CLOSED_SIZE_SD", "EARLY_UNTIL", "Markups", "closed_cases", "closed_population", "fit_markup", "markup_without",
    "setting_for",
]  # fmt: skip

EARLY_UNTIL = 2024.0
# Closed models were large before open ones were: theirs are no smaller than open ones of 2025. Their log-sd, against
# 1.22 of open weights: GPT-4 lay 2.7 of those above the middle of 2025. Both assumed.
CLOSED_LIKE, CLOSED_SIZE_SD = 2025.0, 1.6
_MTOK = 1e6
_KV = 100e3  # not known of any of them, and next to nothing in the price of an input token


def _case(row: Disclosed) -> Case:
    evidence = Evidence(
        offer=row.id, kind="closed", input_usd_per_token=row.input_per_mtok / _MTOK,
        output_usd_per_token=row.output_per_mtok / _MTOK, priced=years(row.day), released=years(row.day),
    )  # fmt: skip
    truth = Truth(
        total_params=row.total_params, active_params=row.active_params, kv_bytes_per_token=_KV, scan_fraction=1.0
    )
    return Case(evidence=evidence, model=row.id, lab=row.lab, truth=truth, architecture=row.id)


def closed_cases() -> tuple[Case, ...]:
    """Closed models whose total and active parameters are known; their cache is not."""
    return tuple(_case(row) for row in disclosed())


def fit_markup(logs: Sequence[float], labs: Sequence[str], line_sd: float) -> tuple[float, float]:
    """Median and log-sd of the mark-up: each lab counts once, and what the line's own scatter explains goes."""
    import numpy as np

    names = sorted(set(labs))
    weights = np.array([1.0 / labs.count(lab) for lab in labs]) / len(names)
    middle = float(weights @ logs)
    spread = float(weights @ (np.array(logs) - middle) ** 2) * (1.0 + 1.0 / len(names)) * len(names) / (len(names) - 1)
    return math.exp(middle), math.sqrt(max(spread - line_sd**2, 0.0) + OWN_MARKUP["open"][1] ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Markups:
    """Median and log-sd before and since 2024."""

    early: tuple[float, float]
    late: tuple[float, float]

    def at(self, kind: str, year: float) -> tuple[float, float]:
        """The mark-up of a kind of seller in a year."""
        if kind != "closed":
            return OWN_MARKUP[kind]
        return self.early if year < EARLY_UNTIL else self.late


def markup_without(
    population: Population,
) -> Callable[[Mapping[tuple[str, str], Calibration], str | None], Markups]:
    """The mark-up of closed models over the lines that it is given, fitted without a lab; None leaves none out."""
    cases = closed_cases()
    predicted = [{name: mean for name, (mean, _) in moments(case, population).items()} for case in cases]

    def fit(line: Calibration, lab: str | None, early: bool) -> tuple[float, float]:
        kept = [
            (math.log(case.evidence.input_usd_per_token) - line.mean(known, case.evidence.priced), case.lab)
            for known, case in zip(predicted, cases, strict=True)
            if case.lab != lab and (case.evidence.priced < EARLY_UNTIL) == early
        ]
        return fit_markup([log for log, _ in kept], [name for _, name in kept], line.total_sd)

    def without(lines: Mapping[tuple[str, str], Calibration], lab: str | None) -> Markups:
        line = line_of(lines, "input_price", "closed")
        return Markups(early=fit(line, lab, True), late=fit(line, lab, False))

    return without


def closed_population(population: Population, released: float) -> Population:
    """The population of open weights with the sizes that are believed of closed ones."""
    middle = sold(population, None).size.mean(0.0, max(released, CLOSED_LIKE))
    size = Line(at=middle, size_slope=0.0, year_slope=0.0, sd=CLOSED_SIZE_SD)
    return replace(population, size=size, product=0.0)


def setting_for(evidence: Evidence, population: Population, markups: Markups) -> Setting:
    """The prior of an offer of this kind and day."""
    if evidence.kind == "closed":
        population = closed_population(population, evidence.released)
    else:
        population = sold(population, evidence.product)
    return Setting(
        kind=evidence.kind, population=population, priced=evidence.priced, released=evidence.released,
        markup=markups.at(evidence.kind, evidence.priced),
    )  # fmt: skip
