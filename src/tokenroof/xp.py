"""One formula, several kinds of number.

A formula is written with operators and the functions of a namespace argument `xp`:

    SCALAR   Python floats: the command line, single points, tests
    NUMPY    arrays, broadcasting: sweeps
    DIMS     numbers that know their dimensions: the unit check in the tests
    TRACE    numbers that know their parents: explain(), grades, elasticities

Rules that make it hold: no `if` on a number (use `where`, `ratio`), no in-place writes, constants
that bring a unit are tagged with `tag`. Zero and infinity fit every dimension.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tokenroof.errors import UnitError
from tokenroof.provenance import Fact
from tokenroof.units import Dims, dims_text, parse_unit

__all__ = ["DIMS", "NUMPY", "SCALAR", "TRACE", "Dim", "Namespace", "Num", "Traced"]

# A float, an ndarray, a Dim or a Traced: whatever the namespace in use computes with.
Num = Any


class Namespace(Protocol):
    """The functions a formula may use besides operators."""

    name: str

    def maximum(self, a: Num, b: Num) -> Num: ...
    def minimum(self, a: Num, b: Num) -> Num: ...
    def where(self, condition: Any, a: Num, b: Num) -> Num: ...
    def ratio(self, a: Num, b: Num, otherwise: Num) -> Num:
        """a / b where b > 0, `otherwise` elsewhere."""

    def sqrt(self, a: Num) -> Num: ...
    def exp(self, a: Num) -> Num: ...
    def log(self, a: Num) -> Num: ...
    def power(self, a: Num, exponent: Num) -> Num: ...
    def ceil(self, a: Num) -> Num: ...
    def floor(self, a: Num) -> Num: ...
    def tag(self, value: float, unit: str) -> Num:
        """A constant that brings a unit, such as 2 FLOP per multiply-add."""


class _Scalar:
    name = "SCALAR"

    def maximum(self, a: Num, b: Num) -> Num:
        return a if a >= b else b

    def minimum(self, a: Num, b: Num) -> Num:
        return a if a <= b else b

    def where(self, condition: Any, a: Num, b: Num) -> Num:
        return a if condition else b

    def ratio(self, a: Num, b: Num, otherwise: Num) -> Num:
        return a / b if b > 0 else otherwise

    def sqrt(self, a: Num) -> Num:
        return math.sqrt(a)

    def exp(self, a: Num) -> Num:
        return math.exp(a) if a < 709.0 else math.inf

    def log(self, a: Num) -> Num:
        return math.log(a) if a > 0 else -math.inf

    def power(self, a: Num, exponent: Num) -> Num:
        try:
            return math.pow(a, exponent)
        except OverflowError:
            return math.inf

    def ceil(self, a: Num) -> Num:
        return float(math.ceil(a)) if math.isfinite(a) else a

    def floor(self, a: Num) -> Num:
        return float(math.floor(a)) if math.isfinite(a) else a

    def tag(self, value: float, unit: str) -> Num:
        return value


class _Numpy:
    """Arrays. numpy is imported at the first use, so that the command line does not pay for it."""

    name = "NUMPY"

    def __getattr__(self, function: str) -> Any:
        import numpy

        found = getattr(numpy, function)
        setattr(self, function, found)
        return found

    # Plain numbers stay plain: numpy's own scalars would make every array that they meet double precision.

    def maximum(self, a: Num, b: Num) -> Num:
        import numpy

        return numpy.maximum(a, b) if hasattr(a, "shape") or hasattr(b, "shape") else SCALAR.maximum(a, b)

    def minimum(self, a: Num, b: Num) -> Num:
        import numpy

        return numpy.minimum(a, b) if hasattr(a, "shape") or hasattr(b, "shape") else SCALAR.minimum(a, b)

    def where(self, condition: Any, a: Num, b: Num) -> Num:
        import numpy

        return numpy.where(condition, a, b) if hasattr(condition, "shape") else SCALAR.where(condition, a, b)

    def ceil(self, a: Num) -> Num:
        import numpy

        return numpy.ceil(a) if hasattr(a, "shape") else SCALAR.ceil(a)

    def floor(self, a: Num) -> Num:
        import numpy

        return numpy.floor(a) if hasattr(a, "shape") else SCALAR.floor(a)

    def ratio(self, a: Num, b: Num, otherwise: Num) -> Num:
        import numpy

        positive = numpy.greater(b, 0)
        return numpy.where(positive, a / numpy.where(positive, b, 1.0), otherwise)

    def tag(self, value: float, unit: str) -> Num:
        return value


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


SCALAR: Namespace = _Scalar()
NUMPY: Namespace = _Numpy()
DIMS: Namespace = _Dims()
TRACE = _Trace()
