"""Speed tiers and discounts: what faster costs, how far cheaper can go, what a pair says, what idle hours allow.

The cost of an output token is the machine time of its decode passes; a faster tier runs a smaller batch, or another
layout. No batch goes below the floor: arithmetic and cache reads belong to one sequence and are never shared.
"""

from dataclasses import dataclass
from typing import Any

from tokenroof.formulas import pricing, serving_cost
from tokenroof.types.checks import check_number
from tokenroof.types.layout import Layout
from tokenroof.usecases.money.costs import Scene
from tokenroof.usecases.money.operating import Operating
from tokenroof.usecases.money.serving import Serving, holders, largest_batch_within

__all__ = [
    "Discounts", "FastTier", "Floor", "FrontierPoint", "PairReading", "discounts_of", "fast_tiers", "floor_of",
    "frontier_of", "layout_label", "read_pair",
]  # fmt: skip

_MTOK = 1e6
_PER_LAYOUT = 28
# Far beyond any batch, so that what a pass costs whatever its batch has vanished per token.
_BATCHES_TO_INFINITY = tuple(10.0**power for power in range(1, 13))


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """A batch of some layout that no other point beats in both speed and cost."""

    tokens_per_s_per_user: float
    output_usd_per_mtok: float
    price_over_slow: float
    batch: float
    concurrency: float
    layout: str
    copies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What no slow mode goes below, USD per million output tokens.

    `floor` is the limit of an endless batch in the cheapest layout, `in_memory` the cheapest batch that memory holds,
    `lecture` the closed form: arithmetic or cache reads at peak rates, whichever is more.
    """

    floor_usd_per_mtok: float
    in_memory_usd_per_mtok: float
    lecture_usd_per_mtok: float
    slow_over_floor: float
    slow_mode_saves: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FastTier:
    """`speed_ratio` times the slow tier's speed. None where no batch on this machine is that fast."""

    speed_ratio: float
    step_s: float
    same_batch: float | None
    same_price_ratio: float | None
    price_ratio: float | None
    output_usd_per_mtok: float | None
    batch: float | None
    layout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairReading:
    """What a pair of price and speed ratios says, if both tiers earn the same on the same machines.

    `load` is the cache-bound part of the fast pass over its weight floor. `machine_*` is this machine's answer: the
    price that its batches ask for that speed, and the fast batch at which its own passes are in that relation.
    """

    price_ratio: float
    speed_ratio: float
    batch_ratio: float
    load: float
    fast_over_floor: float
    slow_over_floor: float
    head_room: float
    machine_price_ratio: float | None
    machine_any_layout_ratio: float | None
    machine_fastest: float
    machine_fast_batch: float | None
    machine_slow_batch: float | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounts:
    """Discounts that idle hours and larger batches allow, as shares of the interactive price.

    `full_share`: work in idle hours that still pays for its own machine time. `batch`: the same in the largest batch
    that memory holds. `marginal_price_ratio`: what idle hours cost extra, over the interactive price.
    `peak_over_off_peak`: the peak price if off-peak tokens pay for their own machine time and peak tokens for the rest.
    """

    duty_cycle: float
    full_share: float
    batch: float
    marginal_price_ratio: float
    off_peak_share: float | None
    peak_over_off_peak: float | None


def layout_label(layout: Layout, copies: int = 1) -> str:
    """`tp8 dp4 ep32 x2`: degrees above one, and copies."""
    degrees = [f"{name}{getattr(layout, name)}" for name in ("tp", "pp", "dp", "cp", "ep") if getattr(layout, name) > 1]
    return " ".join([*(degrees or ["tp1"]), *([f"x{copies}"] if copies > 1 else [])])


def decode_usd_per_mtok(scene: Scene, serving: Serving, batch: float) -> float:
    """Cost of a million output tokens, decode only."""
    usd = scene.usd_per_s * serving.decode_s(batch, scene.load.context) / scene.duty_cycle
    return usd * _MTOK


