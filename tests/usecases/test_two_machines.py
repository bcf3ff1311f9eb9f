"""Prompts on one kind of GPU and answers on another: times, memory, price and energy of each role are its machine's."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tokenroof.catalog import load_system
from tokenroof.catalog.profile import profile_for
from tokenroof.errors import InputError
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.present.json import finite_json
from tokenroof.scenario.energy import energy_of
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.analyze.run import analyze
from tokenroof.usecases.money.break_even import BreakEvenRequest, break_even
from tokenroof.usecases.money.price import PriceRequest, price
from tokenroof.usecases.simulate.run import SimulateRequest, simulate

LAYOUTS: dict[str, Any] = {
    "model": "llama-3.3-70b", "weight_dtype": "fp8", "prefill_layout": "tp4", "decode_layout": "tp4",
    "prefill_workers": 2, "decode_workers": 2, "isl": 4000, "osl": 500,
}  # fmt: skip
MIXED = LAYOUTS | {"system": "8xh100", "decode_system": "8xh200", "concurrency": 24}
TWICE = LAYOUTS | {"system": "16xh100", "concurrency": 24}


def test_each_role_is_timed_and_held_on_its_own_machine() -> None:
    mixed = resolve(Scenario(**MIXED))
    h100, h200 = (resolve(Scenario(**(MIXED | {"system": name, "decode_system": None, "prefill_workers": 1,
                                               "decode_workers": 1}))) for name in ("8xh100", "8xh200"))  # fmt: skip
    assert mixed.prefill().step_s == h100.prefill().step_s != h200.prefill().step_s
    assert mixed.step(12.0).step_s == h200.step(12.0).step_s != h100.step(12.0).step_s
    assert mixed.prompt_memory().total_bytes == h100.memory().total_bytes
    assert mixed.memory().total_bytes == h200.memory().total_bytes
    assert mixed.gpus == 16 and mixed.gpus_idle == 0


def test_what_it_costs_by_hand() -> None:
    # An hour costs eight rents of each, over the requests of an hour; input and output carry what their machine costs.
    deployment = resolve(Scenario(**MIXED))
    answer = price(PriceRequest(**MIXED)).economics
    rents = [system.rental.median_usd_per_h for system in (load_system("8xh100"), load_system("8xh200"))]
    hour = 8.0 * rents[0] + 8.0 * rents[1]
    assert answer.machine.usd_per_gpu_h == pytest.approx(hour / 16.0)
    assert answer.machine.by_machine == (("8xh100", rents[0]), ("8xh200", rents[1]))
    request = hour / 3600.0 / deployment.serve().requests_per_s
    assert answer.request_usd.value == pytest.approx(request)
    front = 8.0 * rents[0] / hour
    assert answer.input_usd_per_mtok.value == pytest.approx(1e6 * request * front / 4000.0)
    assert answer.output_usd_per_mtok.value == pytest.approx(1e6 * request * (1.0 - front) / 500.0)
    given = price(PriceRequest(**(MIXED | {"price_per_gpu_hour": 4.0}))).economics
    assert given.machine.usd_per_gpu_h == 4.0 and given.shares.uncached == pytest.approx(0.5)


def test_the_same_system_twice_is_one() -> None:
    again = TWICE | {"decode_system": "16xh100"}
    offer = {"offer": "market/llama-3.3-70b"}
    for ask, make, more in (
        (analyze, AnalyzeRequest, {}), (price, PriceRequest, {}), (break_even, BreakEvenRequest, offer),
    ):  # fmt: skip
        one, two = ask(make(**(TWICE | more))), ask(make(**(again | more)))  # type: ignore[operator]
        assert said(one) == said(two)
    runs = [simulate(SimulateRequest(**(one | {"requests": 60}))) for one in (TWICE, again)]
    assert said(runs[0]) == said(runs[1])


def said(answer: Any) -> str:
    """The answer as JSON without the echo of the question."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items() if key != "request"}
        return [plain(one) for one in value] if isinstance(value, list | tuple) else value

    return json.dumps(plain(finite_json(answer)), sort_keys=True)


def test_two_machines_of_one_chip_do_what_one_does() -> None:
    # 24 GPUs in domains of 8: between two tp8 workers caches go over the network, on one machine or on two.
    shape = LAYOUTS | {"prefill_layout": "tp8", "decode_layout": "tp8", "prefill_workers": 1, "concurrency": 24}
    one = resolve(Scenario(**(shape | {"system": "24xh100"})))
    two = resolve(Scenario(**(shape | {"system": "8xh100", "decode_system": "16xh100"})))
    assert two.prefill_workers is not None and two.prefill_workers.own_machine
    assert two.link_bytes_per_s() == one.link_bytes_per_s()
    assert two.serve() == one.serve()
    assert two.price is not None and one.price is not None
    assert two.price.usd_per_gpu_h == pytest.approx(one.price.usd_per_gpu_h)
    ours, theirs = energy_of(two, two.serve()), energy_of(one, one.serve())
    assert ours is not None and theirs is not None
    assert ours.watts_per_gpu.value == pytest.approx(theirs.watts_per_gpu.value)


