"""Keeping a KV cache or making it again: what each memory tier costs to hold and to read, per cached token.

A tier has a capacity, a bandwidth and a price per second for all of it. Reading HBM for reuse is free: the cache
is already where it is needed.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    Bytes,
    BytesPerS,
    BytesPerToken,
    FlopsPerS,
    Fraction,
    Params,
    Seconds,
    UsdPerByteS,
    UsdPerS,
    UsdPerToken,
    UsdPerTokenS,
)
from tokenroof.xp import SCALAR, Namespace

_NO_LIMIT = float("inf")


@formula(increasing=("active_params", "usd_per_s"), decreasing=("flops_per_s", "mfu"))
def recompute_usd_per_token(
    *,
    active_params: Params,
    flops_per_s: FlopsPerS,
    mfu: Fraction,
    usd_per_s: UsdPerS,
    xp: Namespace = SCALAR,
) -> UsdPerToken:
    """Cost to make one token of KV cache again; holding nothing meanwhile costs nothing.

    Formula: 2 * A / (MFU * F) * price
    Source: lecture E33, which takes the peak rate (MFU = 1).
    """
    return xp.tag(2.0, "FLOP/param/token") * active_params / (mfu * flops_per_s) * usd_per_s


@formula(increasing=("kv_bytes_per_token", "usd_per_s"), decreasing=("memory_bytes",))
def hold_usd_per_token_s(
    *, kv_bytes_per_token: BytesPerToken, memory_bytes: Bytes, usd_per_s: UsdPerS, xp: Namespace = SCALAR
) -> UsdPerTokenS:
    """Cost to hold one cached token for one second: its share of the tier.

    Formula: kv / Q * price
    Source: lecture E34 (HBM at the GPU's price) and E35 (any other tier at its own).
    """
    return kv_bytes_per_token / memory_bytes * usd_per_s


@formula(increasing=("kv_bytes_per_token", "usd_per_byte_s"))
def hold_usd_per_token_s_by_byte(
    *, kv_bytes_per_token: BytesPerToken, usd_per_byte_s: UsdPerByteS, xp: Namespace = SCALAR
) -> UsdPerTokenS:
    """Cost to hold one cached token for one second where a tier is priced by the byte.

    Formula: kv * price per byte and second
    Source: lecture E35.
    """
    return kv_bytes_per_token * usd_per_byte_s


@formula(increasing=("kv_bytes_per_token", "usd_per_s"), decreasing=("bytes_per_s",))
def retrieve_usd_per_token(
    *, kv_bytes_per_token: BytesPerToken, bytes_per_s: BytesPerS, usd_per_s: UsdPerS, xp: Namespace = SCALAR
) -> UsdPerToken:
    """Cost to read one cached token back, the tier's whole price for as long as it is busy.

    Formula: kv / W * price
    Source: lecture E35; zero for HBM.
    """
    return kv_bytes_per_token / bytes_per_s * usd_per_s


@formula(increasing=("hold_usd_per_token_s", "hold_s", "retrieve_usd_per_token"))
def keep_usd_per_token(
    *,
    hold_usd_per_token_s: UsdPerTokenS,
    hold_s: Seconds,
    retrieve_usd_per_token: UsdPerToken,
    xp: Namespace = SCALAR,
) -> UsdPerToken:
    """Cost to hold one cached token in a tier for a while and read it back once.

    Formula: rate * t_hold + retrieve
    Source: lecture E34 to E36; to be compared with recomputing.
    """
    return hold_usd_per_token_s * hold_s + retrieve_usd_per_token


@formula(increasing=("recompute_usd_per_token",), decreasing=("retrieve_usd_per_token", "hold_usd_per_token_s"))
def recompute_break_even_s(
    *,
    recompute_usd_per_token: UsdPerToken,
    retrieve_usd_per_token: UsdPerToken,
    hold_usd_per_token_s: UsdPerTokenS,
    xp: Namespace = SCALAR,
) -> Seconds:
    """Holding time from which recomputing is cheaper than this tier; zero where reading back alone is dearer.

    Formula: max(0, recompute - retrieve) / rate; unlimited where holding is free
    Source: lecture E33 to E36.
    """
    saved = xp.maximum(0.0, recompute_usd_per_token - retrieve_usd_per_token)
    return xp.ratio(saved, hold_usd_per_token_s, _NO_LIMIT)
