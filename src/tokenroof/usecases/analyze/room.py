"""Does it fit, and if not, what is the nearest change that would."""

from dataclasses import dataclass

from tokenroof.catalog import load_system, system_names
from tokenroof.errors import TokenroofError
from tokenroof.types.machine import System
from tokenroof.usecases.analyze.domain import Deployment, deploy

__all__ = ["Fit", "check_fit", "larger_systems", "largest_batch"]

_NARROWER = ("fp8", "nvfp4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Memory of one scale-up domain against what it has to hold, and the changes that would fit."""

    fits: bool
    capacity_bytes: float
    weights_bytes: float
    kv_bytes: float
    left_bytes: float
    largest_batch: float
    shortfall_bytes: float
    fixes: tuple[str, ...] = ()


def largest_batch(deployment: Deployment, context: float) -> float:
    """Most sequences of `context` tokens beside the weights; 0 where the weights alone do not fit."""
    room = deployment.capacity_bytes - deployment.stored_bytes / deployment.stages
    per_sequence = deployment.sequence_bytes(context)
    if room <= 0:
        return 0.0
    return float(room // per_sequence) if per_sequence > 0 else float("inf")


def _with(deployment: Deployment, system: System, weight_dtype: str | None = None) -> Deployment:
    return deploy(
        deployment.model,
        system,
        weight_dtype=weight_dtype or _asked(deployment),
        kv_dtype=deployment.kv_dtype,
    )


def _asked(deployment: Deployment) -> str | None:
    """The weight format the user asked for; None where the checkpoint's own was taken."""
    own = any(choice.field == "weight dtype" for choice in deployment.defaults)
    return None if own else deployment.weight_dtype


def larger_systems(system: System) -> list[System]:
    """Systems worth trying when one is too small: more of the same chip, then others of its kind by capacity."""
    chip, capacity = system.chip, system.chip.memory_bytes * system.n_chips
    same = [f"{count}x{chip.id}" for count in (2, 4, 8, 16, 32, 64) if count > system.n_chips][:3]
    others = []
    for name in system_names():
        other = load_system(name)
        room = other.chip.memory_bytes * other.n_chips
        if other.chip.kind == chip.kind and other.chip.announced <= chip.announced and room > capacity:
            others.append((other.chip.vendor != chip.vendor, room, name))
    return [load_system(name) for name in (*same, *(name for _, _, name in sorted(others)))]


def _larger_system(deployment: Deployment, batch: float, context: float) -> str | None:
    """The nearest larger system that holds it."""
    for system in larger_systems(deployment.system):
        try:
            other = _with(deployment, system)
        except TokenroofError:
            continue
        if largest_batch(other, context) >= batch:
            return other.system.id
    return None


def _fixes(deployment: Deployment, batch: float, context: float) -> tuple[str, ...]:
    fixes = []
    most = largest_batch(deployment, context)
    if most >= 1:
        fixes.append(f"batch {most:,.0f} fits at this context")
        room = deployment.capacity_bytes - deployment.stored_bytes / deployment.stages
        low, high = 0.0, context
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if batch * deployment.sequence_bytes(middle) <= room else (low, middle)
        if low >= 128:
            fixes.append(f"context {low:,.0f} fits at this batch")
    for narrower in _NARROWER:
        try:
            other = _with(deployment, deployment.system, narrower)
        except TokenroofError:
            continue
        if other.stored_bytes < deployment.stored_bytes and largest_batch(other, context) >= batch:
            fixes.append(f"weights in {narrower} fit ({other.stored_bytes / 1e9:,.0f} GB)")
            break
    system = _larger_system(deployment, batch, context)
    if system:
        fixes.append(f"system {system} fits")
    return tuple(fixes)


def check_fit(deployment: Deployment, batch: float, context: float) -> Fit:
    """Weights and KV cache of one domain against its memory; nothing else is counted at this level."""
    weights = deployment.stored_bytes / deployment.stages
    kv = batch * deployment.sequence_bytes(context)
    left = deployment.capacity_bytes - weights - kv
    fits = left >= 0
    return Fit(
        fits=fits,
        capacity_bytes=deployment.capacity_bytes,
        weights_bytes=weights,
        kv_bytes=kv,
        left_bytes=max(left, 0.0),
        largest_batch=largest_batch(deployment, context),
        shortfall_bytes=max(-left, 0.0),
        fixes=() if fits else _fixes(deployment, batch, context),
    )
