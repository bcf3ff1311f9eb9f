"""`next`: beliefs by hand, the greedy choice, questions that settle, commands that their importers read back."""

import math
from pathlib import Path

import numpy as np
import pytest

from tokenroof.errors import InputError
from tokenroof.measure.calibrate import Problem
from tokenroof.measure.design import Belief, believed
from tokenroof.scenario.ranges import spread
from tokenroof.schema.other import other_of
from tokenroof.usecases.calibrate.run import CalibrateRequest, calibrate, observed
from tokenroof.usecases.compare.points import points_of
from tokenroof.usecases.measured.predict import Forecaster
from tokenroof.usecases.next.answer import NextRequest
from tokenroof.usecases.next.run import next_runs
from tokenroof.usecases.runs.request import Told

SWEEP = Path(__file__).parents[2] / "examples" / "results" / "sweep.csv"
OPEN = {"model": "llama-3.1-8b", "system": "h100", "isl": 1000.0, "osl": 200.0, "concurrency": 64.0}


def two(correlation: float, noise: float) -> Belief:
    sd = 0.2
    both = sd * sd * np.array([[1.0, correlation], [correlation, 1.0]])
    return Belief(np.zeros(2), both, np.array([noise, noise]) ** 2)


def test_a_measurement_by_hand() -> None:
    """Of variances 0.04 with a correlation of 0.8 and no noise: 0.04 x (1 - 0.64) is left, the mean moves by 0.8."""
    belief = two(0.8, 1e-6)
    answer = np.array([1.0, 0.0])
    after = belief.after([1], np.array([0.1]))
    assert after.sd(answer) == pytest.approx(0.2 * math.sqrt(1.0 - 0.64), rel=1e-6)
    assert float(after.mean[0]) == pytest.approx(0.08, rel=1e-6)
    noisy = two(0.8, 0.2).after([1], np.array([0.1]))  # noise as large as the belief: half of it counts
    assert float(noisy.mean[0]) == pytest.approx(0.04, rel=1e-6)


def test_cheap_runs_are_taken_where_they_do_half_as_much() -> None:
    both = 0.04 * np.array([[1.0, 0.9, 0.8, 0.2], [0.9, 1.0, 0.0, 0.0], [0.8, 0.0, 1.0, 0.0], [0.2, 0.0, 0.0, 1.0]])
    belief = Belief(np.zeros(4), both, np.full(4, 1e-4))
    answer, runs = np.array([1.0, 0.0, 0.0, 0.0]), [[1], [2], [3]]
    assert belief.best(answer, runs, [1.0, 1.0, 1.0]) == 0
    assert belief.best(answer, runs, [2.0, 1.0, 1.0]) == 1  # 0.8 does 1.0 for one minute, 0.9 does 1.6 for two
    assert belief.best(answer, runs, [9.0, 9.0, 0.1]) == 0  # cheap, but it says nearly nothing
    assert belief.best(np.array([0.0, 0.0, 0.0, 1.0]), [[1]], [1.0]) is None


def test_beliefs_are_as_wide_as_the_shipped_range() -> None:
    known = observed(points_of(Told(results=(str(SWEEP),))).points)
    problem = Problem.of(known)
    forecaster = Forecaster()
    profile = forecaster.deployments.of(known[0].setup)[0].profile
    belief = believed(problem, profile)
    for at, case in enumerate(problem.cases):
        width = 1.2815515655446004 * math.sqrt(belief.covariance[at, at])
        assert width == pytest.approx(spread(case.quantity, profile), rel=0.05)
        assert math.exp(belief.mean[at]) == pytest.approx(forecaster.quantities(case.setup)[case.quantity].value)
    assert np.linalg.eigvalsh(belief.covariance).min() > -1e-9


def test_a_close_limit_asks_for_runs_and_a_far_one_for_none() -> None:
    close = next_runs(NextRequest(**OPEN, tpot=0.018))  # type: ignore[arg-type]
    assert not close.settled and 1 <= len(close.proposed) <= 3
    factors = [close.factor_now, *(one.factor_after for one in close.proposed)]
    assert factors == sorted(factors, reverse=True) and factors[-1] < 1.0 + 0.7 * (factors[0] - 1.0)
    assert close.gpu_minutes == pytest.approx(sum(one.gpu_minutes for one in close.proposed))
    far = next_runs(NextRequest(**OPEN, tpot=0.1))  # type: ignore[arg-type]
    assert far.settled and far.proposed == () and far.sentence.startswith("Yes, with a probability of more than 99 %")


