"""Cross-checks of an imported model against the catalogue: public copies of configs are often wrong.

A copy is compared with the entry that its name points to; where it has no name of its own (config.json), with the
entry of its model_type that it equals in all shape facts but one or two. A file that goes by another name is most
often another model, however alike: it has to equal an entry of its type in all facts but one. Total parameters
cannot show a wrong head count where experts hold nearly all weights, so every fact is compared on its own.
"""

import re
from collections.abc import Callable

from tokenroof.catalog.models.index import find_id, load_model, model_ids
from tokenroof.mixers import KINDS, kind_of
from tokenroof.mixers.architecture import total_params
from tokenroof.types.model import DenseFfn, Model, MoeFfn

__all__ = ["catalogue_twin", "contradictions", "shape_facts"]

_MOST_DIFFERENCES = 2


def _experts(model: Model) -> list[MoeFfn]:
    return [g.ffn for g in model.layers if isinstance(g.ffn, MoeFfn)]


def _values(items: list[int]) -> str:
    return "/".join(str(v) for v in sorted(set(items))) or "none"


_MIXER_FACTS = tuple(dict.fromkeys(name for kind in KINDS.values() for name in kind.shape))


def _mixer_fact(name: str) -> Callable[[Model], str]:
    def read(model: Model) -> str:
        shapes = [(kind_of(group.mixer).shape, group.mixer) for group in model.layers]
        return _values([shape[name](mixer) for shape, mixer in shapes if name in shape])

    return read


def _without_cache(model: Model) -> str:
    return str(sum(group.count for group in model.layers if kind_of(group.mixer).cache is None))


_FACTS: dict[str, Callable[[Model], str]] = {
    "layers": lambda m: str(m.n_layers),
    "layers without a growing cache": _without_cache,
    "hidden size": lambda m: str(m.hidden),
    "vocabulary": lambda m: str(m.vocab),
    **{name: _mixer_fact(name) for name in _MIXER_FACTS},
    "experts": lambda m: _values([e.n_experts for e in _experts(m)]),
    "routes per token": lambda m: _values([e.top_k for e in _experts(m)]),
    "expert width": lambda m: _values([e.intermediate for e in _experts(m)]),
    "dense width": lambda m: _values([g.ffn.intermediate for g in m.layers if isinstance(g.ffn, DenseFfn)]),
}


def shape_facts(model: Model) -> dict[str, str]:
    """The facts by which two copies of one model are compared, as text."""
    return {name: read(model) for name, read in _FACTS.items()}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rpartition("/")[2].lower())


def _by_name(model: Model) -> Model | None:
    """The entry whose id or alias the model's name is, punctuation aside."""
    from tokenroof.catalog.models.index import known_names

    found = find_id(model.name) or find_id(model.name.rpartition("/")[2])
    if found is None:
        wanted = _plain(model.name)
        found = next((find_id(name) for name in known_names() if wanted and _plain(name) == wanted), None)
    return None if found is None else load_model(found)


def _nameless(model: Model) -> bool:
    """Whether what the model is called says nothing: its file's usual name, or its model_type."""
    return _plain(model.name) in ("", "config", "model", _plain(model.model_type))


def _by_shape(model: Model) -> Model | None:
    """The entry of the same model_type that differs in one or two facts, hidden size aside.

    A model that goes by a name of its own has to agree in the vocabulary and in all other facts but one: a relative
    of the same family has at least another vocabulary, depth and width.
    """
    own, nameless = shape_facts(model), _nameless(model)
    most = _MOST_DIFFERENCES if nameless else 1
    best: tuple[int, Model] | None = None
    for model_id in model_ids():
        other = load_model(model_id)
        if other.hidden != model.hidden or other.model_type != model.model_type:
            continue
        if not nameless and other.vocab != model.vocab:
            continue
        facts = shape_facts(other)
        differences = sum(own[name] != facts[name] for name in own)
        if best is None or differences < best[0]:
            best = (differences, other)
    return best[1] if best is not None and best[0] <= most else None


def catalogue_twin(model: Model) -> Model | None:
    """The catalogue entry that a model is a copy of, by name or else by shape."""
    return _by_name(model) or _by_shape(model)


def contradictions(model: Model) -> tuple[str, ...]:
    """One warning per fact in which the model contradicts the catalogue's entry of the same model."""
    named = _by_name(model)
    twin = named or _by_shape(model)
    if twin is None:
        return ()
    own, known = shape_facts(model), shape_facts(twin)
    why = "one of the two is a wrong copy" if named else "where it is meant to be that, one of the two is a wrong copy"
    found = [
        f"{name} {own[name]}, but the catalogue's {twin.id} has {known[name]}: {why}"
        for name in own
        if own[name] != known[name]
    ]
    if named and model.model_type != twin.model_type:
        found.append(f"model_type {model.model_type!r}, but the catalogue's {twin.id} is {twin.model_type!r}")
    if named and not found:
        ours, theirs = total_params(model), total_params(twin)
        if abs(ours / theirs - 1) > 0.002:
            found.append(
                f"{ours / 1e9:,.2f} billion parameters, but the catalogue's {twin.id} has {theirs / 1e9:,.2f}: "
                "a key seems to be missing"
            )
    shorter = model.context_config is not None and twin.context_config is not None
    if named and shorter and (model.context_config or 0) < (twin.context_config or 0):
        found.append(f"context {model.context_config:,}, but the catalogue's {twin.id} has {twin.context_config:,}")
    return tuple(found)
