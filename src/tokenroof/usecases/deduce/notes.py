"""What a reader should know of a deduction that the numbers do not show."""

from typing import Protocol

from tokenroof.catalog.offers.index import Rate
from tokenroof.catalog.offers.releases import release_of
from tokenroof.infer.cases import OTHER_HARDWARE
from tokenroof.infer.evidence import Evidence, flat_slopes, readings
from tokenroof.types.offer import UNDATED, Offer
from tokenroof.usecases.deduce.measured import Dated
from tokenroof.usecases.deduce.of_lab import NOBODY, LabRead

__all__ = ["notes_of"]

_FLAT = {
    "speed_slope": "the speeds do not fall with context: not used, they tell nothing of the cache",
    "ttft_slope": "TTFT does not rise with the prompt: not used, it tells nothing of active parameters",
}
# On the sheet, and not in the intervals: without gain for labs that were not fitted.
_ALONE = {
    "output_ratio": "output over input", "cached_ratio": "the price of cached reads",
    "host_floor": "what other hosts ask",
}  # fmt: skip


def _alone(evidence: Evidence) -> list[str]:
    """What the sheet has and no interval reads, in words of what the sheet has."""
    shown = {reading.channel for reading in readings(evidence, every=True)}
    found = [name for channel, name in _ALONE.items() if channel in shown]
    if evidence.step_tokens is not None:
        found.append("the step at long context")
    elif evidence.flat_to_tokens is not None:
        found.append(f"that there is no step up to {evidence.flat_to_tokens:,} tokens")
    if evidence.storage_usd_per_token_h is not None:
        listed = evidence.storage_from == "listed"
        found.append("the price of storage" if listed else "what longer cache writes ask")
    return found


class Asked(Dated, Protocol):
    """The part of a request that notes are about."""

    @property
    def also(self) -> tuple[str, ...]:
        """Other sheets."""

    @property
    def lab(self) -> str | None:
        """Whose model it is."""


def _years(first: str, last: str) -> float:
    """Between two days, to a month."""
    months = [12 * int(day[:4]) + int(day[5:7]) for day in (first, last)]
    return (months[1] - months[0]) / 12.0


def notes_of(offer: Offer, rate: Rate, evidence: Evidence, lab: LabRead, asked: Asked) -> tuple[str, ...]:
    """What was assumed, and what of the sheet is not in the intervals."""
    found = []
    undated = offer.origin.as_of == UNDATED and not asked.as_of
    if undated:
        new = "" if asked.released else " of a new model"
        found.append(f"no day given: read as a price of today{new}; `as_of` and `released` change that")
    elif not (asked.released or asked.as_of) and release_of(offer) is None:
        found.append("no day of release is known: read as a model as new as its price; `released` changes it")
    listed = release_of(offer)
    born = asked.released or (listed.day if listed else "")
    if not undated and not asked.as_of and born and _years(born, offer.origin.as_of) >= 1.0:
        found.append(
            f"a price of {offer.origin.as_of} for a model of {born}: old ones are seldom cut as new ones fall, and "
            f"read as large; `as_of` {born} reads it beside prices of its own day"
        )
    if rate.currency != "USD":
        when = f", {rate.origin.as_of}" if rate.origin.as_of else ""
        found.append(f"converted at 1 {rate.currency} = {rate.usd:.4g} USD ({rate.origin.source}{when})")
    if evidence.kind == "closed":
        found.append("closed weights: the mark-up is hardly known, so sizes are rough; the regression has none")
    if asked.also:
        found.append(f"read as sheets of the same weights: {', '.join((offer.id, *asked.also))}")
    if asked.lab and lab.name != NOBODY and not lab.models:
        only = "" if lab.lives_on_models is None or evidence.kind == "closed" else ", but for who sells"
        found.append(f"no other model of {lab.name} of about that day has a known size: `lab` changes nothing{only}")
    if offer.seller in OTHER_HARDWARE:
        found.append(f"{offer.seller} has chips of its own, which the table of machines lacks: read as if on others")
    alone = _alone(evidence)
    if alone:
        found.append(f"read alone, not in the intervals: {', '.join(alone)}")
    found += [_FLAT[channel] for channel in flat_slopes(evidence)]
    if evidence.output_usd_per_token < evidence.input_usd_per_token:
        found.append("output is cheaper than input: are the two swapped?")
    return tuple(found)
