"""What to charge: tokens by kind, fast and slow tiers, discounts, long context, cached input; all from machine time."""

from dataclasses import dataclass

from tokenroof.errors import InputError
from tokenroof.formulas import pricing
from tokenroof.scenario.formats import served_weights
from tokenroof.usecases.analyze.pool import pool_of
from tokenroof.usecases.money.cache import CachePrices, cache_prices
from tokenroof.usecases.money.context import ContextTiers, context_tiers
from tokenroof.usecases.money.costs import Economics, EconomicsRequest, Scene, economics_at, point_of, scene_of
from tokenroof.usecases.money.operating import Infeasible
from tokenroof.usecases.money.tiers import (
    Discounts,
    FastTier,
    Floor,
    FrontierPoint,
    PairReading,
    decode_usd_per_mtok,
    discounts_of,
    fast_tiers,
    floor_of,
    frontier_of,
    read_pair,
)

__all__ = ["PriceRequest", "PriceResponse", "parse_pair", "price"]

_SPEEDS = (1.5, 2.0, 2.5, 3.0, 4.0)
_HOLDS_S = (60.0, 300.0, 3600.0, 86400.0)
_MTOK = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRequest(EconomicsRequest):
    """`pair` is a fast mode's price and speed over the slow one's; `speeds` the fast tiers to price; `longest` the
    longest prompt on offer and `step_at` where a long-context step would sit; `offer` a price sheet to compare with;
    `holds_s` how long cached input is kept.
    """

    pair: tuple[float, float] | None = None
    speeds: tuple[float, ...] = _SPEEDS
    longest: float | None = None
    step_at: float | None = None
    offer: str | None = None
    holds_s: tuple[float, ...] = _HOLDS_S
    apart: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceResponse:
    """`slow_usd_per_mtok` is the output token of the operating point, decode only: what tiers are multiples of."""

    economics: Economics
    slow_usd_per_mtok: float
    frontier: tuple[FrontierPoint, ...]
    floor: Floor
    fast: tuple[FastTier, ...]
    pair: PairReading | None
    discounts: Discounts
    context: ContextTiers
    cache: CachePrices


def parse_pair(text: str) -> tuple[float, float]:
    """`6x,2.5x`: six times the price at two and a half times the speed."""
    parts = [part.strip().lower().removesuffix("x") for part in text.split(",")]
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 2:
        raise InputError("pair", text, "PRICE,SPEED over the slow tier's, such as 6x,2.5x")
    return numbers[0], numbers[1]


def _lecture_floor(request: PriceRequest, scene: Scene) -> float:
    """The closed form E6 over all GPUs of the system, USD per million tokens."""
    deployment = pool_of(
        scene.model,
        scene.system,
        weights=served_weights(scene.model, request.weight_dtype)[1],
        kv_dtype=request.kv_dtype,
    )
    context, scale = scene.load.context, scene.system.n_chips / deployment.chips
    usd = pricing.cost_floor_usd_per_token(
        usd_per_s=scene.usd_per_s / scene.duty_cycle,
        active_params=deployment.active_params,
        flops_per_s=deployment.flops_per_s * scale,
        context=context,
        kv_bytes_per_token=deployment.read_bytes(context) / context,
        bytes_per_s=deployment.bytes_per_s * scale,
    )
    return float(usd) * _MTOK


def price(request: PriceRequest) -> PriceResponse | Infeasible:
    """Prices at cost for everything that a sheet may list. Margins are the seller's own."""
    for name, values in (("speeds", request.speeds), ("holds", request.holds_s)):
        if len(values) > 50:
            raise InputError(name, f"{len(values)} values", "at most 50 values")
    scene = scene_of(request)
    point = point_of(request, scene)
    if isinstance(point, Infeasible):
        return point
    slow = decode_usd_per_mtok(scene, point.serving, point.batch)
    frontier = frontier_of(scene, slow)
    floor = floor_of(scene, slow, frontier, _lecture_floor(request, scene))
    return PriceResponse(
        economics=economics_at(request, scene, point),
        slow_usd_per_mtok=slow,
        frontier=frontier,
        floor=floor,
        fast=fast_tiers(scene, point, request.speeds),
        pair=None if request.pair is None else read_pair(scene, point, *request.pair),
        discounts=discounts_of(scene, point, floor.in_memory_usd_per_mtok),
        context=context_tiers(
            scene,
            point,
            tpot_s=point.tpot_limit_s,
            longest=request.longest,
            step_at=request.step_at,
            offer=request.offer,
        ),
        cache=cache_prices(scene, point, request.holds_s),
    )
