"""What a deployment would measure under a load: each quantity with its 80 % range and its hardware bound."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from tokenroof.errors import DataMissing, InputError
from tokenroof.measure.deployments import Deployments
from tokenroof.measure.forecasts import Means, as_counted, quantities
from tokenroof.measure.setups import METRICS, Setup, Skip, setup_of
from tokenroof.operators.timing import Timed
from tokenroof.scenario.bounds import bounds_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.infeasible import infeasible_of
from tokenroof.scenario.ranges import ranged
from tokenroof.scenario.resolve import resolve
from tokenroof.types.default import Default
from tokenroof.types.limits import OneOf, Requests, Within
from tokenroof.types.program import Num
from tokenroof.types.run import Run
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Infeasible, Ranged
from tokenroof.types.workload import Load

__all__ = [
    "RUNS", "Forecaster", "PredictRequest", "Prediction", "Skip", "forecast", "in_unit", "predict", "ranged_quantities",
]  # fmt: skip

RUNS = ("served", "saturated", "static")
_SURE_OF_ROOM = 0.7  # of the requests that we think fit at once, so many surely do
_LAST_KEPT = 4  # tables give the metrics of one run in rows one after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictRequest(Scenario):
    """A scenario, and how a benchmark runs it.

    `run` is served (under the scenario's load), saturated (more requests wait than fit) or static (`batch` requests
    start and end together in each replica). `requests` is how many the run has in all, None for a steady state;
    lengths are means, and `range_ratio` is the shortest over the longest.
    """

    run: Annotated[str, OneOf(RUNS)] = "served"
    requests: Requests = None
    range_ratio: Annotated[float, Within(0.0, 1.0)] = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """tpot, ttft, e2e in seconds; output, total, input in tokens/s, output_per_gpu, input_per_gpu. `notes` say what is
    uncertain.

    What a run of this kind does not have, such as the TTFT of a saturated one, is left out; where the deployment does
    not hold the load `infeasible` says why and there are no quantities.
    """

    quantities: Mapping[str, Ranged]
    infeasible: Infeasible | None
    profile: str
    claim: str
    median_error: float | None
    notes: tuple[str, ...]
    defaults: tuple[Default, ...]


def ranged_quantities(
    means: Means, found: Deployment, bound: Deployment, timed: Timed | None = None, counted: float | None = None
) -> dict[str, Ranged]:
    """Every quantity of a load. `bound` is the deployment with all that is not known as it would be quickest.

    `counted`: the tokens of an answer that the client saw, where they are not all.
    """

    def seen(one: Means) -> dict[str, Num]:
        named = quantities(one, work, load, gpus)
        return named if counted is None else as_counted(named, work.osl, counted)

    load, work, gpus = found.load, found.workload, found.gpus
    asked = load.value / found.replicas if load.kind == "concurrency" else 1.0
    best = seen(bounds_of(bound, asked, sure_of_room=_SURE_OF_ROOM, timed=timed))
    return {
        name: ranged(name, float(value), found.profile, float(best[name]))
        for name, value in seen(means).items()
        if math.isfinite(value)
    }


def in_unit(one: Ranged, scale: float) -> Ranged:
    """A quantity in another unit, `scale` of which are one of SI."""
    low, high, bound = (None if end is None else end * scale for end in (one.low, one.high, one.bound))
    return Ranged(value=one.value * scale, low=low, high=high, bound=bound)


@dataclass(slots=True)
class Forecaster:
    """Forecasts runs one after the other; what they share is kept in `deployments`. `read_as` is of the last."""

    deployments: Deployments = field(default_factory=Deployments)
    read_as: str = ""
    _last: list[tuple[Setup, dict[str, Ranged]]] = field(default_factory=list)

    def forecast(self, run: Run) -> Ranged | Skip:
        """What a measured run should have measured, in its own unit, or why nobody can say."""
        setup = setup_of(run)
        if isinstance(setup, Skip):
            return setup
        self.read_as = setup.read_as
        try:
            found = self.quantities(setup)
        except InputError as error:
            return Skip(f"{error.field} cannot be used")
        except DataMissing as error:
            return Skip(str(error))  # names the machine or model and the figure: the other rows are predicted
        name, scale = METRICS[run.metric]
        if run.metric.startswith("itl"):
            name = "itl"
        one = found.get(name)
        if one is None or one.value <= 0.0:
            return Skip("by our count it does not fit into memory")
        return in_unit(one, scale)

    def quantities(self, setup: Setup) -> dict[str, Ranged]:
        """Every quantity of a setup in SI; none where its decode workers have no room."""
        for known, found in self._last:
            if known == setup:
                return found
        deployment, bound, timed = self.deployments.of(setup)
        # A run that was made did fit; our memory rule speaks only where requests wait for memory.
        if deployment.disaggregated and deployment.room() < 1.0:
            return {}  # decode workers without room for a request have no pace either
        passes = deployment.estimate(setup.load)
        tokens = replace(passes, tpot_s=passes.tpot_s / deployment.tokens_per_step)
        found = ranged_quantities(tokens, deployment, bound, timed, setup.counted)
        if "tpot" in found:  # engines stream what a pass yields at once
            found["itl"] = in_unit(found["tpot"], deployment.tokens_per_step)
        self._last = [(setup, found), *self._last[: _LAST_KEPT - 1]]
        return found


def forecast(run: Run) -> Ranged | Skip:
    """What one measured run should have measured, in its own unit, or why nobody can say."""
    return Forecaster().forecast(run)


def _load(request: PredictRequest, load: Load) -> Load:
    if request.run == "static":
        if request.batch is None:
            raise InputError("batch", None, "how many requests start together", "give batch, or another run")
        load = Load(kind="static", value=request.batch)
    elif request.run == "saturated":
        load = Load(kind="saturated")
    return replace(load, requests=request.requests, range_ratio=request.range_ratio)


def predict(request: PredictRequest) -> Prediction:
    """Every quantity of a deployment under a load, with ranges."""
    deployment = resolve(request)
    deployment = replace(deployment, load=_load(request, deployment.load))
    served = deployment.serve()
    found = ranged_quantities(served, deployment, deployment) if served.fits else {}
    profile = deployment.profile
    return Prediction(
        quantities=found, infeasible=None if served.fits else infeasible_of(deployment), profile=profile.id,
        claim=deployment.claim, median_error=profile.median_error, notes=profile.notes, defaults=deployment.defaults,
    )  # fmt: skip
