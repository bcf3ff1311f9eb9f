"""What is sold, as a population of architectures: the prior over sizes, sparsity and cache, by day of release.

Fitted on open weights that are sold, each architecture once. A draw has a geometric-mean size that grows with the day;
whether it is dense depends on size and day; a mixture's sparsity too; the cache depends on active parameters and day.
Slopes are shrunk towards zero, since ninety architectures of twenty labs say little of them, and every spread is that
of a new lab.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tokenroof.infer.levels import Miss, share_of
from tokenroof.infer.numerics import normal_cdf

__all__ = [
    "DENSE",
    "NOW",
    "Line",
    "Member",
    "Population",
    "architectures",
    "fit_population",
    "misses_of",
    "rounded_population",
    "sold",
    "years",
]

DENSE = 1.5  # total over active below which a model counts as dense
NOW = 2026.9  # the day of the snapshot, for sheets without a day
_YEAR = 2025.0  # days count from here
_SIZE_UNIT, _KV_UNIT = 1e9, 1e3
_RIDGE = 4.0  # a slope of one half is one standard deviation, in units of the scatter
_RIDGE_ODDS = 1.0  # odds that change by a factor of e in a year are one standard deviation
_LEAST_SPARSITY = 2.0  # of a mixture


def years(day: str) -> float:
    """A day such as 2026-11-22, or a month, as years."""
    if len(day) == 7:
        day += "-15"
    at = date.fromisoformat(day)
    return at.year + (at.timetuple().tm_yday - 0.5) / 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One architecture of the population: total, active, 16-bit cache bytes per token, year of release, its lab."""

    total_params: float
    active_params: float
    kv_bytes_per_token: float
    released: float
    lab: str
    product: bool = False  # the lab lives on its models and sells this one itself
    architecture: str = ""  # the first model of such totals of the lab


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """log y = at + size_slope * log size + year_slope * (year - 2025), with scatter `sd`.

    `lab_share` of its variance is a level that models of one lab have in common.
    """

    at: float
    size_slope: float
    year_slope: float
    sd: float
    lab_share: float = 0.0

    def mean(self, log_size: Any, released: Any) -> Any:
        """The line at a size in billions and a year."""
        return self.at + self.size_slope * log_size + self.year_slope * (released - _YEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """`size` of sqrt(total x active); `dense` is a logit; `sparsity` of mixtures; cache of either by active size.

    Labs that live on their models sell large ones themselves, and companies with another business give small ones away:
    `size` is that of all others, a lab's product lies `product` over it on logarithms, and `product_share` of all are
    such.
    """

    size: Line
    product: float
    product_share: float
    dense: Line
    sparsity: Line
    kv_dense: Line
    kv_mixture: Line
    n: int
    labs: int


def _design(size: Any, year: Any) -> Any:
    import numpy as np

    return np.column_stack([np.ones(len(size)), size, year - _YEAR])


def _ridge(size: Any, year: Any, y: Any, labs: Any) -> Line:
    """Least squares with shrunk slopes; the scatter is that of labs left out in turn."""
    import numpy as np

    x, shrink = _design(size, year), np.diag([1e-6, _RIDGE, _RIDGE])

    def solve(kept: Any) -> Any:
        return np.linalg.solve(x[kept].T @ x[kept] + shrink, x[kept].T @ y[kept])

    miss = np.empty(len(y))
    for lab in set(labs):
        out = labs == lab
        miss[out] = y[out] - x[out] @ solve(~out)
    at, size_slope, year_slope = (float(value) for value in solve(labs == labs))
    share = share_of([Miss(*one) for one in zip(labs, year, miss, strict=True)])
    sd = math.sqrt(float(miss @ miss) / len(y))
    return Line(at=at, size_slope=size_slope, year_slope=year_slope, sd=sd, lab_share=share)


def _logit(size: Any, year: Any, yes: Any) -> Line:
    """Logistic regression with shrunk slopes, by Newton's method."""
    import numpy as np

    x, found = _design(size, year), np.zeros(3)
    shrink = np.diag([1e-3, _RIDGE_ODDS, _RIDGE_ODDS])
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-x @ found))
        slope = x.T @ (yes - chance) - shrink @ found
        found = found + np.linalg.solve((x * (chance * (1 - chance))[:, None]).T @ x + shrink, slope)
    return Line(at=float(found[0]), size_slope=float(found[1]), year_slope=float(found[2]), sd=0.0)


