"""Long context: how the cost of a token grows with the prompt, where it bends, and the step that a sheet would use."""

import math
from dataclasses import dataclass
from itertools import pairwise

from tokenroof.catalog.offers.index import steps
from tokenroof.catalog.offers.paths import find_offer
from tokenroof.types.checks import check_number
from tokenroof.usecases.money.costs import Scene
from tokenroof.usecases.money.operating import Operating
from tokenroof.usecases.money.serving import Serving, largest_batch_within

__all__ = ["ContextPoint", "ContextTiers", "SheetStep", "context_tiers"]

_MTOK = 1e6
_SHORT = 1024.0
_POINTS = 25
_DEFAULT_LONGEST = 1e6
# Round lengths that a sheet may step at; sellers use 32K to 512K.
_SHEET_STEPS = (8e3, 16e3, 32e3, 64e3, 128e3, 200e3, 256e3, 512e3)
# Two prices are worth printing where the longest prompt costs at least so many times what the shortest does.
_WORTH_A_STEP = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPoint:
    """Cost of tokens in requests of one prompt length, in the batch that fits at that length."""

    context: float
    batch: float
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
    """Multiples are of the cost at `short`. A bend is where a token costs twice as much; None if it never does.

    `step_at` is the round length at which two prices come closest to cost, None where one price does; `step_*_x` is the
    mean cost above it over the mean cost below, prompt lengths spread evenly on a logarithm; `covers_*_x` what the
    longest prompt costs over that mean.
    """

    short: float
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


def _batch(serving: Serving, context: float, tpot_s: float | None, most: float) -> float:
    return min(largest_batch_within(serving, context, tpot_s or math.inf, context), most)


def _costs(scene: Scene, point: Operating, context: float, tpot_s: float | None) -> tuple[float, float, float] | None:
    """(batch, input, output) cost per token at a prompt length; None where memory does not hold one sequence."""
    most = point.batch if point.limit == "given" else math.inf
    batch = _batch(point.serving, context, tpot_s, most)
    if batch <= 0:
        return None
    price = scene.usd_per_s / scene.duty_cycle
    read = price * point.prefill.prefill_s(context, context) / context
    return batch, read, price * point.serving.decode_s(batch, context)


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
    scene: Scene,
    point: Operating,
    *,
    tpot_s: float | None,
    longest: float | None = None,
    step_at: float | None = None,
    offer: str | None = None,
) -> ContextTiers:
    """Cost against prompt length on the chosen layout, and where a seller would put a step."""
    model = scene.model
    limit = longest or float(model.context_advertised or model.context_config or _DEFAULT_LONGEST)
    check_number("longest", limit, low=2.0 * _SHORT, high=1e8)
    lengths = [_SHORT * (limit / _SHORT) ** (i / (_POINTS - 1)) for i in range(_POINTS)]
    rows = [(length, _costs(scene, point, length, tpot_s)) for length in lengths]
    found = [(length, *costs) for length, costs in rows if costs is not None]
    first = found[0]
    points = tuple(
        ContextPoint(
            context=length, batch=batch, input_usd_per_mtok=read * _MTOK, output_usd_per_mtok=write * _MTOK,
            input_x=read / first[2], output_x=write / first[3],
        )
        for length, batch, read, write in found
    )  # fmt: skip
    reads = [(p.context, p.input_usd_per_mtok) for p in points]
    writes = [(p.context, p.output_usd_per_mtok) for p in points]
    input_bend, output_bend, reach = _bend(reads), _bend(writes), points[-1].context
    where = _step_at(step_at, reads, writes)
    ratio: dict[str, float | None] = dict.fromkeys(("in", "out", "covers_in", "covers_out"))
    if where is not None:
        for name, curve in (("in", reads), ("out", writes)):
            below = _mean(curve, _SHORT, where)
            ratio[name] = _mean(curve, where, reach) / below
            ratio[f"covers_{name}"] = curve[-1][1] / below
    return ContextTiers(
        short=_SHORT,
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
        verdict=_verdict(input_bend, output_bend, reach, limit),
    )


def _misfit(curve: list[tuple[float, float]], where: float, reach: float) -> float:
    """Mean square of the logarithm of cost over price, with one price below `where` and one above."""
    total = 0.0
    for low, high in ((_SHORT, where), (where, reach)):
        level = _mean(curve, low, high)
        square = [(x, math.log(y / level) ** 2) for x, y in curve]
        total += _mean(square, low, high) * math.log(high / low)
    return total / math.log(reach / _SHORT)


def _step_at(given: float | None, reads: list[tuple[float, float]], writes: list[tuple[float, float]]) -> float | None:
    """The round length at which two prices, one below and one above, come closest to cost."""
    reach = reads[-1][0]
    if given is not None:
        return check_number("step_at", given, low=_SHORT * 1.01, high=reach * 0.99)
    if max(curve[-1][1] / curve[0][1] for curve in (reads, writes)) < _WORTH_A_STEP:
        return None
    possible = [step for step in _SHEET_STEPS if step < 0.9 * reach]
    if not possible:
        return None
    return min(possible, key=lambda where: sum(_misfit(curve, where, reach) for curve in (reads, writes)))


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
