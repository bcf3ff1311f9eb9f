"""How serving engines mix prompts with running requests, and what a prompt then costs in passes.

    mixed         a pass holds one token of every running request and fills its token budget with pieces of prompts
    not mixed     prompts go first: a pass of prompts only, while running requests wait

`Passes` turns a Timed program into the times that the serving formulas are made of.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from tokenroof.operators.timing import Timed
from tokenroof.serving.pipeline import largest_of, stalled_passes
from tokenroof.types.engine import Scheduler
from tokenroof.types.program import Load, Num
from tokenroof.xp import Namespace

__all__ = ["Passes", "Prompts", "Shared"]

_SELDOM = 1e-5  # prompts per step below which a ratio of two such chances is lost in rounding
_BUSIEST = 0.999  # share of time beyond which a dp group is not believed to be busy with prompts
_ROUNDS = 5  # of the fixed point between prompts per step and how long steps are


@dataclass(frozen=True, slots=True)
class Prompts:
    """What prefilling a group of prompts costs: whole time till its last pass ends, and time taken from others."""

    whole_s: Num
    extra_s: Num
    passes: Num
    pass_s: Num


@dataclass(frozen=True, slots=True)
class Shared:
    """What the prompts of all others cost a running request, and its own takes.

    `extra_s` comes to each of its tokens; `chance` is the share of steps that have prompts on any dp group, `own` on
    its own; `rounds` of the pipeline that have any, whose steps begin `step_s` apart; `whole_s` a prompt's time till
    its last step ends. `each_s`: what a prompt takes of the deployment's time where all steps are full of them.
    """

    extra_s: Num
    chance: Num
    own: Num
    rounds: Num
    step_s: Num
    whole_s: Num
    each_s: Num


class _Mix(NamedTuple):
    """Steps with prompts: the share that they are of all steps and of one group's; prompts on the busiest of the dp
    groups in such a step (chunks where they take several), and how many groups have as many.

    Pipeline stages wait for the longest of the steps that go round them: the share of `rounds` with prompts in any of
    them, and the prompts of the `worst`.
    """

    chance: Num
    own: Num
    busiest: Num
    spread: Num
    rounds: Num
    worst: Num


class _Means(NamedTuple):
    """Over all steps and rounds, those without prompts too: shares of them that have some, and prompts (chunks) on the
    busiest group, in all, and in the worst step of a round.
    """

    chance: Num
    own: Num
    busiest: Num
    everybody: Num
    rounds: Num
    worst: Num


@dataclass(frozen=True, slots=True)
class Passes:
    """Passes of one deployment at mean lengths: `prompt` tokens of which `new` are not cached, `context` in decode.

    An answer that ends is followed by `together` prompts at once: more than one where others begin anew in its place.
    """

    timed: Timed
    scheduler: Scheduler
    prompt: Num
    new: Num
    context: Num
    xp: Namespace
    together: Num = 1.0

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

    def shared(self, running: Num, osl: Num, decode_s: Num, *, at_random: bool = False) -> Shared:
        """Steady state of `running` requests, each of which brings a prompt every `osl` tokens.

        A step of a dp group sees a = (running - 1) / (groups * stages * osl) new prompts of the others. Groups make
        their steps together, so that a prompt on any of them is waited for by all: a chance of 1 - (1 - q)^groups,
        with q = 1 - e^-a, or a times its chunks where a prompt takes several steps. The busiest group sets the time
        of attention, the experts see the prompts of all. That is a closed loop, whose prompts come at the ends of
        steps, long and short. `at_random` they come at any moment: while a long step lasts, many.
        """
        xp = self.xp
        groups, stages = self._places(running)
        asked = xp.maximum(running - 1.0, 0.0) / (groups * stages * osl)
        asked = xp.where(self._fits(), asked, asked * self.together)
        prompts = xp.maximum(asked, _SELDOM)
        mix = self._in_turn(groups, stages, prompts)
        found = self._cost(mix, groups, stages, running, decode_s)
        fits = self._fits()
        before = found
        for _ in range(_ROUNDS if at_random and self.scheduler.mixed else 0):
            after = self._after(groups, stages, prompts, before, decode_s / stages)
            beside = self._beside(groups, stages, prompts, before, decode_s / stages)
            chosen = (xp.where(fits, one, other) for one, other in zip(after, beside, strict=True))
            found = self._cost(_Mix(*chosen), groups, stages, running, decode_s)
            # Longer steps bring more prompts, and fewer of them are long: half way from one to the other, or it swings.
            before = replace(
                before, extra_s=0.5 * (before.extra_s + found.extra_s), step_s=0.5 * (before.step_s + found.step_s)
            )
        return replace(found, extra_s=found.extra_s * asked / prompts)

    def answering(self, running: Num, osl: Num) -> Num:
        """Those of `running` requests that are answered at once: as many as bring all the prompts that steps can take.

        The others wait for their own prompts.
        """
        if not self.scheduler.mixed:
            return running
        groups, stages = self._places(running)
        taken = self.xp.where(self._fits(), self._room(), 1.0 / (self._chunks() * self.together))
        return self.xp.minimum(running, 1.0 + groups * stages * osl * taken)

    def _places(self, running: Num) -> tuple[Num, Num]:
        """Groups and micro-batches in turn that so many requests take."""
        xp, layout = self.xp, self.timed.program.layout
        groups = xp.minimum(layout.dp, running)
        return groups, xp.minimum(layout.pp, xp.maximum(running / groups, 1.0))

    def _in_turn(self, groups: Num, stages: Num, prompts: Num) -> _Mix:
        """Each step brings a group the same number of prompts on average."""
        xp, chunks, fits, room = self.xp, self._chunks(), self._fits(), self._room()
        own, most, everybody = 1.0 - xp.exp(-prompts), largest_of(groups, prompts, xp), prompts
        worst = largest_of(groups * stages, prompts, xp)
        if self.scheduler.mixed:
            own = xp.where(fits, own, xp.minimum(prompts * chunks, 1.0))
            most, worst, everybody = (
                xp.where(fits, xp.minimum(count, room), own) for count in (most, worst, everybody)
            )  # fmt: skip
        chance = xp.maximum(1.0 - (1.0 - own) ** groups, own)
        if self.scheduler.gather_passes:
            # A step that was waited for has one prompt of each group: the busiest has no more than the others.
            chance = xp.maximum(own, 1.0 / (self.scheduler.gather_passes + 1.0 / chance))
            most, worst = xp.minimum(most, chance), xp.minimum(worst, chance)
        return self._mixed(_Means(chance, own, most, groups * everybody, self._rounds(chance, stages), worst))

    def _after(self, groups: Num, stages: Num, prompts: Num, found: Shared, short_s: Num) -> _Mix:
        """Whole prompts at random arrivals: a step takes those that came during one before, so long rounds follow long.

        A round is long where one of its steps is; steps of the next begin that far apart.
        """
        xp, room = self.xp, self._room()
        rate = prompts / (short_s + found.extra_s / stages)
        few, many = rate * short_s, rate * found.step_s

        def some(places: Num) -> tuple[Num, Num]:
            return 1.0 - xp.exp(-places * few), 1.0 - xp.exp(-places * many)

        first, again = some(groups * stages)
        rounds = first / (1.0 - again + first)

        def mean(short: Num, long: Num) -> Num:
            return (1.0 - rounds) * short + rounds * long

        def largest(places: Num) -> Num:
            return xp.minimum(mean(largest_of(places, few, xp), largest_of(places, many, xp)), room)

        chance, everybody = mean(*some(groups)), groups * xp.minimum(prompts, room)
        return self._mixed(
            _Means(chance, mean(*some(1.0)), largest(groups), everybody, rounds, largest(groups * stages))
        )  # fmt: skip

    def _beside(self, groups: Num, stages: Num, prompts: Num, found: Shared, short_s: Num) -> _Mix:
        """Chunks at random arrivals: a group has them in as many steps as ever, but more begin while others are busy.

        Groups are busy for a share of the time each, independently; what any of them is busy for, the steps are long.
        """
        xp, long_s = self.xp, found.step_s
        share = xp.minimum(prompts * self._chunks(), 1.0)
        step_s = short_s + found.extra_s / stages
        busy = xp.minimum(share * long_s / step_s, _BUSIEST)
        chance = xp.maximum(xp.minimum((1.0 - (1.0 - busy) ** groups) * step_s / long_s, 1.0), share)
        rounds = self._rounds(chance, stages)
        return self._mixed(_Means(chance, share, chance, xp.minimum(groups * share, groups * chance), rounds, chance))

    def _rounds(self, chance: Num, stages: Num) -> Num:
        """Share of the rounds of the pipeline that have a step with prompts in them."""
        together = self._chunks() if self.scheduler.mixed else 1.0
        return self.xp.minimum(chance * stalled_passes(stages, chance, self.xp, together), 1.0)

    def _mixed(self, means: _Means) -> _Mix:
        """From means over all steps and rounds to those that have prompts, as many as fill their budgets at most."""
        xp, fits, room = self.xp, self._fits(), self._room()
        chance = xp.where(fits, xp.maximum(means.chance, means.busiest / room), means.chance)
        rounds = xp.where(fits, xp.maximum(means.rounds, means.worst / room), means.rounds)
        busiest = xp.maximum(means.busiest / chance, 1.0)
        worst = xp.where(fits, xp.maximum(means.worst / rounds, 1.0), busiest)
        spread = xp.maximum(means.everybody / chance, busiest) / busiest
        return _Mix(chance, xp.minimum(means.own, chance), busiest, spread, rounds, worst)

    def _cost(self, mix: _Mix, groups: Num, stages: Num, running: Num, decode_s: Num) -> Shared:
        xp, layout, budget = self.xp, self.timed.program.layout, self.scheduler.token_budget
        chunks, fits = self._chunks(), self._fits()
        steps, pass_s = self._steps(mix.busiest, mix.spread, running)
        pace_s = pass_s * self._fullest_stage()
        worst_steps, worst_s = steps, pace_s
        if hasattr(layout.pp, "shape") or layout.pp > 1:
            worst_steps, worst_s = self._steps(mix.worst, mix.spread, running)
            worst_s = worst_s * self._fullest_stage()
        lost_s = xp.maximum(worst_s - decode_s / layout.pp, 0.0) if self.scheduler.mixed else worst_s * worst_steps
        return Shared(
            extra_s=stages * mix.rounds * lost_s,
            chance=mix.chance,
            own=mix.own,
            rounds=mix.rounds,
            step_s=worst_s,
            whole_s=steps * pace_s + (pass_s - pace_s),
            each_s=xp.where(fits, self.new / budget, chunks) * self.together / groups * pace_s,
        )

    def _steps(self, prompts: Num, groups: Num, running: Num) -> tuple[Num, Num]:
        """How many steps so many prompts (chunks where they take several) on so many groups take, and one of them."""
        xp, fits, chunks = self.xp, self._fits(), self._chunks()
        steps, prompts = chunks, prompts * self.together
        if not self.scheduler.mixed:
            steps = xp.maximum(xp.ceil(prompts * self.new / self.scheduler.token_budget), 1.0)
        pieces = xp.maximum(xp.where(fits, prompts / steps, 1.0), 1.0)
        tokens = xp.where(fits, prompts * self.new / steps, self.new / chunks)
        return steps, self._shared_pass_s(tokens / pieces, pieces, groups, running)

    def _chunks(self) -> Num:
        """Steps that a prompt takes."""
        return self.xp.maximum(self.xp.ceil(self.new / self.scheduler.token_budget), 1.0)

    def _fits(self) -> Num:
        return self.new <= self.scheduler.token_budget

    def _room(self) -> Num:
        """Prompts that a step takes on one group, or lots of them that come together; one at least."""
        if not self.scheduler.mixed:
            return math.inf
        room = self.scheduler.token_budget / self.new
        return self.xp.maximum(room / self.together, self.xp.minimum(room, 1.0))

    def _shared_pass_s(self, piece: Num, pieces: Num, groups: Num, running: Num) -> Num:
        """A step in which so many groups have so many pieces of prompts each."""
        seen = self.prompt - self.xp.maximum(self.new - piece, 0.0) / 2.0
        prefill = Load(groups * pieces * piece, groups * pieces, seen, groups)
        if self.scheduler.mixed:
            return self.timed.step(decode=self._decode(running), prefill=prefill).step_s
        return self.timed.step(prefill=prefill).step_s

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
