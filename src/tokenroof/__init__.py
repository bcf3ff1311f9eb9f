"""tokenroof: what serving a language model can cost and how fast it can go, on real models and machines.

Names load on first use, so that `import tokenroof` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_LAZY = {
    "analyze": "tokenroof.usecases.analyze",
    "AnalyzeRequest": "tokenroof.usecases.analyze",
    "deduce": "tokenroof.usecases.deduce",
    "DeduceRequest": "tokenroof.usecases.deduce",
    "load_model": "tokenroof.catalog",
    "load_system": "tokenroof.catalog",
    "open_sweep": "tokenroof.usecases.sweep",
    "plan": "tokenroof.usecases.plan",
    "PlanRequest": "tokenroof.usecases.plan",
    "read_sweep_spec": "tokenroof.schema",
    "sweep": "tokenroof.usecases.sweep",
    "SweepSpec": "tokenroof.usecases.sweep_spec",
    "TokenroofError": "tokenroof.errors",
}

__all__ = [
    "AnalyzeRequest", "DeduceRequest", "PlanRequest", "SweepSpec", "TokenroofError", "__version__", "analyze",
    "deduce", "load_model", "load_system", "open_sweep", "plan", "read_sweep_spec", "sweep",
]  # fmt: skip

if TYPE_CHECKING:
    from tokenroof.catalog import load_model, load_system
    from tokenroof.errors import TokenroofError
    from tokenroof.schema import read_sweep_spec
    from tokenroof.usecases.analyze import AnalyzeRequest, analyze
    from tokenroof.usecases.deduce import DeduceRequest, deduce
    from tokenroof.usecases.plan import PlanRequest, plan
    from tokenroof.usecases.sweep import open_sweep, sweep
    from tokenroof.usecases.sweep_spec import SweepSpec


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tokenroof' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
