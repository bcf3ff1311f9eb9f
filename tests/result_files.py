"""Result files of benchmark tools, made up: every tool tells of the same run, so that one answer is expected of all.

160 requests of 1,000 tokens in and 200 out, 16 at once: 80 ms to the first token, 9 ms for each of the others,
so 1.871 s a request, and by Little's law 16 / 1.871 requests a second.
"""

import json
from pathlib import Path
from typing import Any

COUNT, AT_ONCE, ISL, OSL = 160, 16, 1000, 200
TTFT, TPOT = 0.080, 0.009
E2E = TTFT + (OSL - 1) * TPOT
RATE = AT_ONCE / E2E
SPAN = COUNT / RATE


def side_by_side(names: dict[str, float], scale: float, ending: str) -> dict[str, float]:
    """mean_x, median_x and p99_x of each time."""
    found: dict[str, float] = {}
    for name, value in names.items():
        for word, factor in (("mean", 1.0), ("median", 0.99), ("std", 0.1), ("p99", 1.25)):
            found[f"{word}_{name}{ending}"] = value * factor * scale
    return found


def figures(value: float, mean: str = "mean", **more: Any) -> dict[str, Any]:
    """An object of figures of one quantity."""
    return {mean: value, "median": value * 0.99, "std_dev": value * 0.1, "p90": value * 1.1, "p99": value * 1.25} | more


def vllm(**changes: Any) -> dict[str, Any]:
    """One object of `vllm bench serve`."""
    return {
        "date": "20260901-101500", "backend": "vllm", "model_id": "llama-3.1-8b", "tokenizer_id": "llama-3.1-8b",
        "num_prompts": COUNT, "request_rate": "inf", "burstiness": 1.0, "max_concurrency": AT_ONCE, "duration": SPAN,
        "completed": COUNT, "failed": 0, "total_input_tokens": COUNT * ISL, "total_output_tokens": COUNT * OSL,
        "request_throughput": RATE, "output_throughput": RATE * OSL, "total_token_throughput": RATE * (ISL + OSL),
        **side_by_side({"ttft": TTFT, "tpot": TPOT, "itl": TPOT}, 1e3, "_ms"), **changes,
    }  # fmt: skip


def sglang(**changes: Any) -> dict[str, Any]:
    """One line of `sglang.bench_serving`."""
    return {
        "tag": None, "backend": "sglang", "request_rate": float("inf"), "max_concurrency": AT_ONCE,
        "random_input_len": ISL, "random_output_len": OSL, "random_range_ratio": 1.0, "duration": SPAN,
        "completed": COUNT, "total_input_tokens": COUNT * ISL, "total_output_tokens": COUNT * OSL,
        "total_output_tokens_retokenized": COUNT * OSL - 9, "request_throughput": RATE,
        "output_throughput": RATE * OSL, "concurrency": 15.6, "accept_length": None,
        **side_by_side({"ttft": TTFT, "tpot": TPOT, "itl": TPOT, "e2e_latency": E2E}, 1e3, "_ms"), **changes,
    }  # fmt: skip


def guidellm_benchmark(strategy: dict[str, Any], **metrics: float) -> dict[str, Any]:
    """One benchmark of a GuideLLM report; `metrics` stand in for those of the story."""
    said = {
        "requests_per_second": RATE, "request_concurrency": 15.6, "request_latency": E2E, "prompt_token_count": ISL,
        "output_token_count": OSL, "time_to_first_token_ms": TTFT * 1e3, "inter_token_latency_ms": TPOT * 1e3,
        "time_per_output_token_ms": E2E / OSL * 1e3, "output_tokens_per_second": RATE * OSL,
        "tokens_per_second": RATE * (ISL + OSL),
    } | metrics  # fmt: skip
    totals = {"successful": COUNT, "errored": 0, "incomplete": 0, "total": COUNT}
    each = {
        name: {"successful": figures(value, percentiles={"p001": value * 0.8, "p999": value * 1.4}), "errored": {}}
        for name, value in said.items()
    }
    return {
        "type_": "generative_benchmark", "config": {"strategy": strategy}, "duration": SPAN,
        "metrics": {"request_totals": totals, **each},
    }  # fmt: skip


