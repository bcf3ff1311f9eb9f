"""The answer on a trace in words."""

from tokenroof.simulate.requests import Requests
from tokenroof.units import format_capacity, format_figures
from tokenroof.usecases.trace.answer import Prefixes
from tokenroof.usecases.trace.stats import Lengths

__all__ = ["duration_text", "sentence_of"]

_UNITS = ((172_800.0, 86_400.0, "days"), (7_200.0, 3_600.0, "h"), (120.0, 60.0, "min"))
_MOST_OF_IT = 0.8  # of what a cache without limit finds: the smallest cache that does is the one to tell of
_POISSON = (0.8, 1.25)  # indices of dispersion that are called alike


def duration_text(seconds: float) -> str:
    """A time in the unit that people would say: 45 s, 59 min, 7 days."""
    scale, unit = next(((scale, unit) for least, scale, unit in _UNITS if seconds >= least), (1.0, "s"))
    return f"{format_figures(seconds / scale)} {unit}"


def _bursts(dispersion: float | None) -> str:
    if dispersion is None:
        return ""
    if dispersion <= _POISSON[1]:
        return ", steadier than Poisson arrivals" if dispersion < _POISSON[0] else ", as bursty as Poisson arrivals"
    return f" in bursts (index of dispersion {format_figures(dispersion)}, Poisson arrivals have 1)"


def _found(prefixes: Prefixes | None) -> str:
    if prefixes is None:
        return ""
    *sized, endless = prefixes.caches
    said = f" A prefix cache without limit finds {100.0 * endless.cache_hit_rate:.1f} % of prompt tokens"
    enough = [one for one in sized if one.cache_hit_rate >= _MOST_OF_IT * endless.cache_hit_rate] or sized[-1:]
    if enough and enough[0].capacity_bytes is not None:
        said += f", one of {format_capacity(enough[0].capacity_bytes)} finds {100.0 * enough[0].cache_hit_rate:.1f} %"
    return f"{said}."


def sentence_of(
    requests: Requests, isl: Lengths, osl: Lengths, dispersion: float | None, prefixes: Prefixes | None
) -> str:
    """How many requests, how fast and in what bursts, how long, and what of them a cache finds."""
    if len(requests) == 1:
        return f"One request, {isl.max:,} tokens in and {osl.max:,} out." + _found(prefixes)
    lengths = f"{isl.mean:,.0f} tokens in and {osl.mean:,.0f} out on average"
    if requests.duration_s > 0.0:
        rate = f"{len(requests):,} requests in {duration_text(requests.duration_s)}"
        start = f"{rate}: {format_figures(requests.mean_rate)} requests/s{_bursts(dispersion)}, {lengths}."
    else:
        start = f"{len(requests):,} requests that all arrive at once, {lengths}."
    return start + _found(prefixes)
