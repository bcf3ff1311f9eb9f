"""The prefix cache of a run: where blocks of prompts are kept, and what of the prompts was found there."""

from dataclasses import dataclass

import numpy as np

from tokenroof.catalog.tiers import load_tier
from tokenroof.errors import InputError, UnitError
from tokenroof.mixers.architecture_cache import kv_bytes_per_token
from tokenroof.scenario.deployment import Deployment
from tokenroof.simulate.binding import tiers_of
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Outcome, Tiers, cache_rules
from tokenroof.types.machine import MemoryTier
from tokenroof.units import parse_quantity
from tokenroof.usecases.simulate.answer import TierHits
from tokenroof.usecases.simulate.request import SimulateRequest
from tokenroof.usecases.simulate.statistics import BoolArray

__all__ = ["Kept", "check_cache", "hits_of", "kept_of"]

_HBM = "hbm"
_SIZES = "NAME:SIZE with commas, such as host-dram:256GB,nvme:2TB; sizes are those of a GPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A prefix cache: the tiers behind the memory of the GPUs as the simulator sees them, and by name and size."""

    tiers: Tiers
    named: tuple[tuple[MemoryTier, float], ...]
    rules: Rules


def check_cache(request: SimulateRequest) -> None:
    """What the question says of a cache without a catalogue."""
    if request.prefix_cache == "off":
        if request.router == "prefix-aware":
            raise InputError("router", request.router, "given with `prefix_cache` block", "there is nothing to find")
        if request.cache_tiers is not None:
            raise InputError("cache_tiers", request.cache_tiers, "given with `prefix_cache` block")
    elif request.trace is None:
        raise InputError(
            "prefix_cache", request.prefix_cache, "off for requests that are drawn: they share nothing",
            "give a `trace` with ids of prompt blocks",
        )  # fmt: skip


def _named(text: str) -> tuple[tuple[MemoryTier, float], ...]:
    """`host-dram:256GB,nvme:2TB`: tiers of the catalogue, nearest first, with the bytes of each that a GPU has."""
    found = list[tuple[MemoryTier, float]]()
    for part in text.split(","):
        name, _, size = part.strip().partition(":")
        try:
            held = parse_quantity(size, "B", bare=False)
        except (UnitError, ValueError):
            raise InputError("cache_tiers", text, _SIZES) from None
        if not 0.0 < held <= 1e18:
            raise InputError("cache_tiers", text, "sizes above 0 and up to 1 EB")
        tier = load_tier(name)
        if tier in (one for one, _ in found):
            raise InputError("cache_tiers", text, "each tier once")
        found.append((tier, held))
    return tuple(found)


def kept_of(request: SimulateRequest, deployment: Deployment, requests: Requests, rules: Rules) -> Kept | None:
    """The cache that was asked for, and the scheduler's rules in its blocks; None where it is off."""
    if request.prefix_cache == "off":
        return None
    held = cache_rules(requests, rules)
    if not kv_bytes_per_token(deployment.model) > 0.0:
        raise InputError("prefix_cache", "block", "off for a model that keeps nothing by the token")
    named = () if request.cache_tiers is None else _named(request.cache_tiers)
    return Kept(tiers=tiers_of(deployment, named, held.block_tokens), named=named, rules=held)


def hits_of(kept: Kept | None, deployment: Deployment, outcome: Outcome, counted: BoolArray) -> tuple[TierHits, ...]:
    """What each tier had of the prompts of the requests that count, as far as they began."""
    if kept is None:
        return ()
    begun = counted & np.isfinite(outcome.started_s)
    asked = int(outcome.isl[begun].sum())
    found = [int(column[begun].sum()) for column in outcome.cached_tokens]
    pool = float(deployment.prompt_memory().cache_pool_bytes)
    names = [(_HBM, pool), *((tier.id, size) for tier, size in kept.named)]
    blocks = (kept.rules.blocks, *kept.tiers.blocks)
    return tuple(
        TierHits(
            tier=name, capacity_bytes=size, blocks=held, cached_tokens=tokens, cache_hit_rate=tokens / max(asked, 1)
        )
        for (name, size), held, tokens in zip(names, blocks, found, strict=True)
    )
