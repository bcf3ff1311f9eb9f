"""The operator table of one pass: what each row counts, how long it takes, and which limit it runs into."""

import math
from dataclasses import replace

from tokenroof.mixers.rows import PREFILL
from tokenroof.operators.halves import in_halves
from tokenroof.operators.networks import collective_lines
from tokenroof.operators.program import form_value, variables
from tokenroof.operators.ranks import busiest_share, longer, waited_s
from tokenroof.operators.timing import arithmetic_rate, curve_of, padded_flops
from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.machine import System
from tokenroof.types.program import NETWORK, Load, Operator, OperatorTime, Program
from tokenroof.xp import SCALAR

__all__ = ["operator_table"]


def operator_table(
    program: Program,
    system: System,
    *,
    decode: Load | None = None,
    prefill: Load | None = None,
    profile: Efficiency = PEAK,
) -> tuple[OperatorTime, ...]:
    """One row per operator that runs in the pass, all its runs together, on the busiest GPU. Numbers, not arrays.

    Times add up to the step under rule "operators" before overlap of communication and host time. With two batches at
    once a row has the runs of both halves.
    """
    program = in_halves(program)
    values = variables(program, decode, prefill, SCALAR, profile.routing)
    rows = [
        row
        for row in program.operators
        if (row.part != "decode" or decode is not None) and (row.part != "prefill" or prefill is not None)
    ]
    times = [(_collective if row.comm else _kernel)(row, values, system, program, profile) for row in rows]
    whole = sum(time.time_s for time in times)
    return tuple(_with_share(time, whole) for time in times)


def _with_share(time: OperatorTime, whole: float) -> OperatorTime:
    return replace(time, share=time.time_s / whole if whole > 0 else 0.0)


def _kernel(row: Operator, values: list[float], system: System, program: Program, profile: Efficiency) -> OperatorTime:
    rate, peak = arithmetic_rate(system.chip, row.rate)
    curve = curve_of(profile, row.kind, row.format, rate)
    busiest = busiest_share(row, program, profile)
    flops = row.count * busiest * form_value(row.flops, values)
    weights, kv_read, kv_write = (
        row.count * form_value(form, values) for form in (row.weights, row.kv_read, row.kv_write)
    )
    activations = row.count * busiest * form_value(row.activations, values)
    computed = row.count * busiest * form_value(padded_flops(row, program, curve), values)
    moved = weights + kv_read + kv_write + activations
    slices = longer(row, curve)
    compute = row.count * curve.compute_floor_s + computed * slices / (curve.flops_share * peak)
    memory = row.count * curve.memory_floor_s + (moved + (slices - 1.0) * weights) / (
        curve.bytes_share * system.chip.bytes_per_s
    )
    larger, smaller = max(compute, memory), min(compute, memory)
    roof = larger
    if curve.sharpness < math.inf and larger > 0:
        power = max(1.0, curve.sharpness)
        roof = larger * (1.0 + (smaller / larger) ** power) ** (1.0 / power)
    fixed = row.count * curve.fixed_s
    bound = "overhead" if fixed > roof else ("compute" if compute >= memory else "memory")
    return OperatorTime(
        name=row.name, kind=row.kind, part=row.part, count=row.count, rate=rate, format=row.format, flops=flops,
        weight_bytes=weights, kv_read_bytes=kv_read, kv_write_bytes=kv_write, activation_bytes=activations,
        comm_bytes=0.0, compute_s=compute, memory_s=memory, fixed_s=fixed, time_s=roof + fixed, bound=bound,
    )  # fmt: skip


def _collective(
    row: Operator, values: list[float], system: System, program: Program, profile: Efficiency
) -> OperatorTime:
    assert row.comm is not None
    size = form_value(row.comm.bytes, values)
    lines = collective_lines(row.comm.kind, row.comm.group, row.comm.stride, system, profile, routes=row.comm.routes)
    time, algorithm, latency = min(
        (
            line.latency_s + size * line.s_per_byte if size <= line.max_bytes else math.inf,
            line.algorithm,
            line.latency_s,
        )
        for line in lines
        if values[PREFILL] > 0 or not line.prompts
    )
    waited = waited_s(profile, program, row.comm.group, SCALAR)
    time, fixed = time + waited, latency + waited
    return OperatorTime(
        name=row.name, kind=row.kind, part=row.part, count=row.count, rate="", format="", flops=0.0, weight_bytes=0.0,
        kv_read_bytes=0.0, kv_write_bytes=0.0, activation_bytes=0.0, comm_bytes=row.count * size, compute_s=0.0,
        memory_s=0.0, fixed_s=row.count * fixed, time_s=row.count * time, bound=NETWORK[fixed > time - fixed],
        detail=f"{row.comm.kind.replace('_', '-')}, {algorithm}, {row.comm.group:g} ranks",
    )  # fmt: skip
