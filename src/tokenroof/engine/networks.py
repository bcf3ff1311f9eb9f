"""Collectives on a two-level network: which algorithms exist, and for each a latency and a time per byte.

Ranks of a group that share a scale-up domain talk over it; what leaves the domain takes the scale-out network.
Each algorithm is a line in the message size; the quickest line is taken, and named.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tokenroof.errors import DataMissing
from tokenroof.formulas import collectives as formulas
from tokenroof.types.efficiency import PEAK, CollectiveCurve, Efficiency
from tokenroof.types.machine import System
from tokenroof.types.program import Num
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = ["Line", "collective_lines", "collective_time_s"]


@dataclass(frozen=True, slots=True)
class Line:
    """An algorithm: `latency_s + bytes * s_per_byte`."""

    algorithm: str
    latency_s: Num
    s_per_byte: Num


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of ranks as the network sees it: `inner` share a domain, over `domains` domains."""

    ranks: Num
    inner: Num
    domains: Num
    up: Num
    out: Num
    scaleup: CollectiveCurve
    scaleout: CollectiveCurve
    xp: Namespace


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _missing(system: System, what: str) -> DataMissing:
    return DataMissing(
        f"system {system.id}", f"{what} bandwidth", "the layout talks over it", "give it, or choose a smaller group"
    )


def _group(ranks: Num, stride: Num, system: System, profile: Efficiency, xp: Namespace) -> _Group:
    domain = min(system.domain_size, system.n_chips)
    inner = xp.minimum(xp.maximum(xp.floor(domain / stride), 1.0), ranks)
    up = _first(system.scaleup_bytes_per_s, system.chip.scaleup_bytes_per_s)
    out = _first(system.scaleout_bytes_per_s, system.chip.scaleout_bytes_per_s)
    anyone = (lambda flags: bool(flags.any())) if hasattr(ranks, "shape") or hasattr(inner, "shape") else bool
    if up is None:
        if anyone(inner > 1):
            raise _missing(system, "scale-up")
        up = 1.0
    if out is None:
        if anyone(ranks > inner):
            raise _missing(system, "scale-out")
        out = 1.0
    # In a full mesh a part of the domain reaches only the links between its own members.
    peer = system.chip.scaleup_peer_bytes_per_s
    used = up if peer is None else xp.minimum(up, xp.maximum(inner - 1.0, 1.0) * peer)
    return _Group(
        ranks, inner, ranks / inner, used * profile.scaleup.bytes_share, out * profile.scaleout.bytes_share,
        profile.scaleup, profile.scaleout, xp,
    )  # fmt: skip


def _line(formula: Callable[..., Num], ranks: Num, rate: Num, step_s: float, xp: Namespace) -> tuple[Num, Num]:
    """Latency and time per byte of an alpha-beta formula, read off at no bytes and at one byte."""
    latency = formula(message_bytes=0.0, ranks=ranks, bytes_per_s=rate, hop_s=step_s, xp=xp)
    return latency, formula(message_bytes=1.0, ranks=ranks, bytes_per_s=rate, hop_s=0.0, xp=xp)


def _direct(half: tuple[Num, Num], g: _Group) -> tuple[Num, Num]:
    """Every rank sends to every other at once: the bytes of a ring in one step."""
    return g.xp.where(g.ranks > 1, g.scaleup.step_s, 0.0), half[1]


def _all_reduce(g: _Group) -> list[tuple[str, Num, Num]]:
    ring = _line(formulas.ring_all_reduce_s, g.ranks, g.up, g.scaleup.step_s, g.xp)
    tree = _line(formulas.tree_all_reduce_s, g.ranks, g.up, g.scaleup.step_s, g.xp)
    shot = _line(formulas.one_shot_all_reduce_s, g.ranks, g.up, g.scaleup.step_s, g.xp)
    two = _direct(ring, g)
    switch = g.xp.where(g.ranks > 1, 1.0, 0.0)
    return [
        ("ring", *ring),
        ("tree", *tree),
        ("one-shot", *shot),
        ("two-shot", 2.0 * two[0], two[1]),
        ("in-switch", 2.0 * switch * g.scaleup.step_s, switch / g.up),
    ]


