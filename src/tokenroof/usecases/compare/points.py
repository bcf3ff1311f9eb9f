"""Runs of a user as points: one setup and load with all that was measured at it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from tokenroof.catalog import load_system
from tokenroof.errors import InputError
from tokenroof.measure.benchmarks import lacking, runs_of
from tokenroof.measure.importers import importer_of, read_benchmarks, read_results
from tokenroof.measure.setups import METRICS, Setup, Skip, setup_of
from tokenroof.types.benchmark import Benchmark, Deployed, Given
from tokenroof.types.machine import System
from tokenroof.types.run import Fault, Run
from tokenroof.usecases.runs.request import Told
from tokenroof.usecases.runs.sources import NOTHING, sources_of

__all__ = ["Found", "Point", "points_of", "told"]

# What differs between the metrics of one run.
_OF_A_METRIC = ("row_id", "line", "metric", "value", "unit", "quality", "split", "note")
# What differs between the loads of one deployment.
_OF_A_LOAD = ("file", "source", "date", "isl", "osl", "concurrency", "request_rate", "load", "requests", "generated")
# What a deployment and a row of a table have under one name.
_COLUMNS = (
    "tp", "pp", "ep", "dp", "dcp", "weight_dtype", "kv_dtype", "engine", "engine_version", "memory_fraction",
    "max_num_seqs", "max_batched_tokens", "moe_a2a_backend", "two_batch_overlap", "drafts", "acceptance",
)  # fmt: skip
_LOADS = ("isl", "osl", "prefix", "concurrency", "request_rate")
_EMPTY: Mapping[str, Any] = {name: None for name in (*_OF_A_METRIC, *_OF_A_LOAD)}
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

    @property
    def deployed(self) -> Run:
        """What was measured, without its load and what it reached: that of another run where all settings are."""
        return _without(_without(self.first, _OF_A_METRIC), _OF_A_LOAD)

    @property
    def mark(self) -> str:
        """By which the same measurement is known again, in whatever file it stands and whatever is given beside it."""
        said = [getattr(self.first, name) for name in ("isl", "osl", "concurrency", "request_rate")]
        values = {quantity: run.value for quantity, run in self.runs.items()}
        return sha256(repr((said, sorted(values.items()))).encode()).hexdigest()[:12]

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


def told(run: Run, given: Given, system: System | None) -> Run:
    """The row of a table with what is given laid over it."""
    above = given.deployed.over(given.command)
    found: dict[str, Any] = {}
    for name in _COLUMNS:
        over, below = getattr(above, name), getattr(given.otherwise, name)
        if over not in (None, ""):
            found[name] = over
        elif below not in (None, "") and getattr(run, name) in (None, ""):
            found[name] = below
    found |= {name: value for name in _LOADS if (value := getattr(given, name)) is not None}
    if above.model:
        found |= {"model": above.model, "model_key": above.model}
    if system is not None:
        found |= {"hardware": system.chip.name, "hw_key": system.chip.id}
    if above.drafts and not run.spec_decode:
        found["spec_decode"] = above.speculation or "given"
    changed: Run = replace(run, **found)
    asked = any(one is not None for one in (above.tp, above.pp, above.dp))
    return replace(changed, num_gpus=_gpus(changed, system, asked)) if asked or system is not None else changed


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


def _without(run: Run, names: Iterable[str]) -> Run:
    """The row with these cells as an empty row has them, so that rows which differ in them alone are equal."""
    bare: Run = replace(run, **{name: _EMPTY[name] for name in names})
    return bare


def _gathered(rows: Iterable[Run | Fault], faults: list[Fault]) -> list[list[Run]]:
    """Rows of one run, wherever they stand: those that differ in their metric alone. In the order of their lines."""
    alike: dict[Run, list[tuple[int, Run]]] = {}
    for at, row in enumerate(rows):
        if isinstance(row, Fault):
            faults.append(row)
        else:
            alike.setdefault(_without(row, _OF_A_METRIC), []).append((at, row))
    return sorted(chain.from_iterable(map(_repeats, alike.values())), key=lambda run: run[0].line)


def _repeats(rows: Sequence[tuple[int, Run]]) -> list[list[Run]]:
    """Runs of one deployment under one load, from rows and their places. Where each metric stands as often, its first
    is of the first run, and so on; else only rows that stand together are of one run.
    """
    by: dict[str, list[Run]] = {}
    for _, row in rows:
        by.setdefault(row.metric, []).append(row)
    if len({len(those) for those in by.values()}) == 1:
        return [sorted(those, key=lambda run: run.line) for those in zip(*by.values(), strict=True)]
    runs: list[list[Run]] = []
    before = -2
    for at, row in rows:
        if at > before + 1 or any(row.metric == one.metric for one in runs[-1]):
            runs.append([])
        runs[-1].append(row)
        before = at
    return runs


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


def _of_tool(one: Benchmark, system: System | None) -> Point | Skip | InputError:
    unsaid = lacking(one)
    if unsaid is not None:
        return unsaid
    found = _point(list(runs_of(one)), system)
    if isinstance(found, Skip) or one.itl.middle is None:
        return found
    gap = replace(found.first, metric="itl_ms", value=1e3 * one.itl.middle, unit="ms")
    return replace(found, itl=found.itl or gap)


def _points_in(
    path: Path, given: Given, system: System | None, faults: list[Fault], notes: list[str]
) -> Iterator[Point | Skip | InputError]:
    """Every run of a file; a table is read row by row, as `validate` reads it."""
    if importer_of(path, given.format).columns:
        for rows in _gathered(read_results(path, given=Given(format=given.format)), faults):
            yield _point([told(row, given, system) for row in rows], system)
        return
    yield from _points_from(read_benchmarks(path, given=given), path.name, system, faults, notes)


def _points_from(
    found: Iterable[Benchmark | Fault], name: str, system: System | None, faults: list[Fault], notes: list[str]
) -> Iterator[Point | Skip | InputError]:
    for one in found:
        if isinstance(one, Fault):
            faults.append(one)
            continue
        notes += [
            text for note in one.notes if note.kind != "command" and (text := f"{name}: {note.text}") not in notes
        ]
        yield _of_tool(one, system)


def points_of(asked: Told, *, url: str | None = None, otherwise: Deployed = NOTHING) -> Found:
    """Every run of the files and of a server that can be predicted. InputError where none can.

    `otherwise` is the deployment of runs that neither file nor user describes.
    """
    sources = sources_of(asked, url=url, otherwise=otherwise)
    system = None if asked.system is None else load_system(asked.system)
    faults: list[Fault] = []
    notes = [f"flag of the command that is not known: {word}" for word in sources.given.unknown_flags]
    notes += [f"{log.file}: log of a start, believed below the options" for log in sources.logs]
    read = [_points_in(path, sources.given, system, faults, notes) for path in sources.paths]
    read.append(_points_from(sources.of_servers(), "url", system, faults, notes))
    points: list[Point] = []
    skipped: Counter[str] = Counter()
    unsaid: InputError | None = None
    for found in chain.from_iterable(read):
        if isinstance(found, Point):
            points.append(found)
        elif isinstance(found, InputError):
            unsaid = unsaid or found
            skipped[str(found)] += 1
        else:
            skipped[found.reason] += 1
    notes += dict.fromkeys(
        f"{Path(one.first.file).name}: {one.setup.read_as}; `tp`, `pp`, `dp` and `ep` say otherwise"
        for one in points
        if one.setup.read_as
    )
    if not points:
        if unsaid is not None:
            raise unsaid
        why = "; ".join(reason for reason, _ in skipped.most_common(2)) or (str(faults[0]) if faults else "no rows")
        names = ", ".join(Path(one).name for one in asked.results) or "url"
        raise InputError("results", names[:60], "runs to predict", why)
    return Found(points=tuple(points), skipped=tuple(skipped.most_common()), faults=tuple(faults), notes=tuple(notes))
