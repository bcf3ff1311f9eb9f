"""Scenario files and changed scenarios, checked as every request is."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, overload

from tokenroof.scenario.files import read_data
from tokenroof.schema.parsing import parse
from tokenroof.types.scenario import Scenario, over

__all__ = ["changed", "read_scenario"]

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
