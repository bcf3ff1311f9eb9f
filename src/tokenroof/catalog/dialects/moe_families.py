"""Mixtures of experts whose configs have shapes of their own: Llama 4, Laguna, Hunyuan, DBRX, Grok 2, Step 3.

Facts of the published implementations: transformers 5.23.0, for Step 3 sglang 0.5.23, for Hunyuan and Grok the
vendors' repositories as described in the file's keys.
"""

from dataclasses import replace

from tokenroof.catalog.dialects.parts import (
    EXPERTS,
    Architecture,
    Layer,
    context_length,
    dense,
    grouped,
    head_dim,
    moe,
    sparse_layers,
    windows,
)
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import DenseFfn, Ffn, Gqa, MoeFfn

__all__ = ["read"]

_STEP = ("step3p5", "step3p7_text")


def _gqa(r: ConfigReader, hidden: int, *, heads: int | None = None, qk_norm: bool = False) -> Gqa:
    kv_heads = r.count("num_key_value_heads", "num_attention_groups")
    return grouped(r, hidden, heads or r.count("num_attention_heads"), kv_heads, qk_norm=qk_norm)


def _finish(r: ConfigReader, hidden: int, layers: list[Layer], *, tied: bool) -> Architecture:
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=tuple(layers),
        tied=r.flag("tie_word_embeddings", tied),
        final_norm_params=hidden,
        context=context_length(r),
    )


def _llama4(r: ConfigReader) -> Architecture:
    """Chunked attention on layers with rotary positions, full attention on the others; one shared expert."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    full = _gqa(r, hidden)
    r.has("layer_types")  # chunked where rotary, once more
    rotary = r.counts("no_rope_layers", length=n) if r.items("no_rope_layers") else None
    if rotary is None:
        interval = r.count_or("no_rope_layer_interval", 4, "class default of Llama 4")
        rotary = [int((i + 1) % interval != 0) for i in range(n)]
    chunked = replace(full, window=r.count("attention_chunk_size"), chunked=True)
    experts = moe(r, hidden, intermediate=("intermediate_size",))
    experts = replace(experts, shared_intermediate=experts.intermediate)
    placed = [i in set(r.indices("moe_layers")) for i in range(n)] if r.has("moe_layers") else sparse_layers(r, n)
    plain: Ffn = experts if all(placed) else DenseFfn(intermediate=r.count("intermediate_size_mlp"))
    layers = [
        Layer(mixer=chunked if turns else full, ffn=experts if sparse else plain, norm_params=2 * hidden)
        for turns, sparse in zip(rotary, placed, strict=True)
    ]
    return _finish(r, hidden, layers, tied=False)


def _gate(r: ConfigReader, hidden: int, mixer: Gqa) -> Gqa:
    """An output gate, one number per head or one per channel."""
    text = r.text("gating") if r.is_text("gating") else None
    per_head = text in ("per-head", "per_head") or (text is None and r.flag("gating", r.model_type in _STEP))
    if per_head:
        return replace(mixer, extra_params=mixer.extra_params + hidden * mixer.n_heads)
    return replace(mixer, output_gate=True)


def _laguna(r: ConfigReader) -> Architecture:
    """A head count of its own in every layer, windows on most, a gate on the output; Step-3.7 likewise."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    heads = r.counts("num_attention_heads_per_layer", length=n, low=1)
    sizes = windows(r, n, None)
    if heads is None:
        full_heads = r.count("num_attention_heads")
        local_heads = r.maybe("num_sliding_attention_heads") or _other_heads(r) or full_heads
        heads = [full_heads if size is None else local_heads for size in sizes]
    experts = moe(r, hidden)
    if r.model_type == "laguna":
        experts = replace(experts, router_params=experts.router_params + experts.n_experts)
    placed = sparse_layers(r, n)
    plain: Ffn = experts if all(placed) else dense(r, hidden)
    layers = []
    for count, size, sparse in zip(heads, sizes, placed, strict=True):
        mixer = _gate(r, hidden, _gqa(r, hidden, heads=count, qk_norm=True))
        ffn = experts if sparse else plain
        layers.append(Layer(mixer=replace(mixer, window=size), ffn=ffn, norm_params=2 * hidden))
    return _finish(r, hidden, layers, tied=False)


def _other_heads(r: ConfigReader) -> int | None:
    """Step-3.7 keeps the heads of its sliding layers in an object of their own."""
    other = r.child("attention_other_setting")
    return None if other is None else other.maybe("num_attention_heads")


