"""`attention=sqrt|topk:N|window:N`: another rule for what full attention reads of the context."""

from dataclasses import replace

from tokenroof.errors import DataMissing, InputError
from tokenroof.mixers.architecture import attention_kind
from tokenroof.scenario.override_layers import each_layer
from tokenroof.scenario.override_values import Override, Rule, amount_of
from tokenroof.types.model import Gqa, Indexer, LayerGroup, Mixer, Mla, Model

__all__ = ["change_attention"]

_TOKENS = Rule(what="tokens", low=1, high=1e9, whole=True)
# The indexer of DeepSeek-V3.2, the one that is published: 64 heads of 128, keys in fp8.
_INDEX_HEADS, _INDEX_WIDTH = 64, 128


def _is_full(mixer: Mixer) -> bool:
    if isinstance(mixer, Gqa):
        return mixer.window is None and mixer.indexer is None and not mixer.cross_attention
    return isinstance(mixer, Mla) and mixer.window is None and mixer.indexer is None


def _indexer(mixer: Gqa | Mla, hidden: int, top_k: int) -> Indexer:
    """Projections of queries, keys and head weights, a norm of the key; none of its own where the layer shares keys."""
    heads, width = _INDEX_HEADS, _INDEX_WIDTH
    params = (mixer.q_lora_rank or hidden) * heads * width + hidden * (width + heads) + 2 * width
    return Indexer(top_k=top_k, n_heads=heads, head_dim=width, extra_params=params, shared=not mixer.stores_kv)


def _thinned(mixer: Mixer, kind: str, size: int, hidden: int) -> Mixer:
    if not isinstance(mixer, Gqa | Mla) or not _is_full(mixer):
        return mixer
    if kind == "sqrt":
        return replace(mixer, sqrt_context=True)
    if kind == "window":
        return replace(mixer, window=size, sqrt_context=False)
    return replace(mixer, indexer=_indexer(mixer, hidden, size), sqrt_context=False)


def _kinds(model: Model) -> str:
    return ", ".join(dict.fromkeys(attention_kind(group.mixer) for group in model.layers))


def change_attention(model: Model, text: str) -> tuple[Model, Override]:
    """Every layer of full attention under another rule.

    `sqrt` stores every token and reads the square root of their number, a bound of the lecture that no kernel has.
    `topk:N` reads the N best, chosen by an indexer of DeepSeek-V3.2's size, which scans all. `window:N` keeps
    the last N.
    """
    kind, _, number = text.strip().lower().partition(":")
    if kind not in ("sqrt", "topk", "window") or (kind == "sqrt") == bool(number.strip()):
        raise InputError("attention", text, "sqrt, topk:N or window:N", "such as topk:2048 or window:4096")
    if not any(_is_full(group.mixer) for group in model.layers):
        raise DataMissing(model.name, "full attention", f"its layers are {_kinds(model)}")
    size = 0
    if number:
        amount = amount_of("attention", number, _TOKENS)
        size = int(amount.of(None, model.name))

    def change(group: LayerGroup) -> LayerGroup:
        return replace(group, mixer=_thinned(group.mixer, kind, size, model.hidden))

    changed = each_layer(model, change)
    return changed, Override("attention", _kinds(model), _kinds(changed), "")
