"""Requests that arrive at random: how many are inside at once, and what they see."""

import math
from dataclasses import dataclass

from tokenroof.operators.timing import Timed
from tokenroof.serving.crowd import Crowd, inside_of
from tokenroof.serving.put_back import Admitted, admitted
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import (
    FULLEST,
    ServingEstimate,
    Settled,
    behind_s,
    capacity,
    check_lengths,
    namespace_of_lengths,
    settle,
    stay_s,
)
from tokenroof.types.engine import Scheduler
from tokenroof.types.machine import System
from tokenroof.types.program import Num
from tokenroof.xp import NUMPY

__all__ = ["OpenServer", "serve_open"]

_KEEPS_UP = 1.0 - 1e-9  # of the most that is served: a rate that was found from it does not


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenServer:
    """A server at every number of requests inside: all that does not depend on the rate at which they arrive.

    `most` is served per second where it is `filled`; at `present` requests they `stay_s` and see `seen_s` per token.
    """

    passes: Passes
    osl: Num
    limit: Num
    present: Num
    inside: Admitted
    filled: Admitted
    each: Settled
    stay_s: Num
    most: Num

    @classmethod
    def of(
        cls, timed: Timed, system: System, scheduler: Scheduler, *, isl: Num, osl: Num, prefix: Num = 0.0,
        limit: Num = None, memory_fraction: float | None = None, rate: Num = 1.0,
    ) -> "OpenServer":  # fmt: skip
        """`rate` tells the shape of the rates that are asked for, where they are arrays."""
        xp = namespace_of_lengths(timed, rate, isl, osl, prefix, limit)
        if limit is None:
            tokens = timed.answer_tokens(osl)
            limit = capacity(timed, system, scheduler, isl=isl, osl=tokens, memory_fraction=memory_fraction)
        limit, new = xp.maximum(limit, 1.0), xp.maximum(isl - prefix, 1.0)
        passes = Passes(timed, scheduler, isl, new, isl + osl / 2.0, NUMPY)
        lengths = {"limit": limit, "isl": isl, "new": new, "osl": timed.answer_tokens(osl), "passes": osl}
        top = admitted(scheduler, timed.program.layout, NUMPY, present=limit, **lengths).full
        filled = admitted(scheduler, timed.program.layout, NUMPY, present=top, **lengths)
        full = settle(passes, filled.running, osl, again=filled.again)  # a server that is full is a closed loop
        present = inside_of(top, rate, isl, osl, prefix, full.tpot_s)  # times may be of several machines
        inside = admitted(scheduler, timed.program.layout, NUMPY, present=present, **lengths)
        each = settle(passes, inside.running, osl, again=inside.again, at_random=True)
        return cls(
            passes=passes, osl=osl, limit=limit, present=present, inside=inside, filled=filled, each=each,
            stay_s=stay_s(passes, each, osl), most=filled.running / stay_s(passes, full, osl),
        )  # fmt: skip

    def serve(self, rate: Num, *, requests: Num = None, range_ratio: float = 0.8) -> ServingEstimate:
        """What requests see that arrive at so many a second; a run may end after a number of `requests`."""
        check_lengths(rate=rate)
        passes, inside, each, osl, most = self.passes, self.inside, self.each, self.osl, self.most
        timed, isl, filled = passes.timed, passes.prompt, self.filled
        xp = namespace_of_lengths(timed, rate, isl, osl, self.limit)
        saturated = rate >= most * _KEEPS_UP
        seen = Crowd.of(self.present, rate * self.stay_s / inside.running)
        prompts = each.prompts
        whole_s = seen.mean(prompts.whole_s + behind_s(passes, each, osl))
        seen_s = each.tpot_s * (1.0 + inside.paused)
        decode_s, tpot_s = seen.mean(each.decode_s), seen.mean(seen_s)
        held = rate * seen.mean(self.stay_s)  # Little's law; to rounding and sums by integrals, `seen.inside`
        wait_s = seen.mean(_passing_s(passes, each, rate))
        alike = (1.0 - range_ratio) ** 2 / (3.0 * (1.0 + range_ratio) ** 2)
        # Arrivals at random have answers of every age: memory is not full before as many are present as it holds.
        beyond_s = NUMPY.where(self.present > self.limit, inside.waiting, 0.0) / inside.running * self.stay_s
        queue_s = 0.5 * (1.0 + alike) * (seen.queued / rate + seen.mean(beyond_s))
        late_s = math.inf if requests is None else 0.5 * requests * xp.maximum(0.0, 1.0 / most - 1.0 / rate)
        tpot_s = xp.where(saturated, seen_s[-1], tpot_s)
        first_s = xp.where(saturated, prompts.whole_s[-1] + late_s, wait_s + whole_s + queue_s)
        ttft_s = timed.profile.outside_s(isl) + first_s
        served = xp.minimum(rate, most)
        if requests is not None:
            served = requests / (requests / served + osl * tpot_s)
        return ServingEstimate(
            ttft_s=ttft_s,
            settled_ttft_s=ttft_s,
            tpot_s=tpot_s,
            e2e_s=ttft_s + xp.maximum(osl - 1.0, 0.0) * tpot_s,
            requests_per_s=served,
            output_tokens_per_s=served * osl,
            total_tokens_per_s=served * (isl + osl),
            in_flight=xp.where(saturated, filled.running, held),
            prefill_share=xp.where(saturated, each.share[-1], seen.mean(each.share)),
            again=xp.where(saturated, filled.again, seen.mean(inside.again)),
            decode_step_s=xp.where(saturated, each.decode_s[-1], decode_s),
            answered_step_s=xp.where(saturated, each.answered_s[-1], seen.mean(each.answered_s)),
            kv_limited=saturated | (seen.queued > 0.01),
            saturated=saturated,
            low=timed.profile.low,
            high=timed.profile.high,
        )


