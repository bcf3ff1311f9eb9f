"""Regression vectors T1-T6 and R1-R16 of the lecture, and its closed forms, from the formulas alone.

Numbers: Reiner Pope's blackboard lecture of 2026-04-29 (transcript
https://gist.github.com/dwarkeshsp/79100f0fdeed69d76241903bb0604dbe), worked out by hand with stated inputs.
Tolerance 0.1 % unless a comment says otherwise. The lecture counts multiplies; F = 2 M here.
"""

import math
import random
from typing import Any

import pytest

from tokenroof.formulas import (
    activations,
    lecture,
    memory_tiers,
    moe,
    pipeline,
    price_sheets,
    pricing,
    queueing,
    training,
    training_optimum,
)
from tokenroof.formulas import roofline as f

V3_PARAMS, V3_ACTIVE, V3_KV = 671e9, 37e9, 70_272.0


def about(value: float, relative: float = 1e-3) -> Any:
    return pytest.approx(value, rel=relative)


def flops(macs_per_s: float) -> float:
    return float(lecture.roofline.flops_per_s_from_macs(macs_per_s=macs_per_s))


# ------------------------------------------------------------------ T1 to T6: step time, milliseconds

# B, C, kv, chips, M a chip, W a chip, N, A; lecture, text, book; compute, weights, kv
STEPS = {
    "T1": (2400, 0, 0, 64, 2.25e15, 8e12, 671e9, 37e9, 1.3105, 1.3105, 1.3105, 0.6167, 1.3105, 0),
    "T2": (2400, 4096, 70_272, 64, 2.25e15, 8e12, 671e9, 37e9, 2.6598, 1.3492, 2.6598, 0.6167, 1.3105, 1.3492),
    "T3": (5440, 0, 0, 64, 2.25e15, 8e12, 671e9, 37e9, 1.3978, 1.3978, 1.3978, 1.3978, 1.3105, 0),
    "T4": (10_000, 200_000, 1666.67, 64, 2.4e15, 8e12, 1e12, 1e11,
           8.4635, 6.5104, 13.0208, 6.5104, 1.9531, 6.5104),
    "T5": (10_000, 400_000, 1666.67, 64, 2.4e15, 8e12, 1e12, 1e11,
           14.9740, 13.0208, 19.5313, 6.5104, 1.9531, 13.0208),
    "T6": (256, 4989, 70_272, 8, 9.895e14, 3.35e12, 671e9, 37e9,
           28.3862, 25.0373, 28.3862, 1.1966, 25.0373, 3.3489),
}  # fmt: skip


@pytest.mark.parametrize("case", STEPS)
def test_step_times(case: str) -> None:
    batch, context, kv, chips, macs, width, params, active, lecture, text, book, *parts = STEPS[case]
    bytes_per_s = f.scaleup_bytes_per_s(chips=chips, chip_bytes_per_s=width)
    pieces = {
        "compute_s": f.compute_time_s(batch=batch, active_params=active, flops_per_s=flops(macs * chips)),
        "weights_s": f.weight_time_s(params=params, bytes_per_param=1.0, bytes_per_s=bytes_per_s),
        "kv_s": f.kv_time_s(batch=batch, context=context, kv_bytes_per_token=kv, bytes_per_s=bytes_per_s),
    }
    assert [1e3 * t for t in pieces.values()] == [about(p) for p in parts]
    assert f.step_time_lecture_s(**pieces) * 1e3 == about(lecture)
    assert f.step_time_text_s(**pieces) * 1e3 == about(text)
    assert f.step_time_book_s(**pieces) * 1e3 == about(book)


def test_t4_sits_on_the_balance_of_compute_and_kv() -> None:
    """E9, W6: the knee of T4's model is 200K, and its MFU limit halves at 400K (T5)."""
    knee = f.knee_context(
        active_params=1e11, bytes_per_s=64 * 8e12, flops_per_s=flops(64 * 2.4e15), kv_bytes_per_token=1666.67
    )
    assert knee == about(200_000)
    assert lecture.roofline.mfu_beyond_knee(context=100_000.0, knee=knee) == 1.0
    assert lecture.roofline.mfu_beyond_knee(context=2 * knee, knee=knee) == about(0.5)
    assert f.mfu(compute_s=6.5104, step_s=14.9740) == about(6.5104 / 14.9740)


