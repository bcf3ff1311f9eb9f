"""Why a deployment does not hold its load, and the nearest changes that would: each is resolved and does fit."""

from dataclasses import replace

from tokenroof.catalog import load_system, system_names
from tokenroof.catalog.chips import chip_ids
from tokenroof.engines import engine as engine_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.resolve import met
from tokenroof.types.machine import System
from tokenroof.types.scenario import APART, DEGREES, Scenario
from tokenroof.types.served import Infeasible

__all__ = ["infeasible_of", "larger_systems", "other_ways"]

_COUNTS = (2, 4, 8, 16, 32, 64)
_NARROWER = ("fp8", "nvfp4", "int4_g128")
_MOST_LOOKED_AT = 12


def larger_systems(system: System) -> list[System]:
    """Systems worth trying when one is too small: more of the same chip, then others of its kind by capacity."""
    chip, capacity = system.chip, system.chip.memory_bytes * system.n_chips
    named = chip.id in chip_ids()  # one of a file of your own has no name that more of it could be asked for by
    same = [f"{count}x{chip.id}" for count in _COUNTS if count > system.n_chips][:3] if named else []
    others = []
    for name in system_names():
        other = load_system(name)
        room = other.chip.memory_bytes * other.n_chips
        if other.chip.kind == chip.kind and other.chip.announced <= chip.announced and room > capacity:
            others.append((other.chip.vendor != chip.vendor, room, name))
    return [load_system(name) for name in (*same, *(name for _, _, name in sorted(others)))]


def _free(scenario: Scenario) -> Scenario:
    """The same question with the layout left open, since another machine or format wants another."""
    return replace(scenario, **dict.fromkeys((*DEGREES, *APART, "replicas", "redundant_experts")))  # type: ignore[arg-type]


def other_ways(deployment: Deployment) -> tuple[str, ...]:
    """Another layout, format or system under which the same load is held inside the same limits: each was tried."""
    scenario, system = deployment.scenario, deployment.system
    free = _free(scenario)
    fixes: list[str] = []
    if free != scenario and met(free):
        fixes.append("another layout" if scenario.decode_system is None else f"all of it on {scenario.system}")
    for name in _NARROWER:
        if name != scenario.weight_dtype and met(replace(free, weight_dtype=name)):
            fixes.append(f"weight_dtype {name}")
            break
    if deployment.kv_dtype not in ("fp8", "nvfp4") and met(replace(free, kv_dtype="fp8")):
        fixes.append("kv_dtype fp8")
    for other in larger_systems(system)[:_MOST_LOOKED_AT]:
        if met(replace(free, system=other.id)):
            fixes.append(f"system {other.id}")
            break
    return tuple(fixes)


def _gb_apart(need: float, available: float) -> tuple[str, str]:
    """Both in GB, with as many digits as show that the one is more."""
    pairs = ((f"{need / 1e9:,.{digits}f}", f"{available / 1e9:,.{digits}f}") for digits in range(1, 10))
    return next((pair for pair in pairs if pair[0] != pair[1]), (f"{need / 1e9:,.9f}", f"{available / 1e9:,.9f}"))


def _no_room_for_prompts(deployment: Deployment) -> str:
    split, use = deployment.prefill_workers, deployment.prompt_memory()
    assert split is not None
    weights, available = float(use.weights_bytes), max(float(use.weights_bytes + use.cache_pool_bytes), 0.0)
    prompts = max(deployment.prompts_at_once / split.layout.dp, 1.0)
    need = weights + prompts * float(use.cache_bytes_per_sequence)
    needed, given = _gb_apart(need, available)
    return (
        f"its prefill workers need {needed} GB per GPU for weights and the prompts of a full pass; "
        f"{engine_of(deployment.engine).display_name} can give {given} GB"
    )


def infeasible_of(deployment: Deployment) -> Infeasible:
    """What lacks on the fullest GPU, and what would do."""
    if not deployment.prompts_fit:
        return Infeasible(reason=_no_room_for_prompts(deployment), fixes=other_ways(deployment))
    use = deployment.memory()
    weights, pool = float(use.weights_bytes), float(use.cache_pool_bytes)
    available = max(weights + pool, 0.0)
    who = engine_of(deployment.engine).display_name
    of = " of a decode worker" if deployment.disaggregated else ""
    if pool <= 0.0:
        needed, given = _gb_apart(weights, available)
        reason = f"its weights{of} alone need {needed} GB per GPU; {who} can give {given} GB"
    else:
        asked = deployment.asked_at_once
        each = float(use.cache_bytes_per_sequence)
        need = weights + max(asked / deployment.layout.dp, 1.0) * each
        requests = "one request" if asked == 1.0 else f"{asked:,.0f} requests"
        needed, given = _gb_apart(need, available)
        reason = f"weights{of} and the KV cache of {requests} need {needed} GB per GPU; {who} can give {given} GB"
    most = deployment.room() // deployment.layout.pp
    fewer = deployment.scenario.batch is not None and most >= 1.0 and met(replace(deployment.scenario, batch=most))
    fixes = (f"batch {most:,.0f}",) if fewer else ()
    return Infeasible(reason=reason, fixes=(*fixes, *other_ways(deployment)))
