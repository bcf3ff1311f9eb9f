"""Collectives on a two-level network: which algorithms exist, and for each a latency and a time per byte.

Ranks of a group that share a scale-up domain talk over it; what leaves the domain takes the scale-out network.
Each algorithm is a line in the message size; the quickest line is taken, and named.

    ring, tree, one-shot     as in formulas.collectives
    two-shot                 reduce-scatter and all-gather, each rank to all others at once: a ring's bytes, two steps
    in-switch                the switch adds: every rank sends its buffer once and receives the sum once
    direct                   each rank straight to each other: all-to-all, pipeline hops, one-step gathers
    low latency              the same for tokens on their way to experts in other domains: a copy for each expert
    handed on                a token crosses to a domain once and is copied there, in passes with prompts: kernels for
                             that need the host, and a graph of a decode pass has none
    across domains           inside each domain, then across with each rank's share, then inside again
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenroof.errors import DataMissing
from tokenroof.formulas import collectives as formulas
from tokenroof.types.efficiency import PEAK, CollectiveCurve, Efficiency
from tokenroof.types.machine import System
from tokenroof.types.program import Num, Routes
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = ["Line", "collective_lines", "collective_time_s", "places_met"]


@dataclass(frozen=True, slots=True)
class Line:
    """An algorithm: `latency_s + bytes * s_per_byte` up to `max_bytes` of buffers; `prompts`: in passes with some."""

    algorithm: str
    latency_s: Num
    s_per_byte: Num
    max_bytes: float = math.inf
    prompts: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of ranks as the network sees it: `inner` share a domain, over `domains` domains (may be fractional)."""

    ranks: Num
    stride: Num
    inner: Num
    domains: Num
    domain_size: float
    up: Num
    out: Num
    xp: Namespace


Cost = tuple[Num, Num]  # latency, seconds per byte


def _group(ranks: Num, stride: Num, system: System, xp: Namespace) -> _Group:
    domain = min(system.domain_size, system.n_chips)
    inner = xp.minimum(xp.maximum(xp.floor(domain / stride), 1.0), ranks)
    up = _link(system, "scaleup", inner > 1)
    out = _link(system, "scaleout", ranks > inner)
    # In a full mesh a part of the domain reaches only the links between its own members.
    peer = system.chip.scaleup_peer_bytes_per_s
    used = up if peer is None else xp.minimum(up, xp.maximum(inner - 1.0, 1.0) * peer)
    if system.chip.torus_axes and system.chip.scaleup_bytes_per_s is not None:
        used = xp.minimum(up, system.chip.scaleup_bytes_per_s * system.chip.torus_share(inner, xp))
    return _Group(ranks, stride, inner, ranks / inner, domain, used, out, xp)


def _link(system: System, level: str, needed: Num) -> float:
    """Bandwidth of a level; nobody asks what is missing until somebody talks over it."""
    name = f"{level}_bytes_per_s"
    for owner in (system, system.chip):
        value: float | None = getattr(owner, name)
        if value is not None:
            return value
    if bool(needed.any() if hasattr(needed, "any") else needed):
        raise DataMissing(
            f"system {system.id}", name, "the layout talks over it", "give the bandwidth or use a smaller group"
        )
    return 1.0


def _cost(formula: Callable[..., Num], ranks: Num, rate: Num, step_s: float, xp: Namespace) -> Cost:
    """Latency and time per byte of an alpha-beta formula, read off at no bytes and at one byte."""
    latency = formula(message_bytes=0.0, ranks=ranks, bytes_per_s=rate, hop_s=step_s, xp=xp)
    return latency, formula(message_bytes=1.0, ranks=ranks, bytes_per_s=rate, hop_s=0.0, xp=xp)


_FLAT = {
    ("all_reduce", "ring"): formulas.ring_all_reduce_s,
    ("all_reduce", "tree"): formulas.tree_all_reduce_s,
    ("all_reduce", "one-shot"): formulas.one_shot_all_reduce_s,
    ("all_gather", "ring"): formulas.ring_all_gather_s,
    ("reduce_scatter", "ring"): formulas.ring_reduce_scatter_s,
}
_ACROSS = {
    "ring": formulas.ring_all_reduce_s,
    "two-shot": formulas.ring_all_reduce_s,
    "tree": formulas.tree_all_reduce_s,
}


