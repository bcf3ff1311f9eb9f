"""Runs of a user as points: one setup and load with all that was measured at it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenroof.catalog import load_system
from tokenroof.engines.launch_command import launched
from tokenroof.errors import InputError
from tokenroof.measure.benchmarks import lacking, runs_of
from tokenroof.measure.importers import importer_of, read_benchmarks, read_results
from tokenroof.measure.setups import METRICS, Setup, Skip, setup_of
from tokenroof.types.benchmark import Benchmark, Deployed, Given
from tokenroof.types.machine import System
from tokenroof.types.run import Fault, Run
from tokenroof.usecases.compare.request import Told

__all__ = ["Found", "Point", "points_of", "told"]

# What differs between the metrics of one run.
_OF_A_METRIC = ("row_id", "line", "metric", "value", "unit", "quality", "split", "note")
_LIVE = ("server-closed-loop", "server", "server-interactive", "disaggregated")
_MEANS = {"tpot": ("tpot_ms", "tpot_p50_ms", "itl_ms", "itl_p50_ms"), "ttft": ("ttft_ms",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run: its setup, by quantity the row that measured it, and the gap between chunks where it is told."""

    setup: Setup
    runs: Mapping[str, Run]
    itl: Run | None = None

    @property
    def first(self) -> Run:
        """The row by which the run is named."""
        return next(iter(self.runs.values()))

    def si(self, quantity: str) -> float | None:
        """A measured quantity in SI."""
        run = self.runs.get(quantity)
        return None if run is None else run.value / METRICS[run.metric][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Points of all files in order, and what could not be used."""

    points: tuple[Point, ...]
    skipped: tuple[tuple[str, int], ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()


def told(run: Run, given: Told, system: System | None) -> Run:
    """The row with what the user says laid over it."""
    said: dict[str, Any] = {
        "tp": given.tp, "pp": given.pp, "ep": given.ep, "dp": given.dp, "weight_dtype": given.weight_dtype,
        "kv_dtype": given.kv_dtype, "engine": given.engine, "engine_version": given.engine_version,
        "memory_fraction": given.memory_fraction, "max_num_seqs": given.max_num_seqs,
        "max_batched_tokens": given.max_batched_tokens, "prefix": given.prefix, "drafts": given.drafts,
        "acceptance": given.acceptance,
    }  # fmt: skip
    changes = {name: value for name, value in said.items() if value is not None and hasattr(run, name)}
    changes |= {name: value for name in ("isl", "osl") if (value := getattr(given, name)) is not None}
    if given.model is not None:
        changes |= {"model": given.model, "model_key": given.model}
    if system is not None:
        changes |= {"hardware": system.chip.name, "hw_key": system.chip.id}
    if given.drafts and not run.spec_decode:
        changes["spec_decode"] = "given"
    found = replace(run, **changes)
    asked = any(one is not None for one in (given.tp, given.pp, given.dp))
    return replace(found, num_gpus=_gpus(found, system, asked)) if asked or system is not None else found


def _gpus(run: Run, system: System | None, asked: bool) -> int | None:
    """GPUs of the deployment: those of its degrees where some are known, else all of the system."""
    if run.prefill is not None:
        return run.num_gpus
    degrees = [one for one in (run.tp, run.pp, run.dp) if one is not None]
    if not degrees:
        if system is not None and system.n_chips > 1:
            name = f"{Path(run.file).name}: layout"
            fix = "give `tp`, `pp`, `dp`, or `server_cmd`"
            raise InputError(name, ..., f"said for {system.n_chips} GPUs", fix)
        return 1
    gpus = 1
    for one in degrees:
        gpus *= one
    return gpus if asked or run.num_gpus is None else max(run.num_gpus, gpus)


def _same(kept: list[Run], row: Run) -> bool:
    first = kept[0]
    blank = {name: getattr(first, name) for name in _OF_A_METRIC}
    return replace(row, **blank) == first and all(row.metric != one.metric for one in kept)


def _gathered(rows: Iterable[Run | Fault], faults: list[Fault]) -> Iterator[list[Run]]:
    """Rows of one run: those that stand one after the other and differ in their metric alone."""
    kept: list[Run] = []
    for row in rows:
        if isinstance(row, Fault):
            faults.append(row)
            continue
        if kept and not _same(kept, row):
            yield kept
            kept = []
        kept.append(row)
    if kept:
        yield kept


def _point(rows: list[Run], system: System | None) -> Point | Skip:
    if all(row.quality == "C" for row in rows):
        return Skip("quality C: shown for information, never scored")
    setup: Setup | None = None
    reason = Skip("no metric that is predicted")
    runs: dict[str, Run] = {}
    itl: Run | None = None
    for row in rows:
        found = setup_of(row, system)
        if isinstance(found, Skip):
            reason = found
            continue
        setup = setup or found
        quantity = METRICS[row.metric][0]
        if row.metric.startswith("itl"):
            itl = itl or row
        order = _MEANS.get(quantity, ())
        held = runs.get(quantity)
        if held is None or (row.metric in order and order.index(row.metric) < order.index(held.metric)):
            runs[quantity] = row
    if setup is None or not runs:
        return reason
    return Point(setup=setup, runs=runs, itl=itl)


def _given(told_: Told, system: System | None) -> Given:
    """What the user says, as importers lay it over a file."""
    command, unknown = (Deployed(), ()) if told_.server_cmd is None else launched(told_.server_cmd)
    drafted = "given" if told_.drafts else ""
    deployed = Deployed(
        model=told_.model or "", hardware="" if system is None else system.chip.id, tp=told_.tp, pp=told_.pp,
        ep=told_.ep, dp=told_.dp, weight_dtype=told_.weight_dtype or "", kv_dtype=told_.kv_dtype or "",
        engine=told_.engine or "", engine_version=told_.engine_version or "", max_num_seqs=told_.max_num_seqs,
        max_batched_tokens=told_.max_batched_tokens, memory_fraction=told_.memory_fraction, speculation=drafted,
        drafts=told_.drafts, acceptance=told_.acceptance,
    )  # fmt: skip
    return Given(deployed=deployed, command=command, unknown_flags=unknown, isl=told_.isl, osl=told_.osl)


def _placed(one: Benchmark, system: System | None) -> Benchmark:
    """All GPUs of the system, where neither file nor command says how many it took."""
    where = one.deployed
    if system is None or where.gpus is not None or where.tp or where.pp or where.dp:
        return one
    return replace(one, deployed=replace(where, gpus=system.n_chips))


def _of_tool(one: Benchmark, told_: Told, system: System | None) -> Point | Skip | InputError:
    placed = _placed(one, system)
    unsaid = lacking(placed)
    if unsaid is not None:
        return unsaid
    rows = [row if told_.prefix is None else replace(row, prefix=told_.prefix) for row in runs_of(placed)]
    found = _point(rows, system)
    if isinstance(found, Skip) or one.itl.middle is None:
        return found
    gap = replace(found.first, metric="itl_ms", value=1e3 * one.itl.middle, unit="ms")
    return replace(found, itl=found.itl or gap)


def _points_in(
    name: str, told_: Told, system: System | None, faults: list[Fault], notes: list[str]
) -> Iterator[Point | Skip | InputError]:
    """Every run of a file; a table is read row by row, as `validate` reads it."""
    path = Path(name)
    if importer_of(path).columns and told_.server_cmd is None:
        for rows in _gathered(read_results(path), faults):
            yield _point([told(row, told_, system) for row in rows], system)
        return
    for one in read_benchmarks(path, given=_given(told_, system)):
        if isinstance(one, Fault):
            faults.append(one)
            continue
        notes += [text for note in one.notes if (text := f"{path.name}: {note.text}") not in notes]
        yield _of_tool(one, told_, system)


def points_of(given: Told) -> Found:
    """Every run of the files that can be predicted. InputError where none can."""
    if not given.results:
        raise InputError("results", ..., "at least one result file")
    system = None if given.system is None else load_system(given.system)
    points: list[Point] = []
    skipped: Counter[str] = Counter()
    faults: list[Fault] = []
    notes: list[str] = []
    unsaid: InputError | None = None
    for name in given.results:
        for found in _points_in(name, given, system, faults, notes):
            if isinstance(found, Point):
                points.append(found)
            elif isinstance(found, InputError):
                unsaid = unsaid or found
                skipped[str(found)] += 1
            else:
                skipped[found.reason] += 1
    if not points:
        if unsaid is not None:
            raise unsaid
        why = "; ".join(reason for reason, _ in skipped.most_common(2)) or (str(faults[0]) if faults else "no rows")
        raise InputError("results", ", ".join(Path(one).name for one in given.results)[:60], "runs to predict", why)
    return Found(points=tuple(points), skipped=tuple(skipped.most_common()), faults=tuple(faults), notes=tuple(notes))
