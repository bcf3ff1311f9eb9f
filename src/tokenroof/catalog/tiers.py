"""Memory tiers: where a KV cache can wait, how fast it comes back, and what holding it costs."""

import functools

from tokenroof.catalog.facts import Entry, Range, read_toml
from tokenroof.catalog.machine_index import DATA, machine_index, normal
from tokenroof.errors import DataMissing, InputError, UnknownName
from tokenroof.provenance import Fact, Grade, worst_grade
from tokenroof.types.machine import Chip, MemoryTier, RentalPrice

__all__ = ["hbm_tier", "load_tier", "load_tiers"]

_CAPACITY = Range("B", 1e6, 1e20)
_BANDWIDTH = Range("B/s", 1e3, 1e17)
_PRICE = Range("USD/B/s", 1e-30, 1e-9)
_KEYS = ("name", "aliases", "capacity", "bandwidth", "price", "notes")
_SECONDS_PER_HOUR = 3600.0


def _tier(entry: Entry, tier_id: str) -> MemoryTier:
    entry.only(_KEYS)
    given = {
        "capacity_bytes": entry.fact("capacity", _CAPACITY),
        "bytes_per_s": entry.required("bandwidth", _BANDWIDTH),
        "usd_per_byte_s": entry.fact("price", _PRICE),
    }
    facts = {name: fact for name, fact in given.items() if fact is not None}
    capacity, price = given["capacity_bytes"], given["usd_per_byte_s"]
    return MemoryTier(
        id=tier_id,
        name=entry.text("name", limit=80),
        capacity_bytes=None if capacity is None else capacity.value,
        bytes_per_s=facts["bytes_per_s"].value,
        usd_per_byte_s=None if price is None else price.value,
        aliases=tuple(normal(alias) for alias in entry.texts("aliases")),
        notes=entry.texts("notes"),
        facts=facts,
    )


@functools.cache
def load_tiers() -> tuple[MemoryTier, ...]:
    """All tiers beyond the accelerator's own memory, nearest first."""
    table = read_toml(DATA / "tiers" / "tiers.toml")
    top = Entry.top("tiers/tiers.toml", table, machine_index()["sources"])
    for name, value in table.items():
        if not isinstance(value, dict):
            raise InputError(top.field(name), value, "a table")
    return tuple(_tier(top.section(name), name) for name in table if name != "defaults")


def load_tier(name: str) -> MemoryTier:
    """A tier by id or alias; UnknownName with the nearest three where there is none."""
    wanted = normal(name)
    known: dict[str, MemoryTier] = {}
    for tier in load_tiers():
        known |= dict.fromkeys((tier.id, *tier.aliases), tier)
    if wanted not in known:
        from tokenroof.registry import nearest

        raise UnknownName("memory tier", str(name), nearest(wanted, known), "see `tokenroof tiers`")
    return known[wanted]


def hbm_tier(chip: Chip, rental: RentalPrice | None) -> MemoryTier:
    """The chip's own memory as a tier: holding costs the whole chip's rent, spread over its bytes.

    Raises DataMissing where no rental price is recorded: the rent of memory cannot be had from nothing.
    """
    if rental is None:
        raise DataMissing(chip.name, "rental price", "offers per chip", "give one in a system file")
    known = chip.usable_memory_bytes is not None
    capacity = chip.facts["usable_memory_bytes" if known else "memory_bytes"]
    bandwidth = chip.facts["bytes_per_s"]
    per_byte = 1.0 / _SECONDS_PER_HOUR / capacity.value
    low, high = rental.low_usd_per_h * per_byte, rental.high_usd_per_h * per_byte
    price = Fact(
        value=rental.median_usd_per_h * per_byte,
        unit="USD/B/s",
        source=f"median rent over capacity; {rental.source}",
        as_of=rental.as_of,
        grade=worst_grade((capacity.grade, Grade.REPORTED)),
        note=f"{low * 3.6e12:.3g} to {high * 3.6e12:.3g} USD per GB-hour over the {rental.n} offers",
    )
    return MemoryTier(
        id=f"hbm-{chip.id}",
        name=f"{chip.memory_type or 'memory'} of {chip.name}",
        capacity_bytes=capacity.value,
        bytes_per_s=bandwidth.value,
        usd_per_byte_s=price.value,
        facts={"capacity_bytes": capacity, "bytes_per_s": bandwidth, "usd_per_byte_s": price},
    )
