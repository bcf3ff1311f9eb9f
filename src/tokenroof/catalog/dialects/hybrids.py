"""Hybrids of attention with Mamba-2, short convolutions or gated recurrences: Granite 4, Bamba, Falcon-H1, LFM2 and 3,
RecurrentGemma, OLMo-hybrid.

Facts of the published implementations (transformers 5.24.0).
"""

from dataclasses import replace

from tokenroof.catalog.dialects.linear import gated_delta
from tokenroof.catalog.dialects.parts import (
    EXPERTS,
    Architecture,
    Layer,
    context_length,
    dense,
    grouped,
    layer_kinds,
    moe,
    sparse_layers,
)
from tokenroof.catalog.dialects.reader import MAX_LAYERS, ConfigReader
from tokenroof.catalog.dialects.ssm import mamba2
from tokenroof.errors import InputError
from tokenroof.types.model import DenseFfn, Ffn, Gqa, LinearAttention, Mixer, NoFfn, Ssm

__all__ = ["read"]

_RECURRENT = ("mamba", "linear_attention", "conv", "recurrent")
_FULL = ("attention", "full_attention")


def _gqa(r: ConfigReader, hidden: int, *, qk_norm: bool = False) -> Gqa:
    heads = r.count("num_attention_heads")
    return grouped(r, hidden, heads, r.maybe("num_key_value_heads") or heads, qk_norm=qk_norm)


def _mamba(r: ConfigReader, hidden: int, *, inner: int | None = None, norm: bool = True) -> Ssm:
    heads, width = r.count("mamba_n_heads"), r.maybe("mamba_d_head")
    expanded = inner or r.count("mamba_expand", high=1_000) * hidden
    if expanded % heads:
        raise InputError("mamba_n_heads", heads, f"a divisor of the inner width, {expanded}")
    if width is not None and width * heads != expanded:
        raise InputError("mamba_d_head", width, f"inner width / heads = {expanded // heads}")
    return mamba2(
        r,
        hidden,
        heads=heads,
        width=expanded // heads,
        state=r.count("mamba_d_state"),
        groups=r.count("mamba_n_groups"),
        kernel=r.count("mamba_d_conv", high=1_000),
        bias=r.flag("mamba_proj_bias", False),
        conv_bias=r.flag("mamba_conv_bias", True),
        norm=norm,
    )


def _finish(r: ConfigReader, hidden: int, layers: list[Layer], *, tied: bool, final_norms: int = 1) -> Architecture:
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=tuple(layers),
        tied=r.flag("tie_word_embeddings", tied),
        final_norm_params=final_norms * hidden,
        context=context_length(r),
    )


def _granite(r: ConfigReader) -> Architecture:
    """Experts and a shared network in every layer; models without experts have the shared one alone."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    kinds = layer_kinds(r, n, *_FULL, "mamba", "linear_attention")
    attention = _gqa(r, hidden) if set(kinds) & set(_FULL) else None
    mamba = _mamba(r, hidden) if set(kinds) - set(_FULL) else None
    ffn: Ffn
    if r.maybe(*EXPERTS, low=0):
        ffn = moe(r, hidden, intermediate=("intermediate_size",))
    else:
        r.has("num_experts_per_tok", "intermediate_size")
        ffn = DenseFfn(intermediate=r.count("shared_intermediate_size"))
    mixers: list[Mixer | None] = [attention if kind in _FULL else mamba for kind in kinds]
    layers = [Layer(mixer=mixer, ffn=ffn, norm_params=2 * hidden) for mixer in mixers if mixer is not None]
    return _finish(r, hidden, layers, tied=False)


def _bamba(r: ConfigReader) -> Architecture:
    hidden, n = r.count("hidden_size"), r.n_layers()
    at = set(r.counts("attn_layer_indices") or [])
    attention = _gqa(r, hidden) if at else None
    mamba, ffn = _mamba(r, hidden), dense(r, hidden, bias=r.flag("mlp_bias", False))
    layers = [
        Layer(mixer=attention if attention is not None and i in at else mamba, ffn=ffn, norm_params=2 * hidden)
        for i in range(n)
    ]
    return _finish(r, hidden, layers, tied=False)


def _falcon_h1(r: ConfigReader) -> Architecture:
    """Attention and Mamba-2 side by side in every layer: counted as two, the first without a network."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    inner = r.maybe("mamba_d_ssm")
    mamba = _mamba(r, hidden, inner=inner, norm=r.flag("mamba_rms_norm", True))
    first = Layer(mixer=_gqa(r, hidden), ffn=NoFfn(), norm_params=0)
    second = Layer(mixer=mamba, ffn=dense(r, hidden, bias=r.flag("mlp_bias", False)), norm_params=2 * hidden)
    r.has("mamba_expand", "projectors_bias")
    r.warn("each published layer is counted as two: attention and Mamba-2 stand side by side in it")
    return _finish(r, hidden, [first, second] * n, tied=False)


def _short_conv(r: ConfigReader, hidden: int) -> LinearAttention:
    """A gated convolution over a few tokens: no state but its last columns."""
    kernel, bias = r.count("conv_L_cache", high=1_000), r.flag("conv_bias", False)
    return LinearAttention(
        kind="short convolution",
        n_k_heads=hidden,
        n_v_heads=hidden,
        k_head_dim=1,
        v_head_dim=1,
        conv_kernel=kernel,
        in_params=3 * hidden * hidden,
        out_params=hidden * hidden,
        state_elements=0,
        conv_elements=hidden * (kernel - 1),
        extra_params=hidden * kernel + (5 * hidden if bias else 0),
    )


