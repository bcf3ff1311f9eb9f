"""Self-hosting against an API: the crossing crosses, whatever the mix, the rent or the owner."""

import math
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog.offers.bills import Usage, bill
from tokenroof.catalog.offers.index import load_offer
from tokenroof.errors import DataMissing, InputError, UnknownName
from tokenroof.present.charts.break_even import draw
from tokenroof.types.served import Infeasible
from tokenroof.usecases.money.break_even import BreakEvenRequest, BreakEvenResponse, break_even

API = "market/llama-3.3-70b"


def request(model: str = "llama-3.3-70b", system: str = "8xh100", offer: str = API, **fields: Any) -> BreakEvenRequest:
    return BreakEvenRequest(
        model=model, system=system, offer=offer, **{"profile": "peak", "price_per_gpu_hour": 2.0} | fields
    )


@lru_cache(maxsize=64)
def _asked(key: tuple[tuple[str, Any], ...]) -> BreakEvenResponse:
    answer = break_even(request(**dict(key)))
    assert isinstance(answer, BreakEvenResponse)
    return answer


def ask(**fields: Any) -> BreakEvenResponse:
    return _asked(tuple(sorted(fields.items())))


@given(price=st.floats(0.05, 20), near=st.floats(1e-6, 0.5))
def test_the_crossing_really_crosses(price: float, near: float) -> None:
    """Just above it self-hosting is cheaper, just below the API; where it lies above 1, the API is cheaper at 1."""
    crossing = ask(price_per_gpu_hour=price, tp=8).duty_cycle  # named: which layout is taken is no part of it
    for duty, cheaper in ((crossing * (1 + near), "self-hosting"), (crossing * (1 - near), "the API")):
        if 1e-4 <= duty <= 1.0:
            assert ask(price_per_gpu_hour=price, tp=8, duty_cycle=duty).cheaper_at_traffic == cheaper
    if crossing > 1.0:
        assert ask(price_per_gpu_hour=price, tp=8, duty_cycle=1.0).cheaper_at_traffic == "the API"


@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_an_owner_s_crossing_counts_the_power_of_busy_hours(factor: float) -> None:
    own: dict[str, Any] = {"capex_per_gpu": 35_000.0, "electricity": 0.5, "cost_of_capital": 0.1}
    answer = break_even(request(**own, price_per_gpu_hour=None, duty_cycle=0.5))
    assert isinstance(answer, BreakEvenResponse)
    again = break_even(request(**own, price_per_gpu_hour=None, duty_cycle=answer.duty_cycle * factor))
    assert isinstance(again, BreakEvenResponse)
    assert again.duty_cycle == pytest.approx(answer.duty_cycle, rel=1e-9)
    assert again.cheaper_at_traffic == ("self-hosting" if factor > 1 else "the API")


def test_the_crossing_scales_as_it_must() -> None:
    base = ask()
    assert ask(price_per_gpu_hour=4.0).duty_cycle == pytest.approx(2 * base.duty_cycle)
    measured = ask(measured_tok_s=base.economics.output_tokens_per_s_per_gpu.value * 8 / 2)
    assert measured.duty_cycle == pytest.approx(2 * base.duty_cycle)
    assert measured.measured_over_predicted == pytest.approx(0.5)
    assert base.crossing_requests_per_s == pytest.approx(base.duty_cycle * base.requests_per_s)
    # the same load costs the same either way
    assert base.request_busy_usd.value / base.duty_cycle == pytest.approx(base.request_api_usd)


def test_rents_give_a_range() -> None:
    answer = break_even(request(price_per_gpu_hour=None))
    assert isinstance(answer, BreakEvenResponse)
    assert answer.low < answer.duty_cycle < answer.high


