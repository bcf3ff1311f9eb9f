"""A profile of one's own: few factors on the shipped one, moved as far as a user's results insist.

Each factor is a logarithm with a Gaussian prior about the shipped value, hierarchical in what it stands for (engine,
chip, layer, network, request); errors are logarithms too, and outliers count by Huber's loss. What the data cannot
move stays where it was. docs/guide/calibrate.md says how widths were chosen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenroof.catalog.efficiency import compose_profile, engine_tables, kernel_curves, profile_source, shipped_serving
from tokenroof.measure.fit_runs import Case, Group, group_cases, predict_group
from tokenroof.measure.robust import Linear
from tokenroof.measure.setups import Setup

__all__ = [
    "PARAMETERS", "Fit", "HeldOutError", "Observed", "Parameter", "Problem", "calibrated_tables", "fit",
    "half_width", "held_out", "linearised",
]  # fmt: skip

Array = Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """A factor: the level that it belongs to, the half-width of its prior as a logarithm, and what it multiplies."""

    level: str
    width: float
    words: str


PARAMETERS: Mapping[str, Parameter] = {
    "host": Parameter("engine", 0.7, "host time of a step"),
    "sequence": Parameter("engine", 0.7, "host time of a sequence in a step"),
    "launch": Parameter("engine", 0.4, "start of a kernel in a step with prompts"),
    "fixed": Parameter("layer", 0.3, "fixed time of every kernel"),
    "experts": Parameter("layer", 0.3, "time of expert kernels"),
    "attention": Parameter("layer", 0.2, "time of attention kernels"),
    "bandwidth": Parameter("chip", 0.1, "share of memory bandwidth that kernels reach"),
    "compute": Parameter("chip", 0.15, "share of peak arithmetic that kernels reach"),
    "communication": Parameter("network", 0.4, "time of collectives"),
    "request": Parameter("request", 0.6, "time of a request outside the steps"),
    "warmup": Parameter("request", 0.7, "what the first wave waits for compilation"),
}
# log error expected of a measurement, what the model gets wrong in its own way with it
SIGMA = {"tpot": 0.12, "ttft": 0.48, "ttft_p50": 0.48}
_SIGMA_OTHER = 0.16
_ATTENTION = ("attention_", "mla_", "indexer_", "recurrence_")
MOVED = 0.9  # posterior over prior width: above it the data said nothing
_SHARE = 0.8
_NOISES = (1.0, 2.0, 4.0, 256.0)  # times SIGMA; the last keeps what is shipped
_ROUNDS = 3
_REACH, _NUDGE = 1.0, 0.05
_MATTERS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One measured quantity of one result, in SI; `result` numbers the results."""

    setup: Setup
    quantity: str
    value: float
    result: int