def guidellm(*benchmarks: dict[str, Any]) -> dict[str, Any]:
    """A report of version 2."""
    made = benchmarks or (guidellm_benchmark({"type_": "concurrent", "max_concurrency": AT_ONCE}),)
    return {
        "metadata": {"version": 2, "guidellm_version": "0.8.0"},
        "config": {"spec": {"backend": {"model": "llama-3.1-8b"}}}, "benchmarks": list(made),
    }  # fmt: skip


def guidellm_1() -> dict[str, Any]:
    """The same in version 1: what was asked lies under `args`, the model under `worker`."""
    one = guidellm_benchmark({})
    one |= {
        "args": {"strategy": {"type_": "concurrent", "streams": AT_ONCE}},
        "worker": {"backend_model": "llama-3.1-8b"},
    }
    del one["config"]
    return {"benchmarks": [one], "metadata": {"guidellm_version": "0.3.0"}}


def measured(value: float, unit: str, **more: Any) -> dict[str, Any]:
    """A metric of AIPerf."""
    return {"unit": unit, "avg": value, "p50": value * 0.99, "p99": value * 1.25, "std": value * 0.1} | more


def aiperf(**changes: Any) -> dict[str, Any]:
    """AIPerf's JSON of 2026."""
    return {
        "schema_version": "1.3", "request_throughput": {"unit": "requests/sec", "avg": RATE},
        "request_count": {"unit": "requests", "avg": COUNT}, "request_latency": measured(E2E * 1e3, "ms"),
        "time_to_first_token": measured(TTFT * 1e3, "ms"), "inter_token_latency": measured(TPOT * 1e3, "ms"),
        "inter_chunk_latency": measured(TPOT * 1e3, "ms"), "input_sequence_length": measured(ISL, "tokens"),
        "output_sequence_length": measured(OSL, "tokens"), "benchmark_duration": {"unit": "sec", "avg": SPAN},
        "output_token_throughput": {"unit": "tokens/sec", "avg": RATE * OSL},
        "input_config": {"models": {"items": [{"name": "llama-3.1-8b"}]}, "phases": [
            {"name": "warmup", "exclude_from_results": True, "concurrency": 99},
            {"name": "profiling", "type": "concurrency", "concurrency": AT_ONCE}]}, **changes,
    }  # fmt: skip


def genai_perf() -> dict[str, Any]:
    """The same of 2025, as genai-perf had it."""
    one = aiperf(input_config={"endpoint": {"model_names": ["llama-3.1-8b"]}, "loadgen": {"concurrency": AT_ONCE}})
    del one["schema_version"]
    return one


def aiperf_csv() -> str:
    """AIPerf's CSV: tables below each other, thousands with separators."""
    names = (("Input Sequence Length (tokens)", ISL), ("Inter Token Latency (ms)", TPOT * 1e3),
     ("Output Sequence Length (tokens)", OSL), ("Request Latency (ms)", E2E * 1e3), ("Time to First Token (ms)",
              TTFT * 1e3))  # fmt: skip
    rows = "".join(f'{name},"{value:,.2f}","{value * 0.99:,.2f}"\n' for name, value in names)
    single = f"Request Count,{COUNT}.00\nRequest Throughput (requests/sec),{RATE:.4f}\n"
    single += 'Output Token Throughput (tokens/sec),"'
    gpus = "Endpoint,GPU_Index,GPU_Name,GPU_UUID,Metric,avg\nlocal,0,NVIDIA H100 80GB HBM3,GPU-1,power,500\n"
    return f'Metric,avg,p50\n{rows}\nMetric,Value\n{single}{RATE * OSL:,.2f}"\n\n\n{gpus}'


def inference_perf(frames: int = 1, **changes: Any) -> dict[str, Any]:
    """A stage of inference-perf, in seconds, with so many frames counted for a token."""
    latency = {"request_latency": figures(E2E), "time_to_first_token": figures(TTFT),
               "time_per_output_token": figures(TPOT / frames),
                "inter_token_latency": figures(TPOT / frames)}  # fmt: skip
    return {
        "load_summary": {"count": COUNT, "schedule_delay": {"mean": 0.0004}, "requested_rate": RATE},
        "successes": {"count": COUNT, "latency": latency, "throughput": {"requests_per_sec": RATE,
         "output_tokens_per_sec":
                      RATE * OSL}, "prompt_len": figures(ISL), "output_len": figures(OSL)},
        "failures": {"count": 0}, **changes,
    }  # fmt: skip


