"""A scenario's deployment by hand: lengths, units on a system, what is served, shares of cost, ranges, limits."""

import math
from dataclasses import replace

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.errors import InputError
from tokenroof.operators.layout_space import units_on
from tokenroof.scenario.costs import cost_of, shares_of
from tokenroof.scenario.infeasible import infeasible_of, larger_systems
from tokenroof.scenario.layouts import layout_label
from tokenroof.scenario.ranges import ranged
from tokenroof.scenario.resolve import load_of, met, resolve, workload_of
from tokenroof.scenario.slo import slo_of
from tokenroof.scenario.unmet import unmet
from tokenroof.solve import crossing, largest_whole
from tokenroof.types.default import Default
from tokenroof.types.layout import Layout
from tokenroof.types.limits import faults_of
from tokenroof.types.scenario import Scenario
from tokenroof.types.workload import Limits, Load

LLAMA = load_model("llama-3.1-8b")


def asked(**more: object) -> Scenario:
    return Scenario(**{"model": "llama-3.1-8b", "system": "8xh100", **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "isl", "osl"),
    [
        ({}, 4096.0, 512.0),
        ({"isl": 100.0}, 100.0, 512.0),
        ({"context": 4352.0}, 4096.0, 512.0),  # 4352 - 512 / 2
        ({"context": 100.0}, 1.0, 198.0),  # no prompt is left before half of 512: 100 = 1 + 198 / 2
        ({"context": 1000.0, "osl": 200.0}, 900.0, 200.0),
    ],
)
def test_lengths_from_what_is_given(given: dict[str, object], isl: float, osl: float) -> None:
    work = workload_of(asked(**given), LLAMA, [])
    assert (work.isl, work.osl) == (isl, osl)
    assert work.context == isl + osl / 2


def test_a_model_of_2048_tokens_gets_a_prompt_that_leaves_room_for_the_answer() -> None:
    assert workload_of(asked(), replace(LLAMA, context_config=2048), []).isl == 2048 - 512


def test_a_context_that_contradicts_the_lengths_is_refused() -> None:
    with pytest.raises(InputError, match="context"):
        resolve(asked(isl=1000.0, osl=200.0, context=1000.0))
    assert resolve(asked(isl=1000.0, osl=200.0, context=1100.0)).workload.isl == 1000.0


def test_the_load_is_one_of_four() -> None:
    said: list[Default] = []
    assert load_of(asked(), said) == Load() and said == []
    assert load_of(asked(users=7.0), said).think_s == 30.0 and said[0].field == "think"
    assert load_of(asked(users=7.0, think=3.0), []) == Load(kind="users", value=7.0, think_s=3.0)
    with pytest.raises(InputError, match="load"):
        resolve(asked(batch=1.0, concurrency=2.0))


@pytest.mark.parametrize(
    ("system", "gpus", "units"),
    [("gb200-nvl72", 8, 9), ("gb200-nvl72", 5, 14), ("16xh100", 3, 4), ("16xh100", 12, 1), ("16xh100", 16, 1)],
)
def test_units_do_not_straddle_domains(system: str, gpus: int, units: int) -> None:
    """72 // 5 = 14; two domains of 8 hold two units of 3 each, though 16 // 3 = 5; 12 GPUs need both domains."""
    assert units_on(load_system(system), gpus) == units


def test_what_is_served_obeys_littles_law_and_counts_every_gpu() -> None:
    deployment = resolve(asked(tp=2, isl=1000.0, osl=100.0))
    assert deployment.replicas == 4
    served = deployment.serve(Load(kind="concurrency", value=40.0))
    one = deployment.closed(10.0)
    assert served.requests_per_s == pytest.approx(4 * 10.0 / float(one.e2e_s), rel=1e-12)
    assert served.output_tokens_per_s_per_gpu == pytest.approx(served.requests_per_s * 100 / 8, rel=1e-12)
    assert served.input_tokens_per_s_per_gpu == pytest.approx(served.requests_per_s * 1000 / 8, rel=1e-12)
    assert served.decode_tokens_per_s_per_gpu == pytest.approx(4 * 10 / served.decode_step_s / 8, rel=1e-12)
    assert served.decode_step_s == pytest.approx(float(deployment.step(10.0).step_s), rel=1e-12)
    assert served.prefill_share == pytest.approx(1 - 100 * served.decode_step_s / served.e2e_s, rel=1e-12)
    assert (served.batch, served.concurrency) == (10.0, 40.0)


