"""How one field is read: a function for each type hint, which knows the limits written beside the field."""

import math
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from tokenroof.errors import InputError, InputFaults, UnitError, faults_of
from tokenroof.registry import nearest
from tokenroof.types.limits import OneOf, Pairs, Parts, Percentile, Within, percentile_of
from tokenroof.units import parse_amount

__all__ = ["Reader", "reader_of", "step_to"]

Reader = Callable[[Any, str], Any]  # (value, path of the field) -> what the request holds; InputError
Nested = Callable[[type, Any, str], Any]

_UNITS = {"tokens": "token", "dollars": "USD"}
# a prefix alone is no unit of these: 64G is refused
_QUANTITIES = {"seconds": "s", "bytes": "B", "B/s": "B/s", "FLOP/s": "FLOP/s", "requests a second": "request/s"}
_EXAMPLES = {
    "B/s": "write 3.35TB/s",
    "FLOP/s": "write 989e12 or 989TFLOP/s",
    "bytes": "write 64GiB or 64GB",
    "requests a second": "write 0.5 or 30/min",
    "seconds": 'write 0.05 or "50ms"',
    "tokens": "write 128000, 128k (128,000) or 128Ki (131,072)",
}


def reader_of(hint: Any, nested: Nested, limits: tuple[Any, ...] = ()) -> Reader:
    """The reader of a type hint. `nested` reads the data classes in it; `limits` hold for the numbers and words."""
    if get_origin(hint) is Annotated:
        return reader_of(get_args(hint)[0], nested, (*limits, *get_args(hint)[1:]))
    if any(isinstance(limit, Pairs) for limit in limits):
        return _pairs
    if any(isinstance(limit, Percentile) for limit in limits):
        (span,) = (limit for limit in limits if isinstance(limit, Within))
        return partial(_first, [partial(_limit, span)], True)
    parts = next((limit for limit in limits if isinstance(limit, Parts)), None)
    if parts is not None:
        return partial(_first, [partial(_parts, parts)], type(None) in get_args(hint))
    if hint in (int, float):
        within = next((limit for limit in limits if isinstance(limit, Within)), None)
        return partial(_number, within or Within(-math.inf, math.inf), hint is int, within is None)
    if hint is str:
        words = next((limit.words for limit in limits if isinstance(limit, OneOf)), None)
        return _text if words is None else partial(_word, words)
    if hint is bool:
        return _flag
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(_object, hint, nested)
    return _reader_of_many(hint, nested, limits)


def _reader_of_many(hint: Any, nested: Nested, limits: tuple[Any, ...]) -> Reader:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (typing.Union, types.UnionType):
        others = [reader_of(part, nested, limits) for part in parts if part is not type(None)]
        return partial(_first, others, len(others) < len(parts))
    if origin is Literal:
        return partial(_word, parts)
    if origin is tuple and parts[1:] != (...,):
        return partial(_row, [reader_of(part, nested, limits) for part in parts])
    if origin in (tuple, list, frozenset) or (
        isinstance(origin, type) and issubclass(origin, Iterable) and parts[1:] == ()
    ):
        made = origin if origin in (list, frozenset) else tuple
        return partial(_many, reader_of(parts[0], nested, limits), parts[0] is str, made)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return partial(_table, reader_of(parts[1], nested, limits))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return partial(_member, hint)
    if isinstance(hint, type) and issubclass(hint, Path):
        return _path
    return partial(_object, hint, None) if isinstance(hint, type) else lambda value, path: value


def _number(within: Within, whole: bool, free: bool, value: Any, path: str) -> float:
    kind = f"a {'whole ' if whole else ''}number" + (f" of {within.what}" if within.what else "")
    example = _EXAMPLES.get(within.what, "")
    if isinstance(value, bool) or not isinstance(value, Real | str):
        raise InputError(path, value, kind, example)
    try:
        number = _read(value, within.what) if isinstance(value, str) else float(value)
    except UnitError:
        raise InputError(path, value, kind, example) from None
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InputError(path, value, "a finite number" if free else within.text, example)
    if whole and number != int(number):
        raise InputError(path, value, kind, example)
    if not within.holds(number):
        raise InputError(path, value, within.text, within.mends(number))
    if not whole:
        return number
    return int(value) if isinstance(value, Integral) else int(number)  # an integer of 60 digits stays exact


def _limit(within: Within, value: Any, path: str) -> float | str:
    """A number, or one with a percentile before it, which stays a text."""
    if isinstance(value, str):
        percentile, rest = percentile_of(value, path)
        if percentile is not None:
            try:
                _number(within, False, False, rest, path)
            except InputError as error:  # the whole of what was written, not its end
                form = f"a percentile with {error.limit} behind it: p99:2s"
                raise InputError(path, value, form, error.fix.removeprefix(_EXAMPLES["seconds"])) from None
            return value.strip()
    return _number(within, False, False, value, path)


def _read(text: str, what: str) -> float:
    return parse_amount(text, _QUANTITIES.get(what) or _UNITS.get(what, "1"))


def _text(value: Any, path: str) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise InputError(path, value, "text")
    return value


