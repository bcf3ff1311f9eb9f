"""Training as part of a model's whole cost: how many tokens and parameters, and what pipelines and activations take.

Two answers to the same question stand side by side: the lecture's equal-cost split, and the model that reaches the
same loss at the least cost of training and serving together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from tokenroof.catalog import load_model, load_system
from tokenroof.errors import DataMissing, InputError
from tokenroof.formulas import training, training_optimum
from tokenroof.mixers import architecture
from tokenroof.provenance import Fact, Grade, assumed, given
from tokenroof.types.checks import check_choice, check_number, check_positive
from tokenroof.types.default import Default
from tokenroof.types.limits import Parts
from tokenroof.types.model import Model
from tokenroof.usecases.train.machine import Activations, Bubble, MachineBill, activations_of, bubbles_of, machine_bill
from tokenroof.usecases.train.numbers import LEAST_TOKENS, cheapest_at_loss, loss_of, split_numbers

__all__ = [
    "FITS",
    "EqualSplit",
    "LossFit",
    "Optimum",
    "Run",
    "TrainRequest",
    "TrainResponse",
    "tokens_at_loss",
    "train",
]

_ACTIVE = 100e9
_RATE = 50e6
_DAY_S = 86400.0
_DAY = "2026-11-25"
_PHASES = ("pretrain_share", "rl_share", "serving_share")
_UNITS = {"inefficiency": "1", "rl_flops_per_param_token": "FLOP/param/token", "tokens_per_param": "token/param"}
# why a number is what it is where nobody gave it
_WHY = {
    "days": "the lecture's two months in service",
    "split": "the lecture's heuristic: every phase costs the same",
    "inefficiency": "the lecture's figure: decode reaches a third of the arithmetic that training does",
    "rl_flops_per_param_token": "between 2 for generating alone and 6 with training on every token",
    "tokens_per_param": "Hoffmann et al. 2022: some 20 tokens a parameter",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFit:
    """L = E + a / N^alpha + b / D^beta."""

    name: str
    irreducible: float
    param_scale: float
    data_scale: float
    param_exponent: float
    data_exponent: float
    source: str

    def loss(self, params: float, tokens: float) -> float:
        """Loss of `params` after `tokens`."""
        law = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("name", "source")}
        return float(loss_of(law, params, tokens))


FITS: dict[str, LossFit] = {
    fit.name: fit
    for fit in (
        LossFit(
            name="besiroglu", irreducible=1.8172, param_scale=482.01, data_scale=2085.43, param_exponent=0.3478,
            data_exponent=0.3658, source="Besiroglu et al. 2024 (arXiv 2404.10102), refit of Hoffmann's data; recalled",
        ),
        LossFit(
            name="hoffmann", irreducible=1.69, param_scale=406.4, data_scale=410.7, param_exponent=0.34,
            data_exponent=0.28,
            source="Hoffmann et al. 2022 (arXiv 2203.15556), as printed; its optimum is not 20 tokens a parameter",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """A model by name or by its active parameters, its life in service, and what FLOP of each phase cost.

    `split` is the shares of cost of pre-training, reinforcement learning and serving. `inefficiency` is how many times
    dearer a FLOP is in decode, `rl_flops_per_param_token` 2 for generating only, 6 with training on every token.
    `tokens` describes a run as it was. `system`, `mfu` and a price turn FLOP into dollars.
    """

    model: str | None = None
    active_params: float | None = None
    tokens: float | None = None
    tokens_per_s: float | None = None
    days: float = 60.0
    inference_tokens: float | None = None
    inefficiency: float = 3.0
    rl_flops_per_param_token: float = 3.0
    split: Annotated[tuple[float, float, float], Parts(":", (3,), "PRE:RL:SERVING")] = (1.0, 1.0, 1.0)
    tokens_per_param: float = 20.0
    fit: str = "besiroglu"
    loss: float | None = None
    system: str | None = None
    mfu: float = 0.4
    arithmetic: str = "bf16"
    usd_per_gpu_h: float | None = None
    stages: int = 8
    micro_batches: int = 32
    chunks: int = 4
    micro_batch_tokens: float = 4096.0
    tensors_per_layer: float = 17.0
    layers: int | None = None
    hidden: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualSplit:
    """The lecture's heuristic. FLOP are in units of pre-training: inefficiency is counted in."""

    params: float
    pretrain_tokens: float
    rl_tokens: float
    inference_tokens: float
    pretrain_flops: float
    rl_flops: float
    inference_flops: float
    overtraining: float
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """The model with the least cost of training and serving at a loss. `alone_*` is the same without serving.

    `split_over_optimum` is what the equal split's model costs over it, RL left out of both.
    """

    loss: float
    params: float
    tokens: float
    overtraining: float
    tokens_per_param: float
    training_share: float
    flops: float
    alone_params: float
    alone_tokens: float
    alone_flops: float
    split_over_optimum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training run as it was: parameters and tokens."""

    params: float
    tokens: float
    flops: float
    overtraining: float
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResponse:
    """`bills` are dollars for each phase of the equal split, of the optimum and of the run; `facts` are the inputs."""

    model: str | None
    params: float
    inference_tokens: float
    inefficiency: float
    rl_flops_per_param_token: float
    split: tuple[float, float, float]
    tokens_per_param: float
    fit: LossFit
    equal: EqualSplit
    optimum: Optimum
    run: Run | None
    bills: tuple[MachineBill, ...]
    bubbles: tuple[Bubble, ...]
    activations: Activations | None
    defaults: tuple[Default, ...]
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)


def _params(request: TrainRequest, model: Model | None, defaults: list[Default]) -> Fact:
    if request.active_params is not None:
        return given(check_number("active", request.active_params, low=1e6, high=1e15), "param")
    if model is not None:
        multiplied = float(architecture.active_params(model).without_input_embedding)
        reason = f"{model.id}'s without its input table, which multiplies with nothing"
        defaults.append(Default(field="active parameters", value=f"{multiplied / 1e9:.3g} B", reason=reason))
        source = f"{model.source or 'a config file given by the user'}, without the input table"
        return Fact(value=multiplied, unit="param", source=source, as_of=model.as_of or _DAY, grade=Grade.DERIVED)
    defaults.append(Default(field="active parameters", value="100 B", reason="the lecture's example"))
    return assumed(_ACTIVE, "param", "the lecture's example")


def _served(request: TrainRequest, defaults: list[Default]) -> dict[str, Fact]:
    """What is served in all, or at what rate and how long."""
    if request.inference_tokens is not None:
        if request.tokens_per_s is not None:
            raise InputError("tokens_per_s", request.tokens_per_s, "left out when inference tokens are given")
        tokens = check_number("inference_tokens", request.inference_tokens, low=LEAST_TOKENS, high=1e20)
        return {"inference_tokens": given(tokens, "token")}
    if request.tokens_per_s is None:
        why = "the lecture's figure for one model"
        defaults.append(Default(field="served", value="50 M tokens a second", reason=why))
        rate = assumed(_RATE, "token/s", why)
    else:
        rate = given(check_positive("tokens_per_s", request.tokens_per_s, high=1e15), "token/s")
    days = check_number("days", request.days, low=0.01, high=36525.0)
    return {"tokens_per_s": rate, "deployed_s": _own(request, "days", days * _DAY_S, "s")}


def _own(request: TrainRequest, name: str, value: float, unit: str) -> Fact:
    """A number of the request; one that is the default was nobody's wish."""
    asked = getattr(request, name) != TrainRequest.__dataclass_fields__[name].default
    return given(value, unit, name.replace("_", " ")) if asked else assumed(value, unit, _WHY[name])


