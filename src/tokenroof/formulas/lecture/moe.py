"""Mixture of experts by the lecture: sparsity, balance batches, and how experts sit on chips."""

from tokenroof.formulas.moe import touched_share
from tokenroof.registry import formula
from tokenroof.types.quantities import (
    BytesPerParam,
    BytesPerS,
    Count,
    Experts,
    Fraction,
    Number,
    Params,
    Seconds,
    Sequences,
    Tokens,
    TopK,
)
from tokenroof.xp import SCALAR, Namespace

_NEW_TOKEN = (1.0, "token/sequence")


@formula(increasing=("n_experts", "top_k", "tokens"))
def experts_touched(*, n_experts: Experts, top_k: TopK, tokens: Tokens, xp: Namespace = SCALAR) -> Count:
    """Mean number of routed experts that at least one of `tokens` visits, routing even and independent.

    Formula: E * (1 - (1 - k / E) ^ T)
    Source: closed form 8.7; Epoch (arXiv 2506.04645) equation 22.
    """
    return n_experts * touched_share(n_experts, top_k, tokens, xp)


@formula(increasing=("routed_params", "other_params", "top_k", "tokens"), decreasing=("n_experts",))
def params_read(
    *,
    routed_params: Params,
    other_params: Params,
    n_experts: Experts,
    top_k: TopK,
    tokens: Tokens,
    xp: Namespace = SCALAR,
) -> Params:
    """Parameters that one pass really reads: the shared ones and the touched share of the routed ones.

    Formula: N_other + N_routed * (1 - (1 - k / E) ^ T)
    Source: closed form 8.7; the lecture's N is the limit of many tokens.
    """
    return other_params + routed_params * touched_share(n_experts, top_k, tokens, xp)


@formula(
    increasing=("routed_params", "other_params", "top_k", "tokens", "bytes_per_param"),
    decreasing=("n_experts", "bytes_per_s"),
)
def moe_weight_time_s(
    *,
    routed_params: Params,
    other_params: Params,
    n_experts: Experts,
    top_k: TopK,
    tokens: Tokens,
    bytes_per_param: BytesPerParam,
    bytes_per_s: BytesPerS,
    xp: Namespace = SCALAR,
) -> Seconds:
    """Time to read the weights that a pass of `tokens` touches.

    Formula: (N_other + N_routed * (1 - (1 - k / E) ^ T)) * w / W
    Source: lecture E3 with closed form 8.7.
    """
    read = other_params + routed_params * touched_share(n_experts, top_k, tokens, xp)
    return read * bytes_per_param / bytes_per_s


@formula(increasing=("params",), decreasing=("active_params",))
def param_sparsity(*, params: Params, active_params: Params, xp: Namespace = SCALAR) -> Number:
    """Stored parameters for each active one: 1 for a dense model.

    Formula: S = N / A
    Source: lecture section 1; 18.1 for DeepSeek-V3.
    """
    return params / active_params


@formula(increasing=("n_experts",), decreasing=("top_k",))
def routed_sparsity(*, n_experts: Experts, top_k: TopK, xp: Namespace = SCALAR) -> Number:
    """Routed experts for each one that a token visits.

    Formula: E / k
    Source: lecture section 6, slip S5: 32 for DeepSeek-V3 (8 of 256), not the lecture's 8 (32 of 256).
    """
    return n_experts / top_k


@formula(increasing=("ridge", "n_experts"), decreasing=("top_k",))
def balance_batch_routed(*, ridge: Tokens, n_experts: Experts, top_k: TopK, xp: Namespace = SCALAR) -> Sequences:
    """Batch at which the routed experts alone are balanced: each must see `ridge` tokens.

    Formula: B = rho * E / k
    Source: closed form 8.8, vector R1 (9,600 for 256 experts, 8 active).
    """
    return ridge * n_experts / top_k / xp.tag(*_NEW_TOKEN)


@formula(increasing=("ridge",))
def balance_batch_shared(*, ridge: Tokens, xp: Namespace = SCALAR) -> Sequences:
    """Batch at which the weights that every token uses (attention, shared experts) are balanced.

    Formula: B = rho
    Source: closed form 8.8.
    """
    return ridge / xp.tag(*_NEW_TOKEN)


@formula(increasing=("tokens", "top_k"), decreasing=("n_experts",))
def tokens_per_expert(*, tokens: Tokens, n_experts: Experts, top_k: TopK, xp: Namespace = SCALAR) -> Tokens:
    """Mean tokens that one routed expert sees in a pass.

    Formula: T * k / E
    Source: closed form 8.8; 576 for the SGLang deployment with 18,432 tokens.
    """
    return tokens * top_k / n_experts


@formula(increasing=("n_experts",), decreasing=("n_chips",))
def experts_per_chip(*, n_experts: Experts, n_chips: Count, xp: Namespace = SCALAR) -> Count:
    """Whole experts on the fullest chip of an expert-parallel group.

    Formula: ceil(E / G)
    Source: lecture 2.2: 4 of 256 on a 72-GPU rack.
    """
    return xp.ceil(n_experts / n_chips)


@formula(increasing=("n_chips",))
def expert_chips_used(*, n_experts: Experts, n_chips: Count, xp: Namespace = SCALAR) -> Count:
    """Chips that are enough when each takes as many whole experts as the fullest: the rest can stay idle.

    Formula: ceil(E / ceil(E / G))
    Source: lecture 2.2: 64 of 72 GPUs for 256 experts; corrects slip S11.
    """
    return xp.ceil(n_experts / xp.ceil(n_experts / n_chips))


@formula()
def idle_chip_share(*, n_experts: Experts, n_chips: Count, xp: Namespace = SCALAR) -> Fraction:
    """Share of a domain's chips that whole experts leave without work.

    Formula: 1 - ceil(E / ceil(E / G)) / G
    Source: lecture 2.2: 8 of 72 GPUs, 11 %.
    """
    return 1.0 - xp.ceil(n_experts / xp.ceil(n_experts / n_chips)) / n_chips
