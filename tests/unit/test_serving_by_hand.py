"""Serving formulas term by term on a made-up machine, each by hand: a pass costs a base, and so much a token.

The simulation in test_serving.py holds their sum to 6 to 15 %, which is wider than some of the terms.
"""

import math
from functools import lru_cache
from types import SimpleNamespace

import engine_cases as cases
import numpy as np
import pytest
from tests.serving_oracle import LinearMachine

from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.serving.apart import Pool, prompt_line, serve_apart, serve_apart_open
from tokenroof.serving.batch import static_batch
from tokenroof.serving.open_loop import serve_open
from tokenroof.serving.pipeline import stalled_passes
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import capacity, serve, serve_saturated
from tokenroof.types.engine import Scheduler
from tokenroof.types.program import Load
from tokenroof.xp import SCALAR

MIXED = Scheduler(name="mixed", token_budget=8192)
FIRST = Scheduler(name="first", mixed=False, token_budget=8192)


def staged(pp, layers):
    return SimpleNamespace(
        layout=SimpleNamespace(dp=1, pp=pp, n_gpus=pp), vectorised=False, layers=layers
    )  # fmt: skip


class Attentive(LinearMachine):
    """Prompt passes cost 1 s a token, for each token that the last new one sees, nothing else."""

    def step(self, *, decode=None, prefill=None):
        return SimpleNamespace(step_s=0.0 if prefill is None else prefill.tokens * prefill.context)


def closed(machine, policy, concurrency, isl, osl, **more):
    return serve(machine, None, policy, concurrency=concurrency, isl=isl, osl=osl, limit=more.pop("limit", 1e9), **more)


# ---------------------------------------------------------------- passes


def test_pieces_of_a_long_prompt_cost_what_their_places_do():
    """32,768 tokens in four pieces of 8,192 that end at 8,192, 16,384, 24,576 and 32,768: 20,480 on average."""
    passes = Passes(Attentive(), FIRST, 32768.0, 32768.0, 0.0, SCALAR)
    found = passes.prompts(1.0, 0.0, 0.0)
    assert found.passes == 4
    assert found.whole_s == pytest.approx(sum(8192.0 * end for end in (8192, 16384, 24576, 32768)))


def test_pieces_after_a_cached_prefix_see_it_too():
    """Of 32,768 tokens 16,384 are cached: two pieces, which end at 24,576 and 32,768."""
    found = Passes(Attentive(), FIRST, 32768.0, 16384.0, 0.0, SCALAR).prompts(1.0, 0.0, 0.0)
    assert found.whole_s == pytest.approx(8192.0 * (24576 + 32768))


def test_a_group_of_short_prompts_fills_passes_whole():
    """12 prompts of 1,024 in budgets of 8,192: two passes, six prompts each, all to their ends."""
    found = Passes(Attentive(), FIRST, 1024.0, 1024.0, 0.0, SCALAR).prompts(12.0, 0.0, 0.0)
    assert (found.passes, found.whole_s) == (2, pytest.approx(12 * 1024.0 * 1024.0))


def test_every_dp_group_has_a_budget_but_one_prompt_uses_one():
    """Four groups: 32,768 tokens of four prompts or more in a pass; a single prompt still takes 8,192 at a time."""
    machine = LinearMachine(program=SimpleNamespace(layout=SimpleNamespace(dp=4, pp=1), vectorised=False, layers=1))
    passes = Passes(machine, FIRST, 32768.0, 32768.0, 0.0, SCALAR)
    assert passes.prompts(1.0, 0.0, 0.0).passes == 4
    assert passes.prompts(4.0, 0.0, 0.0).passes == 4
    assert passes.prompts(8.0, 0.0, 0.0).passes == 8


