"""Layers of unusual make-up: NAS-pruned blocks, two attentions per layer, cross-attention to images.

Nemotron-NAS: keys of the DeciLM configuration. LongCat-Flash and Llama 3.2 Vision: transformers 5.23.0.
MiniMax-M3: transformers 5.23.0, block top-k attention.
"""

from dataclasses import replace

from tokenroof.catalog.dialects.parts import (
    Architecture,
    Layer,
    context_length,
    dense,
    head_dim,
    mla,
    moe,
    sparse_layers,
)
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import DenseFfn, Ffn, Gqa, Indexer, Mixer, MoeFfn, NoFfn, NoMixer

__all__ = ["read"]

_ROUND = 256


def _nas_width(r: ConfigReader, block: ConfigReader, hidden: int) -> int:
    """ffn_mult to width: two thirds of twice the multiple, up to a multiple of 256."""
    given = block.maybe("intermediate_size")
    if given is not None:
        return given
    multiple = block.number("ffn_mult", low=0.0, high=1_000.0)
    return -(-int(2 * multiple * hidden / 3) // _ROUND) * _ROUND


def _nas(r: ConfigReader) -> Architecture:
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "block_configs", "vocab_size")
    hidden, n, heads = r.count("hidden_size"), r.n_layers(), r.count("num_attention_heads")
    width = head_dim(r, hidden, heads)
    layers = []
    for block in r.rows("block_configs", length=n) or []:
        attention, ffn = block.child("attention"), block.child("ffn")
        if attention is None or ffn is None:
            raise block.missing(["attention or ffn"])
        for part in (attention, ffn):
            if part.flag("replace_with_linear", False):
                raise InputError("block_configs", "replace_with_linear", "false", "such blocks are not read yet")
        mixer: Mixer = NoMixer()
        if not attention.flag("no_op", False):
            group = attention.count("n_heads_in_group")
            if group > heads or heads % group:
                raise InputError("n_heads_in_group", group, f"a divisor of num_attention_heads = {heads}")
            mixer = Gqa(
                n_heads=heads, n_kv_heads=heads // group, head_dim=width, v_head_dim=width,
                window=attention.maybe("window_length"),
            )  # fmt: skip
        network: Ffn = NoFfn()
        if not ffn.flag("no_op", False):
            network = DenseFfn(intermediate=_nas_width(r, ffn, hidden))
        norms = hidden * (2 - isinstance(mixer, NoMixer) - isinstance(network, NoFfn))
        layers.append(Layer(mixer=mixer, ffn=network, norm_params=norms))
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=tuple(layers),
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        context=context_length(r),
    )


def _longcat(r: ConfigReader) -> Architecture:
    """Each published layer is two attentions and two dense networks; the experts run beside the first pair."""
    r.need("hidden_size", "num_layers|num_hidden_layers", "vocab_size", "ffn_hidden_size", "expert_ffn_hidden_size",
           "n_routed_experts")  # fmt: skip
    hidden, n = r.count("hidden_size"), r.n_layers("num_layers", "num_hidden_layers")
    mixer = mla(r, hidden, bias=r.flag("attention_bias", False))
    width = r.count("ffn_hidden_size")
    experts: MoeFfn = moe(r, hidden, intermediate=("expert_ffn_hidden_size",))
    zero = r.maybe("zero_expert_num", low=0) or 0
    slots = experts.n_experts + zero
    bias = 1 if r.flag("router_bias", False) else 0
    experts = replace(
        experts,
        zero_experts=zero,
        # routes are balanced over real and zero experts: 8 of 12 are real on average in LongCat-Flash
        active_routes=experts.top_k * experts.n_experts / slots,
        router_params=slots * (hidden + bias),
        parallel_dense_intermediate=width,
    )
    first = Layer(mixer=mixer, ffn=experts, norm_params=2 * hidden)
    second = Layer(mixer=mixer, ffn=DenseFfn(intermediate=width), norm_params=2 * hidden)
    r.warn("each published layer is counted as two: it holds two attentions and two dense networks")
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=(first, second) * n,
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        context=context_length(r),
    )


def _mllama(r: ConfigReader) -> Architecture:
    """Llama with cross-attention layers that read image tokens: they add nothing to the text cache."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size",
           "intermediate_size")  # fmt: skip
    hidden, n, heads = r.count("hidden_size"), r.n_layers(), r.count("num_attention_heads")
    width, kv_heads = head_dim(r, hidden, heads), r.count("num_key_value_heads")
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    plain = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width)
    # query and key norms, and one gate each for attention and feed-forward network
    cross = replace(plain, cross_attention=True, extra_params=2 * width + 2)
    crossing = set(r.counts("cross_attention_layers") or [])
    ffn = dense(r, hidden)
    r.warn("cross-attention layers keep the keys and values of images, which are not counted")
    vocab = r.count("vocab_size")
    return Architecture(
        hidden=hidden,
        vocab=vocab,
        layers=tuple(Layer(mixer=cross if i in crossing else plain, ffn=ffn, norm_params=2 * hidden) for i in range(n)),
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        other_params=8 * hidden,  # the input table has eight rows more than the output table
        context=context_length(r),
    )


def _minimax_m3(r: ConfigReader) -> Architecture:
    """Block top-k attention: an indexer scores every key for each group, and keeps the blocks with the largest."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
    hidden, n, heads = r.count("hidden_size"), r.n_layers(), r.count("num_attention_heads")
    width, kv_heads = head_dim(r, hidden, heads), r.count("num_key_value_heads")
    full = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width, extra_params=2 * width)
    settings = r.child("sparse_attention_config") or r
    if not settings.flag("use_sparse_attention", True):
        raise InputError("use_sparse_attention", False, "true", "full attention in every layer is not read here")
    block = settings.count("index_block_size", "sparse_block_size")
    index_heads = settings.count("index_n_heads", "sparse_num_index_heads")
    index_width = settings.count("index_head_dim", "sparse_index_dim")
    indexer = Indexer(
        top_k=settings.count("index_topk_blocks", "sparse_topk_blocks"),
        n_heads=index_heads,
        head_dim=index_width,
        block=block,
        extra_params=hidden * (index_heads + 1) * index_width + 2 * index_width,
        key_bytes_per_element=2.0,
    )
    kinds = r.texts("layer_types", length=n)
    if kinds is None:  # as published: 1 where the layer is sparse
        marks = settings.counts("sparse_attention_freq", length=n)
        if marks is None:
            raise r.missing(["layer_types or sparse_attention_config.sparse_attention_freq"])
        kinds = ["sparse" if mark else "full" for mark in marks]
    experts, placed = moe(r, hidden, intermediate=("moe_intermediate_size", "intermediate_size")), sparse_layers(r, n)
    plain: Ffn = (
        experts if all(placed) else DenseFfn(intermediate=r.count("dense_intermediate_size", "intermediate_size"))
    )
    sparse_mixer = replace(full, indexer=indexer)
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=tuple(
            Layer(mixer=sparse_mixer if "sparse" in kind else full, ffn=experts if s else plain, norm_params=2 * hidden)
            for kind, s in zip(kinds, placed, strict=True)
        ),
        tied=r.flag("tie_word_embeddings", False),
        final_norm_params=hidden,
        context=context_length(r),
    )


_READERS = {
    "nemotron-nas": _nas,
    "longcat_flash": _longcat,
    "mllama_text_model": _mllama,
    "minimax_m3_vl_text": _minimax_m3,
}


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    return _READERS[r.model_type](r)
