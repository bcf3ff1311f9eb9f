"""Parameters of a model by part, and how many of them one token uses.

Plain counting on `types.model`: exact integers that follow from the architecture. Multi-token-prediction
layers and vision towers are outside the headline size, as vendors publish it, and have fields of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from tokenroof.errors import InputError
from tokenroof.mixers import kind_of
from tokenroof.types.dtype import dtype
from tokenroof.types.model import DenseFfn, Ffn, LayerGroup, Mixer, Model, MoeFfn, NoFfn, WeightDtypes

__all__ = [
    "WEIGHT_CLASSES", "ActiveParams", "PartParams", "active_params", "attention_kind", "ffn_params",
    "is_recurrent", "mixer_params", "mixer_weight_class", "params_by_class", "params_by_part",
    "total_params", "uniform_dtypes", "weight_bytes", "weight_bytes_by_class",
]  # fmt: skip

# The weight classes of WeightDtypes, in the order in which they are shown.
WEIGHT_CLASSES = (
    "embedding",
    "attention",
    "recurrent",
    "dense",
    "experts",
    "shared_experts",
    "unembedding",
    "other",
)


_MIXER_PARTS = {"attention": "attention", "recurrent": "linear attention / SSM"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartParams:
    """One part of a model: all its weights, and those that one token uses on average."""

    part: str
    weight_class: str
    total: int
    active: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveParams:
    """Parameters that one token uses, by the three conventions in use.

    Vendors differ: Mixtral counts both embeddings, gpt-oss leaves the input table out, MiniMax-Text-01 leaves
    out both. A tied table is multiplied as the output matrix, so it stays in `without_input_embedding`,
    which is therefore the number that arithmetic follows.
    """

    with_embeddings: float
    without_input_embedding: float
    without_embeddings: float


def is_recurrent(mixer: Mixer) -> bool:
    """Whether the layer keeps a constant state per sequence and no growing cache."""
    kind = kind_of(mixer)
    return kind.state is not None and kind.cache is None


def mixer_weight_class(mixer: Mixer) -> str:
    """The field of WeightDtypes that tells how the layer's attention is stored."""
    return kind_of(mixer).weight_class


def attention_kind(mixer: Mixer) -> str:
    """A short name for tables: MHA, GQA, MQA, MLA, +window, +top-k, compressed, or the kind of recurrence."""
    return kind_of(mixer).words.title(mixer)


def mixer_params(mixer: Mixer, hidden: int) -> int:
    """Weights of one layer's attention or of what stands in its place, norms of the layer left out."""
    return kind_of(mixer).params(mixer, hidden)


def _mlp(width_in: int, intermediate: int, gated: bool) -> int:
    return (3 if gated else 2) * width_in * intermediate


def ffn_params(ffn: Ffn, hidden: int) -> tuple[PartParams, ...]:
    """Weights of one layer's feed-forward network by part: dense, experts, shared experts, router."""
    if isinstance(ffn, DenseFfn):
        dense = _mlp(hidden, ffn.intermediate, ffn.gated) + ffn.extra_params
        return (PartParams(part="dense MLP", weight_class="dense", total=dense, active=dense),)
    if isinstance(ffn, NoFfn):
        return ()
    if not isinstance(ffn, MoeFfn):
        assert_never(ffn)
    expert = _mlp(ffn.latent or hidden, ffn.intermediate, ffn.gated) + ffn.expert_bias_params
    experts = ffn.n_experts * expert
    shared = _mlp(hidden, ffn.shared_intermediate, ffn.shared_gated) + ffn.extra_params
    parallel = _mlp(hidden, ffn.parallel_dense_intermediate, ffn.gated)
    latent = 2 * hidden * ffn.latent if ffn.latent else 0
    parts = (
        PartParams(part="routed experts", weight_class="experts", total=experts, active=ffn.routes * expert),
        PartParams(part="shared experts", weight_class="shared_experts", total=shared, active=shared),
        PartParams(part="latent projections", weight_class="dense", total=latent, active=latent),
        PartParams(part="dense MLP", weight_class="dense", total=parallel, active=parallel),
        PartParams(part="router", weight_class="other", total=ffn.router_params, active=ffn.router_params),
    )
    return tuple(part for part in parts if part.total)


