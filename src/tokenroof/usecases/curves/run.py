"""One layout over batch and context: the step as coefficients, what requests see as surfaces, walls and ranges."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tokenroof.errors import InputError
from tokenroof.formulas.roofline import drain_time_s
from tokenroof.operators.coefficients import coefficients_of, memory_coefficients
from tokenroof.operators.memory import visible_bytes
from tokenroof.scenario.bounds import unbeatable
from tokenroof.scenario.costs import cost_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.scenario.ranges import ranged
from tokenroof.scenario.resolve import resolve
from tokenroof.types.workload import Workload
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.analyze.run import LEFT_OUT
from tokenroof.usecases.curves.answer import Axes, Curves, Operating, Rent, Span
from tokenroof.usecases.curves.measured import measured_runs
from tokenroof.usecases.curves.surfaces import Array, Surfaces, surfaces_of

__all__ = ["Curves", "curves"]

_RANGED = ("tpot", "ttft", "e2e", "step", "throughput")
_LEAST_PROMPT, _USUAL_CONTEXT, _MOST_CONTEXT = 64.0, 131_072.0, 2_000_000.0
_LEAST_BATCH, _MOST_BATCH = 8.0, 65_536.0
_KNOTS = 13  # of each axis, before knots are added where curves bend
_CHUNKS = 8  # first lengths at which a prompt takes one step more, told to the token


def _workload(deployment: Deployment, new_tokens: Array) -> Workload:
    """The scenario's lengths with longer or shorter prompts."""
    work = deployment.workload
    return Workload(isl=new_tokens + work.prefix, osl=work.osl, prefix=work.prefix)  # type: ignore[arg-type]


def _served(deployment: Deployment, batches: Array, new_tokens: Array) -> dict[str, Array]:
    """What requests see, as `analyze` has it with `batch` given, and costs at a dollar for a GPU-hour."""
    there = replace(deployment, workload=_workload(deployment, new_tokens))
    served = there.at_batch(batches)
    cost = cost_of(there, served, 1.0)
    found = {
        "tpot_s": served.tpot_s, "ttft_s": served.ttft_s, "e2e_s": served.e2e_s,
        "output_tokens_per_s_per_gpu": served.output_tokens_per_s_per_gpu,
        "output_usd_per_mtok": cost.output_usd_per_mtok, "input_usd_per_mtok": cost.input_usd_per_mtok,
    }  # fmt: skip
    shape = np.broadcast_shapes(batches.shape, new_tokens.shape)
    return {name: np.broadcast_to(np.asarray(value, dtype=float), shape) for name, value in found.items()}


def _holds(deployment: Deployment, batches: Array, new_tokens: Array) -> Any:
    room = np.asarray(replace(deployment, workload=_workload(deployment, new_tokens)).rooms())
    return room >= batches * deployment.layout.pp


def _axes(deployment: Deployment) -> Axes:
    work, model = deployment.workload, deployment.model
    shortest = min(_LEAST_PROMPT, work.uncached)
    longest = float(model.context_config or model.context_advertised or _USUAL_CONTEXT)
    low = shortest + work.prefix + work.osl / 2.0
    high = min(max(longest, work.context, 2.0 * low), _MOST_CONTEXT)
    emptiest = replace(deployment, workload=_workload(deployment, np.array([shortest])))
    room = float(np.max(emptiest.rooms())) / deployment.layout.pp
    asked = deployment.load.value if deployment.load.kind == "batch" else 1.0
    return Axes(
        batch_low=1.0, batch_high=min(max(room, asked, _LEAST_BATCH), _MOST_BATCH), context_low=low, context_high=high
    )


def _prompts(deployment: Deployment, axes: Axes) -> Array:
    """Knots, with both sides of each length from which on a prompt takes one step more."""
    work, budget = deployment.workload, float(deployment.scheduler.token_budget)
    low, high = (end - work.osl / 2.0 - work.prefix for end in (axes.context_low, axes.context_high))
    ends = np.array([budget * count for count in range(1, _CHUNKS + 1)])
    jumps = np.concatenate([ends, ends + 1.0])
    inside = jumps[(jumps > low) & (jumps < high)]
    return np.unique(np.concatenate([np.geomspace(low, high, _KNOTS), inside, [work.uncached]]))