def _flat(kind: str, g: _Group, curve: CollectiveCurve) -> Cost | None:
    """Inside one domain; None where the algorithm does not do this collective."""
    rate, several = g.up * curve.bytes_share, g.xp.where(g.ranks > 1, 1.0, 0.0)
    formula = _FLAT.get((kind, curve.algorithm))
    if formula is not None:
        return _cost(formula, g.ranks, rate, curve.step_s, g.xp)
    half = (g.ranks - 1.0) / g.ranks / rate
    if kind == "all_reduce" and curve.algorithm == "two-shot":
        return 2.0 * several * curve.step_s, 2.0 * half
    if kind == "all_reduce" and curve.algorithm == "in-switch":
        return 2.0 * several * curve.step_s, several / rate
    if kind in ("all_gather", "reduce_scatter") and curve.algorithm == "direct":
        return several * curve.step_s, half
    return None


def _deep(kind: str, g: _Group, curve: CollectiveCurve) -> Cost | None:
    """Across domains: each rank of a domain carries its share of the buffer over the slow network."""
    up, out = g.up * curve.bytes_share, g.out * curve.out_bytes_share
    half = _cost(formulas.ring_all_gather_s, g.inner, up, curve.step_s, g.xp)
    if curve.algorithm == "two-shot":
        half = (g.xp.where(g.inner > 1, curve.step_s, 0.0), half[1])
    if kind == "all_reduce" and curve.algorithm in _ACROSS:
        across = _cost(_ACROSS[curve.algorithm], g.domains, out, curve.out_step_s, g.xp)
        return 2.0 * half[0] + across[0], 2.0 * half[1] + across[1] / g.inner
    if kind in ("all_gather", "reduce_scatter") and curve.algorithm == "ring":
        across = _cost(formulas.ring_all_gather_s, g.domains, out, curve.out_step_s, g.xp)
        return half[0] + across[0], half[1] + across[1] / g.inner
    return None


def places_met(slots: Num, routes: int, places: Num, xp: Namespace = SCALAR) -> Num:
    """Of `places` that share the expert slots of a layer evenly, how many a token of `routes` distinct experts meets.

    A place that holds L of E slots is missed with chance (E-L)/E * (E-L-1)/(E-1) * ...
    """
    local = slots / places
    missed: Num = 1.0
    for drawn in range(routes):
        missed = missed * xp.maximum(0.0, (slots - local - drawn) / (slots - drawn))
    return places * (1.0 - missed)


def _handed_on(g: _Group, curve: CollectiveCurve, routes: Routes) -> Cost:
    """A token crosses to each domain once and is copied there; the whole exchange then also passes the inner links."""
    slots, experts, ranks_met, _ = routes
    step = g.xp.where(g.domains > 1, curve.out_step_s + curve.step_s, math.inf)
    crossing = places_met(slots, experts, g.xp.maximum(g.domains, 1.0), g.xp) * (g.domains - 1.0) / g.domains
    across = crossing / ranks_met / (g.out * curve.out_bytes_share)
    inside = (g.inner - 1.0) / g.inner / (g.up * curve.bytes_share)
    return step, g.xp.maximum(inside, across)


def _to_experts(g: _Group, curve: CollectiveCurve, routes: Routes, direct: Cost, call: Num) -> list[Line]:
    """Tokens to experts in other domains. Kernels with a copy for each expert know whole experts alone."""
    latency, slope = direct
    _, experts, ranks_met, cut = routes
    copies = g.xp.where((g.domains > 1) & (cut <= 1), experts / ranks_met, 1.0)
    handed_s, handed = _handed_on(g, curve, routes)
    found = [Line("low latency", latency, slope * copies, curve.max_bytes)]
    for whole in (True, False):
        if g.xp is NUMPY or (cut <= 1) == whole:
            late = g.xp.where((cut <= 1) == whole, handed_s + call, math.inf)
            found.append(Line("handed on inside domains", late, handed, curve.max_bytes, prompts=whole))
    return found


def _all_to_all(g: _Group, curve: CollectiveCurve) -> Cost:
    """Both networks at work at once; what stays on the rank costs nothing."""
    step = g.xp.where(g.domains > 1, curve.out_step_s, g.xp.where(g.ranks > 1, curve.step_s, 0.0))
    inside = (g.inner - 1.0) / g.ranks / (g.up * curve.bytes_share)
    across = (g.ranks - g.inner) / g.ranks / (g.out * curve.out_bytes_share)
    return step, g.xp.maximum(inside, across)


def _hop(g: _Group, curve: CollectiveCurve) -> Cost:
    """Mean over the hops of a pipeline: those that leave a domain, and those that do not."""
    hops = g.xp.maximum(g.ranks - 1.0, 1.0)
    crossings = g.xp.ceil(g.ranks * g.stride / g.domain_size - 1e-9) - 1.0
    share = g.xp.minimum(crossings / hops, 1.0)
    up, out = g.up * curve.bytes_share, g.out * curve.out_bytes_share
    return (1.0 - share) * curve.step_s + share * curve.out_step_s, (1.0 - share) / up + share / out


