"""Multi-head latent attention: DeepSeek V2 to V3.2, Kimi K2, GLM-4.7-Flash and GLM-5, Mistral 4, dots3, MiniCPM3.

Facts of the published implementations (transformers 5.24.0): norms over both latents, no biases unless
attention_bias; the top-k indexer projects from the query latent, or from the hidden state where there is none.
"""

from dataclasses import replace

from tokenroof.catalog.dialects.parts import (
    EXPERTS,
    Architecture,
    Layer,
    context_length,
    dense,
    mla,
    moe,
    mtp_count,
    mtp_size,
    sparse_layers,
)
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import Ffn, Indexer, Mla, MoeFfn

__all__ = ["read"]

_HY = ("hy_v4", "hy_v4_vl_text")
_TIED = ("minicpm3", "youtu")


def _indexer(r: ConfigReader, hidden: int, q_rank: int | None) -> Indexer | None:
    top_k = r.maybe("index_topk")
    if top_k is None:
        return None
    r.need("index_n_heads", "index_head_dim")
    heads, width = r.count("index_n_heads"), r.count("index_head_dim")
    # query projection, key projection, LayerNorm of the key, weight of each head
    params = (q_rank or hidden) * heads * width + hidden * width + 2 * width + hidden * heads
    if r.model_type == "mistral_large4_text":
        params += 2 * hidden + 2 * heads  # a LayerNorm of the query's input, a learnt scale and bias per head
    return Indexer(top_k=top_k, n_heads=heads, head_dim=width, extra_params=params)


def _indexer_modes(r: ConfigReader, n: int) -> list[bool]:
    """True where the layer reuses an earlier layer's selection."""
    modes = r.texts("indexer_types", length=n)
    if modes is None:
        return [False] * n
    for mode in modes:
        if mode not in ("full", "shared"):
            raise InputError("indexer_types", mode, "full or shared")
    return [mode == "shared" for mode in modes]


def _dots(r: ConfigReader, hidden: int, n: int) -> list[Mla]:
    """dots3: layers with a window have shapes of their own, and no indexer; a gate of one number per head."""
    kinds = r.texts("layer_types", length=n)
    if kinds is None:
        raise r.missing(["layer_types"])
    own = r.child("per_layer_config")
    layers = []
    for index, kind in enumerate(kinds):
        if kind not in ("indexed_attention", "sliding_attention"):
            raise InputError("layer_types", kind, "indexed_attention or sliding_attention")
        part = r if own is None else r.overlaid(own.child(f"{index:02d}"))
        mixer = mla(part, hidden, bias=r.flag("attention_bias", False))
        mixer = replace(mixer, extra_params=mixer.extra_params + mixer.qk_rope_dim + hidden * mixer.n_heads)
        if kind == "sliding_attention":
            layers.append(replace(mixer, window=r.count("sliding_window")))
        else:
            layers.append(replace(mixer, indexer=_indexer(r, hidden, mixer.q_lora_rank)))
    return layers


def _attention(r: ConfigReader, hidden: int, n: int) -> list[Mla]:
    if r.model_type == "dots3_note_text":
        return _dots(r, hidden, n)
    base = mla(r, hidden, bias=r.flag("attention_bias", False))
    if r.model_type == "mistral_large4_text":
        base = replace(base, extra_params=base.extra_params + 2 * base.n_heads)  # learnt softmax scale and bias
    if r.model_type in _HY:  # a gate on the output, a sink per head
        base = replace(base, output_gate=True, extra_params=base.extra_params + base.n_heads)
    indexer = _indexer(r, hidden, base.q_lora_rank)
    sources = r.counts("kv_source_layers", length=n) or list(range(n))
    rotary = r.counts("no_rope_layers", length=n) or [1] * n
    # a layer without rotary positions folds that width into the part without: its cache entry is the latent alone
    plain = replace(base, qk_nope_dim=base.qk_nope_dim + base.qk_rope_dim, qk_rope_dim=0)
    layers = []
    for index, (reuses, source, turns) in enumerate(zip(_indexer_modes(r, n), sources, rotary, strict=True)):
        own = None if indexer is None else replace(indexer, shared=reuses)
        mixer = replace(base if turns else plain, indexer=own)
        if source != index:  # no down projection, and no norm of the latent
            mixer = replace(mixer, stores_kv=False, extra_params=mixer.extra_params - mixer.kv_lora_rank)
        layers.append(mixer)
    return layers


def _ffns(r: ConfigReader, hidden: int, n: int) -> list[Ffn]:
    if not r.has(*EXPERTS):
        return [dense(r, hidden)] * n
    experts, placed = moe(r, hidden), sparse_layers(r, n)
    if all(placed):
        return [experts] * n
    plain = dense(r, hidden)
    return [experts if sparse else plain for sparse in placed]


def _norms(r: ConfigReader, ffn: Ffn) -> int:
    """Norm vectors of a layer: A.X K1 has one more behind its experts."""
    return 3 if r.model_type == "axk1" and isinstance(ffn, MoeFfn) else 2


def read(r: ConfigReader) -> Architecture:
    """Read a config of the family."""
    r.need("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads")
    if r.model_type not in _TIED:
        r.need("|".join(EXPERTS))
    hidden, n = r.count("hidden_size"), r.n_layers()
    # Hy4: several residual streams, read and written by projections of all of them
    streams = r.count("hc_mult", high=1_000) if r.model_type in _HY else 0
    mixing = 2 * streams * streams * hidden + 2 * streams + 2 if streams else 0
    layers = tuple(
        Layer(mixer=mixer, ffn=ffn, norm_params=_norms(r, ffn) * hidden + 2 * mixing)
        for mixer, ffn in zip(_attention(r, hidden, n), _ffns(r, hidden, n), strict=True)
    )
    n_mtp = mtp_count(r)
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=layers,
        tied=r.flag("tie_word_embeddings", r.model_type in _TIED),
        final_norm_params=hidden,
        other_params=streams * streams * hidden + streams + 1 if streams else 0,
        mtp_layers=n_mtp,
        mtp_params=mtp_size(layers[-1], hidden, n_mtp),
        context=context_length(r),
    )
