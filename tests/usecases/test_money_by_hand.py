"""Money, each part by hand: bends and steps of long context, tiers of memory, pairs, crossings, the day's shape."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tokenroof.catalog.offers.index import load_offer
from tokenroof.errors import InputError
from tokenroof.scenario.resolve import resolve
from tokenroof.types.machine import MemoryTier
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Cost
from tokenroof.types.workload import Workload
from tokenroof.usecases.money import break_even, cache, context, price, tiers, traffic
from tokenroof.usecases.money.costs import Economics, EconomicsRequest, blended, economics, margin_of
from tokenroof.usecases.money.scene import Scene, served_scene

E = math.e
MONTH_H = 730.5  # 365.25 days of 24 hours over 12
GIVEN: dict[str, Any] = {"profile": "peak", "price_per_gpu_hour": 2.0}


def priced(**fields: Any) -> price.PriceResponse:
    asked = {"model": "llama-3.1-70b", "system": "8xh100", **GIVEN, **fields}
    answer = price.price(price.PriceRequest(**asked))
    assert isinstance(answer, price.PriceResponse)
    return answer


def against(**fields: Any) -> break_even.BreakEvenResponse:
    asked = {"model": "llama-3.3-70b", "system": "8xh100", "offer": "market/llama-3.3-70b", **GIVEN, **fields}
    answer = break_even.break_even(break_even.BreakEvenRequest(**asked))
    assert isinstance(answer, break_even.BreakEvenResponse)
    return answer


def scene_of(**fields: Any) -> Scene:
    found = served_scene(EconomicsRequest(**{"model": "llama-3.1-70b", "system": "8xh100", **GIVEN, **fields}))
    assert isinstance(found, Scene)
    return found


# ------------------------------------------------------------------ long context


def test_a_bend_lies_on_the_line_between_two_lengths() -> None:
    """Cost 1 at 4,000 and 3 at 8,000 tokens: it has doubled half way, 4,000 * sqrt(2)."""
    assert context._bend([(1e3, 1.0), (4e3, 1.0), (8e3, 3.0)]) == pytest.approx(4_000 * math.sqrt(2))
    assert context._bend([(1e3, 1.0), (4e3, 2.0)]) == pytest.approx(4e3)
    assert context._bend([(1e3, 1.0), (4e3, 1.9)]) is None


def test_a_mean_is_over_the_logarithm_of_the_length() -> None:
    rising = [(1.0, 1.0), (E, 3.0)]
    assert context._mean(rising, 1.0, E) == pytest.approx(2.0)
    assert context._mean(rising, math.sqrt(E), E) == pytest.approx(2.5)
    assert context._mean(rising, 1.0, E**2) == pytest.approx((2.0 + 3.0) / 2)  # constant beyond the last
    assert context._mean([*rising, (E**2, 7.0)], 1.0, E**2) == pytest.approx((2.0 + 5.0) / 2)


def test_a_misfit_is_the_mean_square_logarithm_of_cost_over_price() -> None:
    """Cost 1 at 1, e at e and beyond, a price up to e and one above: the one above fits, the one below is (1 + e)/2."""
    level = math.log((1.0 + E) / 2.0)
    below = (level**2 + (1.0 - level) ** 2) / 2.0
    assert context._misfit([(1.0, 1.0), (E, E), (E**2, E)], E, E**2) == pytest.approx(below / 2.0)


def test_a_step_is_put_where_cost_jumps() -> None:
    flat = [(1e3, 0.0), (128e3, 0.0)]
    jump = [(1e3, 1.0), (32e3, 1.0), (32_001.0, 3.0), (128e3, 3.0)]
    assert context._step_at(None, flat, jump) == 32e3
    assert context._step_at(None, jump, flat) == 32e3
    assert context._step_at(64e3, flat, jump) == 64e3
    for outside in (1_005.0, 127e3):
        with pytest.raises(InputError):
            context._step_at(outside, flat, jump)


@pytest.mark.parametrize("where", [8e3, 16e3, 32e3, 64e3, 128e3, 200e3, 256e3, 512e3])
def test_lengths_that_sheets_step_at(where: float) -> None:
    jump = [(1e3, 1.0), (where, 1.0), (where + 1.0, 3.0), (1e6, 3.0)]
    assert context._step_at(None, jump, jump) == where


@pytest.mark.parametrize(("rise", "worth"), [(1.5, True), (1.49, False)])
def test_two_prices_are_worth_printing_from_half_as_much_again(rise: float, worth: bool) -> None:
    curve = [(1e3, 1.0), (128e3, rise)]
    assert (context._step_at(None, curve, curve) is not None) is worth


def test_a_step_leaves_room_on_both_sides() -> None:
    """A hundredth above the shortest length, a tenth below the longest: 64,000 of 72,000, not of 71,000."""
    for reach, where in ((72e3, True), (71e3, False)):
        late = [(1e3, 1.0), (64e3, 1.0), (64_001.0, 9.0), (reach, 9.0)]
        assert (context._step_at(None, late, late) == 64e3) is where
    for short, where in ((7_900.0, True), (7_930.0, False)):
        early = [(short, 1.0), (8e3, 1.0), (8_001.0, 9.0), (70e3, 9.0)]
        assert (context._step_at(None, early, early) == 8e3) is where


@pytest.mark.parametrize(
    ("longest", "lengths"),
    [(None, [1e3, 4e3, 8e3, 32e3, 128e3]), (10e3, [1e3, 4e3, 8e3, 10e3]), (4e3, [1e3, 4e3]), (2e3, [1e3, 2e3])],
)
def test_lengths_that_are_asked(longest: float | None, lengths: list[float]) -> None:
    assert [point.isl for point in priced(longest=longest).context.points] == lengths
    with pytest.raises(InputError, match="longest"):
        priced(longest=1_999.0)
    with pytest.raises(InputError, match="longest"):
        priced(longest=1.1e8)


def test_long_models_are_asked_for_a_million() -> None:
    asked = {"model": "llama-4-scout-17b-16e", "system": "8xh200", "tp": 8}
    lengths = [point.isl for point in priced(**asked).context.points]
    assert lengths[:7] == [1e3, 4e3, 8e3, 32e3, 128e3, 256e3, 1e6]


def test_steps_and_multiples_against_integrals() -> None:
    """numpy's trapezoids over the logarithm of the length, cost taken straight between the lengths that are asked."""
    found = priced(step_at=20e3).context
    lengths = np.array([point.isl for point in found.points])
    for name in ("input", "output"):
        cost = np.array([getattr(point, f"{name}_usd_per_mtok") for point in found.points])

        def mean(low: float, high: float, cost: np.ndarray = cost) -> float:
            at = np.geomspace(low, high, 200_001)
            held = np.interp(np.log(at), np.log(lengths), cost)
            return float(np.trapezoid(held, np.log(at)) / math.log(high / low))

        below, above = mean(1e3, 20e3), mean(20e3, 128e3)
        assert getattr(found, f"step_{name}_x") == pytest.approx(above / below, rel=1e-6)
        assert getattr(found, f"covers_{name}_x") == pytest.approx(cost[-1] / below, rel=1e-6)
        assert [getattr(point, f"{name}_x") for point in found.points] == pytest.approx(list(cost / cost[0]))


