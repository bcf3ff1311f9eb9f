"""The simulator's table of step times gives what the operators give, for every kind of row."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenroof.scenario.resolve import resolve
from tokenroof.simulate.step_times import StepTable
from tokenroof.types.program import Load
from tokenroof.types.scenario import Scenario

_DEPLOYMENTS = (
    ("llama-3.1-8b", "h100", {}),
    ("llama-3.3-70b", "8xh100", {"tp": 8}),
    ("llama-3.1-405b", "8xh200", {"tp": 2, "pp": 4}),
    ("deepseek-v3", "8xh200", {"tp": 1, "dp": 8, "ep": 8}),
    ("deepseek-v3", "8xh200", {"tp": 8}),
    ("gpt-oss-120b", "8xh100", {"tp": 2, "dp": 4, "ep": 8}),
    ("qwen3-next-80b-a3b", "8xh100", {"tp": 4}),
)
_CHUNKED = ("llama-4-scout-17b-16e", "8xh200", {"tp": 2, "dp": 4, "ep": 8})
_BUDGET = 4096


def _made(case: tuple[str, str, dict[str, int]]) -> tuple:
    deployment = resolve(Scenario(model=case[0], system=case[1], **case[2]))
    return deployment.timed, StepTable(deployment.timed, _BUDGET)


@pytest.mark.parametrize("case", _DEPLOYMENTS, ids=lambda case: f"{case[0]} {case[1]} {case[2]}")
def test_a_step_takes_what_the_operators_take(case: tuple[str, str, dict[str, int]]) -> None:
    timed, table = _made(case)
    ranks = timed.program.layout.dp

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 600), st.integers(1, 60_000), st.integers(0, 3000), st.integers(0, 30_000))
    def equal(n: int, context: int, new: int, before: int) -> None:
        if not n and not new:
            return
        chunks = [(new, before + new)] if new else []
        step = timed.step(
            decode=Load(n * ranks, n * ranks, context) if n else None,
            prefill=Load(new * ranks, ranks, before + new) if new else None,
        )
        assert math.isclose(table([(n, n * context, chunks)] * ranks), float(step.step_s), rel_tol=1e-12)

    equal()


@pytest.mark.parametrize("case", [_DEPLOYMENTS[3], _DEPLOYMENTS[5], _CHUNKED], ids=str)
def test_a_step_takes_what_the_slowest_of_its_ranks_takes(case: tuple[str, str, dict[str, int]]) -> None:
    timed, table = _made(case)
    ranks = timed.program.layout.dp
    prompts = st.lists(st.tuples(st.integers(1, 900), st.integers(0, 9000)), max_size=2)
    lengths = st.one_of(st.integers(1, 20_000), st.integers(7_000, 9_500))  # a chunk of Llama 4 is 8,192 tokens
    work = st.tuples(st.sampled_from((0, 3, 3, 3, 4)), lengths, st.one_of(st.just([]), st.just([]), prompts))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(work, min_size=ranks, max_size=ranks))
    def equal(drawn: list) -> None:
        works = [(n, n * context, [(new, before + new) for new, before in chunks]) for n, context, chunks in drawn]
        tokens = sum(n + sum(new for new, _ in chunks) for n, _, chunks in works)
        if not tokens:
            return
        alone = [table.rank_s(*work, table.stage_s[tokens]) for work in works if work[0] or work[2]]
        assert table(works) == max(alone)

    equal()


def test_the_slowest_rank_makes_the_step_and_experts_see_the_tokens_of_all() -> None:
    _, table = _made(_DEPLOYMENTS[3])
    alone = table([(16, 16 * 4096, ())] + [(0, 0, ())] * 7)
    beside = table([(16, 16 * 4096, ())] + [(16, 16 * 1024, ())] * 7)
    even = table([(16, 16 * 4096, ())] * 8)
    assert alone < beside == even
