"""From the question to requests: read from a trace, or drawn; and the plain scenario that the closed form answers."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError, UnitError
from tokenroof.scenario.slo import slo_of
from tokenroof.simulate.arrivals import MAX_REQUESTS, closed_loop, synthetic
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.traces import format_of, read_trace
from tokenroof.types.scenario import LOADS, Scenario
from tokenroof.types.workload import Workload
from tokenroof.units import parse_count
from tokenroof.usecases.simulate.apart import workers_named
from tokenroof.usecases.simulate.request import REQUESTS, SimulateRequest
from tokenroof.usecases.trace.answer import TraceRequest
from tokenroof.usecases.trace.run import part_of

__all__ = ["WAVES", "Source", "draw", "rates_of", "scenario_of", "source_of"]

WAVES = 10  # requests of a closed loop over those at once: InferenceX runs as many
_MOST_RATES = 100
_OF_A_TRACE = ("columns", "start", "end", "scale")
_NOT_WITH_A_TRACE = ("isl", "osl", "arrivals", *LOADS)
_NOT_YET = {
    "batch": "give concurrency",
    "context": "give isl and osl",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where requests come from: a trace that was read (`requests`), or how many are to be drawn, and in words."""

    requests: Requests | None
    count: int
    words: str
    notes: tuple[str, ...] = ()
    gaps: str = ""

    def at_rate(self, rate: float) -> str:
        """The same in words at another rate."""
        return f"{self.words if self.requests is not None else f'{self.gaps} arrivals'} at {rate:,.4g} requests/s"


def _check(request: SimulateRequest) -> None:
    for name, fix in _NOT_YET.items():
        value = getattr(request, name)
        if value:
            raise InputError(name, value, "left out: it is not simulated", fix)
    if request.prefix:
        raise InputError("prefix", request.prefix, "0: it is found", "give a `trace` and `prefix_cache` block")
    _check_search(request)
    given = [name for name in LOADS if getattr(request, name) is not None]
    if request.trace is not None:
        for name in _NOT_WITH_A_TRACE:
            if getattr(request, name) is not None:
                raise InputError(name, getattr(request, name), "left out with a trace", "it has loads of its own")
        return
    for name in _OF_A_TRACE:
        if getattr(request, name) is not None:
            raise InputError(name, getattr(request, name), "given with a trace")
    if request.skip_bad:
        raise InputError("skip_bad", ..., "given with a trace")
    if not given and not (request.capacity or request.rates):
        raise InputError("request_rate", ..., "given, or `concurrency`, `users` or a `trace`")
    if request.arrivals is not None and request.request_rate is None and not (request.capacity or request.rates):
        raise InputError("arrivals", request.arrivals, "given with a request rate")


def _check_search(request: SimulateRequest) -> None:
    """A search over rates has no other load, and runs of several draws are of one load that is drawn."""
    if request.seeds is not None:
        if request.capacity or request.rates is not None:
            raise InputError("seeds", request.seeds, "left out with rates and capacity")
        if request.trace is not None and not request.drafts:
            raise InputError("seeds", request.seeds, "left out with a trace", "nothing of it is drawn")
    if request.capacity and request.rates is not None:
        raise InputError("rates", request.rates, "left out with capacity")
    if not (request.capacity or request.rates is not None):
        return
    if request.capacity and request.slo is None and request.ttft is None and request.tpot is None:
        raise InputError("slo", None, "given with capacity", "the rate is the highest that meets it")
    why = "left out: the rate is looked for" if request.capacity else "left out with rates"
    for name in LOADS:
        if (value := getattr(request, name)) is not None:
            raise InputError(name, value, why)