def test_energy_by_hand() -> None:
    # Far below the limits: idle of 16 GPUs, and for each request the prompt's work at H100's and the answer's at A100's
    # energy of arithmetic and of bytes.
    from tokenroof.catalog.power import power_of
    from tokenroof.serving.power import arithmetic_joules, decoding_at_once, request_works

    deployment = resolve(Scenario(**(MIXED | {"decode_system": "8xa100-80gb", "concurrency": 2})))
    served = deployment.serve()
    h100, a100 = (power_of(machine.chip) for machine in deployment.machines)
    batch = decoding_at_once(served.requests_per_s / 2.0, 500.0 * served.tpot_s)
    asked, answer = request_works(
        deployment.timed, deployment.prompt_timed, deployment.workload, batch=batch, passes=500.0
    )
    each = arithmetic_joules(h100, asked.flops) + asked.memory_bytes * h100.joules_per_byte
    each += arithmetic_joules(a100, answer.flops) + answer.memory_bytes * a100.joules_per_byte
    watts = (8.0 * h100.idle_w + 8.0 * a100.idle_w + served.requests_per_s * each) / 16.0
    found = energy_of(deployment, served)
    assert found is not None and found.watts_per_gpu.value == pytest.approx(watts)
    assert found.joules_per_output_token.value == pytest.approx(watts * 16.0 / served.requests_per_s / 500.0)


def test_the_cache_goes_over_the_slower_network() -> None:
    deployment = resolve(Scenario(**(MIXED | {"decode_system": "8xa100-80gb"})))
    rates = [load_system(name).scaleout_bytes_per_s for name in ("8xh100", "8xa100-80gb")]
    assert rates[0] != rates[1]
    assert deployment.link_bytes_per_s() == min(rates)
    assert cache_bytes_per_sequence(deployment.program, 4000.0) > 0.0


def test_ranges_are_the_wider() -> None:
    mixed = resolve(Scenario(**(MIXED | {"decode_system": "8xl40s"})))
    spreads = [profile_for(load_system(name), "vllm", model=mixed.model).spread for name in ("8xh100", "8xl40s")]
    assert spreads[0] != spreads[1]
    for metric, width in mixed.profile.spread.items():
        assert width == max(one[metric] for one in spreads)


@pytest.mark.parametrize("load", [{"concurrency": 16}, {"concurrency": 24}, {"request_rate": 3.0}])
@pytest.mark.parametrize("workers", [{"prefill_layout": "tp8", "prefill_workers": 1}, {}])
def test_the_simulator_says_the_same(workers: dict[str, Any], load: dict[str, float]) -> None:
    # Lengths differ a little: equal ones that start together stay together.
    scenario = {key: value for key, value in MIXED.items() if key != "concurrency"} | workers | load
    lengths = {"isl": "uniform:3600:4400", "osl": "uniform:400:600"}
    run = simulate(SimulateRequest(**(scenario | lengths | {"requests": 500, "warmup": 0.2})))
    mean = resolve(Scenario(**scenario)).serve()
    assert run.tpot.mean == pytest.approx(mean.tpot_s, rel=0.1)
    assert run.requests_per_s == pytest.approx(load.get("request_rate", mean.requests_per_s), rel=0.1)
    assert run.ttft.mean == pytest.approx(mean.ttft_s, rel=0.25)
    assert run.system == "8xh100 + 8xh200" and run.gpus == 16


def test_the_role_that_lacks_memory_is_named() -> None:
    small = {"prefill_layout": "tp1", "decode_layout": "tp1", "prefill_workers": 1, "decode_workers": 1}
    prompts = analyze(AnalyzeRequest(**(MIXED | small | {"system": "8xl40s", "decode_system": "8xh200"})))
    answers = analyze(AnalyzeRequest(**(MIXED | small | {"system": "8xh200", "decode_system": "8xl40s"})))
    assert prompts.infeasible is not None and "prefill workers" in prompts.infeasible.reason
    assert answers.infeasible is not None and "of a decode worker" in answers.infeasible.reason
    run = simulate(SimulateRequest(**(MIXED | small | {"system": "8xl40s", "decode_system": "8xh200"})))
    assert "prefill workers" in run.reason  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"decode_system": "8xnosuch"}, "", "nosuch"),
        ({"decode_workers": 3}, "prefill_workers, decode_workers", "8 GPUs on 8xh200"),
        ({"replicas": 2}, "replicas", "at most 1"),
        ({"prefill_layout": None, "decode_layout": None, "prefill_workers": None, "decode_workers": None},
         "decode_system", "decode_layout"),
        ({"set": (("chip.memory_bandwidth", "2x"),)}, "set", "two machines"),
    ],
)  # fmt: skip
def test_bad_input(changed: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Exception, match=words) as found:
        resolve(Scenario(**(MIXED | changed)))
    if field:
        assert isinstance(found.value, InputError) and found.value.field == field


def test_what_ifs_of_the_model_hold_on_both() -> None:
    plain, changed = (
        resolve(Scenario(**(MIXED | {"set": one}))) for one in ((), (("model.vocab", "128256"),))
    )  # fmt: skip
    assert replace(changed, overrides=()).serve() == plain.serve()
