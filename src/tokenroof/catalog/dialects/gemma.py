"""Gemma 2, 3 and 4: windows between full layers, tied tables, and from Gemma 4 two attention geometries.

Facts of the published implementations (transformers 5.23.0): four norms in a layer, query and key norms from
Gemma 3 on, no biases unless attention_bias, the output table tied to the input table.
"""

from dataclasses import replace

from tokenroof.catalog.dialects.parts import Architecture, Layer, context_length, dense, gqa_biases, moe
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.types.model import DenseFfn, Ffn, Gqa

__all__ = ["read"]

_KINDS = ("sliding_attention", "full_attention")
# Class defaults that the published files leave out.
_UNIFIED = ("gemma4_text", "gemma4_unified_text")
_PATTERN = {"gemma3n_text": 5, "gemma4_unified_text": 6, "gemma2": 2, "gemma3_text": 6, "gemma4_text": 6}
_VOCAB = {
    "gemma3n_text": 262_400,
    "gemma4_unified_text": 262_144,
    "gemma2": 256_000,
    "gemma3_text": 262_208,
    "gemma4_text": 262_144,
}
_CONTEXT = {
    "gemma3n_text": 32_768,
    "gemma4_unified_text": 262_144,
    "gemma2": 8_192,
    "gemma3_text": 131_072,
    "gemma4_text": 131_072,
}
_WHY = "class default of the family"


def _sliding(r: ConfigReader, n: int) -> list[bool]:
    kinds = r.texts("layer_types", length=n)
    if kinds is not None:
        for kind in kinds:
            if kind not in _KINDS:
                raise InputError("layer_types", kind, " or ".join(_KINDS))
        return [kind == "sliding_attention" for kind in kinds]
    pattern = r.maybe("sliding_window_pattern", "_sliding_window_pattern")
    if pattern is None:
        pattern = r.assume("sliding_window_pattern", _PATTERN[r.model_type], _WHY)
    return [bool((i + 1) % pattern) for i in range(n)]


def _attention(r: ConfigReader, hidden: int, *, width: int, kv_heads: int, norms: bool) -> Gqa:
    heads = r.count("num_attention_heads")
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    mixer = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width)
    bias = r.flag("attention_bias", False)
    extra = gqa_biases(mixer, hidden, qkv=bias, out=bias) + (2 * width if norms else 0)
    return replace(mixer, extra_params=extra)


def _global_width(r: ConfigReader) -> int | None:
    """The head width of full layers where the file gives it layer by layer; one for all of them."""
    own = r.child("per_layer_config")
    widths = set()
    for key in own.keys() if own else ():
        layer = own.child(key) if own else None
        width = layer.maybe("head_dim") if layer else None
        if layer is not None and layer.unread():
            raise InputError("per_layer_config", ", ".join(layer.unread()), "head_dim alone in every layer it names")
        widths.add(width)
    if len(widths) > 1:
        raise InputError("per_layer_config", "several widths", "one head_dim for all full layers")
    return widths.pop() if widths else None


def _pair(r: ConfigReader, hidden: int) -> tuple[Gqa, Gqa]:
    """The sliding and the full attention of the family."""
    width, kv_heads = r.count_or("head_dim", 256, _WHY), r.count("num_key_value_heads")
    window = r.count("sliding_window", "sliding_window_size")
    if r.model_type not in _UNIFIED:
        full = _attention(r, hidden, width=width, kv_heads=kv_heads, norms=r.model_type != "gemma2")
        return replace(full, window=window), full
    local = _attention(r, hidden, width=width, kv_heads=kv_heads, norms=True)
    equal = r.flag("attention_k_eq_v", False)
    wide = _global_width(r) or r.count_or("global_head_dim", 512, _WHY)
    global_heads = (r.maybe("num_global_key_value_heads") if equal else None) or kv_heads
    full = _attention(r, hidden, width=wide, kv_heads=global_heads, norms=True)
    return replace(local, window=window), replace(full, k_equals_v=equal)


