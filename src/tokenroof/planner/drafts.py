"""Decode with drafts as a Timed of its own: each pass verifies, and the draft head runs once per draft.

The serving formulas then see passes that take longer and answers that take fewer of them.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from tokenroof.formulas import speculation
from tokenroof.operators.lower import lower_draft_head
from tokenroof.operators.timing import Timed, bind
from tokenroof.solve import crossing
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.program import Load, Num, StepTimes, Totals

__all__ = ["Drafting", "drafting", "drafting_s", "host_of_drafts_s", "implied_acceptance", "tokens_per_pass"]

_TABLES = ("embedding", "unembedding")  # shared with the model


@dataclass(frozen=True, slots=True, eq=False)
class Drafting(Timed):
    """`later` is added to the context of a decode pass: what the serving formulas miss when answers look shorter."""

    head: Timed
    drafts: float
    later: float
    known: list[tuple[str, Any, Any, Any]] = field(default_factory=list)

    def answer_tokens(self, passes: Num) -> Num:
        return passes + 2.0 * self.later

    def step(self, *, decode: Load | None = None, prefill: Load | None = None, rule: str = "operators") -> StepTimes:
        if decode is None:
            return Timed.step(self, prefill=prefill, rule=rule)
        verified = self._verified(decode)
        times = Timed.step(self, decode=verified, prefill=prefill, rule=rule)
        return replace(times, step_s=times.step_s + self.drafting_s(decode, rule))

    def drafting_s(self, decode: Load, rule: str = "operators") -> Any:
        """What drafts add to a step that verifies them: passes of the draft head, and the host's part."""
        later_s = self.drafts * self._draft_s(decode, self._verified(decode).context, rule)
        if rule == "operators":
            later_s = later_s + host_of_drafts_s(self.profile, decode.sequences, self.program.layout.dp)
        return later_s

    def counts(self, *, decode: Load | None = None, prefill: Load | None = None) -> Totals:
        if decode is None:
            return Timed.counts(self, prefill=prefill)
        verified = self._verified(decode)
        drafted = self.head.counts(decode=Load(decode.tokens, decode.sequences, verified.context))
        return Timed.counts(self, decode=verified, prefill=prefill).plus(drafted, self.drafts)

    def _verified(self, decode: Load) -> Load:
        context: Any = decode.context + self.later
        return Load(decode.tokens * (1.0 + self.drafts), decode.sequences, context)

    def _draft_s(self, decode: Load, context: Any, rule: str) -> Any:
        """The head's pass; the last one is kept, since the serving formulas ask for the same decode part many times."""
        for kept_rule, sequences, kept_context, seconds in self.known:
            if kept_rule == rule and _same(sequences, decode.sequences) and _same(kept_context, context):
                return seconds
        seconds = self.head.step(decode=Load(decode.tokens, decode.sequences, context), rule=rule).step_s
        self.known[:] = [(rule, decode.sequences, context, seconds), *self.known[:1]]
        return seconds


def _same(one: Any, other: Any) -> bool:
    import numpy as np

    return one is other or bool(np.array_equal(one, other))


def host_of_drafts_s(profile: Efficiency, sequences: Any, groups: Any) -> Any:
    """Host time of a pass that verifies drafts: once, and for each sequence of a group whose guesses are kept."""
    return profile.draft_pass_s + profile.draft_sequence_s * sequences / groups


def drafting_s(timed: Timed, batch: float, context: float) -> float:
    """What drafts add to a decode step of so many requests; nothing without."""
    return float(timed.drafting_s(Load(batch, batch, context))) if isinstance(timed, Drafting) else 0.0


def tokens_per_pass(acceptance: float, drafts: int) -> float:
    """Mean tokens that a pass yields."""
    return (
        1.0 if not drafts else float(speculation.tokens_per_verification(acceptance=acceptance, drafts=float(drafts)))
    )


def implied_acceptance(tokens: float, drafts: int) -> float:
    """The acceptance at which so many drafts yield so many tokens a pass."""
    return crossing(lambda share: tokens_per_pass(share, drafts) < tokens, 0.0, 1.0)[1]


def drafting(
    timed: Timed,
    model: Model,
    layout: Layout,
    system: System,
    profile: Efficiency,
    *,
    drafts: int,
    tokens: float,
    osl: float,
) -> Drafting:
    """`timed` with the model's own draft head, its weights and its cache."""
    # what is drafted is not handed on: the pass that verifies it does that
    head = bind(lower_draft_head(model, layout), system, replace(profile, stream_s=0.0))
    own = {f"draft {name}": size for name, size in head.program.stored_bytes.items() if name not in _TABLES}
    program = replace(
        timed.program,
        stored_bytes={**timed.program.stored_bytes, **own},
        cache=(*timed.program.cache, *head.program.cache),
    )
    return Drafting(program, profile, timed.parts, timed.links, head, float(drafts), (osl - osl / tokens) / 2.0)
