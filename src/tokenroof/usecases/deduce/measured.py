"""What a user measured or read of a model beside its price sheet, as evidence."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from tokenroof.catalog.offers.releases import Release
from tokenroof.errors import InputError, UnitError, UnknownName
from tokenroof.infer.cases import known_truths, members, truth_of
from tokenroof.infer.deductions.speed import NODE_CHIPS, SPEED_GAIN
from tokenroof.infer.evidence import Evidence, Known, evidence_of
from tokenroof.infer.machines import machines
from tokenroof.infer.population import years
from tokenroof.registry import nearest
from tokenroof.types.offer import Offer
from tokenroof.units import parse_amount

__all__ = ["Dated", "known_fact", "measured", "possible_speed"]

_UNKNOWNS = {
    "total": ("param", "total parameters"),
    "active": ("param", "active parameters"),
    "kv": ("B", "KV per token"),
}
_BOUNDS = {">": "at least", "<": "at most", "=": "is"}
_BARE = re.compile(r"[\d.]+(e[-+]?\d+)?", re.IGNORECASE)
_LARGEST = 1e15
_LEAST_PARAMS = 1e6  # no language model is smaller
_BEYOND_SPARSEST = 10.0  # times the sparsest known model: no draw of the population lies there
_FIRST_YEAR, _LAST_YEAR = 2022, 2028
_LEAST_SPEED = 1e-3  # tokens per second


class Dated(Protocol):
    """The part of a request that is about days."""

    @property
    def as_of(self) -> str | None:
        """Day of the price."""

    @property
    def released(self) -> str | None:
        """Day of the model."""


class Asked(Dated, Protocol):
    """The part of a request that is about days, measurements and facts."""

    @property
    def speed_at(self) -> tuple[str, ...]:
        """Contexts and speeds."""

    @property
    def ttft_at(self) -> tuple[str, ...]:
        """Prompts and times."""

    @property
    def beside(self) -> str | None:
        """A model on the same host, and its speed."""

    @property
    def known(self) -> tuple[str, ...]:
        """Disclosed facts."""


def possible_speed(speed: float, field: str = "speed", active_params: float | None = None) -> float:
    """The speed, if eight of some chip read such a model so fast; without one, the least that is sold."""
    table = machines()
    params = min(member.active_params for member in members()) if active_params is None else active_params
    most = float(NODE_CHIPS * SPEED_GAIN * table.bytes_per_s.max() / (min(table.widths) * params))
    if not _LEAST_SPEED <= speed <= most:
        which = "the least model that is sold" if active_params is None else "it"
        raise InputError(
            field, speed, f"from {_LEAST_SPEED:g} to {most:,.0f} tok/s, where {NODE_CHIPS} of the fastest chips read "
            f"{which}", "a rate over all sequences? divide it by them",
        )  # fmt: skip
    return speed


def known_fact(text: str) -> Known:
    """`total:>1T`, `active:<50B`, `kv:=70KB` as a fact."""
    name, _, rest = text.partition(":")
    limit = "total, active or kv, then :> :< or :=, then an amount, such as total:>1T"
    if name not in _UNKNOWNS or not rest or rest[0] not in _BOUNDS:
        raise InputError("known", text, limit)
    try:
        value = parse_amount(rest[1:], _UNKNOWNS[name][0])
    except UnitError:
        value = math.nan
    if not 0 < value < _LARGEST:
        raise InputError("known", text, limit)
    if name == "kv" and _BARE.fullmatch(rest[1:].strip()):
        raise InputError("known", text, "an amount with its unit", f"{name}:{rest}KB or {name}:{rest}B")
    if _UNKNOWNS[name][0] == "param" and value < _LEAST_PARAMS:
        raise InputError(
            "known", text, f"at least {_LEAST_PARAMS:,.0f} parameters", f"billions? such as {name}:{rest[0]}100B"
        )
    return Known(unknown=name, bound=_BOUNDS[rest[0]], value=value, shown=f"{_UNKNOWNS[name][1]} {rest}")


def _bounds(facts: Sequence[Known], unknown: str) -> tuple[float, float]:
    """Least and greatest value that the facts leave to an unknown."""
    mine = [fact for fact in facts if fact.unknown == unknown]
    low = max((fact.value for fact in mine if fact.bound != "at most"), default=0.0)
    high = min((fact.value for fact in mine if fact.bound != "at least"), default=math.inf)
    return low, high


def _agreeing(texts: Sequence[str]) -> tuple[Known, ...]:
    """The facts, none of which leaves no value for another."""
    facts = tuple(known_fact(text) for text in dict.fromkeys(texts))
    for name in _UNKNOWNS:
        low, high = _bounds(facts, name)
        exact = any(fact.unknown == name and fact.bound == "is" for fact in facts)
        if low > high or (low == high and not exact):
            mine = ", ".join(text for text in texts if text.startswith(f"{name}:"))
            raise InputError("known", mine, "facts that some value meets", f"such as {name}:>500B and {name}:<1T")
    (least_total, most_total), (least_active, most_active) = (_bounds(facts, name) for name in ("total", "active"))
    if least_active > most_total:
        raise InputError("known", ", ".join(texts), "no more active parameters than there are in total")
    sparsest = max(truth.total_params / truth.active_params for _, truth in known_truths())
    if least_total / most_active > _BEYOND_SPARSEST * sparsest:
        raise InputError(
            "known", ", ".join(texts), f"a total of less than {_BEYOND_SPARSEST * sparsest:,.0f} times what is active",
            f"this is unlike any model: the sparsest known one has {sparsest:.0f} times",
        )  # fmt: skip
    return facts


def _amount(field: str, text: str, unit: str, limit: str) -> float:
    try:
        value = parse_amount(text, unit)
    except UnitError:
        value = math.nan
    if not 1e-6 <= value <= 1e9:
        raise InputError(field, text, limit)
    return value


def _pairs(field: str, texts: Sequence[str], unit: str, limit: str) -> tuple[tuple[float, float], ...]:
    """Lengths in tokens and what was measured there; a slope needs two lengths."""
    found = []
    for text in texts:
        length, _, rest = text.partition(":")
        if unit == "s" and _BARE.fullmatch(rest.strip()):
            raise InputError(field, text, "a time with its unit", f"{length}:{rest}ms or {length}:{rest}s")
        shown = _amount(field, rest, unit, limit)
        if unit != "s":
            possible_speed(shown, field)
        found.append((_amount(field, length, "token", limit), shown))
    if found and len({length for length, _ in found}) < 2:
        raise InputError(field, texts[0], "given at two lengths or more", "the slope between them is what counts")
    return tuple(found)


def _beside(text: str | None, speed: float | None) -> tuple[float, float] | None:
    if text is None:
        return None
    model, _, its = text.rpartition(":")
    truth = truth_of(model) if model else None
    if truth is None:
        known = tuple(name for name, _ in known_truths())
        raise UnknownName("open model on the same host", model or text, tuple(nearest(model or text, known, 3)))
    if speed is None:
        raise InputError("beside", text, "given with `speed`", "a ratio needs the speed of the model itself")
    found = _amount("beside", its, "token/s", "MODEL:TOK_S, such as llama-3.3-70b:80")
    return truth.active_params, possible_speed(found, "beside", truth.active_params)


def _year(field: str, day: str | None, otherwise: float) -> float:
    if day is None:
        return otherwise
    try:
        found = years(day)
    except ValueError:
        found = math.nan
    if not _FIRST_YEAR <= found <= _LAST_YEAR:
        raise InputError(field, day, f"a day such as 2024-07-23, from {_FIRST_YEAR} to {_LAST_YEAR}")
    return found


def _released(asked: Asked, evidence: Evidence, priced: float, out: Release | None) -> float:
    """Year of the model: as given, as known of the sheet, or that of its price."""
    if asked.released is not None:
        found = _year("released", asked.released, priced)
        if found > priced:
            raise InputError("released", asked.released, "no later than the day of the price")
        return found
    if out is None or asked.as_of is None:
        return priced if asked.as_of else evidence.released
    if asked.as_of[: len(out.day)] < out.day:
        raise InputError(
            "as_of", asked.as_of, f"{out.day} or later, when the model came out", "`released` changes that"
        )
    return min(years(out.day), priced)


def measured(evidence: Evidence, asked: Asked, others: Sequence[Offer], out: Release | None) -> Evidence:
    """The evidence of a sheet with its days, and with what was measured or disclosed; `out` is when its model came out.

    Prices of other sheets of the weights are averaged: sheets of one seller err together, so that they are one
    reading and not several.
    """
    every = [evidence.input_usd_per_token, *(evidence_of(other).input_usd_per_token for other in others)]
    priced = _year("as_of", asked.as_of, evidence.priced)
    released = _released(asked, evidence, priced, out)
    return replace(
        evidence,
        priced=priced,
        released=released,
        input_usd_per_token=math.exp(math.fsum(math.log(price) for price in every) / len(every)),
        sheets=len(every),
        speed_at=_pairs("speed_at", asked.speed_at, "token/s", "CONTEXT:TOK_S, such as 32K:95"),
        ttft_at=_pairs("ttft_at", asked.ttft_at, "s", "PROMPT:TIME, such as 32K:1.5s"),
        beside=_beside(asked.beside, evidence.tokens_per_s),
        known=_agreeing(asked.known),
    )
