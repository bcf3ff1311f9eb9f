"""Weights of a plain transformer from its dimensions, biases and norms left out.

`mixers.architecture` counts real models exactly; these are the estimates that papers print.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import Count, Flops, Params
from tokenroof.xp import SCALAR, Namespace

_PARAM = (1.0, "param")


@formula(increasing=("n_mlps", "hidden", "d_ff"))
def gated_mlp_params(*, n_mlps: Count, hidden: Count, d_ff: Count, xp: Namespace = SCALAR) -> Params:
    """Weights of gated MLPs: gate, up and down projection. An expert is such an MLP.

    Formula: n * 3 * d_model * d_ff
    Source: scaling book chapter 4; matches DeepSeek-V3 (arXiv 2412.19437).
    """
    return 3.0 * n_mlps * hidden * d_ff * xp.tag(*_PARAM)


@formula(increasing=("n_layers", "hidden", "n_heads", "n_kv_heads", "head_dim"))
def gqa_params(
    *,
    n_layers: Count,
    hidden: Count,
    n_heads: Count,
    n_kv_heads: Count,
    head_dim: Count,
    xp: Namespace = SCALAR,
) -> Params:
    """Weights of multi-head or grouped-query attention: query, key, value and output projection.

    Formula: layers * d_model * d_head * 2 * (n_heads + n_kv)
    Source: scaling book chapter 4.
    """
    return 2.0 * n_layers * hidden * head_dim * (n_heads + n_kv_heads) * xp.tag(*_PARAM)


@formula(increasing=("n_layers", "hidden", "n_heads", "q_rank", "kv_rank", "nope_dim", "rope_dim", "v_dim"))
def mla_params(
    *,
    n_layers: Count,
    hidden: Count,
    n_heads: Count,
    q_rank: Count,
    kv_rank: Count,
    nope_dim: Count,
    rope_dim: Count,
    v_dim: Count,
    xp: Namespace = SCALAR,
) -> Params:
    """Weights of multi-head latent attention: two low-rank projections, the shared rotary key, the output.

    Formula: layers * (r_q * (D + H * (d_n + d_r)) + D * (r_kv + d_r) + r_kv * H * (d_n + d_v) + H * d_v * D)
    Source: DeepSeek-V3 (arXiv 2412.19437); 187,105,280 a layer.
    """
    queries = q_rank * (hidden + n_heads * (nope_dim + rope_dim))
    latents = hidden * (kv_rank + rope_dim) + kv_rank * n_heads * (nope_dim + v_dim)
    return n_layers * (queries + latents + n_heads * v_dim * hidden) * xp.tag(*_PARAM)


@formula(increasing=("tables", "vocab", "hidden"))
def embedding_params(*, tables: Count, vocab: Count, hidden: Count, xp: Namespace = SCALAR) -> Params:
    """Weights of the token tables: two where input and output table differ, one where they are shared.

    Formula: tables * V * d_model
    Source: scaling book chapter 4.
    """
    return tables * vocab * hidden * xp.tag(*_PARAM)


@formula(increasing=("n_layers", "n_experts", "hidden"))
def router_params(*, n_layers: Count, n_experts: Count, hidden: Count, xp: Namespace = SCALAR) -> Params:
    """Weights of the routers of a mixture of experts.

    Formula: layers * E * d_model
    Source: DeepSeek-V3 (arXiv 2412.19437).
    """
    return n_layers * n_experts * hidden * xp.tag(*_PARAM)


@formula(increasing=("n_layers", "hidden"))
def square_block_params(*, n_layers: Count, hidden: Count, xp: Namespace = SCALAR) -> Params:
    """Weights of a GPT-style model with multi-head attention and a plain MLP of four times the width.

    Formula: 12 * layers * d_model^2
    Source: kipply, Transformer Inference Arithmetic; Kaplan et al. 2020.
    """
    return 12.0 * n_layers * hidden * hidden * xp.tag(*_PARAM)


@formula(increasing=("n_layers", "hidden"))
def square_kv_projection_flops(*, n_layers: Count, hidden: Count, xp: Namespace = SCALAR) -> Flops:
    """Arithmetic of making one token's keys and values in a GPT-style model: what a cache entry saves.

    Formula: 2 * 2 * layers * d_model^2
    Source: kipply, Transformer Inference Arithmetic.
    """
    return 4.0 * n_layers * hidden * hidden * xp.tag(1.0, "FLOP")
