"""The two changes worth most: what plan's search finds on the same machine under the same load."""

from collections.abc import Iterator

from tokenroof.errors import TokenroofError
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.ranges import equal_width
from tokenroof.types.model import Model
from tokenroof.types.workload import Load
from tokenroof.usecases.compare.answer import Change
from tokenroof.usecases.plan.answer import Candidate
from tokenroof.usecases.plan.request import PlanRequest
from tokenroof.usecases.plan.run import plan

__all__ = ["changes_of"]

_MOST = 2
_LEAST = 0.01  # of output: smaller gains are no change


def _asked(deployment: Deployment, model: str) -> PlanRequest | None:
    """The same question with the layout and the cache's format open."""
    load, work = deployment.load, deployment.workload
    if load.kind not in ("concurrency", "request_rate") or deployment.disaggregated:
        return None
    return PlanRequest(
        model=model, system=deployment.system.id, engine=deployment.engine,
        engine_version=deployment.scheduler.version, weight_dtype=deployment.weight_dtype, isl=work.isl,
        osl=max(work.osl, 2.0), prefix=work.prefix, objective="throughput", mode="agg", alternatives=8,
        memory_fraction=deployment.memory_fraction, rent_by=deployment.system.n_chips,
        concurrency=load.value if load.kind == "concurrency" else None,
        request_rate=load.value if load.kind == "request_rate" else None,
    )  # fmt: skip


def _what(one: Candidate, deployment: Deployment) -> str:
    """What is done otherwise than in the run; nothing where it is the same deployment."""
    layout, now = one.layout, deployment.layout
    parts = []
    degrees = ("tp", "pp", "ep", "dp", "cp", "dcp")
    if any(getattr(layout, name) != getattr(now, name) for name in degrees) or one.units > 1:
        parts.append(f"{one.units} replicas of {one.label}" if one.units > 1 else one.label)
    if one.kv != deployment.kv_dtype:
        parts.append(f"KV cache in {one.kv}")
    if one.drafts:
        parts.append(f"{one.drafts} drafts a step")
    if not parts and one.chunk != int(deployment.scheduler.token_budget):
        parts.append(f"max-batched-tokens {one.chunk}")
    return ", ".join(parts)


def _kind(what: str) -> tuple[str, ...]:
    """Two changes of one kind are one: the better is told."""
    return tuple(sorted("layout" if "KV" not in part and "tokens" not in part else part for part in what.split(", ")))


def _found(deployment: Deployment, request: PlanRequest) -> Iterator[Change]:
    load = deployment.load
    served = deployment.estimate(Load(kind=load.kind, value=load.value))  # without end, as a plan's: no first wave
    rate = float(served.requests_per_s) * deployment.replicas
    tpot_s, ttft_s = float(served.tpot_s) / deployment.tokens_per_step, float(served.ttft_s)
    output = rate * deployment.workload.osl / deployment.system.n_chips
    answer = plan(request)
    machine = answer.machines[0]
    named = [] if machine.winner is None else [machine.winner, *machine.runner_ups]
    kinds: set[tuple[str, ...]] = set()
    for one in named:
        what = _what(one, deployment)
        gain = one.output_tokens_per_s_per_gpu / output
        closed = load.kind == "concurrency"
        better = gain if closed else tpot_s / one.tpot_s
        if not what or better < 1.0 + _LEAST or _kind(what) in kinds:
            continue
        kinds.add(_kind(what))
        width = equal_width("tpot", deployment.profile, "formats" if "KV" in what else "layouts")
        yield Change(
            what=what, tpot_s=one.tpot_s, ttft_s=one.ttft_s, tpot_ratio=one.tpot_s / tpot_s, output_ratio=gain,
            ttft_ratio=one.ttft_s / ttft_s, within_error=better < 2.718281828459045**width,
        )  # fmt: skip


def changes_of(deployment: Deployment, model: Model) -> tuple[tuple[Change, ...], str]:
    """(changes, why there are none)."""
    request = _asked(deployment, model.id)
    if request is None:
        return (), "plan looks at closed loops and arrivals on shared GPUs alone"
    try:
        found = tuple(_found(deployment, request))
    except TokenroofError as error:
        return (), f"plan cannot be asked: {error}"
    kept = tuple(sorted(found, key=lambda one: -one.output_ratio / one.tpot_ratio)[:_MOST])
    return kept, "" if kept else "plan finds nothing better on this machine under this load"
