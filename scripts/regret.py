"""What trusting predictions costs: of the runs that were measured, the one that is predicted best against the best.

.venv/bin/python scripts/regret.py RUNS/*.csv

Runs of one table, model, chip, engine, format and lengths that differ in layout and load are one choice, of at least
two layouts. Under a limit on TPOT (a quartile of those measured) the run with the most predicted output tokens per
second and GPU is taken. Regret is how much fewer tokens it measured than the best run that held the limit, none where
it measured more; the limit is broken where its measured TPOT lies above it. A layout's regret lets the load be set by a
measurement: the best run of the layout taken that held the limit against the best of all, everything where none did.

A limit lies on a measured run, so that even a good prediction falls on the wrong side of it half of the time. What that
alone costs is told by predictions made of the measurements and a random error.
"""

import random
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass, replace

from tokenroof.measure.setups import METRICS
from tokenroof.types.run import Run
from tokenroof.usecases.measured.validate import Scored, validate

SHARES = (0.25, 0.50, 0.75)
ERRORS = (0.03, 0.05, 0.10)  # spread of the made predictions, of TPOT and of throughput each
DRAWS = 50
_THROUGHPUT = ("output", "output_per_gpu", "total")


@dataclass(frozen=True, slots=True)
class Point:
    """One run, measured and predicted: TPOT in ms, output tokens per second and GPU."""

    layout: tuple[float | None, ...]
    tpot: tuple[float, float]
    rate: tuple[float, float]


def _rate(run: Run, metric: str, value: float) -> float:
    """Output tokens per second and GPU of a throughput as a table states it."""
    output = value * run.osl / (run.isl + run.osl) if METRICS[metric][0] == "total" else value
    return output if METRICS[metric][0] == "output_per_gpu" else output / run.num_gpus


def _run_key(run: Run) -> tuple[object, ...]:
    workers = (run.prefill, run.decode_workers, run.drafts)
    return (
        *_choice_key(run),
        run.tp,
        run.pp,
        run.ep,
        run.dp,
        run.num_gpus,
        run.concurrency,
        *workers,
        run.gather_passes,
    )


def _choice_key(run: Run) -> tuple[object, ...]:
    return (
        run.file,
        run.model,
        run.hardware,
        run.engine,
        run.weight_dtype,
        run.spec_decode,
        run.mode,
        run.isl,
        run.osl,
    )


def _point(rows: list[Scored]) -> Point | None:
    """A run's point where it has TPOT and a throughput, or TTFT beside it, from which Little's law gives one."""
    found = {METRICS[row.run.metric][0]: row for row in rows}
    tpot, run = found.get("tpot"), rows[0].run
    if tpot is None or not (run.isl and run.osl and run.num_gpus and run.concurrency):
        return None
    layout = (run.tp, run.pp, run.ep, run.dp, run.num_gpus)
    pace = (tpot.run.value, tpot.predicted)
    for name in _THROUGHPUT:
        if name in found:
            one = found[name]
            rates = (_rate(run, one.run.metric, one.run.value), _rate(run, one.run.metric, one.predicted))
            return Point(layout, pace, rates)
    first = found.get("ttft")
    if first is None:
        return None
    stays = [one + each * (run.osl - 1.0) for one, each in zip((first.run.value, first.predicted), pace, strict=True)]
    return Point(layout, pace, tuple(1e3 * run.concurrency * run.osl / stay / run.num_gpus for stay in stays))


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


@dataclass(frozen=True, slots=True)
class Choice:
    """What one limit cost: regret of the run and of its layout, and the run's TPOT over the limit."""

    regret: float
    layout_regret: float
    over: float


def choices(points: list[Point]) -> list[Choice]:
    """One at each quartile at which predictions let any run hold the limit."""
    found = []
    for share in SHARES:
        limit = _quantile([one.tpot[0] for one in points], share)
        held = [one for one in points if one.tpot[1] <= limit]
        if not held:
            continue
        taken = max(held, key=lambda one: one.rate[1])
        best = max(one.rate[0] for one in points if one.tpot[0] <= limit)
        tuned = max((one.rate[0] for one in points if one.layout == taken.layout and one.tpot[0] <= limit), default=0.0)
        found.append(Choice(max(0.0, 1.0 - taken.rate[0] / best), 1.0 - tuned / best, taken.tpot[0] / limit))
    return found


def _made(points: list[Point], error: float, draw: random.Random) -> list[Point]:
    """The same runs with predictions of that error."""

    def near(value: float) -> float:
        return value * draw.lognormvariate(0.0, error)

    return [
        replace(one, tpot=(one.tpot[0], near(one.tpot[0])), rate=(one.rate[0], near(one.rate[0]))) for one in points
    ]


def _line(name: str, found: list[Choice]) -> str:
    regrets = [one.regret for one in found]
    broken = sum(one.over > 1.0 for one in found) / len(found)
    badly = sum(one.over > 1.1 for one in found) / len(found)
    right = sum(one.layout_regret == 0.0 for one in found) / len(found)
    layout = statistics.mean(one.layout_regret for one in found)
    return (
        f"{name:32} n {len(found):5}"
        f"  regret mean {statistics.mean(regrets):.1%} median {statistics.median(regrets):.1%}"
        f"  limit broken {broken:.0%}, by more than 10 % {badly:.1%}"
        f"  layout: best {right:.0%}, regret mean {layout:.1%}"
    )


def main() -> int:
    """Print a line per table, one for all, and what predictions of a given error would do."""
    rows: dict[tuple[object, ...], list[Scored]] = defaultdict(list)
    validate(sys.argv[1:], each=lambda row: rows[_run_key(row.run)].append(row))
    groups: dict[tuple[object, ...], list[Point]] = defaultdict(list)
    for members in rows.values():
        point = _point(members)
        if point is not None:
            groups[_choice_key(members[0].run)].append(point)
    several = {key: points for key, points in groups.items() if len({one.layout for one in points}) > 1}
    by_file: dict[str, list[Choice]] = defaultdict(list)
    for key, points in several.items():
        for name in (str(key[0]), "all"):
            by_file[name] += choices(points)
    print(f"{len(several)} choices of {sum(map(len, several.values()))} runs")
    for name, found in sorted(by_file.items(), key=lambda item: item[0] == "all"):
        print(_line(name, found))
    draw = random.Random(0)
    for error in ERRORS:
        made = [one for _ in range(DRAWS) for points in several.values() for one in choices(_made(points, error, draw))]
        print(_line(f"predictions right to {error:.0%}", made))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
