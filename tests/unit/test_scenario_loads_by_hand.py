"""Loads on a deployment by hand: users and arrivals that are solved for, bounds, rooms, which layout is chosen."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.errors import InputError
from tokenroof.scenario.arriving import fastest_inside, loop_that_carries, rate_of_users
from tokenroof.scenario.bounds import bounds_of, unbeatable
from tokenroof.scenario.carried import carried
from tokenroof.scenario.costs import _flops, shares_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import _hopeless, _shortcoming, apart_label, chosen, usual_layouts
from tokenroof.scenario.resolve import lengths_at, resolve
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load as StepLoad
from tokenroof.types.scenario import Scenario
from tokenroof.types.workload import Limits, Load

APART: dict[str, Any] = {
    "model": "llama-3.3-70b", "system": "16xh100", "weight_dtype": "fp8", "prefill_layout": "tp2", "decode_layout":
    "tp4", "prefill_workers": 2, "decode_workers": 1,
}  # fmt: skip


def deployed(**more: object) -> Deployment:
    return resolve(Scenario(**{"model": "llama-3.1-8b", "system": "8xh100", **more}))  # type: ignore[arg-type]


# ------------------------------------------------------------------ loads that are solved for


def users(most: float, e2e_s: Any, *, count: float = 100.0, full_s: float = 40.0) -> float:
    return rate_of_users(count, 20.0, 10.0, full_s, most, e2e_s)


def test_users_by_hand() -> None:
    """100 users who read 20 s. Ten seconds an answer: 100/30. Slower with the rate, 10 + r: r (30 + r) = 100."""
    assert users(1e3, lambda rate: 10.0) == pytest.approx(100 / 30)
    assert users(1e3, lambda rate: 10.0 + rate) == pytest.approx((math.sqrt(1300) - 30) / 2, rel=1e-6)
    # 100/(20 + 40) = 1.67 requests/s from a full server: no more than it serves, or else it is full
    assert users(1.5, lambda rate: 10.0) == 1.5
    assert users(100 / 60, lambda rate: 10.0) == pytest.approx(100 / 60)
    assert users(2.0, lambda rate: 10.0 if rate < 1.9 else math.inf) == pytest.approx(1.9, rel=1e-4)
    assert users(2.0, lambda rate: 10.0) == 2.0  # asked for more than the most, at every rate below it
    # a queue without end is taken for a wait of a million seconds
    assert users(2e3, lambda rate: math.inf, count=1e9, full_s=1e9) == pytest.approx(1e9 / (20 + 1e6), rel=1e-6)


def test_the_fastest_rate_inside_a_limit() -> None:
    assert fastest_inside(lambda rate: 1.0 - rate / 4.0, 10.0) == pytest.approx(4.0)
    assert fastest_inside(lambda rate: 1.0 - rate / 4.0, 2.0) == 2.0
    assert fastest_inside(lambda rate: 0.0, 2.0) == 2.0
    assert fastest_inside(lambda rate: -1.0, 2.0) == 0.0
    assert fastest_inside(lambda rate: 1e-3 - rate, 2.0) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("rate", "held", "given"),
    [(10.0, 5.0, 10.0), (64.0, 32.0, 64.0), (2.0, 1.0, 2.0), (0.5, 1.0, 0.5), (200.0, 50.0, 100.0)],
)
def test_a_loop_that_carries_a_rate(rate: float, held: float, given: float) -> None:
    """Two requests/s for each that is inside, up to 50 inside; less than one at once is one, seldom."""
    base = deployed(tp=1, isl=100.0, osl=10.0).closed(1.0)

    def closed(inside: float) -> Any:
        return replace(
            base, in_flight=inside, requests_per_s=2.0 * inside, output_tokens_per_s=20.0 * inside,
            total_tokens_per_s=220.0 * inside,
        )  # fmt: skip

    found = loop_that_carries(closed, lambda served, inside: rate / served, 50.0)
    assert (found.in_flight, found.requests_per_s) == (pytest.approx(held), pytest.approx(given))
    assert found.output_tokens_per_s == pytest.approx(10 * given)
    assert found.total_tokens_per_s == pytest.approx(110 * given)
    assert bool(found.saturated) is (rate > 100.0)


@pytest.mark.parametrize("limits", [Limits(tpot_s=0.012), Limits(ttft_s=0.2), Limits()])
def test_what_is_carried_is_inside_the_limits_and_a_hundredth_more_is_not(limits: Limits) -> None:
    deployment = replace(deployed(tp=1, isl=1000.0, osl=100.0), limits=limits)
    rate, highest = carried(deployment, Load(kind="request_rate", value=1.0))
    assert rate == highest
    one = replace(deployment, replicas=1)
    inside, beyond = (one.serve(Load(kind="request_rate", value=rate * more)) for more in (1.0, 1.01))
    assert not inside.saturated and inside.tpot_s <= (limits.tpot_s or math.inf) * (1 + 1e-6)
    assert inside.ttft_s <= (limits.ttft_s or math.inf) * (1 + 1e-6)
    late = beyond.tpot_s > (limits.tpot_s or math.inf) or beyond.ttft_s > (limits.ttft_s or math.inf)
    assert late or bool(beyond.saturated)
    assert carried(deployment, Load(kind="request_rate", value=1.0), most=0.5) == (0.5, highest)
    # as many users as ask for that rate between them, while there is room
    many, _ = carried(deployment, Load(kind="users", value=1.0, think_s=20.0))
    full = float(one.estimate(Load(kind="saturated"), one.room()).requests_per_s)
    assert many == pytest.approx(min(rate * (20.0 + inside.e2e_s), full * 20.0 + one.room()), rel=1e-6)


def test_what_has_no_room_carries_nothing() -> None:
    full = deployed(model="llama-3.1-70b", system="h100", tp=1)
    assert carried(full, Load(kind="request_rate", value=1.0)) == (0.0, 0.0)


# ------------------------------------------------------------------ rooms and what is served


def test_a_request_holds_half_of_its_answer_or_all_of_it() -> None:
    """vLLM pages the answer in as it grows; TensorRT-LLM keeps room for the whole of it before it admits a request."""
    assert deployed(isl=1000.0, osl=100.0).held_tokens == 1050.0
    whole = deployed(isl=1000.0, osl=100.0, engine="trtllm")
    assert whole.held_tokens == (1100.0 if whole.scheduler.reserves_output else 1050.0)


def test_batches_are_of_every_stage() -> None:
    """A batch of 8 in two stages is 16 requests at once in each of four replicas."""
    deployment = deployed(pp=2, isl=1000.0, osl=100.0, batch=8.0)
    assert (deployment.asked_at_once, deployment.replicas) == (16.0, 4)
    served = deployment.serve()
    assert (served.batch, served.concurrency) == (8.0, 64.0)
    assert served.requests_per_s == pytest.approx(4 * 16 / served.e2e_s)
    at = deployment.at_batch(8.0)
    assert (at.tpot_s, at.requests_per_s, at.concurrency) == (served.tpot_s, served.requests_per_s, 64.0)
    assert at.fits and at.room == deployment.room()
    top = deployment.room()
    assert deployment.at_batch(top / 2).fits and not deployment.at_batch(top / 2 + 1).fits
    assert not deployed(pp=2, isl=1000.0, osl=100.0, batch=top / 2 + 1).fits
    assert deployed(pp=2, isl=1000.0, osl=100.0, concurrency=8.0).asked_at_once == 1.0


def test_requests_beyond_the_room_wait_and_take_no_machine_time() -> None:
    deployment = deployed(system="h100", tp=1, isl=8000.0, osl=1000.0)
    room = deployment.room()
    inside, beyond = (deployment.serve(Load(kind="concurrency", value=held)) for held in (room, 3 * room))
    assert not inside.waiting and beyond.waiting
    assert (beyond.batch, beyond.concurrency) == (room, 3 * room)
    assert beyond.requests_per_s == pytest.approx(inside.requests_per_s, rel=0.03)
    assert beyond.e2e_s == pytest.approx(3 * room / beyond.requests_per_s, rel=1e-9)
    stay_s = room / beyond.requests_per_s
    # vLLM puts back whom memory cannot hold: answers, less those that end in a step, are prefilled again, not prompts
    again = 1 + 1000 / (1 + room / 1000) / 8000
    assert beyond.prefill_share == pytest.approx((1 - 1000 * beyond.decode_step_s / stay_s) / again)


def test_the_queue_of_arrivals_takes_no_machine_time() -> None:
    """Near saturation nearly all of E2E is the wait for room; prompts pay for their part of the stay inside."""
    alone = deployed(system="h100", tp=1, isl=8000.0, osl=1000.0, engine="trtllm")  # puts nobody back
    rate = 0.999 * float(alone.estimate(Load(kind="saturated")).requests_per_s)
    served = alone.serve(Load(kind="request_rate", value=rate))
    stay_s = served.concurrency / rate
    assert served.e2e_s > 2 * stay_s
    assert served.prefill_share == pytest.approx(1 - 1000 * served.decode_step_s / stay_s)


def test_a_batch_that_starts_and_ends_together() -> None:
    deployment = deployed(tp=8, isl=1000.0, osl=100.0)
    served = deployment.serve(Load(kind="static", value=16.0))
    assert served.e2e_s == pytest.approx(served.ttft_s + 99 * served.decode_step_s, rel=1e-2)
    assert served.requests_per_s == pytest.approx(16 / served.e2e_s)
    assert served.prefill_share == pytest.approx(1 - 100 * served.decode_step_s / served.e2e_s)
    assert deployment.estimate(Load(kind="static", value=16.0)).total_tokens_per_s == pytest.approx(
        served.requests_per_s * 1100
    )


def test_the_most_inside_a_limit_on_ttft() -> None:
    deployment = deployed(tp=1, isl=4000.0, osl=100.0)
    one_s = float(deployment.closed(1.0).ttft_s)
    held, limit = deployment.most(Limits(ttft_s=1.5 * one_s))
    assert limit == "ttft"
    assert float(deployment.closed(held).ttft_s) <= 1.5 * one_s < float(deployment.closed(held + 1).ttft_s)
    assert deployment.most(Limits(), room=5.0) == (5.0, "memory")
    four_s = float(deployment.closed(4.0, room=5.0).tpot_s)
    assert deployment.most(Limits(tpot_s=four_s), room=5.0) == (
        4.0,
        "tpot",
    )  # one short of the room, for another reason


def test_one_each_is_one_request_in_every_replica() -> None:
    deployment = deployed(tp=2, isl=1000.0, osl=100.0)
    assert (deployment.one_each().concurrency, deployment.one_each().batch) == (4.0, 1.0)


def test_drafts_are_verified_beside_the_token_itself() -> None:
    deployment = deployed(tp=1)
    two = deployment.timed.step(decode=StepLoad(30.0, 10.0, 500.0))
    assert float(deployment.step(10.0, 500.0, drafts=2.0).step_s) == float(two.step_s)


def test_gpus_of_a_unit_and_those_that_stand_idle() -> None:
    """Two prefill workers of two GPUs and one of four to decode: 8; two such on 16."""
    unit = resolve(Scenario(**APART))
    assert (unit.unit_gpus, unit.replicas, unit.gpus_used, unit.gpus_idle) == (8, 2, 16, 0)
    three = resolve(Scenario(**(APART | {"prefill_workers": 3})))
    assert (three.unit_gpus, three.replicas, three.gpus_idle) == (10, 1, 6)
    assert three.serve(Load(kind="concurrency", value=8.0)).prefill_share == pytest.approx(6 / 10)
    assert deployed(model="llama-3.1-70b", tp=2, pp=3).gpus_idle == 2


def test_caches_go_over_the_fast_links_where_a_unit_stands_in_one_domain() -> None:
    assert resolve(Scenario(**APART)).link_bytes_per_s() == 450e9
    assert resolve(Scenario(**(APART | {"prefill_workers": 3}))).link_bytes_per_s() == 50e9
    small = resolve(Scenario(**(APART | {"system": "8xh100"})))
    assert small.link_bytes_per_s() == 450e9


def test_the_transfer_of_a_cache_is_waited_for() -> None:
    """80 layers of 8 heads of 128 in 16 bits twice are 327,680 bytes a token; 4,096 of them over 450 GB/s or 50."""
    fast = resolve(Scenario(**APART))
    scheduler, layout = fast.scheduler, fast.prefill_workers
    assert layout is not None
    asked = {
        "concurrency": 1.0, "isl": 4096.0, "osl": 512.0, "prefix": 0.0, "memory_fraction": None,
    }  # fmt: skip
    times = [
        float(layout.serve(fast.timed, fast.system, scheduler, link_bytes_per_s=link, **asked).ttft_s)
        for link in (450e9, 50e9, math.inf)
    ]
    # a GPU of the two holds half of the cache and sends it over its own link
    each = 327_680 * 4096 / 2
    assert times[0] - times[2] == pytest.approx(each / 450e9, rel=5e-3)
    assert times[1] - times[2] == pytest.approx(each / 50e9, rel=5e-3)


# ------------------------------------------------------------------ bounds


@pytest.mark.parametrize(("batch", "room", "held"), [(8.0, 1.0, 8.0), (1e6, 1.0, None), (1e6, 0.5, None)])
def test_a_bound_by_its_parts(batch: float, room: float, held: float | None) -> None:
    deployment = deployed(pp=2, isl=1000.0, osl=100.0, concurrency=4 * batch)
    inside = held or room * deployment.room()
    found = bounds_of(deployment, batch, sure_of_room=room)
    timed = unbeatable(deployment)
    step_s = float(timed.step(decode=StepLoad(inside / 2, inside / 2, 1050.0)).step_s)
    assert found.decode_step_s == pytest.approx(step_s) == found.tpot_s
    assert found.e2e_s == pytest.approx(found.ttft_s + 99 * step_s)
    assert found.output_tokens_per_s_per_gpu == pytest.approx(found.requests_per_s * 100 / 8)
    if held:
        assert found.requests_per_s == pytest.approx(4 * held / found.e2e_s)
    assert found.requests_per_s <= 4 * batch / found.e2e_s


def test_a_bound_against_the_memory_of_an_h100() -> None:
    """7.5 G weights of 16 bits (the embedding is looked up) over 3.35 TB/s: 4.48 ms a step; a prompt's arithmetic."""
    found = bounds_of(deployed(system="h100", tp=1, isl=2000.0, osl=2.0, concurrency=1.0), 1.0)
    assert found.decode_step_s == pytest.approx(2 * 7.504e9 / 3.35e12, rel=0.03)
    # 6.98 G of weights for each token in 989 TFLOP/s, and its attention to half of the prompt in 8 bits
    matmuls_s, attention_s = 2000 * 2 * 6.98e9 / 989.4e12, 2000 * 4 * 32 * 4096 * 1000 / 1978.9e12
    assert found.ttft_s == pytest.approx(matmuls_s + attention_s, rel=0.01)  # nothing goes through memory in between
    assert found.settled_ttft_s == found.ttft_s


