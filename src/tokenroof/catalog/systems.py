"""Systems by name, composed from a chip, or read from a file.

h100            one chip                        8xh100        eight, as many to a scale-up domain as fit
gb200-nvl72     a rack with a file of its own   2xgb200-nvl72 two of them, joined by the scale-out network
v5e-16          a TPU slice by its vendor's name
path/to.toml    your own: a system, or a chip as `microbench` measures it, alone
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tokenroof.catalog.chips import chip_by_label, chip_from_entry, load_chip
from tokenroof.catalog.facts import Entry, Range, read_toml
from tokenroof.catalog.machine_index import DATA, machine_index, normal
from tokenroof.catalog.power_cap import capped_chip
from tokenroof.catalog.rental import RENTAL, load_rental
from tokenroof.catalog.scaleout import network_facts
from tokenroof.errors import InputError, UnknownName
from tokenroof.provenance import Fact, Grade, worst_grade
from tokenroof.reading import expanded
from tokenroof.types.machine import PCIE_BYTES_PER_S, PCIE_SERVER, Chip, RentalPrice, System
from tokenroof.xp import SCALAR

__all__ = ["LATENCY", "MAX_CHIPS", "PCIE", "compose_system", "load_system", "load_system_file", "system_names"]

MAX_CHIPS = 1_000_000
_TIMES = re.compile(r"(\d{1,9})x(.+)")
_SLICE = re.compile(r"(.+)-(\d{1,9})")
_COUNT = Range("GPU", 1, MAX_CHIPS, whole=True)
_LINK = Range("B/s", 1e6, 1e17)
LATENCY = Range("s", 1e-8, 1.0)
PCIE = Range("1", min(PCIE_BYTES_PER_S), max(PCIE_BYTES_PER_S), whole=True)
_YES_OR_NO = Range("1", 0, 1, whole=True)
_LINK_KEYS = ("scaleup", "scaleout", "scaleup_latency", "scaleout_latency", "pcie", "peer_access", "network")
_TOP = ("id", "name", "chip", "aliases", "notes", "defaults", "size", "links", "power", "rental")

_ASSUMED_NETWORK = Fact(
    value=12.5e9,
    unit="B/s",
    source="no network card of such servers is recorded",
    as_of="2026-11-29",
    grade=Grade.ASSUMED,
    note="100 Gbit/s a card, so that servers of cards without one can be asked about: give your own as links.scaleout",
)


def system_names() -> tuple[str, ...]:
    """Names worth listing: every chip alone, usual servers, racks, slices. Any other count composes too."""
    return tuple(machine_index()["system_names"])


def _count(n: int, name: str) -> int:
    if not 1 <= n <= MAX_CHIPS:
        raise InputError("n_chips", n, f"a whole number from 1 to {MAX_CHIPS}", f"asked for by {name!r}")
    return n


def _scaleup(chip: Chip, domain: int) -> Fact | None:
    """One chip's bandwidth inside a domain; a mesh has links only to the peers that are there."""
    whole, peer = chip.facts.get("scaleup_bytes_per_s"), chip.facts.get("scaleup_peer_bytes_per_s")
    if domain == 1 or whole is None:
        return None
    share = chip.torus_share(domain, SCALAR) if chip.torus_axes else 1.0
    if share < 1.0:
        grade, note = (
            worst_grade((whole.grade, Grade.DERIVED)),
            f"{share:.2g} of a chip's links: a mesh of {domain} chips",
        )
        return replace(whole, value=whole.value * share, grade=grade, note=note)
    if peer is None or peer.value * (domain - 1) >= whole.value:
        return whole
    return Fact(
        value=peer.value * (domain - 1),
        unit=whole.unit,
        source=peer.source,
        as_of=peer.as_of,
        grade=worst_grade((peer.grade, Grade.DERIVED)),
        note=f"{domain - 1} direct links of a mesh, one to each peer",
    )


def _link_facts(chip: Chip, domain: int, several: bool) -> dict[str, Fact]:
    """Links of one chip: those of its domain, be it the server's bus, and the network between domains."""
    scaleout = chip.facts.get("scaleout_bytes_per_s")
    if scaleout is None and chip.on_pcie and several:
        scaleout = _ASSUMED_NETWORK
    links = {"scaleup_bytes_per_s": _scaleup(chip, domain), "scaleout_bytes_per_s": scaleout}
    return {name: fact for name, fact in links.items() if fact is not None}


