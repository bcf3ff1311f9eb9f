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


def test_the_slowest_rank_makes_the_step_and_experts_see_the_tokens_of_all() -> None:
    _, table = _made(_DEPLOYMENTS[3])
    alone = table([(16, 16 * 4096, ())] + [(0, 0, ())] * 7)
    beside = table([(16, 16 * 4096, ())] + [(16, 16 * 1024, ())] * 7)
    even = table([(16, 16 * 4096, ())] * 8)
    assert alone < beside == even
