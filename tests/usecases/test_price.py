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
from tokenroof.schema import parse
from tokenroof.types.served import Infeasible
from tokenroof.types.workload import Limits, Load
from tokenroof.usecases.money.cache import keep_usd_per_mtok
from tokenroof.usecases.money.costs import Economics, economics
from tokenroof.usecases.money.price import PriceRequest, PriceResponse, price

CASES = (
    ("llama-3.1-8b", "h100"),
    ("llama-3.1-70b", "8xh100"),
    ("gpt-oss-120b", "8xh100"),
    ("deepseek-v3", "gb200-nvl72"),
)
every_case = pytest.mark.parametrize(("model", "system"), CASES)


def request(model: str = "llama-3.1-70b", system: str = "8xh100", **fields: Any) -> PriceRequest:
    return PriceRequest(model=model, system=system, **{"profile": "peak", "price_per_gpu_hour": 2.0} | fields)


@lru_cache(maxsize=32)
def _asked(key: tuple[tuple[str, Any], ...]) -> PriceResponse:
    answer = price(request(**dict(key)))
    assert isinstance(answer, PriceResponse)
    return answer


def ask(**fields: Any) -> PriceResponse:
    return _asked(tuple(sorted(fields.items())))


# ------------------------------------------------------------------ tiers


@every_case
def test_no_point_of_the_frontier_beats_another(model: str, system: str) -> None:
    points = ask(model=model, system=system).frontier
    assert len(points) > 3
    for slow, fast in pairwise(points):
        assert slow.tokens_per_s_per_user is not None and fast.tokens_per_s_per_user is not None
        assert slow.output_usd_per_mtok is not None and fast.output_usd_per_mtok is not None
        assert slow.tokens_per_s_per_user < fast.tokens_per_s_per_user
        assert slow.output_usd_per_mtok < fast.output_usd_per_mtok


@every_case
def test_the_fullest_load_is_the_cheapest(model: str, system: str) -> None:
    answer = ask(model=model, system=system)
    floor = answer.floor
    assert 0 < floor.fullest_usd_per_mtok <= answer.economics.output_usd_per_mtok.value
    assert 0 <= floor.slow_mode_saves < 1.0


@every_case
def test_faster_tiers_are_the_deployment_served_with_fewer_requests(model: str, system: str) -> None:
    answer = ask(model=model, system=system)
    now, *fast = answer.fast
    assert now.price_ratio == 1.0
    assert now.tpot_s == answer.economics.served.tpot_s
    deployment = answer.economics.deployment
    ratios = [tier.price_ratio for tier in fast if tier.price_ratio is not None]
    assert ratios == sorted(ratios)
    for tier in fast:
        limit_s = now.tpot_s / tier.speed_ratio
        held, _ = deployment.most(Limits(tpot_s=limit_s))
        if tier.concurrency is None:
            assert held < 1.0
            continue
        assert tier.concurrency == held * deployment.replicas
        assert tier.tpot_s <= limit_s * (1 + 1e-9)
        served = deployment.serve(Load(kind="concurrency", value=tier.concurrency))
        assert (served.tpot_s, served.concurrency) == (tier.tpot_s, tier.concurrency)


def test_a_speed_that_no_batch_has_is_not_priced() -> None:
    answer = ask(speeds=(2.0, 1e4))
    assert answer.fast[2].price_ratio is None
    assert answer.fast[2].concurrency is None


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
    pair, step = answer.pair, answer.economics.deployment.step
    assert pair is not None
    assert pair.machine_fast_batch is not None
    assert pair.machine_slow_batch == pytest.approx(15 * pair.machine_fast_batch)
    slow, fast = (float(step(batch).step_s) for batch in (pair.machine_slow_batch, pair.machine_fast_batch))
    assert slow / fast == pytest.approx(2.5, rel=1e-6)
    # the same price per machine second at both: six times the price a token
    assert (slow / pair.machine_slow_batch) / (fast / pair.machine_fast_batch) == pytest.approx(1 / 6, rel=1e-6)


def test_a_pair_out_of_reach_says_so() -> None:
    pair = ask(pair=(6.0, 50.0)).pair
    assert pair is not None
    assert pair.machine_price_ratio is None
    assert "speculative decoding" in pair.verdict


@pytest.mark.parametrize("text", ["6x,2.5x", "6,2.5", " 6X , 2.5x "])
def test_pairs_are_read(text: str) -> None:
    assert parse(PriceRequest, {"model": "llama-3.1-8b", "system": "h100", "pair": text}).pair == (6.0, 2.5)


