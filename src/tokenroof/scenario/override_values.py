"""What a what-if says: an absolute value with its unit, or a relative one such as 1.5x, +10 % or -10 %."""

import re
from dataclasses import dataclass

from tokenroof.errors import DataMissing, InputError
from tokenroof.provenance import Fact, given
from tokenroof.units import format_si, parse_quantity

__all__ = ["Amount", "Override", "Rule", "amount_of", "fact_of", "whole_or_number"]

_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_TIMES = re.compile(rf"({_NUMBER})\s*[x×]", re.ASCII)
_PERCENT = re.compile(rf"([-+])\s*({_NUMBER})\s*%", re.ASCII)
_SIGNED = re.compile(r"\+|.*%$", re.ASCII)
_BASES = {"TB/s": "B/s", "GB/s": "B/s", "GB": "B", "TFLOP/s": "FLOP/s", "us": "s"}


@dataclass(frozen=True, slots=True)
class Override:
    """One fact that was changed for one question. Text where layers differ or the fact is a word; None: had none."""

    field: str
    before: float | str | None
    after: float | str
    unit: str = "1"

    @property
    def text(self) -> str:
        """`chip.memory_bandwidth 3.35 TB/s -> 5.03 TB/s`."""
        return f"{self.field} {self._shown(self.before)} -> {self._shown(self.after)}"

    def _shown(self, value: float | str | None) -> str:
        if value is None or isinstance(value, str):
            return value or "none"
        return f"{value:,.10g}" if self.unit in ("1", "GPU", "token") else format_si(value, self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a field may become. `unit` is the one that an example is written in; `whole`: it counts something."""

    what: str
    unit: str = "1"
    low: float = 1.0
    high: float = 1e9
    whole: bool = False

    @property
    def base(self) -> str:
        """The SI unit in which the value is kept."""
        return _BASES.get(self.unit, self.unit)

    @property
    def limits(self) -> str:
        low, high = (self._number(limit) for limit in (self.low, self.high))
        return f"{'a whole number ' if self.whole else ''}from {low} to {high}"

    def _number(self, limit: float) -> str:
        return f"{limit:,.10g}" if self.whole else format_si(limit, self.base)


@dataclass(frozen=True, slots=True)
class Amount:
    """A value of a field as it was asked for: `factor` of what is there, or `value` in its stead."""

    field: str
    text: str
    rule: Rule
    factor: float | None = None
    value: float = 0.0

    def of(self, before: float | None, owner: str) -> float:
        """What the field becomes where it is `before`; checked against the rule."""
        if self.factor is None:
            return self._checked(self.value)
        if before is None:
            example = "give a number" if self.rule.unit == "1" else f"give a value in {self.rule.unit}"
            raise DataMissing(owner, self.field, f"so {self.text} of it says nothing", example)
        return self._checked(before * self.factor)

    def _checked(self, number: float) -> float:
        rule = self.rule
        if rule.whole and abs(number - round(number)) <= 1e-9 * max(1.0, abs(number)):
            number = float(round(number))
        if rule.whole and number != round(number):
            raise InputError(self.field, self.text, rule.limits, f"it would be {number:g}")
        if not rule.low <= number <= rule.high:
            raise InputError(self.field, self.text, rule.limits)
        return number


def amount_of(field: str, text: str, rule: Rule) -> Amount:
    """Read a value. InputError where it is neither relative nor a number; UnitError where the unit does not fit."""
    plain = text.strip()
    times, percent = _TIMES.fullmatch(plain), _PERCENT.fullmatch(plain)
    if times:
        return Amount(field, plain, rule, factor=float(times[1]))
    if percent:
        return Amount(field, plain, rule, factor=1.0 + float(f"{percent[1]}{percent[2]}") / 100.0)
    if _SIGNED.match(plain):
        raise InputError(field, text, "a value, or a change such as 1.5x, +10% or -10%")
    return Amount(field, plain, rule, value=parse_quantity(plain, rule.unit, bare=rule.whole))


def fact_of(value: float, rule: Rule, text: str) -> Fact:
    """The provenance of a changed figure."""
    return given(value, rule.base, f"set to {text}")


def whole_or_number(value: float, rule: Rule) -> float | int:
    """A count as an integer, anything else as it is."""
    return int(value) if rule.whole else value
