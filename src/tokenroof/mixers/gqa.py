"""Multi-head, multi-query and grouped-query attention: keys and values of every KV head, one entry per token."""

from tokenroof.errors import InputError
from tokenroof.mixers import per_token
from tokenroof.mixers.indexed import indexer_params, indexer_scan_flops, lower_indexer
from tokenroof.mixers.kind import Cache, Cut, Kind, WhatIfs, Words
from tokenroof.mixers.lowering import NOTHING, close, context_parallel, core, decode_context_parallel
from tokenroof.mixers.rows import Rows
from tokenroof.mixers.what_ifs import set_number, thinned, widened_indexer
from tokenroof.types.model import Gqa
from tokenroof.types.program import ContextRule

__all__ = ["KIND"]


def _params(mixer: Gqa, hidden: int) -> int:
    query_width = mixer.n_heads * mixer.head_dim
    queries = query_width * (2 if mixer.output_gate else 1)
    q = hidden * queries if mixer.q_lora_rank is None else (hidden + queries) * mixer.q_lora_rank
    kv = 0
    if mixer.stores_kv:
        values = 0 if mixer.k_equals_v else mixer.v_head_dim
        kv = hidden * mixer.n_kv_heads * (mixer.head_dim + values)
    return q + kv + mixer.n_heads * mixer.v_head_dim * hidden + mixer.extra_params + indexer_params(mixer.indexer)


def _entry(mixer: Gqa) -> int:
    return 0 if mixer.cross_attention or mixer.bidirectional else mixer.n_kv_heads * (mixer.head_dim + mixer.v_head_dim)


def _entries_read(mixer: Gqa, context: float) -> float:
    return 0.0 if mixer.cross_attention else per_token.entries_read(mixer, context)


def _pair_flops(mixer: Gqa, absorbed: bool) -> float:
    return 2.0 * mixer.n_heads * (mixer.head_dim + mixer.v_head_dim)


def _rule(mixer: Gqa) -> ContextRule:
    if mixer.cross_attention:
        return NOTHING
    if mixer.window is not None and mixer.chunked:
        return ContextRule("chunk", mixer.window)
    return per_token.read_rule(mixer)


def _lower(rows: Rows, mixer: Gqa, count: int) -> None:
    hidden, tp = rows.model.hidden, rows.tp
    heads = mixer.n_heads / tp
    kv_heads = rows.xp.maximum(mixer.n_kv_heads / tp, 1.0)
    query, out = heads * mixer.head_dim, heads * mixer.v_head_dim
    entry = kv_heads * (mixer.head_dim + mixer.v_head_dim)
    projected = kv_heads * (mixer.head_dim + (0 if mixer.k_equals_v else mixer.v_head_dim))
    kv = projected if mixer.stores_kv else 0.0
    gated = query * (2 if mixer.output_gate else 1)
    extra = mixer.extra_params / tp
    if mixer.q_lora_rank is None:
        rows.gemm("QKV projection", count, n=gated + kv, k=hidden, weight_class="attention", extra=extra)
    else:
        rank = mixer.q_lora_rank
        rows.gemm("Q down and KV projection", count, n=rank + kv, k=hidden, weight_class="attention", extra=extra)
        rows.gemm("Q up projection", count, n=gated, k=rank, weight_class="attention")
    lower_indexer(rows, mixer.indexer, count, scan_flops=indexer_scan_flops(mixer.indexer))
    rule = _rule(mixer)
    if rule != NOTHING:
        stored = entry * rows.kv if mixer.stores_kv else 0.0
        rows.elementwise("rotary embedding", count, 2 * (query + kv))
        core(
            rows, "attention", "attention", count, ((rule, 1.0),), flops=_pair_flops(mixer, True) / tp,
            entry_bytes=entry * rows.kv, written_bytes=stored, width=query + out,
        )  # fmt: skip
        per_token.keep(rows, mixer, count, rule, stored)
        context_parallel(rows, count, ((rule, 1.0),), query=query, out=out, entry_bytes=entry * rows.kv)
        decode_context_parallel(rows, count, heads=heads, query=query, out=out, entry_bytes=entry * rows.kv)
    rows.gemm("attention output", count, n=hidden, k=out, weight_class="attention")
    close(rows, "attention", count)


def _name(mixer: Gqa) -> str:
    return "MHA" if mixer.n_kv_heads == mixer.n_heads else ("MQA" if mixer.n_kv_heads == 1 else "GQA")


def _title(mixer: Gqa) -> str:
    if mixer.cross_attention:
        return f"cross {_name(mixer)}"
    if mixer.bidirectional:
        return f"{_name(mixer)} both ways"
    window = "" if mixer.window is None else f" {'chunk' if mixer.chunked else 'window'} {mixer.window}"
    return _name(mixer) + window + per_token.title_tail(mixer)


