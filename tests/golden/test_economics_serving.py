"""Serving costs of the scaling book and of Epoch, and what a published training run cost.

Sources: "How to Scale Your Model", chapters 7 and 8 (https://jax-ml.github.io/scaling-book/); Erdil 2025, "Inference
economics of language models" (arXiv 2506.04645); DeepSeek-V3 technical report (arXiv 2412.19437).
"""

from typing import Any

import pytest

from tokenroof.catalog import load_model
from tokenroof.formulas import lecture, pricing, serving_cost, speculation
from tokenroof.mixers import architecture_cache
from tokenroof.usecases.analyze.closed_form import RooflineRequest, roofline
from tokenroof.usecases.train.run import FITS, TrainRequest, train


def about(value: float, relative: float = 1e-3) -> Any:
    return pytest.approx(value, rel=relative)


# ------------------------------------------------------------------ scaling book


def book(params: float, chips: int, kv: float, context: float, batch: float, chip_bytes_per_s: float = 8.1e11) -> Any:
    return roofline(
        RooflineRequest(
            params=params, active_params=params, bytes_per_param=1.0, kv_bytes_per_token=kv, context=context,
            batch=batch, flops_per_s=chips * 1.97e14, bytes_per_s=chips * chip_bytes_per_s, rule="book",
            usd_per_h=1.2 * chips,
        )
    )  # fmt: skip


def test_sb1_sb2_cost_of_the_two_steps() -> None:
    """30 B int8 on 16 v5e at $1.2 an hour: the large batch is eight times as slow and still eight times as cheap."""
    small, large = book(30e9, 16, 100e3, 8192, 4), book(30e9, 16, 100e3, 8192, 256)
    assert small.step_s == about(2.568e-3)
    assert large.step_s == about(21.05e-3)
    assert small.cost_usd_per_mtok == about(16 * 1.2 / 3600 * 2.568e-3 / 4 * 1e6)
    assert small.cost_usd_per_mtok / large.cost_usd_per_mtok == about(64 * 2.568 / 21.05)
    # 256 sequences are compute-bound in their matmuls: nothing is left to share, the cost is the floor
    assert large.cost_usd_per_mtok == about(large.cost_floor_usd_per_mtok, 1e-12)
    assert small.cost_usd_per_mtok > 4 * large.cost_floor_usd_per_mtok


def test_sa4_llama_70b_on_eight_chips() -> None:
    """Printed: 17 ms, 1,882 tok/s, 235 a chip (from a rounded step); $1.2 a chip-hour."""
    answer = book(70e9, 8, 163_840, 8192, 32, 8.2e11)
    assert answer.step_s == about(17.28e-3, 5e-3)
    assert answer.decode_tokens_per_s == about(1882, 0.02)
    assert answer.cost_usd_per_mtok == about(8 * 1.2 / 3600 / 1882 * 1e6, 0.02)


def test_sa9_requests_a_second() -> None:
    """Smallest BF16 slice: 16 chips, 43 caches, a full read of memory a step, answers of 512 tokens; printed 0.27."""
    decode_s = 512 * 19e-3 / 43
    rate = serving_cost.requests_per_s(prefill_s=0.0, decode_s=decode_s) / 16
    assert rate == about(0.276, 2e-3)


def test_sa13_prefill_servers_for_each_generating_one() -> None:
    """0.91 s of prefill against 32 answers of 512 tokens at 19 ms: three to one."""
    ratio = 0.9096 / (512 * 19e-3 / 32)
    assert ratio == about(2.99, 2e-3)
    rate = 1.0 / (512 * 19e-3 / 32)
    assert lecture.serving_cost.busy_machines(service_s=0.9096, rate=rate) == about(2.99, 2e-3)


# ------------------------------------------------------------------ Epoch


