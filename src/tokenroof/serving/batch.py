"""A static batch from start to end: no server, no queue."""

from dataclasses import dataclass

from tokenroof.operators.timing import Timed
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import namespace_of_lengths
from tokenroof.types.engine import Scheduler
from tokenroof.types.program import Num

__all__ = ["BatchEstimate", "static_batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEstimate:
    """A batch that starts and ends together. `output_tokens_per_s` counts prefill time too."""

    prefill_s: Num
    decode_s: Num
    step_s: Num
    e2e_s: Num
    output_tokens_per_s: Num


def static_batch(
    timed: Timed, scheduler: Scheduler, *, batch: Num, isl: Num, osl: Num, prefix: Num = 0.0
) -> BatchEstimate:
    """All prompts in passes of at most the token budget, then osl - 1 decode passes at the mean context. No server."""
    xp = namespace_of_lengths(timed, batch, isl, osl, prefix)
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
