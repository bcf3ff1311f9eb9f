"""Speed of the planner: `pytest benchmarks/test_plan_bench.py --benchmark-enable`. Targets stand in the design notes.

The whole space of DeepSeek-V3 on 72 GPUs, prompts and answers together and apart, is to take 1 s at most.
"""

import pytest

from tokenroof.usecases.plan.run import PlanRequest, plan

DEEPSEEK = {"model": "deepseek-v3", "system": "gb200-nvl72", "ttft": 1.0, "tpot": 0.05}


@pytest.mark.parametrize("engine", ["vllm", "none"])
def test_deepseek_on_72_gpus(benchmark, engine):
    """`none` has every layout that divides, 1,401 of them; vLLM's flags can express 423."""
    answer = benchmark(plan, PlanRequest(**DEEPSEEK, engine=engine))
    assert answer.winner is not None
    benchmark.extra_info["points"] = answer.machines[0].search.points


def test_deepseek_with_drafts(benchmark):
    assert benchmark(plan, PlanRequest(**DEEPSEEK, acceptance=0.8)).winner is not None


def test_a_dense_model_on_32_gpus(benchmark):
    answer = benchmark(plan, PlanRequest(model="llama-3.1-70b", system="32xh200", ttft=1.0, tpot=0.05))
    assert answer.winner is not None


@pytest.mark.parametrize(
    "load",
    [{"users": 1e3, "think": 30.0}, {"users": 1e7, "think": 30.0}, {"request_rate": 10.0}, {"request_rate": 1e5}],
)
def test_loads_small_and_large(benchmark, load):
    """Any load is to answer within 1.5 times the time of a small one."""
    answer = benchmark(plan, PlanRequest(model="llama-3.3-70b", system="8xh100", **load))
    assert answer.winner is not None
