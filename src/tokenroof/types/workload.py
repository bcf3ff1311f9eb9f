"""Tokens of one request, and how many requests there are."""

from dataclasses import dataclass
from typing import Any

from tokenroof.xp import NUMPY, SCALAR

__all__ = ["LOADS", "Limits", "Load", "Workload"]

LOADS = ("batch", "concurrency", "request_rate", "users", "saturated", "static", "fill")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Tokens of one request: all input, of it a prefix found in the cache, and output. Numbers, or arrays of them."""

    isl: float = 4096.0
    osl: float = 512.0
    prefix: float = 0.0

    @property
    def uncached(self) -> Any:
        """Input tokens that have to be computed; one always is."""
        rest = self.isl - self.prefix
        return (NUMPY if hasattr(rest, "shape") else SCALAR).maximum(rest, 1.0)

    @property
    def context(self) -> Any:
        """Mean length of a sequence while it is decoded."""
        return self.isl + self.osl / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many requests there are.

    batch         `value` requests at once in each replica, for ever
    concurrency   `value` requests at once on the whole system
    request_rate  `value` requests/s arrive at random, or one by one where `evenly`
    users         `value` people who read for `think_s` between requests
    saturated     more wait than fit: the offline benchmark
    static        `value` requests start and end together in each replica
    fill          as many at once as memory and limits allow

    `requests` is how many a run has in all (None: endless), `range_ratio` its shortest over its longest length. `part`:
    a static batch of which one part was timed alone, "prefill" or "decode"; the other counts in none of its rates.
    """

    kind: str = "fill"
    value: float = 0.0
    think_s: float = 0.0
    requests: float | None = None
    range_ratio: float = 0.8
    evenly: bool = False
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on the mean latency of requests, None for none."""

    ttft_s: float | None = None
    tpot_s: float | None = None
