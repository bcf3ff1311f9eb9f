"""The best deployment of a model under limits on latency: all layouts, formats, chunks, depths, splits and loads.

The search is exhaustive on a ladder of loads, then finer where a limit begins to bind (engine.planner); deployments
near the top are worked out at the load itself, and the best of those is the answer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tokenroof.catalog import load_model, load_system
from tokenroof.engines import ENGINES, LAUNCHED
from tokenroof.errors import InputError, TokenroofError
from tokenroof.scenario.infeasible import larger_systems
from tokenroof.scenario.overrides import check_planned
from tokenroof.scenario.resolve import workload_of
from tokenroof.scenario.said import check_version, length_warnings, think_s
from tokenroof.scenario.slo import Slo, means_of, slo_of
from tokenroof.types.checks import check_choice
from tokenroof.types.default import Default
from tokenroof.types.limits import faults_of
from tokenroof.types.model import Model
from tokenroof.types.progress import OnProgress, part_of
from tokenroof.types.scenario import APART, scenario_faults
from tokenroof.types.workload import Workload
from tokenroof.usecases.plan.answer import (
    Candidate,
    Demand,
    MachinePlan,
    MeasuredPoint,
    PlanResponse,
)
from tokenroof.usecases.plan.launch import commands
from tokenroof.usecases.plan.request import EVEN, PlanRequest, words_of
from tokenroof.usecases.plan.search import machine_plan

__all__ = ["PlanRequest", "PlanResponse", "plan"]

# what a plan does not take, and what to give in its place
_CHOSEN = {
    "batch": "give concurrency, request_rate or users", "replicas": "give gpus", "redundant_experts": "ask analyze",
}  # fmt: skip
_NOT_APART: dict[str, Any] = dict.fromkeys(APART)
_TTFT_S, _PROMPT_TOKENS_PER_S = 2.0, 5000.0
_MACHINES = 2  # other machines that are simulated where nothing meets the limits on the one asked for
_MEANS = "percentiles (limits hold on means)"
LEFT_OUT = (
    "uneven lengths and hours",
    "failures and spare GPUs",
    "quality in narrower formats",
    "prefill of the draft head",
    "unequal prompts in pipelines",
)


def _demand(request: PlanRequest, defaults: list[Default]) -> Demand:
    loads = {"rate": request.request_rate, "concurrency": request.concurrency, "users": request.users}
    given = {name: value for name, value in loads.items() if value is not None}
    if len(given) > 1:
        raise InputError("load", ", ".join(given), "one of request_rate, concurrency and users")
    return Demand(**given, think_s=think_s(request, defaults))


def _cheapest_change(
    request: PlanRequest, model: Model, machine: MachinePlan, slo: Slo, demand: Demand, load: Workload
) -> str:
    """Another machine on which the limits are met, the cheapest of those looked at; where roles are held apart, what
    gives that up, on the same machine too.
    """
    here = load_system(words_of("system", request.system)[0])
    names = [here.id] if request.apart or request.mode == "disagg" else []
    names += [system.id for system in larger_systems(here)[:6]]
    names += ["8xh200", "8xb200", "8xb300", "gb200-nvl72", "gb300-nvl72"]
    simulated = slo.by_percentiles
    means = replace(means_of(slo), ttft_percentile=None, tpot_percentile=None)
    found: list[tuple[float, str, Candidate]] = []
    bounded = machine.unmet is not None and machine.unmet.binding == "GPUs"
    for name in dict.fromkeys(names):
        if name == machine.system and not (request.apart or request.mode == "disagg"):
            continue
        try:
            gpus = load_system(name).n_chips if bounded else None
            smaller = replace(request, mode="agg", alternatives=1, gpus=gpus, **_NOT_APART)
            other = machine_plan(smaller, model, name, means, demand, load, [])
        except TokenroofError:
            continue
        if other.winner is not None:
            usd = other.winner.usd_per_mtok_all
            found.append((float("inf") if usd is None else usd, name, other.winner))
            if name == here.id:  # nothing is nearer
                break
    found.sort(key=lambda one: one[0])  # of equals the nearest
    if simulated:
        found = list(_held_there(request, model, [name for _, name, _ in found[:_MACHINES]], slo, demand, load))
    if not found:
        return ""
    usd, name, best = found[0]
    cost = "" if usd == float("inf") else f", ${usd:,.2f} per M output tokens"
    flags = [
        *(["another layout"] if request.apart else []),
        *(["mode agg"] if request.mode == "disagg" else []),
        *([f"system {name}"] if name != machine.system else []),
    ]
    return f"{', '.join(flags)} ({best.label}, {best.weights} weights{cost})"


def _held_there(
    request: PlanRequest, model: Model, names: Iterable[str], slo: Slo, demand: Demand, load: Workload
) -> Iterator[tuple[float, str, Candidate]]:
    """The first of these machines on which percentiles hold."""
    for name in names:
        gpus = None if request.gpus is None else load_system(name).n_chips
        quick = replace(request, mode="agg", alternatives=1, gpus=gpus, pp=request.pp or 1, **_NOT_APART)
        best = machine_plan(quick, model, name, slo, demand, load, []).winner
        if best is not None:
            yield (float("inf") if best.usd_per_mtok_all is None else best.usd_per_mtok_all), name, best
            return


def _place(objective: str, machine: MachinePlan) -> tuple[bool, bool, float]:
    """Machines with a price first, then those that only time can rank, last those that meet no limit."""
    if machine.winner is None:
        return True, True, float("inf")
    return False, machine.scored_by != objective, machine.winner.score


def _with_changes(machine: MachinePlan, more: str) -> MachinePlan:
    unmet = machine.unmet
    assert unmet is not None
    return replace(machine, unmet=replace(unmet, changes=(*unmet.changes, more))) if more else machine


def _checked(request: PlanRequest) -> tuple[str, ...]:
    """The systems that are asked for."""
    ttft, tpot = (None if isinstance(one, str) else one for one in (request.ttft, request.tpot))
    numbers = replace(request, ttft=ttft, tpot=tpot)  # limits with a percentile are checked where they are read
    for fault in (*faults_of(numbers), *scenario_faults(numbers)):
        raise fault
    check_choice("engine", request.engine, ENGINES)
    for name, fix in _CHOSEN.items():
        if getattr(request, name):
            raise InputError(name, getattr(request, name), "left out: a plan chooses it", fix)
    check_planned(request.set)
    if request.apart and request.mode == "agg":
        raise InputError("mode", request.mode, "disagg or auto: workers of each role are named")
    if request.decode_system is not None and request.gpus is not None:
        raise InputError("gpus", request.gpus, "left out with `decode_system`", "name machines of that size: 4xh100")
    systems = words_of("system", request.system)
    if not systems:
        raise InputError("system", request.system, "at least one system")
    return systems


def _usual(slo: Slo, load: Workload, defaults: list[Default]) -> Slo:
    """Limits where none is given: without any a plan would fill machines until nobody got a first token."""
    ttft_s = max(_TTFT_S, (load.isl - load.prefix) / _PROMPT_TOKENS_PER_S)
    why = f"people wait no longer; {_PROMPT_TOKENS_PER_S:,.0f} tokens of a longer prompt a second"
    defaults.append(Default(field="TTFT", value=f"at most {ttft_s:,.3g} s", reason=why))
    defaults.append(Default(field="TPOT", value="at most 50 ms", reason="20 tok/s a user"))
    return replace(slo, ttft_s=ttft_s, tpot_s=0.05)


def _simulable(request: PlanRequest, slo: Slo, demand: Demand, defaults: list[Default]) -> None:
    """Whether the simulator can hold the limits; nothing is asked of it where they are means."""
    if not slo.by_percentiles:
        return
    if request.prefix:
        raise InputError("prefix", request.prefix, "0 with percentiles: a cached prefix is not simulated")
    for name in ("concurrency", "users"):
        value = getattr(demand, name)
        if value is not None and value != int(value):
            raise InputError(name, value, "a whole number with percentiles")
    load = "under the load" if demand.given else "at random arrivals"
    defaults.append(Default(field="percentiles", value=f"simulated {load}, seed 0", reason="means cannot show a tail"))


def _confidence(request: PlanRequest, slo: Slo, defaults: list[Default]) -> float:
    limited = slo.ttft_s is not None or slo.tpot_s is not None
    if request.confidence is not None:
        if not limited:
            raise InputError("confidence", request.confidence, "left out: there is no limit", "give ttft, tpot or slo")
        return request.confidence
    if limited:
        defaults.append(
            Default(field="confidence", value="50 %", reason="predictions meet the limits; 0.9 leaves room for error")
        )
    return EVEN


def plan(request: PlanRequest, on_progress: OnProgress | None = None) -> PlanResponse:
    """The best deployment on each machine, best machine first; `winner` None where no machine meets the limits.

    `on_progress` is told now and then which share of the search and its simulations is done.
    """
    systems = _checked(request)
    defaults: list[Default] = []
    model = load_model(request.model)
    load = workload_of(request, model, defaults)
    check_version(request, defaults)
    slo, demand = slo_of(request.slo, request.ttft, request.tpot), _demand(request, defaults)
    if slo.ttft_s is None and slo.tpot_s is None and request.objective != "latency" and demand.concurrency is None:
        slo = _usual(slo, load, defaults)
    if slo.name:
        by = "" if slo.by_percentiles else "; here they are held by means"
        defaults.append(Default(field="limits", value=slo.name, reason=f"{slo.source}{by}"))
    _simulable(request, slo, demand, defaults)
    confidence = _confidence(request, slo, defaults)
    many = len(systems)
    machines = [
        machine_plan(
            request, model, name, slo, demand, load, defaults, part_of(on_progress, at / many, (at + 1) / many)
        )
        for at, name in enumerate(systems)
    ]
    if all(one.winner is None for one in machines):
        machines[0] = _with_changes(machines[0], _cheapest_change(request, model, machines[0], slo, demand, load))
    machines.sort(key=partial(_place, request.objective))
    winner = machines[0].winner
    flags: tuple[tuple[str, str], ...] = ()
    if winner is not None and machines[0].space is not None:
        system = machines[0].space.system
        shares = {request.engine: request.memory_fraction}  # each engine takes its share of something else
        at_random = demand.rate is not None or demand.users is not None
        flags = tuple(
            (
                engine,
                commands(model, system, winner, load, engine, memory_fraction=shares.get(engine), at_random=at_random),
            )
            for engine in LAUNCHED
        )
    measured: tuple[MeasuredPoint, ...] = ()
    if request.measured is not None:
        from tokenroof.usecases.plan.measured import measured_points

        spaces = [one.space for one in machines if one.space is not None]
        chips = frozenset(system.chip.id for space in spaces for system in space.machines)
        measured, remarks = measured_points(request.measured, model, chips, load.isl, load.osl)
        defaults.append(Default(field="measured", value=remarks[0], reason="; ".join(remarks[1:]) or "all rows used"))
    return PlanResponse(
        model=model.id, model_name=model.name, workload=load, slo=slo, demand=demand, confidence=confidence,
        objective=request.objective, engine=request.engine, machines=tuple(machines), winner=winner, flags=flags,
        measured=measured, defaults=tuple(defaults), left_out=LEFT_OUT if slo.by_percentiles else (_MEANS, *LEFT_OUT),
        warnings=(*model.warnings, *length_warnings(model, load)),
    )  # fmt: skip