def _facts(request: TrainRequest, model: Model | None, fit: LossFit, defaults: list[Default]) -> dict[str, Fact]:
    """All that the numbers are made of, with sources."""
    parts = [check_positive("split", part, high=1e6) for part in request.split]
    shares = {name: _own(request, "split", part / sum(parts), "1") for name, part in zip(_PHASES, parts, strict=True)}
    law = {
        name: Fact(value=getattr(fit, name), unit="1", source=fit.source, as_of=_DAY, grade=Grade.FITTED)
        for name in ("irreducible", "param_scale", "data_scale", "param_exponent", "data_exponent")
    }
    own = {name: _own(request, name, getattr(request, name), unit) for name, unit in _UNITS.items()}
    return {"params": _params(request, model, defaults), **_served(request, defaults), **own, **shares, **law}


def _equal(x: Mapping[str, float]) -> EqualSplit:
    numbers = {name: float(value) for name, value in split_numbers(x).items()}
    return EqualSplit(params=x["params"], **numbers)


def _optimum(request: TrainRequest, equal: EqualSplit, fit: LossFit, x: Mapping[str, float]) -> Optimum:
    loss, same = request.loss, request.loss is None
    if loss is None:
        loss = equal.loss
    check_number(
        "loss", loss, low=fit.irreducible * 1.0005, high=10.0, fix=f"{fit.name} has a floor of {fit.irreducible:g}"
    )
    best = cheapest_at_loss(x, loss, equal.inference_tokens)
    alone = cheapest_at_loss(x, loss, LEAST_TOKENS)
    params, tokens, flops = (float(best[name]) for name in ("params", "tokens", "flops"))
    split_flops = equal.pretrain_flops + equal.inference_flops
    return Optimum(
        loss=loss,
        params=params,
        tokens=tokens,
        overtraining=training.overtraining_factor(
            tokens=tokens, active_params=params, tokens_per_param=request.tokens_per_param
        ),
        tokens_per_param=tokens / params,
        training_share=training_optimum.training_cost_share(
            tokens=tokens, inference_tokens=equal.inference_tokens, inefficiency=request.inefficiency
        ),
        flops=flops,
        alone_params=float(alone["params"]),
        alone_tokens=float(alone["tokens"]),
        alone_flops=float(alone["flops"]),
        split_over_optimum=split_flops / flops if same else None,
    )


