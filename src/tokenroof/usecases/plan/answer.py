"""What `plan` is asked and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenroof.planner.points import Points, Space
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.energy import Energy
from tokenroof.scenario.pool_log import PoolLog
from tokenroof.scenario.slo import Slo
from tokenroof.types.default import Default
from tokenroof.types.latency import Latency
from tokenroof.types.layout import Layout
from tokenroof.types.workload import Workload
from tokenroof.usecases.plan.simplest import Complexity

__all__ = [
    "Candidate", "Curve", "Demand", "FrontierPoint", "MachinePlan", "MeasuredPoint", "MemoryBar",
    "PlanResponse", "Search", "Simulated", "Unmet",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The load: one of the three, or none."""

    rate: float | None = None
    concurrency: float | None = None
    users: float | None = None
    think_s: float = 0.0

    @property
    def given(self) -> bool:
        return not (self.rate is None and self.concurrency is None and self.users is None)

    @property
    def by_bill(self) -> bool:
        """Whether all that carry the load do the same work: a closed loop does more on a faster deployment."""
        return self.rate is not None or self.users is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBar:
    """Memory of the fullest GPU of a role."""

    role: str
    weights_bytes: float
    kv_bytes: float
    free_kv_bytes: float
    activations_bytes: float
    reserve_bytes: float
    total_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A run of a deployment: `requests` of them at random at `request_rate`, or in a closed loop; the first quarter is
    left out. Of a large load only so many `units` were run, with their share of it. `ttft_s` and `tpot_s` are what
    limits are held by: the percentile that was asked for, else the mean. `sound` says that no request was turned away
    and that the queue did not grow without bound.
    """

    ttft: Latency
    tpot: Latency
    ttft_s: float
    tpot_s: float
    request_rate: float | None
    requests: int
    seed: int
    max_num_seqs: int
    sound: bool
    units: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One deployment: `units` times a layout, or times `prefill_workers` and `decode_workers` of two layouts.

    Latencies are means at the load; `low` and `high` times them bound 80 % of measured cases. `requests_per_s` is what
    is served, `most_requests_per_s` what the number of requests at once that was looked at gives in a closed loop,
    `capacity_used` the share of what is carried at most inside the limits. Costs count all GPUs that are paid for;
    `usd_per_mtok_all` puts the whole cost on output tokens, uncached input, cached input and
    output share it by machine time.
    `gather_passes` are the passes that attention-DP ranks wait at most until all have a prompt.
    `margins` are the distance to each limit, as it was planned for, over the limit; `chances` the probability that each
    limit as it was given is met, by the range of the profile. With limits on percentiles both are of what was
    `simulated`; latencies above stay means of the closed form. `worse_by` is its score over the winner's, less one;
    `equal` says that this is within the error of a comparison. `log` is what the engine's log says of the cache, where
    prompts have no workers of their own. `score_of_used` is the score where GPUs without work cost nothing, which the
    error is held to as well where a load asks for so many GPUs.
    """

    system: str
    mode: str
    layout: Layout
    prefill_layout: Layout | None
    label: str
    weights: str
    own_weights: bool
    kv: str
    chunk: int
    drafts: int
    gather_passes: float
    units: int
    prefill_workers: int
    decode_workers: int
    gpus: int
    gpus_paid: int
    gpus_paid_of: tuple[tuple[str, int], ...]
    systems: int
    concurrency: float
    unit_concurrency: float
    ttft_s: float
    tpot_s: float
    e2e_s: float
    tokens_per_s_per_user: float
    requests_per_s: float
    most_requests_per_s: float
    capacity_used: float
    output_tokens_per_s_per_gpu: float
    total_tokens_per_s_per_gpu: float
    usd_per_mtok_all: float | None
    usd_per_mtok_input: float | None
    usd_per_mtok_cached: float | None
    usd_per_mtok_output: float | None
    usd_per_month: float | None
    joules_per_output_token: float | None
    energy: Energy | None
    margins: Mapping[str, float]
    chances: Mapping[str, float]
    limit: str
    low: float
    high: float
    score: float
    score_of_used: float
    complexity: Complexity
    worse_by: float = 0.0
    equal: bool = False
    why_not: str = ""
    memory: tuple[MemoryBar, ...] = ()
    log: PoolLog | None = None
    simulated: Simulated | None = None
    deployment: Deployment | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """A point that no other beats in both speed for a user and tokens per GPU. `meets`: inside all limits."""

    tokens_per_s_per_user: float
    output_tokens_per_s_per_gpu: float
    usd_per_mtok_all: float | None
    ttft_s: float
    tpot_s: float
    label: str
    mode: str
    weights: str
    kv: str
    chunk: int
    drafts: int
    gpus: int
    concurrency: float
    meets: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The winner's layout at other numbers of requests of one unit."""

    concurrency: tuple[float, ...]
    usd_per_mtok_all: tuple[float | None, ...]
    output_tokens_per_s_per_gpu: tuple[float, ...]
    ttft_s: tuple[float, ...]
    tpot_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """Limits that nothing meets: which one binds, the best value of each that can be had, and changes that help."""

    binding: str
    reason: str
    best_ttft_s: float | None = None
    best_tpot_s: float | None = None
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPoint:
    """A measured run on the chart, on `chip`."""

    chip: str
    tokens_per_s_per_user: float
    output_tokens_per_s_per_gpu: float
    label: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was searched: counts, and what fell out for which reason. `beyond` counts combinations no point of which
    met the limits, by the limit; `engine_refused` layouts that the engine's flags cannot express.
    """

    layouts: int
    combinations: int
    points: int
    points_met: int
    rejected: tuple[tuple[str, int], ...]
    engine_refused: tuple[tuple[str, int], ...]
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePlan:
    """The plan on one machine: winner or what stands against it, runner-ups, frontier.

    Scores whose logarithms differ by `equal_within` or less cannot be told apart, by what deployments differ in:
    layouts alone, formats or roles. `scored_by` is the objective that scores are of: without a price there is no cost,
    and GPU time stands in for it; scores of the two do not compare. `why_no_drafts` says why the winner has none where
    it might.
    """

    system: str
    system_name: str
    announced: bool
    gpus: int
    usd_per_gpu_h: float | None
    scored_by: str
    price_source: str
    profile: str
    claim_level: str
    equal_within: Mapping[str, float]
    search: Search
    winner: Candidate | None
    runner_ups: tuple[Candidate, ...]
    frontier: tuple[FrontierPoint, ...]
    curve: Curve | None
    unmet: Unmet | None
    notes: tuple[str, ...] = ()
    why_no_drafts: str = ""
    space: Space | None = field(default=None, repr=False, compare=False)
    points: Points | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResponse:
    """Plans by machine, best first; `winner` is that of the first. `flags` start it under each engine.

    Each limit holds with a probability of `confidence` at least.
    """

    model: str
    model_name: str
    workload: Workload
    slo: Slo
    demand: Demand
    confidence: float
    objective: str
    engine: str
    machines: tuple[MachinePlan, ...]
    winner: Candidate | None
    flags: tuple[tuple[str, str], ...]
    measured: tuple[MeasuredPoint, ...]
    defaults: tuple[Default, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]
