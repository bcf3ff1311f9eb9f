"""Evaluates whole spaces of deployments at once: each layout, format, chunk and depth at many numbers of requests.

Layouts are one array axis, numbers of requests the other, so a space of a hundred thousand points is a few dozen array
expressions. The figures are those of engine.serving: TTFT with its queue, TPOT with the prompts that interfere. A point
is a unit: one copy of a layout, or prefill and decode workers in a whole ratio (engine.planner_apart).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

from tokenroof.engines import engine as engine_of
from tokenroof.operators.layout_space import units_on
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import Timed, bind
from tokenroof.planner.drafts import drafting, tokens_per_pass
from tokenroof.planner.space import Format, ladder, stacked
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import capacity, serve
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.engine import Engine, Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.progress import OnProgress, told
from tokenroof.xp import NUMPY

__all__ = [
    "Points",
    "Slice",
    "Space",
    "decode_grid",
    "decode_seconds",
    "front_gpus",
    "joined",
    "refined",
    "slice_of",
    "together",
    "units_in",
]

_RUNGS = 10
_DENSE_RUNGS = 24
_BEYOND = 1.5  # numbers of requests are tried up to where a decode pass alone takes this many times the limit
_MIXED_LENGTHS = 0.8  # any value below 1: requests of traffic do not stay in step
_FINE = 15
_NEAR = 1.15  # TTFT over its limit up to which more requests may hold it again
_FAR = 1.05  # requests of a rung over those of the one below, between which there is something to look for


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What is searched: layouts by formats by chunks by depths, for one request shape on one machine.

    `front` is where prefill workers are looked for, where they have layouts or a machine of their own; `workers` are
    numbers of prefill and decode workers that are given, and `dearer` the price of a GPU that prefills over that of one
    that decodes. Where it is `bought` by the load, workers of named layouts stand on as many machines as they need.
    """

    model: Model
    system: System
    engine: str
    profile: Efficiency
    scheduler: Scheduler
    layouts: tuple[Layout, ...]
    formats: tuple[Format, ...]
    chunks: tuple[int, ...]
    depths: tuple[int, ...] = (0,)
    acceptance: float = 0.0
    isl: float
    osl: float
    prefix: float = 0.0
    ttft_s: float | None = None
    tpot_s: float | None = None
    memory_fraction: float | None = None
    front: "Space | None" = None
    workers: tuple[int | None, int | None] = (None, None)
    dearer: float = 1.0
    bought: bool = False

    @property
    def prompts(self) -> "Space":
        """Where prefill workers are looked for."""
        return self.front or self

    @property
    def machines(self) -> tuple[System, ...]:
        """The machine, or that of prefill and that of decode workers."""
        front = self.prompts.system
        return (self.system,) if front is self.system else (front, self.system)

    @property
    def new(self) -> float:
        """Tokens of a prompt that are not cached."""
        return max(self.isl - self.prefix, 1.0)

    @property
    def known_engine(self) -> Engine:
        """The engine at the version that was asked for."""
        return engine_of(self.engine, self.scheduler.version)

    @property
    def candidates(self) -> int:
        """Combinations before any number of requests is tried, prompts and answers together."""
        return len(self.layouts) * len(self.formats) * len(self.chunks) * len(self.depths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Arrays, one element per point. `layout` and `prefill` are positions in the space's layouts, `prefill` -1 where
    prompts run on the same GPUs. `concurrency`, `rate` (requests/s) and `gpus` are of one unit. `full`: memory holds no
    more requests.
    """

    form: Any
    chunk: Any
    depth: Any
    layout: Any
    prefill: Any
    prefill_copies: Any
    decode_copies: Any
    gpus: Any
    concurrency: Any
    rate: Any
    ttft_s: Any
    tpot_s: Any
    e2e_s: Any
    prefill_share: Any
    decode_s: Any
    full: Any

    def __len__(self) -> int:
        return int(self.layout.size)

    @property
    def combination(self) -> Any:
        """A number for each combination of format, chunk, depth and layout (of those that serve prompts too)."""
        wide = int(self.layout.max(initial=0)) + 1
        return ((self.form * 64 + self.depth) * 1_000_000 + self.chunk) * wide + self.layout

    def take(self, positions: Any) -> "Points":
        """The points at these positions (or where a mask holds)."""
        return Points(**{field.name: getattr(self, field.name)[positions] for field in fields(self)})


def joined(parts: Iterable[Points]) -> Points:
    """All points of several lots."""
    import numpy as np

    lots = list(parts)
    return Points(**{f.name: np.concatenate([getattr(lot, f.name) for lot in lots]) for f in fields(Points)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One format, chunk and depth of a space over the layouts at `positions`, ready to be timed."""

    space: Space
    form: int
    chunk: int
    depth: int
    positions: Any
    timed: Timed
    scheduler: Scheduler
    most: Any

    @property
    def tokens(self) -> float:
        """Tokens of an answer that a pass yields."""
        return tokens_per_pass(self.space.acceptance, self.depth)

    def kept(self, mask: Any) -> "Slice":
        """The same over some of its layouts."""
        return slice_of(self.space, self.form, self.chunk, self.depth, self.positions[mask], self.most[mask])


def _timed(space: Space, form: Format, depth: int, layouts: Sequence[Layout]) -> Timed:
    many = stacked(layouts, form)
    timed = bind(lower(space.model, many), space.system, space.profile)
    if not depth:
        return timed
    return drafting(
        timed, space.model, many, space.system, space.profile, drafts=depth,
        tokens=tokens_per_pass(space.acceptance, depth), osl=space.osl,
    )  # fmt: skip


def slice_of(space: Space, form: int, chunk: int, depth: int, positions: Any, most: Any = None) -> Slice:
    """A slice; `most` is what memory holds, worked out where it is not known."""
    import numpy as np

    timed = _timed(space, space.formats[form], depth, [space.layouts[at] for at in positions])
    scheduler = replace(space.scheduler, token_budget=float(chunk))
    part = Slice(
        space=space, form=form, chunk=chunk, depth=depth, positions=np.asarray(positions), timed=timed,
        scheduler=scheduler, most=most,
    )  # fmt: skip
    return part if most is not None else replace(part, most=_most(part, chunk))


def _most(part: Slice, chunk: int) -> Any:
    """Requests at once that memory holds when passes take prompts in pieces of `chunk`."""
    import numpy as np

    space = part.space
    found = capacity(
        part.timed, space.system, replace(space.scheduler, token_budget=float(chunk)), isl=space.isl, osl=space.osl,
        engine=space.engine, memory_fraction=space.memory_fraction,
    )  # fmt: skip
    return np.floor(np.broadcast_to(found, part.positions.shape).astype(float))


def decode_seconds(part: Slice, numbers: Any) -> Any:
    """A decode pass at numbers of requests, one column per layout."""
    space = part.space
    passes = Passes(part.timed, part.scheduler, space.isl, space.new, space.isl + space.osl / part.tokens / 2.0, NUMPY)
    return passes.decode_s(numbers)


def decode_grid(part: Slice, rungs: int = _DENSE_RUNGS) -> tuple[Any, Any]:
    """(requests, seconds of a decode pass), one row per rung of a ladder up to what memory holds."""
    numbers = ladder(part.most, rungs)
    return numbers, decode_seconds(part, numbers)


def front_gpus(space: Space, points: Points) -> Any:
    """GPUs of a unit that do nothing but prefill."""
    import numpy as np

    gpus = np.array([layout.n_gpus for layout in space.prompts.layouts])
    return np.where(points.prefill >= 0, points.prefill_copies * gpus[points.prefill], 0)


def units_in(space: Space, gpus: Any, front: Any = 0) -> Any:
    """Whole units that the machine holds, or both: of `gpus` GPUs, `front` of which prefill."""
    if len(space.machines) == 1:
        return units_on(space.system, gpus, NUMPY)
    sides = zip(space.machines, (front, gpus - front), strict=True)
    of_front, of_back = (units_on(machine, NUMPY.maximum(each, 1), NUMPY) for machine, each in sides)
    return NUMPY.minimum(of_front, of_back)


def _served(part: Slice, numbers: Any) -> Points:
    """Points of a slice at numbers of requests: rows of `numbers`, one column per layout."""
    import numpy as np

    space, tokens = part.space, part.tokens
    found = serve(
        part.timed, space.system, part.scheduler, concurrency=numbers, isl=space.isl, osl=space.osl / tokens,
        prefix=space.prefix, range_ratio=_MIXED_LENGTHS, limit=part.most[None, :],
    )  # fmt: skip
    shape = numbers.shape
    fresh = np.ones(shape, dtype=bool)
    fresh[1:] = numbers[1:] != numbers[:-1]

    def flat(value: Any) -> Any:
        return np.broadcast_to(value, shape)[fresh]

    gpus = np.array([space.layouts[at].n_gpus for at in part.positions])
    # What is left of a request's stay when its decode passes are taken off: its own prompt, and those of the others.
    prompts = np.clip(1.0 - space.osl / tokens * found.decode_step_s / found.e2e_s, 0.0, 1.0)
    return Points(
        form=flat(part.form), chunk=flat(part.chunk), depth=flat(part.depth), layout=flat(part.positions[None, :]),
        prefill=flat(-1), prefill_copies=flat(0), decode_copies=flat(1), gpus=flat(gpus[None, :]),
        concurrency=flat(numbers), rate=flat(found.requests_per_s), ttft_s=flat(found.ttft_s),
        tpot_s=flat(found.tpot_s / tokens), e2e_s=flat(found.e2e_s), prefill_share=flat(prompts),
        decode_s=flat(found.decode_step_s), full=flat(numbers >= part.most[None, :]),
    )  # fmt: skip


def together(
    space: Space, rejected: dict[str, int], rungs: int = _RUNGS, on_progress: OnProgress | None = None
) -> list[Points]:
    """Every layout, format, chunk and depth that holds at least one request, at a ladder of numbers of requests.

    `rejected` counts the combinations that hold none, by reason.
    """
    import numpy as np

    found = []
    for form, depth in told(list(product(range(len(space.formats)), space.depths)), on_progress):
        every = slice_of(space, form, space.chunks[0], depth, np.arange(len(space.layouts)))
        rooms = np.stack([every.most, *(_most(every, chunk) for chunk in space.chunks[1:])])
        _count(rejected, "memory", int((rooms < 1.0).sum()))
        holds = rooms.max(axis=0) >= 1.0
        if not holds.any():
            continue
        part = replace(every, most=rooms.max(axis=0)).kept(holds)
        numbers, seconds = decode_grid(part)
        limit = np.inf if space.tpot_s is None else space.tpot_s * part.tokens
        useful = np.where(seconds <= _BEYOND * limit, numbers, 1.0).max(axis=0)
        for chunk, most in zip(space.chunks, rooms[:, holds], strict=True):
            mine = replace(part, chunk=chunk, most=most, scheduler=replace(space.scheduler, token_budget=float(chunk)))
            some = most >= 1.0
            if some.any():
                tried = ladder(np.minimum(useful, most)[some], rungs)
                found.append(_served(mine if some.all() else mine.kept(some), tried))
    return found


def _count(rejected: dict[str, int], reason: str, number: int) -> None:
    if number:
        rejected[reason] = rejected.get(reason, 0) + number


def refined(space: Space, points: Points, accepted: Any, value: Any, keep: float = 0.97) -> list[Points]:
    """More points just below where a limit begins to bind, or where memory ends: prompts fill whole passes, so that
    the last rung need not be the best.

    Of the layouts whose next rung, were it allowed, would reach `keep` of the best accepted value, the numbers of
    requests between the last accepted rung and the next; and above a rung that misses TTFT by little, which falls
    again where prompts of more requests fill one pass more.
    """
    import numpy as np

    same = points.prefill < 0
    if not (accepted & same).any():
        return []
    best = float(value[accepted].max())
    key = points.combination
    order = np.lexsort((points.concurrency, key))
    order = order[same[order]]
    last, following = order[:-1], order[1:]
    final = np.append(key[following][1:] != key[following][:-1], True)  # the last rung of its combination
    near = ~accepted & (points.ttft_s <= _NEAR * (space.ttft_s or math.inf))
    near &= points.tpot_s <= (space.tpot_s or math.inf)
    far = points.concurrency[following] > _FAR * points.concurrency[last]
    again = near[last] & ~accepted[following] & (value[following] > best) & far
    edge = accepted[last] & (~accepted[following] | final) | again
    edge &= key[last] == key[following]
    edge &= (value[following] >= keep * best) & (points.concurrency[following] > points.concurrency[last] + 1)
    below, above = last[edge], following[edge]
    found = []
    lot = (points.form[below] * 64 + points.depth[below]) * 1_000_000 + points.chunk[below]
    for number in np.unique(lot):
        mine = lot == number
        first = below[mine][0]
        form, chunk, depth = (int(one[first]) for one in (points.form, points.chunk, points.depth))
        low, high = points.concurrency[below[mine]], points.concurrency[above[mine]]
        part = slice_of(space, form, chunk, depth, points.layout[below[mine]])
        rows = (np.arange(1, _FINE + 1) / (_FINE + 1.0))[:, None]
        found.append(_served(part, np.rint(low + (high - low) * rows)))
    return found