def calibrated_tables(
    factors: Mapping[str, Any], host: Mapping[str, Any], kinds: Sequence[str], values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(factors inside the engine, host times) of the shipped profile under factors of one's own; numbers or arrays."""
    found = dict(factors)
    for kind in kinds:
        slower = values["experts"] if kind == "grouped_gemm" else 1.0
        slower = values["attention"] if kind.startswith(_ATTENTION) else slower
        fixed = factors.get(f"{kind}.fixed", factors.get("fixed", 1.0))
        found[f"{kind}.fixed"] = fixed * values["fixed"] * slower
        found[f"{kind}.bytes"] = factors.get(f"{kind}.bytes", 1.0) * values["bandwidth"] / slower
        found[f"{kind}.flops"] = factors.get(f"{kind}.flops", 1.0) * values["compute"] / slower
    found["fixed"] = factors.get("fixed", 1.0) * values["fixed"]
    found["communication"] = factors.get("communication", 1.0) * values["communication"]
    found["skew_s_per_width"] = factors.get("skew_s_per_width", 0.0) * values["communication"]
    times = {
        "host_s": "host", "host_per_sequence_s": "sequence", "stream_s": "sequence", "draft_sequence_s": "sequence",
        "draft_pass_s": "host", "draft_plan_s": "host", "launch_s": "launch", "request_s": "request",
        "prompt_token_s": "request", "warmup_s": "warmup", "experts_warmup_s": "warmup",
    }  # fmt: skip
    own = {name: host.get(name, 0.0) * values[factor] for name, factor in times.items()}
    return found, {**host, **own}


def _cases(observed: Sequence[Observed]) -> list[Case]:
    """As the fit of the catalogue has them."""
    return [
        Case(
            set=str(one.result), setup=one.setup, quantity=one.quantity, metric=one.quantity, value=one.value,
            model=one.setup.model.id, chip=one.setup.system.chip.id, family=profile_source(one.setup.system.chip)[1],
        )
        for one in observed
    ]  # fmt: skip


@dataclass(slots=True)
class Problem:
    """What is fitted: groups of cases, and the numbers that go with each in their order."""

    groups: list[Group]
    cases: list[Case] = field(default_factory=list)

    @classmethod
    def of(cls, observed: Sequence[Observed]) -> "Problem":
        """Group what shares a program, a machine and an engine."""
        from tokenroof.catalog import load_chip

        chips = {one.setup.system.chip.id: one.setup.system.chip for one in observed}
        groups = group_cases(_cases(observed), lambda chip: kernel_curves(chips.get(chip) or load_chip(chip)))
        return cls(groups, [case for group in groups for case in group.cases])

    def predict(self, points: Array) -> Array:
        """ln of the predictions: trials x cases. `points` are rows of ln factors, in the order of PARAMETERS."""
        import numpy as np

        rows = np.atleast_2d(points)
        values = {name: np.exp(rows[:, at])[:, None] for at, name in enumerate(PARAMETERS)}
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.concatenate([_group_log(group, values, len(rows)) for group in self.groups], axis=1)


def _group_log(group: Group, values: Mapping[str, Array], trials: int) -> Array:
    first = group.cases[0]
    setup = first.setup
    factors, host = engine_tables(shipped_serving(), first.family, setup.generation)
    kinds = sorted({key.split(".")[0] for key in group.curves})
    inside, times = calibrated_tables(factors, host, kinds, values)
    profile = compose_profile(
        "trial", group.curves, group.collectives, factors=inside, host=times, engine=setup.generation,
        experts=setup.model.has_experts,
    )  # fmt: skip
    return predict_group(group, profile, trials)


def _widths() -> Array:
    import numpy as np

    return np.array([one.width for one in PARAMETERS.values()])


def linearised(problem: Problem, point: Array, among: Array) -> Linear:
    """The problem near a point, by differences in the parameters `among` (a mask)."""
    import numpy as np

    places = np.flatnonzero(among)
    nudge = _NUDGE * _widths()[places]
    trials = np.tile(point, (len(places) + 1, 1))
    trials[np.arange(len(places)) + 1, places] += nudge
    found = problem.predict(trials)
    slope = np.zeros((len(point), found.shape[1]))
    slope[places] = (found[1:] - found[0]) / nudge[:, None]
    return Linear(at=point, value=found[0], slope=slope, prior=np.zeros(len(point)), width=_widths())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fit: ln of the factors with their covariance, the parameters that the data moved, and the problem near it.

    `noise` is how many times the usual errors of measurement the data are taken to have.
    """

    point: Array
    covariance: Array
    moved: tuple[str, ...]
    noise: float
    shipped: Array
    near: Linear
    target: Array
    sigma: Array
    weight: Array
    free: Array

    def worse(self, left: Sequence["HeldOutError"]) -> bool:
        """Whether results left out are predicted better as shipped, in units of the usual noise."""
        scored = [(abs(one.value), abs(one.shipped), SIGMA.get(one.quantity, _SIGMA_OTHER)) for one in left]
        return sum(after / usual for after, _, usual in scored) > sum(before / usual for _, before, usual in scored)

    def at_rest(self, left: Sequence["HeldOutError"]) -> Array:
        """ln of the factors; all as shipped where that predicts results left out better."""
        return self.point * 0.0 if self.worse(left) else self.point


def fit(problem: Problem) -> Fit:
    """The factors that fit best under the priors, at the noise under which results left out are predicted best."""
    import numpy as np

    target = np.log([case.value for case in problem.cases])
    sigma = np.array([SIGMA.get(case.quantity, _SIGMA_OTHER) for case in problem.cases])
    results = np.array([int(case.set) for case in problem.cases])
    near = linearised(problem, np.zeros(len(PARAMETERS)), np.ones(len(PARAMETERS), bool))
    shipped = near.value
    reachable = np.isfinite(shipped)
    weight = reachable.astype(float)
    near = _finite(near, target, reachable)
    # what cannot move any of these results by a hundredth within its prior is left alone
    free = (np.abs(near.slope) * _widths()[:, None]).max(axis=1) > _MATTERS
    noise = 1.0
    for _ in range(_ROUNDS):
        noise = min(_NOISES, key=lambda one: _left_out(near, target, sigma * one, weight, free, results))
        near = _moved(problem, near, near.solve(target, sigma * noise, weight, free)[0], target, reachable, free)
    _, covariance = near.solve(target, sigma * noise, weight, free)
    free = free & (np.sqrt(np.diag(covariance)) <= MOVED * _widths())
    for _ in range(_ROUNDS):  # without what the data cannot move, which is as shipped from here on
        near = _moved(problem, near, near.solve(target, sigma * noise, weight, free)[0], target, reachable, free)
    point, covariance = near.solve(target, sigma * noise, weight, free)
    near = _moved(problem, near, point, target, reachable, free)
    return Fit(
        point=near.at, covariance=covariance, moved=tuple(n for n, one in zip(PARAMETERS, free, strict=True) if one),
        noise=noise, shipped=np.where(reachable, shipped, np.nan), near=near, target=target, sigma=sigma * noise,
        weight=weight, free=free,
    )  # fmt: skip


def _moved(problem: Problem, near: Linear, aim: Array, target: Array, reachable: Array, free: Array) -> Linear:
    """The problem near where a fit aims; no parameter moves by more than a reach at once."""
    import numpy as np

    step = aim - near.at
    point = near.at + step * min(1.0, _REACH / max(float(np.abs(step).max()), 1e-300))
    return _finite(linearised(problem, point, free), target, reachable)


def _finite(near: Linear, target: Array, reachable: Array) -> Linear:
    """What does not fit into memory by our count says nothing."""
    import numpy as np

    return replace(near, value=np.where(reachable, near.value, target), slope=np.where(reachable, near.slope, 0.0))


def _without(near: Linear, target: Array, sigma: Array, weight: Array, free: Array, out: Array) -> Array:
    """ln(predicted / measured) of the cases that are left `out`, by a fit without them."""
    point, _ = near.solve(target, sigma, weight * ~out, free)
    return (near.predict(point) - target)[out & (weight > 0.0)]


def _left_out(near: Linear, target: Array, sigma: Array, weight: Array, free: Array, results: Array) -> float:
    """Mean absolute error of results left out one by one, in units of the usual noise."""
    import numpy as np

    usual = np.array(sigma) / sigma.min()
    errors = []
    for one in np.unique(results):
        out = results == one
        found = _without(near, target, sigma, weight, free, out)
        errors.append(float(np.mean(np.abs(found) / usual[out & (weight > 0.0)])) if len(found) else 0.0)
    return float(np.mean(errors))


@dataclass(frozen=True, slots=True)
class HeldOutError:
    """ln(predicted / measured) of a quantity of a result that the fit had not seen, and that of the shipped profile."""

    result: int
    quantity: str
    value: float
    shipped: float


def held_out(problem: Problem, whole: Fit) -> tuple[HeldOutError, ...]:
    """Every result predicted by a fit without it, the noise chosen again without it too; near the whole fit."""
    import numpy as np

    results = np.array([int(case.set) for case in problem.cases])
    base = whole.sigma / whole.noise
    found = []
    for one in np.unique(results):
        out = results == one
        rest = whole.weight * ~out
        kept = rest > 0.0
        if not kept.any():
            continue
        noise = min(
            _NOISES, key=lambda times: _left_out(whole.near, whole.target, base * times, rest, whole.free, results)
        )
        errors = _without(whole.near, whole.target, base * noise, whole.weight, whole.free, out)
        places = np.flatnonzero(out & (whole.weight > 0.0))
        for place, error in zip(places, errors, strict=True):
            before = float(whole.shipped[place] - whole.target[place])
            found.append(HeldOutError(int(one), problem.cases[place].quantity, float(error), before))
    return tuple(found)


def half_width(errors: Sequence[float], share: float = _SHARE) -> float | None:
    """Half-width that holds `share` of the next error too, if it is like these: the conformal quantile.

    None where there are too few to say.
    """
    ordered = sorted(map(abs, errors))
    at = math.ceil(share * (len(ordered) + 1))
    return ordered[at - 1] if at <= len(ordered) else None
