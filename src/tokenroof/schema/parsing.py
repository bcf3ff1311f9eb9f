"""Plain data to a request: any frozen dataclass, read by its type hints and the limits beside its fields."""

import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_type_hints

from tokenroof.errors import InputError, InputFaults, faults_of
from tokenroof.registry import nearest
from tokenroof.schema.readers import Reader, reader_of, step_to
from tokenroof.types.scenario import NEEDS, Scenario, scenario_faults

__all__ = ["parse"]

T = TypeVar("T")


@cache
def _readers(request_class: type) -> Mapping[str, Reader]:
    hints = get_type_hints(request_class, include_extras=True)
    return {one.name: reader_of(hints[one.name], _nested) for one in fields(request_class) if one.init}


@cache
def _without_default(request_class: type) -> tuple[str, ...]:
    return tuple(
        one.name
        for one in fields(request_class)
        if one.init and one.default is MISSING and one.default_factory is MISSING
    )


def _nested(request_class: type, value: Any, path: str) -> Any:
    faults: list[InputError] = []
    found = _read(request_class, value, f"{path}.", faults)
    if faults:
        raise InputFaults(faults)
    return found


def _plain(data: Any) -> Any:
    """An object of a data class as its fields: objects made in Python are checked as JSON is."""
    if is_dataclass(data) and not isinstance(data, type):
        return {one.name: getattr(data, one.name) for one in fields(data) if one.init}
    return data


def _unknown(name: Any, known: Mapping[str, Reader], before: str) -> InputError:
    near = nearest(name[:80], known, 1) if isinstance(name, str) else ()
    path = step_to(before.rstrip("."), name)
    return InputError(path, ..., "the name of a field", f"nearest: {before}{near[0]}" if near else "")


def _read(request_class: type, data: Any, before: str, faults: list[InputError]) -> Any:
    """The request, or None with its faults in the list."""
    data = _plain(data)
    if not isinstance(data, Mapping):
        faults.append(InputError(before.rstrip(".") or "request", data, "a table of fields and values"))
        return None
    known, required = _readers(request_class), _without_default(request_class)
    values: dict[str, Any] = {}
    at_start = len(faults)
    for name, value in data.items():
        if name not in known:
            faults.append(_unknown(name, known, before))
            continue
        try:
            values[name] = known[name](value, f"{before}{name}")
        except InputError as error:
            if value is not None or name in required:
                faults.extend(faults_of(error))  # None for what has a default means: not given
    faults += [InputError(f"{before}{name}", ..., "given") for name in required if name not in data]
    faults += _joined(request_class, values, data)
    if len(faults) > at_start:
        return None
    try:
        return request_class(**values)
    except InputError as error:
        faults.extend(faults_of(error))
        return None


def _joined(request_class: type, values: Mapping[str, Any], given: Mapping[Any, Any]) -> tuple[InputError, ...]:
    """Faults between fields, of the fields that are right by themselves."""
    if not issubclass(request_class, Scenario):
        return ()
    own = {one.name: values[one.name] for one in fields(Scenario) if one.name in values}
    # what its field needs was given, and has a fault of its own
    answered = {name for name, needed in NEEDS.items() if given.get(needed) is not None and needed not in values}
    return scenario_faults(Scenario(**{"model": "", "system": "", **own}), request_class.alone | answered)


def parse(request_class: type[T], data: Mapping[str, Any], where: str = "") -> T:
    """The request that plain data holds; InputFaults has every fault, `where` (a file) before each.

    Numbers are SI and may be text with a unit ("50ms", "128k"); None for a field with a default means: not given.
    """
    faults: list[InputError] = []
    found = _read(request_class, data, "", faults)
    if faults:
        raise InputFaults(faults, where)
    return typing.cast(T, found)
