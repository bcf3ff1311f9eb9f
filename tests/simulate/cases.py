"""Small random workloads for simulators: ties, chunk boundaries, tight memory, several ranks and pipeline stages."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tokenroof.simulate.rules import POLICIES, Rules

EXACT = ((1.0,), (0.5, 0.5), (0.25, 0.75), (0.25, 0.5, 0.25))  # sums are exact: they meet multiples of a period
STAGES = ((1.0,), (1.0,), (1.0,), (0.5, 0.5), (0.25, 0.75), (0.3, 0.7), (0.25, 0.5, 0.25), (0.41, 0.23, 0.36))


@dataclass(frozen=True)
class Machine:
    """Seconds of a step: a base, and what the slowest rank adds for decodes, contexts, new tokens and pairs."""

    base: float
    per_decode: float = 0.0
    per_context: float = 0.0
    per_token: float = 0.0
    per_pair: float = 0.0  # of a new token and a token that it attends to, itself among them

    def __call__(self, loads: list[tuple[int, int, list[tuple[int, int]]]]) -> float:
        return self.base + max(self._rank(*load) for load in loads)

    def _rank(self, decodes: int, contexts: int, chunks: list[tuple[int, int]]) -> float:
        new = sum(tokens for tokens, _ in chunks)
        pairs = sum(tokens * end - tokens * (tokens - 1) // 2 for tokens, end in chunks)
        prompts = self.per_token * new + self.per_pair * pairs
        return self.per_decode * decodes + self.per_context * contexts + prompts


# The first two are exact in binary, so that arrivals and multiples of a period meet the ends of steps.
MACHINES = (
    Machine(1.0),
    Machine(0.5, 2.0**-6, 2.0**-10, 2.0**-5, 2.0**-12),
    Machine(0.7320508075688772, 0.0161803398875, 0.00141421356237, 0.0271828182846, 0.000577215664902),
    Machine(0.3141592653589793, 0.0414213562373, 0.000316227766017, 0.0693147180560, 0.00123370055014),
)


@dataclass(frozen=True)
class Case:
    """Arguments of `simulate`."""

    arrivals: list[float]
    isl: list[int]
    osl: list[int]
    machine: Machine
    rules: Rules
    concurrency: int | None
    think_s: float


@st.composite
def cases(draw: st.DrawFn, policies: tuple[str, ...] = POLICIES) -> Case:
    """Up to 16 requests of up to 40 + 24 tokens, on caches that are mostly too small for all that come."""
    count = draw(st.sampled_from((1, 2, 3, 6, 8, 8, 9, 10, 11, 12, 12, 13, 14, 15, 16)))
    budget = draw(st.integers(1, 40))
    isl = [draw(prompts(budget)) for _ in range(count)]
    shortest, longest = draw(st.sampled_from(((6, 24), (1, 24), (4, 12), (1, 3))))
    osl = [draw(st.integers(shortest, longest)) for _ in range(count)]
    gaps = [draw(st.sampled_from((0.0, 0.0, 0.25, 0.5, 1.0, 3.0, 0.618033988749))) for _ in range(count)]
    rules = draw(scheduling(policies, budget, isl, osl))
    closed = draw(st.booleans())
    return Case(
        arrivals=[sum(gaps[: index + 1]) for index in range(count)],
        isl=isl,
        osl=osl,
        machine=draw(st.sampled_from(MACHINES)),
        rules=rules,
        concurrency=draw(st.sampled_from((8, 14, 14, 5, 2, 1))) if closed else None,
        think_s=draw(st.sampled_from((0.0, 0.5, 1.618033988749))) if closed else 0.0,
    )


@st.composite
def gathering(draw: st.DrawFn) -> Case:
    """Several ranks whose prompts wait for each other."""
    case = draw(cases(("mixed",)))
    ranks, steps = draw(st.integers(2, 3)), draw(st.sampled_from((1.0, 2.0, 3.0, 7.0)))
    return replace(case, rules=replace(case.rules, ranks=ranks, gather_steps=steps))


@st.composite
def drafting(draw: st.DrawFn, policies: tuple[str, ...] = POLICIES) -> Case:
    """Decode steps that verify drafts, on caches with a little more room for them."""
    case = draw(cases(policies))
    drafts, acceptance = draw(st.integers(1, 4)), draw(st.sampled_from((0.0, 0.3, 0.8, 1.0)))
    blocks = min(case.rules.blocks + draw(st.integers(0, 3)), Rules().blocks)
    return replace(
        case,
        rules=replace(case.rules, drafts=drafts, acceptance=acceptance, seed=draw(st.integers(0, 9)), blocks=blocks),
    )


def prompts(budget: int) -> st.SearchStrategy[int]:
    """Prompt lengths, every other one within a token of a whole number of chunks."""
    chunked = st.builds(lambda chunks, off: chunks * budget + off, st.integers(1, 3), st.integers(-1, 1))
    return st.one_of(st.integers(1, 40), chunked.map(lambda tokens: min(max(tokens, 1), 40)))


@st.composite
def scheduling(draw: st.DrawFn, policies: tuple[str, ...], budget: int, isl: list[int], osl: list[int]) -> Rules:
    """Rules, mostly with a cache that holds the prompts of a few requests and little of what they yield."""
    policy = draw(st.sampled_from(policies))
    block_tokens = draw(st.sampled_from((1, 2, 4, 16)))
    largest = max(-(-(i + o) // block_tokens) for i, o in zip(isl, osl, strict=True))
    together = draw(st.sampled_from((2, 3, 4, 2, 3, 1, 2, 0)))
    spare = draw(st.sampled_from((0, 1, 2, 5)))
    few = spare + together * -(-sum(isl) // (len(isl) * block_tokens))
    short = draw(st.sampled_from((0, 0, 0, 0, 1, 2)))  # of the largest, which may then be rejected
    return Rules(
        policy=policy,
        token_budget=budget,
        max_sequences=draw(st.sampled_from((64, 8, 64, 4, 64, 3, 2, 1))),
        reserve=draw(st.sampled_from(("pages", "pages", "pages", "pages", "output"))),
        block_tokens=block_tokens,
        blocks=max(few, largest - short) if together else Rules().blocks,
        whole_prompts=draw(st.booleans()),
        ranks=draw(st.sampled_from((1, 1, 1, 2, 3))),
        stages=draw(st.sampled_from(EXACT if policy == "train" else STAGES)),
        period_s=draw(st.sampled_from((0.25, 1.0, 0.7071067811865))) if policy == "train" else 0.0,
    )
