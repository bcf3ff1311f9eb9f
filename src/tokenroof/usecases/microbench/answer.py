"""What is asked of this machine, and what it reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from tokenroof.measure.probes.sample import Sample
from tokenroof.types.limits import OneOf, Within

__all__ = ["DEVICES", "MicrobenchRequest", "MicrobenchResponse", "Reached"]

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrobenchRequest:
    """Which device, for how long, how large.

    `seconds` is about what all probes together take; `largest` bytes of the largest buffer (None: past the caches);
    `ranks` processes or GPUs that sum together (None: one a core up to eight, or every GPU; 1: none). `name` is the
    chip's id, `as_of` the date of the measurement, `max_spread` the widest spread with which rates are saved.
    """

    device: Annotated[str, OneOf(DEVICES)] = "auto"
    seconds: Annotated[float, Within(0.1, 600.0, "seconds")] = 20.0
    largest: Annotated[float | None, Within(1e5, 1e11, "bytes")] = None
    ranks: Annotated[int | None, Within(1, 64, "ranks")] = None
    name: str | None = None
    as_of: str = ""
    max_spread: Annotated[float, Within(0.0, 10.0, above=True)] = 0.2
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A rate of the device: the median of the probe that reached most, the fastest repetition, and its spread.

    `rate` is in B/s or FLOP/s. Without a `shape` it was not measured but follows from another: `basis` says how.
    """

    rate: float
    best: float
    spread: float
    shape: str
    basis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrobenchResponse:
    """What the probes found, with the machine that they ran on.

    `read` is the memory's bandwidth for reads past the caches, `copied` counts what a copy reads and writes,
    `arithmetic` is by format. `load_average` is how many processes wanted the machine when the probes began, None where
    the system does not say. `wide` names the rates whose spread is too wide to be saved.
    """

    sentence: str
    device: str
    id: str
    name: str
    vendor: str
    kind: str
    cores: int
    cache_bytes: float
    memory_bytes: float
    as_of: str
    read: Reached
    copied: Reached
    arithmetic: Mapping[str, Reached]
    launch_s: float
    link: Reached | None
    ranks: int
    samples: tuple[Sample, ...]
    elapsed_s: float
    load_average: float | None
    max_spread: float
    wide: tuple[str, ...]
    notes: tuple[str, ...]
