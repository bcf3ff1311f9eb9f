"""One printer of quantities, one of ranges: three figures, one unit, the same decimals on both sides."""

import doctest
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.present import numbers
from tokenroof.present.numbers import (
    BYTES,
    E2E,
    GB,
    MS,
    NUMBER,
    PARAMS,
    REQUESTS_PER_S,
    TOK_PER_S_PER_GPU,
    TOK_PER_S_PER_USER,
    USD,
    USD_A_MONTH,
    USD_PER_GPU_HOUR,
    USD_PER_MTOK,
    Unit,
    bound,
    change,
    column,
    count,
    percent,
    quantity,
    ranged,
    share_of,
    span,
    times,
)  # fmt: skip
from tokenroof.types.served import Ranged

UNITS = [v for v in vars(numbers).values() if isinstance(v, Unit)]


def test_the_examples_of_the_docstring_hold() -> None:
    assert doctest.testmod(numbers).failed == 0


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (65.9e-3, MS, "65.9 ms"), (8.626e-3, MS, "8.63 ms"), (0.747, MS, "747 ms"), (1.745, MS, "1,745 ms"),
        (22.7e-6, MS, "0.02 ms"), (0.0, MS, "0 ms"), (99.96e-3, MS, "100 ms"), (9.996e-3, MS, "10.0 ms"),
        (4.31, E2E, "4.31 s"), (40.92, E2E, "40.9 s"), (57.3e9, GB, "57.3 GB"),
        (119.2, TOK_PER_S_PER_GPU, "119 tok/s/GPU"),
        (15.17, TOK_PER_S_PER_USER, "15.2 tok/s/user"), (5.484, REQUESTS_PER_S, "5.48 requests/s"),
        (2.732, USD_PER_MTOK, "$2.73 per M"), (61.84, USD_PER_MTOK, "$61.84 per M"), (0.4, USD_PER_MTOK, "$0.40 per M"),
        (0.00284, USD, "$0.00284"), (0.0494, USD, "$0.0494"), (45415.2, USD_A_MONTH, "$45,415 a month"),
        (3.89, USD_PER_GPU_HOUR, "$3.89 per GPU-hour"), (-1.5, USD, "-$1.50"),
        (204e9, PARAMS, "204 B"), (4.218e12, PARAMS, "4.22 T"), (999.7e9, PARAMS, "1.00 T"), (328e3, BYTES, "328 KB"),
        (17.0, BYTES, "17.0 B"), (None, MS, "-"), (math.nan, MS, "-"), (math.inf, MS, "unlimited"),
    ],
)  # fmt: skip
def test_quantities(value: float | None, unit: Unit, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("low", "value", "high", "unit", "text"),
    [
        (47.3e-3, 65.9e-3, 92e-3, MS, "47.3 to 92.0"), (84.7, 119, 166.3, TOK_PER_S_PER_GPU, "85 to 166"),
        (1.96, 2.73, 3.81, USD_PER_MTOK, "1.96 to 3.81"), (0.00159, 0.00222, 0.0031, USD, "0.00159 to 0.00310"),
        (204e9, 1.03e12, 4.22e12, PARAMS, "204 B to 4.22 T"), (41e3, 132e3, 459e3, BYTES, "41 to 459"),
        (None, 1.0, 2.0, MS, ""), (1.0, 1.0, None, MS, ""), (1.0, math.inf, 2.0, MS, ""), (1.0, None, 2.0, MS, ""),
    ],
)  # fmt: skip
def test_ranges(low: float | None, value: float | None, high: float | None, unit: Unit, text: str) -> None:
    assert span(low, high, value, unit) == text


def test_the_cells_of_a_predicted_number() -> None:
    step = Ranged(value=22.9e-3, low=19.4e-3, high=27e-3, bound=12.2e-3)
    assert (*ranged(step, MS), bound(step, MS)) == ("22.9 ms", "19.4 to 27.0", "12.2 ms")
    bare = Ranged(value=0.747)
    assert (*ranged(bare, MS), bound(bare, MS)) == ("747 ms", "", "")
    assert (*ranged(None, MS), bound(None, MS)) == ("-", "", "")


def test_columns_share_unit_and_decimals() -> None:
    assert column([19.3e-3, 3.5e-3, 24.2e-3, -1.2e-3], MS) == ("19.3 ms", "3.5 ms", "24.2 ms", "-1.2 ms")
    assert column([0.81, 16.37, 61.84], USD) == ("$0.81", "$16.37", "$61.84")
    assert column([0.0794, 0.3726, 24.4121], USD) == ("$0.0794", "$0.37", "$24.41")
    assert column([0.0043, 0.2668], USD, decimals=4) == ("$0.0043", "$0.2668")
    assert column([17.6e9, 9.9e9, None], BYTES) == ("17.6 GB", "9.9 GB", "-")
    assert column([None, math.inf], MS) == ("-", "unlimited")
    assert column([], MS) == ()


def test_shares_changes_ratios_and_counts() -> None:
    assert [percent(x) for x in (0.38, 0.04, 1.0, 0.0, 0.997, 0.004, 1e-12)] == [
        "38 %", "4 %", "100 %", "0 %", "99.7 %", "0.4 %", "0.000000 %"]  # fmt: skip
    assert percent(None) == percent(math.inf) == share_of(1, 0) == change(None) == times(math.nan) == "-"
    assert percent(0.992, decimals=1) == "99.2 %"
    assert [change(x) for x in (0.16, -0.14, 0.0, -0.001)] == ["+16 %", "-14 %", "0 %", "0 %"]
    assert [times(x) for x in (1.0, 1.554, 0.97, 12.94)] == ["1x", "1.55x", "0.97x", "12.9x"]
    assert [count(x) for x in (46, 8192, 5100.6, 3.14159, math.inf, None)] == [
        "46", "8,192", "5,101", "3.14", "unlimited", "-"]  # fmt: skip


@given(st.sampled_from(UNITS), st.floats(allow_nan=True), st.floats(0.2, 1.0), st.floats(1.0, 5.0))
def test_no_number_is_written_in_a_forbidden_way(unit: Unit, value: float, down: float, up: float) -> None:
    text, said = quantity(value, unit), span(value * down, value * up, value, unit)
    for one in (text, said):
        assert not re.search(r"\+-|±| us\b|x0\.|\d[eE][+-]?\d|nan|inf|-0(\.0*)?( |$)", one)
    assert said == "" or said.count(" to ") == 1


@given(st.floats(1e-3, 1e6), st.sampled_from([NUMBER, MS, GB, E2E]))
def test_three_figures_are_kept(value: float, unit: Unit) -> None:
    printed = float(quantity(value / unit.scale, unit).split()[0].replace(",", ""))
    assert printed == pytest.approx(value, rel=0.006, abs=0.0051)
