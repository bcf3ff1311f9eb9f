"""What `analyze` is asked."""

from dataclasses import dataclass
from typing import Annotated

from tokenroof.types.limits import OneOf, Within
from tokenroof.types.scenario import Scenario

__all__ = ["RULES", "AnalyzeRequest"]

RULES = ("lecture", "text", "book")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeRequest(Scenario):
    """A scenario, and what stands beside the answer: the closed form under `rule`, a fast mode of `fast_speedup`."""

    rule: Annotated[str, OneOf(RULES)] = "lecture"
    fast_speedup: Annotated[float, Within(1.0, 1e4)] = 2.5
