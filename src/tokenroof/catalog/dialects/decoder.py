"""Decoders with grouped-query attention, dense or with experts: one row of facts per model_type.

A row says what the config does not: which projections carry biases, which norms there are, what a missing
key means. Facts are those of the model's published implementation (transformers 5.23.0 unless noted).
"""

from dataclasses import dataclass

from tokenroof.catalog.dialects.parts import (
    EXPERTS,
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

__all__ = ["DECODERS", "Decoder", "read", "read_with"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Facts of one model_type.

    `qkv_bias`, `out_bias`: None follows the key attention_bias, absent meaning no. `qk_norm`: "head" one vector
    of head_dim each, "width" vectors over all heads, "heads" one vector of head_dim per head, "no".
    `norms` is the number of norm vectors of hidden size in a layer, biases counted as vectors.
    `head_dim` is the class default where the file has none. `moe` is None where the keys decide.
    """

    qkv_bias: bool | None = None
    out_bias: bool | None = None
    qk_norm: str = "no"
    norms: int = 2
    final_norms: int = 1
    gated: bool = True
    mlp_bias: bool | None = None
    tied: bool = False
    head_bias: bool = False
    sinks: bool = False
    head_dim: int | None = None
    moe: bool | None = False
    expert_width: tuple[str, ...] = ("moe_intermediate_size",)
    router_bias: bool = False
    expert_bias: bool = False
    shared_gate: bool = False
    windowed: bool = True
    window_phase: int | None = None


_QWEN2 = Decoder(qkv_bias=True, out_bias=False)
_QWEN3 = Decoder(qk_norm="head", head_dim=128)
_QWEN3_MOE = Decoder(qk_norm="head", moe=True)
_LLAMA = Decoder()

DECODERS: dict[str, Decoder] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "ministral3": _LLAMA,
    "qwen2": _QWEN2,
    "qwen2_moe": Decoder(qkv_bias=True, out_bias=False, moe=True, shared_gate=True),
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3_MOE,
    "qwen3_vl_text": _QWEN3,
    "qwen3_vl_moe_text": _QWEN3_MOE,
    # the published modelling code adds biases to q, k and v as in Qwen2
    "mimo": _QWEN2,
    "phi3": Decoder(qkv_bias=False, out_bias=False),
    "olmo2": Decoder(qk_norm="width"),
    "olmo3": Decoder(qk_norm="width", window_phase=4),
    "exaone4": Decoder(qk_norm="head"),
    "seed_oss": Decoder(qkv_bias=True, out_bias=False),
    "granite": _LLAMA,
    "cohere": Decoder(norms=1, qk_norm="cohere", tied=True, windowed=False),
    "nemotron": Decoder(norms=4, final_norms=2, gated=False, windowed=False),
    "mixtral": Decoder(moe=True, expert_width=("intermediate_size",), qkv_bias=False, out_bias=False),
    "phimoe": Decoder(norms=4, final_norms=2, moe=True, expert_width=("intermediate_size",)),
    "gpt_oss": Decoder(moe=True, expert_width=("intermediate_size",), router_bias=True, expert_bias=True, sinks=True),
    "minimax_m2": Decoder(qk_norm="width", moe=True, expert_width=("intermediate_size",)),
    "glm4_moe": Decoder(out_bias=False, qk_norm="glm", moe=True),
    "hy_v3": Decoder(qk_norm="head", moe=True),
    "exaone_moe": Decoder(qk_norm="head", moe=True),
    "dots1": Decoder(qk_norm="head", moe=True),
    "ernie4_5": Decoder(tied=True),
    "ernie4_5_moe": Decoder(tied=True, moe=True, router_bias=True),
    # bailing_moe (Ling, Ring): use_qkv_bias and use_bias, q/k norm where use_qk_norm says so
    "bailing_moe": Decoder(moe=True, qk_norm="key"),
    # no reference implementation is public; keys as in Mixtral
    "grok-1": Decoder(moe=True, expert_width=("moe_intermediate_size", "intermediate_size"), norms=4, tied=True),
}  # fmt: skip


def _qk_norm_params(r: ConfigReader, facts: Decoder, mixer: Gqa) -> int:
    style = facts.qk_norm
    if style in ("key", "cohere", "glm"):
        style = "no" if not r.flag("use_qk_norm", False) else {"cohere": "heads"}.get(style, "head")
    return {
        "no": 0,
        "head": 2 * mixer.head_dim,
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
    general = r.flag("attention_bias", r.flag("use_bias", False))
    qkv = r.flag("use_qkv_bias", general) if facts.qkv_bias is None else facts.qkv_bias
    out = general if facts.out_bias is None else facts.out_bias
    extra = gqa_biases(mixer, hidden, qkv=qkv, out=out) + _qk_norm_params(r, facts, mixer)
    extra += heads if facts.sinks else 0
    return Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width, extra_params=extra)


def _ffns(r: ConfigReader, facts: Decoder, hidden: int, n: int) -> list[Ffn]:
    bias = r.flag("mlp_bias", r.flag("use_bias", False)) if facts.mlp_bias is None else facts.mlp_bias
    has_experts = r.has(*EXPERTS) if facts.moe is None else facts.moe
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
    placed = sparse_layers(r, n)
    if all(placed):
        return [experts] * n
    plain = dense(r, hidden, gated=facts.gated, bias=bias)
    return [experts if sparse else plain for sparse in placed]


def _with_window(mixer: Gqa, window: int | None) -> Gqa:
    if window is None:
        return mixer
    return Gqa(
        n_heads=mixer.n_heads,
        n_kv_heads=mixer.n_kv_heads,
        head_dim=mixer.head_dim,
        v_head_dim=mixer.v_head_dim,
        window=window,
        extra_params=mixer.extra_params,
    )


def read_with(r: ConfigReader, facts: Decoder) -> Architecture:
    """Read a config by the facts of its family."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    hidden, n, vocab = r.count("hidden_size"), r.n_layers(), r.count("vocab_size")
    context = context_length(r)
    attention = _attention(r, facts, hidden)
    sizes = windows(r, n, context) if facts.windowed else [None] * n
    ffns = _ffns(r, facts, hidden, n)
    layers = tuple(
        Layer(mixer=_with_window(attention, size), ffn=ffn, norm_params=facts.norms * hidden)
        for size, ffn in zip(sizes, ffns, strict=True)
    )
    tied = r.flag("tie_word_embeddings", facts.tied)
    if not r.has("tie_word_embeddings"):
        r.warn(f"tie_word_embeddings is not in the file: {str(facts.tied).lower()} taken (default of the family)")
    n_mtp = mtp_count(r)
    return Architecture(
        hidden=hidden,
        vocab=vocab,
        layers=layers,
        tied=tied,
        final_norm_params=facts.final_norms * hidden,
        other_params=vocab if facts.head_bias or r.flag("lm_head_bias", False) else 0,
        mtp_layers=n_mtp,
        mtp_params=mtp_size(layers[-1], hidden, n_mtp),
        context=context,
    )


def read(r: ConfigReader) -> Architecture:
    """Read a config whose model_type has a row in DECODERS."""
    return read_with(r, DECODERS[r.model_type])
