"""Holding or making again, in times and break-evens: the lecture's way to the tier prices."""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    BytesPerS,
    BytesPerToken,
    FlopsPerS,
    Fraction,
    Number,
    Params,
    Seconds,
    SecondsPerToken,
    TokensPerSequence,
    UsdPerToken,
    UsdPerTokenS,
)
from tokenroof.xp import SCALAR, Namespace

_NO_LIMIT = float("inf")


@formula(increasing=("active_params",), decreasing=("flops_per_s", "mfu"))
def recompute_time_per_token(
    *, active_params: Params, flops_per_s: FlopsPerS, mfu: Fraction, xp: Namespace = SCALAR
) -> SecondsPerToken:
    """Machine time to make one token of KV cache again by prefill.

    Formula: 2 * A / (MFU * F)
    Source: lecture E33, which takes the peak rate (MFU = 1).
    """
    return xp.tag(2.0, "FLOP/param/token") * active_params / (mfu * flops_per_s)


@formula(increasing=("hold_usd_per_token_s", "hold_s"))
def hold_usd_per_token(*, hold_usd_per_token_s: UsdPerTokenS, hold_s: Seconds, xp: Namespace = SCALAR) -> UsdPerToken:
    """Cost to hold one cached token for a while.

    Formula: rate * t_hold
    Source: lecture E34, E35.
    """
    return hold_usd_per_token_s * hold_s


@formula(increasing=("kv_bytes_per_token",), decreasing=("bytes_per_s",))
def retrieve_time_per_token(
    *, kv_bytes_per_token: BytesPerToken, bytes_per_s: BytesPerS, xp: Namespace = SCALAR
) -> SecondsPerToken:
    """Time of a tier to give back one cached token.

    Formula: kv / W
    Source: lecture E35.
    """
    return kv_bytes_per_token / bytes_per_s


@formula(increasing=("knee", "drain_s"))
def hold_or_recompute_s(*, knee: TokensPerSequence, drain_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """Holding time in HBM that costs as much as recomputing at peak rate; divide by the prefill MFU.

    Formula: t = C* * Q / W
    Source: closed form 8.3, vectors R14: 4,000 s at C* = 200K and 20 ms; ties E10, E29, E33 and E34.
    """
    return knee / xp.tag(1.0, "token/sequence") * drain_s


@formula(
    increasing=("slow_retrieve_usd_per_token", "slow_hold_usd_per_token_s"),
    decreasing=("fast_retrieve_usd_per_token", "fast_hold_usd_per_token_s"),
)
def tier_break_even_s(
    *,
    fast_hold_usd_per_token_s: UsdPerTokenS,
    fast_retrieve_usd_per_token: UsdPerToken,
    slow_hold_usd_per_token_s: UsdPerTokenS,
    slow_retrieve_usd_per_token: UsdPerToken,
    xp: Namespace = SCALAR,
) -> Seconds:
    """Holding time from which a tier that is cheap to hold beats one that is cheap to read; may be unlimited.

    Formula: max(0, retrieve_slow - retrieve_fast) / (rate_fast - rate_slow), unlimited where the
    fast tier is also the cheaper one to hold
    Source: lecture E35, E36: the crossing of two straight cost lines.
    """
    dearer_read = xp.maximum(0.0, slow_retrieve_usd_per_token - fast_retrieve_usd_per_token)
    return xp.ratio(dearer_read, fast_hold_usd_per_token_s - slow_hold_usd_per_token_s, _NO_LIMIT)


@formula(increasing=("hold_s",), decreasing=("drain_s",))
def hold_to_retrieve_cost(*, hold_s: Seconds, drain_s: Seconds, xp: Namespace = SCALAR) -> Number:
    """Holding cost over reading cost in one tier: 1 at the drain time, whatever the tier's price.

    Formula: (kv / Q * t_hold) / (kv / W) = t_hold / T_drain
    Source: lecture E36.
    """
    return hold_s / drain_s
