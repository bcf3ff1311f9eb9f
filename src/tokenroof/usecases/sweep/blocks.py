"""Cases, blocks and their evaluation: what a sweep computes, apart from where it runs and how it is kept.

A case is one choice of every categorical field, resolved; it carries all that a worker needs. A block is a box
of a case's numeric grid, small enough to be evaluated and written at once.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.engine import Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.power import Power
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.analyze.pool import Pool
from tokenroof.usecases.sweep.spec import LIMITS, PRICE

__all__ = [
    "BOUNDS",
    "COLUMNS",
    "POWER",
    "SERVED",
    "Block",
    "Case",
    "blocks_of",
    "chunk_shape",
    "column_names",
]

BOUNDS = ("compute", "weights", "kv", "activations", "communication", "overhead")

# What requests see: columns of a sweep whose load says what a request is.
SERVED: dict[str, tuple[str, str]] = {
    "tpot_s": ("s", "time per output token, the prefill of other requests included"),
    "interactivity": ("token/s/user", "1 / TPOT"),
    "ttft_s": ("s", "time to first token"),
    "e2e_s": ("s", "a request from its arrival to its last token"),
    "requests_per_s": ("request/s", "requests that the whole system serves"),
    "output_tokens_per_s_per_gpu": ("token/s/GPU", "output tokens served, per GPU of the system"),
    "cost_output_usd_per_mtok": ("USD/Mtoken", "cost of a million output tokens, by machine time, idle GPUs paid for"),
    "cost_input_usd_per_mtok": ("USD/Mtoken", "cost of a million uncached input tokens, by machine time"),
    "request_usd": ("USD/request", "cost of one request"),
    "watts_per_gpu": ("W/GPU", "power of a GPU of the system, idle ones included, without host and cooling"),
    "joules_per_output_token": ("J/token", "energy of the system's GPUs over the tokens of answers"),
}
POWER = ("watts_per_gpu", "joules_per_output_token")

# column -> (unit, what it is); `bound` is a word and `fits` yes or no
COLUMNS: dict[str, tuple[str, str]] = {
    **{name: (unit, f"axis {name}") for name, (unit, *_) in LIMITS.items()},
    "decode_step_s": ("s", "one decode step of the batch, no prefill in it"),
    "compute_s": ("s", "arithmetic of the decode step"),
    "weights_s": ("s", "weight reads of the decode step"),
    "kv_s": ("s", "KV cache and state reads of the decode step"),
    "activations_s": ("s", "activation traffic of the decode step; 0 where the rule leaves it out"),
    "communication_s": ("s", "collectives of the decode step; 0 where the rule leaves them out"),
    "overhead_s": ("s", "host and kernel overhead of the decode step; 0 where the rule leaves it out"),
    "bound": ("", "the largest of the terms of the decode step"),
    "mfu": ("1", "FLOP of the decode step over what the chips could do in that time"),
    "range_low": ("1", "80 % of measured times per token are at least this multiple of the predicted; 1 for a bound"),
    "range_high": ("1", "80 % of measured times per token are at most this multiple of the predicted; 1 for a bound"),
    "decode_tokens_per_s_per_gpu": (
        "token/s/GPU",
        "output tokens of decode alone, per GPU of the system",
    ),
    "memory_bytes_per_gpu": ("B/GPU", "weights, activations and the batch's cache on the fullest GPU"),
    "fits": ("", "whether memory and the engine hold the batch"),
    "decode_usd_per_mtok": ("USD/Mtoken", "cost of a million output tokens if GPUs did nothing but decode: a bound"),
    "prefill_s": ("s", "one prompt prefilled alone, in one step"),
    **SERVED,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One choice of every categorical field, resolved. `pool` is set for the closed forms; the others are deployments.
    `power` is what a GPU draws: None in closed forms, and where nobody published the chip's TDP.

    `notes` goes into every row beside the labels: how sure the numbers are, and which layout was taken.
    """

    index: int
    labels: Mapping[str, str]
    notes: Mapping[str, str]
    model: Model
    system: System
    rule: str
    profile: Efficiency = PEAK
    scenario: Scenario | None = None
    scheduler: Scheduler | None = None
    layout: Layout | None = None
    pool: Pool | None = None
    rental_usd_per_h: float | None = None
    power: Power | None = None


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


def column_names(axes: tuple[str, ...], *, priced: bool, powered: bool) -> tuple[str, ...]:
    """The columns of a sweep with these numeric axes, in order. `powered`: every case knows what its GPUs draw."""
    left_out = {name for name in LIMITS if name not in axes}
    if priced:
        left_out.discard(PRICE)
    else:
        left_out |= {name for name in COLUMNS if "usd" in name or name == PRICE}
    if not powered:
        left_out |= set(POWER)
    if "isl" not in axes:
        left_out |= {"prefill_s", *SERVED}
    return tuple(name for name in COLUMNS if name not in left_out)
