"""Simulation-based calibration: synthetic labs drawn from the prior, priced by the forward model, recovered.

If sampler, likelihood and prior belong together, the truth's rank in its own posterior is uniform.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from tokenroof.infer import sampler
from tokenroof.infer.calibration import Calibration, line_of
from tokenroof.infer.calibrations import CALIBRATIONS, MARKUPS, POPULATION
from tokenroof.infer.evidence import Reading
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.markup import closed_population
from tokenroof.infer.population import NOW
from tokenroof.infer.priors import N_DIMS, Setting, unknowns
from tokenroof.infer.sampler import PoorPosterior, resample, sample_posterior

LABS, BINS = 160, 8
FEW, MANY = 1 << 16, 1 << 19
# two kinds of sheet in turn: which channels a lab shows has nothing to do with what it is
SHEETS = (
    ("input_price", "output_speed", "spare_capacity", "speed_slope"),
    ("input_price", "ttft_slope", "fast_mode"),
)
CLOSED = Setting(kind="closed", population=closed_population(POPULATION, NOW), markup=MARKUPS.at("closed", NOW))
LINES = {name: line_of(CALIBRATIONS, name, "closed") for name in {*SHEETS[0], *SHEETS[1]}}
LIMIT = 24.3  # 99.9 % of chi-squared with 7 degrees of freedom
SQUARES = (111.0, 222.0)  # 0.1 and 99.9 % of chi-squared with 160: sum of squares of that many standard normals
pytestmark = pytest.mark.slow
NAMES = (
    "total_params", "active_params", "sparsity", "kv_bytes_per_token", "markup", "duty_cycle", "batch",
    "usd_per_chip_h",
)  # fmt: skip


def _synthetic(predicted: dict[str, np.ndarray], lab: int, rng: np.random.Generator) -> list[Reading]:
    """One lab's sheet, with the errors that the calibration states."""
    found = []
    for channel in SHEETS[lab % 2]:
        line = LINES[channel]
        mean = line.mean({name: values[lab] for name, values in predicted.items()}, CLOSED.priced)
        if channel == "input_price":
            mean += predicted["markup"][lab]
        value = mean + line.sd * rng.standard_normal()
        if channel == "output_speed":  # the machines end it
            value = min(value, predicted["fastest"][lab] - 1e-3)
        found.append(Reading(channel=channel, log_value=value, bound="is", shown=channel))
    return found


def simulate(labs: int) -> dict[str, np.ndarray]:
    """Rank of each unknown's truth in its posterior, for labs drawn from the prior."""
    rng = np.random.default_rng(20261125)
    truth = unknowns(rng.standard_normal((labs, N_DIMS)), CLOSED)
    true_channels = predict_prices(truth)
    found = {name: np.empty(labs) for name in NAMES}
    for lab in range(labs):
        read = _synthetic(true_channels, lab, rng)
        try:
            sample = sample_posterior(read, LINES, CLOSED, draws=FEW, seed=lab)
        except PoorPosterior:
            # a rare lab: leaving it out would bias the ranks
            sample = sample_posterior(read, LINES, CLOSED, draws=MANY, seed=lab)
        kept = unknowns(sample.z[resample(sample.log_weights(), 4000, seed=lab)], CLOSED)
        for name in NAMES:
            below, equal = kept[name] < truth[name][lab], kept[name] == truth[name][lab]
            found[name][lab] = below.mean() + rng.random() * equal.mean()
    return found


@pytest.fixture(scope="module")
def ranks() -> dict[str, np.ndarray]:
    return simulate(LABS)


def _chi_squared(ranks: np.ndarray) -> float:
    counts = np.histogram(ranks, bins=BINS, range=(0, 1))[0]
    return float(((counts - LABS / BINS) ** 2 / (LABS / BINS)).sum())


def _scores(ranks: np.ndarray) -> np.ndarray:
    """Uniform ranks as standard normals, where a posterior of the wrong width shows at once."""
    return np.array([NormalDist().inv_cdf(min(max(rank, 1e-4), 1 - 1e-4)) for rank in ranks])


@pytest.mark.parametrize("name", NAMES)
def test_ranks_are_uniform(ranks: dict[str, np.ndarray], name: str) -> None:
    """Three ways to be wrong: any shape (chi-squared), beside the truth (mean), too narrow or wide (squares)."""
    assert _chi_squared(ranks[name]) < LIMIT
    scores = _scores(ranks[name])
    assert abs(scores.mean()) * math.sqrt(LABS) < 3.3
    assert SQUARES[0] < (scores**2).sum() < SQUARES[1]


@pytest.mark.parametrize("factor", [1.35, 1 / 1.35])
def test_the_test_would_see_a_posterior_of_the_wrong_width(ranks: dict[str, np.ndarray], factor: float) -> None:
    """What the true ranks would be were every posterior 1.35 times too narrow, or too wide."""
    seen = [not SQUARES[0] < (factor**2 * _scores(ranks[name]) ** 2).sum() < SQUARES[1] for name in NAMES]
    assert sum(seen) > len(NAMES) / 2


def test_the_test_would_see_a_posterior_beside_the_truth(ranks: dict[str, np.ndarray]) -> None:
    """A shift by 0.4 of the posterior's standard deviation."""
    shifts = [abs((_scores(ranks[name]) + 0.4).mean()) * math.sqrt(LABS) > 3.3 for name in NAMES]
    assert sum(shifts) > len(NAMES) / 2


@pytest.mark.parametrize("fault", ["error halved", "mark-up forgotten"])
def test_a_wrong_likelihood_is_seen(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """The whole machine with a fault in it, and without its own refusals: the ranks alone give it away."""
    right = sampler.log_likelihood

    def wrong(reading: Reading, line: Calibration, predicted: Mapping[str, np.ndarray], year: float) -> np.ndarray:
        if fault == "error halved":
            return right(reading, replace(line, sd=line.sd / 2), predicted, year)
        return right(reading, line, {**predicted, "markup": 0 * predicted["markup"]}, year)

    monkeypatch.setattr(sampler, "log_likelihood", wrong)
    for limit, never in (("LEAST_ESS", 0.0), ("MOST_K", math.inf), ("MOST_R_HAT", math.inf)):
        monkeypatch.setattr(sampler, limit, never)
    found = simulate(labs=64)
    # of 64 standard normals: 99.9 % of the sums of squares lie below 105, of the means within 3.3 / 8
    squares = max((_scores(found[name]) ** 2).sum() for name in NAMES)
    means = max(abs(_scores(found[name]).mean()) for name in NAMES)
    assert squares > 105 or means > 3.3 / 8
