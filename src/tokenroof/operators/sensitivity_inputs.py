"""The machine's and the profile's numbers that a step waits for: their names, where they are from, what they say."""

import math
from collections.abc import Mapping

from tokenroof.operators.timing import arithmetic_rate, curve_of
from tokenroof.provenance import Fact, Grade
from tokenroof.types.efficiency import BOUND, PEAK, Efficiency
from tokenroof.types.explanation import Input
from tokenroof.types.machine import System
from tokenroof.types.program import OperatorTime
from tokenroof.units import format_si

__all__ = [
    "COLLECTIVE_LATENCY", "HOST", "HOST_PER_LAYER", "KERNEL_OVERHEAD", "LAUNCH", "MEMORY", "SCALE_OUT", "SCALE_UP",
    "arithmetic", "inputs_of", "kernel_text", "left_out_of", "notes_of",
]  # fmt: skip

# Rates are named as the catalogue names them; times as what a profile says of an engine.
MEMORY, SCALE_UP, SCALE_OUT = "bytes_per_s", "scaleup_bytes_per_s", "scaleout_bytes_per_s"
KERNEL_OVERHEAD, COLLECTIVE_LATENCY = "kernel_overhead_s", "collective_latency_s"
HOST, HOST_PER_LAYER, LAUNCH = "host_s", "host_per_layer_s", "launch_s"
_ARITHMETIC = "flops_per_s."
_NOTES = {
    KERNEL_OVERHEAD: "all kernels of the step",
    COLLECTIVE_LATENCY: "all collectives of the step, waiting of ranks included",
    HOST: "host time of the step",
    HOST_PER_LAYER: "host time of the step's layers",
    LAUNCH: "starting all kernels of the step",
}


def arithmetic(rate: str) -> str:
    """Name of the arithmetic rate of a format."""
    return f"{_ARITHMETIC}{rate}"


def inputs_of(
    seconds: Mapping[str, float], step_s: float, system: System, profile: Efficiency
) -> tuple[Input, ...]:  # fmt: skip
    """An input for each name, those that move the step most first."""
    ordered = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))
    return tuple(_input(name, spent, step_s, system, profile) for name, spent in ordered)


def _input(name: str, spent: float, step_s: float, system: System, profile: Efficiency) -> Input:
    share = spent / step_s if step_s else 0.0
    if name in _NOTES:
        return Input(
            name=name, value=spent, unit="s", source=f"efficiency {profile.id}: {profile.source}",
            grade=profile.grade, as_of=profile.as_of, note=_NOTES[name], elasticity=share,
        )  # fmt: skip
    fact, value = _fact(name, system), _rate(name, system)
    unit = "FLOP/s" if name.startswith(_ARITHMETIC) else "B/s"
    if fact is None:
        return Input(
            name=name, value=value, unit=unit, source="given by the user", grade=Grade.GIVEN, elasticity=-share
        )
    return Input(
        name=name, value=value, unit=unit, source=fact.source, grade=fact.grade, as_of=fact.as_of, note=fact.note,
        elasticity=-share,
    )  # fmt: skip


def _fact(name: str, system: System) -> Fact | None:
    """A system's own figure before its chip's."""
    return system.facts.get(name) or system.chip.facts.get(name)


def _rate(name: str, system: System) -> float:
    chip = system.chip
    if name.startswith(_ARITHMETIC):
        return chip.flops_per_s[name.removeprefix(_ARITHMETIC)]
    if name == MEMORY:
        return chip.bytes_per_s
    own: float | None = getattr(system, name)
    return float(own if own is not None else getattr(chip, name))


def kernel_text(row: OperatorTime, system: System, profile: Efficiency) -> str:
    """One row with its values: `runs, fixed + max(F / (share x peak), B / (share x W)) = time`, or its traffic."""
    runs = f"{row.count:g} runs"
    if row.collective:
        latency = f"{format_si(row.fixed_s, 's')} latency + " if row.fixed_s else ""
        return f"{runs}, {latency}{format_si(row.comm_bytes, 'B')} by {row.detail} = {format_si(row.time_s, 's')}"
    rate, peak = arithmetic_rate(system.chip, row.rate)
    curve = curve_of(profile, row.kind, row.format, rate)
    compute = f"{format_si(row.flops, 'FLOP')} / ({curve.flops_share:.2f} x {format_si(peak, 'FLOP/s')})"
    memory = f"{_bytes(row)} / ({curve.bytes_share:.2f} x {format_si(system.chip.bytes_per_s, 'B/s')})"
    fixed = f"{format_si(row.fixed_s, 's')} + " if row.fixed_s else ""
    joined = "max" if curve.sharpness == math.inf else "sum" if curve.sharpness <= 1.0 else f"norm{curve.sharpness:g}"
    return f"{runs}, {fixed}{joined}({compute}, {memory}) = {format_si(row.time_s, 's')}"


def _bytes(row: OperatorTime) -> str:
    """Bytes by kind, those that are there."""
    kinds = (
        ("weights", row.weight_bytes),
        ("KV read", row.kv_read_bytes),
        ("KV written", row.kv_write_bytes),
        ("activations", row.activation_bytes),
    )
    parts = [f"{format_si(size, 'B')} {name}" for name, size in kinds if size]
    return f"({' + '.join(parts)})" if len(parts) > 1 else "".join(parts) or "0 B"


def left_out_of(profile: Efficiency) -> tuple[str, ...]:
    """What a step's time ignores."""
    left = ("waiting in the queue and other requests' steps",)
    if profile.id in (PEAK.id, BOUND.id):
        return (*left, "launches, host time and network latency, and that kernels do not reach the data sheet's rates")
    return left


def notes_of(profile: Efficiency) -> tuple[str, ...]:
    """What the profile rests on, and how far it was off."""
    if profile.id in (PEAK.id, BOUND.id):
        return (f"efficiency {profile.id}: every share is 1 and nothing costs a call; a bound",)
    error = "" if profile.median_error is None else f", median error {profile.median_error:.0%} on held-out runs"
    return (
        f"efficiency {profile.id}: fitted on {profile.n:,} measurements{error}; {profile.source}",
        f"80 % of held-out measurements lay between {profile.low:.2f} and {profile.high:.2f} times it",
    )
