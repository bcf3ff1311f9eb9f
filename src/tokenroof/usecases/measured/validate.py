"""How far off is it: predicts every measured run it can, and scores itself per set, metric and split.

Rows stream through, and little is kept of each, so that a million rows stay small. Rows of quality C, and those that
are better than their hardware allows, are counted and never scored.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenroof.errors import FileError, InputError
from tokenroof.measure.deployments import Deployments
from tokenroof.measure.importers import read_results
from tokenroof.measure.setups import METRICS, Skip
from tokenroof.scenario.ranges import LOWER_IS_BETTER
from tokenroof.simulate.traces.request_log import is_stamped
from tokenroof.types.run import Fault, Run
from tokenroof.types.served import Ranged
from tokenroof.usecases.measured.breaches import BoundBreach, explained
from tokenroof.usecases.measured.in_flight import FewInFlight, InFlight
from tokenroof.usecases.measured.predict import Forecaster
from tokenroof.usecases.measured.replay import replayed
from tokenroof.usecases.measured.scores import Group, Tally, group_of, pooled

__all__ = ["BY", "BoundBreach", "Group", "Scored", "ValidateResponse", "score_rows", "validate"]

_LOGS = (".jsonl", ".jsonl.gz")
_BEATS = "beats the hardware bound: a fault of the data"
_MOST_FAULTS_KEPT = 1000
_MOST_BREACHES_KEPT = 1000
_MOST_FEW_KEPT = 1000
# Columns that a prediction can do without and is better with.
_SHOULD_SAY: Mapping[str, Callable[[Run], str]] = {"source": lambda run: run.source, "date": lambda run: run.date}
_KINDS = {
    "tpot": "TPOT", "ttft": "TTFT", "ttft_p50": "TTFT", "e2e": "E2E", "output": "throughput",
    "output_per_gpu": "throughput", "total": "throughput", "input": "throughput",
    "input_per_gpu": "throughput",
}  # fmt: skip
# What scores can be told apart by, as a run says it.
BY: Mapping[str, Callable[[Run], str]] = {
    "model": lambda run: run.model,
    "hardware": lambda run: run.hardware.removeprefix("NVIDIA "),
    "engine": lambda run: run.engine,
    "format": lambda run: run.weight_dtype or "not stated",
    "mode": lambda run: run.mode,
    "source": lambda run: run.source or run.file,
}
_Key = tuple[str, str, str, tuple[str, ...]]  # file, metric, split, values of what rows are told apart by


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One run beside its prediction, in the unit of the run. `bound` is the best value that the hardware allows."""

    run: Run
    predicted: float
    low: float
    high: float
    bound: float
    beats_bound: bool
    read_as: str = ""

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return self.predicted / self.run.value - 1.0

    @property
    def over_bound(self) -> float:
        """How many times the best that the hardware allows a run took; of throughput how many times less it made."""
        slower = METRICS[self.run.metric][0] in LOWER_IS_BETTER
        return self.run.value / self.bound if slower else self.bound / self.run.value

    @property
    def covered(self) -> bool:
        """Whether the measurement lies in the 80 % range."""
        return self.low <= self.run.value <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateResponse:
    """Scores by group, `overall` by kind of quantity, all sets together, and `by_value` by the values of `by`.

    Reasons for what was skipped, unreadable rows, and rows that beat the hardware bound, which no score counts.
    `missing_columns`: those that scored rows leave blank, and how many do. `missing_in_flight`: runs with fewer in
    flight than stated. `read_as`: what was made of layouts that are not said, and in how many scored rows.
    """

    groups: tuple[Group, ...]
    overall: tuple[Group, ...]
    by: tuple[str, ...]
    by_value: tuple[Group, ...]
    rows: int
    scored: int
    skipped: tuple[tuple[str, int], ...]
    faults: tuple[Fault, ...]
    n_faults: int
    breaches: tuple[BoundBreach, ...]
    n_breaches: int
    missing_columns: tuple[tuple[str, int], ...]
    read_as: tuple[tuple[str, int], ...]
    missing_in_flight: tuple[FewInFlight, ...]
    n_missing_in_flight: int


def score_rows(paths: Iterable[str | Path]) -> Iterator[Scored | Skip | Fault]:
    """Every row of every table, scored, skipped with the reason, or faulty.

    A table that cannot be read is one fault among others; it is an error where nothing else was read.
    """
    read, forecaster = 0, Forecaster()
    refused: InputError | FileError | None = None
    for path in paths:
        try:
            for row in _rows(Path(path), forecaster):
                read += 1
                yield row
        except (InputError, FileError) as error:
            refused = refused or error
            yield Fault(file=Path(path).name, line=0, text=str(error))
    if refused is not None and not read:
        raise refused


def _rows(path: Path, forecaster: Forecaster) -> Iterator[Scored | Skip | Fault]:
    """Every metric of a log of requests, or every row of a table."""
    if path.name.endswith(_LOGS) and is_stamped(path):
        for run, found in replayed(path):
            yield found if isinstance(found, Skip) else _scored(run, found)
        return
    for row in read_results(path):
        yield _judged(row, forecaster)


def _judged(row: Run | Fault, forecaster: Forecaster) -> Scored | Skip | Fault:
    if isinstance(row, Fault):
        return row
    if row.quality == "C":
        return Skip("quality C: shown for information, never scored")
    found = forecaster.forecast(row)
    return found if isinstance(found, Skip) else _scored(row, found, forecaster.read_as)


