"""Times a Timed program over big arrays in blocks that stay in cache, so that memory traffic does not set the pace."""

from typing import Any

from tokenroof.engine.timing import Timed
from tokenroof.types.program import Load

__all__ = ["step_seconds"]

_BLOCK = 65_536


def step_seconds(
    timed: Timed, *, decode: Load | None = None, prefill: Load | None = None, rule: str = "operators"
) -> Any:
    """Step times of a whole array of loads at once: an array of the loads' common (broadcast) shape.

    A product grid keeps its axes apart (batch as a column, context as a row): what does not depend on the context is
    then worked out once per batch.
    """
    import numpy as np

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
