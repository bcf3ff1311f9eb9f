"""Costs of tokens, ownership and traffic: what must hold whatever the machine, and doors that only let numbers in."""

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog import load_system
from tokenroof.errors import DataMissing, InputError, TokenroofError, UnknownName
from tokenroof.scenario.machine_cost import OwnershipInputs, machine_cost
from tokenroof.usecases.money.costs import ALLOCATIONS, Economics, EconomicsRequest, economics
from tokenroof.usecases.money.operating import Infeasible
from tokenroof.usecases.money.serving import Workload
from tokenroof.usecases.money.traffic import traffic_from_loads, traffic_of

CASES = (("llama-3.1-8b", "h100"), ("gpt-oss-120b", "8xh100"), ("llama-3.1-70b", "8xh100"))


def request(model: str = "llama-3.1-8b", system: str = "h100", **fields: Any) -> EconomicsRequest:
    return EconomicsRequest(model=model, system=system, **{"efficiency": "peak", "usd_per_gpu_h": 2.0} | fields)


@lru_cache(maxsize=64)
def _asked(key: tuple[tuple[str, Any], ...]) -> Economics:
    answer = economics(request(**dict(key)))
    assert isinstance(answer, Economics)
    return answer


def ask(**fields: Any) -> Economics:
    return _asked(tuple(sorted(fields.items())))


# ------------------------------------------------------------------ tokens


@pytest.mark.parametrize(("model", "system"), CASES)
@pytest.mark.parametrize("prefix", [0.0, 3000.0])
def test_every_rule_recovers_the_request_s_cost(model: str, system: str, prefix: float) -> None:
    answer = ask(model=model, system=system, prefix=prefix)
    load = answer.workload
    assert {prices.allocation for prices in answer.by_rule} == set(ALLOCATIONS)
    for prices in answer.by_rule:
        paid = load.fresh * prices.input_usd_per_mtok + load.osl * prices.output_usd_per_mtok
        paid += load.prefix * (prices.cached_usd_per_mtok or 0.0)
        assert paid / 1e6 == pytest.approx(answer.request_usd, rel=1e-9)
        # blended at the request's own ratio, every rule says the same
        assert prices.blended_usd_per_mtok * (load.isl + load.osl) / 1e6 == pytest.approx(answer.request_usd, rel=1e-9)


def test_rules_differ_as_they_say() -> None:
    by = {prices.allocation: prices for prices in ask(model="llama-3.1-70b", system="8xh100").by_rule}
    assert by["output"].input_usd_per_mtok == 0.0
    # decode waits for memory: an output token costs several input tokens by time, hardly one and a third by arithmetic
    assert by["time"].output_usd_per_mtok > 3 * by["time"].input_usd_per_mtok
    assert by["flops"].output_usd_per_mtok < 1.3 * by["flops"].input_usd_per_mtok


def test_cached_input_costs_attention_only() -> None:
    fresh, cached = ask(), ask(prefix=4000.0)
    assert cached.prices.cached_usd_per_mtok is not None
    assert 0 < cached.prices.cached_usd_per_mtok < 0.25 * fresh.prices.input_usd_per_mtok
    assert cached.request_usd < fresh.request_usd


@given(duty=st.floats(0.01, 0.99), less=st.floats(0.05, 0.95))
def test_cost_falls_with_the_duty_cycle(duty: float, less: float) -> None:
    busy, idle = ask(duty_cycle=1.0), economics(request(duty_cycle=duty))
    idler = economics(request(duty_cycle=duty * less))
    assert isinstance(idle, Economics)
    assert isinstance(idler, Economics)
    assert busy.request_usd < idle.request_usd < idler.request_usd
    assert idle.request_usd * duty == pytest.approx(busy.request_usd, rel=1e-9)


@given(price=st.floats(0.01, 100))
def test_cost_is_proportional_to_rent(price: float) -> None:
    answer = economics(request(usd_per_gpu_h=price))
    assert isinstance(answer, Economics)
    assert answer.request_usd / price == pytest.approx(ask().request_usd / 2.0, rel=1e-9)


