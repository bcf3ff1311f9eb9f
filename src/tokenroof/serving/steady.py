"""Steady state of a serving engine: what requests see when prompts and answers share the machine.

    closed loop    a fixed number of requests is kept in the system; each that ends is replaced at once
    open loop      requests arrive at random at a given rate
    saturation     more requests wait than fit: the offline benchmark

With n requests running, a decode pass takes t(n) and each prompt takes d from everybody else, so that

    TPOT = t(n) + (n - 1) * d / osl                         each of the others brings one prompt per answer
    n    = min(concurrency, what the cache holds)
    TTFT = request + prefill of the prompts that arrive together + wait for the pass in progress, or, in the first
           wave when all prompts come at once, half of all prefills; + the queue for memory, where there is one

docs/theory/serving.md derives this and measures it against an event-by-event simulation. Lengths are means; all
arguments may be arrays.
"""

import math
from dataclasses import dataclass, replace

from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError
from tokenroof.operators.memory import memory_use
from tokenroof.operators.timing import Timed
from tokenroof.serving.put_back import admitted
from tokenroof.serving.scheduling import Passes, Shared
from tokenroof.types.engine import Scheduler
from tokenroof.types.machine import System
from tokenroof.types.program import Num
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = [
    "FULLEST", "ServingEstimate", "Settled", "behind_s", "capacity", "check_lengths", "most_served",
    "namespace_of_lengths", "serve", "serve_saturated", "settle", "stay_s",
]  # fmt: skip

_CROWD = 1e3  # rooms full of requests: somebody always waits
FULLEST = 0.98  # share of prefill beyond which the waiting formula is not believed


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingEstimate:
    """Means over requests. `in_flight` run at once, `waiting` for memory; `prefill_share` of time goes to prompts.

    Throughputs are of the whole deployment. `kv_limited`: the cache, not the load, sets `in_flight`. `saturated`:
    requests arrive faster than they leave. `settled_ttft_s` leaves the first wave out: the median of a run is near it.
    """

    ttft_s: Num
    tpot_s: Num
    e2e_s: Num
    requests_per_s: Num
    output_tokens_per_s: Num
    total_tokens_per_s: Num
    in_flight: Num
    prefill_share: Num
    decode_step_s: Num
    kv_limited: Num
    saturated: Num = False
    settled_ttft_s: Num = math.inf
    again: Num = 1.0  # times the tokens of a prompt are prefilled for it, where requests lose their memory
    answered_step_s: Num = None  # a decode step of those who do not wait for their own prompts, where that is told
    low: float = 1.0
    high: float = 1.0


@dataclass(frozen=True, slots=True)
class Settled:
    """The settled state: time of a decode step of all, what prompts do to one, time per token, share that is theirs.

    `least_s`: a stay in which steps are full of prompts.
    """

    decode_s: Num
    prompts: Shared
    tpot_s: Num
    share: Num
    least_s: Num
    answered_s: Num

    @property
    def own_share(self) -> Num:
        """Share of time in which a dp group has prompts of its own."""
        return self.share * self.prompts.own / self.prompts.chance


def namespace_of_lengths(timed: Timed, *numbers: Num) -> Namespace:
    """Scalar where layout and lengths are numbers, numpy where any of them is an array."""
    arrays = timed.program.vectorised or any(hasattr(number, "shape") for number in numbers)
    return NUMPY if arrays else SCALAR


def capacity(
    timed: Timed,
    system: System,
    scheduler: Scheduler,
    *,
    isl: Num,
    osl: Num,
    engine: str | None = None,
    memory_fraction: float | None = None,
) -> Num:
    """Requests that run at once at most: by memory, under the engine's rule for admitting them."""
    held = isl + osl if scheduler.reserves_output else isl + osl / 2.0
    use = memory_use(
        timed.program,
        system,
        context=held,
        engine=engine_of(engine or scheduler.name, scheduler.version),
        fraction=memory_fraction,
        max_batched_tokens=int(_largest(scheduler.token_budget)),
        max_sequences=scheduler.max_sequences,
    )
    xp = namespace_of_lengths(timed, isl, osl)
    return xp.minimum(use.sequences, scheduler.max_sequences * timed.program.layout.dp)


