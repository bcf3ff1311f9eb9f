"""The simulator against a plain one that touches every token of every request (tests/simulate/reference.py)."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from simulate.cases import Case, cases, drafting, gathering
from simulate.reference import simulate as plainly

from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import POLICIES
from tokenroof.simulate.run import Outcome, simulate

_SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _both(case: Case) -> None:
    arrivals = [round(moment - case.arrivals[0], 9) for moment in case.arrivals]  # not a rounding error from a multiple
    closed = {"concurrency": case.concurrency, "think_s": case.think_s}
    slow = plainly(arrivals, case.isl, case.osl, case.machine, case.rules, **closed)
    requests = Requests(arrival_s=np.array(arrivals), isl=np.array(case.isl), osl=np.array(case.osl))
    fast = simulate(requests, case.machine, case.rules, **closed)
    _equal(slow.start_s, fast.started_s)
    _equal(slow.first_s, fast.first_s)
    _equal(slow.end_s, fast.end_s)
    assert (fast.put_back, fast.rejected, fast.steps) == (slow.preemptions, len(slow.rejected), slow.steps)
    _conserved(fast, case)


def _equal(slow: list[float | None], fast: np.ndarray) -> None:
    expected = [np.nan if moment is None else moment for moment in slow]
    np.testing.assert_allclose(fast, expected, rtol=1e-6, atol=1e-9)


def _conserved(outcome: Outcome, case: Case) -> None:
    assert outcome.done.sum() + outcome.rejected == len(case.isl)
    assert outcome.least_free_blocks >= 0


@pytest.mark.parametrize("policy", POLICIES)
def test_every_request_has_the_times_of_the_plain_simulator(policy: str) -> None:
    @_SLOW
    @given(cases((policy,)))
    def equal(case: Case) -> None:
        _both(case)

    equal()


@settings(_SLOW, max_examples=150)
@given(gathering())
def test_prompts_of_ranks_gather_as_in_the_plain_simulator(case: Case) -> None:
    _both(case)


@settings(_SLOW, max_examples=150)
@given(drafting())
def test_drafts_are_accepted_as_in_the_plain_simulator(case: Case) -> None:
    _both(case)
