"""What `--explain` says of price and plan is what their pages say, from parts that can be added up."""

import pytest

from tokenroof.errors import InputError, UnknownName
from tokenroof.usecases.analyze.explain_rows import OperatorExplanation
from tokenroof.usecases.money.explain import PRICE_KEYS, explain_price
from tokenroof.usecases.money.explain_plan import PLAN_KEYS, explain_plan
from tokenroof.usecases.money.price import PriceRequest, price
from tokenroof.usecases.plan.run import PlanRequest, plan

PRICE = price(PriceRequest(model="llama-3.1-70b", system="8xh100", duty_cycle=0.5))
PLANS = {
    name: plan(PlanRequest(model="llama-3.1-70b", system="8xh100", tpot=0.05, **more))
    for name, more in {
        "agg": {"mode": "agg"},
        "disagg": {"mode": "disagg"},
        "pipeline": {"mode": "agg", "tp": 2, "pp": 3},
        "rate": {"mode": "agg", "request_rate": 3.0},
    }.items()
}


@pytest.mark.parametrize("key", PRICE_KEYS)
def test_price_is_explained_to_the_figure_on_its_page(key):
    economics = PRICE.economics
    shown = {
        "tpot_s": economics.tpot_s.value,
        "usd_per_mtok_output": economics.output_usd_per_mtok.value,
        "usd_per_mtok_input": economics.input_usd_per_mtok.value,
    }
    found = explain_price(PRICE, key)
    head = found.head if isinstance(found, OperatorExplanation) else found
    assert head.value == pytest.approx(shown[key], rel=1e-9)
    if key != "tpot_s":
        moved = {leaf.name: leaf.elasticity for leaf in head.leaves}
        assert moved["duty_cycle"] == pytest.approx(-1.0)
        assert moved["gpus"] is None, "more GPUs are another deployment"
        assert {leaf.name for leaf in head.movers} <= {"duty_cycle", "requests_per_s", "usd_per_gpu_s", "share"}


@pytest.mark.parametrize("key", PLAN_KEYS)
@pytest.mark.parametrize("name", PLANS)
def test_the_winner_is_explained_to_the_figure_on_its_page(name, key):
    winner = PLANS[name].winner
    watts = winner.energy.watts_per_gpu.value * winner.gpus_paid
    made = {
        "watts": watts,
        "users_per_mw": 1e6 * winner.concurrency / watts,
        "tokens_per_usd": 1e6 / winner.usd_per_mtok_all,
    }
    found = explain_plan(PLANS[name], key)
    head = found.head if isinstance(found, OperatorExplanation) else found
    shown = made[key] if key in made else getattr(winner, key)
    assert head.value == pytest.approx(shown, rel=1e-9)


@pytest.mark.parametrize("name", PLANS)
def test_the_operators_of_a_plan_make_its_decode_pass(name):
    found = explain_plan(PLANS[name], "tpot_s")
    assert sum(row.time_s for row in found.rows) == pytest.approx(found.step_s, rel=0.15)  # host time and overlap
    waiting = next(leaf.value for leaf in found.head.leaves if leaf.name == "waiting_s")
    assert waiting >= 0
    if name == "disagg":
        assert waiting < 0.01 * found.head.value  # nobody's prompts are there


def test_what_cannot_be_explained_is_one_error():
    with pytest.raises(UnknownName, match="tpot_s"):
        explain_plan(PLANS["agg"], "tpot")
    flops = price(PriceRequest(model="llama-3.1-70b", system="8xh100", allocation="flops"))
    with pytest.raises(InputError, match="allocation"):
        explain_price(flops, "usd_per_mtok_output")
    nobody = plan(PlanRequest(model="llama-3.1-70b", system="8xh100", ttft=1e-3))
    with pytest.raises(InputError, match="winner"):
        explain_plan(nobody, "tpot_s")
