"""Prompt caches: what holding, reading and writing a cached token costs in each memory tier, and when to make it again.

Holding costs rent of the bytes for the time, reading the tier's whole price for as long as it is busy. The cache in the
accelerator's own memory is read for nothing, since it is already where it is needed. Times are those of one copy.
"""

import math
from dataclasses import dataclass, replace

from tokenroof.catalog import load_tiers
from tokenroof.formulas import memory_tiers as f
from tokenroof.formulas.roofline import drain_time_s
from tokenroof.operators.lower import lower
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.scenario.costs import cost_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.checks import check_positive
from tokenroof.types.layout import Layout
from tokenroof.types.machine import MemoryTier
from tokenroof.types.model import Model
from tokenroof.usecases.money.scene import Scene

__all__ = ["CachePrices", "HoldChoice", "Rung", "TierPrice", "cache_prices", "keep_usd_per_mtok"]

_MTOK = 1e6
_HOUR_S = 3600.0
# Memory that hangs on the accelerator's own link is there for these chips only.
_ONLY_WITH = {"grace-lpddr": ("gh200", "gb200", "gb300")}


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPrice:
    """One tier. `read_usd_per_mtok` None: the tier has no fixed size, so the price of its bandwidth is not known.

    `recompute_from_s` is the holding time from which making the cache again is cheaper, `write_x_hour` the price of
    uncached input plus an hour's holding over uncached input. `reload_s` is the time to bring one prompt back.
    """

    id: str
    name: str
    bytes_per_token: float
    drain_s: float | None
    hold_usd_per_mtok_h: float
    read_usd_per_mtok: float | None
    read_over_uncached: float | None
    recompute_from_s: float
    write_x_hour: float
    reload_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldChoice:
    """The cheapest way to have a cached token after `hold_s`, and the tier whose drain time lies nearest."""

    hold_s: float
    cheapest: str
    usd_per_mtok: float
    over_uncached: float
    by_drain: str
    drain_s: float
    drain_over_hold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """From `from_s` on this is the cheapest way to have a cached token again, until the next rung."""

    tier: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePrices:
    """Prices per million cached tokens of prompts of `context` tokens. Recomputing costs `uncached_usd_per_mtok`.

    `ladder` is the cheapest choice by holding time, among tiers whose reading has a price.
    """

    context: float
    uncached_usd_per_mtok: float
    recompute_s: float
    bytes_per_token: float
    tiers: tuple[TierPrice, ...]
    ladder: tuple[Rung, ...]
    holds: tuple[HoldChoice, ...]


def _own_memory(scene: Scene) -> MemoryTier:
    """The accelerators' own memory, rented with them."""
    chip = scene.deployment.system.chip
    capacity = chip.usable_memory_bytes or chip.memory_bytes
    return MemoryTier(
        id=f"hbm-{chip.id}",
        name=f"{chip.memory_type or 'memory'} of {chip.name}",
        capacity_bytes=capacity,
        bytes_per_s=chip.bytes_per_s,
        usd_per_byte_s=scene.machine.usd_per_gpu_h / _HOUR_S / capacity,
    )


def _tier(tier: MemoryTier, kv: float, context: float, uncached_usd: float, links: int) -> TierPrice:
    """`kv` bytes per token as this tier holds them; `links` such tiers work for one copy at once."""
    own = tier.id.startswith("hbm-")
    hold = f.hold_usd_per_token_s_by_byte(kv_bytes_per_token=kv, usd_per_byte_s=tier.usd_per_byte_s or 0.0)
    read: float | None = 0.0 if own else None
    if not own and tier.capacity_bytes is not None and tier.usd_per_byte_s is not None:
        price = tier.usd_per_byte_s * tier.capacity_bytes
        read = f.retrieve_usd_per_token(kv_bytes_per_token=kv, bytes_per_s=tier.bytes_per_s, usd_per_s=price)
    known = read or 0.0
    capacity = tier.capacity_bytes
    return TierPrice(
        id=tier.id,
        name=tier.name,
        bytes_per_token=kv,
        drain_s=None if capacity is None else drain_time_s(memory_bytes=capacity, bytes_per_s=tier.bytes_per_s),
        hold_usd_per_mtok_h=hold * _HOUR_S * _MTOK,
        read_usd_per_mtok=None if read is None else read * _MTOK,
        read_over_uncached=None if read is None or uncached_usd <= 0 else read / uncached_usd,
        recompute_from_s=f.recompute_break_even_s(
            recompute_usd_per_token=uncached_usd, retrieve_usd_per_token=known, hold_usd_per_token_s=hold
        ),
        write_x_hour=1.0 + hold * _HOUR_S / uncached_usd if uncached_usd > 0 else math.inf,
        reload_s=0.0 if own else kv * context / (tier.bytes_per_s * links),
    )


