"""Deduction's forward model is the deployment: with the facts of a known model it gives what analyze and price give.

The deployment is asked the way deduction asks it: rates of the chip, degrees, batch, rent and load are arrays.
"""

from dataclasses import fields, replace

import numpy as np
import pytest

from tokenroof.infer.forward import served_at
from tokenroof.operators.layouts import stack
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze
from tokenroof.usecases.money.price import PriceRequest, PriceResponse, price

SYSTEMS = {
    "8xh200": ("llama-3.1-8b", "llama-3.3-70b", "qwen3-32b", "qwen3-30b-a3b", "gpt-oss-120b", "deepseek-v3", "glm-4.5",
               "deepseek-v3.2", "gemma-3-27b"),
    "8xb200": ("llama-3.1-8b", "llama-3.1-405b", "qwen3-235b-a22b", "gpt-oss-120b", "deepseek-v3", "kimi-k2"),
    "8xh100": ("llama-3.3-70b", "qwen3-next-80b-a3b", "glm-4.5-air", "mixtral-8x7b", "minimax-m2"),
    "8xmi300x": ("llama-3.3-70b", "deepseek-v3", "qwen3-235b-a22b"),
    "8xa100": ("llama-3.1-8b", "qwen3-30b-a3b"),
}  # fmt: skip
CASES = [(model, system) for system, models in SYSTEMS.items() for model in models]
DRAWS, BATCH, RENT, DUTY = 3, 16.0, 2.5, 0.5


def as_draws(one: Deployment) -> Deployment:
    """The same deployment with arrays in place of its layout's degrees and its chip's rates."""
    chip = one.system.chip
    rates = {name: np.full(DRAWS, rate) for name, rate in chip.flops_per_s.items()}
    system = replace(
        one.system, chip=replace(chip, flops_per_s=rates, bytes_per_s=np.full(DRAWS, chip.bytes_per_s))
    )  # fmt: skip
    layout = stack([one.layout] * DRAWS)
    return replace(one, layout=layout, system=system, timed=bind(lower(one.model, layout), system, one.profile))


def test_there_are_enough() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize(("model", "system"), CASES)
def test_tpot_throughput_and_cost_are_those_of_analyze_and_price(model: str, system: str) -> None:
    scenario = Scenario(model=model, system=system, batch=BATCH, isl=4096.0, osl=512.0, price_per_gpu_hour=RENT)
    asked = {field.name: getattr(scenario, field.name) for field in fields(scenario)}
    answer, priced = analyze(AnalyzeRequest(**asked)), price(PriceRequest(**asked, duty_cycle=DUTY))
    assert answer.tpot_s is not None and answer.output_tokens_per_s_per_gpu is not None and answer.cost is not None
    assert isinstance(priced, PriceResponse)

    draws = np.full(DRAWS, 1.0)
    served, cost = served_at(as_draws(resolve(scenario)), BATCH * draws, RENT * draws, DUTY * draws)
    economics = priced.economics
    for found, told in (
        (served.tpot_s, answer.tpot_s.value),
        (served.output_tokens_per_s_per_gpu, answer.output_tokens_per_s_per_gpu.value),
        (cost.output_usd_per_mtok, economics.output_usd_per_mtok.value),
        (cost.input_usd_per_mtok, economics.input_usd_per_mtok.value),
        (cost.output_usd_per_mtok * DUTY, answer.cost.output_usd_per_mtok.value),
    ):
        assert found == pytest.approx(np.full(DRAWS, told), rel=1e-6)
