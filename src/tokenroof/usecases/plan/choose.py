"""Of many points the winner and the next best: deployments near the top, worked out at the load, and the simplest of
those that a prediction cannot tell from the best. Drafts are taken where they are surely better than none.
"""

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from tokenroof.planner.points import Points
from tokenroof.scenario.ranges import equal_width
from tokenroof.types.efficiency import Efficiency
from tokenroof.usecases.plan.answer import Candidate
from tokenroof.usecases.plan.pick import Terms, candidate_at, distinct
from tokenroof.usecases.plan.reasons import judged_beside, no_drafts, surely_worse
from tokenroof.usecases.plan.score import Scored
from tokenroof.usecases.plan.simplest import complexities, complexity_of

__all__ = ["best_of", "pool_of", "ranked", "simplest_of", "told_apart", "width_between", "widths"]

_CLOSE = 14  # deployments that are worked out at the load
_SIMPLER = 12  # and of simpler ones that may be as good
_DIFFER = ("layouts", "formats", "roles")
_METRIC = {"latency": "e2e"}  # what a score is made of; else of requests served


def widths(objective: str, profile: Efficiency) -> dict[str, float]:
    """What the logarithms of two scores must differ by to be told apart, by what the deployments differ in."""
    return {differ: equal_width(_METRIC.get(objective, "throughput"), profile, differ) for differ in _DIFFER}


def width_between(one: Candidate, other: Candidate, objective: str, profile: Efficiency) -> float:
    """The width for these two: the widest of what they differ in."""
    alike = (one.weights, one.kv, one.drafts) == (other.weights, other.kv, other.drafts)
    differ = ("layouts", *(() if alike else ("formats",)), *(() if one.mode == other.mode else ("roles",)))
    found = widths(objective, profile)
    return max(found[name] for name in differ)


def told_apart(one: Candidate, better: Candidate, objective: str, profile: Efficiency) -> bool:
    """Whether a deployment is surely worse than another."""
    return surely_worse(one, better, width_between(one, better, objective, profile))


def simplest_of(found: Iterable[Candidate], objective: str, profile: Efficiency) -> Candidate:
    """The simplest of those that nothing surely beats. Those with drafts must also be no worse than what is chosen
    without: a plan is never worse for drafts that it may use.
    """
    all_of = list(found)
    plain = [one for one in all_of if not one.drafts]
    if len(plain) in (0, len(all_of)):
        return _simplest(all_of, objective, profile)
    best = _simplest(plain, objective, profile)
    return _simplest([best, *(one for one in all_of if one.drafts and one.score <= best.score)], objective, profile)


def _simplest(all_of: list[Candidate], objective: str, profile: Efficiency) -> Candidate:
    unbeaten = (one for one in all_of if not any(told_apart(one, other, objective, profile) for other in all_of))
    return min(unbeaten, key=lambda one: (one.complexity, *_by_score(one)))


def _by_score(one: Candidate) -> tuple[float, int, float]:
    return one.score, one.gpus, one.e2e_s


def pool_of(terms: Terms, points: Points, judged: Scored) -> tuple[dict[int, Candidate], list[Candidate]]:
    """Deployments near the top at the load, by point: the nearest by score, simpler ones that may be as good, and the
    best that differ in kind; and those of them that are no such best. Those with drafts take no place from the others.
    """
    import numpy as np

    profile, objective = terms.space.profile, terms.objective
    met = np.flatnonzero(judged.met)
    drafted = points.depth[met] > 0
    lots = [_pool_of(terms, points, judged, some) for some in (met[~drafted], met[drafted])]
    picked = {at: one for lot, _ in lots for at, one in lot.items()}
    if not picked:
        return picked, []
    best = simplest_of(picked.values(), objective, profile)
    near = []
    for lot, close in lots:
        mine = _simplest(list(lot.values()), objective, profile) if lot else best
        near += close if bool(mine.drafts) == bool(best.drafts) else [one for one in close if one is not mine]
    return picked, near


