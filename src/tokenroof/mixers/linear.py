"""Linear attention (lightning, gated delta, KDA): a matrix of state per head."""

from tokenroof.mixers.kind import Cut, Kind, State, WhatIfs, Words
from tokenroof.mixers.recurrent import lower_recurrent, no_cache_formula, projection_params, state_bytes, state_flops
from tokenroof.mixers.what_ifs import no_faults, not_thinned, scaled, set_number
from tokenroof.types.model import LinearAttention

__all__ = ["KIND"]

KIND: Kind[LinearAttention] = Kind(
    name="linear",
    mixer=LinearAttention,
    weight_class="recurrent",
    params=projection_params,
    cache=None,
    state=State(bytes=state_bytes, flops=state_flops),
    pair_flops=lambda m, absorbed: 0.0,
    scan_flops=lambda m: 0.0,
    indexer=lambda m: None,
    cuts=lambda m: (
        Cut("value heads of linear attention", m.n_v_heads),
        Cut("key heads of linear attention", m.n_k_heads, copies=True),
    ),
    shape={},
    lower=lower_recurrent,
    words=Words(
        title=lambda m: m.kind,
        tags=lambda m: frozenset({"linear"}),
        geometry=lambda m: f"{m.n_v_heads} heads, state {m.k_head_dim} x {m.v_head_dim}",
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
