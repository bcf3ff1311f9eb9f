"""Lowers attention and its substitutes: projections, the core over the context, what is cached, what is sent.

Heads are cut tp ways, KV heads at most n_kv ways (beyond that they are copied), the context cp ways. The latent
of MLA, its down-projections and indexers are whole on every rank. Cache reads count each cached token once per
pass, however many new tokens its sequence has: kernels keep new tokens on chip.
"""

from tokenroof.formulas.architecture_cache import mixer_state_bytes
from tokenroof.formulas.architecture_flops import (
    indexer_flops_per_context_token,
    mixer_flops_per_context_token,
    mixer_state_flops,
)
from tokenroof.operators.rows import (
    DECODE,
    DECODE_SEQUENCES,
    DECODE_TOKENS,
    PREFILL,
    PREFILL_SEQUENCES,
    PREFILL_TOKENS,
    TOKENS,
    Rows,
)
from tokenroof.types.model import CompressedAttention, Gqa, Indexer, LinearAttention, Mixer, Mla, Ssm
from tokenroof.types.program import ContextRule, Form, Num, Shape

__all__ = ["lower_mixer"]

FULL, NOTHING = ContextRule("full"), ContextRule("none")
Entries = tuple[tuple[ContextRule, float], ...]  # rules whose entries add up, with their weight

_PARTS = (
    ("decode", DECODE, DECODE_TOKENS, DECODE_SEQUENCES),
    ("prefill", PREFILL, PREFILL_TOKENS, PREFILL_SEQUENCES),
)


def lower_mixer(rows: Rows, mixer: Mixer, count: int) -> None:
    """Append the rows of `count` layers of one mixer."""
    if isinstance(mixer, Gqa):
        _gqa(rows, mixer, count)
    elif isinstance(mixer, Mla):
        _mla(rows, mixer, count)
    elif isinstance(mixer, CompressedAttention):
        _compressed(rows, mixer, count)
    elif isinstance(mixer, LinearAttention | Ssm):
        _recurrent(rows, mixer, count)


def _rule(mixer: Gqa | Mla) -> ContextRule:
    """What the core reads. Top-k keeps the best k of the tokens seen, so it counts like a window of k."""
    if isinstance(mixer, Gqa) and mixer.cross_attention:
        return NOTHING
    if mixer.window is not None:
        return ContextRule("chunk" if isinstance(mixer, Gqa) and mixer.chunked else "window", mixer.window)
    if mixer.indexer is not None:
        return ContextRule("window", mixer.indexer.top_k * mixer.indexer.block)
    return ContextRule("sqrt") if mixer.sqrt_context else FULL


def _core(
    rows: Rows,
    name: str,
    kind: str,
    count: int,
    entries: Entries,
    *,
    flops: Num,
    entry_bytes: Num,
    written_bytes: Num,
    width: Num,
    parts: tuple[str, ...] = ("decode", "prefill"),
    entry_activations: Num | None = None,
) -> None:
    """The attention core of one layer, a row for each part: `flops` per pair and `entry_bytes` per entry read.

    `width` is the elements of queries and outputs per new token; `written_bytes` what it appends to the cache.
    """
    for part, _, tokens, _ in _PARTS:
        if part not in parts:
            continue
        pairs = tuple((rows.pairs(part, rule), share * flops / rows.cp) for rule, share in entries)
        reads = tuple((rows.reads(part, rule), share * entry_bytes / rows.cp) for rule, share in entries)
        expanded: Form = ()
        if entry_activations is not None:
            expanded = tuple((at, entry_activations * rows.act / rows.cp) for at, _ in reads)
        rows.add(
            f"{name} ({part})",
            f"{kind}_{part}",
            count,
            part=part,
            format=rows.kv_format,
            flops=pairs,
            kv_read=reads,
            kv_write=((tokens, written_bytes),),
            activations=((tokens, width * rows.act), *expanded),
        )


def _index_key_bytes(indexer: Indexer) -> float:
    return indexer.head_dim * indexer.key_bytes_per_element / indexer.block


