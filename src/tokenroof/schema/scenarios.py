"""Scenario files and changed scenarios, checked as every request is."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, overload

from tokenroof.errors import InputError
from tokenroof.scenario.files import read_data
from tokenroof.schema.parsing import parse
from tokenroof.types.scenario import Scenario, over

__all__ = ["changed", "named_scenario", "read_scenario"]

S = TypeVar("S", bound=Scenario)


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


def _named(text: str) -> dict[str, Any]:
    """The fields of `MODEL@SYSTEM,tp=8,weight_dtype=fp8`."""
    name, *pairs = text.split(",")
    model, at, system = name.partition("@")
    if not at or not model or not system:
        raise InputError("scenario", text, "MODEL@SYSTEM or a scenario file", "such as llama-3.3-70b@8xh100,tp=8")
    found = {"model": model, "system": system}
    for pair in pairs:
        field, equals, value = pair.partition("=")
        if not equals:
            raise InputError("scenario", text, "field=value after the comma", f"{pair!r} has no value")
        found[field.strip().replace("-", "_")] = value.strip()
    return found


def named_scenario(text: str, request_class: type[S], common: Mapping[str, Any]) -> S:
    """A scenario file, or `MODEL@SYSTEM,tp=8,weight_dtype=fp8`; `common` holds where the text says nothing."""
    own = read_data(text) if text.endswith((".toml", ".json")) else _named(text)
    return parse(request_class, over(common, own), text)
