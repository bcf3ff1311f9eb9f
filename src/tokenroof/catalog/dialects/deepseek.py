"""Multi-head latent attention with experts: DeepSeek V2 to V3.2, Kimi K2, GLM-4.7-Flash and GLM-5, Mistral 4.

Facts of the published implementations (transformers 5.23.0): norms over both latents, no biases unless
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
from tokenroof.types.model import Ffn, Indexer, Mla

__all__ = ["read"]


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


def _attention(r: ConfigReader, hidden: int, n: int) -> list[Mla]:
    base = mla(r, hidden, bias=r.flag("attention_bias", False))
    if r.model_type == "mistral_large4_text":
        base = replace(base, extra_params=base.extra_params + 2 * base.n_heads)  # learnt softmax scale and bias
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


def read(r: ConfigReader) -> Architecture:
    """Read a config of the family."""
    r.need("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads", "|".join(EXPERTS))
    hidden, n = r.count("hidden_size"), r.n_layers()
    layers = tuple(
        Layer(mixer=mixer, ffn=ffn, norm_params=2 * hidden)
        for mixer, ffn in zip(_attention(r, hidden, n), _ffns(r, hidden, n), strict=True)
    )
    n_mtp = mtp_count(r)
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=layers,
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        mtp_layers=n_mtp,
        mtp_params=mtp_size(layers[-1], hidden, n_mtp),
        context=context_length(r),
    )
