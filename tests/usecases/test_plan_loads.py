"""Units for a load: the fewest that hold it, found in as many steps for ten million users as for a hundred."""

import math
import re
from dataclasses import replace

import pytest

from tokenroof.operators.timing import Timed
from tokenroof.present.pages.plan import page_of
from tokenroof.present.text import text
from tokenroof.types.workload import Load
from tokenroof.usecases.plan.answer import PlanResponse
from tokenroof.usecases.plan.run import PlanRequest, plan
from tokenroof.usecases.plan.score import rented_gpus


def ask(**more: object) -> PlanResponse:
    return plan(PlanRequest(**{"model": "llama-3.3-70b", "system": "8xh100", **more}))  # type: ignore[arg-type]


def steps_of(monkeypatch, **more: object) -> int:
    calls, step = [0], Timed.step

    def counted(self, **loads):
        calls[0] += 1
        return step(self, **loads)

    with monkeypatch.context() as patched:
        patched.setattr(Timed, "step", counted)
        ask(**more)
    return calls[0]


LOADS = [
    [{"users": users, "think": 30.0} for users in (1e3, 1e5, 1e7)],  # a hundred fit on one unit
    [{"request_rate": rate} for rate in (10.0, 1e3, 1e6)],
]


@pytest.mark.parametrize("loads", LOADS)
def test_work_does_not_grow_with_the_number_of_units(monkeypatch, loads):
    fewer, more = (steps_of(monkeypatch, **load) for load in loads[1:])
    assert more <= 1.05 * fewer


@pytest.mark.parametrize("loads", LOADS)
def test_a_large_load_takes_no_more_work_than_a_small_one(monkeypatch, loads):
    small, *large = (steps_of(monkeypatch, **load) for load in loads)
    assert max(large) <= 1.5 * small


@pytest.mark.parametrize(
    "more",
    [
        {"request_rate": 50.0, "ttft": 0.5, "tpot": 0.03},
        {"request_rate": 1e5, "ttft": 1.0, "tpot": 0.04, "mode": "agg"},
        {"users": 9000.0, "think": 30.0, "ttft": 0.6},
        {"users": 1e6, "think": 30.0, "tpot": 0.05, "mode": "agg"},
    ],
)
def test_one_unit_less_would_not_hold_the_load(more):
    answer = ask(model="llama-3.1-8b", system="4xh100", alternatives=3, **more)
    kind, value = ("users", answer.demand.users) if answer.demand.users else ("request_rate", answer.demand.rate)
    load = Load(kind=kind, value=value, think_s=answer.demand.think_s)
    for one in (answer.winner, *answer.machines[0].runner_ups):
        unit = one.deployment
        assert not unit.missed(unit.serve(load))
        fewer = replace(unit, replicas=unit.replicas - 1, load=load)
        served = fewer.serve(load)
        alone = one.most_requests_per_s / one.units * fewer.replicas
        assert fewer.missed(served) or served.requests_per_s > alone * (1 - 2e-6)


def test_users_on_separate_roles_come_back_at_the_rate_that_little_s_law_gives():
    unit = ask(mode="disagg", users=500.0, think=30.0, ttft=3.0).winner.deployment
    served = unit.serve(Load(kind="users", value=500.0, think_s=30.0))
    assert served.requests_per_s == pytest.approx(500.0 / (30.0 + served.e2e_s), rel=1e-6)
    assert served.concurrency == pytest.approx(served.requests_per_s * served.e2e_s, rel=1e-6)


def test_separate_roles_serve_what_arrives_or_say_that_they_cannot():
    unit = replace(ask(mode="disagg").winner.deployment, replicas=1)
    most = unit.serve(Load(kind="concurrency", value=1e6)).requests_per_s
    for share in (1e-4, 0.1, 0.9):
        served = unit.serve(Load(kind="request_rate", value=share * most))
        assert not served.saturated
        assert served.requests_per_s == pytest.approx(share * most, rel=1e-6)
    assert unit.serve(Load(kind="request_rate", value=1.5 * most)).saturated


def sequences_of(answer: PlanResponse) -> int:
    return int(dict(answer.flags)["vllm"].split("--max-num-seqs ")[-1].split()[0])


@pytest.mark.parametrize(
    "more",
    [
        {"request_rate": 1.0},
        {"request_rate": 100.0, "ttft": 1.0, "tpot": 0.05},
        {"users": 1000.0, "ttft": 1.0},
        {"request_rate": 3.0, "mode": "disagg", "ttft": 2.0},
    ],
)
def test_random_arrivals_have_room_to_fluctuate(more):
    answer = ask(**more)
    winner = answer.winner
    workers, answering = winner.units, 1.0
    if winner.mode == "disagg":
        workers, answering = winner.decode_workers, 1.0 - winner.ttft_s / winner.e2e_s
    mean = winner.concurrency * answering / workers / winner.layout.dp
    assert sequences_of(answer) >= mean + 3.0 * mean**0.5


