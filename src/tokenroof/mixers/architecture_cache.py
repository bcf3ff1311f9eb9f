"""What a sequence keeps in memory and what one decode step reads of it, per attention kind.

Three questions that calculators mix up are kept apart:
- `kv_bytes_per_token`: what a token adds while no window is full (the headline figure);
- `kv_bytes_per_sequence`: what is stored at a context, windows full and compressed entries counted;
- `kv_read_bytes_per_step`: what one decode step reads, which top-k selection makes smaller than the store.
Recurrent layers add a constant per sequence: `state_bytes_per_sequence`.
"""

from tokenroof.errors import InputError
from tokenroof.mixers import kind_of
from tokenroof.types.model import Mixer, Model

__all__ = [
    "cache_entry_elements", "kv_bytes_per_sequence", "kv_bytes_per_token", "kv_growth_bytes_per_token",
    "kv_read_bytes_per_step", "mixer_context_read", "mixer_kv_bytes_per_token", "mixer_kv_growth_bytes",
    "mixer_kv_read_bytes", "mixer_kv_stored_bytes", "mixer_state_bytes", "state_bytes_per_sequence",
]  # fmt: skip


def cache_entry_elements(mixer: Mixer) -> int:
    """Elements of one cache entry of one layer, whoever stores it: keys and values, or the MLA latent."""
    cache = kind_of(mixer).cache
    return 0 if cache is None else cache.entry_elements(mixer)


def mixer_kv_bytes_per_token(mixer: Mixer, kv_bytes: float) -> float:
    """Bytes that one token adds to one layer's cache while its window is not full, index keys included."""
    cache = kind_of(mixer).cache
    return 0.0 if cache is None else cache.token_bytes(mixer, kv_bytes)


def mixer_kv_growth_bytes(mixer: Mixer, kv_bytes: float) -> float:
    """Bytes that one token adds to one layer's cache once its window is full."""
    cache = kind_of(mixer).cache
    return 0.0 if cache is None else cache.growth_bytes(mixer, kv_bytes)


def mixer_kv_stored_bytes(mixer: Mixer, context: float, kv_bytes: float) -> float:
    """Bytes that one layer keeps for a sequence of `context` tokens."""
    cache = kind_of(mixer).cache
    return 0.0 if cache is None else cache.stored_bytes(mixer, context, kv_bytes)


def mixer_context_read(mixer: Mixer, context: float) -> float:
    """Cache entries whose keys and values one new token attends to in one layer."""
    cache = kind_of(mixer).cache
    return 0.0 if cache is None else cache.entries_read(mixer, context)


def mixer_kv_read_bytes(mixer: Mixer, context: float, kv_bytes: float) -> float:
    """Bytes of cache that one decode step of one sequence reads in one layer, the indexer's scan included.

    A layer that uses another layer's cache reads it all the same.
    """
    cache = kind_of(mixer).cache
    if cache is None:
        return 0.0
    entries = cache.entries_read(mixer, context) * cache.entry_bytes(mixer, kv_bytes)
    return entries + cache.scan_bytes(mixer, context)


def mixer_state_bytes(mixer: Mixer) -> float:
    """Constant bytes per sequence of one recurrent layer: recurrent state and convolution state."""
    state = kind_of(mixer).state
    return 0.0 if state is None else state.bytes(mixer)


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
    return sum(group.count * mixer_kv_growth_bytes(group.mixer, width) for group in model.layers)


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
