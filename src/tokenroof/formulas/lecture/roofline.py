"""What the lecture adds to the roofline: its own unit of arithmetic, MFU beyond the knee, MBU."""

from tokenroof.registry import formula
from tokenroof.types.quantities import FlopsPerS, Fraction, MacsPerS, Seconds, TokensPerSequence
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("macs_per_s",))
def flops_per_s_from_macs(*, macs_per_s: MacsPerS, xp: Namespace = SCALAR) -> FlopsPerS:
    """Vendor FLOP/s of hardware that does `macs_per_s` multiply-adds a second.

    Formula: F = 2 * M
    Source: lecture section 1, unit trap: the lecture counts multiplies, vendors count FLOPs.
    """
    return xp.tag(2.0, "FLOP/MAC") * macs_per_s


@formula(increasing=("knee",), decreasing=("context",))
def mfu_beyond_knee(*, context: TokensPerSequence, knee: TokensPerSequence, xp: Namespace = SCALAR) -> Fraction:
    """Best MFU that any batch reaches at a context: full up to the knee, halved by each doubling beyond it.

    Formula: MFU <= min(1, C* / C)
    Source: lecture E9, W6: the KV-bound limit, weights amortised over a large batch.
    """
    return xp.minimum(1.0, knee / context)


@formula(increasing=("weights_s", "kv_s"), decreasing=("step_s",))
def mbu(*, weights_s: Seconds, kv_s: Seconds, step_s: Seconds, xp: Namespace = SCALAR) -> Fraction:
    """Memory bandwidth utilisation: the share of the pass that full-rate reads would need.

    Formula: MBU = (t_weights + t_kv) / T
    Source: counterpart of closed form 8.2.
    """
    return (weights_s + kv_s) / step_s
