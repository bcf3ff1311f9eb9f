"""Answers as JSON: finite numbers only, and the versions that made them.

print(dump(answer))              one object, with `versions` at its end
with_versions(answer)            the same as plain data, for a web reply
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from tokenroof import __version__

__all__ = ["SCHEMA_VERSION", "dump", "finite_json", "versions", "with_versions"]

SCHEMA_VERSION = 1  # grows when a key of an answer is renamed, removed or changes its meaning


def finite_json(value: Any) -> Any:
    """Plain JSON data: dataclasses become objects, unlimited values null, enums their text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: finite_json(getattr(value, f.name)) for f in fields(value) if f.repr}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [finite_json(item) for item in value]
    return value


def versions() -> dict[str, str | int]:
    """Of the package, of the catalogue (the newest day of its figures), and of the shape of answers."""
    from tokenroof.catalog.machine_index import catalogue_date

    return {"package": __version__, "catalogue": catalogue_date(), "schema": SCHEMA_VERSION}


def with_versions(answer: Any) -> Any:
    """Plain data with `versions` as its last key. A list stays one: its rows have a shape that scripts rely on."""
    plain = finite_json(answer)
    return {**plain, "versions": versions()} if isinstance(plain, dict) else plain


def dump(answer: Any, *, plain: bool = False) -> str:
    """An answer as text, without a line feed at its end; `plain` in ASCII alone."""
    return json.dumps(with_versions(answer), indent=2, allow_nan=False, ensure_ascii=plain)
