"""What a run's requests saw: percentiles, the span that rates are measured over, the limits they met, overload."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenroof.scenario.slo import Slo
from tokenroof.simulate.disagg import Apart
from tokenroof.simulate.requests import FloatArray
from tokenroof.simulate.run import Outcome
from tokenroof.types.workload import Limits
from tokenroof.usecases.simulate.answer import Latency, Overload, Verdict

__all__ = [
    "LONG",
    "WARMUP",
    "BoolArray",
    "Counted",
    "at_percentile",
    "count",
    "latency_of",
    "met",
    "overload_of",
    "queue_at",
    "verdicts_of",
]

LONG = 4.0  # a run that lasts so many times a request's stay is measured while requests still arrive
WARMUP = 0.1  # of the requests, left out; of a closed loop at least those that begin at once
_MOST_WARMUP = 0.5
_SIGMAS = 4.0  # a queue that chance alone would not leave
_FILLED = 0.1  # of the requests have ended when the machine is counted as full
_ENOUGH = 0.3  # of the requests must end in the span that a short run is measured over
_PART = 0.1  # of the run, that the queue must have lasted at its end

_NONE = np.empty(0)

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """Which requests count (`sent`), which of them ended, and the span over which rates are measured; `draining` where
    that is the whole of a run too short to have another.
    """

    warmup: int
    sent: BoolArray
    ended: BoolArray
    in_span: BoolArray
    from_s: float
    to_s: float
    draining: bool = False

    @property
    def span_s(self) -> float:
        """Its length."""
        return self.to_s - self.from_s


def count(outcome: Outcome, warmup: float | None, overloaded: bool = False, users: int = 0, wave: int = 0) -> Counted:
    """The first `warmup` share of the requests left out, of a stopped run's of those that ended; requests that it never
    saw are not counted. Where no share is given the first `wave` is left out too, unless it is most of a run.

    What an overloaded machine serves, and one whose run is short beside a request's stay, is measured while it is full:
    when it drains it serves less. `users` who read at random begin to run out when only so many have not ended.
    """
    arrival, end, done = outcome.arrival_s, outcome.end_s, outcome.done
    many = len(arrival) if outcome.stopped_s is None else int(done.sum())
    first = math.floor((WARMUP if warmup is None else warmup) * many)
    if warmup is None and wave <= _MOST_WARMUP * many:
        first = max(first, wave)
    sent = np.arange(len(arrival)) >= first
    if outcome.stopped_s is not None:
        sent &= done | (arrival <= outcome.stopped_s) & ~np.isfinite(outcome.started_s)
    ended = sent & done
    if not ended.any():
        return Counted(warmup=first, sent=sent, ended=ended, in_span=ended, from_s=0.0, to_s=0.0)
    from_s, last_s = float(arrival[sent][0]), float(np.nanmax(end))
    to_s = float(np.nanmax(arrival)) if outcome.stopped_s is None else outcome.stopped_s
    if users and outcome.stopped_s is None:
        ends = np.sort(end[done])
        to_s = min(to_s, float(ends[max(len(ends) - users - 1, 0)]))
    draining = False
    if overloaded or to_s - from_s < LONG * float(outcome.e2e_s[ended].mean()):
        full = _full_span(outcome)
        draining = full is None
        from_s, to_s = full or (from_s, last_s)
    with np.errstate(invalid="ignore"):
        in_span = done & (end > from_s) & (end <= to_s)
    return Counted(
        warmup=first, sent=sent, ended=ended, in_span=in_span, from_s=from_s, to_s=to_s, draining=draining
    )  # fmt: skip


def _full_span(outcome: Outcome) -> tuple[float, float] | None:
    """From when requests end as fast as they will, until the last has started; None where few end meanwhile."""
    end = outcome.end_s[outcome.done]
    full_s, taken_s = float(np.quantile(end, _FILLED)), float(np.nanmax(outcome.taken_s))
    inside = (end > full_s) & (end <= taken_s)
    return (full_s, taken_s) if inside.mean() >= _ENOUGH else None


def latency_of(values: FloatArray) -> Latency | None:
    """Mean and percentiles of what is known; None where nothing is."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    p50, p90, p99 = (float(one) for one in np.percentile(known, (50, 90, 99)))
    return Latency(mean=float(known.mean()), p50=p50, p90=p90, p99=p99)


