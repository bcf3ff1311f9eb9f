"""What changed against the snapshot, and which sheets are old. Changes are made by hand, so the answer is known."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog.offers.index import list_offers
from tokenroof.catalog.offers.text import offers_text
from tokenroof.errors import InputError
from tokenroof.types.offer import Offer
from tokenroof.usecases.listing.offer_changes import compare_offers, stale_offers
from tokenroof.usecases.listing.offer_sources import files_of, open_source, snapshot_day
from tokenroof.usecases.listing.offers import OffersRequest


def written(tmp_path: Path, change: Callable[[Offer], Offer | None], seller: str = "anthropic") -> str:
    """The snapshot's sheets of one seller, each changed or dropped, as a file."""
    kept = [changed for offer in list_offers() if offer.seller == seller and (changed := change(offer)) is not None]
    path = tmp_path / f"{seller}.toml"
    path.write_text(offers_text(kept), encoding="utf-8")
    return str(path)


def test_the_snapshot_agrees_with_itself(tmp_path: Path) -> None:
    diff = compare_offers(OffersRequest(source=written(tmp_path, lambda offer: offer)))
    assert (diff.differing, diff.new, diff.gone, diff.elsewhere) == ((), (), (), {})
    assert diff.same == diff.compared > 15
    assert diff.unseen["openai"] > 20, "sheets of sellers that the file does not have are no loss"


def test_a_changed_price_is_said_with_its_ratio(tmp_path: Path) -> None:
    def dearer(offer: Offer) -> Offer:
        if offer.id != "anthropic/claude-haiku-5-5":
            return offer
        low, high = offer.lines
        return replace(offer, lines=(low, replace(high, output_per_mtok=high.output_per_mtok * 1.2)))

    (change,) = compare_offers(OffersRequest(source=written(tmp_path, dearer))).differing
    (field,) = change.fields
    assert (change.id, field.field) == ("anthropic/claude-haiku-5-5", "output above 100,000")
    assert (field.before, field.after) == (2.5, pytest.approx(3.0))
    assert field.ratio == pytest.approx(1.2)


def test_moved_steps_are_one_change(tmp_path: Path) -> None:
    def moved(offer: Offer) -> Offer:
        if offer.id != "anthropic/claude-haiku-5-5":
            return offer
        low, high = offer.lines
        return replace(offer, lines=(replace(low, input_to=128_000), replace(high, input_from=128_000)))

    (change,) = compare_offers(OffersRequest(source=written(tmp_path, moved))).differing
    assert [(c.field, c.before, c.after) for c in change.fields] == [("steps", ">100K 5x/5x", ">128K 5x/5x")]


def test_new_gone_and_one_sided(tmp_path: Path) -> None:
    def change(offer: Offer) -> Offer | None:
        if offer.id == "anthropic/claude-opus-5":
            return None
        if offer.id == "anthropic/claude-sonnet-5":
            return replace(offer, id="anthropic/claude-next")
        return replace(offer, context=None) if offer.id == "anthropic/claude-opus-5-5" else offer

    diff = compare_offers(OffersRequest(source=written(tmp_path, change)))
    assert [row.id for row in diff.new] == ["anthropic/claude-next"]
    assert [row.id for row in diff.gone] == ["anthropic/claude-opus-5", "anthropic/claude-sonnet-5"]
    (one,) = diff.differing
    assert (one.fields, one.one_sided[0].field, one.one_sided[0].after) == ((), "context", None)
    assert diff.same == diff.compared, "a figure that one side does not list is no change of price"


def test_other_currencies_are_not_compared(tmp_path: Path) -> None:
    source = written(tmp_path, lambda offer: replace(offer, currency="USD"), "zhipu")
    diff = compare_offers(OffersRequest(source=source))
    assert diff.compared == 0 and "zhipu/glm-4.6" in diff.other_currency


def test_the_snapshot_is_not_compared_with_itself_by_mistake() -> None:
    with pytest.raises(InputError, match="`from` genai-prices"):
        compare_offers(OffersRequest())


