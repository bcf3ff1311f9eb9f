"""Speculative decoding by the lecture: what survives, what verification costs, when it pays.

`acceptance` is the chance that one more draft is accepted, taken as independent of position.
"""

from typing import Annotated, Any

from tokenroof.formulas.speculation import tokens_at_acceptance
from tokenroof.registry import formula
from tokenroof.types.quantities import Fraction, Number, Seconds, Sequences, TokensPerS, TokensPerSequence
from tokenroof.units import Quantity
from tokenroof.xp import SCALAR, Namespace

Drafts = Annotated[Any, Quantity("1", 1, 64)]


@formula(increasing=("acceptance", "drafts"))
def accepted_drafts(*, acceptance: Fraction, drafts: Drafts, xp: Namespace = SCALAR) -> Number:
    """Mean number of drafts that one verification accepts.

    Formula: (1 - a ^ (g + 1)) / (1 - a) - 1
    Source: Leviathan et al. 2023 (arXiv 2211.17192).
    """
    return tokens_at_acceptance(acceptance, drafts, xp) - 1.0


@formula(increasing=("acceptance",), decreasing=("draft_cost",))
def speculation_speedup(*, acceptance: Fraction, drafts: Drafts, draft_cost: Number, xp: Namespace = SCALAR) -> Number:
    """Speed-up when verifying costs one ordinary pass: memory-bound decode with arithmetic to spare.

    Formula: (1 - a ^ (g + 1)) / (1 - a) / (1 + g * c), c the draft's pass over the target's
    Source: lecture 9.10; Leviathan et al. 2023: 2.470 at a = 0.8, c = 0.1, g = 6.
    """
    return tokens_at_acceptance(acceptance, drafts, xp) / (1.0 + drafts * draft_cost)


@formula(increasing=("compute_s", "weights_s", "kv_s", "drafts"))
def verification_time_s(
    *, compute_s: Seconds, weights_s: Seconds, kv_s: Seconds, drafts: Drafts, xp: Namespace = SCALAR
) -> Seconds:
    """One verifying pass: arithmetic for every draft and one more, weights and KV read once.

    Formula: T = max((g + 1) * t_compute, t_weights + t_kv)
    Source: lecture E1, E3, E31 with l_pass = g + 1.
    """
    return xp.maximum((drafts + 1.0) * compute_s, weights_s + kv_s)


@formula(increasing=("step_s", "acceptance"), decreasing=("verification_s", "draft_s"))
def roofline_speculation_speedup(
    *,
    step_s: Seconds,
    verification_s: Seconds,
    draft_s: Seconds,
    acceptance: Fraction,
    drafts: Drafts,
    xp: Namespace = SCALAR,
) -> Number:
    """Speed-up over ordinary decode with the pass times spelled out: below 1 once the batch is compute-bound.

    Formula: tokens * T / (T_verify + g * T_draft)
    Source: Leviathan et al. 2023 with roofline times for both passes.
    """
    return tokens_at_acceptance(acceptance, drafts, xp) * step_s / (verification_s + drafts * draft_s)


@formula(increasing=("batch", "acceptance"), decreasing=("verification_s", "draft_s"))
def speculative_tokens_per_s(
    *,
    batch: Sequences,
    verification_s: Seconds,
    draft_s: Seconds,
    acceptance: Fraction,
    drafts: Drafts,
    xp: Namespace = SCALAR,
) -> TokensPerS:
    """Tokens per second of a system that decodes speculatively.

    Formula: B * tokens / (T_verify + g * T_draft)
    Source: lecture E12 with several tokens per pass.
    """
    per_sequence = tokens_at_acceptance(acceptance, drafts, xp) * xp.tag(1.0, "token/sequence")
    return batch * per_sequence / (verification_s + drafts * draft_s)


@formula(increasing=("drafts",))
def verified_tokens(*, drafts: Drafts, xp: Namespace = SCALAR) -> TokensPerSequence:
    """New tokens per sequence that a verifying pass computes.

    Formula: g + 1
    Source: lecture E31.
    """
    return (drafts + 1.0) * xp.tag(1.0, "token/sequence")


def best_drafts(*, acceptance: float, draft_cost: float, most: int = 64) -> int:
    """Number of drafts with the largest speculation_speedup; 0 where drafting does not pay."""
    gains = [
        speculation_speedup(acceptance=acceptance, drafts=float(g), draft_cost=draft_cost) for g in range(most + 1)
    ]
    return gains.index(max(gains))
