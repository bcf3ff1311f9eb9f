"""Numbers inside a server at random arrivals, against sums taken one number at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.formulas.lecture.queueing import erlang_c
from tokenroof.serving.crowd import Crowd, inside_of, least_room


def one_by_one(ratio, limit: int) -> tuple[float, float, dict[int, float], np.ndarray]:
    """Mean inside, mean queued, the chances to make it n, and to have at most n: every number up to the limit, the
    queue as a series.
    """
    logs = np.concatenate([[0.0], np.cumsum([math.log(ratio(n)) for n in range(1, limit + 1)])])
    weights = np.exp(logs - logs.max())
    last = ratio(limit)
    beyond = weights[-1] * last / (1.0 - last)
    whole = weights.sum() + beyond
    inside = float((weights * np.arange(limit + 1)).sum() + beyond * limit) / whole
    joined = {n: weights[n - 1] / whole for n in range(1, limit + 1)}
    joined[limit] += (weights[-1] + beyond) / whole
    return inside, beyond / (1.0 - last) / whole, joined, np.cumsum(weights) / whole


@given(
    st.floats(1e-4, 0.98),
    st.sampled_from([1, 2, 7, 63, 64, 65, 100, 1000, 5000]),
    st.floats(0.0, 1.0),
)
def test_numbers_are_those_of_sums_one_by_one(load, limit, shared):
    """Each served alone (Poisson), or all by one server (geometric), or between the two.

    Beyond 64 sums are integrals: a short queue before thousands of places is the least exact, to half a per cent.
    """

    def ratio(n):
        return load * (limit / n) ** (1.0 - shared)

    numbers = inside_of(float(limit))
    found = Crowd.of(numbers, ratio(numbers))
    inside, queued, joined, within = one_by_one(ratio, limit)
    assert found.inside == pytest.approx(inside, rel=2e-3)
    assert found.queued == pytest.approx(queued, rel=5e-3, abs=1e-9)
    met = sum(chance * n for n, chance in joined.items())
    assert found.mean(numbers) == pytest.approx(met, rel=2e-3)
    assert found.joined.sum() == pytest.approx(1.0, rel=1e-12)
    assert found.within == pytest.approx(np.interp(numbers, np.arange(limit + 1), within), abs=1e-2)
    if limit <= 64:
        assert found.within[:limit] == pytest.approx(within[1:], rel=1e-9)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.3), (4, 0.5), (16, 0.9), (64, 0.95)])
def test_a_queue_before_many_servers_is_erlang_s(servers, load):
    """M/M/c: rate c x load at a service time of 1 s."""
    numbers = inside_of(float(servers))
    found = Crowd.of(numbers, servers * load / numbers)
    queued = erlang_c(servers=servers, load=servers * load) * load / (1.0 - load)
    assert found.queued == pytest.approx(queued, rel=1e-9)
    assert found.inside == pytest.approx(servers * load, rel=1e-9)


def test_arrays_of_limits_and_loads_give_what_numbers_give():
    limits, loads = np.array([[3.0], [400.0]]), np.array([0.2, 0.9])
    numbers = inside_of(limits, loads)
    together = Crowd.of(numbers, loads * limits / numbers)
    for row, limit in enumerate((3.0, 400.0)):
        for column, load in enumerate((0.2, 0.9)):
            alone = inside_of(limit)
            one = Crowd.of(alone, load * limit / alone)
            assert together.inside[row, column] == pytest.approx(one.inside, rel=1e-12)
            assert together.queued[row, column] == pytest.approx(one.queued, rel=1e-12)


def _poisson_quantile(mean: float, share: float) -> int:
    term = total = math.exp(-mean)
    number = 0
    while total < share:
        number += 1
        term *= mean / number
        total += term
    return number


@pytest.mark.parametrize("mean", [0.3, 4.0, 60.0])
def test_servers_for_everybody_give_poisson_s_distribution(mean):
    numbers = inside_of(400.0)  # n inside leave n times as fast as one
    assert Crowd.of(numbers, mean / numbers).seldom_passed() == _poisson_quantile(mean, 0.999)


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_a_machine_that_gets_no_faster_gives_the_geometric_one(load):
    known = math.ceil(math.log(1e-3) / math.log(load)) - 1  # P(n > k) = load^(k + 1)
    for limit in (500.0, 20.0):  # what lies beyond the limit counts too
        numbers = inside_of(limit)
        assert Crowd.of(numbers, load * np.ones_like(numbers)).seldom_passed() == min(known, limit)


def test_more_arrivals_than_are_served_fill_all_places():
    for limit in (50.0, 100.0):
        numbers = inside_of(limit)
        assert Crowd.of(numbers, 2.0 * np.ones_like(numbers)).seldom_passed() == limit


def test_the_least_room_is_three_standard_deviations_above_the_mean():
    assert least_room(100.0) == 130
    assert least_room(0.0) == 0