def _word(words: tuple[Any, ...], value: Any, path: str) -> Any:
    if not any(value == word and type(value) is type(word) for word in words):
        near = nearest(value[:80], words, 1) if isinstance(value, str) else ()
        raise InputError(path, value, f"one of {', '.join(map(str, words))}", f"nearest: {near[0]}" if near else "")
    return value


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(path, value, "true or false")
    return value


def _member(kind: type[Enum], value: Any, path: str) -> Enum:
    if isinstance(value, kind):
        return value
    found = {one.value: one for one in kind}
    return found[_word(tuple(found), value, path)]


def _path(value: Any, path: str) -> Path:
    return Path(_text(value, path))


def _object(kind: type, nested: Nested | None, value: Any, path: str) -> Any:
    """A data class from a table; of other classes only an object itself will do."""
    if nested is not None and isinstance(value, Mapping | kind):
        return nested(kind, value, path)
    if not isinstance(value, kind):
        raise InputError(path, value, "a table of fields and values" if nested else f"a {kind.__name__}")
    return value


def _first(readers: list[Reader], optional: bool, value: Any, path: str) -> Any:
    """What the first reader makes of it that can; else the faults of the last."""
    if value is None and optional:
        return None
    for read in readers[:-1]:
        try:
            return read(value, path)
        except InputError:
            continue
    return readers[-1](value, path)


def _each(readers: Iterable[Reader], values: Iterable[Any], path: str) -> list[Any]:
    found, faults = [], list[InputError]()
    for index, (read, value) in enumerate(zip(readers, values, strict=False)):
        try:
            found.append(read(value, f"{path}[{index}]"))
        except InputError as error:
            faults.extend(faults_of(error))
    if faults:
        raise InputFaults(faults)
    return found


def _listed(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _row(readers: list[Reader], value: Any, path: str) -> tuple[Any, ...]:
    values = list(value) if _listed(value) else None
    if values is None or len(values) != len(readers):
        raise InputError(path, value, f"a list of {len(readers)} values")
    return tuple(_each(readers, values, path))


def _many(read: Reader, texts: bool, made: Callable[[list[Any]], Any], value: Any, path: str) -> Any:
    """A list; one value stands for a list of one, and text with commas for a list of numbers."""
    if isinstance(value, str):
        value = [value] if texts else [part.strip() for part in value.split(",")]
    values = list(value) if _listed(value) else [value]
    return made(_each([read] * len(values), values, path))


def step_to(path: str, name: object) -> str:
    """The path of a field below another, quoted where a name of its own would not fit into one line."""
    plain = isinstance(name, str) and len(name) <= 60 and name.replace("-", "_").replace(".", "_").isidentifier()
    shown = str(name) if plain else repr(name)[:60]
    return f"{path}.{shown}" if path else shown


def _table(read: Reader, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(path, value, "a table of names and values")
    found, faults = {}, list[InputError]()
    for name, one in value.items():
        try:
            found[_text(name, path)] = read(one, step_to(path, name))
        except InputError as error:
            faults.extend(faults_of(error))
    if faults:
        raise InputFaults(faults)
    return found


def _flat(table: Mapping[Any, Any], before: str = "", levels: int = 4) -> Iterable[tuple[Any, Any]]:
    """In TOML `chip.memory_bandwidth = "1.5x"` is a table in a table: its levels are the dots of one name."""
    for name, value in table.items():
        dotted = f"{before}.{name}" if before else name
        if isinstance(value, Mapping) and levels:
            yield from _flat(value, dotted, levels - 1)
        else:
            yield dotted, value


def _parts(form: Parts, value: Any, path: str) -> tuple[float, ...]:
    """A text such as `3:1`, or its numbers."""
    given = value
    if isinstance(value, str):
        texts = [part.strip().lower() for part in value.split(form.separator)]
        value = [text.removesuffix(form.suffix) if form.suffix else text for text in texts]
    values = list(value) if _listed(value) else []
    free = Within(-math.inf, math.inf)
    try:
        if len(values) in form.counts:
            return tuple(_number(free, False, True, one, path) for one in values)
    except InputError:
        pass
    raise InputError(path, given, f"{form.example}, all numbers")


def _pairs(value: Any, path: str) -> tuple[tuple[str, str], ...]:
    form = 'a table of names and values, or texts such as "chip.memory_bandwidth=1.5x"'
    rows: Any = _flat(value) if isinstance(value, Mapping) else [value] if isinstance(value, str) else value
    if not isinstance(rows, Iterable) or isinstance(rows, bytes):
        raise InputError(path, value, form)
    found = []
    for row in rows:
        pair = row.partition("=")[::2] if isinstance(row, str) else tuple(row) if _listed(row) else ()
        if len(pair) != 2 or not all(isinstance(part, str | Real) and not isinstance(part, bool) for part in pair):
            raise InputError(path, row, form)
        name, written = str(pair[0]).strip(), str(pair[1]).strip()
        if not name or not written or len(name) > 200 or len(written) > 200:
            raise InputError(path, row, form)
        found.append((name, written))
    return tuple(found)
