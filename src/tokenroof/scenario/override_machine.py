"""What-ifs of a machine. Figures that hang together move together.

memory        the label and what the driver reports      bandwidth, FLOP/s   the peak and what was reached of it
links         of the chip, its system and each peer      domain, GPUs        who is wired to whom, power of the whole
latencies     of a step inside and between domains       network, PCIe       kinds of links, with what they are good for
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tokenroof.catalog.chips import RATE_KEYS
from tokenroof.catalog.power_cap import capped_chip
from tokenroof.catalog.scaleout import NETWORKS, network_facts
from tokenroof.errors import InputError
from tokenroof.provenance import Fact, given
from tokenroof.scenario.override_values import Amount, Override, Rule, amount_of, fact_of
from tokenroof.types.machine import PCIE_BYTES_PER_S, PCIE_SERVER, Chip, System

__all__ = ["MACHINE_FIELDS", "change_machine", "check_machine"]

M = TypeVar("M", Chip, System)

_BANDWIDTH = functools.partial(Rule, unit="GB/s", low=1e6, high=1e17)
_WATTS = functools.partial(Rule, unit="W", low=1.0, high=1e9)
_GPUS = functools.partial(Rule, unit="GPU", low=1, high=1e6, whole=True)
_LATENCY = functools.partial(Rule, unit="us", low=1e-8, high=1.0)
_NETWORK = "system.network"


@dataclass(frozen=True, slots=True)
class _Field:
    """How a field is read, and written with its old and its new value."""

    rule: Rule
    read: Callable[[System], float | None]
    write: Callable[[System, float | None, float], System]
    facts: tuple[str, ...]  # of the chip where the field's name starts with chip, else of the system


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _on_chip(system: System, **changes: Any) -> System:
    return replace(system, chip=replace(system.chip, **changes))


def _factor(before: float | None, after: float) -> float:
    return after / before if before else 1.0


def _bandwidth(system: System, before: float | None, after: float) -> System:
    reached = _times(system.chip.achievable_bytes_per_s, _factor(before, after))
    return _on_chip(system, bytes_per_s=after, achievable_bytes_per_s=reached)


def _memory(system: System, before: float | None, after: float) -> System:
    usable = _times(system.chip.usable_memory_bytes, _factor(before, after))
    return _on_chip(system, memory_bytes=after, usable_memory_bytes=usable)


def _rate(key: str, system: System, before: float | None, after: float) -> System:
    chip = system.chip
    reached = dict(chip.achievable_flops_per_s)
    if key in reached:
        reached[key] *= _factor(before, after)
    return _on_chip(system, flops_per_s={**chip.flops_per_s, key: after}, achievable_flops_per_s=reached)


def _chip_scaleup(system: System, before: float | None, after: float) -> System:
    """Boards without a network of their own talk over the same links, whatever the level is called."""
    factor, shared = _factor(before, after), system.chip.scaleout_bytes_per_s is None
    if before is None:
        own = after if system.domain_size > 1 else None
    else:
        own = _times(system.scaleup_bytes_per_s, factor)
    out = system.scaleout_bytes_per_s
    if shared and out is not None and out == before:
        out = after
    changed = replace(system, scaleup_bytes_per_s=own, scaleout_bytes_per_s=out)
    peer = _times(system.chip.scaleup_peer_bytes_per_s, factor)
    return _on_chip(changed, scaleup_bytes_per_s=after, scaleup_peer_bytes_per_s=peer)


def _chip_scaleout(system: System, before: float | None, after: float) -> System:
    own = after if before is None else _times(system.scaleout_bytes_per_s, _factor(before, after))
    return _on_chip(replace(system, scaleout_bytes_per_s=own), scaleout_bytes_per_s=after)


def _system_scaleup(system: System, before: float | None, after: float) -> System:
    peer = _times(system.chip.scaleup_peer_bytes_per_s, _factor(before, after))
    return _on_chip(replace(system, scaleup_bytes_per_s=after), scaleup_peer_bytes_per_s=peer)


def _wired(system: System, domain: int) -> System:
    """In a mesh a chip has as many links as it has peers; a switch gives it all of them."""
    whole, peer = system.chip.scaleup_bytes_per_s, system.chip.scaleup_peer_bytes_per_s
    up = system.scaleup_bytes_per_s if peer is None or whole is None else min(whole, peer * max(domain - 1, 1))
    return replace(system, domain_size=domain, scaleup_bytes_per_s=whole if up is None and domain > 1 else up)


def _chip_domain(system: System, before: float | None, after: float) -> System:
    wired = _wired(system, min(system.n_chips, int(after)))
    return _on_chip(wired, scaleup_domain=int(after))


def _domain(system: System, before: float | None, after: float) -> System:
    return _wired(system, int(after))


def _gpus(system: System, before: float | None, after: float) -> System:
    """More of the same wiring: a domain grows no larger than the chip's network, or than it was."""
    count, chip = int(after), system.chip
    wired = _wired(system, min(count, max(system.domain_size, chip.reach)))
    composed = system.id in (chip.id, f"{system.n_chips}x{chip.id}")
    return replace(
        wired,
        n_chips=count,
        power_w=_times(system.power_w, _factor(before, after)),
        id=f"{count}x{chip.id}" if composed else f"{system.id}, {count} GPUs",
        name=f"{count} x {chip.name}" if composed else f"{system.name}, {count} GPUs",
    )


