"""Closed forms against slow oracles: simulated queues, brute-force minima, counted schedules."""

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from tokenroof.formulas import (
    activations,
    collectives,
    lecture,
    memory_tiers,
    pipeline,
    queueing,
    speculation,
    training_optimum,
)

# ------------------------------------------------------------------ training


@given(
    st.floats(2.0, 3.0),
    st.floats(0.28, 0.45),
    st.floats(0.28, 0.45),
    st.floats(200, 3000),
    st.floats(200, 3000),
    st.floats(9, 16),
)
def test_fixed_loss_optimum_against_a_numerical_search(loss, alpha, beta, a, b, log_served) -> None:
    floor, served = 1.8, 10**log_served
    fit = {
        "loss": loss,
        "irreducible_loss": floor,
        "data_scale": b,
        "param_exponent": alpha,
        "data_exponent": beta,
        "inference_tokens": served,
        "inefficiency": 3.0,
    }
    params = training_optimum.fixed_loss_params(param_scale=a, **fit)
    tokens = training_optimum.fixed_loss_tokens(**fit)
    assert floor + a / params**alpha + b / tokens**beta == pytest.approx(loss, rel=1e-9)

    def log_cost(log_n: float) -> float:
        left = loss - floor - a * math.exp(-alpha * log_n)
        if left <= 0:
            return 1e9
        needed = (b / left) ** (1 / beta)
        return log_n + math.log(6 * needed + 2 * served * 3.0)

    least = math.log(a / (loss - floor)) / alpha
    found = minimize_scalar(log_cost, bounds=(least, least + 40), method="bounded", options={"xatol": 1e-10})
    assert log_cost(math.log(params)) <= found.fun + 1e-9


@given(st.floats(0.2, 2), st.floats(0.2, 2), st.floats(0.01, 100), st.floats(0.01, 100))
def test_least_cost_point_and_its_cost_ratio(p, q, a, b) -> None:
    x = lecture.training_optimum.least_cost_point(
        rising_scale=a, rising_exponent=p, falling_scale=b, falling_exponent=q
    )

    def cost(y: float) -> float:
        return a * y**p + b * y**-q

    assert cost(x) <= min(cost(x * 1.01), cost(x / 1.01))
    ratio = lecture.training_optimum.rising_to_falling_cost_at_minimum(rising_exponent=p, falling_exponent=q)
    assert a * x**p / (b * x**-q) == pytest.approx(ratio, rel=1e-9)


def test_activation_memory_orders() -> None:
    """Stored grows with depth times width, checkpointed with depth, reversible with neither."""
    sizes = {"tokens": 4096.0, "hidden": 4096, "tensors_per_layer": 16, "bytes_per_element": 2.0}
    for depth in (8, 80):
        stored = activations.stored_activation_bytes(n_layers=depth, **sizes)
        kept = activations.checkpointed_activation_bytes(n_layers=depth, **sizes)
        reversible = activations.reversible_activation_bytes(**sizes)
        tensor = 4096 * 4096 * 2
        assert (stored, kept, reversible) == (16 * depth * tensor, (depth + 16) * tensor, 18 * tensor)


# ------------------------------------------------------------------ schedules


def gpipe_idle_share(micro_batches: int, stages: int) -> float:
    """Play the schedule: all forward passes through the stages, then all backward passes back; unit times."""
    free = [0.0] * stages
    for _ in range(micro_batches):
        arrives = 0.0
        for s in range(stages):
            arrives = free[s] = max(free[s], arrives) + 1
    for m in range(micro_batches):
        arrives = free[-1] if m == 0 else 0.0
        for s in reversed(range(stages)):
            arrives = free[s] = max(free[s], arrives) + 1
    return 1 - 2 * micro_batches / max(free)


@pytest.mark.parametrize("micro_batches", [1, 2, 4, 7])
@pytest.mark.parametrize("stages", [1, 2, 4, 5])
def test_gpipe_bubble_against_the_played_schedule(micro_batches: int, stages: int) -> None:
    closed = pipeline.training_bubble_gpipe(micro_batches=micro_batches, stages=stages)
    assert closed == pytest.approx(gpipe_idle_share(micro_batches, stages), abs=1e-12)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 8))
