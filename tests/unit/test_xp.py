"""The four kinds of number: each follows its own rules, and they agree where they meet."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenroof.errors import UnitError
from tokenroof.operators.explain import gradients
from tokenroof.units import dims_text
from tokenroof.xp import DIMS, NUMPY, SCALAR, TRACE, Dim, Traced

NAMESPACES = [SCALAR, NUMPY, DIMS, TRACE]
positive = st.floats(1e-3, 1e3)


def value(number: object) -> float:
    return float(getattr(number, "value", number))  # type: ignore[arg-type]


def number(x: float, xp: object) -> object:
    if xp is DIMS:
        return Dim(x)
    return Traced.leaf("x", x) if xp is TRACE else x


@given(positive, positive)
@pytest.mark.parametrize("xp", NAMESPACES, ids=lambda xp: xp.name)
def test_functions_mean_the_same_everywhere(xp, a: float, b: float) -> None:
    x, y = number(a, xp), number(b, xp)
    assert value(xp.maximum(x, y)) == max(a, b)
    assert value(xp.minimum(x, y)) == min(a, b)
    assert value(xp.where(x > y, x, y)) == max(a, b)
    assert value(xp.ratio(x, y, 7.0)) == a / b
    assert value(xp.sqrt(x)) == pytest.approx(math.sqrt(a))
    assert value(xp.log(x)) == pytest.approx(math.log(a))
    assert value(xp.exp(x / 10.0)) == pytest.approx(math.exp(a / 10))
    assert value(xp.power(x, y / 100.0)) == pytest.approx(a ** (b / 100))
    assert value(xp.ceil(x)) == math.ceil(a)
    assert value(xp.floor(x)) == math.floor(a)
    assert value(xp.tag(2.0, "FLOP/MAC")) == 2.0


@pytest.mark.parametrize("xp", NAMESPACES, ids=lambda xp: xp.name)
@pytest.mark.parametrize("divisor", [0.0, -1.0])
def test_ratio_falls_back_without_dividing(xp, divisor: float) -> None:
    assert value(xp.ratio(number(1.0, xp), number(divisor, xp), math.inf)) == math.inf


@pytest.mark.parametrize("xp", NAMESPACES, ids=lambda xp: xp.name)
def test_operators_with_plain_floats_on_either_side(xp) -> None:
    x = number(4.0, xp)
    assert [value(v) for v in (2 + x, x + 2, 2 - x, x - 2, 2 * x, x * 2, 2 / x, x / 2, x**2, 2**x, -x)] == [
        6, 6, -2, 2, 8, 8, 0.5, 2, 16, 16, -4,
    ]  # fmt: skip
    assert (x < 5) and (x <= 4) and (x > 3) and (x >= 4)


def test_scalar_edges() -> None:
    assert SCALAR.exp(1e4) == math.inf
    assert SCALAR.log(0.0) == -math.inf
    assert SCALAR.power(1e9, 100.0) == math.inf
    assert SCALAR.ceil(math.inf) == SCALAR.floor(math.inf) == math.inf
    with pytest.raises(ValueError, match="domain"):
        SCALAR.power(-1.0, 0.5)  # never a complex number


# ------------------------------------------------------------------ DIMS


def second(x: float) -> Dim:
    return Dim.in_unit(x, "s")


def test_dims_multiply_divide_and_cancel() -> None:
    rate = Dim.in_unit(3.0, "B") / second(2.0)
    assert (rate.value, dims_text(rate.dims)) == (1.5, "B/s")
    assert (rate * second(2.0)).dims == Dim.in_unit(1.0, "B").dims
    assert dims_text((1.0 / second(2.0)).dims) == "1/s"
    assert dims_text((second(2.0) ** 2).dims) == "s^2"
    assert dims_text(DIMS.sqrt(second(2.0) * second(8.0)).dims) == "s"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: second(1.0) + Dim.in_unit(1.0, "B"),
        lambda: second(1.0) - 1.0,
        lambda: second(1.0) < Dim.in_unit(1.0, "B"),
        lambda: DIMS.maximum(second(1.0), Dim.in_unit(1.0, "B")),
        lambda: DIMS.where(True, second(1.0), 5.0),
        lambda: DIMS.ratio(second(1.0), second(1.0), second(1.0)),
        lambda: DIMS.exp(second(1.0)),
        lambda: DIMS.log(second(1.0)),
        lambda: second(1.0) ** second(1.0),
        lambda: DIMS.sqrt(second(1.0)),
        lambda: Dim.in_unit(1.0, "FLOP") + Dim.in_unit(1.0, "MAC"),
    ],
)
def test_dims_refuse_what_does_not_fit(wrong) -> None:
    with pytest.raises(UnitError):
        wrong()


@pytest.mark.parametrize("free", [0.0, math.inf, -math.inf])
def test_zero_and_infinity_fit_every_dimension(free: float) -> None:
    assert dims_text((second(1.0) + free).dims) == "s"
    assert dims_text(DIMS.maximum(free, second(1.0)).dims) == "s"
    assert dims_text(DIMS.where(False, second(1.0), free).dims) == "s"


def test_dims_catch_the_classic_mistakes() -> None:
    """style.md's two planted faults: the FLOP tag forgotten, and a product for a quotient."""
    params, batch, peak = Dim.in_unit(1.0, "param"), Dim.in_unit(1.0, "token"), Dim.in_unit(1.0, "FLOP/s")
    assert dims_text((2.0 * params * batch / peak).dims) != "s"
    assert dims_text((DIMS.tag(2.0, "FLOP/param/token") * params * batch / peak).dims) == "s"


