"""Price sheets by name or by path: an id of the snapshot, a TOML file, a folder of them, one sheet of either."""

from collections.abc import Sequence
from pathlib import Path

from tokenroof.catalog.offers.files import read_offer_file
from tokenroof.catalog.offers.index import load_offer
from tokenroof.errors import InputError, UnknownName
from tokenroof.reading import expanded, is_folder
from tokenroof.registry import nearest
from tokenroof.types.offer import Offer

__all__ = ["find_offer", "pick_offer", "read_offers"]

_MAX_FILES = 1000


def read_offers(path: Path) -> tuple[Offer, ...]:
    """The sheets of a TOML file, or of every TOML file of a folder, in order of file name."""
    if not is_folder(path):
        return read_offer_file(path)
    files = sorted(path.glob("*.toml"))
    if not 0 < len(files) <= _MAX_FILES:
        raise InputError("offers", str(path), f"a folder of 1 to {_MAX_FILES} price files", f"it has {len(files)}")
    found: dict[str, Offer] = {}
    for file in files:
        for offer in read_offer_file(file):
            if offer.id in found:
                raise InputError(
                    "offers", str(path), "one sheet for each id", f"{offer.id} occurs again in {file.name}"
                )
            found[offer.id] = offer
    return tuple(found.values())


def pick_offer(offers: Sequence[Offer], name: str, where: str) -> Offer:
    """One of these sheets by its id `seller/model`, or by the model alone where one seller has it."""
    wanted = name.strip().lower()
    found = [o for o in offers if o.id == wanted] or [o for o in offers if o.id.partition("/")[2] == wanted]
    if len(found) > 1:
        ids = ", ".join(offer.id for offer in found[:4])
        raise InputError("offer", name, f"one of {ids}", "several sellers have it")
    if not found:
        ids_by_tail = {offer.id.partition("/")[2]: offer.id for offer in offers}
        near = [ids_by_tail[tail] for tail in nearest(wanted.rpartition("/")[2], ids_by_tail)]
        near += nearest(wanted, [offer.id for offer in offers])
        raise UnknownName("offer", name, tuple(dict.fromkeys(near))[:4], f"not in {where}")
    return found[0]


def find_offer(name: str) -> Offer:
    """A sheet of the snapshot by id, the only sheet of a TOML file by path, or one of many as `PATH#ID`."""
    path, sign, wanted = name.partition("#")
    if not sign and not path.lower().endswith(".toml"):
        return load_offer(name)
    found = read_offers(expanded(path, "offer"))
    if sign:
        return pick_offer(found, wanted, path)
    if len(found) > 1:
        fix = f"it has {len(found)}: name one, such as {path}#{found[0].id}"
        raise InputError("offer", name, "a file with one offer", fix)
    return found[0]