def test_results_are_learnt_from() -> None:
    """The made-up server is slower than shipped: at 64 at once 16.0 ms by prediction, 19.7 as it was measured."""
    found = next_runs(NextRequest(**OPEN, tpot=0.018, results=(str(SWEEP),)))  # type: ignore[arg-type]
    assert found.before.value.value == pytest.approx(16.0e-3, rel=0.02)
    assert found.now.value.value == pytest.approx(19.7e-3, rel=0.03)
    assert found.factor_now < 1.09 < found.factor_before and found.settled
    assert found.now.chance is not None and found.now.chance < 0.1 < (found.before.chance or 0.0)
    assert len(found.learnt) == 32 and "TPOT +" in found.learnt[0] + found.learnt[1]


def test_results_that_the_profile_was_calibrated_on_are_not_counted_again(tmp_path: Path) -> None:
    """16 runs are in the profile: they say nothing more of it. One that was not is learnt from."""
    mine, rows = tmp_path / "mine.toml", SWEEP.read_text(encoding="utf-8").splitlines()
    calibrate(CalibrateRequest(results=(str(SWEEP),), save=str(mine)))
    question = {**OPEN, "tpot": 0.018, "profile": str(mine)}
    again = next_runs(NextRequest(**question, results=(str(SWEEP),)))  # type: ignore[arg-type]
    assert again.learnt == () and again.now == again.before
    assert again.skipped == (("the profile was calibrated on them", 16),)
    tpot = next(at for at, row in enumerate(rows) if ",tpot_ms," in row)
    value = rows[tpot].split(",tpot_ms,")[1].split(",")[0]
    other = tmp_path / "other.csv"
    other.write_text(
        "\n".join([rows[0], rows[tpot].replace(f",tpot_ms,{value}", ",tpot_ms,8.125")]) + "\n", encoding="utf-8"
    )
    fresh = next_runs(NextRequest(**question, results=(str(SWEEP), str(other))))  # type: ignore[arg-type]
    assert len(fresh.learnt) == 1 and fresh.now != fresh.before


def test_a_against_b_and_gpus() -> None:
    big = {"model": "llama-3.3-70b", "system": "8xh100", "weight_dtype": "fp8", "isl": 1000.0, "osl": 200.0}
    asked = NextRequest(**big, tp=4, concurrency=64.0, against="llama-3.3-70b@8xh100,tp=8,weight_dtype=fp8")  # type: ignore[arg-type]
    better = next_runs(asked, other_of(asked))
    assert better.question == "better" and better.now.value.value > 1.0
    assert better.now.chance is not None and better.now.chance > 0.5
    gpus = next_runs(NextRequest(**big, tp=4, request_rate=40.0, tpot=0.03, question="gpus"))  # type: ignore[arg-type]
    low, high = gpus.now.value.low, gpus.now.value.high
    assert low is not None and high is not None and low <= gpus.now.value.value <= high
    assert all(one % 4 == 0 for one in (low, high, gpus.now.value.value))


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("vllm", ("vllm bench serve", "--max-concurrency", "--random-input-len")),
        ("sglang", ("sglang.bench_serving", "--random-range-ratio 1")), ("guidellm", ("guidellm benchmark", "--rate")),
    ],
)  # fmt: skip
def test_commands_are_of_the_tool(tool: str, words: tuple[str, ...]) -> None:
    found = next_runs(NextRequest(**OPEN, tpot=0.018, tool=tool, runs=1))  # type: ignore[arg-type]
    assert all(word in found.proposed[0].command for word in words)
    assert f"{found.proposed[0].concurrency:.0f}" in found.proposed[0].command


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "a limit on latency"), ({"question": "better"}, "the other scenario"),
        ({"question": "gpus"}, "limits that GPUs are counted within"), ({"tool": "wrk", "tpot": 0.02}, "tool"),
        ({"question": "gpus", "tpot": 0.02}, "the load that GPUs are counted for"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        next_runs(NextRequest(**{**OPEN, **given}))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
