"""How far off is it: predicts every measured run it can, and scores itself per set, metric and split.

Rows stream through; what is kept per group is one float for the error and one for its sign, so that a million rows
stay small. Quality C rows are counted and never scored.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
from tokenroof.usecases.measured.predict import Forecaster
from tokenroof.usecases.measured.replay import replayed

__all__ = ["BoundBreach", "Group", "Scored", "ValidateResponse", "score_rows", "validate"]

_LOGS = (".jsonl", ".jsonl.gz")
_MOST_FAULTS_KEPT = 1000
_MOST_BREACHES_KEPT = 1000
_KINDS = {
    "tpot": "TPOT", "ttft": "TTFT", "ttft_p50": "TTFT", "e2e": "E2E", "output": "throughput",
    "output_per_gpu": "throughput", "total": "throughput", "input": "throughput",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One run beside its prediction, in the unit of the run. `bound` is the best value that the hardware allows."""

    run: Run
    predicted: float
    low: float
    high: float
    bound: float
    beats_bound: bool

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
class Group:
    """Scores of one metric of one set and split. Errors are relative to the measurement.

    `median_over_bound` is how far from the roof runs are: measured over bound, of throughput the reverse.
    """

    set: str
    metric: str
    split: str
    n: int
    median_absolute_error: float
    median_error: float
    within_15: float
    within_30: float
    coverage_80: float
    median_over_bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateResponse:
    """Scores by group and `overall` by kind of quantity, all sets together; reasons for what was skipped, unreadable
    rows, and rows that beat the hardware bound.
    """

    groups: tuple[Group, ...]
    overall: tuple[Group, ...]
    rows: int
    scored: int
    skipped: tuple[tuple[str, int], ...]
    faults: tuple[Fault, ...]
    n_faults: int
    breaches: tuple[BoundBreach, ...]
    n_breaches: int


@dataclass(slots=True)
class _Tally:
    errors: "array[float]" = field(default_factory=lambda: array("d"))
    roofs: "array[float]" = field(default_factory=lambda: array("d"))
    covered: int = 0


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


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
    return found if isinstance(found, Skip) else _scored(row, found)


def _scored(run: Run, found: Ranged) -> Scored:
    bound = found.value if found.bound is None else found.bound
    better = run.value < bound if METRICS[run.metric][0] in LOWER_IS_BETTER else run.value > bound
    low, high = (found.value if end is None else end for end in (found.low, found.high))
    return Scored(run=run, predicted=found.value, low=low, high=high, bound=bound, beats_bound=better)


def _breach(row: Scored) -> BoundBreach:
    run = row.run
    what = f"{run.model}, {run.num_gpus or '?'} x {run.hardware.removeprefix('NVIDIA ')}"
    return BoundBreach(
        file=run.file, line=run.line, row_id=run.row_id, what=what, metric=run.metric, measured=run.value,
        bound=row.bound, unit=run.unit,
    )  # fmt: skip


def _group(key: tuple[str, str, str], tally: _Tally) -> Group:
    errors, n = list(tally.errors), len(tally.errors)
    absolute = [abs(error) for error in errors]
    return Group(
        set=key[0],
        metric=key[1],
        split=key[2],
        n=n,
        median_absolute_error=_median(absolute),
        median_error=_median(errors),
        within_15=sum(error <= 0.15 for error in absolute) / n,
        within_30=sum(error <= 0.30 for error in absolute) / n,
        coverage_80=tally.covered / n,
        median_over_bound=_median(list(tally.roofs)),
    )


def _overall(tallies: Mapping[tuple[str, str, str], _Tally]) -> tuple[Group, ...]:
    """The scores of latencies and of throughput, whatever table they are from."""
    pooled: dict[str, _Tally] = {}
    for (_, metric, _), tally in tallies.items():
        one = pooled.setdefault(_KINDS[METRICS[metric][0]], _Tally())
        one.errors.extend(tally.errors)
        one.roofs.extend(tally.roofs)
        one.covered += tally.covered
    order = tuple(dict.fromkeys(_KINDS.values()))
    return tuple(_group(("all", kind, ""), pooled[kind]) for kind in order if kind in pooled)


def validate(
    paths: Iterable[str | Path],
    *,
    each: Callable[[Scored], None] | None = None,
    progress: Callable[[], None] | None = None,
) -> ValidateResponse:
    """Score tables of measured runs. `each` sees every scored row, `progress` is called once per row read."""
    tallies: dict[tuple[str, str, str], _Tally] = {}
    skipped: Counter[str] = Counter()
    faults: list[Fault] = []
    breaches: list[tuple[Run, BoundBreach]] = []
    files = [Path(path) for path in paths]
    rows = scored = n_faults = n_breaches = 0
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
            scored += 1
            tally = tallies.setdefault((row.run.file, row.run.metric, row.run.split), _Tally())
            tally.errors.append(row.error)
            tally.roofs.append(row.over_bound)
            tally.covered += row.covered
            if row.beats_bound:
                n_breaches += 1
                if len(breaches) < _MOST_BREACHES_KEPT:
                    breaches.append((row.run, _breach(row)))
            if each is not None:
                each(row)
    tables = {path.name: path for path in files if not path.name.endswith(_LOGS)}
    if not rows:
        raise InputError("csv", "no rows", "a table with at least one row")
    return ValidateResponse(
        groups=tuple(_group(key, tally) for key, tally in sorted(tallies.items())),
        overall=_overall(tallies),
        rows=rows,
        scored=scored,
        skipped=tuple(skipped.most_common()),
        faults=tuple(faults),
        n_faults=n_faults,
        breaches=tuple(explained(breaches, tables, Deployments())),
        n_breaches=n_breaches,
    )
