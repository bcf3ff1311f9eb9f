"""The edge: requests and files as plain data, read once, every fault reported with the path of its field.

Names load on first use: pydantic, which describes requests as JSON Schema and reads sweep files, is not needed to
read a request.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_LAZY = {
    "MOST_BYTES": "sweep_file",
    "REQUESTS": "requests",
    "SweepFile": "sweep_file",
    "changed": "scenarios",
    "json_schema": "requests",
    "named_scenario": "scenarios",
    "parse": "parsing",
    "parse_sweep_spec": "sweep_file",
    "parse_toml": "sweep_file",
    "read_scenario": "scenarios",
    "read_sweep_spec": "sweep_file",
    "request_class": "requests",
}

__all__ = [
    "MOST_BYTES", "REQUESTS", "SweepFile", "changed", "json_schema", "named_scenario", "parse", "parse_sweep_spec",
    "parse_toml", "read_scenario", "read_sweep_spec", "request_class",
]  # fmt: skip

if TYPE_CHECKING:
    from tokenroof.schema.parsing import parse
    from tokenroof.schema.requests import REQUESTS, json_schema, request_class
    from tokenroof.schema.scenarios import changed, named_scenario, read_scenario
    from tokenroof.schema.sweep_file import MOST_BYTES, SweepFile, parse_sweep_spec, parse_toml, read_sweep_spec


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tokenroof.schema' has no attribute {name!r}")
    return getattr(import_module(f"tokenroof.schema.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
