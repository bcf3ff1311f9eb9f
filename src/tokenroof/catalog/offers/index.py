"""Public price sheets of the snapshot: looking them up, their steps, and their currency in USD."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from tokenroof.catalog.offers.files import offers_from_table
from tokenroof.errors import DataMissing, InputError, UnknownName
from tokenroof.provenance import Grade
from tokenroof.reading import read_json, read_text, read_toml
from tokenroof.registry import nearest
from tokenroof.types.offer import Offer, Origin, PriceLine, ProviderPrice, Spread

__all__ = [
    "Rate",
    "Step",
    "base_line",
    "flat_up_to",
    "in_usd",
    "list_offers",
    "load_offer",
    "market_models",
    "market_offer",
    "offer_ids",
    "provider_prices",
    "quantile",
    "spread_of",
    "steps",
    "usd_rate",
]  # fmt: skip

_FOLDER = Path(__file__).parent.parent / "data" / "offers"
_ID = re.compile(r'^id = "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for one unit of a currency, with where the figure comes from."""

    currency: str
    usd: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Step:
    """A jump of the price with the input length, against the line before it."""

    at_tokens: int
    inclusive: bool
    input_x: float
    output_x: float


# ---------------------------------------------------------------- lookup


@lru_cache(maxsize=64)
def _sheets(seller: str) -> tuple[Offer, ...]:
    path = _FOLDER / f"{seller}.toml"
    return offers_from_table(read_toml(path), path.name)


def _sellers() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml") if path.stem != "rates"))


@lru_cache(maxsize=1)
def _ids() -> Mapping[str, str]:
    """Offer id -> seller, read without parsing the files."""
    return {i: s for s in _sellers() for i in _ID.findall(read_text(_FOLDER / f"{s}.toml"))}


def offer_ids() -> tuple[str, ...]:
    """The id of every sheet, without reading the sheets."""
    return tuple(_ids())


def list_offers() -> tuple[Offer, ...]:
    """Every sheet of the snapshot, by seller."""
    return tuple(offer for seller in _sellers() for offer in _sheets(seller))


def load_offer(name: str) -> Offer:
    """A sheet by its id `seller/model`, by the model alone where one seller has it, or `market/WEIGHTS`."""
    wanted = name.strip().lower()
    if wanted.startswith("market/"):
        return market_offer(wanted.removeprefix("market/"))
    ids = _ids()
    found = [i for i in ids if i == wanted] or [i for i in ids if i.partition("/")[2] == wanted]
    if len(found) > 1:
        raise InputError("offer", name, f"one of {', '.join(found)}", "several sellers have it")
    if not found:
        tails = {i.partition("/")[2]: i for i in ids}
        near = [i for i in ids if len(wanted) > 2 and wanted in i][:4]
        near += [tails[t] for t in nearest(wanted.rpartition("/")[2], tails)] + list(nearest(wanted, ids))
        raise UnknownName("offer", name, tuple(dict.fromkeys(near))[:4], "see `tokenroof offers`")
    return next(offer for offer in _sheets(ids[found[0]]) if offer.id == found[0])


# ---------------------------------------------------------------- many hosts, same weights


@lru_cache(maxsize=1)
def _hosts() -> Mapping[str, tuple[ProviderPrice, ...]]:
    table = read_json(_FOLDER / "spreads.json")
    sources = table["sources"]
    return {
        model: tuple(
            ProviderPrice(
                seller=seller,
                input_per_mtok=price_in,
                output_per_mtok=price_out,
                cached_per_mtok=cached,
                source=sources[source],
            )
            for seller, price_in, price_out, cached, source in rows
        )
        for model, rows in table["models"].items()
    }


def market_models() -> tuple[str, ...]:
    """Catalogue ids of the open weights whose prices at independent hosts the snapshot has."""
    return tuple(_hosts())


def provider_prices(model: str) -> tuple[ProviderPrice, ...]:
    """What each host asks for these open weights."""
    if model not in _hosts():
        raise DataMissing(f"model {model}", "prices at independent hosts", "the price snapshot")
    return _hosts()[model]


