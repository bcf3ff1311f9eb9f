"""Reading price sheets: blended prices, margins, and what a step in price says about the cache."""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    AtLeastOne,
    BytesPerS,
    BytesPerToken,
    FlopsPerS,
    Fraction,
    Number,
    Params,
    Tokens,
    TokensPerSequence,
    Usd,
    UsdPerToken,
)
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("fresh_usd_per_token", "hit_usd_per_token"))
def input_usd_per_token(
    *,
    fresh_usd_per_token: UsdPerToken,
    hit_usd_per_token: UsdPerToken,
    hit_share: Fraction,
    xp: Namespace = SCALAR,
) -> UsdPerToken:
    """Mean price of an input token when a share of them is found in the cache.

    Formula: (1 - h) * fresh + h * hit
    Source: definition; lecture W18: a hit is about ten times cheaper.
    """
    return (1.0 - hit_share) * fresh_usd_per_token + hit_share * hit_usd_per_token


@formula(increasing=("input_usd_per_token", "output_usd_per_token"))
def blended_usd_per_token(
    *,
    input_usd_per_token: UsdPerToken,
    output_usd_per_token: UsdPerToken,
    input_tokens: Tokens,
    output_tokens: Tokens,
    xp: Namespace = SCALAR,
) -> UsdPerToken:
    """Mean price over input and output tokens.

    Formula: (n_in * p_in + n_out * p_out) / (n_in + n_out)
    Source: definition.
    """
    paid = input_tokens * input_usd_per_token + output_tokens * output_usd_per_token
    return paid / (input_tokens + output_tokens)


@formula(
    increasing=(
        "hit_tokens", "fresh_tokens", "output_tokens",
        "hit_usd_per_token", "fresh_usd_per_token", "output_usd_per_token",
    )
)  # fmt: skip
def revenue_usd(
    *,
    hit_tokens: Tokens,
    fresh_tokens: Tokens,
    output_tokens: Tokens,
    hit_usd_per_token: UsdPerToken,
    fresh_usd_per_token: UsdPerToken,
    output_usd_per_token: UsdPerToken,
    xp: Namespace = SCALAR,
) -> Usd:
    """What a token count earns at list price.

    Formula: n_hit * p_hit + n_fresh * p_fresh + n_out * p_out
    Source: DeepSeek's inference system overview (open-infra-index, day 6), DS2.
    """
    read = hit_tokens * hit_usd_per_token + fresh_tokens * fresh_usd_per_token
    return read + output_tokens * output_usd_per_token


@formula(increasing=("revenue",), decreasing=("cost",))
def markup(*, revenue: Usd, cost: Usd, xp: Namespace = SCALAR) -> Number:
    """Profit over cost; DeepSeek's "545 % margin" is this.

    Formula: (revenue - cost) / cost
    Source: DeepSeek's inference system overview, DS3.
    """
    return revenue / cost - 1.0


@formula(increasing=("revenue",), decreasing=("cost",))
def gross_margin(*, revenue: Usd, cost: Usd, xp: Namespace = SCALAR) -> Number:
    """Profit over revenue.

    Formula: (revenue - cost) / revenue
    Source: accounting definition.
    """
    return 1.0 - cost / revenue


@formula(increasing=("active_params", "bytes_per_s"), decreasing=("flops_per_s", "crossing_context"))
def kv_bytes_per_token_at_crossing(
    *,
    active_params: Params,
    bytes_per_s: BytesPerS,
    flops_per_s: FlopsPerS,
    crossing_context: TokensPerSequence,
    xp: Namespace = SCALAR,
) -> BytesPerToken:
    """KV cache per token that a price step implies, if it sits where KV reads overtake arithmetic.

    Formula: kv = 2 * A * W / (F * C0)
    Source: lecture E29, W15, vector R6; F per stored byte counts, so FP4 arithmetic halves it (7.14).
    """
    arithmetic = active_params * xp.tag(2.0, "FLOP/param/token") * bytes_per_s / flops_per_s
    return arithmetic * xp.tag(1.0, "token/sequence") / crossing_context


@formula(increasing=("max_context",), decreasing=("surcharge",))
def least_knee_context(
    *, max_context: TokensPerSequence, surcharge: AtLeastOne, xp: Namespace = SCALAR
) -> TokensPerSequence:
    """Smallest knee at which a surcharged price still covers the longest context on offer.

    Formula: C* >= C_max / s
    Source: section 5.1: 667K for 1.5 times the price up to 1 M tokens.
    """
    return max_context / surcharge
