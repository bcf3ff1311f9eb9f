"""Serving formulas against hand-worked sums and against an engine simulated pass by pass."""

import math

import pytest
from tests.serving_oracle import LinearMachine, simulate

from tokenroof.catalog import load_model, load_system
from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError, UnknownName
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.timing import bind
from tokenroof.serving.apart import Pool, serve_apart
from tokenroof.serving.batch import static_batch
from tokenroof.serving.open_loop import serve_open
from tokenroof.serving.steady import capacity, serve, serve_saturated
from tokenroof.types.efficiency import PEAK
from tokenroof.types.engine import Scheduler
from tokenroof.types.layout import Layout

MIXED = Scheduler(name="mixed", token_budget=8192)
FIRST = Scheduler(name="first", mixed=False, token_budget=8192)


def closed(machine, policy, concurrency, isl, osl, **more):
    return serve(machine, None, policy, concurrency=concurrency, isl=isl, osl=osl, limit=more.pop("limit", 1e9), **more)


def test_one_request_alone_is_a_prefill_and_then_decode_passes():
    machine = LinearMachine(base=4e-3, per_sequence=1e-4, per_token=1e-5)
    found = closed(machine, MIXED, 1.0, 1000.0, 101.0)
    assert found.tpot_s == pytest.approx(4e-3 + 1e-4)
    assert found.ttft_s == pytest.approx(4e-3 + 1e-2, rel=0.01)
    assert found.e2e_s == pytest.approx(found.ttft_s + 100 * found.tpot_s)


def test_a_prompt_in_a_running_batch_costs_others_only_its_extra_time():
    machine = LinearMachine(base=10e-3, per_sequence=0.0, per_token=1e-5)
    found = closed(machine, MIXED, 11.0, 1000.0, 100.0, range_ratio=0.8)
    # ten others bring one prompt of 10 ms each per 100 tokens of mine
    assert found.tpot_s == pytest.approx(10e-3 + 10 * 10e-3 / 100, rel=1e-6)
    apart = closed(machine, FIRST, 11.0, 1000.0, 100.0, range_ratio=0.8)
    assert apart.tpot_s > found.tpot_s  # here a prompt takes a whole pass from everybody


@pytest.mark.parametrize("policy", [MIXED, FIRST], ids=["mixed", "prompts first"])
@pytest.mark.parametrize("concurrency", [2, 8, 32, 96])
@pytest.mark.parametrize(("isl", "osl"), [(1000, 1000), (4000, 300), (300, 1200)])
def test_means_agree_with_a_simulation_pass_by_pass(policy, concurrency, isl, osl):
    machine = LinearMachine(per_context=2e-9)
    ttft, tpot, rate = simulate(machine, concurrency=concurrency, isl=isl, osl=osl, requests=10 * concurrency,
                                range_ratio=0.8, mixed=policy.mixed, budget=8192)  # fmt: skip
    found = closed(machine, policy, float(concurrency), float(isl), float(osl), requests=10.0 * concurrency,
                   range_ratio=0.8)  # fmt: skip
    assert found.tpot_s == pytest.approx(tpot, rel=0.06)
    assert found.ttft_s == pytest.approx(ttft, rel=0.12, abs=4e-3)
    assert found.output_tokens_per_s == pytest.approx(rate, rel=0.07)


@pytest.mark.parametrize("limit", [4, 16])
def test_the_queue_for_memory_agrees_with_the_simulation(limit):
    machine = LinearMachine()
    ttft, tpot, rate = simulate(machine, concurrency=32, isl=800, osl=400, requests=320, range_ratio=0.8, mixed=True,
                                budget=8192, limit=limit)  # fmt: skip
    found = closed(machine, MIXED, 32.0, 800.0, 400.0, requests=320.0, range_ratio=0.8, limit=float(limit))
    assert found.kv_limited and found.in_flight == limit
    assert found.tpot_s == pytest.approx(tpot, rel=0.06)
    assert found.ttft_s == pytest.approx(ttft, rel=0.15)
    assert found.output_tokens_per_s == pytest.approx(rate, rel=0.15)


def test_equal_lengths_with_prompts_first_stay_in_step():
    machine = LinearMachine()
    arguments = dict(concurrency=32, isl=2000, osl=200, requests=320)
    ttft, tpot, _ = simulate(machine, range_ratio=1.0, mixed=False, budget=8192, **arguments)
    found = closed(machine, FIRST, 32.0, 2000.0, 200.0, requests=320.0, range_ratio=1.0)
    assert found.ttft_s == pytest.approx(ttft, rel=0.15)
    assert found.tpot_s == pytest.approx(tpot, rel=0.10)


def test_a_scheduler_that_looks_seldom_delays_first_tokens():
    machine = LinearMachine()
    seldom = Scheduler(name="seldom", wait_passes=20.0)
    found, usual = (closed(machine, policy, 8.0, 500.0, 500.0) for policy in (seldom, MIXED))
    assert found.ttft_s - usual.ttft_s == pytest.approx(20 * found.tpot_s, rel=0.1)


