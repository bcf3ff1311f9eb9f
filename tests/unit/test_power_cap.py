"""A cap on power lowers clocks: arithmetic slows, memory does not, and the answer says what that rests on."""

from dataclasses import replace
from pathlib import Path

import pytest

from tokenroof.catalog import load_system
from tokenroof.catalog.power import power_of
from tokenroof.errors import InputError
from tokenroof.formulas.power import capped_clock_share
from tokenroof.provenance import Grade
from tokenroof.scenario.energy import energy_of
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.plan.request import PlanRequest
from tokenroof.usecases.plan.run import plan

LLAMA = Scenario(model="llama-3.3-70b", system="8xh100", engine="vllm", tp=8, isl=4096, osl=512, concurrency=64.0)
CAP = (("chip.power_cap", "450W"),)

# tensor GFLOP/s of gpu_burn on RTX PRO 6000, means of two cards each: watts -> rate
WORKSTATION = {300: 90_210, 350: 105_446, 400: 118_836, 450: 131_127, 500: 142_427, 550: 153_582, 600: 163_545}
SERVER = {300: 124_224, 350: 134_710, 400: 143_769, 450: 151_414, 500: 157_543}


@pytest.mark.parametrize("sweep", [WORKSTATION, SERVER])
def test_the_rule_against_the_sweeps_it_was_fitted_to(sweep):
    top = max(sweep)
    for watts, rate in sweep.items():
        assert capped_clock_share(cap_watts=watts, tdp_watts=top) == pytest.approx(rate / sweep[top], rel=0.135)


def test_arithmetic_falls_and_memory_does_not():
    whole, capped = resolve(LLAMA).system.chip, resolve(replace(LLAMA, set=CAP)).system.chip
    share = (450 / 700) ** 0.7
    assert capped.flops_per_s == pytest.approx({key: rate * share for key, rate in whole.flops_per_s.items()})
    assert capped.bytes_per_s == whole.bytes_per_s
    fact = capped.facts["flops_per_s.bf16"]
    assert fact.value == capped.flops_per_s["bf16"] and fact.grade is Grade.FITTED and "450 W" in fact.note
    assert (capped.tdp_w, capped.power_cap_w) == (450.0, 450.0)


def test_prompts_slow_more_than_decode_and_a_cap_at_the_tdp_changes_nothing():
    whole, capped = resolve(LLAMA), resolve(replace(LLAMA, set=CAP))
    prefill = capped.prefill(8192.0, 8192.0).step_s / whole.prefill(8192.0, 8192.0).step_s
    decode = capped.step(8.0).step_s / whole.step(8.0).step_s
    assert 1.1 < prefill < (700 / 450) ** 0.7 and 1.0 <= decode < 1.02
    same = resolve(replace(LLAMA, set=(("chip.power_cap", "700W"),)))
    assert same.step(64.0).step_s == whole.step(64.0).step_s and same.claim == whole.claim


def test_the_range_is_wider_and_the_claim_lower():
    whole, capped = resolve(LLAMA), resolve(replace(LLAMA, set=CAP))
    assert capped.profile.spread["ttft"] == pytest.approx(1.5 * whole.profile.spread["ttft"])
    assert (whole.claim, capped.claim) == ("calibrated", "default efficiencies")
    assert any("power cap" in note for note in capped.profile.notes)


def test_power_and_energy_keep_to_the_cap():
    capped = resolve(replace(LLAMA, set=CAP))
    energy = energy_of(capped, capped.serve())
    assert energy is not None and energy.limit_w == 450.0 and energy.watts_per_gpu.value <= 450.0
    assert power_of(capped.system.chip).idle_w == power_of(load_system("8xh100").chip).idle_w


def test_plan_finds_less_under_a_cap_and_says_what_was_set():
    """`plan --set` was taken and changed nothing."""
    question = {"model": "llama-3.3-70b", "system": "8xh100", "isl": 8192, "osl": 256, "tpot": 0.05, "mode": "agg"}
    whole, capped = (plan(PlanRequest(**question, set=changes)) for changes in ((), CAP))
    assert capped.winner.requests_per_s < 0.95 * whole.winner.requests_per_s
    assert any(one.field == "set" and "450 W" in one.value for one in capped.defaults)
    for change, words in (("model.layers", "chip or system"), ("system.gpus", "give gpus")):
        with pytest.raises(InputError, match=words):
            plan(PlanRequest(**question, set=((change, "0.5x"),)))


def test_a_system_file_may_have_a_cap(tmp_path: Path):
    path = tmp_path / "mine.toml"
    head = 'id = "mine"\nname = "Mine"\nchip = "h100"\n[defaults]\nsource = "our own order"\nas_of = "2026-11-01"\n'
    path.write_text(head + 'grade = "spec"\n[size]\nn_chips = 8\n[power]\ncap = "350 W"\n')
    assert load_system(str(path)).chip.flops_per_s["bf16"] == pytest.approx(989.4e12 * 0.5**0.7)
    path.write_text(head + 'grade = "spec"\n[size]\nn_chips = 8\n[power]\ncap = "100 W"\n')
    with pytest.raises(InputError, match="175 to the TDP, 700 W"):
        load_system(str(path))


@pytest.mark.parametrize("watts", ["100W", "701W"])
def test_caps_out_of_range_are_refused(watts):
    with pytest.raises(InputError, match="from 175 to the TDP, 700 W"):
        resolve(replace(LLAMA, set=(("chip.power_cap", watts),)))


def test_clocks_alone_are_a_factor_on_arithmetic():
    slower = resolve(replace(LLAMA, set=(("chip.clocks", "0.8x"),))).system.chip
    assert slower.flops_per_s["bf16"] == pytest.approx(0.8 * 989.4e12) and slower.power_cap_w is None
