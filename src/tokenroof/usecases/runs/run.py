"""Read result files: every run as one record, with what was recomputed and what nobody said."""

from dataclasses import replace
from pathlib import Path

from tokenroof.catalog import load_system
from tokenroof.engines.launch_command import launched
from tokenroof.errors import InputError, TokenroofError
from tokenroof.measure.benchmarks import lacking
from tokenroof.measure.engine_logs import EngineLog, read_engine_log
from tokenroof.measure.importers import importer_of, read_benchmarks, read_metrics
from tokenroof.measure.scraping import scraped
from tokenroof.types.benchmark import Benchmark, Deployed, Given
from tokenroof.types.run import Fault
from tokenroof.usecases.runs.answer import ReadRun, RunsResponse, StartLog
from tokenroof.usecases.runs.request import RunsRequest

__all__ = ["RunsRequest", "RunsResponse", "given_of", "runs"]

_MOST_RUNS = 100_000
_INTERVAL_S = 60.0  # between two looks at a server, where nothing else is said


def given_of(request: RunsRequest) -> Given:
    """What a user says, as importers lay it over a file."""
    command, unknown = (Deployed(), ()) if request.server_cmd is None else launched(request.server_cmd)
    machine = None if request.system is None else load_system(request.system)
    parts = (request.tp, request.pp, request.dp)
    gpus = machine.n_chips if machine is not None and not any(parts) and command.gpus is None else None
    said = Deployed(
        model=request.model or "", hardware="" if machine is None else machine.chip.id, gpus=gpus, tp=request.tp,
        pp=request.pp, ep=request.ep, dp=request.dp, weight_dtype=request.weight_dtype or "",
        kv_dtype=request.kv_dtype or "", engine=request.engine or "", engine_version=request.engine_version or "",
        memory_fraction=request.memory_fraction, max_num_seqs=request.max_num_seqs,
        max_batched_tokens=request.max_batched_tokens, drafts=request.drafts, acceptance=request.acceptance,
        speculation="given" if request.drafts else "",
    )  # fmt: skip
    return Given(
        deployed=said, command=command, unknown_flags=unknown, isl=request.isl, osl=request.osl,
        concurrency=request.concurrency, request_rate=request.request_rate, interval_s=request.interval_s,
        format=request.format or "",
    )  # fmt: skip


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
        notes=tuple(note.text for note in one.notes), missing="" if unsaid is None else str(unsaid), source=one,
    )  # fmt: skip


def _start(log: EngineLog) -> StartLog:
    return StartLog(
        file=log.file, engine=f"{log.deployed.engine} {log.deployed.engine_version}".strip(), tokens=log.kv_tokens,
        pool_bytes=log.kv_bytes, weights_bytes=log.weights_bytes, graphs_bytes=log.graphs_bytes,
    )  # fmt: skip


def _log_of(path: Path) -> EngineLog | None:
    """The log of a start, where a file is of no other known format."""
    try:
        importer_of(path)
    except InputError as error:
        if error.field not in ("columns", "keys"):
            raise
        try:
            return read_engine_log(path)
        except TokenroofError:
            raise error from None
    return None


def runs(request: RunsRequest) -> RunsResponse:
    """Every run of the files and of the server that is asked. InputError for a file of no known format."""
    if not request.results and request.url is None:
        raise InputError("results", ..., "at least one result file, or a `url`")
    given = given_of(request)
    paths = [Path(name) for name in request.results]
    logs = [log for path in paths if not given.format and (log := _log_of(path)) is not None]
    told = {log.file for log in logs}
    for log in logs:
        given = replace(given, command=given.command.over(log.deployed))
    found: list[Benchmark | Fault] = []
    for path in paths:
        if path.name not in told:
            found += _some(path, given)
    if request.url is not None:
        interval = request.interval_s or _INTERVAL_S
        found += read_metrics(scraped(request.url, interval), "url", replace(given, interval_s=interval))
    return RunsResponse(
        runs=tuple(_read(one) for one in found if isinstance(one, Benchmark)),
        logs=tuple(_start(log) for log in logs), faults=tuple(one for one in found if isinstance(one, Fault)),
        notes=tuple(f"flag of the command that is not known: {word}" for word in given.unknown_flags),
    )  # fmt: skip


def _some(path: Path, given: Given) -> list[Benchmark | Fault]:
    found: list[Benchmark | Fault] = []
    for one in read_benchmarks(path, given=given):
        if len(found) >= _MOST_RUNS:
            raise InputError(
                "results", path.name, f"at most {_MOST_RUNS:,} runs", "validate reads tables of any length"
            )
        found.append(one)
    return found