def test_a_tighter_tpot_costs_more_and_is_kept() -> None:
    costs = []
    for tpot_s in (0.1, 0.03, 0.01, 0.006):
        answer = ask(model="llama-3.1-70b", system="8xh100", tpot_s=tpot_s)
        assert answer.point.step_s <= answer.point.tpot_s <= tpot_s
        assert answer.tokens_per_s_per_user == pytest.approx(1 / answer.point.tpot_s)
        costs.append(answer.request_usd)
    assert costs == sorted(costs)


def test_prompts_of_others_slow_a_shared_machine_down() -> None:
    """Of the time between two tokens the decode pass takes the share that decode has of all machine time."""
    shared = ask(model="llama-3.1-70b", system="8xh100")
    share = shared.shares.decode_s / shared.shares.busy_s
    assert shared.point.step_s / shared.point.tpot_s == pytest.approx(share, rel=0.05)
    alone = ask(model="llama-3.1-70b", system="8xh100", apart=True)
    assert alone.point.tpot_s == alone.point.step_s


def test_apart_is_never_dearer_than_together() -> None:
    for model, system in CASES:
        assert ask(model=model, system=system, apart=True).request_usd <= ask(model=model, system=system).request_usd


def test_the_chosen_layout_is_the_cheapest_of_all() -> None:
    """Slow oracle: every layout named one by one, at the batch that it holds."""
    best = ask(model="gpt-oss-120b", system="8xh100")
    for tp in (1, 2, 4, 8):
        for dp in (1, 2, 4, 8):
            for ep in (1, tp * dp):
                try:
                    one = economics(request("gpt-oss-120b", "8xh100", layout={"tp": tp, "dp": dp, "ep": ep}))
                except InputError:
                    continue
                if isinstance(one, Economics):
                    assert one.request_usd >= best.request_usd * (1 - 1e-9), (tp, dp, ep)


def test_throughput_and_cost_are_two_views_of_one_time() -> None:
    answer = ask(model="llama-3.1-70b", system="8xh100")
    assert answer.requests_per_s * answer.request_usd == pytest.approx(8 * 2.0 / 3600, rel=1e-9)
    assert answer.output_tokens_per_s == pytest.approx(answer.requests_per_s * 512)
    assert answer.claim_level == "bound"
    assert (answer.low, answer.high) == (1.0, 1.0)


def test_a_calibrated_profile_costs_more_than_the_bound_and_has_a_range() -> None:
    bound, real = ask(), economics(request(efficiency="auto"))
    assert isinstance(real, Economics)
    assert real.request_usd > bound.request_usd
    assert real.low < 1.0 < real.high


def test_blend_and_margin() -> None:
    answer = ask(blend=(3.0, 0.0, 1.0), sell_usd_per_mtok=(0.1, 0.1, 0.4))
    prices = answer.prices
    assert prices.blended_usd_per_mtok == pytest.approx(
        (3 * prices.input_usd_per_mtok + prices.output_usd_per_mtok) / 4
    )
    assert answer.margin is not None
    assert answer.margin.revenue_usd == pytest.approx((4096 * 0.1 + 512 * 0.4) / 1e6)
    assert 1 + answer.margin.markup == pytest.approx(1 / (1 - answer.margin.gross_margin))


def test_weights_that_no_gpu_holds_are_an_answer_with_fixes() -> None:
    answer = economics(request("deepseek-v3", "4xh100"))
    assert isinstance(answer, Infeasible)
    assert "GB" in answer.reason
    assert any(fix.startswith("system ") for fix in answer.fixes)


def test_an_impossible_tpot_names_the_best_one_and_it_works() -> None:
    answer = economics(request("llama-3.1-70b", "8xh100", tpot_s=1e-4))
    assert isinstance(answer, Infeasible)
    best = float(answer.fixes[0].removeprefix("--tpot ").removesuffix("ms")) / 1e3
    assert isinstance(economics(request("llama-3.1-70b", "8xh100", tpot_s=best)), Economics)
    assert isinstance(economics(request("llama-3.1-70b", "8xh100", tpot_s=best * 0.99)), Infeasible)


