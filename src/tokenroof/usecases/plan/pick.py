"""From scored points to deployments: units for the load, latencies at that load, margins."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tokenroof.operators.exchange import EXCHANGE
from tokenroof.operators.memory import memory_use
from tokenroof.operators.timing import Timed
from tokenroof.planner.points import Points, Space
from tokenroof.planner.space import ladder
from tokenroof.scenario.apart import with_prefill
from tokenroof.scenario.carried import carried
from tokenroof.scenario.costs import cost_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.energy import energy_of
from tokenroof.scenario.layouts import apart_label, layout_label
from tokenroof.scenario.machine_cost import MachineCost
from tokenroof.scenario.machines import PrefillMachine, machine_ids
from tokenroof.scenario.pool_log import pool_log
from tokenroof.scenario.ranges import chance_within
from tokenroof.scenario.resolve import assemble
from tokenroof.scenario.slo import Slo
from tokenroof.types.layout import Layout
from tokenroof.types.scenario import DEGREES, Scenario
from tokenroof.types.served import Served
from tokenroof.types.workload import Load, Workload
from tokenroof.usecases.plan.answer import Candidate, Curve, Demand, MemoryBar, Simulated
from tokenroof.usecases.plan.score import Scored, mean_price, paid_for, usd_per_mtok
from tokenroof.usecases.plan.simplest import Complexity

__all__ = [
    "MONTH_H",
    "Terms",
    "candidate_at",
    "candidate_of",
    "curve_at",
    "deployment_at",
    "distinct",
    "label_of",
    "load_of",
]

MONTH_H = 730.0
_CURVE = 28
_ROUNDING = 1e-6  # of the largest load that a unit carries
_TRIED = 3  # numbers of units from the one that the load over this gives
_SLACK = 1.0 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What deployments of one machine are judged by: `asked` are the limits as given, `slo` what is planned for.

    Where prompts have a machine of their own `usd_per_gpu_h` is of the other one, and there are two of `rent_by` and
    `chips_of_one`; `cost` has the price of both.
    """

    scenario: Scenario
    space: Space
    demand: Demand
    slo: Slo
    asked: Slo
    objective: str
    usd_per_gpu_h: float | None
    gpus: int | None
    rent_by: tuple[int, ...]
    chips_of_one: tuple[int, ...]
    cost: MachineCost | None = None

    def paid(self, unit: Deployment, units: int) -> tuple[int, ...]:
        """GPUs of each machine that are paid for with so many units."""
        split = unit.prefill_workers
        if not self.demand.given:
            return tuple(machine.n_chips for machine in self.space.machines)
        fronts = 0 if split is None else split.n_gpus
        return tuple(int(one) for one in paid_for(self.space, units, unit.unit_gpus, fronts, self.rent_by))

    def usd_per_paid_gpu_h(self, paid: tuple[int, ...]) -> float | None:
        """Mean price of these GPUs."""
        return None if self.usd_per_gpu_h is None else self.usd_per_gpu_h * float(mean_price(self.space, paid))

    def as_given(self, limit: str, seconds: float) -> float:
        """The limit to be given (`ttft_s`, `tpot_s`) for what is planned for to be so many seconds."""
        asked, planned = getattr(self.asked, limit), getattr(self.slo, limit)
        return seconds if asked is None else seconds * float(asked / planned)


def label_of(layout: Layout, front: Layout | None, prefill_workers: int, decode_workers: int) -> str:
    """`tp1 dp8 ep8`, or `5 x (tp4) : 1 x (dp32 ep32)` for prompts and answers apart."""
    if front is None:
        return layout_label(layout)
    return apart_label(front, prefill_workers, layout, decode_workers)


def distinct(points: Points, order: Any) -> Iterator[int]:
    """Positions in the given order, each pair of layouts in one format once with drafts and once without."""
    seen = set()
    for at in order:
        key = (int(points.layout[at]), int(points.prefill[at]), int(points.form[at]), bool(points.depth[at]))
        if key not in seen:
            seen.add(key)
            yield int(at)