def _cap(system: System, before: float | None, after: float) -> System:
    return replace(system, chip=capped_chip(system.chip, given(after, "W", "a power cap"), "chip.power_cap"))


def _pcie(system: System, before: float | None, after: float) -> System:
    """A server whose cards have only its bus, of this generation."""
    domain = system.domain_size if system.pcie_generation is not None else min(system.n_chips, PCIE_SERVER)
    return replace(
        system,
        pcie_generation=int(after),
        domain_size=domain,
        scaleup_bytes_per_s=PCIE_BYTES_PER_S[int(after)],
        bridge_size=1,
    )


def _peer_access(system: System, before: float | None, after: float) -> System:
    return replace(system, peer_access=after == 1)


def _plain(owner: str, name: str) -> tuple[Callable[[System], float | None], Callable[..., System]]:
    def read(system: System) -> float | None:
        value: float | None = getattr(system.chip if owner == "chip" else system, name)
        return value

    def write(system: System, before: float | None, after: float) -> System:
        changes: dict[str, Any] = {name: after}
        return _on_chip(system, **changes) if owner == "chip" else replace(system, **changes)

    return read, write


def _link(system: System, name: str) -> float | None:
    own: float | None = getattr(system, name)
    fallback: float | None = getattr(system.chip, name)
    return fallback if own is None else own


_FIELDS: dict[str, _Field] = {
    "chip.memory_bandwidth": _Field(
        Rule(what="memory bandwidth", unit="TB/s", low=1e6, high=1e17),
        lambda s: s.chip.bytes_per_s, _bandwidth, ("bytes_per_s", "achievable_bytes_per_s"),
    ),
    "chip.memory": _Field(
        Rule(what="memory", unit="GB", low=1e6, high=1e16),
        lambda s: s.chip.memory_bytes, _memory, ("memory_bytes", "usable_memory_bytes"),
    ),
    **{
        f"chip.flops.{key}": _Field(
            Rule(what=f"dense {key} arithmetic", unit="TFLOP/s", low=1e9, high=1e20),
            functools.partial(lambda key, s: s.chip.flops_per_s.get(key), key),
            functools.partial(_rate, key), (f"flops_per_s.{key}", f"achievable_flops_per_s.{key}"),
        )
        for key in RATE_KEYS
    },
    "chip.scaleup_bandwidth": _Field(
        _BANDWIDTH(what="scale-up bandwidth of one chip, one direction"),
        lambda s: s.chip.scaleup_bytes_per_s, _chip_scaleup, ("scaleup_bytes_per_s", "scaleup_peer_bytes_per_s"),
    ),
    "chip.scaleout_bandwidth": _Field(
        _BANDWIDTH(what="scale-out bandwidth of one chip, one direction"),
        lambda s: s.chip.scaleout_bytes_per_s, _chip_scaleout, ("scaleout_bytes_per_s",),
    ),
    "chip.domain": _Field(
        _GPUS(what="chips that its scale-up network can join"),
        lambda s: s.chip.scaleup_domain, _chip_domain, ("scaleup_domain",),
    ),
    "chip.tdp": _Field(_WATTS(what="thermal design power"), *_plain("chip", "tdp_w"), ("tdp_w",)),
    "chip.power_cap": _Field(
        _WATTS(what="power cap: clocks fall, memory keeps its own"),
        lambda s: s.chip.power_cap_w or s.chip.tdp_w, _cap, ("power_cap_w",),
    ),
    "chip.all_in_power": _Field(
        _WATTS(what="power with its share of the server"), *_plain("chip", "all_in_w"), ("all_in_w",)
    ),
    "system.gpus": _Field(_GPUS(what="GPUs"), lambda s: s.n_chips, _gpus, ("n_chips",)),
    "system.domain_size": _Field(
        _GPUS(what="GPUs in one scale-up domain"), lambda s: s.domain_size, _domain, ("domain_size",)
    ),
    "system.scaleup_bandwidth": _Field(
        _BANDWIDTH(what="scale-up bandwidth of one GPU here, one direction"),
        lambda s: _link(s, "scaleup_bytes_per_s"), _system_scaleup, ("scaleup_bytes_per_s",),
    ),
    "system.scaleout_bandwidth": _Field(
        _BANDWIDTH(what="scale-out bandwidth of one GPU here, one direction"),
        lambda s: _link(s, "scaleout_bytes_per_s"), _plain("system", "scaleout_bytes_per_s")[1],
        ("scaleout_bytes_per_s",),
    ),
    "system.scaleup_latency": _Field(
        _LATENCY(what="latency of a step of a collective inside a domain"),
        *_plain("system", "scaleup_latency_s"), ("scaleup_latency_s",),
    ),
    "system.scaleout_latency": _Field(
        _LATENCY(what="latency of a step of a collective between domains"),
        *_plain("system", "scaleout_latency_s"), ("scaleout_latency_s",),
    ),
    "system.pcie_generation": _Field(
        Rule(what="PCIe that joins the cards of a server", low=3, high=6, whole=True),
        lambda s: s.pcie_generation, _pcie, ("pcie_generation",),
    ),
    "system.peer_access": _Field(
        Rule(what="cards on PCIe reach each other's memory (1) or use the host's (0)", low=0, high=1, whole=True),
        lambda s: float(s.peer_access), _peer_access, ("peer_access",),
    ),
    "system.power": _Field(_WATTS(what="power of the whole system"), *_plain("system", "power_w"), ("power_w",)),
}  # fmt: skip