def test_a_prefix_leaves_at_least_one_new_token() -> None:
    assert next(point.isl for point in priced(isl=4096.0, prefix=999.0).context.points) == 1e3
    assert next(point.isl for point in priced(isl=4096.0, prefix=1000.0).context.points) == 4e3


def test_the_verdict_on_long_context() -> None:
    assert context._verdict(None, 5_000.0, 128e3, 128e3) == "cost doubles: output at 5,000 tokens, input never"
    assert context._verdict(None, None, 128e3, 128.1e3).endswith("up to 128,000 tokens")
    assert "holds no more than 32,000 tokens" in context._verdict(None, None, 32e3, 128e3)


# ------------------------------------------------------------------ memory tiers

FLASH = MemoryTier(id="flash", name="flash", capacity_bytes=1e12, bytes_per_s=5e9, usd_per_byte_s=1e-15)


def test_a_tier_by_hand() -> None:
    """1,000 bytes a token at $1e-15 a byte and second: $1e-12 a second; a tier of 1 TB at $0.001/s, read at 5 GB/s."""
    found = cache._tier(FLASH, 1_000.0, 2_000.0, 2e-7, 4)
    assert found.hold_usd_per_mtok_h == pytest.approx(1e-12 * 3600 * 1e6)
    assert found.read_usd_per_mtok == pytest.approx(1_000 / 5e9 * 1e-3 * 1e6)
    assert found.read_over_uncached == pytest.approx(2e-10 / 2e-7)
    assert found.drain_s == pytest.approx(200.0)
    assert found.recompute_from_s == pytest.approx((2e-7 - 2e-10) / 1e-12)
    assert found.write_x_hour == pytest.approx(1.0 + 3.6e-9 / 2e-7)
    assert found.reload_s == pytest.approx(1_000 * 2_000 / (5e9 * 4))
    # kept for 1,000 s and read once
    assert cache.keep_usd_per_mtok(found, 1_000.0) == pytest.approx((1e-12 * 1_000 + 2e-10) * 1e6)