def _largest(number: Num) -> float:
    return float(number.max() if hasattr(number, "shape") else number)


def check_lengths(**lengths: Num) -> None:
    """Refuses lengths and loads that are not finite numbers above 0 (a prefix: at least 0)."""
    for name, value in lengths.items():
        low = 0.0 if name == "prefix" else 1e-9
        smallest = value.min() if hasattr(value, "shape") else value
        if not smallest >= low or (not hasattr(value, "shape") and math.isinf(value)):
            raise InputError(name, float(smallest), "a finite number above 0" if low else "at least 0")


def settle(passes: Passes, running: Num, osl: Num, *, again: Num = 1.0, at_random: bool = False) -> Settled:
    """So many running requests, each of which brings a prompt every `osl` tokens, as in a closed loop or at random.

    `again`: how often a prompt is prefilled, where requests lose their memory and begin anew.
    """
    passes = replace(passes, together=again)
    answered = passes.answering(running, osl)
    decode_s = answered_s = passes.decode_s(running)
    waiting = answered < running
    if waiting.any() if hasattr(waiting, "any") else waiting:
        answered_s = passes.decode_s(answered)
    prompts = passes.shared(answered, osl, answered_s, at_random=at_random)
    tpot_s = answered_s + prompts.extra_s
    share = passes.xp.minimum(FULLEST, prompts.extra_s / tpot_s)
    return Settled(decode_s, prompts, tpot_s, share, running * prompts.each_s, answered_s)


def serve(
    timed: Timed,
    system: System,
    scheduler: Scheduler,
    *,
    concurrency: Num,
    isl: Num,
    osl: Num,
    prefix: Num = 0.0,
    requests: Num = None,
    range_ratio: float = 1.0,
    limit: Num = None,
    memory_fraction: float | None = None,
) -> ServingEstimate:
    """Closed loop at a fixed concurrency. `isl` and `osl` are means, `prefix` the cached part of a prompt.

    `requests`: how many the run has in all; they start together, and the first wave counts in the means. Without it
    the run is endless. `range_ratio`: shortest over longest length; with 1 requests that start together end
    together, and waves never dissolve where prompts go first. `limit` overrides what memory allows to run at once.
    """
    check_lengths(concurrency=concurrency, isl=isl, osl=osl, prefix=prefix)
    xp = namespace_of_lengths(timed, concurrency, isl, osl, prefix)
    if limit is None:
        tokens = timed.answer_tokens(osl)
        limit = capacity(timed, system, scheduler, isl=isl, osl=tokens, memory_fraction=memory_fraction)
    fits = xp.minimum(concurrency, limit) >= 1.0
    profile, layout, new = timed.profile, timed.program.layout, xp.maximum(isl - prefix, 1.0)
    present, limit = xp.maximum(concurrency, 1.0), xp.maximum(limit, 1.0)
    inside = admitted(
        scheduler, layout, xp, present=present, limit=limit, isl=isl, new=new, osl=timed.answer_tokens(osl), passes=osl
    )
    running = inside.running
    passes = Passes(timed, scheduler, isl, new, isl + osl / 2.0, xp)
    load = settle(passes, running, osl, again=inside.again)
    waves = requests is not None or range_ratio >= 0.999
    first = _first_wave(passes, running, load) if waves else _NO_WAVE
    wait_s = (1.0 - load.share) * load.decode_s / layout.pp / 2.0 + load.share * load.prompts.step_s / 2.0
    held_s = scheduler.wait_passes * load.tpot_s + _gathering_s(passes, load, running, osl)
    steady_s = wait_s + load.prompts.whole_s + 0.3 * load.prompts.whole_s * load.own_share / (1.0 - load.own_share)
    steady_s = steady_s + behind_s(passes, load, osl)
    tpot_s = load.tpot_s
    if range_ratio >= 0.999:
        steady_s, tpot_s = _waves(passes, load, first, steady_s, wait_s, osl)
    steady_s = steady_s + held_s
    wave = 0.0 if requests is None else xp.minimum(1.0, concurrency / requests)
    queue = inside.waiting / running
    life_s = xp.maximum(osl - 1.0, 0.0) * tpot_s + steady_s
    settled_s = profile.outside_s(isl) + steady_s + queue * life_s
    begin_s = profile.outside_s(isl) + wave * (first.mean_s + profile.warmup_s) + (1.0 - wave) * steady_s
    # The queue for memory: everybody who joins it waits for it to pass; the first wave finds it half as long.
    begin_s = begin_s + queue * life_s * (1.0 - 0.5 * wave)
    tpot_s = tpot_s * (1.0 + inside.paused)
    kept = 1.0
    if requests is not None and range_ratio < 0.999:
        # The last wave drains and nobody takes its places; the more its lengths differ, the longer that lasts.
        kept = 1.0 - 0.5 * wave * (1.0 - 1.0 / concurrency) * (1.0 - 0.6 * range_ratio)
    found = _estimate(timed, xp, begin_s, tpot_s, concurrency, running, load, isl, osl, limit < concurrency, fits, kept)
    return replace(found, settled_ttft_s=xp.where(fits, settled_s, math.inf), again=inside.again)


