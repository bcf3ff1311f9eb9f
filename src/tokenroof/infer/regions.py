"""Joint regions of two unknowns, beside the prior's: what an interval for each alone cannot say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["PAIRS", "Density", "Region", "density", "joint_region"]

# what a joint posterior is asked most: the architecture, and size against mark-up
PAIRS = (
    ("total_params", "active_params"), ("active_params", "kv_bytes_per_token"), ("total_params", "markup"),
)  # fmt: skip
_CELLS = 24  # a side: what a picture of a region needs
_LEAST_VARIANCE = 1e-9  # of logarithms
_TAIL = 0.002  # of the draws, left out at each end of an axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """An ellipse in the natural logarithms of two unknowns.

    It holds the pairs x with (ln x - ln centre)' C^-1 (ln x - ln centre) <= d, where C has standard deviations `log_sd`
    and `correlation`, and d is `distance50` or `distance80`, taken from the draws, not from a normal density.
    `area_left` is the area of the 80 % region over that of the prior, on logarithms.
    """

    names: tuple[str, str]
    centre: tuple[float, float]
    log_sd: tuple[float, float]
    correlation: float
    distance50: float
    distance80: float
    area_left: float


def _ellipse(names: tuple[str, str], draws: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    import numpy as np

    cloud = np.log(np.stack([draws[name] for name in names], axis=1))
    # an unknown that is known for certain, as the sparsity of a dense model, has no width of its own
    centre, covariance = cloud.mean(axis=0), np.cov(cloud.T) + _LEAST_VARIANCE * np.eye(len(names))
    away = cloud - centre
    squares = np.einsum("ij,jk,ik->i", away, np.linalg.inv(covariance), away)
    return centre, covariance, np.quantile(squares, (0.5, 0.8))


def joint_region(names: tuple[str, str], after: Mapping[str, Any], before: Mapping[str, Any]) -> Region:
    """The region of two unknowns from equally weighted draws of the posterior and of the prior."""
    import numpy as np

    centre, covariance, (half, most) = _ellipse(names, after)
    _, prior_covariance, (_, prior_most) = _ellipse(names, before)
    sd = np.sqrt(np.diag(covariance))
    area, prior_area = most * np.sqrt(np.linalg.det(covariance)), prior_most * np.sqrt(np.linalg.det(prior_covariance))
    return Region(
        names=names,
        centre=(float(np.exp(centre[0])), float(np.exp(centre[1]))),
        log_sd=(float(sd[0]), float(sd[1])),
        correlation=float(covariance[0, 1] / (sd[0] * sd[1])),
        distance50=float(half),
        distance80=float(most),
        area_left=float(area / prior_area),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """Two unknowns on a grid that is even in their logarithms: the share of draws in each cell, row by row of y.

    `x` and `y` are the middles of the cells. Cells that hold `level50` or more, taken together, hold half of the
    draws; likewise `level80`.
    """

    names: tuple[str, str]
    x: tuple[float, ...]
    y: tuple[float, ...]
    posterior: tuple[tuple[float, ...], ...]
    prior: tuple[tuple[float, ...], ...]
    level50: float
    level80: float


def _levels(grid: Any) -> tuple[float, float]:
    import numpy as np

    ordered = np.sort(grid.ravel())[::-1]
    summed = np.cumsum(ordered)
    half, most = (float(ordered[int(np.searchsorted(summed, share * summed[-1]))]) for share in (0.5, 0.8))
    return half, most


def density(names: tuple[str, str], after: Mapping[str, Any], before: Mapping[str, Any]) -> Density:
    """Posterior and prior of two unknowns on one grid that holds both."""
    import numpy as np

    edges = []
    for name in names:
        ends = [np.quantile(np.log(draws[name]), (_TAIL, 1.0 - _TAIL)) for draws in (after, before)]
        edges.append(np.linspace(min(low for low, _ in ends), max(high for _, high in ends), _CELLS + 1))

    def grid(draws: Mapping[str, Any]) -> Any:
        x, y = (np.log(draws[name]) for name in names)
        return np.histogram2d(x, y, bins=(edges[0], edges[1]))[0].T / len(x)

    posterior, prior = grid(after), grid(before)
    half, most = _levels(posterior)

    def rows(shares: Any) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(round(float(share), 5) for share in row) for row in shares)

    x, y = (tuple(float(f"{value:.4g}") for value in np.exp(0.5 * (e[1:] + e[:-1]))) for e in edges)
    return Density(names=names, x=x, y=y, posterior=rows(posterior), prior=rows(prior), level50=half, level80=most)
