"""Importance sampling of one posterior: draws from the prior, weighted by the evidence, with its own health check.

The first draws come from the prior. Where few of them count, the next come mostly from a normal fitted to them (to
their weights flattened, if too few count even for that), and the rest from a better one. Each draw is weighted by the
density of the whole mixture; the prior's share in it keeps weights bounded. Draws are made in blocks that stay in
the processor's cache.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenroof.errors import InputError, TokenroofError
from tokenroof.infer.calibration import Calibration
from tokenroof.infer.evidence import Reading
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.numerics import log_normal_cdf, pareto_k
from tokenroof.infer.priors import N_DIMS, Setting, unknowns

__all__ = ["Health", "PoorPosterior", "Sample", "effective_size", "log_likelihood", "resample", "sample_posterior"]

_BLOCK = 1 << 15
_STAGES = (0.2, 0.4, 1.0)
# An exact fact leaves a ten-thousandth of the prior: few draws find it in more steps.
_STAGES_EXACT, _FEW = (0.2, 0.24, 0.28, 0.33, 0.4, 0.5, 1.0), 1 << 19
_ENOUGH = 0.02  # effective share of the draws above which their source is good enough
_TEMPER_TO = 400.0
_PRIOR_SHARE, _PRIOR_SHARE_EXACT = 0.3, 0.1
_WIDEN = 1.3
_BATCHES = 8
# Least variance of a proposal; where a fact is exact, its unknown has a sixtieth of the prior's standard deviation left
_FLOOR, _FLOOR_EXACT = 0.05, 0.002
LEAST_ESS, MOST_K, MOST_R_HAT = 400.0, 0.7, 1.05


class PoorPosterior(TokenroofError, RuntimeError):
    """The sample does not represent the posterior: nothing is reported from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the sample can be trusted.

    `ess` is the effective sample size of the weights, `pareto_k` the shape of their tail (trusted below 0.7),
    `r_hat` compares eighths of the sample as if they were chains (1 where they agree).
    """

    draws: int
    ess: float
    pareto_k: float
    r_hat: float
    adapted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """All draws with their weights' logarithms. `channel_log_likelihood` has one column per reading."""

    z: Any
    log_weight: Any
    channel_log_likelihood: Any
    readings: tuple[Reading, ...]
    setting: Setting
    health: Health

    def log_weights(self, without: str | None = None) -> Any:
        """Logarithms of the weights, all evidence counted or one channel left out."""
        total = self.log_weight
        for column, reading in enumerate(self.readings):
            if reading.channel == without:
                total = total - self.channel_log_likelihood[:, column]
        return total


_BEYOND = -60.0  # log-likelihood of a speed above what the draw's machines can do


def log_likelihood(reading: Reading, line: Calibration, predicted: Mapping[str, Any], year: float) -> Any:
    """log p(reading | unknowns) on the channel's calibrated line; a lower bound counts all that lies above it."""
    import numpy as np

    mean = line.mean(predicted, year)
    if reading.channel == "input_price":
        mean = mean + predicted["markup"]
    miss = (reading.log_value - mean) / line.sd
    if reading.bound == "at least":
        return log_normal_cdf(-miss)
    if reading.bound == "at most":
        return log_normal_cdf(miss)
    log = -0.5 * miss * miss - math.log(line.sd)
    if reading.channel == "output_speed":
        return np.where(reading.log_value > predicted["fastest"], _BEYOND, log)
    return log


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, rows, _BLOCK))


def _evaluate(z: Any, setting: Setting, read: Sequence[Reading], lines: Mapping[str, Calibration]) -> Any:
    """Log-likelihood of every reading for every row of z, block by block."""
    import numpy as np

    out = np.empty((len(z), len(read)), dtype=np.float32)
    for block in _blocks(len(z)):
        predicted = predict_prices(unknowns(z[block], setting))
        for column, reading in enumerate(read):
            out[block, column] = log_likelihood(reading, lines[reading.channel], predicted, setting.priced)
    return out


