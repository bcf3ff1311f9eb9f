"""Where price sheets come from: the snapshot, the package genai-prices, a user's files. And into which they go.

No clock is read: prices are those of the day given, else of the newest day in the snapshot or the source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tokenroof.catalog.offers.genai import Left
from tokenroof.catalog.offers.index import list_offers
from tokenroof.catalog.offers.paths import read_offers
from tokenroof.catalog.offers.text import offers_text
from tokenroof.errors import FileError, InputError
from tokenroof.reading import expanded, is_file, is_folder, opened
from tokenroof.types.offer import Offer

__all__ = ["PACKAGE_SOURCE", "SNAPSHOT", "Source", "files_of", "iso_day", "open_source", "snapshot_day"]

SNAPSHOT = "snapshot"
PACKAGE_SOURCE = "genai-prices"
_MARK = "Price sheets written by `tokenroof offers`"
_SHIPPED = Path(__file__).parent.parent.parent / "catalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Sheets with where they are from; `day` is the one whose prices they have, `left` what found no place."""

    name: str
    day: str
    offers: tuple[Offer, ...]
    left: tuple[Left, ...] = ()


def iso_day(text: str, field: str) -> str:
    """A date as YYYY-MM-DD, or one line of error."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InputError(field, text, "a date such as 2026-11-22") from None


def snapshot_day() -> str:
    """The newest day of any sheet in the snapshot."""
    return max(offer.origin.as_of for offer in list_offers())


def _from_package(today: str | None, as_of: str | None, history: bool) -> Source:
    from tokenroof.catalog.offers.genai import release_day, sheets_of
    from tokenroof.catalog.offers.genai_rows import read_package

    package = read_package()
    known = {offer.id: offer for offer in list_offers()}
    released = release_day(package.version, as_of)
    day = today or max(snapshot_day(), released)
    sheets = sheets_of(package, day=day, as_of=released, known=known, history=history)
    return Source(name=f"{PACKAGE_SOURCE} {sheets.version}", day=day, offers=sheets.offers, left=sheets.left)


def open_source(name: str, *, today: str | None = None, as_of: str | None = None, history: bool = False) -> Source:
    """`snapshot`, `genai-prices`, or a path; `as_of` and `history` are for the package."""
    today = None if today is None else iso_day(today, "today")
    as_of = None if as_of is None else iso_day(as_of, "as_of")
    if name == PACKAGE_SOURCE:
        return _from_package(today, as_of, history)
    for field, given in (("as_of", as_of), ("history", history)):
        if given:
            raise InputError(field, given, f"given with `from` {PACKAGE_SOURCE}", "sheets elsewhere carry their days")
    if name == SNAPSHOT:
        return Source(name=name, day=today or snapshot_day(), offers=list_offers())
    path = expanded(name, "from")
    if not is_file(path) and not is_folder(path):
        raise InputError("from", name, f"{SNAPSHOT}, {PACKAGE_SOURCE}, or a TOML file or folder of them")
    offers = read_offers(path)
    newest = max(offer.origin.as_of for offer in offers)
    return Source(name=name, day=today or max(snapshot_day(), newest), offers=offers)


# ---------------------------------------------------------------- writing


def _writable(path: Path) -> None:
    """The shipped snapshot stays as it is, and so does a file that somebody else wrote."""
    if path.resolve().is_relative_to(_SHIPPED.resolve()):
        raise InputError("output", str(path), "outside the shipped snapshot", "name another file or folder")
    if not is_file(path):
        return
    try:
        with opened(path, "output") as file:
            first = file.readline(200)
    except FileError:
        first = ""
    if _MARK not in first:
        raise InputError("output", str(path), "a file this verb wrote, or a new one", "it would replace other text")


def files_of(offers: Sequence[Offer], source: Source, path: Path) -> Mapping[Path, str]:
    """File -> text: all sheets in one file where `path` ends in .toml, else one file per seller in that folder."""
    if not offers:
        raise InputError("output", str(path), "written from at least one sheet", "no sheet matches")
    if path.suffix.lower() == ".toml":
        groups = {path: list(offers)}
    else:
        if is_file(path):
            raise InputError("output", str(path), "a .toml file or a folder")
        groups = {}
        for offer in offers:
            groups.setdefault(path / f"{offer.id.partition('/')[0]}.toml", []).append(offer)
    comments = (f"{_MARK} from {source.name}: prices of {source.day}.", "Per million tokens.")
    for file in groups:
        _writable(file)
    return {file: offers_text(sheets, comments) for file, sheets in groups.items()}
