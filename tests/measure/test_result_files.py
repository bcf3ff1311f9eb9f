"""Result files of every tool: one story, one answer; and the traps that each tool sets, one test a trap."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from result_files import (
    AT_ONCE,
    COUNT,
    E2E,
    ISL,
    OSL,
    RATE,
    SPAN,
    STORY,
    TPOT,
    TTFT,
    aiperf,
    disaggregated,
    figures,
    guidellm,
    guidellm_benchmark,
    inference_perf,
    inferencex,
    locust,
    put,
    sglang,
    side_by_side,
    trtllm,
    vllm,
)  # fmt: skip

from tokenroof.errors import InputError, TokenroofError
from tokenroof.measure.benchmarks import lacking, runs_of
from tokenroof.measure.importers import importer_of, read_benchmarks, read_results
from tokenroof.measure.setups import Setup, setup_of
from tokenroof.types.benchmark import NOTES, Benchmark, Deployed, Given
from tokenroof.types.run import Fault, Run

NOTHING = Given()
LENGTHS = Given(isl=float(ISL), osl=float(OSL))


def read(path: Path, given: Given = LENGTHS) -> list[Benchmark]:
    found = list(read_benchmarks(path, given=given))
    assert all(isinstance(one, Benchmark) for one in found), found
    return [one for one in found if isinstance(one, Benchmark)]


def one(tmp_path: Path, record: Any, given: Given = NOTHING) -> Benchmark:
    (found,) = read(put(tmp_path / "a.json", record), given)
    return found


def kinds(found: Benchmark) -> list[str]:
    assert {note.kind for note in found.notes} <= set(NOTES)
    assert all(note.text and "\n" not in note.text for note in found.notes)
    return [note.kind for note in found.notes]


def note(found: Benchmark, kind: str) -> str:
    return " | ".join(one.text for one in found.notes if one.kind == kind)


@pytest.mark.parametrize("name", STORY)
def test_every_tool_tells_the_same_story(name: str, tmp_path: Path) -> None:
    made = STORY[name]()
    path = put(tmp_path / name, made)
    (found,) = read(path, LENGTHS if name == "locust.csv" else Given())
    assert (found.isl.mean, found.osl.mean) == (pytest.approx(ISL), pytest.approx(OSL))
    assert found.concurrency or found.in_flight == pytest.approx(AT_ONCE)
    assert (found.ttft.mean, found.tpot.mean) == (pytest.approx(TTFT, rel=1e-3), pytest.approx(TPOT, rel=1e-3))
    assert found.e2e.mean == pytest.approx(E2E, rel=1e-3)
    assert found.output_tok_s == pytest.approx(RATE * OSL, rel=1e-3)
    assert found.total_tok_s == pytest.approx(RATE * (ISL + OSL), rel=1e-3)
    assert (found.file, found.position >= 1, found.tool) == (name, True, importer_of(path).name)
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert [each.tpot for each in read(packed)] == [found.tpot]


SHARED = {
    "aiperf_2025_genai_perf_like.json": 1, "aiperf_profile_export.csv": 1, "aiperf_profile_export.json": 1,
    "inference_perf_stage_3_lifecycle_metrics.json": 1, "inferencex_agg.json": 1, "inferencex_agg_disagg.json": 1,
    "locust_stats.csv": 1, "sglang_bench_serving.jsonl": 2, "trtllm_bench_report.json": 1, "vllm_bench_serve.json": 1,
    "vllm_bench_serve_appended.json": 2, "vllm_stream_interval.json": 1, "guidellm_v2.json": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_lookalikes_of_the_tools_own_files(name: str, shared_data: Path) -> None:
    found = read(shared_data / "formats" / name)
    assert len(found) == SHARED[name]
    first = found[0]
    assert (first.isl.mean, first.osl.mean) == (pytest.approx(1000), pytest.approx(200))
    assert first.ttft.mean == pytest.approx(0.08)
    assert first.tpot.mean == pytest.approx(0.009)
    assert first.concurrency or first.in_flight == pytest.approx(16)


def test_llama_bench_is_a_record_a_test_in_all_its_formats(shared_data: Path) -> None:
    read_in = [read(shared_data / "formats" / f"llama_bench.{ending}", Given()) for ending in ("json", "csv", "md")]
    for found in read_in:
        assert [one.mode for one in found] == ["prefill", "decode", "prefill", "decode", "mixed"]
        assert found[1].tpot.mean == pytest.approx(1 / 141)
        assert found[2].ttft.mean == pytest.approx(512 / 6100, rel=1e-4)
        assert (found[2].isl.mean, found[2].deployed.prefix_hits) == (16896, pytest.approx(16384 / 16896))
        assert (found[3].isl.mean, found[3].tpot.mean) == (16384, pytest.approx(1 / 96))
        assert found[4].e2e.mean == pytest.approx(2304 / 1320, rel=1e-4)
        assert float(found[0].deployed.weight_dtype.removeprefix("bpw")) == pytest.approx(4.894, rel=2e-3)
    where = read_in[0][0].deployed
    assert (where.model, where.hardware, where.weights_bytes) == ("Model-8B", "NVIDIA GeForce RTX 4090", 4912898304)


# ---------------------------------------------------------------- the traps, by the letters of the list


def test_a_chunk_of_many_tokens_is_no_token(tmp_path: Path) -> None:
    found = one(tmp_path, vllm(mean_itl_ms=90.0))
    assert (found.tpot.mean, found.itl.mean) == (pytest.approx(TPOT), pytest.approx(0.09))
    assert "ITL is 90 ms and TPOT 9 ms: 10 tokens a chunk" in note(found, "chunks")
    assert "itl_ms" not in {run.metric for run in runs_of(found)}


def test_b_two_frames_a_token_halve_the_time_of_a_token(tmp_path: Path) -> None:
    found = one(tmp_path, inference_perf(frames=2))
    assert found.tpot.mean == pytest.approx(TPOT)
    assert found.tpot.percentiles == ()
    assert "TPOT is 4.5 ms in the file and 9 ms by (E2E - TTFT) / (osl - 1): two frames a token" in note(
        found, "frames"
    )


def test_c_a_gap_with_drafts_is_a_verify_step(tmp_path: Path) -> None:
    found = one(tmp_path, vllm(mean_itl_ms=25.2, spec_decode_acceptance_length=2.83, spec_decode_acceptance_rate=61.0,
                               spec_decode_per_position_acceptance_rates=[0.8, 0.6, 0.43]))  # fmt: skip
    assert found.tpot.mean == pytest.approx(TPOT)
    assert "a verify step gives 2.80 tokens; the file says 2.83" in note(found, "speculation")
    assert (found.deployed.drafts, found.deployed.acceptance) == (3, pytest.approx(0.61))
    assert "chunks" not in kinds(found)


def test_guidellm_s_yaml_is_its_json(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    whole = guidellm()
    (same,) = read_benchmarks(put(tmp_path / "a.json", whole))
    text = yaml.safe_dump(whole)
    (found,) = read_benchmarks(put(tmp_path / "a.yaml", text))
    assert isinstance(same, Benchmark) and isinstance(found, Benchmark)
    assert replace(found, file="a.json") == same
    (fault,) = read_benchmarks(put(tmp_path / "b.yaml", text.replace("concurrent", "{concurrent")))
    assert isinstance(fault, Fault) and fault.text.startswith("no YAML: ")
    (fault,) = read_benchmarks(put(tmp_path / "c.yaml", text + "x: !!python/object/apply:os.getcwd []\n"))
    assert isinstance(fault, Fault) and "could not determine a constructor" in fault.text


def test_d_guidellm_counts_the_first_token_in_its_time_per_output_token(tmp_path: Path) -> None:
    slow = 0.9  # to the first token
    made = guidellm_benchmark({"type_": "synchronous"}, time_to_first_token_ms=slow * 1e3,
     request_latency=slow + 199 * TPOT,
                              time_per_output_token_ms=(slow + 199 * TPOT) / 200 * 1e3)  # fmt: skip
    found = one(tmp_path, guidellm(made))
    assert (found.tpot.mean, found.concurrency) == (pytest.approx(TPOT), 1.0)
    assert "counts the first token" in note(found, "definition")


def test_d_a_time_per_token_that_is_e2e_over_osl_is_recognised(tmp_path: Path) -> None:
    found = one(tmp_path, vllm(**side_by_side({"ttft": 0.9, "tpot": (0.9 + 199 * TPOT) / 200,
     "e2el": 0.9 + 199 * TPOT}, 1e3,
                                              "_ms")))  # fmt: skip
    assert found.tpot.mean == pytest.approx(TPOT)
    assert "it counts the first token too" in note(found, "definition")


@pytest.mark.parametrize("make", [sglang, inferencex])
def test_e_lengths_are_the_real_means_and_not_the_nominal_ones(make: Callable[..., Any], tmp_path: Path) -> None:
    made = make(random_input_len=2000, random_output_len=400) if make is sglang else make(isl=2000, osl=400)
    found = one(tmp_path, made)
    assert (found.isl.mean, found.osl.mean) == (pytest.approx(ISL), pytest.approx(OSL))
    assert "isl 1,000 of 2,000, osl 200 of 400" in note(found, "lengths")


def test_e_a_setup_takes_real_means_as_they_are(tmp_path: Path) -> None:
    """InferenceX's tables have the longest lengths, of which setups take 0.9; those of its files are worked out."""
    setup = setup_of(runs_of(one(tmp_path, inferencex()))[0])
    assert isinstance(setup, Setup)
    assert (setup.workload.isl, setup.workload.osl) == (pytest.approx(ISL), pytest.approx(OSL))


