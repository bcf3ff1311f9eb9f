"""Requests in the system at once: known distributions, whose quantiles have a closed form."""

import math

import numpy as np
import pytest

from tokenroof.serving.present import least_room, present_at_most


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
    rates = np.arange(1.0, 400.0)  # n inside leave n times as fast as one
    assert present_at_most(mean, rates) == _poisson_quantile(mean, 0.999)


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_a_machine_that_gets_no_faster_gives_the_geometric_one(load):
    known = math.ceil(math.log(1e-3) / math.log(load)) - 1  # P(n > k) = load^(k + 1)
    assert present_at_most(load, np.ones(500)) == known
    assert present_at_most(load, np.ones(20)) == min(known, 20)  # what lies beyond the rates counts too


def test_more_arrivals_than_are_served_fill_all_places():
    assert present_at_most(2.0, np.ones(50)) == 50


def test_the_least_room_is_three_standard_deviations_above_the_mean():
    assert least_room(100.0) == 130
    assert least_room(0.0) == 0
