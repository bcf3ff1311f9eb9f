"""From a table's row to a prediction: what is read into a deployment, what is skipped, and what ranges hold."""

import math
from dataclasses import replace

import pytest

from tokenroof.catalog.acceptance import acceptance_curves
from tokenroof.errors import DataMissing, InputError, UnknownName
from tokenroof.measure.deployments import Deployments, as_run
from tokenroof.measure.setups import Skip, setup_of
from tokenroof.planner.drafts import implied_acceptance
from tokenroof.scenario.resolve import resolve
from tokenroof.types.efficiency import PEAK
from tokenroof.types.run import Role, Run
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Ranged
from tokenroof.usecases.measured.predict import PredictRequest, forecast, predict
from tokenroof.usecases.measured.validate import validate

RUN = Run(
    row_id="x", line=2, file="x.csv", source="InferenceX via aiconfigurator", date="2026-03-25", model="DeepSeek-R1",
    model_key="DeepSeek-V3", hardware="NVIDIA H200", hw_key="h200-sxm", num_gpus=8, tp=8, pp=1, ep=1, dp=None,
    weight_dtype="fp8", kv_dtype="", engine="SGLang", engine_version="0.5.9", mode="server-closed-loop", isl=1024.0,
    osl=1024.0, concurrency=16.0, request_rate=None, load="16", metric="tpot_ms", value=16.6, unit="ms",
    spec_decode="none", quality="A", split="cal",
)  # fmt: skip


def test_a_row_becomes_the_deployment_that_it_measured():
    setup = setup_of(RUN)
    assert not isinstance(setup, Skip)
    assert (setup.load.kind, setup.engine, setup.generation, setup.layout.tp) == ("concurrency", "sglang", "sglang", 8)
    assert setup.workload.isl == pytest.approx(0.9 * 1024)
    assert (setup.load.range_ratio, setup.load.requests) == (0.8, 160.0)
    assert setup.system.n_chips == 8 and setup.system.chip.id == "h200"
    assert setup.layout.weights is None  # the checkpoint is in fp8 already


def test_the_prediction_of_a_public_run_is_near_it_and_inside_its_range():
    found = forecast(RUN)
    assert isinstance(found, Ranged)
    assert found.value == pytest.approx(RUN.value, rel=0.25)
    assert found.bound <= found.low < found.value < found.high


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"engine": "llama.cpp"}, "llama.cpp"),
        ({"model": "Nobody-7B", "model_key": "Nobody-7B"}, "not in the catalogue"),
        ({"hw_key": "abacus"}, "not in the catalogue"),
        ({"spec_decode": "mtp", "source": "somebody"}, "how many drafts is not stated"),
        ({"spec_decode": "mtp", "model": "Llama-3.1-70B", "model_key": ""}, "without a draft head"),
        ({"mode": "disaggregated"}, "prefill workers is not stated"),
        ({"mode": "microbench"}, "microbench"),
        ({"metric": "joules"}, "joules"),
        ({"mode": "decode", "metric": "input_tok_s_per_gpu"}, "input_tok_s_per_gpu of decode alone"),
        ({"mode": "prefill", "metric": "output_tok_s"}, "output_tok_s of prefill alone"),
        ({"concurrency": None}, "not stated"),
        ({"weight_dtype": "gguf-Q4_K_M"}, "weight format"),
        ({"tp": 7, "num_gpus": 7}, "does not divide"),
        ({"num_gpus": 8, "tp": 3}, "do not divide"),
    ],
)
def test_what_cannot_be_known_is_skipped_with_the_reason(changes, reason):
    dense = {"model": "Llama-3.1-70B", "model_key": "Llama-3-70B"} if "tp" in changes else {}
    found = forecast(replace(RUN, **{**dense, **changes}))
    assert isinstance(found, Skip) and reason in found.reason


OPEN = replace(
    RUN, source="inference-sim/training (vLLM, inference-perf)", model="Llama-2-7B", model_key="", hardware="H100",
    hw_key="h100-sxm", num_gpus=1, tp=1, weight_dtype="bf16", engine="vLLM", engine_version="0.15.1", mode="server",
    isl=592.0, osl=194.0, prefix=576.0, concurrency=None, request_rate=5.0, load="", requests=3000.0,
)  # fmt: skip


