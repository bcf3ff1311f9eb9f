"""What every importer of JSON result files shares: records one after the other, values with their kind, faults.

documents(path)        records of a file that holds one object, several with nothing between, or one a line
benchmarks(path, ...)  what a reader makes of each of them
Fields                 an object whose values are read with their kind
"""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tokenroof import reading
from tokenroof.errors import FileError, InputError, MissingExtra
from tokenroof.measure.importers.table import BadRow
from tokenroof.types.benchmark import Benchmark, Spread
from tokenroof.types.run import Fault

__all__ = [
    "Fields",
    "Reader",
    "benchmarks",
    "block",
    "documents",
    "flat",
    "keys_of",
    "month",
    "text_of",
    "yaml_documents",
]

_MOST_CHARACTERS = 200_000_000  # held whole: texts and gaps of some hundred thousand requests
_MOST_YAML = 30_000_000  # half a minute to read
_KEY = re.compile(r'"([^"\\\n]{1,80})"\s*:')
_NEXT = re.compile(r"\n[ \t\r]*(?=\{)")
_GAP = re.compile(r"[\s,\x1e]*")
_FIGURE = 1e18  # more than any count, rate or time of a benchmark

Reader = Callable[["Fields", int, str], Iterator[Benchmark | Fault]]


def keys_of(head: str) -> frozenset[str]:
    """Names of keys in the beginning of a JSON file, of whatever level."""
    return frozenset(_KEY.findall(head)) if head.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else frozenset()


def text_of(path: Path) -> str:
    """A whole file, plain or .gz; InputError where it is no text or too long."""
    try:
        with reading.opened(path, errors="strict") as file:
            text = file.read(_MOST_CHARACTERS + 1)
    except FileError as error:
        at = f"line {error.line}: " if error.line else ""
        raise InputError("file", str(path), "JSON in UTF-8 text", at + error.reason) from None
    if len(text) > _MOST_CHARACTERS:
        fix = "leave texts and gaps of single requests out"
        raise InputError("file", str(path), f"at most {_MOST_CHARACTERS:,} characters", fix)
    return text


def documents(path: Path) -> Iterator[tuple[int, Any] | Fault]:
    """(position, record) of each record; one that is cut off or broken is a Fault and the next ones are read.

    A list at the top is as many records as it has entries.
    """
    text = text_of(path)
    place = position = 0
    while (place := _GAP.match(text, place).end()) < len(text):  # type: ignore[union-attr]
        position += 1
        found, place, reason = reading.json_at(text, place)
        if reason:
            yield Fault(file=path.name, line=position, text=reason, place="record")
            follows = _NEXT.search(text, place + 1)
            if follows is None:
                return
            place = follows.end()
        elif isinstance(found, list):
            for one in found:
                yield position, one
                position += 1
            position -= 1
        else:
            yield position, found


