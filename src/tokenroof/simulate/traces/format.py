"""What a format of traces is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from tokenroof.simulate.traces.collect import Collector

__all__ = ["TraceFormat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFormat:
    """One format of traces.

    `detect` is given the first characters of a file, `read` puts its rows into a Collector. `columns` are the columns
    or keys without which a row is no request. `example` is a short file of the format.
    """

    name: str
    columns: tuple[str, ...]
    detect: Callable[[str], bool]
    read: Callable[[TextIO, Collector], None]
    example: str
