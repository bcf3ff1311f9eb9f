"""Families of 2026 with parts of several others: GLM-5.3-Flash (glm5_next), Ling 3 (bailing_hybrid), Inkling, and
Qwen3.8-Flash-Next (qwen4_exp).

Facts of the published implementations (transformers 5.24.0).
"""

from dataclasses import replace

from tokenroof.catalog.dialects.linear import gated_delta, kda
from tokenroof.catalog.dialects.parts import (
    Architecture,
    Layer,
    context_length,
    dense,
    head_dim,
    hyper_connections,
    layer_kinds,
    mla,
    moe,
    mtp_count,
    mtp_size,
    sparse_layers,
)
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import Ffn, Gqa, Indexer, LinearAttention, Mla

__all__ = ["inkling2", "read"]


def _ffns(r: ConfigReader, hidden: int, n: int) -> list[Ffn]:
    experts, placed = moe(r, hidden), sparse_layers(r, n)
    plain: Ffn = experts if all(placed) else dense(r, hidden)
    return [experts if sparse else plain for sparse in placed]


def _pooled_indexer(r: ConfigReader, hidden: int, q_rank: int) -> Indexer:
    """GLM-5.3: one index key for a pool of tokens, which a learnt gate and position bias make."""
    heads, width, pool = r.count("index_n_heads"), r.count("index_head_dim"), r.count("index_kpool")
    top_k = r.count("index_topk")
    if top_k % pool:
        raise InputError("index_topk", top_k, f"a multiple of index_kpool = {pool}")
    params = q_rank * heads * width + hidden * width + 2 * width + hidden * heads + pool * width + hidden * width
    return Indexer(top_k=top_k // pool, n_heads=heads, head_dim=width, block=pool, pool=pool, extra_params=params)


def _glm5(r: ConfigReader) -> Architecture:
    """KDA and latent attention without rotary positions, several residual streams."""
    hidden, n, streams = r.count("hidden_size"), r.n_layers(), r.count("hc_mult", high=1_000)
    kinds = layer_kinds(r, n, "linear_attention", "indexed_attention")
    r.has("indexer_types")  # full in every layer that has an indexer
    latent = mla(r, hidden, bias=r.flag("attention_bias", False))
    if latent.q_lora_rank is None:
        raise r.missing(["q_lora_rank"])
    latent = replace(latent, indexer=_pooled_indexer(r, hidden, latent.q_lora_rank))
    linear = kda(r, hidden)
    norms = 2 * hidden + hyper_connections(hidden, streams)
    layers = [
        Layer(mixer=linear if kind == "linear_attention" else latent, ffn=ffn, norm_params=norms)
        for kind, ffn in zip(kinds, _ffns(r, hidden, n), strict=True)
    ]
    return _finish(r, hidden, layers)


def _bailing(r: ConfigReader) -> Architecture:
    """KDA whose decay and gate are full projections; latent attention with a gate of one number per head."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    if r.is_list("layer_types"):
        r.has("layer_group_size")
        kinds = layer_kinds(r, n, "linear_attention", "full_attention")
    else:
        group = r.count("layer_group_size")
        kinds = ["linear_attention" if (i + 1) % group else "full_attention" for i in range(n)]
    narrow = kda(r, hidden)
    channels, width = narrow.n_v_heads * narrow.v_head_dim, narrow.v_head_dim
    wide = 2 * (hidden * channels - (hidden + channels) * width)
    linear: LinearAttention = replace(narrow, in_params=narrow.in_params + wide)
    latent: Mla = mla(r, hidden, bias=r.flag("attention_bias", False))
    latent = replace(latent, extra_params=latent.extra_params + hidden * latent.n_heads)
    ffns = _ffns(r, hidden, n)
    r.has("first_k_dense_replace", "short_conv_kernel_size")
    layers = [
        Layer(mixer=linear if kind == "linear_attention" else latent, ffn=ffn, norm_params=2 * hidden)
        for kind, ffn in zip(kinds, ffns, strict=True)
    ]
    n_mtp = mtp_count(r)
    last = Layer(mixer=latent, ffn=ffns[-1], norm_params=2 * hidden)
    return replace(_finish(r, hidden, layers), mtp_layers=n_mtp, mtp_params=mtp_size(last, hidden, n_mtp))


def _inkling_attention(r: ConfigReader, hidden: int, *, local: bool) -> Gqa:
    """Short convolutions over keys, values and both outputs; positions come as learnt logits by distance."""
    prefix = "swa_" if local else ""
    heads, kv_heads = r.count(f"{prefix}num_attention_heads"), r.count(f"{prefix}num_key_value_heads")
    width, kernel = r.count(f"{prefix}head_dim"), r.count("conv_kernel_size", high=1_000)
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    window = r.count("sliding_window_size", "sliding_window") if local else None
    reach = r.count("rel_extent")
    rank = r.count("d_rel")
    positions = hidden * heads * rank + rank * (min(reach, window) if window else reach)
    convolutions = kernel * (2 * kv_heads * width + 2 * hidden)
    return Gqa(
        n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width, window=window,
        extra_params=positions + convolutions + 2 * width,
    )  # fmt: skip


def _inkling(r: ConfigReader) -> Architecture:
    hidden, n = r.count("hidden_size"), r.n_layers()
    kinds = layer_kinds(r, n, "hybrid_sliding", "hybrid")
    experts = moe(r, hidden)
    shared = r.maybe("n_shared_experts", low=0) or 0
    if r.flag("shared_expert_sink", True):  # the router weighs shared experts too, and all by one scale
        experts = replace(experts, router_params=(experts.n_experts + shared) * hidden + 1)
    if not all(sparse_layers(r, n)):
        raise InputError("mlp_layer_types", "dense", "sparse in every layer", "dense layers are not read here")
    r.has("intermediate_size")
    full, local = (_inkling_attention(r, hidden, local=sliding) for sliding in (False, True))
    layers = [
        Layer(mixer=local if kind == "hybrid_sliding" else full, ffn=experts, norm_params=2 * hidden) for kind in kinds
    ]
    r.warn("the last columns of its short convolutions, a few KB a sequence, are not counted")
    r.has("number_of_conv_states")
    return replace(_finish(r, hidden, layers), other_params=hidden)


def _inkling2_attention(r: ConfigReader, hidden: int, *, local: bool) -> Gqa:
    """As before it, with a gate on the output, a sink that each token projects, and a scale for each query head.

    Full layers project the taps of their two convolutions, one set for each key/value head.
    """
    first = _inkling_attention(r, hidden, local=local)
    heads, kernel = first.n_heads, r.count("conv_kernel_size", high=1_000)
    scales = heads * (first.head_dim + r.count("d_rel")) - 2 * first.head_dim  # keys have none
    taps = 0 if local else 2 * first.n_kv_heads * kernel * hidden
    return replace(first, output_gate=True, extra_params=first.extra_params + heads * hidden + scales + taps)


def inkling2(r: ConfigReader) -> Architecture:
    """Each sublayer attends to the outputs of blocks of layers before it, by a query of its own and without a cache."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    kinds = layer_kinds(r, n, "hybrid_sliding", "hybrid")
    experts = moe(r, hidden)
    full, local = (_inkling2_attention(r, hidden, local=sliding) for sliding in (False, True))
    # full layers have norms and queries for each of q, k and v; the first layer needs no query, the head has one
    layers = [
        Layer(mixer=local, ffn=experts, norm_params=4 * hidden)
        if kind == "hybrid_sliding"
        else Layer(mixer=full, ffn=experts, norm_params=8 * hidden)
        for kind in kinds
    ]
    unasked = (1 if kinds[0] == "hybrid_sliding" else 3) - 1
    r.warn("the last columns of its short convolutions, a few KB a sequence, are not counted")
    r.has("n_layers_per_attn_res_block")
    rows, written = r.count("vocab_size"), r.count("unpadded_vocab_size")
    found = _finish(r, hidden, layers)
    return replace(found, vocab=written, other_params=(1 - unasked + rows - written) * hidden)


def _finish(r: ConfigReader, hidden: int, layers: list[Layer]) -> Architecture:
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=tuple(layers),
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        context=context_length(r),
    )


