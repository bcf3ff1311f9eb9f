"""Decoders from before grouped queries became common: GPT-2/3, GPT-J, GPT-Neo, BLOOM, MPT, OPT, Falcon, PaLM, Phi-2.

Facts of the published implementations (transformers 5.23.0; PaLM: arXiv 2204.02311, section 2).
"""

from dataclasses import replace

from tokenroof.catalog.dialects.parts import Architecture, Layer, context_length, gqa_biases, head_dim
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import DenseFfn, Gqa

__all__ = ["read"]


def _mha(r: ConfigReader, hidden: int, heads: int, *, bias: bool, kv_heads: int | None = None) -> Gqa:
    width = head_dim(r, hidden, heads)
    mixer = Gqa(n_heads=heads, n_kv_heads=kv_heads or heads, head_dim=width, v_head_dim=width)
    if mixer.n_kv_heads > heads or heads % mixer.n_kv_heads:
        raise InputError("key/value heads", mixer.n_kv_heads, f"a divisor of {heads} heads")
    return replace(mixer, extra_params=gqa_biases(mixer, hidden, qkv=bias, out=bias))


def _mlp(hidden: int, width: int, *, bias: bool) -> DenseFfn:
    return DenseFfn(intermediate=width, gated=False, extra_params=width + hidden if bias else 0)


def _gpt2(r: ConfigReader) -> Architecture:
    r.need("n_embd", "n_layer", "n_head", "vocab_size", "n_positions|n_ctx")
    hidden, n, positions = r.count("n_embd"), r.n_layers("n_layer"), r.count("n_positions", "n_ctx")
    width = r.maybe("n_inner") or 4 * hidden
    layer = Layer(
        mixer=_mha(r, hidden, r.count("n_head"), bias=True),
        ffn=_mlp(hidden, width, bias=True),
        norm_params=4 * hidden,
    )
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=(layer,) * n,
        tied=r.flag("tie_word_embeddings", True),
        final_norm_params=2 * hidden,
        other_params=positions * hidden,  # learnt positions
        context=positions,
    )


def _opt(r: ConfigReader) -> Architecture:
    r.need(
        "hidden_size", "num_hidden_layers", "num_attention_heads", "ffn_dim", "vocab_size", "max_position_embeddings"
    )
    hidden, n, positions = r.count("hidden_size"), r.n_layers(), r.count("max_position_embeddings")
    bias = r.flag("enable_bias", True)
    table_width = r.maybe("word_embed_proj_dim") or hidden
    if table_width != hidden:
        raise InputError("word_embed_proj_dim", table_width, f"hidden_size = {hidden}", "projected tables are not read")
    layer = Layer(
        mixer=_mha(r, hidden, r.count("num_attention_heads"), bias=bias),
        ffn=_mlp(hidden, r.count("ffn_dim"), bias=bias),
        norm_params=4 * hidden,
    )
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=(layer,) * n,
        tied=r.flag("tie_word_embeddings", True),
        final_norm_params=2 * hidden if r.flag("do_layer_norm_before", True) else 0,
        other_params=(positions + 2) * hidden,  # learnt positions, offset by two
        context=positions,
    )


def _falcon(r: ConfigReader) -> Architecture:
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    hidden, n, heads = r.count("hidden_size"), r.n_layers(), r.count("num_attention_heads")
    new = r.flag("new_decoder_architecture", False)
    multi_query = r.flag("multi_query", True)
    kv_heads = r.count("num_kv_heads") if new else (1 if multi_query else heads)
    bias = r.flag("bias", False)
    width = r.maybe("ffn_hidden_size") or 4 * hidden
    parallel = r.flag("parallel_attn", True)
    separate = 2 if (new and r.maybe("num_ln_in_parallel_attn") != 1) or not parallel else 1
    layer = Layer(
        mixer=_mha(r, hidden, heads, bias=bias, kv_heads=kv_heads),
        ffn=_mlp(hidden, width, bias=bias),
        norm_params=2 * separate * hidden,
    )
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=(layer,) * n,
        tied=r.flag("tie_word_embeddings", True),
        final_norm_params=2 * hidden,
        context=context_length(r),
    )