def test_bounds_of_drafts_and_of_batches_that_end_together() -> None:
    """Drafts that are accepted in four of five: 1.8 tokens a step."""
    drafts = deployed(
        model="deepseek-v3", system="8xh200", tp=8, ep=8, isl=1000.0, osl=181.0, drafts=1, acceptance=0.8,
        concurrency=8.0,
    )  # fmt: skip
    found = bounds_of(drafts, 8.0)
    assert found.tpot_s == pytest.approx(found.decode_step_s / 1.8)
    assert found.e2e_s == pytest.approx(found.ttft_s + (181 / 1.8 - 1) * found.decode_step_s)
    static = replace(deployed(tp=8, isl=1000.0, osl=100.0), load=Load(kind="static", value=4.0))
    whole = bounds_of(static, 4.0)
    assert whole.requests_per_s == pytest.approx(4 / whole.e2e_s)
    assert whole.e2e_s == pytest.approx(whole.ttft_s + 99 * whole.decode_step_s, rel=1e-2)


def test_the_bound_of_roles_is_the_slower_one_s() -> None:
    few = resolve(Scenario(**(APART | {"concurrency": 2.0})))
    found = bounds_of(few, 1.0)
    assert found.e2e_s == pytest.approx(found.ttft_s + 511 * found.decode_step_s)
    assert found.requests_per_s == pytest.approx(2 / found.e2e_s)
    # arrivals: all of the prefill workers' rate, each about a prompt's arithmetic on two GPUs in FP8
    many = bounds_of(replace(few, load=Load(kind="request_rate", value=1e3)), 1e3)
    assert many.requests_per_s == pytest.approx(2 * 2 / found.ttft_s, rel=0.05)
    front = replace(few, prefill_workers=replace(few.prefill_workers, workers=200))  # type: ignore[type-var]
    decoders = bounds_of(replace(front, load=Load(kind="request_rate", value=1e3)), 1e3)
    room = few.room()
    full_s = float(unbeatable(few).step(decode=StepLoad(room, room, 4352.0)).step_s)
    assert decoders.requests_per_s == pytest.approx(2 * room / (512 * full_s))


