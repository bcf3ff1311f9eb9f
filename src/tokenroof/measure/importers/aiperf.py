"""AIPerf's and genai-perf's `profile_export`: JSON with a unit beside every metric, or CSV in tables.

Its inter-token latency is that of requests, which others call TPOT; `inter_chunk_latency` is the gap between chunks.
The CSV has no load and no model.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenroof.measure.importers.documents import Fields, benchmarks, block, keys_of, text_of
from tokenroof.measure.importers.table import BadRow, Importer
from tokenroof.types.benchmark import Benchmark, Deployed, Note, Spread
from tokenroof.types.run import Fault

__all__ = ["AIPERF", "AIPERF_CSV"]

_LOOKED_AT = ("telemetry_data.endpoints", "input_config", "run_info.cli_command")
_SECONDS = {"ms": 1e-3, "sec": 1.0, "s": 1.0, "seconds": 1.0, "milliseconds": 1e-3, "us": 1e-6, "ns": 1e-9}
_KEYS = frozenset({"request_throughput", "request_latency", "unit", "avg"})
_EXAMPLE = """{"schema_version": "1.3", "aiperf_version": "0.10.0",
 "request_throughput": {"unit": "requests/sec", "avg": 6.4}, "request_count": {"unit": "requests", "avg": 64.0},
 "request_latency": {"unit": "ms", "avg": 1248.0, "p50": 1240.0, "p99": 1300.0},
 "time_to_first_token": {"unit": "ms", "avg": 60.0, "p50": 55.0, "p99": 90.0, "std": 5.0},
 "inter_token_latency": {"unit": "ms", "avg": 12.0, "p50": 11.9},
 "output_token_throughput": {"unit": "tokens/sec", "avg": 640.0},
 "output_sequence_length": {"unit": "tokens", "avg": 100.0, "std": 1.0},
 "input_sequence_length": {"unit": "tokens", "avg": 512.0, "std": 1.0},
 "input_config": {"endpoint": {"model_names": ["llama-3.1-8b"]}, "loadgen": {"concurrency": 8}}}
"""
_EXAMPLE_CSV = """Metric,avg,min,max,sum,p50,p99,std
Input Sequence Length (tokens),512.00,500.00,520.00,32768.00,512.00,520.00,1.00
Inter Token Latency (ms),12.00,11.00,13.00,768.00,11.90,13.00,0.10
Output Sequence Length (tokens),100.00,99.00,101.00,6400.00,100.00,101.00,1.00
Request Latency (ms),"1,248.00","1,200.00","1,300.00","79,872.00","1,240.00","1,300.00",10.00
Time to First Token (ms),60.00,50.00,90.00,3840.00,55.00,90.00,5.00

