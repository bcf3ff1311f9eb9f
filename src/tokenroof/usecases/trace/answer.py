"""What is asked of a trace, and what it is like."""

from dataclasses import dataclass, field
from typing import Annotated

from tokenroof.simulate.requests import Requests
from tokenroof.types.limits import Within
from tokenroof.usecases.trace.stats import Lengths, TraceWindow

__all__ = ["CacheHits", "Prefixes", "TraceFault", "TraceRequest", "TraceResponse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRequest:
    """A file, how to read it, which part of it, and the caches to try.

    `start` and `end` are seconds after the first arrival; of what lies between them, every gap is divided by `scale`.
    `cache` is bytes of each cache; `model` says how many a token takes, and without `cache` a ladder of sizes is tried.
    """

    file: str
    columns: str | None = None
    skip_bad: bool = False
    start: Annotated[float | None, Within(0.0, 2e11, "seconds")] = None
    end: Annotated[float | None, Within(0.0, 2e11, "seconds", above=True)] = None
    scale: Annotated[float | None, Within(1e-6, 1e6)] = None
    cache: tuple[Annotated[float, Within(1.0, 1e18, "bytes")], ...] = ()
    model: str | None = None
    kv_dtype: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFault:
    """A row that was left out: its line and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheHits:
    """What one LRU cache of `blocks` blocks finds, as a share of prompt tokens of the last half of the requests.

    Without `capacity_bytes` it is the cache that never forgets, and `blocks` are those of the whole trace.
    """

    capacity_bytes: float | None
    blocks: int
    cache_hit_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """What prompts share. `reuse_share`: of all prompt tokens, those that an earlier prompt began with too."""

    block_tokens: int
    blocks: int
    distinct_blocks: int
    reuse_share: float
    model: str | None
    kv_dtype: str | None
    kv_bytes_per_token: float | None
    caches: tuple[CacheHits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceResponse:
    """What the trace is like, or the part of it that was asked for, at `scale` times its rate.

    Rates are requests per second; `request_rate` has no limit where all arrive at once.
    """

    sentence: str
    file: str
    format: str
    start_s: float
    end_s: float | None
    scale: float
    requests: int
    skipped: int
    faults: tuple[TraceFault, ...]
    notes: tuple[str, ...]
    sessions: int | None
    duration_s: float
    request_rate: float
    busiest_rate: float | None
    gap_cv: float | None
    dispersion: float | None
    dispersion_window_s: float
    isl: Lengths
    osl: Lengths
    prefixes: Prefixes | None
    window_s: float
    windows: tuple[TraceWindow, ...]
    columns: Requests = field(repr=False)  # for charts; it stays out of JSON
