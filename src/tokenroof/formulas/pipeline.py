"""Pipelining across scale-up domains: memory per chip, micro-batches in flight, idle time, added latency.

`expert_parallel` is the number of chips that share one layer's weights and cache, `stages` the depth.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    AtLeastOne,
    Bytes,
    BytesPerParam,
    BytesPerToken,
    Count,
    Fraction,
    Params,
    Seconds,
    Sequences,
    TokensPerSequence,
)
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("params", "bytes_per_param", "batch", "context", "kv_bytes_per_token"))
def total_memory_bytes(
    *,
    params: Params,
    bytes_per_param: BytesPerParam,
    batch: Sequences,
    context: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    xp: Namespace = SCALAR,
) -> Bytes:
    """Weights and KV cache of the whole deployment; `batch` counts every micro-batch in flight.

    Formula: c = N * w + B_global * C * kv
    Source: lecture E16.
    """
    return params * bytes_per_param + batch * context * kv_bytes_per_token


@formula(increasing=("params", "bytes_per_param"), decreasing=("expert_parallel", "stages"))
def weight_bytes_per_chip(
    *,
    params: Params,
    bytes_per_param: BytesPerParam,
    expert_parallel: Count,
    stages: Count,
    xp: Namespace = SCALAR,
) -> Bytes:
    """Weights on one chip: they shrink with the stages.

    Formula: N * w / (E * P)
    Source: lecture E17, E19, vectors R13.
    """
    return params * bytes_per_param / (expert_parallel * stages)


@formula(increasing=("batch", "context", "kv_bytes_per_token"), decreasing=("expert_parallel", "stages"))
def kv_bytes_per_chip(
    *,
    batch: Sequences,
    context: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    expert_parallel: Count,
    stages: Count,
    xp: Namespace = SCALAR,
) -> Bytes:
    """KV cache on one chip for a global batch, all micro-batches in flight included.

    Formula: B_global * C * kv / (E * P)
    Source: lecture E17.
    """
    return batch * context * kv_bytes_per_token / (expert_parallel * stages)


@formula(increasing=("local_batch", "context", "kv_bytes_per_token"), decreasing=("expert_parallel",))
def kv_bytes_per_chip_full_pipeline(
    *,
    local_batch: Sequences,
    context: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    expert_parallel: Count,
    xp: Namespace = SCALAR,
) -> Bytes:
    """KV cache on one chip when as many micro-batches fly as there are stages: no stage count left in it.

    Formula: b * C * kv / E
    Source: lecture E19, closed form 8.4, vectors R13: weights shrink with P, KV does not (slip S14).
    """
    return local_batch * context * kv_bytes_per_token / expert_parallel


@formula(
    increasing=("params", "bytes_per_param", "local_batch", "context", "kv_bytes_per_token"),
    decreasing=("expert_parallel", "stages"),
)
def memory_bytes_per_chip(
    *,
    params: Params,
    bytes_per_param: BytesPerParam,
    local_batch: Sequences,
    context: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    expert_parallel: Count,
    stages: Count,
    xp: Namespace = SCALAR,
) -> Bytes:
    """Weights and KV cache on one chip of a full pipeline.

    Formula: N * w / (E * P) + b * C * kv / E
    Source: lecture E19, closed form 8.4.
    """
    kv_total = local_batch * context * kv_bytes_per_token
    return (params * bytes_per_param / stages + kv_total) / expert_parallel


@formula(increasing=("micro_batches", "local_batch"))
def global_batch(*, micro_batches: Count, local_batch: Sequences, xp: Namespace = SCALAR) -> Sequences:
    """Sequences in flight over the whole pipeline; without idle time there are as many parts as stages.

    Formula: B_global = n_micro * b
    Source: lecture E14, E18.
    """
    return micro_batches * local_batch


@formula(increasing=("stages",), decreasing=("micro_batches",))
def inference_idle_share(*, micro_batches: Count, stages: Count, xp: Namespace = SCALAR) -> Fraction:
    """Share of time that a stage waits in decode: none once a micro-batch flies for every stage.

    Formula: max(0, 1 - n_micro / P)
    Source: lecture E14: one inference at a time on four racks wastes three quarters (slip S12).
    """
    return xp.maximum(0.0, 1.0 - micro_batches / stages)


@formula(increasing=("stages",), decreasing=("micro_batches",))
def training_bubble_gpipe(*, micro_batches: Count, stages: Count, xp: Namespace = SCALAR) -> Fraction:
    """Idle share of a training step under GPipe; 1F1B has the same bubble with less memory.

    Formula: (P - 1) / (M + P - 1)
    Source: lecture E15 in words; Huang et al. 2019 (GPipe, arXiv 1811.06965); slip S12.
    """
    return (stages - 1.0) / (micro_batches + stages - 1.0)


@formula(increasing=("stages",), decreasing=("micro_batches", "chunks"))
def training_bubble_interleaved(
    *, micro_batches: Count, stages: Count, chunks: AtLeastOne, xp: Namespace = SCALAR
) -> Fraction:
    """Idle share when every chip holds `chunks` shorter stages in turn.

    Formula: (P - 1) / (v * M + P - 1)
    Source: Narayanan et al. 2021 (Megatron-LM, arXiv 2104.04473).
    """
    return (stages - 1.0) / (chunks * micro_batches + stages - 1.0)


@formula(increasing=("stages", "forward_s", "input_gradient_s"), decreasing=("micro_batches", "weight_gradient_s"))
def training_bubble_zero_bubble(
    *,
    micro_batches: Count,
    stages: Count,
    forward_s: Seconds,
    input_gradient_s: Seconds,
    weight_gradient_s: Seconds,
    xp: Namespace = SCALAR,
) -> Fraction:
    """Idle share of the memory-neutral zero-bubble schedule (ZB-H1): weight gradients fill the gaps.

    Formula: (P - 1) * g / (M * (F + B + W) + (P - 1) * g), g = max(0, F + B - W)
    Source: Qi et al. 2024 (arXiv 2401.10241): a third of 1F1B when F = B = W; ZB-H2 has none.
    """
    gap_s = (stages - 1.0) * xp.maximum(0.0, forward_s + input_gradient_s - weight_gradient_s)
    return gap_s / (micro_batches * (forward_s + input_gradient_s + weight_gradient_s) + gap_s)


@formula(increasing=("micro_batches", "stages"))
def activations_in_flight_1f1b(*, micro_batches: Count, stages: Count, xp: Namespace = SCALAR) -> Count:
    """Micro-batches whose activations the first stage holds under 1F1B; GPipe holds all of them.

    Formula: min(M, P)
    Source: Narayanan et al. 2021 (arXiv 2104.04473).
    """
    return xp.minimum(micro_batches, stages)


@formula(increasing=("step_s", "stages", "hop_s"))
def pipelined_token_time_s(*, step_s: Seconds, stages: Count, hop_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """Time per output token over a pipeline: the same pass plus a hop out of every stage.

    Formula: T + P * t_hop
    Source: lecture 2.4: 20 ms and four hops of about 2 ms; decode wraps round and hops do not overlap.
    """
    return step_s + stages * hop_s
