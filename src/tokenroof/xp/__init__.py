"""One formula, several kinds of number.

A formula is written with operators and the functions of a namespace argument `xp`:

    SCALAR   Python floats: the command line, single points, tests
    NUMPY    arrays, broadcasting: sweeps
    DIMS     numbers that know their dimensions: the unit check in the tests
    TRACE    numbers that know their parents: explain(), grades, elasticities

Rules that make it hold: no `if` on a number (use `where`, `ratio`), no in-place writes, constants
that bring a unit are tagged with `tag`. Zero and infinity fit every dimension.
"""

from tokenroof.xp.dims import DIMS, Dim
from tokenroof.xp.plain import NUMPY, SCALAR, Namespace, Num
from tokenroof.xp.traced import TRACE, Traced

__all__ = ["DIMS", "NUMPY", "SCALAR", "TRACE", "Dim", "Namespace", "Num", "Traced"]