def _surfaces(deployment: Deployment, axes: Axes) -> Surfaces:
    batches = np.unique(np.round(np.geomspace(axes.batch_low, axes.batch_high, _KNOTS)))
    return surfaces_of(
        lambda batch, new: _served(deployment, batch, new),
        lambda batch, new: _holds(deployment, batch, new),
        np.unique(np.append(batches, axes.batch_high)),
        _prompts(deployment, axes),
        float(deployment.workload.uncached),
    )


def _batch(deployment: Deployment, axes: Axes) -> float:
    """Where the scenario stands: what is served, or what was asked for where that does not fit."""
    if deployment.load.kind == "batch":
        return min(deployment.load.value, axes.batch_high)
    served = deployment.serve()
    return min(max(served.batch, 1.0), axes.batch_high) if served.fits else 1.0


def _spans(deployment: Deployment) -> dict[str, Span]:
    found = {name: ranged(name, 1.0, deployment.profile) for name in _RANGED}
    return {
        name: Span(low=1.0 if one.low is None else one.low, high=1.0 if one.high is None else one.high)
        for name, one in found.items()
    }


def curves(request: AnalyzeRequest) -> Curves:
    """The coefficients that a front end draws from while a handle moves. The layout is the scenario's, and stays."""
    deployment = resolve(request)
    if deployment.disaggregated:
        raise InputError(
            "mode", request.mode, "agg: curves are of prompts and answers on the same GPUs", "ask analyze or plan"
        )
    chip, work, price = deployment.system.chip, deployment.workload, deployment.price
    axes = _axes(deployment)
    beyond = work.osl / 2.0 if deployment.scheduler.reserves_output else 0.0
    most = float(deployment.scheduler.max_sequences) * deployment.layout.dp
    return Curves(
        model=deployment.model.id,
        model_name=deployment.model.name,
        system=deployment.system.id,
        system_name=deployment.system.name,
        gpus=deployment.system.n_chips,
        layout=deployment.layout,
        layout_label=unit_label(deployment),
        replicas=deployment.replicas,
        engine=deployment.engine,
        profile=deployment.profile.id,
        claim=deployment.claim,
        weight_dtype=deployment.weight_dtype,
        kv_dtype=deployment.kv_dtype,
        at=Operating(
            batch=_batch(deployment, axes), context=work.context, isl=work.isl, osl=work.osl, prefix=work.prefix
        ),
        axes=axes,
        step=coefficients_of(deployment.timed, deployment.system, most=axes.batch_high),
        bound=coefficients_of(unbeatable(deployment), deployment.system, most=axes.batch_high),
        memory=memory_coefficients(
            deployment.program, deployment.memory(), deployment.known_engine, beyond=beyond, most=most
        ),
        served=_surfaces(deployment, axes),
        ranges=_spans(deployment),
        limits=deployment.limits,
        rent=None
        if price is None
        else Rent(
            usd_per_gpu_h=price.usd_per_gpu_h, low_usd_per_gpu_h=price.low_usd_per_gpu_h,
            high_usd_per_gpu_h=price.high_usd_per_gpu_h, source=price.source,
        ),
        tokens_per_step=deployment.tokens_per_step,
        drain_s=float(drain_time_s(memory_bytes=visible_bytes(chip), bytes_per_s=chip.bytes_per_s)),
        chip_flops_per_s={name: float(rate) for name, rate in chip.flops_per_s.items() if math.isfinite(rate)},
        chip_bytes_per_s=float(chip.bytes_per_s),
        measured=measured_runs(deployment),
        defaults=deployment.defaults,
        left_out=LEFT_OUT,
        warnings=deployment.warnings,
        deployment=deployment,
    )  # fmt: skip