MACHINE_FIELDS: Mapping[str, Rule] = {
    **{name: field.rule for name, field in _FIELDS.items()},
    "chip.flops": Rule(what="arithmetic in every format, by a factor", unit="TFLOP/s", low=1e9, high=1e20),
    _NETWORK: Rule(what=f"network between domains: {', '.join(NETWORKS)}", unit=""),
}


def _set_facts(system: System, name: str, field: _Field, amount: Amount, after: float) -> System:
    """Grade what was changed `given`: the field itself, and what moved with it by the same factor."""
    chip = name.startswith("chip.")
    owner: Chip | System = system.chip if chip else system
    facts: dict[str, Fact] = dict(owner.facts)
    first, *others = field.facts
    before = facts[first].value if first in facts else None
    facts[first] = fact_of(after, field.rule, amount.text)
    for other in others:
        if other in facts:
            facts[other] = fact_of(facts[other].value * _factor(before, after), field.rule, amount.text)
    return _on_chip(system, facts=facts) if chip else replace(system, facts=facts)


def _set_link_facts(before: System, system: System, amount: Amount) -> System:
    """A link's fact on the system, where it moved with the chip's or with the wiring."""
    changed = dict(system.facts)
    for level in ("scaleup_bytes_per_s", "scaleout_bytes_per_s"):
        value = getattr(system, level)
        if value is not None and value != getattr(before, level):
            changed[level] = fact_of(value, _BANDWIDTH(what="link"), f"{amount.field} = {amount.text}")
    return replace(system, facts=changed)


def _change(system: System, name: str, text: str) -> tuple[System, tuple[Override, ...]]:
    field = _FIELDS[name]
    amount = amount_of(name, text, field.rule)
    before = field.read(system)
    after = amount.of(before, system.chip.name if name.startswith("chip.") else system.name)
    changed = system if after == before else field.write(system, before, after)
    changed = _set_facts(changed, name, field, amount, after)
    if name not in {"system.scaleout_bandwidth", "system.scaleup_bandwidth"}:
        changed = _set_link_facts(system, changed, amount)
    return changed, (Override(name, before, after, field.rule.base),)


def _networked(system: System, text: str) -> tuple[System, tuple[Override, ...]]:
    """Another kind of network between domains: what a step waits and what is reached; the link's bandwidth stays."""
    word = text.strip().lower()
    facts = network_facts(word, _NETWORK)
    changed = replace(
        system, network=word, scaleout_latency_s=facts["scaleout_latency_s"].value,
        scaleout_share=facts["scaleout_share"].value, facts={**system.facts, **facts},
    )  # fmt: skip
    return changed, (Override(_NETWORK, system.network or None, word),)


def change_machine(system: System, name: str, text: str) -> tuple[System, tuple[Override, ...]]:
    """The system with one field of MACHINE_FIELDS changed."""
    if name == _NETWORK:
        return _networked(system, text)
    if name != "chip.flops":
        return _change(system, name, text)
    if amount_of(name, text, MACHINE_FIELDS[name]).factor is None:
        raise InputError(
            name, text, "relative, such as 1.5x or +10%", "give an absolute rate to a format: chip.flops.fp8"
        )
    told: tuple[Override, ...] = ()
    for key in system.chip.flops_per_s:
        system, more = _change(system, f"chip.flops.{key}", text)
        told += more
    return system, told


def check_machine(system: System) -> None:
    """InputError where the changed numbers of a machine contradict each other."""
    if system.domain_size > system.n_chips:
        raise InputError(
            "system.domain_size", system.domain_size, f"at most the {system.n_chips} GPUs of the system",
            "set system.gpus too",
        )  # fmt: skip
