"""What a sequence keeps in memory and what one decode step reads of it, per attention kind.

Three questions that calculators mix up are kept apart:
- `kv_bytes_per_token`: what a token adds while no window is full (the headline figure);
- `kv_bytes_per_sequence`: what is stored at a context, windows full and compressed entries counted;
- `kv_read_bytes_per_step`: what one decode step reads, which top-k selection makes smaller than the store.
Recurrent layers add a constant per sequence: `state_bytes_per_sequence`.
"""

import math

from tokenroof.errors import InputError
from tokenroof.types.model import CompressedAttention, Gqa, Indexer, LinearAttention, Mixer, Mla, Model, Ssm

__all__ = [
    "cache_entry_elements", "kv_bytes_per_sequence", "kv_bytes_per_token", "kv_growth_bytes_per_token",
    "kv_read_bytes_per_step", "mixer_context_read", "mixer_kv_bytes_per_token", "mixer_kv_read_bytes",
    "mixer_kv_stored_bytes", "mixer_state_bytes", "state_bytes_per_sequence",
]  # fmt: skip


def cache_entry_elements(mixer: Mixer) -> int:
    """Elements of one cache entry of one layer, whoever stores it: keys and values, or the MLA latent."""
    if isinstance(mixer, Gqa):
        return 0 if mixer.cross_attention else mixer.n_kv_heads * (mixer.head_dim + mixer.v_head_dim)
    if isinstance(mixer, Mla):
        return mixer.kv_lora_rank + mixer.qk_rope_dim
    if isinstance(mixer, CompressedAttention):
        return mixer.head_dim
    return 0


def _index_key_bytes(indexer: Indexer | None) -> float:
    if indexer is None or indexer.shared:
        return 0.0
    return indexer.head_dim * indexer.key_bytes_per_element / indexer.block


def _stores(mixer: Mixer) -> bool:
    return not isinstance(mixer, Gqa | Mla) or mixer.stores_kv


def mixer_kv_bytes_per_token(mixer: Mixer, kv_bytes: float) -> float:
    """Bytes that one token adds to one layer's cache while its window is not full, index keys included."""
    entry = cache_entry_elements(mixer) * kv_bytes
    if isinstance(mixer, CompressedAttention):
        if not mixer.ratio:
            return entry
        return entry + (entry + _index_key_bytes(mixer.indexer)) / mixer.ratio
    if isinstance(mixer, Gqa | Mla):
        return (entry if _stores(mixer) else 0.0) + _index_key_bytes(mixer.indexer)
    return 0.0


def _window(mixer: Mixer) -> int | None:
    return mixer.window if isinstance(mixer, Gqa | Mla | CompressedAttention) else None


def mixer_kv_stored_bytes(mixer: Mixer, context: float, kv_bytes: float) -> float:
    """Bytes that one layer keeps for a sequence of `context` tokens."""
    window = _window(mixer)
    entry = cache_entry_elements(mixer) * kv_bytes
    live = context if window is None else min(context, window)
    if isinstance(mixer, CompressedAttention):
        compressed = context / mixer.ratio if mixer.ratio else 0.0
        return live * entry + compressed * (entry + _index_key_bytes(mixer.indexer))
    if isinstance(mixer, Gqa | Mla):
        return (live * entry if _stores(mixer) else 0.0) + context * _index_key_bytes(mixer.indexer)
    return 0.0


def mixer_context_read(mixer: Mixer, context: float) -> float:
    """Cache entries whose keys and values one new token attends to in one layer."""
    if isinstance(mixer, CompressedAttention):
        compressed = context / mixer.ratio if mixer.ratio else 0.0
        if mixer.indexer is not None:
            compressed = min(compressed, mixer.indexer.top_k)
        return min(context, mixer.window) + compressed
    if isinstance(mixer, Gqa | Mla):
        if isinstance(mixer, Gqa) and mixer.cross_attention:
            return 0.0
        window = _window(mixer)
        live = context if window is None else min(context, window)
        if mixer.indexer is not None:
            return min(live, mixer.indexer.top_k * mixer.indexer.block)
        return math.sqrt(live) if mixer.sqrt_context and window is None else live
    return 0.0


def mixer_kv_read_bytes(mixer: Mixer, context: float, kv_bytes: float) -> float:
    """Bytes of cache that one decode step of one sequence reads in one layer, the indexer's scan included.

    A layer that uses another layer's cache reads it all the same.
    """
    scan = 0.0
    if isinstance(mixer, CompressedAttention):
        scan = _index_key_bytes(mixer.indexer) * (context / mixer.ratio if mixer.ratio else 0.0)
    elif isinstance(mixer, Gqa | Mla):
        scan = _index_key_bytes(mixer.indexer) * context
    return mixer_context_read(mixer, context) * cache_entry_elements(mixer) * kv_bytes + scan


def mixer_state_bytes(mixer: Mixer) -> float:
    """Constant bytes per sequence of one recurrent layer: recurrent state and convolution state."""
    if isinstance(mixer, LinearAttention | Ssm):
        return mixer.state_elements * mixer.state_bytes_per_element + mixer.conv_elements * mixer.conv_bytes_per_element
    return 0.0


def _context(context: float) -> float:
    if not 0 <= context < float("inf"):
        raise InputError("context", context, "a finite number of tokens, 0 or more")
    return float(context)


def _kv_bytes(kv_bytes: float) -> float:
    if not 0 < kv_bytes < float("inf"):
        raise InputError("kv_bytes", kv_bytes, "a finite positive number of bytes per element")
    return float(kv_bytes)


def kv_bytes_per_token(model: Model, kv_bytes: float = 2.0) -> float:
    """Cache bytes that a token adds over all layers while no window is full. Golden: DeepSeek-V3 70,272 B."""
    width = _kv_bytes(kv_bytes)
    return sum(group.count * mixer_kv_bytes_per_token(group.mixer, width) for group in model.layers)


def kv_growth_bytes_per_token(model: Model, kv_bytes: float = 2.0) -> float:
    """Cache bytes that a token adds once every sliding window is full: the slope at long context."""
    width = _kv_bytes(kv_bytes)
    total = 0.0
    for group in model.layers:
        grown = mixer_kv_bytes_per_token(group.mixer, width)
        if _window(group.mixer) is not None and _stores(group.mixer):
            grown -= cache_entry_elements(group.mixer) * width
        total += group.count * grown
    return total


def kv_bytes_per_sequence(model: Model, context: float, kv_bytes: float = 2.0) -> float:
    """Cache bytes that one sequence of `context` tokens keeps; recurrent state is separate."""
    tokens, width = _context(context), _kv_bytes(kv_bytes)
    return sum(group.count * mixer_kv_stored_bytes(group.mixer, tokens, width) for group in model.layers)


def kv_read_bytes_per_step(model: Model, context: float, kv_bytes: float = 2.0) -> float:
    """Cache bytes that one decode step reads for one sequence of `context` tokens."""
    tokens, width = _context(context), _kv_bytes(kv_bytes)
    return sum(group.count * mixer_kv_read_bytes(group.mixer, tokens, width) for group in model.layers)


def state_bytes_per_sequence(model: Model) -> float:
    """Constant bytes per sequence of all recurrent layers; read and written once per decode step."""
    return sum(group.count * mixer_state_bytes(group.mixer) for group in model.layers)
