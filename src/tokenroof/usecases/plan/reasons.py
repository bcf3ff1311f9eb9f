"""Why a deployment is not the winner: how much worse, and a number in which the winner is the better one."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tokenroof.units import format_figures
from tokenroof.usecases.plan.answer import Candidate

__all__ = ["Reason", "judged_beside", "no_drafts", "reasons", "surely_worse", "why_not"]

_UNITS = {
    "cost": "per token",
    "throughput": "GPU time per token",
    "latency": "time per request",
    "energy": "J per token",
}
_OF_A_BILL = {"cost": "a month", "throughput": "GPUs"}
_AS_GOOD = 5e-4
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One number of a deployment beside the winner's, in words that hold `{mine}`."""

    words: str
    mine: float
    its: float
    more_is_better: bool
    whole: bool = False

    @property
    def telling(self) -> bool:
        """Whether the winner's number is the better one, and is seen to be in the digits that are shown."""
        better = self.its > self.mine if self.more_is_better else self.its < self.mine
        return better and self._shown(self.mine) != self._shown(self.its)

    def _shown(self, value: float) -> str:
        return f"{value:,.0f}" if self.whole else format_figures(value)

    def __str__(self) -> str:
        return f"{self.words.format(mine=self._shown(self.mine))} (winner: {self._shown(self.its)})"


def reasons(one: Candidate, best: Candidate, objective: str) -> Iterator[Reason]:
    """What may hold a deployment back, the most telling first."""
    slower = Reason(words="{mine} s a request", mine=one.e2e_s, its=best.e2e_s, more_is_better=False)
    if objective == "latency":
        yield slower
    idle = one.gpus_paid - one.gpus
    yield Reason(
        words=f"leaves {{mine}} GPU{'' if idle == 1 else 's'} idle", mine=idle, its=best.gpus_paid - best.gpus,
        more_is_better=False, whole=True,
    )  # fmt: skip
    if one.limit == "memory" or one.margins.get(one.limit, 1.0) < 0.1:
        words = "memory is full at" if one.limit == "memory" else f"{one.limit} binds at"
        held, its_held = one.concurrency / one.gpus_paid, best.concurrency / best.gpus_paid
        yield Reason(words=f"{words} {{mine}} requests a GPU", mine=held, its=its_held, more_is_better=True)
    yield Reason(
        words="{mine} GPUs for the load", mine=one.gpus_paid, its=best.gpus_paid, more_is_better=False, whole=True
    )
    mine, its = (c.most_requests_per_s / c.gpus_paid for c in (one, best))
    yield Reason(words="{mine} requests/s a GPU at most", mine=mine, its=its, more_is_better=True)
    yield slower
    if objective == "energy":
        yield Reason(words="{mine} J a token", mine=one.score, its=best.score, more_is_better=False)
    mine, its = (c.output_tokens_per_s_per_gpu for c in (one, best))
    yield Reason(words="{mine} output tok/s/GPU", mine=mine, its=its, more_is_better=True)


def _difference(one: Candidate, best: Candidate) -> str:
    """What stands out about a deployment beside the winner."""
    parts = []
    if one.mode != best.mode:
        parts.append("aggregated" if one.mode == "agg" else "disaggregated")
    if one.weights != best.weights:
        parts.append(f"weights {one.weights}")
    if one.kv != best.kv:
        parts.append(f"KV {one.kv}")
    if one.drafts != best.drafts:
        parts.append(f"{one.drafts} drafts" if one.drafts else "no drafts")
    return ", ".join(parts)


def _simpler(one: Candidate, best: Candidate) -> Iterator[Reason]:
    """In what the winner is the simpler one."""
    mine, its = one.complexity, best.complexity
    for words, a, b in (
        ("role", mine.roles, its.roles),
        ("unusual degree", mine.odd, its.odd),
        ("narrower format", mine.formats, its.formats),
        ("draft", one.drafts, best.drafts),
    ):
        plural = "" if a == 1 else "s"
        yield Reason(words=f"{{mine}} {words}{plural}", mine=a, its=b, more_is_better=False, whole=True)


def surely_worse(one: Candidate, better: Candidate, width: float) -> bool:
    """Whether the score is worse by more than the error, or worse and that of the GPUs that are used by more than it:
    whole machines bring a bill nearer to another at one load than at the next.
    """
    by, by_used = math.log(one.score / better.score), math.log(one.score_of_used / better.score_of_used)
    return by > width + _SLACK or (by > _SLACK and by_used > width + _SLACK)


def judged_beside(one: Candidate, best: Candidate, objective: str, width: float, *, by_bill: bool = False) -> Candidate:
    """A runner-up with how it compares to the winner; `width` is what scores must differ by to be told apart.

    `by_bill`: scores are of all machines for the load, not of a token.
    """
    equal = not surely_worse(one, best, width) and not surely_worse(best, one, width)
    told = replace(one, worse_by=one.score / best.score - 1.0, equal=equal and width > 0.0)
    return replace(told, why_not=why_not(told, best, objective, by_bill=by_bill))


def no_drafts(one: Candidate | None) -> str:
    """Why a winner has no drafts, beside the best that has some."""
    if one is None:
        return "drafts are not used: nothing with them is as good within the limits"
    size = "as good" if abs(one.worse_by) < _AS_GOOD else f"{100.0 * one.worse_by:+.1f} %"
    within = ", equal within the error" if one.equal and size != "as good" else ""
    return f"drafts are not used: {one.label} with {one.drafts} a step is {size}{within}"


def why_not(one: Candidate, best: Candidate, objective: str, *, by_bill: bool = False) -> str:
    """How much worse, the first number that speaks for the winner, and what differs."""
    worse = one.score / best.score - 1.0
    unit = (_UNITS | _OF_A_BILL if by_bill else _UNITS)[objective]
    size = "as good" if abs(worse) < _AS_GOOD else f"{100.0 * worse:+.1f} % {unit}"
    found = [*(_simpler(one, best) if one.equal else ()), *reasons(one, best, objective)]
    reason = next((str(each) for each in found if each.telling), "")
    if one.equal:
        size = f"equal within the error, {size}"
    what = _difference(one, best)
    return (f"{size}; {reason}" if reason else size) + (f" [{what}]" if what else "")
