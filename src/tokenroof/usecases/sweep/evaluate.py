"""The columns of a block, as arrays: a deployment's decode, memory, service and cost, or a closed form's."""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from tokenroof.formulas import pricing
from tokenroof.formulas import roofline as f
from tokenroof.formulas.prefill import pass_compute_time_s
from tokenroof.operators.lower import lower
from tokenroof.operators.program import cache_bytes_per_sequence, totals
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.scenario.costs import cost_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.energy import joules_per_output_token, watts_per_gpu
from tokenroof.scenario.ranges import spread
from tokenroof.scenario.resolve import assemble, lengths_at
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load as StepLoad
from tokenroof.types.workload import Load, Workload
from tokenroof.usecases.analyze.closed_form import roofline_numbers
from tokenroof.usecases.sweep.blocks import BOUNDS, SERVED, Case
from tokenroof.usecases.sweep.spec import PRICE
from tokenroof.xp import NUMPY

if TYPE_CHECKING:
    from numpy import ndarray

__all__ = ["evaluate_block", "prepare"]

Array = Any  # a float or an array that broadcasts over the block
_MTOK = 1e6
_PARTS = ("compute_s", "weights_s", "kv_s", "activations_s", "communication_s", "overhead_s")


class _Ready(Protocol):
    """A case made ready: decode, memory and service on arrays that broadcast.

    `at_once` is how many copies and pipeline stages have a step of their own in flight, `gpus` all that is paid for.
    """

    at_once: float
    gpus: float

    def decode(self, batch: Array, work: Workload) -> dict[str, Array]: ...
    def prefill_s(self, work: Workload) -> Array: ...
    def served(self, batch: Array, work: Workload, price: Array) -> dict[str, Array]: ...


def prepare(case: Case) -> _Ready:
    """Lower and bind once per case; evaluation of its blocks then costs array arithmetic only."""
    return _Pooled(case) if case.layout is None else _Deployed(case, case.layout)


class _Pooled:
    """The closed form: all chips of one scale-up domain as one machine, as `analyze` takes it."""

    def __init__(self, case: Case) -> None:
        assert case.pool is not None
        self.pool, self.rule = case.pool, case.rule
        self.at_once, self.gpus = 1.0, float(self.pool.chips)
        # one GPU that holds the whole model: its cache counts are those of the pool
        self.program = lower(self.pool.model, Layout(kv_dtype=self.pool.kv_dtype))

    def decode(self, batch: Array, work: Workload) -> dict[str, Array]:
        d, context = self.pool, work.context
        reads = totals(self.program, decode=StepLoad(1.0, 1.0, context)).kv_read_bytes
        inputs = {
            "params": d.read_params, "active_params": d.active_params, "bytes_per_param": d.bytes_per_param,
            "kv_bytes_per_token": reads / context, "flops_per_s": d.flops_per_s, "bytes_per_s": d.bytes_per_s,
            "context": context, "batch": batch,
        }  # fmt: skip
        numbers = roofline_numbers(inputs, self.rule, NUMPY)
        used = d.stored_bytes / d.stages + batch * cache_bytes_per_sequence(self.program, context)
        return dict.fromkeys(_PARTS, 0.0) | {
            "decode_step_s": numbers["step_s"], "memory_bytes_per_gpu": used / d.chips,
            "fits": used <= d.capacity_bytes, **{name: numbers[name] for name in (*_PARTS[:3], "mfu")},
        }  # fmt: skip

    def prefill_s(self, work: Workload) -> Array:
        """Arithmetic of the prompt or one read of the weights, whichever is longer."""
        d = self.pool
        compute = pass_compute_time_s(
            tokens=work.uncached, active_params=d.active_params, flops_per_s=d.flops_per_s, xp=NUMPY
        )
        weights = f.weight_time_s(
            params=d.read_params, bytes_per_param=d.bytes_per_param, bytes_per_s=d.bytes_per_s, xp=NUMPY
        )
        return NUMPY.maximum(compute, weights)

    def served(self, batch: Array, work: Workload, price: Array) -> dict[str, Array]:
        """A bound: prompts and answers share the machine's time, and no request waits for another."""
        step_s, prompt_s = self.decode(batch, work)["decode_step_s"], self.prefill_s(work)
        answer_s = work.osl * step_s / batch
        rate = 1.0 / (prompt_s + answer_s)
        found = {
            "tpot_s": step_s, "interactivity": 1.0 / step_s, "ttft_s": prompt_s,
            "e2e_s": prompt_s + NUMPY.maximum(work.osl - 1.0, 0.0) * step_s, "requests_per_s": rate,
            "output_tokens_per_s_per_gpu": rate * work.osl / self.gpus,
        }  # fmt: skip
        if price is None:
            return found
        usd_per_s = price / 3600.0 * self.gpus
        return found | {
            "cost_output_usd_per_mtok": usd_per_s * answer_s / work.osl * _MTOK,
            "cost_input_usd_per_mtok": usd_per_s * prompt_s / work.uncached * _MTOK,
            "request_usd": usd_per_s / rate,
        }