def _normalised(log_weights: Any) -> Any:
    import numpy as np

    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def effective_size(log_weights: Any) -> float:
    """Number of equally weighted draws that these weights are worth."""
    weights = _normalised(log_weights)
    return float(1.0 / (weights**2).sum())


def _r_hat(z: Any, log_weights: Any) -> float:
    """Largest disagreement of batch means over all coordinates, as the usual ratio of standard deviations."""
    import numpy as np

    # every eighth draw: each batch has its part of all stages
    rows = len(z) // _BATCHES
    batches = z[: rows * _BATCHES].reshape(rows, _BATCHES, -1)
    logs = log_weights[: rows * _BATCHES].reshape(rows, _BATCHES)
    weights = np.exp(logs - logs.max(axis=0))
    weights = (weights / weights.sum(axis=0)).astype(z.dtype)
    means = np.einsum("ij,ijk->jk", weights, batches)
    within = (np.einsum("ij,ijk,ijk->jk", weights, batches, batches) - means**2).mean(axis=0)
    return float(np.sqrt(1.0 + np.var(means, axis=0, ddof=1) / np.maximum(within, 1e-12)).max())


def _tempered(log_weights: Any) -> Any:
    """The weights flattened until enough draws count: a proposal fitted to a handful would miss the rest."""
    if effective_size(log_weights) >= _TEMPER_TO:
        return log_weights
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective_size(middle * log_weights) >= _TEMPER_TO else (low, middle)
    return low * log_weights


def _proposal(z: Any, log_weights: Any, floor: float) -> tuple[Any, Any]:
    """Mean and widened Cholesky factor of the weighted draws."""
    import numpy as np

    # draws of no weight cost time and say nothing
    few = np.argpartition(log_weights, -min(20_000, len(log_weights)))[-20_000:]
    weights, z = _normalised(_tempered(log_weights[few])), z[few].astype(float)
    mean = weights @ z
    centred = (z - mean) * np.sqrt(weights)[:, None]
    covariance = centred.T @ centred
    # a floor keeps coordinates in which few draws count from collapsing
    covariance += floor * np.eye(N_DIMS)
    return mean.astype(np.float32), (_WIDEN * np.linalg.cholesky(covariance)).astype(np.float32)


def _log_over_prior(z: Any, mean: Any, factor: Any) -> Any:
    """log of the normal proposal over the prior, block by block."""
    import numpy as np

    inverse = np.linalg.inv(factor).T
    constant = -float(np.log(np.diag(factor)).sum())
    out = np.empty(len(z), dtype=np.float32)
    for block in _blocks(len(z)):
        rows = z[block]
        whitened = (rows - mean) @ inverse
        squares = np.einsum("ij,ij->i", rows, rows) - np.einsum("ij,ij->i", whitened, whitened)
        out[block] = constant + 0.5 * squares
    return out


def _log_ratio(z: Any, proposals: Sequence[tuple[Any, Any, int]], total: int) -> Any:
    """log of prior over the mixture that the draws came from: the prior's part and each proposal's."""
    import numpy as np

    from_prior = total - sum(count for *_, count in proposals)
    mixture = np.full(len(z), math.log(from_prior / total), dtype=np.float32)
    for mean, factor, count in proposals:
        mixture = np.logaddexp(mixture, math.log(count / total) + _log_over_prior(z, mean, factor))
    return -mixture


def _exact(read: Sequence[Reading]) -> bool:
    """Whether somebody disclosed a figure, and not only a bound of it."""
    return any(one.channel.startswith("known_") and one.bound == "is" for one in read)


