"""The quick loop for one rank does what the general one does, and what the plain simulator does."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulate.cases import Case, Machine, cases
from simulate.reference import simulate as plainly

from tokenroof.scenario.resolve import resolve
from tokenroof.simulate.arrivals import closed_loop, synthetic
from tokenroof.simulate.binding import rules_of, table_of
from tokenroof.simulate.quick import quick
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.run import simulate
from tokenroof.simulate.step_times import Chunk
from tokenroof.simulate.straight import Piece, straight
from tokenroof.types.scenario import Scenario

POLICIES = ("mixed", "prompts-first")
_SLOW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class OneRank:
    """A machine of the random cases as straight times. Decode is cut into pieces, which must make no difference."""

    def __init__(self, machine: Machine, longest: float = math.inf) -> None:
        self.machine, self.longest = machine, longest
        self.by_tokens = self.by_logits = [0.0] * 4096
        self.empty_s, self.mixed_floor_s, self.prompts_floor_s = machine.base, 0.0, 0.0

    def piece(self, n: int, contexts: float) -> Piece:
        """As far as the next multiple of `longest`."""
        low = contexts // self.longest * self.longest if self.longest < math.inf else 0.0
        seconds = self.machine.base + self.machine.per_decode * n
        return Piece(low, low + self.longest, seconds, seconds, self.machine.per_context)

    def prompts_s(self, chunks: Sequence[Chunk]) -> float:
        """What the machine takes beyond its base."""
        return self.machine([(0, 0, list(chunks))]) - self.machine.base


def _requests(case: Case) -> Requests:
    arrivals = np.array(case.arrivals) - case.arrivals[0]
    return Requests(arrival_s=arrivals, isl=np.array(case.isl), osl=np.array(case.osl))


@pytest.mark.parametrize("policy", POLICIES)
def test_every_request_has_the_times_of_the_plain_simulator(policy: str) -> None:
    @_SLOW
    @given(cases((policy,)), st.sampled_from((math.inf, 64.0, 7.0)))
    def equal(case: Case, longest: float) -> None:
        case = replace(case, rules=replace(case.rules, ranks=1, stages=(1.0,)))
        requests, closed = _requests(case), {"concurrency": case.concurrency, "think_s": case.think_s}
        parts = quick(requests, OneRank(case.machine, longest), case.rules, **closed)
        slow = plainly(requests.arrival_s.tolist(), case.isl, case.osl, case.machine, case.rules, **closed)
        if parts is None:
            assert slow.rejected and case.concurrency is not None
            return
        ((rows, fast),) = parts
        assert [row for row in range(len(requests)) if row not in slow.rejected] == rows.tolist()
        for found, right in ((fast.started_s, slow.start_s), (fast.first_s, slow.first_s), (fast.end_s, slow.end_s)):
            np.testing.assert_allclose(found, [right[row] for row in rows], rtol=1e-6, atol=1e-9)
        assert (fast.put_back, fast.steps) == (slow.preemptions, slow.steps)
        assert math.isclose(fast.busy_s, slow.busy_s, rel_tol=1e-9, abs_tol=1e-12)
        assert case.rules.blocks - fast.least_free == slow.most_blocks

    equal()


def _coalesced(events: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Decode steps of the same requests in a row as one event: start, end, steps, decodes, prompt tokens, free."""
    joined: list[tuple[float, ...]] = []
    for event in events:
        last = joined[-1] if joined else None
        if last and not event[4] and not last[4] and event[3] == last[3] and event[0] == last[1]:
            joined[-1] = (last[0], event[1], last[2] + event[2], *event[3:])
        else:
            joined.append(event)
    return joined


