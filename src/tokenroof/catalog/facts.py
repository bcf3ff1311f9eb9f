"""Reading facts: a number from a file becomes a Fact in SI units, or one error that says where and why not.

A fact is a table, `{value = 3.35, unit = "TB/s", source = "key", as_of = "2026-08-01", grade = "spec"}`,
or text, `"3.35 TB/s"`, where the file's `[defaults]` give source, date and grade. A source is a key of
sources.toml or plain text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError, UnitError
from tokenroof.provenance import Fact, Grade
from tokenroof.reading import read_toml as _read
from tokenroof.units import parse_quantity, parse_unit

__all__ = ["MAX_FILE_BYTES", "Entry", "Range", "read_toml"]

MAX_FILE_BYTES = 256_000
_FACT_KEYS = frozenset({"value", "unit", "source", "as_of", "grade", "note"})
_DEFAULT_KEYS = frozenset({"source", "as_of", "grade"})


@dataclass(frozen=True, slots=True)
class Range:
    """The unit a field is kept in and the values it may have, in that unit; `whole` for counts."""

    unit: str
    low: float
    high: float
    whole: bool = False

    @property
    def text(self) -> str:
        what = "a whole number " if self.whole else ""
        return f"{what}from {self.low:g} to {self.high:g}" + ("" if self.whole else f" {self.unit}")


def read_toml(path: Path, limit: int = MAX_FILE_BYTES) -> dict[str, Any]:
    """Parse a TOML file of at most `limit` bytes; anything wrong with it is one InputError."""
    return _read(path, most=limit)


def _shown(name: object) -> str:
    """A key or file name as one short line, whatever it holds."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(name)[:61])
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(raw: object) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    try:
        return float(raw)
    except OverflowError:
        return math.inf


