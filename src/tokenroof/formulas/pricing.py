"""Money: what a token costs on rented machines, its floor, speed tiers, margins and blended prices.

`usd_per_s` is the price of everything that takes part in a pass. Hours and millions of tokens are the edge's.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    AboveOne,
    AtLeastOne,
    BytesPerS,
    BytesPerToken,
    FlopsPerS,
    Gpus,
    Number,
    Params,
    Seconds,
    Sequences,
    TokensPerSequence,
    UsdPerGpuS,
    UsdPerS,
    UsdPerToken,
)
from tokenroof.xp import SCALAR, Namespace

_NO_LIMIT = float("inf")
_NEW_TOKEN = (1.0, "token/sequence")
_FLOP_PER_PARAM_TOKEN = (2.0, "FLOP/param/token")


@formula(increasing=("gpus", "usd_per_gpu_s"))
def system_usd_per_s(*, gpus: Gpus, usd_per_gpu_s: UsdPerGpuS, xp: Namespace = SCALAR) -> UsdPerS:
    """Price of a system per second; idle GPUs are paid for too.

    Formula: G * price of one
    Source: lecture 2.1: about $2 for a GPU and hour.
    """
    return gpus * usd_per_gpu_s


@formula(increasing=("usd_per_s", "step_s"), decreasing=("batch",))
def cost_usd_per_token(*, usd_per_s: UsdPerS, step_s: Seconds, batch: Sequences, xp: Namespace = SCALAR) -> UsdPerToken:
    """Cost of one output token; at batch 1 a single user pays for the whole pass.

    Formula: price * T / B
    Source: lecture E5, vector R5; corrects slip S6, which drops the price.
    """
    return usd_per_s * step_s / (batch * xp.tag(*_NEW_TOKEN))


@formula(
    increasing=("usd_per_s", "active_params", "context", "kv_bytes_per_token"),
    decreasing=("flops_per_s", "bytes_per_s"),
)
def cost_floor_usd_per_token(
    *,
    usd_per_s: UsdPerS,
    active_params: Params,
    flops_per_s: FlopsPerS,
    context: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    bytes_per_s: BytesPerS,
    xp: Namespace = SCALAR,
) -> UsdPerToken:
    """Cost that no batch goes below: arithmetic and KV reads belong to one sequence and are never shared.

    Formula: price * max(2 * A / F, C * kv / W)
    Source: lecture E6; corrects slip S22, which forgets the KV floor.
    """
    compute = active_params * xp.tag(*_FLOP_PER_PARAM_TOKEN) / flops_per_s
    kv = context * kv_bytes_per_token / bytes_per_s / xp.tag(*_NEW_TOKEN)
    return usd_per_s * xp.maximum(compute, kv)


@formula(
    increasing=("usd_per_s", "active_params", "context", "kv_bytes_per_token"),
    decreasing=("flops_per_s", "bytes_per_s"),
)
def cost_floor_book_usd_per_token(
    *,
    usd_per_s: UsdPerS,
    active_params: Params,
    flops_per_s: FlopsPerS,
    context: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    bytes_per_s: BytesPerS,
    xp: Namespace = SCALAR,
) -> UsdPerToken:
    """The same floor when attention does not overlap with the matmuls.

    Formula: price * (2 * A / F + C * kv / W)
    Source: scaling book chapter 7, general step time for a large batch.
    """
    compute = active_params * xp.tag(*_FLOP_PER_PARAM_TOKEN) / flops_per_s
    kv = context * kv_bytes_per_token / bytes_per_s / xp.tag(*_NEW_TOKEN)
    return usd_per_s * (compute + kv)


@formula(increasing=("usd_per_token",), decreasing=("reference_usd_per_token",))
def cost_ratio(*, usd_per_token: UsdPerToken, reference_usd_per_token: UsdPerToken, xp: Namespace = SCALAR) -> Number:
    """How many times dearer one cost is than another: batch 1 over the floor is the lecture's thousand.

    Formula: cost / reference cost
    Source: lecture W5, vector R4: equal to the balance batch where no KV is read.
    """
    return usd_per_token / reference_usd_per_token


@formula(increasing=("price_ratio", "speed_ratio"))
def tier_batch_ratio(*, price_ratio: AboveOne, speed_ratio: AboveOne, xp: Namespace = SCALAR) -> Number:
    """Slow batch over fast batch that a price and a speed ratio imply.

    Formula: B_slow / B_fast = p * v
    Source: section 5.6, vectors R9: 15 for 6 times the price at 2.5 times the speed (slip S7).
    """
    return price_ratio * speed_ratio


@formula(increasing=("speed_ratio",), decreasing=("price_ratio",))
def fast_tier_load(*, price_ratio: AboveOne, speed_ratio: AboveOne, xp: Namespace = SCALAR) -> Number:
    """KV-bound part of the fast tier's pass over its weight floor.

    Formula: x = b * B_fast / a = (v - 1) / (p * v - v), from T = a + b * B on the same hardware
    Source: section 5.6: 0.12 for p = 6, v = 2.5.
    """
    return (speed_ratio - 1.0) / (speed_ratio * (price_ratio - 1.0))


@formula(increasing=("speed_ratio",), decreasing=("price_ratio",))
def fast_tier_time_over_floor(*, price_ratio: AboveOne, speed_ratio: AboveOne, xp: Namespace = SCALAR) -> Number:
    """Fast tier's pass over the weight floor: the head-room that no price can buy past.

    Formula: T_fast / a = 1 + (v - 1) / (p * v - v)
    Source: section 5.6, vectors R9: 1.12 for p = 6, v = 2.5; 1.6 for p = 2 (slip S8).
    """
    return 1.0 + (speed_ratio - 1.0) / (speed_ratio * (price_ratio - 1.0))


@formula(increasing=("speed_ratio",), decreasing=("price_ratio",))
def slow_tier_time_over_floor(*, price_ratio: AboveOne, speed_ratio: AboveOne, xp: Namespace = SCALAR) -> Number:
    """Slow tier's pass over the weight floor.

    Formula: T_slow / a = v + (v - 1) / (p - 1)
    Source: section 5.6: 2.8 for p = 6, v = 2.5; 4 for p = 2.
    """
    return speed_ratio + (speed_ratio - 1.0) / (price_ratio - 1.0)


@formula(increasing=("slow_batch",), decreasing=("fast_batch", "speed_ratio"))
def fast_tier_price_ratio(
    *, slow_batch: Sequences, fast_batch: Sequences, speed_ratio: AtLeastOne, xp: Namespace = SCALAR
) -> Number:
    """Price ratio at which a faster tier with a smaller batch earns the same per machine second.

    Formula: p = B_slow / (v * B_fast); unlimited where no batch is that fast
    Source: section 5.6 solved for p; the fast batch is roofline.batch_at_step_time at T_slow / v.
    """
    return xp.ratio(slow_batch, speed_ratio * fast_batch, _NO_LIMIT)