def _palm(r: ConfigReader) -> Architecture:
    """Parallel block with one norm, SwiGLU, one key/value head, no biases."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    hidden, heads = r.count("hidden_size"), r.count("num_attention_heads")
    layer = Layer(
        mixer=_mha(r, hidden, heads, bias=False, kv_heads=r.count("num_key_value_heads")),
        ffn=DenseFfn(intermediate=r.count("intermediate_size")),
        norm_params=hidden,
    )
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=(layer,) * r.n_layers(),
        tied=r.flag("tie_word_embeddings", True),
        final_norm_params=hidden,
        context=context_length(r),
    )


def _phi(r: ConfigReader) -> Architecture:
    """Parallel block with one LayerNorm and biases everywhere, the output table's included."""
    r.need("n_embd|hidden_size", "n_layer|num_hidden_layers", "n_head|num_attention_heads", "vocab_size")
    hidden, n = r.count("n_embd", "hidden_size"), r.n_layers("n_layer", "num_hidden_layers")
    heads, vocab = r.count("n_head", "num_attention_heads"), r.count("vocab_size")
    width = r.maybe("n_inner", "intermediate_size") or 4 * hidden
    layer = Layer(
        mixer=_mha(r, hidden, heads, bias=True, kv_heads=r.maybe("n_head_kv", "num_key_value_heads")),
        ffn=_mlp(hidden, width, bias=True),
        norm_params=2 * hidden,
    )
    return Architecture(
        hidden=hidden,
        vocab=vocab,
        layers=(layer,) * n,
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=2 * hidden,
        other_params=vocab,
        context=context_length(r),
    )


