"""A disaggregated deployment that is named: what analyze and price say of it is what plan says, and what is refused."""

from dataclasses import fields, replace
from itertools import pairwise

import pytest

from tokenroof.errors import InputError
from tokenroof.scenario.layouts import layout_label
from tokenroof.scenario.resolve import resolve
from tokenroof.types.layout import Layout
from tokenroof.types.scenario import DEGREES, Scenario
from tokenroof.types.served import Infeasible
from tokenroof.types.workload import Load
from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze
from tokenroof.usecases.diff.run import diff
from tokenroof.usecases.money.price import PriceRequest, price
from tokenroof.usecases.money.speculate import SpeculateRequest, speculate
from tokenroof.usecases.plan.run import PlanRequest, plan

LLAMA = Scenario(
    model="llama-3.3-70b", system="8xh100", weight_dtype="fp8", prefill_layout="tp1", prefill_workers=4,
    decode_layout="tp4", decode_workers=1, max_batched_tokens=2048,
)  # fmt: skip
PLANNED = [
    {"model": "llama-3.3-70b", "system": "8xh100", "tpot": 0.04, "ttft": 3.0},
    {"model": "llama-3.3-70b", "system": "16xh200", "request_rate": 8.0, "tpot": 0.03, "ttft": 2.0},
    {"model": "deepseek-v3", "system": "gb200-nvl72", "tpot": 0.04, "ttft": 2.0, "max_batched_tokens": 8192},
    {"model": "qwen3-30b-a3b", "system": "8xh100", "concurrency": 400.0, "engine": "sglang"},
]


def fields_of(scenario: Scenario) -> dict:
    return {field.name: getattr(scenario, field.name) for field in fields(scenario)}


def named(one: object, asked: dict) -> dict:
    """The flags that name a deployment of a plan."""
    return {
        "model": asked["model"], "engine": asked.get("engine", "vllm"), "weight_dtype": None if one.own_weights
        else one.weights, "kv_dtype": one.kv, "prefill_layout": layout_label(one.prefill_layout),
        "decode_layout": layout_label(one.layout), "prefill_workers": one.prefill_workers // one.units,
        "decode_workers": one.decode_workers // one.units, "replicas": one.units, "max_batched_tokens": one.chunk,
    }  # fmt: skip


@pytest.mark.parametrize("asked", PLANNED, ids=lambda asked: f"{asked['model']}-{asked['system']}")
def test_analyze_and_price_say_of_a_deployment_what_plan_says(asked):
    machine = plan(PlanRequest(**asked, mode="disagg")).machines[0]
    one = machine.winner
    load = {"concurrency": one.concurrency}
    if asked.get("request_rate"):
        load = {"request_rate": asked["request_rate"]}
    request = {**named(one, asked), "system": asked["system"], "price_per_gpu_hour": 2.0, **load}
    answer, cost = analyze(AnalyzeRequest(**request)), price(PriceRequest(**request))
    assert answer.layout_label.endswith(one.label)
    for mine, its in ((answer.prefill_layout, one.prefill_layout), (answer.layout, one.layout)):
        assert [getattr(mine, name) for name in DEGREES] == [getattr(its, name) for name in DEGREES]
        assert mine.redundant_experts == its.redundant_experts
    assert answer.tpot_s.value == pytest.approx(one.tpot_s, rel=1e-6)
    assert answer.ttft_s.value == pytest.approx(one.ttft_s, rel=1e-6)
    assert answer.requests_per_s == pytest.approx(one.requests_per_s, rel=1e-6)
    paid = answer.gpus / one.gpus_paid
    assert answer.output_tokens_per_s_per_gpu.value * paid == pytest.approx(one.output_tokens_per_s_per_gpu, rel=1e-6)
    usd = one.usd_per_mtok_all * 2.0 / machine.usd_per_gpu_h * paid
    assert answer.cost.all_on_output_usd_per_mtok.value == pytest.approx(usd, rel=1e-6)
    assert cost.economics.output_usd_per_mtok.value == pytest.approx(answer.cost.output_usd_per_mtok.value, rel=1e-6)


def test_predictions_stay_above_the_bound():
    answer = analyze(AnalyzeRequest(**fields_of(LLAMA)))
    for number in (answer.tpot_s, answer.ttft_s, answer.decode_step_s):
        assert 0.0 < number.bound <= number.low
    assert answer.output_tokens_per_s_per_gpu.value < answer.output_tokens_per_s_per_gpu.bound


