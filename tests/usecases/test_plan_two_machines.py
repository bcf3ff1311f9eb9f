"""`plan` with roles that are named, and with a machine for each: what it finds is what the deployment does."""

from typing import Any

import pytest

from tokenroof.catalog import load_system
from tokenroof.errors import InputError
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.plan.request import PlanRequest
from tokenroof.usecases.plan.run import plan

LLAMA: dict[str, Any] = {
    "model": "llama-3.3-70b", "system": "8xh100", "weight_dtype": "fp8", "isl": 4000, "osl": 500, "ttft": 1.0,
    "tpot": 0.03,
}  # fmt: skip
MIXED = LLAMA | {"decode_system": "8xh200"}
GIVEN = {"prefill_layout": "tp4", "decode_layout": "tp2", "prefill_workers": 2, "decode_workers": 3}


def winner(**asked: Any) -> Any:
    found = plan(PlanRequest(**asked)).winner
    assert found is not None
    return found


def test_a_given_deployment_is_what_analyze_says_of_it() -> None:
    one = winner(**MIXED, **GIVEN, request_rate=3.0)
    assert one.label == "2 x (tp4) : 3 x (tp2)"
    scenario = {key: value for key, value in (MIXED | GIVEN).items() if key not in ("ttft", "tpot")}
    alone = resolve(Scenario(**scenario, max_batched_tokens=one.chunk, request_rate=3.0, replicas=1)).serve()
    assert one.units == 1
    assert (one.ttft_s, one.tpot_s, one.requests_per_s) == (alone.ttft_s, alone.tpot_s, alone.requests_per_s)


def test_each_machine_is_rented_whole_at_its_price() -> None:
    # one unit uses 8 GPUs of the one and 6 of the other: two whole machines
    one = winner(**MIXED, **GIVEN, request_rate=3.0)
    rents = [load_system(name).rental.median_usd_per_h for name in ("8xh100", "8xh200")]  # type: ignore[union-attr]
    assert one.gpus_paid_of == (("8xh100", 8), ("8xh200", 8)) and (one.gpus, one.systems) == (14, 2)
    month = 730.0 * (8.0 * rents[0] + 8.0 * rents[1])
    assert one.usd_per_month == pytest.approx(month)
    assert one.usd_per_mtok_all == pytest.approx(month / 730.0 / 3600.0 / 3.0 / 500.0 * 1e6)
    # prompts and answers pay for the GPUs that work for them, each at its price
    front = 8.0 * rents[0] / (8.0 * rents[0] + 6.0 * rents[1])
    assert one.usd_per_mtok_output == pytest.approx(one.usd_per_mtok_all * (1.0 - front))
    by_gpu = winner(**MIXED, **GIVEN, request_rate=3.0, rent_by=1)
    assert by_gpu.gpus_paid_of == (("8xh100", 8), ("8xh200", 6))


@pytest.mark.parametrize("more", [{"request_rate": 6.0}, {"objective": "energy"}])
def test_the_same_system_twice_is_one(more: dict[str, Any]) -> None:
    # to name the machine of answers is to ask for roles apart
    asked = LLAMA | {"mode": "disagg", "alternatives": 1} | more
    assert winner(**asked, decode_system="8xh100") == winner(**asked)
    named = asked | {"prefill_layout": "tp2", "decode_layout": "tp4"}
    assert winner(**named, decode_system="8xh100") == winner(**named)


def test_what_is_searched_holds_on_both_machines() -> None:
    answer = plan(PlanRequest(**MIXED))
    best, machine = answer.winner, answer.machines[0]
    assert best is not None and best.mode == "disagg" and (machine.gpus, machine.system) == (16, "8xh100 + 8xh200")
    unit = best.deployment
    front, back = unit.prefill_workers.n_gpus, unit.unit_gpus - unit.prefill_workers.n_gpus
    assert best.units * front <= 8 and best.units * back <= 8
    assert unit.prefill_workers.system.id == "8xh100" and unit.system.id == "8xh200"
    assert best.gpus_paid == 16 and [bar.role for bar in best.memory] == ["prefill", "decode"]
    assert best.memory[1].total_bytes > 1.5 * best.memory[0].total_bytes
    # nothing that is searched is better than the best, and none of it shares GPUs between roles
    assert all(point.mode == "disagg" for point in machine.frontier)
    # no other split of the same layouts makes it cheaper by more than the error of a comparison
    for one in machine.runner_ups:
        assert one.equal or one.score > best.score


def test_formats_are_those_that_both_multiply() -> None:
    asked = {key: value for key, value in MIXED.items() if key != "weight_dtype"}
    asked |= {"system": "8xb200", "prefill_layout": "tp4", "decode_layout": "tp4", "alternatives": 0}
    answers = {name: plan(PlanRequest(**(asked | {"decode_system": name}))) for name in ("8xb200", "8xh200")}
    formats = {name: answer.machines[0].search.formats for name, answer in answers.items()}
    assert any("nvfp4" in one for one in formats["8xb200"]) and not any("nvfp4" in one for one in formats["8xh200"])


def test_percentiles_are_simulated_on_both() -> None:
    asked = MIXED | GIVEN | {"ttft": "p90:2s", "tpot": "p90:30ms", "alternatives": 0}
    one = winner(**asked, request_rate=2.0)
    assert one.simulated is not None and one.simulated.ttft_s <= 2.0
    assert one.gpus_paid_of == (("8xh100", 8), ("8xh200", 8))


def test_energy_of_both_machines_is_least() -> None:
    answer = plan(PlanRequest(**MIXED, objective="energy", alternatives=2))
    one = answer.winner
    assert one is not None and one.energy is not None
    # the score by arrays is the energy of the deployment itself, at its load
    assert one.score == one.joules_per_output_token


@pytest.mark.parametrize(("small", "role"), [("system", "prefill"), ("decode_system", "decode")])
def test_the_machine_that_lacks_memory_is_named(small: str, role: str) -> None:
    answer = plan(PlanRequest(**(MIXED | {small: "2xl4"})))
    unmet = answer.machines[0].unmet
    assert answer.winner is None and unmet is not None and unmet.binding == "memory"
    assert f"{role} workers" in unmet.reason and "L4" in unmet.reason


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"mode": "agg"}, "mode"), ({"gpus": 8}, "gpus"), ({"decode_system": "8xnone"}, "none"),
     ({"prefill_layout": "tp4"}, "decode_layout"), (GIVEN | {"tp": 2}, "tp"),
     (GIVEN | {"prefill_layout": "tp3"}, "prefill"),
     ({"set": (("chip.memory_bandwidth", "2x"),)}, "set")],
)  # fmt: skip
def test_bad_input(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Exception, match=field) as found:
        plan(PlanRequest(**(MIXED | changed)))
    assert isinstance(found.value, InputError) or field == "none"