# ------------------------------------------------------------------ R1 to R16


@pytest.mark.parametrize(("params", "active", "expected"), [(8, 1, 2400), (671, 37, 5440.5), (700, 37, 5675.7)])
def test_r1_balance_batch_at_300(params: float, active: float, expected: float) -> None:
    assert f.balance_batch(ridge=300.0, params=params * 1e9, active_params=active * 1e9) == about(expected)


def test_r1_routed_experts() -> None:
    assert lecture.moe.balance_batch_routed(ridge=300.0, n_experts=256, top_k=8) == about(9600)
    assert lecture.moe.balance_batch_routed(ridge=300.0, n_experts=256, top_k=32) == about(2400)  # the lecture's W1
    assert lecture.moe.balance_batch_shared(ridge=300.0) == about(300)


def test_s1_the_article_inverts_the_ratio() -> None:
    """Slip S1: with A/N the batch is 16, not 5,676."""
    assert f.balance_batch(ridge=300.0, params=37e9, active_params=700e9) == about(15.857)


def floor_ms(params: float, bytes_per_param: float, chips: int, width: float) -> float:
    return 1e3 * f.weight_time_s(params=params, bytes_per_param=bytes_per_param, bytes_per_s=chips * width)


def test_r2_r3_weight_floors() -> None:
    assert floor_ms(671e9, 1.0, 72, 8e12) == about(1.165)
    assert floor_ms(671e9, 0.5, 72, 8e12) == about(0.582, 2e-3)  # printed to three digits: 0.5825
    assert floor_ms(671e9, 1.0, 8, 3.35e12) == about(25.04)
    assert floor_ms(5e12, 0.5, 8, 3.35e12) == about(93.3)
    assert floor_ms(5e12, 0.5, 72, 8e12) == about(4.34)


def test_r4_batch_one_against_the_floor_is_the_balance_batch() -> None:
    """FP4 on GB200: M 5e15 a GPU, 8e12 byte/s, half a byte a weight; W5's "a thousand times"."""
    rates = {"flops_per_s": flops(5e15), "bytes_per_s": 8e12}
    alone = f.weight_time_s(params=V3_PARAMS, bytes_per_param=0.5, bytes_per_s=8e12)
    dear = pricing.cost_usd_per_token(usd_per_s=1.0, step_s=alone, batch=1.0)
    floor = pricing.cost_floor_usd_per_token(
        usd_per_s=1.0, active_params=V3_ACTIVE, context=0.0, kv_bytes_per_token=0.0, **rates
    )
    assert pricing.cost_ratio(usd_per_token=dear, reference_usd_per_token=floor) == about(5667)
    ridge = f.ridge_tokens(bytes_per_param=0.5, **rates)
    assert ridge == about(312.5)
    assert f.balance_batch(ridge=ridge, params=V3_PARAMS, active_params=V3_ACTIVE) == about(5667)


def test_r5_cost_per_million_tokens() -> None:
    usd_per_s = pricing.system_usd_per_s(gpus=72, usd_per_gpu_s=2 / 3600)
    at = {b: 1e6 * pricing.cost_usd_per_token(usd_per_s=usd_per_s, step_s=0.020, batch=b) for b in (2000, 1)}
    assert at == {2000: about(0.40), 1: about(800)}


def test_r6_kv_bytes_from_a_price_step() -> None:
    """E29 and W15, at 300 multiplies per byte; 7.14: with GB200 FP4 (625 per byte) it is 800."""
    at = {
        rate: price_sheets.kv_bytes_per_token_at_crossing(
            active_params=1e11, bytes_per_s=1.0, flops_per_s=2.0 * rate, crossing_context=200e3
        )
        for rate in (300.0, 625.0)
    }
    assert at == {300.0: about(1666.7), 625.0: about(800)}


