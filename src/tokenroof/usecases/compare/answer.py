"""What `compare` answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenroof.scenario.deployment import Deployment
from tokenroof.types.default import Default
from tokenroof.types.run import Fault
from tokenroof.types.served import Ranged

__all__ = [
    "VERDICTS",
    "Change",
    "CompareResponse",
    "Compared",
    "ComparedRun",
    "Hint",
    "LatencyPoint",
    "Part",
    "RoofPoint",
]

VERDICTS = ("as predicted", "slower", "faster", "impossible")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One quantity of a run, in SI. `verdict`: as predicted is inside the 80 % range, impossible beats the bound."""

    quantity: str
    metric: str
    measured: float
    predicted: Ranged
    verdict: str

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return self.predicted.value / self.measured - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a latency. Pieces of one latency add up to what was measured; one that is negative was overestimated.

    `kind` is what it waits for: memory, compute, network or other.
    """

    name: str
    time_s: float
    evidence: str
    kind: str = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoofPoint:
    """A decode step on the roofline of one GPU: operations over bytes, and the operations a second that were reached.

    `mfu` is of all steps, prompts and answers, at the measured rate; `mbu` is what a decode step must read over the
    measured TPOT. Both are shares of dense datasheet peaks; `peak_flops_per_s` is that of most of the arithmetic. None
    where the run does not tell.
    """

    intensity: float
    ridge: float
    flops_per_s: float | None
    predicted_flops_per_s: float
    peak_flops_per_s: float
    peak_rate: str
    bytes_per_s: float
    mfu: float | None
    mbu: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One run beside its prediction. `running` are the requests that decode together in a replica, by prediction.

    `verdict` is impossible where any of its numbers beats the bound (`reason` says what that means), else that of its
    main number: all that is said of the run says this.
    """

    file: str
    line: int
    what: str
    layout_label: str
    load: str
    load_kind: str
    load_value: float
    isl: float
    osl: float
    running: float
    numbers: tuple[Compared, ...]
    roofline: RoofPoint | None
    tpot_parts: tuple[Part, ...]
    ttft_parts: tuple[Part, ...]
    verdict: str = ""
    reason: str = ""
    deployment: Deployment | None = field(default=None, repr=False, compare=False)

    def of(self, quantity: str) -> Compared | None:
        """One quantity, None where it was not measured."""
        return next((one for one in self.numbers if one.quantity == quantity), None)

    @property
    def apart(self) -> tuple[Compared, ...]:
        """Its other numbers that are outside their range on another side than the main one, or alone."""
        but = ("as predicted", self.main.verdict)
        return tuple(one for one in self.numbers if one is not self.main and one.verdict not in but)

    @property
    def main(self) -> Compared:
        """What the run is judged by: TPOT, else the first that was measured."""
        return self.of("tpot") or self.numbers[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A pattern in the results: what was seen, what it usually means, and what to look at."""

    pattern: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Another deployment on the same machine under the same load; ratios of predictions are after over before."""

    what: str
    tpot_s: float
    ttft_s: float
    tpot_ratio: float
    output_ratio: float
    ttft_ratio: float
    within_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPoint:
    """The latency-batch curve at one number of requests at once: predicted TPOT, and the bound."""

    concurrency: float
    tpot: Ranged


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareResponse:
    """Runs, the worst first; what is told at length is of the first."""

    sentence: str
    runs: tuple[ComparedRun, ...]
    hints: tuple[Hint, ...]
    changes: tuple[Change, ...]
    no_changes: str
    curve: tuple[LatencyPoint, ...]
    profile: str
    claim: str
    n: int
    median_error: float | None
    skipped: tuple[tuple[str, int], ...]
    faults: tuple[Fault, ...]
    defaults: tuple[Default, ...]
    notes: tuple[str, ...]
    read: tuple[str, ...]
    counts: Mapping[str, int]
