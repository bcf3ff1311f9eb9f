"""What `analyze` answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenroof.operators.memory import MemoryUse
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.energy import Energy
from tokenroof.scenario.overrides import Override
from tokenroof.scenario.pool_log import PoolLog
from tokenroof.types.default import Default
from tokenroof.types.layout import Layout
from tokenroof.types.program import OperatorTime, StepTimes
from tokenroof.types.served import Infeasible, Ranged, Served
from tokenroof.usecases.analyze.bound import ClosedForm
from tokenroof.usecases.analyze.request import AnalyzeRequest

__all__ = ["TPOT_S", "AnalyzeResponse", "FastMode", "Rooms", "ServedCost", "Work"]

TPOT_S = 0.05  # the limit that requests at once are counted for where none is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of work in a decode step: its time, its share of the step, and what limits most of it."""

    kind: str
    time_s: float
    share: float
    bound_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Requests at once in one replica: by the limit on TPOT, by KV memory, and where matmuls equal weight reads."""

    within_limits: float
    limit: str
    by_memory: float
    critical: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCost:
    """USD per million tokens of the served state; input and output share a request's cost by machine time.

    `all_on_output_usd_per_mtok` puts all of it on output, as most tools quote it. `alone` is the output of one request
    at a time.
    """

    usd_per_gpu_h: float
    low_usd_per_gpu_h: float
    high_usd_per_gpu_h: float
    price_source: str
    input_usd_per_mtok: Ranged
    cached_usd_per_mtok: Ranged | None
    output_usd_per_mtok: Ranged
    all_on_output_usd_per_mtok: Ranged
    request_usd: float
    alone_usd_per_mtok: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FastMode:
    """What serving every user `speedup` times faster takes: fewer requests at once, and so a higher price.

    Against this load; `price_ratio` is of output tokens, as in the speed tiers of `price`.
    """

    speedup: float
    tpot_s: float
    possible: bool
    concurrency: float | None
    price_ratio: float | None
    fastest_speedup: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeResponse:
    """One scenario served. `fits`: memory holds it; where it does not no speed is given. `infeasible`: what is not met.

    `tpot_s` is what a user sees, prefill of other requests included; `decode_step_s` is a decode step alone.
    Throughputs count every GPU of the system. With a `prefill_layout` prompts have workers of their own, and
    `layout` is that of decode workers, so many of each in a replica. `operators` are the rows of one decode step,
    `work` their sums by kind, `step_seconds_by_input` the same step by the rate or fixed time that it waits for;
    `bound` is the closed form of the lecture, which nothing real beats. `log` is what the engine's log says of its
    cache.
    """

    model: str
    model_name: str
    system: str
    system_name: str
    announced: bool
    gpus: int
    total_params: float
    active_params: float
    layout: Layout
    layout_label: str
    prefill_layout: Layout | None
    prefill_workers: int | None
    decode_workers: int | None
    layout_reason: str
    replicas: int
    gpus_idle: int
    engine: str
    weight_dtype: str
    kv_dtype: str
    isl: float
    osl: float
    prefix: float
    context: float
    fits: bool
    infeasible: Infeasible | None
    concurrency: float
    batch: float
    tpot_s: Ranged | None
    decode_step_s: Ranged | None
    ttft_s: Ranged | None
    e2e_s: Ranged | None
    interactivity: Ranged | None
    output_tokens_per_s_per_gpu: Ranged | None
    decode_tokens_per_s_per_gpu: Ranged | None
    requests_per_s: float | None
    prefill_share: float | None
    mfu: float | None
    mbu: float | None
    cost: ServedCost | None
    energy: Energy | None
    rooms: Rooms
    memory: MemoryUse
    log: PoolLog
    step: StepTimes
    work: tuple[Work, ...]
    step_seconds_by_input: Mapping[str, float]
    operators: tuple[OperatorTime, ...]
    prefill_s: float
    prefill_operators: tuple[OperatorTime, ...]
    experts_per_gpu: float | None
    network_bytes_per_step: float
    fast_mode: FastMode | None
    bound: ClosedForm
    profile: str
    claim: str
    profile_notes: tuple[str, ...]
    defaults: tuple[Default, ...]
    overrides: tuple[Override, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]
    sentence: str
    request: AnalyzeRequest = field(repr=False, compare=False)
    deployment: Deployment = field(repr=False, compare=False)
    served: Served = field(repr=False, compare=False)
