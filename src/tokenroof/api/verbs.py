"""`tokenroof.analyze("deepseek-v3", "gb200-nvl72", batch=512)` and its like.

At most two positional arguments, model and system; the rest are the options of the command line under their own names.
Numbers are SI, texts carry units ("50ms", "128k"). A Scenario or a request may stand in place of the model.
"""

import os
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from tokenroof.api.answers import Answer
from tokenroof.api.asked import Name, fields_of, name_of, request_of, scenario_request
from tokenroof.errors import InputError
from tokenroof.types.scenario import Scenario

if TYPE_CHECKING:
    from tokenroof.types.offer import Offer
    from tokenroof.usecases.analyze.closed_form import RooflineRequest
    from tokenroof.usecases.deduce.run import DeduceRequest
    from tokenroof.usecases.listing.kv import KvRequest
    from tokenroof.usecases.microbench.answer import MicrobenchRequest
    from tokenroof.usecases.trace.answer import TraceRequest
    from tokenroof.usecases.train.run import TrainRequest

__all__ = [
    "analyze", "break_even", "deduce", "diff", "kv", "make_scenario", "microbench", "plan", "price", "roofline",
    "simulate", "speculate", "trace", "train",
]  # fmt: skip


def make_scenario(model: Name, system: Name, **options: Any) -> Scenario:
    """A Scenario: the question that every verb takes."""
    return scenario_request(Scenario, model, system, options)


