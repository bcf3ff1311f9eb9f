"""Limits of inputs, written beside the field: `Annotated[float | None, Within(1.0, 1e9, "tokens")]`.

The schema reads them and checks every request from every door; nothing below checks again.
"""

from dataclasses import dataclass
from typing import Annotated

__all__ = ["Count", "Degree", "Dollars", "OneOf", "Requests", "Seconds", "Share", "Tokens", "Within"]


@dataclass(frozen=True, slots=True)
class Within:
    """A finite number from `low` to `high`, both allowed (`above`: `low` itself is not). `what` says what it counts."""

    low: float
    high: float
    what: str = ""
    above: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these words."""

    words: tuple[str, ...]


Degree = Annotated[int | None, Within(1, 100_000, "GPUs")]
Count = Annotated[int | None, Within(0, 1e9)]
Tokens = Annotated[float | None, Within(1.0, 1e9, "tokens")]
Requests = Annotated[float | None, Within(0.0, 1e9, "requests", above=True)]
Seconds = Annotated[float | None, Within(0.0, 1e6, "seconds", above=True)]
Dollars = Annotated[float | None, Within(0.0, 1e6, "dollars")]
Share = Annotated[float | None, Within(0.0, 1.0)]
