"""Fits what a running engine adds to its kernels, on end-to-end runs, and says how well that carries over.

Every factor starts from the kernel benchmarks (factor 1) or from what such times usually are, and is moved only as far
as the runs insist: a Gaussian prior on its logarithm. Runs are weighted so that a thousand configurations of one model
do not outvote ten of another. Held-out error: all runs of one model (or chip) are left out, the rest is fitted.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenroof.catalog.efficiency import compose_profile
from tokenroof.measure.constants import PRIORS, profile_tables
from tokenroof.measure.deployments import as_run, deployment_of
from tokenroof.measure.forecasts import quantities
from tokenroof.measure.robust import Linear, solve
from tokenroof.measure.setups import Setup
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.planner.drafts import drafting, tokens_per_pass
from tokenroof.types.efficiency import CollectiveCurve, Efficiency, OperatorCurve
from tokenroof.types.program import Program
from tokenroof.types.workload import Workload

__all__ = [
    "Case", "Group", "fit_groups", "group_cases", "linearise", "predict_group", "predict_groups", "refit",
]  # fmt: skip

Array = Any


# log error expected of a good prediction, by quantity
SIGMA = {"tpot": 0.08, "ttft": 0.3, "ttft_p50": 0.3}
_SIGMA_OTHER = 0.10
_NUDGE = 1e-4
_BINDING = math.log(3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One measurement of one setup, `value` in SI. `set` names its table."""

    set: str
    setup: Setup
    quantity: str
    metric: str
    value: float
    model: str
    chip: str
    family: str


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Cases that share a program, a machine and an engine: evaluated together, as arrays."""

    cases: tuple[Case, ...]
    program: Program
    curves: Mapping[str, OperatorCurve]
    collectives: Mapping[str, tuple[CollectiveCurve, ...]]
    order: Array = field(default=None)


def group_cases(
    cases: Iterable[Case],
    kernels: Callable[[str], tuple[Mapping[str, OperatorCurve], Mapping[str, tuple[CollectiveCurve, ...]]]],
) -> list[Group]:
    """Collect cases by everything but lengths, load and budgets."""
    found: dict[Any, list[Case]] = {}
    programs: dict[Any, Program] = {}
    for case in cases:
        one = case.setup
        fixed = replace(one.scheduler, token_budget=0.0, wait_passes=0.0)
        deployed = (one.model.id, repr(one.layout))
        key = (deployed, one.system.id, one.generation, one.load.kind, one.load.part, fixed, one.load.range_ratio,
               one.memory_fraction, one.load.requests is None, one.eager, one.warmed, one.planned, one.scheduler_steps,
               one.drafts, one.acceptance, one.workload.osl if one.drafts else None)  # fmt: skip
        found.setdefault(key, []).append(case)
        if deployed not in programs:
            programs[deployed] = lower(one.model, one.layout)
    groups = []
    for key, members in found.items():
        curves, collectives = kernels(members[0].setup.system.chip.id)
        groups.append(Group(tuple(members), programs[key[0]], curves, collectives))
    return groups


def _columns(points: Array) -> dict[str, Array]:
    """Constants as columns, one row per trial."""
    import numpy as np

    return {name: np.exp(points[:, at])[:, None] for at, name in enumerate(PRIORS)}


def _different(values: Mapping[str, Array], family: str, generation: str) -> tuple[dict[str, Array], Array]:
    """The trials that differ in what this family and generation see, and which of them each trial is."""
    import numpy as np

    factors, host = profile_tables(values, family, generation)
    seen = [*factors.values(), *(value for value in host.values() if not isinstance(value, Mapping))]
    seen += host["factors"].values()
    columns = [np.ravel(one) for one in seen if hasattr(one, "shape")]
    _, kept, places = np.unique(np.stack(columns, axis=1), axis=0, return_index=True, return_inverse=True)
    return {name: column[kept] for name, column in values.items()}, np.ravel(places)


def _group_log(group: Group, trials_of: Mapping[str, Array]) -> Array:
    """ln of the predictions of a group: trials x cases."""
    first = group.cases[0]
    one = first.setup
    values, places = _different(trials_of, first.family, one.generation)
    factors, host = profile_tables(values, first.family, one.generation)
    profile = compose_profile(
        "trial", group.curves, group.collectives, factors=factors, host=host, engine=one.generation,
        experts=one.model.has_experts,
    )  # fmt: skip
    return predict_group(group, profile, len(next(iter(values.values()))))[places]


def predict_group(group: Group, profile: Efficiency, trials: int) -> Array:
    """ln of the predictions of a group under a profile whose numbers are columns of so many trials: trials x cases."""
    import numpy as np

    one = group.cases[0].setup
    profile = as_run(profile, one)
    timed = bind(group.program, one.system, profile)
    if one.drafts:
        tokens = tokens_per_pass(one.acceptance, one.drafts)
        timed = drafting(
            timed, one.model, one.layout, one.system, profile, drafts=one.drafts, tokens=tokens, osl=one.workload.osl
        )

    def column(part: str, name: str) -> Array:
        return np.array([float(getattr(getattr(case.setup, part), name)) for case in group.cases])

    scheduler = replace(
        one.scheduler,
        token_budget=column("scheduler", "token_budget"),
        wait_passes=column("scheduler", "wait_passes"),
    )
    load = replace(
        one.load, value=column("load", "value"),
        requests=None if one.load.requests is None else column("load", "requests"),
    )  # fmt: skip
    work = Workload(isl=column("workload", "isl"), osl=column("workload", "osl"), prefix=column("workload", "prefix"))
    setup = replace(one, scheduler=scheduler, workload=work, load=load)
    deployment = deployment_of(setup, profile, timed)
    passes = deployment.estimate(load)
    found = replace(passes, tpot_s=passes.tpot_s / deployment.tokens_per_step)
    predicted = quantities(found, work, load, one.layout.n_gpus)
    names = np.array([case.quantity for case in group.cases])
    result = np.empty((trials, len(group.cases)))
    for name in set(names):
        part = np.broadcast_to(predicted[name], result.shape)
        result[:, names == name] = np.log(part[:, names == name])
    return result


def predict_groups(groups: Sequence[Group], points: Array) -> Array:
    """ln of every prediction, for every vector of ln constants: trials x cases, in the order of the groups."""
    import numpy as np

    values = _columns(np.atleast_2d(points))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.concatenate([_group_log(group, values) for group in groups], axis=1)


def _weights(cases: Sequence[Case]) -> Array:
    """One over the square root of the size of a cell of set, model, chip and metric, scaled to a mean near one."""
    import numpy as np

    cells: dict[tuple[str, str, str, str], int] = {}
    keys = [(case.set, case.model, case.chip, case.metric) for case in cases]
    for key in keys:
        cells[key] = cells.get(key, 0) + 1
    # A cell counts like sqrt(n) runs, and all runs of a cell are alike: 4 is what a typical cell then weighs.
    return np.array([4.0 / math.sqrt(cells[key]) / 4.0 for key in keys])


def _aim(cases: Sequence[Case]) -> tuple[Array, Array]:
    """(ln of the measurements, errors that a good prediction would have)."""
    import numpy as np

    sigma = np.array([SIGMA.get(case.quantity, _SIGMA_OTHER) for case in cases])
    return np.log([case.value for case in cases]), sigma


def _prior() -> tuple[Array, Array]:
    """ln of the constants before any run, and their widths."""
    import numpy as np

    return np.log([one.value for one in PRIORS.values()]), np.array([one.width for one in PRIORS.values()])


def fit_groups(
    groups: Sequence[Group], *, steps: int = 12, start: Array = None, progress: Callable[[str], None] | None = None
) -> Array:
    """ln of the constants that fit these groups best under the priors.

    Launches bound a pass from below and have no slope where they do not bind: unless told otherwise, a fit starts where
    they do.
    """
    import numpy as np

    cases = [case for group in groups for case in group.cases]
    target, sigma = _aim(cases)
    prior, width = _prior()
    if start is None:
        start = prior + np.array([_BINDING if name.startswith("launches.") else 0.0 for name in PRIORS])
    reachable = np.isfinite(predict_groups(groups, prior)[0])
    if progress is not None:
        progress(f"{len(cases)} measurements in {len(groups)} groups, {int((~reachable).sum())} that do not fit memory")

    def evaluate(points: Array) -> Array:
        return np.where(reachable, predict_groups(groups, points), target)

    fitted = solve(
        evaluate, target, sigma, prior=prior, width=width, weight=_weights(cases) * reachable, start=start,
        steps=steps, reach=0.7,
    )  # fmt: skip
    return fitted.x


def linearise(groups: Sequence[Group], point: Array) -> tuple[tuple[Case, ...], Linear]:
    """Cases in the order of the groups, and their predictions near `point`; where memory is short, the measurement."""
    import numpy as np

    cases = tuple(case for group in groups for case in group.cases)
    prior, width = _prior()
    nudge = _NUDGE * width
    logs = predict_groups(groups, np.vstack([point, point + np.diag(nudge)]))
    with np.errstate(invalid="ignore"):
        slope = (logs[1:] - logs[0]) / nudge[:, None]
    value, slope = np.where(np.isfinite(logs[0]), logs[0], _aim(cases)[0]), np.where(np.isfinite(slope), slope, 0.0)
    return cases, Linear(at=point, value=value, slope=slope, prior=prior, width=width)


def refit(cases: Sequence[Case], near: Linear, kept: Array) -> Array:
    """ln of the constants that fit the `kept` (a mask) of the cases best, by predictions that are linear in them."""
    import numpy as np

    target, sigma = _aim(cases)
    weight = np.zeros(len(cases))
    weight[kept] = _weights([case for case, keep in zip(cases, kept, strict=True) if keep])
    return near.solve(target, sigma, weight, np.ones(len(near.at), bool))[0]