def deployment_at(terms: Terms, points: Points, at: int, units: int) -> Deployment:
    """So many units of a point, as the deployment that every other verb would ask."""
    space = terms.space
    form, depth, chunk = space.formats[int(points.form[at])], int(points.depth[at]), int(points.chunk[at])
    layout, disaggregated = space.layouts[int(points.layout[at])], int(points.prefill[at]) >= 0
    degrees = {name: getattr(layout, name) for name in (*DEGREES, "redundant_experts")}
    scenario = Scenario(
        model=terms.scenario.model, system=space.system.id, engine=space.engine,
        engine_version=terms.scenario.engine_version, profile=terms.scenario.profile, kv_dtype=form.kv,
        weight_dtype=None if form.own else form.name, memory_fraction=space.memory_fraction,
        gather_passes=space.scheduler.gather_passes or None,
        **{name: getattr(terms.scenario, name) for name in EXCHANGE},
        max_num_seqs=terms.scenario.max_num_seqs, max_batched_tokens=chunk, isl=space.isl, osl=space.osl,
        prefix=space.prefix, acceptance=space.acceptance if depth else None, drafts=depth or None,
        mode="disagg" if disaggregated else "agg",
        price_per_gpu_hour=terms.usd_per_gpu_h if len(space.machines) == 1 else None, **degrees,
    )  # fmt: skip
    scheduler = space.scheduler if disaggregated else replace(space.scheduler, token_budget=float(chunk))
    found = assemble(
        scenario, space.model, space.system, form.exchange.on(layout), profile=space.profile, scheduler=scheduler,
        workload=Workload(isl=space.isl, osl=space.osl, prefix=space.prefix), load=Load(), limits=terms.slo.limits,
        weights=form.weights, replicas=units, why="searched", price=terms.cost,
    )  # fmt: skip
    if not disaggregated:
        return found
    side, copies = space.prompts, (int(points.prefill_copies[at]), int(points.decode_copies[at]))
    on = None
    if len(space.machines) > 1:
        on = PrefillMachine(system=side.system, profile=side.profile, scheduler=side.scheduler)
    front = form.exchange.on(side.layouts[int(points.prefill[at])])
    return with_prefill(found, front, *copies, float(chunk), on)


def curve_at(terms: Terms, points: Points, scored: Scored, at: int, best: Candidate) -> Curve:
    """The unit of a point at other numbers of requests, up to what memory holds or twice the winner's number."""
    import numpy as np

    unit, price = deployment_at(terms, points, at, 1), terms.usd_per_gpu_h
    if price is not None:
        price *= float(np.broadcast_to(scored.dearness, points.rate.shape)[at])
    top = 3.0 * best.unit_concurrency
    if not unit.disaggregated:
        top = max(min(unit.room(), top), 2.0)
    numbers = np.unique(ladder(np.array([top]), _CURVE)[:, 0])
    found = unit.closed(numbers)
    rate = np.broadcast_to(found.requests_per_s, numbers.shape)
    share = float(scored.per_gpu[at] / points.rate[at])  # units over GPUs that are paid for
    tokens = rate * share * terms.space.osl
    keep = tokens > 0
    return Curve(
        concurrency=tuple(numbers[keep].tolist()),
        usd_per_mtok_all=tuple(None if price is None else float(usd_per_mtok(price, 1.0, t)) for t in tokens[keep]),
        output_tokens_per_s_per_gpu=tuple(tokens[keep].tolist()),
        ttft_s=tuple(np.broadcast_to(found.ttft_s, numbers.shape)[keep].tolist()),
        tpot_s=tuple((np.broadcast_to(found.tpot_s, numbers.shape)[keep] / unit.tokens_per_step).tolist()),
    )


def load_of(demand: Demand) -> Load:
    """The load as a deployment takes it."""
    if demand.rate is not None:
        return Load(kind="request_rate", value=demand.rate)
    if demand.concurrency is not None:
        return Load(kind="concurrency", value=demand.concurrency)
    assert demand.users is not None
    return Load(kind="users", value=demand.users, think_s=demand.think_s)