def _batches(most: float) -> list[float]:
    """Whole batches from 1 to `most`, evenly on a logarithm."""
    top = max(1, int(most))
    return sorted({float(round(top ** (i / (_PER_LAYOUT - 1)))) for i in range(_PER_LAYOUT)})


def frontier_of(scene: Scene, slow_usd_per_mtok: float) -> tuple[FrontierPoint, ...]:
    """Speed against cost over every layout and batch that memory holds, slowest first."""
    load = scene.load
    points = []
    for serving in holders(scene.candidates, load.isl + load.osl):
        for batch in _batches(min(serving.most_batch(load.isl + load.osl), 1e7)):
            step_s = serving.step_s(batch, load.context)
            points.append((1.0 / step_s, decode_usd_per_mtok(scene, serving, batch), batch, serving))
    points.sort(key=lambda point: (-point[0], point[1]))
    kept: list[FrontierPoint] = []
    for speed, usd, batch, serving in points:
        if not kept or usd < kept[-1].output_usd_per_mtok:
            kept.append(
                FrontierPoint(
                    tokens_per_s_per_user=speed, output_usd_per_mtok=usd, price_over_slow=usd / slow_usd_per_mtok,
                    batch=batch, concurrency=serving.in_flight(batch),
                    layout=layout_label(serving.layout), copies=serving.copies,
                )
            )  # fmt: skip
    return tuple(reversed(kept))


def floor_of(scene: Scene, slow_usd_per_mtok: float, frontier: tuple[FrontierPoint, ...], lecture: float) -> Floor:
    """The least that any slow mode could cost."""
    endless = min(
        decode_usd_per_mtok(scene, serving, batch)
        for serving in holders(scene.candidates, scene.load.isl + scene.load.osl)
        for batch in _BATCHES_TO_INFINITY
    )
    cheapest = min(point.output_usd_per_mtok for point in frontier)
    floor = min(endless, cheapest)
    return Floor(
        floor_usd_per_mtok=floor,
        in_memory_usd_per_mtok=cheapest,
        lecture_usd_per_mtok=lecture,
        slow_over_floor=pricing.cost_ratio(usd_per_token=slow_usd_per_mtok, reference_usd_per_token=floor),
        slow_mode_saves=max(1.0 - cheapest / slow_usd_per_mtok, 0.0),
    )


def _fastest_batch(serving: Serving, scene: Scene, step_s: float) -> float | None:
    load = scene.load
    batch = largest_batch_within(serving, load.context, step_s, load.isl + load.osl)
    return batch if batch >= 1.0 else None


def fast_tiers(scene: Scene, point: Operating, speed_ratios: tuple[float, ...]) -> tuple[FastTier, ...]:
    """What each speed-up over the slow point costs: on the same layout by a smaller batch, and on the best layout."""
    slow = decode_usd_per_mtok(scene, point.serving, point.batch)
    tiers = []
    for ratio in speed_ratios:
        check_number("speed", ratio, low=1.0, high=1e4)
        step_s = point.step_s / ratio
        same = _fastest_batch(point.serving, scene, step_s)
        best: tuple[float, float, Serving] | None = None
        for serving in holders(scene.candidates, scene.load.isl + scene.load.osl):
            batch = _fastest_batch(serving, scene, step_s)
            if batch is not None:
                usd = decode_usd_per_mtok(scene, serving, batch)
                best = (usd, batch, serving) if best is None or usd < best[0] else best
        tiers.append(
            FastTier(
                speed_ratio=ratio,
                step_s=step_s,
                same_batch=same,
                same_price_ratio=None if same is None else decode_usd_per_mtok(scene, point.serving, same) / slow,
                price_ratio=None if best is None else best[0] / slow,
                output_usd_per_mtok=None if best is None else best[0],
                batch=None if best is None else best[1],
                layout="" if best is None else layout_label(best[2].layout, best[2].copies),
            )
        )
    return tuple(tiers)


