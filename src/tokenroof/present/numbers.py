"""The one printer of quantities and of their ranges.

Three figures, the unit in the cell, thousands marked, whole numbers never rounded to fewer digits; a time that is shown
in ms is shown in ms at all sizes. Values are in base units (seconds, bytes, dollars) and the unit scales them:

    >>> quantity(0.0659, MS), quantity(22.7e-6, MS), quantity(1.745, MS)
    ('65.9 ms', '0.02 ms', '1,745 ms')
    >>> quantity(2.73, USD_PER_MTOK), quantity(45415, USD_A_MONTH), quantity(57.3e9, GB)
    ('$2.73 per M', '$45,415 a month', '57.3 GB')
    >>> span(0.0473, 0.092, 0.0659, MS)
    '47.3 to 92.0'
    >>> span(None, None, 0.0659, MS)
    ''
    >>> column([8.63e-3, 0.81e-3], MS)
    ('8.63 ms', '0.81 ms')
    >>> percent(0.382), percent(0.997), change(-0.058, decimals=1), times(1.55), count(8192), share_of(18, 21)
    ('38 %', '99.7 %', '-5.8 %', '1.55x', '8,192', '86 %')
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tokenroof.types.served import Ranged
from tokenroof.units import parse_quantity

__all__ = [
    "BYTES", "E2E", "FLOPS", "GB", "GB_PER_S", "JOULES_PER_TOKEN", "MS", "NUMBER", "PARAMS", "REQUESTS_PER_S",
    "TOK_PER_S", "TOK_PER_S_PER_GPU", "TOK_PER_S_PER_USER", "UNKNOWN", "USD", "USD_A_MONTH", "USD_PER_GPU_HOUR",
    "USD_PER_MTOK", "WATTS", "Unit", "bound", "change", "column", "count", "gib", "percent", "quantity", "ranged",
    "share_of", "span", "times",
]  # fmt: skip

UNKNOWN = "-"
_ROUNDED = 1e-9
_FIGURES = 3
_GIB = parse_quantity("1 GiB", "B")
_CENTS = 2
_HUGE = 1e300
_SMALL = 12  # decimals of the smallest number that is not printed as 0


@dataclass(frozen=True, slots=True)
class Unit:
    """How a number is written: times `scale`, between `before` and `after`, with at most so many decimals.

    `money` keeps cents below $100 and three figures below ten cents. `steps` are (least value, scale, after), the
    largest first, for counts that run over many sizes: 204 B, 4.22 T.
    """

    scale: float = 1.0
    before: str = ""
    after: str = ""
    most_decimals: int = 2
    money: bool = False
    steps: tuple[tuple[float, float, str], ...] = ()

    def at(self, value: float) -> "Unit":
        """The unit of one value: itself, or the step of the ladder that the value stands on."""
        if not self.steps or not math.isfinite(value):
            return self
        size = _rounded(value)  # 999.6e9 prints as 1.00 T
        for least, scale, after in self.steps:
            if size >= least:
                return Unit(scale, self.before, after, self.most_decimals, self.money)
        return Unit(1.0, self.before, self.after, self.most_decimals, self.money)


def _ladder(unit: str) -> tuple[tuple[float, float, str], ...]:
    return tuple((10.0**power, 10.0**-power, f" {letter}{unit}") for power, letter in
                 ((18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "K" if unit == "B" else "k")))  # fmt: skip


NUMBER = Unit()
MS = Unit(1e3, after=" ms")
E2E = Unit(1.0, after=" s")
GB = Unit(1e-9, after=" GB")
GB_PER_S = Unit(1e-9, after=" GB/s")
BYTES = Unit(after=" B", steps=_ladder("B"))
FLOPS = Unit(after=" FLOP", steps=_ladder("FLOP"))
PARAMS = Unit(steps=((1e12, 1e-12, " T"), (1e9, 1e-9, " B"), (1e6, 1e-6, " M"), (1e3, 1e-3, " K")))
TOK_PER_S = Unit(after=" tok/s")
TOK_PER_S_PER_GPU = Unit(after=" tok/s/GPU")
TOK_PER_S_PER_USER = Unit(after=" tok/s/user")
REQUESTS_PER_S = Unit(after=" requests/s")
JOULES_PER_TOKEN = Unit(after=" J per token", most_decimals=3)
WATTS = Unit(after=" W")
USD = Unit(before="$", money=True)
USD_PER_MTOK = Unit(before="$", after=" per M", money=True)
USD_PER_GPU_HOUR = Unit(before="$", after=" per GPU-hour", money=True)
USD_A_MONTH = Unit(before="$", after=" a month", money=True)


def _known(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def _rounded(value: float) -> float:
    """The size in three figures. Rounding may carry: 99.96 has the decimals of 100."""
    return float(f"{min(abs(value), _HUGE):.{_FIGURES - 1}e}")


def _decimals(scaled: float, unit: Unit) -> int:
    """Decimals of a value that is already in its unit."""
    if scaled == 0.0:
        return 0
    size = _rounded(scaled)
    wanted = _FIGURES - 1 - math.floor(math.log10(size))
    if unit.money:
        return 0 if size >= 100.0 else 2 if size >= 0.1 else min(wanted, _SMALL)
    return max(0, min(wanted, unit.most_decimals))


def _digits(scaled: float, decimals: int) -> str:
    text = f"{scaled:,.{decimals}f}"
    return text.removeprefix("-") if not any(digit in text for digit in "123456789") else text


def _written(value: float, unit: Unit, decimals: int) -> str:
    digits = _digits(value * unit.scale, decimals)
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    return f"{sign}{unit.before}{digits}{unit.after}"


def quantity(value: float | None, unit: Unit = NUMBER, *, decimals: int | None = None) -> str:
    """A value with its unit; `-` where it is not known, `unlimited` where it has no end."""
    if value is None or math.isnan(value):
        return UNKNOWN
    here = unit.at(value)
    if math.isinf(value * here.scale):
        return "unlimited"
    return _written(value, here, _decimals(value * here.scale, here) if decimals is None else decimals)


def span(
    low: float | None, high: float | None, value: float | None, unit: Unit = NUMBER, *, decimals: int | None = None
) -> str:
    """`low to high` in the unit and with the decimals of the value; empty where no range is known.

    Ends that stand on other steps of a ladder carry their own units: 204 B to 4.22 T.
    """
    if low is None or high is None or value is None or not all(map(math.isfinite, (low, high, value))):
        return ""
    here = unit.at(value)
    if not all(math.isfinite(one * here.scale) for one in (low, high, value)):
        return ""
    if unit.at(low) != here or unit.at(high) != here:
        return f"{quantity(low, unit)} to {quantity(high, unit)}"
    places = _decimals(value * here.scale, here) if decimals is None else decimals
    return f"{_digits(low * here.scale, places)} to {_digits(high * here.scale, places)}"


def ranged(number: Ranged | None, unit: Unit = NUMBER) -> tuple[str, str]:
    """The two cells of a predicted number, value and 80 % range: ('65.9 ms', '47.3 to 92.0')."""
    if number is None:
        return UNKNOWN, ""
    return quantity(number.value, unit), span(number.low, number.high, number.value, unit)


def bound(number: Ranged | None, unit: Unit = NUMBER) -> str:
    """The cell of the hardware bound of a predicted number; empty where there is none."""
    return "" if number is None or number.bound is None else quantity(number.bound, unit)


def column(values: Iterable[float | None], unit: Unit = NUMBER, *, decimals: int | None = None) -> tuple[str, ...]:
    """Values under each other: one unit, the decimals of the largest. Money has cents, and where one of them is below
    ten cents each has its own figures: $0.0794, $24.41.
    """
    given = tuple(values)
    finite = [v for v in given if v is not None and math.isfinite(v)]
    if not finite:
        return tuple(quantity(v, unit) for v in given)
    here = unit.at(max(finite, key=abs))
    places = [_decimals(v * here.scale, here) for v in (finite if unit.money else [max(finite, key=abs)]) if v]
    shared = max(places, default=0) if decimals is None else decimals
    if decimals is None and unit.money and shared > _CENTS:
        return tuple(quantity(v, here) for v in given)
    return tuple(quantity(v, here, decimals=shared) for v in given)


def count(value: float | None) -> str:
    """A whole number of requests, tokens or GPUs with thousands marked: 5,101; below ten three figures at most."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return "unlimited" if value == math.inf else f"{value:,.0f}" if value >= 10 else f"{value:,.3g}"