def test_stages_take_turns_and_the_fullest_sets_the_pace():
    """10 layers on 4 stages: the fullest has 3. 8 sequences: 4 micro-batches of 2, a turn each of 3/10 of a pass.

    A token needs 4 turns. With 2 sequences there are 2 micro-batches of one: nobody waits, one pass through all.
    """
    machine = LinearMachine(base=1.0, per_sequence=0.1, per_token=0.0, program=staged(4, 10))
    passes = Passes(machine, FIRST, 1.0, 1.0, 0.0, SCALAR)
    assert passes.decode_s(8.0) == pytest.approx((1.0 + 2 * 0.1) * 4 * 0.3)
    assert passes.decode_s(4.0) == pytest.approx((1.0 + 0.1) * 4 * 0.3)
    assert passes.decode_s(2.0) == pytest.approx(1.0 + 0.1)


def test_prompts_follow_each_other_through_the_stages():
    """Two pieces of 8,192 tokens, 1 s each through all stages, 3/10 on the fullest: 1 s for the first, 0.3 s more."""
    machine = LinearMachine(base=0.0, per_sequence=0.0, per_token=1 / 8192, program=staged(4, 10))
    found = Passes(machine, FIRST, 16384.0, 16384.0, 0.0, SCALAR).prompts(1.0, 0.0, 0.0)
    assert found.whole_s == pytest.approx(1.3)
    assert found.extra_s == pytest.approx(0.6)


@pytest.mark.parametrize(("stages", "chance", "lost"), [
    (1, 0.3, 1.0),  # nobody else to wait
    (4, 1.0, 1.0),  # all are long: each is waited for once
    (4, 1e-9, 4.0),  # one among short ones is waited for at each stage
    (2, 0.5, 1.5),  # of four rounds one has none, three have one or two: 3/4 of a round lost for 1/2 a long pass
])  # fmt: skip
def test_what_a_long_pass_costs_the_others(stages, chance, lost):
    assert stalled_passes(stages, chance, SCALAR) == pytest.approx(lost, rel=1e-5)


# ---------------------------------------------------------------- closed loop


def test_rare_prompts_wait_for_half_a_pass_and_queue_little():
    """9 requests, 1,000 tokens at 10 us: a prompt's pass takes 10 ms more than one of decode, 10 ms; osl 1,000.

    A step brings a = 8 / 1000 prompts, so it has some with a chance of 1 - e^-a, then 1,000 a / (1 - e^-a) tokens in
    all: TPOT = 10 ms + a x 10 ms = 10.08 ms, and prompts take 0.08 / 10.08 of the time. First token: half of the step
    in progress (10 ms, or one with prompts in that share of the time), the prompt's own step, and the queue of a
    server that is busy for that share: 0.3 x that step x share / (1 - share).
    """
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=1e-5)
    found = closed(machine, MIXED, 9.0, 1000.0, 1000.0, range_ratio=0.8)
    share = 0.08 / 10.08
    assert found.tpot_s == pytest.approx(10.08e-3, rel=1e-9)
    assert found.prefill_share == pytest.approx(share, rel=1e-9)
    step = 10e-3 + 10e-3 * 0.008 / (1 - math.exp(-0.008))
    wait = (1 - share) * 5e-3 + share * step / 2
    assert found.ttft_s == pytest.approx(wait + step + 0.3 * step * share / (1 - share), rel=1e-6)


def test_groups_collect_prompts_for_half_of_the_time_until_the_last_comes():
    """Four dp groups, free prompts: with 8 requests of 100 tokens at 10 ms one comes every 125 ms, three others after
    375 ms; patience is 20 passes, 200 ms. On average half of the shorter: 100 ms. With 20 requests one comes every
    50 ms: 75 ms.
    """
    four = SimpleNamespace(layout=SimpleNamespace(dp=4, pp=1), vectorised=False, layers=1)
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=0.0, program=four)
    patient = Scheduler(name="patient", gather_passes=20.0)
    for held, wait in ((8.0, 0.100), (20.0, 0.075)):
        found, usual = (closed(machine, policy, held, 10.0, 100.0, range_ratio=0.8) for policy in (patient, MIXED))
        assert found.tpot_s == pytest.approx(10e-3)
        assert found.ttft_s - usual.ttft_s == pytest.approx(wait, rel=1e-9)


