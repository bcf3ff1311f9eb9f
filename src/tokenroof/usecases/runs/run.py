"""Read result files: every run as one record, with what was recomputed and what nobody said."""

from pathlib import Path

from tokenroof.errors import InputError
from tokenroof.measure.benchmarks import lacking
from tokenroof.measure.engine_logs import EngineLog
from tokenroof.measure.importers import read_benchmarks
from tokenroof.types.benchmark import Benchmark, Deployed, Given
from tokenroof.types.run import Fault
from tokenroof.usecases.runs.answer import ReadRun, RunsResponse, StartLog
from tokenroof.usecases.runs.request import RunsRequest
from tokenroof.usecases.runs.sources import sources_of

__all__ = ["RunsRequest", "RunsResponse", "runs"]

_MOST_RUNS = 100_000


def _machine(where: Deployed) -> str:
    degrees = [f"{name}{value}" for name in ("tp", "pp", "dp", "ep", "dcp") if (value := getattr(where, name) or 1) > 1]
    gpus = f"{where.gpus} x " if (where.gpus or 1) > 1 else ""
    parts = (
        where.tokenizer or where.model, where.weight_dtype, " ".join(degrees),
        f"{gpus}{where.hardware}" if where.hardware else "", f"{where.engine} {where.engine_version}".strip(),
    )  # fmt: skip
    return " | ".join(part for part in parts if part)


def _load(one: Benchmark) -> str:
    if one.mode in ("server", "server-interactive"):
        return "open loop" if one.request_rate is None else f"{one.request_rate:.3g} requests/s"
    if one.mode in ("prefill", "decode", "mixed"):
        return f"{one.mode}, {one.concurrency or 1:g} at once"
    return "all at once" if one.concurrency is None else f"{one.concurrency:g} at once"


def _read(one: Benchmark) -> ReadRun:
    unsaid = lacking(one)
    return ReadRun(
        file=one.file, line=one.position, tool=one.tool, what=_machine(one.deployed), load=_load(one),
        isl=one.isl.middle, osl=one.osl.middle, ttft=one.ttft.middle, tpot=one.tpot.middle, e2e=one.e2e.middle,
        in_flight=one.in_flight, output=one.output_tok_s, total=one.total_tok_s, requests=one.completed or one.requests,
        notes=tuple(note.text for note in one.notes if note.kind != "command"),
        missing="" if unsaid is None else str(unsaid), source=one,
    )  # fmt: skip


def _start(log: EngineLog) -> StartLog:
    return StartLog(
        file=log.file, engine=f"{log.deployed.engine} {log.deployed.engine_version}".strip(), tokens=log.kv_tokens,
        pool_bytes=log.kv_bytes, weights_bytes=log.weights_bytes, graphs_bytes=log.graphs_bytes,
    )  # fmt: skip


def runs(request: RunsRequest) -> RunsResponse:
    """Every run of the files and of the server that is asked. InputError for a file of no known format."""
    if not request.results and request.url is None:
        raise InputError("results", ..., "at least one result file, or a `url`")
    sources = sources_of(request, url=request.url)
    found: list[Benchmark | Fault] = []
    for path in sources.paths:
        found += _some(path, sources.given)
    found += sources.of_servers()
    faults = tuple(one for one in found if isinstance(one, Fault))
    if faults and len(faults) == len(found) and not sources.logs:
        raise InputError("results", ", ".join(Path(one).name for one in request.results)[:60], "a run", str(faults[0]))
    return RunsResponse(
        runs=tuple(_read(one) for one in found if isinstance(one, Benchmark)),
        logs=tuple(_start(log) for log in sources.logs),
        faults=faults, notes=tuple(_unknown(sources.given)),
    )  # fmt: skip


def _unknown(given: Given) -> list[str]:
    return [f"flag of the command that is not known: {word}" for word in given.unknown_flags]


def _some(path: Path, given: Given) -> list[Benchmark | Fault]:
    found: list[Benchmark | Fault] = []
    for one in read_benchmarks(path, given=given):
        if len(found) >= _MOST_RUNS:
            raise InputError(
                "results", path.name, f"at most {_MOST_RUNS:,} runs", "validate reads tables of any length"
            )
        found.append(one)
    return found
