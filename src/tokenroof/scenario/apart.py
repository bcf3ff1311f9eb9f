"""Prompts and answers on workers of their own, as a scenario names them: two layouts, and how many workers of each."""

import re
from dataclasses import replace
from typing import Any

from tokenroof.catalog.profile import beyond_fitted
from tokenroof.errors import InputError
from tokenroof.operators.exchange import ranks_together
from tokenroof.operators.layout_space import expert_degrees, units_on
from tokenroof.operators.layouts import check_layout
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.scenario.machines import PrefillMachine
from tokenroof.scenario.prefill_workers import PrefillWorkers
from tokenroof.types.default import Default
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.scenario import DEGREES, Scenario

__all__ = ["apart_on", "layouts_apart", "spares_apart", "with_prefill", "workers_of"]

_SPARES = "redundant"
_DEGREE = re.compile(rf"({'|'.join(DEGREES)})([1-9][0-9]{{0,5}})|({_SPARES})([0-9]{{1,6}})")
_SUCH = "degrees, each once, such as tp4 pp2 or dp32 ep32, and spare experts: dp72 ep72 redundant32"


def _named(text: str, field: str, model: Model, system: System) -> Layout:
    """`tp4 pp2`, `dp32 ep32 redundant64`: as a plan prints them. Spare experts that are not named fill up what does not
    divide, as they do there.
    """
    degrees: dict[str, Any] = {}
    for word in text.lower().split():
        found = _DEGREE.fullmatch(word)
        name = "" if found is None else found[1] or found[3]
        if found is None or name in degrees:
            raise InputError(field, text, _SUCH)
        degrees[name] = int(found[2] or found[4])
    spares = degrees.pop(_SPARES, None)
    if not degrees:
        raise InputError(field, text, _SUCH, "tp1 is one GPU")
    layout = Layout(**degrees)
    if spares is None:
        spares = dict(expert_degrees(model, layout.stage)).get(layout.ep, 0)
    layout = replace(layout, redundant_experts=spares)
    try:
        check_layout(model, layout, system, uneven_layers=True)
    except InputError as fault:
        raise InputError(field, text, f"{fault.field}: {fault.limit}", _in_text(fault.fix)) from None
    return layout


def _in_text(fix: str) -> str:
    """What helps, as it is written in the text of a layout."""
    return fix.replace("`redundant_experts` ", _SPARES)


def spares_apart(scenario: Scenario, layouts: tuple[Layout, Layout]) -> tuple[Default, ...]:
    """Spare experts that layouts have by themselves, and how to name others."""
    texts = (scenario.prefill_layout or "", scenario.decode_layout or "")
    own = [
        f"{layout.redundant_experts} in {role}"
        for role, layout, text in zip(("prefill", "decode"), layouts, texts, strict=True)
        if layout.redundant_experts and _SPARES not in text.lower()
    ]
    why = "copies of busy experts, as a plan has them; redundant64 in a layout says otherwise"
    return (Default(field="redundant_experts", value=", ".join(own), reason=why),) if own else ()


def layouts_apart(
    scenario: Scenario, model: Model, system: System, decode_system: System | None = None
) -> tuple[Layout, Layout] | None:
    """Layouts of prefill and decode workers where the scenario names them, each on its own machine."""
    if scenario.prefill_layout is None or scenario.decode_layout is None:
        return None
    return (
        _named(scenario.prefill_layout, "prefill_layout", model, system),
        _named(scenario.decode_layout, "decode_layout", model, decode_system or system),
    )


def workers_of(scenario: Scenario, defaults: list[Default]) -> tuple[int, int]:
    """How many workers of each role a unit has: one, where it is not said."""
    for name in ("prefill_workers", "decode_workers"):
        if getattr(scenario, name) is None:
            defaults.append(Default(field=name, value="1", reason="as few as serve"))
    return scenario.prefill_workers or 1, scenario.decode_workers or 1


def with_prefill(
    deployment: Deployment, front: Layout, prefill_workers: int, decode_workers: int, chunk: float,
    on: PrefillMachine | None = None,
) -> Deployment:  # fmt: skip
    """A deployment of decode workers with prefill workers beside them, in its formats; replicas stay as they are.

    `on` is the machine of the prefill workers, where it is another.
    """
    own = on is not None
    on = on or PrefillMachine(system=deployment.system, profile=deployment.profile, scheduler=deployment.scheduler)
    layout = replace(front, weights=deployment.layout.weights, kv_dtype=deployment.layout.kv_dtype)
    return replace(
        deployment,
        profile=beyond_fitted(deployment.profile, ranks_together(layout, deployment.model)),
        prefill_workers=PrefillWorkers(
            timed=bind(lower(deployment.model, layout), on.system, on.profile), layout=layout, system=on.system,
            workers=prefill_workers, decode_workers=decode_workers, chunk=chunk, scheduler=on.scheduler,
            own_machine=own,
        ),
    )  # fmt: skip


def apart_on(deployment: Deployment, replicas: int | None) -> Deployment:
    """As many units as the system holds, or so many. InputError where it does not hold them."""
    each, split = deployment.unit_gpus, deployment.prefill_workers
    assert split is not None
    sizes = (each,) if not split.own_machine else (split.n_gpus, each - split.n_gpus)
    most = min(int(units_on(machine, gpus)) for machine, gpus in zip(deployment.machines, sizes, strict=True))
    if most < max(replicas or 1, 1):
        unit = f"{unit_label(deployment)} = {' + '.join(map(str, sizes))} GPUs"
        limit = " and ".join(f"at most {one.n_chips} GPUs on {one.id}" for one in deployment.machines)
        if most < 1:
            raise InputError("prefill_workers, decode_workers", unit, limit, "fewer workers or a larger system")
        raise InputError("replicas", replicas, f"at most {most} of {unit}: {limit}", "fewer, or a larger system")
    return replace(deployment, replicas=replicas or most)
