"""From scored points to deployments: units for the load, latencies at that load, margins, and why others lose."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tokenroof.errors import DataMissing
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.operators.timing import Timed, bind
from tokenroof.planner.disaggregated import link_bytes_per_s
from tokenroof.planner.drafts import drafting, tokens_per_pass
from tokenroof.planner.points import Points, Space
from tokenroof.planner.space import ladder
from tokenroof.scenario.slo import Slo
from tokenroof.serving.batch import Pool, serve_apart
from tokenroof.serving.scheduling import Scheduler
from tokenroof.serving.steady import ServingEstimate, capacity, serve, serve_open
from tokenroof.types.layout import Layout
from tokenroof.usecases.money.tiers import layout_label
from tokenroof.usecases.plan.answer import Candidate, Curve, Demand, MemoryBar
from tokenroof.usecases.plan.score import Scored, need_per_s, usd_per_mtok, watts_per_gpu

__all__ = ["Terms", "candidate_at", "curve_at", "distinct", "label_of", "why_not"]

_MONTH_H = 730.0
_CURVE = 28
_MOST_EXTRA = 1.6
_SLACK = 1.0 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What deployments of one machine are judged by."""

    space: Space
    demand: Demand
    slo: Slo
    objective: str
    usd_per_gpu_h: float | None
    gpus: int | None
    chips_of_one: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """One unit as numbers: its timed programs, its scheduler and the most answers that memory holds."""

    layout: Layout
    front: Layout | None
    timed: Timed
    front_timed: Timed | None
    scheduler: Scheduler
    most: float
    tokens: float


def label_of(layout: Layout, front: Layout | None, prefill_workers: int, decode_workers: int) -> str:
    """`tp1 dp8 ep8`, or `5 x (tp4) : 1 x (dp32 ep32)` for prompts and answers apart."""
    if front is None:
        return layout_label(layout)
    return f"{prefill_workers} x ({layout_label(front)}) : {decode_workers} x ({layout_label(layout)})"


def distinct(points: Points, order: Any) -> Iterator[int]:
    """Positions in the given order, each pair of layouts in one format of weights once."""
    seen = set()
    for at in order:
        key = (int(points.layout[at]), int(points.prefill[at]), int(points.form[at]))
        if key not in seen:
            seen.add(key)
            yield int(at)


def _program(space: Space, layout: Layout, depth: int) -> Timed:
    timed = bind(lower(space.model, layout), space.system, space.profile)
    if not depth:
        return timed
    return drafting(
        timed, space.model, layout, space.system, space.profile, drafts=depth,
        tokens=tokens_per_pass(space.acceptance, depth), osl=space.osl,
    )  # fmt: skip


