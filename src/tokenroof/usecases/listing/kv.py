"""What sequences keep and what a decode step reads, per model and context, with the formula that gives it."""

import re
from dataclasses import dataclass, replace
from typing import Annotated

from tokenroof.catalog.models.index import load_model
from tokenroof.errors import InputError
from tokenroof.mixers import kind_of
from tokenroof.mixers.architecture_cache import (
    kv_bytes_per_sequence,
    kv_bytes_per_token,
    kv_growth_bytes_per_token,
    kv_read_bytes_per_step,
    mixer_kv_bytes_per_token,
    mixer_state_bytes,
    state_bytes_per_sequence,
)
from tokenroof.scenario.layouts import layout_label
from tokenroof.scenario.pool_log import PoolLog, pool_log
from tokenroof.scenario.resolve import resolve
from tokenroof.types.dtype import dtype
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.types.limits import Degree, Within
from tokenroof.types.model import LayerGroup, Mixer, Model
from tokenroof.types.scenario import Scenario

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
    """The cache of one model. `growth_bytes_per_token` is the slope once every window is full.

    On a system, `logs` is what the engine's log says for requests of each context, in the layout `label`.
    """

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
    label: str = ""
    logs: tuple[PoolLog, ...] = ()


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
    """Models by name or path, contexts in tokens, and the format of the cache: by default what engines keep.

    With a `system` also what an engine gives to the cache there, and how many requests of each context that holds.
    """

    models: tuple[str, ...]
    context: tuple[Annotated[int, Within(1, MAX_CONTEXT, "tokens")], ...] = (8_192, 131_072)
    kv_dtype: str | None = None
    system: str | None = None
    tp: Degree = None
    weight_dtype: str | None = None
    engine: str = DEFAULT_ENGINE
    engine_version: str = ""
    memory_fraction: Annotated[float | None, Within(0.05, 1.0)] = None
    max_num_seqs: Annotated[int | None, Within(1, 1e7)] = None
    max_batched_tokens: Annotated[int | None, Within(16, 1e7, "tokens")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KvResponse:
    """One entry per model, in the order asked. `kv_dtype` is what was asked for; each model says what it keeps."""

    kv_dtype: str | None
    contexts: tuple[int, ...]
    models: tuple[ModelKv, ...]
    system: str | None = None
    engine: str = DEFAULT_ENGINE


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
    """The cache by kind of layer; the bytes_per_token sum to kv_bytes_per_token."""
    terms = []
    for count, mixer in _merged(model.layers):
        kind = kind_of(mixer)
        if kind.cache is None and not mixer_state_bytes(mixer):
            continue
        name, numbers = kind.words.cache_formula(mixer, kv_bytes)
        per_layer = mixer_kv_bytes_per_token(mixer, kv_bytes)
        terms.append(
            KvTerm(
                layers=count,
                kind=kind.words.title(mixer),
                formula=f"layers x {_bracketed(name)}",
                substituted=f"{count} x {_bracketed(numbers)}",
                bytes_per_token=count * per_layer,
                state_bytes=count * mixer_state_bytes(mixer),
                note=kind.words.cache_note(mixer),
            )
        )
    return tuple(terms)


def model_kv(model: Model, contexts: tuple[int, ...], kv_dtype: str | None = None) -> ModelKv:
    """The cache of one model at several contexts; without a format in the one that engines keep for it."""
    kept = kv_dtype or model.kv_dtype
    width = dtype(kept).bytes_per_element
    limit = model.context_config
    return ModelKv(
        id=model.id,
        name=model.name,
        kv_dtype=kept,
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


_NEEDS_SYSTEM = ("tp", "weight_dtype", "engine_version", "memory_fraction", "max_num_seqs", "max_batched_tokens")


def _on_system(kv: ModelKv, name: str, request: KvRequest) -> ModelKv:
    """With what the engine's log says on the system that was asked for."""
    if request.system is None:
        for field in _NEEDS_SYSTEM:
            if getattr(request, field):
                raise InputError(field, getattr(request, field), "given with a system", "name one in system")
        return kv
    deployment = resolve(
        Scenario(
            model=name, system=request.system, tp=request.tp, weight_dtype=request.weight_dtype,
            kv_dtype=request.kv_dtype, engine=request.engine, engine_version=request.engine_version,
            memory_fraction=request.memory_fraction, max_num_seqs=request.max_num_seqs,
            max_batched_tokens=request.max_batched_tokens,
        )
    )  # fmt: skip
    logs = tuple(pool_log(deployment, context) for context in request.context)
    return replace(kv, label=layout_label(deployment.layout), logs=logs)


def compare_kv(request: KvRequest) -> KvResponse:
    """Answer a request; the first bad value is one error."""
    if not request.models:
        raise InputError("models", request.models, "at least one model")
    return KvResponse(
        kv_dtype=request.kv_dtype,
        contexts=request.context,
        models=tuple(
            _on_system(model_kv(load_model(name), request.context, request.kv_dtype), name, request)
            for name in request.models
        ),
        system=request.system,
        engine=request.engine,
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
