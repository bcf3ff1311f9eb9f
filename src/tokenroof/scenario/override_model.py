"""What-ifs of a model. A number applies to every layer that has it; parameters and cache follow from the change."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tokenroof.errors import DataMissing, InputError
from tokenroof.mixers import kind_of
from tokenroof.scenario.override_attention import change_attention
from tokenroof.scenario.override_layers import each_layer, with_hidden, with_layers, with_routes
from tokenroof.scenario.override_values import Amount, Override, Rule, amount_of, fact_of
from tokenroof.types.dtype import dtype
from tokenroof.types.model import DenseFfn, Ffn, LayerGroup, Mixer, Model, MoeFfn, WeightDtypes

__all__ = ["FORMAT_FIELDS", "MODEL_FIELDS", "change_model", "check_model"]

_MATMULS = ("attention", "dense", "experts", "shared_experts", "recurrent")
_CLASSES = tuple(name for name in WeightDtypes.__dataclass_fields__ if name != "mixed")
FORMAT_FIELDS: Mapping[str, str] = {
    "model.weights": "format of the weights that are multiplied",
    **{f"model.weights.{name}": f"format of the weights of class {name}" for name in _CLASSES},
    "model.kv_dtype": "format of the KV cache",
}


def _count(what: str, high: float = 1e7) -> Rule:
    return Rule(what=what, low=1, high=high, whole=True)


# Which of them a layer has, its kind says: what_ifs.fields in tokenroof.mixers.
_MIXER: dict[str, Rule] = {
    "heads": _count("attention heads"),
    "kv_heads": _count("KV heads"),
    "head_dim": _count("width of a head"),
    "v_head_dim": _count("width of a head's values"),
    "kv_lora_rank": _count("width of the latent of MLA"),
    "qk_nope_dim": _count("width of a head's keys without positions"),
    "qk_rope_dim": _count("width of the rotary key of MLA"),
    "q_lora_rank": _count("rank of the query projection"),
    "o_lora_rank": _count("rank of the output projection"),
    "window": _count("sliding window, tokens", 1e9),
    "ratio": _count("tokens per compressed entry"),
    "state": _count("recurrent state, elements", 1e12),
}
# field -> rule, kinds of network that have it, attribute
_FFN: dict[str, tuple[Rule, tuple[type, ...], str]] = {
    "experts": (_count("routed experts", 1e6), (MoeFfn,), "n_experts"),
    "top_k": (_count("experts per token", 1e6), (MoeFfn,), "top_k"),
    "intermediate": (_count("inner width of MLPs and experts"), (DenseFfn, MoeFfn), "intermediate"),
    "dense_intermediate": (_count("inner width of dense MLPs"), (DenseFfn,), "intermediate"),
    "expert_intermediate": (_count("inner width of a routed expert"), (MoeFfn,), "intermediate"),
    "shared_intermediate": (_count("inner width of all shared experts"), (MoeFfn,), "shared_intermediate"),
}
_WHOLE: dict[str, Rule] = {
    "layers": _count("layers", 1e5),
    "hidden": _count("width of the residual stream"),
    "vocab": _count("vocabulary, tokens", 1e9),
    "context": _count("longest context, tokens", 1e9),
    "index_top_k": _count("tokens that the indexer selects", 1e9),
}
MODEL_FIELDS: Mapping[str, Rule] = {
    f"model.{name}": rule
    for name, rule in (*_WHOLE.items(), *_MIXER.items(), *((n, row[0]) for n, row in _FFN.items()))
}


@dataclass
class _Seen:
    """Old and new numbers of the layers that have a field, in the order met."""

    before: dict[float, None]
    after: dict[float, None]

    def new(self, amount: Amount, old: float, model: Model) -> int:
        wanted = amount.of(old, model.name)
        self.before[old], self.after[wanted] = None, None
        return int(wanted)


def _joined(numbers: Iterable[float]) -> float | str:
    found = tuple(numbers)
    return found[0] if len(found) == 1 else ", ".join(f"{number:,.10g}" for number in found)


def _ffn(ffn: Ffn, attribute: str, value: int) -> Ffn:
    if isinstance(ffn, MoeFfn) and attribute == "top_k":
        return with_routes(ffn, value)
    changes: dict[str, Any] = {attribute: value}
    if isinstance(ffn, MoeFfn) and attribute == "n_experts":
        slots = ffn.n_experts + ffn.zero_experts
        changes["router_params"] = round(ffn.router_params * (value + ffn.zero_experts) / slots)
    return replace(ffn, **changes)


def _indexed(mixer: Mixer, value: Callable[[float], int]) -> Mixer:
    indexer = kind_of(mixer).indexer(mixer)
    if indexer is None:
        return mixer
    changes: dict[str, Any] = {"indexer": replace(indexer, top_k=value(indexer.top_k))}
    return replace(mixer, **changes)


def _attribute(part: Mixer | Ffn, name: str) -> str | None:
    """Where a part holds the number of a field, None where it has none."""
    if isinstance(part, Mixer):
        return kind_of(part).what_ifs.fields.get(name)
    _, kinds, attribute = _FFN.get(name, (None, (), ""))
    return attribute if isinstance(part, kinds) else None


def _by_layer(model: Model, name: str, amount: Amount) -> tuple[Model, float | str, float | str]:
    seen = _Seen({}, {})

    def new(old: float) -> int:
        return seen.new(amount, old, model)

    def change(group: LayerGroup) -> LayerGroup:
        if name == "index_top_k":
            return replace(group, mixer=_indexed(group.mixer, new))
        part = group.mixer if name in _MIXER else group.ffn
        attribute = _attribute(part, name)
        # 0 and None say that a layer goes without: a layer with one is another layer, not this one changed
        old = getattr(part, attribute) if attribute else None
        if not attribute or not old:
            return group
        if name in _MIXER:
            return replace(group, mixer=kind_of(group.mixer).what_ifs.change(group.mixer, attribute, new(old)))
        return replace(group, ffn=_ffn(group.ffn, attribute, new(old)))

    changed = each_layer(model, change)
    if not seen.before:
        raise DataMissing(model.name, name, "no layer of it has one", f"it has {', '.join(_had(model))}")
    return changed, _joined(seen.before), _joined(seen.after)


def _had(model: Model) -> list[str]:
    """Fields that some layer of the model has."""
    parts = [part for group in model.layers for part in (group.mixer, group.ffn)]
    return [name for name in (*_MIXER, *_FFN) if any((at := _attribute(p, name)) and getattr(p, at) for p in parts)]


def _whole(model: Model, name: str, amount: Amount) -> tuple[Model, float | str | None, float | str]:
    longest = model.context_config or model.context_advertised
    read: dict[str, int | None] = {
        "layers": model.n_layers, "hidden": model.hidden, "vocab": model.vocab, "context": longest,
    }  # fmt: skip
    before = read[name]
    after = int(amount.of(before, model.name))
    if after == before:
        return model, before, after
    if name == "layers":
        return with_layers(model, after), before, after
    if name == "hidden":
        return with_hidden(model, after), before, after
    if name == "vocab":
        return replace(model, vocab=after), before, after
    return replace(model, context_config=after, context_advertised=after), before, after


def _format(model: Model, name: str, text: str) -> tuple[Model, Override]:
    wanted = dtype(text.strip()).name
    if name == "model.kv_dtype":
        return replace(model, kv_dtype=wanted), Override(name, model.kv_dtype, wanted, "")
    classes = _MATMULS if name == "model.weights" else (name.removeprefix("model.weights."),)
    before = ", ".join(dict.fromkeys(str(getattr(model.weights, one)) for one in classes))
    changes: dict[str, Any] = dict.fromkeys(classes, wanted)
    mixed = {one: shares for one, shares in model.weights.mixed.items() if one not in classes}
    return replace(model, weights=replace(model.weights, **changes, mixed=mixed)), Override(name, before, wanted, "")


def change_model(model: Model, name: str, text: str) -> tuple[Model, tuple[Override, ...]]:
    """The model with one field of MODEL_FIELDS or FORMAT_FIELDS changed, or with another rule of attention."""
    if name == "attention":
        changed, told = change_attention(model, text)
        return changed, (told,)
    if name in FORMAT_FIELDS:
        changed, told = _format(model, name, text)
        return changed, (told,)
    rule, short = MODEL_FIELDS[name], name.removeprefix("model.")
    amount = amount_of(name, text, rule)
    _same_width(model, short, amount)
    whole = short in _WHOLE and short != "index_top_k"
    changed, before, after = (_whole if whole else _by_layer)(model, short, amount)
    facts = dict(model.facts)
    if isinstance(after, float | int):
        facts[short] = fact_of(float(after), rule, amount.text)
    return replace(changed, facts=facts), (Override(name, before, after, rule.base),)


def _same_width(model: Model, name: str, amount: Amount) -> None:
    """One absolute width for dense MLPs and experts alike is never meant."""
    kinds = {type(group.ffn) for group in model.layers}
    if name == "intermediate" and amount.factor is None and {DenseFfn, MoeFfn} <= kinds:
        raise InputError(
            f"model.{name}", amount.text, "relative where a model has dense MLPs and experts",
            "or set model.dense_intermediate or model.expert_intermediate",
        )  # fmt: skip


def _route_faults(ffn: Ffn) -> Iterable[InputError]:
    if isinstance(ffn, MoeFfn) and ffn.top_k > ffn.n_experts + ffn.zero_experts:
        yield InputError("model.top_k", ffn.top_k, f"at most the {ffn.n_experts + ffn.zero_experts} experts")


def check_model(model: Model) -> None:
    """InputError where the changed numbers of a model contradict each other."""
    for group in model.layers:
        for fault in (*kind_of(group.mixer).what_ifs.faults(group.mixer), *_route_faults(group.ffn)):
            raise fault