@pytest.mark.parametrize(("per_byte", "expected"), [(281.25, 1872), (312.5, 1685), (625, 842)])
def test_r7_knee_contexts_of_v3(per_byte: float, expected: float) -> None:
    knee = f.knee_context(
        active_params=V3_ACTIVE, bytes_per_s=1.0, flops_per_s=flops(per_byte), kv_bytes_per_token=V3_KV
    )
    assert knee == about(expected)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (0.9, 10.0), (1.0, float("inf")), (1.5, float("inf"))])
def test_r8_balance_batch_grows_towards_the_knee(share: float, expected: float) -> None:
    assert f.balance_batch_at_context(balance=1.0, context=1000.0 * share, knee=1000.0) == about(expected)


@pytest.mark.parametrize(
    ("price", "batch_ratio", "load", "fast", "slow"), [(6, 15, 0.12, 1.12, 2.8), (2, 5, 0.6, 1.6, 4.0)]
)
def test_r9_speed_tier(price: float, batch_ratio: float, load: float, fast: float, slow: float) -> None:
    tier = {"price_ratio": float(price), "speed_ratio": 2.5}
    assert pricing.tier_batch_ratio(**tier) == about(batch_ratio)
    assert pricing.fast_tier_load(**tier) == about(load)
    assert pricing.fast_tier_time_over_floor(**tier) == about(fast)
    assert pricing.slow_tier_time_over_floor(**tier) == about(slow)


def test_r9_forwards_gives_back_the_price() -> None:
    """The same machine run forwards: a batch at 1/2.5 of the pass earns the same at 6 times the price."""
    floor, per_sequence = 1e-3, 0.12e-3
    slow_step = 2.8 * floor
    at = {
        step: f.batch_at_step_time(
            step_s=step, weights_s=floor, compute_s_per_sequence=1e-9, kv_s_per_sequence=per_sequence
        )
        for step in (slow_step, slow_step / 2.5, 0.9 * floor)
    }
    assert at[slow_step] == about(15) and at[slow_step / 2.5] == about(1)
    assert at[0.9 * floor] == 0.0, "no batch is faster than the weight floor"
    price = pricing.fast_tier_price_ratio(slow_batch=15.0, fast_batch=1.0, speed_ratio=2.5)
    assert price == about(6)
    assert pricing.fast_tier_price_ratio(slow_batch=15.0, fast_batch=0.0, speed_ratio=2.5) == float("inf")


@pytest.mark.parametrize(("c_rl", "ineff", "expected"), [(3, 3, 2 / 3), (2, 3, 1.0), (6, 3, 1 / 3)])
def test_r10_equal_cost_split(c_rl: float, ineff: float, expected: float) -> None:
    thirds = {"pretrain_share": 1 / 3, "inefficiency": float(ineff)}
    rl = training.rl_to_pretrain_tokens(rl_share=1 / 3, flops_per_param_token=float(c_rl), **thirds)
    assert rl == about(expected)
    assert training.inference_to_pretrain_tokens(inference_share=1 / 3, **thirds) == about(1.0)


def test_r10_really_costs_the_same() -> None:
    """E22 to E25: with D_pre = 1.5 D_RL = D_inf, c_RL = 3 and ineff = 3 all three phases cost alike."""
    costs = [
        training.pretrain_flops(active_params=1e11, tokens=1.5e14),
        training.rl_flops(active_params=1e11, tokens=1e14, flops_per_param_token=3.0, inefficiency=3.0),
        training.inference_flops(active_params=1e11, tokens=1.5e14, inefficiency=3.0),
    ]
    assert costs == [about(costs[0])] * 3


def test_host_split_of_a_quarter_a_quarter_and_a_half() -> None:
    """Section 2.5: then D_inf = 2 D_pre at an inefficiency of 3."""
    assert training.inference_to_pretrain_tokens(inference_share=0.5, pretrain_share=0.25, inefficiency=3.0) == about(
        2.0
    )


