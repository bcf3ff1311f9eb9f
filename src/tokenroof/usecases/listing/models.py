"""Models of the catalogue listed and shown, and configs imported."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenroof.catalog.models.index import (
    find_id,
    load_model,
    load_model_file,
    load_models,
    looks_like_path,
    model_ids,
)
from tokenroof.errors import InputError, UnknownName
from tokenroof.mixers import kind_of
from tokenroof.mixers.architecture import (
    ActiveParams,
    PartParams,
    active_params,
    attention_kind,
    ffn_params,
    is_recurrent,
    mixer_params,
    params_by_class,
    params_by_part,
    total_params,
    weight_bytes,
    weight_bytes_by_class,
)
from tokenroof.mixers.architecture_cache import (
    kv_bytes_per_token,
    kv_growth_bytes_per_token,
    mixer_kv_bytes_per_token,
    mixer_state_bytes,
    state_bytes_per_sequence,
)
from tokenroof.provenance import Fact
from tokenroof.reading import expanded, is_file, is_folder
from tokenroof.registry import nearest
from tokenroof.types.dtype import dtype
from tokenroof.types.model import DenseFfn, LayerGroup, Model, MoeFfn, NoFfn
from tokenroof.usecases.listing.kv import ModelKv, model_kv

__all__ = [
    "SORTS",
    "LayerRow",
    "ModelRow",
    "ModelView",
    "WeightRow",
    "import_model",
    "list_models",
    "model_tags",
    "show_model",
    "view_model",
]

_SHOWN_CONTEXTS = (8_192, 32_768, 131_072)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One line of the list; KV bytes are for 16-bit entries, active parameters count both embeddings."""

    id: str
    name: str
    total_params: int
    active_params: float
    layers: int
    attention: str
    experts: str
    kv_bytes_per_token: float
    kv_growth_bytes_per_token: float
    state_bytes_per_sequence: float
    weight_bytes: float
    context_config: int | None
    context_advertised: int | None
    licence: str
    grade: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """Layers of one make-up: counts for one of them."""

    layers: str
    count: int
    attention: str
    geometry: str
    ffn: str
    params: int
    active_params: float
    kv_bytes_per_token: float
    state_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRow:
    """One storage class: its format, or formats with shares, and the bytes it takes."""

    weight_class: str
    params: int
    formats: str
    bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """Everything about one model."""

    row: ModelRow
    model_type: str
    hidden: int
    vocab: int
    tied_embeddings: bool
    active: ActiveParams
    parts: tuple[PartParams, ...]
    layer_rows: tuple[LayerRow, ...]
    weights: tuple[WeightRow, ...]
    mtp_layers: int
    mtp_params: int
    vision_params: int
    kv: ModelKv
    facts: dict[str, Fact]
    aliases: tuple[str, ...]
    source: str
    as_of: str
    warnings: tuple[str, ...]


SORTS: dict[str, Callable[[ModelRow], object]] = {
    "id": lambda row: row.id,
    "total": lambda row: -row.total_params,
    "active": lambda row: -row.active_params,
    "layers": lambda row: -row.layers,
    "kv": lambda row: -row.kv_bytes_per_token,
    "state": lambda row: -row.state_bytes_per_sequence,
    "bytes": lambda row: -row.weight_bytes,
    "context": lambda row: -(row.context_advertised or row.context_config or 0),
}


