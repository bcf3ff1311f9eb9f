"""Quality against size: the law of Clark et al. for routed models.

Exponents are given as positive numbers; the signs are in the formulas.
"""

from typing import Annotated, Any

from tokenroof.registry import formula
from tokenroof.types.quantities import Number, Params
from tokenroof.units import Quantity
from tokenroof.xp import SCALAR, Namespace, Num

Experts = Annotated[Any, Quantity("1", 1, 4096)]
FewestExperts = Annotated[Any, Quantity("1", 1.5, 10)]
MostExperts = Annotated[Any, Quantity("1", 100, 1000)]
SizeExponent = Annotated[Any, Quantity("1", 0.05, 0.5)]
RoutingExponent = Annotated[Any, Quantity("1", 0.05, 0.2)]
Interaction = Annotated[Any, Quantity("1", 0.005, 0.02)]
Offset = Annotated[Any, Quantity("1", 0.5, 3)]
_LN10 = 2.302585092994046


def _log10(number: Num, unit: str, xp: Namespace) -> Num:
    return xp.log(number / xp.tag(1.0, unit)) / _LN10


def _ten_to(exponent: Num, unit: str, xp: Namespace) -> Num:
    return xp.exp(exponent * _LN10) * xp.tag(1.0, unit)


@formula(increasing=("n_experts",))
def saturating_experts(
    *, n_experts: Experts, expert_start: FewestExperts, expert_limit: MostExperts, xp: Namespace = SCALAR
) -> Number:
    """Expert count as the law of routed models sees it: saturating below at the start, above at the limit.

    Formula: 1 / E^ = 1 / (E - 1 + 1 / (1 / E_start - 1 / E_max)) + 1 / E_max
    Source: Clark et al. 2022 (arXiv 2202.01169).
    """
    start = 1.0 / (1.0 / expert_start - 1.0 / expert_limit)
    return 1.0 / (1.0 / (n_experts - 1.0 + start) + 1.0 / expert_limit)


@formula(increasing=("offset",))
def routed_loss_log10(
    *,
    params: Params,
    experts_seen: Number,
    size_exponent: SizeExponent,
    routing_exponent: RoutingExponent,
    interaction: Interaction,
    offset: Offset,
    xp: Namespace = SCALAR,
) -> Number:
    """Logarithm of the loss of a routed model with `params` in its dense part.

    Formula: log10 L = d - a * log10 N - b * log10 E^ + c * log10 N * log10 E^
    Source: Clark et al. 2022 (arXiv 2202.01169); fitted on 130 B tokens and up to 512 experts.
    """
    size, experts = _log10(params, "param", xp), _log10(experts_seen, "1", xp)
    return offset - size_exponent * size - routing_exponent * experts + interaction * size * experts


@formula()
def dense_equivalent_params(
    *,
    params: Params,
    experts_seen: Number,
    experts_seen_by_dense: FewestExperts,
    size_exponent: SizeExponent,
    routing_exponent: RoutingExponent,
    interaction: Interaction,
    xp: Namespace = SCALAR,
) -> Params:
    """Size of the dense model that reaches the loss of a routed one.

    Formula: log10 N' = (a * n + b * (e - e1) - c * n * e) / (a - c * e1), n = log10 N, e = log10 E^
    Source: Clark et al. 2022 (arXiv 2202.01169), the law solved for N at one expert.
    """
    size = _log10(params, "param", xp)
    experts, dense = _log10(experts_seen, "1", xp), _log10(experts_seen_by_dense, "1", xp)
    gain = size_exponent * size + routing_exponent * (experts - dense) - interaction * size * experts
    return _ten_to(gain / (size_exponent - interaction * dense), "param", xp)


@formula(increasing=("routing_exponent",), decreasing=("interaction",))
def routing_cutoff_params(
    *, routing_exponent: RoutingExponent, interaction: Interaction, xp: Namespace = SCALAR
) -> Params:
    """Size beyond which more experts no longer help.

    Formula: N_cut = 10 ^ (b / c)
    Source: Clark et al. 2022 (arXiv 2202.01169); steep in c, which is printed with one or two digits.
    """
    return _ten_to(routing_exponent / interaction, "param", xp)