def test_saturation_is_the_limit_of_many_requests():
    machine = LinearMachine(per_context=1e-9)
    most = serve_saturated(machine, None, MIXED, isl=1000.0, osl=500.0, limit=64.0)
    rates = [closed(machine, MIXED, n, 1000.0, 500.0, limit=64.0).output_tokens_per_s for n in (16.0, 256.0, 4096.0)]
    assert rates[0] < 0.8 * rates[1]
    assert rates[1:] == pytest.approx([most.output_tokens_per_s] * 2, rel=0.05)


def test_open_loop_holds_littles_law_and_saturates():
    machine = LinearMachine()
    calm = serve_open(machine, None, MIXED, rate=2.0, isl=1000.0, osl=200.0, limit=256.0)
    # a prompt's own step of 10 + 5 ms, then 199 steps
    assert calm.in_flight == pytest.approx(2.0 * (15e-3 + 199.0 * calm.tpot_s), rel=1e-3)
    assert not calm.saturated and calm.requests_per_s == 2.0
    most = serve_saturated(machine, None, MIXED, isl=1000.0, osl=200.0, limit=256.0)
    over = serve_open(machine, None, MIXED, rate=10 * most.requests_per_s, isl=1000.0, osl=200.0, limit=256.0)
    assert over.saturated and over.ttft_s == math.inf
    burst = serve_open(machine, None, MIXED, rate=10 * most.requests_per_s, isl=1000.0, osl=200.0, limit=256.0,
                       requests=500.0)  # fmt: skip
    # the mean request of 500 waits for half of what 500 take, less the time they took to come
    assert burst.ttft_s == pytest.approx(0.5 * 500 * 0.9 / most.requests_per_s, rel=0.05)


def test_a_static_batch_is_its_prefill_passes_and_its_decode_passes():
    machine = LinearMachine(base=1e-3, per_sequence=1e-5, per_token=1e-6)
    found = static_batch(machine, MIXED, batch=16.0, isl=1024.0, osl=11.0)
    assert found.prefill_s == pytest.approx(2 * (1e-3 + 8192e-6))  # 16,384 tokens in two passes
    assert found.decode_s == pytest.approx(10 * (1e-3 + 16e-5))
    assert found.output_tokens_per_s == pytest.approx(16 * 11 / found.e2e_s)


def test_pools_apart_are_as_fast_as_the_slower_one():
    system, model = load_system("8xh100"), load_model("llama-3.1-8b")
    timed = bind(lower(model, Layout(tp=1)), system, PEAK)
    few = Pool(timed=timed, system=system, scheduler=engine_of("vllm").scheduler, copies=1.0)
    many = Pool(timed=timed, system=system, scheduler=engine_of("vllm").scheduler, copies=6.0)
    starved = serve_apart(few, many, concurrency=512.0, isl=8192.0, osl=64.0)
    fed = serve_apart(many, few, concurrency=512.0, isl=8192.0, osl=64.0)
    assert fed.requests_per_s > 2 * starved.requests_per_s
    assert starved.ttft_s > fed.ttft_s
    assert starved.in_flight < 512.0
    assert fed.requests_per_s * fed.e2e_s == pytest.approx(512.0)


def test_capacity_follows_the_rule_by_which_the_engine_admits():
    system, model = load_system("h100"), load_model("llama-3.1-8b")
    timed = bind(lower(model, Layout()), system, PEAK)
    pages = capacity(timed, system, engine_of("vllm").scheduler, isl=8000.0, osl=8000.0)
    whole = capacity(timed, system, engine_of("trtllm").scheduler, isl=8000.0, osl=8000.0)
    assert pages > whole
    expected = memory_use(timed.program, system, context=12000.0, engine="vllm", max_batched_tokens=8192).sequences
    assert pages == expected


def test_what_does_not_fit_is_answered_with_zero_throughput():
    system, model = load_system("l40s"), load_model("llama-3.1-70b")
    timed = bind(lower(model, Layout()), system, PEAK)
    found = serve(timed, system, engine_of("vllm").scheduler, concurrency=4.0, isl=100.0, osl=100.0)
    assert found.output_tokens_per_s == 0.0 and found.ttft_s == math.inf and found.in_flight == 0.0


def test_bad_input_is_refused():
    machine = LinearMachine()
    with pytest.raises(InputError, match="isl"):
        closed(machine, MIXED, 1.0, 0.0, 10.0)
    with pytest.raises(InputError, match="osl"):
        closed(machine, MIXED, 1.0, 10.0, float("nan"))
    with pytest.raises(InputError, match="concurrency"):
        closed(machine, MIXED, float("inf"), 10.0, 10.0)
    with pytest.raises(UnknownName):
        engine_of("tgi")