def _qwen4_attention(r: ConfigReader, hidden: int) -> Gqa:
    """Grouped heads with a gate as wide as the queries; an indexer picks whole blocks by one pooled key of each."""
    heads, kv_heads = r.count("num_attention_heads"), r.count("num_key_value_heads")
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    width, index, block = head_dim(r, hidden, heads), r.count("indexer_head_dim"), r.count("indexer_compress_ratio")
    scorers, keys, budget = r.count("indexer_n_heads"), r.count("indexer_kv_heads"), r.count("indexer_budget")
    if budget % block:
        raise InputError("indexer_budget", budget, f"a multiple of indexer_compress_ratio = {block}")
    indexer = Indexer(
        top_k=budget // block, n_heads=scorers, head_dim=index, block=block, pool=block,
        extra_params=hidden * (scorers + keys) * index + 2 * index, key_bytes_per_element=2.0,
    )  # fmt: skip
    biases = (2 * heads + 2 * kv_heads) * width + hidden if r.flag("attention_bias", False) else 0
    return Gqa(
        n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width, output_gate=True, indexer=indexer,
        extra_params=2 * width + biases,
    )  # fmt: skip


def _ngram_layer(r: ConfigReader, hidden: int, streams: int) -> tuple[int, int]:
    """Of a layer that adds hashed n-grams to the stream: its own weights, and the table that tokens look up."""
    width = r.maybe("ple_embed_dim") or hidden
    heads = (r.count("ngram_size") - 1) * r.count("heads_per_ngram")
    if not heads or width % heads:
        raise InputError("ple_embed_dim", width, f"a multiple of the {heads} heads of n-grams")
    rows, multiple = heads * r.count("ngram_vocab_size_base"), r.count("make_ngram_vocab_size_divisible_by")
    wide = streams * hidden
    own = width * (wide + hidden) + 3 * wide + wide * r.count("ple_conv_kernel_size", high=1_000)
    return own, -(-rows // multiple) * multiple * (width // heads)


def _qwen4(r: ConfigReader) -> Architecture:
    """Gated delta net and sparse attention; several streams that two narrow matmuls mix; n-grams in some layers."""
    hidden, n, streams = r.count("hidden_size"), r.n_layers(), r.count("hc_count", high=1_000)
    if r.is_list("layer_types"):
        r.has("full_attention_interval")
        kinds = layer_kinds(r, n, "linear_attention", "indexed_attention", "full_attention")
    else:
        every = r.count("full_attention_interval")
        kinds = ["linear_attention" if (i + 1) % every else "indexed_attention" for i in range(n)]
    attention, linear = _qwen4_attention(r, hidden), gated_delta(r, hidden)
    experts = moe(r, hidden, shared_gate=True)
    wide = streams * hidden
    mixer = wide + 2 * wide * r.count("hc_lowrank")
    at = set(r.counts("ple_layer_ids", low=1) or [])
    if at and max(at) > n:
        raise InputError("ple_layer_ids", max(at), f"at most num_hidden_layers = {n}")
    own, table = _ngram_layer(r, hidden, streams) if at else (0, 0)
    layers = [
        Layer(
            mixer=linear if kind == "linear_attention" else attention, ffn=experts,
            norm_params=2 * (mixer + wide * streams) + (own if i + 1 in at else 0),
        )
        for i, kind in enumerate(kinds)
    ]  # fmt: skip
    if at:
        r.warn("tables of n-grams are counted without the few rows that round each to a prime")
    r.has("ngram_size", "heads_per_ngram", "ngram_vocab_size_base", "make_ngram_vocab_size_divisible_by",
          "ple_conv_kernel_size", "ple_embed_dim", "split_ngram_parts", "number_of_conv_states")  # fmt: skip
    found = _finish(r, hidden, layers)
    return replace(found, final_norm_params=mixer, lookup_params=len(at) * table)


_READERS = {"glm5_next_text": _glm5, "bailing_hybrid": _bailing, "inkling_text": _inkling, "inkling2_text": inkling2,
            "qwen4_exp_text": _qwen4}  # fmt: skip


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    return _READERS[r.model_type](r)
