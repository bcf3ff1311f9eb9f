"""What changed between the snapshot and another source of price sheets, and which sheets have grown old."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tokenroof.catalog.offers.genai import Left
from tokenroof.catalog.offers.index import base_line, list_offers
from tokenroof.errors import InputError
from tokenroof.types.offer import Mode, Offer, PriceLine
from tokenroof.usecases.listing.offer_sources import SNAPSHOT, open_source, snapshot_day
from tokenroof.usecases.listing.offers import OfferRow, OffersRequest, matching, row_of, step_texts

__all__ = ["FieldChange", "OfferChange", "OffersDiff", "StaleOffers", "StaleRow", "compare_offers", "stale_offers"]

_SAME = 1e-4  # lists round multiples such as 5/3 to a few digits


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One figure on both sides; None where a side does not list it. `ratio` is after over before."""

    field: str
    before: float | str | None
    after: float | str | None
    ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChange:
    """A sheet that differs, with the days that the two sides are of. `one_sided` figures stand in one of them only:
    a source may not list them, or have them in a form that a sheet does not hold.
    """

    id: str
    before_as_of: str
    after_as_of: str
    fields: tuple[FieldChange, ...]
    one_sided: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersDiff:
    """The snapshot against a source on `day`.

    Of `compared` sheets, `same` have every figure that both list equal; `differing` holds the others, and those with
    figures on one side. `new` and `gone` are sheets of sellers that both have; `elsewhere` counts the source's sheets
    by sellers that the snapshot does not follow, `unseen` the snapshot's by sellers that the source lacks. Sheets
    whose currencies differ are not compared.
    """

    source: str
    day: str
    snapshot_as_of: str
    compared: int
    same: int
    differing: tuple[OfferChange, ...]
    new: tuple[OfferRow, ...]
    gone: tuple[OfferRow, ...]
    other_currency: tuple[str, ...]
    elsewhere: dict[str, int]
    unseen: dict[str, int]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleRow:
    """A sheet and its age."""

    id: str
    as_of: str
    age_days: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleOffers:
    """Sheets more than `days` old on `today`, oldest first; `ended` ones no longer hold and are not judged."""

    today: str
    days: int
    rows: tuple[StaleRow, ...]
    judged: int
    ended: int


def _holds(offer: Offer, day: str) -> bool:
    return "@" not in offer.id and not (offer.until and offer.until < day)


# ---------------------------------------------------------------- one sheet against another


def _prices(line: PriceLine) -> dict[str, float]:
    found = {"input": line.input_per_mtok, "output": line.output_per_mtok}
    if line.cached_per_mtok is not None:
        found["cached"] = line.cached_per_mtok
    return found | {f"write {write.ttl_s / 60:g} min": write.per_mtok for write in line.cache_writes}


def _cells(offer: Offer) -> list[tuple[int, int | None, int, int | None]]:
    return [(line.input_from, line.input_to, line.output_from, line.output_to) for line in offer.lines]


def _figures(offer: Offer, day: str, *, whole: bool) -> dict[str, float]:
    """Every number of a sheet that another list can have too, by name; `whole` takes all cells, else the first."""
    found: dict[str, float] = {}
    for line in offer.lines if whole else (base_line(offer),):
        above = f" above {line.input_from:,}" if line.input_from else ""
        short = f" to {line.output_to:,} out" if line.output_to else ""
        found |= {f"{name}{above}{short}": value for name, value in _prices(line).items()}
    for mode in offer.modes:
        if not mode.until or mode.until >= day:
            found |= _factors(mode)
    found |= {f"{window.name} hours, times": window.price_x for window in offer.windows}
    return found | ({} if offer.context is None else {"context": float(offer.context)})


def _factors(mode: Mode) -> dict[str, float]:
    if mode.input_x == mode.output_x:
        return {f"{mode.name} mode, times": mode.input_x}
    return {f"{mode.name} mode input, times": mode.input_x, f"{mode.name} mode output, times": mode.output_x}


