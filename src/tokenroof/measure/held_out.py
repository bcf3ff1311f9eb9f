"""How well a fit carries over: each model, each chip and each source is left out of the fit and predicted by the rest.

Ranges come from those errors, and are themselves tried on groups whose errors they were not taken from.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenroof.measure.fit_runs import Case, group_cases, predict_groups, refit
from tokenroof.measure.robust import Linear, weighted_quantile

__all__ = [
    "RANGES_FROM",
    "GroupCoverage",
    "HeldOut",
    "RangeCoverage",
    "Residual",
    "Spreads",
    "coverage",
    "coverage_by_deployment",
    "leave_out",
    "ranges",
    "spreads",
    "summarise",
]  # fmt: skip

Spreads = Mapping[bool, Mapping[str, Mapping[str, float]]]  # by whether the model has experts, family and metric

_METRIC = {"tpot": "tpot", "ttft": "ttft", "ttft_p50": "ttft"}
_FEWEST = 10
RANGES_FROM = ("model", "chip")  # a range has to hold on the next model and on the next chip
_SHARED = ("ampere", "hopper", "blackwell")  # enough runs each: they share one range
_UNTESTED = {"tpot": 0.45, "throughput": 0.50, "ttft": 0.80}  # assumed: families that no run tested


@dataclass(frozen=True, slots=True)
class Residual:
    """ln(predicted / measured) of one case that the fit had not seen; `left_out` names the model or chip."""

    case: Case
    left_out: str
    value: float

    @property
    def metric(self) -> str:
        return _METRIC.get(self.case.quantity, "throughput")

    @property
    def experts(self) -> bool:
        return self.case.setup.model.has_experts


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One line of the table: median absolute error and signed median, as shares of the measurement."""

    set: str
    metric: str
    n: int
    median_error: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCoverage:
    """Share of measurements in the 80 % range that errors of other groups alone give; `left`: model, chip, source."""

    left: str
    metric: str
    experts: bool | None
    n: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCoverage:
    """Share in the 80 % range, of one model on one chip under one engine; the range has not seen the model."""

    model: str
    chip: str
    engine: str
    metric: str
    n: int
    share: float


def leave_out(
    cases: Sequence[Case],
    near: Linear,
    by: Callable[[Case], str],
    kernels: Any,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Residual]:
    """Residuals of every case, each predicted by a fit without its model (or chip).

    Such a fit moves the constants by so little that predictions are taken as linear on the way (`near`); what is left
    out is then predicted in full.
    """
    import numpy as np

    names = np.array([by(case) for case in cases])
    for name in sorted(set(names.tolist())):
        out = names == name
        if out.sum() < _FEWEST or out.all():
            continue
        point = refit(cases, near, ~out)
        members = group_cases([case for case, left in zip(cases, out, strict=True) if left], kernels)
        logs = predict_groups(members, point)[0]
        order = [case for group in members for case in group.cases]
        found = [
            Residual(case, name, float(log) - math.log(case.value))
            for case, log in zip(order, logs, strict=True)
            if math.isfinite(log)
        ]
        if progress is not None:
            size = sorted(abs(math.expm1(one.value)) for one in found)
            progress(f"without {name}: {len(found)} predicted, median error {size[len(size) // 2]:.3f}")
        yield from found


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def summarise(residuals: Sequence[Residual]) -> tuple[HeldOut, ...]:
    """By set and metric, and over all sets."""
    found: dict[tuple[str, str], list[float]] = {}
    for one in residuals:
        for name in (one.case.set, "all"):
            found.setdefault((name, one.metric), []).append(math.expm1(one.value))
    return tuple(
        HeldOut(set=key[0], metric=key[1], n=len(values), median_error=_median([abs(v) for v in values]),
                bias=_median(values))
        for key, values in sorted(found.items())
    )  # fmt: skip


