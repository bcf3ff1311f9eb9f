"""Where numbers of a layout came from: what fills a GPU, how many requests that leaves room for, what crosses links."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tokenroof.errors import UnknownName
from tokenroof.operators.explain import Explanation, explain
from tokenroof.operators.memory import MemoryUse, fraction_of
from tokenroof.operators.sensitivity import explain_step
from tokenroof.operators.sensitivity_inputs import COLLECTIVE_LATENCY, SCALE_OUT, SCALE_UP
from tokenroof.provenance import Fact, Grade, given
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.explanation import Explanation as Terms
from tokenroof.types.explanation import Input, Term
from tokenroof.types.memory_rule import MemoryRule, MemoryTerms
from tokenroof.types.program import Load
from tokenroof.usecases.analyze.answer import AnalyzeResponse
from tokenroof.xp import Namespace, Num

__all__ = ["LAYOUT_NUMBERS", "explain_layout"]

LAYOUT_NUMBERS: dict[str, str] = {
    "gpu_weights_bytes": "B", "gpu_cache_bytes": "B", "gpu_activations_bytes": "B", "gpu_rest_bytes": "B",
    "room": "sequence", "communication_s": "s", "experts_per_gpu": "1",
}  # fmt: skip
_LEFT_OUT = ("fragments of memory", "other programs on the GPU")
_DAY = "2026-11-25"


def explain_layout(answer: AnalyzeResponse, key: str) -> Explanation | Terms:
    """One number of the layout."""
    deployment = answer.deployment
    if key == "communication_s":
        return _communication(answer, deployment)
    if key == "experts_per_gpu":
        return _experts(answer)
    use = answer.memory
    if use is None:
        raise UnknownName("number", key, (), "no layout was found, so nothing fills a GPU")
    if key == "gpu_weights_bytes":
        return _weights(deployment, use)
    if key == "room":
        return _room(deployment, use)
    return _share(deployment, use, key)


def _facts(deployment: Deployment, use: MemoryUse) -> dict[str, Fact]:
    """What the engine's rule divides."""
    rules, chip = deployment.known_engine.memory, deployment.system.chip
    visible = "usable_memory_bytes" if chip.usable_memory_bytes else "memory_bytes"
    source = rules.source or deployment.engine
    asked = deployment.memory_fraction
    share = fraction_of(rules, float(use.total_bytes), deployment.layout) if asked is None else asked
    known = Fact(value=float(share), unit="1", source=source, as_of=_DAY, grade=Grade.SPEC)
    passed = f"a step of {deployment.scheduler.token_budget:,.0f} tokens, {source}"
    return {
        "total_bytes": replace(chip.facts[visible], value=float(use.total_bytes)),
        "weights_bytes": _model(deployment, float(use.weights_bytes), "B"),
        "activations_bytes": _derived(float(use.activations_bytes), passed),
        "outside_bytes": _derived(float(use.outside_bytes), f"context, buffers of ranks, CUDA graphs; {source}"),
        "fraction": known if asked is None else given(asked, "1", "memory fraction"),
    }


def _derived(value: float, source: str) -> Fact:
    return Fact(value=value, unit="B", source=source, as_of=_DAY, grade=Grade.DERIVED)


def _model(deployment: Deployment, value: float, unit: str) -> Fact:
    model = deployment.model
    source = f"stored in {deployment.weight_dtype}, {model.source or 'a config file given by the user'}"
    return Fact(value=value, unit=unit, source=source, as_of=model.as_of or _DAY, grade=Grade.DERIVED)


def _pool(rules: MemoryRule, x: Mapping[str, Num]) -> Num:
    return rules.pool_bytes(MemoryTerms(**{name: x[name] for name in MemoryTerms.__dataclass_fields__}))


def _share(deployment: Deployment, use: MemoryUse, key: str) -> Explanation:
    """The pool of the cache by the engine's own rule, the rest that it leaves, or activations."""
    rules, facts = deployment.known_engine.memory, _facts(deployment, use)
    numbers: Mapping[str, Callable[[Mapping[str, Num]], Num]] = {
        "gpu_cache_bytes": lambda x: _pool(rules, x),
        "gpu_activations_bytes": lambda x: x["activations_bytes"],
        "gpu_rest_bytes": lambda x: x["total_bytes"] - x["weights_bytes"] - x["activations_bytes"] - _pool(rules, x),
    }  # fmt: skip

    def number(*, xp: Namespace, **x: Num) -> Any:
        return numbers[key](x)

    return explain(number, facts, name=key, unit="B", left_out=_LEFT_OUT)


def _input(name: str, fact: Fact, elasticity: float | None) -> Input:
    return Input(
        name=name, value=fact.value, unit=fact.unit, source=fact.source, as_of=fact.as_of, grade=fact.grade,
        note=fact.note, elasticity=elasticity,
    )  # fmt: skip


