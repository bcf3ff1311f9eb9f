"""Long context: how the cost of a token grows with the prompt, where it bends, and the step that a sheet would use."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from tokenroof.catalog.offers.index import steps
from tokenroof.catalog.offers.paths import find_offer
from tokenroof.scenario.costs import cost_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.types.checks import check_number
from tokenroof.types.served import Infeasible
from tokenroof.usecases.money.scene import EconomicsRequest, Scene, served_scene

__all__ = ["ContextPoint", "ContextTiers", "SheetStep", "context_tiers"]

_LENGTHS = (1e3, 4e3, 8e3, 32e3, 128e3)
_LONGER = (256e3, 1e6)
_DEFAULT_LONGEST = 1e6
# Round lengths that a sheet may step at; sellers use 32K to 512K.
_SHEET_STEPS = (8e3, 16e3, 32e3, 64e3, 128e3, 200e3, 256e3, 512e3)
# Two prices are worth printing where the longest prompt costs at least so many times what the shortest does.
_WORTH_A_STEP = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPoint:
    """What the same question answers for prompts of `isl` tokens; multiples are of the shortest prompt's cost."""

    isl: float
    layout: str
    concurrency: float
    tpot_s: float
    output_tokens_per_s_per_gpu: float
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    input_x: float
    output_x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetStep:
    """A price sheet's own step, for comparison."""

    offer: str
    at_tokens: int
    input_x: float
    output_x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextTiers:
    """Multiples are of the shortest prompt's cost. A bend is where a token costs twice as much; None if it never does.

    `step_at` is the round length at which two prices come closest to cost, None where one price does; `step_*_x` is the
    mean cost above it over the mean cost below, prompt lengths spread evenly on a logarithm; `covers_*_x` what the
    longest prompt costs over that mean.
    """

    longest: float
    points: tuple[ContextPoint, ...]
    input_bend: float | None
    output_bend: float | None
    step_at: float | None
    step_input_x: float | None
    step_output_x: float | None
    covers_input_x: float | None
    covers_output_x: float | None
    sheet: tuple[SheetStep, ...]
    verdict: str


def _row(request: EconomicsRequest, isl: float) -> tuple[float, str, Scene] | None:
    """The same question with prompts of another length; None where nothing holds it."""
    if request.prefix > isl - 1.0:
        return None
    scene = served_scene(replace(request, isl=isl, context=None))
    if isinstance(scene, Infeasible):
        return None
    return isl, unit_label(scene.deployment, scene.deployment.replicas), scene


def _points(request: EconomicsRequest, lengths: list[float]) -> list[ContextPoint]:
    points: list[ContextPoint] = []
    for found in (_row(request, length) for length in lengths):
        if found is None:
            continue
        isl, label, scene = found
        cost = cost_of(
            scene.deployment, scene.served, scene.machine.usd_per_gpu_h, duty_cycle=scene.duty_cycle,
            allocation=scene.allocation,
        )  # fmt: skip
        read, write = cost.input_usd_per_mtok, cost.output_usd_per_mtok
        first = points[0] if points else None
        points.append(
            ContextPoint(
                isl=isl, layout=label, concurrency=scene.served.concurrency, tpot_s=scene.served.tpot_s,
                output_tokens_per_s_per_gpu=scene.served.output_tokens_per_s_per_gpu, input_usd_per_mtok=read,
                output_usd_per_mtok=write,
                input_x=read / first.input_usd_per_mtok if first and first.input_usd_per_mtok else 1.0,
                output_x=write / first.output_usd_per_mtok if first and first.output_usd_per_mtok else 1.0,
            )
        )  # fmt: skip
    return points


def _bend(curve: list[tuple[float, float]], factor: float = 2.0) -> float | None:
    """Where a rising curve reaches `factor` times its first value, on a logarithmic axis."""
    target = curve[0][1] * factor
    for (x0, y0), (x1, y1) in pairwise(curve):
        if y1 >= target > y0:
            share = (target - y0) / (y1 - y0)
            return x0 * math.exp(share * math.log(x1 / x0))
    return None


def _mean(curve: list[tuple[float, float]], low: float, high: float) -> float:
    """Mean over lengths from `low` to `high`, spread evenly on a logarithm."""

    def at(x: float) -> float:
        for (x0, y0), (x1, y1) in pairwise(curve):
            if x <= x1:
                return y0 + (y1 - y0) * math.log(x / x0) / math.log(x1 / x0)
        return curve[-1][1]

    inside = [low, *(x for x, _ in curve if low < x < high), high]
    area = sum((at(a) + at(b)) / 2.0 * math.log(b / a) for a, b in pairwise(inside))
    return area / math.log(high / low)


