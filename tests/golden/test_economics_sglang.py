"""SGLang's 96 H100: cost of a token from published throughput, and the model's bound beside it.

Source: LMSYS, "Deploying DeepSeek with PD disaggregation and large-scale expert parallelism on 96 H100 GPUs",
2025-05-05 (https://lmsys.org/blog/2025-05-05-large-scale-ep/): 3 prefill and 9 decode nodes of 8 GPUs at $2.
"""

from typing import Any

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.formulas import lecture, roofline
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import Timed, bind
from tokenroof.scenario.costs import Shares, allocated
from tokenroof.types.efficiency import PEAK
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load
from tokenroof.types.workload import Workload
from tokenroof.usecases.money.costs import blended

NODE_USD_S = 16.0 / 3600.0
DECODE_TOK_S = 22_282.0  # a node at 256 sequences a GPU, 2,000 tokens each
PREFILL_TOK_S = {1024: 57_674.0, 2048: 54_543.0, 4096: 50_302.0}


def about(value: float, relative: float = 1e-3) -> Any:
    return pytest.approx(value, rel=relative)


def test_twenty_cents_is_of_the_decode_nodes_alone() -> None:
    alone = lecture.pricing.cost_usd_per_token_at_throughput(usd_per_s=NODE_USD_S, tokens_per_s=DECODE_TOK_S) * 1e6
    assert alone == about(0.1995)
    assert alone * 12 / 9 == about(0.266)  # with the three prefill nodes


def test_the_same_by_allocation() -> None:
    """2,000 tokens in and the answer that keeps 3 prefill and 9 decode nodes busy together."""
    answer = 2000 * 9 * DECODE_TOK_S / (3 * PREFILL_TOK_S[2048])
    load = Workload(isl=2000, osl=answer)
    prompt_s, answer_s = load.isl / PREFILL_TOK_S[2048], load.osl / DECODE_TOK_S
    busy_s = prompt_s + answer_s
    parts = Shares(uncached=prompt_s / busy_s, cached=0.0, output=answer_s / busy_s)
    blend = (load.isl, 0.0, load.osl)
    by_time = allocated(parts, load, NODE_USD_S * busy_s, "time")
    on_output = allocated(Shares(uncached=0.0, cached=0.0, output=1.0), load, NODE_USD_S * busy_s, "output")
    assert by_time.output_usd_per_mtok == about(0.1995)
    assert on_output.output_usd_per_mtok == about(0.266)
    assert on_output.input_usd_per_mtok == 0.0
    assert blended(by_time, blend) == about(blended(on_output, blend), 1e-12)


def test_step_time_and_batch() -> None:
    step_s = 256 / (DECODE_TOK_S / 8)
    assert step_s == about(0.0919)  # the post gives an ITL of about 100 ms
    assert roofline.decode_tokens_per_s(batch=256.0, step_s=step_s) * 8 == about(DECODE_TOK_S)
    assert 256 * 72 * 8 / 256 == 576  # tokens of a pass for each routed expert


def timed(gpus: int) -> Timed:
    system, model = load_system(f"{gpus}xh100"), load_model("deepseek-v3")
    layout = Layout(ep=gpus, dp=gpus, redundant_experts=32)
    program = lower(model, layout)
    # two-batch overlap hides communication: the bound has none
    return bind(program, system, PEAK, free_networks=True)


def test_the_bound_on_decode_is_cheaper_than_what_they_reached() -> None:
    step_s = float(timed(72).step(decode=Load(256.0 * 72, 256.0 * 72, 2000.0)).step_s)
    bound = NODE_USD_S / (256 * 8 / step_s) * 1e6
    assert step_s < 0.0919
    assert 0.04 < bound < 0.1995


@pytest.mark.parametrize("length", PREFILL_TOK_S)
def test_the_bound_on_prefill_is_faster_than_what_they_reached(length: int) -> None:
    prompts = 8192.0 / length * 32  # a step of 8,192 tokens in each of 32 dp groups
    step_s = float(timed(32).step(prefill=Load(length * prompts, prompts, float(length))).step_s)
    bound = length * prompts / step_s / 4
    assert PREFILL_TOK_S[length] < bound < 4 * PREFILL_TOK_S[length]
