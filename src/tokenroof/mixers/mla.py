"""Multi-head latent attention: one latent and one rotary key per token, shared by all heads.

Decode works in the latent space (absorbed projections); prefill expands keys and values per head, unless top-k
picks single tokens, which needs the absorbed form.
"""

from tokenroof.mixers import per_token
from tokenroof.mixers.indexed import indexer_params, indexer_scan_flops, lower_indexer
from tokenroof.mixers.kind import Cache, Cut, Kind, WhatIfs, Words
from tokenroof.mixers.lowering import FULL, PARTS, close, context_parallel, core, decode_context_parallel
from tokenroof.mixers.rows import PREFILL, Rows
from tokenroof.mixers.what_ifs import no_faults, set_number, thinned, widened_indexer
from tokenroof.types.model import Mla
from tokenroof.types.program import ContextRule, Num, Shape

__all__ = ["KIND"]


def _params(mixer: Mla, hidden: int) -> int:
    query_width = mixer.n_heads * (mixer.qk_nope_dim + mixer.qk_rope_dim)
    q = hidden * query_width if mixer.q_lora_rank is None else (hidden + query_width) * mixer.q_lora_rank
    down = hidden * (mixer.kv_lora_rank + mixer.qk_rope_dim) if mixer.stores_kv else 0
    up = mixer.kv_lora_rank * mixer.n_heads * (mixer.qk_nope_dim + mixer.v_head_dim)
    out = mixer.n_heads * mixer.v_head_dim * hidden
    gate = out if mixer.output_gate else 0
    return q + down + up + out + gate + mixer.extra_params + indexer_params(mixer.indexer)


def _entry(mixer: Mla) -> int:
    return mixer.kv_lora_rank + mixer.qk_rope_dim


def _entry_bytes(mixer: Mla, kv_bytes: float) -> float:
    """Bytes of an entry. Where top-k picks tokens, kernels take 8-bit entries packed: the latent with an fp32 scale for
    each 128, the rotary key in 16 bits; 4-bit entries have the rotary key in 8.
    """
    if mixer.indexer is None or kv_bytes > 1.0:
        return _entry(mixer) * kv_bytes
    if kv_bytes < 1.0:
        return mixer.kv_lora_rank * kv_bytes + mixer.qk_rope_dim
    return mixer.kv_lora_rank * (1.0 + 4.0 / 128.0) + mixer.qk_rope_dim * 2.0


def _pair_flops(mixer: Mla, absorbed: bool) -> float:
    if absorbed:
        return 2.0 * mixer.n_heads * (2 * mixer.kv_lora_rank + mixer.qk_rope_dim)
    return 2.0 * mixer.n_heads * (mixer.qk_nope_dim + mixer.qk_rope_dim + mixer.v_head_dim)


def _lower(rows: Rows, mixer: Mla, count: int) -> None:
    hidden, heads = rows.model.hidden, mixer.n_heads / rows.tp
    latent, rope, nope = mixer.kv_lora_rank, mixer.qk_rope_dim, mixer.qk_nope_dim
    query, out = heads * (nope + rope), heads * mixer.v_head_dim
    entry = latent + rope
    down = entry if mixer.stores_kv else 0
    extra = mixer.extra_params / rows.tp
    if mixer.q_lora_rank is None:
        rows.gemm("Q and latent projection", count, n=query + down, k=hidden, weight_class="attention", extra=extra)
    else:
        rank = mixer.q_lora_rank
        rows.gemm("Q and latent down", count, n=rank + down, k=hidden, weight_class="attention", extra=extra)
        rows.gemm("Q up projection", count, n=query, k=rank, weight_class="attention")
    lower_indexer(rows, mixer.indexer, count, scan_flops=indexer_scan_flops(mixer.indexer))
    rule = per_token.read_rule(mixer)
    entry_bytes = _entry_bytes(mixer, rows.kv)
    written = entry_bytes if mixer.stores_kv else 0.0
    up = heads * (nope + mixer.v_head_dim)
    rows.elementwise("rotary embedding", count, 2 * (heads * rope + (rope if mixer.stores_kv else 0)))
    rows.store("attention", latent * up * count)

    # Absorbed: queries are mapped into the latent space. Decode, and prefill where top-k picks single tokens.
    absorbed = ("decode",) if mixer.indexer is None else ("decode", "prefill")
    for part, present, tokens, _ in PARTS:
        if part in absorbed:
            rows.gemm(
                f"latent absorb ({part})", count, n=up, k=latent, weight_class="attention", driver=tokens,
                present=present, part=part, kind="bmm", stored=False,
            )  # fmt: skip
    kind = "mla" if mixer.indexer is None else "mla_sparse"
    core(
        rows, "latent attention", kind, count, ((rule, 1.0),), parts=absorbed, written_bytes=written,
        flops=_pair_flops(mixer, True) / rows.tp, entry_bytes=entry_bytes,
        width=heads * (2 * latent + rope),
    )  # fmt: skip
    if mixer.indexer is None:
        _expanded_prefill(rows, mixer, count, rule, entry_bytes, written)
    per_token.keep(rows, mixer, count, rule, written)
    context_parallel(rows, count, ((rule, 1.0),), query=heads * entry, out=heads * latent, entry_bytes=entry_bytes)
    decode_context_parallel(rows, count, heads=heads, query=heads * entry, out=heads * latent, entry_bytes=entry_bytes)
    if mixer.output_gate:
        rows.gemm("output gate", count, n=out, k=hidden, weight_class="attention")
    rows.gemm("attention output", count, n=hidden, k=out, weight_class="attention")
    close(rows, "attention", count)