def test_too_many_sequences_name_the_number_that_fits() -> None:
    answer = economics(request(concurrency=1e6))
    assert isinstance(answer, Infeasible)
    most = float(answer.fixes[0].removeprefix("--concurrency "))
    assert isinstance(economics(request(concurrency=most)), Economics)
    assert isinstance(economics(request(concurrency=most + 1)), Infeasible)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"isl": 0.0}, "isl"),
        ({"isl": math.nan}, "isl"),
        ({"osl": math.inf}, "osl"),
        ({"prefix": 4096.0}, "prefix"),
        ({"duty_cycle": 0.0}, "duty_cycle"),
        ({"duty_cycle": 1.5}, "duty_cycle"),
        ({"duty_cycle": 0.5, "traffic": "flat"}, "duty_cycle"),
        ({"allocation": "luck"}, "allocation"),
        ({"blend": (1.0, 1.0, 1.0)}, "blend"),
        ({"blend": (0.0, 0.0, 0.0)}, "blend"),
        ({"sell_usd_per_mtok": (0.0, 0.0, 0.0)}, "sell"),
        ({"usd_per_gpu_h": -1.0}, "price_per_gpu_hour"),
        ({"tpot_s": 0.0}, "tpot"),
        ({"concurrency": -4.0}, "concurrency"),
        ({"layout": {"tp": 3}, "system": "8xh100"}, "tp"),
        ({"layout": {"tp": 2}}, "tp * dp * cp * pp"),
        ({"layout": {"tq": 2}}, "layout"),
        ({"efficiency": "wishful"}, "profile"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        economics(request(**fields))
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


def test_unknown_names_and_missing_prices() -> None:
    with pytest.raises(UnknownName, match="llama"):
        economics(request("llama-9"))
    with pytest.raises(UnknownName, match="engine"):
        economics(request(engine="vlm"))
    with pytest.raises(DataMissing, match="rental price"):
        economics(request("llama-3.1-8b", "gaudi2", usd_per_gpu_h=None))


# ------------------------------------------------------------------ ownership


OWN = OwnershipInputs(capex_usd_per_gpu=35_000.0, years=4, yearly_rate=0.1, upkeep=0.05)


def test_parts_of_a_bill_add_up() -> None:
    cost = machine_cost(load_system("8xh100"), own=OWN, duty_cycle=0.6, defaults=[])
    assert sum(usd for _, usd in cost.parts) == pytest.approx(cost.usd_per_gpu_h, rel=1e-12)
    by = dict(cost.parts)
    hours = 365.25 * 24
    assert by["depreciation"] == pytest.approx(35_000 / 4 / hours)
    assert by["upkeep"] == pytest.approx(35_000 * 0.05 / hours)
    # 1.37 kW at PUE 1.25 and 8 cents, idle hours at 30 % of the power
    assert by["electricity"] == pytest.approx(1.370 * 1.25 * 0.08 * (0.3 + 0.7 * 0.6))
    # a level annuity at 10 % over four years: 0.31547 of the price a year
    assert by["depreciation"] + by["interest"] == pytest.approx(35_000 * 0.3154708 / hours, rel=1e-6)


def test_own_or_rent_crosses_where_it_says() -> None:
    system = load_system("8xh100")
    cost = machine_cost(system, own=OWN, duty_cycle=1.0, defaults=[])
    assert cost.own_from_duty is not None
    assert cost.rent_usd_per_h is not None
    for factor, cheaper in ((1.01, True), (0.99, False)):
        duty = cost.own_from_duty * factor
        owned = machine_cost(system, own=OWN, duty_cycle=duty, defaults=[]).usd_per_gpu_h
        assert (owned < cost.rent_usd_per_h * duty) is cheaper


@given(
    field=st.sampled_from(["capex_usd_per_gpu", "yearly_rate", "upkeep", "usd_per_kwh", "pue"]), more=st.floats(1.01, 3)
)
def test_owning_costs_more_with_every_dearer_input(field: str, more: float) -> None:
    system = load_system("8xh100")
    dearer = replace(OWN, **{field: min(getattr(OWN, field) * more, 0.99 if field == "upkeep" else 1e7)})
    low = machine_cost(system, own=OWN, duty_cycle=0.5, defaults=[]).usd_per_gpu_h
    if field == "yearly_rate" and dearer.yearly_rate > 1.0:
        dearer = replace(dearer, yearly_rate=1.0)
    assert machine_cost(system, own=dearer, duty_cycle=0.5, defaults=[]).usd_per_gpu_h > low


def test_published_cost_of_ownership_is_taken_with_its_source() -> None:
    cost = machine_cost(load_system("8xh100"), owner="hyperscaler", duty_cycle=1.0, defaults=[])
    assert cost.usd_per_gpu_h == pytest.approx(1.17)
    assert "InferenceX" in cost.source
    with pytest.raises(DataMissing, match="ownership"):
        machine_cost(load_system("gaudi2"), owner="neocloud", duty_cycle=1.0, defaults=[])


@pytest.mark.parametrize(
    ("change", "field"),
    [({"pue": 0.9}, "pue"), ({"years": 0.0}, "years"), ({"capex_usd_per_gpu": -1.0}, "capex_per_gpu"),
     ({"idle_share": 2.0}, "idle_share"), ({"yearly_rate": math.nan}, "cost_of_capital"),
     ({"power": "solar"}, "power")],
)  # fmt: skip
def test_ownership_refuses_what_it_cannot_use(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        machine_cost(load_system("8xh100"), own=replace(OWN, **change), duty_cycle=0.5, defaults=[])
    assert caught.value.field == field


# ------------------------------------------------------------------ traffic


def test_shapes() -> None:
    assert traffic_of("flat").duty_cycle == 1.0
    assert traffic_of("diurnal").duty_cycle == pytest.approx(2 / 3)
    assert traffic_of("diurnal:0").duty_cycle == pytest.approx(0.5)
    assert traffic_of("diurnal:1").duty_cycle == 1.0


@given(loads=st.lists(st.floats(0, 1e12), min_size=1, max_size=200).filter(lambda x: max(x) > 0))
def test_duty_cycle_is_mean_over_peak(loads: list[float]) -> None:
    traffic = traffic_from_loads("any", loads)
    assert 0 < traffic.duty_cycle <= 1.0
    assert traffic.duty_cycle == pytest.approx(math.fsum(loads) / len(loads) / max(loads), rel=1e-9)
    assert 0 <= traffic.off_peak_share < 1.0 or traffic.duty_cycle == 1.0


@pytest.mark.parametrize(
    ("text", "duty"),
    [
        ("1\n2\n4\n1\n", 0.5),
        ("hour,load\n0,1\n1,2\n2,4\n3,1\n", 0.5),
        ("requests,note\n1,a\n2,b\n4,c\n1,d\n", 0.5),
        ("when,how much\n0:00,10\n1:00,10\n", 1.0),
        ("\ufeffload\n5\n\n10\n", 0.75),
    ],
)
def test_csv_of_hourly_loads(tmp_path: Path, text: str, duty: float) -> None:
    path = tmp_path / "day.csv"
    path.write_text(text, encoding="utf-8")
    assert traffic_of(str(path)).duty_cycle == pytest.approx(duty)


@pytest.mark.parametrize(
    ("content", "needle"),
    [
        (b"", "empty"),
        (b"load\n", "at least one hour"),
        (b"0\n0\n", "at least one hour"),
        (b"1\n-2\n", "from 0"),
        (b"1\nnan\n", "finite"),
        (b"1\ninf\n", "finite"),
        (b"load\n1\nmany\n", "a number"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"1\n" * 100_001, "rows"),
        (b"9" * 1_000_001, "MB"),
    ],
)
def test_bad_csv_is_one_line(tmp_path: Path, content: bytes, needle: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        traffic_of(str(path))
    assert needle in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "weekly", "diurnal:x", "diurnal:2", "flat:1", "missing.csv", "/", "a\x00.csv"])
def test_bad_traffic_is_refused(text: str) -> None:
    with pytest.raises(TokenroofError):
        traffic_of(text)


@given(content=st.binary(max_size=400))
def test_any_bytes_are_a_shape_or_one_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "any.csv"
    path.write_bytes(content)
    try:
        traffic = traffic_of(str(path))
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert 0 < traffic.duty_cycle <= 1.0


def test_workload_is_checked_where_it_is_made() -> None:
    assert Workload(isl=10, osl=4, prefix=9).context == 12
    with pytest.raises(InputError):
        Workload(isl=10, osl=4, prefix=9.5)