def tokens_at_loss(fit: LossFit, loss: float, params: float) -> float | None:
    """Tokens that bring a model of `params` to a loss; None where no number does."""
    rest = loss - fit.irreducible - fit.param_scale / params**fit.param_exponent
    return (fit.data_scale / rest) ** (1.0 / fit.data_exponent) if rest > 0 else None


def _run(request: TrainRequest, params: float, fit: LossFit) -> Run | None:
    if request.tokens is None:
        return None
    tokens = check_number("tokens", request.tokens, low=1e3, high=1e18)
    return Run(
        params=params,
        tokens=tokens,
        flops=training.pretrain_flops(active_params=params, tokens=tokens),
        overtraining=training.overtraining_factor(
            tokens=tokens, active_params=params, tokens_per_param=request.tokens_per_param
        ),
        loss=fit.loss(params, tokens),
    )


def _bills(
    request: TrainRequest, equal: EqualSplit, optimum: Optimum, run: Run | None, defaults: list[Default]
) -> tuple[MachineBill, ...]:
    if request.system is None:
        return ()
    system = load_system(request.system)
    parts = {
        "pre-training": equal.pretrain_flops,
        "RL": equal.rl_flops,
        "serving": equal.inference_flops,
        "optimum, training and serving": optimum.flops,
    }
    if run is not None:
        parts["the run"] = run.flops
    check_number("mfu", request.mfu, low=0.01, high=1.0)
    price = request.usd_per_gpu_h
    if price is None:
        if system.rental is None:
            raise DataMissing(system.name, "rental price", "offers per chip", "give `price_per_gpu_hour`")
        price = system.rental.median_usd_per_h
        defaults.append(
            Default(field="price", value=f"${price:.2f} per GPU-hour", reason=f"median of {system.rental.n} offers")
        )
    check_number("price_per_gpu_hour", price, low=0.0, high=1e6)
    return tuple(
        machine_bill(name, flops, system, mfu=request.mfu, arithmetic=request.arithmetic, usd_per_gpu_h=price)
        for name, flops in parts.items()
    )


def train(request: TrainRequest) -> TrainResponse:
    """Tokens, parameters and cost over a model's life; pipeline bubbles and activation memory of its training."""
    defaults: list[Default] = []
    check_choice("fit", request.fit, FITS)
    check_number("inefficiency", request.inefficiency, low=1.0, high=1e3)
    check_number("rl_flops", request.rl_flops_per_param_token, low=2.0, high=100.0)
    check_number("tokens_per_param", request.tokens_per_param, low=0.1, high=1e5)
    model = None if request.model is None else load_model(request.model)
    fit = FITS[request.fit]
    facts = _facts(request, model, fit, defaults)
    inputs = {name: fact.value for name, fact in facts.items()}
    params, equal = inputs["params"], _equal(inputs)
    optimum, run = _optimum(request, equal, fit, inputs), _run(request, params, fit)
    layers = request.layers if request.layers is not None else None if model is None else model.n_layers
    hidden = request.hidden if request.hidden is not None else None if model is None else model.hidden
    return TrainResponse(
        model=None if model is None else model.id,
        params=params,
        inference_tokens=equal.inference_tokens,
        inefficiency=request.inefficiency,
        rl_flops_per_param_token=request.rl_flops_per_param_token,
        split=request.split,
        tokens_per_param=request.tokens_per_param,
        fit=fit,
        equal=equal,
        optimum=optimum,
        run=run,
        bills=_bills(request, equal, optimum, run, defaults),
        bubbles=bubbles_of(request.stages, request.micro_batches, request.chunks),
        activations=None
        if layers is None or hidden is None
        else activations_of(
            layers=layers, hidden=hidden, stages=request.stages, micro_batches=request.micro_batches,
            micro_batch_tokens=request.micro_batch_tokens, tensors_per_layer=request.tensors_per_layer,
        ),
        defaults=tuple(defaults), facts=facts,
    )  # fmt: skip
