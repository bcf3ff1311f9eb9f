"""A resolved scenario: the one object that every verb, door and fit asks for times, memory, speed and cost."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tokenroof.engines import engine as engine_of
from tokenroof.operators.memory import MemoryUse, memory_use
from tokenroof.operators.timing import Timed
from tokenroof.scenario.arriving import arriving_evenly, rate_of_users
from tokenroof.scenario.machine_cost import MachineCost
from tokenroof.scenario.override_values import Override
from tokenroof.scenario.prefill_workers import PrefillWorkers
from tokenroof.scenario.said import length_warnings
from tokenroof.serving.batch import static_batch
from tokenroof.serving.open_loop import OpenServer
from tokenroof.serving.steady import ServingEstimate, capacity, serve, serve_saturated
from tokenroof.solve import largest_whole
from tokenroof.types.default import Default
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.engine import Engine, Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.program import Load as StepLoad
from tokenroof.types.program import Num, Program, StepTimes
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Served
from tokenroof.types.workload import Limits, Load, Workload
from tokenroof.xp import NUMPY, SCALAR

__all__ = ["SLACK", "Deployment"]

_MOST_AT_ONCE = 10_000_000
_ALL = 1.0 - 1e-9
SLACK = 1.0 + 1e-9  # of a limit: what rounding adds to a time does not miss it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deployment:
    """A scenario with every name looked up and every default said.

    `replicas` copies of `layout` stand on the system (disaggregated: units of prefill and decode workers, where those
    that prefill may have a machine of their own beside `system`). Times are of one replica, throughputs of all GPUs.
    `tokens_per_step` is 1 plus the accepted drafts.
    `overrides` are the what-ifs asked for.
    """

    scenario: Scenario
    model: Model
    system: System
    layout: Layout
    layout_reason: str
    replicas: int
    engine: str
    scheduler: Scheduler
    profile: Efficiency
    workload: Workload
    load: Load
    limits: Limits
    price: MachineCost | None
    timed: Timed = field(repr=False)
    claim: str
    weight_dtype: str
    kv_dtype: str
    memory_fraction: float | None = None
    tokens_per_step: float = 1.0
    prefill_workers: PrefillWorkers | None = None
    defaults: tuple[Default, ...] = ()
    overrides: tuple[Override, ...] = ()
    left_out: tuple[str, ...] = ()

    # ------------------------------------------------------------------ what stands where

    @property
    def program(self) -> Program:
        """The operators of one replica."""
        return self.timed.program

    @property
    def disaggregated(self) -> bool:
        """Whether prefill runs on GPUs of its own."""
        return self.prefill_workers is not None

    @property
    def prompt_timed(self) -> Timed:
        """What prefills: the workers of their own, where there are any."""
        return self.timed if self.prefill_workers is None else self.prefill_workers.timed

    @property
    def warnings(self) -> tuple[str, ...]:
        """What in the question goes beyond the model."""
        return length_warnings(self.model, self.workload)

    @property
    def unit_gpus(self) -> int:
        """GPUs of one replica, or of one unit of prefill and decode workers."""
        split = self.prefill_workers
        return self.layout.n_gpus if split is None else split.n_gpus + split.decode_workers * self.layout.n_gpus

    @property
    def machines(self) -> tuple[System, ...]:
        """The system; where prefill workers have a machine of their own that one first."""
        split = self.prefill_workers
        return (self.system,) if split is None or not split.own_machine else (split.system, self.system)

    @property
    def gpus(self) -> int:
        """GPUs of all machines: they are paid for."""
        return sum(machine.n_chips for machine in self.machines)

    @property
    def gpus_used(self) -> int:
        """GPUs with work."""
        return self.replicas * self.unit_gpus

    @property
    def gpus_idle(self) -> int:
        """GPUs that no replica uses; they are paid for."""
        return self.gpus - self.gpus_used

    # ------------------------------------------------------------------ one step

    def step(self, batch: Num, context: Num = None, *, drafts: float = 0.0) -> StepTimes:
        """One decode step of `batch` requests through all stages, each with one new token and `drafts` to verify."""
        length = self.workload.context if context is None else context
        return self.timed.step(decode=StepLoad(batch * (1.0 + drafts), batch, length))

    def prefill(self, tokens: Num = None, context: Num = None, *, requests: Num = 1.0) -> StepTimes:
        """One step that prefills `requests` prompts: `tokens` new ones each, ending at `context`."""
        new = self.workload.uncached if tokens is None else tokens
        end = self.workload.isl if context is None else context
        return self.prompt_timed.step(prefill=StepLoad(new * requests, requests, end))

    # ------------------------------------------------------------------ memory

    @property
    def known_engine(self) -> Engine:
        """The engine at the version that was asked for."""
        return engine_of(self.engine, self.scheduler.version)

    @property
    def held_tokens(self) -> float:
        """Tokens that a request holds in memory on average, by the engine's rule for admitting it."""
        answer = self.workload.osl if self.scheduler.reserves_output else self.workload.osl / 2.0
        return self.workload.isl + answer

    def memory(self, context: float | None = None) -> MemoryUse:
        """Bytes on the fullest GPU, and how many requests of `context` tokens fit in one replica."""
        return memory_use(
            self.program, self.system, context=self.held_tokens if context is None else context,
            engine=self.known_engine, fraction=self.memory_fraction,
            max_batched_tokens=int(self.scheduler.token_budget), max_sequences=self.scheduler.max_sequences,
        )  # fmt: skip

    def room(self) -> float:
        """Requests that one replica holds at once, by memory and the engine's limit."""
        return float(self.rooms())

    def rooms(self) -> Num:
        """`room` for a workload whose lengths are arrays."""
        if not self.prompts_fit:
            return 0.0
        found = capacity(
            self.timed, self.system, self.scheduler, isl=self.workload.isl, osl=self.workload.osl, engine=self.engine,
            memory_fraction=self.memory_fraction,
        )  # fmt: skip
        decoders = 1 if self.prefill_workers is None else self.prefill_workers.decode_workers
        return found // 1 * decoders

    def prompt_memory(self) -> MemoryUse:
        """Bytes on the fullest GPU of a prefill worker, and how many prompts it holds."""
        if self.prefill_workers is None:
            return self.memory()
        return self.prefill_workers.memory(self.workload, self.known_engine, self.memory_fraction)

    @property
    def prompts_at_once(self) -> float:
        """Prompts that a prefill worker must hold: a full pass for every stage. 0 without such workers."""
        return 0.0 if self.prefill_workers is None else self.prefill_workers.prompts_at_once(self.workload)

    @property
    def prompts_fit(self) -> bool:
        """Whether prefill workers, where there are any, hold their prompts."""
        return self.prefill_workers is None or bool(self.prompt_memory().sequences >= self.prompts_at_once)

    @property
    def asked_at_once(self) -> float:
        """Requests that one replica must hold at once for its load: at least one."""
        return max(self.load.value * self.layout.pp, 1.0) if self.load.kind in ("batch", "static") else 1.0

    @property
    def fits(self) -> bool:
        """The one verdict on memory: does it hold the load that was asked for, and at least one request?"""
        return self.room() >= self.asked_at_once

    # ------------------------------------------------------------------ under load

    def serve(self, load: Load | None = None) -> Served:
        """What requests see under a load; by default the scenario's own."""
        load = load or self.load
        room = self.room()
        if room < 1.0 or (load.kind == "batch" and load.value * self.layout.pp > room):
            return _nothing(room)
        if load.kind == "fill":
            held, limit = self.most(self.limits, room)
            if held < 1.0:
                return _nothing(room, limit)
            return self._served(self.closed(held, load, room), held, self.replicas, room, limit, load)
        if load.kind in ("request_rate", "users", "saturated"):
            found = self._coming_back(load, room) if load.kind == "users" else self.estimate(load, room)
            limit = "memory" if load.kind == "saturated" else "load"
            inside = self.disaggregated and not found.saturated
            held = float(found.requests_per_s * found.e2e_s if inside else found.in_flight)
            return self._served(found, held, self.replicas, room, limit, load)
        if load.kind == "static":
            return self._served(self.estimate(load, room), load.value, self.replicas, room, "load", load)
        used = self.replicas if load.kind == "batch" else max(1, min(self.replicas, int(load.value)))
        held = load.value * self.layout.pp if load.kind == "batch" else max(load.value / used, 1.0)
        return self._served(self.closed(held, load, room), held, used, room, "load", load)

    def at_batch(self, batch: Num) -> Served:
        """What requests see with `batch` at once in each step, as if memory held them: `fits` says whether. Arrays too.

        Where it does, this is what `serve` answers.
        """
        held, room = batch * self.layout.pp, self.rooms()
        found = self.closed(held, Load(kind="batch", value=batch), held)
        served = self._served(found, held, self.replicas, held, "load", Load(kind="batch", value=batch))
        return replace(served, fits=room >= held, room=room)

    def most(self, limits: Limits, room: float | None = None) -> tuple[float, str]:
        """Most requests at once in one replica inside limits and memory, all fed by prefill, and what ends it."""
        top = self.room() if room is None else room

        def broken(held: float) -> str:
            found = self.closed(held, Load(), top)
            if not _inside(found.tpot_s / self.tokens_per_step, limits.tpot_s):
                return "tpot"
            if not _inside(found.ttft_s, limits.ttft_s):
                return "ttft"
            front, link = self.prefill_workers, self.link_bytes_per_s
            unfed = front is not None and held > front.feeds(found, self.workload, link(), limits.ttft_s)
            return "prefill" if unfed else ""

        held = float(largest_whole(lambda held: not broken(held), 1, int(min(top, _MOST_AT_ONCE))))
        return held, "memory" if held > top - 1.0 else broken(held + 1.0)

    def estimate(self, load: Load, room: Num = None) -> ServingEstimate:
        """One replica under its share of a load, as the serving formulas give it, fitting or not. Arrays too."""
        if load.kind == "static":
            return self._static(load)
        limit = self.rooms() if room is None else room
        if load.kind == "saturated":
            if self.prefill_workers is not None:
                return self.at_rates(load, limit)(_MOST_AT_ONCE)
            return serve_saturated(self.timed, self.system, self.scheduler, **self._lengths(), limit=limit)
        if load.kind == "request_rate":
            rate = load.value / self.replicas
            return self.at_rates(load, limit, rate)(rate)
        return self.closed(load.value if load.kind == "batch" else load.value / self.replicas, load, limit)

    def one_each(self) -> Served:
        """One request at once in every replica: as quick as this deployment gets."""
        return self.serve(Load(kind="concurrency", value=float(self.replicas)))

    def keeps(self) -> bool:
        """Whether the load is held inside every limit; to fill a system one request in each replica is enough."""
        if not self.fits:
            return False
        return not self.missed(self.one_each() if self.load.kind == "fill" else self.serve())

    def missed(self, served: Served) -> str:
        """What a served load breaks: memory, engine, load (more arrives than is served), tpot or ttft; else nothing."""
        if not served.fits:
            return served.limit
        if served.saturated and self.load.kind in ("request_rate", "users"):
            return "load"
        if not _inside(served.tpot_s, self.limits.tpot_s):
            return "tpot"
        return "" if _inside(served.ttft_s, self.limits.ttft_s) else "ttft"

    def closed(self, held: Num, load: Load | None = None, room: Num = None) -> ServingEstimate:
        """One replica (or unit) with `held` requests kept at once, as the serving formulas give it. Arrays too.

        A batch is what every step holds: whatever it takes to keep it so, nobody is put back.
        """
        load = load or Load()
        limit = self.rooms() if room is None else room
        if load.kind == "batch":
            limit = math.inf
        if self.prefill_workers is None:
            return serve(
                self.timed, self.system, self.scheduler, concurrency=held, limit=limit, requests=load.requests,
                range_ratio=load.range_ratio, **self._lengths(),
            )  # fmt: skip
        return self.prefill_workers.serve(**self._apart(), concurrency=held)

    def _lengths(self) -> dict[str, Any]:
        work = self.workload
        return {"isl": work.isl, "osl": work.osl / self.tokens_per_step, "prefix": work.prefix}

    def _apart(self) -> dict[str, Any]:
        return {
            "decode": self.timed, "system": self.system, "scheduler": self.scheduler,
            "link_bytes_per_s": self.link_bytes_per_s(), "memory_fraction": self.memory_fraction, **self._lengths(),
        }  # fmt: skip

    def link_bytes_per_s(self) -> float:
        """What one GPU sends to a worker of the other role: inside a domain where the unit fits in one.

        Between two machines the slower of their networks sets the pace.
        """
        if len(self.machines) > 1:
            return min(machine.scaleout_bytes_per_s or math.inf for machine in self.machines)
        inside = self.unit_gpus <= min(self.system.domain_size, self.system.n_chips)
        rate = self.system.scaleup_bytes_per_s if inside else self.system.scaleout_bytes_per_s
        return rate or math.inf

    def _coming_back(self, load: Load, room: float) -> ServingEstimate:
        """Users who wait for their answers and read for a while before they ask again."""
        users = load.value / self.replicas
        if self.prefill_workers is not None:
            return self.prefill_workers.serve(**self._apart(), concurrency=users, think_s=load.think_s)
        alone_s = max(self.workload.osl, 1.0) / self.tokens_per_step * float(self.step(1.0).step_s)
        most = float(self.estimate(Load(kind="saturated"), room).requests_per_s)
        at = self.at_rates(load, room)
        return at(rate_of_users(users, load.think_s, alone_s, room / most, most, lambda rate: float(at(rate).e2e_s)))

    def at_rates(self, load: Load, room: Num, like: Num = 1.0) -> Callable[[Num], ServingEstimate]:
        """One replica at any rate of arrivals; `like` has their shape, where they are arrays."""
        if self.prefill_workers is not None:
            return partial(self.prefill_workers.serve_open, **self._apart())
        server = OpenServer.of(self.timed, self.system, self.scheduler, limit=room, rate=like, **self._lengths())

        def at(rate: Num) -> ServingEstimate:
            found = server.serve(rate, requests=load.requests)
            if load.evenly and not found.saturated:
                return arriving_evenly(found, lambda held: self.closed(held, Load(), room), rate)
            return found

        return at

    def _static(self, load: Load) -> ServingEstimate:
        found = static_batch(self.timed, self.scheduler, batch=load.value, **self._lengths())
        rate, lengths = load.value / found.e2e_s, self._lengths()
        return ServingEstimate(
            ttft_s=found.prefill_s, tpot_s=found.step_s, e2e_s=found.e2e_s, requests_per_s=rate,
            output_tokens_per_s=found.output_tokens_per_s, total_tokens_per_s=rate * (lengths["isl"] + lengths["osl"]),
            in_flight=load.value, prefill_share=found.prefill_s / found.e2e_s, decode_step_s=found.step_s,
            kv_limited=False, settled_ttft_s=found.prefill_s,
        )  # fmt: skip

    def _served(self, found: ServingEstimate, held: Num, used: int, room: Num, limit: str, load: Load) -> Served:
        work, gpus = self.workload, self.gpus
        xp = NUMPY if hasattr(found.e2e_s, "shape") else SCALAR
        rate = used * _number(found.requests_per_s)
        running = _number(found.in_flight)
        decoders = 1 if self.prefill_workers is None else self.prefill_workers.decode_workers
        step_s, tpot_s, e2e_s = (_number(one) for one in (found.decode_step_s, found.tpot_s, found.e2e_s))
        share = _number(found.prefill_share)
        if self.prefill_workers is not None:
            share = self.prefill_workers.n_gpus / self.unit_gpus
        else:
            # Who waits for room takes no machine time: those inside stay as long as Little's law has it. Prompts are
            # prefilled once; answers that lost their memory and are prefilled again are part of what answers take.
            queued = (running < held * _ALL) | (load.kind in ("request_rate", "users"))
            answered_s = step_s if found.answered_step_s is None else _number(found.answered_step_s)
            stay_s = xp.where(queued, running / _number(found.requests_per_s), e2e_s)
            share = xp.where(
                e2e_s < math.inf, xp.maximum(0.0, 1.0 - work.osl / self.tokens_per_step * answered_s / stay_s), share
            ) / _number(found.again)
        return Served(
            fits=True, limit=limit, concurrency=held * used, batch=running / decoders / self.layout.pp, room=room,
            ttft_s=_number(found.ttft_s), tpot_s=tpot_s / self.tokens_per_step, e2e_s=e2e_s,
            requests_per_s=rate, output_tokens_per_s_per_gpu=rate * work.osl / gpus,
            input_tokens_per_s_per_gpu=rate * work.isl / gpus, decode_step_s=step_s,
            decode_tokens_per_s_per_gpu=used * running * self.tokens_per_step / step_s / gpus,
            prefill_share=share, settled_ttft_s=_number(found.settled_ttft_s), saturated=bool(found.saturated),
            waiting=load.kind == "concurrency" and held > room,
        )  # fmt: skip


def _number(value: Num) -> Num:
    return value if getattr(value, "ndim", 0) else float(value)


def _inside(value: Num, limit: float | None) -> bool:
    return limit is None or float(value) <= limit * SLACK


def _nothing(room: float, limit: str = "memory") -> Served:
    inf = math.inf
    return Served(
        fits=False, limit=limit, concurrency=0.0, batch=0.0, room=room, ttft_s=inf, tpot_s=inf, e2e_s=inf,
        requests_per_s=0.0, output_tokens_per_s_per_gpu=0.0, input_tokens_per_s_per_gpu=0.0, decode_step_s=inf,
        decode_tokens_per_s_per_gpu=0.0, prefill_share=0.0, settled_ttft_s=inf,
    )  # fmt: skip
