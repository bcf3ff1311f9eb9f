"""What `simulate` answers."""

from dataclasses import dataclass, field

from tokenroof.scenario.deployment import Deployment
from tokenroof.simulate.run import Outcome
from tokenroof.types.default import Default
from tokenroof.types.latency import Latency
from tokenroof.usecases.simulate.request import SimulateRequest

__all__ = ["ClosedLoad", "Latency", "LoadPoint", "Overload", "Series", "SimulateResponse", "TierHits", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """More comes than is served: requests wait from `from_s` on without a pause, `waiting` of them at the end."""

    from_s: float
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLoad:
    """What the closed form says of the same load: means, None where they have no limit."""

    ttft_s: float | None
    tpot_s: float | None
    e2e_s: float | None
    requests_per_s: float
    saturated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TierHits:
    """What a tier of the prefix cache had of the prompts of the counted requests, when each first began.

    `capacity_bytes` is that of one GPU, `blocks` those of one data-parallel rank.
    """

    tier: str
    capacity_bytes: float
    blocks: int
    cached_tokens: int
    cache_hit_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The run over time, one row a window of `width_s` seconds.

    `busy` is the share of the time in which a replica's steps run, `batch` the mean requests that decode in a step,
    `kv_fill` the mean share of the KV cache that is in use while steps run, `waiting` the requests that have arrived
    and not started, `running` those that have started and not ended, at the end of the window.
    """

    width_s: float
    busy: tuple[float, ...]
    batch: tuple[float, ...]
    kv_fill: tuple[float, ...]
    waiting: tuple[int, ...]
    running: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A limit on a percentile of the requests (None: their mean), what was seen, and whether it is held.

    Requests that were rejected, or that a stopped run left waiting, were infinitely late.
    """

    metric: str
    percentile: float | None
    limit_s: float
    seen_s: float
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPoint:
    """The same requests at another rate, or others at the same one; `request_rate` is None in a closed loop."""

    seed: int
    request_rate: float | None
    requests_per_s: float
    ttft: Latency | None
    tpot: Latency | None
    e2e: Latency | None
    slo_share: float | None
    goodput: float | None
    slo_held: bool | None
    output_tokens_per_s_per_gpu: float
    batch: float
    kv_fill: float | None
    cache_hit_rate: float | None
    overloaded: bool
    short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateResponse:
    """One run. Times are of the `counted` requests that ended, the first `warmup_requests` left out.

    Rates are over the span from `from_s` to `to_s`: from the first counted arrival to the last one, or to the last
    token where the run is too short for that. `slo_share` are the counted requests that met every limit, those that
    were rejected among them; `goodput` those per second. With limits on percentiles each has a verdict in
    `percentiles`, `slo_held` says whether all hold, and goodput is all that is served where they do, else 0.
    Percentiles of ITL are over tokens. Where several rates were asked for they are `loads`, and all else is of the run
    at `capacity`, at the `knee`, or at the last rate.
    Where `seeds` were asked for `repeats` has a row each, and all else is of the first.
    `tokens_per_step` is what requests had from each of their decode steps where these verify drafts; ITL is then the
    gap between steps, whose tokens are streamed at once.
    With prefill workers `duty_cycle`, `batch` and `kv_fill` are those of the decode workers, and percentiles of ITL
    those of decode steps: the gap in which a cache is sent is in its mean alone.
    `cache_hit_rate` is what the prefix cache had of all prompt tokens, `cache_hits` by tier; with one, `kv_fill` is
    what running requests use, and the closed form takes the same share of every prompt as cached.
    `short` says that too little ran to tell, and `requests_enough` how many requests would; None of a trace.
    """

    model: str
    model_name: str
    system: str
    system_name: str
    gpus: int
    layout_label: str
    replicas: int
    gpus_idle: int
    engine: str
    scheduler: str
    weight_dtype: str
    kv_dtype: str
    source: str
    requests: int
    ended: int
    rejected: int
    interrupted: bool
    warmup_requests: int
    counted: int
    isl: float
    osl: float
    request_rate: float | None
    from_s: float
    to_s: float
    duration_s: float
    ttft: Latency | None
    tpot: Latency | None
    itl: Latency | None
    e2e: Latency | None
    requests_per_s: float
    ttft_limit_s: float | None
    tpot_limit_s: float | None
    slo_share: float | None
    goodput: float | None
    slo_held: bool | None
    percentiles: tuple[Verdict, ...]
    output_tokens_per_s_per_gpu: float
    total_tokens_per_s_per_gpu: float
    duty_cycle: float
    batch: float
    kv_fill: float | None
    kv_fill_most: float | None
    waiting_most: int
    running_most: int
    preemptions: int
    steps: int
    drafts: int
    acceptance: float | None
    tokens_per_step: float | None
    prefill_workers: int | None
    decode_workers: int | None
    prefill_duty_cycle: float | None
    kv_transfer: Latency | None
    decode_wait: Latency | None
    prefix_cache: str
    cache_hit_rate: float | None
    cache_hits: tuple[TierHits, ...]
    overload: Overload | None
    usd_per_gpu_h: float | None
    output_usd_per_mtok: float | None
    total_usd_per_mtok: float | None
    closed_form: ClosedLoad
    capacity: float | None
    capacity_share: float | None
    knee: float | None
    loads: tuple[LoadPoint, ...]
    repeats: tuple[LoadPoint, ...]
    series: Series
    notes: tuple[str, ...]
    defaults: tuple[Default, ...]
    warnings: tuple[str, ...]
    sentence: str
    short: bool
    requests_enough: int | None
    seed: int
    request: SimulateRequest = field(repr=False, compare=False)
    deployment: Deployment = field(repr=False, compare=False)
    outcome: Outcome = field(repr=False, compare=False)
