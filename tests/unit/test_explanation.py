"""Explanations compose: what is asked of a sum or a quotient equals what its formula's differences say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import InputError
from tokenroof.provenance import Grade
from tokenroof.types.explanation import Explanation, Input, combine, of_input, quotient

positive = st.floats(1e-3, 1e3)


def number(name: str, value: float, grade: Grade = Grade.SPEC, elasticity: float | None = 0.0) -> Input:
    return Input(name=name, value=value, unit="1", source=f"table of {name}", grade=grade, elasticity=elasticity)


def product(a: float, b: float) -> Explanation:
    """a * b ** 2."""
    inputs = (number("a", a, elasticity=1.0), number("b", b, Grade.FITTED, elasticity=2.0))
    return Explanation(number="y", value=a * b * b, unit="1", formula="a b^2", terms=(), inputs=inputs)


def tpot_over_price(a: float, b: float, price: float) -> Explanation:
    tpot = combine("tpot", "1", "step + 3 a + others", [(1.0, product(a, b)), (3.0, of_input(number("a", a)))])
    return quotient("cost", "1", "price / tpot", of_input(number("price", price, Grade.GIVEN)), tpot)


@given(positive, positive, positive)
def test_elasticities_are_those_of_the_whole(a: float, b: float, price: float) -> None:
    found = tpot_over_price(a, b, price)
    moves = {one.name: one.elasticity for one in found.inputs}
    step = 1e-6
    for name in moves:
        point = {"a": a, "b": b, "price": price}
        up = tpot_over_price(**point | {name: point[name] * (1 + step)}).value
        down = tpot_over_price(**point | {name: point[name] * (1 - step)}).value
        assert moves[name] == pytest.approx((up - down) / 2 / step / found.value, abs=1e-6)
    assert found.grade is Grade.FITTED
    most = sorted((abs(e or 0.0) for e in moves.values()), reverse=True)[:2]
    assert [abs(one.elasticity or 0.0) for one in found.movers] == most


def test_what_is_held_fixed_moves_nothing_and_stays_listed() -> None:
    batch = of_input(number("batch", 64.0, Grade.GIVEN, elasticity=None))
    rate = quotient("tokens", "1", "batch / step", batch, product(2.0, 3.0))
    moves = {one.name: one.elasticity for one in rate.inputs}
    assert moves == {"batch": None, "a": -1.0, "b": -2.0}
    assert {one.name for one in rate.movers} == {"a", "b"}


def test_an_input_with_two_values_has_none() -> None:
    both = combine("sum", "1", "y + y", [(1.0, product(1.0, 2.0)), (1.0, product(1.0, 4.0))])
    assert {one.name: one.value for one in both.inputs} == {"a": 1.0, "b": None}
    assert {one.name: one.elasticity for one in both.inputs} == pytest.approx({"a": 1.0, "b": 2.0})


def test_plain_data_and_shares() -> None:
    both = combine("sum", "1", "y + 2 y", [(1.0, product(1.0, 2.0)), (2.0, product(1.0, 2.0))])
    data = both.to_dict()
    assert data["worst_grade"] == "fitted"
    assert [term["share"] for term in data["terms"]] == pytest.approx([1 / 3, 2 / 3])
    assert data["movers"] == ["b", "a"]


def test_nothing_is_divided_by_zero() -> None:
    nothing = replace(product(1.0, 1.0), value=0.0)
    with pytest.raises(InputError, match="divide"):
        quotient("x", "1", "y / 0", product(1.0, 1.0), nothing)
    with pytest.raises(InputError):
        of_input(replace(number("a", 1.0), value=None))
    assert combine("none", "1", "0", [(0.0, product(1.0, 1.0))]).value == 0.0
