"""Where total cost is least: sizes and tokens at a fixed loss.

The loss is L = E + a / N^alpha + b / D^beta with N in parameters and D in tokens. At a fixed loss a smaller
model needs more tokens; serving pulls towards the smaller one.
"""

from typing import Annotated, Any

from tokenroof.registry import formula
from tokenroof.types.quantities import Fraction, Number, Params, Tokens
from tokenroof.units import Quantity
from tokenroof.xp import SCALAR, Namespace, Num

# Ranges of published fits; the loss stays above the irreducible loss.
Loss = Annotated[Any, Quantity("1", 1.9, 3.5)]
IrreducibleLoss = Annotated[Any, Quantity("1", 1.5, 1.85)]
LossScale = Annotated[Any, Quantity("1", 100, 5000)]
LossExponent = Annotated[Any, Quantity("1", 0.25, 0.5)]
_ROUNDS = 24


def _loss_ratio(
    excess: Num, data_scale: Num, param_exponent: Num, data_exponent: Num, serving: Num, xp: Namespace
) -> Num:
    """Parameter part over data part of the reducible loss at the least cost of training and serving.

    The first-order condition is 6 * D(r) * (r / r0 - 1) = 2 * D_inf * ineff with r0 = beta / alpha, the
    optimum without serving. In log(r / r0 - 1) it is convex and rising, so Newton's method from the right
    end converges monotonically; its last step also makes the traced derivative the implicit one.
    """
    alone = data_exponent / param_exponent
    tokens_alone = xp.power(data_scale * (1.0 + alone) / excess, 1.0 / data_exponent)
    highest = xp.maximum(serving / tokens_alone, 1e-12)
    log_z = xp.log(highest)
    for _ in range(_ROUNDS):
        growth = alone / (1.0 + alone) * xp.exp(log_z)
        residual = xp.log(1.0 + growth) / data_exponent + log_z - xp.log(highest)
        log_z = log_z - residual / (1.0 + growth / (1.0 + growth) / data_exponent)
    return alone * (1.0 + xp.exp(log_z))


@formula(
    increasing=("irreducible_loss", "param_scale", "data_scale"),
    decreasing=("loss", "inference_tokens", "inefficiency"),
)
def fixed_loss_params(
    *,
    loss: Loss,
    irreducible_loss: IrreducibleLoss,
    param_scale: LossScale,
    data_scale: LossScale,
    param_exponent: LossExponent,
    data_exponent: LossExponent,
    inference_tokens: Tokens,
    inefficiency: Number,
    xp: Namespace = SCALAR,
) -> Params:
    """Parameters of the model that reaches a loss at the least cost of training and serving together.

    Formula: N = argmin 6 * N * D + 2 * N * D_inf * ineff subject to E + a / N^alpha + b / D^beta = L
    Source: closed form 8.9; Sardana et al. 2023 (arXiv 2401.00448) pose the same problem.
    """
    serving = inefficiency * inference_tokens / xp.tag(3.0, "token")
    excess = loss - irreducible_loss
    ratio = _loss_ratio(excess, data_scale, param_exponent, data_exponent, serving, xp)
    plain = xp.power(param_scale * (1.0 + ratio) / (ratio * excess), 1.0 / param_exponent)
    return xp.tag(1.0, "param") * plain


@formula(increasing=("irreducible_loss", "data_scale", "inference_tokens", "inefficiency"), decreasing=("loss",))
def fixed_loss_tokens(
    *,
    loss: Loss,
    irreducible_loss: IrreducibleLoss,
    data_scale: LossScale,
    param_exponent: LossExponent,
    data_exponent: LossExponent,
    inference_tokens: Tokens,
    inefficiency: Number,
    xp: Namespace = SCALAR,
) -> Tokens:
    """Training tokens of the model that reaches a loss at the least cost of training and serving together.

    Formula: D = (b / v) ^ (1 / beta), v the data part of the reducible loss at that optimum
    Source: closed form 8.9; the parameter scale drops out.
    """
    serving = inefficiency * inference_tokens / xp.tag(3.0, "token")
    excess = loss - irreducible_loss
    ratio = _loss_ratio(excess, data_scale, param_exponent, data_exponent, serving, xp)
    return xp.tag(1.0, "token") * xp.power(data_scale * (1.0 + ratio) / excess, 1.0 / data_exponent)


@formula(increasing=("tokens",), decreasing=("inference_tokens", "inefficiency"))
def training_cost_share(
    *, tokens: Tokens, inference_tokens: Tokens, inefficiency: Number, xp: Namespace = SCALAR
) -> Fraction:
    """Share of training in the cost of training and serving.

    Formula: 6 * D / (6 * D + 2 * D_inf * ineff)
    Source: closed form 8.9: 17 to 23 % at 200 T served tokens, not a third.
    """
    return tokens / (tokens + inference_tokens * inefficiency / 3.0)
