"""One scenario, one answer: every verb that serves a model gives the deployment's own numbers.

These were the first tests of the house: each failed while verbs had serving models and memory rules of their own.
"""

import json
import random
import subprocess
import sys
from dataclasses import fields

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.errors import TokenroofError
from tokenroof.planner.space import planned_layouts
from tokenroof.scenario.costs import cost_of
from tokenroof.scenario.energy import energy_of
from tokenroof.scenario.ranges import ranged
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import DEGREES, Scenario
from tokenroof.types.served import Infeasible
from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze
from tokenroof.usecases.money.break_even import BreakEvenRequest, BreakEvenResponse, break_even
from tokenroof.usecases.money.costs import Economics
from tokenroof.usecases.money.price import PriceRequest, PriceResponse, price
from tokenroof.usecases.plan.run import PlanRequest, plan

MODELS = ("llama-3.1-8b", "llama-3.3-70b", "qwen3-32b", "qwen3-30b-a3b", "qwen3-235b-a22b", "gpt-oss-120b",
          "deepseek-v3", "glm-4.5-air")  # fmt: skip
SYSTEMS = ("h100", "2xh100", "4xh100", "8xh100", "8xh200", "8xb200", "16xh200")
ENGINES = ("vllm", "sglang", "trtllm", "none")


def scenarios(count: int) -> list[Scenario]:
    """Random scenarios with a legal layout that the engine can express, an aggregated one with room for a request."""
    random_ = random.Random(20261129)
    found: list[Scenario] = []
    while len(found) < count:
        model, system, engine = (random_.choice(names) for names in (MODELS, SYSTEMS, ENGINES))
        layouts, _ = planned_layouts(load_model(model), load_system(system), engine, width="usual")
        if not layouts:
            continue
        layout = random_.choice(layouts)
        scenario = Scenario(
            model=model, system=system, engine=engine, isl=float(random_.choice([128, 1024, 4096, 16384])),
            osl=float(random_.choice([64, 256, 1024])), tpot=random_.choice([0.02, 0.05, 0.1]), price_per_gpu_hour=2.5,
            max_batched_tokens=random_.choice([2048, 8192]),
            **{name: getattr(layout, name) for name in (*DEGREES, "redundant_experts")},
        )  # fmt: skip
        try:
            if resolve(scenario).serve().fits:
                found.append(scenario)
        except TokenroofError:
            continue
    return found


SCENARIOS = scenarios(50)


def asked(cls: type, scenario: Scenario, **more: object):
    return cls(**{field.name: getattr(scenario, field.name) for field in fields(scenario)} | more)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: f"{one.model}-{one.system}-{one.engine}")
def test_analyze_and_plan_give_the_deployments_numbers(scenario: Scenario) -> None:
    deployment = resolve(scenario)
    served = deployment.serve()
    cost = cost_of(deployment, served, 2.5)
    answer = analyze(asked(AnalyzeRequest, scenario))
    assert answer.fits and answer.tpot_s is not None and answer.cost is not None and answer.ttft_s is not None
    assert answer.tpot_s == ranged("tpot", served.tpot_s, deployment.profile, answer.tpot_s.bound)
    assert answer.output_tokens_per_s_per_gpu is not None
    assert answer.output_tokens_per_s_per_gpu.value == served.output_tokens_per_s_per_gpu
    assert answer.cost.output_usd_per_mtok.value == cost.output_usd_per_mtok
    assert answer.energy is not None and answer.energy == energy_of(deployment, served)

    held = {"kv_dtype": deployment.kv_dtype, "gather_passes": deployment.scheduler.gather_passes}
    found = plan(asked(PlanRequest, scenario, mode="agg", weight_dtype="own", **held)).winner
    assert found is not None
    assert {name: getattr(found.layout, name) for name in DEGREES} == {
        name: getattr(deployment.layout, name) for name in DEGREES
    }
    assert found.units == deployment.replicas
    assert found.tpot_s == pytest.approx(served.tpot_s, rel=0.01)
    assert found.ttft_s == pytest.approx(served.ttft_s, rel=0.01)
    assert found.output_tokens_per_s_per_gpu == pytest.approx(served.output_tokens_per_s_per_gpu, rel=0.01)
    assert found.usd_per_mtok_output == pytest.approx(cost.output_usd_per_mtok, rel=0.01)
    assert found.concurrency == pytest.approx(served.concurrency, rel=0.01)
    assert found.joules_per_output_token == pytest.approx(answer.energy.joules_per_output_token.value, rel=0.01)
    assert found.energy.watts_per_gpu.value == pytest.approx(answer.energy.watts_per_gpu.value, rel=0.01)
    tpot = answer.tpot_s
    if tpot.low is not None and tpot.high is not None and tpot.low > (tpot.bound or 0.0):
        assert (found.low, found.high) == pytest.approx((tpot.low / tpot.value, tpot.high / tpot.value), rel=1e-9)


