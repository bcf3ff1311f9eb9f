"""Speculative decoding: speed-up by batch and depth, the batch at which it stops paying, and why.

A verify step runs over the drafts and one more token of every sequence, timed by the operator engine: its
arithmetic grows with the depth, and at small batches of a model with experts so do the weights that it reads.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, ClassVar

from tokenroof.catalog.acceptance import AcceptanceCurve, curves_of, load_acceptance
from tokenroof.errors import InputError
from tokenroof.formulas import speculation
from tokenroof.planner.drafts import implied_acceptance
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import layout_label
from tokenroof.scenario.ranges import ranged
from tokenroof.scenario.resolve import resolve
from tokenroof.scenario.unmet import unmet
from tokenroof.types.checks import check_number
from tokenroof.types.default import Default
from tokenroof.types.limits import Within, faults_of
from tokenroof.types.scenario import DEGREES, Scenario
from tokenroof.types.served import Infeasible, Ranged, Served
from tokenroof.usecases.analyze.sentence import short_name
from tokenroof.usecases.money.drafting import (
    BatchRow,
    DepthPoint,
    Drafting,
    Span,
    compute_bound_from,
    geometric,
    last_paying,
    spans_of,
)
from tokenroof.usecases.money.drafts import drafter_of
from tokenroof.usecases.money.speculate_sentence import sentence_of

__all__ = [
    "BatchRow", "CurvePoint", "DepthPoint", "DepthStop", "Drafting", "ServedDrafts", "Span", "SpeculateRequest",
    "SpeculateResponse", "speculate",
]  # fmt: skip

_ACCEPTANCE = 0.8
_DEPTHS = 8
_GRID = 72
_FARTHEST = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculateRequest(Scenario):
    """`acceptance` is the chance of one more accepted draft; `measured` an acceptance curve of the catalogue, which
    goes first. `draft` is `mtp`, `head` or a model; `draft_cost` instead its step over the target's. `batches` are
    requests of one step of one replica. `drafts` is how many to serve with, None the best at the served batch.
    """

    alone: ClassVar[frozenset[str]] = frozenset({"acceptance", "drafts"})

    measured: str | None = None
    draft: str | None = None
    draft_cost: Annotated[float | None, Within(0.0, 1.0)] = None
    depths: tuple[int, ...] = ()
    batches: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDrafts:
    """The load served with and without `drafts` per step, by the model's own draft head, in the same layout."""

    drafts: int
    acceptance: float
    without: Served
    with_drafts: Served
    tpot_s: Ranged
    output_tokens_per_s_per_gpu: Ranged


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Speed-up of each depth at one batch, in the order of the depths."""

    batch: float
    speedups: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthStop:
    """Batch from which on a depth no longer pays; 0: at no batch, None: not up to a million."""

    depth: int
    batch: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculateResponse:
    """`curve` is a fine grid of batches up to memory. `stops_at` is the batch from which on no
    depth pays, beyond memory too; None: not up to a million. `compute_bound_from` is the batch from which a
    verify step of `typical_depth` is compute-bound. `best_speedup` is the most over the batches that fit.
    """

    model: str
    model_name: str
    system: str
    system_name: str
    layout: str
    context: float
    drafter: str
    served: Served
    served_with_drafts: ServedDrafts | None
    acceptance: float | None
    acceptance_source: str
    lengths: tuple[float, ...]
    most_batch: float
    rows: tuple[BatchRow, ...]
    curve: tuple[CurvePoint, ...]
    depths: tuple[int, ...]
    depth_stops: tuple[DepthStop, ...]
    best_batch: float
    best_speedup: float
    typical_depth: int
    pays: tuple[Span, ...]
    stops_at: float | None
    stops_beyond_memory: bool
    compute_bound_from: float | None
    sentence: str
    profile: str
    claim: str
    defaults: tuple[Default, ...]
    warnings: tuple[str, ...]
    left_out: tuple[str, ...] = (
        "memory of the draft's weights and cache", "prefill by the draft",
    )  # fmt: skip
    timed: "Drafting | None" = field(default=None, repr=False, compare=False)


def _acceptance(
    request: SpeculateRequest, model_id: str, defaults: list[Default]
) -> tuple[AcceptanceCurve | None, float]:
    if request.acceptance is not None and request.measured is not None:
        raise InputError("acceptance", request.acceptance, "left out when a measured curve is named")
    if request.measured is not None:
        return load_acceptance(request.measured), 0.0
    if request.acceptance is not None:
        return None, request.acceptance
    found = curves_of(model_id)
    if found:
        defaults.append(Default(field="acceptance", value=found[0].id, reason=f"measured: {found[0].source}"))
        return found[0], 0.0
    defaults.append(Default(field="acceptance", value=f"{_ACCEPTANCE:g}", reason="assumed as Epoch does"))
    return None, _ACCEPTANCE


def _lengths(curve: AcceptanceCurve | None, acceptance: float, deepest: int) -> tuple[float, ...]:
    if curve is not None:
        return curve.lengths
    return tuple(
        float(speculation.tokens_per_verification(acceptance=acceptance, drafts=float(g)))
        for g in range(1, deepest + 1)
    )


def _depths(request: SpeculateRequest, curve: AcceptanceCurve | None) -> tuple[int, ...]:
    most = 64 if curve is None else len(curve.lengths)
    if not request.depths:
        return tuple(range(1, min(_DEPTHS, most) + 1))
    for depth in request.depths:
        if not 1 <= depth <= most:
            limit = f"from 1 to {most}" + ("" if curve is None else f", as deep as {curve.id} was measured")
            raise InputError("depths", depth, limit)
    return tuple(sorted(set(request.depths)))


def _drafts_itself(request: SpeculateRequest, base: Deployment) -> bool:
    """Whether the model's own head drafts."""
    return bool(base.model.mtp_layers) and request.draft in (None, "mtp") and request.draft_cost is None


