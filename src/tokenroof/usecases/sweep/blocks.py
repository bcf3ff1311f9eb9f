"""Cases, blocks and their evaluation: what a sweep computes, apart from where it runs and how it is kept.

A case is one choice of every categorical field, resolved; it carries all that a worker needs. A block is a box
of a case's numeric grid, small enough to be evaluated and written at once.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tokenroof.formulas import pricing
from tokenroof.formulas import roofline as f
from tokenroof.formulas.prefill import pass_compute_time_s
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.program import cache_bytes_per_sequence, totals
from tokenroof.operators.timing import Timed, arithmetic_rate, bind
from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.program import Load
from tokenroof.usecases.analyze.closed_form import roofline_numbers
from tokenroof.usecases.analyze.pool import Pool
from tokenroof.usecases.sweep.spec import LIMITS
from tokenroof.xp import NUMPY

if TYPE_CHECKING:
    from numpy import ndarray

__all__ = [
    "BOUNDS",
    "COLUMNS",
    "Block",
    "Case",
    "blocks_of",
    "chunk_shape",
    "column_names",
    "evaluate_block",
    "prepare",
]

Array = Any  # a float or an array that broadcasts over the block
BOUNDS = ("compute", "weights", "kv", "activations", "communication", "overhead")

# column -> (unit, what it is); `bound` is a word and `fits` yes or no
COLUMNS: dict[str, tuple[str, str]] = {
    **{name: (unit, f"axis {name}") for name, (unit, *_) in LIMITS.items()},
    "step_s": ("s", "one decode pass, the TPOT of its sequences"),
    "compute_s": ("s", "arithmetic of the decode pass"),
    "weights_s": ("s", "weight reads of the decode pass"),
    "kv_s": ("s", "KV cache and state reads of the decode pass"),
    "activations_s": ("s", "activation traffic of the decode pass; 0 where the rule leaves it out"),
    "communication_s": ("s", "collectives of the decode pass; 0 where the rule leaves them out"),
    "overhead_s": ("s", "host and kernel overhead of the decode pass; 0 where the rule leaves it out"),
    "bound": ("", "the largest of the terms of the decode pass"),
    "mfu": ("1", "FLOP of the decode pass over what the chips could do in that time"),
    "range_low": ("1", "80 % of measured times are at least this multiple of step_s; 1 for a bound"),
    "range_high": ("1", "80 % of measured times are at most this multiple of step_s; 1 for a bound"),
    "tokens_per_s_per_user": ("token/s/sequence", "output tokens of one sequence"),
    "tokens_per_s_per_gpu": ("token/s/GPU", "output tokens per GPU of the system, idle ones included"),
    "memory_bytes_per_gpu": ("B/GPU", "weights, activations and the batch's cache on the fullest GPU"),
    "fits": ("", "whether the batch's cache fits in what weights and engine leave"),
    "cost_usd_per_mtok": ("USD/Mtoken", "cost of a million output tokens, idle GPUs paid for"),
    "prefill_s": ("s", "prefill of one request alone, in one pass"),
    "e2e_s": ("s", "one request from the start of its prefill to its last token, without a queue"),
    "input_cost_usd_per_mtok": (
        "USD/Mtoken",
        "cost of a million uncached input tokens, one request per group",
    ),
    "cost_usd_per_request": ("USD/request", "prefill and decode of one request"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One choice of every categorical field, resolved. `pool` is set for the closed forms, `layout` otherwise.

    `notes` goes into every row beside the labels: how sure the numbers are, and which layout was taken.
    """

    index: int
    labels: Mapping[str, str]
    notes: Mapping[str, str]
    model: Model
    system: System
    mode: str
    engine: str
    profile: Efficiency = PEAK
    layout: Layout | None = None
    pool: Pool | None = None
    rental_usd_per_h: float | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Box number `index` of a case: start and stop on each numeric axis."""

    index: int
    box: tuple[tuple[int, int], ...]

    @property
    def points(self) -> int:
        return math.prod(stop - start for start, stop in self.box)


def chunk_shape(sizes: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Box of at most `most` points, as long as possible on the last axes."""
    shape, left = [], most
    for size in reversed(sizes):
        shape.append(max(1, min(size, left)))
        left //= shape[-1]
    return tuple(reversed(shape))