def _tags(mixer: Gqa) -> frozenset[str]:
    marks = {
        "window": mixer.window is not None,
        "shared-kv": not mixer.stores_kv,
        "cross": mixer.cross_attention,
        "encoder": mixer.bidirectional,
        "sparse": mixer.indexer is not None,
    }
    return frozenset({_name(mixer).lower(), *(mark for mark, has in marks.items() if has)})


def _geometry(mixer: Gqa) -> str:
    value = "" if mixer.v_head_dim == mixer.head_dim else f"/{mixer.v_head_dim}"
    shared = ", K = V" if mixer.k_equals_v else ""
    return f"{mixer.n_heads} heads, {mixer.n_kv_heads} KV, width {mixer.head_dim}{value}{shared}"


def _cache_formula(mixer: Gqa, kv_bytes: float) -> tuple[str, str]:
    if mixer.cross_attention or mixer.bidirectional or not mixer.stores_kv:
        return "0", "0"
    numbers = f"{mixer.n_kv_heads} x ({mixer.head_dim} + {mixer.v_head_dim}) x {kv_bytes:g} B"
    return per_token.scanned_formula(mixer, "KV heads x (key + value width) x bytes", numbers)


def _cache_note(mixer: Gqa) -> str:
    if mixer.cross_attention:
        return "reads an encoder's tokens, adds nothing per token of text"
    if mixer.bidirectional:
        return "an encoder keeps no cache"
    return per_token.note(mixer, "starts again" if mixer.chunked else "stops growing")


def _copies(mixer: Gqa, tp: int) -> int:
    """Ranks beyond the number of KV heads hold copies; who has a window or an index shares none."""
    plain = mixer.window is None and mixer.indexer is None
    return tp // mixer.n_kv_heads if plain and tp % mixer.n_kv_heads == 0 else 1


def _change(mixer: Gqa, attribute: str, value: int) -> Gqa:
    changed = set_number(mixer, attribute, value)
    if attribute == "head_dim" and mixer.v_head_dim == mixer.head_dim:
        return set_number(changed, "v_head_dim", value)
    return changed


def _faults(mixer: Gqa) -> tuple[InputError, ...]:
    heads, kv = mixer.n_heads, mixer.n_kv_heads
    if not heads % kv:
        return ()
    divisors = [d for d in range(1, heads + 1) if heads % d == 0]
    near = sorted({max(d for d in divisors if d <= kv), min((d for d in divisors if d >= kv), default=heads)})
    limit, fix = f"a divisor of the {heads} attention heads", f"use {' or '.join(str(d) for d in near)}"
    return (InputError("model.kv_heads", kv, limit, fix),)


KIND: Kind[Gqa] = Kind(
    name="gqa",
    mixer=Gqa,
    weight_class="attention",
    params=_params,
    cache=Cache(
        entry_elements=_entry,
        entry_bytes=lambda m, kv_bytes: _entry(m) * kv_bytes,
        token_bytes=lambda m, kv_bytes: per_token.token_bytes(m, _entry(m) * kv_bytes),
        growth_bytes=lambda m, kv_bytes: per_token.growth_bytes(m, _entry(m) * kv_bytes),
        stored_bytes=lambda m, context, kv_bytes: per_token.stored_bytes(m, context, _entry(m) * kv_bytes),
        entries_read=_entries_read,
        scan_bytes=per_token.scan_bytes,
        copies=_copies,
    ),
    state=None,
    pair_flops=_pair_flops,
    scan_flops=lambda m: indexer_scan_flops(m.indexer),
    indexer=lambda m: m.indexer,
    cuts=lambda m: (Cut("attention heads", m.n_heads), Cut("KV heads", m.n_kv_heads, copies=True)),
    shape={
        "attention heads": lambda m: m.n_heads,
        "key/value heads": lambda m: m.n_kv_heads,
        "head width": lambda m: m.head_dim,
    },
    lower=_lower,
    words=Words(title=_title, tags=_tags, geometry=_geometry, cache_formula=_cache_formula, cache_note=_cache_note),
    what_ifs=WhatIfs(
        fields={
            "heads": "n_heads",
            "kv_heads": "n_kv_heads",
            "head_dim": "head_dim",
            "v_head_dim": "v_head_dim",
            "q_lora_rank": "q_lora_rank",
            "window": "window",
        },
        change=_change,
        widened=widened_indexer,
        thinned=lambda m, rule, size, hidden: None if m.cross_attention else thinned(m, rule, size, hidden),
        faults=_faults,
    ),
    wide_at_4_bits=False,
)
