"""Arithmetic that follows from a model: weight matmuls and attention. FLOP, 2 per multiply-add."""

from tokenroof.errors import InputError
from tokenroof.mixers import kind_of
from tokenroof.mixers.architecture import active_params
from tokenroof.mixers.architecture_cache import mixer_context_read
from tokenroof.types.model import Mixer, Model

__all__ = [
    "attention_flops_per_token", "indexer_flops_per_context_token", "linear_flops_per_token",
    "mixer_flops_per_context_token", "mixer_state_flops",
]  # fmt: skip


def linear_flops_per_token(model: Model) -> float:
    """FLOP of the weight matmuls for one token: twice the active parameters without the input table."""
    return 2.0 * active_params(model).without_input_embedding


def mixer_flops_per_context_token(mixer: Mixer, *, absorbed: bool = True) -> float:
    """FLOP per attended entry and new token in one layer: scores and weighted sum, all heads.

    MLA decodes in the latent space (`absorbed`); prefill materialises keys and values per head.
    """
    return kind_of(mixer).pair_flops(mixer, absorbed)


def indexer_flops_per_context_token(mixer: Mixer) -> float:
    """FLOP per cached token that the top-k indexer of one layer spends on scoring it."""
    return kind_of(mixer).scan_flops(mixer)


def mixer_state_flops(mixer: Mixer) -> float:
    """FLOP per token that updating and reading one recurrent layer's state takes."""
    state = kind_of(mixer).state
    return 0.0 if state is None else state.flops(mixer)


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
