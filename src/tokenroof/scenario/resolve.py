"""From a Scenario to a Deployment: names looked up, formats and engine settled, every default said with its reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import beyond_fitted, claim_level, profile_for, side_by_side
from tokenroof.engines import engine as engine_of
from tokenroof.errors import DataMissing, InputError, TokenroofError
from tokenroof.operators.exchange import ranks_together
from tokenroof.operators.layout_space import spare_experts, units_on
from tokenroof.operators.layouts import check_layout
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import visible_bytes
from tokenroof.operators.timing import Timed, bind
from tokenroof.planner.drafts import drafting, tokens_per_pass
from tokenroof.scenario.apart import apart_on, layouts_apart, spares_apart, with_prefill, workers_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.exchanged import asked_exchange, sent_as
from tokenroof.scenario.formats import main_format, served_weights, with_weights
from tokenroof.scenario.layouts import chosen, layout_label, legal, reason, usual_layouts
from tokenroof.scenario.machine_cost import MachineCost
from tokenroof.scenario.machines import PrefillMachine, decode_machine, fleet_cost
from tokenroof.scenario.overrides import Override, overridden
from tokenroof.scenario.said import check_version, think_s
from tokenroof.scenario.slo import PRESETS, Slo, by_means, slo_of
from tokenroof.types.default import Default
from tokenroof.types.dtype import dtype
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.engine import Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.limits import faults_of, percentile_of
from tokenroof.types.machine import System
from tokenroof.types.model import Model, WeightDtypes
from tokenroof.types.program import Num
from tokenroof.types.scenario import DEGREES, Scenario, scenario_faults
from tokenroof.types.workload import Limits, Load, Workload
from tokenroof.xp import SCALAR, Namespace

__all__ = ["assemble", "engine_scheduler", "given_layout", "lengths_at", "load_of", "met", "resolve", "workload_of"]

_ISL, _OSL, _TPOT_S = 4096.0, 512.0, 0.05


def lengths_at(context: Num, osl: float | None = None, xp: Namespace = SCALAR) -> tuple[Num, Num]:
    """(isl, osl) whose mean length in decode is `context`; the answer is a page, or what has room in the context."""
    answer = xp.maximum(xp.minimum(_OSL, 2.0 * (context - 1.0)) if osl is None else osl, 1.0)
    return xp.maximum(context - answer / 2.0, 1.0), answer


def workload_of(scenario: Scenario, model: Model, defaults: list[Default]) -> Workload:
    """Lengths as given; a context alone is the mean length in decode, isl + osl / 2."""
    named = PRESETS.get(percentile_of(scenario.slo or "", "slo")[1], Slo())
    osl = scenario.osl
    if osl is None:
        osl = named.osl or _OSL
        why = f"GuideLLM's answer for {named.name}" if named.osl else "an answer of a page"
        defaults.append(Default(field="osl", value=f"{osl:,.0f}", reason=why))
    if scenario.isl is not None:
        isl = scenario.isl
        if scenario.context is not None and abs(isl + osl / 2.0 - scenario.context) > 0.5:
            raise InputError("context", scenario.context, f"isl + osl / 2 = {isl + osl / 2:g}", "leave one of them out")
    elif scenario.context is not None:
        isl, osl = lengths_at(scenario.context, scenario.osl)
        defaults.append(Default(field="isl", value=f"{isl:,.0f}", reason="the given context is its mean in decode"))
    else:
        limit = model.context_config or model.context_advertised
        usual = named.isl or _ISL
        isl = usual if not limit else max(1.0, min(usual, float(limit) - osl))
        why = f"GuideLLM's prompt for {named.name}" if named.isl else "a prompt of a few pages"
        defaults.append(Default(field="isl", value=f"{isl:,.0f}", reason=why))
    if scenario.prefix > isl - 1.0:
        raise InputError("prefix", scenario.prefix, f"at most isl - 1 = {isl - 1:g}", "one token is always uncached")
    return Workload(isl=isl, osl=osl, prefix=scenario.prefix)


def load_of(scenario: Scenario, defaults: list[Default]) -> Load:
    """The one load that was given; without one the system is filled."""
    given = {
        name: getattr(scenario, name)
        for name in ("batch", "concurrency", "request_rate", "users")
        if getattr(scenario, name) is not None
    }
    if len(given) > 1:
        raise InputError("load", ", ".join(given), "one of batch, concurrency, request_rate and users")
    if not given:
        return Load()
    ((kind, value),) = given.items()
    return Load(kind=kind, value=float(value), think_s=think_s(scenario, defaults))


def given_layout(scenario: Scenario, model: Model, defaults: list[Default]) -> Layout | None:
    """The degrees that were given, the rest 1, with copies of experts as layouts that are searched have them."""
    names = (*DEGREES, "redundant_experts")
    degrees = {name: getattr(scenario, name) for name in names if getattr(scenario, name) is not None}
    if not degrees:
        return None
    layout = Layout(**degrees)
    copies = spare_experts(model, layout.ep)
    if scenario.redundant_experts is not None or copies != layout.ep:  # what does not divide is asked for
        return layout
    reason = "a copy of a busy expert on each GPU, as beyond a server; 0 for none"
    defaults.append(Default(field="redundant_experts", value=str(copies), reason=reason))
    return replace(layout, redundant_experts=copies)


def engine_scheduler(scenario: Scenario, system: System) -> Scheduler:
    """The engine's scheduler on a system's chip, under the settings that were given."""
    changes: dict[str, Any] = {
        "token_budget": scenario.max_batched_tokens, "max_sequences": scenario.max_num_seqs,
        "gather_passes": scenario.gather_passes,
    }  # fmt: skip
    known = engine_of(scenario.engine, scenario.engine_version).scheduler
    found = known.on(system.chip.id, visible_bytes(system.chip))
    given: dict[str, Any] = {name: float(value) for name, value in changes.items() if value is not None}
    return replace(found, **given)


def _limits(scenario: Scenario, load: Load, defaults: list[Default]) -> Slo:
    slo = by_means(slo_of(scenario.slo, scenario.ttft, scenario.tpot))
    if slo.name:
        defaults.append(Default(field="slo", value=slo.name, reason=f"{slo.source}; here they are held by means"))
    if load.kind == "fill" and slo.ttft_s is None and slo.tpot_s is None:
        defaults.append(Default(field="tpot", value="50 ms", reason="20 tok/s a user"))
        return replace(slo, tpot_s=_TPOT_S)
    return slo


def _price(scenario: Scenario, systems: tuple[System, ...], defaults: list[Default]) -> MachineCost | None:
    try:
        return fleet_cost(systems, duty_cycle=1.0, defaults=defaults, usd_per_gpu_h=scenario.price_per_gpu_hour)
    except DataMissing:
        defaults.append(Default(field="price_per_gpu_hour", value="none", reason="no rental price recorded"))
        return None


def timed_for(
    model: Model, system: System, layout: Layout, profile: Efficiency, *, acceptance: float, drafts: int, osl: float
) -> Timed:
    """A layout lowered and timed; with drafts, steps verify them and run the draft head."""
    timed = bind(lower(model, layout), system, profile)
    if not drafts:
        return timed
    return drafting(
        timed, model, layout, system, profile, drafts=drafts, tokens=tokens_per_pass(acceptance, drafts), osl=osl
    )


def assemble(
    scenario: Scenario,
    model: Model,
    system: System,
    layout: Layout,
    *,
    profile: Efficiency,
    scheduler: Scheduler,
    workload: Workload,
    load: Load,
    limits: Limits = Limits(),  # noqa: B008  frozen
    weights: WeightDtypes | None = None,
    price: MachineCost | None = None,
    replicas: int | None = None,
    why: str = "given",
    defaults: tuple[Default, ...] = (),
    overrides: tuple[Override, ...] = (),
    timed: Timed | None = None,
) -> Deployment:
    """A Deployment of parts that are already known. `weights` None: as the checkpoint has them."""
    whole = replace(layout, weights=weights, kv_dtype=scenario.kv_dtype)
    drafts = scenario.drafts or 0
    acceptance = scenario.acceptance or 0.0
    if not hasattr(layout.tp, "shape"):  # many at once: no range yet
        profile = beyond_fitted(profile, ranks_together(layout, model))
    return Deployment(
        scenario=scenario,
        model=model,
        system=system,
        layout=whole,
        layout_reason=why,
        replicas=replicas or max(1, int(units_on(system, whole.n_gpus))),
        engine=scenario.engine,
        scheduler=scheduler,
        profile=profile,
        workload=workload,
        load=load,
        limits=limits,
        price=price,
        timed=timed or timed_for(model, system, whole, profile, acceptance=acceptance, drafts=drafts, osl=workload.osl),
        claim=claim_level(profile, model),
        weight_dtype=scenario.weight_dtype or main_format(model),
        kv_dtype=scenario.kv_dtype or model.kv_dtype,
        memory_fraction=scenario.memory_fraction,
        tokens_per_step=tokens_per_pass(acceptance, drafts),
        defaults=defaults,
        overrides=overrides,
    )


def _said(scenario: Scenario, model: Model, overrides: tuple[Override, ...], defaults: list[Default]) -> None:
    given = {one.field for one in overrides}
    if scenario.weight_dtype is None and not any(name.startswith("model.weights") for name in given):
        defaults.append(Default(field="weight_dtype", value=main_format(model), reason="the checkpoint's own"))
    if scenario.kv_dtype is None and "model.kv_dtype" not in given:
        defaults.append(Default(field="kv_dtype", value=model.kv_dtype, reason="the engine's for this checkpoint"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settled:
    """A scenario with all but its layout: how a layout becomes its deployment, and the layouts that it leaves open."""

    model: Model
    system: System
    make: Callable[[Layout], Deployment]
    given: Layout | None
    defaults: tuple[Default, ...]
    replicas: int | None
    engine: str

    def candidates(self) -> Iterator[Deployment]:
        """The given layout, or all usual ones. InputError where one is not legal, or none is."""
        if self.given is not None:
            made = legal(self.model, self.given, self.system, self.make)
            if not made.disaggregated:
                _held_on(self.system, made.layout.n_gpus, self.replicas)
            yield made
            return
        _held_on(self.system, 1, self.replicas)
        options = usual_layouts(self.model, self.system, self.engine, self.replicas)
        if not options:
            check_layout(self.model, Layout(), self.system, uneven_layers=True)
        yield from map(self.make, options)


def _held_on(system: System, gpus: int, replicas: int | None) -> None:
    """InputError for more replicas than a system holds."""
    most = int(units_on(system, gpus))
    if replicas is not None and replicas > max(most, 1):
        raise InputError(
            "replicas", replicas, f"at most {most} of {gpus} GPUs on {system.id}", "fewer replicas or a larger system"
        )


def _rules(scenario: Scenario, system: System) -> tuple[Scheduler, float]:
    """The scheduler, and the tokens of a prompt's pass; those that were given are prefill workers' alone."""
    rules = engine_scheduler(scenario, system)
    if scenario.prefill_layout is None:
        return rules, rules.token_budget
    return engine_scheduler(replace(scenario, max_batched_tokens=None), system), rules.token_budget


def _settled(scenario: Scenario, model: Model | None, system: System | None) -> _Settled:
    for fault in (*faults_of(scenario), *scenario_faults(scenario)):
        raise fault
    found = load_model(scenario.model) if model is None else model
    machine = load_system(scenario.system) if system is None else system
    if scenario.mode != "agg" and scenario.prefill_layout is None:
        raise InputError("mode", scenario.mode, "agg, where prefill_layout and decode_layout are open", "ask plan")
    if machine.chip.bytes_per_s <= 0:
        raise InputError("system", machine.id, "a machine with a known memory bandwidth")
    if scenario.kv_dtype is not None:
        dtype(scenario.kv_dtype)
    defaults: list[Default] = []
    served, weights = served_weights(found, scenario.weight_dtype)
    overrides: tuple[Override, ...] = ()
    if scenario.set:
        # After the formats: a checkpoint published in the wanted format stands in for the model and all set on it.
        served, weights = with_weights(served, weights), None
        served, machine, overrides = overridden(served, machine, scenario.set)
    _said(scenario, served if scenario.set else found, overrides, defaults)
    workload, load = workload_of(scenario, served, defaults), load_of(scenario, defaults)
    slo = _limits(scenario, load, defaults)
    other = decode_machine(scenario, machine)
    price = _price(scenario, (machine,) if other is None else (machine, other), defaults)
    check_version(scenario, defaults)
    rules, chunk = _rules(scenario, machine)
    profile = profile_for(machine, scenario.engine, scenario.profile, scenario.engine_version, model=served)
    front: PrefillMachine | None = None
    if other is not None:
        front = PrefillMachine(system=machine, profile=profile, scheduler=rules)
        rules, _ = _rules(scenario, other)
        mine = profile_for(other, scenario.engine, scenario.profile, scenario.engine_version, model=served)
        profile = side_by_side(profile, mine)
    if scenario.drafts and not served.mtp_layers:
        raise DataMissing(served.name, "draft head", "no multi-token-prediction layer", "leave drafts out")

    roles = layouts_apart(scenario, served, machine, other)
    workers = (0, 0) if roles is None else workers_of(scenario, defaults)
    defaults += () if roles is None else spares_apart(scenario, roles)
    given = given_layout(scenario, served, defaults) if roles is None else roles[1]
    exchange = asked_exchange(scenario, (other or machine).chip, served, weights, (given, *(roles or ())[:1]))

    def make(layout: Layout) -> Deployment:
        made = assemble(
            scenario, served, other or machine, exchange.on(layout), profile=profile, scheduler=rules,
            workload=workload, load=load, limits=slo.limits, weights=weights, price=price,
            replicas=scenario.replicas, overrides=overrides,
        )  # fmt: skip

        if roles is None:
            return made
        return apart_on(with_prefill(made, exchange.on(roles[0]), *workers, chunk, front), scenario.replicas)

    return _Settled(
        model=served, system=other or machine, make=make, given=given, defaults=tuple(defaults),
        replicas=scenario.replicas, engine=scenario.engine,
    )  # fmt: skip


def met(scenario: Scenario) -> bool:
    """Whether some layout that the scenario allows holds its load inside every limit, without working out which best.

    A scenario that cannot be resolved is not met.
    """
    try:
        return any(one.keeps() for one in _settled(scenario, None, None).candidates())
    except TokenroofError:
        return False


def resolve(scenario: Scenario, *, model: Model | None = None, system: System | None = None) -> Deployment:
    """The deployment of a scenario. A scenario that does not fit resolves too: ask `fits`.

    `model` and `system` stand in for the names where the caller has made them.
    """
    settled = _settled(scenario, model, system)
    if settled.given is not None:
        made = next(settled.candidates())
        return replace(made, defaults=(*settled.defaults, *sent_as(made)))
    best = chosen(settled.candidates())
    why = reason(best, best.serve().fits)
    layout = Default(field="layout", value=layout_label(best.layout), reason=why)
    return replace(best, defaults=(*settled.defaults, *sent_as(best), layout), layout_reason=why)
