"""Time of a pass on the networks: each collective with the lines of its algorithms, the quickest taken by size."""

import math
from dataclasses import dataclass

from tokenroof.mixers.rows import DECODE, ONE, PREFILL
from tokenroof.operators.halves import splits
from tokenroof.operators.networks import Line, collective_lines
from tokenroof.operators.program import form_value
from tokenroof.operators.ranks import waited_s
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.machine import System
from tokenroof.types.program import Form, Num, Operator, Program
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = ["Link", "bound_link", "hides", "link_s", "traffic_s"]

_PRESENT = {"all": ONE, "decode": DECODE, "prefill": PREFILL}


@dataclass(frozen=True, slots=True)
class Link:
    """All runs of a collective: bytes of one run, lines of its algorithms, runs, time that ranks wait before each.

    `part`: the tokens without which it does not run (all, decode or prefill). `beside`: it runs beside the work of the
    other half of the batch.
    """

    size: Form
    lines: tuple[Line, ...]
    count: Num
    wait_s: Num
    part: str = "all"
    beside: bool = False


def hides(row: Operator, program: Program) -> bool:
    """Whether a collective runs beside the other half's work: what experts exchange, where there are halves."""
    return row.comm is not None and row.comm.routes is not None and splits(program)


def bound_link(row: Operator, program: Program, system: System, profile: Efficiency) -> Link:
    """A collective with the lines of its algorithms, without those that are never the quickest."""
    comm = row.comm
    assert comm is not None
    trials = any(hasattr(line.call_s, "shape") for line in profile.collectives.get(comm.kind, ()))
    xp = NUMPY if program.vectorised or trials else SCALAR
    lines = collective_lines(comm.kind, comm.group, comm.stride, system, profile, xp, comm.routes)
    plain = not any(hasattr(line.latency_s, "shape") or hasattr(line.s_per_byte, "shape") for line in lines)
    runs = xp.where(comm.group > 1, row.count, 0.0) if program.vectorised else row.count
    return Link(
        comm.bytes, _useful(lines) if plain else lines, runs, waited_s(profile, program, comm.group, xp), row.part,
        hides(row, program),
    )  # fmt: skip


def _useful(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Without lines that another one beats at every size."""
    kept: list[Line] = []
    for line in sorted(lines, key=lambda one: (one.latency_s, one.s_per_byte, -one.max_bytes)):
        if not any(
            k.s_per_byte <= line.s_per_byte and k.max_bytes >= line.max_bytes and k.prompts <= line.prompts
            for k in kept
        ):
            kept.append(line)
    return tuple(kept)


def link_s(link: Link, values: list[Num], xp: Namespace) -> Num:
    """One run by the quickest algorithm."""
    size = form_value(link.size, values)
    best: Num = None
    for line in link.lines:
        time = line.latency_s + size * line.s_per_byte
        if line.max_bytes < math.inf:
            time = xp.where(size <= line.max_bytes, time, math.inf)
        if line.prompts:
            time = xp.where(values[PREFILL] > 0, time, math.inf)
        best = time if best is None else xp.minimum(best, time)
    return best


def traffic_s(links: tuple[Link, ...], values: list[Num], xp: Namespace) -> tuple[Num, Num]:
    """(in turn with work, beside the other half's work)."""
    shown: Num = 0.0
    beside: Num = 0.0
    for link in links:
        seconds = link.count * (link.wait_s + link_s(link, values, xp))
        if link.part != "all":
            seconds = seconds * values[_PRESENT[link.part]]
        if link.beside:
            beside = beside + seconds
        else:
            shown = shown + seconds
    return shown, beside
