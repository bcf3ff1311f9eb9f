"""Mixture of experts: how many experts a batch wakes."""

from tokenroof.registry import formula
from tokenroof.types.quantities import Experts, Fraction, Tokens, TopK
from tokenroof.xp import SCALAR, Namespace, Num


def touched_share(n_experts: Num, top_k: Num, tokens: Num, xp: Namespace) -> Num:
    """1 - (1 - k/E)^T; zero of a power of zero is safe because T is at least one where k = E."""
    spared = xp.maximum(0.0, 1.0 - top_k / n_experts)
    return 1.0 - xp.power(spared, tokens / xp.tag(1.0, "token"))


@formula(increasing=("top_k", "tokens"), decreasing=("n_experts",))
def experts_touched_share(*, n_experts: Experts, top_k: TopK, tokens: Tokens, xp: Namespace = SCALAR) -> Fraction:
    """Share of the routed experts that a pass of `tokens` reads.

    Formula: 1 - (1 - k / E) ^ T
    Source: closed form 8.7: 3.1, 22.4, 86.9 and 99.97 % at 1, 8, 64 and 256 tokens for k / E = 1 / 32.
    """
    return touched_share(n_experts, top_k, tokens, xp)
