"""Scenario files and changed scenarios, checked as every request is."""

import os
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints, overload

from tokenroof.errors import InputError
from tokenroof.scenario.files import read_data
from tokenroof.schema.parsing import parse
from tokenroof.types.scenario import Scenario, over

__all__ = ["changed", "named_scenario", "read_scenario"]

S = TypeVar("S", bound=Scenario)
_WORDS = {"true": True, "false": False}


@overload
def read_scenario(path: str | os.PathLike[str]) -> Scenario: ...
@overload
def read_scenario(path: str | os.PathLike[str], request_class: type[S]) -> S: ...
def read_scenario(path: str | os.PathLike[str], request_class: type[Any] = Scenario) -> Any:
    """The scenario of a TOML or JSON file; InputFaults has every fault, the file's name before each."""
    return parse(request_class, read_data(path), Path(path).name)


def changed(scenario: S, **options: Any) -> S:
    """The scenario with other values for some fields, checked like a new one; texts with units are read."""
    given = {one.name: getattr(scenario, one.name) for one in fields(scenario) if one.init}
    return parse(type(scenario), over(given, options))


@cache
def _flags_of(request_class: type) -> frozenset[str]:
    """Fields that are true or false."""
    hints = get_type_hints(request_class)
    return frozenset(name for name, hint in hints.items() if hint is bool or bool in get_args(hint))


def _named(text: str, request_class: type) -> dict[str, Any]:
    """The fields of `MODEL@SYSTEM,tp=8,weight_dtype=fp8`; words of flags are read, all else is when it is checked."""
    head, *pairs = text.split(",")
    model, at, system = head.partition("@")
    if not at or not model or not system:
        raise InputError("scenario", text, "MODEL@SYSTEM or a scenario file", "such as llama-3.3-70b@8xh100,tp=8")
    found: dict[str, Any] = {"model": model, "system": system}
    for pair in pairs:
        field, equals, value = pair.partition("=")
        if not equals:
            raise InputError("scenario", text, "field=value after the comma", f"{pair!r} has no value")
        name, word = field.strip().replace("-", "_"), value.strip()
        found[name] = _WORDS.get(word.lower(), word) if name in _flags_of(request_class) else word
    return found


def named_scenario(text: str, request_class: type[S], common: Mapping[str, Any]) -> S:
    """A scenario file, or `MODEL@SYSTEM,tp=8,weight_dtype=fp8`; `common` holds where the text says nothing."""
    own = read_data(text) if text.endswith((".toml", ".json")) else _named(text, request_class)
    return parse(request_class, over(common, own), text)
