"""Numbers that know their dimensions."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tokenroof.errors import UnitError
from tokenroof.units import Dims, dims_text, parse_unit
from tokenroof.xp.plain import SCALAR, Namespace, Num

__all__ = ["DIMS", "Dim"]


@dataclass(frozen=True, slots=True, eq=False)
class Dim:
    """A float with dimensions. Addition and comparison demand equal dimensions; a plain float has none."""

    value: float
    dims: Dims = ()

    @staticmethod
    def of(number: Any) -> "Dim":
        return number if isinstance(number, Dim) else Dim(float(number))

    @classmethod
    def in_unit(cls, value: float, unit: str) -> "Dim":
        return cls(value, parse_unit(unit).dims)

    def _matched(self, other: Any, what: str) -> tuple["Dim", Dims]:
        other = Dim.of(other)
        if self.dims == other.dims:
            return other, self.dims
        for one, rest in ((self, other), (other, self)):
            if not one.dims and (one.value == 0 or math.isinf(one.value)):
                return other, rest.dims
        raise UnitError(f"cannot {what} {dims_text(self.dims)} and {dims_text(other.dims)}")

    def _scaled(self, other: Any, sign: int) -> Dims:
        powers = dict(self.dims)
        for base, power in Dim.of(other).dims:
            powers[base] = powers.get(base, 0) + sign * power
        return tuple(sorted((b, p) for b, p in powers.items() if p))

    def __add__(self, other: Any) -> "Dim":
        matched, dims = self._matched(other, "add")
        return Dim(self.value + matched.value, dims)

    def __sub__(self, other: Any) -> "Dim":
        matched, dims = self._matched(other, "subtract")
        return Dim(self.value - matched.value, dims)

    def __rsub__(self, other: Any) -> "Dim":
        return Dim.of(other) - self

    def __mul__(self, other: Any) -> "Dim":
        return Dim(self.value * Dim.of(other).value, self._scaled(other, 1))

    def __truediv__(self, other: Any) -> "Dim":
        return Dim(self.value / Dim.of(other).value, self._scaled(other, -1))

    def __rtruediv__(self, other: Any) -> "Dim":
        return Dim.of(other) / self

    def __pow__(self, exponent: float) -> "Dim":
        power = Dim.of(exponent)
        if power.dims:
            raise UnitError(f"exponent must be a plain number, got {dims_text(power.dims)}")
        if not self.dims:
            return Dim(self.value**power.value)
        scaled = {b: p * power.value for b, p in self.dims}
        if any(p != int(p) for p in scaled.values()):
            raise UnitError(f"{dims_text(self.dims)} to the power {power.value} has no integer dimensions")
        return Dim(self.value**power.value, tuple((b, int(p)) for b, p in scaled.items() if p))

    def __rpow__(self, base: float) -> "Dim":
        return Dim.of(base) ** self  # type: ignore[operator]

    def __neg__(self) -> "Dim":
        return Dim(-self.value, self.dims)

    def _compare(self, other: Any) -> float:
        return self.value - self._matched(other, "compare")[0].value

    def __lt__(self, other: Any) -> bool:
        return self._compare(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._compare(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self._compare(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._compare(other) >= 0

    __radd__ = __add__
    __rmul__ = __mul__


class _Dims:
    name = "DIMS"

    def _plain(self, function: Callable[[float], float], a: Num) -> Dim:
        number = Dim.of(a)
        if number.dims:
            raise UnitError(f"exp and log need a plain number, got {dims_text(number.dims)}")
        return Dim(function(number.value))

    def _pick(self, condition: bool, a: Num, b: Num, what: str) -> Dim:
        a = Dim.of(a)
        matched, dims = a._matched(b, what)
        return Dim(a.value if condition else matched.value, dims)

    def maximum(self, a: Num, b: Num) -> Num:
        return self._pick(Dim.of(a).value >= Dim.of(b).value, a, b, "compare")

    def minimum(self, a: Num, b: Num) -> Num:
        return self._pick(Dim.of(a).value <= Dim.of(b).value, a, b, "compare")

    def where(self, condition: Any, a: Num, b: Num) -> Num:
        return self._pick(bool(condition), a, b, "choose between")

    def ratio(self, a: Num, b: Num, otherwise: Num) -> Num:
        a, b = Dim.of(a), Dim.of(b)
        quotient = a / (b if b.value > 0 else Dim(1.0, b.dims))
        return self._pick(b.value > 0, quotient, otherwise, "choose between")

    def sqrt(self, a: Num) -> Num:
        return Dim.of(a) ** 0.5

    def exp(self, a: Num) -> Num:
        return self._plain(SCALAR.exp, a)

    def log(self, a: Num) -> Num:
        return self._plain(SCALAR.log, a)

    def power(self, a: Num, exponent: Num) -> Num:
        return Dim.of(a) ** exponent

    def ceil(self, a: Num) -> Num:
        return Dim(SCALAR.ceil(Dim.of(a).value), Dim.of(a).dims)

    def floor(self, a: Num) -> Num:
        return Dim(SCALAR.floor(Dim.of(a).value), Dim.of(a).dims)

    def tag(self, value: float, unit: str) -> Num:
        return Dim.in_unit(value, unit)


DIMS: Namespace = _Dims()
