"""tokenroof: what serving a language model can cost and how fast it can go, on real models and machines.

Names load on first use, so that `import tokenroof` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_LAZY = {
    "Answer": "tokenroof.api.answers",
    "Scenario": "tokenroof.types.scenario",
    "analyze": "tokenroof.api.verbs",
    "diff": "tokenroof.api.verbs",
    "make_scenario": "tokenroof.api.verbs",
    "AnalyzeRequest": "tokenroof.usecases.analyze.request",
    "break_even": "tokenroof.api.verbs",
    "BreakEvenRequest": "tokenroof.usecases.money.break_even",
    "calibrate": "tokenroof.api.measured",
    "CalibrateRequest": "tokenroof.usecases.calibrate.answer",
    "compare": "tokenroof.api.measured",
    "CompareRequest": "tokenroof.usecases.compare.request",
    "chip": "tokenroof.api.lists",
    "chips": "tokenroof.api.lists",
    "model": "tokenroof.api.lists",
    "models": "tokenroof.api.lists",
    "system": "tokenroof.api.lists",
    "systems": "tokenroof.api.lists",
    "tiers": "tokenroof.api.lists",
    "deduce": "tokenroof.api.verbs",
    "DeduceRequest": "tokenroof.usecases.deduce.run",
    "kv": "tokenroof.api.verbs",
    "KvRequest": "tokenroof.usecases.listing.kv",
    "load_model": "tokenroof.catalog",
    "load_system": "tokenroof.catalog",
    "microbench": "tokenroof.api.verbs",
    "MicrobenchRequest": "tokenroof.usecases.microbench.answer",
    "next": "tokenroof.api.measured",
    "NextRequest": "tokenroof.usecases.next.answer",
    "open_sweep": "tokenroof.usecases.sweep.run",
    "plan": "tokenroof.api.verbs",
    "PlanRequest": "tokenroof.usecases.plan.request",
    "price": "tokenroof.api.verbs",
    "runs": "tokenroof.api.result_files",
    "RunsRequest": "tokenroof.usecases.runs.request",
    "PriceRequest": "tokenroof.usecases.money.price",
    "read_sweep_spec": "tokenroof.schema",
    "roofline": "tokenroof.api.verbs",
    "RooflineRequest": "tokenroof.usecases.analyze.closed_form",
    "simulate": "tokenroof.api.verbs",
    "SimulateRequest": "tokenroof.usecases.simulate.request",
    "speculate": "tokenroof.api.verbs",
    "SpeculateRequest": "tokenroof.usecases.money.speculate",
    "sweep": "tokenroof.usecases.sweep.run",
    "SweepSpec": "tokenroof.usecases.sweep.spec",
    "TokenroofError": "tokenroof.errors",
    "trace": "tokenroof.api.verbs",
    "TraceRequest": "tokenroof.usecases.trace.answer",
    "train": "tokenroof.api.verbs",
    "TrainRequest": "tokenroof.usecases.train.run",
}

__all__ = [
    "AnalyzeRequest",
    "Answer",
    "BreakEvenRequest",
    "CalibrateRequest",
    "CompareRequest",
    "DeduceRequest",
    "KvRequest",
    "MicrobenchRequest",
    "NextRequest",
    "PlanRequest",
    "PriceRequest",
    "RooflineRequest",
    "RunsRequest",
    "Scenario",
    "SimulateRequest",
    "SpeculateRequest",
    "SweepSpec",
    "TokenroofError",
    "TraceRequest",
    "TrainRequest",
    "__version__",
    "analyze",
    "break_even",
    "calibrate",
    "chip",
    "chips",
    "compare",
    "deduce",
    "diff",
    "kv",
    "load_model",
    "load_system",
    "make_scenario",
    "microbench",
    "model",
    "models",
    "next",
    "open_sweep",
    "plan",
    "price",
    "read_sweep_spec",
    "roofline",
    "runs",
    "simulate",
    "speculate",
    "sweep",
    "system",
    "systems",
    "tiers",
    "trace",
    "train",
]  # fmt: skip

if TYPE_CHECKING:
    from tokenroof.api.answers import Answer
    from tokenroof.api.lists import chip, chips, model, models, system, systems, tiers
    from tokenroof.api.measured import calibrate, compare, next
    from tokenroof.api.result_files import runs
    from tokenroof.api.verbs import (
        analyze,
        break_even,
        deduce,
        diff,
        kv,
        make_scenario,
        microbench,
        plan,
        price,
        roofline,
        simulate,
        speculate,
        trace,
        train,
    )
    from tokenroof.catalog import load_model, load_system
    from tokenroof.errors import TokenroofError
    from tokenroof.schema import read_sweep_spec
    from tokenroof.types.scenario import Scenario
    from tokenroof.usecases.analyze.closed_form import RooflineRequest
    from tokenroof.usecases.analyze.request import AnalyzeRequest
    from tokenroof.usecases.calibrate.answer import CalibrateRequest
    from tokenroof.usecases.compare.request import CompareRequest
    from tokenroof.usecases.deduce.run import DeduceRequest
    from tokenroof.usecases.listing.kv import KvRequest
    from tokenroof.usecases.microbench.answer import MicrobenchRequest
    from tokenroof.usecases.money.break_even import BreakEvenRequest
    from tokenroof.usecases.money.price import PriceRequest
    from tokenroof.usecases.money.speculate import SpeculateRequest
    from tokenroof.usecases.next.answer import NextRequest
    from tokenroof.usecases.plan.request import PlanRequest
    from tokenroof.usecases.simulate.request import SimulateRequest
    from tokenroof.usecases.sweep.run import open_sweep, sweep
    from tokenroof.usecases.sweep.spec import SweepSpec
    from tokenroof.usecases.trace.answer import TraceRequest
    from tokenroof.usecases.train.run import TrainRequest


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tokenroof' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