# ------------------------------------------------------------------ TRACE


def leaves(**values: float) -> dict[str, Traced]:
    return {name: Traced.leaf(name, x) for name, x in values.items()}


def test_trace_derivatives_by_hand() -> None:
    v = leaves(a=3.0, b=2.0)
    a, b = v["a"], v["b"]
    assert gradients(a * b + a / b - 1.0) == {"a": 2.0 + 0.5, "b": 3.0 - 0.75}
    assert gradients(TRACE.maximum(a, b)) == {"a": 1.0, "b": 0.0}
    assert gradients(TRACE.where(a < b, a, b)) == {"a": 0.0, "b": 1.0}
    assert gradients(a**2 + 2**b) == {"a": 6.0, "b": pytest.approx(4 * math.log(2))}
    assert gradients(TRACE.log(a) + TRACE.exp(b)) == {"a": 1 / 3, "b": pytest.approx(math.exp(2))}
    assert gradients(TRACE.sqrt(a) - b) == {"a": pytest.approx(0.5 / math.sqrt(3)), "b": -1.0}
    assert gradients(TRACE.floor(a) * b) == {"a": 0.0, "b": 3.0}


def test_a_leaf_used_twice_is_one_leaf() -> None:
    a = leaves(a=3.0)["a"]
    assert gradients(a * a * a) == {"a": 27.0}


def test_deep_traces_need_no_recursion() -> None:
    x = total = leaves(x=1.0)["x"]
    for _ in range(20_000):
        total = total + x
    assert gradients(total) == {"x": 20_001.0}


def test_shared_subterms_are_visited_once() -> None:
    """60 doublings: 2^60 paths, 61 nodes."""
    x = leaves(x=1.0)["x"]
    for _ in range(60):
        x = x + x
    assert gradients(x) == {"x": 2.0**60}


@given(positive, positive, positive)
def test_trace_agrees_with_finite_differences(a: float, b: float, c: float) -> None:
    def f(a, b, c, xp):
        return xp.maximum(a * b, b + c) / (1.0 + xp.sqrt(c)) + xp.power(a / 1e3, 1.5) - xp.log(b)

    assume(abs(a * b - b - c) > 1e-3 * (a * b + b + c))
    found = gradients(f(**leaves(a=a, b=b, c=c), xp=TRACE))
    at = {"a": a, "b": b, "c": c}
    for name, x in at.items():
        h = 1e-6 * x
        slope = (f(**at | {name: x + h}, xp=SCALAR) - f(**at | {name: x - h}, xp=SCALAR)) / (2 * h)
        assert found[name] == pytest.approx(slope, rel=1e-4, abs=1e-6 * (1 + abs(a * b + b + c)) / x)


# ------------------------------------------------------------------ NUMPY


def test_numpy_ratio_is_quiet_and_elementwise() -> None:
    got = NUMPY.ratio(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, -1.0]), math.inf)
    np.testing.assert_array_equal(got, [math.inf, 1.0, math.inf])


def test_numpy_keeps_single_precision() -> None:
    x = np.array([1.0, 2.0], dtype=np.float32)
    for got in (
        NUMPY.ratio(x, x, math.inf),
        NUMPY.maximum(x, 1.5),
        NUMPY.where(x > 1, x, 0.0),
        x * NUMPY.tag(2.0, "1"),
    ):
        assert got.dtype == np.float32
