"""The lecture's training rules of thumb: FLOPs of a run, tokens for a size."""

from tokenroof.registry import formula
from tokenroof.types.quantities import Flops, FlopsPerParamToken, Number, Params, Tokens, TokensPerParam
from tokenroof.xp import SCALAR, Namespace

_PRETRAIN = (6.0, "FLOP/param/token")
_FORWARD = (2.0, "FLOP/param/token")


@formula(increasing=("active_params", "tokens", "extra_forwards"))
def training_flops(*, active_params: Params, tokens: Tokens, extra_forwards: Number, xp: Namespace = SCALAR) -> Flops:
    """Arithmetic of training when forward passes are repeated to save activation memory.

    Formula: (6 + 2 * r) * A * D; r = 1 for full recomputation and for reversible layers
    Source: lecture 2.7: 6ND becomes 8ND.
    """
    return (xp.tag(*_PRETRAIN) + extra_forwards * xp.tag(*_FORWARD)) * active_params * tokens


@formula(increasing=("flops_per_param_token", "inefficiency"))
def token_cost_to_pretraining(
    *, flops_per_param_token: FlopsPerParamToken, inefficiency: Number, xp: Namespace = SCALAR
) -> Number:
    """Cost of one token of a phase over one token of pre-training; 2 FLOP for serving, 2 to 6 for RL.

    Formula: c * ineff / 6
    Source: lecture E25; W13 and W14 first used 0.3 where ineff = 1 / 0.3 belongs (the sign slip).
    """
    return flops_per_param_token * inefficiency / xp.tag(*_PRETRAIN)


@formula(increasing=("active_params", "tokens_per_param"))
def compute_optimal_tokens(
    *, active_params: Params, tokens_per_param: TokensPerParam, xp: Namespace = SCALAR
) -> Tokens:
    """Training tokens of a compute-optimal model.

    Formula: D = 20 * A, with the 20 as an input
    Source: lecture E26; Hoffmann et al. 2022 (arXiv 2203.15556).
    """
    return tokens_per_param * active_params
