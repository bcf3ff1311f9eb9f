"""Limits on percentiles: the closed form proposes deployments by means, and those count that hold in the simulator.

A percentile is reached at a lighter load than a mean: units are added until a load is carried within the limits;
without a load the highest rate of random arrivals is looked for at which they hold.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenroof.planner.points import Points
from tokenroof.scenario.slo import Slo, means_of
from tokenroof.types.progress import OnProgress
from tokenroof.types.served import Served
from tokenroof.types.workload import Load
from tokenroof.usecases.plan.answer import Candidate, Simulated
from tokenroof.usecases.plan.choose import pool_of, ranked, widths
from tokenroof.usecases.plan.pick import Terms, candidate_of, deployment_at, load_of
from tokenroof.usecases.plan.score import Scored
from tokenroof.usecases.plan.simulated import Bench, excess, holds

__all__ = ["Found", "best_simulated", "proposed"]

_SHARES = (1.0, 0.5)  # of the limits, that the closed form's means must keep for a deployment to be tried
_TRIED = 10  # deployments that are simulated
_BUDGET = 200_000  # requests that are simulated in all, about; those of ranks and pipelines count for more
_CLOSE = 1.03  # the rate is told to 3 %
_HALVINGS = 6
_BACK = 0.97  # and goes down by this where all requests say otherwise
_SLACK = 1.0 + 1e-9
_MORE_UNITS = 1.25
_FINE = 100  # of thousands of units the last hundredth is not looked for: other draws would move it as far
_MOST_UNITS = 4  # times the units that means ask for

_Tried = tuple[Candidate | None, Simulated]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What holds in the simulator, the best and its point and the next; and how near the others came, by point."""

    best: Candidate | None
    at: int
    runners: tuple[Candidate, ...]
    missed: tuple[tuple[int, Simulated], ...]
    why_no_drafts: str = ""


def proposed(terms: Terms, points: Points, judge: Callable[[Points, Slo], Scored]) -> dict[int, Candidate]:
    """Deployments to be tried, by point, the best by the closed form first: near the limits, and well inside them."""
    found: dict[int, Candidate] = {}
    known = set()
    for share in _SHARES:
        slo = means_of(terms.slo, share)
        picked, _ = pool_of(replace(terms, slo=slo), points, judge(points, slo))
        for at, one in picked.items():
            kind = (one.label, one.weights, one.kv, one.chunk, one.drafts)
            if kind not in known:
                known.add(kind)
                found[at] = one
    return dict(sorted(found.items(), key=lambda item: item[1].score))


def best_simulated(
    terms: Terms,
    points: Points,
    tried: dict[int, Candidate],
    wanted: int,
    on_progress: OnProgress | None = None,
) -> Found:
    """The best of these that hold in the simulator. What can no longer be as good as the best is not tried."""
    widest = max(widths(terms.objective, terms.space.profile).values())
    picked: dict[int, Candidate] = {}
    missed: list[tuple[int, Simulated]] = []
    spent = 0
    for number, (at, one) in enumerate(_in_turn(tried)):
        reach = min((found.score for found in picked.values()), default=math.inf) * math.exp(widest)
        if one.score > reach:
            continue
        bench = Bench.of(deployment_at(terms, points, at, one.units), terms.slo)
        found, seen = _simulated(terms, points, at, one, bench, reach)
        spent += bench.spent
        if found is not None:
            picked[at] = found
        else:
            missed.append((at, seen))
        if on_progress is not None:
            on_progress(min(max((number + 1) / min(len(tried), _TRIED), spent / _BUDGET), 1.0))
        if spent > _BUDGET:
            break
    if not picked:
        return Found(best=None, at=-1, runners=(), missed=tuple(missed))
    best, at, runners, unused = ranked(terms, picked, list(picked.values()), wanted)
    return Found(best=best, at=at, runners=runners, missed=tuple(missed), why_no_drafts=unused)


def _in_turn(tried: dict[int, Candidate]) -> list[tuple[int, Candidate]]:
    """So many of them, the simplest first: of what is equal within the error it is the winner. Those without drafts
    come first, as if there were no others.
    """
    lots = ([item for item in tried.items() if bool(item[1].drafts) == drafted] for drafted in (False, True))
    return [item for lot in lots for item in _of_a_kind(lot)]