def behind_s(passes: Passes, load: Settled, osl: Num) -> Num:
    """What prompts wait for each other where a dp group has no step without one."""
    left_s = load.least_s - load.prompts.whole_s - (osl - 1.0) * load.tpot_s
    return passes.xp.maximum(left_s, 0.0) if passes.scheduler.mixed else 0.0


def _gathering_s(passes: Passes, load: Settled, running: Num, osl: Num) -> Num:
    """Mean wait until every dp group has a prompt, or the scheduler's patience ends."""
    others = passes.timed.program.layout.dp - 1.0
    arrivals_s = osl * load.tpot_s / running
    return 0.5 * passes.xp.minimum(passes.scheduler.gather_passes * load.decode_s, others * arrivals_s)


@dataclass(frozen=True, slots=True)
class _Wave:
    """All running prompts prefilled from the same moment: mean wait for the first token, passes, time of one."""

    mean_s: Num
    passes: Num
    pass_s: Num


_NO_WAVE = _Wave(0.0, 0.0, 0.0)  # of an endless run of unequal lengths: nothing of it is in the means


def _first_wave(passes: Passes, running: Num, load: Settled) -> _Wave:
    prompts = passes.prompts(running, running / 2.0, load.decode_s)
    lag = prompts.whole_s - prompts.passes * prompts.pass_s
    return _Wave(prompts.pass_s * (prompts.passes + 1.0) / 2.0 + lag, prompts.passes, prompts.pass_s)


def _waves(passes: Passes, load: Settled, first: _Wave, steady_s: Num, wait_s: Num, osl: Num) -> tuple[Num, Num]:
    """Equal lengths: requests stay in step. Prompts that go first meet no decode; those that ride meet the wave."""
    if passes.scheduler.mixed:
        least_s = load.least_s - (osl - 1.0) * load.tpot_s
        alone_s = passes.xp.minimum(first.mean_s, load.prompts.whole_s + wait_s)
        return passes.xp.maximum(alone_s, least_s), load.tpot_s
    stalled = passes.xp.maximum(first.passes - 1.0, 0.0) / 2.0 * first.pass_s
    return first.mean_s, load.decode_s + stalled / osl


def _estimate(
    timed: Timed,
    xp: Namespace,
    begin_s: Num,
    tpot_s: Num,
    concurrency: Num,
    running: Num,
    load: Settled,
    isl: Num,
    osl: Num,
    limited: Num,
    fits: Num,
    kept: Num,
) -> ServingEstimate:
    """What clients see."""
    e2e_s = begin_s + xp.maximum(osl - 1.0, 0.0) * tpot_s
    rate = xp.where(fits, kept * concurrency / e2e_s, 0.0)
    profile = timed.profile
    return ServingEstimate(
        ttft_s=xp.where(fits, begin_s, math.inf),
        tpot_s=xp.where(fits, tpot_s, math.inf),
        e2e_s=xp.where(fits, e2e_s, math.inf),
        requests_per_s=rate,
        output_tokens_per_s=rate * osl,
        total_tokens_per_s=rate * (isl + osl),
        in_flight=xp.where(fits, running, 0.0),
        prefill_share=load.share,
        decode_step_s=load.decode_s,
        answered_step_s=load.answered_s,
        kv_limited=limited,
        low=profile.low,
        high=profile.high,
    )


