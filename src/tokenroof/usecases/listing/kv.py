"""What sequences keep and what a decode step reads, per model and context, with the formula that gives it."""

import re
from dataclasses import dataclass
from typing import Annotated

from tokenroof.catalog.models.index import load_model
from tokenroof.errors import InputError
from tokenroof.formulas.architecture import attention_kind
from tokenroof.formulas.architecture_cache import (
    cache_entry_elements,
    kv_bytes_per_sequence,
    kv_bytes_per_token,
    kv_growth_bytes_per_token,
    kv_read_bytes_per_step,
    mixer_kv_bytes_per_token,
    mixer_state_bytes,
    state_bytes_per_sequence,
)
from tokenroof.types.dtype import dtype
from tokenroof.types.limits import Within
from tokenroof.types.model import CompressedAttention, Gqa, Indexer, LayerGroup, Mixer, Mla, Model

__all__ = [
    "KvAtContext",
    "KvRequest",
    "KvResponse",
    "KvRow",
    "KvTerm",
    "ModelKv",
    "compare_kv",
    "kv_rows",
    "kv_terms",
    "model_kv",
]

MAX_CONTEXT = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KvTerm:
    """The layers of one kind: the formula in words and in numbers, and what it comes to."""

    layers: int
    kind: str
    formula: str
    substituted: str
    bytes_per_token: float
    state_bytes: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KvAtContext:
    """One sequence at one context: bytes kept (state apart) and bytes that a decode step reads."""

    context: int
    stored_bytes: float
    read_bytes_per_step: float
    beyond_config: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKv:
    """The cache of one model. `growth_bytes_per_token` is the slope once every window is full."""

    id: str
    name: str
    kv_dtype: str
    bytes_per_token: float
    growth_bytes_per_token: float
    state_bytes_per_sequence: float
    context_config: int | None
    terms: tuple[KvTerm, ...]
    contexts: tuple[KvAtContext, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KvRow:
    """One model at one context, as a row of a table."""

    model: str
    kv_dtype: str
    bytes_per_token: float
    state_bytes: float
    context: int
    stored_bytes: float
    read_bytes_per_step: float
    beyond_config: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KvRequest:
    """Models by name or path, contexts in tokens, and the format of the cache."""

    models: tuple[str, ...]
    context: tuple[Annotated[int, Within(1, MAX_CONTEXT, "tokens")], ...] = (8_192, 131_072)
    kv_dtype: str = "bf16"


@dataclass(frozen=True, slots=True, kw_only=True)
class KvResponse:
    """One entry per model, in the order asked."""

    kv_dtype: str
    contexts: tuple[int, ...]
    models: tuple[ModelKv, ...]


def _width(kv_bytes: float) -> str:
    return f"{kv_bytes:g} B"


def _index_text(indexer: Indexer | None) -> tuple[str, str]:
    if indexer is None or indexer.shared:
        return "", ""
    size = f"{indexer.head_dim * indexer.key_bytes_per_element:g} B"
    if indexer.block > 1:
        return " + index key / block", f" + {size} / {indexer.block}"
    return " + index key", f" + {size}"


def _window_note(mixer: Mixer) -> str:
    if isinstance(mixer, Gqa) and mixer.cross_attention:
        return "reads an encoder's tokens, adds nothing per token of text"
    if isinstance(mixer, Gqa | Mla) and not mixer.stores_kv:
        return "reads the cache of an earlier layer"
    notes = []
    window = mixer.window if isinstance(mixer, Gqa | Mla | CompressedAttention) else None
    if window is not None:
        chunked = isinstance(mixer, Gqa) and mixer.chunked
        text = f"{'starts again' if chunked else 'stops growing'} after {window:,} tokens"
        goes_on = isinstance(mixer, CompressedAttention) and mixer.ratio
        notes.append(f"the window {text}, compressed entries go on" if goes_on else text)
    indexer = mixer.indexer if isinstance(mixer, Gqa | Mla | CompressedAttention) else None
    if indexer is not None:
        unit = "compressed entries" if isinstance(mixer, CompressedAttention) else "tokens"
        reuse = ", chosen by an earlier layer's indexer" if indexer.shared else ""
        notes.append(f"a step reads {indexer.top_k * indexer.block:,} {unit}{reuse}")
    return "; ".join(notes)


def _formula(mixer: Mixer, kv_bytes: float) -> tuple[str, str]:
    """Bytes per token of one layer, in names and in numbers."""
    width = _width(kv_bytes)
    if isinstance(mixer, CompressedAttention):
        entry = f"{mixer.head_dim} x {width}"
        if not mixer.ratio:
            return "width x bytes", entry
        name, number = _index_text(mixer.indexer)
        return (
            f"width x bytes + (width x bytes{name}) / ratio",
            f"{entry} + ({entry}{number}) / {mixer.ratio}",
        )
    if isinstance(mixer, Mla):
        name, number = _index_text(mixer.indexer)
        if not mixer.stores_kv:
            return f"0{name}", f"0{number}"
        return (
            f"(latent + rotary key) x bytes{name}",
            f"({mixer.kv_lora_rank} + {mixer.qk_rope_dim}) x {width}{number}",
        )
    if isinstance(mixer, Gqa) and mixer.stores_kv and not mixer.cross_attention:
        name, number = _index_text(mixer.indexer)
        return (
            f"KV heads x (key + value width) x bytes{name}",
            f"{mixer.n_kv_heads} x ({mixer.head_dim} + {mixer.v_head_dim}) x {width}{number}",
        )
    return "0", "0"


def _bracketed(text: str) -> str:
    """The text in parentheses where it adds at its outermost level."""
    outer = re.sub(r"\([^()]*\)", "", text)
    return f"({text})" if "+" in outer else text


def _merged(groups: tuple[LayerGroup, ...]) -> list[tuple[int, Mixer]]:
    """Groups whose cache is alike, joined: expert and dense layers of one attention are one term."""
    joined: list[tuple[int, Mixer]] = []
    for group in groups:
        for index, (count, mixer) in enumerate(joined):
            if mixer == group.mixer:
                joined[index] = (count + group.count, mixer)
                break
        else:
            joined.append((group.count, group.mixer))
    return joined


def kv_terms(model: Model, kv_bytes: float) -> tuple[KvTerm, ...]:
    """The cache by kind of layer; the bytes_per_token sum to formulas' kv_bytes_per_token."""
    terms = []
    for count, mixer in _merged(model.layers):
        if not cache_entry_elements(mixer) and not mixer_state_bytes(mixer) and not isinstance(mixer, Gqa):
            continue
        name, numbers = _formula(mixer, kv_bytes)
        per_layer = mixer_kv_bytes_per_token(mixer, kv_bytes)
        terms.append(
            KvTerm(
                layers=count,
                kind=attention_kind(mixer),
                formula=f"layers x {_bracketed(name)}",
                substituted=f"{count} x {_bracketed(numbers)}",
                bytes_per_token=count * per_layer,
                state_bytes=count * mixer_state_bytes(mixer),
                note=_window_note(mixer),
            )
        )
    return tuple(terms)


def model_kv(model: Model, contexts: tuple[int, ...], kv_dtype: str) -> ModelKv:
    """The cache of one model at several contexts."""
    width = dtype(kv_dtype).bytes_per_element
    limit = model.context_config
    return ModelKv(
        id=model.id,
        name=model.name,
        kv_dtype=kv_dtype,
        bytes_per_token=kv_bytes_per_token(model, width),
        growth_bytes_per_token=kv_growth_bytes_per_token(model, width),
        state_bytes_per_sequence=state_bytes_per_sequence(model),
        context_config=limit,
        terms=kv_terms(model, width),
        contexts=tuple(
            KvAtContext(
                context=context,
                stored_bytes=kv_bytes_per_sequence(model, context, width),
                read_bytes_per_step=kv_read_bytes_per_step(model, context, width),
                beyond_config=limit is not None and context > limit,
            )
            for context in contexts
        ),
        warnings=model.warnings,
    )


def compare_kv(request: KvRequest) -> KvResponse:
    """Answer a request; the first bad value is one error."""
    if not request.models:
        raise InputError("models", request.models, "at least one model")
    return KvResponse(
        kv_dtype=request.kv_dtype,
        contexts=request.context,
        models=tuple(model_kv(load_model(name), request.context, request.kv_dtype) for name in request.models),
    )


def kv_rows(answer: KvResponse) -> tuple[KvRow, ...]:
    """The table of an answer: a row for each model and context."""
    return tuple(
        KvRow(
            model=kv.id,
            kv_dtype=kv.kv_dtype,
            bytes_per_token=kv.bytes_per_token,
            state_bytes=kv.state_bytes_per_sequence,
            context=at.context,
            stored_bytes=at.stored_bytes,
            read_bytes_per_step=at.read_bytes_per_step,
            beyond_config=at.beyond_config,
        )
        for kv in answer.models
        for at in kv.contexts
    )
