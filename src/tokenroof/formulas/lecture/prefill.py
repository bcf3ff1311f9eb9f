"""Prefill and decode as two ends of the pass length.

The new tokens of a pass share one read of weights and of the earlier KV cache, so arithmetic grows with
the pass length and memory traffic does not (flash attention keeps the new tokens on chip).
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    FlopsPerS,
    Fraction,
    Number,
    Params,
    Seconds,
    SecondsPerToken,
    Sequences,
    Tokens,
    TokensPerSequence,
)
from tokenroof.xp import SCALAR, Namespace

_FLOP_PER_PARAM_TOKEN = (2.0, "FLOP/param/token")


@formula(increasing=("batch", "pass_length"))
def pass_tokens(*, batch: Sequences, pass_length: TokensPerSequence, xp: Namespace = SCALAR) -> Tokens:
    """New tokens of one pass.

    Formula: T = B * l_pass
    Source: lecture E31; l_pass is 1 in decode and large in prefill.
    """
    return batch * pass_length


@formula(increasing=("pass_s",), decreasing=("tokens",))
def pass_time_per_token(*, pass_s: Seconds, tokens: Tokens, xp: Namespace = SCALAR) -> SecondsPerToken:
    """What one new token takes of a pass or of one part of it.

    Formula: T / tokens
    Source: lecture E31: constant for arithmetic, falling with the pass length for memory.
    """
    return pass_s / tokens


@formula(increasing=("memory_s",), decreasing=("compute_s",))
def memory_to_compute_ratio(*, memory_s: Seconds, compute_s: Seconds, xp: Namespace = SCALAR) -> Number:
    """How far decode is bound by memory, and so how much dearer an output token is than an input token.

    Formula: price(out) / price(in) = t_mem / t_compute at l_pass = 1
    Source: lecture E32, W17; holds where prefill is compute-bound and decode memory-bound.
    """
    return memory_s / compute_s


@formula(decreasing=("output_to_input",))
def decode_mfu_of_prefill(*, output_to_input: Number, xp: Namespace = SCALAR) -> Fraction:
    """Decode MFU as a share of prefill MFU that an output to input price ratio implies.

    Formula: MFU_decode / MFU_prefill = 1 / r
    Source: lecture E32, flashcard 6.4; section 5.2: cache hits can produce the same ratio.
    """
    return 1.0 / output_to_input


@formula(increasing=("tokens", "active_params"), decreasing=("flops_per_s", "mfu"))
def prefill_time_s(
    *, tokens: Tokens, active_params: Params, flops_per_s: FlopsPerS, mfu: Fraction, xp: Namespace = SCALAR
) -> Seconds:
    """Prefill at a given MFU.

    Formula: t = 2 * A * T / (MFU * F)
    Source: scaling book chapter 8: 8,192 tokens of a 70 B model on 16 v5e at 40 % in 0.91 s.
    """
    return tokens * active_params * xp.tag(*_FLOP_PER_PARAM_TOKEN) / (flops_per_s * mfu)
