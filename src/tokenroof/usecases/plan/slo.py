"""Named limits on latency."""

from dataclasses import dataclass

from tokenroof.errors import UnknownName
from tokenroof.types.checks import check_positive

__all__ = ["PRESETS", "Slo", "slo_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Limits in seconds, None for none; they are held by means over requests."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    name: str = ""
    source: str = ""


_GUIDE = "GuideLLM, service level objectives guide, where they are 99th percentiles of TTFT and inter-token latency"
PRESETS: dict[str, Slo] = {
    name: Slo(ttft_s=ttft_ms / 1e3, tpot_s=tpot_ms / 1e3, name=name, source=_GUIDE)
    for name, ttft_ms, tpot_ms in (("chat", 200.0, 50.0), ("rag", 300.0, 100.0), ("code", 500.0, 150.0),
                                   ("content", 600.0, 200.0))
}  # fmt: skip


def slo_of(preset: str | None, ttft_s: float | None, tpot_s: float | None) -> Slo:
    """A preset with what was given in its place."""
    for field, value in (("ttft", ttft_s), ("tpot", tpot_s)):
        if value is not None:
            check_positive(field, value, high=1e6)
    if preset is None:
        return Slo(ttft_s=ttft_s, tpot_s=tpot_s)
    if preset not in PRESETS:
        raise UnknownName("slo", preset, tuple(PRESETS))
    base = PRESETS[preset]
    return Slo(
        ttft_s=base.ttft_s if ttft_s is None else ttft_s, tpot_s=base.tpot_s if tpot_s is None else tpot_s,
        name=preset, source=base.source,
    )  # fmt: skip
