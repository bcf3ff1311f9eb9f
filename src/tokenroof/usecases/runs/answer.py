"""What `runs` answers."""

from dataclasses import dataclass, field

from tokenroof.types.benchmark import Benchmark
from tokenroof.types.run import Fault

__all__ = ["ReadRun", "RunsResponse", "StartLog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRun:
    """One run as it was read. Times in seconds, rates of the whole deployment; None where nobody said.

    `what` is model, machine, layout and engine in one line and `missing` what nobody said of them.
    """

    file: str
    line: int
    tool: str
    what: str
    load: str
    isl: float | None
    osl: float | None
    ttft: float | None
    tpot: float | None
    e2e: float | None
    in_flight: float | None
    output: float | None
    total: float | None
    requests: float | None
    notes: tuple[str, ...]
    missing: str
    source: Benchmark = field(repr=False, compare=False, metadata={"hidden": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLog:
    """What an engine printed at its start, of one GPU."""

    file: str
    engine: str
    tokens: float | None
    pool_bytes: float | None
    weights_bytes: float | None
    graphs_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsResponse:
    """Every run of the files in order, logs of starts, and records that could not be read."""

    runs: tuple[ReadRun, ...]
    logs: tuple[StartLog, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
