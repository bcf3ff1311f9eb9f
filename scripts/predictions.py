"""What the package predicts for 2,000 frozen scenarios, and what moved since the last release.

.venv/bin/python scripts/predictions.py           write tests/predictions/current.csv anew
.venv/bin/python scripts/predictions.py --check   fail where current.csv is not what the code predicts
.venv/bin/python scripts/predictions.py --report  what moved between the last release and current.csv, as Markdown
.venv/bin/python scripts/predictions.py --release the current predictions become those of the last release
"""

import csv
import math
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from tokenroof.catalog import load_model, load_system
from tokenroof.errors import TokenroofError
from tokenroof.operators.memory import memory_use
from tokenroof.scenario.resolve import resolve
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.scenario import Scenario

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "predictions"
SCENARIOS, CURRENT, RELEASED = (FOLDER / name for name in ("scenarios.csv", "current.csv", "released.csv"))
COLUMNS = ("tpot_s", "ttft_s", "output_tokens_per_s_per_gpu", "requests_that_fit")
NOTHING = math.nan  # in memory only: a scenario that is refused, or a time where nothing fits; an empty cell in files
CLOSE = 6e-6  # six figures are true to 5e-6
MOVED = 5e-4  # the report leaves out what moved by less than 0.05 %

Answer = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One replica of a deployment in a closed loop. Empty formats are those of the checkpoint."""

    model: str
    system: str
    engine: str
    tp: int
    pp: int
    dp: int
    ep: int
    weight_dtype: str
    kv_dtype: str
    isl: int
    osl: int
    concurrency: int


_DEGREES = ("tp", "pp", "dp", "ep")


@lru_cache(maxsize=1024)
def model(name: str) -> Model:
    """A model of the catalogue, read once."""
    return load_model(name)


@lru_cache(maxsize=64)
def system(name: str) -> System:
    """A system of the catalogue, read once."""
    return load_system(name)


def answer(one: Question) -> Answer:
    """What the package predicts for one replica, per GPU of the replica. Raises where it refuses the question."""
    deployment = resolve(
        Scenario(
            model=one.model, system=one.system, engine=one.engine, tp=one.tp, pp=one.pp, dp=one.dp, ep=one.ep,
            replicas=1, weight_dtype=one.weight_dtype or None, kv_dtype=one.kv_dtype or None, isl=float(one.isl),
            osl=float(one.osl), concurrency=float(one.concurrency),
        ),
        model=model(one.model), system=system(one.system),
    )  # fmt: skip
    served = deployment.serve()
    use = memory_use(deployment.program, deployment.system, context=float(one.isl + one.osl), engine=one.engine)
    return {
        "tpot_s": served.tpot_s, "ttft_s": served.ttft_s,
        "output_tokens_per_s_per_gpu": served.requests_per_s * one.osl / deployment.unit_gpus,
        "requests_that_fit": float(use.sequences),
    }  # fmt: skip


def answered(one: Question) -> Answer:
    """`answer`, or nothing in any column where the question is refused."""
    try:
        return answer(one)
    except TokenroofError:
        return dict.fromkeys(COLUMNS, NOTHING)


def questions() -> list[Question]:
    """The frozen scenarios."""
    kinds = {field.name: int if field.type in (int, "int") else str for field in fields(Question)}
    with SCENARIOS.open(encoding="utf-8", newline="") as file:
        return [Question(**{name: kinds[name](value) for name, value in row.items()}) for row in csv.DictReader(file)]


def cell(value: float) -> str:
    """Six figures; empty where there is no finite number."""
    return f"{value:.6g}" if math.isfinite(value) else ""


def write(path: Path, answers: Iterable[Answer]) -> None:
    """A row per scenario, in the order of scenarios.csv."""
    rows = [",".join(cell(one[name]) for name in COLUMNS) for one in answers]
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")


def read(path: Path) -> list[Answer]:
    """What `write` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(row[name] or NOTHING) for name in COLUMNS} for row in csv.DictReader(file)]


def change(before: float, after: float) -> float:
    """Relative change; infinite where one of the two is nothing, 0 where both are."""
    if not (math.isfinite(before) and math.isfinite(after)):
        return 0.0 if math.isfinite(before) == math.isfinite(after) else math.inf
    return 0.0 if before == after else (after - before) / before if before else math.inf


