"""`sglang.bench_serving --output-file`: one JSON object a line. Newer lines hold the server's own settings.

Lines of before hold neither the model nor anything of the server.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tokenroof.engines.argv import Options
from tokenroof.engines.sglang_flags import FLAGS, deployed
from tokenroof.measure.importers.details import requests_of, spread_of
from tokenroof.measure.importers.documents import Fields, benchmarks, flat, keys_of, month
from tokenroof.measure.importers.table import Importer
from tokenroof.types.benchmark import Benchmark, Deployed
from tokenroof.types.run import Fault

__all__ = ["SGLANG_BENCH"]

_LOOKED_AT = ("server_info",)
_ENGINES = {"sglang": "sglang", "sglang-native": "sglang", "sglang-oai": "sglang", "sglang-oai-chat": "sglang",
            "vllm": "vllm", "vllm-chat": "vllm", "trt": "trtllm", "lmdeploy": "lmdeploy"}  # fmt: skip
_KEYS = frozenset({"total_output_tokens", "total_output_tokens_retokenized", "mean_e2e_latency_ms"})
_EXAMPLE = (
    '{"tag": null, "backend": "sglang", "dataset_name": "random", "request_rate": Infinity, "max_concurrency": 8,'
    ' "random_input_len": 512, "random_output_len": 100, "random_range_ratio": 1.0, "server_info": {"model_path":'
    ' "llama-3.1-8b", "tp_size": 1, "dp_size": 1, "kv_cache_dtype": "auto", "version": "0.5.9"}, "duration": 10.0,'
    ' "completed": 64, "total_input_tokens": 32768, "total_output_tokens": 6400, "total_output_tokens_retokenized":'
    ' 6390, "request_throughput": 6.4, "output_throughput": 640.0, "mean_e2e_latency_ms": 1248.0,'
    ' "mean_ttft_ms": 60.0, "median_ttft_ms": 55.0, "mean_tpot_ms": 12.0, "median_tpot_ms": 11.9,'
    ' "mean_itl_ms": 12.0, "concurrency": 7.9, "accept_length": null}\n'
)


def _server(fields: Fields) -> Deployed:
    """What the server said of itself: its settings have the names of its flags."""
    info = fields.part("server_info").plain
    values = {FLAGS[key.replace("_", "-")]: value for key, value in info.items() if FLAGS.get(key.replace("_", "-"))}
    said = Options({name: value for name, value in values.items() if value is not None})
    found = deployed(said, said.text("model"))
    version = Fields(info).text("version")
    return replace(found, engine_version=version, speculation=found.speculation if "speculation" in values else "")


def _run(fields: Fields, position: int, file: str) -> Iterator[Benchmark]:
    completed, details = fields.needed("completed"), requests_of(fields)
    server = _server(fields) if fields.part("server_info") else Deployed()
    length = fields.above("accept_length")
    server = replace(
        server, engine=server.engine or _ENGINES.get(fields.text("backend"), ""), accepted_length=length,
        model=server.model or fields.text("model"),
    )  # fmt: skip
    done = [one for one in details if one.osl and not one.error]
    inputs, outputs = (spread_of([value for one in done if (value := getattr(one, name))]) for name in ("isl", "osl"))
    totals = (fields.above("total_input_tokens"), fields.above("total_output_tokens"))
    isl, osl = (None if total is None else total / completed for total in totals)
    asked = len(details) or None
    rate = fields.plain.get("request_rate")
    yield Benchmark(
        tool=SGLANG_BENCH.name, file=file, position=position, deployed=server, date=month(fields.text("date")),
        label=fields.text("tag"), isl=replace(inputs, mean=isl), osl=replace(outputs, mean=osl),
        nominal_isl=fields.above("random_input_len"), nominal_osl=fields.above("random_output_len"),
        concurrency=fields.above("max_concurrency"),
        request_rate=None if rate == "trace" else fields.number("request_rate", infinite=True),
        served_rate=fields.above("request_throughput"), in_flight=fields.above("concurrency"),
        requests=None if asked is None else float(asked), completed=completed,
        failed=None if asked is None else float(asked - len(done)), duration_s=fields.above("duration"),
        ttft=flat(fields, "ttft", 1e-3, "_ms"), tpot=flat(fields, "tpot", 1e-3, "_ms"),
        itl=flat(fields, "itl", 1e-3, "_ms"), e2e=flat(fields, "e2e_latency", 1e-3, "_ms"),
        output_tok_s=fields.above("output_throughput"), total_tok_s=fields.above("total_throughput"),
        details=details, looked_at=_LOOKED_AT,
    )  # fmt: skip


def detect(head: str) -> bool:
    """Whether the lines have the keys of SGLang's benchmark."""
    return keys_of(head) >= _KEYS


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """A Benchmark for every line."""
    return benchmarks(path, _run)


SGLANG_BENCH = Importer(name="SGLang bench_serving", columns=(), detect=detect, read=read, example=_EXAMPLE, keys=_KEYS)
