"""Published runs beside the curves: of the same model and chip alone, nearest first, each with how it differs."""

from typing import Any

import pytest

from tokenroof.scenario.resolve import resolve
from tokenroof.schema import parse
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.curves.answer import MeasuredRun
from tokenroof.usecases.curves.measured import MOST_RUNS, measured_runs

LLAMA = {
    "model": "llama-3.3-70b", "weight_dtype": "fp8", "system": "4xb200", "tp": 4, "engine": "vllm",
    "isl": 1024, "osl": 8192, "batch": 8,
}  # fmt: skip


def _runs(**changes: Any) -> tuple[MeasuredRun, ...]:
    asked = {name: value for name, value in {**LLAMA, **changes}.items() if value is not None}
    return measured_runs(resolve(parse(AnalyzeRequest, asked)))


def _exact(runs: tuple[MeasuredRun, ...]) -> list[MeasuredRun]:
    return [one for one in runs if not one.differs]


def test_runs_of_the_very_scenario_come_first() -> None:
    runs = _runs()
    exact = _exact(runs)
    assert len(exact) >= 3 and list(runs[: len(exact)]) == exact
    for one in exact:
        assert (one.layout_label, one.gpus, one.weight_dtype) == ("tp4", 4, "fp8")
        assert one.engine.startswith("vLLM") and one.isl == pytest.approx(921.6)
        assert one.fitted and one.source and one.as_of


def test_layouts_of_their_own_come_before_others() -> None:
    runs = _runs(system="8xh100", tp=8)
    away = [any(words.startswith("layout") for words in one.differs) for one in runs]
    assert away == sorted(away) and True in away


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine": "sglang"}, "engine vLLM"),
        ({"isl": 3000, "osl": 300}, "lengths 922 in, 7,373 out in the mean"),
        ({"prefix": 500}, "no cached prefix"),
        ({"weight_dtype": None}, "weights in fp8"),
        ({"set": [["chip.memory_bandwidth", "9TB/s"]]}, "without your changes of model and machine"),
    ],
)
def test_what_differs_is_said(changes: dict[str, Any], words: str) -> None:
    known = {(one.layout_label, one.engine, one.isl, one.osl, one.weight_dtype) for one in _exact(_runs())}
    same = [
        one for one in _runs(**changes)
        if (one.layout_label, one.engine, one.isl, one.osl, one.weight_dtype) in known
    ]  # fmt: skip
    assert same and all(words in one.differs for one in same)


def test_a_model_of_the_same_shape_counts_and_another_does_not() -> None:
    assert {one.model for one in _runs(model="llama-3.1-70b")} == {"llama-3.3-70b"}
    assert _runs(model="llama-3.1-8b", system="b200", tp=1) == ()
    assert _runs(system="4xa100") == ()


def test_series_are_whole_and_not_too_many() -> None:
    runs = _runs(model="deepseek-r1", system="8xb200", tp=8)
    assert 0 < len(runs) <= MOST_RUNS


def test_output_is_its_share_of_all_tokens_by_hand() -> None:
    """gpt-oss-120b on one MI300X: the source tells input and output together."""
    runs = [one for one in _runs(model="gpt-oss-120b", system="mi300x", tp=1) if one.output_tokens_per_s_per_gpu]
    assert runs
    for one in runs:
        decoding = one.output_tokens_per_s_per_gpu * one.gpus * one.tpot_s
        assert 0.2 * one.concurrency < decoding < 1.25 * one.concurrency