# ------------------------------------------------------------------ arithmetic of a request


@pytest.mark.parametrize("layout", [{"tp": 8}, {"tp": 4, "dp": 2}])
def test_arithmetic_of_a_request_by_hand(layout: dict[str, int]) -> None:
    """Llama-3.1-8B: 6.98 G weights a prompt token, 7.50 G with the head, 524,288 FLOP for each token attended to."""
    deployment = deployed(**layout, isl=2000.0, osl=300.0, prefix=500.0, concurrency=8.0)
    uncached, cached, output = _flops(deployment, deployment.serve())
    attended = 4 * 32 * 32 * 128
    assert uncached == pytest.approx(1500 * (2 * 6.98e9 + attended * 750), rel=0.02)
    assert cached == pytest.approx(1500 * 500 * attended, rel=0.01)
    assert output == pytest.approx(300 * (2 * 7.504e9 + attended * 2150), rel=0.02)


def test_shares_of_arithmetic_do_not_depend_on_the_layouts_of_roles() -> None:
    """The same work on two GPUs or on four: 70.6 G weights a token in, its half of 4,096 attended, 512 tokens out."""
    two, four = (resolve(Scenario(**(APART | {"concurrency": 8.0, "prefill_layout": tp}))) for tp in ("tp2", "tp4"))
    found = [shares_of(one, one.serve(), "flops") for one in (two, four)]
    assert found[0].uncached == pytest.approx(found[1].uncached, rel=1e-3)
    read = 4096 * (2 * 68.5e9 + 4 * 80 * 8192 * 2048)
    written = 512 * (2 * 69.5e9 + 4 * 80 * 8192 * 4352)
    assert found[0].uncached == pytest.approx(read / (read + written), rel=2e-3)


