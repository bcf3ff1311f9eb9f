"""What dialects are built from: layers, placement of experts and windows, the common networks."""

from dataclasses import dataclass, replace

from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError
from tokenroof.mixers.architecture import ffn_params, mixer_params
from tokenroof.types.model import DenseFfn, Ffn, Gqa, LayerGroup, Mixer, Mla, MoeFfn

__all__ = [
    "EXPERTS", "TOP_K", "Architecture", "Layer", "context_length", "dense", "fold", "gqa_biases", "grouped", "head_dim",
    "hyper_connections", "layer_kinds", "mla", "moe", "mtp_count", "mtp_size", "sparse_layers", "windows",
]  # fmt: skip

EXPERTS = ("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts")
TOP_K = ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk", "moe_top_k", "moe_k",
         "top_k_experts")  # fmt: skip
_SHARED_COUNT = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
_CONTEXT = ("max_position_embeddings", "max_seq_len", "model_max_length", "n_positions", "max_position_embedding",
            "seq_length")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer, before equal ones are folded; a `borrowed` one runs the weights of another."""

    mixer: Mixer
    ffn: Ffn
    norm_params: int
    borrowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What a dialect reads out of a config."""

    hidden: int
    vocab: int
    layers: tuple[Layer, ...]
    tied: bool
    final_norm_params: int
    other_params: int = 0
    lookup_params: int = 0
    mtp_layers: int = 0
    mtp_params: int = 0
    context: int | None = None
    encoder: bool = False


def fold(layers: tuple[Layer, ...]) -> tuple[tuple[LayerGroup, ...], tuple[int, ...]]:
    """Equal layers as groups in the order met, and each layer's group; () where groups follow each other."""
    index: dict[Layer, int] = {}
    order = tuple(index.setdefault(layer, len(index)) for layer in layers)
    groups = tuple(
        LayerGroup(
            count=order.count(i),
            mixer=layer.mixer,
            ffn=layer.ffn,
            norm_params=layer.norm_params,
            borrowed=layer.borrowed,
        )
        for layer, i in index.items()
    )
    return groups, () if list(order) == sorted(order) else order


def context_length(r: ConfigReader) -> int | None:
    """The longest context that the position settings allow: YaRN stretches the original one by its factor."""
    plain = r.tokens(*_CONTEXT)
    scaling = next((r.child(key) for key in ("rope_scaling", "rope_parameters") if r.is_object(key)), None)
    if scaling is None or scaling.text("rope_type", "type") not in ("yarn", "deepseek_yarn"):
        return plain
    original = scaling.tokens("original_max_position_embeddings") or plain
    if original is None or not scaling.has("factor"):
        return plain
    stretched = int(original * scaling.number("factor", low=0.01, high=1e6))
    return stretched if plain is None else max(stretched, plain)


def head_dim(r: ConfigReader, hidden: int, n_heads: int, *names: str) -> int:
    """The head width: its key where there is one, else hidden / heads, which has to divide."""
    given = r.maybe(*(names or ("head_dim", "attention_head_dim")))
    if given is not None:
        return given
    if hidden % n_heads:
        raise InputError("hidden_size", hidden, f"a multiple of num_attention_heads = {n_heads}", "or head_dim given")
    return hidden // n_heads


def _by_index(listed: list[int], n: int) -> list[bool]:
    chosen = set(listed)
    return [index in chosen for index in range(n)]


def _named(r: ConfigReader, key: str, n: int, sparse: tuple[str, ...], dense: tuple[str, ...]) -> list[bool] | None:
    kinds = r.texts(key, length=n)
    if kinds is None:
        return None
    for kind in kinds:
        if kind not in sparse + dense:
            raise InputError(key, kind, f"one of {', '.join(sparse + dense)}")
    return [kind in sparse for kind in kinds]