def gib(size: float) -> str:
    """Bytes as the log of an engine has them: `58.11 GiB`; what is less than a hundredth is not nothing."""
    whole = size / _GIB
    return f"{whole:,.2f} GiB" if whole >= 0.005 or not whole else f"{whole:.2g} GiB"


def percent(share: float | None, *, decimals: int = 0) -> str:
    """A share of one: `38 %`. What is neither nothing nor everything never rounds to 0 or 100, but for the billionth by
    which sums of shares are off.
    """
    if share is None or not math.isfinite(share):
        return UNKNOWN
    places = decimals
    whole = share == 0.0 or abs(1.0 - share) < _ROUNDED
    while places < 6 and not whole and float(f"{100.0 * share:.{places}f}") in (0.0, 100.0):
        places += 1
    return f"{_digits(100.0 * share, places)} %"


def share_of(part: float, whole: float, *, decimals: int = 0) -> str:
    """A part as a share of a whole; `-` where there is no whole."""
    return percent(part / whole, decimals=decimals) if whole else UNKNOWN


def change(share: float | None, *, decimals: int = 0) -> str:
    """A relative change with its sign: `+16 %`, `-5.8 %`."""
    if share is None or not math.isfinite(share):
        return UNKNOWN
    digits = _digits(100.0 * share, decimals)
    signed = digits.startswith("-") or not any(digit in digits for digit in "123456789")
    return f"{digits if signed else '+' + digits} %"


def times(factor: float | None) -> str:
    """A ratio in three figures: `1.55x`, `3.16x`, `12.9x`; one is `1x`."""
    if factor is None or not math.isfinite(factor):
        return UNKNOWN
    return "1x" if factor == 1.0 else f"{_digits(factor, _decimals(factor, NUMBER))}x"