def test_what_has_no_size_has_no_price_of_reading_and_own_memory_is_read_for_nothing() -> None:
    endless = MemoryTier(id="object", name="", capacity_bytes=None, bytes_per_s=5e9, usd_per_byte_s=1e-15)
    found = cache._tier(endless, 1_000.0, 2_000.0, 2e-7, 1)
    assert (found.read_usd_per_mtok, found.read_over_uncached, found.drain_s) == (None, None, None)
    assert found.recompute_from_s == pytest.approx(2e-7 / 1e-12)
    own = MemoryTier(id="hbm-x", name="", capacity_bytes=1e11, bytes_per_s=1e12, usd_per_byte_s=1e-14)
    here = cache._tier(own, 1_000.0, 2_000.0, 0.0, 1)
    assert (here.read_usd_per_mtok, here.reload_s) == (0.0, 0.0)
    assert here.read_over_uncached is None
    assert here.write_x_hour == math.inf


def line(name: str, read: float, hourly: float, drain_s: float | None = 60.0) -> cache.TierPrice:
    return cache.TierPrice(
        id=name, name=name, bytes_per_token=1.0, drain_s=drain_s, hold_usd_per_mtok_h=hourly, read_usd_per_mtok=read,
        read_over_uncached=None, recompute_from_s=0.0, write_x_hour=1.0, reload_s=0.0,
    )  # fmt: skip


def test_a_ladder_by_hand() -> None:
    """Free to read at 0.001 a second, or 1 to read at 0.0001: equal after 1/0.0009 s; recompute at 2 from 10,000 s."""
    rungs = cache._ladder([line("hbm", 0.0, 3.6), line("dram", 1.0, 0.36)], 2.0)
    assert [rung.tier for rung in rungs] == ["hbm", "dram", "recompute"]
    assert [rung.from_s for rung in rungs] == pytest.approx([0.0, 1 / 0.0009, 10_000.0])
    assert [rung.to_s for rung in rungs] == pytest.approx([1 / 0.0009, 10_000.0, math.inf])
    assert [rung.tier for rung in cache._ladder([line("hbm", 0.0, 3.6), line("dear", 3.0, 0.0)], 2.0)] == [
        "hbm", "recompute",
    ]  # fmt: skip


