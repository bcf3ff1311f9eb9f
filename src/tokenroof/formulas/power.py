"""Power of a GPU from its work: what is drawn anyway, arithmetic, and memory traffic, under a limit; and of a token."""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    Bytes,
    Flops,
    Fraction,
    Joules,
    JoulesPerByte,
    JoulesPerFlop,
    JoulesPerToken,
    Seconds,
    TokensPerS,
    Watts,
)
from tokenroof.xp import SCALAR, Namespace


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


@formula(increasing=("joules", "limit_watts"), decreasing=("step_s",))
def drawn_watts(*, joules: Joules, step_s: Seconds, limit_watts: Watts, xp: Namespace = SCALAR) -> Watts:
    """Mean power of work that takes so long; at its limit a GPU lowers its clocks and draws no more.

    Formula: min(E / T, P_limit)
    Source: definition; power capping of accelerators.
    """
    return xp.minimum(joules / step_s, limit_watts)


@formula(increasing=("cap_watts",), decreasing=("tdp_watts",))
def capped_clock_share(*, cap_watts: Watts, tdp_watts: Watts, xp: Namespace = SCALAR) -> Fraction:
    """Share of its arithmetic that a GPU keeps under a power cap below its TDP; memory clocks stay.

    Formula: (P_cap / P_tdp)^0.7
    Source: fit to sweeps of four RTX PRO 6000 (local-inference-lab/rtx6kpro, 2026): 5 % off in the median, 13 % at
    most.
    """
    return xp.minimum(cap_watts / tdp_watts, 1.0) ** 0.7


@formula(increasing=("watts",), decreasing=("tokens_per_s",))
def joules_per_token(*, watts: Watts, tokens_per_s: TokensPerS, xp: Namespace = SCALAR) -> JoulesPerToken:
    """Energy of one token.

    Formula: P / throughput
    Source: definition.
    """
    return watts / tokens_per_s
