"""Speed tiers, floors, discounts, long context and cached input: floors are floors, crossings cross."""

import math
from functools import lru_cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog import load_model, load_system
from tokenroof.errors import InputError, UnknownName
from tokenroof.present.charts.price import draw
from tokenroof.usecases.money.cache import keep_usd_per_mtok
from tokenroof.usecases.money.costs import Scene, scene_of
from tokenroof.usecases.money.operating import Infeasible
from tokenroof.usecases.money.price import PriceRequest, PriceResponse, parse_pair, price
from tokenroof.usecases.money.serving import holders
from tokenroof.usecases.money.tiers import decode_usd_per_mtok

CASES = (
    ("llama-3.1-8b", "h100"),
    ("llama-3.1-70b", "8xh100"),
    ("gpt-oss-120b", "8xh100"),
    ("deepseek-v3", "gb200-nvl72"),
)
every_case = pytest.mark.parametrize(("model", "system"), CASES)


def request(model: str = "llama-3.1-70b", system: str = "8xh100", **fields: Any) -> PriceRequest:
    return PriceRequest(model=model, system=system, **{"efficiency": "peak", "usd_per_gpu_h": 2.0} | fields)


@lru_cache(maxsize=32)
def _asked(key: tuple[tuple[str, Any], ...]) -> PriceResponse:
    answer = price(request(**dict(key)))
    assert isinstance(answer, PriceResponse)
    return answer


def ask(**fields: Any) -> PriceResponse:
    return _asked(tuple(sorted(fields.items())))


@lru_cache(maxsize=16)
def scene(model: str, system: str, efficiency: str) -> Scene:
    return scene_of(request(model, system, efficiency=efficiency))


# ------------------------------------------------------------------ tiers


@every_case
def test_no_point_of_the_frontier_beats_another(model: str, system: str) -> None:
    points = ask(model=model, system=system).frontier
    assert len(points) > 3
    for slow, fast in pairwise(points):
        assert slow.tokens_per_s_per_user < fast.tokens_per_s_per_user
        assert slow.output_usd_per_mtok < fast.output_usd_per_mtok


@given(
    case=st.sampled_from(CASES), batch=st.floats(1, 1e9), pick=st.integers(0, 1000),
    efficiency=st.sampled_from(["peak", "auto"]),
)  # fmt: skip
def test_the_floor_is_below_every_batch_of_every_layout(
    case: tuple[str, str], batch: float, pick: int, efficiency: str
) -> None:
    model, system = case
    answer, setting = ask(model=model, system=system, efficiency=efficiency), scene(model, system, efficiency)
    holding = holders(setting.candidates, setting.load.isl + setting.load.osl)
    serving = holding[pick % len(holding)]
    assert decode_usd_per_mtok(setting, serving, batch) >= answer.floor.floor_usd_per_mtok * (1 - 1e-6)


@every_case
def test_floors_are_in_order(model: str, system: str) -> None:
    floor = ask(model=model, system=system).floor
    assert 0 < floor.lecture_usd_per_mtok <= floor.floor_usd_per_mtok <= floor.in_memory_usd_per_mtok
    assert floor.slow_over_floor >= 1.0
    assert 0 <= floor.slow_mode_saves < 1.0


@every_case
def test_faster_tiers_are_fast_enough_and_dearer(model: str, system: str) -> None:
    answer = ask(model=model, system=system)
    ratios = [tier.price_ratio for tier in answer.fast if tier.price_ratio is not None]
    assert ratios == sorted(ratios)
    for tier in answer.fast:
        if tier.same_batch is not None and tier.same_price_ratio is not None:
            serving = answer.economics.point.serving
            context = answer.economics.workload.context
            assert serving.step_s(tier.same_batch, context) <= tier.step_s
            assert serving.step_s(tier.same_batch + 1, context) > tier.step_s
            assert tier.price_ratio is not None
            assert tier.price_ratio <= tier.same_price_ratio * (1 + 1e-12)


def test_a_speed_that_no_batch_has_is_not_priced() -> None:
    answer = ask(speeds=(2.0, 1e4))
    assert answer.fast[1].price_ratio is None
    assert answer.fast[1].same_price_ratio is None


def test_pair_of_the_lecture() -> None:
    """Lecture, fast mode: six times the price for 2.5 times the speed, and twice the price."""
    pair = ask(pair=(6.0, 2.5)).pair
    assert pair is not None
    assert (pair.batch_ratio, pair.load) == (15.0, pytest.approx(0.12))
    assert pair.fast_over_floor == pytest.approx(1.12)
    assert pair.slow_over_floor == pytest.approx(2.8)
    assert pair.head_room == pair.fast_over_floor
    cheap = ask(pair=(2.0, 2.5)).pair
    assert cheap is not None
    assert (cheap.batch_ratio, cheap.fast_over_floor) == (5.0, pytest.approx(1.6))


