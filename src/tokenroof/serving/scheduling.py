"""How serving engines mix prompts with running requests, and what a prompt then costs in passes.

    mixed         a pass holds one token of every running request and fills its token budget with pieces of prompts
    not mixed     prompts go first: a pass of prompts only, while running requests wait

`Passes` turns a Timed program into the times that the serving formulas are made of.
"""

from dataclasses import dataclass

from tokenroof.operators.timing import Timed
from tokenroof.types.engine import Scheduler
from tokenroof.types.program import Load, Num
from tokenroof.xp import Namespace

__all__ = ["Passes", "Prompts"]


@dataclass(frozen=True, slots=True)
class Prompts:
    """What prefilling a group of prompts costs: whole time till its last pass ends, and time taken from others."""

    whole_s: Num
    extra_s: Num
    passes: Num
    pass_s: Num


@dataclass(frozen=True, slots=True)
class Passes:
    """Passes of one deployment at mean lengths: `prompt` tokens of which `new` are not cached, `context` in decode."""

    timed: Timed
    scheduler: Scheduler
    prompt: Num
    new: Num
    context: Num
    xp: Namespace

    def decode_s(self, sequences: Num) -> Num:
        """Time between two tokens of a sequence: a decode pass of its micro-batch through every pipeline stage.

        With as many micro-batches as stages each waits for the fullest stage; with fewer sequences than stages a
        micro-batch is one sequence and stages stand idle.
        """
        pass_s = self.timed.step(decode=self._decode(sequences)).step_s
        full = sequences >= self.timed.program.layout.pp
        return self.xp.where(full, pass_s * self.timed.program.layout.pp * self._fullest_stage(), pass_s)

    def prompts(self, group: Num, running: Num, decode_s: Num) -> Prompts:
        """Prefill of `group` prompts while `running` requests decode at `decode_s` a pass.

        With pipeline stages passes follow each other at the fullest stage's time, so others lose that share only;
        the first pass still goes through every stage.
        """
        layout, xp = self.timed.program.layout, self.xp
        tokens = group * self.new
        budget = self.scheduler.token_budget * xp.minimum(layout.dp, xp.maximum(group, 1.0))
        passes = xp.ceil(tokens / budget)
        passes = xp.maximum(passes, 1.0)
        pass_s = self._pass_s(tokens / passes, running)
        pace_s = pass_s * self._fullest_stage()
        lost = pace_s - decode_s / layout.pp if self.scheduler.mixed else pace_s
        return Prompts(passes * pace_s + (pass_s - pace_s), passes * xp.maximum(lost, 0.0), passes, pace_s)

    def _fullest_stage(self) -> Num:
        """Share of the layers on the fullest stage: 21 of 61 where three stages cannot have the same."""
        layers, pp = self.timed.program.layers, self.timed.program.layout.pp
        return self.xp.ceil(layers / pp) / layers

    def _decode(self, sequences: Num) -> Load:
        share = sequences / self.xp.minimum(self.timed.program.layout.pp, self.xp.maximum(sequences, 1.0))
        return Load(share, share, self.context)

    def _pass_s(self, tokens: Num, running: Num) -> Num:
        """One pass with `tokens` of prompts: whole prompts, or a piece of one at its mean place in the prompt."""
        pieces = self.xp.maximum(tokens / self.new, 1.0)
        seen = self.prompt - self.xp.maximum(self.new - tokens, 0.0) / 2.0
        prefill = Load(tokens, pieces, seen)
        if self.scheduler.mixed:
            return self.timed.step(decode=self._decode(running), prefill=prefill).step_s
        return self.timed.step(prefill=prefill).step_s
