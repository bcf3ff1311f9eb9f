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
_PATTERN = {"gemma2": 2, "gemma3_text": 6, "gemma4_text": 6}
_VOCAB = {"gemma2": 256_000, "gemma3_text": 262_208, "gemma4_text": 262_144}
_CONTEXT = {"gemma2": 8_192, "gemma3_text": 131_072, "gemma4_text": 131_072}
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


def _pair(r: ConfigReader, hidden: int) -> tuple[Gqa, Gqa]:
    """The sliding and the full attention of the family."""
    width, kv_heads = r.count_or("head_dim", 256, _WHY), r.count("num_key_value_heads")
    window = r.count("sliding_window", "sliding_window_size")
    if r.model_type != "gemma4_text":
        full = _attention(r, hidden, width=width, kv_heads=kv_heads, norms=r.model_type != "gemma2")
        return replace(full, window=window), full
    local = _attention(r, hidden, width=width, kv_heads=kv_heads, norms=True)
    equal = r.flag("attention_k_eq_v", False)
    wide = r.count_or("global_head_dim", 512, _WHY)
    global_heads = (r.maybe("num_global_key_value_heads") if equal else None) or kv_heads
    full = _attention(r, hidden, width=wide, kv_heads=global_heads, norms=True)
    return replace(local, window=window), replace(full, k_equals_v=equal)


def _shares(mixer: Gqa) -> Gqa:
    """The layer as a reader of an earlier layer's cache: no key or value weights, no key norm."""
    return replace(mixer, stores_kv=False, extra_params=max(mixer.extra_params - mixer.head_dim, 0))


def _per_layer_inputs(r: ConfigReader, hidden: int, n: int) -> tuple[int, int]:
    """Weights of per-layer embeddings: in each layer, and beside the layers."""
    width = r.maybe("hidden_size_per_layer_input", low=0) or 0
    if r.model_type != "gemma4_text" or not width:
        return 0, 0
    table = r.count("vocab_size_per_layer_input") * n * width
    return 2 * hidden * width + hidden, table + hidden * n * width + width


def _ffns(r: ConfigReader, hidden: int, shared: list[bool]) -> list[Ffn]:
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
    in_layer, beside = _per_layer_inputs(r, hidden, n)
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
        context=context,
    )
