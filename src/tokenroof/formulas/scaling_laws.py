"""Quality against size: the Chinchilla law.

Exponents are given as positive numbers; the signs are in the formulas.
"""

from typing import Annotated, Any

from tokenroof.registry import formula
from tokenroof.types.quantities import Number, Params, Tokens
from tokenroof.units import Quantity
from tokenroof.xp import SCALAR, Namespace

SizeExponent = Annotated[Any, Quantity("1", 0.05, 0.5)]
Offset = Annotated[Any, Quantity("1", 0.5, 3)]
Coefficient = Annotated[Any, Quantity("1", 10, 1e4)]


@formula(decreasing=("params", "tokens"))
def chinchilla_loss(
    *,
    params: Params,
    tokens: Tokens,
    irreducible: Offset,
    size_coefficient: Coefficient,
    data_coefficient: Coefficient,
    size_exponent: SizeExponent,
    data_exponent: SizeExponent,
    xp: Namespace = SCALAR,
) -> Number:
    """Loss of a dense model of `params` after `tokens` of training.

    Formula: L = E + A / N^alpha + B / D^beta
    Source: Hoffmann et al. 2022, published rounded fit: 1.69, 406.4, 410.7, 0.34, 0.28.
    """
    by_size = size_coefficient / xp.power(params / xp.tag(1.0, "param"), size_exponent)
    by_data = data_coefficient / xp.power(tokens / xp.tag(1.0, "token"), data_exponent)
    return irreducible + by_size + by_data
