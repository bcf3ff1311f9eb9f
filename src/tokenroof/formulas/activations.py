"""Activation memory of training: store everything, recompute layer by layer, or run layers backwards.

`tensors_per_layer` counts tensors of the model's width that one layer's backward pass needs.
"""

from collections.abc import Callable

from tokenroof.registry import formula
from tokenroof.types.quantities import Bytes, BytesPerElement, Count, Tokens
from tokenroof.xp import SCALAR, Namespace, Num


@formula(increasing=("n_layers", "tokens", "hidden", "tensors_per_layer", "bytes_per_element"))
def stored_activation_bytes(
    *,
    n_layers: Count,
    tokens: Tokens,
    hidden: Count,
    tensors_per_layer: Count,
    bytes_per_element: BytesPerElement,
    xp: Namespace = SCALAR,
) -> Bytes:
    """Activations kept for the backward pass when nothing is recomputed: 6 FLOP per parameter and token.

    Formula: layers * k * T * d * bytes
    Source: lecture 2.7: memory grows with the layers.
    """
    return n_layers * tensors_per_layer * tokens * hidden * bytes_per_element / xp.tag(1.0, "token")


@formula(increasing=("n_layers", "tokens", "hidden", "tensors_per_layer", "bytes_per_element"))
def checkpointed_activation_bytes(
    *,
    n_layers: Count,
    tokens: Tokens,
    hidden: Count,
    tensors_per_layer: Count,
    bytes_per_element: BytesPerElement,
    xp: Namespace = SCALAR,
) -> Bytes:
    """Activations kept when each layer's input is stored and the rest recomputed: 8 FLOP instead of 6.

    Formula: (layers + k) * T * d * bytes, k for the one layer in work
    Source: Chen et al. 2016 (arXiv 1604.06174), one checkpoint per layer.
    """
    kept = n_layers + tensors_per_layer
    return kept * tokens * hidden * bytes_per_element / xp.tag(1.0, "token")


@formula(increasing=("tokens", "hidden", "tensors_per_layer", "bytes_per_element"))
def reversible_activation_bytes(
    *,
    tokens: Tokens,
    hidden: Count,
    tensors_per_layer: Count,
    bytes_per_element: BytesPerElement,
    xp: Namespace = SCALAR,
) -> Bytes:
    """Activations kept by a reversible net: two streams and the layer in work, whatever the depth.

    Formula: (2 + k) * T * d * bytes, also at 8 FLOP instead of 6
    Source: lecture 2.7; Gomez et al. 2017 (RevNet, arXiv 1707.04585).
    """
    return (2.0 + tensors_per_layer) * tokens * hidden * bytes_per_element / xp.tag(1.0, "token")


def reversible_step(x: Num, y: Num, f: Callable[[Num], Num]) -> tuple[Num, Num]:
    """One reversible layer, a Feistel step: (x, y) -> (y + f(x), x); `f` need not be invertible."""
    return y + f(x), x


def reversible_inverse(new_x: Num, new_y: Num, f: Callable[[Num], Num]) -> tuple[Num, Num]:
    """Undo reversible_step: exact in integers, within rounding in floating point."""
    return new_y, new_x - f(new_y)
