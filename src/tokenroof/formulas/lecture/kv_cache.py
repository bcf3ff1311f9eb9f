"""The KV cache: bytes that one token leaves behind, bytes that one pass reads, and what fits.

Widths are elements of one token in one layer; `bytes_per_element` is the stored format's.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    Bytes,
    BytesPerElement,
    BytesPerS,
    BytesPerSequence,
    BytesPerToken,
    Count,
    Seconds,
    Sequences,
    Tokens,
    TokensPerSequence,
)
from tokenroof.xp import SCALAR, Namespace

_PER_TOKEN = (1.0, "1/token")
_PER_SEQUENCE = (1.0, "1/sequence")


@formula(increasing=("n_layers", "n_kv_heads", "head_dim", "v_head_dim", "bytes_per_element"))
def gqa_kv_bytes_per_token(
    *,
    n_layers: Count,
    n_kv_heads: Count,
    head_dim: Count,
    v_head_dim: Count,
    bytes_per_element: BytesPerElement,
    xp: Namespace = SCALAR,
) -> BytesPerToken:
    """Cache of one token under multi-head, multi-query or grouped-query attention.

    Formula: kv = layers * n_kv * (d_k + d_v) * bytes; layers that keep a cache of their own only
    Source: lecture E30 (2 * d_head where d_k = d_v); corrects slip S10, which multiplies by the model width.
    """
    return n_layers * n_kv_heads * (head_dim + v_head_dim) * bytes_per_element * xp.tag(*_PER_TOKEN)


@formula(increasing=("n_layers", "kv_lora_rank", "qk_rope_dim", "bytes_per_element"))
def mla_kv_bytes_per_token(
    *,
    n_layers: Count,
    kv_lora_rank: Count,
    qk_rope_dim: Count,
    bytes_per_element: BytesPerElement,
    xp: Namespace = SCALAR,
) -> BytesPerToken:
    """Cache of one token under multi-head latent attention: one latent and one rotary key for all heads.

    Formula: kv = layers * (d_c + d_rope) * bytes
    Source: DeepSeek-V3 report (arXiv 2412.19437): 61 * (512 + 64) * 2 = 70,272 byte.
    """
    return n_layers * (kv_lora_rank + qk_rope_dim) * bytes_per_element * xp.tag(*_PER_TOKEN)


@formula(increasing=("n_layers", "index_dim", "bytes_per_element"))
def index_bytes_per_token(
    *, n_layers: Count, index_dim: Count, bytes_per_element: BytesPerElement, xp: Namespace = SCALAR
) -> BytesPerToken:
    """Keys that the indexer of top-k sparse attention keeps of one token and scans in every pass.

    Formula: kv_index = layers * d_index * bytes
    Source: lecture 7.6 on DeepSeek-V3.2 (arXiv 2512.02556).
    """
    return n_layers * index_dim * bytes_per_element * xp.tag(*_PER_TOKEN)


@formula(increasing=("context", "window"))
def window_tokens(
    *, context: TokensPerSequence, window: TokensPerSequence, xp: Namespace = SCALAR
) -> TokensPerSequence:
    """Tokens that a sliding-window layer keeps and reads.

    Formula: min(C, window)
    Source: definition of sliding-window attention.
    """
    return xp.minimum(context, window)


@formula(increasing=("context", "window", "global_kv_bytes_per_token", "window_kv_bytes_per_token"))
def interleaved_read_bytes(
    *,
    context: TokensPerSequence,
    window: TokensPerSequence,
    global_kv_bytes_per_token: BytesPerToken,
    window_kv_bytes_per_token: BytesPerToken,
    xp: Namespace = SCALAR,
) -> BytesPerSequence:
    """Bytes that one sequence reads in a pass when full layers alternate with sliding-window layers.

    Formula: C * kv_global + min(C, window) * kv_window
    Source: lecture W16 (Character.AI, Gemma style), without the single-layer shortcut.
    """
    local = xp.minimum(context, window)
    return context * global_kv_bytes_per_token + local * window_kv_bytes_per_token


@formula(increasing=("context", "top_k", "kv_bytes_per_token", "index_bytes_per_token"))
def sparse_read_bytes(
    *,
    context: TokensPerSequence,
    top_k: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    index_bytes_per_token: BytesPerToken,
    xp: Namespace = SCALAR,
) -> BytesPerSequence:
    """Bytes that one sequence reads in a pass of top-k sparse attention: chosen tokens and all index keys.

    Formula: min(C, k) * kv + C * kv_index
    Source: lecture 7.6: the published variant still scans every token, so it is linear in C at the end.
    """
    return xp.minimum(context, top_k) * kv_bytes_per_token + context * index_bytes_per_token


@formula(increasing=("context",))
def sqrt_tokens(*, context: TokensPerSequence, xp: Namespace = SCALAR) -> TokensPerSequence:
    """Tokens read under the lecture's square-root attention: a what-if, not what any paper does.

    Formula: C ^ 0.5
    Source: lecture 2.1, corrected in 7.6.
    """
    return xp.sqrt(context * xp.tag(1.0, "token/sequence"))


@formula(increasing=("kv_bytes_per_token",), decreasing=("sparsity",))
def uniformly_sparse_kv_bytes_per_token(
    *, kv_bytes_per_token: BytesPerToken, sparsity: Count, xp: Namespace = SCALAR
) -> BytesPerToken:
    """Bytes read per cached token when attention visits one token in `sparsity`.

    Formula: kv / sparsity
    Source: lecture E30.
    """
    return kv_bytes_per_token / sparsity


@formula(increasing=("batch", "context", "kv_bytes_per_token"))
def kv_cache_bytes(
    *, batch: Sequences, context: TokensPerSequence, kv_bytes_per_token: BytesPerToken, xp: Namespace = SCALAR
) -> Bytes:
    """Stored cache of a batch, each sequence with a context of its own.

    Formula: B * C * kv
    Source: lecture E16.
    """
    return batch * context * kv_bytes_per_token


@formula(increasing=("batch", "read_bytes"), decreasing=("bytes_per_s",))
def kv_read_time_s(
    *, batch: Sequences, read_bytes: BytesPerSequence, bytes_per_s: BytesPerS, xp: Namespace = SCALAR
) -> Seconds:
    """Time of the cache reads of a pass, whatever the attention kind makes a sequence read.

    Formula: t_kv = B * R / W
    Source: lecture E3 with R in place of C * kv.
    """
    return batch * read_bytes / bytes_per_s


@formula(increasing=("new_tokens", "kv_bytes_per_token"))
def kv_write_bytes(*, new_tokens: Tokens, kv_bytes_per_token: BytesPerToken, xp: Namespace = SCALAR) -> Bytes:
    """Bytes that a pass appends to the cache.

    Formula: T * kv
    Source: lecture 2.1: appended once, read many times, hence small in decode.
    """
    return new_tokens * kv_bytes_per_token


@formula(increasing=("n_layers", "state_elements", "bytes_per_element"))
def state_bytes_per_sequence(
    *, n_layers: Count, state_elements: Count, bytes_per_element: BytesPerElement, xp: Namespace = SCALAR
) -> BytesPerSequence:
    """Constant state that linear attention or an SSM keeps per sequence, whatever the context.

    Formula: layers * state elements * bytes
    Source: definition of a recurrent state.
    """
    return n_layers * state_elements * bytes_per_element * xp.tag(*_PER_SEQUENCE)


@formula(increasing=("batch", "state_bytes"))
def state_traffic_bytes(*, batch: Sequences, state_bytes: BytesPerSequence, xp: Namespace = SCALAR) -> Bytes:
    """Traffic of recurrent states in one pass: each is read and written back.

    Formula: 2 * B * state
    Source: definition of a recurrent update.
    """
    return 2.0 * batch * state_bytes


@formula(increasing=("memory_bytes",), decreasing=("weight_bytes", "context", "kv_bytes_per_token", "state_bytes"))
def sequences_that_fit(
    *,
    memory_bytes: Bytes,
    weight_bytes: Bytes,
    context: TokensPerSequence,
    kv_bytes_per_token: BytesPerToken,
    state_bytes: BytesPerSequence,
    xp: Namespace = SCALAR,
) -> Sequences:
    """Whole sequences that fit beside the weights: the capacity wall of the batch; unlimited without a cache.

    Formula: floor(max(0, Q - weights) / (C * kv + state))
    Source: lecture E16 solved for B.
    """
    room = xp.maximum(0.0, memory_bytes - weight_bytes)
    return xp.floor(xp.ratio(room, context * kv_bytes_per_token + state_bytes, float("inf")))
