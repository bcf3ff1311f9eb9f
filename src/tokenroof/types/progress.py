"""How far something is: shares from 0 to 1, told to whoever waits."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

__all__ = ["OnProgress", "part_of", "told"]

OnProgress = Callable[[float], None]
T = TypeVar("T")


def part_of(on_progress: OnProgress | None, low: float, high: float) -> OnProgress | None:
    """Shares of one part of a whole, which begins at `low` and ends at `high` of it."""
    return None if on_progress is None else lambda share: on_progress(low + (high - low) * share)


def told(items: Sequence[T], on_progress: OnProgress | None) -> Iterator[T]:
    """The items, with the share that is done told after each."""
    for done, item in enumerate(items, 1):
        yield item
        if on_progress is not None:
            on_progress(done / len(items))