@pytest.mark.parametrize("scenario", SCENARIOS[:20], ids=lambda one: f"{one.model}-{one.system}-{one.engine}")
def test_price_and_break_even_give_the_deployments_numbers(scenario: Scenario) -> None:
    deployment = resolve(scenario)
    served, profile = deployment.serve(), deployment.profile
    cost = cost_of(deployment, served, 2.5)
    priced = price(asked(PriceRequest, scenario, longest=4000.0))
    against = break_even(asked(BreakEvenRequest, scenario, offer="market/llama-3.3-70b"))
    assert isinstance(priced, PriceResponse)
    assert isinstance(against, BreakEvenResponse)

    def same(found: Economics) -> None:
        assert found.served == served
        assert found.energy == energy_of(deployment, served)
        assert found.tpot_s == ranged("tpot", served.tpot_s, profile)
        assert found.output_tokens_per_s_per_gpu == ranged("throughput", served.output_tokens_per_s_per_gpu, profile)
        assert found.request_usd == ranged("cost", cost.request_usd, profile)
        assert found.input_usd_per_mtok == ranged("cost", cost.input_usd_per_mtok, profile)
        assert found.output_usd_per_mtok == ranged("cost", cost.output_usd_per_mtok, profile)

    same(priced.economics)
    same(against.economics)
    assert priced.fast[0].tpot_s == served.tpot_s
    assert against.request_busy_usd.value == pytest.approx(cost.request_usd, rel=1e-9)
    own = next(mix for mix in against.mixes if mix.isl == scenario.isl)
    assert own.own_usd == pytest.approx(cost.request_usd, rel=1e-9)
    told = analyze(asked(AnalyzeRequest, scenario))
    assert told.cost is not None
    assert told.cost.output_usd_per_mtok.value == priced.economics.output_usd_per_mtok.value
    assert told.cost.output_usd_per_mtok.high == pytest.approx(priced.economics.output_usd_per_mtok.high, rel=1e-9)


def test_a_deployment_without_room_is_refused_by_every_verb() -> None:
    scenario = Scenario(model="deepseek-v3", system="8xh100", tp=8, ep=8, price_per_gpu_hour=2.5)
    assert not resolve(scenario).serve().fits
    assert not analyze(asked(AnalyzeRequest, scenario)).fits
    refused = price(asked(PriceRequest, scenario)), break_even(asked(BreakEvenRequest, scenario, offer="openai/gpt-5"))
    assert all(isinstance(one, Infeasible) for one in refused)


@pytest.mark.parametrize("scenario", SCENARIOS[:6], ids=lambda one: f"{one.model}-{one.system}-{one.engine}")
def test_plan_is_never_dearer_than_the_layout_that_analyze_takes(scenario: Scenario) -> None:
    """The search of plan contains the usual layouts, at the same limits."""
    free = {name: None for name in (*DEGREES, "redundant_experts")}
    answer = analyze(asked(AnalyzeRequest, scenario, **free))
    best = plan(asked(PlanRequest, scenario, **free, mode="agg", weight_dtype="own", kv_dtype=answer.kv_dtype)).winner
    assert best is not None and best.usd_per_mtok_all is not None and answer.cost is not None
    assert best.usd_per_mtok_all <= answer.cost.all_on_output_usd_per_mtok.value * 1.005


def test_the_exit_code_is_the_verdict() -> None:
    for model, system, batch in (("llama-3.1-70b", "2xh100", "20"), ("llama-3.1-70b", "4xh100", "20"),
                                 ("gpt-oss-120b", "1xh100", "60")):  # fmt: skip
        command = [sys.executable, "-m", "tokenroof", "analyze", model, "--system", system, "--batch", batch, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        answer = json.loads(done.stdout)
        assert done.returncode == (0 if answer["fits"] else 1)
        assert (answer["infeasible"] is None) == answer["fits"]


def test_json_and_text_and_python_agree() -> None:
    scenario = SCENARIOS[0]
    options = ["--isl", f"{scenario.isl:g}", "--osl", f"{scenario.osl:g}", "--tpot", f"{scenario.tpot:g}s",
               "--engine", scenario.engine, "--price-per-gpu-hour", "2.5"]  # fmt: skip
    for name in (*DEGREES, "redundant_experts"):
        options += [f"--{name.replace('_', '-')}", str(getattr(scenario, name))]
    command = [sys.executable, "-m", "tokenroof", "analyze", scenario.model, "--system", scenario.system, *options]
    told = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    request = asked(AnalyzeRequest, scenario, max_batched_tokens=None)
    answer = analyze(request)
    assert answer.tpot_s is not None
    assert told["tpot_s"]["value"] == answer.tpot_s.value
    assert f"{answer.tpot_s.value * 1e3:.3g}" in page
