"""Compressed attention (DeepSeek-V4): a sliding window of full entries plus one compressed entry per `ratio` tokens."""

import math

from tokenroof.mixers.indexed import (
    formula_text,
    index_key_bytes,
    indexer_note,
    indexer_params,
    indexer_scan_flops,
    lower_indexer,
)
from tokenroof.mixers.kind import Cache, Cut, Kind, WhatIfs, Words
from tokenroof.mixers.lowering import FULL, Entries, close, context_parallel, core
from tokenroof.mixers.rows import Rows
from tokenroof.mixers.what_ifs import no_faults, not_thinned, set_number, widened_indexer
from tokenroof.types.model import CompressedAttention
from tokenroof.types.program import ContextRule

__all__ = ["KIND"]


def _params(mixer: CompressedAttention, hidden: int) -> int:
    width = mixer.n_heads * mixer.head_dim
    q = (hidden + width) * mixer.q_lora_rank
    kv = hidden * mixer.head_dim
    out = width * mixer.o_lora_rank + mixer.o_groups * mixer.o_lora_rank * hidden
    return q + kv + out + mixer.extra_params + indexer_params(mixer.indexer)


_SCALED = 64  # elements of an 8-bit entry that share a scale
_PAGE_TOKENS, _STRIDE_BYTES = (
    256,
    576,
)  # of vLLM's pages for this kind: tokens, and what a page's bytes are a multiple of


def _entry_bytes(mixer: CompressedAttention, kv_bytes: float) -> float:
    """Bytes of an entry. Kernels take 8-bit entries packed: all but the rotary part in 8 bits with a byte of scale for
    each 64 elements and one to fill up, the rotary part in 16 bits.
    """
    if kv_bytes != 1.0:
        return mixer.head_dim * kv_bytes
    plain = mixer.head_dim - mixer.rope_dim
    return plain + 2.0 * mixer.rope_dim + math.ceil(plain / _SCALED) + 1.0


def _paged_bytes(mixer: CompressedAttention) -> tuple[float, float]:
    """What one page of 8-bit compressed entries and index keys holds, and takes."""
    held = [_PAGE_TOKENS / mixer.ratio * size for size in (_entry_bytes(mixer, 1.0), index_key_bytes(mixer.indexer))]
    return sum(held), sum(math.ceil(size / _STRIDE_BYTES) * _STRIDE_BYTES for size in held)


def _padding_bytes(rows: Rows, mixer: CompressedAttention) -> float:
    """Bytes of padding per token where all layers' pages are as large as those of the layer that compresses least."""
    others = [group.mixer for group in rows.model.layers if isinstance(group.mixer, CompressedAttention)]
    widest = max(_paged_bytes(one)[1] for one in others if one.ratio)
    return (widest - _paged_bytes(mixer)[0]) / _PAGE_TOKENS


def _token_bytes(mixer: CompressedAttention, kv_bytes: float) -> float:
    entry = _entry_bytes(mixer, kv_bytes)
    if not mixer.ratio:
        return entry
    return entry + (entry + index_key_bytes(mixer.indexer)) / mixer.ratio


def _growth_bytes(mixer: CompressedAttention, kv_bytes: float) -> float:
    return _token_bytes(mixer, kv_bytes) - _entry_bytes(mixer, kv_bytes)


def _compressed(mixer: CompressedAttention, context: float) -> float:
    return context / mixer.ratio if mixer.ratio else 0.0


def _stored_bytes(mixer: CompressedAttention, context: float, kv_bytes: float) -> float:
    entry = _entry_bytes(mixer, kv_bytes)
    with_key = entry + index_key_bytes(mixer.indexer)
    return min(context, mixer.window) * entry + _compressed(mixer, context) * with_key


def _entries_read(mixer: CompressedAttention, context: float) -> float:
    compressed = _compressed(mixer, context)
    if mixer.indexer is not None:
        compressed = min(compressed, mixer.indexer.top_k)
    return min(context, mixer.window) + compressed


def _scan_bytes(mixer: CompressedAttention, context: float) -> float:
    return index_key_bytes(mixer.indexer) * _compressed(mixer, context)


def _pair_flops(mixer: CompressedAttention, absorbed: bool) -> float:
    return 4.0 * mixer.n_heads * mixer.head_dim


def _scan_flops(mixer: CompressedAttention) -> float:
    return indexer_scan_flops(mixer.indexer) / mixer.ratio if mixer.ratio else 0.0