def sparse_layers(r: ConfigReader, n: int) -> list[bool]:
    """Which of `n` layers have experts, in whichever of the dialects the file says it."""
    named = _named(r, "mlp_layer_types", n, ("sparse", "moe", "hash_moe"), ("dense",))
    if named is not None:
        return named
    if r.has("moe_layers_enum"):
        return _by_index(r.indices("moe_layers_enum"), n)
    if r.has("moe_layer_start_index"):
        start, step = r.count("moe_layer_start_index", low=0), r.maybe("moe_layer_interval") or 1
        end = r.maybe("moe_layer_end_index", low=-1)
        last = n - 1 if end is None or end < 0 else end
        return [start <= i <= last and (i + 1) % step == 0 for i in range(n)]
    if r.is_list("moe_layer_freq"):
        return [bool(v) for v in r.counts("moe_layer_freq", length=n) or []]
    first = r.maybe("first_k_dense_replace", "num_dense_layers", "moe_layer_num_skipped", low=0) or 0
    if r.has("moe_layer_freq"):
        frequency = r.count("moe_layer_freq")
        return [i >= first and i % frequency == 0 for i in range(n)]
    every = r.maybe("decoder_sparse_step", "interleave_moe_layer_step", low=0)
    dense_only = set(r.counts("mlp_only_layers") or [])
    if every == 0:
        return [False] * n
    return [i >= first and (i + 1) % (every or 1) == 0 and i not in dense_only for i in range(n)]


def _full_by_pattern(r: ConfigReader, n: int) -> list[bool] | None:
    """Which layers have full attention: each n-th, or letters such as LLLG; None where no pattern is given."""
    if r.is_text("sliding_window_pattern"):
        letters = r.text("sliding_window_pattern") or ""
        if not letters or set(letters) - set("LG"):
            raise InputError("sliding_window_pattern", letters, "a number or the letters L and G")
        return [letters[i % len(letters)] == "G" for i in range(n)]
    every = r.maybe("sliding_window_pattern", "_sliding_window_pattern", "global_attn_every_n_layers")
    return None if every is None else [(i + 1) % every == 0 for i in range(n)]


def windows(r: ConfigReader, n: int, context: int | None) -> list[int | None]:
    """The sliding window of each layer, None for full attention.

    `layer_types` decides where it is given; otherwise every layer has `sliding_window`, or those from
    `max_window_layers` on where `use_sliding_window` switches it. A window not shorter than the context is none.
    """
    kinds = r.texts("layer_types", length=n)
    r.has("sliding_window", "sliding_window_pattern", "global_attn_every_n_layers")  # overruled where kinds are listed
    if kinds is not None:
        sizes: list[int | None] = []
        for kind in kinds:
            if kind in ("full_attention", "global_attention", "attention"):
                sizes.append(None)
            elif kind in ("sliding_attention", "local_attention"):
                sizes.append(r.count("sliding_window", "sliding_window_size"))
            elif kind == "chunked_attention":
                sizes.append(r.count("attention_chunk_size"))
            else:
                raise InputError("layer_types", kind, "full_attention, sliding_attention or chunked_attention")
        return sizes
    window = r.maybe("sliding_window")
    if window is None or not r.flag("use_sliding_window", True) or (context is not None and window >= context):
        return [None] * n
    full = _full_by_pattern(r, n)
    if full is not None:
        return [None if whole else window for whole in full]
    start = r.maybe("max_window_layers", low=0) if r.has("use_sliding_window") else 0
    return [window if i >= (start or 0) else None for i in range(n)]


def moe(
    r: ConfigReader,
    hidden: int,
    *,
    intermediate: tuple[str, ...] = ("moe_intermediate_size",),
    gated: bool = True,
    router_bias: bool = False,
    expert_bias: bool = False,
    shared_gate: bool = False,
) -> MoeFfn:
    """A mixture of experts by its usual keys. Shared experts come as a count or as a width."""
    r.need("|".join(EXPERTS), "|".join(TOP_K), "|".join(intermediate))
    n_experts, width = r.count(*EXPERTS, high=1_000_000), r.count(*intermediate)
    top_k = r.count(*TOP_K)
    if top_k > n_experts:
        raise InputError(TOP_K[0], top_k, f"at most the number of experts, {n_experts}")
    shared = r.maybe("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
                     "shared_experts_intermediate_size", "shared_intermediate_size", "share_expert_dim",
                     low=0)  # fmt: skip
    if shared is None:
        shared = (r.maybe(*_SHARED_COUNT, low=0) or 0) * width
    return MoeFfn(
        n_experts=n_experts,
        top_k=top_k,
        intermediate=width,
        shared_intermediate=shared,
        gated=gated,
        shared_gated=gated,
        router_params=n_experts * (hidden + (1 if router_bias else 0)),
        extra_params=hidden if shared_gate and shared else 0,
        expert_bias_params=(2 * width if gated else width) + hidden if expert_bias else 0,
    )


