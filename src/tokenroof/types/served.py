"""What a deployment does under a load, and what that costs."""

from dataclasses import dataclass

__all__ = ["Cost", "Infeasible", "Ranged", "Served"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Infeasible:
    """What is asked is not done: why, and the nearest changes that would do it.

    `limit` is what ends it: memory, tpot, ttft, or load where more arrives than is served.
    """

    reason: str
    fixes: tuple[str, ...] = ()
    limit: str = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A number, the 80 % range in which four of five held-out measurements lay, and what no hardware beats.

    `low` and `high` are None where no range is known, `bound` where there is none.
    """

    value: float
    low: float | None = None
    high: float | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Means over requests. `concurrency` is of the whole system, `batch` of one step of one replica.

    Throughputs per GPU count every GPU of the system, idle ones too. `decode_step_s` and
    `decode_tokens_per_s_per_gpu` are of decode alone, `prefill_share` is the share of a request's stay that is neither
    its own decode steps nor prefill of answers that lost their memory. `limit` is what keeps the load from growing:
    load, memory, ttft, tpot, engine, or prefill where its workers feed no more. Where the deployment does not hold the
    load `fits` is False and no time means anything.
    """

    fits: bool
    limit: str
    concurrency: float
    batch: float
    room: float
    ttft_s: float
    tpot_s: float
    e2e_s: float
    requests_per_s: float
    output_tokens_per_s_per_gpu: float
    input_tokens_per_s_per_gpu: float
    decode_step_s: float
    decode_tokens_per_s_per_gpu: float
    prefill_share: float
    settled_ttft_s: float
    saturated: bool = False
    waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """USD per million tokens under a rule that shares a request's cost among its tokens.

    time     by machine time: prefill on input, decode on output
    flops    by arithmetic
    output   all of it on output, as most tools quote it
    """

    allocation: str
    input_usd_per_mtok: float
    cached_usd_per_mtok: float | None
    output_usd_per_mtok: float
    request_usd: float