def test_holding_for_a_time() -> None:
    """500 s: 0.5 in memory, 1.05 in DRAM. Nearest by ratio: a drain time of 100 s, 5 times off; 3,000 s is 6 times."""
    both = [line("hbm", 0.0, 3.6, 100.0), line("dram", 1.0, 0.36, 3_000.0)]
    found = cache._hold(500.0, both, 2.0)
    assert (found.cheapest, found.usd_per_mtok, found.over_uncached) == ("hbm", pytest.approx(0.5), pytest.approx(0.25))
    assert (found.by_drain, found.drain_s, found.drain_over_hold) == ("hbm", 100.0, pytest.approx(0.2))
    late = cache._hold(20_000.0, both, 2.0)
    assert (late.cheapest, late.usd_per_mtok, late.over_uncached) == ("recompute", 2.0, 1.0)
    assert cache._hold(10_000.0, both, 2.0).cheapest == "dram"  # equal: keep it
    assert cache._hold(1e9, both, 0.0).over_uncached == math.inf
    with pytest.raises(InputError):
        cache._hold(1.001e9, both, 2.0)


def test_a_cached_prompt_saves_the_price_of_the_same_input_uncached() -> None:
    load = {"tp": 8, "concurrency": 32.0, "isl": 4096.0, "osl": 512.0}
    whole = scene_of(**load)
    usd, cost = whole.usd_per_s / whole.served.requests_per_s, whole.served.prefill_share
    found = priced(**load, prefix=3000.0).cache
    assert found.uncached_usd_per_mtok == pytest.approx(usd * cost / 4096 * 1e6)
    alone = resolve(Scenario(**(load | {"model": "llama-3.1-70b", "system": "8xh100", "profile": "peak"})))
    assert found.recompute_s == pytest.approx(float(alone.closed(1.0).settled_ttft_s))
    # 80 layers of 8 heads of 128, keys and values in 16 bits
    assert found.bytes_per_token == pytest.approx(80 * 2 * 8 * 128 * 2)
    assert priced(**load, duty_cycle=0.5).cache.uncached_usd_per_mtok == pytest.approx(2 * found.uncached_usd_per_mtok)


def test_own_memory_is_rented_with_the_gpus() -> None:
    own = cache._own_memory(scene_of(tp=8))
    assert own.capacity_bytes is not None and own.usd_per_byte_s is not None
    assert own.capacity_bytes * own.usd_per_byte_s == pytest.approx(2.0 / 3600)


# ------------------------------------------------------------------ speed tiers and discounts


def tier(price_ratio: float | None) -> tiers.SpeedTier:
    return tiers.SpeedTier(
        speed_ratio=2.5, tpot_s=0.01, concurrency=4.0, tokens_per_s_per_user=100.0, output_usd_per_mtok=1.0,
        price_ratio=price_ratio,
    )  # fmt: skip


def test_a_pair_s_verdict_by_hand() -> None:
    """Sold at six times the price: 50 % more than a cost of four times, 25 % less than one of eight."""
    assert tiers._pair_verdict(tier(4.0), 6.0, 2.5, 3.0) == "2.5x costs 4x here; at 6x it earns 50 % more"
    assert tiers._pair_verdict(tier(8.0), 6.0, 2.5, 3.0) == "2.5x costs 8x here; at 6x it earns 25 % less"
    assert tiers._pair_verdict(tier(6.0), 6.0, 2.5, 3.0).endswith("earns 0 % more")
    assert "at most 1.7x here; 2.5x needs" in tiers._pair_verdict(tier(None), 6.0, 2.5, 1.7)


def test_batches_in_a_relation_on_a_straight_line() -> None:
    """A step of 1 + batch/100: 15 times the batch is 2.5 times slower at (1 + 15 x) = 2.5 (1 + x), x = 0.12."""
    scene: Any = SimpleNamespace(deployment=SimpleNamespace(step=lambda batch: SimpleNamespace(step_s=1 + batch / 100)))
    assert tiers._batches_in_relation(scene, 15.0, 2.5) == pytest.approx(12.0)
    assert tiers._batches_in_relation(scene, 15.0, 1.2) == pytest.approx(100 * 0.2 / 13.8)
    assert tiers._batches_in_relation(scene, 15.0, 1.1) is None  # 15 against 1 request is slower than that already
    assert tiers._batches_in_relation(scene, 2.0, 2.5) is None  # twice the batch is never 2.5 times slower


