"""When the model of a sheet came out: by its weights where lists date them, else by the sheet itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tokenroof.catalog.offers.history import released
from tokenroof.reading import read_toml
from tokenroof.types.offer import Offer

__all__ = ["Release", "release_of"]

_FILE = Path(__file__).parent.parent / "data" / "offers" / "history" / "released.toml"
_LISTS = "months of the price lists' models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The day, or the month, on which a model was announced, and who says so."""

    day: str
    source: str


@lru_cache(maxsize=1)
def _by_sheet() -> Mapping[str, Release]:
    return {
        sheet: Release(day=day, source=group["source"])
        for group in read_toml(_FILE)["from"]
        for sheet, day in group["day"].items()
    }


def release_of(offer: Offer) -> Release | None:
    """None where it is not known; a sheet that no longer holds is of the same model."""
    if offer.released:
        return Release(day=offer.released, source=offer.origin.source)
    month = released().get(offer.model or "")
    return Release(day=month, source=_LISTS) if month else _by_sheet().get(offer.id.partition("@")[0])