@pytest.mark.parametrize("text", ["", "6x", "6x,2.5x,1x", "fast,slow", "6x;2.5x"])
def test_pairs_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"6x,2\.5x"):
        parse(PriceRequest, {"model": "llama-3.1-8b", "system": "h100", "pair": text})


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
    cost = answer.economics.request_usd.value
    busy_cost = cost * found.duty_cycle
    mean = found.off_peak_share * busy_cost + (1 - found.off_peak_share) * busy_cost * found.peak_over_off_peak
    assert mean == pytest.approx(cost)


# ------------------------------------------------------------------ long context


@every_case
def test_longer_prompts_cost_more_per_token(model: str, system: str) -> None:
    """A request does on every layout; where prompts fill the steps, answers ride on them and their part may be less."""
    tiers = ask(model=model, system=system).context
    costs = [point.isl * point.input_usd_per_mtok + 512 * point.output_usd_per_mtok for point in tiers.points]
    assert costs == sorted(costs)
    inputs = [point.input_usd_per_mtok for point in tiers.points]
    assert inputs == sorted(inputs)
    for short, long in pairwise(tiers.points):
        assert short.layout != long.layout or short.output_usd_per_mtok < long.output_usd_per_mtok
    assert tiers.points[0].output_usd_per_mtok == min(point.output_usd_per_mtok for point in tiers.points)
    assert tiers.points[0].output_x == 1.0
    if tiers.step_at is not None:
        assert tiers.step_output_x is not None
        assert tiers.covers_output_x is not None
        assert 1.0 <= tiers.step_output_x <= tiers.covers_output_x


@every_case
def test_every_row_of_long_context_is_the_same_verb_asked_for_that_length(model: str, system: str) -> None:
    for point in ask(model=model, system=system).context.points:
        alone = economics(request(model, system, isl=point.isl, osl=512.0))
        assert isinstance(alone, Economics)
        assert alone.served.tpot_s == point.tpot_s
        assert alone.served.concurrency == point.concurrency
        assert alone.output_usd_per_mtok.value == point.output_usd_per_mtok
        assert alone.input_usd_per_mtok.value == point.input_usd_per_mtok
        assert alone.layout_label == point.layout


def test_the_bend_is_where_cost_doubles() -> None:
    answer = ask()
    bend = answer.context.output_bend
    assert bend is not None
    below = [point.output_x for point in answer.context.points if point.isl <= bend]
    above = [point.output_x for point in answer.context.points if point.isl > bend]
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
        "recompute": cache.uncached_usd_per_mtok
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
            assert keep_usd_per_mtok(tier, tier.recompute_from_s) == pytest.approx(
                cache.uncached_usd_per_mtok, rel=1e-9
            )
        elif tier.read_usd_per_mtok is not None:
            assert tier.read_usd_per_mtok >= cache.uncached_usd_per_mtok


def test_hbm_costs_its_rent_says() -> None:
    """$2 an hour for 192 GB: $0.73 a million tokens and hour at DeepSeek's 70,272 bytes."""
    cache = ask(model="deepseek-v3", system="8xb200", dp=8, ep=8).cache
    own = cache.tiers[0]
    usable = load_system("b200").chip.usable_memory_bytes
    assert usable is not None
    assert own.hold_usd_per_mtok_h == pytest.approx(2.0 * 70_272 * 1e6 / usable)
    assert own.hold_usd_per_mtok_h == pytest.approx(0.734, rel=1e-3)  # 191.5 GB of it
    assert cache.bytes_per_token == pytest.approx(70_272)


def test_drain_times_name_flash_and_not_disk() -> None:
    """Drain times of real parts: 5 minutes is fast NVMe, an hour large NVMe; spinning disk drains in 23 hours."""
    holds = {
        hold.hold_s: hold for hold in ask(model="deepseek-v3", system="8xb200", holds_s=(300.0, 3600.0)).cache.holds
    }
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
    answer = price(request("deepseek-v3", "8xb200", tp=8))
    assert isinstance(answer, PriceResponse)
    cache = answer.cache
    assert cache.tiers[0].bytes_per_token == pytest.approx(8 * 70_272)
    assert cache.tiers[1].bytes_per_token == pytest.approx(70_272)


# ------------------------------------------------------------------ the whole


def test_an_answer_without_room_is_infeasible() -> None:
    assert isinstance(price(request("deepseek-v3", "4xh100")), Infeasible)


def test_free_machines_have_no_prices_but_no_error_either() -> None:
    answer = price(request(price_per_gpu_hour=1e-12))
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
    for words in ("fewer requests at once", "pair: 6x price, 2.5x speed", "recompute", "step at"):
        assert words in first


def test_the_longest_prompt_is_within_the_model_s() -> None:
    model = load_model("llama-3.1-70b")
    limit = model.context_advertised or model.context_config
    assert limit is not None
    assert 0.9 * limit < ask().context.longest <= limit
    assert ask(longest=10_000.0).context.longest == 10_000.0
