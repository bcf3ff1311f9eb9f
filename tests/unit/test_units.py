"""Units: what people write, what they read, and nothing else gets through."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokenroof.errors import UnitError
from tokenroof.units import (
    Quantity,
    dims_text,
    format_bytes,
    format_si,
    parse_amount,
    parse_count,
    parse_quantity,
    parse_unit,
)  # fmt: skip

GIB = 2.0**30


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("3.35 TB/s", "B/s", 3.35e12),
        ("3.35TB/s", "B/s", 3.35e12),
        (" 20 ms ", "s", 0.020),
        ("20 us", "s", 20e-6),
        ("20 µs", "s", 20e-6),
        ("20 μs", "s", 20e-6),
        ("80 GB", "B", 80e9),
        ("80 GiB", "B", 80 * GIB),
        ("1 kB/token", "B/token", 1e3),
        ("1 KB", "B", 1e3),
        ("1 KiB", "B", 1024.0),
        ("400 Gbit/s", "B/s", 50e9),
        ("400 Gb/s", "B/s", 50e9),
        ("671e9 param", "param", 671e9),
        ("671 Gparam", "param", 671e9),
        ("2 USD/h", "USD/s", 2 / 3600),
        ("$2/h", "USD/s", 2 / 3600),
        ("$ 2.50 / h", "USD/s", 2.5 / 3600),
        ("0.27 USD/Mtoken", "USD/token", 0.27e-6),
        ("2 USD/GPU/h", "USD/GPU/s", 2 / 3600),
        ("5 kWh", "J", 18e6),
        ("700 W", "J/s", 700.0),
        ("2 FLOP/param/token", "FLOP/param/token", 2.0),
        ("40 %", "1", 0.4),
        ("8x", "1", 8.0),
        ("1 day", "s", 86400.0),
        ("50 /s", "1/s", 50.0),
        ("1_000_000", "token", 1e6),
        (".5 s", "s", 0.5),
        ("1.", "s", 1.0),
        ("-5 GB", "B", -5e9),
        ("4096", "token", 4096.0),
        (4096, "token", 4096.0),
        (20, "ms", 0.020),
        ("20", "ms", 0.020),
    ],
)
def test_reads(text: str | float, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("18ms", "s", 0.018), ("0.07k", "token", 70.0), ("1.1 us", "s", 1.1e-6), ("0.3 GB", "B", 3e8), (70, "ms", 0.07)],
)
def test_reads_decimals_as_they_stand(text: str | float, unit: str, value: float) -> None:
    """Floats multiply 18 and 0.001 to 0.018000000000000002, which a page or a file would repeat."""
    assert parse_amount(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("30/min", "request/s", 0.5), ("2", "request/s", 2.0), ("50k", "token/s", 50e3), ("50 tok/s", "token/s", 50.0),
     ("128KB", "B/token", 128e3), ("128 KiB/token", "B/token", 131_072.0), ("2B", "B/param", 2.0)],
)  # fmt: skip
def test_reads_half_of_a_ratio_of_counts(text: str, unit: str, value: float) -> None:
    assert parse_amount(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"), [("3.35TB", "B/s"), ("$3/h", "USD/GPU/s"), ("5/5", "token/s"), ("5/", "token/s")]
)
def test_half_of_another_ratio_is_refused(text: str, unit: str) -> None:
    with pytest.raises(UnitError):
        parse_amount(text, unit)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("15T", "token", 15e12), ("128Ki", "token", 131_072), ("70B", "param", 70e9), ("671e9", "param", 671e9)],
)
def test_reads_counts(text: str, unit: str, value: float) -> None:
    """Nobody can mean bytes of tokens."""
    assert parse_count(text, unit) == value
    with pytest.raises(UnitError):
        parse_count("70B", "token")


@pytest.mark.parametrize(
    ("text", "unit", "says"),
    [
        ("80G", "B", "ambiguous"),
        ("5 E", "B", "ambiguous"),
        ("80 GB", "s", "is in B, expected s"),
        ("3.35 TB", "B/s", "expected B/s"),
        ("1 FLOP/s", "MAC/s", "is in FLOP/s, expected MAC/s"),
        ("1 token", "sequence", "expected sequence"),
        ("671B", "param", "is in B, expected param"),
        ("fast", "B/s", "does not start with a number"),
        ("", "s", "does not start with a number"),
        ("nan", "s", "not a finite number"),
        ("-inf s", "s", "not a finite number"),
        ("1e999 s", "s", "not a finite number"),
        (math.nan, "s", "not a finite number"),
        (math.inf, "s", "not a finite number"),
        (10**400, "s", "not a finite number"),
        (True, "s", "not a number"),
        (None, "s", "not a number"),
        ([1], "s", "not a number"),
        ("1,000 s", "s", "unknown unit"),
        ("1.5.2 s", "s", "does not start with a number"),
        ("1__0 s", "s", "does not start with a number"),
        ("２ s", "s", "does not start with a number"),
        ("1 s/", "s", "unknown unit ''"),
        ("1 B*", "B", "unknown unit ''"),
        ("1 PFLOPS", "FLOP/s", "unknown unit 'PFLOPS'"),
        ("1 mB", "B", "unknown unit 'mB'"),
        ("1 Ms", "s", "unknown unit 'Ms'"),
        ("1 " + "EB*" * 30 + "EB", "B", "out of range"),
    ],
)
def test_refuses(text: object, unit: str, says: str) -> None:
    with pytest.raises(UnitError) as error:
        parse_quantity(text, unit)  # type: ignore[arg-type]
    assert says in str(error.value)


def test_a_bare_number_can_be_refused() -> None:
    with pytest.raises(UnitError, match=r"write for example '3\.35 B/s'"):
        parse_quantity("3.35", "B/s", bare=False)
    assert parse_quantity(3.35, "B/s", bare=False) == 3.35, "a float has no place for a unit"


@given(st.text(max_size=60), st.sampled_from(["B", "B/s", "s", "USD/token", "1"]))
@example("1 " + "x" * 50_000, "s")
@example("9" * 50_000, "s")
@example("1\n2 s", "s")
@example("$", "USD/token")
@example("1e", "s")
def test_any_text_is_a_finite_number_or_one_line(text: str, unit: str) -> None:
    try:
        value = parse_quantity(text, unit)
    except UnitError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 300
    else:
        assert math.isfinite(value)


numbers = st.floats(-1e12, 1e12, allow_subnormal=False)
PREFIXED = [("B", ["", "k", "K", "M", "G", "T", "P", "E"]), ("FLOP", ["", "k", "M", "G", "T", "P", "E"]),
            ("s", ["", "n", "u", "m"]), ("token", ["", "k", "M", "G"]), ("W", ["", "m", "k", "M", "G"])]  # fmt: skip
FACTOR = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
          "P": 1e15, "E": 1e18}  # fmt: skip


@given(numbers, st.sampled_from([(p, u) for u, prefixes in PREFIXED for p in prefixes]), st.sampled_from(["", " "]))
def test_every_prefix_is_its_factor(number: float, prefixed: tuple[str, str], space: str) -> None:
    prefix, unit = prefixed
    base = dims_text(parse_unit(unit).dims)
    assert parse_quantity(f"{number!r}{space}{prefix}{unit}", base) == pytest.approx(number * FACTOR[prefix])
    per_second = parse_quantity(f"{number!r} {prefix}{unit}/s", f"{base}/s")
    assert per_second == pytest.approx(number * FACTOR[prefix])


@given(st.floats(1.0, 9.4e20), st.sampled_from(["B", "FLOP", "FLOP/s", "B/s"]), st.integers(2, 8))
def test_what_is_printed_reads_back(value: float, unit: str, digits: int) -> None:
    # From one on: there are no fractions of a byte to print. Above, thousands are grouped.
    assert parse_quantity(format_si(value, unit, digits), unit) == pytest.approx(value, rel=10.0 ** (1 - digits))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.35e12, "B/s", "3.35 TB/s"),
        (0.00266, "s", "2.66 ms"),
        (999.9996, "B", "1 kB"),
        (999_999, "B", "1 MB"),
        (1e21, "B", "1,000 EB"),
        (1e-12, "s", "0.001 ns"),
        (-5e9, "B", "-5 GB"),
        (0, "s", "0 s"),
        (math.inf, "s", "unlimited s"),
        (-math.inf, "", "-unlimited"),
        (math.nan, "s", "not a number"),
        (1500, "", "1.5 k"),
    ],
)
def test_prints(value: float, unit: str, text: str) -> None:
    assert format_si(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (141e9, "141.0 GB"),
        (13.8e12, "13,800 GB"),
        (70_272, "70.27 kB"),
        (-2.5e9, "-2.5 GB"),
        (math.inf, "unlimited B"),
    ],
)
def test_prints_bytes_in_decimal_gigabytes(value: float, text: str) -> None:
    assert format_bytes(value) == text


@pytest.mark.parametrize(
    ("unit", "dims"),
    [("B/s", "B/s"), ("s*B/s", "B"), ("1", "1"), ("FLOP/FLOP", "1"), ("W", "J/s"), ("B/s/s", "B/s^2"),
     ("1/s", "1/s"), ("%", "1"), ("chip", "GPU"), ("tok/seq", "token/sequence")],
)  # fmt: skip
def test_dimensions(unit: str, dims: str) -> None:
    assert dims_text(parse_unit(unit).dims) == dims


@pytest.mark.parametrize("text", ["", "  ", "/", "B//s", "*B", "Q", "kKB", "MiBiB", "B/ /s"])
def test_refuses_units(text: str) -> None:
    with pytest.raises(UnitError):
        parse_unit(text)


def test_multiplies_and_flops_are_different_dimensions() -> None:
    """The unit trap of the lecture: its FLOPs are multiplies."""
    assert Quantity("MAC/s").dims != Quantity("FLOP/s").dims