def met(outcome: Outcome, limits: Limits) -> BoolArray:
    """Which requests ended within every limit; an answer of one token has no TPOT to miss."""
    good: BoolArray = outcome.done.copy()
    with np.errstate(invalid="ignore"):
        if limits.ttft_s is not None:
            good &= outcome.ttft_s <= limits.ttft_s
        if limits.tpot_s is not None:
            good &= (outcome.tpot_s <= limits.tpot_s) | (outcome.osl == 1)
    return good


def verdicts_of(outcome: Outcome, sent: BoolArray, slo: Slo) -> tuple[Verdict, ...]:
    """Whether each limit is held by its percentile of the requests that count; none where no limit has one.

    A limit without a percentile beside one that has it is of the mean, as `plan` has it. An answer of one token has no
    TPOT.
    """
    found = []
    for metric, seconds, limit_s, percentile, some in (
        ("TTFT", outcome.ttft_s, slo.ttft_s, slo.ttft_percentile, sent),
        ("TPOT", outcome.tpot_s, slo.tpot_s, slo.tpot_percentile, sent & (outcome.osl > 1)),
    ):
        if not slo.by_percentiles or limit_s is None or not some.any():
            continue
        seen = np.where(outcome.done[some], seconds[some], math.inf)
        value = at_percentile(seen, percentile)
        found.append(
            Verdict(metric=metric, percentile=percentile, limit_s=limit_s, seen_s=value, held=value <= limit_s)
        )
    return tuple(found)


def at_percentile(seconds: FloatArray, percentile: float | None) -> float:
    """A percentile, or the mean; of infinite ones it is the next that somebody saw."""
    if percentile is None:
        return float(seconds.mean())
    return float(np.percentile(seconds, percentile, method="linear" if np.isfinite(seconds).all() else "higher"))


def _seen(outcome: Outcome) -> BoolArray:
    """Requests that joined the queue: they had come when the run ended, and were not turned away."""
    if outcome.stopped_s is not None:
        return np.asarray(outcome.arrival_s <= outcome.stopped_s)
    return np.asarray(np.isfinite(outcome.started_s) | outcome.done)


def queue_at(outcome: Outcome, moments: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Requests that have arrived and not started, and those that have started and not ended, at these moments.

    Who waits for a worker that decodes waits too.
    """
    sent, joined = (outcome.sent_s, outcome.joined_s) if isinstance(outcome, Apart) else (_NONE, _NONE)
    arrived, started, there, decoding, ended = (
        np.searchsorted(np.sort(one), moments, side="right")
        for one in (outcome.arrival_s[_seen(outcome)], outcome.started_s, sent, joined, outcome.end_s)
    )  # what never happened is sorted behind all moments
    behind = there - decoding
    return arrived - started + behind, started - ended - behind


def overload_of(outcome: Outcome) -> Overload | None:
    """From when the queue never emptied again, where it is longer at the last arrival than chance would leave it.

    Without drift, N arrivals move a queue by some sqrt(N (1 + cv^2)) with gaps of that coefficient of variation.
    Workers that decode have a queue of their own, where caches arrive.
    """
    seen = _seen(outcome)
    found = _overload(outcome.arrival_s[seen], outcome.started_s[seen])
    if found is None and isinstance(outcome, Apart):
        sent = np.isfinite(outcome.sent_s)
        order = np.argsort(outcome.sent_s[sent], kind="stable")
        found = _overload(outcome.sent_s[sent][order], outcome.joined_s[sent][order])
    return found


def _overload(arrival: FloatArray, begun: FloatArray) -> Overload | None:
    """The same of one queue, in order of arrival; NaN where somebody never began."""
    started = np.where(np.isfinite(begun), begun, math.inf)
    if len(arrival) < 2 or not arrival[-1] > arrival[0]:
        return None
    waits = started > arrival
    # the last request that found nobody waiting: all before it had started
    behind = np.maximum.accumulate(started[:-1]) <= arrival[1:]
    clear = np.flatnonzero(behind & ~waits[1:])
    first = int(clear[-1]) + 2 if len(clear) else 0
    if first >= len(arrival):
        return None
    count = len(arrival) - first
    waiting = int((started > arrival[-1]).sum())
    gaps = np.diff(arrival)
    cv = float(gaps.std() / gaps.mean())
    lasted = arrival[-1] - arrival[first]
    if waiting <= _SIGMAS * math.sqrt(count * (1.0 + cv * cv)) or lasted < _PART * arrival[-1]:
        return None
    return Overload(from_s=float(arrival[first]), waiting=waiting)
