"""locust's stats CSV: times of what the user's script fired, in milliseconds. It knows no tokens and no users.

A row of times to first tokens is found by its name; every other row is a run.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from tokenroof.measure.importers.documents import Fields, text_of
from tokenroof.measure.importers.table import BadRow, Importer, columns_of
from tokenroof.types.benchmark import Benchmark, Note, Spread
from tokenroof.types.run import Fault

__all__ = ["LOCUST"]

_HEAD = {"Type", "Name", "Request Count", "Average Response Time", "Requests/s"}
_FIRST = re.compile(r"ttft|first[ _-]?token|time_to_first", re.IGNORECASE)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)%")
_LOOKED_AT = ("Type", "Name")
_EXAMPLE = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Requests/s,Failures/s,50%,99%\n"
    "POST,/v1/chat/completions,64,0,1240,1248.0,6.4,0.0,1240,1300\n"
    "TTFT,first_token,64,0,55,60.0,6.4,0.0,55,90\n"
    ",Aggregated,128,0,600,654,12.8,0.0,600,1300\n"
)


def _times(fields: Fields) -> Spread:
    mean = fields.above("Average Response Time")
    places = {
        float(found[1]): value * 1e-3
        for key in fields.keys
        if (found := _PERCENT.fullmatch(key)) and float(found[1]) < 100 and (value := _maybe(fields, key)) is not None
    }
    return Spread(mean=None if mean is None else mean * 1e-3, percentiles=tuple(sorted(places.items())))


def _maybe(fields: Fields, key: str) -> float | None:
    return None if fields.text(key) == "N/A" else fields.number(key)


def _run(fields: Fields, first: Fields, position: int, file: str) -> Benchmark:
    count, failed = fields.needed("Request Count"), fields.number("Failure Count") or 0.0
    if failed >= count:
        raise BadRow("every request failed")
    rate = fields.above("Requests/s")
    notes: tuple[Note, ...] = ()
    if not first:
        text = "no row is named like a time to first token (ttft, first_token): only E2E is read"
        notes = (Note(kind="unsaid", text=text),)
    return Benchmark(
        tool=LOCUST.name, file=file, position=position, label=fields.text("Name"),
        served_rate=None if rate is None else rate * (1.0 - failed / count), requests=count, completed=count - failed,
        failed=failed, ttft=_times(first), e2e=_times(fields), looked_at=_LOOKED_AT, notes=notes,
    )  # fmt: skip


def _rows(path: Path) -> list[tuple[int, Fields]]:
    reader = csv.DictReader(io.StringIO(text_of(path)))
    try:
        return [
            (reader.line_num, Fields({str(name): cell for name, cell in row.items() if isinstance(cell, str)}))
            for row in reader
        ]
    except csv.Error as error:
        raise BadRow(str(error)) from None


def detect(head: str) -> bool:
    """Whether the first line is that of locust's stats."""
    return set(columns_of(head)) >= _HEAD


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """A Benchmark for every row that is neither the sum of all nor of times to first tokens."""
    try:
        rows = [(line, row) for line, row in _rows(path) if row.text("Name") not in ("Aggregated", "Total", "")]
    except BadRow as error:
        yield Fault(file=path.name, line=0, text=str(error))
        return
    names = [(row, f"{row.text('Type')} {row.text('Name')}") for _, row in rows]
    first = next((row for row, name in names if _FIRST.search(name)), Fields({}))
    for line, row in rows:
        if row is first:
            continue
        try:
            yield _run(row, first, line, path.name)
        except BadRow as error:
            yield Fault(file=path.name, line=line, text=str(error))


LOCUST = Importer(name="locust", columns=(), detect=detect, read=read, example=_EXAMPLE)