def model_tags(model: Model) -> tuple[str, ...]:
    """Words to filter by: moe or dense, kinds of attention, vision, mtp, and narrow weight formats."""
    tags = set().union(*(kind_of(group.mixer).words.tags(group.mixer) for group in model.layers))
    moes = [group.ffn for group in model.layers if isinstance(group.ffn, MoeFfn)]
    tags.add("moe" if moes else "dense")
    if any(ffn.latent for ffn in moes):
        tags.add("latent-moe")
    if any(ffn.shared_intermediate for ffn in moes):
        tags.add("shared-expert")
    recurrent = [is_recurrent(group.mixer) for group in model.layers]
    if any(recurrent) and not all(recurrent):
        tags.add("hybrid")
    if model.mtp_layers:
        tags.add("mtp")
    if model.vision_params:
        tags.add("vision")
    formats = {
        getattr(model.weights, name) for name in ("attention", "dense", "experts") if params_by_class(model)[name]
    }
    tags |= {re.sub(r"_(block|w|g\d+)$", "", name) for name in formats} - {"bf16", "fp16", "fp32"}
    return tuple(sorted(tags))


def _attention_summary(model: Model) -> str:
    counts: dict[str, int] = {}
    for group in model.layers:
        kind = attention_kind(group.mixer)
        if kind != "none":
            counts[kind] = counts.get(kind, 0) + group.count
    if len(counts) == 1:
        return next(iter(counts), "none")
    return " + ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"


def _experts_summary(model: Model) -> str:
    seen = {f"{f.n_experts}/{f.top_k}": None for g in model.layers if isinstance(f := g.ffn, MoeFfn)}
    return ", ".join(seen)


def _row(model: Model) -> ModelRow:
    return ModelRow(
        id=model.id,
        name=model.name,
        total_params=total_params(model),
        active_params=active_params(model).with_embeddings,
        layers=model.n_layers,
        attention=_attention_summary(model),
        experts=_experts_summary(model),
        kv_bytes_per_token=kv_bytes_per_token(model),
        kv_growth_bytes_per_token=kv_growth_bytes_per_token(model),
        state_bytes_per_sequence=state_bytes_per_sequence(model),
        weight_bytes=weight_bytes(model),
        context_config=model.context_config,
        context_advertised=model.context_advertised,
        licence=model.licence,
        grade=model.grade.value,
        tags=model_tags(model),
    )


def list_models(*, filters: tuple[str, ...] = (), sort: str = "id") -> tuple[ModelRow, ...]:
    """The catalogue, filtered by words that all have to hold: tags, or parts of an id; `!word` excludes."""
    if sort not in SORTS:
        raise UnknownName("sort", sort, nearest(sort, SORTS))
    rows = [_row(model) for model in load_models()]
    known = {tag for row in rows for tag in row.tags}
    for word in filters:
        plain = word.removeprefix("!").lower()
        if plain not in known and not any(plain in row.id for row in rows):
            raise UnknownName(
                "filter", plain, nearest(plain, known | set(model_ids())), f"tags: {', '.join(sorted(known))}"
            )
        wanted = not word.startswith("!")
        rows = [r for r in rows if (plain in r.tags if plain in known else plain in r.id) == wanted]
    return tuple(sorted(rows, key=lambda row: (SORTS[sort](row), row.id)))


def _network(group: LayerGroup) -> str:
    f = group.ffn
    if isinstance(f, DenseFfn):
        return f"dense {f.intermediate}" + ("" if f.gated else ", two matrices")
    if isinstance(f, NoFfn):
        return "none"
    parts = [f"{f.n_experts} experts of {f.intermediate}, {f.top_k} used"]
    if f.zero_experts:
        parts.append(f"{f.zero_experts} zero experts ({f.routes:g} real routes)")
    if f.latent:
        parts.append(f"in a latent of {f.latent}")
    if f.shared_intermediate:
        parts.append(f"shared {f.shared_intermediate}")
    if f.parallel_dense_intermediate:
        parts.append(f"dense {f.parallel_dense_intermediate} beside")
    return ", ".join(parts)


def _spans(model: Model, index: int) -> str:
    """Which layers a group is, counted from 0, as ranges; shortened where they alternate."""
    order = model.order or tuple(i for i, group in enumerate(model.layers) for _ in range(group.count))
    places = [place for place, group in enumerate(order) if group == index]
    spans: list[list[int]] = []
    for place in places:
        if spans and spans[-1][1] == place - 1:
            spans[-1][1] = place
        else:
            spans.append([place, place])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in spans]
    return ",".join(texts[:3]) + (",..." if len(texts) > 3 else "")