def _batches_in_relation(scene: Scene, serving: Serving, batch_ratio: float, speed_ratio: float) -> float | None:
    """Fast batch at which a batch `batch_ratio` times larger is `speed_ratio` times slower; None below one sequence."""
    context = scene.load.context

    def slower(batch: float) -> float:
        return serving.step_s(batch_ratio * batch, context) / serving.step_s(batch, context)

    low, high = 1.0, 1e9
    if slower(low) > speed_ratio or slower(high) < speed_ratio:
        return None
    for _ in range(100):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if slower(middle) < speed_ratio else (low, middle)
    return high


def read_pair(scene: Scene, point: Operating, price_ratio: float, speed_ratio: float) -> PairReading:
    """Lecture 5.6: batch ratio and head-room that a fast mode's price and speed imply, and what this machine asks."""
    check_number("pair price", price_ratio, low=1.01, high=1e3)
    check_number("pair speed", speed_ratio, low=1.01, high=1e3)
    pair: dict[str, Any] = {"price_ratio": price_ratio, "speed_ratio": speed_ratio}
    batch_ratio = float(pricing.tier_batch_ratio(**pair))
    fast_over_floor = float(pricing.fast_tier_time_over_floor(**pair))
    (tier,) = fast_tiers(scene, point, (speed_ratio,))
    fastest = point.step_s / min(
        serving.step_s(1.0, scene.load.context)
        for serving in holders(scene.candidates, scene.load.isl + scene.load.osl)
    )
    fast_batch = _batches_in_relation(scene, point.serving, batch_ratio, speed_ratio)
    return PairReading(
        price_ratio=price_ratio,
        speed_ratio=speed_ratio,
        batch_ratio=batch_ratio,
        load=float(pricing.fast_tier_load(**pair)),
        fast_over_floor=fast_over_floor,
        slow_over_floor=float(pricing.slow_tier_time_over_floor(**pair)),
        head_room=fast_over_floor,
        machine_price_ratio=tier.same_price_ratio,
        machine_any_layout_ratio=tier.price_ratio,
        machine_fastest=fastest,
        machine_fast_batch=fast_batch,
        machine_slow_batch=None if fast_batch is None else fast_batch * batch_ratio,
        verdict=_pair_verdict(tier, price_ratio, speed_ratio, fastest),
    )


def _pair_verdict(tier: FastTier, price_ratio: float, speed_ratio: float, fastest: float) -> str:
    if tier.price_ratio is None:
        return (
            f"batch and layout alone give at most {fastest:.3g}x here; {speed_ratio:g}x needs speculative decoding, "
            "fewer bytes or other machines"
        )
    if tier.price_ratio <= price_ratio:
        spare = price_ratio / tier.price_ratio - 1.0
        return f"{speed_ratio:g}x costs {tier.price_ratio:.3g}x here; at {price_ratio:g}x it earns {spare:.0%} more"
    loss = 1.0 - price_ratio / tier.price_ratio
    return f"{speed_ratio:g}x costs {tier.price_ratio:.3g}x here; at {price_ratio:g}x it earns {loss:.0%} less"


def discounts_of(scene: Scene, point: Operating, in_memory_usd_per_mtok: float) -> Discounts:
    """What batch and off-peak prices may be. Needs nothing but the duty cycle and the larger batch."""
    slow = decode_usd_per_mtok(scene, point.serving, point.batch)
    duty, traffic = scene.duty_cycle, scene.traffic
    share = float(serving_cost.full_share_discount(duty_cycle=duty))
    over = None
    if traffic is not None and 0.0 < traffic.off_peak_share < 1.0:
        over = float(serving_cost.peak_over_off_peak(duty_cycle=duty, off_peak_share=traffic.off_peak_share))
    price = scene.cost.usd_per_gpu_h
    return Discounts(
        duty_cycle=duty,
        full_share=share,
        batch=1.0 - duty * in_memory_usd_per_mtok / slow,
        marginal_price_ratio=duty * scene.cost.busy_extra_usd_per_h / price if price else 0.0,
        off_peak_share=None if over is None or traffic is None else traffic.off_peak_share,
        peak_over_off_peak=over,
    )
