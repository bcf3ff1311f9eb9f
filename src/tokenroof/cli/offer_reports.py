"""`tokenroof offers --diff`, `--stale` and `-o`: how sheets differ, how old they are, and writing them."""

from pathlib import Path
from typing import Any

from tokenroof.cli.render import echo_json, echo_page, note
from tokenroof.errors import InputError
from tokenroof.files import put

__all__ = ["show_diff", "show_stale", "write_offers"]


def show_diff(request: Any, full: bool, as_json: bool) -> None:
    """The snapshot against a source: figures that changed, sheets that are new, sheets that are gone."""
    from tokenroof.present.pages.offer_reports import diff_page
    from tokenroof.usecases.listing.offer_changes import compare_offers

    diff = compare_offers(request)
    echo_json(diff) if as_json else echo_page(diff_page(diff, full), full)


def show_stale(request: Any, days: int, full: bool, as_json: bool) -> None:
    """Sheets older than `days`, oldest first."""
    from tokenroof.present.pages.offer_reports import stale_page
    from tokenroof.usecases.listing.offer_changes import stale_offers

    answer = stale_offers(request, days)
    echo_json(answer) if as_json else echo_page(stale_page(answer, full), full)


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
