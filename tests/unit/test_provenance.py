"""No number without a source and a date; what is computed is no surer than its least sure input."""

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import InputError, UnitError
from tokenroof.provenance import Fact, Grade, assumed, worst_grade
from tokenroof.provenance import given as given_by_user

GOOD: dict[str, Any] = {
    "value": 3.35e12,
    "unit": "B/s",
    "source": "H100 data sheet",
    "as_of": "2026-08-01",
    "grade": Grade.SPEC,
}


def test_order_of_grades() -> None:
    assert [g.value for g in sorted(Grade, key=lambda g: g.rank)] == [
        "given", "measured", "spec", "derived", "reported", "fitted", "assumed",
    ]  # fmt: skip


def test_what_the_user_gives_makes_nothing_less_sure() -> None:
    assert worst_grade([Grade.GIVEN, Grade.SPEC]) is Grade.SPEC
    assert worst_grade([Grade.GIVEN]) is Grade.GIVEN
    assert given_by_user(2.0, "USD/GPU/s").grade is Grade.GIVEN


def test_an_untagged_fact_is_assumed() -> None:
    bare = {key: value for key, value in GOOD.items() if key != "grade"}
    assert Fact(**bare).grade is Grade.ASSUMED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": "  "}, "source"),
        ({"as_of": "August 2026"}, "as_of"),
        ({"as_of": ""}, "as_of"),
        ({"as_of": "2026-02-30"}, "as_of"),
        ({"value": math.nan}, "value"),
        ({"value": math.inf}, "value"),
    ],
)
def test_a_fact_without_its_origin_is_refused(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as error:
        Fact(**GOOD | change)
    assert error.value.field == field


def test_a_fact_needs_a_unit_that_exists() -> None:
    with pytest.raises(UnitError):
        Fact(**GOOD | {"unit": "furlong"})


def test_a_fact_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Fact(**GOOD).value = 1.0  # type: ignore[misc]


@given(st.lists(st.sampled_from(list(Grade)), min_size=1))
def test_worst_grade_is_the_worst(grades: list[Grade]) -> None:
    worst = worst_grade(grades)
    assert worst in grades
    assert all(g.rank <= worst.rank for g in grades)


def test_worst_grade_of_nothing_is_derived() -> None:
    assert worst_grade([]) is Grade.DERIVED


def test_assumed_says_that_tokenroof_chose() -> None:
    fact = assumed(2.0 / 3600, "USD/s", "the lecture's rent")
    assert fact.grade is Grade.ASSUMED
    assert fact.source == "tokenroof default: the lecture's rent"
