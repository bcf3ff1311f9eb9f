"""Each channel on the worked numbers of the lecture (sections 5, 9.11, 10) and of the price study (section 3)."""

import math
from dataclasses import replace

import pytest

from tokenroof.catalog.offers.index import in_usd, load_offer, market_offer
from tokenroof.infer.deductions import (
    Machine,
    active_from_speed,
    all_deductions,
    bandwidth_from_speed,
    batch_from_fast_mode,
    decode_share,
    duty_from_discount,
    floor_from_spread,
    kv_from_cached_price,
    kv_from_flat_price,
    kv_from_step,
    size_from_price,
    tier_from_storage_price,
)
from tokenroof.infer.deductions.storage import kv_by_tier, tier_by_drain_time
from tokenroof.infer.evidence import Evidence, evidence_of

# the lecture's 300 multiplies per byte
BOARD = Machine(name="board", flops_per_s=600e12, bytes_per_s=1e12, usd_per_h=2.0)
H100 = Machine(name="H100 bf16", flops_per_s=989.4e12, bytes_per_s=3.35e12, usd_per_h=2.0)
GB200_FP4 = Machine(name="GB200 FP4", flops_per_s=10e15, bytes_per_s=8e12, usd_per_h=4.0)


def sheet(name: str) -> Evidence:
    return evidence_of(in_usd(load_offer(name))[0])


def bare(**facts: object) -> Evidence:
    given = {"offer": "a/b", "kind": "closed", "input_usd_per_token": 1e-6, "output_usd_per_token": 5e-6}
    return Evidence(**{**given, **facts})


def test_lecture_w15_step_at_200k() -> None:
    """R6: 1,666.7 byte; section 5.1: with the surcharge paid up to 1 M tokens, 500 to 1,667."""
    found = kv_from_step(
        bare(step_tokens=200_000, step_input_x=2.0, step_output_x=1.5, max_tokens=1_000_000), 100e9, BOARD
    )
    assert found is not None
    assert found.point == pytest.approx(1666.67, rel=1e-4)
    assert (found.low, found.high) == pytest.approx((500.0, 1666.67), rel=1e-4)


def test_lecture_7_14_fp4_arithmetic_gives_half() -> None:
    found = kv_from_step(bare(step_tokens=200_000, step_output_x=1.5), 100e9, GB200_FP4)
    assert found is not None and found.point == pytest.approx(800.0)
    assert found.low is None, "without the longest input there is no lower reading"


@pytest.mark.parametrize(
    ("name", "active", "deduced"),
    [
        ("stepfun/step-3", 38e9, 64_407),
        ("volcengine/deepseek-v3.2", 37.5e9, 7_945),
        ("zhipu/glm-5", 40e9, 8_475),
        ("minimax/minimax-m1@2025-06", 45.9e9, 1_556),
        ("alibaba/qwen3-coder-480b-a35b-instruct", 35e9, 7_415),
        ("alibaba/qwen3-coder-30b-a3b-instruct", 3.3e9, 699),
        ("alibaba/qwen3-coder-next", 3.0e9, 636),
        ("alibaba/qwen3.5-397b-a17b", 17e9, 900),
        ("alibaba/qwen3.5-122b-a10b", 10e9, 530),
        ("alibaba/qwen3.5-27b", 27e9, 1_430),
        ("alibaba/qwen3.5-35b-a3b", 3.0e9, 159),
        ("zhipu/glm-4.6", 32e9, 6_780),
        ("zhipu/glm-4.5-air", 12e9, 2_542),
    ],
)
def test_price_study_test_1(name: str, active: float, deduced: float) -> None:
    """The threshold formula on ladders of known models, as the study prints it."""
    found = kv_from_step(sheet(name), active, H100)
    assert found is not None and found.point is not None
    assert found.point == pytest.approx(deduced, rel=0.005)
    assert found.calibrated_low is not None and found.point < found.calibrated_low


