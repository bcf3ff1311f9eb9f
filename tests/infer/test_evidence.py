"""From sheets to channels: nothing invented, nothing lost, contradictions named."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog.offers.index import in_usd, list_offers, load_offer
from tokenroof.errors import InputError
from tokenroof.infer.calibration import LINKS
from tokenroof.infer.evidence import SPEED_LIMIT, USED, evidence_of, readings
from tokenroof.infer.population import years
from tokenroof.provenance import Grade
from tokenroof.types.offer import CacheWrite, Mode, Offer, Origin, PriceLine, Window


def offer(**changes: object) -> Offer:
    line = {"input_per_mtok": 3.0, "output_per_mtok": 15.0}
    line.update(
        {
            k: changes.pop(k)
            for k in list(changes)
            if k in ("input_per_mtok", "output_per_mtok", "cached_per_mtok", "cache_writes")
        }
    )  # type: ignore[arg-type]
    base = Offer(
        id="acme/x",
        name="x",
        seller="acme",
        lab="Acme",
        currency="USD",
        lines=(PriceLine(**line),),  # type: ignore[arg-type]
        origin=Origin(source="test", as_of="2026-11-25", grade=Grade.ASSUMED),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_every_sheet_of_the_snapshot_is_evidence() -> None:
    for sheet in list_offers():
        found = readings(evidence_of(in_usd(sheet)[0]), every=True)
        channels = [reading.channel for reading in found]
        assert len(set(channels)) == len(channels)
        assert set(channels) <= set(LINKS)
        assert {"input_price", "output_ratio"} <= set(channels)
        assert all(math.isfinite(reading.log_value) for reading in found)


def test_what_a_sheet_lacks_is_a_skipped_channel() -> None:
    channels = {reading.channel for reading in readings(evidence_of(offer()), every=True)}
    assert channels == {"input_price", "output_ratio"}


def test_flat_prices_are_a_lower_bound_and_steps_a_reading() -> None:
    (flat,) = (r for r in readings(evidence_of(offer(context=1_000_000)), every=True) if r.channel == "long_context")
    assert (flat.bound, math.exp(flat.log_value)) == ("at least", pytest.approx(1e6))
    (step,) = (r for r in readings(evidence_of(load_offer("xai/grok-4.5")), every=True) if r.channel == "long_context")
    assert (step.bound, math.exp(step.log_value)) == ("is", pytest.approx(200_000))


def test_fast_mode_reads_as_the_load_of_the_standard_pass() -> None:
    """Price study section 4: s = 2.5 gives 1.8 for r = 6 and 3.0 for r = 2."""
    for price, load in ((6.0, 1.8), (2.0, 3.0)):
        modes = (Mode(name="fast", input_x=price, output_x=price, speed_x=2.5),)
        (found,) = (r for r in readings(evidence_of(offer(modes=modes))) if r.channel == "fast_mode")
        assert math.exp(found.log_value) == pytest.approx(load)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"cached_per_mtok": 4.0}, "cached dearer than uncached"),
        ({"input_per_mtok": 0.0}, "says nothing about its cost"),
        ({"cached_per_mtok": 1.0, "cache_writes": (CacheWrite(ttl_s=300.0, per_mtok=0.5),)}, "cached read"),
        (
            {"cache_writes": (CacheWrite(ttl_s=300.0, per_mtok=4.0), CacheWrite(ttl_s=3600.0, per_mtok=3.5))},
            "no cheaper for a longer time",
        ),
        ({"modes": (Mode(name="batch", input_x=1.5, output_x=1.5),)}, "waiting cannot cost more"),
        ({"modes": (Mode(name="fast", input_x=0.5, output_x=0.5, speed_x=2.0),)}, "faster than standard"),
        ({"output_tokens_per_s": SPEED_LIMIT * 1.01}, "bandwidth of every known system"),
        ({"currency": "EUR"}, "convert it first: .*EUR="),
    ],
)
def test_contradictions_are_refused_by_name(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        evidence_of(offer(**changes))


def test_a_cheaper_long_context_is_no_knee() -> None:
    lines = (
        PriceLine(input_per_mtok=3.0, output_per_mtok=15.0, input_to=100_000),
        PriceLine(input_per_mtok=2.0, output_per_mtok=10.0, input_from=100_000),
    )
    found = evidence_of(offer(lines=lines, context=500_000))
    assert found.step_tokens is None and found.flat_to_tokens == 100_000


@given(
    st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.none() | st.floats(0, 1e3), st.none() | st.integers(1, 10**8),
    st.none() | st.floats(1e-3, 1e7), st.lists(st.floats(0.01, 10), max_size=2), st.floats(0.05, 20),
)  # fmt: skip
def test_any_sheet_gives_finite_readings_or_one_error(
    price_in: float, price_out: float, cached: float | None, context: int | None, speed: float | None,
    batches: list[float], window: float,
) -> None:  # fmt: skip
    sheet = offer(
        input_per_mtok=price_in,
        output_per_mtok=price_out,
        cached_per_mtok=cached,
        context=context,
        output_tokens_per_s=speed,
        modes=tuple(Mode(name="batch", input_x=x, output_x=x) for x in batches),
        windows=(Window(name="w", price_x=window),),
    )
    try:
        found = readings(evidence_of(sheet), every=True)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert all(math.isfinite(reading.log_value) for reading in found)


def test_what_adds_nothing_is_read_on_request_only() -> None:
    sheet = evidence_of(load_offer("google/gemini-3.1-pro-preview"))
    used, every = ({r.channel for r in readings(sheet, every=flag)} for flag in (False, True))
    assert used == every & set(USED)
    assert {"output_ratio", "cached_ratio", "long_context"} <= every - used


def test_slopes_of_measured_pairs() -> None:
    """10 ms a token at no context, 1 us more for each thousand tokens of it; TTFT 50 us a token of prompt."""
    pairs = tuple((x, 1.0 / (0.010 + x * 1e-9)) for x in (1e3, 1e5, 2e5))
    sheet = replace(evidence_of(offer()), speed_at=pairs, ttft_at=((1e3, 0.25), (3e4, 0.25 + 2.9e4 * 50e-6)))
    found = {r.channel: math.exp(r.log_value) for r in readings(sheet)}
    assert found["speed_slope"] == pytest.approx(1e-9, rel=1e-6)
    assert found["ttft_slope"] == pytest.approx(50e-6, rel=1e-6)


def test_a_speed_that_rises_with_context_says_nothing() -> None:
    sheet = replace(evidence_of(offer()), speed_at=((1e3, 50.0), (1e5, 60.0)))
    assert "speed_slope" not in {r.channel for r in readings(sheet)}


def test_a_speed_beside_another_model_is_read_once() -> None:
    sheet = replace(evidence_of(offer()), tokens_per_s=50.0, beside=(70e9, 100.0))
    found = {r.channel: math.exp(r.log_value) for r in readings(sheet)}
    assert found["speed_ratio"] == pytest.approx(0.5 / 70e9)
    assert "output_speed" not in found


@pytest.mark.parametrize(("day", "year"), [("2024-07", 2024.54), ("2026-11-22", 2026.89)])
def test_days_are_years(day: str, year: float) -> None:
    assert years(day) == pytest.approx(year, abs=0.01)