def _bus_facts(chip: Chip, domain: int, several: bool) -> dict[str, Fact]:
    """Of cards that bridges join in pairs and a server's bus beyond them: the bus, and the bridges apart."""
    lanes, bridge = _lanes(chip.facts.get("pcie_generation")), chip.facts.get("scaleup_bytes_per_s")
    scaleout = chip.facts.get("scaleout_bytes_per_s") or _ASSUMED_NETWORK
    links = {"scaleup_bytes_per_s": lanes, "bridge_bytes_per_s": bridge, "scaleout_bytes_per_s": scaleout}
    return {name: fact for name, fact in links.items() if fact is not None and (several or name[:8] != "scaleout")}


def _value(facts: Mapping[str, Fact], name: str) -> float | None:
    return facts[name].value if name in facts else None


def compose_system(chip: Chip, n_chips: int) -> System:
    """`n_chips` of one chip in domains as large as its scale-up network reaches."""
    n_chips = _count(n_chips, f"{n_chips}x{chip.id}")
    domain = min(n_chips, chip.reach)
    on_bus = chip.on_pcie or (chip.bridged and n_chips > chip.scaleup_domain)
    facts = (_bus_facts if on_bus and chip.bridged else _link_facts)(chip, domain, n_chips > domain)
    notes = []
    if on_bus and chip.bridged:
        notes.append(f"Bridges join {chip.scaleup_domain} cards each; beyond them data goes over the server's PCIe.")
    if chip.on_pcie and n_chips > 1:
        how = "reach each other's memory" if chip.peer_access else "pass data through the host's memory"
        notes.append(f"One domain is a server of up to {PCIE_SERVER} cards, which {how} over PCIe.")
    if n_chips % domain:
        notes.append(f"{n_chips} is no multiple of the scale-up domain of {domain}: the last domain is smaller.")
    if n_chips > 1 and not facts:
        notes.append("No network between these chips is recorded.")
    if chip.announced:
        notes.append("Announced, not shipping.")
    return System(
        id=chip.id if n_chips == 1 else f"{n_chips}x{chip.id}",
        name=chip.name if n_chips == 1 else f"{n_chips} x {chip.name}",
        chip=chip,
        n_chips=n_chips,
        domain_size=domain,
        scaleup_bytes_per_s=_value(facts, "scaleup_bytes_per_s"),
        scaleout_bytes_per_s=_value(facts, "scaleout_bytes_per_s"),
        pcie_generation=chip.pcie_generation if on_bus else None,
        peer_access=chip.peer_access,
        bridge_size=chip.scaleup_domain if on_bus else 1,
        bridge_bytes_per_s=_value(facts, "bridge_bytes_per_s"),
        rental=load_rental(chip.id),
        notes=tuple(notes),
        facts=facts,
    )


def _times(n: int, one: System) -> System:
    """`n` systems side by side: chips multiply, the domain stays."""
    n_chips = _count(n * one.n_chips, f"{n}x{one.id}")
    facts = {name: fact for name, fact in one.facts.items() if name != "power_w"}
    if "n_chips" in facts:
        facts["n_chips"] = replace(facts["n_chips"], value=float(n_chips), note=f"{n} times one system")
    power = one.facts.get("power_w")
    if power is not None:
        facts["power_w"] = replace(power, value=power.value * n, note=f"{n} times one system")
    return replace(
        one,
        id=f"{n}x{one.id}",
        name=f"{n} x {one.name}",
        n_chips=n_chips,
        power_w=_value(facts, "power_w"),
        aliases=(),
        facts=facts,
    )


