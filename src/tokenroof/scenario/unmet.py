"""Why a deployment does not do what is asked of it, by memory or by latency, and changes that were tried and do."""

import math
from dataclasses import replace

from tokenroof.errors import TokenroofError
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.infeasible import infeasible_of, other_ways
from tokenroof.scenario.resolve import met, resolve
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Infeasible, Served
from tokenroof.units import format_figures

__all__ = ["unmet"]

_OPEN = {"batch": None, "concurrency": None, "request_rate": None, "users": None}
_A_THOUSANDTH = 1.001
_OF_THE_MOST = 0.95
_WORDS = {"tpot": "TPOT", "ttft": "TTFT"}


def _alone(deployment: Deployment, limit: str) -> tuple[float, float]:
    """TPOT and TTFT of one request at once, in the given layout or in the one that is quickest in what is limited."""
    scenario = deployment.scenario
    if deployment.disaggregated:
        found = deployment.closed(1.0)
        return float(found.tpot_s) / deployment.tokens_per_step, float(found.ttft_s)
    free = replace(scenario, **(_OPEN | {limit: None, "slo": None, "batch": 1.0}))  # type: ignore[arg-type]
    try:
        best = resolve(free)
    except TokenroofError:
        best = deployment
    found = best.closed(1.0)
    return float(found.tpot_s) / best.tokens_per_step, float(found.ttft_s)


def _milli(seconds: float) -> str:
    """A limit that this time keeps, in ms with four figures."""
    up = seconds * _A_THOUSANDTH * 1e3
    return f"{up:.4g}ms"


def _limited(deployment: Deployment, limit: str, seconds: float) -> Scenario:
    """The scenario with another limit in the place of one, a little above a time."""
    limits, wider = deployment.limits, seconds * _A_THOUSANDTH
    return replace(
        deployment.scenario, slo=None, ttft=wider if limit == "ttft" else limits.ttft_s,
        tpot=wider if limit == "tpot" else limits.tpot_s,
    )  # fmt: skip


def _latency(deployment: Deployment, served: Served, limit: str) -> Infeasible:
    scenario, limits = deployment.scenario, deployment.limits
    tpot_s, ttft_s = _alone(deployment, limit)
    alone = tpot_s if limit == "tpot" else ttft_s
    allowed = (limits.tpot_s if limit == "tpot" else limits.ttft_s) or math.inf
    name, fixes = _WORDS[limit], []
    shown = (served.tpot_s if limit == "tpot" else served.ttft_s) if served.fits else alone
    if alone <= allowed and served.fits:
        least = f"more than {allowed * 1e3:.4g} ms" if math.isinf(shown) else f"{shown * 1e3:.4g} ms"
        reason = f"{name} is {least} under this load; the limit is {allowed * 1e3:.4g} ms"
        free = resolve(replace(scenario, **_OPEN))  # type: ignore[arg-type]
        most = free.serve()
        if most.fits:
            fixes.append(f"concurrency {most.concurrency:.0f}")
    else:
        reason = f"{name} is {alone * 1e3:.3g} ms even with one request at once; the limit is {allowed * 1e3:.3g} ms"
    if math.isfinite(shown) and met(_limited(deployment, limit, shown)):
        fixes.append(f"{limit} {_milli(shown)}")
    return Infeasible(reason=reason, fixes=(*fixes, *other_ways(deployment)), limit=limit)


def _too_many(deployment: Deployment, served: Served) -> Infeasible:
    """More arrive than are served: the queue, and so every latency, grows without end."""
    scenario, most = deployment.scenario, served.requests_per_s
    kind = deployment.load.kind
    if kind == "users":
        reason = f"its users ask for more than the {format_figures(most)} requests/s that it serves"
        each_s = deployment.load.think_s + float(deployment.one_each().e2e_s)
        fewer = float(math.floor(_OF_THE_MOST * most * each_s))
    else:
        reason = f"{deployment.load.value:,.6g} requests/s arrive and at most {format_figures(most)} are served"
        fewer = float(f"{_OF_THE_MOST * most:.3g}")
    held = fewer > 0 and met(replace(scenario, **{kind: fewer}))  # type: ignore[arg-type]
    fixes = (f"{kind} {fewer:,.6g}",) if held else ()
    return Infeasible(reason=reason, fixes=(*fixes, *other_ways(deployment)), limit="load")


def unmet(deployment: Deployment, served: Served) -> Infeasible | None:
    """None where the load is served inside the limits, otherwise what breaks and what would hold."""
    limit = deployment.missed(served)
    if not limit:
        return None
    if limit == "load":
        return _too_many(deployment, served)
    return _latency(deployment, served, limit) if limit in _WORDS else infeasible_of(deployment)