def test_the_package_that_the_snapshot_was_made_from_agrees() -> None:
    """0.2.3 is the version the snapshot names; DeepSeek-V3.2 alone was taken from elsewhere (September 2025)."""
    genai_prices = pytest.importorskip("genai_prices", reason="the extra `prices` is not installed")
    if genai_prices.__version__ != "0.2.3":
        pytest.skip("the snapshot was made from genai-prices 0.2.3, another version is installed")
    diff = compare_offers(OffersRequest(source="genai-prices"))
    assert [change.id for change in diff.differing if change.fields] == ["deepseek/deepseek-v3.2"]
    assert (diff.compared, diff.same) == (99, 98)
    anthropic = [change for change in diff.differing if change.id.startswith("anthropic/")]
    assert anthropic == [], "14 of 14 Anthropic sheets are equal (prices.md, section 1)"
    assert not {row.id for row in diff.new} & {offer.id for offer in list_offers()}


def test_the_open_ones_are_those_the_snapshot_calls_open() -> None:
    pytest.importorskip("genai_prices", reason="the extra `prices` is not installed")
    diff = compare_offers(OffersRequest(source="genai-prices", open_only=True))
    everything = compare_offers(OffersRequest(source="genai-prices"))
    assert 0 < diff.compared < everything.compared and diff.new == ()


# ---------------------------------------------------------------- age


@given(days=st.integers(0, 900), today=st.dates(date(2026, 11, 22), date(2030, 1, 1)))
def test_every_sheet_is_stale_or_not(days: int, today: date) -> None:
    answer = stale_offers(OffersRequest(today=today.isoformat()), days)
    assert answer.judged + answer.ended == len(list_offers())
    ages = {
        offer.id: (today - date.fromisoformat(offer.origin.as_of)).days
        for offer in list_offers()
        if "@" not in offer.id and not (offer.until and offer.until < today.isoformat())
    }
    assert {row.id for row in answer.rows} == {identity for identity, age in ages.items() if age > days}
    assert [row.age_days for row in answer.rows] == sorted((row.age_days for row in answer.rows), reverse=True)


def test_without_a_day_the_newest_sheet_is_the_measure() -> None:
    answer = stale_offers(OffersRequest(), 90)
    assert answer.today == snapshot_day() == "2026-11-22"
    assert [row.id for row in answer.rows] == [
        "deepseek/deepseek-r1",
        "deepseek/deepseek-v3",
        "deepseek/deepseek-v3.2",
    ]


@pytest.mark.parametrize("days", [-1, 10**6])
def test_impossible_ages_are_refused(days: int) -> None:
    with pytest.raises(InputError, match="stale"):
        stale_offers(OffersRequest(), days)


# ---------------------------------------------------------------- sources and files


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("genai", {}),
        ("no/such/folder", {}),
        ("snapshot", {"as_of": "2026-11-10"}),
        ("snapshot", {"history": True}),
        ("snapshot", {"today": "yesterday"}),
        ("snapshot", {"today": "2026-13-01"}),
    ],
)
def test_sources_that_are_none(name: str, options: dict[str, str]) -> None:
    with pytest.raises(InputError):
        open_source(name, **options)  # type: ignore[arg-type]


def test_the_shipped_snapshot_is_never_written(tmp_path: Path) -> None:
    import tokenroof.catalog

    source = open_source("snapshot")
    shipped = Path(tokenroof.catalog.__file__ or "").parent / "data" / "offers"
    for target in (shipped, shipped / "anthropic.toml", shipped / "new.toml"):
        with pytest.raises(InputError, match="shipped snapshot"):
            files_of(source.offers, source, target)
    link = tmp_path / "link"
    link.symlink_to(shipped)
    with pytest.raises(InputError, match="shipped snapshot"):
        files_of(source.offers, source, link)


def test_a_file_of_somebody_else_is_kept(tmp_path: Path) -> None:
    source = open_source("snapshot")
    for content in (b"# my own sheet\n", b"\xff\xfe", b""):
        (tmp_path / "anthropic.toml").write_bytes(content)
        with pytest.raises(InputError, match="replace other text"):
            files_of(source.offers, source, tmp_path)
    with pytest.raises(InputError, match="no sheet matches"):
        files_of([], source, tmp_path / "x")
    with pytest.raises(InputError, match=r"a \.toml file or a folder"):
        (tmp_path / "note.txt").write_text("x")
        files_of(source.offers, source, tmp_path / "note.txt")