def test_the_floor_is_the_cheapest_load_that_memory_holds() -> None:
    found = priced(tpot=0.02)
    cheapest = min(tier.output_usd_per_mtok or math.inf for tier in found.frontier)
    here = found.economics.output_usd_per_mtok.value
    assert cheapest < 0.9 * here
    assert found.floor.fullest_usd_per_mtok == pytest.approx(cheapest)
    assert found.floor.fullest_tpot_s == found.frontier[0].tpot_s > 0.02
    assert found.floor.slow_mode_saves == pytest.approx(1.0 - cheapest / here)
    assert found.discounts.batch == pytest.approx(found.floor.slow_mode_saves)


def test_a_frontier_goes_from_most_that_pay_to_one_request() -> None:
    """A full memory puts answers back and is beaten by one with a little room."""
    found = priced(tp=8)
    room = int(found.economics.deployment.room())
    assert 0.75 * room < found.frontier[0].concurrency <= room and found.frontier[-1].concurrency == 1.0
    for one in found.frontier:
        assert one.speed_ratio * one.tpot_s == pytest.approx(found.economics.served.tpot_s)
        assert (one.tokens_per_s_per_user or 0.0) * one.tpot_s == pytest.approx(1.0)


def test_discounts_of_a_half_busy_owner() -> None:
    """$36,525 over 10 years is $0.4167 an hour; 1,000 W at $0.20 a kWh are $0.20 busy, $0.06 idle, $0.13 half busy."""
    owned = {
        "price_per_gpu_hour": None, "capex_per_gpu": 36_525.0, "years": 10.0, "electricity": 0.2, "pue": 1.0,
        "watts_per_gpu": 1000.0,
    }  # fmt: skip
    found = priced(**owned, duty_cycle=0.5).discounts
    hourly = 36_525 / 87_660 + 0.2 * (0.3 + 0.7 * 0.5)
    assert found.full_share == 0.5
    assert found.marginal_price_ratio == pytest.approx(0.5 * 0.2 * 0.7 / hourly)
    saves = priced(**owned, duty_cycle=0.5).floor.slow_mode_saves
    assert found.batch == pytest.approx(1.0 - 0.5 * (1.0 - saves))


def test_free_machines_save_nothing() -> None:
    assert priced(price_per_gpu_hour=0.0).floor.slow_mode_saves == 0.0


def test_words_of_a_price() -> None:
    assert [price._usd(usd) for usd in (1234.5, 0.1, 0.0999, 0.0)] == ["$1,234.50", "$0.10", "$0.0999", "$0.00"]
    assert "half busy, twice that" in priced().sentence
    assert "busy 25 % of the time" in priced(duty_cycle=0.25).sentence
    assert len(priced(speeds=(1.5,) * 50).fast) == 51
    assert [tier.speed_ratio for tier in priced().fast] == [1.0, 1.5, 2.0, 2.5]
    assert [hold.hold_s for hold in priced().cache.holds] == [60.0, 3600.0, 86400.0]


# ------------------------------------------------------------------ tokens


def test_a_blend_by_hand() -> None:
    """Three tokens at 1, one at 0.1, four at 4: 19.1 over 8."""
    cost = Cost(
        allocation="time", input_usd_per_mtok=1.0, cached_usd_per_mtok=0.1, output_usd_per_mtok=4.0, request_usd=1.0
    )
    assert blended(cost, (3.0, 1.0, 4.0)) == pytest.approx(19.1 / 8)
    assert blended(cost, (0.0, 0.0, 1.0)) == 4.0