def _slice(name: str) -> System | None:
    """A TPU slice; generations whose names count TensorCores say so in the notes."""
    match = _SLICE.fullmatch(name)
    rule = machine_index()["slices"].get(match[1].removeprefix("tpu-")) if match else None
    if match is None or rule is None:
        return None
    count, cores, most = int(match[2]), rule["cores_per_chip"], rule["max_chips"] * rule["cores_per_chip"]
    if not cores <= count <= most or count % cores:
        unit = "TensorCores" if cores > 1 else "chips"
        raise InputError(
            "slice",
            name,
            f"{match[1]}-N with N {unit}, from {cores} to {most}" + (f", a multiple of {cores}" if cores > 1 else ""),
        )
    system = compose_system(load_chip(rule["chip"]), count // cores)
    notes = list(system.notes)
    if cores > 1:
        notes.append(f"The name counts TensorCores, {cores} to a chip: {name} is {count // cores} chips.")
    if count // cores < system.chip.wraps_from_chips:
        notes.append(f"Wrap-around links of the torus only from {system.chip.wraps_from_chips:g} chips on.")
    return replace(system, id=name, name=f"{system.chip.name} slice, {name}", notes=tuple(notes))


@functools.lru_cache(maxsize=256)
def _resolve(name: str) -> System | None:
    index = machine_index()
    found = index["systems"].get(name)
    if found is not None and (DATA / "systems" / f"{found}.toml").is_file():
        path = DATA / "systems" / f"{found}.toml"
        return _system_from_entry(Entry.top(f"systems/{path.name}", read_toml(path), index["sources"]))
    if found is not None:
        return _resolve(found)
    if name in index["chips"]:
        return compose_system(load_chip(name), 1)
    match = _TIMES.fullmatch(name)
    if match and match[2] in index["chips"]:
        return compose_system(load_chip(match[2]), _count(int(match[1]), name))
    if match:
        one = _resolve(match[2].removeprefix("-"))
        if one is None:
            return None
        if one.n_chips == 1:  # a chip by its label, which links with others of its kind
            return compose_system(one.chip, _count(int(match[1]), name))
        return _times(_count(int(match[1]), name), one)
    labelled = None if (sliced := _slice(name)) is not None else chip_by_label(name)
    return sliced if labelled is None else compose_system(load_chip(labelled), 1)


def load_system(name: str) -> System:
    """The system of this name or TOML file; UnknownName with the nearest three where there is none."""
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return load_system_file(name)
    wanted = normal(name)
    found = _resolve(wanted) if len(wanted) <= 80 else None
    if found is None:
        from tokenroof.registry import nearest

        count, index = _TIMES.fullmatch(wanted), machine_index()
        chips, names = index["chips"], index["systems"]
        close: dict[str, str] = {}  # an alias is not another machine: the nearest spelling of each
        if count:
            for spelt in nearest(count[2], chips, 6):
                close.setdefault(f"{count[1]}x{chips[spelt]}", f"{count[1]}x{spelt}")
        for spelt in nearest(wanted[:80], {*system_names(), *names}, 12):
            close.setdefault(names.get(spelt, spelt), spelt)
        fix = "see `tokenroof systems`, or give a TOML file"
        if count:
            fix = "NxCHIP makes a system of N chips, see `tokenroof chips`"
        raise UnknownName("system", str(name), tuple(close.values())[:3], fix)
    return found


def load_system_file(path: str | Path) -> System:
    """A system of your own, or one chip, from a TOML file of at most 256 KB; docs/guide/machines.md has the form."""
    if "\0" in str(path):
        raise InputError("file", str(path), "a path without null characters")
    path = expanded(path, "system")
    entry = Entry.top(path.name, read_toml(path), machine_index()["sources"])
    if "memory" in entry.table and "chip" not in entry.table:  # a chip's own file: a machine of one
        return compose_system(chip_from_entry(entry), 1)
    return _system_from_entry(entry)


def _chip_of(entry: Entry) -> Chip:
    given = entry.table.get("chip")
    if isinstance(given, dict):
        return chip_from_entry(entry.section("chip"))
    return load_chip(entry.text("chip", limit=80))


def _rental_of(entry: Entry, chip: Chip) -> RentalPrice | None:
    if not entry.table:
        return load_rental(chip.id)
    entry.only(("low", "median", "high"))
    low, middle, high = (entry.required(key, RENTAL) for key in ("low", "median", "high"))
    if not low.value <= middle.value <= high.value:
        raise InputError(entry.field("median"), middle.value * 3600, "from low to high")
    return RentalPrice(
        low_usd_per_h=low.value * 3600,
        median_usd_per_h=middle.value * 3600,
        high_usd_per_h=high.value * 3600,
        n=1,
        as_of=middle.as_of,
        source=middle.source,
    )


def _domain(entry: Entry, chip: Chip, n_chips: int, own_fabric: bool) -> int:
    fact = entry.fact("domain", _COUNT)
    domain = min(n_chips, chip.reach) if fact is None else int(fact.value)
    if domain > n_chips:
        raise InputError(entry.field("domain"), domain, f"at most n_chips, {n_chips}")
    if domain > chip.reach and not own_fabric:
        limit = f"at most the scale-up domain of {chip.id}, {chip.reach}"
        raise InputError(
            entry.field("domain"), domain, limit, "or give the bandwidth of your own fabric as links.scaleup"
        )
    return domain


def _lanes(pcie: Fact | None) -> Fact | None:
    """Bandwidth of sixteen lanes of a PCIe generation."""
    if pcie is None:
        return None
    grade = worst_grade((pcie.grade, Grade.DERIVED))
    note = f"sixteen lanes of PCIe {pcie.value:g}"
    return replace(pcie, value=PCIE_BYTES_PER_S[int(pcie.value)], unit="B/s", grade=grade, note=note)


def _generation(facts: Mapping[str, Fact], chip: Chip) -> int | None:
    if "pcie_generation" in facts:
        return int(facts["pcie_generation"].value)
    return chip.pcie_generation if chip.on_pcie else None


def _system_from_entry(entry: Entry) -> System:
    entry.only(_TOP)
    chip = _chip_of(entry)
    size, links, power = entry.section("size"), entry.section("links"), entry.section("power")
    for section, keys in (
        (size, ("n_chips", "domain")),
        (links, _LINK_KEYS),
        (power, ("total", "cap")),
    ):
        section.only(keys)
    cap = power.fact("cap", Range("W", 1.0, 1e7))
    chip = chip if cap is None else capped_chip(chip, cap, power.field("cap"))
    n_fact = size.required("n_chips", _COUNT)
    n_chips = int(n_fact.value)
    pcie = links.fact("pcie", PCIE)
    scaleup = links.fact("scaleup", _LINK) or _lanes(pcie)
    domain = _domain(size, chip, n_chips, scaleup is not None)
    facts = _link_facts(chip, min(domain, chip.reach), n_chips > domain) | {"n_chips": n_fact}
    given = {
        "scaleup_bytes_per_s": scaleup,
        "scaleout_bytes_per_s": links.fact("scaleout", _LINK),
        "pcie_generation": pcie,
        "peer_access": links.fact("peer_access", _YES_OR_NO),
        "scaleup_latency_s": links.fact("scaleup_latency", LATENCY),
        "scaleout_latency_s": links.fact("scaleout_latency", LATENCY),
        "power_w": power.fact("total", Range("W", 1.0, 1e12)),
    }
    facts |= {name: fact for name, fact in given.items() if fact is not None}
    network = links.text("network", "")
    facts = network_facts(network, links.field("network")) | facts
    announced = ("Announced, not shipping.",) if chip.announced else ()
    return System(
        id=normal(entry.text("id", limit=60)),
        name=entry.text("name", limit=120),
        chip=chip,
        n_chips=n_chips,
        domain_size=domain,
        scaleup_bytes_per_s=_value(facts, "scaleup_bytes_per_s"),
        scaleout_bytes_per_s=_value(facts, "scaleout_bytes_per_s"),
        pcie_generation=_generation(facts, chip),
        peer_access=chip.peer_access if "peer_access" not in facts else facts["peer_access"].value == 1,
        scaleup_latency_s=_value(facts, "scaleup_latency_s"),
        scaleout_latency_s=_value(facts, "scaleout_latency_s"),
        scaleout_share=_value(facts, "scaleout_share"),
        network=network,
        power_w=_value(facts, "power_w"),
        rental=_rental_of(entry.section("rental"), chip),
        aliases=tuple(normal(alias) for alias in entry.texts("aliases")),
        notes=entry.texts("notes") + announced,
        facts=facts,
    )