def test_the_queue_for_memory_is_whole_lives():
    """Free prompts, 30 requests where 10 fit: two lives of 100 passes of 10 ms are waited for, less where it begins.

    A life is the wait of half a pass, one pass for the prompt and 99 more: 1.005 s.
    """
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=0.0)
    found = closed(machine, MIXED, 30.0, 10.0, 100.0, range_ratio=0.8, limit=10.0)
    assert found.ttft_s == pytest.approx(15e-3 + 2 * 1.005, rel=1e-6)
    assert found.settled_ttft_s == pytest.approx(15e-3 + 2 * 1.005, rel=1e-6)
    # a run of 60: in the first half of it all come at once and find the queue half as long on average
    short = closed(machine, MIXED, 30.0, 10.0, 100.0, range_ratio=0.8, limit=10.0, requests=60.0)
    begin = 0.5 * 15e-3 + 0.5 * 10e-3  # the first wave's prompts ride on one pass
    assert short.ttft_s == pytest.approx(begin + 2 * 1.005 * 0.75, rel=0.01)


def test_a_run_that_ends_has_a_last_wave_that_thins_out():
    """Free prompts, 100 requests at once and 200 in all, lengths between 0.8 and 1 of the longest: the last half of the
    run loses half of (1 - 1/100) x (1 - 0.6 x 0.8) = 0.5148 of its places.
    """
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=0.0)
    run = closed(machine, MIXED, 100.0, 10.0, 100.0, range_ratio=0.8, requests=200.0)
    assert run.requests_per_s * run.e2e_s == pytest.approx(100 * (1 - 0.5 * 0.5 * 0.5148), rel=1e-9)
    endless = closed(machine, MIXED, 100.0, 10.0, 100.0, range_ratio=0.8)
    assert endless.requests_per_s * endless.e2e_s == pytest.approx(100, rel=1e-9)


# ---------------------------------------------------------------- saturation, open loop, static batch


def test_saturation_by_hand():
    """64 requests, steps of 10 ms; a prompt of 1,024 tokens takes 10.24 ms from each of the 63 others.

    TPOT = 10 ms + 63 x 10.24 ms / 512 = 11.26 ms. A place is held for a prompt's step and 511 more. Of the steps
    1 - e^-a have prompts, a = 63 / 512, of 1,024 a / (1 - e^-a) tokens.
    """
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=1e-5)
    found = serve_saturated(machine, None, MIXED, isl=1024.0, osl=512.0, limit=64.0)
    assert found.tpot_s == pytest.approx(11.26e-3, rel=1e-9)
    own = 10e-3 + 10.24e-3 * (63 / 512) / (1 - math.exp(-63 / 512))
    assert found.requests_per_s == pytest.approx(64 / (own + 511 * 11.26e-3), rel=1e-9)
    assert found.prefill_share == pytest.approx(1.26 / 11.26, rel=1e-9)


def seen_by_arrivals(rate, stay_s, value, most=40):
    """Mean of a value that depends on how many are inside, over those whom an arrival makes so many: one by one.

    p(n) goes as the product of rate x stay(k) / k, and who makes it n found n - 1.
    """
    chances = [1.0]
    for n in range(1, most):
        chances.append(chances[-1] * rate * stay_s(n) / n)
    return sum(chance * value(n) for n, chance in enumerate(chances, 1)) / sum(chances)


def with_prompts(prompts, step=10e-3, prompt=10e-3):
    """So many come per step at random: share of the steps that have some, and how many then.

    A step has prompts if one came during the step before it: c = p_short / (1 - p_long + p_short), and a long one takes
    10 ms more for each of its a / c.
    """
    rate = prompts / (step + prompt * prompts)
    chance = 1.0 - math.exp(-prompts)
    for _ in range(50):
        long_s = step + prompt * prompts / chance
        first, again = 1.0 - math.exp(-rate * step), 1.0 - math.exp(-rate * long_s)
        chance = first / (1.0 - again + first)
    return chance, prompts / chance, again


