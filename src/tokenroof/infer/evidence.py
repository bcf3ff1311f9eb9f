"""What a price sheet says, channel by channel, and what it cannot say at once.

Evidence is in USD per token and seconds, its days in years: `priced` when the price held, `released` when the model
came out. A sheet without a day is of today. A figure that the sheet lacks is a channel that is skipped; figures that
contradict each other are refused by name.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tokenroof.catalog.offers.index import base_line, flat_up_to, spread_of, steps
from tokenroof.catalog.offers.releases import release_of
from tokenroof.errors import InputError
from tokenroof.infer.population import NOW, years
from tokenroof.types.offer import UNDATED, Mode, Offer

__all__ = [
    "SPEED_LIMIT", "USED", "Evidence", "Known", "Reading", "evidence_of", "fast_mode", "flat_slopes", "readings",
    "storage_usd_per_token_h",
]  # fmt: skip

_MTOK = 1e6
_HOUR = 3600.0

# Tokens per second of one sequence that no machine reaches: the least model of the prior (0.5 GB active at the
# narrowest weights) read at the bandwidth of the fastest memory in the catalogue, one wafer's SRAM (21 PB/s).
SPEED_LIMIT = 21e15 / 0.5e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A fact that somebody disclosed: an unknown lies at, above ("at least") or below ("at most") a value."""

    unknown: str
    bound: str
    value: float
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The facts of one offer that deduction uses; None where the sheet does not say."""

    offer: str
    kind: str  # market, open or closed
    input_usd_per_token: float
    output_usd_per_token: float
    cached_usd_per_token: float | None = None
    step_tokens: int | None = None
    step_input_x: float | None = None
    step_output_x: float | None = None
    flat_to_tokens: int | None = None
    max_tokens: int | None = None
    storage_usd_per_token_h: float | None = None
    storage_from: str = ""
    fast_price_x: float | None = None
    fast_speed_x: float | None = None
    discount_x: float | None = None
    discount_from: str = ""
    floor_usd_per_token: float | None = None
    floor_hosts: int | None = None
    tokens_per_s: float | None = None
    speed_at: tuple[tuple[float, float], ...] = ()  # context in tokens, tokens per second
    ttft_at: tuple[tuple[float, float], ...] = ()  # prompt in tokens, seconds
    beside: tuple[float, float] | None = None  # a known model on the same host: active parameters, tokens per second
    known: tuple[Known, ...] = ()
    sheets: int = 1  # of the same weights, whose prices are averaged
    priced: float = NOW
    released: float = NOW
    product: bool | None = None  # whether the lab lives on its models and sells this one itself; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One channel's number: the natural logarithm of `shown`; `bound` where the truth lies on one side of it."""

    channel: str
    log_value: float
    bound: str  # "is", "at least" or "at most"
    shown: str


def fast_mode(offer: Offer) -> Mode | None:
    """The mode that claims a speed, if one does; the one with the highest claim."""
    claimed = [mode for mode in offer.modes if mode.speed_x is not None]
    return max(claimed, key=lambda mode: mode.speed_x or 0.0, default=None)


def storage_usd_per_token_h(offer: Offer) -> tuple[float | None, str]:
    """Price of holding a token for an hour: listed, or the slope between two cache writes of different length."""
    if offer.storage_per_mtok_hour:
        return offer.storage_per_mtok_hour / _MTOK, "listed"
    writes = base_line(offer).cache_writes
    if len(writes) < 2:
        return None, ""
    short, long = writes[0], writes[-1]
    slope = (long.per_mtok - short.per_mtok) / (long.ttl_s - short.ttl_s) * _HOUR
    if slope <= 0:
        return None, ""
    return slope / _MTOK, f"from writes of {short.ttl_s / 60:g} and {long.ttl_s / 60:g} min"


def _discount(offer: Offer) -> tuple[float | None, str]:
    found = [(mode.input_x, f"{mode.name} mode") for mode in offer.modes if mode.name in ("batch", "flex")]
    for window in offer.windows:
        if window.price_x > 1.0:  # dear hours: the discount is that of the others
            found.append((1.0 / window.price_x, f"hours other than {window.name}"))
        else:
            found.append((window.price_x, f"{window.name} hours"))
    return min(found, default=(None, ""))