def test_a_pair_finds_the_batches_that_are_in_its_relation() -> None:
    answer = ask(pair=(6.0, 2.5))
    pair, point = answer.pair, answer.economics.point
    assert pair is not None
    assert pair.machine_fast_batch is not None
    assert pair.machine_slow_batch == pytest.approx(15 * pair.machine_fast_batch)
    context = answer.economics.workload.context
    slow, fast = (point.serving.step_s(batch, context) for batch in (pair.machine_slow_batch, pair.machine_fast_batch))
    assert slow / fast == pytest.approx(2.5, rel=1e-6)
    # the same price per machine second at both: six times the price a token
    assert (slow / pair.machine_slow_batch) / (fast / pair.machine_fast_batch) == pytest.approx(1 / 6, rel=1e-6)


def test_a_pair_out_of_reach_says_so() -> None:
    pair = ask(pair=(6.0, 50.0)).pair
    assert pair is not None
    assert pair.machine_any_layout_ratio is None
    assert "speculative decoding" in pair.verdict


@pytest.mark.parametrize("text", ["6x,2.5x", "6,2.5", " 6X , 2.5x "])
def test_pairs_are_read(text: str) -> None:
    assert parse_pair(text) == (6.0, 2.5)


@pytest.mark.parametrize("text", ["", "6x", "6x,2.5x,1x", "fast,slow", "6x;2.5x"])
def test_pairs_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"6x,2\.5x"):
        parse_pair(text)


@pytest.mark.parametrize("pair", [(1.0, 2.0), (2.0, 1.0), (math.nan, 2.0), (math.inf, 2.0)])
def test_pairs_without_meaning_are_refused(pair: tuple[float, float]) -> None:
    with pytest.raises(InputError):
        price(request(pair=pair))


# ------------------------------------------------------------------ discounts


def test_discounts_follow_the_duty_cycle() -> None:
    busy, half = ask().discounts, ask(duty_cycle=0.5).discounts
    assert busy.full_share == 0.0
    assert half.full_share == 0.5
    assert half.batch >= half.full_share
    assert half.peak_over_off_peak is None


def test_peak_prices_recover_the_cost_of_the_day() -> None:
    """Off-peak tokens at the cost of their machine time, peak tokens at the ratio: together the whole day is paid."""
    answer = ask(traffic="diurnal:0.2")
    found = answer.discounts
    assert found.peak_over_off_peak is not None
    assert found.off_peak_share is not None
    busy_cost = answer.economics.request_usd * found.duty_cycle
    mean = found.off_peak_share * busy_cost + (1 - found.off_peak_share) * busy_cost * found.peak_over_off_peak
    assert mean == pytest.approx(answer.economics.request_usd)


# ------------------------------------------------------------------ long context


@every_case
def test_longer_prompts_cost_more_per_token(model: str, system: str) -> None:
    tiers = ask(model=model, system=system).context
    for name in ("input_usd_per_mtok", "output_usd_per_mtok"):
        costs = [getattr(point, name) for point in tiers.points]
        assert all(b >= a * (1 - 0.02) for a, b in pairwise(costs)), name
    assert tiers.points[0].output_x == 1.0
    if tiers.step_at is not None:
        assert tiers.step_output_x is not None
        assert tiers.covers_output_x is not None
        assert 1.0 <= tiers.step_output_x <= tiers.covers_output_x


def test_the_bend_is_where_cost_doubles() -> None:
    answer = ask()
    bend = answer.context.output_bend
    assert bend is not None
    below = [point.output_x for point in answer.context.points if point.context <= bend]
    above = [point.output_x for point in answer.context.points if point.context > bend]
    assert below[-1] < 2.0 <= above[0]


def test_a_given_step_is_kept_and_a_sheet_shown() -> None:
    answer = ask(step_at=32e3, offer="google/gemini-3.1-pro-preview")
    assert answer.context.step_at == 32e3
    (sheet,) = answer.context.sheet
    assert (sheet.at_tokens, sheet.input_x, sheet.output_x) == (200_000, 2.0, 1.5)
    with pytest.raises(UnknownName):
        price(request(offer="nobody/nothing"))
    with pytest.raises(InputError, match="step_at"):
        price(request(step_at=1e9))


# ------------------------------------------------------------------ cached input


@given(hold_s=st.floats(1e-3, 1e8), case=st.sampled_from(CASES))
def test_the_ladder_is_the_cheapest_choice_at_any_time(hold_s: float, case: tuple[str, str]) -> None:
    cache = ask(model=case[0], system=case[1]).cache
    rung = next(rung for rung in cache.ladder if rung.from_s <= hold_s < rung.to_s)
    costs = {tier.id: keep_usd_per_mtok(tier, hold_s) for tier in cache.tiers if tier.read_usd_per_mtok is not None} | {
        "recompute": cache.fresh_usd_per_mtok
    }
    assert costs[rung.tier] == pytest.approx(min(costs.values()), rel=1e-9)