def test_fewer_requests_than_replicas_leave_replicas_idle() -> None:
    deployment = resolve(asked(tp=2, isl=1000.0, osl=100.0))
    served = deployment.serve(Load(kind="concurrency", value=3.0))
    assert served.requests_per_s == pytest.approx(3 / float(deployment.closed(1.0).e2e_s), rel=1e-12)


def test_users_come_back_after_reading() -> None:
    deployment = resolve(asked(tp=2, isl=1000.0, osl=100.0))
    served = deployment.serve(Load(kind="users", value=200.0, think_s=20.0))
    assert served.requests_per_s == pytest.approx(200.0 / (20.0 + served.e2e_s), rel=1e-5)
    arriving = deployment.serve(Load(kind="request_rate", value=served.requests_per_s))
    assert served.tpot_s == pytest.approx(arriving.tpot_s, rel=1e-4)


def test_the_most_inside_a_limit_is_inside_and_one_more_is_not() -> None:
    deployment = resolve(asked(tp=1))
    held, limit = deployment.most(Limits(tpot_s=0.02))
    assert limit == "tpot"
    assert float(deployment.closed(held).tpot_s) <= 0.02 < float(deployment.closed(held + 1).tpot_s)
    assert deployment.most(Limits(tpot_s=1e-5)) == (0.0, "tpot")
    assert deployment.most(Limits(tpot_s=1e3))[1] == "memory"


def test_cost_by_hand() -> None:
    """$3 for each of 8 GPUs: a request costs 24 / 3600 over its rate, shared by machine time, and recovered whole."""
    deployment = resolve(asked(tp=4, isl=2000.0, osl=300.0, prefix=500.0, concurrency=16.0))
    served = deployment.serve()
    cost = cost_of(deployment, served, 3.0)
    assert cost.request_usd == pytest.approx(24 / 3600 / served.requests_per_s, rel=1e-12)
    assert cost.cached_usd_per_mtok is not None
    whole = cost.input_usd_per_mtok * 1500 + cost.cached_usd_per_mtok * 500 + cost.output_usd_per_mtok * 300
    assert whole == pytest.approx(cost.request_usd * 1e6, rel=1e-12)
    shares = shares_of(deployment, served)
    assert shares.uncached + shares.cached == pytest.approx(served.prefill_share, rel=1e-12)
    assert cost_of(deployment, served, 3.0, duty_cycle=0.5).request_usd == pytest.approx(2 * cost.request_usd)
    assert cost_of(deployment, served, 3.0, gpus=4).request_usd == pytest.approx(cost.request_usd / 2)
    output = cost_of(deployment, served, 3.0, allocation="output")
    assert output.output_usd_per_mtok == pytest.approx(cost.request_usd / 300 * 1e6)
    by_flops = shares_of(deployment, served, "flops")
    # 6.98 G of 7.5 G matmul parameters run for a prompt token: its logits are not wanted; answers attend further back
    assert by_flops.uncached / by_flops.output == pytest.approx(1500 * 6.98 / (300 * 7.5), rel=0.06)


def test_a_range_is_the_spread_of_its_metric_and_stops_at_the_bound() -> None:
    profile = replace(resolve(asked()).profile, spread={"tpot": math.log(2.0), "throughput": math.log(1.5)})
    tpot = ranged("tpot", 0.04, profile)
    assert (tpot.low, tpot.high) == (pytest.approx(0.02), pytest.approx(0.08))
    assert ranged("tpot", 0.04, profile, 0.03).low == 0.03
    rate = ranged("throughput", 300.0, profile, 400.0)
    assert (rate.low, rate.high) == (pytest.approx(200.0), 400.0)
    assert ranged("ttft", 1.0, profile).low is None