def _unit(space: Space, points: Points, at: int) -> _Unit:
    form, depth = space.formats[int(points.form[at])], int(points.depth[at])
    formats: dict[str, Any] = {"weights": form.weights, "kv_dtype": form.kv}
    layout = replace(space.layouts[int(points.layout[at])], **formats)
    apart = int(points.prefill[at]) >= 0
    front = replace(space.layouts[int(points.prefill[at])], **formats) if apart else None
    chunk = float(points.chunk[at])
    scheduler = space.scheduler if apart else replace(space.scheduler, token_budget=chunk)
    timed = _program(space, layout, depth)
    room = capacity(
        timed, space.system, scheduler, isl=space.isl, osl=space.osl, engine=space.engine,
        memory_fraction=space.memory_fraction,
    )  # fmt: skip
    most = float(room // 1)
    return _Unit(
        layout=layout, front=front, timed=timed, front_timed=None if front is None else _program(space, front, 0),
        scheduler=scheduler, most=most * (float(points.decode_copies[at]) if apart else 1.0),
        tokens=tokens_per_pass(space.acceptance, depth),
    )  # fmt: skip


def _closed(terms: Terms, points: Points, at: int, unit: _Unit, held: Any) -> ServingEstimate:
    """One unit with so many requests kept in flight; a number or an array."""
    space = terms.space
    if unit.front_timed is None:
        return serve(
            unit.timed, space.system, unit.scheduler, concurrency=held, isl=space.isl, osl=space.osl / unit.tokens,
            prefix=space.prefix, range_ratio=0.8, limit=unit.most,
        )  # fmt: skip
    sent = cache_bytes_per_sequence(unit.front_timed.program, space.isl) / unit.front_timed.program.layout.pp
    prompts = replace(space.scheduler, mixed=False, token_budget=float(points.chunk[at]))
    return serve_apart(
        Pool(timed=unit.front_timed, system=space.system, scheduler=prompts, copies=float(points.prefill_copies[at])),
        Pool(timed=unit.timed, system=space.system, scheduler=unit.scheduler, copies=float(points.decode_copies[at])),
        concurrency=held, isl=space.isl, osl=space.osl / unit.tokens, prefix=space.prefix,
        transfer_s=float(sent / link_bytes_per_s(space, float(points.gpus[at]))),
        memory_fraction=space.memory_fraction,
    )  # fmt: skip


def curve_at(terms: Terms, points: Points, scored: Scored, at: int, best: Candidate) -> Curve:
    """The unit of a point at other numbers of requests, up to what memory holds or twice the winner's number."""
    import numpy as np

    unit, price = _unit(terms.space, points, at), terms.usd_per_gpu_h
    top = max(min(unit.most, 3.0 * best.unit_concurrency), 2.0) if unit.front is None else 3.0 * best.unit_concurrency
    numbers = np.unique(ladder(np.array([top]), _CURVE)[:, 0])
    found = _closed(terms, points, at, unit, numbers)
    rate = np.broadcast_to(found.requests_per_s, numbers.shape)
    share = float(scored.per_gpu[at] / points.rate[at])  # units over GPUs that are paid for
    tokens = rate * share * terms.space.osl
    keep = tokens > 0
    return Curve(
        concurrency=tuple(numbers[keep].tolist()),
        usd_per_mtok_all=tuple(None if price is None else float(usd_per_mtok(price, 1.0, t)) for t in tokens[keep]),
        output_tokens_per_s_per_gpu=tuple(tokens[keep].tolist()),
        ttft_s=tuple(np.broadcast_to(found.ttft_s, numbers.shape)[keep].tolist()),
        tpot_s=tuple((np.broadcast_to(found.tpot_s, numbers.shape)[keep] / unit.tokens).tolist()),
    )


def _served(terms: Terms, points: Points, at: int, unit: _Unit, units: int) -> tuple[float, float, float, float]:
    """(TTFT, TPOT, whole time, requests in flight in one unit) when the load is spread over so many units."""
    space, demand = terms.space, terms.demand
    ttft, tpot, e2e = float(points.ttft_s[at]), float(points.tpot_s[at]), float(points.e2e_s[at])
    if not demand.given:
        return ttft, tpot, e2e, float(points.concurrency[at])
    rate = need_per_s(demand, e2e) / units
    if demand.concurrency is not None or unit.front_timed is not None:
        held = max(demand.concurrency / units if demand.concurrency is not None else rate * e2e, 1.0)
        found = _closed(terms, points, at, unit, held)
    else:
        found = serve_open(
            unit.timed, space.system, unit.scheduler, rate=rate, isl=space.isl, osl=space.osl / unit.tokens,
            prefix=space.prefix, limit=unit.most,
        )  # fmt: skip
        held = float(found.in_flight)
    return float(found.ttft_s), float(found.tpot_s) / unit.tokens, float(found.e2e_s), held


def _within(slo: Slo, ttft_s: float, tpot_s: float) -> bool:
    return (slo.ttft_s is None or ttft_s <= slo.ttft_s * _SLACK) and (
        slo.tpot_s is None or tpot_s <= slo.tpot_s * _SLACK
    )


def _bar(space: Space, timed: Timed, role: str, held: float, context: float, tokens: float) -> MemoryBar:
    use = memory_use(
        timed.program, space.system, context=context, engine=space.engine, fraction=space.memory_fraction,
        max_batched_tokens=int(tokens),
        max_sequences=int(min(space.scheduler.max_sequences, 256)),
    )  # fmt: skip
    pool = max(float(use.cache_pool_bytes), 0.0)
    kv = min(pool, held / timed.program.layout.dp * float(use.cache_bytes_per_sequence))
    return MemoryBar(
        role=role, weights_bytes=float(use.weights_bytes), kv_bytes=kv, free_kv_bytes=pool - kv,
        activations_bytes=float(use.activations_bytes), reserve_bytes=max(float(use.reserved_bytes), 0.0),
        total_bytes=float(use.total_bytes),
    )  # fmt: skip


def _bars(terms: Terms, points: Points, at: int, unit: _Unit, held: float) -> tuple[MemoryBar, ...]:
    space, chunk = terms.space, float(points.chunk[at])
    context = space.isl + (space.osl if space.scheduler.reserves_output else space.osl / 2.0)
    if unit.front_timed is None:
        return (_bar(space, unit.timed, "one GPU", held, context, chunk),)
    front = unit.front_timed.program.layout
    waiting = max(chunk * front.dp / space.new, 1.0) * front.pp  # a full pass for every stage
    each = held * (1.0 - float(points.ttft_s[at]) / float(points.e2e_s[at])) / float(points.decode_copies[at])
    return (
        _bar(space, unit.front_timed, "prefill", waiting, space.isl, chunk),
        _bar(space, unit.timed, "decode", each, context, float(space.scheduler.token_budget)),
    )


def candidate_at(terms: Terms, points: Points, scored: Scored, at: int) -> Candidate | None:
    """The deployment of a point, with as many units as the load needs; None where its GPUs run out on the way."""
    space, slo, demand = terms.space, terms.slo, terms.demand
    unit = _unit(space, points, at)
    units = int(scored.units[at])
    most_units = max(int(units * _MOST_EXTRA), units + 2) if demand.given else units
    each = int(points.gpus[at])
    while True:
        ttft, tpot, e2e, held = _served(terms, points, at, unit, units)
        most = units * float(points.rate[at])
        served = most if not demand.given else float(need_per_s(demand, e2e))
        enough = demand.users is None or served <= most * _SLACK
        if (_within(slo, ttft, tpot) and enough) or not demand.given:
            break
        units += 1
        if units > most_units or (terms.gpus is not None and units * each > terms.gpus):
            return None
    paid = units * each if demand.given else int(scored.paid[at])
    tokens, price = served * space.osl, terms.usd_per_gpu_h
    share = float(points.prefill_share[at])
    usd = None if price is None else float(usd_per_mtok(price, paid, tokens))
    try:
        joules = watts_per_gpu(space.system) * paid / tokens
    except DataMissing:
        joules = None
    margins = {
        name: 1.0 - value / limit
        for name, value, limit in (("TTFT", ttft, slo.ttft_s), ("TPOT", tpot, slo.tpot_s))
        if limit is not None
    }
    answering = held if unit.front is None else held * (1.0 - ttft / e2e)
    margins["memory"] = max(0.0, 1.0 - answering / unit.most)
    limit = min(margins, key=lambda name: margins[name])
    form = space.formats[int(points.form[at])]
    scores = {"latency": e2e, "energy": joules, "cost": usd}
    score = scores.get(terms.objective)
    front, decoders = unit.front, int(points.decode_copies[at])
    return Candidate(
        system=space.system.id,
        mode="together" if front is None else "apart",
        layout=unit.layout,
        prefill_layout=front,
        label=label_of(unit.layout, front, int(points.prefill_copies[at]), decoders),
        weights=form.name,
        own_weights=form.own,
        kv=form.kv_name,
        chunk=int(points.chunk[at]),
        drafts=int(points.depth[at]),
        units=units,
        prefill_workers=units * int(points.prefill_copies[at]),
        decode_workers=units * decoders,
        gpus=units * each,
        gpus_paid=paid,
        systems=-(-paid // terms.chips_of_one),
        concurrency=held * units,
        unit_concurrency=held,
        ttft_s=ttft,
        tpot_s=tpot,
        e2e_s=e2e,
        tokens_per_s_per_user=1.0 / tpot,
        requests_per_s=served,
        most_requests_per_s=max(most, served),
        output_tokens_per_s_per_gpu=tokens / paid,
        total_tokens_per_s_per_gpu=served * (space.isl + space.osl) / paid,
        usd_per_mtok_all=usd,
        usd_per_mtok_input=None if usd is None else usd * share * space.osl / space.isl,
        usd_per_mtok_output=None if usd is None else usd * (1.0 - share),
        usd_per_month=None if price is None else price * paid * _MONTH_H,
        joules_per_output_token=joules,
        margins=margins,
        limit=limit if margins[limit] < 0.1 or not demand.given else "load",
        low=space.profile.low,
        high=space.profile.high,
        score=paid / tokens if score is None else score,
        memory=_bars(terms, points, at, unit, held),
    )


_UNITS = {
    "cost": "per token",
    "throughput": "GPU time per token",
    "latency": "time per request",
    "energy": "J per token",
}


def _difference(one: Candidate, best: Candidate) -> str:
    """What stands out about a deployment beside the winner."""
    parts = []
    if one.mode != best.mode:
        parts.append("prompts and answers on the same GPUs" if one.mode == "together" else "prompts and answers apart")
    if one.weights != best.weights:
        parts.append(f"weights {one.weights}")
    if one.kv != best.kv:
        parts.append(f"KV {one.kv}")
    if one.drafts != best.drafts:
        parts.append(f"{one.drafts} drafts" if one.drafts else "no drafts")
    return ", ".join(parts)


def why_not(one: Candidate, best: Candidate, objective: str) -> str:
    """Why a deployment is not the winner: how much worse, and what holds it back."""
    worse = one.score / best.score - 1.0
    held, other = one.concurrency / one.gpus_paid, best.concurrency / best.gpus_paid
    if one.gpus_paid > one.gpus and best.gpus_paid == best.gpus:
        idle = one.gpus_paid - one.gpus
        reason = f"leaves {idle} GPU{'s' if idle > 1 else ''} idle"
    elif one.limit == "memory":
        reason = f"memory is full at {held:,.1f} requests a GPU (winner: {other:,.1f})"
    elif one.limit in ("TTFT", "TPOT") and one.margins[one.limit] < 0.1:
        reason = f"{one.limit} binds at {held:,.1f} requests a GPU (winner: {other:,.1f})"
    elif one.gpus_paid != best.gpus_paid:
        reason = f"{one.gpus_paid} GPUs for the load (winner: {best.gpus_paid})"
    else:
        mine, its = (c.most_requests_per_s / c.gpus_paid for c in (one, best))
        reason = f"{mine:,.3g} requests/s a GPU at most (winner: {its:,.3g})"
    size = "as good" if worse < 5e-4 else f"{worse:+.1%} {_UNITS[objective]}"
    what = _difference(one, best)
    return f"{size}; {reason}" + (f" [{what}]" if what else "")