def test_r11_served_tokens_and_overtraining() -> None:
    served = training.served_tokens(tokens_per_s=50e6, deployed_s=60 * 86400.0)
    assert served == about(2.592e14)
    assert lecture.training.compute_optimal_tokens(active_params=1e11, tokens_per_param=20.0) == about(2e12)
    factor = training.overtraining_factor(tokens=served, active_params=1e11, tokens_per_param=20.0)
    assert factor == about(129.6)


@pytest.mark.parametrize(
    ("ratio", "routes", "layers", "expected"), [(8, 8, 1, 2.0), (8, 2, 2, 1.0), (8, 3, 1, 0.75), (18, 8, 1, 0.889)]
)
def test_r12_fast_network_against_slow(ratio: float, routes: float, layers: float, expected: float) -> None:
    assert lecture.collectives.scaleup_to_scaleout_time(
        bandwidth_ratio=ratio, routes=routes, layers_per_stage=layers
    ) == about(expected)


@pytest.mark.parametrize(("stages", "weights_gb"), [(1, 15.625), (2, 7.8125), (4, 3.906), (8, 1.953)])
def test_r13_memory_per_gpu(stages: int, weights_gb: float) -> None:
    """Closed form 8.4: weights shrink with the stages, the KV cache does not."""
    weights = lecture.pipeline.weight_bytes_per_chip(
        params=1e12, bytes_per_param=1.0, expert_parallel=64, stages=stages
    )
    cache = {"context": 100e3, "kv_bytes_per_token": 2048.0, "expert_parallel": 64}
    kv = lecture.pipeline.kv_bytes_per_chip_full_pipeline(local_batch=2400.0, **cache)
    assert (weights / 1e9, kv / 1e9) == (about(weights_gb), about(7.68))
    in_flight = lecture.pipeline.global_batch(micro_batches=stages, local_batch=2400.0)
    assert lecture.pipeline.kv_bytes_per_chip(batch=in_flight, stages=stages, **cache) == about(kv, 1e-12)
    both = lecture.pipeline.memory_bytes_per_chip(
        params=1e12, bytes_per_param=1.0, local_batch=2400.0, stages=stages, **cache
    )
    assert both == about(weights + kv, 1e-12)


@pytest.mark.parametrize(("drain_s", "expected"), [(0.020, 4000), (0.0144, 2880)])
def test_r14_hold_or_recompute(drain_s: float, expected: float) -> None:
    assert lecture.memory_tiers.hold_or_recompute_s(knee=200e3, drain_s=drain_s) == about(expected)


def test_r14_is_the_break_even_of_the_cost_formulas() -> None:
    """Closed form 8.3 against E33 and E34 written out, for one B200 at $2/h."""
    machine = {"flops_per_s": 4.5e15, "mfu": 1.0, "usd_per_s": 2 / 3600}
    recompute = memory_tiers.recompute_usd_per_token(active_params=V3_ACTIVE, **machine)
    hold = memory_tiers.hold_usd_per_token_s(
        kv_bytes_per_token=V3_KV, memory_bytes=192e9, usd_per_s=machine["usd_per_s"]
    )
    knee = f.knee_context(active_params=V3_ACTIVE, bytes_per_s=8e12, flops_per_s=4.5e15, kv_bytes_per_token=V3_KV)
    drain = f.drain_time_s(memory_bytes=192e9, bytes_per_s=8e12)
    direct = memory_tiers.recompute_break_even_s(
        recompute_usd_per_token=recompute, retrieve_usd_per_token=0.0, hold_usd_per_token_s=hold
    )
    assert lecture.memory_tiers.hold_or_recompute_s(knee=knee, drain_s=drain) == about(direct, 1e-12)


def test_r15_train() -> None:
    assert queueing.train_worst_latency_s(period_s=0.020) == about(0.040)
    assert queueing.train_mean_wait_s(period_s=0.020) == about(0.010)
    assert queueing.train_worst_wait_s(period_s=0.020) == about(0.020)
    assert lecture.queueing.train_mean_latency_s(period_s=0.020) == about(0.030)