def _differences(before: Offer, after: Offer, day: str) -> Iterator[FieldChange]:
    whole = _cells(before) == _cells(after) and (before.inclusive == after.inclusive or len(before.lines) == 1)
    if not whole:
        texts = ["; ".join(step_texts(offer)) or "flat" for offer in (before, after)]
        yield FieldChange(field="steps", before=texts[0], after=texts[1], ratio=None)
    old, new = (_figures(offer, day, whole=whole) for offer in (before, after))
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was is not None and now is not None and math.isclose(was, now, rel_tol=_SAME):
            continue
        ratio = now / was if was and now is not None else None
        yield FieldChange(field=name, before=was, after=now, ratio=ratio)


def _change(before: Offer, after: Offer, day: str) -> OfferChange:
    found = tuple(_differences(before, after, day))
    return OfferChange(
        id=before.id,
        before_as_of=before.origin.as_of,
        after_as_of=after.origin.as_of,
        fields=tuple(c for c in found if c.before is not None and c.after is not None),
        one_sided=tuple(c for c in found if c.before is None or c.after is None),
    )


# ---------------------------------------------------------------- all of them


def _by_seller(offers: list[Offer], missing_from: set[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for offer in offers:
        if offer.seller not in missing_from:
            counts[offer.seller] = counts.get(offer.seller, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def compare_offers(request: OffersRequest) -> OffersDiff:
    """The sheets of the snapshot that hold, against those of `request.source`."""
    if request.source == SNAPSHOT:
        raise InputError("diff", SNAPSHOT, "against another source", "add `from` genai-prices or a path")
    source = open_source(request.source, today=request.today, as_of=request.as_of)
    shipped = [offer for offer in list_offers() if _holds(offer, source.day)]
    theirs = [offer for offer in source.offers if _holds(offer, source.day)]
    before = {offer.id: offer for offer in matching(request, shipped)}
    # --open asks what the snapshot knows of a sheet: another source rarely says whose weights are open
    after = {o.id: o for o in matching(request, theirs) if not request.open_only or o.id in before or o.open_weights}
    both = [identity for identity in before if identity in after]
    comparable = [i for i in both if before[i].currency == after[i].currency]
    compared = [_change(before[identity], after[identity], source.day) for identity in comparable]
    followed, listed = {offer.seller for offer in shipped}, {offer.seller for offer in theirs}
    return OffersDiff(
        source=source.name,
        day=source.day,
        snapshot_as_of=snapshot_day(),
        compared=len(comparable),
        same=sum(not change.fields for change in compared),
        differing=tuple(change for change in compared if change.fields or change.one_sided),
        new=tuple(row_of(o) for i, o in after.items() if i not in before and o.seller in followed),
        gone=tuple(row_of(o) for i, o in before.items() if i not in after and o.seller in listed),
        other_currency=tuple(i for i in both if i not in comparable),
        elsewhere=_by_seller(list(after.values()), followed),
        unseen=_by_seller(list(before.values()), listed),
        left=source.left,
    )


def stale_offers(request: OffersRequest, days: int) -> StaleOffers:
    """Which sheets are more than `days` old on the day of the request: the source's newest where none is given."""
    if not 0 <= days <= 36_500:
        raise InputError("stale", days, "a number of days from 0 to 36500")
    source = open_source(request.source, today=request.today, as_of=request.as_of)
    chosen = matching(request, source.offers)
    holding = [offer for offer in chosen if _holds(offer, source.day)]
    today = date.fromisoformat(source.day)
    rows = [
        StaleRow(
            id=offer.id,
            as_of=offer.origin.as_of,
            age_days=(today - date.fromisoformat(offer.origin.as_of)).days,
            source=offer.origin.source,
        )
        for offer in holding
    ]
    old = sorted((row for row in rows if row.age_days > days), key=lambda row: (-row.age_days, row.id))
    return StaleOffers(
        today=source.day, days=days, rows=tuple(old), judged=len(holding), ended=len(chosen) - len(holding)
    )
