"""Energy: power of a system at the meter, and what a token's energy costs."""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    AtLeastOne,
    Gpus,
    JoulesPerToken,
    Number,
    UsdPerJoule,
    UsdPerToken,
    Watts,
    WattsPerGpu,
)
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("gpus", "watts_per_gpu", "pue"))
def system_watts(*, gpus: Gpus, watts_per_gpu: WattsPerGpu, pue: AtLeastOne, xp: Namespace = SCALAR) -> Watts:
    """Power of a system at the meter.

    Formula: G * P_gpu * PUE
    Source: The Green Grid's power usage effectiveness.
    """
    return gpus * watts_per_gpu * pue


@formula(increasing=("joules_per_token", "usd_per_joule"))
def energy_usd_per_token(
    *, joules_per_token: JoulesPerToken, usd_per_joule: UsdPerJoule, xp: Namespace = SCALAR
) -> UsdPerToken:
    """Electricity bill of one token.

    Formula: energy * electricity price
    Source: definition.
    """
    return joules_per_token * usd_per_joule


@formula(increasing=("energy_usd_per_token",), decreasing=("usd_per_token",))
def energy_cost_share(
    *, energy_usd_per_token: UsdPerToken, usd_per_token: UsdPerToken, xp: Namespace = SCALAR
) -> Number:
    """Electricity's share of a token's cost.

    Formula: energy cost / cost
    Source: definition.
    """
    return energy_usd_per_token / usd_per_token
