"""The roof over a layout: what no pass beats, whatever its kernels, networks and prompts.

One pass takes at least as long as its busiest resource: all of its arithmetic at the format's peak rate, or the weights
and the cache that it has to read at the memory's bandwidth. Kernels count as fused, so that nothing goes through memory
between them; attention multiplies in 8 bits where the chip can; all tokens share their experts; networks cost nothing.
"""

from dataclasses import dataclass, replace

from tokenroof.operators.timing import Timed, bind
from tokenroof.types.efficiency import BOUND
from tokenroof.types.machine import System
from tokenroof.types.program import Load, Program, StepTimes

__all__ = ["Roof", "roof"]

_ATTENTION = ("attention_", "mla_", "indexer_")
_NARROW = "fp8"


@dataclass(frozen=True, slots=True, eq=False)
class Roof(Timed):
    """A pass takes as long as its busiest resource: max(arithmetic, weights + cache), the lecture's rule."""

    def step(self, *, decode: Load | None = None, prefill: Load | None = None, rule: str = "lecture") -> StepTimes:
        return Timed.step(self, decode=decode, prefill=prefill, rule=rule)


def roof(program: Program, system: System) -> Roof:
    """The program at its bound: max(arithmetic, weights + cache) of each pass."""
    program = replace(program, layout=replace(program.layout, two_batch_overlap=False))
    if _NARROW in system.chip.flops_per_s:
        rows = tuple(
            replace(row, rate=_NARROW) if row.kind.startswith(_ATTENTION) and row.rate in ("bf16", "fp16") else row
            for row in program.operators
        )
        program = replace(program, operators=rows)
    timed = bind(program, system, BOUND, free_networks=True)
    return Roof(program, timed.profile, timed.parts, timed.links)
