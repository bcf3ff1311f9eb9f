"""Where a number comes from: value, unit, source, date and grade. Kept beside numbers, never inside arithmetic."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tokenroof.errors import InputError
from tokenroof.units import parse_unit

__all__ = ["Fact", "Grade", "assumed", "given", "worst_grade"]


class Grade(StrEnum):
    """How sure a number is, best first; `given`, a number of the user's own, stands outside that order."""

    MEASURED = "measured"
    SPEC = "spec"
    DERIVED = "derived"
    REPORTED = "reported"
    FITTED = "fitted"
    ASSUMED = "assumed"
    GIVEN = "given"

    @property
    def rank(self) -> int:
        """Place in the order, 0 the best; `given` comes before all, since nobody but the user can doubt it."""
        return -1 if self is Grade.GIVEN else list(Grade).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number with its provenance. `value` is in the SI base units of `unit`'s dimensions."""

    value: float
    unit: str
    source: str
    as_of: str
    grade: Grade = Grade.ASSUMED
    note: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InputError("value", self.value, "a finite number", "leave out what nobody recorded")
        if not self.source.strip():
            raise InputError("source", self.source, "a non-empty reference", "say who published the number")
        try:
            date.fromisoformat(self.as_of)
        except ValueError:
            raise InputError("as_of", self.as_of, "an ISO date such as 2026-11-22") from None
        parse_unit(self.unit)


def worst_grade(grades: Iterable[Grade]) -> Grade:
    """The grade of something computed: the worst among its leaves; with no leaf, derived."""
    return max(grades, key=lambda grade: grade.rank, default=Grade.DERIVED)


def assumed(value: float, unit: str, why: str, as_of: str = "2026-11-25") -> Fact:
    """A number that tokenroof chose; `why` is shown to the user."""
    return Fact(value=value, unit=unit, source=f"tokenroof default: {why}", as_of=as_of, grade=Grade.ASSUMED)


def given(value: float, unit: str, what: str = "", as_of: str = "2026-11-25") -> Fact:
    """A number that the user gave; `what` says which."""
    source = f"given by the user: {what}" if what else "given by the user"
    return Fact(value=value, unit=unit, source=source, as_of=as_of, grade=Grade.GIVEN)
