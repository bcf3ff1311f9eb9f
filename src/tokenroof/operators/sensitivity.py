"""Why a step takes as long as it does: time by operator, and by the machine's number that it waits for.

A step's time is made of linear forms over rates, larger-ofs, norms and sums. Twice as slow a machine takes twice as
long: the time is homogeneous of degree one in seconds per unit and in fixed seconds, so its derivatives in them add
up to the time itself. `seconds_by_input` is that sum, exact, from the branch of each larger-of that is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tokenroof.errors import InputError
from tokenroof.mixers.rows import PREFILL, STAGE_TOKENS
from tokenroof.operators.halves import in_halves
from tokenroof.operators.links import hides
from tokenroof.operators.networks import collective_lines
from tokenroof.operators.program import form_value, variables
from tokenroof.operators.ranks import waited_s
from tokenroof.operators.sensitivity_inputs import (
    COLLECTIVE_LATENCY,
    HOST,
    HOST_PER_LAYER,
    KERNEL_OVERHEAD,
    LAUNCH,
    MEMORY,
    SCALE_OUT,
    SCALE_UP,
    arithmetic,
    inputs_of,
    kernel_text,
    left_out_of,
    notes_of,
)
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import curve_of
from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.explanation import Explanation, Term
from tokenroof.types.machine import System
from tokenroof.types.program import Load, Operator, OperatorTime, Program
from tokenroof.xp import SCALAR

__all__ = ["StepSeconds", "explain_step", "seconds_by_input"]

_FREE = 1e300  # bytes per second of a network that costs nothing; infinite rates make 0 / 0 of absent hops
_EQUAL = 1e-9

Seconds = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeconds:
    """A step's time by input, and its rows with the share of each row's time that the step does not hide.

    `beside`: the names of what experts exchange beside the work of the other half of the batch, `beside_shown` whether
    that is what lasts.
    """

    step_s: float
    by_input: Mapping[str, float]
    rows: tuple[OperatorTime, ...]
    kernels_shown: float
    network_shown: float
    host_s: float
    beside: frozenset[str] = frozenset()
    beside_shown: float = 0.0


def seconds_by_input(
    program: Program, system: System, profile: Efficiency = PEAK, *, decode: Load | None = None,
    prefill: Load | None = None,
) -> StepSeconds:  # fmt: skip
    """The step's time, split among the inputs by its derivatives in them; numbers only, no arrays."""
    if program.vectorised:
        raise InputError("layout", program.layout, "one layout", "explain one point of the grid")
    rows = operator_table(program, system, decode=decode, prefill=prefill, profile=profile)
    program = in_halves(program)
    running = [row for row in program.operators if _runs(row, decode, prefill)]
    values = variables(program, decode, prefill, SCALAR, profile.routing)
    kernels: Seconds = {}
    fixed: Seconds = {}
    network: Seconds = {}
    beside: Seconds = {}
    hidden = frozenset(row.name for row in running if hides(row, program))
    for row, time in zip(running, rows, strict=True):
        if row.comm is None:
            _add(kernels, _roof_seconds(time, profile))
            _add(fixed, {KERNEL_OVERHEAD: time.fixed_s})
        else:
            size, prompts = form_value(row.comm.bytes, values), values[PREFILL] > 0
            spent = _network_seconds(row, size, program, system, profile, prompts=prompts)
            _add(beside if row.name in hidden else network, spent)
    host = _host_seconds(program, profile, decode, prefill, values[STAGE_TOKENS])
    work, traffic = sum(kernels.values()), sum(network.values())
    exposed = 1.0 - profile.overlap
    shown = (1.0, exposed) if work + exposed * traffic >= traffic else (0.0, 1.0)
    total: Seconds = {}
    for part, factor in ((kernels, shown[0]), (network, shown[1]), (fixed, 1.0)):
        _add(total, part, factor)
    longer = sum(beside.values()) > sum(total.values())
    if longer:
        total, shown = beside, (0.0, 0.0)
    _add(total, host)
    host_s = sum(host.values())
    named = dict.fromkeys(name for row in rows for name in _rates(row))  # listed even where they move nothing
    launching = _launching_seconds(running, profile) if prefill is not None else {}
    if sum(launching.values()) > sum(total.values()):
        total, shown, host_s, longer = launching, (0.0, 0.0), sum(launching.values()), False
    return StepSeconds(
        step_s=sum(total.values()), rows=rows,
        by_input=dict.fromkeys(named, 0.0) | {name: seconds for name, seconds in total.items() if seconds},
        kernels_shown=shown[0], network_shown=shown[1], host_s=host_s, beside=hidden, beside_shown=float(longer),
    )  # fmt: skip