def _gather(g: _Group, formula: Callable[..., Num]) -> list[tuple[str, Num, Num]]:
    ring = _line(formula, g.ranks, g.up, g.scaleup.step_s, g.xp)
    return [("ring", *ring), ("one-shot", *_direct(ring, g))]


def _hierarchical(g: _Group, kind: str) -> list[tuple[str, Num, Num]]:
    """Inside each domain first, then across with each rank's share, then inside again."""
    half = _line(formulas.ring_all_gather_s, g.inner, g.up, g.scaleup.step_s, g.xp)
    inside = _direct(half, g)
    if kind == "all_reduce":
        found = []
        for name, formula in (("ring", formulas.ring_all_reduce_s), ("tree", formulas.tree_all_reduce_s)):
            across = _line(formula, g.domains, g.out, g.scaleout.step_s, g.xp)
            for how, legs in (("ring", half), ("two-shot", inside)):
                latency = 2.0 * legs[0] + across[0]
                found.append((f"{how} in, {name} across", latency, 2.0 * legs[1] + across[1] / g.inner))
        return found
    across = _line(formulas.ring_all_gather_s, g.domains, g.out, g.scaleout.step_s, g.xp)
    return [("ring in, ring across", half[0] + across[0], half[1] + across[1] / g.inner)]


def _all_to_all(g: _Group) -> list[tuple[str, Num, Num]]:
    """Both networks at work at once."""
    several = g.domains > 1
    step = g.xp.where(several, g.scaleout.step_s, g.xp.where(g.ranks > 1, g.scaleup.step_s, 0.0))
    inside = (g.inner - 1.0) / g.ranks / g.up
    across = (g.ranks - g.inner) / g.ranks / g.out
    return [("direct", step, g.xp.maximum(inside, across))]


def _hop(g: _Group, stage: Num, domain: float) -> list[tuple[str, Num, Num]]:
    """Mean over the hops of a pipeline: those that leave a domain, and those that do not."""
    hops = g.xp.maximum(g.ranks - 1.0, 1.0)
    crossings = g.xp.ceil(g.ranks * stage / domain - 1e-9) - 1.0
    share = g.xp.minimum(crossings / hops, 1.0)
    latency = (1.0 - share) * g.scaleup.step_s + share * g.scaleout.step_s
    return [("point to point", latency, (1.0 - share) / g.up + share / g.out)]


def collective_lines(
    kind: str, ranks: Num, stride: Num, system: System, profile: Efficiency = PEAK, xp: Namespace = SCALAR
) -> tuple[Line, ...]:
    """The algorithms that can run `kind` over `ranks` ranks `stride` apart, and how long each takes.

    With arrays of groups an algorithm that does not apply to an element has an endless latency there.
    """
    g = _group(ranks, stride, system, profile, xp)
    call = xp.where(g.domains > 1, profile.scaleout.call_s, xp.where(g.ranks > 1, profile.scaleup.call_s, 0.0))
    if kind == "hop":
        found = _hop(g, stride, min(system.domain_size, system.n_chips))
    elif kind == "all_to_all":
        found = _all_to_all(g)
    else:
        gather = {"all_gather": formulas.ring_all_gather_s, "reduce_scatter": formulas.ring_reduce_scatter_s}
        flat = _all_reduce(g) if kind == "all_reduce" else _gather(g, gather[kind])
        flat = [line for line in flat if line[0] in profile.algorithms]
        deep = _hierarchical(g, kind)
        if xp is NUMPY:
            one_domain = g.domains <= 1
            found = [(n, xp.where(one_domain, a, float("inf")), b) for n, a, b in flat]
            found += [(n, xp.where(one_domain, float("inf"), a), b) for n, a, b in deep]
        else:
            found = deep if g.domains > 1 else flat
    return tuple(Line(name, latency + call, slope) for name, latency, slope in found)


def collective_time_s(
    kind: str, message_bytes: float, ranks: int, system: System, profile: Efficiency = PEAK, *, stride: int = 1
) -> tuple[float, str]:
    """Time of one collective and the algorithm that gives it."""
    lines = collective_lines(kind, ranks, stride, system, profile)
    times = [(line.latency_s + message_bytes * line.s_per_byte, line.algorithm) for line in lines]
    return min(times)
