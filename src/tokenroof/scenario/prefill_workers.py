"""GPUs that do nothing but prefill, beside those that decode."""

from dataclasses import dataclass, field, replace

from tokenroof.operators.memory import MemoryUse, memory_use
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.operators.timing import Timed
from tokenroof.serving.batch import Pool, prompts_in_flight, serve_apart
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
        self, decode: Timed, system: System, scheduler: Scheduler, *, concurrency: Num, isl: Num, osl: Num, prefix: Num,
        link_bytes_per_s: float, memory_fraction: float | None, at_random: bool = False,
    ) -> ServingEstimate:  # fmt: skip
        """One unit with so many requests at once: each prompt's cache goes over the link to a worker that decodes."""
        front = replace(self.scheduler, mixed=False, token_budget=self.chunk)
        sent = cache_bytes_per_sequence(self.timed.program, isl) / self.layout.pp
        return serve_apart(
            Pool(timed=self.timed, system=self.system, scheduler=front, copies=float(self.workers)),
            Pool(timed=decode, system=system, scheduler=scheduler, copies=float(self.decode_workers)),
            concurrency=concurrency, transfer_s=sent / link_bytes_per_s, memory_fraction=memory_fraction,
            isl=isl, osl=osl, prefix=prefix, at_random=at_random,
        )  # fmt: skip
