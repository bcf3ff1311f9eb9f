"""The catalogue of models: find one by id, alias or path. Loading a model reads the index and one file."""

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenroof.catalog.models.files import is_saved_model, model_from_json
from tokenroof.errors import UnknownName
from tokenroof.reading import expanded, is_file, read_json
from tokenroof.registry import nearest
from tokenroof.types.model import Model

__all__ = [
    "DATA",
    "find_id",
    "known_names",
    "load_model",
    "load_model_file",
    "load_models",
    "looks_like_path",
    "model_ids",
]

DATA = Path(__file__).parent.parent / "data" / "models"
_INDEX = DATA / "index.json"


@lru_cache(maxsize=1)
def _index() -> dict[str, str]:
    """Lower-case alias or id -> id."""
    data: dict[str, dict[str, str]] = read_json(_INDEX)
    return data["aliases"]


def known_names() -> tuple[str, ...]:
    """Every id and alias of the catalogue, lower case."""
    return tuple(_index())


def model_ids() -> tuple[str, ...]:
    """The ids of the catalogue, sorted."""
    return tuple(sorted(set(_index().values())))


def find_id(name: str) -> str | None:
    """The catalogue id of a name, or None."""
    return _index().get(name.strip().lower())


@lru_cache(maxsize=256)
def _load(model_id: str) -> Model:
    data: dict[str, Any] = read_json(DATA / f"{model_id}.json")
    return model_from_json(data)


def looks_like_path(name: str) -> bool:
    """Whether a file was meant, be it there or not."""
    return name.endswith((".json", os.sep)) or name.startswith((".", "~", os.sep))


def load_model(name_or_path: str | os.PathLike[str]) -> Model:
    """The model called so: a catalogue id, an alias such as a Hugging Face id, or a path to a config.json.

    UnknownName gives the nearest three names; a path that cannot be read raises InputError.
    """
    name = os.fspath(name_or_path)
    found = find_id(name)
    if found is not None:
        return _load(found)
    path = expanded(name, "model")
    if looks_like_path(name) or is_file(path):
        return load_model_file(path)
    # several names of one model count once
    close = dict.fromkeys(_index()[near] for near in nearest(name, known_names(), n=12))
    raise UnknownName("model", name, list(close)[:3], "or give the path of a config.json")


def load_model_file(path: Path) -> Model:
    """A config.json, checked against the catalogue, or a model that `tokenroof import` saved."""
    from tokenroof.catalog.models.checks import contradictions
    from tokenroof.catalog.models.importer import load_config, model_from_config, name_from_path, with_hf_quant_config
    from tokenroof.catalog.models.other_files import index_warnings

    data = load_config(path)
    if is_saved_model(data):
        return model_from_json(data)
    config = with_hf_quant_config(data, path)
    model = model_from_config(config, name=name_from_path(path), source=f"file {path.name}")
    return replace(model, warnings=model.warnings + contradictions(model) + index_warnings(model, path.parent))


def load_models() -> tuple[Model, ...]:
    """Every model of the catalogue, by id."""
    return tuple(_load(model_id) for model_id in model_ids())