def test_tokens_that_a_client_did_not_count_were_made_all_the_same():
    """247 tokens an answer, of which the client counted 194: E2E is that of 247, TPOT and throughput are its own."""
    whole = replace(OPEN, osl=247.0, source="")
    fewer = replace(OPEN, generated=247.0, source="")
    found = {
        (name, metric): forecast(replace(run, metric=metric)).value
        for name, run in (("whole", whole), ("fewer", fewer))
        for metric in ("tpot_ms", "ttft_ms", "e2e_latency_s", "output_tok_s")
    }
    assert found["fewer", "e2e_latency_s"] == pytest.approx(found["whole", "e2e_latency_s"], rel=1e-12)
    assert found["fewer", "ttft_ms"] == pytest.approx(found["whole", "ttft_ms"], rel=1e-12)
    assert found["fewer", "tpot_ms"] == pytest.approx(found["whole", "tpot_ms"] * 246 / 193, rel=1e-12)
    assert found["fewer", "output_tok_s"] == pytest.approx(5.0 * 194, rel=0.01)


@pytest.mark.parametrize(
    ("row", "measured_ms", "rate", "isl", "prefix"),
    [("codegen-s0", 25.0, 5.0, 591.6, 576.0), ("codegen-s1", 29.5, 10.0, 591.6, 576.0),
     ("roleplay-s0", 27.1, 6.0, 785.8, 784.0)],
)  # fmt: skip
def test_a_cached_prompt_has_its_first_token_when_vllm_had_it(row, measured_ms, rate, isl, prefix):
    """Measured on vLLM 0.15.1; with 38 ms for every request they were 50 ms."""
    run = replace(OPEN, row_id=row, request_rate=rate, isl=isl, prefix=prefix, evenly=True, metric="ttft_ms")
    assert forecast(run).value == pytest.approx(measured_ms, rel=0.2)


@pytest.mark.parametrize(("row", "generated"), [("codegen-s0", 247.0), ("roleplay-s0", 251.0), ("another", 194.0)])
def test_a_series_whose_client_counted_text_has_the_tokens_it_was_asked_for(row, generated):
    setup = setup_of(replace(OPEN, row_id=f"llama-2-7b-tp1-{row}-ttft_ms"))
    assert not isinstance(setup, Skip)
    assert setup.workload.osl == generated
    assert setup.counted == (None if generated == 194.0 else 194.0)
    assert (setup.scheduler.token_budget, setup.scheduler.max_sequences) == (2048.0, 128.0)


def test_even_arrivals_meet_the_mean_number_of_requests_and_random_ones_more():
    """Half of what is served at most: where requests come at equal times as many are inside always, TPOT is lower."""
    busy = replace(OPEN, request_rate=10.0, osl=247.0, source="", metric="tpot_ms")
    even, random = (forecast(replace(busy, evenly=evenly)).value for evenly in (True, False))
    inside = 10.0 * forecast(replace(busy, evenly=True, metric="e2e_latency_s")).value
    closed = replace(busy, mode="server-closed-loop", concurrency=inside, request_rate=None)
    assert even == pytest.approx(forecast(closed).value, rel=0.02)
    assert 1.01 * even < random < 1.1 * even


