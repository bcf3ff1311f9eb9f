"""What a deployment would measure under a load: each quantity with its 80 % range and its speed of light."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import profile_for
from tokenroof.engines import engine as engine_of
from tokenroof.engines import generation_of
from tokenroof.errors import InputError
from tokenroof.measure.forecasts import Load, quantities
from tokenroof.measure.setups import METRICS, Setup, Skip, served_weights, setup_of
from tokenroof.operators.layouts import check_layout
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import Timed, bind
from tokenroof.serving.batch import static_batch
from tokenroof.serving.steady import capacity, serve_saturated
from tokenroof.types.checks import check_choice, check_number
from tokenroof.types.efficiency import BOUND, Efficiency
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.program import Load as PassLoad
from tokenroof.types.program import Program
from tokenroof.types.run import Run

__all__ = ["Forecast", "PredictRequest", "Prediction", "Ranged", "Skip", "forecast", "predict"]

KINDS = ("closed", "open", "offline", "batch")
_FREE = engine_of("none").scheduler
_SURE_OF_ROOM = 0.7  # of the requests that we think fit at once, so many surely do
_NARROWEST_KV = "fp8"  # of the formats that engines keep a cache in without being told by the table
_SPREAD_OF = {"tpot": "tpot", "ttft": "ttft", "ttft_p50": "ttft"}
_LOWER_IS_BETTER = frozenset({"tpot", "ttft", "ttft_p50", "e2e"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A predicted value. In 80 % of tested cases the truth lay from `low` to `high`; nothing is better than `roof`."""

    value: float
    low: float
    high: float
    roof: float
    lower_is_better: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A prediction of one run's metric, in the run's unit."""

    value: float
    low: float
    high: float
    roof: float
    lower_is_better: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictRequest:
    """A deployment and a load. `kind`: closed (`load` requests in flight), open (`load` requests/s), offline, batch.

    Lengths are means; `range_ratio` is shortest over longest. `requests`: how many the run has; None for a steady
    state. Weights None: as the checkpoint stores them.
    """

    model: str
    system: str
    kind: str = "closed"
    load: float = 1.0
    isl: float = 1024.0
    osl: float = 1024.0
    prefix: float = 0.0
    range_ratio: float = 0.8
    requests: float | None = None
    tp: int = 1
    pp: int = 1
    ep: int = 1
    dp: int = 1
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    engine: str = DEFAULT_ENGINE
    engine_version: str = ""
    efficiency: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """tpot, ttft, e2e in seconds; output, total, input in tokens/s, output_per_gpu. `notes` say what is uncertain."""

    quantities: Mapping[str, Ranged]
    profile: str
    claim: str
    median_error: float | None
    notes: tuple[str, ...]


_PROGRAMS: dict[tuple[str, str], Program] = {}
_TIMED: dict[tuple[int, int, int, bool], tuple[Program, System, Efficiency, Timed]] = {}
_MOST_KEPT = 512


def _program(setup: Setup) -> Program:
    key = (setup.model.id, repr(setup.layout))
    if key not in _PROGRAMS:
        if len(_PROGRAMS) >= _MOST_KEPT:
            _PROGRAMS.clear()
        _PROGRAMS[key] = lower(setup.model, setup.layout)
    return _PROGRAMS[key]


def _timed(setup: Setup, system: System, profile: Efficiency, free: bool = False) -> Timed:
    """`bind`, remembered for the very same objects: tables repeat a deployment for many loads."""
    program = _program(setup)
    key = (id(program), id(system), id(profile), free)
    if key not in _TIMED:
        if len(_TIMED) >= _MOST_KEPT:
            _TIMED.clear()
        _TIMED[key] = (program, system, profile, bind(program, system, profile, free_networks=free))
    return _TIMED[key][3]


def _load_of(setup: Setup) -> Load:
    return Load(
        kind=setup.kind, isl=setup.isl, osl=setup.osl, prefix=setup.prefix, load=setup.load,
        range_ratio=setup.range_ratio, requests=setup.requests, memory_fraction=setup.memory_fraction,
    )  # fmt: skip


def _roofs(setup: Setup, system: System) -> dict[str, float]:
    """The best that physics allows: peak rates, free networks, all of memory, prompts that disturb nobody.

    What is not known counts as it would be quickest: tokens share their experts, an unstated cache has 8 bits.
    """
    if not setup.kv_stated:
        setup = replace(setup, layout=replace(setup.layout, kv_dtype=_NARROWEST_KV))
    timed = _timed(setup, system, BOUND, free=True)
    gpus = setup.layout.n_gpus
    if setup.kind == "batch":
        return dict(quantities(timed, system, _FREE, _load_of(setup)))
    best = serve_saturated(
        timed, system, replace(_FREE, max_sequences=1e9), isl=setup.isl, osl=setup.osl, prefix=setup.prefix
    )
    prompt_s = static_batch(timed, _FREE, batch=1.0, isl=setup.isl, osl=1.0, prefix=setup.prefix).prefill_s
    running = setup.load if setup.kind == "closed" else 1.0
    room = capacity(timed, system, setup.scheduler, isl=setup.isl, osl=setup.osl)
    held = max(1.0, min(running, _SURE_OF_ROOM * float(room)))
    share = held / setup.layout.pp
    context = setup.isl + setup.osl / 2.0
    tpot_s = float(timed.step(decode=PassLoad(share, share, context)).step_s)
    rate = best.output_tokens_per_s
    if setup.kind == "closed":
        rate = min(rate, setup.load * setup.osl / (prompt_s + max(setup.osl - 1.0, 0.0) * tpot_s))
    return {
        "tpot": tpot_s, "ttft": prompt_s, "ttft_p50": prompt_s, "e2e": prompt_s + max(setup.osl - 1.0, 0.0) * tpot_s,
        "output": rate, "output_per_gpu": rate / gpus, "total": rate * (setup.isl + setup.osl) / setup.osl,
        "input": rate * setup.isl / setup.osl,
    }  # fmt: skip


def _ranged(name: str, value: float, roof: float, profile: Efficiency) -> Ranged:
    """The range never passes the speed of light."""
    width = profile.spread.get(_SPREAD_OF.get(name, "throughput"), 0.0)
    low, high = value * math.exp(-width), value * math.exp(width)
    lower = name in _LOWER_IS_BETTER
    if lower:
        low = max(low, min(roof, value))
    else:
        high = min(high, max(roof, value))
    return Ranged(value=value, low=low, high=high, roof=roof, lower_is_better=lower)


def _predict(setup: Setup, system: System, profile: Efficiency) -> dict[str, Ranged]:
    found = quantities(_timed(setup, system, profile), system, setup.scheduler, _load_of(setup))
    roofs = _roofs(setup, system)
    return {
        name: _ranged(name, float(value), float(roofs.get(name, roofs["output"])), profile)
        for name, value in found.items()
        if float(value) == float(value)
    }


_LAST: list[tuple[Setup, Efficiency, dict[str, Ranged]]] = []


def _predicted(setup: Setup, system: System, profile: Efficiency) -> dict[str, Ranged]:
    """`_predict`; tables give the metrics of one run in rows one after the other."""
    for known, same, found in _LAST:
        if known == setup and same is profile:
            return found
    found = _predict(setup, system, profile)
    _LAST[:] = [(setup, profile, found), *_LAST[:3]]
    return found


@lru_cache(maxsize=64)
def _system(chip: str, n_chips: int) -> System:
    from tokenroof.catalog import load_chip
    from tokenroof.catalog.systems import compose_system

    return compose_system(load_chip(chip), n_chips)


def forecast(run: Run) -> Forecast | Skip:
    """What a measured run should have measured, in its own unit, or why nobody can say."""
    setup = setup_of(run)
    if isinstance(setup, Skip):
        return setup
    system = _system(setup.system.chip.id, setup.system.n_chips)
    version = generation_of(setup.engine, setup.generation).version
    profile = profile_for(system, setup.engine, version=version, model=setup.model)
    try:
        found = _predicted(setup, system, profile)
    except InputError as error:
        return Skip(f"{error.field} cannot be used")
    name, scale = METRICS[run.metric]
    name = "decode" if run.mode == "decode" and name == "output" else name
    one = found.get(name)
    if one is None or one.value == float("inf") or one.value <= 0.0:
        return Skip("by our count it does not fit into memory")
    return Forecast(
        value=one.value * scale, low=one.low * scale, high=one.high * scale, roof=one.roof * scale,
        lower_is_better=one.lower_is_better,
    )  # fmt: skip


def _setup(request: PredictRequest) -> Setup:
    check_choice("kind", request.kind, KINDS)
    for name in ("isl", "osl"):
        check_number(name, getattr(request, name), low=1.0, high=1e8)
    check_number("load", request.load, low=1e-9, high=1e9)
    check_number("prefix", request.prefix, low=0.0, high=request.isl - 1.0)
    model = load_model(request.model)
    served = served_weights(model, request.weight_dtype or "")
    if isinstance(served, Skip):
        raise InputError("weight_dtype", request.weight_dtype, "a format that is modelled", served.reason)
    layout = Layout(
        tp=request.tp, pp=request.pp, ep=request.ep, dp=request.dp, weights=served[1], kv_dtype=request.kv_dtype
    )
    known = engine_of(request.engine, request.engine_version)
    system = load_system(request.system)
    check_layout(served[0], replace(layout, weights=None), system, uneven_layers=True)
    return Setup(
        kind=request.kind, model=served[0], system=system, layout=layout, engine=known.name,
        generation=known.generation.name, scheduler=known.scheduler,
        isl=request.isl, osl=request.osl, load=request.load, range_ratio=request.range_ratio,
        prefix=request.prefix, requests=request.requests, memory_fraction=None,
    )  # fmt: skip


def predict(request: PredictRequest) -> Prediction:
    """Every quantity of a deployment under a load, with ranges."""
    from tokenroof.catalog.profile import claim_level

    setup = _setup(request)
    profile = profile_for(setup.system, request.engine, request.efficiency, request.engine_version, model=setup.model)
    found = _predict(setup, setup.system, profile)
    return Prediction(
        quantities=found, profile=profile.id, claim=claim_level(profile), median_error=profile.median_error,
        notes=profile.notes,
    )  # fmt: skip
