"""Curves: the coefficients say what Python's own deployment says, and how far the surfaces are off is true."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from web.evaluator import room_at, step_at, surface_at

from tokenroof.errors import InputError
from tokenroof.schema import parse
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.curves.run import curves

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/web/golden/curves.json"
CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
OWN_ERROR = 0.005  # promised: surfaces at the scenario's own prompt
STEP_ERROR = 1e-3
SERVED = ("tpot_s", "ttft_s", "e2e_s", "output_tokens_per_s_per_gpu", "output_usd_per_mtok", "input_usd_per_mtok")
PARTS = ("decode_step_s", "weights_s", "kv_s", "compute_s", "communication_s")


def _id(case: dict[str, Any]) -> str:
    return f"{case['request']['model']} {case['request'].get('engine', '')}"


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_the_step_and_its_parts_are_those_of_the_deployment(case: dict[str, Any]) -> None:
    """At every place, from the coefficients alone."""
    for point in case["points"]:
        found = step_at(case["curves"]["step"], point["batch"], point["context"])
        for name in PARTS:
            assert found[name] == pytest.approx(point[name], rel=STEP_ERROR, abs=1e-12), (name, point)


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_the_memory_wall_is_exact(case: dict[str, Any]) -> None:
    for point in case["points"]:
        assert room_at(case["curves"]["memory"], point["context"]) == point["room"]


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_surfaces_keep_to_the_error_that_they_state(case: dict[str, Any]) -> None:
    served, at = case["curves"]["served"], case["curves"]["at"]
    assert served["error"] <= OWN_ERROR
    own = [point for point in case["points"] if point["own"]]
    assert len(own) >= 4
    for point in own:
        new = point["context"] - at["osl"] / 2 - at["prefix"]
        for name in SERVED:
            assert surface_at(served, name, point["batch"], new) == pytest.approx(point[name], rel=OWN_ERROR), name


def test_a_model_that_does_not_fit_has_curves_and_no_room() -> None:
    """So the page can say what is missing, and by how much."""
    found = curves(AnalyzeRequest(model="llama-3.1-405b", system="h100"))
    assert found.memory.pool_bytes == 0.0
    assert found.served.error == found.served.error_away == 0.0


def test_away_from_its_own_prompt_nineteen_of_twenty_keep_to_what_is_stated() -> None:
    off, stated = [], []
    for case in CASES:
        served, at = case["curves"]["served"], case["curves"]["at"]
        for point in case["points"]:
            new = point["context"] - at["osl"] / 2 - at["prefix"]
            found = [abs(surface_at(served, name, point["batch"], new) / point[name] - 1.0) for name in SERVED]
            off += found
            stated += [max(served["error_away"], OWN_ERROR)] * len(found)
    kept = sum(error <= limit for error, limit in zip(off, stated, strict=True))
    assert kept / len(off) >= 0.95


def test_the_golden_file_is_what_the_code_says_today() -> None:
    """`scripts/golden_curves.py` writes it anew."""
    sys.path.insert(0, str(ROOT / "scripts"))
    fresh = json.loads(import_module("golden_curves").text())
    sys.path.pop(0)
    assert _rounded(fresh) == _rounded(json.loads(GOLDEN.read_text(encoding="utf-8")))


def _rounded(value: Any) -> Any:
    """Without the last digits, which depend on the machine."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def test_workers_of_their_own_have_no_curves() -> None:
    asked = {"model": "llama-3.3-70b", "system": "8xh100", "prefill_layout": "tp4", "decode_layout": "tp4"}
    with pytest.raises(InputError, match="same GPUs"):
        curves(parse(AnalyzeRequest, asked))