def _expanded_prefill(rows: Rows, mixer: Mla, count: int, rule: ContextRule, entry_bytes: Num, written: Num) -> None:
    """Prefill of MLA: keys and values of all that is stored are expanded from the latent, then read per head."""
    heads, latent = mixer.n_heads / rows.tp, mixer.kv_lora_rank
    up = heads * (mixer.qk_nope_dim + mixer.v_head_dim)
    seen = rows.reads("prefill", rule if mixer.window is not None else FULL)
    rows.add(
        "latent expand (prefill)",
        "gemm",
        count,
        part="prefill",
        rate=rows.weight_rate["attention"],
        format=rows.weight_format["attention"],
        flops=((seen, 2.0 * latent * up / rows.cp),),
        weights=((PREFILL, latent * up * rows.weight_bytes["attention"]),),
        kv_read=((seen, entry_bytes / rows.cp),),
        activations=((seen, up * rows.act / rows.cp),),
        shape=Shape(up, latent),
    )
    head = mixer.qk_nope_dim + mixer.qk_rope_dim
    core(
        rows, "attention", "attention", count, ((rule, 1.0),), parts=("prefill",), written_bytes=written,
        flops=_pair_flops(mixer, False) / rows.tp, entry_bytes=0.0,
        width=heads * (head + mixer.v_head_dim), entry_activations=heads * (head + mixer.v_head_dim),
    )  # fmt: skip


def _title(mixer: Mla) -> str:
    return "MLA" + ("" if mixer.window is None else f" window {mixer.window}") + per_token.title_tail(mixer)


def _geometry(mixer: Mla) -> str:
    latent = f"latent {mixer.kv_lora_rank} + {mixer.qk_rope_dim}"
    return f"{mixer.n_heads} heads, {latent}, value width {mixer.v_head_dim}"


def _cache_formula(mixer: Mla, kv_bytes: float) -> tuple[str, str]:
    if not mixer.stores_kv:
        return per_token.scanned_formula(mixer, "0", "0")
    if mixer.indexer is not None and kv_bytes == 1.0:
        scales = f"{mixer.kv_lora_rank / 128:g} x 4 B"
        numbers = f"{mixer.kv_lora_rank} x 1 B + {scales} + {mixer.qk_rope_dim} x 2 B"
        return per_token.scanned_formula(mixer, "latent in 8 bits + its scales + rotary key in 16", numbers)
    if mixer.indexer is not None and kv_bytes < 1.0:
        numbers = f"{mixer.kv_lora_rank} x {kv_bytes:g} B + {mixer.qk_rope_dim} x 1 B"
        return per_token.scanned_formula(mixer, "latent x bytes + rotary key in 8 bits", numbers)
    numbers = f"({mixer.kv_lora_rank} + {mixer.qk_rope_dim}) x {kv_bytes:g} B"
    return per_token.scanned_formula(mixer, "(latent + rotary key) x bytes", numbers)


KIND: Kind[Mla] = Kind(
    name="mla",
    mixer=Mla,
    weight_class="attention",
    params=_params,
    cache=Cache(
        entry_elements=_entry,
        entry_bytes=_entry_bytes,
        token_bytes=lambda m, kv_bytes: per_token.token_bytes(m, _entry_bytes(m, kv_bytes)),
        growth_bytes=lambda m, kv_bytes: per_token.growth_bytes(m, _entry_bytes(m, kv_bytes)),
        stored_bytes=lambda m, context, kv_bytes: per_token.stored_bytes(m, context, _entry_bytes(m, kv_bytes)),
        entries_read=per_token.entries_read,
        scan_bytes=per_token.scan_bytes,
        copies=lambda mixer, tp: tp if mixer.window is None and mixer.indexer is None else 1,
    ),
    state=None,
    pair_flops=_pair_flops,
    scan_flops=lambda m: indexer_scan_flops(m.indexer),
    indexer=lambda m: m.indexer,
    cuts=lambda m: (Cut("attention heads", m.n_heads),),
    shape={
        "attention heads": lambda m: m.n_heads,
        "head width": lambda m: m.v_head_dim,
        "MLA latent": lambda m: m.kv_lora_rank,
    },
    lower=_lower,
    words=Words(
        title=_title,
        tags=lambda m: frozenset({"mla"} if m.indexer is None else {"mla", "sparse"}),
        geometry=_geometry,
        cache_formula=_cache_formula,
        cache_note=per_token.note,
    ),
    what_ifs=WhatIfs(
        fields={
            "heads": "n_heads",
            "v_head_dim": "v_head_dim",
            "kv_lora_rank": "kv_lora_rank",
            "qk_nope_dim": "qk_nope_dim",
            "qk_rope_dim": "qk_rope_dim",
            "q_lora_rank": "q_lora_rank",
            "window": "window",
        },
        change=set_number,
        widened=widened_indexer,
        thinned=thinned,
        faults=no_faults,
    ),
    wide_at_4_bits=True,
)