def fit_population(members: Sequence[Member]) -> Population:
    """The population of these architectures."""
    import numpy as np

    total = np.log([m.total_params / _SIZE_UNIT for m in members])
    active = np.log([m.active_params / _SIZE_UNIT for m in members])
    kv = np.log([m.kv_bytes_per_token / _KV_UNIT for m in members])
    year = np.array([m.released for m in members])
    size, dense = 0.5 * (total + active), total - active < math.log(DENSE)
    mixture = ~dense
    n = len(members)
    labs = np.array([m.lab for m in members])
    product = np.array([float(m.product) for m in members])
    by_product = _ridge(product, year, size, labs)
    sizes, slope = replace(by_product, size_slope=0.0), by_product.size_slope
    return Population(
        size=sizes,
        product=slope,
        product_share=float(product.mean()),
        dense=_logit(size, year, dense.astype(float)),
        sparsity=_ridge(size[mixture], year[mixture], (total - active)[mixture], labs[mixture]),
        kv_dense=_ridge(active[dense], year[dense], kv[dense], labs[dense]),
        kv_mixture=_ridge(active[mixture], year[mixture], kv[mixture], labs[mixture]),
        n=n,
        labs=len({m.lab for m in members}),
    )


def misses_of(member: Member, population: Population) -> dict[str, float]:
    """How far an architecture lies over the lines of the population that it is on."""
    total, active = math.log(member.total_params / _SIZE_UNIT), math.log(member.active_params / _SIZE_UNIT)
    cache = math.log(member.kv_bytes_per_token / _KV_UNIT)
    size, day, p = 0.5 * (total + active), member.released, population
    found = {"size": size - p.size.mean(0.0, day) - p.product * member.product}
    if total - active < math.log(DENSE):
        return {**found, "kv_dense": cache - p.kv_dense.mean(active, day)}
    return {
        **found, "sparsity": total - active - p.sparsity.mean(size, day),
        "kv_mixture": cache - p.kv_mixture.mean(active, day),
    }  # fmt: skip


def sold(population: Population, product: bool | None) -> Population:
    """The population of models that are a lab's product, or of those that are none; None is of both."""
    size, share = population.size, population.product_share
    place = share if product is None else float(product)
    between = share * (1.0 - share) if product is None else 0.0
    own = replace(
        size, at=size.at + place * population.product, sd=math.sqrt(size.sd**2 + between * population.product**2)
    )
    return replace(population, size=own, product=0.0)


def architectures(z: Mapping[str, Any], population: Population, released: Any) -> dict[str, Any]:
    """Totals for standard normals named size, dense, sparsity and kv."""
    import numpy as np

    p = population
    size = p.size.mean(0.0, released) + p.size.sd * z["size"]
    dense = normal_cdf(z["dense"]) < 1.0 / (1.0 + np.exp(-p.dense.mean(size, released)))
    routed = p.sparsity.mean(size, released) + p.sparsity.sd * z["sparsity"]
    log_sparsity = np.where(dense, 0.0, np.maximum(routed, math.log(_LEAST_SPARSITY)))
    active = size - 0.5 * log_sparsity
    cache = np.where(
        dense,
        p.kv_dense.mean(active, released) + p.kv_dense.sd * z["kv"],
        p.kv_mixture.mean(active, released) + p.kv_mixture.sd * z["kv"],
    )
    return {
        "total_params": np.exp(size + 0.5 * log_sparsity) * _SIZE_UNIT,
        "active_params": np.exp(active) * _SIZE_UNIT,
        "sparsity": np.exp(log_sparsity),
        "kv_bytes_per_token": np.exp(cache) * _KV_UNIT,
    }


def rounded_population(population: Population, digits: int = 4) -> Population:
    """The same population with fewer digits, for shipping as constants."""

    def short(line: Line) -> Line:
        return Line(
            at=round(line.at, digits), size_slope=round(line.size_slope, digits),
            year_slope=round(line.year_slope, digits), sd=round(line.sd, digits), lab_share=line.lab_share,
        )  # fmt: skip

    p = population
    return Population(
        size=short(p.size), product=round(p.product, digits), product_share=round(p.product_share, digits),
        dense=short(p.dense), sparsity=short(p.sparsity), kv_dense=short(p.kv_dense),
        kv_mixture=short(p.kv_mixture), n=p.n, labs=p.labs,
    )  # fmt: skip