def sample_posterior(
    read: Sequence[Reading],
    lines: Mapping[str, Calibration],
    setting: Setting,
    *,
    draws: int = 16 * 65_536,
    seed: int = 1,
) -> Sample:
    """The posterior of one offer. PoorPosterior where too few draws carry the weight.

    Without readings the result is the prior, every weight the same.
    """
    import numpy as np

    if not 10_000 <= draws <= 1 << 24:
        raise InputError("draws", draws, "a whole number from 10,000 to 16,777,216")
    rng = np.random.default_rng(seed)
    z = np.empty((draws, N_DIMS), dtype=np.float32)
    likelihood = np.empty((draws, len(read)), dtype=np.float32, order="F")
    exact = _exact(read)
    ends = [int(draws * share) for share in (_STAGES_EXACT if exact and draws <= _FEW else _STAGES)]
    proposals: list[tuple[Any, Any, int]] = []
    log_weights: Any = None
    floor = _FLOOR_EXACT if exact else _FLOOR
    for start, end in zip([0, *ends], ends, strict=False):
        part = z[start:end]
        rng.standard_normal(dtype=np.float32, out=part)
        if read and start and effective_size(log_weights) < _ENOUGH * start:
            mean, factor = _proposal(z[:start], log_weights, floor)
            moved = part[int(len(part) * (_PRIOR_SHARE_EXACT if exact else _PRIOR_SHARE)) :]
            for block in _blocks(len(moved)):
                moved[block] = moved[block] @ factor.T + mean
            proposals.append((mean, factor, len(moved)))
        likelihood[start:end] = _evaluate(part, setting, read, lines)
        log_weights = _log_ratio(z[:end], proposals, end) + likelihood[:end].sum(axis=1, dtype=float)
    health = Health(
        draws=draws,
        ess=effective_size(log_weights),
        pareto_k=pareto_k(log_weights) if read else -math.inf,
        r_hat=_r_hat(z, log_weights),
        adapted=bool(proposals),
    )
    _refuse_beyond(read, likelihood)
    _refuse_poor(health, read, likelihood, log_weights)
    return Sample(
        z=z,
        log_weight=log_weights,
        channel_log_likelihood=likelihood,
        readings=tuple(read),
        setting=setting,
        health=health,
    )


def _refuse_beyond(read: Sequence[Reading], likelihood: Any) -> None:
    """A speed that no draw reaches would weigh all alike, and be dropped unsaid."""
    for column, reading in enumerate(read):
        if reading.channel == "output_speed" and likelihood[:, column].max() <= _BEYOND:
            raise InputError(
                "speed", reading.shown, "what some model of such a seller and day reaches on the machines of that day",
                "a rate over all sequences? divide it by them",
            )  # fmt: skip


def _refuse_poor(health: Health, read: Sequence[Reading], likelihood: Any, log_weights: Any) -> None:
    if health.ess >= LEAST_ESS and health.pareto_k <= MOST_K and health.r_hat <= MOST_R_HAT:
        return
    # the channel that fits worst where all are weighed together is the one that the model cannot explain
    worst = read[int((_normalised(log_weights) @ likelihood).argmin())].shown if len(read) else "nothing"
    looser = "give a range for an exact fact (total:>0.9T and total:<1.1T), " if _exact(read) else ""
    raise PoorPosterior(
        f"the posterior is poorly sampled: effective draws {health.ess:.0f} (least {LEAST_ESS:.0f}), "
        f"Pareto k {health.pareto_k:.2f} (most {MOST_K}), R-hat {health.r_hat:.3f} (most {MOST_R_HAT}); "
        f"the evidence hardest to explain is {worst!r}; check it, {looser}or raise `draws`"
    )


def resample(log_weights: Any, size: int, seed: int = 1) -> Any:
    """Indices of `size` equally weighted draws: systematic resampling."""
    import numpy as np

    weights = np.exp(log_weights - log_weights.max())
    summed = np.cumsum(weights)
    places = (np.arange(size) + np.random.default_rng(seed).random()) * (summed[-1] / size)
    return np.minimum(np.searchsorted(summed, places), len(weights) - 1)
