"""Which request each verb reads, and what it looks like as JSON Schema."""

from collections.abc import Callable, Mapping
from dataclasses import field, is_dataclass, make_dataclass
from functools import cache
from importlib import import_module
from inspect import signature
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from tokenroof.errors import UnknownName
from tokenroof.registry import nearest
from tokenroof.types.limits import OneOf, Within

__all__ = ["REQUESTS", "json_schema", "request_class"]

# verb -> where its request lives: a data class, or the function whose arguments are the request; a sweep is asked for
# by its spec file
REQUESTS: dict[str, tuple[str, str]] = {
    "analyze": ("tokenroof.usecases.analyze.request", "AnalyzeRequest"),
    "break-even": ("tokenroof.usecases.money.break_even", "BreakEvenRequest"),
    "calibrate": ("tokenroof.usecases.calibrate.answer", "CalibrateRequest"),
    "chip": ("tokenroof.usecases.listing.machines", "show_chip"),
    "chips": ("tokenroof.usecases.listing.machines", "list_chips"),
    "compare": ("tokenroof.usecases.compare.request", "CompareRequest"),
    "deduce": ("tokenroof.usecases.deduce.run", "DeduceRequest"),
    "diff": ("tokenroof.usecases.diff.run", "diff"),
    "fit": ("tokenroof.usecases.measured.refit", "FitRequest"),
    "import": ("tokenroof.usecases.listing.models", "import_model"),
    "kv": ("tokenroof.usecases.listing.kv", "KvRequest"),
    "lecture": ("tokenroof.usecases.lecture", "LectureRequest"),
    "microbench": ("tokenroof.usecases.microbench.answer", "MicrobenchRequest"),
    "model": ("tokenroof.usecases.listing.models", "show_model"),
    "models": ("tokenroof.usecases.listing.models", "list_models"),
    "next": ("tokenroof.usecases.next.answer", "NextRequest"),
    "offers": ("tokenroof.usecases.listing.offers", "OffersRequest"),
    "plan": ("tokenroof.usecases.plan.request", "PlanRequest"),
    "price": ("tokenroof.usecases.money.price", "PriceRequest"),
    "report": ("tokenroof.web.report", "ReportRequest"),
    "roofline": ("tokenroof.usecases.analyze.closed_form", "RooflineRequest"),
    "runs": ("tokenroof.usecases.runs.request", "RunsRequest"),
    "simulate": ("tokenroof.usecases.simulate.request", "SimulateRequest"),
    "speculate": ("tokenroof.usecases.money.speculate", "SpeculateRequest"),
    "sweep": ("tokenroof.schema.sweep_file", "SweepFile"),
    "systems": ("tokenroof.usecases.listing.machines", "list_systems"),
    "tiers": ("tokenroof.usecases.listing.machines", "list_tiers"),
    "trace": ("tokenroof.usecases.trace.answer", "TraceRequest"),
    "train": ("tokenroof.usecases.train.run", "TrainRequest"),
    "validate": ("tokenroof.usecases.measured.validate", "validate"),
    "web": ("tokenroof.web.serve", "serve"),
}


@cache
def _arguments(function: Callable[..., Any]) -> type:
    """A data class of the arguments of a function, those aside that are functions themselves."""
    hints = get_type_hints(function, include_extras=True)
    rows = []
    for name, parameter in signature(function).parameters.items():
        if "Callable" not in str(hints[name]):
            given = parameter.default is parameter.empty
            rows.append((name, hints[name], field() if given else field(default=parameter.default)))
    title = "".join(word.capitalize() for word in function.__name__.split("_"))
    return make_dataclass(f"{title}Request", rows, frozen=True, kw_only=True, namespace={"__doc__": function.__doc__})


def request_class(verb: str) -> type:
    """The request of a verb; UnknownName with the nearest where there is none."""
    if verb not in REQUESTS:
        raise UnknownName("request", verb, nearest(verb, REQUESTS))
    module, name = REQUESTS[verb]
    found: Any = getattr(import_module(module), name)
    return found if isinstance(found, type) else _arguments(found)


def _limits(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _numbers(schema: Mapping[str, Any]) -> list[Any]:
    """The parts of a property that describe a number or a text: itself, or the alternatives to null."""
    return [one for one in (schema, *schema.get("anyOf", ())) if one.get("type") in ("number", "integer", "string")]


def _limited(request: type, properties: Mapping[str, Any]) -> None:
    """Write the limits of the fields into their properties, in place."""
    for name, hint in get_type_hints(request, include_extras=True).items():
        for part in _numbers(properties.get(name, {})):
            for limit in _limits(hint):
                if isinstance(limit, Within) and part["type"] != "string":
                    part["exclusiveMinimum" if limit.above else "minimum"] = limit.low
                    part["maximum"] = limit.high
                elif isinstance(limit, OneOf) and part["type"] == "string":
                    part["enum"] = list(limit.words)


def json_schema(request: str | type) -> dict[str, Any]:
    """JSON Schema of a request: a class, or the name of its verb."""
    from pydantic import TypeAdapter

    wanted = request_class(request) if isinstance(request, str) else request
    schema = TypeAdapter(wanted).json_schema()
    if is_dataclass(wanted):
        _limited(wanted, schema["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "additionalProperties": False}