def yaml_documents(path: Path) -> Iterator[tuple[int, Any] | Fault]:
    """The records of a YAML file; Python that it names is not run."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingExtra("results in YAML", "formats") from None
    text = text_of(path)
    if len(text) > _MOST_YAML:
        raise InputError("file", str(path), f"at most {_MOST_YAML:,} characters of YAML", "its JSON is read faster")
    try:
        yield from enumerate(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), start=1)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = "nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())[:120]
        yield Fault(file=path.name, line=mark.line + 1 if mark else 1, text=f"no YAML: {reason}")


def benchmarks(path: Path, read: Reader, *, in_yaml: bool = False) -> Iterator[Benchmark | Fault]:
    """What `read` makes of every record (its fields, position, file name); one that it refuses is a Fault."""
    for found in yaml_documents(path) if in_yaml else documents(path):
        if isinstance(found, Fault):
            yield found
            continue
        position, data = found
        try:
            if not isinstance(data, dict):
                raise BadRow("an object is expected" if in_yaml else "a JSON object is expected")
            yield from read(Fields(data), position, path.name)
        except BadRow as error:
            yield Fault(file=path.name, line=position, text=str(error), place="record")


class Fields:
    """An object of a file. What is absent or null is None; what has the wrong kind is told by its name."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: Any, at: str = "") -> None:
        self._data: dict[str, Any] = data if isinstance(data, dict) else {}
        self._at = at

    def __bool__(self) -> bool:
        return bool(self._data)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names in the order of the file."""
        return tuple(self._data)

    @property
    def plain(self) -> dict[str, Any]:
        """The object as it is."""
        return self._data

    def _bad(self, name: str, limit: str) -> BadRow:
        value = self._data[name]
        try:
            shown = " ".join(repr(value).split())[:40]
        except (ValueError, RecursionError):
            shown = f"a {type(value).__name__}"
        return BadRow(f"{self._at}{name} = {shown} must be {limit}")

    def number(self, *names: str, infinite: bool = False) -> float | None:
        """A number of at least 0 under the first of these names that has one; text that is a number counts."""
        for name in names:
            value = self._data.get(name)
            if value is None or value == "":
                continue
            if isinstance(value, str) and len(value) < 40:
                try:
                    value = float(value.replace(",", ""))
                except ValueError:
                    raise self._bad(name, "a number") from None
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self._bad(name, "a number")
            if infinite and value == math.inf:
                return math.inf
            if not 0 <= value < _FIGURE:  # NaN too
                raise self._bad(name, "finite and not negative")
            return float(value)
        return None

    def above(self, *names: str) -> float | None:
        """The same where 0 means that there was none to measure."""
        return self.number(*names) or None

    def needed(self, *names: str) -> float:
        """A number above 0 without which the record says nothing."""
        value = self.above(*names)
        if value is None:
            raise BadRow(f"{self._at}{names[0]} must be above 0")
        return value

    def count(self, *names: str) -> int | None:
        """A whole number of at least 1; 0 is none."""
        value = self.above(*names)
        if value is None:
            return None
        if value != int(value) or value > 1e9:
            name = next((one for one in names if self._data.get(one) not in (None, "")), names[0])
            raise self._bad(name, "a whole number of at least 1")
        return int(value)

    def text(self, *names: str) -> str:
        """A word of at most 200 characters; blank where there is none."""
        for name in names:
            value = self._data.get(name)
            if isinstance(value, str) and value.strip() and value.strip().lower() not in ("none", "null"):
                return " ".join(value.split())[:200]
        return ""

    def flag(self, *names: str) -> bool | None:
        """Yes or no, also as text; None where it is not said."""
        for name in names:
            value = self._data.get(name)
            if isinstance(value, bool):
                return value
            if isinstance(value, int) and value in (0, 1):
                return bool(value)
            if isinstance(value, str) and value.strip():
                return value.strip().lower() in ("1", "true", "yes", "on")
        return None

    def part(self, *names: str) -> "Fields":
        """An object under an object, and so on; empty where there is none."""
        data: Any = self._data
        for name in names:
            data = data.get(name) if isinstance(data, dict) else None
        return Fields(data, self._at + "".join(f"{name}." for name in names))

    def parts(self, name: str) -> list["Fields"]:
        """The objects of a list; anything else in it is left out."""
        value = self._data.get(name)
        found = value if isinstance(value, list) else []
        return [Fields(one, f"{self._at}{name}[{k}].") for k, one in enumerate(found) if isinstance(one, dict)]

    def list(self, name: str) -> list[Any] | None:
        """A list; None where there is none or it is empty."""
        value = self._data.get(name)
        if value is None or value == []:
            return None
        if not isinstance(value, list):
            raise self._bad(name, "a list")
        return value


def _spread(mean: float | None, std: float | None, places: dict[float, float | None]) -> Spread:
    kept = tuple(sorted((place, value) for place, value in places.items() if value is not None))
    return Spread(mean=mean, std=std, percentiles=kept if mean or any(value for _, value in kept) else ())


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def flat(fields: Fields, name: str, scale: float, ending: str = "") -> Spread:
    """A quantity whose figures are keys side by side: mean_NAME, median_NAME, std_NAME, p99_NAME, p99.9_NAME."""
    tail = f"_{name}{ending}"
    found = {float(one[1]): one[0] for key in fields.keys if (one := _place(key, tail)) is not None}
    places = {place: _scaled(fields.number(key), scale) for place, key in found.items() if 0 <= place <= 100}
    places.setdefault(50.0, _scaled(fields.number(f"median{tail}"), scale))
    mean, std = (_scaled(fields.number(f"{word}{tail}"), scale) for word in ("mean", "std"))
    return _spread(mean or None, std, places)


def _place(key: str, tail: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"p(\d{1,3}(?:\.\d{1,4})?)", key[: -len(tail)]) if key.endswith(tail) else None
    return None if match is None else (key, match[1])


# names of one object of figures -> percentile
_PLACES = {"median": 50.0, "p50": 50.0, "p001": 0.1, "p01": 1.0, "p05": 5.0, "p999": 99.9}


def block(fields: Fields, scale: float, mean: str = "mean") -> Spread:
    """A quantity whose figures are an object of their own: mean or avg, median, std, p90, percentiles."""
    places: dict[float, float | None] = {}
    inner = fields.part("percentiles")
    for part in (fields, inner):
        for key in part.keys:
            match = re.fullmatch(r"p(\d{1,2}(?:\.\d{1,4})?)", key)
            place = _PLACES.get(key) if part is inner or key in ("median", "p50") else None
            place = float(match[1]) if place is None and match is not None else place
            if place is not None and places.get(place) is None:
                places[place] = _scaled(part.number(key), scale)
    average = _scaled(fields.number(mean), scale)
    return _spread(average or None, _scaled(fields.number("std", "std_dev", "stddev"), scale), places)


def month(text: str) -> str:
    """The day of a date written as 20260901-101500, 2026-09-01T10:00:00Z and the like; blank for anything else."""
    found = re.match(r"(20\d\d)-?([01]\d)-?([0-3]\d)", text)
    return "-".join(found.groups()) if found else ""
