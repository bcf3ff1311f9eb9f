"""The answer where limits are percentiles: what holds in the simulator, else how near the limits one comes there."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tokenroof.planner.points import Points
from tokenroof.scenario.slo import statistic
from tokenroof.types.progress import OnProgress
from tokenroof.types.workload import Load
from tokenroof.usecases.plan.answer import Candidate, Simulated, Unmet
from tokenroof.usecases.plan.percentiles import best_simulated, proposed
from tokenroof.usecases.plan.pick import Terms, deployment_at, distinct, load_of
from tokenroof.usecases.plan.score import Scored
from tokenroof.usecases.plan.simulated import Bench
from tokenroof.usecases.plan.unmet import limit_text, said, what_words

__all__ = ["Answered", "by_percentiles"]

_NEAREST = 4  # deployments that are tried where the closed form has none inside the limits
_FEW = 250  # requests of such a run without a load
_DOUBLINGS = 5
_MARGIN = 1.03  # what other draws may add to a percentile
_LIGHT = 1.0 / 64.0  # of the rate that a deployment serves: requests then hardly meet
_FIELDS = {"TTFT": "ttft_s", "TPOT": "tpot_s"}

Judge = Callable[..., Scored]


@dataclass(frozen=True, slots=True)
class Trial:
    """A point that was run and missed a limit; `units` where they may be more than there are GPUs for, else 0."""

    at: int
    seen: Simulated
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The best, its point and the next; or what stands against them all."""

    best: Candidate | None
    at: int
    runners: tuple[Candidate, ...]
    unmet: Unmet | None
    why_no_drafts: str = ""


def by_percentiles(
    terms: Terms, points: Points, judge: Judge, wanted: int, on_progress: OnProgress | None = None
) -> Answered:
    """The best of what holds in the simulator."""
    found = best_simulated(terms, points, proposed(terms, points, judge), wanted, on_progress)
    if found.best is not None:
        return Answered(
            best=found.best, at=found.at, runners=found.runners, unmet=None, why_no_drafts=found.why_no_drafts
        )
    unmet = _with_more_gpus(terms, points, judge)
    if unmet is None:
        missed = tuple(Trial(at, seen, 0) for at, seen in found.missed if seen.sound)
        unmet = _unmet(terms, points, missed or _trials(terms, points, judge))
    return Answered(best=None, at=-1, runners=(), unmet=unmet)


def _with_more_gpus(terms: Terms, points: Points, judge: Judge) -> Unmet | None:
    """Where the load alone asks for more GPUs than there are: how many."""
    if terms.gpus is None or not terms.demand.given:
        return None
    free = replace(terms, gpus=None)
    tried = proposed(free, points, lambda all_of, slo: judge(all_of, slo, None))
    found = best_simulated(free, points, dict(islice(tried.items(), _NEAREST)), 1)
    best = found.best
    if best is None or best.simulated is None:
        return None
    return Unmet(
        binding="GPUs",
        reason=f"the load needs {best.gpus_paid} GPUs within the limits, simulated, and there are {terms.gpus}",
        best_ttft_s=best.simulated.ttft_s, best_tpot_s=best.simulated.tpot_s,
        changes=(f"gpus {best.gpus_paid} ({what_words(free, points, found.at)})",),
    )  # fmt: skip


def _trials(terms: Terms, points: Points, judge: Judge) -> tuple[Trial, ...]:
    """The deployments that come nearest to the limits by means, run at their lightest."""
    import numpy as np

    slo, judged = terms.slo, judge(points)
    ratio = np.maximum(points.ttft_s / (slo.ttft_s or math.inf), points.tpot_s / (slo.tpot_s or math.inf))
    allowed = (points.rate > 0) & (judged.units >= 1)
    order = np.flatnonzero(allowed)[np.argsort(ratio[allowed], kind="stable")]
    nearest = islice(distinct(points, order), _NEAREST)
    return tuple(Trial(at, *_at_its_lightest(terms, points, at, int(judged.units[at]))) for at in nearest)


def _at_its_lightest(terms: Terms, points: Points, at: int, units: int) -> tuple[Simulated, int]:
    """As many units as bear the load, whether there are GPUs for them or not; without one requests that hardly meet."""
    bench = Bench.of(deployment_at(terms, points, at, units), terms.slo)
    if not terms.demand.given:
        rate = float(points.rate[at]) * units * _LIGHT
        return bench.seen(Load(kind="request_rate", value=rate), units, _FEW), units
    load, held = load_of(terms.demand), float(points.concurrency[at]) * units
    in_system = load.value if load.kind == "concurrency" else held
    seen = bench.carries(load, units, in_system)
    for _ in range(_DOUBLINGS):
        if seen.sound:
            break
        units *= 2
        seen = bench.carries(load, units, in_system)
    return seen, units


def _unmet(terms: Terms, points: Points, trials: Sequence[Trial]) -> Unmet:
    """The limits that would hold, from runs that missed some."""
    limits = {name: getattr(terms.slo, key) for name, key in _FIELDS.items() if getattr(terms.slo, key) is not None}
    steady = [one for one in trials if one.seen.sound]
    if not steady:
        return Unmet(binding="load", reason="simulated, more requests arrive than any deployment serves")
    best = {name: min(_value(one, name) for one in steady) for name in limits}
    changes: list[tuple[float, str, str]] = []
    for name, limit in limits.items():
        others = [one for one in steady if all(_value(one, it) <= limits[it] for it in limits if it != name)]
        if others:
            near = min(others, key=lambda one: _value(one, name))
            flags, where = _texts(terms, points, near, (name,)), what_words(terms, points, near.at)
            changes.append((_value(near, name) / limit, flags, where))
    if not changes:
        near = min(steady, key=lambda one: max(_value(one, name) / limit for name, limit in limits.items()))
        changes.append((math.inf, _texts(terms, points, near, limits), what_words(terms, points, near.at)))
    changes.sort()
    missed = [name for name in limits if best[name] > limits[name]] or list(limits)
    at_best = " and ".join(f"{_named(terms, name)} is {said(best[name])}" for name in missed)
    above = f", above {said(limits[missed[0]])}" if len(missed) == 1 else ""
    apart = "" if any(best[name] > limits[name] for name in limits) else ", each where the other limit is broken"
    return Unmet(
        binding=" and ".join(missed), reason=f"simulated, {at_best} at best{above}{apart}",
        best_ttft_s=best.get("TTFT"), best_tpot_s=best.get("TPOT"),
        changes=tuple(f"{flags} ({where})" for _, flags, where in changes),
    )  # fmt: skip


def _value(one: Trial, name: str) -> float:
    return float(getattr(one.seen, _FIELDS[name]))


def _named(terms: Terms, name: str) -> str:
    """`p99 TTFT`."""
    return f"{statistic(getattr(terms.slo, f'{name.lower()}_percentile'))} {name}"


def _texts(terms: Terms, points: Points, one: Trial, names: Iterable[str]) -> str:
    """What is to be given for this run to be inside, and for the closed form to propose it: limits, and more GPUs where
    it takes them.
    """
    gpus = one.units * int(points.gpus[one.at])
    more = [f"gpus {gpus}"] if terms.gpus is not None and gpus > terms.gpus else []
    needed = {
        key: max(_value(one, name) * _MARGIN, float(getattr(points, key)[one.at])) for name, key in _FIELDS.items()
    }
    return ", ".join([*more, *(limit_text(terms, _FIELDS[name], needed[_FIELDS[name]]) for name in names)])
