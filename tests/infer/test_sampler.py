"""The sampler: the prior comes back without evidence, known posteriors are found, poor samples are refused."""

import math

import numpy as np
import pytest

from tokenroof.errors import InputError, TokenroofError
from tokenroof.infer.calibration import ASSUMED, line_of
from tokenroof.infer.calibrations import CALIBRATIONS, MARKUPS, POPULATION
from tokenroof.infer.evidence import Reading
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.markup import closed_population
from tokenroof.infer.numerics import log_normal_cdf, normal_cdf, pareto_k, weighted_quantiles
from tokenroof.infer.posterior import ARCHITECTURE, physical
from tokenroof.infer.priors import N_DIMS, Setting, priors, unknowns
from tokenroof.infer.sampler import PoorPosterior, log_likelihood, resample, sample_posterior

DRAWS = 1 << 17
OPEN, MARKET = Setting(kind="open", population=POPULATION), Setting(kind="market", population=POPULATION)
NOW = OPEN.priced
CLOSED = Setting(
    kind="closed", population=closed_population(POPULATION, OPEN.released), markup=MARKUPS.at("closed", NOW)
)
LINES = {**ASSUMED, "input_price": line_of(CALIBRATIONS, "input_price", "open")}


def reading(channel: str, value: float, bound: str = "is") -> Reading:
    return Reading(channel=channel, log_value=math.log(value), bound=bound, shown=f"{channel} {value:g}")


def test_without_evidence_the_posterior_is_the_prior() -> None:
    sample = sample_posterior((), LINES, CLOSED, draws=DRAWS)
    assert sample.health.ess == pytest.approx(DRAWS)
    weights = sample.log_weights()
    assert np.ptp(weights) == 0
    kept = physical(sample.z[resample(weights, 20_000)], CLOSED)
    fresh = unknowns(np.random.default_rng(7).standard_normal((400_000, N_DIMS)), CLOSED)
    for name in (*ARCHITECTURE, "markup", "duty_cycle", "usd_per_chip_h", "context_in_use"):
        got, expected = (
            np.quantile(np.log(kept[name]), (0.1, 0.5, 0.9)),
            np.quantile(np.log(fresh[name]), (0.1, 0.5, 0.9)),
        )
        assert got == pytest.approx(expected, abs=0.05 * float(np.std(np.log(fresh[name])))), name


def test_one_channel_gives_the_posterior_of_a_grid() -> None:
    """The mark-up enters the discount channel nowhere and the duty cycle alone: a posterior that a sum can give."""
    observed, line = 0.25, LINES["spare_capacity"]
    sample = sample_posterior((reading("spare_capacity", observed),), LINES, OPEN, draws=DRAWS)
    kept = physical(sample.z[resample(sample.log_weights(), 40_000)], OPEN)
    z = np.linspace(-6, 6, 20_001)
    duty = 1.0 / (1.0 + np.exp(-0.5 * z))
    density = np.exp(-0.5 * z**2 - 0.5 * ((math.log(observed) - np.log(duty)) / line.sd) ** 2)
    expected = weighted_quantiles(duty, density, (0.1, 0.5, 0.9))
    assert np.quantile(kept["duty_cycle"], (0.1, 0.5, 0.9)) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("price", [0.3e-6, 20e-6])
def test_adapting_to_far_evidence_does_not_bias(price: float) -> None:
    """Two sharp readings far out: the adapted proposal agrees with brute force from the prior alone."""
    read = (reading("input_price", price), reading("fast_mode", 3.0), reading("spare_capacity", 0.2))
    adapted = sample_posterior(read, LINES, OPEN, draws=1 << 20, seed=3)  # as many as a deduction takes
    assert adapted.health.adapted == (price > 1e-6)
    z = np.random.default_rng(11).standard_normal((1 << 21, N_DIMS), dtype=np.float32)
    total = np.concatenate(
        [
            sum(log_likelihood(r, LINES[r.channel], p, NOW) for r in read)
            for p in (predict_prices(unknowns(part, OPEN)) for part in np.array_split(z, 64))
        ]
    )
    brute = physical(z[resample(total, 40_000)], OPEN)
    ours = physical(adapted.z[resample(adapted.log_weights(), 40_000)], OPEN)
    for name in (*ARCHITECTURE, "duty_cycle", "markup"):
        middle = np.median(np.log(ours[name])) - np.median(np.log(brute[name]))
        assert abs(middle) < 0.15 * np.std(np.log(brute[name])), name
        assert np.std(np.log(ours[name])) == pytest.approx(np.std(np.log(brute[name])), rel=0.12), name