def _released(offer: Offer, priced: float) -> float:
    """Year in which the model came out, where that is known; else the day of the price."""
    found = release_of(offer)
    return min(years(found.day), priced) if found else priced


def _refuse_contradictions(offer: Offer) -> None:
    priced = offer.since or offer.origin.as_of
    if offer.released > priced:
        raise InputError("released", offer.released, f"no later than the day of the price, {priced}")
    for line in offer.lines:
        if not line.input_per_mtok or not line.output_per_mtok:
            raise InputError("input, output", 0, "above zero", "a free token says nothing about its cost")
        cached = line.cached_per_mtok
        if cached is not None and cached > line.input_per_mtok:
            raise InputError(
                "cached", cached, f"at most the uncached price, {line.input_per_mtok:g}", "cached dearer than uncached"
            )
        for write in line.cache_writes:
            if cached is not None and write.per_mtok < cached:
                raise InputError("writes", write.per_mtok, f"at least the price of a cached read, {cached:g}")
        for short, long in zip(line.cache_writes, line.cache_writes[1:], strict=False):
            if long.per_mtok < short.per_mtok:
                raise InputError("writes", long.per_mtok, "no cheaper for a longer time", f"kept {long.ttl_s:g} s")
    for mode in offer.modes:
        if mode.name in ("batch", "flex") and mode.input_x > 1.0:
            raise InputError(f"mode {mode.name}", mode.input_x, "at most 1: waiting cannot cost more")
        if mode.speed_x is not None and mode.speed_x > 1.0 and mode.output_x < 1.0:
            raise InputError(f"mode {mode.name}", mode.output_x, "at least 1 where it is faster than standard")
    speed = offer.output_tokens_per_s
    if speed is not None and speed > SPEED_LIMIT:
        raise InputError("speed", speed, f"at most {SPEED_LIMIT:.3g} tok/s, above the bandwidth of every known system")


def evidence_of(offer: Offer) -> Evidence:
    """The evidence of a sheet in USD; InputError names what contradicts itself."""
    if offer.currency != "USD":
        raise InputError("currency", offer.currency, "USD", f"convert it first: `rate` {offer.currency}=USD_PER_UNIT")
    _refuse_contradictions(offer)
    line = base_line(offer)
    found = steps(offer)
    # cheaper steps exist on no known sheet; they are no evidence of a knee
    first = next((step for step in found if step.input_x > 1.0 or step.output_x > 1.0), None)
    storage, storage_from = storage_usd_per_token_h(offer)
    fast = fast_mode(offer)
    discount, discount_from = _discount(offer)
    spread = offer.spread or (spread_of(offer.model) if offer.model else None)
    kind = "market" if offer.seller == "market" else "open" if offer.open_weights else "closed"
    cached = line.cached_per_mtok
    day = offer.since or offer.origin.as_of
    priced = NOW if day == UNDATED else years(day)
    return Evidence(
        offer=offer.id,
        kind=kind,
        input_usd_per_token=line.input_per_mtok / _MTOK,
        output_usd_per_token=line.output_per_mtok / _MTOK,
        cached_usd_per_token=None if not cached else cached / _MTOK,
        step_tokens=first.at_tokens if first else None,
        step_input_x=first.input_x if first else None,
        step_output_x=first.output_x if first else None,
        flat_to_tokens=None if first else flat_up_to(offer),
        max_tokens=offer.context,
        storage_usd_per_token_h=storage,
        storage_from=storage_from,
        fast_price_x=fast.output_x if fast else None,
        fast_speed_x=fast.speed_x if fast else None,
        discount_x=discount,
        discount_from=discount_from,
        floor_usd_per_token=spread.input_p10_per_mtok / _MTOK if spread else None,
        floor_hosts=spread.n if spread else None,
        tokens_per_s=offer.output_tokens_per_s,
        priced=priced,
        released=_released(offer, priced),
    )