def test_better_schedules_have_smaller_bubbles(micro_batches: int, stages: int, chunks: int) -> None:
    work = {"micro_batches": micro_batches, "stages": stages}
    gpipe = pipeline.training_bubble_gpipe(**work)
    assert pipeline.training_bubble_interleaved(chunks=1, **work) == pytest.approx(gpipe)
    assert pipeline.training_bubble_interleaved(chunks=chunks, **work) <= gpipe + 1e-15
    times = {"forward_s": 1.0, "input_gradient_s": 1.0, "weight_gradient_s": 1.0}
    assert pipeline.training_bubble_zero_bubble(**work, **times) <= gpipe + 1e-15
    assert pipeline.activations_in_flight_1f1b(**work) <= micro_batches


def test_naive_one_at_a_time_is_the_bubble_of_one_micro_batch() -> None:
    for stages in (1, 2, 4, 8):
        assert pipeline.inference_idle_share(micro_batches=1, stages=stages) == pytest.approx(
            pipeline.training_bubble_gpipe(micro_batches=1, stages=stages)
        )


# ------------------------------------------------------------------ queues


def simulated_wait(arrival_rate: float, service: list[float], servers: int, rng: random.Random) -> float:
    """Mean wait of a first-come queue, first tenth dropped."""
    free, now, waits = [0.0] * servers, 0.0, []
    for length in service:
        now += rng.expovariate(arrival_rate)
        first = min(range(servers), key=free.__getitem__)
        start = max(now, free[first])
        free[first] = start + length
        waits.append(start - now)
    return sum(waits[len(waits) // 10 :]) / (0.9 * len(waits))


N_ARRIVALS = 60_000


def test_single_server_queues_against_simulation() -> None:
    rng = random.Random(1)
    md1 = simulated_wait(0.7, [1.0] * N_ARRIVALS, 1, rng)
    assert lecture.queueing.md1_mean_wait_s(requests_per_s=0.7, service_s=1.0) == pytest.approx(md1, rel=0.05)
    mm1 = simulated_wait(0.6, [rng.expovariate(1.0) for _ in range(N_ARRIVALS)], 1, rng)
    assert lecture.queueing.mm1_mean_wait_s(requests_per_s=0.6, service_s=1.0) == pytest.approx(mm1, rel=0.08)


def test_many_servers_against_simulation_and_exact_form() -> None:
    rng = random.Random(2)
    exact = lecture.queueing.mmc_mean_wait_s(servers=4, requests_per_s=3.2, service_s=1.0)
    seen = simulated_wait(3.2, [rng.expovariate(1.0) for _ in range(N_ARRIVALS)], 4, rng)
    assert exact == pytest.approx(seen, rel=0.08)
    approximate = queueing.many_servers_mean_wait_s(
        requests_per_s=3.2, service_s=1.0, servers=4.0, arrival_cv=1.0, service_cv=1.0
    )
    assert approximate == pytest.approx(exact, rel=0.05)


@given(st.floats(0.01, 0.99))
def test_one_server_special_cases_agree(load: float) -> None:
    mm1 = lecture.queueing.mm1_mean_wait_s(requests_per_s=load, service_s=1.0)
    assert lecture.queueing.mmc_mean_wait_s(servers=1, requests_per_s=load, service_s=1.0) == pytest.approx(mm1)
    assert lecture.queueing.erlang_c(servers=1, load=load) == pytest.approx(load)
    assert lecture.queueing.md1_mean_wait_s(requests_per_s=load, service_s=1.0) == pytest.approx(mm1 / 2)
    both = {"requests_per_s": load, "service_s": 1.0, "servers": 1.0, "arrival_cv": 1.0}
    assert queueing.many_servers_mean_wait_s(service_cv=1.0, **both) == pytest.approx(mm1)
    assert queueing.many_servers_mean_wait_s(service_cv=0.0, **both) == pytest.approx(mm1 / 2)


def test_queues_are_unlimited_from_saturation_on() -> None:
    for rate in (1.0, 1.5):
        assert lecture.queueing.md1_mean_wait_s(requests_per_s=rate, service_s=1.0) == math.inf
        assert lecture.queueing.mm1_mean_wait_s(requests_per_s=rate, service_s=1.0) == math.inf
        assert lecture.queueing.mmc_mean_wait_s(servers=1, requests_per_s=rate, service_s=1.0) == math.inf
        assert lecture.queueing.erlang_c(servers=1, load=rate) == 1.0


def test_erlang_c_against_its_textbook_sum() -> None:
    for servers, load in ((2, 1.5), (5, 3.0), (20, 18.0)):
        tail = load**servers / math.factorial(servers) * servers / (servers - load)
        idle = sum(load**n / math.factorial(n) for n in range(servers)) + tail
        assert lecture.queueing.erlang_c(servers=servers, load=load) == pytest.approx(tail / idle, rel=1e-12)


def test_train_waits_against_random_arrivals() -> None:
    rng = random.Random(3)
    waits = [0.02 - rng.uniform(0, 0.02) for _ in range(20_000)]
    assert queueing.train_mean_wait_s(period_s=0.02) == pytest.approx(sum(waits) / len(waits), rel=0.03)
    assert max(waits) <= queueing.train_worst_wait_s(period_s=0.02)


@given(st.floats(1, 1e4), st.floats(0.1, 100), st.floats(0, 1000))
def test_littles_law_closes(batch: float, active: float, think: float) -> None:
    users = lecture.queueing.users_to_fill_batch(batch=batch, active_s=active, think_s=think)
    rate = lecture.queueing.arrivals_to_hold_batch(batch=batch, residence_s=active)
    everywhere = lecture.queueing.sequences_in_system(arrivals_per_s=rate, residence_s=active + think)
    assert everywhere == pytest.approx(users)
    assert lecture.queueing.batch_fill_time_s(batch=batch, arrivals_per_s=rate) == pytest.approx(active)


# ------------------------------------------------------------------ speculation, attention, collectives


@given(st.floats(0.01, 0.99), st.integers(1, 20))
def test_tokens_per_verification_against_the_sum(acceptance: float, drafts: int) -> None:
    """The g-th draft survives with a^g; the target adds one token of its own."""
    expected = 1 + sum(acceptance**i for i in range(1, drafts + 1))
    got = speculation.tokens_per_verification(acceptance=acceptance, drafts=drafts)
    assert got == pytest.approx(expected, rel=1e-9)
    assert lecture.speculation.accepted_drafts(acceptance=acceptance, drafts=drafts) == pytest.approx(expected - 1)


def test_speculation_at_certain_acceptance() -> None:
    assert speculation.tokens_per_verification(acceptance=1.0, drafts=7) == 8
    assert lecture.speculation.best_drafts(acceptance=0.1, draft_cost=1.0) == 0


@given(st.floats(1e-5, 1), st.floats(1e-5, 1), st.floats(1e-5, 1), st.floats(0.05, 0.95), st.integers(1, 8))
def test_speculation_does_not_help_when_compute_bound(compute, weights, kv, acceptance, drafts) -> None:
    step = max(compute, weights + kv)
    verify = lecture.speculation.verification_time_s(compute_s=compute, weights_s=weights, kv_s=kv, drafts=drafts)
    assert step <= verify <= (drafts + 1) * step
    gain = lecture.speculation.roofline_speculation_speedup(
        step_s=step, verification_s=verify, draft_s=0.0, acceptance=acceptance, drafts=drafts
    )
    assert gain <= drafts + 1
    if compute >= weights + kv:
        assert gain <= 1.0 + 1e-12


@given(st.integers(0, 300), st.integers(1, 60))
def test_causal_attention_counts_pairs(context: int, new: int) -> None:
    pairs = sum(context + i + 1 for i in range(new))
    got = lecture.attention.causal_attention_flops(
        context=float(context), new_tokens=float(new), flops_per_context_token=1.0
    )
    assert got == pytest.approx(pairs)


@given(st.integers(1, 4096), st.floats(1, 1e9), st.floats(1e-7, 1e-4))
def test_all_reduce_algorithms(ranks: int, message: float, hop: float) -> None:
    link = {"message_bytes": message, "ranks": float(ranks), "bytes_per_s": 450e9, "hop_s": hop}
    ring = collectives.ring_all_reduce_s(**link)
    parts = collectives.ring_all_gather_s(**link) + collectives.ring_reduce_scatter_s(**link)
    assert ring == pytest.approx(parts, rel=1e-12)
    if ranks == 1:
        for algorithm in (
            collectives.tree_all_reduce_s,
            lecture.collectives.halving_doubling_all_reduce_s,
            collectives.one_shot_all_reduce_s,
        ):
            assert ring == algorithm(**link) == 0
        return
    # Bandwidth optimality: nobody reduces with less than 2 (p - 1) / p n on a link, save the one-shot's single step.
    least = 2 * (ranks - 1) / ranks * message / 450e9
    assert lecture.collectives.halving_doubling_all_reduce_s(**link) >= least
    assert lecture.collectives.halving_doubling_all_reduce_s(**link) <= ring * (1 + 1e-12)
    assert collectives.tree_all_reduce_s(**link) >= least


@pytest.mark.parametrize(("ranks", "rounds"), [(1, 0), (2, 1), (3, 2), (8, 3), (9, 4), (64, 6), (72, 7), (1 << 14, 14)])
def test_tree_rounds_are_exact_powers(ranks: int, rounds: int) -> None:
    time = collectives.tree_all_reduce_s(message_bytes=0.0, ranks=ranks, bytes_per_s=1.0, hop_s=1.0)
    assert time == 2 * rounds


@given(st.integers(1, 64), st.integers(1, 64), st.floats(1, 18))
def test_all_to_all_over_one_domain_is_the_plain_one(ranks: int, domains: int, slower: float) -> None:
    common = {"bytes_per_rank": 1e6, "latency_s": 1e-6}
    inside = lecture.collectives.all_to_all_s(ranks=ranks, bytes_per_s=900e9, **common)
    networks = {"scaleup_bytes_per_s": 900e9, "scaleout_bytes_per_s": 900e9 / slower}
    one = lecture.collectives.all_to_all_across_domains_s(ranks_per_domain=ranks, domains=1.0, **networks, **common)
    assert one == pytest.approx(inside)
    many = lecture.collectives.all_to_all_across_domains_s(
        ranks_per_domain=ranks, domains=float(domains), **networks, **common
    )
    crossing = lecture.collectives.cross_domain_share(domains=float(domains)) * 1e6 / (900e9 / slower)
    assert many >= crossing
    assume(domains > 1)
    assert many >= lecture.collectives.all_to_all_s(ranks=ranks * domains, bytes_per_s=900e9, **common) / 2


# ------------------------------------------------------------------ memory tiers


@given(st.floats(1e-12, 1e-6), st.floats(1.01, 1e3), st.floats(0, 1e-6), st.floats(1e-9, 1e-6))
def test_tier_break_even_is_where_the_costs_cross(slow_hold, dearer, fast_read, gap) -> None:
    fast_hold, slow_read = slow_hold * dearer, fast_read + gap
    seconds = lecture.memory_tiers.tier_break_even_s(
        fast_hold_usd_per_token_s=fast_hold,
        fast_retrieve_usd_per_token=fast_read,
        slow_hold_usd_per_token_s=slow_hold,
        slow_retrieve_usd_per_token=slow_read,
    )

    def cost(hold: float, read: float, t: float) -> float:
        return float(memory_tiers.keep_usd_per_token(hold_usd_per_token_s=hold, hold_s=t, retrieve_usd_per_token=read))

    at = cost(fast_hold, fast_read, seconds)
    assert at == pytest.approx(cost(slow_hold, slow_read, seconds), rel=1e-6)
    assert cost(fast_hold, fast_read, 2 * seconds) > cost(slow_hold, slow_read, 2 * seconds)
    assert cost(fast_hold, fast_read, seconds / 2) < cost(slow_hold, slow_read, seconds / 2)


def test_tier_break_even_without_a_crossing() -> None:
    cheap = {"fast_hold_usd_per_token_s": 1e-9, "fast_retrieve_usd_per_token": 1e-9}
    dear = {"slow_hold_usd_per_token_s": 2e-9, "slow_retrieve_usd_per_token": 2e-9}
    assert lecture.memory_tiers.tier_break_even_s(**cheap, **dear) == math.inf, "the fast tier always wins"
    better = {"slow_hold_usd_per_token_s": 0.5e-9, "slow_retrieve_usd_per_token": 0.5e-9}
    assert lecture.memory_tiers.tier_break_even_s(**cheap, **better) == 0.0, "the slow tier always wins"


def test_drain_time_is_where_holding_costs_as_much_as_reading() -> None:
    """E36 for a 61.44 TB flash drive at 7.2 GB/s: 2.4 hours, whatever its price."""
    drain = 61.44e12 / 7.2e9
    for price in (1e-6, 1e-3):
        hold = memory_tiers.hold_usd_per_token_s(kv_bytes_per_token=70_272.0, memory_bytes=61.44e12, usd_per_s=price)
        read = memory_tiers.retrieve_usd_per_token(kv_bytes_per_token=70_272.0, bytes_per_s=7.2e9, usd_per_s=price)
        assert hold * drain == pytest.approx(read)
    assert lecture.memory_tiers.hold_to_retrieve_cost(hold_s=drain, drain_s=drain) == 1
    assert drain / 3600 == pytest.approx(2.4, rel=0.02)
