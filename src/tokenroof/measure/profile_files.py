"""Writes efficiency profiles as TOML: plain tables of numbers, a few digits each, so that a diff can be read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenroof.files import put

__all__ = ["toml_text", "write_toml"]

_DIGITS = 4


def _key(name: str) -> str:
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isalnum() and plain.isascii() else f'"{name}"'


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = f"{value:.{_DIGITS}g}"
        return text if any(mark in text for mark in ".en") else f"{text}.0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    raise TypeError(f"cannot write {type(value).__name__} as TOML")


def toml_text(tables: Mapping[str, Any], comment: str = "") -> str:
    """Top-level values first, then each table; a table of tables becomes one inline line per entry."""
    lines = [f"# {line}" for line in comment.splitlines()]
    lines += [f"{_key(name)} = {_value(v)}" for name, v in tables.items() if not isinstance(v, Mapping)]
    for name, table in tables.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{_key(name)}]"]
            for key, value in table.items():
                several = isinstance(value, list) and value and isinstance(value[0], Mapping)
                if several:
                    lines += [f"{_key(key)} = [", *(f"    {_value(one)}," for one in value), "]"]
                else:
                    lines.append(f"{_key(key)} = {_value(value)}")
    return "\n".join(lines) + "\n"


def write_toml(path: Path, tables: Mapping[str, Any], comment: str = "") -> None:
    """An interruption leaves the old file whole."""
    put(path, toml_text(tables, comment))
