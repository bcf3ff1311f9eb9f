"""Hybrids of full attention and linear attention: Qwen3-Next and 3.5, MiniMax-01 and M1, Kimi Linear.

Facts of the published implementations (transformers 5.23.0). Recurrent states are kept in fp32 unless the file
says otherwise, the convolution state (kernel - 1 columns) in 16 bits, as sglang 0.5.23 serves them.
"""

from dataclasses import replace

from tokenroof.catalog.dialects.parts import (
    EXPERTS,
    Architecture,
    Layer,
    context_length,
    dense,
    head_dim,
    mla,
    moe,
    mtp_count,
    mtp_size,
    sparse_layers,
)
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import Ffn, Gqa, LinearAttention

__all__ = ["gated_delta", "kda", "read", "state_bytes"]

_WIDTHS = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "auto": 4.0}


def state_bytes(r: ConfigReader) -> float:
    """Bytes of one element of a recurrent state."""
    text = r.text("mamba_ssm_dtype", "mamba_ssm_cache_dtype")
    if text is None:
        r.warn("the state's dtype is not in the file: fp32 taken, as engines serve it")
        return 4.0
    if text not in _WIDTHS:
        raise InputError("mamba_ssm_dtype", text, f"one of {', '.join(_WIDTHS)}")
    return _WIDTHS[text]


def gated_delta(r: ConfigReader, hidden: int) -> LinearAttention:
    """Gated delta net: a conv over q, k and v, one state of key width x value width per value head."""
    r.need("linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim")
    k_heads, v_heads = r.count("linear_num_key_heads"), r.count("linear_num_value_heads")
    k_width, v_width = r.count("linear_key_head_dim"), r.count("linear_value_head_dim")
    kernel = r.count("linear_conv_kernel_dim", high=1_000)
    keys, values = k_heads * k_width, v_heads * v_width
    channels = 2 * keys + values
    return LinearAttention(
        kind="gated delta",
        n_k_heads=k_heads,
        n_v_heads=v_heads,
        k_head_dim=k_width,
        v_head_dim=v_width,
        conv_kernel=kernel,
        in_params=hidden * (2 * keys + 2 * values + 2 * v_heads),  # q k v z, then beta and decay
        out_params=values * hidden,
        state_elements=v_heads * k_width * v_width,
        conv_elements=channels * (kernel - 1),
        extra_params=channels * kernel + 2 * v_heads + v_width,
        state_bytes_per_element=state_bytes(r),
    )


def _qwen_attention(r: ConfigReader, hidden: int) -> Gqa:
    heads, kv_heads, width = r.count("num_attention_heads"), r.count("num_key_value_heads"), r.count("head_dim")
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    gate = r.flag("attn_output_gate", True)
    biases = 0
    if r.flag("attention_bias", False):
        biases = heads * width * (2 if gate else 1) + 2 * kv_heads * width + hidden
    return Gqa(
        n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width, output_gate=gate,
        extra_params=2 * width + biases,
    )  # fmt: skip


def _linear_layers(r: ConfigReader, n: int) -> list[bool]:
    kinds = r.texts("layer_types", length=n)
    if kinds is not None:
        for kind in kinds:
            if kind not in ("linear_attention", "full_attention"):
                raise InputError("layer_types", kind, "linear_attention or full_attention")
        return [kind == "linear_attention" for kind in kinds]
    every = r.count("full_attention_interval")
    return [bool((i + 1) % every) for i in range(n)]


def _qwen(r: ConfigReader) -> Architecture:
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size")
    hidden, n = r.count("hidden_size"), r.n_layers()
    full, linear = _qwen_attention(r, hidden), gated_delta(r, hidden)
    ffn: Ffn = moe(r, hidden, shared_gate=True) if r.has(*EXPERTS) else dense(r, hidden)
    placed = sparse_layers(r, n) if r.has(*EXPERTS) else [True] * n
    plain = ffn if all(placed) else dense(r, hidden)
    layers = tuple(
        Layer(mixer=linear if is_linear else full, ffn=ffn if sparse else plain, norm_params=2 * hidden)
        for is_linear, sparse in zip(_linear_layers(r, n), placed, strict=True)
    )
    n_mtp = mtp_count(r)
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=layers,
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        mtp_layers=n_mtp,
        mtp_params=mtp_size(Layer(mixer=full, ffn=ffn, norm_params=2 * hidden), hidden, n_mtp),
        context=context_length(r),
    )


