"""Carries a column of requests through replicas, and keeps when each began, had its first token, and ended."""

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tokenroof.errors import InputError
from tokenroof.simulate.alone import Carried
from tokenroof.simulate.cached import CachedRank, PrefixCache
from tokenroof.simulate.drafts import DraftRank
from tokenroof.simulate.fleet import NEXT, ROUTERS, Fleet, Pool
from tokenroof.simulate.quick import quick
from tokenroof.simulate.replica import Replica, Watcher
from tokenroof.simulate.requests import FloatArray, IntArray, Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.step_times import Work
from tokenroof.simulate.straight import straight

__all__ = [
    "ROUTERS", "Columns", "Loop", "Outcome", "Tiers", "cache_rules", "check_router", "keeping", "known", "simulate",
    "totals",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """Memory behind that of the GPUs for blocks of prompts: blocks a rank by tier, and seconds to bring one back.

    Blocks are those of the requests (`Requests.block_tokens`).
    """

    blocks: tuple[int, ...] = ()
    reload_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.reload_s):
            raise InputError("reload_s", self.reload_s, f"one number for each of the {len(self.blocks)} tiers")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """One row a request. Times are seconds since the start; NaN where a request was rejected or did not end.

    `request_s` of each first token is time outside the engine. `steps`, `busy_s` and `put_back` are sums over replicas.
    `hit_tokens` of the `asked_tokens` of prompts were found in a cache, by tier, those of who began anew among them;
    `cached_tokens` are those of each request when it first began, a column a tier. With drafts requests had
    `verified_tokens` from `verified_steps` of theirs.

    `stopped_s`: up to when all replicas had come in a run that was interrupted.
    """

    arrival_s: FloatArray
    started_s: FloatArray
    first_s: FloatArray
    end_s: FloatArray
    isl: IntArray
    osl: IntArray
    replica: IntArray
    rejected: int
    put_back: int
    steps: int
    busy_s: float
    least_free_blocks: int
    stopped_s: float | None = None
    hit_tokens: tuple[int, ...] = ()
    asked_tokens: int = 0
    cached_tokens: tuple[IntArray, ...] = ()
    verified_steps: int = 0
    verified_tokens: int = 0

    @property
    def done(self) -> "np.ndarray":
        """Which requests ended."""
        return np.isfinite(self.end_s)

    @property
    def taken_s(self) -> FloatArray:
        """When each left the last queue that it stood in."""
        return self.started_s

    @property
    def ttft_s(self) -> FloatArray:
        """Seconds to the first token, by request."""
        return self.first_s - self.arrival_s

    @property
    def e2e_s(self) -> FloatArray:
        """Seconds to the last token, by request."""
        return self.end_s - self.arrival_s

    @property
    def tpot_s(self) -> FloatArray:
        """Seconds per token after the first, by request; NaN for answers of one token."""
        later = self.osl - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(later > 0, (self.end_s - self.first_s) / later, math.nan)

    @property
    def duration_s(self) -> float:
        """From the first arrival to the last end."""
        return float(np.nanmax(self.end_s)) if self.done.any() else 0.0


def simulate(
    requests: Requests,
    times: Callable[[Sequence[Work]], float],
    rules: Rules,
    *,
    concurrency: int | None = None,
    think_s: float = 0.0,
    replicas: int = 1,
    router: str = "round-robin",
    thinking: Callable[[], float] | None = None,
    request_s: float | FloatArray = 0.0,
    watch: Watcher | None = None,
    cache: Tiers | None = None,
) -> Outcome:
    """Open loop at the requests' own times, or closed loop with `concurrency` of them at once.

    With `thinking`, which draws the time that a user reads before the next request, in place of `think_s`, users begin
    with such a time too: where all think alike for ever those of one length bunch until they come as one.

    `request_s` is added to every first token and end: what a server spends on a request outside of its steps, one
    number or one for each request.
    With a `cache` prompts are not prefilled as far as their blocks are there; blocks are then those of the requests.
    On an interrupt the run ends where it is, and the outcome has what was done by then.
    """
    keeps = None
    if cache is not None:
        rules = cache_rules(requests, rules)
        keeps = keeping(requests, cache)
    check_router(router, keeps)
    plain = keeps is None and thinking is None
    parts = quick(
        requests, straight(times) if plain else None, rules, concurrency=concurrency, think_s=think_s,
        replicas=replicas, router=router, watch=watch,
    )  # fmt: skip
    if parts is not None:
        return _joined(requests, parts, request_s, replicas)
    columns = Columns(requests, closed=concurrency is not None)
    one = {"ended": None, "watch": watch, "cache": keeps}

    def made(**more: object) -> Replica:
        return Replica(times, rules, columns.isl, columns.osl, *columns.moments, **(one | more))  # type: ignore[arg-type]

    if replicas > 1:
        loop = Loop(columns, concurrency, think_s, thinking)
        fleet = [made(ended=loop.ended) for _ in range(replicas)]
        stopped = loop.run([Pool(fleet, router, columns.placed)])
        rejected = len(loop.rejected)
    else:
        fleet = [_alone(made, columns, concurrency, think_s, thinking)]
        stopped = interrupted(fleet[0].advance)
        rejected = len(fleet[0].rejected)
    cached = () if keeps is None else tuple(np.array(column) for column in keeps.found)
    return Outcome(**columns.seen(request_s, stopped), rejected=rejected, **totals(fleet), cached_tokens=cached)


