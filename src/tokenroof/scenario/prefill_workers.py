"""GPUs that do nothing but prefill, beside those that decode."""

from dataclasses import dataclass, field, replace
from typing import Any

from tokenroof.operators.memory import MemoryUse, memory_use
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.operators.timing import Timed
from tokenroof.serving.apart import Pool, prompt_line, prompts_in_flight, serve_apart, serve_apart_open
from tokenroof.serving.steady import ServingEstimate
from tokenroof.types.engine import Engine, Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.program import Num
from tokenroof.types.workload import Workload

__all__ = ["PrefillWorkers"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrefillWorkers:
    """The prefill side of a disaggregated unit: `workers` of one layout beside `decode_workers` of the other.

    They stand on `system`, which is a machine of their own where `own_machine`.
    """

    timed: Timed = field(repr=False)
    layout: Layout
    workers: int
    decode_workers: int
    chunk: float
    system: System
    scheduler: Scheduler
    own_machine: bool = False

    @property
    def n_gpus(self) -> int:
        """GPUs of all workers that prefill."""
        return self.workers * self.layout.n_gpus

    def prompts_at_once(self, workload: Workload) -> float:
        """Prompts that one worker must hold: a full pass for every stage."""
        return float(prompts_in_flight(self.layout.dp, self.layout.pp, self.chunk, workload.uncached))

    def memory(self, workload: Workload, engine: Engine, fraction: float | None) -> MemoryUse:
        """Bytes on the fullest GPU of one worker, and how many prompts it holds."""
        return memory_use(
            self.timed.program, self.system, context=workload.isl, engine=engine, fraction=fraction,
            max_batched_tokens=int(self.chunk),
        )  # fmt: skip

    def serve(
        self, decode: Timed, system: System, scheduler: Scheduler, *, concurrency: Num, think_s: Num = None,
        link_bytes_per_s: float, **lengths: Any,
    ) -> ServingEstimate:  # fmt: skip
        """One unit with so many requests at once, or users who read for `think_s`: each prompt's cache goes over the
        link to a worker that decodes.
        """
        pools, transfer_s = self._pools(decode, system, scheduler), self._transfer_s(lengths["isl"], link_bytes_per_s)
        return serve_apart(*pools, concurrency=concurrency, think_s=think_s, transfer_s=transfer_s, **lengths)

    def serve_open(
        self, rate: Num, *, decode: Timed, system: System, scheduler: Scheduler, link_bytes_per_s: float, **lengths: Any
    ) -> ServingEstimate:
        """One unit to which so many requests come per second, at random."""
        pools, transfer_s = self._pools(decode, system, scheduler), self._transfer_s(lengths["isl"], link_bytes_per_s)
        return serve_apart_open(*pools, rate=rate, transfer_s=transfer_s, **lengths)

    def feeds(self, found: ServingEstimate, work: Workload, link_bytes_per_s: float, ttft_s: float | None) -> float:
        """Most requests at once that have their prompts in time, where each is answered as long as was found."""
        line = prompt_line(self._front, isl=work.isl, prefix=work.prefix)
        transfer_s = self._transfer_s(work.isl, link_bytes_per_s)
        return max(1.0, float(line.feeds(found.e2e_s - found.ttft_s, found.requests_per_s, transfer_s, ttft_s)))

    @property
    def _front(self) -> Pool:
        rules = replace(self.scheduler, mixed=False, token_budget=self.chunk)
        return Pool(timed=self.timed, system=self.system, scheduler=rules, copies=float(self.workers))

    def _pools(self, decode: Timed, system: System, scheduler: Scheduler) -> tuple[Pool, Pool]:
        back = Pool(timed=decode, system=system, scheduler=scheduler, copies=float(self.decode_workers))
        return self._front, back

    def _transfer_s(self, isl: Num, link_bytes_per_s: float) -> Num:
        return cache_bytes_per_sequence(self.timed.program, isl) / self.layout.pp / link_bytes_per_s
