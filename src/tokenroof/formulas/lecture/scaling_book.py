"""Bounds of the scaling book (jax-ml.github.io/scaling-book) on tensor parallelism and single matmuls."""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    AtLeastOne,
    Bytes,
    BytesPerElement,
    BytesPerS,
    Count,
    Flops,
    FlopsPerS,
    Number,
    Seconds,
    Sequences,
    Tokens,
)
from tokenroof.xp import SCALAR, Namespace

_FLOP_PER_ELEMENT = (2.0, "FLOP")


@formula(increasing=("query_tokens", "cached_tokens"))
def attention_reuse_tokens(*, query_tokens: Tokens, cached_tokens: Tokens, xp: Namespace = SCALAR) -> Tokens:
    """How often attention reuses what it reads: half the length in prefill, about 1 in decode.

    Formula: S * T / (S + T)
    Source: scaling book chapter 7, attention intensity in BF16 (FLOP per byte).
    """
    return query_tokens * cached_tokens / (query_tokens + cached_tokens)


@formula(increasing=("rows", "inner", "columns"))
def matmul_flops(*, rows: Count, inner: Count, columns: Count, xp: Namespace = SCALAR) -> Flops:
    """Arithmetic of one matmul.

    Formula: 2 * m * k * n
    Source: scaling book chapter 1.
    """
    return xp.tag(*_FLOP_PER_ELEMENT) * rows * inner * columns


@formula(increasing=("rows", "inner", "columns", "bytes_per_element"))
def matmul_bytes(
    *, rows: Count, inner: Count, columns: Count, bytes_per_element: BytesPerElement, xp: Namespace = SCALAR
) -> Bytes:
    """Traffic of one matmul with both operands read and the result written once, one format.

    Formula: bytes * (m * k + k * n + m * n)
    Source: scaling book chapter 1.
    """
    return bytes_per_element * (rows * inner + inner * columns + rows * columns)


@formula(increasing=("flops", "message_bytes"), decreasing=("flops_per_s", "bytes_per_s"))
def kernel_time_s(
    *,
    flops: Flops,
    message_bytes: Bytes,
    flops_per_s: FlopsPerS,
    bytes_per_s: BytesPerS,
    xp: Namespace = SCALAR,
) -> Seconds:
    """One kernel on the roofline.

    Formula: t = max(FLOP / F, bytes / W)
    Source: scaling book chapter 1.
    """
    return xp.maximum(flops / flops_per_s, message_bytes / bytes_per_s)


@formula(increasing=("d_ff", "link_bytes_per_s"), decreasing=("batch", "bytes_per_s"))
def tensor_parallel_limit_by_memory(
    *,
    d_ff: Count,
    batch: Sequences,
    bytes_per_s: BytesPerS,
    link_bytes_per_s: BytesPerS,
    xp: Namespace = SCALAR,
) -> Number:
    """Ways of tensor parallelism beyond which a memory-bound decode pass waits for its links.

    Formula: Y = F * W_link / (B * W_hbm)
    Source: scaling book chapter 7: 64 for F = 16,384, B = 32 and W_hbm / W_link = 8.
    """
    return d_ff * link_bytes_per_s / (batch * bytes_per_s) * xp.tag(1.0, "sequence")


@formula(increasing=("d_ff", "axes"), decreasing=("flops_to_link",))
def tensor_parallel_limit_by_compute(
    *, d_ff: Count, axes: AtLeastOne, flops_to_link: Number, xp: Namespace = SCALAR
) -> Number:
    """Ways of tensor parallelism beyond which a compute-bound pass waits for its links.

    Formula: Y = F * axes / alpha, with alpha = FLOP/s over link byte/s
    Source: scaling book chapters 5 and 8: alpha = 2,550 on TPU v5p.
    """
    return d_ff * axes / flops_to_link


@formula(increasing=("link_bytes_per_s", "hop_s"))
def latency_bound_bytes(*, link_bytes_per_s: BytesPerS, hop_s: Seconds, xp: Namespace = SCALAR) -> Bytes:
    """Message below which a hop costs its latency and not its bytes.

    Formula: n = W_link * t_hop
    Source: scaling book chapter 7, appendix C.
    """
    return link_bytes_per_s * hop_s


@formula(increasing=("axes", "ff_ratio"))
def two_dimensional_crossover_chips(*, axes: AtLeastOne, ff_ratio: AtLeastOne, xp: Namespace = SCALAR) -> Number:
    """Chips from which weights cut along both dimensions move fewer bytes than weights cut along one.

    Formula: N = 2 * axes^2 * F / D, where 4 * D / axes = sqrt(32 * D * F / N)
    Source: scaling book chapter 7, question 7; its 128 * (3 / 4)^2 is 72, printed there as 81.
    """
    return 2.0 * axes * axes * ff_ratio


@formula(increasing=("flops_per_s", "bytes_per_element"), decreasing=("link_bytes_per_s",))
def data_parallel_tokens_per_chip(
    *,
    flops_per_s: FlopsPerS,
    link_bytes_per_s: BytesPerS,
    bytes_per_element: BytesPerElement,
    xp: Namespace = SCALAR,
) -> Tokens:
    """Tokens per chip that hide the reduction of gradients behind the backward pass of a dense model.

    Formula: T = F * bytes / (2 * W_link)
    Source: scaling book, GPU chapter: 2,200 in an H100 node, 2,475 between nodes; BF16 gradients.
    """
    return flops_per_s * bytes_per_element / (2.0 * link_bytes_per_s) * xp.tag(1.0, "token/FLOP")
