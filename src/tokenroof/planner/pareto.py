"""Which of many points no other point beats in two respects at once."""

from typing import Any

__all__ = ["frontier"]


def frontier(x: Any, y: Any) -> Any:
    """Positions of the points that no other has both more x and more y than, by falling y; equal ones once.

    Points with a value that is not finite are left out.
    """
    import numpy as np

    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    usable = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not usable.size:
        return usable
    order = usable[np.lexsort((-x[usable], -y[usable]))]
    best = np.maximum.accumulate(x[order])
    keep = np.ones(order.size, dtype=bool)
    keep[1:] = x[order][1:] > best[:-1]
    return order[keep]
