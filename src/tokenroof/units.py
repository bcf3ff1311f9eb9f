"""Units: parse what people write, print what people read, and know dimensions.

Inside the library every number is in SI base units and its name says which. This module is the
only one that knows a binary prefix. Dimensions are maps from base unit to exponent; tokens,
sequences, parameters, FLOP and MAC are dimensions of their own, so that mixing them is caught.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from tokenroof.errors import UnitError

__all__ = [
    "Dims",
    "Quantity",
    "Unit",
    "dims_text",
    "format_bytes",
    "format_capacity",
    "format_figures",
    "format_si",
    "parse_amount",
    "parse_count",
    "parse_quantity",
    "parse_unit",
]

Dims = tuple[tuple[str, int], ...]

_BASES = ("s", "B", "FLOP", "MAC", "token", "sequence", "param", "USD", "J", "GPU", "request", "layer")
_DECIMAL = {"": 1.0, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9,
            "T": 1e12, "P": 1e15, "E": 1e18}  # fmt: skip
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}

# name -> (scale to base, dims, which prefixes it may carry)
_NAMES: dict[str, tuple[float, dict[str, int], str]] = {
    "1": (1.0, {}, ""), "%": (0.01, {}, ""), "x": (1.0, {}, ""),
    "s": (1.0, {"s": 1}, "numµμ"), "min": (60.0, {"s": 1}, ""), "h": (3600.0, {"s": 1}, ""),
    "day": (86400.0, {"s": 1}, ""), "year": (365.25 * 86400.0, {"s": 1}, ""),
    "B": (1.0, {"B": 1}, "kKMGTPE+"), "byte": (1.0, {"B": 1}, ""), "bit": (0.125, {"B": 1}, "kKMGTPE"),
    "b": (0.125, {"B": 1}, "kKMGTPE"),
    "FLOP": (1.0, {"FLOP": 1}, "kMGTPE"), "MAC": (1.0, {"MAC": 1}, "kMGTPE"),
    "token": (1.0, {"token": 1}, "kMGTPE"), "tok": (1.0, {"token": 1}, "kMGTPE"),
    "sequence": (1.0, {"sequence": 1}, "kM"), "seq": (1.0, {"sequence": 1}, "kM"),
    "param": (1.0, {"param": 1}, "kMGTPE"), "request": (1.0, {"request": 1}, "kM"),
    "layer": (1.0, {"layer": 1}, ""), "GPU": (1.0, {"GPU": 1}, ""), "chip": (1.0, {"GPU": 1}, ""),
    "USD": (1.0, {"USD": 1}, "kMG"), "$": (1.0, {"USD": 1}, "kMG"),
    "J": (1.0, {"J": 1}, "kMG"), "W": (1.0, {"J": 1, "s": -1}, "mkMG"), "Wh": (3600.0, {"J": 1}, "kMG"),
    "Hz": (1.0, {"s": -1}, "kMG"),
}  # fmt: skip

_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_NUMBER = re.compile(
    rf"\s*([-+]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?[0-9]+)?)(?![0-9_.])\s*", re.ASCII
)
_NOT_FINITE = re.compile(r"\s*[-+]?(?:nan|inf|infinity)\b", re.ASCII | re.IGNORECASE)
_DOLLARS = re.compile(r"\s*\$\s*(?=[0-9.])")
_LONGEST = 80
_COUNTED = ("1", "token", "sequence", "request", "param")
_LONG_TIMES = {"m": "min", "d": "day", "hr": "h", "sec": "s"}  # as people write them: a bare m is minutes
_MINUTES = re.compile(rf"\s*([-+0-9._eE]+)\s*({'|'.join(_LONG_TIMES)})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unit:
    """A parsed unit: multiply by `scale` to reach SI base units of dimensions `dims`."""

    text: str
    scale: float
    dims: Dims


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a formula's input or output is: its unit and the range in which it has to stay finite."""

    unit: str
    low: float = 1e-3
    high: float = 1e3

    @property
    def dims(self) -> Dims:
        return parse_unit(self.unit).dims


def _atom(text: str) -> tuple[float, dict[str, int]]:
    if text in _NAMES:
        scale, dims, _ = _NAMES[text]
        return scale, dims
    for name, (scale, dims, allowed) in _NAMES.items():
        if not text.endswith(name) or not allowed:
            continue
        prefix = text[: -len(name)]
        if prefix in _DECIMAL and prefix in allowed:
            return scale * _DECIMAL[prefix], dims
        if prefix in _BINARY and "+" in allowed:
            return scale * _BINARY[prefix], dims
    raise UnitError(f"unknown unit {_quoted(text)}; examples: GB, GiB, TB/s, PFLOP/s, ms, B/token, USD/h")


