"""What closed models ask over the line of open sheets, from those whose size is known.

When nobody sold open weights for comparison, closed models asked several times what their size would cost today; since
open ones are sold they have not, as far as sizes are known. The change took time: a ramp between two levels.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenroof.catalog.offers.history import Disclosed, disclosed
from tokenroof.infer.calibration import Calibration, line_of, moments
from tokenroof.infer.cases import Case, Truth
from tokenroof.infer.evidence import Evidence
from tokenroof.infer.population import Line, Population, sold, years
from tokenroof.infer.priors import OWN_MARKUP, Setting

__all__ = [
    "CLOSED_SIZE_SD", "RAMPS", "Markups", "closed_cases", "closed_population", "fit_markup", "markup_without",
    "setting_for",
]  # fmt: skip

# First and last year of the ramp. A fit takes the one of least scatter of labs left out on the rows it is given: what
# it is scored on has no say. Unshrunk, a step in 2024 scatters by 1.23 and these by 0.91 to 1.05.
RAMPS = ((2023.0, 2024.0), (2023.5, 2024.5), (2023.0, 2025.0), (2023.5, 2025.0))
# Two levels that differ by a factor of e are one standard deviation, in units of the scatter, as odds and regressions
# are shrunk. Not nested: without, or with a quarter of it, 64 and 86 % of active parameters of closed models were held,
# and 93 % with it.
_RIDGE = 1.0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Markups:
    """Medians before `start` and from `end` (years), straight between them on logarithms; log-sd of either."""

    early: float
    late: float
    start: float
    end: float
    sd: float

    def at(self, kind: str, year: float) -> tuple[float, float]:
        """Median and log-sd of the mark-up of a kind of seller in a year."""
        if kind != "closed":
            return OWN_MARKUP[kind]
        place = min(max((year - self.start) / (self.end - self.start), 0.0), 1.0)
        return math.exp((1.0 - place) * math.log(self.early) + place * math.log(self.late)), self.sd


@dataclass(frozen=True, slots=True)
class _Row:
    """The mark-up of one closed model on logarithms, over the line of open sheets."""

    lab: str
    year: float
    log: float


def _levels(rows: Sequence[_Row], ramp: tuple[float, float]) -> Any:
    """Weighted least squares, each lab once, the difference shrunk: logarithms of both levels."""
    import numpy as np

    labs = [row.lab for row in rows]
    weights = np.array([1.0 / labs.count(lab) for lab in labs])
    x, shrink = _places(rows, ramp), _RIDGE * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return np.linalg.solve((x * weights[:, None]).T @ x + shrink, x.T @ (weights * [row.log for row in rows]))


def _places(rows: Sequence[_Row], ramp: tuple[float, float]) -> Any:
    """Columns: share of the early level, share of the late one."""
    import numpy as np

    late = np.interp([row.year for row in rows], ramp, (0.0, 1.0))
    return np.column_stack([1.0 - late, late])


def _scatter(rows: Sequence[_Row], ramp: tuple[float, float]) -> float:
    """Root mean square of what labs left out in turn miss by, each lab once."""
    squares = []
    for lab in sorted({row.lab for row in rows}):
        out, kept = ([row for row in rows if (row.lab == lab) == own] for own in (True, False))
        middles = _places(out, ramp) @ _levels(kept, ramp)
        squares.append(math.fsum((row.log - float(m)) ** 2 for row, m in zip(out, middles, strict=True)) / len(out))
    return math.sqrt(math.fsum(squares) / len(squares))


def fit_markup(rows: Sequence[_Row], line_sd: float) -> Markups:
    """The ramp that these rows follow; what the line's own scatter explains goes from theirs."""
    ramp = min(RAMPS, key=lambda one: _scatter(rows, one))
    early, late = (math.exp(float(level)) for level in _levels(rows, ramp))
    sd = math.sqrt(max(_scatter(rows, ramp) ** 2 - line_sd**2, 0.0) + OWN_MARKUP["open"][1] ** 2)
    return Markups(early=early, late=late, start=ramp[0], end=ramp[1], sd=sd)


def markup_without(
    population: Population,
) -> Callable[[Mapping[tuple[str, str], Calibration], str | None], Markups]:
    """The mark-up of closed models over the lines that it is given, fitted without a lab; None leaves none out."""
    cases = closed_cases()
    predicted = [{name: mean for name, (mean, _) in moments(case, population).items()} for case in cases]

    def without(lines: Mapping[tuple[str, str], Calibration], lab: str | None) -> Markups:
        line = line_of(lines, "input_price", "closed")
        rows = [
            _Row(
                case.lab, case.evidence.priced,
                math.log(case.evidence.input_usd_per_token) - line.mean(known, case.evidence.priced),
            )
            for known, case in zip(predicted, cases, strict=True)
            if case.lab != lab
        ]  # fmt: skip
        return fit_markup(rows, line.total_sd)

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
