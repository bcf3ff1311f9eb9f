"""`attention=sqrt|topk:N|window:N`: another rule for what full attention reads of the context."""

from dataclasses import replace

from tokenroof.errors import DataMissing, InputError
from tokenroof.mixers import kind_of
from tokenroof.mixers.architecture import attention_kind
from tokenroof.scenario.override_layers import each_layer
from tokenroof.scenario.override_values import Override, Rule, amount_of
from tokenroof.types.model import LayerGroup, Mixer, Model

__all__ = ["change_attention"]

_TOKENS = Rule(what="tokens", low=1, high=1e9, whole=True)


def _thinned(mixer: Mixer, rule: str, size: int, hidden: int) -> Mixer | None:
    changed: Mixer | None = kind_of(mixer).what_ifs.thinned(mixer, rule, size, hidden)
    return changed


def _kinds(model: Model) -> str:
    return ", ".join(dict.fromkeys(attention_kind(group.mixer) for group in model.layers))


def change_attention(model: Model, text: str) -> tuple[Model, Override]:
    """Every layer of full attention under another rule.

    `sqrt` stores every token and reads the square root of their number, a bound of the lecture that no kernel has.
    `topk:N` reads the N best, chosen by an indexer of DeepSeek-V3.2's size, which scans all. `window:N` keeps
    the last N.
    """
    kind, _, number = text.strip().lower().partition(":")
    if kind not in ("sqrt", "topk", "window") or (kind == "sqrt") == bool(number.strip()):
        raise InputError("attention", text, "sqrt, topk:N or window:N", "such as topk:2048 or window:4096")
    if not any(_thinned(group.mixer, kind, 1, model.hidden) for group in model.layers):
        raise DataMissing(model.name, "full attention", f"its layers are {_kinds(model)}")
    size = 0
    if number:
        amount = amount_of("attention", number, _TOKENS)
        size = int(amount.of(None, model.name))

    def change(group: LayerGroup) -> LayerGroup:
        return replace(group, mixer=_thinned(group.mixer, kind, size, model.hidden) or group.mixer)

    changed = each_layer(model, change)
    return changed, Override("attention", _kinds(model), _kinds(changed), "")
