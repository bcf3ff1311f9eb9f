"""Chips and systems as rates and capacities in SI units, each figure with its Fact beside it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenroof.provenance import Fact

__all__ = [
    "PCIE_BYTES_PER_S", "PCIE_SERVER", "Chip", "MemoryTier", "RentalOffer", "RentalPrice", "System",
]  # fmt: skip

# Sixteen lanes in one direction, by generation (PCI-SIG: 8, 16, 32, 64 GT/s a lane).
PCIE_BYTES_PER_S = {3: 16e9, 4: 32e9, 5: 64e9, 6: 128e9}
PCIE_SERVER = 8  # cards in a server


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One accelerator package as it is sold (and scheduled): a GPU, a TPU chip, a wafer.

    `flops_per_s` maps rate keys (fp32, tf32, fp16, bf16, fp8, int8, fp6, fp4) to dense vendor FLOP/s; a
    missing key means that the chip has no such arithmetic, or that nobody published its rate.
    `memory_bytes` is the label, `usable_memory_bytes` what the driver reports, where known. Link
    bandwidth is one direction of one chip, all its links together; `scaleup_peer_bytes_per_s` is the part
    of it that one peer gets where links run straight to each peer, without a switch. In a torus of `torus_axes` axes
    two links lie on each, and blocks of fewer than `wraps_from_chips` are meshes without wrap-around.
    `pcie_generation` is that of its slot, `peer_access` whether cards reach each other's memory over it or only through
    the host's. Under a `power_cap_w` the rates are those of the lower clocks, and the TDP is the cap.
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
    memory_type: str = ""
    scaleup_domain: int = 1
    scaleup_bytes_per_s: float | None = None
    scaleup_peer_bytes_per_s: float | None = None
    scaleout_bytes_per_s: float | None = None
    torus_axes: int = 0
    wraps_from_chips: float = math.inf
    pcie_generation: int | None = None
    peer_access: bool = True
    tdp_w: float | None = None
    power_cap_w: float | None = None
    all_in_w: float | None = None
    achievable_flops_per_s: Mapping[str, float] = field(default_factory=dict)
    achievable_bytes_per_s: float | None = None
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)

    @property
    def on_pcie(self) -> bool:
        """Whether the server's bus is all that joins it to its neighbours."""
        return self.scaleup_domain == 1 and self.pcie_generation is not None

    def torus_share(self, ranks: Any, xp: Any) -> Any:
        """Share of its links that a chip of a torus uses in a block of so many, as nearly a cube as powers of 2 allow.

        A chip at the edge of a mesh has one link on each axis that the block extends over, and is waited for; a block
        that wraps around has two.
        """
        extended = xp.maximum(
            1.0, sum(xp.where(ranks >= 2.0 ** (axis + 1), 1.0, 0.0) for axis in range(self.torus_axes))
        )
        return extended * xp.where(ranks >= self.wraps_from_chips, 2.0, 1.0) / (2.0 * self.torus_axes)

    @property
    def bridged(self) -> bool:
        """Whether bridges join a few cards, and the server's bus joins those to the others."""
        return self.scaleup_domain > 1 and self.pcie_generation is not None

    @property
    def reach(self) -> int:
        """Chips that a scale-up network of its own, or else a server's bus, can join."""
        return self.scaleup_domain if self.pcie_generation is None else PCIE_SERVER


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalOffer:
    """One dated on-demand price of one chip. `kind` is hyperscaler or neocloud."""

    provider: str
    usd_per_h: float
    as_of: str
    source: str
    kind: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalPrice:
    """What renting one chip for an hour costs: never one number. `as_of` is the date of the newest offer."""

    low_usd_per_h: float
    median_usd_per_h: float
    high_usd_per_h: float
    n: int
    as_of: str
    source: str
    offers: tuple[RentalOffer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTier:
    """Somewhere to keep a KV cache. `capacity_bytes` is None where it has no fixed size."""

    id: str
    name: str
    capacity_bytes: float | None
    bytes_per_s: float
    usd_per_byte_s: float | None = None
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """`n_chips` of one kind, wired in scale-up domains of `domain_size` chips.

    Where `domain_size` does not divide `n_chips` the last domain is smaller. Bandwidths are one direction
    of one chip; `power_w` is the whole system's. With a `pcie_generation` the domain is a server's bus, on which
    bridges may join `bridge_size` neighbours each. Latencies are of one step of a collective on that level,
    `scaleout_share` what is reached of the network's bandwidth; None: the profile's.
    """

    id: str
    name: str
    chip: Chip
    n_chips: int
    domain_size: int
    scaleup_bytes_per_s: float | None = None
    scaleout_bytes_per_s: float | None = None
    pcie_generation: int | None = None
    peer_access: bool = True
    bridge_size: int = 1
    bridge_bytes_per_s: float | None = None
    scaleup_latency_s: float | None = None
    scaleout_latency_s: float | None = None
    scaleout_share: float | None = None
    network: str = ""
    power_w: float | None = None
    rental: RentalPrice | None = None
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)

    @property
    def fabric(self) -> str:
        """What joins a domain, as profiles name it: a network of its own (empty), `pcie`, or the host's memory."""
        if self.pcie_generation is None:
            return ""
        return "pcie" if self.peer_access else "host"