def ranges(residuals: Sequence[Residual], share: float = 0.8) -> dict[str, float]:
    """Half-widths, as logarithms, that hold `share` of unseen cases; what is left out weighs by its root size.

    A range has to hold on the next model and on the next chip: the wider of both counts.
    """
    found: dict[tuple[str, bool], list[Residual]] = {}
    for one in residuals:
        found.setdefault((one.metric, one.left_out == one.case.model), []).append(one)
    widths: dict[str, float] = {}
    for (metric, _), members in found.items():
        sizes: dict[tuple[str, str], int] = {}
        for one in members:
            sizes[one.left_out, one.case.set] = sizes.get((one.left_out, one.case.set), 0) + 1
        weights = [1.0 / math.sqrt(sizes[one.left_out, one.case.set]) for one in members]
        width = weighted_quantile([abs(one.value) for one in members], weights, share)
        widths[metric] = max(width, widths.get(metric, 0.0))
    return widths


def _families(family: str) -> tuple[str, ...]:
    return _SHARED if family in _SHARED else (family,)


def _spread(tested: Sequence[Residual], family: str) -> dict[str, float]:
    """A family's own range, but never narrower than that of all; where nothing tested it, an assumed one."""
    overall, own = ranges(tested), ranges([one for one in tested if one.case.family in _families(family)])
    return {
        metric: max(own.get(metric, assumed), overall.get(metric, 0.0)) for metric, assumed in _UNTESTED.items()
    }  # fmt: skip


def spreads(tested: Sequence[Residual]) -> dict[bool, dict[str, dict[str, float]]]:
    """Ranges by family, apart for models with experts: how routing and grouped matmuls go is known half as well."""
    families = sorted({*_SHARED, *(one.case.family for one in tested)})
    found: dict[bool, dict[str, dict[str, float]]] = {}
    for experts in (False, True):
        alike = [one for one in tested if one.experts is experts]
        by_family = {family: _spread(alike, family) for family in families}
        widest = {metric: max([least, *(f[metric] for f in by_family.values())]) for metric, least in _UNTESTED.items()}
        found[experts] = {**by_family, "untested": widest}
    return found


def _tried(
    residuals: Sequence[Residual], left: Mapping[str, Sequence[Residual]], key: Callable[[Case], str]
) -> Iterator[tuple[Residual, bool]]:
    """Every residual, and whether the range that errors on models and chips outside its group give holds it."""
    for name in sorted({one.left_out for one in residuals}):
        widths = spreads([one for kind in RANGES_FROM for one in left.get(kind, ()) if key(one.case) != name])
        for one in residuals:
            if one.left_out == name:
                table = widths[one.experts]
                yield one, abs(one.value) <= table.get(one.case.family, table["untested"])[one.metric]


def coverage(
    left: Mapping[str, Sequence[Residual]], keys: Mapping[str, Callable[[Case], str]]
) -> tuple[RangeCoverage, ...]:
    """Tries ranges on what they have not seen: those of a group are taken from the errors of all other groups."""
    hits: dict[tuple[str, str, bool | None], list[bool]] = {}
    for kind, residuals in left.items():
        for one, inside in _tried(residuals, left, keys[kind]):
            for experts in (one.experts, None):
                hits.setdefault((kind, one.metric, experts), []).append(inside)
    return tuple(
        RangeCoverage(left=key[0], metric=key[1], experts=key[2], n=len(inside), share=sum(inside) / len(inside))
        for key, inside in sorted(hits.items(), key=lambda item: (item[0][:2], str(item[0][2])))
    )


def coverage_by_deployment(left: Mapping[str, Sequence[Residual]]) -> tuple[GroupCoverage, ...]:
    """Coverage of each model, chip and engine with ten measurements of a metric or more, least first.

    Errors of one deployment go together, so that a range which holds 80 % of all holds some groups whole and others
    hardly at all: a pooled share cannot say which.
    """
    hits: dict[tuple[str, str, str, str], list[bool]] = {}
    for one, inside in _tried(left.get("model", ()), left, lambda case: case.model):
        case = one.case
        hits.setdefault((case.model, case.chip, case.setup.engine, one.metric), []).append(inside)
    found = [
        GroupCoverage(model=key[0], chip=key[1], engine=key[2], metric=key[3], n=len(seen), share=sum(seen) / len(seen))
        for key, seen in hits.items()
        if len(seen) >= _FEWEST
    ]
    return tuple(sorted(found, key=lambda one: (one.share, one.model, one.chip, one.engine, one.metric)))
