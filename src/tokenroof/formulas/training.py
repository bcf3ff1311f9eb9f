"""Training and serving as one budget: FLOPs by phase, the equal-cost split, over-training.

`inefficiency` is how many times dearer a FLOP is in decode than in pre-training (about 3 in the lecture).
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    Flops,
    FlopsPerParamToken,
    Fraction,
    Number,
    Params,
    Seconds,
    Tokens,
    TokensPerParam,
    TokensPerS,
)
from tokenroof.xp import SCALAR, Namespace

_PRETRAIN = (6.0, "FLOP/param/token")
_FORWARD = (2.0, "FLOP/param/token")


@formula(increasing=("active_params", "tokens"))
def pretrain_flops(*, active_params: Params, tokens: Tokens, xp: Namespace = SCALAR) -> Flops:
    """Arithmetic of pre-training: two FLOP forward and four backward for each parameter and token.

    Formula: C_pre = 6 * A * D_pre
    Source: lecture E22, flashcard 5.1.
    """
    return xp.tag(*_PRETRAIN) * active_params * tokens


@formula(increasing=("active_params", "tokens", "flops_per_param_token", "inefficiency"))
def rl_flops(
    *,
    active_params: Params,
    tokens: Tokens,
    flops_per_param_token: FlopsPerParamToken,
    inefficiency: Number,
    xp: Namespace = SCALAR,
) -> Flops:
    """Cost of reinforcement learning in pre-training FLOPs: decode is inefficient, and 2 to 6 FLOP are done.

    Formula: C_RL = c_RL * A * D_RL * ineff
    Source: lecture E23.
    """
    return flops_per_param_token * active_params * tokens * inefficiency


@formula(increasing=("active_params", "tokens", "inefficiency"))
def inference_flops(*, active_params: Params, tokens: Tokens, inefficiency: Number, xp: Namespace = SCALAR) -> Flops:
    """Cost of serving in pre-training FLOPs.

    Formula: C_inf = 2 * A * D_inf * ineff
    Source: lecture E24.
    """
    return xp.tag(*_FORWARD) * active_params * tokens * inefficiency


@formula(increasing=("rl_share",), decreasing=("pretrain_share", "flops_per_param_token", "inefficiency"))
def rl_to_pretrain_tokens(
    *,
    rl_share: Fraction,
    pretrain_share: Fraction,
    flops_per_param_token: FlopsPerParamToken,
    inefficiency: Number,
    xp: Namespace = SCALAR,
) -> Number:
    """RL tokens for each pre-training token when the phases take given shares of the cost.

    Formula: D_RL / D_pre = (f_RL / f_pre) * 6 / (c_RL * ineff)
    Source: lecture E25, closed form 8.5, vectors R10.
    """
    return rl_share / pretrain_share * xp.tag(*_PRETRAIN) / (flops_per_param_token * inefficiency)


@formula(increasing=("inference_share",), decreasing=("pretrain_share", "inefficiency"))
def inference_to_pretrain_tokens(
    *, inference_share: Fraction, pretrain_share: Fraction, inefficiency: Number, xp: Namespace = SCALAR
) -> Number:
    """Served tokens for each pre-training token when the phases take given shares of the cost.

    Formula: D_inf / D_pre = (f_inf / f_pre) * 3 / ineff
    Source: lecture E25, closed form 8.5, vectors R10: equal at ineff = 3.
    """
    return inference_share / pretrain_share * (3.0 / inefficiency)


@formula(increasing=("tokens_per_s", "deployed_s"))
def served_tokens(*, tokens_per_s: TokensPerS, deployed_s: Seconds, xp: Namespace = SCALAR) -> Tokens:
    """Tokens that a model serves in its life.

    Formula: D_inf = rate * time
    Source: lecture E27, W8, W9, vector R11.
    """
    return tokens_per_s * deployed_s


@formula(increasing=("tokens",), decreasing=("active_params", "tokens_per_param"))
def overtraining_factor(
    *, tokens: Tokens, active_params: Params, tokens_per_param: TokensPerParam, xp: Namespace = SCALAR
) -> Number:
    """How many times more tokens than compute-optimal a model is trained on.

    Formula: D_pre / (20 * A), with the 20 as an input
    Source: lecture E26, W11, vector R11: in tokens, not in compute (slip S15).
    """
    return tokens / (tokens_per_param * active_params)
