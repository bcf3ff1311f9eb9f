"""What a user measured or read of a model beside its price sheet, as evidence."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from tokenroof.catalog.offers.index import in_usd
from tokenroof.catalog.offers.paths import find_offer
from tokenroof.errors import InputError, UnitError, UnknownName
from tokenroof.infer.cases import known_truths, truth_of
from tokenroof.infer.evidence import Evidence, Known, evidence_of
from tokenroof.infer.population import years
from tokenroof.registry import nearest
from tokenroof.units import parse_amount

__all__ = ["known_fact", "measured"]

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


class Asked(Protocol):
    """The part of a request that is about days, measurements and facts."""

    @property
    def as_of(self) -> str | None:
        """Day of the price."""

    @property
    def released(self) -> str | None:
        """Day of the model."""

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

    @property
    def also(self) -> tuple[str, ...]:
        """Other sheets."""


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
        found.append((_amount(field, length, "token", limit), _amount(field, rest, unit, limit)))
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
    return truth.active_params, _amount("beside", its, "token/s", "MODEL:TOK_S, such as llama-3.3-70b:80")


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


def measured(evidence: Evidence, asked: Asked) -> Evidence:
    """The evidence of a sheet with its days, and with what was measured or disclosed.

    Prices of other sheets of the weights are averaged: sheets of one seller err together, so that they are one
    reading and not several.
    """
    prices = [evidence_of(in_usd(find_offer(name))[0]).input_usd_per_token for name in asked.also]
    every = [evidence.input_usd_per_token, *prices]
    priced = _year("as_of", asked.as_of, evidence.priced)
    released = _year("released", asked.released, priced if asked.as_of else evidence.released)
    if released > priced:
        raise InputError("released", asked.released or asked.as_of, "no later than the day of the price")
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