def _filled(terms: Terms, points: Points, at: int, unit: Deployment) -> Served:
    """As many requests at once as limits and memory allow; where latency is the goal, as many as the point has."""
    asked = Load(kind="concurrency", value=float(points.concurrency[at]) * unit.replicas)
    if terms.objective == "latency" or unit.disaggregated:
        return unit.serve(asked)
    full = unit.serve(Load())
    return full if full.fits else unit.serve(asked)


def _within(slo: Slo, found: Served) -> bool:
    """Inside the limits, by means."""
    ttft_s, tpot_s = found.ttft_s, found.tpot_s
    return (slo.ttft_s is None or ttft_s <= slo.ttft_s * _SLACK) and (
        slo.tpot_s is None or tpot_s <= slo.tpot_s * _SLACK
    )


def _bar(space: Space, timed: Timed, role: str, held: float, context: float, tokens: float) -> MemoryBar:
    use = memory_use(
        timed.program, space.system, context=context, engine=space.known_engine, fraction=space.memory_fraction,
        max_batched_tokens=int(tokens),
        max_sequences=space.scheduler.max_sequences,
    )  # fmt: skip
    pool = max(float(use.cache_pool_bytes), 0.0)
    kv = min(pool, held / timed.program.layout.dp * float(use.cache_bytes_per_sequence))
    return MemoryBar(
        role=role, weights_bytes=float(use.weights_bytes), kv_bytes=kv, free_kv_bytes=pool - kv,
        activations_bytes=float(use.activations_bytes), reserve_bytes=max(float(use.reserved_bytes), 0.0),
        total_bytes=float(use.total_bytes),
    )  # fmt: skip


def _bars(space: Space, unit: Deployment, found: Served, held: float, chunk: float) -> tuple[MemoryBar, ...]:
    context, split = unit.held_tokens, unit.prefill_workers
    if split is None:
        return (_bar(space, unit.timed, "one GPU", held, context, chunk),)
    waiting = max(chunk * split.layout.dp / space.new, 1.0) * split.layout.pp  # a full step for every stage
    each = held * (1.0 - found.ttft_s / found.e2e_s) / split.decode_workers
    return (
        _bar(space.prompts, split.timed, "prefill", waiting, space.isl, chunk),
        _bar(space, unit.timed, "decode", each, context, float(space.scheduler.token_budget)),
    )


def candidate_at(terms: Terms, points: Points, scored: Scored, at: int, complexity: Complexity) -> Candidate | None:
    """The deployment of a point, with as many units as the load needs; None where its GPUs run out on the way."""
    demand, units = terms.demand, int(scored.units[at])
    unit = deployment_at(terms, points, at, units)
    if not demand.given:
        found = _filled(terms, points, at, unit)
        paid = terms.paid(unit, units)
        return candidate_of(terms, points, at, unit, found, paid, found.requests_per_s, complexity)
    load, rate = load_of(demand), float(points.rate[at])
    highest = rate
    if demand.concurrency is None:
        by_one, highest = carried(unit, load, rate)
        if by_one <= 0.0:
            return None
        units = max(1, math.ceil(load.value / by_one * (1.0 - _ROUNDING)))
    for number in range(units, units + _TRIED):
        paid = terms.paid(unit, number)
        if terms.gpus is not None and sum(paid) > terms.gpus:
            return None
        unit = replace(unit, replicas=number)
        found = unit.serve(load)
        enough = not found.saturated and (demand.users is None or found.requests_per_s <= number * rate * _SLACK)
        if _within(terms.slo, found) and enough:
            return candidate_of(terms, points, at, unit, found, paid, number * rate, complexity, number * highest)
    return None


