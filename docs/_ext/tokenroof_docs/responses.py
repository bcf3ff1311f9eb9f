"""Keys of the JSON that verbs print, from the response classes; what each means stands in keys.toml."""

import dataclasses
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

from tokenroof_docs.api import _type
from tokenroof_docs.markdown import Pages, cell, code, table

__all__ = ["RESPONSES", "classes", "keys_of", "meanings", "pages"]

# response -> the module that defines it
RESPONSES = {
    "AnalyzeResponse": "tokenroof.usecases.analyze.answer",
    "RooflineResponse": "tokenroof.usecases.analyze.closed_form",
    "TraceResponse": "tokenroof.usecases.trace.answer",
}

# A key's last words give its unit.
_UNITS = (
    ("tokens_per_s_per_user", "token/s/user"), ("tokens_per_s_per_gpu", "token/s/GPU"), ("tokens_per_s", "token/s"),
    ("usd_per_mtok", "USD per million tokens"), ("usd_per_gpu_h", "USD per GPU-hour"), ("bytes_per_sequence", "B"),
    ("bytes_per_step", "B"), ("_bytes", "B"), ("_s", "s"),
)  # fmt: skip


@cache
def meanings() -> dict[str, dict[str, str]]:
    """Class -> key -> what it means."""
    return tomllib.loads((Path(__file__).parent / "keys.toml").read_text(encoding="utf-8"))


def keys_of(cls: type) -> dict[str, Any]:
    """The keys that appear in JSON with their types; fields hidden from repr stay out of it."""
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls) if f.repr}


def _inside(annotation: Any) -> list[type]:
    found = [annotation] if dataclasses.is_dataclass(annotation) else []
    return found + [cls for part in get_args(annotation) for cls in _inside(part)]


def classes() -> list[type]:
    """Every dataclass that a main response is made of, the responses first."""
    found = [getattr(import_module(module), name) for name, module in RESPONSES.items()]
    for cls in found:  # grows while it is walked
        for inside in (c for hint in keys_of(cls).values() for c in _inside(hint)):
            found += [] if inside in found else [inside]
    return found


def _unit(key: str) -> str:
    return next((unit for ending, unit in _UNITS if f"_{key}".endswith(ending)), "")


def _json(annotation: Any) -> str:
    names = {"float": "number", "int": "number", "str": "text", "bool": "true, false", "None": "null", "Any": "number"}
    inside = _inside(annotation)
    text = _type(annotation)
    if inside:
        link = f"[{inside[0].__name__}](#{inside[0].__name__.lower()})"
        return f"list of {link}" if text.startswith("tuple") else link + (" or null" if "None" in text else "")
    if text.startswith("tuple[str"):
        return "list of text"
    if text.startswith(("dict", "Mapping")):
        return "object"
    return " or ".join(names.get(part.strip(), part.strip()) for part in text.replace("<class '", "").split("|"))


def _section(cls: type) -> str:
    known = meanings()[cls.__name__]
    rows = [[code(key), _json(hint), _unit(key), cell(known[key])] for key, hint in keys_of(cls).items()]
    return f"## {cls.__name__}\n\n" + table(["key", "value", "unit", "meaning"], rows)


def pages() -> Pages:
    """tables/_responses.md. A key without a meaning in keys.toml is a KeyError: the build fails."""
    return {"tables/_responses.md": "\n\n".join(_section(cls) for cls in classes())}
