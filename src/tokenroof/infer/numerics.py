"""Vectorised pieces that numpy lacks: the normal distribution function, weighted quantiles, a tail index."""

import math
from typing import Any

__all__ = ["log_normal_cdf", "normal_cdf", "pareto_k", "weighted_quantiles"]


def normal_cdf(z: Any) -> Any:
    """Phi(z), absolute error below 1e-7 (Abramowitz and Stegun 26.2.17)."""
    import numpy as np

    magnitude = np.abs(z)
    t = 1.0 / (1.0 + 0.2316419 * magnitude)
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = poly * np.exp(-0.5 * magnitude * magnitude) * (1.0 / math.sqrt(2.0 * math.pi))
    return np.where(z >= 0, 1.0 - tail, tail)


def log_normal_cdf(z: Any) -> Any:
    """log Phi(z), also far in the tail, where Phi itself is zero: the asymptotic series below -6."""
    import numpy as np

    floor = np.maximum(z, -6.0)
    deep = np.minimum(z, -6.0)
    squared = deep * deep
    series = (
        -0.5 * squared - np.log(-deep) - 0.5 * math.log(2.0 * math.pi) + np.log1p(-1.0 / squared + 3.0 / squared**2)
    )
    return np.where(z >= -6.0, np.log(np.maximum(normal_cdf(floor), 1e-12)), series)


def weighted_quantiles(values: Any, weights: Any, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles of a weighted sample: the value at which the summed weight passes each share."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    summed = np.cumsum(weights[order])
    places = np.searchsorted(summed, np.array(shares) * summed[-1])
    return tuple(float(values[order[min(int(p), len(order) - 1)]]) for p in places)


def pareto_k(log_weights: Any) -> float:
    """Shape of a generalised Pareto fitted to the largest importance weights; above 0.7 they are not to be trusted.

    Zhang and Stephens' profile estimate, as Vehtari et al. 2024 use it for importance sampling. Weights that
    reach an upper bound have a negative shape.
    """
    import numpy as np

    n = len(log_weights)
    tail_length = min(n // 5, int(3 * math.sqrt(n)))
    if tail_length < 20:
        return math.inf
    top = np.partition(log_weights, n - tail_length - 1)[n - tail_length - 1 :]
    top.sort()
    excess = np.exp(top[1:] - top[-1]) - math.exp(top[0] - top[-1])
    excess = excess[excess > 0]
    if len(excess) < 10:
        return -math.inf  # the largest weights are all equal
    m = len(excess)
    grid = 30 + int(math.sqrt(m))
    quartile = excess[int(m / 4 + 0.5) - 1]
    theta = 1.0 / excess[-1] + (1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3.0 * quartile)
    k = np.array([np.log1p(-t * excess).mean() for t in theta])
    profile = m * (np.log(-theta / k) - k - 1.0)
    weight = np.exp(profile - profile.max())
    best = float((theta * weight).sum() / weight.sum())
    return float(np.log1p(-best * excess).mean())