def _layer_rows(model: Model, kv_bytes: float) -> tuple[LayerRow, ...]:
    rows = []
    for index, group in enumerate(model.layers):
        parts = ffn_params(group.ffn, model.hidden)
        own = mixer_params(group.mixer, model.hidden) + group.norm_params
        rows.append(
            LayerRow(
                layers=_spans(model, index),
                count=group.count,
                attention=attention_kind(group.mixer) + (" again" if group.borrowed else ""),
                geometry=kind_of(group.mixer).words.geometry(group.mixer),
                ffn=_network(group),
                params=own + sum(p.total for p in parts),
                active_params=own + sum(p.active for p in parts),
                kv_bytes_per_token=mixer_kv_bytes_per_token(group.mixer, kv_bytes),
                state_bytes=mixer_state_bytes(group.mixer),
            )
        )
    return tuple(rows)


def _weight_rows(model: Model) -> tuple[WeightRow, ...]:
    sizes, counts = weight_bytes_by_class(model), params_by_class(model)
    rows = []
    for name, count in counts.items():
        if not count:
            continue
        shares = model.weights.mixed.get(name)
        text = getattr(model.weights, name)
        if shares:
            text = " + ".join(f"{share:.0%} {fmt}" for fmt, share in shares.items())
        rows.append(WeightRow(weight_class=name, params=count, formats=text, bytes=sizes[name]))
    return tuple(rows)


def view_model(model: Model, *, kv_dtype: str | None = None) -> ModelView:
    """Everything about a model that is already loaded."""
    return ModelView(
        row=_row(model),
        model_type=model.model_type,
        hidden=model.hidden,
        vocab=model.vocab,
        tied_embeddings=model.tied_embeddings,
        active=active_params(model),
        parts=params_by_part(model),
        layer_rows=_layer_rows(model, dtype(kv_dtype or model.kv_dtype).bytes_per_element),
        weights=_weight_rows(model),
        mtp_layers=model.mtp_layers,
        mtp_params=model.mtp_params,
        vision_params=model.vision_params,
        kv=model_kv(model, _SHOWN_CONTEXTS, kv_dtype),
        facts=dict(model.facts),
        aliases=model.aliases,
        source=model.source,
        as_of=model.as_of,
        warnings=model.warnings,
    )


def show_model(name: str, *, kv_dtype: str | None = None) -> ModelView:
    """Everything about the model called `name`, or that a config.json describes."""
    return view_model(load_model(name), kv_dtype=kv_dtype)


def import_model(source: str, *, online: bool = False) -> Model:
    """Read a config.json, or the config of a Hugging Face id: from the catalogue, or from the hub if `online`."""
    path = expanded(source, "source")
    if is_folder(path) and not online:
        raise InputError("config path", source, "a file, not a directory", f"try {path / 'config.json'}")
    if is_file(path) or looks_like_path(source):
        return load_model_file(path)
    looks_like_repo = re.fullmatch(r"[\w.\-]+/[\w.\-]+", source) is not None
    if online:
        if not looks_like_repo:
            raise InputError("model", source, "a Hugging Face id such as Qwen/Qwen3-8B where `online` is given")
        from tokenroof.catalog.models.importer_hub import fetch_config

        file, commit = fetch_config(source)
        fetched = load_model_file(file)
        plain = re.sub(r"[^a-z0-9.]+", "-", source.rpartition("/")[2].lower()).strip("-.")
        return replace(fetched, id=plain, name=source, source=f"huggingface.co/{source}@{commit[:7]} config.json")
    if find_id(source) is not None:
        return load_model(source)
    fix = "add `online` to fetch it from the hub" if looks_like_repo else "give the path of a config.json"
    raise UnknownName("model", source, nearest(source, model_ids()), fix)
