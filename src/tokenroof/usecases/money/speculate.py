"""Speculative decoding: speed-up by batch and depth, the batch at which it stops paying, and why.

A verification is a pass over the drafts and one more token of every sequence, timed by the operator engine: its
arithmetic grows with the depth, and at small batches of a model with experts so do the weights that it reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.acceptance import AcceptanceCurve, curves_of, load_acceptance
from tokenroof.catalog.profile import claim_level
from tokenroof.errors import InputError
from tokenroof.formulas import speculation
from tokenroof.types.checks import check_number
from tokenroof.types.default import Default
from tokenroof.types.program import Load
from tokenroof.usecases.money.drafts import Drafter, drafter_of
from tokenroof.usecases.money.operating import Infeasible
from tokenroof.usecases.money.request import ServingRequest, candidates_for, operating_point, workload_of
from tokenroof.usecases.money.serving import Serving
from tokenroof.usecases.money.tiers import layout_label

__all__ = [
    "BatchRow", "CurvePoint", "DepthPoint", "DepthStop", "Span", "SpeculateRequest", "SpeculateResponse", "speculate"
]  # fmt: skip

_ACCEPTANCE = 0.8
_DEPTHS = 8
_GRID = 72
_FARTHEST = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculateRequest(ServingRequest):
    """`acceptance` is the chance of one more accepted draft; `measured` an acceptance curve of the catalogue, which
    goes first. `draft` is `mtp`, `head` or a model; `draft_cost` instead its pass over the target's. `batches` are
    sequences of one pass of one copy.
    """

    acceptance: float | None = None
    measured: str | None = None
    draft: str | None = None
    draft_cost: float | None = None
    depths: tuple[int, ...] = ()
    batches: tuple[float, ...] = ()
    apart: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthPoint:
    """One depth at one batch. `tokens` a verification yields; `compute_bound`: its arithmetic outlasts its reads."""

    depth: int
    tokens: float
    verification_s: float
    draft_s: float
    speedup: float
    compute_bound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch: ordinary pass, every depth, and the best of them; 0 where no depth pays."""

    batch: float
    step_s: float
    best_depth: int
    best_speedup: float
    tpot_s: float
    tokens_per_s_per_user: float
    output_tokens_per_s: float
    points: tuple[DepthPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Batches between which the best depth pays. `high` None: up to as far as was looked."""

    low: float
    high: float | None


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
    verification of `typical_depth` is compute-bound. `best_speedup` is the most over the batches that fit.
    """

    model: str
    model_name: str
    system: str
    system_name: str
    layout: str
    context: float
    drafter: str
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
    claim_level: str
    defaults: tuple[Default, ...]
    left_out: tuple[str, ...] = (
        "memory of the draft's weights and cache",
        "sampling and bookkeeping between draft and verification",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """All that a point needs: target, drafter, mean tokens by depth, context."""

    serving: Serving
    drafter: Drafter
    lengths: tuple[float, ...]
    depths: tuple[int, ...]
    context: float

    def point(self, batch: float, depth: int, step_s: float) -> DepthPoint:
        load = Load(batch * (1.0 + depth), batch, self.context + depth)
        times = self.serving.timed.step(decode=load)
        draft_s = self.drafter.step_s(batch, self.context)
        tokens = self.lengths[depth - 1]
        speedup = speculation.measured_speculation_speedup(
            tokens=tokens, step_s=step_s, verification_s=float(times.step_s), draft_s=draft_s, drafts=float(depth)
        )
        return DepthPoint(
            depth=depth,
            tokens=tokens,
            verification_s=float(times.step_s),
            draft_s=draft_s,
            speedup=float(speedup),
            compute_bound=bool(times.compute_s > times.weights_s + times.kv_s),
        )

    def speedup_of(self, depth: int, batch: float) -> float:
        return self.point(batch, depth, self.serving.step_s(batch, self.context)).speedup

    def row(self, batch: float) -> BatchRow:
        step_s = self.serving.step_s(batch, self.context)
        points = tuple(self.point(batch, depth, step_s) for depth in self.depths)
        best = max(points, key=lambda point: point.speedup)
        pays = best.speedup > 1.0
        tpot_s = step_s / best.speedup if pays else step_s
        return BatchRow(
            batch=batch,
            step_s=step_s,
            best_depth=best.depth if pays else 0,
            best_speedup=best.speedup,
            tpot_s=tpot_s,
            tokens_per_s_per_user=1.0 / tpot_s,
            output_tokens_per_s=self.serving.in_flight(batch) / tpot_s,
            points=points,
        )


def _acceptance(
    request: SpeculateRequest, model_id: str, defaults: list[Default]
) -> tuple[AcceptanceCurve | None, float]:
    if request.acceptance is not None and request.measured is not None:
        raise InputError("acceptance", request.acceptance, "left out when a measured curve is named")
    if request.measured is not None:
        return load_acceptance(request.measured), 0.0
    if request.acceptance is not None:
        return None, check_number("acceptance", request.acceptance, low=0.0, high=1.0)
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
            raise InputError("depth", depth, limit)
    return tuple(sorted(set(request.depths)))


def _geometric(low: float, high: float, n: int) -> list[float]:
    return [low * (high / low) ** (i / (n - 1)) for i in range(n)] if high > low else [low]


def _spans(curve: list[tuple[float, float]]) -> tuple[Span, ...]:
    spans: list[Span] = []
    for (before, gain), (after, next_gain) in zip([(0.0, 0.0), *curve], curve, strict=False):
        if next_gain > 1.0 and gain <= 1.0:
            spans.append(Span(low=after, high=None))
        elif next_gain <= 1.0 and gain > 1.0:
            spans[-1] = Span(low=spans[-1].low, high=before)
    return tuple(spans)


def _last_paying(speedup: Callable[[float], float]) -> float | None:
    """Batch from which on it never pays, beyond memory too; 0: never, None: still at a million sequences."""
    grid = _geometric(1.0, _FARTHEST, 60)
    paying = [i for i, batch in enumerate(grid) if speedup(batch) > 1.0]
    if not paying:
        return 0.0
    if paying[-1] == len(grid) - 1:
        return None
    low, high = grid[paying[-1]], grid[paying[-1] + 1]
    for _ in range(40):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if speedup(middle) > 1.0 else (low, middle)
    return high


def _compute_bound_from(model: _Model, depth: int) -> float | None:
    """Least batch whose verification at this depth is compute-bound; None where none up to a million is."""

    def bound(batch: float) -> bool:
        return model.point(batch, depth, 1.0).compute_bound

    low, high = 1.0, _FARTHEST
    if not bound(high):
        return None
    if bound(low):
        return low
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if bound(middle) else (middle, high)
    return high


def _sentence(stops: float | None, beyond: bool, bound_from: float | None, depth: int, most: float) -> str:
    if stops == 0.0:
        return "Speculation never pays here: at every batch a verification costs more than it yields."
    if stops is None:
        return (
            "Speculation pays at every batch up to a million: at this context reads of the cache, which all drafts "
            "of a sequence share, outlast the arithmetic."
        )
    where = f"Speculation stops paying at a batch of {stops:,.0f}"
    if beyond:
        where = f"Speculation pays at every batch that memory holds ({most:,.0f}); it would stop at {stops:,.0f}"
    drafts = f"{depth} draft{'s' if depth > 1 else ''}"
    if bound_from is None:
        return f"{where}; a verification of {drafts} never becomes compute-bound."
    return f"{where}; a verification of {drafts} is compute-bound from {bound_from:,.0f} on."


def speculate(request: SpeculateRequest) -> SpeculateResponse | Infeasible:
    """Speed-up of speculative decoding on the layout that the request names, or on the cheapest one."""
    defaults: list[Default] = []
    model, system = load_model(request.model), load_system(request.system)
    load = workload_of(request)
    curve, acceptance = _acceptance(request, model.id, defaults)
    depths = _depths(request, curve)
    point = operating_point(request, model, system, candidates_for(request, model, system), defaults)
    if isinstance(point, Infeasible):
        return point
    serving = point.serving
    drafter = drafter_of(
        serving, draft=request.draft, draft_cost=request.draft_cost, context=load.context, defaults=defaults
    )
    lengths = _lengths(curve, acceptance, depths[-1])
    timed = _Model(serving=serving, drafter=drafter, lengths=lengths, depths=depths, context=load.context)
    most = min(serving.most_batch(load.isl + load.osl), _FARTHEST)
    batches = request.batches or (*(b for b in (4.0**power for power in range(10)) if b < most), most)
    for batch in batches:
        check_number("batch", batch, low=1.0, high=_FARTHEST)
    curve_points = tuple(
        CurvePoint(batch=batch, speedups=tuple(one.speedup for one in timed.row(batch).points))
        for batch in _geometric(1.0, most, _GRID)
    )
    fine = [(one.batch, max(one.speedups)) for one in curve_points]
    best_batch, best = max(fine, key=lambda pair: pair[1])
    typical = max(timed.row(best_batch).points, key=lambda one: one.speedup).depth
    stops = _last_paying(lambda batch: timed.row(batch).best_speedup)
    bound_from = _compute_bound_from(timed, typical)
    beyond = stops is not None and stops > most
    return SpeculateResponse(
        model=model.id,
        model_name=model.name,
        system=system.id,
        system_name=system.name,
        layout=layout_label(serving.layout, serving.copies),
        context=load.context,
        drafter=drafter.name,
        acceptance=None if curve is not None else acceptance,
        acceptance_source="given" if curve is None and request.acceptance is not None else _source(curve),
        lengths=tuple(lengths[depth - 1] for depth in depths),
        most_batch=most,
        rows=tuple(timed.row(batch) for batch in sorted(set(batches))),
        curve=curve_points,
        depths=depths,
        depth_stops=tuple(
            DepthStop(depth=depth, batch=_last_paying(partial(timed.speedup_of, depth))) for depth in depths
        ),
        best_batch=best_batch,
        best_speedup=best,
        typical_depth=typical,
        pays=_spans(fine),
        stops_at=stops,
        stops_beyond_memory=beyond,
        compute_bound_from=bound_from,
        sentence=_sentence(stops, beyond, bound_from, typical, most),
        profile=serving.profile.id,
        claim_level=claim_level(serving.profile),
        defaults=tuple(defaults),
    )


def _source(curve: AcceptanceCurve | None) -> str:
    return "assumed" if curve is None else f"{curve.id}: {curve.source}"