def test_the_bill_is_the_seller_s_own() -> None:
    answer = ask(model="deepseek-v3", system="8xh200", offer="deepseek/deepseek-v3", prefix=2048.0)
    usage = Usage(input_tokens=4096, cached_tokens=2048, output_tokens=512)
    assert answer.request_api_usd == bill(load_offer("deepseek/deepseek-v3"), usage).total
    assert answer.request_api_usd == pytest.approx((2048 * 0.27 + 2048 * 0.07 + 512 * 1.10) / 1e6)
    assert answer.same_model is True


def test_modes_and_windows_change_the_bill() -> None:
    night = ask(model="deepseek-v3", system="8xh200", offer="deepseek/deepseek-v3", offer_window="night")
    day = ask(model="deepseek-v3", system="8xh200", offer="deepseek/deepseek-v3")
    assert night.request_api_usd == pytest.approx(day.request_api_usd / 2)
    assert night.duty_cycle == pytest.approx(2 * day.duty_cycle)


def test_mixes_hold_the_request_s_own_crossing() -> None:
    answer = ask()
    own = next(mix for mix in answer.mixes if mix.isl == 4096)
    assert own.duty_cycle == pytest.approx(answer.duty_cycle, rel=1e-9)
    assert len(answer.mixes) > 5
    assert all(mix.isl + mix.osl == 4608 for mix in answer.mixes)


def test_mixes_that_nobody_sells_are_left_open() -> None:
    answer = break_even(request("deepseek-v3", "8xh200", "deepseek/deepseek-v3", isl=32_000.0, osl=48_000.0))
    assert isinstance(answer, BreakEvenResponse)
    longest = [mix for mix in answer.mixes if mix.isl > 64_000]
    assert longest
    assert all(mix.api_usd is None and mix.duty_cycle is None for mix in longest)


def test_sentences_say_which_side_wins() -> None:
    assert "beats" in ask().sentence
    assert "always cheaper" in ask(price_per_gpu_hour=50.0).sentence


@given(rate=st.floats(0.01, 1000))
def test_a_demand_takes_enough_systems(rate: float) -> None:
    answer = ask(requests_per_s=rate, duty_cycle=0.5)
    demand = answer.demand
    assert demand is not None
    peak = rate / 0.5
    assert demand.systems * answer.requests_per_s >= peak * (1 - 1e-9)
    assert (demand.systems - 1) * answer.requests_per_s < peak
    assert demand.cheaper == ("self-hosting" if demand.own_usd_per_month < demand.api_usd_per_month else "the API")


def test_other_models_are_named() -> None:
    answer = ask(model="llama-3.1-8b", system="h100", offer="openai/gpt-5")
    assert answer.same_model is None
    assert "quality is not compared" in answer.notes[0]
    assert ask(model="llama-3.1-8b", system="h100").same_model is False


def test_no_room_is_an_answer() -> None:
    assert isinstance(break_even(request("deepseek-v3", "4xh100", "deepseek/deepseek-v3")), Infeasible)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"offer": ""}, InputError),
        ({"offer": "nobody/none"}, UnknownName),
        ({"offer_mode": "turbo"}, InputError),
        ({"offer_window": "noon"}, InputError),
        ({"measured_tok_s": 0.0}, InputError),
        ({"measured_tok_s": math.nan}, InputError),
        ({"requests_per_s": -1.0}, InputError),
        ({"request_rate": 3.0}, InputError),
        ({"traffic": "weekly"}, InputError),
        ({"offer": "deepseek/deepseek-v3", "isl": 100_000.0}, InputError),
        ({"system": "8xgaudi2", "price_per_gpu_hour": None}, DataMissing),
    ],
)
def test_what_cannot_be_used_is_one_line(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        break_even(request(**fields))
    assert "\n" not in str(caught.value)


def test_charts_are_the_same_bytes_and_name_the_crossing(tmp_path: Any) -> None:
    answer = ask(traffic="diurnal")
    for name in ("a.svg", "b.svg"):
        draw(answer, tmp_path / name)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    for words in ("crossing: busy", "the given traffic", "this mix", API):
        assert words in text
