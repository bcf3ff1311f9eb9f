"""`tokenroof.analyze("deepseek-v3", "gb200-nvl72", batch=512)` and its like.

At most two positional arguments, model and system; the rest are the options of the command line under their own names.
Numbers are SI, texts carry units ("50ms", "128k"). A Scenario or a request may stand in place of the model.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tokenroof.api.answers import Answer
from tokenroof.errors import InputError
from tokenroof.types.scenario import Scenario, over

if TYPE_CHECKING:
    from tokenroof.usecases.trace.answer import TraceRequest

__all__ = ["analyze", "break_even", "diff", "make_scenario", "plan", "price", "speculate", "trace"]

Name: TypeAlias = str | os.PathLike[str]
R = TypeVar("R", bound=Scenario)


def _named(system: Name | Sequence[Name] | None) -> str | None:
    """One name, or several with commas between them; a text is never read letter by letter."""
    if system is None or isinstance(system, str):
        return system
    if isinstance(system, os.PathLike):
        return os.fspath(system)
    return ",".join(os.fspath(one) for one in system)


def _request(
    request: type[R], model: Name | Scenario, system: Name | Sequence[Name] | None, options: Mapping[str, Any]
) -> R:
    """The request of a verb from a name, a Scenario or a request, with options over it; checked by the schema."""
    from tokenroof.schema import parse

    held: dict[str, Any] = {}
    if is_dataclass(model) and isinstance(model, Scenario):
        if type(model) is request and system is None and not options:
            return model
        names = {one.name for one in fields(request)}
        defaults = {one.name: one.default for one in fields(request)}
        held = {
            one.name: getattr(model, one.name)
            for one in fields(model)
            if one.name in names and getattr(model, one.name) != defaults[one.name]
        }
    elif isinstance(model, str | os.PathLike):
        held = {"model": os.fspath(model)}
    else:
        raise InputError("model", model, "a name, a path, a Scenario or a request")
    named = _named(system)
    if named is not None:
        held["system"] = named
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(given.get("set"), Mapping):
        given["set"] = tuple((str(name), str(value)) for name, value in given["set"].items())
    return parse(request, over(held, given))


def make_scenario(model: Name, system: Name, **options: Any) -> Scenario:
    """A Scenario: the question that every verb takes."""
    return _request(Scenario, model, system, options)


def analyze(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """Does it fit, how fast is it, what limits it, what does a token cost?"""
    from tokenroof.api.views import ANALYSIS
    from tokenroof.usecases.analyze.request import AnalyzeRequest
    from tokenroof.usecases.analyze.run import analyze as run

    return Answer(run(_request(AnalyzeRequest, model, system, options)), ANALYSIS)


def plan(model: Name | Scenario, system: Name | Sequence[Name] | None = None, **options: Any) -> Answer:
    """The best deployment under limits on latency, and why the others lose."""
    from tokenroof.api.views import PLAN
    from tokenroof.usecases.plan.request import PlanRequest
    from tokenroof.usecases.plan.run import plan as run

    return Answer(run(_request(PlanRequest, model, system, options)), PLAN)


def diff(a: Scenario | Answer, b: Scenario | Answer) -> Answer:
    """Two scenarios side by side: which operators, bytes and rates make the difference."""
    from tokenroof.api.views import DIFFERENCE
    from tokenroof.usecases.analyze.request import AnalyzeRequest
    from tokenroof.usecases.diff.run import diff as run

    sides = [one.request if isinstance(one, Answer) else one for one in (a, b)]
    return Answer(run(*(_request(AnalyzeRequest, side, None, {}) for side in sides)), DIFFERENCE)


def trace(file: "Name | TraceRequest", **options: Any) -> Answer:
    """What a trace of requests is like, and what prefix caches find of it."""
    from tokenroof.api.views import TRACE
    from tokenroof.schema import parse
    from tokenroof.usecases.trace.answer import TraceRequest
    from tokenroof.usecases.trace.run import trace as run

    if isinstance(file, TraceRequest) and not options:
        return Answer(run(file), TRACE)
    if not isinstance(file, str | os.PathLike):
        raise InputError("file", file, "a path, or a TraceRequest alone")
    return Answer(run(parse(TraceRequest, {"file": os.fspath(file), **options})), TRACE)


def price(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """What tokens cost by kind, speed, length and time in the cache."""
    from tokenroof.api.money import PRICES
    from tokenroof.usecases.money.price import PriceRequest
    from tokenroof.usecases.money.price import price as run

    return Answer(run(_request(PriceRequest, model, system, options)), PRICES)


def break_even(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """From which load on GPUs of one's own are cheaper than an offer."""
    from tokenroof.api.money import BREAK_EVEN
    from tokenroof.usecases.money.break_even import BreakEvenRequest
    from tokenroof.usecases.money.break_even import break_even as run

    return Answer(run(_request(BreakEvenRequest, model, system, options)), BREAK_EVEN)


def speculate(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """How much faster drafts make it decode, and from which batch on they do not."""
    from tokenroof.api.money import SPECULATION
    from tokenroof.usecases.money.speculate import SpeculateRequest
    from tokenroof.usecases.money.speculate import speculate as run

    return Answer(run(_request(SpeculateRequest, model, system, options)), SPECULATION)