class _Deployed:
    """A deployment as every verb asks it."""

    def __init__(self, case: Case, layout: Layout) -> None:
        assert case.scenario is not None and case.scheduler is not None
        self.deployment: Deployment = assemble(
            case.scenario, case.model, case.system, layout, profile=case.profile, scheduler=case.scheduler,
            workload=Workload(), load=Load(kind="batch"), weights=layout.weights, replicas=case.scenario.replicas,
        )  # fmt: skip
        self.power = case.power
        self.at_once = float(self.deployment.replicas * layout.pp)
        self.gpus = float(case.system.n_chips)

    def decode(self, batch: Array, work: Workload) -> dict[str, Array]:
        """With pp micro-batches in flight a stage caches its layers of all of them."""
        one = replace(self.deployment, workload=work)
        times, use = one.step(batch), one.memory(one.held_tokens)
        chip, work_done = one.system.chip, totals(one.program, decode=StepLoad(batch, batch, work.context))
        ideal = sum(n / arithmetic_rate(chip, key)[1] for key, n in work_done.flops.items())
        in_flight = one.layout.pp * batch
        held = NUMPY.ceil(in_flight / one.layout.dp) * use.cache_bytes_per_sequence
        return {name: getattr(times, name) for name in _PARTS} | {
            "decode_step_s": times.step_s, "mfu": f.mfu(compute_s=ideal, step_s=times.step_s, xp=NUMPY),
            "memory_bytes_per_gpu": use.weights_bytes + use.activations_bytes + held, "fits": one.rooms() >= in_flight,
        }  # fmt: skip

    def prefill_s(self, work: Workload) -> Array:
        return replace(self.deployment, workload=work).prefill().step_s

    def served(self, batch: Array, work: Workload, price: Array) -> dict[str, Array]:
        one = replace(self.deployment, workload=work)
        served = one.at_batch(batch)
        found = {
            "tpot_s": served.tpot_s, "interactivity": 1.0 / served.tpot_s, "ttft_s": served.ttft_s,
            "e2e_s": served.e2e_s, "requests_per_s": served.requests_per_s,
            "output_tokens_per_s_per_gpu": served.output_tokens_per_s_per_gpu,
        }  # fmt: skip
        if self.power is not None:
            found["watts_per_gpu"] = watts_per_gpu(one, served, self.power)
            found["joules_per_output_token"] = joules_per_output_token(one, served, self.power)
        if price is None:
            return found
        cost = cost_of(one, served, price)
        return found | {
            "cost_output_usd_per_mtok": cost.output_usd_per_mtok,
            "cost_input_usd_per_mtok": cost.input_usd_per_mtok,
            "request_usd": cost.request_usd,
        }


def _bound(columns: Mapping[str, Array], rule: str) -> Array:
    """Position in BOUNDS of what sets the step time, by the same reading as the closed form's own."""
    import numpy as np

    parts = [columns[f"{name}_s"] for name in BOUNDS]
    if rule in ("book", "operators"):
        return np.argmax(np.stack(np.broadcast_arrays(*parts)), axis=0).astype(np.int8)
    compute, weights, kv = parts[:3]
    traffic = weights + kv if rule == "lecture" else np.maximum(weights, kv)
    memory = np.where(np.greater_equal(weights, kv), 1, 2)
    return np.where(np.greater_equal(compute, traffic), 0, memory).astype(np.int8)


def _workload(axes: Mapping[str, "ndarray[Any, Any]"]) -> Workload:
    if "isl" in axes:
        return Workload(isl=axes["isl"], osl=axes["osl"], prefix=axes.get("prefix", 0.0))  # type: ignore[arg-type]
    isl, osl = lengths_at(axes["context"], xp=NUMPY)
    return Workload(isl=isl, osl=osl)


def evaluate_block(
    case: Case, ready: _Ready, axes: Mapping[str, "ndarray[Any, Any]"], wanted: Collection[str]
) -> dict[str, Array]:
    """The `wanted` columns of a block and what comes with them. `axes` are shaped to broadcast."""
    batch, work = axes["batch"], _workload(axes)
    columns = ready.decode(batch, work)
    step_s = columns["decode_step_s"]
    columns["bound"] = _bound(columns, case.rule)
    width = spread("tpot", case.profile)
    columns["range_low"], columns["range_high"] = math.exp(-width), math.exp(width)
    decoded = f.decode_tokens_per_s(batch=batch * ready.at_once, step_s=step_s, xp=NUMPY)
    columns["decode_tokens_per_s_per_gpu"] = decoded / ready.gpus
    price = axes.get(PRICE, case.rental_usd_per_h)
    if price is not None:
        usd_per_s = price / 3600.0 * ready.gpus
        alone = pricing.cost_usd_per_token(usd_per_s=usd_per_s, step_s=step_s, batch=batch * ready.at_once, xp=NUMPY)
        columns |= {PRICE: price, "decode_usd_per_mtok": alone * _MTOK}
    if "prefill_s" in wanted:
        columns["prefill_s"] = ready.prefill_s(work)
    if any(name in SERVED for name in wanted):
        columns |= ready.served(batch, work, price)
    return dict(axes) | columns
