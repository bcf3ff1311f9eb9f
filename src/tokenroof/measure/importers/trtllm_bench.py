"""`trtllm-bench --report_json`: the one format that says chip, GPUs and layout. Only whether attention is data parallel
is left open.
"""

from collections.abc import Iterator
from pathlib import Path

from tokenroof.engines.format_words import kv_word, weight_word
from tokenroof.measure.importers.documents import Fields, benchmarks, block, keys_of
from tokenroof.measure.importers.table import Importer
from tokenroof.types.benchmark import Benchmark, Deployed, Note, Spread
from tokenroof.types.run import Fault

__all__ = ["TRTLLM_BENCH"]

_AT_ONCE = 1e6  # requests/s: all are sent when the run begins
_LOOKED_AT = ("engine", "machine.name", "world_info")
_KEYS = frozenset({"world_info", "performance", "request_info"})
_EXAMPLE = """{"engine": {"model": "llama-3.1-8b", "version": "1.2.0", "dtype": "bfloat16", "kv_cache_dtype": "FP8"},
 "machine": {"name": "NVIDIA H100 80GB HBM3"}, "world_info": {"tp_size": 1, "pp_size": 1, "world_size": 1,
 "max_batch_size": 8, "max_num_tokens": 8192, "kv_cache_percentage": 0.9, "issue_rate": 1000000000.0},
 "request_info": {"num_requests": 64, "avg_num_concurrent_requests": 7.9, "avg_input_length": 512.0,
 "avg_output_length": 100.0}, "performance": {"total_latency_ms": 10000.0, "avg_request_latency_ms": 1248.0,
 "request_throughput_req_s": 6.4, "system_output_throughput_tok_s": 640.0,
 "system_total_throughput_tok_s": 3916.8}, "streaming_metrics": {"avg_ttft_ms": 60.0, "avg_tpot_ms": 12.0,
 "ttft_percentiles": {"p50": 55.0, "p99": 90.0}, "tpot_percentiles": {"p50": 11.9}}}
"""


def _deployed(fields: Fields) -> Deployed:
    engine, world = fields.part("engine"), fields.part("world_info")
    tp, pp = world.count("tp_size"), world.count("pp_size")
    return Deployed(
        model=engine.text("model"), tokenizer=engine.text("model_path"), hardware=fields.part("machine").text("name"),
        gpus=world.count("world_size"), tp=tp, pp=pp, ep=world.count("ep_size"),
        weight_dtype=weight_word(engine.text("quantization")), kv_dtype=kv_word(engine.text("kv_cache_dtype")),
        engine="trtllm", engine_version=engine.text("version"), max_num_seqs=world.count("max_batch_size"),
        max_batched_tokens=world.count("max_num_tokens"), memory_fraction=world.above("kv_cache_percentage"),
    )  # fmt: skip


def _percentiles(part: Fields, mean: float | None) -> Spread:
    found = block(part, 1e-3, "average")
    return Spread(mean=None if not mean else mean * 1e-3, std=found.std, percentiles=found.percentiles)


def _run(fields: Fields, position: int, file: str) -> Iterator[Benchmark]:
    asked, speed, streamed = (fields.part(name) for name in ("request_info", "performance", "streaming_metrics"))
    where = _deployed(fields)
    notes: tuple[Note, ...] = ()
    if (where.tp or 1) > 1 and (where.ep or 1) > 1:
        text = "the report does not say whether attention is data parallel: it is taken as tensor parallel"
        notes = (Note(kind="unsaid", text=f"{text}; `dp` says otherwise"),)
    rate, whole = fields.part("world_info").above("issue_rate"), speed.number("total_latency_ms")
    e2e = _percentiles(speed.part("request_latency_percentiles_ms"), speed.number("avg_request_latency_ms"))
    yield Benchmark(
        tool=TRTLLM_BENCH.name, file=file, position=position, deployed=where,
        isl=Spread(mean=asked.above("avg_input_length")), osl=Spread(mean=asked.above("avg_output_length")),
        concurrency=asked.above("concurrency"), request_rate=None if rate is None or rate > _AT_ONCE else rate,
        served_rate=speed.above("request_throughput_req_s"), in_flight=asked.above("avg_num_concurrent_requests"),
        requests=asked.above("num_requests"), completed=asked.needed("num_requests"),
        duration_s=None if not whole else whole * 1e-3,
        ttft=_percentiles(streamed.part("ttft_percentiles"), streamed.number("avg_ttft_ms")),
        tpot=_percentiles(streamed.part("tpot_percentiles"), streamed.number("avg_tpot_ms")), e2e=e2e,
        output_tok_s=speed.above("system_output_throughput_tok_s"),
        total_tok_s=speed.above("system_total_throughput_tok_s"), looked_at=_LOOKED_AT, notes=notes,
    )  # fmt: skip


def detect(head: str) -> bool:
    """Whether the file is a report of trtllm-bench."""
    return keys_of(head) >= _KEYS


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """The Benchmark of the report."""
    return benchmarks(path, _run)


TRTLLM_BENCH = Importer(name="trtllm-bench", columns=(), detect=detect, read=read, example=_EXAMPLE, keys=_KEYS)
