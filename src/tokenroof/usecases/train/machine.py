"""What training takes of machines: hours and dollars, idle time of pipelines, memory of activations."""

from dataclasses import dataclass

from tokenroof.errors import DataMissing
from tokenroof.formulas import activations, pipeline
from tokenroof.types.checks import check_number
from tokenroof.types.machine import System

__all__ = ["Activations", "ActivationsRow", "Bubble", "MachineBill", "activations_of", "bubbles_of", "machine_bill"]

_HOUR_S = 3600.0
_BF16_BYTES = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineBill:
    """FLOP on a system at an MFU: GPU-hours, days on the whole system, dollars."""

    name: str
    flops: float
    gpu_hours: float
    days: float
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """Idle share of a training step. `in_flight` is how many micro-batches' activations the first stage holds."""

    schedule: str
    idle: float
    in_flight: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationsRow:
    """One way to keep activations. `one_bytes` is one micro-batch through all layers, `stage_bytes` what the first of
    the stages holds under 1F1B.
    """

    policy: str
    flops_per_param_token: float
    one_bytes: float
    stage_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Activations:
    """Activations in 16 bits, without tensor or sequence parallelism."""

    layers: int
    hidden: int
    stages: int
    in_flight: float
    micro_batch_tokens: float
    tensors_per_layer: float
    rows: tuple[ActivationsRow, ...]


def machine_bill(
    name: str, flops: float, system: System, *, mfu: float, arithmetic: str, usd_per_gpu_h: float
) -> MachineBill:
    """Hours and price of an amount of arithmetic."""
    rates = system.chip.flops_per_s
    if arithmetic not in rates:
        have = ", ".join(sorted(rates))
        raise DataMissing(f"chip {system.chip.id}", f"{arithmetic} arithmetic rate", "", f"it has {have}")
    gpu_hours = flops / (mfu * rates[arithmetic]) / _HOUR_S
    return MachineBill(
        name=name,
        flops=flops,
        gpu_hours=gpu_hours,
        days=gpu_hours / system.n_chips / 24.0,
        usd=gpu_hours * usd_per_gpu_h,
    )


def bubbles_of(stages: int, micro_batches: int, chunks: int) -> tuple[Bubble, ...]:
    """Idle share by schedule; forward, input gradients and weight gradients take equal time."""
    depth = check_number("stages", stages, low=1, high=10_000)
    parts = check_number("micro_batches", micro_batches, low=1, high=1_000_000)
    turns = check_number("chunks", chunks, low=1, high=1_000)
    size = {"micro_batches": parts, "stages": depth}
    held = float(pipeline.activations_in_flight_1f1b(micro_batches=parts, stages=depth))
    plain = float(pipeline.training_bubble_gpipe(micro_batches=parts, stages=depth))
    interleaved = float(pipeline.training_bubble_interleaved(micro_batches=parts, stages=depth, chunks=turns))
    zero = float(
        pipeline.training_bubble_zero_bubble(
            micro_batches=parts, stages=depth, forward_s=1.0, input_gradient_s=1.0, weight_gradient_s=1.0
        )
    )
    one_way = float(pipeline.inference_idle_share(**size))  # type: ignore[arg-type]
    return (
        Bubble(schedule="GPipe", idle=plain, in_flight=parts, source="Huang et al. 2019"),
        Bubble(schedule="1F1B", idle=plain, in_flight=held, source="Narayanan et al. 2019"),
        Bubble(
            schedule=f"interleaved, {chunks} chunks", idle=interleaved,
            in_flight=min(parts, depth * (1.0 + (depth - 1.0) / (depth * turns))), source="Narayanan et al. 2021",
        ),
        Bubble(schedule="ZB-H1", idle=zero, in_flight=held, source="Qi et al. 2024"),
        Bubble(schedule="ZB-H2", idle=0.0, in_flight=min(parts, 2.0 * depth - 1.0), source="Qi et al. 2024"),
        Bubble(schedule="inference, for comparison", idle=one_way, in_flight=0.0, source="lecture 2.3"),
    )  # fmt: skip


def activations_of(
    *, layers: int, hidden: int, stages: int, micro_batches: int, micro_batch_tokens: float, tensors_per_layer: float
) -> Activations:
    """Store all, recompute each layer from its input, or run reversible layers backwards."""
    n = check_number("layers", layers, low=1, high=10_000)
    d = check_number("hidden", hidden, low=1, high=1_000_000)
    tokens = check_number("micro_batch_tokens", micro_batch_tokens, low=1, high=1e9)
    k = check_number("tensors_per_layer", tensors_per_layer, low=1, high=1_000)
    held = float(pipeline.activations_in_flight_1f1b(micro_batches=float(micro_batches), stages=float(stages)))
    share = n / stages
    shape = {"hidden": d, "bytes_per_element": _BF16_BYTES}

    # Of the micro-batches in flight one is in work: only its layer needs all k tensors, so k is spread over them.
    def rows(depth: float, flying: float) -> tuple[float, float, float]:
        kept = {"tokens": tokens * flying, **shape}
        return (
            float(activations.stored_activation_bytes(n_layers=depth, tensors_per_layer=k, **kept)),  # type: ignore[arg-type]
            float(activations.checkpointed_activation_bytes(n_layers=depth, tensors_per_layer=k / flying, **kept)),  # type: ignore[arg-type]
            float(activations.reversible_activation_bytes(tensors_per_layer=k / flying, **kept)),  # type: ignore[arg-type]
        )

    whole, stage = rows(n, 1.0), rows(share, held)
    names = (("store all", 6.0), ("recompute each layer", 8.0), ("reversible layers", 8.0))
    return Activations(
        layers=layers,
        hidden=hidden,
        stages=stages,
        in_flight=held,
        micro_batch_tokens=tokens,
        tensors_per_layer=k,
        rows=tuple(
            ActivationsRow(policy=policy, flops_per_param_token=flops, one_bytes=one, stage_bytes=first)
            for (policy, flops), one, first in zip(names, whole, stage, strict=True)
        ),
    )
