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
from tokenroof.engines import ENGINES
from tokenroof.measure.deployments import as_run, deployment_of
from tokenroof.measure.forecasts import quantities
from tokenroof.measure.robust import solve
from tokenroof.measure.setups import Setup
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.planner.drafts import drafting, tokens_per_pass
from tokenroof.types.efficiency import CollectiveCurve, Efficiency, OperatorCurve
from tokenroof.types.engine import Prior
from tokenroof.types.program import Program
from tokenroof.types.workload import Workload

__all__ = ["PRIORS", "Case", "Group", "fit_groups", "group_cases", "predict_group", "predict_groups", "profile_tables"]

Array = Any


# Newest first, as the constants are told.
_HOSTS = {
    one.name: one.host for known in ENGINES.values() for one in reversed(known.generations) if one.host is not None
}
# Generations whose passes with prompts are not captured in graphs, and expert formats whose kernels come with others.
_EAGER = ("vllm", "sglang", "trtllm")
_EXPERT_FORMATS = ("fp8_block", "fp4", "mxfp4", "int4_g32")


PRIORS: dict[str, Prior] = {
    **{f"host.{name}": host.pass_s for name, host in _HOSTS.items()},
    **{f"host.{name}.amd": host.amd for name, host in _HOSTS.items() if host.amd},  # times the engine's
    "sequence": Prior(5e-6, 0.6),
    **{f"sequence.{name}": host.sequence_s for name, host in _HOSTS.items() if host.sequence_s},
    "launch": Prior(13e-6, 0.25),
    "request": Prior(30e-3, 0.4),
    "draft_sequence": Prior(50e-6, 1.0),
    **{f"experts_warmup.{name}": Prior(0.5, 1.0) for name in _EAGER},
    **{f"int4.{family}": Prior(0.5, 0.7) for family in ("blackwell", "cdna")},
    **{f"warmup.{name}": host.warmup_s for name, host in _HOSTS.items() if host.warmup_s},
    "fixed": Prior(0.5, 0.15),
    "grouped_gemm.fixed": Prior(0.5, 0.2),
    "fixed.amd": Prior(1.0, 0.4),
    **{f"fixed.{name}": Prior(1.0, 0.15) for name in _HOSTS},
    **{f"experts.{key}.{name}": Prior(1.0, 0.5) for name in _EAGER for key in _EXPERT_FORMATS},
    **{f"launches.{name}": Prior(6.0, 0.8) for name in _EAGER},
    "expert_shape": Prior(2.0, 0.3),
    "skew_s_per_width": Prior(5.5e-10, 0.25),
    "padding_rows": Prior(24.0, 0.2),
    "attention_decode.bytes": Prior(0.97, 0.05),
    "grouped_gemm.bytes": Prior(1.0, 0.06),
    "grouped_gemm.flops": Prior(1.0, 0.12),
    **{f"gemm.bytes.{family}": Prior(1.0, 0.05) for family in ("ampere", "hopper", "blackwell")},
    **{f"gemm.flops.{family}": Prior(1.0, 0.08) for family in ("ampere", "hopper", "blackwell")},
    **{f"attention_prefill.flops.{family}": Prior(1.0, 0.12) for family in ("ampere", "hopper", "blackwell")},
    **{f"rate.{family}": Prior(1.0, 0.3) for family in ("cdna3", "cdna4")},
}
# log error expected of a good prediction, by quantity
SIGMA = {"tpot": 0.08, "ttft": 0.3, "ttft_p50": 0.3}
_SIGMA_OTHER = 0.10


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
        key = (deployed, one.system.id, one.generation, one.load.kind, fixed, one.load.range_ratio,
               one.memory_fraction, one.load.requests is None, one.eager, one.drafts, one.acceptance,
               one.workload.osl if one.drafts else None)  # fmt: skip
        found.setdefault(key, []).append(case)
        if deployed not in programs:
            programs[deployed] = lower(one.model, one.layout)
    groups = []
    for key, members in found.items():
        curves, collectives = kernels(members[0].setup.system.chip.id)
        groups.append(Group(tuple(members), programs[key[0]], curves, collectives))
    return groups


