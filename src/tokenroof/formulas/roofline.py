"""The roofline of one decode pass: arithmetic, weights and KV cache against the machine's rates.

Every equality here is a lower bound on time: terms may be missing, none is too large.
Vendors count FLOP (2 per multiply-add); `flops_per_s` is always that.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    Bytes,
    BytesPerParam,
    BytesPerS,
    BytesPerToken,
    Count,
    FlopsPerByte,
    FlopsPerS,
    Fraction,
    Params,
    Seconds,
    SecondsPerSequence,
    Sequences,
    Tokens,
    TokensPerS,
    TokensPerSequence,
    TokensPerSPerSequence,
)
from tokenroof.xp import SCALAR, Namespace

_FLOP_PER_PARAM_TOKEN = (2.0, "FLOP/param/token")
_NEW_TOKEN = (1.0, "token/sequence")


@formula(increasing=("batch", "active_params"), decreasing=("flops_per_s",))
def compute_time_s(
    *, batch: Sequences, active_params: Params, flops_per_s: FlopsPerS, xp: Namespace = SCALAR
) -> Seconds:
    """Time of the weight matmuls of one decode pass, one new token per sequence.

    Formula: t_compute = 2 * B * A / F
    Source: lecture E2 (with FLOPs in place of multiplies). Attention arithmetic is left out.
    """
    return batch * xp.tag(*_NEW_TOKEN) * active_params * xp.tag(*_FLOP_PER_PARAM_TOKEN) / flops_per_s


@formula(increasing=("params", "bytes_per_param"), decreasing=("bytes_per_s",))
def weight_time_s(
    *, params: Params, bytes_per_param: BytesPerParam, bytes_per_s: BytesPerS, xp: Namespace = SCALAR
) -> Seconds:
    """Time to read all weights once; also the floor under the latency of any pass.

    Formula: t_weights = N * w / W
    Source: lecture E3, E4. All total parameters count: a large batch touches every expert.
    """
    return params * bytes_per_param / bytes_per_s


@formula(increasing=("batch", "context", "kv_bytes_per_token"), decreasing=("bytes_per_s",))
def kv_time_s(
    *,
    batch: Sequences,
    context: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    bytes_per_s: BytesPerS,
    xp: Namespace = SCALAR,
) -> Seconds:
    """Time to read the KV cache of every sequence once.

    Formula: t_kv = B * C * kv / W
    Source: lecture E3.
    """
    return batch * context * kv_bytes_per_token / bytes_per_s


@formula(increasing=("compute_s", "weights_s", "kv_s"))
def step_time_lecture_s(*, compute_s: Seconds, weights_s: Seconds, kv_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """One pass when arithmetic hides behind memory traffic or the other way round.

    Formula: T = max(t_compute, t_weights + t_kv)
    Source: lecture E1, E3: the two reads are added. With kv_s = 0 also E4, the floor under any batch.
    """
    return xp.maximum(compute_s, weights_s + kv_s)


@formula(increasing=("compute_s", "weights_s", "kv_s"))
def step_time_text_s(*, compute_s: Seconds, weights_s: Seconds, kv_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """One pass in the form of the seed article, which takes the larger of the two reads.

    Formula: T = max(t_compute, t_weights, t_kv)
    Source: seed article; slip S3: low by up to 2x, kept as the lower end of the mode inequality.
    """
    return xp.maximum(compute_s, xp.maximum(weights_s, kv_s))


@formula(increasing=("compute_s", "weights_s", "kv_s"))
def step_time_book_s(*, compute_s: Seconds, weights_s: Seconds, kv_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """One pass when attention runs after the matmuls and cannot overlap with them.

    Formula: T = t_kv + max(t_compute, t_weights)
    Source: scaling book chapter 7, general step time.
    """
    return kv_s + xp.maximum(compute_s, weights_s)


@formula(increasing=("flops_per_s", "bytes_per_param"), decreasing=("bytes_per_s",))
def ridge_tokens(
    *, flops_per_s: FlopsPerS, bytes_per_param: BytesPerParam, bytes_per_s: BytesPerS, xp: Namespace = SCALAR
) -> Tokens:
    """The lecture's "about 300": tokens per pass at which a dense model's matmuls equal its weight reads.

    Formula: rho = F * w / (2 * W)
    Source: lecture E7; independent of precision while the rate doubles as the width halves.
    """
    return flops_per_s * bytes_per_param / (xp.tag(*_FLOP_PER_PARAM_TOKEN) * bytes_per_s)


@formula(increasing=("flops_per_s",), decreasing=("bytes_per_s",))
def ridge_flops_per_byte(*, flops_per_s: FlopsPerS, bytes_per_s: BytesPerS, xp: Namespace = SCALAR) -> FlopsPerByte:
    """Vendor FLOP per byte of memory traffic at the roofline's ridge.

    Formula: I = F / W
    Source: scaling book, roofline chapter. About 300 only at BF16.
    """
    return flops_per_s / bytes_per_s


@formula(increasing=("ridge", "params"), decreasing=("active_params",))
def balance_batch(*, ridge: Tokens, params: Params, active_params: Params, xp: Namespace = SCALAR) -> Sequences:
    """Batch at which matmul time equals weight-read time, KV ignored: sparsity decides, not scale.

    Formula: B* = rho * N / A
    Source: lecture E7; corrects slip S1, which has A/N.
    """
    return ridge * params / active_params / xp.tag(*_NEW_TOKEN)


@formula(increasing=("active_params", "bytes_per_s"), decreasing=("flops_per_s", "kv_bytes_per_token"))
def knee_context(
    *,
    active_params: Params,
    bytes_per_s: BytesPerS,
    flops_per_s: FlopsPerS,
    kv_bytes_per_token: BytesPerToken,
    xp: Namespace = SCALAR,
) -> TokensPerSequence:
    """Context at which a sequence's KV read takes as long as its arithmetic; no batch helps beyond it.

    Formula: C* = 2 * A * W / (F * kv); unlimited where nothing is cached
    Source: lecture E9, closed form 8.1, vectors R7.
    """
    arithmetic = active_params * xp.tag(*_FLOP_PER_PARAM_TOKEN) * bytes_per_s / flops_per_s
    return xp.ratio(arithmetic * xp.tag(*_NEW_TOKEN), kv_bytes_per_token, float("inf"))


@formula(increasing=("balance", "context"), decreasing=("knee",))
def balance_batch_at_context(
    *, balance: Sequences, context: TokensPerSequence, knee: TokensPerSequence, xp: Namespace = SCALAR
) -> Sequences:
    """Batch for balance when KV reads take part of the bandwidth; unlimited from the knee on.

    Formula: B*(C) = B*(0) / (1 - C / C*)
    Source: lecture E8 in words, closed form 8.1, vectors R8; corrects slip S19.
    """
    return xp.ratio(balance, 1.0 - context / knee, float("inf"))


@formula(increasing=("compute_s",), decreasing=("step_s",))
def mfu(*, compute_s: Seconds, step_s: Seconds, xp: Namespace = SCALAR) -> Fraction:
    """Model FLOPs utilisation: the share of the pass that peak-rate arithmetic would need.

    Formula: MFU = t_compute / T
    Source: closed form 8.2.
    """
    return compute_s / step_s


@formula(increasing=("memory_bytes",), decreasing=("bytes_per_s",))
def drain_time_s(*, memory_bytes: Bytes, bytes_per_s: BytesPerS, xp: Namespace = SCALAR) -> Seconds:
    """Time to read a memory once: the natural period of the train, and the natural holding time of a tier.

    Formula: T_drain = Q / W
    Source: lecture E10 (13 to 40 ms across HBM parts) and E36 (any tier).
    """
    return memory_bytes / bytes_per_s


@formula(increasing=("chips", "chip_bytes_per_s"))
def scaleup_bytes_per_s(*, chips: Count, chip_bytes_per_s: BytesPerS, xp: Namespace = SCALAR) -> BytesPerS:
    """Bandwidth that loads one layer: every chip of the scale-up domain, never the pipeline stages together.

    Formula: W = G * W_chip
    Source: lecture E20.
    """
    return chips * chip_bytes_per_s


@formula(increasing=("batch",), decreasing=("step_s",))
def decode_tokens_per_s(*, batch: Sequences, step_s: Seconds, xp: Namespace = SCALAR) -> TokensPerS:
    """Tokens that the whole system puts out in a second, one per sequence and pass.

    Formula: B / T
    Source: lecture E12, W3.
    """
    return batch * xp.tag(*_NEW_TOKEN) / step_s


@formula(decreasing=("step_s",))
def user_tokens_per_s(*, step_s: Seconds, xp: Namespace = SCALAR) -> TokensPerSPerSequence:
    """Tokens that one user sees in a second: the inverse of the time per output token.

    Formula: 1 / T
    Source: lecture E12.
    """
    return xp.tag(*_NEW_TOKEN) / step_s


@formula(increasing=("step_s",), decreasing=("weights_s", "compute_s_per_sequence", "kv_s_per_sequence"))
def batch_at_step_time(
    *,
    step_s: Seconds,
    weights_s: Seconds,
    compute_s_per_sequence: SecondsPerSequence,
    kv_s_per_sequence: SecondsPerSequence,
    xp: Namespace = SCALAR,
) -> Sequences:
    """Largest batch whose pass takes no longer than `step_s`; zero below the weight floor, else unlimited.

    Formula: B = max(0, min(T / c, (T - t_weights) / k)), c and k the compute and KV time of one sequence
    Source: lecture E1 to E4 solved for B.
    """
    by_compute = xp.ratio(step_s, compute_s_per_sequence, float("inf"))
    room_s = step_s - weights_s
    by_memory = xp.where(room_s >= 0, xp.ratio(room_s, kv_s_per_sequence, float("inf")), 0.0)
    return xp.minimum(by_compute, by_memory)
