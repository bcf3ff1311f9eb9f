"""Pages of price sheets: the list, and one sheet with its sources and a bill."""

from collections.abc import Iterable, Sequence

from tokenroof.catalog.offers.bills import Bill
from tokenroof.catalog.offers.genai import Left
from tokenroof.catalog.offers.index import Rate
from tokenroof.present.asked import ask
from tokenroof.present.page import (
    BAR,
    RANGE,
    REMARK,
    Block,
    Column,
    KeyValues,
    Page,
    Remark,
    Table,
    note,
    numbers,
    words,
)
from tokenroof.present.pages.listing import cut
from tokenroof.present.pages.parts import counted
from tokenroof.types.offer import Offer, PriceLine
from tokenroof.usecases.listing.offers import OfferCard, OfferRow, OffersResponse

__all__ = ["card_page", "left_notes", "list_page", "price_text"]

_MOST_KINDS = 6
_PARTS = ("uncached_input", "cached_input", "cache_writes", "output", "storage")


def price_text(value: float | None) -> str:
    """A price as the sheet has it, in its own currency."""
    return "" if value is None else f"{value:.4g}"


def left_notes(left: Sequence[Left], source: str, day: str) -> Iterable[Remark]:
    """What the source has that a sheet does not hold, the most frequent first."""
    if not left:
        return
    shown = "; ".join(f"{one.count} {one.what} (such as {one.example})" for one in left[:_MOST_KINDS])
    rest = len(left) - _MOST_KINDS
    others = f"; {sum(one.count for one in left[_MOST_KINDS:])} of {rest} other kinds: `json`" if rest > 0 else ""
    yield note(f"{source}, prices of {day}, also has, not carried: {shown}{others}")


def _rates(rates: Iterable[Rate]) -> Iterable[Remark]:
    for one in rates:
        if one.currency != "USD":
            dated = one.origin.as_of or "now"
            yield note(f"1 {one.currency} = {one.usd:.4g} USD ({one.origin.source}, {dated})")


def _row(row: OfferRow) -> tuple[str, ...]:
    return (
        row.id, price_text(row.input_per_mtok), price_text(row.cached_per_mtok), price_text(row.output_per_mtok),
        row.currency, ", ".join(row.steps) or ("flat" if row.context else "not known"),
        f"{row.context / 1000:,.0f}K" if row.context else "", ", ".join(row.modes), row.as_of,
    )  # fmt: skip


def _said(rows: Sequence[OfferRow]) -> str:
    if not rows:
        return "No price sheet matches."
    sellers = len({row.id.partition("/")[0] for row in rows})
    days = sorted(row.as_of for row in rows)
    dated = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return f"{counted(len(rows), 'price sheet')} of {counted(sellers, 'seller')}, as of {dated}."


def list_page(answer: OffersResponse, full: bool) -> Page:
    """Sheets, one a line, per million tokens."""
    columns = (
        Column(whole=True), numbers("in"), numbers("cached"), numbers("out"), words(), words("long context"),
        numbers("window", drop=REMARK), words("modes", drop=BAR), Column(head="as of", whole=True, drop=RANGE),
    )  # fmt: skip
    shown, more = cut([_row(row) for row in answer.rows], full, "`full`, or fewer with `filter` WORD")
    lines = (*more, "per million tokens; long context: multipliers on input/output above so many tokens")
    remarks = (*_rates(answer.rates), *left_notes(answer.left, answer.source, answer.day))
    return Page(
        title=counted(len(answer.rows), "price sheet"), kind="Offers", sentence=_said(answer.rows),
        blocks=(Table(name="main", columns=columns, rows=shown, lines=lines, remarks=remarks),),
        next=(ask("offers", "SELLER/MODEL"), ask("break-even", "MODEL", system="SYSTEM", offer="SELLER/MODEL")),
    )  # fmt: skip


def _span(offer: Offer, low: int, high: int | None) -> str:
    start = "from" if offer.inclusive else "above"
    if high is None:
        return f"{start} {low:,}" if low else "any"
    return f"{start} {low:,} to {high:,}" if low else f"up to {high:,}"