def _shares(mixer: Gqa) -> Gqa:
    """The layer as a reader of an earlier layer's cache: no key or value weights, no key norm."""
    return replace(mixer, stores_kv=False, extra_params=max(mixer.extra_params - mixer.head_dim, 0))


def _altup(r: ConfigReader, hidden: int) -> tuple[int, int]:
    """Gemma 3n: weights of a layer's mixing of streams and of its low-rank path, and those beside the layers."""
    if r.model_type != "gemma3n_text":
        return 0, 0
    streams, rank = r.count_or("altup_num_inputs", 4, _WHY), r.count_or("laurel_rank", 64, _WHY)
    r.has("altup_active_idx", "altup_coef_clip", "altup_correct_scale", "activation_sparsity_pattern")
    mixing = (
        streams * streams + streams**3 + streams * hidden + hidden
    )  # two tables of coefficients, the router, its norm
    scale = hidden if r.flag("altup_correct_scale", True) else 0
    laurel = 2 * hidden * rank + hidden
    return mixing + scale + laurel, 2 * (streams - 1) * hidden * hidden


def _per_layer_inputs(r: ConfigReader, hidden: int, n: int) -> tuple[int, int, int]:
    """Weights of per-layer embeddings: in each layer, beside the layers, and the table that tokens look up."""
    width = r.maybe("hidden_size_per_layer_input", low=0) or 0
    if r.model_type not in ("gemma4_text", "gemma3n_text", "gemma4_unified_text") or not width:
        return 0, 0, 0
    table = r.count("vocab_size_per_layer_input") * n * width
    return 2 * hidden * width + hidden, hidden * n * width + width, table


def _ffns(r: ConfigReader, hidden: int, shared: list[bool]) -> list[Ffn]:
    if r.is_list("intermediate_size"):
        widths = r.counts("intermediate_size", length=len(shared), low=1) or []
        return [DenseFfn(intermediate=width) for width in widths]
    plain = dense(r, hidden)
    if r.flag("enable_moe_block", False):
        experts = moe(r, hidden)
        # the router scales its input and each expert's weight; the dense network runs beside the experts
        router = experts.router_params + hidden + experts.n_experts
        return [replace(experts, router_params=router, parallel_dense_intermediate=plain.intermediate)] * len(shared)
    double = r.flag("use_double_wide_mlp", False)
    wide = DenseFfn(intermediate=2 * plain.intermediate)
    return [wide if double and reuse else plain for reuse in shared]


def read(r: ConfigReader) -> Architecture:
    """Read a config of the family."""
    r.need("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size")
    hidden, n = r.count("hidden_size"), r.n_layers()
    local, full = _pair(r, hidden)
    n_shared = r.maybe("num_kv_shared_layers", low=0) or 0
    if n_shared >= n:
        raise InputError("num_kv_shared_layers", n_shared, f"less than num_hidden_layers = {n}")
    reuses = [i >= n - n_shared for i in range(n)]
    in_layer, beside, table = _per_layer_inputs(r, hidden, n)
    mixing, projections = _altup(r, hidden)
    in_layer, beside = in_layer + mixing, beside + projections
    norms = (7 if r.flag("enable_moe_block", False) else 4) * hidden
    layers = []
    for slides, reuse, ffn in zip(_sliding(r, n), reuses, _ffns(r, hidden, reuses), strict=True):
        mixer = local if slides else full
        layers.append(Layer(mixer=_shares(mixer) if reuse else mixer, ffn=ffn, norm_params=norms + in_layer))
    context = context_length(r)
    if context is None:
        context = r.assume("max_position_embeddings", _CONTEXT[r.model_type], _WHY)
    return Architecture(
        hidden=hidden,
        vocab=r.count_or("vocab_size", _VOCAB[r.model_type], _WHY),
        layers=tuple(layers),
        tied=r.flag("tie_word_embeddings", True),
        final_norm_params=hidden,
        other_params=beside,
        lookup_params=table,
        context=context,
    )
