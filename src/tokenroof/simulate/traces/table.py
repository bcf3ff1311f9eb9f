"""Any CSV, or JSON lines, whose columns are named: `arrival=ts,isl=in,osl=out`, also `arrival_ms=` and `session=`.

Without `columns` the file's own names have to be `arrival_s` (or `arrival_ms`), `isl`, `osl` and `session`. Times are
seconds or dates. A file without arrivals is one of lengths: all requests arrive at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from tokenroof.errors import InputError
from tokenroof.simulate.traces.collect import Collector, Column, dates, is_date, numbers
from tokenroof.simulate.traces.format import TraceFormat
from tokenroof.simulate.traces.lines import named_blocks, names_at_start, names_of

__all__ = ["TABLE", "columns_from", "read_table"]

_FORM = "of the form arrival=NAME,isl=NAME,osl=NAME (arrival_ms= and session= too; arrival may be left out)"
_NAMES = ("arrival", "arrival_ms", "isl", "osl", "session")
_OWN = {"arrival": "arrival_s", "arrival_ms": "arrival_ms", "isl": "isl", "osl": "osl", "session": "session"}
_EXAMPLE = """arrival_s,isl,osl,session
0.0,1024,128,a
0.25,900,30,
1.5,2048,64,a
"""


def columns_from(text: str) -> dict[str, str]:
    """Which column holds what, from `arrival=ts,isl=in,osl=out`."""
    pairs = [part.partition("=") for part in text.split(",")]
    found = {what.strip(): name.strip() for what, _, name in pairs}
    if len(found) < len(pairs) or not all(found.values()) or not set(found) <= set(_NAMES):
        raise InputError("columns", text, _FORM)
    if not {"isl", "osl"} <= set(found) or {"arrival", "arrival_ms"} <= set(found):
        raise InputError("columns", text, _FORM, "isl and osl are needed, and one arrival at most")
    return found


def _arrival(name: str, cells: Sequence[Any], scale: float, dated: bool) -> Column:
    return dates(name, cells) if dated else numbers(name, cells, scale)


def read_table(file: TextIO, into: Collector, columns: Mapping[str, str]) -> None:
    """Rows of a table or of JSON lines; `columns` names that of arrival or arrival_ms, of isl, osl and session."""
    clock = next((what for what in ("arrival", "arrival_ms") if what in columns), None)
    scale, dated = 1e-3 if clock == "arrival_ms" else 1.0, None
    if clock is None:
        into.notes.append("no column of arrivals: all requests arrive at once")
    for lines, cells in named_blocks(file, into, tuple(columns.values())):
        arrival = None
        if clock is not None:
            if dated is None:  # the first cell that is either says which kind of time the file has
                dated = _dated(cells[columns[clock]])
            arrival = _arrival(columns[clock], cells[columns[clock]], scale, bool(dated))
        into.add(
            lines, arrival=arrival, isl=numbers(columns["isl"], cells[columns["isl"]]),
            osl=numbers(columns["osl"], cells[columns["osl"]]),
            sessions=cells[columns["session"]] if "session" in columns else None,
        )  # fmt: skip


def _dated(cells: Sequence[Any]) -> bool | None:
    for cell, value in zip(cells, numbers("", cells).values, strict=True):
        if is_date(cell):
            return True
        if value == value:
            return False
    return None


def _detect(head: str) -> bool:
    return {"isl", "osl"} <= set(names_of(head))


def _read(file: TextIO, into: Collector) -> None:
    header = names_at_start(file)
    known = {what: name for what, name in _OWN.items() if name in header}
    if {"arrival", "arrival_ms"} <= set(known):
        del known["arrival_ms"]
    read_table(file, into, known)


TABLE = TraceFormat(name="CSV", columns=("isl", "osl"), detect=_detect, read=_read, example=_EXAMPLE)
