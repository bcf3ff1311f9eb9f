"""What `next` is asked and answers."""

from dataclasses import dataclass
from typing import Annotated

from tokenroof.engines.bench_commands import TOOLS
from tokenroof.types.default import Default
from tokenroof.types.limits import OneOf, Within
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Ranged

__all__ = ["QUESTIONS", "Answered", "NextRequest", "NextResponse", "NextRun"]

QUESTIONS = ("slo", "better", "gpus")


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRequest(Scenario):
    """A scenario and a question about it.

    `question`: slo (does it meet the limits?), better (is it better than `against`, MODEL@SYSTEM,tp=8?) or gpus (how
    many GPUs carry the load inside the limits?); left out, what is given decides. `runs` is how many to propose at
    most, for `tool`. `results` are runs that were made already, of the scenario's deployment where neither they nor the
    launch command `server_cmd` say otherwise; `format` and `interval_s` are as in RunsRequest.
    """

    question: Annotated[str | None, OneOf(QUESTIONS)] = None
    against: str | None = None
    tool: Annotated[str, OneOf(TOOLS)] = "vllm"
    runs: Annotated[int, Within(1, 20)] = 3
    results: tuple[str, ...] = ()
    format: str | None = None
    server_cmd: str | None = None
    interval_s: Annotated[float | None, Within(0.0, 86_400.0, "seconds", above=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer with its 80 % range, and the probability of yes; None where the question is not of yes or no.

    A latency or rate in SI, a ratio of throughputs, or a number of GPUs.
    """

    value: Ranged
    chance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """A run to make: its load, what it costs, and the width of the answer's 80 % range after it, as a factor."""

    deployment: str
    concurrency: float
    isl: float
    osl: float
    requests: int
    minutes: float
    gpu_minutes: float
    factor_after: float
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextResponse:
    """The question, its answer as shipped and with the results that were given, and the runs to make next.

    Factors are the upper end of the 80 % range of the answer over its middle.
    """

    sentence: str
    question: str
    asked: str
    metric: str
    unit: str
    limit: float | None
    before: Answered
    now: Answered
    factor_before: float
    factor_now: float
    factor_after: float
    learnt: tuple[str, ...]
    proposed: tuple[NextRun, ...]
    gpu_minutes: float
    settled: bool
    skipped: tuple[tuple[str, int], ...]
    defaults: tuple[Default, ...]