def _curves(profile: Efficiency, kind: str, system: System) -> tuple[CollectiveCurve, ...]:
    """The library's lines on what joins the system, with the latencies that the system says instead of the profile."""
    for key in (f"{kind}.{system.fabric}", kind, ""):
        if key in profile.collectives:
            return tuple(_told(curve, system) for curve in profile.collectives[key])
    raise DataMissing(f"efficiency profile {profile.id}", f"curve for {kind}", "collectives")


def _told(curve: CollectiveCurve, system: System) -> CollectiveCurve:
    if system.scaleup_latency_s is not None:
        curve = replace(curve, step_s=system.scaleup_latency_s)
    if system.scaleout_latency_s is not None:  # a call then costs what it does inside, and each step the latency
        curve = replace(curve, out_call_s=curve.call_s, out_step_s=system.scaleout_latency_s)
    return curve if system.scaleout_share is None else replace(curve, out_bytes_share=system.scaleout_share)


def collective_lines(
    kind: str,
    ranks: Num,
    stride: Num,
    system: System,
    profile: Efficiency = PEAK,
    xp: Namespace = SCALAR,
    routes: Routes | None = None,
) -> tuple[Line, ...]:
    """The algorithms that can run `kind` over `ranks` ranks `stride` apart, and how long each takes.

    With arrays of groups an algorithm that does not apply to an element has an endless latency there. `routes` lets
    tokens for experts cross to a domain once and be handed on inside it. Groups as small as a bridge talk over it.
    """
    if system.bridge_size == 1:
        return _level_lines(kind, ranks, stride, system, profile, xp, routes)
    pair = replace(
        system, domain_size=system.bridge_size, scaleup_bytes_per_s=system.bridge_bytes_per_s, pcie_generation=None,
        bridge_size=1,
    )  # fmt: skip
    joined = ranks * stride <= pair.domain_size
    if xp is SCALAR:
        return _level_lines(kind, ranks, stride, pair if joined else system, profile, xp, routes)
    over = _level_lines(kind, xp.where(joined, ranks, 1.0), xp.where(joined, stride, 1.0), pair, profile, xp, routes)
    beyond = _level_lines(kind, ranks, stride, system, profile, xp, routes)
    return (
        *(replace(line, latency_s=xp.where(joined, line.latency_s, math.inf)) for line in over),
        *(replace(line, latency_s=xp.where(joined, math.inf, line.latency_s)) for line in beyond),
    )


def _level_lines(
    kind: str, ranks: Num, stride: Num, system: System, profile: Efficiency, xp: Namespace, routes: Routes | None
) -> tuple[Line, ...]:
    """On what joins a domain, and between domains."""
    g = _group(ranks, stride, system, xp)
    lines = []
    for curve in _curves(profile, kind, system):
        call = xp.where(g.domains > 1, curve.out_call_s, xp.where(g.ranks > 1, curve.call_s, 0.0))
        if kind in ("all_to_all", "hop"):
            if curve.algorithm == "direct":
                latency, slope = _all_to_all(g, curve) if kind == "all_to_all" else _hop(g, curve)
                if routes is None or (xp is SCALAR and g.domains <= 1):
                    lines.append(Line("direct", latency + call, slope, curve.max_bytes))
                else:
                    lines += _to_experts(g, curve, routes, (latency + call, slope), call)
            continue
        small = (g.ranks >= curve.min_ranks) & (g.ranks <= curve.max_ranks)
        for name, formula, applies in (
            (curve.algorithm, _flat, small & (g.domains <= 1)),
            (f"{curve.algorithm} across domains", _deep, small & (g.domains > 1)),
        ):
            cost = None if xp is SCALAR and not applies else formula(kind, g, curve)
            if cost is None:
                continue
            latency = xp.where(applies, cost[0] + call, math.inf) if xp is NUMPY else cost[0] + call
            lines.append(Line(name, latency, cost[1], curve.max_bytes))
    if not lines:
        raise DataMissing(f"efficiency profile {profile.id}", f"algorithm for {kind} over {ranks} ranks", "collectives")
    return tuple(lines)


def collective_time_s(
    kind: str, message_bytes: float, ranks: int, system: System, profile: Efficiency = PEAK, *, stride: int = 1
) -> tuple[float, str]:
    """Time of one collective and the algorithm that gives it."""
    lines = collective_lines(kind, ranks, stride, system, profile)
    times = [
        (line.latency_s + message_bytes * line.s_per_byte, line.algorithm)
        for line in lines
        if message_bytes <= line.max_bytes
    ]
    if not times:
        raise DataMissing(f"efficiency profile {profile.id}", f"algorithm for {kind} of {message_bytes:g} B")
    return min(times)