def test_r16_reversible_layers_undo_exactly_in_integers() -> None:
    rng = random.Random(16)

    def mix(x: int) -> int:
        return (x * x * 2_654_435_761 + 12_345) % 2**64 >> 3  # not invertible

    for _ in range(50):
        x, y = rng.getrandbits(64), rng.getrandbits(64)
        u, v = x, y
        for _ in range(20):
            u, v = activations.reversible_step(u, v, mix)
        assert (u, v) != (x, y)
        for _ in range(20):
            u, v = activations.reversible_inverse(u, v, mix)
        assert (u, v) == (x, y)


def test_r16_within_rounding_in_floating_point() -> None:
    u, v = 0.3, -1.7
    for _ in range(10):
        u, v = activations.reversible_step(u, v, math.tanh)
    for _ in range(10):
        u, v = activations.reversible_inverse(u, v, math.tanh)
    assert (u, v) == pytest.approx((0.3, -1.7), abs=1e-12)


# ------------------------------------------------------------------ worked numbers and closed forms


def test_w2_w3_w4_drain_and_throughput() -> None:
    assert f.drain_time_s(memory_bytes=288e9, bytes_per_s=20e12) == about(0.0144)
    system = f.decode_tokens_per_s(batch=2000.0, step_s=1 / 64)
    assert system == about(128_000)
    assert lecture.queueing.systems_for_traffic(traffic_tokens_per_s=128e6, system_tokens_per_s=system) == about(1000)
    assert f.user_tokens_per_s(step_s=0.020) == about(50)


def test_w13_w14_sign_slip() -> None:
    """The lecture first multiplied by the relative MFU, 0.3, where its inverse belongs."""

    def cost(c: float, ineff: float) -> float:
        return float(lecture.training.token_cost_to_pretraining(flops_per_param_token=c, inefficiency=ineff))

    assert [cost(2, 0.3), cost(6, 0.3)] == [about(0.10), about(0.30)]
    assert cost(2, 3.0) == about(1.0)


def test_w16_w17_kv_geometry_and_price_ratio() -> None:
    kv = lecture.kv_cache.gqa_kv_bytes_per_token(
        n_layers=1, n_kv_heads=8, head_dim=128, v_head_dim=128, bytes_per_element=1.0
    )
    assert kv == 2048
    assert lecture.prefill.memory_to_compute_ratio(memory_s=5.0, compute_s=1.0) == 5.0
    assert lecture.prefill.decode_mfu_of_prefill(output_to_input=5.0) == about(0.2)


def test_2_2_whole_experts_on_a_rack() -> None:
    rack = {"n_experts": 256, "n_chips": 72}
    assert lecture.moe.experts_per_chip(**rack) == 4
    assert lecture.moe.expert_chips_used(**rack) == 64
    assert lecture.moe.idle_chip_share(**rack) == about(8 / 72)
    assert lecture.collectives.cross_domain_share(domains=2.0) == about(0.5)


def test_s12_pipeline_idle_shares() -> None:
    assert pipeline.inference_idle_share(micro_batches=1, stages=4) == about(0.75)
    assert pipeline.inference_idle_share(micro_batches=4, stages=4) == 0
    bubbles = [pipeline.training_bubble_gpipe(micro_batches=m, stages=4) for m in (1, 4, 8, 16)]
    assert bubbles == [about(0.75), about(3 / 7), about(3 / 11), about(3 / 19)]
    zero = pipeline.training_bubble_zero_bubble(
        micro_batches=8, stages=4, forward_s=1.0, input_gradient_s=1.0, weight_gradient_s=1.0
    )
    assert zero == about(1 / 9)  # a third of the 1F1B gap: 3 against 24 units of work


def test_2_4_pipelined_token_time() -> None:
    """20 ms and four hops of 2 ms: 28 ms, which the lecture rounds to 30."""
    assert lecture.pipeline.pipelined_token_time_s(step_s=0.020, stages=4, hop_s=0.002) == about(0.028)


