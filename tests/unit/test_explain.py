"""explain(): derivation, sources, worst grade and elasticities, on step time and cost."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import InputError
from tokenroof.formulas import pricing
from tokenroof.formulas import roofline as f
from tokenroof.operators.explain import Leaf, Node, explain, explain_traced, trace_leaves
from tokenroof.operators.explain_text import explanation_text, quantity_text
from tokenroof.provenance import Fact, Grade, assumed
from tokenroof.registry import REGISTRY
from tokenroof.xp import SCALAR, TRACE, Namespace, Num


def step_s(
    *,
    batch: Num,
    context: Num,
    params: Num,
    active_params: Num,
    bytes_per_param: Num,
    kv_bytes_per_token: Num,
    flops_per_s: Num,
    bytes_per_s: Num,
    xp: Namespace = SCALAR,
) -> Num:
    compute_s = f.compute_time_s(batch=batch, active_params=active_params, flops_per_s=flops_per_s, xp=xp)
    weights_s = f.weight_time_s(params=params, bytes_per_param=bytes_per_param, bytes_per_s=bytes_per_s, xp=xp)
    kv_s = f.kv_time_s(
        batch=batch, context=context, kv_bytes_per_token=kv_bytes_per_token, bytes_per_s=bytes_per_s, xp=xp
    )
    return f.step_time_lecture_s(compute_s=compute_s, weights_s=weights_s, kv_s=kv_s, xp=xp)


def cost_usd_per_token(*, batch: Num, usd_per_h: Num, xp: Namespace = SCALAR, **rest: Num) -> Num:
    return pricing.cost_usd_per_token(
        usd_per_s=usd_per_h / 3600.0, step_s=step_s(batch=batch, xp=xp, **rest), batch=batch, xp=xp
    )


def fact(value: float, unit: str, grade: str, source: str = "data sheet") -> Fact:
    return Fact(value=value, unit=unit, source=source, as_of="2026-08-01", grade=Grade(grade))


# T2 of the lecture: 64 B200 at FP8, DeepSeek-V3 at 4,096 tokens of context.
FACTS: dict[str, Fact | float] = {
    "batch": fact(2400, "sequence", "assumed", "balance batch"),
    "context": fact(4096, "token/sequence", "assumed", "a chat"),
    "params": fact(671e9, "param", "derived", "config.json"),
    "active_params": fact(37e9, "param", "reported", "model card"),
    "bytes_per_param": fact(1.0, "B/param", "spec", "FP8"),
    "kv_bytes_per_token": fact(70_272, "B/token", "derived", "config.json"),
    "flops_per_s": fact(64 * 4.5e15, "PFLOP/s", "spec", "B200 data sheet"),
    "bytes_per_s": fact(64 * 8e12, "TB/s", "spec", "B200 data sheet"),
}
PLAIN = {name: known.value for name, known in FACTS.items() if isinstance(known, Fact)}


def elasticities(**changes: Fact | float) -> dict[str, float]:
    return {leaf.name: leaf.elasticity for leaf in explain(step_s, FACTS | changes).leaves}


def test_step_time_value_and_tree() -> None:
    found = explain(step_s, FACTS)
    assert (found.name, found.unit) == ("step_s", "s")
    assert found.value == pytest.approx(2.6598e-3, rel=1e-4) == step_s(**PLAIN)
    assert isinstance(found.root, Node)
    assert found.root.formula == "step_time_lecture_s"
    assert found.root.equation == "T = max(t_compute, t_weights + t_kv)"
    assert found.root.reference.startswith("lecture E1")
    parts = dict(found.root.arguments)
    assert list(parts) == ["compute_s", "weights_s", "kv_s"]
    kv = parts["kv_s"]
    assert isinstance(kv, Node)
    assert (kv.formula, kv.unit, kv.value) == ("kv_time_s", "s", pytest.approx(1.3492e-3, rel=1e-4))
    width = dict(kv.arguments)["bytes_per_s"]
    assert isinstance(width, Leaf)
    assert (width.value, width.unit, width.source, width.as_of, width.grade) == (
        5.12e14, "B/s", "B200 data sheet", "2026-08-01", Grade.SPEC,
    )  # fmt: skip


def test_step_time_elasticities_by_hand() -> None:
    """Memory-bound: each read counts by its share, arithmetic not at all, bandwidth inversely."""
    kv = 1.3492 / 2.6598
    found = elasticities()
    assert found == {
        "batch": pytest.approx(kv, rel=1e-3),
        "context": pytest.approx(kv, rel=1e-3),
        "kv_bytes_per_token": pytest.approx(kv, rel=1e-3),
        "params": pytest.approx(1 - kv, rel=1e-3),
        "bytes_per_param": pytest.approx(1 - kv, rel=1e-3),
        "bytes_per_s": pytest.approx(-1),
        "active_params": 0.0,
        "flops_per_s": 0.0,
    }


def test_compute_bound_step_time_moves_with_arithmetic_alone() -> None:
    found = elasticities(context=1.0, batch=20_000.0)
    assert {name for name, e in found.items() if e} == {"batch", "active_params", "flops_per_s"}
    assert found["flops_per_s"] == pytest.approx(-1)


def test_cost_of_a_token() -> None:
    found = explain(
        cost_usd_per_token, FACTS | {"usd_per_h": assumed(144.0, "USD/h", "72 GPUs at $2")}, unit="USD/token"
    )
    by_name = {leaf.name: leaf for leaf in found.leaves}
    kv = 1.3492 / 2.6598
    assert by_name["usd_per_h"].elasticity == pytest.approx(1)
    assert by_name["batch"].elasticity == pytest.approx(kv - 1, rel=1e-3), "a larger batch shares the weights"
    assert {leaf.name for leaf in found.movers} == {"usd_per_h", "bytes_per_s"}
    assert isinstance(found.root, Node)
    rate = dict(found.root.arguments)["usd_per_s"]
    assert isinstance(rate, Node)
    assert (rate.formula, rate.equation, rate.unit) == ("", "(usd_per_h / 3600)", "USD/s")


def test_worst_grade_is_over_all_inputs() -> None:
    sure = {name: fact(value, "1", "measured") for name, value in PLAIN.items()}
    assert explain(step_s, sure).worst_grade is Grade.MEASURED
    assert explain(step_s, sure | {"batch": fact(1.0, "1", "fitted")}).worst_grade is Grade.FITTED
    assert explain(step_s, FACTS).worst_grade is Grade.ASSUMED


def test_a_bare_number_is_assumed_and_takes_its_unit_from_the_formula() -> None:
    found = explain(step_s, PLAIN)
    assert found.worst_grade is Grade.ASSUMED
    assert {leaf.name: leaf.unit for leaf in found.leaves} == {
        name: REGISTRY[formula].inputs[name].unit
        for formula in ("compute_time_s", "weight_time_s", "kv_time_s")
        for name in REGISTRY[formula].inputs
    }
    assert all(leaf.source == "given without a source" for leaf in found.leaves)


def test_a_single_formula_and_a_single_leaf() -> None:
    drain = explain(f.drain_time_s, {"memory_bytes": 288e9, "bytes_per_s": 20e12})
    assert drain.value == pytest.approx(0.0144)
    assert [round(leaf.elasticity, 9) for leaf in drain.leaves] == [1.0, -1.0]
    leaf = trace_leaves({"batch": 7.0})["batch"]
    alone = explain_traced(leaf)
    assert (alone.name, alone.value, alone.root) == ("batch", 7.0, alone.leaves[0])


def test_what_is_infinite_moves_nothing_and_is_null_in_json() -> None:
    found = explain(f.balance_batch_at_context, {"balance": 2400.0, "context": 5000.0, "knee": 1872.0})
    assert found.value == math.inf
    assert found.movers == ()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["value"] is None
    assert "unlimited" in explanation_text(found)


def test_nan_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="context"):
        explain(step_s, FACTS | {"context": math.nan})


def test_shared_and_long_arithmetic_stays_readable() -> None:
    def silly(*, x: Num, xp: Namespace = SCALAR) -> Num:
        for _ in range(60):
            x = x + x
        return x

    found = explain(silly, {"x": 1.0}, unit="1")
    assert found.value == 2.0**60
    assert isinstance(found.root, Node)
    assert len(found.root.equation) <= 200
    assert found.leaves[0].elasticity == pytest.approx(1)


def test_json_has_the_whole_tree() -> None:
    data = json.loads(json.dumps(explain(step_s, FACTS, left_out=("network",)).to_dict(), allow_nan=False))
    assert (data["name"], data["unit"], data["worst_grade"]) == ("step_s", "s", "assumed")
    assert data["left_out"] == ["network"]
    assert data["movers"] == ["bytes_per_s", "batch"]
    assert [i["name"] for i in data["inputs"]] == [leaf.name for leaf in explain(step_s, FACTS).leaves]
    assert set(data["inputs"][0]) == {"name", "value", "unit", "source", "as_of", "grade", "note", "elasticity"}
    assert data["tree"]["arguments"]["kv_s"]["arguments"]["context"] == {
        "input": "context", "value": 4096.0, "unit": "token/sequence",
    }  # fmt: skip


def test_text_names_formula_values_sources_and_movers() -> None:
    text = explanation_text(explain(step_s, FACTS, left_out=("network", "attention arithmetic")))
    lines = text.splitlines()
    assert lines[0] == "step_s = 2.66 ms  by step_time_lecture_s"
    assert "    T = max(t_compute, t_weights + t_kv)" in lines
    assert any(line.strip() == "kv_bytes_per_token = 70.27 kB/token  [derived]" for line in lines)
    row = next(line for line in lines if line.startswith("  flops_per_s "))
    assert row.split() == ["flops_per_s", "288", "PFLOP/s", "0", "spec", "B200", "data", "sheet,", "2026-08-01"]
    assert lines[-3:] == [
        "worst grade: assumed",
        "moves it most: bytes_per_s (-1.00 % per %), batch (+0.51 % per %)",
        "left out: network; attention arithmetic",
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00266, "s", "2.66 ms"),
        (4000.0, "s", "4,000 s"),
        (3.35e12, "B/s", "3.35 TB/s"),
        (671e9, "param", "671 Gparam"),
        (4.4e-8, "USD/token", "0.044 USD/Mtoken"),
        (2400.0, "sequence", "2,400 sequence"),
        (4096.0, "token/sequence", "4,096 token/sequence"),
        (5.0, "J/s", "5 W"),
        (0.5, "1", "0.5"),
        (math.inf, "s", "unlimited"),
        (-math.inf, "s", "-unlimited"),
    ],
)
def test_quantities_read_like_people_write(value: float, unit: str, text: str) -> None:
    assert quantity_text(value, unit) == text


@given(st.fixed_dictionaries({name: st.floats(0.3, 3.0) for name in PLAIN}))
def test_elasticities_predict_small_changes(scale: dict[str, float]) -> None:
    """A result of degree one in rates: raising every rate and count by h changes it as the sum says."""
    point: dict[str, Any] = {name: PLAIN[name] * scale[name] for name in PLAIN}
    found = explain_traced(step_s(**trace_leaves(point), xp=TRACE))
    for leaf in found.leaves:
        h = 1e-6
        up = step_s(**point | {leaf.name: point[leaf.name] * (1 + h)})
        down = step_s(**point | {leaf.name: point[leaf.name] * (1 - h)})
        rise, fall = (up / found.value - 1) / h, (1 - down / found.value) / h
        if abs(rise - fall) < 1e-3:  # no kink between
            assert leaf.elasticity == pytest.approx((rise + fall) / 2, abs=1e-3)
