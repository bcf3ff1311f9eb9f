"""Two scenarios side by side: the parts add up, and the reasons are the ratios that were put in."""

import pytest

from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.diff.run import Difference, diff


def ask(a: dict[str, object], b: dict[str, object], **both: object) -> Difference:
    common = {"model": "llama-3.3-70b", "system": "8xh100", "tp": 8, "batch": 64.0, **both}
    return diff(AnalyzeRequest(**{**common, **a}), AnalyzeRequest(**{**common, **b}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("a", "b"),
    [({}, {"system": "8xb200"}), ({}, {"tp": 4}), ({}, {"weight_dtype": "fp8"}), ({}, {"kv_dtype": "fp8"}),
     ({"model": "deepseek-v3", "system": "8xh200"}, {"model": "qwen3-235b-a22b", "system": "8xh200"})],
)  # fmt: skip
def test_operators_and_the_rest_are_the_difference_of_the_step(a: dict[str, object], b: dict[str, object]) -> None:
    found = ask(a, b)
    told = sum(pair.difference_s for pair in found.operators) + found.rest_s
    assert told == pytest.approx(found.step_difference_s, rel=1e-9, abs=1e-12)
    assert found.sentence.endswith(".")


def test_the_same_scenario_differs_in_nothing() -> None:
    found = ask({}, {})
    assert found.changed == () and found.operators == () and found.step_difference_s == 0.0
    assert all(pair.ratio == 1.0 for pair in found.numbers if pair.ratio is not None)


def test_a_what_if_is_named_with_its_ratio() -> None:
    found = ask({}, {"set": (("chip.memory_bandwidth", "2x"),)})
    assert [one.field for one in found.changed] == ["set"]
    assert "memory bandwidth 2.00x" in found.operators[0].because
    assert "bytes" not in found.operators[0].because


def test_an_eight_bit_cache_halves_the_bytes_of_attention() -> None:
    pair = next(one for one in ask({}, {"kv_dtype": "fp8"}).operators if one.operator.startswith("attention (decode"))
    assert pair.because.startswith("bytes 0.50")


def test_numbers_are_those_of_analyze() -> None:
    found = ask({}, {"system": "8xb200"})
    by_name = {pair.number: pair for pair in found.numbers}
    assert found.a.tpot_s is not None and by_name["tpot_s"].a == found.a.tpot_s.value
    assert by_name["memory_weights_bytes"].b == found.b.memory.weights_bytes


def test_a_side_that_does_not_fit_has_no_speed() -> None:
    found = ask({}, {"system": "h100", "tp": 1})
    assert "B does not fit" in found.sentence
    assert next(pair for pair in found.numbers if pair.number == "tpot_s").b is None
