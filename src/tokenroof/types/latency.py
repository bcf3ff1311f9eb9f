"""How long requests took, over all that were counted."""

from dataclasses import dataclass

__all__ = ["Latency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Mean and percentiles over requests, in seconds; percentiles are None where they are not followed."""

    mean: float
    p50: float | None
    p90: float | None
    p99: float | None