def _indexer(rows: Rows, mixer: Gqa | Mla | CompressedAttention, count: int, thinning: float = 1.0) -> None:
    """The scan that chooses tokens: every rank scores every cached key (one in `thinning` tokens has one)."""
    indexer = mixer.indexer
    if indexer is None or indexer.shared:
        return
    hidden = rows.model.hidden
    rows.gemm("indexer projections", count, n=indexer.extra_params / hidden, k=hidden, weight_class="attention")
    key_bytes = _index_key_bytes(indexer) / thinning
    for part, _, tokens, _ in _PARTS:
        rows.add(
            f"indexer scan ({part})",
            f"indexer_{part}",
            count,
            part=part,
            flops=((rows.pairs(part, FULL), indexer_flops_per_context_token(mixer) / rows.cp),),
            kv_read=((rows.reads(part, FULL), key_bytes / rows.cp),),
            kv_write=((tokens, key_bytes),),
            activations=((tokens, indexer.n_heads * indexer.head_dim * rows.act),),
        )
    rows.keep(FULL, count * key_bytes / rows.cp)


def _after(rows: Rows, name: str, count: int) -> None:
    rows.all_reduce(f"{name} all-reduce", count, width=rows.model.hidden)


def _context_parallel(rows: Rows, count: int, entries: Entries, *, query: Num, out: Num, entry_bytes: Num) -> None:
    """Ranks of a cp group pool queries and outputs in decode, keys and values in prefill."""
    if not rows.vectorised and rows.cp == 1:
        return
    for name, kind, width in (("queries", "all_gather", query), ("outputs", "reduce_scatter", out)):
        size = ((DECODE_TOKENS, rows.cp * width * rows.sent),)
        rows.collective(f"attention {name} {kind.replace('_', '-')}", count, kind, rows.cp, rows.tp, size)
    size_kv = tuple((rows.reads("prefill", rule), share * entry_bytes) for rule, share in entries)
    rows.collective("attention KV all-gather", count, "all_gather", rows.cp, rows.tp, size_kv)


def _gqa(rows: Rows, mixer: Gqa, count: int) -> None:
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
    _indexer(rows, mixer, count)
    rule = _rule(mixer)
    if rule != NOTHING:
        stored = entry * rows.kv if mixer.stores_kv else 0.0
        rows.elementwise("rotary embedding", count, 2 * (query + kv))
        _core(
            rows, "attention", "attention", count, ((rule, 1.0),),
            flops=mixer_flops_per_context_token(mixer) / tp, entry_bytes=entry * rows.kv, written_bytes=stored,
            width=query + out,
        )  # fmt: skip
        if mixer.stores_kv:
            rows.keep(rule if mixer.window is not None else FULL, count * stored / rows.cp)
        _context_parallel(rows, count, ((rule, 1.0),), query=query, out=out, entry_bytes=entry * rows.kv)
    rows.gemm("attention output", count, n=hidden, k=out, weight_class="attention")
    _after(rows, "attention", count)


def _mla(rows: Rows, mixer: Mla, count: int) -> None:
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
    _indexer(rows, mixer, count)
    rule = _rule(mixer)
    entry_bytes, written = entry * rows.kv, entry * rows.kv if mixer.stores_kv else 0.0
    up = heads * (nope + mixer.v_head_dim)
    rows.elementwise("rotary embedding", count, 2 * (heads * rope + (rope if mixer.stores_kv else 0)))
    rows.store("attention", latent * up * count)

    # Absorbed: queries are mapped into the latent space. Decode, and prefill where top-k picks single tokens.
    absorbed = ("decode",) if mixer.indexer is None else ("decode", "prefill")
    for part, present, tokens, _ in _PARTS:
        if part in absorbed:
            rows.gemm(
                f"latent absorb ({part})", count, n=up, k=latent, weight_class="attention", driver=tokens,
                present=present, part=part, kind="bmm", stored=False,
            )  # fmt: skip
    _core(
        rows, "latent attention", "mla", count, ((rule, 1.0),), parts=absorbed, written_bytes=written,
        flops=mixer_flops_per_context_token(mixer) / rows.tp, entry_bytes=entry_bytes,
        width=heads * (2 * latent + rope),
    )  # fmt: skip
    if mixer.indexer is None:
        _expanded_prefill(rows, mixer, count, rule, entry_bytes, written)
    if mixer.stores_kv:
        rows.keep(rule if mixer.window is not None else FULL, count * written / rows.cp)
    _context_parallel(rows, count, ((rule, 1.0),), query=heads * entry, out=heads * latent, entry_bytes=entry_bytes)
    if mixer.output_gate:
        rows.gemm("output gate", count, n=out, k=hidden, weight_class="attention")
    rows.gemm("attention output", count, n=hidden, k=out, weight_class="attention")
    _after(rows, "attention", count)


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
    _core(
        rows, "attention", "attention", count, ((rule, 1.0),), parts=("prefill",), written_bytes=written,
        flops=mixer_flops_per_context_token(mixer, absorbed=False) / rows.tp, entry_bytes=0.0,
        width=heads * (head + mixer.v_head_dim), entry_activations=heads * (head + mixer.v_head_dim),
    )  # fmt: skip


