"""A price sheet of today, fetched when the user asks for it."""

from tokenroof.catalog.offers.genai import sheets_of
from tokenroof.catalog.offers.genai_rows import PACKAGE, read_package
from tokenroof.catalog.offers.index import list_offers
from tokenroof.catalog.offers.paths import pick_offer
from tokenroof.types.offer import Offer

__all__ = ["fetched_offer"]


def fetched_offer(name: str, day: str) -> Offer:
    """The sheet of an id as the package genai-prices fetches it now, with the prices of `day`.

    Which weights are behind a name, and whether they are open, is taken from the snapshot's sheet of the same id.
    """
    known = {offer.id: offer for offer in list_offers()}
    sheets = sheets_of(read_package(online=True), day=day, as_of=day, known=known, history=False)
    return pick_offer(sheets.offers, name, f"what {PACKAGE} fetched")
