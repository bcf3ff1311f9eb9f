"""One trace: rate and burstiness, lengths, and the share of its prompts that prefix caches of given sizes find."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tokenroof.errors import InputError
from tokenroof.simulate.requests import NO_SESSION, Requests
from tokenroof.simulate.traces import format_of, read_trace
from tokenroof.usecases.trace.answer import TraceFault, TraceRequest, TraceResponse
from tokenroof.usecases.trace.caches import bytes_per_token, prefixes_of
from tokenroof.usecases.trace.sentence import sentence_of
from tokenroof.usecases.trace.stats import (
    DISPERSION_WINDOW_S,
    busiest_rate,
    dispersion,
    gap_cv,
    lengths_of,
    windows_of,
)

__all__ = ["TraceRequest", "TraceResponse", "part_of", "trace"]

_MOST_FAULTS = 20  # shown; all are counted


def _span(request: TraceRequest) -> tuple[float, float]:
    start, end = request.start or 0.0, math.inf if request.end is None else request.end
    if end <= start:
        raise InputError("end", end, f"later than the start, {start:g} s")
    return start, end


def part_of(requests: Requests, request: TraceRequest) -> Requests:
    """The requests between `start` and `end`, at `scale` times their rate."""
    start, end = _span(request)
    if start > requests.duration_s:
        raise InputError("start", start, f"within the trace, which lasts {requests.duration_s:g} s")
    found = requests.sliced(start, end)
    if not len(found):
        raise InputError("end", end, f"later than the first arrival from {start:g} s on")
    return found if request.scale is None else found.scaled(request.scale)


def _sessions(requests: Requests) -> int | None:
    if requests.sessions is None:
        return None
    return len(np.unique(requests.sessions[requests.sessions != NO_SESSION]))


def trace(request: TraceRequest, on_rows: Callable[[int], None] | None = None) -> TraceResponse:
    """Read a trace and describe it. `on_rows` is told now and then how many requests have been read."""
    per_token, _ = bytes_per_token(request), _span(request)  # both may refuse, before a long file is read
    whole = read_trace(request.file, columns=request.columns, skip_bad=request.skip_bad, on_rows=on_rows)
    requests = part_of(whole, request)
    prefixes = prefixes_of(requests, request, per_token)
    isl, osl = lengths_of(requests.isl), lengths_of(requests.osl)
    spread = dispersion(requests.arrival_s)
    width, windows = windows_of(requests)
    return TraceResponse(
        sentence=sentence_of(requests, isl, osl, spread, prefixes),
        file=Path(request.file).name,
        format="columns by name" if request.columns else format_of(request.file).name,
        start_s=request.start or 0.0,
        end_s=request.end,
        scale=request.scale or 1.0,
        requests=len(requests),
        skipped=requests.skipped,
        faults=tuple(TraceFault(line=one.line, reason=one.reason) for one in requests.faults[:_MOST_FAULTS]),
        notes=requests.notes,
        sessions=_sessions(requests),
        duration_s=requests.duration_s,
        request_rate=requests.mean_rate if len(requests) > 1 else math.inf,
        busiest_rate=busiest_rate(requests.arrival_s),
        gap_cv=gap_cv(requests.arrival_s),
        dispersion=spread,
        dispersion_window_s=DISPERSION_WINDOW_S,
        isl=isl,
        osl=osl,
        prefixes=prefixes,
        window_s=width,
        windows=windows,
        columns=requests,
    )
