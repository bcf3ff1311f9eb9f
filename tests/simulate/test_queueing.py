"""The simulator against queueing theory: mean waits within four standard errors of batch means, seeds fixed."""

import math

import numpy as np
import pytest

from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Outcome, simulate

_COUNT, _BATCHES = 60_000, 30
_ALONE = Rules(max_sequences=1)


def _arriving(rate: float, osl: np.ndarray, seed: int) -> Requests:
    """Poisson arrivals with prompts of one token."""
    gaps = np.random.default_rng(seed).standard_exponential(len(osl)) / rate
    gaps[0] = 0.0
    return Requests(arrival_s=np.cumsum(gaps), isl=np.ones(len(osl)), osl=osl)


def _agrees(values: np.ndarray, expected: float) -> None:
    """Means of long batches are nearly independent, though waits of neighbours are not."""
    means = values[: len(values) // _BATCHES * _BATCHES].reshape(_BATCHES, -1).mean(axis=1)
    error = means.std(ddof=1) / math.sqrt(_BATCHES)
    assert error < 0.1 * expected, "a test that could not fail"
    assert abs(means.mean() - expected) < 4.0 * error


def _waits(out: Outcome) -> np.ndarray:
    return out.started_s - out.arrival_s


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_waits_for_one_server_of_constant_service(load: float) -> None:
    # Five steps of 0.2 s each: the wait of an M/D/1 queue is load / (2 (1 - load)) services.
    requests = _arriving(load, np.full(_COUNT, 5), seed=1)
    _agrees(_waits(simulate(requests, lambda works: 0.2, _ALONE)), load / (2.0 * (1.0 - load)))


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_waits_for_one_server_of_random_service(load: float) -> None:
    # Pollaczek-Khinchine: rate E[S^2] / (2 (1 - load)), with S the answer's tokens times 0.1 s.
    rng = np.random.default_rng(2)
    osl = np.where(rng.random(_COUNT) < 0.9, 5, 55)  # mean 10 tokens
    requests = _arriving(load, osl, seed=3)
    second = 0.9 * 0.5**2 + 0.1 * 5.5**2
    _agrees(_waits(simulate(requests, lambda works: 0.1, _ALONE)), load * second / (2.0 * (1.0 - load)))


def test_who_just_misses_the_train_waits_for_two_periods() -> None:
    """Lecture E11: half a period on average until the next departure, a whole one at worst, and the ride is another."""
    period = 0.02
    requests = _arriving(400.0, np.ones(_COUNT, dtype=int), seed=4)
    out = simulate(requests, lambda works: period, Rules(policy="train", period_s=period))
    _agrees(_waits(out), period / 2.0)
    assert 0.99 * period < _waits(out).max() <= period * (1.0 + 1e-9)
    assert 1.99 * period < out.e2e_s.max() <= 2.0 * period * (1.0 + 1e-9)


@pytest.mark.parametrize("rules", [Rules(max_sequences=6), Rules(ranks=2, max_sequences=3, gather_steps=4.0)])
def test_littles_law(rules: Rules) -> None:
    """Requests that decode, as steps report them, are on average the rate times the mean time of decoding."""
    osl = np.random.default_rng(5).geometric(0.2, 4_000)
    held: list[float] = []

    def watch(start: float, end: float, steps: int, decodes: int, tokens: int, free: int) -> None:
        held.append(decodes * (end - start))

    requests = _arriving(1.0, osl, seed=6)
    out = simulate(requests, lambda works: 0.1 + 0.02 * sum(work[0] for work in works), rules, watch=watch)
    span = out.duration_s
    assert sum(held) / span == pytest.approx(len(osl) / span * (out.end_s - out.first_s).mean(), rel=1e-9)


@pytest.mark.parametrize("pp", [1, 2])
def test_a_closed_loop_holds_its_concurrency(pp: int) -> None:
    """Little's law of a closed loop: requests at once = rate times time in the system, but for the last to end."""
    osl = np.random.default_rng(7).integers(1, 30, 5_000)
    requests = Requests(arrival_s=np.zeros(len(osl)), isl=np.ones(len(osl)), osl=osl)
    rules = Rules(max_sequences=4, stages=(1.0 / pp,) * pp)
    out = simulate(requests, lambda works: 0.1, rules, concurrency=12)
    assert out.e2e_s.sum() / out.duration_s == pytest.approx(12.0, rel=0.01)


def test_decoding_tokens_of_watched_steps_are_those_of_the_requests() -> None:
    osl = np.random.default_rng(8).integers(1, 40, 500)
    requests = _arriving(5.0, osl, seed=9)
    decoded = prompts = 0

    def watch(start: float, end: float, steps: int, decodes: int, tokens: int, free: int) -> None:
        nonlocal decoded, prompts
        assert end > start
        decoded += steps * decodes
        prompts += tokens

    simulate(requests, lambda works: 0.05, Rules(max_sequences=8), watch=watch)
    assert (decoded, prompts) == (int((osl - 1).sum()), len(osl))