@every_case
def test_ladder_covers_all_times_and_ends_in_recomputing(model: str, system: str) -> None:
    ladder = ask(model=model, system=system).cache.ladder
    assert ladder[0].from_s == 0.0
    assert ladder[0].tier.startswith("hbm-")
    assert ladder[-1].tier == "recompute"
    assert ladder[-1].to_s == math.inf
    assert all(a.to_s == b.from_s for a, b in pairwise(ladder))


@every_case
def test_recompute_time_of_a_tier_is_a_crossing(model: str, system: str) -> None:
    cache = ask(model=model, system=system).cache
    for tier in cache.tiers:
        if 0 < tier.recompute_from_s < math.inf:
            assert keep_usd_per_mtok(tier, tier.recompute_from_s) == pytest.approx(cache.fresh_usd_per_mtok, rel=1e-9)
        elif tier.read_usd_per_mtok is not None:
            assert tier.read_usd_per_mtok >= cache.fresh_usd_per_mtok


def test_hbm_costs_its_rent_says() -> None:
    """$2 an hour for 192 GB: $0.73 a million tokens and hour at DeepSeek's 70,272 bytes (decimal GB of the label)."""
    cache = ask(model="deepseek-v3", system="8xb200").cache
    own = cache.tiers[0]
    usable = load_system("b200").chip.usable_memory_bytes
    assert usable is not None
    assert own.hold_usd_per_mtok_h == pytest.approx(2.0 * 70_272 * 1e6 / usable)
    assert own.hold_usd_per_mtok_h == pytest.approx(0.73, rel=5e-3)
    assert cache.bytes_per_token == pytest.approx(70_272)


def test_drain_times_name_flash_and_not_disk() -> None:
    """Drain times of real parts: 5 minutes is fast NVMe, an hour large NVMe; spinning disk drains in 23 hours."""
    holds = {hold.hold_s: hold for hold in ask(model="deepseek-v3", system="8xb200").cache.holds}
    assert holds[300.0].by_drain == "nvme-small"
    assert holds[3600.0].by_drain == "nvme-large"
    assert holds[3600.0].drain_over_hold < 3
    disk = next(t for t in ask(model="deepseek-v3", system="8xb200").cache.tiers if t.id == "disk")
    assert disk.drain_s is not None
    assert disk.drain_s / 3600 == pytest.approx(23.4, rel=1e-2)


def test_grace_memory_is_offered_only_with_grace() -> None:
    def names(system: str) -> set[str]:
        return {tier.id for tier in ask(model="deepseek-v3", system=system).cache.tiers}

    assert "grace-lpddr" in names("gb200-nvl72")
    assert "grace-lpddr" not in names("8xb200")


def test_tensor_parallel_copies_of_a_latent_are_paid_for() -> None:
    """MLA's latent is whole on every rank: eight times the memory to hold with tp 8, the same bytes to reload."""
    answer = price(request("deepseek-v3", "8xb200", layout={"tp": 8}))
    assert isinstance(answer, PriceResponse)
    cache = answer.cache
    assert cache.tiers[0].bytes_per_token == pytest.approx(8 * 70_272)
    assert cache.tiers[1].bytes_per_token == pytest.approx(70_272)


# ------------------------------------------------------------------ the whole


def test_an_answer_without_room_is_infeasible() -> None:
    assert isinstance(price(request("deepseek-v3", "4xh100")), Infeasible)


def test_free_machines_have_no_prices_but_no_error_either() -> None:
    answer = price(request(usd_per_gpu_h=1e-12))
    assert isinstance(answer, PriceResponse)
    assert all(math.isfinite(tier.price_ratio or 1.0) for tier in answer.fast)


@pytest.mark.parametrize("bad", [{"speeds": (0.5,)}, {"holds_s": (0.0,)}, {"longest": 10.0}, {"speeds": (2.0,) * 51}])
def test_bad_lists_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        price(request(**bad))


def test_the_same_answer_draws_the_same_bytes(tmp_path: Any) -> None:
    answer = ask(pair=(6.0, 2.5), traffic="diurnal")
    for name in ("a.svg", "b.svg"):
        draw(answer, tmp_path / name)
    first = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert first == (tmp_path / "b.svg").read_text(encoding="utf-8")
    for words in ("floor of any slow mode", "pair: 6x price, 2.5x speed", "recompute", "step at"):
        assert words in first


def test_the_default_longest_prompt_is_the_model_s() -> None:
    model = load_model("llama-3.1-70b")
    assert ask().context.longest == pytest.approx(model.context_advertised or model.context_config)
