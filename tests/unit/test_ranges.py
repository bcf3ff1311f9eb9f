"""Ranges and what follows from them: chances that limits hold, and what to plan for so that they do."""

import math
from dataclasses import replace

import pytest

from tokenroof.scenario.ranges import chance_within, equal_width, tightened
from tokenroof.types.efficiency import PEAK

PROFILE = replace(
    PEAK,
    spread={"tpot": 0.2, "ttft": 0.5, "throughput": 0.3},
    pair_spread={"layouts.throughput": 0.1, "layouts.ttft": 0.25, "formats.throughput": 0.35},
)


@pytest.mark.parametrize(("metric", "width"), [("tpot", 0.2), ("ttft", 0.5), ("e2e", 0.3)])
def test_the_end_of_an_80_percent_range_is_passed_in_one_case_of_ten(metric, width):
    assert chance_within(metric, 1.0, 1.0, PROFILE) == pytest.approx(0.5)
    assert chance_within(metric, 1.0, math.exp(width), PROFILE) == pytest.approx(0.9)
    assert chance_within(metric, 1.0, math.exp(-width), PROFILE) == pytest.approx(0.1)


def test_what_is_planned_for_holds_with_the_probability_asked_for():
    for confidence in (0.6, 0.9, 0.99):
        planned = tightened("tpot", 0.05, PROFILE, confidence)
        assert chance_within("tpot", planned, 0.05, PROFILE) == pytest.approx(confidence)
    assert tightened("tpot", 0.05, PROFILE, 0.9) == pytest.approx(0.05 * math.exp(-0.2))
    assert tightened("tpot", 0.05, PROFILE, 0.5) == 0.05
    assert tightened("ttft", None, PROFILE, 0.9) is None


def test_a_bound_is_certain():
    assert chance_within("tpot", 0.04, 0.05, PEAK) == 1.0
    assert chance_within("tpot", 0.06, 0.05, PEAK) == 0.0
    assert equal_width("throughput", PEAK) == 0.0


def test_what_differs_says_how_much_of_an_error_is_shared():
    assert equal_width("throughput", PROFILE) == equal_width("e2e", PROFILE) == 0.1
    assert equal_width("ttft", PROFILE) == 0.25
    assert equal_width("throughput", PROFILE, "formats") == 0.35
    assert equal_width("throughput", PROFILE, "roles") == pytest.approx(math.sqrt(2.0) * 0.3)  # no pairs: independent
    assert equal_width("throughput", replace(PROFILE, spread={"throughput": 0.2}), "roles") == 0.35  # but no nearer
    assert equal_width("tpot", PROFILE) == pytest.approx(math.sqrt(2.0) * 0.2)