def _quoted(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def parse_unit(text: str) -> Unit:
    """Parse `TB/s`, `USD/Mtoken`, `FLOP/param/token`; `/` divides by the one atom after it, `*` multiplies.

    Raises UnitError for anything that is not a unit.
    """
    if not text.strip():
        raise UnitError("empty unit; write 1 for a plain number")
    scale, dims = 1.0, dict[str, int]()
    atoms = re.split(r"([*/])", text.strip())
    if atoms[:2] == ["", "/"]:
        atoms[0] = "1"  # /s is 1/s
    for operator, atom in zip(["*", *atoms[1::2]], atoms[::2], strict=True):
        sign = -1 if operator == "/" else 1
        atom_scale, atom_dims = _atom(atom.strip())
        scale *= atom_scale**sign
        for base, power in atom_dims.items():
            dims[base] = dims.get(base, 0) + sign * power
    if not 0 < scale < math.inf:
        raise UnitError(f"unit {_quoted(text)} is out of range")
    return Unit(text, scale, tuple(sorted((b, p) for b, p in dims.items() if p)))


def dims_text(dims: Dims) -> str:
    """`(("B",1),("s",-1))` as `B/s`; the empty map as `1`."""
    up = [b if p == 1 else f"{b}^{p}" for b, p in dims if p > 0]
    down = [b if p == -1 else f"{b}^{-p}" for b, p in dims if p < 0]
    return "*".join(up or ["1"]) + "".join(f"/{d}" for d in down)


def parse_quantity(text: str | float, unit: str, *, bare: bool = True) -> float:
    """Read `3.35 TB/s` as 3.35e12 when `unit` is `B/s`. A bare number is taken in `unit` when `bare`.

    Raises UnitError where the number or unit does not parse, measures something else, or is not finite.
    """
    value, rest = _number_and_unit(text, unit)
    wanted = parse_unit(unit)
    if not rest:
        if not bare and isinstance(text, str):
            raise UnitError(f"{_quoted(text)} has no unit; write for example '{text.strip()} {unit}'")
        scale = wanted.scale
    elif rest in ("G", "T", "M", "K", "k", "P", "E"):
        raise UnitError(f"{_quoted(text)} is ambiguous: write a full unit such as {rest}B or {rest}iB")
    else:
        got = parse_unit(rest)
        if got.dims != wanted.dims:
            expected = f"expected {dims_text(wanted.dims)} ({unit})"
            raise UnitError(f"{_quoted(text)} is in {dims_text(got.dims)}, {expected}")
        scale = got.scale
    return _scaled(value, scale, text)


def parse_amount(text: str | float, unit: str) -> float:
    """Read what people write for a number in `unit`, the same in every verb, file and call.

    Counts (of tokens, sequences, requests, parameters, or plain) as 128000, 128k or 128Ki; times as 0.05, 50ms, 5m or
    5min; rates of counts as 30/min or 50k; what is counted per token also without it, as 128KB; all else as
    `3.35TB/s`, `64GiB` or a bare number in the unit. Raises UnitError.
    """
    if unit in _COUNTED:
        return parse_count(text, unit)
    counted, slash, per = unit.partition("/")
    if slash and isinstance(text, str):
        return parse_quantity(_whole_ratio(text, counted, per), unit)
    if unit == "s" and isinstance(text, str) and (minutes := _MINUTES.fullmatch(text)):
        return parse_quantity(f"{minutes[1]}{_LONG_TIMES[minutes[2]]}", "s")
    return parse_quantity(text, unit)


def _whole_ratio(text: str, counted: str, per: str) -> str:
    """A ratio of which people write one half, in full: `/min` of requests a minute, `128KB` of bytes a token."""
    value, rest = _number_and_unit(text, f"{counted}/{per}")
    if counted in _COUNTED and rest.startswith("/"):
        return f"{value!r} {counted}{rest}"
    if counted in _COUNTED and rest in ("k", "K", "M", "G", "T"):
        return f"{value!r} {rest.lower() if rest == 'K' else rest}{counted}/{per}"
    return f"{value!r} {rest}/{per}" if per in _COUNTED and rest and "/" not in rest else text


def parse_count(text: str | float, unit: str = "1") -> float:
    """Read a count as people write one: 128000, 128k (128,000), 128Ki (131,072), 128 ktoken; of parameters also 70B.

    Raises UnitError where the text is no number, measures something else, or is not finite.
    """
    value, rest = _number_and_unit(text, unit)
    scale = _BINARY.get(rest) or (_DECIMAL[rest] if rest in ("k", "K", "M", "G", "T", "P") else None)
    if unit == "param" and rest == "B":
        scale = 1e9
    if scale is None:
        return parse_quantity(text, unit)
    return _scaled(value, scale, text)


def _scaled(value: float, scale: float, text: object) -> float:
    """Their product as their decimals say it: 18 times 0.001 is 0.018, where floats have 0.018000000000000002."""
    product = float(Decimal(repr(value)) * Decimal(repr(scale)))
    if not math.isfinite(product):
        raise UnitError(f"{_quoted(text)} is not a finite number")
    return product


def _number_and_unit(text: str | float, unit: str) -> tuple[float, str]:
    example = f"write for example '3.35 {unit}'"
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise UnitError(f"{_quoted(text)} is not a number; {example}")
    if not isinstance(text, str):
        try:
            return float(text), ""
        except OverflowError:
            raise UnitError(f"{_quoted(text)} is not a finite number") from None
    dollars = _DOLLARS.match(text)
    number = _NUMBER.match(text, dollars.end() if dollars else 0)
    if _NOT_FINITE.match(text):
        raise UnitError(f"{_quoted(text)} is not a finite number")
    if not number:
        raise UnitError(f"{_quoted(text)} does not start with a number; {example}")
    rest = text[number.end() :].strip()
    return float(number[1].replace("_", "")), f"USD{rest}" if dollars else rest


def format_si(value: float, unit: str = "", digits: int = 3) -> str:
    """Engineering notation with an SI prefix: 3.35e12, 'B/s' -> '3.35 TB/s'. Zero, infinity and text stay plain."""
    if value == 0 or not math.isfinite(value):
        if math.isnan(value):
            return "not a number"
        shown = "0" if value == 0 else ("unlimited" if value > 0 else "-unlimited")
        return f"{shown} {unit}".strip()
    exponent = min(max(math.floor(math.log10(abs(value)) / 3), -3), 6)
    mantissa = float(f"{value / 10.0 ** (3 * exponent):.{digits}g}")
    if abs(mantissa) >= 1000 and exponent < 6:
        mantissa, exponent = mantissa / 1000, exponent + 1
    prefix = {-3: "n", -2: "u", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T", 5: "P", 6: "E"}[exponent]
    if abs(mantissa) >= 10 ** (digits + 2):
        return f"{value:.{digits}g} {unit}".strip()
    return (
        f"{mantissa:.{digits}g} {prefix}{unit}".strip() if abs(mantissa) < 1000 else f"{mantissa:,.0f} {prefix}{unit}"
    )


def format_bytes(value: float, digits: int = 4) -> str:
    """Capacity in decimal gigabytes, the unit of data sheets: 141e9 -> '141 GB'."""
    if abs(value) < 1e9 or not math.isfinite(value):
        return format_si(value, "B", digits)
    return f"{value / 1e9:,.{0 if abs(value) >= 1e12 else 1}f} GB"


def format_capacity(value: float) -> str:
    """A capacity as people give it: whole TiB and GiB stay so, all else is decimal.

    64 x 2^30 -> '64 GiB', 2^40 -> '1 TiB', 64e9 -> '64.0 GB'
    """
    for prefix in ("Ti", "Gi"):
        count = value / _BINARY[prefix]
        if count >= 1 and count == int(count):
            return f"{count:,.0f} {prefix}B"
    return format_bytes(value)


def format_figures(value: float, figures: int = 3) -> str:
    """Three figures, thousands marked, never an exponent: 1214.2 -> '1,214', 0.82449 -> '0.824'."""
    if value == 0.0:
        return "0"
    size = abs(value)
    if size >= 10 ** (figures - 1):
        return f"{value:,.0f}"
    decimals = figures - 1
    while size >= 10.0:
        size, decimals = size / 10.0, decimals - 1
    while size < 1.0:
        size, decimals = size * 10.0, decimals + 1
    return f"{value:.{min(decimals, 12)}f}"