def differences(stored: Sequence[Answer], now: Sequence[Answer], close: float = CLOSE) -> list[tuple[int, str]]:
    """Row and column of each prediction that is not the stored one."""
    if len(stored) != len(now):
        return [(min(len(stored), len(now)), "rows")]
    return [
        (row, name)
        for row, (old, new) in enumerate(zip(stored, now, strict=True))
        for name in COLUMNS
        if abs(change(old[name], new[name])) > close
    ]


def _verdicts(pairs: Sequence[tuple[Answer, Answer]]) -> dict[str, int]:
    """How many scenarios changed their verdict: fits, does not fit, refused."""

    def verdict(one: Answer) -> str:
        room = one["requests_that_fit"]
        return "refused" if math.isnan(room) else "fits" if room >= 1 else "does not fit"

    counts: dict[str, int] = defaultdict(int)
    for old, new in pairs:
        if verdict(old) != verdict(new):
            counts[f"{verdict(old)} → {verdict(new)}"] += 1
    return dict(counts)


def _moved(pairs: Sequence[tuple[Question, Answer, Answer]], name: str) -> list[tuple[float, Question]]:
    both = [(change(old[name], new[name]), one) for one, old, new in pairs]
    return [(by, one) for by, one in both if math.isfinite(by) and abs(by) > MOVED]


def label(one: Question) -> str:
    """One scenario in a few words."""
    degrees = " ".join(f"{name}{getattr(one, name)}" for name in _DEGREES if getattr(one, name) > 1) or "tp1"
    formats = " ".join(word for word in (one.weight_dtype, one.kv_dtype and f"kv {one.kv_dtype}") if word)
    where = f"{one.model} on {one.system} {degrees}{' ' + formats if formats else ''}, {one.engine}"
    return f"{where}, {one.isl}/{one.osl}, {one.concurrency} at once"


def _row(head: str, total: int, moved: Sequence[tuple[float, Question]]) -> str:
    if not moved:
        return f"| {head} | {total} | 0 | | | |"
    by = [one for one, _ in moved]
    worst = max(moved, key=lambda one: abs(math.log1p(max(one[0], -0.999999))))
    return f"| {head} | {total} | {len(by)} | {statistics.median(by):+.1%} | {worst[0]:+.1%} | {label(worst[1])} |"


def report(asked: Sequence[Question], before: Sequence[Answer], after: Sequence[Answer]) -> str:
    """What moved, by quantity and by engine, layout and system."""
    pairs = list(zip(asked, before, after, strict=True))
    groups: dict[str, Callable[[Question], str]] = {
        "engine": lambda one: one.engine,
        "layout": lambda one: "pp > 1" if one.pp > 1 else "dp > 1" if one.dp > 1 else "tp alone",
        "system": lambda one: one.system,
    }
    lines = [f"{len(pairs)} scenarios; moved means by more than {MOVED:.2%}."]
    counts = _verdicts([(old, new) for _, old, new in pairs])
    lines += [f"- {word}: {count}" for word, count in sorted(counts.items())]
    head = ["", "| what | scenarios | moved | median | worst | where |", "| --- | --: | --: | --: | --: | --- |"]
    lines += [*head, *(_row(name, len(pairs), _moved(pairs, name)) for name in COLUMNS)]
    for name, key in groups.items():
        lines += ["", f"TPOT by {name}", *head]
        for value in sorted({key(one) for one in asked}):
            chosen = [pair for pair in pairs if key(pair[0]) == value]
            moved = _moved(chosen, "tpot_s")
            lines += [_row(value, len(chosen), moved)] if moved else []
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write, check, report or release; the exit status says whether the stored predictions are the code's."""
    asked = questions()
    if "--report" in sys.argv:
        print(report(asked, read(RELEASED), read(CURRENT)), end="")
        return 0
    if "--release" in sys.argv:
        shutil.copyfile(CURRENT, RELEASED)
        return 0
    now = [answered(one) for one in asked]
    if "--check" not in sys.argv:
        write(CURRENT, now)
        return 0
    wrong = differences(read(CURRENT), now)
    for row, name in wrong[:10]:
        print(f"row {row + 2}: {name} of {label(asked[row]) if row < len(asked) else 'more rows'} moved")
    if wrong:
        print(f"{len(wrong)} predictions moved; scripts/predictions.py writes them anew, --report lists them")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
