"""The fit of power: it finds what made-up runs were made with, and the catalogue holds what it finds in real ones."""

import math
import random
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from tokenroof.catalog import load_chip
from tokenroof.catalog.power import POWER_FILE
from tokenroof.measure.fit_power import DRAM_J_PER_B, PRIORS, fit_power, left_out_errors, predicted_w
from tokenroof.measure.power_data import PowerCase, read_power_cases
from tokenroof.measure.setups import Skip


def made_up(watts_of, n=60):
    """Runs of two families with as much arithmetic and traffic as real ones, and watts by a rule."""
    draw, cases = random.Random(3), []
    for k in range(n):
        chip, family = (load_chip("h200"), "hopper") if k % 2 else (load_chip("b200"), "blackwell")
        flops = {"bf16": draw.uniform(0.5, 150) * 1e12, "fp8": draw.uniform(0.0, 100) * 1e12}
        case = PowerCase(
            source="made up", publisher="made up", engine="vllm", model=f"m{k % 5}", family=family, memory="HBM3e",
            chip=chip, watts=1.0, flops_per_s=flops, bytes_per_s=draw.uniform(0.2, 3.0) * 1e12, tokens_per_s=1.0,
            deployment=None,
        )  # fmt: skip
        cases.append(replace(case, watts=watts_of(case)))
    return cases


def test_watts_by_hand():
    """H200 at the priors: 0.3 x 700 W, 0.6 x 700 W of 989.4 TFLOP/s, 62.8 pJ/B."""
    fit = fit_power([])
    assert fit.values == pytest.approx({name: PRIORS[name][0] for name in ("idle", "arithmetic", "path", "fp8", "fp4")})
    (case,) = made_up(lambda case: 1.0, 2)[1:]
    case = replace(case, flops_per_s={"bf16": 98.94e12, "fp8": 98.94e12}, bytes_per_s=1e12)
    assert predicted_w(fit, case) == pytest.approx(210.0 + 42.0 + 21.0 + 62.8)
    assert predicted_w(fit, replace(case, bytes_per_s=1e14)) == 700.0


def test_it_finds_what_runs_were_made_with():
    def watts(case):
        hopper = case.family == "hopper"
        idle = (0.35 if hopper else 0.25) * case.tdp_w
        per_flop = 1.2e-12 if hopper else 0.6e-12
        flops = case.flops_per_s["bf16"] + 0.5 * case.flops_per_s["fp8"]
        return min(idle + flops * per_flop + case.bytes_per_s * 70e-12, case.tdp_w)

    cases = made_up(watts)
    fit = fit_power(cases)
    assert fit.idle_share("hopper") == pytest.approx(0.35, rel=0.07)
    assert fit.idle_share("blackwell") == pytest.approx(0.25, rel=0.07)
    assert fit.joules_per_flop("hopper") == pytest.approx(1.2e-12, rel=0.15)
    assert fit.joules_per_flop("blackwell") == pytest.approx(0.6e-12, rel=0.15)
    assert fit.joules_per_byte("HBM3e") == pytest.approx(70e-12, rel=0.15)
    assert max(abs(math.log(predicted_w(fit, case) / case.watts)) for case in cases) < 0.05


def test_a_memory_that_no_run_had_keeps_its_proportion():
    fit = fit_power(made_up(lambda case: 0.5 * case.tdp_w))
    ratio = DRAM_J_PER_B["GDDR6"] / DRAM_J_PER_B["HBM2e"]
    assert fit.joules_per_byte("GDDR6") / fit.joules_per_byte("HBM2e") == pytest.approx(ratio)


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> list[PowerCase]:
    return [row for row in read_power_cases(shared_data / "measured") if not isinstance(row, Skip)]


def test_measured_power_is_joules_times_tokens(cases):
    """The dump's first H200 row with joules: Kimi-K2.5, eight GPUs, four requests at once, 1,024 in and out."""
    (row,) = (
        c for c in cases if c.chip.id == "h200" and c.deployment.load.value == 4.0 and c.deployment.workload.isl < 2e3
    )
    assert row.watts == pytest.approx(339.0, abs=0.5)
    assert row.joules_per_token == pytest.approx(row.watts * 8.0 / row.tokens_per_s)
    assert row.source == "InferenceX, vllm" and row.model == "kimi-k2.5"


def test_a_power_row_belongs_to_the_run_after_it(cases):
    """LLM-Inference-Bench: Llama-2-7B alone on an A100 at 222 W, 1,024 tokens in 13.98 s."""
    found = [c for c in cases if c.chip.id == "a100-40" and c.model == "llama-2-7b" and c.engine == "vllm"]
    assert len(found) == 4
    assert found[0].watts == pytest.approx(222.12, abs=0.01) and found[0].tokens_per_s == pytest.approx(73.26, abs=0.01)


def test_the_catalogue_and_the_page_are_what_the_fit_gives(cases, repo_root):
    script = runpy.run_path(str(repo_root / "scripts" / "fit_power.py"))
    fit = fit_power(cases)
    splits = [left_out_errors(cases, split) for split in script["SPLITS"]]
    width = script["p80"](script["pooled"](splits[2], "watts"))
    assert POWER_FILE.read_text(encoding="utf-8") == script["catalogue"](fit, cases, width)
    page = (repo_root / "docs" / "theory" / "energy.md").read_text(encoding="utf-8")
    assert "\n".join(script["errors"](fit, cases, splits, width)) in page


@pytest.mark.parametrize(
    ("split", "most"), [("model", 0.14), ("source", 0.19), ("model and source", 0.21), ("family", 0.18)]
)
def test_errors_on_runs_that_the_fit_did_not_see(cases, split, most):
    errors = sorted(abs(math.expm1(error)) for one in left_out_errors(cases, split) for error in one.watts)
    assert errors[len(errors) // 2] <= most
    assert len(errors) == len(cases)
    for one in left_out_errors(cases, split):
        assert one.cases
