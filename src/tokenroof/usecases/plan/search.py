"""One machine searched: its space, its points, the deployments near the top, and the frontier."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tokenroof.catalog import load_system
from tokenroof.catalog.chips import load_chip
from tokenroof.catalog.profile import claim_level, profile_for
from tokenroof.catalog.systems import compose_system
from tokenroof.engines import engine as engine_of
from tokenroof.errors import DataMissing, InputError
from tokenroof.planner.disaggregated import apart, refined_apart
from tokenroof.planner.pareto import frontier
from tokenroof.planner.points import Points, Space, joined, refined, together
from tokenroof.planner.space import CHUNKS, Format, kv_formats, planned_layouts, weight_formats
from tokenroof.scenario.formats import main_format, served_weights
from tokenroof.scenario.machine_cost import machine_cost
from tokenroof.scenario.overrides import overridden
from tokenroof.scenario.ranges import tightened
from tokenroof.scenario.resolve import engine_scheduler
from tokenroof.scenario.slo import Slo, means_of
from tokenroof.types.default import Default
from tokenroof.types.dtype import dtype
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.scenario import DEGREES
from tokenroof.types.workload import Workload
from tokenroof.usecases.plan.answer import (
    Candidate,
    Curve,
    Demand,
    FrontierPoint,
    MachinePlan,
    Search,
    Unmet,
)
from tokenroof.usecases.plan.choose import best_of, told_apart, widths
from tokenroof.usecases.plan.pick import Terms, curve_at, label_of
from tokenroof.usecases.plan.request import EVEN, PlanRequest, words_of
from tokenroof.usecases.plan.score import Scored, scored, usd_per_mtok
from tokenroof.usecases.plan.unmet import beyond, unmet_empty, unmet_of

__all__ = ["OnProgress", "machine_plan", "system_with"]

OnProgress = Callable[[float], None]

_REFINEMENTS = 2  # a rung of the ladder is a factor of up to 2.5, each pass divides it by 16
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
    return tuple(
        Format(name=name, kv_name=kv_name, own=stored is None, weights=stored, kv=kv)
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


def _planned(slo: Slo, profile: Efficiency, confidence: float) -> Slo:
    """What predictions must stay within for each limit to hold with this probability."""
    return replace(
        slo, ttft_s=tightened("ttft", slo.ttft_s, profile, confidence),
        tpot_s=tightened("tpot", slo.tpot_s, profile, confidence),
    )  # fmt: skip


def _space(
    request: PlanRequest, model: Model, system: System, profile: Efficiency, slo: Slo, load: Workload
) -> tuple[Space, dict[str, int]]:
    formats = _formats(request, model, system)
    layouts, refused = planned_layouts(model, system, request.engine, fixed=held_degrees(request))
    scheduler = engine_scheduler(replace(request, max_batched_tokens=None), system)
    chunks = CHUNKS if request.max_batched_tokens is None else (request.max_batched_tokens,)
    space = Space(
        model=model, system=system, engine=request.engine, scheduler=scheduler,
        profile=profile,
        layouts=layouts, formats=formats,
        chunks=chunks, depths=_depths(request, model), acceptance=request.acceptance or 0.0,
        isl=load.isl, osl=load.osl, prefix=load.prefix, ttft_s=slo.ttft_s, tpot_s=slo.tpot_s,
        memory_fraction=request.memory_fraction,
    )  # fmt: skip
    return space, refused


def _price(request: PlanRequest, system: System, defaults: list[Default]) -> tuple[float | None, str]:
    own: list[Default] = []
    try:
        cost = machine_cost(system, duty_cycle=1.0, defaults=own, usd_per_gpu_h=request.price_per_gpu_hour)
    except DataMissing:
        defaults.append(
            Default(field=f"price of {system.id}", value="none", reason="no offer recorded; scored by GPU time")
        )
        return None, ""
    defaults.extend(replace(choice, field=f"price of {system.id}") for choice in own)
    return cost.usd_per_gpu_h, cost.source


def _rent_by(request: PlanRequest, one: System, demand: Demand, defaults: list[Default]) -> int:
    """GPUs that are rented at a time: the machine that was named is rented whole, and what is at hand is not rented."""
    if request.rent_by is not None or request.gpus is not None:
        return request.rent_by or 1
    if demand.given and one.domain_size > 1:
        many = f"{one.domain_size} GPUs at a time"
        defaults.append(Default(field="rent-by", value=many, reason=f"{one.name} is rented whole; 1 rents by the GPU"))
    return one.domain_size


def _points(space: Space, request: PlanRequest, rejected: dict[str, int], judge: Any) -> Points | None:
    lots = [] if request.mode == "disagg" else together(space, rejected)
    for _ in range(_REFINEMENTS if lots else 0):
        points = joined(lots)
        judged = judge(points)
        more = refined(space, points, judged.met, judged.per_gpu)
        lots = [points, *more]
        if not more:
            break
    if request.mode != "agg":
        split = apart(space)
        if split:
            points = joined(split)
            judged = judge(points)
            lots += [points, *refined_apart(space, points, judged.met, judged.per_gpu)]
    return joined(lots) if lots else None


def _frontier(terms: Terms, points: Points, judged: Scored) -> tuple[FrontierPoint, ...]:
    import numpy as np

    space, slo, price = terms.space, terms.slo, terms.usd_per_gpu_h
    allowed = points.rate > 0
    if slo.ttft_s is not None and (allowed & (points.ttft_s <= slo.ttft_s)).any():
        allowed = allowed & (points.ttft_s <= slo.ttft_s)
    tokens = np.where(allowed, judged.per_gpu * space.osl, np.nan)
    found = []
    for at in frontier(1.0 / points.tpot_s, tokens):
        front = int(points.prefill[at])
        form = space.formats[int(points.form[at])]
        found.append(
            FrontierPoint(
                tokens_per_s_per_user=float(1.0 / points.tpot_s[at]),
                output_tokens_per_s_per_gpu=float(tokens[at]),
                usd_per_mtok_all=None if price is None else float(usd_per_mtok(price, 1.0, tokens[at])),
                ttft_s=float(points.ttft_s[at]),
                tpot_s=float(points.tpot_s[at]),
                label=label_of(
                    space.layouts[int(points.layout[at])], None if front < 0 else space.layouts[front],
                    int(points.prefill_copies[at]), int(points.decode_copies[at]),
                ),
                mode="agg" if front < 0 else "disagg",
                weights=form.name,
                kv=form.kv_name,
                chunk=int(points.chunk[at]),
                drafts=int(points.depth[at]),
                gpus=int(points.gpus[at]),
                concurrency=float(points.concurrency[at]),
                meets=bool(judged.met[at]),
            )
        )  # fmt: skip
    return tuple(found)


def machine_plan(
    request: PlanRequest, model: Model, name: str, slo: Slo, demand: Demand, load: Workload, defaults: list[Default],
    on_progress: OnProgress | None = None,
) -> MachinePlan:  # fmt: skip
    """The plan on one machine; what was chosen for the user is added to `defaults`.

    Where the engine can let attention-DP ranks wait until all have a prompt, that is tried too, and taken where it is
    surely better.
    """
    asked = (model, name, slo, demand, load)
    plain = _machine_plan(request, *asked, defaults, on_progress)
    gathers, space = engine_of(request.engine, request.engine_version).scheduler.gathers, plain.space
    if not gathers or request.gather_passes is not None or space is None or all(one.dp == 1 for one in space.layouts):
        return plain
    other = _machine_plan(replace(request, gather_passes=gathers), *asked, [], on_progress)
    if other.winner is None or space is None:
        return plain
    better = plain.winner is None or told_apart(plain.winner, other.winner, request.objective, space.profile)
    return other if better else plain


def _machine_plan(
    request: PlanRequest, model: Model, name: str, slo: Slo, demand: Demand, load: Workload, defaults: list[Default],
    on_progress: OnProgress | None = None,
) -> MachinePlan:  # fmt: skip
    """The plan on one machine; what was chosen for the user is added to `defaults`."""
    _, system, changed = overridden(model, system_with(name, request.gpus), request.set)
    defaults += [Default(field="set", value=one.text, reason=f"on {name}, as asked") for one in changed]
    one = load_system(name)
    price, source = _price(request, system, defaults)
    rent_by = _rent_by(request, one, demand, defaults)
    scored_by = "throughput" if request.objective == "cost" and not price else request.objective
    profile = profile_for(system, request.engine, request.profile, request.engine_version, model=model)
    asked, slo = slo, _planned(slo, profile, request.confidence or EVEN)
    space, refused = _space(request, model, system, profile, slo, load)
    terms = Terms(
        scenario=request, space=space, demand=demand, slo=slo, asked=asked, objective=scored_by,
        usd_per_gpu_h=price, gpus=request.gpus, rent_by=rent_by, chips_of_one=one.n_chips,
    )  # fmt: skip
    rejected: dict[str, int] = {}
    means = means_of(slo)

    def judge(points: Points, limits: Slo = means, gpus: int | None = request.gpus) -> Scored:
        return scored(space, points, demand=demand, slo=limits, objective=scored_by, gpus=gpus, rent_by=rent_by)

    points = _points(space, request, rejected, judge) if space.layouts else None
    best: Candidate | None = None
    runners: tuple[Candidate, ...] = ()
    edge: tuple[FrontierPoint, ...] = ()
    unmet: Unmet | None = None
    curve: Curve | None = None
    met = 0
    notes: list[str] = []
    if points is None or not (points.rate > 0).any():
        unmet = unmet_empty(terms, held_degrees(request), refused)
        points = None
    else:
        judged = judge(points)
        met = int(judged.met.sum())
        for reason, count in beyond(terms, points, judged).items():
            rejected[f"beyond {reason}"] = count
        rejected.pop("TPOT", None)
        edge = _frontier(terms, points, judged)
        if slo.by_percentiles:
            from tokenroof.usecases.plan.by_percentiles import by_percentiles

            found = by_percentiles(terms, points, judge, request.alternatives, on_progress)
            best, at, runners, unmet = found.best, found.at, found.runners, found.unmet
        else:
            best, at, runners = best_of(terms, points, judged, request.alternatives)
            unmet = unmet_of(terms, points, judged) if best is None else None
        if best is not None:
            curve = curve_at(terms, points, judged, at, best)
        if met and request.mode == "auto" and not (judged.met & (points.prefill >= 0)).any():
            notes.append("no disaggregated deployment meets the limits on these GPUs")
    notes += profile.notes
    return MachinePlan(
        system=system.id,
        system_name=system.name,
        announced=system.chip.announced,
        gpus=system.n_chips,
        usd_per_gpu_h=price,
        scored_by=scored_by,
        price_source=source,
        profile=profile.id,
        claim_level=claim_level(profile, model),
        equal_within=widths(scored_by, profile),
        search=Search(
            layouts=len(space.layouts), combinations=space.candidates, points=0 if points is None else len(points),
            points_met=met, rejected=tuple(sorted(rejected.items(), key=lambda item: -item[1])),
            engine_refused=tuple(refused.items()), formats=tuple(f"{f.name}/{f.kv_name}" for f in space.formats),
        ),
        winner=best, runner_ups=runners, frontier=edge, curve=curve, unmet=unmet, notes=tuple(notes), space=space,
        points=points,
    )  # fmt: skip
