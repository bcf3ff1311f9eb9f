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
from tokenroof.scenario.resolve import resolve
from tokenroof.types.served import Infeasible
from tokenroof.usecases.money.costs import ALLOCATIONS, Economics, EconomicsRequest, economics
from tokenroof.usecases.money.traffic import traffic_from_loads, traffic_of

CASES = (("llama-3.1-8b", "h100"), ("gpt-oss-120b", "8xh100"), ("llama-3.1-70b", "8xh100"))


def request(model: str = "llama-3.1-8b", system: str = "h100", **fields: Any) -> EconomicsRequest:
    return EconomicsRequest(model=model, system=system, **{"profile": "peak", "price_per_gpu_hour": 2.0} | fields)


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
        paid = load.uncached * prices.input_usd_per_mtok + load.osl * prices.output_usd_per_mtok
        paid += load.prefix * (prices.cached_usd_per_mtok or 0.0)
        assert paid / 1e6 == pytest.approx(answer.request_usd.value, rel=1e-9)
        # blended at the request's own ratio, every rule says the same
        assert prices.blended_usd_per_mtok * (load.isl + load.osl) / 1e6 == pytest.approx(
            answer.request_usd.value, rel=1e-9
        )


def test_rules_differ_as_they_say() -> None:
    by = {prices.allocation: prices for prices in ask(model="llama-3.1-70b", system="8xh100").by_rule}
    assert by["output"].input_usd_per_mtok == 0.0
    # decode waits for memory: an output token costs several input tokens by time, hardly one and a third by arithmetic
    assert by["time"].output_usd_per_mtok > 3 * by["time"].input_usd_per_mtok
    assert by["flops"].output_usd_per_mtok < 1.3 * by["flops"].input_usd_per_mtok


def test_cached_input_costs_attention_only() -> None:
    fresh, cached = ask(), ask(prefix=4000.0)
    assert cached.cached_usd_per_mtok is not None
    assert 0 < cached.cached_usd_per_mtok.value < 0.25 * fresh.input_usd_per_mtok.value
    assert cached.request_usd.value < fresh.request_usd.value


@given(duty=st.floats(0.01, 0.99), less=st.floats(0.05, 0.95))
def test_cost_falls_with_the_duty_cycle(duty: float, less: float) -> None:
    busy, idle = ask(duty_cycle=1.0), economics(request(duty_cycle=duty))
    idler = economics(request(duty_cycle=duty * less))
    assert isinstance(idle, Economics)
    assert isinstance(idler, Economics)
    assert busy.request_usd.value < idle.request_usd.value < idler.request_usd.value
    assert idle.request_usd.value * duty == pytest.approx(busy.request_usd.value, rel=1e-9)


@given(price=st.floats(0.01, 100))
def test_cost_is_proportional_to_rent(price: float) -> None:
    answer = economics(request(price_per_gpu_hour=price))
    assert isinstance(answer, Economics)
    assert answer.request_usd.value / price == pytest.approx(ask().request_usd.value / 2.0, rel=1e-9)


def test_a_tighter_tpot_costs_more_and_is_kept() -> None:
    costs = []
    for tpot in (0.1, 0.03, 0.01, 0.007):
        answer = ask(model="llama-3.1-70b", system="8xh100", tpot=tpot)
        assert answer.served.decode_step_s <= answer.tpot_s.value <= tpot * (1 + 1e-9)
        assert answer.tokens_per_s_per_user == pytest.approx(1 / answer.tpot_s.value)
        costs.append(answer.request_usd.value)
    assert costs == sorted(costs)


def test_what_is_printed_for_eight_gpus_is_what_eight_gpus_do() -> None:
    """No fleet beside the system: prefill and decode share its GPUs, and the page's numbers are the deployment's."""
    answer = ask(model="llama-3.1-70b", system="8xh100")
    served = resolve(request("llama-3.1-70b", "8xh100")).serve()
    assert answer.served == served
    assert answer.tpot_s.value > served.decode_step_s
    assert answer.gpus == 8


def test_the_chosen_layout_is_the_cheapest_of_the_usual_ones() -> None:
    """Slow oracle: layouts named one by one, each filled up to the limit."""
    best = ask(model="gpt-oss-120b", system="8xh100")
    for tp in (1, 2, 4, 8):
        for ep in (1, tp):
            one = economics(request("gpt-oss-120b", "8xh100", tp=tp, ep=ep))
            if isinstance(one, Economics):
                assert one.request_usd.value >= best.request_usd.value * (1 - 1e-9), (tp, ep)


