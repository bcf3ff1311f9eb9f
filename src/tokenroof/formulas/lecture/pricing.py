"""What a token costs at a measured throughput."""

from tokenroof.registry import formula
from tokenroof.types.quantities import TokensPerS, UsdPerS, UsdPerToken
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("usd_per_s",), decreasing=("tokens_per_s",))
def cost_usd_per_token_at_throughput(
    *, usd_per_s: UsdPerS, tokens_per_s: TokensPerS, xp: Namespace = SCALAR
) -> UsdPerToken:
    """Cost of one token at a measured or computed throughput.

    Formula: price / throughput
    Source: lecture E5, E12; SGLang's $0.20 per million output tokens at 22,282 token/s a node.
    """
    return usd_per_s / tokens_per_s
