"""Evaluate a formula over big arrays in blocks small enough to stay in cache.

A formula over arrays makes one temporary per operator. Over millions of points each temporary is a trip to
memory and a fresh mapping from the system; over a block it is neither. Inputs broadcast, so that what does
not depend on an axis of a product grid is worked out once per block.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tokenroof.xp import NUMPY

__all__ = ["BLOCK", "in_blocks"]

# Points per block, 128 KB a temporary. benchmarks/test_formulas_bench.py compares sizes.
BLOCK = 16_384


def in_blocks(function: Callable[..., Any], inputs: Mapping[str, Any], *, block: int = BLOCK) -> Any:
    """`function(**inputs, xp=NUMPY)` as an array of the inputs' common shape.

    `inputs` are floats and arrays that broadcast together; arrays of one dtype give that dtype.
    """
    import numpy as np

    shape = np.broadcast_shapes(*(np.shape(value) for value in inputs.values()))
    size = int(np.prod(shape))
    if size <= block or not shape:
        return np.broadcast_to(function(**inputs, xp=NUMPY), shape)
    # Only what reaches along the first axis is cut; the rest is the same for every block.
    cut = {k: v for k, v in inputs.items() if np.ndim(v) == len(shape) and np.shape(v)[0] > 1}
    rows = block * shape[0] // size
    result = None
    for first in range(0, shape[0], max(1, rows)):
        part = slice(first, first + max(1, rows))
        some = dict(inputs) | {name: value[part] for name, value in cut.items()}
        if rows >= 1:
            found = function(**some, xp=NUMPY)
        else:
            inner = {k: v[0] if np.ndim(v) == len(shape) else v for k, v in some.items()}
            found = in_blocks(function, inner, block=block)
        if result is None:
            result = np.empty(shape, dtype=np.asarray(found).dtype)
        result[part] = found
    return result
