"""Passes longer than one token: arithmetic that grows with the pass length."""

from tokenroof.registry import formula
from tokenroof.types.quantities import FlopsPerS, Params, Seconds, Tokens
from tokenroof.xp import SCALAR, Namespace

_FLOP_PER_PARAM_TOKEN = (2.0, "FLOP/param/token")


@formula(increasing=("tokens", "active_params"), decreasing=("flops_per_s",))
def pass_compute_time_s(
    *, tokens: Tokens, active_params: Params, flops_per_s: FlopsPerS, xp: Namespace = SCALAR
) -> Seconds:
    """Time of the weight matmuls of a pass over any number of new tokens.

    Formula: t_compute = 2 * A * T / F
    Source: lecture E31. Attention arithmetic is left out; see the attention family.
    """
    return tokens * active_params * xp.tag(*_FLOP_PER_PARAM_TOKEN) / flops_per_s
