"""What a published price of cache storage says about the cost of a byte held."""

from tokenroof.registry import formula
from tokenroof.types.quantities import Seconds, UsdPerToken, UsdPerTokenS
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("write_usd_per_token",), decreasing=("base_usd_per_token", "hold_s"))
def implied_hold_usd_per_token_s(
    *,
    write_usd_per_token: UsdPerToken,
    base_usd_per_token: UsdPerToken,
    hold_s: Seconds,
    xp: Namespace = SCALAR,
) -> UsdPerTokenS:
    """Holding price that a cache-write premium implies, if the premium pays for nothing else.

    Formula: max(0, p_write - p_base) / t_hold
    Source: section 5.4: $0.25 per million tokens and minute for 5 minutes, $0.083 for an hour.
    """
    return xp.maximum(0.0, write_usd_per_token - base_usd_per_token) / hold_s
