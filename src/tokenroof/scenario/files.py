"""Scenario files: TOML that people keep, JSON that programs write. Plain data here; the schema checks it."""

import json
import os
import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError
from tokenroof.types.scenario import Scenario

__all__ = ["MOST_BYTES", "parse_toml", "read_data", "read_file", "to_toml"]

MOST_BYTES = 1_000_000

# A dotted key of this depth: no file needs one, and the TOML reader takes time that grows with its square.
_DEEP_KEY = re.compile(r"""(?:(?:(?<![\w-])[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")


def read_file(path: Path, what: str, too_long: str = "") -> str:
    """The text of a file of at most 1 MB; InputError names it `what`."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise InputError(what, str(path), "a file that can be read", getattr(error, "strerror", "") or "") from None
    if len(data) > MOST_BYTES:
        raise InputError(what, str(path), f"at most {MOST_BYTES:,} bytes", too_long)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(what, str(path), "UTF-8 text", f"byte {error.start} is not") from None


def parse_toml(text: str, where: str, what: str = "spec file") -> dict[str, Any]:
    """TOML to plain data; InputError with the line for what is not TOML."""
    if _DEEP_KEY.search(text):
        raise InputError(what, where, "a TOML file of a few levels", "a key in it has more than 32 parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(what, where, "a TOML file of a few levels", "it is nested too deep") from None
    except ValueError as error:
        raise InputError(what, where, "a TOML file", " ".join(str(error).split())[:200]) from None


def _parse_json(text: str, where: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except RecursionError:
        raise InputError("scenario file", where, "a JSON file of a few levels", "it is nested too deep") from None
    except ValueError as error:
        raise InputError("scenario file", where, "a JSON file", " ".join(str(error).split())[:200]) from None
    if not isinstance(data, dict):
        raise InputError("scenario file", where, "a JSON object of fields and values")
    return data


def read_data(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a scenario file holds, as plain data: JSON where its name ends so, else TOML."""
    where = Path(path)
    text = read_file(where, "scenario file")
    if where.suffix.lower() == ".json":
        return _parse_json(text, where.name)
    return parse_toml(text, where.name, "scenario file")


def _written(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # a JSON string is a TOML string
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