def test_drafts_of_a_row_are_those_of_its_series_and_accepted_as_measured():
    """InferenceX drafts two tokens under SGLang; of one draft of DeepSeek-V3's head 85 % were accepted."""
    setup = setup_of(replace(RUN, spec_decode="mtp"))
    assert not isinstance(setup, Skip)
    curve = acceptance_curves()[-1]
    assert curve.id == "deepseek-v3/mtp/report" and implied_acceptance(curve.lengths[0], 1) == pytest.approx(0.85)
    assert setup.drafts == 2 and setup.acceptance == pytest.approx(0.85 * 0.85)  # on prompts of random tokens
    long = setup_of(replace(RUN, spec_decode="mtp", osl=8192.0))
    assert not isinstance(long, Skip) and long.acceptance == pytest.approx(0.95 * 0.85)  # they repeat themselves
    host = as_run(replace(PEAK, draft_pass_s=1e-3, draft_plan_s=3e-3), setup)  # FlashInfer plans each pass on Hopper
    assert setup.planned and host.draft_pass_s == pytest.approx(4e-3)
    stated = setup_of(replace(RUN, spec_decode="mtp", drafts=1, acceptance=0.5))
    assert not isinstance(stated, Skip) and (stated.drafts, stated.acceptance) == (1, 0.5)


def test_itl_with_drafts_is_of_a_pass_and_not_of_a_token():
    """One draft accepted always: two tokens come in one chunk of the stream, and gaps are twice as long."""
    tpot, itl = (
        forecast(replace(RUN, metric=metric, spec_decode="mtp", drafts=1, acceptance=1.0))
        for metric in ("tpot_ms", "itl_ms")
    )
    assert itl.value == pytest.approx(2.0 * tpot.value) and itl.high == pytest.approx(2.0 * tpot.high)
    assert forecast(replace(RUN, metric="itl_ms")) == forecast(RUN)


def test_tpot_with_drafts_is_of_a_token_and_not_of_a_pass():
    """A pass that is accepted whole gives two tokens, and verifying them takes a little longer than one, where the host
    does not plan it: InferenceX measured 1.4 to 1.9 times as long with FlashInfer, which this source does not name.
    """
    run = replace(RUN, concurrency=4.0, source="somebody")
    plain = forecast(run)
    whole = forecast(replace(run, spec_decode="mtp", drafts=1, acceptance=1.0))
    none = forecast(replace(run, spec_decode="mtp", drafts=1, acceptance=1e-9))
    assert 0.5 * plain.value < whole.value < 0.75 * plain.value
    assert none.value == pytest.approx(2.0 * whole.value, rel=0.05) and whole.bound < whole.low


APART = replace(
    RUN, source="", model="Llama-3.3-70B", model_key="", hardware="H100", hw_key="h100-sxm", weight_dtype="bf16",
    kv_dtype="bf16", engine="vLLM", engine_version="", mode="disaggregated", num_gpus=16, tp=8, ep=1, dp=1,
    decode_workers=1, prefill=Role(tp=4, workers=2), isl=4000.0, osl=500.0, concurrency=32.0, metric="tpot_ms",
)  # fmt: skip


@pytest.mark.parametrize("metric", ["tpot_ms", "ttft_ms", "output_tok_s"])
def test_a_disaggregated_row_is_what_the_scenario_of_its_roles_gives(metric):
    scenario = Scenario(
        model="llama-3.3-70b", system="16xh100", prefill_layout="tp4", decode_layout="tp8", prefill_workers=2,
        decode_workers=1, concurrency=32.0, isl=4000.0, osl=500.0, kv_dtype="bf16", replicas=1,
    )  # fmt: skip
    served = resolve(scenario).serve()
    expected = {"tpot_ms": served.tpot_s * 1e3, "ttft_ms": served.ttft_s * 1e3,
                "output_tok_s": served.output_tokens_per_s_per_gpu * 16}[metric]  # fmt: skip
    found = forecast(replace(APART, metric=metric))
    assert isinstance(found, Ranged) and found.value == pytest.approx(expected, rel=1e-6)


def test_decode_workers_without_room_are_skipped():
    found = forecast(replace(APART, tp=1, prefill=Role(tp=1)))
    assert isinstance(found, Skip) and "memory" in found.reason


def test_what_the_engine_was_told_is_what_is_served():
    setup = setup_of(replace(RUN, max_num_seqs=48.0, max_batched_tokens=2048.0))
    assert not isinstance(setup, Skip)
    assert (setup.scheduler.max_sequences, setup.scheduler.token_budget) == (48.0, 2048.0)