def _lines(offer: Offer) -> Table:
    ttls = sorted({write.ttl_s for line in offer.lines for write in line.cache_writes})

    def writes(line: PriceLine) -> tuple[str, ...]:
        known = {write.ttl_s: write.per_mtok for write in line.cache_writes}
        return tuple(price_text(known.get(ttl)) for ttl in ttls)

    rows = [
        (
            _span(offer, line.input_from, line.input_to), _span(offer, line.output_from, line.output_to),
            price_text(line.input_per_mtok), price_text(line.cached_per_mtok), price_text(line.output_per_mtok),
            *writes(line),
        )
        for line in offer.lines
    ]  # fmt: skip
    columns = (
        words("input tokens"), words("output tokens"), *map(numbers, ("in", "cached", "out")),
        *(numbers(f"write {ttl / 60:g} min") for ttl in ttls),
    )  # fmt: skip
    return Table(name="main", title=f"{offer.currency} per million tokens", columns=columns, rows=rows)


def _terms(card: OfferCard) -> list[KeyValues]:
    """Steps, storage, modes, hours, and when it holds."""
    offer = card.offer
    pairs: list[tuple[str, ...]] = []
    if card.steps:
        pairs.append(("steps", "; ".join(card.steps), "input/output, against the line before"))
    elif card.flat_up_to:
        pairs.append(("steps", f"none up to {card.flat_up_to:,} tokens"))
    if offer.storage_per_mtok_hour is not None:
        pairs.append(("storage", f"{offer.storage_per_mtok_hour:g}", "per million tokens and hour"))
    for mode in offer.modes:
        times = f"{mode.input_x:g}x" if mode.input_x == mode.output_x else f"{mode.input_x:g}x/{mode.output_x:g}x"
        until = f"until {mode.until}" if mode.until else ""
        pairs.append((mode.name, times, ", ".join(part for part in (mode.speed_claim, until) if part)))
    for window in offer.windows:
        hours = ", ".join(f"{a:g}-{b:g}" for a, b in window.hours_utc) or "hours not recorded"
        pairs.append((window.name, f"{window.price_x:g}x", f"{hours} UTC {window.days}".rstrip()))
    if offer.since or offer.until:
        ends = (f"from {offer.since}" if offer.since else "", f"to {offer.until}" if offer.until else "")
        pairs.append(("holds", " ".join(part for part in ends if part)))
    return [KeyValues(title="Terms", pairs=pairs, name="terms")] if pairs else []


def _bill(paid: Bill | None) -> list[Block]:
    if paid is None:
        return []
    rows = [(part.replace("_", " "), f"{getattr(paid, part):.6g}") for part in _PARTS]
    rows.append(("total", f"{paid.total:.6g}"))
    return [Table(name="bill", title="Bill", columns=(words(), numbers(paid.currency)), rows=rows)]


def _card_said(card: OfferCard) -> str:
    offer, line = card.offer, card.offer.lines[0]
    if card.bill is not None:
        return f"The request costs {card.bill.total:.6g} {card.bill.currency} on {offer.id}."
    cached = "" if line.cached_per_mtok is None else f", {price_text(line.cached_per_mtok)} for cached input"
    return (
        f"{offer.lab} asks {price_text(line.input_per_mtok)} {offer.currency} per M input and "
        f"{price_text(line.output_per_mtok)} per M output tokens of {offer.name}{cached}."
    )


def card_page(card: OfferCard) -> Page:
    """One sheet whole."""
    offer, origin = card.offer, card.offer.origin
    age = "" if card.age_days is None else f"; {counted(card.age_days, 'day')} old"
    origins = [(name, f"{one.source}; {one.as_of}; {one.grade.value}") for name, one in offer.origins.items()]
    remarks = [note(text) for text in offer.notes]
    remarks += _rates([card.rate] if card.rate is not None else [])
    also = [("Source", f"{origin.source}; {origin.as_of}; {origin.grade.value}{age}")]
    also += [("", f"{name}: {said}") for name, said in origins]
    return Page(
        title=offer.id, kind="Offer", sentence=_card_said(card), scenario_label="Offer", scenario=(offer.id, offer.lab),
        blocks=[*_bill(card.bill), _lines(offer), *_terms(card)], remarks=tuple(remarks), also=also,
        next=(ask("deduce", offer.id), ask("offers", offer.id, isl="4096", osl="512")),
    )  # fmt: skip
