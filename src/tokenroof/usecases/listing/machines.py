"""Machines and memory tiers, listed and shown: rates, ridge, drain time, rent, and where each figure comes from."""

from dataclasses import dataclass

from tokenroof.catalog.chips import chip_ids, load_chip
from tokenroof.catalog.machine_checks import open_findings
from tokenroof.catalog.rental import load_rental
from tokenroof.catalog.systems import load_system, system_names
from tokenroof.catalog.tiers import hbm_tier, load_tiers
from tokenroof.errors import InputError
from tokenroof.formulas.roofline import drain_time_s, ridge_flops_per_byte, ridge_tokens
from tokenroof.provenance import Fact, Grade
from tokenroof.types.machine import Chip, MemoryTier, RentalPrice, System

__all__ = [
    "CHIP_SORTS",
    "SYSTEM_SORTS",
    "ChipRow",
    "ChipView",
    "Figure",
    "SystemRow",
    "SystemView",
    "TierRow",
    "list_chips",
    "list_systems",
    "list_tiers",
    "show_chip",
    "show_system",
]

CHIP_SORTS = ("name", "year", "bandwidth", "memory", "bf16", "fp8", "fp4", "ridge", "drain", "price")
SYSTEM_SORTS = ("name", "chips", "bandwidth", "memory", "bf16", "fp8", "fp4", "price")
# Weight format whose reads are set against the arithmetic of each rate.
_WEIGHT_BYTES = {"bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipRow:
    """One line of the list of chips.

    `ridge` is tokens in a step at which 16-bit matmuls take as long as reading their weights, None where the chip has
    no such rate; `ridge_by_rate` is the same for each rate and weights as narrow as it. `drain_s` is the label's.
    """

    id: str
    name: str
    vendor: str
    kind: str
    year: int
    announced: bool
    memory_bytes: float
    bytes_per_s: float
    bf16_flops_per_s: float | None
    fp8_flops_per_s: float | None
    fp4_flops_per_s: float | None
    ridge: float | None
    ridge_by_rate: dict[str, float]
    drain_s: float
    memory_type: str
    scaleup_domain: int
    scaleup_bytes_per_s: float | None
    tdp_w: float | None
    rental: RentalPrice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure with its provenance; `value` in SI `unit`."""

    key: str
    value: float
    unit: str
    source: str
    as_of: str
    grade: Grade
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipView:
    """Everything about one chip; `doubts` are findings of the cross-checks that no note answers."""

    id: str
    name: str
    vendor: str
    kind: str
    year: int
    announced: bool
    memory_type: str
    aliases: tuple[str, ...]
    figures: tuple[Figure, ...]
    flops_per_byte: dict[str, float]
    ridge: dict[str, float]
    achievable_share: dict[str, float]
    drain_label_s: float
    drain_usable_s: float | None
    rental: RentalPrice | None
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """One line of the list of systems; totals over all chips, links of one chip."""

    id: str
    name: str
    chip: str
    announced: bool
    n_chips: int
    domain_size: int
    memory_bytes: float
    bytes_per_s: float
    bf16_flops_per_s: float | None
    fp8_flops_per_s: float | None
    fp4_flops_per_s: float | None
    scaleup_bytes_per_s: float | None
    scaleout_bytes_per_s: float | None
    power_w: float | None
    rental: RentalPrice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemView:
    """One system, the figures of its own, and its chip."""

    row: SystemRow
    usd_per_h: RentalPrice | None
    aliases: tuple[str, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    chip: ChipView


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRow:
    """One memory tier. `drain_s` is None where it has no fixed size."""

    id: str
    name: str
    capacity_bytes: float | None
    bytes_per_s: float
    usd_per_gb_h: float | None
    drain_s: float | None
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def _figures(facts: dict[str, Fact]) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            key=key,
            value=fact.value,
            unit=fact.unit,
            source=fact.source,
            as_of=fact.as_of,
            grade=fact.grade,
            note=fact.note,
        )
        for key, fact in facts.items()
    )


def _sixteen_bit(chip: Chip) -> float | None:
    """The 16-bit rate: bf16, or fp16 on parts older than bf16."""
    return chip.flops_per_s.get("bf16", chip.flops_per_s.get("fp16"))


def _ridge(chip: Chip) -> dict[str, float]:
    return {
        key: float(ridge_tokens(flops_per_s=rate, bytes_per_param=_WEIGHT_BYTES[key], bytes_per_s=chip.bytes_per_s))
        for key, rate in chip.flops_per_s.items()
        if key in _WEIGHT_BYTES
    }


def _chip_row(chip: Chip) -> ChipRow:
    ridge = _ridge(chip)
    return ChipRow(
        id=chip.id,
        name=chip.name,
        vendor=chip.vendor,
        kind=chip.kind,
        year=chip.year,
        announced=chip.announced,
        memory_bytes=chip.memory_bytes,
        bytes_per_s=chip.bytes_per_s,
        bf16_flops_per_s=_sixteen_bit(chip),
        fp8_flops_per_s=chip.flops_per_s.get("fp8"),
        fp4_flops_per_s=chip.flops_per_s.get("fp4"),
        ridge=ridge.get("bf16", ridge.get("fp16")),
        ridge_by_rate=ridge,
        memory_type=chip.memory_type,
        drain_s=float(drain_time_s(memory_bytes=chip.memory_bytes, bytes_per_s=chip.bytes_per_s)),
        scaleup_domain=chip.scaleup_domain,
        scaleup_bytes_per_s=chip.scaleup_bytes_per_s,
        tdp_w=chip.tdp_w,
        rental=load_rental(chip.id),
    )


def _key(row: ChipRow | SystemRow, sort: str) -> float | None:
    if sort == "price":
        return None if row.rental is None else row.rental.median_usd_per_h
    attribute = {
        "year": "year",
        "chips": "n_chips",
        "bandwidth": "bytes_per_s",
        "memory": "memory_bytes",
        "bf16": "bf16_flops_per_s",
        "fp8": "fp8_flops_per_s",
        "fp4": "fp4_flops_per_s",
        "ridge": "ridge",
        "drain": "drain_s",
    }[sort]
    value: float | None = getattr(row, attribute)
    return value


def _check_sort(sort: str, allowed: tuple[str, ...]) -> None:
    if sort not in allowed:
        raise InputError("sort", sort, f"one of {', '.join(allowed)}")


def list_chips(*, announced: bool = False, vendor: str = "", sort: str = "name") -> tuple[ChipRow, ...]:
    """Chips of the catalogue, largest first unless sorted by name; those that lack the figure come last."""
    _check_sort(sort, CHIP_SORTS)
    rows = [_chip_row(load_chip(chip_id)) for chip_id in chip_ids()]
    kept = [r for r in rows if (announced or not r.announced) and vendor.lower() in r.vendor.lower()]
    if vendor and not kept:
        raise InputError("vendor", vendor, f"part of one of {', '.join(sorted({r.vendor for r in rows}))}")
    if sort != "name":
        kept.sort(key=lambda row: -(_key(row, sort) or 0.0))
    return tuple(kept)


def show_chip(name: str) -> ChipView:
    """Every figure of one chip with source, date, grade and what other sources say."""
    return _chip_view(load_chip(name))


def _chip_view(chip: Chip) -> ChipView:
    rates = {key: rate for key, rate in chip.flops_per_s.items() if key in _WEIGHT_BYTES}
    usable = chip.usable_memory_bytes
    return ChipView(
        id=chip.id,
        name=chip.name,
        vendor=chip.vendor,
        kind=chip.kind,
        year=chip.year,
        announced=chip.announced,
        memory_type=chip.memory_type,
        aliases=chip.aliases,
        figures=_figures(dict(chip.facts)),
        flops_per_byte={
            key: float(ridge_flops_per_byte(flops_per_s=rate, bytes_per_s=chip.bytes_per_s))
            for key, rate in rates.items()
        },
        ridge=_ridge(chip),
        achievable_share={key: rate / chip.flops_per_s[key] for key, rate in chip.achievable_flops_per_s.items()}
        | (
            {} if chip.achievable_bytes_per_s is None else {"bandwidth": chip.achievable_bytes_per_s / chip.bytes_per_s}
        ),
        drain_label_s=float(drain_time_s(memory_bytes=chip.memory_bytes, bytes_per_s=chip.bytes_per_s)),
        drain_usable_s=None
        if usable is None
        else float(drain_time_s(memory_bytes=usable, bytes_per_s=chip.bytes_per_s)),
        rental=load_rental(chip.id),
        notes=chip.notes,
        doubts=tuple(f"{finding.fact}: {finding.message}" for finding in open_findings(chip)),
    )


def _times(value: float | None, n: int) -> float | None:
    return None if value is None else value * n


def _system_row(system: System) -> SystemRow:
    chip, n = system.chip, system.n_chips
    return SystemRow(
        id=system.id,
        name=system.name,
        chip=chip.id,
        announced=chip.announced,
        n_chips=n,
        domain_size=system.domain_size,
        memory_bytes=n * chip.memory_bytes,
        bytes_per_s=n * chip.bytes_per_s,
        bf16_flops_per_s=_times(_sixteen_bit(chip), n),
        fp8_flops_per_s=_times(chip.flops_per_s.get("fp8"), n),
        fp4_flops_per_s=_times(chip.flops_per_s.get("fp4"), n),
        scaleup_bytes_per_s=system.scaleup_bytes_per_s,
        scaleout_bytes_per_s=system.scaleout_bytes_per_s,
        power_w=system.power_w,
        rental=system.rental,
    )


def list_systems(*, announced: bool = False, single: bool = False, sort: str = "name") -> tuple[SystemRow, ...]:
    """Systems worth listing; `single` adds every chip standing alone."""
    _check_sort(sort, SYSTEM_SORTS)
    rows = [_system_row(load_system(name)) for name in system_names()]
    kept = [r for r in rows if (announced or not r.announced) and (single or r.n_chips > 1)]
    if sort != "name":
        kept.sort(key=lambda row: -(_key(row, sort) or 0.0))
    return tuple(kept)


def show_system(name: str) -> SystemView:
    """One system by name or TOML file, with its chip."""
    system = load_system(name)
    return SystemView(
        row=_system_row(system),
        usd_per_h=_whole(system),
        aliases=system.aliases,
        figures=_figures(dict(system.facts)),
        notes=system.notes,
        chip=_chip_view(system.chip),
    )


def _whole(system: System) -> RentalPrice | None:
    """The rent of all chips together."""
    one, n = system.rental, system.n_chips
    if one is None:
        return None
    return RentalPrice(
        low_usd_per_h=one.low_usd_per_h * n,
        median_usd_per_h=one.median_usd_per_h * n,
        high_usd_per_h=one.high_usd_per_h * n,
        n=one.n,
        as_of=one.as_of,
        source=one.source,
    )


def _tier_row(tier: MemoryTier) -> TierRow:
    drain = (
        None
        if tier.capacity_bytes is None
        else float(drain_time_s(memory_bytes=tier.capacity_bytes, bytes_per_s=tier.bytes_per_s))
    )
    return TierRow(
        id=tier.id,
        name=tier.name,
        capacity_bytes=tier.capacity_bytes,
        bytes_per_s=tier.bytes_per_s,
        usd_per_gb_h=None if tier.usd_per_byte_s is None else tier.usd_per_byte_s * 1e9 * 3600.0,
        drain_s=drain,
        figures=_figures(dict(tier.facts)),
        notes=tier.notes,
    )


def list_tiers(*, chip: str = "h100") -> tuple[TierRow, ...]:
    """The memory of `chip` at its rent, then the tiers beyond it."""
    own = load_chip(chip)
    return tuple(_tier_row(tier) for tier in (hbm_tier(own, load_rental(own.id)), *load_tiers()))