def serve_open(
    timed: Timed,
    system: System,
    scheduler: Scheduler,
    *,
    rate: Num,
    isl: Num,
    osl: Num,
    prefix: Num = 0.0,
    requests: Num = None,
    limit: Num = None,
    memory_fraction: float | None = None,
    range_ratio: float = 0.8,
) -> ServingEstimate:
    """Poisson arrivals at `rate` requests/s: the closed loop at every number of requests, weighted by how often it is.

    With n requests inside they leave at the rate X(n) of a closed loop of n. A server whose speed depends on how many
    share it has n of them with a probability in proportion to the product of rate / X(k) for k = 1 ... n, whatever the
    lengths are (processor sharing is insensitive to them). Those beyond `limit` queue for memory, first come first
    served: half as long as at exponential lengths where all are alike. Little's law turns numbers into times.

    Beyond capacity the queue grows without end: TTFT is then infinite, or, in a run of `requests`, half of the time
    by which the last one is late.
    """
    check_lengths(rate=rate, isl=isl, osl=osl, prefix=prefix)
    server = OpenServer.of(
        timed, system, scheduler, isl=isl, osl=osl, prefix=prefix, limit=limit, memory_fraction=memory_fraction,
        rate=rate,
    )  # fmt: skip
    return server.serve(rate, requests=requests, range_ratio=range_ratio)


def _passing_s(passes: Passes, load: Settled, rate: Num) -> Num:
    """Mean wait of a prompt that arrives at any moment: for the step under way, and for prompts before it.

    A step under way is more often a long one. Prompts of a dp group that fill its budgets wait for each other as at
    a server that takes as long as a prompt does (Pollaczek and Khinchine, equal times).
    """
    xp, layout = passes.xp, passes.timed.program.layout
    prompts = load.prompts
    short_s, chance = load.decode_s / layout.pp, prompts.rounds
    step_s = (1.0 - chance) * short_s + chance * prompts.step_s
    residual_s = ((1.0 - chance) * short_s**2 + chance * prompts.step_s**2) / (2.0 * step_s)
    budgets = passes.new / passes.scheduler.token_budget
    used = xp.minimum(rate / layout.dp * budgets * prompts.step_s, FULLEST)
    rest_s = used * xp.maximum(prompts.whole_s - prompts.step_s, 0.0) / 2.0
    return residual_s + rest_s + used / (1.0 - used) * used * prompts.whole_s / 2.0