def test_7_5_rack_hop() -> None:
    """2,000 x 7,168 BF16 activations over 64 NICs of 50 GB/s take 9 us, not milliseconds."""
    message = lecture.collectives.activation_message_bytes(tokens=2000.0, hidden=7168, bytes_per_element=2.0)
    assert lecture.collectives.hop_time_s(message_bytes=message, bytes_per_s=64 * 50e9, latency_s=0.0) == about(
        9e-6, 0.01
    )


def test_7_12_attention_equals_matmuls() -> None:
    """54K for Llama-3-70B, 98K for 405B, 4.4K for absorbed MLA in V3. Printed to two digits."""
    cases = {
        "70B": (70.6e9, lecture.attention.gqa_attention_flops_per_context_token(
            n_layers=80, n_heads=64, head_dim=128, v_head_dim=128), 54e3),
        "405B": (405.9e9, lecture.attention.gqa_attention_flops_per_context_token(
            n_layers=126, n_heads=128, head_dim=128, v_head_dim=128), 98e3),
        "V3": (37e9, lecture.attention.mla_attention_flops_per_context_token(
            n_layers=61, n_heads=128, kv_lora_rank=512, qk_rope_dim=64), 4.4e3),
    }  # fmt: skip
    for params, per_token, expected in cases.values():
        context = lecture.attention.attention_equals_matmul_context(
            active_params=params, flops_per_context_token=per_token
        )
        assert context == about(expected, 0.015)


def test_8_6_attention_intensity() -> None:
    per_layer = lecture.attention.mla_attention_flops_per_context_token(
        n_layers=1, n_heads=128, kv_lora_rank=512, qk_rope_dim=64
    )
    assert per_layer == 278_528
    assert lecture.attention.mla_attention_intensity(
        n_heads=128, kv_lora_rank=512, qk_rope_dim=64, bytes_per_element=2.0
    ) == about(241.8)
    assert lecture.attention.gqa_attention_intensity(group=8, bytes_per_element=2.0) == 8


@pytest.mark.parametrize(("tokens", "percent"), [(1, 3.125), (8, 22.43), (64, 86.9), (256, 99.97)])
def test_8_7_experts_touched(tokens: float, percent: float) -> None:
    routing = {"n_experts": 256, "top_k": 8, "tokens": float(tokens)}
    assert moe.experts_touched_share(**routing) * 100 == about(percent)
    assert lecture.moe.experts_touched(**routing) == about(2.56 * percent)


@pytest.mark.parametrize(
    ("ineff", "params_b", "tokens_t", "factor", "share"), [(1.0, 19.0, 20.2, 53, 0.232), (3.0, 16.5, 41.0, 125, 0.170)]
)
def test_8_9_overtraining_at_fixed_loss(
    ineff: float, params_b: float, tokens_t: float, factor: float, share: float
) -> None:
    """Refit of Besiroglu et al., loss of (70 B, 1.4 T), 200 T served tokens. Printed to two or three digits."""
    fit = {"irreducible_loss": 1.8172, "data_scale": 2085.43, "param_exponent": 0.3478, "data_exponent": 0.3658}
    loss = 1.8172 + 482.01 / 70e9**0.3478 + 2085.43 / 1.4e12**0.3658
    asked = fit | {"loss": loss, "inference_tokens": 200e12, "inefficiency": ineff}
    params = training_optimum.fixed_loss_params(param_scale=482.01, **asked)
    tokens = training_optimum.fixed_loss_tokens(**asked)
    assert (params / 1e9, tokens / 1e12) == (about(params_b, 3e-3), about(tokens_t, 3e-3))
    over = training.overtraining_factor(tokens=tokens, active_params=params, tokens_per_param=20.0)
    assert over == about(factor, 5e-3)
    assert training_optimum.training_cost_share(tokens=tokens, inference_tokens=200e12, inefficiency=ineff) == about(
        share, 5e-3
    )


