"""Layers without attention: pruned models, and hybrids that keep attention and network in layers of their own."""

from tokenroof.mixers.kind import Kind, WhatIfs, Words
from tokenroof.mixers.what_ifs import no_faults, not_thinned, set_number
from tokenroof.types.model import NoMixer

__all__ = ["KIND"]

KIND: Kind[NoMixer] = Kind(
    name="none",
    mixer=NoMixer,
    weight_class="attention",
    params=lambda m, hidden: 0,
    cache=None,
    state=None,
    cache_free=True,
    pair_flops=lambda m, absorbed: 0.0,
    scan_flops=lambda m: 0.0,
    indexer=lambda m: None,
    cuts=lambda m: (),
    shape={},
    lower=lambda rows, m, count: None,
    words=Words(
        title=lambda m: "none",
        tags=lambda m: frozenset(),
        geometry=lambda m: "",
        cache_formula=lambda m, kv_bytes: ("0", "0"),
        cache_note=lambda m: "",
    ),
    what_ifs=WhatIfs(
        fields={},
        change=set_number,
        widened=lambda m, before, after: m,
        thinned=not_thinned,
        faults=no_faults,
    ),
    wide_at_4_bits=False,
)
