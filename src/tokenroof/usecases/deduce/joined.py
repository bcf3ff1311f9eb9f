"""Several sheets of the same weights: read together, if they can be of one model."""

from collections.abc import Mapping, Sequence

from tokenroof.catalog.offers.index import in_usd
from tokenroof.catalog.offers.paths import find_offer
from tokenroof.catalog.offers.releases import release_of
from tokenroof.errors import InputError
from tokenroof.infer.cases import architecture_of, truth_of
from tokenroof.types.offer import Offer
from tokenroof.usecases.deduce.of_lab import lab_on_sheet

__all__ = ["joined"]


def _facts(offer: Offer) -> dict[str, str]:
    """What tells sheets of two models apart: lab, architecture, day; a fact that is not known is left out."""
    lab = lab_on_sheet(offer)
    truth = truth_of(offer.model) if offer.model else None
    out = None if truth else release_of(offer)
    found = {
        "lab": lab,
        "weights": architecture_of(lab or "", offer.model, truth) if offer.model and truth else None,
        "day of release": out.day if out else None,
    }
    return {name: value for name, value in found.items() if value}


def joined(offer: Offer, others: Sequence[str], rates: Mapping[str, float]) -> tuple[Offer, ...]:
    """The other sheets in USD; InputError for one that is of another model, or of no other sheet."""
    mine, seen, found = _facts(offer), {offer.id}, []
    for name in others:
        other = find_offer(name)
        if other.id in seen:
            raise InputError("also", name, "a sheet that is not read yet", "each counts once")
        seen.add(other.id)
        its = _facts(other)
        for fact in mine.keys() & its.keys():
            if mine[fact] != its[fact]:
                raise InputError(
                    "also", name, f"a sheet of the same weights as {offer.id}",
                    f"{fact}: {its[fact]} against {mine[fact]}",
                )  # fmt: skip
        found.append(in_usd(other, rates)[0])
    return tuple(found)