def explain_step(
    program: Program,
    system: System,
    profile: Efficiency = PEAK,
    *,
    decode: Load | None = None,
    prefill: Load | None = None,
    number: str = "step_s",
) -> Explanation:
    """A step under rule `operators`: every operator's counts, rates and time, and what one per cent moves it by.

    A rate's elasticity is negative, a fixed time's positive; their absolute values add up to one.
    """
    found = seconds_by_input(program, system, profile, decode=decode, prefill=prefill)
    terms = [_term(row, found, system, profile) for row in found.rows]
    if found.host_s:
        terms.append(
            Term(
                name="host", value=found.host_s, unit="s", share=found.host_s / found.step_s, bound="overhead",
                text=f"scheduling and launching outside the kernels, efficiency {profile.id}",
            )
        )  # fmt: skip
    return Explanation(
        number=number, value=found.step_s, unit="s", formula=_formula(found, profile), terms=tuple(terms),
        inputs=inputs_of(found.by_input, found.step_s, system, profile), left_out=left_out_of(profile),
        notes=notes_of(profile),
    )  # fmt: skip


def _runs(row: Operator, decode: Load | None, prefill: Load | None) -> bool:
    return (row.part != "decode" or decode is not None) and (row.part != "prefill" or prefill is not None)


def _add(total: Seconds, more: Mapping[str, float], factor: float = 1.0) -> None:
    for name, seconds in more.items():
        total[name] = total.get(name, 0.0) + factor * seconds


def _roof_seconds(row: OperatorTime, profile: Efficiency) -> Seconds:
    """A kernel's norm of arithmetic and memory time, by what each side waits for; floors are fixed costs."""
    curve = curve_of(profile, row.kind, row.format, row.rate)
    compute, memory = _slopes(row.compute_s, row.memory_s, curve.sharpness)
    floors = row.count * curve.compute_floor_s, row.count * curve.memory_floor_s
    return {
        arithmetic(row.rate): compute * (row.compute_s - floors[0]),
        MEMORY: memory * (row.memory_s - floors[1]),
        KERNEL_OVERHEAD: compute * floors[0] + memory * floors[1],
    }


def _slopes(compute_s: float, memory_s: float, sharpness: float) -> tuple[float, float]:
    """Derivatives of norm_p(a, b) in a and b: one and zero at an infinite p, both one at p = 1."""
    larger, smaller = max(compute_s, memory_s), min(compute_s, memory_s)
    if larger <= 0.0:
        return 0.0, 0.0
    if sharpness == float("inf"):
        return (1.0, 0.0) if compute_s >= memory_s else (0.0, 1.0)
    power = max(1.0, sharpness)
    norm = larger * (1.0 + (smaller / larger) ** power) ** (1.0 / power)
    return (compute_s / norm) ** (power - 1.0), (memory_s / norm) ** (power - 1.0)


def _network_seconds(
    row: Operator, size: float, program: Program, system: System, profile: Efficiency, *, prompts: bool
) -> Seconds:  # fmt: skip
    """All runs of a collective by the quickest algorithm: latency, and its bytes on whichever network binds."""
    comm = row.comm
    assert comm is not None

    def lines(machine: System) -> list[tuple[float, float, float]]:
        found = collective_lines(comm.kind, comm.group, comm.stride, machine, profile, routes=comm.routes)
        return [(one.latency_s, one.s_per_byte, one.max_bytes) for one in found if prompts or not one.prompts]

    here = lines(system)
    usable = [at for at, (_, _, most) in enumerate(here) if size <= most]
    best = min(usable, key=lambda at: here[at][0] + size * here[at][1])
    latency, slope, _ = here[best]
    up = lines(replace(system, scaleout_bytes_per_s=_FREE))[best][1]
    out = lines(_free_inside(system))[best][1]
    up, out = (part if part > _EQUAL * slope else 0.0 for part in (up, out))
    added = abs(up + out - slope) <= _EQUAL * slope
    if not added:  # both networks work at once, and the slower one is waited for
        up, out = (slope, 0.0) if up >= out else (0.0, slope)
    return {
        COLLECTIVE_LATENCY: row.count * (latency + waited_s(profile, program, comm.group, SCALAR)),
        SCALE_UP: row.count * size * up,
        SCALE_OUT: row.count * size * out,
    }


