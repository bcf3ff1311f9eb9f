"""`tokenroof offers --diff`, `--stale` and `-o`: how sheets differ, how old they are, and writing them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.errors import InputError
from tokenroof.files import put

__all__ = ["note_left", "show_diff", "show_stale", "write_offers"]

_SHOWN = 6
_LISTED = 20


def note_left(left: Sequence[Any], source: str, day: str) -> None:
    """What the source has that a sheet does not hold, the most frequent first."""
    if not left:
        return
    note(f"{source}: prices of {day}. It also has, not carried:")
    for entry in left[:_SHOWN]:
        note(f"  {entry.count:>4}  {entry.what} (such as {entry.example})")
    if len(left) > _SHOWN:
        note(f"  and {len(left) - _SHOWN} other kinds, {sum(e.count for e in left[_SHOWN:])} in all: see --json")


def _value(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,.0f}" if value >= 10_000 else f"{value:.4g}"


def _change(change: Any) -> str:
    return "" if change.ratio is None else f"{100 * (change.ratio - 1):+.3g} %"


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{seller} {count}" for seller, count in list(counts.items())[:_SHOWN]]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} others" if rest > 0 else "")


def _figures(title: str, sheets: Sequence[tuple[str, Sequence[Any]]]) -> None:
    heading(title)
    rows = [
        (identity if place == 0 else "", c.field, _value(c.before), _value(c.after), _change(c))
        for identity, changes in sheets
        for place, c in enumerate(changes)
    ]
    width = 5 if any(row[4] for row in rows) else 4
    columns = ("offer", "figure", "snapshot", "source", "change")[:width]
    print_table(columns, [row[:width] for row in rows], right=range(2, width))


def _simple(title: str, rows: Sequence[Any]) -> None:
    heading(title)
    print_table(
        ("offer", "in", "cached", "out", "", "as of"),
        [
            (
                row.id,
                _value(row.input_per_mtok),
                _value(row.cached_per_mtok),
                _value(row.output_per_mtok),
                row.currency,
                row.as_of,
            )
            for row in rows[:_LISTED]
        ],
        right=(1, 2, 3),
    )
    if len(rows) > _LISTED:
        note(f"and {len(rows) - _LISTED} more: --filter WORD, or --json")


def show_diff(request: Any, as_json: bool) -> None:
    """The snapshot against a source: figures that changed, sheets that are new, sheets that are gone."""
    from tokenroof.usecases.listing.offer_changes import compare_offers

    diff = compare_offers(request)
    if as_json:
        echo_json(diff)
        return
    changed = [(offer.id, offer.fields) for offer in diff.differing if offer.fields]
    if changed:
        _figures(f"changed: {len(changed)} of {diff.compared} sheets that both have", changed)
    one_sided = [(offer.id, offer.one_sided) for offer in diff.differing if offer.one_sided]
    if one_sided:
        _figures(f"figures on one side only: {len(one_sided)} sheets", one_sided)
        note("one side only: the other does not list it, or in a form that a sheet does not hold")
    if diff.new:
        _simple(f"new: {len(diff.new)} sheets of sellers in the snapshot", diff.new)
    if diff.gone:
        _simple(f"gone: {len(diff.gone)} sheets of the snapshot that its seller does not have there", diff.gone)
    note(
        f"{diff.same} of {diff.compared} sheets agree in what both list; "
        f"snapshot of {diff.snapshot_as_of}, {diff.source} at {diff.day}"
    )
    if diff.other_currency:
        note(f"not compared, another currency: {', '.join(diff.other_currency)}")
    if diff.unseen:
        note(f"{sum(diff.unseen.values())} sheets by sellers that the source lacks: {_counts(diff.unseen)}")
    if diff.elsewhere:
        many = sum(diff.elsewhere.values())
        note(f"{many} sheets by sellers that the snapshot does not follow: {_counts(diff.elsewhere)}")
    note_left(diff.left, diff.source, diff.day)


def show_stale(request: Any, days: int, as_json: bool) -> None:
    """Sheets older than `days`, oldest first."""
    from tokenroof.usecases.listing.offer_changes import stale_offers

    answer = stale_offers(request, days)
    if as_json:
        echo_json(answer)
        return
    print_table(
        ("offer", "as of", "days old", "source"),
        [(row.id, row.as_of, str(row.age_days), row.source) for row in answer.rows],
        right=(2,),
    )
    note(
        f"{len(answer.rows)} of {answer.judged} sheets are more than {answer.days} days old on {answer.today}; "
        f"{answer.ended} that no longer hold are not judged"
    )


def write_offers(request: Any, offer: str | None, out: Path) -> None:
    """The sheets of the request as TOML that `--from`, deduce and break-even read back."""
    from tokenroof.catalog.offers.paths import find_offer, pick_offer
    from tokenroof.usecases.listing.offer_sources import SNAPSHOT, files_of, open_source
    from tokenroof.usecases.listing.offers import matching

    source = open_source(request.source, today=request.today, as_of=request.as_of, history=request.history)
    chosen = matching(request, source.offers)
    if offer is not None:
        one = find_offer(offer) if source.name == SNAPSHOT else pick_offer(source.offers, offer, source.name)
        chosen = [one]
    files = files_of(chosen, source, out)
    if out.suffix.lower() != ".toml":
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError("output", str(out), "a folder that can be made", error.strerror or "") from None
    for path, text in files.items():
        put(path, text)
    first = next(iter(files))
    note(
        f"{len(chosen)} sheets written to {out}, {len(files)} files; the shipped snapshot is as it was. "
        f"Use one as {first}#{chosen[0].id}"
    )
