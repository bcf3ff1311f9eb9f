"""Does deduction hold where the answer is known? By kind of seller and day, beside baselines, by channel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tokenroof.infer.baselines import baseline_outcomes
from tokenroof.infer.cases import Case, open_cases
from tokenroof.infer.evidence import USED
from tokenroof.infer.machines import reference_machine
from tokenroof.infer.markup import closed_cases
from tokenroof.infer.posterior import ARCHITECTURE
from tokenroof.infer.sampler import LEAST_ESS
from tokenroof.infer.scores import Coverage, Outcome, coverage, weights_of
from tokenroof.infer.validate import Fold, folds, held_out
from tokenroof.infer.validate_deductions import Alone, check_deductions

__all__ = ["LAB_KNOWN", "LAB_OUT", "NEW_FROM", "Adds", "CoverageGroup", "Validation", "group_of", "validate"]

NEW_FROM = 2025.0  # models since then are mixtures more often than not
_SPARSE_ESS = LEAST_ESS / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageGroup:
    """Prices of one kind and time: how intervals of each unknown did, and how often the joint region held all three."""

    name: str
    rows: tuple[Coverage, ...]
    region50: float
    region80: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Adds:
    """What one channel does for labs that were not fitted: the interval score of each unknown without it and after.

    Lower is better. `used` says whether the joint posterior reads it.
    """

    channel: str
    used: bool
    offers: int
    without: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Coverage by group, of labs whose other models are known or not, beside baselines, by channel, of closed models.

    `levels` is the credible level of each offer in its joint region. The catalogue lacks the models of `missing`;
    `alone` has formulas by themselves.
    """

    groups: tuple[CoverageGroup, ...]
    of_labs: tuple[CoverageGroup, ...]
    beside: tuple[Coverage, ...]
    adds: tuple[Adds, ...]
    closed: tuple[Coverage, ...]
    alone: tuple[Alone, ...]
    outcomes: tuple[Outcome, ...]
    levels: Mapping[str, float]
    missing: tuple[str, ...]
    poor: tuple[str, ...]


def _held(outcomes: Sequence[Outcome], levels: Mapping[str, float], share: float) -> float:
    import numpy as np

    one = [o for o in outcomes if o.unknown == "total_params"]
    inside = np.array([levels[o.offer] <= share for o in one], dtype=float)
    return float(weights_of([o.architecture for o in one]) @ inside)


def group_of(name: str, outcomes: Sequence[Outcome], levels: Mapping[str, float]) -> CoverageGroup:
    """One group of outcomes with all evidence in."""
    return CoverageGroup(
        name=name, rows=coverage(outcomes), region50=_held(outcomes, levels, 0.5), region80=_held(outcomes, levels, 0.8)
    )


_GROUPS: Mapping[str, Callable[[Outcome], bool]] = {
    "hosts, models of 2023-24": lambda o: o.kind == "market" and o.released < NEW_FROM,
    "hosts, models of 2025-26": lambda o: o.kind == "market" and o.released >= NEW_FROM,
    "sheets, models of 2023-24": lambda o: o.kind == "open" and o.released < NEW_FROM,
    "sheets, models of 2025-26": lambda o: o.kind == "open" and o.released >= NEW_FROM,
    "forms were chosen on them": lambda o: not o.exam,
    "nothing was chosen on them": lambda o: o.exam,
    "all": lambda _: True,
}


def _adds(outcomes: Sequence[Outcome]) -> tuple[Adds, ...]:
    found = []
    whole = [o for o in outcomes if o.evidence == "all"]
    for evidence in dict.fromkeys(o.evidence for o in outcomes if o.evidence.startswith(("with ", "without "))):
        other = [o for o in outcomes if o.evidence == evidence]
        offers = {o.offer for o in other}
        scores = [
            {row.unknown: row.score for row in coverage(group) if row.unknown in ARCHITECTURE}
            for group in (other, [o for o in whole if o.offer in offers])
        ]
        channel = evidence.partition(" ")[2]
        used = channel in USED
        without, after = scores if used else reversed(scores)
        found.append(Adds(channel=channel, used=used, offers=len(offers), without=without, after=after))
    return tuple(sorted(found, key=lambda one: not one.used))


Folds = Callable[[str, str], Fold]
LAB_OUT, LAB_KNOWN = "labs of several models, left out", "other models of the lab known"


def _of_labs(
    cases: Sequence[Case], fold: Folds, out: Sequence[Outcome], levels: Mapping[str, float], draws: int, seed: int
) -> tuple[CoverageGroup, ...]:
    """Prices of labs of two architectures or more, read without the lab, and with its other architectures known.

    Weights of the same totals are left out with the model: what is known is never the model itself.
    """
    names = {case.lab: {c.architecture for c in cases if c.lab == case.lab} for case in cases}
    several = [case for case in cases if len(names[case.lab]) > 1]
    offers = {case.evidence.offer for case in several}
    known, known_levels = held_out(
        several, lambda case: fold(case.lab, case.architecture).at(case.evidence.released, case.evidence.priced),
        draws=draws, seed=seed, candidates=False,
    )  # fmt: skip
    return (
        group_of(LAB_OUT, [o for o in out if o.offer in offers], levels),
        group_of(LAB_KNOWN, [o for o in known if o.evidence == "all"], known_levels),
    )


def _bare(case: Case) -> Case:
    """Without what is assumed: fast modes and discounts say nothing of an architecture."""
    return replace(case, evidence=replace(case.evidence, fast_price_x=None, discount_x=None))


@lru_cache(maxsize=2)
def validate(*, draws: int = 1 << 13, seed: int = 1) -> Validation:
    """Run deduction on every price of open weights with a known architecture, and on closed models of known size."""
    cases, missing = open_cases()
    bare = [_bare(case) for case in cases]
    fold = folds(cases)
    outcomes, levels = held_out(bare, lambda case: fold(case.lab, ""), draws=draws, seed=seed)
    closed, _ = held_out(closed_cases(), lambda case: fold(case.lab, ""), draws=draws, seed=seed, candidates=False)
    whole = [o for o in outcomes if o.evidence == "all"]
    compared = [o for o in [*baseline_outcomes(cases), *whole] if o.unknown in ARCHITECTURE]
    return Validation(
        groups=tuple(group_of(name, [o for o in whole if which(o)], levels) for name, which in _GROUPS.items()),
        of_labs=_of_labs(bare, fold, whole, levels, draws, seed),
        beside=coverage([*compared, *(o for o in outcomes if o.evidence == "none" and o.unknown in ARCHITECTURE)]),
        adds=_adds(outcomes),
        closed=coverage([o for o in closed if o.evidence == "all" and o.unknown != "kv_bytes_per_token"]),
        alone=check_deductions(cases, reference_machine()),
        outcomes=tuple(whole),
        levels=levels,
        missing=missing,
        poor=tuple(sorted({o.offer for o in whole if o.ess < _SPARSE_ESS})),
    )
