"""llm_decode_bench: decode speed over context and concurrency. All requests of a cell share one context.

A shared context is read once from the prefix cache, and by cascade attention once for all: decode may be quicker than
the memory that separate caches would take to read.
"""

from collections.abc import Iterator
from pathlib import Path

from tokenroof.measure.importers.documents import Fields, benchmarks, keys_of
from tokenroof.measure.importers.table import BadRow, Importer
from tokenroof.types.benchmark import Benchmark, Deployed, Note, Spread
from tokenroof.types.run import Fault

__all__ = ["DECODE_BENCH"]

_LOOKED_AT = ("metadata.engine", "metadata.model", "metadata.dcp_size")
_SHARED = Note(kind="shared", text="all requests share one context: decode may beat the time to read separate caches")
_KEYS = frozenset({"concurrency_levels", "aggregate_tps"})
_EXAMPLE = """{"metadata": {"engine": "vllm", "model": "llama-3.1-8b", "max_tokens": 256, "concurrency_levels": [1, 8],
 "context_lengths": [8192], "dcp_size": 1}, "prefill": {"8192": {"ttft_seconds": 0.41, "tok_per_sec": 20000.0}},
 "results": [{"concurrency": 8, "context_tokens": 8192, "aggregate_tps": 720.0, "per_request_avg_tps": 90.0,
 "ttft_avg": 0.1, "num_completed": 8, "num_errors": 0, "avg_running_reqs": 8}]}
"""


def _run(fields: Fields, position: int, file: str) -> Iterator[Benchmark | Fault]:
    data = fields.part("metadata")
    where = Deployed(
        model=data.text("model"), engine=data.text("engine"), engine_version=data.text("engine_version", "version"),
        dcp=data.count("dcp_size"), tp=data.count("tp_size", "tp"), gpus=data.count("num_gpus"),
        hardware=data.text("gpu", "gpu_name"),
    )  # fmt: skip
    cells = fields.parts("results")
    if not cells:
        raise BadRow("results must be a list with at least one cell")
    for place, cell in enumerate(cells, start=position):
        try:
            yield _cell(cell, where, data.above("max_tokens"), place, file)
        except BadRow as error:
            yield Fault(file=file, line=place, text=str(error), place="cell")


def _cell(cell: Fields, where: Deployed, osl: float | None, place: int, file: str) -> Benchmark:
    concurrency, rate = cell.needed("concurrency"), cell.needed("aggregate_tps")
    running, each = cell.above("avg_running_reqs") or concurrency, cell.above("per_request_avg_tps")
    context = cell.number("context_tokens") or 0.0
    return Benchmark(
        tool=DECODE_BENCH.name, file=file, position=place, mode="decode", deployed=where,
        isl=Spread(mean=max(context, 1.0)), osl=Spread(mean=osl), concurrency=concurrency, in_flight=running,
        completed=cell.above("num_completed"), failed=cell.number("num_errors"),
        tpot=Spread(mean=1.0 / each if each else running / rate), output_tok_s=rate, shared_context=concurrency > 1,
        looked_at=_LOOKED_AT, notes=(_SHARED,) if concurrency > 1 and context > 0 else (),
    )  # fmt: skip


def detect(head: str) -> bool:
    """Whether the file has the matrix of llm_decode_bench."""
    return keys_of(head) >= _KEYS


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """A Benchmark for every cell of the matrix."""
    return benchmarks(path, _run)


DECODE_BENCH = Importer(name="llm_decode_bench", columns=(), detect=detect, read=read, example=_EXAMPLE, keys=_KEYS)
