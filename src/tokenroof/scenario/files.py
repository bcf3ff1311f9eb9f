"""Scenario files: TOML that people keep, JSON that programs write. Plain data here; the schema checks it."""

import json
import os
from dataclasses import MISSING, fields
from typing import Any

from tokenroof.errors import InputError
from tokenroof.reading import expanded, parse_json, parse_toml, read_text
from tokenroof.types.scenario import Scenario

__all__ = ["read_data", "to_toml"]

_FIELD = "scenario file"


def read_data(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a scenario file holds, as plain data: JSON where its name ends so, else TOML."""
    where = expanded(path, _FIELD)
    text = read_text(where, _FIELD)
    if where.suffix.lower() != ".json":
        return parse_toml(text, where.name, _FIELD)
    data = parse_json(text, where.name, _FIELD)
    if not isinstance(data, dict):
        raise InputError(_FIELD, where.name, "a JSON object of fields and values")
    return data


def _written(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # a JSON string is a TOML string
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def to_toml(scenario: Scenario) -> str:
    """A scenario as a TOML file: what differs from the defaults, so that a file says what was asked."""
    lines = []
    for one in fields(Scenario):
        value = getattr(scenario, one.name)
        if one.name != "set" and (one.default is MISSING or value != one.default):
            lines.append(f"{one.name} = {_written(value)}")
    if scenario.set:
        rows = ", ".join(f"{_written(f'{name}={value}')}" for name, value in scenario.set)
        lines.append(f"set = [{rows}]")
    return "\n".join(lines) + "\n"
