"""From a spec to its cases: names looked up, formats and layouts resolved, impossible combinations set aside."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.power import known_power
from tokenroof.errors import TokenroofError
from tokenroof.operators.exchange import EXCHANGE
from tokenroof.scenario.formats import served_weights
from tokenroof.scenario.resolve import resolve as resolve_scenario
from tokenroof.types.layout import Layout
from tokenroof.types.scenario import DEGREES, Scenario
from tokenroof.usecases.analyze.pool import pool_of
from tokenroof.usecases.sweep.blocks import Case
from tokenroof.usecases.sweep.spec import (
    AUTO,
    CATEGORICAL,
    LAYOUT_PARTS,
    OWN,
    RENTAL,
    SpecError,
    SweepSpec,
    axis_values,
    layout_of,
    layout_text,
)

__all__ = ["Cases", "SkippedCase", "case_count", "resolve"]

MOST_CASES = 20_000
_MOST = 1e9

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedCase:
    """A combination that cannot be evaluated, and why."""

    labels: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """All combinations of the categorical fields: those to evaluate, and those that cannot be."""

    cases: tuple[Case, ...]
    skipped: tuple[SkippedCase, ...]


def case_count(spec: SweepSpec) -> int:
    """Combinations of the categorical fields."""
    count = 1
    for name in CATEGORICAL:
        count *= len(getattr(spec, name))
    return count


def _loaded(field: str, names: tuple[str, ...], load: Callable[[str], T], faults: list[str]) -> dict[str, T]:
    found: dict[str, T] = {}
    seen: dict[str, str] = {}
    for index, name in enumerate(names):
        try:
            thing = load(name)
        except TokenroofError as error:
            faults.append(f"{field}[{index}]: {error}")
            continue
        identity = str(getattr(thing, "id", name))
        if identity in seen:
            faults.append(f"{field}[{index}]: {name} and {seen[identity]} are the same, {identity}")
        seen[identity] = name
        found[name] = thing
    return found


def _scenario(labels: Mapping[str, str], largest: Mapping[str, float]) -> Scenario:
    """The scenario of a case at the greatest load of its grid, which decides on an open layout."""
    weight_dtype, kv_dtype = (None if labels[name] == OWN else labels[name] for name in ("weight_dtype", "kv_dtype"))
    named = layout_of(labels["layout"])
    load: dict[str, Any] = {name: min(value, _MOST) for name, value in largest.items()}
    names = [*DEGREES, *(name for name in ("redundant_experts", *EXCHANGE) if name in labels["layout"])]
    degrees = {} if named is None else {name: getattr(named, name) for name in names}
    return Scenario(
        model=labels["model"], system=labels["system"],
        **load,
        weight_dtype=weight_dtype, kv_dtype=kv_dtype, engine=labels["engine"], profile=labels["profile"],
        **degrees,
    )  # fmt: skip


def _case(labels: Mapping[str, str], common: dict[str, Any], largest: Mapping[str, float]) -> Case | SkippedCase:
    """`largest` is the greatest batch and lengths of the grid."""
    model, system = common["model"], common["system"]
    common |= {"labels": labels, "rule": labels["rule"]}
    try:
        if labels["rule"] != "operators":
            if labels["layout"] != AUTO:
                reason = f"rule {labels['rule']} knows no layout: only {AUTO} goes with it"
                return SkippedCase(labels=labels, reason=reason)
            formats = {name: None if labels[name] == OWN else labels[name] for name in ("weight_dtype", "kv_dtype")}
            served, weights = served_weights(model, formats["weight_dtype"])
            pool = pool_of(served, system, weights=weights, kv_dtype=formats["kv_dtype"])
            notes = {"layout_used": "", "claim_level": "structure guessed" if model.structure_guessed else "bound"}
            return Case(**common, notes=notes, pool=pool)
        scenario = _scenario(labels, largest)
        deployment = resolve_scenario(scenario, model=model, system=system)
        layout, named = deployment.layout, layout_of(labels["layout"])
        if named is not None:
            kept = ("activation_dtype", "collective_dtype")
            layout = replace(layout, **{name: getattr(named, name) for name in kept})
        common["model"] = deployment.model
        notes = {"layout_used": layout_text(_parts(layout)), "claim_level": deployment.claim}
        return Case(
            **common, notes=notes, layout=layout, profile=deployment.profile, scenario=scenario,
            scheduler=deployment.scheduler, power=known_power(deployment.system.chip),
        )  # fmt: skip
    except TokenroofError as error:
        return SkippedCase(labels=labels, reason=str(error))


def _parts(layout: Layout) -> dict[str, Any]:
    """What differs from one GPU; tp = 1 where nothing does."""
    default = Layout()
    parts = {n: getattr(layout, n) for n in LAYOUT_PARTS if getattr(layout, n) != getattr(default, n)}
    return parts or {"tp": 1}


def _largest(spec: SweepSpec) -> dict[str, float]:
    """Greatest batch, and greatest context or lengths."""
    names = [name for name in spec.numeric_axes() if name in ("batch", "context", "isl", "osl")]
    return {name: float(axis_values(spec, name).max()) for name in names}


def resolve(spec: SweepSpec, where: str = "sweep") -> Cases:
    """Look every name up and build the cases. SpecError with all unknown names, or where nothing can be evaluated."""
    if case_count(spec) > MOST_CASES:
        raise SpecError(where, [f"{case_count(spec):,} combinations of names and formats; at most {MOST_CASES:,}"])
    faults: list[str] = []
    models = _loaded("model", spec.model, load_model, faults)
    systems = _loaded("system", spec.system, load_system, faults)
    rentals: dict[str, float | None] = dict.fromkeys(systems)
    if spec.price_per_gpu_hour == RENTAL:
        for name, system in systems.items():
            if system.rental is None:
                faults.append(f"price_per_gpu_hour: no rental price is recorded for {name}; give prices")
            else:
                rentals[name] = system.rental.median_usd_per_h
    if faults:
        raise SpecError(where, faults)
    cases: list[Case] = []
    skipped: list[SkippedCase] = []
    largest = _largest(spec)
    for combination in itertools.product(*(getattr(spec, name) for name in CATEGORICAL)):
        named = dict(zip(CATEGORICAL, combination, strict=True))
        model, system = models[named["model"]], systems[named["system"]]
        labels = named | {"model": model.id, "system": system.id}
        common = {
            "index": len(cases), "model": model, "system": system, "rental_usd_per_h": rentals[named["system"]]
        }  # fmt: skip
        made = _case(labels, common, largest)
        if isinstance(made, Case):
            cases.append(made)
        else:
            skipped.append(made)
    if not cases:
        reasons = dict.fromkeys(skip.reason for skip in skipped)
        raise SpecError(where, [f"no combination can be evaluated: {reason}" for reason in reasons])
    return Cases(cases=tuple(cases), skipped=tuple(skipped))
