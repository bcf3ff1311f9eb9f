"""config.json -> Model: read the file safely, find its dialect, and say whatever had to be assumed."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenroof.catalog.dialects import DIALECTS, ConfigReader, read_architecture
from tokenroof.catalog.dialects.family import find_family, headless, refuse_other_kinds
from tokenroof.catalog.dialects.parts import fold
from tokenroof.catalog.dialects.vision import vision_params, vision_pass
from tokenroof.catalog.models.importer_dtypes import read_dtypes, read_kv_dtype
from tokenroof.catalog.models.other_files import as_config, index_warnings, refuse_gguf
from tokenroof.catalog.models.unread import listed, shown, structural
from tokenroof.errors import InputError, TokenroofError
from tokenroof.reading import expanded, first_bytes, is_folder, parse_json, read_bytes
from tokenroof.types.model import Model

__all__ = [
    "MAX_CONFIG_BYTES", "load_config", "model_from_config", "model_from_path", "name_from_path", "parse_config",
    "with_hf_quant_config",
]  # fmt: skip

MAX_CONFIG_BYTES = 16_000_000
_MAX_DEPTH = 40
_NESTED = ("text_config", "llm_config", "language_config", "thinker_config")


def load_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a config.json, or the one inside a folder given by its path with a trailing /config.json.

    The size is looked at before anything is read; a directory, a device or a file over the cap is refused.
    """
    file, shown = expanded(path, "config path"), str(path)
    if is_folder(file):
        raise InputError("config path", shown, "a file, not a directory", f"try {file / 'config.json'}")
    refuse_gguf(first_bytes(file, 4, "config path"), shown)
    return parse_config(read_bytes(file, "config path", MAX_CONFIG_BYTES, "is this a weights file?"), label=shown)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the file. A key that stands there twice is refused: readers differ on which one holds."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError("config key", twice, "given once", "it stands twice in one object")
    return found


def parse_config(raw: bytes | str, *, label: str = "config") -> dict[str, Any]:
    """Parse the text of a config.json. Bare Infinity and NaN are accepted where no dimension is."""
    if len(raw) > MAX_CONFIG_BYTES:
        raise InputError("config size", f"{len(raw) / 1e6:,.1f} MB", f"at most {MAX_CONFIG_BYTES / 1e6:.0f} MB")
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    except UnicodeDecodeError:
        raise InputError("config", label, "UTF-8 text", "is this a weights file?") from None
    config = parse_json(text, label, "config", _MAX_DEPTH, _each_key_once)
    if not isinstance(config, dict):
        raise InputError("config", label, "a JSON object", f"it holds a {type(config).__name__}")
    return config


def _text_part(root: ConfigReader) -> ConfigReader:
    """The reader of the language model: a nested text config where the file has one.

    Its own model_type decides: Kimi K2.5 says kimi_k2 there in one copy and deepseek_v3 in another.
    """
    for key in _NESTED:
        part = root.child(key)
        if part is not None:
            inner = part.child("text_config") if key == "thinker_config" else part
            found = inner or part
            found.model_type = (found.text("model_type") or root.model_type)[:80]
            return found
    return root


def _model_type(config: Mapping[str, Any]) -> str:
    value = config.get("model_type")
    if value is None:
        return "(none)"
    if not isinstance(value, str) or not value.strip():
        raise InputError("model_type", value, "a name")
    return value.strip()[:80]


def _kebab(name: str) -> str:
    text = re.sub(r"[^a-z0-9.]+", "-", name.rpartition("/")[2].lower())
    return text.strip("-.") or "model"


def model_from_config(config: Mapping[str, Any], *, id: str | None = None, name: str | None = None,
                      source: str = "", as_of: str = "") -> Model:  # fmt: skip
    """Read a parsed config into a Model.

    `id` names the result (kebab-case of `name` where missing). The Model's `warnings` say what the file left
    out and what was taken instead. Raises InputError or DataMissing, and nothing else, on a bad config.
    """
    if not isinstance(config, Mapping):
        raise InputError("config", type(config).__name__, "a JSON object")
    config = as_config(dict(config))
    try:
        return _model_from_config(config, id, name, source, as_of)
    except TokenroofError:
        raise
    except (RecursionError, OverflowError, MemoryError) as error:
        raise InputError("config", name or id or "config", "of a sane size", type(error).__name__) from None


