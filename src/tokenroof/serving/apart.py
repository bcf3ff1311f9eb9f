"""Prompts and answers on workers of their own (disaggregated serving): the slower of the two sets the pace.

Prompts queue before those that prefill; those that decode hold a batch of whatever is answered. In all three loads the
number answered at once is where one falling value reaches 0: requests that are left for answering, over those answered.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenroof.formulas.queueing import many_servers_mean_wait_s
from tokenroof.operators.timing import Timed
from tokenroof.serving.prompt_queue import prompt_wait_s
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import ServingEstimate, capacity, namespace_of_lengths
from tokenroof.solve import falling_root
from tokenroof.types.engine import Scheduler
from tokenroof.types.machine import System
from tokenroof.types.program import Num
from tokenroof.xp import SCALAR, Namespace

__all__ = ["BUSY", "Pool", "PromptLine", "prompt_line", "prompts_in_flight", "serve_apart", "serve_apart_open"]

BUSY = 0.9  # prefill workers are counted for this share of what they can take: a queue stands before them
_FEWEST = 1e-3  # answered at once
_KEEPS_UP = 1.0 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """`copies` deployments of one phase."""

    timed: Timed
    system: System
    scheduler: Scheduler
    copies: Num = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLine:
    """Prompts before GPUs that only prefill: `alone_s` till a prompt that nobody is before is done. A step with one
    takes `one_s` of a worker's time, one with the `group` that fills it `full_s`.
    """

    alone_s: Num
    one_s: Num
    full_s: Num
    group: Num
    workers: Num
    xp: Namespace

    @property
    def fastest(self) -> Num:
        """Prompts/s where every step is full."""
        return self.workers * self.group / self.full_s

    def begin_s(self, rate: Num, clients: Num = math.inf) -> Num:
        """Mean time from arrival to the end of prefill where `rate` come per second, of so many clients."""
        return self.alone_s + prompt_wait_s(
            rate, one_s=self.one_s, full_s=self.full_s, group=self.group, workers=self.workers, xp=self.xp,
            clients=clients,
        )  # fmt: skip

    def feeds(self, answer_s: Num, pace: Num, transfer_s: Num, ttft_s: float | None) -> Num:
        """Most requests at once that are answered or on their way there: clients beyond them only wait before prefill.

        `pace` of them a second are wanted, each is answered for `answer_s`. A limit on TTFT lets more stand there.
        """
        begin_s = self.begin_s(self.xp.minimum(pace, BUSY * self.fastest)) + transfer_s
        return self.fastest * (answer_s + self.xp.maximum(begin_s, ttft_s or 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pace:
    """What so many requests `answering` at once make of a step, an answer, the rate and the time to begin.

    `handed_s`: till a prefilled request is answered, while its cache is sent and the step under way ends.
    """

    step_s: Num
    answer_s: Num
    handed_s: Num
    rate: Num
    begin_s: Num


@dataclass(frozen=True, slots=True, kw_only=True)
class _Roles:
    """Both pools under one load of mean lengths. `room`: answers that memory holds."""

    line: PromptLine
    back: Passes
    copies: Num
    room: Num
    osl: Num
    transfer_s: Num
    outside_s: Num

    def paced(self, answering: Num, clients: Num) -> _Pace:
        xp = self.line.xp
        step_s = self.back.decode_s(xp.maximum(answering, 1.0) / xp.maximum(self.copies, 1.0))
        answer_s = xp.maximum(self.osl - 1.0, 1.0) * step_s
        busy = 1.0 - xp.exp(-answering / xp.maximum(self.copies, 1.0))
        handed_s = self.transfer_s + busy * step_s / 2.0
        rate = xp.minimum(self.line.fastest, answering / (answer_s + handed_s))
        begin_s = self.line.begin_s(rate, clients)
        return _Pace(step_s=step_s, answer_s=answer_s, handed_s=handed_s, rate=rate, begin_s=begin_s)

    def queue_s(self, pace: _Pace) -> Num:
        """Mean wait of arrivals at random for memory of their decode worker; each gets its share of them in turn."""
        copies = self.line.xp.maximum(self.copies, 1.0)
        return many_servers_mean_wait_s(
            requests_per_s=pace.rate / copies, service_s=pace.answer_s,
            servers=self.line.xp.maximum(self.room / copies, 1.0), arrival_cv=copies**-0.5, service_cv=0.0,
            xp=self.line.xp,
        )  # fmt: skip

    def answering(self, left: Callable[[Num], Num], most: Num) -> Num:
        """Where those that are left for answering are as many as are answered: the one more, the other fewer."""
        least = self.line.xp.minimum(_FEWEST, most)
        return falling_root(lambda held: left(held) / held - 1.0, least, most, xp=self.line.xp)

    def estimate(self, pace: _Pace, answering: Num, held: Num, ttft_s: Num, rate: Num) -> ServingEstimate:
        xp, fits, profile = self.line.xp, self.room >= 1.0, self.back.timed.profile
        rate = xp.where(fits, rate, 0.0)
        return ServingEstimate(
            ttft_s=xp.where(fits, ttft_s, math.inf),
            tpot_s=xp.where(fits, pace.step_s, math.inf),
            e2e_s=xp.where(fits, ttft_s + pace.answer_s, math.inf),
            requests_per_s=rate,
            output_tokens_per_s=rate * self.osl,
            total_tokens_per_s=rate * (self.back.prompt + self.osl),
            in_flight=xp.where(fits, answering, 0.0),
            prefill_share=xp.where(fits, 1.0 - answering / held, 0.0),
            decode_step_s=pace.step_s,
            kv_limited=self.room < held,
            low=profile.low,
            high=profile.high,
        )


def prompts_in_flight(groups: Num, stages: Num, budget: Num, new: Num, xp: Namespace = SCALAR) -> Num:
    """Prompts of `new` tokens that a prefill worker holds when every pipeline stage has a full pass of `budget` tokens
    for each of its groups of data-parallel attention.
    """
    each = budget * groups
    passes = xp.maximum(1.0, xp.ceil(new / each))
    return xp.floor(xp.maximum(1.0, each / new) * xp.ceil(stages / passes))


def prompt_line(prefill: Pool, *, isl: Num, prefix: Num = 0.0, xp: Namespace | None = None) -> PromptLine:
    """The line of prompts before a pool of prefill workers."""
    xp = xp or namespace_of_lengths(prefill.timed, isl, prefix, prefill.copies)
    new = xp.maximum(isl - prefix, 1.0)
    front = Passes(prefill.timed, replace(prefill.scheduler, mixed=False), isl, new, isl, xp)
    group = xp.maximum(1.0, prefill.scheduler.token_budget * prefill.timed.program.layout.dp / new)
    one, full = front.prompts(1.0, 0.0, 0.0), front.prompts(group, 0.0, 0.0)
    return PromptLine(
        alone_s=one.whole_s, one_s=one.extra_s, full_s=full.extra_s, group=group, workers=prefill.copies, xp=xp
    )


def _roles(
    prefill: Pool, decode: Pool, load: Num, *, isl: Num, osl: Num, prefix: Num, transfer_s: Num,
    memory_fraction: float | None,
) -> _Roles:  # fmt: skip
    xp = namespace_of_lengths(decode.timed, load, isl, osl, prefix, prefill.copies, decode.copies)
    new = xp.maximum(isl - prefix, 1.0)
    room = decode.copies * capacity(
        decode.timed, decode.system, decode.scheduler, isl=isl, osl=decode.timed.answer_tokens(osl),
        memory_fraction=memory_fraction,
    )  # fmt: skip
    return _Roles(
        line=prompt_line(prefill, isl=isl, prefix=prefix, xp=xp),
        back=Passes(decode.timed, decode.scheduler, isl, new, isl + osl / 2.0, xp),
        copies=decode.copies, room=room, osl=osl, transfer_s=transfer_s,
        outside_s=prefill.timed.profile.outside_s(isl),
    )  # fmt: skip


def serve_apart(
    prefill: Pool,
    decode: Pool,
    *,
    concurrency: Num,
    isl: Num,
    osl: Num,
    prefix: Num = 0.0,
    think_s: Num = None,
    transfer_s: Num = 0.0,
    memory_fraction: float | None = None,
) -> ServingEstimate:
    """Closed loop: each request that ends is replaced at once, or after `think_s` where its user reads first.

    `transfer_s` moves one request's cache from the one pool to the other. Users who read ask at random.
    """
    roles = _roles(
        prefill, decode, concurrency, isl=isl, osl=osl, prefix=prefix, transfer_s=transfer_s,
        memory_fraction=memory_fraction,
    )  # fmt: skip
    xp, line = roles.line.xp, roles.line
    away_s, clients = (0.0, concurrency) if think_s is None else (think_s, math.inf)

    def begin_s(pace: _Pace) -> Num:
        return pace.begin_s + roles.outside_s + (0.0 if think_s is None else roles.queue_s(pace))

    def left(answering: Num) -> Num:
        """All who are neither away nor in prefill, and no more than prefill hands over: the rest stand before it."""
        pace = roles.paced(answering, clients)
        handed_over = line.fastest * (pace.answer_s + pace.handed_s)
        return xp.minimum(concurrency - pace.rate * (begin_s(pace) + away_s), handed_over)

    answering = roles.answering(left, xp.minimum(roles.room, concurrency))
    pace = roles.paced(answering, clients)
    soonest_s = begin_s(pace) + pace.handed_s
    ttft_s = xp.maximum(concurrency / pace.rate - away_s - pace.answer_s, soonest_s)
    rate = concurrency / (away_s + ttft_s + pace.answer_s)
    return roles.estimate(pace, answering, concurrency - rate * away_s, ttft_s, rate)


def serve_apart_open(
    prefill: Pool,
    decode: Pool,
    *,
    rate: Num,
    isl: Num,
    osl: Num,
    prefix: Num = 0.0,
    transfer_s: Num = 0.0,
    memory_fraction: float | None = None,
) -> ServingEstimate:
    """Open loop: `rate` requests/s arrive at random. Where the slower pool does not keep up the queue has no end."""
    roles = _roles(
        prefill, decode, rate, isl=isl, osl=osl, prefix=prefix, transfer_s=transfer_s, memory_fraction=memory_fraction
    )
    xp = roles.line.xp
    full = roles.paced(xp.maximum(roles.room, 1.0), math.inf)
    saturated = rate >= full.rate * _KEEPS_UP
    served = xp.minimum(rate, full.rate)

    def left(answering: Num) -> Num:
        pace = roles.paced(answering, math.inf)
        return served * (pace.answer_s + pace.handed_s)

    answering = roles.answering(left, xp.maximum(roles.room, 1.0))
    pace, begin_s = roles.paced(answering, math.inf), roles.line.begin_s(served)
    begin_s = begin_s + roles.queue_s(pace)
    ttft_s = xp.where(saturated, math.inf, begin_s + pace.handed_s + roles.outside_s)
    held = answering + served * begin_s
    found = roles.estimate(pace, answering, held, ttft_s, served)
    return replace(found, saturated=saturated)
