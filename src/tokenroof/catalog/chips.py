"""Chips by name: one TOML file each, read when asked for, every figure a Fact.

The attributes of Chip are floats for arithmetic; `Chip.facts` holds the same numbers with their
provenance under the same names (`bytes_per_s`, `flops_per_s.bf16`, `achievable_flops_per_s.fp8`), and
some that are facts only, such as `list_price_usd`.
"""

import functools
import math
from collections.abc import Mapping

from tokenroof.catalog.facts import Entry, Range, read_toml
from tokenroof.catalog.labels import memory_gigabytes, plainer
from tokenroof.catalog.machine_index import DATA, machine_index, normal
from tokenroof.errors import InputError, UnknownName
from tokenroof.provenance import Fact
from tokenroof.types.machine import PCIE_BYTES_PER_S, Chip

__all__ = ["CHIP_KINDS", "CHIP_SECTIONS", "RATE_KEYS", "chip_by_label", "chip_from_entry", "chip_ids", "load_chip"]

CHIP_KINDS = ("gpu", "consumer gpu", "unified", "tpu", "asic", "npu", "wafer", "cpu")
RATE_KEYS = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8", "fp6", "fp4")

# What labels say of a chip's memory differs from its data sheet: B200 is sold as 180 and as 192 GB.
_LABEL_WITHIN = 0.07
_MEMORY = Range("B", 1e6, 1e16)
_BANDWIDTH = Range("B/s", 1e6, 1e17)
_RATE = Range("FLOP/s", 1e9, 1e20)
_POWER = Range("W", 1.0, 1e7)
_COST = Range("USD/GPU/s", 1e-9, 1.0)

# section -> key in the file -> (name of the fact, unit and limits)
CHIP_SECTIONS: dict[str, dict[str, tuple[str, Range]]] = {
    "memory": {
        "label": ("memory_bytes", _MEMORY),
        "usable": ("usable_memory_bytes", _MEMORY),
        "bandwidth": ("bytes_per_s", _BANDWIDTH),
    },
    "flops": {key: (f"flops_per_s.{key}", _RATE) for key in RATE_KEYS},
    "links": {
        "domain": ("scaleup_domain", Range("GPU", 1, 1e5, whole=True)),
        "scaleup": ("scaleup_bytes_per_s", _BANDWIDTH),
        "scaleup_peer": ("scaleup_peer_bytes_per_s", _BANDWIDTH),
        "scaleout": ("scaleout_bytes_per_s", _BANDWIDTH),
        "torus": ("torus_axes", Range("1", 2, 3, whole=True)),
        "wraps_from": ("wraps_from_chips", Range("GPU", 4, 1e5, whole=True)),
        "pcie": ("pcie_generation", Range("1", min(PCIE_BYTES_PER_S), max(PCIE_BYTES_PER_S), whole=True)),
        "peer_access": ("peer_access", Range("1", 0, 1, whole=True)),
    },
    "power": {"tdp": ("tdp_w", _POWER), "all_in": ("all_in_w", _POWER)},
    "achievable": {
        **{key: (f"achievable_flops_per_s.{key}", _RATE) for key in RATE_KEYS},
        "bandwidth": ("achievable_bytes_per_s", _BANDWIDTH),
    },
    "cost": {
        "list_price": ("list_price_usd", Range("USD", 1, 1e8)),
        "hyperscaler": ("ownership_usd_per_gpu_s.hyperscaler", _COST),
        "neocloud": ("ownership_usd_per_gpu_s.neocloud", _COST),
        "retail": ("ownership_usd_per_gpu_s.retail", _COST),
    },
}
_WORDS = (
    "id",
    "name",
    "vendor",
    "kind",
    "year",
    "status",
    "memory_type",
    "aliases",
    "checked_against",
    "notes",
)
_TOP = (*_WORDS, "defaults", *CHIP_SECTIONS)


def _by_prefix(facts: Mapping[str, Fact], prefix: str) -> dict[str, float]:
    return {key.removeprefix(prefix): fact.value for key, fact in facts.items() if key.startswith(prefix)}


def _checked(chip: Chip, entry: Entry) -> Chip:
    usable, label, reached = chip.usable_memory_bytes, chip.memory_bytes, chip.achievable_bytes_per_s
    if usable is not None and not 0.5 * label <= usable <= 1.2 * label:
        raise InputError(entry.field("memory.usable"), usable, f"0.5 to 1.2 times the label, {label:g} B")
    if reached is not None and reached > chip.bytes_per_s:
        raise InputError(entry.field("achievable.bandwidth"), reached, f"at most {chip.bytes_per_s:g} B/s")
    for key, rate in chip.achievable_flops_per_s.items():
        if rate > chip.flops_per_s.get(key, 0.0):
            raise InputError(entry.field(f"achievable.{key}"), rate, f"at most the peak rate for {key}")
    return chip


