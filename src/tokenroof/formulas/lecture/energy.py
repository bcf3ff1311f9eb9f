"""Energy: joules per token from power and throughput, or from the work itself, and what they cost."""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    AtLeastOne,
    Bytes,
    Flops,
    Gpus,
    Joules,
    JoulesPerByte,
    JoulesPerFlop,
    JoulesPerToken,
    Number,
    Seconds,
    TokensPerS,
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


@formula(increasing=("watts",), decreasing=("tokens_per_s",))
def joules_per_token(*, watts: Watts, tokens_per_s: TokensPerS, xp: Namespace = SCALAR) -> JoulesPerToken:
    """Energy of one token.

    Formula: P / throughput
    Source: definition.
    """
    return watts / tokens_per_s


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


@formula(increasing=("flops", "joules_per_flop", "moved_bytes", "joules_per_byte", "idle_watts", "step_s"))
def step_joules(
    *,
    flops: Flops,
    joules_per_flop: JoulesPerFlop,
    moved_bytes: Bytes,
    joules_per_byte: JoulesPerByte,
    idle_watts: Watts,
    step_s: Seconds,
    xp: Namespace = SCALAR,
) -> Joules:
    """Energy of a pass from its work: arithmetic, memory traffic, and what is drawn anyway.

    Formula: flops * e_flop + bytes * e_byte + P_idle * T
    Source: Choi et al. 2013, a roofline model of energy.
    """
    return flops * joules_per_flop + moved_bytes * joules_per_byte + idle_watts * step_s