def blocks_of(sizes: tuple[int, ...], most: int) -> Iterator[Block]:
    """The boxes that tile a grid, in the order of its points."""
    chunk = chunk_shape(sizes, most)
    counts = tuple(-(-size // step) for size, step in zip(sizes, chunk, strict=True))
    for index in range(math.prod(counts)):
        rest, corner = index, []
        for count in reversed(counts):
            rest, position = divmod(rest, count)
            corner.append(position)
        starts = [position * step for position, step in zip(reversed(corner), chunk, strict=True)]
        box = zip(starts, sizes, chunk, strict=True)
        yield Block(index, tuple((start, min(start + step, size)) for start, size, step in box))


def column_names(axes: tuple[str, ...], *, priced: bool) -> tuple[str, ...]:
    """The columns of a sweep with these numeric axes, in order."""
    left_out = {name for name in LIMITS if name not in axes}
    if priced:
        left_out.discard("usd_per_gpu_h")
    else:
        left_out |= {name for name in COLUMNS if "usd" in name}
    if "isl" not in axes:
        left_out |= {"prefill_s", "e2e_s", "input_cost_usd_per_mtok", "cost_usd_per_request"}
    return tuple(name for name in COLUMNS if name not in left_out)


class _Ready(Protocol):
    """A case made ready: decode, prefill and memory on arrays that broadcast.

    `passes` is how many copies and pipeline stages have a pass of their own in flight, `gpus` all that is paid for,
    `groups` the requests that one prefill pass takes at a time.
    """

    passes: float
    gpus: float
    groups: float

    def decode(self, batch: Array, context: Array) -> dict[str, Array]: ...
    def prefill_s(self, requests: Array, new: Array, context: Array) -> Array: ...
    def memory(self, batch: Array, context: Array) -> tuple[Array, Array]: ...


def prepare(case: Case) -> _Ready:
    """Lower and bind once per case; evaluation of its blocks then costs array arithmetic only."""
    return _Pooled(case) if case.layout is None else _Laid(case, case.layout)


class _Pooled:
    """The closed form: all chips of one scale-up domain as one machine, as `analyze` takes it."""

    def __init__(self, case: Case) -> None:
        assert case.pool is not None
        self.pool, self.mode = case.pool, case.mode
        self.passes, self.gpus, self.groups = 1.0, float(self.pool.chips), 1.0
        # one GPU that holds the whole model: its cache counts are those of the pool
        self.program = lower(self.pool.model, Layout(kv_dtype=self.pool.kv_dtype))

    def decode(self, batch: Array, context: Array) -> dict[str, Array]:
        d = self.pool
        reads = totals(self.program, decode=Load(1.0, 1.0, context)).kv_read_bytes
        inputs = {
            "params": d.read_params,
            "active_params": d.active_params,
            "bytes_per_param": d.bytes_per_param,
            "kv_bytes_per_token": reads / context,
            "flops_per_s": d.flops_per_s,
            "bytes_per_s": d.bytes_per_s,
            "context": context,
            "batch": batch,
        }
        numbers = roofline_numbers(inputs, self.mode, NUMPY)
        kept = {name: numbers[name] for name in ("step_s", "compute_s", "weights_s", "kv_s", "mfu")}
        return kept | dict.fromkeys(("activations_s", "communication_s", "overhead_s"), 0.0)

    def prefill_s(self, requests: Array, new: Array, context: Array) -> Array:
        """Arithmetic of the prompt or one read of the weights, whichever is longer."""
        d = self.pool
        compute = pass_compute_time_s(
            tokens=requests * new, active_params=d.active_params, flops_per_s=d.flops_per_s, xp=NUMPY
        )
        weights = f.weight_time_s(
            params=d.read_params, bytes_per_param=d.bytes_per_param, bytes_per_s=d.bytes_per_s, xp=NUMPY
        )
        return NUMPY.maximum(compute, weights)

    def memory(self, batch: Array, context: Array) -> tuple[Array, Array]:
        d = self.pool
        used = d.stored_bytes / d.stages + batch * cache_bytes_per_sequence(self.program, context)
        return used / d.chips, used <= d.capacity_bytes


class _Laid:
    """The operator engine in one layout, under the memory rule of a serving engine."""

    def __init__(self, case: Case, layout: Layout) -> None:
        self.layout, self.system, self.engine = layout, case.system, case.engine
        self.program = lower(case.model, layout)
        self.timed: Timed = bind(self.program, case.system, case.profile)
        self.passes = float(max(case.system.n_chips // layout.n_gpus, 1) * layout.pp)
        self.gpus, self.groups = float(case.system.n_chips), float(layout.dp)

    def decode(self, batch: Array, context: Array) -> dict[str, Array]:
        load = Load(batch, batch, context)
        times = self.timed.step(decode=load)
        names = ("step_s", "compute_s", "weights_s", "kv_s", "activations_s", "communication_s", "overhead_s")
        chip = self.system.chip
        ideal = sum(n / arithmetic_rate(chip, key)[1] for key, n in totals(self.program, decode=load).flops.items())
        mfu = f.mfu(compute_s=ideal, step_s=times.step_s, xp=NUMPY)
        return {name: getattr(times, name) for name in names} | {"mfu": mfu}

    def prefill_s(self, requests: Array, new: Array, context: Array) -> Array:
        return self.timed.step(prefill=Load(requests * new, requests, context)).step_s

    def memory(self, batch: Array, context: Array) -> tuple[Array, Array]:
        """With pp micro-batches in flight a stage caches its layers of all of them."""
        use = memory_use(self.program, self.system, context=context, engine=self.engine)
        in_flight = self.layout.pp * batch
        held = NUMPY.ceil(in_flight / self.layout.dp) * use.cache_bytes_per_sequence
        return use.weights_bytes + use.activations_bytes + held, use.sequences >= in_flight


def _bound(columns: Mapping[str, Array], mode: str) -> Array:
    """Position in BOUNDS of what sets the step time, by the same reading as `usecases.roofline.bound_of`."""
    import numpy as np

    parts = [columns[f"{name}_s"] for name in BOUNDS]
    if mode in ("book", "operators"):
        return np.argmax(np.stack(np.broadcast_arrays(*parts)), axis=0).astype(np.int8)
    compute, weights, kv = parts[:3]
    traffic = weights + kv if mode == "lecture" else np.maximum(weights, kv)
    memory = np.where(np.greater_equal(weights, kv), 1, 2)
    return np.where(np.greater_equal(compute, traffic), 0, memory).astype(np.int8)


def evaluate_block(case: Case, ready: _Ready, axes: Mapping[str, "ndarray[Any, Any]"]) -> dict[str, Array]:
    """Every column of a block. `axes` holds the block's values of each numeric axis, shaped to broadcast."""
    batch = axes["batch"]
    context = axes["context"] if "context" in axes else axes["isl"] + axes["osl"] / 2.0
    columns = ready.decode(batch, context)
    step_s = columns["step_s"]
    columns["bound"] = _bound(columns, case.mode)
    columns["tokens_per_s_per_user"] = f.user_tokens_per_s(step_s=step_s, xp=NUMPY)
    columns["range_low"], columns["range_high"] = case.profile.low, case.profile.high
    flying = batch * ready.passes
    columns["tokens_per_s_per_gpu"] = f.decode_tokens_per_s(batch=flying, step_s=step_s, xp=NUMPY) / ready.gpus
    columns["memory_bytes_per_gpu"], columns["fits"] = ready.memory(batch, context)
    price = axes.get("usd_per_gpu_h", case.rental_usd_per_h)
    usd_per_s = None if price is None else price / 3600.0 * ready.gpus
    if usd_per_s is not None:
        columns["usd_per_gpu_h"] = price
        output = pricing.cost_usd_per_token(usd_per_s=usd_per_s, step_s=step_s, batch=flying, xp=NUMPY)
        columns["cost_usd_per_mtok"] = output * 1e6
    if "isl" in axes:
        new = axes["isl"] - axes.get("prefix", 0.0)
        columns["prefill_s"] = ready.prefill_s(1.0, new, axes["isl"])
        columns["e2e_s"] = columns["prefill_s"] + (axes["osl"] - 1.0) * step_s
        if usd_per_s is not None:
            full_s = ready.prefill_s(ready.groups, new, axes["isl"])
            tokens = ready.groups * ready.passes * new
            spent = pricing.cost_usd_per_token(usd_per_s=usd_per_s, step_s=full_s, batch=tokens, xp=NUMPY)
            columns["input_cost_usd_per_mtok"] = spent * 1e6
            columns["cost_usd_per_request"] = spent * new + output * axes["osl"]
    return dict(axes) | columns
