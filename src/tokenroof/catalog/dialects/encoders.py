"""Encoders: they read a whole text at once, keep no cache and write no tokens.

Facts of the published implementations (transformers 5.24.0). The bare class is counted: heads for masked words
are not loaded where vectors are wanted.
"""

from dataclasses import dataclass, replace

from tokenroof.catalog.dialects.parts import Architecture, Layer, gqa_biases, head_dim
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.types.model import DenseFfn, Gqa

__all__ = ["ENCODERS", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoder:
    """What a config does not say: `norms` and `embedding_norms` are vectors, biases counted as vectors.

    `positions` and `types` say whether there are tables of learnt positions and of token types.
    """

    norms: int = 4
    embedding_norms: int = 2
    final_norms: int = 0
    bias: bool = True
    mlp_bias: bool = True
    gated: bool = False
    positions: bool = True
    types: bool = True
    pooler: bool = True


_BERT = _Encoder()
_ROPE = _Encoder(positions=False, types=False, pooler=False)
ENCODERS: dict[str, _Encoder] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "data2vec-text"), _BERT),
    "ernie": _BERT,
    "xlm-roberta-xl": _Encoder(embedding_norms=0, final_norms=2),
    "roberta-prelayernorm": _Encoder(final_norms=2),
    "megatron-bert": _Encoder(embedding_norms=0, final_norms=2),
    "electra": _Encoder(pooler=False),
    "mpnet": _Encoder(types=False),
    "distilbert": _Encoder(types=False, pooler=False),
    "deberta-v2": _Encoder(types=False, pooler=False),
    "modernbert": _Encoder(positions=False, types=False, pooler=False, norms=2, embedding_norms=1, final_norms=1,
                           bias=False, mlp_bias=False, gated=True),
    "eurobert": replace(_ROPE, norms=2, embedding_norms=0, final_norms=1, bias=False, mlp_bias=False, gated=True),
    "nomic_bert": _Encoder(positions=False, pooler=False, bias=False, mlp_bias=False, gated=True),
}  # fmt: skip


def _attention(r: ConfigReader, hidden: int, *, bias: bool) -> Gqa:
    heads = r.count("num_attention_heads", "n_heads")
    kv_heads = r.maybe("num_key_value_heads") or heads
    width = head_dim(r, hidden, heads)
    mixer = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width)
    return replace(mixer, bidirectional=True, extra_params=gqa_biases(mixer, hidden, qkv=bias, out=bias))


def _tables(r: ConfigReader, facts: _Encoder, hidden: int, context: int) -> int:
    positions = context * hidden if r.flag("position_biased_input", facts.positions) else 0
    if r.flag("relative_attention", False):  # DeBERTa: one table of distances for all layers, and its norm
        buckets = r.maybe("position_buckets", low=-1) or 0
        positions += 2 * (buckets if buckets > 0 else context) * hidden + 2 * hidden
    types = (r.maybe("type_vocab_size", low=0) or 0) * hidden if facts.types else 0
    tasks = r.maybe("task_type_vocab_size", low=0) or 0
    types += tasks * hidden if r.flag("use_task_id", False) else 0
    positions += (r.maybe("relative_attention_num_buckets", low=0) or 0) * r.count("num_attention_heads", "n_heads")
    return positions + types + facts.embedding_norms * hidden + (hidden * hidden + hidden if facts.pooler else 0)


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    facts = ENCODERS[r.model_type]
    r.has("layer_types", "local_attention", "global_attn_every_n_layers")  # of no use where no cache is kept
    r.need("hidden_size|dim", "num_hidden_layers|n_layers", "num_attention_heads|n_heads", "vocab_size")
    hidden, vocab = r.count("hidden_size", "dim"), r.count("vocab_size")
    context, inner = r.count("max_position_embeddings"), r.count("intermediate_size", "hidden_dim")
    biases = ((2 if facts.gated else 1) * inner + hidden) if facts.mlp_bias else 0
    bias = r.flag("attention_bias", facts.bias)
    layer = Layer(
        mixer=_attention(r, hidden, bias=bias),
        ffn=DenseFfn(intermediate=inner, gated=facts.gated, extra_params=biases),
        norm_params=facts.norms * hidden,
    )
    narrow = r.maybe("embedding_size") or hidden
    other = _tables(r, facts, narrow if narrow != hidden else hidden, context)
    if narrow != hidden:  # tables of their own width, and a projection: counted as what they lack
        other += narrow * hidden + hidden - vocab * (hidden - narrow)
    r.warn("an encoder: it keeps no cache and writes no tokens")
    return Architecture(
        hidden=hidden,
        vocab=vocab,
        layers=(layer,) * r.n_layers("num_hidden_layers", "n_layers"),
        tied=True,
        final_norm_params=facts.final_norms * hidden,
        other_params=other,
        context=context,
        encoder=True,
    )
