"""Mamba hybrids: Nemotron-H and Nemotron 3 (Mamba-2), Jamba (Mamba).

Facts of the published implementations (transformers 5.23.0). In Nemotron-H every layer is one half of a usual
one: a mixer or a feed-forward network, each with its own norm.
"""

from tokenroof.catalog.dialects.linear import state_bytes
from tokenroof.catalog.dialects.parts import (
    Architecture,
    Layer,
    context_length,
    dense,
    gqa_biases,
    head_dim,
    moe,
    mtp_count,
    mtp_size,
)
from tokenroof.catalog.dialects.reader import MAX_LAYERS, ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import DenseFfn, Gqa, NoFfn, NoMixer, Ssm

__all__ = ["mamba2", "read"]

_NEWER = {"linear_attention": "mamba", "full_attention": "attention"}  # names since transformers 5.24
_LETTERS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}


def _blocks(r: ConfigReader) -> list[str]:
    """The kind of each layer, from a pattern of letters or a list of names."""
    pattern = r.text("hybrid_override_pattern")
    if pattern is not None:
        if not 0 < len(pattern) <= MAX_LAYERS or set(pattern) - set(_LETTERS):
            raise InputError("hybrid_override_pattern", pattern, f"1 to {MAX_LAYERS} of the letters M * - E")
        kinds = [_LETTERS[letter] for letter in pattern]
    else:
        listed = r.texts("layers_block_type")
        if not listed:
            raise r.missing(["hybrid_override_pattern or layers_block_type"])
        if len(listed) > MAX_LAYERS:
            raise InputError("layers_block_type", f"{len(listed)} entries", f"at most {MAX_LAYERS}")
        listed = [_NEWER.get(kind, kind) for kind in listed]
        for kind in listed:
            if kind not in _LETTERS.values():
                raise InputError("layers_block_type", kind, f"one of {', '.join(_LETTERS.values())}")
        kinds = listed
    n = r.maybe("num_hidden_layers", high=MAX_LAYERS)
    if n is not None and n != len(kinds):
        raise InputError("num_hidden_layers", n, f"the number of entries of the layer pattern, {len(kinds)}")
    return kinds


def mamba2(
    r: ConfigReader,
    hidden: int,
    *,
    heads: int,
    width: int,
    state: int,
    groups: int,
    kernel: int,
    bias: bool,
    conv_bias: bool,
    norm: bool = True,
) -> Ssm:
    """Mamba-2: one projection in (gate, x, B, C, step), a convolution over x, B and C, a gated norm, one out."""
    inner = heads * width
    channels = inner + 2 * groups * state
    projected = inner + channels + heads
    conv = channels * (kernel + (1 if conv_bias else 0))
    return Ssm(
        kind="mamba-2",
        n_heads=heads,
        head_dim=width,
        d_state=state,
        n_groups=groups,
        conv_kernel=kernel,
        in_params=hidden * projected,
        out_params=inner * hidden,
        state_elements=inner * state,
        conv_elements=channels * (kernel - 1),
        # convolution; step bias, decay and skip of each head; the gated norm; biases
        extra_params=conv + 3 * heads + (inner if norm else 0) + (projected + hidden if bias else 0),
        state_bytes_per_element=state_bytes(r),
    )


def _nemotron_mamba(r: ConfigReader, hidden: int) -> Ssm:
    r.need("mamba_num_heads", "mamba_head_dim", "ssm_state_size", "n_groups", "conv_kernel")
    return mamba2(
        r,
        hidden,
        heads=r.count("mamba_num_heads"),
        width=r.count("mamba_head_dim"),
        state=r.count("ssm_state_size"),
        groups=r.count("n_groups"),
        kernel=r.count("conv_kernel", high=1_000),
        bias=r.flag("use_bias", False),
        conv_bias=r.flag("use_conv_bias", True),
    )


def _nemotron_attention(r: ConfigReader, hidden: int) -> Gqa:
    heads, kv_heads = r.count("num_attention_heads"), r.count("num_key_value_heads")
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    width = head_dim(r, hidden, heads)
    mixer = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width)
    bias = r.flag("attention_bias", False)
    extra = gqa_biases(mixer, hidden, qkv=bias, out=bias)
    return Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width, extra_params=extra)


def _nemotron_moe(r: ConfigReader, hidden: int) -> Layer:
    from dataclasses import replace

    ffn = moe(r, hidden, gated=False)
    latent = r.maybe("moe_latent_size")
    return Layer(mixer=NoMixer(), ffn=replace(ffn, latent=latent) if latent else ffn, norm_params=hidden)