_LOADS = {
    "few": (synthetic(400, rate=5.0, isl="lognormal:1155:1", osl="lognormal:211:.8", seed=1), {}, None),
    "many": (synthetic(800, rate=60.0, isl="lognormal:1155:1", osl="lognormal:211:.8", seed=2), {}, 4000),
    "long": (synthetic(300, rate=8.0, isl="lognormal:12035:1.3", osl="exp:343", seed=3), {}, 6000),
    "closed": (closed_loop(600, isl="lognormal:1155:1", osl="lognormal:211:.8", seed=4), {"concurrency": 64}, None),
    "thinking": (
        closed_loop(300, isl="lognormal:900:1", osl="fixed:1", seed=5), {"concurrency": 9, "think_s": 0.3}, 4000,
    ),
}  # fmt: skip


@pytest.mark.parametrize("load", _LOADS)
@pytest.mark.parametrize("model", ["llama-3.1-8b", "gemma-3-27b"])
@pytest.mark.parametrize("rule", [{}, {"policy": "prompts-first"}, {"reserve": "output"}], ids=str)
def test_a_real_machine_as_the_general_loop(load: str, model: str, rule: dict[str, str]) -> None:
    requests, closed, blocks = _LOADS[load]
    deployment = resolve(Scenario(model=model, system="h100"))
    table, rules = table_of(deployment), replace(rules_of(deployment), **rule)
    if blocks is not None:
        rules = replace(rules, blocks=blocks)
    told: tuple[list, list] = ([], [])
    fast = simulate(requests, table, rules, **closed, watch=lambda *event: told[0].append(event))
    slow = simulate(requests, table.__call__, rules, **closed, watch=lambda *event: told[1].append(event))
    for name in ("arrival_s", "started_s", "first_s", "end_s"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-9, atol=1e-9)
    for name in ("steps", "put_back", "rejected", "least_free_blocks"):
        assert getattr(fast, name) == getattr(slow, name)
    assert math.isclose(fast.busy_s, slow.busy_s, rel_tol=1e-9)
    assert (load == "many" and not rule) <= (fast.put_back > 0)
    events = [np.array(_coalesced(one)) for one in told]
    np.testing.assert_allclose(*events, rtol=1e-9, atol=1e-9)