def quantile(values: list[float], share: float) -> float:
    """A quantile between the two values beside its place."""
    values = sorted(values)
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def spread_of(model: str) -> Spread | None:
    """p10 and median over the hosts of these weights; None where fewer than three sell them."""
    hosts = _hosts().get(model, ())
    if len(hosts) < 3:
        return None
    inputs, outputs = [h.input_per_mtok for h in hosts], [h.output_per_mtok for h in hosts]
    return Spread(
        n=len(hosts),
        input_p10_per_mtok=quantile(inputs, 0.1),
        input_median_per_mtok=quantile(inputs, 0.5),
        output_p10_per_mtok=quantile(outputs, 0.1),
        output_median_per_mtok=quantile(outputs, 0.5),
    )


def market_offer(model: str) -> Offer:
    """The median host of open weights as an offer of its own: `market/MODEL`."""
    spread = spread_of(model)
    if spread is None:
        raise UnknownName("offer", f"market/{model}", [f"market/{m}" for m in nearest(model, _hosts())])
    sources = sorted({host.source for host in _hosts()[model]})
    return Offer(
        id=f"market/{model}",
        name=f"{model}, median of {spread.n} hosts",
        seller="market",
        lab="open-weights hosts",
        model=model,
        open_weights=True,
        currency="USD",
        lines=(PriceLine(input_per_mtok=spread.input_median_per_mtok, output_per_mtok=spread.output_median_per_mtok),),
        spread=spread,
        origin=Origin(source="; ".join(sources), as_of=sources[-1].split()[-1], grade=Grade.DERIVED),
        notes=("lists of different dates are mixed; medians over hosts, not one host's sheet",),
    )


# ---------------------------------------------------------------- reading one sheet


def base_line(offer: Offer) -> PriceLine:
    """The line of an ordinary request: short inputs, outputs long enough not to be a special case."""
    shortest = [line for line in offer.lines if line.input_from == 0]
    return shortest[-1]


def steps(offer: Offer) -> tuple[Step, ...]:
    """Where the price jumps with the input length; outputs of ordinary length."""
    rows = [line for line in offer.lines if line.output_to is None]
    return tuple(
        Step(
            at_tokens=after.input_from,
            inclusive=offer.inclusive,
            input_x=after.input_per_mtok / before.input_per_mtok if before.input_per_mtok else 1.0,
            output_x=after.output_per_mtok / before.output_per_mtok if before.output_per_mtok else 1.0,
        )
        for before, after in pairwise(rows)
    )


def flat_up_to(offer: Offer) -> int | None:
    """The context up to which there is no step: evidence of its own. None where the window is not known."""
    found = steps(offer)
    return found[0].at_tokens if found else offer.context


# ---------------------------------------------------------------- currency


def usd_rate(currency: str, given: Mapping[str, float] | None = None) -> Rate:
    """USD per unit: the caller's rate, else the snapshot's; a currency without either is asked for."""
    if given and currency in given:
        return Rate(currency, given[currency], Origin(source="given", as_of="", grade=Grade.GIVEN))
    if currency == "USD":
        return Rate("USD", 1.0, Origin(source="definition", as_of="", grade=Grade.SPEC))
    table = read_toml(_FOLDER / "rates.toml")
    if currency not in table:
        raise InputError("currency", currency, "USD, or given with a rate", f"add `rate` {currency}=USD_PER_UNIT")
    entry = table[currency]
    origin = Origin(source=entry["source"], as_of=entry["as_of"], grade=Grade(entry["grade"]))
    return Rate(currency, float(entry["usd"]), origin)


def in_usd(offer: Offer, given: Mapping[str, float] | None = None) -> tuple[Offer, Rate]:
    """The same sheet in USD, and the rate that was used."""
    rate = usd_rate(offer.currency, given)
    if rate.usd == 1.0 and offer.currency == "USD":
        return offer, rate

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * rate.usd

    lines = tuple(
        replace(
            line,
            input_per_mtok=line.input_per_mtok * rate.usd,
            output_per_mtok=line.output_per_mtok * rate.usd,
            cached_per_mtok=scaled(line.cached_per_mtok),
            cache_writes=tuple(replace(w, per_mtok=w.per_mtok * rate.usd) for w in line.cache_writes),
        )
        for line in offer.lines
    )
    storage = scaled(offer.storage_per_mtok_hour)
    return replace(offer, currency="USD", lines=lines, storage_per_mtok_hour=storage), rate
