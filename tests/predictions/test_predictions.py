"""Predictions for frozen scenarios: what the code says now is what is stored, and stored is what a release can list."""

import math
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def predictions(repo_root: Path) -> ModuleType:
    import importlib

    sys.path.insert(0, str(repo_root / "scripts"))
    try:
        return importlib.import_module("predictions")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def now(predictions: ModuleType) -> list[dict[str, float]]:
    return [predictions.answered(one) for one in predictions.questions()]


def test_predictions_are_the_stored_ones(predictions: ModuleType, now: list[dict[str, float]]) -> None:
    asked = predictions.questions()
    wrong = predictions.differences(predictions.read(predictions.CURRENT), now)
    shown = [f"{name} of {predictions.label(asked[row])}" for row, name in wrong[:5]]
    assert not wrong, f"{len(wrong)} predictions moved (CONTRIBUTING, Predictions that move): {shown}"


def test_scenarios_are_many_and_different(predictions: ModuleType) -> None:
    asked = predictions.questions()
    assert len(asked) == len(set(asked)) == 2000
    assert {one.engine for one in asked} == {"vllm", "sglang", "trtllm"}
    assert len({one.model for one in asked}) > 50
    assert len({one.system for one in asked}) > 20
    for name in ("tp", "pp", "dp", "ep"):
        assert sum(getattr(one, name) > 1 for one in asked) > 200, name


def test_last_release_answers_the_same_scenarios(predictions: ModuleType) -> None:
    released = predictions.read(predictions.RELEASED)
    assert len(released) == 2000
    assert all(math.isfinite(one["requests_that_fit"]) for one in released)
    assert sum(one["requests_that_fit"] < 1 for one in released) > 50


def test_a_fault_of_a_thousandth_is_seen(predictions: ModuleType) -> None:
    stored = predictions.read(predictions.CURRENT)[:40]
    row = next(index for index, one in enumerate(stored) if math.isfinite(one["tpot_s"]))
    moved = [dict(one) for one in stored]
    moved[row]["tpot_s"] *= 1.001
    assert predictions.differences(stored, moved) == [(row, "tpot_s")]
    assert predictions.differences(stored, moved[:-1]) == [(39, "rows")]
    text = predictions.report(predictions.questions()[:40], stored, moved)
    assert "| tpot_s | 40 | 1 | +0.1% | +0.1% |" in text
    assert "| ttft_s | 40 | 0 |" in text


def test_a_changed_verdict_is_listed(predictions: ModuleType) -> None:
    stored = predictions.read(predictions.CURRENT)[:3]
    none = dict.fromkeys(predictions.COLUMNS, math.nan)
    short = {**none, "requests_that_fit": 0.0}
    text = predictions.report(predictions.questions()[:3], stored, [none, short, stored[2]])
    assert "- fits → refused: 1" in text and "- fits → does not fit: 1" in text
