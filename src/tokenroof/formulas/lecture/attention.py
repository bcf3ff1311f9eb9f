"""Attention arithmetic: FLOPs per cached token against the bytes read for it.

The lecture drops it as small. That holds for grouped-query attention, whose intensity is a few FLOP per
byte, and fails for absorbed latent attention, which sits next to the machine's ridge.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    BytesPerElement,
    Count,
    Flops,
    FlopsPerByte,
    FlopsPerS,
    FlopsPerToken,
    Params,
    Seconds,
    Sequences,
    TokensPerSequence,
)
from tokenroof.xp import SCALAR, Namespace

_FLOP = (2.0, "FLOP")


@formula(increasing=("n_layers", "n_heads", "head_dim", "v_head_dim"))
def gqa_attention_flops_per_context_token(
    *, n_layers: Count, n_heads: Count, head_dim: Count, v_head_dim: Count, xp: Namespace = SCALAR
) -> FlopsPerToken:
    """Arithmetic of one new token towards one cached token: scores and weighted values, all query heads.

    Formula: layers * n_heads * (2 * d_k + 2 * d_v)
    Source: lecture 7.12 (4 * layers * n_heads * d_head); kipply's Transformer Inference Arithmetic, K2.
    """
    return n_layers * n_heads * (head_dim + v_head_dim) * xp.tag(2.0, "FLOP/token")


@formula(increasing=("n_layers", "n_heads", "kv_lora_rank", "qk_rope_dim"))
def mla_attention_flops_per_context_token(
    *, n_layers: Count, n_heads: Count, kv_lora_rank: Count, qk_rope_dim: Count, xp: Namespace = SCALAR
) -> FlopsPerToken:
    """Arithmetic of one new token towards one cached token in absorbed latent attention.

    Formula: layers * n_heads * (2 * (d_c + d_rope) + 2 * d_c)
    Source: closed form 8.6: 278,528 FLOP a layer for DeepSeek-V3.
    """
    return n_layers * n_heads * (2.0 * kv_lora_rank + qk_rope_dim) * xp.tag(2.0, "FLOP/token")


@formula(increasing=("group",), decreasing=("bytes_per_element",))
def gqa_attention_intensity(
    *, group: Count, bytes_per_element: BytesPerElement, xp: Namespace = SCALAR
) -> FlopsPerByte:
    """FLOP per byte of KV cache in decode when `group` query heads share one KV head.

    Formula: 2 * g / bytes
    Source: closed form 8.6; Epoch (arXiv 2506.04645): 8 for g = 8 at BF16.
    """
    return xp.tag(*_FLOP) * group / bytes_per_element


@formula(increasing=("n_heads", "kv_lora_rank"), decreasing=("qk_rope_dim", "bytes_per_element"))
def mla_attention_intensity(
    *,
    n_heads: Count,
    kv_lora_rank: Count,
    qk_rope_dim: Count,
    bytes_per_element: BytesPerElement,
    xp: Namespace = SCALAR,
) -> FlopsPerByte:
    """FLOP per byte of latent cache in absorbed decode.

    Formula: 2 * n_heads * (2 * d_c + d_rope) / ((d_c + d_rope) * bytes)
    Source: closed form 8.6: 242 for DeepSeek-V3 at BF16, next to the H100 ridge of 295.
    """
    flops = xp.tag(*_FLOP) * n_heads * (2.0 * kv_lora_rank + qk_rope_dim)
    return flops / ((kv_lora_rank + qk_rope_dim) * bytes_per_element)


@formula(increasing=("batch", "context", "flops_per_context_token"), decreasing=("flops_per_s",))
def attention_compute_time_s(
    *,
    batch: Sequences,
    context: TokensPerSequence,
    flops_per_context_token: FlopsPerToken,
    flops_per_s: FlopsPerS,
    xp: Namespace = SCALAR,
) -> Seconds:
    """Time of attention arithmetic in one decode pass.

    Formula: t = B * C * f / F
    Source: lecture E37: linear in C for each new token.
    """
    return batch * context * flops_per_context_token / flops_per_s


@formula(increasing=("active_params",), decreasing=("flops_per_context_token",))
def attention_equals_matmul_context(
    *, active_params: Params, flops_per_context_token: FlopsPerToken, xp: Namespace = SCALAR
) -> TokensPerSequence:
    """Context at which attention needs as many FLOPs as the weight matmuls.

    Formula: C = 2 * A / f
    Source: lecture 7.12: 54K for Llama-3-70B, 4.4K for absorbed MLA in DeepSeek-V3, not "millions" (E37).
    """
    return active_params * xp.tag(2.0, "FLOP/param/sequence") / flops_per_context_token


@formula(increasing=("context", "new_tokens", "flops_per_context_token"))
def causal_attention_flops(
    *,
    context: TokensPerSequence,
    new_tokens: TokensPerSequence,
    flops_per_context_token: FlopsPerToken,
    xp: Namespace = SCALAR,
) -> Flops:
    """Attention arithmetic of one sequence's prefill: `new_tokens` after a cached prefix of `context`.

    Formula: f * n * (C + (n + 1) / 2)
    Source: sum over n new tokens, each seeing the prefix, its predecessors and itself; lecture E37.
    """
    one = xp.tag(1.0, "token/sequence")
    seen = context + (new_tokens + one) / 2.0
    return flops_per_context_token * new_tokens * seen * xp.tag(1.0, "sequence*sequence/token")
