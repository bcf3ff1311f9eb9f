"""Where a number of `analyze` came from: the same formulas once more, on numbers that know their parents."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tokenroof.errors import UnknownName
from tokenroof.formulas import pricing, queueing
from tokenroof.formulas import roofline as f
from tokenroof.operators.explain import Explanation, explain
from tokenroof.operators.explain_text import explanation_text, terms_text
from tokenroof.provenance import Fact, Grade, assumed, given
from tokenroof.registry import nearest
from tokenroof.scenario.costs import prompt_share
from tokenroof.scenario.explain import SERVED_NUMBERS, explain_served
from tokenroof.types.explanation import Explanation as Terms
from tokenroof.types.model import Model
from tokenroof.usecases.analyze.answer import AnalyzeResponse
from tokenroof.usecases.analyze.bound import LEFT_OUT, inputs_at
from tokenroof.usecases.analyze.closed_form import roofline_numbers
from tokenroof.usecases.analyze.explain_memory import LAYOUT_NUMBERS, explain_layout
from tokenroof.usecases.analyze.explain_rows import OperatorExplanation
from tokenroof.xp import Namespace, Num

__all__ = ["EXPLAINABLE", "explain_number", "text_of"]

_CLOSED_FORM = {
    "compute_s": "s",
    "weights_s": "s",
    "kv_s": "s",
    "step_s": "s",
    "weight_floor_s": "s",
    "ridge": "token",
    "critical_batch": "sequence",
    "critical_batch_at_context": "sequence",
    "critical_context": "token/sequence",
    "mfu": "1",
    "decode_tokens_per_s": "token/s",
    "cost_usd_per_token": "USD/token",
    "cost_floor_usd_per_token": "USD/token",
}
_SERVED = {
    "tpot_s": "s",
    "ttft_s": "s",
    "decode_step_s": "s",
    "interactivity": "token/s/sequence",
    "output_tokens_per_s_per_gpu": "token/s/GPU",
    "cost_output_usd_per_mtok": "USD/Mtoken",
    "cost_input_usd_per_mtok": "USD/Mtoken",
}
_ALSO = {
    "drain_time_s": "s",
    "worst_wait_s": "s",
    "worst_latency_s": "s",
    "kv_bytes": "B",
    "cost_usd_per_mtok": "USD/Mtoken",
    "cost_floor_usd_per_mtok": "USD/Mtoken",
}
_MTOK = 1e6
EXPLAINABLE: dict[str, str] = _SERVED | _CLOSED_FORM | _ALSO | LAYOUT_NUMBERS


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
    deployment = answer.bound.pool
    if deployment is None:
        raise TypeError("an answer read back from JSON has nothing to explain")
    price = answer.bound.usd_per_gpu_h
    inputs = inputs_at(deployment, answer.bound.batch, context, price)
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
        facts["usd_per_gpu_s"] = _rent(answer)
    return facts


def _rent(answer: AnalyzeResponse) -> Fact:
    """The price of a GPU, per second: given, or of offers on their own day."""
    assert answer.cost is not None or answer.bound.usd_per_gpu_h is not None
    price = answer.bound.usd_per_gpu_h if answer.cost is None else answer.cost.usd_per_gpu_h
    each = (price or 0.0) / 3600.0
    if answer.cost is None or answer.cost.price_source == "given":
        return _given(answer, "price", each, "USD/GPU/s")
    deployment = answer.bound.pool
    rental = None if deployment is None else deployment.system.rental
    day = rental.as_of if rental else "2026-11-25"
    return Fact(value=each, unit="USD/GPU/s", source=answer.cost.price_source, as_of=day, grade=Grade.REPORTED)


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
    if key.endswith("_per_mtok"):
        return numbers[key.replace("mtok", "token")] * 1e6
    return numbers[key]


def _explain_served(answer: AnalyzeResponse, key: str) -> OperatorExplanation:
    """A throughput or a cost from the requests that are served and the price."""
    deployment, served = answer.deployment, answer.served
    profile = deployment.profile
    grade = Grade.DERIVED if profile.id == "peak" else Grade.FITTED

    def made(value: float, unit: str, source: str) -> Fact:
        return Fact(value=value, unit=unit, source=source, as_of=profile.as_of, grade=grade)

    leaves = {
        "requests_per_s": made(served.requests_per_s, "request/s", f"{served.concurrency:,.0f} requests at once"),
        "osl": _given(answer, "osl", answer.osl, "token/request"),
        "isl": _given(answer, "isl", max(answer.isl - answer.prefix, 1.0), "token/request"),
        "gpus": _given(answer, "gpus", float(answer.gpus), "GPU"),
        "prefill_share": made(
            prompt_share(deployment, served), "1", "part of a request's stay that is not its own decode steps"
        ),
    }
    if answer.cost is not None:
        leaves["usd_per_gpu_s"] = _rent(answer)

    def number(*, xp: Namespace, **leaf: Num) -> Num:
        if key == "output_tokens_per_s_per_gpu":
            return leaf["requests_per_s"] * leaf["osl"] / leaf["gpus"]
        request_usd = leaf["usd_per_gpu_s"] * leaf["gpus"] / leaf["requests_per_s"]
        if key == "cost_input_usd_per_mtok":
            return _MTOK * request_usd * leaf["prefill_share"] / leaf["isl"]
        return _MTOK * request_usd * (1.0 - leaf["prefill_share"]) / leaf["osl"]

    money = ("usd_per_gpu_s", "gpus", "requests_per_s", "prefill_share")
    used = {
        "output_tokens_per_s_per_gpu": ("requests_per_s", "osl", "gpus"),
        "cost_input_usd_per_mtok": (*money, "isl"),
        "cost_output_usd_per_mtok": (*money, "osl"),
    }
    chosen = {name: leaves[name] for name in used[key]}
    unit, held = EXPLAINABLE[key], ("gpus", "osl", "isl")
    head = explain(number_of(number, key, leaves), chosen, name=key, unit=unit, left_out=answer.left_out, held=held)
    return OperatorExplanation(
        head=head, step_s=float(answer.step.step_s), rows=answer.operators, system=deployment.system, profile=profile
    )


def number_of(number: Callable[..., Num], key: str, leaves: Mapping[str, Fact]) -> Callable[..., Num]:
    """`number` with the leaves that do not matter for `key` filled in as plain values."""

    def filled(*, xp: Namespace, **leaf: Num) -> Num:
        return number(xp=xp, **({name: fact.value for name, fact in leaves.items()} | leaf))

    return filled


def explain_number(answer: AnalyzeResponse, key: str) -> Explanation | OperatorExplanation | Terms:
    """The derivation of one number of `answer`. UnknownName lists the nearest keys that can be explained.

    What the deployment serves is explained by its operators; the closed form's bounds by their formulas.
    """
    if key not in EXPLAINABLE:
        raise UnknownName("number", key, nearest(key, EXPLAINABLE), f"known: {', '.join(EXPLAINABLE)}")
    if "usd" in key and answer.bound.usd_per_gpu_h is None:
        raise UnknownName("number", key, (), "there is no cost without a price_per_gpu_hour")
    if key in LAYOUT_NUMBERS:
        return explain_layout(answer, key)
    if key in _SERVED:
        if not answer.fits:
            raise UnknownName("number", key, (), "a deployment that does not fit has no speed and no cost")
        if key in SERVED_NUMBERS:
            found = explain_served(answer.deployment, answer.served, key)
            return replace(found, left_out=answer.left_out)
        return _explain_served(answer, key)
    critical = answer.bound.critical_context
    context = critical if key == "critical_context" and critical < 1e8 else answer.context
    return explain(
        _number(key, answer.bound.rule), _facts(answer, context), name=key, unit=EXPLAINABLE[key], left_out=LEFT_OUT
    )


def text_of(explanation: Explanation | OperatorExplanation | Terms) -> str:
    """An explanation for people."""
    if isinstance(explanation, Terms):
        return terms_text(explanation)
    return explanation.text() if isinstance(explanation, OperatorExplanation) else explanation_text(explanation)
