"""Speed tiers and discounts: what faster costs, what slower saves, what a pair says, what idle hours allow.

A faster tier is the same deployment with fewer requests at once; what it costs is served like everything else.
"""

from dataclasses import dataclass
from typing import Any

from tokenroof.formulas import pricing, serving_cost
from tokenroof.scenario.costs import cost_of
from tokenroof.solve import crossing
from tokenroof.types.checks import check_number
from tokenroof.types.served import Served
from tokenroof.types.workload import Limits, Load
from tokenroof.usecases.money.scene import Scene

__all__ = [
    "Discounts", "Floor", "PairReading", "SpeedTier", "discounts_of", "floor_of", "frontier_of", "read_pair",
    "speed_tiers",
]  # fmt: skip

_POINTS = 28
_FARTHEST = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedTier:
    """The deployment with fewer requests at once: `speed_ratio` times as fast as now, at `price_ratio` its cost.

    None where no number of requests at once is that fast.
    """

    speed_ratio: float
    tpot_s: float
    concurrency: float | None
    tokens_per_s_per_user: float | None
    output_usd_per_mtok: float | None
    price_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """`fullest_*` is the cheapest number of requests at once that memory holds, `slow_mode_saves` the share of the cost
    that a mode without a limit on TPOT saves.
    """

    fullest_concurrency: float
    fullest_usd_per_mtok: float
    fullest_tpot_s: float
    slow_mode_saves: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairReading:
    """What a pair of price and speed ratios says, if both tiers earn the same on the same machines.

    `load` is the cache-bound part of the fast pass over its weight floor. `machine_*` is this machine's answer: the
    price that fewer requests at once ask for that speed, and the fast batch at which its own decode passes are in that
    relation.
    """

    price_ratio: float
    speed_ratio: float
    batch_ratio: float
    load: float
    fast_over_floor: float
    slow_over_floor: float
    head_room: float
    machine_price_ratio: float | None
    machine_fastest: float
    machine_fast_batch: float | None
    machine_slow_batch: float | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounts:
    """Discounts that idle hours and larger batches allow, as shares of the interactive price.

    `full_share`: work in idle hours that still pays for its own machine time. `batch`: the same without a limit on
    TPOT. `marginal_price_ratio`: what idle hours cost extra, over the interactive price. `peak_over_off_peak`: the peak
    price if off-peak tokens pay for their own machine time and peak tokens for the rest.
    """

    duty_cycle: float
    full_share: float
    batch: float
    marginal_price_ratio: float
    off_peak_share: float | None
    peak_over_off_peak: float | None


def _usd(scene: Scene, served: Served) -> float:
    """USD per million output tokens under the scene's rule."""
    cost = cost_of(
        scene.deployment, served, scene.machine.usd_per_gpu_h, duty_cycle=scene.duty_cycle, allocation=scene.allocation
    )
    return cost.output_usd_per_mtok


def _held(scene: Scene, held: float) -> Served:
    deployment = scene.deployment
    return deployment.serve(Load(kind="concurrency", value=held * deployment.replicas))


def _tier(scene: Scene, served: Served, ratio: float) -> SpeedTier:
    slow = _usd(scene, scene.served)
    usd = _usd(scene, served)
    return SpeedTier(
        speed_ratio=ratio,
        tpot_s=served.tpot_s,
        concurrency=served.concurrency,
        tokens_per_s_per_user=1.0 / served.tpot_s,
        output_usd_per_mtok=usd,
        price_ratio=usd / slow if slow else 1.0,
    )


def speed_tiers(scene: Scene, speed_ratios: tuple[float, ...]) -> tuple[SpeedTier, ...]:
    """The load as it is, and for each ratio the most requests at once that are so much faster."""
    deployment = scene.deployment
    tiers = [_tier(scene, scene.served, 1.0)]
    for ratio in speed_ratios:
        check_number("speeds", ratio, low=1.0, high=1e4)
        tpot_s = scene.served.tpot_s / ratio
        held, _ = deployment.most(Limits(tpot_s=tpot_s, ttft_s=deployment.limits.ttft_s))
        if held >= 1.0:
            tiers.append(_tier(scene, _held(scene, held), ratio))
        else:
            tiers.append(
                SpeedTier(
                    speed_ratio=ratio, tpot_s=tpot_s, concurrency=None, tokens_per_s_per_user=None,
                    output_usd_per_mtok=None, price_ratio=None,
                )
            )  # fmt: skip
    return tuple(tiers)


def _priced(tier: SpeedTier) -> float:
    """The cost of a tier that is served: of these it is always known."""
    assert tier.output_usd_per_mtok is not None
    return tier.output_usd_per_mtok