def test_without_a_load_there_are_as_many_requests_as_prefill_feeds():
    """Prompts 4 to a pass of 4 GPUs bind; 104 requests, which decode could hold, would stand 15 s before them."""
    one = Scenario(
        model="llama-3.3-70b", system="8xh100", prefill_layout="tp4", decode_layout="tp4", max_batched_tokens=16384
    )
    found = resolve(one)
    served, crowd = found.serve(), found.serve(Load(kind="concurrency", value=104.0))
    pass_s = found.prefill(4096.0, 4096.0, requests=4.0).step_s
    assert found.room() == 104.0
    # passes of four without a gap, for 511 steps of an answer and the wait before it
    assert served.requests_per_s == pytest.approx(4.0 / pass_s, rel=0.01)
    held = 4.0 / pass_s * (511 * served.tpot_s + served.ttft_s)
    assert (served.limit, served.concurrency) == ("prefill", pytest.approx(held, abs=1.0))
    assert served.ttft_s < 2.0 < 10.0 < crowd.ttft_s
    assert crowd.requests_per_s == pytest.approx(served.requests_per_s, rel=0.01)
    assert "its prefill feeds no more" in analyze(AnalyzeRequest(**fields_of(one))).sentence
    outrun = analyze(AnalyzeRequest(**fields_of(replace(one, concurrency=104.0)))).sentence
    assert "; its prefill feeds 53 of them, the rest wait before it (TTFT 1" in outrun


def test_a_machine_holds_as_many_units_as_fit():
    assert resolve(replace(LLAMA, system="32xh100")).replicas == 4
    assert resolve(replace(LLAMA, system="32xh100", replicas=2)).gpus_used == 16
    one = resolve(replace(LLAMA, prefill_workers=None, decode_workers=None))
    assert (one.unit_gpus, one.replicas) == (5, 1)
    assert {"prefill_workers", "decode_workers"} <= {default.field for default in one.defaults}


def test_spare_experts_fill_up_what_does_not_divide():
    found = resolve(
        Scenario(model="deepseek-v3", system="gb200-nvl72", prefill_layout="pp8", decode_layout="dp24 ep24")
    )
    assert found.layout == replace(found.layout, dp=24, ep=24, redundant_experts=8)  # 256 + 8 = 24 x 11
    assert found.prefill_workers.layout.n_gpus == Layout(pp=8).n_gpus


def test_prefill_without_room_is_infeasible_and_the_way_out_is_named():
    answer = analyze(AnalyzeRequest(**fields_of(replace(LLAMA, weight_dtype="bf16"))))
    assert not answer.fits
    assert "prefill workers need 14" in answer.infeasible.reason  # 70.6 G weights of 2 bytes, and two prompts
    assert float(answer.memory.weights_bytes) == pytest.approx(141.1e9, rel=0.01)
    assert "another layout" in answer.infeasible.fixes
    assert isinstance(price(PriceRequest(**fields_of(replace(LLAMA, weight_dtype="bf16")))), Infeasible)


def test_a_difference_of_roles_is_told():
    plain = Scenario(model="llama-3.3-70b", system="8xh100", weight_dtype="fp8", tp=2)
    found = diff(AnalyzeRequest(**fields_of(plain)), AnalyzeRequest(**fields_of(LLAMA)))
    assert found.b.layout_label == "4 x (tp1) : 1 x (tp4)"
    assert any("4 x (tp1) : 1 x (tp4)" in str(change) for change in found.changed)


@pytest.mark.parametrize(
    ("changes", "field", "limit"),
    [
        ({"prefill_layout": "tp"}, "prefill_layout", "degrees"),
        ({"prefill_layout": "tp2 tp2"}, "prefill_layout", "each once"),
        ({"decode_layout": ""}, "decode_layout", "degrees"),
        ({"decode_layout": "tp3"}, "decode_layout", "tp"),
        ({"decode_layout": None}, "prefill_layout", "decode_layout"),
        ({"prefill_layout": None}, "decode_layout", "prefill_layout"),
        ({"prefill_layout": None, "decode_layout": None}, "prefill_workers", "prefill_layout"),
        ({"tp": 4}, "tp", "left out"),
        ({"batch": 4.0}, "batch", "left out"),
        ({"prefill_workers": 5}, "prefill_workers, decode_workers", "at most 8 GPUs"),
        ({"replicas": 2}, "replicas", "at most 1"),
    ],
)
def test_what_names_no_deployment_is_refused(changes, field, limit):
    with pytest.raises(InputError) as refused:
        resolve(replace(LLAMA, **changes))
    assert refused.value.field == field
    assert limit in str(refused.value)


