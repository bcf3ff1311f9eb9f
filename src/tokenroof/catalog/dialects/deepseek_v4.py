"""DeepSeek-V4: one shared key/value vector, a window of full entries and compressed ones behind it.

Facts of the published implementation (transformers 5.23.0). Per layer `compress_ratios` gives 0 (window only),
4 (overlapping compression, top-k over compressed entries) or 128 (heavy compression, all entries read).
"""

from tokenroof.catalog.dialects.parts import (
    Architecture,
    Layer,
    context_length,
    hyper_connections,
    layer_kinds,
    moe,
    mtp_count,
    mtp_size,
    sparse_layers,
)
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import CompressedAttention, Indexer

__all__ = ["read"]

_BY_KIND = {"sliding_attention": 0, "compressed_sparse_attention": 4, "heavily_compressed_attention": 128}


def _ratios(r: ConfigReader, n: int) -> list[int]:
    ratios = r.counts("compress_ratios", length=n)
    if ratios is None:
        if not r.has("layer_types"):
            raise r.missing(["compress_ratios or layer_types"])
        ratios = [_BY_KIND[kind] for kind in layer_kinds(r, n, *_BY_KIND)]
    for ratio in ratios:
        if ratio not in (0, 4, 128):
            raise InputError("compress_ratios", ratio, "0, 4 or 128 in every layer")
    return ratios


def _compressor(hidden: int, width: int, ratio: int) -> int:
    """Key/value and gate projections, position bias and norm; ratio 4 overlaps, so it projects twice the width."""
    projected = 2 * width if ratio == 4 else width
    return 2 * hidden * projected + ratio * projected + width


def _attention(r: ConfigReader, hidden: int, ratio: int) -> CompressedAttention:
    heads, width, q_rank = r.count("num_attention_heads"), r.count("head_dim"), r.count("q_lora_rank")
    extra = q_rank + width + heads  # norms of the query latent and of the vector, one sink per head
    indexer = None
    if ratio:
        extra += _compressor(hidden, width, ratio)
    if ratio == 4:
        index_heads, index_width = r.count("index_n_heads"), r.count("index_head_dim")
        indexer = Indexer(
            top_k=r.count("index_topk"),
            n_heads=index_heads,
            head_dim=index_width,
            extra_params=_compressor(hidden, index_width, ratio)
            + q_rank * index_heads * index_width
            + hidden * index_heads,
        )
    return CompressedAttention(
        n_heads=heads,
        head_dim=width,
        rope_dim=r.count("qk_rope_head_dim"),
        q_lora_rank=q_rank,
        o_groups=r.count("o_groups"),
        o_lora_rank=r.count("o_lora_rank"),
        window=r.count("sliding_window"),
        ratio=ratio,
        extra_params=extra,
        indexer=indexer,
    )


def read(r: ConfigReader) -> Architecture:
    """Read a config of the family."""
    r.need(
        "hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads", "head_dim", "q_lora_rank",
        "o_lora_rank", "o_groups", "sliding_window", "qk_rope_head_dim", "hc_mult",
    )  # fmt: skip
    hidden, n, streams = r.count("hidden_size"), r.n_layers(), r.count("hc_mult", high=1_000)
    ffn = moe(r, hidden)
    if r.has("mlp_layer_types") and not all(sparse_layers(r, n)):
        raise InputError("mlp_layer_types", "dense", "moe or hash_moe in every layer")
    # hyper-connections: a projection of all streams to its mixing weights, twice a layer and once at the end
    hyper = hyper_connections(hidden, streams)
    by_ratio = {ratio: _attention(r, hidden, ratio) for ratio in set(_ratios(r, n))}
    layers = tuple(Layer(mixer=by_ratio[ratio], ffn=ffn, norm_params=2 * hidden + hyper) for ratio in _ratios(r, n))
    n_mtp = mtp_count(r)
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=layers,
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        other_params=streams * streams * hidden + streams + 1,
        mtp_layers=n_mtp,
        mtp_params=mtp_size(layers[0], hidden, n_mtp),
        context=context_length(r),
    )