def _nemotron(r: ConfigReader) -> Architecture:
    r.need("hidden_size", "vocab_size", "num_attention_heads", "num_key_value_heads")
    hidden, kinds = r.count("hidden_size"), _blocks(r)
    built: dict[str, Layer] = {}
    if "mamba" in kinds:
        built["mamba"] = Layer(mixer=_nemotron_mamba(r, hidden), ffn=NoFfn(), norm_params=hidden)
    if "attention" in kinds:
        built["attention"] = Layer(mixer=_nemotron_attention(r, hidden), ffn=NoFfn(), norm_params=hidden)
    if "mlp" in kinds:
        plain = dense(r, hidden, gated=False, bias=r.flag("mlp_bias", False))
        built["mlp"] = Layer(mixer=NoMixer(), ffn=plain, norm_params=hidden)
    if "moe" in kinds:
        built["moe"] = _nemotron_moe(r, hidden)
    n_mtp = mtp_count(r)
    mtp = 0
    if n_mtp and "attention" in built and "moe" in built:
        # one step of prediction is an attention layer and an expert layer
        mtp = mtp_size(built["attention"], hidden, n_mtp) + mtp_size(built["moe"], hidden, n_mtp)
        mtp -= n_mtp * (2 * hidden * hidden + 3 * hidden)
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=tuple(built[kind] for kind in kinds),
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        mtp_layers=n_mtp,
        mtp_params=mtp,
        context=context_length(r),
    )


def _selective(
    r: ConfigReader,
    hidden: int,
    inner: int,
    state: int,
    rank: int,
    kernel: int,
    *,
    conv_bias: bool,
    bias: bool,
    norms: bool,
) -> Ssm:
    """A first Mamba mixer. `norms` of step, B and C are Jamba's."""
    convolution = inner * (kernel + (1 if conv_bias else 0))
    steps = inner * (rank + 2 * state) + rank * inner + inner  # projections to step, B and C; step out and its bias
    decay = inner * state + inner  # and the skip
    return Ssm(
        kind="mamba", n_heads=inner, head_dim=1, d_state=state, n_groups=1, conv_kernel=kernel,
        in_params=2 * hidden * inner, out_params=inner * hidden, state_elements=inner * state,
        conv_elements=inner * (kernel - 1), state_bytes_per_element=state_bytes(r),
        extra_params=convolution + steps + decay + (rank + 2 * state if norms else 0)
        + (2 * inner + hidden if bias else 0),
    )  # fmt: skip


def _mamba1(r: ConfigReader, hidden: int) -> Ssm:
    r.need("mamba_d_state", "mamba_d_conv", "mamba_expand", "mamba_dt_rank")
    inner = r.count("mamba_expand", high=1_000) * hidden
    return _selective(
        r, hidden, inner, r.count("mamba_d_state"), r.count("mamba_dt_rank"), r.count("mamba_d_conv", high=1_000),
        conv_bias=r.flag("mamba_conv_bias", True), bias=r.flag("mamba_proj_bias", False), norms=True,
    )  # fmt: skip


def _jamba(r: ConfigReader) -> Architecture:
    r.need(
        "hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads", "num_key_value_heads",
        "attn_layer_period", "attn_layer_offset", "expert_layer_period", "expert_layer_offset",
    )  # fmt: skip
    hidden, n = r.count("hidden_size"), r.n_layers()
    attention, mamba = _nemotron_attention(r, hidden), _mamba1(r, hidden)
    plain = DenseFfn(intermediate=r.count("intermediate_size"))
    experts = moe(r, hidden, intermediate=("intermediate_size",))
    period, offset = r.count("attn_layer_period"), r.count("attn_layer_offset", low=0)
    every, start = r.count("expert_layer_period"), r.count("expert_layer_offset", low=0)
    layers = tuple(
        Layer(
            mixer=attention if i % period == offset else mamba,
            ffn=experts if i % every == start else plain,
            norm_params=2 * hidden,
        )
        for i in range(n)
    )
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=layers,
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        context=context_length(r),
    )


def _pure_mamba(r: ConfigReader, hidden: int) -> Ssm:
    r.has("expand")
    return _selective(
        r, hidden, r.maybe("intermediate_size") or 2 * hidden, r.count("state_size"), r.count("time_step_rank"),
        r.count("conv_kernel", high=1_000), conv_bias=r.flag("use_conv_bias", True), bias=r.flag("use_bias", False),
        norms=False,
    )  # fmt: skip


def _pure(r: ConfigReader) -> Architecture:
    """Mamba and Mamba-2 alone: a mixer and its norm in every layer, no network and no attention."""
    r.need("hidden_size", "num_hidden_layers", "vocab_size", "state_size", "conv_kernel")
    hidden = r.count("hidden_size")
    if r.model_type == "mamba2":
        mixer = mamba2(
            r,
            hidden,
            heads=r.count("num_heads"),
            width=r.count("head_dim"),
            state=r.count("state_size"),
            groups=r.count("n_groups"),
            kernel=r.count("conv_kernel", high=1_000),
            bias=r.flag("use_bias", False),
            conv_bias=r.flag("use_conv_bias", True),
        )
        r.has("time_step_rank", "expand")
    else:
        mixer = _pure_mamba(r, hidden)
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=(Layer(mixer=mixer, ffn=NoFfn(), norm_params=hidden),) * r.n_layers(),
        tied=r.flag("tie_word_embeddings", r.model_type != "mamba2"),
        final_norm_params=hidden,
    )


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    if r.model_type in ("mamba", "falcon_mamba", "mamba2"):
        return _pure(r)
    return _jamba(r) if r.model_type == "jamba" else _nemotron(r)
