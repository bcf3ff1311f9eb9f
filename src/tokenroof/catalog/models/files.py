"""Models as JSON in tokenroof's own schema: only what differs from a field's default is written."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from tokenroof.errors import InputError
from tokenroof.mixers import KINDS
from tokenroof.provenance import Fact, Grade
from tokenroof.types.model import DenseFfn, Indexer, LayerGroup, Model, MoeFfn, NoFfn, WeightDtypes

__all__ = ["SCHEMA", "dump_json", "is_saved_model", "model_from_json", "model_to_json"]

SCHEMA = 1
_KINDS: dict[str, type[Any]] = {
    **{kind.name: kind.mixer for kind in KINDS.values()},
    "dense": DenseFfn,
    "moe": MoeFfn,
    "no_ffn": NoFfn,
}
_NAMES = {cls: name for name, cls in _KINDS.items()}
_PLAIN = ("model_type", "hidden", "vocab", "tied_embeddings", "final_norm_params", "other_params", "lookup_params",
          "mtp_layers", "mtp_params", "vision_params", "vision_pass_whole", "vision_pass_cut", "context_config",
          "context_advertised", "kv_dtype", "licence", "source", "as_of", "encoder", "structure_guessed")  # fmt: skip
T = TypeVar("T")


def _default(f: Any) -> Any:
    if f.default is not MISSING:
        return f.default
    return f.default_factory() if f.default_factory is not MISSING else MISSING


def _object(value: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"type": _NAMES[type(value)]} if type(value) in _NAMES else {}
    for f in fields(value):
        item = getattr(value, f.name)
        if item != _default(f):
            out[f.name] = _object(item) if isinstance(item, Indexer) else item
    return out


def _runs(order: tuple[int, ...]) -> list[list[int]]:
    """Layer groups in turn as [group, repeats] pairs."""
    runs: list[list[int]] = []
    for group in order:
        if runs and runs[-1][0] == group:
            runs[-1][1] += 1
        else:
            runs.append([group, 1])
    return runs


def model_to_json(model: Model) -> dict[str, Any]:
    """The model as plain JSON data, ready for json.dumps."""
    out: dict[str, Any] = {"schema": SCHEMA, "id": model.id, "name": model.name}
    if model.aliases:
        out["aliases"] = list(model.aliases)
    defaults = {f.name: _default(f) for f in fields(Model)}
    for name in _PLAIN:
        value = getattr(model, name)
        if value != defaults[name]:
            out[name] = value
    out["grade"] = model.grade.value
    out["layers"] = [
        {"count": g.count, "norm_params": g.norm_params, "mixer": _object(g.mixer), "ffn": _object(g.ffn)}
        | ({"borrowed": True} if g.borrowed else {})
        for g in model.layers
    ]
    if model.order:
        out["order"] = _runs(model.order)
    weights = _object(model.weights)
    if weights:
        out["weights"] = weights
    if model.warnings:
        out["warnings"] = list(model.warnings)
    if model.facts:
        out["facts"] = {
            key: {"value": f.value, "unit": f.unit, "source": f.source, "as_of": f.as_of, "grade": f.grade.value}
            | ({"note": f.note} if f.note else {})
            for key, f in model.facts.items()
        }
    return out


def dump_json(data: object) -> str:
    """JSON text with one line per list of numbers, so that a change shows as a short diff."""
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
    return re.sub(r"\[\s+(-?\d+(?:,\s+-?\d+)*)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n"


def _build(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key == "type":
            continue
        if key not in known:
            raise InputError(f"{where}.{key}", value, f"one of {', '.join(known)}")
        values[key] = _build(Indexer, value, f"{where}.{key}") if key == "indexer" and value else value
    absent = [name for name, f in known.items() if name not in values and _default(f) is MISSING]
    if absent:
        raise InputError(where, sorted(data), f"an object with {', '.join(absent)}")
    return cls(**values)


def _kind(data: Any, where: str) -> Any:
    if not isinstance(data, Mapping) or data.get("type") not in _KINDS:
        raise InputError(where, data, f"an object whose type is one of {', '.join(_KINDS)}")
    return _build(_KINDS[data["type"]], data, where)


def _fact(data: Mapping[str, Any]) -> Fact:
    return Fact(
        value=data["value"], unit=data["unit"], source=data["source"], as_of=data["as_of"],
        grade=Grade(data["grade"]), note=data.get("note", ""),
    )  # fmt: skip


def is_saved_model(data: Mapping[str, Any]) -> bool:
    """Whether JSON data is a model in this schema rather than a config.json."""
    return isinstance(data.get("schema"), int) and isinstance(data.get("layers"), list)


def model_from_json(data: Mapping[str, Any]) -> Model:
    """Rebuild a Model from model_to_json's data. InputError names the first field that does not fit."""
    if data.get("schema") != SCHEMA:
        raise InputError("schema", data.get("schema"), f"{SCHEMA}", "written by another version of tokenroof")
    for key in ("id", "name", "model_type", "hidden", "vocab", "layers"):
        if key not in data:
            raise InputError(key, None, "given in a model file")
    layers = tuple(
        LayerGroup(
            count=row["count"],
            norm_params=row["norm_params"],
            borrowed=bool(row.get("borrowed", False)),
            mixer=_kind(row["mixer"], "mixer"),
            ffn=_kind(row["ffn"], "ffn"),
        )
        for row in data["layers"]
    )
    order = tuple(group for group, repeats in data.get("order", ()) for _ in range(repeats))
    return Model(
        id=data["id"],
        name=data["name"],
        layers=layers,
        order=order,
        grade=Grade(data.get("grade", Grade.ASSUMED.value)),
        aliases=tuple(data.get("aliases", ())),
        warnings=tuple(data.get("warnings", ())),
        weights=_build(WeightDtypes, data.get("weights", {}), "weights"),
        facts={key: _fact(value) for key, value in data.get("facts", {}).items()},
        **{name: data[name] for name in _PLAIN if name in data},
    )
