"""`vllm bench serve --save-result`: one JSON object a run, several one after the other with --append-result.

The file knows nothing of the server. What a user notes with --metadata KEY=VALUE lies flat beside the rest, as text.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from tokenroof.engines.format_words import kv_word, weight_word
from tokenroof.measure.importers.details import requests_of, spread_of
from tokenroof.measure.importers.documents import Fields, benchmarks, flat, keys_of, month
from tokenroof.measure.importers.table import BadRow, Importer
from tokenroof.types.benchmark import Benchmark, Deployed, Note
from tokenroof.types.run import Fault

__all__ = ["VLLM_BENCH"]

_KEYS = frozenset({"model_id", "num_prompts", "request_throughput"})
# What people call it in metadata.
_CHIP = ("gpu", "hardware", "gpu_name", "gpu_type", "accelerator", "device", "hw")
_GPUS = ("num_gpus", "gpus", "n_gpus", "gpu_count")
_DEGREES = {
    "tp": ("tp", "tensor_parallel_size", "tensor-parallel-size", "tp_size"),
    "pp": ("pp", "pipeline_parallel_size", "pipeline-parallel-size", "pp_size"),
    "dp": ("dp", "data_parallel_size", "data-parallel-size", "dp_size"),
    "ep": ("ep", "expert_parallel_size", "ep_size"),
}
_FORMAT = ("weight_dtype", "quantization", "precision", "quant")
_CACHE = ("kv_dtype", "kv_cache_dtype", "kv-cache-dtype")
_VERSION = ("vllm_version", "engine_version", "version")
_LOOKED_AT = ("gpu", "hardware", "num_gpus", "tp", "pp", "dp", "ep", "quantization", "kv_cache_dtype", "vllm_version")
# The client's name for the server's interface -> the engine behind it; an OpenAI interface is taken for its own.
_ENGINES = {"vllm": "vllm", "openai": "vllm", "openai-chat": "vllm", "tensorrt-llm": "trtllm", "sglang": "sglang",
            "llama.cpp": "llama.cpp", "tgi": "tgi", "lmdeploy": "lmdeploy"}  # fmt: skip
_EXAMPLE = """{"date": "20260901-101500", "backend": "openai", "model_id": "llama-3.1-8b",
 "tokenizer_id": "llama-3.1-8b", "num_prompts": 64, "request_rate": "inf", "burstiness": 1.0,
 "max_concurrency": 8, "gpu": "H100", "tp": "1",
 "duration": 10.0, "completed": 64, "failed": 0, "total_input_tokens": 32768, "total_output_tokens": 6400,
 "request_throughput": 6.4, "output_throughput": 640.0, "total_token_throughput": 3916.8, "mean_ttft_ms": 60.0,
 "median_ttft_ms": 55.0, "p99_ttft_ms": 90.0, "mean_tpot_ms": 12.0, "median_tpot_ms": 11.9, "p99_tpot_ms": 13.0,
 "mean_itl_ms": 12.0, "median_itl_ms": 11.9, "p99_itl_ms": 20.0}