def test_what_does_not_fit_is_skipped_and_not_answered_with_zero():
    found = forecast(replace(RUN, num_gpus=1, tp=1))
    assert isinstance(found, Skip) and "memory" in found.reason


LOADS = [{"concurrency": 2.0}, {"request_rate": 2.0}, {"run": "saturated"}, {"run": "static", "batch": 2.0}]


@pytest.mark.parametrize("load", LOADS)
def test_every_kind_of_load_is_predicted_with_a_range_above_the_bound(load):
    answer = predict(PredictRequest(model="llama-3.1-8b", system="h100", tp=1, isl=1000.0, osl=200.0, **load))
    assert answer.claim == "calibrated" and answer.profile == "h100/vllm"
    for name, one in answer.quantities.items():
        assert one.low <= one.value <= one.high, name
        assert math.isfinite(one.value)
        if name in ("tpot", "output"):
            better = one.value < one.bound if name == "tpot" else one.value > one.bound
            assert not better, name


def test_peak_is_a_bound_without_a_range():
    answer = predict(
        PredictRequest(model="llama-3.1-8b", system="h100", profile="peak", concurrency=1.0, isl=1024.0, osl=1024.0)
    )
    assert answer.claim == "peak rates"
    assert answer.quantities["tpot"].low is None and answer.quantities["tpot"].high is None


def test_an_unmeasured_chip_says_so_and_has_a_wider_range():
    measured, other = (
        predict(PredictRequest(model="llama-3.1-8b", system=name, concurrency=1.0)) for name in ("h100", "h20")
    )
    width = [one.quantities["tpot"].high / one.quantities["tpot"].value for one in (measured, other)]
    assert width[1] > width[0] and any("h20" in note for note in other.notes)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"run": "sideways"}, "run"), ({"isl": 0}, "isl"), ({"osl": float("nan")}, "osl"),
     ({"concurrency": -1}, "concurrency"),
     ({"prefix": 1e9}, "prefix"), ({"tp": 3}, "tp"), ({"weight_dtype": "roman"}, "weight_dtype")],
)  # fmt: skip
def test_bad_requests_are_refused_by_field(changes, field):
    with pytest.raises((InputError, UnknownName), match=field):
        predict(PredictRequest(**{"model": "llama-3.1-8b", "system": "8xh100", **changes}))


def test_metrics_of_one_run_come_from_one_prediction_and_other_runs_from_their_own():
    """Rows are predicted in any order with the same result: what was worked out last never stands in for another."""
    first = [RUN, replace(RUN, metric="ttft_ms"), replace(RUN, concurrency=64.0), replace(RUN, weight_dtype="fp4")]
    rows = [*first, replace(RUN, osl=2048.0), replace(RUN, engine="vLLM", engine_version="0.11.2"), RUN]
    found = [forecast(row) for row in rows]
    assert [forecast(row) for row in reversed(rows)] == found[::-1]
    assert found[0] == found[-1]
    assert len({one.value for one in found}) == len(rows) - 1


def test_experts_that_do_not_divide_by_the_gpus_have_copies():
    """256 experts on a rack of 72 GPUs: 32 copies make 4 slots a GPU; on 64 GPUs each has one beside its own four."""
    rack = replace(RUN, hw_key="gb200", hardware="GB200", num_gpus=72, tp=1, dp=72, ep=72, concurrency=4096.0)
    copies = {}
    for gpus in (64, 72):
        setup = setup_of(replace(rack, num_gpus=gpus, dp=gpus, ep=gpus))
        assert not isinstance(setup, Skip)
        copies[gpus] = setup.layout.redundant_experts
    assert copies == {64: 64, 72: 32}
    assert isinstance(forecast(rack), Ranged)