def _minimax(r: ConfigReader) -> Architecture:
    """Lightning attention with a state of width x width per head; full attention where attn_type_list has 1."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
    hidden, n, heads = r.count("hidden_size"), r.n_layers(), r.count("num_attention_heads")
    width, kv_heads = head_dim(r, hidden, heads), r.count("num_key_value_heads")
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    full = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width)
    channels = heads * width
    lightning = LinearAttention(
        kind="lightning",
        n_k_heads=heads,
        n_v_heads=heads,
        k_head_dim=width,
        v_head_dim=width,
        conv_kernel=0,
        in_params=hidden * 4 * channels,  # q, k, v and the output gate
        out_params=channels * hidden,
        state_elements=heads * width * width,
        conv_elements=0,
        extra_params=channels,
        state_bytes_per_element=state_bytes(r),
    )
    is_full = r.counts("attn_type_list", length=n)
    if is_full is None:
        is_full = [0 if linear else 1 for linear in _linear_layers(r, n)]
    ffn = moe(r, hidden, intermediate=("moe_intermediate_size", "intermediate_size"))
    layers = tuple(Layer(mixer=full if f else lightning, ffn=ffn, norm_params=2 * hidden) for f in is_full)
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=layers,
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        context=context_length(r),
    )


def kda(r: ConfigReader, hidden: int) -> LinearAttention:
    """Kimi delta attention: decay per channel from a narrow projection, an output gate likewise."""
    nested = r.child("linear_attn_config")
    heads = nested.maybe("num_heads") if nested else None
    width = nested.maybe("head_dim") if nested else None
    kernel = nested.maybe("short_conv_kernel_size", high=1_000) if nested else None
    heads = heads or r.count("linear_num_heads")
    width = width or r.count("linear_head_dim")
    kernel = kernel or r.count("linear_conv_kernel_dim", high=1_000)
    channels = heads * width
    # decay, and the gate of the output: both through a narrow projection, or the gate by one of full rank (Kimi K3)
    narrow = (hidden + channels) * width
    full_rank = nested.flag("use_full_rank_gate", False) if nested else False
    return LinearAttention(
        kind="KDA",
        n_k_heads=heads,
        n_v_heads=heads,
        k_head_dim=width,
        v_head_dim=width,
        conv_kernel=kernel,
        in_params=hidden * (3 * channels + heads) + narrow + (hidden * channels if full_rank else narrow),
        out_params=channels * hidden,
        state_elements=heads * width * width,
        conv_elements=3 * channels * (kernel - 1),
        extra_params=3 * channels * kernel + channels + heads + width,
        state_bytes_per_element=state_bytes(r),
    )


def _full_layers(r: ConfigReader, n: int) -> list[bool]:
    """Which layers have full attention; full_attn_layers counts from 1."""
    nested = r.child("linear_attn_config")
    r.has("layer_types", "full_attention_interval")  # the same once more, where the nested list is given
    listed = nested.counts("full_attn_layers") if nested else None
    if listed is not None:
        chosen = set(listed)
        return [i + 1 in chosen for i in range(n)]
    return [not linear for linear in _linear_layers(r, n)]


def _kimi(r: ConfigReader) -> Architecture:
    r.need("hidden_size", "num_hidden_layers", "vocab_size", "|".join(EXPERTS))
    hidden, n = r.count("hidden_size"), r.n_layers()
    latent, linear = mla(r, hidden), kda(r, hidden)
    if r.flag("mla_use_output_gate", False):
        latent = replace(latent, output_gate=True)
    experts = moe(r, hidden)
    narrow = r.maybe("routed_expert_hidden_size")
    if narrow is not None:
        norm = narrow if r.flag("latent_moe_use_norm", False) else 0
        experts = replace(experts, latent=narrow, extra_params=experts.extra_params + norm)
    placed = sparse_layers(r, n)
    plain: Ffn = experts if all(placed) else dense(r, hidden)
    layers = tuple(
        Layer(mixer=latent if full else linear, ffn=experts if sparse else plain, norm_params=2 * hidden)
        for full, sparse in zip(_full_layers(r, n), placed, strict=True)
    )
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=layers,
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        mtp_layers=mtp_count(r),
        mtp_params=mtp_size(Layer(mixer=latent, ffn=experts, norm_params=2 * hidden), hidden, mtp_count(r)),
        context=context_length(r),
    )


_READERS = {
    "qwen3_next": _qwen,
    "qwen3_5_text": _qwen,
    "qwen3_5_moe_text": _qwen,
    "minimax": _minimax,
    "minimax_m1": _minimax,
    "minimax_text_01": _minimax,
    "kimi_linear": _kimi,
}


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    return _READERS[r.model_type](r)
