"""Where a number of `analyze` came from: the same formulas once more, on numbers that know their parents."""

from collections.abc import Callable, Mapping
from typing import Any

from tokenroof.catalog.profile import profile_for
from tokenroof.errors import UnknownName
from tokenroof.formulas import pricing, queueing
from tokenroof.formulas import roofline as f
from tokenroof.operators.explain import Explanation, explain
from tokenroof.operators.explain_text import explanation_text
from tokenroof.provenance import Fact, Grade, assumed, given
from tokenroof.registry import nearest
from tokenroof.types.model import Model
from tokenroof.usecases.analyze.answer import AnalyzeResponse
from tokenroof.usecases.analyze.closed_form import roofline_numbers
from tokenroof.usecases.analyze.explain_rows import OperatorExplanation
from tokenroof.usecases.analyze.run import LEFT_OUT, inputs_at
from tokenroof.xp import Namespace, Num

__all__ = ["EXPLAINABLE", "explain_number", "text_of"]

_CLOSED_FORM = {
    "compute_s": "s",
    "weights_s": "s",
    "kv_s": "s",
    "step_s": "s",
    "weight_floor_s": "s",
    "ridge_ratio": "token",
    "balance_batch": "sequence",
    "balance_batch_at_context": "sequence",
    "knee_context": "token/sequence",
    "mfu": "1",
    "tokens_per_s": "token/s",
    "cost_usd_per_token": "USD/token",
    "cost_floor_usd_per_token": "USD/token",
}
_ALSO = {
    "tpot_s": "s",
    "tokens_per_s_per_user": "token/s/sequence",
    "output_tokens_per_s_per_gpu": "token/s/GPU",
    "drain_time_s": "s",
    "worst_wait_s": "s",
    "worst_latency_s": "s",
    "kv_bytes": "B",
    "cost_usd_per_mtok": "USD/Mtoken",
    "cost_floor_usd_per_mtok": "USD/Mtoken",
}
EXPLAINABLE = _CLOSED_FORM | _ALSO


def _given(answer: AnalyzeResponse, name: str, value: float, unit: str) -> Fact:
    """A number that the user gave, or that tokenroof chose and said why."""
    for choice in answer.defaults:
        if choice.field == name:
            return assumed(value, unit, choice.reason)
    return given(value, unit)


def _model_fact(model: Model, value: float, unit: str, what: str) -> Fact:
    source = model.source or "a config file given by the user"
    return Fact(
        value=value, unit=unit, source=f"{what}, {source}", as_of=model.as_of or "2026-11-25", grade=Grade.DERIVED
    )


def _facts(answer: AnalyzeResponse, context: float) -> dict[str, Fact]:
    deployment = answer.deployment
    if deployment is None:
        raise TypeError("an answer read back from JSON has nothing to explain")
    price = answer.cost.usd_per_gpu_h if answer.cost else None
    inputs = inputs_at(deployment, answer.batch, context, price)
    model, chip = deployment.model, deployment.system.chip
    memory = "usable_memory_bytes" if chip.usable_memory_bytes else "memory_bytes"
    facts = {
        "params": _model_fact(model, inputs["params"], "param", "counted without the input embedding"),
        "active_params": _model_fact(model, inputs["active_params"], "param", "counted without the input embedding"),
        "bytes_per_param": _model_fact(
            model, inputs["bytes_per_param"], "B/param", f"stored in {deployment.weight_dtype}"
        ),
        "kv_bytes_per_token": _model_fact(
            model, inputs["kv_bytes_per_token"], "B/token", f"read per cached token at {context:,.0f} tokens"
        ),
        "context": _given(answer, "context", inputs["context"], "token/sequence"),
        "batch": _given(answer, "batch", inputs["batch"], "sequence"),
        "gpus": _given(answer, "gpus", float(deployment.chips), "GPU"),
        "chip_flops_per_s": chip.facts[f"flops_per_s.{deployment.arithmetic}"],
        "chip_bytes_per_s": chip.facts["bytes_per_s"],
        "chip_memory_bytes": chip.facts[memory],
        "stored_bytes_per_sequence": _model_fact(
            model, deployment.sequence_bytes(context), "B/sequence", f"kept at {context:,.0f} tokens"
        ),
    }
    if price is not None:
        unit_price = _given(answer, "price", price / 3600.0, "USD/GPU/s")
        if answer.cost and answer.cost.price_source != "given":
            unit_price = Fact(
                value=price / 3600.0,
                unit="USD/GPU/s",
                source=answer.cost.price_source,
                as_of=answer.deployment.system.rental.as_of
                if answer.deployment and answer.deployment.system.rental
                else "2026-11-25",
                grade=Grade.REPORTED,
            )
        facts["usd_per_gpu_s"] = unit_price
    return facts


