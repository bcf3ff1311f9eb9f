"""Which runs narrow an answer most: a linear-Gaussian belief about log predictions, and a greedy choice by cost.

ln(measured) = ln(shipped) + slopes . factors + rest + noise. Factors are those of `calibrate` with their priors; rest
is what no factor explains, as wide as the shipped range asks for, a share of it alike for runs that are alike; noise is
what one run repeats to. An answer is a weighted sum of log predictions: what runs do to it needs no measurement.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenroof.measure.calibrate import PARAMETERS, Problem, linearised
from tokenroof.measure.fit_runs import Case
from tokenroof.measure.setups import Setup
from tokenroof.scenario.ranges import spread
from tokenroof.types.efficiency import Efficiency

__all__ = ["NOISE", "Belief", "believed"]

Array = Any
NOISE = {"tpot": 0.02, "ttft": 0.06, "ttft_p50": 0.06}  # what a run repeats to, as a logarithm: assumed
_NOISE_OTHER = 0.02
_SCALE = math.log(4.0)  # loads or lengths four times apart are alike by exp(-1/2): assumed
_OTHER_LAYOUT = 0.5  # how much of the rest another layout or format shares: assumed
_OWN = 0.25  # of the variance of the rest, shared with no other run: on seven public sets ranges then hold 80 %
# Of the variance of a prediction, at least: what no factor shares with other deployments. Of 0, 0.1, 0.2, 0.3 and 0.5
# the most under which ranges after three runs hold at most 88 % on 22 sets that docs/next.md does not score.
_DEPLOYMENT = 0.1
_LEAST_REST = 0.03
_Z80 = 1.2815515655446004


@dataclass(frozen=True, slots=True)
class Belief:
    """ln of the predictions and their covariance; `noise` is the variance of a measurement of each."""

    mean: Array
    covariance: Array
    noise: Array

    def after(self, rows: Sequence[int], values: Array = None) -> "Belief":
        """With these rows measured; without values only the covariance is that of after."""
        import numpy as np

        places = list(rows)
        if not places:
            return self
        inner = self.covariance[np.ix_(places, places)] + np.diag(self.noise[places])
        gain = np.linalg.solve(inner, self.covariance[places]).T
        mean = self.mean if values is None else self.mean + gain @ (values - self.mean[places])
        return Belief(mean, self.covariance - gain @ self.covariance[places], self.noise)

    def sd(self, answer: Array) -> float:
        """Standard deviation of a weighted sum of the rows."""
        return math.sqrt(max(float(answer @ self.covariance @ answer), 0.0))

    def best(self, answer: Array, runs: Sequence[Sequence[int]], costs: Sequence[float]) -> int | None:
        """Of runs that do half as much as the best, the one that does most for its cost; None where none helps.

        What a run does is what it takes off the logarithm of the answer's variance.
        """
        before = self.sd(answer)
        if before == 0.0:
            return None
        gains = [2.0 * math.log(before / max(self.after(rows).sd(answer), 1e-9)) if rows else 0.0 for rows in runs]
        most = max(gains, default=0.0)
        if most < _HELPS:
            return None
        return max(
            (at for at, gain in enumerate(gains) if gain >= _ENOUGH * most), key=lambda at: gains[at] / costs[at]
        )


_HELPS = 1e-3
_ENOUGH = 0.5


def _alike(a: Case, b: Case) -> float:
    """Correlation of what no factor explains in two cases."""
    if a.quantity[:4] != b.quantity[:4]:
        return 0.0
    one, two = a.setup, b.setup
    pairs = (
        (max(one.load.value, 1.0), max(two.load.value, 1.0)), (one.workload.isl, two.workload.isl),
        (one.workload.osl, two.workload.osl),
    )  # fmt: skip
    far = sum((math.log(x / y) / _SCALE) ** 2 for x, y in pairs)
    same = _deployed(one) == _deployed(two)
    return math.exp(-0.5 * far) * (1.0 if same else _OTHER_LAYOUT)


def _deployed(one: Setup) -> tuple[object, ...]:
    """What is served and how; a format that is not named is the checkpoint's."""
    degrees = [getattr(one.layout, name) for name in ("tp", "pp", "ep", "dp", "cp", "dcp")]
    return (one.model.id, *degrees, one.layout.kv_dtype or one.model.kv_dtype, one.drafts)


def believed(problem: Problem, profile: Efficiency) -> Belief:
    """What is believed of the problem's cases before any run, in their order."""
    import numpy as np

    width = np.array([one.width for one in PARAMETERS.values()])
    near = linearised(problem, np.zeros(len(width)), np.ones(len(width), bool))
    slope = np.where(np.isfinite(near.slope), near.slope, 0.0)
    factors = (slope * (width**2)[:, None]).T @ slope
    cases = problem.cases
    whole = np.array([(spread(_metric(case.quantity), profile) / _Z80) ** 2 for case in cases])
    # factors are believed no wider than the shipped range, which was tested, less what is each deployment's own
    shrink = np.sqrt(np.minimum(1.0, (1.0 - _DEPLOYMENT) * whole / np.maximum(np.diag(factors), 1e-300)))
    factors *= np.outer(shrink, shrink)
    rest = np.sqrt(np.maximum(whole - np.diag(factors), _LEAST_REST**2))
    alike = (1.0 - _OWN) * np.array([[_alike(a, b) for b in cases] for a in cases]) + _OWN * np.eye(len(cases))
    noise = np.array([NOISE.get(case.quantity, _NOISE_OTHER) for case in cases]) ** 2
    return Belief(near.value, factors + alike * np.outer(rest, rest), noise)


def _metric(quantity: str) -> str:
    return quantity if quantity in ("tpot", "ttft", "ttft_p50") else "throughput"
