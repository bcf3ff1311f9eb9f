"""Speculative decoding: a draft proposes, one pass of the target verifies, some proposals survive.

`acceptance` is the chance that one more draft is accepted, taken as independent of position.
"""

from typing import Annotated, Any

from tokenroof.registry import formula
from tokenroof.types.quantities import AtLeastOne, Fraction, Number, Seconds
from tokenroof.units import Quantity
from tokenroof.xp import SCALAR, Namespace, Num

Drafts = Annotated[Any, Quantity("1", 1, 64)]


def tokens_at_acceptance(acceptance: Num, drafts: Num, xp: Namespace) -> Num:
    """(1 - a^(d+1)) / (1 - a); d + 1 where every draft is accepted."""
    geometric = 1.0 - xp.power(acceptance, drafts + 1.0)
    return xp.ratio(geometric, 1.0 - acceptance, drafts + 1.0)


@formula(increasing=("acceptance", "drafts"))
def tokens_per_verification(*, acceptance: Fraction, drafts: Drafts, xp: Namespace = SCALAR) -> Number:
    """Mean tokens that one verification yields: the accepted drafts and the target's own next token.

    Formula: (1 - acceptance ^ (drafts + 1)) / (1 - acceptance); drafts + 1 at acceptance = 1
    Source: lecture 9.10; Leviathan et al. 2023 (arXiv 2211.17192).
    """
    return tokens_at_acceptance(acceptance, drafts, xp)


@formula(increasing=("tokens", "step_s"), decreasing=("verification_s", "draft_s", "drafts"))
def measured_speculation_speedup(
    *,
    tokens: AtLeastOne,
    step_s: Seconds,
    verification_s: Seconds,
    draft_s: Seconds,
    drafts: Drafts,
    xp: Namespace = SCALAR,
) -> Number:
    """Speed-up over ordinary decode when the mean tokens of a verification were measured (acceptance length).

    Formula: tokens * step_s / (verification_s + drafts * draft_s)
    Source: Leviathan et al. 2023 with roofline times; acceptance lengths as InferenceX publishes them.
    """
    return tokens * step_s / (verification_s + drafts * draft_s)
