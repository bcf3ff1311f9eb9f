"""What a plan searches: formats, layouts, drafts and budgets on one machine, or on those of each role."""

from dataclasses import replace
from typing import Any

from tokenroof.catalog import load_system
from tokenroof.catalog.chips import load_chip
from tokenroof.catalog.profile import profile_for, side_by_side
from tokenroof.catalog.systems import compose_system
from tokenroof.engines import engine as engine_of
from tokenroof.errors import DataMissing, InputError
from tokenroof.operators.exchange import EXCHANGE, exchange_of
from tokenroof.planner.points import Space
from tokenroof.planner.space import CHUNKS, Format, kv_formats, planned_layouts, weight_formats
from tokenroof.scenario.apart import layouts_apart
from tokenroof.scenario.exchanged import check_exchange
from tokenroof.scenario.formats import main_format, served_weights
from tokenroof.scenario.ranges import tightened
from tokenroof.scenario.resolve import engine_scheduler
from tokenroof.scenario.slo import Slo
from tokenroof.types.dtype import dtype
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.scenario import DEGREES, LOADS
from tokenroof.types.workload import Workload
from tokenroof.usecases.plan.request import PlanRequest, words_of

__all__ = ["held_degrees", "planned", "spaces", "system_with"]

_DRAFTS = 4


def system_with(name: str, gpus: int | None) -> System:
    """A system by name, with another number of the same chips where one is given."""
    one = load_system(name)
    if gpus is None or gpus == one.n_chips:
        return one
    if not 1 <= gpus <= 100_000:
        raise InputError("gpus", gpus, "a whole number from 1 to 100000")
    if one.id in (one.chip.id, f"{one.n_chips}x{one.chip.id}"):
        return compose_system(load_chip(one.chip.id), gpus)
    power = None if one.power_w is None else one.power_w / one.n_chips * gpus
    return replace(
        one, id=f"{one.id}, {gpus} GPUs", name=f"{gpus} GPUs of {one.name}", n_chips=gpus,
        domain_size=min(one.domain_size, gpus), power_w=power,
    )  # fmt: skip


def _narrower(model: Model, name: str) -> tuple[str, Any]:
    """A format by its name, with the weights that it stands for; None where they are the checkpoint's own."""
    served, weights = served_weights(model, name)
    return name, weights if served is model else served.weights


def _formats(request: PlanRequest, model: Model, system: System) -> tuple[Format, ...]:
    own = main_format(model)
    names = [own if name == "own" else name for name in words_of("weight_dtype", request.weight_dtype)]
    weights = [_narrower(model, name) for name in names or weight_formats(model, system.chip)]
    kvs = list(kv_formats(model, system.chip))
    asked = words_of("kv_dtype", request.kv_dtype)
    if asked:
        kvs = [(dtype(name).name, None if name == model.kv_dtype else name) for name in asked]
    known = engine_of(request.engine, request.engine_version)
    asked_of = {name: getattr(request, name) for name in EXCHANGE}
    return tuple(
        Format(
            name=name,
            kv_name=kv_name,
            own=stored is None,
            weights=stored,
            kv=kv,
            exchange=exchange_of(known, system.chip, model, stored, asked_of),
        )
        for name, stored in weights
        for kv_name, kv in kvs
    )


def held_degrees(request: PlanRequest) -> dict[str, int]:
    """Degrees that the request pins."""
    return {name: value for name in DEGREES if (value := getattr(request, name)) is not None}


def _depths(request: PlanRequest, model: Model) -> tuple[int, ...]:
    if request.acceptance is None:
        return (0,)
    if not model.mtp_layers:
        raise DataMissing(model.name, "draft head", "no multi-token-prediction layer", "leave acceptance out")
    return (0, *range(1, (request.drafts or _DRAFTS) + 1))


def planned(slo: Slo, profile: Efficiency, confidence: float) -> Slo:
    """What predictions must stay within for each limit to hold with this probability."""
    return replace(
        slo, ttft_s=tightened("ttft", slo.ttft_s, profile, confidence),
        tpot_s=tightened("tpot", slo.tpot_s, profile, confidence),
    )  # fmt: skip


def _space(
    request: PlanRequest, model: Model, system: System, profile: Efficiency, slo: Slo, load: Workload,
    formats: tuple[Format, ...], named: Layout | None = None,
) -> tuple[Space, dict[str, int]]:  # fmt: skip
    layouts, refused = planned_layouts(model, system, request.engine, fixed=held_degrees(request))
    if named is not None:
        layouts, refused = (named,), {}
    scheduler = engine_scheduler(replace(request, max_batched_tokens=None), system)
    chunks = CHUNKS if request.max_batched_tokens is None else (request.max_batched_tokens,)
    space = Space(
        model=model, system=system, engine=request.engine, scheduler=scheduler,
        profile=profile,
        layouts=layouts, formats=formats,
        chunks=chunks, depths=_depths(request, model), acceptance=request.acceptance or 0.0,
        isl=load.isl, osl=load.osl, prefix=load.prefix, ttft_s=slo.ttft_s, tpot_s=slo.tpot_s,
        memory_fraction=request.memory_fraction, workers=(request.prefill_workers, request.decode_workers),
    )  # fmt: skip
    return space, refused


def spaces(
    request: PlanRequest, model: Model, systems: tuple[System, ...], slo: Slo, load: Workload, confidence: float
) -> tuple[Space, dict[str, int]]:
    """What is searched on one machine; on two, or with layouts that are named, that of prefill workers is in front."""
    profiles = [
        profile_for(one, request.engine, request.profile, request.engine_version, model=model) for one in systems
    ]
    profile = profiles[0] if len(systems) == 1 else side_by_side(*profiles)
    within = planned(slo, profile, confidence)
    lists = [_formats(request, model, one) for one in systems]
    formats = tuple(form for form in lists[0] if all(form in others for others in lists))
    named = layouts_apart(request, model, systems[0], systems[-1])
    check_exchange(request, model, named or ())
    space, refused = _space(
        request, model, systems[-1], profile, within, load, formats, None if named is None else named[1]
    )
    if named is None and len(systems) == 1:
        return space, refused
    front, more = _space(
        request, model, systems[0], profiles[0], within, load, formats, None if named is None else named[0]
    )
    bought = named is not None and any(getattr(request, name) is not None for name in LOADS)
    return replace(space, front=front, bought=bought), refused | more