def _pool_of(terms: Terms, points: Points, judged: Scored, met: Any) -> tuple[dict[int, Candidate], list[Candidate]]:
    """The same of these points."""
    import numpy as np

    used = judged.units[met] * points.gpus[met]
    order = met[np.lexsort((points.e2e_s[met], used, judged.score[met]))]
    keys = complexities(terms.space, points)
    profile, objective = terms.space.profile, terms.objective
    picked: dict[int, Candidate] = {}

    def add(positions: Any, most: int, *, simpler: bool = False) -> None:
        """So many of these positions, or of those among them that are simpler than all before them."""
        simplest = min((keys[at] for at in picked), default=np.inf)
        tried = 0
        for at in distinct(points, positions):
            if simpler and keys[at] >= simplest:
                continue
            tried += 1
            if at not in picked:
                found = candidate_at(terms, points, judged, at, complexity_of(int(keys[at])))
                if found is not None:
                    picked[at], simplest = found, min(simplest, keys[at])
            if tried >= most:
                return

    add(order, _CLOSE)
    if not picked:
        return picked, []
    widest = max(widths(objective, profile).values())
    reach = min(one.score for one in picked.values()) * math.exp(widest)
    add(order[(judged.score[order] <= reach) & (keys[order] < min(keys[at] for at in picked))], _SIMPLER, simpler=True)
    at = _position(picked, simplest_of(picked.values(), objective, profile))
    own = np.array([form.own for form in terms.space.formats])[points.form]
    kinds: set[int] = set()
    for other in (
        own != own[at], points.form != points.form[at], (points.prefill < 0) != (points.prefill[at] < 0)
    ):  # fmt: skip
        alike = order[other[order]]
        add(alike, 1)
        kinds.update(islice(distinct(points, alike), 1))
    return picked, [one for at, one in picked.items() if at not in kinds]


def best_of(
    terms: Terms, points: Points, judged: Scored, wanted: int
) -> tuple[Candidate | None, int, tuple[Candidate, ...], str]:
    """Winner, its point, and runner-ups: the nearest by score, and the best that differs in kind; and why no drafts."""
    picked, near = pool_of(terms, points, judged)
    return ranked(terms, picked, near, wanted) if picked else (None, -1, (), "")


def ranked(
    terms: Terms, picked: Mapping[int, Candidate], near: list[Candidate], wanted: int
) -> tuple[Candidate, int, tuple[Candidate, ...], str]:
    """The simplest of those that nothing surely beats, its point, so many of the others with how they compare, and why
    it has no drafts where it might.
    """
    profile, objective = terms.space.profile, terms.objective
    best = simplest_of(picked.values(), objective, profile)

    def beside(one: Candidate) -> Candidate:
        width = width_between(one, best, objective, profile)
        return judged_beside(one, best, objective, width, by_bill=terms.demand.by_bill)

    runners = _runners(near, [one for one in picked.values() if one not in near], best, wanted)
    drafted, unused = [one for one in picked.values() if one.drafts], ""
    if not best.drafts and len(terms.space.depths) > 1:
        unused = no_drafts(beside(_simplest(drafted, objective, profile)) if drafted else None)
    return best, _position(picked, best), tuple(map(beside, runners)), unused


def _position(picked: Mapping[int, Candidate], wanted: Candidate) -> int:
    return next(at for at, one in picked.items() if one is wanted)


def _runners(near: list[Candidate], kinds: list[Candidate], best: Candidate, wanted: int) -> list[Candidate]:
    """The best of each kind and the nearest by score, so many in all."""
    others = [one for one in sorted(near, key=_by_score) if (one.label, one.weights) != (best.label, best.weights)]
    kinds = [one for one in kinds if one is not best]
    return sorted([*others[: max(wanted - len(kinds), 1)], *kinds], key=_by_score)[:wanted]