def _hunyuan(r: ConfigReader) -> Architecture:
    """Expert widths, routes and shared experts come as one number or as a list; layers may share a cache."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    mixer = _gqa(r, hidden, qk_norm=r.flag("use_qk_norm", False))
    factor = r.count("cla_share_factor") if r.flag("use_cla", False) else 1
    n_experts = r.count(*EXPERTS, high=1_000_000)
    width_key = "moe_intermediate_size" if r.has("moe_intermediate_size") else "intermediate_size"
    widths, routes = r.per_layer(width_key, n, low=1), r.per_layer("moe_topk", n, low=1)
    shared = r.per_layer("num_shared_expert", n) if r.flag("use_mixed_mlp_moe", False) else [0] * n
    placed = sparse_layers(r, n)
    layers = []
    for i in range(n):
        if routes[i] > n_experts:
            raise InputError("moe_topk", routes[i], f"at most the number of experts, {n_experts}")
        ffn: Ffn = MoeFfn(
            n_experts=n_experts,
            top_k=routes[i],
            intermediate=widths[i],
            shared_intermediate=shared[i] * widths[i],
            router_params=n_experts * hidden,
        )
        own = replace(mixer, stores_kv=i % factor == 0)
        layers.append(Layer(mixer=own, ffn=ffn if placed[i] else dense(r, hidden), norm_params=2 * hidden))
    return _finish(r, hidden, layers, tied=False)


def _dbrx(r: ConfigReader) -> Architecture:
    """Attention and experts in objects of their own."""
    r.need("d_model", "n_heads", "n_layers", "attn_config", "ffn_config", "vocab_size")
    hidden, n, heads = r.count("d_model"), r.n_layers("n_layers"), r.count("n_heads")
    attention, experts = r.child("attn_config"), r.child("ffn_config")
    if attention is None or experts is None:
        raise r.missing(["attn_config or ffn_config"])
    width, kv_heads = head_dim(r, hidden, heads), attention.count("kv_n_heads")
    if kv_heads > heads or heads % kv_heads:
        raise InputError("attn_config.kv_n_heads", kv_heads, f"a divisor of n_heads = {heads}")
    mixer = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width)
    ffn = moe(experts, hidden, intermediate=("ffn_hidden_size",))
    return _finish(r, hidden, [Layer(mixer=mixer, ffn=ffn, norm_params=2 * hidden)] * n, tied=False)


def _grok2(r: ConfigReader) -> Architecture:
    """A dense network beside the experts (residual_moe); norms before and after both halves."""
    if not r.flag("residual_moe", False):
        raise InputError("model_type", r.model_type, "Grok 2 where residual_moe is true", "not a language model?")
    hidden, n = r.count("hidden_size"), r.n_layers()
    ffn = replace(moe(r, hidden), parallel_dense_intermediate=r.count("intermediate_size"))
    return _finish(r, hidden, [Layer(mixer=_gqa(r, hidden), ffn=ffn, norm_params=4 * hidden)] * n, tied=False)


def _step3(r: ConfigReader) -> Architecture:
    """Multi-matrix factorised attention: one key/value head, the query through a narrow shared projection."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    rank = r.count("share_q_dim")
    mixer = replace(_gqa(r, hidden), q_lora_rank=rank)
    mixer = replace(mixer, extra_params=mixer.extra_params + rank)
    experts = moe(r, hidden)
    placed = sparse_layers(r, n)
    plain: Ffn = experts if all(placed) else dense(r, hidden)
    layers = [Layer(mixer=mixer, ffn=experts if s else plain, norm_params=2 * hidden) for s in placed]
    return _finish(r, hidden, layers, tied=False)


def _mimo_v2(r: ConfigReader) -> Architecture:
    """Two geometries: sliding layers with their own key/value heads and a sink per head; values narrower."""
    hidden, n = r.count("hidden_size"), r.n_layers()
    pattern = r.counts("hybrid_layer_pattern", length=n)  # 1 slides, 0 is full
    sliding = [bool(p) for p in pattern] if pattern else [size is not None for size in windows(r, n, None)]
    width, narrow = r.count("head_dim"), r.count("v_head_dim")
    heads, kv_heads = r.count("num_attention_heads"), r.count("num_key_value_heads")
    local_kv = r.maybe("swa_num_key_value_heads")
    if local_kv is None:
        local_kv = r.assume("swa_num_key_value_heads", 2 * kv_heads, "sliding layers have twice the heads")
    full = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=narrow)
    local = Gqa(
        n_heads=r.maybe("swa_num_attention_heads") or heads,
        n_kv_heads=local_kv,
        head_dim=r.maybe("swa_head_dim") or width,
        v_head_dim=r.maybe("swa_v_head_dim") or narrow,
        window=r.count("sliding_window", "sliding_window_size"),
        extra_params=heads,
    )
    experts, placed = moe(r, hidden), sparse_layers(r, n)
    plain: Ffn = experts if all(placed) else dense(r, hidden)
    layers = [
        Layer(mixer=local if slides else full, ffn=experts if sparse else plain, norm_params=2 * hidden)
        for slides, sparse in zip(sliding, placed, strict=True)
    ]
    return _finish(r, hidden, layers, tied=False)


_READERS = {
    "llama4_text": _llama4,
    "laguna": _laguna,
    "step3p5": _laguna,
    "step3p7_text": _laguna,
    "hunyuan": _hunyuan,
    "hunyuan_v1_moe": _hunyuan,
    "dbrx": _dbrx,
    "git": _grok2,
    "step3_text": _step3,
    "mimo_v2_flash": _mimo_v2,
}


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    if r.model_type != "dbrx":
        r.need("hidden_size", "num_hidden_layers", "vocab_size", "|".join(EXPERTS))
    return _READERS[r.model_type](r)
