"""Load without a queue: a static batch from start to end, and prompts and answers on separate machines."""

import math
from dataclasses import dataclass

from tokenroof.operators.timing import Timed
from tokenroof.serving.prompt_queue import prompt_wait_s
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import ServingEstimate, capacity
from tokenroof.types.engine import Scheduler
from tokenroof.types.machine import System
from tokenroof.types.program import Num
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = ["BatchEstimate", "Pool", "prompts_in_flight", "serve_apart", "static_batch"]

_HALVINGS = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEstimate:
    """A batch that starts and ends together. `output_tokens_per_s` counts prefill time too."""

    prefill_s: Num
    decode_s: Num
    step_s: Num
    e2e_s: Num
    output_tokens_per_s: Num


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """`copies` deployments of one phase."""

    timed: Timed
    system: System
    scheduler: Scheduler
    copies: Num = 1.0


def _namespace(timed: Timed, *numbers: Num) -> Namespace:
    arrays = timed.program.vectorised or any(hasattr(number, "shape") for number in numbers)
    return NUMPY if arrays else SCALAR


def static_batch(
    timed: Timed, scheduler: Scheduler, *, batch: Num, isl: Num, osl: Num, prefix: Num = 0.0
) -> BatchEstimate:
    """All prompts in passes of at most the token budget, then osl - 1 decode passes at the mean context. No server."""
    xp = _namespace(timed, batch, isl, osl, prefix)
    passes = Passes(timed, scheduler, isl, xp.maximum(isl - prefix, 1.0), isl + osl / 2.0, xp)
    alone = Passes(timed, _prompts_only(scheduler), passes.prompt, passes.new, passes.context, xp)
    prefill_s = alone.prompts(batch, 0.0, 0.0).whole_s
    step_s = passes.decode_s(batch)
    decode_s = xp.maximum(osl - 1.0, 0.0) * step_s
    whole = prefill_s + decode_s
    return BatchEstimate(
        prefill_s=prefill_s, decode_s=decode_s, step_s=step_s, e2e_s=whole, output_tokens_per_s=batch * osl / whole
    )


def _prompts_only(scheduler: Scheduler) -> Scheduler:
    return Scheduler(name=scheduler.name, mixed=False, token_budget=scheduler.token_budget)


def prompts_in_flight(groups: Num, stages: Num, budget: Num, new: Num, xp: Namespace = SCALAR) -> Num:
    """Prompts of `new` tokens that a prefill worker holds when every pipeline stage has a full pass of `budget` tokens
    for each of its groups of data-parallel attention.
    """
    each = budget * groups
    passes = xp.maximum(1.0, xp.ceil(new / each))
    return xp.floor(xp.maximum(1.0, each / new) * xp.ceil(stages / passes))


def serve_apart(
    prefill: Pool,
    decode: Pool,
    *,
    concurrency: Num,
    isl: Num,
    osl: Num,
    prefix: Num = 0.0,
    transfer_s: Num = 0.0,
    memory_fraction: float | None = None,
    at_random: bool = False,
) -> ServingEstimate:
    """Closed loop with prompts on one pool and answers on another (disaggregated serving).

    The slower of the two sets the pace: before the prefill pool prompts queue, the decode pool is a batch that holds
    whatever is not in prefill. `transfer_s` moves one request's cache between them. `at_random`: it stands for an open
    loop with so many requests inside, whose prompts do not wait for answers to end.
    """
    xp = _namespace(decode.timed, concurrency, isl, osl, prefix, prefill.copies, decode.copies)
    new = xp.maximum(isl - prefix, 1.0)
    front = Passes(prefill.timed, _prompts_only(prefill.scheduler), isl, new, isl, xp)
    back = Passes(decode.timed, decode.scheduler, isl, new, isl + osl / 2.0, xp)
    budget = prefill.scheduler.token_budget * prefill.timed.program.layout.dp
    room = decode.copies * capacity(
        decode.timed, decode.system, decode.scheduler, isl=isl, osl=osl, memory_fraction=memory_fraction
    )
    fits = room >= 1.0
    one = front.prompts(1.0, 0.0, 0.0)
    full_group = xp.maximum(1.0, budget / new)
    full = front.prompts(full_group, 0.0, 0.0)
    fastest = prefill.copies * full_group / full.extra_s

    def paced(answering: Num) -> tuple[Num, Num, Num, Num]:
        """Step, answer, rate and time to begin with so many requests answered at once."""
        step_s = back.decode_s(xp.maximum(answering / decode.copies, 1.0 / xp.maximum(decode.copies, 1.0)))
        answer_s = xp.maximum(osl - 1.0, 1.0) * step_s
        rate = xp.minimum(fastest, answering / (answer_s + transfer_s))
        wait_s = prompt_wait_s(
            rate, one_s=one.extra_s, full_s=full.extra_s, group=full_group, workers=prefill.copies, xp=xp,
            clients=math.inf if at_random else concurrency,
        )  # fmt: skip
        return step_s, answer_s, rate, one.whole_s + wait_s

    # The more are answered at once the faster, and the more are in prefill, which leaves fewer: the two meet once. No
    # more are answered than prefill hands over: the rest stand before it.
    low, high = xp.minimum(1e-3, concurrency), xp.minimum(room, concurrency)
    for _ in range(_HALVINGS):
        answering = 0.5 * (low + high)
        _, answer_s, rate, begin_s = paced(answering)
        handed_over = answering <= fastest * (answer_s + transfer_s)
        room_for_more = (concurrency - rate * begin_s >= answering) & handed_over
        low, high = xp.where(room_for_more, answering, low), xp.where(room_for_more, high, answering)
    answering = high
    step_s, answer_s, rate, begin_s = paced(answering)
    e2e_s = concurrency / rate
    ttft_s = xp.maximum(e2e_s - answer_s, begin_s) + prefill.timed.profile.outside_s(isl)
    e2e_s = ttft_s + answer_s
    rate = xp.where(fits, concurrency / e2e_s, 0.0)
    return ServingEstimate(
        ttft_s=xp.where(fits, ttft_s, math.inf),
        tpot_s=xp.where(fits, step_s, math.inf),
        e2e_s=xp.where(fits, e2e_s, math.inf),
        requests_per_s=rate,
        output_tokens_per_s=rate * osl,
        total_tokens_per_s=rate * (isl + osl),
        in_flight=xp.where(fits, answering, 0.0),
        prefill_share=xp.where(fits, 1.0 - answering / concurrency, 0.0),
        decode_step_s=step_s,
        kv_limited=room < concurrency,
        low=decode.timed.profile.low,
        high=decode.timed.profile.high,
    )
