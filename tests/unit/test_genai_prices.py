"""Sheets from the installed genai-prices. The oracle is the package's own bill: ours has to be the same to the cent."""

import copy
import datetime as dt
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenroof.catalog.offers.bills import Usage, bill
from tokenroof.catalog.offers.genai import SELLERS, PackageSheets, release_day, sheets_of
from tokenroof.catalog.offers.genai_rows import Package, read_package
from tokenroof.catalog.offers.index import list_offers
from tokenroof.errors import InputError, TokenroofError
from tokenroof.types.offer import Offer

genai_prices = pytest.importorskip("genai_prices", reason="the extra `prices` is not installed")

DAY = "2026-11-22"
NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
KNOWN = {offer.id: offer for offer in list_offers()}


@pytest.fixture(scope="module")
def package() -> Package:
    return read_package()


def sheets(package: Package, day: str = DAY, **options: Any) -> PackageSheets:
    return sheets_of(package, day=day, as_of="2026-11-10", known=KNOWN, **options)


@pytest.fixture(scope="module")
def offers(package: Package) -> dict[str, Offer]:
    return {offer.id: offer for offer in sheets(package).offers}


@pytest.fixture(scope="module")
def pairs(offers: dict[str, Offer]) -> list[tuple[Any, Any, Offer]]:
    """Provider and model of the package beside our sheet."""
    from genai_prices.data import providers

    found, seen = [], set()
    for provider in providers:
        for model in provider.models:
            seller = SELLERS.get(provider.id, provider.id)
            name = re.sub(r"[^\w.+/-]", "-", model.id.lower())
            last, whole = f"{seller}/{name.rpartition('/')[2]}", f"{seller}/{name.strip('/').replace('/', '.')}"
            identity = last if last in KNOWN else whole
            if identity in offers and identity not in seen:
                seen.add(identity)
                found.append((provider, model, offers[identity]))
    assert len(found) == len(offers), "the bills below are about every sheet"
    return found


# ---------------------------------------------------------------- the package's own bills


def theirs(provider: Any, model: Any, context: Any = None, when: dt.datetime = NOON, **tokens: int) -> float:
    usage = genai_prices.Usage(**tokens)
    paid = model.calc_price(usage, provider, genai_request_timestamp=when, price_context=context)
    return float(paid.total_price)


def test_every_tier_is_charged_as_the_package_charges_it(pairs: list[tuple[Any, Any, Offer]]) -> None:
    """Both sides of every boundary of every sheet, a third of the input read from the cache."""
    checked = 0
    for provider, model, offer in pairs:
        edges = {line.input_from for line in offer.lines if line.input_from}
        lengths = {999, *(edge + step for edge in edges for step in (-1, 0, 1))}
        for length in (n for n in lengths if offer.context is None or n <= offer.context):
            hit = length // 3 if offer.lines[0].cached_per_mtok is not None else 0
            ours = bill(offer, Usage(input_tokens=length, output_tokens=77, cached_tokens=hit))
            read = {"cache_read_tokens": hit} if hit else {}
            if any(window.hours_utc for window in offer.windows):
                continue  # below: by the hour
            want = theirs(provider, model, input_tokens=length, output_tokens=77, **read)
            assert ours.total == pytest.approx(want, rel=1e-12, abs=1e-15), (offer.id, length)
            checked += 1
    assert checked > 2_000


def test_cache_writes_are_charged_as_the_package_charges_them(pairs: list[tuple[Any, Any, Offer]]) -> None:
    checked = 0
    for provider, model, offer in pairs:
        ttls = {write.ttl_s for write in offer.lines[0].cache_writes}
        for ttl in ttls:
            ours = bill(offer, Usage(input_tokens=900, output_tokens=7, written_tokens=900, write_ttl_s=ttl))
            long = ttl == 3600.0
            usage = {"cache_write_tokens": 900} | ({"cache_write_1h_tokens": 900} if long else {})
            want = theirs(provider, model, input_tokens=900, output_tokens=7, **usage)
            assert ours.total == pytest.approx(want, rel=1e-12), (offer.id, ttl)
            checked += 1
    assert checked > 150