def test_a_margin_by_hand() -> None:
    """600 new tokens at $2, 400 cached at $0.2 and 100 out at $8 a million: $0.00208 for what costs $0.001."""
    found = margin_of(Workload(isl=1000.0, osl=100.0, prefix=400.0), 0.001, (2.0, 0.2, 8.0))
    assert found.revenue_usd == pytest.approx(0.00208)
    assert found.markup == pytest.approx(1.08)
    assert found.gross_margin == pytest.approx(1.08 / 2.08)
    for usd, sell in ((0.001, (0.0, 0.0, 0.0)), (0.0, (2.0, 0.2, 8.0)), (0.001, (1.1e6, 0.0, 0.0))):
        with pytest.raises(InputError):
            margin_of(Workload(isl=1000.0, osl=100.0, prefix=400.0), usd, sell)


def test_ratios_and_prices_that_are_given_in_two_or_three() -> None:
    asked = {"model": "llama-3.1-8b", "system": "h100", **GIVEN, "prefix": 96.0, "isl": 4096.0, "osl": 512.0}
    own, two, three = (
        economics(EconomicsRequest(**asked, blend=blend, sell=sell))
        for blend, sell in ((None, (2.0, 8.0)), ((3.0, 1.0), (2.0, 8.0)), ((3.0, 2.0, 1.0), (2.0, 0.5, 8.0)))
    )
    assert isinstance(own, Economics) and isinstance(two, Economics) and isinstance(three, Economics)
    assert (own.blend, two.blend, three.blend) == ((4000.0, 96.0, 512.0), (3.0, 0.0, 1.0), (3.0, 2.0, 1.0))
    assert own.margin is not None and three.margin is not None
    assert own.margin.revenue_usd == pytest.approx((4096 * 2 + 512 * 8) / 1e6)
    assert three.margin.revenue_usd == pytest.approx((4000 * 2 + 96 * 0.5 + 512 * 8) / 1e6)
    small = economics(EconomicsRequest(**asked, blend=(0.3, 0.1)))
    assert isinstance(small, Economics) and small.blended_usd_per_mtok.value == pytest.approx(
        two.blended_usd_per_mtok.value
    )
    for blend in ((0.0, 0.0), (-1.0, 2.0), (1.1e12, 1.0)):
        with pytest.raises(InputError, match="blend"):
            economics(EconomicsRequest(**asked, blend=blend))


# ------------------------------------------------------------------ break-even


def test_a_crossing_by_hand() -> None:
    """Eight GPUs at $2 an hour over the bill for what they serve: $0.60 and $0.7526 a million tokens in and out."""
    found = against()
    bill = (4096 * 0.6 + 512 * 0.7526) / 1e6
    assert found.request_api_usd == pytest.approx(bill)
    assert found.request_busy_usd.value == pytest.approx(16 / 3600 / found.requests_per_s)
    assert found.duty_cycle == pytest.approx(16 / 3600 / found.requests_per_s / bill)
    assert found.crossing_tokens_per_day == pytest.approx(16 * 24 / bill * 4608)
    tenth = against(duty_cycle=0.1)
    assert tenth.at_traffic_usd == pytest.approx(10 * found.request_busy_usd.value)
    assert (tenth.cheaper_at_traffic, found.cheaper_at_traffic) == ("the API", "self-hosting")


def test_an_owner_s_crossing_by_hand() -> None:
    """Ten years of $36,525 and idle power of 300 W at $0.20 against the bill less the 700 W of a busy hour."""
    found = against(
        price_per_gpu_hour=None, capex_per_gpu=36_525.0, years=10.0, electricity=0.2, pue=1.0, watts_per_gpu=1000.0,
        duty_cycle=0.3,
    )  # fmt: skip
    fixed = 36_525 / 87_660 + 0.06
    earned = found.requests_per_s * found.request_api_usd * 3600 / 8
    assert found.duty_cycle == pytest.approx(fixed / (earned - 0.14))
    assert found.economics.machine.usd_per_gpu_h == pytest.approx(fixed + 0.14 * 0.3)


