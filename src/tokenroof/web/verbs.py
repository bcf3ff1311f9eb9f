"""What can be asked over HTTP: each verb's request as the schema reads it, and the use case that answers it.

A request is the one of the command line and of Python; an answer is what the command line prints as JSON.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tokenroof.errors import InputError, UnknownName
from tokenroof.present.json import with_versions
from tokenroof.schema import parse, request_class
from tokenroof.web.uploads import Uploads, with_files

__all__ = ["LISTS", "VERBS", "Verb", "answer_bytes", "asked_of", "listing"]

OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A verb over HTTP. `most` holds values, and `never` fields, that only one's own command line may give."""

    summary: str
    read: Callable[[Mapping[str, Any]], Any]
    run: Callable[[Any, OnProgress], Any]
    most: Mapping[str, float] = field(default_factory=dict)
    never: tuple[str, ...] = ()


def _reader(verb: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda data: parse(request_class(verb), data)


def _analyze(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.analyze.run import analyze

    return analyze(request)


def _curves(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.curves.run import curves

    return curves(request)


def _plan(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.plan.run import plan

    return plan(request, tell)


def _price(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.money.price import price

    return price(request)


def _break_even(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.money.break_even import break_even

    return break_even(request)


def _speculate(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.money.speculate import speculate

    return speculate(request)


def _simulate(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.simulate.run import simulate

    return simulate(request, tell)


def _compare(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.compare.run import compare

    return compare(request)


def _calibrate(request: Any, tell: OnProgress) -> Any:
    from tokenroof.web.calibrated import calibrated

    return calibrated(request, tell)


def _kv(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.listing.kv import compare_kv

    return compare_kv(request)


def _train(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.train.run import train

    return train(request)


def _roofline(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.analyze.closed_form import roofline

    return roofline(request)


def _read_deduce(data: Mapping[str, Any]) -> Any:
    """An offer by name, or prices of one's own beside each other, as the command line takes them."""
    from tokenroof.usecases.deduce.own_offer import PricesGiven, own_offer
    from tokenroof.usecases.deduce.run import DeduceRequest

    names = {one.name for one in fields(PricesGiven)}
    prices = {name: value for name, value in data.items() if name in names and value is not None}
    rest = {name: value for name, value in data.items() if name not in prices}
    if not prices:
        return parse(DeduceRequest, rest)
    if rest.get("offer") is not None:
        raise InputError(next(iter(prices)), ..., "left out beside an offer", "its prices are taken as they are")
    return parse(DeduceRequest, {**rest, "offer": own_offer(parse(PricesGiven, prices))})


def _deduce(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.deduce.run import deduce

    return deduce(request)


def _read_diff(data: Mapping[str, Any]) -> Any:
    from tokenroof.usecases.analyze.request import AnalyzeRequest

    for name in data:
        if name not in ("a", "b"):
            raise InputError(str(name), ..., "left out: a diff has `a` and `b`")
    return tuple(parse(AnalyzeRequest, _table(name, data.get(name))) for name in ("a", "b"))


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(name, ... if value is None else value, "a scenario: a table of fields and values")
    return value


def _diff(request: Any, tell: OnProgress) -> Any:
    from tokenroof.usecases.diff.run import diff

    return diff(*request)


def _read_sweep(data: Mapping[str, Any]) -> Any:
    from tokenroof.schema import parse_sweep_spec

    return parse_sweep_spec(data, "sweep")


def _sweep(request: Any, tell: OnProgress) -> Any:
    from tokenroof.web.sweeps import swept

    return swept(request, tell)


VERBS: Mapping[str, Verb] = {
    "analyze": Verb(summary="One model on one machine", read=_reader("analyze"), run=_analyze),
    "break-even": Verb(summary="Machines of one's own or an API", read=_reader("break-even"), run=_break_even),
    "calibrate": Verb(
        summary="A profile fitted to measured runs", read=_reader("calibrate"), run=_calibrate, never=("save",)
    ),
    "compare": Verb(
        summary="Measured runs beside predictions", read=_reader("compare"), run=_compare, never=("url",)
    ),
    "curves": Verb(summary="Coefficients over batch and context", read=_reader("analyze"), run=_curves),
    "deduce": Verb(
        summary="From prices back to the model", read=_read_deduce, run=_deduce, most={"draws": 64 * 65_536}
    ),
    "diff": Verb(summary="Two scenarios side by side", read=_read_diff, run=_diff),
    "kv": Verb(summary="KV caches of models", read=_reader("kv"), run=_kv),
    "plan": Verb(summary="The best deployment under limits", read=_reader("plan"), run=_plan),
    "price": Verb(summary="What tokens cost", read=_reader("price"), run=_price),
    "roofline": Verb(summary="The closed form from numbers alone", read=_reader("roofline"), run=_roofline),
    "simulate": Verb(
        summary="Requests one by one", read=_reader("simulate"), run=_simulate,
        most={"requests": 1_000_000, "seeds": 64, "concurrency": 100_000, "users": 100_000},
    ),
    "speculate": Verb(summary="Speculative decoding", read=_reader("speculate"), run=_speculate),
    "sweep": Verb(summary="A grid of scenarios as columns", read=_read_sweep, run=_sweep),
    "train": Verb(summary="Training and serving as one cost", read=_reader("train"), run=_train),
}  # fmt: skip


def asked_of(verb: Verb, data: Mapping[str, Any], uploads: Uploads) -> Any:
    """The request of a verb, with uploads in the place of paths."""
    for name, most in verb.most.items():
        value = data.get(name)
        if isinstance(value, int | float) and value > most:
            raise InputError(name, value, f"at most {most:,.0f} here", "ask the command line")
    for name in verb.never:
        if data.get(name) is not None:
            raise InputError(
                name, data[name], "left out here: no other server is asked, no file is written", "ask the command line"
            )
    return verb.read(with_files(data, uploads))


def answer_bytes(answer: Any) -> bytes:
    """What the command line prints, without white space."""
    return json.dumps(with_versions(answer), separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


# ---------------------------------------------------------------- lists


@dataclass(frozen=True, slots=True)
class _Listed:
    """A list of the catalogue, and one of it by name."""

    summary: str
    all: Callable[[Any], Any]
    one: Callable[[str, Mapping[str, Any]], Any] | None = None


def _rows(name: str, function: str, module: str) -> Callable[[Any], Any]:
    def rows(request: Any) -> Any:
        from importlib import import_module

        found = getattr(import_module(f"tokenroof.usecases.listing.{module}"), function)
        return {name: found(**{one.name: getattr(request, one.name) for one in fields(request)})}

    return rows


def _one(function: str, module: str, *options: str) -> Callable[[str, Mapping[str, Any]], Any]:
    def one(name: str, given: Mapping[str, Any]) -> Any:
        from importlib import import_module

        for option in given:
            if option not in options:
                raise InputError(option, given[option], "left out of one entry")
        return getattr(import_module(f"tokenroof.usecases.listing.{module}"), function)(name, **given)

    return one


def _offers(request: Any) -> Any:
    from tokenroof.usecases.listing.offers import find_offers

    if request.source != "snapshot":
        raise InputError("source", request.source, "snapshot", "ask the command line for other sources")
    return find_offers(request)


def _lecture(request: Any) -> Any:
    from tokenroof.usecases.lecture import lecture

    return lecture(request)


LISTS: Mapping[str, _Listed] = {
    "chips": _Listed("Accelerators", _rows("chips", "list_chips", "machines"), _one("show_chip", "machines")),
    "lecture": _Listed("The lecture's claims, recomputed", _lecture),
    "models": _Listed("Models", _rows("models", "list_models", "models"), _one("show_model", "models", "kv_dtype")),
    "offers": _Listed("Public prices", _offers, _one("show_offer", "offers", "today")),
    "systems": _Listed("Machines", _rows("systems", "list_systems", "machines"), _one("show_system", "machines")),
    "tiers": _Listed("Memory tiers", _rows("tiers", "list_tiers", "machines")),
}


def listing(name: str, entry: str, query: Mapping[str, Any]) -> Any:
    """A list, or one entry of it; options as texts, true and false among them."""
    listed = LISTS[name]
    if entry:
        if listed.one is None:
            raise UnknownName("address", f"{name}/{entry}")
        return listed.one(entry, query)
    return listed.all(parse(request_class(name), query))
