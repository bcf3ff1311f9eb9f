"""Why not: each reason names a number, and in that number the winner is the better one."""

import re

import pytest

from tokenroof.usecases.plan.run import PlanRequest, plan

SCENES = [
    {"model": "llama-3.3-70b", "system": "8xh100"},
    {"model": "llama-3.3-70b", "system": "8xh100", "request_rate": 20.0},
    {"model": "llama-3.3-70b", "system": "8xh100", "ttft": 1.0, "tpot": 0.04},
    {"model": "llama-3.3-70b", "system": "8xh200", "objective": "latency", "ttft": 2.0},
    {"model": "llama-3.1-8b", "system": "4xl40s", "users": 300.0, "think": 20.0, "tpot": 0.05},
    {"model": "llama-3.1-8b", "system": "8xh100", "objective": "energy", "concurrency": 200.0},
    {"model": "qwen3-30b-a3b", "system": "4xh200", "objective": "throughput", "ttft": 0.5, "tpot": 0.03},
    {"model": "deepseek-v3", "system": "16xh200", "ttft": 2.0, "tpot": 0.08, "acceptance": 0.7},
]
FORM = re.compile(r"; (.*?)([\d,.]+)(.*?) \(winner: ([\d,.]+)\)")
MORE_IS_BETTER = ("requests a GPU", "requests/s a GPU at most", "output tok/s/GPU")
LESS_IS_BETTER = ("GPU idle", "GPUs idle", "GPUs for the load", "s a request", "J a token")
SIMPLER = ("role", "unusual degree", "narrower format", "draft")


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: "-".join(map(str, scene.values())))
def test_a_reason_names_a_number_in_which_the_winner_is_better(scene):
    answer = plan(PlanRequest(**scene, alternatives=12))
    runners = answer.machines[0].runner_ups
    assert runners
    for one in runners:
        found = FORM.search(one.why_not)
        if found is None:  # nothing that is shown speaks against it
            assert one.why_not.startswith(("as good", "equal within the error"))
            continue
        mine, its = (float(found[number].replace(",", "")) for number in (2, 4))
        what = found[3].strip()
        what = what.removesuffix("s") if what.startswith(SIMPLER) else what
        assert what in MORE_IS_BETTER + LESS_IS_BETTER + SIMPLER * one.equal, one.why_not
        assert its > mine if what in MORE_IS_BETTER else its < mine, one.why_not