def test_replicas_by_turns_as_the_general_loop() -> None:
    """The largest request is rejected, and has had its turn."""
    requests = synthetic(300, rate=30.0, isl="lognormal:1155:1", osl="lognormal:211:.8", seed=6)
    deployment = resolve(Scenario(model="llama-3.1-8b", system="h100"))
    table, rules = table_of(deployment), replace(rules_of(deployment), blocks=int(requests.isl.max()) // 16)
    fast = simulate(requests, table, rules, replicas=3, request_s=0.25)
    slow = simulate(requests, table.__call__, rules, replicas=3, request_s=0.25)
    assert fast.rejected == slow.rejected > 0
    assert (fast.steps, fast.put_back, fast.least_free_blocks) == (slow.steps, slow.put_back, slow.least_free_blocks)
    for name in ("started_s", "first_s", "end_s"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-9)
    held = np.isfinite(slow.end_s)
    assert (fast.replica[held] == slow.replica[held]).all()


def test_time_outside_the_steps_may_be_each_requests_own() -> None:
    """Added to its first token and its end, in the quick loop, with replicas and in the general one."""
    requests = synthetic(50, rate=3.0, isl="lognormal:1155:1", osl="20", seed=6)
    deployment = resolve(Scenario(model="llama-3.1-8b", system="h100"))
    table, rules, own_s = table_of(deployment), rules_of(deployment), requests.isl * 6e-6
    for times, replicas in ((table, 1), (table, 2), (table.__call__, 2)):
        plain = simulate(requests, times, rules, replicas=replicas)
        more = simulate(requests, times, rules, replicas=replicas, request_s=own_s)
        np.testing.assert_allclose(more.ttft_s - plain.ttft_s, own_s, atol=1e-12)
        np.testing.assert_allclose(more.end_s - plain.end_s, own_s, atol=1e-12)


@pytest.mark.parametrize(("model", "system", "layout"), [
    ("llama-3.1-8b", "h100", {}),
    ("qwen3-32b", "4xh100", {"tp": 4}),
    ("gemma-3-27b", "h100", {}),
    ("gpt-oss-120b", "2xh100", {"tp": 2}),
])  # fmt: skip
def test_straight_times_are_those_of_the_table(model: str, system: str, layout: dict[str, int]) -> None:
    table = table_of(resolve(Scenario(model=model, system=system, **layout)))
    times = straight(table)
    assert times is not None

    lengths = st.integers(1, 2500)

    @settings(max_examples=300, deadline=None)
    @given(st.integers(0, 300), st.integers(1, 300 * 3000), st.lists(st.tuples(lengths, lengths), max_size=3))
    def equal(n: int, contexts: int, prompts: list[tuple[int, int]]) -> None:
        contexts = max(contexts, n)
        chunks = [(new, before + new) for new, before in prompts]
        fresh = sum(new for new, _ in chunks)
        if not n and not fresh:
            return
        right = table([(n, contexts if n else 0, chunks)])
        if n:
            piece = times.piece(n, contexts)
            assert piece.low <= contexts <= piece.high
            if not chunks:
                assert math.isclose(piece.alone_s + piece.slope_s * contexts, right, rel_tol=1e-12)
                for at in (piece.low, piece.high):
                    if n <= at < math.inf:
                        there = table([(n, at, ())])
                        assert math.isclose(piece.alone_s + piece.slope_s * at, there, rel_tol=1e-12)
                return
            decodes, floor = piece.beside_s + piece.slope_s * contexts, times.mixed_floor_s
        else:
            decodes, floor = times.empty_s, times.prompts_floor_s
        found = decodes + times.prompts_s(chunks) + times.by_tokens[n + fresh] + times.by_logits[n + len(chunks)]
        assert math.isclose(max(found, floor), right, rel_tol=1e-12)

    equal()


def test_an_interrupt_leaves_what_was_done() -> None:
    requests = synthetic(50, rate=5.0, isl="fixed:500", osl="fixed:100", seed=7)
    deployment = resolve(Scenario(model="llama-3.1-8b", system="h100"))
    told: list[float] = []

    def watch(start: float, end: float, *_: int) -> None:
        told.append(end)
        if len(told) == 60:
            raise KeyboardInterrupt

    times, rules = straight(table_of(deployment)), rules_of(deployment)
    ((_, part),) = quick(requests, times, rules, watch=watch)
    ((_, whole),) = quick(requests, times, rules)
    ended = np.array(part.end_s) >= 0.0
    assert part.stopped and not whole.stopped
    assert 0 < ended.sum() < len(requests)
    assert (np.array(part.end_s)[ended] == np.array(whole.end_s)[ended]).all()
    assert (np.array(whole.end_s) < told[-1]).sum() == ended.sum()


def test_an_interrupt_finds_all_replicas_at_about_the_same_moment() -> None:
    deployment = resolve(Scenario(model="llama-3.1-8b", system="h100"))
    table, rules = table_of(deployment), rules_of(deployment)
    requests, events = synthetic(3000, rate=10.0, isl="exp:500", osl="exp:100", seed=2), 0

    def watch(*event: float) -> None:
        nonlocal events
        events += 1
        if events == 3000:
            raise KeyboardInterrupt

    whole = simulate(requests, table, rules, replicas=3)
    part = simulate(requests, table, rules, replicas=3, watch=watch)
    assert part.stopped_s is not None and 0.1 * whole.duration_s < part.stopped_s < 0.9 * whole.duration_s
    # None of them has yet to come there: who is ahead does not make the others look late.
    assert part.stopped_s == min(np.nanmax(part.end_s[part.replica == one]) for one in range(3))
    np.testing.assert_array_equal(part.end_s[part.done], whole.end_s[part.done])
    last_s = [part.end_s[part.done & (part.replica == one)].max() for one in range(3)]
    assert np.ptp(last_s) < 0.1 * whole.duration_s and part.put_back == 0
