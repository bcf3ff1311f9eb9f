"""Arithmetic that follows from a model: weight matmuls and attention. FLOP, 2 per multiply-add."""

from tokenroof.errors import InputError
from tokenroof.formulas.architecture import active_params
from tokenroof.formulas.architecture_cache import mixer_context_read
from tokenroof.types.model import CompressedAttention, Gqa, LinearAttention, Mixer, Mla, Model, Ssm

__all__ = [
    "attention_flops_per_token", "indexer_flops_per_context_token", "linear_flops_per_token",
    "mixer_flops_per_context_token", "mixer_state_flops",
]  # fmt: skip

# Multiply-adds per state element and token: decay-and-add of the outer product, then the read with the query.
# The delta rule reads the state once more before it writes.
_STATE_MACS = {"lightning": 2.0, "gated delta": 3.0, "KDA": 3.0, "mamba": 2.0, "mamba-2": 2.0}


def linear_flops_per_token(model: Model) -> float:
    """FLOP of the weight matmuls for one token: twice the active parameters without the input table."""
    return 2.0 * active_params(model).without_input_embedding


def mixer_flops_per_context_token(mixer: Mixer, *, absorbed: bool = True) -> float:
    """FLOP per attended entry and new token in one layer: scores and weighted sum, all heads.

    MLA decodes in the latent space (`absorbed`); prefill materialises keys and values per head.
    """
    if isinstance(mixer, Gqa):
        return 2.0 * mixer.n_heads * (mixer.head_dim + mixer.v_head_dim)
    if isinstance(mixer, Mla):
        if absorbed:
            return 2.0 * mixer.n_heads * (2 * mixer.kv_lora_rank + mixer.qk_rope_dim)
        return 2.0 * mixer.n_heads * (mixer.qk_nope_dim + mixer.qk_rope_dim + mixer.v_head_dim)
    if isinstance(mixer, CompressedAttention):
        return 4.0 * mixer.n_heads * mixer.head_dim
    return 0.0


def indexer_flops_per_context_token(mixer: Mixer) -> float:
    """FLOP per cached token that the top-k indexer of one layer spends on scoring it."""
    indexer = mixer.indexer if isinstance(mixer, Gqa | Mla | CompressedAttention) else None
    if indexer is None or indexer.shared:
        return 0.0
    per_key = 2.0 * indexer.n_heads * indexer.head_dim / indexer.block
    if isinstance(mixer, CompressedAttention):
        return per_key / mixer.ratio if mixer.ratio else 0.0
    return per_key


def mixer_state_flops(mixer: Mixer) -> float:
    """FLOP per token that updating and reading one recurrent layer's state takes."""
    if not isinstance(mixer, LinearAttention | Ssm):
        return 0.0
    if mixer.kind not in _STATE_MACS:
        raise InputError("mixer.kind", mixer.kind, f"one of {', '.join(_STATE_MACS)}")
    return 2.0 * _STATE_MACS[mixer.kind] * mixer.state_elements


def attention_flops_per_token(model: Model, context: float, *, absorbed: bool = True) -> float:
    """FLOP of attention itself for one new token at `context` tokens of history, indexers and states included."""
    if not 0 <= context < float("inf"):
        raise InputError("context", context, "a finite number of tokens, 0 or more")
    total = 0.0
    for group in model.layers:
        core = mixer_flops_per_context_token(group.mixer, absorbed=absorbed)
        total += group.count * (
            core * mixer_context_read(group.mixer, context)
            + indexer_flops_per_context_token(group.mixer) * context
            + mixer_state_flops(group.mixer)
        )
    return total
