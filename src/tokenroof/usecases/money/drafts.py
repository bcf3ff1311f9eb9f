"""Who drafts, and what a draft costs: a model of its own, the target's own extra layer, or a stated share of a step."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenroof.catalog import load_model
from tokenroof.errors import DataMissing, InputError
from tokenroof.operators.layout_space import stage_layouts
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import Timed, bind
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.default import Default
from tokenroof.types.layout import Layout
from tokenroof.types.model import LayerGroup, Model, NoFfn, NoMixer
from tokenroof.types.program import Load

__all__ = ["Drafter", "draft_head", "drafter_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafter:
    """`step_s(batch, context)` is the time to draft one more token for every sequence."""

    name: str
    layout: Layout | None
    step_s: Callable[[float, float], float]


def draft_head(model: Model) -> Model:
    """One more layer of the model's last kind, a projection of two hidden states to one, and the output head again.

    That is DeepSeek's multi-token prediction module; EAGLE heads are of the same shape. Embedding and output head are
    the target's own, so they are read again but stored once.
    """
    order = model.order or tuple(range(len(model.layers)))
    last = [model.layers[position] for position in order]
    mixer = next((group.mixer for group in reversed(last) if group.mixer != NoMixer()), NoMixer())
    ffn = next((group.ffn for group in reversed(last) if not isinstance(group.ffn, NoFfn)), NoFfn())
    layer = LayerGroup(count=1, mixer=mixer, ffn=ffn, norm_params=max(group.norm_params for group in last))
    return replace(
        model, id=f"{model.id} draft head", name=f"{model.name} draft head", layers=(layer,), order=(),
        other_params=2 * model.hidden * model.hidden, mtp_layers=0, mtp_params=0,
    )  # fmt: skip


def _timed(model: Model, layout: Layout, deployment: Deployment) -> Timed:
    return bind(lower(model, layout), deployment.system, deployment.profile)


def _of_program(name: str, timed: Timed) -> Drafter:
    def step_s(batch: float, context: float) -> float:
        return float(timed.step(decode=Load(batch, batch, context)).step_s)

    return Drafter(name=name, layout=timed.program.layout, step_s=step_s)


def _of_model(draft: Model, deployment: Deployment, context: float) -> Drafter:
    """On the target's own GPUs, in the layout with the quickest pass."""
    system, stage = deployment.system, deployment.layout.stage
    found = [
        _of_program(draft.name, _timed(draft, layout, deployment))
        for size in sorted({1, stage} | {1 << power for power in range(stage.bit_length())})
        for layout in stage_layouts(draft, size, system)
        if size <= stage
    ]
    if not found:
        raise InputError("draft", draft.id, f"a model that some part of {stage} GPUs can run")
    return min(found, key=lambda one: one.step_s(1.0, context))


def drafter_of(
    deployment: Deployment, *, draft: str | None, draft_cost: float | None, context: float, defaults: list[Default]
) -> Drafter:
    """By a share of the target's pass, by name, or the target's own head; what was assumed is added to `defaults`."""
    model = deployment.model
    if draft_cost is not None:
        if draft is not None:
            raise InputError("draft_cost", draft_cost, "left out when a draft is named")
        share = draft_cost
        return Drafter(
            name=f"{share:g} of a step",
            layout=None,
            step_s=lambda batch, length: share * float(deployment.step(batch, length).step_s),
        )
    if draft == "mtp" and not model.mtp_layers:
        raise DataMissing(model.id, "multi-token prediction layer", "the checkpoint", "draft head assumes one")
    if draft in (None, "mtp", "head"):
        own = bool(model.mtp_layers) and draft != "head"
        if draft is None:
            why = "the checkpoint's own" if own else "none in the checkpoint; one more layer of its kind is assumed"
            defaults.append(Default(field="draft", value="MTP head" if own else "one layer", reason=why))
        name = "MTP head" if own else "draft head"
        return _of_program(name, _timed(draft_head(model), deployment.layout, deployment))
    if draft is None:
        raise AssertionError("unreachable")
    return _of_model(load_model(draft), deployment, context)