def frontier_of(scene: Scene) -> tuple[SpeedTier, ...]:
    """Speed against cost over the requests at once that memory holds, slowest first; none is beaten in both."""
    room = max(1, int(scene.deployment.room()))
    numbers = sorted({float(round(room ** (i / (_POINTS - 1)))) for i in range(_POINTS)})
    found = [_held(scene, held) for held in numbers]
    kept: list[SpeedTier] = []
    for served in sorted(found, key=lambda one: one.tpot_s):
        tier = _tier(scene, served, scene.served.tpot_s / served.tpot_s)
        if not kept or _priced(tier) < _priced(kept[-1]):
            kept.append(tier)
    return tuple(reversed(kept))


def floor_of(scene: Scene, frontier: tuple[SpeedTier, ...]) -> Floor:
    """The least that a slower mode could cost."""
    here = _usd(scene, scene.served)
    fullest = frontier[0]
    assert fullest.concurrency is not None
    usd = min(_priced(fullest), here)
    return Floor(
        fullest_concurrency=fullest.concurrency,
        fullest_usd_per_mtok=usd,
        fullest_tpot_s=fullest.tpot_s,
        slow_mode_saves=max(1.0 - usd / here, 0.0) if here else 0.0,
    )


def _batches_in_relation(scene: Scene, batch_ratio: float, speed_ratio: float) -> float | None:
    """Fast batch at which a batch `batch_ratio` times larger is `speed_ratio` times slower; None below one request."""
    step = scene.deployment.step

    def below(batch: float) -> bool:
        return float(step(batch_ratio * batch).step_s) / float(step(batch).step_s) < speed_ratio

    if not below(1.0) or below(_FARTHEST):
        return None
    return crossing(below, 1.0, _FARTHEST, ratio=True)[1]


def read_pair(scene: Scene, price_ratio: float, speed_ratio: float) -> PairReading:
    """Lecture 5.6: batch ratio and head-room that a fast mode's price and speed imply, and what this machine asks."""
    check_number("pair", price_ratio, low=1.01, high=1e3)
    check_number("pair", speed_ratio, low=1.01, high=1e3)
    pair: dict[str, Any] = {"price_ratio": price_ratio, "speed_ratio": speed_ratio}
    batch_ratio = float(pricing.tier_batch_ratio(**pair))
    fast_over_floor = float(pricing.fast_tier_time_over_floor(**pair))
    tier = speed_tiers(scene, (speed_ratio,))[1]
    fastest = scene.served.tpot_s / _held(scene, 1.0).tpot_s
    fast_batch = _batches_in_relation(scene, batch_ratio, speed_ratio)
    return PairReading(
        price_ratio=price_ratio,
        speed_ratio=speed_ratio,
        batch_ratio=batch_ratio,
        load=float(pricing.fast_tier_load(**pair)),
        fast_over_floor=fast_over_floor,
        slow_over_floor=float(pricing.slow_tier_time_over_floor(**pair)),
        head_room=fast_over_floor,
        machine_price_ratio=tier.price_ratio,
        machine_fastest=fastest,
        machine_fast_batch=fast_batch,
        machine_slow_batch=None if fast_batch is None else fast_batch * batch_ratio,
        verdict=_pair_verdict(tier, price_ratio, speed_ratio, fastest),
    )


def _pair_verdict(tier: SpeedTier, price_ratio: float, speed_ratio: float, fastest: float) -> str:
    if tier.price_ratio is None:
        return (
            f"fewer requests at once give at most {fastest:.3g}x here; {speed_ratio:g}x needs speculative decoding, "
            "another layout or other machines"
        )
    if tier.price_ratio <= price_ratio:
        spare = 100.0 * (price_ratio / tier.price_ratio - 1.0)
        return f"{speed_ratio:g}x costs {tier.price_ratio:.3g}x here; at {price_ratio:g}x it earns {spare:.0f} % more"
    loss = 100.0 * (1.0 - price_ratio / tier.price_ratio)
    return f"{speed_ratio:g}x costs {tier.price_ratio:.3g}x here; at {price_ratio:g}x it earns {loss:.0f} % less"


def discounts_of(scene: Scene, floor: Floor) -> Discounts:
    """What batch and off-peak prices may be. Needs nothing but the duty cycle and the cheapest load."""
    duty, traffic = scene.duty_cycle, scene.traffic
    over = None
    if traffic is not None and 0.0 < traffic.off_peak_share < 1.0:
        over = float(serving_cost.peak_over_off_peak(duty_cycle=duty, off_peak_share=traffic.off_peak_share))
    price = scene.machine.usd_per_gpu_h
    return Discounts(
        duty_cycle=duty,
        full_share=float(serving_cost.full_share_discount(duty_cycle=duty)),
        batch=1.0 - duty * (1.0 - floor.slow_mode_saves),
        marginal_price_ratio=duty * scene.machine.busy_extra_usd_per_h / price if price else 0.0,
        off_peak_share=None if over is None or traffic is None else traffic.off_peak_share,
        peak_over_off_peak=over,
    )
