"""Prompts and answers on workers of their own: which layout each role takes, and how many workers of each.

Prefill workers queue prompts, decode workers hold answers; `serving.apart` says what clients then see. Here the
pairs worth asking about are picked: for each size of worker and each speed of answers the decode layout with most
requests per GPU; for each size the prefill layout that takes most prompts per GPU, and the quickest; counts of workers
so that the two keep pace.
"""

from dataclasses import dataclass, replace
from typing import Any

from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.operators.timing import Timed, bind
from tokenroof.planner.drafts import drafting, tokens_per_pass
from tokenroof.planner.points import Points, Slice, Space, decode_grid, decode_seconds, slice_of, units_in
from tokenroof.planner.space import stacked
from tokenroof.serving.apart import BUSY, Pool, prompt_line, prompts_in_flight, serve_apart
from tokenroof.types.progress import OnProgress, told
from tokenroof.xp import NUMPY

__all__ = [
    "Workers",
    "apart",
    "decode_workers",
    "link_bytes_per_s",
    "pairs_served",
    "prefill_workers",
    "refined_apart",
    "worker_counts",
]

_LEVELS = 9
_PROMPT_LEVELS = 4
_PER_LEVEL = 40
_FINE = 11
_REFINED = 120
_LOADS = 14
_UNIT = ("form", "depth", "chunk", "prefill", "layout", "prefill_copies", "decode_copies")
_MOST_DECODE = 12
_FEWER = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_SLOWEST = 2.0  # answers this many times slower than the limit still belong on the frontier


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Arrays over candidates for one role. Prefill: `rate` prompts/s at full load, `seconds` of one prompt alone, by
    `chunk`. Decode: `rate` requests/s at `number` answers in flight, `seconds` per token.
    """

    layout: Any
    gpus: Any
    rate: Any
    seconds: Any
    number: Any
    chunk: Any

    def take(self, positions: Any) -> "Workers":
        return Workers(**{name: getattr(self, name)[positions] for name in Workers.__dataclass_fields__})


def worker_counts(prefill_rate: Any, decode_rate: Any, decoders: Any) -> tuple[Any, Any]:
    """Fewest and most prefill workers, of `prefill_rate` prompts/s each, that keep pace with so many decoders.

    The first leaves decoders with a little less than they could take, the second prefill workers.
    """
    exact = decoders * decode_rate / (BUSY * prefill_rate)
    return NUMPY.maximum(NUMPY.floor(exact), 1.0), NUMPY.maximum(NUMPY.ceil(exact), 1.0)


def link_bytes_per_s(space: Space, gpus: Any) -> Any:
    """What one GPU sends to a worker of the other role: inside a scale-up domain where the unit fits in one."""
    import numpy as np

    if len(space.machines) > 1:  # the slower of two networks
        return min(machine.scaleout_bytes_per_s or 0.0 for machine in space.machines)
    system = space.system
    domain = min(system.domain_size, system.n_chips)
    up, out = system.scaleup_bytes_per_s or 0.0, system.scaleout_bytes_per_s or 0.0
    return np.where(gpus <= domain, up, out)


def prefill_workers(space: Space, form: int) -> Workers:
    """Every layout and chunk that holds the weights and the prompts of a full pipeline.

    The rate is that of passes that follow each other without a gap: with `pp` stages so many passes are in flight.
    """
    import numpy as np

    timed = _bound(space, form, 0, list(range(len(space.layouts))))
    gpus = np.array([layout.n_gpus for layout in space.layouts])
    groups, stages = (np.array([getattr(layout, name) for layout in space.layouts]) for name in ("dp", "pp"))
    lots = []
    for chunk in space.chunks:
        use = memory_use(
            timed.program, space.system, context=space.isl, engine=space.known_engine, fraction=space.memory_fraction,
            max_batched_tokens=chunk,
        )  # fmt: skip
        line = prompt_line(_prefilling(space, timed, float(chunk), 1.0), isl=space.isl, prefix=space.prefix, xp=NUMPY)
        in_flight = prompts_in_flight(groups, stages, float(chunk), space.new, NUMPY)
        holds = np.broadcast_to(use.sequences >= in_flight, gpus.shape)
        every = Workers(
            layout=np.arange(len(space.layouts)), gpus=gpus, rate=np.broadcast_to(line.fastest, gpus.shape),
            seconds=np.broadcast_to(line.alone_s, gpus.shape), number=np.ones(gpus.size),
            chunk=np.full(gpus.size, chunk),
        )  # fmt: skip
        lots.append(every.take(holds))
    return _joined(lots)


def decode_workers(space: Space, form: int, depth: int) -> tuple[Workers, Slice]:
    """Every layout at every rung of a ladder of answers in flight."""
    import numpy as np

    part = slice_of(space, form, int(space.scheduler.token_budget), depth, np.arange(len(space.layouts)))
    part = part.kept(part.most >= 1.0)
    if not part.positions.size:
        empty = np.zeros(0)
        return Workers(layout=empty.astype(int), gpus=empty, rate=empty, seconds=empty, number=empty, chunk=empty), part
    numbers, seconds = decode_grid(part)
    if space.tpot_s is not None:
        more, slower = _near_limit(part, numbers, seconds, space.tpot_s * part.tokens)
        numbers, seconds = np.concatenate([numbers, more]), np.concatenate([seconds, slower])
    shape = numbers.shape
    gpus = np.array([space.layouts[at].n_gpus for at in part.positions])
    answer_s = np.maximum(space.osl / part.tokens - 1.0, 1.0) * seconds
    return Workers(
        layout=np.broadcast_to(part.positions, shape).ravel(), gpus=np.broadcast_to(gpus, shape).ravel(),
        rate=(numbers / answer_s).ravel(), seconds=(seconds / part.tokens).ravel(), number=numbers.ravel(),
        chunk=np.zeros(numbers.size),
    ), part  # fmt: skip


def _near_limit(part: Slice, numbers: Any, seconds: Any, limit_s: float) -> tuple[Any, Any]:
    """More rungs between the last one within the limit and the next, layout by layout."""
    import numpy as np

    last = np.maximum((seconds <= limit_s).sum(axis=0) - 1, 0)
    column = np.arange(numbers.shape[1])
    low, high = numbers[last, column], numbers[np.minimum(last + 1, len(numbers) - 1), column]
    some = np.rint(low + (high - low) * (np.arange(1, _FINE + 1) / (_FINE + 1.0))[:, None])
    return some, decode_seconds(part, some)


def _joined(lots: list[Workers]) -> Workers:
    import numpy as np

    return Workers(**{n: np.concatenate([getattr(lot, n) for lot in lots]) for n in Workers.__dataclass_fields__})


def _prefilling(space: Space, timed: Timed, chunk: Any, workers: Any) -> Pool:
    scheduler = replace(space.scheduler, mixed=False, token_budget=chunk)
    return Pool(timed=timed, system=space.system, scheduler=scheduler, copies=workers)


def _bound(space: Space, form: int, depth: int, positions: Any) -> Timed:
    layouts = stacked([space.layouts[at] for at in positions], space.formats[form])
    timed = bind(lower(space.model, layouts), space.system, space.profile)
    if not depth:
        return timed
    tokens = tokens_per_pass(space.acceptance, depth)
    return drafting(
        timed, space.model, layouts, space.system, space.profile, drafts=depth, tokens=tokens, osl=space.osl
    )


def _by_speed(workers: Workers, limit: float | None, levels: int) -> tuple[Workers, Any]:
    """Candidates within each of some levels of speed up to `limit` and beyond, and the level of each.

    Of each size of worker the one with most requests per GPU, if it beats every smaller size: a larger worker that
    takes fewer has nothing to offer, since any number of smaller ones may stand in its place.
    """
    import numpy as np

    quickest, slowest = float(workers.seconds.min()), float(workers.seconds.max())
    last = slowest if limit is None else min(slowest, max(limit * _SLOWEST, quickest))
    steps = np.geomspace(quickest, max(last, quickest * 1.001), levels)
    if limit is not None and limit >= quickest:
        steps = np.sort(np.append(steps, limit))
    per_gpu = workers.rate / workers.gpus
    order = np.lexsort((-per_gpu, workers.gpus))
    order = order[np.isfinite(per_gpu[order])]
    found = []
    for step in steps:
        allowed = order[workers.seconds[order] <= step * (1 + 1e-9)]
        ranked = per_gpu[allowed]
        before = np.maximum.accumulate(np.concatenate([[0.0], ranked[:-1]]))
        found.append(allowed[ranked > before] if allowed.size else allowed)
    of_level = np.concatenate([np.full(best.size, number) for number, best in enumerate(found)])
    return workers.take(np.concatenate(found)), of_level


def _once(workers: Workers) -> Workers:
    import numpy as np

    rows = np.stack([workers.layout, workers.chunk], axis=1)
    _, first = np.unique(rows, axis=0, return_index=True)
    return workers.take(first)


def _fitting(space: Space, fronts: Workers, backs: Workers) -> tuple[Workers, Workers]:
    """Workers that leave room on the machine for the smallest of the other role."""
    if space.bought:
        return fronts, backs
    if len(space.machines) > 1:
        front, back = space.machines
        return fronts.take(fronts.gpus <= front.n_chips), backs.take(backs.gpus <= back.n_chips)
    chips = space.system.n_chips
    least_front, least_back = (min(side.gpus, default=chips) for side in (fronts, backs))
    return fronts.take(fronts.gpus + least_back <= chips), backs.take(backs.gpus + least_front <= chips)


def apart(space: Space, on_progress: OnProgress | None = None) -> list[Points]:
    """Disaggregated units of at most the machine's GPUs, at decode workers' numbers of answers."""
    found = []
    for form in told(range(len(space.formats)), on_progress):
        fronts = prefill_workers(space.prompts, form)
        if not fronts.gpus.size:
            continue
        for depth in space.depths:
            backs, _ = decode_workers(space, form, depth)
            front, back = _fitting(space, fronts, backs)
            if front.gpus.size and back.gpus.size:
                part = _pairs(space, form, depth, _once(_by_speed(front, space.ttft_s, _PROMPT_LEVELS)[0]), back)
                if part is not None:
                    found.append(part)
    return found


def _pairs(space: Space, form: int, depth: int, fronts: Workers, backs: Workers) -> Points | None:
    import numpy as np

    backs, level = _by_speed(backs, space.tpot_s, _LEVELS)
    given_front, given_back = space.workers
    counts = np.arange(1.0, _MOST_DECODE + 1.0) if given_back is None else np.array([float(given_back)])
    decoders = counts[None, None, :]
    rate_p, gpus_p = fronts.rate[:, None, None], fronts.gpus[:, None, None]
    rate_d, gpus_d = backs.rate[None, :, None], backs.gpus[None, :, None]
    fewest, most = worker_counts(rate_p, rate_d, decoders)
    room = space.machines[0].n_chips - (decoders * gpus_d if len(space.machines) == 1 else 0.0)
    fitting = most + 4.0 if space.bought else np.maximum(room // gpus_p, 1.0)
    tried = [fewest, most, most + 1.0, np.minimum(fitting, most + 4.0)]
    if space.bought:  # fewer, too: more requests than keep pace may stand before prefill where limits let them
        tried += [np.maximum(np.floor(most * share), 1.0) for share in _FEWER]
    prefillers = np.stack(tried if given_front is None else [np.full(most.shape, float(given_front))])
    of_front, of_back = prefillers * gpus_p, decoders * gpus_d
    total = of_front + of_back
    pace = np.minimum(prefillers * rate_p * BUSY, decoders * rate_d)
    # whatever the budget is, the same units are looked at: a larger one only leaves more of them in
    held = np.ones(total.shape) if space.bought else units_in(space, total, of_front)
    usable = (held >= 1) & (link_bytes_per_s(space, total) > 0)
    per_gpu = np.where(usable, pace / (of_front * space.dearer + of_back), -1.0)
    filled = np.where(usable, pace * held, -1.0)
    keep = []
    for number in range(int(level.max()) + 1):
        mine = np.flatnonzero(level == number)
        for wanted in (per_gpu, filled):
            some = wanted[:, :, mine, :].ravel()
            few = some.size if space.bought else min(_PER_LEVEL, some.size - 1)
            top = np.arange(some.size) if few == some.size else np.argpartition(-some, few)[:_PER_LEVEL]
            top = top[some[top] > 0]
            option, front, back, count = np.unravel_index(top, (len(prefillers), len(gpus_p), mine.size, counts.size))
            x = prefillers[option, front, mine[back], count]
            keep.append(np.stack([x, front, mine[back], count], axis=1))
    rows = np.unique(np.concatenate(keep), axis=0)
    if not rows.size:
        return None
    front, back, count = rows[:, 1:].astype(int).T
    return pairs_served(space, form, depth, fronts.take(front), backs.take(back), rows[:, 0], counts[count])


def pairs_served(
    space: Space,
    form: int,
    depth: int,
    fronts: Workers,
    backs: Workers,
    prefillers: Any,
    decoders: Any,
    concurrency: Any = None,
) -> Points:
    """Units of `prefillers` and `decoders` workers, element by element, at what the slower role is meant to hold.

    `concurrency` overrides the number of requests; it may have a row for each load.
    """
    import numpy as np

    tokens, side = tokens_per_pass(space.acceptance, depth), space.prompts
    front, back = _bound(side, form, 0, fronts.layout), _bound(space, form, depth, backs.layout)
    gpus = prefillers * fronts.gpus + decoders * backs.gpus
    sent = cache_bytes_per_sequence(front.program, space.isl) / front.program.layout.pp
    transfer_s = sent / link_bytes_per_s(space, gpus)
    pool = _prefilling(side, front, fronts.chunk.astype(float), prefillers)
    if concurrency is None:
        line = prompt_line(pool, isl=space.isl, prefix=space.prefix, xp=NUMPY)
        pace = np.minimum(line.fastest * BUSY, decoders * backs.rate)
        waiting_s = line.begin_s(pace) + transfer_s
        full = decoders * backs.number + pace * waiting_s
        fed = line.feeds(backs.number / backs.rate, pace, transfer_s, space.ttft_s)
        concurrency = np.maximum(np.rint(np.minimum(full, fed)), 1.0)
    found = serve_apart(
        pool, Pool(timed=back, system=space.system, scheduler=space.scheduler, copies=decoders),
        concurrency=concurrency, isl=space.isl, osl=space.osl / tokens, prefix=space.prefix, transfer_s=transfer_s,
        memory_fraction=space.memory_fraction,
    )  # fmt: skip
    shape = concurrency.shape

    def flat(value: Any) -> Any:
        return np.broadcast_to(value, shape).ravel()

    return Points(
        form=flat(form), chunk=flat(fronts.chunk.astype(int)), depth=flat(depth), layout=flat(backs.layout),
        prefill=flat(fronts.layout), prefill_copies=flat(prefillers.astype(int)),
        decode_copies=flat(decoders.astype(int)), gpus=flat(gpus.astype(int)), concurrency=flat(concurrency),
        rate=flat(found.requests_per_s), ttft_s=flat(found.ttft_s), tpot_s=flat(found.tpot_s / tokens),
        e2e_s=flat(found.e2e_s), prefill_share=flat(prefillers * fronts.gpus / gpus),
        decode_s=flat(found.decode_step_s), full=flat(found.kv_limited),
    )  # fmt: skip


def refined_apart(space: Space, points: Points, accepted: Any, value: Any) -> list[Points]:
    """The units that serve most, limits left aside, at a range of smaller loads: the queue of prompts falls first.

    Where GPUs are bought for a load every unit is: one that serves less a GPU may fit the load better.
    """
    import numpy as np

    best = float(value[accepted].max()) if accepted.any() and not space.bought else 0.0
    most = len(points) if space.bought else _REFINED
    promising = np.flatnonzero((points.prefill >= 0) & np.isfinite(value) & (value > best))
    promising = promising[np.argsort(-value[promising], kind="stable")]
    kinds = np.stack([getattr(points, name)[promising] for name in _UNIT], axis=1)
    _, first = np.unique(kinds, axis=0, return_index=True)
    chosen = promising[np.sort(first)][:most]
    if not chosen.size:
        return []
    found = []
    lot = points.form[chosen] * 64 + points.depth[chosen]
    for number in np.unique(lot):
        some = points.take(chosen[lot == number])
        loads = np.maximum(np.rint(some.concurrency * np.geomspace(0.2, 0.99, _LOADS)[:, None]), 1.0)
        gpus, of_fronts = (np.array([one.n_gpus for one in side.layouts]) for side in (space, space.prompts))
        blank = np.zeros(len(some))
        front = Workers(layout=some.prefill, gpus=of_fronts[some.prefill], rate=blank, seconds=blank, number=blank,
                        chunk=some.chunk)  # fmt: skip
        back = Workers(layout=some.layout, gpus=gpus[some.layout], rate=blank, seconds=blank, number=blank, chunk=blank)
        counts = some.prefill_copies.astype(float), some.decode_copies.astype(float)
        found.append(pairs_served(space, int(some.form[0]), int(some.depth[0]), front, back, *counts, loads))
    return found
