"""The closed form of the lecture for a model on a system: bounds beside the answer, from counts and rates alone.

All GPUs of one scale-up domain count as one machine; networks, launches, attention arithmetic and an engine's memory
are left out, so nothing real is faster or cheaper.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenroof.formulas import pricing, queueing
from tokenroof.formulas import roofline as f
from tokenroof.solve import crossing
from tokenroof.usecases.analyze.closed_form import RooflineResponse, bound_of, roofline_numbers
from tokenroof.usecases.analyze.pool import Pool

__all__ = ["LEFT_OUT", "BoundCost", "ClosedForm", "Departures", "FastBound", "closed_form", "inputs_at", "numbers_at"]

_FAR = 1e9
_MTOK = 1e6

LEFT_OUT = (
    "attention arithmetic",
    "network traffic between GPUs",
    "kernel launches and host time",
    "activations and the engine's reserve of memory",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCost:
    """Least USD per million output tokens at three batches, and the lecture's thousand as computed ratios.

    `at_batch_1` reads all weights, as the lecture does and a dense model has to; `at_batch_1_touched` the experts that
    one sequence meets. `batch_1_over_floor` and `batch_1_touched_over_floor` are their multiples of the floor.
    """

    at_batch_1: float
    at_batch_1_touched: float
    at_batch: float
    at_critical_batch: float | None
    floor: float
    batch_1_over_floor: float
    batch_1_touched_over_floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FastBound:
    """What serving one user `speedup` times faster takes at best: a smaller batch on the same machine."""

    speedup: float
    step_s: float
    possible: bool
    batch: float | None
    price_ratio: float | None
    fastest_speedup: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """Batches that leave once per drain of the memory, as the lecture's train does."""

    period_s: float
    mean_wait_s: float
    worst_wait_s: float
    worst_latency_s: float
    users_to_fill: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedForm:
    """Bounds at one batch and context. `batch` is of one domain of `gpus` GPUs; infinity: there is no such limit.

    `critical_batch` is where matmul arithmetic equals weight reads, `critical_context` where one sequence's reads of
    the KV cache equal its arithmetic. `touched_share` is the share of the weights that the batch's tokens meet.
    """

    rule: str
    gpus: int
    batch: float
    context: float
    roofline: RooflineResponse
    total_params: float
    active_params: float
    weight_floor_s: float
    drain_time_s: float
    critical_batch: float
    practice_batch_low: float
    practice_batch_high: float
    critical_context: float
    mfu_limit: float
    mfu_limit_at_double_critical_context: float
    touched_share: float
    touched_step_s: float
    cost: BoundCost | None
    fast_mode: FastBound
    departures: Departures
    left_out: tuple[str, ...] = LEFT_OUT
    pool: Pool | None = field(default=None, repr=False, compare=False)
    usd_per_gpu_h: float | None = None


def inputs_at(pool: Pool, batch: float, context: float, usd_per_gpu_h: float | None) -> dict[str, Any]:
    """Inputs of the closed form at one point; KV bytes per token are what a step really reads, averaged."""
    tokens = max(context, 1.0)
    inputs: dict[str, Any] = {
        "params": pool.read_params,
        "active_params": pool.active_params,
        "bytes_per_param": pool.bytes_per_param,
        "kv_bytes_per_token": pool.read_bytes(tokens) / tokens,
        "flops_per_s": pool.flops_per_s,
        "bytes_per_s": pool.bytes_per_s,
        "context": tokens,
        "batch": batch,
    }
    if usd_per_gpu_h is not None:
        inputs["usd_per_s"] = usd_per_gpu_h * pool.chips / 3600.0
    return inputs


def critical_context_of(pool: Pool) -> float:
    """Context from which a sequence's reads take longer than its arithmetic, exact for windows and top-k.

    Solves read(C)/W = 2A/F. Reads never fall with C; infinity where they stay below.
    """
    seconds = f.compute_time_s(batch=1.0, active_params=pool.active_params, flops_per_s=pool.flops_per_s)
    budget = seconds * pool.bytes_per_s
    if pool.read_bytes(_FAR) <= budget:
        return float("inf")
    if pool.read_bytes(1.0) >= budget:
        return 1.0
    return crossing(lambda context: pool.read_bytes(context) < budget, 1.0, _FAR)[1]


def numbers_at(
    pool: Pool, batch: float, context: float, rule: str, usd_per_gpu_h: float | None = None
) -> dict[str, Any]:
    """The closed form at one (batch, context)."""
    return roofline_numbers(inputs_at(pool, batch, context, usd_per_gpu_h), rule)


def _touched_step_s(pool: Pool, batch: float, context: float, rule: str) -> float:
    """Step time when only the experts that the batch touches are read; below the lecture's at small batches."""
    inputs = inputs_at(pool, batch, context, None) | {"params": pool.touched_params(batch)}
    return float(roofline_numbers(inputs, rule)["step_s"])


