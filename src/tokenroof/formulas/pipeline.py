"""Pipelining: idle time and activations in flight, by schedule.

`stages` is the depth.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import AtLeastOne, Count, Fraction, Seconds
from tokenroof.xp import SCALAR, Namespace


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