def test_8_9_hoffmann_rounded_fit_has_91_tokens_per_param() -> None:
    fit = {"irreducible_loss": 1.69, "data_scale": 410.7, "param_exponent": 0.34, "data_exponent": 0.28}
    asked = fit | {"loss": 1.9366, "inference_tokens": 0.0, "inefficiency": 1.0}
    ratio = training_optimum.fixed_loss_tokens(**asked) / training_optimum.fixed_loss_params(param_scale=406.4, **asked)
    assert ratio == about(91, 5e-3)


@pytest.mark.parametrize(
    ("acceptance", "cost", "drafts", "speedup"), [(0.8, 0.1, 6, 2.470), (0.8, 0.05, 8, 3.092), (0.7, 0.1, 4, 1.981)]
)
def test_9_10_speculation(acceptance: float, cost: float, drafts: int, speedup: float) -> None:
    """Leviathan et al., arXiv 2211.17192."""
    assert lecture.speculation.best_drafts(acceptance=acceptance, draft_cost=cost) == drafts
    gain = lecture.speculation.speculation_speedup(acceptance=acceptance, drafts=drafts, draft_cost=cost)
    assert gain == about(speedup)


def test_5_4_cache_write_premiums() -> None:
    """$5 base: $6.25 for five minutes is $0.25 a minute, $10 for an hour is $0.083, per million tokens."""
    per_minute = {
        seconds: 60e6
        * lecture.price_sheets.implied_hold_usd_per_token_s(
            write_usd_per_token=write / 1e6, base_usd_per_token=5e-6, hold_s=seconds
        )
        for write, seconds in ((6.25, 300.0), (10.0, 3600.0))
    }
    assert per_minute == {300.0: about(0.25), 3600.0: about(0.0833)}


@pytest.mark.parametrize(("kv", "expected"), [(2000, 0.021), (70_272, 0.73), (327_680, 3.41)])
def test_5_4_holding_in_hbm(kv: float, expected: float) -> None:
    """USD per million tokens and hour on a 192 GB GPU at $2/h; printed to two digits."""
    rate = memory_tiers.hold_usd_per_token_s(kv_bytes_per_token=float(kv), memory_bytes=192e9, usd_per_s=2 / 3600)
    assert 3600e6 * rate == about(expected, 0.01)


def test_5_1_knee_bound_from_a_surcharge() -> None:
    assert price_sheets.least_knee_context(max_context=1e6, surcharge=1.5) == about(666_667)


def test_v4_expert_exchange_of_v3() -> None:
    """DeepSeek, ISCA 2025: 32 tokens, 9 experts, d 7,000, FP8 out and BF16 back at 50 GB/s: 120.96 us."""
    message = lecture.collectives.expert_exchange_bytes(
        tokens=32.0, routes=9, hidden=7000, dispatch_bytes_per_element=1.0, combine_bytes_per_element=2.0
    )
    assert message / 50e9 == pytest.approx(120.96e-6, rel=1e-9)


def test_ds2_ds3_deepseek_day_six() -> None:
    """Tokens in billions at list price; the printed $562,027 rounds its counts (0.013 %)."""
    earned = price_sheets.revenue_usd(
        hit_tokens=342e9, fresh_tokens=266e9, output_tokens=168e9,
        hit_usd_per_token=0.14e-6, fresh_usd_per_token=0.55e-6, output_usd_per_token=2.19e-6,
    )  # fmt: skip
    assert earned == about(562_100, 1e-5)
    assert price_sheets.markup(revenue=562_027.0, cost=87_072.0) == about(5.45)
    assert price_sheets.gross_margin(revenue=562_027.0, cost=87_072.0) == about(0.845)


def test_sglang_decode_cost() -> None:
    """8 GPUs at $2/h and 22,282 token/s: $0.1995 per million output tokens."""
    usd = lecture.pricing.cost_usd_per_token_at_throughput(usd_per_s=16 / 3600, tokens_per_s=22_282.0)
    assert usd * 1e6 == about(0.1995)
    assert lecture.moe.tokens_per_expert(tokens=18_432.0, n_experts=256, top_k=8) == 576
