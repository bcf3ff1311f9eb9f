"""State-space layers (Mamba, Mamba-2)."""

from tokenroof.mixers.kind import Cut, Kind, State, WhatIfs, Words
from tokenroof.mixers.recurrent import lower_recurrent, no_cache_formula, projection_params, state_bytes, state_flops
from tokenroof.mixers.what_ifs import no_faults, not_thinned, scaled, set_number
from tokenroof.types.model import Ssm

__all__ = ["KIND"]

KIND: Kind[Ssm] = Kind(
    name="ssm",
    mixer=Ssm,
    weight_class="recurrent",
    params=projection_params,
    cache=None,
    state=State(bytes=state_bytes, flops=state_flops),
    pair_flops=lambda m, absorbed: 0.0,
    scan_flops=lambda m: 0.0,
    indexer=lambda m: None,
    cuts=lambda m: (
        Cut("state-space heads", m.n_heads),
        Cut("state-space groups", m.n_groups, copies=True),
    ),
    shape={},
    lower=lower_recurrent,
    words=Words(
        title=lambda m: m.kind,
        tags=lambda m: frozenset({"ssm"}),
        geometry=lambda m: f"{m.n_heads} heads x {m.head_dim}, state {m.d_state}",
        cache_formula=no_cache_formula,
        cache_note=lambda m: "",
    ),
    what_ifs=WhatIfs(
        fields={"state": "state_elements"},
        change=set_number,
        widened=scaled,
        thinned=not_thinned,
        faults=no_faults,
    ),
    wide_at_4_bits=False,
)
