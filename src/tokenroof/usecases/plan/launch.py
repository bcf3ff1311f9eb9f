"""A deployment as commands to paste; how an engine writes them is in its file of engines/."""

import math
from collections.abc import Mapping

from tokenroof.engines import engine as engine_of
from tokenroof.operators.memory import fraction_of, visible_bytes
from tokenroof.serving.crowd import Crowd, inside_of, least_room
from tokenroof.types.engine import Engine, Worker
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn
from tokenroof.types.workload import Workload
from tokenroof.usecases.plan.answer import Candidate

__all__ = ["commands"]


def _checkpoint(model: Model, plan: Candidate) -> tuple[str, str]:
    """What to load, and a comment where it is not the model's own checkpoint."""
    if plan.own_weights:
        return model.name, ""
    name = f"MODEL_{plan.weights.upper()}"
    return f"${name}", f"# {name}: a checkpoint of {model.name} with weights in {plan.weights}"


def _experts(model: Model) -> int:
    return next((group.ffn.n_experts for group in model.layers if isinstance(group.ffn, MoeFfn)), 0)


def _length(load: Workload) -> int:
    return int(-(-(load.isl + load.osl) // 64) * 64)


def _roles(plan: Candidate) -> Mapping[str, tuple[Layout, int]]:
    if plan.prefill_layout is None:
        return {"both": (plan.layout, plan.units)}
    return {"prefill": (plan.prefill_layout, plan.prefill_workers), "decode": (plan.layout, plan.decode_workers)}


def _sequences(plan: Candidate, layout: Layout, role: str, load: Workload, at_random: bool) -> int:
    """Requests of one dp group at once. Random arrivals fluctuate: what is seldom passed is admitted, not the mean.

    What was simulated is what is to be started.
    """
    if plan.simulated is not None:
        return plan.simulated.max_num_seqs
    if role == "prefill":  # a full pass for every pipeline stage, or stages stand idle
        return max(1, -(-plan.chunk // max(int(load.uncached), 1))) * layout.pp
    held = plan.unit_concurrency
    if role == "decode":
        held *= (1.0 - plan.ttft_s / plan.e2e_s) * plan.units / plan.decode_workers
    mean = held / layout.dp
    if not at_random:
        return max(1, math.ceil(mean))
    assert plan.deployment is not None
    given = plan.deployment.scenario.max_num_seqs
    seldom = 0 if role == "decode" else math.ceil(_seldom_passed(plan) / layout.dp)
    wanted = max(least_room(mean), seldom, 1)
    return wanted if given is None else min(wanted, given)


def _seldom_passed(plan: Candidate) -> int:
    """Requests in one unit that are seldom passed, up to what its memory holds."""
    unit = plan.deployment
    assert unit is not None
    tried = inside_of(float(int(unit.room())))
    return Crowd.of(tried, plan.requests_per_s / plan.units / unit.closed(tried).requests_per_s).seldom_passed()


def _fraction(known: Engine, system: System, layout: Layout, given: float | None) -> float | None:
    """The share of memory that the command says: the given one, or the plan's where the engine has to be told."""
    if given is not None or known.launcher is None or not known.launcher.names_fraction:
        return given
    return round(float(fraction_of(known.memory, visible_bytes(system.chip), layout)), 3)


def _machine(plan: Candidate, role: str, system: System) -> System:
    """Where workers of a role stand."""
    machines = (system,) if plan.deployment is None else plan.deployment.machines
    return machines[0] if role == "prefill" else machines[-1]


def commands(
    model: Model,
    system: System,
    plan: Candidate,
    load: Workload,
    engine: str,
    *,
    memory_fraction: float | None = None,
    at_random: bool = False,
) -> str:
    """Commands of every worker under one engine, or a comment on why its flags cannot say it.

    `at_random`: requests come when they like, and are not kept at a number.
    """
    known = engine_of(engine)
    if known.launcher is None:
        return f"# {known.display_name}: no command is written for it"
    checkpoint, remark = _checkpoint(model, plan)
    lines = [remark] if remark else []
    for role, (layout, workers) in _roles(plan).items():
        reason = known.inexpressible(layout)
        if reason:
            return f"# {known.display_name} has no flags for {reason}"
        what = "" if role == "both" else f"{role}, "
        gpus = f"{layout.n_gpus} GPU{'s' if layout.n_gpus > 1 else ''}"
        if workers > 1 or what:
            lines.append(f"# {what}{workers} {'times' if workers > 1 else 'time'} on {gpus} each")
        worker = Worker(
            checkpoint=checkpoint, layout=layout, role=role, chunk=plan.chunk, length=_length(load), kv=plan.kv,
            sequences=_sequences(plan, layout, role, load, at_random), gather_passes=plan.gather_passes,
            drafts=plan.drafts, experts=_experts(model),
        )  # fmt: skip
        share = _fraction(known, _machine(plan, role, system), layout, memory_fraction)
        flag = "" if share is None else f" \\\n    {known.launcher.fraction_flag} {share:g}"
        lines.append(known.launcher.command(worker) + flag)
    return "\n".join(lines)
