"""Decode steps that verify drafts: what is drawn, what is stored, and how long the draft head takes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tokenroof.planner.drafts import tokens_per_pass
from tokenroof.scenario.resolve import resolve
from tokenroof.simulate.binding import rules_of, table_of, transfer_of
from tokenroof.simulate.drafts import tokens_drawn
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import simulate
from tokenroof.types.program import Load
from tokenroof.types.scenario import Scenario


@pytest.mark.parametrize(("drafts", "acceptance"), [(1, 0.85), (3, 0.7), (5, 0.2)])
def test_the_mean_of_the_draws_is_the_formula(drafts: int, acceptance: float) -> None:
    rules = Rules(drafts=drafts, acceptance=acceptance, seed=3)
    drawn = np.array(tokens_drawn(rules, 0, 40_000))
    assert set(drawn) <= set(range(1, drafts + 2))
    error = drawn.std() / math.sqrt(len(drawn))
    assert drawn.mean() == pytest.approx(tokens_per_pass(acceptance, drafts), abs=4.0 * error)


def test_streams_are_those_of_the_request_and_the_seed() -> None:
    rules = Rules(drafts=3, acceptance=0.7)
    assert tokens_drawn(rules, 5, 20) == tokens_drawn(rules, 5, 20) != tokens_drawn(rules, 6, 20)
    assert tokens_drawn(rules, 5, 20) != tokens_drawn(Rules(drafts=3, acceptance=0.7, seed=1), 5, 20)
    assert tokens_drawn(rules, 5, 20)[:7] == tokens_drawn(rules, 5, 7)


def _run(osl: int, **rules: float) -> tuple[float, int]:
    requests = Requests(arrival_s=np.zeros(1), isl=np.array([3]), osl=np.array([osl]))
    out = simulate(requests, lambda works: 1.0, Rules(drafts=2, **rules))  # type: ignore[arg-type]
    return float(out.end_s[0]), out.rejected


def test_steps_of_an_answer_by_hand() -> None:
    # The prompt's step yields one token; then three a step, the last of them more than is wanted; or one a step.
    assert _run(9, acceptance=1.0) == (4.0, 0)
    assert _run(8, acceptance=1.0) == (4.0, 0)
    assert _run(8, acceptance=0.0) == (8.0, 0)


def test_memory_holds_drafts_until_they_are_judged() -> None:
    # The last step has 3 + 3 tokens stored and its own three to store.
    assert _run(5, acceptance=0.0, block_tokens=1, blocks=9) == (5.0, 0)
    assert _run(5, acceptance=0.0, block_tokens=1, blocks=8)[1] == 1


def test_a_step_takes_what_the_deployment_with_drafts_takes() -> None:
    deployment = resolve(
        Scenario(model="deepseek-v3", system="8xh200", tp=1, dp=8, ep=8, drafts=2, acceptance=0.8, isl=4000, osl=500)
    )
    host = replace(deployment.timed.profile, draft_pass_s=2e-3, draft_sequence_s=1e-4)  # whatever was fitted
    deployment = replace(deployment, timed=replace(deployment.timed, profile=host))
    table, rules = table_of(deployment), rules_of(deployment)
    assert (rules.drafts, rules.acceptance) == (2, 0.8)
    for n, context in ((1, 500), (24, 4096)):
        # What `Drafting` adds to contexts makes up for answers that the formulas see as shorter.
        step = deployment.timed.step(decode=Load(8 * n, 8 * n, context - deployment.timed.later))
        assert math.isclose(table([(n, n * context, ())] * 8), float(step.step_s), rel_tol=1e-9)


def test_sending_a_cache_takes_its_bytes_over_the_link_of_each_stage() -> None:
    deployment = resolve(
        Scenario(model="llama-3.3-70b", system="8xh100", prefill_layout="tp2", decode_layout="tp2", isl=4000, osl=500)
    )
    # 80 layers of 2 x 8 heads x 128 values x 2 bytes, shared by two GPUs; each sends at 450 GB/s.
    expected = 4000 * 80 * 2 * 8 * 128 * 2 / 2 / 450e9
    assert transfer_of(deployment)(4000) == pytest.approx(expected, rel=1e-6)
