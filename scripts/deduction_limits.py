"""What a flexible regression makes of the same evidence: how narrow any interval could be (docs/deduction.md).

A Gaussian process on price, output over input, day of release, day of the price and kind of seller, with a level of its
own for each lab; all of its figures are chosen by likelihood without the lab that is scored. Beside it the joint
posterior, and the process once more with the lab's other models known.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenroof.infer.cases import Case, open_cases
from tokenroof.infer.report import validate
from tokenroof.infer.scores import weights_of

WIDTH = 2 * 1.2816  # of an 80 % interval, in standard deviations
UNKNOWNS = ("total_params", "active_params", "kv_bytes_per_token")
# length in standard deviations of the columns; log-sd of the curve, of a model, of a lab
GRID = tuple(itertools.product((1.0, 3.0), (0.0, 0.5), (0.5, 0.7, 0.9), (0.2, 0.4, 0.7)))


def columns(cases: Sequence[Case]) -> Any:
    """Evidence of each case, in standard deviations."""
    e = [case.evidence for case in cases]
    x = np.array(
        [
            [
                math.log(one.input_usd_per_token), math.log(one.output_usd_per_token / one.input_usd_per_token),
                one.released, one.priced, one.kind == "open",
            ]
            for one in e
        ],
        dtype=float,
    )  # fmt: skip
    return (x - x.mean(axis=0)) / x.std(axis=0)


def kernel(a: Any, b: Any, figures: Sequence[float]) -> Any:
    """A constant and a line with next to no prior, and a smooth curve."""
    length, curve, *_ = figures
    apart = ((a[:, None] - b[None]) ** 2).sum(axis=-1) / length**2
    return 25.0 + 4.0 * a @ b.T + curve**2 * np.exp(-0.5 * apart)


def noisy(x: Any, labs: Any, counts: Any, figures: Sequence[float]) -> Any:
    """The kernel of known cases: a model sold n times counts once, and models of a lab err together."""
    *_, model, lab = figures
    return kernel(x, x, figures) + np.diag(model**2 * counts) + lab**2 * (labs[:, None] == labs[None])


def likelihood(x: Any, y: Any, labs: Any, counts: Any, figures: Sequence[float]) -> float:
    """Log-likelihood of known cases."""
    factor = np.linalg.cholesky(noisy(x, labs, counts, figures))
    white = np.linalg.solve(factor, y)
    return float(-0.5 * white @ white - np.log(np.diag(factor)).sum())


def misses(x: Any, y: Any, labs: Any, counts: Any, groups: Any) -> tuple[Any, Any]:
    """Misses and stated log-sd of each group left out in turn."""
    miss, said = np.empty(len(y)), np.empty(len(y))
    for group in sorted(set(groups)):
        out, known = groups == group, groups != group
        middle = y[known].mean()
        best = max(GRID, key=lambda f: likelihood(x[known], y[known] - middle, labs[known], counts[known], f))
        across = kernel(x[out], x[known], best) + best[3] ** 2 * (labs[out][:, None] == labs[known][None])
        solved = np.linalg.solve(noisy(x[known], labs[known], counts[known], best), np.c_[y[known] - middle, across.T])
        miss[out] = y[out] - middle - across @ solved[:, 0]
        own = np.diag(kernel(x[out], x[out], best)) + best[2] ** 2 + best[3] ** 2
        said[out] = np.sqrt(own - np.einsum("ij,ji->i", across, solved[:, 1:]))
    return miss, said


def line(name: str, miss: Any, said: Any, weights: Any) -> str:
    """Root mean square, the interval that it makes, what was stated and how often that held."""
    rms = math.sqrt(float(weights @ miss**2))
    held = float(weights @ (np.abs(miss) < 0.5 * WIDTH * said))
    stated = math.exp(WIDTH * float(weights @ said))
    return f"  {name:42}{rms:5.2f}   x{math.exp(WIDTH * rms):5.1f}   {held:4.0%} at x{stated:.1f}"


def main() -> None:
    """Print both for each unknown."""
    cases, _ = open_cases()
    x, labs = columns(cases), np.array([case.lab for case in cases])
    models = np.array([f"{case.lab}/{case.architecture}" for case in cases])
    weights = weights_of(list(models))
    counts = np.array([(models == model).sum() for model in models], dtype=float)
    outcomes = validate().outcomes
    print(f"{'':44}rms    80 %     held")
    for unknown in UNKNOWNS:
        print(unknown)
        y = np.log([getattr(case.truth, unknown) for case in cases])
        for name, groups in (("process, lab left out", labs), ("process, the lab's other models known", models)):
            print(line(name, *misses(x, y, labs, counts, groups), weights), flush=True)
        own = [o for o in outcomes if o.unknown == unknown]
        miss = np.log([o.truth / o.median for o in own])
        said = np.log([o.high80 / o.low80 for o in own]) / WIDTH
        print(line("joint posterior, lab left out", miss, said, weights_of([f"{o.lab}/{o.architecture}" for o in own])))


if __name__ == "__main__":
    main()