def mla(r: ConfigReader, hidden: int, *, bias: bool = False) -> Mla:
    """Multi-head latent attention by DeepSeek's keys; the norms of both latents are counted."""
    r.need("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "num_attention_heads")
    r.has("head_dim", "num_key_value_heads")  # of no use here: every head reads the one latent
    q_rank, kv_rank, rope = r.maybe("q_lora_rank"), r.count("kv_lora_rank"), r.count("qk_rope_head_dim", low=0)
    biases = ((q_rank or 0) + kv_rank + rope + hidden) if bias else 0
    return Mla(
        n_heads=r.count("num_attention_heads"),
        q_lora_rank=q_rank,
        kv_lora_rank=kv_rank,
        qk_nope_dim=r.count("qk_nope_head_dim"),
        qk_rope_dim=rope,
        v_head_dim=r.count("v_head_dim"),
        extra_params=(q_rank or 0) + kv_rank + biases,
    )


def hyper_connections(hidden: int, streams: int) -> int:
    """Weights of the mixing of several residual streams in one layer: twice a projection of all, its biases, scales."""
    mixing = streams * (2 + streams)
    return 2 * (mixing * streams * hidden + mixing + 3)


def mtp_size(layer: Layer, hidden: int, n: int) -> int:
    """Weights of `n` multi-token-prediction layers: a layer, the 2h-to-h projection and three norms each.

    Tables that a checkpoint repeats for them (embedding, head) are not counted: they are shared when served.
    """
    block = mixer_params(layer.mixer, hidden) + sum(p.total for p in ffn_params(layer.ffn, hidden))
    return n * (block + layer.norm_params + 2 * hidden * hidden + 3 * hidden)


def mtp_count(r: ConfigReader) -> int:
    """How many layers of multi-token prediction the checkpoint carries."""
    return r.maybe("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_modules", low=0) or 0


def dense(r: ConfigReader, hidden: int, *, gated: bool = True, bias: bool = False, key: str = "") -> DenseFfn:
    """A plain feed-forward network of `intermediate_size`."""
    width = r.count(key or "intermediate_size")
    biases = ((2 if gated else 1) * width + hidden) if bias else 0
    return DenseFfn(intermediate=width, gated=gated, extra_params=biases)


def gqa_biases(mixer: Gqa, hidden: int, *, qkv: bool, out: bool) -> int:
    """Bias vectors of the four projections."""
    queries = mixer.n_heads * mixer.head_dim
    keys = mixer.n_kv_heads * (mixer.head_dim + mixer.v_head_dim)
    return (queries + keys if qkv else 0) + (hidden if out else 0)


def grouped(r: ConfigReader, hidden: int, heads: int, kv_heads: int, *, qk_norm: bool = False) -> Gqa:
    """Grouped-query attention with one switch for its biases; a norm of queries and of keys is one head wide."""
    if kv_heads > heads or heads % kv_heads:
        raise InputError("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}")
    width = head_dim(r, hidden, heads)
    mixer = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=width, v_head_dim=width)
    bias = r.flag("attention_bias", False)
    extra = gqa_biases(mixer, hidden, qkv=bias, out=bias) + (2 * width if qk_norm else 0)
    return replace(mixer, extra_params=extra)


def layer_kinds(r: ConfigReader, n: int, *allowed: str) -> list[str]:
    """What `layer_types` says of each layer; one of these."""
    kinds = r.texts("layer_types", length=n)
    if kinds is None:
        raise r.missing(["layer_types"])
    for kind in kinds:
        if kind not in allowed:
            raise InputError("layer_types", kind, f"one of {', '.join(allowed)}")
    return kinds