def _compressed(rows: Rows, mixer: CompressedAttention, count: int) -> None:
    hidden, heads = rows.model.hidden, mixer.n_heads / rows.tp
    width = heads * mixer.head_dim
    rank = mixer.q_lora_rank
    rows.gemm(
        "Q down and KV projection", count, n=rank + mixer.head_dim, k=hidden, weight_class="attention",
        extra=mixer.extra_params / rows.tp,
    )  # fmt: skip
    rows.gemm("Q up projection", count, n=width, k=rank, weight_class="attention")
    entries: Entries = ((ContextRule("window", mixer.window), 1.0),)
    entry_bytes = mixer.head_dim * rows.kv
    rows.keep(entries[0][0], count * entry_bytes / rows.cp)
    per_token = 1.0
    if mixer.ratio:
        _indexer(rows, mixer, count, mixer.ratio)
        chosen = FULL if mixer.indexer is None else ContextRule("window", mixer.indexer.top_k * mixer.ratio)
        entries = (*entries, (chosen, 1.0 / mixer.ratio))
        rows.keep(FULL, count * entry_bytes / mixer.ratio / rows.cp)
        per_token += 1.0 / mixer.ratio
    rows.elementwise("rotary embedding", count, 2 * (heads + 1) * mixer.rope_dim)
    _core(
        rows, "compressed attention", "mla", count, entries,
        flops=mixer_flops_per_context_token(mixer) / rows.tp, entry_bytes=entry_bytes,
        written_bytes=entry_bytes * per_token, width=2 * width,
    )  # fmt: skip
    _context_parallel(rows, count, entries, query=width, out=width, entry_bytes=entry_bytes)
    groups, low = mixer.o_groups / rows.tp, mixer.o_lora_rank
    rows.gemm("output down (grouped)", count, n=low, k=width, weight_class="attention", kind="bmm")
    rows.gemm("output up", count, n=hidden, k=groups * low, weight_class="attention")
    _after(rows, "attention", count)


def _recurrent(rows: Rows, mixer: LinearAttention | Ssm, count: int) -> None:
    hidden, tp = rows.model.hidden, rows.tp
    state = mixer_state_bytes(mixer) / tp
    rows.gemm(
        "recurrent input projection", count, n=mixer.in_params / hidden / tp, k=hidden, weight_class="recurrent",
        extra=mixer.extra_params / tp,
    )  # fmt: skip
    inner = mixer.out_params / hidden / tp
    for part, _, tokens, sequences in _PARTS:
        rows.add(
            f"{mixer.kind} ({part})",
            f"recurrence_{part}",
            count,
            part=part,
            flops=((tokens, mixer_state_flops(mixer) / tp),),
            kv_read=((sequences, state),),
            kv_write=((sequences, state),),
            activations=((tokens, (mixer.in_params / hidden / tp + inner) * rows.act),),
        )
    rows.state = rows.state + count * state
    rows.gemm("recurrent output projection", count, n=hidden, k=inner, weight_class="recurrent", driver=TOKENS)
    _after(rows, "recurrent", count)
