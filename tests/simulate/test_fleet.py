"""Several replicas, and prefill and decode apart: by hand, and against the plain fleet on random cases."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulate.cases import MACHINES, Case, cases, drafting, gathering
from simulate.reference_fleet import Seen
from simulate.reference_fleet import simulate as plainly

from tokenroof.errors import InputError
from tokenroof.simulate.disagg import Apart, Role, simulate_apart
from tokenroof.simulate.fleet import ROUTERS
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import POLICIES, Rules
from tokenroof.simulate.run import Outcome, simulate

ONE = MACHINES[0]
_SLOW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_PLAIN = ROUTERS[:2]  # the third looks into caches: test_cached.py
_MOVING = tuple(policy for policy in POLICIES if policy != "static")


def _requests(arrivals: list[float], isl: list[int], osl: list[int]) -> Requests:
    return Requests(arrival_s=np.array(arrivals), isl=np.array(isl), osl=np.array(osl))


def _of(case: Case) -> Requests:
    arrivals = [round(moment - case.arrivals[0], 9) for moment in case.arrivals]  # not a rounding error from a multiple
    return _requests(arrivals, case.isl, case.osl)


def _equal(slow: Seen, fast: Outcome) -> None:
    pairs = ((slow.start_s, fast.started_s), (slow.first_s, fast.first_s), (slow.end_s, fast.end_s))
    for expected, found in pairs:
        times = [np.nan if moment is None else moment for moment in expected]
        np.testing.assert_allclose(found, times, rtol=1e-6, atol=1e-9)
    assert (fast.put_back, fast.rejected, fast.steps) == (slow.preemptions, len(slow.rejected), slow.steps)
    assert fast.done.sum() + fast.rejected == len(fast.isl)


@_SLOW
@given(cases(), st.integers(2, 3), st.sampled_from(_PLAIN))
def test_several_replicas_are_those_of_the_plain_fleet(case: Case, replicas: int, router: str) -> None:
    requests, loop = _of(case), {"concurrency": case.concurrency, "think_s": case.think_s, "router": router}
    pools = [(case.rules, case.machine, replicas)]
    slow = plainly(requests.arrival_s.tolist(), case.isl, case.osl, pools, **loop)
    fast = simulate(requests, case.machine, case.rules, replicas=replicas, **loop)
    _equal(slow, fast)
    assert [at for at in slow.replica if at is not None] == fast.replica[fast.done].tolist()


@_SLOW
@given(st.one_of(cases(_MOVING), gathering(), drafting(_MOVING)), cases(_MOVING), st.integers(1, 3), st.integers(1, 3),
       st.sampled_from(_PLAIN), st.sampled_from((0.0, 0.25, 0.0437)))  # fmt: skip
def test_prefill_and_decode_apart_are_those_of_the_plain_fleet(
    case: Case, other: Case, fronts: int, backs: int, router: str, link: float
) -> None:
    requests, loop = _of(case), {"concurrency": case.concurrency, "think_s": case.think_s, "router": router}
    pools = [(other.rules, other.machine, fronts), (case.rules, case.machine, backs)]
    slow = plainly(requests.arrival_s.tolist(), case.isl, case.osl, pools, transfer=lambda isl: link * isl, **loop)
    prefill, decode = (Role(times=times, rules=rules, replicas=number) for rules, times, number in pools)
    _equal(slow, simulate_apart(requests, prefill, decode, lambda isl: link * isl, **loop))


def _apart(arrivals: list[float], isl: list[int], osl: list[int], link_s: float = 0.5, **decode: int) -> Apart:
    prefill = Role(times=ONE, rules=Rules(token_budget=4))
    return simulate_apart(
        _requests(arrivals, isl, osl), prefill, Role(times=ONE, rules=Rules(**decode)), lambda isl: link_s * isl
    )


def test_a_request_decodes_when_its_cache_has_arrived() -> None:
    # Prefill 0 to 1 and 1 to 2. A's 2 tokens arrive at 2, B's 3 at 3.5, in the step from 3 to 4. The worker that
    # decodes answers: first tokens are seen at 2 and 4.
    out = _apart([0.0, 0.0], [2, 3], [3, 2])
    assert out.prefilled_s.tolist() == [1.0, 2.0]
    assert out.first_s.tolist() == out.joined_s.tolist() == [2.0, 4.0]
    assert out.end_s.tolist() == [4.0, 5.0]
    assert (out.steps, out.prefill_steps, out.prefill_busy_s, out.busy_s) == (5, 2, 2.0, 5.0)


def test_an_answer_of_one_token_never_leaves_prefill() -> None:
    out = _apart([0.0], [4], [1])
    assert (out.end_s.tolist(), out.steps) == ([1.0], 1)


def test_who_finds_no_memory_waits_and_who_loses_it_is_prefilled_again_where_it_decodes() -> None:
    # Both have arrived at 2 and hold 3 blocks each of 6. The step at 3 puts B back, which A's end lets in again: its
    # 2 + 2 tokens are prefilled, and yield the last.
    out = _apart([0.0, 0.0], [2, 2], [3, 3], block_tokens=1, blocks=6)
    assert (out.put_back, out.end_s.tolist()) == (1, [4.0, 5.0])
    out = _apart([0.0, 0.0], [2, 2], [4, 3], block_tokens=1, blocks=6)
    assert (out.put_back, out.end_s.tolist()) == (1, [5.0, 6.0])
    out = _apart([0.0, 0.0], [2, 2], [3, 3], block_tokens=1, blocks=5)
    assert (out.put_back, out.end_s.tolist()) == (0, [4.0, 6.0])


def test_what_either_pool_could_not_hold_is_rejected_on_arrival() -> None:
    out = _apart([0.0, 0.0], [4, 2], [3, 2], block_tokens=1, blocks=5)
    assert (out.rejected, np.isnan(out.first_s).tolist(), out.end_s[1]) == (1, [True, False], 3.0)


def test_where_prompts_go_first_the_budget_of_prompts_is_none_of_decodes() -> None:
    # Both join at 1. Decode steps have no budget: the second must not wait for a step that could take it all the same.
    out = _apart([0.0, 0.0], [1, 1], [6, 6], 0.0, policy="prompts-first", token_budget=1)
    assert out.end_s.tolist() == [6.0, 6.0]


def test_requests_go_to_the_replica_with_the_fewest_or_in_turn() -> None:
    requests = _requests([0.0, 0.5, 1.5], [1, 1, 1], [4, 1, 1])
    assert simulate(requests, ONE, Rules(), replicas=2, router="least-loaded").replica.tolist() == [0, 1, 1]
    assert simulate(requests, ONE, Rules(), replicas=2).replica.tolist() == [0, 1, 0]


def test_bad_input_is_named() -> None:
    requests, role = _requests([0.0], [1], [1]), Role(times=ONE, rules=Rules())
    with pytest.raises(InputError, match="static"):
        simulate_apart(requests, role, replace(role, rules=Rules(policy="static")), float)
    with pytest.raises(InputError, match="at least 1"):
        simulate_apart(requests, replace(role, replicas=0), role, float)
    with pytest.raises(InputError, match="router"):
        simulate(requests, ONE, Rules(), router="nearest")
    with pytest.raises(InputError, match="nothing to find"):
        simulate(requests, ONE, Rules(), replicas=2, router="prefix-aware")
