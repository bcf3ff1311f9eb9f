"""Decoders from before grouped queries became common: GPT-2/3, OPT, Falcon, PaLM, Phi-2.

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


_READERS = {"gpt2": _gpt2, "opt": _opt, "falcon": _falcon, "palm": _palm, "phi-msft": _phi, "phi": _phi}


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    return _READERS[r.model_type](r)
