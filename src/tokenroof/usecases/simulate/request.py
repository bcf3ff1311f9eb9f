"""What `simulate` is asked."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from tokenroof.simulate.arrivals import MAX_REQUESTS
from tokenroof.types.limits import OneOf, TpotLimits, TtftLimits, Within
from tokenroof.types.scenario import Scenario

__all__ = ["PERCENTILE", "PREFIX_CACHES", "REQUESTS", "ROUTERS", "SCHEDULERS", "SimulateRequest"]

REQUESTS = 1000  # where neither a trace nor the question says how many
PERCENTILE = 99.0  # of requests that meet the SLO at a capacity
SCHEDULERS = ("vllm", "sglang", "trtllm", "static", "train")
ROUTERS = ("round-robin", "least-loaded", "prefix-aware")
PREFIX_CACHES = ("off", "block")

_Lengths = Annotated[float | str | None, Within(1.0, 1e8, "tokens")]
_Moment = Annotated[float | None, Within(0.0, 2e11, "seconds")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateRequest(Scenario):
    """A scenario, and requests that come one by one: from the file `trace`, or drawn.

    `isl` and `osl` may be distributions such as "lognormal:1155:1.1", `arrivals` is that of the gaps between them at
    `request_rate`; `concurrency` (or `users` who `think`) makes a closed loop. `requests` is how many there are, of
    a trace the first. The first `warmup` share of them is left out of statistics; by default a tenth, in a closed loop
    at least those that begin at once. `scheduler` takes the place of the
    engine's own rule for making up steps, `period` is the train's. `columns`, `skip_bad`, `start`, `end` and `scale`
    say how a trace is read, as in TraceRequest.
    `prefix_cache` block keeps blocks of the prompts of a trace that has ids of them, in the memory of the GPUs and
    behind it in `cache_tiers` such as "host-dram:256GB,nvme:2TB", sizes being those of a GPU.
    `disaggregate` P:D puts prompts and answers on so many workers each, in `prefill_layout` and `decode_layout` or both
    in the degrees that are given; `scheduler` is then that of decode workers, the cache that of prefill workers.
    `seeds` runs so many draws, from `seed` on.
    Limits are of every request, or with a percentile (`slo` "ttft:p99:1s,tpot:50ms", `ttft` "p99:1s") of percentiles
    and means, as in `plan`.
    `capacity` looks for the highest rate at which `percentile` per cent of the requests meet every limit, or at which
    limits on percentiles hold; `rates` such
    as "1:16:8" runs them at eight rates from 1 to 16 a second.
    """

    alone: ClassVar[frozenset[str]] = frozenset({"decode_system"})  # `disaggregate` may name the layouts

    ttft: TtftLimits = None  # type: ignore[assignment]
    tpot: TpotLimits = None  # type: ignore[assignment]
    isl: _Lengths = None  # type: ignore[assignment]
    osl: _Lengths = None  # type: ignore[assignment]
    trace: str | None = None
    columns: str | None = None
    skip_bad: bool = False
    start: _Moment = None
    end: _Moment = None
    scale: Annotated[float | None, Within(1e-6, 1e6)] = None
    arrivals: str | None = None
    requests: Annotated[int | None, Within(1, MAX_REQUESTS, "requests")] = None
    warmup: Annotated[float | None, Within(0.0, 0.9)] = None
    router: Annotated[str, OneOf(ROUTERS)] = ROUTERS[0]
    disaggregate: str | None = None
    scheduler: Annotated[str | None, OneOf(SCHEDULERS)] = None
    period: Annotated[float | None, Within(0.0, 1e4, "seconds", above=True)] = None
    prefix_cache: Annotated[str, OneOf(PREFIX_CACHES)] = PREFIX_CACHES[0]
    cache_tiers: str | None = None
    seed: Annotated[int, Within(0, 1e9)] = 0
    seeds: Annotated[int | None, Within(1, 1000, "seeds")] = None
    capacity: bool = False
    percentile: Annotated[float, Within(1.0, 100.0)] = PERCENTILE
    rates: str | None = None
