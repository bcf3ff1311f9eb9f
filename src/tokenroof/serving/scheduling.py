"""How serving engines mix prompts with running requests, and what a prompt then costs in passes.

    vllm, trtllm   a pass holds one token of every running request and fills its token budget with pieces of prompts
    sglang         prompts go first: a pass of prompts only, while running requests wait

`Passes` turns a Timed program into the times that the serving formulas are made of.
"""

from dataclasses import dataclass

from tokenroof.errors import UnknownName
from tokenroof.operators.timing import Timed
from tokenroof.types.program import Load, Num
from tokenroof.xp import Namespace

__all__ = ["SCHEDULERS", "Passes", "Prompts", "Scheduler", "scheduler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """One engine's policy.

    `mixed`: prompts ride on decode passes, in pieces of at most `token_budget` tokens per dp group and pass.
    `reserves_output`: a request starts only when there is room for its longest answer; otherwise pages are taken as
    the answer grows. `wait_passes`: passes that a new prompt waits before the scheduler looks at it, on average, where
    it polls seldom or collects prompts on purpose. `gather_passes`: with several dp groups, how many passes it waits at
    most until every group has a prompt, so that none idles while another prefills.
    """

    name: str
    mixed: bool = True
    token_budget: Num = 8192.0
    reserves_output: bool = False
    max_sequences: float = 1024.0
    wait_passes: Num = 0.0
    gather_passes: float = 0.0
    source: str = ""


SCHEDULERS: dict[str, Scheduler] = {
    one.name: one
    for one in (
        Scheduler(
            name="vllm", source="vLLM 0.8 and later: chunked prefill on, 8192 batched tokens, 1024 sequences on servers"
        ),
        Scheduler(
            name="sglang", mixed=False, token_budget=16384.0,
            source="SGLang: mixed chunks off; chunked prefill of 8192 or 16384 tokens by GPU memory",
        ),
        Scheduler(
            name="trtllm", reserves_output=True, max_sequences=2048.0,
            source="TensorRT-LLM: in-flight batching, GUARANTEED_NO_EVICT reserves input and output, 8192 tokens",
        ),
        Scheduler(name="none", source="no engine: chunks ride on decode, nothing is reserved"),
    )
}  # fmt: skip


def scheduler(name: str) -> Scheduler:
    """A scheduler by the engine's name."""
    if name not in SCHEDULERS:
        raise UnknownName("engine", name, tuple(SCHEDULERS))
    return SCHEDULERS[name]


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
        return pass_s * self.xp.where(full, self.timed.program.layout.pp * self._fullest_stage(), 1.0)

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
