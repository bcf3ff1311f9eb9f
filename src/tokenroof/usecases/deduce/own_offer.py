"""An offer of one's own from a few prices, through the same checks as a file of offers."""

from dataclasses import dataclass
from typing import Annotated, Any

from tokenroof.catalog.offers.files import offers_from_table
from tokenroof.catalog.offers.index import market_models
from tokenroof.errors import InputError, UnknownName
from tokenroof.registry import nearest
from tokenroof.types.limits import Parts, Tokens
from tokenroof.types.offer import UNDATED, Offer

__all__ = ["UNDATED", "PricesGiven", "own_offer"]


_WHERE = "prices"
# fields of a file -> what they are called beside `input` and `output`
_OPTIONS = {"storage_per_hour": "storage", "steps": "step", "modes": "fast", "windows": "off_peak", "writes": "write"}
_LEAST_PRICE = 1e-3  # of a million tokens: a tenth of the cheapest that was ever sold
_MOST_USD = 1e3  # of a million tokens: above the dearest that was ever sold


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesGiven:
    """Prices per million tokens, and what else a price list may say.

    `write` holds cache writes such as "1h:6", `step` jumps at long input such as "200K:2:1.5" (tokens, multiple of
    input, of output), `fast` price and speed of a fast mode over the standard one. `batch_x` and `off_peak` are prices
    over the standard one. `model` is the open weights that are sold.
    """

    input: float
    output: float
    cached: float | None = None
    write: tuple[str, ...] = ()
    step: tuple[str, ...] = ()
    inclusive: bool = False
    context: Tokens = None
    storage: float | None = None
    fast: Annotated[tuple[float, ...] | None, Parts(":", (2,), "PRICE_X:SPEED_X, such as 6:2.5")] = None
    batch_x: float | None = None
    off_peak: float | None = None
    ttft: float | None = None
    currency: str = "USD"
    open: bool = False
    model: str | None = None
    as_of: str = ""


def _positive(texts: list[str], name: str, text: str, what: str, count: int) -> list[float]:
    try:
        values = [float(part) for part in texts]
    except ValueError:
        values = []
    if len(values) != count or not all(0 < value < 1e6 for value in values):
        raise InputError(name, text, what)
    return values


def _steps(given: PricesGiven) -> dict[str, Any]:
    if not given.step:
        if given.inclusive:
            raise InputError("inclusive", True, "given with `step`, whose boundary it is about")
        return {}
    rows = []
    for text in given.step:
        above, *multiples = text.split(":")
        input_x, output_x = _positive(multiples, "step", text, "TOKENS:INPUT_X:OUTPUT_X, such as 200K:2:1.5", 2)
        rows.append({"above": above, "input_x": input_x, "output_x": output_x})
    return {"steps": rows, "inclusive": given.inclusive}


def _writes(given: PricesGiven) -> dict[str, float]:
    found = {}
    for text in given.write:
        ttl, *price = text.split(":")
        (found[ttl],) = _positive(price, "write", text, "TTL:PRICE, such as 5m:3.75", 1)
    return found


def _modes(given: PricesGiven) -> list[dict[str, Any]]:
    modes: list[dict[str, Any]] = []
    if given.fast is not None:
        texts, what = [str(one) for one in given.fast], "PRICE_X:SPEED_X, such as 6:2.5"
        price, speed = _positive(texts, "fast", ":".join(texts), what, 2)
        modes.append({"name": "fast", "x": price, "speed": speed})
    if given.batch_x is not None:
        modes.append({"name": "batch", "x": given.batch_x})
    return modes


def own_offer(given: PricesGiven) -> Offer:
    """The offer that the prices make."""
    if given.model is not None and given.model not in (known := market_models()):
        raise UnknownName("model with prices of several hosts", given.model, tuple(nearest(given.model, known, 3)))
    for name in ("input", "output"):
        price = getattr(given, name)
        if 0 < price < _LEAST_PRICE:
            raise InputError(
                name, price, "a price of a million tokens", "a price of one token? multiply it by a million"
            )
        if price > _MOST_USD and given.currency.upper() == "USD":
            raise InputError(
                name, price, f"a price of a million tokens, at most {_MOST_USD:,.0f} USD",
                "a price of a billion? divide it by a thousand; another currency? `currency`",
            )  # fmt: skip
    for name, what in (("off_peak", "what quiet hours cost"), ("batch_x", "what a batch costs")):
        price_x = getattr(given, name)
        if price_x is not None and price_x > 1.0:
            raise InputError(name, price_x, f"at most 1: {what} over the standard price")
    table: dict[str, Any] = {
        "id": "own/prices", "currency": given.currency.upper(), "as_of": given.as_of or UNDATED,
        "source": "given with the question", "grade": "given", "open_weights": given.open or given.model is not None,
        "input": given.input, "output": given.output, **_steps(given),
    }  # fmt: skip
    optional = {
        "cached": given.cached, "storage_per_hour": given.storage, "ttft": given.ttft, "model": given.model,
        "context": None if given.context is None else int(given.context), "writes": _writes(given) or None,
        "modes": _modes(given) or None,
        "windows": None if given.off_peak is None else [{"name": "off-peak", "x": given.off_peak}],
    }  # fmt: skip
    table |= {name: value for name, value in optional.items() if value is not None}
    try:
        return offers_from_table(table, _WHERE)[0]
    except InputError as error:  # fields of a file are options here
        name = error.field.removeprefix(f"{_WHERE}.")
        raise InputError(_OPTIONS.get(name.partition("[")[0], name), error.value, error.limit, error.fix) from None