def profile_tables(
    values: Mapping[str, Any], family: str, generation: str, *, in_place: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(factors inside the engine, host times) of a family and generation, from the fitted constants.

    `in_place` puts the family's factor on host time in; otherwise it is left to whoever reads the factors.
    """

    def by_family(name: str) -> Any:
        return values.get(f"{name}.{family}", 1.0)

    whole = values.get(f"rate.{family}", 1.0)
    gemm_bytes, gemm_flops = by_family("gemm.bytes") * whole, by_family("gemm.flops") * whole
    on_amd = [name for name, one in _HOSTS.items() if one.amd] if family.startswith("cdna") else []
    slower = {name: values[f"host.{name}.amd"] for name in on_amd}
    known = _HOSTS[generation]
    slow = values["fixed.amd"] if family.startswith("cdna") else 1.0
    factors = {
        "fixed": values["fixed"] * slow / whole,
        "grouped_gemm.fixed": values["grouped_gemm.fixed"] * slow / whole,
        "expert_shape": values["expert_shape"],
        **_unfused(values, family),
        "skew_s_per_width": values["skew_s_per_width"],
        "padding_rows": values["padding_rows"],
        **{f"host.{engine}": factor for engine, factor in slower.items()},
        "gemm.bytes": gemm_bytes,
        "gemm.flops": gemm_flops,
        "bmm.bytes": gemm_bytes,
        "bmm.flops": gemm_flops,
        "grouped_gemm.bytes": values["grouped_gemm.bytes"] * whole,
        "grouped_gemm.flops": values["grouped_gemm.flops"] * whole,
        "attention_decode.bytes": values["attention_decode.bytes"] * whole,
        "mla_decode.bytes": values["attention_decode.bytes"] * whole,
        "attention_prefill.flops": by_family("attention_prefill.flops") * whole,
        "mla_prefill.flops": by_family("attention_prefill.flops") * whole,
    }
    host = {
        "host_s": values[f"host.{generation}"] * (slower.get(generation, 1.0) if in_place else 1.0),
        "host_per_sequence_s": values.get(f"sequence.{generation}", values["sequence"]),
        "launch_s": values["launch"],
        "request_s": values["request"] if known.request_s is None else known.request_s,
        "prompt_token_s": known.prompt_token_s,
        "warmup_s": values.get(f"warmup.{generation}", 0.0),
        "experts_warmup_s": values.get(f"experts_warmup.{generation}", 0.0),
        "draft_sequence_s": values["draft_sequence"],
        "factors": _of_engine(values, generation),
    }
    return factors, host


def _unfused(values: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Where 4-bit integers are widened by a kernel of its own, experts run at a share of their rates."""
    rates = [values[f"int4.{one}"] for one in ("blackwell", "cdna") if family.startswith(one)]
    return {f"grouped_gemm.{key}.rate": rates[0] for key in ("int4_g32", "int4_g128") if rates}


def _of_engine(values: Mapping[str, Any], generation: str) -> dict[str, Any]:
    """What an engine adds on every family: fixed times of its kernels, and the launches of its expert blocks."""
    own = {"fixed": values[f"fixed.{generation}"]}
    if generation not in _EAGER:
        return own
    formats = {f"grouped_gemm.{key}.fixed": values[f"experts.{key}.{generation}"] for key in _EXPERT_FORMATS}
    return {**own, **formats, "grouped_gemm.launches": values[f"launches.{generation}"]}


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
    predicted = quantities(deployment.estimate(load), work, load, one.layout.n_gpus)
    predicted["tpot"] = predicted["tpot"] / deployment.tokens_per_step
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


def fit_groups(
    groups: Sequence[Group], *, steps: int = 12, start: Array = None, progress: Callable[[str], None] | None = None
) -> Array:
    """ln of the constants that fit these groups best under the priors."""
    import numpy as np

    cases = [case for group in groups for case in group.cases]
    target = np.log([case.value for case in cases])
    sigma = np.array([SIGMA.get(case.quantity, _SIGMA_OTHER) for case in cases])
    prior = np.log([one.value for one in PRIORS.values()])
    width = np.array([one.width for one in PRIORS.values()])
    weight = _weights(cases)
    reachable = np.isfinite(predict_groups(groups, prior)[0])
    if progress is not None:
        progress(f"{len(cases)} measurements in {len(groups)} groups, {int((~reachable).sum())} that do not fit memory")

    def evaluate(points: Array) -> Array:
        return np.where(reachable, predict_groups(groups, points), target)

    fitted = solve(
        evaluate, target, sigma, prior=prior, width=width, weight=weight * reachable, start=start, steps=steps,
        reach=0.7,
    )  # fmt: skip
    return fitted.x