def _scored(run: Run, found: Ranged, read_as: str = "") -> Scored:
    bound = found.value if found.bound is None else found.bound
    better = run.value < bound if METRICS[run.metric][0] in LOWER_IS_BETTER else run.value > bound
    low, high = (found.value if end is None else end for end in (found.low, found.high))
    return Scored(run=run, predicted=found.value, low=low, high=high, bound=bound, beats_bound=better, read_as=read_as)


def _breach(row: Scored) -> BoundBreach:
    run = row.run
    what = f"{run.model}, {run.num_gpus or '?'} x {run.hardware.removeprefix('NVIDIA ')}"
    return BoundBreach(
        file=run.file, line=run.line, row_id=run.row_id, what=what, metric=run.metric, measured=run.value,
        bound=row.bound, unit=run.unit,
    )  # fmt: skip


def _of_kind(metric: str) -> str:
    return _KINDS[METRICS[metric][0]]


def _by_set(tallies: Mapping[_Key, Tally]) -> tuple[Group, ...]:
    parts: dict[tuple[str, str, str], list[Tally]] = {}
    for (name, metric, split, _), tally in tallies.items():
        parts.setdefault((name, metric, split), []).append(tally)
    return tuple(group_of(*key, (), pooled(found)) for key, found in sorted(parts.items()))


def _overall(tallies: Mapping[_Key, Tally]) -> tuple[Group, ...]:
    """The scores of latencies and of throughput, whatever table they are from."""
    kinds = tuple(dict.fromkeys(_KINDS.values()))
    named = {kind: [tally for key, tally in tallies.items() if _of_kind(key[1]) == kind] for kind in kinds}
    return tuple(group_of("all", kind, "", (), pooled(parts)) for kind, parts in named.items() if parts)


def _apart(tallies: Mapping[_Key, Tally], by: Sequence[str]) -> tuple[Group, ...]:
    """The same by what the rows are told apart by."""
    if not by:
        return ()
    parts: dict[tuple[tuple[str, ...], str], list[Tally]] = {}
    for (_, metric, _, values), tally in tallies.items():
        parts.setdefault((values, _of_kind(metric)), []).append(tally)
    kinds = tuple(dict.fromkeys(_KINDS.values()))
    order = sorted(parts, key=lambda key: (key[0], kinds.index(key[1])))
    return tuple(group_of("all", kind, "", values, pooled(parts[values, kind])) for values, kind in order)


def _checked(by: Iterable[str]) -> tuple[str, ...]:
    names = tuple(by)
    for name in names:
        if name not in BY:
            raise InputError("by", name, f"some of {', '.join(BY)}")
    if len(set(names)) < len(names):
        raise InputError("by", ",".join(names), "each name once")
    return names


def validate(
    paths: Iterable[str | Path],
    *,
    by: Iterable[str] = (),
    each: Callable[[Scored], None] | None = None,
    progress: Callable[[], None] | None = None,
) -> ValidateResponse:
    """Score tables of measured runs, apart by some of BY.

    `each` sees every row with a prediction, `progress` is called once per row read.
    """
    names = _checked(by)
    tallies: dict[_Key, Tally] = {}
    deployments: dict[tuple[str, ...], int] = {}
    skipped: Counter[str] = Counter()
    faults: list[Fault] = []
    breaches: list[tuple[Run, BoundBreach]] = []
    files = [Path(path) for path in paths]
    in_flight, kept = InFlight(), list[FewInFlight]()
    missing_columns, read_as = dict.fromkeys(_SHOULD_SAY, 0), Counter[str]()
    rows = scored = n_faults = n_breaches = n_few = 0
    for row in score_rows(files):
        rows += 1
        if progress is not None:
            progress()
        if isinstance(row, Fault):
            n_faults += 1
            if len(faults) < _MOST_FAULTS_KEPT:
                faults.append(row)
        elif isinstance(row, Skip):
            skipped[row.reason] += 1
        else:
            run = row.run
            if row.beats_bound:
                skipped[_BEATS] += 1
                n_breaches += 1
                if len(breaches) < _MOST_BREACHES_KEPT:
                    breaches.append((row.run, _breach(row)))
            else:
                scored += 1
                values = tuple(BY[name](run) for name in names)
                tally = tallies.setdefault((run.file, run.metric, run.split, values), Tally())
                cluster = deployments.setdefault((run.model, run.hardware, run.engine), len(deployments))
                tally.add(row.error, row.low, row.high, row.over_bound, row.covered, cluster)
                read_as.update([row.read_as] if row.read_as else [])
                for name, said in _SHOULD_SAY.items():
                    missing_columns[name] += not said(run)
            if each is not None:
                each(row)
            for few in in_flight.add(run):
                n_few += 1
                kept.append(few)
            del kept[_MOST_FEW_KEPT:]
    last = list(in_flight.rest())
    tables = {path.name: path for path in files if not path.name.endswith(_LOGS)}
    if not rows:
        raise InputError("csv", "no rows", "a table with at least one row")
    return ValidateResponse(
        groups=_by_set(tallies),
        overall=_overall(tallies),
        by=names,
        by_value=_apart(tallies, names),
        rows=rows,
        scored=scored,
        skipped=tuple(skipped.most_common()),
        faults=tuple(faults),
        n_faults=n_faults,
        breaches=tuple(explained(breaches, tables, Deployments())),
        n_breaches=n_breaches,
        missing_columns=tuple((name, n) for name, n in missing_columns.items() if n),
        read_as=tuple(read_as.most_common()),
        missing_in_flight=(*kept, *last)[:_MOST_FEW_KEPT],
        n_missing_in_flight=n_few + len(last),
    )
