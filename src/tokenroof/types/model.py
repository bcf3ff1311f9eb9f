"""A language model's architecture: what is stored, what is read, what is computed. Counts only, no behaviour.

A Model is a list of layer groups; each group repeats one mixer (attention or its substitutes) and one
feed-forward network. Layers that differ in any number are different groups. Widths are elements, not bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenroof.provenance import Fact, Grade

__all__ = [
    "CompressedAttention",
    "DenseFfn",
    "Ffn",
    "Gqa",
    "Indexer",
    "LayerGroup",
    "LinearAttention",
    "Mixer",
    "Mla",
    "Model",
    "MoeFfn",
    "NoFfn",
    "NoMixer",
    "Ssm",
    "WeightDtypes",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixer:
    """Attention or what stands in its place. What a kind costs is in its file of `tokenroof.mixers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexer:
    """The scanner of top-k sparse attention: it reads a small key of every cached token and keeps `top_k`.

    `block` > 1 selects whole blocks of that many tokens; the key is kept for each token all the same, but where `pool`
    tokens share one. A layer that reuses the selection of an earlier
    one has `shared`: it computes and stores no indexer keys of its own. Keys are held in fp8 with one fp32
    scale per 128 elements, whatever the KV dtype, unless a dialect says otherwise. `extra_params` counts
    every weight of the indexer.
    """

    top_k: int
    n_heads: int = 0
    head_dim: int = 0
    block: int = 1
    pool: int = 1
    shared: bool = False
    extra_params: int = 0
    key_bytes_per_element: float = 1.0 + 4.0 / 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Gqa(Mixer):
    """Multi-head, multi-query or grouped-query attention.

    `window` is the sliding window in tokens (or the chunk, where `chunked`), None for full attention.
    `stores_kv` is False where the layer reads another layer's cache. `k_equals_v` layers have no value
    projection of their own; keys are rotated and normalised after it, so that the cache still holds both.
    `q_lora_rank` factors the query projection. A `cross_attention` layer reads the tokens of an encoder and
    none of the context; a `bidirectional` one, of an encoder, keeps no cache. `output_gate` adds a gate as wide
    as the query. `extra_params` counts biases, query and key norms, sinks and narrow gates. `sqrt_context` is a
    what-if that no model has: a layer of full attention that stores every token and reads the square root of
    their number.
    """

    n_heads: int
    n_kv_heads: int
    head_dim: int
    v_head_dim: int
    window: int | None = None
    stores_kv: bool = True
    k_equals_v: bool = False
    output_gate: bool = False
    extra_params: int = 0
    indexer: Indexer | None = None
    chunked: bool = False
    q_lora_rank: int | None = None
    cross_attention: bool = False
    bidirectional: bool = False
    sqrt_context: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mla(Mixer):
    """Multi-head latent attention: one latent and one rotary key per token, shared by all heads.

    `window` and `sqrt_context` as in Gqa: what-ifs here, since no published model has either.
    """

    n_heads: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_dim: int
    qk_rope_dim: int
    v_head_dim: int
    output_gate: bool = False
    extra_params: int = 0
    indexer: Indexer | None = None
    stores_kv: bool = True
    window: int | None = None
    sqrt_context: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedAttention(Mixer):
    """DeepSeek-V4 style: a sliding window of full entries plus one compressed entry per `ratio` tokens.

    `ratio` 0 keeps the window only. Keys and values are one shared vector of `head_dim`.
    With an indexer only `indexer.top_k` compressed entries are read.
    """

    n_heads: int
    head_dim: int
    rope_dim: int
    q_lora_rank: int
    o_groups: int
    o_lora_rank: int
    window: int
    ratio: int
    extra_params: int = 0
    indexer: Indexer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAttention(Mixer):
    """Linear attention (lightning, gated delta, KDA): a constant state per sequence, no growing cache.

    `in_params` and `out_params` are the weights of the projections; `state_elements` the recurrent state and
    `conv_elements` the short-convolution state, per sequence per layer.
    """

    kind: str
    n_k_heads: int
    n_v_heads: int
    k_head_dim: int
    v_head_dim: int
    conv_kernel: int
    in_params: int
    out_params: int
    state_elements: int
    conv_elements: int
    extra_params: int = 0
    state_bytes_per_element: float = 4.0
    conv_bytes_per_element: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssm(Mixer):
    """Mamba or Mamba-2: a constant state per sequence. Same meaning of the sizes as LinearAttention."""

    kind: str
    n_heads: int
    head_dim: int
    d_state: int
    n_groups: int
    conv_kernel: int
    in_params: int
    out_params: int
    state_elements: int
    conv_elements: int
    extra_params: int = 0
    state_bytes_per_element: float = 4.0
    conv_bytes_per_element: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMixer(Mixer):
    """A layer without attention (NAS-pruned models, hybrids that split mixer and feed-forward)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseFfn:
    """A plain feed-forward network; `gated` has three matrices (SwiGLU), otherwise two."""

    intermediate: int
    gated: bool = True
    extra_params: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MoeFfn:
    """A mixture of experts.

    `intermediate` is one routed expert's width; `shared_intermediate` the summed width of all shared experts
    (0 for none); `latent` the width that routed experts work in when it is not the model's; `zero_experts`
    routes that hold no weights; `active_routes` the mean number of real experts per token.
    `expert_bias_params` are the biases of one routed expert, `extra_params` what goes with the shared expert
    (its gate, biases), `parallel_dense_intermediate` a dense network beside the experts.
    """

    n_experts: int
    top_k: int
    intermediate: int
    shared_intermediate: int = 0
    gated: bool = True
    shared_gated: bool = True
    latent: int | None = None
    zero_experts: int = 0
    active_routes: float | None = None
    router_params: int = 0
    extra_params: int = 0
    parallel_dense_intermediate: int = 0
    expert_bias_params: int = 0

    @property
    def routes(self) -> float:
        """Mean number of routed experts that a token really uses."""
        return float(self.top_k if self.active_routes is None else self.active_routes)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFfn:
    """A layer without a feed-forward network."""


Ffn = DenseFfn | MoeFfn | NoFfn


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGroup:
    """`count` identical layers. `norm_params` is the number of normalisation weights in one of them.

    `borrowed` layers run the weights of others, which are stored once; what they keep of a sequence is their own.
    """

    count: int
    mixer: Mixer
    ffn: Ffn
    norm_params: int = 0
    borrowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightDtypes:
    """Stored format per weight class, by the names in types.dtype.DTYPES.

    `recurrent` is linear attention and SSM layers, `other` norms, routers and whatever is small. Where one
    class is stored in several formats the field names the commonest one and `mixed[class]` gives the share
    of the class's parameters in each.
    """

    attention: str = "bf16"
    dense: str = "bf16"
    experts: str = "bf16"
    shared_experts: str = "bf16"
    embedding: str = "bf16"
    unembedding: str = "bf16"
    other: str = "bf16"
    recurrent: str = "bf16"
    mixed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One checkpoint. `context_config` is what the config allows, `context_advertised` what the card says.

    `other_params` are weights outside layers, norms and embeddings that every token uses (position tables, output
    biases); of `lookup_params`, tables beside the input table, it reads a few rows. Multi-token-prediction layers and
    vision towers stay outside the headline size: `mtp_params`, `vision_params`. A tower that is given its largest
    picture holds `vision_pass_whole` elements at most, and `vision_pass_cut` that tensor parallelism divides (0: small
    beside the language model's pass). `order` gives the group of each layer in turn, empty where groups follow each
    other; `warnings` is what the importer had to assume; `grade` says how sure the architecture is. An `encoder` keeps
    no cache and writes no tokens. Where the `structure_guessed` is, the config was read by its key names, or keys that
    could change shapes were not read.
    """

    id: str
    name: str
    model_type: str
    hidden: int
    vocab: int
    layers: tuple[LayerGroup, ...]
    tied_embeddings: bool = False
    final_norm_params: int = 0
    other_params: int = 0
    lookup_params: int = 0
    mtp_layers: int = 0
    mtp_params: int = 0
    vision_params: int = 0
    vision_pass_whole: int = 0
    vision_pass_cut: int = 0
    order: tuple[int, ...] = ()
    context_config: int | None = None
    context_advertised: int | None = None
    weights: WeightDtypes = field(default_factory=WeightDtypes)
    kv_dtype: str = "bf16"
    aliases: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""
    as_of: str = ""
    grade: Grade = Grade.ASSUMED
    warnings: tuple[str, ...] = ()
    encoder: bool = False
    structure_guessed: bool = False
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_experts(self) -> bool:
        """Whether any layer routes tokens to experts."""
        return any(isinstance(group.ffn, MoeFfn) for group in self.layers)

    @property
    def n_layers(self) -> int:
        return sum(group.count for group in self.layers)
