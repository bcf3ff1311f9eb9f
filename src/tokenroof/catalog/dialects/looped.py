"""Families that store some layers once and run them several times: Zamba2's shared blocks, Inkling-2-Mini's loop.

Each run keeps a cache of its own. Facts of the published implementations (transformers 5.24.0).
"""

from dataclasses import replace

from tokenroof.catalog.dialects.newer import inkling2
from tokenroof.catalog.dialects.parts import Architecture, Layer, context_length
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.catalog.dialects.ssm import mamba2
from tokenroof.errors import InputError
from tokenroof.types.model import DenseFfn, Gqa, NoFfn

__all__ = ["read"]

_MAMBA = ("mamba", "linear_attention")


def _kinds(r: ConfigReader, n: int) -> list[bool]:
    """Whether a shared block stands before each layer of Mamba."""
    kinds = r.texts("layers_block_type", length=n) if r.has("layers_block_type") else r.texts("layer_types", length=n)
    if kinds is None:
        at = set(r.counts("hybrid_layer_ids") or [])
        if not at:
            raise r.missing(["layers_block_type or hybrid_layer_ids"])
        return [i in at for i in range(n)]
    for kind in kinds:
        if kind not in (*_MAMBA, "hybrid"):
            raise InputError("layers_block_type", kind, f"one of {', '.join((*_MAMBA, 'hybrid'))}")
    return [kind == "hybrid" for kind in kinds]


def _as_derived(r: ConfigReader, **sizes: int) -> None:
    """Sizes that the family works out of others, and that some files repeat."""
    for key, size in sizes.items():
        given = r.maybe(key)
        if given is not None and given != size:
            raise InputError(key, given, f"{size}, as the other sizes make it")


def _shared_block(r: ConfigReader, hidden: int, inner: int) -> Layer:
    """Attention over the stream beside the embeddings, twice as wide, and an MLP."""
    heads = r.count("num_attention_heads")
    kv_heads = r.maybe("num_key_value_heads") or heads
    if kv_heads > heads or heads % kv_heads or (2 * hidden) % heads:
        raise InputError("num_attention_heads", heads, f"a divisor of {2 * hidden}, and a multiple of {kv_heads}")
    width = 2 * hidden // heads
    _as_derived(r, attention_hidden_size=2 * hidden, attention_head_dim=width)
    r.has("kv_channels", "num_query_groups")  # of the width of the stream, and unused
    second_half = hidden * (heads + 2 * kv_heads) * width
    attention = Gqa(
        n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width, extra_params=second_half,
    )  # fmt: skip
    biases = 2 * inner + hidden if r.flag("add_bias_linear", False) else 0
    return Layer(mixer=attention, ffn=DenseFfn(intermediate=inner, extra_params=biases), norm_params=3 * hidden)


def _zamba2(r: ConfigReader) -> Architecture:
    """Mamba-2 all through; before some layers one of a few shared blocks, with adapters and an output of its own."""
    hidden, n, heads = r.count("hidden_size"), r.n_layers(), r.count("n_mamba_heads")
    inner, rank = r.maybe("intermediate_size") or 4 * hidden, r.count("adapter_rank")
    width = r.count("mamba_expand") * hidden // heads
    _as_derived(r, mamba_headdim=width)
    mamba = mamba2(
        r, hidden, heads=heads, width=width, state=r.count("mamba_d_state"),
        groups=r.count("mamba_ngroups"), kernel=r.count("mamba_d_conv", high=1_000),
        bias=r.flag("add_bias_linear", False), conv_bias=r.flag("use_conv_bias", True),
    )  # fmt: skip
    adapters = rank * (hidden + 2 * inner)
    if r.flag("use_shared_attention_adapter", False):
        adapters += 3 * rank * 4 * hidden
    after = replace(mamba, extra_params=mamba.extra_params + hidden * hidden + adapters)
    block, stored = _shared_block(r, hidden, inner), r.count("num_mem_blocks")
    layers: list[Layer] = []
    runs = 0
    for shared in _kinds(r, n):
        if shared:
            layers.append(replace(block, borrowed=runs >= stored))
            runs += 1
        layers.append(Layer(mixer=after if shared else mamba, ffn=NoFfn(), norm_params=hidden))
    return Architecture(
        hidden=hidden,
        vocab=r.count("vocab_size"),
        layers=tuple(layers),
        tied=r.flag("tie_word_embeddings", True),
        final_norm_params=hidden,
        context=context_length(r),
    )


def _inkling2_loop(r: ConfigReader) -> Architecture:
    """Inkling-2 with a stretch of layers that runs again, each time told of the last by gates of low rank."""
    once = inkling2(r)
    start, end = r.count("loop_layer_index_start", low=0), r.count("loop_layer_index_end")
    passes, rank = r.count("loop_num_passes", high=100), r.count("loop_gate_rank")
    if not start < end <= len(once.layers):
        raise InputError("loop_layer_index_end", end, f"more than {start} and at most {len(once.layers)}")
    looped = []
    for layer in once.layers[start:end]:
        if not isinstance(layer.mixer, Gqa):
            raise InputError("layer_types", type(layer.mixer).__name__, "attention in the loop")
        gates = (16 * rank + 4) * once.hidden  # of queries, keys, values and experts; and a query for each
        looped.append(replace(layer, mixer=replace(layer.mixer, extra_params=layer.mixer.extra_params + gates)))
    again = [replace(layer, borrowed=True) for layer in looped] * (passes - 1)
    return replace(once, layers=(*once.layers[:start], *looped, *again, *once.layers[end:]))


_READERS = {"zamba2": _zamba2, "inkling2_loop_text": _inkling2_loop}


def read(r: ConfigReader) -> Architecture:
    """Read a config of one of the families."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    return _READERS[r.model_type](r)