def test_the_same_seed_gives_the_same_draws() -> None:
    read = (reading("input_price", 1e-6),)
    one, two = (sample_posterior(read, LINES, OPEN, draws=20_000, seed=5) for _ in range(2))
    assert np.array_equal(one.z, two.z) and np.array_equal(one.log_weights(), two.log_weights())


def test_evidence_beyond_the_model_is_refused_and_named() -> None:
    with pytest.raises(PoorPosterior, match="input_price 1e"):
        sample_posterior((reading("input_price", 1e6),), LINES, MARKET, draws=20_000)
    assert issubclass(PoorPosterior, TokenroofError)


def test_a_speed_that_no_draw_reaches_is_refused() -> None:
    """It weighs all draws alike: it was dropped, and the price answered alone."""
    with pytest.raises(InputError, match="reaches on the machines of that day"):
        sample_posterior(
            (reading("output_speed", 1e9),),
            {"output_speed": line_of(CALIBRATIONS, "output_speed", "open")},
            OPEN,
            draws=10_000,
        )


@pytest.mark.parametrize("draws", [0, 9_999, 1 << 25])
def test_draws_have_limits(draws: int) -> None:
    with pytest.raises(InputError, match="draws"):
        sample_posterior((), LINES, OPEN, draws=draws)


def test_a_bound_counts_all_that_lies_on_its_side() -> None:
    predicted = {"total": np.log(np.array([1e11, 1e12, 1e13]))}
    over, under = (
        log_likelihood(reading("known_total", 1e12, bound), LINES["known_total"], predicted, NOW)
        for bound in ("at least", "at most")
    )
    assert over[0] < -1e3 and over[1] == pytest.approx(math.log(0.5), abs=1e-3)
    assert over[2] == pytest.approx(0.0, abs=1e-6)
    assert under == pytest.approx(over[::-1])


def test_a_speed_beyond_the_machines_is_refused_to_a_draw() -> None:
    """Eight chips at peak and two tokens a pass: nothing of that draw explains more."""
    line = line_of(CALIBRATIONS, "output_speed", "open")
    predicted = {"lone_speed": np.zeros(2), "fastest": np.log(np.array([99.0, 101.0]))}
    slow, fast = log_likelihood(reading("output_speed", 100.0), line, predicted, NOW)
    assert slow < -50 < fast


def test_a_line_moves_with_the_year() -> None:
    line = LINES["input_price"]
    predicted = {"input_cost": np.array([-14.0])}
    assert line.mean(predicted, 2024.0)[0] - line.mean(predicted, 2026.0)[0] == pytest.approx(-2 * line.per_year)
    assert line.per_year < 0, "a parameter was dearer in 2024"


def test_normal_distribution_function() -> None:
    z = np.linspace(-8, 8, 401)
    exact = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in z])
    assert np.abs(normal_cdf(z) - exact).max() < 1e-7
    for x in (-30.0, -12.0, -6.5, -5.0, -1.0, 0.0, 4.0):
        want = math.log(0.5 * math.erfc(-x / math.sqrt(2)))
        assert log_normal_cdf(np.array([x]))[0] == pytest.approx(want, rel=2e-3)


@pytest.mark.parametrize("shape", [0.1, 0.4, 0.7, 1.0])
def test_pareto_k_finds_the_shape_of_a_tail(shape: float) -> None:
    weights = -shape * np.log(np.random.default_rng(2).random(200_000))
    assert pareto_k(weights) == pytest.approx(shape, abs=0.1)


def test_resampling_keeps_shares() -> None:
    weights = np.log(np.array([0.1, 0.2, 0.3, 0.4]))
    counts = np.bincount(resample(weights, 1000), minlength=4)
    assert counts == pytest.approx([100, 200, 300, 400], abs=1)


def test_every_prior_is_described() -> None:
    drawn = unknowns(np.random.default_rng(1).standard_normal((1000, N_DIMS)), MARKET)
    told = {prior.name for prior in priors(MARKET)}
    assert all(prior.text and prior.why for prior in priors(MARKET))
    derived = {
        "sparsity",
        "flops_per_s",
        "bf16_flops_per_s",
        "bytes_per_s",
        "visible_bytes",
        "memory_bytes",
        "batch",
    }
    assert set(drawn) - derived == told - {"batch_over_balance"}
    for name, values in drawn.items():
        assert not np.isnan(values).any(), name


def test_dense_models_have_equal_counts() -> None:
    drawn = unknowns(np.random.default_rng(1).standard_normal((20_000, N_DIMS)), OPEN)
    assert (drawn["active_params"] <= drawn["total_params"] * (1 + 1e-12)).all()
    dense = drawn["sparsity"] == 1
    assert 0.03 < dense.mean() < 0.2
    assert drawn["total_params"][dense] == pytest.approx(drawn["active_params"][dense])