def test_ends_of_the_range_are_those_of_the_rents() -> None:
    found = against(price_per_gpu_hour=None)
    machine = found.economics.machine
    assert found.low / found.duty_cycle == pytest.approx(machine.low_usd_per_gpu_h / machine.usd_per_gpu_h)
    assert found.high / found.duty_cycle == pytest.approx(machine.high_usd_per_gpu_h / machine.usd_per_gpu_h)


def test_mixes_by_hand() -> None:
    """4,608 tokens at 1 : 4 to 64 : 1, and the request's own 8 : 1."""
    found = against().mixes
    assert [mix.isl for mix in found] == [922, 1536, 2304, 3072, 3686, 4096, 4337, 4468, 4537]
    assert [mix.input_per_output for mix in found] == pytest.approx([mix.isl / (4608 - mix.isl) for mix in found])
    alone = against(isl=2304.0, osl=2304.0)
    (half,) = (mix for mix in found if mix.isl == 2304)
    assert half.own_usd == pytest.approx(alone.request_busy_usd.value)
    assert half.api_usd == pytest.approx(2304 * (0.6 + 0.7526) / 1e6)
    assert half.duty_cycle == pytest.approx(alone.duty_cycle)


def test_mixes_keep_the_cached_share_and_the_measured_speed() -> None:
    asked = {"model": "deepseek-v3", "system": "8xh200", "offer": "deepseek/deepseek-v3"}
    found = against(**asked, prefix=2048.0)
    (half,) = (mix for mix in found.mixes if mix.isl == 2304)
    assert half.api_usd == pytest.approx((1152 * 0.27 + 1152 * 0.07 + 2304 * 1.10) / 1e6)
    tiny = break_even._mixes(
        break_even.BreakEvenRequest(model="llama-3.1-8b", system="h100", offer="market/llama-3.1-8b", **GIVEN),
        Workload(isl=8.0, osl=8.0), load_offer("market/llama-3.3-70b"), 1.0,
    )  # fmt: skip
    assert [(mix.isl, mix.osl) for mix in tiny][-1] == (16.0, 2.0)  # an answer has two tokens at least
    predicted = against()
    twice = against(measured_tok_s=2 * 512 * predicted.requests_per_s)
    assert [mix.own_usd for mix in twice.mixes] == pytest.approx([(mix.own_usd or 0.0) / 2 for mix in predicted.mixes])
    assert twice.measured_over_predicted == pytest.approx(2.0)


def test_a_length_that_is_sold_up_to_the_last_token() -> None:
    offer = load_offer("deepseek/deepseek-v3")
    assert offer.context is not None
    asked = break_even.BreakEvenRequest(model="deepseek-v3", system="8xh200", offer=offer.id)
    whole, more = (Workload(isl=float(offer.context + extra), osl=2.0) for extra in (0, 1))
    assert break_even._sold(offer, whole, asked) is not None
    assert break_even._sold(offer, more, asked) is None


def test_an_offer_that_charges_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(break_even, "_request_usd", lambda *_: 0.0)
    with pytest.raises(InputError, match="charges for this request"):
        against()


def test_a_month_of_a_demand_by_hand() -> None:
    found = against(requests_per_s=30.0, duty_cycle=0.5)
    demand = found.demand
    assert demand is not None
    systems = math.ceil(60.0 / found.requests_per_s)
    assert systems > 2
    assert demand.systems == systems
    assert demand.own_usd_per_month == pytest.approx(systems * 16 * MONTH_H)
    assert demand.api_usd_per_month == pytest.approx(30 * found.request_api_usd * 3600 * MONTH_H)
    small = against(requests_per_s=1e-3).demand
    assert small is not None
    assert (small.systems, small.cheaper) == (1, "the API")