def _number(key: str, mode: str) -> Callable[..., Num]:
    def compute(*, xp: Namespace, **leaf: Num) -> Num:
        inputs: dict[str, Any] = {
            name: leaf[name]
            for name in ("params", "active_params", "bytes_per_param", "kv_bytes_per_token", "context", "batch")
        }
        gpus = leaf["gpus"]
        inputs["flops_per_s"] = gpus / xp.tag(1.0, "GPU") * leaf["chip_flops_per_s"]
        inputs["bytes_per_s"] = f.scaleup_bytes_per_s(
            chips=gpus / xp.tag(1.0, "GPU"), chip_bytes_per_s=leaf["chip_bytes_per_s"], xp=xp
        )
        if "usd_per_gpu_s" in leaf:
            inputs["usd_per_s"] = pricing.system_usd_per_s(gpus=gpus, usd_per_gpu_s=leaf["usd_per_gpu_s"], xp=xp)
        if key in ("drain_time_s", "worst_wait_s", "worst_latency_s"):
            period = f.drain_time_s(memory_bytes=leaf["chip_memory_bytes"], bytes_per_s=leaf["chip_bytes_per_s"], xp=xp)
            wait = {"worst_wait_s": queueing.train_worst_wait_s, "worst_latency_s": queueing.train_worst_latency_s}
            return wait[key](period_s=period, xp=xp) if key in wait else period
        if key == "kv_bytes":
            return leaf["batch"] * leaf["stored_bytes_per_sequence"]
        return _derived(key, roofline_numbers(inputs, mode, xp), gpus, xp)

    return compute


def _derived(key: str, numbers: Mapping[str, Num], gpus: Num, xp: Namespace) -> Num:
    if key == "tpot_s":
        return numbers["step_s"]
    if key == "tokens_per_s_per_user":
        return f.user_tokens_per_s(step_s=numbers["step_s"], xp=xp)
    if key == "output_tokens_per_s_per_gpu":
        return numbers["tokens_per_s"] / gpus
    if key.endswith("_per_mtok"):
        return numbers[key.replace("mtok", "token")] * 1e6
    return numbers[key]


# Numbers of the page that the operator engine's step time is behind, when it gave the answer.
_FROM_STEP = ("step_s", "tpot_s", "tokens_per_s_per_user", "output_tokens_per_s_per_gpu", "cost_usd_per_mtok")


def _explain_step(answer: AnalyzeResponse, key: str) -> OperatorExplanation:
    report, deployment = answer.operators, answer.deployment
    assert report is not None
    assert deployment is not None
    profile = profile_for(
        deployment.system, report.point.engine, "peak" if report.step.profile == "peak" else "auto",
        model=deployment.model,
    )  # fmt: skip
    step_s = float(report.step.step_s)
    grade = Grade.DERIVED if profile.id == "peak" else Grade.FITTED
    facts = _facts(answer, answer.context)
    copies = report.gpus_used // report.layout.n_gpus
    leaves = {
        "step_s": Fact(
            value=step_s, unit="s", source=f"operator engine, efficiency {profile.id}", as_of=profile.as_of, grade=grade
        ),
        "batch": facts["batch"],
        "gpus": _given(answer, "gpus", answer.gpus / copies / report.layout.pp, "GPU"),
    } | {name: facts[name] for name in ("usd_per_gpu_s",) if name in facts}

    def number(*, xp: Namespace, **leaf: Num) -> Num:
        if key in ("step_s", "tpot_s"):
            return leaf["step_s"]
        if key == "tokens_per_s_per_user":
            return f.user_tokens_per_s(step_s=leaf["step_s"], xp=xp)
        if key == "output_tokens_per_s_per_gpu":
            return f.decode_tokens_per_s(batch=leaf["batch"], step_s=leaf["step_s"], xp=xp) / leaf["gpus"]
        usd_per_s = pricing.system_usd_per_s(gpus=leaf["gpus"], usd_per_gpu_s=leaf["usd_per_gpu_s"], xp=xp)
        return 1e6 * pricing.cost_usd_per_token(usd_per_s=usd_per_s, step_s=leaf["step_s"], batch=leaf["batch"], xp=xp)

    head = explain(number, leaves, name=key, unit=EXPLAINABLE[key], left_out=answer.left_out)
    return OperatorExplanation(head=head, step_s=step_s, rows=report.table, system=deployment.system, profile=profile)


def explain_number(answer: AnalyzeResponse, key: str) -> Explanation | OperatorExplanation:
    """The derivation of one number of `answer`. UnknownName lists the nearest keys that can be explained.

    What the operator engine gave is explained by its rows; the closed form's numbers by their formulas.
    """
    if key not in EXPLAINABLE:
        raise UnknownName("number", key, nearest(key, EXPLAINABLE), f"known: {', '.join(EXPLAINABLE)}")
    if "usd" in key and answer.cost is None:
        raise UnknownName("number", key, (), "there is no cost without a price: set --price-per-gpu-hour")
    if answer.operators is not None and key in _FROM_STEP:
        return _explain_step(answer, key)
    context = answer.knee_context if key == "knee_context" and answer.knee_context < 1e8 else answer.context
    return explain(
        _number(key, answer.roofline.mode), _facts(answer, context), name=key, unit=EXPLAINABLE[key],
        left_out=LEFT_OUT,
    )  # fmt: skip


def text_of(explanation: Explanation | OperatorExplanation) -> str:
    """An explanation for people."""
    return explanation.text() if isinstance(explanation, OperatorExplanation) else explanation_text(explanation)
