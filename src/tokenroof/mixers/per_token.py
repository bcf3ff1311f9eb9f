"""The cache of layers that keep one entry per token: multi-head, grouped-query and latent attention.

They may keep a sliding window only, read what an indexer chose, or read another layer's cache.
"""

import math

from tokenroof.mixers.indexed import formula_text, index_key_bytes, indexer_note
from tokenroof.mixers.lowering import FULL
from tokenroof.mixers.rows import Rows
from tokenroof.types.model import Gqa, Mla
from tokenroof.types.program import ContextRule, Num

__all__ = [
    "entries_read", "growth_bytes", "keep", "note", "read_rule", "scan_bytes", "scanned_formula", "stored_bytes",
    "title_tail", "token_bytes",
]  # fmt: skip

PerToken = Gqa | Mla


def token_bytes(mixer: PerToken, entry: float) -> float:
    """Bytes that one token adds while no window is full, where an entry takes `entry` bytes."""
    return (entry if mixer.stores_kv else 0.0) + index_key_bytes(mixer.indexer)


def growth_bytes(mixer: PerToken, entry: float) -> float:
    """Bytes that one token adds once every window is full: index keys go on."""
    grown = token_bytes(mixer, entry)
    return grown - entry if mixer.window is not None and mixer.stores_kv else grown


def _live(mixer: PerToken, context: float) -> float:
    return context if mixer.window is None else min(context, mixer.window)


def stored_bytes(mixer: PerToken, context: float, entry: float) -> float:
    """Bytes that the layer keeps for a sequence of `context` tokens."""
    live = _live(mixer, context)
    return (live * entry if mixer.stores_kv else 0.0) + context * index_key_bytes(mixer.indexer)


def entries_read(mixer: PerToken, context: float) -> float:
    """Entries that one new token attends to."""
    live = _live(mixer, context)
    if mixer.indexer is not None:
        return min(live, mixer.indexer.top_k * mixer.indexer.block)
    return math.sqrt(live) if mixer.sqrt_context and mixer.window is None else live


def scan_bytes(mixer: PerToken, context: float) -> float:
    """Bytes of index keys that one new token's scan reads."""
    return index_key_bytes(mixer.indexer) * context


def read_rule(mixer: PerToken) -> ContextRule:
    """What the core reads. Top-k keeps the best k of the tokens seen, so it counts like a window of k."""
    if mixer.window is not None:
        return ContextRule("window", mixer.window)
    if mixer.indexer is not None:
        return ContextRule("window", mixer.indexer.top_k * mixer.indexer.block)
    return ContextRule("sqrt") if mixer.sqrt_context else FULL


def keep(rows: Rows, mixer: PerToken, count: int, rule: ContextRule, written: Num) -> None:
    """The entries that stay in memory: all tokens' unless a window drops them."""
    if mixer.stores_kv:
        rows.keep(rule if mixer.window is not None else FULL, count * written / rows.cp / rows.dcp)
        rows.largest_entry = rows.xp.maximum(rows.largest_entry, written)


def scanned_formula(mixer: PerToken, names: str, numbers: str) -> tuple[str, str]:
    """The formula of an entry with the index key that goes with it."""
    name, number = formula_text(mixer.indexer)
    return f"{names}{name}", f"{numbers}{number}"


def title_tail(mixer: PerToken) -> str:
    """What a layer's name ends in: top-k, the what-if of a square root, whose cache it reads."""
    tail = f" top-{mixer.indexer.top_k * mixer.indexer.block}" if mixer.indexer else ""
    tail += " sqrt(C)" if mixer.sqrt_context and not (mixer.indexer or mixer.window) else ""
    return tail + ("" if mixer.stores_kv else " (shared KV)")


def note(mixer: PerToken, at_the_end: str = "stops growing") -> str:
    """What a cache's formula leaves unsaid; `at_the_end` is what a full window does."""
    if not mixer.stores_kv:
        return "reads the cache of an earlier layer"
    notes = [] if mixer.window is None else [f"{at_the_end} after {mixer.window:,} tokens"]
    return "; ".join([*notes, *indexer_note(mixer.indexer, "tokens")])
