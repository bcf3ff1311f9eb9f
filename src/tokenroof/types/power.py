"""What one GPU draws, by the work that it does."""

from collections.abc import Mapping
from dataclasses import dataclass

from tokenroof.provenance import Grade

__all__ = ["Power"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Power of one accelerator board: `idle_w` between kernels, and energy for each FLOP and each byte of memory.

    `idle_w` is of a GPU that serves and waits, its clocks up; a parked one draws less. `joules_per_flop` is by rate key
    (bf16, fp8, ...), `joules_per_byte` of its own memory, all that moves data on the chip included. It never draws more
    than `limit_w`. In 80 % of held-out runs the measured power lay within a factor of exp(`spread`). `notes` say what
    stands in for measurements. Host, network, losses and cooling are not in it.
    """

    idle_w: float
    limit_w: float
    joules_per_flop: Mapping[str, float]
    joules_per_byte: float
    spread: float
    source: str
    as_of: str
    grade: Grade = Grade.FITTED
    notes: tuple[str, ...] = ()
