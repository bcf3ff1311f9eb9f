"""The shape of demand over hours, and the duty cycle it leaves a machine that is sized for its peak."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenroof.errors import InputError
from tokenroof.reading import expanded, read_text
from tokenroof.types.checks import check_number

__all__ = ["SHAPES", "Traffic", "traffic_from_loads", "traffic_of"]

SHAPES = ("flat", "diurnal")
# A day with a third of its peak at night: chosen, not measured.
_TROUGH = 1.0 / 3.0
_MOST_ROWS = 100_000
_LOAD_COLUMNS = ("load", "requests", "tokens", "rate", "qps", "rps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Loads of consecutive hours over their peak. `off_peak_share` of the load falls in hours below the mean."""

    name: str
    loads: tuple[float, ...]
    duty_cycle: float
    off_peak_share: float


def traffic_from_loads(name: str, loads: Sequence[float]) -> Traffic:
    """Any hourly loads, in any unit."""
    peak = max(loads)
    shares = tuple(load / peak for load in loads)
    mean = math.fsum(shares) / len(shares)
    below = math.fsum(share for share in shares if share < mean)
    return Traffic(name=name, loads=shares, duty_cycle=mean, off_peak_share=below / math.fsum(shares))


def _diurnal(trough: float) -> Traffic:
    check_number("traffic", trough, low=0.0, high=1.0, fix="diurnal:SHARE takes the night's load over the peak's")
    swing = (1.0 - trough) / 2.0
    loads = [1.0 - swing * (1.0 + math.cos(2.0 * math.pi * hour / 24.0)) for hour in range(24)]
    return traffic_from_loads(f"diurnal, night at {trough:.0%} of the peak", loads)


def traffic_of(text: str) -> Traffic:
    """`flat`, `diurnal`, `diurnal:0.2` (night over peak), or a CSV file of hourly loads."""
    word, _, rest = text.strip().partition(":")
    if word == "flat" and not rest:
        return traffic_from_loads("flat", [1.0] * 24)
    if word == "diurnal":
        try:
            trough = float(rest) if rest else _TROUGH
        except ValueError:
            raise InputError("traffic", text, "diurnal:SHARE with a share from 0 to 1") from None
        return _diurnal(trough)
    path = expanded(text, "traffic")
    if path.suffix.lower() != ".csv":
        raise InputError("traffic", text, "flat, diurnal, diurnal:SHARE or a .csv file of hourly loads")
    return traffic_from_loads(path.name, _read(path))


def _read(path: Path) -> list[float]:
    where = f"traffic file {path.name}"
    text = read_text(path, where)
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(where, str(error), "comma-separated values") from None
    if len(rows) > _MOST_ROWS:
        raise InputError(where, f"{len(rows)} rows", f"at most {_MOST_ROWS:,} rows")
    return _loads(where, rows)


def _loads(where: str, rows: list[list[str]]) -> list[float]:
    column, first = _column(where, rows)
    loads: list[float] = []
    for number, row in enumerate(rows[first:], first + 1):
        cell = row[column].strip() if column < len(row) else ""
        try:
            load = float(cell)
        except ValueError:
            raise InputError(f"{where}, row {number}", cell, "a number") from None
        loads.append(check_number(f"{where}, row {number}", load, low=0.0, high=1e30))
    if not loads or max(loads) <= 0.0:
        raise InputError(where, f"{len(loads)} loads", "at least one hour with a load above 0")
    return loads


def _column(where: str, rows: list[list[str]]) -> tuple[int, int]:
    """Which column holds the load, and the first row of data."""
    if not rows:
        raise InputError(where, "empty", "one row an hour, its load in the last column")
    head = [cell.strip().lower() for cell in rows[0]]
    for name in _LOAD_COLUMNS:
        if name in head:
            return head.index(name), 1
    try:
        float(head[-1])
    except ValueError:
        return len(head) - 1, 1
    return len(head) - 1, 0