def test_why_it_does_not_fit_by_hand() -> None:
    """8.03 B parameters in 16 bits are 16.06 GB; a T4 has 16 GB in all."""
    small = resolve(asked(system="t4"))
    assert not small.fits and not met(asked(system="t4"))
    told = infeasible_of(small)
    assert "16.1 GB" in told.reason
    assert [system.id for system in larger_systems(load_system("t4"))][:3] == ["2xt4", "4xt4", "8xt4"]
    for fix in told.fixes:
        field, _, value = fix.partition(" ")
        assert met(asked(**({"system": "t4"} | {field: value})))


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({"tpot": 0.001}, "tpot"), ({"ttft": 0.001}, "ttft"), ({"concurrency": 64.0, "tpot": 0.004}, "tpot"),
        ({"request_rate": 500.0}, "load"), ({"users": 1e7, "think": 30.0}, "load"), ({"batch": 1e5}, "memory"),
    ],
)  # fmt: skip
def test_what_is_not_met_says_what_ends_it_and_its_changes_hold(given: dict[str, float], limit: str) -> None:
    scenario = asked(**given)
    deployment = resolve(scenario)
    told = unmet(deployment, deployment.serve())
    assert told is not None and told.limit == limit and not met(scenario)
    assert deployment.fits == (limit != "memory")
    assert told.fixes
    for fix in told.fixes:
        field, _, value = fix.partition(" ")
        shown = value.replace(",", "")
        changed = (
            shown
            if field in ("system", "kv_dtype", "weight_dtype")
            else (float(shown.removesuffix("ms")) / 1e3 if shown.endswith("ms") else float(shown))
        )
        assert met(asked(**({name: held for name, held in given.items()} | {field: changed}))), fix


def test_in_an_empty_system_that_is_too_slow_the_nearest_layout_is_shown() -> None:
    late = resolve(Scenario(model="llama-3.3-70b", system="8xh100", tpot=1e-3))
    others = [resolve(replace(late.scenario, tp=tp)) for tp in (2, 4, 8)]
    assert float(late.closed(1.0).tpot_s) == min(float(one.closed(1.0).tpot_s) for one in others)


@pytest.mark.parametrize("given", [{"tp": 4, "replicas": 3}, {"replicas": 9}, {"tp": 8, "replicas": 2}])
def test_more_replicas_than_gpus_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"replicas.*at most"):
        resolve(Scenario(model="llama-3.1-8b", system="8xh100", **given))


def test_labels_and_slos() -> None:
    assert layout_label(Layout()) == "tp1"
    assert layout_label(Layout(dp=8, ep=8)) == "dp8 ep8"
    assert layout_label(Layout(tp=2, pp=3), 4) == "4 replicas of tp2 pp3"
    assert slo_of("ttft:1s,tpot:50ms", None, None).limits == Limits(ttft_s=1.0, tpot_s=0.05)
    assert slo_of("ttft:1s", 2.0, None).ttft_s == 2.0


def test_limits_of_a_request_made_in_python() -> None:
    told = faults_of(asked(batch=0.5, tpot=50.0, tp=0, engine="vllm", mode="sideways", prefix=-1.0))
    assert {fault.field for fault in told} == {"batch", "tpot", "tp", "mode", "prefix"}
    assert faults_of(asked(batch=1.0, tpot=0.05)) == ()
    with pytest.raises(InputError, match="concurrency"):
        resolve(asked(concurrency=math.nan))


def test_searches() -> None:
    assert largest_whole(lambda n: n * n <= 50, 1, 100) == 7
    assert largest_whole(lambda n: False, 1, 100) == 0
    assert largest_whole(lambda n: True, 1, 100) == 100
    low, high = crossing(lambda x: x * x < 2.0, 0.0, 2.0)
    assert low <= math.sqrt(2) <= high and high - low < 1e-12
    low, high = crossing(lambda x: x < 1e6, 1.0, 1e12, ratio=True)
    assert high == pytest.approx(1e6, rel=1e-9)