def analyze(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """Does it fit, how fast is it, what limits it, what does a token cost?"""
    from tokenroof.api.views import ANALYSIS
    from tokenroof.usecases.analyze.request import AnalyzeRequest
    from tokenroof.usecases.analyze.run import analyze as run

    return Answer(run(scenario_request(AnalyzeRequest, model, system, options)), ANALYSIS)


def plan(model: Name | Scenario, system: Name | Sequence[Name] | None = None, **options: Any) -> Answer:
    """The best deployment under limits on latency, and why the others lose."""
    from tokenroof.api.views import PLAN
    from tokenroof.usecases.plan.request import PlanRequest
    from tokenroof.usecases.plan.run import plan as run

    return Answer(run(scenario_request(PlanRequest, model, system, options)), PLAN)


def simulate(
    model: Name | Scenario,
    system: Name | None = None,
    *,
    cluster: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Answer:
    """Requests one by one: latencies in percentiles, goodput, overload. Infeasible where memory holds none.

    Several runs (`rates`, `capacity`, `seeds`) go to the Dask `cluster` at tcp://HOST:PORT, or to so many `threads`.
    """
    from tokenroof.api.views import SIMULATION
    from tokenroof.usecases.simulate.request import SimulateRequest
    from tokenroof.usecases.simulate.run import simulate as run

    asked = scenario_request(SimulateRequest, model, system, options)
    return Answer(run(asked, cluster=cluster, threads=threads), SIMULATION)


def diff(a: Scenario | Answer | Name, b: Scenario | Answer | Name, **options: Any) -> Answer:
    """Two scenarios side by side: which operators, bytes and rates make the difference.

    Each is a scenario, an answer, a scenario file, or `MODEL@SYSTEM,tp=8`; the options hold for both.
    """
    from tokenroof.api.views import DIFFERENCE
    from tokenroof.schema import named_scenario
    from tokenroof.usecases.analyze.request import AnalyzeRequest
    from tokenroof.usecases.diff.run import diff as run

    def side(field: str, given: Any) -> AnalyzeRequest:
        if isinstance(given, str | os.PathLike):
            return named_scenario(os.fspath(given), AnalyzeRequest, fields_of(AnalyzeRequest, options))
        asked = getattr(given.response, "request", None) if isinstance(given, Answer) else given
        if not isinstance(asked, Scenario):
            raise InputError(field, given, "a scenario, an answer of analyze, or MODEL@SYSTEM")
        return scenario_request(AnalyzeRequest, asked, None, options)

    return Answer(run(side("a", a), side("b", b)), DIFFERENCE)


def trace(file: "Name | TraceRequest", **options: Any) -> Answer:
    """What a trace of requests is like, and what prefix caches find of it."""
    from tokenroof.api.views import TRACE
    from tokenroof.usecases.trace.answer import TraceRequest
    from tokenroof.usecases.trace.caches import named_sizes
    from tokenroof.usecases.trace.run import trace as run

    if "cache" in options:
        options["cache"] = named_sizes(options["cache"])
    if isinstance(file, TraceRequest):
        return Answer(run(request_of(TraceRequest, file, options)), TRACE)
    return Answer(run(request_of(TraceRequest, None, options, file=name_of("file", file))), TRACE)


def price(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """What tokens cost by kind, speed, length and time in the cache."""
    from tokenroof.api.money import PRICES
    from tokenroof.usecases.money.price import PriceRequest
    from tokenroof.usecases.money.price import price as run

    return Answer(run(scenario_request(PriceRequest, model, system, options)), PRICES)


def break_even(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """From which load on GPUs of one's own are cheaper than an offer."""
    from tokenroof.api.money import BREAK_EVEN
    from tokenroof.usecases.money.break_even import BreakEvenRequest
    from tokenroof.usecases.money.break_even import break_even as run

    return Answer(run(scenario_request(BreakEvenRequest, model, system, options)), BREAK_EVEN)


def speculate(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """How much faster drafts make it decode, and from which batch on they do not."""
    from tokenroof.api.money import SPECULATION
    from tokenroof.usecases.money.speculate import SpeculateRequest
    from tokenroof.usecases.money.speculate import speculate as run

    return Answer(run(scenario_request(SpeculateRequest, model, system, options)), SPECULATION)


def roofline(request: "RooflineRequest | None" = None, **options: Any) -> Answer:
    """The least time of a decode step, from numbers alone: `roofline(params=70e9, flops=8e15, bandwidth="27TB/s")`."""
    from tokenroof.api.numbers import roofline_view
    from tokenroof.usecases.analyze.closed_form import RooflineRequest
    from tokenroof.usecases.analyze.closed_form import roofline as run

    asked = request_of(RooflineRequest, request, options)
    return Answer(run(asked), roofline_view(asked))


def kv(*models: "Name | KvRequest", **options: Any) -> Answer:
    """The KV cache of models beside each other: what contexts keep and what a decode step reads."""
    from tokenroof.api.numbers import kv_view
    from tokenroof.usecases.listing.kv import KvRequest, compare_kv

    if len(models) == 1 and isinstance(models[0], KvRequest):
        asked = request_of(KvRequest, models[0], options)
    else:
        asked = request_of(KvRequest, None, options, models=[name_of("models", one) for one in models])
    return Answer(compare_kv(asked), kv_view(asked))


def microbench(request: "MicrobenchRequest | None" = None, **options: Any) -> Answer:
    """This machine measured: memory, matmuls, launches, sums between ranks. `as_of` is today where it is not given."""
    from datetime import date

    from tokenroof.api.views import MICROBENCH
    from tokenroof.usecases.microbench.answer import MicrobenchRequest
    from tokenroof.usecases.microbench.run import microbench as run

    held = {} if request is not None else {"as_of": options.pop("as_of", None) or date.today().isoformat()}
    return Answer(run(request_of(MicrobenchRequest, request, options, **held)), MICROBENCH)


def train(model: "Name | TrainRequest | None" = None, **options: Any) -> Answer:
    """How many tokens and parameters a model should have, if it is to be served too."""
    from tokenroof.api.numbers import train_view
    from tokenroof.usecases.train.run import TrainRequest
    from tokenroof.usecases.train.run import train as run

    if isinstance(model, TrainRequest):
        asked = request_of(TrainRequest, model, options)
    else:
        held = {} if model is None else {"model": name_of("model", model)}
        asked = request_of(TrainRequest, None, options, **held)
    return Answer(run(asked), train_view(asked))


def deduce(offer: "Name | Offer | DeduceRequest | None" = None, **options: Any) -> Answer:
    """What public prices and speeds say of a model: by kind of evidence, and jointly.

    In place of an offer prices of one's own: `deduce(input=3, output=15, step="200K:2:1.5")`.
    """
    from tokenroof.api.numbers import DEDUCTION
    from tokenroof.schema import parse
    from tokenroof.types.offer import Offer
    from tokenroof.usecases.deduce.own_offer import PricesGiven, own_offer
    from tokenroof.usecases.deduce.run import DeduceRequest
    from tokenroof.usecases.deduce.run import deduce as run

    prices = {one.name: options.pop(one.name) for one in fields(PricesGiven) if options.get(one.name) is not None}
    if offer is not None and set(prices) == {"as_of"}:
        options |= prices  # the day of any sheet may be told anew
    elif prices:
        if offer is not None:
            raise InputError(next(iter(prices)), ..., "left out beside an offer", "its prices are taken as they are")
        offer = own_offer(parse(PricesGiven, prices))
    if isinstance(offer, DeduceRequest):
        return Answer(run(request_of(DeduceRequest, offer, options)), DEDUCTION)
    named = offer if isinstance(offer, Offer) else name_of("offer", offer)
    return Answer(run(request_of(DeduceRequest, None, options, offer=named)), DEDUCTION)