def _with_drafts(request: SpeculateRequest, timed: Drafting, served: Served) -> ServedDrafts | None:
    """The load with drafts of the model's own head, as every verb serves it; None where there is none or it slows."""
    base = timed.deployment
    best = timed.row(max(served.batch, 1.0)).best_depth
    depth = request.drafts if request.drafts is not None else best
    if request.drafts and not _drafts_itself(request, base):
        raise InputError(
            "drafts", depth, "left out: loads are served with the model's own draft head", "depths gives single steps"
        )
    if not depth or not _drafts_itself(request, base):
        return None
    if request.acceptance is not None:
        acceptance = request.acceptance
    elif depth <= timed.depths[-1]:
        acceptance = implied_acceptance(timed.lengths[depth - 1], depth)
    else:
        raise InputError("drafts", depth, f"at most {timed.depths[-1]}, as deep as the curve was measured")
    layout = {name: getattr(base.layout, name) for name in (*DEGREES, "redundant_experts")}
    faster = resolve(replace(request, **layout, drafts=depth, acceptance=acceptance))
    found = faster.serve()
    if not found.fits:
        return None
    return ServedDrafts(
        drafts=depth, acceptance=acceptance, without=served, with_drafts=found,
        tpot_s=ranged("tpot", found.tpot_s, faster.profile),
        output_tokens_per_s_per_gpu=ranged("throughput", found.output_tokens_per_s_per_gpu, faster.profile),
    )  # fmt: skip


def speculate(request: SpeculateRequest) -> SpeculateResponse | Infeasible:
    """Speed-up of speculative decoding on the layout that the request names, or on the best one without drafts."""
    for fault in faults_of(request):
        raise fault
    if request.prefill_layout is not None:
        raise InputError("prefill_layout", request.prefill_layout, "left out: drafts are weighed in one layout")
    defaults: list[Default] = []
    base = resolve(replace(request, acceptance=None, drafts=None))
    model, system, work = base.model, base.system, base.workload
    curve, acceptance = _acceptance(request, model.id, defaults)
    depths = _depths(request, curve)
    served = base.serve()
    missed = unmet(base, served)
    if missed is not None:
        return missed
    drafter = drafter_of(
        base, draft=request.draft, draft_cost=request.draft_cost, context=work.context, defaults=defaults
    )
    lengths = _lengths(curve, acceptance, depths[-1])
    timed = Drafting(deployment=base, drafter=drafter, lengths=lengths, depths=depths, context=work.context)
    most = min(max(base.room() // base.layout.pp, 1.0), _FARTHEST)
    batches = request.batches or (*(b for b in (4.0**power for power in range(10)) if b < most), most)
    for batch in batches:
        check_number("batches", batch, low=1.0, high=_FARTHEST)
    curve_points = tuple(
        CurvePoint(batch=batch, speedups=tuple(one.speedup for one in timed.row(batch).points))
        for batch in geometric(1.0, most, _GRID)
    )
    fine = [(one.batch, max(one.speedups)) for one in curve_points]
    best_batch, best = max(fine, key=lambda pair: pair[1])
    typical = max(timed.row(best_batch).points, key=lambda one: one.speedup).depth
    stops = last_paying(lambda batch: timed.row(batch).best_speedup)
    bound_from = compute_bound_from(timed, typical)
    beyond = stops is not None and stops > most
    return SpeculateResponse(
        model=model.id,
        model_name=model.name,
        system=system.id,
        system_name=system.name,
        layout=layout_label(base.layout, base.replicas),
        context=work.context,
        drafter=drafter.name,
        served=served,
        served_with_drafts=_with_drafts(request, timed, served),
        acceptance=None if curve is not None else acceptance,
        acceptance_source="given" if curve is None and request.acceptance is not None else _source(curve),
        lengths=tuple(lengths[depth - 1] for depth in depths),
        most_batch=most,
        rows=tuple(timed.row(batch) for batch in sorted(set(batches))),
        curve=curve_points,
        depths=depths,
        depth_stops=tuple(
            DepthStop(depth=depth, batch=last_paying(partial(timed.speedup_of, depth))) for depth in depths
        ),
        best_batch=best_batch,
        best_speedup=best,
        typical_depth=typical,
        pays=spans_of(fine),
        stops_at=stops,
        stops_beyond_memory=beyond,
        compute_bound_from=bound_from,
        sentence=sentence_of(short_name(model), best, best_batch, typical, stops=stops, most=most),
        profile=base.profile.id,
        claim=base.claim,
        defaults=(*base.defaults, *defaults),
        warnings=base.warnings,
        timed=timed,
    )


def _source(curve: AcceptanceCurve | None) -> str:
    return "assumed" if curve is None else f"{curve.id}: {curve.source}"