def test_f_the_served_rate_is_used_where_the_server_did_not_keep_up(tmp_path: Path) -> None:
    found = one(tmp_path, vllm(request_rate=2 * RATE, max_concurrency=None))
    assert (found.mode, found.request_rate) == ("server", pytest.approx(RATE))
    assert "asked for 17.1032 requests/s and served 8.55, which is used" in note(found, "rate")


def test_f_the_end_of_a_run_is_no_lower_rate(tmp_path: Path) -> None:
    asked = COUNT / (SPAN - E2E)
    found = one(tmp_path, vllm(request_rate=asked, max_concurrency=None))
    assert found.request_rate == pytest.approx(asked)
    assert "the last requests end after all have come" in note(found, "rate")


def test_f_a_client_at_its_limit_is_a_closed_loop(tmp_path: Path) -> None:
    found = one(tmp_path, vllm(request_rate=50.0))
    assert (found.mode, found.concurrency) == ("server-closed-loop", AT_ONCE)
    assert "16 in flight is the client's limit" in note(found, "rate")


def test_f_a_client_that_sends_late_is_told(tmp_path: Path) -> None:
    load = {"count": COUNT, "schedule_delay": {"mean": 0.4}, "requested_rate": RATE}
    assert "sent 0.4 s late" in note(one(tmp_path, inference_perf(load_summary=load)), "client")


