"""The prefix cache inside the simulator: by hand, and against the plain one on random cases."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulate.cases import MACHINES, Case, cases, gathering
from simulate.reference import Request
from simulate.reference_cache import CachedReplica
from simulate.reference_fleet import simulate as plainly

from tokenroof.errors import InputError
from tokenroof.simulate.disagg import Role, simulate_apart
from tokenroof.simulate.fleet import ROUTERS
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Outcome, Tiers, simulate

ONE = MACHINES[0]


def _requests(arrivals: list[float], isl: list[int], osl: list[int], ids: list[list[int]], size: int) -> Requests:
    return Requests(
        arrival_s=np.array(arrivals), isl=np.array(isl), osl=np.array(osl), block_tokens=size,
        block_offsets=np.cumsum([0, *map(len, ids)]),
        block_ids=np.array([one for row in ids for one in row], dtype=np.int64),
    )  # fmt: skip


@st.composite
def _sharing(draw: st.DrawFn) -> tuple[Case, list[list[int]], Tiers]:
    """Prompts that are paths in a tree, so that fronts are shared."""
    case = draw(st.one_of(cases(("mixed", "prompts-first", "train")), gathering()))
    case = replace(case, rules=replace(case.rules, reserve="pages", whole_prompts=True))
    ids: list[list[int]] = []
    for isl in case.isl:
        path = 0
        ids.append([])
        for _ in range(-(-isl // case.rules.block_tokens)):
            path = path * 3 + draw(st.sampled_from((1, 1, 1, 2)))
            ids[-1].append(path % 2**60)
    lower = draw(st.sampled_from(((), (4,), (3, 10))))
    return case, ids, Tiers(blocks=lower, reload_s=(0.125, 0.5)[: len(lower)])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_sharing())
def test_hits_and_times_are_those_of_the_plain_simulator(drawn: tuple[Case, list[list[int]], Tiers]) -> None:
    case, ids, tiers = drawn
    arrivals = [round(moment - case.arrivals[0], 9) for moment in case.arrivals]
    slow = CachedReplica(
        [Request(at, *sizes) for at, sizes in enumerate(zip(case.isl, case.osl, strict=True))],
        case.rules, case.machine, ids, tiers.blocks, tiers.reload_s,
    )  # fmt: skip
    slow.think_s = case.think_s
    everybody = list(range(len(case.isl)))
    slow.coming = [(time, index) for index, time in enumerate(arrivals)]
    if case.concurrency is not None:
        slow.coming = [(0.0, index) for index in everybody[: case.concurrency]]
        slow.followers = everybody[case.concurrency :]
    slow.run()
    requests = _requests(arrivals, case.isl, case.osl, ids, case.rules.block_tokens)
    fast = simulate(requests, case.machine, case.rules, concurrency=case.concurrency, think_s=case.think_s, cache=tiers)
    for name, found in (("start_s", fast.started_s), ("first_s", fast.first_s), ("end_s", fast.end_s)):
        expected = [np.nan if getattr(one, name) is None else getattr(one, name) for one in slow.requests]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert fast.hit_tokens == tuple(slow.hit_tokens)
    assert (fast.asked_tokens, fast.put_back, fast.steps) == (slow.asked_tokens, slow.preemptions, len(slow.steps))
    assert fast.least_free_blocks >= 0


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_sharing(), st.integers(2, 3), st.sampled_from(ROUTERS))
def test_several_replicas_keep_what_the_plain_fleets_do(
    drawn: tuple[Case, list[list[int]], Tiers], replicas: int, router: str
) -> None:
    case, ids, tiers = drawn
    arrivals = [round(moment - case.arrivals[0], 9) for moment in case.arrivals]
    loop = {"concurrency": case.concurrency, "think_s": case.think_s, "router": router}
    slow = plainly(arrivals, case.isl, case.osl, [(case.rules, case.machine, replicas)], ids=ids, tiers=tiers, **loop)
    requests = _requests(arrivals, case.isl, case.osl, ids, case.rules.block_tokens)
    fast = simulate(requests, case.machine, case.rules, replicas=replicas, cache=tiers, **loop)
    assert [at for at in slow.replica if at is not None] == fast.replica[fast.done].tolist()
    for expected, found in ((slow.start_s, fast.started_s), (slow.first_s, fast.first_s), (slow.end_s, fast.end_s)):
        times = [np.nan if moment is None else moment for moment in expected]
        np.testing.assert_allclose(found, times, rtol=1e-6, atol=1e-9)
    assert (fast.put_back, fast.rejected, fast.steps) == (slow.preemptions, len(slow.rejected), slow.steps)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_sharing(), cases(("mixed", "prompts-first", "train")), st.integers(1, 3), st.integers(1, 2),
       st.sampled_from(ROUTERS), st.sampled_from((0.0, 0.25, 0.0437)))  # fmt: skip
def test_prefill_workers_keep_what_the_plain_ones_do(
    drawn: tuple[Case, list[list[int]], Tiers], other: Case, fronts: int, backs: int, router: str, link: float
) -> None:
    case, ids, tiers = drawn
    arrivals = [round(moment - case.arrivals[0], 9) for moment in case.arrivals]
    loop = {"concurrency": case.concurrency, "think_s": case.think_s, "router": router}
    pools = [(case.rules, case.machine, fronts), (other.rules, other.machine, backs)]
    slow = plainly(arrivals, case.isl, case.osl, pools, ids=ids, tiers=tiers, transfer=lambda isl: link * isl, **loop)
    requests = _requests(arrivals, case.isl, case.osl, ids, case.rules.block_tokens)
    front, back = (Role(times=times, rules=rules, replicas=number) for rules, times, number in pools)
    fast = simulate_apart(requests, front, back, lambda isl: link * isl, cache=tiers, **loop)
    for expected, found in ((slow.start_s, fast.started_s), (slow.first_s, fast.first_s), (slow.end_s, fast.end_s)):
        times = [np.nan if moment is None else moment for moment in expected]
        np.testing.assert_allclose(found, times, rtol=1e-6, atol=1e-9)
    assert (fast.put_back, fast.rejected, fast.steps) == (slow.preemptions, len(slow.rejected), slow.steps)
    joined, sent, prefilled = fast.joined_s, fast.sent_s, fast.prefilled_s
    moved = fast.done & (fast.osl > 1)
    np.testing.assert_allclose(sent[moved] - prefilled[moved], link * fast.isl[moved], atol=1e-9)
    assert (joined[moved] >= sent[moved]).all() and np.isnan(joined[~moved]).all()


def test_a_router_that_looks_into_caches_sends_prompts_where_they_have_been() -> None:
    # A and B part, at once: nothing is found. C is A's, of which 2 of 3 blocks are there; D has 1 of 4: 0.25.
    ids = [[1, 2, 3], [7, 8, 9], [1, 2, 3], [1, 4, 5, 6]]
    requests = _requests([0.0, 0.0, 5.0, 5.5], [12, 12, 12, 16], [2, 2, 9, 1], ids, 4)
    rules = Rules(token_budget=100, block_tokens=4)
    seen = {router: simulate(requests, ONE, rules, replicas=2, router=router, cache=Tiers()) for router in ROUTERS}
    assert {router: one.replica.tolist() for router, one in seen.items()} == {
        "round-robin": [0, 1, 0, 1], "least-loaded": [0, 1, 0, 1], "prefix-aware": [0, 1, 0, 1],
    }  # fmt: skip
    requests = _requests([0.0, 0.0, 5.0, 5.5], [12, 12, 12, 12], [2, 2, 9, 1], [*ids[:2], ids[1], ids[1]], 4)
    found = simulate(requests, ONE, rules, replicas=2, router="prefix-aware", cache=Tiers())
    assert found.replica.tolist() == [0, 1, 1, 1]


def test_it_looks_away_where_one_has_too_many() -> None:
    # All start alike. 65 wait with the first replica when the next come: to the other, until it is 64 again.
    count = 70
    requests = _requests([0.0] + [5.0] * count, [8] * (count + 1), [1] * (count + 1), [[1, 2]] * (count + 1), 4)
    found = simulate(requests, ONE, Rules(block_tokens=4), replicas=2, router="prefix-aware", cache=Tiers())
    assert np.bincount(found.replica[1:]).tolist() == [67, 3]


def _three(**rules: int) -> Outcome:
    """B starts as A does, for two blocks of four tokens; C is A again. Each comes when the one before has ended."""
    requests = _requests([0.0, 10.0, 20.0], [12, 10, 12], [1, 1, 1], [[1, 2, 3], [1, 2, 4], [1, 2, 3]], 4)
    times = Rules(**({"token_budget": 2, "block_tokens": 4} | rules))
    return simulate(requests, ONE, times, cache=Tiers(blocks=(8,), reload_s=(0.25,)))


def test_what_is_found_is_not_prefilled() -> None:
    # In chunks of 2: 12, then 10 less 8, then the last block of A's 12, of which one token must be prefilled.
    out = _three()
    assert out.ttft_s.tolist() == [6.0, 1.0, 2.0]
    assert (out.hit_tokens, out.asked_tokens) == ((16, 0), 34)


def test_what_other_requests_push_out_comes_back_from_the_next_tier() -> None:
    # Memory holds 3 blocks: B's third pushes A's third out, and nothing of the first two.
    requests = _requests([0.0, 10.0, 20.0], [12, 12, 12], [1, 1, 1], [[1, 2, 3], [7, 8, 9], [1, 2, 3]], 4)
    out = simulate(
        requests, ONE, Rules(token_budget=12, block_tokens=4, blocks=3), cache=Tiers(blocks=(8,), reload_s=(0.25,))
    )
    assert (out.hit_tokens, out.ttft_s.tolist()) == ((0, 8), [1.0, 1.0, 1.5])


def test_blocks_in_use_are_held_once() -> None:
    # 6 blocks: alike prompts of 3 share two, so that two of them fit at once with a block of their own each.
    ids = [[1, 2, 3], [1, 2, 4]]
    alike = _requests([0.0, 0.5], [12, 12], [3, 3], ids, 4)
    rules = Rules(token_budget=12, block_tokens=4, blocks=6)
    kept = simulate(alike, ONE, rules, cache=Tiers())
    assert kept.started_s.tolist() == [0.0, 1.0]
    assert simulate(alike, ONE, rules).started_s.tolist() == [0.0, 3.0]


def test_a_block_that_another_holds_is_ones_own_until_it_is_full() -> None:
    # Two blocks, one with A's prompt and one with what it yields. B's whole prompt is the first, but its first chunk
    # needs a block of its own, which A leaves at 4.
    requests = _requests([0.0, 0.0], [4, 4], [3, 1], [[1], [1]], 4)
    out = simulate(requests, ONE, Rules(token_budget=2, block_tokens=4, blocks=2), cache=Tiers())
    assert out.started_s.tolist() == [0.0, 4.0]
    assert out.put_back == 0


def test_bad_input_is_named() -> None:
    plain = Requests(arrival_s=np.zeros(1), isl=np.ones(1), osl=np.ones(1))
    with pytest.raises(InputError, match="without ids"):
        simulate(plain, ONE, Rules(), cache=Tiers())
    with pytest.raises(InputError, match="static"):
        simulate(_requests([0.0], [4], [1], [[1]], 4), ONE, Rules(policy="static"), cache=Tiers())
    with pytest.raises(InputError, match="one number"):
        Tiers(blocks=(3,))