def _group_parts(group: LayerGroup, hidden: int) -> list[PartParams]:
    mixer = mixer_params(group.mixer, hidden)
    weight_class = mixer_weight_class(group.mixer)
    parts = [
        PartParams(
            part=_MIXER_PARTS[weight_class],
            weight_class=weight_class,
            total=mixer,
            active=mixer,
        ),
        *ffn_params(group.ffn, hidden),
        PartParams(part="norms", weight_class="other", total=group.norm_params, active=group.norm_params),
    ]
    stored = 0 if group.borrowed else group.count
    return [replace(p, total=p.total * stored, active=p.active * group.count) for p in parts]


def params_by_part(model: Model) -> tuple[PartParams, ...]:
    """Weights by part, in the order met; parts without weights are left out. Sums to total_params."""
    table = model.vocab * model.hidden
    parts = [PartParams(part="input embedding", weight_class="embedding", total=table, active=table)]
    for group in model.layers:
        parts += _group_parts(group, model.hidden)
    if not model.tied_embeddings:
        parts.append(PartParams(part="unembedding", weight_class="unembedding", total=table, active=table))
    final, other = model.final_norm_params, model.other_params
    parts.append(PartParams(part="norms", weight_class="other", total=final, active=final))
    parts.append(PartParams(part="other", weight_class="other", total=other, active=other))
    parts.append(PartParams(part="look-up tables", weight_class="embedding", total=model.lookup_params, active=0))
    merged: dict[str, PartParams] = {}
    for part in parts:
        seen = merged.get(part.part)
        merged[part.part] = (
            part if seen is None else replace(part, total=part.total + seen.total, active=part.active + seen.active)
        )
    return tuple(part for part in merged.values() if part.total)


def total_params(model: Model) -> int:
    """All weights of the language model; MTP layers and vision tower not included."""
    return sum(part.total for part in params_by_part(model))


def active_params(model: Model) -> ActiveParams:
    """Weights that one token uses, by all three conventions; those that it meets again count again."""
    everything = sum(part.active for part in params_by_part(model))
    table = model.vocab * model.hidden
    return ActiveParams(
        with_embeddings=everything,
        without_input_embedding=everything if model.tied_embeddings else everything - table,
        without_embeddings=everything - table * (1 if model.tied_embeddings else 2),
    )


def params_by_class(model: Model) -> dict[str, int]:
    """Weights by storage class (the fields of WeightDtypes). A tied table counts under `embedding`."""
    sums = dict.fromkeys(WEIGHT_CLASSES, 0)
    for part in params_by_part(model):
        sums[part.weight_class] += part.total
    return sums


def uniform_dtypes(name: str, *, keep_embeddings: str | None = None) -> WeightDtypes:
    """Every class in one format; `keep_embeddings` names another for both tables."""
    dtype(name)
    table = dtype(keep_embeddings).name if keep_embeddings else name
    return WeightDtypes(
        attention=name, dense=name, experts=name, shared_experts=name, embedding=table, unembedding=table,
        other=name, recurrent=name,
    )  # fmt: skip


def _class_bytes(name: str, shares: Mapping[str, float] | None) -> float:
    if not shares:
        return dtype(name).bytes_per_element
    return sum(share * dtype(part).bytes_per_element for part, share in shares.items())


def weight_bytes_by_class(model: Model, dtypes: WeightDtypes | None = None) -> dict[str, float]:
    """Stored bytes of each weight class, in the checkpoint's own formats or in `dtypes`."""
    stored = model.weights if dtypes is None else dtypes
    unknown = set(stored.mixed) - set(WEIGHT_CLASSES)
    if unknown:
        raise InputError("weights.mixed", sorted(unknown), f"named among {', '.join(WEIGHT_CLASSES)}")
    return {
        name: count * _class_bytes(getattr(stored, name), stored.mixed.get(name))
        for name, count in params_by_class(model).items()
    }


def weight_bytes(model: Model, dtypes: WeightDtypes | None = None) -> float:
    """Bytes that the weights of the language model take, quantisation scales included."""
    return sum(weight_bytes_by_class(model, dtypes).values())
