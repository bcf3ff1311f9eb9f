"""Collectives in the alpha-beta model: a latency per step and bytes over one rank's link, algorithm named.

`message_bytes` is the full buffer of one rank (the gathered or reduced size); `bytes_per_s` is what one rank
sends in one direction. One rank means no traffic and no latency.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import Bytes, BytesPerS, Count, Seconds
from tokenroof.xp import SCALAR, Namespace, Num

_TWO_LN = 0.6931471805599453


def doubling_rounds(ranks: Num, xp: Namespace) -> Num:
    """ceil(log2(ranks)), with a hair of slack so that 8 ranks are 3 rounds in floating point."""
    return xp.ceil(xp.log(ranks) / _TWO_LN - 1e-9)


@formula(increasing=("message_bytes", "ranks", "hop_s"), decreasing=("bytes_per_s",))
def ring_all_reduce_s(
    *, message_bytes: Bytes, ranks: Count, bytes_per_s: BytesPerS, hop_s: Seconds, xp: Namespace = SCALAR
) -> Seconds:
    """All-reduce round a ring: best for large messages, slow for many ranks.

    Formula: 2 * (p - 1) * alpha + 2 * (p - 1) / p * n / beta
    Source: textbook reduce-scatter and all-gather; Epoch EP8 (arXiv 2506.04645).
    """
    return 2.0 * (ranks - 1.0) * (hop_s + message_bytes / ranks / bytes_per_s)


@formula(increasing=("message_bytes", "ranks", "hop_s"), decreasing=("bytes_per_s",))
def ring_all_gather_s(
    *, message_bytes: Bytes, ranks: Count, bytes_per_s: BytesPerS, hop_s: Seconds, xp: Namespace = SCALAR
) -> Seconds:
    """All-gather round a ring to a full buffer of `message_bytes`.

    Formula: (p - 1) * alpha + (p - 1) / p * n / beta
    Source: scaling book, GPU chapter: 65 us for 1,024 x 16,384 BF16 in a node of 8 at 450 GB/s.
    """
    return (ranks - 1.0) * (hop_s + message_bytes / ranks / bytes_per_s)


@formula(increasing=("message_bytes", "ranks", "hop_s"), decreasing=("bytes_per_s",))
def ring_reduce_scatter_s(
    *, message_bytes: Bytes, ranks: Count, bytes_per_s: BytesPerS, hop_s: Seconds, xp: Namespace = SCALAR
) -> Seconds:
    """Reduce-scatter round a ring from a full buffer of `message_bytes` on each rank.

    Formula: (p - 1) * alpha + (p - 1) / p * n / beta
    Source: textbook; the mirror image of the all-gather.
    """
    return (ranks - 1.0) * (hop_s + message_bytes / ranks / bytes_per_s)


@formula(increasing=("message_bytes", "ranks", "hop_s"), decreasing=("bytes_per_s",))
def tree_all_reduce_s(
    *, message_bytes: Bytes, ranks: Count, bytes_per_s: BytesPerS, hop_s: Seconds, xp: Namespace = SCALAR
) -> Seconds:
    """All-reduce up and down a pipelined double binary tree: latency grows with the logarithm.

    Formula: 2 * ceil(log2 p) * alpha + 2 * n / beta for p > 1
    Source: Sanders, Speck and Traeff 2009, two-tree algorithms; the tree that NCCL uses.
    """
    sent = xp.where(ranks > 1.0, 2.0 * message_bytes / bytes_per_s, 0.0)
    return 2.0 * doubling_rounds(ranks, xp) * hop_s + sent


@formula(increasing=("message_bytes", "ranks", "hop_s"), decreasing=("bytes_per_s",))
def one_shot_all_reduce_s(
    *, message_bytes: Bytes, ranks: Count, bytes_per_s: BytesPerS, hop_s: Seconds, xp: Namespace = SCALAR
) -> Seconds:
    """All-reduce in one step: every rank sends all it has to every other. Best for decode's small messages.

    Formula: alpha + (p - 1) * n / beta for p > 1
    Source: the one-shot kernel of inference engines' custom all-reduce.
    """
    return xp.where(ranks > 1.0, hop_s, 0.0) + (ranks - 1.0) * message_bytes / bytes_per_s
