"""Numbers that know their parents."""

import math
from dataclasses import dataclass, field
from typing import Any

from tokenroof.provenance import Fact
from tokenroof.xp.plain import SCALAR, Num

__all__ = ["TRACE", "Traced"]


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A float that remembers how it was made.

    `parents` holds each operand with the partial derivative towards it. A leaf carries `label` and,
    where there is one, its Fact. The result of a formula carries the formula's name and its arguments.
    """

    value: float
    op: str = "const"
    parents: tuple[tuple["Traced", float], ...] = ()
    label: str = ""
    fact: Fact | None = None
    formula: str = ""
    arguments: dict[str, "Traced"] = field(default_factory=dict)

    @staticmethod
    def of(number: Any) -> "Traced":
        return number if isinstance(number, Traced) else Traced(float(number))

    @classmethod
    def leaf(cls, label: str, value: float, fact: Fact | None = None) -> "Traced":
        return cls(float(value), "leaf", label=label, fact=fact)

    def _binary(self, op: str, other: Any, value: float, d_self: float, d_other: float) -> "Traced":
        return Traced(value, op, ((self, d_self), (Traced.of(other), d_other)))

    def __add__(self, other: Any) -> "Traced":
        return self._binary("+", other, self.value + Traced.of(other).value, 1.0, 1.0)

    def __sub__(self, other: Any) -> "Traced":
        return self._binary("-", other, self.value - Traced.of(other).value, 1.0, -1.0)

    def __rsub__(self, other: Any) -> "Traced":
        return Traced.of(other) - self

    def __mul__(self, other: Any) -> "Traced":
        factor = Traced.of(other).value
        return self._binary("*", other, self.value * factor, factor, self.value)

    def __truediv__(self, other: Any) -> "Traced":
        divisor = Traced.of(other).value
        return self._binary("/", other, self.value / divisor, 1.0 / divisor, -self.value / divisor**2)

    def __rtruediv__(self, other: Any) -> "Traced":
        return Traced.of(other) / self

    def __pow__(self, exponent: Any) -> "Traced":
        power = Traced.of(exponent).value
        slope = power * self.value ** (power - 1) if self.value else 0.0
        log_slope = self.value**power * math.log(self.value) if self.value > 0 else 0.0
        return self._binary("^", exponent, self.value**power, slope, log_slope)

    def __rpow__(self, base: Any) -> "Traced":
        return Traced.of(base) ** self

    def __neg__(self) -> "Traced":
        return Traced(-self.value, "neg", ((self, -1.0),))

    def __lt__(self, other: Any) -> bool:
        return self.value < Traced.of(other).value

    def __le__(self, other: Any) -> bool:
        return self.value <= Traced.of(other).value

    def __gt__(self, other: Any) -> bool:
        return self.value > Traced.of(other).value

    def __ge__(self, other: Any) -> bool:
        return self.value >= Traced.of(other).value

    def __float__(self) -> float:
        return self.value

    __radd__ = __add__
    __rmul__ = __mul__


class _Trace:
    name = "TRACE"

    def _choose(self, op: str, first: bool, a: Num, b: Num) -> Traced:
        a, b = Traced.of(a), Traced.of(b)
        value = a.value if first else b.value
        return Traced(value, op, ((a, float(first)), (b, float(not first))))

    def _unary(self, op: str, a: Num, value: float, slope: float) -> Traced:
        return Traced(value, op, ((Traced.of(a), slope),))

    def maximum(self, a: Num, b: Num) -> Num:
        return self._choose("max", Traced.of(a) >= b, a, b)

    def minimum(self, a: Num, b: Num) -> Num:
        return self._choose("min", Traced.of(a) <= b, a, b)

    def where(self, condition: Any, a: Num, b: Num) -> Num:
        return self._choose("where", bool(condition), a, b)

    def ratio(self, a: Num, b: Num, otherwise: Num) -> Num:
        return Traced.of(a) / b if Traced.of(b) > 0 else Traced.of(otherwise)

    def sqrt(self, a: Num) -> Num:
        return Traced.of(a) ** 0.5

    def exp(self, a: Num) -> Num:
        value = SCALAR.exp(Traced.of(a).value)
        return self._unary("exp", a, value, value)

    def log(self, a: Num) -> Num:
        number = Traced.of(a).value
        return self._unary("log", a, SCALAR.log(number), 1.0 / number if number > 0 else 0.0)

    def power(self, a: Num, exponent: Num) -> Num:
        return Traced.of(a) ** exponent

    def ceil(self, a: Num) -> Num:
        return self._unary("ceil", a, SCALAR.ceil(Traced.of(a).value), 0.0)

    def floor(self, a: Num) -> Num:
        return self._unary("floor", a, SCALAR.floor(Traced.of(a).value), 0.0)

    def tag(self, value: float, unit: str) -> Num:
        return Traced(value, "const", label=unit)

    def formula_result(self, name: str, arguments: dict[str, Any], result: Num) -> Traced:
        """Mark `result` as what the formula `name` returned for `arguments`."""
        arguments = {key: Traced.of(value) for key, value in arguments.items()}
        return Traced(Traced.of(result).value, "formula", ((Traced.of(result), 1.0),), "", None, name, arguments)


TRACE = _Trace()
