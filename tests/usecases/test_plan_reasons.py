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


@pytest.mark.parametrize(
    ("asked", "changes"),
    [
        ({"model": "llama-3.1-8b", "system": "h100", "mode": "disagg", "request_rate": 2.0}, ["mode agg"]),
        (
            {"model": "llama-3.3-70b", "system": "8xh100", "prefill_layout": "tp2", "decode_layout": "tp2",
             "request_rate": 2.0, "tpot": 0.015, "ttft": 1.0},
            ["tpot 17.1ms", "another layout"],
        ),
    ],
    ids=("roles", "layouts"),
)  # fmt: skip
def test_where_roles_apart_will_not_do_the_same_machine_without_them_is_named_first(asked, changes):
    """Twice the machine was advised, planned with shared roles, where the one at hand does with them."""
    answer = plan(PlanRequest(**asked))
    assert answer.winner is None
    assert [text.partition(" (")[0] for text in answer.machines[0].unmet.changes] == changes
    free = {name: value for name, value in asked.items() if not name.endswith("_layout")} | {"mode": "agg"}
    assert plan(PlanRequest(**free)).winner is not None
