"""A seller of whom only guesses are known, as a Deployment: what every other verb asks, with an array in each place.

The model is a sketch of totals on as many chips as the engine's memory rule wants, in one tensor-parallel group on a
free network; the seller's MFU and MBU stand for everything that takes longer than its roof.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from tokenroof.engines import engine
from tokenroof.infer.sketch import WEIGHTS, sketch
from tokenroof.operators.memory import memory_use
from tokenroof.operators.timing import bind
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.resolve import assemble, lengths_at
from tokenroof.types.efficiency import Efficiency, OperatorCurve
from tokenroof.types.engine import DEFAULT_ENGINE, Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip, System
from tokenroof.types.model import Model
from tokenroof.types.program import Program
from tokenroof.types.scenario import Scenario
from tokenroof.types.workload import Load, Workload
from tokenroof.xp import NUMPY

__all__ = ["deployed", "seller"]

_PASS_S = 2e-3  # launches and collectives of one pass; assumed
_NAME = "a seller"
_VERSION = "0.7"  # whose rules for memory the deduction was calibrated with: what a seller runs is not known
_SCENARIO = Scenario(model=_NAME, system=_NAME, weight_dtype=WEIGHTS, kv_dtype="bf16")
_MODEL = Model(id=_NAME, name=_NAME, model_type="sketch", hidden=1, vocab=1, layers=())


@lru_cache(maxsize=1)
def _scheduler() -> Scheduler:
    """Of the engine whose memory rule is taken; prompts ride on answers, as they do wherever tokens are sold now."""
    return replace(engine(DEFAULT_ENGINE, _VERSION).scheduler, mixed=True)


def _system(u: Mapping[str, Any], chips: Any) -> System:
    chip = Chip(
        id=_NAME, name=_NAME, vendor="", kind="gpu", year=2026, announced=True, memory_bytes=u["visible_bytes"],
        bytes_per_s=u["bytes_per_s"], flops_per_s={WEIGHTS: u["flops_per_s"], "bf16": u["bf16_flops_per_s"]},
    )  # fmt: skip
    return System(id=_NAME, name=_NAME, chip=chip, n_chips=chips, domain_size=chips)


def _program(u: Mapping[str, Any], chips: Any) -> Program:
    return sketch(
        Layout(tp=chips), total=u["total_params"], active=u["active_params"], weight_bytes=u["weight_bytes"],
        kv_bytes_per_token=u["kv_bytes_per_token"], scan_fraction=u["scan_fraction"],
    )  # fmt: skip


def _least_chips(u: Mapping[str, Any], work: Workload) -> Any:
    """Chips whose memory holds the weights and the caches of a pass, by the engine's rule; parts of one count."""
    use = memory_use(
        _program(u, 1), _system(u, 1), context=work.context, engine=engine(DEFAULT_ENGINE, _VERSION),
        max_sequences=_scheduler().max_sequences,
    )  # fmt: skip
    held = use.weights_bytes + u["batch"] * use.cache_bytes_per_sequence
    return NUMPY.maximum(1.0, held / (use.cache_pool_bytes + use.weights_bytes))


def deployed(u: Mapping[str, Any], chips: Any, work: Workload, pass_s: float = _PASS_S) -> Deployment:
    """The unknowns on this many chips each, at these lengths; every pass takes `pass_s` beside its work."""
    system, program = _system(u, chips), _program(u, chips)
    curve = OperatorCurve(flops_share=u["prefill_mfu"], bytes_share=u["decode_mbu"])
    profile = Efficiency(id=_NAME, operators={"": curve}, collectives={}, host_s=pass_s)
    return assemble(
        _SCENARIO, _MODEL, system, program.layout, profile=profile, scheduler=_scheduler(), workload=work,
        load=Load(kind="batch", value=1.0), replicas=1, timed=bind(program, system, profile),
    )  # fmt: skip


def seller(u: Mapping[str, Any]) -> Deployment:
    """The deployment of every draw of the unknowns at once."""
    isl, osl = lengths_at(u["context_in_use"], xp=NUMPY)
    work = Workload(isl=isl, osl=osl)
    return deployed(u, _least_chips(u, work) * u["chips_over_least"], work)
