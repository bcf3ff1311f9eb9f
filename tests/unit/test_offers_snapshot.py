"""The price snapshot: what it holds, that it says where from, that it agrees with its sources."""

import csv
from datetime import date
from pathlib import Path

import pytest

from tokenroof.catalog.offers.index import (
    base_line,
    flat_up_to,
    in_usd,
    list_offers,
    load_offer,
    market_models,
    market_offer,
    provider_prices,
    spread_of,
    steps,
    usd_rate,
)
from tokenroof.errors import DataMissing, InputError, UnknownName


def test_every_sheet_is_dated_and_sourced() -> None:
    offers = list_offers()
    assert len(offers) >= 150
    assert len({offer.id for offer in offers}) == len(offers)
    for offer in offers:
        for origin in (offer.origin, *offer.origins.values()):
            assert origin.source
            assert date(2024, 1, 1) < date.fromisoformat(origin.as_of) <= date(2026, 11, 25)
            assert origin.grade.value in ("reported", "assumed", "derived")
        assert offer.open_weights or not offer.model, f"{offer.id} names weights that are not open"


def test_prices_are_in_a_plausible_order() -> None:
    for offer in list_offers():
        for line in offer.lines:
            assert 0 < line.input_per_mtok <= line.output_per_mtok, offer.id
            assert line.cached_per_mtok is None or line.cached_per_mtok < line.input_per_mtok, offer.id
            ttls = [write.per_mtok for write in line.cache_writes]
            assert ttls == sorted(ttls), offer.id


def test_figures_named_in_the_price_study() -> None:
    """reference/prices.md section 2."""
    opus = load_offer("anthropic/claude-opus-4-6")
    assert [(m.name, m.input_x, m.speed_x, m.until) for m in opus.modes if m.name == "fast"] == [
        ("fast", 6.0, 2.5, "2026-07-24")
    ]
    assert flat_up_to(opus) == 1_000_000 and steps(opus) == ()
    (step,) = steps(load_offer("anthropic/claude-opus-4-6@2026-02-05"))
    assert (step.at_tokens, step.input_x, step.output_x, step.inclusive) == (200_000, 2.0, 1.5, False)
    (grok,) = steps(load_offer("xai/grok-4.5"))
    assert (grok.at_tokens, grok.inclusive) == (200_000, True)
    haiku = load_offer("anthropic/claude-haiku-5-5")
    assert [(s.at_tokens, s.input_x, s.output_x) for s in steps(haiku)] == [(100_000, 5.0, 5.0)]
    assert load_offer("google/gemini-3.8-flash").storage_per_mtok_hour == 0.5
    terra = load_offer("openai/gpt-6.1-terra").lines[0].cache_writes
    assert [(w.ttl_s, w.per_mtok) for w in terra] == [(1800.0, 1.25), (43200.0, 2.5)]
    v3 = base_line(load_offer("deepseek/deepseek-v3"))
    assert (v3.input_per_mtok, v3.cached_per_mtok, v3.output_per_mtok) == (0.27, 0.07, 1.10)
    assert base_line(load_offer("zhipu/glm-4.6")).output_per_mtok == 14.0, "short answers are the special case"


def test_a_sheet_is_found_by_model_name_where_only_one_seller_has_it() -> None:
    assert load_offer("claude-opus-5").id == "anthropic/claude-opus-5"
    with pytest.raises(InputError, match=r"zhipu/glm-4.6.*several sellers"):
        load_offer("glm-4.6")
    with pytest.raises(UnknownName, match="anthropic/claude-opus-5"):
        load_offer("opus-5")


def test_spreads_use_each_host_once() -> None:
    for model in market_models():
        hosts = provider_prices(model)
        assert len({host.seller for host in hosts}) == len(hosts)
    spread = spread_of("gpt-oss-120b")
    assert spread is not None and spread.n >= 30
    assert spread.input_p10_per_mtok < spread.input_median_per_mtok
    assert spread_of("step-3.5-flash") is None, "fewer than three hosts are no spread"
    assert market_offer("gpt-oss-120b").lines[0].input_per_mtok == spread.input_median_per_mtok
    with pytest.raises(DataMissing):
        provider_prices("no-such-model")
    with pytest.raises(UnknownName):
        load_offer("market/step-3.5-flash")


def test_currency() -> None:
    """MiniMax lists M3 in both currencies: 2.10 CNY is 0.30 USD."""
    usd, rate = in_usd(load_offer("minimax-cn/minimax-m3"))
    theirs = load_offer("minimax/minimax-m3")
    assert usd.currency == "USD" and rate.origin.as_of
    for ours, listed in zip(usd.lines, theirs.lines, strict=True):
        assert ours.input_per_mtok == pytest.approx(listed.input_per_mtok, rel=1e-5)
        assert ours.output_per_mtok == pytest.approx(listed.output_per_mtok, rel=1e-5)
        assert ours.cached_per_mtok == pytest.approx(listed.cached_per_mtok, rel=1e-5)
    assert in_usd(load_offer("minimax-cn/minimax-m3"), {"CNY": 0.15})[1].usd == 0.15
    with pytest.raises(InputError, match="`rate` EUR"):
        usd_rate("EUR")


def test_snapshot_agrees_with_the_collected_tables(shared_data: Path) -> None:
    """Every standard row of the collected price facts is a line of our snapshot."""
    ours = {
        (offer.name.lower(), offer.currency, line.input_per_mtok, line.output_per_mtok)
        for offer in list_offers()
        for line in offer.lines
    }
    with (shared_data / "prices" / "price_facts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = []
    for row in rows:
        moved_on = row["model"] in ("deepseek-chat", "deepseek-reasoner") or row["window"] == "peak"
        name = {"V3": "deepseek-v3", "R1": "deepseek-r1", "V3.2": "deepseek-v3.2"}.get(row["model"], row["model"])
        name = f"deepseek-{name}" if name.startswith("V4") else name
        key = (name.lower(), row["currency"], float(row["input"]), float(row["output"]))
        if not moved_on and key not in ours:
            missing.append(key)
    assert len(rows) > 250
    assert missing == []