def chip_from_entry(entry: Entry) -> Chip:
    """Build a Chip from a parsed table, checked field by field."""
    entry.only(_TOP)
    facts: dict[str, Fact] = {}
    for name, fields in CHIP_SECTIONS.items():
        section = entry.section(name)
        section.only(tuple(fields))
        for key, (fact_name, allowed) in fields.items():
            wanted = fact_name in ("memory_bytes", "bytes_per_s")
            fact = section.required(key, allowed) if wanted else section.fact(key, allowed)
            if fact is not None:
                facts[fact_name] = fact
    kind = entry.text("kind")
    if kind not in CHIP_KINDS:
        raise InputError(entry.field("kind"), kind, f"one of {', '.join(CHIP_KINDS)}")
    status = entry.text("status", "shipping")
    if status not in ("shipping", "announced"):
        raise InputError(entry.field("status"), status, "shipping or announced")

    second = [entry.sources.get(key, key) for key in entry.texts("checked_against")]
    checked = (f"Checked against {'; '.join(second)}.",) if second else ()

    def value(name: str) -> float | None:
        return facts[name].value if name in facts else None

    chip = Chip(
        id=normal(entry.text("id", limit=40)),
        name=entry.text("name", limit=80),
        vendor=entry.text("vendor", limit=40),
        kind=kind,
        year=entry.whole("year", 1990, 2100),
        announced=status == "announced",
        memory_bytes=facts["memory_bytes"].value,
        bytes_per_s=facts["bytes_per_s"].value,
        flops_per_s=_by_prefix(facts, "flops_per_s."),
        usable_memory_bytes=value("usable_memory_bytes"),
        memory_type=entry.text("memory_type", ""),
        scaleup_domain=int(facts["scaleup_domain"].value) if "scaleup_domain" in facts else 1,
        scaleup_bytes_per_s=value("scaleup_bytes_per_s"),
        scaleup_peer_bytes_per_s=value("scaleup_peer_bytes_per_s"),
        scaleout_bytes_per_s=value("scaleout_bytes_per_s"),
        torus_axes=int(value("torus_axes") or 0),
        wraps_from_chips=value("wraps_from_chips") or math.inf,
        pcie_generation=int(facts["pcie_generation"].value) if "pcie_generation" in facts else None,
        peer_access=value("peer_access") != 0,
        tdp_w=value("tdp_w"),
        all_in_w=value("all_in_w"),
        achievable_flops_per_s=_by_prefix(facts, "achievable_flops_per_s."),
        achievable_bytes_per_s=value("achievable_bytes_per_s"),
        aliases=tuple(normal(alias) for alias in entry.texts("aliases")),
        notes=entry.texts("notes") + checked,
        facts=facts,
    )
    return _checked(chip, entry)


def chip_ids() -> tuple[str, ...]:
    """The ids of all chips in the catalogue, sorted."""
    return tuple(sorted(set(machine_index()["chips"].values())))


@functools.cache
def _load(chip_id: str) -> Chip:
    path = DATA / "chips" / f"{chip_id}.toml"
    return chip_from_entry(Entry.top(f"chips/{path.name}", read_toml(path), machine_index()["sources"]))


def chip_by_label(label: str) -> str | None:
    """The id of the chip that a label stands for; None where there is none, or the label's memory is not the chip's."""
    found = plainer(str(label), machine_index()["chips"])
    size = memory_gigabytes(str(label))
    if found is None or size is None:
        return found
    chip = _load(found)
    sizes = (chip.memory_bytes, chip.usable_memory_bytes or chip.memory_bytes)
    within = any(abs(size * 1e9 / one - 1) <= _LABEL_WITHIN for one in sizes)
    return found if within else None


def load_chip(name: str) -> Chip:
    """The chip with this id or alias; UnknownName with the nearest three where there is none."""
    aliases = machine_index()["chips"]
    found = aliases.get(normal(name)) or chip_by_label(name)
    if found is None:
        from tokenroof.registry import nearest

        raise UnknownName("chip", str(name), nearest(normal(name), aliases), "see `tokenroof chips`")
    return _load(found)
