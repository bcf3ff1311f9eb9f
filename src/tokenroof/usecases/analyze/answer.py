"""What `analyze` is asked and what it answers."""

from dataclasses import dataclass, field

from tokenroof.types.default import Default
from tokenroof.usecases.analyze.closed_form import RooflineResponse
from tokenroof.usecases.analyze.domain import Deployment
from tokenroof.usecases.analyze.point import OperatorReport
from tokenroof.usecases.analyze.room import Fit

__all__ = ["AnalyzeRequest", "AnalyzeResponse", "CostReport", "FastMode", "Train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeRequest:
    """What the user asked. None means: choose, and say so. Prices are per GPU-hour of all GPUs that are paid for.

    `context` is what each sequence holds; with `isl` and `osl` it is their mean over a decode, isl + osl / 2.
    `mode` operators runs the operator engine, the others the closed forms; the degrees, `engine` and `efficiency`
    (auto: calibrated where there is a profile; peak: the speed of light) matter to operators only.
    """

    model: str
    system: str
    batch: float | None = None
    context: float | None = None
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    mode: str = "operators"
    isl: float | None = None
    osl: float | None = None
    prefix: float = 0.0
    tp: int | None = None
    pp: int | None = None
    ep: int | None = None
    dp: int | None = None
    cp: int | None = None
    redundant_experts: int | None = None
    engine: str = "vllm"
    efficiency: str = "auto"
    usd_per_gpu_h: float | None = None
    fast_speedup: float = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """USD per million output tokens at four batches, and the lecture's thousand as a computed ratio."""

    usd_per_gpu_h: float
    price_source: str
    at_batch_1: float
    at_batch: float
    at_balance: float | None
    floor: float
    batch_1_over_floor: float
    at_batch_1_touched: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FastMode:
    """What serving one user `speedup` times faster takes: a smaller batch on the same machine."""

    speedup: float
    step_s: float
    possible: bool
    batch: float | None
    price_ratio: float | None
    fastest_speedup: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """The train that leaves once per drain of the memory."""

    period_s: float
    mean_wait_s: float
    worst_wait_s: float
    worst_latency_s: float
    users_to_fill: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeResponse:
    """Everything that `tokenroof analyze` prints; times and costs are lower bounds (claim level `bound`)."""

    model: str
    model_name: str
    system: str
    system_name: str
    announced: bool
    total_params: float
    active_params: float
    gpus: int
    gpus_in_pass: int
    batch: float
    context: float
    fit: Fit
    roofline: RooflineResponse
    tpot_s: float
    tokens_per_s_per_user: float
    output_tokens_per_s_per_gpu: float
    weight_floor_s: float
    drain_time_s: float
    balance_batch: float
    practice_batch_low: float
    practice_batch_high: float
    knee_context: float
    mfu_limit_at_knee: float
    mfu_limit_at_double_knee: float
    mfu_limit_at_context: float
    touched_share: float
    touched_step_s: float
    cost: CostReport | None
    fast_mode: FastMode
    train: Train
    defaults: tuple[Default, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    claim_level: str = "bound"
    operators: OperatorReport | None = None
    operator_fixes: tuple[str, ...] = ()
    deployment: Deployment | None = field(default=None, repr=False, compare=False)
