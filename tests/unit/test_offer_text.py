"""Sheets written as TOML come back the same: those of the snapshot, of the installed package, and arbitrary ones."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog.offers.files import offers_from_table, read_offer_file
from tokenroof.catalog.offers.index import list_offers, load_offer, market_offer
from tokenroof.catalog.offers.paths import find_offer, pick_offer, read_offers
from tokenroof.catalog.offers.text import offers_text
from tokenroof.errors import InputError, UnknownName
from tokenroof.provenance import Grade
from tokenroof.types.offer import CacheWrite, Mode, Offer, Origin, PriceLine, Window


def back(offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    return offers_from_table(tomllib.loads(offers_text(offers)), "written.toml", own=True)


def test_the_snapshot_comes_back() -> None:
    assert back(list_offers()) == list_offers()


@pytest.mark.parametrize("history", [False, True])
def test_the_package_comes_back(history: bool) -> None:
    pytest.importorskip("genai_prices", reason="the extra `prices` is not installed")
    from tokenroof.usecases.listing.offer_sources import open_source

    offers = open_source("genai-prices", history=history).offers
    assert len(offers) > 2_000
    assert back(offers) == offers


_PRICES = st.floats(0, 1e6)
_FACTORS = st.floats(0.01, 100)
_DAYS = st.dates().map(lambda day: day.isoformat())
_TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
_LENGTHS = st.lists(st.integers(1, 10**8 - 1), max_size=4, unique=True).map(sorted)


@st.composite
def _offers(draw: st.DrawFn) -> Offer:
    starts = draw(_LENGTHS)
    ttls = draw(st.lists(st.floats(1, 366 * 86400.0) | st.sampled_from([60.0, 300.0, 3600.0, 43200.0]), unique=True))[
        :4
    ]
    lines = []
    for start, end in zip([0, *starts], [*starts, None], strict=True):
        writes = tuple(CacheWrite(ttl_s=ttl, per_mtok=draw(_PRICES)) for ttl in sorted(ttls))
        cached = draw(st.none() | _PRICES)
        common = {"cached_per_mtok": cached, "cache_writes": writes, "input_from": start, "input_to": end}
        cuts = draw(_LENGTHS)[:2]
        for low, high in zip([0, *cuts], [*cuts, None], strict=True):
            lines.append(
                PriceLine(
                    input_per_mtok=draw(_PRICES),
                    output_per_mtok=draw(_PRICES),
                    output_from=low,
                    output_to=high,
                    **common,
                )
            )
    modes = st.builds(Mode, name=_TEXTS, input_x=_FACTORS, output_x=_FACTORS, speed_x=st.none() | _FACTORS, since=_DAYS)
    hours = st.tuples(st.floats(0, 23.99), st.floats(0.01, 24))
    windows = st.builds(Window, name=_TEXTS, price_x=_FACTORS, hours_utc=st.lists(hours, max_size=2).map(tuple))
    origins = st.builds(Origin, source=_TEXTS, as_of=_DAYS, grade=st.sampled_from(Grade))
    last = starts[-1] if starts else 0
    return Offer(
        id="acme/model",
        name=draw(_TEXTS),
        seller=draw(_TEXTS),
        lab=draw(_TEXTS),
        currency=draw(st.sampled_from(["USD", "CNY"])),
        lines=tuple(lines),
        origin=draw(origins),
        model=draw(st.none() | _TEXTS),
        open_weights=draw(st.none() | st.booleans()),
        inclusive=draw(st.booleans()),
        context=draw(st.none() | st.integers(last + 1, 10**8)),
        storage_per_mtok_hour=draw(st.none() | _PRICES),
        modes=tuple(draw(st.lists(modes, max_size=3))),
        windows=tuple(draw(st.lists(windows, max_size=2))),
        output_tokens_per_s=draw(st.none() | st.floats(1e-3, 1e7)),
        ttft_s=draw(st.none() | st.floats(1e-6, 1e6)),
        since=draw(st.just("") | _DAYS),
        until=draw(st.just("") | _DAYS),
        notes=tuple(draw(st.lists(_TEXTS, max_size=3))),
        origins=draw(st.dictionaries(_TEXTS, origins, max_size=2)),
    )


@given(_offers())
def test_any_sheet_comes_back(offer: Offer) -> None:
    assert back((offer,)) == (offer,)
    other = replace(offer, id="acme/other", seller="someone")
    assert back((offer, other)) == (offer, other)


def test_a_median_of_hosts_has_no_file_form() -> None:
    with pytest.raises(InputError, match="market/deepseek-v3"):
        offers_text((market_offer("deepseek-v3"),))


# ---------------------------------------------------------------- by path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seller in ("anthropic", "google"):
        chosen = [offer for offer in list_offers() if offer.seller == seller]
        (tmp_path / f"{seller}.toml").write_text(offers_text(chosen), encoding="utf-8")
    return tmp_path


def test_a_folder_is_read_whole(folder: Path) -> None:
    assert {offer.seller for offer in read_offers(folder)} == {"anthropic", "google"}
    assert read_offers(folder / "google.toml") == read_offer_file(folder / "google.toml")


def test_one_sheet_of_many_by_name(folder: Path) -> None:
    opus = load_offer("anthropic/claude-opus-5")
    assert find_offer(f"{folder}/anthropic.toml#anthropic/claude-opus-5") == opus
    assert find_offer(f"{folder}/anthropic.toml#claude-opus-5") == opus
    assert find_offer(f"{folder}#claude-opus-5") == opus
    assert find_offer("claude-opus-5") == opus


def test_paths_that_name_no_sheet(folder: Path) -> None:
    with pytest.raises(InputError, match=r"name one, such as .*anthropic\.toml#anthropic/"):
        find_offer(f"{folder}/anthropic.toml")
    with pytest.raises(UnknownName, match="claude-opus-5"):
        find_offer(f"{folder}#claude-opus-55")
    with pytest.raises(InputError, match="No such file"):
        find_offer(f"{folder}/missing.toml#x")
    (folder / "again.toml").write_bytes((folder / "google.toml").read_bytes())
    with pytest.raises(InputError, match="occurs again"):
        read_offers(folder)
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="it has 0"):
        read_offers(folder / "empty")


def test_two_sellers_of_one_model_are_asked_apart() -> None:
    with pytest.raises(InputError, match="several sellers"):
        pick_offer([offer for offer in list_offers() if offer.id.endswith("/glm-4.6")], "glm-4.6", "the snapshot")
