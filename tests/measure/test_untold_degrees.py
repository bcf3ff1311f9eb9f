"""Degrees of parallelism that a table of its time has no word for, as launch scripts set them."""

from dataclasses import replace

from tokenroof.catalog.launch import launch_settings
from tokenroof.measure.setups import Skip, setup_of
from tokenroof.types.run import Run

OLD = Run(
    row_id="x", line=2, file="x.csv", source="InferenceX via aiconfigurator", date="2025-11-02", model="DeepSeek-R1",
    model_key="DeepSeek-V3", hardware="NVIDIA H200", hw_key="h200-sxm", num_gpus=8, tp=8, pp=1, ep=1, dp=None,
    weight_dtype="fp8", kv_dtype="", engine="TensorRT-LLM", engine_version="", mode="server-closed-loop", isl=8192.0,
    osl=1024.0, concurrency=32.0, request_rate=None, load="32", metric="tpot_ms", value=35.8, unit="ms",
    spec_decode="none", quality="A", split="cal",
)  # fmt: skip


def test_a_run_takes_the_degrees_that_its_table_had_no_word_for():
    degrees = []
    for run in (OLD, replace(OLD, concurrency=64.0), replace(OLD, date="2026-01-29"), replace(OLD, ep=4)):
        setup = setup_of(run)
        assert not isinstance(setup, Skip)
        degrees.append((setup.layout.tp, setup.layout.ep, setup.layout.dp))
    assert degrees == [(8, 8, 1), (1, 8, 8), (8, 1, 1), (8, 4, 1)]


def _launched(engine, chip, model, weights, tp, concurrency, *, isl=1024, osl=1024, date="2025-11-02"):
    one = launch_settings(
        "InferenceX", engine=engine, chip=chip, model=model, weights=weights, isl=isl, osl=osl, tp=tp,
        concurrency=concurrency, date=date,
    )  # fmt: skip
    return one.experts_whole, one.attention_apart


def test_results_before_the_middle_of_november_2025_had_no_word_for_expert_parallelism():
    """As scripts and configurations of October 2025 say: benchmarks/dsr1_*_slurm.sh, .github/configs/master.yaml."""
    assert _launched("sglang", "b200", "deepseek-v3", "fp4", 4, 4) == (True, False)
    assert _launched("sglang", "b200", "deepseek-v3", "fp4", 4, 4, date="2026-03-25") == (False, False)
    assert _launched("sglang", "b200", "deepseek-v3", "fp8", 8, 4) == (False, False)
    h200 = ("trtllm", "h200", "deepseek-v3", "fp8", 8)
    assert [_launched(*h200, n) for n in (4, 64, 128)] == [(True, False), (True, False), (True, True)]
    assert [_launched(*h200, n, isl=8192) for n in (32, 64)] == [(True, False), (True, True)]
    b200 = ("trtllm", "b200", "deepseek-v3", "fp8", 8)
    assert [_launched(*b200, n) for n in (32, 64)] == [(True, False), (True, True)]
    assert [_launched(*b200, n, osl=8192) for n in (64, 128)] == [(True, False), (True, True)]
    four, eight = (("trtllm", "b200", "deepseek-v3", "fp4", tp) for tp in (4, 8))
    assert [_launched(*four, n) for n in (32, 64, 256)] == [(False, False), (True, False), (True, True)]
    assert [_launched(*eight, n) for n in (8, 16, 256)] == [(False, False), (True, False), (True, True)]
    assert [_launched(*eight, n, osl=8192) for n in (16, 32)] == [(False, False), (True, False)]
    assert [_launched(*eight, n, isl=8192) for n in (32, 64)] == [(False, False), (True, True)]
    assert _launched("trtllm", "h200", "gpt-oss-120b", "mxfp4", 8, 4) == (True, False)
    assert [_launched("trtllm", "b200", "gpt-oss-120b", "mxfp4", 4, n) for n in (64, 256)] == [
        (False, False), (True, True)
    ]  # fmt: skip
