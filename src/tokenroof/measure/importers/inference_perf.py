"""inference-perf's summaries of a stage: an open loop, all times in seconds.

On the completions interface of vLLM 0.9 to 0.11 it counts two frames for a token, so that its times per token are half
of the true ones: those that E2E gives are used.
"""

from collections.abc import Iterator
from pathlib import Path

from tokenroof.measure.importers.documents import Fields, benchmarks, block, keys_of
from tokenroof.measure.importers.table import BadRow, Importer
from tokenroof.types.benchmark import Benchmark, Note
from tokenroof.types.run import Fault

__all__ = ["INFERENCE_PERF"]

_LATE_S = 0.1  # a client that sends later than this, on average, is the bottleneck
_LOOKED_AT = ("load_summary", "successes")
_KEYS = frozenset({"load_summary", "successes"})
_EXAMPLE = """{"load_summary": {"count": 64, "schedule_delay": {"mean": 0.0005}, "send_duration": 9.9, "requested_rate": 6.4,
 "achieved_rate": 6.4}, "successes": {"count": 64, "latency": {"request_latency": {"mean": 1.248, "median": 1.24},
 "time_per_output_token": {"mean": 0.012}, "inter_token_latency": {"mean": 0.012},
 "time_to_first_token": {"mean": 0.06, "median": 0.055, "p99": 0.09}},
 "throughput": {"output_tokens_per_sec": 640.0, "total_tokens_per_sec": 3916.8, "requests_per_sec": 6.4},
 "prompt_len": {"mean": 512}, "output_len": {"mean": 100}}, "failures": {"count": 0}}
"""  # noqa: E501


def _run(fields: Fields, position: int, file: str) -> Iterator[Benchmark]:
    load, good = fields.part("load_summary"), fields.part("successes")
    latency, rates = good.part("latency"), good.part("throughput")
    completed = good.number("count")
    if not completed:
        raise BadRow("successes.count must be above 0")
    late = load.part("schedule_delay").number("mean")
    notes = []
    if late is not None and late > _LATE_S:
        text = f"the client sent {late:.3g} s late on average: its workers limit what is in flight, not the server"
        notes.append(Note(kind="client", text=text, said=late))
    sent, asked = load.above("achieved_rate"), load.above("requested_rate")
    yield Benchmark(
        tool=INFERENCE_PERF.name, file=file, position=position, isl=block(good.part("prompt_len"), 1.0),
        osl=block(good.part("output_len"), 1.0), request_rate=asked or sent,
        served_rate=rates.above("requests_per_sec"), requests=load.above("count"), completed=completed,
        failed=fields.part("failures").number("count"), ttft=block(latency.part("time_to_first_token"), 1.0),
        tpot=block(latency.part("time_per_output_token"), 1.0), itl=block(latency.part("inter_token_latency"), 1.0),
        e2e=block(latency.part("request_latency"), 1.0), output_tok_s=rates.above("output_tokens_per_sec"),
        total_tok_s=rates.above("total_tokens_per_sec"), looked_at=_LOOKED_AT, notes=tuple(notes),
    )  # fmt: skip


def detect(head: str) -> bool:
    """Whether the file sums up a stage."""
    return keys_of(head) >= _KEYS


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """The Benchmark of the stage."""
    return benchmarks(path, _run)


INFERENCE_PERF = Importer(name="inference-perf", columns=(), detect=detect, read=read, example=_EXAMPLE, keys=_KEYS)