def test_modes_are_charged_as_the_package_charges_them(pairs: list[tuple[Any, Any, Offer]]) -> None:
    keys = {"batch": "processing", "flex": "service_tier", "priority": "service_tier"}
    checked = 0
    for provider, model, offer in pairs:
        for mode in offer.modes:
            key = keys.get(mode.name, "speed" if provider.id in ("anthropic",) else "service_tier")
            for length in {1000, *(line.input_from + 1 for line in offer.lines)}:
                ours = bill(offer, Usage(input_tokens=length, output_tokens=50, mode=mode.name))
                want = theirs(provider, model, {key: mode.name}, input_tokens=length, output_tokens=50)
                assert ours.total == pytest.approx(want, rel=1e-12), (offer.id, mode.name, length)
                checked += 1
    assert checked > 200


def test_hours_are_charged_as_the_package_charges_them(pairs: list[tuple[Any, Any, Offer]]) -> None:
    checked = 0
    for provider, model, offer in pairs:
        for hour in range(24) if offer.windows else ():
            inside = [w.name for w in offer.windows if any(a <= hour + 0.5 < b for a, b in w.hours_utc)]
            usage = Usage(input_tokens=1000, output_tokens=500, window=inside[0] if inside else "")
            want = theirs(
                provider, model, when=NOON.replace(hour=hour, minute=30), input_tokens=1000, output_tokens=500
            )
            assert bill(offer, usage).total == pytest.approx(want, rel=1e-12), (offer.id, hour)
            checked += 1
    assert checked >= 72, "deepseek-chat, -v4-flash and -v4-pro have hours"


def test_history_is_charged_as_the_package_charges_it(package: Package, pairs: list[tuple[Any, Any, Offer]]) -> None:
    """One day in every period: the sheet that holds then gives the package's bill of that day."""
    everything = [offer for offer in sheets(package, history=True).offers if not offer.windows]
    by_id = {offer.id: (provider, model) for provider, model, offer in pairs if not offer.windows}
    checked = 0
    for offer in everything:
        provider, model = by_id.get(offer.id.partition("@")[0], (None, None))
        day = offer.since or offer.until
        if provider is None or not day:
            continue
        when = dt.datetime.fromisoformat(f"{day}T12:00:00+00:00")
        want = theirs(provider, model, when=when, input_tokens=999, output_tokens=77)
        ours = bill(offer, Usage(input_tokens=999, output_tokens=77)).total
        assert ours == pytest.approx(want, rel=1e-12), offer.id
        checked += 1
    assert checked > 400


# ---------------------------------------------------------------- what a sheet says


def test_an_inclusive_boundary_is_a_round_number(offers: dict[str, Offer]) -> None:
    """xAI charges from 200,000 tokens on; the package writes that as above 199,999 (prices.md, section 1)."""
    grok = offers["xai/grok-4.3"]
    assert grok.inclusive and grok.lines[1].input_from == 200_000
    assert not offers["anthropic/claude-haiku-5-5"].inclusive
    assert offers["anthropic/claude-haiku-5-5"].lines[1].input_from == 100_000


def test_sheets_are_dated_and_graded(offers: dict[str, Offer]) -> None:
    pro = offers["deepseek/deepseek-v4-pro"]
    assert (pro.since, pro.until, pro.origin.as_of) == ("2026-08-17", "", "2026-11-10")
    assert pro.origin.grade.value == "reported" and "genai-prices" in pro.origin.source
    flash = offers["google/gemini-3.8-flash"]
    assert flash.until == "2026-12-31", "the package has a price from 2027 on"


def test_the_day_decides(package: Package) -> None:
    then = {offer.id: offer for offer in sheets(package, "2026-08-16").offers}["deepseek/deepseek-v4-pro"]
    later = {offer.id: offer for offer in sheets(package, "2026-08-17").offers}["deepseek/deepseek-v4-pro"]
    assert (then.lines[0].input_per_mtok, later.lines[0].input_per_mtok) == (0.435, 0.66)


def test_history_names_the_day(package: Package) -> None:
    ids = {offer.id: offer for offer in sheets(package, history=True).offers}
    old = ids["deepseek/deepseek-v4-pro@to-2026-08-16"]
    assert (old.until, old.lines[0].input_per_mtok) == ("2026-08-16", 0.435)


def test_weights_come_from_the_snapshot(offers: dict[str, Offer]) -> None:
    assert offers["moonshot/kimi-k2.6"].model == "kimi-k2.6"
    assert offers["anthropic/claude-opus-5"].open_weights is False
    assert offers["openrouter/anthropic.claude-opus-5"].open_weights is None


