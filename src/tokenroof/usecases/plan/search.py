"""One machine searched: its space, its points, the deployments near the top, and the frontier."""

from dataclasses import replace
from typing import Any

from tokenroof.catalog import load_system
from tokenroof.catalog.profile import claim_level
from tokenroof.engines import engine as engine_of
from tokenroof.errors import DataMissing
from tokenroof.planner.disaggregated import apart, refined_apart
from tokenroof.planner.pareto import frontier
from tokenroof.planner.points import Points, Space, joined, refined, together
from tokenroof.scenario.exchanged import idle
from tokenroof.scenario.machine_cost import MachineCost
from tokenroof.scenario.machines import decode_machine, fleet_cost, machine_ids, machine_names
from tokenroof.scenario.overrides import overridden
from tokenroof.scenario.slo import Slo, means_of
from tokenroof.types.default import Default
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.progress import OnProgress, part_of, told
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
from tokenroof.usecases.plan.request import EVEN, PlanRequest
from tokenroof.usecases.plan.score import Scored, scored, usd_per_mtok
from tokenroof.usecases.plan.spaces import held_degrees, planned, spaces, system_with
from tokenroof.usecases.plan.unmet import beyond, unmet_empty, unmet_of

__all__ = ["machine_plan"]

_REFINEMENTS = 2  # a rung of the ladder is a factor of up to 2.5, each pass divides it by 16
# where parts of a search end, as shares of its time on one machine: together, finer, apart; the rest is choosing
_TOGETHER, _FINER, _APART = 0.45, 0.6, 0.85
_SEARCHED = 0.1  # of a plan that simulates


def _price(request: PlanRequest, systems: tuple[System, ...], defaults: list[Default]) -> MachineCost | None:
    own: list[Default] = []
    try:
        cost = fleet_cost(systems, duty_cycle=1.0, defaults=own, usd_per_gpu_h=request.price_per_gpu_hour)
    except DataMissing:
        defaults.append(
            Default(
                field=f"price of {machine_ids(systems)}", value="none", reason="no offer recorded; scored by GPU time"
            )
        )
        return None
    names = [systems[0].id] * len(own) if len(systems) == 1 else [system.id for system in systems]
    defaults.extend(replace(choice, field=f"price of {name}") for choice, name in zip(own, names, strict=False))
    return cost


def _rent_by(request: PlanRequest, one: System, demand: Demand, defaults: list[Default]) -> int:
    """GPUs that are rented at a time: the machine that was named is rented whole, and what is at hand is not rented."""
    if request.rent_by is not None or request.gpus is not None:
        return request.rent_by or 1
    if demand.given and one.domain_size > 1:
        many = f"{one.domain_size} GPUs at a time"
        defaults.append(Default(field="rent-by", value=many, reason=f"{one.name} is rented whole; 1 rents by the GPU"))
    return one.domain_size


def _points(
    space: Space, request: PlanRequest, rejected: dict[str, int], judge: Any, on_progress: OnProgress | None
) -> Points | None:
    """Those without drafts as if there were none, then those with drafts."""
    parts = [part for part in (space.depths[:1], space.depths[1:]) if part]
    found = [
        _points_of(
            replace(space, depths=part), request, rejected, judge,
            part_of(on_progress, number / len(parts), (number + 1) / len(parts)),
        )
        for number, part in enumerate(parts)
    ]  # fmt: skip
    lots = [one for one in found if one is not None]
    return joined(lots) if lots else None


def _points_of(
    space: Space, request: PlanRequest, rejected: dict[str, int], judge: Any, on_progress: OnProgress | None
) -> Points | None:
    split_only = request.mode == "disagg" or request.apart
    lots = [] if split_only else together(space, rejected, on_progress=part_of(on_progress, 0.0, _TOGETHER))
    for _ in told(range(_REFINEMENTS if lots else 0), part_of(on_progress, _TOGETHER, _FINER)):
        points = joined(lots)
        judged = judge(points)
        more = refined(space, points, judged.met, judged.per_gpu)
        lots = [points, *more]
        if not more:
            break
    if request.mode != "agg":
        split = apart(space, part_of(on_progress, _FINER, _APART))
        if split:
            points = joined(split)
            judged = judge(points)
            lots += [points, *refined_apart(space, points, judged.met, judged.per_gpu)]
    return joined(lots) if lots else None


