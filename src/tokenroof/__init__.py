"""tokenroof: what serving a language model can cost and how fast it can go, on real models and machines.

Names load on first use, so that `import tokenroof` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_LAZY = {
    "analyze": "tokenroof.usecases.analyze",
    "AnalyzeRequest": "tokenroof.usecases.analyze",
    "break_even": "tokenroof.usecases.break_even",
    "BreakEvenRequest": "tokenroof.usecases.break_even",
    "deduce": "tokenroof.usecases.deduce",
    "DeduceRequest": "tokenroof.usecases.deduce",
    "load_model": "tokenroof.catalog",
    "load_system": "tokenroof.catalog",
    "open_sweep": "tokenroof.usecases.sweep",
    "plan": "tokenroof.usecases.plan",
    "PlanRequest": "tokenroof.usecases.plan",
    "price": "tokenroof.usecases.price",
    "PriceRequest": "tokenroof.usecases.price",
    "read_sweep_spec": "tokenroof.schema",
    "speculate": "tokenroof.usecases.speculate",
    "SpeculateRequest": "tokenroof.usecases.speculate",
    "sweep": "tokenroof.usecases.sweep",
    "SweepSpec": "tokenroof.usecases.sweep_spec",
    "TokenroofError": "tokenroof.errors",
    "train": "tokenroof.usecases.train",
    "TrainRequest": "tokenroof.usecases.train",
}

__all__ = [
    "AnalyzeRequest", "BreakEvenRequest", "DeduceRequest", "PlanRequest", "PriceRequest", "SpeculateRequest",
    "SweepSpec", "TokenroofError", "TrainRequest", "__version__", "analyze", "break_even", "deduce", "load_model",
    "load_system", "open_sweep", "plan", "price", "read_sweep_spec", "speculate", "sweep", "train",
]  # fmt: skip

if TYPE_CHECKING:
    from tokenroof.catalog import load_model, load_system
    from tokenroof.errors import TokenroofError
    from tokenroof.schema import read_sweep_spec
    from tokenroof.usecases.analyze import AnalyzeRequest, analyze
    from tokenroof.usecases.break_even import BreakEvenRequest, break_even
    from tokenroof.usecases.deduce import DeduceRequest, deduce
    from tokenroof.usecases.plan import PlanRequest, plan
    from tokenroof.usecases.price import PriceRequest, price
    from tokenroof.usecases.speculate import SpeculateRequest, speculate
    from tokenroof.usecases.sweep import open_sweep, sweep
    from tokenroof.usecases.sweep_spec import SweepSpec
    from tokenroof.usecases.train import TrainRequest, train


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tokenroof' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