def _lower(rows: Rows, mixer: CompressedAttention, count: int) -> None:
    hidden, heads = rows.model.hidden, mixer.n_heads / rows.tp
    width = heads * mixer.head_dim
    rank = mixer.q_lora_rank
    rows.gemm(
        "Q down and KV projection", count, n=rank + mixer.head_dim, k=hidden, weight_class="attention",
        extra=mixer.extra_params / rows.tp,
    )  # fmt: skip
    rows.gemm("Q up projection", count, n=width, k=rank, weight_class="attention")
    entries: Entries = ((ContextRule("window", mixer.window), 1.0),)
    entry_bytes = _entry_bytes(mixer, rows.kv)
    rows.keep(entries[0][0], count * entry_bytes / rows.cp)
    per_token = 1.0
    if mixer.ratio:
        lower_indexer(rows, mixer.indexer, count, scan_flops=_scan_flops(mixer), thinning=mixer.ratio)
        chosen = FULL if mixer.indexer is None else ContextRule("window", mixer.indexer.top_k * mixer.ratio)
        entries = (*entries, (chosen, 1.0 / mixer.ratio))
        rows.keep(FULL, count * entry_bytes / mixer.ratio / rows.cp)
        if rows.kv == 1.0:
            rows.padding = rows.padding + count * _padding_bytes(rows, mixer) / rows.cp
        per_token += 1.0 / mixer.ratio
    rows.elementwise("rotary embedding", count, 2 * (heads + 1) * mixer.rope_dim)
    core(
        rows, "compressed attention", "mla", count, entries,
        flops=_pair_flops(mixer, True) / rows.tp, entry_bytes=entry_bytes,
        written_bytes=entry_bytes * per_token, width=2 * width,
    )  # fmt: skip
    context_parallel(rows, count, entries, query=width, out=width, entry_bytes=entry_bytes)
    groups, low = mixer.o_groups / rows.tp, mixer.o_lora_rank
    rows.gemm("output down (grouped)", count, n=low, k=width, weight_class="attention", kind="bmm")
    rows.gemm("output up", count, n=hidden, k=groups * low, weight_class="attention")
    close(rows, "attention", count)


def _title(mixer: CompressedAttention) -> str:
    return f"compressed/{mixer.ratio}" if mixer.ratio else f"window {mixer.window}"


def _cache_formula(mixer: CompressedAttention, kv_bytes: float) -> tuple[str, str]:
    entry, width = f"{mixer.head_dim} x {kv_bytes:g} B", "width x bytes"
    if kv_bytes == 1.0:
        entry, width = f"{_entry_bytes(mixer, kv_bytes):g} B", "entry"
    if not mixer.ratio:
        return width, entry
    name, number = formula_text(mixer.indexer)
    return f"{width} + ({width}{name}) / ratio", f"{entry} + ({entry}{number}) / {mixer.ratio}"


def _cache_note(mixer: CompressedAttention) -> str:
    text = f"stops growing after {mixer.window:,} tokens"
    window = f"the window {text}, compressed entries go on" if mixer.ratio else text
    return "; ".join([window, *indexer_note(mixer.indexer, "compressed entries")])


KIND: Kind[CompressedAttention] = Kind(
    name="compressed",
    mixer=CompressedAttention,
    weight_class="attention",
    params=_params,
    cache=Cache(
        entry_elements=lambda m: m.head_dim,
        entry_bytes=_entry_bytes,
        token_bytes=_token_bytes,
        growth_bytes=_growth_bytes,
        stored_bytes=_stored_bytes,
        entries_read=_entries_read,
        scan_bytes=_scan_bytes,
        copies=lambda mixer, tp: 1,
    ),
    state=None,
    pair_flops=_pair_flops,
    scan_flops=_scan_flops,
    indexer=lambda m: m.indexer,
    cuts=lambda m: (Cut("attention heads", m.n_heads), Cut("output groups", m.o_groups)),
    shape={"attention heads": lambda m: m.n_heads, "head width": lambda m: m.head_dim},
    lower=_lower,
    words=Words(
        title=_title,
        tags=lambda m: frozenset({"compressed", "window"} | ({"sparse"} if m.indexer is not None else set())),
        geometry=lambda m: f"{m.n_heads} heads on one vector of {m.head_dim}",
        cache_formula=_cache_formula,
        cache_note=_cache_note,
    ),
    what_ifs=WhatIfs(
        fields={
            "heads": "n_heads",
            "head_dim": "head_dim",
            "q_lora_rank": "q_lora_rank",
            "o_lora_rank": "o_lora_rank",
            "window": "window",
            "ratio": "ratio",
        },
        change=set_number,
        widened=widened_indexer,
        thinned=not_thinned,
        faults=no_faults,
    ),
    wide_at_4_bits=False,
)