def _degrees(deployment: Deployment) -> Iterator[Input]:
    for name in ("tp", "pp", "ep", "dp"):
        yield _input(name, given(float(getattr(deployment.layout, name)), "1", "the layout"), None)


def _weights(deployment: Deployment, use: MemoryUse) -> Terms:
    """Each class of weights over the GPUs that share it."""
    whole = float(use.weights_bytes)
    held = {name: float(value) for name, value in use.weights_by_class.items() if float(value)}
    stored = _model(deployment, float(sum(deployment.program.stored_bytes.values())), "B")
    return Terms(
        number="gpu_weights_bytes", value=whole, unit="B", formula=" + ".join(held),
        terms=tuple(
            Term(name=name, value=value, unit="B", share=value / whole, text=f"{value / 1e9:.3g} GB on the fullest GPU")
            for name, value in held.items()
        ),
        inputs=(_input("bytes of all classes on a GPU of a stage", stored, 1.0), *_degrees(deployment)),
        left_out=_LEFT_OUT, notes=("the fullest stage, with copies and padding that the engine makes when it loads",),
    )  # fmt: skip


def _room(deployment: Deployment, use: MemoryUse) -> Terms:
    """Requests that memory holds at once, under the engine's own limit."""
    room, groups = deployment.room(), float(deployment.layout.dp)
    pool, each = max(float(use.cache_pool_bytes), 0.0), float(use.cache_bytes_per_sequence)
    by_engine = room < float(use.sequences)
    most = deployment.scheduler.max_sequences
    held = _model(deployment, each, "B/sequence")
    kept = replace(held, source=f"{deployment.held_tokens:,.0f} tokens, {held.source}")
    inputs = (
        _input("cache pool", _derived(pool, deployment.known_engine.memory.source or deployment.engine), 1.0),
        _input("cache of a request", kept, -1.0),
    )  # fmt: skip
    limit = Fact(value=most, unit="sequence", source=deployment.scheduler.source or deployment.engine, as_of=_DAY,
                 grade=Grade.SPEC) if by_engine else None  # fmt: skip
    return Terms(
        number="room", value=room, unit="sequence", terms=(),
        formula="dp * sequences of the engine" if by_engine else "dp * floor(cache pool / cache of a request)",
        inputs=(*(inputs if limit is None else (_input("sequences of the engine", limit, 1.0),)),
                _input("dp", given(groups, "1", "the layout"), None)),
        left_out=_LEFT_OUT, notes=("requests of one copy of the model, at the length they hold on average",),
    )  # fmt: skip


def _communication(answer: AnalyzeResponse, deployment: Deployment) -> Terms:
    """What a step spends on links, collective by collective."""
    rows = [row for row in answer.operators if row.collective]
    whole = sum(row.time_s for row in rows)
    if not rows or not whole:
        raise UnknownName("number", "communication_s", (), "nothing crosses a link on one GPU")
    batch = max(answer.served.batch, 1.0)
    step = explain_step(
        deployment.program, deployment.system, deployment.profile,
        decode=Load(batch * (1.0 + float(deployment.scenario.drafts or 0)), batch, answer.context), number="step",
    )  # fmt: skip
    links = [one for one in step.inputs if one.name in (COLLECTIVE_LATENCY, SCALE_UP, SCALE_OUT)]
    moved = sum(one.elasticity or 0.0 for one in links)
    signs = sum(abs(one.elasticity or 0.0) for one in links)
    return Terms(
        number="communication_s", value=whole, unit="s", formula=" + ".join(row.name.replace("-", " ") for row in rows),
        terms=tuple(
            Term(
                name=row.name, value=row.time_s, unit="s", share=row.time_s / whole, bound=row.bound,
                text=f"{row.count:g} runs of {row.comm_bytes / row.count / 1e6:.3g} MB, {row.detail}",
            )
            for row in rows
        ),
        inputs=tuple(
            replace(one, elasticity=(one.elasticity or 0.0) / signs if signs else None) for one in links
        ),
        left_out=step.left_out, notes=step.notes if moved else (*step.notes, "hidden behind other work"),
    )  # fmt: skip


def _experts(answer: AnalyzeResponse) -> Terms:
    """Routed experts of a layer that a GPU holds."""
    each = answer.experts_per_gpu
    if each is None:
        raise UnknownName("number", "experts_per_gpu", (), "the model has no experts")
    ep, deployment = float(answer.layout.ep), answer.deployment
    return Terms(
        number="experts_per_gpu", value=each, unit="1", formula="experts / ep", terms=(),
        inputs=(_input("experts", replace(_model(deployment, each * ep, "1"), source=deployment.model.source), 1.0),
                _input("ep", given(ep, "1", "the layout"), None)),
        left_out=("copies of experts that are much asked for",) if not answer.layout.redundant_experts else (),
    )  # fmt: skip
