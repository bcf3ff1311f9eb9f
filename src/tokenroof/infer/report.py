"""Does deduction hold where the answer is known? By kind of seller and day, beside baselines, by channel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tokenroof.infer.baselines import baseline_outcomes
from tokenroof.infer.cases import Case, open_cases
from tokenroof.infer.evidence import USED
from tokenroof.infer.machines import reference_machine
from tokenroof.infer.markup import closed_cases
from tokenroof.infer.posterior import ARCHITECTURE
from tokenroof.infer.sampler import LEAST_ESS
from tokenroof.infer.scores import Coverage, Outcome, coverage, weights_of
from tokenroof.infer.validate import fold_without, held_out
from tokenroof.infer.validate_deductions import Alone, check_deductions

__all__ = ["NEW_FROM", "Adds", "CoverageGroup", "Validation", "group_of", "validate"]

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
    """Coverage by group; the same beside baselines; channels out and in; closed models; formulas by themselves.

    `levels` is the credible level of each offer in its joint region. The catalogue lacks the models of `missing`.
    """

    groups: tuple[CoverageGroup, ...]
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
    return float(weights_of([o.model for o in one]) @ inside)


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


def _bare(case: Case) -> Case:
    """Without what is assumed: fast modes and discounts say nothing of an architecture."""
    return replace(case, evidence=replace(case.evidence, fast_price_x=None, discount_x=None))


def validate(*, draws: int = 1 << 13, seed: int = 1) -> Validation:
    """Run deduction on every price of open weights with a known architecture, and on closed models of known size."""
    cases, missing = open_cases()
    bare = [_bare(case) for case in cases]
    without = fold_without(cases)
    outcomes, levels = held_out(bare, without, draws=draws, seed=seed)
    closed, _ = held_out(closed_cases(), without, draws=draws, seed=seed, candidates=False)
    whole = [o for o in outcomes if o.evidence == "all"]
    compared = [o for o in [*baseline_outcomes(cases), *whole] if o.unknown in ARCHITECTURE]
    return Validation(
        groups=tuple(group_of(name, [o for o in whole if which(o)], levels) for name, which in _GROUPS.items()),
        beside=coverage([*compared, *(o for o in outcomes if o.evidence == "none" and o.unknown in ARCHITECTURE)]),
        adds=_adds(outcomes),
        closed=coverage([o for o in closed if o.evidence == "all" and o.unknown != "kv_bytes_per_token"]),
        alone=check_deductions(cases, reference_machine()),
        outcomes=tuple(whole),
        levels=levels,
        missing=missing,
        poor=tuple(sorted({o.offer for o in whole if o.ess < _SPARSE_ESS})),
    )
