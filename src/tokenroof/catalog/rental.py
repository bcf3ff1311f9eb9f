"""What renting a chip costs: dated on-demand offers, read as a range. Contract prices are lower."""

import functools

from tokenroof.catalog.facts import Entry, Range, read_toml
from tokenroof.catalog.machine_index import DATA, machine_index
from tokenroof.errors import InputError
from tokenroof.types.machine import RentalOffer, RentalPrice

__all__ = ["RENTAL", "load_rental", "price_of_offers", "rental_ids"]

RENTAL = Range("USD/GPU/s", 0.001 / 3600, 1000 / 3600)
_SECONDS_PER_HOUR = 3600.0
_OFFER_KEYS = ("provider", "kind", "price")


def _median(ordered: list[float]) -> float:
    """Here and not from the standard library, whose module takes longer to import than a system takes to load."""
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def price_of_offers(offers: tuple[RentalOffer, ...]) -> RentalPrice:
    """Lowest, median and highest of dated offers."""
    prices = sorted(offer.usd_per_h for offer in offers)
    dates = sorted(offer.as_of for offer in offers)
    sources = sorted({offer.source for offer in offers})
    return RentalPrice(
        low_usd_per_h=prices[0],
        median_usd_per_h=_median(prices),
        high_usd_per_h=prices[-1],
        n=len(offers),
        as_of=dates[-1],
        source=f"{len(offers)} on-demand offers dated {dates[0]} to {dates[-1]}: {'; '.join(sources)}",
        offers=offers,
    )


def _offer(entry: Entry) -> RentalOffer:
    entry.only(_OFFER_KEYS)
    kind = entry.text("kind")
    if kind not in ("neocloud", "hyperscaler"):
        raise InputError(entry.field("kind"), kind, "neocloud or hyperscaler")
    fact = entry.required("price", RENTAL)
    return RentalOffer(
        provider=entry.text("provider", limit=80),
        usd_per_h=round(fact.value * _SECONDS_PER_HOUR, 6),
        as_of=fact.as_of,
        source=fact.source,
        kind=kind,
        note=fact.note,
    )


def rental_ids() -> tuple[str, ...]:
    """Chips for which there are offers."""
    return tuple(sorted(path.stem for path in (DATA / "rental").glob("*.toml")))


@functools.cache
def load_rental(chip_id: str) -> RentalPrice | None:
    """The range of offers for a chip of the catalogue; None where nobody's price is recorded."""
    path = DATA / "rental" / f"{chip_id}.toml"
    if not path.is_file():
        return None
    top = Entry.top(f"rental/{path.name}", read_toml(path), machine_index()["sources"])
    top.only(("defaults", "offers"))
    offers = top.table.get("offers", [])
    if not isinstance(offers, list) or not offers or not all(isinstance(offer, dict) for offer in offers):
        raise InputError(top.field("offers"), offers, "a list of tables")
    return price_of_offers(tuple(_offer(top.child(o, f"offers[{i}]")) for i, o in enumerate(offers, 1)))
