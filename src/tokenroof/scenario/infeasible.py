"""Why a deployment does not hold its load, and the nearest changes that would: each is resolved and does fit."""

from dataclasses import replace

from tokenroof.catalog import load_system, system_names
from tokenroof.engines import engine as engine_of
from tokenroof.errors import TokenroofError
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.resolve import holds
from tokenroof.types.machine import System
from tokenroof.types.scenario import DEGREES, Scenario
from tokenroof.types.served import Infeasible

__all__ = ["infeasible_of", "larger_systems"]

_COUNTS = (2, 4, 8, 16, 32, 64)
_NARROWER = ("fp8", "nvfp4", "int4_g128")
_MOST_LOOKED_AT = 12


def larger_systems(system: System) -> list[System]:
    """Systems worth trying when one is too small: more of the same chip, then others of its kind by capacity."""
    chip, capacity = system.chip, system.chip.memory_bytes * system.n_chips
    same = [f"{count}x{chip.id}" for count in _COUNTS if count > system.n_chips][:3]
    others = []
    for name in system_names():
        other = load_system(name)
        room = other.chip.memory_bytes * other.n_chips
        if other.chip.kind == chip.kind and other.chip.announced <= chip.announced and room > capacity:
            others.append((other.chip.vendor != chip.vendor, room, name))
    return [load_system(name) for name in (*same, *(name for _, _, name in sorted(others)))]


def _free(scenario: Scenario) -> Scenario:
    """The same question with the layout left open, since another machine or format wants another."""
    return replace(scenario, **dict.fromkeys((*DEGREES, "replicas", "redundant_experts")))  # type: ignore[arg-type]


def _fits(scenario: Scenario) -> bool:
    try:
        return holds(scenario)
    except TokenroofError:
        return False


def _fixes(deployment: Deployment) -> tuple[str, ...]:
    scenario, system = deployment.scenario, deployment.system
    fixes: list[str] = []
    room = deployment.room()
    if room >= deployment.layout.pp:
        fixes.append(f"batch {room // deployment.layout.pp:,.0f}")
    if any(getattr(scenario, name) is not None for name in DEGREES) and _fits(_free(scenario)):
        fixes.append("another layout")
    for name in _NARROWER:
        if name != scenario.weight_dtype and _fits(replace(_free(scenario), weight_dtype=name)):
            fixes.append(f"weight_dtype {name}")
            break
    if deployment.kv_dtype not in ("fp8", "nvfp4") and _fits(replace(_free(scenario), kv_dtype="fp8")):
        fixes.append("kv_dtype fp8")
    for other in larger_systems(system)[:_MOST_LOOKED_AT]:
        if _fits(replace(_free(scenario), system=other.id)):
            fixes.append(f"system {other.id}")
            break
    return tuple(fixes)


def infeasible_of(deployment: Deployment) -> Infeasible:
    """What lacks on the fullest GPU, and what would fit."""
    use = deployment.memory()
    weights, pool = float(use.weights_bytes), float(use.cache_pool_bytes)
    available = max(weights + pool, 0.0)
    who = engine_of(deployment.engine).display_name
    if pool <= 0.0:
        reason = f"its weights alone need {weights / 1e9:,.1f} GB per GPU; {who} can give {available / 1e9:,.1f} GB"
    else:
        asked = deployment.load.value * deployment.layout.pp if deployment.load.kind in ("batch", "static") else 1.0
        each = float(use.cache_bytes_per_sequence)
        need = weights + asked / deployment.layout.dp * each
        reason = (
            f"weights and the KV cache of {asked:,.0f} requests need {need / 1e9:,.1f} GB per GPU; "
            f"{who} can give {available / 1e9:,.1f} GB"
        )
    return Infeasible(reason=reason, fixes=_fixes(deployment))
