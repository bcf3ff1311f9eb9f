"""How well intervals did: how often they held the truth, how wide they were, and one number for both.

Each architecture counts once, however many offers sell it. What a group of labs shows by chance is read from drawing
labs anew.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Coverage", "Outcome", "coverage", "labs_anew", "weights_of"]

_MISS = 2.0 / 0.2  # what a unit outside an 80 % interval costs in widths (Gneiting and Raftery's interval score)
_HELD = 0.8
_DRAWS, _SEED = 400, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One unknown of one case: truth beside the 80 % interval made without its lab."""

    offer: str
    model: str
    architecture: str
    lab: str
    kind: str
    released: float
    exam: bool
    evidence: str  # "all", "none" for the prior, "without X", "with X", or a baseline
    unknown: str
    truth: float
    low80: float
    median: float
    high80: float
    inside50: bool
    inside80: bool
    ess: float

    @property
    def reach(self) -> float:
        """How far the truth lies from the median, in widths of its side of the interval."""
        low, middle, high, truth = (math.log(value) for value in (self.low80, self.median, self.high80, self.truth))
        side = high - middle if truth > middle else middle - low
        return abs(truth - middle) / max(side, 1e-9)

    @property
    def score(self) -> float:
        """The interval's width on logarithms, and ten times how far outside it the truth lies."""
        low, high, truth = math.log(self.low80), math.log(self.high80), math.log(self.truth)
        return high - low + _MISS * max(low - truth, truth - high, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How a group of intervals did. `bias` is truth over median, geometric mean.

    `labs_low` and `labs_high` hold the coverage in 80 % of draws of the labs anew. `width_held` is the width after all
    intervals were stretched or shrunk until they held 80 %: what makes two methods comparable.
    """

    evidence: str
    unknown: str
    n: int
    models: int
    labs: int
    coverage50: float
    coverage80: float
    labs_low: float
    labs_high: float
    width80: float
    width_held: float
    bias: float
    scatter: float
    score: float


def weights_of(models: Sequence[str]) -> Any:
    """Weights that let each architecture count once; they sum to one."""
    import numpy as np

    counts: dict[str, int] = {}
    for model in models:
        counts[model] = counts.get(model, 0) + 1
    weights = np.array([1.0 / counts[model] for model in models])
    return weights / weights.sum()


def labs_anew(inside: Any, weights: Any, labs: Sequence[str]) -> tuple[float, float]:
    """80 % of a weighted share under draws of whole labs with replacement."""
    import numpy as np

    names = sorted(set(labs))
    at = np.array([names.index(lab) for lab in labs])
    hits = np.bincount(at, weights=weights * inside, minlength=len(names))
    all_of = np.bincount(at, weights=weights, minlength=len(names))
    drawn = np.random.default_rng(_SEED).integers(len(names), size=(_DRAWS, len(names)))
    shares = hits[drawn].sum(axis=1) / all_of[drawn].sum(axis=1)
    low, high = (float(q) for q in np.quantile(shares, (0.1, 0.9)))
    return low, high


def _stretch(reaches: Any, weights: Any) -> float:
    """The factor on all widths at which 80 % are held."""
    import numpy as np

    order = np.argsort(reaches)
    place = int(np.searchsorted(np.cumsum(weights[order]), _HELD))
    return float(reaches[order[min(place, len(order) - 1)]])


def _one(evidence: str, unknown: str, group: Sequence[Outcome]) -> Coverage:
    import numpy as np

    weights = weights_of([o.architecture for o in group])
    inside = np.array([o.inside80 for o in group], dtype=float)
    miss = np.log([o.truth / o.median for o in group])
    bias = float(weights @ miss)
    log_width = float(weights @ np.log([o.high80 / o.low80 for o in group]))
    low, high = labs_anew(inside, weights, [o.lab for o in group])
    return Coverage(
        evidence=evidence, unknown=unknown, n=len(group), models=len({o.architecture for o in group}),
        labs=len({o.lab for o in group}),
        coverage50=float(weights @ np.array([o.inside50 for o in group], dtype=float)),
        coverage80=float(weights @ inside), labs_low=low, labs_high=high,
        width80=math.exp(log_width),
        width_held=math.exp(log_width * _stretch(np.array([o.reach for o in group]), weights)),
        bias=math.exp(bias), scatter=float(np.exp(math.sqrt(weights @ (miss - bias) ** 2))),
        score=float(weights @ np.array([o.score for o in group])),
    )  # fmt: skip


def coverage(outcomes: Sequence[Outcome], which: Callable[[Outcome], bool] = lambda _: True) -> tuple[Coverage, ...]:
    """How the intervals of each kind of evidence and unknown did."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if which(outcome):
            groups.setdefault((outcome.evidence, outcome.unknown), []).append(outcome)
    return tuple(_one(*key, group) for key, group in groups.items())