def stay_s(passes: Passes, load: Settled, osl: Num) -> Num:
    """How long a request keeps its place."""
    return load.prompts.whole_s + behind_s(passes, load, osl) + passes.xp.maximum(osl - 1.0, 0.0) * load.tpot_s


def serve_saturated(
    timed: Timed,
    system: System,
    scheduler: Scheduler,
    *,
    isl: Num,
    osl: Num,
    prefix: Num = 0.0,
    limit: Num = None,
    memory_fraction: float | None = None,
) -> ServingEstimate:
    """The offline benchmark: more requests wait than fit, each that ends is followed at once; TTFT has no meaning."""
    check_lengths(isl=isl, osl=osl, prefix=prefix)
    xp = namespace_of_lengths(timed, isl, osl, prefix, limit)
    if limit is None:
        tokens = timed.answer_tokens(osl)
        limit = capacity(timed, system, scheduler, isl=isl, osl=tokens, memory_fraction=memory_fraction)
    fits = limit >= 1.0
    new, limit = xp.maximum(isl - prefix, 1.0), xp.maximum(limit, 1.0)
    inside = admitted(
        scheduler, timed.program.layout, xp, present=_CROWD * limit, limit=limit, isl=isl, new=new,
        osl=timed.answer_tokens(osl), passes=osl,
    )  # fmt: skip
    passes = Passes(timed, scheduler, isl, new, isl + osl / 2.0, xp)
    load = settle(passes, inside.running, osl, again=inside.again)
    rate = inside.running / stay_s(passes, load, osl)
    load = replace(load, tpot_s=load.tpot_s * (1.0 + inside.paused))
    return replace(_saturated(passes, load, inside.running, rate, fits, isl, osl), again=inside.again)


def most_served(
    timed: Timed, system: System, scheduler: Scheduler, *, isl: Num, osl: Num, prefix: Num = 0.0
) -> ServingEstimate:
    """Every step that has prompts has its budget full of them, on every dp group at once, and a place is held for no
    longer than the steps of its answer.
    """
    check_lengths(isl=isl, osl=osl, prefix=prefix)
    xp = namespace_of_lengths(timed, isl, osl, prefix)
    limit = capacity(timed, system, scheduler, isl=isl, osl=timed.answer_tokens(osl))
    running = xp.maximum(limit, 1.0)
    new = xp.maximum(isl - prefix, 1.0)
    passes = Passes(timed, scheduler, isl, new, isl + osl / 2.0, xp)
    decode_s = passes.decode_s(running)
    group = xp.minimum(running, xp.maximum(1.0, scheduler.token_budget * timed.program.layout.dp / new))
    prompts = passes.prompts(group, running, decode_s)
    tpot_s = decode_s + running * prompts.extra_s / group / osl
    shared = passes.shared(running, osl, decode_s)
    load = Settled(decode_s, shared, tpot_s, 1.0 - decode_s / tpot_s, running * shared.each_s, decode_s)
    return _saturated(passes, load, running, running / (osl * tpot_s), limit >= 1.0, isl, osl)


def _saturated(
    passes: Passes, load: Settled, running: Num, rate: Num, fits: Num, isl: Num, osl: Num
) -> ServingEstimate:
    xp, profile = passes.xp, passes.timed.profile
    rate = xp.where(fits, rate, 0.0)
    return ServingEstimate(
        ttft_s=math.inf,
        tpot_s=xp.where(fits, load.tpot_s, math.inf),
        e2e_s=math.inf,
        requests_per_s=rate,
        output_tokens_per_s=rate * osl,
        total_tokens_per_s=rate * (isl + osl),
        in_flight=xp.where(fits, running, 0.0),
        prefill_share=load.share,
        decode_step_s=load.decode_s,
        answered_step_s=load.answered_s,
        kv_limited=True,
        saturated=True,
        low=profile.low,
        high=profile.high,
    )
