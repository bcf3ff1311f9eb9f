"""A user's price sheet: read whole, or refused in one line that names the field."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog.offers.files import offers_from_table, parse_tokens, parse_ttl, read_offer_file
from tokenroof.errors import InputError, TokenroofError
from tokenroof.types.offer import Offer

SHEET = """
id = "acme/big"
currency = "USD"
as_of = 2026-11-01
source = "https://example.org/prices"
input = 2.0
output = 10.0
cached = 0.2
writes = {"5m" = 2.5, "1h" = 4.0}
storage_per_hour = 4.5
context = "1M"
steps = [{above = "200K", input_x = 2, output_x = 1.5}]
modes = [{name = "batch", x = 0.5}, {name = "fast", x = 6, speed = 2.5, claim = "up to"}]
windows = [{name = "night", x = 0.5, hours_utc = [[16.5, 0.5]]}]
speed = 80
ttft = 0.7
"""


def read(tmp_path: Path, text: str | bytes) -> tuple[Offer, ...]:
    path = tmp_path / "sheet.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_offer_file(path)


def test_a_whole_sheet(tmp_path: Path) -> None:
    (offer,) = read(tmp_path, SHEET)
    low, high = offer.lines
    assert (low.input_from, low.input_to, high.input_from, high.input_to) == (0, 200_000, 200_000, None)
    assert (high.input_per_mtok, high.output_per_mtok, high.cached_per_mtok) == (4.0, 15.0, 0.4)
    assert [(w.ttl_s, w.per_mtok) for w in high.cache_writes] == [(300.0, 5.0), (3600.0, 8.0)]
    assert (offer.context, offer.storage_per_mtok_hour, offer.output_tokens_per_s) == (1_000_000, 4.5, 80.0)
    assert offer.modes[1].speed_x == 2.5 and offer.windows[0].hours_utc == ((16.5, 0.5),)
    assert (offer.origin.as_of, offer.origin.grade.value) == ("2026-11-01", "reported")


def test_two_dimensional_lines_tile(tmp_path: Path) -> None:
    text = """
    id = "acme/grid"
    currency = "CNY"
    as_of = "2026-09-27"
    source = "x"
    lines = [
      {in_to = 32000, out_to = 200, input = 2, output = 8},
      {in_to = 32000, input = 3, output = 14},
      {input = 4, output = 16},
    ]"""
    (offer,) = read(tmp_path, text)
    spans = [(c.input_from, c.input_to, c.output_from, c.output_to) for c in offer.lines]
    assert spans == [(0, 32_000, 0, 200), (0, 32_000, 200, None), (32_000, None, 0, None)]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("input = 2.0", "", "input = None: must be given"),
        ("input = 2.0", "input = -1", "input = -1"),
        ("input = 2.0", "input = nan", "input = nan"),
        ("input = 2.0", "input = true", "input = True"),
        ("input = 2.0", f"input = {10**400}", "input = 1000"),
        ("input = 2.0", "input = 2.0\nimput = 3", "did you mean input?"),
        ('currency = "USD"', "", "currency = None"),
        ('currency = "USD"', 'currency = "dollars"', "currency"),
        ('source = "https://example.org/prices"', "", "source"),
        ("as_of = 2026-11-01", 'as_of = "yesterday"', "as_of = 'yesterday'"),
        ("as_of = 2026-11-01", "as_of = 2026-11-01T00:00:00", "as_of"),
        ('"5m" = 2.5', '"soon" = 2.5', "writes.soon"),
        ('"5m" = 2.5', '"60m" = 2.5', "one price for each time to live"),
        ('context = "1M"', 'context = "150K"', "above the last boundary"),
        ('above = "200K"', "above = 0", "above = 0"),
        ("input_x = 2, ", "", "either `input` or `input_x`"),
        ("input_x = 2, ", "input_x = 2, input = 4, ", "either `input` or `input_x`"),
        ('[{above = "200K"', '[{above = 100, input_x = 1, output_x = 1}, {above = "0.1K"', "above the step"),
        ('{name = "batch", x = 0.5}', '{name = "batch"}', "either `x`"),
        ("[[16.5, 0.5]]", "[[25, 1]]", "pairs of hours"),
        ('id = "acme/big"', 'id = "no slash"', "seller/model"),
    ],
)  # fmt: skip
def test_a_faulty_sheet_is_refused_by_field(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in SHEET
    with pytest.raises(InputError) as caught:
        read(tmp_path, SHEET.replace(old, new, 1))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        "[{in_to = 64000, input = 1, output = 1}, {in_to = 32000, input = 1, output = 1}]",
        "[{input = 1, output = 1}, {input = 2, output = 2}]",
        "[{in_to = 32000, out_to = 200, input = 1, output = 1}, {input = 2, output = 2}]",
        "[{out_to = 200, input = 1, output = 1}]",
        "[]",
    ],
)
def test_cells_out_of_order_are_refused(tmp_path: Path, lines: str) -> None:
    with pytest.raises(InputError):
        read(tmp_path, f'currency = "USD"\nas_of = 2026-01-01\nsource = "x"\nlines = {lines}')


@pytest.mark.parametrize(("text", "tokens"), [("200K", 200_000), ("1M", 10**6), (7, 7), ("1.5k", 1500)])
def test_tokens(text: Any, tokens: int) -> None:
    assert parse_tokens(text) == tokens


@pytest.mark.parametrize("text", ["", "K", "-1", 0, 1.5, True, None, "1e9", "9" * 30, "1.0001K", [], "200 000"])
def test_bad_tokens(text: Any) -> None:
    with pytest.raises(InputError):
        parse_tokens(text)


@pytest.mark.parametrize(("text", "seconds"), [("5m", 300.0), ("1h", 3600.0), ("30 min", 1800.0), ("1d", 86400.0)])
def test_time_to_live(text: str, seconds: float) -> None:
    assert parse_ttl(text) == seconds


@given(st.binary(max_size=300))
def test_any_bytes_end_in_an_offer_or_one_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_bytes(data)
    try:
        assert read_offer_file(path)
    except TokenroofError as error:
        assert "\n" not in str(error)


@given(st.integers(0, len(SHEET) - 1), st.text(max_size=6), st.integers(0, 12))
def test_a_damaged_sheet_ends_in_an_offer_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, put: str, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.toml"
    text = SHEET[:place] + put + SHEET[place + cut :]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert read_offer_file(path)
    except TokenroofError as error:
        assert "\n" not in str(error)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["input", "output", "above", "x", "name", "in_to", "out_to", "hours_utc", "5m", "source", "offer"]
    ), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
_KEYS = st.sampled_from([
    "id", "currency", "as_of", "source", "input", "output", "cached", "writes", "lines", "steps", "modes",
    "windows", "context", "inclusive", "speed", "notes", "origins", "offer", "defaults", "grade", "model",
])  # fmt: skip


@given(st.dictionaries(_KEYS, _VALUES, max_size=8))
def test_any_table_ends_in_an_offer_or_one_error(table: dict[str, Any]) -> None:
    sheet = {
        "id": "a/b",
        "currency": "USD",
        "as_of": "2026-01-01",
        "source": "x",
        "input": 1.0,
        "output": 2.0,
    }
    for given_table in (table, {**sheet, **table}):
        try:
            assert offers_from_table(given_table, "fuzz", own=True)
        except TokenroofError as error:
            assert "\n" not in str(error)
