"""Decoders with grouped-query attention, dense or with experts, read by the row of facts of their model_type.

A row of `decoder_rows` says what the config does not: which projections carry biases, which norms there are,
what a missing key means.
"""

from dataclasses import replace

from tokenroof.catalog.dialects.decoder_rows import DECODERS, Decoder
from tokenroof.catalog.dialects.parts import (
    EXPERTS,
    TOP_K,
    Architecture,
    Layer,
    context_length,
    dense,
    gqa_biases,
    head_dim,
    moe,
    mtp_count,
    mtp_size,
    sparse_layers,
    windows,
)
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import Ffn, Gqa

__all__ = ["read", "read_with"]


def _qk_norm_params(r: ConfigReader, facts: Decoder, mixer: Gqa) -> int:
    style = facts.qk_norm
    if style in ("key", "cohere", "glm"):
        style = "no" if not r.flag("use_qk_norm", False) else {"cohere": "heads"}.get(style, "head")
    if style in ("layer", "stablelm"):
        used = r.flag("qk_layernorm", style == "layer")
        style = ("layer" if style == "layer" else "heads") if used else "no"
    return {
        "no": 0,
        "head": 2 * mixer.head_dim,
        "layer": 4 * mixer.head_dim,
        "width": (mixer.n_heads + mixer.n_kv_heads) * mixer.head_dim,
        "heads": (mixer.n_heads + mixer.n_kv_heads) * mixer.head_dim,
    }[style]


def _attention(r: ConfigReader, facts: Decoder, hidden: int) -> Gqa:
    heads = r.count("num_attention_heads")
    kv_heads = r.maybe("num_key_value_heads", "num_attention_groups")
    if kv_heads is None:
        kv_heads = r.assume("num_key_value_heads", heads, "no grouping: every head has its own keys")
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    width = r.maybe("head_dim", "attention_head_dim")
    if width is None:
        width = (
            head_dim(r, hidden, heads)
            if facts.head_dim is None
            else r.assume("head_dim", facts.head_dim, "class default of the family")
        )
    mixer = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width)
    general = r.flag("attention_bias", r.flag("use_bias", facts.bias))
    qkv = r.flag("use_qkv_bias", general) if facts.qkv_bias is None else r.flag("qkv_bias", facts.qkv_bias)
    out = general if facts.out_bias is None else facts.out_bias
    extra = gqa_biases(mixer, hidden, qkv=qkv, out=out) + _qk_norm_params(r, facts, mixer)
    extra += heads if facts.sinks else 0
    return replace(mixer, output_gate=facts.output_gate, extra_params=extra)


def _ffns(r: ConfigReader, facts: Decoder, hidden: int, n: int) -> list[Ffn]:
    bias = r.flag("mlp_bias", r.flag("use_bias", facts.bias)) if facts.mlp_bias is None else facts.mlp_bias
    has_experts = r.has(*EXPERTS) and r.has(*TOP_K) and r.flag("is_moe", True) if facts.moe is None else facts.moe
    if has_experts and r.model_type == "doge":
        raise InputError("is_moe", True, "false in a config of model_type 'doge'", "its experts are not read")
    if not has_experts:
        return [dense(r, hidden, gated=facts.gated, bias=bias)] * n
    experts = moe(
        r,
        hidden,
        intermediate=facts.expert_width,
        gated=facts.gated,
        router_bias=facts.router_bias,
        expert_bias=facts.expert_bias,
        shared_gate=facts.shared_gate,
    )
    latent = r.maybe("moe_hidden_size")
    if latent is not None:
        experts = replace(experts, latent=latent, extra_params=experts.extra_params + 2 * latent)
    placed = sparse_layers(r, n)
    if all(placed):
        return [experts] * n
    plain = dense(r, hidden, gated=facts.gated, bias=bias)
    return [experts if sparse else plain for sparse in placed]


def read_with(r: ConfigReader, facts: Decoder) -> Architecture:
    """Read a config by the facts of its family."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    hidden, n, vocab = r.count("hidden_size"), r.n_layers(), r.count("vocab_size")
    context = context_length(r)
    attention = _attention(r, facts, hidden)
    sizes = windows(r, n, context) if facts.windowed else [None] * n
    ffns = _ffns(r, facts, hidden, n)
    layers = tuple(
        Layer(mixer=replace(attention, window=size), ffn=ffn, norm_params=facts.norms * hidden)
        for size, ffn in zip(sizes, ffns, strict=True)
    )
    tied = r.flag("tie_word_embeddings", facts.tied)
    if not r.has("tie_word_embeddings"):
        r.warn(f"tie_word_embeddings is not in the file: {str(facts.tied).lower()} taken (default of the family)")
    table = 0 if facts.positions is None else (r.count("max_position_embeddings") + facts.positions) * hidden
    n_mtp = mtp_count(r)
    return Architecture(
        hidden=hidden,
        vocab=vocab,
        layers=layers,
        tied=tied,
        final_norm_params=facts.final_norms * hidden,
        other_params=table + (vocab if facts.head_bias or r.flag("lm_head_bias", False) else 0),
        mtp_layers=n_mtp,
        mtp_params=mtp_size(layers[-1], hidden, n_mtp),
        context=context,
    )


def read(r: ConfigReader) -> Architecture:
    """Read a config whose model_type has a row in DECODERS."""
    return read_with(r, DECODERS[r.model_type])
