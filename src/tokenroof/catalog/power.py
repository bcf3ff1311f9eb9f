"""What a chip draws: energy for each FLOP by family and format, for each byte by memory type, and while it waits.

data/power/power.toml is written by `scripts/fit_power.py`. A family without measured runs takes figures that
are scaled from those of others by its datasheet, and a wider range.
"""

import functools

from tokenroof.catalog.chips import RATE_KEYS, load_chip
from tokenroof.catalog.efficiency import profile_source
from tokenroof.catalog.facts import Entry, Range, read_toml
from tokenroof.catalog.machine_index import DATA, machine_index
from tokenroof.errors import DataMissing, InputError
from tokenroof.provenance import Fact, worst_grade
from tokenroof.types.machine import Chip
from tokenroof.types.power import Power

__all__ = ["MEMORIES", "POWER_FILE", "format_of", "known_power", "memory_kind", "power_of"]

POWER_FILE = DATA / "power" / "power.toml"
_SHARE = Range("1", 0.01, 0.99)
_RATIO = Range("1", 0.01, 100.0)
_PER_FLOP = Range("J/FLOP", 1e-15, 1e-9)
_PER_BYTE = Range("J/B", 1e-14, 1e-8)
_WIDTH = Range("1", 0.0, 5.0)
_FORMAT_OF = {"fp16": "bf16", "int8": "fp8", "fp6": "fp8"}  # as wide in the multiplier
MEMORIES = (
    "HBM2", "HBM2e", "HBM3", "HBM3e", "HBM4", "GDDR6", "GDDR6X", "GDDR7", "LPDDR5", "DDR5", "MRDIMM", "SRAM",
)  # fmt: skip
_UNSAID = "HBM2e"  # where a sheet does not say what memory it is


@functools.cache
def _table() -> Entry:
    found = Entry.top("power/power.toml", read_toml(POWER_FILE), machine_index()["sources"])
    found.only(("defaults", "family", "format", "memory", "range"))
    return found


def _family(chip: Chip) -> tuple[str, Entry]:
    name = profile_source(chip)[1]
    families = _table().section("family")
    if name not in families.table:
        raise InputError(families.field(name), None, "given", "the file lacks it")
    family = families.section(name)
    family.only(("chips", "idle_share", "joules_per_flop"))
    return name, family


def memory_kind(written: str) -> str:
    """The kind of memory that a sheet's words name first: HBM3e, LPDDR5 of `LPDDR5/5X`."""
    found = [(written.index(kind), -len(kind), kind) for kind in MEMORIES if kind in written]
    return min(found)[2] if found else _UNSAID


def format_of(chip: Chip, key: str) -> str:
    """The format whose arithmetic a rate key runs as: one that the chip lacks runs at 16 bits."""
    return _FORMAT_OF.get(key, key) if key in chip.flops_per_s else "bf16"


def _per_flop(chip: Chip, family: Entry) -> tuple[dict[str, float], list[Fact]]:
    """By rate key."""
    base, formats = family.required("joules_per_flop", _PER_FLOP), _table().section("format")
    ratios = {name: formats.required(name, _RATIO) for name in formats.table}
    run_as = {key: format_of(chip, key) for key in RATE_KEYS}
    return {key: base.value * ratios[name].value for key, name in run_as.items()}, [base]


def power_of(chip: Chip) -> Power:
    """What a GPU of this kind draws; DataMissing where its TDP was not published."""
    if chip.tdp_w is None:
        raise DataMissing(chip.name, "TDP", "not published", "set `chip.tdp`")
    name, family = _family(chip)
    memories = _table().section("memory")
    kind = memory_kind(chip.memory_type)
    idle, per_byte = family.required("idle_share", _SHARE), memories.required(kind, _PER_BYTE)
    per_flop, facts = _per_flop(chip, family)
    used = [idle, per_byte, *facts]
    measured = family.texts("chips")
    reach, notes = _reach(chip, name, measured)
    return Power(
        idle_w=min(idle.value * _sheet_tdp_w(chip, chip.tdp_w), chip.tdp_w),
        limit_w=chip.tdp_w,
        joules_per_flop=per_flop,
        joules_per_byte=per_byte.value,
        spread=_table().section("range").required(reach, _WIDTH).value,
        source=idle.source,
        as_of=idle.as_of,
        grade=worst_grade(fact.grade for fact in used),
        notes=notes,
    )


def known_power(chip: Chip) -> Power | None:
    """The same; None where nobody published the TDP."""
    return None if chip.tdp_w is None else power_of(chip)


def _sheet_tdp_w(chip: Chip, given: float) -> float:
    """TDP by the catalogue: a power cap (another `chip.tdp`) lowers the limit, not what is drawn between kernels."""
    known = machine_index()["chips"].get(chip.id)
    return given if known is None else load_chip(known).tdp_w or given


def _reach(chip: Chip, family: str, measured: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """How far the figures reach: the chip's own, its family's, or nobody's; and what to say of it."""
    if chip.id in measured:
        return "chip", ()
    if measured:
        return "family", (f"no power of {chip.id} was measured: taken from {', '.join(measured)}",)
    return "other", (f"no power of the {family} family was measured: scaled by the datasheet, range wider",)
