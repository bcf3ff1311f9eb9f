"""Keys of the JSON that verbs print, from the response classes; what each means stands in keys.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, get_args

from tokenroof.schema.responses import RESPONSES, keys_of, parts_of, response_classes
from tokenroof_docs.api import _type
from tokenroof_docs.markdown import Pages, cell, code, table

__all__ = ["ANY", "classes", "meaning_of", "meanings", "pages"]

ANY = "any"  # section of keys.toml whose keys mean the same in every class that has none of its own

# A key's last words give its unit.
_UNITS = (
    ("tokens_per_s_per_user", "token/s/user"), ("tokens_per_s_per_gpu", "token/s/GPU"), ("tokens_per_s", "token/s"),
    ("requests_per_s", "request/s"), ("flops_per_s", "FLOP/s"), ("bytes_per_s", "B/s"), ("usd_per_mtok_h", "USD/h"),
    ("usd_per_gpu_h", "USD per GPU-hour"), ("usd_per_gb_h", "USD per GB-hour"), ("usd_per_h", "USD/h"),
    ("usd_per_mtok", "USD per million tokens"), ("usd_per_month", "USD a month"), ("usd_per_token", "USD per token"),
    ("per_mtok", "per million tokens"), ("bytes_per_token", "B/token"), ("bytes_per_sequence", "B"),
    ("bytes_per_step", "B"), ("_usd", "USD"), ("_bytes", "B"), ("_flops", "FLOP"), ("_w", "W"), ("_s", "s"),
)  # fmt: skip

# verb -> the key under which a list stands, where the answer is one
_LISTS = {"chips": "chips", "models": "models", "systems": "systems", "tiers": "tiers"}


@cache
def meanings() -> dict[str, dict[str, str]]:
    """Class, or ANY -> key -> what it means."""
    return tomllib.loads((Path(__file__).parent / "keys.toml").read_text(encoding="utf-8"))


def meaning_of(cls: type, key: str) -> str:
    """What a key of a class means. A KeyError, which fails the build, where nobody said it."""
    return meanings().get(cls.__name__, {}).get(key) or meanings()[ANY][key]


@cache
def classes() -> tuple[type, ...]:
    """Every class that JSON is made of: those of the verbs first, each with what it holds."""
    return parts_of(*dict.fromkeys(cls for verb in RESPONSES for cls in response_classes(verb)))


def _inside(annotation: Any) -> list[type]:
    if annotation in classes():
        return [annotation]
    return [cls for part in get_args(annotation) for cls in _inside(part)]


def _unit(key: str) -> str:
    return next((unit for ending, unit in _UNITS if f"_{key}".endswith(ending)), "")


def _link(cls: type) -> str:
    return f"[{cls.__name__}](#{cls.__name__.lower()})"


def _json(annotation: Any) -> str:
    names = {"float": "number", "int": "number", "str": "text", "bool": "true, false", "None": "null", "Any": "number"}
    text = _type(annotation)
    inside = _inside(annotation)
    if inside:
        if text.startswith("tuple"):
            return f"list of {_link(inside[0])}"
        if text.startswith(("dict", "Mapping")):
            return f"object of {_link(inside[0])}"
        return _link(inside[0]) + (" or null" if "None" in text else "")
    if text.startswith("tuple"):
        return "list of text" if text.startswith("tuple[str") else "list"
    if text.startswith(("dict", "Mapping")):
        return "object"
    return " or ".join(names.get(part.strip(), part.strip()) for part in text.replace("<class '", "").split("|"))


def _section(cls: type) -> str:
    rows = [[code(key), _json(hint), _unit(key), cell(meaning_of(cls, key))] for key, hint in keys_of(cls).items()]
    return f"## {cls.__name__}\n\n" + table(["key", "value", "unit", "meaning"], rows)


def _verbs() -> str:
    """Verb -> what its JSON is."""
    rows = []
    for verb in sorted(RESPONSES):
        first, *others = map(_link, response_classes(verb))
        usual = f"`{_LISTS[verb]}`: list of {first}" if verb in _LISTS else first
        rows.append([f"[{verb}](cli/{verb}.md)", usual, ", ".join(others)])
    return table(["verb", "answer", "or, by options and result"], rows)


def pages() -> Pages:
    """tables/_responses.md. A key without a meaning in keys.toml is a KeyError: the build fails."""
    return {"tables/_responses.md": "\n\n".join([_verbs(), *(_section(cls) for cls in classes())])}