def test_no_step_is_evidence_too() -> None:
    """Claude Opus 5 is flat to 1 M: at 100 B active the lecture's reasoning allows 333 byte."""
    found = kv_from_flat_price(sheet("anthropic/claude-opus-5"), 100e9, BOARD)
    assert found is not None
    assert (found.direction, found.low, found.high) == ("upper bound", None, pytest.approx(333.3, rel=1e-3))
    assert kv_from_step(sheet("anthropic/claude-opus-5"), 100e9, BOARD) is None
    assert kv_from_flat_price(bare(), 100e9, BOARD) is None, "an unknown window says nothing"


def test_output_over_input() -> None:
    """Section 5.2: 5 on every listed Claude; DeepSeek's nodes do 4.98 with hits and 2.18 without."""
    found = decode_share(sheet("anthropic/claude-opus-4-5"))
    assert found.point == pytest.approx(1 / 5)
    nodes = decode_share(bare(output_usd_per_token=73.7 / 14.8 * 1e-6))
    assert 1 / nodes.low == pytest.approx(4.98, abs=0.005)
    assert 1 / nodes.high == pytest.approx(2.18, abs=0.005)
    assert decode_share(sheet("google/gemini-3.1-pro-preview")).point == pytest.approx(1 / 6)


def test_cached_read_bounds_the_cache_from_above() -> None:
    """Price study test 3: moving a GB costs about 1e-5 $ at 50 GB/s and $2/h; DeepSeek-V3's hit allows MBs."""
    found = kv_from_cached_price(sheet("deepseek/deepseek-v3"), H100)
    assert found is not None and found.high is not None
    per_gb = 2.0 / 3600 / 50e9 * 1e9
    assert per_gb == pytest.approx(1.1e-5, rel=0.02)
    assert found.high == pytest.approx(0.07e-6 / per_gb * 1e9)
    assert found.high > 50 * 70_272
    assert kv_from_cached_price(bare(), H100) is None


@pytest.mark.parametrize(
    ("name", "per_mtok_h"),
    [
        ("anthropic/claude-opus-5", 4.1),
        ("anthropic/claude-fable-5-2", 6.5),
        ("anthropic/claude-sonnet-4-6", 2.5),
        ("anthropic/claude-haiku-4-5", 0.82),
        ("anthropic/claude-haiku-5-5", 0.082),
        ("moonshot/kimi-k3", 3.3),
        ("openai/gpt-6.1-terra", 0.11),
        ("google/gemini-3.8-flash", 0.5),
    ],
)
def test_price_study_storage_prices(name: str, per_mtok_h: float) -> None:
    """Section 4: storage = (write_long - write_short) / extra time, or listed."""
    price = sheet(name).storage_usd_per_token_h
    assert price is not None and price * 1e6 == pytest.approx(per_mtok_h, rel=0.02)


def test_price_study_tiers() -> None:
    """Section 4: Gemini Pro 4.50 is 129 KB if HBM and 1.1 MB if DRAM; Volcengine .0023 is 17 KB if NVMe."""
    gemini = kv_by_tier(4.50e-6)
    assert gemini["HBM"] / 1e3 == pytest.approx(129, abs=0.5)
    assert gemini["host-dram"] / 1e6 == pytest.approx(1.1, abs=0.03)
    volcengine = kv_by_tier(0.0024e-6)
    assert volcengine["nvme-small"] / 1e3 == pytest.approx(17, abs=0.5)
    assert volcengine["HBM"] / 1e3 == pytest.approx(0.07, abs=0.005)
    found = tier_from_storage_price(sheet("google/gemini-3.1-pro-preview"))
    assert found is not None and found.verdict == "rent of HBM"
    disk = tier_from_storage_price(sheet("volcengine/doubao-seed-1.8"))
    assert disk is not None and "nvme-small" in disk.verdict and "below the rent of HBM" in disk.verdict
    assert tier_from_storage_price(bare()) is None