def _frontier(terms: Terms, points: Points, judged: Scored) -> tuple[FrontierPoint, ...]:
    import numpy as np

    space, slo, price = terms.space, terms.slo, terms.usd_per_gpu_h
    dearness = np.broadcast_to(judged.dearness, points.rate.shape)
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
                usd_per_mtok_all=None if price is None else float(usd_per_mtok(price * dearness[at], 1.0, tokens[at])),
                ttft_s=float(points.ttft_s[at]),
                tpot_s=float(points.tpot_s[at]),
                label=label_of(
                    space.layouts[int(points.layout[at])], None if front < 0 else space.prompts.layouts[front],
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
    gathers = engine_of(request.engine, request.engine_version).scheduler.gathers
    twice = bool(gathers) and request.gather_passes is None
    plain = _machine_plan(request, *asked, defaults, part_of(on_progress, 0.0, 0.5 if twice else 1.0))
    space = plain.space
    if not twice or space is None or all(one.dp == 1 for one in space.layouts):
        return plain
    other = _machine_plan(replace(request, gather_passes=gathers), *asked, [], part_of(on_progress, 0.5, 1.0))
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
    named, other = load_system(name), decode_machine(request, system)
    systems, ones = ((system,), (named,)) if other is None else ((system, other), (named, other))
    cost = _price(request, systems, defaults)
    price, source = (None, "") if cost is None else (cost.usd_per_gpu_h, cost.source)
    rent_by = tuple(_rent_by(request, one, demand, defaults) for one in ones)
    scored_by = "throughput" if request.objective == "cost" and not price else request.objective
    asked, confidence = slo, request.confidence or EVEN
    space, refused = spaces(request, model, systems, slo, load, confidence)
    if cost is not None:
        space = replace(space, dearer=cost.prefill_over_decode)
    profile = space.profile
    slo = planned(slo, profile, confidence)
    each = price if cost is None or not cost.by_machine else cost.by_machine[-1][1]
    terms = Terms(
        scenario=request, space=space, demand=demand, slo=slo, asked=asked, objective=scored_by,
        usd_per_gpu_h=each, gpus=request.gpus, rent_by=rent_by, chips_of_one=tuple(one.n_chips for one in ones),
        cost=None if other is None else cost,
    )  # fmt: skip
    rejected: dict[str, int] = {}
    means = means_of(slo)

    def judge(points: Points, limits: Slo = means, gpus: int | None = request.gpus) -> Scored:
        return scored(space, points, demand=demand, slo=limits, objective=scored_by, gpus=gpus, rent_by=rent_by)

    layouts = space.layouts and space.prompts.layouts
    searched = part_of(on_progress, 0.0, _SEARCHED if slo.by_percentiles else 1.0)
    points = _points(space, request, rejected, judge, searched) if layouts else None
    best: Candidate | None = None
    runners: tuple[Candidate, ...] = ()
    edge: tuple[FrontierPoint, ...] = ()
    unmet: Unmet | None = None
    curve: Curve | None = None
    met, unused = 0, ""
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

            found = by_percentiles(terms, points, judge, request.alternatives, part_of(on_progress, _SEARCHED, 1.0))
            best, at, runners, unmet = found.best, found.at, found.runners, found.unmet
            unused = found.why_no_drafts
        else:
            best, at, runners, unused = best_of(terms, points, judged, request.alternatives)
            unmet = unmet_of(terms, points, judged) if best is None else None
        if best is not None:
            curve = curve_at(terms, points, judged, at, best)
        if met and request.mode == "auto" and not (judged.met & (points.prefill >= 0)).any():
            notes.append("no disaggregated deployment meets the limits on these GPUs")
    if best is not None and best.deployment is not None:
        defaults += idle(best.deployment, request)
    notes += profile.notes
    return MachinePlan(
        system=machine_ids(systems),
        system_name=machine_names(systems),
        announced=any(one.chip.announced for one in systems),
        gpus=sum(one.n_chips for one in systems),
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
        points=points, why_no_drafts=unused,
    )  # fmt: skip
