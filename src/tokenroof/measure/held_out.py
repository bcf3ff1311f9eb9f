"""How well a fit carries over: each model, then each chip, is left out of the fit and predicted by the rest."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenroof.measure.fit_runs import Case, fit_groups, group_cases, predict_groups
from tokenroof.measure.robust import weighted_quantile

__all__ = ["HeldOut", "Residual", "leave_out", "ranges", "summarise"]

_METRIC = {"tpot": "tpot", "ttft": "ttft", "ttft_p50": "ttft"}
_FEWEST = 10


@dataclass(frozen=True, slots=True)
class Residual:
    """ln(predicted / measured) of one case that the fit had not seen; `left_out` names the model or chip."""

    case: Case
    left_out: str
    value: float

    @property
    def metric(self) -> str:
        return _METRIC.get(self.case.quantity, "throughput")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One line of the table: median absolute error and signed median, as shares of the measurement."""

    set: str
    metric: str
    n: int
    median_error: float
    bias: float


def _without(cases: Sequence[Case], key: Callable[[Case], str], name: str) -> tuple[list[Case], list[Case]]:
    return [case for case in cases if key(case) != name], [case for case in cases if key(case) == name]


def leave_out(
    cases: Sequence[Case],
    by: Callable[[Case], str],
    kernels: Any,
    start: Any,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Residual]:
    """Residuals of every case, each predicted by a fit without its model (or chip)."""
    for name in sorted({by(case) for case in cases}):
        rest, out = _without(cases, by, name)
        if len(out) < _FEWEST or not rest:
            continue
        point = fit_groups(group_cases(rest, kernels), steps=7, start=start)
        groups = group_cases(out, kernels)
        logs = predict_groups(groups, point)[0]
        order = [case for group in groups for case in group.cases]
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
    """Half-widths, as logarithms, that hold `share` of unseen cases; what is left out weighs by its root size."""
    found: dict[str, list[Residual]] = {}
    for one in residuals:
        found.setdefault(one.metric, []).append(one)
    widths = {}
    for metric, members in found.items():
        sizes: dict[tuple[str, str], int] = {}
        for one in members:
            sizes[one.left_out, one.case.set] = sizes.get((one.left_out, one.case.set), 0) + 1
        weights = [1.0 / math.sqrt(sizes[one.left_out, one.case.set]) for one in members]
        widths[metric] = weighted_quantile([abs(one.value) for one in members], weights, share)
    return widths