@pytest.mark.parametrize(
    ("tokens", "said"),
    [(999_999.0, "999,999"), (1e6, "1 million"), (1.21e9, "1.21 billion"), (1e9, "1 billion"), (1e12, "1 trillion")],
)
def test_large_counts_in_words(tokens: float, said: str) -> None:
    assert break_even._count(tokens) == said


def test_the_sentence_of_a_crossing() -> None:
    scene, offer = scene_of(isl=4096.0, osl=512.0), load_offer("market/llama-3.3-70b")
    said = break_even._sentence(scene, offer, 0.5, 2.0, 0.003, 0.0015)
    # one request a second of 4,608 tokens: 398 million a day
    assert "once busy 50 % of the time: from 1 requests/s, or 398 million tokens a day" in said
    assert "beats" in break_even._sentence(scene, offer, 1.0, 2.0, 0.003, 0.003)
    assert "$0.006 a request against $0.003" in break_even._sentence(scene, offer, 2.0, 2.0, 0.003, 0.006)


# ------------------------------------------------------------------ the shape of a day


def test_a_day_by_hand() -> None:
    """Loads of 1, 2, 3, 4: 62.5 % of the peak in the mean, 30 % of it below that."""
    found = traffic.traffic_from_loads("", [1.0, 2.0, 3.0, 4.0])
    assert found.loads == (0.25, 0.5, 0.75, 1.0)
    assert (found.duty_cycle, found.off_peak_share) == (0.625, pytest.approx(0.3))
    day = traffic.traffic_of("diurnal:0.2")
    assert [day.loads[hour] for hour in (0, 6, 12, 18)] == pytest.approx([0.2, 0.6, 1.0, 0.6])
    assert day.duty_cycle == pytest.approx(0.6)
    assert traffic.traffic_of("diurnal").loads[0] == pytest.approx(1 / 3)
    assert traffic.traffic_of("diurnal:0").loads[0] == pytest.approx(0.0)
    assert traffic.traffic_of("diurnal:1").duty_cycle == pytest.approx(1.0)
    assert len(traffic.traffic_of("flat").loads) == len(day.loads) == 24


def test_files_of_loads_have_limits(tmp_path: Path) -> None:
    file = tmp_path / "loads.csv"
    file.write_text("load\n" + "1\n" * 99_999, encoding="utf-8")
    assert len(traffic.traffic_of(str(file)).loads) == 99_999
    file.write_text("load\n" + "1\n" * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match="at most 100,000 rows"):
        traffic.traffic_of(str(file))
    file.write_bytes(b"000000001\n" * 100_000)
    assert traffic.traffic_of(str(file)).duty_cycle == 1.0
    file.write_bytes(b"0000000001\n" + b"000000001\n" * 99_999)
    with pytest.raises(InputError, match="at most 1,000,000 bytes"):
        traffic.traffic_of(str(file))


@pytest.mark.parametrize(
    ("text", "duty"),
    [
        ("hour,load,price\n0,1,9\n1,3,9\n", 2 / 3),  # by name, wherever it stands
        ("hour,calls\n0,1\n1,3\n", 2 / 3),  # else the last column
        ("0,1\n1,3\n", 2 / 3),  # without a head
        ("7\n", 1.0),
        ("0\n4\n", 0.5),  # an hour without load is an hour
    ],
)
def test_which_column_is_the_load(tmp_path: Path, text: str, duty: float) -> None:
    file = tmp_path / "loads.csv"
    file.write_text(text, encoding="utf-8")
    assert traffic.traffic_of(str(file)).duty_cycle == pytest.approx(duty)


@pytest.mark.parametrize(
    ("text", "needle"),
    [("load\n1\nx\n", "row 3"), ("1\n-1\n", "row 2"), ("hour,load\n0\n", "row 2"), ("0\n0\n", "load above 0")],
)
def test_bad_rows_are_named_by_number(tmp_path: Path, text: str, needle: str) -> None:
    file = tmp_path / "loads.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=needle):
        traffic.traffic_of(str(file))
