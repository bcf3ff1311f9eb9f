"""Evaluates formulas and programs over arrays in blocks that stay in the processor's cache."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tokenroof.operators.timing import Timed
from tokenroof.types.program import Load
from tokenroof.xp import NUMPY

BLOCK = 16_384
_BLOCK = 65_536


def in_blocks(function: Callable[..., Any], inputs: Mapping[str, Any], *, block: int = BLOCK) -> Any:
    """`function(**inputs, xp=NUMPY)` as an array of the inputs' common shape.

    `inputs` are floats and arrays that broadcast together; arrays of one dtype give that dtype.
    """
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


def step_seconds(
    timed: Timed, *, decode: Load | None = None, prefill: Load | None = None, rule: str = "operators"
) -> Any:
    """Step times of a whole array of loads at once: an array of the loads' common (broadcast) shape.

    A product grid keeps its axes apart (batch as a column, context as a row): what does not depend on the context is
    then worked out once per batch.
    """
    parts = [part for part in (decode, prefill) if part is not None]
    shape = np.broadcast_shapes(*(np.shape(n) for part in parts for n in (part.tokens, part.sequences, part.context)))
    if len(shape) == 0 or np.prod(shape) <= _BLOCK or timed.program.vectorised:
        whole = timed.step(decode=decode, prefill=prefill, rule=rule).step_s
        return np.broadcast_to(whole, np.broadcast_shapes(shape, np.shape(whole)))
    result = np.empty(shape)
    rows = max(1, int(_BLOCK * shape[0] // np.prod(shape)))

    def cut(load: Load | None, first: int) -> Load | None:
        if load is None:
            return None

        def slab(number: Any) -> Any:
            full = np.ndim(number) == len(shape) and np.shape(number)[0] > 1
            return number[first : first + rows] if full else number

        return Load(slab(load.tokens), slab(load.sequences), slab(load.context))

    for first in range(0, shape[0], rows):
        part = timed.step(decode=cut(decode, first), prefill=cut(prefill, first), rule=rule).step_s
        result[first : first + rows] = part
    return result