def test_an_open_loop_by_hand():
    """4 requests/s, steps of 10 ms and 10 ms more for each prompt in them: 0.1 ms for each token of the others.

    With n inside TPOT is 10 ms + (n - 1) x 0.1 ms and a stay a step with prompts and 99 of these. An arrival waits for
    the rest of the step under way, more often a long one, and for prompts that fill budgets of 8,192.
    """
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=1e-5)
    found = serve_open(machine, None, MIXED, rate=4.0, isl=1000.0, osl=100.0, limit=1e3)

    def tpot(n):
        return 10e-3 + (n - 1) * 0.1e-3

    def mix(n):
        return with_prompts(max((n - 1) / 100.0, 1e-5))

    def own(n):
        return 10e-3 + 10e-3 * mix(n)[1]

    def stay(n):
        return own(n) + 99 * tpot(n)

    def wait(n):
        chance = mix(n)[0]
        step = (1.0 - chance) * 10e-3 + chance * own(n)
        full = 4.0 * 1000.0 / 8192.0 * own(n)
        rest = ((1.0 - chance) * 10e-3**2 + chance * own(n) ** 2) / 2.0 / step
        return rest + full / (1.0 - full) * full * own(n) / 2.0

    def seen(value):
        return seen_by_arrivals(4.0, stay, value)

    assert found.tpot_s == pytest.approx(seen(tpot), rel=1e-5)  # three rounds of the fixed point
    assert found.tpot_s == pytest.approx(10e-3 / 0.96, rel=0.01)  # were the number inside always its mean
    assert found.prefill_share == pytest.approx(seen(lambda n: 1.0 - 10e-3 / tpot(n)), rel=1e-4)
    assert found.ttft_s == pytest.approx(seen(wait) + seen(own), rel=1e-5)
    assert found.in_flight == pytest.approx(4.0 * seen(stay), rel=1e-5)
    assert found.e2e_s == pytest.approx(found.ttft_s + 99 * found.tpot_s, rel=1e-9)  # the first token is there


def test_stages_wait_for_a_prompt_twice_where_prompts_are_rare():
    """Two stages of half the layers, 4 requests/s, osl 100: each stage's turn of 5 ms becomes 10 ms with a prompt.

    To each turn a = (n - 1) / 200 prompts come. A round takes as long as the worst of its two turns: those of the next
    begin that far apart, and take what came until then. One request alone has one micro-batch.
    """
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=1e-5, program=staged(2, 2))
    found = serve_open(machine, None, MIXED, rate=4.0, isl=1000.0, osl=100.0, limit=1e3)

    def largest(mean):
        """Mean of the larger of two Poisson counts."""
        chances = [math.exp(-mean) * mean**k / math.factorial(k) for k in range(30)]
        return sum(1.0 - sum(chances[: k + 1]) ** 2 for k in range(29))

    @lru_cache
    def settled(n):
        """Prompts of a round's worst turn, on average, and of a turn that has some."""
        prompts = (n - 1) / 200.0
        worst, rounds = prompts, 1.0 - math.exp(-2 * prompts)
        for _ in range(50):
            rate = prompts / (5e-3 + 5e-3 * worst)
            few, many = rate * 5e-3, rate * (5e-3 + 5e-3 * worst / rounds)
            first, again = 1.0 - math.exp(-2 * few), 1.0 - math.exp(-2 * many)
            rounds = first / (1.0 - again + first)
            worst = (1.0 - rounds) * largest(few) + rounds * largest(many)
        chance = (1.0 - rounds) * (1.0 - math.exp(-few)) + rounds * (1.0 - math.exp(-many))
        return worst, ((1.0 - rounds) * few + rounds * many) / chance

    def tpot(n):
        return 10e-3 + (2 * settled(n)[0] * 5e-3 if n > 1 else 0.0)

    def stay(n):
        return 10e-3 + 10e-3 * (settled(n)[1] if n > 1 else 1.0) + 99 * tpot(n)

    def seen(value):
        return seen_by_arrivals(4.0, stay, value)

    assert found.tpot_s == pytest.approx(seen(tpot), rel=1e-4)  # three rounds of the fixed point
    assert found.tpot_s == pytest.approx(seen(lambda n: 10e-3 + 2 * (n - 1) / 100.0 * 5e-3), rel=0.01)  # twice, if rare
    assert found.prefill_share == pytest.approx(seen(lambda n: 1.0 - 10e-3 / tpot(n)), rel=1e-3)