def test_drain_times_beside_the_lecture() -> None:
    """Section 5.5: 5 minutes is a small fast drive, an hour a large one; disk is out by a factor of about 23."""
    five, hour = tier_by_drain_time(300.0), tier_by_drain_time(3600.0)
    assert five.verdict.startswith("nvme-small")
    assert hour.verdict.startswith("nvme-large") and "disk by 23x" in hour.verdict


@pytest.mark.parametrize(
    ("name", "ratio", "fast_load", "room"),
    [("anthropic/claude-opus-4-6", 15.0, 0.12, 1.12), ("anthropic/claude-opus-5", 5.0, 0.6, 1.6)],
)
def test_fast_modes(name: str, ratio: float, fast_load: float, room: float) -> None:
    """R9: 6x for 2.5x and 2x for 2.5x."""
    found = batch_from_fast_mode(sheet(name))
    assert found is not None
    assert found.point == pytest.approx(ratio)
    assert found.inputs["fast_load"] == pytest.approx(fast_load)
    assert found.inputs["fast_time_over_floor"] == pytest.approx(room)
    assert batch_from_fast_mode(bare(fast_price_x=1.0, fast_speed_x=2.5)) is None


@pytest.mark.parametrize(
    ("name", "cap_b"),
    [
        ("openai/gpt-4o", 332),
        ("openai/gpt-5", 165),
        ("anthropic/claude-opus-5", 669),
        ("google/gemini-3.1-pro-preview", 265),
        ("anthropic/claude-haiku-5-5", 12.9),
    ],
)
def test_price_study_test_2_caps(name: str, cap_b: float) -> None:
    """At open-weights mark-up the price caps sqrt(total x active); on 2026 alone the study has up to twice as much."""
    found = size_from_price(sheet(name))
    assert found.point is not None
    assert found.point / 1e9 == pytest.approx(cap_b, rel=0.01)
    assert found.direction == "upper bound" and found.low is None


def test_open_weights_get_an_estimate_not_a_cap() -> None:
    found = size_from_price(evidence_of(market_offer("deepseek-v3")))
    assert found.direction == "estimate"
    assert found.low is not None and found.high is not None
    assert found.low < math.sqrt(671e9 * 37e9) < found.high


def test_speed_bounds() -> None:
    """8 chips of 3.35 TB/s, two tokens a pass, NVFP4 weights: 100 tok/s leaves at most 953 B active."""
    found = active_from_speed(bare(tokens_per_s=100.0), H100)
    assert found is not None and found.high == pytest.approx(8 * 3.35e12 * 2 / (0.5625 * 100))
    floor = bandwidth_from_speed(bare(tokens_per_s=100.0), 37e9)
    assert floor is not None and floor.low == pytest.approx(37e9 * 0.5625 * 100 / 2)
    assert active_from_speed(bare(), H100) is None and bandwidth_from_speed(bare(), 1e9) is None


def test_discounts_and_spread() -> None:
    discount = duty_from_discount(sheet("deepseek/deepseek-r1"))
    assert discount is not None and discount.point == 0.25
    peak = duty_from_discount(sheet("deepseek/deepseek-v4-pro"))
    assert peak is not None and peak.point == 0.5, "double at peak is half off-peak"
    floor = floor_from_spread(sheet("deepseek/deepseek-v3"))
    assert floor is not None and floor.point == pytest.approx(0.25e-6)
    assert duty_from_discount(bare()) is None and floor_from_spread(bare()) is None


def test_every_deduction_says_what_it_is() -> None:
    rich = replace(sheet("anthropic/claude-opus-4-7"), tokens_per_s=80.0, floor_usd_per_token=1e-6, floor_hosts=5)
    found = all_deductions(rich, 100e9, H100, (300.0, 3600.0))
    assert len(found) >= 10
    for deduction in found:
        assert deduction.formula and deduction.caveat and deduction.calibration and deduction.inputs
        assert deduction.direction in ("lower bound", "upper bound", "estimate")
        for value in (deduction.low, deduction.point, deduction.high):
            assert value is None or 0 < value < math.inf
