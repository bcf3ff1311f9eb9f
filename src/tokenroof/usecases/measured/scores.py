"""Scores of predictions beside measurements: medians, shares, how wide the ranges are, and how sure the median is.

Kept per row is one float for the error and one for the range; of what was measured together (one model on one chip
under one engine) only which rows are its own, since runs of one deployment err together.
"""

import math
from array import array
from dataclasses import dataclass, field

__all__ = ["FEWEST_CLUSTERS", "Group", "Tally", "group_of", "pooled"]

_RESAMPLES = 200
_INTERVAL = (0.1, 0.9)
FEWEST_CLUSTERS = 3  # fewer say nothing of others
_SEED = 20260429


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Scores of the measurements of a set, metric, split and value of what they are told apart by.

    Errors are relative to the measurement. `range_factor` is the median factor from the prediction to the ends of its
    80 % range. `error_interval` holds the median absolute error of 80 % of samples that are drawn from the deployments
    measured, each with all its runs; None where there are fewer than three. `median_over_bound` is how far from the
    roof runs are: measured over bound, of throughput the reverse.
    """

    set: str
    metric: str
    split: str
    by: tuple[str, ...] = ()
    n: int
    deployments: int
    median_absolute_error: float
    error_interval: tuple[float, float] | None
    median_error: float
    within_15: float
    within_30: float
    coverage_80: float
    range_factor: float
    median_over_bound: float


@dataclass(slots=True)
class Tally:
    """What is kept of scored rows."""

    errors: "array[float]" = field(default_factory=lambda: array("d"))
    factors: "array[float]" = field(default_factory=lambda: array("d"))
    roofs: "array[float]" = field(default_factory=lambda: array("d"))
    clusters: "array[int]" = field(default_factory=lambda: array("l"))
    covered: int = 0

    def add(self, error: float, low: float, high: float, over_bound: float, covered: bool, cluster: int) -> None:
        """One row; `cluster` is the number of the deployment that it measured."""
        self.errors.append(error)
        self.factors.append(math.sqrt(high / low) if low > 0.0 else math.inf)
        self.roofs.append(over_bound)
        self.clusters.append(cluster)
        self.covered += covered

    def extend(self, other: "Tally") -> None:
        """All rows of another."""
        self.errors.extend(other.errors)
        self.factors.extend(other.factors)
        self.roofs.extend(other.roofs)
        self.clusters.extend(other.clusters)
        self.covered += other.covered


def pooled(tallies: list[Tally]) -> Tally:
    """Several as one."""
    whole = Tally()
    for one in tallies:
        whole.extend(one)
    return whole


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _interval(absolute: list[float], clusters: "array[int]") -> tuple[float, float] | None:
    """Where the median lies if the deployments had been others of the same kind: drawn again, with replacement."""
    import numpy as np

    names, places = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < FEWEST_CLUSTERS:
        return None
    order = np.argsort(absolute, kind="stable")
    sizes, owners = np.asarray(absolute)[order], places[order]
    rng = np.random.default_rng(_SEED)
    found = []
    for _ in range(_RESAMPLES):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        reached = np.cumsum(times[owners])
        found.append(sizes[np.searchsorted(reached, reached[-1] / 2.0)])
    low, high = np.quantile(found, _INTERVAL)
    return float(low), float(high)


def group_of(set: str, metric: str, split: str, by: tuple[str, ...], tally: Tally) -> Group:
    """The scores of one tally."""
    errors, n = list(tally.errors), len(tally.errors)
    absolute = [abs(error) for error in errors]
    return Group(
        set=set,
        metric=metric,
        split=split,
        by=by,
        n=n,
        deployments=len({*tally.clusters}),
        median_absolute_error=_median(absolute),
        error_interval=_interval(absolute, tally.clusters),
        median_error=_median(errors),
        within_15=sum(error <= 0.15 for error in absolute) / n,
        within_30=sum(error <= 0.30 for error in absolute) / n,
        coverage_80=tally.covered / n,
        range_factor=_median(list(tally.factors)),
        median_over_bound=_median(list(tally.roofs)),
    )
