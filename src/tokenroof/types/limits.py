"""Limits of inputs, written beside the field: `Annotated[float | None, Within(1.0, 1e9, "tokens")]`.

The schema reads them and checks every request from every door; `faults_of` says them of an object made in Python.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Annotated, Any, cast, get_args, get_type_hints

from tokenroof.errors import InputError

__all__ = [
    "Count", "Degree", "Dollars", "OneOf", "Pairs", "Parts", "Pause", "Percentile", "Rate", "Requests", "Seconds",
    "Share", "Tokens", "TpotLimit", "TpotLimits", "TtftLimit", "TtftLimits", "Within", "faults_of", "percentile_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Within:
    """A finite number from `low` to `high`, both allowed (`above`: `low` itself is not). `what` says what it counts.

    `fix` mends a number beyond `high`; {value} and {milli} in it are the number and a thousandth of it. `low_fix`
    mends one below `low`.
    """

    low: float
    high: float
    what: str = ""
    above: bool = False
    fix: str = ""
    low_fix: str = ""

    @property
    def text(self) -> str:
        """The limit in words: `from 1 to 100,000 GPUs`."""
        low, high = _plain(self.low), _plain(self.high)
        span = f"more than {low} and at most {high}" if self.above else f"from {low} to {high}"
        return f"{span} {self.what}".rstrip()

    def mends(self, number: float) -> str:
        """What to write instead; blank where nothing better is known than the limit."""
        if number > self.high:
            return self.fix.format(value=number, milli=number / 1e3)
        return self.low_fix if number < self.low else ""

    def holds(self, number: float) -> bool:
        """Whether the number is inside; NaN is not."""
        return self.low <= number <= self.high and not (self.above and number == self.low)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping, a list of pairs or of texts `name=value`; kept as pairs of text in the order given."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Numbers in a row, or a text with a separator between them: `3:1`; `example` says how it is written.

    `suffix` may stand behind each number: `6x,2.5x`.
    """

    separator: str
    counts: tuple[int, ...]
    example: str
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile may stand before the number: `p99:2s`. Such a limit is kept as it was written."""


_PERCENTILE = re.compile(r"p(\d{1,9}(?:\.\d{1,9})?)", re.IGNORECASE)
_LEAST_PERCENTILE, _MOST_PERCENTILE = 50.0, 99.999


def percentile_of(text: str, field: str) -> tuple[float | None, str]:
    """`p99:2s` as 99 and `2s`; None where no percentile stands before the colon. InputError for one out of range."""
    head, colon, rest = text.strip().partition(":")
    found = _PERCENTILE.fullmatch(head.strip())
    if not colon or found is None:
        return None, text
    number = float(found[1])
    if not _LEAST_PERCENTILE <= number <= _MOST_PERCENTILE:
        raise InputError(field, text, f"a percentile from p{_LEAST_PERCENTILE:g} to p{_MOST_PERCENTILE:g}")
    if not rest.strip():
        raise InputError(field, text, "a percentile with its limit: p99:2s")
    return number, rest


def _plain(number: float) -> str:
    return f"{number:,.10g}" if abs(number) < 1e6 else f"{number:g}".replace("e+0", "e").replace("e+", "e")


_MILLI = 'write {milli:g} or "{value:g}ms"'

Degree = Annotated[int | None, Within(1, 100_000, "GPUs")]
Count = Annotated[int | None, Within(0, 1e9)]
Tokens = Annotated[float | None, Within(1.0, 1e9, "tokens")]
Requests = Annotated[float | None, Within(0.0, 1e9, "requests", above=True)]
Rate = Annotated[float | None, Within(0.0, 1e9, "requests a second", above=True)]
Seconds = Annotated[float | None, Within(0.0, 1e6, "seconds", above=True)]
# No token takes ten seconds and no reader waits half an hour for the first one: such numbers are meant in ms.
_TTFT = Within(0.0, 1800.0, "seconds", above=True, fix=_MILLI)
_TPOT = Within(0.0, 10.0, "seconds", above=True, fix=_MILLI)
TtftLimit = Annotated[float | None, _TTFT]
TpotLimit = Annotated[float | None, _TPOT]
# The same where a percentile may be asked for.
TtftLimits = Annotated[float | str | None, _TTFT, Percentile()]
TpotLimits = Annotated[float | str | None, _TPOT, Percentile()]
Pause = Annotated[float | None, Within(0.0, 1e6, "seconds")]
Dollars = Annotated[float | None, Within(0.0, 1e6, "dollars")]
Share = Annotated[float | None, Within(0.0, 1.0)]


@lru_cache(maxsize=64)
def _limits_of(cls: Any) -> tuple[tuple[str, Within | OneOf], ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple(
        (field.name, extra)
        for field in fields(cls)
        for extra in _extras(hints[field.name])
        if isinstance(extra, Within | OneOf)
    )


def _extras(hint: Any) -> tuple[Any, ...]:
    """What stands beside the type in Annotated, also inside a union."""
    beside = tuple(getattr(hint, "__metadata__", ()))
    return beside + tuple(extra for part in get_args(hint) if hasattr(part, "__metadata__") for extra in _extras(part))


def _fault(name: str, value: Any, limit: Within | OneOf) -> InputError | None:
    if isinstance(value, tuple):
        return next((found for one in value if (found := _fault(name, one, limit)) is not None), None)
    if isinstance(limit, OneOf):
        return None if value in limit.words else InputError(name, value, f"one of {', '.join(limit.words)}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return InputError(name, value, "a number")
    if limit.holds(value):
        return None
    return InputError(name, value, limit.text, limit.mends(value))


def faults_of(request: Any) -> tuple[InputError, ...]:
    """Every value of a request that is outside its limits; None is always allowed."""
    found = (
        _fault(name, value, limit)
        for name, limit in _limits_of(cast(Hashable, type(request)))
        if (value := getattr(request, name)) is not None
    )
    return tuple(fault for fault in found if fault is not None)
