"""Limits on latency: named, as pairs, or one by one."""

import math
from dataclasses import dataclass, replace

from tokenroof.errors import InputError, UnitError, UnknownName
from tokenroof.types.checks import check_positive
from tokenroof.types.limits import percentile_of
from tokenroof.types.workload import Limits
from tokenroof.units import parse_amount

__all__ = ["PRESETS", "Slo", "by_means", "means_of", "slo_of", "statistic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Limits in seconds, None for none; held by means over requests, or by a percentile of them where one is given.

    A named one has the tokens of the prompt and of the answer that it was written for.
    """

    ttft_s: float | None = None
    tpot_s: float | None = None
    ttft_percentile: float | None = None
    tpot_percentile: float | None = None
    name: str = ""
    source: str = ""
    isl: float | None = None
    osl: float | None = None

    @property
    def by_percentiles(self) -> bool:
        """Whether a limit is one of a percentile."""
        return self.ttft_percentile is not None or self.tpot_percentile is not None

    @property
    def limits(self) -> Limits:
        """The numbers alone."""
        return Limits(ttft_s=self.ttft_s, tpot_s=self.tpot_s)


_GUIDE = "GuideLLM, service level objectives guide, where they are 99th percentiles of TTFT and inter-token latency"
PRESETS: dict[str, Slo] = {
    name: Slo(ttft_s=ttft_ms / 1e3, tpot_s=tpot_ms / 1e3, name=name, source=_GUIDE, isl=isl, osl=osl)
    for name, ttft_ms, tpot_ms, isl, osl in (
        ("chat", 200.0, 50.0, 512.0, 256.0), ("rag", 300.0, 100.0, 4096.0, 512.0), ("code", 500.0, 150.0, 512.0, 512.0),
        ("content", 600.0, 200.0, None, None),
    )
}  # fmt: skip


_FORM = "a name or pairs such as ttft:1s,tpot:p90:50ms"


def _milliseconds(text: str) -> float:
    """A limit with its unit; a bare number is milliseconds, as benchmarks of engines have it (ttft:500)."""
    bare = text.strip().replace(".", "", 1).isdecimal()
    return parse_amount(f"{text} ms" if bare else text, "s")


def _pairs(text: str) -> Slo:
    """`ttft:1s,tpot:50ms`, `ttft:1000,tpot:50` or `ttft:p99:1s,tpot:p90:50ms`."""
    found = Slo()
    for part in text.split(","):
        name, _, value = part.strip().partition(":")
        if name not in ("ttft", "tpot") or not value:
            raise InputError("slo", text, _FORM)
        percentile, rest = percentile_of(value, "slo")
        try:
            seconds = check_positive("slo", _milliseconds(rest), high=1e6)
        except UnitError as error:
            raise InputError("slo", text, _FORM, str(error)) from None
        found = _with(found, name, seconds, percentile)
    return found


def _with(slo: Slo, name: str, seconds: float, percentile: float | None) -> Slo:
    """The same with one limit in the place of the one that was there."""
    return replace(slo, **{f"{name}_s": seconds, f"{name}_percentile": percentile})  # type: ignore[arg-type]


def _preset(name: str, percentile: float | None) -> Slo:
    """A named SLO, both limits held by the mean or by a percentile (`p99:chat`)."""
    if name not in PRESETS:
        raise UnknownName("slo", name, tuple(PRESETS))
    return replace(PRESETS[name], ttft_percentile=percentile, tpot_percentile=percentile)


def slo_of(slo: str | None, ttft: float | str | None, tpot: float | str | None) -> Slo:
    """A named or written SLO with what was given in its place: seconds, or a text such as `p99:2s`."""
    found = Slo()
    if slo is not None:
        percentile, name = percentile_of(slo, "slo")
        pairs = percentile is None and (":" in slo or "=" in slo)
        found = _pairs(slo) if pairs else _preset(name, percentile)
    for name, value in (("ttft", ttft), ("tpot", tpot)):
        if value is not None:
            found = _with(found, name, *_one(name, value))
    return found


def _one(field: str, value: float | str) -> tuple[float, float | None]:
    """Seconds, and the percentile that they are a limit of."""
    if not isinstance(value, str):
        return check_positive(field, value, high=1e6), None
    percentile, rest = percentile_of(value, field)
    try:
        seconds = parse_amount(rest, "s")
    except UnitError as error:
        raise InputError(field, value, "seconds, with a percentile before them: p99:2s", str(error)) from None
    return check_positive(field, seconds, high=1e6), percentile


def statistic(percentile: float | None) -> str:
    """What a limit is held by, in a word: `mean`, `p99`."""
    return "mean" if percentile is None else f"p{percentile:g}"


def _shown(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1.0 else f"{seconds * 1e3:g}ms"


def by_means(slo: Slo) -> Slo:
    """An SLO that is asked of means alone. InputError where it has a percentile."""
    for field, percentile in (("ttft", slo.ttft_percentile), ("tpot", slo.tpot_percentile)):
        if percentile is not None:
            raise InputError(
                "slo", f"p{percentile:g} {field}", "a limit on the mean",
                f"write {field}:{_shown(getattr(slo, f'{field}_s'))}, or ask plan: it holds percentiles",
            )  # fmt: skip
    return slo


def means_of(slo: Slo, share: float = 1.0) -> Slo:
    """Limits on means that a search keeps for percentiles to have a chance: no mean of an exponential time, whose tail
    is longer than most, is over its 63rd percentile.
    """

    def of(limit: float | None, percentile: float | None) -> float | None:
        if limit is None or percentile is None:
            return limit
        return limit * share * max(1.0, -1.0 / math.log(1.0 - percentile / 100.0))

    return replace(slo, ttft_s=of(slo.ttft_s, slo.ttft_percentile), tpot_s=of(slo.tpot_s, slo.tpot_percentile))