def test_a_layout_names_its_spare_experts():
    """256 experts on 72 GPUs take 32 copies, 4 experts a GPU; 104 copies make 5."""
    asked = Scenario(model="deepseek-v3", system="144xh200", prefill_layout="dp72 ep72", decode_layout="dp72 ep72")
    own = resolve(asked)
    assert own.layout.redundant_experts == own.prefill_workers.layout.redundant_experts == 32
    (said,) = [one for one in own.defaults if one.field == "redundant_experts"]
    assert said.value == "32 in prefill, 32 in decode"
    more = resolve(replace(asked, decode_layout="dp72 ep72 redundant104"))
    assert (more.layout.redundant_experts, more.prefill_workers.layout.redundant_experts) == (104, 32)
    assert more.memory().weights_bytes > own.memory().weights_bytes
    assert [one.value for one in more.defaults if one.field == "redundant_experts"] == ["32 in prefill"]
    with pytest.raises(InputError, match=r"; redundant32$"):
        resolve(replace(asked, decode_layout="dp72 ep72 redundant0"))
    with pytest.raises(InputError, match="give them in each layout"):
        resolve(replace(asked, redundant_experts=32))


def test_drafts_are_not_weighed_in_two_layouts():
    with pytest.raises(InputError, match="prefill_layout"):
        speculate(SpeculateRequest(**fields_of(LLAMA)))


def test_a_plan_with_named_roles_has_no_shared_ones():
    with pytest.raises(InputError, match="workers of each role are named"):
        plan(PlanRequest(**fields_of(LLAMA)))  # a scenario's mode is agg where it is not given
    found = plan(PlanRequest(**(fields_of(LLAMA) | {"mode": "auto"}))).winner
    assert found is not None and found.label == "4 x (tp1) : 1 x (tp4)"


def test_more_requests_at_once_are_served_faster_up_to_the_slower_role():
    """The time that answers and prompts take is solved for: rates rise with the load and keep Little's law."""
    unit = resolve(LLAMA)
    rates = []
    for held in (10.0, 50.0, 100.0, 150.0, 159.0, 170.0, 200.0, 1e3, 1e6):
        found = unit.serve(Load(kind="concurrency", value=held))
        assert found.requests_per_s * found.e2e_s == pytest.approx(held, rel=1e-9)
        rates.append(found.requests_per_s)
    assert all(after >= before * (1.0 - 1e-12) for before, after in pairwise(rates))
    assert rates[3] == pytest.approx(6.963, rel=1e-3)  # 150 at once; simulated, with lengths within 11 %: 6.815


R1_TP8 = {"model": "deepseek-r1", "system": "24xh200", "isl": 2000.0, "osl": 500.0, "concurrency": 512.0, "ttft": 2.0,
          "kv_dtype": "bf16", "prefill_layout": "tp8", "decode_layout": "dp16 ep16", "alternatives": 0}  # fmt: skip
R1_WIDE = {"model": "deepseek-r1", "system": "96xh100", "engine": "sglang", "isl": 2000.0, "osl": 500.0,
           "concurrency": 8192.0, "two_batch_overlap": True, "kv_dtype": "bf16", "prefill_layout": "dp32 ep32",
           "decode_layout": "dp64 ep64", "alternatives": 0}  # fmt: skip
# what plans with numbers of workers held, 2:1 and 3:1, need
BOUGHT = [(R1_TP8, 2, 32, (32, 64, None)), (R1_WIDE, 3, 160, (160, 288, None))]


@pytest.mark.parametrize(("asked", "fronts", "fewest", "budgets"), BOUGHT, ids=("tp8", "wide"))
def test_more_gpus_at_hand_never_make_the_answer_dearer(asked, fronts, fewest, budgets):
    found = [plan(PlanRequest(**asked, gpus=gpus)).winner for gpus in budgets]
    bills = [one.usd_per_mtok_all for one in found]
    assert bills == sorted(bills, reverse=True)
    assert [one.gpus_paid for one in found] == [fewest] * len(budgets)
    held = plan(PlanRequest(**asked, prefill_workers=fronts, decode_workers=1)).winner
    assert bills[-1] == pytest.approx(held.usd_per_mtok_all)


def test_gpus_that_are_asked_for_would_do_and_so_would_fewer_requests():
    unmet = plan(PlanRequest(**R1_TP8, gpus=24)).machines[0].unmet
    assert "needs 32 GPUs within the limits" in unmet.reason
    told = float(next(change for change in unmet.changes if change.startswith("request_rate")).split()[1])
    smaller = {name: value for name, value in R1_TP8.items() if name != "concurrency"}
    assert plan(PlanRequest(**smaller, request_rate=0.99 * told, gpus=24)).winner.gpus_paid == 24
