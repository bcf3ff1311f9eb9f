"""What a scheduler does, as data: how steps are made up and how memory is given out. docs/theory/simulation.md."""

from dataclasses import dataclass

__all__ = ["POLICIES", "RESERVES", "Rules"]

POLICIES = ("mixed", "prompts-first", "static", "train")
RESERVES = ("pages", "output")
_UNLIMITED = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One replica's scheduling. `token_budget`, `max_sequences` and `blocks` are those of one dp rank.

    `whole_prompts`: a request is admitted only where its whole prompt finds memory, not just the first chunk.

    `stages` are the shares of a step's time by pipeline stage; `period_s` is the train's. `gather_steps`: in
    mixed steps of several ranks, prompts that not every rank has wait for every so many-th step.

    `drafts` tokens are verified beside each that decodes, each accepted with the chance `acceptance` if those before it
    are; `seed` is that of the draws.
    """

    policy: str = "mixed"
    token_budget: int = 8192
    max_sequences: int = 1024
    reserve: str = "pages"
    block_tokens: int = 16
    blocks: int = _UNLIMITED
    whole_prompts: bool = True
    ranks: int = 1
    stages: tuple[float, ...] = (1.0,)
    period_s: float = 0.0
    gather_steps: float = 0.0
    drafts: int = 0
    acceptance: float = 0.0
    seed: int = 0
