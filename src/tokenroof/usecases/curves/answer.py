"""What `curves` answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenroof.operators.coefficients import Coefficients, MemoryCoefficients
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.default import Default
from tokenroof.types.layout import Layout
from tokenroof.types.workload import Limits
from tokenroof.usecases.curves.surfaces import Surfaces

__all__ = ["Axes", "Curves", "MeasuredRun", "Operating", "Rent", "Span"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """Where the scenario stands: requests in a step of one replica, mean length, and what it asked for."""

    batch: float
    context: float
    isl: float
    osl: float
    prefix: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """Ends of the handles. A context is isl + osl / 2 with osl as asked; more than the model takes is not offered."""

    batch_low: float
    batch_high: float
    context_low: float
    context_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The 80 % range of a number, as factors of it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rent:
    """USD for an hour of one GPU. Costs of a surface are at one dollar: times this."""

    usd_per_gpu_h: float
    low_usd_per_gpu_h: float
    high_usd_per_gpu_h: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """A published run of this model (or one of the same shape) on this chip.

    `differs` says in what it is not the scenario: layout, lengths, formats, engine; empty where it is. `batch` is its
    requests in flight for each stage of its replica, some of which wait or are prefilled. `isl` and `osl` are means;
    `statistic` is what TPOT and TTFT are of. `fitted`: the fit saw it.
    """

    model: str
    gpus: int
    layout_label: str
    weight_dtype: str
    isl: float
    osl: float
    statistic: str
    concurrency: float
    batch: float
    tpot_s: float | None
    ttft_s: float | None
    output_tokens_per_s_per_gpu: float | None
    engine: str
    source: str
    as_of: str
    fitted: bool
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """One layout over batch and context. `step` and `memory` are exact; `served` says how far off it is.

    `batch` is requests in a decode step of one replica; users of the system: batch * pp * replicas. `bound` is the
    step that no hardware of the kind beats, for the low end of a range. `drain_s` is the time to read a GPU's memory
    once: the slow mode's period. `tokens_per_step` above 1: drafts are accepted.
    """

    model: str
    model_name: str
    system: str
    system_name: str
    gpus: int
    layout: Layout
    layout_label: str
    replicas: int
    engine: str
    profile: str
    claim: str
    weight_dtype: str
    kv_dtype: str
    at: Operating
    axes: Axes
    step: Coefficients
    bound: Coefficients
    memory: MemoryCoefficients
    served: Surfaces
    ranges: Mapping[str, Span]
    limits: Limits
    rent: Rent | None
    tokens_per_step: float
    drain_s: float
    chip_flops_per_s: Mapping[str, float]
    chip_bytes_per_s: float
    measured: tuple[MeasuredRun, ...]
    defaults: tuple[Default, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]
    deployment: Deployment = field(repr=False, compare=False)