def test_throughput_and_cost_are_two_views_of_one_time() -> None:
    answer = ask(model="llama-3.1-70b", system="8xh100")
    assert answer.requests_per_s * answer.request_usd.value == pytest.approx(8 * 2.0 / 3600, rel=1e-9)
    assert 8 * answer.output_tokens_per_s_per_gpu.value == pytest.approx(answer.requests_per_s * 512)
    assert answer.claim == "peak rates"
    assert (answer.request_usd.low, answer.request_usd.high) == (None, None)


def test_a_calibrated_profile_costs_more_than_the_bound_and_has_a_range() -> None:
    bound, real = ask(), economics(request(profile="auto"))
    assert isinstance(real, Economics)
    cost = real.request_usd
    assert cost.value > bound.request_usd.value
    assert cost.low is not None
    assert cost.high is not None
    assert cost.low < cost.value < cost.high
    rate = real.output_tokens_per_s_per_gpu
    assert rate.low is not None
    assert cost.high / cost.value == pytest.approx(rate.value / rate.low)


def test_requests_that_wait_for_room_pay_for_no_machine_time() -> None:
    """More at once than memory holds: they queue, and shares are those of the requests that are inside."""
    full = ask(model="llama-3.1-70b", system="8xh100", tp=8, tpot=1.0)
    few, many = (
        ask(model="llama-3.1-70b", system="8xh100", tp=8, concurrency=factor * full.served.concurrency)
        for factor in (1.5, 6.0)
    )
    assert few.served.waiting and many.served.waiting
    assert many.shares.output == pytest.approx(few.shares.output, rel=0.01)
    assert many.shares.output == pytest.approx(full.shares.output, rel=0.1)  # put back more often than where none waits


def test_blend_and_margin() -> None:
    answer = ask(blend=(3.0, 0.0, 1.0), sell=(0.1, 0.1, 0.4))
    parts = 3 * answer.input_usd_per_mtok.value + answer.output_usd_per_mtok.value
    assert answer.blended_usd_per_mtok.value == pytest.approx(parts / 4)
    assert answer.margin is not None
    assert answer.margin.revenue_usd == pytest.approx((4096 * 0.1 + 512 * 0.4) / 1e6)
    assert 1 + answer.margin.markup == pytest.approx(1 / (1 - answer.margin.gross_margin))


def test_weights_that_no_gpu_holds_are_an_answer_with_fixes() -> None:
    answer = economics(request("deepseek-v3", "4xh100"))
    assert isinstance(answer, Infeasible)
    assert "GB" in answer.reason
    assert any(fix.startswith("system ") for fix in answer.fixes)


@pytest.mark.parametrize("limit", ["tpot", "ttft"])
def test_an_impossible_limit_names_the_best_one_and_it_works(limit: str) -> None:
    answer = economics(request("llama-3.1-70b", "8xh100", **{limit: 1e-4}))
    assert isinstance(answer, Infeasible)
    best = float(answer.fixes[0].removeprefix(f"{limit} ").removesuffix("ms")) / 1e3
    assert isinstance(economics(request("llama-3.1-70b", "8xh100", **{limit: best})), Economics)
    assert isinstance(economics(request("llama-3.1-70b", "8xh100", **{limit: best * 0.9})), Infeasible)


def test_a_load_beyond_a_limit_names_the_load_that_keeps_it() -> None:
    answer = economics(request(concurrency=400.0, tpot=0.02))
    assert isinstance(answer, Infeasible)
    most = float(answer.fixes[0].removeprefix("concurrency "))
    assert isinstance(economics(request(concurrency=most, tpot=0.02)), Economics)


def test_more_arrivals_than_are_served_have_no_cost_but_a_rate_that_has() -> None:
    answer = economics(request(request_rate=1e4))
    assert isinstance(answer, Infeasible)
    rate = float(answer.fixes[0].removeprefix("request_rate "))
    assert isinstance(economics(request(request_rate=rate)), Economics)


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
        ({"sell": (0.0, 0.0, 0.0)}, "sell"),
        ({"price_per_gpu_hour": -1.0}, "price_per_gpu_hour"),
        ({"owner": "hyperscaler"}, "price_per_gpu_hour"),
        ({"tpot": 0.0}, "tpot"),
        ({"concurrency": -4.0}, "concurrency"),
        ({"tp": 3, "system": "8xh100"}, "tp"),
        ({"tp": 2}, "tp * dp * cp * pp"),
        ({"profile": "wishful"}, "profile"),
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
        economics(request("llama-3.1-8b", "gaudi2", price_per_gpu_hour=None))


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
        (b"9" * 1_000_001, "at most 1,000,000 bytes"),
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
