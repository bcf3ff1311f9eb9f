"""What a seller charges for requests: the sheet's own arithmetic, to be checked against a bill."""

from collections.abc import Mapping
from dataclasses import dataclass

from tokenroof.errors import DataMissing, InputError
from tokenroof.types.offer import Mode, Offer, PriceLine, Window

__all__ = ["Bill", "Usage", "bill", "line_for"]

_MTOK = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one request, or of `requests` like it.

    `input_tokens` counts everything that was sent: `cached_tokens` of it are read from the prompt cache,
    `written_tokens` are put into it for `write_ttl_s`. `stored_tokens` lie in a cache for `stored_hours`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    write_ttl_s: float | None = None
    stored_tokens: int = 0
    stored_hours: float = 0.0
    requests: int = 1
    mode: str = "standard"
    window: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The amount in the sheet's currency, item by item, and the line it was charged by."""

    offer: str
    currency: str
    uncached_input: float
    cached_input: float
    cache_writes: float
    output: float
    storage: float
    total: float
    line: PriceLine


def line_for(offer: Offer, input_tokens: int, output_tokens: int) -> PriceLine:
    """The cell that a request of these lengths falls into: the whole request is charged by it."""

    def above(tokens: int, start: int) -> bool:
        return start == 0 or (tokens >= start if offer.inclusive else tokens > start)

    fitting = [
        line for line in offer.lines if above(input_tokens, line.input_from) and above(output_tokens, line.output_from)
    ]
    return max(fitting, key=lambda line: (line.input_from, line.output_from))


def _mode(offer: Offer, name: str) -> Mode:
    if name == "standard":
        return Mode(name=name, input_x=1.0, output_x=1.0)
    for mode in offer.modes:
        if mode.name == name:
            return mode
    known = ", ".join(["standard", *(mode.name for mode in offer.modes)])
    raise InputError("mode", name, f"one that {offer.id} sells: {known}")


def _window(offer: Offer, name: str) -> Window:
    if not name:
        return Window(name="", price_x=1.0)
    for window in offer.windows:
        if window.name == name:
            return window
    known = ", ".join(window.name for window in offer.windows) or "none"
    raise InputError("window", name, f"one that {offer.id} has: {known}")


def _write_price(offer: Offer, line: PriceLine, ttl_s: float | None) -> float:
    prices: Mapping[float, float] = {write.ttl_s: write.per_mtok for write in line.cache_writes}
    if not prices:
        # no surcharge listed: the vendor fills its cache by itself and charges plain input
        return line.input_per_mtok
    if ttl_s is None:
        return prices[min(prices)]
    if ttl_s not in prices:
        known = ", ".join(f"{ttl:g}" for ttl in sorted(prices))
        raise InputError("write_ttl_s", ttl_s, f"one that {offer.id} sells: {known}")
    return prices[ttl_s]


def _check(usage: Usage, offer: Offer) -> None:
    for name in (
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "written_tokens",
        "stored_tokens",
        "stored_hours",
    ):
        value = getattr(usage, name)
        if not 0 <= value <= 1e18:
            raise InputError(name, value, "a number from 0 to 1e18")
    if not 1 <= usage.requests <= 10**15:
        raise InputError("requests", usage.requests, "a whole number from 1 to 1e15")
    if usage.cached_tokens + usage.written_tokens > usage.input_tokens:
        raise InputError(
            "cached_tokens + written_tokens",
            usage.cached_tokens + usage.written_tokens,
            f"at most the {usage.input_tokens} input tokens",
        )
    if offer.context is not None and usage.input_tokens > offer.context:
        raise InputError("input_tokens", usage.input_tokens, f"at most {offer.context}, the window of {offer.id}")


def bill(offer: Offer, usage: Usage) -> Bill:
    """What `usage` costs in the sheet's currency. Mode and window touch tokens, not storage."""
    _check(usage, offer)
    line = line_for(offer, usage.input_tokens, usage.output_tokens)
    mode, window = _mode(offer, usage.mode), _window(offer, usage.window)
    input_x = mode.input_x * window.price_x * usage.requests / _MTOK
    output_x = mode.output_x * window.price_x * usage.requests / _MTOK
    cached_price = line.input_per_mtok if line.cached_per_mtok is None else line.cached_per_mtok
    fresh_tokens = usage.input_tokens - usage.cached_tokens - usage.written_tokens
    storage = 0.0
    if usage.stored_tokens and usage.stored_hours:
        if offer.storage_per_mtok_hour is None:
            raise DataMissing(f"offer {offer.id}", "storage price", "the price snapshot")
        storage = usage.stored_tokens * usage.stored_hours * offer.storage_per_mtok_hour / _MTOK
    fresh = fresh_tokens * line.input_per_mtok * input_x
    cached = usage.cached_tokens * cached_price * input_x
    written = usage.written_tokens * _write_price(offer, line, usage.write_ttl_s) * input_x
    output = usage.output_tokens * line.output_per_mtok * output_x
    return Bill(
        offer=offer.id,
        currency=offer.currency,
        uncached_input=fresh,
        cached_input=cached,
        cache_writes=written,
        output=output,
        storage=storage,
        total=fresh + cached + written + output + storage,
        line=line,
    )
