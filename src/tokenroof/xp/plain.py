"""What a formula may use, and plain numbers for it: floats and arrays."""

import math
from typing import Any, Protocol

__all__ = ["NUMPY", "SCALAR", "Namespace", "Num"]

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


SCALAR: Namespace = _Scalar()
NUMPY: Namespace = _Numpy()
