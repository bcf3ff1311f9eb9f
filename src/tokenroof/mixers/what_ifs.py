"""How layers follow a changed number, where kinds do it alike: another width, another rule of attention."""

from dataclasses import replace
from typing import Any, TypeVar

from tokenroof.errors import InputError
from tokenroof.types.model import CompressedAttention, Gqa, Indexer, LinearAttention, Mixer, Mla, Ssm

__all__ = ["no_faults", "not_thinned", "scaled", "set_number", "thinned", "widened_indexer"]

M = TypeVar("M", bound=Mixer)
Indexed = TypeVar("Indexed", Gqa, Mla, CompressedAttention)
PerToken = TypeVar("PerToken", Gqa, Mla)
Recurrent = TypeVar("Recurrent", LinearAttention, Ssm)

# The indexer of DeepSeek-V3.2, the one that is published: 64 heads of 128, keys in fp8.
_INDEX_HEADS, _INDEX_WIDTH = 64, 128


def set_number(mixer: M, attribute: str, value: int) -> M:
    """The layer with one attribute changed and nothing that follows from it."""
    changes: dict[str, Any] = {attribute: value}
    return replace(mixer, **changes)


def no_faults(mixer: Mixer) -> tuple[InputError, ...]:
    """Numbers of which none can contradict another."""
    return ()


def not_thinned(mixer: Mixer, rule: str, size: int, hidden: int) -> None:
    """A layer that has no full attention to thin."""
    return None


def scaled(mixer: Recurrent, before: int, after: int) -> Recurrent:
    """Projections in proportion to the hidden size."""
    inside, outside = (round(size * after / before) for size in (mixer.in_params, mixer.out_params))
    return replace(mixer, in_params=inside, out_params=outside)


def widened_indexer(mixer: Indexed, before: int, after: int) -> Indexed:
    """Keys and head weights are projected from the hidden state, queries too unless attention factors its own."""
    indexer = mixer.indexer
    if indexer is None:
        return mixer
    heads, width = indexer.n_heads, indexer.head_dim
    rows = width + heads + heads * width * (mixer.q_lora_rank is None)
    params = max(0, indexer.extra_params + (after - before) * rows)
    return replace(mixer, indexer=replace(indexer, extra_params=params))


def _indexer(mixer: Gqa | Mla, hidden: int, top_k: int) -> Indexer:
    """Projections of queries, keys and head weights, a norm of the key; none of its own where the layer shares keys."""
    heads, width = _INDEX_HEADS, _INDEX_WIDTH
    params = (mixer.q_lora_rank or hidden) * heads * width + hidden * (width + heads) + 2 * width
    return Indexer(top_k=top_k, n_heads=heads, head_dim=width, extra_params=params, shared=not mixer.stores_kv)


def thinned(mixer: PerToken, rule: str, size: int, hidden: int) -> PerToken | None:
    """Full attention under another rule: the square root of the context, the top `size`, or the last `size`."""
    if mixer.window is not None or mixer.indexer is not None:
        return None
    if rule == "sqrt":
        return replace(mixer, sqrt_context=True)
    if rule == "window":
        return replace(mixer, window=size, sqrt_context=False)
    return replace(mixer, indexer=_indexer(mixer, hidden, size), sqrt_context=False)
