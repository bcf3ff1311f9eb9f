"""Limits on latency: named, as pairs, or one by one."""

from dataclasses import dataclass
from typing import Any

from tokenroof.errors import InputError, UnitError, UnknownName
from tokenroof.types.checks import check_positive
from tokenroof.types.workload import Limits
from tokenroof.units import parse_quantity

__all__ = ["PRESETS", "Slo", "slo_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Limits in seconds, None for none; they are held by means over requests.

    A named one has the tokens of the prompt and of the answer that it was written for.
    """

    ttft_s: float | None = None
    tpot_s: float | None = None
    name: str = ""
    source: str = ""
    isl: float | None = None
    osl: float | None = None

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


_FORM = "a name or pairs such as ttft:1s,tpot:50ms"


def _seconds(text: str) -> float:
    """A limit with its unit; a bare number is milliseconds, as benchmarks of engines have it (ttft:500)."""
    bare = text.strip().replace(".", "", 1).isdecimal()
    return parse_quantity(f"{text} ms" if bare else text, "s")


def _pairs(text: str) -> Slo:
    """`ttft:1s,tpot:50ms`, or `ttft:1000,tpot:50`."""
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition(":")
        if name not in ("ttft", "tpot") or not value:
            raise InputError("slo", text, _FORM)
        try:
            found[f"{name}_s"] = check_positive("slo", _seconds(value), high=1e6)
        except UnitError as error:
            raise InputError("slo", text, _FORM, str(error)) from None
    return Slo(**found)


def slo_of(slo: str | None, ttft_s: float | None, tpot_s: float | None) -> Slo:
    """A named or written SLO with what was given in its place."""
    for field, value in (("ttft", ttft_s), ("tpot", tpot_s)):
        if value is not None:
            check_positive(field, value, high=1e6)
    if slo is None:
        return Slo(ttft_s=ttft_s, tpot_s=tpot_s)
    if ":" in slo or "=" in slo:
        base = _pairs(slo)
    elif slo in PRESETS:
        base = PRESETS[slo]
    else:
        raise UnknownName("slo", slo, tuple(PRESETS))
    return Slo(
        ttft_s=base.ttft_s if ttft_s is None else ttft_s, tpot_s=base.tpot_s if tpot_s is None else tpot_s,
        name=base.name, source=base.source,
    )  # fmt: skip