Metric,Value
Output Token Throughput (tokens/sec),640.00
Request Count,64.00
Request Throughput (requests/sec),6.40
"""


def _time(fields: Fields, *names: str) -> Spread:
    for name in names:
        part = fields.part(name)
        if part:
            unit = part.text("unit").lower()
            if unit not in _SECONDS:
                raise BadRow(f"{name}.unit = {unit[:20]!r} must be one of {', '.join(_SECONDS)}")
            return block(part, _SECONDS[unit], "avg")
    return Spread()


def _figure(fields: Fields, name: str) -> float | None:
    return fields.part(name).above("avg")


def _load(fields: Fields) -> tuple[float | None, float | None, bool]:
    """(concurrency, rate, evenly) of the phase that is measured: the last that is not left out of the results."""
    config = fields.part("input_config")
    phases = [one for one in config.parts("phases") if not one.flag("exclude_from_results")]
    asked = phases[-1] if phases else config.part("loadgen")
    concurrency, rate = asked.above("concurrency"), asked.above("request_rate", "rate")
    words = fields.part("run_info").text("cli_command") or config.text("cli_command")
    if concurrency is None and rate is None:
        concurrency, rate = _flag(words, "concurrency"), _flag(words, "request-rate")
    return concurrency, rate, "constant" in (asked.text("type"), asked.text("request_rate_mode"))


def _flag(words: str, name: str) -> float | None:
    found = re.search(rf"--{name}[ =](\d{{1,9}}(?:\.\d{{1,6}})?)\b", words)
    return float(found[1]) or None if found else None


def _first(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("name")
    return value.strip()[:200] if isinstance(value, str) else ""


def _deployed(fields: Fields) -> Deployed:
    config = fields.part("input_config")
    endpoint = config.part("endpoint")
    model = _first(config.part("models").plain.get("items")) or _first(endpoint.plain.get("model_names"))
    model = model or _first(config.plain.get("model_names")) or config.text("model")
    gpus = [
        name
        for endpoint in fields.part("telemetry_data", "endpoints").plain.values()
        for gpu in (Fields(endpoint).part("gpus").plain.values())
        if (name := Fields(gpu).text("gpu_name"))
    ]
    return Deployed(
        model=model, tokenizer=_first(config.part("tokenizer").plain.get("name")),
        hardware=gpus[0] if len(set(gpus)) == 1 else "", gpus=len(gpus) or None,
    )  # fmt: skip


def _run(fields: Fields, position: int, file: str, tool: str = "") -> Iterator[Benchmark]:
    concurrency, rate, evenly = _load(fields)
    errors = sum(one.number("count") or 0.0 for one in fields.parts("error_summary"))
    notes = []
    if (other := _figure(fields, "osl_mismatch_count")) is not None:
        text = f"{other:g} answers had another length than was asked for"
        notes.append(Note(kind="lengths", text=text, said=other))
    if fields.flag("was_cancelled"):
        notes.append(Note(kind="failed", text="the run was cancelled before its end"))
    yield Benchmark(
        tool=tool or AIPERF.name, file=file, position=position, deployed=_deployed(fields),
        isl=block(fields.part("input_sequence_length"), 1.0, "avg"),
        osl=block(fields.part("output_sequence_length"), 1.0, "avg"), concurrency=concurrency, request_rate=rate,
        evenly=evenly, served_rate=_figure(fields, "request_throughput"), completed=_figure(fields, "request_count"),
        failed=_figure(fields, "error_request_count") or errors or None,
        duration_s=_time(fields, "benchmark_duration").mean, ttft=_time(fields, "time_to_first_token"),
        tpot=_time(fields, "inter_token_latency"), itl=_time(fields, "inter_chunk_latency"),
        e2e=_time(fields, "request_latency"), output_tok_s=_figure(fields, "output_token_throughput"),
        total_tok_s=_figure(fields, "total_token_throughput"), looked_at=_LOOKED_AT, notes=tuple(notes),
    )  # fmt: skip


def _detect(head: str) -> bool:
    return keys_of(head) >= _KEYS


def _read(path: Path) -> Iterator[Benchmark | Fault]:
    return benchmarks(path, _run)


_NAMES = {"Time to First Token": "time_to_first_token", "Inter Token Latency": "inter_token_latency",
          "Inter Chunk Latency": "inter_chunk_latency"}  # fmt: skip


def _metric(label: str) -> tuple[str, str]:
    """`Request Latency (ms)` as the name that the JSON has, and its unit."""
    found = re.fullmatch(r"\s*(.+?)\s*(?:\(([^()]*)\))?\s*", label)
    name, unit = (found[1], found[2] or "") if found else (label, "")
    return _NAMES.get(name, name.lower().replace(" ", "_")), unit


def _tables(text: str) -> dict[str, Any]:
    """The metrics of the tables as the JSON has them: those with figures side by side, and those of one value."""
    found: dict[str, Any] = {}
    head: list[str] = []
    try:
        for row in csv.reader(io.StringIO(text)):
            if not any(cell.strip() for cell in row):
                head = []
            elif not head:
                head = [cell.strip() for cell in row]
            elif head[0] in ("Metric", "Endpoint") and head[0] == "Metric" and len(row) == len(head):
                name, unit = _metric(row[0])
                figures = dict(zip(head[1:], row[1:], strict=True))
                found[name] = {"unit": unit, "avg": figures.pop("Value", None), **figures}
            elif "GPU_Name" in head and len(row) == len(head):
                cells = dict(zip(head, row, strict=True))
                gpus = found.setdefault("telemetry_data", {"endpoints": {"": {"gpus": {}}}})["endpoints"][""]["gpus"]
                gpus[cells.get("GPU_UUID") or cells.get("GPU_Index", "")] = {"gpu_name": cells["GPU_Name"]}
    except csv.Error as error:
        raise BadRow(str(error)) from None
    return found


def _detect_csv(head: str) -> bool:
    line = head.lstrip("\ufeff").partition("\n")[0]
    return line.startswith("Metric,avg,") and "Request Latency" in head


def _read_csv(path: Path) -> Iterator[Benchmark | Fault]:
    try:
        yield from _run(Fields(_tables(text_of(path))), 1, path.name, AIPERF_CSV.name)
    except BadRow as error:
        yield Fault(file=path.name, line=1, text=str(error), place="record")


AIPERF = Importer(name="AIPerf", columns=(), detect=_detect, read=_read, example=_EXAMPLE, keys=_KEYS)
AIPERF_CSV = Importer(name="AIPerf CSV", columns=(), detect=_detect_csv, read=_read_csv, example=_EXAMPLE_CSV)