def _of_a_kind(ordered: list[tuple[int, Candidate]]) -> list[tuple[int, Candidate]]:
    near, rest = ordered[: _TRIED // 2], ordered[_TRIED // 2 :]
    simple = sorted(rest, key=lambda item: (item[1].complexity, item[1].score))[: _TRIED - len(near)]
    return sorted([*near, *simple], key=lambda item: (item[1].complexity, item[1].score))


def _simulated(terms: Terms, points: Points, at: int, one: Candidate, bench: Bench, reach: float) -> _Tried:
    """The deployment at a load that it carries within the limits, or the nearest that it came to them."""
    if not terms.demand.given and terms.objective != "latency":
        return _at_rate(terms, points, at, one, bench, reach)
    load = (
        load_of(terms.demand) if terms.demand.given else Load(kind="concurrency", value=max(1.0, one.concurrency // 1))
    )
    return _with_units(terms, points, at, one, bench, load)


def _with_units(terms: Terms, points: Points, at: int, one: Candidate, bench: Bench, load: Load) -> _Tried:
    """As few units as carry the load."""
    each = one.gpus // one.units
    in_system = load.value if load.kind == "concurrency" else one.concurrency
    most = one.units * _MOST_UNITS if terms.gpus is None else terms.gpus // each
    runs: dict[int, Simulated] = {}

    def good(units: int) -> bool:
        runs[units] = bench.carries(load, units, in_system)
        return holds(terms.slo, runs[units]) and not served_by(units).saturated

    def served_by(units: int) -> Served:
        return replace(bench.deployment, replicas=units).serve(load)

    low, high = one.units - 1, one.units
    while not good(high):
        if high >= most or not terms.demand.given:
            return None, runs[high]
        low, high = high, min(max(high + 1, math.ceil(high * _MORE_UNITS)), most)
    while high - low > max(1, high // _FINE):
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle, high)
    unit = replace(bench.deployment, replicas=high)
    served = served_by(high)
    paid = terms.paid(unit, high)
    rate = one.most_requests_per_s / one.units * high
    return candidate_of(terms, points, at, unit, served, paid, rate, one.complexity, rate, runs[high]), runs[high]


def _at_rate(terms: Terms, points: Points, at: int, one: Candidate, bench: Bench, reach: float) -> _Tried:
    """All units at the highest rate of random arrivals that they carry within the limits."""
    top, unit = one.requests_per_s, bench.deployment
    runs: dict[float, Simulated] = {}

    def over(rate: float, *, screen: bool = True) -> float:
        requests = bench.requests(rate * one.e2e_s, screen=screen)
        runs[rate] = bench.seen(Load(kind="request_rate", value=rate), one.units, requests)
        return excess(terms.slo, runs[rate])

    least = max(top * one.score / reach, top * 0.5**_HALVINGS)  # below this it would surely be worse than the best
    rate = _highest(over, top, least)
    while rate >= least:
        served, paid = unit.serve(Load(kind="request_rate", value=rate)), terms.paid(unit, one.units)
        if over(rate, screen=False) <= _SLACK and not served.saturated:
            seen = runs[rate]
            return candidate_of(terms, points, at, unit, served, paid, rate, one.complexity, rate, seen), seen
        rate *= min(_BACK, 1.0 / excess(terms.slo, runs[rate]))
    return None, runs[min(runs)]


def _highest(over: Callable[[float], float], top: float, least: float) -> float:
    """The highest rate up to `top` at which what is seen is not over its limit; 0 where that is below `least`.

    False position on logarithms; an end that stays counts for half (the Illinois rule).
    """
    above = over(top)
    if above <= _SLACK:
        return top
    below = over(least)
    if below > _SLACK:
        return 0.0
    low, high = least, top
    while high / low > _CLOSE:
        part = 0.5
        if math.isfinite(above):
            part = min(max(math.log(below) / (math.log(below) - math.log(above)), 0.1), 0.9)
        middle = low * (high / low) ** part
        found = over(middle)
        if found <= _SLACK:
            low, below, above = middle, found, above**0.5
        else:
            high, above, below = middle, found, below**0.5
    return low