def keep_usd_per_mtok(tier: TierPrice, hold_s: float) -> float:
    """Holding for `hold_s` and reading back once; tiers without a price of reading give a lower bound."""
    usd = f.keep_usd_per_token(
        hold_usd_per_token_s=tier.hold_usd_per_mtok_h / _HOUR_S / _MTOK,
        hold_s=hold_s,
        retrieve_usd_per_token=(tier.read_usd_per_mtok or 0.0) / _MTOK,
    )
    return float(usd) * _MTOK


def _cheapest(hold_s: float, tiers: list[TierPrice], uncached_usd_per_mtok: float) -> tuple[float, str]:
    usd, name = min((keep_usd_per_mtok(tier, hold_s), tier.id) for tier in tiers)
    return (usd, name) if usd <= uncached_usd_per_mtok else (uncached_usd_per_mtok, "recompute")


def _ladder(tiers: list[TierPrice], uncached_usd_per_mtok: float) -> tuple[Rung, ...]:
    """Lower envelope of straight cost lines: every corner is where two of them cross, so between corners one leads."""
    corners = {0.0}
    lines = [((t.read_usd_per_mtok or 0.0), t.hold_usd_per_mtok_h / _HOUR_S) for t in tiers] + [
        (uncached_usd_per_mtok, 0.0)
    ]
    for i, (read, rate) in enumerate(lines):
        for other_read, other_rate in lines[:i]:
            if rate != other_rate and (other_read - read) / (rate - other_rate) > 0:
                corners.add((other_read - read) / (rate - other_rate))
    edges = sorted(corners)
    rungs: list[Rung] = []
    for low, high in zip(edges, [*edges[1:], math.inf], strict=True):
        middle = 2.0 * low + 1.0 if high == math.inf else (low + high) / 2.0
        name = _cheapest(middle, tiers, uncached_usd_per_mtok)[1]
        if rungs and rungs[-1].tier == name:
            rungs[-1] = Rung(tier=name, from_s=rungs[-1].from_s, to_s=high)
        else:
            rungs.append(Rung(tier=name, from_s=low, to_s=high))
    return tuple(rungs)


def _hold(hold_s: float, tiers: list[TierPrice], uncached_usd_per_mtok: float) -> HoldChoice:
    check_positive("holds_s", hold_s, high=1e9)
    usd, name = _cheapest(hold_s, tiers, uncached_usd_per_mtok)
    drained = [(tier.id, tier.drain_s) for tier in tiers if tier.drain_s is not None]
    nearest, drain_s = min(drained, key=lambda pair: abs(math.log(pair[1] / hold_s)))
    return HoldChoice(
        hold_s=hold_s,
        cheapest=name,
        usd_per_mtok=usd,
        over_uncached=usd / uncached_usd_per_mtok if uncached_usd_per_mtok > 0 else math.inf,
        by_drain=nearest,
        drain_s=drain_s,
        drain_over_hold=drain_s / hold_s,
    )


def _uncached(scene: Scene) -> tuple[Deployment, float]:
    """The deployment without cached prompts, and what a million of its input tokens cost by machine time."""
    work = scene.deployment.workload
    whole = replace(scene.deployment, workload=replace(work, prefix=0.0))
    served = whole.serve() if work.prefix else scene.served
    if not served.fits:
        whole, served = scene.deployment, scene.served
    cost = cost_of(whole, served, scene.machine.usd_per_gpu_h, duty_cycle=scene.duty_cycle)
    return whole, cost.input_usd_per_mtok


def cache_prices(scene: Scene, holds_s: tuple[float, ...]) -> CachePrices:
    """Keep, reload or recompute, for prompts of the workload's length on the deployment as it is served."""
    whole, uncached = _uncached(scene)
    context, layout, chip = whole.workload.isl, whole.layout, whole.system.chip
    copied = float(cache_bytes_per_sequence(whole.program, context)) * layout.tp * layout.cp
    once = min(_stored_once(whole.model, layout, context), copied)
    tiers = (
        _tier(_own_memory(scene), copied / context, context, uncached / _MTOK, layout.tp * layout.cp),
        *(
            _tier(tier, once / context, context, uncached / _MTOK, layout.tp * layout.cp)
            for tier in load_tiers()
            if chip.id in _ONLY_WITH.get(tier.id, (chip.id,))
        ),
    )
    priced = [tier for tier in tiers if tier.read_usd_per_mtok is not None]
    return CachePrices(
        context=context,
        uncached_usd_per_mtok=uncached,
        recompute_s=float(whole.closed(1.0).settled_ttft_s),
        bytes_per_token=once / context,
        tiers=tiers,
        ladder=_ladder(priced, uncached),
        holds=tuple(_hold(hold_s, priced, uncached) for hold_s in holds_s),
    )


def _stored_once(model: Model, layout: Layout, context: float) -> float:
    """Bytes of one sequence's cache and state without the copies that tensor parallelism makes."""
    plain = lower(model, Layout(kv_dtype=layout.kv_dtype))
    return float(cache_bytes_per_sequence(plain, context))