@dataclass(frozen=True, slots=True)
class Entry:
    """One table of one file, read field by field. `where` names file and entry in errors."""

    where: str
    table: Mapping[str, Any]
    defaults: Mapping[str, str]
    sources: Mapping[str, str]

    @classmethod
    def top(cls, where: str, table: Mapping[str, Any], sources: Mapping[str, str]) -> "Entry":
        """The whole file, with its `[defaults]` checked."""
        where = _shown(where)
        entry = cls(where, table, {}, sources)
        given = entry._section("defaults")
        entry.child(given, "defaults").only(_DEFAULT_KEYS)
        for key, value in given.items():
            if not isinstance(value, str):
                raise InputError(f"{where}: defaults.{key}", value, "text")
        return cls(where, table, dict(given), sources)

    def _section(self, name: str) -> Mapping[str, Any]:
        value = self.table.get(name, {})
        if not isinstance(value, dict):
            raise InputError(self.field(name), value, "a table")
        return value

    def child(self, table: Mapping[str, Any], name: str) -> "Entry":
        return Entry(self.field(name), table, self.defaults, self.sources)

    def section(self, name: str) -> "Entry":
        """A sub-table; an absent one reads as empty."""
        return self.child(self._section(name), name)

    def field(self, key: str) -> str:
        """How an error names this field: file, entry, key."""
        shown = _shown(key)
        return f"{self.where}.{shown}" if ": " in self.where else f"{self.where}: {shown}"

    def only(self, allowed: Sequence[str] | frozenset[str]) -> None:
        """Refuse keys that nobody reads: most are slips of the pen."""
        for key in self.table:
            if key not in allowed:
                from tokenroof.registry import nearest

                close = nearest(str(key), allowed, 1)
                fix = f"did you mean {close[0]}?" if close else "remove it"
                raise InputError(self.field(str(key)), "unknown key", f"one of {', '.join(sorted(allowed))}", fix)

    def text(self, key: str, default: str | None = None, limit: int = 400) -> str:
        """A line of text; required where there is no default."""
        value = self.table.get(key, default)
        if value is None:
            raise InputError(self.field(key), None, "given", "the file lacks it")
        if not isinstance(value, str) or (not value.strip() and default is None):
            raise InputError(self.field(key), value, "non-empty text")
        if len(value) > limit or not value.isprintable():
            raise InputError(self.field(key), value, f"one printable line of at most {limit} characters")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of lines; empty where absent."""
        value = self.table.get(key, [])
        if not isinstance(value, list) or len(value) > 64:
            raise InputError(self.field(key), value, "a list of at most 64 texts")
        return tuple(Entry(self.where, {key: item}, {}, {}).text(key) for item in value)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A count within limits that is no fact of its own (a year, a number of racks)."""
        value = self.table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InputError(self.field(key), value, f"a whole number from {low} to {high}")
        return value

    def fact(self, key: str, allowed: Range) -> Fact | None:
        """The fact under `key` in SI units; None where the file does not have it."""
        return None if key not in self.table else self._fact(key, self.table[key], allowed)

    def required(self, key: str, allowed: Range) -> Fact:
        """The fact under `key`; refused where the file does not have it."""
        found = self.fact(key, allowed)
        if found is None:
            raise InputError(self.field(key), None, f"given, {allowed.text}", "the file lacks it")
        return found

    def _fact(self, key: str, raw: object, allowed: Range) -> Fact:
        given: Mapping[str, Any] = raw if isinstance(raw, dict) else {"value": raw}
        self.child(given, key).only(_FACT_KEYS)
        inside = Entry(self.field(key), {**self.defaults, **given}, {}, {})
        value = self._value(key, given, allowed)
        note = inside.text("note", "")
        source = self._provenance(key, inside, "source", "who published the number")
        as_of = self._provenance(key, inside, "as_of", "a date such as 2026-08-01")
        grade = inside.text("grade", Grade.ASSUMED)
        if grade not in tuple(Grade):
            raise InputError(inside.field("grade"), grade, f"one of {', '.join(Grade)}")
        try:
            date.fromisoformat(as_of)
        except ValueError:
            raise InputError(inside.field("as_of"), as_of, "an ISO date such as 2026-08-01") from None
        return Fact(
            value=value,
            unit=allowed.unit,
            source=self.sources.get(source, source),
            as_of=as_of,
            grade=Grade(grade),
            note=note,
        )

    def _provenance(self, key: str, inside: "Entry", name: str, fix: str) -> str:
        if not str(inside.table.get(name, "")).strip():
            raise InputError(f"{self.field(key)}.{name}", None, "given here or in [defaults]", fix)
        return inside.text(name)

    def _value(self, key: str, given: Mapping[str, Any], allowed: Range) -> float:
        raw, unit = given.get("value"), given.get("unit")
        field = self.field(key)
        if unit is not None and not isinstance(unit, str):
            raise InputError(f"{field}.unit", unit, "text such as TB/s")
        try:
            value = self._parsed(raw, unit, allowed)
        except UnitError as error:
            raise InputError(field, raw, f"in units of {allowed.unit}", str(error)[:160]) from None
        except (ValueError, OverflowError, ZeroDivisionError):
            raise InputError(field, raw, f"a number in units of {allowed.unit}") from None
        if value is None:
            raise InputError(field, raw, f"a number with a unit of {allowed.unit}, such as '3.35 TB/s'")
        if not allowed.low <= value <= allowed.high or (allowed.whole and value != int(value)):
            raise InputError(field, raw, allowed.text)
        return value

    def _parsed(self, raw: object, unit: str | None, allowed: Range) -> float | None:
        if isinstance(raw, str) and unit is None and len(raw) <= 80:
            return parse_quantity(raw, allowed.unit, bare=False)
        number = _number(raw)
        if number is None or (unit is None and not allowed.whole):
            return None
        parsed, wanted = parse_unit(unit or allowed.unit), parse_unit(allowed.unit)
        if parsed.dims != wanted.dims:
            raise UnitError(f"{unit} does not measure the same as {allowed.unit}")
        return number * parsed.scale / wanted.scale
