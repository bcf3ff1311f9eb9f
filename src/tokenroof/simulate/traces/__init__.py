"""Traces of requests: one file a format, one line each in FORMATS.

read_trace(path)                                   a file of any known format, plain or gzip
read_trace(path, columns="arrival=ts,isl=in,osl=out")    any CSV
format_of(path)                                    the format that a file has
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tokenroof.errors import FileError
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.traces.azure import AZURE
from tokenroof.simulate.traces.bailian import BAILIAN
from tokenroof.simulate.traces.bench_output import BENCH_OUTPUT
from tokenroof.simulate.traces.burstgpt import BURSTGPT
from tokenroof.simulate.traces.collect import Collector
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import NO_LIST, head_of, holds_list, names_of, opened, printable
from tokenroof.simulate.traces.mooncake import MOONCAKE
from tokenroof.simulate.traces.request_log import REQUEST_LOG
from tokenroof.simulate.traces.table import TABLE, columns_from, read_table

__all__ = ["FORMATS", "TraceFormat", "format_of", "read_trace"]

_NEAR = 0.5  # of a format's columns may lack where it is still what was probably meant

FORMATS: tuple[TraceFormat, ...] = (
    AZURE,
    MOONCAKE,
    BAILIAN,
    BURSTGPT,
    REQUEST_LOG,
    BENCH_OUTPUT,
    TABLE,
)


def format_of(path: str | Path) -> TraceFormat:
    """The format of a file; where no known one is its, FileError says what the nearest lacks."""
    head = head_of(Path(path))
    for one in FORMATS:
        if one.detect(head):
            return one
    raise FileError(str(path), 0, _unknown(head))


def _unknown(head: str) -> str:
    """Why a file is of no known format, and what would help."""
    if not head.strip():
        return "is empty"
    if "\0" in head:
        return "not UTF-8 text"
    if holds_list(head):
        return NO_LIST
    names = names_of(head)
    lacking = {one.name: [name for name in one.columns if name not in names] for one in FORMATS}
    missed = {one.name: len(lacking[one.name]) / len(one.columns) for one in FORMATS if lacking[one.name]}
    nearest = min(missed, key=missed.__getitem__, default="")
    if missed.get(nearest, 1.0) <= _NEAR:
        near = f"nearest is {nearest}, without {', '.join(lacking[nearest])}"
    else:
        near = f"known are {', '.join(one.name for one in FORMATS)}"
    named = f"it has {printable(names)}: `columns` arrival=NAME,isl=NAME,osl=NAME says which is which"
    return f"of no known format; {near}; {named}" if names[1:] else f"of no known format; {near}"


def read_trace(
    path: str | Path, *, columns: str | None = None, skip_bad: bool = False,
    on_rows: Callable[[int], None] | None = None,
) -> Requests:  # fmt: skip
    """Every request of a trace, in order of arrival.

    A row that cannot be used is a FileError with its line and reason; with `skip_bad` it is left out and counted, and
    `faults` of the requests has the first of them. `columns` says which columns of a CSV hold what. `on_rows` is told
    after each block of rows how many requests there are.
    """
    path = Path(path)
    read = format_of(path).read if columns is None else partial(read_table, columns=columns_from(columns))
    into = Collector(str(path), skip_bad, on_rows)
    with opened(path) as file:
        read(file, into)
    return into.requests()
