"""Pipelining across scale-up domains by the lecture: memory per chip, micro-batches in flight, added latency.

`expert_parallel` is the number of chips that share one layer's weights and cache, `stages` the depth.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    Bytes,
    BytesPerParam,
    BytesPerToken,
    Count,
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


@formula(increasing=("step_s", "stages", "hop_s"))
def pipelined_token_time_s(*, step_s: Seconds, stages: Count, hop_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """Time per output token over a pipeline: the same pass plus a hop out of every stage.

    Formula: T + P * t_hop
    Source: lecture 2.4: 20 ms and four hops of about 2 ms; decode wraps round and hops do not overlap.
    """
    return step_s + stages * hop_s