def test_the_share_of_a_cached_prefix_is_what_attending_to_it_adds() -> None:
    deployment = deployed(tp=1, isl=20_000.0, osl=100.0, prefix=18_000.0, concurrency=8.0)
    served, shares = deployment.serve(), shares_of(deployment, deployment.serve())
    whole, alone = (float(deployment.prefill(2000.0, end).step_s) for end in (20_000.0, 2000.0))
    assert shares.cached == pytest.approx(served.prefill_share * (1 - alone / whole))
    assert shares.output == pytest.approx(1 - served.prefill_share)


def test_lengths_at_a_context() -> None:
    assert lengths_at(4352.0) == (4096.0, 512.0)
    assert lengths_at(100.0) == (1.0, 198.0)
    assert lengths_at(1000.0, 200.0) == (900.0, 200.0)
    assert lengths_at(1.0) == (1.0, 1.0)  # an answer has a token, a prompt too


# ------------------------------------------------------------------ which layout


def fake(**more: Any) -> Any:
    """A deployment of two replicas with room for 100, 100 tokens out, at most 50 ms: what a search looks at."""
    shape = {
        "limits": Limits(tpot_s=0.05), "load": Load(kind="fill"), "replicas": 2, "tokens_per_step": 1.0,
        "workload": SimpleNamespace(osl=100.0), "room": lambda: 100.0, "fits": True,
        "layout": SimpleNamespace(n_gpus=4), "memory": lambda: SimpleNamespace(cache_pool_bytes=7.0),
    }  # fmt: skip
    return SimpleNamespace(**(shape | more))


