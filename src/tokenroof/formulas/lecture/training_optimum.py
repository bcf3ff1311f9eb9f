"""Where total cost is least: the lecture's equal-cost heuristic and the optimum that it stands for."""

from tokenroof.registry import formula
from tokenroof.types.quantities import Exponent, Number
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("falling_exponent",), decreasing=("rising_exponent",))
def rising_to_falling_cost_at_minimum(
    *, rising_exponent: Exponent, falling_exponent: Exponent, xp: Namespace = SCALAR
) -> Number:
    """Rising cost over falling cost where a * x^p + b * x^-q is least: equal only if both exponents are.

    Formula: a * x^p / (b * x^-q) = q / p
    Source: lecture E21 takes 1; section 7.10 has the general form.
    """
    return falling_exponent / rising_exponent


@formula(increasing=("falling_scale",), decreasing=("rising_scale",))
def least_cost_point(
    *,
    rising_scale: Number,
    rising_exponent: Exponent,
    falling_scale: Number,
    falling_exponent: Exponent,
    xp: Namespace = SCALAR,
) -> Number:
    """Where a rising and a falling power cost least together.

    Formula: x = (q * b / (p * a)) ^ (1 / (p + q))
    Source: section 7.10; derivative of a * x^p + b * x^-q.
    """
    balance = falling_exponent * falling_scale / (rising_exponent * rising_scale)
    return xp.power(balance, 1.0 / (rising_exponent + falling_exponent))
