"""Days in a deduction: when a model came out, what was known of its lab then, which open models are near it."""

from pathlib import Path

import pytest

from tokenroof.catalog.offers.index import list_offers
from tokenroof.catalog.offers.releases import release_of
from tokenroof.errors import InputError
from tokenroof.infer.known_lab import shipped
from tokenroof.infer.population import years
from tokenroof.present.pages.deduce import page_of
from tokenroof.present.text import text
from tokenroof.usecases.deduce.nearest import NEAR, near
from tokenroof.usecases.deduce.own_offer import PricesGiven, own_offer
from tokenroof.usecases.deduce.run import DeduceRequest, deduce

DRAWS = 1 << 16
# in no list of mid-October 2026, or a name that stands for another model every few months
UNKNOWN = {"claude-fable-5-2", "deepseek-flash", "muse-wonder-1.0", "kimi-k3.1-pro", "kimi-k3.1-pro-highspeed",
           "gpt-6.1-terra"}  # fmt: skip


def test_sheets_have_a_day_of_release_not_after_their_price() -> None:
    for offer in list_offers():
        found = release_of(offer)
        if offer.id.partition("/")[2] in UNKNOWN:
            assert found is None, offer.id
            continue
        assert found is not None and found.source, offer.id
        assert found.day[:7] <= (offer.since or offer.origin.as_of)[:7], offer.id


def test_gpt_4_is_of_its_day_and_holds_what_leaked() -> None:
    """1.8 T and 280 B: read as new it was 3.6 to 75 T."""
    found = deduce(DeduceRequest(offer="openai/gpt-4", draws=1 << 18))
    assert found.evidence.released == pytest.approx(years("2023-03-14"))
    total, active = found.estimate("total_params"), found.estimate("active_params")
    assert total.low80 < 1.8e12 < total.high80 and active.low80 < 280e9 < active.high80
    assert not any("no day of release" in note for note in found.notes)


def test_an_old_list_price_is_said_to_read_large() -> None:
    """GPT-4 at its price of today is six times what it is beside the prices of its own day."""
    today, then = (deduce(DeduceRequest(offer="openai/gpt-4", as_of=day)) for day in (None, "2023-03-14"))
    said = [any("reads it beside prices of its own day" in note for note in one.notes) for one in (today, then)]
    assert said == [True, False]


def test_the_page_says_the_days_that_it_reads_at() -> None:
    found = deduce(DeduceRequest(offer="openai/o3", as_of="2025-05-01", draws=DRAWS))
    assert (found.priced_on, found.released_on) == ("2025-05-01", "2025-04-16")
    line = "sheet: 2026-11-22 | price of 2025-05-01 | model of 2025-04-16"
    assert line in text(page_of(found), width=200)
    own = deduce(DeduceRequest(offer=own_offer(PricesGiven(input=3.0, output=15.0)), draws=DRAWS))
    assert (own.priced_on, own.released_on) == ("", "") and "price of" not in text(page_of(own), width=200).split(
        "note:"
    )[0]


def test_a_sheet_of_ones_own_says_when_its_model_came_out(tmp_path: Path) -> None:
    sheet = tmp_path / "own.toml"
    prices = 'currency = "USD"\nas_of = 2026-11-01\nsource = "invoice"\ninput = 3.0\noutput = 15.0\nreleased = {}\n'
    sheet.write_text(prices.format("2024-06-20"), encoding="utf-8")
    found = deduce(DeduceRequest(offer=str(sheet), draws=DRAWS))
    assert found.released_on == "2024-06-20" and found.evidence.released == pytest.approx(years("2024-06-20"))
    sheet.write_text(prices.format("2026-11-02"), encoding="utf-8")
    with pytest.raises(InputError, match="no later than the day of the price, 2026-11-01"):
        deduce(DeduceRequest(offer=str(sheet), draws=DRAWS))


def test_sellers_with_chips_of_their_own_are_noted() -> None:
    notes = deduce(DeduceRequest(offer="cerebras/gpt-oss-120b", draws=DRAWS)).notes
    assert any(note.startswith("cerebras has chips of its own") for note in notes)


def _read(day: str, lab: str = "deepseek") -> tuple[str, ...]:
    prices = own_offer(PricesGiven(input=0.27, output=1.1, open=True))
    return deduce(DeduceRequest(offer=prices, lab=lab, as_of=day, draws=DRAWS)).lab.models


def test_a_lab_tells_what_it_had_shown_by_then() -> None:
    """DeepSeek-V3 came out in December 2024: of the lab's prices of that day it may be the model asked about."""
    assert "deepseek-v3" not in _read("2024-12-26") and "deepseek-v2" in _read("2024-12-26")
    assert "deepseek-v3" in _read("2025-12-26")
    out = {one.architecture: min(m.released for m in one.misses.values()) for one in shipped() if one.lab == "Alibaba"}
    for day in ("2024-10-01", "2025-06-01"):
        read = _read(day, "Alibaba")
        assert read and all(out[name] < years(day) - 1 / 12 for name in read)


def test_a_lab_of_which_nothing_is_known_is_said() -> None:
    prices = own_offer(PricesGiven(input=3.0, output=15.0))
    notes = deduce(DeduceRequest(offer=prices, lab="Anthropic", draws=DRAWS)).notes
    assert any("no other model of Anthropic of about that day has a known size: `lab`" in note for note in notes)


def test_only_models_in_the_region_are_near() -> None:
    known = deduce(DeduceRequest(offer="deepseek/deepseek-v3", draws=DRAWS)).neighbours
    assert [one.distance for one in known] == sorted(one.distance for one in known)
    found = near(known, 6)
    assert found and all(one.level <= NEAR for one in found)
    far = deduce(DeduceRequest(offer="openai/gpt-5.5-pro", known=("total:>20T",), draws=1 << 18)).neighbours
    assert near(far, 6) == () and far[0].level > NEAR
