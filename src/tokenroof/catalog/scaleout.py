"""Kinds of network between servers by name: the latency of a step and the share of bandwidth that they are good for."""

import functools
from collections.abc import Mapping

from tokenroof.catalog.facts import Entry, Range, read_toml
from tokenroof.catalog.machine_index import DATA
from tokenroof.errors import InputError
from tokenroof.provenance import Fact

__all__ = ["NETWORKS", "network_facts"]

NETWORKS = ("infiniband", "roce", "ethernet")
_FIELDS = {
    "latency": ("scaleout_latency_s", Range("s", 1e-8, 1.0)),
    "share": ("scaleout_share", Range("1", 1e-3, 1.0)),
}


@functools.cache
def _networks() -> Mapping[str, Mapping[str, Fact]]:
    entry = Entry.top("networks.toml", read_toml(DATA / "networks" / "networks.toml"), {})
    found: dict[str, Mapping[str, Fact]] = {}
    for name in NETWORKS:
        section = entry.section(name)
        section.only(tuple(_FIELDS))
        found[name] = {fact: section.required(key, allowed) for key, (fact, allowed) in _FIELDS.items()}
    return found


def network_facts(name: str, field: str) -> dict[str, Fact]:
    """What a system with this network between its domains waits and reaches; nothing where none is named."""
    if not name:
        return {}
    if name not in NETWORKS:
        raise InputError(field, name, f"one of {', '.join(NETWORKS)}")
    return dict(_networks()[name])