def _load_of_standard(price_x: float, speed_x: float) -> float | None:
    """Per-sequence over weight part of the standard pass that a fast mode implies (lecture section 5.6)."""
    if price_x <= 1.0 or speed_x <= 1.0:
        return None
    return price_x * (speed_x - 1.0) / (price_x - 1.0)


def _slope(pairs: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope of measured pairs; zero where it falls, which says nothing."""
    middle = sum(x for x, _ in pairs) / len(pairs)
    level = sum(y for _, y in pairs) / len(pairs)
    spread = sum((x - middle) ** 2 for x, _ in pairs)
    return max(sum((x - middle) * (y - level) for x, y in pairs) / spread, 0.0)


def flat_slopes(evidence: Evidence) -> tuple[str, ...]:
    """Channels whose measurements do not rise with length, so that their slope tells nothing."""
    pairs = {
        "speed_slope": [(context, 1.0 / speed) for context, speed in evidence.speed_at],
        "ttft_slope": evidence.ttft_at,
    }
    return tuple(channel for channel, measured in pairs.items() if measured and _slope(measured) <= 0.0)


# What the joint posterior reads. The rest was tried and adds nothing for labs that were not fitted (docs/deduction.md);
# each has its deduction alone.
USED = (
    "input_price", "output_speed", "speed_ratio", "speed_slope", "ttft_slope", "known_total", "known_active",
    "known_kv", "fast_mode", "spare_capacity",
)  # fmt: skip


def readings(evidence: Evidence, *, every: bool = False) -> tuple[Reading, ...]:
    """The channels that this evidence feeds, as logarithms; `every` brings those that are not in use, too."""
    e, found = evidence, []

    def add(channel: str, value: float | None, shown: str, bound: str = "is") -> None:
        if value is not None and value > 0 and (every or channel in USED):
            found.append(Reading(channel=channel, log_value=math.log(value), bound=bound, shown=shown))

    price = e.input_usd_per_token
    many = f", mean of {e.sheets} sheets" if e.sheets > 1 else ""
    add("input_price", price, f"${price * _MTOK:.4g} in{many}")
    ratio = e.output_usd_per_token / price
    add("output_ratio", ratio, f"out/in {ratio:.3g}")
    if e.cached_usd_per_token is not None:
        share = e.cached_usd_per_token / price
        add("cached_ratio", share, f"cached/in {share:.3g}")
    if e.step_tokens is not None:
        add("long_context", e.step_tokens, f"step at {e.step_tokens / 1e3:g}K")
    elif e.flat_to_tokens is not None:
        add("long_context", e.flat_to_tokens, f"flat to {e.flat_to_tokens / 1e3:g}K", "at least")
    if e.fast_price_x is not None and e.fast_speed_x is not None:
        load = _load_of_standard(e.fast_price_x, e.fast_speed_x)
        add("fast_mode", load, f"{e.fast_price_x:g}x price for {e.fast_speed_x:g}x speed")
    if e.discount_x is not None:
        add("spare_capacity", e.discount_x, f"{e.discount_x:g}x in {e.discount_from}")
    if e.floor_usd_per_token is not None:
        add(
            "host_floor",
            e.floor_usd_per_token,
            f"${e.floor_usd_per_token * _MTOK:.3g} in at p10 of {e.floor_hosts} hosts",
        )
    if e.tokens_per_s is not None and e.beside is not None:
        active, speed = e.beside
        add(
            "speed_ratio", e.tokens_per_s / speed / active, f"{e.tokens_per_s / speed:.3g}x the speed of a model beside"
        )
    if e.speed_at:
        slope = _slope([(context, 1.0 / speed) for context, speed in e.speed_at])
        add("speed_slope", slope, f"{slope * 1e9:.3g} ns more per token and token of context")
    if e.ttft_at:
        slope = _slope(e.ttft_at)
        add("ttft_slope", slope, f"{slope * 1e6:.3g} us of TTFT per token of prompt")
    for fact in e.known:
        add(f"known_{fact.unknown}", fact.value, fact.shown, fact.bound)
    if e.tokens_per_s is not None and e.beside is None:  # else the ratio has read it
        add("output_speed", e.tokens_per_s, f"{e.tokens_per_s:g} tok/s")
    return tuple(found)
