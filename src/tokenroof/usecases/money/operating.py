"""The cheapest operating point of a model on a system under a limit; where there is none, why, and what would work."""

from dataclasses import dataclass, field
from functools import partial

from tokenroof.operators.memory import memory_use
from tokenroof.scenario.infeasible import infeasible_of
from tokenroof.scenario.resolve import resolve
from tokenroof.types.checks import check_positive
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Infeasible
from tokenroof.usecases.money.serving import Serving, Workload, holders, largest_batch

__all__ = ["Infeasible", "Operating", "at_batch", "cheapest", "tpot_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """A serving at a batch.

    `batch` is the sequences of one pass of one copy, `concurrency` those in flight on a whole system that decodes,
    `step_s` a decode pass, `prefill_s` and `request_s` the whole system's time for a prompt and for one request,
    `limit` what keeps the batch from growing. `prefill` is the same serving, or another layout on machines of its
    own. A user sees a token every `tpot_s`: a pass, and on shared machines the prompts that others bring meanwhile.
    """

    serving: Serving = field(repr=False, compare=False)
    prefill: Serving = field(repr=False, compare=False)
    layout: Layout
    copies: int
    prefill_layout: Layout
    batch: float
    concurrency: float
    step_s: float
    tpot_s: float
    prefill_s: float
    request_s: float
    limit: str
    tpot_limit_s: float | None = None


def tpot_of(serving: Serving, load: Workload, batch: float, prefill_s: float | None) -> float:
    """Time per output token. `prefill_s` is the system's time for a prompt: each other sequence brings one an answer.

    None leaves prompts to other machines.
    """
    step_s = serving.step_s(batch, load.context)
    if prefill_s is None:
        return step_s
    others = max(serving.layout.pp * batch - 1.0, 0.0)
    return step_s + others * prefill_s * serving.copies / load.osl


def at_batch(
    serving: Serving,
    load: Workload,
    batch: float,
    *,
    limit: str = "given",
    tpot_limit_s: float | None = None,
    prefill: Serving | None = None,
) -> Operating:
    """A serving with `batch` sequences in each pass, prompts on the same machines or on others."""
    prompts = prefill or serving
    step_s, prefill_s = serving.step_s(batch, load.context), prompts.prefill_s(load.fresh, load.isl)
    flying = serving.in_flight(batch)
    return Operating(
        serving=serving,
        prefill=prompts,
        layout=serving.layout,
        copies=serving.copies,
        prefill_layout=prompts.layout,
        batch=batch,
        concurrency=flying,
        step_s=step_s,
        tpot_s=tpot_of(serving, load, batch, None if prefill is not None else prefill_s),
        prefill_s=prefill_s,
        request_s=prefill_s + load.osl * step_s / flying,
        limit=limit,
        tpot_limit_s=tpot_limit_s,
    )


def cheapest(
    model: Model,
    system: System,
    candidates: list[Serving],
    load: Workload,
    *,
    tpot_s: float | None = None,
    concurrency: float | None = None,
    apart: bool = False,
) -> Operating | Infeasible:
    """The layout and batch that take least machine time for a request, under a limit on the time per output token.

    With `concurrency` the number of sequences in flight on the whole system is given, else it is the most that memory
    and `tpot_s` allow. With `apart` prompts and answers each take the layout that suits them, as on a fleet that has
    machines for both.
    """
    if concurrency is not None:
        check_positive("concurrency", concurrency, high=1e9)
    if tpot_s is not None:
        check_positive("tpot", tpot_s, high=1e6)
    context = load.isl + load.osl
    holding = holders(candidates, context)
    if not holding:
        return _unfit(model, system, candidates, context)
    prompts = min(holding, key=lambda one: one.prefill_s(load.fresh, load.isl)) if apart else None
    found: list[Operating] = []
    for serving in holding:
        own_s = None if apart else serving.prefill_s(load.fresh, load.isl)
        most = serving.most_batch(context)
        tpot = partial(tpot_of, serving, load, prefill_s=own_s)
        if concurrency is None:
            batch = largest_batch(tpot, tpot_s or float("inf"), most)
            limit = "memory" if batch >= most - 1 else "TPOT"
        else:
            batch, limit = concurrency / serving.in_flight(1.0), "given"
            if batch > most or (tpot_s and tpot(batch) > tpot_s):
                continue
        if batch > 0:
            found.append(at_batch(serving, load, batch, limit=limit, tpot_limit_s=tpot_s, prefill=prompts))
    if not found:
        return _over_limit(holding, load, tpot_s, concurrency, apart)
    return min(found, key=lambda one: (one.request_s, one.layout.n_gpus))


def _over_limit(
    holding: list[Serving], load: Workload, tpot_s: float | None, concurrency: float | None, apart: bool
) -> Infeasible:
    def tpot(serving: Serving, batch: float) -> float:
        return tpot_of(serving, load, batch, None if apart else serving.prefill_s(load.fresh, load.isl))

    quickest = min(tpot(one, 1.0) for one in holding)
    if tpot_s is not None and quickest > tpot_s:
        return Infeasible(
            reason=f"no layout gives a token every {tpot_s * 1e3:g} ms: a batch of 1 takes {quickest * 1e3:.4g} ms",
            fixes=(f"--tpot {quickest * 1.001 * 1e3:.4g}ms", "more or faster GPUs", "narrower weights"),
        )
    longest, limit_s = load.isl + load.osl, tpot_s or float("inf")
    most = max(one.in_flight(largest_batch(partial(tpot, one), limit_s, one.most_batch(longest))) for one in holding)
    allowed = "memory allows" if tpot_s is None else f"memory and {tpot_s * 1e3:g} ms allow"
    asked = 0.0 if concurrency is None else concurrency
    return Infeasible(
        reason=f"{asked:,.0f} sequences of {longest:,.0f} tokens at once are more than {allowed}",
        fixes=(f"--concurrency {most:.0f}", "shorter sequences", "more GPUs"),
    )


def _unfit(model: Model, system: System, candidates: list[Serving], context: float) -> Infeasible:
    """No layout holds one sequence. The fixes are those of the closed form, which knows the whole catalogue."""
    whole = resolve(Scenario(model=model.id, system=system.id, context=context, osl=1.0), model=model, system=system)
    if whole.room() < 1.0:
        return infeasible_of(whole)
    if not candidates:
        return Infeasible(reason=f"no layout divides {model.name} over these GPUs", fixes=("another number of GPUs",))

    def room(serving: Serving) -> float:
        use = memory_use(serving.program, serving.system, context=context, engine=serving.engine)
        return float(use.cache_pool_bytes)

    best = max(candidates, key=room)
    if room(best) <= 0:
        return Infeasible(
            reason=f"weights, activations and the reserve of {best.engine} exceed GPU memory by "
            f"{-room(best) / 1e9:,.1f} GB a GPU in the roomiest layout",
            fixes=("more GPUs", "narrower weights"),
        )
    longest, high = 0.0, context
    for _ in range(50):
        middle = (longest + high) / 2
        longest, high = (middle, high) if best.most_batch(middle) >= 1 else (longest, middle)
    return Infeasible(
        reason=f"no layout holds one sequence of {context:,.0f} tokens",
        fixes=(f"sequences of {longest:,.0f} tokens fit", "more GPUs"),
    )
