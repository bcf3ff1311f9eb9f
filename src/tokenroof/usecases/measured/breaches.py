"""Why a measurement is better than its hardware allows: what its table must have wrong, and what number says so."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tokenroof.measure.deployments import Deployments
from tokenroof.measure.importers import read_results
from tokenroof.measure.setups import METRICS, Setup, Skip, setup_of
from tokenroof.scenario.bounds import bounds_of
from tokenroof.scenario.ranges import LOWER_IS_BETTER
from tokenroof.solve import crossing
from tokenroof.types.program import Load as StepLoad
from tokenroof.types.run import Run
from tokenroof.types.workload import Load

__all__ = ["BoundBreach", "explained", "reason_of"]

_LEAST_TOKENS = 2.0  # of an answer, for it to have a TPOT


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundBreach:
    """A measurement better than the hardware bound: a fault of the data, and `reason` says which."""

    file: str
    line: int
    row_id: str
    what: str
    metric: str
    measured: float
    bound: float
    unit: str
    reason: str = ""


def _most_answered(setup: Setup, tpot_s: float, deployments: Deployments) -> float:
    """Requests that can be answered at once at such a TPOT; 0 where the roof does not allow one."""
    _, bound, timed = deployments.of(setup)
    asked, each = setup.load.value, tpot_s * bound.tokens_per_step

    def in_time(requests: float) -> bool:
        share = requests / bound.layout.pp
        return float(timed.step(decode=StepLoad(share, share, bound.workload.context)).step_s) <= each

    if not in_time(1.0):
        return 0.0
    return asked if in_time(asked) else crossing(in_time, 1.0, asked)[0]


def _most_served(setup: Setup, deployments: Deployments) -> float:
    """Requests a second that the roof allows however many are in flight."""
    _, bound, timed = deployments.of(setup)
    return bounds_of(replace(bound, load=Load(kind="saturated")), setup.load.value, timed=timed).requests_per_s


def _too_many(run: Run, setup: Setup, tpot_s: float, ttft_s: float | None, deployments: Deployments) -> str:
    """A TPOT in a closed loop: were as many requests answered at once as the table says?"""
    asked, most = setup.load.value, _most_answered(setup, tpot_s, deployments)
    if most < 1.0:
        return "quicker than a request alone can be: format, GPU count or model are not as stated"
    said = f"fewer requests in flight than stated: at {1e3 * tpot_s:.3g} ms a token at most {most:,.0f} of {asked:,.0f}"
    if ttft_s is None:
        return f"{said} can be answered at once"
    answer_s = tpot_s * max(setup.workload.osl - 1.0, _LEAST_TOKENS - 1.0)
    stay_s = ttft_s + answer_s
    little, rate, best = asked * answer_s / stay_s, asked / stay_s, _most_served(setup, deployments)
    if little <= most:
        return f"{said} can be answered at once, and by its TTFT of {ttft_s:,.3g} s (Little's law) {little:,.0f} were"
    if rate > best:
        return (
            f"fewer requests in flight than stated, or prompts from a cache: {asked:,.0f} at once for {stay_s:,.3g} s "
            f"each are {rate:,.3g} a second (Little's law), and the hardware serves {best:,.3g} at most"
        )
    return f"{said} can be answered at once, where by its TTFT of {ttft_s:,.3g} s (Little's law) {little:,.0f} were"


def reason_of(run: Run, bound: float, ttft_s: float | None, deployments: Deployments) -> str:
    """What a row that beats its bound must have wrong. `ttft_s` is what the same run measured, where it did."""
    setup = setup_of(run)
    assert not isinstance(setup, Skip)  # it was scored
    quantity, scale = METRICS[run.metric]
    if quantity == "tpot" and setup.load.kind == "concurrency" and setup.prefill is None:
        return _too_many(run, setup, run.value / scale, ttft_s, deployments)
    times = bound / run.value if quantity in LOWER_IS_BETTER else run.value / bound
    if quantity.startswith("ttft"):
        return f"{1.0 / times:.0%} of the time of the prompt's arithmetic: part of it was cached, or it is shorter"
    return f"{times:.3g} times what the hardware can do: GPU count, format, lengths or counted tokens are not as stated"


def _ttft_s(run: Run, others: Iterable[Run]) -> float | None:
    """Mean TTFT of the same run: the row of the same setup that stands nearest."""
    setup = setup_of(run)
    same = [one for one in others if one.metric == "ttft_ms" and setup_of(one) == setup]
    nearest = min(same, key=lambda one: abs(one.line - run.line), default=None)
    return None if nearest is None else nearest.value / 1e3


def explained(
    found: Iterable[tuple[Run, BoundBreach]], paths: Mapping[str, Path], deployments: Deployments
) -> Iterator[BoundBreach]:
    """Breaches with their reasons; the tables of some are read again for what else their runs measured."""
    beside: dict[str, list[Run]] = {}
    for run, breach in found:
        if breach.file in paths and breach.file not in beside:
            rows = (row for row in read_results(paths[breach.file]) if isinstance(row, Run))
            beside[breach.file] = [row for row in rows if row.metric == "ttft_ms"]
        ttft_s = _ttft_s(run, (one for one in beside.get(breach.file, ()) if one.model == run.model))
        yield replace(breach, reason=reason_of(run, breach.bound, ttft_s, deployments))