def test_next_to_nobody_at_random_arrivals_a_request_is_alone():
    """Once in a thousand seconds: steps of 10 ms, a prompt's own of 20 ms and half of one that never is under way."""
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=1e-5)
    found = serve_open(machine, None, MIXED, rate=1e-3, isl=1000.0, osl=100.0, limit=1e3)
    assert found.tpot_s == pytest.approx(10e-3, rel=1e-4)
    assert found.ttft_s == pytest.approx(25e-3, rel=1e-4)


def test_decode_workers_share_the_answers():
    """Three of them hold a third of the answers each, so a step is one of a third."""
    program = lower(cases.llama_3_8b())
    machine, rules = cases.system(n=4), Scheduler(name="none")
    timed = bind(program, machine)
    one, three = (Pool(timed=timed, system=machine, scheduler=rules, copies=n) for n in (1.0, 3.0))
    found = serve_apart(one, three, concurrency=96.0, isl=100.0, osl=1000.0)
    each = found.in_flight / 3
    step_s = timed.step(decode=Load(each, each, 600.0)).step_s
    assert found.tpot_s == pytest.approx(step_s, rel=1e-4)
    assert found.e2e_s == pytest.approx(found.ttft_s + 999 * found.tpot_s, rel=1e-9)


def apart_pools():
    machine, rules = cases.system(n=4), Scheduler(name="none", token_budget=8192.0)
    timed = bind(lower(cases.llama_3_8b()), machine)
    return [Pool(timed=timed, system=machine, scheduler=rules, copies=n) for n in (1.0, 3.0)]


@pytest.mark.parametrize("share", [1e-3, 0.4, 0.9])
def test_arrivals_at_random_before_separate_roles(share):
    """Little's law inside decode: rate x (answer + transfer + wait) are there. A first token waits for its cache, for
    half of the step under way, where there is one, and for memory.
    """
    pools, loads = apart_pools(), {"isl": 4000.0, "osl": 500.0, "transfer_s": 0.02}
    most = serve_apart_open(*pools, rate=1e9, **loads).requests_per_s
    found = serve_apart_open(*pools, rate=share * most, **loads)
    assert not found.saturated and found.requests_per_s == pytest.approx(share * most, rel=1e-9)
    answer_s = 499.0 * found.tpot_s
    handed_s = 0.02 + (1.0 - math.exp(-found.in_flight / 3.0)) * found.tpot_s / 2.0
    assert found.in_flight == pytest.approx(found.requests_per_s * (answer_s + handed_s), rel=1e-7)
    room = capacity(pools[1].timed, pools[1].system, pools[1].scheduler, isl=4000.0, osl=500.0)
    use = share * most / 3.0 * answer_s / room  # Sakasegawa, of every third arrival
    queue_s = (1.0 / 3.0) / 2.0 * answer_s / room * use ** (math.sqrt(2.0 * (room + 1.0)) - 1.0) / (1.0 - use)
    begin_s = prompt_line(pools[0], isl=4000.0).begin_s(share * most) + queue_s
    assert found.ttft_s == pytest.approx(begin_s + handed_s + pools[0].timed.profile.outside_s(4000.0), rel=1e-9)


def test_more_than_the_slower_role_keeps_up_with_has_no_end():
    pools, loads = apart_pools(), {"isl": 4000.0, "osl": 500.0}
    over = serve_apart_open(*pools, rate=1e9, **loads)
    assert over.saturated and over.ttft_s == math.inf
    assert over.requests_per_s == pytest.approx(serve_apart(*pools, concurrency=1e5, **loads).requests_per_s, rel=1e-6)


