"""Files that are given in place of a config.json, and the index that lies beside one.

Mistral's params.json is answered in the words of its keys; a LoRA adapter and a GGUF file are refused in theirs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError
from tokenroof.mixers.architecture import weight_bytes
from tokenroof.reading import read_json
from tokenroof.types.dtype import dtype
from tokenroof.types.model import Model

__all__ = ["as_config", "index_warnings", "refuse_gguf"]

_GGUF = b"GGUF"
# Mistral's keys by those of the modelling library.
_PARAMS = {
    "dim": "hidden_size", "n_layers": "num_hidden_layers", "hidden_dim": "intermediate_size",
    "n_heads": "num_attention_heads", "n_kv_heads": "num_key_value_heads", "head_dim": "head_dim",
    "vocab_size": "vocab_size", "tied_embeddings": "tie_word_embeddings", "sliding_window": "sliding_window",
    "max_position_embeddings": "max_position_embeddings", "max_seq_len": "max_position_embeddings",
}  # fmt: skip
_SILENT = {
    "norm_eps",
    "rope_theta",
    "model_type",
    "use_biases",
    "causal",
    "llama_4_scaling",
    "ragged_attention",
    "yarn",
}
_MOE = {"num_experts": "num_local_experts", "num_experts_per_tok": "num_experts_per_tok"}
_WITHIN = 0.02
_INDEX = "model.safetensors.index.json"
_MOST_INDEX_BYTES = 64_000_000


def refuse_gguf(head: bytes, shown: str) -> None:
    """Refuse a GGUF file: it is weights, and its header is not read."""
    if head.startswith(_GGUF):
        fix = "give the model's config.json or a name of the catalogue, and a `weight_dtype` such as q4_k_m"
        raise InputError("config path", shown, "a config.json; this is a GGUF file of weights", fix)


def _from_params(data: Mapping[str, Any]) -> dict[str, Any]:
    """Mistral's params.json as a config of its family."""
    if "hidden_dim" not in data:
        raise InputError("params.json", "no hidden_dim", "one of Mistral's, which gives the MLP's width",
                         "give the config.json of the same repository")  # fmt: skip
    moe = data.get("moe")
    known = {*_PARAMS, *_SILENT, "moe"}
    unread = [key for key, value in data.items() if key not in known and value not in (None, False)]
    if unread or (moe is not None and not isinstance(moe, Mapping)):
        raise InputError("params.json", ", ".join(unread[:8]) or "moe", "keys that are read here",
                         "give the config.json of the same repository")  # fmt: skip
    config = {_PARAMS[key]: value for key, value in data.items() if key in _PARAMS}
    config |= {"model_type": "mistral", "tie_word_embeddings": data.get("tied_embeddings", False)}
    if isinstance(moe, Mapping):
        config |= {name: moe.get(key) for key, name in _MOE.items()}
        config["model_type"] = "mixtral"
    return config


def as_config(data: dict[str, Any]) -> dict[str, Any]:
    """The file as a config.json; InputError in the file's own words where it is none."""
    if "peft_type" in data:
        base = data.get("base_model_name_or_path")
        fix = f"give its base model, {str(base)[:80]}" if isinstance(base, str) and base else "give its base model"
        kind = f"{str(data['peft_type'])[:20]} adapter of rank {str(data.get('r', '?'))[:8]}"
        raise InputError("config", kind, "a model: an adapter holds the changes to one", fix)
    if {"dim", "n_layers", "n_heads"} <= set(data) and "hidden_size" not in data and data.get("model_type") is None:
        return _from_params(data)
    return data


def index_warnings(model: Model, folder: Path) -> tuple[str, ...]:
    """What the weights' own index contradicts: its total_size against the bytes that the config gives."""
    file = folder / _INDEX
    try:
        if not file.is_file() or file.stat().st_size > _MOST_INDEX_BYTES:
            return ()
        data = read_json(file, most=_MOST_INDEX_BYTES)
        stored = data["metadata"]["total_size"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return (f"{_INDEX} cannot be read: the size of the files is not checked",)
    if isinstance(stored, bool) or not isinstance(stored, int | float) or not 0 < stored < 1e16:
        return (f"{_INDEX}: total_size is no size: the size of the files is not checked",)
    plain = dtype(model.weights.other).bytes_per_element
    least = weight_bytes(model)
    most = least + (model.vision_params + model.mtp_params) * plain
    if least * (1 - _WITHIN) <= stored <= most * (1 + _WITHIN):
        return ()
    return (
        f"the files hold {stored / 1e9:,.2f} GB ({_INDEX}), the config gives {least / 1e9:,.2f} to {most / 1e9:,.2f}: "
        "the structure or the formats were not read right, or the files hold something else",
    )