def test_what_finds_no_place_is_counted(package: Package) -> None:
    left = {entry.what: entry for entry in sheets(package).left}
    assert left["no price of both input and output tokens"].count > 200, "embeddings, speech, images"
    assert left["price of web searches"].example.startswith("anthropic/")
    assert "hours whose prices are not one multiple of the others" in left, "deepseek-reasoner"
    rows, found = len(package.rows), sheets(package)
    skipped = (
        "no price of both",
        "hours whose",
        "second model of",
        "models not sold",
        "price above",
        "a tier that",
        "a fee for",
    )
    gone = sum(entry.count for entry in found.left if entry.what.startswith(skipped))
    assert len(found.offers) + gone == rows, "a row is a sheet or has a reason"


def test_a_page_that_was_checked_dates_its_sheet(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    from genai_prices import data

    providers = copy.deepcopy(data.providers[:1])
    providers[0].models[0].prices_checked = dt.date(2026, 11, 1)
    monkeypatch.setattr(data, "providers", providers)
    found = sheets(read_package()).offers
    assert (found[0].origin.as_of, found[1].origin.as_of) == ("2026-11-01", "2026-11-10")


def test_a_version_without_a_known_day_is_asked_for() -> None:
    assert release_day("0.2.3", None) == "2026-11-10"
    assert release_day("9.9", "2027-01-02") == "2027-01-02"
    with pytest.raises(InputError, match="`as_of`"):
        release_day("9.9", None)


# ---------------------------------------------------------------- doors


def test_without_the_extra_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(TokenroofError, match=r"pip install 'tokenroof\[prices\]'") as caught:
        read_package()
    assert "\n" not in str(caught.value)


def test_a_package_without_its_data_is_not_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)
    with pytest.raises(TokenroofError, match=r"genai_prices\.data"):
        read_package()


def _price(model: Any, **values: Any) -> None:
    vars(model.prices if not isinstance(model.prices, list) else model.prices[0].prices).update(values)


FAULTS = {
    "a word for a price": lambda m: _price(m, input_mtok="free"),
    "no number": lambda m: _price(m, input_mtok=Decimal("nan")),
    "below zero": lambda m: _price(m, output_mtok=Decimal(-1)),
    "another class": lambda m: setattr(m, "prices", {"input_mtok": 1}),
    "no prices at all": lambda m: setattr(m, "prices", []),
    "an unknown constraint": lambda m: setattr(
        m, "prices", [SimpleNamespace(constraint=SimpleNamespace(weekday=1), prices=m.prices)]
    ),
    "a window of words": lambda m: setattr(m, "context_window", "1M"),
    "variants of another kind": lambda m: setattr(m, "price_variants", [SimpleNamespace(when="batch")]),
    "no name": lambda m: delattr(m, "id"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_another_form_is_refused_by_row(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from genai_prices import data

    providers = copy.deepcopy(data.providers[:1])
    FAULTS[fault](providers[0].models[3])
    monkeypatch.setattr(data, "providers", providers)
    with pytest.raises(InputError, match=r"genai-prices .*anthropic/.*install genai-prices==0\.2\.3") as caught:
        read_package()
    assert "\n" not in str(caught.value)


_JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.decimals(), st.binary(max_size=3),
    st.dates(), st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


def _places(model: Any) -> Iterator[tuple[Any, str]]:
    for thing in (model, *([] if not isinstance(model.prices, list) else model.prices), *(model.price_variants or ())):
        yield from ((thing, name) for name in vars(thing))
        prices = getattr(thing, "prices", None)
        if hasattr(prices, "__dict__"):
            yield from ((prices, name) for name in vars(prices))


@given(row=st.integers(0, 10**6), place=st.integers(0, 10**6), junk=_JUNK)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_ends_in_sheets_or_one_error(row: int, place: int, junk: Any) -> None:
    from genai_prices import data

    provider = next(p for p in data.providers if p.id == ("openai" if row % 2 else "anthropic"))
    damaged = copy.copy(provider)
    damaged.models = [copy.deepcopy(provider.models[row % len(provider.models)])]
    places = list(_places(damaged.models[0]))
    thing, name = places[place % len(places)]
    object.__setattr__(thing, name, junk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "providers", [damaged])
        try:
            for offer in sheets(read_package()).offers:
                assert offer.lines[0].input_per_mtok >= 0
        except TokenroofError as error:
            assert "\n" not in str(error)