def _free_inside(system: System) -> System:
    peer = None if system.chip.scaleup_peer_bytes_per_s is None else _FREE
    return replace(
        system, scaleup_bytes_per_s=_FREE, chip=replace(system.chip, scaleup_peer_bytes_per_s=peer)
    )  # fmt: skip


def _host_seconds(
    program: Program, profile: Efficiency, decode: Load | None, prefill: Load | None, stage_tokens: float
) -> Seconds:
    sequences = sum(load.sequences for load in (decode, prefill) if load is not None)
    per_sequence = profile.per_sequence_s * sequences / program.layout.dp
    return {
        HOST: profile.host_s + per_sequence + profile.host_per_token_s * stage_tokens,
        HOST_PER_LAYER: profile.host_per_layer_s * program.layers,
    }


def _launching_seconds(running: list[Operator], profile: Efficiency) -> Seconds:
    """What a pass that no graph captures lasts at least: the host starts every kernel."""
    if profile.launch_s <= 0.0:
        return {}
    return {HOST: profile.host_s, LAUNCH: profile.launch_s * sum(_launches(row, profile) for row in running)}


def _launches(row: Operator, profile: Efficiency) -> float:
    if row.comm is not None:
        return float(row.count)
    return float(row.count * curve_of(profile, row.kind, row.format, row.rate).launches)


def _term(row: OperatorTime, found: StepSeconds, system: System, profile: Efficiency) -> Term:
    """A row as it counts in the step: fixed time always, the rest as far as nothing hides it."""
    launching = not found.kernels_shown and not found.network_shown
    network = row.collective
    if network:
        seconds = (found.beside_shown if row.name in found.beside else found.network_shown) * row.time_s
    else:
        seconds = found.kernels_shown * (row.time_s - row.fixed_s) + (0.0 if launching else row.fixed_s)
    curve = None if network else curve_of(profile, row.kind, row.format, row.rate)
    return Term(
        name=row.name, value=seconds, unit="s", share=seconds / found.step_s if found.step_s else 0.0,
        text=kernel_text(row, system, profile), bound=row.bound if seconds else "hidden", counts=row,
        rates=_rates(row), flops_share=None if curve is None else curve.flops_share,
        bytes_share=None if curve is None else curve.bytes_share,
        source=profile.source,
    )  # fmt: skip


def _rates(row: OperatorTime) -> tuple[str, ...]:
    """Names of the rates that a kernel's counts are divided by; a collective's depend on its algorithm."""
    if row.collective:
        return ()
    return tuple(
        name for name, count in ((arithmetic(row.rate), row.flops), (MEMORY, row.memory_bytes)) if count > 0
    )  # fmt: skip


def _formula(found: StepSeconds, profile: Efficiency) -> str:
    """The combining rule in words, the branch that is taken."""
    if found.beside_shown:
        return "dispatch and combine of both halves of the batch, which hide their work (two-batch overlap) + host time"
    if not found.kernels_shown and not found.network_shown:
        return "time in which the host can start every kernel"
    if not found.kernels_shown:
        return "network time, which the work cannot hide + fixed time of every kernel + host time"
    hidden = f"{1.0 - profile.overlap:.0%} of network time + " if found.network_shown and profile.overlap else ""
    network = hidden or ("network time + " if found.network_shown else "")
    beside = (
        ", of both halves of the batch, which hides dispatch and combine (two-batch overlap)" if found.beside else ""
    )
    each = "sum over operators of the larger of arithmetic and memory time, fixed time included"
    return f"{each}{beside} + {network}host time"
