"""Collectives that the lecture weighs: halving-doubling, expert exchange, pipeline hops, and their message sizes.

`message_bytes` is the full buffer of one rank; `bytes_per_s` is what one rank sends in one direction.
"""

from tokenroof.formulas.collectives import doubling_rounds
from tokenroof.registry import formula
from tokenroof.types.quantities import (
    AtLeastOne,
    Bytes,
    BytesPerElement,
    BytesPerS,
    Count,
    Fraction,
    Number,
    Seconds,
    Tokens,
)
from tokenroof.xp import SCALAR, Namespace

_TWO_LN = 0.6931471805599453


@formula(increasing=("message_bytes", "ranks", "hop_s"), decreasing=("bytes_per_s",))
def halving_doubling_all_reduce_s(
    *, message_bytes: Bytes, ranks: Count, bytes_per_s: BytesPerS, hop_s: Seconds, xp: Namespace = SCALAR
) -> Seconds:
    """All-reduce by recursive halving and doubling: the ring's bytes at the tree's latency.

    Formula: 2 * ceil(log2 p) * alpha + 2 * (p - 1) / p * n / beta
    Source: Thakur, Rabenseifner and Gropp 2005; exact for powers of two.
    """
    return 2.0 * doubling_rounds(ranks, xp) * hop_s + 2.0 * (ranks - 1.0) * message_bytes / ranks / bytes_per_s


@formula(increasing=("bytes_per_rank", "ranks", "latency_s"), decreasing=("bytes_per_s",))
def all_to_all_s(
    *, bytes_per_rank: Bytes, ranks: Count, bytes_per_s: BytesPerS, latency_s: Seconds, xp: Namespace = SCALAR
) -> Seconds:
    """All-to-all inside one scale-up domain, spread evenly; what stays on the rank costs nothing.

    Formula: alpha + (p - 1) / p * n / beta for p > 1
    Source: lecture 2.2; scaling book, GPU chapter.
    """
    sent = (ranks - 1.0) / ranks * bytes_per_rank / bytes_per_s
    return xp.where(ranks > 1.0, latency_s, 0.0) + sent


@formula(increasing=("domains",))
def cross_domain_share(*, domains: AtLeastOne, xp: Namespace = SCALAR) -> Fraction:
    """Share of evenly routed traffic that leaves its own scale-up domain.

    Formula: 1 - 1 / D
    Source: lecture 2.2: half of it across two racks, so that one rack bounds an expert layer.
    """
    return 1.0 - 1.0 / domains


@formula(
    increasing=("bytes_per_rank", "ranks_per_domain", "latency_s"),
    decreasing=("scaleup_bytes_per_s", "scaleout_bytes_per_s"),
)
def all_to_all_across_domains_s(
    *,
    bytes_per_rank: Bytes,
    ranks_per_domain: Count,
    domains: AtLeastOne,
    scaleup_bytes_per_s: BytesPerS,
    scaleout_bytes_per_s: BytesPerS,
    latency_s: Seconds,
    xp: Namespace = SCALAR,
) -> Seconds:
    """All-to-all over several scale-up domains, both networks working at once.

    Formula: alpha + n * max((1 / D - 1 / (D * p)) / beta_up, (1 - 1 / D) / beta_out)
    Source: lecture 2.2 in alpha-beta form.
    """
    inside = (1.0 - 1.0 / ranks_per_domain) / domains / scaleup_bytes_per_s
    outside = (1.0 - 1.0 / domains) / scaleout_bytes_per_s
    latency = xp.where(ranks_per_domain * domains > 1.0, latency_s, 0.0)
    return latency + bytes_per_rank * xp.maximum(inside, outside)


@formula(increasing=("message_bytes", "latency_s"), decreasing=("bytes_per_s",))
def hop_time_s(*, message_bytes: Bytes, bytes_per_s: BytesPerS, latency_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """One message from a pipeline stage to the next.

    Formula: alpha + n / beta
    Source: lecture 7.5: 9 us for 2,000 x 7,168 BF16 over 64 links of 50 GB/s.
    """
    return latency_s + message_bytes / bytes_per_s


@formula(increasing=("tokens", "hidden", "bytes_per_element"))
def activation_message_bytes(
    *, tokens: Tokens, hidden: Count, bytes_per_element: BytesPerElement, xp: Namespace = SCALAR
) -> Bytes:
    """Residual stream of `tokens`: what a pipeline hop or a tensor-parallel all-reduce moves.

    Formula: T * d_model * bytes
    Source: lecture 2.3.
    """
    return tokens * hidden * bytes_per_element / xp.tag(1.0, "token")


@formula(increasing=("tokens", "routes", "hidden", "dispatch_bytes_per_element", "combine_bytes_per_element"))
def expert_exchange_bytes(
    *,
    tokens: Tokens,
    routes: Count,
    hidden: Count,
    dispatch_bytes_per_element: BytesPerElement,
    combine_bytes_per_element: BytesPerElement,
    xp: Namespace = SCALAR,
) -> Bytes:
    """Bytes of one layer's dispatch and combine together, each token sent to each of its experts.

    Formula: T * k * d_model * (bytes_dispatch + bytes_combine)
    Source: lecture 2.2 (same volume each way at equal format); DeepSeek ISCA 2025 (arXiv 2505.09343), V4.
    """
    both = dispatch_bytes_per_element + combine_bytes_per_element
    return tokens * routes * hidden * both / xp.tag(1.0, "token")


@formula(increasing=("routes", "layers_per_stage"), decreasing=("bandwidth_ratio",))
def scaleup_to_scaleout_time(
    *, bandwidth_ratio: AtLeastOne, routes: Count, layers_per_stage: Count, xp: Namespace = SCALAR
) -> Number:
    """Time on the fast network for each second on the slow one, with experts inside and stages across racks.

    Formula: t_up / t_out = 2 * k * layers_per_stage / bandwidth_ratio
    Source: lecture E13, vectors R12; at least 1 keeps the fast network the busy one.
    """
    return 2.0 * routes * layers_per_stage / bandwidth_ratio