@pytest.mark.parametrize(
    ("engine", "weights", "kv"),
    [("TensorRT-LLM", "fp8", "fp8"), ("TensorRT-LLM", "fp4", "fp8"), ("TensorRT-LLM", "bf16", "bf16"),
     ("vLLM", "fp8", "bf16"), ("SGLang", "fp8", "bf16")],
)  # fmt: skip
def test_the_format_of_a_cache_that_a_table_does_not_state(engine, weights, kv):
    """NVIDIA's quantised checkpoints carry scales for an 8-bit cache, and TensorRT-LLM uses them; others do not."""
    run = replace(RUN, source="nobody in particular", engine=engine, engine_version="1.0", weight_dtype=weights)
    setup = setup_of(replace(run, model="Llama-3.1-70B", model_key="Llama-3-70B"))
    assert not isinstance(setup, Skip)
    assert (setup.layout.kv_dtype, setup.kv_stated) == (kv, False)
    stated = setup_of(replace(run, model="Llama-3.1-70B", model_key="Llama-3-70B", kv_dtype="fp8"))
    assert not isinstance(stated, Skip)
    assert (stated.layout.kv_dtype, stated.kv_stated) == ("fp8", True)


def test_a_range_ends_at_the_hardware_bound():
    """Ranges are as wide to both sides, as factors, but on the good side they stop at the bound.

    A chip that nobody measured has a wide range: 4-bit weights on one RTX 4090 would pass the bound of TPOT, those of
    16 bits on an H100 do not.
    """
    wide = PredictRequest(model="gemma-2-27b", system="1xrtx-4090", concurrency=4.0, isl=1024.0, osl=8192.0,
                          kv_dtype="fp8", weight_dtype="int4-wo-g32")  # fmt: skip
    narrow = PredictRequest(model="llama-3.1-8b", system="h100", concurrency=1.0, isl=1024.0, osl=1024.0)
    for request, cut in ((wide, True), (narrow, False)):
        tpot = predict(request).quantities["tpot"]
        mirrored = tpot.value**2 / tpot.high
        assert (mirrored < tpot.bound) is cut
        assert tpot.low == pytest.approx(tpot.bound if cut else mirrored, rel=1e-9)


def test_a_machine_without_a_figure_costs_its_own_rows_alone(monkeypatch, tmp_path):
    """One row on a chip without a bf16 rate once ended the whole table."""
    header = "row_id,model,hardware,num_gpus,tp,engine,mode,input_len,output_len,batch_or_concurrency,metric,value,unit"
    rows = [
        f"{k},Llama-3.1-8B,{chip},1,1,vLLM,server-closed-loop,1024,128,4,tpot_ms,9.0,ms"
        for k, chip in enumerate(("NVIDIA H100 SXM", "NVIDIA H200", "NVIDIA H100 SXM"))
    ]
    (tmp_path / "runs.csv").write_text("\n".join([header, *rows, ""]))
    made = Deployments.of

    def of(self, setup):
        if setup.system.chip.id == "h200":
            raise DataMissing("chip h200", "bf16 arithmetic rate", "flops_per_s")
        return made(self, setup)

    monkeypatch.setattr(Deployments, "of", of)
    answer = validate([tmp_path / "runs.csv"])
    assert (answer.rows, answer.scored) == (3, 2)
    assert answer.skipped == (("chip h200 has no bf16 arithmetic rate (flops_per_s)", 1),)


@pytest.mark.parametrize(("mode", "time", "tokens", "rate"), [
    ("decode", "tpot_ms", 64.0, "output_tok_s"), ("prefill", "ttft_ms", 64.0 * 1024.0, "input_tok_s")])  # fmt: skip
def test_rates_of_a_part_alone_count_neither_tokens_nor_time_of_the_other(mode, time, tokens, rate):
    """Of 64 requests: one token each a TPOT, or all prompts until the last has its first token. Bounds alike."""
    row = replace(RUN, mode=mode, concurrency=64.0)
    found = {name: forecast(replace(row, metric=name)) for name in (time, rate, f"{rate}_per_gpu", "total_tok_s")}
    for end in ("value", "bound"):
        part_s = getattr(found[time], end) / 1e3
        assert getattr(found[rate], end) == pytest.approx(tokens / part_s)
        assert getattr(found[f"{rate}_per_gpu"], end) == pytest.approx(tokens / part_s / 8)
        assert getattr(found["total_tok_s"], end) == pytest.approx(tokens / part_s)