def test_f_fewer_in_flight_than_asked_is_told_with_its_cause(tmp_path: Path) -> None:
    assert "16 requests in flight of 64 asked: the run fills and drains in 2.5 waves" in note(
        one(tmp_path, vllm(max_concurrency=64)), "client"
    )
    given = Given(deployed=Deployed(max_num_seqs=16))
    assert "the engine takes 16" in note(one(tmp_path, vllm(max_concurrency=32), given), "client")


def test_g_seconds_and_milliseconds_are_read_by_their_tool_or_unit(tmp_path: Path) -> None:
    made = aiperf(request_latency={"unit": "sec", "avg": E2E}, time_to_first_token={"unit": "us", "avg": TTFT * 1e6})
    found = one(tmp_path, made)
    assert (found.e2e.mean, found.ttft.mean) == (pytest.approx(E2E), pytest.approx(TTFT))
    path = put(tmp_path / "b.json", aiperf(request_latency={"unit": "fortnights", "avg": 1.0}))
    (fault,) = read_benchmarks(path)
    assert str(fault) == (
        "b.json record 1: request_latency.unit = 'fortnights' must be one of ms, sec, s, seconds, milliseconds, us, ns"
    )


def test_h_infinity_is_bare_in_one_tool_and_text_in_another(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", sglang())
    assert "Infinity" in path.read_text()
    assert read(path)[0].mode == "server-closed-loop"
    assert one(tmp_path, vllm(request_rate="inf")).mode == "server-closed-loop"
    (fault,) = read_benchmarks(put(tmp_path / "b.json", vllm(duration=float("inf"))))
    assert str(fault) == "b.json record 1: duration = inf must be finite and not negative"


def test_i_objects_one_after_the_other_and_a_broken_one_between(tmp_path: Path) -> None:
    whole = json.dumps(vllm())
    path = put(tmp_path / "a.json", f"{whole}\n{whole[:300]}\n{whole}\n{whole[:200]}")
    found = list(read_benchmarks(path))
    assert [type(each) for each in found] == [Benchmark, Fault, Benchmark, Fault]
    assert [each.position for each in found if isinstance(each, Benchmark)] == [1, 3]
    assert str(found[3]).startswith("a.json record 4: no whole JSON at line 4, column ")
    assert len(read(put(tmp_path / "b.json", json.dumps(vllm(), indent=1) + json.dumps(vllm(), indent=2)))) == 2


def test_j_a_cold_start_in_the_mean_is_told_and_the_median_is_kept(tmp_path: Path) -> None:
    found = one(tmp_path, vllm(mean_ttft_ms=400.0))
    assert "mean TTFT is 5.1 times its median" in note(found, "warm-up")
    assert {"ttft_ms", "ttft_p50_ms"} <= {run.metric for run in runs_of(found)}


def test_j_a_warm_up_phase_is_not_the_load(tmp_path: Path) -> None:
    assert one(tmp_path, aiperf()).concurrency == AT_ONCE


def test_k_the_tokenizer_names_the_checkpoint(tmp_path: Path) -> None:
    found = one(tmp_path, vllm(model_id="bench"))
    assert "the server calls the model bench; its tokenizer says llama-3.1-8b" in note(found, "names")
    assert {run.model for run in runs_of(found)} == {"llama-3.1-8b"}
    other = one(tmp_path, vllm(model_id="bench"), Given(deployed=Deployed(model="qwen3-8b")))
    assert {run.model for run in runs_of(other)} == {"qwen3-8b"}


def test_l_disaggregated_rates_have_denominators_of_their_own(tmp_path: Path) -> None:
    found = one(tmp_path, disaggregated())
    assert found.output_tok_s == pytest.approx(RATE * OSL)
    assert found.input_tok_s == pytest.approx(RATE * ISL)
    assert found.total_tok_s == pytest.approx(RATE * (ISL + OSL))
    where = found.deployed
    assert where.prefill is not None
    assert (where.gpus, where.prefill.workers, where.prefill.dp, where.dp) == (24, 4, 4, 8)
    assert "per decode GPU" in note(found, "units")


def test_m_a_shared_context_is_told(tmp_path: Path) -> None:
    made = {"metadata": {"engine": "vllm", "model": "m", "max_tokens": 64, "concurrency_levels": [4]}, "results": [
        {"concurrency": 4, "context_tokens": 8192, "aggregate_tps": 360.0, "per_request_avg_tps": 90.0},
        {"concurrency": 4, "context_tokens": 8192, "aggregate_tps": -1},
        {"concurrency": 1, "context_tokens": 0, "aggregate_tps": 100.0}]}  # fmt: skip
    shared, fault, alone = read_benchmarks(put(tmp_path / "a.json", made))
    assert isinstance(shared, Benchmark) and isinstance(alone, Benchmark)
    assert (shared.mode, shared.shared_context, kinds(shared)) == ("decode", True, ["shared"])
    assert shared.tpot.mean == pytest.approx(1 / 90)
    assert str(fault) == "a.json cell 2: results[1].aggregate_tps = -1 must be finite and not negative"
    assert (alone.shared_context, kinds(alone)) == (False, [])


def test_n_mixed_lengths_are_told(tmp_path: Path) -> None:
    made = aiperf(input_sequence_length={"unit": "tokens", "avg": 3761.0, "std": 2708.0},
                  osl_mismatch_count={"unit": "requests", "avg": 12.0})  # fmt: skip
    told = note(one(tmp_path, made), "lengths")
    assert "isl is mixed, 3,761 on average, deviation 2,708" in told
    assert "12 answers had another length than was asked for" in told


def test_o_failed_requests_are_told_above_one_per_cent(tmp_path: Path) -> None:
    assert "failed" not in kinds(one(tmp_path, vllm(failed=1)))
    assert "8 requests failed (4.8%)" in note(one(tmp_path, vllm(failed=8)), "failed")
    assert "was cancelled" in note(one(tmp_path, aiperf(was_cancelled=True)), "failed")


# ---------------------------------------------------------------- recomputed, filled in, refused


def test_a_figure_that_contradicts_the_others_is_not_used(tmp_path: Path) -> None:
    found = one(tmp_path, vllm(output_throughput=3 * RATE * OSL, request_throughput=2 * RATE))
    assert found.served_rate == pytest.approx(RATE)
    assert found.output_tok_s == pytest.approx(RATE * OSL)
    assert {"rate", "output"} <= set(kinds(found))


def test_trtllm_bench_without_a_load_is_in_flight_what_little_says(tmp_path: Path) -> None:
    found = one(tmp_path, trtllm())
    assert (found.mode, found.concurrency) == ("server-closed-loop", AT_ONCE)
    assert "`concurrency` or `request_rate` says otherwise" in note(found, "unsaid")
    at_once = trtllm(
        performance={"total_latency_ms": 1e4, "avg_request_latency_ms": 6e3, "request_throughput_req_s": 16.0}
    )
    assert one(tmp_path, at_once).mode == "offline"


def test_trtllm_bench_is_complete(tmp_path: Path) -> None:
    found = one(tmp_path, trtllm())
    assert lacking(found) is None
    assert isinstance(setup_of(runs_of(found)[0]), Setup)


def test_requests_one_by_one_give_what_the_sums_lack(tmp_path: Path) -> None:
    lists = {
        "input_lens": [900, 1100, 5], "output_lens": [3, 5, 0], "ttfts": [0.1, 0.2, 0.0], "errors": ["", "", "gone"],
        "itls": [[0.01, 0.03], [0.01] * 4, []], "start_times": [0.0, 1.0, 2.0],
    }  # fmt: skip
    found = one(tmp_path, vllm(completed=2, total_input_tokens=2000, total_output_tokens=8, **lists))
    assert [each.e2e_s for each in found.details] == [pytest.approx(0.14), pytest.approx(0.24), None]
    assert found.e2e.mean == pytest.approx(0.19)
    assert found.isl.std == pytest.approx(100)
    assert found.details[2].error == "gone"
    for broken, said in ({"ttfts": [0.1]},
     "lists of requests differ in length: 3 input_lens, 3 output_lens, 1 ttfts"), (
        {"itls": [[-1], [], []]}, "itls[0][0] must be finite and not negative"):  # fmt: skip
        (fault,) = read_benchmarks(put(tmp_path / "b.json", vllm(**(lists | broken))))
        assert said in str(fault)


def test_metadata_that_a_user_noted_says_the_deployment(tmp_path: Path) -> None:
    where = one(tmp_path, vllm(tp="2", gpu="H100", quantization="fp8", vllm_version="0.19.0")).deployed
    assert (where.tp, where.hardware, where.weight_dtype, where.engine_version) == (2, "H100", "fp8", "0.19.0")
    odd = one(tmp_path, vllm(tensor_parallel_size="two", tp="4"))
    assert odd.deployed.tp == 4  # a note is free text
    assert "tensor_parallel_size = 'two' must be a number" in odd.notes[-1].text


def test_the_servers_own_settings_in_a_line_of_sglang(tmp_path: Path) -> None:
    info = {"model_path": "a/b", "tp_size": 8, "dp_size": 4, "enable_dp_attention": True, "ep_size": 8,
     "version": "0.5.9",
            "chunked_prefill_size": 32768, "disable_cuda_graph": True, "kv_cache_dtype": "fp8_e4m3",
            "mem_fraction_static": 0.8, "speculative_algorithm": "EAGLE", "speculative_num_steps": 3}  # fmt: skip
    where = one(tmp_path, sglang(server_info=info)).deployed
    assert (where.gpus, where.tp, where.dp, where.ep, where.max_batched_tokens) == (8, 2, 4, 8, 8192)
    assert (where.eager, where.kv_dtype, where.memory_fraction, where.drafts) == (True, "fp8", 0.8, 3)
    assert (where.model, where.engine, where.engine_version) == ("a/b", "sglang", "0.5.9")


def test_what_no_file_says_is_one_line_and_a_row_of_each_metric_where_it_is_given(tmp_path: Path) -> None:
    path = put(tmp_path / "a.json", vllm())
    (fault,) = read_results(path)
    assert isinstance(fault, Fault)
    assert "hardware: must be said for this file; give `system`; looked at gpu, hardware, num_gpus, tp" in str(fault)
    runs = list(read_results(path, given=Given(deployed=Deployed(hardware="h100", gpus=1))))
    assert {run.metric for run in runs if isinstance(run, Run)} >= {"ttft_ms", "tpot_ms", "output_tok_s"}
    assert isinstance(runs[0], Run) and isinstance(setup_of(runs[0]), Setup)


@pytest.mark.parametrize(
    ("made", "said"),
    [(vllm(completed=0), "completed must be above 0"), (vllm(completed=None), "completed must be above 0"),
     (vllm(mean_tpot_ms=float("nan")), "mean_tpot_ms = nan must be finite and not negative"),
     (vllm(mean_tpot_ms=-1), "mean_tpot_ms = -1 must be finite and not negative"),
     (vllm(mean_tpot_ms=[]), "mean_tpot_ms = [] must be a number"), (vllm(total_output_tokens=None,
      output_throughput=None),
     "total_output_tokens is absent"), (guidellm({"type_": "generative_benchmark", "metrics": {"request_totals":
     {"successful": 0}}}), "no request was successful"), (inference_perf(successes={"count": 0}),
      "successes.count must be"),
     (inferencex(tp=0), "decode_tp = 0 must be a whole number of at least 1"), (inferencex(isl=""), "isl is blank")],
)  # fmt: skip
def test_a_record_that_cannot_be_used_is_one_line(made: Any, said: str, tmp_path: Path) -> None:
    (fault,) = read_benchmarks(put(tmp_path / "a.json", made))
    assert isinstance(fault, Fault)
    assert said in str(fault)
    assert "\n" not in str(fault)


def test_a_broken_benchmark_of_a_report_leaves_the_others(tmp_path: Path) -> None:
    broken = guidellm_benchmark({"type_": "constant", "rate": 4.0}, output_token_count=-1)
    found = list(read_benchmarks(put(tmp_path / "a.json", guidellm(guidellm_benchmark({}), broken))))
    assert isinstance(found[0], Benchmark)
    assert "a.json benchmark 2: benchmarks[1].metrics.output_token_count.successful." in str(found[1])


def test_bombs_and_other_files_are_refused(tmp_path: Path) -> None:
    deep = '{"model_id": 1, "num_prompts": 2, "request_throughput": ' + "[" * 100_000 + "]" * 100_000 + "}"
    (fault,) = read_benchmarks(put(tmp_path / "a.json", deep))
    assert "nested more than 64 deep" in str(fault)
    (fault,) = read_benchmarks(put(tmp_path / "b.json", json.dumps(vllm())[:-1] + ', "x": ' + "9" * 5000 + "}"))
    assert "a number of thousands of digits" in str(fault)
    binary = tmp_path / "d.json"
    binary.write_bytes(json.dumps(vllm()).encode() + b"\xff\x00")
    with pytest.raises(TokenroofError, match="not UTF-8"):
        list(read_benchmarks(binary))
    with pytest.raises(InputError, match="vLLM writes it beside its result"):
        importer_of(put(tmp_path / "a.pytorch.json", '[{"benchmark": {}}]'))


def test_locust_without_a_row_of_first_tokens_and_without_lengths(tmp_path: Path) -> None:
    text = "\n".join(line for line in locust().splitlines() if "first_token" not in line)
    found = one(tmp_path, text)
    assert (found.ttft.mean, found.tpot.mean, found.e2e.mean) == (None, None, pytest.approx(E2E))
    assert "only E2E is read" in note(found, "unsaid")
    assert figures(1.0)["mean"] == 1.0
