"""SGLang's 96 H100: cost of a token from published throughput, and the model's bound beside it.

Source: LMSYS, "Deploying DeepSeek with PD disaggregation and large-scale expert parallelism on 96 H100 GPUs",
2025-05-05 (https://lmsys.org/blog/2025-05-05-large-scale-ep/): 3 prefill and 9 decode nodes of 8 GPUs at $2.
"""

from typing import Any

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.formulas import lecture, roofline
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.types.efficiency import PEAK
from tokenroof.types.layout import Layout
from tokenroof.usecases.money.costs import Shares, prices_of
from tokenroof.usecases.money.serving import Serving, Workload

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
    parts = Shares(
        fresh_s=load.isl / PREFILL_TOK_S[2048], cached_s=0.0, decode_s=load.osl / DECODE_TOK_S, fresh_flops=1.0,
        cached_flops=0.0, decode_flops=1.0,
    )  # fmt: skip
    request_usd = NODE_USD_S * parts.busy_s
    blend = (load.isl, 0.0, load.osl)
    by_time = prices_of(parts, load, request_usd=request_usd, allocation="time", blend=blend)
    on_output = prices_of(parts, load, request_usd=request_usd, allocation="output", blend=blend)
    assert by_time.output_usd_per_mtok == about(0.1995)
    assert on_output.output_usd_per_mtok == about(0.266)
    assert on_output.input_usd_per_mtok == 0.0
    assert by_time.blended_usd_per_mtok == about(on_output.blended_usd_per_mtok, 1e-12)


def test_step_time_and_batch() -> None:
    step_s = 256 / (DECODE_TOK_S / 8)
    assert step_s == about(0.0919)  # the post gives an ITL of about 100 ms
    assert roofline.decode_tokens_per_s(batch=256.0, step_s=step_s) * 8 == about(DECODE_TOK_S)
    assert 256 * 72 * 8 / 256 == 576  # tokens of a pass for each routed expert


def serving(gpus: int) -> Serving:
    system, model = load_system(f"{gpus}xh100"), load_model("deepseek-v3")
    layout = Layout(ep=gpus, dp=gpus, redundant_experts=32)
    program = lower(model, layout)
    # two-batch overlap hides communication: the bound has none
    timed = bind(program, system, PEAK, free_networks=True)
    return Serving(model=model, system=system, layout=layout, engine="none", profile=PEAK, program=program, timed=timed)


def test_the_bound_on_decode_is_cheaper_than_what_they_reached() -> None:
    step_s = serving(72).step_s(256.0 * 72, 2000.0)
    bound = NODE_USD_S / (256 * 8 / step_s) * 1e6
    assert step_s < 0.0919
    assert 0.04 < bound < 0.1995


@pytest.mark.parametrize("length", PREFILL_TOK_S)
def test_the_bound_on_prefill_is_faster_than_what_they_reached(length: int) -> None:
    bound = length / serving(32).prefill_s(float(length), float(length)) / 4
    assert PREFILL_TOK_S[length] < bound < 4 * PREFILL_TOK_S[length]