def test_a_batch_that_slows_down_fluctuates_more_than_poisson_s():
    """The more run, the longer each stays: with 1 request/s on tp2 15 run on average, 35 are seldom passed."""
    answer = ask(request_rate=1.0, mode="agg", tp=2, weight_dtype="fp8", kv_dtype="fp8")
    mean = answer.winner.concurrency
    assert mean == pytest.approx(15.3, abs=0.5)
    assert sequences_of(answer) == 35 > mean + 3.0 * mean**0.5


@pytest.mark.parametrize(
    ("units", "each", "at_a_time", "gpus"),
    [
        (1, 1, 8, 8),  # one GPU of a server is the server
        (4, 2, 8, 8), (5, 2, 8, 16),
        (2, 3, 8, 8), (3, 3, 8, 16),  # two of three GPUs in each server
        (1, 16, 8, 16), (3, 12, 8, 40),  # wider than a server: 36 GPUs are five of them
        (3, 5, 1, 15),  # by the GPU
    ],
)  # fmt: skip
def test_machines_are_rented_whole(units, each, at_a_time, gpus):
    assert rented_gpus(units, each, at_a_time) == gpus


def test_ten_users_of_a_small_model_pay_for_the_server_that_they_ask_for():
    """One H100 of eight is busy: $22,708 a month, and $2,838 where GPUs are rented one by one, or are at hand."""
    whole, single, own = (ask(model="llama-3.1-8b", users=10.0, **more) for more in ({}, {"rent_by": 1}, {"gpus": 8}))
    assert [(one.winner.gpus, one.winner.gpus_paid) for one in (whole, single, own)] == [(1, 8), (1, 1), (1, 1)]
    assert whole.winner.usd_per_month == pytest.approx(8 * single.winner.usd_per_month)
    assert whole.winner.usd_per_month == pytest.approx(8 * 730 * whole.machines[0].usd_per_gpu_h)
    page = " ".join(text(page_of(whole)).split())
    assert "rent, 8 GPUs, 7 idle $22,708 a month" in page
    assert re.search(r"rented by the GPU \(.*rent.by.* 1\) it is \$2,838 a month", page)


def test_what_carries_users_is_compared_by_its_bill():
    """A dearer fleet that makes more tokens of the same users is no better: 12 GPUs were taken where 8 will do."""
    answer = ask(users=500.0, rent_by=1)
    winner = answer.winner
    assert winner.score == winner.usd_per_month
    for one in answer.machines[0].runner_ups:
        assert one.worse_by == pytest.approx(one.usd_per_month / winner.usd_per_month - 1.0)
        assert one.usd_per_month > winner.usd_per_month / 1.5


def test_a_load_without_limits_takes_the_usual_ones():
    """3 requests/s of Llama-3.3-70B once got the cheapest GPUs on which they waited for 681 s."""
    answer = ask(system="h100", request_rate=3.0)
    assert (answer.slo.ttft_s, answer.slo.tpot_s) == (2.0, 0.05)
    assert answer.winner.ttft_s <= 2.0
    assert {"TTFT", "TPOT"} <= {one.field for one in answer.defaults}


def test_a_number_that_is_kept_or_given_is_not_widened():
    kept = ask(concurrency=64.0, mode="agg", tp=2)
    assert sequences_of(kept) == -(-kept.winner.unit_concurrency // kept.winner.layout.dp)
    assert sequences_of(ask(request_rate=1.0, mode="agg", tp=2, max_num_seqs=20, ttft=1e3, rent_by=1)) == 20


@pytest.mark.parametrize("load", [{"users": 20.0}, {"request_rate": 3.0}, {"users": 900.0, "ttft": 1.0, "tpot": 0.05}])
def test_capacity_used_is_of_what_is_carried_inside_the_limits(load):
    """20 users of an H100 are a seventh of what it carries; what was looked at on the way to them is no limit."""
    one = ask(model="llama-3.1-8b", system="h100", **load).winner
    most = one.requests_per_s / one.capacity_used
    inside, beyond = (one.deployment.serve(Load(kind="request_rate", value=most * share)) for share in (0.999, 1.01))
    assert not one.deployment.missed(replace(inside, saturated=False)) and not inside.saturated
    limits = one.deployment.limits
    late = beyond.tpot_s > (limits.tpot_s or math.inf) or beyond.ttft_s > (limits.ttft_s or math.inf)
    assert late or beyond.saturated