@pytest.mark.parametrize(
    ("room", "tpot_s", "rate", "hopeless"),
    [
        (100.0, 0.051, 0.0, True), (100.0, 0.05, 0.0, False),  # room for what ten requests/s need: 22.5 at once
        (10.0, 0.01, 4.49, True), (10.0, 0.06, 4.51, False),  # less than that: nine tenths of ten of both replicas
        (0.0, 1.0, 0.0, False),
    ],
)  # fmt: skip
def test_layouts_that_are_passed_over(room: float, tpot_s: float, rate: float, hopeless: bool) -> None:
    seen: list[float] = []

    def closed(held: float, room: float) -> Any:
        seen.append(held)
        return SimpleNamespace(tpot_s=tpot_s, requests_per_s=rate)

    assert _hopeless(fake(closed=closed, room=lambda: room), 10.0) is hopeless
    assert seen == ([] if room < 1.0 else [pytest.approx(min(22.5, room))])
    assert not _hopeless(fake(closed=closed, limits=Limits()), 10.0)
    assert not _hopeless(fake(closed=closed, load=Load(kind="batch", value=1.0)), 10.0)


def test_how_far_a_layout_is_from_what_is_asked() -> None:
    def closed(held: float, room: float) -> Any:
        return SimpleNamespace(tpot_s=0.1, ttft_s=3.0)

    assert _shortcoming(fake(closed=closed)) == (0.0, pytest.approx(2.0), 4.0)
    assert _shortcoming(fake(closed=closed, tokens_per_step=4.0, limits=Limits(tpot_s=0.05, ttft_s=1.0))) == (
        0.0, pytest.approx(3.0), 4.0,
    )  # fmt: skip
    assert _shortcoming(fake(closed=closed, limits=Limits())) == (0.0, 0.0, 4.0)
    assert _shortcoming(fake(closed=closed, fits=False)) == (1.0, -100.0, -7.0)