def context_tiers(
    request: EconomicsRequest,
    deployment: Deployment,
    *,
    longest: float | None = None,
    step_at: float | None = None,
    offer: str | None = None,
) -> ContextTiers:
    """Cost against prompt length, and where a seller would put a step."""
    model, osl = deployment.model, deployment.workload.osl
    limit = longest or float(model.context_advertised or model.context_config or _DEFAULT_LONGEST)
    check_number("longest", limit, low=2.0 * _LENGTHS[0], high=1e8)
    asked = request if request.osl is not None else replace(request, osl=osl)
    lengths = [length for length in (*_LENGTHS, *_LONGER) if length <= limit]
    if longest is not None and lengths[-1] < longest:
        lengths.append(longest)
    points = tuple(_points(asked, lengths))
    reads = [(p.isl, p.input_usd_per_mtok) for p in points]
    writes = [(p.isl, p.output_usd_per_mtok) for p in points]
    reach = points[-1].isl if points else 0.0
    input_bend, output_bend = (_bend(curve) if curve else None for curve in (reads, writes))
    where = _step_at(step_at, reads, writes) if len(points) > 1 else None
    ratio: dict[str, float | None] = dict.fromkeys(("in", "out", "covers_in", "covers_out"))
    if where is not None:
        for name, curve in (("in", reads), ("out", writes)):
            below = _mean(curve, curve[0][0], where)
            if below > 0.0:
                ratio[name] = _mean(curve, where, reach) / below
                ratio[f"covers_{name}"] = curve[-1][1] / below
    return ContextTiers(
        longest=reach,
        points=points,
        input_bend=input_bend,
        output_bend=output_bend,
        step_at=where,
        step_input_x=ratio["in"],
        step_output_x=ratio["out"],
        covers_input_x=ratio["covers_in"],
        covers_output_x=ratio["covers_out"],
        sheet=_sheet(offer),
        verdict=_verdict(input_bend, output_bend, reach, lengths[-1]),
    )


def _misfit(curve: list[tuple[float, float]], where: float, reach: float) -> float:
    """Mean square of the logarithm of cost over price, with one price below `where` and one above."""
    total, short = 0.0, curve[0][0]
    for low, high in ((short, where), (where, reach)):
        level = _mean(curve, low, high)
        square = [(x, math.log(y / level) ** 2) for x, y in curve]
        total += _mean(square, low, high) * math.log(high / low)
    return total / math.log(reach / short)


def _step_at(given: float | None, reads: list[tuple[float, float]], writes: list[tuple[float, float]]) -> float | None:
    """The round length at which two prices, one below and one above, come closest to cost."""
    short, reach = reads[0][0], reads[-1][0]
    if given is not None:
        return check_number("step_at", given, low=short * 1.01, high=reach * 0.99)
    costly = [curve for curve in (reads, writes) if curve[0][1] > 0.0]
    possible = [step for step in _SHEET_STEPS if short * 1.01 < step < 0.9 * reach]
    if not possible or not costly or max(curve[-1][1] / curve[0][1] for curve in costly) < _WORTH_A_STEP:
        return None
    return min(possible, key=lambda where: sum(_misfit(curve, where, reach) for curve in costly))


def _sheet(offer: str | None) -> tuple[SheetStep, ...]:
    if offer is None:
        return ()
    found = find_offer(offer)
    return tuple(
        SheetStep(offer=found.id, at_tokens=step.at_tokens, input_x=step.input_x, output_x=step.output_x)
        for step in steps(found)
    )


def _verdict(input_bend: float | None, output_bend: float | None, reach: float, limit: float) -> str:
    short = "" if reach >= limit * 0.999 else f"; memory holds no more than {reach:,.0f} tokens"
    if input_bend is None and output_bend is None:
        return f"neither kind of token costs twice as much up to {reach:,.0f} tokens{short}"
    parts = []
    for name, bend in (("output", output_bend), ("input", input_bend)):
        parts.append(f"{name} at {bend:,.0f} tokens" if bend is not None else f"{name} never")
    return f"cost doubles: {', '.join(parts)}{short}"