def candidate_of(
    terms: Terms,
    points: Points,
    at: int,
    unit: Deployment,
    found: Served,
    each: tuple[int, ...],
    most: float,
    complexity: Complexity,
    carried_at_most: float = 0.0,
    simulated: Simulated | None = None,
) -> Candidate:
    """A deployment as it serves, with so many GPUs of each machine; its limits are held by what was simulated, where it
    was.
    """
    space, slo, paid = terms.space, terms.slo, sum(each)
    held = found.concurrency / unit.replicas
    served, ttft, tpot, e2e = found.requests_per_s, found.ttft_s, found.tpot_s, found.e2e_s
    tokens, price = served * space.osl, terms.usd_per_paid_gpu_h(each)
    cost = None if price is None else cost_of(unit, found, price, gpus=paid)
    usd = None if cost is None else cost.request_usd / space.osl * 1e6
    energy = energy_of(unit, found, each)
    joules = None if energy is None else energy.joules_per_output_token.value
    seen = {"TTFT": ttft, "TPOT": tpot}
    if simulated is not None:
        seen = {"TTFT": simulated.ttft_s, "TPOT": simulated.tpot_s}
    planned, given = {"TTFT": slo.ttft_s, "TPOT": slo.tpot_s}, {"TTFT": terms.asked.ttft_s, "TPOT": terms.asked.tpot_s}
    margins = {name: 1.0 - seen[name] / limit for name, limit in planned.items() if limit is not None}
    chances = {
        name: chance_within(name.lower(), seen[name], limit, unit.profile)
        for name, limit in given.items()
        if limit is not None
    }
    answering = held * (1.0 - ttft / e2e) if unit.disaggregated else held
    margins["memory"] = max(0.0, 1.0 - answering / found.room)
    limit = min(margins, key=lambda name: margins[name])
    form, split = space.formats[int(points.form[at])], unit.prefill_workers
    by_bill, month = terms.demand.by_bill, None if price is None else price * paid * MONTH_H
    score = {"latency": e2e, "energy": joules, "cost": month if by_bill else usd}.get(terms.objective)
    score = score or (paid if by_bill else paid / tokens)
    by_gpus = terms.demand.given and terms.objective in ("cost", "throughput")
    return Candidate(
        system=machine_ids(space.machines),
        mode="agg" if split is None else "disagg",
        layout=unit.layout,
        prefill_layout=None if split is None else split.layout,
        label=label_of(
            unit.layout, None if split is None else split.layout, int(points.prefill_copies[at]),
            int(points.decode_copies[at]),
        ),
        weights=form.name,
        own_weights=form.own,
        kv=form.kv_name,
        chunk=int(points.chunk[at]),
        drafts=int(points.depth[at]),
        gather_passes=unit.scheduler.gather_passes if unit.layout.dp > 1 and split is None else 0.0,
        units=unit.replicas,
        prefill_workers=unit.replicas * int(points.prefill_copies[at]),
        decode_workers=unit.replicas * int(points.decode_copies[at]),
        gpus=unit.gpus_used,
        gpus_paid=paid,
        gpus_paid_of=tuple((machine.id, number) for machine, number in zip(space.machines, each, strict=True)),
        systems=sum(-(-number // chips) for number, chips in zip(each, terms.chips_of_one, strict=True)),
        concurrency=found.concurrency,
        unit_concurrency=held,
        ttft_s=ttft,
        tpot_s=tpot,
        e2e_s=e2e,
        tokens_per_s_per_user=1.0 / tpot,
        requests_per_s=served,
        most_requests_per_s=max(most, served),
        capacity_used=served / max(most, served, carried_at_most),
        output_tokens_per_s_per_gpu=tokens / paid,
        total_tokens_per_s_per_gpu=served * (space.isl + space.osl) / paid,
        usd_per_mtok_all=usd,
        usd_per_mtok_input=None if cost is None else cost.input_usd_per_mtok,
        usd_per_mtok_cached=None if cost is None else cost.cached_usd_per_mtok,
        usd_per_mtok_output=None if cost is None else cost.output_usd_per_mtok,
        usd_per_month=month,
        energy=energy,
        joules_per_output_token=joules,
        margins=margins,
        chances=chances,
        limit=limit if margins[limit] < 0.1 or not terms.demand.given else "load",
        low=unit.profile.low,
        high=unit.profile.high,
        score=score,
        score_of_used=score * unit.gpus_used / paid if by_gpus else score,
        complexity=complexity,
        memory=_bars(space, unit, found, held, float(points.chunk[at])),
        log=None if unit.disaggregated else pool_log(unit),
        simulated=simulated,
        deployment=unit,
    )  # fmt: skip