def _lfm_width(r: ConfigReader) -> int:
    """LFM2 takes two thirds of the width that the file gives, up to a multiple."""
    width = r.count("block_ff_dim", "intermediate_size")
    if not r.flag("block_auto_adjust_ff_dim", r.model_type == "lfm2"):
        return width
    factor = r.number("block_ffn_dim_multiplier", low=0.0, high=100.0) if r.has("block_ffn_dim_multiplier") else 1.0
    multiple = r.count_or("block_multiple_of", 256, "class default of LFM2")
    return -(-int(factor * int(2 * width / 3)) // multiple) * multiple


def _lfm(r: ConfigReader) -> Architecture:
    hidden, n = r.count("hidden_size"), r.n_layers()
    if r.is_list("layer_types"):
        r.has("full_attn_idxs")
        kinds = layer_kinds(r, n, "conv", "full_attention", "sliding_attention")
    else:
        full = set(r.counts("full_attn_idxs") or [])
        kinds = ["full_attention" if i in full else "conv" for i in range(n)]
    attention = _gqa(r, hidden, qk_norm=True)
    if r.flag("use_attention_gate", r.model_type == "lfm3"):  # one number per head
        attention = replace(attention, extra_params=attention.extra_params + hidden * attention.n_heads)
    sliding = "sliding_attention" in kinds
    by_kind: dict[str, Mixer] = {
        "full_attention": attention,
        "sliding_attention": replace(attention, window=r.count("sliding_window")) if sliding else attention,
        "conv": _short_conv(r, hidden) if "conv" in kinds else attention,
    }
    r.has("sliding_window", "conv_L_cache", "conv_bias")
    plain: Ffn = DenseFfn(intermediate=_lfm_width(r))
    experts = replace(moe(r, hidden), router_params=r.count(*EXPERTS) * (hidden + 1)) if r.has(*EXPERTS) else plain
    placed = sparse_layers(r, n) if r.has(*EXPERTS) else [False] * n
    norms = 4 if r.flag("use_sandwich_norm", r.model_type == "lfm3") else 2
    layers = [
        Layer(mixer=by_kind[kind], ffn=experts if sparse else plain, norm_params=norms * hidden)
        for kind, sparse in zip(kinds, placed, strict=True)
    ]
    return _finish(r, hidden, layers, tied=r.flag("tie_embedding", True))


def _rg_lru(r: ConfigReader, hidden: int) -> LinearAttention:
    """RecurrentGemma's gated linear recurrence: one number of state per channel, gates in blocks per head."""
    width, kernel = r.maybe("lru_width") or hidden, r.count_or("conv1d_width", 4, "class default")
    heads = r.count("num_attention_heads")
    if width % heads:
        raise InputError("lru_width", width, f"a multiple of num_attention_heads = {heads}")
    gates = 2 * (width * (width // heads) + width)
    return LinearAttention(
        kind="RG-LRU",
        n_k_heads=heads,
        n_v_heads=heads,
        k_head_dim=1,
        v_head_dim=width // heads,
        conv_kernel=kernel,
        in_params=2 * hidden * width,
        out_params=width * hidden,
        state_elements=width,
        conv_elements=width * (kernel - 1),
        # convolution and biases of both inputs; decay; gates; bias of the output
        extra_params=width * (kernel + 1) + 2 * width + width + gates + hidden,
    )


def _recurrent_gemma(r: ConfigReader) -> Architecture:
    hidden, n = r.count("hidden_size"), r.n_layers()
    pattern = r.texts("block_types") or ["recurrent", "recurrent", "attention"]
    if not 0 < len(pattern) <= MAX_LAYERS or set(pattern) - {"recurrent", "attention"}:
        raise InputError("block_types", pattern[:4], "recurrent or attention, in turn")
    attention = _gqa(r, hidden)
    window = r.count_or("attention_window_size", 2048, "class default")
    # the output of attention has a bias in any case
    extra = attention.extra_params + (0 if r.flag("attention_bias", False) else hidden)
    local = replace(attention, window=window, extra_params=extra)
    width = r.count("intermediate_size") // 2
    ffn = DenseFfn(intermediate=width, extra_params=2 * width + hidden)
    mixers: dict[str, Mixer] = {"attention": local, "recurrent": _rg_lru(r, hidden)}
    layers = [Layer(mixer=mixers[pattern[i % len(pattern)]], ffn=ffn, norm_params=2 * hidden) for i in range(n)]
    return _finish(r, hidden, layers, tied=True)


def _olmo_hybrid(r: ConfigReader) -> Architecture:
    hidden, n = r.count("hidden_size"), r.n_layers()
    kinds = layer_kinds(r, n, "linear_attention", "full_attention")
    attention = _gqa(r, hidden)
    norms = (attention.n_heads + attention.n_kv_heads) * attention.head_dim
    attention = replace(attention, extra_params=attention.extra_params + norms)
    linear, ffn = gated_delta(r, hidden), dense(r, hidden)
    layers = [
        Layer(mixer=attention if kind == "full_attention" else linear, ffn=ffn, norm_params=2 * hidden)
        for kind in kinds
    ]
    return _finish(r, hidden, layers, tied=False)


_READERS = {
    "granitemoehybrid": _granite,
    "bamba": _bamba,
    "falcon_h1": _falcon_h1,
    "lfm2": _lfm,
    "lfm2_moe": _lfm,
    "lfm3": _lfm,
    "recurrent_gemma": _recurrent_gemma,
    "olmo_hybrid": _olmo_hybrid,
}


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    return _READERS[r.model_type](r)
