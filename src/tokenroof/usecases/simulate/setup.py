"""A question made ready to run: requests, deployment, rules of the scheduler."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.infeasible import infeasible_of
from tokenroof.scenario.resolve import resolve
from tokenroof.scenario.slo import Slo, slo_of
from tokenroof.simulate.binding import prefill_rules_of, rules_of
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import Rules
from tokenroof.types.limits import faults_of
from tokenroof.types.scenario import scenario_faults
from tokenroof.types.served import Infeasible
from tokenroof.usecases.simulate.cache import Kept, check_cache, kept_of
from tokenroof.usecases.simulate.load import Source, draw, scenario_of, source_of
from tokenroof.usecases.simulate.request import PERCENTILE, SimulateRequest

__all__ = ["Setup", "set_up"]

_PERIOD_S = 0.02  # the lecture's train leaves each time that memory has been read once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """A question made ready to run: requests, deployment, rules, a closed loop's requests at once, and the rate at
    which the requests arrive; with a prefix cache what is kept, and rules in its blocks (those of workers that prefill,
    where they are their own: `rules` are those of who decodes).
    """

    request: SimulateRequest
    source: Source
    requests: Requests
    deployment: Deployment
    rules: Rules
    scheduler: str
    concurrency: int | None
    think_s: float
    rate: float
    slo: Slo
    kept: Kept | None = None


def set_up(request: SimulateRequest, on_rows: Callable[[int], None] | None = None) -> Setup | Infeasible:
    """Requests and deployment; Infeasible where memory does not hold one request of the mean length."""
    ttft, tpot = (None if isinstance(one, str) else one for one in (request.ttft, request.tpot))
    # lengths that are given are checked with the scenario, limits with a percentile where they are read
    numbers = replace(request, isl=None, osl=None, ttft=ttft, tpot=tpot)
    for fault in (*faults_of(numbers), *scenario_faults(numbers)):
        raise fault
    _check(request)
    slo = slo_of(request.slo, request.ttft, request.tpot)
    if slo.by_percentiles and request.percentile != PERCENTILE:
        raise InputError("percentile", request.percentile, "left out: the limits have percentiles of their own")
    source = source_of(request, on_rows)
    deployment = resolve(scenario_of(request, source))
    if deployment.room() < 1.0:
        return infeasible_of(deployment)
    rules, scheduler = _rules(request, deployment)
    at_once = request.concurrency or request.users
    if source.requests is None and at_once is not None and at_once != int(at_once):
        raise InputError("concurrency" if request.concurrency else "users", at_once, "a whole number")
    requests = draw(request, source, deployment.workload)
    kept = kept_of(request, deployment, requests, prefill_rules_of(deployment) if deployment.disaggregated else rules)
    return Setup(
        request=request, source=source, requests=requests, deployment=deployment,
        rules=rules if kept is None or deployment.disaggregated else kept.rules, scheduler=scheduler,
        concurrency=None if at_once is None else int(at_once), think_s=deployment.load.think_s,
        rate=_rate(request, source), slo=slo, kept=kept,
    )  # fmt: skip


def _check(request: SimulateRequest) -> None:
    if request.period is not None and request.scheduler != "train":
        raise InputError("period", request.period, "given with the scheduler train")
    check_cache(request)


def _rules(request: SimulateRequest, deployment: Deployment) -> tuple[Rules, str]:
    """The engine's rules, or those of the scheduler that was asked for on the engine's memory and budgets."""
    own = replace(rules_of(deployment), seed=request.seed)
    name = request.scheduler
    if name is None:
        return own, deployment.engine
    if name == "static" and deployment.disaggregated:
        raise InputError(
            "scheduler", name, "another where prefill has workers of its own", "static batches do not move"
        )
    if name == "static":
        return replace(own, policy="static"), name
    if name == "train":
        return replace(own, policy="train", period_s=request.period or _PERIOD_S), name
    other = engine_of(name).scheduler
    policy, reserve = "mixed" if other.mixed else "prompts-first", "output" if other.reserves_output else "pages"
    return replace(own, policy=policy, reserve=reserve), name


def _rate(request: SimulateRequest, source: Source) -> float:
    """The rate at which requests that are drawn, or a trace, arrive as they are."""
    if source.requests is None:
        return request.request_rate or 1.0
    rate = source.requests.mean_rate
    if (request.capacity or request.rates) and not 0.0 < rate < math.inf:
        raise InputError("trace", request.trace, "one with arrivals at different times", "its rate is to be changed")
    return rate