def test_ep5_ep6_cache_reads_alone() -> None:
    """Mistral Large 2 at 100K tokens on H100s at $2 an hour: $6.06 a million tokens for reading 36 GB a token."""
    cache = architecture_cache.kv_bytes_per_sequence(load_model("mistral-large"), 100_000.0, 2.0)
    assert cache == about(36e9, 2e-3)
    assert cache / 100_000 == about(360_448, 1e-9)
    usd = pricing.cost_floor_usd_per_token(
        usd_per_s=2.0 / 3600, active_params=123e9, flops_per_s=1e15, context=100_000.0, kv_bytes_per_token=360_000.0,
        bytes_per_s=3.3e12,
    )  # fmt: skip
    assert usd * 1e6 == about(6.06)


def test_ep7_arithmetic_floor_of_70b() -> None:
    """$0.078 at full rate; the paper's $0.11 has 70 % of it."""

    def floor(rate: float) -> float:
        return 1e6 * float(
            pricing.cost_floor_usd_per_token(
                usd_per_s=2.0 / 3600, active_params=70.6e9, flops_per_s=rate, context=1.0, kv_bytes_per_token=1.0,
                bytes_per_s=3.3e12,
            )
        )  # fmt: skip

    assert floor(1e15) == about(0.078, 6e-3)
    assert floor(0.7e15) == about(0.111, 0.02)


def test_tokens_of_a_verification_count_the_target_s_own() -> None:
    """Epoch's text drops the token that the target adds; its code and Leviathan et al. have it."""
    assert speculation.tokens_per_verification(acceptance=0.8, drafts=4.0) == about((1 - 0.8**5) / 0.2)


# ------------------------------------------------------------------ training


def test_v10_deepseek_v3_cost_5_576_million() -> None:
    """2.788 M H800-hours at $2: 14.8 T tokens of 37 B active parameters then ran at a third of BF16 peak."""
    assert 2.788e6 * 2 == 5.576e6
    answer = train(TrainRequest(active_params=37e9, tokens=14.8e12, system="2048xh800", usd_per_gpu_h=2.0, mfu=0.331))
    run = {bill.name: bill for bill in answer.bills}["the run"]
    assert run.gpu_hours == about(2.788e6, 5e-3)
    assert run.usd == about(5.576e6, 5e-3)


@pytest.mark.parametrize(
    ("inefficiency", "params", "tokens", "overtraining", "share"),
    [(1.0, 19.0e9, 20.2e12, 53, 0.23), (3.0, 16.5e9, 41e12, 125, 0.17)],
)
def test_closed_form_8_9_fixed_loss_optimum(
    inefficiency: float, params: float, tokens: float, overtraining: float, share: float
) -> None:
    """At the loss of (70 B, 1.4 T) with 200 T tokens served, by the refit of Besiroglu et al."""
    fit = FITS["besiroglu"]
    best = train(TrainRequest(inference_tokens=200e12, inefficiency=inefficiency, loss=fit.loss(70e9, 1.4e12))).optimum
    assert best.params == about(params, 5e-3)
    assert best.tokens == about(tokens, 5e-3)
    assert best.overtraining == about(overtraining, 5e-3)
    assert best.training_share == about(share, 0.02)
    assert best.alone_tokens / best.alone_params == about(18.4, 2e-3)


def test_8_9_the_printed_fit_does_not_go_with_twenty_tokens_a_parameter() -> None:
    fit = FITS["hoffmann"]
    best = train(TrainRequest(fit="hoffmann", inference_tokens=200e12, loss=fit.loss(70e9, 1.4e12))).optimum
    assert best.alone_tokens / best.alone_params == about(91, 5e-3)
    assert fit.loss(70e9, 1.4e12) == about(1.9366, 1e-4)


def test_w9_w11_the_lecture_s_hundredfold() -> None:
    """E25 to E27: 50 M tokens a second for two months, 100 B active: 259 T tokens, 130 times the 2 T of Chinchilla."""
    equal = train(TrainRequest()).equal
    assert equal.inference_tokens == about(259.2e12, 1e-9)
    assert equal.pretrain_tokens == about(equal.inference_tokens, 1e-9)  # inefficiency 3
    assert equal.rl_tokens / equal.pretrain_tokens == about(2 / 3)  # flashcards: D_pre = 1.5 D_RL
    assert equal.overtraining == about(129.6)