def _qwen(r: ConfigReader) -> Architecture:
    """The first Qwen: intermediate_size counts both halves of the gated network; q, k and v have biases in any case."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    hidden, heads = r.count("hidden_size"), r.count("num_attention_heads")
    width = head_dim(r, hidden, heads, "kv_channels")
    mixer = Gqa(n_heads=heads, n_kv_heads=heads, head_dim=width, v_head_dim=width)
    layer = Layer(
        mixer=replace(mixer, extra_params=gqa_biases(mixer, hidden, qkv=True, out=False)),
        ffn=DenseFfn(intermediate=r.count("intermediate_size") // 2),
        norm_params=2 * hidden,
    )
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=(layer,) * r.n_layers(),
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        context=context_length(r),
    )


def _finish(r: ConfigReader, hidden: int, layers: tuple[Layer, ...], *, tied: bool, final: int, other: int = 0,
            context: int | None = None) -> Architecture:  # fmt: skip
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=layers,
        tied=r.flag("tie_word_embeddings", tied),
        final_norm_params=final * hidden,
        other_params=other,
        context=context,
    )


def _bloom(r: ConfigReader) -> Architecture:
    """Positions by slopes; a norm behind the table."""
    r.need("hidden_size|n_embed", "n_layer|num_hidden_layers", "n_head|num_attention_heads", "vocab_size")
    hidden, heads = r.count("hidden_size", "n_embed"), r.count("n_head", "num_attention_heads")
    layer = Layer(
        mixer=_mha(r, hidden, heads, bias=True), ffn=_mlp(hidden, 4 * hidden, bias=True), norm_params=4 * hidden
    )
    n = r.n_layers("n_layer", "num_hidden_layers")
    return _finish(r, hidden, (layer,) * n, tied=True, final=2, other=2 * hidden, context=r.tokens("seq_length"))


def _gptj(r: ConfigReader) -> Architecture:
    """One norm for attention and network side by side; biases in the network and the output table alone."""
    r.need("n_embd", "n_layer", "n_head", "vocab_size")
    hidden, width = r.count("n_embd"), r.maybe("n_inner") or 4 * r.count("n_embd")
    layer = Layer(
        mixer=_mha(r, hidden, r.count("n_head"), bias=False),
        ffn=_mlp(hidden, width, bias=True),
        norm_params=2 * hidden,
    )
    context = r.tokens("n_positions", "n_ctx")
    return _finish(r, hidden, (layer,) * r.n_layers("n_layer"), tied=False, final=2, other=r.count("vocab_size"),
                   context=context)  # fmt: skip


def _gpt_neo(r: ConfigReader) -> Architecture:
    """Local and global layers in turn; queries, keys and values without biases."""
    r.need("hidden_size", "num_layers", "num_heads", "vocab_size", "max_position_embeddings")
    hidden, n, positions = r.count("hidden_size"), r.n_layers("num_layers"), r.count("max_position_embeddings")
    kinds = r.texts("attention_layers", length=n)
    if kinds is None:
        kinds = ["local" if i % 2 else "global" for i in range(n)]
        r.warn("attention_layers is not in the file: global and local in turn taken (class default)")
    r.has("attention_types")
    full = _mha(r, hidden, r.count("num_heads"), bias=False)
    full = replace(full, extra_params=full.extra_params + hidden)
    local = replace(full, window=r.count_or("window_size", 256, "class default"))
    ffn = _mlp(hidden, r.maybe("intermediate_size") or 4 * hidden, bias=True)
    layers = tuple(Layer(mixer=local if k == "local" else full, ffn=ffn, norm_params=4 * hidden) for k in kinds)
    return _finish(r, hidden, layers, tied=True, final=2, other=positions * hidden, context=positions)


def _gpt_bigcode(r: ConfigReader) -> Architecture:
    """GPT-2 with one key/value head."""
    r.need("n_embd", "n_layer", "n_head", "vocab_size", "n_positions")
    hidden, positions, heads = r.count("n_embd"), r.count("n_positions"), r.count("n_head")
    kv_heads = 1 if r.flag("multi_query", True) else heads
    r.has("num_key_value_heads")
    layer = Layer(
        mixer=_mha(r, hidden, heads, bias=True, kv_heads=kv_heads),
        ffn=_mlp(hidden, r.maybe("n_inner") or 4 * hidden, bias=True),
        norm_params=4 * hidden,
    )
    return _finish(r, hidden, (layer,) * r.n_layers("n_layer"), tied=True, final=2, other=positions * hidden,
                   context=positions)  # fmt: skip


def _mpt(r: ConfigReader) -> Architecture:
    """No biases, positions by slopes."""
    r.need("d_model", "n_layers", "n_heads", "vocab_size")
    hidden, heads = r.count("d_model"), r.count("n_heads")
    attention = r.child("attn_config")
    if attention is not None:
        kind = attention.text("attn_type") or "multihead_attention"
        if kind != "multihead_attention" or attention.flag("qk_ln", False) or not attention.flag("alibi", True):
            raise InputError("attn_config", kind, "multihead_attention with slopes and no norms of queries and keys")
    layer = Layer(
        mixer=_mha(r, hidden, heads, bias=False),
        ffn=_mlp(hidden, r.count_or("expansion_ratio", 4, "class default") * hidden, bias=False),
        norm_params=2 * hidden,
    )
    return _finish(r, hidden, (layer,) * r.n_layers("n_layers"), tied=True, final=1, context=context_length(r))


_READERS = {
    "bloom": _bloom,
    "gptj": _gptj,
    "codegen": _gptj,
    "gpt_neo": _gpt_neo,
    "gpt_bigcode": _gpt_bigcode,
    "mpt": _mpt,
    "qwen": _qwen,
    "gpt2": _gpt2,
    "opt": _opt,
    "falcon": _falcon,
    "palm": _palm,
    "phi-msft": _phi,
    "phi": _phi,
}


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    return _READERS[r.model_type](r)