def test_replicas_leave_their_share_of_the_gpus() -> None:
    model, system = load_model("llama-3.1-8b"), load_system("8xh100")
    assert max(one.n_gpus for one in usual_layouts(model, system, "vllm", 2)) == 4
    assert max(one.n_gpus for one in usual_layouts(model, system, "vllm", None)) == 8


def test_the_chosen_layout_by_load() -> None:
    """A batch: the least TPOT, so all GPUs; filled up: the most requests/s of all that keep the limit."""
    quick = deployed(batch=1.0)
    assert quick.layout.tp == 8
    layouts = usual_layouts(load_model("llama-3.1-8b"), load_system("8xh100"), "vllm", None)
    full = deployed(isl=1000.0, osl=100.0)
    rates = [deployed(isl=1000.0, osl=100.0, tp=one.tp, pp=one.pp).serve().requests_per_s for one in layouts]
    assert full.serve().requests_per_s == pytest.approx(max(rates))
    # all of them keep up with five requests/s: the one on which a request is over soonest
    arriving = deployed(isl=1000.0, osl=100.0, request_rate=5.0)
    lasts = [
        deployed(isl=1000.0, osl=100.0, request_rate=5.0, tp=one.tp, pp=one.pp).serve().e2e_s for one in layouts
    ]  # fmt: skip
    assert arriving.serve().e2e_s == pytest.approx(min(lasts))
    with pytest.raises(InputError, match="layout"):
        chosen([])


def test_a_label_of_two_roles() -> None:
    assert apart_label(Layout(tp=4), 5, Layout(dp=32, ep=32), 1) == "5 x (tp4) : 1 x (dp32 ep32)"