def trtllm(**changes: Any) -> dict[str, Any]:
    """A report of trtllm-bench."""
    return {
        "engine": {"model": "llama-3.1-8b", "version": "1.2.0", "kv_cache_dtype": "FP8", "quantization": "FP8"},
        "machine": {"name": "NVIDIA H100 80GB HBM3"}, "world_info": {"tp_size": 1, "pp_size": 1, "ep_size": None,
        "world_size": 1, "max_batch_size": 64, "max_num_tokens": 8192, "kv_cache_percentage": 0.9, "issue_rate": 1e9},
        "request_info": {"num_requests": COUNT, "avg_num_concurrent_requests": 15.6, "avg_input_length": ISL,
        "avg_output_length": OSL}, "performance": {"total_latency_ms": SPAN * 1e3, "avg_request_latency_ms": E2E * 1e3,
        "request_throughput_req_s": RATE, "system_output_throughput_tok_s": RATE * OSL},
        "streaming_metrics": {"avg_ttft_ms": TTFT * 1e3, "avg_tpot_ms": TPOT * 1e3}, **changes,
    }  # fmt: skip


def inferencex(**changes: Any) -> dict[str, Any]:
    """A result file of InferenceX: seconds, rates per GPU, lengths that are the longest."""
    return {
        "hw": "h100", "conc": AT_ONCE, "image": "vllm/vllm-openai:v0.19.0", "model": "meta-llama/llama-3.1-8b",
        "infmax_model_prefix": "l8", "framework": "vllm", "precision": "fp8", "spec_decoding": "none", "disagg": False,
        "isl": 1111, "osl": 222, "tp": 1, "pp": 1, "ep": 1, "dp_attention": "false",
        "tput_per_gpu": RATE * (ISL + OSL), "output_tput_per_gpu": RATE * OSL, "input_tput_per_gpu": RATE * ISL,
        **side_by_side({"ttft": TTFT, "tpot": TPOT, "itl": TPOT, "e2el": E2E}, 1.0, ""), **changes,
    }  # fmt: skip


def locust() -> str:
    """locust's table, with a row that the script fires at the first token."""
    head = (
        "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Requests/s,Failures/s,50%,99%"
    )
    rows = [("POST", "/v1/completions", E2E), ("TTFT", "first_token", TTFT), ("", "Aggregated", E2E / 2)]
    cells = [f"{kind},{name},{COUNT},0,{t * 1e3:.0f},{t * 1e3},{RATE},0,{t * 1e3:.0f},N/A" for kind, name, t in rows]
    return "\n".join([head, *cells]) + "\n"


def disaggregated(**changes: Any) -> dict[str, Any]:
    """InferenceX with 16 GPUs that prefill and 8 that decode: each rate has a denominator of its own."""
    roles = {"num_prefill_gpu": 16, "num_decode_gpu": 8, "prefill_tp": 4, "decode_tp": 8, "prefill_ep": 4,
     "decode_ep": 8,
             "prefill_dp_attention": "true", "decode_dp_attention": "true", "prefill_num_workers": 4,
             "decode_num_workers": 1}  # fmt: skip
    one = inferencex(disagg=True, hw="gb200", tput_per_gpu=RATE * (ISL + OSL) / 24, output_tput_per_gpu=RATE * OSL / 8,
                     input_tput_per_gpu=RATE * ISL / 16)  # fmt: skip
    return {key: value for key, value in one.items() if key not in ("tp", "pp", "ep", "dp_attention")} | roles | changes


def put(path: Path, *records: Any) -> Path:
    """A file with records one a line, or with a text as it is."""
    text = records[0] if isinstance(records[0], str) else "\n".join(json.dumps(one) for one in records)
    path.write_text(text, encoding="utf-8")
    return path


STORY = {
    "vllm.json": vllm, "sglang.jsonl": sglang, "guidellm.json": guidellm, "guidellm_1.json": guidellm_1,
     "aiperf.json": aiperf,
    "genai_perf.json": genai_perf, "aiperf.csv": aiperf_csv, "inference_perf.json": inference_perf,
     "trtllm.json": trtllm,
    "inferencex.json": inferencex, "disaggregated.json": disaggregated, "locust.csv": locust,
}  # fmt: skip
