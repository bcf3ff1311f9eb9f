"""Result files, logs of a start and a server, as benchmarks with what was said beside them: one way for every verb."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tokenroof.catalog import load_system
from tokenroof.engines.launch_command import launched
from tokenroof.errors import InputError, TokenroofError
from tokenroof.measure.engine_logs import EngineLog, read_engine_log
from tokenroof.measure.importers import importer_of, read_metrics
from tokenroof.measure.importers.documents import text_of
from tokenroof.measure.importers.server_metrics import SERVER_METRICS, server_of
from tokenroof.measure.scraping import scraped
from tokenroof.scenario.formats import format_named
from tokenroof.types.benchmark import Benchmark, Deployed, Given
from tokenroof.types.dtype import dtype
from tokenroof.types.run import Fault
from tokenroof.usecases.runs.request import Told

__all__ = ["NOTHING", "Sources", "sources_of"]

NOTHING = Deployed()
_INTERVAL_S = 60.0  # between two looks at a server, where nothing else is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Result files in order, and apart from them logs of a start and scrapes of one server in several files; what is
    given beside them, logs included.
    """

    paths: tuple[Path, ...]
    logs: tuple[EngineLog, ...]
    given: Given
    url: str | None = None
    scrapes: tuple[tuple[Path, ...], ...] = ()

    def of_servers(self) -> Iterator[Benchmark | Fault]:
        """The runs that metrics of servers hold: of one that is to be asked, and of scrapes in files of their own."""
        if self.url is not None:
            interval = self.given.interval_s or _INTERVAL_S
            yield from read_metrics([scraped(self.url, interval)], "url", replace(self.given, interval_s=interval))
        for paths in self.scrapes:
            name = f"{paths[0].name} + {paths[-1].name}"
            yield from read_metrics([text_of(path) for path in paths], name, self.given)


def _check_words(told: Told) -> None:
    """Formats that were said are ones that there are, whatever the files hold."""
    if told.weight_dtype:
        format_named(told.weight_dtype)
    if told.kv_dtype:
        dtype(told.kv_dtype)


def _given(told: Told, otherwise: Deployed) -> Given:
    _check_words(told)
    command, unknown = (Deployed(), ()) if told.server_cmd is None else launched(told.server_cmd)
    machine = None if told.system is None else load_system(told.system)
    said = Deployed(
        model=told.model or "", hardware="" if machine is None else machine.chip.id, tp=told.tp, pp=told.pp,
        ep=told.ep, dp=told.dp, weight_dtype=told.weight_dtype or "", kv_dtype=told.kv_dtype or "",
        engine=told.engine or "", engine_version=told.engine_version or "", memory_fraction=told.memory_fraction,
        max_num_seqs=told.max_num_seqs, max_batched_tokens=told.max_batched_tokens, drafts=told.drafts,
        acceptance=told.acceptance, speculation="given" if told.drafts else "",
    )  # fmt: skip
    return Given(
        deployed=said, command=command, otherwise=otherwise, unknown_flags=unknown, isl=told.isl, osl=told.osl,
        prefix=told.prefix, concurrency=told.concurrency, request_rate=told.request_rate, interval_s=told.interval_s,
        format=told.format or "", machine_gpus=None if machine is None else machine.n_chips,
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


def sources_of(told: Told, *, url: str | None = None, otherwise: Deployed = NOTHING) -> Sources:
    """What is to be read, and what is laid over it; `otherwise` holds where neither file nor user says. InputError for
    a file of no known format.
    """
    if not told.results and url is None:
        raise InputError("results", ..., "at least one result file")
    given = _given(told, otherwise)
    paths, logs = [], []
    for path in map(Path, told.results):
        log = None if given.format else _log_of(path)
        if log is None:
            paths.append(path)
            continue
        logs.append(log)
        given = replace(given, command=given.command.over(log.deployed))
    scrapes = _scrapes_of(paths, given.format)
    beside = {path for some in scrapes for path in some}
    return Sources(
        paths=tuple(path for path in paths if path not in beside), logs=tuple(logs), given=given, url=url,
        scrapes=scrapes,
    )  # fmt: skip


def _scrapes_of(paths: list[Path], name: str) -> tuple[tuple[Path, ...], ...]:
    """Files of one scrape each, by server, where several are of the same."""
    found: dict[str, list[Path]] = {}
    for path in dict.fromkeys(paths):
        if importer_of(path, name) is SERVER_METRICS and (server := server_of(text_of(path))):
            found.setdefault(server, []).append(path)
    return tuple(tuple(some) for some in found.values() if len(some) > 1)
