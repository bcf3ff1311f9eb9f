"""Public price sheets: find them, show one with its sources, and compute what a request costs on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from tokenroof.catalog.offers.bills import Bill, Usage, bill
from tokenroof.catalog.offers.genai import Left
from tokenroof.catalog.offers.index import Rate, base_line, flat_up_to, in_usd, steps
from tokenroof.catalog.offers.paths import find_offer, pick_offer
from tokenroof.errors import InputError
from tokenroof.types.offer import Offer
from tokenroof.usecases.listing.offer_sources import SNAPSHOT, iso_day, open_source

__all__ = [
    "OfferCard", "OfferRow", "OffersRequest", "OffersResponse", "find_offers", "matching", "row_of", "show_offer",
    "step_texts",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersRequest:
    """Words that must all occur in id, lab, name or model of a sheet; `open_only` keeps open weights.

    `source` is `snapshot`, `genai-prices` or a path. Of the package, `today` says whose prices to take (no clock is
    read), `as_of` when it was released where that is not known here, `history` adds sheets of other days.
    """

    words: tuple[str, ...] = ()
    open_only: bool = False
    usd: bool = False
    rates: Mapping[str, float] = field(default_factory=dict)
    source: str = SNAPSHOT
    today: str | None = None
    as_of: str | None = None
    history: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRow:
    """One sheet in a list: the prices of an ordinary request, and where they jump."""

    id: str
    lab: str
    model: str | None
    currency: str
    input_per_mtok: float
    cached_per_mtok: float | None
    output_per_mtok: float
    steps: tuple[str, ...]
    context: int | None
    modes: tuple[str, ...]
    as_of: str
    grade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersResponse:
    """The sheets that match, and by which rates they were converted; `left` is what the source has beyond them."""

    source: str
    day: str
    rows: tuple[OfferRow, ...]
    rates: tuple[Rate, ...]
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferCard:
    """One sheet whole: every figure with its origin, derived facts beside, a bill where usage was given."""

    offer: Offer
    steps: tuple[str, ...]
    flat_up_to: int | None
    output_over_input: float | None
    cached_over_input: float | None
    age_days: int | None
    rate: Rate | None
    bill: Bill | None


def step_texts(offer: Offer) -> tuple[str, ...]:
    """Steps as people write them: `>200K 2x/1.5x`."""
    sign = ">=" if offer.inclusive else ">"
    return tuple(f"{sign}{step.at_tokens / 1000:g}K {step.input_x:.3g}x/{step.output_x:.3g}x" for step in steps(offer))


def row_of(offer: Offer) -> OfferRow:
    """The line of a sheet in a list."""
    line = base_line(offer)
    return OfferRow(
        id=offer.id,
        lab=offer.lab,
        model=offer.model,
        currency=offer.currency,
        input_per_mtok=line.input_per_mtok,
        cached_per_mtok=line.cached_per_mtok,
        output_per_mtok=line.output_per_mtok,
        steps=step_texts(offer),
        context=offer.context,
        modes=tuple(mode.name for mode in offer.modes),
        as_of=offer.origin.as_of,
        grade=offer.origin.grade.value,
    )


def _text(offer: Offer) -> str:
    return " ".join((offer.id, offer.lab, offer.name, offer.model or "")).lower()


def matching(request: OffersRequest, offers: Iterable[Offer]) -> list[Offer]:
    """Those of `offers` that contain every word of the request and, where it asks so, have open weights."""
    for word in request.words:
        if not word.strip() or len(word) > 80:
            raise InputError("filter", word, "a word of 1 to 80 characters")
    words = [word.strip().lower() for word in request.words]
    found = [offer for offer in offers if all(word in _text(offer) for word in words)]
    return [offer for offer in found if offer.open_weights] if request.open_only else found


def find_offers(request: OffersRequest) -> OffersResponse:
    """The sheets of the source that contain every word of the request."""
    source = open_source(request.source, today=request.today, as_of=request.as_of, history=request.history)
    found = matching(request, source.offers)
    rates: dict[str, Rate] = {}
    if request.usd:
        converted = [in_usd(offer, request.rates) for offer in found]
        rates = {rate.currency: rate for _, rate in converted if rate.currency != "USD"}
        found = [offer for offer, _ in converted]
    rows = tuple(row_of(offer) for offer in found)
    return OffersResponse(source=source.name, day=source.day, rows=rows, rates=tuple(rates.values()), left=source.left)


def show_offer(
    name: str,
    *,
    usage: Usage | None = None,
    usd: bool = False,
    rates: Mapping[str, float] | None = None,
    today: str | None = None,
    source: str = SNAPSHOT,
    as_of: str | None = None,
    history: bool = False,
) -> OfferCard:
    """One sheet by id. `today` (an ISO date) gives its age; without it no clock is read."""
    rate = None
    if source == SNAPSHOT and not as_of and not history:
        offer = find_offer(name)
    else:
        opened = open_source(source, today=today, as_of=as_of, history=history)
        offer = pick_offer(opened.offers, name, opened.name)
    if usd:
        offer, rate = in_usd(offer, rates)
    line = base_line(offer)
    now = None if today is None else date.fromisoformat(iso_day(today, "today"))
    ratio = line.output_per_mtok / line.input_per_mtok if line.input_per_mtok else None
    cached = line.cached_per_mtok
    return OfferCard(
        offer=offer,
        steps=step_texts(offer),
        flat_up_to=flat_up_to(offer),
        output_over_input=ratio,
        cached_over_input=None if cached is None or not line.input_per_mtok else cached / line.input_per_mtok,
        age_days=None if now is None else (now - date.fromisoformat(offer.origin.as_of)).days,
        rate=rate,
        bill=None if usage is None else bill(offer, usage),
    )
