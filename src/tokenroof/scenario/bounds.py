"""What no hardware of this kind beats: peak rates, free networks, all of memory, prompts that disturb nobody."""

from dataclasses import dataclass, replace

from tokenroof.engines import engine as engine_of
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.scenario.deployment import Deployment
from tokenroof.serving.batch import static_batch
from tokenroof.serving.steady import serve_saturated
from tokenroof.types.efficiency import BOUND
from tokenroof.types.program import Load as StepLoad

__all__ = ["Bounds", "bounds_of"]

_UNLIMITED = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Least times and highest rates at the deployment's own load; throughput per GPU of the system."""

    decode_step_s: float
    ttft_s: float
    tpot_s: float
    e2e_s: float
    output_tokens_per_s_per_gpu: float


def bounds_of(deployment: Deployment, running: float, *, kv_dtype: str | None = None) -> Bounds:
    """The bound with `running` requests at once in one replica. `kv_dtype` assumes another format of the cache.

    Tokens share their experts, since no run can read fewer; a closed loop gives no more than its requests take.
    """
    layout = deployment.layout if kv_dtype is None else replace(deployment.layout, kv_dtype=kv_dtype)
    free, work, tokens = engine_of("none").scheduler, deployment.workload, deployment.tokens_per_step
    timed = bind(lower(deployment.model, layout), deployment.system, BOUND, free_networks=True)
    answer = work.osl / tokens
    best = serve_saturated(
        timed, deployment.system, replace(free, max_sequences=_UNLIMITED), isl=work.isl, osl=answer, prefix=work.prefix
    )
    alone = static_batch(timed, free, batch=1.0, isl=work.isl, osl=1.0, prefix=work.prefix)
    share = max(running, 1.0) / layout.pp
    step_s = float(timed.step(decode=StepLoad(share, share, work.context)).step_s)
    prompt_s = float(alone.prefill_s)
    e2e_s = prompt_s + max(answer - 1.0, 0.0) * step_s
    rate = float(best.output_tokens_per_s) * tokens
    if deployment.load.kind in ("batch", "concurrency", "fill"):
        rate = min(rate, max(running, 1.0) * work.osl / e2e_s)
    return Bounds(
        decode_step_s=step_s,
        ttft_s=prompt_s,
        tpot_s=step_s / tokens,
        e2e_s=e2e_s,
        output_tokens_per_s_per_gpu=deployment.replicas * rate / deployment.system.n_chips,
    )
