"""GuideLLM's report, versions 1 and 2: several benchmarks of one server in a JSON file, or the same in YAML.

Latencies of requests are in seconds, all others in milliseconds. Its time per output token counts the first token too;
what others call TPOT is its inter-token latency.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tokenroof.measure.importers.documents import Fields, benchmarks, block, keys_of
from tokenroof.measure.importers.table import BadRow, Importer, head_of
from tokenroof.types.benchmark import Benchmark, Deployed, Note
from tokenroof.types.run import Fault

__all__ = ["GUIDELLM"]

_LOOKED_AT = ("config.spec.backend.model", "config.spec.backend.target")
_KEYS = frozenset({"benchmarks", "guidellm_version"})
_OPEN = ("constant", "poisson", "async")
_FAR = 0.05
_EXAMPLE = """{"metadata": {"version": 2, "guidellm_version": "0.8.0"}, "config": {"spec": {"backend": {"model": "llama-3.1-8b"}}},
 "benchmarks": [{"type_": "generative_benchmark", "config": {"strategy": {"type_": "concurrent", "max_concurrency": 8}},
 "duration": 10.0, "metrics": {"request_totals": {"successful": 64, "errored": 0, "incomplete": 1},
 "requests_per_second": {"successful": {"mean": 6.4}}, "request_concurrency": {"successful": {"mean": 7.9}},
 "request_latency": {"successful": {"mean": 1.248, "median": 1.24, "percentiles": {"p90": 1.3}}},
 "prompt_token_count": {"successful": {"mean": 512}}, "output_token_count": {"successful": {"mean": 100}},
 "time_to_first_token_ms": {"successful": {"mean": 60.0, "median": 55.0}},
 "time_per_output_token_ms": {"successful": {"mean": 12.48}},
 "inter_token_latency_ms": {"successful": {"mean": 12.0, "median": 11.9}},
 "output_tokens_per_second": {"successful": {"mean": 640.0}}}}]}
"""  # noqa: E501


def _model(report: Fields, one: Fields) -> str:
    backend = report.part("config", "spec", "backend")
    places = (backend, one.part("worker"), one.part("benchmarker"), report.part("args"))
    return next((name for place in places if (name := place.text("model", "backend_model"))), "")


def _benchmark(report: Fields, one: Fields, position: int, file: str) -> Benchmark:
    strategy = one.part("config", "strategy") or one.part("args", "strategy")
    kind = strategy.text("type_", "type")
    metrics = one.part("metrics")

    def good(name: str) -> Fields:
        return metrics.part(name, "successful")

    totals = metrics.part("request_totals") or one.part("run_stats", "requests_made")
    each = block(good("inter_token_latency_ms"), 1e-3)
    whole = block(good("time_per_output_token_ms"), 1e-3)
    latency, completed = block(good("request_latency"), 1.0), totals.number("successful")
    if completed == 0:
        raise BadRow("no request was successful")
    failed, cut = totals.number("errored"), totals.number("incomplete")
    start, end = one.number("start_time"), one.number("end_time")
    duration = one.above("duration") or (end - start if start and end and end > start else None)
    served = completed / duration if completed and duration else good("requests_per_second").above("mean")
    synchronous = 1.0 if kind == "synchronous" else None
    limit = None if kind in _OPEN else strategy.above("streams", "max_concurrency")
    notes = []
    if whole.mean and each.mean and abs(whole.mean / each.mean - 1.0) > _FAR:
        text = "time_per_output_token_ms is E2E / osl and counts the first token: inter_token_latency_ms is TPOT"
        notes.append(Note(kind="definition", text=text, said=whole.mean, used=each.mean))
    if cut and completed and cut > 0.01 * completed:
        notes.append(Note(kind="failed", text=f"{cut:g} requests were cut off at the end of the run", said=cut))
    return Benchmark(
        tool=GUIDELLM.name, file=file, position=position, deployed=Deployed(model=_model(report, one)),
        isl=block(good("prompt_token_count"), 1.0), osl=block(good("output_token_count"), 1.0),
        concurrency=synchronous or limit, request_rate=strategy.above("rate") if kind in _OPEN else None,
        evenly=kind == "constant", served_rate=served, in_flight=good("request_concurrency").above("mean"),
        requests=totals.above("total"), completed=completed, failed=failed, duration_s=duration,
        ttft=block(good("time_to_first_token_ms"), 1e-3), tpot=each, e2e=latency,
        output_tok_s=good("output_tokens_per_second").above("mean"),
        total_tok_s=good("tokens_per_second").above("mean"), looked_at=_LOOKED_AT, notes=tuple(notes),
    )  # fmt: skip


def _report(report: Fields, position: int, file: str) -> Iterator[Benchmark | Fault]:
    found = report.parts("benchmarks")
    if not found:
        raise BadRow("benchmarks must be a list with at least one benchmark")
    for place, one in enumerate(found, start=position):
        try:
            yield _benchmark(report, one, place, file)
        except BadRow as error:
            yield Fault(file=file, line=place, text=str(error), place="benchmark")


def detect(head: str) -> bool:
    """Whether it is a report with GuideLLM's version, or with the kind of its benchmarks."""
    if in_yaml(head):
        return "generative_benchmark" in head or "guidellm_version" in head
    keys = keys_of(head)
    return "benchmarks" in keys and ("guidellm_version" in keys or '"generative_benchmark"' in head)


def in_yaml(head: str) -> bool:
    """Whether a report is one in YAML: its keys stand at the beginning of lines."""
    return re.search(r"^benchmarks:\s*$", head, re.MULTILINE) is not None


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """A Benchmark for every benchmark of the report."""
    return benchmarks(path, _report, in_yaml=in_yaml(head_of(path)))


GUIDELLM = Importer(name="GuideLLM", columns=(), detect=detect, read=read, example=_EXAMPLE, keys=_KEYS)
