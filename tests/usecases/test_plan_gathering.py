"""Attention-DP ranks that wait until all have a prompt: a knob of every verb, that `plan` tries where engines can."""

import pytest

from tokenroof.scenario.resolve import resolve
from tokenroof.types.run import Run
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Ranged
from tokenroof.usecases.measured.predict import forecast
from tokenroof.usecases.plan.answer import Candidate
from tokenroof.usecases.plan.run import PlanRequest, plan

DEP8 = {"model": "deepseek-r1", "system": "8xh200", "engine": "trtllm", "tp": 1, "dp": 8, "ep": 8, "isl": 7372.8,
        "osl": 921.6, "concurrency": 64.0, "weight_dtype": "own", "mode": "agg", "tpot": 1.0, "ttft": 60.0}  # fmt: skip


def winner(**more: object) -> Candidate:
    found = plan(PlanRequest(**{**DEP8, **more})).winner  # type: ignore[arg-type]
    assert found is not None
    return found


def test_plan_held_to_a_deployment_is_what_analyze_says_of_it():
    simulated = ((0.0, 0.0839), (60.0, 0.0507))  # 2,560 requests at lengths from 80 to 100 % of 8,192 and 1,024
    for passes, tpot_s in simulated:
        one = winner(gather_passes=passes, max_batched_tokens=8192)
        asked = {name: value for name, value in DEP8.items() if name not in ("mode", "tpot", "ttft")}
        served = resolve(Scenario(**asked, gather_passes=passes, max_batched_tokens=8192)).serve()
        assert one.tpot_s == pytest.approx(served.tpot_s, rel=1e-9)
        assert one.ttft_s == pytest.approx(served.ttft_s, rel=1e-9)
        assert one.tpot_s == pytest.approx(tpot_s, rel=0.03)


def test_plan_held_to_a_measured_deployment_is_validate_on_its_row():
    row = Run(
        row_id="x", line=2, file="x.csv", source="InferenceX via aiconfigurator", date="2026-03-25",
        model="DeepSeek-R1", model_key="DeepSeek-V3", hardware="NVIDIA H200", hw_key="h200-sxm", num_gpus=8, tp=1,
        pp=1, ep=8, dp=8, weight_dtype="fp8", kv_dtype="", engine="TensorRT-LLM", engine_version="1.2",
        mode="server-closed-loop", isl=8192.0, osl=1024.0, concurrency=64.0, request_rate=None, load="64",
        metric="tpot_ms", value=45.0, unit="ms", spec_decode="none", quality="A", split="cal",
    )  # fmt: skip
    said = forecast(row)
    assert isinstance(said, Ranged)
    told = {"engine_version": "1.2", "memory_fraction": 0.8, "kv_dtype": "fp8", "moe_a2a_backend": "none"}
    one = winner(gather_passes=60.0, max_batched_tokens=8192, **told)
    assert one.tpot_s * 1e3 == pytest.approx(said.value, rel=0.01)


def test_gathering_is_tried_where_a_limit_asks_for_it_and_started_with_it():
    answer = plan(PlanRequest(**{**DEP8, "tpot": 0.06, "gpus": 8}))  # type: ignore[arg-type]
    one = answer.winner
    assert one is not None and one.gather_passes == 60.0 and one.tpot_s < 0.06
    command = dict(answer.flags)["trtllm"]
    assert "attention_dp_config: {enable_balance: true, batching_wait_iters: 0, timeout_iters: 60}" in command
    assert plan(PlanRequest(**{**DEP8, "tpot": 0.06, "gpus": 8, "gather_passes": 0.0})).winner is None  # type: ignore[arg-type]


def test_engines_that_cannot_are_not_asked_to():
    one = plan(PlanRequest(**{**DEP8, "engine": "vllm"})).winner  # type: ignore[arg-type]
    assert one is not None and one.gather_passes == 0.0