def check_router(router: str, keeps: PrefixCache | None) -> None:
    """InputError for a router that is not known, or has nothing to look at."""
    if router not in ROUTERS:
        raise InputError("router", router, f"one of {', '.join(ROUTERS)}")
    if router == "prefix-aware" and keeps is None:
        raise InputError("router", router, "given with `prefix_cache` block", "without it there is nothing to find")


def cache_rules(requests: Requests, rules: Rules) -> Rules:
    """Rules in blocks of the requests' own size. InputError where one of them does not go with a prefix cache."""
    size = requests.block_tokens
    if requests.block_ids is None:
        raise InputError(
            "prefix_cache", "block", "off for requests without ids of prompt blocks", "give a trace with them"
        )
    if rules.policy == "static" or rules.reserve != "pages" or rules.drafts or not rules.whole_prompts:
        raise InputError(
            "prefix_cache", "block", "off for static batches, reserved answers, drafts and partial prompts"
        )
    return replace(rules, block_tokens=size, blocks=rules.blocks * rules.block_tokens // size)


def keeping(requests: Requests, cache: Tiers) -> PrefixCache:
    """What ranks keep of these requests."""
    found = tuple(array("q", [0]) * len(requests) for _ in range(1 + len(cache.blocks)))
    return PrefixCache(
        ids=lambda request: requests.blocks(request).tolist(), found=found, lower=cache.blocks, reload_s=cache.reload_s
    )


def interrupted(run: Callable[[], object]) -> bool:
    """Whether a run was ended by an interrupt."""
    try:
        run()
    except KeyboardInterrupt:
        return True
    return False


def _joined(
    requests: Requests, parts: Sequence[tuple[IntArray, Carried]], request_s: float | FloatArray, replicas: int
) -> Outcome:
    """One outcome from those of the quick loop's replicas."""
    stopped = any(one.stopped for _, one in parts)
    arrival, placed = requests.arrival_s.copy(), np.arange(len(requests)) % replicas
    moments = tuple(np.full(len(requests), -1.0) for _ in range(3))
    for rows, one in parts:
        arrival[rows] = one.arrival_s
        for column, found in zip(moments, (one.started_s, one.first_s, one.end_s), strict=True):
            column[rows] = found
    seen = _seen(requests, arrival, moments, placed, request_s, stopped)
    return Outcome(
        **seen, rejected=len(requests) - sum(len(rows) for rows, _ in parts),
        put_back=sum(one.put_back for _, one in parts), steps=sum(one.steps for _, one in parts),
        busy_s=sum(one.busy_s for _, one in parts), least_free_blocks=min(one.least_free for _, one in parts),
    )  # fmt: skip


def totals(fleet: Sequence[Replica]) -> dict[str, Any]:
    """What replicas did, in sum."""
    ranks = [rank for one in fleet for rank in one.ranks]
    kept = [rank for rank in ranks if isinstance(rank, CachedRank)]
    drafted = [rank for rank in ranks if isinstance(rank, DraftRank)]
    return {
        "put_back": sum(one.put_back for one in fleet),
        "steps": sum(one.steps for one in fleet),
        "busy_s": sum(one.busy_s for one in fleet),
        "least_free_blocks": min(one.least_free for one in fleet),
        "hit_tokens": tuple(map(sum, zip(*(one.hit_tokens for one in kept), strict=True))),
        "asked_tokens": sum(one.prompt_tokens for one in kept),
        "verified_steps": sum(one.verified_steps for one in drafted),
        "verified_tokens": sum(one.verified_tokens for one in drafted),
    }


def _first_s(count: int, thinking: Callable[[], float] | None) -> list[float]:
    """When a closed loop's first requests come."""
    return [0.0] * count if thinking is None else sorted(thinking() for _ in range(count))


def _alone(
    made: Callable[..., Replica],
    columns: "Columns",
    concurrency: int | None,
    think_s: float,
    thinking: Callable[[], float] | None,
) -> Replica:
    """One replica, which sees everybody."""
    count = len(columns.isl)
    if concurrency is None:
        replica = made()
        replica.arrivals = list(zip(columns.arrival_s, range(count), strict=True))
    else:
        sent = 0

        def send(moment: float) -> None:
            nonlocal sent
            if sent < count:
                following, sent = sent, sent + 1
                columns.arrival_s[following] = moment
                replica.add(moment, following)

        def ended(moment: float, request: int) -> None:
            send(moment + (think_s if thinking is None else thinking()))

        replica = made(ended=ended)
        for moment in _first_s(min(concurrency, count), thinking):
            send(moment)
    return replica


def known(moments: Any) -> FloatArray:
    """Moments with NaN for those that never came."""
    found = np.array(moments)
    return np.where(found < 0.0, math.nan, found)


class Columns:
    """Moments of each request as the replicas fill them in: -1 where nothing happened."""

    def __init__(self, requests: Requests, *, closed: bool) -> None:
        count = len(requests)
        self.requests = requests
        self.isl, self.osl = requests.isl.tolist(), requests.osl.tolist()
        self.arrival_s: Any = array("d", [-1.0]) * count if closed else requests.arrival_s.tolist()
        self.moments: tuple[Any, ...] = tuple(array("d", [-1.0]) * count for _ in range(3))
        self.placed: Any = array("q", [0]) * count

    def seen(self, request_s: float | FloatArray, stopped: bool) -> dict[str, Any]:
        """Columns of an Outcome."""
        return _seen(self.requests, self.arrival_s, self.moments, self.placed, request_s, stopped)


def _seen(
    requests: Requests,
    arrival_s: Any,
    moments: Sequence[Any],
    placed: Any,
    request_s: float | FloatArray,
    stopped: bool,
) -> dict[str, Any]:
    """Columns of an Outcome; who had not come when the run was stopped arrives at infinity."""
    arrival = np.array(arrival_s)
    started, first, end = map(known, moments)
    return {
        "arrival_s": np.where(arrival < 0.0, math.inf, arrival), "started_s": started, "first_s": first + request_s,
        "end_s": end + request_s, "isl": requests.isl, "osl": requests.osl, "replica": np.array(placed),
        "stopped_s": _reached_s(end, np.array(placed)) if stopped else None,
    }  # fmt: skip


def _reached_s(end: FloatArray, placed: IntArray) -> float:
    """The moment that every replica which ended anything has reached: some are simulated ahead of others."""
    done = np.isfinite(end)
    return min((float(end[done & (placed == one)].max()) for one in np.unique(placed[done])), default=0.0)


class Loop:
    """Requests that come at their own times, or follow those that end."""

    def __init__(
        self,
        columns: Columns,
        concurrency: int | None,
        think_s: float,
        thinking: Callable[[], float] | None = None,
    ) -> None:
        self.columns, self.concurrency, self.think_s, self.thinking = columns, concurrency, think_s, thinking
        self.fleet: Fleet | None = None
        self.rejected: list[int] = []

    def ended(self, moment: float, request: int = NEXT) -> None:
        """A request has ended, or was rejected."""
        if self.concurrency is not None and self.fleet is not None:
            self.fleet.expect(moment + (self.think_s if self.thinking is None else self.thinking()), 0)

    def run(self, pools: Sequence[Pool]) -> bool:
        """Drives all pools to the end; whether that was interrupted."""
        count, arrival_s = len(self.columns.isl), self.columns.arrival_s
        self.fleet = fleet = Fleet(pools, count, arrival_s.__setitem__, closed=self.concurrency is not None)
        fleet.gone = self.ended
        if self.concurrency is None:
            fleet.coming = [(moment, 0, request) for request, moment in enumerate(arrival_s)]
        else:
            fleet.coming = [(moment, 0, NEXT) for moment in _first_s(min(self.concurrency, count), self.thinking)]
        self.rejected = fleet.rejected
        return interrupted(fleet.run)
