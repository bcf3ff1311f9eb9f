"""Rebuilds a model's layers where a number of them changed, with the weights that follow from it.

Counts that a model keeps whole (norms, routers, recurrent and indexer projections, draft layers) move in the
proportion that their shapes give; biases and other weights below a thousandth of a layer stay as they were.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

from tokenroof.mixers import kind_of
from tokenroof.mixers.architecture import ffn_params, mixer_params
from tokenroof.types.model import Ffn, LayerGroup, Model, MoeFfn

__all__ = ["each_layer", "ordered", "with_hidden", "with_layers", "with_routes"]


def ordered(model: Model) -> tuple[int, ...]:
    """The group of each layer in turn."""
    return model.order or tuple(i for i, group in enumerate(model.layers) for _ in range(group.count))


def _draft_params(model: Model) -> int:
    """Weights of the draft layers, were they like the last layer: a layer, the 2h-to-h projection and three norms."""
    last, hidden = model.layers[ordered(model)[-1]], model.hidden
    block = mixer_params(last.mixer, hidden) + sum(part.total for part in ffn_params(last.ffn, hidden))
    return model.mtp_layers * (block + last.norm_params + 2 * hidden * hidden + 3 * hidden)


def _drafts_follow(before: Model, after: Model) -> Model:
    moved = _draft_params(after) - _draft_params(before)
    return replace(after, mtp_params=max(0, after.mtp_params + moved)) if before.mtp_layers and moved else after


def each_layer(model: Model, change: Callable[[LayerGroup], LayerGroup]) -> Model:
    """The model with every group changed. Groups keep their places, so that `order` still holds."""
    return _drafts_follow(model, replace(model, layers=tuple(change(group) for group in model.layers)))


def with_layers(model: Model, count: int) -> Model:
    """`count` layers in the mix and order of the model: taken evenly from its sequence, or repeated evenly."""
    whole = ordered(model)
    picked = tuple(whole[place * len(whole) // count] for place in range(count))
    kept = tuple(dict.fromkeys(sorted(picked)))
    groups = tuple(replace(model.layers[old], count=picked.count(old)) for old in kept)
    order = tuple(kept.index(old) for old in picked)
    runs = [group for group, _ in groupby(order)]
    return _drafts_follow(model, replace(model, layers=groups, order=order if runs != sorted(set(runs)) else ()))


def with_routes(ffn: MoeFfn, top_k: int) -> MoeFfn:
    """Another number of routes per token; those that lead to no expert stay in proportion."""
    active = None if ffn.active_routes is None else ffn.active_routes * top_k / ffn.top_k
    return replace(ffn, top_k=top_k, active_routes=active)


def _ffn(ffn: Ffn, before: int, after: int) -> Ffn:
    if not isinstance(ffn, MoeFfn):
        return ffn
    slots = ffn.n_experts + ffn.zero_experts
    rows = slots if ffn.router_params >= slots * before else ffn.n_experts
    routed = ffn.router_params + rows * (after - before) if ffn.router_params >= rows * before else ffn.router_params
    return replace(ffn, router_params=routed)


def with_hidden(model: Model, hidden: int) -> Model:
    """Another width of the residual stream; heads and inner widths stay."""
    before = model.hidden

    def scaled(params: int) -> int:
        return round(params * hidden / before)

    def change(group: LayerGroup) -> LayerGroup:
        return replace(
            group,
            mixer=kind_of(group.mixer).what_ifs.widened(group.mixer, before, hidden),
            ffn=_ffn(group.ffn, before, hidden),
            norm_params=scaled(group.norm_params),
        )

    changed = replace(
        model,
        hidden=hidden,
        layers=tuple(change(group) for group in model.layers),
        final_norm_params=scaled(model.final_norm_params),
        other_params=scaled(model.other_params),
    )
    return _drafts_follow(model, changed)
