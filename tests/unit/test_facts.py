"""A number gets into the catalogue with unit, source, date and grade, or not at all."""

from pathlib import Path
from typing import Any

import pytest

from tokenroof.catalog.facts import MAX_FILE_BYTES, Entry, Range, read_toml
from tokenroof.errors import InputError
from tokenroof.provenance import Grade

BANDWIDTH = Range("B/s", 1e6, 1e17)
COUNT = Range("GPU", 1, 100, whole=True)
GOOD: dict[str, Any] = {"value": 3.35, "unit": "TB/s", "source": "a sheet", "as_of": "2026-08-01", "grade": "spec"}


def read(raw: object, allowed: Range = BANDWIDTH, **defaults: str) -> Any:
    top = Entry.top("chips/x.toml", {"defaults": defaults, "memory": {"bandwidth": raw}}, {"key": "Title (Publisher)"})
    return top.section("memory").fact("bandwidth", allowed)


def test_a_table_becomes_a_fact_in_si_units() -> None:
    fact = read(GOOD | {"note": "3.4 elsewhere"})
    assert (fact.value, fact.unit) == (3.35e12, "B/s")
    assert (fact.source, fact.as_of, fact.grade, fact.note) == ("a sheet", "2026-08-01", Grade.SPEC, "3.4 elsewhere")


@pytest.mark.parametrize(
    ("text", "value"),
    [("3.35 TB/s", 3.35e12), ("820 GiB/s", 820 * 2**30), ("400 Gbit/s", 50e9), ("2765GB/s", 2.765e12)],
)
def test_text_with_a_unit_takes_the_rest_from_the_defaults(text: str, value: float) -> None:
    fact = read(text, source="key", as_of="2026-08-01", grade="measured")
    assert fact.value == pytest.approx(value, rel=1e-12)
    assert (fact.source, fact.grade) == ("Title (Publisher)", Grade.MEASURED)


def test_a_fact_overrides_the_defaults() -> None:
    fact = read(GOOD, source="key", as_of="2020-01-01", grade="assumed")
    assert (fact.source, fact.as_of, fact.grade) == ("a sheet", "2026-08-01", Grade.SPEC)


def test_ungraded_means_assumed() -> None:
    assert read({k: v for k, v in GOOD.items() if k != "grade"}).grade is Grade.ASSUMED


def test_counts_need_no_unit_and_are_whole() -> None:
    assert read(8, COUNT, source="s", as_of="2026-08-01").value == 8.0
    with pytest.raises(InputError, match="whole number"):
        read(8.5, COUNT, source="s", as_of="2026-08-01")


@pytest.mark.parametrize("missing", ["source", "as_of"])
def test_no_source_or_date_is_refused(missing: str) -> None:
    with pytest.raises(InputError) as caught:
        read({k: v for k, v in GOOD.items() if k != missing})
    assert caught.value.field == f"chips/x.toml: memory.bandwidth.{missing}"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"grade": "certain"}, "grade"),
        ({"as_of": "August 2026"}, "as_of"),
        ({"as_of": "2026-13-01"}, "as_of"),
        ({"source": "  "}, "source"),
        ({"source": 7}, "source"),
        ({"unit": "furlong/s"}, ""),
        ({"unit": "GB"}, ""),
        ({"unit": 3}, "unit"),
        ({"value": float("nan")}, ""),
        ({"value": float("inf")}, ""),
        ({"value": -1.0}, ""),
        ({"value": 0}, ""),
        ({"value": True}, ""),
        ({"value": None}, ""),
        ({"value": "3.35", "unit": "TB/s"}, ""),
        ({"value": 10**400}, ""),
        ({"value": 1e9, "unit": "PB/s"}, ""),
        ({"sorce": "typo"}, "sorce"),
        ({"note": ["a"]}, "note"),
    ],
)
def test_bad_facts_name_file_entry_and_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        read(GOOD | change)
    assert caught.value.field.startswith("chips/x.toml: memory.bandwidth")
    assert caught.value.field.endswith(field)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [3.35e12, 7, [], {}, "fast", "3.35", "3.35 T", "nan B/s", "-1 GB/s", "inf B/s", True])
def test_a_bare_or_senseless_value_is_refused(raw: object) -> None:
    with pytest.raises(InputError, match=r"memory\.bandwidth"):
        read(raw, source="s", as_of="2026-08-01")


def test_a_misspelt_key_is_pointed_at() -> None:
    with pytest.raises(InputError, match="did you mean note"):
        read(GOOD | {"noet": "x"})


def test_names_that_would_break_the_line_are_shown_safely() -> None:
    with pytest.raises(InputError) as caught:
        read(GOOD | {"a\nb" + "c" * 99: 1})
    assert "a?bccc" in str(caught.value) and "\n" not in str(caught.value) and len(caught.value.field) < 120


def test_defaults_are_checked_too() -> None:
    with pytest.raises(InputError, match=r"defaults\.sorce"):
        read(GOOD, sorce="x")
    with pytest.raises(InputError, match="a table"):
        Entry.top("f.toml", {"defaults": 3}, {})


def test_files_that_are_no_small_toml_are_one_error(tmp_path: Path) -> None:
    big, broken, binary, deep = (tmp_path / name for name in ("big.toml", "broken.toml", "bin.toml", "deep.toml"))
    big.write_text("x = 1\n" * (MAX_FILE_BYTES // 6 + 1))
    broken.write_text("a = [1,")
    binary.write_bytes(b"\xff\xfe\x00")
    deep.write_text("x = " + "[" * 5000 + "]" * 5000)
    huge = tmp_path / "huge.toml"
    huge.write_text("x = " + "9" * 5000)
    for path in (big, broken, binary, deep, huge, tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(InputError, match="file = "):
            read_toml(path)