def rates_of(text: str) -> tuple[float, ...]:
    """`1:16:8` as eight rates from 1 to 16, each as many times the one before."""
    form = f"of the form LOW:HIGH:COUNT with 0 < LOW < HIGH and COUNT from 2 to {_MOST_RATES}"
    parts = text.split(":")
    try:
        low, high, count = (parse_count(part) for part in parts)
    except (UnitError, ValueError):
        raise InputError("rates", text, form) from None
    if not (0.0 < low < high <= 1e9 and count == int(count) and 2 <= count <= _MOST_RATES):
        raise InputError("rates", text, form)
    return tuple(low * (high / low) ** (at / (count - 1.0)) for at in range(int(count)))


def source_of(request: SimulateRequest, on_rows: Callable[[int], None] | None = None) -> Source:
    """Where the requests come from; a trace is read here."""
    _check(request)
    if request.trace is None:
        at_once = request.concurrency or request.users or 0.0
        count = request.requests or min(max(REQUESTS, math.ceil(WAVES * at_once)), MAX_REQUESTS)
        return Source(requests=None, count=count, words=_drawn_words(request), gaps=request.arrivals or "poisson")
    asked = TraceRequest(
        file=request.trace, columns=request.columns, skip_bad=request.skip_bad, start=request.start, end=request.end,
        scale=request.scale,
    )  # fmt: skip
    whole = read_trace(request.trace, columns=request.columns, skip_bad=request.skip_bad, on_rows=on_rows)
    found = part_of(whole, asked)
    if request.requests is not None:
        found = found.first(request.requests)
    name = "columns by name" if request.columns else format_of(request.trace).name
    notes = (*found.notes, *((f"{found.skipped:,} rows of the trace left out",) if found.skipped else ()))
    return Source(requests=found, count=len(found), words=f"{Path(request.trace).name}, format {name}", notes=notes)


def _drawn_words(request: SimulateRequest) -> str:
    if request.request_rate is not None:
        return f"{request.arrivals or 'poisson'} arrivals at {request.request_rate:,.6g} requests/s"
    if request.capacity or request.rates is not None:
        return f"{request.arrivals or 'poisson'} arrivals"
    if request.concurrency is not None:
        return f"{request.concurrency:,.6g} requests at once"
    return f"{request.users:,.6g} users who read between requests"


def _text(length: float | str | None) -> str | None:
    """A length as the text of a distribution."""
    return f"{length:.0f}" if isinstance(length, int | float) else length


def draw(request: SimulateRequest, source: Source, workload: Workload | None = None) -> Requests:
    """The requests. Lengths that the question leaves open are those of the workload; 1 where it is not known yet."""
    if source.requests is not None:
        return source.requests
    texts = {
        name: _text(getattr(request, name)) or ("1" if workload is None else f"{getattr(workload, name):.0f}")
        for name in ("isl", "osl")
    }
    if request.concurrency is not None or request.users is not None:
        return closed_loop(source.count, seed=request.seed, **texts)
    return synthetic(
        source.count,
        rate=request.request_rate or 1.0,
        arrivals=request.arrivals or "poisson",
        seed=request.seed,
        **texts,
    )


def scenario_of(request: SimulateRequest, source: Source) -> Scenario:
    """The scenario whose lengths are the means of the requests, and whose rate is a trace's."""
    held: dict[str, Any] = {one.name: getattr(request, one.name) for one in fields(Scenario)}
    drawn = draw(request, source)
    for name in ("isl", "osl"):
        if held[name] is not None or source.requests is not None:
            held[name] = float(getattr(drawn, name).mean())
    held |= workers_named(request)
    slo = slo_of(request.slo, request.ttft, request.tpot)
    if slo.by_percentiles:  # the closed form knows means alone
        held |= {"slo": slo.name or None, "ttft": slo.ttft_s, "tpot": slo.tpot_s}
    held["osl"] = None if held["osl"] is None else max(held["osl"], 2.0)  # one token has no time per output token
    if request.rates is not None:
        held["request_rate"] = rates_of(request.rates)[-1]
    elif source.requests is not None and not request.capacity:
        rate = drawn.mean_rate
        held |= {"request_rate": rate} if 0.0 < rate < math.inf else {"concurrency": float(len(drawn))}
    return Scenario(**held)
