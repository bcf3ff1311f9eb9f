"""Simulation-based calibration: synthetic labs drawn from the prior, priced by the forward model, recovered.

If sampler, likelihood and prior belong together, the truth's rank in its own posterior is uniform.
"""

import math

import numpy as np
import pytest

from tokenroof.infer.calibration import LINKS
from tokenroof.infer.calibrations import CALIBRATIONS
from tokenroof.infer.evidence import Reading
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.priors import N_DIMS, unknowns
from tokenroof.infer.sampler import PoorPosterior, resample, sample_posterior

LABS, BINS = 96, 8
FEW, MANY = 1 << 16, 1 << 19
# two kinds of sheet in turn: which channels a lab shows has nothing to do with what it is
SHEETS = (
    ("input_price", "output_ratio", "cached_ratio", "long_context", "storage", "spare_capacity"),
    ("input_price", "output_ratio", "long_context", "fast_mode", "output_speed"),
)
LIMIT = 24.3  # 99.9 % of chi-squared with 7 degrees of freedom
pytestmark = pytest.mark.slow
WINDOW = math.log(1e6)  # no synthetic sheet says anything beyond a million tokens
NAMES = ("total_params", "active_params", "kv_bytes_per_token", "markup", "duty_cycle", "batch", "usd_per_chip_h")


def _synthetic(predicted: dict[str, np.ndarray], lab: int, rng: np.random.Generator) -> list[Reading]:
    """One lab's sheet, with the errors that the calibration states."""
    found = []
    for channel in SHEETS[lab % 2]:
        line = CALIBRATIONS[channel]
        mean = line.offset + line.pass_through * predicted[LINKS[channel]][lab]
        if channel == "input_price":
            mean += predicted["markup"][lab]
        value = mean + line.sd * rng.standard_normal()
        flat = channel == "long_context" and value > WINDOW
        found.append(
            Reading(
                channel=channel,
                log_value=WINDOW if flat else value,
                bound="at least" if flat else "is",
                shown=channel,
            )
        )
    return found


@pytest.fixture(scope="module")
def ranks() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(20261125)
    truth = unknowns(rng.standard_normal((LABS, N_DIMS)), "closed")
    true_channels = predict_prices(truth)
    found = {name: np.empty(LABS) for name in NAMES}
    for lab in range(LABS):
        read = _synthetic(true_channels, lab, rng)
        try:
            sample = sample_posterior(read, CALIBRATIONS, "closed", draws=FEW, seed=lab)
        except PoorPosterior:
            # a rare lab: leaving it out would bias the ranks
            sample = sample_posterior(read, CALIBRATIONS, "closed", draws=MANY, seed=lab)
        kept = unknowns(sample.z[resample(sample.log_weights(), 4000, seed=lab)], "closed")
        for name in NAMES:
            below, equal = kept[name] < truth[name][lab], kept[name] == truth[name][lab]
            found[name][lab] = below.mean() + rng.random() * equal.mean()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_ranks_are_uniform(ranks: dict[str, np.ndarray], name: str) -> None:
    counts = np.histogram(ranks[name], bins=BINS, range=(0, 1))[0]
    expected = LABS / BINS
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    assert chi_squared < LIMIT, counts


def test_the_test_would_see_a_wrong_posterior(ranks: dict[str, np.ndarray]) -> None:
    """Ranks of a posterior that is 1.7 times too narrow pile up at both ends."""
    from statistics import NormalDist

    z = np.array([NormalDist().inv_cdf(min(max(r, 1e-6), 1 - 1e-6)) for r in ranks["total_params"]])
    narrow = np.array([NormalDist().cdf(1.7 * x) for x in z])
    counts = np.histogram(narrow, bins=BINS, range=(0, 1))[0]
    assert float(((counts - LABS / BINS) ** 2 / (LABS / BINS)).sum()) > LIMIT
