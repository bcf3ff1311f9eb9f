"""What no hardware of this kind beats: peak rates, free networks, all of memory, prompts that disturb nobody."""

from dataclasses import dataclass, replace

from tokenroof.engines import engine as engine_of
from tokenroof.operators.lower import lower
from tokenroof.operators.roof import roof
from tokenroof.operators.timing import Timed
from tokenroof.scenario.deployment import Deployment
from tokenroof.serving.batch import static_batch
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import most_served
from tokenroof.types.program import Load as StepLoad
from tokenroof.xp import SCALAR

__all__ = ["Bounds", "bounds_of", "unbeatable"]

_UNLIMITED = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Least times and highest rates at the deployment's own load; rates are of the system, one per GPU of all."""

    decode_step_s: float
    ttft_s: float
    tpot_s: float
    e2e_s: float
    requests_per_s: float
    output_tokens_per_s_per_gpu: float

    @property
    def settled_ttft_s(self) -> float:
        """The same as for the mean: the least prompt waits for nobody."""
        return self.ttft_s


def unbeatable(deployment: Deployment, *, kv_dtype: str | None = None) -> Timed:
    """The roof over the deployment. `kv_dtype` assumes another format of the cache."""
    layout = deployment.layout if kv_dtype is None else replace(deployment.layout, kv_dtype=kv_dtype)
    return roof(lower(deployment.model, layout), deployment.system)


def bounds_of(
    deployment: Deployment, asked: float, *, batch: float | None = None, sure_of_room: float = 1.0,
    timed: Timed | None = None,
) -> Bounds:  # fmt: skip
    """The bound with `asked` requests in one replica; those beyond memory wait and slow nobody's tokens down.

    Tokens share their experts, since no run can read fewer; a closed loop gives no more than its requests take.
    `batch` is how many of them a decode step holds, where some wait elsewhere: fewer take less time than all.
    `sure_of_room` is the share of the room that surely runs at once, where what memory holds is our own estimate.
    `timed` is `unbeatable`, for those who keep it.
    """
    timed = timed or unbeatable(deployment)
    if deployment.disaggregated:
        return _apart(deployment, timed, asked)
    if deployment.load.kind == "static":
        return _together(deployment, timed)
    free, work, tokens = engine_of("none").scheduler, deployment.workload, deployment.tokens_per_step
    answer = work.osl / tokens
    best = most_served(
        timed, deployment.system, replace(free, max_sequences=_UNLIMITED), isl=work.isl, osl=answer, prefix=work.prefix
    )
    alone = static_batch(timed, free, batch=1.0, isl=work.isl, osl=1.0, prefix=work.prefix)
    held = max(min(asked, sure_of_room * deployment.room()), 1.0) if asked > 1.0 else 1.0
    passes = Passes(timed, deployment.scheduler, work.isl, max(work.isl - work.prefix, 1.0), work.context, SCALAR)
    answered = float(passes.answering(held, answer))  # the others wait for their prompts
    step_s, token_s = (
        float(timed.step(decode=StepLoad(share, share, work.context)).step_s)
        for share in (min(held, batch or held) / deployment.layout.pp, answered / deployment.layout.pp)
    )
    prompt_s = float(alone.prefill_s)
    e2e_s = prompt_s + max(answer - 1.0, 0.0) * token_s
    rate = float(best.requests_per_s)
    if deployment.load.kind in ("batch", "concurrency", "fill"):
        rate = min(rate, max(asked, 1.0) / e2e_s)
    return _bounds(deployment, step_s, prompt_s, e2e_s, rate, token_s)


def _apart(deployment: Deployment, timed: Timed, asked: float) -> Bounds:
    """Prompts and answers on workers of their own: each role at its own best, and no transfer between them."""
    split = deployment.prefill_workers
    assert split is not None
    free = replace(engine_of("none").scheduler, max_sequences=_UNLIMITED)
    work, answer = deployment.workload, deployment.workload.osl / deployment.tokens_per_step
    front = roof(lower(deployment.model, split.layout), split.system)
    lengths = {"isl": work.isl, "prefix": work.prefix}
    prompts = split.workers * float(most_served(front, split.system, free, osl=1.0, **lengths).requests_per_s)
    room = max(deployment.room() / split.decode_workers, 1.0)
    share = room / deployment.layout.pp
    full_s = float(timed.step(decode=StepLoad(share, share, work.context)).step_s)
    answers = split.decode_workers * room / (answer * full_s)
    prompt_s = float(static_batch(front, free, batch=1.0, osl=1.0, **lengths).prefill_s)
    step_s = float(timed.step(decode=StepLoad(1.0, 1.0, work.context)).step_s)
    e2e_s = prompt_s + max(answer - 1.0, 0.0) * step_s
    rate = min(prompts, answers)
    if deployment.load.kind in ("concurrency", "fill"):
        rate = min(rate, max(asked, 1.0) / e2e_s)
    return _bounds(deployment, step_s, prompt_s, e2e_s, rate)


def _together(deployment: Deployment, timed: Timed) -> Bounds:
    """A batch that starts and ends together."""
    work, batch = deployment.workload, deployment.load.value
    answer = work.osl / deployment.tokens_per_step
    found = static_batch(timed, engine_of("none").scheduler, batch=batch, isl=work.isl, osl=answer, prefix=work.prefix)
    e2e_s = float(found.e2e_s)
    return _bounds(deployment, float(found.step_s), float(found.prefill_s), e2e_s, batch / e2e_s)


def _bounds(
    deployment: Deployment, step_s: float, prompt_s: float, e2e_s: float, rate: float, token_s: float | None = None
) -> Bounds:
    requests_per_s, token_s = deployment.replicas * rate, step_s if token_s is None else token_s
    return Bounds(
        decode_step_s=step_s, ttft_s=prompt_s, tpot_s=token_s / deployment.tokens_per_step, e2e_s=e2e_s,
        requests_per_s=requests_per_s,
        output_tokens_per_s_per_gpu=requests_per_s * deployment.workload.osl / deployment.gpus,
    )  # fmt: skip
