"""What a caller gave as the request of a verb: names, scenarios, requests; keywords spelled as fields or options."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias, TypeVar

from tokenroof.errors import InputError, InputFaults, faults_of
from tokenroof.types.scenario import Scenario, over

__all__ = ["Name", "fields_of", "name_of", "names_of", "request_of", "scenario_request"]

Name: TypeAlias = str | os.PathLike[str]
R = TypeVar("R")
S = TypeVar("S", bound=Scenario)

# request -> option of the command line -> its field, where the two are not one word
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "BreakEvenRequest": {"rate": "rates"},
    "DeduceRequest": {"active": "active_params", "rate": "rates", "speed": "tokens_per_s"},
    "RunsRequest": {"interval": "interval_s"},
    "PriceRequest": {"hold": "holds_s", "speed": "speeds"},
    "RooflineRequest": {
        "active": "active_params", "bandwidth": "bytes_per_s", "flops": "flops_per_s", "price_per_hour": "usd_per_h",
        "weight_bytes": "bytes_per_param",
    },
    "SpeculateRequest": {"batch": "batches", "depth": "depths"},
    "TrainRequest": {
        "active": "active_params", "price_per_gpu_hour": "usd_per_gpu_h", "rl_flops": "rl_flops_per_param_token",
    },
}  # fmt: skip


def name_of(field: str, value: Any) -> str:
    """A name or a path as text."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(field, value, "a name or a path")
    return os.fspath(value)


def names_of(field: str, value: Any) -> str | None:
    """One name, or several with commas between them; a text is never read letter by letter."""
    if value is None or isinstance(value, str | os.PathLike):
        return None if value is None else os.fspath(value)
    if not isinstance(value, Iterable):
        raise InputError(field, value, "a name, a path, or several")
    return ",".join(name_of(field, one) for one in value)


def fields_of(request: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, by the fields of the request: fields and options are both understood."""
    known = _OPTIONS.get(request.__name__, {})
    found: dict[str, Any] = {}
    for name, value in options.items():
        field = known.get(name, name)
        if value is None:
            continue
        if field in found:
            raise InputError(name, value, f"left out beside {field}", "both say the same")
        found[field] = value
    if isinstance(found.get("set"), Mapping):
        found["set"] = tuple((str(name), str(value)) for name, value in found["set"].items())
    return found


@contextmanager
def _own_words(request: type, options: Mapping[str, Any]) -> Iterator[None]:
    """Faults under the names that the caller gave: `hold`, where the field is `holds_s`."""
    said = {field: name for name, field in _OPTIONS.get(request.__name__, {}).items() if name in options}
    try:
        yield
    except InputError as error:
        if not said:
            raise
        raise InputFaults(_renamed(fault, said) for fault in faults_of(error)) from None


def _renamed(fault: InputError, said: Mapping[str, str]) -> InputError:
    head = fault.field.partition("[")[0].partition(".")[0]
    if head not in said:
        return fault
    return type(fault)(said[head] + fault.field[len(head) :], fault.value, fault.limit, fault.fix)


def request_of(request: type[R], given: Any, options: Mapping[str, Any], **held: Any) -> R:
    """The request of a verb without a scenario: `given` is one already, or None; `held` are its first fields."""
    from tokenroof.schema import parse

    asked = fields_of(request, options)
    if given is not None and not isinstance(given, request):
        raise InputError("request", given, f"a {request.__name__}")
    if given is not None and not asked:
        return given
    own = {} if given is None else {one.name: getattr(given, one.name) for one in fields(request) if one.init}  # type: ignore[arg-type]
    with _own_words(request, options):
        return parse(request, {**held, **own, **asked})


def scenario_request(
    request: type[S], model: Name | Scenario, system: Name | Sequence[Name] | None, options: Mapping[str, Any]
) -> S:
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
    named = names_of("system", system)
    if named is not None:
        held["system"] = named
    asked = fields_of(request, options)
    with _own_words(request, options):
        return parse(request, over(held, asked))