def _response(numbers: Mapping[str, Any], rule: str, critical_context: float) -> RooflineResponse:
    rest = dict(numbers) | {"critical_context": critical_context}
    cost, floor = rest.pop("cost_usd_per_token", None), rest.pop("cost_floor_usd_per_token", None)
    return RooflineResponse(
        **rest,
        bound=bound_of(rest, rule),
        cost_usd_per_mtok=None if cost is None else cost * _MTOK,
        cost_floor_usd_per_mtok=None if floor is None else floor * _MTOK,
        rule=rule,
    )


def _cost(pool: Pool, here: dict[str, Any], context: float, rule: str, price: float) -> BoundCost:
    alone = numbers_at(pool, 1.0, context, rule, price)
    critical = here["critical_batch_at_context"]
    at_critical = None
    if critical < _FAR:
        at_critical = numbers_at(pool, max(critical, 1.0), context, rule, price)["cost_usd_per_token"] * _MTOK
    floor = here["cost_floor_usd_per_token"]
    touched = _touched_step_s(pool, 1.0, context, rule) / alone["step_s"]
    usd = alone["cost_usd_per_token"]
    over = pricing.cost_ratio(usd_per_token=usd, reference_usd_per_token=floor) if price else 1.0
    return BoundCost(
        at_batch_1=usd * _MTOK,
        at_batch_1_touched=usd * touched * _MTOK,
        at_batch=here["cost_usd_per_token"] * _MTOK,
        at_critical_batch=at_critical,
        floor=floor * _MTOK,
        batch_1_over_floor=over,
        batch_1_touched_over_floor=over * touched if price else 1.0,
    )


def _fast_mode(here: dict[str, Any], batch: float, speedup: float) -> FastBound:
    target_s = here["step_s"] / speedup
    smaller = f.batch_at_step_time(
        step_s=target_s,
        weights_s=here["weights_s"],
        compute_s_per_sequence=here["compute_s"] / batch,
        kv_s_per_sequence=here["kv_s"] / batch,
    )
    possible = smaller >= 1.0
    return FastBound(
        speedup=speedup,
        step_s=target_s,
        possible=possible,
        batch=smaller if possible else None,
        price_ratio=pricing.fast_tier_price_ratio(slow_batch=batch, fast_batch=smaller, speed_ratio=speedup)
        if possible
        else None,
        fastest_speedup=here["step_s"] / here["weight_floor_s"],
    )


def _departures(pool: Pool, critical_batch: float) -> Departures:
    period_s = f.drain_time_s(memory_bytes=pool.capacity_bytes, bytes_per_s=pool.bytes_per_s)
    return Departures(
        period_s=period_s,
        mean_wait_s=queueing.train_mean_wait_s(period_s=period_s),
        worst_wait_s=queueing.train_worst_wait_s(period_s=period_s),
        worst_latency_s=queueing.train_worst_latency_s(period_s=period_s),
        users_to_fill=critical_batch,
    )


def _mfu_limit(pool: Pool, context: float) -> float:
    """Best MFU of any batch at this context, with the reads that the architecture really makes."""
    if context == float("inf"):
        return 1.0
    compute_s = f.compute_time_s(batch=1.0, active_params=pool.active_params, flops_per_s=pool.flops_per_s)
    return float(min(1.0, compute_s / max(pool.read_bytes(context) / pool.bytes_per_s, 1e-300)))


def closed_form(
    pool: Pool,
    batch: float,
    context: float,
    *,
    rule: str = "lecture",
    usd_per_gpu_h: float | None = None,
    fast_speedup: float = 2.5,
) -> ClosedForm:
    """Everything that counts and rates alone say about `batch` sequences of `context` tokens on one domain."""
    here = numbers_at(pool, batch, context, rule, usd_per_gpu_h)
    critical = critical_context_of(pool)
    return ClosedForm(
        rule=rule,
        gpus=pool.chips,
        batch=batch,
        context=context,
        roofline=_response(here, rule, critical),
        total_params=pool.params,
        active_params=pool.active_params,
        weight_floor_s=here["weight_floor_s"],
        drain_time_s=f.drain_time_s(memory_bytes=pool.capacity_bytes, bytes_per_s=pool.bytes_per_s),
        critical_batch=here["critical_batch"],
        practice_batch_low=2.0 * here["critical_batch"],
        practice_batch_high=3.0 * here["critical_batch"],
        critical_context=critical,
        mfu_limit=_mfu_limit(pool, context),
        mfu_limit_at_double_critical_context=_mfu_limit(pool, 2.0 * critical),
        touched_share=pool.touched_params(batch) / pool.read_params,
        touched_step_s=_touched_step_s(pool, batch, context, rule),
        cost=None if usd_per_gpu_h is None else _cost(pool, here, context, rule, usd_per_gpu_h),
        fast_mode=_fast_mode(here, batch, fast_speedup),
        departures=_departures(pool, here["critical_batch"]),
        pool=pool,
        usd_per_gpu_h=usd_per_gpu_h,
    )