"""


def _deployed(fields: Fields) -> Deployed:
    rate, length = fields.number("spec_decode_acceptance_rate"), fields.number("spec_decode_acceptance_length")
    depth = len(fields.list("spec_decode_per_position_acceptance_rates") or ())
    tokens, tries = fields.number("spec_decode_draft_tokens"), fields.above("spec_decode_num_drafts")
    drafts = depth or (round(tokens / tries) if tokens and tries else None)
    degrees: dict[str, Any] = {name: _noted(fields, keys) for name, keys in _DEGREES.items()}
    hits = fields.number("prefix_cache_hit_rate", "prefix_hits")
    return Deployed(
        model=fields.text("model_id"), tokenizer=fields.text("tokenizer_id"), hardware=fields.text(*_CHIP),
        gpus=_noted(fields, _GPUS), weight_dtype=weight_word(fields.text(*_FORMAT)),
        kv_dtype=kv_word(fields.text(*_CACHE)), engine=_ENGINES.get(fields.text("backend", "endpoint_type"), ""),
        engine_version=fields.text(*_VERSION), speculation="" if rate is None and length is None else "draft",
        drafts=drafts, acceptance=None if rate is None else min(1.0, rate / 100.0), accepted_length=length or None,
        prefix_hits=None if hits is None else min(1.0, hits / 100.0 if hits > 1.0 else hits),
        **degrees,
    )  # fmt: skip


def _noted(fields: Fields, keys: tuple[str, ...]) -> int | None:
    """A count that a user noted, under the first of these names that has one: notes are free text."""
    for key in keys:
        with suppress(BadRow):
            if (found := fields.count(key)) is not None:
                return found
    return None


def _odd(fields: Fields) -> Iterator[str]:
    for key in chain(_GPUS, *_DEGREES.values()):
        try:
            fields.count(key)
        except BadRow as error:
            yield str(error)


def _run(fields: Fields, position: int, file: str) -> Iterator[Benchmark]:
    if fields.number("total_output_tokens") is None and fields.number("output_throughput") is None:
        raise BadRow("total_output_tokens is absent: no run that generates text")
    completed = fields.needed("completed")
    details = requests_of(fields)
    done = [one for one in details if one.osl and not one.error]
    inputs, outputs = (spread_of([value for one in done if (value := getattr(one, name))]) for name in ("isl", "osl"))
    isl = replace(inputs, mean=_each(fields, "total_input_tokens", completed))
    osl = replace(outputs, mean=_each(fields, "total_output_tokens", completed))
    e2e = flat(fields, "e2el", 1e-3, "_ms")
    if e2e.mean is None:
        e2e = spread_of([one.e2e_s for one in done if one.e2e_s is not None])
    yield Benchmark(
        tool=VLLM_BENCH.name, file=file, position=position, deployed=_deployed(fields), date=month(fields.text("date")),
        label=fields.text("label"), isl=isl, osl=osl, concurrency=fields.above("max_concurrency"),
        request_rate=fields.number("request_rate", infinite=True), burstiness=fields.above("burstiness"),
        served_rate=fields.above("request_throughput"), requests=fields.above("num_prompts"), completed=completed,
        failed=fields.number("failed"), duration_s=fields.above("duration"), ttft=flat(fields, "ttft", 1e-3, "_ms"),
        tpot=flat(fields, "tpot", 1e-3, "_ms"), itl=flat(fields, "itl", 1e-3, "_ms"), e2e=e2e,
        output_tok_s=fields.above("output_throughput"), total_tok_s=fields.above("total_token_throughput"),
        details=details, looked_at=_LOOKED_AT, notes=tuple(_notes(fields)),
    )  # fmt: skip


def _each(fields: Fields, name: str, completed: float) -> float | None:
    total = fields.above(name)
    return None if total is None else total / completed


def _notes(fields: Fields) -> Iterator[Note]:
    if fields.text("backend", "endpoint_type").startswith("openai"):
        yield Note(
            kind="engine",
            text="any server may have answered: taken to be vLLM, as the tool is; `engine` says otherwise",
        )
    yield from (Note(kind="merged", text=f"metadata is passed over: {text}") for text in _odd(fields))
    ramp = fields.text("ramp_up_strategy")
    if ramp:
        first, last = fields.number("ramp_up_start_rps"), fields.number("ramp_up_end_rps")
        yield Note(kind="rate", text=f"arrivals grew ({ramp}) from {first or 0:g} to {last or 0:g} requests/s")


def detect(head: str) -> bool:
    """Whether the file has the keys of vLLM's benchmark and not those of SGLang's, which began as a copy of it."""
    keys = keys_of(head)
    return keys >= _KEYS and "total_output_tokens_retokenized" not in keys


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """A Benchmark for every object."""
    return benchmarks(path, _run)


VLLM_BENCH = Importer(name="vLLM bench serve", columns=(), detect=detect, read=read, example=_EXAMPLE, keys=_KEYS)
