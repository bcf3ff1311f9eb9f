"""Whose model a sheet is of, and what that lab's known models say of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tokenroof.catalog.offers.history import lab_names, lives_on_models
from tokenroof.errors import InputError, UnknownName
from tokenroof.infer.calibration import line_of
from tokenroof.infer.calibrations import CALIBRATIONS
from tokenroof.infer.cases import architecture_of, truth_of
from tokenroof.infer.evidence import Evidence
from tokenroof.infer.known_lab import KnownModel, out_by, price_level, shipped
from tokenroof.infer.labs import is_product, lab_of
from tokenroof.infer.levels import MEMORY_YEARS
from tokenroof.registry import nearest
from tokenroof.types.offer import Offer

__all__ = ["NOBODY", "LabRead", "lab_on_sheet", "lab_read", "others_of", "product_of", "read_with"]

_TELLS_YEARS = 1.5 * MEMORY_YEARS  # models further off are read too, and move next to nothing
_SAYS_NOTHING = 0.05  # of a logarithm of a price
NOBODY = "unknown"  # in place of a lab: nothing is read of it


@dataclass(frozen=True, slots=True, kw_only=True)
class LabRead:
    """A lab and its known models that were read beside the sheet; none where nothing is known of the lab.

    `asks` is how many times the price of other labs it asks for such a model, as far as its prices of about that day
    say. `of_cache` says whether their caches were read too: not for closed models, which need not be built alike.
    """

    name: str
    lives_on_models: bool | None
    models: tuple[str, ...] = ()
    asks: float = 1.0
    of_cache: bool = False


def lab_read(offer: Offer, asked: str | None, evidence: Evidence) -> tuple[LabRead, tuple[KnownModel, ...]]:
    """The lab of a sheet, or the one that was named for it, and its models that were out, but for the one on sale."""
    spelt = {name.lower(): name for name in (*lab_names(), NOBODY)}
    if asked is not None and asked.lower() not in spelt:
        names = ", ".join(spelt.values())
        raise UnknownName("lab", asked, tuple(nearest(asked, lab_names(), 3)), f"known: {names}")
    lab, sold = spelt[asked.lower()] if asked else _lab(offer), lab_on_sheet(offer)
    if sold and lab not in (sold, NOBODY):
        raise InputError("lab", asked, f"{sold}, whose model {offer.id} is, or {NOBODY}")
    own = truth_of(offer.model) if offer.model else None
    itself = architecture_of(lab, offer.model, own) if own is not None and offer.model else ""
    others = [one for one in shipped() if one.lab == lab and one.architecture != itself]
    known = out_by(others, evidence.priced, None if itself else evidence.released)
    return LabRead(name=lab, lives_on_models=lives_on_models(lab)), known


def _lab(offer: Offer) -> str:
    try:
        return lab_of(offer.model) if offer.model else offer.lab
    except ValueError:  # weights of a lab that the lists do not have
        return offer.lab


def lab_on_sheet(offer: Offer) -> str | None:
    """The lab that a sheet names, where it is one of the known ones: a host or a price of one's own names none."""
    lab = _lab(offer)
    return lab if lab in lab_names() else None


def read_with(lab: LabRead, known: Sequence[KnownModel], evidence: Evidence) -> LabRead:
    """The lab with the models that tell of this kind of sheet, and its level of price."""
    line = line_of(CALIBRATIONS, "input_price", evidence.kind)
    level = price_level(known, line, evidence.released)
    names = ("open",) if evidence.kind == "closed" else (evidence.kind, "size")
    models = tuple(
        one.architecture
        for one in known
        if any(
            abs(one.misses[name].released - evidence.released) < _TELLS_YEARS for name in names if name in one.misses
        )
    )
    return LabRead(
        name=lab.name, lives_on_models=lab.lives_on_models, models=models, asks=math.exp(level.over),
        of_cache=evidence.kind != "closed" and bool(models),
    )  # fmt: skip


def others_of(lab: LabRead) -> str:
    """The lab's other models in words, where any tells."""
    many = len(lab.models)
    if not lab.of_cache and abs(math.log(lab.asks)) < _SAYS_NOTHING:
        return ""
    return f"{many} other model{'s' if many > 1 else ''} of {lab.name}" if many else ""


def product_of(offer: Offer, evidence: Evidence, lab: str) -> bool | None:
    """Whether the lab lives on its models and sells this one itself; None where that is not known."""
    if lab == NOBODY or evidence.kind == "closed":
        return None
    if offer.model and lab == _lab(offer):
        return is_product(offer.model)
    return lives_on_models(lab)
