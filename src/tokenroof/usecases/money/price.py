"""What to charge: tokens by kind, fast and slow tiers, discounts, long context, cached input; all as served."""

from dataclasses import dataclass
from typing import Annotated

from tokenroof.errors import InputError
from tokenroof.types.limits import Parts, Tokens, Within
from tokenroof.types.served import Infeasible
from tokenroof.usecases.analyze.sentence import hardware, short_name
from tokenroof.usecases.money.cache import CachePrices, cache_prices
from tokenroof.usecases.money.context import ContextTiers, context_tiers
from tokenroof.usecases.money.costs import Economics, EconomicsRequest, economics_at
from tokenroof.usecases.money.scene import served_scene
from tokenroof.usecases.money.tiers import (
    Discounts,
    Floor,
    PairReading,
    SpeedTier,
    discounts_of,
    floor_of,
    frontier_of,
    read_pair,
    speed_tiers,
)

__all__ = ["PriceRequest", "PriceResponse", "price"]

_SPEEDS = (1.5, 2.0, 2.5)
_HOLDS_S = (60.0, 3600.0, 86400.0)
_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRequest(EconomicsRequest):
    """`pair` is a fast mode's price and speed over the slow one's; `speeds` the fast tiers to price; `longest` the
    longest prompt on offer and `step_at` where a long-context step would sit; `offer` a price sheet to compare with;
    `holds_s` how long cached input is kept.
    """

    pair: Annotated[tuple[float, ...] | None, Parts(",", (2,), "PRICE,SPEED over the slow tier's: 6x,2.5x", "x")] = None
    speeds: tuple[float, ...] = _SPEEDS
    longest: Tokens = None
    step_at: Tokens = None
    offer: str | None = None
    holds_s: Annotated[tuple[float, ...], Within(0.0, 1e12, "seconds", above=True)] = _HOLDS_S


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceResponse:
    """`fast` begins with the load as it is; `context` asks the same question for other lengths of the prompt."""

    economics: Economics
    fast: tuple[SpeedTier, ...]
    frontier: tuple[SpeedTier, ...]
    floor: Floor
    pair: PairReading | None
    discounts: Discounts
    context: ContextTiers
    cache: CachePrices
    sentence: str


def _usd(value: float) -> str:
    return f"${value:,.2f}" if value >= 0.1 or value == 0.0 else f"${value:.3g}"


def _busy(economics: Economics) -> str:
    if economics.duty_cycle == 1.0:
        return "if the GPUs are always busy; half busy, twice that"
    return f"with the GPUs busy {100 * economics.duty_cycle:.0f} % of the time"


def _sentence(economics: Economics) -> str:
    read, write = economics.input_usd_per_mtok.value, economics.output_usd_per_mtok.value
    return (
        f"Serving {short_name(economics.deployment.model)} on {hardware(economics.deployment)} costs you "
        f"{_usd(read)} per M input and {_usd(write)} per M output tokens at "
        f"{economics.tokens_per_s_per_user:,.3g} tok/s per user, {_busy(economics)}."
    )


def price(request: PriceRequest) -> PriceResponse | Infeasible:
    """Prices at cost for everything that a sheet may list. Margins are the seller's own."""
    for name, values in (("speeds", request.speeds), ("holds_s", request.holds_s)):
        if len(values) > _MOST:
            raise InputError(name, f"{len(values)} values", f"at most {_MOST} values")
    scene = served_scene(request)
    if isinstance(scene, Infeasible):
        return scene
    economics = economics_at(request, scene)
    frontier = frontier_of(scene)
    floor = floor_of(scene, frontier)
    return PriceResponse(
        economics=economics,
        fast=speed_tiers(scene, request.speeds),
        frontier=frontier,
        floor=floor,
        pair=None if request.pair is None else read_pair(scene, *request.pair),
        discounts=discounts_of(scene, floor),
        context=context_tiers(
            request, scene.deployment, longest=request.longest, step_at=request.step_at, offer=request.offer
        ),
        cache=cache_prices(scene, request.holds_s),
        sentence=_sentence(economics),
    )
