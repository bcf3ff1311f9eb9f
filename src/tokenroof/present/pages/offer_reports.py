"""Pages of the state of price sheets: what a source has changed against the snapshot, and which sheets are old."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tokenroof.present.asked import ask
from tokenroof.present.numbers import change, count
from tokenroof.present.page import REMARK, Block, Column, Page, Remark, Table, note, numbers, words
from tokenroof.present.pages.listing import cut
from tokenroof.present.pages.offers import left_notes, price_text
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.listing.offer_changes import FieldChange, OffersDiff, StaleOffers
from tokenroof.usecases.listing.offers import OfferRow

__all__ = ["diff_page", "stale_page"]

_NAMED = 6
_FIRST, _FEW = 12, 6


def _value(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,.0f}" if value >= 10_000 else f"{value:.4g}"


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{seller} {n}" for seller, n in list(counts.items())[:_NAMED]]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} others" if rest > 0 else "")


def _cut(rows: Sequence[tuple[str, ...]], full: bool, most: int) -> tuple[Sequence[tuple[str, ...]], tuple[str, ...]]:
    if full or len(rows) <= most:
        return rows, ()
    return rows[:most], (f"and {count(len(rows) - most)} more lines: `full`, or fewer with `filter` WORD",)


def _figures(title: str, sheets: Iterable[tuple[str, Sequence[FieldChange]]], full: bool, most: int) -> list[Block]:
    rows = [
        (
            identity if place == 0 else "", one.field, _value(one.before), _value(one.after),
            "" if one.ratio is None else change(one.ratio - 1.0, decimals=1),
        )
        for identity, changes in sheets
        for place, one in enumerate(changes)
    ]  # fmt: skip
    if not rows:
        return []
    columns = (Column(whole=True), words("figure"), *map(numbers, ("snapshot", "source", "change")))
    shown, more = _cut(rows, full, most)
    return [Table(title=title, columns=columns, rows=shown, lines=more)]


def _sheets(title: str, rows: Sequence[OfferRow], full: bool) -> list[Block]:
    cells = [
        (
            row.id, price_text(row.input_per_mtok), price_text(row.cached_per_mtok), price_text(row.output_per_mtok),
            row.currency, row.as_of,
        )
        for row in rows
    ]  # fmt: skip
    if not cells:
        return []
    columns = (Column(whole=True), *map(numbers, ("in", "cached", "out")), words(), words("as of"))
    shown, more = _cut(cells, full, _FEW)
    return [Table(title=title, columns=columns, rows=shown, lines=more)]


def _remarks(answer: OffersDiff) -> Iterable[Remark]:
    if answer.other_currency:
        yield note(f"not compared, another currency: {', '.join(answer.other_currency)}")
    if answer.unseen:
        many = sum(answer.unseen.values())
        yield note(f"{counted(many, 'sheet')} by sellers that the source lacks: {_counts(answer.unseen)}")
    if answer.elsewhere:
        many = sum(answer.elsewhere.values())
        yield note(
            f"{counted(many, 'sheet')} by sellers that the snapshot does not follow: {_counts(answer.elsewhere)}"
        )
    yield from left_notes(answer.left, answer.source, answer.day)


def diff_page(answer: OffersDiff, full: bool) -> Page:
    """The snapshot against a source: figures that changed, sheets that are new, sheets that are gone."""
    changed = [(one.id, one.fields) for one in answer.differing if one.fields]
    single = [(one.id, one.one_sided) for one in answer.differing if one.one_sided]
    blocks = [
        *_figures(f"Changed, {counted(len(changed), 'sheet')}", changed, full, _FIRST),
        *_sheets(f"New, {counted(len(answer.new), 'sheet')}", answer.new, full),
        *_sheets(f"Gone, {counted(len(answer.gone), 'sheet')}", answer.gone, full),
    ]
    if full:
        blocks += _figures(f"On one side only, {counted(len(single), 'sheet')}", single, full, _FIRST)
    sides = f"the snapshot of {answer.snapshot_as_of} and {answer.source} at {answer.day}"
    if blocks and isinstance(blocks[-1], Table):
        blocks[-1] = replace(blocks[-1], remarks=tuple(_remarks(answer)))
    return Page(
        title=answer.source, kind="OffersDiff", remarks=() if blocks else tuple(_remarks(answer)),
        sentence=f"{count(answer.same)} of {counted(answer.compared, 'sheet')} agree in what both list: {sides}.",
        blocks=blocks,
        also=() if full or not single else [("One-sided", f"figures of {counted(len(single), 'sheet')}: `full`")],
        next=("`output` prices/ writes the source's sheets",),
    )  # fmt: skip


def stale_page(answer: StaleOffers, full: bool) -> Page:
    """Sheets older than so many days, oldest first."""
    rows = [(row.id, row.as_of, count(row.age_days), row.source) for row in answer.rows]
    shown, more = cut(rows, full, "`full`, or fewer with `filter` WORD")
    columns = (Column(whole=True), words("as of"), numbers("days old"), words("source", drop=REMARK))
    table = Table(name="main", columns=columns, rows=shown, lines=more)
    return Page(
        title=f"older than {answer.days} days", kind="StaleOffers",
        sentence=f"{count(len(answer.rows))} of {counted(answer.judged, 'sheet')} are more than "
        f"{counted(answer.days, 'day')} old on {answer.today}; {count(answer.ended)} that ended are not judged.",
        blocks=(table,) if rows else (), next=(ask("offers", **{"from": "genai-prices"}, diff=True),),
    )  # fmt: skip