@pytest.mark.parametrize("users", [1.0, 40.0, 4000.0])
def test_users_who_read_are_away_reading_in_prefill_or_answered(users):
    pools, loads = apart_pools(), {"isl": 4000.0, "osl": 500.0, "transfer_s": 0.02}
    found = serve_apart(*pools, concurrency=users, think_s=30.0, **loads)
    assert found.requests_per_s == pytest.approx(users / (30.0 + found.e2e_s), rel=1e-9)
    open_loop = serve_apart_open(*pools, rate=float(found.requests_per_s), **loads)
    if users < 1000.0:  # beyond, they queue before prefill, and ask no more than it takes
        assert found.ttft_s == pytest.approx(open_loop.ttft_s, rel=1e-6)
        assert found.tpot_s == pytest.approx(open_loop.tpot_s, rel=1e-6)
    else:
        assert found.requests_per_s == pytest.approx(
            serve_apart_open(*pools, rate=1e9, **loads).requests_per_s, rel=1e-6
        )


def test_a_run_in_an_open_loop_ends_an_answer_later_than_its_last_request_comes():
    """100 requests at 4/s take 25 s to come; the last answer 100 steps more."""
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=1e-5)
    found = serve_open(machine, None, MIXED, rate=4.0, isl=1000.0, osl=100.0, limit=1e3, requests=100.0)
    assert found.requests_per_s == pytest.approx(100 / (25 + 100 * found.tpot_s), rel=1e-9)


def test_a_static_batch_has_one_decode_pass_less_than_tokens():
    machine = LinearMachine(base=1e-3, per_sequence=0.0, per_token=0.0, per_context=1e-6)
    found = static_batch(machine, MIXED, batch=4.0, isl=100.0, osl=51.0)
    assert found.step_s == pytest.approx(1e-3 + 4e-6 * 125.5)  # half of the answer is there on average
    assert found.decode_s == pytest.approx(50 * found.step_s)
    one = static_batch(machine, MIXED, batch=4.0, isl=100.0, osl=1.0)
    assert one.decode_s == 0 and one.output_tokens_per_s == pytest.approx(4 / one.prefill_s)


def test_arrivals_at_machines_of_an_axis_of_their_own():
    """A fit asks several sets of constants for several loads at once: each is what it is alone."""
    bases, rates = np.array([[8e-3], [10e-3], [13e-3]]), np.array([0.5, 2.0, 4.0, 9.0])
    loads = {"isl": 1000.0, "osl": 100.0, "limit": 50.0}
    found = serve_open(LinearMachine(base=bases, per_sequence=1e-5, per_token=1e-5), None, MIXED, rate=rates, **loads)
    for row, base in enumerate(bases[:, 0]):
        machine = LinearMachine(base=float(base), per_sequence=1e-5, per_token=1e-5)
        for column, rate in enumerate(rates):
            one = serve_open(machine, None, MIXED, rate=float(rate), **loads)
            for name in ("ttft_s", "tpot_s", "e2e_s", "requests_per_s", "in_flight", "prefill_share"):
                assert getattr(found, name)[row, column] == pytest.approx(getattr(one, name), rel=1e-9), name


def test_long_rounds_and_the_prompts_that_they_bring_agree():
    """Eight groups, 200 requests of 1,000 tokens, answers of 500: prompts by the second are those of a mean step.

    Long steps follow long ones: p / (1 - q + p) of them are, p and q the chances of a prompt in a short and in a long
    step. The two have to be found together; one after the other they swing between 0.19 and 0.32.
    """
    eight = SimpleNamespace(layout=SimpleNamespace(dp=8, pp=1), vectorised=False, layers=1)
    machine = LinearMachine(base=35e-3, per_sequence=0.0, per_token=330e-6, program=eight)
    found = Passes(machine, MIXED, 1000.0, 1000.0, 1250.0, SCALAR).shared(200.0, 500.0, 35e-3, at_random=True)
    rate = 199 / 500 / (35e-3 + found.extra_s)
    short, long = 1 - math.exp(-rate * 35e-3), 1 - math.exp(-rate * found.step_s)
    assert found.chance == pytest.approx(short / (1 - long + short), rel=1e-3)
