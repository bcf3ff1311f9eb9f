"""Published runs of models on machines, to be shown beside predictions: a file of data/measured/ for each chip.

The files are written by `scripts/carry_measured.py`. A series is one deployment under rising closed loops.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

from tokenroof.catalog.facts import Entry, Range, read_toml
from tokenroof.catalog.machine_index import DATA
from tokenroof.errors import InputError
from tokenroof.provenance import Grade
from tokenroof.types.dtype import DTYPES

__all__ = ["MEASURED", "MeasuredSeries", "measured_on", "read_measured"]

MEASURED = DATA / "measured"
_MOST_SERIES, _MOST_POINTS = 400, 64
_KEYS = (
    "model", "gpus", "tp", "pp", "ep", "dp", "weight_dtype", "engine", "engine_version", "isl", "osl", "statistic",
    "fitted", "source", "as_of", "grade", "concurrency", "tpot_s", "ttft_s", "total_tokens_per_s_per_gpu",
)  # fmt: skip
_TOP = ("defaults", "chip", "mean_share", "series")
_CONCURRENCY = Range("1", 1, 1_000_000, whole=True)
_SECONDS = Range("s", 1e-6, 1e5)
_RATE = Range("1/s", 1e-3, 1e8)
_SHARE = Range("1", 0.01, 1.0)
_DEGREE, _TOKENS = (1, 4096), (1, 10_000_000)
_STATISTICS = ("mean", "median")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSeries:
    """One deployment, measured at each of `concurrency` requests in flight.

    `isl` and `osl` are as the source names them, `mean_share` times that their mean. `statistic` says what TPOT and
    TTFT are. `ttft_s` and `total_tokens_per_s_per_gpu` (input and output) are empty where the source does not have
    them. `fitted`: the constants of the package were fitted to runs that include these.
    """

    model: str
    chip: str
    gpus: int
    tp: int
    pp: int
    ep: int
    dp: int
    weight_dtype: str
    engine: str
    engine_version: str
    isl: int
    osl: int
    mean_share: float
    statistic: str
    fitted: bool
    concurrency: tuple[float, ...]
    tpot_s: tuple[float, ...]
    ttft_s: tuple[float, ...]
    total_tokens_per_s_per_gpu: tuple[float, ...]
    source: str
    as_of: str
    grade: Grade


def _numbers(entry: Entry, key: str, allowed: Range, *, needed: bool = False) -> tuple[float, ...]:
    """A column of the series."""
    given = entry.table.get(key, [])
    if not isinstance(given, list) or not int(needed) <= len(given) <= _MOST_POINTS:
        raise InputError(entry.field(key), given, f"a list of {int(needed)} to {_MOST_POINTS} numbers")
    for value in given:
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if not known or not allowed.low <= value <= allowed.high or (allowed.whole and value != int(value)):
            raise InputError(entry.field(key), value, allowed.text)
    return tuple(float(value) for value in given)


def _choice(entry: Entry, key: str, allowed: tuple[str, ...]) -> str:
    found = entry.text(key, limit=40)
    if found not in allowed:
        raise InputError(entry.field(key), found, f"one of {', '.join(allowed)}")
    return found


def _series(entry: Entry, chip: str, mean_share: float) -> MeasuredSeries:
    entry.only(_KEYS)
    fitted = entry.table.get("fitted")
    if not isinstance(fitted, bool):
        raise InputError(entry.field("fitted"), fitted, "true or false")
    concurrency = _numbers(entry, "concurrency", _CONCURRENCY, needed=True)
    columns = {
        "tpot_s": _numbers(entry, "tpot_s", _SECONDS, needed=True), "ttft_s": _numbers(entry, "ttft_s", _SECONDS),
        "total_tokens_per_s_per_gpu": _numbers(entry, "total_tokens_per_s_per_gpu", _RATE),
    }  # fmt: skip
    for key, values in columns.items():
        if values and len(values) != len(concurrency):
            raise InputError(entry.field(key), len(values), f"as many as concurrency has: {len(concurrency)}")
    degrees = {name: entry.whole(name, *_DEGREE, 1) for name in ("tp", "pp", "ep", "dp")}
    gpus = entry.whole("gpus", *_DEGREE)
    if gpus != degrees["tp"] * degrees["pp"] * degrees["dp"]:
        raise InputError(entry.field("gpus"), gpus, "tp x pp x dp")
    origin = {key: entry.table[key] for key in ("source", "as_of", "grade") if key in entry.table}
    first = entry.child({"tpot_s": {"value": columns["tpot_s"][0], "unit": "s", **origin}}, "first")
    fact = first.required("tpot_s", _SECONDS)
    return MeasuredSeries(
        model=entry.text("model", limit=80), chip=chip, gpus=gpus,
        tp=degrees["tp"], pp=degrees["pp"], ep=degrees["ep"], dp=degrees["dp"],
        weight_dtype=_choice(entry, "weight_dtype", tuple(DTYPES)), engine=entry.text("engine", limit=40),
        engine_version=entry.text("engine_version", "", limit=40), isl=entry.whole("isl", *_TOKENS),
        osl=entry.whole("osl", *_TOKENS), mean_share=mean_share, statistic=_choice(entry, "statistic", _STATISTICS),
        fitted=fitted, concurrency=concurrency, tpot_s=columns["tpot_s"], ttft_s=columns["ttft_s"],
        total_tokens_per_s_per_gpu=columns["total_tokens_per_s_per_gpu"], source=fact.source, as_of=fact.as_of,
        grade=fact.grade,
    )  # fmt: skip


def read_measured(path: Path) -> tuple[MeasuredSeries, ...]:
    """The series of one file, all checked."""
    top = Entry.top(f"measured/{path.name}", read_toml(path), {})
    top.only(_TOP)
    chip = top.text("chip", limit=80)
    if chip != path.stem:
        raise InputError(top.field("chip"), chip, f"{path.stem}, the name of its file")
    tables = top.table.get("series", [])
    if not isinstance(tables, list) or len(tables) > _MOST_SERIES or not all(isinstance(one, dict) for one in tables):
        raise InputError(top.field("series"), len(tables), f"a list of at most {_MOST_SERIES} tables")
    share = top.required("mean_share", _SHARE).value
    return tuple(_series(top.child(one, f"series[{at}]"), chip, share) for at, one in enumerate(tables, 1))


@functools.cache
def measured_on(chip: str) -> tuple[MeasuredSeries, ...]:
    """Every series of a chip of the catalogue; none where nobody published runs on it."""
    known = {path.stem: path for path in MEASURED.glob("*.toml")}
    return read_measured(known[chip]) if chip in known else ()