def _model_from_config(config: Mapping[str, Any], id: str | None, name: str | None, source: str, as_of: str) -> Model:
    root = ConfigReader(config, model_type=_model_type(config))
    shown = (name or root.text("_name_or_path") or id or root.model_type)[:200]
    r = _text_part(root)
    r.model_type = find_family(root, r)
    known = r.model_type in DIALECTS
    if not known:
        refuse_other_kinds(root, r)
        r.warn(f"model_type {r.model_type!r} is not known: read by key names as a decoder of the common kind")
    architecture = read_architecture(r)
    if architecture.encoder and r is not root:
        raise InputError("model_type", root.model_type, "one that is read", f"{r.model_type} is a part of it only")
    if r is not root and root.has("tie_word_embeddings") and not architecture.encoder:
        # the class that holds both parts ties, whatever its text part says alone
        architecture = replace(architecture, tied=root.flag("tie_word_embeddings", architecture.tied))
    if not architecture.encoder and headless(root):
        architecture = replace(architecture, tied=True)
        r.warn("its class has no output table: none is counted, and it writes no text")
    groups, order = fold(architecture.layers)
    weights = read_dtypes(root, r, architecture, name=shown)
    plain = weights.other if weights.other in ("bf16", "fp16") else "bf16"
    whole, cut = vision_pass(root)
    model = Model(
        id=id or _kebab(shown),
        name=shown,
        model_type=root.model_type,
        hidden=architecture.hidden,
        vocab=architecture.vocab,
        layers=groups,
        order=order,
        tied_embeddings=architecture.tied,
        final_norm_params=architecture.final_norm_params,
        other_params=architecture.other_params,
        lookup_params=architecture.lookup_params,
        mtp_layers=architecture.mtp_layers,
        mtp_params=architecture.mtp_params,
        vision_params=vision_params(root, architecture.hidden),
        vision_pass_whole=whole,
        vision_pass_cut=cut,
        context_config=architecture.context,
        weights=weights,
        kv_dtype=read_kv_dtype(root, r, plain),
        source=source,
        as_of=as_of,
        encoder=architecture.encoder,
        structure_guessed=_unread(r, known) or not known,
    )
    # warnings last: reading the formats adds some
    return replace(model, warnings=tuple(root.warnings))


def _unread(r: ConfigReader, known: bool) -> bool:
    """List the keys that nobody read; True where some could change shapes. Of an unknown family those are refused."""
    keys = listed(r.unread(), known=known)
    shapes = structural(keys)
    if shapes and not known:
        raise InputError(
            "model_type", r.model_type, "a known one where unread keys could change shapes", f"unread: {shown(shapes)}"
        )
    if shapes:
        r.warn(f"keys that could change shapes were not read, so the structure is guessed: {shown(shapes)}")
    other = tuple(key for key in keys if key not in shapes)
    if other:
        r.warn(f"keys not read: {shown(other)}")
    return bool(shapes)


def with_hf_quant_config(config: dict[str, Any], path: Path) -> dict[str, Any]:
    """The config with the quantisation that ModelOpt exports keep in hf_quant_config.json beside it."""
    beside = path.with_name("hf_quant_config.json")
    if path.name != "config.json" or config.get("quantization_config") is not None or not beside.is_file():
        return config
    quantization = load_config(beside).get("quantization")
    if not isinstance(quantization, dict):
        return config
    return {**config, "quantization_config": {"quant_method": "modelopt", **quantization}}


def name_from_path(path: Path) -> str | None:
    """A name for a config on disk: its folder's where the file is config.json or params.json, else the file's own."""
    plain = path.name in ("config.json", "params.json")
    stem = path.absolute().parent.name if plain else path.stem.replace("__", "/")
    return stem or None


def model_from_path(path: str | os.PathLike[str], *, id: str | None = None) -> Model:
    """Read a config.json from disk into a Model."""
    file = Path(path)
    config = with_hf_quant_config(load_config(file), file)
    model = model_from_config(config, id=id, name=name_from_path(file), source=f"file {file.name}")
    return replace(model, warnings=model.warnings + index_warnings(model, file.parent))
