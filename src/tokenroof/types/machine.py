"""Chips and systems as rates and capacities in SI units, each figure with its Fact beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenroof.provenance import Fact

__all__ = ["Chip", "MemoryTier", "RentalPrice", "System"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One accelerator package as it is sold (and scheduled): a GPU, a TPU chip, a wafer.

    `flops_per_s` maps rate keys (tf32, bf16, fp8, int8, fp4) to dense vendor FLOP/s; a missing key means that the
    chip has no such arithmetic. `memory_bytes` is the label, `usable_memory_bytes` what the driver reports,
    where known. Link bandwidth is one direction of one chip.
    """

    id: str
    name: str
    vendor: str
    kind: str
    year: int
    announced: bool
    memory_bytes: float
    bytes_per_s: float
    flops_per_s: Mapping[str, float]
    usable_memory_bytes: float | None = None
    scaleup_domain: int = 1
    scaleup_bytes_per_s: float | None = None
    scaleout_bytes_per_s: float | None = None
    tdp_w: float | None = None
    all_in_w: float | None = None
    achievable_flops_per_s: Mapping[str, float] = field(default_factory=dict)
    achievable_bytes_per_s: float | None = None
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalPrice:
    """What renting one chip for an hour costs: never one number."""

    low_usd_per_h: float
    median_usd_per_h: float
    high_usd_per_h: float
    n: int
    as_of: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTier:
    """Somewhere to keep a KV cache: capacity, read bandwidth and price."""

    id: str
    name: str
    capacity_bytes: float
    bytes_per_s: float
    usd_per_byte_s: float | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """`n_chips` of one kind, wired in scale-up domains of `domain_size` chips."""

    id: str
    name: str
    chip: Chip
    n_chips: int
    domain_size: int
    scaleup_bytes_per_s: float | None = None
    scaleout_bytes_per_s: float | None = None
    rental: RentalPrice | None = None
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)
