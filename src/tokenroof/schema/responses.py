"""Which classes each verb answers with: what its JSON is made of, for references, checks and web replies."""

from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any, get_args, get_type_hints

from tokenroof.errors import UnknownName
from tokenroof.registry import nearest

__all__ = ["RESPONSES", "parts_of", "response_classes"]

_LISTING, _MONEY, _DEDUCE = "tokenroof.usecases.listing", "tokenroof.usecases.money", "tokenroof.usecases.deduce"
_INFEASIBLE = ("tokenroof.types.served", "Infeasible")

# verb -> where its answers live, the usual one first; rows of a list stand for the list
RESPONSES: dict[str, tuple[tuple[str, str], ...]] = {
    "analyze": (("tokenroof.usecases.analyze.answer", "AnalyzeResponse"),),
    "break-even": ((f"{_MONEY}.break_even", "BreakEvenResponse"), _INFEASIBLE),
    "calibrate": (("tokenroof.usecases.calibrate.answer", "CalibrateResponse"),),
    "chip": ((f"{_LISTING}.machines", "ChipView"),),
    "chips": ((f"{_LISTING}.machines", "ChipRow"),),
    "compare": (("tokenroof.usecases.compare.answer", "CompareResponse"),),
    "deduce": (
        (f"{_DEDUCE}.run", "DeduceResponse"), (f"{_DEDUCE}.run", "Comparison"), (f"{_DEDUCE}.lecture", "LectureRow"),
        ("tokenroof.infer.report", "Validation"),
    ),
    "diff": (("tokenroof.usecases.diff.run", "Difference"),),
    "fit": (("tokenroof.usecases.measured.refit", "FitResponse"),),
    "import": ((f"{_LISTING}.models", "ModelView"),),
    "kv": ((f"{_LISTING}.kv", "KvResponse"),),
    "lecture": (("tokenroof.usecases.lecture", "LectureResponse"),),
    "microbench": (("tokenroof.usecases.microbench.answer", "MicrobenchResponse"),),
    "model": ((f"{_LISTING}.models", "ModelView"),),
    "models": ((f"{_LISTING}.models", "ModelRow"),),
    "next": (("tokenroof.usecases.next.answer", "NextResponse"),),
    "offers": (
        (f"{_LISTING}.offers", "OffersResponse"), (f"{_LISTING}.offers", "OfferCard"),
        (f"{_LISTING}.offer_changes", "OffersDiff"), (f"{_LISTING}.offer_changes", "StaleOffers"),
    ),
    "plan": (("tokenroof.usecases.plan.answer", "PlanResponse"),),
    "price": ((f"{_MONEY}.price", "PriceResponse"), _INFEASIBLE),
    "roofline": (("tokenroof.usecases.analyze.closed_form", "RooflineResponse"),),
    "runs": (("tokenroof.usecases.runs.answer", "RunsResponse"),),
    "simulate": (("tokenroof.usecases.simulate.answer", "SimulateResponse"), _INFEASIBLE),
    "speculate": ((f"{_MONEY}.speculate", "SpeculateResponse"), _INFEASIBLE),
    "sweep": (("tokenroof.usecases.sweep.run", "SweepResponse"), ("tokenroof.usecases.sweep.run", "SweepEstimate")),
    "systems": ((f"{_LISTING}.machines", "SystemRow"), (f"{_LISTING}.machines", "SystemView")),
    "tiers": ((f"{_LISTING}.machines", "TierRow"),),
    "trace": (("tokenroof.usecases.trace.answer", "TraceResponse"),),
    "train": (("tokenroof.usecases.train.run", "TrainResponse"),),
    "validate": (("tokenroof.usecases.measured.validate", "ValidateResponse"),),
}  # fmt: skip


def response_classes(verb: str) -> tuple[type, ...]:
    """The classes that a verb answers with."""
    if verb not in RESPONSES:
        raise UnknownName("response", verb, nearest(verb, RESPONSES))
    return tuple(getattr(import_module(module), name) for module, name in RESPONSES[verb])


def keys_of(cls: type) -> dict[str, Any]:
    """The keys that appear in JSON with their types; fields hidden from repr stay out of it."""
    hints = get_type_hints(cls)
    return {one.name: hints[one.name] for one in fields(cls) if one.repr}


def _inside(hint: Any) -> list[type]:
    found = [hint] if isinstance(hint, type) and is_dataclass(hint) else []
    return found + [cls for part in get_args(hint) for cls in _inside(part)]


def parts_of(*classes: type) -> tuple[type, ...]:
    """These classes and every data class that their JSON holds, each once, in the order in which they are met."""
    found = list(classes)
    for cls in found:  # grows while it is walked
        for inside in (part for hint in keys_of(cls).values() for part in _inside(hint)):
            found += [] if inside in found else [inside]
    return tuple(found)
